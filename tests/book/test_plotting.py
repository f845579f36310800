"""The figures of the book."""

import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from optnotes import plotting


@pytest.fixture(autouse=True)
def _clean_style():
    with plt.rc_context():
        plt.switch_backend("agg")
        yield
    plt.close("all")


def drawn():
    x = np.arange(1.0, 5.0)
    return plotting.theory_and_sample(x, x**2, x**2 + 0.3, np.full(4, 0.1), xlabel="number n", ylabel="square")


def svg(figure):
    figure.savefig(stream := io.StringIO(), format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def test_residuals_are_in_standard_errors():
    residuals = drawn().axes[1].lines[0].get_ydata()
    np.testing.assert_allclose(residuals, 3.0, rtol=1e-12)  # 0.3 / 0.1, up to the rounding of the differences


def test_a_figure_repeats_to_the_byte():
    plotting.use_style()
    assert svg(drawn()) == svg(drawn())


def test_a_figure_uses_colours_of_the_palette_alone():
    plotting.use_style()
    used = set(re.findall(r"#[0-9a-f]{6}\b", svg(drawn())))
    assert used <= set(plotting.LIGHT.values()) | {"#ffffff"}
    assert len(used) >= 5


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="`x` must be as long as the other three"):
        plotting.theory_and_sample([1, 2], [1.0], [1.0, 2.0], [1.0, 1.0])


def test_a_standard_error_of_zero_is_refused():
    with pytest.raises(ValueError, match="`standard_error` must be finite and lie in"):
        plotting.theory_and_sample([1.0], [1.0], [1.0], [0.0])
