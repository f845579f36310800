"""Stationary moments: exact values, limits, naive oracles, sampling, error texts."""

import itertools

import mpmath
import numpy as np
import pytest
from scipy.signal import lfilter

from optnotes import moments
from optnotes.moments import _laplace

GRID = [(0.9, 0.95, 0.0), (0.9, 0.999, 0.1), (0.5, 0.9, 1.0), (0.9, 0.5, 0.3), (0.0, 0.95, 2.0), (0.99, 0.3, 1.0)]


def mpmath_update_square(beta1, beta2, terms=60, digits=20):
    """E m²/v at zero mean by mpmath quadrature of the plain product, truncated after `terms` gradients."""
    b1, b2 = mpmath.mpf(beta1), mpmath.mpf(beta2)
    squares, weights = [((1 - b1) * b1**j) ** 2 for j in range(terms)], [(1 - b2) * b2**j for j in range(terms)]

    def transform(log_s):
        tilts = [1 + 2 * mpmath.exp(log_s) * w for w in weights]
        return (
            mpmath.exp(log_s)
            * mpmath.fsum(a / t for a, t in zip(squares, tilts, strict=True))
            / mpmath.sqrt(mpmath.fprod(tilts))
        )

    with mpmath.workdps(digits):
        return float(mpmath.quad(transform, range(-40, 13, 4)))


def sampled_updates(beta1, beta2, snr, rng, *, chains=400, steps=1500, burn=500):
    gradients = np.sqrt(snr) + rng.standard_normal((chains, steps + burn))
    m = lfilter([1 - beta1], [1, -beta1], gradients)[:, burn:]
    v = lfilter([1 - beta2], [1, -beta2], gradients**2)[:, burn:]
    return m / np.sqrt(v)


def z_score(chain_means, expected):
    return (np.mean(chain_means) - expected) / (np.std(chain_means, ddof=1) / np.sqrt(len(chain_means)))


def test_without_averaging_the_update_is_the_sign():
    assert moments.adam_update_rms(0.0, 0.0, 0.3, "exact") == 1.0


def test_exact_rms_agrees_with_mpmath_quadrature_of_the_plain_product():
    # 60 gradients leave out a weight 0.6^60 = 5e-14
    assert moments.adam_update_rms(0.5, 0.6, method="exact") ** 2 == pytest.approx(
        mpmath_update_square(0.5, 0.6), rel=1e-12
    )


def test_one_remembered_gradient_has_a_closed_form():
    # β₁ = 0, β₂ → 0: E g²/v = 1/(1−β₂)·E[1/(1 + r²)] with r² = β₂ z²/g²; leading terms 1 − √β₂ + O(β₂)
    beta2 = 1e-8
    assert moments.adam_update_rms(0.0, beta2, method="exact") ** 2 == pytest.approx(1 - np.sqrt(beta2), abs=3e-8)


@pytest.mark.parametrize(("beta1", "beta2", "snr"), GRID)
def test_halving_the_quadrature_steps_changes_nothing(monkeypatch, beta1, beta2, snr):
    def values():
        tilted = _laplace.TiltedMoments(beta1, beta2, snr)
        return np.array(
            [tilted.second_moment(), tilted.mean(), tilted.autocovariance(1.0), tilted.covariance_sum(0.99)]
        )

    coarse = values()
    monkeypatch.setattr(_laplace, "_STEP", _laplace._STEP / 2)
    monkeypatch.setattr(_laplace, "_TABLE_STEP", _laplace._TABLE_STEP / 2)
    np.testing.assert_allclose(coarse, values(), rtol=1e-11, atol=1e-12)  # rounding of some hundred nodes and 300 lags


def test_covariance_at_lag_zero_is_the_variance():
    for beta1, beta2, snr in GRID:
        square = moments.adam_update_rms(beta1, beta2, snr, "exact") ** 2
        variance = square - moments.adam_update_mean(beta1, beta2, snr) ** 2
        # two quadratures of sums of 1e2 terms: 1e-12 of E u²
        assert moments.adam_update_autocovariance(beta1, beta2, 0, snr) == pytest.approx(variance, abs=1e-12 * square)


