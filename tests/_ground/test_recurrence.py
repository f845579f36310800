"""The folded scans against plain loops."""

import numpy as np
import pytest

from optnotes._ground.recurrence import linear_recurrence, running_sum


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000])
def test_linear_recurrence_agrees_with_a_loop(size):
    rng = np.random.default_rng(seed=1)
    factor, term, values = rng.random(size), rng.random(size), [3.0]
    for a, b in zip(factor, term, strict=True):
        values.append(a * values[-1] + b)
    np.testing.assert_allclose(linear_recurrence(factor, term, 3.0), values, rtol=1e-14)


def test_more_than_a_million_steps_overflow_nowhere_even_in_the_padding():
    """The square's side is 1025, so its padding holds a whole row; a factor of 2 there is beyond 2^1024."""
    size = 1024**2 + 1
    assert linear_recurrence(np.full(size, 0.5), np.ones(size), 0.0)[-1] == 2.0


@pytest.mark.parametrize("size", [0, 1, 2, 5, 1000])
def test_running_sum_agrees_with_cumsum(size):
    term = np.random.default_rng(seed=2).random(size)
    np.testing.assert_allclose(running_sum(term), np.cumsum(term), rtol=1e-13)


def test_running_sum_of_a_million_equal_terms_keeps_its_digits():
    assert running_sum(np.full(10**6, 0.1))[-1] == pytest.approx(1e5, rel=1e-14)  # plain cumsum: 1e-11
