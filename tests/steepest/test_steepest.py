import itertools

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov
from scipy.optimize import minimize, minimize_scalar

from optnotes.instances import stiefel_8x4
from optnotes.matrix_sign import mcsgn, msign, nuclear_norm, skew, sym
from optnotes.steepest import norm_ball_tangent, orthogonal, retract, spectral_sphere, sphere, stiefel

TANGENCY = 1e-13  # the promise; products of orthonormal matrices leave about 1e-15
PEERS = ["fixed-point", "anderson", "dual-gradient", "admm", "lbfgs", "alternating-projection", "greedy-split"]


def frame(n, m, rng):
    """Return a random n × m matrix with orthonormal columns."""
    return np.linalg.qr(rng.standard_normal((n, m)))[0]


def assert_certified(found, gradient, weight, gap):
    """Check tangency, norm and gap from the definitions, on the matrices of full size."""
    scale = np.abs(gradient).max() or 1.0
    tangent = weight.T @ found.direction
    assert np.abs(tangent + tangent.T).max() <= TANGENCY
    assert np.linalg.norm(found.direction, 2) <= 1 + TANGENCY
    assert np.abs(found.multiplier - found.multiplier.T).max() <= 1e-14 * np.abs(found.multiplier).max()
    dual = nuclear_norm((gradient + weight @ found.multiplier) / scale)
    primal = np.sum(gradient / scale * found.direction)
    assert dual - primal <= gap * nuclear_norm(gradient / scale) + 1e-14


def degenerate(rng):
    """Return pairs of gradient and weight at which msign, or its derivative, does not exist."""
    n, m = 24, 12
    weight, general = frame(n, m, rng), rng.standard_normal((n, m))
    outside = general - weight @ (weight.T @ general)
    inside = weight @ rng.standard_normal((m, m))
    values = np.geomspace(1, 1e-12, m)
    return {
        "rank one": (general[:, :1] @ general[:1, :m], weight),
        "half rank": (general[:, :6] @ general[:6, :m], weight),
        "condition 1e12": ((frame(n, m, rng) * values) @ frame(m, m, rng), weight),
        "outer rank one": (inside + np.outer(outside[:, 0], general[0]), weight),
        "outer condition 1e12": (inside + (np.linalg.qr(outside)[0] * values) @ frame(m, m, rng), weight),
        "outer part zero": (inside, weight),
        "outer part tiny": (inside + 1e-6 * outside, weight),
        "inner part tiny": (1e-6 * inside + outside, weight),
        "sparse": (general * (rng.random((n, m)) < 0.1), np.eye(n)[:, :m]),
        "all ones": (np.ones((n, m)), weight),
        "n = m + 1, rank four": (rng.standard_normal((13, 4)) @ rng.standard_normal((4, 12)), frame(13, 12, rng)),
        "zero": (np.zeros((n, m)), weight),
        "normal": (weight @ sym(general[:m]), weight),
        "weight itself": (weight, weight),
    }


def test_the_printed_instance_has_its_known_optimum():
    # 90.0481281671 by two conic solvers, Clarabel and SCS, on the reduced problem
    gradient, weight = stiefel_8x4()
    found = stiefel(gradient, weight)
    assert found.primal == pytest.approx(90.0481281671, abs=1e-6)  # a gap of 1e-8
    assert_certified(found, gradient, msign(weight), 1e-8)


def test_the_heuristics_stay_where_the_source_saw_them():
    gradient, weight = stiefel_8x4()
    assert stiefel(gradient, weight, method="alternating-projection").primal == pytest.approx(70, abs=1)
    # by a search over t with the symmetric root of I − KᵀK, in full size
    assert stiefel(gradient, weight, method="greedy-split").primal == pytest.approx(81.9917148, abs=1e-6)


@pytest.mark.parametrize("scale", [1e200, 1e-200])
@pytest.mark.parametrize("manifold", ["sphere", "spectral-sphere"])
def test_sphere_retractions_do_not_see_the_scale(manifold, scale):
    weight, direction = np.random.default_rng(5).standard_normal((2, 3, 2))
    plain = retract(weight, direction, 0.1, manifold=manifold)
    scaled = retract(scale * weight, scale * direction, 0.1, manifold=manifold)
    assert scaled / scale == pytest.approx(plain, rel=1e-14)  # a few roundings


