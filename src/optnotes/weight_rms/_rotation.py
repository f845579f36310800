"""The angle between successive weights in equilibrium."""

from __future__ import annotations

import numpy as np

from optnotes._ground.arguments import real_number, require
from optnotes._ground.decay import step_decay


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
    E u² = (1−β₁)/(1+β₁), the mean field of AdamW, it is √(2ηλ(1−β₁)/(1+β₁)) for small ηλ: within 0.45 % of AdamW's on
    normal noise at β = (0.9, 0.95), ηλ = 1e-5 to 1e-2.

    Claims: `rms-rotation`, `rms-rotation-small`, `rms-rotation-mean-field`.

    References
    ----------
    Kosson et al. 2023 (arXiv 2305.17212), section 3; the exact relation is new.

    Examples
    --------
    >>> round(rotation(0.02, 0.5, 1.0, 0.02 / (1 - 0.99**2) ** 0.5), 12)  # uncorrelated updates: cos α = 1 − ηλ
    0.141539473324
    """
    rate, decay = real_number("lr", lr, low=0, low_open=True), real_number("weight_decay", weight_decay, low=0)
    step_decay(np.array(rate), np.array(decay))
    update = real_number("update_rms", update_rms, low=0, low_open=True)
    weight = real_number("weight_rms", weight_rms, low=0, low_open=True)
    step, shrink = rate * update / weight, rate * decay
    chord = (step - shrink) * (step + shrink) / (1 - shrink)
    require(0 <= chord <= 4, "weight_rms", "fit an equilibrium, λ·weight_rms ≤ update_rms", weight_rms)
    return float(2 * np.arcsin(np.sqrt(chord) / 2))
