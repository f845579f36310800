"""The Tracy–Widom law of β = 1, computed from its Fredholm determinant, and its moments."""

from functools import cache

import numpy as np
from scipy import special

from optnotes._ground.arguments import FloatArray
from optnotes._ground.quadrature import gauss, interval

_NODES = 56
_KERNEL_REACH = 16.0  # Ai(16) ≈ 4e-20
_LOW, _HIGH = -11.0, 13.5  # F₁(−11) and 1 − F₁(13.5) are below 1e-15


def cdf(s: FloatArray) -> FloatArray:
    """Return F₁(s) = det(I − B_s) on L²(0, ∞), B_s(x, y) = Ai(x + y + s), at each of `s` in [−12, 14], shape (k,).

    Gauss–Legendre quadrature of the determinant (Bornemann 2010) in the form of Ferrari and Spohn 2005.
    """
    nodes, weights, _ = gauss(_NODES)
    half = (_KERNEL_REACH - s[:, None]) / 2
    points, roots = half * (1 + nodes), np.sqrt(half * weights)
    kernel = special.airy(points[:, :, None] + points[:, None, :] + s[:, None, None])[0]
    return np.asarray(np.linalg.det(np.eye(_NODES) - roots[:, :, None] * kernel * roots[:, None, :]))


@cache
def moment(k: int) -> float:
    """Return E X^k = b^k − ∫ₐᵇ k x^{k−1} F₁(x) dx over an interval [a, b] that holds the law."""
    points, weights, values = _law()
    return float(_HIGH**k - weights @ (k * points ** (k - 1) * values))


@cache
def _law() -> tuple[FloatArray, FloatArray, FloatArray]:
    points, weights = interval(_LOW, _HIGH, _NODES)
    return points, weights, cdf(points)
