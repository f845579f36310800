"""The largest of n independent standard normal variables: law, moments, approximations, rounding ties.

The chapter `maximum-of-normals` derives what stands here. n is any real number ≥ 1, where a real n means the law with
distribution function Φ(z)ⁿ; Python integers too large for a float are welcome, up to e^100000. Functions take a number
or an array of any shape and return a float or an array of that shape.
"""

from ._approximations import expected_max_asymptotic, expected_max_plugin
from ._distribution import max_cdf, max_pdf, max_ppf, mode_max
from ._moments import expected_max, variance_max
from ._ties import tie_probability

__all__ = [
    "expected_max",
    "expected_max_asymptotic",
    "expected_max_plugin",
    "max_cdf",
    "max_pdf",
    "max_ppf",
    "mode_max",
    "tie_probability",
    "variance_max",
]
