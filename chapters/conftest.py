"""How nbval compares a chapter's stored outputs with fresh ones: by `book.compare`; extends nbval 0.11.0.

A cell that did not run has failed, whatever the reason, and a failure names the claims that its cell makes.
"""

import re
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbCell

sys.path.append(str(Path(__file__).parents[1] / "_ext"))
from book.compare import NumericText, describe, outputs_deviation

__all__ = ["NumericText"]

_CLAIM = re.compile(r"""\bclaim\(\s*["']([\w-]+)["']|\bclaim ([a-z0-9-]+):""")


def claims_of(cell: Any) -> list[str]:
    """Return the ids of the claims that a cell makes, from its code and its stored outputs."""
    text = cell.source + "".join(str(output) for output in cell.outputs)
    return sorted({first or second for first, second in _CLAIM.findall(text)})


def _agree(cell: IPyNbCell, fresh: list[Any], stored: list[Any], skip_compare: object = None) -> bool:  # noqa: ARG001
    cell.comparison_traceback = describe(stored, fresh)
    return not outputs_deviation(stored, fresh).fails


def _explained(cell: IPyNbCell, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    claims = ", ".join(claims_of(cell.cell)) or "none of its own; later cells may rest on it"
    return f"{cell.fspath.basename}, cell {cell.cell_num}, claims: {claims}\n{_nbval_repr(cell, excinfo)}"


_nbval_repr = IPyNbCell.repr_failure
IPyNbCell.compare_outputs = _agree
IPyNbCell.repr_failure = _explained


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Close nbval's ways out of the comparison: tags and comments that skip a cell or its outputs."""
    for item in items:
        if isinstance(item, IPyNbCell):
            item.options = {"check": True, "skip": False, "check_exception": False}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn xfail and skip of a cell into failure: after a dead kernel nbval only expects the rest to fail."""
    report = yield
    if isinstance(item, IPyNbCell) and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.fspath.basename}, cell {item.cell_num} did not run: {getattr(report, 'wasxfail', '')}"
        vars(report).pop("wasxfail", None)
    return report
