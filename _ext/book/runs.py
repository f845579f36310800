"""One run of the suite in a process of its own, under another environment or another interpreter."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

Event = dict[str, Any]
"""What `book.observe` tells of a test."""
CELL_SECONDS = 240
"""Twice the limit of `make test`: old kernels and moved last places are slow."""
NOT_NUMERIC = ("book", "site", "test_book.py", "test_chapters.py", "test_pins.py", "test_regression.py", "test_site.py")
"""Tests of the build and of the form of the files: they say nothing about arithmetic."""
CHECKOUT = ("src", "_ext", "tests", "chapters", "benchmarks")
"""Folders that the suite reads; files at the top come along."""


@dataclass
class Outcome:
    """What a run of the suite did: how long it took, how pytest ended, and every test that ended.

    Processor seconds are those of all its processes; Windows does not tell them.
    """

    seconds: float = 0.0
    processor_seconds: float = 0.0
    status: int = 0
    tests: list[Event] = field(default_factory=list)
    stopped: str = ""
    """Why the run as a whole did not do its work; empty when it did."""

    @property
    def failures(self) -> list[Event]:
        """Return the tests that failed, in the order in which they ended."""
        return [test for test in self.tests if test["outcome"] == "failed"]

    @property
    def passed(self) -> bool:
        """Return whether the run did its work and nothing failed."""
        return not self.failures and not self.stopped

    def count(self, outcome: str) -> int:
        """Return how many tests ended so: `passed`, `failed` or `skipped`."""
        return sum(test["outcome"] == outcome for test in self.tests)


@dataclass(frozen=True)
class Surroundings:
    """Where and with what the suite runs: interpreter, checkout, working directory, variables."""

    root: Path
    variables: Mapping[str, str]
    folder: Path
    python: str = sys.executable

    def environment(self) -> dict[str, str]:
        """Return all environment variables; the checkout's own code comes first on the path."""
        own = [self.root / "_ext" / "startup"] if "BOOK_JITTER" in self.variables else []
        path = os.pathsep.join(str(place) for place in (*own, self.root / "_ext", self.root / "src"))
        dropped = {"LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LANGUAGE", "PYTEST_ADDOPTS"}
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        return {**kept, **self.variables, "PYTHONPATH": path}

    def module(self, name: str) -> str:
        """Return what `python -m name` prints.

        Raises
        ------
        subprocess.CalledProcessError
            It ended with another status than 0.
        """
        command = [self.python, "-m", name]
        return subprocess.run(
            command,
            env=self.environment(),
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
        ).stdout


def numeric_tests(root: Path) -> list[Path]:
    """Return the files of unit tests that compute: the package's doctests, and all tests but those of the build."""
    return [root / "src", *(path for path in sorted((root / "tests").iterdir()) if _computes(path))]


def suite(
    where: Surroundings,
    targets: Sequence[Path],
    log: Path,
    told: Callable[[Event], None],
    *,
    assertions_only: bool = False,
    workers: int | None = None,
    options: Sequence[str] = (),
) -> Outcome:
    """Run pytest and nbval on the targets, call `told` for every event as it comes, and return what happened.

    Parameters
    ----------
    where
        Interpreter, checkout and environment.
    targets
        Files and folders of the checkout; notebooks are executed by nbval.
    log
        File that gets pytest's own report.
    told
        Called with each event of `book.observe`.
    assertions_only
        Let a cell fail only when it raises.
    workers
        Processes; one per core, and at least two, when none is given.
    options
        More options of pytest.
    """
    start, spent, outcome = time.monotonic(), _children(), Outcome()
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, log.open("w", encoding="utf-8") as report:
        events = Path(scratch) / "events"
        events.touch()
        chosen = [*options, *(["--assertions-only"] if assertions_only else [])]
        command = _command(where, targets, [*chosen, f"--events={events}"], workers or max(2, os.cpu_count() or 2))
        process = subprocess.Popen(
            command, env=where.environment(), cwd=where.folder, stdout=report, stderr=subprocess.STDOUT
        )
        try:
            for event in _events(events, process):
                told(event)
                if event["kind"] == "test":
                    outcome.tests.append(event)
        finally:
            _end(process)
    outcome.seconds, outcome.status = round(time.monotonic() - start, 1), process.returncode
    outcome.processor_seconds = round(_children() - spent, 1)
    if outcome.status not in (0, 1) or not outcome.tests or (outcome.status == 1 and not outcome.failures):
        outcome.stopped = f"pytest ended with status {outcome.status} after {len(outcome.tests)} tests; see {log}"
    return outcome


def copy_checkout(root: Path, place: Path) -> Path:
    """Copy what the suite reads to the folder `place`, and return it."""
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.py[co]", ".hypothesis")
    for name in CHECKOUT:
        if (root / name).exists():
            shutil.copytree(root / name, place / name, ignore=ignored)
    for path in root.iterdir():
        if path.is_file() and not path.is_symlink():
            shutil.copy2(path, place)
    return place


def _computes(path: Path) -> bool:
    return path.name not in NOT_NUMERIC and (path.is_dir() or path.match("test_*.py")) and path.name != "__pycache__"


def _command(where: Surroundings, targets: Sequence[Path], options: Sequence[str], workers: int) -> list[str]:
    own = ["-p", "book.observe", *options]
    place = ["-c", str(where.root / "pyproject.toml"), f"--rootdir={where.root}", "-p", "no:cacheprovider"]
    notebooks = ["--nbval", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}"]
    shown = ["-q", "-rfE", "--color=no", "-n", str(workers), "--dist", "loadfile"]
    return [where.python, "-m", "pytest", *place, *own, *notebooks, *shown, *map(str, targets)]


def _events(path: Path, process: "subprocess.Popen[bytes]") -> Iterator[Event]:
    with path.open(encoding="utf-8") as stream:
        rest, ended = "", False
        while not ended:
            ended = process.poll() is not None
            *lines, rest = (rest + stream.read()).split("\n")
            yield from map(json.loads, lines)
            if not ended:
                time.sleep(0.2)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End pytest with its workers and their kernels, which live in sessions of their own."""
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid)]
    family += family[0].children(recursive=True)
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def _children() -> float:
    """Return the processor time of all children that have ended."""
    times = os.times()
    return times.children_user + times.children_system
