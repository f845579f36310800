"""Command line of the build: `python -m book build | refresh [slug …] | ledger [--check]`."""

import argparse
import errno
import os
import signal
import sys
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
    if command == "ledger":
        _write_ledger(root, **options)
    elif command == "build" and is_current(root):
        say(CURRENT)
    else:
        from . import build, execute  # noqa: PLC0415 - takes seconds, which nobody waits for when nothing is to be done

        if command == "build":
            build.build(root, **options)
        else:
            execute.refresh(root, **options)
            _write_ledger(root, check=False)


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
    return parser


def _write_ledger(root: Path, check: bool) -> None:
    text, path = dump(collect(chapters(root))), root / CLAIMS
    if not check:
        replace(path, lambda part: part.write_text(text, encoding="utf-8"))
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        raise LedgerError(f"{CLAIMS} differs from the outputs of the notebooks: run `make refresh` and commit it")


if __name__ == "__main__":
    sys.exit(main())
