"""Mean squares of the weights along a schedule when the rates vary slowly.

Each function returns three arrays of shape (steps + 1,): the factor e^{−2κ_t} of the initial mean square, the
response ∫e^{−(κ_t−κ_s)}η ds to a constant update, and the mean square ∫e^{−2(κ_t−κ_s)}η² ds from white noise.
"""

import numpy as np
from scipy.special import exprel

from optnotes._ground.arguments import FloatArray
from optnotes._ground.recurrence import linear_recurrence, running_sum
from optnotes.schedules import Rate, Schedule, per_step, rates_and_decay

Responses = tuple[FloatArray, FloatArray, FloatArray]


def slow_sum(lr: Rate, weight_decay: Rate, steps: int) -> Responses:
    """Sum over the steps."""
    rates, decay = rates_and_decay(lr, weight_decay, steps)
    return _chained(decay, rates, rates**2)


def step_integrals(lr: Rate, weight_decay: Rate, steps: int) -> Responses:
    """Integrate over each step by three Gauss nodes, exact to (ηλ)⁶ and to the sixth difference of the rates."""
    rates_and_decay(lr, weight_decay, steps)
    nodes, weights = np.polynomial.legendre.leggauss(3)
    nodes, weights = (1 + nodes) / 2, weights / 2
    rates = _at_nodes(lr, steps, nodes)
    decay = rates * _at_nodes(weight_decay, steps, nodes)
    remaining = decay @ _integrals_to_the_end(nodes).T
    drift, square = np.exp(-remaining) * rates @ weights, np.exp(-2 * remaining) * rates**2 @ weights
    return _chained(decay @ weights, drift, square)


def mean_exponentials(lr: Rate, weight_decay: Rate, steps: int) -> Responses:
    """Replace e^{κ} and e^{2κ} by their means over κ, which is exact for constant rates."""
    rates, decay = rates_and_decay(lr, weight_decay, steps)
    if isinstance(lr, Schedule):
        t = np.arange(steps + 1.0)
        drift, square = lr.total(t), lr.total_square(t)
    else:
        drift, square = np.append(0.0, running_sum(rates)), np.append(0.0, running_sum(rates**2))
    if isinstance(lr, Schedule) and not isinstance(weight_decay, Schedule) and np.ndim(weight_decay) == 0:
        kappa = np.asarray(weight_decay) * drift
    else:
        kappa = np.append(0.0, running_sum(decay))
    return np.exp(-2 * kappa), drift * exprel(-kappa), square * exprel(-2 * kappa)


def _chained(decay: FloatArray, drift: FloatArray, square: FloatArray) -> Responses:
    kept = np.exp(-2 * np.append(0.0, running_sum(decay)))
    factor = np.exp(-decay)
    return kept, linear_recurrence(factor, drift, 0.0), linear_recurrence(factor**2, square, 0.0)


def _at_nodes(rate: Rate, steps: int, nodes: FloatArray) -> FloatArray:
    if isinstance(rate, Schedule):
        return rate(np.arange(steps)[:, None] + nodes)
    return np.repeat(per_step("rate", rate, steps)[:, None], nodes.size, axis=1)


def _integrals_to_the_end(nodes: FloatArray) -> FloatArray:
    """Return Q with ∫ from node i to 1 of p equal to Σ_j Q_ij p(node j) for every parabola p."""
    powers = np.arange(nodes.size)
    integrals = (1 - nodes[:, None] ** (powers + 1)) / (powers + 1)
    return np.asarray(integrals @ np.linalg.inv(nodes[:, None] ** powers), dtype=np.float64)
