"""What the final weights remember of each batch and of the initialisation.

Decoupled weight decay makes the weights a weighted sum of past updates,
θ_T = Π(1 − λ_iη_i) θ_0 − Σ_i η_i Π_{j>i}(1 − λ_jη_j) u_i. This module computes the weights of that sum,
summarises them, and solves for the schedules that make them all equal. The chapter on the memory of weight
decay uses it.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.signal import lfilter

from optnotes._ground.arguments import FloatArray, integer, real_array, real_number, require
from optnotes._ground.recurrence import running_sum
from optnotes.schedules import Schedule, inverse_time, per_step

Rate = ArrayLike | Schedule
SMALLER = "lower the learning rate or the weight decay"
MAX = float(np.finfo(np.float64).max)


def batch_weights(lr: Rate, weight_decay: Rate, steps: int, beta1: float = 0.0) -> FloatArray:
    """Return the coefficient of each batch's gradient in the final weights, normalised to sum 1.

    w_j ∝ (1 − β₁) Σ_{i≥j} β₁^{i−j} η_i Π_{k>i}(1 − λ_kη_k)

    Parameters
    ----------
    lr, weight_decay : float, array of shape (steps,) or Schedule
        Rates η_t, λ_t ≥ 0 of the steps 1, …, `steps`; η_tλ_t < 1; some η_t > 0.
    steps : int
        Number of steps, ≥ 1.
    beta1 : float
        Decay of the momentum, 0 ≤ β₁ < 1.

    Returns
    -------
    ndarray of shape (steps,)
        Weights ≥ 0, the oldest batch first.

    Raises
    ------
    ValueError
        If a rate is negative, some η_tλ_t ≥ 1, or no step moves the weights.

    Domain
    ------
    Exact in discrete time for SGDM; for optimisers that divide by a slowly varying scale, exact up to that
    scale. Products are sums of logarithms, so nothing overflows; weights below 1e-308 are 0.

    References
    ----------
    Su 2025 [11459], coefficients β̄₁(j, t).

    Examples
    --------
    >>> batch_weights(0.5, 1.0, 3) * 7  # each step halves what came before
    array([1., 2., 4.])
    """
    rates, decay = _rates(lr, weight_decay, steps)
    momentum = real_number("beta1", beta1, low=0, high=1, high_open=True)
    require(rates.any(), "lr", "be positive at some step", 0.0, "without a step nothing is learnt")
    log_rates = np.log(rates, out=np.full(steps, -np.inf), where=rates > 0)
    log_weights = log_rates + _log_survival(decay)[1:]
    newest_first = np.exp(log_weights - log_weights.max())[::-1]
    weights: FloatArray = lfilter([1.0], [1.0, -momentum], newest_first)[::-1]
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def initial_weight(lr: Rate, weight_decay: Rate, steps: int) -> float:
    """Return the factor Π(1 − λ_tη_t) of the initial weights in the final weights.

    Parameters
    ----------
    lr, weight_decay : float, array of shape (steps,) or Schedule
        Rates η_t, λ_t ≥ 0 of the steps 1, …, `steps`; η_tλ_t < 1.
    steps : int
        Number of steps, ≥ 1.

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
    Exact; the approximation e^{−κ}, κ = Ση_tλ_t, is larger by the factor 1 + Σ(η_tλ_t)²/2.

    References
    ----------
    Su 2025 [11459], coefficient of θ_0.

    Examples
    --------
    >>> round(initial_weight(0.1, 1.0, 2), 12)  # 0.9²
    0.81
    """
    _, decay = _rates(lr, weight_decay, steps)
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
    decay = _product(real_array("lr", lr, low=0), real_array("weight_decay", weight_decay, low=0))
    forgetting = -np.log1p(-decay)
    positive = np.where(decay > 0, forgetting, 1.0)
    return np.asarray(np.where(decay > 0, -np.log(share) / positive, np.inf))[()]


def balanced_lr(lr_max: float, weight_decay: Rate, steps: int, beta1: float = 0.0) -> FloatArray:
    """Return the learning rates that give every batch the same weight, exactly, in discrete time.

    β₁ = 0: 1/η_t = 1/η_max + Σ_{1<j≤t} λ_j, under constant λ the schedule η_max/(1 + λη_max(t − 1)).
    β₁ > 0: the same for t < T, and η_T = η_{T−1}/(1 − β₁ + λ_Tη_{T−1}), which spends what is left in the momentum.

    Parameters
    ----------
    lr_max : float
        Rate of the first step, > 0.
    weight_decay : float, array of shape (steps,) or Schedule
        Weight decay λ_t ≥ 0 with λ_1·lr_max < 1.
    steps : int
        Number of steps T, ≥ 1.
    beta1 : float
        Decay of the momentum, 0 ≤ β₁ < 1.

    Returns
    -------
    ndarray of shape (steps,)
        The rates; with β₁ > 0 the last one is about 1/(1 − β₁) times the one before.

    Raises
    ------
    ValueError
        If lr_max is not positive, a weight decay is negative, or λ_1·lr_max ≥ 1.

    Domain
    ------
    Exact: the inverse-time solution of the differential equation λη + η̇/η = 0 solves the discrete condition
    η_t(1 − λη_{t+1}) = η_{t+1} too.

    References
    ----------
    Su 2025 [11459], solution for constant λ; the discrete condition and the last step are new.

    Examples
    --------
    >>> balanced_lr(0.5, 1.0, 3)  # 1/2, 1/3, 1/4
    array([0.5       , 0.33333333, 0.25      ])
    """
    first = real_number("lr_max", lr_max, low=0, low_open=True)
    momentum = real_number("beta1", beta1, low=0, high=1, high_open=True)
    decay = per_step("weight_decay", weight_decay, steps)
    _product(np.array(first), decay[0])
    slowness = np.append(0.0, running_sum(decay[1:]))
    rates: FloatArray = first / (1 + first * slowness)
    if steps > 1:
        rates[-1] = rates[-2] / (1 - momentum + decay[-1] * rates[-2])
    return rates


def balanced_lr_and_decay(lr_max: float, weight_decay_max: float, steps: int) -> tuple[FloatArray, FloatArray]:
    """Return learning rates and weight decays λ_t ∝ η_t that give every batch the same weight, exactly.

    Y_t = (η_max/η_t)² solves Y_{t+1} = Y_t + 2q − q²/Y_{t+1}, Y_1 = 1, q = λ_maxη_max.

    Parameters
    ----------
    lr_max, weight_decay_max : float
        Rates of the first step, > 0 and ≥ 0, with product < 1.
    steps : int
        Number of steps, ≥ 1.

    Returns
    -------
    tuple of two ndarrays of shape (steps,)
        Learning rates and weight decays.

    Raises
    ------
    ValueError
        If lr_max is not positive, weight_decay_max is negative, or their product is not below 1.

    Domain
    ------
    Exact. The inverse square root η_max/√(1 + 2q(t − 1)) of the differential equation differs from it by the
    relative amount q·log(1 + 2qt)/(4(1 + 2qt)), to first order in q.

    References
    ----------
    Su 2025 [11459], solution for λ ∝ η; the discrete solution is new.

    Examples
    --------
    >>> lr, decay = balanced_lr_and_decay(0.5, 1.0, 2)
    >>> float(lr[0] * (1 - decay[1] * lr[1]) - lr[1])
    0.0
    """
    first = real_number("lr_max", lr_max, low=0, low_open=True)
    decay = real_number("weight_decay_max", weight_decay_max, low=0)
    count = integer("steps", steps, low=1, remedy="a run has at least one step")
    share = 1 / np.sqrt(_inverse_squares(float(_product(np.array(first), np.array(decay))), count))
    return first * share, decay * share


def effective_batches(weights: ArrayLike) -> float:
    """Return the effective number (Σw)²/Σw² of batches that the weights average over.

    Parameters
    ----------
    weights : array of shape (steps,)
        Weights ≥ 0, not all zero, as from `batch_weights`.

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
    values = _weights(weights)
    values = values / values.max()  # squares of tiny or huge weights stay in range
    return float(values.sum() ** 2 / (values @ values))


