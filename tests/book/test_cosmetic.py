"""A refresh is cosmetic when every change of an output is proved to be one of looks; what is not proved has changed."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from book.cosmetic import CosmeticError, compared, cosmetic, expression, judged, marks  # noqa: E402
from book.ledger import MIMES  # noqa: E402


def shown(count=1, **data):
    names = {"plain": "text/plain", "latex": "text/latex", "svg": "image/svg+xml", "claim": MIMES["claims"]}
    return new_output("execute_result", data={names[key]: text for key, text in data.items()}, execution_count=count)


CASES = [
    ("identical", shown(1, plain="x"), shown(2, plain="x")),
    ("rounding", shown(plain="array([0.5])"), shown(plain="array([0.5000000000001])")),
    ("changed", shown(plain="array([0.5])"), shown(plain="array([0.50000001])")),
    ("rounding", shown(plain="a", svg="<svg/>"), shown(plain="a", svg="<svg />")),
    ("typesetting", shown(plain="x + y", latex="$x + y$"), shown(plain="y + x", latex="$y + x$")),
    (
        "typesetting",
        shown(plain="f(x)/2", latex=r"$\frac{f(x)}{2}$"),
        shown(plain="f(x)/2", latex=r"$\tfrac{1}{2} f(x)$"),
    ),
    ("changed", shown(plain="x - y", latex="$x - y$"), shown(plain="y - x", latex="$y - x$")),
    ("changed", shown(plain="x/y", latex=r"$\frac{x}{y}$"), shown(plain="y/x", latex=r"$\frac{y}{x}$")),
    ("changed", shown(plain="A*B", latex="$A B$"), shown(plain="B*A", latex="$B A$")),
    ("changed", shown(plain="<Math>", latex="$x$"), shown(plain="<Math>", latex="$y$")),
    ("typesetting", shown(latex=r"$2 \cdot x^{2}$"), shown(latex=r"$2\, x^2$")),
    ("typesetting", shown(latex=r"$\left(x\right)$"), shown(latex="$(x)$")),
    ("changed", shown(latex=r"$\alpha x$"), shown(latex=r"$\alpha{x}_1$")),
    ("changed", shown(latex="$x^{12}$"), shown(latex="$x^12$")),
    ("changed", shown(plain="a"), shown(plain="a", latex="a")),
    (
        "changed",
        shown(plain="then", claim={"id": "a", "kind": "proved"}),
        shown(plain="then", claim={"id": "a", "kind": "sampled"}),
    ),
    (
        "changed",
        shown(plain="t", claim={"id": "a", "statement": "$x$"}),
        shown(plain="t", claim={"id": "a", "statement": "$y$"}),
    ),
]


@pytest.mark.parametrize(("grade", "before", "after"), CASES)
def test_a_change_of_an_output_has_its_grade(grade, before, after):
    assert judged(before, after)[0] == grade


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-a*b*c + d", "d - a*b*c"),
        ("a - (b - c)", "a + c - b"),
        ("-(a + b)/c + d", "d - (b + a)/c"),
        ("exp(-x**2 + 1)", "exp(1 - x**2)"),
    ],
)
def test_terms_of_a_sum_may_stand_in_any_order(one, other):
    assert expression(one) == expression(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("-a**2", "(-a)**2"), ("a - b - c", "a - (b - c)"), ("x + 1", "x + 1.0"), ("f(a, b)", "f(b, a)"), ("a + a", "a")],
)
def test_another_expression_has_another_tree(one, other):
    assert expression(one) != expression(other)


def test_a_command_keeps_its_end():
    assert marks(r"\alpha x") != marks(r"\alphax")


def book(source, *outputs):
    return new_notebook(cells=[new_code_cell(source, execution_count=1, outputs=list(outputs))])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (book("x", shown(plain="1")), book("y", shown(plain="1"))),
        (book("x", shown(plain="1")), book("x")),
        (book("x", shown(plain="1")), new_notebook(cells=[])),
        (None, book("x")),
    ],
)
def test_other_code_or_another_number_of_outputs_is_a_change(before, after):
    assert {change.grade for change in compared("slug", before, after)} == {"changed"}


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "_toc.yml").write_text("root: chapters/index\nchapters:\n- file: chapters/one\n")
    nbformat.write(book("x", shown(plain="a + b", latex="$a + b$")), tmp_path / "chapters" / "one.ipynb")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=n@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Store"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    return tmp_path


def test_a_refresh_that_changes_the_print_alone_passes(repository, capsys):
    nbformat.write(book("x", shown(plain="b + a", latex="$b + a$")), repository / "chapters" / "one.ipynb")
    cosmetic(repository, "HEAD")
    assert "outputs: 0 identical, 0 rounding, 1 typesetting, 0 changed" in capsys.readouterr().out


def test_a_refresh_that_changes_a_result_fails_and_names_the_cell(repository, capsys):
    nbformat.write(book("x", shown(plain="b - a", latex="$b - a$")), repository / "chapters" / "one.ipynb")
    with pytest.raises(CosmeticError, match="not cosmetic: 1 outputs changed"):
        cosmetic(repository, "HEAD")
    assert "changed: one cell 0" in capsys.readouterr().out


def test_a_revision_that_git_does_not_know_is_refused(repository):
    with pytest.raises(ValueError, match="`revision` must be known to git, got 'nowhere'"):
        cosmetic(repository, "nowhere")
