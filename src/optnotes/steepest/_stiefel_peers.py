"""The other published ways to the steepest direction on the Stiefel manifold, on the same reduced problem.

Each takes a ledger, writes its dual and primal points there, and stops when the ledger closes, so that the counts of
SVDs to a certified gap compare. Making a point feasible is a gift of the ledger to methods that never are.
"""

import itertools
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from optnotes._ground.arguments import FloatArray

from ._stiefel_problem import EPS, Ledger


def fixed_point(ledger: Ledger) -> None:
    """Iterate QY + YQ = SQ − QS with Q = (MᵀM)^{1/2}: the reduced form of Su 2025 [11221].

    It minimises ⟨MᵀM, Q⁻¹⟩ over Y, so it is iteratively reweighted least squares on ‖M‖_* and never ascends.
    """
    multiplier = np.zeros_like(ledger.problem.shift)
    while ledger.open:
        ledger.iterations += 1
        multiplier = _reweighted(ledger, multiplier)


def anderson(ledger: Ledger, memory: int = 8) -> None:
    """Accelerate `fixed_point` by Anderson's mixing of the last `memory` differences."""
    multiplier = np.zeros_like(ledger.problem.shift)
    points: list[FloatArray] = []
    moves: list[FloatArray] = []
    while ledger.open:
        ledger.iterations += 1
        image = _reweighted(ledger, multiplier)
        points, moves = [*points, image][-memory - 1 :], [*moves, image - multiplier][-memory - 1 :]
        multiplier = _mixed(points, moves)


def dual_gradient(ledger: Ledger, step: float) -> None:
    """Descend Λ ← Λ − step·(1 − k/limit)(WᵀΦ + ΦᵀW), X = 2Λ: Bernstein 2025, Modular Manifolds.

    The published step has the unit of the gradient's entries, so the method sees the scale of the gradient.
    """
    multiplier = np.zeros_like(ledger.problem.shift)
    while ledger.open:
        factor = ledger.enter_isometry(*ledger.decompose(multiplier))
        inner = factor[: ledger.problem.block]
        length = 2 * step / ledger.problem.scale * (1 - ledger.iterations / ledger.limit)
        multiplier = multiplier - length * (inner + inner.T)
        ledger.iterations += 1


def admm(ledger: Ledger) -> None:
    """Split min ‖Z‖_*, Z = [S + Y; R], by alternating directions with singular value soft thresholding.

    The penalty 4√m/‖[S; R]‖_F was the best of a few on random shapes; it sets speed, not the answer.
    """
    m = ledger.problem.block
    multiplier = np.zeros_like(ledger.problem.shift)
    penalty = 4 * np.sqrt(m) / (np.linalg.norm(ledger.problem.base) or 1.0)
    scaled = np.zeros_like(ledger.problem.base)
    while ledger.open:
        ledger.iterations += 1
        left, values, right = ledger.svd(ledger.problem.matrix(multiplier) + scaled)
        split = left * np.maximum(values - 1 / penalty, 0.0) @ right.T
        scaled = left * np.minimum(values, 1 / penalty) @ right.T
        ledger.enter_primal(penalty * scaled)
        target = split[:m] - scaled[:m]
        multiplier = (target + target.T) / 2
        miss = float(np.linalg.norm(ledger.problem.matrix(multiplier) - split))
        ledger.enter_dual(multiplier, float(np.maximum(values - 1 / penalty, 0.0).sum()) + np.sqrt(m) * miss)


def lbfgs(ledger: Ledger) -> None:
    """Minimise the dual, smooth or not, by limited-memory BFGS."""
    m = ledger.problem.block

    def dual(flat: FloatArray) -> tuple[float, FloatArray]:
        ledger.iterations += 1
        left, values, right = ledger.decompose(_symmetric(flat.reshape(m, m)))
        factor = ledger.enter_isometry(left, values, right)
        if not ledger.open:
            raise StopIteration
        return float(values.sum()), _symmetric(factor[:m]).ravel()

    options = {"maxiter": ledger.limit, "maxfun": ledger.limit, "ftol": 0.0, "gtol": 0.0, "maxcor": 20}
    try:
        minimize(dual, np.zeros(m * m), jac=True, method="L-BFGS-B", options=options)
    except StopIteration:
        return


