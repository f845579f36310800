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


def place(root: Path, **notebooks: list[nbformat.NotebookNode]) -> Path:
    """Lay out chapters beside a copy of the package, and return their folder."""
    shutil.copytree(ROOT / "src", root / "src")
    (root / "chapters").mkdir()
    shutil.copy(ROOT / "chapters" / "conftest.py", root / "chapters")
    for name, cells in notebooks.items():
        nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "chapters" / f"{name}.ipynb")
    return root / "chapters"


def run_nbval(root: Path, *folders: Path) -> str:
    """Run the notebooks of the folders by the rules of `make test`, and return pytest's report, one line per cell."""
    command = [sys.executable, "-m", "pytest", "-p", "book", "-q", "-rA", "-p", "no:cacheprovider", "--nbval"]
    options = ["--nbval-current-env", "--nbval-cell-timeout=60", "--color=no", "--import-mode=importlib"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "_ext"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *options, f"--rootdir={root}", *map(str, folders)],
        capture_output=True, text=True, env=environment, cwd=root, check=False,
    ).stdout  # fmt: skip


def cell(source: str, stored: str = "", mime: str = "text/plain", count: int | None = 1) -> nbformat.NotebookNode:
    outputs = [nbformat.v4.new_output("execute_result", data={mime: stored}, execution_count=count)] if stored else []
    return nbformat.v4.new_code_cell(source, execution_count=count, outputs=outputs)


LATEX = "from IPython.display import display; display({'text/latex': '$%s$'}, raw=True)"

CELLS = {
    "noise": cell("1 + 1e-12", "1.000000000001"),
    "more noise": cell("2 / 3", "0.6666666666661"),
    "change": cell("2 / 3", "0.66666667333"),
    "layout": cell(
        "import numpy as np; np.array([[1.0, 0.0], [0.25, 1e3]])", "array([[1.00e+00, -1e-17], [0.25, 1000.]])"
    ),
    "shape": cell("import numpy as np; np.array([[1.0, 0.0], [0.25, 1e3]])", "array([1.0, 0., 0.25, 1000.])"),
    "sign": cell("import numpy as np; np.array([1.5, -2.5])", "array([1.5, 2.5])"),
    "integer": cell("10**12 + 1", "1000000000002"),
    "word": cell("'slope -2.000'", "'Slope -2.000'"),
    "latex": cell(LATEX % "1.5 x", "$1.5 x$", "text/latex"),
    "wrong-latex": cell(LATEX % "1.5 x", "$1.5000000000001 x$", "text/latex"),
    "align": cell(
        LATEX.replace("$%s$", "%s") % r"\\begin{align} 1.5 \\end{align}",
        r"\begin{align} 1.5000000000001 \end{align}",
        "text/latex",
    ),
    "ignored": cell("# PYTEST_VALIDATE_IGNORE_OUTPUT\n1", "2"),
    "stderr": cell("import warnings; warnings.warn('new')"),
    "claim": cell(
        "from optnotes import checks\nfrom optnotes.claims import Chapter\n"
        "repr(Chapter('demo').claim('two-is-two', '$2$', checks.agree, 2.0, 2.0, rtol=1e-9, rival=3.0))",
        "'claim two-is-two: exact (within 1e-06); rejected: a rival; source: new'",
    ),
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


CELLS["figure-noise"] = claim_cell(1.0245000000005, 1.0244999999995)  # at the tie of 2.4 and 2.5 %
CELLS["figure-change"] = claim_cell(1.0245, 1.0245001)
CELLS["tagged"] = cell("1", "2")
CELLS["tagged"].metadata["tags"] = ["nbval-ignore-output"]
CELLS["skipped"] = cell("# NBVAL_SKIP\n1", "2")
DEAD = [cell("import os; os._exit(1)"), cell("1", "1"), cell("2", "2")]

PROBE = [
    cell(
        "import numpy as np\nfrom scipy.special import ndtr\nfrom optnotes import checks, extremes\n"
        "from optnotes.claims import Chapter\nchapter = Chapter('probe')"
    ),
    cell(
        "z = np.linspace(0.5, 6, 12)\n"
        "def density(n): return n * ndtr(z) ** (n - 1) * np.exp(-z**2 / 2) / np.sqrt(2 * np.pi)\n"
        "repr(chapter.claim('density', '$p$', checks.agree, extremes.max_pdf(z, 4096), density(4096), rtol=1e-11,\n"
        "                   rival=density(4097)))",
        "'claim density: exact (within 1e-11); rejected: a rival; source: new'",
    ),
]


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What one run says of each book: one with planted differences, one with a fault in the package, one without."""
    root = tmp_path_factory.mktemp("books")
    sound = place(root / "sound", probe=PROBE)
    faulty = place(root / "faulty", probe=PROBE)
    module = root / "faulty" / "src" / "optnotes" / "extremes" / "_distribution.py"
    assert "2 * math.pi" in module.read_text(), "the fault is planted in what the module says"
    module.write_text(module.read_text().replace("2 * math.pi", "3 * math.pi"))
    planted = place(root / "planted", cells=list(CELLS.values()), dead=DEAD)
    return run_nbval(root, sound, faulty, planted)


@pytest.fixture(scope="module")
def report(reports):
    return {name: _outcome(reports, f"planted/chapters/cells.ipynb::Cell {k}") for k, name in enumerate(CELLS)}


def _outcome(reports: str, test: str) -> str:
    """The one word that the list at the end has for a test."""
    (word,) = re.findall(rf"^(PASSED|FAILED|ERROR|SKIPPED) {re.escape(test)}(?: |$)", reports, flags=re.MULTILINE)
    return word


@pytest.mark.parametrize("name", ["noise", "more noise", "latex", "layout", "figure-noise"])
def test_rounding_noise_passes(report, name):
    assert report[name] == "PASSED"


FAULTS = ["change", "shape", "sign", "integer", "word", "wrong-latex", "align", "stderr", "claim", "figure-change"]


@pytest.mark.parametrize("name", [*FAULTS, "ignored", "tagged", "skipped"])
def test_a_planted_difference_fails(report, name):
    assert report[name] == "FAILED"


def test_every_cell_after_a_dead_kernel_fails(reports):
    assert [_outcome(reports, f"planted/chapters/dead.ipynb::Cell {k}") for k in range(3)] == ["FAILED"] * 3


def test_a_failure_names_notebook_cell_claim_and_both_outputs(reports):
    assert f"cells.ipynb, cell {list(CELLS).index('claim')}, claims: two-is-two" in reports
    assert "within 1e-06" in reports
    assert "within 1e-09" in reports


def test_a_failure_says_which_number_moved_and_by_how_much(reports):
    assert "number 2, at index 1: 2.5 stored, -2.5 found, 2 relative, 2e+09 × the tolerance" in reports
    assert re.search(
        r"figure of claim about-one: 0.024[45]\d* stored, 0.0245001\d* found, 1e-07 apart, .* × the noise", reports
    )


def test_a_wrong_factor_in_a_helper_turns_the_chapter_red_and_names_the_claim(reports):
    assert _outcome(reports, "faulty/chapters/probe.ipynb::Cell 1") == "FAILED"
    assert "claim density of probe fails: the routes differ by" in reports
    assert re.search(r"relative, [\d.e+]+ × the tolerance 1e-11 at index .*: .* against ", reports)


def test_without_the_fault_the_same_chapter_is_green(reports):
    assert _outcome(reports, "sound/chapters/probe.ipynb::Cell 1") == "PASSED"
