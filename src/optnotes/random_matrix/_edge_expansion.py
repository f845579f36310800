"""Closed forms of the mean extreme singular values: exact ones, and an expansion at the soft edge.

With N = n − 1/2, M = m − 1/2, μ = √N ± √M, w = 1/√N ± 1/√M, s = w^{1/3}/2, h = w^{4/3}/4, τ = ±4√(NM)/μ²,
the mean is μ + s (E X + h E X² (−1/5 + 3τ/20) + Σ_{k=2}^K h^k Σ_{j≤k} c_kj τ^j) for X of Tracy–Widom law. Upper
signs give σ_max, lower signs σ_min, with the same coefficients. The form is that of Bornemann 2024 (section 6,
itself resting on hypotheses); the first-order term was recognised from fits, not proved. The c_kj are fitted to
exact means when first needed, on the shapes listed here, so that no number has to be believed.
"""

import math
from functools import cache

import numpy as np
from scipy import special

from optnotes._ground.arguments import FloatArray
from optnotes._ground.quadrature import gauss

from . import _tracy_widom
from ._laguerre_pfaffian import ensemble, mean_largest, mean_smallest

_ORDER = 6
_FITTED_M = (5, 7, 11, 22, 60)
_FITTED_D = (0, 2, 3, 5, 10, 25, 80, 400, 4000)


def edge_scales(n: int, m: int, side: int) -> tuple[float, float, float, float]:
    """Return (μ, s, h, τ) at the upper edge (`side` = 1) or, for n > m, the lower one (−1)."""
    root_n, root_m = math.sqrt(n - 0.5), math.sqrt(m - 0.5)
    mu = root_n + root_m if side > 0 else (n - m) / (root_n + root_m)
    width = float(np.cbrt(mu / (root_n * side * root_m)))
    return mu, width / 2, width**4 / 4, 4 * side * root_n * root_m / mu**2


def expansion(n: int, m: int, side: int) -> float:
    """Return the expansion of E σ_max (`side` = 1) or E σ_min (−1, n ≥ m + 2)."""
    mu, s, _, _ = edge_scales(n, m, side)
    return mu + s * (_first_orders(n, m, side) + float(_monomials(n, m, side) @ coefficients()))


@cache
def coefficients() -> FloatArray:
    """Return c_kj, k = 2…K, j = 0…k, by least squares on exact means; weights s/E over (h max(1, |τ|))²."""
    cases = [(m + d, m, side) for m in _FITTED_M for d in _FITTED_D for side in (1, -1) if side > 0 or d > 1]
    rows, targets = np.array([_monomials(*case) for case in cases]), np.array([_target(*case) for case in cases])
    scales = np.abs(rows * targets[:, 1:]).max(axis=0)
    solution = np.linalg.lstsq(rows * targets[:, 1:] / scales, targets[:, 0] * targets[:, 1], rcond=1e-15)[0]
    return np.asarray(solution / scales)


def square_smallest(m: int) -> float:
    """Return E σ_min of an m×m matrix: 3/√8 · Γ((m+1)/2)/Γ(m/2+1) ∫₀^∞ (1+u)^{−5/2} (1+u/m)^{−(m−1)/2} du.

    Edelman's density of λ_min (1988, Theorem 3.1) integrated against √λ; u = y⁻² − 1 makes the integrand smooth.
    """
    nodes, weights, _ = gauss(64)
    y = (nodes + 1) / 2
    integrand = 2 * y**2 * np.exp(-(m - 1) / 2 * np.log1p((1 / y**2 - 1) / m))
    return float(3 / math.sqrt(8) / special.poch((m + 1) / 2, 0.5) * (weights @ integrand) / 2)


def chi_mean(n: int) -> float:
    """Return E χ_n = √2 Γ((n+1)/2)/Γ(n/2)."""
    return float(math.sqrt(2) * special.poch(n / 2, 0.5))


def _monomials(n: int, m: int, side: int) -> FloatArray:
    _, _, h, tau = edge_scales(n, m, side)
    return np.array([h**k * tau**j for k in range(2, _ORDER + 1) for j in range(k + 1)])


def _first_orders(n: int, m: int, side: int) -> float:
    _, _, h, tau = edge_scales(n, m, side)
    return _tracy_widom.moment(1) + h * _tracy_widom.moment(2) * (-1 / 5 + 3 * tau / 20)


def _target(n: int, m: int, side: int) -> tuple[float, float]:
    mu, s, h, tau = edge_scales(n, m, side)
    mean = (mean_largest if side > 0 else mean_smallest)(ensemble(n, m))
    return (mean - mu) / s - _first_orders(n, m, side), abs(s) / mean / (h * max(1.0, abs(tau))) ** 2
