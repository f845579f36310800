"""Optimal learning rate against batch size: values by hand, limits, brute force over signs, sampling, error texts."""

import itertools

import mpmath
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from optnotes import batch_size as bs
from optnotes import moments

FIXED = {
    "sgd": {"beta1": 0.0},
    "sign-sgd": {"beta1": 0.0},
    "soft-sign-sgd": {"epsilon": 0.7, "beta1": 0.0},
    "adam": {"beta1": 0.6},
}
CALLS = {"sgd": bs.sgd, "sign-sgd": bs.sign_sgd, "soft-sign-sgd": bs.soft_sign_sgd, "adam": bs.adam}


def example(n=4, seed=0, *, correlated=False):
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((2, n, n))
    noise = roots[1] @ roots[1].T if correlated else rng.uniform(0.5, 2.0, n)
    return bs.Quadratic(rng.standard_normal(n), roots[0] @ roots[0].T, noise)


def sampled_rate(problem, batch, direction, rng, draws=400_000):
    """Optimal learning rate of the map `direction`, estimated from noisy gradients, with its standard error."""
    noisy = rng.multivariate_normal(problem.gradient, problem.noise / batch, size=draws)
    update = direction(noisy)
    slopes, curvatures = update @ problem.gradient, np.einsum("ki,ij,kj->k", update, problem.hessian, update)
    rate = slopes.mean() / curvatures.mean()
    return rate, np.std(slopes - rate * curvatures) / np.sqrt(draws) / curvatures.mean()


def test_sgd_follows_the_hyperbola_by_hand():
    problem = bs.Quadratic([3.0, 4.0], [[2.0, 0.0], [0.0, 1.0]], [[5.0, 1.0], [1.0, 7.0]])
    # gᵀg = 25, gᵀHg = 34, tr(ΣH) = 17
    np.testing.assert_allclose(bs.sgd([1.0, 17.0], problem, beta1=0), [25 / 51, 25 / 35], rtol=1e-15)


def test_sign_law_of_a_summary_by_hand():
    summary = bs.Summary(4.0, 3.0, 1.0, 2.0, 5.0, 12.0, 1.0)  # 𝓑_simple = 3, at B = 1: β = 1/2
    assert bs.sign_sgd(1.0, summary, beta1=0) == pytest.approx(3 / (2 / 0.5 + 0.5 * 5), rel=1e-15)


def test_adam_law_of_a_summary_by_hand():
    summary = bs.Summary(4.0, 3.0, 1.0, 2.0, 5.0, 12.0, 1.0)
    share, beta = 1 / 3, 0.5
    expected = 3 / (share * 2 / beta + beta * (7 - share * 2))
    assert bs.adam(1.0, summary, beta1=0.5) == pytest.approx(expected, rel=1e-15)


def test_summary_and_full_mean_field_agree_for_equal_coordinates():
    problem = bs.Quadratic([2.0, -2.0, 2.0], np.eye(3) + 1.0, np.full(3, 5.0))
    batch = np.array([0.1, 1.0, 30.0])
    for law in (bs.sign_sgd, bs.adam):
        np.testing.assert_allclose(law(batch, problem, beta1=0.3), law(batch, problem.summary(), beta1=0.3), rtol=1e-14)


def test_adam_without_momentum_is_sign_descent():
    np.testing.assert_allclose(
        bs.adam([1.0, 9.0], example(), beta1=0.0), bs.sign_sgd([1.0, 9.0], example(), beta1=0), rtol=1e-14
    )


def test_narrow_soft_sign_is_the_sign():
    for method in ("mean-field", "exact"):
        soft, hard = (
            bs.soft_sign_sgd(2.0, example(), 1e-9, method=method, beta1=0),
            bs.sign_sgd(2.0, example(), method=method, beta1=0),
        )
        assert soft == pytest.approx(hard, rel=1e-7)  # ε/σ = 1e-9, and second moments off by about as much