def test_a_zero_gradient_on_the_spectral_sphere_has_value_zero():
    found = spectral_sphere(np.zeros((3, 2)), np.arange(6.0).reshape(3, 2))
    assert found.converged
    assert (found.primal, found.dual) == (0, 0)


@pytest.mark.parametrize("shape", [(2, 1), (7, 2), (3, 2), (4, 3), (9, 8), (20, 10), (60, 12), (40, 39), (64, 48)])
def test_random_shapes_reach_a_certified_gap_in_few_decompositions(shape):
    rng = np.random.default_rng(sum(shape))
    gradient, weight = rng.standard_normal(shape), frame(*shape, rng)
    found = stiefel(gradient, weight)
    assert found.converged
    assert found.svds <= 30
    assert_certified(found, gradient, weight, 1e-8)


@pytest.mark.parametrize("name", degenerate(np.random.default_rng(0)))
def test_degenerate_gradients_reach_a_certified_gap(name):
    gradient, weight = degenerate(np.random.default_rng(3))[name]
    assert_certified(stiefel(gradient, weight), gradient, weight, 1e-7)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 33])
def test_square_matrices_have_the_closed_form_also_in_odd_size(size):
    rng = np.random.default_rng(size)
    gradient, weight = rng.standard_normal((size, size)), frame(size, size, rng)
    found = orthogonal(gradient, weight)
    assert found.svds <= 1
    assert found.direction == pytest.approx(weight @ msign(skew(weight.T @ gradient)), abs=1e-11)
    assert_certified(found, gradient, weight, 1e-12)


def test_one_column_follows_the_tangent_part():
    rng = np.random.default_rng(4)
    gradient, weight = rng.standard_normal((6, 1)), frame(6, 1, rng)
    assert stiefel(gradient, weight).direction == pytest.approx(sphere(gradient, weight).direction, abs=1e-14)


@pytest.mark.parametrize("n", [3, 4, 9])
def test_two_columns_have_the_closed_form(n):
    rng = np.random.default_rng(n)
    gradient, weight = rng.standard_normal((n, 2)), frame(n, 2, rng)
    inner = skew(weight.T @ gradient)[1, 0]
    outer = nuclear_norm(gradient - weight @ weight.T @ gradient)
    found = stiefel(gradient, weight)
    assert found.svds == 1
    assert found.primal == pytest.approx(np.hypot(2 * inner, outer), rel=1e-13)
    assert_certified(found, gradient, weight, 1e-12)


def test_commuting_parts_need_one_decomposition():
    rng = np.random.default_rng(6)
    weight, basis = frame(12, 4, rng), frame(4, 4, rng)
    turn = np.kron(np.diag([1.0, 0.3]), np.array([[0.0, -1.0], [1.0, 0.0]]))
    outside = np.linalg.qr(np.hstack([weight, rng.standard_normal((12, 4))]))[0][:, 4:]
    gradient = weight @ basis @ turn @ basis.T + outside @ np.diag([2.0, 2.0, 5.0, 5.0]) @ basis.T
    found = stiefel(gradient, weight)
    assert found.svds == 1
    assert_certified(found, gradient, weight, 1e-13)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_the_direction_does_not_see_the_scale(scale):
    rng = np.random.default_rng(7)
    gradient, weight = rng.standard_normal((12, 6)), frame(12, 6, rng)
    found, reference = stiefel(scale * gradient, weight), stiefel(gradient, weight)
    assert found.direction == pytest.approx(reference.direction, abs=1e-4)  # gap 1e-8 fixes Φ to its root
    assert found.primal == pytest.approx(scale * reference.primal, rel=1e-8)


def test_a_wide_matrix_is_transposed():
    rng = np.random.default_rng(8)
    gradient, weight = rng.standard_normal((9, 4)), frame(9, 4, rng)
    wide, tall = stiefel(gradient.T, weight.T), stiefel(gradient, weight)
    assert np.array_equal(wide.direction, tall.direction.T)
    assert np.array_equal(wide.multiplier, tall.multiplier)


