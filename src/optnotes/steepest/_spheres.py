"""Steepest directions tangent to a sphere, of the Euclidean, the Frobenius or the spectral norm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import choice, integer, real_array, real_matrix, real_number, require

from . import _norm_ball
from ._direction import Direction
from ._stiefel import assembled, solve
from ._stiefel_problem import Ledger, reduced


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
    Any rank and scale, also where G + λΘ is singular at the optimum and msign alone misses the constraint. On small
    hard problems at most 3 SVDs for Θ of rank one; for general Θ at most 5 on nine tenths of them, and 14 on all.
    For square matrices near a kink the generalised eigenvalues of (G, Θ) are taken once, beside the SVDs.
    Claims: `sph-no-failure`, `sph-kink-solution`, `sph-few-svds`, `sph-general-svds`.

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

    The norm is kept to first order in the learning rate η while η is small against the distance of the singular
    values below those counted as equal. In training they close up: set `repeated` between η and 2.5 η, at 3.2 to 3.7
    SVDs per step in place of 2.
    Claims: `sph-repeated`, `sph-not-invariant`, `sph-block-rate`, `sph-training-closes`, `sph-training-repeated`,
    `sph-training-price`.

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
    limit = integer("max_iterations", max_iterations, low=1)
    wide = G.shape[0] < G.shape[1]
    G, W = (G.T, W.T) if wide else (G, W)
    left, values, right = np.linalg.svd(W / np.abs(W).max(), full_matrices=False)
    k = int(np.sum(values >= (1 - repeated) * values[0]))
    if k == 1:
        normal = np.outer(left[:, 0], right[0])
        normal = normal.T if wide else normal
        found = norm_ball_tangent(gradient, normal, tol=tol, max_iterations=limit)
        return replace(found, multiplier=found.multiplier * normal)
    ledger = Ledger(reduced(G, left[:, :k], right.T), tol, limit)
    solve(ledger, "newton", 1.0)
    found = assembled(ledger, wide=wide)
    multiplier = left[:, :k] @ found.multiplier @ right[:k]
    return replace(found, multiplier=multiplier.T if wide else multiplier)
