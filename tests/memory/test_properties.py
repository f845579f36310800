"""Memory of weight decay against runs of the optimiser in plain loops, scale, monotonicity, limits, bad input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optnotes import memory, schedules

decays = st.floats(0.0, 0.95)


@st.composite
def runs(draw, longest=12):
    """Return learning rates, some of them zero but not all, and weight decays with ηλ < 1."""
    steps = draw(st.integers(1, longest))
    lr = draw(st.lists(st.sampled_from([0.0]) | st.floats(1e-3, 2.0), min_size=steps, max_size=steps))
    lr[draw(st.integers(0, steps - 1))] = draw(st.floats(0.1, 1.0))
    products = draw(st.lists(decays, min_size=steps, max_size=steps))
    return np.array(lr), np.array([p / (rate or 1.0) for p, rate in zip(products, lr, strict=True)])


def plain_weights(lr, weight_decay, beta1):
    """Run SGDM once for each batch, on a gradient of one there and of zero elsewhere."""
    weights = []
    for batch in range(len(lr)):
        momentum = theta = 0.0
        for step, (rate, decay) in enumerate(zip(lr.tolist(), weight_decay.tolist(), strict=True)):
            momentum = beta1 * momentum + (1 - beta1) * (step == batch)
            theta = (1 - rate * decay) * theta + rate * momentum
        weights.append(theta)
    return np.array(weights) / sum(weights)


@given(runs(), st.floats(0.0, 0.99))
def test_batch_weights_are_those_of_a_run_on_one_gradient_at_a_time(run, beta1):
    lr, decay = run
    found = memory.batch_weights(lr, decay, len(lr), beta1)
    # 1e-12: 1 − ηλ ≥ 0.05, so at most twelve factors whose logarithms carry 1e-15 each
    np.testing.assert_allclose(found, plain_weights(lr, decay, beta1), rtol=1e-12, atol=1e-300)


@given(runs(), st.sampled_from([0.0, 0.9]), st.sampled_from([1e-300, 1e-150, 1e150, 1e300]))
def test_batch_weights_do_not_depend_on_the_unit_of_the_rates(run, beta1, unit):
    lr, decay = run
    found = memory.batch_weights(lr * unit, decay / unit, len(lr), beta1)
    # log η reaches 690, whose rounding is 1e-13
    np.testing.assert_allclose(found, memory.batch_weights(lr, decay, len(lr), beta1), rtol=1e-11)


@given(runs())
def test_the_initial_weight_is_the_product_of_the_factors(run):
    lr, decay = run
    expected = math.prod((1 - lr * decay).tolist())
    assert memory.initial_weight(lr, decay, len(lr)) == pytest.approx(expected, rel=1e-12)


@given(runs())
def test_start_and_batches_share_the_weights_when_the_targets_are_steady(run):
    # a gradient λ_tθ* leaves θ* in place: Π(1 − ηλ) + Σ η_iλ_i Π_{j>i}(1 − η_jλ_j) = 1
    lr, decay = run
    kept = [memory.initial_weight(lr[i:], decay[i:], len(lr) - i) for i in range(len(lr))]
    spent = lr * decay * np.append(kept[1:], 1.0)
    assert kept[0] + spent.sum() == pytest.approx(1.0, rel=1e-12)


@given(st.floats(1e-3, 0.9), st.floats(0.05, 1.0), st.floats(0.01, 0.99))
def test_a_weight_falls_to_the_threshold_between_the_whole_steps_around_the_memory(product, lr, threshold):
    age, passed, weight = float(memory.memory_steps(lr, product / lr, threshold)), 0, 1.0
    while weight * (1 - product) >= threshold * (1 + 1e-12):
        weight, passed = weight * (1 - product), passed + 1
    assert passed - 1e-9 * (1 + age) <= age <= passed + 1 + 1e-9 * (1 + age)
    assert math.exp(age * math.log1p(-product)) == pytest.approx(
        threshold, rel=1e-9
    )  # exponents up to 5 and ages of 1e4


def test_memory_steps_broadcast():
    ages = memory.memory_steps([[0.5], [0.0]], 1.0, [0.5, 0.25, 0.125])
    np.testing.assert_allclose(ages, [[1.0, 2.0, 3.0], [np.inf] * 3], rtol=1e-15)


@given(st.floats(0.01, 2.0), st.integers(1, 40), st.sampled_from([0.0, 0.5, 0.99]), st.data())
def test_balanced_rates_give_equal_weights_in_a_plain_run(lr_max, steps, beta1, data):
    products = data.draw(st.lists(decays, min_size=steps, max_size=steps))
    decay = np.array(products) / lr_max
    lr = memory.balanced_lr(lr_max, decay, steps, beta1)
    assert steps == 1 or lr[0] == lr_max
    np.testing.assert_allclose(plain_weights(lr, decay, beta1) * steps, 1.0, rtol=1e-11)  # forty factors


@given(st.floats(0.01, 2.0), decays, st.integers(1, 40))
def test_balanced_rates_and_decays_give_equal_weights_in_a_plain_run(lr_max, product, steps):
    lr, decay = memory.balanced_lr_and_decay(lr_max, product / lr_max, steps)
    assert lr[0] == lr_max
    assert decay[0] == product / lr_max
    np.testing.assert_allclose(decay * lr_max, lr * decay[0], rtol=1e-14)
    np.testing.assert_allclose(plain_weights(lr, decay, 0.0) * steps, 1.0, rtol=1e-11)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9).filter(lambda row: max(row) > 1e-3), st.randoms())
def test_effective_batches_are_the_square_of_the_sum_over_the_sum_of_squares_in_any_order(weights, random):
    expected = sum(weights) ** 2 / sum(w * w for w in weights)
    shuffled = list(weights)
    random.shuffle(shuffled)
    for row in (weights, shuffled, [*weights, 0.0], [w * 1e-290 for w in weights]):
        assert memory.effective_batches(row) == pytest.approx(expected, rel=1e-12)
    assert 1 - 1e-12 <= expected <= len(weights) * (1 + 1e-12)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9).filter(any), st.floats(0.01, 0.99))
def test_forgotten_are_those_below_a_share_of_the_largest(weights, threshold):
    count = sum(w < threshold * max(weights) for w in weights)
    assert memory.forgotten_fraction(weights, threshold) == count / len(weights)


def test_a_weight_at_the_threshold_is_remembered():
    assert memory.forgotten_fraction([1.0, 0.5, 0.25], 0.5) == pytest.approx(1 / 3, rel=1e-15)


@given(runs(), st.floats(0.001, 0.999))
def test_decay_for_memory_leaves_the_share_in_a_plain_run(run, remembered):
    lr, _ = run
    decay = memory.decay_for_memory(lr, len(lr), remembered)
    assert math.prod((1 - decay * lr).tolist()) == pytest.approx(remembered, rel=1e-10)  # 1e-15 of λη near 0.999
    assert decay * lr.max() < 1


def test_large_rates_need_little_decay():
    # λ = (1 − r)/η; the guard against an endless decay must not overflow itself
    assert memory.decay_for_memory(1e300, 1, 0.5) == pytest.approx(0.5e-300, rel=1e-14)


@given(st.floats(0.001, 0.9), st.floats(0.1, 0.9))
def test_more_memory_needs_less_decay_and_larger_rates_need_less(remembered, factor):
    lr = np.linspace(1.0, 0.1, 5)
    decay = memory.decay_for_memory(lr, 5, remembered)
    assert memory.decay_for_memory(lr, 5, remembered**factor) < decay
    assert memory.decay_for_memory(2 * lr, 5, remembered) == pytest.approx(decay / 2, rel=1e-10)


@given(st.floats(1e-3, 10.0), st.integers(1, 30), st.floats(0.01, 0.99))
def test_a_balanced_design_starts_at_its_rate_remembers_its_share_and_is_equal(lr_max, steps, remembered):
    decay, schedule = memory.balanced_design(lr_max, steps, remembered)
    lr = schedules.per_step("lr", schedule, steps)
    assert lr[0] == pytest.approx(lr_max, rel=1e-13)
    assert math.prod((1 - decay * lr).tolist()) == pytest.approx(remembered, rel=1e-11)
    np.testing.assert_allclose(plain_weights(lr, np.full(steps, decay), 0.0) * steps, 1.0, rtol=1e-10)
    assert schedule.steps == math.inf


def test_schedules_serve_as_rate_and_as_decay():
    rate, steps = schedules.linear(0.5, 6), 5
    lr = rate(np.arange(1, steps + 1))
    np.testing.assert_allclose(memory.batch_weights(rate, rate, steps, 0.5), plain_weights(lr, lr, 0.5), rtol=1e-13)
    assert memory.initial_weight(rate, rate, steps) == pytest.approx(math.prod((1 - lr**2).tolist()), rel=1e-14)


BAD_NUMBERS = [(-0.5, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("x", TypeError)]


@pytest.mark.parametrize(("value", "kind"), BAD_NUMBERS)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("lr", lambda x: memory.batch_weights(x, 0.1, 2, 0.0)),
        ("weight_decay", lambda x: memory.batch_weights(0.1, x, 2, 0.0)),
        ("beta1", lambda x: memory.batch_weights(0.1, 0.1, 2, x)),
        ("lr", lambda x: memory.initial_weight(x, 0.1, 2)),
        ("weight_decay", lambda x: memory.initial_weight(0.1, x, 2)),
        ("lr", lambda x: memory.memory_steps(x, 0.1, 0.5)),
        ("weight_decay", lambda x: memory.memory_steps(0.1, x, 0.5)),
        ("threshold", lambda x: memory.memory_steps(0.1, 0.1, x)),
        ("lr_max", lambda x: memory.balanced_lr(x, 0.1, 2, 0.0)),
        ("weight_decay", lambda x: memory.balanced_lr(0.1, x, 2, 0.0)),
        ("beta1", lambda x: memory.balanced_lr(0.1, 0.1, 2, x)),
        ("lr_max", lambda x: memory.balanced_lr_and_decay(x, 0.1, 2)),
        ("weight_decay_max", lambda x: memory.balanced_lr_and_decay(0.1, x, 2)),
        ("weights", lambda x: memory.effective_batches([x])),
        ("weights", lambda x: memory.forgotten_fraction([x], 0.5)),
        ("threshold", lambda x: memory.forgotten_fraction([1.0], x)),
        ("lr", lambda x: memory.decay_for_memory(x, 2, 0.5)),
        ("remembered", lambda x: memory.decay_for_memory(0.1, 2, x)),
        ("lr_max", lambda x: memory.balanced_design(x, 2, 0.5)),
        ("remembered", lambda x: memory.balanced_design(0.1, 2, x)),
    ],
)
def test_a_number_out_of_range_is_named(name, call, value, kind):
    with pytest.raises(kind, match=f"`{name}` must"):
        call(value)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: memory.batch_weights(0.1, 0.1, 1.5, 0.0), TypeError, "`steps` must be an integer"),
        (lambda: memory.batch_weights(0.5, 2.0, 2, 0.0), ValueError, "`lr·weight_decay` must be below 1 .* got 1.0"),
        (lambda: memory.batch_weights(0.1, 0.1, 2, 1.0), ValueError, r"`beta1` must .* \[0, 1\), got 1.0"),
        (lambda: memory.batch_weights([0.0, 0.0], 0.1, 2, 0.0), ValueError, "`lr` must be positive at some step"),
        (lambda: memory.batch_weights([0.1], 0.1, 2, 0.0), ValueError, "`lr` must be a number, a Schedule or an array"),
        (lambda: memory.memory_steps(0.1, 0.1, 0.0), ValueError, r"`threshold` must .* \(0, 1\), got 0.0"),
        (lambda: memory.memory_steps(0.1, 0.1, 1.0), ValueError, r"`threshold` must .* \(0, 1\), got 1.0"),
        (lambda: memory.memory_steps(0.5, [1.0, 2.0], 0.5), ValueError, "`lr·weight_decay` must be below 1"),
        (lambda: memory.balanced_lr(0.1, 0.1, 0, 0.0), ValueError, "`steps` must be at least 1"),
        (lambda: memory.balanced_lr(0.0, 0.1, 2, 0.0), ValueError, r"`lr_max` must .* \(0, inf\)"),
        (lambda: memory.balanced_lr_and_decay(0.0, 0.1, 2), ValueError, r"`lr_max` must .* \(0, inf\)"),
        (lambda: memory.balanced_lr_and_decay(0.1, 0.1, 0), ValueError, "`steps` must be at least 1"),
        (lambda: memory.balanced_lr_and_decay(0.5, 2.0, 2), ValueError, "`lr·weight_decay` must be below 1"),
        (lambda: memory.effective_batches([[1.0]]), ValueError, "`weights` must be one row with a positive entry"),
        (lambda: memory.forgotten_fraction([], 0.5), ValueError, "`weights` must be one row with a positive entry"),
        (lambda: memory.forgotten_fraction([1.0], 1.0), ValueError, r"`threshold` must .* \(0, 1\)"),
        (lambda: memory.decay_for_memory([0.0], 1, 0.5), ValueError, "`lr` must be positive at some step"),
        (lambda: memory.decay_for_memory(0.1, 0, 0.5), ValueError, "`steps` must be at least 1"),
        (lambda: memory.decay_for_memory(0.1, 1, 1.0), ValueError, r"`remembered` must .* \(0, 1\)"),
        (lambda: memory.balanced_design(0.0, 2, 0.5), ValueError, r"`lr_max` must .* \(0, inf\)"),
        (lambda: memory.balanced_design(0.1, 0, 0.5), ValueError, "`steps` must be at least 1"),
        (lambda: memory.balanced_design(0.1, 2, 1.0), ValueError, r"`remembered` must .* \(0, 1\)"),
    ],
)
def test_bad_input_of_each_kind_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
