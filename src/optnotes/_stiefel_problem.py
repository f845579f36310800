"""The steepest-descent problem on the Stiefel manifold, reduced, and the ledger of its certificates.

With A = WᵀG, S = skew(A) and an orthonormal Q of the directions of G outside W, Φ = WK + QL turns
max ⟨G, Φ⟩, ‖Φ‖₂ ≤ 1, WᵀΦ skew, into max ⟨S, K⟩ + ⟨R, L⟩, ‖[K; L]‖₂ ≤ 1, K skew, with R = QᵀG of at most m rows.
The dual is min ‖[S + Y; R]‖_* over symmetric Y, and X = Y − sym(A) belongs to Y.
"""

from dataclasses import dataclass, field

import numpy as np

from ._arguments import FloatArray

EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Problem:
    """A reduced problem, scaled so that the largest entry of G is 1."""

    weight: FloatArray
    outside: FloatArray
    scale: float
    skew_part: FloatArray
    outer_part: FloatArray
    symmetric_part: FloatArray
    norm: float
    """The nuclear norm of the scaled gradient, to a relative √ε: it only sets the tolerance."""

    @property
    def size(self) -> int:
        """The number of columns m."""
        return len(self.skew_part)

    @property
    def is_noise(self) -> bool:
        """Whether all of G lies, up to rounding, in W times the symmetric matrices: no direction ascends."""
        tangent = np.hypot(np.linalg.norm(self.skew_part), np.linalg.norm(self.outer_part))
        return bool(tangent <= 10 * EPS * np.sqrt(self.size) * self.norm)

    def matrix(self, multiplier: FloatArray) -> FloatArray:
        """Return [S + Y; R], whose nuclear norm is the dual."""
        return np.vstack([self.skew_part + multiplier, self.outer_part])

    def value(self, inner: FloatArray, outer: FloatArray) -> float:
        """Return ⟨S, K⟩ + ⟨R, L⟩."""
        return float(np.sum(self.skew_part * inner) + np.sum(self.outer_part * outer))


def reduced(gradient: FloatArray, weight: FloatArray) -> Problem:
    """Reduce a problem of shape (n, m), n ≥ m, with orthonormal `weight`."""
    m = weight.shape[1]
    scale = float(np.abs(gradient).max()) or 1.0
    scaled = gradient / scale
    # Householder QR keeps the columns after W orthogonal to W even where G has none to offer there
    outside = np.linalg.qr(np.hstack([weight, scaled]))[0][:, m:]
    inner, outer = weight.T @ scaled, outside.T @ scaled
    squares = np.linalg.eigvalsh(inner.T @ inner + outer.T @ outer)
    norm = float(np.sqrt(np.maximum(squares, 0.0)).sum())
    return Problem(weight, outside, scale, (inner - inner.T) / 2, outer, (inner + inner.T) / 2, norm)


@dataclass
class Ledger:
    """The best primal and dual points so far, and what they cost; every solver writes into one.

    Any symmetric Y bounds the optimum from above; any K, L becomes feasible by skewing and scaling and bounds it
    from below. The gap is therefore a certificate whatever the solver did, unique polar factor or not.
    """

    problem: Problem
    tol: float
    limit: int
    svds: int = 0
    iterations: int = 0
    dual: float = np.inf
    primal: float = 0.0
    multiplier: FloatArray = field(init=False)
    inner: FloatArray = field(init=False)
    outer: FloatArray = field(init=False)
    gaps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.multiplier = np.zeros_like(self.problem.skew_part)
        self.inner, self.outer = np.zeros_like(self.problem.skew_part), np.zeros_like(self.problem.outer_part)

    @property
    def gap(self) -> float:
        """The certified distance of the best value from the optimum, in units of the scaled gradient."""
        return max(self.dual - self.primal, 0.0)

    @property
    def converged(self) -> bool:
        """Whether the gap is within tolerance."""
        return self.gap <= self.tol * self.problem.norm

    @property
    def open(self) -> bool:
        """Whether the solver should go on."""
        return not self.converged and self.iterations < self.limit

    def decompose(self, multiplier: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return U, s, V of [S + Y; R] and enter the dual value."""
        left, values, right = self.svd(self.problem.matrix(multiplier))
        self.enter_dual(multiplier, float(values.sum()))
        return left, values, right

    def svd(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return U, s, V of a matrix of the reduced size, and count it."""
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        self.svds += 1
        self.gaps.append(self.gap)
        return left, values, right.T

    def enter_zero(self) -> None:
        """Close a problem without ascent: Φ = 0, and the dual is what rounding left of G."""
        remains = self.problem.matrix(self.multiplier)
        self.gaps.append(np.inf)
        self.enter_dual(self.multiplier, float(np.sqrt(self.problem.size) * np.linalg.norm(remains)))

    def enter_dual(self, multiplier: FloatArray, bound: float) -> None:
        """Enter a symmetric Y with an upper bound of its dual value."""
        if bound < self.dual:
            self.dual, self.multiplier = bound, multiplier
        self.gaps[-1] = self.gap

    def enter_primal(self, inner: FloatArray, outer: FloatArray) -> None:
        """Enter any K, L: made feasible, they count if they are better than the best."""
        inner = (inner - inner.T) / 2
        size = max(1.0, float(np.sqrt(np.linalg.eigvalsh(inner.T @ inner + outer.T @ outer)[-1])))
        value = self.problem.value(inner, outer) / size
        if value > self.primal:
            self.primal, self.inner, self.outer = value, inner / size, outer / size
        self.gaps[-1] = self.gap

    def enter_factor(self, left: FloatArray, values: FloatArray, right: FloatArray) -> FloatArray:
        """Enter the partial isometry of a decomposition as a primal point and return it."""
        kept = values > max(left.shape) * EPS * values[0]
        factor: FloatArray = left[:, kept] @ right[:, kept].T
        self.enter_primal(factor[: self.problem.size], factor[self.problem.size :])
        return factor