def test_wide_soft_sign_is_sgd():
    for method in ("mean-field", "exact"):
        soft = bs.soft_sign_sgd(2.0, example(), 1e6, method=method, beta1=0)
        assert soft == pytest.approx(1e6 * bs.sgd(2.0, example(), beta1=0), rel=1e-10)  # (g/ε)² = 1e-12


@pytest.mark.parametrize("optimizer", ["sgd", "sign-sgd", "soft-sign-sgd"])  # Adam's v sees the whole noise
def test_momentum_multiplies_the_batch_size(optimizer):
    slow, fast = (
        CALLS[optimizer](3.0, example(), **(FIXED[optimizer] | {"beta1": 0.8})),
        CALLS[optimizer](27.0, example(), **FIXED[optimizer]),
    )
    assert slow == pytest.approx(fast, rel=1e-14)


@pytest.mark.parametrize("optimizer", CALLS)
def test_tiny_and_huge_batches_have_their_limits(optimizer):
    tiny, huge, infinite = CALLS[optimizer]([1e-300, 1e200, 1e300], example(), **FIXED[optimizer])
    assert 0 <= tiny < 1e-100
    assert huge == pytest.approx(infinite, rel=1e-12)
    assert np.isfinite(infinite)


@pytest.mark.parametrize("correlated", [False, True])
def test_exact_sign_agrees_with_the_sum_over_sign_patterns(correlated):
    problem = example(2, seed=3, correlated=correlated)
    slope = curvature = 0.0
    for signs in itertools.product((-1.0, 1.0), repeat=2):
        # P(sign pattern) = Φ₂ of the flipped vector, by SciPy's bivariate cdf (1e-8)
        flip = np.array(signs)
        law = multivariate_normal(-flip * problem.gradient, problem.noise / 0.5 * np.outer(flip, flip))
        probability = law.cdf([0.0, 0.0])
        slope, curvature = (
            slope + probability * flip @ problem.gradient,
            curvature + probability * flip @ problem.hessian @ flip,
        )
    assert bs.sign_sgd(0.5, problem, method="exact", beta1=0) == pytest.approx(slope / curvature, rel=1e-7)


def test_perfectly_correlated_signs_move_together():
    problem = bs.Quadratic([1.0, 1.0], [[2.0, -1.0], [-1.0, 2.0]], np.ones((2, 2)))
    # both signs are equal, so sᵀHs = 2; E s = erf(1/√2) = 0.6826894921370859 (mpmath)
    assert bs.sign_sgd(1.0, problem, method="exact", beta1=0) == pytest.approx(0.6826894921370859, rel=1e-10)


@pytest.mark.parametrize(("momentum", "batch"), [(0.0, 1.0), (0.0, 0.1)])
def test_sampled_sign_descent_agrees_with_the_exact_law(momentum, batch):
    problem = example(3, seed=1, correlated=True)
    rate, error = sampled_rate(problem, batch, np.sign, np.random.default_rng(8))
    assert abs(rate - bs.sign_sgd(batch, problem, momentum, "exact")) < 4 * error


def test_sampled_sign_descent_rejects_the_mean_field():
    problem = example(3, seed=1, correlated=True)
    rate, error = sampled_rate(problem, 0.1, np.sign, np.random.default_rng(8))
    assert abs(rate - bs.sign_sgd(0.1, problem, beta1=0)) > 4 * error


def test_sampled_soft_sign_agrees_with_the_exact_law():
    problem = example(3, seed=2)
    rate, error = sampled_rate(problem, 1.0, lambda x: x / np.sqrt(x**2 + 0.25), np.random.default_rng(8))
    assert abs(rate - bs.soft_sign_sgd(1.0, problem, 0.5, method="exact", beta1=0)) < 4 * error


