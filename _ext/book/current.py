"""Whether the site is up to date: a hash of all that it is made of."""

from collections.abc import Iterator
from pathlib import Path

from .cache import hash_files
from .notebooks import documents

CURRENT = "_build/html is up to date"
KEY = ".key"
INPUTS = ("_config.yml", "_toc.yml", "references.bib", "requirements.lock")
TREES = ("chapters", "src", "_ext")


def is_current(root: Path) -> bool:
    """Return whether `_build/html` holds every page, built from the sources as they are now."""
    html = root / "_build" / "html"
    pages = [html / f"{document}.html" for document in documents(root)]
    stored = (html / KEY).read_text() if (html / KEY).exists() else ""
    return stored == input_key(root) and all(page.exists() for page in pages)


def input_key(root: Path) -> str:
    """Return a hash of everything that the site depends on."""
    return hash_files(_inputs(root), root)


def _inputs(root: Path) -> Iterator[Path]:
    yield from (root / name for name in INPUTS if (root / name).exists())
    for tree in TREES:
        yield from _files(root / tree)


def _files(tree: Path) -> Iterator[Path]:
    for path in tree.rglob("*"):
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.relative_to(tree).parts):
            yield path
