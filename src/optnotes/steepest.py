"""Directions of steepest descent under a norm, tangent to a manifold, with certificates; the chapters on Muon use it.

Every solver maximises ⟨G, Φ⟩; a minimiser steps along −Φ. Wide matrices are transposed.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from . import _norm_ball
from ._arguments import FloatArray, choice, integer, real_array, real_matrix, real_number, require
from ._direction import Direction
from ._stiefel_closed import two_columns
from ._stiefel_newton import newton
from ._stiefel_peers import METHODS
from ._stiefel_problem import Ledger, reduced
from .matrix_sign import msign

__all__ = ["Direction", "norm_ball_tangent", "orthogonal", "retract", "spectral_sphere", "sphere", "stiefel"]

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
    Any scale of the gradient, any rank. Tangency and norm hold to 1e-13. Float64 lets `"newton"` reach gaps of about
    1e-9 on full rank and 1e-8 on degenerate problems. A gradient in W·sym has no ascent: Φ = 0.

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
    ledger = Ledger(reduced(G, _on_manifold(W)), tol, limit)
    _solve(ledger, method, step)
    return _assembled(ledger, wide=np.shape(gradient)[0] < np.shape(gradient)[1])


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


def norm_ball_tangent(
    gradient: ArrayLike,
    normal: ArrayLike,
    *,
    method: str = "newton",
    tol: float = 1e-10,
    max_iterations: int | None = None,
) -> Direction:
    """Return the steepest direction of unit spectral norm orthogonal to one matrix.

    max ⟨G, Φ⟩ over ‖Φ‖₂ ≤ 1, ⟨Θ, Φ⟩ = 0; dual: min ‖G + λΘ‖_* over λ. Θ = u₁v₁ᵀ is the spectral sphere with a
    single largest singular value, Θ = W the Frobenius sphere.

    Parameters
    ----------
    gradient
        Shape (n, m), any n and m.
    normal
        Θ, shape (n, m), not zero; its scale does not matter.
    method
        `"newton"`: a model of the dual with curvature and kinks, started at the root of the secular equation where Θ
        has rank one; `"fixed-point"` (Su), for comparison.
    tol
        Gap to reach, in units of ‖G‖_*; positive.
    max_iterations
        At least 1; None is 60.

    Returns
    -------
    A `Direction` whose multiplier is λ; `residual` is |⟨Θ, Φ⟩|/‖Θ‖_F.

    Raises
    ------
    TypeError, ValueError
        No finite real matrices of one shape, `normal` is zero, unknown `method`, no positive limits.

    Domain
    ------
    Any rank and scale, also where G + λΘ is singular at the optimum and msign alone misses the constraint. Two or
    three SVDs for Θ of rank one, two to five otherwise, a dozen where G is within 1e-6 of rank one.

    References
    ----------
    Su 2025 [11241], [11388].

    Examples
    --------
    >>> norm_ball_tangent([[3.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 0.0]]).direction.round(12)
    array([[0., 0.],
           [0., 1.]])
    """
    G, normals = real_matrix("gradient", gradient), real_matrix("normal", normal)
    require(G.shape == normals.shape, "normal", f"have the gradient's shape {G.shape}", f"shape {normals.shape}")
    require(normals.any(), "normal", "have a direction", "zero everywhere")
    choice("method", method, _norm_ball.METHODS)
    real_number("tol", tol, low=0.0, low_open=True)
    limit = 60 if max_iterations is None else integer("max_iterations", max_iterations, low=1)
    scale, size = float(np.abs(G).max()) or 1.0, float(np.abs(normals).max())
    unit = normals / size
    length = float(np.linalg.norm(unit))
    wide = G.shape[0] < G.shape[1]
    scaled, unit = (matrix.T if wide else matrix for matrix in (G / scale, unit / length))
    search = _norm_ball.Search(scaled, unit, tol, limit)
    _norm_ball.METHODS[method](search)
    return Direction(
        search.direction.T if wide else search.direction,
        search.multiplier * scale / length / size,
        search.primal * scale,
        search.dual * scale,
        search.gap * scale,
        abs(float(np.sum(unit * search.direction))),
        search.iterations,
        search.svds,
        search.converged,
        np.array(search.gaps) * scale,
    )


def spectral_sphere(
    gradient: ArrayLike,
    weight: ArrayLike,
    *,
    tol: float = 1e-8,
    max_iterations: int = 100,
    repeated: float = 1e-6,
) -> Direction:
    """Return the steepest direction of unit spectral norm that keeps the largest singular values of the weight.

    max ⟨G, Φ⟩ over ‖Φ‖₂ ≤ 1, sym(U₁ᵀΦV₁) = 0, with the k pairs of the largest singular value; dual:
    min ‖G + U₁XV₁ᵀ‖_* over symmetric X. For k = 1 that is `norm_ball_tangent` with Θ = u₁v₁ᵀ.

    Parameters
    ----------
    gradient, weight
        Shape (n, m), `weight` not zero.
    tol
        Gap to reach, in units of ‖G‖_*; positive.
    max_iterations
        At least 1.
    repeated
        Singular values within this relative distance of the largest count as equal to it; in [0, 1).

    Returns
    -------
    A `Direction` whose multiplier is U₁XV₁ᵀ, shape (n, m), which no choice of the singular vectors changes.

    Raises
    ------
    TypeError, ValueError
        No finite real matrices of one shape, `weight` is zero, no positive limits.

    Domain
    ------
    As for `stiefel`, to which it reduces for a weight with orthonormal columns. The k(k+1)/2 constraints do not depend
    on the choice of singular vectors, unlike one trace for each pair.

    References
    ----------
    Su 2025 [11241] for k = 1; the symmetric block is new.

    Examples
    --------
    >>> spectral_sphere([[1.0, 5.0], [2.0, 1.0]], [[3.0, 0.0], [0.0, 3.0]]).direction.round(12)
    array([[ 0.,  1.],
           [-1.,  0.]])
    """
    G, W = real_matrix("gradient", gradient), real_matrix("weight", weight)
    require(G.shape == W.shape, "weight", f"have the gradient's shape {G.shape}", f"shape {W.shape}")
    require(W.any(), "weight", "have a direction", "zero everywhere")
    real_number("repeated", repeated, low=0.0, high=1.0, high_open=True)
    real_number("tol", tol, low=0.0, low_open=True)
    integer("max_iterations", max_iterations, low=1)
    wide = G.shape[0] < G.shape[1]
    G, W = (G.T, W.T) if wide else (G, W)
    left, values, right = np.linalg.svd(W / np.abs(W).max(), full_matrices=False)
    k = int(np.sum(values >= (1 - repeated) * values[0]))
    if k == 1:
        normal = np.outer(left[:, 0], right[0])
        normal = normal.T if wide else normal
        found = norm_ball_tangent(gradient, normal, tol=tol, max_iterations=max_iterations)
        return replace(found, multiplier=found.multiplier * normal)
    ledger = Ledger(reduced(G, left[:, :k], right.T), tol, max_iterations)
    _solve(ledger, "newton", 1.0)
    found = _assembled(ledger, wide=wide)
    multiplier = left[:, :k] @ found.multiplier @ right[:k]
    return replace(found, multiplier=multiplier.T if wide else multiplier)


def sphere(gradient: ArrayLike, weight: ArrayLike) -> Direction:
    """Return the steepest direction of unit Euclidean norm tangent to the sphere through the weight.

    φ ∝ g − ⟨g, w⟩w/‖w‖²; dual: min ‖g + λw‖.

    Parameters
    ----------
    gradient, weight
        Arrays of one shape, `weight` not zero; the norm is over all entries.

    Returns
    -------
    A `Direction` whose multiplier is λ = −⟨g, w⟩/‖w‖²; zero where g is parallel to w.

    Raises
    ------
    TypeError, ValueError
        No finite real arrays of one shape, or `weight` is zero.

    References
    ----------
    Su 2025 [11196].

    Examples
    --------
    >>> sphere([3.0, 5.0], [0.0, 2.0]).direction
    array([1., 0.])
    """
    g, w = real_array("gradient", gradient), real_array("weight", weight)
    require(g.shape == w.shape, "weight", f"have the gradient's shape {g.shape}", f"shape {w.shape}")
    require(w.any(), "weight", "have a direction", "zero everywhere")
    scale, radius = float(np.abs(g).max()) or 1.0, float(np.abs(w).max())
    unit = w / radius / np.linalg.norm(w / radius)
    along = float(np.sum(g / scale * unit))
    tangent = g / scale - along * unit
    tangent -= np.sum(tangent * unit) * unit  # a second time: the first leaves rounding of size |along|
    size = float(np.linalg.norm(tangent))
    signal = size > 1e-15 * np.linalg.norm(g / scale)
    direction = tangent / size if signal else np.zeros_like(tangent)
    primal, dual = float(np.sum(g / scale * direction)), size
    gap = max(dual - primal, 0.0) * scale
    multiplier = -along * scale / float(np.linalg.norm(w / radius)) / radius
    residual = abs(float(np.sum(direction * unit)))
    return Direction(direction, multiplier, primal * scale, dual * scale, gap, residual, 1, 0, True, np.array([gap]))


def retract(weight: ArrayLike, direction: ArrayLike, lr: float, *, manifold: str = "stiefel") -> FloatArray:
    """Return the point of the manifold nearest to W − ηΦ.

    Stiefel: msign(W − ηΦ), which for tangent Φ equals (W − ηΦ)(I + η²ΦᵀΦ)^{−1/2}. Spheres: the norm of W restored.

    Parameters
    ----------
    weight, direction
        Matrices of one shape (arrays of one shape for `"sphere"`).
    lr
        The learning rate η, finite.
    manifold
        `"stiefel"`, `"sphere"` (Euclidean norm) or `"spectral-sphere"` (spectral norm).

    Returns
    -------
    Array of the shape of `weight`.

    Raises
    ------
    TypeError, ValueError
        Shapes differ, `manifold` is unknown, `weight` is off the Stiefel manifold, or the step ends at zero.

    References
    ----------
    Su 2025 [11215], [11221], [11241].

    Examples
    --------
    >>> retract([[1.0], [0.0]], [[0.0], [-1.0]], 0.75)
    array([[0.8],
           [0.6]])
    """
    W = real_array("weight", weight) if manifold == "sphere" else real_matrix("weight", weight)
    choice("manifold", manifold, ("stiefel", "sphere", "spectral-sphere"))
    step = real_array("direction", direction)
    require(step.shape == W.shape, "direction", f"have the weight's shape {W.shape}", f"shape {step.shape}")
    moved = W - real_number("lr", lr) * step
    if manifold == "stiefel":
        _on_manifold(W if W.shape[0] >= W.shape[1] else W.T)
        return msign(moved, "gram")
    order = 2 if manifold == "spectral-sphere" else None
    before, after = (float(np.linalg.norm(matrix, order)) for matrix in (W, moved))
    require(after > 0, "direction", "not end at zero", direction)
    return moved * (before / after)


def _on_manifold(weight: FloatArray) -> FloatArray:
    size = np.abs(weight).max()
    off = float(np.linalg.norm(weight.T @ weight - np.eye(weight.shape[1]), 2)) if size < 2 else float("inf")
    remedy = "pass msign(weight)"
    require(off <= OFF_MANIFOLD, "weight", f"satisfy ‖WᵀW − I‖₂ ≤ {OFF_MANIFOLD:g}", float(f"{off:.3g}"), remedy)
    return msign(weight, "gram")


def _solve(ledger: Ledger, method: str, step: float) -> None:
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


def _assembled(ledger: Ledger, *, wide: bool) -> Direction:
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
