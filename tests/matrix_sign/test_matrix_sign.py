import numpy as np
import pytest

from optnotes.matrix_sign import mcsgn, msign, nuclear_norm, polynomial_coefficients, skew, sym

ROUNDING = 1e-14  # a few dozen roundings in float64


def with_singular_values(values, n, rng):
    """Return U diag(values) Vᵀ of shape (n, m) and its polar factor U Vᵀ, both from their definition."""
    m = len(values)
    left = np.linalg.qr(rng.standard_normal((n, m)))[0]
    right = np.linalg.qr(rng.standard_normal((m, m)))[0]
    return (left * values) @ right.T, left @ right.T


def test_the_factor_of_a_rotation_times_a_stretch_is_the_rotation():
    rotation = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert msign(rotation @ np.array([[2.0, 1.0], [1.0, 3.0]])) == pytest.approx(rotation, abs=ROUNDING)


@pytest.mark.parametrize("method", ["svd", "gram", "newton-schulz"])
@pytest.mark.parametrize("n", [12, 50])
def test_routes_agree_with_the_definition(method, n):
    rng = np.random.default_rng(1)
    matrix, factor = with_singular_values(np.geomspace(1, 0.02, 12), n, rng)
    assert np.linalg.norm(msign(matrix, method) - factor, 2) < 1e-12  # rounding times the squared condition 2500


def test_the_fast_route_keeps_its_accuracy_up_to_the_guard():
    matrix, factor = with_singular_values(np.geomspace(1, 0.0101, 30), 120, np.random.default_rng(2))
    fast = msign(matrix, "gram")
    assert np.linalg.norm(fast - factor, 2) < 1e-11  # the promised error
    assert np.linalg.norm(fast.T @ fast - np.eye(30), 2) < ROUNDING


def test_the_fast_route_hands_ill_conditioned_matrices_to_the_svd():
    matrix, _ = with_singular_values(np.geomspace(1, 1e-9, 6), 20, np.random.default_rng(3))
    assert np.array_equal(msign(matrix, "gram"), msign(matrix))


@pytest.mark.parametrize("method", ["svd", "gram"])
def test_rank_loss_gives_the_partial_isometry(method):
    rng = np.random.default_rng(4)
    left, right = (np.linalg.qr(rng.standard_normal((size, 2)))[0] for size in (7, 5))
    assert msign((left * [3.0, 0.1]) @ right.T, method) == pytest.approx(left @ right.T, abs=1e-13)


@pytest.mark.parametrize("method", ["svd", "gram", "newton-schulz", "muon", "polar-express"])
def test_zero_has_factor_zero(method):
    assert np.array_equal(msign(np.zeros((3, 2)), method), np.zeros((3, 2)))


@pytest.mark.parametrize("method", ["svd", "gram", "newton-schulz", "muon", "polar-express"])
@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_the_factor_does_not_see_the_scale(method, scale):
    matrix = np.random.default_rng(5).standard_normal((6, 3))
    assert msign(scale * matrix, method) == pytest.approx(msign(matrix, method), abs=1e-13)


@pytest.mark.parametrize("method", ["svd", "gram", "newton-schulz", "muon", "polar-express"])
def test_a_wide_matrix_is_transposed(method):
    matrix = np.random.default_rng(6).standard_normal((3, 8))
    assert np.array_equal(msign(matrix, method), msign(matrix.T, method).T)


def test_the_factor_of_a_skew_matrix_of_odd_size_is_skew():
    matrix = skew(np.random.default_rng(7).standard_normal((5, 5)))
    assert sym(msign(matrix)) == pytest.approx(np.zeros((5, 5)), abs=ROUNDING)


def test_the_factor_is_the_gradient_of_the_nuclear_norm():
    rng = np.random.default_rng(8)
    matrix, change = rng.standard_normal((2, 6, 4))
    slope = (nuclear_norm(matrix + 1e-5 * change) - nuclear_norm(matrix - 1e-5 * change)) / 2e-5
    assert slope == pytest.approx(np.sum(msign(matrix) * change), abs=1e-8)  # central difference: h² and ε/h


def test_polynomials_act_on_the_singular_values():
    matrix, _ = with_singular_values(np.array([0.9, 0.3, 0.05]), 5, np.random.default_rng(9))
    x = np.array([0.9, 0.3, 0.05]) / np.linalg.norm(matrix)
    for a, b, c in polynomial_coefficients("muon"):
        x = a * x + b * x**3 + c * x**5
    assert np.linalg.svd(msign(matrix, "muon"), compute_uv=False) == pytest.approx(np.sort(x)[::-1], abs=ROUNDING)


