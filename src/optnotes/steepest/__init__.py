"""Directions of steepest descent under a norm, tangent to a manifold, with certificates; the chapters on Muon use it.

Every solver maximises ⟨G, Φ⟩ and returns a frozen `Direction`; a minimiser steps along −Φ and calls `retract`. Wide
matrices are transposed.
"""

from ._direction import Direction
from ._retraction import retract
from ._spheres import norm_ball_tangent, spectral_sphere, sphere
from ._stiefel import orthogonal, stiefel

__all__ = [
    "Direction",
    "norm_ball_tangent",
    "orthogonal",
    "retract",
    "spectral_sphere",
    "sphere",
    "stiefel",
]
