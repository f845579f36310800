"""pytest plugin that tells another process what happens: `-p book.observe --events=FILE [--assertions-only]`.

One line of JSON for the tests collected, and one for each test that ends. The line of a notebook's cell says how much
of its tolerance the cell used, and which claims and verdicts it showed.
"""

import json
import os
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from .ledger import MIMES
from .nbval_cells import ChapterCell
from .rows import ROWS

Event = dict[str, Any]
"""One line of the file: of kind `collected` or `test`."""
CELL = "book.observe"
OTHER = 1e9
"""Stands for what is infinitely far off, such as a word that differs: JSON has no infinity."""
MESSAGE = 4000
"""Characters of a failure's text that are kept."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    group = parser.getgroup("book")
    group.addoption("--events", type=Path, help="file that gets a line of JSON for each test that ends")
    group.addoption("--assertions-only", action="store_true", help="let a cell fail only when it raises")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave printed outputs out of the judgement where only assertions count."""
    if config.getoption("assertions_only"):
        for item in items:
            if isinstance(item, ChapterCell):
                item.options = {"check": False, "skip": False, "check_exception": False}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach to a cell's report what the cell showed; reports travel from the workers to the main process."""
    report = yield
    if isinstance(item, ChapterCell) and call.when == "call":
        report.user_properties.append((CELL, _cell(item)))
    return report


def pytest_configure(config: pytest.Config) -> None:
    """Write events in the main process alone."""
    if (path := config.getoption("events")) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Writer(path), "book-events")


class _Writer:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._collected = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell what was collected where no workers do the tests."""
        if session.items:
            self._tell_collected([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Tell what the first worker has collected; the others collect the same."""
        self._tell_collected(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell of a file that could not be collected."""
        if report.failed:
            self._tell(
                kind="test", id=report.nodeid, outcome="failed", seconds=0.0, message=report.longreprtext[-MESSAGE:]
            )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell of a test that ended, or of a set-up or teardown that did not pass."""
        if report.when == "call" or report.outcome != "passed":
            message = report.longreprtext if report.failed else str(report.longrepr or "")
            self._tell(
                kind="test",
                id=report.nodeid,
                outcome=report.outcome,
                seconds=round(report.duration, 3),
                message=message[-MESSAGE:],
                **_attached(report),
            )

    def _tell_collected(self, ids: Sequence[str]) -> None:
        if not self._collected:
            self._collected = True
            self._tell(kind="collected", files=Counter(id.split("::")[0] for id in ids))

    def _tell(self, **event: Any) -> None:
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(event) + "\n")


def _attached(report: pytest.TestReport) -> Event:
    return next((cell for name, cell in report.user_properties if name == CELL and isinstance(cell, dict)), {})


def _cell(item: ChapterCell) -> Event:
    fresh = item.test_outputs or []
    cell = {"cell": item.cell_num, **{kind: _shown(fresh, kind) for kind in MIMES}}
    if item.cell_num == 0:
        cell["without"] = without_row(item.parent.kernel)
    if item.compared:
        cell |= {"used": min(item.compared.worst, OTHER), "what": str(item.compared)}
    elif item.options["check"]:
        cell |= {"used": OTHER, "what": "it did not run to its end"}
    return cell


def _shown(outputs: Sequence[Any], kind: str) -> list[Event]:
    records = [output["data"][MIMES[kind]] for output in outputs if MIMES[kind] in output.get("data", {})]
    return [json.loads(json.dumps(record)) for record in records]


def without_row(kernel: Any) -> list[str]:
    """Return the variables of a row that this process has and the kernel's process has not, or has otherwise."""
    names = {name for row in ROWS.values() for name in row.environment()} & set(os.environ)
    its = psutil.Process(kernel.km.provisioner.pid).environ()
    return sorted(name for name in names if its.get(name) != os.environ[name])
