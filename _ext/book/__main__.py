"""Command line of the build: `python -m book build | refresh [slug …] | ledger [--check]`."""

import argparse
import errno
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from .current import CURRENT, is_current
from .errors import BookError
from .ledger import CLAIMS, LedgerError, collect, dump
from .notebooks import chapters, replace
from .processes import Stopped, stop_on_signals
from .progress import say

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def main() -> int:
    """Run one command in the repository that holds this package; return the exit status."""
    root = Path(__file__).resolve().parents[2]
    arguments = _parser().parse_args()
    stop_on_signals()
    try:
        _run(root, **vars(arguments))
    except Stopped as stop:
        name = signal.Signals(stop.number).name
        text = f"stopped by {name}: the site is as it was, and notebooks that were executed are kept for the next run"
        return _complain(text, 128 + stop.number)
    except OSError as error:
        return _complain(_explained(error, root))
    except (BookError, ValueError) as error:
        return _complain(str(error))
    return 0


def _run(root: Path, command: str, **options: Any) -> None:
    """Run a command; its modules are imported here, for some take seconds, which nobody waits for in vain."""
    if command == "build" and is_current(root):
        say(CURRENT)
    elif command == "ledger":
        _write_ledger(root, **options)
    elif command == "refresh":
        import_module(".execute", __package__).refresh(root, **options)
        _write_ledger(root, check=False)
    else:
        getattr(import_module(f".{command}", __package__), command)(root, **options)


def _complain(text: str, status: int = 1) -> int:
    print(f"book: {text}", file=sys.stderr)
    return status


def _explained(error: OSError, root: Path) -> str:
    """Return what an error of the file system means for the build, and what helps."""
    number = next((number for number in FULL if os.strerror(number) in str(error)), error.errno)  # a copy has no errno
    if number in FULL:
        return (
            f"no space left in {error.filename or root / '_build'} ({os.strerror(number)}): free some and run this "
            "again; the site is as it was, and notebooks that were executed are kept"
        )
    if error.errno in CLOSED:
        return (
            f"no access to {error.filename or root / '_build'} ({error.strerror}): the build writes below {root}; make "
            "that folder writable, or clone the repository into one of your own"
        )
    return f"{type(error).__name__}: {error}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="book", description="Build the book, its outputs and its ledger of claims.")
    commands = parser.add_subparsers(dest="command", required=True)
    built = commands.add_parser("build", help="execute what changed and build the site into _build/html")
    refreshed = commands.add_parser("refresh", help="execute notebooks in place and rewrite claims.json")
    refreshed.add_argument("slugs", nargs="*", help="chapters to execute; all when none is named")
    for command in (built, refreshed):
        command.add_argument(
            "--cell-timeout", type=int, dest="timeout", default=argparse.SUPPRESS, help="seconds that a cell may run"
        )
    ledger = commands.add_parser("ledger", help="write claims.json from the stored outputs")
    ledger.add_argument("--check", action="store_true", help="write nothing; fail when claims.json differs")
    ported = commands.add_parser("portability", help="run the suite as other processors and places would")
    ported.add_argument("--rows", nargs="*", dest="names", default=[], help="rows to run; all when none is named")
    ported.add_argument("--resume", action="store_true", help="keep the rows that passed on these very files")
    drifted = commands.add_parser("drift", help="run the suite on other releases of the dependencies")
    drifted.add_argument("--resolution", choices=("lowest-direct", "highest"), default="highest")
    drifted.add_argument("--python", dest="version", default="", help="version of Python, such as 3.13")
    drifted.add_argument("--allow", nargs="*", default=[], help="packages whose upper bound is lifted")
    for command in (ported, drifted):
        command.add_argument(
            "--chapters", nargs="*", dest="slugs", default=[], help="chapters to execute; all when none is named"
        )
        command.add_argument("--notebooks-only", action="store_false", dest="units", help="leave the unit tests out")
    commands.add_parser("house", help="draw the rooms of the package into .github/house.svg")
    looked = commands.add_parser("cosmetic", help="prove that stored outputs differ from a revision in looks alone")
    looked.add_argument("revision", help="a git revision, such as HEAD")
    mutated = commands.add_parser("mutation", help="plant faults in formulas and see who notices them")
    mutated.add_argument("--seed", type=int, default=1, help="draws the faults")
    mutated.add_argument("--minutes", type=float, default=30, help="time for all of it")
    mutated.add_argument("--modules", nargs="*", default=[], help="topics, or chapters; all when none is named")
    mutated.add_argument("--notebooks", action="store_true", help="plant in the derivations of the chapters instead")
    return parser


def _write_ledger(root: Path, check: bool) -> None:
    text, path = dump(collect(chapters(root))), root / CLAIMS
    if not check:
        replace(path, lambda part: part.write_text(text, encoding="utf-8"))
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        raise LedgerError(f"{CLAIMS} differs from the outputs of the notebooks: run `make refresh` and commit it")


if __name__ == "__main__":
    sys.exit(main())
