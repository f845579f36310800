"""Stationary moments of Adam's update m/√v."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, choice, real_array, real_number, require

from ._laplace import TiltedMoments
from ._momentum import checked_decay, noise_share
from ._parameters import described

_METHODS = ("mean-field", "corrected", "exact")


@described
def adam_update_rms(
    beta1: ArrayLike, beta2: ArrayLike | None = 0.95, snr: ArrayLike = 0.0, method: str = "mean-field"
) -> FloatArray:
    """Return the stationary RMS of Adam's update u = m/√v, without ε and after the bias correction has faded.

    Mean field: E u² ≈ (SNR + c)/(SNR + 1), c = (1−β₁)/(1+β₁). Corrected, with E g² = 1, μ² + σ² = 1:
    E u² ≈ (μ² + cσ²)(1 + Var v) − Cov(m², v), Var v = (1−β₂)/(1+β₂)·(4μ²σ² + 2σ⁴) and
    Cov(m², v) = 4μ²σ²(1−β₁)(1−β₂)/(1−β₁β₂) + 2σ⁴(1−β₁)²(1−β₂)/(1−β₁²β₂).
    Exact: E u² = ∫₀^∞ E[m² e^{−sv}] ds, where the expectation is a product over past gradients.

    Parameters
    ----------
    {beta1_array}
    beta2 : array_like, in [0, 1)
        The mean field does not depend on it and takes None.
    snr : array_like, ≥ 0
        mean²/variance of one gradient coordinate.
    method : "mean-field", "corrected" or "exact"
        How the expectation is taken.

    Returns
    -------
    float or array of the broadcast shape, dimensionless. Infinite for beta2 = 0 < beta1 by the exact method, since
    m/|g| has no second moment; it grows like β₂^{−1/4} log^{1/2}(1/β₂) before.

    Raises
    ------
    ValueError : an argument outside its range, or beta2 None where the method needs it.

    Domain
    ------
    Independent Gaussian gradients of constant mean and variance. Exact: relative error below 1e-12 for all arguments.
    At β = (0.9, 0.95) the mean field is 1.5 % too high at SNR 0 and 2.8 % at its worst, near SNR 0.13; the
    corrected one is 0.11 % and at its worst 0.25 % too low. At SNR 0 the errors vanish as β₂ → 1, like 1−β₂ and
    (1−β₂)². Neither serves below β₂ = β₁², where u is unbounded. For β₂ well below β₁ the RMS exceeds 1 at
    intermediate SNR, which the mean field never does. Gradients that are often zero are not covered: with 99 of 100
    zero, else Gaussian, the RMS is 0.103 at β = (0.9, 0.95) and SNR 0, by the mean field 0.229.
    Claims: `ema-rms-exact`, `ema-rms-exact-long`, `ema-mean-field-error`, `ema-mean-field-worst`,
    `ema-corrected-error`, `ema-corrected-worst`, `ema-mean-field-order`, `ema-corrected-order`, `ema-bound`,
    `ema-rms-sparse`.

    References
    ----------
    Su 2025 [11267] for the mean field. The other two are derived in the chapter.

    Examples
    --------
    >>> [round(float(adam_update_rms(0.9, 0.95, method=method)), 4) for method in ("mean-field", "corrected", "exact")]
    [0.2294, 0.2258, 0.2261]
    """
    decay1, ratio = checked_decay("beta1", beta1), real_array("snr", snr, low=0.0)
    if choice("method", method, _METHODS) == "mean-field":
        square = _mean_field(
            *np.broadcast_arrays(decay1, ratio, np.zeros(()) if beta2 is None else checked_decay("beta2", beta2))[:2]
        )
    else:
        require(beta2 is not None, "beta2", f"be given for method {method!r}", beta2, "pass β₂ or take 'mean-field'")
        square = {"corrected": _corrected, "exact": _exact}[method](decay1, checked_decay("beta2", beta2), ratio)
    rms: FloatArray = np.sqrt(square)[()]
    return rms


@described
def adam_update_mean(beta1: float, beta2: float, snr: float) -> float:
    """Return the stationary mean of Adam's update u = m/√v for gradients of positive mean.

    E u = π^{−1/2} ∫₀^∞ s^{−1/2} E[m e^{−sv}] ds.

    Parameters
    ----------
    {beta1}
    {beta2}
    {snr}

    Returns
    -------
    float, dimensionless, 0 at snr = 0.

    Raises
    ------
    {refused}

    Domain
    ------
    Independent Gaussian gradients; relative error below 1e-12.
    Claims: `ema-mean-exact`, `ema-mean-sampled`.

    Examples
    --------
    >>> round(adam_update_mean(0.9, 0.95, 1.0), 6)
    0.70503
    """
    return _tilted(beta1, beta2, snr).mean()


@described
def adam_update_autocovariance(beta1: float, beta2: float, lags: ArrayLike, snr: float = 0.0) -> FloatArray:
    """Return the stationary autocovariance Cov(u_t, u_{t+k}) of Adam's update u = m/√v.

    E u_t u_{t+k} = (1/π) ∫∫ (s s′)^{−1/2} E[m_t m_{t+k} e^{−s v_t − s′ v_{t+k}}] ds ds′, minus (E u)².

    Parameters
    ----------
    {beta1}
    beta2 : float, in (0, 1)
        At 0 < beta1 and beta2 = 0 the update has no second moment.
    lags : array_like, any shape, each ≥ 0
        The formula is analytic in k, so real lags interpolate between whole ones.
    {snr}

    Returns
    -------
    float or array of the shape of lags, dimensionless.

    Raises
    ------
    {refused}

    Domain
    ------
    Independent Gaussian gradients. Error below 1e-12 of E u²; so a covariance smaller than that, as at a very large
    SNR, is lost. The cost per lag grows like log²(1/β₂) as β₂ → 0.
    Claims: `rms-covariance-sum`, `rms-total-sampled`.

    Examples
    --------
    >>> adam_update_autocovariance(0.9, 0.95, [0, 1]).round(6)
    array([0.051102, 0.04605 ])
    """
    ages, tilted = real_array("lags", lags, low=0.0), _tilted(beta1, beta2, snr)
    covariance: FloatArray = np.reshape([tilted.autocovariance(lag) for lag in ages.ravel()], ages.shape)[()]
    return covariance


@described
def adam_update_covariance_sum(beta1: float, beta2: float, beta3: float, snr: float = 0.0) -> float:
    """Return the discounted sum of the autocovariances of Adam's update over lags of both signs.

    Σ_{k=−∞}^{∞} β₃^{|k|} Cov(u_t, u_{t+k}); the stationary variance of the weights is η²/(1−β₃²) times it.

    Parameters
    ----------
    {beta1}
    {beta2}
    beta3 : float, in [0, 1]
        Decay 1 − ηλ of the weights.
    {snr}

    Returns
    -------
    float, dimensionless.

    Raises
    ------
    {refused}

    Domain
    ------
    Independent Gaussian gradients; relative error below 1e-10 at snr ≤ 1. The sum over lags is a Gauss rule, so its
    cost grows with log 1/(1−β), not with 1/(1−β).
    Claims: `rms-covariance-sum`, `rms-total-sampled`.

    Examples
    --------
    >>> round(adam_update_covariance_sum(0.9, 0.95, 0.9999), 6)
    0.978395
    """
    return _tilted(beta1, beta2, snr).covariance_sum(real_number("beta3", beta3, low=0.0, high=1.0))


def _tilted(beta1: float, beta2: float, snr: float) -> TiltedMoments:
    decay1 = real_number("beta1", beta1, low=0.0, high=1.0, high_open=True)
    decay2 = real_number("beta2", beta2, low=0.0, high=1.0, low_open=True, high_open=True)
    return TiltedMoments(decay1, decay2, real_number("snr", snr, low=0.0))


def _mean_field(beta1: FloatArray, snr: FloatArray) -> FloatArray:
    variance = 1.0 / (1.0 + snr)
    return snr * variance + noise_share(beta1) * variance


def _corrected(beta1: FloatArray, beta2: FloatArray, snr: FloatArray) -> FloatArray:
    variance = 1.0 / (1.0 + snr)
    linear, square = 4.0 * snr * variance**2, 2.0 * variance**2
    spread = noise_share(beta2) * (linear + square)
    shared = linear * (1.0 - beta1) / (1.0 - beta1 * beta2) + square * (1.0 - beta1) ** 2 / (1.0 - beta1**2 * beta2)
    return _mean_field(beta1, snr) * (1.0 + spread) - (1.0 - beta2) * shared


def _exact(beta1: FloatArray, beta2: FloatArray, snr: FloatArray) -> FloatArray:
    def second_moment(decay1: float, decay2: float, ratio: float) -> float:
        if decay2 == 0.0:
            return float("inf") if decay1 else 1.0
        return TiltedMoments(decay1, decay2, ratio).second_moment()

    arrays = np.broadcast_arrays(beta1, beta2, snr)
    values = [second_moment(*map(float, point)) for point in zip(*(array.flat for array in arrays), strict=True)]
    return np.reshape(np.array(values), arrays[0].shape)
