"""How nbval compares a chapter's stored outputs with fresh ones; extends nbval 0.11.0.

Floating-point numbers are compared as numbers: rounding noise of another processor passes, a change in the
ninth digit fails. Integers, words and LaTeX are compared exactly. Figures are covered by the numbers printed
from the plotted arrays, so their pictures are not compared. A cell that did not run has failed, whatever the
reason, and a failure names the claims that its cell makes: see `book.nbval_cells`.
"""

import math
import re
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "_ext"))  # where PYTHONPATH does not name it

from book.nbval_cells import ChapterCell, pytest_collect_file, pytest_runtest_makereport  # noqa: E402, F401 - hooks

RELATIVE = 1e-9  # one cell's arithmetic differs between processors by up to about 1e-12
ABSOLUTE = 1e-14  # zeros are printed with their rounding noise

_FLOAT = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)(?![\w])")


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


def _comparable(_: ChapterCell, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _comparable(_, part) for key, part in value.items()}
    is_formula = isinstance(value, str) and ("$" in value or "\\" in value)
    return NumericText(value) if isinstance(value, str) and not is_formula else value


ChapterCell.sanitize = _comparable
