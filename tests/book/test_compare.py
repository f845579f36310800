"""Rounding noise and layout pass the comparison of outputs; any change of a number, a word or a shape does not."""

import copy
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from IPython.lib.pretty import pretty
from nbformat.v4 import new_code_cell, new_notebook, new_output

from optnotes import checks
from optnotes.claims import CLAIM_MIME, Chapter

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from book import compare  # noqa: E402
from book.compare import NumericText, outputs_deviation, worst  # noqa: E402

SAME = [
    ("array([ 0., -0.])", "array([0., 0.])"),
    ("array([1., 0.])", "array([ 1.00000000e+00, -3.21e-17])"),
    ("[[1., 0.]]", "[[1.000000e+00, 0.000000e+00]]"),
    ("array([1., 2.])", "array([1. , 2. ])"),
    ("array([1., 2.])", "array([1.               , 2.000000000000001])"),
    ("array([[1., 2.],\n       [3., 4.]])", "array([[1., 2.], [3., 4.]])"),
    ("[1. 2.\n 3.]", "[1. 2. 3.]"),
    ("[[ 1.  0.]\n [-1. -0.]]", "[[1. 0.]\n [-1. 0.]]"),
    ("array([nan, 1.])", "array([           nan, 1.000000000001])"),
    ("(1+2e-16j)", "(1-1e-16j)"),
    ("(1+2e-16j)", "(1+0j)"),
    ("1j", "(1e-17+1j)"),
    ("array([1.+0.j, 0.-1.j])", "array([ 1.e+00+1.e-17j, -3.e-17-1.e+00j])"),
    ("3.", "2.9999999999999996"),
    ("-0.0", "1e-17"),
    ("1e-17", "-2e-16"),
    ("array([1000., 0.])", "array([1.e+03, 1.e-13])"),
    ("array([1.e-150, 0.e+000])", "array([1.e-150, 2.e-166])"),
    ("1e-300", "1.000000000001e-300"),
    ("{'a': [0.1, 0.2],\n 'b': 1}", "{'a': [0.1, 0.2], 'b': 1}"),
    ("array([0.+1.j, 1.+0.j])", "array([0.            +1.000000000001j, 1.000000000001+0.j            ])"),
    ("loss  0.50", "loss 0.5"),
    ("x = -0.0, y", "x =  0.0, y"),
    ("gain -0%", "gain +0%"),
]

OTHER = [
    ("array([1., 2.])", "array([1., -2.])"),
    ("array([1., 2.])", "array([1.])"),
    ("array([1., 2.])", "array([[1., 2.]])"),
    ("[[1., 2.]]", "[[1.], [2.]]"),
    ("[1., 2.]", "(1., 2.)"),
    ("1.5", "15"),
    ("1.0", "1"),
    ("0", "1e-17"),
    ("7", "-7"),
    ("10", "1_0"),
    ("1/3", "1/4"),
    ("1.5", "1.500000015"),
    ("(1+2j)", "(1-2j)"),
    ("(1+1e-05j)", "(1+1.00000001e-05j)"),
    ("1e-300", "1.00000001e-300"),
    ("[1., 1e-300]", "[1., 2e-300]"),
    ("[1., 1e-300]", "[1., 0.]"),
    ("[1000., 1e-06]", "[1000., 1.00000001e-06]"),
    ("nan", "inf"),
    ("inf", "-inf"),
    ("[nan, 1.]", "[0., 1.]"),
    ("1e+300", "inf"),
    ("x 1.5", "x1.5"),
    ("a -1.5", "a - 1.5"),
    ("a 1.5\n2.5", "a 1.5 2.5"),
    ("one  word", "one word"),
    ("'slope 1.5'", "'Slope 1.5'"),
    ("claim order-1e5: exact", "claim order-10e4: exact"),
    ("version 1.2.3", "version 1.20.3"),
    ("w_1 + w_2", "w_1 + w_3"),
    ("$1.5 x$", "$1.50 x$"),
    (r"\frac{1.5}{2}", r"\frac{1.5000000000001}{2}"),
    ("array([1., 2.])", "array([1., 2.], dtype=float32)"),
]


@pytest.mark.parametrize(("stored", "fresh"), SAME)
def test_noise_and_layout_are_equal_in_both_directions(stored, fresh):
    assert NumericText(stored) == fresh
    assert NumericText(fresh) == stored
    assert compare.explain(stored, fresh) is None