@pytest.mark.parametrize(("mean", "std", "epsilon"), [(1.0, 1.0, 1.0), (3.0, 0.2, 1e-3), (0.5, 2.0, 100.0)])
def test_exact_soft_sign_agrees_with_mpmath_quadrature_over_the_normal(mean, std, epsilon):
    def moment(power):
        with mpmath.workdps(20):
            density = lambda x: mpmath.npdf(x, mean, std) * (x / mpmath.sqrt(x**2 + epsilon**2)) ** power  # noqa: E731
            return mpmath.quad(density, [mean - 12 * std, -30 * epsilon, 0, 30 * epsilon, mean, mean + 12 * std])

    expected = float(mean * moment(1) / moment(2))
    problem = bs.Quadratic([mean], [1.0], [std**2])
    assert bs.soft_sign_sgd(1.0, problem, epsilon, method="exact", beta1=0) == pytest.approx(expected, rel=1e-11)


def test_exact_adam_is_built_from_the_exact_moments():
    problem = bs.Quadratic([2.0], [3.0], [8.0])
    mean, rms = moments.adam_update_mean(0.9, 0.95, 0.5), moments.adam_update_rms(0.9, 0.95, 0.5, "exact")
    assert bs.adam(1.0, problem, 0.9, 0.95, "exact") == pytest.approx(mean * 2 / (3 * rms**2), rel=1e-13)


def test_mean_field_of_the_sign_is_a_quarter_too_high_at_low_signal():
    problem = bs.Quadratic([1e-6], [1.0], [1.0])
    ratio = bs.sign_sgd(1.0, problem, beta1=0) / bs.sign_sgd(1.0, problem, method="exact", beta1=0)
    assert ratio == pytest.approx(np.sqrt(np.pi / 2), rel=1e-11)  # next term is SNR = 1e-12


def test_muon_with_equal_singular_values_needs_only_the_average():
    problem = bs.MatrixQuadratic(2.0 * np.eye(5, 3), std=0.7)
    batch = np.array([0.01, 1.0, 100.0])
    np.testing.assert_allclose(bs.muon(batch, problem, 0.5), bs.muon(batch, problem, 0.5, "average"), rtol=1e-14)


def test_muon_reads_a_wide_matrix_as_its_transpose():
    rng = np.random.default_rng(0)
    gradient, root = rng.standard_normal((4, 2)), rng.standard_normal((8, 8))
    hessian = root @ root.T
    order = np.arange(8).reshape(4, 2).T.ravel()
    tall = bs.MatrixQuadratic(gradient, 0.5, hessian=hessian)
    wide = bs.MatrixQuadratic(gradient.T, 0.5, hessian=hessian[np.ix_(order, order)])
    assert bs.muon(2.0, tall, beta1=0) == pytest.approx(bs.muon(2.0, wide, beta1=0), rel=1e-13)


def test_muon_ignores_the_null_space_of_a_rank_deficient_gradient():
    gradient = np.outer([1.0, 2.0, 2.0], [3.0, 4.0])  # one singular value, 15
    assert bs.muon(1.0, bs.MatrixQuadratic(gradient, 0.0, lr_max=0.3), beta1=0) == pytest.approx(0.3, rel=1e-14)
    assert bs.muon(1.0, bs.MatrixQuadratic(gradient, 1.0), beta1=0) == pytest.approx(
        15 / np.sqrt(228), rel=1e-14
    )  # n = 3


def test_muon_with_a_hessian_agrees_with_the_index_sum():
    rng = np.random.default_rng(1)
    gradient, root = rng.standard_normal((3, 2)), rng.standard_normal((6, 6))
    hessian, variance = root @ root.T, 0.49 / 2.0
    values, vectors = np.linalg.eigh(gradient.T @ gradient + 3 * variance * np.eye(2))
    S = vectors / np.sqrt(values) @ vectors.T
    second = np.outer((gradient @ S).ravel(), (gradient @ S).ravel()) + variance * np.kron(np.eye(3), S @ S)
    expected = np.sum((gradient @ S) * gradient) / np.sum(second * hessian)
    assert bs.muon(2.0, bs.MatrixQuadratic(gradient, 0.7, hessian=hessian), beta1=0) == pytest.approx(
        expected, rel=1e-13
    )


