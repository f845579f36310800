"""Learning rates over time, with their integrals in closed form.

A schedule is a rate η(t) of real time t. **Step t = 1, 2, … of a run uses η(t)**, so a warm-up of w steps
starts at η(1) = η_max/w and reaches η_max at step w, and a schedule of T steps ends with η(T). The sum over
the steps 1, …, t is `total(t)` + (η(t) − η(0))/2 + …, a relative difference of about 1/t. The chapters on
weight decay use these objects; the same objects serve for a weight decay that changes in time.
"""

from ._schedule import Schedule
from ._shapes import constant, cosine, inverse_sqrt, inverse_time, linear, wsd
from ._steps import Rate, as_schedule, per_step, rates_and_decay

__all__ = [
    "Rate",
    "Schedule",
    "as_schedule",
    "constant",
    "cosine",
    "inverse_sqrt",
    "inverse_time",
    "linear",
    "per_step",
    "rates_and_decay",
    "wsd",
]
