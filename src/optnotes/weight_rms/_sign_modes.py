"""The sign of a stationary momentum as a sum of uncorrelated first-order autoregressions.

Cov(sign m_t, sign m_{t+k}) = Σ_{n≥1} w_n β₁^{nk} by Mehler's expansion, with w_n = 4φ(h)²He_{n−1}(h)²/n! and h the
mean of m in its standard deviations. Lanczos' method replaces the endless sum by a Gauss rule of few terms.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.special import erf, erfc

FloatArray = NDArray[np.float64]


def sign_modes(beta1: float, mean: float) -> tuple[FloatArray, FloatArray]:
    """Return decays γ and variances w with Cov(sign m_t, sign m_{t+k}) = Σ w γ^k; `mean` is h."""
    total = float(erfc(mean / np.sqrt(2)) * (1 + erf(mean / np.sqrt(2))))
    if beta1 == 0 or total == 0:
        return np.zeros(1), np.array([total])
    count = 1 + int(np.ceil(-np.log(np.finfo(np.float64).eps / 16) / -np.log(beta1)))
    weights = _weights(mean, count)
    rest = max(total - weights.sum(), 0.0)  # modes that decay within one step
    decays = np.append(beta1 ** np.arange(1.0, count + 1), 0.0)
    nodes = min(decays.size, int(8 + 4 / np.sqrt(1 - beta1)))  # error of the covariances: rounding, 1e-13 at β₁ = 0.999
    return _gauss_rule(decays, np.append(weights, rest), nodes)


def _weights(mean: float, count: int) -> FloatArray:
    density = float(np.exp(-(mean**2) / 2) / np.sqrt(2 * np.pi))
    hermite = [density, density * mean]  # φ(h)·He_n(h)/√n!
    for n in range(2, count):
        hermite.append((mean * hermite[-1] - np.sqrt(n - 1.0) * hermite[-2]) / np.sqrt(n))
    return 4 * np.square(hermite[:count]) / np.arange(1, count + 1)


def _gauss_rule(points: FloatArray, weights: FloatArray, nodes: int) -> tuple[FloatArray, FloatArray]:
    basis = np.empty((nodes, points.size))
    diagonal, beside = np.empty(nodes), np.empty(nodes)
    vector = np.sqrt(weights)
    for k in range(nodes):
        beside[k] = max(float(np.linalg.norm(vector)), np.finfo(np.float64).tiny)  # 0 when all points are met
        basis[k] = vector / beside[k]
        vector = points * basis[k]
        diagonal[k] = vector @ basis[k]
        for _ in range(2):  # once is not enough to stay orthogonal
            vector = vector - basis[: k + 1].T @ (basis[: k + 1] @ vector)
    decays, vectors = eigh_tridiagonal(diagonal, beside[1:])
    return np.clip(decays, 0.0, points.max()), weights.sum() * vectors[0] ** 2
