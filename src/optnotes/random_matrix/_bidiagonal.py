"""Draws from the exact law of extreme singular values without the matrix, by the bidiagonal model.

An n×m standard normal matrix, n ≥ m, has the singular values of a lower bidiagonal m×m matrix with independent
χ_n, χ_{n−1}, … on the diagonal and χ_{m−1}, χ_{m−2}, … below it (Dumitriu and Edelman 2002). The vectors of a
soft edge live in its top corner, on the scale L = (nm)^{1/3}/(√n ± √m)^{2/3}.
"""

import math

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal

from optnotes._ground.arguments import FloatArray

from ._edge_expansion import edge_scales

CORNER = 14.0  # corner over L: in 17,000 draws the cut moved the norm by 2e-10 Tracy-Widom scales at most; 10 by 0.1
REDUCTION = 775.0  # m' = REDUCTION √(d+1) keeps the law of σ_min within 1e-7


def corner(n: int, m: int, side: int, reach: float = CORNER) -> int:
    """Return the size of the top corner that decides σ_max (`side` = 1) or σ_min (−1)."""
    edge = math.sqrt(n) + math.sqrt(m) if side > 0 else (n - m) / (math.sqrt(n) + math.sqrt(m))
    size = reach * (float(n) * m) ** (1 / 3) / edge ** (2 / 3) if edge else math.inf
    return int(min(m, max(math.ceil(min(size, 2.0**60)), 16)))


def reduced(n: int, m: int) -> int:
    """Return m' ≤ m such that σ_min of m'+d × m', rescaled, has the law of n×m to 1e-7, where that is cheaper."""
    smaller = min(m, math.ceil(REDUCTION * math.sqrt(n - m + 1)))
    return smaller if 2 * corner(n - m + smaller, smaller, -1) < corner(n, m, -1) else m


def draw(n: int, m: int, rng: np.random.Generator) -> tuple[float, float]:
    """Draw (σ_min, σ_max): from one matrix, or σ_min from an independent smaller one where `reduced` says so."""
    small = reduced(n, m)
    top, bottom = corner(n, m, 1), corner(n - m + small, small, -1)
    if small < m:
        largest = largest_of(*bidiagonal(n, m, top, rng))
        value = smallest_of(*bidiagonal(n - m + small, small, bottom, rng))
        return rescale(value, n, m, small), largest
    diagonal, below = bidiagonal(n, m, max(top, bottom), rng)
    return smallest_of(diagonal[:bottom], below[: bottom - 1]), largest_of(diagonal[:top], below[: top - 1])


def bidiagonal(n: int, m: int, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw the diagonal and the subdiagonal of the top `size` × `size` corner."""
    steps = np.arange(size)
    return np.sqrt(rng.chisquare(float(n) - steps)), np.sqrt(rng.chisquare(float(m) - steps[1:]))


def largest_of(diagonal: FloatArray, below: FloatArray) -> float:
    """Return the largest singular value of a lower bidiagonal matrix B, from the tridiagonal BBᵀ."""
    squares = diagonal**2
    squares[1:] += below**2
    last = diagonal.size - 1
    top = eigvalsh_tridiagonal(squares, diagonal[:-1] * below, select="i", select_range=(last, last))
    return float(np.sqrt(top[0]))


def smallest_of(diagonal: FloatArray, below: FloatArray) -> float:
    """Return the smallest singular value of B by bisection on [[0, B], [Bᵀ, 0]], which keeps its relative accuracy."""
    size = diagonal.size
    interleaved = np.empty(2 * size - 1)
    interleaved[::2], interleaved[1::2] = diagonal, below
    tiny = np.finfo(np.float64).tiny
    value = eigvalsh_tridiagonal(
        np.zeros(2 * size), interleaved, select="i", select_range=(size, size), lapack_driver="stebz", tol=2 * tiny
    )
    return float(value[0])


def rescale(value: float, n: int, m: int, small: int) -> float:
    """Carry σ_min of m'+d × m' to n×m by its edge and scale; for d = 0 by √((m' − 1/2)/(m − 1/2))."""
    if n == m:
        return value * math.sqrt((small - 0.5) / (m - 0.5))
    mu, s, _, _ = edge_scales(n, m, -1)
    small_mu, small_s, _, _ = edge_scales(n - m + small, small, -1)
    return mu + (value - small_mu) * s / small_s