@pytest.mark.parametrize(("stored", "fresh"), OTHER)
def test_another_number_word_or_shape_differs_in_both_directions(stored, fresh):
    assert NumericText(stored) != fresh
    assert NumericText(fresh) != stored
    assert worst(stored, fresh) > 1
    assert compare.explain(stored, fresh)


numbers = st.one_of(st.just(0.0), st.integers(-9, 9).map(float), st.floats(1e-5, 1e5), st.floats(-1e5, -1e-5))
matrices = arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=numbers)
seeds = st.integers(0, 2**32 - 1)


def as_repr(values):
    with np.printoptions(precision=17):
        return repr(values)


def as_print(values):
    with np.printoptions(precision=17, linewidth=60):
        return f"the values {values} of a run"


def as_dict(values):
    rows = values.reshape(-1, values.shape[-1])
    return pretty({f"row {k}": row.tolist() for k, row in enumerate(rows)})


def as_complex(values):
    with np.printoptions(precision=17):
        return repr(values + 1j * values[..., ::-1])


FORMS = [as_repr, as_print, as_dict, as_complex]


@pytest.mark.parametrize("form", FORMS)
@given(values=matrices, seed=seeds)
def test_an_array_with_rounding_noise_is_the_same_however_it_is_laid_out(form, values, seed):
    rng = np.random.default_rng(seed)
    noise = 1e-12 * rng.choice([-1, 1], values.shape)
    zeros = np.where(values == 0, rng.choice([-1e-17, -0.0, 1e-17], values.shape), 0.0)
    assert NumericText(form(values)) == form(values * (1 + noise) + zeros)


@pytest.mark.parametrize("form", FORMS)
@given(values=matrices, seed=seeds, change=st.sampled_from([1e-8, -1e-8, 1e-7, -2.0]))
def test_a_change_in_the_ninth_digit_of_one_number_is_seen(form, values, seed, change):
    places = np.argwhere(values)
    assume(len(places))
    changed = values.copy()
    changed[tuple(places[seed % len(places)])] *= 1 + change
    assert NumericText(form(values)) != form(changed)


@pytest.mark.parametrize("form", [as_repr, as_print, as_dict])
@given(values=matrices)
def test_a_missing_element_and_another_shape_are_seen(form, values):
    assert NumericText(form(values)) != form(np.concatenate([values, values], axis=-1))
    assert NumericText(as_repr(values)) != as_repr(values[None])


@given(st.floats(1e-300, 1e300), st.sampled_from([1, -1]))
def test_a_number_of_any_size_is_compared_to_nine_digits(size, sign):
    stored = repr(sign * size)
    assert NumericText(stored) == repr(sign * size * (1 + 1e-12))
    is_noise = compare.FAINTEST <= size <= compare.ABSOLUTE
    assert (NumericText(stored) != repr(sign * size * (1 + 1e-8))) or is_noise


@given(st.text(), st.text())
def test_any_two_texts_are_compared_alike_from_both_sides(stored, fresh):
    assert worst(stored, stored) == 0
    assert (worst(stored, fresh) <= 1) == (worst(fresh, stored) <= 1)


@given(st.integers(), st.integers())
def test_integers_and_fractions_are_exact(a, b):
    assert (NumericText(f"{a}") == f"{b}") == (a == b)
    assert (NumericText(f"{a}/7") == f"{b}/7") == (a == b)


def test_the_deviation_is_in_units_of_the_tolerance():
    assert worst("2.0", "2.000000004") == pytest.approx(2, rel=1e-6)  # 2e-9 relative where 1e-9 is allowed
    assert worst("[1000., 0.]", "[1000., 5e-12]") == pytest.approx(0.5)  # of 1e-14 × 1000
    assert worst("a", "b") == math.inf


def test_an_explanation_names_the_number_that_moved_and_by_how_much():
    text = compare.explain("array([[1., 2.], [3., 4.]])", "array([[1., 2.], [3.00003, 4.]])")
    assert text.startswith("number 3, at index (1, 0): 3.0 stored, 3.00003 found, 1e-05 relative, 1e+04 × the tol")
    assert "'one word' stored, 'one ward' found" in compare.explain("one word", "one ward")


