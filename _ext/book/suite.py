"""pytest plugin of `make test`: what runs and how far it is, and at the end what was found.

Loaded by `-p book.suite`. On a terminal a bar shows the progress, elsewhere lines do, one for each file that is done.
With `--no-skips`, which `CI=true` implies, a skipped test has failed.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from .report import kinds_line, reasons, rerun_chapter, rerun_test, slowest

SILENCE = 30.0
"""Seconds after which a line says what is running, where no bar does."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Name the options of the suite."""
    group = parser.getgroup("book")
    is_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    group.addoption("--no-skips", action="store_true", default=is_ci, help="a skipped test has failed; so in CI")
    group.addoption("--store-outputs", action="store_true", help="keep the outputs of the chapters for `make book`")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run, in the process that reports it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Watch(config), "book-watch")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what is skipped where nothing may be, and tell how to run a failed unit test again."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("no_skips"):
        report.outcome, report.longrepr = "failed", _skipped(report.longrepr)
    if report.failed and not _is_cell(report.nodeid):
        report.sections.append(("run it again", rerun_test(report.nodeid)))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file that skips itself as a whole where nothing may be skipped."""
    report = yield
    if report.outcome == "skipped" and collector.config.getoption("no_skips"):
        report.outcome, report.longrepr = "failed", _skipped(report.longrepr)
    return report


class Watch:
    """Follows the reports of a run, of this process or of xdist's workers, and says what they add up to."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.files: dict[str, File] = {}
        self.cells: dict[str, float] = {}
        self.claims, self.verdicts, self.without = Counter[str](), 0, list[str]()
        self.kept: dict[str, str] = {}
        form = "{desc} {bar} {n_fmt}/{total_fmt} {elapsed}{postfix}"
        self.bar = tqdm(desc="tests:", bar_format=form, leave=False, dynamic_ncols=True, disable=not _on_terminal())
        self.spoke = time.monotonic()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the tests of a run in this process."""
        self._expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:  # noqa: ARG002
        """Take the tests of a run in workers, which all collect the same."""
        self._expect(ids)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, tuple[str, str, Any], tuple[str, str, Any]]:
        """Count a report under its category, with the word for the list at the end, but without a letter."""
        category, _, word = yield
        return category, "", word if category in {"failed", "error"} else ""

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Show which files are being run."""
        self._file(nodeid).started = True
        self.bar.set_postfix_str(", ".join(self._running()))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up a report; its test is done with its teardown."""
        file = self._file(report.nodeid)
        file.seconds += report.duration
        if report.failed:
            file.failed += 1
            self._say(f"{'FAILED' if report.when == 'call' else 'ERROR'} {_label(report.nodeid)}")
        if _is_cell(report.nodeid) and report.when == "call":
            self.cells[_label(report.nodeid)] = report.duration
        if report.when == "teardown":
            self._count(report)
            file.done += 1
            self._progress(file)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what the run adds up to."""
        self.bar.close()
        for title, lines in self._summary(terminalreporter.stats):
            terminalreporter.section(title)
            terminalreporter.write("".join(f"{line}\n" for line in lines))

    def _summary(self, stats: dict[str, list[Any]]) -> Iterator[tuple[str, list[str]]]:
        chapters = {file.label: file.seconds for file in self.files.values() if file.is_chapter}
        if chapters:
            yield "claims", [kinds_line(self.claims, self.verdicts, self.without), *self._outputs()]
            yield "slowest cells", slowest(self.cells)
            yield "slowest chapters", slowest(chapters)
        if skips := [(_file_of(report.nodeid), str(report.longrepr[-1])) for report in stats.get("skipped", [])]:
            yield f"skipped: {len(skips)}", reasons(skips)
        if failed := [*stats.get("failed", []), *stats.get("error", [])]:
            commands = dict.fromkeys(_again(report.nodeid) for report in failed)
            yield "run what failed again", list(commands)[:10]

    def _outputs(self) -> list[str]:
        good = [slug for slug, reason in self.kept.items() if not reason]
        lines = [f"outputs of {len(good)} of {len(self.kept)} chapters kept for `make book`"] if self.kept else []
        return lines + [f"not those of {slug}: {reason}" for slug, reason in self.kept.items() if reason]

    def _expect(self, ids: Sequence[str]) -> None:
        if not self.files:
            for nodeid in ids:
                self._file(nodeid).total += 1
            self.bar.reset(len(ids))

    def _file(self, nodeid: str) -> "File":
        name = _file_of(nodeid)
        return self.files.setdefault(name, File(name))

    def _count(self, report: pytest.TestReport) -> None:
        properties: dict[str, Any] = dict(report.user_properties)
        kinds, verdicts, missing = properties.get("result", ([], 0, []))
        self.claims.update(kinds)
        self.verdicts += verdicts
        self.without += missing
        if "kept" in properties:
            self.kept[self._file(report.nodeid).label] = properties["kept"]

    def _progress(self, file: "File") -> None:
        self.bar.update()
        if file.is_done:
            peers = [other for other in self.files.values() if other.is_chapter == file.is_chapter]
            done = sum(other.is_done for other in peers)
            self._say(f"{file.line()} ({done}/{len(peers)} {'chapters' if file.is_chapter else 'files'})")
        elif self.bar.disable and time.monotonic() - self.spoke > SILENCE:
            self._say(f"running: {', '.join(self._running())}")

    def _running(self) -> list[str]:
        return [file.state() for file in self.files.values() if file.started and not file.is_done]

    def _say(self, line: str) -> None:
        self.spoke = time.monotonic()
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()


class File:
    """A chapter or a file of unit tests: how many of its tests are done, and in how long."""

    def __init__(self, name: str) -> None:
        self.is_chapter = name.endswith(".ipynb")
        self.label = Path(name).stem if self.is_chapter else name
        self.total = self.done = self.failed = 0
        self.seconds, self.started = 0.0, False

    @property
    def is_done(self) -> bool:
        """Whether all of its tests have been reported."""
        return self.done >= self.total > 0

    def line(self) -> str:
        """Return the result in one line."""
        kind = "cells" if self.is_chapter else "tests"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.label}: {self.total} {kind}{failed}, {self.seconds:.1f} s"

    def state(self) -> str:
        """Return how far it is."""
        return f"{self.label} {self.done}/{self.total}"


def _on_terminal() -> bool:
    return sys.stdout.isatty() and sys.stderr.isatty()


def _is_cell(nodeid: str) -> bool:
    return _file_of(nodeid).endswith(".ipynb")


def _file_of(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]


def _label(nodeid: str) -> str:
    file, _, name = nodeid.partition("::")
    return f"{Path(file).stem}, {name.lower()}" if _is_cell(nodeid) else nodeid


def _again(nodeid: str) -> str:
    return rerun_chapter(Path(_file_of(nodeid)).name) if _is_cell(nodeid) else rerun_test(nodeid)


def _skipped(longrepr: Any) -> str:
    reason = str(longrepr[-1] if isinstance(longrepr, tuple) else longrepr).removeprefix("Skipped: ")
    return f"skipped, where nothing may be (--no-skips, CI): {reason}"
