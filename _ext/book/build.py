"""The build: fresh outputs in a staging tree, a strict Sphinx run, checks of the pages, then one swap."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import cache
from .cache import hash_files
from .execute import execute_all
from .ledger import CLAIMS, collect, dump
from .notebooks import chapters, code_cells, documents, read, write
from .verify import problems

KEY = ".key"
INPUTS = ("_config.yml", "_toc.yml", "references.bib", "requirements.lock")
TREES = ("chapters", "src", "_ext")
LAUNCH = "from jupyter_book.cli.main import main; main()"


class BuildError(RuntimeError):
    """The site could not be built; the previous one is still in place."""


def build(root: Path) -> None:
    """Build the site into `_build/html` unless it was built from the same inputs; leave it alone on failure.

    Raises
    ------
    BuildError
        Sphinx warned or failed, or a page does not pass `verify.problems`.
    CellError, LedgerError
        A notebook fails, or its claims do.
    """
    html, key = root / "_build" / "html", input_key(root)
    if is_current(root):
        print("book: _build/html is up to date")
        return
    stage = _stage(root)
    _execute(root, stage)
    (stage / CLAIMS).write_text(dump(collect(chapters(stage))), encoding="utf-8")
    site = _sphinx(root, stage)
    if found := problems(site, documents(stage)):
        raise BuildError("the pages are not fit to be shown:\n" + "\n".join(found))
    (site / KEY).write_text(key)
    swap(site, html)
    print(f"book: {len(documents(root))} pages in _build/html")


def is_current(root: Path) -> bool:
    """Return whether `_build/html` holds every page, built from the sources as they are now."""
    html = root / "_build" / "html"
    pages = [html / f"{document}.html" for document in documents(root)]
    stored = (html / KEY).read_text() if (html / KEY).exists() else ""
    return stored == input_key(root) and all(page.exists() for page in pages)


def input_key(root: Path) -> str:
    """Return a hash of everything that the site depends on."""
    return hash_files(_inputs(root), root)


def swap(new: Path, place: Path) -> None:
    """Put the folder `new` in `place`; when that fails, what was there before is there again."""
    old = place.with_name(f"{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        os.replace(place, old)
    try:
        os.replace(new, place)
    except OSError:
        if old.exists():
            os.replace(old, place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _inputs(root: Path) -> Iterator[Path]:
    yield from (root / name for name in INPUTS if (root / name).exists())
    for tree in TREES:
        yield from _files(root / tree)


def _files(tree: Path) -> Iterator[Path]:
    for path in tree.rglob("*"):
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.relative_to(tree).parts):
            yield path


def _stage(root: Path) -> Path:
    stage = root / "_build" / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.py[co]")
    for tree in ("chapters", "_ext"):
        shutil.copytree(root / tree, stage / tree, ignore=ignored)
    for name in INPUTS:
        if (root / name).exists():
            shutil.copy2(root / name, stage)
    return stage


def _execute(root: Path, stage: Path) -> None:
    """Fill the staged notebooks with outputs of their code as it is now, from the cache where it has them."""
    places = {
        slug: root / "_build" / "cache" / f"{cache.key(read(path), root)}.ipynb"
        for slug, path in chapters(stage).items()
    }
    missing = [(chapters(root)[slug], place) for slug, place in places.items() if cache.load(place.stem, root) is None]
    print(f"book: executing {len(missing)} of {len(places)} notebooks")
    execute_all(missing, root)
    for slug, path in chapters(stage).items():
        notebook, executed = read(path), read(places[slug])
        for cell, done in zip(code_cells(notebook), code_cells(executed), strict=True):
            cell.outputs, cell.execution_count = done.outputs, done.execution_count
        write(notebook, path)


def _sphinx(root: Path, stage: Path) -> Path:
    output = root / "_build" / "site"
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-c", LAUNCH, "build", str(stage), "--path-output", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "NO_COLOR": "1"}
    log = root / "_build" / "sphinx.log"
    with log.open("w", encoding="utf-8") as stream:
        run = subprocess.Popen(
            [*command, "-n", "-W", "--keep-going"],
            env=environment, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        status = run.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGTERM)  # node stays behind when a formula stops the build
    if status:
        raise BuildError(f"Sphinx stopped with a warning or an error:\n{_gist(log.read_text(encoding='utf-8'))}")
    return output / "_build" / "html"


def _gist(log: str) -> str:
    """Return the lines that say what is wrong, or the end of the log where none does."""
    lines = [line for line in log.splitlines() if any(word in line for word in ("WARNING", "ERROR", "ParseError"))]
    return "\n".join(lines or log.splitlines()[-40:])
