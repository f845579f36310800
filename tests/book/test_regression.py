"""`make test` turns red: planted faults in notebooks and in a helper, seen through the real comparison."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from optnotes import checks
from optnotes.claims import Chapter

ROOT = Path(__file__).parents[2]


def run_nbval(folder: Path, *, package: Path = ROOT / "src", timeout: int = 60) -> str:
    """Run the notebooks of a folder as `make test` does, and return pytest's report, one line per cell."""
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--color=no", "--nbval"]
    options = ["--nbval-current-env", f"--nbval-cell-timeout={timeout}", f"--rootdir={folder}", str(folder)]
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT / '_ext'}", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *options], capture_output=True, text=True, env=environment, cwd=folder, check=False
    ).stdout


def cell(source: str, stored: str = "", mime: str = "text/plain", count: int | None = 1) -> nbformat.NotebookNode:
    outputs = [nbformat.v4.new_output("execute_result", data={mime: stored}, execution_count=count)] if stored else []
    return nbformat.v4.new_code_cell(source, execution_count=count, outputs=outputs)


LATEX = "from IPython.display import display; display({'text/latex': '$%s$'}, raw=True)"

NOTEBOOKS = {
    "noise": [cell("1 + 1e-12", "'x'"), cell("2 / 3", "0.6666666666661")],
    "change": [cell("2 / 3", "0.66666667333")],
    "layout": [
        cell("import numpy as np; np.array([[1.0, 0.0], [0.25, 1e3]])", "array([[1.00e+00, -1e-17], [0.25, 1000.]])")
    ],
    "shape": [cell("import numpy as np; np.array([[1.0, 0.0], [0.25, 1e3]])", "array([1.0, 0., 0.25, 1000.])")],
    "sign": [cell("import numpy as np; np.array([1.5, -2.5])", "array([1.5, 2.5])")],
    "integer": [cell("10**12 + 1", "1000000000002")],
    "word": [cell("'slope -2.000'", "'Slope -2.000'")],
    "latex": [cell(LATEX % "1.5 x", "$1.5 x$", "text/latex")],
    "wrong-latex": [cell(LATEX % "1.5 x", "$1.5000000000001 x$", "text/latex")],
    "align": [
        cell(
            LATEX.replace("$%s$", "%s") % r"\\begin{align} 1.5 \\end{align}",
            r"\begin{align} 1.5000000000001 \end{align}",
            "text/latex",
        )
    ],
    "ignored": [cell("# PYTEST_VALIDATE_IGNORE_OUTPUT\n1", "2")],
    "stderr": [cell("import warnings; warnings.warn('new')")],
    "dead-kernel": [cell("import os; os._exit(1)"), cell("1", "1"), cell("2", "2")],
    "claim": [
        cell(
            "from optnotes import checks\nfrom optnotes.claims import Chapter\n"
            "repr(Chapter('demo').claim('two-is-two', '$2$', checks.agree, 2.0, 2.0, rtol=1e-9, rival=3.0))",
            "'claim two-is-two: exact (within 1e-06); rival rejected; source: new'",
        )
    ],
}
CLAIM = """from optnotes import checks
from optnotes.claims import Chapter
Chapter('demo').claim('about-one', '$2$', checks.approximate, %r, 1.0, within=0.03, domain='B = 4', rival=2.0)"""


def claim_cell(stored: float, fresh: float) -> nbformat.NotebookNode:
    claim = Chapter("demo").claim(
        "about-one", "$2$", checks.approximate, stored, 1.0, within=0.03, domain="B = 4", rival=2.0
    )
    shown = nbformat.v4.new_output("execute_result", data=claim._repr_mimebundle_(), execution_count=1)
    return nbformat.v4.new_code_cell(CLAIM % fresh, execution_count=1, outputs=[shown])


NOTEBOOKS["figure-noise"] = [claim_cell(1.0245000000005, 1.0244999999995)]  # at the tie of 2.4 and 2.5 %
NOTEBOOKS["figure-change"] = [claim_cell(1.0245, 1.0245001)]
NOTEBOOKS["tagged"] = [cell("1", "2")]
NOTEBOOKS["tagged"][0].metadata["tags"] = ["nbval-ignore-output"]
NOTEBOOKS["skipped"] = [cell("# NBVAL_SKIP\n1", "2")]
NOTEBOOKS["noise"][0].outputs[0]["data"]["text/plain"] = "1.000000000001"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chapters")
    shutil.copy(ROOT / "chapters" / "conftest.py", folder)
    for name, cells in NOTEBOOKS.items():
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    return run_nbval(folder)


@pytest.mark.parametrize("name", ["noise", "latex", "layout", "figure-noise"])
def test_rounding_noise_passes(report, name):
    assert f"PASSED {name}.ipynb::Cell 0" in report
    assert f"FAILED {name}.ipynb" not in report


FAULTS = ["change", "shape", "sign", "integer", "word", "wrong-latex", "align", "stderr", "claim", "figure-change"]


@pytest.mark.parametrize("name", [*FAULTS, "ignored", "tagged", "skipped"])
def test_a_planted_difference_fails(report, name):
    assert f"FAILED {name}.ipynb::Cell 0" in report


def test_every_cell_after_a_dead_kernel_fails(report):
    assert all(f"{outcome} dead-kernel.ipynb::Cell {k}" in report for k, outcome in enumerate(["FAILED"] * 3))


def test_a_failure_names_notebook_cell_claim_and_both_outputs(report):
    assert "claim.ipynb, cell 0, claims: two-is-two" in report
    assert "within 1e-06" in report
    assert "within 1e-09" in report


def test_a_failure_says_which_number_moved_and_by_how_much(report):
    assert "number 2, at index 1: 2.5 stored, -2.5 found, 2 relative, 2e+09 × the tolerance" in report
    assert re.search(
        r"figure of claim about-one: 0.024[45]\d* stored, 0.0245001\d* found, 1e-07 apart, .* × the noise", report
    )


@pytest.fixture(scope="module")
def run_chapter(tmp_path_factory):
    def run(fault: tuple[str, str]) -> str:
        folder = tmp_path_factory.mktemp("book")
        package = shutil.copytree(ROOT / "src", folder / "src")
        module = package / "optnotes" / "extremes" / "_distribution.py"
        assert fault[0] in module.read_text(), "the fault is planted in what the module says"
        module.write_text(module.read_text().replace(*fault))
        (folder / "chapters").mkdir()
        for name in ("conftest.py", "maximum-of-normals.ipynb"):
            shutil.copy(ROOT / "chapters" / name, folder / "chapters")
        return run_nbval(folder / "chapters", package=package)

    return run


def test_a_wrong_factor_in_a_helper_turns_the_chapter_red_and_names_the_claims(run_chapter):
    report = run_chapter(("2 * math.pi", "3 * math.pi"))
    assert "claim package-density of maximum-of-normals fails: the routes differ by" in report
    assert re.search(r"relative, [\d.e+]+ × the tolerance 1e-11 at index .*: .* against ", report)
    assert "claim package-mode of maximum-of-normals fails" in report


def test_without_the_fault_the_same_run_is_green(run_chapter):
    report = run_chapter(("2 * math.pi", "2 * math.pi"))
    assert "FAILED" not in report
    assert "PASSED maximum-of-normals.ipynb::Cell 0" in report
