"""RMS of the weights: plain loops over covariances, quadrature of the integral, orders of approximations, bad input."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.special import ndtr
from scipy.stats import norm

from optnotes import schedules, weight_rms

betas = st.sampled_from([0.0, 0.5, 0.9, 0.99])
ratios = st.sampled_from([0.0, 0.3, 10.0])
starts = st.sampled_from([0.0, 0.6])
METHODS = ("exact", "slow", "ode", "closed-form")


@st.composite
def runs(draw, longest=10, largest=0.9):
    """Return learning rates, some of them zero, and weight decays with ηλ ≤ `largest`."""
    steps = draw(st.integers(1, longest))
    lr = draw(st.lists(st.sampled_from([0.0]) | st.floats(1e-3, 2.0), min_size=steps, max_size=steps))
    products = draw(st.lists(st.floats(0.0, largest), min_size=steps, max_size=steps))
    return np.array(lr), np.array([p / (rate or 1.0) for p, rate in zip(products, lr, strict=True)])


def plain_adamw(lr, decay, beta1, init, snr, *, corrected):
    """Carry the weights as a sum over the start and every gradient; signal and noise have μ² + σ² = 1."""
    steps, squares = len(lr), [init**2]
    start, momentum, theta = 1.0, np.zeros(steps), np.zeros(steps)
    for t in range(steps):
        momentum = beta1 * momentum
        momentum[t] += 1 - beta1
        update = momentum / (1 - beta1 ** (t + 1)) if corrected else momentum
        theta = (1 - lr[t] * decay[t]) * theta - lr[t] * update
        start *= 1 - lr[t] * decay[t]
        noise, signal = sum(theta**2) / (1 + snr), sum(theta) ** 2 * snr / (1 + snr)
        squares.append((start * init) ** 2 + noise + signal)
    return np.sqrt(squares)


@given(runs(), betas, starts, ratios, st.booleans())
def test_exact_adamw_is_the_plain_sum_over_gradients(run, beta1, init, snr, corrected):
    lr, decay = run
    found = weight_rms.adamw(lr, decay, len(lr), beta1, init, snr=snr, bias_correction=corrected)
    expected = plain_adamw(lr, decay, beta1, init, snr, corrected=corrected)
    np.testing.assert_allclose(found, expected, rtol=1e-12)  # ten steps of rounding


def sign_covariance(height, correlation):
    """Cov of the signs of two normals of mean `height`, by quadrature over one given the other."""
    mean = 2 * norm.cdf(height) - 1
    if correlation == 0:
        return 0.0
    if correlation == 1:
        return 1 - mean**2
    nodes, weights = np.polynomial.legendre.leggauss(12)
    total, rest = 0.0, math.sqrt(1 - correlation**2)
    for low, high in itertools.pairwise(sorted({-9.0, max(-9.0, -height), 9.0})):  # the sign jumps at −h
        width = (high - low) / 200
        z = low + width * (np.arange(200)[:, None] + (1 + nodes) / 2)
        other = 2 * ndtr((height + correlation * z) / rest) - 1
        total += width / 2 * np.sum(norm.pdf(z) * np.sign(height + z) * other * weights)
    return total - mean**2


@settings(max_examples=15)
@given(runs(longest=6), st.sampled_from([0.0, 0.5, 0.9]), starts, st.sampled_from([0.0, 0.05, 0.6]))
def test_exact_sign_momentum_is_the_double_sum_over_covariances(run, beta1, init, snr):
    lr, decay = run
    steps, height = len(lr), math.sqrt(snr * (1 + beta1) / (1 - beta1))
    lags = [sign_covariance(height, beta1**k) for k in range(steps)]
    mean, squares = 2 * norm.cdf(height) - 1, [init**2]
    for t in range(1, steps + 1):
        kept = [math.prod((1 - lr[j] * decay[j]) for j in range(i + 1, t)) for i in range(t)]
        share = [lr[i] * kept[i] for i in range(t)]
        start = init * math.prod((1 - lr[j] * decay[j]) for j in range(t))
        pairs = itertools.product(range(t), repeat=2)
        squares.append(start**2 + sum(share[i] * share[j] * (lags[abs(i - j)] + mean**2) for i, j in pairs))
    found = weight_rms.sign_momentum(lr, decay, steps, beta1, init, snr=snr)
    np.testing.assert_allclose(found, np.sqrt(squares), rtol=1e-10)  # 1e-12 of each quadrature


@pytest.mark.parametrize("beta1", [0.97, 0.999])
def test_exact_sign_momentum_keeps_its_digits_for_a_long_memory(beta1):
    steps = 300
    age = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps)))
    kept = 0.99 ** np.arange(steps)
    square = kept @ (2 / np.pi * np.arcsin(beta1**age)) @ kept
    found = weight_rms.sign_momentum(1.0, 0.01, steps, beta1)[-1]
    assert found == pytest.approx(math.sqrt(square), rel=1e-12)  # the docstring of the modes: 1e-13


@pytest.mark.parametrize("beta1", [0.0, 0.9])
def test_signs_without_any_noise_add_up(beta1):
    path = weight_rms.sign_momentum(0.1, 0.5, 3, beta1, 0.2, snr=1e8)
    theta, expected = 0.0, [0.2]
    for t in range(1, 4):
        theta = 0.95 * theta + 0.1
        expected.append(math.hypot(theta, 0.2 * 0.95**t))  # the start is independent of the signs
    np.testing.assert_allclose(path, expected, rtol=1e-14)


FAMILIES = {  # name: how signal and noise enter, by the docstrings
    "adamw": lambda snr, _: (snr / (snr + 1), 1 / (snr + 1)),
    "sign": lambda snr, c: (snr / (snr + c), 1 / (snr + c)),
}


def approximate(family, run, beta1, *start_and_snr, method):
    function = {"adamw": weight_rms.adamw, "sign": weight_rms.sign_momentum}[family]
    init, snr = start_and_snr
    return function(*run, beta1, init, snr=snr, method=method)


@given(st.sampled_from(sorted(FAMILIES)), runs(), betas, starts, ratios)
def test_the_slow_sum_is_the_plain_sum_of_its_definition(family, run, beta1, init, snr):
    lr, decay = run
    signal, noise = FAMILIES[family](snr, (1 - beta1) / (1 + beta1))
    kappa = [sum((lr * decay)[:t]) for t in range(len(lr) + 1)]
    expected = []
    for t in range(len(lr) + 1):
        drift = sum(math.exp(kappa[j] - kappa[t]) * lr[j - 1] for j in range(1, t + 1))
        square = sum(math.exp(2 * (kappa[j] - kappa[t])) * lr[j - 1] ** 2 for j in range(1, t + 1))
        expected.append(math.exp(-2 * kappa[t]) * init**2 + signal * drift**2 + noise * square)
    found = approximate(family, (lr, decay, len(lr)), beta1, init, snr, method="slow")
    np.testing.assert_allclose(found, np.sqrt(expected), rtol=1e-12)


@given(st.sampled_from(sorted(FAMILIES)), runs(largest=0.05), betas, starts, ratios)
def test_the_integral_over_steps_of_constant_rates_is_solved_step_by_step(family, run, beta1, init, snr):
    lr, decay = run
    signal, noise = FAMILIES[family](snr, (1 - beta1) / (1 + beta1))
    drift, square, kept, expected = 0.0, 0.0, 1.0, [init**2]
    for rate, shrink in zip(lr.tolist(), decay.tolist(), strict=True):
        x = rate * shrink
        drift = drift * math.exp(-x) + rate * (-math.expm1(-x) / x if x else 1.0)
        square = square * math.exp(-2 * x) + rate**2 * (-math.expm1(-2 * x) / (2 * x) if x else 1.0)
        kept *= math.exp(-2 * x)
        expected.append(kept * init**2 + signal * drift**2 + noise * square)
    found = approximate(family, (lr, decay, len(lr)), beta1, init, snr, method="ode")
    np.testing.assert_allclose(found, np.sqrt(expected), rtol=1e-12)  # (2ηλ)⁶ = 1e-6 over the rule's 2e6


@pytest.mark.parametrize("snr", [0.0, 0.5])
def test_the_integral_along_two_schedules_is_that_of_a_solver(snr):
    lr, decay, init = schedules.cosine(0.2, 30, lr_end=0.02, warmup=10), schedules.linear(0.1, 30, lr_end=0.3), 0.4

    def slope(t, y):
        rate, forgetting = float(lr(t)), float(lr(t) * decay(t))
        return [rate - forgetting * y[0], rate**2 - 2 * forgetting * y[1], -2 * forgetting * y[2]]

    state, signal = np.array([0.0, 0.0, init**2]), snr / (1 + snr)
    for begin, end in ((0, 10), (10, 30)):  # the warm-up ends in a kink
        state = solve_ivp(slope, (begin, end), state, method="DOP853", rtol=1e-12, atol=1e-15).y[:, -1]
    expected = math.sqrt(signal * state[0] ** 2 + (1 - signal) * state[1] + state[2])
    found = weight_rms.adamw(lr, decay, 30, 0.9, init, snr=snr, method="ode")[-1]
    assert found == pytest.approx(expected, rel=1e-9)  # sixth differences of rates over 20 steps


def mean_of_exponential(kappa):
    return -math.expm1(-kappa) / kappa if kappa else 1.0


@given(st.sampled_from(sorted(FAMILIES)), runs(), betas, starts, ratios)
def test_the_closed_form_is_that_of_its_three_sums(family, run, beta1, init, snr):
    lr, decay = run
    signal, noise = FAMILIES[family](snr, (1 - beta1) / (1 + beta1))
    expected = []
    for t in range(len(lr) + 1):
        kappa, drift, square = sum((lr * decay)[:t]), sum(lr[:t]), sum(lr[:t] ** 2)
        expected.append(
            math.exp(-2 * kappa) * init**2
            + signal * (drift * mean_of_exponential(kappa)) ** 2
            + noise * square * mean_of_exponential(2 * kappa)
        )
    found = approximate(family, (lr, decay, len(lr)), beta1, init, snr, method="closed-form")
    np.testing.assert_allclose(found, np.sqrt(expected), rtol=1e-12)


@pytest.mark.parametrize("decay", ["number", "array", "schedule"])
def test_the_closed_form_of_a_schedule_takes_its_integrals(decay):
    lr, steps, init, snr = schedules.linear(0.5, 8, lr_end=0.1), 8, 0.3, 2.0
    t = np.arange(1, 9)
    decays = {"number": 0.3, "array": 0.3 / t, "schedule": schedules.linear(0.4, 8)}[decay]
    # κ is the integral under a constant decay, else the sum over the steps
    per_step = {"array": lr(t) * 0.3 / t, "schedule": lr(t) * (0.4 - 0.05 * t)}
    kappa = 0.3 * (0.5 + 0.1) / 2 * 8 if decay == "number" else sum(per_step[decay])
    drift, square = 2.4, (0.25 + 0.05 + 0.01) / 3 * 8
    expected = (
        math.exp(-2 * kappa) * init**2
        + 2 / 3 * (drift * mean_of_exponential(kappa)) ** 2
        + 1 / 3 * square * mean_of_exponential(2 * kappa)
    )
    found = weight_rms.adamw(lr, decays, steps, 0.9, init, snr=snr, method="closed-form")
    assert found[0] == init
    assert found[-1] == pytest.approx(math.sqrt(expected), rel=1e-13)


RATES = {"number": 0.1, "array": np.linspace(0.2, 0.1, 4), "schedule": schedules.cosine(0.1, 4)}


@pytest.mark.parametrize("function", [weight_rms.adamw, weight_rms.sign_momentum])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("lr", RATES)
@pytest.mark.parametrize("decay", RATES)
@pytest.mark.parametrize("snr", [0.0, 0.7])
def test_the_path_starts_at_the_initial_weights(function, method, lr, decay, snr):
    path = function(RATES[lr], RATES[decay], 4, 0.9, 0.25, snr=snr, method=method)
    assert path.shape == (5,)
    assert path[0] == 0.25
    assert function(RATES[lr], RATES[decay], 4, 0.9, snr=snr, method=method)[0] == 0.0
    assert (path[1:] != 0.25).all()


@pytest.mark.parametrize("function", [weight_rms.adamw, weight_rms.sign_momentum])
@pytest.mark.parametrize("method", METHODS)
@given(run=runs(largest=0.3), unit=st.sampled_from([1e-100, 1e-3, 1e100]), snr=ratios)
@settings(max_examples=10)
def test_the_unit_of_the_weights_scales_rates_and_rms_alike(function, method, run, unit, snr):
    lr, decay = run
    plain = function(lr, decay, len(lr), 0.9, 0.5, snr=snr, method=method)
    scaled = function(lr * unit, decay / unit, len(lr), 0.9, 0.5 * unit, snr=snr, method=method)
    np.testing.assert_allclose(scaled, unit * plain, rtol=1e-12)


@given(runs(), st.sampled_from([0.0, 0.9]), ratios, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_larger_start_never_ends_smaller_and_stronger_signals_never_shrink(run, beta1, snr, more, init):
    lr, decay = run
    steps = len(lr)
    small = weight_rms.adamw(lr, decay, steps, beta1, init, snr=snr)
    large = weight_rms.adamw(lr, decay, steps, beta1, init + more, snr=snr)
    loud = weight_rms.adamw(lr, decay, steps, beta1, init, snr=snr + more)
    assert (large >= small * (1 - 1e-12)).all()
    assert (loud >= small * (1 - 1e-12)).all()  # steps along the mean add up, noise does not


# --- the integral, in closed form ---


@st.composite
def shapes(draw):
    """Return a schedule, the times at which it has kinks, and a horizon."""
    peak, end, warmup = draw(st.floats(0.01, 1.0)), draw(st.floats(0.0, 1.0)), draw(st.sampled_from([0, 5]))
    name = draw(st.sampled_from(["constant", "linear", "cosine", "wsd", "inverse_time", "inverse_sqrt"]))
    options = {"lr_max": peak, "warmup": warmup}
    if name in {"linear", "cosine", "wsd"}:
        options |= {"steps": warmup + 20, "lr_end": end}
    if name == "wsd":
        options["decay_steps"] = 8
    if name.startswith("inverse"):
        options["decay"] = draw(st.floats(0.01, 2.0))
    return getattr(schedules, name)(**options), (0.0, 5.0, warmup + 12.0), warmup + 20.0


def plain_integral(schedule, knots, weight_decay, t):
    """∫ e^{−2λ(A(t)−A(s))} η(s)² ds by 40 Gauss panels between kinks."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    end, total = float(schedule.total(t)), 0.0
    for begin, stop in itertools.pairwise(sorted({k for k in (*knots, t) if k <= t})):
        width = (stop - begin) / 40
        s = begin + width * (np.arange(40)[:, None] + (1 + nodes) / 2)
        kept = np.exp(-2 * weight_decay * (end - schedule.total(s)))
        total += width / 2 * np.sum(kept * schedule(s) ** 2 * weights)
    return total


