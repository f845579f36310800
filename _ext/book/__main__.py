"""Command line of the build: `python -m book build | refresh [slug …] | ledger [--check]`."""

import argparse
import signal
import sys
from pathlib import Path

from .build import BuildError, build
from .execute import CellError, refresh
from .ledger import CLAIMS, LedgerError, collect, dump
from .notebooks import chapters


def main() -> int:
    """Run one command in the repository that holds this package; return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an orderly exit takes the workers along
    root = Path(__file__).resolve().parents[2]
    arguments = _parser().parse_args()
    try:
        match arguments.command:
            case "build":
                build(root)
            case "refresh":
                refresh(root, arguments.slugs)
                _write_ledger(root, check=False)
            case "ledger":
                _write_ledger(root, check=arguments.check)
    except (BuildError, CellError, LedgerError, ValueError) as error:
        print(f"book: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="book", description="Build the book, its outputs and its ledger of claims.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="execute what changed and build the site into _build/html")
    refreshed = commands.add_parser("refresh", help="execute notebooks in place and rewrite claims.json")
    refreshed.add_argument("slugs", nargs="*", help="chapters to execute; all when none is named")
    ledger = commands.add_parser("ledger", help="write claims.json from the stored outputs")
    ledger.add_argument("--check", action="store_true", help="write nothing; fail when claims.json differs")
    return parser


def _write_ledger(root: Path, check: bool) -> None:
    text, path = dump(collect(chapters(root))), root / CLAIMS
    if not check:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        raise LedgerError(f"{CLAIMS} differs from the outputs of the notebooks: run `make refresh` and commit it")


if __name__ == "__main__":
    sys.exit(main())
