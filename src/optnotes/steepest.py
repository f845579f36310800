"""Directions of steepest descent under a norm, tangent to a manifold, with certificates; the chapters on Muon use it.

Every solver maximises ⟨G, Φ⟩ and returns a frozen `Direction`; a minimiser steps along −Φ and calls `retract`. Wide
matrices are transposed.
"""

import numpy as np
from numpy.typing import ArrayLike

from ._arguments import FloatArray, choice, real_array, real_matrix, real_number, require
from ._direction import Direction
from ._spheres import norm_ball_tangent, spectral_sphere, sphere
from ._stiefel import on_manifold, orthogonal, stiefel
from .matrix_sign import msign

__all__ = ["Direction", "norm_ball_tangent", "orthogonal", "retract", "spectral_sphere", "sphere", "stiefel"]


def retract(weight: ArrayLike, direction: ArrayLike, lr: float, *, manifold: str = "stiefel") -> FloatArray:
    """Return W − ηΦ brought back to the manifold.

    Stiefel: msign(W − ηΦ), which for tangent Φ equals (W − ηΦ)(I + η²ΦᵀΦ)^{−1/2}. Spheres: the norm of W
    restored by a factor.

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
        Shapes differ, `manifold` is unknown, `weight` is off the Stiefel manifold or the zero of a sphere, or the step
        ends at zero or beyond the largest number.

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
    with np.errstate(over="ignore"):
        moved = W - real_number("lr", lr) * step
    require(np.isfinite(moved).all(), "lr", "keep W − ηΦ finite", lr)
    if manifold == "stiefel":
        on_manifold(W if W.shape[0] >= W.shape[1] else W.T)
        return msign(moved, "gram")
    order = 2 if manifold == "spectral-sphere" else None
    require(W.any(), "weight", "have a direction", "zero everywhere")
    require(moved.any(), "direction", "not end at zero", direction)
    before, after = (np.abs(matrix).max() for matrix in (W, moved))  # squares of either may overflow or vanish
    shape = moved / after
    restored: FloatArray = shape * (np.linalg.norm(W / before, order) / np.linalg.norm(shape, order)) * before
    return restored
