"""Distribution functions of the extreme singular values, and the density of all eigenvalues."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, real_array, real_number

from . import _laguerre_pfaffian
from ._parameters import described
from ._sizes import checked_sizes


@described
def spectral_norm_cdf(x: ArrayLike, n: int, m: int) -> FloatArray:
    """Return P(σ_max ≤ x), the exact distribution function of the spectral norm.

    Parameters
    ----------
    {point}
    {exact_sizes}

    Returns
    -------
    {probabilities}

    Raises
    ------
    {refused}

    References
    ----------
    de Bruijn 1955.

    Examples
    --------
    >>> round(float(spectral_norm_cdf(1.0, 1, 1)), 12)  # P(|N(0, 1)| ≤ 1)
    0.682689492137
    """
    return _law(_laguerre_pfaffian.largest_cdf, x, n, m)


@described
def smallest_singular_value_cdf(x: ArrayLike, n: int, m: int) -> FloatArray:
    """Return P(σ_min ≤ x), the exact distribution function of the smallest singular value.

    Parameters
    ----------
    {point}
    {exact_sizes}

    Returns
    -------
    {probabilities}

    Raises
    ------
    {refused}

    References
    ----------
    de Bruijn 1955.

    Examples
    --------
    >>> round(float(smallest_singular_value_cdf(1.0, 3, 2)), 12)  # 1 − 1/e: m σ_min² ~ χ²₂ for n = m + 1
    0.632120558829
    """
    return 1 - _law(_laguerre_pfaffian.smallest_survival, x, n, m)


def marchenko_pastur_pdf(x: ArrayLike, ratio: float) -> FloatArray:
    """Return the Marchenko–Pastur density of the eigenvalues of WᵀW/n for n×m W as n, m → ∞ with m/n → `ratio`.

    √((b − x)(x − a))/(2π·ratio·x) on [a, b] = [(1 − √ratio)², (1 + √ratio)²]; for ratio > 1 this continuous part
    has mass 1/ratio, the rest is an atom at 0.

    Parameters
    ----------
    x : array_like
        Where, any shape, real or ±∞; the density is ∞ at 0 for ratio 1.
    ratio : float
        m/n, positive.

    Returns
    -------
    ndarray
        Density, of the shape of `x`.

    Raises
    ------
    TypeError, ValueError
        `x` is not real or ±∞, or the ratio is not positive.

    References
    ----------
    Marchenko and Pastur 1967.

    Examples
    --------
    >>> round(float(2 * np.pi * marchenko_pastur_pdf(1.0, 1.0)) ** 2, 12)  # √(3 · 1)² = 3
    3.0
    """
    points, c = real_array("x", x, infinite=True), real_number("ratio", ratio, low=0, low_open=True)
    low, high = (1 - math.sqrt(c)) ** 2, (1 + math.sqrt(c)) ** 2
    inside = (points >= low) & (points <= high)
    safe = np.where(inside, points, high)
    with np.errstate(divide="ignore"):
        rest = (safe - low) / safe if low > 0 else np.ones_like(safe)
        density = np.sqrt(high - safe) / np.sqrt(safe) * np.sqrt(rest) / (2 * np.pi * c)
    return np.where(inside, density, 0.0)


def _law(
    probability: Callable[[_laguerre_pfaffian.Ensemble, FloatArray], FloatArray], x: ArrayLike, n: int, m: int
) -> FloatArray:
    points, law = real_array("x", x, infinite=True), _laguerre_pfaffian.ensemble(*checked_sizes(n, m, exact=True))
    return probability(law, points.ravel() - law.centre).reshape(points.shape)
