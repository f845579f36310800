"""Ties of the maximum after rounding; the public name is `optnotes.extremes.tie_probability`."""

import functools
import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from optnotes import _maximum
from optnotes._arguments import FloatArray, choice

_FORMATS = {  # explicit bits of the significand, exponent of the smallest normal number, largest finite number
    "bfloat16": (7, -126, 2.0**127 * (2 - 2.0**-7)),
    "float16": (10, -14, 65504.0),
    "float8_e4m3fn": (3, -6, 448.0),
    "float8_e5m2": (2, -14, 57344.0),
}
_FINEST = -40  # numbers below 2^−40 share a cell: its probability, squared, is 1e-25


def tie_probability(n: ArrayLike, dtype: str, after: Literal["logits", "exp"] = "logits") -> FloatArray:
    """Probability that two or more of n standard normal variables share the maximum after rounding to nearest.

    after="logits", each variable rounded: Σ_i Φ(b_i)ⁿ P(Bin(n, p_i/Φ(b_i)) ≥ 2) over the cells (a_i, b_i] that round to
    one number, p_i = Φ(b_i) − Φ(a_i). after="exp", two or more of exp(x − z_max) round to 1:
    ∫ n φ(z) [Φ(z)ⁿ⁻¹ − Φ(z − d)ⁿ⁻¹] dz with d = −log(1 − u/2), u the spacing of the numbers just below 1.

    Parameters
    ----------
    n : array_like, ≥ 1. Number of variables.
    dtype : "bfloat16", "float16", "float8_e4m3fn" or "float8_e5m2".
    after : "logits" or "exp". Where the rounding happens.

    Returns
    -------
    float or array of the shape of n, in [0, 1]; 0 at n = 1.

    Raises
    ------
    TypeError, ValueError : n not real numbers ≥ 1, unknown dtype or after.

    Domain
    ------
    Exact; subnormal numbers are kept and −0 equals +0. Relative error below 1e-13 for n ≤ 1e308, and about
    1e-16 log n beyond. Overflow never matters: a maximum beyond 448 has a probability below e^(−350) for every allowed n.
    The exponential is taken as exact before it is rounded.

    References
    ----------
    Su 2025 [11390], section on BF16 (which estimates n = 128, 4096, 65536 by ν/128). Micikevicius et al. 2022,
    FP8 formats for deep learning, table 1.

    Examples
    --------
    >>> round(tie_probability(4096, "bfloat16"), 10)
    0.0280897675
    >>> round(tie_probability(4096, "bfloat16", after="exp"), 6)
    0.007066
    """
    size, log_size = _maximum.sample_size(n)
    choice("dtype", dtype, _FORMATS)
    if choice("after", after, ("logits", "exp")) == "exp":
        return _maximum.plain(_tie_after_exp(log_size, _FORMATS[dtype][0]))
    cells = _cells(dtype)
    flat = [_tie_of_cells(cells, s, log_s) for s, log_s in zip(size.flat, log_size.flat, strict=True)]
    return _maximum.plain(np.array(flat, dtype=np.float64).reshape(size.shape))


class _Cells(NamedTuple):
    """Per rounding cell: p, p/Φ(b), log p/Φ(b), −log Φ(b), its logarithm, and the latter at the lower edge a."""

    share: FloatArray
    log_share: FloatArray
    decay: FloatArray
    log_decay: FloatArray
    log_decay_below: FloatArray


@functools.cache
def _cells(dtype: str) -> _Cells:
    edges = _upper_edges(dtype)
    lower, width = edges[:-1], np.diff(edges)
    density = np.exp(-(lower**2) / 2) / math.sqrt(2 * math.pi)
    ...


def _upper_edges(dtype: str) -> FloatArray:
    ...
