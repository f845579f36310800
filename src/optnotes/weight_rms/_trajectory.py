"""The weight RMS step by step, as an ordinary differential equation, and in equilibrium."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, exprel

from optnotes._ground.arguments import FloatArray, choice, integer, real_array, real_number, require
from optnotes._ground.recurrence import linear_recurrence
from optnotes.moments._sign_modes import sign_modes
from optnotes.schedules import Schedule

from ._equilibrium import adam_sum, sign_sum
from ._relaxation import relaxed
from ._slow_variation import Rate, mean_exponentials, slow_sum, step_integrals, step_rates

Method = Literal["exact", "slow", "ode", "closed-form"]
Approximation = Literal["mean-field", "corrected", "exact"]


_Run = tuple[Rate, Rate, int, float]


@dataclass(frozen=True)
class _Updates:
    """Updates gain·(mean + Σ modes); each mode is an autoregression with a decay and variance growth·variances."""

    gain: FloatArray
    mean: FloatArray
    growth: FloatArray
    decays: FloatArray
    variances: FloatArray


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
    lr, weight_decay : float, array of shape (steps,) or Schedule
        Rates η_t, λ_t ≥ 0 of the steps 1, …, `steps`; η_tλ_t < 1.
    steps : int
        Number of steps, ≥ 1.
    beta1 : float
        Decay of the momentum, 0 ≤ β₁ < 1; only "exact" depends on it.
    init_rms : float
        RMS of the initial weights, 0 to 1e150, independent of the gradients.
    snr : float
        Signal-to-noise ratio ‖μ‖²/‖σ‖² ≥ 0 of the gradients.
    method : str
        See above.
    bias_correction : bool
        Divide m_t by 1 − β₁^t, as optimisers do and the sources do not; "exact" only.

    Returns
    -------
    ndarray of shape (steps + 1,)
        √ρ_0, …, √ρ_steps; the first entry is `init_rms`.

    Raises
    ------
    ValueError
        If a rate is negative, some η_tλ_t ≥ 1, there is no step, or a number is out of its range.

    Domain
    ------
    "exact" is exact for fixed v; rounding stays below 1e-16·min(steps, 1/ηλ). "slow" and "ode" leave O(ηλ), and
    O(β₁/((1−β₁)τ)) where rates or weights change within τ steps, since the momentum lags. "closed-form" is the
    source's: right for constant rates, 1 % too large for a linear or cosine decay at κ = 0.1, 36 % at κ = 3. For the
    closed forms of the integral see `ode_solution`, for the noise of v `stationary`.

    References
    ----------
    Su 2025 [11404]; the recursion is new.

    Examples
    --------
    >>> adamw(1.0, 0.5, 2, beta1=0.0)  # ρ = 0, 1, 1/4 + 1
    array([0.        , 1.        , 1.11803399])
    """
    decay1, ratio = real_number("beta1", beta1, low=0, high=1, high_open=True), real_number("snr", snr, low=0)
    run = lr, weight_decay, steps, real_number("init_rms", init_rms, low=0, high=1e150)
    if choice("method", method, ("exact", "slow", "ode", "closed-form")) != "exact":
        return _approximate(run, ratio / (1 + ratio), 1 / (1 + ratio), method)
    ramp = -np.expm1(np.arange(1.0, integer("steps", steps, low=1) + 1) * np.log(max(decay1, 1e-300)))
    noise = (1 - decay1) / (1 + decay1) / (1 + ratio)
    ages = ramp * (2 - ramp)  # 1 − β₁^{2t}
    gain = 1 / ramp if bias_correction else np.ones_like(ramp)
    mean = np.sqrt(ratio / (1 + ratio)) * ramp
    return _recursion(run, _Updates(gain, mean, ages, np.array([decay1]), np.array([noise])))


