"""Properties of `optnotes.extremes`: fifty-digit definitions at drawn arguments, functional equations, monotonicity."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from optnotes import extremes

EPS = 2.0**-52
FORMATS = {"bfloat16": (7, -126), "float16": (10, -14), "float8_e4m3fn": (3, -6), "float8_e5m2": (2, -14)}

log_sizes = st.floats(0, 690)
any_size = log_sizes.map(math.exp)
alphas = st.floats(0, 1, exclude_max=True)


def mp_log_cdf(z):
    """Return log Φ(z), through the smaller tail."""
    tail = mpmath.erfc(abs(z) / mpmath.sqrt(2)) / 2
    return mpmath.log1p(-tail) if z > 0 else mpmath.log(tail)


def quantile(log_y):
    """Return Φ⁻¹(e^(−y)) by SciPy's inverse of log Φ, through the smaller tail."""
    y = np.exp(log_y)
    return np.where(y < 0.5, -special.ndtri_exp(log_y + np.log(special.exprel(-y))), special.ndtri_exp(-y))


def moment(log_size, power, centre=0.0):
    """Return E (z_max − centre)^power by adaptive quadrature over log x, where Φ(z_max)ⁿ = e^(−x)."""
    value = lambda t: math.exp(t - math.exp(t)) * float((quantile(t - log_size) - centre) ** power)  # noqa: E731
    pieces = [integrate.quad(value, low, high, epsabs=0, epsrel=1e-11) for low, high in ((-42, -8), (-8, 0), (0, 4))]
    return sum(piece for piece, _ in pieces)


# The law.


@given(st.floats(-30, 60), log_sizes)
@example(9.0, 3.0)
@example(math.nextafter(9.0, 10), 40.0)
@example(39.0, 690.0)
def test_the_law_is_the_power_of_the_normal_law_and_its_derivative(z, log_size):
    n = math.exp(log_size)
    with mpmath.workdps(50):
        log_cdf = mpmath.mpf(n) * mp_log_cdf(mpmath.mpf(z))
        hazard = float(mpmath.npdf(z) * mpmath.exp(-mp_log_cdf(mpmath.mpf(z))))
        log_pdf = mpmath.log(n) + mpmath.log(mpmath.npdf(z)) + (n - mpmath.mpf(1)) * mp_log_cdf(mpmath.mpf(z))
        cdf, pdf = float(mpmath.exp(log_cdf)), float(mpmath.exp(log_pdf))
    ulp = math.ulp(z) * (abs(z) + n * hazard)  # what moving z by its last place does to log P
    assert extremes.max_cdf(z, n) == pytest.approx(cdf, rel=4 * EPS * (1 + abs(float(log_cdf))) + ulp, abs=1e-300)
    size = abs(float(log_cdf)) + abs(float(log_pdf)) + log_size + z * z / 2
    assert extremes.max_pdf(z, n) == pytest.approx(pdf, rel=4 * EPS * (1 + size) + ulp, abs=1e-300)


@given(st.floats(1e-300, 1, exclude_max=True), st.floats(0, 40), st.floats(1, 8))
def test_the_quantile_of_a_power_is_that_of_a_larger_number(q, log_size, factor):
    n = math.exp(log_size)
    z = extremes.max_ppf(q, n)
    if q**factor >= 1e-300:
        # q^(1/n) is what counts; the power rounds q by ε, and −log q near 1 by ε over it
        blur = EPS * factor * (1 + 1 / -math.log(q)) + EPS * (1 + log_size)
        assert extremes.max_ppf(q**factor, n * factor) == pytest.approx(z, abs=8 * blur * max(1, 1 / (1e-3 + abs(z))))
    assert extremes.max_ppf(q, 1) == pytest.approx(float(special.ndtri(q)), rel=1e-13, abs=1e-15)


@given(st.floats(1e-12, 1 - 1e-12), any_size)
def test_the_quantile_of_fifty_digits_is_kept_to_rounding(q, n):
    z = extremes.max_ppf(q, n)
    with mpmath.workdps(50):
        target = mpmath.log(-mpmath.log(q)) - mpmath.log(n)  # log y is smooth in z: one step of Newton's method
        at = lambda x: mpmath.log(-mp_log_cdf(x))  # noqa: E731
        exact = z - (at(mpmath.mpf(z)) - target) / mpmath.diff(at, z)
    assert z == pytest.approx(float(exact), abs=1e-15 * max(1, abs(z)))  # the promise


