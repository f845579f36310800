"""The form of every chapter: what design and reader rely on, seen without running a cell."""

import ast
import os
import re
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
CHAPTERS = ROOT / "chapters"
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in sorted(CHAPTERS.glob("*.ipynb"))}
CODE = {slug: [cell for cell in book.cells if cell.cell_type == "code"] for slug, book in NOTEBOOKS.items()}

each_chapter = pytest.mark.parametrize("slug", NOTEBOOKS)

SECTIONS = [
    "Setting and notation",
    "Assumptions",
    "Derivation",
    "Limits and special cases",
    "A second exact route",
    "The package agrees",
    "Monte Carlo",
    "Control",
    "Beyond the source",
    "Domain of validity",
    "Corrections to the source",
    "In practice",
    "Exercises",
    "References",
]
FORBIDDEN = r"\bimport (time|socket|urllib|requests|subprocess)\b|\bopen\(|%time|NBVAL_|warnings\.filter|perf_counter"


def test_there_is_at_least_one_chapter():
    assert NOTEBOOKS


def test_every_notebook_is_in_the_table_of_contents_and_back():
    listed = re.findall(r"file: chapters/([\w-]+)", (ROOT / "_toc.yml").read_text())
    pages = {path.stem for path in CHAPTERS.iterdir() if path.suffix in {".ipynb", ".md"}} - {"index"}
    assert sorted(listed) == sorted(pages)
    assert yaml.safe_load((ROOT / "_toc.yml").read_text())["root"] == "chapters/index"


@each_chapter
def test_cells_were_run_once_each_in_order_from_a_fresh_kernel(slug):
    assert [cell.execution_count for cell in CODE[slug]] == list(range(1, len(CODE[slug]) + 1))


@each_chapter
def test_stored_outputs_hold_no_error_and_nothing_on_stderr(slug):
    outputs = [output for cell in CODE[slug] for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


@each_chapter
def test_cells_are_short(slug):
    lengths = [len(cell.source.splitlines()) for cell in CODE[slug]]
    assert max(lengths) <= 25
    assert statistics.median(lengths) <= 4


@each_chapter
def test_every_code_cell_follows_a_sentence(slug):
    cells = NOTEBOOKS[slug].cells
    alone = [b.source for a, b in pairwise(cells) if a.cell_type == b.cell_type == "code"]
    assert not alone


@each_chapter
def test_no_function_grows_in_a_notebook(slug):
    trees = [ast.parse(cell.source) for cell in CODE[slug]]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert all(node.end_lineno - node.lineno < 5 for node in functions)


@each_chapter
def test_cells_use_no_clock_no_network_no_files_and_hide_no_warning(slug):
    assert not [cell.source for cell in CODE[slug] if re.search(FORBIDDEN, cell.source)]


@each_chapter
def test_sections_come_in_the_order_of_the_design(slug):
    text = "\n".join(cell.source for cell in NOTEBOOKS[slug].cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS


@each_chapter
def test_prose_and_code_are_in_proportion(slug):
    """About ten words a line of code; a chapter outside of 6 to 16 is a listing or an essay."""
    words = sum(len(cell.source.split()) for cell in NOTEBOOKS[slug].cells if cell.cell_type == "markdown")
    lines = sum(len(cell.source.splitlines()) for cell in CODE[slug])
    assert 6 <= words / lines <= 16


@each_chapter
def test_no_filler(slug):
    text = " ".join(cell.source for cell in NOTEBOOKS[slug].cells if cell.cell_type == "markdown").lower()
    assert not re.findall(r"\b(clearly|obviously|of course|it is easy to see|as expected|trivially|simply)\b", text)


@each_chapter
def test_a_figure_has_alternative_text_a_caption_and_printed_numbers(slug):
    for cell in CODE[slug]:
        if any("image/svg+xml" in output.get("data", {}) for output in cell.outputs):
            assert cell.metadata["mystnb"]["image"]["alt"]
            assert cell.metadata["mystnb"]["figure"]["caption"]
            assert cell.metadata["mystnb"]["figure"]["name"].startswith("fig-")


def test_claims_json_holds_the_claims_and_verdicts_of_the_notebooks():
    command = [sys.executable, "-m", "book", "ledger", "--check"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "_ext")}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
