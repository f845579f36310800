"""Command line of the build: `python -m book build | refresh [slug …] | ledger [--check]`."""

import argparse
import signal
import sys
from pathlib import Path

from .build import BuildError, build
from .cosmetic import CosmeticError, cosmetic
from .drift import RESOLUTIONS, DriftError, drift
from .execute import CellError, refresh
from .ledger import CLAIMS, LedgerError, collect, dump
from .notebooks import chapters
from .portability import PortabilityError, portability


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
            case "portability":
                portability(root, arguments.rows, arguments.chapters, not arguments.notebooks_only, arguments.resume)
            case "drift":
                drift(
                    root,
                    arguments.resolution,
                    arguments.chapters,
                    units=not arguments.notebooks_only,
                    allow=arguments.allow,
                    version=arguments.python,
                )
            case "cosmetic":
                cosmetic(root, arguments.revision)
    except (BuildError, CellError, CosmeticError, DriftError, LedgerError, PortabilityError, ValueError) as error:
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
    ported = commands.add_parser("portability", help="run the suite as other processors and places would")
    ported.add_argument("--rows", nargs="*", default=[], help="rows to run; all when none is named")
    ported.add_argument("--resume", action="store_true", help="keep the rows that passed on these very files")
    drifted = commands.add_parser("drift", help="run the suite on other releases of the dependencies")
    drifted.add_argument("--resolution", choices=RESOLUTIONS, default="highest")
    drifted.add_argument("--python", default="", help="version of Python, such as 3.13")
    drifted.add_argument("--allow", nargs="*", default=[], help="packages whose upper bound is lifted")
    for command in (ported, drifted):
        command.add_argument("--chapters", nargs="*", default=[], help="chapters to execute; all when none is named")
        command.add_argument("--notebooks-only", action="store_true", help="leave the unit tests out")
    looked = commands.add_parser("cosmetic", help="prove that stored outputs differ from a revision in looks alone")
    looked.add_argument("revision", help="a git revision, such as HEAD")
    return parser


def _write_ledger(root: Path, check: bool) -> None:
    text, path = dump(collect(chapters(root))), root / CLAIMS
    if not check:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        raise LedgerError(f"{CLAIMS} differs from the outputs of the notebooks: run `make refresh` and commit it")


if __name__ == "__main__":
    sys.exit(main())
