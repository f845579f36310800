"""Tests of `optnotes.extremes`.

References come from mpmath at 40 digits: the mean as ∫₀^∞ (1 − Φⁿ − Qⁿ) dz, the variance from the density, ties as the
plain sum over rounding cells of Φ(b)ⁿ − Φ(a)ⁿ − n (Φ(b) − Φ(a)) Φ(a)ⁿ⁻¹. The package uses none of these forms, but for
the mean below n = e; there the closed form at n = 2 is the independent judge.
"""

import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy import integrate, special, stats

from optnotes import extremes

DTYPES = {"bfloat16": (7, -126), "float16": (10, -14), "float8_e4m3fn": (3, -6), "float8_e5m2": (2, -14)}
BF16_ROWS = 10**6  # rows behind each number that post 11390 prints
BF16_PRINTED = {128: 0.018246, 4096: 0.028279, 65536: 0.05296699}


def test_plotting_positions_near_the_ends_of_both_ranges_keep_their_digits():
    n, alpha = 1 + 1e-9, 1 - 1e-9
    with mpmath.workdps(40):
        odds = (mpmath.mpf(n) - 1) / (mpmath.mpf(n) + 1 - 2 * mpmath.mpf(alpha))
        exact = float(mpmath.sqrt(2) * mpmath.erfinv(odds))
    assert extremes.expected_max_plugin(n, alpha=alpha) == pytest.approx(exact, rel=2e-15)  # n − 1 is exact, log n not


def test_a_negative_integer_beyond_float_breaks_the_rule_for_n_not_that_for_floats():
    with pytest.raises(ValueError, match=r"`n` must be finite and lie in \[1, inf\)"):
        extremes.expected_max(-(10**400))
    with pytest.raises(TypeError, match="`n` must be real numbers, got True"):
        extremes.expected_max([True, 2.5])


def mp_tail(z):
    return mpmath.erfc(z / mpmath.sqrt(2)) / 2


def mp_log_cdf(z):
    return mpmath.log1p(-mp_tail(z)) if z > 0 else mpmath.log(mp_tail(-z))


def mp_panels(n):
    if n < 20:
        return [-14, -6, -3, -1, 0, 1, 2, 3, 5, 8, 14]
    top = mpmath.findroot(lambda z: mpmath.log(n) + mpmath.log(mp_tail(z)), float(np.sqrt(2 * np.log(float(n)))))
    return [top + k / top for k in (-7, -4, -3, -2, -1, 0, 1, 2, 4, 7, 12, 20, 35, 60, 100)]


def mp_integral(function, panels):
    return mpmath.quad(function, panels, method="gauss-legendre")


def mp_power(base, n):
    return mpmath.exp(n * mpmath.log(base))  # base**n multiplies a thousand times for n = 1e300


def mp_mean(n):
    n, panels = mpmath.mpf(n), mp_panels(n)
    start = panels[0] if n >= 1000 else 0  # below the first panel the integrand is 1 to 90 digits
    panels = [start, *(p for p in panels if p > start)]
    return start + mp_integral(lambda z: -mpmath.expm1(n * mp_log_cdf(z)) - mp_power(mp_tail(z), n), panels)


def mp_variance(n, mean):
    n = mpmath.mpf(n)
    density = lambda z: n * mpmath.npdf(z) * mpmath.exp((n - 1) * mp_log_cdf(z))  # noqa: E731
    return mp_integral(lambda z: (z - mean) ** 2 * density(z), mp_panels(n))


def rounded_numbers(dtype, low, high):
    bits, smallest = DTYPES[dtype]
    smallest = max(smallest, -30)  # cells below 2^−30 hold a tie with a probability below 1e-18
    numbers = [k * 2.0 ** (smallest - bits) for k in range(2**bits)]
    numbers += [(2**bits + k) * 2.0 ** (e - bits) for e in range(smallest, 7) for k in range(2**bits)]
    both = np.unique(np.concatenate([np.negative(numbers), numbers]))
    return both[(both >= low) & (both <= high)]


