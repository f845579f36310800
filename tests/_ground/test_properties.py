"""Properties of the ground floor: checks of arguments, Gauss–Legendre quadrature, linear recurrences."""

import math
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from optnotes._ground.arguments import choice, generator, integer, real_array, real_matrix, real_number, require
from optnotes._ground.quadrature import gauss, interval
from optnotes._ground.recurrence import linear_recurrence, running_sum

finite = st.floats(-1e9, 1e9)


# Arguments. The oracle is Python's own comparison; every message is compared as a whole.


@given(st.lists(finite, min_size=1, max_size=4), finite, finite, st.booleans(), st.booleans())
@example([1.0], 1.0, 2.0, True, False)
@example([1.0], 1.0, 2.0, False, False)
@example([2.0], 1.0, 2.0, False, True)
@example([2.0], 1.0, 2.0, False, False)
def test_an_array_passes_if_and_only_if_each_number_lies_in_the_interval(values, low, high, low_open, high_open):
    inside = [(low < x if low_open else low <= x) and (x < high if high_open else x <= high) for x in values]
    limits = {"low": low, "high": high, "low_open": low_open, "high_open": high_open, "remedy": "turn back"}
    if all(inside):
        assert real_array("x", values, **limits).tolist() == values
        return
    ends = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"
    first = np.float64(values[inside.index(False)])
    with pytest.raises(ValueError, match=r"^`x` must") as caught:
        real_array("x", values, **limits)
    where = f"{first} at index {inside.index(False)}"
    assert str(caught.value) == f"`x` must be finite and lie in {ends}, got {where}; turn back"
    with pytest.raises(ValueError, match=r"^`x` must") as caught:
        real_number("x", values[inside.index(False)], **limits)
    assert str(caught.value) == f"`x` must be finite and lie in {ends}, got {first}; turn back"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_without_an_interval_the_rule_is_to_be_finite(value):
    for check in (real_array, real_number):
        with pytest.raises(ValueError, match=f"^`x` must be finite, got {value}$"):
            check("x", value)
    assert real_array("x", [-1e308, 1e308]).tolist() == [-1e308, 1e308]


def test_an_infinite_end_of_an_interval_is_open():
    with pytest.raises(ValueError, match=r"^`x` must be finite and lie in \[1, inf\), got 0\.0$"):
        real_array("x", 0, low=1)
    with pytest.raises(ValueError, match=r"^`x` must be finite and lie in \(-inf, 1\], got 2\.0$"):
        real_array("x", 2, high=1)
    with pytest.raises(ValueError, match=r"^`x` must be finite and lie in \(1, inf\), got 1\.0$"):
        real_number("x", 1, low=1, low_open=True)
    with pytest.raises(ValueError, match=r"^`x` must be finite and lie in \(-inf, 1\), got 1\.0$"):
        real_number("x", 1, high=1, high_open=True)


@pytest.mark.parametrize("kind", [np.int8, np.uint64, np.float16, np.float32, np.float64])
def test_real_numbers_of_every_kind_become_a_new_array_of_float64(kind):
    given_array = np.array([[0, 1], [2, 3]], dtype=kind)
    array = real_array("x", given_array)
    assert array.dtype == np.float64
    assert array.tolist() == [[0, 1], [2, 3]]
    assert not np.shares_memory(array, given_array)
    assert not np.shares_memory(real_matrix("x", given_array), given_array)


@pytest.mark.parametrize("value", [True, [1.0, True, None], 1j, "1", None, [np.True_], b"1", [2**70, True]])
def test_what_is_no_real_number_is_a_type_error(value):
    for check in (real_array, real_number, real_matrix):
        with pytest.raises(TypeError, match=r"^`x` must be real numbers, got .* of dtype"):
            check("x", value)


def test_python_integers_pass_as_long_as_a_float_holds_them():
    assert real_array("x", [2**1023 - 1, -(2**70), 5]).tolist() == [2.0**1023, -(2.0**70), 5.0]
    assert real_number("x", 2**1023) == 2.0**1023
    for value in (2**1024, -(2**1024)):
        with pytest.raises(ValueError, match=r"^`x` must fit into a float64, got an integer of more than 80 digits$"):
            real_number("x", value)


