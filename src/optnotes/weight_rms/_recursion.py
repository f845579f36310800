"""Second moments of the weights by recursion over the steps, or from the responses to slowly varying rates."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from optnotes._ground.arguments import FloatArray, integer, real_number
from optnotes._ground.recurrence import linear_recurrence
from optnotes.schedules import Rate, rates_and_decay

from ._slow_variation import mean_exponentials, slow_sum, step_integrals

Method = Literal["exact", "slow", "ode", "closed-form"]
METHODS = get_args(Method)
Course = tuple[Rate, Rate, int, float]


@dataclass(frozen=True)
class Updates:
    """Updates gain·(mean + Σ modes); each mode is an autoregression with a decay and variance growth·variances."""

    gain: FloatArray
    mean: FloatArray
    growth: FloatArray
    decays: FloatArray
    variances: FloatArray


def recursion(run: Course, updates: Updates) -> FloatArray:
    lr, weight_decay, steps, init_rms = run
    rates, decay = rates_and_decay(lr, weight_decay, steps)
    moved, kept = rates * updates.gain, 1 - decay
    driven = moved**2 * updates.growth * updates.variances.sum()
    for gamma, variance in zip(updates.decays, updates.variances, strict=True):
        overlap = linear_recurrence(kept * gamma, moved * updates.growth * variance, 0.0)
        driven += 2 * kept * moved * gamma * overlap[:-1]
    square = linear_recurrence(kept**2, driven, init_rms**2)
    drift = linear_recurrence(kept, moved * updates.mean, 0.0) if updates.mean.any() else np.zeros(1)
    return np.asarray(np.sqrt(square + drift**2), dtype=np.float64)


def course(lr: Rate, weight_decay: Rate, steps: int, init_rms: float) -> Course:
    """Return the rates, which are checked where they are read, and the steps and the start, checked."""
    count = integer("steps", steps, low=1, remedy="a run has at least one step")
    return lr, weight_decay, count, real_number("init_rms", init_rms, low=0, high=1e150)


def approximate(run: Course, snr: float, floor: float, method: Method) -> FloatArray:
    """Take slowly varying rates; the update has the mean square (SNR·drift² + noise)/(SNR + floor)."""
    lr, weight_decay, steps, init_rms = run
    forms = {"slow": slow_sum, "ode": step_integrals, "closed-form": mean_exponentials}
    kept, drift, square = forms[method](lr, weight_decay, steps)
    return np.asarray(
        np.sqrt(kept * init_rms**2 + snr / (snr + floor) * drift**2 + square / (snr + floor)), dtype=np.float64
    )
