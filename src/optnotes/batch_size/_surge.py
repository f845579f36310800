"""The batch size at which the optimal learning rate is largest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

from optnotes._ground.arguments import FloatArray

from ._parameters import described
from ._quadratic import MatrixQuadratic, Quadratic, Summary, unit_of
from ._quotient import Problem, best_rate, terms_of
from ._update_terms import momentum_share

_PER_DECADE = 10  # points of the search: every transition of the rate takes a decade or more
_MARGIN = 4.0  # decades around the noise scales, and of each extension
_SETTLED = 1e-9  # relative difference that counts as none
_RANGE = 290.0  # decades of batch sizes that the search may reach


@described
def surge_batch_size(problem: Problem, optimizer: str = "sign-sgd", **options: float | str | None) -> float:
    """Return the batch size at which the optimal learning rate is largest, infinite where no batch beats larger ones.

    From a Summary, in closed form. SignSGD: β*² = ΣH_ii/Σ_{i≠j}H_ij s_is_j, B* = c𝓑_simple β*²/(1−β*²).
    Adam: β*² = cΣH_ii/((1−c)ΣH_ii + Σ_{i≠j}H_ij s_is_j), B* = 𝓑_simple β*²/(1−β*²); for a diagonal Hessian
    B* = 𝓑_simple(1−β₁)/(3β₁−1), if β₁ > 1/3. No surge where β*² is not in (0, 1). Otherwise by search.
    By the exact moments of Adam a diagonal Hessian surges if c + 5V/2 < 1/2 + 3A, V = (1−β₂)/(1+β₂),
    A = (1−β₁)(1−β₂)/(1−β₁β₂), from the expansion at high SNR: already below β₁ = 1/3, which is the limit β₂ → 1. A
    short memory of v has a surge without momentum, and some where the condition fails.

    Parameters
    ----------
    {problem}
    {optimizer}
    {options}

    Returns
    -------
    float, in examples. Infinite where the rate is largest without noise; 0 where it grows without end as the batch
    shrinks, because the noise meets no curvature.

    Raises
    ------
    ValueError, TypeError : as the optimiser's function.

    Domain
    ------
    Every coordinate has its own noise scale, and with it the rate may have its own hill. The search covers the noise
    scales of all coordinates (of all singular values for Muon), ten points a decade, and goes on until the rate rises
    from the left and has settled on the right. It refines every hill and returns the highest, B* to 1e-6 of it; hills
    that differ by less than 1e-9 of the learning rate are not told apart, and a fall of less counts as none. A Summary
    has one noise scale and uncorrelated noise: with unequal ones a surge may come where it has none, or elsewhere.
    Claims: `mf-surge-batch`, `mf-surge-exact`, `mf-surge-unequal`, `mf-digits-peaks`, `ema-surge`, `ema-surge-exact`,
    `ema-surge-short`, `muon-surge`, `muon-surge-package`.

    References
    ----------
    Li et al. 2024, surge phenomenon; Su 2025 [11280], [11301] item 7.

    Examples
    --------
    >>> diagonal = Quadratic([1.0, 2.0], [1.0, 1.0], [5.0, 5.0])  # 𝓑_simple = 2
    >>> round(surge_batch_size(diagonal.summary(), "adam", beta1=0.5), 6)
    2.0
    """
    terms = terms_of(optimizer)
    terms(np.ones(1), problem, **options)  # checks the arguments
    if optimizer == "sgd":
        return float("inf")
    if isinstance(problem, Summary):
        return _surge(problem, optimizer, **options)
    scales = _log_noise_scales(problem, options.get("epsilon"))
    share = momentum_share(float(options.get("beta1", 0.9) or 0.0))
    return _search(lambda place: best_rate(terms(10.0**place, problem, **options)), scales, np.log10(share))


def _log_noise_scales(problem: Quadratic | MatrixQuadratic, epsilon: float | str | None) -> FloatArray:
    """Return log₁₀ of the batch sizes at which noise and signal of one coordinate are equal."""
    if isinstance(problem, MatrixQuadratic):
        unit, rows = unit_of(problem.gradient), max(problem.gradient.shape)
        signals = np.linalg.svd(problem.gradient / unit, compute_uv=False)
        stds = np.full_like(signals, np.sqrt(rows) * problem.std / unit)
        signals[signals <= rows * np.finfo(float).eps * signals[0]] = 0.0
    else:
        signals, stds = np.abs(problem.gradient), problem.std
        signals = np.concatenate([signals, np.hypot(signals, float(epsilon))]) if epsilon else signals
        stds = np.concatenate([stds, stds]) if epsilon else stds
    both = (signals > 0.0) & (stds > 0.0)
    scales: FloatArray = 2.0 * (np.log10(stds[both]) - np.log10(signals[both]))
    return scales


def _surge(problem: Summary, optimizer: str, **options: float | str | None) -> float:
    share = momentum_share(float(options.get("beta1", 0.9) or 0.0))
    diagonal, cross = problem.diagonal, problem.cross
    if optimizer == "adam":
        diagonal, cross, share = share * diagonal, (1.0 - share) * diagonal + cross, 1.0
    return share * problem.simple_noise_scale * diagonal / (cross - diagonal) if cross > diagonal else float("inf")


def _search(rate: Callable[[FloatArray], FloatArray], scales: FloatArray, log_share: float) -> float:
    """Return the place of the global maximum of the rate over log₁₀ B; `scales` are those of the coordinates."""
    if not scales.size:
        return float("inf")
    limit = float(rate(np.array([min(scales.max() + 40.0, _RANGE)]))[0])
    if not np.isfinite(limit):
        return float("inf")
    grid = _points(scales.min() + log_share - _MARGIN / 2, scales.max() + _MARGIN)
    rates = rate(grid)
    while rates[0] > rates[1] and grid[0] > -_RANGE:
        grid, rates = _extended(rate, _points(grid[0] - _MARGIN, grid[0])[:-1], grid, rates)
    while abs(rates[-1] - limit) > _SETTLED * limit and grid[-1] < _RANGE:
        grid, rates = _extended(rate, _points(grid[-1], grid[-1] + _MARGIN)[1:], grid, rates)
    if rates[0] > rates[1]:
        return 0.0
    hills = np.flatnonzero((rates[1:-1] >= rates[:-2]) & (rates[1:-1] >= rates[2:])) + 1
    peaks = [_refined(rate, grid[hill - 1 : hill + 2]) for hill in hills]
    height, place = max(peaks, default=(0.0, 0.0))
    return float(10.0**place) if height > limit * (1.0 + _SETTLED) else float("inf")


def _points(low: float, high: float) -> FloatArray:
    return np.linspace(low, high, max(int(np.ceil((high - low) * _PER_DECADE)), 2) + 1)


def _extended(
    rate: Callable[[FloatArray], FloatArray], places: FloatArray, grid: FloatArray, rates: FloatArray
) -> tuple[FloatArray, FloatArray]:
    order = np.argsort(np.concatenate([places, grid]))
    return np.concatenate([places, grid])[order], np.concatenate([rate(places), rates])[order]


def _refined(rate: Callable[[FloatArray], FloatArray], bracket: FloatArray) -> tuple[float, float]:
    """Return height and place of the maximum in the bracket; offsets from its middle keep the digits of the place."""
    low, middle, high = bracket
    found = minimize_scalar(
        lambda offset: -rate(np.array([middle + offset]))[0],
        bounds=(low - middle, high - middle),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return -float(found.fun), float(middle + found.x)