@given(shapes(), st.floats(0.05, 1.0), st.sampled_from([0.0, 1e-9, 0.3, 2.0, 20.0, 150.0]), starts)
def test_ode_solution_is_the_quadrature_of_its_integral(shape, share, kappa, init):
    schedule, knots, horizon = shape
    t = share * horizon
    decay = kappa / float(schedule.total(t))
    square = math.exp(-2 * kappa) * init**2 + plain_integral(schedule, knots, decay, t)
    # 1e-10: exponents up to 300 round at 1e-14, panels hold a change of at most e^{15}
    assert weight_rms.ode_solution(schedule, decay, t, init) == pytest.approx(math.sqrt(square), rel=1e-10)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.2, 3.0, 30.0])
@pytest.mark.parametrize(
    "schedule",
    [
        schedules.constant(0.3),
        schedules.linear(0.2, 10, lr_end=0.9),  # rising, and not from zero
        schedules.linear(0.9, 10, lr_end=0.2),
        schedules.cosine(0.9, 10, lr_end=0.2),
        schedules.inverse_time(0.5, 0.4),
        schedules.inverse_sqrt(0.5, 0.4),
    ],
    ids=["constant", "rising", "falling", "cosine", "inverse time", "inverse sqrt"],
)
def test_each_shape_is_solved_on_either_side_of_its_closed_form(schedule, kappa):
    decay = kappa / float(schedule.total(8.0))
    square = math.exp(-2 * kappa) * 0.6**2 + plain_integral(schedule, (0.0,), decay, 8.0)
    assert weight_rms.ode_solution(schedule, decay, 8.0, 0.6) == pytest.approx(math.sqrt(square), rel=1e-12)