def sign_momentum(
    lr: Rate,
    weight_decay: Rate,
    steps: int,
    beta1: float = 0.9,
    init_rms: float = 0.0,
    *,
    snr: float = 0.0,
    method: Method = "exact",
) -> FloatArray:
    """Return the RMS of the weights before and after each step of SignSGDM with decoupled weight decay.

    "exact": θ_t = (1 − η_tλ_t)θ_{t−1} − η_t sign(m_t), with Cov(sign m_t, sign m_{t+k}) = (2/π) arcsin β₁^k at
    SNR = 0, momentum stationary from the first step. The others as in `adamw`, with SNR + 1 replaced by SNR + c,
    c = (1−β₁)/(1+β₁).

    Parameters
    ----------
    lr, weight_decay : float, array of shape (steps,) or Schedule
        Rates η_t, λ_t ≥ 0 of the steps 1, …, `steps`; η_tλ_t < 1.
    steps : int
        Number of steps, ≥ 1.
    beta1 : float
        Decay of the momentum, 0 ≤ β₁ ≤ 0.999.
    init_rms : float
        RMS of the initial weights, 0 to 1e150, independent of the gradients.
    snr : float
        Signal-to-noise ratio ‖μ‖²/‖σ‖² ≥ 0 of the gradients.
    method : str
        "exact", "slow", "ode" or "closed-form".

    Returns
    -------
    ndarray of shape (steps + 1,)
        √ρ_0, …, √ρ_steps; the first entry is `init_rms`.

    Raises
    ------
    ValueError
        If a rate is negative, some η_tλ_t ≥ 1, there is no step, or a number is out of its range.

    Domain
    ------
    "exact" is exact for Gaussian gradients. The others are the source's mean field, at SNR = 0 too large by
    1/√(log 2) = 1.20 as β₁ → 1.

    References
    ----------
    Su 2025 [11307], section on SignSGDM; the exact recursion is new.

    Examples
    --------
    >>> sign_momentum(1.0, 0.5, 2, beta1=0.0)  # without momentum as AdamW
    array([0.        , 1.        , 1.11803399])
    """
    decay1, ratio = real_number("beta1", beta1, low=0, high=0.999), real_number("snr", snr, low=0)
    run = lr, weight_decay, steps, real_number("init_rms", init_rms, low=0, high=1e150)
    floor = (1 - decay1) / (1 + decay1)
    if choice("method", method, ("exact", "slow", "ode", "closed-form")) != "exact":
        return _approximate(run, ratio / (ratio + floor), 1 / (ratio + floor), method)
    height = np.sqrt(ratio / floor)
    ones = np.ones(integer("steps", steps, low=1))
    mean = float(erf(height / np.sqrt(2))) * ones
    return _recursion(run, _Updates(ones, mean, ones, *sign_modes(decay1, float(height))))


def ode_solution(lr: Schedule, weight_decay: float, t: ArrayLike, init_rms: float = 0.0) -> FloatArray:
    """Return the RMS that solves ρ̇ = −2ληρ + η² at the times t, in closed form piece by piece.

    Constant: (η/2λ)(1 − e^{−2κ}). Linear: erfcx where it falls, Dawson's integral where it rises. Inverse time:
    powers. Inverse square root: the exponential integral. The cosine, which has no closed form, by quadrature.

    Parameters
    ----------
    lr : Schedule
        Learning rate η(t).
    weight_decay : float
        Constant weight decay λ ≥ 0.
    t : float or array
        Times, 0 ≤ t ≤ the schedule's steps.
    init_rms : float
        RMS of the initial weights, 0 to 1e150.

    Returns
    -------
    ndarray, shape of `t`
        √ρ(t), at a cost that does not grow with t.

    Raises
    ------
    ValueError
        If a number is negative or a time lies outside the schedule.

    Domain
    ------
    Solves the equation to 1e-14 (cosine: 1e-16·κ). A linear decay to 0 over T steps leaves
    ρ → (√π/4)·√(η_max/T)/λ^{3/2}: a power law, not a collapse.

    References
    ----------
    Su 2025 [11404], integral form; the closed forms but the constant one are new.

    Examples
    --------
    >>> from optnotes.schedules import inverse_time
    >>> round(float(ode_solution(inverse_time(1.0, 0.5), 0.5, 2.0)) ** 2, 12)  # e^{−2κ}η²t = 2/4
    0.5
    """
    _require_schedule(lr)
    time, decay = real_array("t", t, low=0, high=lr.steps), real_number("weight_decay", weight_decay, low=0)
    flat, start = time.ravel(), 0.0
    square = np.full(flat.shape, real_number("init_rms", init_rms, low=0, high=1e150) ** 2)
    for piece in lr.pieces:
        s = np.clip(flat - start, 0, piece.length)
        square = np.exp(-2 * decay * piece.area(s)) * square + relaxed(piece, decay, s)
        start += piece.length
    return np.asarray(np.sqrt(square).reshape(time.shape))[()]