def test_the_value_agrees_with_a_derivative_free_search_of_the_dual():
    rng = np.random.default_rng(9)
    gradient, weight = rng.standard_normal((6, 3)), frame(6, 3, rng)

    def dual(entries):
        multiplier = np.zeros((3, 3))
        multiplier[np.triu_indices(3)] = entries
        return nuclear_norm(gradient + weight @ (multiplier + multiplier.T))

    search = minimize(dual, np.zeros(6), method="Powell", options={"xtol": 1e-9, "ftol": 1e-13})
    assert stiefel(gradient, weight).primal == pytest.approx(search.fun, rel=1e-7)  # where the search stops


def test_random_tangent_directions_stay_below_the_dual():
    rng = np.random.default_rng(10)
    gradient, weight = rng.standard_normal((7, 4)), frame(7, 4, rng)
    found = stiefel(gradient, weight)
    for _ in range(200):
        trial = rng.standard_normal((7, 4))
        trial -= weight @ sym(weight.T @ trial)
        assert np.sum(gradient * trial) / np.linalg.norm(trial, 2) <= found.dual


def test_a_gradient_without_ascent_gives_no_direction():
    gradient, weight = degenerate(np.random.default_rng(11))["normal"]
    found = stiefel(gradient, weight)
    assert not found.direction.any()
    assert found.converged


@pytest.mark.parametrize("method", PEERS)
def test_peers_return_feasible_directions_and_honest_flags(method):
    rng = np.random.default_rng(12)
    gradient, weight = rng.standard_normal((40, 8)), frame(40, 8, rng)
    found = stiefel(gradient, weight, method=method)
    assert_certified(found, gradient, weight, found.gap / nuclear_norm(gradient) + 1e-14)
    assert found.converged == (found.gap <= 1e-8 * nuclear_norm(gradient))
    assert len(found.gaps) == found.svds


@pytest.mark.parametrize("method", ["fixed-point", "anderson", "admm", "lbfgs"])
def test_exact_peers_reach_the_same_optimum(method):
    rng = np.random.default_rng(13)
    gradient, weight = rng.standard_normal((40, 8)), frame(40, 8, rng)
    assert stiefel(gradient, weight, method=method).primal == pytest.approx(stiefel(gradient, weight).primal, rel=3e-8)


def test_the_fixed_point_never_ascends():
    gradient, weight = stiefel_8x4()
    weight = msign(weight)
    duals = [stiefel(gradient, weight, method="fixed-point", max_iterations=k).dual for k in range(1, 30)]
    multiplier = -sym(weight.T @ gradient)
    for dual in duals:
        assert nuclear_norm(gradient + weight @ multiplier) == pytest.approx(dual, rel=1e-10)
        matrix = gradient + weight @ multiplier
        root = matrix.T @ msign(matrix)
        multiplier = solve_continuous_lyapunov(root, -2 * sym(root @ weight.T @ gradient))
    assert all(after <= before for before, after in itertools.pairwise(duals))


def test_the_fixed_point_by_matrix_sign_equals_the_lyapunov_equation():
    rng = np.random.default_rng(14)
    root, right = rng.standard_normal((5, 3)), sym(rng.standard_normal((3, 3)))
    root = root.T @ root
    block = mcsgn(np.block([[root, right], [np.zeros((3, 3)), -root]]))
    assert block[:3, 3:] / 2 == pytest.approx(solve_continuous_lyapunov(root, right), abs=1e-10)


def test_newton_needs_fewer_decompositions_than_its_peers():
    gradient, weight = stiefel_8x4()
    newton = stiefel(gradient, weight)
    for method in ("fixed-point", "dual-gradient", "admm"):
        assert stiefel(gradient, weight, method=method).svds >= 4 * newton.svds
    assert stiefel(gradient, weight, method="anderson").svds >= 2 * newton.svds


def test_too_few_iterations_are_reported_with_the_best_answer():
    gradient, weight = stiefel_8x4()
    found = stiefel(gradient, weight, max_iterations=2)
    assert not found.converged
    assert_certified(found, gradient, msign(weight), found.gap / nuclear_norm(gradient) + 1e-14)


