"""Schedules: rates against their definitions in plain loops, integrals against quadrature, scale, ends, bad input."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from optnotes import schedules

rates = st.floats(1e-4, 10.0)
starts = st.integers(0, 9)
FINITE = ("linear", "cosine", "wsd")
ENDLESS = ("constant", "inverse_time", "inverse_sqrt")


@st.composite
def cases(draw, names=FINITE + ENDLESS):
    """Return a name with keyword arguments of the function of that name."""
    name, warmup = draw(st.sampled_from(names)), draw(starts)
    options = {"lr_max": draw(rates), "warmup": warmup}
    if name in FINITE:
        options |= {"steps": warmup + draw(st.integers(1, 30)), "lr_end": draw(st.sampled_from([0.0]) | rates)}
    if name == "wsd":
        options["decay_steps"] = draw(st.integers(0, options["steps"] - warmup))
    if name.startswith("inverse"):
        options["decay"] = draw(st.floats(1e-3, 5.0))
    return name, options


def plain_rate(name, t, *, lr_max, warmup, steps=math.inf, lr_end=0.0, decay_steps=0, decay=0.0):
    if t < warmup:
        return lr_max * t / warmup
    s, length = t - warmup, steps - warmup
    if name == "constant":
        return lr_max
    if name == "linear":
        return lr_max + (lr_end - lr_max) * s / length
    if name == "cosine":
        return lr_end + (lr_max - lr_end) * (1 + math.cos(math.pi * s / length)) / 2
    if name == "wsd":
        fallen = t - (steps - decay_steps)
        return lr_max if fallen <= 0 else lr_max + (lr_end - lr_max) * fallen / decay_steps
    return lr_max / (1 + decay * s) if name == "inverse_time" else lr_max / math.sqrt(1 + decay * s)


def build(name, options):
    return getattr(schedules, name)(**options)


def largest(options):
    return max(options["lr_max"], options.get("lr_end", 0.0))


def horizon(options):
    return options.get("steps", options["warmup"] + 25)


def quadrature(rate, t, options):
    knots = {0.0, t, float(options["warmup"]), float(options.get("steps", 0) - options.get("decay_steps", 0))}
    inside = sorted(k for k in knots if 0 <= k <= t)
    return sum(quad(rate, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in itertools.pairwise(inside))


@given(cases())
def test_rates_are_those_of_the_definition_at_every_half_step(case):
    name, options = case
    times = np.arange(0, 2 * horizon(options) + 1) / 2
    expected = [plain_rate(name, t, **options) for t in times.tolist()]
    # a few roundings; near an end the plain cosine cancels to 1e-16 of the larger one
    np.testing.assert_allclose(build(name, options)(times), expected, rtol=1e-13, atol=4e-16 * largest(options))


@given(cases(), st.floats(0.0, 1.0))
def test_both_integrals_are_the_quadrature_of_the_definition(case, share):
    name, options = case
    t = share * horizon(options)
    schedule = build(name, options)
    tiny = 1e-13 * options["lr_max"]  # times of 1e-300 and less underflow in one of the two
    line = quadrature(lambda x: plain_rate(name, x, **options), t, options)
    square = quadrature(lambda x: plain_rate(name, x, **options) ** 2, t, options)
    # 1e-10: the quadrature asks for 1e-12 on each piece, and differences of pieces lose a digit or two
    np.testing.assert_allclose(schedule.total(t), line, rtol=1e-10, atol=tiny)
    np.testing.assert_allclose(schedule.total_square(t), square, rtol=1e-10, atol=tiny * options["lr_max"])


@given(cases(), st.sampled_from([1e-90, 0.5, 1e90]))
def test_the_unit_of_the_rate_scales_the_integral_once_and_its_square_twice(case, unit):
    name, options = case
    scaled = {key: value * unit if key.startswith("lr") else value for key, value in options.items()}
    plain, other = build(name, options), build(name, scaled)
    times = np.linspace(0.0, horizon(options), 7)
    np.testing.assert_allclose(other(times), unit * plain(times), rtol=1e-14)
    np.testing.assert_allclose(other.total(times), unit * plain.total(times), rtol=1e-13)
    np.testing.assert_allclose(other.total_square(times), unit**2 * plain.total_square(times), rtol=1e-13)


@given(cases(FINITE))
def test_a_finite_schedule_lasts_its_steps_and_ends_at_its_last_rate(case):
    name, options = case
    schedule = build(name, options)
    flat = name == "wsd" and options["decay_steps"] == 0
    assert schedule.steps == options["steps"]
    assert float(schedule(options["steps"])) == (options["lr_max"] if flat else options["lr_end"])
    with pytest.raises(ValueError, match="`t` must"):
        schedule(np.nextafter(options["steps"], np.inf))


@given(cases(ENDLESS))
def test_an_endless_schedule_lasts_for_ever(case):
    assert build(*case).steps == math.inf


@given(cases())
def test_rates_stay_between_zero_and_the_larger_end(case):
    name, options = case
    values = build(name, options)(np.linspace(0, horizon(options), 101))
    assert (values >= 0).all()
    assert values.max() <= largest(options) * (1 + 1e-15)


@given(cases())
def test_integrals_never_fall_and_their_squares_obey_cauchy(case):
    schedule, times = build(*case), np.linspace(0, horizon(case[1]), 51)
    total, square = schedule.total(times), schedule.total_square(times)
    assert (np.diff(total) >= -1e-15 * total[-1]).all()
    assert (total**2 <= times * square * (1 + 1e-12)).all()  # (∫η)² ≤ t∫η²


@pytest.mark.parametrize("name", FINITE)
def test_a_schedule_falls_to_zero_and_starts_at_its_peak_unless_told_otherwise(name):
    schedule = build(name, {"lr_max": 2.0, "steps": 6} | ({"decay_steps": 3} if name == "wsd" else {}))
    assert schedule(0) == 2.0
    assert schedule(6) == 0.0


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_schedule_starts_at_its_peak_unless_told_otherwise(name):
    assert build(name, {"lr_max": 2.0} | ({} if name == "constant" else {"decay": 0.5}))(0) == 2.0


def test_slow_inverse_schedules_are_constant():
    for build_slow in (schedules.inverse_time, schedules.inverse_sqrt):
        slow = build_slow(0.3, 1e-14)
        np.testing.assert_allclose([slow(10.0), slow.total(10.0) / 10, slow.total_square(10.0) / 3], 0.3, rtol=1e-12)


@given(cases(FINITE), st.integers(1, 5))
def test_per_step_lists_the_rates_of_whole_steps(case, missing):
    name, options = case
    steps = options["steps"]
    expected = [plain_rate(name, float(t), **options) for t in range(1, steps + 1)]
    found = schedules.per_step("lr", build(name, options), steps)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=4e-16 * largest(options))
    with pytest.raises(ValueError, match=f"`lr` must cover {steps + missing} steps"):
        schedules.per_step("lr", build(name, options), steps + missing)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("name", FINITE + ENDLESS)
def test_a_rate_that_is_no_finite_non_negative_number_is_named(name, value):
    options = {"linear": {"steps": 4}, "cosine": {"steps": 4}, "wsd": {"steps": 4, "decay_steps": 1}, "constant": {}}
    rest = options.get(name, {"decay": 1.0})
    with pytest.raises(ValueError, match="`lr_max` must be finite and lie in"):
        build(name, {"lr_max": value} | rest)
    if name in FINITE:
        with pytest.raises(ValueError, match="`lr_end` must be finite and lie in"):
            build(name, {"lr_max": 1.0, "lr_end": value} | rest)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: schedules.constant("fast"), TypeError, "`lr_max` must be real numbers"),
        (lambda: schedules.constant([1.0]), TypeError, r"`lr_max` must be one number, got an array of shape \(1,\)"),
        (lambda: schedules.constant(1.0, warmup=1.5), TypeError, "`warmup` must be an integer, got 1.5"),
        (lambda: schedules.constant(1.0, warmup=-1), ValueError, "`warmup` must be at least 0, got -1"),
        (lambda: schedules.linear(1.0, 4.5), TypeError, "`steps` must be an integer, got 4.5"),
        (lambda: schedules.linear(1.0, 4, warmup=4), ValueError, "`warmup` must be less than steps = 4, got 4"),
        (lambda: schedules.wsd(1.0, 4, decay_steps=-1), ValueError, "`decay_steps` must be at least 0, got -1"),
        (lambda: schedules.wsd(1.0, 4, decay_steps=4, warmup=1), ValueError, "`decay_steps` must be at most .* = 3"),
        (lambda: schedules.inverse_sqrt(1.0, 0.0), ValueError, "`decay` must be finite and lie in"),
        (lambda: schedules.inverse_sqrt(1.0, -0.5), ValueError, "`decay` must be finite and lie in"),
        (lambda: schedules.constant(1.0)(-1.0), ValueError, "`t` must be finite and lie in"),
        (lambda: schedules.constant(1.0).total(math.nan), ValueError, "`t` must be finite and lie in"),
        (lambda: schedules.constant(1.0).total_square(["a"]), TypeError, "`t` must be real numbers"),
        (lambda: schedules.per_step("lr", 1.0, 0), ValueError, "`steps` must be at least 1, got 0"),
        (lambda: schedules.per_step("λ", [[1.0]], 1), ValueError, "`λ` must be a number, a Schedule or an array"),
    ],
)
def test_bad_input_of_each_kind_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@given(st.integers(0, 3), st.integers(1, 3))
def test_nothing_may_follow_an_endless_piece(before, after):
    endless, piece = schedules.constant(1.0).pieces, schedules.linear(1.0, 4).pieces
    assert schedules.Schedule(piece * before + endless).steps == math.inf
    for tail in (piece * after, endless * after):
        with pytest.raises(
            ValueError, match=rf"^`pieces` must end with the endless one, got the length inf at index {before} "
        ):
            schedules.Schedule(piece * before + endless + tail)


def test_a_schedule_has_a_piece_and_each_lasts():
    with pytest.raises(ValueError, match=r"^`pieces` must hold a piece, got none; a rate of zero is constant\(0\.0\)$"):
        schedules.Schedule(())
    piece = schedules.linear(1.0, 4).pieces[0]
    for length in (0.0, -1.0, math.nan):
        empty = dataclasses.replace(piece, length=length)
        with pytest.raises(
            ValueError, match=rf"must last longer than 0 each, got the length {length:g} at index 1 of 2"
        ):
            schedules.Schedule((piece, empty))


@given(st.integers(4, 40), st.integers(0, 3))
def test_whole_floats_are_numbers_of_steps(steps, warmup):
    for shape in (schedules.linear, schedules.cosine):
        assert shape(1.0, float(steps), warmup=float(warmup)) == shape(1.0, steps, warmup=warmup)
    wsd = schedules.wsd(1.0, float(steps), decay_steps=1.0, warmup=float(warmup))
    assert wsd == schedules.wsd(1.0, steps, decay_steps=1, warmup=warmup)
    assert schedules.per_step("lr", 0.5, float(steps)).tolist() == [0.5] * steps
