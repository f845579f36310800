"""Laws of the learning rate against the quadratic they solve: enumerated noise, index sums, quadrature, invariances."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import norm, ortho_group

from optnotes import batch_size as bs

batches = st.floats(1e-3, 1e3)
betas = st.sampled_from([0.0, 0.3, 0.9])
seeds = st.integers(0, 2**20)
LAWS = {
    "sgd": bs.sgd,
    "sign-sgd": bs.sign_sgd,
    "exact sign-sgd": lambda size, problem, beta1: bs.sign_sgd(size, problem, beta1, "exact"),
    "soft-sign-sgd": lambda size, problem, beta1: bs.soft_sign_sgd(size, problem, 0.7, beta1),
    "adam": bs.adam,
}


def share(beta1):
    """Noise left in a stationary momentum, Σ (1−β)²β^{2k}, term by term."""
    return sum((1 - beta1) ** 2 * beta1 ** (2 * k) for k in range(2000))


def arrays(seed, n=3, *, correlated=True):
    """Return gradient, Hessian and noise; no entry of the gradient is near zero."""
    rng = np.random.default_rng(seed)
    gradient = rng.choice([-1.0, 1.0], n) * rng.uniform(0.3, 2.0, n)
    root, spread = rng.standard_normal((2, n, n))
    return gradient, root @ root.T, spread @ spread.T if correlated else np.diag(rng.uniform(0.2, 3.0, n))


def loss(problem, step):
    """Change of the loss by the step −x, term by term."""
    n = len(step)
    linear = sum(problem.gradient[i] * step[i] for i in range(n))
    return -linear + 0.5 * sum(step[i] * problem.hessian[i, j] * step[j] for i in range(n) for j in range(n))


def best_rate(decrease):
    """Vertex of the parabola that the mean decrease is in the learning rate, from three of its values."""
    half, one = decrease(0.5), decrease(1.0)
    curvature = 4 * (2 * half - one)
    return (one + curvature / 2) / curvature


@given(seeds, batches, betas)
def test_sgd_is_the_best_rate_over_every_pattern_of_coin_flip_noise(seed, batch, beta1):
    gradient, hessian, noise = arrays(seed)
    problem, root = bs.Quadratic(gradient, hessian, noise), np.linalg.cholesky(noise * share(beta1) / batch)
    noisy = [gradient + root @ np.array(flips) for flips in itertools.product((-1.0, 1.0), repeat=3)]

    def decrease(rate):
        return -sum(loss(problem, rate * g) for g in noisy) / len(noisy)

    rate = best_rate(decrease)
    # 1e-10: the vertex is a difference of values of like size
    assert bs.sgd(batch, problem, beta1) == pytest.approx(rate, rel=1e-10)
    gained = bs.expected_decrease(batch, problem, beta1=beta1)
    assert gained == pytest.approx(decrease(float(bs.sgd(batch, problem, beta1))), rel=1e-9)
    assert bs.expected_decrease(batch, problem, lr=0.3 * rate, beta1=beta1) == pytest.approx(
        decrease(0.3 * rate), rel=1e-9
    )


def mean_field(problem, batch, width, root_share, through):
    """a and b of φ̃_i = x_i d_i by the index sums of the definition."""
    g, H, noise = problem.gradient, problem.hessian, problem.noise / batch
    n = range(g.size)
    d = [1 / math.sqrt(g[i] ** 2 + width**2 + root_share * noise[i, i]) for i in n]
    slope = sum(g[i] ** 2 * d[i] for i in n)
    return slope, sum((g[i] * g[j] + through * noise[i, j]) * d[i] * d[j] * H[i, j] for i in n for j in n)


@given(seeds, batches, betas)
def test_mean_fields_are_the_index_sums_of_their_definition(seed, batch, beta1):
    problem, c = bs.Quadratic(*arrays(seed)), share(beta1)
    for law, (a, b) in {
        "sign-sgd": mean_field(problem, batch, 0.0, c, c),
        "soft-sign-sgd": mean_field(problem, batch, 0.7, c, c),
        "adam": mean_field(problem, batch, 0.0, 1.0, c),
    }.items():
        assert LAWS[law](batch, problem, beta1) == pytest.approx(a / b, rel=1e-11)
        options = {"beta1": beta1} | ({"epsilon": 0.7} if law == "soft-sign-sgd" else {})
        assert bs.expected_decrease(batch, problem, law, **options) == pytest.approx(a * a / (2 * b), rel=1e-11)
        rate = 0.3 * a / b
        assert bs.expected_decrease(batch, problem, law, rate, **options) == pytest.approx(
            rate * a - rate**2 * b / 2, rel=1e-10
        )


@given(seeds, batches, betas)
def test_summaries_hold_the_seven_sums_and_their_laws(seed, batch, beta1):
    problem = bs.Quadratic(*arrays(seed))
    g, H, noise, n = problem.gradient, problem.hessian, problem.noise, range(3)
    pairs = [(i, j) for i in n for j in n if i != j]
    found, diagonal = problem.summary(), sum(H[i, i] for i in n)
    cross = sum(H[i, j] * math.copysign(1, g[i]) * math.copysign(1, g[j]) for i, j in pairs)
    expected = {
        "gradient_square": sum(g[i] ** 2 for i in n),
        "gradient_sum": sum(abs(g[i]) for i in n),
        "curvature": sum(g[i] * H[i, j] * g[j] for i in n for j in n),
        "diagonal": diagonal,
        "noise": sum(noise[i, i] for i in n),
        "noise_curvature": sum(noise[i, j] * H[j, i] for i in n for j in n),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-10)
    assert found.cross == pytest.approx(cross, abs=1e-13 * diagonal)
    assert found.simple_noise_scale == pytest.approx(expected["noise"] / expected["gradient_square"], rel=1e-12)
    assert found.noise_scale == pytest.approx(expected["noise_curvature"] / expected["curvature"], rel=1e-10)

    c, simple, total = share(beta1), found.simple_noise_scale, expected["gradient_sum"]
    beta = 1 / math.sqrt(1 + c * simple / batch)
    assert bs.sign_sgd(batch, found, beta1) == pytest.approx(total / (diagonal / beta + beta * cross), rel=1e-9)
    beta = 1 / math.sqrt(1 + simple / batch)
    adam = total / (c * diagonal / beta + beta * ((1 - c) * diagonal + cross))
    assert bs.adam(batch, found, beta1) == pytest.approx(adam, rel=1e-9)
    assert bs.sgd(batch, found, beta1) == pytest.approx(float(bs.sgd(batch, problem, beta1)), rel=1e-11)
    assert bs.expected_decrease(batch, found, "adam", beta1=beta1) == pytest.approx(adam * beta * total / 2, rel=1e-9)


def panels(density, edges):
    """Integral over 100 Gauss panels between each two edges; `density` takes arrays."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    total = 0.0
    for low, high in itertools.pairwise(sorted(edges)):
        width = (high - low) / 100
        total += width / 2 * np.sum(density(low + width * (np.arange(100)[:, None] + (1 + nodes) / 2)) * weights)
    return total


