"""RMS of the weights: recursions against naive sums, closed forms against quadrature, AdamW against PyTorch."""

import mpmath
import numpy as np
import pytest
from scipy.special import erf

from optnotes import moments, schedules, weight_rms

STEPS, PEAK = 2000, 1e-2
SHAPES = {
    "constant": schedules.constant(PEAK),
    "linear": schedules.linear(PEAK, STEPS, lr_end=PEAK / 10),
    "to zero": schedules.linear(PEAK, STEPS),
    "rising": schedules.linear(0.0, STEPS, lr_end=PEAK),
    "cosine": schedules.cosine(PEAK, STEPS),
    "wsd": schedules.wsd(PEAK, STEPS, decay_steps=STEPS // 5, warmup=STEPS // 20),
    "inverse time": schedules.inverse_time(PEAK, 3e-3),
    "inverse sqrt": schedules.inverse_sqrt(PEAK, 3e-3),
}


def naive_square(rates, decay, correlation):
    """Return E θ² of θ = −Σ η_i Π_{j>i}(1 − η_jλ_j) u_i by the double sum over E u_i u_j."""
    share = rates * np.append(np.cumprod((1 - rates * decay)[::-1])[::-1][1:], 1.0)
    return share @ correlation @ share


def momentum_correlation(steps, beta1, signal=0.0):
    """E m_i m_j from m_i = (1 − β₁) Σ_{k≤i} β₁^{i−k} g_k with E g² = 1."""
    age = np.subtract.outer(np.arange(steps), np.arange(steps))
    response = np.tril((1 - beta1) * beta1 ** np.maximum(age, 0.0))
    mean = response.sum(axis=1)
    return (1 - signal) * response @ response.T + signal * np.outer(mean, mean)


def integral(schedule, decay, t):
    """Return ∫ e^{−2λ(A(t)−A(s))} η² ds by tanh-sinh quadrature between the kinks, refined towards the end."""
    knots = {0.0, t, *(t * (1 - 0.5**k) for k in range(1, 14)), *(k for k in (100.0, 1600.0) if k < t)}
    end = schedule.total(t)

    def density(s):
        return float(np.exp(-2 * decay * (end - schedule.total(float(s)))) * schedule(float(s)) ** 2)

    return float(mpmath.quad(density, sorted(knots), maxdegree=7))


# --- exact values ---


@pytest.mark.parametrize(
    ("beta1", "beta2", "expected"),
    # computed by the double Laplace integral, and confirmed by simulation with |z| ≤ 1.8 over 24 cases
    [(0.9, 0.95, 0.0699444), (0.9, 0.99, 0.0703832), (0.9, 0.5, 0.0826360), (0.5, 0.9, 0.0682598)],
)
def test_equilibrium_of_adamw_has_the_known_values(beta1, beta2, expected):
    rms = weight_rms.stationary(1e-3, 0.1, "adamw", beta1, beta2, method="exact")
    assert rms == pytest.approx(expected, rel=1e-6)  # seven printed digits


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("decay", [1e-6, 1e-2])
def test_equilibrium_of_the_sign_is_the_arcsine_series(beta1, decay):
    lags = np.arange(1, 20_000)
    series = 1 + 2 * np.sum((1 - decay) ** lags * 2 / np.pi * np.arcsin(beta1**lags))
    rms = weight_rms.stationary(1e-3, decay / 1e-3, "sign-momentum", beta1, method="exact")
    assert rms == pytest.approx(1e-3 * np.sqrt(series / (decay * (2 - decay))), rel=1e-12)


def test_leading_constant_of_the_sign_is_the_logarithm_of_two():
    decay, gaps = 1e-15, 10.0 ** np.array([-1, -2, -3, -4])
    errors = []
    for beta1 in 1 - gaps:
        rms = weight_rms.stationary(1e-3, decay / 1e-3, "sign-momentum", beta1, method="exact")
        mean_field = weight_rms.stationary(1e-3, decay / 1e-3, "sign-momentum", beta1)
        errors.append((rms / mean_field) ** 2 - np.log(2))
    slope = np.polyfit(np.log(gaps), np.log(errors), deg=1)[0]
    assert slope == pytest.approx(1.5, abs=0.05)  # the edge of the arcsine gives (1 − β₁)^{3/2}


# --- limits and special cases ---


def test_mean_field_is_the_source_in_every_limit():
    lr, decay, snr = 1e-3, 0.1, 0.3
    assert weight_rms.stationary(lr, decay) == pytest.approx(np.sqrt(lr / (2 * decay)), rel=1e-15)
    sign = weight_rms.stationary(lr, decay, "sign-momentum", 0.9)
    assert sign == pytest.approx(np.sqrt(lr / (2 * decay) * 19), rel=1e-14)
    full = weight_rms.stationary(lr, decay, snr=snr) ** 2
    assert full == pytest.approx((snr + lr * decay / 2) / (decay**2 * (snr + 1)), rel=1e-14)


@pytest.mark.parametrize("beta1", [0.0, 0.9])
def test_without_decay_the_square_grows_by_the_squared_rates(beta1):
    square = weight_rms.adamw(SHAPES["cosine"], 0.0, STEPS, beta1, 0.3, method="slow") ** 2
    rates = SHAPES["cosine"](np.arange(1, STEPS + 1))
    np.testing.assert_allclose(square, 0.09 + np.append(0, np.cumsum(rates**2)), rtol=1e-13)


@pytest.mark.parametrize("method", ["exact", "slow", "ode", "closed-form"])
def test_zero_rate_keeps_the_weights(method):
    np.testing.assert_allclose(weight_rms.adamw(0.0, 0.5, 3, 0.9, 0.7, method=method), np.full(4, 0.7), rtol=1e-15)


@pytest.mark.parametrize("method", ["slow", "ode", "closed-form"])
def test_methods_agree_for_a_constant_rate(method):
    t, lr, decay = np.arange(STEPS + 1), 1e-2, 1e-3
    expected = lr / (2 * decay) * -np.expm1(-2 * lr * decay * t)
    square = weight_rms.adamw(lr, decay, STEPS, method=method) ** 2
    np.testing.assert_allclose(square, expected, rtol=2 * lr * decay)  # the sum is off by ηλ


def test_coupled_decay_makes_the_rms_monotone_under_any_schedule():
    schedule = SHAPES["to zero"]
    t, ratio = np.arange(0.0, STEPS, 50), 3.0
    rms = weight_rms.coupled_solution(schedule, ratio, t, init_rms=0.1)
    decay = ratio * schedule(np.arange(1, STEPS + 1))
    stepped = weight_rms.adamw(schedule, decay, STEPS, 0.0, 0.1)[::50][: t.size]
    assert (np.diff(rms) > 0).all()
    np.testing.assert_allclose(rms, stepped, rtol=5e-4)  # the steps differ from the integral by ηλ/2 and 1/T


def test_decay_to_zero_leaves_a_power_law():
    decay = 50 / float(SHAPES["to zero"].total(STEPS))
    left = weight_rms.ode_solution(SHAPES["to zero"], decay, STEPS) ** 2
    assert left == pytest.approx(np.sqrt(np.pi) / 4 * np.sqrt(PEAK / STEPS) / decay**1.5, rel=1e-12)


@pytest.mark.parametrize("power", [1.5, 2.0, 4.0])
def test_inverse_time_stays_above_the_ratio_of_rates_by_a_fixed_factor(power):
    decay, t = 10.0, 1e12
    schedule = schedules.inverse_time(PEAK, 2 * decay * PEAK / power)
    ratio = weight_rms.ode_solution(schedule, decay, t) ** 2 / (schedule(t) / (2 * decay))
    assert ratio == pytest.approx(power / (power - 1), rel=1e-4)  # t^{1−p} = 1e-5 at p = 1.5


# --- agreement with naive oracles ---


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("snr", [0.0, 0.7])
def test_recursion_of_adamw_is_the_double_sum(name, snr):
    steps = 120
    rates, decay = SHAPES[name](np.arange(1, steps + 1)), np.linspace(5, 9, steps)
    square = naive_square(rates, decay, momentum_correlation(steps, 0.9, snr / (1 + snr)))
    rms = weight_rms.adamw(SHAPES[name], decay, steps, 0.9, snr=snr)[-1]
    assert rms == pytest.approx(np.sqrt(square), rel=1e-13)


def test_bias_correction_divides_each_momentum():
    steps = 30
    ramp = 1 - 0.9 ** np.arange(1, steps + 1)
    square = naive_square(np.full(steps, 0.1), 0.5, momentum_correlation(steps, 0.9) / np.outer(ramp, ramp))
    rms = weight_rms.adamw(0.1, 0.5, steps, 0.9, bias_correction=True)
    assert rms[1] == pytest.approx(0.1, rel=1e-14)
    assert rms[-1] == pytest.approx(np.sqrt(square), rel=1e-13)


@pytest.mark.parametrize("beta1", [0.0, 1e-8, 0.1, 0.5, 0.9, 0.99])
def test_recursion_of_the_sign_is_the_double_sum(beta1):
    steps = 200
    rates = SHAPES["wsd"](np.arange(1, steps + 1))
    age = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps)))
    square = naive_square(rates, 3.0, 2 / np.pi * np.arcsin(beta1**age))
    assert weight_rms.sign_momentum(rates, 3.0, steps, beta1)[-1] == pytest.approx(np.sqrt(square), rel=1e-12)