def mp_tie(n, dtype, low, high):
    numbers = rounded_numbers(dtype, low, high)
    edges = (numbers[1:] + numbers[:-1]) / 2
    cdf = [mpmath.exp(mp_log_cdf(mpmath.mpf(float(edge)))) for edge in edges]
    return mpmath.fsum(b**n - a**n - n * (b - a) * a ** (n - 1) for a, b in itertools.pairwise(cdf))


def rounded(x, dtype):
    bits, smallest = DTYPES[dtype]
    spacing = np.exp2(np.maximum(np.frexp(x)[1] - 1, smallest) - bits)
    return np.round(x / spacing) * spacing


def share_of_ties(rounded_rows):
    return np.mean(np.sum(rounded_rows == rounded_rows.max(axis=1, keepdims=True), axis=1) >= 2)


# Exact values. Closed forms for n ≤ 5: David and Nagaraja 2003, section 3.2.


@pytest.mark.parametrize(
    ("n", "mean"),
    [
        (2, 1 / math.sqrt(math.pi)),
        (3, 1.5 / math.sqrt(math.pi)),
        (4, 6 / math.pi**1.5 * math.atan(math.sqrt(2))),
        (5, 5 / math.sqrt(math.pi) * (1.5 / math.pi * math.asin(1 / 3) + 0.25)),
    ],
)
def test_mean_has_its_closed_form_up_to_five(n, mean):
    assert extremes.expected_max(n) == pytest.approx(mean, rel=1e-15)  # a few roundings in the closed form


@pytest.mark.parametrize("n", [1.001, 1.5, 2, 7.25, 100, 4096, 1e8, 1e15, 1e100, 1e300])
def test_mean_agrees_with_forty_digits(n):
    with mpmath.workdps(40):
        assert extremes.expected_max(n) == pytest.approx(float(mp_mean(n)), rel=2e-15)  # measured: 6e-16


@pytest.mark.parametrize("n", [1, 2.5, 100, 4096, 1e15, 1e300])
def test_variance_agrees_with_forty_digits(n):
    with mpmath.workdps(40):
        exact = mp_variance(n, mp_mean(n) if n > 1 else 0)
        assert extremes.variance_max(n) == pytest.approx(float(exact), rel=5e-15)  # measured: 2e-15


@pytest.mark.parametrize(
    ("n", "dtype", "low", "high"),
    [
        (1.5, "float8_e4m3fn", -15, 15),
        (2, "float8_e5m2", -15, 15),
        (3, "float8_e4m3fn", -15, 15),
        (128, "bfloat16", -1, 10),
        (65536, "bfloat16", 2, 11),
        (4096, "float8_e5m2", 0, 15),
        (10**300, "float8_e4m3fn", 20, 60),
        (10**300, "bfloat16", 35, 40),
    ],
)
def test_tie_probability_agrees_with_the_plain_sum_over_cells(n, dtype, low, high):
    digits = 40 if n < 1e20 else 660  # the plain sum cancels n² times its result
    with mpmath.workdps(digits):
        exact = float(mp_tie(mpmath.mpf(n), dtype, low, high))
    assert extremes.tie_probability(n, dtype) == pytest.approx(exact, rel=1e-13)  # the stated domain


@pytest.mark.parametrize(("dtype", "bits"), [(name, bits) for name, (bits, _) in DTYPES.items()])
def test_tie_probability_after_exp_agrees_with_its_integral(dtype, bits):
    n, distance = 300, -math.log(1 - 0.5 ** (bits + 2))
    with mpmath.workdps(40):
        gap = lambda z: mpmath.exp((n - 1) * mp_log_cdf(z)) - mpmath.exp((n - 1) * mp_log_cdf(z - distance))  # noqa: E731
        exact = float(mp_integral(lambda z: n * mpmath.npdf(z) * gap(z), mp_panels(n)))
    assert extremes.tie_probability(n, dtype, after="exp") == pytest.approx(exact, rel=1e-13)  # d rounds by 1e-16/d


# Identities and special cases.


