"""Checks of arguments at the public door; inside, functions trust what they get.

Every message names the argument, the rule, the value received and, where there is one, the remedy.
"""

import math
import operator
from collections.abc import Collection
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


class Phrase(str):
    """Words of a message, shown without quotation marks."""

    __slots__ = ()
    __repr__ = str.__str__


def require(holds: object, name: str, rule: str, value: object, remedy: str = "") -> None:
    """Raise `ValueError` unless `holds`: "`name` must <rule>, got <value>; <remedy>"."""
    if not holds:
        raise ValueError(f"`{name}` must {rule}, got {_shown(value)}{'; ' + remedy if remedy else ''}")


def real_array(
    name: str,
    value: ArrayLike,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    low_open: bool = False,
    high_open: bool = False,
    infinite: bool = False,
    remedy: str = "",
) -> FloatArray:
    """Return `value` as a new float64 array of finite numbers in the interval, or raise; `infinite` lets ±∞ pass.

    A real number is what converts to a float: those of NumPy in any precision, fractions, decimals, those of mpmath.
    """
    array = _floats(name, value)
    above = array > low if low_open else array >= low
    below = array < high if high_open else array <= high
    valid = np.isfinite(array) & above & below | (infinite & np.isinf(array))
    if not valid.all():
        rule = "not be nan" if infinite else "be finite"
        rule += _interval(low, high, low_open=low_open, high_open=high_open)
        require(False, name, rule, first_where(~valid, array), remedy)
    return array


def first_where(mask: NDArray[np.bool_], array: FloatArray) -> Phrase:
    """Return the first marked value of `array` in words, with its index where there is one."""
    place = tuple(map(int, np.argwhere(mask)[0]))
    index = f" at index {place[0] if len(place) == 1 else place}" if place else ""
    return Phrase(f"{array[place]}{index}")


def real_number(
    name: str,
    value: float,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    low_open: bool = False,
    high_open: bool = False,
    remedy: str = "",
) -> float:
    """Return `value` as a float if it is one finite number in the interval, or raise."""
    array = real_array(name, value, low=low, high=high, low_open=low_open, high_open=high_open, remedy=remedy)
    if array.ndim:
        raise TypeError(f"`{name}` must be one number, got an array of shape {array.shape}")
    return float(array)


def integer(name: str, value: int, *, low: int | None = None, high: int | None = None, remedy: str = "") -> int:
    """Return `value` as an int if it is a whole number in the closed range, or raise; 3.0 is a whole number."""
    whole = _whole(value)
    if whole is None:
        raise TypeError(f"`{name}` must be an integer, got {_shown(value)}")
    require(low is None or whole >= low, name, f"be at least {low}", value, remedy)
    require(high is None or whole <= high, name, f"be at most {high}", value, remedy)
    return whole


def choice(name: str, value: str, options: Collection[str]) -> str:
    """Return `value` if it is one of `options`, or raise."""
    require(isinstance(value, str) and value in options, name, f"be one of {', '.join(map(repr, options))}", value)
    return value


def real_matrix(name: str, value: ArrayLike) -> FloatArray:
    """Return `value` as a new float64 array of shape (n, m), n, m ≥ 1, with finite entries, or raise."""
    matrix = real_array(name, value)
    require(matrix.ndim == 2, name, "have two dimensions", f"shape {matrix.shape}")
    require(matrix.size, name, "have at least one row and one column", f"shape {matrix.shape}")
    return matrix


def generator(name: str, value: np.random.Generator) -> np.random.Generator:
    """Return `value` if it is a NumPy random generator, or raise."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(
            f"`{name}` must be a numpy.random.Generator, got {_shown(value)}; pass numpy.random.default_rng(seed)"
        )
    return value


def _floats(name: str, value: ArrayLike) -> FloatArray:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"`{name}` must be a regular array, got rows of different lengths: {_shown(value)}") from None
    if array.dtype.kind not in "iuf" and not (array.dtype.kind == "O" and all(map(_is_real, array.flat))):
        raise TypeError(f"`{name}` must be real numbers, got {_shown(value)} of dtype {array.dtype}")
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise ValueError(f"`{name}` must fit into a float64, got {_shown(value)}") from None


def _is_real(item: object) -> bool:
    return isinstance(item, (Real, Decimal)) and not isinstance(item, (bool, np.bool_))


def _whole(value: Any) -> int | None:
    value = value[()] if isinstance(value, np.ndarray) and not value.ndim else value
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return int(value) if _is_real(value) and math.isfinite(value) and value == int(value) else None


def _interval(low: float, high: float, *, low_open: bool, high_open: bool) -> str:
    if np.isinf(low) and np.isinf(high):
        return ""
    left = "(" if low_open or np.isinf(low) else "["
    right = ")" if high_open or np.isinf(high) else "]"
    return f" and lie in {left}{low:g}, {high:g}{right}"


def _shown(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10**80:
        return "an integer of more than 80 digits"
    text = str(value) if isinstance(value, np.generic) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
