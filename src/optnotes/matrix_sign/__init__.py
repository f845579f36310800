"""The polar factor msign(M) = U Vᵀ, the sign of a square matrix, and what surrounds them.

Muon steps along msign of the momentum; the chapters on steepest descent derive why. Wide matrices are transposed.
"""

from ._polar import GRAM_GUARD, mcsgn, msign, nuclear_norm, polynomial_coefficients, skew, sym

__all__ = [
    "GRAM_GUARD",
    "mcsgn",
    "msign",
    "nuclear_norm",
    "polynomial_coefficients",
    "skew",
    "sym",
]