def test_one_variable_is_the_normal_variable_itself():
    z = np.array([-30.0, -1.5, 0.0, 2.0, 8.0])
    np.testing.assert_allclose(extremes.max_cdf(z, 1), special.ndtr(z), rtol=1e-13)  # e^(−450) rounds by 450 eps
    np.testing.assert_allclose(extremes.max_pdf(z, 1), stats.norm.pdf(z), rtol=1e-13)
    assert extremes.expected_max(1) == extremes.mode_max(1) == extremes.tie_probability(1, "bfloat16") == 0
    assert extremes.variance_max(1) == pytest.approx(1, rel=1e-15)  # one rounding


@pytest.mark.parametrize("n", [1, 2, 10.5, 1e6, 1e300, 10**400])
def test_quantile_inverts_the_distribution_function(n):
    q = np.array([1e-6, 0.3, 0.5, 0.9999])
    z = extremes.max_ppf(q, n)
    # Rounding z by half a unit moves log q by n φ(z)/Φ(z) times that, below 14 z² eps here.
    np.testing.assert_allclose(extremes.max_cdf(z, n), q, rtol=14 * max(1, np.max(z**2)) * 2.0**-52)


@pytest.mark.parametrize("n", [2, 100, 1e12, 1e300])
def test_density_integrates_to_the_distribution_function(n):
    low, high = extremes.max_ppf([0.1, 0.8], n)
    mass, _ = integrate.quad(lambda z: extremes.max_pdf(z, n), low, high, epsabs=0, epsrel=1e-12)
    assert mass == pytest.approx(0.7, rel=1e-11)  # rounding of z² at n = 1e300, with a margin


@pytest.mark.parametrize("n", [1 + 2**-40, 1.5, 2, 128, 1e10])
def test_mode_satisfies_its_equation(n):
    z = extremes.mode_max(n)
    rate = (n - 1) * stats.norm.pdf(z) / special.ndtr(z)
    assert rate == pytest.approx(z, rel=2e-14 * (1 + z * z))  # φ magnifies the rounding of z by z²


def test_mode_is_where_the_density_is_largest():
    z, n = extremes.mode_max([5, 1e9, 1e300]), np.array([5, 1e9, 1e300])
    peak = extremes.max_pdf(z, n)
    assert (peak > extremes.max_pdf(z - 1e-3, n)).all()
    assert (peak > extremes.max_pdf(z + 1e-3, n)).all()


def test_plugin_is_the_quantile_of_the_plotting_position():
    n = np.array([1, 2, 100, 1e6])
    for alpha in (0.0, 0.375, 0.5):
        exact = stats.norm.isf((1 - alpha) / (n - 2 * alpha + 1))
        np.testing.assert_allclose(extremes.expected_max_plugin(n, alpha=alpha), exact, rtol=1e-14, atol=1e-16)  # isf


def test_asymptotic_orders_zero_and_one_are_the_textbook_terms():
    root, n = math.sqrt(2 * math.log(1000)), 1000
    correction = (math.log(math.log(n)) + math.log(4 * math.pi) - 2 * np.euler_gamma) / (2 * root)
    assert extremes.expected_max_asymptotic(n, 0) == pytest.approx(root, rel=1e-15)  # one rounding
    assert extremes.expected_max_asymptotic(n, 1) == pytest.approx(root - correction, rel=1e-15)


@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_asymptotic_error_falls_with_the_stated_power(order):
    logs = np.array([200.0, 300.0, 450.0, 690.0])
    n = np.exp(logs)
    error = np.abs(extremes.expected_max_asymptotic(n, order) - extremes.expected_max(n))
    resolved = error > 1e-13  # above the rounding of both sides
    slope = np.polyfit(np.log(logs[resolved]), np.log(error[resolved]), 1)[0] if resolved.sum() > 2 else 0.5 - order
    assert slope == pytest.approx(0.5 - order, abs=0.1)  # log corrections are of order 1/L


def test_highest_order_reaches_rounding_at_large_n():
    n = np.array([1e30, 1e100, 1e300, 1e308])
    np.testing.assert_allclose(extremes.expected_max_asymptotic(n, 20), extremes.expected_max(n), rtol=2e-15)


# Independent routes.