def test_sampled_polar_factor_is_nearer_to_the_law_per_singular_value():
    rng, values = np.random.default_rng(5), np.array([8.0, 1.0])
    gradient = np.eye(32, 2) * values
    left, _, right = np.linalg.svd(gradient + 0.5 * rng.standard_normal((4000, 32, 2)), full_matrices=False)
    rates = np.sum((left @ right) * gradient, axis=(1, 2)) / values.sum()
    problem = bs.MatrixQuadratic(gradient, 0.5)
    each, average = bs.muon(1.0, problem, beta1=0), bs.muon(1.0, problem, method="average", beta1=0)
    assert abs(rates.mean() - each) < 0.1 * abs(rates.mean() - average)


def test_surge_of_adam_with_a_diagonal_hessian_is_where_the_formula_says():
    problem = bs.Quadratic([1.0, 2.0], [1.0, 4.0], [5.0, 5.0]).summary()  # 𝓑_simple = 2
    assert bs.surge_batch_size(problem, "adam", beta1=0.9) == pytest.approx(0.1 / 1.7 * 2, rel=1e-13)
    assert bs.surge_batch_size(problem, "adam", beta1=0.33) == np.inf


@pytest.mark.parametrize(("optimizer", "beta1"), [("sign-sgd", 0.0), ("sign-sgd", 0.5), ("adam", 0.2), ("adam", 0.9)])
def test_surge_by_search_agrees_with_the_closed_form(optimizer, beta1):
    sign = np.array([1.0, -1.0, 1.0, 1.0])
    problem = bs.Quadratic(2.0 * sign, np.eye(4) + np.outer(sign, sign), np.full(4, 3.0))
    closed = bs.surge_batch_size(problem.summary(), optimizer, beta1=beta1)
    assert bs.surge_batch_size(problem, optimizer, beta1=beta1) == pytest.approx(closed, rel=1e-6)  # flat maximum


@pytest.mark.parametrize(("beta1", "beta2"), [(0.3, 0.95), (0.2, 0.95), (0.32, 0.99), (0.31, 0.99), (0.0, 0.5)])
def test_exact_moments_move_the_threshold_of_the_surge_below_one_third(beta1, beta2):
    problem = bs.Quadratic([1.0], [1.0], [1.0])
    share, spread = (1 - beta1) / (1 + beta1), (1 - beta2) / (1 + beta2)
    expected = share + 2.5 * spread < 0.5 + 3 * (1 - beta1) * (1 - beta2) / (1 - beta1 * beta2)
    surge = bs.surge_batch_size(problem, "adam", beta1=beta1, beta2=beta2, method="exact")
    assert np.isfinite(surge) == expected
    assert bs.surge_batch_size(problem, "adam", beta1=beta1) == np.inf


def test_surge_batch_size_maximises_the_learning_rate():
    problem = bs.Quadratic(np.ones(5), np.eye(5) + 1.0, np.ones(5))
    best = bs.surge_batch_size(problem, beta1=0)
    assert np.argmax(bs.sign_sgd(best * np.array([0.9, 1.0, 1.1]), problem, beta1=0)) == 1


def test_sgd_and_a_noiseless_problem_have_no_surge():
    assert bs.surge_batch_size(example(), "sgd", beta1=0) == np.inf
    assert bs.surge_batch_size(bs.Quadratic([1.0], [1.0], [0.0]), "adam") == np.inf


def test_decrease_grows_with_the_batch_even_where_the_learning_rate_falls():
    problem = bs.Quadratic(np.ones(5), np.eye(5) + 1.0, np.ones(5))
    batch = bs.surge_batch_size(problem, beta1=0) * 10.0 ** np.arange(4)
    assert (np.diff(bs.sign_sgd(batch, problem, beta1=0)) < 0).all()
    assert (np.diff(bs.expected_decrease(batch, problem, "sign-sgd", beta1=0)) > 0).all()


