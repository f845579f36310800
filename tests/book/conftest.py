"""A small book: the real build and its settings, with tiny notebooks, so that a test of the whole takes seconds."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from book.notebooks import METADATA  # noqa: E402

collect_ignore = ["test_faults.py"] if sys.platform == "win32" else []
"""The faults are set off by signals and limits that Windows does not have."""

STAND_IN = """
import pathlib, subprocess, sys, time

from book.notebooks import documents


def main():
    stage, output = map(pathlib.Path, (sys.argv[2], sys.argv[4]))
    if pathlib.Path("hold").exists():
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "katex"])
        time.sleep(600)
    site = output / "_build" / "html"
    for document in documents(stage):
        path = site / f"{document}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        source = next(stage.glob(f"{document}.*"))
        path.write_text(f"<html><body><pre>{source.read_text()}</pre></body></html>")
"""
"""Stands in for Jupyter Book, which takes ten seconds; where there is a file `hold`, its renderer does not end."""


class SmallBook:
    """A book of few chapters in a folder of its own, built by a copy of the build."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.started: list[subprocess.Popen] = []
        if not root.exists():
            for tree in ("_ext", "src"):
                shutil.copytree(ROOT / tree, root / tree)
            shutil.copy(ROOT / "_config.yml", root)
            (root / "references.bib").write_text("")
            (root / "chapters").mkdir()
            (root / "chapters" / "index.md").write_text("# A small book\n\nIt has a formula, $1 + 1 = 2$.\n")

    def write(self, **chapters: list[str]) -> None:
        """Make the chapters, each from the sources of its cells, the contents of the book."""
        lines = ["format: jb-book", "root: chapters/index", "chapters:", *(f"  - file: chapters/{n}" for n in chapters)]
        (self.root / "_toc.yml").write_text("\n".join(lines) + "\n")
        for name, sources in chapters.items():
            cells = [new_markdown_cell(f"# {name.title()}"), *map(new_code_cell, sources)]
            nbformat.write(new_notebook(cells=cells, metadata=METADATA), self.root / "chapters" / f"{name}.ipynb")

    def module(self, name: str, source: str) -> None:
        """Write a file of the package, by its path below `src/optnotes`."""
        path = self.root / "src" / "optnotes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)

    def start(self, *arguments: str, before: tuple[str, ...] = (), **options) -> subprocess.Popen:
        """Start `python -m book build` in the background, behind the command `before`."""
        environment = {**os.environ, "PYTHONPATH": str(self.root / "_ext"), "NO_COLOR": "1"}
        command = [*before, sys.executable, "-m", "book", *(arguments or ["build"])]
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.root,
            **options,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *arguments: str, **options) -> tuple[int, str]:
        """Run the command to its end; return its status and what it has printed."""
        process = self.start(*arguments, **options)
        said, _ = process.communicate(timeout=300)
        return process.returncode, said

    def page(self, name: str) -> str:
        """Return the text of a page of the site."""
        return (self.root / "_build" / "html" / "chapters" / f"{name}.html").read_text(encoding="utf-8")

    def wait_for(self, name: str) -> None:
        """Wait until there is a file `name` in the book's folder, which a cell may make."""
        self.wait_until((self.root / name).exists)

    def wait_until(self, condition: Callable[[], object], seconds: float = 120) -> None:
        """Wait until something has come true, while what was started last may still bring it about."""
        end, last = time.monotonic() + seconds, self.started[-1]
        while not condition():
            ended = last.poll() is not None and last.stdout and not last.stdout.closed
            assert not (ended and last.returncode > 0), last.communicate()[0]
            assert time.monotonic() < end, f"{condition} did not come true in {seconds} s"
            time.sleep(0.05)

    def end(self) -> None:
        """End what was started and still runs."""
        for process in self.started:
            for one in self.family(process) if process.poll() is None else []:
                one.kill()
            with contextlib.suppress(ValueError):  # its output is read and closed
                process.communicate()

    @staticmethod
    def family(process: subprocess.Popen) -> list[psutil.Process]:
        """Return a process and all that it has started."""
        return [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]

    def renders(self, process: subprocess.Popen) -> bool:
        """Return whether the renderer of formulas runs, which Sphinx starts."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return any("katex" in " ".join(one.cmdline()) for one in self.family(process))
        return False

    @staticmethod
    def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
        return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    def executed(self) -> int:
        """Return how many notebooks the cache has."""
        return len(list((self.root / "_build" / "cache").glob("*.ipynb")))

    def scraps(self) -> set[str]:
        """Return what is in the book's folders without belonging there."""
        made = {path.name for path in (self.root / "_build").iterdir()} - {"cache", "html", "lock", "sphinx.log"}
        return made | {path.name for path in self.root.rglob("*.part")}


@pytest.fixture(scope="session")
def copied(tmp_path_factory):
    """Gives copies of one small book that is built, and whose pages are made without Sphinx."""
    built = SmallBook(tmp_path_factory.mktemp("built") / "book")
    built.module("../jupyter_book/__init__.py", "")
    built.module("../jupyter_book/cli/main.py", STAND_IN)
    built.write(one=["1"])
    status, said = built.run()
    assert status == 0, said

    @contextlib.contextmanager
    def copy(folder):
        small = SmallBook(shutil.copytree(built.root, folder / "book"))
        try:
            yield small
        finally:
            small.end()

    return copy


@pytest.fixture
def book(copied, tmp_path):
    with copied(tmp_path) as small:
        yield small


@pytest.fixture
def whole_book(book):
    """A small book whose pages Sphinx makes."""
    shutil.rmtree(book.root / "src" / "jupyter_book")
    return book