@given(st.lists(st.floats(1e-9, 1 - 1e-9), min_size=2, max_size=5), any_size, st.floats(1.01, 100))
def test_the_law_is_ordered_in_both_arguments(q, n, factor):
    z = np.asarray(extremes.max_ppf(np.sort(q), n))
    assert (np.diff(z) >= 0).all()
    assert (extremes.max_ppf(np.sort(q), factor * n) >= z - 1e-15 * np.maximum(1, abs(z))).all()
    assert (np.diff(extremes.max_cdf(z, n)) >= -1e-11).all()  # rounding of z, times n φ(z)/Φ(z)
    assert (extremes.max_cdf(z, factor * n) <= np.asarray(extremes.max_cdf(z, n))).all()


# Moments and the mode.


@given(log_sizes)
@example(0.5)
@example(0.999)
@example(1.001)
def test_mean_and_variance_agree_with_adaptive_quadrature(log_size):
    n = math.exp(log_size)
    mean = extremes.expected_max(n)
    assert mean == pytest.approx(moment(log_size, 1), rel=1e-9, abs=1e-10)  # the pieces cancel near n = 1
    assert extremes.variance_max(n) == pytest.approx(moment(log_size, 2, mean), rel=1e-9)


@pytest.mark.parametrize("exponent", [0.1, 7, 299, 308, 3000, 20_000, 43_000])
def test_far_out_mean_and_variance_agree_with_adaptive_quadrature_too(exponent):
    n, log_size = 10.0**exponent if exponent <= 308 else 10**exponent, exponent * math.log(10)
    assert extremes.expected_max(n) == pytest.approx(moment(log_size, 1), rel=1e-9)
    assert extremes.variance_max(n) == pytest.approx(moment(log_size, 2, moment(log_size, 1)), rel=1e-7)  # centre


@given(log_sizes, st.floats(0.01, 5))
def test_mean_and_mode_rise_and_the_variance_falls(log_size, more):
    n = np.exp([log_size, log_size + more])
    for function, sign in ((extremes.expected_max, 1), (extremes.mode_max, 1), (extremes.variance_max, -1)):
        first, second = function(n)
        assert sign * (second - first) > 0
    assert (np.asarray(extremes.mode_max(n)) <= extremes.expected_max(n)).all()  # the law leans to the right
    assert (np.asarray(extremes.expected_max(n)) <= np.sqrt(2 * np.log(n)) + 1e-15).all()  # Jensen


@given(log_sizes.filter(lambda x: x > 1e-6))
def test_the_mode_solves_its_equation_at_fifty_digits(log_size):
    n = math.exp(log_size)
    z = extremes.mode_max(n)
    with mpmath.workdps(50):
        excess = lambda x: mpmath.log(n - mpmath.mpf(1)) + mpmath.log(mpmath.npdf(x)) - mpmath.log(x) - mp_log_cdf(x)  # noqa: E731
        exact = z - excess(mpmath.mpf(z)) / mpmath.diff(excess, z)
    assert z == pytest.approx(float(exact), rel=1e-14)  # the promise


def test_mean_and_mode_leave_one_with_their_slopes():
    gap = np.array([2.0**-50, 2.0**-30])
    # n = 1 + δ: z = δ φ(0)/Φ(0) for the mode
    np.testing.assert_allclose(extremes.mode_max(1 + gap) / gap, math.sqrt(2 / math.pi), rtol=1e-8)
    np.testing.assert_allclose(extremes.expected_max_plugin(1 + gap) / gap, math.sqrt(2 * math.pi) / 4, rtol=1e-8)


# Approximations.


@given(log_sizes, alphas)
@example(700.0, 0.0)
@example(math.log(3), 0.0)
def test_the_plugin_is_the_quantile_of_its_plotting_position(log_size, alpha):
    n = math.exp(log_size)
    z = extremes.expected_max_plugin(n, alpha)
    with mpmath.workdps(50):
        alpha = mpmath.mpf(alpha)
        target = mpmath.log((1 - alpha) / (n - 2 * alpha + 1))  # log of the upper tail
        at = lambda x: mpmath.log(mpmath.erfc(x / mpmath.sqrt(2)) / 2)  # noqa: E731
        exact = z - (at(mpmath.mpf(z)) - target) / mpmath.diff(at, z)
    assert z == pytest.approx(float(exact), rel=2e-15, abs=1e-15)
    assert extremes.expected_max_plugin(n) == extremes.expected_max_plugin(n, 0.0)


def gumbel_moment(j):
    """Return the central moment μ_j of the Gumbel law from its density."""
    density = lambda x: (x - mpmath.euler) ** j * mpmath.exp(-x - mpmath.exp(-x))  # noqa: E731
    return mpmath.quad(density, [-6, -3, 0, 3, 8, 20, 60, 120])