@pytest.mark.parametrize("snr", [0.0, 0.01, 0.3, 30.0])
def test_recursion_of_the_sign_ends_in_its_equilibrium(snr):
    # modes by Mehler's expansion on the left, Sheppard's integral over lags on the right
    rms = weight_rms.sign_momentum(1e-2, 1.0, 4000, 0.9, snr=snr)[-1]
    assert rms == pytest.approx(weight_rms.stationary(1e-2, 1.0, "sign-momentum", 0.9, snr=snr, method="exact"), 1e-12)


def test_mean_of_the_sign_is_the_error_function():
    rms = weight_rms.sign_momentum(1e-3, 0.0, 1, 0.5, snr=2.0)
    assert rms[1] == pytest.approx(1e-3, rel=1e-14)  # one step moves by η, whatever the sign
    drift = weight_rms.stationary(1e-9, 1.0, "sign-momentum", 0.5, snr=2.0, method="exact")
    assert drift == pytest.approx(erf(np.sqrt(2.0 * 3 / 2)), rel=1e-7)  # ηλ of the variance is left


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kappa", [1e-6, 0.5, 3.0, 1e3])
def test_closed_forms_agree_with_quadrature(name, kappa):
    schedule = SHAPES[name]
    for t in (60.0, 1700.0, 2000.0):
        decay = kappa / float(schedule.total(t))
        # 1e-12: exponents of 2κ = 2000 carry a rounding of 2e-13
        assert weight_rms.ode_solution(schedule, decay, t) ** 2 == pytest.approx(
            integral(schedule, decay, t), rel=1e-12
        )


