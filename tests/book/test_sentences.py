"""Sentences that a reader acts on name claims, take their numbers from them, and the claims' judges can fail."""

import json
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from book import judged, ledger  # noqa: E402
from book.notebooks import chapters  # noqa: E402
from book.sentences import numbers, sentences, without_ground  # noqa: E402

NOTEBOOKS = {slug: nbformat.read(path, as_version=4) for slug, path in chapters(ROOT).items()}
LEDGER = json.loads((ROOT / ledger.CLAIMS).read_text(encoding="utf-8"))
CLAIMS = {claim["id"]: claim for claim in LEDGER["claims"]}
MOST_RESULTS, FEWEST_RESULTS = 10, 4


@pytest.mark.parametrize("slug", NOTEBOOKS)
def test_what_a_reader_acts_on_names_claims_that_have_its_numbers(slug):
    found = list(sentences(NOTEBOOKS[slug]))
    assert {sentence.place for sentence in found} == {"result box", "In practice", "caption"}
    lacking = [f"{s.place}: {s.text[:80]}: {fault}" for s in found for fault in without_ground(s, CLAIMS)]
    assert lacking == []


@pytest.mark.parametrize("slug", NOTEBOOKS)
def test_a_chapter_has_few_results(slug):
    results = [claim["id"] for claim in CLAIMS.values() if claim["chapter"] == slug and claim["rank"] == "result"]
    assert FEWEST_RESULTS <= len(results) <= MOST_RESULTS


@pytest.mark.parametrize("slug", NOTEBOOKS)
def test_no_judge_of_a_chapter_is_one_that_cannot_fail(slug):
    assert [f"{call.id}: {fault}" for call in judged.calls(NOTEBOOKS[slug]) for fault in judged.faults(call)] == []


def test_what_is_printed_once_has_one_verdict_in_every_chapter():
    verdicts = {}
    for verdict in LEDGER["verdicts"]:
        verdicts.setdefault(verdict["equation"], set()).add(verdict["verdict"])
    assert {equation: sorted(found) for equation, found in verdicts.items() if len(found) > 1} == {}


BOX = "```{admonition} Result\n:class: tip\n\nThe rate\n\n$$\na = 1.5\n$$ (eq-a)\n\n- It holds {claim}`a`.\n```"


def book(practice):
    figure = {"mystnb": {"figure": {"caption": "A line {claim}`b`."}}}
    return new_notebook(
        cells=[
            new_markdown_cell(f"# Title\n\n{BOX}\n\n## In practice\n\n{practice}"),
            new_code_cell("draw()", metadata=figure),
            new_markdown_cell("## Exercises\n\n- **1.** Prove it."),
        ]
    )


def test_box_practice_and_captions_are_found_with_their_formulas():
    found = [(s.place, s.text) for s in sentences(book("Three rules.\n\n- Do this.\n- Do\n  that.\n\n**Example.** 1."))]
    assert found == [
        ("result box", "The rate a = 1.5"),
        ("result box", "- It holds {claim}`a`."),
        ("In practice", "- Do this."),
        ("In practice", "- Do\n  that."),
        ("In practice", "**Example.** 1."),
        ("caption", "A line {claim}`b`."),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5 % of $10^{-4}$", [1.5, 1e-4]),
        ("2 % in 12 steps and 13", [2, 13]),
        (r"$3 \cdot 10^{8}$, $12\,288$, 1 000 000", [3e8, 12288, 1e6]),
        (r"$x_{20}$, $x^{20}$, $\beta_1$, `f(0.5)`, {cite:t}`su11301`, A3, {eq}`eq-14`", []),
        ("lr 3e-4, version 1.2.3", [3e-4]),
        (r"$\beta = (0.9, 0.95)$", [0.9, 0.95]),
    ],
)
def test_numbers_are_read_as_a_reader_reads_them(text, expected):
    assert [number.value for number in numbers(text)] == pytest.approx(expected, rel=1e-15)


RECORD = {
    "statement": r"the error is 1.53 % at $\beta_1 = 0.9$ and $B = 122\,400$",
    "detail": "z = 1.0",
    "figure": -0.0123,
}


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("It falls.", ["names no claim"]),
        ("It falls {claim}`b`.", ["names claims that do not exist: b"]),
        ("1.5 % at 0.9 {claim}`a`, 122 000 tokens", []),
        ("1.6 % {claim}`a`", ["no claim that it names has the number 1.6"]),
        ("a figure of 1.23 % or 0.012 {claim}`a`", []),
        ("at 123 000 {claim}`a`", ["no claim that it names has the number 123000"]),
        ("at 122000 and 100000 {claim}`a`", []),
    ],
)
def test_a_number_is_a_rounding_of_one_in_the_claims_named(text, lacking):
    [sentence] = [s for s in sentences(book(f"- {text}")) if s.place == "In practice"]
    assert without_ground(sentence, {"a": RECORD}) == lacking


def faults(arguments):
    call = f'chapter.claim("a", "s", checks.{arguments})'
    return [
        fault for found in judged.calls(new_notebook(cells=[new_code_cell(call)])) for fault in judged.faults(found)
    ]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("agree, x, y, rtol=1e-9, rival=z", "say in words which"),
        ('agree, x, y, rtol=1e-9, rival=1.01 * y, against="w"', "right answer with a small error"),
        ('agree, x, y, rtol=1e-9, rival=y * (1 - 1e-9), against="w"', "right answer with a small error"),
        ('agree, x, y, rtol=1e-9, rival={"a": [1.0, 1.01 * x]}, against="w"', "right answer with a small error"),
        ('bound, 0, x, y, rival=y + 1e-12, against="w"', "right answer with a small error"),
        ("agree, f(x), f(x), rtol=1e-9", "the same expression"),
        ("agree, 3e-4 * np.sqrt(4096), 0.0192, rtol=1e-3", "nothing is computed"),
        ("agree, b=[1.0], a=np.array([1.0]), rtol=1e-3", "nothing is computed"),
        ("agree, moments.rms(0.9)[0], moments.rms(0.95), rtol=1e-3", "compared with itself"),
        ("limit, sp.pi, x, sp.oo, sp.pi", "the same expression"),
    ],
)
def test_a_planted_fault_of_a_judge_is_found(arguments, fault):
    assert any(fault in found for found in faults(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        "agree, x, [1.0, 2.0], rtol=1e-9",
        'agree, x, y, rtol=1e-9, rival=2 * y, against="both sides"',
        "agree, moments.rms(0.9), integrate(f), rtol=1e-9",
        "monte_carlo, run.mean, run.error, 0.5, resolution=0.01",
        'agree, x, y, rtol=1e-9, rival=-np.sqrt(2 * a) * 0.9 / 0.1, against="the leading form"',
        'identity, x, y, rival=(1 - b) * y, against="one step"',
    ],
)
def test_a_judge_of_something_computed_passes(arguments):
    assert faults(arguments) == []


def test_a_paragraph_of_advice_counts_unless_it_introduces_a_list_or_a_cell():
    cells = [
        new_markdown_cell("## In practice\n\nThree rules.\n\n- Do this.\n\nIt costs 3 %.\n\nThe cost:"),
        new_code_cell("chapter.claim()"),
        new_markdown_cell("So it does.\n\n## Exercises"),
    ]
    assert [s.text for s in sentences(new_notebook(cells=cells))] == ["- Do this.", "It costs 3 %.", "So it does."]
