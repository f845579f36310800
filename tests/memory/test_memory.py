"""Memory of weight decay: coefficients of past gradients, and the schedules that make them equal."""

import numpy as np
import pytest

from optnotes import memory, schedules


def naive(lr, decay, steps, beta1=0.0):
    """Run the optimiser on one unit gradient per step: row j of the identity is gradient j."""
    momentum, theta, start = np.zeros(steps), np.zeros(steps), 1.0
    for rate, shrink, gradient in zip(lr, decay, np.eye(steps), strict=True):
        momentum = beta1 * momentum + (1 - beta1) * gradient
        theta = (1 - rate * shrink) * theta + rate * momentum
        start *= 1 - rate * shrink
    return theta / theta.sum(), start


def shapes(steps):
    yield schedules.constant(0.01)
    yield schedules.linear(0.01, steps, warmup=steps // 10)
    yield schedules.cosine(0.01, steps)
    yield schedules.wsd(0.01, steps, decay_steps=steps // 5, warmup=steps // 10)
    yield schedules.inverse_sqrt(0.01, 0.1)


def test_halving_doubles_the_weights_from_batch_to_batch():
    # 1 − ηλ = 1/2, so the weights are 1 : 2 : 4 : 8
    np.testing.assert_allclose(memory.batch_weights(0.5, 1.0, 4, beta1=0), np.array([1, 2, 4, 8]) / 15, rtol=1e-15)


def test_constant_rates_leave_a_geometric_share_of_the_start():
    assert memory.initial_weight(0.01, 0.5, 1000) == pytest.approx(0.995**1000, rel=1e-13)


@pytest.mark.parametrize("beta1", [0.0, 0.9])
def test_weights_agree_with_a_run_of_the_optimiser(beta1):
    steps = 60
    for schedule in shapes(steps):
        decay = np.linspace(1, 8, steps)
        weights, start = naive(schedules.per_step("lr", schedule, steps), decay, steps, beta1)
        # 1e-13: sixty products and sums of positive numbers
        np.testing.assert_allclose(memory.batch_weights(schedule, decay, steps, beta1), weights, rtol=1e-13)
        assert memory.initial_weight(schedule, decay, steps) == pytest.approx(start, rel=1e-13)


def test_weights_without_decay_follow_the_learning_rate():
    lr = np.array([3.0, 0.0, 1.0])
    np.testing.assert_array_equal(memory.batch_weights(lr, 0.0, 3, beta1=0), lr / 4)


@pytest.mark.parametrize("kappa", [1e-6, 1.0, 1e3])
def test_weights_are_finite_for_every_amount_of_decay(kappa):
    steps = 20_000
    schedule = schedules.cosine(1e-3, steps)
    weights = memory.batch_weights(schedule, kappa / float(schedule.total(steps)), steps, 0.9)
    assert np.isfinite(weights).all()
    assert weights.sum() == pytest.approx(1, rel=1e-13)


def test_memory_period_is_exact():
    age = memory.memory_steps(1e-3, 0.1, 0.01)
    assert (1 - 1e-4) ** float(age) == pytest.approx(0.01, rel=1e-12)
    assert float(age) == pytest.approx(-np.log(0.01) / 1e-4, rel=1e-4)  # the source's form, relative error ηλ/2


def test_memory_without_decay_is_endless():
    np.testing.assert_array_equal(memory.memory_steps([0.0, 1.0], 0.0, 0.5), [np.inf, np.inf])


@pytest.mark.parametrize("beta1", [0.0, 0.9])
def test_balanced_rates_weight_every_batch_equally(beta1):
    steps = 5000
    decay = 0.3 + 0.2 * np.sin(np.arange(steps))
    lr = memory.balanced_lr(0.5, decay, steps, beta1)
    # 1e-11: the weights undo 5000 products of factors that are rounded to 1e-16
    np.testing.assert_allclose(memory.batch_weights(lr, decay, steps, beta1) * steps, 1, rtol=1e-11)


def test_balanced_rates_are_the_inverse_time_schedule():
    t = np.arange(1, 1001)
    np.testing.assert_allclose(memory.balanced_lr(0.2, 0.5, 1000, beta1=0), 0.2 / (1 + 0.1 * (t - 1)), rtol=1e-14)


@pytest.mark.parametrize("decay", [1e-6, 0.1, 0.999])
def test_coupled_rates_weight_every_batch_equally(decay):
    lr, weight_decay = memory.balanced_lr_and_decay(1.0, decay, 5000)
    np.testing.assert_allclose(memory.batch_weights(lr, weight_decay, 5000, beta1=0) * 5000, 1, rtol=1e-11)
    np.testing.assert_allclose(weight_decay, decay * lr, rtol=1e-15)


def test_inverse_square_root_misses_the_coupled_rates_to_first_order():
    q, steps = 1e-5, 10**6
    lr, _ = memory.balanced_lr_and_decay(1.0, q, steps)
    growth = 1 + 2 * q * np.arange(steps)
    error = 1 / np.sqrt(growth) / lr - 1
    # the second order is a share q of the first
    np.testing.assert_allclose(error, -q * np.log(growth) / (4 * growth), atol=10 * q**2)


def test_one_step_and_no_decay_are_balanced():
    np.testing.assert_array_equal(memory.balanced_lr(0.5, 1.0, 1, 0.9), [0.5])
    np.testing.assert_array_equal(memory.balanced_lr(0.5, 0.0, 3, beta1=0), [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(memory.balanced_lr_and_decay(0.5, 0.0, 2), [[0.5, 0.5], [0, 0]])


def test_effective_number_counts_equal_weights():
    assert memory.effective_batches(np.full(7, 0.25)) == pytest.approx(7, rel=1e-15)
    # geometric weights with ratio 1 − ηλ → 1 count 2/(ηλ) − 1 of them: (1 + r)/(1 − r)
    assert memory.effective_batches(memory.batch_weights(0.01, 1.0, 10_000, beta1=0)) == pytest.approx(199, rel=1e-12)


def test_forgotten_fraction_is_what_lies_beyond_the_memory_period():
    steps, age = 100_000, memory.memory_steps(1e-3, 0.1, 0.1)
    weights = memory.batch_weights(1e-3, 0.1, steps, beta1=0)
    assert memory.forgotten_fraction(weights, 0.1) == (steps - np.ceil(age)) / steps


@pytest.mark.parametrize("remembered", [1e-12, 0.1, 1 - 1e-9])
def test_decay_for_memory_leaves_the_share_asked_for(remembered):
    for schedule in shapes(500):
        decay = memory.decay_for_memory(schedule, 500, remembered)
        forgotten = 1 - memory.initial_weight(schedule, decay, 500)
        assert forgotten == pytest.approx(1 - remembered, rel=1e-6)  # 1e-16 absolute of 1e-9


def test_balanced_design_is_balanced_and_remembers():
    decay, schedule = memory.balanced_design(1e-3, 4000, 0.02)
    np.testing.assert_allclose(memory.batch_weights(schedule, decay, 4000, beta1=0) * 4000, 1, rtol=1e-11)
    assert memory.initial_weight(schedule, decay, 4000) == pytest.approx(0.02, rel=1e-11)


def test_arguments_are_left_alone():
    lr, decay = np.full(4, 0.1), np.full(4, 0.5)
    memory.batch_weights(lr, decay, 4, 0.9)
    memory.balanced_lr(0.1, decay, 4, 0.9)
    assert (lr == 0.1).all()
    assert (decay == 0.5).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: memory.batch_weights(0.5, 2.0, 3, beta1=0),
            r"`lr·weight_decay` must be below 1 at every step, got 1.0; lower",
        ),
        (lambda: memory.batch_weights(-0.5, 2.0, 3, beta1=0), "`lr` must be finite and lie in"),
        (lambda: memory.batch_weights(0.0, 2.0, 3, beta1=0), "`lr` must be positive at some step, got 0.0"),
        (lambda: memory.batch_weights(0.1, 2.0, 0, beta1=0), "`steps` must be at least 1, got 0"),
        (lambda: memory.batch_weights(0.1, 2.0, 3, 1.0), r"`beta1` must be finite and lie in \[0, 1\), got 1.0"),
        (lambda: memory.initial_weight([0.1, 0.1], 2.0, 3), r"`lr` must be a number, .* array of shape \(3,\)"),
        (lambda: memory.memory_steps(0.1, 1.0, 1.0), r"`threshold` must be finite and lie in \(0, 1\), got 1.0"),
        (lambda: memory.memory_steps(1.0, 1.0, 0.5), "`lr·weight_decay` must be below 1"),
        (lambda: memory.balanced_lr(0.0, 1.0, 5, beta1=0), r"`lr_max` must be finite and lie in \(0, inf\), got 0.0"),
        (lambda: memory.balanced_lr(2.0, 1.0, 5, beta1=0), "`lr·weight_decay` must be below 1"),
        (lambda: memory.balanced_lr_and_decay(1.0, 1.0, 5), "`lr·weight_decay` must be below 1"),
        (lambda: memory.effective_batches([0.0, 0.0]), "`weights` must be one row with a positive entry"),
        (lambda: memory.forgotten_fraction([1.0], 0.0), r"`threshold` must be finite and lie in \(0, 1\)"),
        (lambda: memory.decay_for_memory(0.0, 5, 0.5), "`lr` must be positive at some step"),
        (lambda: memory.decay_for_memory(0.1, 1, 1e-30), "`remembered` must be reachable with λη < 1, got 1e-30"),
        (lambda: memory.balanced_design(0.1, 5, 0.0), r"`remembered` must be finite and lie in \(0, 1\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_comparison_sees_rates_that_are_only_nearly_balanced():
    t = np.arange(1, 5001)
    lr = 1 / np.sqrt(1 + 0.2 * (t - 1))
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(memory.batch_weights(lr, 0.1 * lr, 5000, beta1=0) * 5000, 1, rtol=1e-11)


def test_effective_number_does_not_depend_on_the_size_of_the_weights():
    for size in (1e-300, 1.0, 1e300):
        assert memory.effective_batches([size, size, 0.0]) == 2


def test_a_design_out_of_reach_of_double_precision_is_refused():
    with pytest.raises(ValueError, match="`remembered` must be reachable with λη < 1, got 1e-20"):
        memory.balanced_design(0.1, 10, 1e-20)
    with pytest.raises(ValueError, match="`lr_max` must be large enough for a finite weight decay"):
        memory.balanced_design(1e-310, 10, 0.5)
    with pytest.raises(ValueError, match="`lr` must be large enough for a finite weight decay"):
        memory.decay_for_memory(1e-310, 10, 0.5)
