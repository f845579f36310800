"""The build: fresh outputs in a staging tree, a strict Sphinx run, checks of the pages, then one swap."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from . import cache
from .current import CURRENT, INPUTS, KEY, input_key, is_current
from .errors import BookError
from .execute import TIMEOUT, execute_all
from .ledger import CLAIMS, collect, dump
from .lock import Record, sole_build
from .notebooks import chapters, code_cells, documents, read, write
from .progress import say
from .render import render
from .verify import problems


def build(root: Path, timeout: int = TIMEOUT) -> None:
    """Build the site into `_build/html` unless it was built from the same inputs; leave it alone on failure.

    Outputs of notebooks are taken from the cache where it has them. `timeout` is the time for a cell, in seconds.

    Raises
    ------
    BookError
        A notebook fails, or its claims do; Sphinx warned or failed; a page does not pass `verify.problems`.
    """
    with sole_build(root) as record:
        _recover(root / "_build" / "html")
        if is_current(root):  # by the build that this one has waited for
            say(CURRENT)
            return
        with _work_folder(root) as work:
            _build(root, work, timeout, record)


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
        raise BookError("the pages are not fit to be shown:\n" + "\n".join(found))
    (site / KEY).write_text(key)
    swap(site, root / "_build" / "html")
    say(f"{len(pages)} pages in _build/html, {time.monotonic() - start:.1f} s in all")


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