def coupled_solution(lr: Schedule, ratio: float, t: ArrayLike, init_rms: float = 0.0) -> FloatArray:
    """Return the RMS that solves ρ̇ = −2ληρ + η² at the times t when λ(t) = ratio·η(t).

    ρ = e^{−2κ}ρ_0 + (1 − e^{−2κ})/(2·ratio), κ = ratio·∫η², for every schedule.

    Parameters
    ----------
    lr : Schedule
        Learning rate η(t).
    ratio : float
        λ/η ≥ 0, constant in time.
    t : float or array
        Times, 0 ≤ t ≤ the schedule's steps.
    init_rms : float
        RMS of the initial weights, 0 to 1e150.

    Returns
    -------
    ndarray, shape of `t`
        √ρ(t); it moves monotonically towards 1/√(2·ratio).

    Raises
    ------
    ValueError
        If a number is negative or a time lies outside the schedule.

    References
    ----------
    Defazio 2025 (arXiv 2506.02285), the coupling; the solution is new.

    Examples
    --------
    >>> from optnotes.schedules import linear
    >>> round(float(coupled_solution(linear(1.0, 10**6), 2.0, 10**6)), 12)  # √(1/4)
    0.5
    """
    _require_schedule(lr)
    gained = lr.total_square(t)
    exponent = -2 * real_number("ratio", ratio, low=0) * gained
    square = np.exp(exponent) * real_number("init_rms", init_rms, low=0, high=1e150) ** 2 + gained * exprel(exponent)
    return np.asarray(np.sqrt(square))[()]


def stationary(
    lr: float,
    weight_decay: float,
    optimizer: Literal["adamw", "sign-momentum"] = "adamw",
    beta1: float = 0.9,
    beta2: float = 0.95,
    *,
    snr: float = 0.0,
    method: Approximation = "mean-field",
) -> float:
    """Return the RMS of the weights in equilibrium under constant rates.

    Exact: E θ² = (E u/λ)² + η²/(1 − β₃²)·Σ_k β₃^{|k|} Cov(u_t, u_{t+k}), β₃ = 1 − ηλ. Mean field:
    (SNR + ηλ/2)/(λ²(SNR + 1)), for the sign with SNR + c, c = (1−β₁)/(1+β₁). Corrected: the exact sum with
    covariances to first order in 1 − β₂; for the sign 2(1 − Γ((a+1)/2)/(√π Γ(a/2+1)))/(aε) − (4√2/π)ζ(−1/2)√ε,
    ε = −log β₁, a = −log β₃/ε, whose leading term is 2 log 2/ε.

    Parameters
    ----------
    lr, weight_decay : float
        Constant rates η, λ > 0 with ηλ < 1.
    optimizer : str
        "adamw" or "sign-momentum".
    beta1 : float
        Decay of the momentum, 0 ≤ β₁ < 1.
    beta2 : float
        Decay of the second moment, 0 < β₂ < 1; the sign has none and ignores it.
    snr : float
        Signal-to-noise ratio ≥ 0; the sign's corrected form needs 0, and β₁ ≥ 0.5.
    method : str
        "mean-field", "corrected" or "exact".

    Returns
    -------
    float
        √E θ².

    Raises
    ------
    ValueError
        If a number is out of its range or ηλ ≥ 1.

    Domain
    ------
    Gaussian gradients, no ε, bias correction faded. Exact to 1e-10. At β = (0.9, 0.95) and ηλ = 1e-4 the mean field is
    1.1 % too large, the corrected one 0.06 % too small. For the sign at β₁ = 0.9 the mean field is 20 % too large, the
    corrected one 1e-5.

    References
    ----------
    Su 2025 [11307] for the mean field; Kosson et al. 2023 (arXiv 2305.17212) for √(η/2λ). The others are new.

    Examples
    --------
    >>> round(stationary(2e-3, 0.1), 12)  # √(η/2λ)
    0.1
    >>> round(stationary(1e-3, 0.1, method="exact"), 7)
    0.0699444
    """
    sign = choice("optimizer", optimizer, ("adamw", "sign-momentum")) == "sign-momentum"
    rate, decay, decay1, decay2, ratio = _constants(lr, weight_decay, beta1, beta2, snr)
    floor = (1 - decay1) / (1 + decay1)
    if choice("method", method, ("mean-field", "corrected", "exact")) == "mean-field":
        noise = np.sqrt(rate / decay / 2)  # η/λ and not ηλ, which underflows first
        return float(np.hypot(np.sqrt(ratio) / decay, noise) / np.sqrt(ratio + (floor if sign else 1)))
    if sign:
        mean, total = sign_sum(decay1, rate * decay, ratio, method)
    else:
        mean, total = adam_sum(decay1, decay2, rate * decay, ratio, method)
    return float(np.hypot(mean / decay, np.sqrt(rate / decay) * np.sqrt(max(total, 0.0) / (2 - rate * decay))))


