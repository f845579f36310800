"""Checks of arguments at the public door; inside, functions trust what they get.

Every message names the argument, the rule, the value received and, where there is one, the remedy.
"""

import operator
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


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
    remedy: str = "",
) -> FloatArray:
    """Return `value` as a new float64 array of finite numbers in the interval, or raise."""
    array = _floats(name, value)
    above = array > low if low_open else array >= low
    below = array < high if high_open else array <= high
    valid = np.isfinite(array) & above & below
    if not valid.all():
        rule = "be finite" + _interval(low, high, low_open=low_open, high_open=high_open)
        require(False, name, rule, array[~valid].flat[0], remedy)
    return array


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
    """Return `value` as an int if it is a whole number in the closed range, or raise."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be an integer, got {_shown(value)}") from None
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
    if array.dtype.kind == "O" and all(isinstance(item, int) and not isinstance(item, bool) for item in array.flat):
        require(all(abs(item) < 2**1023 for item in array.flat), name, "fit into a float64", value)
    elif array.dtype.kind not in "iuf":
        raise TypeError(f"`{name}` must be real numbers, got {_shown(value)} of dtype {array.dtype}")
    return array.astype(np.float64)


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
