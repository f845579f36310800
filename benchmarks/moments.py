"""Exact moments of Adam's update against adaptive quadrature, the plain sum over lags and plain simulation."""

from functools import partial

import numpy as np
from _timing import best_time
from scipy.integrate import quad

from optnotes import moments


def rms_by_quad(beta1, beta2):
    """One adaptive quadrature over s of the plain product over past gradients."""
    j = np.arange(int(40 / -np.log(max(beta1**2, beta2))))
    share, weight = ((1 - beta1) * beta1**j) ** 2, 2 * (1 - beta2) * beta2**j

    def transform(s):
        return np.sum(share / (1 + s * weight)) * np.exp(-0.5 * np.sum(np.log1p(s * weight)))

    return np.sqrt(quad(transform, 0, np.inf, epsabs=0, epsrel=1e-10, limit=500)[0])


def rms_by_simulation(beta1, beta2, coordinates=1000, steps=2000):
    """Update RMS of a plain NumPy loop."""
    rng, m, v, squares = np.random.default_rng(0), np.zeros(coordinates), np.zeros(coordinates), []
    for step in range(steps):
        g = rng.standard_normal(coordinates)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        if step >= 20 / (1 - beta2):
            squares.append(np.mean(m**2 / v))
    return np.sqrt(np.mean(squares))


def sum_over_all_lags(beta1, beta2, beta3, snr):
    """Discounted sum, lag by lag."""
    lags = np.arange(1, int(40 / -np.log(max(beta1, beta2) * beta3)))
    later = moments.adam_update_autocovariance(beta1, beta2, lags, snr)
    return moments.adam_update_autocovariance(beta1, beta2, 0, snr) + 2 * beta3**lags @ later


def row(name, ours, peer):
    """Print both times, their ratio and the relative difference of the results."""
    (own_time, own), (peer_time, other) = best_time(ours), best_time(peer, repeats=1)
    print(
        f"{name:44s} {own_time * 1e3:9.2f} {peer_time * 1e3:9.2f} {peer_time / own_time:8.1f} {other / own - 1:10.1e}"
    )


if __name__ == "__main__":
    print(f"{'':44s} {'ours, ms':>9s} {'peer, ms':>9s} {'ratio':>8s} {'difference':>10s}")
    exact = partial(moments.adam_update_rms, method="exact")
    for decays in ((0.9, 0.95), (0.9, 0.999)):
        row(f"RMS, β = {decays}, scipy quad", partial(exact, *decays), partial(rms_by_quad, *decays))
    row("RMS, plain simulation 1e3 × 2e3", partial(exact, 0.9, 0.95), partial(rms_by_simulation, 0.9, 0.95))
    for case in ((0.9, 0.95, 0.9999, 0.0), (0.9, 0.99, 0.9999, 0.1)):
        ours = partial(moments.adam_update_covariance_sum, *case)
        row(f"sum over lags, β, SNR = {case}", ours, partial(sum_over_all_lags, *case))
