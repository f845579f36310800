"""Primal–dual smoothed Newton method for min ‖[S + Y; R]‖_* over symmetric Y.

The method of Chan, Golub and Mulet (1999) for total variation, carried over to the nuclear norm. With
M = [S + Y; R] and Q = (MᵀM + ε²I)^{1/2}, the equations M = ΦQ, sym(K) = 0 for Φ = [K; L] are linearised in Y
*and* Φ, which stays well behaved where singular values of M come near 0 and the dual alone has kinks.
"""

from dataclasses import dataclass

import numpy as np

from ._arguments import FloatArray
from ._stiefel_problem import EPS, Ledger, Problem

SMOOTHING = 2.0
"""ε = SMOOTHING · gap / m: of 0.05 … 4, the value with the fewest SVDs over 400 random shapes with m ≤ 40."""

INNER_TOLERANCE = 0.3
"""Largest relative error of the Newton equation, tightened like √gap; 0.1 saved no SVD on the same shapes."""

INNER_LIMIT = 400
"""Largest number of conjugate-gradient steps for one Newton equation."""


def newton(ledger: Ledger) -> None:
    """Run the method until the ledger closes."""
    m = ledger.problem.size
    point = _Point(np.zeros((m, m)), *ledger.decompose(np.zeros((m, m))))
    ledger.enter_factor(point.left, point.values, point.basis)  # optimal when S and RᵀR commute, as for n = m
    smoothing, factor = np.inf, None
    while ledger.open:
        ledger.iterations += 1
        smoothing = min(smoothing, SMOOTHING * ledger.gap / m)
        smoothed = np.hypot(point.values, smoothing)
        factor = point.left * (point.values / smoothed) @ point.basis.T if factor is None else factor
        system = _system(ledger.problem, point, smoothed, factor)
        step, factor = _newton_step(ledger, system, point.basis)
        if ledger.open:
            slope = -float(np.sum(system.right_side * step))
            point = _search(ledger, point, point.basis @ step @ point.basis.T, slope, smoothing)


@dataclass(frozen=True)
class _Point:
    """A symmetric Y and the decomposition of [S + Y; R] = left · diag(values) · basisᵀ."""

    multiplier: FloatArray
    left: FloatArray
    values: FloatArray
    basis: FloatArray


@dataclass(frozen=True)
class _System:
    """The Newton equation in the basis V of right singular vectors, where Q = diag(q)."""

    q: FloatArray
    matrix: FloatArray  # Vᵀ(S + Y)V over RV
    factor: FloatArray  # VᵀKV over LV
    right_side: FloatArray
    majoriser: FloatArray  # what iterative reweighting puts in place of the operator, diagonal here

    def change_of_q(self, step: FloatArray) -> FloatArray:
        """Return dQ from Q dQ + dQ Q = d(MᵀM)."""
        product = self.matrix[: len(step)].T @ step
        return (product + product.T) / (self.q + self.q[:, None])

    def apply(self, step: FloatArray) -> FloatArray:
        """Return the mean of the operator D ↦ sym((D − K dQ(D))Q⁻¹) and its adjoint."""
        m = len(step)
        forward = self.factor[:m] @ self.change_of_q(step) / self.q
        weighted = self.factor[:m].T @ (step / self.q)
        backward = self.matrix[:m] @ ((weighted + weighted.T) / (self.q + self.q[:, None]))
        total = forward + backward
        return self.majoriser * step - (total + total.T) / 4


def _system(problem: Problem, point: _Point, q: FloatArray, factor: FloatArray) -> _System:
    m, basis = problem.size, point.basis
    matrix = np.vstack([basis.T @ (point.left[:m] * point.values), problem.outer_part @ basis])
    rotated = np.vstack([basis.T @ factor[:m] @ basis, factor[m:] @ basis])
    weighted = matrix[:m] / q
    return _System(q, matrix, rotated, -(weighted + weighted.T) / 2, (1 / q + 1 / q[:, None]) / 2)


def _newton_step(ledger: Ledger, system: _System, basis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the step of Y in the basis V, and the new Φ with its singular values clipped at 1."""
    m = len(basis)
    # what is left of sym(K) costs about ‖sym(K)‖ of the relative gap when Φ is made feasible
    relative = ledger.gap / ledger.problem.norm
    step = _conjugate_gradients(system, min(INNER_TOLERANCE, relative**0.5), INNER_TOLERANCE * relative)
    moved = system.matrix - system.factor @ system.change_of_q(step)
    moved[:m] += step
    moved /= system.q
    squares, vectors = np.linalg.eigh(moved.T @ moved)
    moved = moved @ ((vectors / np.sqrt(np.maximum(squares, 1.0))) @ vectors.T)
    factor = np.vstack([basis @ moved[:m], moved[m:]]) @ basis.T
    ledger.enter_primal(factor[:m], factor[m:])
    return step, factor


def _conjugate_gradients(system: _System, relative: float, absolute: float) -> FloatArray:
    """Solve the Newton equation to `relative` in the norm of the majoriser and to `absolute` in ‖sym(K)‖."""
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
    rounding = 4 * EPS * len(direction) * start
    while length > 1e-6:
        multiplier = point.multiplier + length * direction
        trial = _Point(multiplier, *ledger.decompose(multiplier))
        rise = float(np.hypot(trial.values, smoothing).sum()) - start
        if rise <= 1e-4 * length * slope + rounding:
            return trial
        length *= min(max(-slope * length / (2 * (rise - slope * length)), 0.1), 0.6)  # least point of the parabola
    return point