@given(shapes(), st.floats(0.0, 1.0), st.sampled_from([0.0, 1e-9, 0.3, 5.0, 300.0]), starts)
def test_coupled_solution_relaxes_in_the_integral_of_the_squared_rate(shape, share, ratio, init):
    schedule, _, horizon = shape
    t = share * horizon
    gained = float(schedule.total_square(t))
    settled = gained * mean_of_exponential(2 * ratio * gained)
    expected = math.sqrt(math.exp(-2 * ratio * gained) * init**2 + settled)
    assert weight_rms.coupled_solution(schedule, ratio, t, init) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["constant", "inverse_time", "inverse_sqrt"])
def test_without_decay_the_solution_is_the_integral_of_the_squared_rate_however_far(name):
    options = {} if name == "constant" else {"decay": 1.0}
    expected = {"constant": 1e9, "inverse_time": 1 - 1 / (1 + 1e9), "inverse_sqrt": math.log1p(1e9)}[name]
    found = weight_rms.ode_solution(getattr(schedules, name)(1.0, **options), 0.0, 1e9)
    assert found == pytest.approx(math.sqrt(expected), rel=1e-14)


def test_solutions_start_at_zero_unless_told_and_keep_the_shape_of_the_times():
    schedule, times = schedules.constant(0.1), np.array([[0.0, 1.0, 2.0]])
    for solution in (weight_rms.ode_solution, weight_rms.coupled_solution):
        found = solution(schedule, 0.5, times)
        assert found.shape == (1, 3)
        assert found[0, 0] == 0.0
        assert (np.diff(found) > 0).all()


