"""Properties of `optnotes.moments`: every moment again from plain sums over past gradients, at drawn decays.

The exact moments are judged by trapezoidal sums in log s over plain products of many past gradients; the package uses
other grids and Gauss rules over the past.
"""

import math
import re

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optnotes import moments

decays1 = st.floats(0, 0.95)
decays2 = st.floats(0.1, 0.95)
ratios = st.just(0.0) | st.floats(1e-3, 10)
METHODS = ["mean-field", "corrected", "exact"]
AGES = np.arange(700)  # 0.95^700 = 3e-16


def weights(decay):
    return (1 - decay) * decay**AGES


def gaussian(snr):
    """Return mean and variance of a gradient with E g² = 1."""
    return math.sqrt(snr / (1 + snr)), 1 / (1 + snr)


def tilted(c, mean, variance):
    """Return log E e^(−c g²), and mean and variance of g under that weight."""
    shrink = 1 / (1 + 2 * c * variance)
    return np.log(shrink) / 2 - c * mean**2 * shrink, mean * shrink, variance * shrink


def plain_moments(beta1, beta2, snr):
    """Return E m/√v and E m²/v from integrals over s by the trapezoidal rule in log s."""
    log_s, a = np.arange(-70, 40, 0.25)[:, None], weights(beta1)
    log_weight, means, variances = tilted(np.exp(log_s) * weights(beta2), *gaussian(snr))
    log_weight, log_s, first = log_weight.sum(axis=1), log_s[:, 0], means @ a
    mean = 0.25 * np.exp(log_s / 2 + log_weight) @ first / math.sqrt(math.pi)
    return mean, 0.25 * np.exp(log_s + log_weight) @ (first**2 + variances @ a**2)


def plain_product(beta1, beta2, snr, lag):
    """Return E u_t u_{t+lag} from a double integral over s and s' by the trapezoidal rule in both logarithms."""
    log_s, step = np.arange(-50, 30, 0.5), 0.5
    s = np.exp(log_s)
    a, b, mean, variance = weights(beta1), weights(beta2), *gaussian(snr)
    log_weight, first, later, shared = (np.zeros((s.size, s.size)) for _ in range(4))
    for age in range(-lag, 300):  # ages below zero are gradients that came after t
        old_a, old_b = (a[age], b[age]) if age >= 0 else (0.0, 0.0)
        weight, tilted_mean, tilted_variance = tilted(s[:, None] * old_b + s * b[age + lag], mean, variance)
        log_weight += weight
        first += old_a * tilted_mean
        later += a[age + lag] * tilted_mean
        shared += old_a * a[age + lag] * tilted_variance
    kernel = np.exp(log_weight + (log_s[:, None] + log_s) / 2) * (first * later + shared)
    return step**2 * kernel.sum() / math.pi


# One average.


@given(st.floats(0, 0.999), st.floats(0, 1e6), st.floats(0, 100))
def test_the_variance_of_momentum_solves_its_recursion_and_scales_with_the_square(beta1, std, scale):
    variance = float(moments.momentum_variance(beta1, std))
    assert variance == pytest.approx(beta1**2 * variance + (1 - beta1) ** 2 * std**2, rel=1e-12)  # 1 − β₁² of 0.002
    assert float(moments.momentum_variance(beta1, scale * std)) == pytest.approx(scale**2 * variance, rel=1e-14)
    assert float(moments.momentum_variance(0.0, std)) == std**2


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 10_000) | st.floats(0, 1e4))
def test_the_correlation_of_signs_is_the_arcsine_of_the_correlation(beta1, lag):
    with mpmath.workdps(40):
        exact = float(2 / mpmath.pi * mpmath.asin(mpmath.mpf(beta1) ** mpmath.mpf(lag)))
    # the exponent lag·log β₁ carries its rounding; next to 1 the arcsine takes its root
    blur = 4e-16 * (1 + lag * -math.log(max(beta1, 1e-300)))
    assert float(moments.sign_momentum_correlation(beta1, lag)) == pytest.approx(exact, rel=blur, abs=1e-300)


# Mean field and correction, from sums over the past.


