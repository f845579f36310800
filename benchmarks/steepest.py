"""Side-by-side SVD counts and times to a certified gap: Newton against its peers, on a fixed set of instances.

Run as `OMP_NUM_THREADS=1 python benchmarks/steepest.py`; with `--all` also the large shapes. Threads that wait for each
other drown the ratios. Conic solvers run where CVXPY is installed. A method that stops short shows the relative gap.
"""

import argparse
import time

import numpy as np
from _timing import best_time

from optnotes.instances import stiefel_8x4
from optnotes.matrix_sign import msign, nuclear_norm
from optnotes.steepest import norm_ball_tangent, stiefel

METHODS = [
    "newton",
    "anderson",
    "fixed-point",
    "lbfgs",
    "admm",
    "dual-gradient",
    "alternating-projection",
    "greedy-split",
]
SMALL = [(64, 16), (100, 50), (65, 64), (9, 8)]
LARGE = [(129, 128), (130, 128), (160, 128), (256, 128), (512, 128), (400, 200)]


def frame(n, m, rng):
    return np.linalg.qr(rng.standard_normal((n, m)))[0]


def instances(*, large):
    rng = np.random.default_rng(0)
    gradient, weight = stiefel_8x4()
    yield "printed 8x4", gradient, msign(weight)
    for n, m in SMALL + LARGE * large:
        yield f"{n}x{m}", rng.standard_normal((n, m)), frame(n, m, rng)
    n, m = 48, 24
    low = rng.standard_normal((n, m // 2)) @ rng.standard_normal((m // 2, m))
    yield "48x24 half rank", low, frame(n, m, rng)
    yield "48x24 rank one", low[:, :1] @ low[:1], frame(n, m, rng)
    yield "48x24 cond 1e12", (frame(n, m, rng) * np.geomspace(1, 1e-12, m)) @ frame(m, m, rng), frame(n, m, rng)
    yield "33x33 odd", rng.standard_normal((33, 33)), frame(33, 33, rng)


def timed(call):
    start = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - start


def stiefel_table(*, large):
    print(
        "max <G, F>, |F| <= 1, W'F skew: SVDs to gap 1e-8 (time in units of one SVD of G), or the gap left in brackets"
    )
    print(f"{'instance':16s}" + "".join(f"{name[:13]:>15s}" for name in METHODS))
    counts = []
    for name, gradient, weight in instances(large=large):
        row = []
        unit = best_time(lambda g=gradient: np.linalg.svd(g, full_matrices=False), 10)[0]
        for method in METHODS:
            seconds, found = best_time(lambda g=gradient, w=weight, k=method: stiefel(g, w, method=k))
            left = found.gap / nuclear_norm(gradient)
            row.append(f"{found.svds} ({seconds / unit:.0f})" if found.converged else f"[{left:.0e}]")
        counts.append(int(row[0].split()[0]))
        print(f"{name:16s}" + "".join(f"{cell:>15s}" for cell in row))
    print(f"Newton: median {np.median(counts):g}, most {max(counts)}")


def random_shapes(size=300):
    rng, counts = np.random.default_rng(1), []
    for _ in range(size):
        m = int(rng.integers(2, 41))
        n = m + int(rng.choice([1, 2, 3, m // 2 + 1, m, 2 * m]))
        counts.append(stiefel(rng.standard_normal((n, m)), frame(n, m, rng)).svds)
    print(
        f"\n{size} random shapes, m <= 40: median {np.median(counts):g}, mean {np.mean(counts):.1f}, most {max(counts)}"
    )


def conic_table():
    try:
        import cvxpy as cp  # noqa: PLC0415
    except ImportError:
        print("\nCVXPY is not installed: no conic solvers")
        return
    print("\nconic solvers: time over Newton's, and value minus Newton's relative to it")
    rng = np.random.default_rng(2)
    printed, weight = stiefel_8x4()
    for gradient, frames in [(printed, msign(weight)), (rng.standard_normal((20, 10)), frame(20, 10, rng))]:
        found, reference = timed(lambda g=gradient, w=frames: stiefel(g, w))
        for solver in ("CLARABEL", "SCS"):
            unknown = cp.Variable(gradient.shape)
            skewed = frames.T @ unknown + unknown.T @ frames == 0
            problem = cp.Problem(
                cp.Maximize(cp.sum(cp.multiply(gradient, unknown))), [cp.sigma_max(unknown) <= 1, skewed]
            )
            try:
                value, seconds = timed(lambda p=problem, s=solver: p.solve(solver=s))
                print(f"{gradient.shape} {solver}: {seconds / reference:.0f}x, {value / found.primal - 1:+.1e}")
            except cp.SolverError as error:
                print(f"{gradient.shape} {solver}: fails ({error})")


def scalar_table():
    print("\n<T, F> = 0: SVDs to gap 1e-10, mean (most), and instances left open, of 200 each; fixed-point after 60")
    rng = np.random.default_rng(3)
    for label, shape, rank_one in [
        ("8x4 uv'", (8, 4), True),
        ("8x4", (8, 4), False),
        ("4x4 uv'", (4, 4), True),
        ("4x4", (4, 4), False),
    ]:
        answers = {"newton": [], "fixed-point": []}
        for _ in range(200):
            gradient, normal = rng.standard_normal((2, *shape))
            normal = np.outer(normal[:, 0], normal[0]) if rank_one else normal
            for method, found in answers.items():
                found.append(norm_ball_tangent(gradient, normal, method=method))
        cells = []
        for name, found in answers.items():
            counts = [a.svds for a in found if a.converged]
            cells.append(f"{name}: {np.mean(counts):.1f} ({max(counts)}), open {len(found) - len(counts)}")
        print(f"{label:10s}" + "   ".join(cells))


def polar_table():
    print("\nmsign: time of the SVD over the method's, and error against the SVD")
    rng = np.random.default_rng(4)
    for shape in [(400, 100), (512, 128), (1024, 256), (512, 512)]:
        matrix = rng.standard_normal(shape)
        cells = []
        for method in ("gram", "newton-schulz", "polar-express"):
            pairs = [
                (timed(lambda a=matrix: msign(a)), timed(lambda a=matrix, k=method: msign(a, k))) for _ in range(5)
            ]
            ratio = np.median([slow[1] / fast[1] for slow, fast in pairs])
            cells.append(f"{method} {ratio:.1f}x {np.abs(pairs[0][0][0] - pairs[0][1][0]).max():.0e}")
        print(f"{shape!s:14s}" + "   ".join(cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also large shapes, some minutes")
    arguments = parser.parse_args()
    stiefel(*stiefel_8x4(), method="lbfgs")  # warm up
    stiefel_table(large=arguments.all)
    random_shapes()
    conic_table()
    scalar_table()
    polar_table()