@given(st.fractions(max_denominator=10**6) | st.decimals(allow_nan=False, allow_infinity=False, places=6) | finite)
def test_a_real_number_of_another_kind_is_its_float(value):
    kinds = [value, mpmath.mpf(float(value)), np.longdouble(float(value))]
    assert [real_number("x", kind) for kind in kinds] == [float(value)] * 3
    assert real_array("x", [value, 1, 0.5]).tolist() == [float(value), 1.0, 0.5]


def test_a_fraction_too_large_for_a_float_is_refused():
    with pytest.raises(ValueError, match=r"^`x` must fit into a float64, got Fraction\(10"):
        real_number("x", Fraction(10**400))


def test_infinity_passes_where_it_is_asked_for_and_nan_does_not():
    assert real_array("x", [-math.inf, 0.0, math.inf], infinite=True).tolist() == [-math.inf, 0.0, math.inf]
    with pytest.raises(ValueError, match=r"^`x` must not be nan, got nan at index \(1, 0\)$"):
        real_array("x", [[0.0], [math.nan]], infinite=True)


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_of_any_kind_is_an_integer(value):
    kinds = [
        float(value),
        np.float64(value),
        Fraction(value),
        Decimal(value),
        mpmath.mpf(value),
        np.array(float(value)),
    ]
    found = [integer("k", kind) for kind in kinds]
    assert found == [value] * len(kinds)
    assert {type(whole) for whole in found} == {int}


def test_the_ends_of_an_interval_belong_to_it_unless_they_are_open():
    assert real_array("x", [1, 2], low=1, high=2).tolist() == [1, 2]
    assert real_number("x", 1, low=1, high=1) == 1.0
    assert integer("k", 1, low=1, high=1) == 1


def test_one_number_is_no_array_and_a_ragged_list_is_none_either():
    with pytest.raises(TypeError, match=r"^`x` must be one number, got an array of shape \(1,\)$"):
        real_number("x", [2.0])
    with pytest.raises(ValueError, match=r"^`x` must be a regular array, got rows of different lengths: \[\["):
        real_array("x", [[1], [2, 3]])
    assert type(real_number("x", np.float32(0.5))) is float


@given(st.integers(-20, 20), st.none() | st.integers(-10, 10), st.none() | st.integers(-10, 10))
def test_an_integer_passes_if_and_only_if_it_lies_in_the_closed_range(value, low, high):
    if low is not None and value < low:
        rule = f"be at least {low}"
    elif high is not None and value > high:
        rule = f"be at most {high}"
    else:
        assert integer("k", np.int64(value), low=low, high=high) == value
        assert type(integer("k", np.int64(value))) is int
        return
    with pytest.raises(ValueError, match=r"^`k` must") as caught:
        integer("k", value, low=low, high=high, remedy="count")
    assert str(caught.value) == f"`k` must {rule}, got {value}; count"


@pytest.mark.parametrize("value", [True, np.False_, 2.5, "2", None, [2], math.inf, math.nan, 2 + 0j, Fraction(5, 2)])
def test_what_is_no_integer_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"^`k` must be an integer, got "):
        integer("k", value)


def test_a_choice_is_one_of_its_options_and_a_generator_a_generator():
    rng = np.random.default_rng(0)
    assert choice("way", "up", ("up", "down")) == "up"
    assert generator("rng", rng) is rng
    for wrong in ("u", 3, None):
        with pytest.raises(ValueError, match=r"^`way` must be one of 'up', 'down', got ") as caught:
            choice("way", wrong, ("up", "down"))
        assert str(caught.value).endswith(f"got {wrong!r}")
    with pytest.raises(TypeError, match=r"^`rng` must be a numpy\.random\.Generator, got 3; pass numpy"):
        generator("rng", 3)


