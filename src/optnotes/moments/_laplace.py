"""Exact moments of m/√v for exponential moving averages of Gaussian gradients, by Laplace transforms.

With 1/√v = π^{-1/2} ∫ s^{-1/2} e^{-sv} ds the ratio becomes a polynomial times e^{-sv}. Its expectation is a product
over past gradients, because m is linear and v is quadratic in independent normals. Gradients are scaled to E g² = 1,
so every formula stays finite from snr = 0 to snr → ∞. The topic module `moments` is the public door.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.linalg import eigh_tridiagonal
from scipy.special import expit

from optnotes._ground.arguments import FloatArray

_NEGLIGIBLE = 40.0  # e^-40 is below the last digit of a float64
_SMALLEST = 1e-300  # stands for 0 where a logarithm is taken
_GAUSS_POINTS = 16  # exact for polynomials of degree 31 on each block of a sum
_LARGEST_SNR = 1e30  # beyond it the noise is below the last digit, and β₂^j·variance would underflow
_STEP = 1 / 4  # trapezoid step; the tests halve it, which moves no result by more than 1e-13
_TABLE_STEP = 1 / 25  # knots of a spline of degree 7; the tests halve it too


def decaying_sum_rule(rates: tuple[float, ...], reach: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Return nodes j and weights w with Σ_{j≥0} F(j) ≈ Σ w F(j), for F built from the decays e^{-rate·j}.

    Blocks grow by half of their start, so the cost is logarithmic in 1/rate. Below `reach` they stay shorter than
    four over the fastest rate, where a logistic switch 1/(1+x e^{-rate·j}) may turn.
    """
    stop = max(reach, _NEGLIGIBLE / min(rates))
    blocks, start = [], 0
    while start < stop:
        longest = 4.0 / rates[0] if start < reach else np.inf
        length = int(max(_GAUSS_POINTS, min(start / 2, longest)))
        nodes, weights = _gauss_sum(length)
        blocks.append((nodes + start, weights))
        start += length
    return np.concatenate([nodes for nodes, _ in blocks]), np.concatenate([weights for _, weights in blocks])


@dataclass(frozen=True)
class TiltedMoments:
    """Moments of m under the weight e^{-sv}, for iid gradients with E g² = 1 and mean² / variance = `snr`.

    Under the weight, gradient j of the past is normal with mean and variance divided by a_j = 1 + 2(1−β₂)σ²sβ₂^j.
    """

    beta1: float
    beta2: float
    snr: float

    def at(self, log_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return log E e^{-sv}, E[m e^{-sv}]/E e^{-sv} and E[m² e^{-sv}]/E e^{-sv} at s = exp(`log_s`)."""
        j, weights = self._ages
        snr = min(self.snr, _LARGEST_SNR)
        variance = 1.0 / (1.0 + snr)
        log_first = np.log(2.0 * (1.0 - self.beta2) * variance)
        log_x = np.add.outer(log_s, log_first + j * np.log(self.beta2))
        log_weight = -0.5 * (np.logaddexp(0.0, log_x) + snr * expit(log_x)) @ weights
        share = (1.0 - self.beta1) * self.beta1**j
        shrink = expit(-log_x)
        first = np.sqrt(snr * variance) * (shrink @ (weights * share))
        return log_weight, first, variance * (shrink @ (weights * share**2)) + first**2

    def second_moment(self) -> float:
        """Return E[m²/v] = ∫ E[m² e^{-sv}] ds."""
        log_s, step = self._grid
        log_weight, _, second = self._on_grid
        return float(np.sum(step * np.exp(log_s + log_weight) * second))

    def mean(self) -> float:
        """Return E[m/√v] = π^{-1/2} ∫ s^{-1/2} E[m e^{-sv}] ds."""
        log_s, step = self._grid
        log_weight, first, _ = self._on_grid
        return float(np.sum(step * np.exp(0.5 * log_s + log_weight) * first) / np.sqrt(np.pi))

    def autocovariance(self, lag: float) -> float:
        """Return Cov(u_t, u_{t+lag}), a double integral over s and s'; analytic in the lag, so any real lag ≥ 0."""
        log_s, step = self._grid
        log_weight, first, _ = self._on_grid
        keep1, log_keep2 = self.beta1**lag, lag * np.log(self.beta2)
        old_weight, old_first, _ = self._table(log_s + log_keep2)
        log_past, past_first, past_second = self._table(np.logaddexp.outer(log_s, log_s + log_keep2))
        new = step * np.exp(0.5 * log_s + log_weight - old_weight)
        moment = keep1 * past_second + past_first * (first - keep1 * old_first)
        total = (step * np.exp(0.5 * log_s)) @ (np.exp(log_past) * moment) @ new
        return float(total) / np.pi - self.mean() ** 2

    def covariance_sum(self, beta3: float) -> float:
        """Return Σ_k beta3^|k| Cov(u_t, u_{t+k}) over all integers k."""
        rate = -np.log(max(self.beta1, self.beta2 if self.snr else 0.0, _SMALLEST)) - np.log(max(beta3, _SMALLEST))
        lags, weights = decaying_sum_rule((rate,))
        one_sided = sum(w * beta3**k * self.autocovariance(k) for k, w in zip(lags, weights, strict=True))
        return float(2.0 * one_sided - self.autocovariance(0.0))

    @cached_property
    def _ages(self) -> tuple[FloatArray, FloatArray]:
        rate1, rate2 = -np.log(max(self.beta1, _SMALLEST)), -np.log(self.beta2)
        largest = np.sqrt(4.0 * rate2 * _NEGLIGIBLE) + 4.0 * rate2  # bound on log s, see `_grid`
        reach = (largest + 2 * _NEGLIGIBLE) / rate2
        return decaying_sum_rule((rate2, rate1), reach)

    @cached_property
    def _grid(self) -> tuple[FloatArray, FloatArray]:
        """Log s = x − e^{-x}: the algebraic end s → 0 becomes doubly exponential, the other end stays as it is."""
        highest = 4.0
        while highest + self.at(np.array([highest]))[0][0] > -_NEGLIGIBLE:
            highest += 2.0
        x = np.arange(-np.log(2.0 * _NEGLIGIBLE), highest, _STEP)
        return x - np.exp(-x), _STEP * (1.0 + np.exp(-x))

    @cached_property
    def _on_grid(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self.at(self._grid[0])

    @cached_property
    def _spline(self) -> BSpline:
        log_s = self._grid[0]
        knots = np.arange(log_s[0] - _TABLE_STEP, log_s[-1] + 1.0, _TABLE_STEP)
        return make_interp_spline(knots, np.stack(self.at(knots), axis=-1), k=7)

    def _table(self, log_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        values = self._spline(np.maximum(log_s, self._grid[0][0]))  # below, e^{-sv} is 1 to the last digit
        return values[..., 0], values[..., 1], values[..., 2]


@lru_cache(maxsize=256)
def _gauss_sum(length: int) -> tuple[FloatArray, FloatArray]:
    """Gauss rule of the sum over 0 … length−1: Golub–Welsch with the recurrence of Gram's discrete polynomials."""
    if length <= _GAUSS_POINTS:
        return np.arange(float(length)), np.ones(length)
    k = np.arange(1.0, _GAUSS_POINTS)
    off_diagonal = 0.5 * k * np.sqrt((float(length) ** 2 - k**2) / (4.0 * k**2 - 1.0))
    nodes, vectors = eigh_tridiagonal(np.zeros(_GAUSS_POINTS), off_diagonal)
    return nodes + 0.5 * (length - 1), length * vectors[0] ** 2
