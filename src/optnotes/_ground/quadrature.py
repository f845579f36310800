"""Gauss–Legendre quadrature: nodes, weights, and the primitive of the interpolant."""

from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre

from .arguments import FloatArray


@lru_cache(maxsize=16)
def gauss(count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return nodes and weights on [−1, 1], and the matrix of ∫₋₁^{node} of the interpolant of the nodes' values."""
    nodes, weights = legendre.leggauss(count)
    degrees = np.arange(count)
    expansion = legendre.legvander(nodes, count - 1).T * weights * (degrees[:, None] + 0.5)
    higher = legendre.legvander(nodes, count)
    primitive = np.empty((count, count))
    primitive[:, 0] = nodes + 1
    primitive[:, 1:] = (higher[:, 2:] - higher[:, :-2]) / (2 * degrees[1:] + 1)
    return nodes, weights, primitive @ expansion


def interval(low: float, high: float, count: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights on [low, high]."""
    nodes, weights, _ = gauss(count)
    return (low + high) / 2 + (high - low) / 2 * nodes, (high - low) / 2 * weights