@given(st.lists(st.integers(0, 3), max_size=3))
def test_a_matrix_has_two_dimensions_and_at_least_one_entry(shape):
    if len(shape) == 2 and min(shape) > 0:
        assert real_matrix("m", np.ones(shape)).shape == tuple(shape)
        return
    rule = "have at least one row and one column" if len(shape) == 2 else "have two dimensions"
    with pytest.raises(ValueError, match=f"^`m` must {rule}, got 'shape "):
        real_matrix("m", np.ones(shape))


def test_a_message_shows_eighty_characters_of_a_value():
    for value, shown in [
        ("a" * 78, repr("a" * 78)),
        ("a" * 79, repr("a" * 79)[:77] + "..."),
        (10**80 - 1, "9" * 80),
        (10**80, "an integer of more than 80 digits"),
        (-(10**80), "an integer of more than 80 digits"),
        (np.float64(2.5), "2.5"),
    ]:
        with pytest.raises(ValueError, match=r"^`x` must hold, got ") as caught:
            require(False, "x", "hold", value)
        assert str(caught.value) == f"`x` must hold, got {shown}"
    require(True, "x", "hold", None)


# Quadrature. The oracle is the antiderivative of a polynomial, term by term.


def polynomial(coefficients, x):
    return sum(c * x**k for k, c in enumerate(coefficients))


def antiderivative(coefficients, x):
    return sum(c * x ** (k + 1) / (k + 1) for k, c in enumerate(coefficients))


@given(st.integers(2, 12), st.data())
def test_gauss_quadrature_is_exact_up_to_twice_its_nodes(count, data):
    coefficients = data.draw(st.lists(st.integers(-9, 9), min_size=2 * count, max_size=2 * count))
    low, high = data.draw(st.floats(-2, 0)), data.draw(st.floats(0.5, 2))
    size = sum(abs(c) * 2.0**k for k, c in enumerate(coefficients)) + 1
    nodes, weights = interval(low, high, count)
    exact = antiderivative(coefficients, high) - antiderivative(coefficients, low)
    assert weights @ polynomial(coefficients, nodes) == pytest.approx(exact, abs=1e-14 * size * count)  # rounding
    assert ((nodes > low) & (nodes < high)).all()
    backward_nodes, backward = interval(high, low, count)
    assert backward @ polynomial(coefficients, backward_nodes) == pytest.approx(-exact, abs=1e-14 * size * count)


@given(st.integers(2, 12), st.data())
def test_the_primitive_is_exact_below_the_number_of_nodes(count, data):
    coefficients = data.draw(st.lists(st.integers(-9, 9), min_size=count, max_size=count))
    nodes, _, primitive = gauss(count)
    exact = antiderivative(coefficients, nodes) - antiderivative(coefficients, -1.0)
    assert primitive @ polynomial(coefficients, nodes) == pytest.approx(exact, abs=1e-13 * count)  # rounding of 9·count


# Recurrences. The oracle is a loop over exact fractions.

small = st.integers(-64, 64).map(lambda k: k / 32)


@given(st.lists(st.tuples(small, small), max_size=20), small)
def test_a_linear_recurrence_agrees_with_a_loop_over_fractions(pairs, start):
    factor, term = np.array(pairs, dtype=float).reshape(-1, 2).T
    values, size = [Fraction(start)], [abs(Fraction(start))]
    for a, b in pairs:
        values.append(Fraction(a) * values[-1] + Fraction(b))
        size.append(abs(Fraction(a)) * size[-1] + abs(Fraction(b)))
    found = linear_recurrence(factor, term, start)
    assert found.shape == (len(pairs) + 1,)
    for x, exact, bound in zip(found, values, size, strict=True):
        assert abs(x - float(exact)) <= 1e-14 * float(bound)  # 20 steps of two roundings each


@given(st.lists(small, max_size=30))
def test_a_running_sum_agrees_with_sums_over_fractions(terms):
    found = running_sum(np.array(terms, dtype=float))
    assert found.tolist() == [float(sum(map(Fraction, terms[: k + 1]))) for k in range(len(terms))]  # no rounding