def result(**data):
    return new_output("execute_result", data={key.replace("_", "/"): value for key, value in data.items()})


OUTPUTS = {
    "text": (result(text_plain="1.5"), result(text_plain="1.50000002")),
    "latex": (result(text_plain="x", text_latex="1.5"), result(text_plain="x", text_latex="1.5000000000001")),
    "another form": (result(text_plain="x"), result(text_plain="x", text_latex="x")),
    "a missing picture": (result(text_plain="x", **{"image/svg+xml": "<svg/>"}), result(text_plain="x")),
    "stream": (new_output("stream", text="1.5\n"), new_output("stream", text="1.6\n")),
    "stderr": (new_output("stream", text="a"), new_output("stream", name="stderr", text="a")),
    "error": (new_output("error", ename="E", evalue="a"), new_output("error", ename="E", evalue="b")),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_differ(name):
    stored, fresh = OUTPUTS[name]
    assert outputs_deviation([stored], [fresh]).fails
    assert outputs_deviation([stored], []).fails
    assert outputs_deviation([], [fresh]).fails
    assert outputs_deviation([stored], [stored]) == compare.Deviation()


def test_a_stream_may_come_in_pieces_and_noise_is_measured():
    pieces = [new_output("stream", text="1.5 "), new_output("stream", text="2.5")]
    assert not outputs_deviation([new_output("stream", text="1.5 2.5")], pieces).fails
    moved = outputs_deviation([result(text_plain="2.0")], [result(text_plain="2.0000000010")])
    assert moved.worst == pytest.approx(0.5, rel=1e-6)
    assert moved.where == "output 1, text/plain, number 1"


def test_a_result_that_is_displayed_instead_of_returned_shows_the_same():
    assert not outputs_deviation([result(text_plain="x")], [new_output("display_data", data={"text/plain": "x"})]).fails


def test_of_several_outputs_the_worst_is_reported():
    stored = [result(text_plain="1.0"), result(text_plain="2.0"), result(text_plain="3.0")]
    fresh = [result(text_plain="1.0000001"), result(text_plain="2.1"), result(text_plain="3.0000001")]
    assert outputs_deviation(stored, fresh).where == "output 2, text/plain, number 1"


def shown(judge, *args, rival, **options):
    claim = Chapter("demo").claim("a", "$x < 1.5$", judge, *args, rival=rival, source="eq. (1.5)", **options)
    return [new_output("execute_result", data=claim._repr_mimebundle_())]


def approximate(error):
    return shown(checks.approximate, 1 + error, 1.0, within=0.04, domain="B = 1.5", rival=2.0)


def sampled(z):
    return shown(checks.monte_carlo, 1 + z * 0.01, 0.01, 1.0, resolution=0.05, rival=2.0)


def bounded(margin):
    return shown(checks.bound, None, 1.0, 1 + margin, rival=0.5)


def rate(slope):
    scales = 10.0 ** np.arange(1, 6)
    return shown(checks.order, 1e9 * scales**slope, scales, slope, rival=3.0)


FIGURES = [(approximate, 0.0245), (sampled, 1.05), (bounded, 0.00995), (rate, -1.0005)]


@pytest.mark.parametrize(("make", "figure"), FIGURES)
def test_a_figure_at_a_rounding_tie_may_move_by_noise_and_no_further(make, figure):
    for noise in (1e-12, -1e-12):
        assert not outputs_deviation(make(figure), make(figure + noise)).fails
    for change in (1e-7, -1e-7):
        deviation = outputs_deviation(make(figure), make(figure * (1 + change)))
        assert deviation.fails
        assert "figure of claim a" in deviation.where


@pytest.mark.parametrize(("make", "figure"), FIGURES)
def test_digits_that_another_rounding_printed_are_no_difference(make, figure):
    stored, fresh = make(figure), make(figure)
    record = fresh[0].data[CLAIM_MIME]
    other = re.sub(r"-?\d[\d.]*", "9", record["detail"], count=1)
    for mime in ("text/plain", "text/html"):
        fresh[0].data[mime] = fresh[0].data[mime].replace(record["detail"], other)
    record["detail"] = other
    assert not outputs_deviation(stored, fresh).fails


@pytest.mark.parametrize("key", ["id", "chapter", "statement", "kind", "source", "words", "figure", "resolution"])
def test_a_claim_that_says_something_else_differs(key):
    stored, fresh = sampled(1.0), sampled(1.0)
    record = fresh[0].data[CLAIM_MIME]
    record[key] = record[key] * 1.01 if isinstance(record[key], float) else "1.50"
    assert outputs_deviation(stored, fresh).fails
    del record[key]
    assert outputs_deviation(stored, fresh).fails


def test_a_judge_that_forgives_more_noise_differs():
    stored, fresh = sampled(1.0), sampled(1.0)
    fresh[0].data[CLAIM_MIME]["noise"] *= 1.5
    assert not outputs_deviation(stored, fresh).fails
    fresh[0].data[CLAIM_MIME]["noise"] *= 10
    assert outputs_deviation(stored, fresh).fails


@pytest.mark.parametrize("mime", ["text/plain", "text/html"])
def test_the_line_of_a_claim_is_compared_to_the_letter(mime):
    stored, fresh = approximate(0.0245), approximate(0.0245)
    fresh[0].data[mime] = fresh[0].data[mime].replace("eq. (1.5)", "eq. (1.50)")
    assert outputs_deviation(stored, fresh).fails


def test_the_tolerance_of_an_exact_claim_is_part_of_it():
    stored, fresh = (shown(checks.agree, 2.0, 2.0, rtol=rtol, rival=3.0) for rtol in (1e-9, 2e-9))
    assert outputs_deviation(stored, fresh).fails


SVG = '<svg><path d="M 52.747896 193.281988 L 1 2" clip-path="url(#p4c1bd9a16f)"/></svg>'
NOISY_SVG = '<svg><path d="M 52.747897 193.281988 L 1 2" clip-path="url(#p4c1bd9a16a)"/></svg>'


def notebook(text="1.5", picture=SVG, count=3, **metadata):
    outputs = [
        new_output("execute_result", data={"text/plain": text}, execution_count=count),
        new_output("display_data", data={"image/svg+xml": picture}, metadata=metadata),
    ]
    return new_notebook(cells=[new_code_cell("draw()", execution_count=count, outputs=outputs)])


def test_a_notebook_executed_again_keeps_what_differs_only_by_noise():
    stored, fresh = notebook(), notebook("1.5000000000001", NOISY_SVG, count=4)
    compare.keep_stored(stored, fresh)
    assert [output.get("data") for output in fresh.cells[0].outputs] == [
        {"text/plain": "1.5"},
        {"image/svg+xml": SVG},
    ]
    assert fresh.cells[0].outputs[0].execution_count == 4


@pytest.mark.parametrize(
    "fresh",
    [
        notebook("1.6"),
        notebook(picture=SVG.replace("52.7", "52.8")),
        notebook(picture=SVG.replace("<path", "<line")),
        notebook(width=5),
    ],
)
def test_a_notebook_executed_again_shows_every_other_change(fresh):
    before = copy.deepcopy(fresh)
    compare.keep_stored(notebook(), fresh)
    assert fresh == before


STORED = {path.stem: nbformat.read(path, as_version=4) for path in sorted((ROOT / "chapters").glob("*.ipynb"))}
PRINTED = re.compile(r"(?<![\w.-])-?\d+\.\d+(?:e[-+]\d+)?(?![\w.])")


@pytest.mark.parametrize("slug", STORED)
def test_in_a_chapter_noise_of_1e_12_passes_in_every_number_and_1e_8_in_none(slug):
    outputs = [output for cell in STORED[slug].cells for output in cell.get("outputs", [])]
    texts = [o.get("text") or o.data.get("text/plain", "") for o in outputs if CLAIM_MIME not in o.get("data", {})]
    found = [(text, number) for text in texts for number in PRINTED.finditer(text) if "$" not in text]
    assert found
    for text, number in found:
        moved = {size: f"{text[: number.start()]}{float(number[0]) * (1 + size)!r}{text[number.end() :]}"
                 for size in (1e-12, 1e-8)}  # fmt: skip
        assert NumericText(text) == moved[1e-12]
        assert (NumericText(text) != moved[1e-8]) == (float(number[0]) != 0)


def test_a_deviation_can_be_renamed_without_losing_its_size():
    assert replace(compare.Deviation(2.0, "a", "b"), where="c").fails
