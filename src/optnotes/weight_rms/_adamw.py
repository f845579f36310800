"""The weight RMS of AdamW step by step, and its weights on given gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, choice, integer, real_array, real_number, require
from optnotes.schedules import Rate, rates_and_decay

from ._parameters import described
from ._recursion import METHODS, Method, Updates, approximate, course, recursion


@described
def adamw(
    lr: Rate,
    weight_decay: Rate,
    steps: int,
    beta1: float = 0.9,
    init_rms: float = 0.0,
    *,
    snr: float = 0.0,
    method: Method = "exact",
    bias_correction: bool = False,
) -> FloatArray:
    """Return the RMS of the weights before and after each step of AdamW, with v replaced by its mean.

    "exact": θ_t = (1 − η_tλ_t)θ_{t−1} − η_t m_t/√(μ² + σ²), m_0 = 0, second moments by recursion.
    "slow": ρ_t = e^{−2κ_t}ρ_0 + (SNR·z_t² + Σ e^{−2(κ_t−κ_j)}η_j²)/(SNR + 1), z_t = Σ e^{−(κ_t−κ_j)}η_j.
    "ode": the same with integrals, that is ρ̇ = −2ληρ + η² for SNR = 0.
    "closed-form": exponentials replaced by their means over κ, ρ_t = e^{−2κ}ρ_0 + (ν/2κ)(1 − e^{−2κ}) for SNR = 0.

    Parameters
    ----------
    {rates}
    {steps}
    {beta1}
        Only "exact" depends on it.
    {init_rms}
    {snr}
    method : str
        See above.
    bias_correction : bool
        Divide m_t by 1 − β₁^t, as optimisers do and the sources do not; "exact" only.

    Returns
    -------
    {path}

    Raises
    ------
    {refused}

    Domain
    ------
    "exact" is exact for fixed v. AdamW itself, whose v is noisy, lies about 1.1 % lower at β = (0.9, 0.95) for normal
    gradients and slow rates; a skewed law moves it by a mean update that no method here sees. "slow" and "ode" leave
    O(ηλ), and O(β₁/((1−β₁)τ)) where rates or weights change within τ steps, since the momentum lags. "closed-form" is
    the source's: exact for constant rates but for O(ηλ), and 36 % too large at κ = 3 for a linear or cosine decay to
    zero. For the closed forms of the integral see `ode_solution`, for the noise of v `stationary`.

    Claims: `rms-package-path`, `rms-adamw-error`, `rms-skew-size`, `sched-recursion`, `sched-adamw-error`,
    `sched-integral-rate`, `sched-fast-rate`, `sched-short-form-bad`.

    References
    ----------
    Su 2025 [11404]; the recursion is new.

    Examples
    --------
    >>> adamw(1.0, 0.5, 2, beta1=0.0)  # ρ = 0, 1, 1/4 + 1
    array([0.        , 1.        , 1.11803399])
    """
    decay1, ratio = real_number("beta1", beta1, low=0, high=1, high_open=True), real_number("snr", snr, low=0)
    run = course(lr, weight_decay, steps, init_rms)
    if choice("method", method, METHODS) != "exact":
        return approximate(run, ratio, 1.0, method)
    ramp = -np.expm1(np.arange(1.0, integer("steps", steps, low=1) + 1) * np.log(max(decay1, 1e-300)))
    noise = (1 - decay1) / (1 + decay1) / (1 + ratio)
    ages = ramp * (2 - ramp)  # 1 − β₁^{2t}
    gain = 1 / ramp if bias_correction else np.ones_like(ramp)
    mean = np.sqrt(ratio / (1 + ratio)) * ramp
    return recursion(run, Updates(gain, mean, ages, np.array([decay1]), np.array([noise])))


@described
def adamw_weights(
    gradients: ArrayLike,
    init: ArrayLike,
    lr: Rate,
    weight_decay: Rate,
    *,
    beta1: float = 0.9,
    beta2: float = 0.95,
    eps: float = 1e-8,
) -> FloatArray:
    """Return the weights before and after each step of AdamW on given gradients.

    θ_t = (1 − η_tλ_t)θ_{t−1} − η_t m̂_t/(√v̂_t + ε), with bias-corrected moments.

    Parameters
    ----------
    gradients : array of shape (steps, ...)
        Gradient of each step, |g| ≤ 1e150; the square of |g| < 1e-154 underflows, as in any optimiser.
    init : array of shape (...)
        Initial weights.
    {rates}
    beta1, beta2 : float
        Decays of the moments, in [0, 1).
    eps : float
        Added to √v̂, ≥ 0; a coordinate without any gradient does not move.

    Returns
    -------
    ndarray of shape (steps + 1, ...)
        Weights, the first entry is `init`.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is out of its range.

    References
    ----------
    Loshchilov and Hutter 2019, algorithm 2 (its decay is ηλ here).

    Examples
    --------
    >>> adamw_weights([[3.0], [3.0]], [1.5], 0.5, 0.0, eps=0.0).ravel()  # a steady gradient moves η per step
    array([1.5, 1. , 0.5])
    """
    slope, theta = real_array("gradients", gradients, low=-1e150, high=1e150), real_array("init", init)
    fits = slope.ndim == theta.ndim + 1 and slope.shape[1:] == theta.shape
    require(fits, "gradients", f"have shape (steps, *{theta.shape})", f"shape {slope.shape}")
    rates, decay = rates_and_decay(lr, weight_decay, len(slope))
    decay1, decay2 = (real_number(n, b, low=0, high=1, high_open=True) for n, b in (("beta1", beta1), ("beta2", beta2)))
    small = real_number("eps", eps, low=0)
    first, second, path = np.zeros_like(theta), np.zeros_like(theta), [theta]
    for t, (rate, shrink, gradient) in enumerate(zip(rates, decay, slope, strict=True), start=1):
        first = decay1 * first + (1 - decay1) * gradient
        second = decay2 * second + (1 - decay2) * gradient**2
        scale = np.sqrt(second / (1 - decay2**t)) + small
        update = np.divide(first / (1 - decay1**t), scale, out=np.zeros_like(scale), where=scale > 0)
        path.append((1 - shrink) * path[-1] - rate * update)
    return np.array(path)
