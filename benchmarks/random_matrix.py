"""Side-by-side times of the spectral norm of one Gaussian matrix, and accuracy of peers' laws, in one run.

Run with one thread: OMP_NUM_THREADS=1 python benchmarks/random_matrix.py. Absent peers are skipped.
"""

import importlib

import numpy as np
from _timing import best_time
from scipy.sparse.linalg import svds

from optnotes import random_matrix
from optnotes.random_matrix import _tracy_widom

SIDE = 2048
STEPS = 10


def power_iteration(matrix, rng):
    """Estimate the norm from a random start; biased below, as the top of the spectrum is dense."""
    vector = rng.standard_normal(matrix.shape[1])
    for _ in range(STEPS):
        image = matrix @ (vector / np.linalg.norm(vector))
        vector = matrix.T @ image
    return np.linalg.norm(vector) ** 0.5


def norms(rng):
    """One draw each, timed against one draw of both extremes by the bidiagonal model."""
    ours, _ = best_time(lambda: random_matrix.sample_singular_extremes(SIDE, SIDE, 1, rng), 20)
    drawing, matrix = best_time(lambda: rng.standard_normal((SIDE, SIDE)), 2)
    exact = np.linalg.norm(matrix, 2)
    peers = {
        "numpy.linalg.norm(W, 2)": (lambda: np.linalg.norm(matrix, 2), 1),
        "scipy svds(W, 1)": (lambda: svds(matrix, 1, return_singular_vectors=False)[0], 2),
        f"{STEPS} power iterations": (lambda: power_iteration(matrix, rng), 3),
    }
    print(f"one spectral norm, {SIDE}×{SIDE}; ours (with the smallest value): {1e3 * ours:.2f} ms")
    for name, (call, repeats) in peers.items():
        seconds, value = best_time(call, repeats)
        total = drawing + seconds
        print(f"  draw + {name:25s} {1e3 * total:8.0f} ms {total / ours:8.0f}× bias {value / exact - 1:+.1e}")


def sizes(rng):
    """Time of one draw by size."""
    for exponent in (3, 6, 9, 12, 15):
        n = 10**exponent
        seconds, _ = best_time(lambda n=n: random_matrix.sample_singular_extremes(n, n, 1, rng), 5 if n < 1e12 else 2)
        print(f"  1e{exponent} × 1e{exponent}: {1e3 * seconds:8.2f} ms")


def means():
    """Time and error of the mean norm."""
    for n, m in ((7, 5), (75, 23), (333, 333), (513, 257), (512, 512)):
        seconds, exact = best_time(lambda n=n, m=m: random_matrix.expected_spectral_norm(n, m), 1)
        errors = [random_matrix.expected_spectral_norm(n, m, k) / exact - 1 for k in random_matrix.METHODS[1:]]
        print(f"  {n}×{m}: {1e3 * seconds:6.1f} ms; errors " + " ".join(f"{error:+.1e}" for error in errors))


def tracy_widom_packages():
    """Largest error of the peers' distribution functions of β = 1 on a grid."""
    grid = np.linspace(-5.0, 3.0, 33)
    ours = _tracy_widom.cdf(grid)
    makers = {
        "TracyWidom": ("TracyWidom", lambda module: module.TracyWidom(beta=1).cdf(grid)),
        "scikit-rmt": ("skrmt.ensemble.spectral_law", lambda module: module.TracyWidomDistribution(beta=1).cdf(grid)),
    }
    for name, (path, evaluate) in makers.items():
        try:
            module = importlib.import_module(path)
        except Exception as error:  # an old peer may fail in any way on a new SciPy
            print(f"  {name}: skipped, {type(error).__name__}: {error}")
            continue
        print(f"  {name}: largest error of F₁ {np.abs(evaluate(module) - ours).max():.1e}")


def wishart_package(rng):
    """Draw of the whole spectrum by scikit-rmt's tridiagonal Wishart ensemble, if it is there."""
    try:
        ensemble = importlib.import_module("skrmt.ensemble").WishartEnsemble
    except Exception as error:  # as above
        print(f"  scikit-rmt: skipped, {type(error).__name__}: {error}")
        return
    ours, _ = best_time(lambda: random_matrix.sample_singular_extremes(SIDE, SIDE, 1, rng), 20)
    drawn = best_time(lambda: ensemble(beta=1, p=SIDE, n=SIDE, tridiagonal_form=True).eigvals(), 1)[0]
    print(f"  scikit-rmt, tridiagonal Wishart spectrum: {1e3 * drawn:.0f} ms, {drawn / ours:.0f}×")


if __name__ == "__main__":
    generator = np.random.default_rng(0)
    norms(generator)
    wishart_package(generator)
    print("one draw by size")
    sizes(generator)
    print("exact mean norm, time; errors of", ", ".join(random_matrix.METHODS[1:]))
    means()
    print("Tracy–Widom law")
    tracy_widom_packages()
