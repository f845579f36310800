"""Rates under which all batches have the same weight."""

from __future__ import annotations

import numpy as np

from optnotes._ground.arguments import FloatArray, integer, real_number
from optnotes._ground.decay import step_decay
from optnotes._ground.recurrence import running_sum
from optnotes.schedules import Rate, per_step

from ._parameters import described


@described
def balanced_lr(lr_max: float, weight_decay: Rate, steps: int, beta1: float = 0.9) -> FloatArray:
    """Return the learning rates that give every batch the same weight, exactly, in discrete time.

    β₁ = 0: 1/η_t = 1/η_max + Σ_{1<j≤t} λ_j, under constant λ the schedule η_max/(1 + λη_max(t − 1)).
    β₁ > 0: the same for t < T, and η_T = η_{T−1}/(1 − β₁ + λ_Tη_{T−1}), which spends what is left in the momentum.

    Parameters
    ----------
    {first}
    weight_decay : float, array of shape (steps,) or Schedule
        Weight decay λ_t ≥ 0 with λ_1·lr_max < 1.
    {steps}
    {beta1}

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
    η_t(1 − λη_{t+1}) = η_{t+1} too. The long last step is of use where only the final weights count.
    Claims: `memory-discrete`, `memory-discrete-solution`, `memory-last-step`, `memory-repaired`.

    References
    ----------
    Su 2025 [11459], solution for constant λ; the discrete condition and the last step are new.

    Examples
    --------
    >>> balanced_lr(0.5, 1.0, 3, beta1=0)  # 1/2, 1/3, 1/4
    array([0.5       , 0.33333333, 0.25      ])
    """
    first = real_number("lr_max", lr_max, low=0, low_open=True)
    momentum = real_number("beta1", beta1, low=0, high=1, high_open=True)
    decay = per_step("weight_decay", weight_decay, steps)
    step_decay(np.array(first), decay[0])
    slowness = np.append(0.0, running_sum(decay[1:]))
    rates: FloatArray = first / (1 + first * slowness)
    if steps > 1:
        rates[-1] = rates[-2] / (1 - momentum + decay[-1] * rates[-2])
    return rates


@described
def balanced_lr_and_decay(lr_max: float, weight_decay_max: float, steps: int) -> tuple[FloatArray, FloatArray]:
    """Return learning rates and weight decays λ_t ∝ η_t that give every batch the same weight, exactly.

    Y_t = (η_max/η_t)² solves Y_{t+1} = Y_t + 2q − q²/Y_{t+1}, Y_1 = 1, q = λ_maxη_max.

    Parameters
    ----------
    lr_max, weight_decay_max : float
        Rates of the first step, > 0 and ≥ 0, with product < 1.
    {steps}

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
    relative amount q·log(1 + 2qt)/(4(1 + 2qt)), to first order in q: by at most 0.092 q for q ≤ 0.1.
    Claims: `memory-coupled-recursion`, `memory-sqrt-error`, `memory-sqrt-bound`.

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
    share = 1 / np.sqrt(_inverse_squares(float(step_decay(np.array(first), np.array(decay))), count))
    return first * share, decay * share


def _inverse_squares(decay: float, steps: int) -> FloatArray:
    free: FloatArray = 1 + 2 * decay * np.arange(steps, dtype=np.float64)
    values, change = free, np.inf
    while change > 4 * np.finfo(np.float64).eps:  # the pull contracts by q/2 or less
        old = values
        values = free - np.append(0.0, running_sum(decay**2 / old[1:]))
        change = float(np.max(np.abs(values - old) / values))
    return values