def sign_moments(problem, batch, beta1):
    """E s_i by the normal distribution function, E s_is_j by quadrature over the one given the other."""
    noise, n = problem.noise * share(beta1) / batch, problem.gradient.size
    std, g = np.sqrt(np.diagonal(noise)), problem.gradient
    mean, second = 2 * norm.cdf(g / std) - 1, np.eye(n)

    def given_the_other(i, j):
        slope, rest = noise[i, j] / std[j], math.sqrt(noise[i, i] - (noise[i, j] / std[j]) ** 2)

        def density(z):
            other = 2 * ndtr((g[i] + slope * z) / rest) - 1
            return norm.pdf(z) * np.sign(g[j] + std[j] * z) * other

        return panels(density, np.clip([-9, -g[j] / std[j], -g[i] / slope if slope else 0.0, 9], -9, 9))

    for i, j in itertools.permutations(range(n), 2):
        second[i, j] = given_the_other(i, j)
    return mean @ g, np.sum(second * problem.hessian)


@settings(max_examples=10)
@given(seeds, st.floats(0.05, 20.0), betas)
def test_exact_sign_descent_is_the_quadrature_over_two_normals(seed, batch, beta1):
    problem = bs.Quadratic(*arrays(seed, n=2))
    slope, curvature = sign_moments(problem, batch, beta1)
    # 1e-9: the quadrature is good to 1e-12, sums of signed terms lose the rest
    assert bs.sign_sgd(batch, problem, beta1, "exact") == pytest.approx(slope / curvature, rel=1e-9)


@pytest.mark.parametrize("correlation", [-1.0, -0.999, 0.0, 0.999, 1.0])
def test_exact_signs_keep_their_digits_up_to_full_correlation(correlation):
    # P(both positive) for means 0.5: at ρ = 1 both signs are equal, at −1 s₁ = s₂ only in between
    noise, hessian = np.array([[1.0, correlation], [correlation, 1.0]]), np.array([[2.0, 0.9], [0.9, 1.0]])
    problem = bs.Quadratic([0.5, 0.5], hessian, noise)
    both = {1.0: 1.0, -1.0: 4 * norm.cdf(0.5) - 3}
    if abs(correlation) == 1:
        mean = 2 * norm.cdf(0.5) - 1
        slope, curvature = 0.5 * 2 * mean, 3.0 + 1.8 * both[correlation]
    else:
        slope, curvature = sign_moments(problem, 1.0, 0.0)
    assert bs.sign_sgd(1.0, problem, 0.0, "exact") == pytest.approx(slope / curvature, rel=1e-9)


@settings(max_examples=10)
@given(seeds, st.floats(0.1, 10.0), betas, st.floats(0.05, 3.0))
def test_exact_soft_sign_is_the_quadrature_over_the_normal(seed, batch, beta1, epsilon):
    problem = bs.Quadratic(*arrays(seed, n=2, correlated=False))
    moments = np.zeros((2, 2))
    for i, g in enumerate(problem.gradient):
        std = math.sqrt(problem.noise[i, i] * share(beta1) / batch)
        for power in (1, 2):

            def density(x, g=g, std=std, power=power):
                return norm.pdf(x, g, std) * (x / np.sqrt(x * x + epsilon**2)) ** power

            low, high = g - 9 * std, g + 9 * std
            moments[power - 1, i] = panels(density, [low, *np.clip([-epsilon, 0.0, epsilon], low, high), high])
    second = np.outer(moments[0], moments[0])
    np.fill_diagonal(second, moments[1])
    expected = moments[0] @ problem.gradient / np.sum(second * problem.hessian)
    assert bs.soft_sign_sgd(batch, problem, epsilon, beta1, "exact") == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 1e3])
@pytest.mark.parametrize("snr", [1e-12, 1.0, 1e20])
def test_exact_soft_sign_has_its_limits(epsilon, snr):
    g = 0.8
    problem = bs.Quadratic([g], [2.0], [g * g / snr])
    if snr == 1e20:  # without noise η* = √(g² + ε²)/H
        assert bs.soft_sign_sgd(1.0, problem, epsilon, 0.0, "exact") == pytest.approx(math.hypot(g, epsilon) / 2, 1e-9)
    elif epsilon == 1e3 and snr == 1.0:  # φ̃ = g/ε, 1 + O((g/ε)²)
        assert bs.soft_sign_sgd(1.0, problem, epsilon, 0.0, "exact") == pytest.approx(1e3 * g * g / (4 * g * g), 1e-5)
    else:  # noise far wider than ε: the sign
        hard = bs.sign_sgd(1.0, problem, 0.0, "exact")
        wide = math.sqrt(g * g / snr) > 1e2 * epsilon
        tolerance = 3 * epsilon / math.sqrt(g * g / snr)
        assert not wide or bs.soft_sign_sgd(1.0, problem, epsilon, 0.0, "exact") == pytest.approx(hard, rel=tolerance)


@pytest.mark.parametrize("method", ["mean-field", "exact"])
def test_a_soft_sign_without_noise_is_the_soft_sign(method):
    problem = bs.Quadratic([3.0, -4.0, 0.0], [2.0, 1.0, 5.0], [0.0, 0.0, 0.0])
    first, second = 3 / math.hypot(3, 0.5), 4 / math.hypot(4, 0.5)
    expected = (3 * first + 4 * second) / (2 * first**2 + second**2)
    # the exact moments put a noise of 1e-12 of g there
    assert bs.soft_sign_sgd(1.0, problem, 0.5, 0.0, method) == pytest.approx(expected, rel=1e-10)


@given(seeds, batches)
def test_exact_adam_without_memory_is_exact_sign_descent(seed, batch):
    problem = bs.Quadratic(*arrays(seed, correlated=False))
    # β₂ = 1e-12 leaves m/√v = sign(g) up to √β₂ of rare past outliers
    found = bs.adam(batch, problem, 0.0, 1e-12, "exact")
    assert found == pytest.approx(float(bs.sign_sgd(batch, problem, 0.0, "exact")), rel=1e-4)


@settings(max_examples=10)
@given(seeds, batches, betas)
def test_exact_adam_with_a_long_memory_is_the_mean_field(seed, batch, beta1):
    problem, gap = bs.Quadratic(*arrays(seed, correlated=False)), 1e-7
    found = bs.adam(batch, problem, beta1, 1 - gap, "exact")
    assert found == pytest.approx(float(bs.adam(batch, problem, beta1)), rel=20 * gap)  # first order in 1 − β₂


def test_adam_averages_over_ten_steps_at_every_door_unless_told():
    full = bs.Quadratic([1.0, 2.0], [[1.0, 0.5], [0.5, 1.0]], [5.0, 4.0])
    for problem in (full, full.summary()):
        assert bs.adam(3.0, problem) == bs.adam(3.0, problem, 0.9)
        assert bs.expected_decrease(3.0, problem, "adam") == bs.expected_decrease(3.0, problem, "adam", beta1=0.9)
        assert bs.surge_batch_size(problem, "adam") == bs.surge_batch_size(problem, "adam", beta1=0.9)


def test_a_still_coordinate_moves_no_exact_adam():
    with_still = bs.Quadratic([1.0, 0.0], [1.0, 5.0], [2.0, 0.0])
    alone = bs.Quadratic([1.0], [1.0], [2.0])
    expected = bs.adam(3.0, alone, 0.5, 0.9, "exact")
    assert bs.adam(3.0, with_still, 0.5, 0.9, "exact") == pytest.approx(float(expected), rel=1e-13)
    noiseless = bs.Quadratic([1.0, 2.0], [1.0, 5.0], [0.0, 0.0])  # every update is 1
    assert bs.adam(3.0, noiseless, 0.5, 0.9, "exact") == pytest.approx(3 / 6, rel=1e-12)


