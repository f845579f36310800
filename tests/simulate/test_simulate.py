"""The simulator: its steps against the definition, torch and optax; its estimates against exact moments."""

import importlib.util

import numpy as np
import pytest

from optnotes import moments, simulate

OPTIMIZERS = ("sgdm", "sign-sgdm", "adam", "muon")


def plain_trajectory(optimizer, gradients, theta, lr, weight_decay, *, beta1=0.9, beta2=0.95):
    m, v, path = np.zeros_like(theta), np.zeros_like(theta), [theta]
    for t, g in enumerate(gradients, start=1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        left, _, right = np.linalg.svd(m, full_matrices=False)
        adam = (m / (1 - beta1**t)) / np.sqrt(v / (1 - beta2**t))
        u = {"sgdm": m, "sign-sgdm": np.sign(m), "adam": adam, "muon": left @ right}[optimizer]
        path.append((1 - lr * weight_decay) * path[-1] - lr * u)
    return np.array(path)


def example(steps=50, shape=(5, 3), seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((steps, *shape)), rng.standard_normal(shape)


def peer(name):
    if importlib.util.find_spec(name) is None:
        pytest.skip(
            f"{name}, an independent voice for the steps, is not installed; `make peers` brings optax, as in CI"
        )
    return importlib.import_module(name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trajectory_agrees_with_the_definition(optimizer):
    gradients, theta = example()
    path = simulate.trajectory(optimizer, gradients, theta, lr=0.01, weight_decay=0.1, beta1=0.8, beta2=0.9)
    expected = plain_trajectory(optimizer, gradients, theta, 0.01, 0.1, beta1=0.8, beta2=0.9)
    np.testing.assert_allclose(path, expected, rtol=0, atol=1e-13)  # 50 steps of rounding on weights of order 1


def test_adam_agrees_with_torch_step_by_step():
    torch = peer("torch")
    gradients, start = example()
    weight = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = torch.optim.AdamW([weight], lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    path = [start]
    for gradient in gradients:
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        path.append(weight.detach().numpy().copy())
    ours = simulate.trajectory("adam", gradients, start, lr=0.01, weight_decay=0.1, epsilon=1e-8)
    np.testing.assert_allclose(ours, np.array(path), rtol=0, atol=1e-12)  # both in float64, 50 steps


def optax_path(transform, gradients, start):
    jax, optax = peer("jax"), peer("optax")
    with jax.enable_x64(True):
        weights = jax.numpy.asarray(start)
        rule = transform(optax)
        update, state, path = jax.jit(rule.update), rule.init(weights), [start]
        for gradient in gradients:
            updates, state = update(jax.numpy.asarray(gradient), state, weights)
            weights = optax.apply_updates(weights, updates)
            path.append(np.asarray(weights))
    return np.array(path)


@pytest.mark.parametrize(
    ("optimizer", "transform"),
    [
        (
            "sgdm",
            lambda optax: optax.chain(
                optax.ema(0.9, debias=False), optax.add_decayed_weights(0.1), optax.scale_by_learning_rate(0.01)
            ),
        ),
        ("sign-sgdm", lambda optax: optax.lion(0.01, b1=0.9, b2=0.9, weight_decay=0.1)),
        ("adam", lambda optax: optax.adamw(0.01, b1=0.9, b2=0.95, eps=1e-8, weight_decay=0.1)),
        # odd cubic (3x − x³)/2 is Newton's iteration for the polar factor; 40 steps converge to the last digit
        (
            "muon",
            lambda optax: optax.contrib.scale_by_muon(
                ns_coeffs=(1.5, -0.5, 0.0), ns_steps=40, beta=0.9, nesterov=False, eps=0.0
            ),
        ),
    ],
)
def test_every_optimizer_agrees_with_optax_step_by_step(optimizer, transform):
    gradients, start = example()
    scaled = transform
    if optimizer == "muon":

        def scaled(optax):
            return optax.chain(transform(optax), optax.add_decayed_weights(0.1), optax.scale_by_learning_rate(0.01))

    path = optax_path(scaled, gradients, start)
    epsilon = 1e-8 if optimizer == "adam" else 0.0
    ours = simulate.trajectory(optimizer, gradients, start, lr=0.01, weight_decay=0.1, epsilon=epsilon)
    np.testing.assert_allclose(ours, path, rtol=0, atol=1e-12)  # both in float64, 50 steps


def test_coupled_decay_is_rejected_by_the_comparison():
    gradients, theta = example()
    path = simulate.trajectory("adam", gradients, theta, lr=0.01, weight_decay=0.1)
    coupled = plain_trajectory("adam", gradients + 0.1 * theta, theta, 0.01, 0.0)
    assert np.abs(path - coupled).max() > 1e-3


def test_rates_may_change_with_the_step():
    gradients, theta = example(steps=4)
    path = simulate.trajectory("sgdm", gradients, theta, lr=[0.1, 0.0, 0.1, 0.1], beta1=0.0)
    np.testing.assert_array_equal(path[2], path[1])


def test_zero_gradients_give_a_zero_update():
    for optimizer in OPTIMIZERS:
        np.testing.assert_array_equal(
            simulate.trajectory(optimizer, np.zeros((3, 2, 2)), np.ones((2, 2)))[-1], np.ones((2, 2))
        )


def test_muon_update_is_zero_on_the_null_space():
    gradient = np.outer([1.0, 2.0, 2.0], [3.0, 4.0])
    path = simulate.trajectory("muon", gradient[None], np.zeros((3, 2)), lr=1.0)
    np.testing.assert_allclose(path[1], -gradient / 15, rtol=0, atol=1e-15)  # rank one, norms 3 and 5


def test_arguments_are_left_as_they_were():
    gradients, theta = example(steps=3)
    copies = gradients.copy(), theta.copy()
    simulate.trajectory("adam", gradients, theta)
    np.testing.assert_array_equal(gradients, copies[0])
    np.testing.assert_array_equal(theta, copies[1])


def test_equal_seeds_give_equal_results():
    first, second = (simulate.run("adam", rng=np.random.default_rng(3), steps=5, shape=64) for _ in range(2))
    np.testing.assert_array_equal(first.weight_squares, second.weight_squares)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("snr", [0.0, 0.5])
def test_adam_estimates_agree_with_exact_moments(dtype, snr):
    sample = simulate.run(
        "adam", rng=np.random.default_rng(5), steps=300, burn_in=400, mean=np.sqrt(snr), shape=2000, dtype=dtype
    )
    exact = [
        (sample.update_rms, moments.adam_update_rms(0.9, 0.95, snr, "exact")),
        (sample.momentum_ratio, moments.adam_update_rms(0.9, None, snr)),
    ]
    for estimate, expected in exact:
        assert abs(estimate.value - expected) < 4 * estimate.standard_error
        assert estimate.standard_error < 2e-3 * expected  # fine enough to see the 1.5 % of the mean field


def test_sample_rejects_the_mean_field():
    sample = simulate.run("adam", rng=np.random.default_rng(5), steps=300, burn_in=400, shape=2000)
    assert abs(sample.update_rms.value - moments.adam_update_rms(0.9)) > 4 * sample.update_rms.standard_error


def test_weights_of_sgd_follow_the_linear_recursion():
    lr, decay = 0.02, 0.5
    sample = simulate.run(
        "sgdm", rng=np.random.default_rng(2), steps=400, lr=lr, weight_decay=decay, beta1=0.0, init_rms=0.3, shape=2000
    )
    keep = (1 - lr * decay) ** (2 * np.arange(401))
    expected = np.sqrt(0.09 * keep + lr**2 * (1 - keep) / (1 - (1 - lr * decay) ** 2))
    z = (sample.weight_rms_path.value - expected)[1:] / sample.weight_rms_path.standard_error[1:]
    assert np.abs(z).max() < 6  # 400 steps, and Student's t with 15 degrees of freedom
    assert sample.weight_rms_path.value[0] == pytest.approx(0.3, rel=1e-6)  # float32


@pytest.mark.parametrize(("optimizer", "snr"), [("adam", 0.0), ("adam", 0.3), ("sign-sgdm", 0.0)])
def test_stationary_weights_have_the_variance_of_the_correlated_updates(optimizer, snr):
    lr, decay, steps = 0.1, 0.5, 500  # β₃ = 0.95 forgets the start as e^{-25}
    sample = simulate.run(
        optimizer,
        rng=np.random.default_rng(6),
        steps=steps,
        burn_in=300,
        lr=lr,
        weight_decay=decay,
        mean=snr**0.5,
        shape=800,
    )
    beta3 = 1 - lr * decay
    if optimizer == "adam":
        total, mean = (
            moments.adam_update_covariance_sum(0.9, 0.95, beta3, snr),
            moments.adam_update_mean(0.9, 0.95, snr),
        )
    else:
        lags = np.arange(1, 600)
        total, mean = 1 + 2 * beta3**lags @ moments.sign_momentum_correlation(0.9, lags), 0.0
    expected = np.sqrt((mean / decay) ** 2 + lr**2 / (1 - beta3**2) * total)
    estimate = sample.weight_rms(steps)
    assert abs(estimate.value - expected) < 4 * estimate.standard_error
    assert estimate.standard_error < 0.01 * expected  # the factor ln 2 of the sign law is 17 %


def test_standard_errors_cover_the_truth():
    exact = moments.adam_update_rms(0.5, 0.9, method="exact")
    rng = np.random.default_rng(11)
    samples = [
        simulate.run("adam", rng=rng, steps=60, burn_in=150, beta1=0.5, beta2=0.9, shape=50, blocks=12)
        for _ in range(40)
    ]
    z = np.array([(s.update_rms.value - exact) / s.update_rms.standard_error for s in samples])
    # Student's t with 11 degrees of freedom has deviation 1.11; 40 of them know it to 0.13
    assert 0.7 < z.std() < 1.6


def test_muon_updates_have_orthonormal_columns():
    sample = simulate.run("muon", rng=np.random.default_rng(0), steps=5, shape=(8, 4), blocks=2)
    np.testing.assert_allclose(sample.update_squares, 4 / 32, rtol=1e-5)  # m of nm squares; float32


def test_mean_update_of_sign_descent_is_the_error_function():
    mean = np.array([-1.0, 0.0, 0.5])
    sample = simulate.run("sign-sgdm", rng=np.random.default_rng(4), steps=3000, beta1=0.0, mean=mean, shape=3)
    expected = 1 - 2 * np.array([0.8413447460685429, 0.5, 0.3085375387259869])  # 1 − 2Φ(−mean), Φ from mpmath.ncdf
    assert (np.abs(sample.update_mean.value - expected) < 4 * sample.update_mean.standard_error).all()


def test_normals_in_single_precision_have_the_moments_of_a_normal():
    sample = simulate.run("sgdm", rng=np.random.default_rng(9), steps=100, beta1=0.0, lr=0.0)
    value, error = sample.update_rms
    assert abs(value - 1) < 4 * error
    assert error < 2e-4


def test_an_odd_number_of_coordinates_and_one_step_work():
    sample = simulate.run("adam", rng=np.random.default_rng(0), steps=1, shape=1, blocks=2)
    assert sample.weight_squares.shape == (2, 2)
    np.testing.assert_allclose(sample.update_squares, 1.0, rtol=1e-5)  # bias correction: the first update is the sign


def test_a_learning_rate_of_zero_leaves_the_weights():
    sample = simulate.run("adam", rng=np.random.default_rng(0), steps=3, lr=0.0, shape=4, blocks=2)
    assert sample.weight_rms(0) == (0.0, 0.0)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: simulate.run("lion", rng=RNG, steps=1), ValueError, "`optimizer` must be one of 'sgdm'"),
        (
            lambda: simulate.run("adam", rng=0, steps=1),
            TypeError,
            "`rng` must be a numpy.random.Generator, got 0; pass",
        ),
        (lambda: simulate.run("adam", rng=RNG, steps=0), ValueError, "`steps` must be at least 1, got 0"),
        (lambda: simulate.run("adam", rng=RNG, steps=2, burn_in=-1), ValueError, "`burn_in` must be at least 0"),
        (lambda: simulate.run("adam", rng=RNG, steps=2, beta1=1.0), ValueError, r"`beta1` must .*\[0, 1\), got 1.0"),
        (lambda: simulate.run("adam", rng=RNG, steps=2, beta2=-0.1), ValueError, "`beta2` must .* got -0.1"),
        (
            lambda: simulate.run("adam", rng=RNG, steps=2, lr=[1.0]),
            ValueError,
            r"`lr` must be a number, a Schedule or an array of shape \(2,\)",
        ),
        (
            lambda: simulate.run("adam", rng=RNG, steps=2, weight_decay=-1),
            ValueError,
            "`weight_decay` must .* got -1.0",
        ),
        (lambda: simulate.run("adam", rng=RNG, steps=2, std=-1), ValueError, "`std` must .* got -1.0"),
        (
            lambda: simulate.run("adam", rng=RNG, steps=2, mean=[1, 2], shape=3),
            ValueError,
            r"`mean` must broadcast to the shape \(3,\)",
        ),
        (lambda: simulate.run("adam", rng=RNG, steps=2, shape=0), ValueError, "`shape` must be at least 1, got 0"),
        (lambda: simulate.run("muon", rng=RNG, steps=2), ValueError, "`shape` must have at least two axes for Muon"),
        (lambda: simulate.run("adam", rng=RNG, steps=2, blocks=1), ValueError, "`blocks` must be at least 2, got 1"),
        (lambda: simulate.run("adam", rng=RNG, steps=2, init_rms=-1), ValueError, "`init_rms` must .* got -1.0"),
        (
            lambda: simulate.run("adam", rng=RNG, steps=2, dtype="float16"),
            ValueError,
            "`dtype` must be one of 'float32'",
        ),
        (
            lambda: simulate.run("sgdm", rng=RNG, steps=2, shape=1).weight_rms(3),
            ValueError,
            "`start` must be at most 2, got 3",
        ),
        (
            lambda: simulate.trajectory("adam", [[1.0, 2.0]], [0.0]),
            ValueError,
            r"`gradients` must have shape \(steps, \*\(1,\)\)",
        ),
        (lambda: simulate.trajectory("adam", [[1.0]], [0.0], epsilon=-1.0), ValueError, "`epsilon` must .* got -1.0"),
    ],
)
def test_bad_arguments_are_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("size", [1e-170, 1e200])
def test_adam_refuses_gradients_whose_squares_leave_the_float_range(size: float) -> None:
    with pytest.raises(ValueError, match="`gradients` must be 0 or from 1e-140 to 1e\\+140"):
        simulate.trajectory("adam", [[size]], [0.0])


@pytest.mark.parametrize("std", [1e-25, 1e25, 1e300])
def test_a_run_refuses_noise_whose_square_leaves_float32(std: float) -> None:
    with pytest.raises(ValueError, match="rescale the gradients or take float64"):
        simulate.run("adam", rng=np.random.default_rng(0), steps=2, shape=2, std=std)


def test_the_momentum_ratio_of_zero_gradients_is_refused() -> None:
    still = simulate.run("sgdm", rng=np.random.default_rng(0), steps=2, shape=2, std=0.0)
    with pytest.raises(ValueError, match="must not be zero for a ratio"):
        _ = still.momentum_ratio