def rotation(lr: float, weight_decay: float, update_rms: float, weight_rms: float) -> float:
    """Return the angle between successive weights in equilibrium, from the RMS of update and weights.

    α = 2 arcsin(½√((η²q/ρ − η²λ²)/(1 − ηλ))), q = E u², ρ = E θ²; equivalently
    cos α = (1 + β₃² − η²q/ρ)/(2β₃), β₃ = 1 − ηλ.

    Parameters
    ----------
    lr, weight_decay : float
        Constant rates η > 0, λ ≥ 0 with ηλ < 1.
    update_rms, weight_rms : float
        √q and √ρ, > 0, with λ√ρ ≤ √q.

    Returns
    -------
    float
        Angle in radians, between 0 and π.

    Raises
    ------
    ValueError
        If a number is out of its range, or no equilibrium has these values.

    Domain
    ------
    Exact whenever E θ² does not change from step to step, for any update. With E θ² = (η/2λ) and
    E u² = (1−β₁)/(1+β₁), the mean field of AdamW, it is √(2ηλ(1−β₁)/(1+β₁)).

    References
    ----------
    Kosson et al. 2023 (arXiv 2305.17212), section 3; the exact relation is new.

    Examples
    --------
    >>> round(rotation(0.02, 0.5, 1.0, 0.02 / (1 - 0.99**2) ** 0.5), 12)  # uncorrelated updates: cos α = 1 − ηλ
    0.141539473324
    """
    rate, decay = real_number("lr", lr, low=0, low_open=True), real_number("weight_decay", weight_decay, low=0)
    require(rate * decay < 1, "lr·weight_decay", "be below 1", rate * decay, "lower one of them")
    update = real_number("update_rms", update_rms, low=0, low_open=True)
    weight = real_number("weight_rms", weight_rms, low=0, low_open=True)
    step, shrink = rate * update / weight, rate * decay
    chord = (step - shrink) * (step + shrink) / (1 - shrink)
    require(0 <= chord <= 4, "weight_rms", "fit an equilibrium, λ·weight_rms ≤ update_rms", weight_rms)
    return float(2 * np.arcsin(np.sqrt(chord) / 2))


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
    lr, weight_decay : float, array of shape (steps,) or Schedule
        Rates η_t, λ_t ≥ 0 with η_tλ_t < 1.
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
    rates, decay = step_rates(lr, weight_decay, len(slope))
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


def _require_schedule(lr: object) -> None:
    if not isinstance(lr, Schedule):
        raise TypeError(f"`lr` must be a Schedule, got {lr!r}; for arrays take adamw(..., method='ode')")


def _recursion(run: _Run, updates: _Updates) -> FloatArray:
    lr, weight_decay, steps, init_rms = run
    rates, decay = step_rates(lr, weight_decay, steps)
    moved, kept = rates * updates.gain, 1 - decay
    driven = moved**2 * updates.growth * updates.variances.sum()
    for gamma, variance in zip(updates.decays, updates.variances, strict=True):
        overlap = linear_recurrence(kept * gamma, moved * updates.growth * variance, 0.0)
        driven += 2 * kept * moved * gamma * overlap[:-1]
    square = linear_recurrence(kept**2, driven, init_rms**2)
    drift = linear_recurrence(kept, moved * updates.mean, 0.0) if updates.mean.any() else np.zeros(1)
    return np.asarray(np.sqrt(square + drift**2), dtype=np.float64)


def _approximate(run: _Run, signal: float, noise: float, method: Method) -> FloatArray:
    lr, weight_decay, steps, init_rms = run
    forms = {"slow": slow_sum, "ode": step_integrals, "closed-form": mean_exponentials}
    kept, drift, square = forms[method](lr, weight_decay, steps)
    return np.asarray(np.sqrt(kept * init_rms**2 + signal * drift**2 + noise * square), dtype=np.float64)


def _constants(lr: float, weight_decay: float, beta1: float, beta2: float, snr: float) -> tuple[float, ...]:
    rate = real_number("lr", lr, low=0, low_open=True, remedy="without steps there is no equilibrium")
    decay = real_number("weight_decay", weight_decay, low=0, low_open=True, remedy="without decay none exists")
    require(rate * decay < 1, "lr·weight_decay", "be below 1", rate * decay, "lower one of them")
    decay1 = real_number("beta1", beta1, low=0, high=1, high_open=True)
    decay2 = real_number("beta2", beta2, low=0, high=1, low_open=True, high_open=True)
    return rate, decay, decay1, decay2, real_number("snr", snr, low=0)
