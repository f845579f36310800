"""The judges: each passes with evidence or raises `CheckError`; undecided and empty input fail.

Chapters hand a judge to `optnotes.claims.Chapter.claim`, which also lets the same judge reject a rival;
`RIVAL_REPLACES` names the argument that the rival takes the place of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

Z_MAX = 4.0
"""Largest accepted |z| of a Monte Carlo check: one false alarm in 16,000 before the seed is fixed."""


RIVAL_REPLACES = {
    "identity": "right",
    "limit": "expected",
    "order": "expected",
    "bound": "upper",
    "agree": "b",
    "approximate": "value",
    "monte_carlo": "expected",
}


class CheckError(AssertionError):
    """A judge did not pass: the statement is false, could not be decided, or was no statement."""


class RefutedError(CheckError):
    """A judge compared finite things and found the statement false; only this rejects a rival."""


@dataclass(frozen=True)
class Evidence:
    """What a judge saw: its `kind`, the `detail` to show, and the `figure` reached where there is one."""

    kind: str
    detail: str
    figure: float | None = None


def identity(left: sp.Basic | complex, right: sp.Basic | complex) -> Evidence:
    """Prove by SymPy that `left` − `right` is zero under the symbols' assumptions (rival: `right`).

    Both sides are expressions or matrices of one shape, without floating-point numbers.

    Raises
    ------
    CheckError
        The difference is not zero at a sample point, or no route decides.

    Examples
    --------
    >>> x = sp.Symbol("x", positive=True)
    >>> identity(sp.log(x**2), 2 * sp.log(x)).detail
    'expand'
    """
    entries = _difference(left, right)
    routes = [_route_to_zero(entry) for entry in entries]
    return Evidence("proved", max(routes, key=_ROUTES.index))


def limit(expression: sp.Expr, variable: sp.Symbol, point: sp.Expr | float, expected: sp.Expr | float) -> Evidence:
    """Prove that `expression` tends to `expected` as `variable` → `point` from above (at ∞ from below).

    The rival replaces `expected`.

    Examples
    --------
    >>> n = sp.Symbol("n", positive=True)
    >>> limit((1 + 1 / n) ** n, n, sp.oo, sp.E).detail
    'limit, then identical'
    """
    found = sp.limit(expression, variable, point)
    if isinstance(found, sp.Limit):
        raise CheckError(f"undecided: SymPy returns the limit of {expression} unevaluated")
    if sp.sympify(expected).is_infinite or found.is_infinite:
        if found != expected:
            raise RefutedError(f"the limit is {found}, not {expected}")
        return Evidence("proved", "limit")
    side = "" if sp.sympify(point).is_infinite else " from above"
    return Evidence("proved", f"limit{side}, then {identity(found, expected).detail}")


def order(errors: ArrayLike, scales: ArrayLike, expected: float, within: float = 0.1) -> Evidence:
    """Check that |`errors`| fall like `scales` ** `expected`: fitted log-log slope ± `within`.

    The rival replaces `expected`. At least four scales that span a factor of 8, errors of one sign. The local
    slope between the two smallest errors must agree as well, to twice `within`, so that a curve that bends away
    where it matters does not pass on its average.

    Examples
    --------
    >>> scales = np.array([1e1, 1e2, 1e3, 1e4])
    >>> order(3 / scales**2, scales, -2).detail
    'slope -2.000'
    """
    sizes, points = _numbers("errors", errors).ravel(), _numbers("scales", scales).ravel()
    _require_rate_is_defined(sizes, points, within)
    falling = np.argsort(-np.abs(sizes))
    log_scales, log_errors = np.log(points[falling]), np.log(np.abs(sizes[falling]))
    slope = float(np.polyfit(log_scales, log_errors, 1)[0])
    last = float((log_errors[-1] - log_errors[-2]) / (log_scales[-1] - log_scales[-2]))
    if not (abs(slope - expected) <= within and abs(last - expected) <= 2 * within):
        raise RefutedError(f"slope {slope:.3f} (smallest two errors: {last:.3f}) is not {expected} ± {within}")
    return Evidence("rate", f"slope {slope:.3f}", slope)


def bound(lower: ArrayLike | None, value: ArrayLike, upper: ArrayLike | None) -> Evidence:
    """Check `lower` ≤ `value` ≤ `upper` at every point and report the tightest relative margin.

    Either side may be None. The rival replaces `upper` (`rival={"lower": …}` replaces the lower bound).

    Examples
    --------
    >>> bound(0.0, [0.5, 0.9], 1.0).detail
    'tightest margin 0.11'
    """
    values = _numbers("value", value)
    margins = []
    for sign, name, side in ((1, "lower", lower), (-1, "upper", upper)):
        if side is not None:
            limits = _numbers(name, side)
            _require_same_shape(values, limits)
            margins.append(sign * (values - limits))
    if not margins:
        raise CheckError("a bound needs a lower or an upper side")
    scale = np.where(values == 0, 1.0, np.abs(values))
    margin = float(min((side / scale).min() for side in margins))
    if not margin >= 0:
        raise RefutedError(f"violated: tightest relative margin is {margin:.3g}")
    return Evidence("bounded", f"tightest margin {margin:.2g}", margin)


def agree(a: ArrayLike, b: ArrayLike, rtol: float, atol: float = 0.0) -> Evidence:
    """Check that two independent exact routes agree: |a − b| ≤ atol + rtol·|b| everywhere (rival: `b`).

    Examples
    --------
    >>> agree([1.0, 2.0], [1.0, 2.0 + 1e-15], rtol=1e-14).detail
    'within 1e-14'
    """
    left, right = _numbers("a", a), _numbers("b", b)
    if not (0 <= rtol < 1 and 0 <= atol < np.inf):
        raise CheckError(f"tolerances must be finite and `rtol` below 1, got {rtol} and {atol}")
    _require_same_shape(left, right)
    excess = np.abs(left - right) - atol
    error = _relative(np.maximum(excess, 0.0), right)
    if not error <= rtol:
        raise RefutedError(f"the routes differ by {error:.3g} relative to the second, tolerance {rtol:.3g}")
    extra = f" relative or {atol:.3g} absolute" if atol else ""
    return Evidence("exact", f"within {rtol:.3g}{extra}", rtol)


def approximate(value: ArrayLike, exact: ArrayLike, within: float, domain: str) -> Evidence:
    """Check that an approximation is `within` of the `exact` value, relatively, on the named `domain`.

    The rival replaces `value`, the approximation. The bound stated must be tight: the largest error must
    exceed half of `within`, or the statement is looser than what was seen.

    Examples
    --------
    >>> approximate(3.0, np.pi, within=0.05, domain="one point").detail
    'error up to 4.5 % for one point'
    """
    true, approximation = _numbers("exact", exact), _numbers("value", value)
    _require_same_shape(approximation, true)
    error = _relative(approximation - true, true)
    if not error <= within:
        raise RefutedError(f"the approximation misses by {error:.3g}, more than {within:.3g}, for {domain}")
    if error < within / 2:
        raise CheckError(f"`within` = {within:.3g} is more than twice the largest error {error:.3g} for {domain}")
    return Evidence("approximate", f"error up to {_percent(error)} for {domain}", error)


def monte_carlo(
    estimate: ArrayLike, standard_error: ArrayLike, expected: ArrayLike, *, resolution: ArrayLike
) -> Evidence:
    """Check |estimate − expected| < 4 standard errors, with a run long enough to see `resolution`.

    The rival replaces `expected`. `resolution` is the smallest deviation that the claim must be able to see:
    four standard errors may not exceed it.

    Examples
    --------
    >>> monte_carlo(0.51, 0.01, 0.5, resolution=0.05).detail
    'z = 1.0, would see 8 %'
    """
    means, errors = _numbers("estimate", estimate), _numbers("standard_error", standard_error)
    truth, needed = _numbers("expected", expected), _numbers("resolution", resolution)
    if not (errors > 0).all():
        raise CheckError("the standard error is zero: nothing was sampled")
    if ((needed > np.abs(truth)) & (truth != 0)).any():
        raise CheckError(f"`resolution` {np.max(needed):.3g} is coarser than the expected value itself")
    if (Z_MAX * errors > needed).any():
        raise CheckError(f"too short a run: 4 standard errors are {np.max(Z_MAX * errors):.3g}, coarser than needed")
    scores = (means - truth) / errors
    z = float(scores.ravel()[np.argmax(np.abs(scores))])
    if not abs(z) < Z_MAX:
        raise RefutedError(f"z = {z:.1f}: the sample contradicts the expected value")
    scale = np.where(truth == 0, 1.0, np.abs(truth))
    return Evidence("sampled", f"z = {z:.1f}, would see {_percent(float(np.max(Z_MAX * errors / scale)))}", z)


_ZERO = sp.Float("1e-25")  # of 40 digits evaluated, fifteen may be lost to cancellation
_ROUTES = ("identical", "expand", "together", "simplify", "rewrite")


def _difference(left: sp.Basic | complex, right: sp.Basic | complex) -> Sequence[sp.Expr]:
    sides = [sp.sympify(left), sp.sympify(right)]
    if not all(isinstance(side, sp.Expr | sp.MatrixBase) for side in sides):
        raise CheckError(f"an identity needs expressions or matrices, got {left} and {right}")
    if any(side.has(sp.Float) for side in sides):
        raise CheckError("an identity needs exact numbers, got floating-point ones")
    if any(side.has(sp.nan, sp.zoo, sp.oo, -sp.oo) for side in sides):
        raise CheckError(f"an identity needs finite sides, got {left} and {right}")
    if all(isinstance(side, sp.MatrixBase) for side in sides):
        if sides[0].shape != sides[1].shape or not len(sides[0]):
            raise CheckError(f"matrices of shapes {sides[0].shape} and {sides[1].shape} cannot be compared")
        return list(sides[0] - sides[1])
    if any(isinstance(side, sp.MatrixBase) for side in sides):
        raise CheckError("a matrix and a scalar cannot be identical")
    return [sides[0] - sides[1]]


def _route_to_zero(difference: sp.Expr) -> str:
    transforms = (
        lambda e: e,
        lambda e: sp.expand_log(sp.expand(e)),
        lambda e: sp.cancel(sp.together(e)),
        sp.simplify,
        lambda e: sp.simplify(e.doit().rewrite(sp.exp)),
    )
    for name, transform in zip(_ROUTES, transforms, strict=True):
        if transform(difference) == 0:
            return name
    for point in _sample_points(difference):
        value = sp.N(difference.subs(point), 40)
        if value.is_number and value.is_comparable and abs(value) > _ZERO:
            raise RefutedError(f"not identical: the difference is {sp.N(value, 6)} at {point}")
    raise CheckError(f"undecided: no route shows that {difference} is zero")


def _sample_points(difference: sp.Expr) -> Iterator[dict[sp.Symbol, sp.Expr]]:
    """Yield points inside (0, 1), above 1 and below 0, as far as the assumptions on the symbols admit them."""
    symbols = sorted(difference.free_symbols, key=str)
    for shift in (0, 1, 3):
        for sign in (1, -1):
            point = {
                symbol: sign * (sp.Integer(k + 3) if symbol.is_integer else sp.Rational(7 * k + 5, 11 * k + 16)) + shift
                for k, symbol in enumerate(symbols)
            }
            if all(_is_admitted(symbol, value) for symbol, value in point.items()):
                yield point


def _is_admitted(symbol: sp.Symbol, value: sp.Rational) -> bool:
    """Return whether a value has all the properties that are assumed of a symbol."""
    facts = symbol.assumptions0.items()
    return all(getattr(value, f"is_{fact}", None) in (wanted, None) for fact, wanted in facts)


def _require_rate_is_defined(errors: NDArray[np.float64], scales: NDArray[np.float64], within: float) -> None:
    if errors.shape != scales.shape or len(set(scales)) < 4:
        raise CheckError(f"a rate needs one error at each of at least 4 scales, got {errors.size} and {scales.size}")
    if not (scales > 0).all() or scales.max() < 8 * scales.min():
        raise CheckError("a rate needs positive scales that span a factor of 8 or more")
    if not ((errors > 0).all() or (errors < 0).all()):
        raise CheckError("a rate needs errors that differ from zero and have one sign")
    if not 0 < within <= 0.5:
        raise CheckError(f"a rate known only to ± {within} does not tell powers apart; at most 0.5")


def _require_same_shape(left: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    if left.shape != right.shape and left.ndim and right.ndim:
        raise CheckError(f"arrays of shapes {left.shape} and {right.shape} are compared only when the shapes are equal")


def _numbers(name: str, value: ArrayLike) -> NDArray[np.float64]:
    if np.iscomplexobj(value):
        raise CheckError(f"`{name}` must be real")
    array = np.asarray(value, dtype=np.float64)
    if array.size == 0:
        raise CheckError(f"`{name}` is empty: an empty check passes everything")
    if not np.isfinite(array).all():
        raise CheckError(f"`{name}` holds a number that is not finite")
    return array


def _relative(difference: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Return the largest ratio |difference| / |reference|: 0 where both vanish, ∞ where only the reference does."""
    size, scale = np.broadcast_arrays(np.abs(difference), np.abs(reference))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.max(np.where(size == 0, 0.0, size / scale)))


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2g} %"