def test_exact_signs_of_noiseless_and_of_still_coordinates():
    noiseless = bs.Quadratic([1.0, -2.0, 0.0], [[1.0, 0.2, 0.3], [0.2, 2.0, 0.1], [0.3, 0.1, 3.0]], [0.0, 0.0, 0.0])
    assert bs.sign_sgd(1.0, noiseless, 0.0, "exact") == pytest.approx(3 / (3 - 2 * 0.2), rel=1e-14)
    blind = bs.Quadratic([1.0, 0.0], [1.0, 4.0], [0.0, 1.0])  # the second sign is pure noise
    assert bs.sign_sgd(1.0, blind, 0.0, "exact") == pytest.approx(1 / 5, rel=1e-14)


# --- Muon ---


def matrices(seed, n, m):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((n * m, n * m))
    return rng.standard_normal((n, m)), root @ root.T


def muon_terms(gradient, std, hessian, noise_share):
    """⟨GS, G⟩ and the index sum over E Φ̃Φ̃ᵀ, with S from the eigenvectors of GᵀG + cnσ²/B."""
    n, m = gradient.shape
    values, vectors = np.linalg.eigh(gradient.T @ gradient + noise_share * n * std**2 * np.eye(m))
    S = vectors @ np.diag(values**-0.5) @ vectors.T
    update, b = gradient @ S, 0.0
    for i, j, p, q in itertools.product(range(n), range(m), range(n), range(m)):
        second = update[i, j] * update[p, q] + (noise_share * std**2 * (S @ S)[j, q] if i == p else 0.0)
        b += second * hessian[i * m + j, p * m + q]
    return np.sum(update * gradient), b


@given(seeds, st.sampled_from([(1, 1), (3, 1), (3, 2), (2, 2)]), batches, betas, st.floats(0.1, 3.0))
def test_muon_is_the_index_sum_of_its_definition(seed, shape, batch, beta1, std):
    gradient, hessian = matrices(seed, *shape)
    a, b = muon_terms(gradient, std, hessian, share(beta1) / batch)
    problem = bs.MatrixQuadratic(gradient, std, hessian=hessian)
    assert bs.muon(batch, problem, beta1) == pytest.approx(a / b, rel=1e-9)
    assert bs.expected_decrease(batch, problem, "muon", beta1=beta1) == pytest.approx(a * a / (2 * b), rel=1e-9)
    if shape == (2, 2):
        return  # of a square matrix the law takes the columns
    order = np.arange(gradient.size).reshape(shape).T.ravel()
    wide = bs.MatrixQuadratic(gradient.T, std, hessian=hessian[np.ix_(order, order)])
    assert bs.muon(batch, wide, beta1) == pytest.approx(a / b, rel=1e-9)


@given(seeds, batches, betas, st.floats(0.1, 3.0), st.floats(0.01, 10.0))
def test_muon_in_the_newton_view_shrinks_each_singular_value(seed, batch, beta1, std, lr_max):
    gradient, c = matrices(seed, 4, 2)[0], share(beta1)
    s = np.sqrt(np.linalg.eigvalsh(gradient.T @ gradient)).tolist()
    problem = bs.MatrixQuadratic(gradient, std, lr_max)
    each = sum(x * x / math.sqrt(x * x + c * 4 * std**2 / batch) for x in s)
    assert bs.muon(batch, problem, beta1) == pytest.approx(lr_max * each / sum(s), rel=1e-10)
    assert bs.expected_decrease(batch, problem, "muon", beta1=beta1) == pytest.approx(
        lr_max * each**2 / (2 * sum(s)), rel=1e-10
    )
    simple = 8 * std**2 / sum(x * x for x in s)
    kept = 1 / math.sqrt(1 + c * simple / batch)
    assert problem.simple_noise_scale == pytest.approx(simple, rel=1e-12)
    assert bs.muon(batch, problem, beta1, "average") == pytest.approx(lr_max * kept, rel=1e-12)
    assert bs.expected_decrease(batch, problem, "muon", beta1=beta1, method="average") == pytest.approx(
        lr_max * kept**2 * sum(s) / 2, rel=1e-10
    )


@given(seeds, batches)
def test_muon_does_not_depend_on_the_basis_of_either_side(seed, batch):
    gradient, hessian = matrices(seed, 3, 2)
    left, right = ortho_group.rvs(3, random_state=seed), ortho_group.rvs(2, random_state=seed)
    turn = np.kron(left, right.T)
    turned = bs.MatrixQuadratic(left @ gradient @ right, 0.7, hessian=turn @ hessian @ turn.T)
    plain = bs.MatrixQuadratic(gradient, 0.7, hessian=hessian)
    assert bs.muon(batch, turned, 0.5) == pytest.approx(float(bs.muon(batch, plain, 0.5)), rel=1e-9)


def test_muon_without_noise_is_the_newton_step_and_its_learning_rate_is_one_unless_told():
    gradient = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 1.0]])
    assert bs.muon(1.0, bs.MatrixQuadratic(gradient, 0.0), 0.0) == pytest.approx(1.0, rel=1e-14)
    assert bs.muon(1.0, bs.MatrixQuadratic(gradient, 0.0), 0.0, "average") == pytest.approx(1.0, rel=1e-14)


def test_muon_drops_a_singular_value_that_is_rounding():
    faint = bs.MatrixQuadratic(np.diag([1.0, 1e-17]), 0.0, hessian=np.eye(4))
    assert bs.muon(1.0, faint, 0.0) == pytest.approx(1.0, rel=1e-14)  # one direction: a = 1, b = 1
    clear = bs.MatrixQuadratic(np.diag([1.0, 1e-10]), 0.0, hessian=np.eye(4))
    assert bs.muon(1.0, clear, 0.0) == pytest.approx(0.5, rel=1e-9)  # two directions: a = 1, b = 2


# --- invariances of all laws ---


@given(seeds, st.sampled_from(sorted(LAWS)), batches, betas)
def test_laws_do_not_depend_on_the_order_or_the_signs_of_the_coordinates(seed, law, batch, beta1):
    gradient, hessian, noise = arrays(seed)
    rng = np.random.default_rng(seed)
    turn = np.eye(3)[rng.permutation(3)] * rng.choice([-1.0, 1.0], 3)
    turned = bs.Quadratic(turn @ gradient, turn @ hessian @ turn.T, turn @ noise @ turn.T)
    plain = LAWS[law](batch, bs.Quadratic(gradient, hessian, noise), beta1)
    assert LAWS[law](batch, turned, beta1) == pytest.approx(float(plain), rel=1e-11)


@given(seeds, batches, betas)
def test_sgd_does_not_depend_on_the_basis(seed, batch, beta1):
    gradient, hessian, noise = arrays(seed)
    turn = ortho_group.rvs(3, random_state=seed)
    turned = bs.Quadratic(turn @ gradient, turn @ hessian @ turn.T, turn @ noise @ turn.T)
    plain = bs.sgd(batch, bs.Quadratic(gradient, hessian, noise), beta1)
    assert bs.sgd(batch, turned, beta1) == pytest.approx(float(plain), rel=1e-9)