@pytest.mark.parametrize("shape", [(8, 4), (4, 8), (20, 20), (60, 15), (5, 1)])
@pytest.mark.parametrize("rank_one", [True, False])
def test_one_constraint_is_met_within_few_decompositions(shape, rank_one):
    rng = np.random.default_rng(sum(shape))
    gradient, normal = rng.standard_normal((2, *shape))
    normal = np.outer(normal[:, 0], normal[0]) if rank_one else normal
    found = norm_ball_tangent(gradient, normal)
    assert found.svds <= (3 if rank_one else 5)
    assert abs(np.sum(normal * found.direction)) <= 1e-13 * np.linalg.norm(normal)
    assert np.linalg.norm(found.direction, 2) <= 1 + 1e-13
    dual = nuclear_norm(gradient + found.multiplier * normal)
    assert dual - np.sum(gradient * found.direction) <= 1e-10 * nuclear_norm(gradient)


def test_one_constraint_agrees_with_a_bounded_search():
    rng = np.random.default_rng(15)
    gradient, normal = rng.standard_normal((2, 6, 4))
    search = minimize_scalar(lambda x: nuclear_norm(gradient + x * normal), bracket=(-1, 1), tol=1e-12)
    assert norm_ball_tangent(gradient, normal).dual == pytest.approx(search.fun, rel=1e-10)


def test_thousands_of_small_hard_instances_close_their_gap():
    rng = np.random.default_rng(16)
    for k in range(1500):
        m = int(rng.integers(1, 6))
        n = m + int(rng.choice([0, 0, 1, 3]))
        gradient, normal = rng.standard_normal((2, n, m))
        if k % 3 == 1:
            gradient = np.outer(gradient[:, 0], gradient[0]) + 10.0 ** rng.uniform(-12, 0) * rng.standard_normal((n, m))
        if k % 2:
            normal = np.outer(normal[:, 0], normal[0])
        found = norm_ball_tangent(gradient, normal)
        assert found.converged
        assert found.residual <= 1e-12  # rounding
        assert found.svds <= (3 if k % 2 else 20)


def test_a_kink_is_solved_by_a_partial_isometry():
    found = norm_ball_tangent([[1.0, 0.0], [0.0, 5.0]], [[0.0, 0.0], [0.0, 1.0]])
    assert found.direction == pytest.approx(np.diag([1.0, 0.0]), abs=1e-12)
    assert found.multiplier == pytest.approx(-5)


