"""The batch size at which the optimal learning rate is largest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

from optnotes._ground.arguments import FloatArray

from ._parameters import described
from ._quadratic import Quadratic, Summary
from ._quotient import Problem, ratio, terms_of
from ._update_terms import momentum_share

_DECADES = 6  # of 𝓑_simple on either side that the search for a surge covers


@described
def surge_batch_size(problem: Problem, optimizer: str = "sign-sgd", **options: float | str | None) -> float:
    """Return the batch size at which the optimal learning rate is largest, infinite where it never falls.

    From a Summary, in closed form. SignSGD: β*² = ΣH_ii/Σ_{i≠j}H_ij s_is_j, B* = c𝓑_simple β*²/(1−β*²).
    Adam: β*² = cΣH_ii/((1−c)ΣH_ii + Σ_{i≠j}H_ij s_is_j), B* = 𝓑_simple β*²/(1−β*²); for a diagonal Hessian
    B* = 𝓑_simple(1−β₁)/(3β₁−1), if β₁ > 1/3. No surge where β*² is not in (0, 1). Otherwise by search.
    By the exact moments of Adam a diagonal Hessian surges if c + 5V/2 < 1/2 + 3A, V = (1−β₂)/(1+β₂),
    A = (1−β₁)(1−β₂)/(1−β₁β₂), from the expansion at high SNR: already below β₁ = 1/3, which is the limit β₂ → 1.

    Parameters
    ----------
    {problem}
    {optimizer}
    {options}

    Returns
    -------
    float, in examples.

    Raises
    ------
    ValueError, TypeError : as the optimiser's function.

    Domain
    ------
    The search covers 10⁻⁶ to 10⁶ noise scales 𝓑_simple and finds B* to 1e-6 of it; of several maxima, the highest. A
    fall of less than 1e-9 of the learning rate counts as none.

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
    if isinstance(problem, Summary) and optimizer in {"sign-sgd", "adam"}:
        return _surge(problem, optimizer, **options)
    summary = problem.summary() if isinstance(problem, Quadratic) else problem
    scale = summary.simple_noise_scale
    return _search(lambda batch: ratio(*terms(batch, problem, **options)), scale) if scale else float("inf")


def _surge(problem: Summary, optimizer: str, **options: float | str | None) -> float:
    share = momentum_share(float(options.get("beta1", 0.9) or 0.0))
    diagonal, cross = problem.diagonal, problem.cross
    if optimizer == "adam":
        diagonal, cross, share = share * diagonal, (1.0 - share) * diagonal + cross, 1.0
    return share * problem.simple_noise_scale * diagonal / (cross - diagonal) if cross > diagonal else float("inf")


def _search(rate: Callable[[FloatArray], FloatArray], scale: float) -> float:
    grid = np.linspace(-_DECADES, _DECADES, 20 * _DECADES + 1)
    rates = rate(scale * 10.0**grid)
    best = int(np.argmax(rates))
    if rates[best] <= rates[-1] * (1.0 + 1e-9):
        return float("inf")
    bounds = grid[max(best - 1, 0)], grid[best + 1]
    found = minimize_scalar(
        lambda x: -rate(np.array([scale * 10.0**x]))[0], bounds=bounds, method="bounded", options={"xatol": 1e-9}
    )
    return float(scale * 10.0**found.x)