@given(seeds, st.sampled_from(sorted(LAWS)), batches, st.floats(1e-3, 1e3))
def test_noise_and_batch_size_only_matter_by_their_quotient(seed, law, batch, factor):
    gradient, hessian, noise = arrays(seed)
    plain = LAWS[law](batch, bs.Quadratic(gradient, hessian, noise), 0.3)
    scaled = LAWS[law](batch * factor, bs.Quadratic(gradient, hessian, noise * factor), 0.3)
    assert scaled == pytest.approx(float(plain), rel=1e-10)


@given(seeds, st.sampled_from(["sgd", "sign-sgd", "exact sign-sgd", "adam"]), batches, st.floats(1e-3, 1e3))
def test_the_units_of_loss_and_of_weights_scale_the_rates(seed, law, batch, unit):
    gradient, hessian, noise = arrays(seed)
    plain = float(LAWS[law](batch, bs.Quadratic(gradient, hessian, noise), 0.3))
    louder = bs.Quadratic(unit * gradient, unit * hessian, unit**2 * noise)  # the loss in another unit
    assert LAWS[law](batch, louder, 0.3) == pytest.approx(plain / unit if law == "sgd" else plain, rel=1e-10)
    finer = bs.Quadratic(unit * gradient, unit**2 * hessian, unit**2 * noise)  # the weights in another unit
    expected = plain / unit**2 if law == "sgd" else plain / unit
    assert LAWS[law](batch, finer, 0.3) == pytest.approx(expected, rel=1e-10)


@given(seeds, st.sampled_from(sorted(LAWS)), betas)
def test_decrease_grows_with_the_batch_up_to_that_without_noise(seed, law, beta1):
    gradient, hessian, noise = arrays(seed)
    name, options = law.removeprefix("exact "), {"beta1": beta1}
    options |= {"epsilon": 0.7} if name == "soft-sign-sgd" else {}
    options |= {"method": "exact"} if law != name else {}
    sizes = 10.0 ** np.arange(-6, 13)
    gains = bs.expected_decrease(sizes, bs.Quadratic(gradient, hessian, noise), name, **options)
    still = bs.expected_decrease(1.0, bs.Quadratic(gradient, hessian, np.zeros((3, 3))), name, **options)
    if name == "sgd":
        assert (np.diff(gains) >= -1e-12 * still).all()
    assert gains[-1] == pytest.approx(float(still), rel=1e-4)  # SNR 1e12, and roots of it
    assert gains[0] < still


@given(seeds)
def test_learning_rates_of_an_array_of_batches_broadcast(seed):
    problem, sizes = bs.Quadratic(*arrays(seed)), np.array([[1.0], [10.0]])
    rates = np.array([0.1, 0.2, 0.3])
    table = bs.expected_decrease(sizes, problem, "sign-sgd", rates, beta1=0.0)
    for row, column in itertools.product(range(2), range(3)):
        one = bs.expected_decrease(sizes[row, 0], problem, "sign-sgd", rates[column], beta1=0.0)
        assert table[row, column] == pytest.approx(float(one), rel=1e-14)


# --- surge, steps and examples ---


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("sign-sgd", {"beta1": 0.0}),
        ("sign-sgd", {"beta1": 0.5}),
        ("sign-sgd", {"beta1": 0.5, "method": "exact"}),
        ("soft-sign-sgd", {"epsilon": 1e-3, "beta1": 0.0}),
        ("adam", {"beta1": 0.9}),
    ],
)
def test_the_surge_is_the_maximum_over_a_fine_grid(optimizer, options, scale):
    problem = bs.Quadratic([1.0, -0.5, 2.0], np.eye(3) + 0.8 * np.outer([1, -1, 1], [1, -1, 1]), scale * np.ones(3))
    found = bs.surge_batch_size(problem, optimizer, **options)
    grid = found * np.exp(np.linspace(-15, 15, 301))
    law = {"sign-sgd": bs.sign_sgd, "soft-sign-sgd": bs.soft_sign_sgd, "adam": bs.adam}[optimizer]
    rates = law(grid, problem, **options)
    assert np.argmax(rates) == 150
    around = law(found * np.array([1 - 1e-3, 1.0, 1 + 1e-3]), problem, **options)
    assert around[1] > max(around[0], around[2])
    # a maximum is even about its place: the lower-order part of the two falls is their difference
    assert abs(around[0] - around[2]) < 0.02 * (2 * around[1] - around[0] - around[2])


@given(st.floats(0.0, 0.99), st.floats(0.0, 8.0), st.floats(0.1, 100.0), st.sampled_from(["sign-sgd", "adam"]))
def test_the_surge_of_a_summary_is_where_no_batch_on_either_side_has_a_larger_rate(beta1, cross, noise, optimizer):
    summary = bs.Summary(2.0, 3.0, 1.0, 2.0, cross, noise, 1.0)
    law = {"sign-sgd": bs.sign_sgd, "adam": bs.adam}[optimizer]
    found = bs.surge_batch_size(summary, optimizer, beta1=beta1)
    if math.isinf(found):
        assert (np.diff(law(np.geomspace(1e-4, 1e4, 60) * noise, summary, beta1)) >= 0).all()
    else:
        around = law(found * np.array([0.7, 0.99, 1.0, 1 / 0.99, 1 / 0.7]), summary, beta1)
        # 1e-14: next to a flat maximum the rates round
        assert (around[2] >= around * (1 - 1e-14)).all()
        assert around[2] > around[0]


@pytest.mark.parametrize("cross", [2.0, 1.9])
def test_a_summary_on_the_verge_has_no_surge(cross):
    # Σ_{i≠j} ≤ Σ H_ii: η* = 1/(1/β + β·cross/diagonal) grows up to β = 1
    assert bs.surge_batch_size(bs.Summary(1.0, 1.0, 1.0, 2.0, cross, 1.0, 1.0), "sign-sgd", beta1=0.0) == math.inf


@pytest.mark.parametrize("place", [0.01, 5e3, 5e4])
def test_the_search_counts_a_fall_from_a_thousand_millionth_on(place):
    # equal coordinates obey the averaged law: Σ_{i≠j}/ΣH_ii = 1 + 1/x puts the surge at x noise scales, 1/(8x²) above
    off = (1 + 1 / place) / 2 if place > 1 else 1.0
    problem = bs.Quadratic(np.ones(3), np.eye(3) * (1 - off) + off, np.full(3, 2.0))
    if place < 1:  # Adam surges at (1−β₁)/(3β₁−1 + …) = c/(1 − 2c + cross/diagonal)
        share = place * 3 / (1 + 2 * place)
        found = bs.surge_batch_size(problem, "adam", beta1=(1 - share) / (1 + share))
        assert found == pytest.approx(2.0 * place, rel=1e-5)
        return
    found = bs.surge_batch_size(problem, "sign-sgd", beta1=0.0)
    # near the end of the range the maximum is so flat that rounding moves it
    assert found == (pytest.approx(2.0 * place, rel=0.1) if place < 1e4 else math.inf)


