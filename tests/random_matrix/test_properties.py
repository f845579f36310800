"""Properties of `optnotes.random_matrix`: closed laws of few columns, orders between shapes, edges, the free law."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from optnotes import random_matrix

MEANS = (random_matrix.expected_spectral_norm, random_matrix.expected_smallest_singular_value)
LAWS = (random_matrix.spectral_norm_cdf, random_matrix.smallest_singular_value_cdf)

rows = st.integers(1, 60)
columns = st.integers(1, 12)


def two_columns(n):
    """Return the means of σ_max and σ_min of an n × 2 matrix from their joint density by two-dimensional sums.

    σ₁ > σ₂ have a density ∝ (σ₁σ₂)^(n−2) (σ₁² − σ₂²) e^(−(σ₁² + σ₂²)/2).
    """
    nodes, weights = np.polynomial.legendre.leggauss(200)
    reach = math.sqrt(n) + 9
    low = max(0.0, math.sqrt(n) - 9)
    upper = low + (reach - low) * (nodes[:, None] + 1) / 2
    lower = low + (upper - low) * (nodes + 1) / 2  # the inner variable runs up to the outer one
    logs = (n - 2) * np.log(upper * lower / n) - (upper**2 + lower**2) / 2 + n
    density = np.exp(logs) * (upper**2 - lower**2) * (upper - low) * weights[:, None] * weights
    return tuple(float(np.sum(density * sigma) / np.sum(density)) for sigma in (upper, lower))


@settings(max_examples=10)
@given(st.integers(2, 200))
def test_two_columns_agree_with_a_double_sum_over_their_density(n):
    largest, smallest = two_columns(n)
    assert random_matrix.expected_spectral_norm(n, 2) == pytest.approx(largest, rel=1e-10)  # the sum over 200 nodes
    assert random_matrix.expected_smallest_singular_value(n, 2) == pytest.approx(smallest, rel=1e-9)


@settings(max_examples=10)
@given(st.integers(1, 10**6))
def test_one_column_has_the_mean_of_a_chi_variable_by_both_exact_routes(n):
    mean = math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
    for function in MEANS:
        for method in ("exact", "closed-form"):
            # the difference of two logarithms of size n log n loses digits
            assert function(n, 1, method) == pytest.approx(mean, rel=2e-12 + 4e-16 * n * math.log(n + 1))


@given(st.integers(1, 1000), st.floats(0.01, 3))
def test_one_column_keeps_its_promise_in_the_far_tails(n, share):
    x = share * math.sqrt(n)
    exact = special.gammainc(n / 2, x * x / 2)
    for law in LAWS:
        assert law(x, n, 1) == pytest.approx(exact, abs=1e-9)


@settings(max_examples=5)
@given(st.integers(1, 30), st.integers(1, 12))
def test_means_are_integrals_of_the_laws(n, m):
    nodes, weights = np.polynomial.legendre.leggauss(50)
    top = math.sqrt(n) + math.sqrt(m) + 8
    for law, mean in zip(LAWS, MEANS, strict=True):
        found = top / 2 * weights @ (1 - law(top * (nodes + 1) / 2, n, m))
        assert found == pytest.approx(mean(n, m), abs=1e-5)  # 50 nodes


@settings(max_examples=8)
@given(st.integers(1, 30), st.integers(1, 12), st.floats(0.2, 0.9))
def test_one_more_row_or_column_moves_the_laws_in_one_direction(n, m, share):
    largest, smallest = LAWS
    x = share * (math.sqrt(n) + math.sqrt(m) + 2)
    assert largest(x, m, n) == largest(x, n, m)
    assert smallest(x, m, n) == smallest(x, n, m)
    noise = 1e-10  # of the root of a determinant near zero
    assert largest(x, n + 1, m) <= largest(x, n, m) + noise
    assert largest(x, n, m + 1) <= largest(x, n, m) + noise
    low, high = sorted((n, m))
    assert smallest(x, high + 1, low) <= smallest(x, high, low) + noise
    assert smallest(x, high + 1, low + 1) >= smallest(x, high + 1, low) - noise
    assert smallest(x, n, m) >= largest(x, n, m) - noise
    assert largest(-1.0, n, m) == smallest(-1.0, n, m) == largest(0.0, n, m) == 0


@settings(max_examples=8)
@given(rows, columns)
def test_means_lie_between_their_bounds_whatever_the_order_of_the_sizes(n, m):
    largest, smallest = (function(n, m) for function in MEANS)
    for function in MEANS:
        assert function(m, n) == function(n, m, "exact")
        assert function(n, m, "closed-form") == function(m, n, "closed-form")
    root, other = math.sqrt(max(n, m)), math.sqrt(min(n, m))
    assert random_matrix.expected_spectral_norm(n, m, "gordon") == pytest.approx(root + other, rel=1e-15)
    assert random_matrix.expected_smallest_singular_value(n, m, "gordon") == pytest.approx(root - other, abs=1e-14)
    assert root - other <= smallest * (1 + 1e-12)
    assert smallest <= largest * (1 + 1e-12)
    assert largest <= root + other
    chi = math.sqrt(2) * special.poch(max(n, m) / 2, 0.5)
    assert smallest <= chi * (1 + 1e-12)
    assert largest >= chi * (1 - 1e-12)  # the first column alone


@pytest.mark.parametrize(("n", "m"), [(50, 50), (200, 50), (3000, 400), (10**12, 10**11), (2**53, 2**53)])
def test_the_asymptotic_norm_is_centre_plus_scale_times_the_mean_of_the_law(n, m):
    # Johnstone 2001 with the shifts of Ma 2012; the mean of the law of β = 1 from Bornemann 2010
    root, other = math.sqrt(n - 0.5), math.sqrt(m - 0.5)
    scale = (1 / root + 1 / other) ** (1 / 3) / 2
    found = random_matrix.expected_spectral_norm(n, m, "tracy-widom")
    assert found == pytest.approx(root + other + scale * -1.2065335745820, rel=1e-13)
    if n > m:
        scale = -((1 / other - 1 / root) ** (1 / 3)) / 2
        found = random_matrix.expected_smallest_singular_value(n, m, "tracy-widom")
        assert found == pytest.approx((n - m) / (root + other) + scale * -1.2065335745820, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(20, 8), (40, 40), (9, 3), (61, 7), (300, 33)])
def test_closed_forms_keep_their_error_on_shapes_that_made_no_coefficient(n, m):
    within = {"norm": 1e-9 if m >= 20 else 1e-8 if m >= 5 else 2e-5, "least": 3e-7 if m >= 4 else 1e-5}
    for function, name in zip(MEANS, within, strict=True):
        assert function(n, m, "closed-form") == pytest.approx(function(n, m), rel=within[name])


@given(st.integers(1, 10**15))
def test_one_more_row_has_its_closed_mean_at_every_size(m):
    found = random_matrix.expected_smallest_singular_value(m + 1, m, "closed-form")
    assert found == pytest.approx(math.sqrt(math.pi / (2 * m)), rel=1e-15)


@given(st.integers(2, 64))
@settings(max_examples=10)
def test_a_square_matrix_has_the_smallest_value_of_edelman(m):
    # E √λ from the density of λ = σ²: √(m/2) Γ((m+1)/2)/Γ(m/2) λ^(−1/2) e^(−λm/2) U((m−1)/2, −1/2, λ/2), normalised
    density = lambda x: math.exp(-x * m / 2) * special.hyperu((m - 1) / 2, -0.5, x / 2) / math.sqrt(x)  # noqa: E731
    grid, weights = np.polynomial.legendre.leggauss(120)
    root = 9 / math.sqrt(m) * (grid + 1) / 2  # x = root², so that the singularity at zero is gone
    values = weights * root * np.array([density(r * r) for r in root])
    exact = values @ root / values.sum()
    assert random_matrix.expected_smallest_singular_value(m, m, "closed-form") == pytest.approx(exact, rel=1e-9)


# Draws.


@settings(max_examples=10)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_draws_are_ordered_and_do_not_see_the_order_of_the_sizes(n, m, seed):
    draws = random_matrix.sample_singular_extremes(n, m, 5, np.random.default_rng(seed))
    assert draws.shape == (5, 2)
    assert ((draws[:, 0] > 0) & (draws[:, 0] <= draws[:, 1] * (1 + 1e-14))).all()
    turned = random_matrix.sample_singular_extremes(m, n, 5, np.random.default_rng(seed))
    assert np.array_equal(draws, turned)
    if min(n, m) == 1:
        assert draws[:, 0] == pytest.approx(draws[:, 1], rel=1e-14)


@pytest.mark.parametrize(("n", "m"), [(3000, 2990), (5000, 40)])
def test_draws_beyond_simulation_have_the_laws_of_their_shape(n, m):
    # the exact law where it is offered, else the mean of the closed form
    draws = random_matrix.sample_singular_extremes(n, m, 250, np.random.default_rng(17))
    for column, law, mean in zip((1, 0), LAWS, MEANS, strict=True):
        sample = draws[:, column]
        if m <= 100:
            assert stats.kstest(sample, lambda x, law=law: law(x, n, m)).pvalue > 1e-4
        error = sample.std(ddof=1) / math.sqrt(sample.size)
        assert abs(sample.mean() - mean(n, m, "closed-form")) < 4 * error


# The law of all singular values.


@given(st.floats(0.05, 20).filter(lambda c: abs(c - 1) > 1e-3))
def test_the_marchenko_pastur_density_has_the_moments_of_its_law(ratio):
    low, high = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2
    nodes, weights = np.polynomial.chebyshev.chebgauss(400)
    x = (low + high) / 2 + (high - low) / 2 * nodes
    mass = weights * np.sqrt(1 - nodes**2) * (high - low) / 2 * random_matrix.marchenko_pastur_pdf(x, ratio)
    expected = [min(1, 1 / ratio), 1, 1 + ratio, 1 + 3 * ratio + ratio**2]  # Narayana numbers
    assert [mass @ x**k for k in range(4)] == pytest.approx(expected, rel=1e-6)  # 400 nodes; poles near the edges
    outside = [low - 1e-9, low * 0.5, high + 1e-9, -1.0]
    assert (random_matrix.marchenko_pastur_pdf(outside, ratio) == 0).all()
    assert random_matrix.marchenko_pastur_pdf((low + high) / 2, ratio) > 0


@given(st.floats(0.05, 20), st.floats(0.001, 0.999))
def test_the_density_of_the_transpose_is_a_change_of_unit(ratio, share):
    # WWᵀ and WᵀW share their values: x → x/ratio turns m/n = ratio into its inverse, the mass by 1/ratio
    low, high = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2
    x = low + share * (high - low)
    here, there = (
        random_matrix.marchenko_pastur_pdf(x, ratio),
        random_matrix.marchenko_pastur_pdf(x / ratio, 1 / ratio),
    )
    assert float(there) == pytest.approx(ratio**2 * float(here), rel=1e-9)  # the edge loses digits like 1/distance


def test_a_hard_edge_integrates_to_one():
    mass, _ = integrate.quad(lambda r: 2 * r * float(random_matrix.marchenko_pastur_pdf(r * r, 1.0)), 0, 2)
    assert mass == pytest.approx(1, rel=1e-9)


# Arguments.


@pytest.mark.parametrize(
    "call",
    [
        *MEANS,
        lambda n, m: random_matrix.spectral_norm_cdf(1.0, n, m),
        lambda n, m: random_matrix.smallest_singular_value_cdf(1.0, n, m),
        lambda n, m: random_matrix.sample_singular_extremes(n, m, 1, np.random.default_rng(0)),
    ],
)
def test_a_bad_size_is_named_whichever_it_is(call):
    for name, sizes in (("n", lambda bad: (bad, 3)), ("m", lambda bad: (3, bad))):
        for bad in (2.5, True, None, "3"):
            with pytest.raises(TypeError, match=rf"^`{name}` must be an integer, got "):
                call(*sizes(bad))
        with pytest.raises(ValueError, match=rf"^`{name}` must be at least 1, got 0$"):
            call(*sizes(0))
        with pytest.raises(
            ValueError, match=rf"^`{name}` must be at most 9007199254740992, got 9007199254740993; float"
        ):
            call(*sizes(2**53 + 1))


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2), (3, 2), (9, 30), (40, 40)])
@pytest.mark.parametrize("law", LAWS)
def test_a_law_is_zero_and_one_at_infinity(law, sizes):
    assert law([-np.inf, np.inf], *sizes).tolist() == [0, 1]


@pytest.mark.parametrize("ratio", [0.3, 1.0, 4.0])
def test_the_density_is_zero_at_infinity(ratio):
    assert random_matrix.marchenko_pastur_pdf([-np.inf, np.inf], ratio).tolist() == [0, 0]


def test_a_whole_float_is_a_size():
    for mean in MEANS:
        assert mean(5.0, np.float32(3)) == mean(5, 3)


@pytest.mark.parametrize("law", LAWS)
def test_a_bad_point_of_a_law_is_named(law):
    with pytest.raises(ValueError, match=r"^`x` must not be nan, got nan$"):
        law(np.nan, 3, 2)
    with pytest.raises(TypeError, match=r"^`x` must be real numbers"):
        law(1j, 3, 2)


def test_the_exact_law_ends_at_its_number_of_columns():
    assert math.isfinite(random_matrix.expected_spectral_norm(1025, 1025, "closed-form"))
    for function in MEANS:
        for sizes in ((1025, 1025), (1025, 5000), (5000, 1025)):
            with pytest.raises(
                ValueError, match=r"^the smaller of `n` and `m` must be at most 1024 .*got 1025; use meth"
            ):
                function(*sizes)
        with pytest.raises(ValueError, match=r"^`method` must be one of 'exact', 'closed-form', .*, got 'magic'$"):
            function(3, 2, "magic")


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r'^`method` must not be "tracy-widom" for a square matrix, got n = m = 4;'):
        random_matrix.expected_smallest_singular_value(4, 4, "tracy-widom")
    with pytest.raises(ValueError, match=r"^`size` must be at least 0, got -1$"):
        random_matrix.sample_singular_extremes(3, 2, -1, np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"^`rng` must be a numpy\.random\.Generator, got 0; pass"):
        random_matrix.sample_singular_extremes(3, 2, 1, 0)
    for bad in (0.0, -1.0):
        with pytest.raises(ValueError, match=rf"^`ratio` must be finite and lie in \(0, inf\), got {bad}$"):
            random_matrix.marchenko_pastur_pdf(1.0, bad)
    with pytest.raises(ValueError, match=r"^`x` must not be nan, got nan$"):
        random_matrix.marchenko_pastur_pdf(np.nan, 1.0)
