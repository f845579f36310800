"""Closed forms of ∫ e^{−2λ(A(s)−A(u))} η(u)² du over one piece of a schedule, A = ∫η.

This is what a piece adds to the mean square of the weights under a constant weight decay λ. Where a closed form
loses digits to cancellation, and for the cosine, which has none, Gauss–Legendre panels reach the last digits
because the integrand is smooth on each of them.
"""

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import dawsn, erfcx, expi, exprel

from optnotes.schedules._pieces import InverseSqrt, InverseTime, Piece, Straight

FloatArray = NDArray[np.float64]
Form = Callable[[float, FloatArray], FloatArray]
SERIES = 40.0  # from here on e^{−x} is below rounding, and so is the asymptotic series' smallest term


def relaxed(piece: Piece, weight_decay: float, s: FloatArray) -> FloatArray:
    """Return the integral from 0 to `s`, shape (n,)."""
    if weight_decay == 0:
        return piece.area_square(s)
    kappa = weight_decay * piece.area(s)
    form, safe = _closed_form(piece, s, kappa)
    result = np.empty_like(s)
    result[safe] = form(weight_decay, s[safe])
    result[~safe] = _quadrature(piece, weight_decay, s[~safe], float(kappa.max(initial=0.0)))
    return result


def _closed_form(piece: Piece, s: FloatArray, kappa: FloatArray) -> tuple[Form, NDArray[np.bool_]]:
    """Return the closed form, and where it keeps its digits."""
    match piece:
        case Straight() if piece.start == piece.end:
            return lambda decay, s: _constant(piece, decay, s), kappa > 1
        case Straight():
            return lambda decay, s: _straight(piece, decay, s), kappa > 1
        case InverseTime():
            return lambda decay, s: _inverse_time(piece, decay, s), kappa >= 0
        case InverseSqrt():
            return lambda decay, s: _inverse_sqrt(piece, decay, s), (kappa > 1) | ((kappa > 0) & (piece.decay * s > 2))
    return lambda _, s: s, kappa < 0


def _constant(piece: Straight, decay: float, s: FloatArray) -> FloatArray:
    return np.asarray(-np.expm1(-2 * decay * piece.area(s)) * piece.start / (2 * decay), dtype=np.float64)


def _straight(piece: Straight, decay: float, s: FloatArray) -> FloatArray:
    root = np.sqrt(decay / abs(piece.slope))
    first, last = root * piece.start, root * piece.rate(s)
    kept = np.exp(-2 * decay * piece.area(s))
    if piece.slope > 0:
        bracket = last - dawsn(last) - kept * (first - dawsn(first))
    else:
        half = np.sqrt(np.pi) / 2
        bracket = last + half * erfcx(last) - kept * (first + half * erfcx(first))
    return np.asarray(bracket / (2 * decay * root), dtype=np.float64)


def _inverse_time(piece: InverseTime, decay: float, s: FloatArray) -> FloatArray:
    log_growth = np.log1p(piece.decay * s)
    power = 2 * decay * piece.start / piece.decay - 1
    mean: FloatArray = np.exp(-log_growth) * exprel(-power * log_growth)
    return piece.start**2 / piece.decay * log_growth * mean


def _inverse_sqrt(piece: InverseSqrt, decay: float, s: FloatArray) -> FloatArray:
    first = np.asarray(4 * decay * piece.start / piece.decay)
    last = first * np.sqrt(1 + piece.decay * s)
    kept = np.exp(-2 * decay * piece.area(s))
    return 2 * piece.start**2 / piece.decay * (_scaled_expi(last) - kept * _scaled_expi(first))


def _scaled_expi(x: FloatArray) -> FloatArray:
    """Return e^{−x} Ei(x), x > 0, by its asymptotic series Σ k!/x^{k+1} where that is exact to rounding."""
    large = np.maximum(x, SERIES)
    series = np.ones_like(large)
    for k in range(int(SERIES) - 2, 0, -1):
        series = 1 + k / large * series
    small = np.minimum(x, SERIES)
    return np.where(x < SERIES, np.exp(-small) * expi(small), series / large)


def _quadrature(piece: Piece, decay: float, s: FloatArray, kappa: float) -> FloatArray:
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(0.0, 1.0, 2 + int(kappa / 4))  # the exponent changes by about 8 on a panel
    total = np.zeros_like(s)
    for low, high in itertools.pairwise(edges):
        u = s[:, None] * (low + (high - low) * (1 + nodes) / 2)
        exponent = -2 * decay * (piece.area(s)[:, None] - piece.area(u))
        total += np.exp(exponent) * piece.rate(u) ** 2 @ weights * (s * (high - low) / 2)
    return total