@pytest.mark.parametrize("place", [3e-6, 1e-9, 1e-12])
def test_the_search_reaches_down_as_far_as_the_share_of_the_noise(place):
    # a diagonal Hessian: B* = 𝓑·c/(1 − 2c), c = place/(1 + 2·place)
    share = place / (1 + 2 * place)
    problem = bs.Quadratic([1.0, 1.0], [1.0, 1.0], [2.0, 2.0])  # 𝓑 = 2
    surge = bs.surge_batch_size(problem, "adam", beta1=(1 - share) / (1 + share))
    # 1e-4: 1 − β₁ = 2e-12 keeps four digits
    assert surge == pytest.approx(2 * place, rel=1e-4)


def test_learning_rates_that_never_fall_have_no_surge():
    matrix = bs.MatrixQuadratic([[2.0, 1.0], [0.0, 1.0]], 1.0)
    assert bs.surge_batch_size(matrix, "muon", beta1=0.0) == math.inf
    assert bs.surge_batch_size(bs.Quadratic([1.0], [1.0], [1.0]), "sgd", beta1=0) == math.inf
    assert bs.surge_batch_size(bs.Quadratic([1.0], [1.0], [1.0]).summary(), "sgd", beta1=0) == math.inf
    assert bs.surge_batch_size(bs.Quadratic([1.0], [1.0], [0.0]), beta1=0) == math.inf


def test_the_surge_is_that_of_sign_descent_unless_told():
    problem = bs.Quadratic([1.0, 1.0, 1.0], np.eye(3) + 1.0, np.ones(3))
    assert bs.surge_batch_size(problem, beta1=0.0) == bs.surge_batch_size(problem, "sign-sgd", beta1=0.0)
    # β*² = 6/6 … for ones: ΣH_ii = 6, Σ_{i≠j} = 6, so the verge; twice the cross terms give β*² = 1/2
    heavy = bs.Quadratic([1.0, 1.0, 1.0], [[2, 2, 2], [2, 2, 2], [2, 2, 2]], np.ones(3))
    assert bs.surge_batch_size(heavy, beta1=0.0) == pytest.approx(1.0, rel=1e-5)  # B* = 𝓑·(1/2)/(1/2), 𝓑 = 1


@given(batches, st.floats(0.0, 1e3), st.floats(0.1, 1e3))
def test_steps_and_examples_are_those_of_the_noise_that_a_batch_leaves(batch, noise_scale, least):
    steps, examples = bs.steps_and_examples(batch, noise_scale, least)
    assert steps == pytest.approx(least + least * noise_scale / batch, rel=1e-14)
    assert examples == pytest.approx(batch * steps, rel=1e-14)
    few, many = bs.steps_and_examples(np.array([1e-9, 1e9]) * (1 + noise_scale), noise_scale, least)
    assert few[1] == pytest.approx(least, rel=1e-8)
    assert many[0] == pytest.approx(least * noise_scale, rel=1e-8, abs=1e-8 * least)


def test_the_fewest_steps_are_one_unless_told():
    steps, examples = bs.steps_and_examples(10.0, 30.0)
    assert (steps, examples) == (4.0, 40.0)


@given(seeds)
def test_steps_of_sgd_are_the_quotient_of_decreases(seed):
    problem = bs.Quadratic(*arrays(seed))
    steps, _ = bs.steps_and_examples(7.0, problem.summary().noise_scale)
    quotient = bs.expected_decrease(1e15, problem, beta1=0.0) / bs.expected_decrease(7.0, problem, beta1=0.0)
    assert steps == pytest.approx(float(quotient), rel=1e-10)


# --- bad input ---

