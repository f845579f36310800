"""`make test` as its user meets it: faults of kernels, red output, progress, summary, and outputs kept for the book."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from book import execute, notebooks  # noqa: E402
from book.ledger import MIMES  # noqa: E402

LIMIT = 12
"""Seconds that a cell may run here; a death that is called by its name was noticed sooner."""


def cell(source, stored="", *data):
    outputs = [new_output("execute_result", data={"text/plain": stored}, execution_count=1)] if stored else []
    outputs += [new_output("display_data", data=part) for part in data]
    return new_code_cell(source, execution_count=1, outputs=outputs)


def place(root, **books):
    """Lay out a book in miniature: the notebooks, given by their cells, and the rules that they are tested by."""
    (root / "chapters").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "chapters" / "conftest.py", root / "chapters")
    for name, cells in books.items():
        nbformat.write(new_notebook(cells=cells), root / "chapters" / f"{name}.ipynb")
    toc = "".join(f"  - file: chapters/{name}\n" for name in books)
    (root / "_toc.yml").write_text(f"format: jb-book\nroot: chapters/index\nchapters:\n{toc}")
    return root / "chapters"


def run(root, *arguments, path=(), **variables):
    """Run pytest with the plugin of `make test`, and return what it prints."""
    command = [sys.executable, "-m", "pytest", "-p", "book.suite", "-q", "-rfE", "-p", "no:cacheprovider"]
    options = ["--color=no", "--import-mode=importlib", f"--rootdir={root}", "-o", "console_output_style=classic"]
    outside = {name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}}
    environment = {
        **outside, "PYTHONPATH": os.pathsep.join(map(str, [*path, ROOT / "_ext"])), "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **variables,
    }  # fmt: skip
    done = subprocess.run(
        [*command, *options, *map(str, arguments)],
        capture_output=True, text=True, env=environment, cwd=root, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


NBVAL = ("--nbval", "--nbval-current-env", f"--nbval-cell-timeout={LIMIT}")
CLAIM = {"id": "two", "chapter": "differs", "statement": "$2$", "kind": "exact", "source": "Author 1, eq. 3"}
RECORD = {"text/plain": "claim two", MIMES["claims"]: CLAIM}
NUMBERS = {"text/plain": "[2.0, 3.0]"}
SHOW = f"from IPython.display import display\nfor data in {RECORD}, {NUMBERS}: display(data, raw=True)"
FAULTS = {
    "dead": [cell("import os; os._exit(3)"), cell("1", "1"), cell("2", "2")],
    "killed": [cell("import os, signal"), cell("os.kill(os.getpid(), signal.SIGKILL)"), cell("2", "2")],
    "hangs": [cell("import time"), cell("time.sleep(600)"), cell("2", "2")],
    "stubborn": [cell("import time\ntry: time.sleep(600)\nexcept KeyboardInterrupt: pass"), cell("2", "2")],
    "raises": [cell("1 / 0", "", {MIMES["claims"]: {**CLAIM, "id": "three"}}), cell("2", "2")],
    "differs": [cell(SHOW, "", RECORD, {"text/plain": "[2.0000001, 3.0]"})],
}
GOOD = {"good": [cell(SHOW, "", RECORD, NUMBERS), cell("1", "1")]}


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    root = tmp_path_factory.mktemp("faults")
    stillborn = place(root / "other", stillborn=[cell("1", "1"), cell("2", "2")])
    (root / "other" / "src").mkdir()
    (root / "other" / "src" / "ipykernel_launcher.py").write_text("raise SystemExit('no kernel today')")
    folders = place(root, **FAULTS, **GOOD), stillborn
    return run(root, "-n", "2", "--dist", "loadfile", *NBVAL, *folders)


def failure(text, name, number):
    """The report of one failed cell."""
    return re.split(
        r"\n_{3,} .* _{3,}\n|\n={3,}", text.split(f"{name}.ipynb::Cell {number} ___", 1)[1].split("\n", 1)[1]
    )[0]


# What happens to kernels


@pytest.mark.parametrize(
    ("name", "number", "reason"),
    [
        ("dead", 0, "the kernel died: its process ended with status 3"),
        ("killed", 1, "the kernel died: its process was ended by SIGKILL; so ends a process when memory runs out"),
        ("hangs", 1, f"ran longer than {LIMIT} s"),
        ("stubborn", 0, f"ran longer than {LIMIT} s"),
        ("raises", 0, "ZeroDivisionError: division by zero"),
        ("stillborn", 0, "did not run: the kernel died at its start: its process ended with status 1\nno kernel today"),
    ],
)
def test_a_fault_is_called_by_its_name_with_chapter_and_cell(faults, name, number, reason):
    report = failure(faults, name, number)
    assert reason in report
    assert f"{name}.ipynb, cell {number}, claims:" in report
    assert f"make test CHAPTER={name}" in report


@pytest.mark.parametrize(
    ("name", "number", "reason"),
    [
        ("dead", 1, "did not run: the kernel died in cell 0"),
        ("dead", 2, "did not run: the kernel died in cell 0"),
        ("killed", 2, "did not run: the kernel died in cell 1"),
        ("hangs", 2, f"did not run: cell 1 ran longer than {LIMIT} s"),
        ("stubborn", 1, f"did not run: cell 0 ran longer than {LIMIT} s"),
        ("stillborn", 1, "did not run: the kernel died at its start"),
    ],
)
def test_what_cannot_run_any_more_is_not_executed_and_says_why(faults, name, number, reason):
    assert reason in failure(faults, name, number)


def test_a_cell_after_an_exception_runs(faults):
    assert "raises.ipynb::Cell 1" not in faults


# Red output


def test_a_failure_names_the_claim_its_equation_both_numbers_and_the_distance(faults):
    report = failure(faults, "differs", 0)
    assert "claim     two (Author 1, eq. 3)\n            $2$" in report
    assert "2.0000001 stored, 2.0 found, 5e-08 relative, 50 × the tolerance" in report


def test_the_list_at_the_end_says_what_failed_and_what_to_run(faults):
    assert "FAILED chapters/dead.ipynb::Cell 0 - the kernel died: its process ended with" in faults
    again = faults.split("run what failed again")[1]
    assert set(re.findall(r"^make test CHAPTER=(\w+)$", again, flags=re.MULTILINE)) == {*FAULTS, "stillborn"}


UNIT = """
import pytest
pytestmark = pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("x", ["a", "it's $1 [b]"])
def test_fails(x): assert x == "a"
def test_passes(): pass
@pytest.mark.skip(reason="install the peer")
def test_is_skipped(): pass
"""


@pytest.fixture(scope="module")
def unit_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("units")
    (root / "test_unit.py").write_text(UNIT)
    (root / "test_whole.py").write_text("import pytest\npytest.importorskip('no_such_peer', reason='install it all')")
    return root


@pytest.fixture(scope="module")
def units(unit_folder):
    return run(unit_folder)


def test_a_failed_unit_test_ends_with_the_command_that_runs_it_again(units):
    assert "make test TEST='test_unit.py::test_fails[it'\\''s $$1 [b]]'" in units


# Progress and summary


def test_each_file_is_a_line_with_its_time_and_how_many_are_done(faults, units):
    line = r"^good: 2 cells, \d+\.\d s \(\d/8 chapters\)$"
    assert re.search(line, faults, flags=re.MULTILINE)
    assert re.search(r"^hangs: 3 cells, 2 failed, \d+\.\d s \(\d/8 chapters\)$", faults, flags=re.MULTILINE)
    assert re.search(r"^test_unit.py: 4 tests, 1 failed, \d+\.\d s \(1/1 files\)$", units, flags=re.MULTILINE)


def test_the_summary_counts_claims_by_kind_and_names_the_slowest(faults):
    summary = faults.split("claims ====")[1]
    assert "2 claims passed: 2 exact; 0 verdicts on equations" in summary
    for title, entry in (("cells", r"(\w+), cell \d"), ("chapters", r"(\w+)")):
        listed = re.findall(rf"^ +(\d+\.\d) s  {entry}$", summary.split(f"slowest {title} ==")[1].split("\n=")[0], re.M)
        assert [float(seconds) for seconds, _ in listed] == sorted(
            (float(seconds) for seconds, _ in listed), reverse=True
        )
        assert {"hangs", "stubborn"} <= {name for _, name in listed}


def test_a_claim_whose_cell_failed_is_named_in_the_summary(faults):
    assert "without a pass: three\n" in faults


def test_skips_are_listed_with_their_reasons(units):
    assert "skipped: 2" in units
    assert "1 × install the peer (test_unit.py)" in units
    assert "1 × install it all (test_whole.py)" in units


@pytest.mark.parametrize(("options", "variables"), [(["--no-skips"], {}), (["-n", "2"], {"CI": "true"})])
def test_a_skip_is_a_failure_where_nothing_may_be_skipped(unit_folder, options, variables):
    text = run(unit_folder, "--continue-on-collection-errors", *options, **variables)
    for reason in ("install the peer", "install it all"):
        assert f"skipped, where nothing may be (--no-skips, CI): {reason}" in text
    assert "skipped: " not in text


# Commands


def make(*arguments):
    command = ["make", "--no-print-directory", "-C", str(ROOT), "-n", "-o", ".venv/.ready", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "MAKEFLAGS": ""})


def test_an_unknown_chapter_is_refused_with_the_known_ones():
    refused = make("test", "CHAPTER=weight-rsm")
    assert refused.returncode == 2
    assert "no chapter is called weight-rsm; there are: " in refused.stderr
    assert set(notebooks.chapters(ROOT)) <= set(re.findall(r"[\w-]+", refused.stderr))


@pytest.mark.parametrize(
    ("arguments", "ending"),
    [
        (["CHAPTER=weight-rms"], "chapters/weight-rms.ipynb"),
        (["CHAPTER=weight-rms mean-field"], "chapters/weight-rms.ipynb chapters/mean-field.ipynb"),
        (["TEST=README.md::test_x[a b]"], '"$TEST"'),
        (["TEST=sphere and scale"], 'tests src -k "$TEST"'),
        ([], "chapters tests src"),
    ],
)
def test_make_test_runs_what_it_is_asked_for(arguments, ending):
    assert make("test", *arguments).stdout.rstrip().endswith(ending)


def test_make_check_runs_the_notebooks_before_it_builds_the_book():
    commands = make("check").stdout
    assert commands.index(" chapters tests src") < commands.index("book build") < commands.rindex("test_site.py")


# Each notebook executes once

RICH = """
import sys, warnings
from IPython.display import SVG, display
print("a"); display(SVG("<svg xmlns='http://www.w3.org/2000/svg'/>")); print("b"); print("c", file=sys.stderr)
display({"text/plain": "x", "text/latex": "$x$", "application/json": {"b": [1, 2.5], "a": None}}, raw=True)
sorted({"x", "y"}), __import__("os").environ["PYTHONHASHSEED"]
"""
KEPT = {
    "rich": [new_markdown_cell("Prose."), cell(RICH), cell("_"), cell("")],
    "raises": [cell("1 / 0")],
    "changes": [cell("import part; open(part.__file__, 'w').write('X = 2')", "5")],
    "revises": [cell("handle = display('a', display_id=True)"), cell("handle.update('b')")],
}


def cached(root):
    return {path.read_text(encoding="utf-8") for path in (root / "_build" / "cache").glob("*.ipynb")}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    root = tmp_path_factory.mktemp("kept")
    (root / "src").mkdir()
    (root / "src" / "part.py").write_text("X = 1")
    text = run(root, "--store-outputs", *NBVAL, place(root, **KEPT))
    return root, text


def test_outputs_of_a_chapter_that_ran_are_kept_even_where_they_differ_and_are_those_of_the_build(kept):
    root, text = kept
    assert "rich: 3 cells, 2 failed, " in text  # the stored outputs are none
    execute.refresh(root, ["rich"])
    assert cached(root) == {(root / "chapters" / "rich.ipynb").read_text(encoding="utf-8")}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "not every cell ran"),
        ("changes", "its code changed during the run"),
        ("revises", "not every cell ran"),
    ],
)
def test_outputs_that_are_not_what_the_build_would_make_are_not_kept(kept, name, reason):
    assert f"not those of {name}: {reason}" in kept[1]
    assert "outputs of 1 of 4 chapters kept" in kept[1]


def test_outputs_of_another_environment_are_not_kept(tmp_path):
    text = run(tmp_path, "--store-outputs", *NBVAL, place(tmp_path, **GOOD), OMP_NUM_THREADS="2")
    assert "not those of good: they were made in another environment than the book's" in text
    assert cached(tmp_path) == set()


def test_without_the_option_nothing_is_kept(faults):
    assert "kept" not in faults


def test_a_run_that_cannot_keep_outputs_passes_all_the_same(tmp_path):
    (tmp_path / "_build").write_text("a file where the folder should be")
    text = run(tmp_path, "--store-outputs", *NBVAL, place(tmp_path, **GOOD))
    assert "2 passed" in text
    assert re.search(r"not those of good: .*_build", text)


def test_records_of_json_survive_the_way_through_the_cache(kept):
    (book,) = map(json.loads, cached(kept[0]))
    assert {"b": [1, 2.5], "a": None} in [
        o.get("data", {}).get("application/json") for o in book["cells"][1]["outputs"]
    ]
