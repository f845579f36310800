"""Side-by-side ratios for `optnotes.extremes`: time per value against peers and error against mpmath, in one run."""

import time
import warnings

import mpmath
import numpy as np
from scipy import special, stats

from optnotes import extremes


def seconds(function, repeats=5):
    """Return the least time of a call, after one call to fill caches."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def scipy_mean(n):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = stats.order_statistic(stats.Normal(), n=n, r=n).mean()
    return value, len(caught)


def exact_mean(n):
    """Return E z_max by the exponential form ∫ e^(−x) Φ⁻¹(e^(−x/n)) dx with 40 digits, x = exp(t − e^(−t))."""
    with mpmath.workdps(40):
        total = mpmath.mpf(0)
        for k in range(-80, 81):
            t = mpmath.mpf(k) / 16
            x = mpmath.exp(t - mpmath.exp(-t))
            weight = x * (1 + mpmath.exp(-t)) * mpmath.exp(-x) / 16
            if weight > mpmath.mpf(10) ** -40:
                total += weight * exact_quantile(x / n)
        return total


def exact_quantile(y):
    target = mpmath.log(-mpmath.expm1(-y))
    z = mpmath.mpf(-float(special.ndtri_exp(float(target))))
    for _ in range(3):
        tail = mpmath.erfc(z / mpmath.sqrt(2)) / 2
        z += (mpmath.log(tail) - target) * tail / mpmath.npdf(z)
    return z


def simulated_tie(n, rows, rng):
    x = rng.standard_normal((rows, n))
    spacing = np.exp2(np.frexp(x)[1] - 8.0)
    x = np.round(x / spacing) * spacing
    return np.mean(np.sum(x == x.max(axis=1, keepdims=True), axis=1) >= 2)


def accuracy():
    print("mean of the maximum: relative error against 40 digits (scipy warnings in brackets)")
    for n in (2.0, 100.0, 4096.0, 1e8, 1e15, 1e20, 1e100, 1e300):
        exact = exact_mean(mpmath.mpf(n))
        peer, warned = scipy_mean(np.array([n]))
        ours = float(extremes.expected_max(n) / exact - 1)
        print(f"  n = {n:8.3g}   optnotes {ours:9.1e}   scipy {float(peer[0] / exact - 1):9.1e} [{warned}]")


def speed():
    n = np.round(np.exp(np.random.default_rng(0).uniform(np.log(2), np.log(1e12), 2000)))  # scipy takes integers only
    many = np.exp(np.random.default_rng(0).uniform(np.log(2), np.log(1e12), 500_000))
    peer, ours = seconds(lambda: scipy_mean(n), 2) / n.size, seconds(lambda: extremes.expected_max(many)) / many.size
    print(f"array: scipy {peer * 1e6:.1f} us, optnotes {ours * 1e6:.4f} us a value, ratio {peer / ours:.0f}")
    same = seconds(lambda: extremes.expected_max(n), 20) / n.size
    print(f"array of {n.size}: optnotes {same * 1e6:.4f} us a value, ratio {peer / same:.0f}")
    peer, ours = seconds(lambda: scipy_mean(4096.0)), seconds(lambda: extremes.expected_max(4096.0), 50)
    print(f"one value: scipy {peer * 1e6:.0f} us, optnotes {ours * 1e6:.1f} us, ratio {peer / ours:.0f}")


def ties():
    rng, rows, n = np.random.default_rng(0), 1000, 4096
    drawn = seconds(lambda: simulated_tie(n, rows, rng), 2) * 10**6 / rows
    print("tied maximum, ms a value (and simulating 1e6 rows of 4096 over it)")
    for dtype in ("bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"):
        for after in ("logits", "exp"):
            times = [seconds(lambda: extremes.tie_probability(k, dtype, after=after), 9) for k in (2, n, 1e300)]  # noqa: B023
            shown = "  ".join(f"{t * 1e3:6.2f}" for t in times)
            print(f"  {dtype:14s} {after:6s} n = 2, 4096, 1e300: {shown}   ({drawn / times[1]:.0f}x)")


if __name__ == "__main__":
    accuracy()
    speed()
    ties()