# --- equilibrium ---


@given(
    st.floats(1e-4, 0.5), st.floats(1e-4, 0.9), st.sampled_from(["adamw", "sign-momentum"]), betas, st.floats(0.0, 5.0)
)
def test_the_mean_field_equilibrium_is_its_formula(lr, product, optimizer, beta1, snr):
    decay = product / lr
    c = (1 - beta1) / (1 + beta1) if optimizer == "sign-momentum" else 1.0
    expected = math.sqrt((snr + product / 2) / (decay**2 * (snr + c)))
    assert weight_rms.stationary(lr, decay, optimizer, beta1, 0.95, snr=snr) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("snr", [0.0, 0.2, 4.0])
@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("product", [1e-2, 0.3])
def test_equilibrium_with_a_long_second_moment_is_where_the_recursion_ends(product, beta1, snr):
    # at β₂ → 1 the update is m/√(μ² + σ²): θ in equilibrium, term by term over past gradients
    lr, gap, beta3 = 0.1, 1e-8, 1 - product
    decay = product / lr
    lags = np.arange(1, 4000)
    variance = (1 - beta1) / (1 + beta1) / (1 + snr) * (1 + 2 * np.sum((beta3 * beta1) ** lags))
    square = snr / (1 + snr) / decay**2 + lr**2 * variance / (1 - beta3**2)
    for method in ("exact", "corrected"):
        found = weight_rms.stationary(lr, decay, "adamw", beta1, 1 - gap, snr=snr, method=method)
        assert found == pytest.approx(math.sqrt(square), rel=20 * gap)  # first order in 1 − β₂


