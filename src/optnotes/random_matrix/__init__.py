"""Extreme singular values of an n×m matrix of independent standard normal entries: chapter `spectral-norm`.

Exact means and distribution functions, closed forms, asymptotics and bounds; draws from the exact law that
never form the matrix; the Marchenko–Pastur density. A wide matrix is treated as its transpose.
"""

from ._draws import sample_singular_extremes
from ._laws import marchenko_pastur_pdf, smallest_singular_value_cdf, spectral_norm_cdf
from ._means import METHODS, expected_smallest_singular_value, expected_spectral_norm
from ._sizes import EXACT_LIMIT, SIZE_LIMIT

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