ONE, SUMMARY = bs.Quadratic([1.0], [1.0], [1.0]), bs.Summary(1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0)
MATRIX = bs.MatrixQuadratic([[1.0]], 1.0)
BAD_NUMBERS = [(-0.5, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("x", TypeError)]


@pytest.mark.parametrize(("value", "kind"), BAD_NUMBERS)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("batch_size", lambda x: bs.sgd(x, ONE, beta1=0)),
        ("beta1", lambda x: bs.sgd(1.0, ONE, x)),
        ("batch_size", lambda x: bs.sign_sgd(x, ONE, 0.0)),
        ("beta1", lambda x: bs.sign_sgd(1.0, ONE, x)),
        ("batch_size", lambda x: bs.soft_sign_sgd(x, ONE, 1.0, beta1=0)),
        ("epsilon", lambda x: bs.soft_sign_sgd(1.0, ONE, x, beta1=0)),
        ("beta1", lambda x: bs.soft_sign_sgd(1.0, ONE, 1.0, x)),
        ("batch_size", lambda x: bs.adam(x, ONE)),
        ("beta1", lambda x: bs.adam(1.0, ONE, x)),
        ("beta2", lambda x: bs.adam(1.0, ONE, 0.5, x, "exact")),
        ("batch_size", lambda x: bs.muon(x, MATRIX, beta1=0)),
        ("beta1", lambda x: bs.muon(1.0, MATRIX, x)),
        ("batch_size", lambda x: bs.expected_decrease(x, ONE, beta1=0)),
        ("beta1", lambda x: bs.surge_batch_size(ONE, "adam", beta1=x)),
        ("batch_size", lambda x: bs.steps_and_examples(x, 1.0)),
        ("noise_scale", lambda x: bs.steps_and_examples(1.0, x)),
        ("steps_min", lambda x: bs.steps_and_examples(1.0, 1.0, x)),
        ("std", lambda x: bs.MatrixQuadratic([[1.0]], x)),
        ("lr_max", lambda x: bs.MatrixQuadratic([[1.0]], 1.0, x)),
        ("gradient_square", lambda x: bs.Summary(x, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0)),
        ("gradient_sum", lambda x: bs.Summary(1.0, x, 1.0, 1.0, 0.0, 1.0, 1.0)),
        ("curvature", lambda x: bs.Summary(1.0, 1.0, x, 1.0, 0.0, 1.0, 1.0)),
        ("diagonal", lambda x: bs.Summary(1.0, 1.0, 1.0, x, 0.0, 1.0, 1.0)),
        ("noise", lambda x: bs.Summary(1.0, 1.0, 1.0, 1.0, 0.0, x, 1.0)),
        ("noise_curvature", lambda x: bs.Summary(1.0, 1.0, 1.0, 1.0, 0.0, 1.0, x)),
        ("cross", lambda x: bs.Summary(1.0, 1.0, 1.0, 0.3, x, 1.0, 1.0)),
        ("hessian", lambda x: bs.Quadratic([1.0], [x], [1.0])),
        ("noise", lambda x: bs.Quadratic([1.0], [1.0], [x])),
    ],
)
def test_a_number_out_of_range_is_named(name, call, value, kind):
    with pytest.raises(kind, match=f"`{name}` must"):
        call(value)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: bs.sgd(0.0, ONE, beta1=0), ValueError, r"`batch_size` must .* \(0, inf\), got 0.0"),
        (lambda: bs.sgd(1.0, ONE, 1.0), ValueError, r"`beta1` must .* \[0, 1\), got 1.0"),
        (lambda: bs.soft_sign_sgd(1.0, ONE, 0.0, beta1=0), ValueError, r"`epsilon` must .* \(0, inf\), got 0.0"),
        (lambda: bs.soft_sign_sgd(1.0, ONE, 1.1e300, beta1=0), ValueError, "`epsilon` must be at most 1e.300 times"),
        (lambda: bs.steps_and_examples(1.0, 1.0, 0.0), ValueError, r"`steps_min` must .* \(0, inf\), got 0.0"),
        (lambda: bs.expected_decrease(1.0, ONE, lr=math.nan, beta1=0), ValueError, "`lr` must be finite"),
        (lambda: bs.expected_decrease([1.0, 2.0], ONE, lr=[1.0] * 3, beta1=0), ValueError, "`lr` must broadcast"),
        (
            lambda: bs.expected_decrease(1.0, ONE, "lion", beta1=0),
            ValueError,
            "`optimizer` must be one of 'sgd', 'sign-sgd'",
        ),
        (lambda: bs.surge_batch_size(ONE, "lion", beta1=0), ValueError, "`optimizer` must be one of 'sgd', 'sign-sgd'"),
        (lambda: bs.sgd(1.0, 3.0, beta1=0), TypeError, "`problem` must be a Quadratic or Summary, got a float"),
        (lambda: bs.sign_sgd(1.0, MATRIX, beta1=0), TypeError, "`problem` must be a Quadratic or Summary"),
        (lambda: bs.adam(1.0, MATRIX), TypeError, "`problem` must be a Quadratic or Summary"),
        (
            lambda: bs.soft_sign_sgd(1.0, SUMMARY, 1.0, beta1=0),
            TypeError,
            "`problem` must be a Quadratic, got a Summary",
        ),
        (lambda: bs.muon(1.0, SUMMARY, beta1=0), TypeError, "`problem` must be a MatrixQuadratic, got a Summary"),
        (lambda: bs.surge_batch_size(MATRIX, beta1=0), TypeError, "`problem` must be a Quadratic or Summary"),
        (
            lambda: bs.sign_sgd(1.0, SUMMARY, 0.0, "exact"),
            TypeError,
            "`problem` must be a Quadratic for method 'exact'",
        ),
        (lambda: bs.adam(1.0, SUMMARY, 0.5, 0.9, "exact"), TypeError, "`problem` must be a Quadratic for method"),
        (lambda: bs.adam(1.0, ONE, 0.5, None, "exact"), ValueError, "`beta2` must be given for method 'exact'"),
        (lambda: bs.sign_sgd(1.0, ONE, 0.0, "average"), ValueError, "`method` must be one of 'mean-field', 'exact'"),
        (
            lambda: bs.soft_sign_sgd(1.0, ONE, 1.0, 0.0, "no"),
            ValueError,
            "`method` must be one of 'mean-field', 'exact'",
        ),
        (lambda: bs.adam(1.0, ONE, 0.0, None, "no"), ValueError, "`method` must be one of 'mean-field', 'exact'"),
        (lambda: bs.muon(1.0, MATRIX, 0.0, "exact"), ValueError, "`method` must be one of 'mean-field', 'average'"),
        (
            lambda: bs.muon(1.0, bs.MatrixQuadratic([[1.0]], 1.0, hessian=[1.0]), 0.0, "average"),
            ValueError,
            "`method` must be 'mean-field' where a Hessian is given",
        ),
        (lambda: bs.Quadratic([], [], []), ValueError, "`gradient` must be a non-empty vector"),
        (lambda: bs.Quadratic([0.0], [1.0], [1.0]), ValueError, "`gradient` must not be zero"),
        (lambda: bs.Quadratic([1.0], [0.0], [1.0]), ValueError, "`hessian` must curve along the gradient"),
        (
            lambda: bs.Quadratic([1.0, 1.0], [1.0, 1.0], [1.0]),
            ValueError,
            r"`noise` must have shape \(2, 2\) or \(2,\)",
        ),
        (lambda: bs.MatrixQuadratic([1.0], 1.0), ValueError, "`gradient` must have two dimensions"),
        (lambda: bs.MatrixQuadratic([[0.0]], 1.0), ValueError, "`gradient` must not be zero"),
        (lambda: bs.MatrixQuadratic([[1.0]], 1.0, 0.0), ValueError, r"`lr_max` must .* \(0, inf\)"),
        (lambda: bs.MatrixQuadratic([[1.0]], 1.0, hessian=[[-1.0]]), ValueError, "`hessian` must be positive semi"),
        (lambda: bs.Summary(1.0, 1.0, 1.0, 1.0, -1.001, 1.0, 1.0), ValueError, "`cross` must"),
    ],
)
def test_bad_input_of_each_kind_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("size", [1e-300, 1e-3, 1.0, 1e6, 1e300])
def test_rounding_of_a_gram_matrix_is_forgiven_and_no_more(size):
    rounding = 2.0**-20  # sixteen roundings of float32

    def hessian(asymmetry=0.0, dip=0.0):
        return size * np.array([[2.0, 1.0 + asymmetry], [1.0, 0.5 - dip]])

    forgiven = bs.Quadratic([1.0, 1.0], hessian(asymmetry=1.9 * rounding), [1.0, 1.0])
    np.testing.assert_array_equal(forgiven.hessian, forgiven.hessian.T)
    assert forgiven.hessian[0, 1] == pytest.approx(size * (1 + 0.95 * rounding), rel=1e-15)
    with pytest.raises(ValueError, match=r"`hessian` must be symmetric, got a difference of [0-9.e+-]+; pass"):
        bs.Quadratic([1.0, 1.0], hessian(asymmetry=2.1 * rounding), [1.0, 1.0])
    # the least eigenvalue is −0.8 dips, the trace 2.5
    bs.Quadratic([1.0, 1.0], hessian(dip=3.0 * rounding), [1.0, 1.0])
    with pytest.raises(ValueError, match="`hessian` must be positive semidefinite, got the eigenvalue -"):
        bs.Quadratic([1.0, 1.0], hessian(dip=3.3 * rounding), [1.0, 1.0])
    size = max(size, 1e-290)  # a Summary keeps its numbers as they are
    assert bs.Summary(1.0, 1.0, 1.0, size, -size * (1 + 0.9 * rounding), 1.0, 1.0).cross < -size
    with pytest.raises(ValueError, match=r"`cross` must .* the Hessian must not be indefinite"):
        bs.Summary(1.0, 1.0, 1.0, size, -size * (1 + 1.2 * rounding), 1.0, 1.0)


SINGLE = np.float32


def assembled(kind, rng):
    """Singular or nearly singular matrices as they come from float32."""
    data = rng.standard_normal((100, 300)).astype(SINGLE)
    mean = data[:20].mean(axis=0)
    return {
        "covariance of 20 draws": lambda: np.cov(data[:20, :50], rowvar=False, dtype=SINGLE),
        "covariance of 50 draws": lambda: np.cov(data[:20, :50], dtype=SINGLE),
        "Gram matrix": lambda: data.T @ data,
        "Gram matrix of a mean": lambda: (data + SINGLE(100)).T @ (data + SINGLE(100)),
        "Gram matrix over eight decades": lambda: (data * SINGLE(10) ** data[0]).T @ (data * SINGLE(10) ** data[0]),
        "sum of outer products": lambda: sum(np.outer(x, x) for x in data[:20, :40] + SINGLE(3)),
        "second moment less the mean": lambda: data[:20].T @ data[:20] / SINGLE(20) - np.outer(mean, mean),
    }[kind]()


