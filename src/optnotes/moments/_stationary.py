"""Stationary moments of the momentum and of Adam's update, and the signal-to-noise ratio read back from them."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from optnotes._ground.arguments import FloatArray, choice, real_array, real_number, require

from ._laplace import TiltedMoments

_METHODS = ("mean-field", "corrected", "exact")


def momentum_variance(beta1: ArrayLike, std: ArrayLike) -> FloatArray:
    """Return the stationary variance of the momentum m_t = β₁m_{t−1} + (1−β₁)g_t.

    Var m = c σ², c = (1−β₁)/(1+β₁).

    Parameters
    ----------
    beta1 : array_like, in [0, 1)
        Decay β₁ of the momentum.
    std : array_like, ≥ 0
        Standard deviation σ of one gradient coordinate.

    Returns
    -------
    float or array of the broadcast shape, unit of std².

    Raises
    ------
    ValueError : an argument outside its range.

    Domain
    ------
    Exact for uncorrelated gradients of any distribution.

    References
    ----------
    Su 2025 [11301], item 2.

    Examples
    --------
    >>> float(momentum_variance(0.5, 3.0))
    3.0
    """
    variance: FloatArray = (_noise_share(_beta("beta1", beta1)) * real_array("std", std, low=0.0) ** 2)[()]
    return variance


def adam_update_rms(
    beta1: ArrayLike, beta2: ArrayLike | None = None, snr: ArrayLike = 0.0, method: str = "mean-field"
) -> FloatArray:
    """Return the stationary RMS of Adam's update u = m/√v, without ε and after the bias correction has faded.

    Mean field: E u² ≈ (SNR + c)/(SNR + 1), c = (1−β₁)/(1+β₁). Corrected, with E g² = 1, μ² + σ² = 1:
    E u² ≈ (μ² + cσ²)(1 + Var v) − Cov(m², v), Var v = (1−β₂)/(1+β₂)·(4μ²σ² + 2σ⁴) and
    Cov(m², v) = 4μ²σ²(1−β₁)(1−β₂)/(1−β₁β₂) + 2σ⁴(1−β₁)²(1−β₂)/(1−β₁²β₂).
    Exact: E u² = ∫₀^∞ E[m² e^{−sv}] ds, where the expectation is a product over past gradients.

    Parameters
    ----------
    beta1 : array_like, in [0, 1)
        Decay β₁ of the momentum.
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
    ValueError : an argument outside its range, or beta2 missing where the method needs it.

    Domain
    ------
    Independent Gaussian gradients of constant mean and variance. Exact: relative error below 1e-12 for all arguments.
    At β = (0.9, 0.95) the mean field is 1.5 % too high at SNR 0 and 2.8 % at SNR 0.13, its worst; the corrected one is
    0.11 % and 0.25 % too low. The errors vanish as β₂ → 1, like 1−β₂ and (1−β₂)². Neither serves below β₂ = β₁², where
    u is unbounded. For β₂ well below β₁ the RMS exceeds 1 at intermediate SNR, which the mean field never does.

    References
    ----------
    Su 2025 [11267] for the mean field. The other two are derived in the chapter.

    Examples
    --------
    >>> [round(float(adam_update_rms(0.9, 0.95, method=method)), 4) for method in ("mean-field", "corrected", "exact")]
    [0.2294, 0.2258, 0.2261]
    """
    decay1, ratio = _beta("beta1", beta1), real_array("snr", snr, low=0.0)
    if choice("method", method, _METHODS) == "mean-field":
        square = _mean_field(
            *np.broadcast_arrays(decay1, ratio, np.zeros(()) if beta2 is None else _beta("beta2", beta2))[:2]
        )
    else:
        require(beta2 is not None, "beta2", f"be given for method {method!r}", beta2, "pass β₂ or take 'mean-field'")
        square = {"corrected": _corrected, "exact": _exact}[method](decay1, _beta("beta2", beta2), ratio)
    rms: FloatArray = np.sqrt(square)[()]
    return rms


def adam_update_mean(beta1: float, beta2: float, snr: float) -> float:
    """Return the stationary mean of Adam's update u = m/√v for gradients of positive mean.

    E u = π^{−1/2} ∫₀^∞ s^{−1/2} E[m e^{−sv}] ds.

    Parameters
    ----------
    beta1 : float, in [0, 1)
        Decay β₁ of the momentum.
    beta2 : float, in (0, 1)
        Decay β₂ of the second moment.
    snr : float, ≥ 0
        mean²/variance of one gradient coordinate.

    Returns
    -------
    float, dimensionless, 0 at snr = 0.

    Raises
    ------
    ValueError : an argument outside its range.

    Domain
    ------
    Independent Gaussian gradients; relative error below 1e-12.

    Examples
    --------
    >>> round(adam_update_mean(0.9, 0.95, 1.0), 6)
    0.70503
    """
    return _tilted(beta1, beta2, snr).mean()


def adam_update_autocovariance(beta1: float, beta2: float, lags: ArrayLike, snr: float = 0.0) -> FloatArray:
    """Return the stationary autocovariance Cov(u_t, u_{t+k}) of Adam's update u = m/√v.

    E u_t u_{t+k} = (1/π) ∫∫ (s s′)^{−1/2} E[m_t m_{t+k} e^{−s v_t − s′ v_{t+k}}] ds ds′, minus (E u)².

    Parameters
    ----------
    beta1 : float, in [0, 1)
        Decay β₁ of the momentum.
    beta2 : float, in (0, 1)
        At 0 < beta1 and beta2 = 0 the update has no second moment.
    lags : array_like, any shape, each ≥ 0
        The formula is analytic in k, so real lags interpolate between whole ones.
    snr : float, ≥ 0
        mean²/variance of one gradient coordinate.

    Returns
    -------
    float or array of the shape of lags, dimensionless.

    Raises
    ------
    ValueError : an argument outside its range.

    Domain
    ------
    Independent Gaussian gradients. Error below 1e-12 of E u²; so a covariance smaller than that, as at a very large
    SNR, is lost. The cost per lag grows like log²(1/β₂) as β₂ → 0.

    Examples
    --------
    >>> adam_update_autocovariance(0.9, 0.95, [0, 1]).round(6)
    array([0.051102, 0.04605 ])
    """
    ages, tilted = real_array("lags", lags, low=0.0), _tilted(beta1, beta2, snr)
    covariance: FloatArray = np.reshape([tilted.autocovariance(lag) for lag in ages.ravel()], ages.shape)[()]
    return covariance


def adam_update_covariance_sum(beta1: float, beta2: float, beta3: float, snr: float = 0.0) -> float:
    """Return the discounted sum of the autocovariances of Adam's update over lags of both signs.

    Σ_{k=−∞}^{∞} β₃^{|k|} Cov(u_t, u_{t+k}); the stationary variance of the weights is η²/(1−β₃²) times it.

    Parameters
    ----------
    beta1 : float, in [0, 1)
        Decay β₁ of the momentum.
    beta2 : float, in (0, 1)
        Decay β₂ of the second moment.
    beta3 : float, in [0, 1]
        Decay 1 − ηλ of the weights.
    snr : float, ≥ 0
        mean²/variance of one gradient coordinate.

    Returns
    -------
    float, dimensionless.

    Raises
    ------
    ValueError : an argument outside its range.

    Domain
    ------
    Independent Gaussian gradients; relative error below 1e-10 at snr ≤ 1. The sum over lags is a Gauss rule, so its
    cost grows with log 1/(1−β), not with 1/(1−β).

    Examples
    --------
    >>> round(adam_update_covariance_sum(0.9, 0.95, 0.9999), 6)
    0.978395
    """
    return _tilted(beta1, beta2, snr).covariance_sum(real_number("beta3", beta3, low=0.0, high=1.0))


def sign_momentum_correlation(beta1: ArrayLike, lag: ArrayLike) -> FloatArray:
    """Return the stationary autocorrelation of sign(m_t) for Gaussian gradients of zero mean.

    E[sign m_t sign m_{t+k}] = (2/π) arcsin β₁^k.

    Parameters
    ----------
    beta1 : array_like, in [0, 1)
        Decay β₁ of the momentum.
    lag : array_like, ≥ 0, in steps
        Distance in steps.

    Returns
    -------
    float or array of the broadcast shape, in [0, 1].

    Raises
    ------
    ValueError : an argument outside its range.

    Domain
    ------
    Exact. The arcsine is taken as arctan(x/√(1−x²)) with 1−x² from expm1, so all digits survive β₁ → 1.

    References
    ----------
    Sheppard 1899, the orthant probability of two correlated normals.

    Examples
    --------
    >>> round(float(sign_momentum_correlation(0.5, 1)), 12)  # arcsin 1/2 = π/6
    0.333333333333
    """
    decay, steps = np.broadcast_arrays(_beta("beta1", beta1), real_array("lag", lag, low=0.0))
    power = steps * np.log(np.maximum(decay, np.finfo(float).tiny))
    correlation: FloatArray = (2.0 / np.pi * np.arctan2(np.exp(power), np.sqrt(-np.expm1(2.0 * power))))[()]
    return correlation


def snr_from_update_rms(
    update_rms: ArrayLike, beta1: float, beta2: float | None = None, method: str = "mean-field"
) -> FloatArray:
    """Return the signal-to-noise ratio at which Adam's update has the given RMS.

    Mean field: SNR = (u² − c)/(1 − u²), c = (1−β₁)/(1+β₁). The other methods invert `adam_update_rms` by Brent's root.

    Parameters
    ----------
    update_rms : array_like, in [RMS at SNR 0, 1)
        Root mean square of u over coordinates.
    beta1 : float, in [0, 1)
        Decay β₁ of the momentum.
    beta2 : float, in [0, 1)
        The mean field does not depend on it and takes None.
    method : "mean-field", "corrected" or "exact", as in `adam_update_rms`
        How the expectation is taken.

    Returns
    -------
    float or array of the shape of update_rms, dimensionless.

    Raises
    ------
    ValueError : an argument outside its range; an RMS below that of pure noise (√c in the mean field).

    Domain
    ------
    As `adam_update_rms`. Near SNR 0 the mean field refuses true values, since it puts pure noise 1.5 % too high at
    β = (0.9, 0.95); take "exact" there. Where the RMS exceeds 1 at some SNR, the one root below it is returned.

    References
    ----------
    Su 2025 [11267].

    Examples
    --------
    >>> round(float(snr_from_update_rms(0.8, 0.5)), 4)  # (0.64 − 1/3)/0.36
    0.8519
    """
    rms = real_array("update_rms", update_rms, low=0.0, high=1.0, high_open=True)
    floor = adam_update_rms(real_number("beta1", beta1), beta2, 0.0, method)
    require(np.all(np.isfinite(floor)), "beta2", "be positive for method 'exact'", beta2, "the RMS is infinite at 0")
    remedy = "take method 'exact', or read it as SNR 0" if method != "exact" else "read it as SNR 0"
    require(np.all(rms >= floor), "update_rms", f"be at least {floor:.6g}, the RMS at SNR 0", update_rms, remedy)
    if method == "mean-field":
        return _invert(rms, real_number("beta1", beta1))
    snr: FloatArray = np.reshape([_root(x, beta1, beta2, method) for x in rms.ravel()], rms.shape)[()]
    return snr


def snr_from_momentum_ratio(ratio: ArrayLike, beta1: float) -> FloatArray:
    """Return the signal-to-noise ratio at which momentum and gradient have the given ratio of norms.

    SNR = (ratio² − c)/(1 − ratio²), from E‖m‖²/E‖g‖² = (SNR + c)/(SNR + 1), c = (1−β₁)/(1+β₁).

    Parameters
    ----------
    ratio : array_like, in [√c, 1)
        ‖m‖/‖g‖, root of the ratio of mean squares.
    beta1 : float, in [0, 1)
        Decay β₁ of the momentum.

    Returns
    -------
    float or array of the shape of ratio, dimensionless.

    Raises
    ------
    ValueError : an argument outside its range, or a ratio below √c.

    Domain
    ------
    Exact in expectation for uncorrelated gradients of any distribution; for a sample, as good as the two norms.

    References
    ----------
    Su 2025 [11267].

    Examples
    --------
    >>> round(float(snr_from_momentum_ratio(0.8, 0.5)), 4)
    0.8519
    """
    quotient = real_array("ratio", ratio, low=0.0, high=1.0, high_open=True)
    floor = float(adam_update_rms(beta1))
    require(
        np.all(quotient >= floor), "ratio", f"be at least {floor:.6g}, its value at SNR 0", ratio, "read it as SNR 0"
    )
    return _invert(quotient, real_number("beta1", beta1))


def _beta(name: str, value: ArrayLike | None, *, low_open: bool = False) -> FloatArray:
    return real_array(name, 0.0 if value is None else value, low=0.0, high=1.0, low_open=low_open, high_open=True)


def _tilted(beta1: float, beta2: float, snr: float) -> TiltedMoments:
    decay1 = real_number("beta1", beta1, low=0.0, high=1.0, high_open=True)
    decay2 = real_number("beta2", beta2, low=0.0, high=1.0, low_open=True, high_open=True)
    return TiltedMoments(decay1, decay2, real_number("snr", snr, low=0.0))


def _noise_share(beta1: FloatArray) -> FloatArray:
    return (1.0 - beta1) / (1.0 + beta1)


def _mean_field(beta1: FloatArray, snr: FloatArray) -> FloatArray:
    variance = 1.0 / (1.0 + snr)
    return snr * variance + _noise_share(beta1) * variance


def _corrected(beta1: FloatArray, beta2: FloatArray, snr: FloatArray) -> FloatArray:
    variance = 1.0 / (1.0 + snr)
    linear, square = 4.0 * snr * variance**2, 2.0 * variance**2
    spread = _noise_share(beta2) * (linear + square)
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


def _invert(rms: FloatArray, beta1: float) -> FloatArray:
    share = (1.0 - beta1) / (1.0 + beta1)
    snr: FloatArray = (np.maximum(rms**2 - share, 0.0) / ((1.0 - rms) * (1.0 + rms)))[()]
    return snr


def _root(rms: float, beta1: float, beta2: float | None, method: str) -> float:
    def excess(snr: float) -> float:
        return float(adam_update_rms(beta1, beta2, snr, method)) - rms

    high = 1e-3
    while excess(high) < 0.0:
        high *= 4.0
    return float(brentq(excess, 0.0, high, xtol=1e-14, rtol=1e-13))