@pytest.mark.parametrize("snr", [0.0, 0.2, 3.0])
@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("product", [0.1, 0.4])
def test_the_corrected_equilibrium_leaves_the_second_order(product, beta1, snr):
    gaps = np.array([0.004, 0.002, 0.001])
    exact, corrected = (
        np.array([weight_rms.stationary(0.1, product / 0.1, "adamw", beta1, 1 - g, snr=snr, method=m) for g in gaps])
        for m in ("exact", "corrected")
    )
    slope = np.polyfit(np.log(gaps), np.log(np.abs(corrected / exact - 1)), 1)[0]
    assert slope == pytest.approx(2.0, abs=0.25)  # a wrong term of the first order gives 1


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0, 5.0])
def test_the_corrected_sign_leaves_a_high_order_of_its_speed(share):
    speeds = np.array([0.08, 0.04, 0.02, 0.01])
    errors = []
    for speed in speeds.tolist():
        decay = -math.expm1(-share * speed) if share else 1e-13
        exact, corrected = (
            weight_rms.stationary(1.0, decay, "sign-momentum", math.exp(-speed), method=m) ** 2
            for m in ("exact", "corrected")
        )
        errors.append(abs(corrected / exact - 1))
    assert np.polyfit(np.log(speeds), np.log(errors), 1)[0] > 1.9


def test_the_corrected_sign_needs_a_momentum_of_half_at_least():
    assert weight_rms.stationary(0.1, 0.1, "sign-momentum", 0.5, method="corrected") > 0
    with pytest.raises(ValueError, match=r"`beta1` must be at least 0.5 for the corrected sign"):
        weight_rms.stationary(0.1, 0.1, "sign-momentum", 0.49, method="corrected")


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("snr", [0.1, 1.0])
@pytest.mark.parametrize("product", [1e-3, 0.4])
def test_the_exact_sign_with_a_signal_is_the_series_over_lags(product, beta1, snr):
    lr, height = 0.2, math.sqrt(snr * (1 + beta1) / (1 - beta1))
    decay, mean, beta3 = product / lr, 2 * norm.cdf(height) - 1, 1 - product
    lags = range(1, 1 + (60 if beta1 > 0.6 else 25))  # 0.8⁶⁰ = 2e-6 of the covariance at lag one
    series = 1 - mean**2 + 2 * sum(beta3**k * sign_covariance(height, beta1**k) for k in lags if beta1)
    square = (mean / decay) ** 2 + lr**2 / (1 - beta3**2) * series
    found = weight_rms.stationary(lr, decay, "sign-momentum", beta1, snr=snr, method="exact")
    assert found == pytest.approx(math.sqrt(square), rel=1e-6)