def test_covariance_sum_equals_the_plain_sum_over_lags():
    lags = np.arange(1, 900)  # 0.95^900 = 1e-20
    plain = 0.99**lags @ moments.adam_update_autocovariance(0.9, 0.95, lags, 0.3)
    expected = moments.adam_update_autocovariance(0.9, 0.95, 0, 0.3) + 2 * plain
    assert moments.adam_update_covariance_sum(0.9, 0.95, 0.99, 0.3) == pytest.approx(expected, rel=1e-11)  # 900 sums


def test_long_memory_of_both_averages_recovers_the_mean_field():
    for method in ("corrected", "exact"):
        # 1−β₂ = 1e-9 bounds the relative difference
        assert moments.adam_update_rms(0.9, 1 - 1e-9, 0.2, method) == pytest.approx(
            moments.adam_update_rms(0.9, snr=0.2), rel=1e-8
        )


def test_mean_field_and_correction_err_by_first_and_second_order_in_the_second_decay():
    gap = 10.0 ** -np.arange(2, 6)
    exact = moments.adam_update_rms(0.9, 1 - gap, 0.1, "exact")
    for method, order in (("mean-field", 1), ("corrected", 2)):
        errors = np.abs(moments.adam_update_rms(0.9, 1 - gap, 0.1, method) - exact)
        slope = np.polyfit(np.log(gap[:3]), np.log(errors[:3]), 1)[0]
        assert slope == pytest.approx(order, abs=0.1)  # next order is gap times larger than 1 %


def test_correction_is_good_to_a_quarter_percent_at_the_usual_decays():
    snr = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 25)])
    exact = moments.adam_update_rms(0.9, 0.95, snr, "exact")
    corrected, mean_field = (moments.adam_update_rms(0.9, 0.95, snr, method) for method in ("corrected", "mean-field"))
    assert abs(corrected[0] / exact[0] - 1) < 1.5e-3  # measured 1.1e-3
    assert np.abs(corrected / exact - 1).max() < 2.6e-3  # measured 2.5e-3 at SNR 0.08
    assert np.abs(mean_field / exact - 1).max() > 2.6e-2  # the rival fails the same bound tenfold


def test_strong_signal_makes_every_update_one():
    for snr, method in itertools.product((1e20, 1e300), ("mean-field", "corrected", "exact")):
        assert moments.adam_update_rms(0.9, 0.95, snr, method) == pytest.approx(1.0, rel=1e-12)  # 100 roundings


def test_update_rms_is_infinite_without_second_moment_average():
    assert moments.adam_update_rms(0.9, 0.0, method="exact") == np.inf


def test_update_rms_exceeds_one_where_the_second_decay_is_short():
    assert moments.adam_update_rms(0.9, 0.1, 1.0, "exact") > 1.4


def test_update_rms_stays_finite_at_extreme_decays():
    values = [
        moments.adam_update_rms(b1, b2, method="exact") for b1, b2 in [(1 - 1e-12, 0.9), (0.9, 1 - 1e-12), (0.9, 1e-30)]
    ]
    assert np.isfinite(values).all()


def test_arrays_broadcast_and_scalars_stay_scalars():
    table = moments.adam_update_rms([[0.5], [0.9]], [0.9, 0.95, 0.99], method="exact")
    assert table.shape == (2, 3)
    assert table[1, 1] == moments.adam_update_rms(0.9, 0.95, method="exact")
    assert moments.adam_update_rms([], 0.9, method="exact").shape == (0,)


def test_momentum_variance_is_the_sum_of_squared_weights():
    weights = 0.1 * 0.9 ** np.arange(400)  # 0.9^800 = 1e-37 left out
    assert moments.momentum_variance(0.9, 2.0) == pytest.approx(4 * np.sum(weights**2), rel=1e-14)


def test_sign_correlation_keeps_its_digits_near_one():
    with mpmath.workdps(40):
        decay = mpmath.mpf(1 - 1e-13)
        expected = float(2 / mpmath.pi * mpmath.asin(decay**3))
    assert moments.sign_momentum_correlation(1 - 1e-13, 3) == pytest.approx(expected, rel=1e-15)


def test_sign_correlation_is_one_at_lag_zero_and_vanishes_without_memory():
    np.testing.assert_array_equal(moments.sign_momentum_correlation([0.0, 0.9], 0), [1.0, 1.0])
    assert moments.sign_momentum_correlation(0.0, 1) < 1e-300


