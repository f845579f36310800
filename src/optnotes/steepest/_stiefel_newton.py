"""Primal–dual smoothed Newton method for min ‖B + Y₁₁‖_* over symmetric Y in the leading corner.

The method of Chan, Golub and Mulet (1999) for total variation, carried over to the nuclear norm. With M = B + Y₁₁ and
Q = (MᵀM + ε²I)^{1/2}, the equations M = FQ, sym(F₁₁) = 0 are linearised in Y *and* F, which stays well behaved where
singular values of M come near 0 and the dual alone has kinks.
"""

from dataclasses import dataclass

import numpy as np

from optnotes._ground.arguments import FloatArray

from ._stiefel_problem import EPS, Ledger

SMOOTHING = 2.0
"""ε = SMOOTHING · gap / m: of 0.05 … 4, the value with the fewest SVDs over 400 random shapes with m ≤ 40."""

INNER_TOLERANCE = 0.3
"""Largest relative error of the Newton equation, tightened like √gap; 0.1 saved no SVD on the same shapes."""

INNER_LIMIT = 400
"""Largest number of conjugate-gradient steps for one Newton equation."""


def newton(ledger: Ledger) -> None:
    """Run the method until the ledger closes."""
    problem = ledger.problem
    start = np.zeros_like(problem.shift)
    point = _Point(start, *ledger.decompose(start))
    ledger.enter_isometry(point.left, point.values, point.basis)  # optimal for n = m, and whenever the parts commute
    smoothing, factor = np.inf, None
    while ledger.open:
        ledger.iterations += 1
        smoothing = min(smoothing, SMOOTHING * ledger.gap / problem.base.shape[1])
        smoothed = np.hypot(point.values, smoothing)
        factor = point.left * (point.values / smoothed) @ point.basis.T if factor is None else factor
        system = _system(problem.block, point, smoothed, factor)
        step, factor = _newton_step(ledger, system, point.basis)
        if ledger.open:
            slope = -float(np.sum(system.right_side * step))
            point = _search(ledger, point, system.corner @ step @ system.corner.T, slope, smoothing)


@dataclass(frozen=True)
class _Point:
    """A symmetric Y and the decomposition B + Y₁₁ = left · diag(values) · basisᵀ."""

    multiplier: FloatArray
    left: FloatArray
    values: FloatArray
    basis: FloatArray


@dataclass(frozen=True)
class _System:
    """The Newton equation in the basis V of right singular vectors, where Q = diag(q), and a basis C of the corner."""

    q: FloatArray
    corner: FloatArray
    lift: FloatArray | None  # Cᵀ times the leading rows of V; None is the identity
    matrix: FloatArray  # M V, its leading rows in the basis of the corner
    factor: FloatArray  # F V, likewise
    right_side: FloatArray
    majoriser: FloatArray  # what iterative reweighting puts in place of the operator, diagonal in these bases

    def lifted(self, step: FloatArray) -> FloatArray:
        return step if self.lift is None else step @ self.lift

    def projected(self, rows: FloatArray) -> FloatArray:
        return rows if self.lift is None else rows @ self.lift.T

    def change_of_q(self, step: FloatArray) -> FloatArray:
        """Return dQ from Q dQ + dQ Q = d(MᵀM)."""
        product = self.matrix[: len(step)].T @ self.lifted(step)
        return (product + product.T) / (self.q + self.q[:, None])

    def apply(self, step: FloatArray) -> FloatArray:
        """Return the mean of the operator D ↦ sym(((D₁₁ − F dQ(D))Q⁻¹)₁₁) and its adjoint."""
        k = len(step)
        forward = self.factor[:k] @ self.change_of_q(step) / self.q
        weighted = self.factor[:k].T @ (self.lifted(step) / self.q)
        backward = self.matrix[:k] @ ((weighted + weighted.T) / (self.q + self.q[:, None]))
        total = self.projected(forward + backward)
        return self.majoriser * step - (total + total.T) / 4


def _system(block: int, point: _Point, q: FloatArray, factor: FloatArray) -> _System:
    basis, matrix, rotated = point.basis, point.left * point.values, factor @ point.basis
    corner, weights, lift = basis, 1 / q, None
    if block < len(basis):
        weights, corner = np.linalg.eigh((basis[:block] / q) @ basis[:block].T)
        lift = corner.T @ basis[:block]
    matrix[:block], rotated[:block] = corner.T @ matrix[:block], corner.T @ rotated[:block]
    weighted = matrix[:block] / q if lift is None else matrix[:block] / q @ lift.T
    majoriser = (weights + weights[:, None]) / 2
    return _System(q, corner, lift, matrix, rotated, -(weighted + weighted.T) / 2, majoriser)


def _newton_step(ledger: Ledger, system: _System, basis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the step of Y in the basis of the corner, and the new F with its singular values clipped at 1."""
    k = ledger.problem.block
    # what is left of sym(F₁₁) costs about its norm of the relative gap when F is made feasible
    relative = ledger.gap / ledger.problem.norm
    step = _conjugate_gradients(system, min(INNER_TOLERANCE, relative**0.5), INNER_TOLERANCE * relative)
    moved = system.matrix - system.factor @ system.change_of_q(step)
    moved[:k] += system.lifted(step)
    moved /= system.q
    squares, vectors = np.linalg.eigh(moved.T @ moved)
    moved = moved @ ((vectors / np.sqrt(np.maximum(squares, 1.0))) @ vectors.T)
    moved[:k] = system.corner @ moved[:k]
    factor = moved @ basis.T
    ledger.enter_primal(factor)
    return step, factor


def _conjugate_gradients(system: _System, relative: float, absolute: float) -> FloatArray:
    """Solve the Newton equation to `relative` in the norm of the majoriser and to `absolute` in ‖sym(F₁₁)‖."""
    step, rest = np.zeros_like(system.right_side), system.right_side
    search = scaled = rest / system.majoriser
    size = first = float(np.sum(rest * scaled))
    for _ in range(INNER_LIMIT):
        if size <= relative**2 * first and np.linalg.norm(rest) <= absolute:
            break
        image = system.apply(search)
        curvature = float(np.sum(search * image))
        if curvature <= 0:
            break
        step = step + size / curvature * search
        rest = rest - size / curvature * image
        scaled = rest / system.majoriser
        size, previous = float(np.sum(rest * scaled)), size
        search = scaled + size / previous * search
    return step if step.any() else system.right_side / system.majoriser


def _search(ledger: Ledger, point: _Point, direction: FloatArray, slope: float, smoothing: float) -> _Point:
    """Return the first of the points Y + t·direction, t = 1, …, that lowers the smoothed dual enough."""
    start, length = float(np.hypot(point.values, smoothing).sum()), 1.0
    rounding = 4 * EPS * len(point.values) * start
    while length > 1e-6:
        multiplier = point.multiplier + length * direction
        trial = _Point(multiplier, *ledger.decompose(multiplier))
        rise = float(np.hypot(trial.values, smoothing).sum()) - start
        if rise <= 1e-4 * length * slope + rounding:
            return trial
        length *= min(max(-slope * length / (2 * (rise - slope * length)), 0.1), 0.6)  # least point of the parabola
    return point
