"""The judges: each passes with evidence or raises `CheckError`; undecided and empty input fail.

Chapters hand a judge to `optnotes.claims.Chapter.claim`, which also lets the same judge reject a rival;
`RIVAL_REPLACES` names the argument that the rival takes the place of.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._extra import from_extra

with from_extra():
    import sympy as sp

Z_MAX = 4.0
"""Largest accepted |z| of a Monte Carlo check: one false alarm in 16,000 before the seed is fixed."""

INPUT_NOISE = 1e-11
"""Relative noise of the numbers judged, from processor to processor: ten times what is usually seen."""

COARSEST = 0.3
"""Largest relative error of what is called an approximation: beyond it the two sides of ± differ too much."""

CANCELLATION_NOISE = 1e-14
"""Absolute noise of an error: a small difference of numbers of size 1 has theirs."""


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
    """What a judge saw: its `kind`, the `detail` to show, and the `figure` reached where there is one.

    The figure may move by `noise` from processor to processor. `resolution` is the smallest relative deviation that
    the judge would have noticed in any single number. `words` are the detail with `{figure}` and `{resolution}` in
    place of their digits.

    Examples
    --------
    >>> Evidence("bounded", "tightest margin 0.11", 1 / 9).figure.hex()
    '0x1.c71c71c71c71cp-4'
    """

    kind: str
    detail: str
    figure: float | None = None
    noise: float = 0.0
    resolution: float | None = None
    words: str = ""


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
    routes = [_route_to_zero(*sides) for sides in _entries(left, right)]
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
    beyond = max(abs(slope - expected), abs(last - expected) / 2)
    if not beyond <= within:
        raise RefutedError(
            f"slope {slope:.3f} (smallest two errors: {last:.3f}) is not {expected} ± {within} (± {2 * within:g}): "
            f"{beyond / within:.3g} × the tolerance"
        )
    weights = log_scales - log_scales.mean()
    log_noise = INPUT_NOISE + CANCELLATION_NOISE / np.abs(sizes[falling])
    noise = min(within, float((np.abs(weights) * log_noise).sum() / (weights**2).sum()))
    return _with_digits(Evidence("rate", "slope {figure}", slope, noise), ".3f")


def bound(lower: ArrayLike | None, value: ArrayLike, upper: ArrayLike | None) -> Evidence:
    """Check `lower` ≤ `value` ≤ `upper` at every point and report the tightest relative margin.

    Either side may be None. The rival replaces `upper` (`rival={"lower": …}` replaces the lower bound).

    Examples
    --------
    >>> bound(0.0, [0.5, 0.9], 1.0).detail
    'tightest margin 0.11'
    """
    values = _numbers("value", value)
    scale = np.where(values == 0, 1.0, np.abs(values))
    sides = []
    for sign, name, side in ((1, "lower", lower), (-1, "upper", upper)):
        if side is not None:
            limits = _numbers(name, side)
            _require_same_shape(values, limits)
            margins = sign * (values - limits) / scale
            place = _place(np.argmin(margins), margins)
            sides.append((float(margins[place]), name, *_pair(values, limits, place), place))
    if not sides:
        raise CheckError("a bound needs a lower or an upper side")
    margin, name, found, limit, place = min(sides)
    if not margin >= 0:
        raise RefutedError(
            f"violated: tightest relative margin is {margin:.3g}{_at(place)}: {found} is "
            f"{'below' if name == 'lower' else 'above'} the {name} bound {limit}"
        )
    size = float(np.broadcast_to(scale, np.shape(margins))[place])
    noise = (INPUT_NOISE + CANCELLATION_NOISE / size) * (2 + margin)
    return _with_digits(Evidence("bounded", "tightest margin {figure}", margin, noise), ".2g")


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
    error, place = _relative(np.maximum(excess, 0.0), right)
    if not error <= rtol:
        found, expected = _pair(left, right, place)
        after = f" after {atol:.3g} absolute" if atol else ""
        raise RefutedError(
            f"the routes differ by {error:.3g} relative{after}, {_times(error, rtol)}{_at(place)}: "
            f"{found} against {expected}"
        )
    seen = _smallest_seen(right, rtol, atol)
    if not atol:
        return Evidence("exact", f"within {rtol:.3g}", rtol, resolution=seen)
    words = f"within {rtol:.3g} relative or {atol:.3g} absolute"
    if seen is None:
        return Evidence("exact", words, rtol)
    return _with_digits(Evidence("exact", f"{words}, would see {{resolution}}", rtol, resolution=seen), ".1g", ".1g")


def approximate(value: ArrayLike, exact: ArrayLike, within: float, domain: str) -> Evidence:
    """Check that an approximation is `within` of the `exact` value, relatively, on the named `domain`.

    The rival replaces `value`, the approximation. The bound stated must be tight: the largest error must
    exceed half of `within`, or the statement is looser than what was seen.

    Examples
    --------
    >>> approximate(3.0, np.pi, within=0.05, domain="one point").detail
    'error up to 4.5 % for one point'
    """
    if not 0 < within <= COARSEST:
        raise CheckError(f"`within` must be in (0, {COARSEST}], got {within}: a coarser statement is a `bound`")
    true, approximation = _numbers("exact", exact), _numbers("value", value)
    _require_same_shape(approximation, true)
    error, place = _relative(approximation - true, true)
    if not error <= within:
        found, expected = _pair(approximation, true, place)
        raise RefutedError(
            f"the approximation misses by {error:.3g} relative, {_times(error, within)}{_at(place)}: "
            f"{found} against {expected}, for {domain}"
        )
    if error < within / 2:
        raise CheckError(f"`within` = {within:.3g} is more than twice the largest error {error:.3g} for {domain}")
    words, noise = f"error up to {{figure}} for {domain}", INPUT_NOISE * (2 + error)
    return _with_digits(Evidence("approximate", words, error, noise), "%")


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
    place = _place(np.argmax(np.abs(scores)), scores)
    z = float(scores[place])
    mean, expectation, error = (float(np.broadcast_to(side, scores.shape)[place]) for side in (means, truth, errors))
    if not abs(z) < Z_MAX:
        raise RefutedError(
            f"z = {z:.1f}: the sample contradicts the expected value: {mean:.6g} ± {error:.2g} against "
            f"{expectation:.6g}{_at(place)}, {abs(z) / Z_MAX:.3g} × the {Z_MAX:g} standard errors allowed"
        )
    noise = INPUT_NOISE * ((abs(mean) + abs(expectation)) / error + abs(z) + 1)
    scale = np.where(truth == 0, 1.0, np.abs(truth))
    seen = float(np.max(Z_MAX * errors / scale))
    return _with_digits(Evidence("sampled", "z = {figure}, would see {resolution}", z, noise, seen), ".1f")


_ZERO = sp.Float("1e-25")  # of 40 digits evaluated, fifteen may be lost to cancellation
_ROUTES = ("identical", "expand", "together", "simplify", "rewrite")


def _entries(left: sp.Basic | complex, right: sp.Basic | complex) -> list[tuple[sp.Expr, sp.Expr, str]]:
    """Return what stands against what, with its place: one pair, or one for each entry of two matrices."""
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
        places = [(i, j) for i in range(sides[0].rows) for j in range(sides[0].cols)]
        return [(sides[0][place], sides[1][place], f" in entry {place}") for place in places]
    if any(isinstance(side, sp.MatrixBase) for side in sides):
        raise CheckError("a matrix and a scalar cannot be identical")
    return [(sides[0], sides[1], "")]


def _route_to_zero(left: sp.Expr, right: sp.Expr, place: str) -> str:
    difference = left - right
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
            found, expected = (sp.N(side.subs(point), 6) for side in (left, right))
            raise RefutedError(
                f"not identical: the difference is {sp.N(value, 6)} at {point}{place}: {found} against {expected}"
            )
    raise CheckError(f"undecided: no route shows that {difference} is zero{place}")


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
    if np.asarray(value).dtype == np.bool_:
        raise CheckError(f"`{name}` holds truth values, in which no distance shows: compare the numbers behind them")
    array = np.asarray(value, dtype=np.float64)
    if array.size == 0:
        raise CheckError(f"`{name}` is empty: an empty check passes everything")
    if not np.isfinite(array).all():
        raise CheckError(f"`{name}` holds a number that is not finite")
    return array


def _relative(difference: NDArray[np.float64], reference: NDArray[np.float64]) -> tuple[float, tuple[int, ...]]:
    """Return the largest |difference| / |reference|, and its place: 0 where both vanish, ∞ where only the latter."""
    size, scale = np.broadcast_arrays(np.abs(difference), np.abs(reference))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(size == 0, 0.0, size / scale)
    place = _place(np.argmax(ratio), ratio)
    return float(ratio[place]), place


def _smallest_seen(values: NDArray[np.float64], rtol: float, atol: float) -> float | None:
    """Return the relative change that no single value could make unseen; None where all values are zero."""
    sizes = np.abs(values[values != 0])
    return rtol + atol / float(sizes.min()) if sizes.size else None


def _place(flat: np.intp, array: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(int(index) for index in np.unravel_index(flat, array.shape))


def _at(place: tuple[int, ...]) -> str:
    return f" at index {place[0] if len(place) == 1 else place}" if place else ""


def _pair(left: NDArray[np.float64], right: NDArray[np.float64], place: tuple[int, ...]) -> tuple[str, str]:
    """Return two numbers that stand against each other, with the digits that tell them apart."""
    a, b = (float(side[place]) for side in np.broadcast_arrays(left, right))
    digits = next(digits for digits in (6, 9, 12, 17) if f"{a:.{digits}g}" != f"{b:.{digits}g}" or digits == 17)
    return f"{a:.{digits}g}", f"{b:.{digits}g}"


def _times(error: float, tolerance: float) -> str:
    return f"{error / tolerance:.3g} × the tolerance {tolerance:.3g}" if tolerance else "the tolerance is 0"


def _with_digits(evidence: Evidence, form: str, resolution_form: str = "%") -> Evidence:
    """Return evidence whose detail, given as words, shows digits that the noise does not turn."""
    digits = {"figure": _digits(evidence.figure or 0.0, evidence.noise, form)}
    if evidence.resolution is not None:
        digits["resolution"] = _digits(evidence.resolution, INPUT_NOISE * evidence.resolution, resolution_form)
    detail = evidence.detail
    for name, text in digits.items():
        detail = detail.replace(f"{{{name}}}", text, 1)
    return replace(evidence, detail=detail, words=evidence.detail)


def _digits(figure: float, noise: float, form: str) -> str:
    """Return `figure` by `form` (`%`: per cent to two digits), with one digit more at a tie, fewer under much noise."""
    if form == "%":
        return f"{_digits(100 * figure, 100 * noise, '.2g')} %"
    wanted, kind = int(form[1]), form[2]
    for digits in (wanted, wanted + 1, wanted + 2, *range(wanted - 1, -1, -1)):
        low, middle, high = (f"{value:.{digits}{kind}}" for value in (figure - noise, figure, figure + noise))
        if _unsigned_zero(low) == _unsigned_zero(high):
            return _unsigned_zero(middle)
    return f"{figure:.0e}" if abs(figure) > noise else "0"


def _unsigned_zero(text: str) -> str:
    return text.removeprefix("-") if float(text) == 0 else text