@pytest.mark.parametrize("method", ["mean-field", "corrected", "exact"])
def test_snr_read_back_from_update_rms_is_the_one_put_in(method):
    snr = np.array([0.0, 0.003, 0.2, 5.0])
    rms = moments.adam_update_rms(0.9, 0.95, snr, method)
    # du/dSNR ≥ 0.01 here, so 1e-13 in the root gives 1e-11
    np.testing.assert_allclose(moments.snr_from_update_rms(rms, 0.9, 0.95, method), snr, rtol=1e-10, atol=1e-12)


def test_snr_from_momentum_ratio_inverts_the_ratio_of_mean_squares():
    share, snr = 0.1 / 1.9, np.array([0.0, 0.2, 30.0])
    np.testing.assert_allclose(
        moments.snr_from_momentum_ratio(np.sqrt((snr + share) / (snr + 1)), 0.9), snr, rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize(
    ("beta1", "beta2", "snr"), [(0.9, 0.95, 0.0), (0.9, 0.95, 1.0), (0.5, 0.9, 0.1), (0.9, 0.5, 0.3)]
)
def test_sampled_second_moment_and_autocovariance_agree(beta1, beta2, snr):
    u = sampled_updates(beta1, beta2, snr, np.random.default_rng(7))
    mean = moments.adam_update_mean(beta1, beta2, snr)
    assert abs(z_score((u**2).mean(axis=1), moments.adam_update_rms(beta1, beta2, snr, "exact") ** 2)) < 4
    assert abs(z_score(u.mean(axis=1), mean)) < 4
    products = ((u[:, :-3] - mean) * (u[:, 3:] - mean)).mean(axis=1)
    assert abs(z_score(products, moments.adam_update_autocovariance(beta1, beta2, 3, snr))) < 4


def test_sample_rejects_the_mean_field():
    u = sampled_updates(0.9, 0.95, 0.0, np.random.default_rng(7))
    assert abs(z_score((u**2).mean(axis=1), moments.adam_update_rms(0.9) ** 2)) > 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: moments.momentum_variance(1.0, 1.0), r"`beta1` must be finite and lie in \[0, 1\), got 1.0"),
        (lambda: moments.momentum_variance(0.9, -1.0), r"`std` must .*\[0, inf\), got -1.0"),
        (lambda: moments.adam_update_rms(0.9, 1.5, method="exact"), r"`beta2` must .* got 1.5"),
        (lambda: moments.adam_update_rms(0.9, -0.5), r"`beta2` must .* got -0.5"),
        (
            lambda: moments.adam_update_rms(0.9, None, method="exact"),
            "`beta2` must be given for method 'exact', got None; pass",
        ),
        (lambda: moments.adam_update_rms(0.9, method="best"), "`method` must be one of 'mean-field'"),
        (lambda: moments.adam_update_rms(0.9, snr=-0.1), "`snr` must .* got -0.1"),
        (
            lambda: moments.adam_update_autocovariance(0.9, 0.0, 1),
            r"`beta2` must be finite and lie in \(0, 1\), got 0.0",
        ),
        (lambda: moments.adam_update_autocovariance(0.9, 0.9, -1), "`lags` must .* got -1.0"),
        (lambda: moments.adam_update_covariance_sum(0.9, 0.9, 1.1), r"`beta3` must .*\[0, 1\], got 1.1"),
        (lambda: moments.sign_momentum_correlation(0.9, -2), "`lag` must .* got -2.0"),
        (lambda: moments.snr_from_update_rms(1.0, 0.9), r"`update_rms` must .*\[0, 1\), got 1.0"),
        (
            lambda: moments.snr_from_update_rms(0.226, 0.9),
            "at least 0.229416, its value at SNR 0, got 0.226; take method 'exact'",
        ),
        (
            lambda: moments.snr_from_momentum_ratio(0.1, 0.9),
            "`ratio` must be at least 0.229416, its value at SNR 0, got 0.1",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_signal_to_noise_ratio_is_read_where_the_exact_rms_is_infinite() -> None:
    with pytest.raises(ValueError, match="`beta2` must be positive for method 'exact'"):
        moments.snr_from_update_rms(0.5, 0.9, 0.0, "exact")
