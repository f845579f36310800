"""How the chapters are run as tests: by nbval, as `book.nbval_cells` extends it and `book.compare` compares."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "_ext"))  # where PYTHONPATH does not name it

from book.compare import NumericText
from book.nbval_cells import pytest_collect_file, pytest_runtest_makereport

__all__ = ["NumericText", "pytest_collect_file", "pytest_runtest_makereport"]
