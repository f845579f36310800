"""Processes that the build starts: none outlives it, however it ends."""

import os
import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import NoReturn

import psutil

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""What asks the build to stop: Ctrl-C, `kill`, a closed terminal, Ctrl-Break."""


class Stopped(KeyboardInterrupt):
    """A signal asked the build to stop; an interrupt, because an event loop lets nothing else through."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def stop_on_signals() -> None:
    """Raise `Stopped` in the main thread at the first signal that asks to stop; later ones do not disturb the end."""
    for number in SIGNALS:
        signal.signal(number, _stop)


def end_tree(processes: Iterable[psutil.Process]) -> int:
    """Kill the processes and all that they have started, wait until they are gone, and return how many there were."""
    family = [member for process in processes for member in _family(process)]
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=5)
    return len(family)


def end_children() -> None:
    """Kill all that this process has started."""
    while end_tree(psutil.Process().children()):
        continue  # one may have started another meanwhile


def follow_parent() -> None:
    """End this process and its children as soon as its standard input closes, which the death of the parent does."""
    threading.Thread(target=_end_with_input, daemon=True).start()


def mark(pid: int) -> str:
    """Return the line that names a process for good: a number is used again, but not with the same time of birth."""
    try:
        return f"{pid} {psutil.Process(pid).create_time()}"
    except psutil.NoSuchProcess:
        return f"{pid} 0"


def marked(line: str) -> psutil.Process | None:
    """Return the process that `mark` named, if it still runs."""
    try:
        pid, born = line.split()
        process = psutil.Process(int(pid))
        is_same = abs(process.create_time() - float(born)) < 2  # the clock of the machine may have been set
    except (psutil.NoSuchProcess, ValueError):  # gone, or a line that a full disk has cut
        return None
    return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _end_with_input() -> NoReturn:
    while os.read(0, 1024):
        continue
    end_children()
    os._exit(1)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)