@given(
    st.sampled_from(
        [
            "covariance of 20 draws",
            "covariance of 50 draws",
            "Gram matrix",
            "Gram matrix of a mean",
            "Gram matrix over eight decades",
            "sum of outer products",
            "second moment less the mean",
        ]
    ),
    seeds,
)
@settings(max_examples=14)
def test_matrices_assembled_in_float32_are_taken(kind, seed):
    rng = np.random.default_rng(seed)
    matrix = assembled(kind, rng)
    assert matrix.dtype == SINGLE
    gradient = rng.standard_normal(len(matrix))
    for problem in (
        bs.Quadratic(gradient, matrix, matrix),
        bs.Quadratic(gradient, matrix.astype(float), matrix.astype(float)),
    ):
        assert np.isfinite(bs.sign_sgd(3.0, problem))
        assert np.isfinite(bs.sgd(3.0, problem.summary()))
    indefinite = matrix - 1e-5 * np.trace(matrix) * np.eye(len(matrix), dtype=SINGLE)
    if kind != "covariance of 50 draws":  # the only one that is not singular
        with pytest.raises(ValueError, match=r"`noise` must be .*, got the eigenvalue -.*: drop or damp"):
            bs.Quadratic(gradient, matrix, indefinite)


def test_a_variance_of_less_than_zero_is_refused_on_a_diagonal_and_rounding_elsewhere():
    with pytest.raises(ValueError, match=r"`noise` must be .* got the eigenvalue -1e-20 at index 1; a diagonal has no"):
        bs.Quadratic([1.0, 1.0], [1.0, 1.0], [1.0, -1e-20])
    problem = bs.Quadratic([1.0, 1.0], [1.0, 1.0], [[1.0, 0.0], [0.0, -1e-7]])
    assert problem.std.tolist() == [1.0, 0.0]
    still = bs.Quadratic([1.0, 1.0], [1.0, 1.0], [1.0, 0.0])
    for method in ("mean-field", "exact"):
        assert bs.sign_sgd(2.0, problem, method=method) == pytest.approx(float(bs.sign_sgd(2.0, still, method=method)))


def test_a_summary_of_noise_that_meets_no_curvature_has_none():
    direction = np.array([1.0, 3.0, 0.7]) / 3  # the products of the entries round
    other = np.cross(direction, [0.1, 0.2, 0.3])
    for scale in np.linspace(1, 2, 20):
        problem = bs.Quadratic(direction, np.outer(direction, direction) * scale, np.outer(other, other))
        assert 0 <= problem.summary().noise_curvature < 1e-15


# --- gradients of any size ---


units = st.sampled_from([1e-300, 1e-200, 1e-162, 1e-161, 1e-155, 1e-20, 1e20, 1e150])


@given(seeds, units, batches, betas)
def test_without_noise_the_laws_are_index_sums_at_any_size_of_the_gradient(seed, unit, batch, beta1):
    gradient, hessian, _ = arrays(seed)
    problem, n = bs.Quadratic(unit * gradient, hessian, np.zeros(3)), range(3)
    sign = np.sign(gradient)
    signs = unit * np.abs(gradient).sum() / sum(sign[i] * hessian[i, j] * sign[j] for i in n for j in n)
    for law in ("sign-sgd", "exact sign-sgd", "adam"):
        assert LAWS[law](batch, problem, beta1) == pytest.approx(signs, rel=1e-9)
    plain = (gradient @ gradient) / sum(gradient[i] * hessian[i, j] * gradient[j] for i in n for j in n)
    assert bs.sgd(batch, problem, beta1) == pytest.approx(plain, rel=1e-9)
    widest = 1e299 * unit * np.abs(gradient).max()  # ten times more is refused
    for width in (unit * 0.7, min(1.0, widest)):
        soft = gradient * (unit / np.hypot(unit * gradient, width))
        top = np.abs(soft).max()
        soft = soft / top
        expected = (soft @ gradient) * (unit / top) / (soft @ hessian @ soft)
        for method in ("mean-field", "exact"):
            # two terms of the expansion need 1e-10
            assert bs.soft_sign_sgd(batch, problem, width, beta1, method) == pytest.approx(expected, rel=1e-9)


@given(seeds, st.integers(-500, 500), batches, betas)
def test_the_unit_of_the_gradient_changes_the_unit_of_the_rate_alone(seed, exponent, batch, beta1):
    # a power of two rounds nothing; the noise, in the square of the unit, is the limit of ±500
    gradient, hessian, noise = arrays(seed)
    unit = 2.0**exponent
    plain, scaled = bs.Quadratic(gradient, hessian, noise), bs.Quadratic(unit * gradient, hessian, unit**2 * noise)
    for law in ("sign-sgd", "exact sign-sgd", "adam"):
        assert LAWS[law](batch, scaled, beta1) / unit == pytest.approx(float(LAWS[law](batch, plain, beta1)), rel=1e-13)
    assert bs.sgd(batch, scaled, beta1) == pytest.approx(float(bs.sgd(batch, plain, beta1)), rel=1e-13)
    soft, soft_plain = (bs.soft_sign_sgd(batch, p, 0.7 * u, beta1) for p, u in ((scaled, unit), (plain, 1.0)))
    assert soft / unit == pytest.approx(float(soft_plain), rel=1e-13)
    surge, surge_plain = (bs.surge_batch_size(p, "adam", beta1=beta1) for p in (scaled, plain))
    assert surge == pytest.approx(surge_plain, rel=1e-5)
    lost, lost_plain = (bs.expected_decrease(batch, p, "sign-sgd", beta1=beta1) for p in (scaled, plain))
    assert lost / unit / unit == pytest.approx(float(lost_plain), rel=1e-13)


@pytest.mark.parametrize("unit", [1e-140, 1e140])
def test_exact_laws_keep_their_values_in_any_unit(unit):
    gradient, hessian, noise = arrays(3, correlated=False)
    plain, scaled = bs.Quadratic(gradient, hessian, noise), bs.Quadratic(unit * gradient, hessian, unit**2 * noise)
    soft = bs.soft_sign_sgd(2.0, plain, 0.7, method="exact")
    assert bs.soft_sign_sgd(2.0, scaled, 0.7 * unit, method="exact") / unit == pytest.approx(float(soft), rel=1e-11)
    adam = bs.adam(2.0, plain, method="exact")
    assert bs.adam(2.0, scaled, method="exact") / unit == pytest.approx(float(adam), rel=1e-11)


@given(seeds, units, batches, betas)
def test_muon_keeps_its_laws_at_any_size_of_the_gradient(seed, unit, batch, beta1):
    gradient, hessian = matrices(seed, 3, 2)
    noiseless = bs.MatrixQuadratic(unit * gradient, 0.0, hessian=hessian)
    expected = bs.muon(batch, bs.MatrixQuadratic(gradient, 0.0, hessian=hessian), beta1)
    assert bs.muon(batch, noiseless, beta1) / unit == pytest.approx(float(expected), rel=1e-9)
    for method in ("mean-field", "average"):
        plain = bs.muon(batch, bs.MatrixQuadratic(gradient, 0.7), beta1, method)
        scaled = bs.muon(batch, bs.MatrixQuadratic(unit * gradient, 0.7 * unit), beta1, method)
        assert scaled == pytest.approx(float(plain), rel=1e-9)


