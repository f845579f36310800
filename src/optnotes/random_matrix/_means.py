"""Means of the extreme singular values; every method goes through here."""

from __future__ import annotations

import math

from optnotes._ground.arguments import choice

from . import _edge_expansion, _laguerre_pfaffian, _tracy_widom
from ._sizes import checked_sizes

METHODS = ("exact", "closed-form", "tracy-widom", "gordon")


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
    With m the smaller size, relative errors are: "exact" 1e-12 at the sizes with a closed mean, and 2e-11 at most
    against "closed-form" for m from 300 to 1024; "closed-form" below 1e-8 for m ≥ 5, 1e-9 for m ≥ 20, and 1e-6, 2e-5,
    1e-3 for m = 4, 3, 2 (m = 1 is exact), on the shapes compared, its coefficients beyond the first order fitted to
    exact means, in a second, on the first call; "tracy-widom" 0.13 % at 7×5, O(m^{−4/3}) for fixed n/m; "gordon" is
    too high by 19 % at 7×5, 0.1 % at 11008×4096.
    Claims: `sn-exact-means`, `sn-closed-form-large`, `sn-closed-form-five`, `sn-closed-form-twenty`,
    `sn-domain-closed`, `sn-tracy-widom-small`, `sn-tracy-widom-rate`, `sn-sum-error`.

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
    rows, columns = checked_sizes(n, m, exact=method == "exact")
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
    "exact" errs by 1e-12 at most for n = m + 1, m ≤ 1024, and n = m ≤ 512; "closed-form" is exact for m = 1, n = m and
    n = m + 1, else its relative error is below 3e-7 for m ≥ 4, 1e-5 for m = 3 and 3e-4 for m = 2, on the shapes
    compared; "tracy-widom" needs n − m ≫ 1 and errs by 0.9 % at 32×8.
    Claims: `sn-package-one-more-row`, `sn-package-square`, `sn-closed-form-smallest`, `sn-closed-form-narrow`,
    `sn-tracy-widom-smallest-size`.

    References
    ----------
    Edelman 1988, Theorem 3.1 (square); Ma 2012; Gordon 1985; Su 2025 [11335], eq. 4.

    Examples
    --------
    >>> round(4 * expected_smallest_singular_value(3, 2) ** 2, 12)  # π
    3.14159265359
    """
    choice("method", method, METHODS)
    rows, columns = checked_sizes(n, m, exact=method == "exact")
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


def _tracy_widom_mean(n: int, m: int, side: int) -> float:
    mu, s, _, _ = _edge_expansion.edge_scales(n, m, side)
    return mu + s * _tracy_widom.moment(1)


def _closed_smallest(n: int, m: int) -> float:
    if m == 1:
        return _edge_expansion.chi_mean(n)
    if n == m:
        return _edge_expansion.square_smallest(m)
    return math.sqrt(math.pi / (2 * m)) if n == m + 1 else _edge_expansion.expansion(n, m, -1)
