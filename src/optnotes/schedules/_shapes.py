"""The usual schedules."""

from __future__ import annotations

import numpy as np

from optnotes._ground.arguments import integer, real_number, require

from ._parameters import described
from ._pieces import HalfCosine, InverseSqrt, InverseTime, Piece, Straight
from ._schedule import Schedule
from ._steps import checked_steps


@described
def constant(lr_max: float, *, warmup: int = 0) -> Schedule:
    """Return the constant schedule η(t) = lr_max, after a linear warm-up from 0.

    Parameters
    ----------
    lr_max : float
        Rate, ≥ 0.
    {endless_warmup}

    Returns
    -------
    Schedule
        Endless.

    Raises
    ------
    ValueError
        If the rate or the warm-up is negative.

    Examples
    --------
    >>> float(constant(0.5, warmup=4).total(10))  # 4/2 + 6 steps' worth of rate 0.5
    4.0
    """
    peak, first = _start(lr_max, warmup, np.inf)
    return Schedule((*first, Straight(peak, peak, np.inf)))


@described
def linear(lr_max: float, steps: int, *, lr_end: float = 0.0, warmup: int = 0) -> Schedule:
    """Return the schedule that goes from lr_max to lr_end on a straight line.

    Without warm-up ∫η = (η_a + η_b)t/2 and ∫η² = (η_a² + η_aη_b + η_b²)t/3 at the end.

    Parameters
    ----------
    lr_max, lr_end : float
        First and last rate, ≥ 0 (lr_end may be the larger).
    {all_steps}
    {warmup}

    Returns
    -------
    Schedule
        Of `steps` steps.

    Raises
    ------
    {refused}

    References
    ----------
    Su 2025 [11404], linear schedule.

    Examples
    --------
    >>> float(linear(3.0, 2, lr_end=1.0).total_square(2))  # (9 + 3 + 1)·2/3
    8.666666666666666
    """
    return _descent(Straight, lr_max, steps, lr_end, warmup)


@described
def cosine(lr_max: float, steps: int, *, lr_end: float = 0.0, warmup: int = 0) -> Schedule:
    """Return the half-cosine schedule η(t) = lr_end + (lr_max − lr_end)(1 + cos(πt/steps))/2.

    Without warm-up ∫η = (η_min + η_max)t/2 and ∫η² = (3η_min² + 2η_minη_max + 3η_max²)t/8 at the end.

    Parameters
    ----------
    lr_max, lr_end : float
        First and last rate, ≥ 0.
    {all_steps}
    {warmup}

    Returns
    -------
    Schedule
        Of `steps` steps.

    Raises
    ------
    {refused}

    References
    ----------
    Loshchilov and Hutter 2017, eq. 5; Su 2025 [11404], cosine schedule.

    Examples
    --------
    >>> float(cosine(1.0, 8).total_square(8))  # 3·8/8
    3.0
    """
    return _descent(HalfCosine, lr_max, steps, lr_end, warmup)


def wsd(lr_max: float, steps: int, *, decay_steps: int, lr_end: float = 0.0, warmup: int = 0) -> Schedule:
    """Return the warm-up–stable–decay schedule: up, flat at lr_max, down to lr_end on a straight line.

    With warm-up to t₁, flat until t₂ and decay to 0 at t: ∫η = η_max(t + t₂ − t₁)/2,
    ∫η² = η_max²(t + 2t₂ − 2t₁)/3.

    Parameters
    ----------
    lr_max, lr_end : float
        Rate of the flat part and last rate, ≥ 0.
    steps : int
        Steps in all, ≥ 1.
    decay_steps, warmup : int
        Steps of the last and of the first part, ≥ 0, together at most `steps`; warm-up alone less.

    Returns
    -------
    Schedule
        Of `steps` steps.

    Raises
    ------
    ValueError
        If a rate is negative, there is no step, or warm-up and decay do not fit.

    References
    ----------
    Hu et al. 2024 (MiniCPM), section 4; Su 2025 [11404], WSD.

    Examples
    --------
    >>> float(wsd(1.0, 10, decay_steps=4, warmup=2).total(10))  # (10 + 6 − 2)/2
    7.0
    """
    total, falling = checked_steps(steps), integer("decay_steps", decay_steps, low=0)
    peak, first = _start(lr_max, warmup, total)
    flat = total - warmup - falling
    require(flat >= 0, "decay_steps", f"be at most steps − warmup = {total - warmup}", decay_steps)
    end = _rate("lr_end", lr_end)
    middle = (Straight(peak, peak, float(flat)),) if flat else ()
    last = (Straight(peak, end, float(falling)),) if falling else ()
    return Schedule((*first, *middle, *last))


@described
def inverse_time(lr_max: float, decay: float, *, warmup: int = 0) -> Schedule:
    """Return the schedule η(t) = lr_max/(1 + decay·t), t counted from the end of the warm-up.

    With decay = λ·lr_max it weights all batches equally under the constant weight decay λ.

    Parameters
    ----------
    {first}
    decay : float
        Relative fall per step at the start, > 0.
    {endless_warmup}

    Returns
    -------
    Schedule
        Endless.

    Raises
    ------
    {refused_decay}

    References
    ----------
    Su 2025 [11459], solution for constant weight decay.

    Examples
    --------
    >>> inverse_time(1.0, 0.5)([0, 2, 6])
    array([1.  , 0.5 , 0.25])
    """
    return _endless(InverseTime, lr_max, decay, warmup)


@described
def inverse_sqrt(lr_max: float, decay: float, *, warmup: int = 0) -> Schedule:
    """Return the schedule η(t) = lr_max/√(1 + decay·t), t counted from the end of the warm-up.

    With decay = 2·λ_max·lr_max it weights all batches nearly equally under a weight decay λ ∝ η.

    Parameters
    ----------
    {first}
    decay : float
        Twice the relative fall per step at the start, > 0.
    {endless_warmup}

    Returns
    -------
    Schedule
        Endless.

    Raises
    ------
    {refused_decay}

    References
    ----------
    Su 2025 [11459], solution for weight decay proportional to the learning rate.

    Examples
    --------
    >>> inverse_sqrt(1.0, 1.0)([0, 3, 15])
    array([1.  , 0.5 , 0.25])
    """
    return _endless(InverseSqrt, lr_max, decay, warmup)


def _descent(shape: type[Straight | HalfCosine], lr_max: float, steps: int, lr_end: float, warmup: int) -> Schedule:
    peak, first = _start(lr_max, warmup, checked_steps(steps))
    return Schedule((*first, shape(peak, _rate("lr_end", lr_end), float(steps - warmup))))


def _endless(shape: type[InverseTime | InverseSqrt], lr_max: float, decay: float, warmup: int) -> Schedule:
    peak, first = _start(lr_max, warmup, np.inf)
    remedy = "for a rate that stays use constant"
    return Schedule((*first, shape(peak, real_number("decay", decay, low=0, low_open=True, remedy=remedy))))


def _start(lr_max: float, warmup: int, steps: float) -> tuple[float, tuple[Piece, ...]]:
    peak, length = _rate("lr_max", lr_max), integer("warmup", warmup, low=0)
    require(length < steps, "warmup", f"be less than steps = {steps:g}", warmup, "shorten it or lengthen the run")
    return peak, ((Straight(0.0, peak, float(length)),) if length else ())


def _rate(name: str, value: float) -> float:
    return real_number(name, value, low=0)
