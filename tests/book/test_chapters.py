"""The form of every chapter, seen without running a cell; each rule is also tested on a planted fault."""

import ast
import io
import re
import statistics
import sys
import tokenize
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[2]
CHAPTERS = ROOT / "chapters"
sys.path.insert(0, str(ROOT / "_ext"))

from book import ledger  # noqa: E402
from book.notebooks import chapters, documents  # noqa: E402

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
FORBIDDEN = (
    r"\b(import|from) (time|datetime|socket|urllib|requests|subprocess|pathlib|os)\b|\bopen\(|savefig|np\.save|"
    r'%time|perf_counter|simplefilter\("ignore|filterwarnings\("ignore'
)
FILLER = r"\b(clearly|obviously|of course|it is easy to see|as expected|trivially|simply)\b"


def code(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def prose(book):
    return "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")


def outputs(book):
    return [output for cell in code(book) for output in cell.outputs]


def was_run_in_order_from_a_fresh_kernel(book):
    return [cell.execution_count for cell in code(book)] == list(range(1, len(code(book)) + 1))


def holds_no_error_and_nothing_on_stderr(book):
    return not [out for out in outputs(book) if out.output_type == "error" or out.get("name") == "stderr"]


def statements(cell):
    """Lines of code as Python counts them: a statement that is laid out over several lines is one."""
    tokens = tokenize.generate_tokens(io.StringIO(cell.source).readline)
    return sum(token.type == tokenize.NEWLINE for token in tokens)


def has_lines_that_fit_the_page(book):
    return all(len(line) <= 88 for cell in code(book) for line in cell.source.splitlines())


def has_short_cells(book):
    """A table of verdicts is data: it may be longer than a screen."""
    lengths = [len(cell.source.splitlines()) for cell in code(book) if ".verdict(" not in cell.source]
    return max(lengths) <= 25 and statistics.median(map(statements, code(book))) <= 4


def has_a_sentence_before_every_cell(book):
    return not any(a.cell_type == b.cell_type == "code" for a, b in pairwise(book.cells))


def has_only_small_functions(book):
    trees = [ast.parse(cell.source) for cell in code(book)]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return all(sum(isinstance(part, ast.stmt) for part in ast.walk(node)) <= 5 for node in functions)


def uses_no_clock_network_or_file_and_hides_no_warning(book):
    return not any(re.search(FORBIDDEN, cell.source) for cell in code(book))


def follows_the_sections_of_the_design(book):
    headings = re.findall(r"^## (.+)$", prose(book), flags=re.MULTILINE)
    return [heading for heading in headings if heading in SECTIONS] == SECTIONS


def keeps_prose_and_code_in_proportion(book):
    """About ten words a statement; outside of 6 to 16 it is a listing or an essay."""
    return 6 <= len(prose(book).split()) / sum(map(statements, code(book))) <= 16


def has_no_filler(book):
    return not re.search(FILLER, prose(book), flags=re.IGNORECASE)


def describes_every_figure_and_prints_its_numbers(book):
    cells = code(book)
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        if any("image/svg+xml" in out.get("data", {}) for out in cell.outputs):
            words = cell.metadata["mystnb"]
            described = words["image"]["alt"] and words["figure"]["caption"]
            printed = following is not None and re.search(r"\d", str(following.outputs))
            if not (described and words["figure"]["name"].startswith("fig-") and printed):
                return False
    return True


def has_no_picture_that_escapes_comparison(book):
    return not any({"image/png", "image/jpeg"} & set(out.get("data", {})) for out in outputs(book))


RULES = [
    was_run_in_order_from_a_fresh_kernel,
    holds_no_error_and_nothing_on_stderr,
    has_lines_that_fit_the_page,
    has_short_cells,
    has_a_sentence_before_every_cell,
    has_only_small_functions,
    uses_no_clock_network_or_file_and_hides_no_warning,
    follows_the_sections_of_the_design,
    keeps_prose_and_code_in_proportion,
    has_no_filler,
    describes_every_figure_and_prints_its_numbers,
    has_no_picture_that_escapes_comparison,
]
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in sorted(CHAPTERS.glob("*.ipynb"))}


