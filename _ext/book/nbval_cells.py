"""Chapters as tests: nbval executes and compares the cells, and what it does not say is said here.

Extends nbval 0.11.0. A cell that did not run has failed, whatever the reason: the ways out of the comparison by tag
or comment are closed, and after a dead kernel or a cell without end the rest fail at once instead of waiting. The
outputs of a chapter whose cells all ran, even where they differ from the stored ones, are those that the site shows;
with `--store-outputs` they are kept for it.
"""

import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from . import cache
from .compare import Deviation, describe, outputs_deviation
from .execute import environment
from .ledger import MIMES
from .nbval_kernel import Kernel, KernelDiedError
from .notebooks import code_cells, normalise, read
from .report import Failure, claims_of

OWN = {
    "PYTEST_CURRENT_TEST",
    "PYTEST_VERSION",
    "PYTEST_XDIST_WORKER",
    "PYTEST_XDIST_WORKER_COUNT",
    "PYTEST_XDIST_TESTRUNUID",
}
"""What pytest and xdist put into the environment."""
TOOLS = Path(__file__).resolve().parents[1]
"""The folder of this package, which the kernels of the book do not see."""


class ChapterFile(IPyNbFile):  # type: ignore[misc]  # nbval has no types
    """A notebook whose cells run in one kernel; `lost` says why no further cell can run."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.root = self.path.parents[1]
        self.lost, self.first_failure = "", None
        self.outputs: list[list[Any] | None] = []

    def collect(self) -> Iterator["ChapterCell"]:
        """Yield the code cells, each to be compared, whatever its tags and comments say."""
        options = {"check": True, "skip": False, "check_exception": False}
        for cell in super().collect():
            yield ChapterCell.from_parent(
                self, name=cell.name, cell_num=cell.cell_num, cell=cell.cell, options=dict(options)
            )

    def setup(self) -> None:
        """Start the kernel in the environment of the build, less what the run chooses itself."""
        self.key = cache.key(self.nb, self.root)
        self._scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        standard = {
            name: value for name, value in environment(self.root, self._scratch.name).items() if name not in OWN
        }
        self.environment = _chosen(standard, self.root)
        self.is_standard = self.environment == standard
        log = Path(self._scratch.name) / "stderr.log"
        startup = self.config.option.nbval_kernel_startup_timeout
        try:
            self.kernel = Kernel(self.path.parent, self.environment, log, startup)
        except KernelDiedError as death:
            self.lost = f"the kernel died at its start: {death}"

    def teardown(self) -> None:
        """End the kernel; keep the outputs where all cells ran."""
        if self.kernel is not None:
            self.kernel.stop()
        if self.config.getoption("store_outputs", False) and self.outputs:
            self.last.user_properties.append(("kept", self._keep()))
        self._scratch.cleanup()

    def _keep(self) -> str:
        """Store the outputs for the build; return why not, or nothing."""
        notebook = read(self.path)
        cells = code_cells(notebook)
        if len(self.outputs) != len(cells) or None in self.outputs:
            return "not every cell ran"
        if not self.is_standard:
            return "they were made in another environment than the book's"
        if cache.key(notebook, self.root) != self.key:
            return "its code changed during the run"
        for cell, outputs in zip(cells, self.outputs, strict=True):
            cell.outputs = outputs
        normalise(notebook)
        try:
            cache.store(notebook, self.root, under=self.key, environment=self.environment)
        except OSError as error:  # a full disk or a read-only folder costs time, not the test
            return str(error)
        return ""


class ChapterCell(IPyNbCell):  # type: ignore[misc]  # nbval has no types
    """A code cell that is executed and compared with its stored outputs."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.output_timeout = 30  # between a cell's reply and its outputs, on a busy machine
        self.not_run, self.raised, self.deviation = False, "", ""
        self.compared: Deviation | None = None

    def setup(self) -> None:
        """Do without nbval's expectation that cells after a timeout fail."""

    def runtest(self) -> None:
        """Execute and compare; say what went wrong by its name."""
        chapter = self.parent
        chapter.last = self
        if not chapter.lost and not chapter.kernel.is_alive():
            chapter.lost = f"the kernel died after cell {self.cell_num - 1}: {chapter.kernel.obituary()}"
        try:
            if chapter.lost:
                self.not_run = True
                self.raise_cell_error(f"did not run: {chapter.lost}")
            super().runtest()
            self._judge_time()
        except KernelDiedError as death:
            chapter.lost = f"the kernel died in cell {self.cell_num}"
            self.raise_cell_error(f"the kernel died: {death}")
        except NbCellError as error:
            self._judge_time(error.inner_traceback)
            raise
        finally:
            self._collect()

    def _judge_time(self, traceback: str | None = None) -> None:
        """Fail a cell that had to be interrupted, whatever it made of the interruption, and run no other."""
        if self.parent.timed_out and not self.parent.lost:
            limit = f"ran longer than {self.config.option.nbval_cell_timeout:g} s"
            self.parent.lost = f"cell {self.cell_num} {limit}"
            self.parent.kernel.stop()
            self.raise_cell_error(limit, traceback)

    def _collect(self) -> None:
        """Take the outputs of a cell that ran to its end, and tell the summary which claims passed in it."""
        kernel = self.parent.kernel
        self.raised = "" if self.parent.lost else kernel.raised()
        outputs = None if self.parent.lost else kernel.outputs()
        self.parent.outputs.append(outputs)
        data = [output["data"] for output in outputs or [] if "data" in output]
        records = {name: [part[mime] for part in data if mime in part] for name, mime in MIMES.items()}
        passed = {claim["id"]: claim["kind"] for claim in records["claims"]}
        missing = [claim["id"] for claim in claims_of(self.cell) if claim["id"] not in passed]
        self.user_properties.append(("result", [list(passed.values()), len(records["verdicts"]), missing]))

    def compare_outputs(self, test: list[Any], ref: list[Any], skip_compare: object = None) -> bool:  # noqa: ARG002
        """Return whether fresh outputs agree with the stored ones; note by how much they do not."""
        self.compared = deviation = outputs_deviation(ref, test)
        self.deviation, self.comparison_traceback = "", []
        if deviation.fails:
            self.deviation, *self.comparison_traceback = describe(ref, test)
        return not deviation.fails

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
        """Return the failure as text: which claim, what was expected, what was found, and how to see it again."""
        chapter, error = self.parent, excinfo.value
        known = isinstance(error, NbCellError)
        first = chapter.first_failure
        if not self.deviation:  # a cell whose outputs differ has run, and takes nothing from later ones
            chapter.first_failure = first or f"cell {self.cell_num}"
        failure = Failure(
            chapter=chapter.path.name,
            cell=self.cell_num,
            what=(self.raised or str(error)) if known else f"{type(error).__name__}: {error}",
            claims=claims_of(self.cell),
            deviation=self.deviation,
            first=first,
            source="" if self.not_run else self.cell.source,
            traceback=(getattr(error, "inner_traceback", "") or "") if known else str(excinfo.getrepr(style="short")),
        )
        return failure.text()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Put a `ChapterFile` in the place of nbval's notebook."""
    found = yield
    return [
        ChapterFile.from_parent(node.parent, path=node.path) if isinstance(node, IPyNbFile) else node for node in found
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what is left of skips and expected failures of a cell into failures."""
    report = yield
    if isinstance(item, ChapterCell) and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.path.name}, cell {item.cell_num} did not run: {getattr(report, 'wasxfail', '')}"
        vars(report).pop("wasxfail", None)
    return report


def _chosen(standard: dict[str, str], root: Path) -> dict[str, str]:
    """Return the build's environment with the threads, the hash seed and the packages that this run was given."""
    given = {name: os.environ[name] for name in cache.SETTINGS if name in os.environ}
    folders = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    packages = [*(folder for folder in folders if Path(folder).resolve() != TOOLS), str(root / "src")]
    return {**standard, **given, "PYTHONPATH": os.pathsep.join(dict.fromkeys(packages))}
