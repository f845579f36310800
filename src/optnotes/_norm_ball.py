"""Steepest direction under ‖Φ‖₂ ≤ 1 and one linear constraint ⟨Θ, Φ⟩ = 0: least ‖G + λΘ‖_* over a number λ.

From one decomposition of G + λΘ come a bound, its slope, a feasible Φ, and a model of the dual that knows both its
curvature and its kinks, the zeros of single singular values. The least point of the model is the next λ.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq

from ._arguments import FloatArray

EPS = float(np.finfo(float).eps)


@dataclass
class Search:
    """The bracket of λ and the best certified answer, for G and Θ scaled to size 1."""

    gradient: FloatArray
    normal: FloatArray
    tol: float
    limit: int
    low: float = field(init=False)
    high: float = field(init=False)
    multiplier: float = 0.0
    dual: float = np.inf
    primal: float = 0.0
    direction: FloatArray = field(init=False)
    below: "_End | None" = None
    above: "_End | None" = None
    svds: int = 0
    iterations: int = 0
    gaps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        # beyond it ‖G + λΘ‖_* ≥ |λ|‖Θ‖_* − ‖G‖_* exceeds ‖G‖_*, the value at 0
        self.high = 2 * np.sqrt(min(self.gradient.shape)) * float(np.linalg.norm(self.gradient))
        self.low = -self.high
        self.direction = np.zeros_like(self.gradient)

    @property
    def gap(self) -> float:
        """The certified distance from the optimum."""
        return max(self.dual - self.primal, 0.0)

    @property
    def converged(self) -> bool:
        """Whether the gap is within tolerance of a lower bound of ‖G‖_*."""
        return self.gap <= self.tol * max(float(np.linalg.norm(self.gradient)), self.primal)

    def decompose(self, multiplier: float) -> "_Pairs":
        """Decompose G + λΘ and enter the bound and the feasible direction that it gives."""
        self.iterations += 1
        self.svds += 1
        pairs = _pairs(self.gradient, self.normal, multiplier)
        if pairs.values.sum() < self.dual:
            self.dual, self.multiplier = float(pairs.values.sum()), multiplier
        factor = pairs.left @ pairs.right.T
        self._narrow(_End(multiplier, float(pairs.values.sum()), float(np.sum(self.normal * factor)), factor))
        self._enter_shifted(factor)
        self._enter_shifted(_moved(pairs))
        self._enter(pairs.left * _balanced(pairs.values, pairs.slopes) @ pairs.right.T)
        self.gaps.append(self.gap)
        return pairs

    def _narrow(self, end: "_End") -> None:
        if end.slope > 0:
            self.high, self.above = min(self.high, end.multiplier), end
        else:
            self.low, self.below = max(self.low, end.multiplier), end
        if self.above and self.below:  # their mixture is feasible, and worth the height where the tangents meet
            share = self.above.slope / (self.above.slope - self.below.slope)
            self._enter(share * self.below.factor + (1 - share) * self.above.factor)

    def meeting(self) -> float:
        """Return where the tangents at the ends of the bracket meet, its middle where an end is unknown."""
        if not (self.above and self.below):
            return (self.low + self.high) / 2
        rise = self.above.slope * self.above.multiplier - self.below.slope * self.below.multiplier
        return (self.below.value - self.above.value + rise) / (self.above.slope - self.below.slope)

    def _enter_shifted(self, direction: FloatArray) -> None:
        miss = float(np.sum(self.normal * direction))
        self._enter((direction - miss * self.normal) / (1 + abs(miss)))

    def _enter(self, direction: FloatArray) -> None:
        value = float(np.sum(self.gradient * direction))
        if value > self.primal:
            size = max(1.0, float(np.sqrt(np.linalg.eigvalsh(direction.T @ direction)[-1])))
            value, direction = value / size, direction / size
        if value > self.primal:
            self.primal, self.direction = value, direction


def solve(search: Search) -> None:
    """Search λ until the gap closes; a rank-one Θ starts from the root of its secular equation."""
    factors = _rank_one(search.normal)
    multiplier = -float(np.sum(search.gradient * search.normal))  # least ‖G + λΘ‖_F
    if factors is not None:
        multiplier = _secular_root(search, *factors)
    while True:
        before = search.gap
        pairs = search.decompose(multiplier)
        if search.converged or search.iterations >= search.limit:
            return
        proposal = multiplier + _model_step(pairs, search.low - multiplier, search.high - multiplier)
        if search.iterations > 3 and search.gap > before / 2:
            proposal = search.meeting()
        inside = search.low < proposal < search.high
        multiplier = proposal if inside else (search.low + search.high) / 2


def fixed_point(search: Search) -> None:
    """Iterate λ ← −tr(ΘᵀGQ⁻¹)/tr(ΘᵀΘQ⁻¹), Q = (MᵀM)^{1/2}: Su 2025 [11241]; it stalls where Q loses rank."""
    multiplier = -float(np.sum(search.gradient * search.normal))
    while True:
        pairs = search.decompose(multiplier)
        if search.converged or search.iterations >= search.limit or pairs.values[-1] == 0:
            return
        weighted = search.normal @ (pairs.right / pairs.values) @ pairs.right.T
        multiplier = -float(np.sum(weighted * search.gradient) / np.sum(weighted * search.normal))


METHODS = {"newton": solve, "fixed-point": fixed_point}


@dataclass(frozen=True)
class _End:
    """An end of the bracket: λ, the dual there, its slope, and the polar factor."""

    multiplier: float
    value: float
    slope: float
    factor: FloatArray


@dataclass(frozen=True)
class _Pairs:
    """Singular values of G + λΘ with their slopes u_iᵀΘv_i, the couplings to outside, and the curvature."""

    left: FloatArray
    values: FloatArray
    right: FloatArray
    slopes: FloatArray
    outside: FloatArray  # (I − UUᵀ)ΘV
    turn: FloatArray  # UᵀΘV − VᵀΘᵀU over s_i + s_j: how msign turns with λ
    curvature: float

    @property
    def slope(self) -> float:
        return float(self.slopes.sum())


def _pairs(gradient: FloatArray, normal: FloatArray, multiplier: float) -> _Pairs:
    left, values, right_t = np.linalg.svd(gradient + multiplier * normal, full_matrices=False)
    right = right_t.T
    size = float(np.linalg.norm(gradient)) + abs(multiplier)
    kept = int(np.sum(values > max(left.shape) * EPS * size))
    if kept < len(values):
        left, right = _null_pairs(left, right, normal, kept)
    image = normal @ right
    coupling = left.T @ image
    rest = image - left @ coupling
    sums = values + values[:, None]
    twist = coupling - coupling.T
    turn = np.divide(twist, sums, out=np.zeros_like(sums), where=sums > EPS * size)
    return _Pairs(left, values, right, np.diag(coupling).copy(), rest, turn, float(np.sum(twist * turn)) / 2)


def _moved(pairs: _Pairs) -> FloatArray:
    """Return the polar factor continued to the λ where its slope vanishes: an error of second order in the step."""
    inverse = np.divide(1.0, pairs.values, out=np.zeros_like(pairs.values), where=pairs.values > 0)
    curvature = pairs.curvature + float(np.sum(pairs.outside**2 * inverse))
    step = -pairs.slope / curvature if curvature > 0 else 0.0
    inner = np.eye(len(inverse)) + step * pairs.turn
    outer = step * pairs.outside * inverse
    squares, vectors = np.linalg.eigh(inner.T @ inner + outer.T @ outer)
    shrink = (vectors / np.sqrt(np.maximum(squares, 1.0))) @ vectors.T
    moved: FloatArray = (pairs.left @ inner + outer) @ shrink @ pairs.right.T
    return moved


def _null_pairs(left: FloatArray, right: FloatArray, normal: FloatArray, kept: int) -> tuple[FloatArray, FloatArray]:
    """Replace the arbitrary pairs on the null space by those along which Θ acts: any Φ may be added there."""
    solid = left[:, :kept]
    image = normal @ right[:, kept:]
    image -= solid @ (solid.T @ image)
    turned, sizes, basis = np.linalg.svd(image, full_matrices=False)
    turned = turned * (sizes > 1e-8 * max(1.0, sizes[0]))  # no direction where Θ does not act
    turned -= solid @ (solid.T @ turned)
    return np.hstack([solid, turned]), np.hstack([right[:, :kept], right[:, kept:] @ basis.T])


def _balanced(values: FloatArray, slopes: FloatArray) -> FloatArray:
    """Return d in [−1, 1] with Σ d_i slope_i = 0 and least loss Σ (1 − d_i) value_i: a fractional knapsack."""
    weights = np.ones_like(values)
    excess = float(slopes.sum())
    gains = slopes * np.sign(excess)
    useful = np.flatnonzero(gains > 0)
    for i in useful[np.argsort(values[useful] / gains[useful], kind="stable")]:
        share = min(abs(excess) / gains[i], 2.0)
        weights[i] -= share
        excess -= np.sign(excess) * share * gains[i]
        if share < 2.0:
            break
    return weights


def _model_step(pairs: _Pairs, low: float, high: float) -> float:
    """Return the least point of Σ √((s_i + δ slope_i)² + δ² outside_i²) + δ²·curvature/2 on [low, high]."""
    outside = np.linalg.norm(pairs.outside, axis=0)

    def slope(step: float) -> float:
        along = pairs.values + step * pairs.slopes
        length = np.hypot(along, step * outside)
        each = np.divide(along * pairs.slopes + step * outside**2, length, out=np.zeros_like(along), where=length > 0)
        return float(each.sum()) + pairs.curvature * step

    if slope(low) >= 0 or slope(high) <= 0:
        return low if slope(low) >= 0 else high
    return float(brentq(slope, low, high, xtol=1e-300, rtol=4 * EPS, maxiter=200, disp=False))


def _rank_one(normal: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return unit u, v with Θ = uvᵀ, or None."""
    row, column = np.unravel_index(np.abs(normal).argmax(), normal.shape)
    left, right = normal[:, column], normal[row]
    left, right = left / np.linalg.norm(left), right / np.linalg.norm(right)
    left = left * np.sign(left[row] * right[column] * normal[row, column])
    miss = np.linalg.norm(normal - np.outer(left, right))
    return (left, right) if miss <= 1e-12 else None


