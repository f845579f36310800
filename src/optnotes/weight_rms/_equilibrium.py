"""Discounted sums of the autocovariances of an update, which set the weights' equilibrium."""

import numpy as np
from scipy.special import erf, gammaln, zeta

from optnotes import moments
from optnotes._ground.arguments import FloatArray, require
from optnotes.moments._laplace import decaying_sum_rule


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
    parts = (
        (beta1, share * (1 + 3 * spread / 4) - (linear + square) / 2),
        (beta1 * beta2, share * spread / 4 - square / 2),
        (beta2, signal * spread / 4 - linear / 2),
    )
    mean = np.sqrt(signal) * (1 + 3 * spread / 8) - (linear / (2 * np.sqrt(signal)) if snr else 0.0)
    total = sum(part * (1 + gamma * (1 - decay)) / (1 - gamma * (1 - decay)) for gamma, part in parts)
    require(total > 0, "beta2", "be close to 1 for the corrected form", beta2, "take method 'exact'")
    return float(mean), total


def sign_sum(beta1: float, decay: float, snr: float, method: str) -> tuple[float, float]:
    """Return E u and Σ_k β₃^|k| Cov_k."""
    speed, forgetting = -np.log(max(beta1, 1e-300)), -np.log1p(-decay)
    if method == "corrected":
        require(snr == 0, "snr", "be 0 for the corrected sign", snr, "take method 'exact'")
        require(beta1 >= 0.5, "beta1", "be at least 0.5 for the corrected sign", beta1, "take method 'exact'")
        return 0.0, _sign_integral(speed, forgetting) - 4 * np.sqrt(2 * speed) / np.pi * float(zeta(-0.5))
    height = np.sqrt(snr * (1 + beta1) / (1 - beta1))
    lags, weights = decaying_sum_rule((speed + forgetting,))
    covariance = _sign_covariance(lags * speed, float(height)) * np.exp(-lags * forgetting)
    return float(erf(height / np.sqrt(2))), float(2 * weights @ covariance - covariance[0])


def _sign_integral(speed: float, forgetting: float) -> float:
    """Return 2∫e^{−δk}(2/π) arcsin e^{−εk} dk over k > 0, which is 2 log 2/ε for δ = 0."""
    share = max(forgetting / speed, 1e-8)  # below, the value is its limit to eight digits
    log_beta = gammaln((share + 1) / 2) - gammaln(0.5) - gammaln(share / 2 + 1)
    return float(-2 * np.expm1(log_beta) / (share * speed))


def _sign_covariance(age: FloatArray, height: float) -> FloatArray:
    """Return (2/π)∫ e^{−h²/(1 + sin θ)} dθ from 0 to arcsin e^{−age}."""
    angle = np.arctan2(np.exp(-age), np.sqrt(-np.expm1(-2 * age)))
    nodes, weights = np.polynomial.legendre.leggauss(40 if height else 1)
    density = np.exp(-(height**2) / (1 + np.sin(angle[:, None] * (1 + nodes) / 2)))
    return np.asarray(density @ weights * angle / np.pi, dtype=np.float64)
