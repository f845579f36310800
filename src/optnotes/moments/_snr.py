"""The signal-to-noise ratio read back from a moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from optnotes._ground.arguments import FloatArray, Phrase, choice, first_where, real_array, real_number, require

from ._adam import adam_update_rms
from ._parameters import described


@described
def snr_from_update_rms(
    update_rms: ArrayLike,
    beta1: float,
    beta2: float | None = 0.95,
    method: str = "mean-field",
    *,
    below_floor: str = "raise",
) -> FloatArray:
    """Return the signal-to-noise ratio at which Adam's update has the given RMS.

    Mean field: SNR = (u² − c)/(1 − u²), c = (1−β₁)/(1+β₁). The other methods invert `adam_update_rms` by Brent's root.

    Parameters
    ----------
    update_rms : array_like, in [RMS at SNR 0, 1), or [0, 1) if below_floor is "zero" or "nan"
        Root mean square of u over coordinates.
    {beta1}
    beta2 : float, in [0, 1)
        The mean field does not depend on it and takes None.
    method : "mean-field", "corrected" or "exact", as in `adam_update_rms`
        How the expectation is taken.
    {below_floor}

    Returns
    -------
    float or array of the shape of update_rms, dimensionless.

    Raises
    ------
    ValueError : an argument outside its range; an RMS below that of pure noise (√c in the mean field), unless
        below_floor lets it pass.

    Domain
    ------
    As `adam_update_rms`. Near SNR 0 the mean field refuses true values, since it puts pure noise 1.5 % too high at
    β = (0.9, 0.95); take "exact" there. Where the RMS exceeds 1 at some SNR, the one root below it is returned.
    No stationary independent gradient has an RMS below the floor. A measured one has by chance, when the SNR is near
    0 (over N independent coordinates it spreads by about the floor over √(2N)); because successive gradients are
    negatively correlated; or because ε, or gradients that are often zero, shrink the update.
    Claims: `ema-snr-back`, `ema-snr-read`, `ema-rms-exact`, `ema-simulated-spread`, `ema-rms-sparse`.

    References
    ----------
    Su 2025 [11267].

    Examples
    --------
    >>> round(float(snr_from_update_rms(0.8, 0.5)), 4)  # (0.64 − 1/3)/0.36
    0.8519
    """
    rms = real_array("update_rms", update_rms, low=0.0, high=1.0, high_open=True)
    floor = adam_update_rms(real_number("beta1", beta1), beta2, 0.0, method)
    require(np.all(np.isfinite(floor)), "beta2", "be positive for method 'exact'", beta2, "the RMS is infinite at 0")
    remedy = "take method 'exact', or read it as SNR 0" if method != "exact" else "read it as SNR 0"
    raised = _raised("update_rms", rms, float(floor), below_floor, remedy)
    if method == "mean-field":
        return _invert(raised, real_number("beta1", beta1))
    roots = [x if np.isnan(x) else _root(x, beta1, beta2, method) for x in raised.ravel()]
    snr: FloatArray = np.reshape(roots, rms.shape)[()]
    return snr


@described
def snr_from_momentum_ratio(ratio: ArrayLike, beta1: float, *, below_floor: str = "raise") -> FloatArray:
    """Return the signal-to-noise ratio at which momentum and gradient have the given ratio of norms.

    SNR = (ratio² − c)/(1 − ratio²), from E‖m‖²/E‖g‖² = (SNR + c)/(SNR + 1), c = (1−β₁)/(1+β₁).

    Parameters
    ----------
    ratio : array_like, in [√c, 1), or [0, 1) if below_floor is "zero" or "nan"
        ‖m‖/‖g‖, root of the ratio of mean squares.
    {beta1}
    {below_floor}

    Returns
    -------
    float or array of the shape of ratio, dimensionless.

    Raises
    ------
    ValueError : an argument outside its range, or a ratio below √c, unless below_floor lets it pass.

    Domain
    ------
    Exact in expectation for uncorrelated gradients of any distribution; for a sample, as good as the two norms. A
    ratio below √c is chance at an SNR near 0, or says that successive gradients are negatively correlated.
    Claims: `ema-momentum-ratio`, `ema-ratio-sampled`, `ema-snr-from-ratio`.

    References
    ----------
    Su 2025 [11267].

    Examples
    --------
    >>> round(float(snr_from_momentum_ratio(0.8, 0.5)), 4)
    0.8519
    """
    quotient = real_array("ratio", ratio, low=0.0, high=1.0, high_open=True)
    raised = _raised("ratio", quotient, float(adam_update_rms(beta1)), below_floor, "read it as SNR 0")
    return _invert(raised, real_number("beta1", beta1))


def _raised(name: str, values: FloatArray, floor: float, below_floor: str, remedy: str) -> FloatArray:
    """Return `values` with those below the floor, the value at SNR 0, treated as `below_floor` says."""
    choice("below_floor", below_floor, ("raise", "zero", "nan"))
    below = values < floor
    if below_floor == "raise" and below.any():
        count = f" ({below.sum()} of {below.size} are below)" if below.size > 1 else ""
        found = Phrase(f"{first_where(below, values)}{count}")
        remedy = f"{remedy} by below_floor='zero', or leave it out by 'nan'"
        require(False, name, f"be at least {floor:.6g}, its value at SNR 0", found, remedy)
    return np.where(below, floor if below_floor == "zero" else np.nan, values)


def _invert(rms: FloatArray, beta1: float) -> FloatArray:
    share = (1.0 - beta1) / (1.0 + beta1)
    snr: FloatArray = (np.maximum(rms**2 - share, 0.0) / ((1.0 - rms) * (1.0 + rms)))[()]
    return snr


def _root(rms: float, beta1: float, beta2: float | None, method: str) -> float:
    def excess(snr: float) -> float:
        return float(adam_update_rms(beta1, beta2, snr, method)) - rms

    high = 1e-3
    while excess(high) < 0.0:
        high *= 4.0
    return float(brentq(excess, 0.0, high, xtol=1e-14, rtol=1e-13))
