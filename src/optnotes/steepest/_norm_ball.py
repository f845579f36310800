"""Steepest direction under ‖Φ‖₂ ≤ 1 and one linear constraint ⟨Θ, Φ⟩ = 0: least ‖G + λΘ‖_* over a number λ.

From one decomposition of G + λΘ come a bound, its slope, a feasible Φ, and a model of the dual that knows both its
curvature and its kinks, the zeros of single singular values. The least point of the model is the next λ.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import eigvals

from optnotes._ground.arguments import FloatArray

from ._norm_ball_model import EPS, Pairs, balanced, model_step, moved_factor, pairs_at
from ._secular import rank_one, secular_root


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

    def decompose(self, multiplier: float) -> Pairs:
        """Decompose G + λΘ and enter the bound and the feasible direction that it gives."""
        self.iterations += 1
        self.svds += 1
        pairs = pairs_at(self.gradient, self.normal, multiplier)
        if pairs.values.sum() < self.dual:
            self.dual, self.multiplier = float(pairs.values.sum()), multiplier
        factor = pairs.left @ pairs.right.T
        self._narrow(_End(multiplier, float(pairs.values.sum()), float(np.sum(self.normal * factor)), factor))
        self._enter_shifted(factor)
        self._enter_shifted(moved_factor(pairs))
        self._enter(pairs.left * balanced(pairs.values, pairs.slopes) @ pairs.right.T)
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
    factors = rank_one(search.normal)
    multiplier = -float(np.sum(search.gradient * search.normal))  # least ‖G + λΘ‖_F
    if factors is not None:
        search.svds += 1
        multiplier = secular_root(search.gradient, *factors, search.low, search.high)
    kinks = None
    while True:
        before = search.gap
        pairs = search.decompose(multiplier)
        if search.converged or search.iterations >= search.limit:
            return
        step = model_step(pairs, search.low - multiplier, search.high - multiplier)
        proposal = multiplier + step
        far = search.high if step > 0 else search.low
        if (search.iterations > 3 and search.gap > before / 2) or abs(far - proposal) <= 0.1 * abs(far - multiplier):
            proposal = search.meeting()
        elif np.abs(pairs.values + step * pairs.slopes).min() <= 1e-6 * pairs.values[0]:  # the model sees a kink
            kinks = _kinks(search) if kinks is None else kinks
            near = kinks[np.abs(kinks - proposal) <= abs(step) / 2]
            proposal = float(near[np.abs(near - proposal).argmin()]) if near.size else proposal
        inside = search.low < proposal < search.high
        multiplier = proposal if inside else (search.low + search.high) / 2


def _kinks(search: Search) -> FloatArray:
    """Return the λ at which a square G + λΘ is singular: where the dual has its kinks."""
    if search.gradient.shape[0] != search.gradient.shape[1]:
        return np.zeros(0)
    over, under = eigvals(search.gradient, search.normal, homogeneous_eigvals=True)
    real = (np.abs(over.imag) <= 1e-8 * np.abs(over)) & (np.abs(under) > EPS * np.abs(over))
    kinks: FloatArray = -(over[real] / under[real]).real
    return kinks


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
