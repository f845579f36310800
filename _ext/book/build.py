"""The build: fresh outputs in a staging tree, a strict Sphinx run, checks of the pages, then one swap."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from . import cache
from .cache import hash_files
from .execute import TIMEOUT, execute_all
from .ledger import CLAIMS, collect, dump
from .lock import Record, sole_build
from .notebooks import chapters, code_cells, documents, read, write
from .progress import say
from .render import BuildError, render
from .verify import problems

KEY = ".key"
INPUTS = ("_config.yml", "_toc.yml", "references.bib", "requirements.lock")
TREES = ("chapters", "src", "_ext")


def build(root: Path, timeout: int = TIMEOUT) -> None:
    """Build the site into `_build/html` unless it was built from the same inputs; leave it alone on failure.

    Outputs of notebooks are taken from the cache where it has them. `timeout` is the time for a cell, in seconds.

    Raises
    ------
    BuildError
        Sphinx warned or failed, or a page does not pass `verify.problems`.
    CellError, LedgerError
        A notebook fails, or its claims do.
    """
    if _said_current(root):
        return
    with sole_build(root) as record:
        _recover(root / "_build" / "html")
        if not _said_current(root):  # by the build that this one has waited for
            with _work_folder(root) as work:
                _build(root, work, timeout, record)


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
    old = _old(place)
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        os.replace(place, old)
    try:
        os.replace(new, place)
    except OSError:
        _recover(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _recover(place: Path) -> None:
    """Put back what `swap` had set aside when it was cut short."""
    if not place.exists() and _old(place).exists():
        os.replace(_old(place), place)


def _old(place: Path) -> Path:
    return place.with_name(f"{place.name}.old")


def _said_current(root: Path) -> bool:
    if current := is_current(root):
        say("_build/html is up to date")
    return current


@contextlib.contextmanager
def _work_folder(root: Path) -> Iterator[Path]:
    """Give an empty folder in `_build`, and remove it in the end, whatever that is."""
    work = root / "_build" / "work"
    shutil.rmtree(work, ignore_errors=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _build(root: Path, work: Path, timeout: int, record: Record) -> None:
    start, key = time.monotonic(), input_key(root)
    stage = _stage(root, work / "stage")
    _execute(root, stage, timeout, record)
    (stage / CLAIMS).write_text(dump(collect(chapters(stage))), encoding="utf-8")
    pages = documents(stage)
    site = render(stage, work / "site", root / "_build" / "sphinx.log", len(pages), record)
    if found := problems(site, pages):
        raise BuildError("the pages are not fit to be shown:\n" + "\n".join(found))
    (site / KEY).write_text(key)
    swap(site, root / "_build" / "html")
    say(f"{len(pages)} pages in _build/html, {time.monotonic() - start:.1f} s in all")


def _inputs(root: Path) -> Iterator[Path]:
    yield from (root / name for name in INPUTS if (root / name).exists())
    for tree in TREES:
        yield from _files(root / tree)


def _files(tree: Path) -> Iterator[Path]:
    for path in tree.rglob("*"):
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.relative_to(tree).parts):
            yield path


def _stage(root: Path, stage: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.py[co]")
    for tree in ("chapters", "_ext"):
        shutil.copytree(root / tree, stage / tree, ignore=ignored)
    for name in INPUTS:
        if (root / name).exists():
            shutil.copy2(root / name, stage)
    return stage


def _execute(root: Path, stage: Path, timeout: int, record: Record) -> None:
    """Fill the staged notebooks with outputs of their code as it is now, from the cache where it has them."""
    paths = chapters(stage)
    notebooks = {slug: read(path) for slug, path in paths.items()}
    cached = {slug: cache.load(cache.key(notebook, root), root) for slug, notebook in notebooks.items()}
    missing = {slug: notebooks[slug] for slug in paths if cached[slug] is None}
    say(f"executing {len(missing)} of {len(paths)} notebooks")
    execute_all(missing, root, timeout, record, keep=lambda slug: write(missing[slug], paths[slug]))
    for slug in paths.keys() - missing.keys():
        for cell, done in zip(code_cells(notebooks[slug]), code_cells(cached[slug]), strict=True):
            cell.outputs, cell.execution_count = done.outputs, done.execution_count
        write(notebooks[slug], paths[slug])
