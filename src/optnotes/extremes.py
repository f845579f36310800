"""The largest of n independent standard normal variables: law, moments, approximations, rounding ties.

The chapter `maximum-of-normals` derives what stands here. n is any real number ≥ 1, where a real n means the law with
distribution function Φ(z)ⁿ; Python integers too large for a float are welcome, up to e^100000. Functions take a number
or an array of any shape and return a float or an array of that shape.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from optnotes import _maximum
from optnotes._arguments import FloatArray, integer, real_array, real_number, require
from optnotes._ties import tie_probability

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

_LARGEST_ORDER = 20  # later terms of the series are lost to rounding wherever they would still be small


def max_cdf(z: ArrayLike, n: ArrayLike) -> FloatArray:
    """Distribution function of the largest of n standard normal variables.

    P(z_max ≤ z) = Φ(z)ⁿ.

    Parameters
    ----------
    z : array_like, finite; broadcasts with n.
    n : array_like, ≥ 1. Number of variables.

    Returns
    -------
    float or array of the broadcast shape, in [0, 1].

    Raises
    ------
    TypeError, ValueError : z not finite real numbers, n not real numbers ≥ 1.

    Domain
    ------
    Exact. Rounding is that of moving z by about one unit in its last place.

    References
    ----------
    David and Nagaraja 2003, Order Statistics, eq. 2.1.1. Su 2025 [11390], section on the density.

    Examples
    --------
    >>> max_cdf(0.0, 3)
    0.125
    """
    z, (size, log_size) = real_array("z", z), _maximum.sample_size(n)
    return _maximum.plain(np.exp(_log_power(z, size, log_size)))


def max_pdf(z: ArrayLike, n: ArrayLike) -> FloatArray:
    """Density of the largest of n standard normal variables.

    p(z) = n φ(z) Φ(z)ⁿ⁻¹.

    Parameters
    ----------
    z : array_like, finite; broadcasts with n.
    n : array_like, ≥ 1. Number of variables.

    Returns
    -------
    float or array of the broadcast shape, ≥ 0.

    Raises
    ------
    TypeError, ValueError : z not finite real numbers, n not real numbers ≥ 1.

    Domain
    ------
    Exact. Rounding is that of moving z by about one unit in its last place (relative 1e-13 at n = 1e300).

    References
    ----------
    David and Nagaraja 2003, eq. 2.1.6. Su 2025 [11390], section on the density.

    Examples
    --------
    >>> round(max_pdf(0.0, 2), 12)  # φ(0) = 1/√(2π)
    0.398942280401
    """
    z, (size, log_size) = real_array("z", z), _maximum.sample_size(n)
    log_power = _log_power(z, np.maximum(size - 1, 0.0), log_size)
    return _maximum.plain(np.exp(log_size - z**2 / 2 - math.log(2 * math.pi) / 2 + log_power))


def max_ppf(q: ArrayLike, n: ArrayLike) -> FloatArray:
    """Quantile of the largest of n standard normal variables.

    z = Φ⁻¹(q^(1/n)).

    Parameters
    ----------
    q : array_like in (0, 1); broadcasts with n.
    n : array_like, ≥ 1. Number of variables.

    Returns
    -------
    float or array of the broadcast shape.

    Raises
    ------
    TypeError, ValueError : q outside (0, 1), n not real numbers ≥ 1.

    Domain
    ------
    Exact, with an error below 4e-16 max(1, |z|). The quantile q = exp(−e^(−γ)) = 0.5704, where the Gumbel law has its
    mean, is the best simple approximation of `expected_max`: 1.2 % above it at n = 100, 0.04 % at 1e10.

    References
    ----------
    Inverse transform; Su 2025 [11390], last section.

    Examples
    --------
    >>> round(max_ppf(0.5, 1e6), 6)
    4.82949
    """
    q = real_array("q", q, low=0.0, high=1.0, low_open=True, high_open=True)
    log_y = np.log(-np.log(q)) - _maximum.sample_size(n)[1]
    return _maximum.plain(_maximum.quantile(log_y))


def mode_max(n: ArrayLike) -> FloatArray:
    """Mode of the density of the largest of n standard normal variables: its Laplace point.

    (n − 1) φ(z) = z Φ(z); without the factor Φ(z), z² = W((n − 1)²/(2π)) with Lambert's W. Newton's method in log z
    starts there.

    Parameters
    ----------
    n : array_like, ≥ 1. Number of variables.

    Returns
    -------
    float or array of the shape of n, ≥ 0.

    Raises
    ------
    TypeError, ValueError : n not real numbers ≥ 1.

    Domain
    ------
    Exact for every n, 0 at n = 1; measured relative error below 5e-15. As an approximation of the mean it is low by
    about γ/z.

    References
    ----------
    Su 2025 [11390], Laplace approximation. Corless et al. 1996, On the Lambert W function.

    Examples
    --------
    >>> z = mode_max(100)
    >>> round(99 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) - z * special.ndtr(z), 12)
    0.0
    """
    log_size = _maximum.sample_size(n)[1]
    positive = log_size > 0
    log_rest = np.where(positive, log_size, 1.0)
    target = log_rest + np.log(-np.expm1(-log_rest)) - math.log(2 * math.pi) / 2
    z = np.sqrt(special.wrightomega(2 * target))
    for _ in range(6):  # convex in log z, so the steps after the first come from above; four reach rounding
        tail = special.log_ndtr(z)
        slope = 1 + z**2 + z * np.exp(-(z**2) / 2 - tail) / math.sqrt(2 * math.pi)
        z = z * np.exp((target - np.log(z) - z**2 / 2 - tail) / slope)
    return _maximum.plain(np.where(positive, z, 0.0))


def expected_max(n: ArrayLike) -> FloatArray:
    """Expectation of the largest of n standard normal variables.

    E z_max = ∫₀^∞ e^(−x) Φ⁻¹(e^(−x/n)) dx, from a piecewise polynomial that is built from this integral on first use.

    Parameters
    ----------
    n : array_like, ≥ 1. Number of variables.

    Returns
    -------
    float or array of the shape of n; 0 at n = 1.

    Raises
    ------
    TypeError, ValueError : n not real numbers ≥ 1.

    Domain
    ------
    Exact for every real n ≥ 1: relative error below 2e-15 everywhere, also as n → 1.

    References
    ----------
    David and Nagaraja 2003, section 3.1. Su 2025 [11390], which gives bounds and asymptotics.

    Examples
    --------
    >>> round(expected_max(2) * math.sqrt(math.pi), 14)  # E = 1/√π
    1.0
    >>> round(expected_max(4096), 6)
    3.625827
    """
    log_size = _maximum.sample_size(n)[1]
    ratio = _maximum.interpolant(_maximum.mean_over_gap)(np.log1p(log_size))
    return _maximum.plain(ratio * -np.expm1(-log_size))


def variance_max(n: ArrayLike) -> FloatArray:
    """Variance of the largest of n standard normal variables.

    Var z_max = ∫₀^∞ e^(−x) (Φ⁻¹(e^(−x/n)) − E z_max)² dx ~ π²/(12 log n).

    Parameters
    ----------
    n : array_like, ≥ 1. Number of variables.

    Returns
    -------
    float or array of the shape of n; 1 at n = 1.

    Raises
    ------
    TypeError, ValueError : n not real numbers ≥ 1.

    Domain
    ------
    Exact for every real n ≥ 1: relative error below 5e-15.

    References
    ----------
    David and Nagaraja 2003, section 3.1.

    Examples
    --------
    >>> round(variance_max(2) + 1 / math.pi, 14)  # Var = 1 − 1/π
    1.0
    """
    log_size = _maximum.sample_size(n)[1]
    return _maximum.plain(_maximum.interpolant(_maximum.variance)(np.log1p(log_size)))


def expected_max_plugin(n: ArrayLike, alpha: float = 0.0) -> FloatArray:
    """Normal quantile at the plotting position of the largest of n.

    Φ⁻¹((n − α)/(n − 2α + 1)). α = 0 puts the mean of the largest uniform variable into Φ⁻¹; Blom takes α = 3/8.

    Parameters
    ----------
    n : array_like, ≥ 1. Number of variables.
    alpha : float in [0, 1).

    Returns
    -------
    float or array of the shape of n.

    Raises
    ------
    TypeError, ValueError : n not real numbers ≥ 1, alpha outside [0, 1).

    Domain
    ------
    The quantile is computed to 1e-15. Against `expected_max` at n = 100, 4096, 1e10: α = 0 is low by 7.1, 3.8, 1.3 %,
    α = 3/8 by 0.36, 0.42, 0.21 %.

    References
    ----------
    Blom 1958, Statistical Estimates and Transformed Beta-Variables, p. 69. Su 2025 [11390], last section (α = 0).

    Examples
    --------
    >>> round(expected_max_plugin(3), 12)  # Φ⁻¹(3/4)
    0.674489750196
    """
    log_size = _maximum.sample_size(n)[1]
    alpha = real_number("alpha", alpha, low=0.0, high=1.0, high_open=True)
    log_count = log_size + np.log1p((1 - 2 * alpha) * np.exp(-log_size))  # log(n + 1 − 2α)
    odds = -np.expm1(-log_size) * np.exp(log_size - log_count)  # Φ(z) − Φ(−z): exact where z is near 0
    near = math.sqrt(2) * special.erfinv(np.minimum(odds, 0.5))
    return _maximum.plain(np.where(odds < 0.5, near, -special.ndtri_exp(math.log1p(-alpha) - log_count)))


def expected_max_asymptotic(n: ArrayLike, order: int) -> FloatArray:
    """Asymptotic expansion of the expected largest of n standard normal variables.

    Order 0: √(2 log n). Order 1: √(2 log n) − (log log n + log 4π − 2γ)/(2 √(2 log n)).
    Order k ≥ 2: Σ_{j<k} f⁽ʲ⁾(log n + γ) μ_j/j! with f the inverse of z ↦ −log(1 − Φ(z)), μ_j the central moments of the
    Gumbel law and γ Euler's constant; order 2 is f alone, since μ₁ = 0.

    Parameters
    ----------
    n : array_like, ≥ 1, and > 1 at order 1. Number of variables.
    order : int from 0 to 20.

    Returns
    -------
    float or array of the shape of n.

    Raises
    ------
    TypeError, ValueError : n or order outside these ranges.

    Domain
    ------
    With L = log n the error is O(log L/√L) at order 0, O(log²L/L^(3/2)) at order 1, O(L^(1/2 − k)) at order k ≥ 2. The
    expansion diverges: at best it misses by about 1/n.

    References
    ----------
    Cramér 1946, Mathematical Methods of Statistics, eq. 28.6.13-16 (order 1). Su 2025 [11390], eq. 1 (order 0).

    Examples
    --------
    >>> [round(expected_max_asymptotic(1e10, order) / expected_max(1e10) - 1, 6) for order in (0, 1, 2, 3)]
    [0.053437, -0.001502, 0.000418, -1.1e-05]
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


