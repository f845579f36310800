"""The weight RMS of SignSGDM step by step."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from optnotes._ground.arguments import FloatArray, choice, integer, real_number
from optnotes.schedules import Rate

from ._parameters import described
from ._recursion import METHODS, Method, Updates, approximate, course, recursion
from ._sign_modes import sign_modes


@described
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
    {rates}
    {steps}
    beta1 : float
        Decay of the momentum, 0 ≤ β₁ ≤ 0.999.
    {init_rms}
    {snr}
    method : str
        "exact", "slow", "ode" or "closed-form".

    Returns
    -------
    {path}

    Raises
    ------
    {refused}

    Domain
    ------
    "exact" is exact for Gaussian gradients and a momentum that has settled before the first step. The others are the
    source's mean field: in equilibrium at SNR = 0 too large by the factor 1/√(log 2) as ηλ → 0, then β₁ → 1.

    Claims: `rms-sign-path`, `rms-sign-constant`.

    References
    ----------
    Su 2025 [11307], section on SignSGDM; the exact recursion is new.

    Examples
    --------
    >>> sign_momentum(1.0, 0.5, 2, beta1=0.0)  # without momentum as AdamW
    array([0.        , 1.        , 1.11803399])
    """
    decay1, ratio = real_number("beta1", beta1, low=0, high=0.999), real_number("snr", snr, low=0)
    run = course(lr, weight_decay, steps, init_rms)
    floor = (1 - decay1) / (1 + decay1)
    if choice("method", method, METHODS) != "exact":
        return approximate(run, ratio, floor, method)
    height = np.sqrt(ratio / floor)
    ones = np.ones(integer("steps", steps, low=1))
    mean = float(erf(height / np.sqrt(2))) * ones
    return recursion(run, Updates(ones, mean, ones, *sign_modes(decay1, float(height))))