def test_a_faint_matrix_in_loud_noise_learns_in_proportion():
    # Newton view: η* = η_max Σ s²/√(s² + cnσ²/B)/Σ s → η_max s/(σ√(cn/B)) for equal s
    problem = bs.MatrixQuadratic(1e-300 * np.eye(2), 1.0)
    for method in ("mean-field", "average"):
        assert bs.muon(8.0, problem, 0.0, method) == pytest.approx(2e-300, rel=1e-12)
    assert problem.simple_noise_scale == math.inf


def test_a_faint_gradient_in_loud_noise_has_the_rate_that_float64_holds():
    # η* = g²√(B/Σ)/H, SNR → 0, for one coordinate
    for law in ("sign-sgd", "adam"):
        assert LAWS[law](4.0, bs.Quadratic([1e-150], [2.0], [9.0]), 0.0) == pytest.approx(1e-300 / 3, rel=1e-12)
    faint = bs.Quadratic([1e-150], [2.0], [9.0])
    exact = 1e-300 / 3 * math.sqrt(2 / math.pi)
    assert bs.sign_sgd(4.0, faint, 0.0, "exact") == pytest.approx(exact, rel=1e-12)
    # without memory Adam is the sign up to √β₂
    assert bs.adam(4.0, faint, 0.0, 1e-12, "exact") == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("unit", [1e-162, 1e-300, 1e155])
def test_a_summary_names_the_gradient_whose_square_leaves_the_range(unit):
    problem = bs.Quadratic([unit, 2 * unit], [1.0, 3.0], [0.0, 0.0])
    assert bs.sgd(1.0, problem) == pytest.approx(5 / 13, rel=1e-14)
    with pytest.raises(ValueError, match=r"^`gradient` must have gᵀg in the range of float64, got gᵀg = .*; divide it"):
        problem.summary()


@pytest.mark.parametrize(("width", "std"), [(1e20, 0.0), (1e12, 0.5), (1e7, 0.5), (1e-9, 1e-7), (1e-5, 1.0)])
def test_exact_soft_sign_keeps_its_digits_where_the_noise_is_narrow(width, std):
    g, h = 0.8, 2.0
    found = bs.soft_sign_sgd(1.0, bs.Quadratic([g], [h], [std**2]), width, 0.0, "exact")
    if width > 1e6:  # g/ε, 1 + O((g/ε)²)
        assert found == pytest.approx(width * g * g / (h * (g * g + std * std)), rel=1e-10)
    elif std < 1e-6:  # next to the sign: g/h
        assert found == pytest.approx(g / h, rel=1e-10)
    else:
        hard = bs.sign_sgd(1.0, bs.Quadratic([g], [h], [std**2]), 0.0, "exact")
        assert found == pytest.approx(float(hard), rel=1e-4)  # ε/σ = 1e-5


@pytest.mark.parametrize("share", [1e-9, 0.9e-6, 1.1e-6, 1e-4, 1e-3])  # both sides of where the expansion ends
@pytest.mark.parametrize("width", [1e-2, 1.0, 1e3])
def test_exact_soft_sign_in_narrow_noise_is_the_gauss_hermite_sum(share, width):
    gradient = np.array([0.8, -1.5, 0.0])
    std = share * np.hypot(gradient, width)
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)  # exact to share¹⁵ in noise that narrow
    x = gradient[:, None] + std[:, None] * nodes
    soft, weights = x / np.hypot(x, width), weights / weights.sum()
    mean, second = soft @ weights, np.outer(soft @ weights, soft @ weights)
    np.fill_diagonal(second, soft**2 @ weights)
    hessian = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 3.0]])
    expected = mean @ gradient / np.sum(second * hessian)
    found = bs.soft_sign_sgd(1.0, bs.Quadratic(gradient, hessian, std**2), width, 0.0, "exact")
    assert found == pytest.approx(expected, rel=1e-10)


# --- the surge is global ---


def heterogeneous(seed):
    """Coordinates whose noise scales differ by up to twelve decades, with a Hessian that may couple them."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    gradient = 10 ** rng.uniform(-2, 2, n) * rng.choice([-1, 1], n)
    noise = gradient**2 * 10 ** rng.uniform(-6, 6, n)
    root = rng.standard_normal((n, n))
    hessian = np.diag(10 ** rng.uniform(-2, 2, n)) if rng.random() < 0.5 else root @ root.T + 1e-3 * np.eye(n)
    return bs.Quadratic(gradient, hessian, noise)


@given(seeds, st.sampled_from(["sign-sgd", "adam", "soft-sign-sgd", "exact"]), st.sampled_from([0.0, 0.5, 0.9, 0.99]))
def test_no_batch_size_of_a_dense_grid_has_a_larger_rate_than_the_surge(seed, rule, beta1):
    problem = heterogeneous(seed)
    name = "sign-sgd" if rule == "exact" else rule
    law = {"sign-sgd": bs.sign_sgd, "adam": bs.adam, "soft-sign-sgd": bs.soft_sign_sgd}[name]
    options = {"beta1": beta1} | ({"epsilon": 0.3} if rule == "soft-sign-sgd" else {})
    options |= {"method": "exact"} if rule == "exact" else {}
    surge = bs.surge_batch_size(problem, name, **options)
    rates = law(10.0 ** np.linspace(-14, 16, 300 if rule == "exact" else 3000), problem, **options)
    still = float(law(1e60, problem, **options))
    if math.isinf(surge):
        assert rates.max() <= still * (1 + 2e-9)  # a fall of 1e-9 counts as none
    else:
        top = float(law(surge, problem, **options))
        assert top >= max(rates.max(), still) * (1 - 1e-12)


def test_of_two_hills_the_higher_is_the_surge():
    problem = bs.Quadratic([1.0, 1.0], [1.0, 1.0], [1.0, 1e6])
    found = bs.surge_batch_size(problem, "adam", beta1=0.9)
    assert found == pytest.approx(0.125, rel=1e-3)
    near, second = bs.adam(np.array([found, 2.6e5]), problem)
    assert near > second > bs.adam(np.array([1e3, 1e9]), problem).max()
    swapped = bs.Quadratic([1.0, 3.0], [1.0, 1.0], [1.0, 9e6])  # more signal on the noisy coordinate
    assert bs.surge_batch_size(swapped, "adam", beta1=0.9) > 1e3


def test_a_rate_that_grows_as_the_batch_shrinks_has_its_surge_at_zero():
    # the noise (1, −1) meets no curvature (1, 1): η* ∝ 1/√B as B → 0
    problem = bs.Quadratic([1.0, 1.0], [[1.0, 1.0], [1.0, 1.0]], [[1.0, -1.0], [-1.0, 1.0]])
    small, smaller = bs.sign_sgd(np.array([1e-6, 1e-8]), problem, 0.0)
    assert smaller == pytest.approx(10 * small, rel=1e-4)
    assert bs.surge_batch_size(problem, beta1=0.0) == 0


def test_the_surge_of_muon_with_a_hessian_is_global():
    gradient = np.diag([1.0, 1e-3])
    hessian = np.eye(4) + np.outer([1, 0, 0, 1], [1, 0, 0, 1])
    problem = bs.MatrixQuadratic(gradient, 1.0, hessian=hessian)
    found = bs.surge_batch_size(problem, "muon", beta1=0.0)
    rates = bs.muon(np.geomspace(1e-6, 1e14, 4000), problem, 0.0)
    top = float(bs.muon(min(found, 1e60), problem, 0.0))
    assert top >= rates.max() * (1 - 1e-9)
