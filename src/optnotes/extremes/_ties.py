"""Ties of the maximum after rounding; the public name is `optnotes.extremes.tie_probability`."""

from __future__ import annotations

import functools
import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from optnotes._ground.arguments import FloatArray, choice

from . import _maximum
from ._parameters import described

_FORMATS = {  # explicit bits of the significand, exponent of the smallest normal number
    "bfloat16": (7, -126),
    "float16": (10, -14),
    "float8_e4m3fn": (3, -6),
    "float8_e5m2": (2, -14),
}
_LARGEST = 448.0  # the end of float8_e4m3fn; no maximum of exp(_maximum.LARGEST_LOG) variables gets there
_FINEST = -40  # numbers below 2^−40 are taken as evenly spaced: a tie there has a probability below 1e-25


@described
def tie_probability(n: ArrayLike, dtype: object, after: Literal["logits", "exp"] = "logits") -> float | FloatArray:
    """Return the probability that two or more of n normal variables share the maximum after rounding to nearest.

    after="logits", each variable rounded: Σ_i Φ(b_i)ⁿ P(Bin(n, p_i/Φ(b_i)) ≥ 2) over the cells (a_i, b_i] that round to
    one number, p_i = Φ(b_i) − Φ(a_i). after="exp", two or more of exp(x − z_max) round to 1:
    ∫ n φ(z) [Φ(z)ⁿ⁻¹ − Φ(z − d)ⁿ⁻¹] dz with d = −log(1 − u/2), u the spacing of the numbers just below 1.

    Parameters
    ----------
    {size}
    dtype : str or dtype
        "bfloat16", "float16", "float8_e4m3fn" or "float8_e5m2", or the type of NumPy, ml_dtypes or PyTorch so named.
    after : str
        "logits" or "exp": what is rounded.

    Returns
    -------
    float or array
        Of the shape of n, in [0, 1]; 0 at n = 1.

    Raises
    ------
    TypeError, ValueError
        If n is not a real number ≥ 1, or dtype or after is unknown.

    Domain
    ------
    Exact for independent variables of variance 1; subnormal numbers are kept and −0 equals +0. Relative error below
    1e-14 up to n = 1e100, and some roundings of log n beyond. Overflow never matters: no allowed n takes the maximum
    near the end of a format. The exponential is taken as exact before it is rounded.
    Claims: `tie-exact`, `tie-after-exp-exact`, `tie-both-sampled`, `tie-narrow`.

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
    name = str(getattr(dtype, "__name__", dtype)).removeprefix("torch.")  # of a type, of a dtype and of PyTorch's
    choice("dtype", name, _FORMATS)
    if choice("after", after, ("logits", "exp")) == "exp":
        return _maximum.plain(_tie_after_exp(log_size, _FORMATS[name][0]))
    cells = _cells(name)
    ties = [_tie_of_cells(cells, count, log_count) for count, log_count in zip(size.flat, log_size.flat, strict=True)]
    return _maximum.plain(np.array(ties, dtype=np.float64).reshape(size.shape))


class _Cells(NamedTuple):
    """Cells (a, b] in ascending order: ρ = p/Φ(b), log ρ, −log(1 − ρ)/ρ, −log Φ(b) and its logarithm."""

    share: FloatArray
    log_share: FloatArray
    stretch: FloatArray
    decay: FloatArray
    log_decay: FloatArray


@functools.cache
def _cells(dtype: str) -> _Cells:
    # Edges have few bits, so e^(−a²/2) is exact to rounding; negative cells mirror the positive ones.
    low = _positive_edges(*_FORMATS[dtype])
    part, mills = _segment(low, np.diff(low, append=np.inf)), _maximum.mills_ratio(low)
    log_density = -(low**2) / 2 - math.log(2 * math.pi) / 2
    density = np.exp(log_density)
    decay_low, log_tail = -np.log1p(-density * mills), log_density + np.log(mills)
    decay = np.concatenate([-log_tail[::-1], decay_low, [0.0]])
    log_decay_low = np.where(log_tail > -40, np.log(np.maximum(decay_low, 1e-18)), log_tail)
    log_decay = np.concatenate([np.log(-log_tail[::-1]), log_decay_low, [-np.inf]])
    centre = special.erf(low[0] / math.sqrt(2)) / (1 - density[0] * mills[0])
    above = np.append(density[1:] * mills[1:], 0.0)
    share = np.concatenate([(part / mills)[::-1], [centre], density * part / (1 - above)])
    log_share = np.append(np.log(share[: low.size + 1]), log_density + np.log(part))
    return _Cells(share, log_share, _stretch(share), decay, log_decay)


def _positive_edges(bits: int, exponent: int) -> FloatArray:
    smallest = max(exponent, _FINEST)
    binades = 2.0 ** np.arange(smallest, 9)[:, None]
    numbers = np.arange(2**bits) * 2.0 ** (smallest - bits), (binades * (1 + np.arange(2**bits) / 2**bits)).ravel()
    finite = np.concatenate(numbers)
    finite = finite[finite <= _LARGEST]
    edges: FloatArray = (finite[:-1] + finite[1:]) / 2
    return edges


def _segment(start: FloatArray, width: ArrayLike) -> FloatArray:
    """Return ∫₀^w e^(−as − s²/2) ds, a = `start`: as a sum where it is short, else as a difference of Mills ratios."""
    start, width = np.broadcast_arrays(start, width)
    short = start * width < 1
    nodes, weights = np.polynomial.legendre.leggauss(10)
    half = np.where(short, width, 0.0)[..., None] / 2
    s = half * (1 + nodes)
    near = (half * np.exp(-(start[..., None] + s / 2) * s)) @ weights
    fall = np.exp(-np.where(short, np.inf, (start + width / 2) * width))
    return np.where(short, near, _maximum.mills_ratio(start) - fall * _maximum.mills_ratio(start + width))


def _stretch(share: FloatArray) -> FloatArray:
    """Return −log(1 − ρ)/ρ, finite at ρ = 0 and 1."""
    safe = np.clip(share, 1e-300, 1 - 2.0**-53)
    ratio: FloatArray = -np.log1p(-safe) / safe
    return ratio


def _tie_of_cells(cells: _Cells, size: float, log_size: float) -> float:
    # Cells where Φ(b)ⁿ < e^(−45), or n (1 − Φ(a)) < e^(−23), hold less than 1e-19 of the sum.
    first = np.searchsorted(-cells.log_decay, log_size - math.log(45.0))
    last = np.searchsorted(-cells.log_decay, log_size + 23.0) + 1
    share, log_share, stretch, decay, log_decay = (column[first:last] for column in cells)
    if math.isfinite(size):
        count, exponent = (size - 1) * share, size * decay
    else:
        count, exponent = np.exp(np.minimum(log_size + log_share, 700.0)), np.exp(log_size + log_decay)
    return float(np.sum(np.exp(-exponent) * _two_or_more(count, share, stretch)))


def _two_or_more(count: FloatArray, share: FloatArray, stretch: FloatArray) -> FloatArray:
    """Return P(Bin(n, ρ) ≥ 2) = 1 − (1 − ρ)^m (1 + mρ), m = n − 1, from mρ and ρ."""
    chance = np.empty_like(count)
    few = count + share < 0.05
    chance[few] = _two_of_few(count[few], share[few])
    count, survivors = count[~few], (count * stretch)[~few]
    chance[~few] = -np.expm1(-survivors) - count * np.exp(-survivors)
    return chance


def _two_of_few(count: FloatArray, share: FloatArray) -> FloatArray:
    # The difference would lose digits here; this is the series of m(m + 1) ∫₀^ρ t (1 − t)^(m−1) dt.
    term, total, k = np.ones_like(count), np.full_like(count, 0.5), 0
    while np.max(np.abs(term), initial=0.0) > 1e-17:
        k += 1
        term *= share - count / k
        total += term / (k + 2)
    return count * (count + share) * total


def _tie_after_exp(log_size: FloatArray, bits: int) -> FloatArray:
    distance = -math.log1p(-(2.0 ** -(bits + 2)))
    log_x, weights = _maximum.exponential_rule()
    log_y = log_x - log_size[..., None]
    y, z = np.exp(log_y), _maximum.quantile(log_y)
    # With Φ(z) = e^(−y): 1 − Φ(z−d)/Φ(z) = (e^y − 1) ratio, and n (e^y − 1) = x (e^y − 1)/y is safe from overflow.
    ratio = np.exp((z - distance / 2) * distance) * _segment(z - distance, distance) / _maximum.mills_ratio(z)
    count = -np.expm1(-log_size)[..., None] * np.exp(log_x) * special.exprel(y) * ratio
    chance: FloatArray = -np.expm1(-count * _stretch(np.expm1(y) * ratio)) @ weights
    return chance