@given(st.floats(0, 0.95), st.floats(0, 0.95), ratios)
def test_the_mean_field_and_its_correction_come_from_covariances_of_plain_sums(beta1, beta2, snr):
    a, b, mean, variance = weights(beta1), weights(beta2), *gaussian(snr)
    square = variance * np.sum(a**2) + mean**2
    mean_field = moments.adam_update_rms(beta1, snr=snr)
    assert float(mean_field) == pytest.approx(math.sqrt(square), rel=1e-13)
    assert moments.adam_update_rms(beta1, beta2, snr) == mean_field
    of_square = 4 * mean**2 * variance + 2 * variance**2  # Var g²
    with_rest = 2 * a * (1 - a) * mean * 2 * mean * variance  # 2 a E[rest] Cov(g, g²)
    covariance = np.sum(b * (a**2 * of_square + with_rest))
    corrected = square * (1 + np.sum(b**2) * of_square) - covariance
    found = float(moments.adam_update_rms(beta1, beta2, snr, "corrected"))
    assert found == pytest.approx(math.sqrt(corrected), rel=1e-11)  # a square of 0.026 from terms of one


# Exact moments.


@settings(max_examples=20)
@given(decays1, decays2, ratios)
def test_exact_moments_agree_with_plain_products(beta1, beta2, snr):
    mean, square = plain_moments(beta1, beta2, snr)
    assert float(moments.adam_update_rms(beta1, beta2, snr, "exact")) == pytest.approx(math.sqrt(square), rel=1e-10)
    assert moments.adam_update_mean(beta1, beta2, snr) == pytest.approx(mean, rel=1e-10, abs=1e-14)
    variance = square - mean**2
    assert float(moments.adam_update_autocovariance(beta1, beta2, 0, snr)) == pytest.approx(variance, abs=1e-9 * square)


@pytest.mark.parametrize(
    ("beta1", "beta2", "snr", "lag"), [(0.9, 0.8, 0.0, 3), (0.5, 0.9, 0.4, 1), (0.0, 0.6, 2.0, 2), (0.8, 0.3, 0.1, 5)]
)
def test_the_autocovariance_agrees_with_a_plain_double_integral(beta1, beta2, snr, lag):
    exact = plain_product(beta1, beta2, snr, lag) - plain_moments(beta1, beta2, snr)[0] ** 2
    found = moments.adam_update_autocovariance(beta1, beta2, lag, snr)
    assert float(found) == pytest.approx(exact, abs=1e-7)  # the trapezoidal rule with step 1/2, twice
    if snr == 0:
        assert float(moments.adam_update_autocovariance(beta1, beta2, lag)) == float(found)


@given(decays1, decays2, st.just(0.0) | st.floats(0.01, 2))
@settings(max_examples=4)
def test_the_covariance_sum_is_the_variance_at_discount_zero_and_a_plain_sum_beyond(beta1, beta2, snr):
    sums = [moments.adam_update_covariance_sum(beta1, beta2, beta3, snr) for beta3 in (0.0, 0.2)]
    assert sums[0] == pytest.approx(float(moments.adam_update_autocovariance(beta1, beta2, 0, snr)), rel=1e-10)
    lags = np.arange(20)
    plain = moments.adam_update_autocovariance(beta1, beta2, lags, snr)
    assert sums[1] == pytest.approx(2 * 0.2**lags @ plain - plain[0], abs=1e-10 * (plain[0] + 0.01))  # 5⁻²⁰ left out


def test_the_discount_may_be_one():
    assert moments.adam_update_covariance_sum(0.9, 0.95, 1.0) == pytest.approx(
        moments.adam_update_covariance_sum(0.9, 0.95, 1 - 1e-9), rel=1e-7
    )


@given(st.floats(0, 0.99), st.floats(0.01, 0.99))
@settings(max_examples=10)
def test_without_momentum_and_memory_the_update_is_a_sign(beta1, beta2):
    assert float(moments.adam_update_rms(0.0, 0.0, 1.0, "exact")) == 1.0
    assert moments.adam_update_rms(beta1, 0.0, 1.0, "exact") == (math.inf if beta1 else 1.0)
    # a tiny second decay leaves v = g² but near zero gradients: the mean tends to P(g > 0) − P(g < 0)
    mean = moments.adam_update_mean(0.0, 1e-12, 1.0)
    assert mean == pytest.approx(math.erf(math.sqrt(0.5)), abs=1e-5)  # √β₂
    assert moments.adam_update_mean(beta1, beta2, 0.0) == 0.0


@given(st.floats(0.5, 0.999), st.floats(0.5, 0.999), st.floats(0, 0.1), st.floats(1.2, 4))
@settings(max_examples=10)
def test_more_signal_makes_a_larger_update(beta1, excess, snr, factor):
    beta2 = beta1 + (1 - beta1) * excess  # above β₁ the RMS rises with the signal
    for method in METHODS:
        low, high = moments.adam_update_rms(beta1, beta2, [snr, factor * snr + 0.01], method)
        assert low < high < 1.01


# Signal read back.