@given(st.sampled_from(["adamw", "sign-momentum"]), st.sampled_from(["mean-field", "corrected", "exact"]))
@settings(max_examples=12)
def test_the_unit_of_the_weights_scales_the_equilibrium(optimizer, method):
    snr = 0.0 if optimizer == "sign-momentum" else 0.3
    plain = weight_rms.stationary(0.1, 0.2, optimizer, 0.9, 0.95, snr=snr, method=method)
    scaled = weight_rms.stationary(0.1e-50, 0.2e50, optimizer, 0.9, 0.95, snr=snr, method=method)
    assert scaled == pytest.approx(1e-50 * plain, rel=1e-12)


def test_equilibrium_is_that_of_adamw_at_its_usual_decays_unless_told():
    plain = weight_rms.stationary(0.01, 0.1, method="exact")
    assert plain == weight_rms.stationary(0.01, 0.1, "adamw", 0.9, 0.95, snr=0.0, method="exact")
    assert weight_rms.stationary(0.01, 0.1) == weight_rms.stationary(0.01, 0.1, method="mean-field")
    path = weight_rms.adamw(0.1, 0.5, 5)
    np.testing.assert_array_equal(path, weight_rms.adamw(0.1, 0.5, 5, 0.9, 0.0, snr=0.0, method="exact"))
    np.testing.assert_allclose(path, plain_adamw(np.full(5, 0.1), np.full(5, 0.5), 0.9, 0, 0, corrected=False), 1e-13)
    signs = weight_rms.sign_momentum(0.1, 0.5, 5)
    np.testing.assert_array_equal(signs, weight_rms.sign_momentum(0.1, 0.5, 5, 0.9, 0.0, snr=0.0, method="exact"))


# --- rotation ---


@given(st.floats(1e-3, 1.0), st.floats(0.0, 0.95), st.floats(0.05, 0.95), st.floats(0.1, 10.0))
def test_rotation_is_the_angle_between_two_vectors_of_equal_length(lr, product, openness, update):
    # θ' = β₃θ − ηu with |θ'| = |θ| = w: choose cos α, then |ηu|² = |θ' − β₃θ|²
    beta3, cosine = 1 - product, 1 - 2 * openness
    weight = lr * update / math.sqrt(1 + beta3**2 - 2 * beta3 * cosine)
    angle = weight_rms.rotation(lr, product / lr, update, weight)
    assert math.cos(angle) == pytest.approx(cosine, abs=1e-12)


def test_rotation_reaches_from_rest_to_a_full_turn():
    assert weight_rms.rotation(1.0, 0.5, 0.5, 1.0) == 0.0  # the update only undoes the decay
    assert weight_rms.rotation(1.0, 0.5, 1.5, 1.0) == pytest.approx(math.pi, rel=1e-15)  # θ' = −θ
    for update in (0.49, 1.51):
        with pytest.raises(ValueError, match="`weight_rms` must fit an equilibrium"):
            weight_rms.rotation(1.0, 0.5, update, 1.0)


# --- the optimiser itself ---


@given(
    runs(),
    betas,
    st.sampled_from([0.0, 0.95]),
    st.sampled_from([0.0, 1e-8, 0.3]),
    st.sampled_from([1e-8, 1.0, 1e8]),
    st.integers(0, 2**20),
)
def test_weights_of_adamw_are_those_of_a_loop_over_numbers(  # noqa: PLR0917 - what hypothesis draws
    run, beta1, beta2, eps, size, seed
):
    lr, decay = run
    rng = np.random.default_rng(seed)
    gradients, init = size * rng.uniform(0.5, 2.0, (len(lr), 2)) * rng.choice([-1, 1], (len(lr), 2)), [0.3, -0.2]
    found = weight_rms.adamw_weights(gradients, init, lr, decay, beta1=beta1, beta2=beta2, eps=eps)
    for coordinate in range(2):
        m, v, theta = 0.0, 0.0, init[coordinate]
        for t, g in enumerate(gradients[:, coordinate].tolist()):
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
            step = m / (1 - beta1 ** (t + 1)) / (math.sqrt(v / (1 - beta2 ** (t + 1))) + eps)
            theta = theta - lr[t] * decay[t] * theta - lr[t] * step
            assert found[t + 1, coordinate] == pytest.approx(theta, rel=1e-11, abs=1e-12)
    np.testing.assert_array_equal(found[0], init)


