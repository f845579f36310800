"""The secular equation of G + λuvᵀ: where ‖G + λuvᵀ‖_* is least, from one decomposition of G."""

import numpy as np
from scipy.optimize import brentq

from optnotes._ground.arguments import FloatArray

EPS = float(np.finfo(float).eps)


def rank_one(normal: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return unit u, v with Θ = uvᵀ, or None."""
    row, column = np.unravel_index(np.abs(normal).argmax(), normal.shape)
    left, right = normal[:, column], normal[row]
    left, right = left / np.linalg.norm(left), right / np.linalg.norm(right)
    left = left * np.sign(left[row] * right[column] * normal[row, column])
    miss = np.linalg.norm(normal - np.outer(left, right))
    return (left, right) if miss <= 1e-12 else None


def secular_root(gradient: FloatArray, left: FloatArray, right: FloatArray, low: float, high: float) -> float:
    """Return the λ at which ⟨uvᵀ, msign(G + λuvᵀ)⟩ changes sign, from one decomposition of G.

    With P = (GᵀG + t²)⁻¹, p = vᵀPv, q = vᵀPGᵀu, r = uᵀGPGᵀu the inverse of MᵀM + t² is a rank-two update, and
    msign(M) = (2/π)∫ M(MᵀM + t²)⁻¹ dt makes the slope one integral over t, analytic in log t.
    """
    if not gradient.any():
        return 0.0
    u, values, vt = np.linalg.svd(gradient, full_matrices=False)
    a, b = u.T @ left, vt @ right
    largest = float(values[0]) + high
    step = 0.2  # the trapezoidal rule in log t errs by e^{−π²/h}, e^{−49}
    t = np.exp(np.arange(np.log(largest * 1e-34), np.log(largest * 1e18), step))[:, None]
    inverse = 1 / (values**2 + t**2)
    p, q = inverse @ b**2, inverse @ (values * a * b)
    rest = max(1.0 - float(a @ a), 0.0) + (t**2 * inverse) @ a**2  # 1 − r, as a sum of positive terms
    weights = t[:, 0] * step * 2 / np.pi

    def slope(multiplier: float) -> float:
        below = (1 + multiplier * q) ** 2 + multiplier**2 * p * rest
        return float(weights @ ((q + multiplier * (p * rest + q**2)) / below))

    if slope(low) >= 0 or slope(high) <= 0:
        return -float(np.sum(gradient * np.outer(left, right)))
    return float(brentq(slope, low, high, xtol=1e-300, rtol=4 * EPS, maxiter=200, disp=False))
