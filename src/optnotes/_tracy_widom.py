"""The Tracy–Widom law of β = 1, computed from its Fredholm determinant, and its moments."""

from functools import cache

import numpy as np
from numpy.polynomial import legendre
from scipy import special

from ._arguments import FloatArray

_NODES = 80
_KERNEL_REACH = 16.0  # Ai(16) ≈ 4e-20
_LOW, _HIGH = -12.0, 14.0  # F₁(−12) ≈ 1e-34, 1 − F₁(14) ≈ 1e-17


def cdf(s: FloatArray) -> FloatArray:
    """Return F₁(s) = det(I − B_s) on L²(0, ∞), B_s(x, y) = Ai(x + y + s), at each of `s`, shape (k,).

    Gauss–Legendre quadrature of the determinant (Bornemann 2010) in the form of Ferrari and Spohn 2005.
    """
    nodes, weights = _gauss(0.0, _KERNEL_REACH - min(float(s.min()), 0.0))
    kernel = special.airy(nodes[:, None] + nodes + s[:, None, None])[0]
    roots = np.sqrt(weights)
    return np.linalg.det(np.eye(_NODES) - roots[:, None] * kernel * roots)


@cache
def moment(k: int) -> float:
    """Return E X^k of the Tracy–Widom law, b^k − ∫ₐᵇ k x^{k−1} F₁(x) dx beyond which the law has no mass."""
    points, weights = _gauss(_LOW, _HIGH)
    return float(_HIGH**k - weights @ (k * points ** (k - 1) * cdf(points)))


def _gauss(low: float, high: float) -> tuple[FloatArray, FloatArray]:
    nodes, weights = legendre.leggauss(_NODES)
    return (low + high) / 2 + (high - low) / 2 * nodes, (high - low) / 2 * weights
