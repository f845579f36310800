"""Exact laws of the extreme singular values of a Gaussian matrix, as ratios of Pfaffians.

The singular values of an n×m standard normal matrix, n ≥ m, have a density ∝ Π σ^d e^{−σ²/2} Π|σᵢ² − σⱼ²|
with d = n − m. By de Bruijn's formula the probability that all lie in an interval is a Pfaffian of double
integrals over any basis of span{σ^(d+2k) e^{−σ²/2}}. The orthonormal basis of Laguerre functions keeps the
skew matrix well conditioned, where monomials need many digits, and a change of the interval is a correction
of low rank. All positions are kept as offsets t = σ − √d, so that large d costs no digits.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from optnotes._ground.arguments import FloatArray
from optnotes._ground.quadrature import gauss, interval

_PANEL = 32  # nodes of a Gauss-Legendre panel
_TAIL = 40  # nodes across the part that a change of the interval cuts off
_MEAN = 56  # nodes across the range of an extreme singular value
_HARD = 4  # rows added to find where P(σ_min > x) ends, as a square matrix has no scale of its own
_LARGE = 64  # from this d on, σ^d is handled through its logarithm
_REACH = 16.0  # Tracy-Widom scales beyond the edge after which the basis is below 1e-18


@dataclass(frozen=True)
class Ensemble:
    """The n×m Gaussian matrix, n ≥ m: its skew matrix of double integrals, factored, and its range."""

    n: int
    m: int
    factors: tuple[FloatArray, FloatArray]
    total: FloatArray  # ∫φ_k, with a last entry for the border of an odd m
    low: float
    high: float

    @property
    def centre(self) -> float:
        """Return √d, the origin of the offsets."""
        return float(np.sqrt(self.n - self.m))


@lru_cache(maxsize=8)
def ensemble(n: int, m: int) -> Ensemble:
    """Build and factor the skew matrix A_ij = ∬_{u<v} (φᵢ(u)φⱼ(v) − φⱼ(u)φᵢ(v)), bordered by ∫φᵢ when m is odd."""
    low, high = _edge(n, m, -1, -_REACH), _edge(n, m, 1, _REACH)
    skew, total = _double_integrals(n - m, m, low, high)
    if m % 2:
        skew = np.block([[skew, total[:, None]], [-total[None, :], np.zeros((1, 1))]])
        total = np.append(total, -1.0)
    return Ensemble(n, m, linalg.lu_factor(skew), total, low, high)


def largest_cdf(law: Ensemble, offsets: FloatArray) -> FloatArray:
    """Return P(σ_max ≤ √d + offset) at each of `offsets`, shape (k,)."""
    inside = np.clip(offsets, _edge(law.n, law.m, 1, -_REACH), law.high)
    return np.where(offsets <= -law.centre, 0.0, _empty_probability(law, inside, law.high))


def smallest_survival(law: Ensemble, offsets: FloatArray) -> FloatArray:
    """Return P(σ_min > √d + offset) at each of `offsets`, shape (k,)."""
    inside = np.clip(offsets, law.low, _edge(law.n, law.m, -1, _REACH, _HARD))
    survival = np.where(offsets <= law.low, 1.0, _empty_probability(law, inside, law.low))
    return np.where(np.isposinf(offsets), 0.0, survival)


def mean_largest(law: Ensemble) -> float:
    """Return E σ_max = a + ∫ₐ P(σ_max > x) dx."""
    start = _edge(law.n, law.m, 1, -12.0)
    points, weights = interval(start, law.high, _MEAN)
    return law.centre + start + float(weights @ (1 - largest_cdf(law, points)))


def mean_smallest(law: Ensemble) -> float:
    """Return E σ_min = a + ∫ₐ P(σ_min > x) dx."""
    points, weights = interval(law.low, _edge(law.n, law.m, -1, _REACH, _HARD), _MEAN)
    return law.centre + law.low + float(weights @ smallest_survival(law, points))


def laguerre_functions(offsets: FloatArray, d: int, m: int) -> FloatArray:
    """Return φ_k ∝ L_k^{(d−1/2)}(σ²) σ^d e^{−σ²/2}, k < m, at σ = √d + offset, shape (m, k)."""
    upper, lower = _square(offsets, d)
    current, exponents = _weight(offsets, d)
    previous, values = np.zeros_like(offsets), np.empty((m, offsets.size))
    for k in range(m):
        values[k] = np.ldexp(current, exponents)
        following = (upper - (2 * k + 0.5)) * current + (lower * current - np.sqrt(k * (k + d - 0.5)) * previous)
        previous, current = current, following / np.sqrt((k + 1) * (k + d + 0.5))
        large = np.abs(current) > 2.0**300  # the weight underflows long before the product does
        if large.any():
            shift = np.where(large, 300, 0)
            previous, current, exponents = np.ldexp(previous, -shift), np.ldexp(current, -shift), exponents + shift
    return values


def _double_integrals(d: int, m: int, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """Return A without border, and ∫φᵢ, by panels that a product of two functions crosses in at most 24 radians."""
    panels = int(np.ceil((high - low) / min(12 / np.sqrt(m), 3.0)))
    nodes, weights, integral = gauss(_PANEL)
    half = (high - low) / panels / 2
    points = low + half * (2 * np.arange(panels)[:, None] + 1 + nodes)
    values = laguerre_functions(points.ravel(), d, m)
    local = half * values.reshape(m, panels, _PANEL)
    masses = local @ weights
    before = np.cumsum(masses, axis=1) - masses
    primitive = local @ integral.T + before[:, :, None]
    product = (primitive.reshape(m, -1) * np.tile(half * weights, panels)) @ values.T
    return product - product.T, masses.sum(axis=1)


def _empty_probability(law: Ensemble, offsets: FloatArray, end: float) -> FloatArray:
    """Return the probability that no singular value lies between each offset and the `end` of the range."""
    blocks = np.array_split(offsets, max(1, offsets.size // _MEAN))
    return np.concatenate([_pfaffian_ratio(law, block, end) for block in blocks]) if offsets.size else offsets


def _pfaffian_ratio(law: Ensemble, offsets: FloatArray, end: float) -> FloatArray:
    """√det(I − A⁻¹T) with T = ΨWφᵀ − φWΨᵀ on the cut-off nodes, as a determinant of twice their number."""
    side = 1.0 if end == law.high else -1.0
    nodes, weights, integral = gauss(_TAIL)
    half = (end - offsets)[:, None, None] * side / 2
    points = (offsets + end)[:, None] / 2 + half[:, :, 0] * nodes
    values = np.zeros((law.total.size, points.size))
    values[: law.m] = laguerre_functions(points.ravel(), law.n - law.m, law.m)
    solved = linalg.lu_solve(law.factors, values).reshape(-1, *points.shape)
    values = values.reshape(-1, *points.shape)
    total = np.append(side * law.total[: law.m], law.total[law.m :])
    inner = np.einsum("iap,iaq->apq", values, solved, optimize=True)
    edge = -np.einsum("iap,i->ap", solved, total)[:, :, None]
    rest = half * (weights - integral if side > 0 else -integral)  # Ψ = total − φ·restᵀ
    return _skew_determinant(inner, edge, rest, half * weights)


def _skew_determinant(inner: FloatArray, edge: FloatArray, rest: FloatArray, weights: FloatArray) -> FloatArray:
    mixed = edge - inner @ rest.transpose(0, 2, 1)
    moved = rest @ edge
    outer = moved.transpose(0, 2, 1) - moved + rest @ inner @ rest.transpose(0, 2, 1)
    correction = np.block([[mixed * weights, -inner * weights], [outer * weights, mixed.transpose(0, 2, 1) * weights]])
    determinant = np.linalg.det(np.eye(2 * _TAIL) - correction)
    probability: FloatArray = np.sqrt(np.clip(determinant, 0.0, 1.0))
    return probability


def _edge(n: int, m: int, side: int, reach: float, extra: int = 0) -> float:
    """Return the offset of √(n+extra) ± √m + `reach` Tracy-Widom scales from √(n−m), not below σ = 0."""
    root, centre = np.sqrt(n + extra), np.sqrt(n - m)
    scale = np.cbrt(abs(1 / root + side / np.sqrt(m))) / 2
    offset = (m + extra) / (root + centre) + side * np.sqrt(m) + reach * scale  # root − centre, not cancelled
    return float(max(offset, -centre))


def _square(offsets: FloatArray, d: int) -> tuple[FloatArray, FloatArray]:
    """Return σ² − d as an exact part and a small one: its rounding alone would cost m ulp of phase."""
    if d >= _LARGE:
        return offsets * (2 * np.sqrt(d) + offsets), np.zeros_like(offsets)
    sigma = np.sqrt(d) + offsets
    rounded = np.round(sigma * 2**18) / 2**18
    return rounded**2 - d, (sigma - rounded) * (sigma + rounded)


def _weight(offsets: FloatArray, d: int) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return σ^d e^{−σ²/2} over its maximum as a number near one times a power of two."""
    if d >= _LARGE:
        s = offsets / np.sqrt(d)
        return _exponential(d * (_log1p_minus(s) - s**2 / 2))
    upper, lower = _square(offsets, d)
    mantissa, exponents = _exponential(-upper / 2)
    return (1 + offsets / np.sqrt(max(d, 1))) ** d * np.exp(-lower / 2) * mantissa, exponents


def _exponential(logs: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return (e^remainder, k) with e^logs = e^remainder · 2^k, the logarithm of two in two parts."""
    exponents = np.round(np.maximum(logs, -1e9) / np.log(2))
    upper = np.round(np.log(2) * 2**20) / 2**20
    remainders = (logs - exponents * upper) - exponents * (np.log(2) - upper)
    return np.exp(remainders), exponents.astype(np.int64)


def _log1p_minus(s: FloatArray) -> FloatArray:
    """Return log(1+s) − s; near zero by 2 artanh(r) − s with r = s/(2+s), whose first terms cancel exactly."""
    r = s / (2 + s)
    powers = np.polynomial.polynomial.polyval(r**2, 2 / (2 * np.arange(14) + 3))
    with np.errstate(divide="ignore"):
        return np.where(np.abs(s) < 0.3, r**3 * powers - s * r, np.log1p(s) - s)