def test_polar_express_coefficients_are_the_published_ones():
    # Amsel et al. 2025, listing of the paper, rounded to ten digits
    published = [8.287212018, -23.59588652, 17.30038731]
    assert polynomial_coefficients("polar-express", 1)[0] == pytest.approx(published, rel=1e-9)


def test_polar_express_ends_at_the_taylor_quintic():
    assert polynomial_coefficients("polar-express", 12)[-1] == pytest.approx([15 / 8, -10 / 8, 3 / 8], abs=1e-9)


def test_polar_express_reaches_one_on_its_interval():
    x = np.geomspace(1e-3, 1, 200)
    for a, b, c in polynomial_coefficients("polar-express"):
        x = a * x + b * x**3 + c * x**5
    assert np.abs(x - 1).max() < 1e-8  # eight steps leave 1e-9 at the lower end


def test_the_sign_of_a_matrix_has_the_signs_of_its_eigenvalues():
    basis = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    inverse = np.linalg.inv(basis)
    expected = basis @ np.diag([1.0, -1.0, 1.0]) @ inverse
    assert mcsgn(basis @ np.diag([5.0, -0.1, 2.0]) @ inverse) == pytest.approx(expected, abs=1e-13)


def test_the_sign_of_a_matrix_with_complex_eigenvalues_squares_to_one():
    matrix = np.random.default_rng(10).standard_normal((8, 8))
    sign = mcsgn(matrix)
    assert sign @ sign == pytest.approx(np.eye(8), abs=1e-12)
    assert sign @ matrix == pytest.approx(matrix @ sign, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_sign_of_a_matrix_does_not_see_the_scale(scale):
    matrix = np.array([[2.0, 1.0], [0.0, -3.0]])
    assert mcsgn(scale * matrix) == pytest.approx(mcsgn(matrix), abs=ROUNDING)


def test_the_nuclear_norm_sums_the_singular_values():
    matrix, _ = with_singular_values(np.array([3.0, 2.0, 0.5]), 4, np.random.default_rng(11))
    assert nuclear_norm(matrix) == pytest.approx(5.5, rel=ROUNDING)


def test_symmetric_and_skew_parts_add_up():
    stack = np.random.default_rng(12).standard_normal((2, 4, 4))
    assert sym(stack) + skew(stack) == pytest.approx(stack, abs=1e-15)
    assert np.array_equal(skew(stack), -skew(stack).swapaxes(1, 2))


def test_the_matrix_is_left_unchanged():
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
    for function in (msign, mcsgn, nuclear_norm, sym, skew):
        function(matrix)
    assert np.array_equal(matrix, [[2.0, 1.0], [1.0, 3.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: msign([[1.0, np.nan]]), "`matrix` must be finite, got nan"),
        (lambda: msign([1.0]), r"`matrix` must have two dimensions, got 'shape \(1,\)'"),
        (lambda: msign(np.empty((0, 2))), "`matrix` must have at least one row and one column"),
        (lambda: msign([[1.0]], "schulz"), "`method` must be one of 'svd', 'gram'"),
        (lambda: msign([[1.0]], steps=3), "`steps` must be None for method 'svd', got 3"),
        (lambda: msign([[1.0]], "muon", steps=0), "`steps` must be at least 1, got 0"),
        (lambda: polynomial_coefficients("svd"), "`method` must be one of 'newton-schulz'"),
        (lambda: mcsgn([[1.0, 2.0]]), r"`matrix` must be square, got 'shape \(1, 2\)'"),
        (lambda: mcsgn([[0.0, 1.0], [-1.0, 0.0]]), "`matrix` must have no eigenvalue on the imaginary axis"),
        (lambda: mcsgn([[0.0]]), "`matrix` must have no eigenvalue on the imaginary axis"),
        (lambda: sym([1.0, 2.0]), "`matrix` must be square"),
    ],
)
def test_bad_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_complex_numbers_are_refused():
    with pytest.raises(TypeError, match="`matrix` must be real numbers"):
        msign([[1j]])


def test_the_comparison_sees_a_wrong_factor():
    matrix, factor = with_singular_values(np.array([3.0, 1.0]), 4, np.random.default_rng(13))
    unconverged = msign(matrix, "newton-schulz", steps=3)
    assert np.linalg.norm(unconverged - factor, 2) > 1e-3
