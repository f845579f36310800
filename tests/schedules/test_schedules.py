"""Schedules: rates, and their integrals against quadrature and against the sum over the steps."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from optnotes import schedules

STEPS, WARMUP = 40, 7
ALL = {
    "constant": schedules.constant(0.3, warmup=WARMUP),
    "linear": schedules.linear(0.3, STEPS, lr_end=0.02, warmup=WARMUP),
    "cosine": schedules.cosine(0.3, STEPS, lr_end=0.02, warmup=WARMUP),
    "wsd": schedules.wsd(0.3, STEPS, decay_steps=11, lr_end=0.01, warmup=WARMUP),
    "inverse_time": schedules.inverse_time(0.3, 0.1, warmup=WARMUP),
    "inverse_sqrt": schedules.inverse_sqrt(0.3, 0.1, warmup=WARMUP),
}
EXACT = 2e-15  # relative: a handful of roundings


def quadrature(rate, t):
    knots = [0, *(k for k in (WARMUP, STEPS - 11) if k < t), t]
    return sum(quad(rate, a, b, epsabs=0, epsrel=1e-13)[0] for a, b in itertools.pairwise(knots) if b > a)


def test_linear_has_the_integrals_of_the_source():
    a, b, t = 0.7, 0.2, 31
    schedule = schedules.linear(a, t, lr_end=b)
    np.testing.assert_allclose(schedule.total(t), (a + b) * t / 2, rtol=EXACT)
    np.testing.assert_allclose(schedule.total_square(t), (a**2 + a * b + b**2) * t / 3, rtol=EXACT)


def test_cosine_has_the_integrals_of_the_source():
    a, b, t = 0.7, 0.2, 31
    schedule = schedules.cosine(a, t, lr_end=b)
    np.testing.assert_allclose(schedule.total(t), (a + b) * t / 2, rtol=EXACT)
    np.testing.assert_allclose(schedule.total_square(t), (3 * b**2 + 2 * a * b + 3 * a**2) * t / 8, rtol=EXACT)


def test_wsd_has_the_integrals_of_the_source():
    t1, t2, t = 5, 31, 40
    schedule = schedules.wsd(0.7, t, decay_steps=t - t2, warmup=t1)
    np.testing.assert_allclose(schedule.total(t), 0.7 * (t + t2 - t1) / 2, rtol=EXACT)
    np.testing.assert_allclose(schedule.total_square(t), 0.49 * (t + 2 * t2 - 2 * t1) / 3, rtol=EXACT)


def test_inverse_schedules_have_logarithms():
    t, rate = 1e6, 3e-4
    np.testing.assert_allclose(schedules.inverse_time(2, rate).total(t), 2 * np.log1p(rate * t) / rate, rtol=EXACT)
    np.testing.assert_allclose(schedules.inverse_sqrt(2, rate).total_square(t), 4 * np.log1p(300) / rate, rtol=EXACT)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("t", [0.5, 7, 20.5, 31.7, 40])
def test_integrals_agree_with_quadrature(name, t):
    schedule = ALL[name]
    # 1e-12: the quadrature asks for 1e-13 on each of three pieces
    np.testing.assert_allclose(schedule.total(t), quadrature(schedule, t), rtol=1e-12)
    np.testing.assert_allclose(schedule.total_square(t), quadrature(lambda x: schedule(x) ** 2, t), rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_warm_up_reaches_the_peak_at_its_last_step(name):
    rates = schedules.per_step("lr", ALL[name], STEPS)
    np.testing.assert_allclose(rates[:WARMUP], 0.3 * np.arange(1, WARMUP + 1) / WARMUP, rtol=EXACT)
    assert rates.argmax() == WARMUP - 1


def test_finite_schedules_end_exactly_at_their_last_rate():
    ends = [float(ALL[name](STEPS)) for name in ("linear", "cosine", "wsd")]
    assert ends == [0.02, 0.02, 0.01]
    assert schedules.cosine(1.0, 9)(9) == 0


def test_sum_over_the_steps_is_the_integral_and_half_the_difference_of_the_ends():
    schedule, steps = schedules.cosine(0.3, 2000, lr_end=0.1), 2000
    correction = (schedule(steps) - schedule(0)) / 2
    # the next term of Euler and Maclaurin holds η'(T) − η'(0) = 0; the one after is below rounding
    np.testing.assert_allclose(schedule(np.arange(1, 2001)).sum() - schedule.total(steps), correction, rtol=1e-10)


def test_ten_million_steps_keep_their_digits():
    steps = 10_000_000
    schedule = schedules.cosine(1e-3, steps)
    assert schedules.per_step("lr", schedule, steps)[-2] == pytest.approx(1e-3 * (np.pi / 2 / steps) ** 2, rel=1e-9)
    np.testing.assert_allclose(schedule.total(steps), 5e3, rtol=EXACT)


def test_schedules_are_frozen_and_equal_by_value():
    assert schedules.linear(1.0, 5) == schedules.linear(1.0, 5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALL["linear"].pieces = ()


def test_call_keeps_the_shape_and_accepts_nothing():
    assert ALL["wsd"](np.zeros((2, 3))).shape == (2, 3)
    assert ALL["wsd"].total([]).shape == (0,)
    assert ALL["wsd"](3).shape == ()


def test_zero_rate_is_a_schedule():
    assert schedules.linear(0.0, 5).total_square(5) == 0


def test_per_step_takes_numbers_arrays_and_schedules():
    np.testing.assert_array_equal(schedules.per_step("lr", 2, 3), [2, 2, 2])
    np.testing.assert_array_equal(schedules.per_step("lr", [3, 2, 1], 3), [3, 2, 1])
    np.testing.assert_array_equal(schedules.per_step("lr", schedules.linear(4.0, 4), 2), [3, 2])


def test_per_step_copies():
    rates = np.ones(3)
    schedules.per_step("lr", rates, 3)[0] = 5
    assert rates[0] == 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: schedules.constant(-1.0), r"`lr_max` must be finite and lie in \[0, inf\), got -1"),
        (lambda: schedules.linear(1.0, 0), "`steps` must be at least 1, got 0; a run has at least one step"),
        (lambda: schedules.cosine(1.0, 5, warmup=5), "`warmup` must be less than steps = 5, got 5; shorten it"),
        (lambda: schedules.cosine(1.0, 5, warmup=-1), "`warmup` must be at least 0, got -1"),
        (lambda: schedules.wsd(1.0, 5, decay_steps=4, warmup=2), "`decay_steps` must be at most steps − warmup = 3"),
        (lambda: schedules.linear(1.0, 5, lr_end=-0.1), "`lr_end` must be finite and lie in"),
        (lambda: schedules.inverse_time(1.0, 0.0), "`decay` must .* for a rate that stays use constant"),
        (lambda: schedules.linear(1.0, 5)(6), "`t` must .*lie in .*5.*, got 6.0; ask for times within the schedule"),
        (lambda: schedules.per_step("lr", schedules.linear(1.0, 5), 6), "`lr` must cover 6 steps"),
        (
            lambda: schedules.per_step("lr", [1.0, 2.0], 3),
            r"`lr` must be a number, .* array of shape \(3,\), got 'shape",
        ),
        (lambda: schedules.per_step("decay", [-1.0, 2.0], 2), "`decay` must be finite and lie in .* got -1.0"),
    ],
)
def test_bad_input_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_the_comparison_sees_a_wrong_factor():
    schedule = ALL["cosine"]
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(schedule.total_square(40), quadrature(schedule, 40) ** 2 / 40, rtol=1e-12)