def test_decrease_is_largest_at_the_optimal_learning_rate_and_zero_at_twice_it():
    problem, rate = example(), bs.sgd(3.0, example(), beta1=0)
    around = bs.expected_decrease(3.0, problem, lr=rate * np.array([0.99, 1.0, 1.01, 2.0]), beta1=0)
    assert np.argmax(around) == 1
    assert abs(around[3]) < 1e-14 * around[1]
    assert around[1] == pytest.approx(bs.expected_decrease(3.0, problem, beta1=0), rel=1e-14)


def test_steps_and_examples_lie_on_the_hyperbola():
    steps, examples = bs.steps_and_examples(np.array([0.1, 7.0, 1e4]), noise_scale=50.0, steps_min=30.0)
    np.testing.assert_allclose((steps / 30 - 1) * (examples / 1500 - 1), 1.0, rtol=1e-11)  # 1 + 1e-3 loses three digits


def test_a_wrong_noise_scale_leaves_the_hyperbola():
    steps, examples = bs.steps_and_examples(7.0, noise_scale=50.0)
    assert abs((steps - 1) * (examples / 25 - 1) - 1) > 0.1


def test_the_problem_copies_its_arrays_and_is_read_only():
    gradient = np.ones(2)
    problem = bs.Quadratic(gradient, np.ones(2), np.ones(2))
    gradient[0] = 5.0
    assert problem.gradient[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        problem.gradient[0] = 2.0


ONE = bs.Quadratic([1.0], [1.0], [1.0])
MATRIX = bs.MatrixQuadratic([[1.0]], 1.0)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: bs.sgd(0.0, ONE, beta1=0), ValueError, r"`batch_size` must be finite and lie in \(0, inf\), got 0.0"),
        (lambda: bs.sgd(1.0, ONE, beta1=1.0), ValueError, r"`beta1` must .*\[0, 1\), got 1.0"),
        (
            lambda: bs.sgd(1.0, MATRIX, beta1=0),
            TypeError,
            "`problem` must be a Quadratic or Summary, got a MatrixQuadratic",
        ),
        (lambda: bs.muon(1.0, ONE, beta1=0), TypeError, "`problem` must be a MatrixQuadratic, got a Quadratic"),
        (
            lambda: bs.soft_sign_sgd(1.0, ONE.summary(), 1.0, beta1=0),
            TypeError,
            "`problem` must be a Quadratic, got a Summary",
        ),
        (
            lambda: bs.sign_sgd(1.0, ONE.summary(), method="exact", beta1=0),
            TypeError,
            "must be a Quadratic for method 'exact', got a Summary",
        ),
        (
            lambda: bs.sign_sgd(1.0, ONE, method="best", beta1=0),
            ValueError,
            "`method` must be one of 'mean-field', 'exact'",
        ),
        (lambda: bs.soft_sign_sgd(1.0, ONE, 0.0, beta1=0), ValueError, "`epsilon` must .* got 0.0"),
        (
            lambda: bs.soft_sign_sgd(1.0, example(correlated=True), 1.0, method="exact", beta1=0),
            ValueError,
            "`noise` must be diagonal",
        ),
        (lambda: bs.adam(1.0, example(correlated=True), 0.9, 0.9, "exact"), ValueError, "`noise` must be diagonal"),
        (lambda: bs.adam(1.0, ONE, beta2=None, method="exact"), ValueError, "`beta2` must be given for method 'exact'"),
        (
            lambda: bs.muon(1.0, bs.MatrixQuadratic([[1.0]], 1.0, hessian=[[1.0]]), method="average", beta1=0),
            ValueError,
            "`method` must be 'mean-field' where",
        ),
        (lambda: bs.expected_decrease(1.0, ONE, "lion", beta1=0), ValueError, "`optimizer` must be one of 'sgd'"),
        (lambda: bs.surge_batch_size(ONE.summary(), beta1=-0.1), ValueError, "`beta1` must .* got -0.1"),
        (lambda: bs.steps_and_examples(1.0, -1.0), ValueError, "`noise_scale` must .* got -1.0"),
        (lambda: bs.steps_and_examples(1.0, 1.0, 0.0), ValueError, "`steps_min` must .* got 0.0"),
        (lambda: bs.Quadratic([0.0, 0.0], [1.0, 1.0], [1.0, 1.0]), ValueError, "`gradient` must not be zero"),
        (lambda: bs.Quadratic([[1.0]], [1.0], [1.0]), ValueError, "`gradient` must be a non-empty vector, got 'shape"),
        (
            lambda: bs.Quadratic([1.0, 1.0], [1.0], [1.0, 1.0]),
            ValueError,
            r"`hessian` must have shape \(2, 2\) or \(2,\)",
        ),
        (
            lambda: bs.Quadratic([1.0, 1.0], [[1.0, 2.0], [0.0, 1.0]], [1.0, 1.0]),
            ValueError,
            "`hessian` must be symmetric",
        ),
        (
            lambda: bs.Quadratic([1.0, 1.0], [1.0, -1.0], [1.0, 1.0]),
            ValueError,
            "`hessian` must be positive semidefinite, got the eigenvalue -1.0 at index 1; a",
        ),
        (
            lambda: bs.Quadratic([1.0, 1.0], [1.0, 1.0], [1.0, -2.0]),
            ValueError,
            "`noise` must be positive semidefinite",
        ),
        (
            lambda: bs.Quadratic([1.0, 0.0], [0.0, 1.0], [1.0, 1.0]),
            ValueError,
            "`hessian` must curve along the gradient",
        ),
        (lambda: bs.MatrixQuadratic(np.zeros((2, 2)), 1.0), ValueError, "`gradient` must not be zero"),
        (
            lambda: bs.surge_batch_size(None, beta1=0),
            TypeError,
            "`problem` must be a Quadratic or Summary, got a NoneType",
        ),
        (lambda: bs.soft_sign_sgd(1, ONE, 1e301, beta1=0), ValueError, "`epsilon` must .* got 1e\\+301; the soft"),
        (
            lambda: bs.expected_decrease([1, 2], ONE, lr=[1, 2, 3], beta1=0),
            ValueError,
            r"`lr` must broadcast against batch_size of shape \(2,\), got 'shape \(3,\)'",
        ),
        (lambda: bs.MatrixQuadratic([[1.0]], -1.0), ValueError, "`std` must .* got -1.0"),
        (lambda: bs.MatrixQuadratic([[1.0]], 1.0, lr_max=0.0), ValueError, "`lr_max` must .* got 0.0"),
        (lambda: bs.Summary(0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0), ValueError, "`gradient_square` must .* got 0.0"),
        (lambda: bs.Summary(1.0, 1.0, 1.0, 1.0, -2.0, 1.0, 1.0), ValueError, "`cross` must .* got -2.0; the Hessian"),
        (lambda: bs.Summary(1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0), ValueError, "`noise` must .* got -1.0"),
    ],
)
def test_bad_arguments_are_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("method", ["mean-field", "exact"])
def test_the_decrease_is_infinite_where_the_signs_meet_no_curvature(method):
    valley = bs.Quadratic([1.0, 2.0], [[1.0, -1.0], [-1.0, 1.0]], [0.0, 0.0])  # sᵀHs = 0 but gᵀHg = 1
    assert bs.sign_sgd(1, valley, method=method, beta1=0) == np.inf
    assert bs.expected_decrease(1, valley, "sign-sgd", method=method, beta1=0) == np.inf


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_the_unit_of_the_gradient_moves_no_learning_rate_of_muon(unit: float) -> None:
    gradient, sizes = np.diag([2.0, 1.0]), [0.1, 1.0, 10.0]
    for options in ({"beta1": 0.0}, {"beta1": 0.0, "method": "average"}):
        scaled = bs.muon(sizes, bs.MatrixQuadratic(gradient * unit, unit), **options)
        # one rounding per entry of the scaled matrix
        np.testing.assert_allclose(scaled, bs.muon(sizes, bs.MatrixQuadratic(gradient, 1.0), **options), rtol=1e-13)