@pytest.mark.parametrize("name", SHAPES)
def test_step_integrals_agree_with_closed_forms(name):
    decay = 10 / float(SHAPES[name].total(STEPS))
    rms = weight_rms.adamw(SHAPES[name], decay, STEPS, 0.9, 0.2, method="ode")
    expected = weight_rms.ode_solution(SHAPES[name], decay, np.arange(STEPS + 1), 0.2)
    np.testing.assert_allclose(rms, expected, rtol=1e-11)  # sixth order of ηλ ≤ 0.02


@pytest.mark.parametrize("name", ["linear", "to zero", "cosine", "wsd"])
@pytest.mark.parametrize("kappa", [0.1, 1.0])
def test_integral_and_recursion_agree_when_steps_are_small(name, kappa):
    steps = 20_000
    schedule = {
        "linear": schedules.linear(1e-3, steps, lr_end=1e-4),
        "to zero": schedules.linear(1e-3, steps),
        "cosine": schedules.cosine(1e-3, steps),
        "wsd": schedules.wsd(1e-3, steps, decay_steps=steps // 5, warmup=steps // 20),
    }[name]
    decay = kappa / float(schedule.total(steps))
    exact = weight_rms.adamw(schedule, decay, steps)[-1]
    assert weight_rms.adamw(schedule, decay, steps, method="ode")[-1] == pytest.approx(exact, rel=1e-3)


def test_corrected_equilibrium_is_within_a_thousandth():
    for beta2, snr in ((0.95, 0.0), (0.99, 0.0), (0.95, 0.3), (0.99, 3.0), (0.999, 0.1)):
        exact = weight_rms.stationary(1e-3, 0.1, "adamw", 0.9, beta2, snr=snr, method="exact")
        assert weight_rms.stationary(1e-3, 0.1, "adamw", 0.9, beta2, snr=snr, method="corrected") == pytest.approx(
            exact, rel=1e-3
        )


@pytest.mark.parametrize("decay", [1e-6, 1e-4, 1e-2])
def test_corrected_sign_is_within_a_ten_thousandth(decay):
    exact = weight_rms.stationary(1.0, decay, "sign-momentum", 0.9, method="exact")
    assert weight_rms.stationary(1.0, decay, "sign-momentum", 0.9, method="corrected") == pytest.approx(exact, rel=1e-4)


def test_rotation_is_the_angle_of_uncorrelated_steps():
    # E θ_tθ_{t+1}/E θ² = 1 − ηλ when the update is independent of the weights
    lr, decay = 0.02, 0.5
    rms = lr / np.sqrt(1 - (1 - lr * decay) ** 2)
    assert weight_rms.rotation(lr, decay, 1.0, rms) == pytest.approx(np.arccos(1 - lr * decay), rel=1e-13)


def test_rotation_of_the_mean_field_is_that_of_rotational_equilibrium():
    decay, beta1 = 1e-6, 0.9
    update = float(moments.adam_update_rms(beta1))
    angle = weight_rms.rotation(1e-3, decay / 1e-3, update, weight_rms.stationary(1e-3, decay / 1e-3))
    assert angle == pytest.approx(np.sqrt(2 * decay * (1 - beta1) / (1 + beta1)), rel=1e-5)  # O(ηλ/(1−β₁))


# --- edge cases ---


@pytest.mark.parametrize("kappa", [1e-6, 1.0, 1e3])
@pytest.mark.parametrize("method", ["exact", "slow", "ode", "closed-form"])
def test_every_amount_of_decay_is_finite(kappa, method):
    schedule = schedules.cosine(1e-3, 20_000)
    decay = kappa / float(schedule.total(20_000))
    rms = weight_rms.adamw(schedule, decay, 20_000, init_rms=0.02, method=method)
    assert np.isfinite(rms).all()
    assert rms[-1] > 0


def test_decay_may_be_a_schedule():
    schedule = SHAPES["linear"]
    rms = weight_rms.adamw(schedule, schedule, STEPS, init_rms=0.3, method="ode")
    np.testing.assert_allclose(rms, weight_rms.coupled_solution(schedule, 1.0, np.arange(STEPS + 1), 0.3), rtol=1e-12)


# --- the optimiser itself ---


def gaussian_run(lr, decay, steps, size):
    rng = np.random.default_rng(seed=11)
    return weight_rms.adamw_weights(rng.standard_normal((steps, size)), np.zeros(size), lr, decay)


def test_simulated_adamw_has_the_exact_equilibrium():
    path = gaussian_run(0.02, 1.0, 1000, 3000)
    squares = (path[300::50] ** 2).mean(axis=0)
    error = squares.std(ddof=1) / np.sqrt(squares.size)
    exact = weight_rms.stationary(0.02, 1.0, method="exact") ** 2
    source = weight_rms.stationary(0.02, 1.0) ** 2
    assert abs(squares.mean() - exact) < 4 * error
    assert abs(squares.mean() - source) > 8 * error  # the run is long enough to reject √(η/2λ)


def test_simulated_sign_has_the_exact_equilibrium_and_not_the_sources():
    rng, lr, decay, size = np.random.default_rng(seed=3), 0.01, 1.0, 3000
    theta, momentum, squares = np.zeros(size), np.zeros(size), np.zeros(size)
    for t in range(1500):
        momentum = 0.9 * momentum + 0.1 * rng.standard_normal(size)
        theta = (1 - lr * decay) * theta - lr * np.sign(momentum)
        squares += theta**2 / 1000 if t >= 500 else 0  # e^{−2ηλ·500} of the start is left, 5e-5
    error = squares.std(ddof=1) / np.sqrt(size)
    exact, source = (weight_rms.stationary(lr, decay, "sign-momentum", method=m) ** 2 for m in ("exact", "mean-field"))
    assert abs(squares.mean() - exact) < 4 * error
    assert abs(squares.mean() - source) > 30 * error


def test_simulated_rotation_follows_from_the_two_rms():
    path = gaussian_run(0.02, 1.0, 1000, 3000)[-300:]
    cosines = (
        np.sum(path[1:] * path[:-1], axis=1) / np.linalg.norm(path[1:], axis=1) / np.linalg.norm(path[:-1], axis=1)
    )
    update = float(moments.adam_update_rms(0.9, 0.95, method="exact"))
    expected = weight_rms.rotation(0.02, 1.0, update, weight_rms.stationary(0.02, 1.0, method="exact"))
    assert np.arccos(cosines).mean() == pytest.approx(expected, rel=0.03)  # 3000 coordinates: 1/√3000 = 2 %


def optimiser_run(steps=200):
    rng = np.random.default_rng(seed=5)
    gradients, start = rng.standard_normal((steps, 7)) * 10.0 ** np.arange(-4, 3), rng.standard_normal(7)
    return gradients, start, schedules.cosine(0.1, steps)(np.arange(1, steps + 1))


@pytest.mark.parametrize("eps", [1e-8, 0.0])
def test_weights_are_those_of_pytorch_step_by_step(eps):
    torch = pytest.importorskip("torch", reason="install torch to compare with its AdamW")
    gradients, start, rates = optimiser_run()
    theta = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = torch.optim.AdamW([theta], lr=0.1, betas=(0.9, 0.95), eps=eps, weight_decay=0.3)
    path = [start]
    for rate, gradient in zip(rates, gradients, strict=True):
        optimizer.param_groups[0]["lr"] = float(rate)
        theta.grad = torch.tensor(gradient)
        optimizer.step()
        path.append(theta.detach().numpy().copy())
    ours = weight_rms.adamw_weights(gradients, start, rates, 0.3, beta1=0.9, beta2=0.95, eps=eps)
    np.testing.assert_allclose(ours, path, rtol=0, atol=1e-12)


@pytest.mark.parametrize("eps", [1e-8, 0.0])
def test_weights_are_those_of_optax_step_by_step(eps):
    optax = pytest.importorskip("optax", reason="install optax to compare with its adamw")
    jax = pytest.importorskip("jax", reason="install jax to compare with optax")
    gradients, start, rates = optimiser_run()
    with jax.enable_x64(True):
        table, weights = jax.numpy.asarray(rates), jax.numpy.asarray(start)
        rule = optax.adamw(lambda count: table[count], b1=0.9, b2=0.95, eps=eps, weight_decay=0.3)
        update, state, path = jax.jit(rule.update), rule.init(weights), [start]
        for gradient in gradients:
            updates, state = update(jax.numpy.asarray(gradient), state, weights)
            weights = optax.apply_updates(weights, updates)
            path.append(np.asarray(weights))
    ours = weight_rms.adamw_weights(gradients, start, rates, 0.3, beta1=0.9, beta2=0.95, eps=eps)
    np.testing.assert_allclose(ours, path, rtol=0, atol=1e-12)  # float64, 200 steps of at most 0.1


@pytest.mark.parametrize("optimizer", ["adamw", "sign-momentum"])
@pytest.mark.parametrize("method", ["mean-field", "corrected", "exact"])
def test_equilibrium_depends_on_the_quotient_of_tiny_rates(optimizer, method):
    tiny = weight_rms.stationary(1e-160, 1e-161, optimizer, method=method)
    assert tiny == pytest.approx(weight_rms.stationary(1e-8, 1e-9, optimizer, method=method), rel=1e-7)  # 1e-8 of a sum


@pytest.mark.parametrize("optimizer", ["adamw", "sign-momentum"])
def test_endless_signal_drives_the_weights_to_their_wall(optimizer):
    assert weight_rms.stationary(1e-3, 0.1, optimizer, snr=1e300, method="exact") == pytest.approx(10, rel=1e-12)


def test_a_coordinate_without_gradient_only_decays():
    path = weight_rms.adamw_weights(np.zeros((3, 1)), [1.0], 0.5, 1.0, eps=0.0)
    np.testing.assert_array_equal(path[:, 0], [1, 0.5, 0.25, 0.125])


# --- errors and planted faults ---


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weight_rms.adamw(0.5, 2.0, 3), "`lr·weight_decay` must be below 1 at every step, got 1.0; lower the"),
        (lambda: weight_rms.adamw(-0.5, 2.0, 3), "`lr` must be finite and lie in"),
        (lambda: weight_rms.adamw(0.5, -2.0, 3, method="ode"), "`weight_decay` must be finite and lie in"),
        (lambda: weight_rms.adamw(0.5, 1.0, 0), "`steps` must be at least 1, got 0"),
        (lambda: weight_rms.adamw(0.5, 1.0, 3, 1.0), r"`beta1` must be finite and lie in \[0, 1\)"),
        (lambda: weight_rms.adamw(0.5, 1.0, 3, init_rms=-1.0), "`init_rms` must be finite and lie in"),
        (lambda: weight_rms.adamw(0.5, 1.0, 3, init_rms=1e200), r"`init_rms` must be finite and lie in \[0, 1e\+150\]"),
        (lambda: weight_rms.adamw_weights([[1e200]], [0.0], 0.1, 0.1), "`gradients` must be finite and lie in"),
        (lambda: weight_rms.adamw(0.5, 1.0, 3, snr=-1.0), "`snr` must be finite and lie in"),
        (lambda: weight_rms.adamw(0.5, 1.0, 3, method="slwo"), "`method` must be one of 'exact', 'slow', 'ode'"),
        (lambda: weight_rms.adamw(SHAPES["cosine"], 1.0, STEPS + 1), "`lr` must cover 2001 steps"),
        (lambda: weight_rms.sign_momentum(0.5, 1.0, 3, 0.9999), r"`beta1` must be finite and lie in \[0, 0.999\]"),
        (lambda: weight_rms.ode_solution(SHAPES["cosine"], 1.0, 2001), "`t` must be finite and lie in"),
        (lambda: weight_rms.coupled_solution(SHAPES["cosine"], -1.0, 20), "`ratio` must be finite and lie in"),
        (lambda: weight_rms.stationary(0.1, 0.0), r"`weight_decay` must .* \(0, inf\), got 0.0; without decay none"),
        (lambda: weight_rms.stationary(0.0, 0.1), "`lr` must .*; without steps there is no equilibrium"),
        (lambda: weight_rms.stationary(1.0, 1.0), "`lr·weight_decay` must be below 1 at every step, got 1.0"),
        (lambda: weight_rms.stationary(0.1, 0.1, "adam"), "`optimizer` must be one of 'adamw', 'sign-momentum'"),
        (
            lambda: weight_rms.stationary(0.1, 0.1, "sign-momentum", snr=1.0, method="corrected"),
            "`snr` must be 0 for the corrected sign, got 1.0; take method 'exact'",
        ),
        (
            lambda: weight_rms.stationary(0.1, 0.1, "sign-momentum", 0.1, method="corrected"),
            "`beta1` must be at least 0.5 for the corrected sign",
        ),
        (lambda: weight_rms.rotation(0.1, 1.0, 0.5, 0.6), "`weight_rms` must fit an equilibrium"),
        (lambda: weight_rms.adamw_weights([1.0, 2.0], [1.0], 0.1, 0.1), r"`gradients` must have shape \(steps, \*\(1,"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_closed_forms_take_a_number_and_the_rates_of_the_steps():
    t = np.linspace(0, 3, 7)
    flat = np.sqrt(0.1 / 2 * -np.expm1(-2 * 0.1 * t))  # λ = 1
    for lr in (0.1, [0.1, 0.1, 0.1], schedules.constant(0.1)):
        np.testing.assert_allclose(weight_rms.ode_solution(lr, 1.0, t), flat, rtol=1e-13)
    uneven = np.array([0.3, 0.0, 0.1])
    path = weight_rms.adamw(uneven, 2.0, 3, method="ode")  # its three nodes a step leave (ηλ)⁶
    np.testing.assert_allclose(weight_rms.ode_solution(uneven, 2.0, [0, 1, 2, 3]), path, rtol=1e-4)
    gained = -np.expm1(-2 * 2.0 * np.cumsum(uneven**2)) / (2 * 2.0)
    np.testing.assert_allclose(weight_rms.coupled_solution(uneven, 2.0, [1, 2, 3]) ** 2, gained, rtol=1e-13)


def test_the_comparison_sees_the_source_where_it_fails():
    # linear decay at κ = 3: the source's (ν/2κ)(1 − e^{−2κ}) is 36 % too large in RMS
    schedule, steps = schedules.linear(1e-3, 20_000), 20_000
    decay = 3 / float(schedule.total(steps))
    exact = weight_rms.adamw(schedule, decay, steps)[-1]
    source = weight_rms.adamw(schedule, decay, steps, method="closed-form")[-1]
    assert source / exact == pytest.approx(1.36, abs=0.005)
    assert source != pytest.approx(exact, rel=1e-3)