@pytest.mark.parametrize("n", [30, 1e8, 1e100])
def test_the_expansion_is_a_taylor_series_against_gumbel_moments(n):
    with mpmath.workdps(40):
        y = mpmath.log(n) + mpmath.euler
        start = mpmath.mpf(extremes.expected_max_asymptotic(n, 2))
        # derivatives of the inverse of −log Q from those of its slope: z' = Q/φ = M, M' = z M − 1 along z
        z = mpmath.findroot(lambda x: mpmath.log(mpmath.erfc(x / mpmath.sqrt(2)) / 2) + y, start)
        mills = lambda x: mpmath.erfc(x / mpmath.sqrt(2)) / 2 / mpmath.npdf(x)  # noqa: E731
        terms, slope = [z], mills
        for j in range(1, 4):
            terms.append(slope(z) * gumbel_moment(j) / math.factorial(j))
            slope = lambda x, before=slope: mpmath.diff(before, x, h=mpmath.mpf(10) ** -8) * mills(x)  # noqa: E731
        sums = [float(x) for x in itertools.accumulate(terms)]
    for order in range(2, 5):
        assert extremes.expected_max_asymptotic(n, order) == pytest.approx(sums[order - 1], rel=1e-10)  # h² of diff


@given(log_sizes.filter(lambda x: x > 1e-3))
def test_the_first_orders_are_the_textbook_terms(log_size):
    n = math.exp(log_size)
    root = math.sqrt(2 * log_size)
    correction = (math.log(log_size) + math.log(4 * math.pi) - 2 * np.euler_gamma) / (2 * root)
    assert extremes.expected_max_asymptotic(n, 0) == pytest.approx(root, rel=1e-13)  # log(exp(x)) near 0
    assert extremes.expected_max_asymptotic(n, 1) == pytest.approx(root - correction, rel=1e-12, abs=1e-12)


# Ties.


def cells(dtype):
    """Return the distribution function of a normal variable at the ends of the cells that round to one number."""
    bits, smallest = FORMATS[dtype]
    smallest = max(smallest, -30)  # a tie in a cell below 2^−30 has a probability below 1e-18
    numbers = [k * 2.0 ** (smallest - bits) for k in range(2**bits)]
    numbers += [(2**bits + k) * 2.0 ** (e - bits) for e in range(smallest, 6) for k in range(2**bits)]
    edges = [(low + high) / 2 for low, high in itertools.pairwise(numbers)]
    return [mpmath.exp(mp_log_cdf(mpmath.mpf(x))) for x in (*(-x for x in reversed(edges)), *edges)]


@settings(max_examples=3)
@given(st.sampled_from(["float8_e4m3fn", "float8_e5m2"]), st.floats(1e-3, 60))
@example("float8_e4m3fn", 1e-6)
@example("float8_e5m2", math.log(2))
@example("float8_e4m3fn", 40.0)
def test_ties_of_drawn_sizes_agree_with_the_plain_sum_over_cells(dtype, log_size):
    n = math.exp(log_size)
    with mpmath.workdps(40 + round(log_size)):  # the plain sum cancels n² times its result
        ends, m = cells(dtype), mpmath.mpf(n)
        exact = mpmath.fsum(b**m - a**m - m * (b - a) * a ** (m - 1) for a, b in itertools.pairwise(ends))
    assert extremes.tie_probability(n, dtype) == pytest.approx(float(exact), rel=1e-13)  # 1e-14 promised, n rounds


@settings(max_examples=10)
@given(st.sampled_from(sorted(FORMATS)), st.floats(0.01, 60))
def test_ties_after_the_exponential_agree_with_their_integral(dtype, log_size):
    n, distance = math.exp(log_size), -math.log1p(-(0.5 ** (FORMATS[dtype][0] + 2)))

    def density(t):
        # n φ(z) [Φ(z)ⁿ⁻¹ − Φ(z − d)ⁿ⁻¹] dz with e^(−x) = Φ(z)ⁿ, x = e^t
        z = float(quantile(t - log_size))
        fall = float(special.log_ndtr(z - distance) - special.log_ndtr(z))
        return -math.exp(t - math.exp(t)) * math.expm1((n - 1) * fall)

    exact = sum(integrate.quad(density, *ends, epsabs=0, epsrel=1e-10)[0] for ends in ((-40, -8), (-8, 0), (0, 4)))
    # the difference of two logarithms loses 1e-16/d of log Φ(z), times n where they are near 0
    assert extremes.tie_probability(n, dtype, after="exp") == pytest.approx(exact, rel=1e-8, abs=1e-9)


