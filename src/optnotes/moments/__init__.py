"""Stationary moments of exponential moving averages under iid gradients, and of Adam's update m/√v built from them.

Chapters `momentum-and-ema` and `weight-rms` use them. The mean field takes the root of a ratio of means; the exact
values come from a Laplace transform (`_laplace`), the correction between the two from a second-order expansion.
"""

from ._adam import adam_update_autocovariance, adam_update_covariance_sum, adam_update_mean, adam_update_rms
from ._momentum import momentum_variance, sign_momentum_correlation
from ._snr import snr_from_momentum_ratio, snr_from_update_rms

__all__ = [
    "adam_update_autocovariance",
    "adam_update_covariance_sum",
    "adam_update_mean",
    "adam_update_rms",
    "momentum_variance",
    "sign_momentum_correlation",
    "snr_from_momentum_ratio",
    "snr_from_update_rms",
]
