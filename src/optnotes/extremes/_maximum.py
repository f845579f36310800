"""Machinery behind `optnotes.extremes`: argument n, normal quantile, Mills ratio, quadrature, interpolants.

Everything is a function of log n, so that no n is too large. With U uniform, the maximum of n normal variables is
Φ⁻¹(U^(1/n)) = Φ⁻¹(exp(−x/n)), x standard exponential: a fixed density and a slowly varying integrand for every n.
"""

import functools
import math
from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import ArrayLike
from scipy import interpolate, special

from optnotes._ground.arguments import FloatArray, real_array, require

LARGEST_LOG = 1e5  # up to here a maximum beyond 448, the end of float8_e4m3fn, has a probability below e^(−350)
_INTEGER_CAP = 2**1022  # larger Python ints may not fit into a float64: their logarithm is taken as an integer's
_LOG_TWO = math.log(2.0)
_CENTRE = 29  # the node t = 0, x = 1/e


def sample_size(n: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return n as float64 (inf where a Python int is too large) and log n, or raise."""
    size = real_array("n", _capped(n), low=1.0, remedy="pass the number of variables")
    if (size < _INTEGER_CAP).all():
        return size, np.log(size)
    logs = np.frompyfunc(math.log, 1, 1)(np.asarray(n, dtype=object))
    log_size = np.asarray(logs, dtype=np.float64)
    require((log_size <= LARGEST_LOG).all(), "n", f"be at most exp({LARGEST_LOG:g})", "a larger integer")
    return np.where(log_size > math.log(np.finfo(np.float64).max), np.inf, size), log_size


def plain(result: FloatArray) -> float | FloatArray:
    """Return an array as it is and a zero-dimensional array as a Python float."""
    return result if np.ndim(result) else result.item()


def log_survival(log_y: FloatArray) -> FloatArray:
    """Return log(1 − e^(−y)) from log y."""
    log_tail: FloatArray = log_y + np.log(special.exprel(-np.exp(log_y)))
    return log_tail


def quantile(log_y: FloatArray) -> FloatArray:
    """Return Φ⁻¹(e^(−y)) from log y, through the smaller of the two tails."""
    y = np.exp(log_y)
    z: FloatArray = np.where(y > _LOG_TWO, special.ndtri_exp(-y), -special.ndtri_exp(log_survival(log_y)))
    return z


def mills_ratio(z: FloatArray) -> FloatArray:
    """Return (1 − Φ(z))/φ(z)."""
    ratio: FloatArray = math.sqrt(math.pi / 2) * special.erfcx(z / math.sqrt(2))
    return ratio


@functools.cache
def exponential_rule() -> tuple[FloatArray, FloatArray]:
    """Return nodes log x and weights of ∫₀^∞ e^(−x) f(x) dx, the trapezoidal rule in t with x = exp(t − e^(−t))."""
    t = np.arange(-29, 32) / 8  # a dyadic step is exact: rounding it would scale the integral
    log_x = t - np.exp(-t)
    return log_x, 0.125 * (1 + np.exp(-t)) * np.exp(log_x - np.exp(log_x))


def mean_over_gap(log_size: FloatArray) -> FloatArray:
    """Return E z_max / (1 − 1/n), which stays finite and free of cancellation at n = 1."""
    near, above = _mean_near_one(np.minimum(log_size, 1.0)), _mean_above_one(np.maximum(log_size, 1.0))
    return np.where(log_size < 1.0, near, above)


def variance(log_size: FloatArray) -> FloatArray:
    """Return Var z_max by the exponential rule, from deviations that stay exact when the maximum hardly varies."""
    log_x, weights = exponential_rule()
    log_y = log_x - log_size[..., None]
    z = quantile(log_y)
    centre = z[..., _CENTRE, None]
    deviation = z - centre
    # One Newton step on log Q(z) − log Q(centre), whose two sides are differences: rounding of z drops out.
    tail_ratio = np.log(mills_ratio(z) / mills_ratio(centre)) - deviation * (z + centre) / 2
    target = log_x - log_x[_CENTRE] + np.log(special.exprel(-np.exp(log_y)))
    target -= target[..., _CENTRE, None]
    deviation += np.where(z > 0, (tail_ratio - target) * mills_ratio(z), 0.0)
    spread: FloatArray = (deviation - (deviation @ weights)[..., None]) ** 2 @ weights
    return spread


@functools.cache
def interpolant(function: Callable[[FloatArray], FloatArray]) -> interpolate.PPoly:
    """Return a piecewise polynomial in log(1 + log n) that reproduces `function` to rounding, built on first use."""
    degree, edges = 10, np.linspace(0.0, math.log1p(LARGEST_LOG), 65)
    width = edges[1]
    local = width / 2 * (1 - np.cos((2 * np.arange(degree + 1) + 1) * math.pi / (2 * degree + 2)))
    values = function(np.expm1(edges[:-1] + local[:, None]))
    scale = width ** np.arange(degree, -1, -1.0)
    coefficients = np.linalg.solve(np.vander(local / width), values) / scale[:, None]
    return interpolate.PPoly(coefficients, edges)


def _capped(n: ArrayLike) -> ArrayLike:
    if isinstance(n, bool):
        raise TypeError(f"`n` must be real numbers, got {n}; pass the number of variables")
    if isinstance(n, int):
        return n if abs(n) < 2**63 else float(max(-_INTEGER_CAP, min(n, _INTEGER_CAP)))
    if isinstance(n, (list, tuple)):
        return cast(ArrayLike, [_capped(item) for item in n])
    if isinstance(n, np.ndarray) and n.dtype.kind == "O":
        return _capped(n.tolist())
    return n


def _mean_above_one(log_size: FloatArray) -> FloatArray:
    log_x, weights = exponential_rule()
    mean: FloatArray = quantile(log_x - log_size[..., None]) @ weights / -np.expm1(-log_size)
    return mean


def _mean_near_one(log_size: FloatArray) -> FloatArray:
    # E = ∫₀^∞ (1 − Φⁿ − Qⁿ) dz with Q = 1 − Φ; taking out n − 1 leaves two positive terms.
    t = np.arange(-64, 48) / 16
    z = np.exp(t - np.exp(-t))
    weights = 0.0625 * z * (1 + np.exp(-t))
    gap = np.expm1(log_size)[..., None]
    upper, lower = special.log_ndtr(z), special.log_ndtr(-z)
    terms = [-np.exp(tail) * tail * special.exprel(gap * tail) for tail in (upper, lower)]
    mean: FloatArray = np.exp(log_size) * ((terms[0] + terms[1]) @ weights)
    return mean