def _secular_root(search: Search, left: FloatArray, right: FloatArray) -> float:
    """Return the λ at which ⟨uvᵀ, msign(G + λuvᵀ)⟩ changes sign, from one decomposition of G.

    With P = (GᵀG + t²)⁻¹, p = vᵀPv, q = vᵀPGᵀu, r = uᵀGPGᵀu the inverse of MᵀM + t² is a rank-two update, and
    msign(M) = (2/π)∫ M(MᵀM + t²)⁻¹ dt makes the slope one integral over t, analytic in log t.
    """
    u, values, vt = np.linalg.svd(search.gradient, full_matrices=False)
    search.svds += 1
    a, b = u.T @ left, vt @ right
    largest = float(values[0]) + search.high
    step = 0.2  # the trapezoidal rule in log t errs by e^{−π²/h}, e^{−49}
    t = np.exp(np.arange(np.log(largest * 1e-34), np.log(largest * 1e18), step))[:, None]
    inverse = 1 / (values**2 + t**2)
    p, q = inverse @ b**2, inverse @ (values * a * b)
    rest = max(1.0 - float(a @ a), 0.0) + (t**2 * inverse) @ a**2  # 1 − r, as a sum of positive terms
    weights = t[:, 0] * step * 2 / np.pi

    def slope(multiplier: float) -> float:
        below = (1 + multiplier * q) ** 2 + multiplier**2 * p * rest
        return float(weights @ ((q + multiplier * (p * rest + q**2)) / below))

    if slope(search.low) >= 0 or slope(search.high) <= 0:
        return -float(np.sum(search.gradient * search.normal))
    return float(brentq(slope, search.low, search.high, xtol=1e-300, rtol=4 * EPS, maxiter=200, disp=False))