@given(log_sizes.filter(lambda x: x > 1e-9), st.floats(0.01, 3))
def test_more_variables_or_fewer_bits_tie_more_after_the_exponential(log_size, more):
    n = np.exp([log_size, log_size + more])
    values = np.array([extremes.tie_probability(n, dtype, after="exp") for dtype in FORMATS])
    assert ((values > 0) & (values < 1)).all()
    order = [list(FORMATS).index(name) for name in ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")]
    assert (np.diff(values[order], axis=0) > 0).all()


def test_logits_are_the_default_and_two_variables_tie_with_the_sum_of_squares():
    for dtype in FORMATS:
        assert extremes.tie_probability(50, dtype) == extremes.tie_probability(50, dtype, after="logits")
    with mpmath.workdps(30):
        exact = float(mpmath.fsum((b - a) ** 2 for a, b in itertools.pairwise([0, *cells("float8_e5m2"), 1])))
    assert extremes.tie_probability(2, "float8_e5m2") == pytest.approx(exact, rel=1e-14)


# Arguments.


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: extremes.max_cdf(math.nan, 2), ValueError, r"^`z` must not be nan, got nan$"),
        (lambda: extremes.max_cdf("0", 2), TypeError, r"^`z` must be real numbers, got '0'"),
        (lambda: extremes.max_pdf([0, math.nan], 2), ValueError, r"^`z` must not be nan, got nan at index 1$"),
        (lambda: extremes.max_ppf(0.0, 2), ValueError, r"^`q` must be finite and lie in \(0, 1\), got 0\.0$"),
        (lambda: extremes.max_ppf([0.5, 1.0], 2), ValueError, r"^`q` must .*\(0, 1\), got 1\.0 at index 1$"),
        (lambda: extremes.expected_max_plugin(2, 1.0), ValueError, r"^`alpha` must .*\[0, 1\), got 1\.0$"),
        (lambda: extremes.expected_max_plugin(2, -0.1), ValueError, r"^`alpha` must .*\[0, 1\), got -0\.1$"),
        (lambda: extremes.expected_max_plugin(2, [0.1]), TypeError, r"^`alpha` must be one number"),
        (lambda: extremes.expected_max_asymptotic(2, -1), ValueError, r"^`order` must be at least 0, got -1; call"),
        (lambda: extremes.expected_max_asymptotic(2, 21), ValueError, r"^`order` must be at most 20, got 21; call"),
        (lambda: extremes.expected_max_asymptotic(2, 1.5), TypeError, r"^`order` must be an integer, got 1\.5$"),
        (lambda: extremes.expected_max_asymptotic([2, 1], 1), ValueError, r"^`n` must be above 1 at order 1"),
        (
            lambda: extremes.tie_probability(2, "float32"),
            ValueError,
            r"^`dtype` must be one of 'bfloat16', .*'float32'$",
        ),
        (lambda: extremes.tie_probability(2, "float16", "log"), ValueError, r"^`after` must be one of 'logits', 'exp'"),
        (lambda: extremes.mode_max(10**43_430), ValueError, r"^`n` must be at most exp\(100000\), got 'a larger"),
    ],
)
def test_a_bad_argument_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()


@given(st.floats(1, 1e300) | st.integers(1, 10**400))
def test_the_law_at_infinity_is_that_of_scipy(n):
    ends = [-math.inf, math.inf]
    assert extremes.max_cdf(ends, n).tolist() == stats.norm.cdf(ends).tolist() == [0, 1]
    assert extremes.max_pdf(ends, n).tolist() == stats.norm.pdf(ends).tolist() == [0, 0]


def test_a_dtype_goes_by_its_name():
    for dtype in (np.float16, np.dtype("float16"), "torch.float16"):  # as PyTorch prints its own
        assert extremes.tie_probability(4096, dtype) == extremes.tie_probability(4096, "float16")
    with pytest.raises(ValueError, match=r"`dtype` must be one of 'bfloat16', .* got 'float32'"):
        extremes.tie_probability(4096, np.float32)


@given(st.fractions(1, 10**6))
def test_a_fraction_and_a_number_of_mpmath_are_real(n):
    expected = extremes.expected_max(float(n))
    assert extremes.expected_max(n) == extremes.expected_max(mpmath.mpf(float(n))) == expected


def test_the_allowed_ends_of_every_range_are_answered():
    assert extremes.expected_max_asymptotic(1, 0) == 0
    assert math.isfinite(extremes.expected_max_asymptotic(2, 20))
    assert extremes.expected_max_plugin(1, 0.0) == 0
    assert math.isfinite(extremes.mode_max(10**43_429))  # e^100000 is 10^43429.4