def test_mean_and_variance_agree_with_scipy_where_scipy_is_right():
    for n in (2, 10, 60):
        peer = stats.order_statistic(stats.Normal(), n=n, r=n)
        assert extremes.expected_max(n) == pytest.approx(float(peer.mean()), rel=1e-13)  # its quadrature
        assert extremes.variance_max(n) == pytest.approx(float(peer.variance()), rel=1e-11)


@pytest.mark.parametrize(("n", "printed"), BF16_PRINTED.items())
def test_tie_probability_reproduces_the_simulations_of_the_post(n, printed):
    exact = extremes.tie_probability(n, "bfloat16")
    standard_error = math.sqrt(exact * (1 - exact) / BF16_ROWS)
    assert abs(printed - exact) < 2 * standard_error
    rule = math.sqrt(2 * math.log((n - 1) / math.sqrt(2 * math.pi))) / 128  # the post's ν/128 is rejected
    assert abs(printed - rule) > 10 * standard_error


@pytest.mark.parametrize("dtype", DTYPES)
def test_simulated_ties_agree_with_both_probabilities(dtype):
    rows = np.random.default_rng(11390).standard_normal((20_000, 128))
    weights = np.exp(rows - rows.max(axis=1, keepdims=True))
    for after, values in (("logits", rows), ("exp", weights)):
        exact = extremes.tie_probability(128, dtype, after=after)
        z = (share_of_ties(rounded(values, dtype)) - exact) / math.sqrt(exact * (1 - exact) / len(rows))
        assert abs(z) < 4


def test_simulated_mean_and_variance_agree():
    largest = np.random.default_rng(11390).standard_normal((20_000, 100)).max(axis=1)
    standard_error = largest.std() / math.sqrt(largest.size)
    assert abs(largest.mean() - extremes.expected_max(100)) < 4 * standard_error
    # Kurtosis of this law is near 4, so the sample variance has a relative standard error of √(3/20000).
    assert largest.var() == pytest.approx(extremes.variance_max(100), rel=4 * math.sqrt(3 / largest.size))


# Edges of the domain.

MOMENTS = [extremes.expected_max, extremes.variance_max, extremes.mode_max, extremes.expected_max_plugin]
OF_SIZE = [
    *MOMENTS,
    lambda n: extremes.max_cdf(1.0, n),
    lambda n: extremes.max_pdf(1.0, n),
    lambda n: extremes.max_ppf(0.5, n),
    lambda n: extremes.expected_max_asymptotic(n, 3),
    lambda n: extremes.tie_probability(n, "float8_e5m2"),
    lambda n: extremes.tie_probability(n, "float8_e5m2", after="exp"),
]


@pytest.mark.parametrize("function", OF_SIZE)
def test_arrays_keep_their_shape_and_numbers_give_floats(function):
    n = np.array([[1.5, 2, 3], [10, 1e5, 1e300]])
    values = function(n)
    assert values.shape == (2, 3)
    assert values[1, 1] == function(1e5) == function(10**5) == function(np.int64(10**5))
    assert type(function(4)) is float
    assert function(np.empty((0, 2))).shape == (0, 2)
    assert n[1, 2] == 1e300  # unchanged


@pytest.mark.parametrize("function", OF_SIZE)
def test_integers_beyond_float_work_in_lists_and_alone(function):
    values = function([10**400, 2, 2.5])
    assert values[0] == function(10**400)
    assert values[1] == function(2)
    assert np.isfinite(values).all()
    assert math.isfinite(function(10**40_000))


@pytest.mark.parametrize("function", OF_SIZE)
def test_nothing_jumps_where_integers_leave_the_floats(function):
    inside, outside = function(2**1023), function(2**1023 + 2**1010 * 1023)
    assert inside == pytest.approx(outside, rel=1e-3)
    assert function(2**1024) == pytest.approx(function(float(2**1023)), rel=0.02)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tie_probabilities_stay_in_the_unit_interval(dtype):
    n = np.exp(np.concatenate([np.geomspace(1e-12, 709, 40)]))
    for after in ("logits", "exp"):
        values = extremes.tie_probability(n, dtype, after=after)
        assert ((values > 0) & (values <= 1)).all()


