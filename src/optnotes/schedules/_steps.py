"""Rates step by step: what every function that takes a rate makes of a number, an array or a schedule."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, integer, real_array, require
from optnotes._ground.decay import step_decay

from ._parameters import described
from ._pieces import Straight
from ._schedule import Schedule

Rate = ArrayLike | Schedule
"""A rate: a number, an array with one entry a step, or a schedule."""


@described
def per_step(name: str, rate: Rate, steps: int) -> FloatArray:
    """Return the rates of the steps 1, …, `steps` as an array, from a number, an array or a schedule.

    Parameters
    ----------
    {name}
    {rate}
    {steps}

    Returns
    -------
    ndarray of shape (steps,)
        The rate of each step.

    Raises
    ------
    ValueError
        If a rate is negative, or the array or the schedule does not cover the steps.

    Examples
    --------
    >>> from optnotes.schedules import linear
    >>> per_step("lr", linear(1.0, 4), 4)
    array([0.75, 0.5 , 0.25, 0.  ])
    """
    count = checked_steps(steps)
    if isinstance(rate, Schedule):
        require(rate.steps >= count, name, f"cover {count} steps", rate, "make the schedule as long as the run")
        return rate(np.arange(1.0, count + 1))
    array = real_array(name, rate, low=0)
    fits = array.shape in {(), (count,)}
    require(fits, name, f"be a number, a Schedule or an array of shape ({count},)", f"shape {array.shape}")
    return np.broadcast_to(array, (count,)).copy()


@described
def rates_and_decay(lr: Rate, weight_decay: Rate, steps: int) -> tuple[FloatArray, FloatArray]:
    """Return the learning rates η_t of the steps 1, …, `steps` and the shares η_tλ_t of the weights that decay.

    Parameters
    ----------
    {rates}
    {steps}

    Returns
    -------
    tuple of two ndarrays of shape (steps,)
        η_t and η_tλ_t.

    Raises
    ------
    ValueError
        If a rate is negative, some η_tλ_t ≥ 1, or an array or a schedule does not cover the steps.

    Examples
    --------
    >>> from optnotes.schedules import linear
    >>> rates_and_decay(linear(1.0, 4), 0.5, 3)
    (array([0.75, 0.5 , 0.25]), array([0.375, 0.25 , 0.125]))
    """
    rates = per_step("lr", lr, steps)
    return rates, step_decay(rates, per_step("weight_decay", weight_decay, steps))


@described
def as_schedule(name: str, rate: Rate) -> Schedule:
    """Return the schedule of a rate: itself, constant for a number, and one flat piece a step for an array.

    Parameters
    ----------
    {name}
    {rate}

    Returns
    -------
    Schedule
        With the rate of step t on the time from t − 1 to t; endless for a number.

    Raises
    ------
    ValueError
        If a rate is negative, or the array has not one dimension.

    Examples
    --------
    >>> float(as_schedule("lr", [3.0, 1.0]).total(1.5))  # 3 + 1/2
    3.5
    """
    if isinstance(rate, Schedule):
        return rate
    array = real_array(name, rate, low=0)
    if not array.ndim:
        return Schedule((Straight(float(array), float(array), np.inf),))
    fits = array.ndim == 1 and array.size > 0
    require(fits, name, "be a number, a Schedule or an array with one entry a step", f"shape {array.shape}")
    return Schedule(tuple(Straight(value, value, 1.0) for value in array.tolist()))


def checked_steps(steps: int) -> int:
    return integer("steps", steps, low=1, remedy="a run has at least one step")