def test_the_loop_takes_the_usual_decays_and_a_hundred_millionth_unless_told():
    gradients = np.array([[1e-8, 1.0], [3e-8, -2.0], [-1e-8, 0.5]])
    plain = weight_rms.adamw_weights(gradients, [0.0, 0.0], 0.1, 0.5)
    named = weight_rms.adamw_weights(gradients, [0.0, 0.0], 0.1, 0.5, beta1=0.9, beta2=0.95, eps=1e-8)
    np.testing.assert_array_equal(plain, named)
    assert plain[1, 0] == pytest.approx(-0.05, rel=1e-12)  # ε as large as the gradient halves the step


# --- bad input ---

LINE = schedules.linear(0.1, 4)
BAD_NUMBERS = [(-0.5, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("x", TypeError)]


@pytest.mark.parametrize(("value", "kind"), BAD_NUMBERS)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("lr", lambda x: weight_rms.adamw(x, 0.1, 2)),
        ("weight_decay", lambda x: weight_rms.adamw(0.1, x, 2)),
        ("beta1", lambda x: weight_rms.adamw(0.1, 0.1, 2, x)),
        ("init_rms", lambda x: weight_rms.adamw(0.1, 0.1, 2, 0.9, x)),
        ("snr", lambda x: weight_rms.adamw(0.1, 0.1, 2, snr=x)),
        ("lr", lambda x: weight_rms.sign_momentum(x, 0.1, 2)),
        ("weight_decay", lambda x: weight_rms.sign_momentum(0.1, x, 2)),
        ("beta1", lambda x: weight_rms.sign_momentum(0.1, 0.1, 2, x)),
        ("init_rms", lambda x: weight_rms.sign_momentum(0.1, 0.1, 2, 0.9, x)),
        ("snr", lambda x: weight_rms.sign_momentum(0.1, 0.1, 2, snr=x)),
        ("weight_decay", lambda x: weight_rms.ode_solution(LINE, x, 1.0)),
        ("t", lambda x: weight_rms.ode_solution(LINE, 0.1, x)),
        ("init_rms", lambda x: weight_rms.ode_solution(LINE, 0.1, 1.0, x)),
        ("ratio", lambda x: weight_rms.coupled_solution(LINE, x, 1.0)),
        ("t", lambda x: weight_rms.coupled_solution(LINE, 0.1, x)),
        ("init_rms", lambda x: weight_rms.coupled_solution(LINE, 0.1, 1.0, x)),
        ("lr", lambda x: weight_rms.stationary(x, 0.1)),
        ("weight_decay", lambda x: weight_rms.stationary(0.1, x)),
        ("beta1", lambda x: weight_rms.stationary(0.1, 0.1, "adamw", x)),
        ("beta2", lambda x: weight_rms.stationary(0.1, 0.1, "adamw", 0.9, x)),
        ("snr", lambda x: weight_rms.stationary(0.1, 0.1, snr=x)),
        ("lr", lambda x: weight_rms.rotation(x, 0.1, 1.0, 1.0)),
        ("weight_decay", lambda x: weight_rms.rotation(0.1, x, 1.0, 1.0)),
        ("update_rms", lambda x: weight_rms.rotation(0.1, 0.1, x, 1.0)),
        ("weight_rms", lambda x: weight_rms.rotation(0.1, 0.1, 1.0, x)),
        ("lr", lambda x: weight_rms.adamw_weights([[1.0]], [1.0], x, 0.1)),
        ("weight_decay", lambda x: weight_rms.adamw_weights([[1.0]], [1.0], 0.1, x)),
        ("beta1", lambda x: weight_rms.adamw_weights([[1.0]], [1.0], 0.1, 0.1, beta1=x)),
        ("beta2", lambda x: weight_rms.adamw_weights([[1.0]], [1.0], 0.1, 0.1, beta2=x)),
        ("eps", lambda x: weight_rms.adamw_weights([[1.0]], [1.0], 0.1, 0.1, eps=x)),
    ],
)
def test_a_number_out_of_range_is_named(name, call, value, kind):
    with pytest.raises(kind, match=f"`{name}` must"):
        call(value)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: weight_rms.adamw(0.1, 0.1, 1.5), TypeError, "`steps` must be an integer"),
        (lambda: weight_rms.adamw(0.1, 0.1, 2, method="best"), ValueError, "`method` must be one of 'exact', 'slow'"),
        (lambda: weight_rms.adamw(0.1, 0.1, 2, 1.0), ValueError, r"`beta1` must .* \[0, 1\), got 1.0"),
        (lambda: weight_rms.adamw(0.1, 0.1, 2, 0.9, 1.1e150), ValueError, "`init_rms` must"),
        (lambda: weight_rms.sign_momentum(0.1, 0.1, 0), ValueError, "`steps` must be at least 1"),
        (lambda: weight_rms.sign_momentum(0.1, 0.1, 2, 0.9991), ValueError, r"`beta1` must .* \[0, 0.999\]"),
        (lambda: weight_rms.sign_momentum(0.1, 0.1, 2, method="no"), ValueError, "`method` must be one of 'exact'"),
        (lambda: weight_rms.sign_momentum(0.1, 0.1, 2, 0.9, 1.1e150), ValueError, "`init_rms` must"),
        (lambda: weight_rms.sign_momentum([0.1], 0.1, 2), ValueError, "`lr` must be a number, a Schedule or an array"),
        (lambda: weight_rms.ode_solution(LINE, 0.1, 4.1), ValueError, r"`t` must .* \[0, 4\]"),
        (lambda: weight_rms.ode_solution(LINE, 0.1, 1.0, 1.1e150), ValueError, "`init_rms` must"),
        (lambda: weight_rms.coupled_solution(LINE, 0.1, 1.0, 1.1e150), ValueError, "`init_rms` must"),
        (lambda: weight_rms.ode_solution([0.1], 0.1, 1.1), ValueError, r"`t` must .* \[0, 1\]"),
        (lambda: weight_rms.coupled_solution(None, 0.1, 1.0), TypeError, "`lr` must be real numbers, got None"),
        (lambda: weight_rms.stationary(0.1, 0.1, method="best"), ValueError, "`method` must be one of 'mean-field'"),
        (lambda: weight_rms.stationary(0.1, 0.1, "lion"), ValueError, "`optimizer` must be one of 'adamw'"),
        (lambda: weight_rms.stationary(0.1, 0.1, "adamw", 1.0), ValueError, r"`beta1` must .* \[0, 1\)"),
        (lambda: weight_rms.stationary(0.1, 0.1, "adamw", 0.9, 0.0), ValueError, r"`beta2` must .* \(0, 1\)"),
        (lambda: weight_rms.stationary(0.1, 0.1, "adamw", 0.9, 1.0), ValueError, r"`beta2` must .* \(0, 1\)"),
        (lambda: weight_rms.rotation(0.0, 0.1, 1.0, 1.0), ValueError, r"`lr` must .* \(0, inf\)"),
        (
            lambda: weight_rms.rotation(1.0, 1.0, 1.0, 1.0),
            ValueError,
            "`lr·weight_decay` must be below 1 at every step, got 1.0",
        ),
        (lambda: weight_rms.rotation(1.0, 0.1, 0.0, 1.0), ValueError, r"`update_rms` must .* \(0, inf\)"),
        (lambda: weight_rms.rotation(1.0, 0.1, 1.0, 0.0), ValueError, r"`weight_rms` must .* \(0, inf\)"),
        (lambda: weight_rms.adamw_weights([[math.nan]], [1.0], 0.1, 0.1), ValueError, "`gradients` must be finite"),
        (lambda: weight_rms.adamw_weights([[-1.1e150]], [1.0], 0.1, 0.1), ValueError, "`gradients` must be finite"),
        (lambda: weight_rms.adamw_weights([[1.0]], [math.nan], 0.1, 0.1), ValueError, "`init` must be finite"),
        (lambda: weight_rms.adamw_weights([[1.0]], [1.0, 2.0], 0.1, 0.1), ValueError, "`gradients` must have shape"),
        (lambda: weight_rms.adamw_weights([[1.0]], [1.0], 1.0, 1.0), ValueError, "`lr·weight_decay` must be below 1"),
        (lambda: weight_rms.adamw_weights([[1.0]], [1.0], 0.1, 0.1, beta2=1.0), ValueError, "`beta2` must"),
    ],
)
def test_bad_input_of_each_kind_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
