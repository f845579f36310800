"""Figures: what is drawn is what was given; bad input is named."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optnotes import plotting

numbers = st.floats(-1e3, 1e3)


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    with plt.rc_context():
        plt.switch_backend("agg")
        yield
    plt.close("all")


@st.composite
def columns(draw):
    size = draw(st.integers(1, 5))
    row = st.lists(numbers, min_size=size, max_size=size)
    return draw(row), draw(row), draw(row), draw(st.lists(st.floats(0.01, 10.0), min_size=size, max_size=size))


@settings(max_examples=6)
@given(columns())
def test_theory_sample_bars_and_residuals_are_those_given(table):
    x, theory, sample, error = table
    figure = plotting.theory_and_sample(*table)
    top, bottom = figure.axes
    np.testing.assert_array_equal(top.lines[0].get_xydata(), np.transpose([x, theory]))
    points, _, (bars,) = top.containers[0]
    np.testing.assert_array_equal(points.get_xydata(), np.transpose([x, sample]))
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, np.transpose([np.subtract(sample, error), np.add(sample, error)]), rtol=1e-12)
    residuals = [(s - t) / e for s, t, e in zip(sample, theory, error, strict=True)]
    np.testing.assert_allclose(bottom.lines[0].get_xydata(), np.transpose([x, residuals]), rtol=1e-12)
    plt.close(figure)


def test_the_band_spans_two_standard_errors_around_zero():
    bottom = plotting.theory_and_sample([1.0], [1.0], [1.0], [1.0]).axes[1]
    low, high = bottom.patches[0].get_extents().transformed(bottom.transData.inverted()).intervaly
    assert (low, high) == pytest.approx((-2, 2), abs=1e-9)
    assert list(bottom.lines[1].get_ydata()) == [0, 0]


def test_labels_and_scales_land_on_their_axes():
    top, bottom = plotting.theory_and_sample(
        [1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [0.1, 0.1], xlabel="n", ylabel="m", xscale="log", yscale="symlog"
    ).axes
    assert (bottom.get_xlabel(), top.get_ylabel()) == ("n", "m")
    assert (top.get_xscale(), bottom.get_xscale(), top.get_yscale(), bottom.get_yscale()) == (
        "log",
        "log",
        "symlog",
        "linear",
    )
    assert [text.get_text() for text in top.get_legend().get_texts()] == ["theory", "sample ± 1 standard error"]
    plain = plotting.theory_and_sample([1.0], [1.0], [1.0], [1.0]).axes[0]
    assert (plain.get_xscale(), plain.get_yscale(), plain.get_ylabel()) == ("linear", "linear", "")


def luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_both_palettes_name_the_same_colours_and_lines_stand_out():
    assert plotting.LIGHT.keys() == plotting.DARK.keys()
    for name in plotting.LIGHT.keys() - {"grid"}:
        assert 1.05 / (luminance(plotting.LIGHT[name]) + 0.05) >= 4.5  # contrast with white, as promised
        assert luminance(plotting.DARK[name]) > luminance(plotting.LIGHT[name])


def test_the_style_draws_in_the_colours_of_the_palette():
    plotting.use_style()
    cycle = plt.rcParams["axes.prop_cycle"].by_key()
    names = ("theory", "sample", "third", "fourth", "fifth")
    assert cycle["color"] == 2 * [plotting.LIGHT[name] for name in names]
    assert cycle["linestyle"] == 5 * ["-"] + 5 * ["--"]
    assert plt.rcParams["axes.grid"]
    assert plt.rcParams["svg.fonttype"] == "path"


@pytest.mark.parametrize(("value", "kind"), [(math.nan, ValueError), (math.inf, ValueError), ("a", TypeError)])
@pytest.mark.parametrize("name", ["x", "theory", "sample", "standard_error"])
def test_a_column_that_is_not_of_finite_numbers_is_named(name, value, kind):
    table = {"x": [1.0], "theory": [1.0], "sample": [1.0], "standard_error": [1.0]}
    with pytest.raises(kind, match=f"`{name}` must"):
        plotting.theory_and_sample(**(table | {name: [value]}))


@pytest.mark.parametrize("value", [0.0, -0.5])
def test_a_standard_error_that_is_not_positive_is_named(value):
    with pytest.raises(ValueError, match=r"`standard_error` must be finite and lie in \(0, inf\)"):
        plotting.theory_and_sample([1.0], [1.0], [1.0], [value])


def test_empty_columns_are_refused():
    with pytest.raises(ValueError, match="`x` must be as long as the other three, and not empty"):
        plotting.theory_and_sample([], [], [], [])