def _log_power(z: FloatArray, power: FloatArray, log_size: FloatArray) -> FloatArray:
    # log Φ(z)^power; an infinite power stands for exp(log_size), and Φ(z) is then within rounding of its tail form.
    finite = np.isfinite(power)
    log_cdf = special.log_ndtr(z)
    log_rate = np.where(z > 9, special.log_ndtr(-np.abs(z)), np.log(-special.log_ndtr(np.minimum(z, 9))))
    huge = -np.exp(np.minimum(log_size + log_rate, 700.0))
    return np.where(finite, np.where(finite, power, 0.0) * log_cdf, huge)


def _gumbel_series(y: FloatArray, order: int) -> FloatArray:
    z = -special.ndtri_exp(-y)
    taylor = _inverse_tail_taylor(z, order)
    moments = [1.0, 0.0]  # μ_j/j!, from the cumulants (j − 1)! ζ(j)
    for k in range(2, order):
        moments.append(sum(special.zeta(j) * moments[k - j] for j in range(2, k + 1)) / k)
    total: FloatArray = sum(taylor[k] * math.factorial(k) * moments[k] for k in range(order))
    return total


def _inverse_tail_taylor(z: FloatArray, order: int) -> list[FloatArray]:
    # Along y = −log Q(z): z' = M and M' = M (z M − 1), M the Mills ratio; Cauchy products give the coefficients.
    point, mills = [z], [_maximum.mills_ratio(z)]
    bend: list[FloatArray] = []
    for k in range(order - 1):
        bend.append(sum(point[i] * mills[k - i] for i in range(k + 1)) - (k == 0))
        point.append(mills[k] / (k + 1))
        mills.append(sum(mills[i] * bend[k - i] for i in range(k + 1)) / (k + 1))
    return point
