"""Properties of `optnotes.matrix_sign`: matrices are built from their factors, so that every answer is known before."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from optnotes import matrix_sign

EPS = 2.0**-52
METHODS = ["svd", "gram", "newton-schulz", "muon", "polar-express"]
ISOMETRIES = METHODS[:3]

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
sizes = st.integers(1, 7)
powers = st.integers(-280, 280).map(lambda k: 10.0**k)

# Amsel et al. 2025, The Polar Express, listing of algorithm 1, ten digits
POLAR_EXPRESS = [
    [8.287212018, -23.59588652, 17.30038731],
    [4.107059112, -2.947849917, 0.5448431083],
    [3.948690853, -2.908902116, 0.5518191394],
    [3.318419657, -2.488488024, 0.5100489401],
    [2.300652020, -1.668903985, 0.4188073120],
    [1.891301408, -1.267995827, 0.3768040895],
    [1.875001481, -1.250001645, 0.3750001645],
    [1.875, -1.25, 0.375],
]


def frame(n, m, rng):
    """Return an n × m matrix with orthonormal columns."""
    return np.linalg.qr(rng.standard_normal((n, m)))[0]


def built(n, m, values, rng):
    """Return U, V and the n × m matrix U diag(values) Vᵀ."""
    left, right = frame(n, len(values), rng), frame(m, len(values), rng)
    return left, right, (left * values) @ right.T


@given(sizes, sizes, st.floats(1, 30), seeds)
def test_the_polar_factor_is_that_of_the_decomposition_on_every_route(n, m, condition, rng):
    left, right, matrix = built(n, m, np.geomspace(1, 1 / condition, min(n, m)), rng)
    for method in ISOMETRIES:
        # rounding of M over its least singular value, squared on the routes through the Gram matrix
        assert np.abs(matrix_sign.msign(matrix, method) - left @ right.T).max() < 20 * EPS * condition**2


@pytest.mark.parametrize("method", METHODS)
@given(sizes, sizes, powers, seeds)
def test_the_polar_factor_follows_rotations_and_signs_and_not_the_scale(method, n, m, scale, rng):
    matrix = built(n, m, np.geomspace(1, 0.2, min(n, m)), rng)[2]
    left, right = frame(n, n, rng), frame(m, m, rng)
    factor = matrix_sign.msign(matrix, method)
    within = {"rtol": 0, "atol": 1e-13}  # rounding, at most 10 times larger after the steep first polynomial
    np.testing.assert_allclose(matrix_sign.msign(left @ matrix @ right, method), left @ factor @ right, **within)
    np.testing.assert_allclose(matrix_sign.msign(-scale * matrix, method), -factor, **within)
    np.testing.assert_allclose(matrix_sign.msign(matrix.T, method), factor.T, **within)


@given(sizes, sizes, seeds)
def test_the_rest_of_the_polar_decomposition_is_positive_and_its_trace_the_nuclear_norm(n, m, rng):
    matrix = rng.standard_normal((n, m))
    stretch = matrix_sign.msign(matrix).T @ matrix
    np.testing.assert_allclose(stretch, stretch.T, atol=1e-14 * n)
    assert np.linalg.eigvalsh(stretch)[0] > -1e-14 * n
    assert np.trace(stretch) == pytest.approx(matrix_sign.nuclear_norm(matrix), rel=1e-14 * n)


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (40, 2)])
@pytest.mark.parametrize("method", ["svd", "gram"])
def test_a_singular_value_counts_from_rounding_times_the_longer_side_on(method, shape):
    least = max(shape) * EPS
    for value, rank in [(0.9 * least, 1), (1.1 * least, 2)]:
        matrix = np.zeros(shape)
        matrix[0, 0], matrix[1, 1] = 3.0, 3.0 * value
        assert np.sum(matrix_sign.msign(matrix, method) ** 2) == pytest.approx(rank, abs=1e-12)


def test_the_fast_route_ends_at_its_guard():
    for root, same in [(0.98e-2, True), (1.02e-2, False)]:  # the guard is the square, 1e-4
        matrix = built(30, 4, np.array([1, 0.5, 0.3, root]), np.random.default_rng(1))[2]
        assert np.array_equal(matrix_sign.msign(matrix, "gram"), matrix_sign.msign(matrix)) == same


@pytest.mark.parametrize("method", METHODS[2:])
@given(st.integers(1, 12), st.integers(0, 3), seeds)
def test_a_polynomial_acts_on_the_singular_values_over_the_frobenius_norm(method, steps, extra, rng):
    values = np.sort(rng.uniform(0.05, 1, 3))[::-1]
    left, right, matrix = built(3 + extra, 3, values, rng)
    x = values / np.sqrt(np.sum(values**2))
    for a, b, c in matrix_sign.polynomial_coefficients(method, steps):
        x = a * x + b * x**3 + c * x**5
    found = left.T @ matrix_sign.msign(matrix, method, steps=steps) @ right
    np.testing.assert_allclose(found, np.diag(x), atol=1e-12)  # slopes up to 8.3 multiply rounding, then shrink it


def test_the_coefficients_are_the_published_ones():
    coefficients = matrix_sign.polynomial_coefficients
    assert coefficients("newton-schulz").tolist() == [[1.5, -0.5, 0.0]] * 40
    assert coefficients("muon").tolist() == [[3.4445, -4.7750, 2.0315]] * 5
    np.testing.assert_allclose(coefficients("polar-express", 7), POLAR_EXPRESS[:7], rtol=1e-9)  # as printed
    np.testing.assert_allclose(coefficients("polar-express")[7], POLAR_EXPRESS[7], rtol=1e-8)  # printed: the limit
    np.testing.assert_array_equal(coefficients("polar-express", 3), coefficients("polar-express")[:3])
    np.testing.assert_allclose(coefficients("polar-express", 20)[8:], [POLAR_EXPRESS[-1]] * 12, rtol=1e-12)


@pytest.mark.parametrize("method", METHODS[2:])
def test_without_a_number_of_steps_the_usual_one_is_taken(method):
    matrix = np.array([[1.0, 2.0], [0.5, 3.0], [1.0, 0.0]])
    usual = len(matrix_sign.polynomial_coefficients(method))
    assert np.array_equal(matrix_sign.msign(matrix, method), matrix_sign.msign(matrix, method, steps=usual))


def test_newton_schulz_settles_on_small_singular_values_within_its_usual_steps():
    matrix = np.diag([1.0, 1e-4])  # log(1e4)/log(1.5) = 23 steps of growth, then a few of second order
    assert matrix_sign.msign(matrix, "newton-schulz") == pytest.approx(np.eye(2), abs=1e-14)


@given(st.integers(1, 5), st.integers(0, 2**5 - 1), powers, seeds)
def test_the_sign_of_a_matrix_has_its_eigenvectors_and_the_signs_of_its_eigenvalues(m, bits, scale, rng):
    signs = np.array([1.0 if bits >> k & 1 else -1.0 for k in range(m)])
    basis = frame(m, m, rng) * np.geomspace(1, 0.2, m) @ frame(m, m, rng)
    inverse = np.linalg.inv(basis)
    values = signs * rng.uniform(0.1, 10, m)
    matrix, exact = basis * values @ inverse, basis * signs @ inverse
    np.testing.assert_allclose(matrix_sign.mcsgn(matrix), exact, atol=1e-11)  # condition 5 twice, values over 100
    np.testing.assert_allclose(matrix_sign.mcsgn(-scale * matrix), -exact, atol=1e-11)
    np.testing.assert_allclose(matrix_sign.mcsgn(matrix.T), exact.T, atol=1e-11)
    np.testing.assert_allclose(matrix_sign.mcsgn(basis / values @ inverse), exact, atol=1e-11)


@given(st.floats(-12, 0), st.floats(-12, 0), st.booleans())
@example(-12.0, -12.0, False)
def test_eigenvalues_close_to_the_imaginary_axis_still_have_a_sign(first, second, flip):
    blocks = np.zeros((4, 4))
    for k, distance in ((0, 10.0**first), (2, (-1) ** flip * 10.0**second)):
        blocks[k : k + 2, k : k + 2] = [[distance, 1], [-1, distance]]
    exact = np.diag([1, 1, (-1) ** flip, (-1) ** flip])
    within = 1e-14 / 10.0 ** min(first, second)  # the condition of the sign is one over the distance
    np.testing.assert_allclose(matrix_sign.mcsgn(blocks), exact, atol=within)


@pytest.mark.parametrize(("factor", "passes"), [(0.8, False), (1.3, True)])
@pytest.mark.parametrize("size", [2, 6])
def test_an_eigenvalue_counts_as_imaginary_within_rounding_of_the_norm(factor, passes, size):
    # eigenvalues ±i + distance, all others 1, spectral norm 1 + 1e-16
    matrix, distance = np.eye(size), factor * size * EPS
    matrix[:2, :2] = [[distance, 1], [-1, distance]]
    if passes:
        matrix_sign.mcsgn(matrix)
        return
    with pytest.raises(ValueError, match=r"^`matrix` must have no eigenvalue on the imaginary axis, got 'one "):
        matrix_sign.mcsgn(matrix)


@given(sizes, sizes, powers, seeds)
def test_the_nuclear_norm_sums_singular_values_and_is_a_norm(n, m, scale, rng):
    values = rng.uniform(0, 1, min(n, m))
    matrix, other = built(n, m, values, rng)[2], rng.standard_normal((n, m))
    norm = matrix_sign.nuclear_norm
    assert norm(matrix) == pytest.approx(values.sum(), rel=1e-13)  # rounding of the product
    assert norm(-scale * matrix) == pytest.approx(scale * norm(matrix), rel=1e-14)
    assert norm(matrix.T) == pytest.approx(norm(matrix), rel=1e-14)
    assert norm(matrix + other) <= norm(matrix) + norm(other) + 1e-13
    isometry = frame(n, m, rng) if n >= m else frame(m, n, rng).T
    assert np.sum(isometry * matrix) <= norm(matrix) + 1e-13  # dual to the spectral norm


@given(st.lists(st.integers(1, 3), max_size=2), st.integers(1, 4), seeds)
def test_the_parts_of_a_matrix_are_its_projections_entry_by_entry(stack, m, rng):
    matrix = rng.standard_normal((*stack, m, m))
    symmetric, antisymmetric = matrix_sign.sym(matrix), matrix_sign.skew(matrix)
    for i, j in np.ndindex(m, m):
        np.testing.assert_array_equal(symmetric[..., i, j], (matrix[..., i, j] + matrix[..., j, i]) / 2)
        np.testing.assert_array_equal(antisymmetric[..., i, j], (matrix[..., i, j] - matrix[..., j, i]) / 2)


def test_the_parts_of_a_matrix_near_the_largest_number_stay_finite():
    large = np.full((2, 2), 1.7e308)
    assert np.array_equal(matrix_sign.sym(large), large)
    assert np.array_equal(matrix_sign.skew([[0, 1.7e308], [-1.7e308, 0]]), [[0, 1.7e308], [-1.7e308, 0]])


@pytest.mark.parametrize("function", [matrix_sign.msign, matrix_sign.mcsgn, matrix_sign.nuclear_norm])
@pytest.mark.parametrize(
    ("matrix", "error", "text"),
    [
        ([[1.0, np.inf], [0.0, 1.0]], ValueError, r"^`matrix` must be finite, got inf at index \("),
        ([1.0, 2.0], ValueError, r"^`matrix` must have two dimensions, got 'shape \(2,\)'$"),
        (np.empty((0, 0)), ValueError, r"^`matrix` must have at least one row and one column, got 'shape \(0, 0\)'$"),
        ([["a"]], TypeError, r"^`matrix` must be real numbers, got \[\['a'\]\]"),
        ([[1.0], [2.0, 3.0]], ValueError, r"^`matrix` must be a regular array"),
    ],
)
def test_a_bad_matrix_is_named(function, matrix, error, text):
    with pytest.raises(error, match=text):
        function(matrix)


@pytest.mark.parametrize("function", [matrix_sign.sym, matrix_sign.skew, matrix_sign.mcsgn])
def test_a_matrix_that_must_be_square_is_named(function):
    with pytest.raises(ValueError, match=r"^`matrix` must be square, got 'shape \(2, 3\)'$"):
        function(np.ones((2, 3)))


@pytest.mark.parametrize("function", [matrix_sign.sym, matrix_sign.skew])
def test_a_vector_has_no_parts(function):
    with pytest.raises(ValueError, match=r"^`matrix` must be square, got 'shape \(3,\)'$"):
        function(np.ones(3))


def test_a_bad_method_or_number_of_steps_is_named():
    with pytest.raises(ValueError, match=r"^`method` must be one of 'svd', 'gram', 'newton-schulz', .*, got 'Muon'$"):
        matrix_sign.msign([[1.0]], "Muon")
    with pytest.raises(ValueError, match=r"^`method` must be one of 'newton-schulz', 'muon', .*, got 'gram'$"):
        matrix_sign.polynomial_coefficients("gram")
    for method in ("svd", "gram"):
        with pytest.raises(ValueError, match=rf"^`steps` must be None for method '{method}', got 1$"):
            matrix_sign.msign([[1.0]], method, steps=1)
    for call in (matrix_sign.msign, lambda _, *rest, **options: matrix_sign.polynomial_coefficients(*rest, **options)):
        with pytest.raises(ValueError, match=r"^`steps` must be at least 1, got 0$"):
            call([[1.0]], "muon", steps=0)
        with pytest.raises(TypeError, match=r"^`steps` must be an integer, got 1\.5$"):
            call([[1.0]], "muon", steps=1.5)