@given(decays1, st.floats(0, 100))
def test_the_signal_is_read_back_from_both_ratios(beta1, snr):
    share = (1 - beta1) / (1 + beta1)
    ratio = math.sqrt((snr + share) / (snr + 1)) * (1 + 4e-16)  # never below the floor by rounding
    if ratio < 1 - 1e-9:
        blur = 1e-15 * (1 + snr) ** 2 / (1 - share)  # dSNR/dratio
        for read in (moments.snr_from_momentum_ratio, moments.snr_from_update_rms):
            assert float(read(ratio, beta1)) == pytest.approx(snr, abs=10 * blur)


@pytest.mark.parametrize("method", ["corrected", "exact"])
@pytest.mark.parametrize("snr", [0.0, 1e-4, 0.3, 40.0, 3000.0])
def test_the_signal_is_read_back_by_root_finding(method, snr):
    rms = float(moments.adam_update_rms(0.9, 0.97, snr, method))
    found = float(moments.snr_from_update_rms(rms, 0.9, 0.97, method))
    assert found == pytest.approx(snr, rel=1e-8, abs=1e-12)


def test_the_floor_of_the_ratio_is_its_value_without_signal():
    floor = float(moments.adam_update_rms(0.8))
    assert float(moments.snr_from_momentum_ratio(floor, 0.8)) == pytest.approx(0, abs=1e-15)
    assert float(moments.snr_from_update_rms(floor, 0.8)) == pytest.approx(0, abs=1e-15)
    for read, name in ((moments.snr_from_momentum_ratio, "ratio"), (moments.snr_from_update_rms, "update_rms")):
        with pytest.raises(ValueError, match=rf"^`{name}` must be at least 0\.333333, .* SNR 0, got 0\.333"):
            read(0.333, 0.8)
    exact = float(moments.adam_update_rms(0.8, 0.9, 0.0, "exact"))
    with pytest.raises(
        ValueError, match=r"^`update_rms` must be at least .*; read it as SNR 0 by below_floor='zero', or"
    ):
        moments.snr_from_update_rms(exact - 1e-6, 0.8, 0.9, "exact")
    with pytest.raises(
        ValueError, match=r"^`update_rms` must be at least .*; take method 'exact', or read it as SNR 0 by below"
    ):
        moments.snr_from_update_rms(0.3, 0.8, 0.9, "corrected")


@given(st.lists(st.floats(0.0, 0.99), min_size=1, max_size=6), st.sampled_from(["mean-field", "exact", "ratio"]))
def test_a_log_is_read_value_by_value_whatever_lies_below_the_floor(log, method):
    def read(values, **options):
        if method == "ratio":
            return moments.snr_from_momentum_ratio(values, 0.9, **options)
        return moments.snr_from_update_rms(values, 0.9, 0.95, method, **options)

    floor = float(moments.adam_update_rms(0.9, 0.95, 0.0, "exact" if method == "exact" else "mean-field"))
    below = [x < floor for x in log]
    for choice, filled in (("zero", 0.0), ("nan", math.nan)):
        found = read(log, below_floor=choice)
        alone = [filled if low else float(read(x)) for x, low in zip(log, below, strict=True)]
        np.testing.assert_array_equal(found, alone)
    if any(below):
        first, many = below.index(True), rf" \({sum(below)} of {len(log)} are below\)" if len(log) > 1 else ""
        with pytest.raises(ValueError, match=rf"got {re.escape(str(log[first]))} at index {first}{many}; "):
            read(log)
    with pytest.raises(ValueError, match="`below_floor` must be one of 'raise', 'zero', 'nan', got 'clip'"):
        read(log, below_floor="clip")


def test_the_index_of_a_table_is_a_tuple():
    with pytest.raises(ValueError, match=r"got 0\.1 at index \(1, 0\) \(1 of 4 are below\)"):
        moments.snr_from_momentum_ratio([[0.5, 0.6], [0.1, 0.7]], 0.9)
    with pytest.raises(ValueError, match=r"^`update_rms` must be finite and lie in \[0, 1\), got 1\.2 at index 1$"):
        moments.snr_from_update_rms([0.5, 1.2], 0.9)


def test_pure_noise_lies_below_the_floor_by_chance_and_by_the_spread_that_is_stated():
    rng, size = np.random.default_rng(0), 500
    m, v, found = np.zeros(size), np.ones(size), []
    for _ in range(2000):
        g = rng.standard_normal(size)
        m, v = 0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g * g
        found.append(math.sqrt(np.mean(m * m / v)))
    floor = float(moments.adam_update_rms(0.9, 0.95, 0.0, "exact"))
    assert 0.3 < np.mean(np.array(found[200:]) < floor) < 0.7
    # 0.2: m/√v is not quite normal, and 1800 correlated steps are some 100 independent ones
    assert np.std(found[200:]) * math.sqrt(2 * size) / floor == pytest.approx(1, abs=0.2)


