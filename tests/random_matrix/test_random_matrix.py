"""Extreme singular values against closed forms, a Pfaffian of incomplete gamma integrals, and simulation."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
from mpmath import mp
from mpmath.calculus.quadrature import GaussLegendre
from scipy import integrate, special, stats

from optnotes.random_matrix import (
    EXACT_LIMIT,
    METHODS,
    SIZE_LIMIT,
    _bidiagonal,
    _edge_expansion,
    _laguerre_pfaffian,
    _tracy_widom,
    expected_smallest_singular_value,
    expected_spectral_norm,
    marchenko_pastur_pdf,
    sample_singular_extremes,
    smallest_singular_value_cdf,
    spectral_norm_cdf,
)

EXACT = 1e-12  # the accuracy promised for means and, absolutely, for distribution functions
Z_MAX = 4.0  # one false alarm in 16,000 before the seed is fixed
P_MIN = 1e-4  # the same for a test of two distributions


def gamma_cdf(x, n, m, low=0.0):
    """Independent route: P(all singular values in [low, x]), Pfaffian of incomplete gamma integrals, 60 digits."""
    with mp.workdps(60):
        return float(_gamma_pfaffian(low, x, n, m) / _gamma_pfaffian(0.0, 25.0, n, m))  # e^{−25²/2} ≈ 1e-136


@cache
def _gamma_pfaffian(low, high, n, m):
    powers, points = range(n - m, n + m, 2), list(_panels(low, high))

    def mass(p, v):  # ∫_low^v u^p e^{−u²/2} du
        return 2 ** (mp.mpf(p - 1) / 2) * mp.gammainc(mp.mpf(p + 1) / 2, mp.mpf(low) ** 2 / 2, v**2 / 2)

    density = mp.matrix([[w * v**p * mp.exp(-(v**2) / 2) for v, w in points] for p in powers])
    product = mp.matrix([[mass(p, v) for v, _ in points] for p in powers]) * density.T
    skew = mp.zeros(m + m % 2)
    for i, j in itertools.combinations(range(m + m % 2), 2):
        skew[i, j] = product[i, j] - product[j, i] if j < m else mass(powers[i], mp.mpf(high))
        skew[j, i] = -skew[i, j]
    return mp.sqrt(mp.det(skew))


def _panels(low, high, count=2):
    half = (mp.mpf(high) - low) / (2 * count)
    for k, (node, weight) in itertools.product(range(count), GaussLegendre(mp).calc_nodes(5, mp.prec)):
        yield low + half * (2 * k + 1 + node), half * weight


def singular_values(n, m, size, rng):
    return np.linalg.svd(rng.standard_normal((size, n, m)), compute_uv=False)


# Exact values


@pytest.mark.parametrize(("n", "value"), [(2, math.sqrt(math.pi)), (3, math.sqrt(math.pi) * (1 + math.sqrt(2)) / 2)])
def test_mean_norm_of_two_columns_is_closed(n, value):
    assert expected_spectral_norm(n, 2) == pytest.approx(value, rel=EXACT)


@pytest.mark.parametrize("m", [1, 2, 3, 10, 21, 100, 257, 512])
def test_smallest_value_with_one_more_row_is_root_of_half_pi_over_m(m):
    assert expected_smallest_singular_value(m + 1, m) == pytest.approx(math.sqrt(math.pi / (2 * m)), rel=EXACT)


@pytest.mark.parametrize("m", [2, 3, 10, 64, 257, 512])
def test_square_smallest_value_has_an_integral(m):
    closed = expected_smallest_singular_value(m, m, "closed-form")
    assert expected_smallest_singular_value(m, m) == pytest.approx(closed, rel=EXACT)


def test_square_smallest_value_tends_to_its_constant():
    constant = math.sqrt(math.pi * math.e / 2) * math.erfc(math.sqrt(0.5))
    m = 10**15  # the next order is 1/(4m)
    assert expected_smallest_singular_value(m, m, "closed-form") * math.sqrt(m) == pytest.approx(constant, rel=1e-13)


@pytest.mark.parametrize("n", [1, 2, 7, 64, 1000, 10**8])
def test_one_column_has_a_chi_law(n):
    x = np.sqrt(n) + np.linspace(-3.0, 3.0, 25)
    expected = special.gammainc(n / 2, np.maximum(x, 0) ** 2 / 2)
    tolerance = max(EXACT, 4e-16 * n)  # the incomplete gamma sees x² rounded
    assert spectral_norm_cdf(x, n, 1) == pytest.approx(expected, abs=tolerance)
    assert smallest_singular_value_cdf(x, n, 1) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("m", [2, 3, 30, 101, 512])
def test_smallest_value_with_one_more_row_is_rayleigh(m):
    y = np.linspace(0.01, 9.0, 30)
    found = smallest_singular_value_cdf(y / math.sqrt(m), m + 1, m)
    assert found == pytest.approx(-np.expm1(-(y**2) / 2), abs=EXACT)


def test_tracy_widom_moments_match_the_published_ones():
    # Bornemann 2010, Table: mean and variance for β = 1
    assert _tracy_widom.moment(1) == pytest.approx(-1.2065335745820, abs=1e-12)
    assert _tracy_widom.moment(2) - _tracy_widom.moment(1) ** 2 == pytest.approx(1.607781034581, abs=1e-11)


# Agreement with independent routes


@pytest.mark.parametrize(("n", "m"), [(2, 2), (4, 2), (5, 3), (7, 6)])
def test_norm_law_agrees_with_incomplete_gamma_pfaffian(n, m):
    x = math.sqrt(n) + math.sqrt(m) - 0.7
    assert spectral_norm_cdf(x, n, m) == pytest.approx(gamma_cdf(x, n, m), abs=1e-14)  # double precision


@pytest.mark.parametrize(("n", "m"), [(2, 2), (5, 3), (4, 4)])
def test_smallest_law_agrees_with_incomplete_gamma_pfaffian(n, m):
    x = 0.2 + math.sqrt(n) - math.sqrt(m)
    assert 1 - smallest_singular_value_cdf(x, n, m) == pytest.approx(gamma_cdf(25.0, n, m, low=x), abs=1e-14)


def test_the_comparison_rejects_a_wrong_exponent():
    assert abs(spectral_norm_cdf(3.0, 4, 3) - gamma_cdf(3.0, 5, 3)) > 0.01


@pytest.mark.parametrize("shape", [(6, 4), (30, 20)])
def test_means_agree_with_simulated_matrices(shape):
    values = singular_values(*shape, 4_000, np.random.default_rng(11))
    for column, mean in ((0, expected_spectral_norm(*shape)), (-1, expected_smallest_singular_value(*shape))):
        sample = values[:, column]
        assert abs(sample.mean() - mean) < Z_MAX * sample.std() / math.sqrt(sample.size)


def test_mean_is_the_integral_of_the_tail():
    found = integrate.quad(lambda x: 1 - spectral_norm_cdf(x, 9, 4), 0, 12, epsabs=1e-11)[0]
    assert expected_spectral_norm(9, 4) == pytest.approx(found, rel=1e-11)


def test_logarithmic_weight_gives_the_same_mean_as_the_direct_one(monkeypatch):
    direct = expected_smallest_singular_value(103, 40)
    monkeypatch.setattr(_laguerre_pfaffian, "_LARGE", 5)
    _laguerre_pfaffian.ensemble.cache_clear()
    assert expected_smallest_singular_value(103, 40) == pytest.approx(direct, rel=1e-13)
    _laguerre_pfaffian.ensemble.cache_clear()


# Closed form and asymptotics

SHAPES = [(5, 5), (6, 5), (50, 5), (10**6, 5), (7, 6), (9, 9), (37, 9), (75, 23), (20, 20), (400, 20), (160, 150)]


@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_closed_form_of_the_norm_keeps_its_error(n, m):
    within = 1e-9 if m >= 20 else 1e-8
    assert expected_spectral_norm(n, m, "closed-form") == pytest.approx(expected_spectral_norm(n, m), rel=within)


@pytest.mark.parametrize(("n", "m"), [(7, 5), (9, 5), (12, 9), (25, 20), (300, 20), (220, 200)])
def test_closed_form_of_the_smallest_value_keeps_its_error(n, m):
    closed = expected_smallest_singular_value(n, m, "closed-form")
    assert closed == pytest.approx(expected_smallest_singular_value(n, m), rel=3e-7)


@pytest.mark.parametrize(("m", "within"), [(1, 1e-13), (2, 1e-3), (3, 2e-5), (4, 1e-6)])
def test_closed_form_of_few_columns_keeps_its_error(m, within):
    for n in (m, m + 1, 4 * m):
        assert expected_spectral_norm(n, m, "closed-form") == pytest.approx(expected_spectral_norm(n, m), rel=within)


def test_first_order_term_is_recognised_from_a_free_fit():
    shapes = [(round(ratio * m), m) for m in (16, 32, 64, 128) for ratio in (1, 1.5, 3, 10)]
    rows, targets = [], []
    for n, m in shapes:
        mu, s, h, tau = _edge_expansion.edge_scales(n, m, 1)
        rows.append([h**k * tau**j for k in range(1, 4) for j in range(k + 1)])
        targets.append((expected_spectral_norm(n, m) - mu) / s - _tracy_widom.moment(1))
    free = np.linalg.lstsq(np.array(rows), np.array(targets), rcond=None)[0]
    assert free[:2] / _tracy_widom.moment(2) == pytest.approx([-1 / 5, 3 / 20], abs=2e-5)  # neglected orders


def test_fitted_coefficients_are_found_by_other_shapes(monkeypatch):
    stored = _edge_expansion.coefficients()
    monkeypatch.setattr(_edge_expansion, "_FITTED_M", (6, 9, 16, 40))
    again = _edge_expansion.coefficients.__wrapped__()
    assert again[:3] == pytest.approx(stored[:3], abs=1e-3)  # the digits that a fit determines


@pytest.mark.parametrize("side", [1, -1])
def test_tracy_widom_error_falls_like_h(side):
    mean = expected_spectral_norm if side > 0 else expected_smallest_singular_value
    sizes = np.array([64, 128, 256, 512])
    scales = [_edge_expansion.edge_scales(4 * m, m, side) for m in sizes]
    errors = [
        abs(mean(4 * m, m, "tracy-widom") - mean(4 * m, m)) / abs(s)
        for m, (_, s, _, _) in zip(sizes, scales, strict=True)
    ]
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(-2 / 3, abs=0.03)  # h ∝ m^{−2/3}; the next order bends the line


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 1), (2, 2), (7, 5), (40, 40), (300, 100)])
def test_gordon_bounds_hold(n, m):
    assert expected_spectral_norm(n, m) <= expected_spectral_norm(n, m, "gordon")
    assert expected_smallest_singular_value(n, m) >= expected_smallest_singular_value(n, m, "gordon")


# Symmetry, edges


@pytest.mark.parametrize("method", METHODS)
def test_wide_matrix_is_its_transpose(method):
    assert expected_spectral_norm(5, 9, method) == expected_spectral_norm(9, 5, method)
    assert expected_smallest_singular_value(5, 9, method) == expected_smallest_singular_value(9, 5, method)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (4, 4), (30, 3), (10**6, 7), (200, 150)])
def test_distribution_functions_rise_from_zero_to_one(n, m):
    x = np.linspace(-1.0, math.sqrt(n) + math.sqrt(m) + 9.0, 60)
    for values in (spectral_norm_cdf(x, n, m), smallest_singular_value_cdf(x, n, m)):
        assert values[0] == 0.0
        assert values[-1] == pytest.approx(1.0, abs=EXACT)
        assert (np.diff(values) >= -EXACT).all()


def test_distribution_function_keeps_the_shape_of_its_argument():
    x = np.ones((2, 3))
    assert spectral_norm_cdf(x, 3, 2).shape == smallest_singular_value_cdf(x, 3, 2).shape == (2, 3)
    assert spectral_norm_cdf(np.array([]), 3, 2).shape == (0,)


@pytest.mark.parametrize("n", [10**9, 10**15, SIZE_LIMIT])
def test_very_tall_matrix_has_the_closed_form(n):
    # both lie near √n; what matters is the offset, at the accuracy of the closed form and the rounding of √n
    for mean in (expected_spectral_norm, expected_smallest_singular_value):
        assert mean(n, 6) == pytest.approx(mean(n, 6, "closed-form"), rel=1e-12, abs=1e-8)


# Sampling


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 1), (2, 2), (7, 3), (30, 30), (45, 20)])
def test_draws_have_the_exact_laws(n, m):
    draws = sample_singular_extremes(n, m, 700, np.random.default_rng(3))
    assert stats.kstest(draws[:, 0], lambda x: smallest_singular_value_cdf(x, n, m)).pvalue > P_MIN
    assert stats.kstest(draws[:, 1], lambda x: spectral_norm_cdf(x, n, m)).pvalue > P_MIN


def test_draws_have_the_joint_law_of_simulated_matrices():
    rng = np.random.default_rng(4)
    values, draws = singular_values(12, 8, 2000, rng), sample_singular_extremes(12, 8, 2000, rng)
    for combine in (np.subtract, np.multiply):
        test = stats.ks_2samp(combine(values[:, 0], values[:, -1]), combine(draws[:, 1], draws[:, 0]))
        assert test.pvalue > P_MIN


def test_the_test_of_laws_sees_one_missing_row():
    draws = sample_singular_extremes(31, 30, 1500, np.random.default_rng(3))
    assert stats.kstest(draws[:, 0], lambda x: smallest_singular_value_cdf(x, 30, 30)).pvalue < P_MIN


@pytest.mark.parametrize(
    ("n", "m", "side"), [(4000, 4000, 1), (12000, 3000, 1), (12000, 3000, -1), (10**8, 10**7, 1), (10**8, 10**7, -1)]
)
def test_corner_is_large_enough(n, m, side):
    small, large = _bidiagonal.corner(n, m, side), _bidiagonal.corner(n, m, side, reach=20.0)
    value, rng, cuts = _bidiagonal.largest_of if side > 0 else _bidiagonal.smallest_of, np.random.default_rng(5), []
    for _ in range(400 if n <= 12000 else 2):  # one draw in a hundred needs a far larger corner than most
        diagonal, below = _bidiagonal.bidiagonal(n, m, large, rng)
        cuts.append(abs(value(diagonal[:small], below[: small - 1]) - value(diagonal, below)))
    rounding = 4e-16 * math.sqrt(n) * (float(n) * m) ** 0.25  # of the squared matrix, over σ
    scale = abs(_edge_expansion.edge_scales(n, m, side)[1])
    assert max(cuts) < 1e-9 * scale + rounding


@pytest.mark.parametrize("d", [0, 1, 5, 20, 100, 1000])
def test_smaller_matrix_has_the_rescaled_law_to_the_second_order(d):
    n, m, small = 400 + d, 400, 100
    law = _laguerre_pfaffian.ensemble(small + d, small)
    nodes = np.linspace(0.05, 0.95, 19)
    low, high = law.low + law.centre, expected_smallest_singular_value(small + d, small) * 2 + 1
    grid = low + (high - low) * nodes
    moved = np.array([_bidiagonal.rescale(x, n, m, small) for x in grid])
    there, here = smallest_singular_value_cdf(moved, n, m), smallest_singular_value_cdf(grid, small + d, small)
    assert np.abs(there - here).max() < 0.06 * (d + 1) / small**2  # 1e-7 at small = REDUCTION √(d+1)


def test_reduced_draws_have_the_known_law_of_one_more_row():
    m = 10**6
    draws = sample_singular_extremes(m + 1, m, 300, np.random.default_rng(6))[:, 0]
    assert stats.kstest(draws * math.sqrt(m), stats.rayleigh.cdf).pvalue > P_MIN


@pytest.mark.parametrize(("n", "m"), [(10**4, 10**4), (10**7, 10**6), (10**9, 10**9), (10**9 + 10**4, 10**9)])
def test_draws_of_large_matrices_have_the_mean_of_the_closed_form(n, m):
    draws = sample_singular_extremes(n, m, 60, np.random.default_rng(7))
    for sample, mean in zip(draws.T, (expected_smallest_singular_value, expected_spectral_norm), strict=True):
        error = sample.std(ddof=1) / math.sqrt(sample.size)
        assert abs(sample.mean() - mean(n, m, "closed-form")) < Z_MAX * error


@pytest.mark.parametrize(("n", "m"), [(10**15, 10**15), (10**15, 3), (SIZE_LIMIT, 10**6), (10**15, 10**15 - 10**9)])
def test_draws_of_vast_matrices_lie_at_the_edges(n, m):
    (smallest, largest) = sample_singular_extremes(n, m, 1, np.random.default_rng(8))[0]
    for value, side in ((largest, 1), (smallest, -1)):
        mu, s, _, _ = _edge_expansion.edge_scales(n, m, side) if side > 0 or n > m else (0.0, m**-0.5, 0, 0)
        assert abs(value - mu) < 9 * abs(s)


def test_no_draws_have_two_columns():
    assert sample_singular_extremes(4, 3, 0, np.random.default_rng(0)).shape == (0, 2)


def test_draws_follow_the_seed():
    first, second = (sample_singular_extremes(50, 40, 3, np.random.default_rng(9)) for _ in range(2))
    assert (first == second).all()


# Marchenko–Pastur


@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0, 4.0])
def test_density_has_its_mass_and_mean(ratio):
    low, high = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2
    angle, weight = np.polynomial.legendre.leggauss(200)
    x = (low + high) / 2 + (high - low) / 2 * np.sin(angle * np.pi / 2)
    mass = weight * marchenko_pastur_pdf(x, ratio) * (high - low) / 2 * np.cos(angle * np.pi / 2) * np.pi / 2
    assert mass.sum() == pytest.approx(min(1, 1 / ratio), rel=1e-10)  # 200 nodes of a smooth integrand
    assert (mass * x).sum() == pytest.approx(1.0, rel=1e-10)


def test_density_vanishes_outside_its_interval_and_diverges_at_a_hard_edge():
    assert (marchenko_pastur_pdf([-1.0, 0.0, 0.08, 2.92], 0.5) == 0).all()
    assert marchenko_pastur_pdf(0.0, 1.0) == np.inf


@pytest.mark.parametrize("ratio", [4.5, 9.0, 1e300])
def test_density_of_a_wide_matrix_vanishes_below_its_interval(ratio):
    assert (marchenko_pastur_pdf([0.0, 1e-3, 1.0], ratio) == 0).all()  # warnings are errors here


def test_density_near_a_hard_edge_does_not_overflow():
    assert marchenko_pastur_pdf(1e-320, 1.0) == pytest.approx(1 / (np.pi * math.sqrt(1e-320)), rel=1e-3)  # subnormal


# Errors

MEANS = (expected_spectral_norm, expected_smallest_singular_value)


@pytest.mark.parametrize("function", MEANS)
@pytest.mark.parametrize("bad", [2.5, "3", True, None, np.float64(4.5)])
def test_sizes_that_are_not_integers_are_refused(function, bad):
    with pytest.raises(TypeError, match="`n` must be an integer"):
        function(bad, 3)


@pytest.mark.parametrize("bad", [0, -4])
def test_sizes_below_one_are_refused(bad):
    with pytest.raises(ValueError, match=f"`m` must be at least 1, got {bad}"):
        expected_spectral_norm(3, bad)
    with pytest.raises(ValueError, match="`n` must be at least 1"):
        sample_singular_extremes(bad, 3, 1, np.random.default_rng(0))


def test_sizes_beyond_double_precision_are_refused():
    with pytest.raises(ValueError, match=r"at most 9007199254740992, got .*float64 cannot tell larger sizes apart"):
        sample_singular_extremes(SIZE_LIMIT + 1, 3, 1, np.random.default_rng(0))


def test_exact_law_of_too_many_columns_is_refused():
    with pytest.raises(
        ValueError, match=f'at most {EXACT_LIMIT} for the exact law, got 2000; use method="closed-form"'
    ):
        expected_spectral_norm(2000, 3000)
    with pytest.raises(ValueError, match="for the exact law"):
        spectral_norm_cdf(1.0, 2000, 2000)


@pytest.mark.parametrize("function", MEANS)
def test_unknown_method_is_refused(function):
    with pytest.raises(ValueError, match="`method` must be one of 'exact', 'closed-form', 'tracy-widom', 'gordon'"):
        function(3, 2, "fast")


def test_tracy_widom_at_a_hard_edge_is_refused():
    with pytest.raises(ValueError, match="its lower edge is hard"):
        expected_smallest_singular_value(9, 9, "tracy-widom")


def test_bad_sampling_arguments_are_refused():
    with pytest.raises(ValueError, match="`size` must be at least 0, got -1"):
        sample_singular_extremes(3, 2, -1, np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"`rng` must be a numpy.random.Generator"):
        sample_singular_extremes(3, 2, 1, np.random.RandomState(0))


def test_bad_arguments_of_the_densities_are_refused():
    with pytest.raises(ValueError, match="`ratio` must be finite and lie in"):
        marchenko_pastur_pdf(1.0, 0.0)
    with pytest.raises(ValueError, match="`x` must not be nan"):
        spectral_norm_cdf(np.nan, 3, 2)
