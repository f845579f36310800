"""Means, distribution functions and draws of the extreme singular values; every method goes through here."""

import math

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, choice, generator, integer, real_array, real_number

from . import _bidiagonal, _edge_expansion, _laguerre_pfaffian, _tracy_widom

METHODS = ("exact", "closed-form", "tracy-widom", "gordon")
EXACT_LIMIT = 1024
SIZE_LIMIT = 2**53
"""Largest size: beyond it n − 1 and n are the same float64, and so are their laws."""


def expected_spectral_norm(n: int, m: int, method: str = "exact") -> float:
    """Return E σ_max, the mean spectral norm of an n×m standard normal matrix.

    "gordon" is √n + √m; "tracy-widom" adds s E X with μ = √N + √M, s = (1/√N + 1/√M)^{1/3}/2, N = n − 1/2,
    M = m − 1/2 and X of Tracy–Widom law; "closed-form" continues in powers of h = (1/√N + 1/√M)^{4/3}/4.

    Parameters
    ----------
    n, m : int
        Rows and columns, in either order, 1 to 2⁵³; the smaller at most 1024 for "exact".
    method : {"exact", "closed-form", "tracy-widom", "gordon"}
        Route.

    Returns
    -------
    float
        The mean; for "gordon" an upper bound of it.

    Raises
    ------
    TypeError, ValueError
        A size is not an integer or out of range, or the method is unknown.

    Domain
    ------
    With m the smaller size, relative errors are: "exact" below 1e-12 for m ≤ 512, 3e-12 to 1024; "closed-form"
    below 1e-8 for m ≥ 5, 1e-9 for m ≥ 20, and 1e-6, 2e-5, 1e-3 for m = 4, 3, 2 (m = 1 is exact), its coefficients
    beyond the first order fitted to exact means, in a second, on the first call; "tracy-widom" 1.3e-3 at 7×5,
    O(m^{−4/3}).

    References
    ----------
    de Bruijn 1955 (Pfaffian); Johnstone 2001, Ma 2012 (shifts by 1/2); Bornemann 2024, section 6 (powers of h);
    Gordon 1985; Su 2025 [11335], eq. 1.

    Examples
    --------
    >>> round(expected_spectral_norm(2, 2) ** 2, 12)  # π
    3.14159265359
    """
    choice("method", method, METHODS)
    rows, columns = _sizes(n, m, exact=method == "exact")
    if method == "gordon":
        return math.sqrt(rows) + math.sqrt(columns)
    if method == "tracy-widom":
        return _tracy_widom_mean(rows, columns, 1)
    if method == "exact":
        return _laguerre_pfaffian.mean_largest(_laguerre_pfaffian.ensemble(rows, columns))
    return _edge_expansion.chi_mean(rows) if columns == 1 else _edge_expansion.expansion(rows, columns, 1)


def expected_smallest_singular_value(n: int, m: int, method: str = "exact") -> float:
    """Return E σ_min, the mean of the smallest of the min(n, m) singular values.

    As `expected_spectral_norm` with √m replaced by −√m; for n = m + 1 exactly √(π/(2m)), for n = m an integral,
    ≈ 0.65568/√m.

    Parameters
    ----------
    n, m, method
        As for `expected_spectral_norm`.

    Returns
    -------
    float
        The mean; for "gordon" the lower bound √n − √m (n ≥ m).

    Raises
    ------
    TypeError, ValueError
        A size is not an integer or out of range, the method is unknown, or "tracy-widom" is asked for a square
        matrix, whose lower edge is hard.

    Domain
    ------
    As there; "closed-form" is exact for m = 1, n = m and n = m + 1, else its relative error is below 3e-7 for
    m ≥ 4, 1e-5 for m = 3 and 3e-4 for m = 2; "tracy-widom" needs n − m ≫ 1.

    References
    ----------
    Edelman 1988, Theorem 3.1 (square); Ma 2012; Gordon 1985; Su 2025 [11335], eq. 4.

    Examples
    --------
    >>> round(4 * expected_smallest_singular_value(3, 2) ** 2, 12)  # π
    3.14159265359
    """
    choice("method", method, METHODS)
    rows, columns = _sizes(n, m, exact=method == "exact")
    if method == "gordon":
        return (rows - columns) / (math.sqrt(rows) + math.sqrt(columns))
    if method == "exact":
        return _laguerre_pfaffian.mean_smallest(_laguerre_pfaffian.ensemble(rows, columns))
    if method == "tracy-widom":
        if rows == columns:
            raise ValueError(
                f'`method` must not be "tracy-widom" for a square matrix, got n = m = {rows}; its lower edge is '
                'hard, use "exact" or "closed-form"'
            )
        return _tracy_widom_mean(rows, columns, -1)
    return _closed_smallest(rows, columns)


def spectral_norm_cdf(x: ArrayLike, n: int, m: int) -> FloatArray:
    """Return P(σ_max ≤ x), the exact distribution function of the spectral norm.

    Parameters
    ----------
    x : array_like
        Where, any shape, real.
    n, m : int
        Rows and columns, in either order; the smaller at most 1024.

    Returns
    -------
    ndarray
        Probabilities, of the shape of `x`; absolute error below 1e-12, and below 1e-9 in the far tails, where the root
        of a determinant sees its rounding.

    Raises
    ------
    TypeError, ValueError
        `x` is not finite, or a size is not an integer or out of range.

    References
    ----------
    de Bruijn 1955.

    Examples
    --------
    >>> round(float(spectral_norm_cdf(1.0, 1, 1)), 12)  # P(|N(0, 1)| ≤ 1)
    0.682689492137
    """
    points, law = real_array("x", x), _laguerre_pfaffian.ensemble(*_sizes(n, m, exact=True))
    return _laguerre_pfaffian.largest_cdf(law, points.ravel() - law.centre).reshape(points.shape)