# Arguments.

CALLS = {
    "beta1": [
        lambda x: moments.momentum_variance(x, 1.0),
        moments.adam_update_rms,
        lambda x: moments.adam_update_rms(x, 0.9, method="exact"),
        lambda x: moments.adam_update_mean(x, 0.9, 1.0),
        lambda x: moments.adam_update_autocovariance(x, 0.9, 1),
        lambda x: moments.adam_update_covariance_sum(x, 0.9, 0.9),
        lambda x: moments.sign_momentum_correlation(x, 1),
        lambda x: moments.snr_from_update_rms(0.9, x),
        lambda x: moments.snr_from_momentum_ratio(0.9, x),
    ],
    "beta2": [
        lambda x: moments.adam_update_rms(0.5, x, method="exact"),
        lambda x: moments.adam_update_rms(0.5, x, method="corrected"),
        lambda x: moments.adam_update_rms(0.5, x),
        lambda x: moments.adam_update_mean(0.5, x, 1.0),
        lambda x: moments.adam_update_autocovariance(0.5, x, 1),
        lambda x: moments.adam_update_covariance_sum(0.5, x, 0.9),
        lambda x: moments.snr_from_update_rms(0.9, 0.5, x, "exact"),
    ],
}


@pytest.mark.parametrize(("name", "call"), [(name, call) for name, calls in CALLS.items() for call in calls])
def test_a_decay_outside_the_unit_interval_is_named(name, call):
    for bad in (-0.1, 1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=rf"^`{name}` must be finite( and lie in [\[(]0, 1\))?, got {bad}"):
            call(bad)
    with pytest.raises(TypeError, match=rf"^`{name}` must be real numbers, got 'x'"):
        call("x")


@pytest.mark.parametrize(
    "call",
    [
        lambda x: moments.adam_update_rms(0.5, snr=x),
        lambda x: moments.adam_update_mean(0.5, 0.9, x),
        lambda x: moments.adam_update_autocovariance(0.5, 0.9, 1, x),
        lambda x: moments.adam_update_covariance_sum(0.5, 0.9, 0.9, x),
    ],
)
def test_a_negative_signal_is_named(call):
    with pytest.raises(ValueError, match=r"^`snr` must be finite and lie in \[0, inf\), got -0\.5$"):
        call(-0.5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: moments.momentum_variance(0.9, -1.0), r"^`std` must be finite and lie in \[0, inf\), got -1\.0$"),
        (lambda: moments.adam_update_mean(0.9, 0.0, 1.0), r"^`beta2` must be finite and lie in \(0, 1\), got 0\.0$"),
        (lambda: moments.adam_update_autocovariance(0.9, 0.9, -0.1), r"^`lags` must .*\[0, inf\), got -0\.1$"),
        (lambda: moments.adam_update_covariance_sum(0.9, 0.9, 1.01), r"^`beta3` must .*\[0, 1\], got 1\.01$"),
        (lambda: moments.adam_update_covariance_sum(0.9, 0.9, -0.01), r"^`beta3` must .*\[0, 1\], got -0\.01$"),
        (lambda: moments.sign_momentum_correlation(0.9, -1), r"^`lag` must .*\[0, inf\), got -1\.0$"),
        (lambda: moments.snr_from_update_rms(1.0, 0.9), r"^`update_rms` must .*\[0, 1\), got 1\.0$"),
        (lambda: moments.snr_from_update_rms(-0.1, 0.9), r"^`update_rms` must .*\[0, 1\), got -0\.1$"),
        (lambda: moments.snr_from_momentum_ratio(1.0, 0.9), r"^`ratio` must .*\[0, 1\), got 1\.0$"),
        (lambda: moments.snr_from_momentum_ratio(-0.1, 0.9), r"^`ratio` must .*\[0, 1\), got -0\.1$"),
        (lambda: moments.adam_update_rms(0.9, method="fast"), r"^`method` must be one of 'mean-field', 'corrected'"),
        (lambda: moments.adam_update_rms(0.9, None, method="corrected"), r"^`beta2` must be given .* 'corrected'"),
        (lambda: moments.snr_from_update_rms(0.5, 0.9, None, "exact"), r"^`beta2` must be given for method 'exact'"),
    ],
)
def test_another_bad_argument_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