def alternating_projection(ledger: Ledger) -> None:
    """Alternate the projection onto the tangent space and msign, from the gradient on: a heuristic of P6.

    Its limit is feasible but not the steepest; only the last iterate, made feasible, is entered.
    """
    current = ledger.problem.base
    ledger.decompose(np.zeros_like(ledger.problem.shift))
    for _ in range(ledger.limit):
        ledger.iterations += 1
        left, values, right = ledger.svd(current)
        kept = values > max(current.shape) * EPS * values[0]  # rounding of low rank is no direction
        projected = ledger.problem.tangent(left[:, kept] @ right[:, kept].T)
        change, current = np.linalg.norm(projected - current), projected
        if change <= ledger.tol * np.linalg.norm(current):
            break
    ledger.enter_primal(current)


def greedy_split(ledger: Ledger) -> None:
    """Search the best t for K = tS/‖S‖₂ with the best L beside it, L = msign(Rr)rᵀ, rrᵀ = I − KᵀK: a heuristic of P6.

    The ascent t‖S‖_F²/‖S‖₂ + ‖Rr‖_* is concave in t, as a linear function maximised over part of a convex set, so a
    search of one variable finds its maximum. Every trial costs one SVD and is feasible.
    """
    m = ledger.problem.block
    ledger.decompose(np.zeros_like(ledger.problem.shift))
    skewed, outside = ledger.problem.base[:m], ledger.problem.base[m:]
    squares, basis = np.linalg.eigh(skewed.T @ skewed)
    largest = max(float(squares[-1]), 0.0) or 1.0
    inside, rotated = skewed / np.sqrt(largest), outside @ basis

    def descent(t: float) -> float:
        ledger.iterations += 1
        root = np.sqrt(np.maximum(1 - t * t * squares / largest, 0.0))
        left, values, right = ledger.svd(rotated * root) if outside.size else (outside, np.zeros(0), outside.T)
        kept = values > 1e-15 * ledger.problem.norm
        other = left[:, kept] @ right[:, kept].T * root @ basis.T
        ledger.enter_primal(np.vstack([t * inside, other]))
        if not ledger.open:
            raise StopIteration
        return -t * float(np.sum(skewed * inside)) - float(values.sum())

    try:
        descent(1.0)  # the whole of S: the maximum where nothing is outside
        minimize_scalar(descent, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-8})
    except StopIteration:
        return


def _symmetric(matrix: FloatArray) -> FloatArray:
    return (matrix + matrix.T) / 2


def _reweighted(ledger: Ledger, multiplier: FloatArray) -> FloatArray:
    """Return the solution of QY + YQ = SQ − QS in the basis of Q; entries on its null space are left as they are."""
    left, values, basis = ledger.decompose(multiplier)
    ledger.enter_isometry(left, values, basis)
    sums = values + values[:, None]
    skewed = basis.T @ ledger.problem.base[: len(basis)] @ basis
    weights = np.divide(values - values[:, None], sums, out=np.zeros_like(sums), where=sums > 0)
    image: FloatArray = basis @ (skewed * weights) @ basis.T
    return _symmetric(image)


def _mixed(points: list[FloatArray], moves: list[FloatArray]) -> FloatArray:
    if len(moves) < 2:
        return points[-1]
    differences = np.column_stack([(after - before).ravel() for before, after in itertools.pairwise(moves)])
    weights = np.linalg.lstsq(differences, moves[-1].ravel(), rcond=1e-6)[0]
    steps = [after - before for before, after in itertools.pairwise(points)]
    return points[-1] - np.tensordot(weights, np.array(steps), axes=1)


METHODS: dict[str, Callable[..., None]] = {
    "fixed-point": fixed_point,
    "anderson": anderson,
    "dual-gradient": dual_gradient,
    "admm": admm,
    "lbfgs": lbfgs,
    "alternating-projection": alternating_projection,
    "greedy-split": greedy_split,
}