def smallest_singular_value_cdf(x: ArrayLike, n: int, m: int) -> FloatArray:
    """Return P(σ_min ≤ x), the exact distribution function of the smallest singular value.

    Parameters
    ----------
    x : array_like
        Where, any shape, real.
    n, m : int
        Rows and columns, in either order; the smaller at most 1024.

    Returns
    -------
    ndarray
        Probabilities, of the shape of `x`; absolute error below 1e-12, and below 1e-9 in the far tails, where the root
        of a determinant sees its rounding.

    Raises
    ------
    TypeError, ValueError
        `x` is not finite, or a size is not an integer or out of range.

    References
    ----------
    de Bruijn 1955.

    Examples
    --------
    >>> round(float(smallest_singular_value_cdf(1.0, 3, 2)), 12)  # 1 − 1/e: m σ_min² ~ χ²₂ for n = m + 1
    0.632120558829
    """
    points, law = real_array("x", x), _laguerre_pfaffian.ensemble(*_sizes(n, m, exact=True))
    survival = _laguerre_pfaffian.smallest_survival(law, points.ravel() - law.centre)
    return 1 - survival.reshape(points.shape)


def sample_singular_extremes(n: int, m: int, size: int, rng: np.random.Generator) -> FloatArray:
    """Draw the smallest and largest singular value of `size` independent n×m matrices, without the matrices.

    Parameters
    ----------
    n, m : int
        Rows and columns, in either order, 1 to 2⁵³.
    size : int
        Number of draws, 0 or more.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (size, 2)
        Smallest and largest singular value of each draw.

    Raises
    ------
    TypeError, ValueError
        A size is not an integer or out of range, or `rng` is not a generator.

    Domain
    ------
    Exact law but for the cut of the bidiagonal model to its top corner (2e-10 Tracy–Widom scales at most in 17,000
    draws of 3000×3000, 3e-14 in the mean) and rounding (ε n^{2/3} scales). Where the corner of σ_min is too large,
    near-square matrices above all, σ_min is drawn from an independent smaller matrix with the same n − m and
    rescaled: its distribution function is off by less than 1e-7, and its weak dependence on σ_max is lost.

    References
    ----------
    Dumitriu and Edelman 2002, Theorem 3.1; Edelman and Persson 2005 (top corner).

    Examples
    --------
    >>> draws = sample_singular_extremes(10**9, 10**9, 2, np.random.default_rng(0))
    >>> np.round(draws[:, 1] / 2e9**0.5 / 2**0.5, 5)  # relative to √n + √m
    array([1., 1.])
    """
    rows, columns = _sizes(n, m, exact=False)
    count = integer("size", size, low=0)
    generator("rng", rng)
    return np.array([_bidiagonal.draw(rows, columns, rng) for _ in range(count)]).reshape(count, 2)


def marchenko_pastur_pdf(x: ArrayLike, ratio: float) -> FloatArray:
    """Return the Marchenko–Pastur density of the eigenvalues of WᵀW/n for n×m W as n, m → ∞ with m/n → `ratio`.

    √((b − x)(x − a))/(2π·ratio·x) on [a, b] = [(1 − √ratio)², (1 + √ratio)²]; for ratio > 1 this continuous part
    has mass 1/ratio, the rest is an atom at 0.

    Parameters
    ----------
    x : array_like
        Where, any shape, real; the density is ∞ at 0 for ratio 1.
    ratio : float
        m/n, positive.

    Returns
    -------
    ndarray
        Density, of the shape of `x`.

    Raises
    ------
    TypeError, ValueError
        `x` is not finite, or the ratio is not positive.

    References
    ----------
    Marchenko and Pastur 1967.

    Examples
    --------
    >>> round(float(2 * np.pi * marchenko_pastur_pdf(1.0, 1.0)) ** 2, 12)  # √(3 · 1)² = 3
    3.0
    """
    points, c = real_array("x", x), real_number("ratio", ratio, low=0, low_open=True)
    low, high = (1 - math.sqrt(c)) ** 2, (1 + math.sqrt(c)) ** 2
    inside = (points >= low) & (points <= high)
    safe = np.where(inside, points, high)
    with np.errstate(divide="ignore"):
        rest = (safe - low) / safe if low > 0 else np.ones_like(safe)
        density = np.sqrt(high - safe) / np.sqrt(safe) * np.sqrt(rest) / (2 * np.pi * c)
    return np.where(inside, density, 0.0)


def _sizes(n: int, m: int, *, exact: bool) -> tuple[int, int]:
    """Return the sizes, larger first, checked."""
    remedy = "float64 cannot tell larger sizes apart"
    pairs = (("n", n), ("m", m))
    sizes = [integer(name, integer(name, size, low=1), high=SIZE_LIMIT, remedy=remedy) for name, size in pairs]
    if exact and min(sizes) > EXACT_LIMIT:
        raise ValueError(
            f"the smaller of `n` and `m` must be at most {EXACT_LIMIT} for the exact law, got {min(sizes)}; "
            'use method="closed-form", or sample_singular_extremes'
        )
    return max(sizes), min(sizes)


def _tracy_widom_mean(n: int, m: int, side: int) -> float:
    mu, s, _, _ = _edge_expansion.edge_scales(n, m, side)
    return mu + s * _tracy_widom.moment(1)


def _closed_smallest(n: int, m: int) -> float:
    if m == 1:
        return _edge_expansion.chi_mean(n)
    if n == m:
        return _edge_expansion.square_smallest(m)
    return math.sqrt(math.pi / (2 * m)) if n == m + 1 else _edge_expansion.expansion(n, m, -1)
