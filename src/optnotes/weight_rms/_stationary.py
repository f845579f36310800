"""The weight RMS in equilibrium."""

from __future__ import annotations

from typing import Literal

import numpy as np

from optnotes._ground.arguments import choice, real_number
from optnotes._ground.decay import step_decay

from ._equilibrium import adam_sum, sign_sum
from ._parameters import described

Approximation = Literal["mean-field", "corrected", "exact"]


@described
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
    {beta1}
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
    1.1 % too large, the corrected one 0.06 % too small. For the sign at β₁ = 0.9 and ηλ → 0 the mean field is 20 % too
    large; the corrected one is within 1e-5 at ηλ = 1e-4, but only 4.1e-4 at ηλ = 0.05.

    Claims: `rms-adamw-exact`, `rms-sign-exact`, `rms-adamw-error`, `rms-corrected-low`, `rms-sign-contest`,
    `rms-sign-corrected-error`.

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


def _constants(lr: float, weight_decay: float, beta1: float, beta2: float, snr: float) -> tuple[float, ...]:
    rate = real_number("lr", lr, low=0, low_open=True, remedy="without steps there is no equilibrium")
    decay = real_number("weight_decay", weight_decay, low=0, low_open=True, remedy="without decay none exists")
    step_decay(np.array(rate), np.array(decay))
    decay1 = real_number("beta1", beta1, low=0, high=1, high_open=True)
    decay2 = real_number("beta2", beta2, low=0, high=1, low_open=True, high_open=True)
    return rate, decay, decay1, decay2, real_number("snr", snr, low=0)