@pytest.mark.parametrize("slug", NOTEBOOKS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_chapter(slug, rule):
    assert rule(NOTEBOOKS[slug])


SVG = {"image/svg+xml": "<svg/>"}
WORDS = {"image": {"alt": "a line"}, "figure": {"caption": "A line.", "name": "fig-line"}}


def good_book():
    text = "\n".join(f"## {heading}\nOne two three." for heading in SECTIONS)
    figure = new_output("display_data", data=dict(SVG))
    number = new_output("execute_result", data={"text/plain": "1.5"}, execution_count=2)
    cells = [
        new_markdown_cell(text),
        new_code_cell("draw()", execution_count=1, outputs=[figure], metadata={"mystnb": WORDS}),
        new_markdown_cell("The number."),
        new_code_cell("x\n" * 7, execution_count=2, outputs=[number]),
    ]
    return new_notebook(cells=cells)


def test_the_book_without_a_fault_passes_every_rule():
    assert [rule.__name__ for rule in RULES if not rule(good_book())] == []


def with_output(book, **output):
    book.cells[3].outputs.append(new_output(**output))


FAULTS = {
    "never run": (was_run_in_order_from_a_fresh_kernel, lambda book: book.cells[1].update(execution_count=None)),
    "out of order": (was_run_in_order_from_a_fresh_kernel, lambda book: book.cells[1].update(execution_count=3)),
    "stderr": (
        holds_no_error_and_nothing_on_stderr,
        lambda book: with_output(book, output_type="stream", name="stderr", text="warning"),
    ),
    "error": (
        holds_no_error_and_nothing_on_stderr,
        lambda book: with_output(book, output_type="error", ename="E", evalue="", traceback=[]),
    ),
    "wide line": (has_lines_that_fit_the_page, lambda book: book.cells[3].update(source="x" * 89)),
    "many statements": (has_short_cells, lambda book: [cell.update(source="x\n" * 5) for cell in code(book)]),
    "long cell": (has_short_cells, lambda book: book.cells[3].update(source="x\n" * 26)),
    "no sentence": (has_a_sentence_before_every_cell, lambda book: book.cells.pop(2)),
    "long function": (has_only_small_functions, lambda book: book.cells[3].update(source="def f():\n" + "    x\n" * 5)),
    "clock": (
        uses_no_clock_network_or_file_and_hides_no_warning,
        lambda book: book.cells[3].update(source="from time import time"),
    ),
    "hidden warning": (
        uses_no_clock_network_or_file_and_hides_no_warning,
        lambda book: book.cells[3].update(source='warnings.simplefilter("ignore")'),
    ),
    "missing section": (
        follows_the_sections_of_the_design,
        lambda book: book.cells[0].update(source="## Setting and notation"),
    ),
    "listing": (keeps_prose_and_code_in_proportion, lambda book: book.cells[3].update(source="x\n" * 300)),
    "filler": (has_no_filler, lambda book: book.cells[2].update(source="Clearly, the number.")),
    "no caption": (
        describes_every_figure_and_prints_its_numbers,
        lambda book: book.cells[1].metadata.mystnb.figure.update(caption=""),
    ),
    "no numbers": (describes_every_figure_and_prints_its_numbers, lambda book: book.cells[3].update(outputs=[])),
    "raster": (
        has_no_picture_that_escapes_comparison,
        lambda book: with_output(book, output_type="display_data", data={"image/png": "aa"}),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_breaks_its_rule(fault):
    rule, plant = FAULTS[fault]
    book = good_book()
    plant(book)
    assert not rule(book)


def pages_beside_the_contents(root):
    """Notebooks and pages that a reader or CI would never see, because `_toc.yml` does not name them."""
    found = [
        path.relative_to(root).with_suffix("").as_posix()
        for path in [*root.glob("*.ipynb"), *(root / "chapters").rglob("*")]
        if path.suffix in {".ipynb", ".md"} and ".ipynb_checkpoints" not in path.parts
    ]
    return set(found) ^ set(documents(root))


def test_every_notebook_and_page_is_in_the_table_of_contents_and_back():
    assert NOTEBOOKS
    assert pages_beside_the_contents(ROOT) == set()


@pytest.mark.parametrize("stray", ["chapters/drafts/a.ipynb", "chapters/a.ipynb", "a.ipynb"])
def test_a_stray_notebook_is_found_even_when_a_comment_names_it(tmp_path, stray):
    (tmp_path / "chapters" / "drafts").mkdir(parents=True)
    (tmp_path / "chapters" / "index.md").touch()
    (tmp_path / "_toc.yml").write_text("root: chapters/index\nchapters: []\n# - file: chapters/a\n")
    (tmp_path / stray).touch()
    assert pages_beside_the_contents(tmp_path) == {stray.removesuffix(".ipynb")}


def test_claims_json_holds_the_claims_and_verdicts_of_the_notebooks():
    committed = (ROOT / ledger.CLAIMS).read_text(encoding="utf-8")
    assert committed == ledger.dump(ledger.collect(chapters(ROOT))), "run `make refresh` and commit claims.json"
