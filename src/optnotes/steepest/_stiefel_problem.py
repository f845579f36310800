"""Steepest descent with one symmetric block of constraints, reduced, and the ledger of its certificates.

max ⟨B, F⟩ over ‖F‖₂ ≤ 1 with F₁₁ skew, where F₁₁ is the leading k × k corner. Dual: min ‖B + Y₁₁‖_* over symmetric Y
added to the corner. The Stiefel manifold is k = m: with A = WᵀG, S = skew(A) and an orthonormal Q of the directions of
G outside W, Φ = WK + QL turns its problem into B = [S; R], F = [K; L], R = QᵀG, and X = Y − sym(A). The spectral sphere
at a largest singular value of multiplicity k has the singular vectors in place of W.
"""

from dataclasses import dataclass, field

import numpy as np

from optnotes._ground.arguments import FloatArray

EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Problem:
    """A reduced problem, scaled so that the largest entry of G is 1; Φ = rows · F · columnsᵀ."""

    base: FloatArray
    block: int
    rows: FloatArray
    columns: FloatArray | None
    shift: FloatArray
    scale: float
    norm: float
    """The nuclear norm of the scaled gradient, to a relative √ε: it only sets the tolerance."""

    @property
    def is_noise(self) -> bool:
        """Whether G ascends along no tangent direction, up to rounding."""
        return bool(np.linalg.norm(self.base) <= 10 * EPS * np.sqrt(self.base.shape[1]) * self.norm)

    def matrix(self, multiplier: FloatArray) -> FloatArray:
        """Return B + Y₁₁, whose nuclear norm is the dual."""
        matrix = self.base.copy()
        matrix[: self.block, : self.block] += multiplier
        return matrix

    def tangent(self, factor: FloatArray) -> FloatArray:
        """Return the projection of F onto the constraint: its corner made skew."""
        tangent, k = factor.copy(), self.block
        tangent[:k, :k] = (factor[:k, :k] - factor[:k, :k].T) / 2
        return tangent

    def direction(self, factor: FloatArray) -> FloatArray:
        """Return Φ."""
        direction: FloatArray = self.rows @ factor
        return direction if self.columns is None else direction @ self.columns.T

    def constraint(self, factor: FloatArray) -> float:
        """Return the largest entry of the constraint at Φ, as it comes out of the assembled product."""
        right = (
            self.direction(factor) if self.columns is None else self.direction(factor) @ self.columns[:, : self.block]
        )
        corner = self.rows[:, : self.block].T @ right
        return float(np.abs(corner + corner.T).max())


def reduced(gradient: FloatArray, frame: FloatArray, columns: FloatArray | None = None) -> Problem:
    """Reduce max ⟨G, Φ⟩, frameᵀ Φ columns₁ skew, for orthonormal `frame` (n, k) and `columns` (m, m), None for I."""
    k = frame.shape[1]
    scale = float(np.abs(gradient).max()) or 1.0
    scaled = gradient / scale if columns is None else gradient / scale @ columns
    # Householder QR keeps the columns after the frame orthogonal to it even where G has none to offer there
    outside = np.linalg.qr(np.hstack([frame, scaled]))[0][:, k:]
    rows = np.hstack([frame, outside])
    base = rows.T @ scaled
    norm = float(np.sqrt(np.maximum(np.linalg.eigvalsh(base.T @ base), 0.0)).sum())
    shift = (base[:k, :k] + base[:k, :k].T) / 2
    base[:k, :k] = (base[:k, :k] - base[:k, :k].T) / 2
    return Problem(base, k, rows, columns, shift, scale, norm)


@dataclass
class Ledger:
    """The best primal and dual points so far, and what they cost; every solver writes into one.

    Any symmetric Y bounds the optimum from above; any F becomes feasible by projecting and scaling and bounds it from
    below. The gap is therefore a certificate whatever the solver did, unique polar factor or not.
    """

    problem: Problem
    tol: float
    limit: int
    svds: int = 0
    iterations: int = 0
    dual: float = np.inf
    primal: float = 0.0
    multiplier: FloatArray = field(init=False)
    factor: FloatArray = field(init=False)
    gaps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.multiplier = np.zeros_like(self.problem.shift)
        self.factor = np.zeros_like(self.problem.base)

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
        """Return U, s, V of B + Y₁₁ and enter the dual value."""
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
        self.gaps.append(np.inf)
        size = np.sqrt(self.problem.base.shape[1]) * np.linalg.norm(self.problem.base)
        self.enter_dual(self.multiplier, float(size))

    def enter_dual(self, multiplier: FloatArray, bound: float) -> None:
        """Enter a symmetric Y with an upper bound of its dual value."""
        if bound < self.dual:
            self.dual, self.multiplier = bound, multiplier
        self.gaps[-1] = self.gap

    def enter_primal(self, factor: FloatArray) -> None:
        """Enter any F: made feasible, it counts if it is better than the best."""
        factor = self.problem.tangent(factor)
        size = max(1.0, float(np.sqrt(np.linalg.eigvalsh(factor.T @ factor)[-1])))
        value = float(np.sum(self.problem.base * factor)) / size
        if value > self.primal:
            self.primal, self.factor = value, factor / size
        self.gaps[-1] = self.gap

    def enter_isometry(self, left: FloatArray, values: FloatArray, right: FloatArray) -> FloatArray:
        """Enter the partial isometry of a decomposition as a primal point and return it."""
        kept = values > max(left.shape) * EPS * values[0]
        factor: FloatArray = left[:, kept] @ right[:, kept].T
        self.enter_primal(factor)
        return factor
