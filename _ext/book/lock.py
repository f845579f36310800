"""One build at a time: a lock on `_build/lock`, which the machine lifts when its holder dies."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from psutil import Process

from .processes import end_tree, mark, marked

if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[str]) -> None:
        file.seek(2**30)  # beyond the text, which others read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


Record = Callable[[int], None]
"""Notes the number of a process that the holder has started, so that it is ended with it."""


@contextmanager
def sole_build(root: Path) -> Iterator[Record]:
    """Hold the lock of the book at `root`, after waiting for another build to end; gives the function `Record`.

    The file names the holder in its first line and the processes that it has started in the others. Those end with
    it; what a killed holder has left running, the next one ends.
    """
    path = root / "_build" / "lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        _wait(file, path)
        if ended := end_tree(_running(path)):
            print(f"book: ended {ended} processes that a killed build had left")
        file.truncate(0)
        _note(file, os.getpid())
        try:
            yield lambda pid: _note(file, pid)
        finally:
            end_tree(process for process in _running(path) if process.pid != os.getpid())
            file.truncate(0)


def _wait(file: IO[str], path: Path) -> None:
    told = False
    while True:
        with suppress(BlockingIOError, PermissionError):  # the second one is Windows' name for it
            return _take(file)
        if not told and (lines := _lines(path)):
            print(f"book: another build (pid {lines[0].split()[0]}) is running; waiting for it to end")
            told = True
        time.sleep(0.2)


def _running(path: Path) -> list[Process]:
    return [process for line in _lines(path) if (process := marked(line))]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _note(file: IO[str], pid: int) -> None:
    file.write(f"{mark(pid)}\n")
    file.flush()