def test_mean_near_one_keeps_relative_accuracy():
    slope = integrate.quad(lambda z: special.entr(special.ndtr(z)) + special.entr(special.ndtr(-z)), 0, 30)[0]
    gap = np.array([2.0**-52, 2.0**-40, 2.0**-30])
    np.testing.assert_allclose(extremes.expected_max(1 + gap) / gap, slope, rtol=1e-8)  # next term: gap


def test_law_far_outside_is_zero_or_one_without_warning():
    assert extremes.max_cdf([-1e300, 1e300], 10**400).tolist() == [0, 1]
    assert extremes.max_pdf([-1e300, 1e300], 7).tolist() == [0, 0]
    assert extremes.max_cdf(38.0, 1e308) == pytest.approx(math.exp(-1e308 * 2.885428360068784e-316), rel=1e-9)


# Bad input.


@pytest.mark.parametrize("function", OF_SIZE)
@pytest.mark.parametrize(
    ("n", "error", "text"),
    [
        (0.5, ValueError, r"`n` must be finite and lie in \[1, inf\), got 0.5; pass the number of variables"),
        (-3, ValueError, r"`n` must .* got -3"),
        (math.nan, ValueError, r"`n` must be finite.* got nan"),
        ([2, math.inf], ValueError, r"`n` must be finite.* got inf"),
        ("many", TypeError, r"`n` must be real numbers, got 'many'"),
        (True, TypeError, r"`n` must be real numbers, got True"),
        (2j, TypeError, r"`n` must be real numbers, got 2j"),
        (None, TypeError, r"`n` must be real numbers, got None"),
        ([[2], [3, 4]], ValueError, r"`n` must be a regular array"),
    ],
)
def test_bad_n_is_named(function, n, error, text):
    with pytest.raises(error, match=text):
        function(n)


def test_integer_beyond_the_domain_is_named():
    with pytest.raises(ValueError, match=r"`n` must be at most exp\(100000\)"):
        extremes.expected_max([2, 10**50_000])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: extremes.tie_probability(9, "float32"), r"`dtype` must be one of 'bfloat16', .* got 'float32'"),
        (lambda: extremes.tie_probability(9, "bfloat16", after="log"), r"`after` must be one of 'logits', 'exp', got"),
        (lambda: extremes.max_ppf([0.5, 1.0], 9), r"`q` must .* lie in \(0, 1\), got 1.0"),
        (lambda: extremes.max_ppf(0, 9), r"`q` must .* lie in \(0, 1\), got 0"),
        (lambda: extremes.max_cdf(math.nan, 9), r"`z` must not be nan, got nan"),
        (lambda: extremes.expected_max_plugin(9, alpha=1.0), r"`alpha` must .* lie in \[0, 1\), got 1.0"),
        (lambda: extremes.expected_max_asymptotic(9, -1), r"`order` must be at least 0, got -1"),
        (lambda: extremes.expected_max_asymptotic(9, 21), r"`order` must be at most 20, got 21; call expected_max"),
        (lambda: extremes.expected_max_asymptotic([9, 1], 1), r"`n` must be above 1 at order 1, got 1"),
    ],
)
def test_bad_options_are_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()


# Planted faults: the comparisons above would see a wrong factor.


def test_comparison_rejects_three_pi_for_two_pi():
    wrong = mpmath.quad(
        lambda z: z * 2 * mpmath.exp(-z * z / 2) / mpmath.sqrt(3 * mpmath.pi) * mpmath.ncdf(z), [-14, 0, 14]
    )
    assert extremes.expected_max(2) != pytest.approx(float(wrong), rel=2e-15)


def test_comparison_rejects_one_bit_too_few():
    rows = np.random.default_rng(11390).standard_normal((20_000, 128))
    spacing = np.exp2(np.frexp(rows)[1] - 1.0 - 7)
    coarse = np.round(rows / (2 * spacing)) * 2 * spacing
    exact = extremes.tie_probability(128, "bfloat16")
    assert abs(share_of_ties(coarse) - exact) > 4 * math.sqrt(exact * (1 - exact) / len(rows))
