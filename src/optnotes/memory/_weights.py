"""The weights of batches and initialisation in the final weights, and numbers that summarise them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter

from optnotes._ground.arguments import FloatArray, real_array, real_number, require
from optnotes._ground.decay import step_decay
from optnotes._ground.recurrence import running_sum
from optnotes.schedules import Rate, rates_and_decay

from ._parameters import described


@described
def batch_weights(lr: Rate, weight_decay: Rate, steps: int, beta1: float = 0.9) -> FloatArray:
    """Return the coefficient of each batch's gradient in the final weights, normalised to sum 1.

    w_j ∝ (1 − β₁) Σ_{i≥j} β₁^{i−j} η_i Π_{k>i}(1 − λ_kη_k)

    Parameters
    ----------
    lr, weight_decay : float, array of shape (steps,) or Schedule
        Rates η_t, λ_t ≥ 0 of the steps 1, …, `steps`; η_tλ_t < 1; some η_t > 0.
    {steps}
    {beta1}

    Returns
    -------
    ndarray of shape (steps,)
        Weights ≥ 0, the oldest batch first. Products are sums of logarithms, so nothing overflows; weights below
        1e-308 are 0.

    Raises
    ------
    ValueError
        If a rate is negative, some η_tλ_t ≥ 1, or no step moves the weights.

    Domain
    ------
    Gradients that do not depend on the weights. Exact in discrete time for SGDM; for optimisers that divide by a slowly
    varying scale, up to that scale: samples of AdamW at β = (0.9, 0.95) over 200 steps of a cosine to zero, κ = 3,
    agree for four groups of 32 batches within their resolution of 13 % of a share.
    Claims: `memory-identity-run`, `memory-sampled`.

    References
    ----------
    Su 2025 [11459], coefficients β̄₁(j, t).

    Examples
    --------
    >>> batch_weights(0.5, 1.0, 3, beta1=0) * 7  # each step halves what came before
    array([1., 2., 4.])
    """
    rates, decay = rates_and_decay(lr, weight_decay, steps)
    momentum = real_number("beta1", beta1, low=0, high=1, high_open=True)
    require(rates.any(), "lr", "be positive at some step", 0.0, "without a step nothing is learnt")
    log_rates = np.log(rates, out=np.full_like(rates, -np.inf), where=rates > 0)
    log_weights = log_rates + _log_survival(decay)[1:]
    newest_first = np.exp(log_weights - log_weights.max())[::-1]
    weights: FloatArray = lfilter([1.0], [1.0, -momentum], newest_first)[::-1]
    return np.asarray(weights / weights.sum(), dtype=np.float64)


@described
def initial_weight(lr: Rate, weight_decay: Rate, steps: int) -> float:
    """Return the factor Π(1 − λ_tη_t) of the initial weights in the final weights.

    Parameters
    ----------
    {rates}
    {steps}

    Returns
    -------
    float
        In [0, 1]; 0 below 1e-323.

    Raises
    ------
    ValueError
        If a rate is negative or some η_tλ_t ≥ 1.

    Domain
    ------
    Exact; the approximation e^{−κ}, κ = Ση_tλ_t, is larger by the factor 1 + Σ(η_tλ_t)²/2, to first order.
    Claims: `memory-package-start`, `memory-exponential`.

    References
    ----------
    Su 2025 [11459], coefficient of θ_0.

    Examples
    --------
    >>> round(initial_weight(0.1, 1.0, 2), 12)  # 0.9²
    0.81
    """
    _, decay = rates_and_decay(lr, weight_decay, steps)
    return float(np.exp(_log_survival(decay)[0]))


def memory_steps(lr: ArrayLike, weight_decay: ArrayLike, threshold: ArrayLike) -> FloatArray:
    """Return the age s at which a batch's weight has fallen to `threshold` times the newest one's.

    s = log(threshold)/log(1 − ηλ) ≈ −log(threshold)/(ηλ), under constant rates.

    Parameters
    ----------
    lr, weight_decay : float or array
        Constant rates η, λ ≥ 0 with ηλ < 1; broadcast together.
    threshold : float or array
        Share that still counts as remembered, in (0, 1).

    Returns
    -------
    ndarray
        Age in steps (a real number), `inf` where ηλ = 0.

    Raises
    ------
    ValueError
        If a rate is negative, ηλ ≥ 1, or a threshold lies outside (0, 1).

    References
    ----------
    Su 2025 [11459], memory period.

    Examples
    --------
    >>> round(float(memory_steps(0.5, 1.0, 0.125)), 12)  # three halvings
    3.0
    """
    share = real_array("threshold", threshold, low=0, high=1, low_open=True, high_open=True)
    decay = step_decay(real_array("lr", lr, low=0), real_array("weight_decay", weight_decay, low=0))
    forgetting = -np.log1p(-decay)
    positive = np.where(decay > 0, forgetting, 1.0)
    return np.asarray(np.where(decay > 0, -np.log(share) / positive, np.inf))[()]


@described
def effective_batches(weights: ArrayLike) -> float:
    """Return the effective number (Σw)²/Σw² of batches that the weights average over.

    Parameters
    ----------
    {weights}

    Returns
    -------
    float
        Between 1 and `steps`; `steps` exactly for equal weights.

    Raises
    ------
    ValueError
        If a weight is negative or none is positive.

    References
    ----------
    Kish 1965, effective sample size.

    Examples
    --------
    >>> effective_batches([0.5, 0.5, 0.0])
    2.0
    """
    values = _positive_row(weights)
    values = values / values.max()  # squares of tiny or huge weights stay in range
    return float(values.sum() ** 2 / (values @ values))


@described
def forgotten_fraction(weights: ArrayLike, threshold: float) -> float:
    """Return the fraction of batches whose weight is below `threshold` times the largest weight.

    Parameters
    ----------
    {weights}
    threshold : float
        Share of the largest weight that still counts as remembered, in (0, 1).

    Returns
    -------
    float
        In [0, 1). Old batches that decayed and last batches that a small rate never learnt both count.

    Raises
    ------
    ValueError
        If a weight is negative, none is positive, or the threshold lies outside (0, 1).

    Examples
    --------
    >>> forgotten_fraction([0.01, 0.2, 0.79, 0.0], 0.1)
    0.5
    """
    share = real_number("threshold", threshold, low=0, high=1, low_open=True, high_open=True)
    values = _positive_row(weights)
    return float(np.mean(values < share * values.max()))


def _log_survival(decay: FloatArray) -> FloatArray:
    log_factors: FloatArray = np.log1p(-decay[::-1])
    return np.append(running_sum(log_factors)[::-1], 0.0)


def _positive_row(weights: ArrayLike) -> FloatArray:
    values = real_array("weights", weights, low=0)
    require(values.ndim == 1 and values.any(), "weights", "be one row with a positive entry", weights)
    return values
