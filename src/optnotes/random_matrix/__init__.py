"""Extreme singular values of an n×m matrix of independent standard normal entries: chapter `spectral-norm`.

Exact means and distribution functions, closed forms, asymptotics and bounds; draws from the exact law that
never form the matrix; the Marchenko–Pastur density. A wide matrix is treated as its transpose.
"""

from ._singular_values import (
    EXACT_LIMIT,
    METHODS,
    SIZE_LIMIT,
    expected_smallest_singular_value,
    expected_spectral_norm,
    marchenko_pastur_pdf,
    sample_singular_extremes,
    smallest_singular_value_cdf,
    spectral_norm_cdf,
)

__all__ = [
    "EXACT_LIMIT",
    "METHODS",
    "SIZE_LIMIT",
    "expected_smallest_singular_value",
    "expected_spectral_norm",
    "marchenko_pastur_pdf",
    "sample_singular_extremes",
    "smallest_singular_value_cdf",
    "spectral_norm_cdf",
]
