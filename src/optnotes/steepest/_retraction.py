"""The way back to the manifold after a step along a tangent direction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, choice, real_array, real_matrix, real_number, require
from optnotes.matrix_sign import msign

from ._stiefel import on_manifold


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
        Shapes differ, `manifold` is unknown, `weight` is off the Stiefel manifold or zero, or the step ends at
        zero, beyond the largest number or, on Stiefel, without full rank.

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
        polar = msign(moved, "gram")
        remedy = "a tangent direction never loses rank"
        full_rank = float(np.sum(polar * polar)) > min(W.shape) - 0.5  # each singular value adds 1 or 0
        require(full_rank, "direction", "leave W − ηΦ of full rank", direction, remedy)
        return polar
    order = 2 if manifold == "spectral-sphere" else None
    before, after = np.abs(W).max(initial=0.0), np.abs(moved).max(initial=0.0)
    require(before > 0, "weight", "have a direction", "zero everywhere")
    require(after > 0, "direction", "not end at zero", direction)
    unit = moved / after  # scaled by the largest entries, so that no square over- or underflows
    kept: FloatArray = unit * (float(np.linalg.norm(W / before, order)) / float(np.linalg.norm(unit, order))) * before
    return kept
