"""Discounted sums of the autocovariances of an update, which set the weights' equilibrium."""

import numpy as np
from scipy.special import erf, zeta

from optnotes import moments
from optnotes._arguments import FloatArray, require
from optnotes._laplace import decaying_sum_rule


def adam_sum(beta1: float, beta2: float, decay: float, snr: float, method: str) -> tuple[float, float]:
    """Return E u and Σ_k β₃^|k| Cov_k."""
    if method == "exact":
        total = moments.adam_update_covariance_sum(beta1, beta2, 1 - decay, snr)
        return moments.adam_update_mean(beta1, beta2, snr), total
    noise, signal = 1 / (1 + snr), snr / (1 + snr)
    share = (1 - beta1) / (1 + beta1) * noise
    spread = (1 - beta2) / (1 + beta2) * (4 * signal * noise + 2 * noise**2)
    linear = 2 * signal * noise * (1 - beta1) * (1 - beta2) / (1 - beta1 * beta2)
    square = 2 * noise**2 * (1 - beta1) ** 2 * (1 - beta2) / (1 - beta1**2 * beta2)
    parts = {
        beta1: share * (1 + 3 * spread / 4) - (linear + square) / 2,
        beta1 * beta2: share * spread / 4 - square / 2,
        beta2: signal * spread / 4 - linear / 2,
    }
    mean = np.sqrt(signal) * (1 + 3 * spread / 8) - (linear / (2 * np.sqrt(signal)) if snr else 0.0)
    beta3 = 1 - decay
    return float(mean), sum(part * (1 + gamma * beta3) / (1 - gamma * beta3) for gamma, part in parts.items())


def sign_sum(beta1: float, decay: float, snr: float, method: str) -> tuple[float, float]:
    """Return E u and Σ_k β₃^|k| Cov_k."""
    speed, forgetting = -np.log(max(beta1, 1e-300)), -np.log1p(-decay)
    if method == "corrected":
        require(snr == 0, "snr", "be 0 for the corrected sign", snr, "take method 'exact'")
        edge = 4 * np.sqrt(2) / np.pi * float(zeta(-0.5)) * np.sqrt(speed)
        slowed = forgetting * (np.log(2) ** 2 + np.pi**2 / 12) / speed**2
        return 0.0, float(2 * np.log(2) / speed - slowed - edge)
    height = np.sqrt(snr * (1 + beta1) / (1 - beta1))
    lags, weights = decaying_sum_rule((speed + forgetting,))
    covariance = _sign_covariance(lags * speed, float(height)) * np.exp(-lags * forgetting)
    return float(erf(height / np.sqrt(2))), float(2 * weights @ covariance - covariance[0])


def _sign_covariance(age: FloatArray, height: float) -> FloatArray:
    """Return (2/π)∫ e^{−h²/(1 + sin θ)} dθ from 0 to arcsin e^{−age}."""
    angle = np.arctan2(np.exp(-age), np.sqrt(-np.expm1(-2 * age)))
    nodes, weights = np.polynomial.legendre.leggauss(40 if height else 1)
    density = np.exp(-(height**2) / (1 + np.sin(angle[:, None] * (1 + nodes) / 2)))
    return np.asarray(density @ weights * angle / np.pi, dtype=np.float64)
