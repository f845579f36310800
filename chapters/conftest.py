"""How nbval compares a chapter's stored outputs with fresh ones; extends nbval 0.11.0.

Floating-point numbers are compared as numbers: rounding noise of another processor passes, a change in the
ninth digit fails. Integers, words and LaTeX are compared exactly. Figures are covered by the numbers printed
from the plotted arrays, so their pictures are not compared. A cell that did not run has failed, whatever the
reason, and a failure names the claims that its cell makes.
"""

import math
import re
from collections.abc import Generator
from typing import Any

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

RELATIVE = 1e-9  # one cell's arithmetic differs between processors by up to about 1e-12
ABSOLUTE = 1e-14  # zeros are printed with their rounding noise

_FLOAT = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)(?![\w])")
_CLAIM = re.compile(r"""\bclaim\(\s*["']([\w-]+)["']|\bclaim ([a-z0-9-]+):""")


class NumericText(str):
    """Text equal to another when the words between floating-point numbers are, and the numbers agree."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str) or _FLOAT.sub("#", self) != _FLOAT.sub("#", other):
            return False
        pairs = zip(_FLOAT.findall(self), _FLOAT.findall(other), strict=True)
        return all(math.isclose(float(a), float(b), rel_tol=RELATIVE, abs_tol=ABSOLUTE) for a, b in pairs)

    def __ne__(self, other: object) -> bool:
        return not self == other


def claims_of(cell: Any) -> list[str]:
    """Return the ids of the claims that a cell makes, from its code and its stored outputs."""
    text = cell.source + "".join(str(output) for output in cell.outputs)
    return sorted({first or second for first, second in _CLAIM.findall(text)})


def _comparable(_: IPyNbCell, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _comparable(_, part) for key, part in value.items()}
    is_formula = isinstance(value, str) and ("$" in value or "\\" in value)
    return NumericText(value) if isinstance(value, str) and not is_formula else value


def _explained(cell: IPyNbCell, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    claims = ", ".join(claims_of(cell.cell)) or "none of its own; later cells may rest on it"
    return f"{cell.fspath.basename}, cell {cell.cell_num}, claims: {claims}\n{_nbval_repr(cell, excinfo)}"


_nbval_repr = IPyNbCell.repr_failure
_nbval_setup = IPyNbFile.setup
IPyNbCell.sanitize = _comparable
IPyNbCell.repr_failure = _explained


def _setup(notebook: IPyNbFile) -> None:
    notebook.skip_compare = (*notebook.skip_compare, "image/svg+xml")
    _nbval_setup(notebook)


IPyNbFile.setup = _setup


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
