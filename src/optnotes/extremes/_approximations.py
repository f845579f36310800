"""Approximations of the expected maximum; the public names are in `optnotes.extremes`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from optnotes._ground.arguments import FloatArray, integer, real_number, require

from . import _maximum
from ._parameters import described

_LARGEST_ORDER = 20


@described
def expected_max_plugin(n: ArrayLike, alpha: float = 0.0) -> float | FloatArray:
    """Return the normal quantile at the plotting position of the largest of n.

    Φ⁻¹((n − α)/(n − 2α + 1)). α = 0 puts the mean of the largest uniform variable into Φ⁻¹; Blom takes α = 3/8.

    Parameters
    ----------
    {size}
    alpha : float
        In [0, 1).

    Returns
    -------
    float or array
        Of the shape of n.

    Raises
    ------
    TypeError, ValueError
        If n is not a real number ≥ 1, or alpha outside [0, 1).

    Domain
    ------
    The quantile is computed to 1e-15. Against `expected_max` at n = 100, 4096, 1e10: α = 0 is low by 7.1, 3.8, 1.3 %,
    α = 3/8 by 0.36, 0.42, 0.21 %.
    Claims: `package-plugin`, `plugin-error`, `blom-low`.

    References
    ----------
    Blom 1958, Statistical Estimates and Transformed Beta-Variables. Su 2025 [11390], last section (α = 0).

    Examples
    --------
    >>> round(expected_max_plugin(3), 12)  # Φ⁻¹(3/4)
    0.674489750196
    """
    log_size = _maximum.sample_size(n)[1]
    alpha = real_number("alpha", alpha, low=0.0, high=1.0, high_open=True)
    gap = -np.expm1(-log_size)  # 1 − 1/n
    log_count = log_size + np.log(gap + 2 * (1 - alpha) * np.exp(-log_size))  # log(n + 1 − 2α), both terms positive
    odds = gap * np.exp(log_size - log_count)  # Φ(z) − Φ(−z): exact where z is near 0
    near = math.sqrt(2) * special.erfinv(np.minimum(odds, 0.5))
    return _maximum.plain(np.where(odds < 0.5, near, -special.ndtri_exp(math.log1p(-alpha) - log_count)))


def expected_max_asymptotic(n: ArrayLike, order: int) -> float | FloatArray:
    """Return the asymptotic expansion of the expected largest of n standard normal variables.

    Order 0: √(2 log n). Order 1: √(2 log n) − (log log n + log 4π − 2γ)/(2 √(2 log n)).
    Order k ≥ 2: Σ_{j<k} f⁽ʲ⁾(log n + γ) μ_j/j! with f the inverse of z ↦ −log(1 − Φ(z)), μ_j the central moments of the
    Gumbel law and γ Euler's constant; order 2 is f alone, since μ₁ = 0.

    Parameters
    ----------
    n : array_like
        Number of variables, real, ≥ 1, and > 1 at order 1.
    order : int
        From 0 to 20.

    Returns
    -------
    float or array
        Of the shape of n.

    Raises
    ------
    TypeError, ValueError
        If n or order is outside these ranges.

    Domain
    ------
    With L = log n the error is O(log L/√L) at order 0, O(log²L/L^(3/2)) at order 1, O(L^(1/2 − k)) at order k ≥ 2. The
    expansion diverges: the relative error of the best order is 1.3e-6 at n = 4096 (order 8) and 3e-13 at 1e10
    (order 20).
    Claims: `order-0-rate`, `order-1-rate`, `order-2-rate`, `order-3-rate`, `series-diverges`, `series-best`.

    References
    ----------
    Cramér 1946, Mathematical Methods of Statistics, section 28.6 (order 1). Su 2025 [11390] (order 0).

    Examples
    --------
    >>> [round(expected_max_asymptotic(1e10, order), 6) for order in (0, 1, 2, 3)]  # exact: 6.446677
    [6.78614, 6.453609, 6.449403, 6.446599]
    """
    log_size = _maximum.sample_size(n)[1]
    order = integer("order", order, low=0, high=_LARGEST_ORDER, remedy="call expected_max for the exact value")
    if order > 1:
        return _maximum.plain(_gumbel_series(log_size + np.euler_gamma, order))
    leading = np.sqrt(2 * log_size)
    if order == 1:
        require((log_size > 0).all(), "n", "be above 1 at order 1", 1, "call expected_max for the exact value")
        leading -= (np.log(log_size) + math.log(4 * math.pi) - 2 * np.euler_gamma) / (2 * leading)
    return _maximum.plain(leading)


def _gumbel_series(y: FloatArray, order: int) -> FloatArray:
    z = -special.ndtri_exp(-y)
    taylor = _inverse_tail_taylor(z, order)
    moments = [1.0, 0.0]  # μ_j/j!, from the cumulants (j − 1)! ζ(j)
    for k in range(2, order):
        moments.append(sum(special.zeta(j) * moments[k - j] for j in range(2, k + 1)) / k)
    return np.asarray(np.sum([taylor[k] * math.factorial(k) * moments[k] for k in range(order)], axis=0))


def _inverse_tail_taylor(z: FloatArray, order: int) -> list[FloatArray]:
    # Along y = −log Q(z): z' = M and M' = M (z M − 1), M the Mills ratio; Cauchy products give the coefficients.
    point, mills, bend = [z], [_maximum.mills_ratio(z)], []
    for k in range(order - 1):
        bend.append(_cauchy(point, mills, k) - (k == 0))
        point.append(mills[k] / (k + 1))
        mills.append(_cauchy(mills, bend, k) / (k + 1))
    return point


def _cauchy(left: list[FloatArray], right: list[FloatArray], k: int) -> FloatArray:
    return np.asarray(np.sum([left[i] * right[k - i] for i in range(k + 1)], axis=0))
