"""Stationary moments of the momentum and of its sign."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, real_array

from ._parameters import described


@described
def momentum_variance(beta1: ArrayLike, std: ArrayLike) -> FloatArray:
    """Return the stationary variance of the momentum m_t = β₁m_{t−1} + (1−β₁)g_t.

    Var m = c σ², c = (1−β₁)/(1+β₁).

    Parameters
    ----------
    {beta1_array}
    std : array_like, ≥ 0
        Standard deviation σ of one gradient coordinate.

    Returns
    -------
    float or array of the broadcast shape, unit of std².

    Raises
    ------
    {refused}

    Domain
    ------
    Exact for uncorrelated gradients of one variance and any distribution, once the start has faded. It is the noise of
    one step: steps are correlated, and the noise of a run at a small fixed learning rate hardly depends on β₁.
    Claims: `ema-variance`, `ema-memory-sum`, `ema-sgdm-stationary`, `ema-sgdm-factor`.

    References
    ----------
    Su 2025 [11301], item 2.

    Examples
    --------
    >>> float(momentum_variance(0.5, 3.0))
    3.0
    """
    variance: FloatArray = (noise_share(checked_decay("beta1", beta1)) * real_array("std", std, low=0.0) ** 2)[()]
    return variance


@described
def sign_momentum_correlation(beta1: ArrayLike, lag: ArrayLike) -> FloatArray:
    """Return the stationary autocorrelation of sign(m_t) for Gaussian gradients of zero mean.

    E[sign m_t sign m_{t+k}] = (2/π) arcsin β₁^k.

    Parameters
    ----------
    {beta1_array}
    lag : array_like, ≥ 0, in steps
        Distance in steps.

    Returns
    -------
    float or array of the broadcast shape, in [0, 1].

    Raises
    ------
    {refused}

    Domain
    ------
    Exact. The arcsine is taken as arctan(x/√(1−x²)) with 1−x² from expm1, so all digits survive β₁ → 1.
    Claims: `rms-orthant`.

    References
    ----------
    Sheppard 1899, the orthant probability of two correlated normals.

    Examples
    --------
    >>> round(float(sign_momentum_correlation(0.5, 1)), 12)  # arcsin 1/2 = π/6
    0.333333333333
    """
    decay, steps = np.broadcast_arrays(checked_decay("beta1", beta1), real_array("lag", lag, low=0.0))
    power = steps * np.log(np.maximum(decay, np.finfo(float).tiny))
    correlation: FloatArray = (2.0 / np.pi * np.arctan2(np.exp(power), np.sqrt(-np.expm1(2.0 * power))))[()]
    return correlation


def checked_decay(name: str, value: ArrayLike | None, *, low_open: bool = False) -> FloatArray:
    return real_array(name, 0.0 if value is None else value, low=0.0, high=1.0, low_open=low_open, high_open=True)


def noise_share(beta1: FloatArray) -> FloatArray:
    return (1.0 - beta1) / (1.0 + beta1)
