"""The simulator against the plain NumPy loop: time per coordinate and step, same sample size.

Equal sample size is equal accuracy: both draw independent normals, so their standard errors agree.
"""

import time

import numpy as np

from optnotes import simulate

COORDINATES, STEPS, ROUNDS = 16384, 400, 5
BETA1, BETA2, LR, DECAY = 0.9, 0.95, 1e-3, 0.1


def plain_loop():
    """Adam as a reader would write it."""
    rng = np.random.default_rng(0)
    m, v, theta = np.zeros(COORDINATES), np.zeros(COORDINATES), np.zeros(COORDINATES)
    updates, weights = [], []
    for _ in range(STEPS):
        g = rng.standard_normal(COORDINATES)
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g**2
        u = m / np.sqrt(v)
        theta = (1 - LR * DECAY) * theta - LR * u
        updates.append(np.mean(u**2))
        weights.append(np.mean(theta**2))
    return np.mean(updates), weights


def simulator(dtype):
    """Two blocks of the same number of coordinates."""
    return simulate.run(
        "adam",
        rng=np.random.default_rng(0),
        steps=STEPS,
        lr=LR,
        weight_decay=DECAY,
        beta1=BETA1,
        beta2=BETA2,
        shape=COORDINATES,
        blocks=2,
        dtype=dtype,
    )


def nanoseconds(call, blocks):
    """Time per coordinate and step."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) / (COORDINATES * STEPS * blocks) * 1e9


if __name__ == "__main__":
    rows = np.array(
        [
            [
                nanoseconds(plain_loop, 1),
                *(nanoseconds(lambda kind=kind: simulator(kind), 2) for kind in ("float32", "float64")),
            ]
            for _ in range(ROUNDS)
        ]
    )
    print("ns per coordinate and step, median of", ROUNDS, "interleaved rounds")
    for name, column in zip(("plain loop, float64", "simulate, float32", "simulate, float64"), rows.T, strict=True):
        print(f"{name:22s} {np.median(column):7.2f}  ratio {np.median(rows[:, 0] / column):5.2f}")