def forgotten_fraction(weights: ArrayLike, threshold: float) -> float:
    """Return the fraction of batches whose weight is below `threshold` times the largest weight.

    Parameters
    ----------
    weights : array of shape (steps,)
        Weights ≥ 0, not all zero, as from `batch_weights`.
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
    values = _weights(weights)
    return float(np.mean(values < share * values.max()))


def decay_for_memory(lr: Rate, steps: int, remembered: float) -> float:
    """Return the constant weight decay under which the share `remembered` of the start survives the run.

    Solves Π(1 − λη_t) = remembered for λ.

    Parameters
    ----------
    lr : float, array of shape (steps,) or Schedule
        Learning rates ≥ 0, some of them positive.
    steps : int
        Number of steps, ≥ 1.
    remembered : float
        Share of the initial weights in the final ones, in (0, 1).

    Returns
    -------
    float
        Weight decay λ with λη_t < 1.

    Raises
    ------
    ValueError
        If a rate is negative, none is positive, or `remembered` lies outside (0, 1) or is out of reach.

    Domain
    ------
    Exact; about −log(remembered)/∫η for long runs.

    Examples
    --------
    >>> decay_for_memory(0.5, 2, 0.25)  # (1 − λ/2)² = 1/4
    1.0
    """
    rates = per_step("lr", lr, steps)
    require(rates.any(), "lr", "be positive at some step", 0.0, "without a step nothing is forgotten")
    target = np.log(real_number("remembered", remembered, low=0, high=1, low_open=True, high_open=True))
    relative = rates / rates.max()

    def excess(decay: float) -> float:
        return float(np.log1p(-decay * relative).sum() - target)

    # all steps at the largest rate decay fastest, that rate alone slowest; the margins absorb rounding
    low, high = -np.expm1(target / steps) * (1 - 1e-12), min(-np.expm1(target) * (1 + 1e-12), np.nextafter(1, 0))
    require(excess(high) <= 0, "remembered", "be reachable with λη < 1", remembered, "remember more or take more steps")
    product = brentq(excess, low, high, xtol=1e-300)
    require(product < MAX * min(rates.max(), 1.0), "lr", "be large enough for a finite weight decay", rates.max())
    return float(product / rates.max())


def balanced_design(lr_max: float, steps: int, remembered: float) -> tuple[float, Schedule]:
    """Return weight decay and schedule that weight all batches equally and keep `remembered` of the start.

    λ = (1 − r)/(1 + r(T − 1))/η_max and η_t = η_max/(1 + λη_max(t − 1)), where Π(1 − λη_t) = r.

    Parameters
    ----------
    lr_max : float
        Rate of the first step, > 0.
    steps : int
        Number of steps T, ≥ 1.
    remembered : float
        Share r of the initial weights in the final ones, in (0, 1).

    Returns
    -------
    tuple of float and Schedule
        Constant weight decay λ, and the schedule, endless, whose rate at step t is η_t.

    Raises
    ------
    ValueError
        If lr_max is not positive, there is no step, or `remembered` lies outside (0, 1).

    Domain
    ------
    Exact in discrete time; the last rate is r/(1 − λη_max) times the first.

    References
    ----------
    Su 2025 [11459], solution for constant λ.

    Examples
    --------
    >>> weight_decay, schedule = balanced_design(0.5, 3, 0.25)  # λ = (3/4)/(3/2)/(1/2)
    >>> weight_decay
    1.0
    >>> schedule([1, 2, 3])
    array([0.5       , 0.33333333, 0.25      ])
    """
    first = real_number("lr_max", lr_max, low=0, low_open=True)
    count = integer("steps", steps, low=1, remedy="a run has at least one step")
    share = real_number("remembered", remembered, low=0, high=1, low_open=True, high_open=True)
    decay = (1 - share) / (1 + share * (count - 1))
    kept = share * count / (1 + share * (count - 1))
    require(decay < 1 - 1e-15, "remembered", "be reachable with λη < 1", remembered, "remember more or take more steps")
    require(decay < MAX * first, "lr_max", "be large enough for a finite weight decay", lr_max)
    return decay / first, inverse_time(first / kept, decay / kept)


def _rates(lr: Rate, weight_decay: Rate, steps: int) -> tuple[FloatArray, FloatArray]:
    rates = per_step("lr", lr, steps)
    return rates, _product(rates, per_step("weight_decay", weight_decay, steps))


def _product(rates: FloatArray, decay: FloatArray) -> FloatArray:
    product = np.asarray(rates * decay, dtype=np.float64)
    require((product < 1).all(), "lr·weight_decay", "be below 1 at every step", product.max(), SMALLER)
    return product


def _log_survival(decay: FloatArray) -> FloatArray:
    log_factors: FloatArray = np.log1p(-decay[::-1])
    return np.append(running_sum(log_factors)[::-1], 0.0)


def _inverse_squares(decay: float, steps: int) -> FloatArray:
    free: FloatArray = 1 + 2 * decay * np.arange(steps, dtype=np.float64)
    values, change = free, np.inf
    while change > 4 * np.finfo(np.float64).eps:  # the pull contracts by q/2 or less
        old = values
        values = free - np.append(0.0, running_sum(decay**2 / old[1:]))
        change = float(np.max(np.abs(values - old) / values))
    return values


def _weights(weights: ArrayLike) -> FloatArray:
    values = real_array("weights", weights, low=0)
    require(values.ndim == 1 and values.any(), "weights", "be one row with a positive entry", weights)
    return values
