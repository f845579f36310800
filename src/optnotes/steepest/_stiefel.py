"""Steepest directions on the Stiefel manifold: the public door before the solvers and their certificates."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, choice, integer, real_matrix, real_number, require
from optnotes.matrix_sign import msign

from ._direction import Direction
from ._stiefel_closed import two_columns
from ._stiefel_newton import newton
from ._stiefel_peers import METHODS
from ._stiefel_problem import Ledger, reduced

OFF_MANIFOLD = 1e-5
"""Largest accepted ‖WᵀW − I‖₂; weights stored in float32 stay within 1e-6."""

_LIMITS = {"newton": 100, "dual-gradient": 100}  # 300 for the others


def stiefel(
    gradient: ArrayLike,
    weight: ArrayLike,
    *,
    method: str = "newton",
    tol: float = 1e-8,
    max_iterations: int | None = None,
    step: float = 0.01,
) -> Direction:
    """Return the steepest direction of unit spectral norm in the tangent space of the Stiefel manifold.

    max ⟨G, Φ⟩ over ‖Φ‖₂ ≤ 1, WᵀΦ + ΦᵀW = 0; dual: min ‖G + WX‖_* over symmetric X. For n = m and whenever
    skew(WᵀG) commutes with the Gram matrix of G outside W, one SVD gives Φ = msign(G − W sym(WᵀG)).

    Parameters
    ----------
    gradient
        Shape (n, m); n < m stands for the transposed problem, with `weight` of orthonormal rows.
    weight
        Shape (n, m), orthonormal within 1e-5; its polar factor is the point at which the tangent space is taken.
    method
        `"newton"`: primal–dual smoothed Newton. For comparison: `"fixed-point"` (Su), `"anderson"` on it,
        `"dual-gradient"` (Bernstein), `"admm"`, `"lbfgs"`, and the heuristics `"alternating-projection"` and
        `"greedy-split"`, which do not close the gap.
    tol
        Gap to reach, in units of ‖G‖_*; positive.
    max_iterations
        At least 1; None is 100 for `"newton"` and `"dual-gradient"`, 300 for the others.
    step
        First step of `"dual-gradient"`, in units of the entries of the gradient; positive.

    Returns
    -------
    A `Direction`; where `converged` is False it holds the best feasible direction and the best bound found.

    Raises
    ------
    TypeError, ValueError
        No finite real matrices of one shape, `weight` off the manifold, unknown `method`, no positive limits.

    Domain
    ------
    Any scale of the gradient, any rank. Tangency and norm hold to 1e-13, also where a method stops short. A gap of 1e-8
    was certified on normal gradients of every shape tried and on gradients of low rank or with condition number 1e12;
    float64 leaves little below it there. A gradient in W·sym has no ascent: Φ = 0.

    Claims: `stiefel-feasible`, `stiefel-odd-rows-solver`, `stiefel-odd-rows-gap`, `stiefel-newton-hard`,
    `stiefel-flat`.

    References
    ----------
    Su 2025 [11221], [11388]. Bernstein 2025, Modular Manifolds. Chan, Golub, Mulet 1999 (Newton method).

    Examples
    --------
    >>> found = stiefel([[1.0], [4.0], [3.0]], [[1.0], [0.0], [0.0]])
    >>> found.direction.ravel().round(12), round(found.primal, 12)
    (array([0. , 0.8, 0.6]), 5.0)
    """
    G, W = real_matrix("gradient", gradient), real_matrix("weight", weight)
    require(G.shape == W.shape, "weight", f"have the gradient's shape {G.shape}", f"shape {W.shape}")
    choice("method", method, ("newton", *METHODS))
    real_number("tol", tol, low=0.0, low_open=True)
    real_number("step", step, low=0.0, low_open=True)
    limit = _LIMITS.get(method, 300) if max_iterations is None else integer("max_iterations", max_iterations, low=1)
    if G.shape[0] < G.shape[1]:
        G, W = G.T, W.T
    ledger = Ledger(reduced(G, on_manifold(W)), tol, limit)
    solve(ledger, method, step)
    return assembled(ledger, wide=np.shape(gradient)[0] < np.shape(gradient)[1])


def orthogonal(gradient: ArrayLike, weight: ArrayLike) -> Direction:
    """Return the steepest direction at a square orthogonal matrix, W msign(skew(WᵀG)).

    For odd size the skew matrix is singular; its partial isometry is skew, an SVD's full factor is not.

    Parameters
    ----------
    gradient, weight
        Shape (n, n), `weight` orthogonal within 1e-5.

    Returns
    -------
    A `Direction`, found by one SVD.

    Raises
    ------
    TypeError, ValueError
        As for `stiefel`, or not square.

    References
    ----------
    Su 2025 [11215].

    Examples
    --------
    >>> orthogonal([[0.0, -2.0], [4.0, 7.0]], [[1.0, 0.0], [0.0, 1.0]]).direction
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    shape = real_matrix("weight", weight).shape
    require(shape[0] == shape[1], "weight", "be square", f"shape {shape}", "call stiefel")
    return stiefel(gradient, weight)


def on_manifold(weight: FloatArray) -> FloatArray:
    """Return the polar factor of `weight`, or raise if `weight` is not orthonormal within tolerance."""
    size = np.abs(weight).max()
    off = float(np.linalg.norm(weight.T @ weight - np.eye(weight.shape[1]), 2)) if size < 2 else float("inf")
    remedy = "pass msign(weight)"
    require(off <= OFF_MANIFOLD, "weight", f"satisfy ‖WᵀW − I‖₂ ≤ {OFF_MANIFOLD:g}", float(f"{off:.3g}"), remedy)
    return msign(weight, "gram")


def solve(ledger: Ledger, method: str, step: float) -> None:
    """Run the method named on the problem of the ledger."""
    problem = ledger.problem
    if problem.is_noise:
        ledger.enter_zero()
    elif method == "newton" and problem.block == problem.base.shape[1] == 2:
        two_columns(ledger)
    elif method == "newton":
        newton(ledger)
    elif method == "dual-gradient":
        METHODS[method](ledger, step)
    else:
        METHODS[method](ledger)


def assembled(ledger: Ledger, *, wide: bool) -> Direction:
    """Return the answer in the ledger, in the shape and unit of the gradient."""
    problem, scale = ledger.problem, ledger.problem.scale
    direction = problem.direction(ledger.factor)
    return Direction(
        direction.T if wide else direction,
        (ledger.multiplier - problem.shift) * scale,
        ledger.primal * scale,
        ledger.dual * scale,
        ledger.gap * scale,
        problem.constraint(ledger.factor),
        ledger.iterations,
        ledger.svds,
        ledger.converged,
        np.array(ledger.gaps) * scale,
    )