def test_a_gradient_along_the_normal_has_value_zero():
    normal = np.random.default_rng(17).standard_normal((5, 3))
    found = norm_ball_tangent(-3 * normal, normal)
    assert found.primal <= found.dual <= 1e-12
    assert found.multiplier == pytest.approx(3, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_one_constraint_does_not_see_the_scales(scale):
    rng = np.random.default_rng(18)
    gradient, normal = rng.standard_normal((2, 6, 4))
    found, reference = norm_ball_tangent(scale * gradient, normal / scale), norm_ball_tangent(gradient, normal)
    assert found.direction == pytest.approx(reference.direction, abs=1e-5)  # gap 1e-10 fixes Φ to its root
    assert found.dual == pytest.approx(scale * reference.dual, rel=1e-12)


def test_the_published_scalar_iteration_agrees_where_it_converges():
    rng = np.random.default_rng(19)
    gradient, normal = rng.standard_normal((2, 12, 4))
    slow, fast = (norm_ball_tangent(gradient, normal, method=name) for name in ("fixed-point", "newton"))
    assert slow.dual == pytest.approx(fast.dual, rel=1e-9)
    assert slow.svds > fast.svds


@pytest.mark.parametrize("shape", [(9, 6), (6, 6), (5, 8)])
@pytest.mark.parametrize("multiplicity", [1, 2, 4])
def test_the_spectral_sphere_keeps_every_largest_singular_value(shape, multiplicity):
    rng = np.random.default_rng(multiplicity)
    small = min(shape)
    left, right = frame(shape[0], small, rng), frame(shape[1], small, rng)
    values = np.r_[np.full(multiplicity, 3.0), np.linspace(2, 1, small - multiplicity)]
    gradient = rng.standard_normal(shape)
    found = spectral_sphere(gradient, (left * values) @ right.T)
    corner = left[:, :multiplicity].T @ found.direction @ right[:, :multiplicity]
    assert np.abs(corner + corner.T).max() <= 1e-13  # rounding of the singular vectors, spaced by a third
    assert np.linalg.norm(found.direction, 2) <= 1 + TANGENCY
    dual = nuclear_norm(gradient + found.multiplier)
    assert dual - np.sum(gradient * found.direction) <= 1e-8 * nuclear_norm(gradient)


def test_the_spectral_sphere_at_an_isometry_is_the_stiefel_manifold():
    rng = np.random.default_rng(23)
    gradient, weight = rng.standard_normal((9, 4)), frame(9, 4, rng)
    assert spectral_sphere(gradient, 7 * weight).primal == pytest.approx(stiefel(gradient, weight).primal, rel=2e-8)


def test_single_traces_are_a_looser_constraint_than_the_symmetric_block():
    # at W = I the two traces leave the symmetric off-diagonal free: value 4 against 2
    gradient = np.array([[0.0, 1.0], [3.0, 0.0]])
    assert spectral_sphere(gradient, np.eye(2)).primal == pytest.approx(2, rel=1e-12)
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert np.sum(gradient * swap) == 4
    assert np.linalg.norm(np.eye(2) + 0.1 * swap, 2) == pytest.approx(1.1)


def test_the_sphere_direction_is_the_normalised_tangent_part():
    found = sphere([[3.0, 1.0], [4.0, 2.0]], [[0.0, 0.0], [0.0, 5.0]])
    assert found.direction == pytest.approx(np.array([[3.0, 1.0], [4.0, 0.0]]) / np.sqrt(26), abs=1e-15)
    assert found.multiplier == pytest.approx(-2 / 5)
    assert found.gap <= 1e-14


def test_the_sphere_has_no_ascent_along_its_radius():
    assert not sphere([1e-200, 2e-200], [1.0, 2.0]).direction.any()


@pytest.mark.parametrize("lr", [0.0, 1e-3, 0.5, 100.0])
def test_the_stiefel_retraction_has_its_printed_form(lr):
    rng = np.random.default_rng(20)
    gradient, weight = rng.standard_normal((9, 4)), frame(9, 4, rng)
    direction = stiefel(gradient, weight).direction
    moved = retract(weight, direction, lr)
    values, basis = np.linalg.eigh(np.eye(4) + lr**2 * direction.T @ direction)
    printed = (weight - lr * direction) @ (basis / np.sqrt(values)) @ basis.T
    assert moved == pytest.approx(printed, abs=1e-11)  # η² of 1e4 amplifies the rounding of tangency
    assert moved.T @ moved == pytest.approx(np.eye(4), abs=1e-14)


@pytest.mark.parametrize(("manifold", "order"), [("sphere", None), ("spectral-sphere", 2)])
def test_sphere_retractions_keep_the_norm(manifold, order):
    weight, direction = np.random.default_rng(21).standard_normal((2, 5, 3))
    moved = retract(weight, direction, 0.3, manifold=manifold)
    assert np.linalg.norm(moved, order) == pytest.approx(np.linalg.norm(weight, order), rel=1e-14)


def test_a_long_walk_stays_on_the_manifold():
    rng = np.random.default_rng(22)
    weight = frame(10, 3, rng)
    for _ in range(300):
        weight = retract(weight, stiefel(rng.standard_normal((10, 3)), weight, tol=1e-3).direction, 0.1)
    assert np.linalg.norm(weight.T @ weight - np.eye(3), 2) < 1e-13


def test_arguments_are_left_unchanged():
    gradient, weight = stiefel_8x4()
    kept = gradient.copy(), weight.copy()
    stiefel(gradient, weight)
    norm_ball_tangent(gradient, weight)
    retract(weight, gradient, 0.1)
    assert np.array_equal(gradient, kept[0])
    assert np.array_equal(weight, kept[1])


EYE = np.eye(3)[:, :2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stiefel(EYE, 1.1 * EYE), r"`weight` must satisfy ‖WᵀW − I‖₂ ≤ 1e-05, got 0.21; pass msign"),
        (lambda: stiefel(EYE, 1e200 * EYE), "`weight` must satisfy .* got inf"),
        (lambda: stiefel(EYE, np.eye(3)), r"`weight` must have the gradient's shape \(3, 2\), got 'shape \(3, 3\)'"),
        (lambda: stiefel(EYE * np.nan, EYE), "`gradient` must be finite, got nan"),
        (lambda: stiefel(EYE, EYE + np.inf), "`weight` must be finite, got inf"),
        (lambda: stiefel(np.empty((3, 0)), np.empty((3, 0))), "`gradient` must have at least one row and one column"),
        (lambda: stiefel(EYE, EYE, max_iterations=0), "`max_iterations` must be at least 1, got 0"),
        (lambda: stiefel(EYE, EYE, tol=0.0), "`tol` must be finite and lie in"),
        (lambda: stiefel(EYE, EYE, step=-1.0), "`step` must be finite and lie in"),
        (lambda: stiefel(EYE, EYE, method="magic"), "`method` must be one of 'newton', 'fixed-point'"),
        (lambda: orthogonal(EYE, EYE), "`weight` must be square, .* call stiefel"),
        (lambda: sphere([1.0], [0.0]), "`weight` must have a direction, got 'zero everywhere'"),
        (lambda: sphere([1.0], [0.0, 1.0]), r"`weight` must have the gradient's shape \(1,\)"),
        (lambda: norm_ball_tangent(EYE, 0 * EYE), "`normal` must have a direction"),
        (lambda: norm_ball_tangent(EYE, EYE.T), r"`normal` must have the gradient's shape \(3, 2\)"),
        (lambda: norm_ball_tangent(EYE, EYE, max_iterations=0), "`max_iterations` must be at least 1, got 0"),
        (lambda: spectral_sphere(EYE, 0 * EYE), "`weight` must have a direction"),
        (lambda: spectral_sphere(EYE, EYE, repeated=1.0), r"`repeated` must be finite and lie in \[0, 1\)"),
        (lambda: spectral_sphere(EYE, EYE.T), "`weight` must have the gradient's shape"),
        (lambda: retract(EYE, np.eye(3), 0.1), "`direction` must have the weight's shape"),
        (lambda: retract(EYE, EYE, 0.1, manifold="torus"), "`manifold` must be one of 'stiefel'"),
        (lambda: retract(2 * EYE, EYE, 0.1), "`weight` must satisfy"),
        (lambda: retract(EYE, EYE, 1.0, manifold="sphere"), "`direction` must not end at zero"),
        (lambda: retract(0 * EYE, EYE, 1.0, manifold="sphere"), "`weight` must have a direction"),
        (lambda: retract(EYE, 4 * EYE, 1e308, manifold="sphere"), "`lr` must keep W − ηΦ finite"),
        (lambda: retract(EYE, EYE, 1.0), "`direction` must leave W − ηΦ of full rank"),
        (lambda: retract(EYE, EYE * 1e200, 1e200), "`lr` must keep W − ηΦ finite"),
    ],
)
def test_bad_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_complex_gradients_are_refused():
    with pytest.raises(TypeError, match="`gradient` must be real numbers"):
        stiefel(1j * EYE, EYE)


def test_the_certificate_rejects_a_plain_polar_factor():
    gradient, weight = stiefel_8x4()
    found = stiefel(gradient, msign(weight))
    wrong = type(found)(**{**vars(found), "direction": msign(gradient)})
    with pytest.raises(AssertionError):
        assert_certified(wrong, gradient, msign(weight), 1e-8)


@pytest.mark.parametrize("manifold", ["sphere", "spectral-sphere"])
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_sphere_retractions_work_where_squares_leave_the_range(manifold, scale):
    weight, direction = np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [-3.0, 0.0]])
    plain = retract(weight, direction, 0.3, manifold=manifold)
    scaled = retract(scale * weight, scale * direction, 0.3, manifold=manifold)
    np.testing.assert_allclose(scaled / scale, plain, rtol=1e-14)  # a few roundings
