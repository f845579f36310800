"""The strict Sphinx run: a process of its own, followed line by line."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from .errors import BookError
from .lock import Record
from .processes import end_children, end_tree, follow_parent, mark, marked
from .progress import Progress, say

LAUNCH = "from book.render import main; main()"
PHASES = {"reading sources": "reading", "writing output": "writing"}
"""The phases that go through all pages, by Sphinx's names."""
PAGE = re.compile(rf"(?:\x1b\[\d+m)*({'|'.join(PHASES)})\.\.\. (?:\x1b\[[\d;]+m)*\[ *\d+%\]")
"""A line of Sphinx that names a page; it may be coloured."""


def render(stage: Path, output: Path, log: Path, pages: int, record: Record) -> Path:
    """Return the folder, below `output`, of the pages that Sphinx has made of `stage`; all that it says is in `log`.

    Raises
    ------
    BookError
        Sphinx warned or failed.
    OSError
        It had no space left on the disk.
    """
    say(f"rendering {pages} pages")
    command = [sys.executable, "-c", LAUNCH, "build", str(stage), "--path-output", str(output), "-n", "-W"]
    process = subprocess.Popen(
        [*command, "--keep-going"], env=_environment(), encoding="utf-8", errors="replace",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )  # fmt: skip
    record(process.pid)
    try:
        with log.open("w", encoding="utf-8") as file:
            lines = list(_follow(process.stdout or (), file, pages))
        status = process.wait()
    finally:
        end_tree(filter(None, [marked(mark(process.pid))]))
    if status and os.strerror(errno.ENOSPC) in "".join(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(output))
    if status:
        raise BookError(f"Sphinx stopped with a warning or an error:\n{_gist(lines)}")
    return output / "_build" / "html"


def main() -> None:
    """Run Jupyter Book in this process; it ends with its parent, and the renderer of formulas with it."""
    from jupyter_book.cli.main import main as jupyter_book  # noqa: PLC0415 - takes seconds

    follow_parent()
    try:
        jupyter_book()
    finally:
        end_children()


def _environment() -> dict[str, str]:
    root = Path(__file__).parents[2]
    return {
        **os.environ,
        "NO_COLOR": "1",
        "PYTHONPATH": os.pathsep.join(str(root / folder) for folder in ("src", "_ext")),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",
    }


def _follow(output: Iterable[str], log: IO[str], pages: int) -> Iterator[str]:
    """Copy the lines to the log as they come, and show how far Sphinx is."""
    with Progress("rendering", len(PHASES), pages * len(PHASES), "pages") as progress, ExitStack() as running:
        last = ""
        for line in output:
            log.write(line)
            if match := PAGE.match(line):
                if (phase := match[1]) != last:
                    running.close()
                    running.enter_context(progress.item(f"{PHASES[phase]} {pages} pages"))
                progress.step()
                last = phase
            yield line


def _gist(lines: Sequence[str]) -> str:
    """Return the lines that say what is wrong, or the end of the log where none does."""
    wrong = [line for line in lines if any(word in line for word in ("WARNING", "ERROR", "ParseError"))]
    return "".join(wrong or lines[-40:])
