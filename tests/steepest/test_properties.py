"""Properties of `optnotes.steepest` and `optnotes.instances`: definitions at full size, invariances, naive loops.

A direction is judged by its certificate, computed here from its definition; published iterations are written here once
more as the plain loops that they are, on matrices of full size.
"""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from optnotes import instances, steepest

EPS = 2.0**-52

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
sizes = st.integers(1, 6)
powers = st.integers(-150, 150).map(lambda k: 10.0**k)


def frame(n, m, rng):
    """Return an n × m matrix with orthonormal columns."""
    return np.linalg.qr(rng.standard_normal((n, m)))[0]


def nuclear(matrix):
    return np.linalg.svd(matrix, compute_uv=False).sum()


def polar(matrix):
    """Return UVᵀ over the singular values above rounding."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = values > 1e-13 * max(values[0], 1e-300)
    return left[:, kept] @ right[kept]


def symmetric(matrix):
    return (matrix + matrix.T) / 2


def assert_certificate(found, gradient, matrix, constraint, tol):
    """Check value, bound and feasibility, where `matrix` is G and its multiplier, `constraint` the part to vanish."""
    size = nuclear(gradient)
    assert found.primal == pytest.approx(np.sum(gradient * found.direction), abs=1e-13 * size)
    assert found.dual == pytest.approx(nuclear(matrix), abs=1e-13 * size)
    assert found.gap == pytest.approx(max(found.dual - found.primal, 0.0), abs=EPS * found.dual)
    assert np.linalg.norm(found.direction, 2) <= 1 + 1e-13
    assert np.abs(constraint).max() <= 1e-13  # the promise
    assert found.residual <= 1e-13
    assert found.converged == (found.gap <= tol * size) or found.gap == pytest.approx(tol * size, rel=1e-6)
    assert found.gaps[-1] == found.gap
    assert (np.diff(found.gaps) <= 0).all()  # the best so far


# The sphere: the formula itself at fifty digits.


@given(st.integers(2, 6), powers, powers, st.floats(-4, 4), seeds)
def test_the_sphere_direction_is_the_tangent_part_at_every_scale(n, gradient_scale, weight_scale, along, rng):
    weight = weight_scale * rng.standard_normal(n)
    gradient = gradient_scale * (rng.standard_normal(n) + along * weight / weight_scale)
    found = steepest.sphere(gradient, weight)
    with mpmath.workdps(50):
        g, w = mpmath.matrix(gradient.tolist()), mpmath.matrix(weight.tolist())
        multiplier = -sum(a * b for a, b in zip(g, w, strict=True)) / sum(b * b for b in w)
        tangent = g + multiplier * w
        size = mpmath.norm(tangent)
        direction, value = [float(x / size) for x in tangent], float(size)
    blur = 20 * EPS * np.linalg.norm(gradient / value)  # what rounding along the weight leaves of the tangent part
    np.testing.assert_allclose(found.direction, direction, atol=blur)
    assert found.primal == pytest.approx(value, rel=blur)
    assert found.dual == pytest.approx(value, rel=blur)
    assert found.gap == pytest.approx(max(found.dual - found.primal, 0), abs=EPS * value)
    assert found.gaps.tolist() == [found.gap]
    assert found.multiplier == pytest.approx(float(multiplier), rel=20 * EPS, abs=blur * value / weight_scale)
    assert found.residual <= 2 * EPS
    assert (found.iterations, found.svds, found.converged) == (1, 0, True)


def test_the_sphere_does_not_see_the_scale_of_a_large_gradient():
    found = steepest.sphere([3e9, 5e9], [0, 2])
    assert found.direction.tolist() == [1, 0]
    assert (found.primal, found.dual, found.multiplier) == (3e9, 3e9, -2.5e9)


@pytest.mark.parametrize(("tangent", "expected"), [(0.7e-15, [0, 0]), (1.5e-15, [0, 1])])
def test_a_tangent_part_counts_from_rounding_of_the_gradient_on(tangent, expected):
    found = steepest.sphere([1.0, tangent], [3.0, 0.0])
    assert found.direction.tolist() == expected
    assert found.dual == tangent
    assert found.gap == tangent - found.primal
    assert not steepest.sphere([0.0, 0.0], [3.0, 0.0]).direction.any()


# One linear constraint.


@given(sizes, sizes, st.booleans(), seeds)
def test_one_constraint_is_solved_with_a_certificate(n, m, rank_one, rng):
    gradient, normal = rng.standard_normal((2, n, m))
    normal = np.outer(normal[:, 0], normal[0]) if rank_one else normal
    found = steepest.norm_ball_tangent(gradient, normal)
    part = np.sum(normal * found.direction, keepdims=True) / np.linalg.norm(normal)
    assert_certificate(found, gradient, gradient + found.multiplier * normal, part, 1e-10)
    assert found.converged
    assert found.residual == pytest.approx(abs(part.item()), abs=4 * EPS)
    assert len(found.gaps) == found.iterations == found.svds - (np.linalg.matrix_rank(normal) == 1)


@given(st.tuples(sizes, sizes), powers, powers, st.booleans(), seeds)
def test_one_constraint_scales_with_the_gradient_alone(shape, gradient_scale, normal_scale, rank_one, rng):
    gradient, normal = rng.standard_normal((2, *shape))
    normal = np.outer(normal[:, 0], normal[0]) if rank_one else normal
    plain = steepest.norm_ball_tangent(gradient, normal)
    scaled = steepest.norm_ball_tangent(gradient_scale * gradient, normal_scale * normal)
    size = nuclear(gradient)
    for name in ("primal", "dual", "gap"):
        assert getattr(scaled, name) / gradient_scale == pytest.approx(getattr(plain, name), abs=2e-10 * size)
    assert scaled.gaps[-1] == pytest.approx(scaled.gap, rel=1e-12)
    multiplier = scaled.multiplier / gradient_scale * normal_scale
    assert scaled.dual / gradient_scale == pytest.approx(nuclear(gradient + multiplier * normal), abs=1e-13 * size)
    assert scaled.residual <= 1e-13


@given(sizes, sizes, st.booleans(), seeds)
def test_one_constraint_has_the_least_nuclear_norm_in_every_basis(n, m, rank_one, rng):
    gradient, normal = rng.standard_normal((2, n, m))
    normal = np.outer(normal[:, 0], normal[0]) if rank_one else normal
    found, size = steepest.norm_ball_tangent(gradient, normal), nuclear(gradient)
    for multiplier in found.multiplier + rng.standard_normal(10) * np.geomspace(1e-4, 1, 10):
        assert found.dual <= nuclear(gradient + multiplier * normal) + 1e-10 * size
    left, right = frame(n, n, rng), frame(m, m, rng)
    turned = steepest.norm_ball_tangent(left @ gradient @ right, -2 * left @ normal @ right)
    assert turned.dual == pytest.approx(found.dual, abs=2e-10 * size)
    wide = steepest.norm_ball_tangent(gradient.T, normal.T)
    assert wide.direction.shape == (m, n)
    assert wide.dual == pytest.approx(found.dual, abs=2e-10 * size)


def test_the_scalar_iteration_is_the_published_loop():
    rng = np.random.default_rng(2)
    gradient, normal = rng.standard_normal((2, 7, 3))
    multiplier, duals = -np.sum(gradient * normal) / np.sum(normal**2), []
    for count in range(1, 6):
        matrix = gradient + multiplier * normal
        duals.append(nuclear(matrix))
        found = steepest.norm_ball_tangent(gradient, normal, method="fixed-point", max_iterations=count, tol=1e-15)
        assert found.iterations == found.svds == count
        assert found.dual == pytest.approx(min(duals), rel=1e-13)
        inverse = np.linalg.inv(linalg.sqrtm(matrix.T @ matrix))
        multiplier = -np.trace(normal.T @ gradient @ inverse) / np.trace(normal.T @ normal @ inverse)


def test_the_default_limits_of_the_scalar_search_are_sixty_and_one_in_ten_billion():
    gradient, normal = np.diag([1.0, 5.0, 2.0]), np.diag([0.1, 1.0, 0.7])
    stalled = steepest.norm_ball_tangent(gradient, normal, method="fixed-point", tol=1e-300)
    assert (stalled.iterations, stalled.converged) == (60, False)
    rng = np.random.default_rng(3)
    for _ in range(10):
        gradient, normal = rng.standard_normal((2, 12, 4))
        slow = steepest.norm_ball_tangent(gradient, normal, method="fixed-point")
        reached = slow.gaps <= 1e-10 * nuclear(gradient)
        assert reached.sum() == 1  # it stops at the first gap within tolerance
        assert slow.gaps[-2] > 1e-10 * np.linalg.norm(gradient)


@pytest.mark.parametrize(("near_rank_one", "most"), [(False, 310), (True, 424)])
def test_one_constraint_takes_as_few_decompositions_as_its_model_promises(near_rank_one, most):
    rng, total = np.random.default_rng(0), 0
    for _ in range(100):
        m = int(rng.integers(2, 6))
        gradient, normal = rng.standard_normal((2, m + int(rng.choice([0, 0, 1, 3])), m))
        if near_rank_one:
            gradient = np.outer(gradient[:, 0], gradient[0]) + 1e-3 * rng.standard_normal(gradient.shape)
        total += steepest.norm_ball_tangent(gradient, normal).svds
    assert total <= most  # measured 302 and 414


# The spectral sphere.


@given(st.tuples(st.integers(2, 6), st.integers(2, 6)), st.integers(0, 5), powers, powers, seeds)
def test_the_spectral_sphere_is_solved_with_a_certificate(shape, multiplicity, gradient_scale, weight_scale, rng):
    n, m, small = *shape, min(shape)
    k = 1 + multiplicity % small
    left, right = frame(n, small, rng), frame(m, small, rng)
    weight = (left * np.r_[np.ones(k), np.linspace(0.9, 0.5, small - k)]) @ right.T
    gradient = rng.standard_normal((n, m))
    found = steepest.spectral_sphere(gradient_scale * gradient, weight_scale * weight)
    corner = left[:, :k].T @ found.direction @ right[:, :k]
    assert np.abs(symmetric(corner)).max() <= 1e-13
    assert np.linalg.norm(found.direction, 2) <= 1 + 1e-13
    dual, size = nuclear(gradient + found.multiplier / gradient_scale), nuclear(gradient)
    assert found.dual / gradient_scale == pytest.approx(dual, rel=1e-12)
    assert dual - np.sum(gradient * found.direction) <= 1e-7 * size  # 1e-8 but for degenerate problems
    wide = steepest.spectral_sphere(gradient.T, weight.T)
    assert wide.dual == pytest.approx(dual, abs=2e-7 * size)
    assert wide.direction.shape == wide.multiplier.shape == (m, n)


@pytest.mark.parametrize(("apart", "repeated", "pairs"), [
    (0.8e-6, None, 2), (1.2e-6, None, 1), (0.08, 0.1, 2), (0.12, 0.1, 1), (0.0, 0.0, 2), (1e-15, 0.0, 1),
])  # fmt: skip
def test_singular_values_within_the_given_distance_of_the_largest_count_as_equal(apart, repeated, pairs):
    gradient = np.array([[1.0, 5.0], [2.0, 1.0], [0.5, 0.3]])
    weight = np.zeros((3, 2))
    weight[0, 0], weight[1, 1] = 3.0, 3.0 * (1 - apart)
    options = {} if repeated is None else {"repeated": repeated}
    corner = steepest.spectral_sphere(gradient, weight, **options).direction[:2]
    assert abs(corner[0, 0]) < 1e-13
    assert (np.abs(symmetric(corner)).max() < 1e-12) == (pairs == 2)


# The Stiefel manifold.


def assert_stiefel(found, gradient, weight, tol):
    tangent = weight.T @ found.direction
    assert_certificate(found, gradient, gradient + weight @ found.multiplier, tangent + tangent.T, tol)
    assert np.abs(found.multiplier - found.multiplier.T).max() <= 1e-14 * np.abs(found.multiplier).max()
    assert len(found.gaps) == found.svds or found.svds == 0


@given(sizes, st.integers(0, 5), seeds)
def test_the_stiefel_direction_has_its_certificate_and_follows_a_change_of_basis(m, extra, rng):
    n = m + extra
    gradient, weight = rng.standard_normal((n, m)), frame(n, m, rng)
    found = steepest.stiefel(gradient, weight)
    assert found.converged
    assert_stiefel(found, gradient, weight, 1e-8)
    left, right, size = frame(n, n, rng), frame(m, m, rng), nuclear(gradient)
    for other in (
        steepest.stiefel(left @ gradient @ right, left @ weight @ right),
        steepest.stiefel(gradient.T, weight.T),
        steepest.stiefel(gradient + weight @ symmetric(rng.standard_normal((m, m))), weight),  # no tangent part
    ):
        assert other.dual == pytest.approx(found.dual, abs=4e-8 * size)  # two gaps, of a norm twice as large
    for _ in range(5):
        trial = rng.standard_normal((n, m))
        trial -= weight @ symmetric(weight.T @ trial)
        assert np.sum(gradient * trial) <= found.dual * np.linalg.norm(trial, 2) + 1e-12


@given(st.integers(1, 5), st.integers(0, 4), powers, seeds)
def test_the_stiefel_direction_does_not_see_the_scale(m, extra, scale, rng):
    gradient, weight = rng.standard_normal((m + extra, m)), frame(m + extra, m, rng)
    plain, scaled = steepest.stiefel(gradient, weight), steepest.stiefel(scale * gradient, weight)
    for name in ("primal", "dual"):
        assert getattr(scaled, name) / scale == pytest.approx(getattr(plain, name), abs=2e-8 * nuclear(gradient))
    np.testing.assert_allclose(
        nuclear(gradient + weight @ (scaled.multiplier / scale)), scaled.dual / scale, rtol=1e-13
    )


@given(st.integers(1, 6), seeds)
def test_orthogonal_matrices_have_their_closed_form(n, rng):
    gradient, weight = rng.standard_normal((n, n)), frame(n, n, rng)
    inner = weight.T @ gradient
    found = steepest.orthogonal(gradient, weight)
    np.testing.assert_allclose(found.direction, weight @ polar(inner - inner.T), atol=1e-10)  # small singular values
    assert found.primal == pytest.approx(nuclear(inner - inner.T) / 2, abs=1e-13)
    assert found.converged == steepest.stiefel(gradient, weight).converged
    assert_stiefel(found, gradient, weight, 1e-8)


@pytest.mark.parametrize(("off", "passes"), [(0.9e-5, True), (1.1e-5, False)])
def test_a_weight_counts_as_orthonormal_within_one_in_a_hundred_thousand(off, passes):
    weight = np.eye(4)[:, :2] * np.sqrt([1 + off, 1 - off / 2])
    gradient = np.arange(8.0).reshape(4, 2)
    if passes:
        assert steepest.stiefel(gradient, weight).converged
        assert steepest.retract(weight, np.zeros((4, 2)), 0.1) == pytest.approx(np.eye(4)[:, :2], abs=1e-12)
        return
    for call in (lambda: steepest.stiefel(gradient, weight), lambda: steepest.retract(weight, gradient, 0.1)):
        with pytest.raises(ValueError, match=r"^`weight` must satisfy ‖WᵀW − I‖₂ ≤ 1e-05, got 1\.1e-05; pass msign"):
            call()


@pytest.mark.parametrize(("noise", "moves"), [(1e-16, False), (1e-13, True)])
def test_a_gradient_counts_as_normal_within_rounding(noise, moves):
    weight, rng = np.eye(6)[:, :3], np.random.default_rng(5)
    gradient = weight @ symmetric(rng.standard_normal((3, 3)))
    gradient[4, 1] = noise
    found = steepest.stiefel(gradient, weight)
    assert found.direction.any() == moves
    assert found.dual <= 3 * noise + 1e-15
    assert found.svds == found.iterations == 0 or moves


@pytest.mark.parametrize(("method", "limit"), [
    ("dual-gradient", 100), ("fixed-point", 300), ("admm", 300),
])  # fmt: skip
def test_without_a_limit_a_method_takes_its_usual_number_of_steps(method, limit):
    gradient, weight = instances.stiefel_8x4()
    found = steepest.stiefel(gradient, weight, method=method, tol=1e-300)
    assert (found.iterations, found.converged) == (limit, False)


def test_newton_gives_up_after_a_hundred_steps():
    rng = np.random.default_rng(4)
    gradients = rng.standard_normal((16, 24, 1)) @ rng.standard_normal((16, 1, 12))  # rank one: the gap stays at 1e-15
    founds = [steepest.stiefel(gradient, frame(24, 12, rng), tol=1e-300) for gradient in gradients]
    assert max(found.iterations for found in founds) == 100


@pytest.mark.parametrize("method", ["fixed-point", "anderson", "admm", "lbfgs"])
def test_the_default_tolerance_of_the_stiefel_solvers_is_one_in_a_hundred_million(method):
    rng = np.random.default_rng(13)
    gradient = rng.standard_normal((40, 8))
    reached = steepest.stiefel(gradient, frame(40, 8, rng), method=method).gaps <= 1e-8 * nuclear(gradient)
    assert reached.sum() == 1
    assert reached[-1]


# Published methods, as plain loops at full size.


def problem(seed, n=9, m=3):
    """Return a gradient without normal part, so that all methods start at zero, and a weight."""
    rng = np.random.default_rng(seed)
    gradient, weight = 3 * rng.standard_normal((n, m)), frame(n, m, rng)
    return gradient - weight @ symmetric(weight.T @ gradient), weight


@pytest.mark.parametrize(("options", "step"), [({}, 0.01), ({"step": 0.03}, 0.03)])
@pytest.mark.parametrize("limit", [1, 2, 7, 20])
def test_dual_gradient_is_the_loop_of_its_source(options, step, limit):
    gradient, weight = problem(6)  # its unit matters: the step is one of the gradient's entries
    multiplier, duals, primals = np.zeros((3, 3)), [], [0.0]
    for k in range(limit):
        matrix = gradient + 2 * weight @ multiplier
        inner = weight.T @ polar(matrix)
        tangent = polar(matrix) - weight @ symmetric(inner)
        primals.append(np.sum(gradient * tangent) / max(1, np.linalg.norm(tangent, 2)))
        duals.append(nuclear(matrix))
        multiplier -= step * (1 - k / limit) * (inner + inner.T)
    found = steepest.stiefel(gradient, weight, method="dual-gradient", max_iterations=limit, **options)
    assert found.dual == pytest.approx(min(duals), rel=1e-13)
    assert found.primal == pytest.approx(max(primals), rel=1e-13)
    assert found.iterations == found.svds == limit


def reweighted(gradient, weight, multiplier):
    """Return the next X of the fixed point, from QX + XQ = −(Q sym-free): Su 2025 [11221] by a Lyapunov equation."""
    matrix = gradient + weight @ multiplier
    root = np.real(linalg.sqrtm(matrix.T @ matrix))
    return linalg.solve_continuous_lyapunov(root, -2 * symmetric(root @ weight.T @ gradient)), nuclear(matrix)


def test_anderson_is_mixing_of_the_last_eight_differences():
    gradient, weight = instances.stiefel_8x4()
    weight = polar(weight)
    multiplier, duals, points, moves = -symmetric(weight.T @ gradient), [], [], []
    for count in range(1, 14):
        image, dual = reweighted(gradient, weight, multiplier)
        duals.append(dual)
        points, moves = [*points, image.ravel()][-9:], [*moves, (image - multiplier).ravel()][-9:]
        found = steepest.stiefel(gradient, weight, method="anderson", max_iterations=count)
        assert found.dual == pytest.approx(min(duals), rel=1e-8)  # the least squares multiply rounding
        if count > 1:
            steps = np.diff(np.array(points), axis=0).T
            shares = np.linalg.lstsq(np.diff(np.array(moves), axis=0).T, moves[-1], rcond=1e-6)[0]
            image = (points[-1] - steps @ shares).reshape(image.shape)
        multiplier = symmetric(image)


def test_admm_is_soft_thresholding_in_alternation():
    gradient, weight = problem(7)
    penalty = 4 * np.sqrt(3) / np.linalg.norm(gradient)
    multiplier, scaled, duals, primals = np.zeros((3, 3)), np.zeros_like(gradient), [], [0.0]
    for count in range(1, 9):
        left, values, right = np.linalg.svd(gradient + weight @ multiplier + scaled, full_matrices=False)
        split = left * np.maximum(values - 1 / penalty, 0) @ right
        scaled = left * np.minimum(values, 1 / penalty) @ right
        direction = penalty * (scaled - weight @ symmetric(weight.T @ scaled))
        primals.append(np.sum(gradient * direction) / max(1, np.linalg.norm(direction, 2)))
        multiplier = symmetric(weight.T @ (split - scaled - gradient))
        miss = np.linalg.norm(gradient + weight @ multiplier - split)
        duals.append(nuclear(split) + np.sqrt(3) * miss)
        found = steepest.stiefel(gradient, weight, method="admm", max_iterations=count)
        assert found.primal == pytest.approx(max(primals), rel=1e-12)
        assert found.dual == pytest.approx(min(duals), rel=1e-12)
        assert found.iterations == found.svds == count


def test_alternating_projection_is_its_loop():
    gradient, weight = problem(8)
    for count in (1, 2, 5, 12):
        current = gradient
        for _ in range(count):
            current = polar(current)
            current = current - weight @ symmetric(weight.T @ current)
        found = steepest.stiefel(gradient, weight, method="alternating-projection", max_iterations=count)
        np.testing.assert_allclose(found.direction, current / max(1, np.linalg.norm(current, 2)), atol=1e-12)
        assert (found.iterations, found.svds) == (count, count + 1)
    settled = steepest.stiefel(gradient, weight, method="alternating-projection", max_iterations=10_000)
    assert settled.iterations < 10_000
    tight = steepest.stiefel(gradient, weight, method="alternating-projection", max_iterations=10_000, tol=1e-12)
    assert np.abs(settled.direction - tight.direction).max() < 1e-6  # it settled, within the default 1e-8 and its rate


def ascent_of_split(gradient, weight, share):
    """Return the best ascent for K = share·S/‖S‖₂, by the Cholesky factor of I − KᵀK."""
    inner = weight.T @ gradient
    skewed, rest = (inner - inner.T) / 2, gradient - weight @ inner
    inside = share * skewed / (np.linalg.norm(skewed, 2) or 1.0)
    # the shift by 1e-15 lets the factor exist where a singular value of K is 1; it costs its root
    root = np.linalg.cholesky((1 + 1e-15) * np.eye(len(inner)) - inside.T @ inside)
    return np.sum(skewed * inside) + nuclear(rest @ root)


@given(st.integers(1, 4), st.integers(1, 4), seeds)
def test_greedy_split_is_the_best_multiple_of_the_skew_part_with_the_best_rest(m, extra, rng):
    gradient, weight = rng.standard_normal((m + extra, m)), frame(m + extra, m, rng)
    found = steepest.stiefel(gradient, weight, method="greedy-split")
    shares = np.linspace(0, 0.9999, 200)
    searched = max(ascent_of_split(gradient, weight, share) for share in shares)
    assert found.primal >= searched * (1 - 1e-12)
    inner = weight.T @ found.direction
    skewed = weight.T @ gradient - gradient.T @ weight
    size = np.linalg.norm(skewed, 2) or 1.0
    share = np.linalg.norm(inner) * size / (np.linalg.norm(skewed) or 1.0)
    np.testing.assert_allclose(inner, share * skewed / size, atol=1e-9)
    assert found.primal == pytest.approx(ascent_of_split(gradient, weight, min(share, 1.0)), rel=1e-6)


def test_greedy_split_takes_the_whole_skew_part_where_nothing_is_outside():
    gradient, weight = np.random.default_rng(4).standard_normal((4, 4)), np.eye(4)
    found = steepest.stiefel(gradient, weight, method="greedy-split")
    skewed = gradient - gradient.T
    np.testing.assert_allclose(found.direction, skewed / np.linalg.norm(skewed, 2), atol=1e-14)


def test_greedy_split_is_exact_for_two_columns():
    gradient, weight = np.random.default_rng(6).standard_normal((7, 2)), np.eye(7, 2)
    found = steepest.stiefel(gradient, weight, method="greedy-split")
    assert found.primal == pytest.approx(steepest.stiefel(gradient, weight).primal, rel=1e-8)


def test_greedy_split_keeps_its_limit():
    gradient, weight = problem(8)
    found = steepest.stiefel(gradient, weight, method="greedy-split", max_iterations=3)
    assert (found.iterations, found.svds) == (3, 4)


def test_lbfgs_stops_at_its_limit_and_at_its_tolerance():
    gradient, weight = problem(9, 20, 6)
    reached = steepest.stiefel(gradient, weight, method="lbfgs")
    assert reached.converged
    assert (reached.gaps <= 1e-8 * nuclear(gradient)).sum() == 1
    short = steepest.stiefel(gradient, weight, method="lbfgs", max_iterations=3)
    assert short.iterations == short.svds == 3


def test_newton_takes_as_few_decompositions_as_its_tuning_promises():
    rng, total = np.random.default_rng(10), 0
    for n, m in itertools.product((6, 10, 20, 40), (3, 4, 6)):
        for _ in range(5):
            found = steepest.stiefel(rng.standard_normal((n, m)), frame(n, m, rng))
            assert found.converged
            total += found.svds
    assert total <= 225  # measured 222 on two processors; twice or half the smoothing takes 282 or 237


# Retractions.


@given(st.integers(1, 5), st.integers(0, 4), st.floats(0, 3), seeds)
def test_the_stiefel_retraction_is_the_nearest_orthonormal_matrix_also_of_a_wide_one(m, extra, lr, rng):
    weight = frame(m + extra, m, rng)
    direction = rng.standard_normal((m + extra, m))
    direction -= weight @ symmetric(weight.T @ direction)
    expected = linalg.polar(weight - lr * direction)[0]
    np.testing.assert_allclose(steepest.retract(weight, direction, lr), expected, atol=1e-11)
    np.testing.assert_allclose(steepest.retract(weight.T, direction.T, lr), expected.T, atol=1e-11)


@pytest.mark.parametrize("manifold", ["sphere", "spectral-sphere"])
@given(st.tuples(st.integers(2, 5), st.integers(1, 5)), st.floats(-2, 2), powers, seeds)
def test_a_sphere_retraction_scales_the_step_to_the_old_norm(manifold, shape, lr, scale, rng):
    order = None if manifold == "sphere" else 2
    weight, direction = rng.standard_normal((2, *shape))
    moved = weight - lr * direction
    expected = moved * (np.linalg.norm(weight, order) / np.linalg.norm(moved, order))
    found = steepest.retract(scale * weight, scale * direction, lr, manifold=manifold)
    np.testing.assert_allclose(found / scale, expected, rtol=1e-13, atol=1e-13)


def test_the_sphere_retraction_takes_arrays_of_every_dimension():
    assert steepest.retract([3.0, 4.0], [0.0, 4.0], 1.0, manifold="sphere").tolist() == [5, 0]
    assert steepest.retract([[[3.0, 4.0]]], [[[3.0, 0.0]]], 1.0, manifold="sphere").tolist() == [[[0, 5]]]
    assert steepest.retract([[3.0, 4.0]], [[3.0, 0.0]], 1.0, manifold="spectral-sphere").tolist() == [[0, 5]]


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (2, 2), (1, 1)])
def test_a_step_that_loses_rank_is_refused(shape):
    weight, direction = np.eye(*shape), np.zeros(shape)
    direction[0, 0] = 1.0
    assert steepest.retract(weight, direction, 0.999) == pytest.approx(weight, abs=1e-12)
    with pytest.raises(ValueError, match=r"(?s)^`direction` must leave W − ηΦ of full rank, got .*; a tangent"):
        steepest.retract(weight, direction, 1.0)


# Instances and arguments.


def test_each_call_returns_its_own_arrays_of_the_printed_instance():
    first, second = instances.stiefel_8x4(), instances.stiefel_8x4()
    first[0][:] = first[1][:] = 0
    gradient, weight = second
    assert gradient.shape == weight.shape == (8, 4)
    assert np.linalg.norm(weight.T @ weight - np.eye(4), 2) < 1e-6
    assert np.linalg.norm(gradient.T @ gradient - np.eye(4), 2) > 1


SOLVERS = [
    (steepest.sphere, "weight"),
    (steepest.norm_ball_tangent, "normal"),
    (steepest.spectral_sphere, "weight"),
    (steepest.stiefel, "weight"),
    (steepest.orthogonal, "weight"),
    (lambda direction, weight: steepest.retract(weight, direction, 0.1), "weight"),
]


@pytest.mark.parametrize(("solve", "second"), SOLVERS)
@pytest.mark.parametrize(
    ("bad", "error", "text"),
    [
        (np.full((2, 2), np.nan), ValueError, "be finite, got nan"),
        ([["a", "b"], ["c", "d"]], TypeError, "be real numbers, got"),
        ([[1.0], [2.0, 3.0]], ValueError, "be a regular array"),
        (np.ones((2, 3)), ValueError, "(have the (gradient|weight)'s shape|be square|satisfy)"),
    ],
)
def test_a_bad_matrix_is_named(solve, second, bad, error, text):
    with pytest.raises(error, match=rf"^`({second}|direction)` must {text}"):
        solve(np.eye(2), bad)
    with pytest.raises(error, match=rf"^`(gradient|direction|{second})` must {text}"):
        solve(bad, np.eye(2))


@pytest.mark.parametrize(("solve", "second"), [SOLVERS[0], SOLVERS[1], SOLVERS[2]])
def test_a_normal_without_direction_is_named(solve, second):
    with pytest.raises(ValueError, match=rf"^`{second}` must have a direction, got 'zero everywhere'$"):
        solve(np.eye(2), np.zeros((2, 2)))


@pytest.mark.parametrize("solve", [steepest.norm_ball_tangent, steepest.spectral_sphere, steepest.stiefel])
@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tol": 0.0}, ValueError, r"^`tol` must be finite and lie in \(0, inf\), got 0\.0$"),
        ({"tol": "small"}, TypeError, r"^`tol` must be real numbers, got 'small'"),
        ({"max_iterations": 0}, ValueError, r"^`max_iterations` must be at least 1, got 0$"),
        ({"max_iterations": 2.5}, TypeError, r"^`max_iterations` must be an integer, got 2\.5$"),
    ],
)
def test_a_bad_limit_is_named(solve, options, error, text):
    with pytest.raises(error, match=text):
        solve(np.eye(2), np.eye(2), **options)
    assert solve(np.eye(2), np.eye(2), max_iterations=1).iterations <= 1


def test_other_bad_options_are_named():
    for solve in (steepest.norm_ball_tangent, steepest.stiefel):
        with pytest.raises(ValueError, match=r"^`method` must be one of 'newton', .*, got 'magic'$"):
            solve(np.eye(2), np.eye(2), method="magic")
    for repeated in (-0.1, 1.0):
        with pytest.raises(ValueError, match=rf"^`repeated` must be finite and lie in \[0, 1\), got {repeated}$"):
            steepest.spectral_sphere(np.eye(2), np.eye(2), repeated=repeated)
    with pytest.raises(ValueError, match=r"^`step` must be finite and lie in \(0, inf\), got 0\.0$"):
        steepest.stiefel(np.eye(2), np.eye(2), step=0.0)
    with pytest.raises(ValueError, match=r"^`manifold` must be one of 'stiefel', 'sphere', 'spectral-sphere', got"):
        steepest.retract(np.eye(2), np.eye(2), 0.1, manifold="torus")
    with pytest.raises(ValueError, match=r"^`lr` must be finite, got nan$"):
        steepest.retract(np.eye(2), np.eye(2), np.nan)
    with pytest.raises(ValueError, match=r"^`lr` must keep W − ηΦ finite, got 1e\+308$"):
        steepest.retract(np.eye(2), 10 * np.eye(2), 1e308)
    for manifold in ("sphere", "spectral-sphere"):
        with pytest.raises(ValueError, match=r"^`weight` must have a direction, got 'zero everywhere'$"):
            steepest.retract(np.zeros((2, 2)), np.eye(2), 0.1, manifold=manifold)
        with pytest.raises(ValueError, match=r"^`direction` must not end at zero, got "):
            steepest.retract(np.eye(2), np.eye(2), 1.0, manifold=manifold)
