"""Weight decay and rates for a share of the initialisation that is to survive."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from optnotes._ground.arguments import integer, real_number, require
from optnotes.schedules import Rate, Schedule, inverse_time, per_step

from ._parameters import described

MAX = float(np.finfo(np.float64).max)


@described
def decay_for_memory(lr: Rate, steps: int, remembered: float) -> float:
    """Return the constant weight decay under which the share `remembered` of the start survives the run.

    Solves Π(1 − λη_t) = remembered for λ.

    Parameters
    ----------
    lr : float, array of shape (steps,) or Schedule
        Learning rates ≥ 0, some of them positive.
    {steps}
    {remembered}

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
    Claims: `memory-calculator`, `memory-exponential`.

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
    low, high = -np.expm1(target / rates.size) * (1 - 1e-12), min(-np.expm1(target) * (1 + 1e-12), np.nextafter(1, 0))
    require(excess(high) <= 0, "remembered", "be reachable with λη < 1", remembered, "remember more or take more steps")
    product = brentq(excess, low, high, xtol=1e-300)
    require(product < MAX * min(rates.max(), 1.0), "lr", "be large enough for a finite weight decay", rates.max())
    return float(product / rates.max())


@described
def balanced_design(lr_max: float, steps: int, remembered: float) -> tuple[float, Schedule]:
    """Return weight decay and schedule that weight all batches equally and keep `remembered` of the start.

    λ = (1 − r)/(1 + r(T − 1))/η_max and η_t = η_max/(1 + λη_max(t − 1)), where Π(1 − λη_t) = r.

    Parameters
    ----------
    {first}
    {steps}
    {remembered}

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
    Exact in discrete time, for β₁ = 0; the last rate is r/(1 − λη_max) times the first. The weights shrink with the
    memory of the start where rT ≫ 1: independent updates of size 1 end with the squared RMS r²ρ_0 + Tη_T².
    Claims: `memory-design`, `memory-inverse-time-exact`, `memory-balanced-final`.

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
