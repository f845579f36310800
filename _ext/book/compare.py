"""Comparison of outputs: what a cell shows now against what it showed when it was stored.

Floating-point numbers are compared as numbers, words as words. Rounding noise of another processor passes, a change
in the ninth digit fails. Of a claim's line the record is compared: its figure within the noise that its judge states,
whatever digits are printed of it. Figures are covered by the numbers printed from the plotted arrays, so their
pictures are not compared.
"""

import html
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .ledger import MIMES
from .notebooks import Notebook, code_cells

RELATIVE = 1e-9  # one cell's arithmetic differs between processors by up to about 1e-12
ABSOLUTE = 1e-14  # a zero is printed with the rounding noise of what it was computed from: here, of numbers of size 1
FAINTEST = 1e-20  # below this a number is no rounding noise of numbers of size 1, but a small number
PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
EVIDENCE = {"detail", "figure", "noise", "resolution"}
"""What a claim's record says in numbers."""
UNSEEN = 1e-3
"""Points by which a coordinate in a picture may differ without being seen."""

LENGTH = 3000
"""Characters of a cell's outputs that a failure shows."""

_REAL = r"(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\d+|inf|nan)"
_TOKEN = re.compile(
    rf"""(?<![\w.])(?<![^\W\d]-)(?:  # neither inside a word nor after the hyphen of one
        (?P<complex>\((?P<in_real>[-+]?{_REAL})(?P<in_imag>[-+]{_REAL})j\)
            |(?P<real>[-+]?{_REAL}[ ]*)?(?P<imag>(?(real)[-+]|[-+]?){_REAL})j(?!\w))
        |(?P<number>[-+]?{_REAL})(?!\w|\.\d))
    |(?P<space>\s+)|(?P<open>[\[({{])|(?P<close>[\])}}])|(?P<comma>,)|(?P<word>\w+)|(?P<mark>.)""",
    re.VERBOSE,
)
_LAYOUT = {"number", "open", "close"}
_HOLE = "\0"
_PICTURE_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_PICTURE_ID = re.compile(r"\b[mp][0-9a-f]{10}\b")  # a hash of coordinates, noise included


@dataclass(frozen=True)
class Deviation:
    """How far fresh output is from what was stored, in units of its tolerance: more than 1 fails, ∞ is another word."""

    worst: float = 0.0
    where: str = ""
    text: str = ""

    @property
    def fails(self) -> bool:
        """Whether this is more than noise."""
        return not self.worst <= 1

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class NumericText(str):
    """Text equal to another when the words between floating-point numbers are, and the numbers agree."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and worst(str(self), str(other)) <= 1

    def __ne__(self, other: object) -> bool:
        return not self == other


def worst(stored: str, fresh: str) -> float:
    """Return the largest deviation of a number in units of its tolerance, ∞ where anything else differs."""
    return text_deviation(stored, fresh).worst


def explain(stored: str, fresh: str) -> str | None:
    """Return which number or word differs, and by how much of its tolerance; None where the texts are equal."""
    deviation = text_deviation(stored, fresh)
    return str(deviation) if deviation.fails else None


def text_deviation(stored: str, fresh: str) -> Deviation:
    r"""Return how two texts differ: numbers by their size, the words and shapes between them exactly.

    Numbers agree to `RELATIVE`. A zero may show noise: it agrees with what is below `ABSOLUTE` times 1, or times the
    largest number of the same array, but not below `FAINTEST` times that. Integers, `nan`, `inf`, digits inside
    words, and text with `$` or a backslash are exact. Blanks beside numbers and brackets, and line breaks inside
    brackets, are layout: an array is padded to its longest element.

    Examples
    --------
    >>> text_deviation("array([ 0., -0.])", "array([0.e+00, 1.e-17])").worst <= 1
    True
    >>> text_deviation("[1.5, 2.5]", "[1.5, 2.50000001]").where
    'number 2, at index 1'
    """
    if stored == fresh:
        return Deviation()
    if any(mark in text for mark in "$\\" for text in (stored, fresh)):
        return _other_words(stored, fresh)
    (old_words, old), (new_words, new) = _parse(stored), _parse(fresh)
    if old_words != new_words:
        return _other_words(old_words, new_words)
    scales: dict[int, float] = {}
    for number in (*old, *new):
        scales[number.group] = max(scales.get(number.group, 0.0), abs(number.value))
    pairs = enumerate(zip(old, new, strict=True), start=1)
    return _largest(_between(a.value, b.value, scales[a.group], a.where(position)) for position, (a, b) in pairs)


def outputs_deviation(stored: Sequence[Any], fresh: Sequence[Any]) -> Deviation:
    """Return how the outputs of one cell differ, the worst of all that is compared.

    Streams count by their whole text, the other outputs one by one, each MIME type on its own; execution counts,
    metadata and what a picture shows are not compared.
    """
    (old_streams, old), (new_streams, new) = _split(stored), _split(fresh)
    names = sorted({*old_streams, *new_streams})
    found = [(f"stream {name}", text_deviation(old_streams.get(name, ""), new_streams.get(name, ""))) for name in names]
    if len(old) != len(new):
        found.append(("outputs", Deviation(math.inf, "their number", f"{len(old)} stored, {len(new)} found")))
    for position, (a, b) in enumerate(zip(old, new, strict=False), start=1):
        found += [(f"output {position}", deviation) for deviation in _output_deviations(a, b)]
    return _largest(replace(deviation, where=f"{name}, {deviation.where}") for name, deviation in found)


def describe(stored: Sequence[Any], fresh: Sequence[Any]) -> list[str]:
    """Return what to print where the outputs of a cell fail: the worst deviation, then all that both show."""
    shown = []
    for title, outputs in (("stored", stored), ("found", fresh)):
        texts = [output.get("text") or _plainest(output.get("data", {})) for output in outputs]
        shown += [f"{title}:", "\n".join(texts)[:LENGTH]]
    return [str(outputs_deviation(stored, fresh)), *shown]


def _plainest(data: Mapping[str, Any]) -> str:
    return next((str(data[mime]) for mime in ("text/plain", *sorted(set(data) - set(PICTURES))) if mime in data), "")


def keep_stored(stored: Notebook, fresh: Notebook) -> None:
    """Give `fresh` the outputs of `stored`, cell by cell, where they differ by no more than noise.

    So that a notebook executed again, on another processor too, changes where its results do and nowhere else.
    """
    for old, new in zip(code_cells(stored), code_cells(fresh), strict=True):
        if not outputs_deviation(old.outputs, new.outputs).fails and _look_alike(old.outputs, new.outputs):
            new.outputs = old.outputs
            for output in new.outputs:
                if "execution_count" in output:
                    output.execution_count = new.execution_count


@dataclass(frozen=True)
class _Number:
    """A floating-point number in a text: the array that it belongs to, and its index there."""

    value: float
    group: int
    index: tuple[int, ...]

    def where(self, position: int) -> str:
        index = f", at index {self.index[0] if len(self.index) == 1 else self.index}" if self.index else ""
        return f"number {position}{index}"


class _Arrays:
    """Where a number stands in nested brackets: an array is a run of square ones."""

    def __init__(self) -> None:
        self._open: list[tuple[bool, int]] = []  # is it square, and the array it belongs to
        self._counts: list[int] = []
        self._last = 0

    @property
    def inside(self) -> bool:
        return bool(self._open)

    def place(self, parts: tuple[float, ...]) -> list[_Number]:
        square, group = self._open[-1] if self._open else (False, 0)
        if square:
            depth = sum(1 for is_square, of in self._open if is_square and of == group)
            return [_Number(part, group, tuple(self._counts[-depth:])) for part in parts]
        self._last += 1
        return [_Number(part, self._last, ()) for part in parts]

    def step(self) -> None:
        if self._counts:
            self._counts[-1] += 1

    def enter(self, bracket: str) -> None:
        square = bracket == "["
        nested = square and self.inside and self._open[-1][0]
        if not nested:
            self._last += 1
        self._open.append((square, self._open[-1][1] if nested else self._last))
        self._counts.append(0)

    def leave(self) -> None:
        if self._open:
            self._open.pop()
            self._counts.pop()
            self.step()


def _parse(text: str) -> tuple[str, list[_Number]]:
    """Return the words of a text, laid out in one way and with a hole for each number, and the numbers."""
    words, numbers, arrays = [], [], _Arrays()
    previous, space = "start", ""
    for match in _TOKEN.finditer(text):
        kind, token = str(match.lastgroup), match[0]
        if kind == "space":
            space = token
            continue
        value = _value(match)
        kind = "number" if value is not None else kind
        words.append(_blank(previous, space, kind, arrays.inside))
        if value is None:
            words.append(token)
        elif isinstance(value, str):
            words.append(f"{_HOLE}{value}")
        else:
            words.append(_HOLE + ("j" if len(value) > 1 else "."))
            numbers += arrays.place(value)
        if kind == "number":
            arrays.step()
        elif kind == "open":
            arrays.enter(token)
        elif kind == "close":
            arrays.leave()
        previous, space = kind, ""
    words.append(_blank(previous, space, "end", arrays.inside))
    return "".join(words), numbers


def _value(match: re.Match[str]) -> tuple[float, ...] | str | None:
    """Return the number that a token is, by its parts, as text where it must be met exactly; None where it is none."""
    if match["complex"]:
        parts = float(match["in_real"] or match["real"] or "0"), float(match["in_imag"] or match["imag"])
        return parts if all(map(math.isfinite, parts)) else match["complex"].strip("()")
    text = match["number"]
    if text is None:
        return None
    if re.search(r"[.eE]", text):
        return (float(text),)
    return text.lstrip("+-") if re.fullmatch(r"[-+]0", text) else text.removeprefix("+")


def _blank(before: str, space: str, after: str, inside: bool) -> str:
    """Return the one form of the space between two kinds of tokens: beside numbers and brackets it is layout."""
    if not {before, after} & _LAYOUT:
        return " " if inside and "\n" in space else space
    if not inside and "\n" in space:
        return "\n" * space.count("\n")
    is_padding = (
        before in {"start", "open", "comma"}
        or after in {"end", "close", "comma"}
        or (before == "mark" and after == "number")  # a sign, or a blank in its place
    )
    return "" if is_padding or not space else " "


def _between(a: float, b: float, scale: float, where: str) -> Deviation:
    """Return how far two numbers are apart; `scale` is the largest number of their array."""
    difference, larger, smaller = abs(a - b), max(abs(a), abs(b)), min(abs(a), abs(b))
    if difference == 0:
        return Deviation()
    ratio = difference / larger / RELATIVE
    for unit in (1.0, scale):
        if smaller <= ABSOLUTE * unit and all(x == 0 or abs(x) >= FAINTEST * unit for x in (a, b)):
            ratio = min(ratio, difference / unit / ABSOLUTE)
    relative = difference / larger
    return Deviation(ratio, where, f"{a!r} stored, {b!r} found, {relative:.2g} relative, {ratio:.2g} × the tolerance")


def _other_words(stored: str, fresh: str) -> Deviation:
    """Return the deviation of two texts that differ in more than numbers, with the place where they part."""
    pairs = enumerate(zip(stored, fresh, strict=False))
    parting = next((place for place, (a, b) in pairs if a != b), min(len(stored), len(fresh)))
    start = max(0, parting - 20)
    parts = [repr(re.sub(f"{_HOLE}[.j]", "#", text[start:][:70]).replace(_HOLE, "")) for text in (stored, fresh)]
    return Deviation(math.inf, f"character {start + 1}", f"{parts[0]} stored, {parts[1]} found")


def _largest(deviations: Iterable[Deviation]) -> Deviation:
    return max((found for found in deviations if found.worst), key=lambda found: found.worst, default=Deviation())


def _split(outputs: Sequence[Any]) -> tuple[dict[str, str], list[Any]]:
    """Return the text of each stream, and the other outputs."""
    streams: dict[str, str] = {}
    for output in outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + output["text"]
    return streams, [output for output in outputs if output["output_type"] != "stream"]


def _output_deviations(stored: Any, fresh: Any) -> Iterator[Deviation]:
    if stored["output_type"] == fresh["output_type"] == "error":
        yield text_deviation(f"{stored['ename']}: {stored['evalue']}", f"{fresh['ename']}: {fresh['evalue']}")
        return
    forms = [sorted(output.get("data", ["error"])) for output in (stored, fresh)]
    if forms[0] != forms[1]:
        yield Deviation(math.inf, "its form", f"{', '.join(forms[0])} stored, {', '.join(forms[1])} found")
        return
    old, new = stored["data"], fresh["data"]
    for mime in sorted(set(old) - set(PICTURES)):
        if mime == MIMES["claims"]:
            deviation = claim_deviation(old[mime], new[mime])
        elif MIMES["claims"] in old:
            deviation = _exactly(_without_evidence(old, mime), _without_evidence(new, mime))
        elif mime == "text/latex" or not isinstance(old[mime], str):
            deviation = _exactly(old[mime], new[mime])
        else:
            deviation = text_deviation(old[mime], new[mime])
        yield replace(deviation, where=f"{mime}, {deviation.where}")


def claim_deviation(stored: Mapping[str, Any], fresh: Mapping[str, Any]) -> Deviation:
    """Return how two records of a claim differ: the figure by the noise stored with it, all else exactly.

    The digits in `detail` are rounded from the figures, so that a tie could turn them: it is not compared.
    """
    exact = [{key: value for key, value in record.items() if key not in EVIDENCE} for record in (stored, fresh)]
    found = [_exactly(*exact), _exactly(*(sorted(EVIDENCE & set(record)) for record in (stored, fresh)))]
    noise = stored.get("noise", 0.0)
    if not noise / 2 <= fresh.get("noise", 0.0) <= 2 * noise:  # a judge that forgives more is another judge
        found.append(_exactly(noise, fresh.get("noise")))
    for key, allowed in (("figure", noise), ("resolution", 0.0)):
        a, b = stored.get(key), fresh.get(key)
        if a is None or b is None:
            found.append(_exactly(a, b))
        elif a != b:
            ratio = abs(a - b) / max(allowed, RELATIVE * max(abs(a), abs(b)))
            text = f"{a!r} stored, {b!r} found, {abs(a - b):.2g} apart, {ratio:.2g} × the noise it may have"
            found.append(Deviation(ratio, f"{key} of claim {stored.get('id')}", text))
    return _largest(found)


def _without_evidence(data: Mapping[str, Any], mime: str) -> Any:
    """Return the text that shows a claim with the words of its evidence alone, in place of words and figures."""
    record = data[MIMES["claims"]]
    detail, words = str(record.get("detail", "")), str(record.get("words", ""))
    escaped = html.escape if mime == "text/html" else str
    return data[mime].replace(escaped(detail), escaped(words))


def _exactly(stored: Any, fresh: Any) -> Deviation:
    if stored == fresh:
        return Deviation()
    if not isinstance(stored, str):
        stored, fresh = (json.dumps(value, ensure_ascii=False, sort_keys=True) for value in (stored, fresh))
    return _other_words(stored, fresh)


def _look_alike(stored: Sequence[Any], fresh: Sequence[Any]) -> bool:
    """Return whether the pictures in two outputs of equal form look alike, and are shown alike."""
    pairs = list(zip(_split(stored)[1], _split(fresh)[1], strict=True))
    if any(a.get("metadata") != b.get("metadata") for a, b in pairs):
        return False
    pictures = [(a["data"][mime], b["data"][mime]) for a, b in pairs for mime in PICTURES if mime in a.get("data", {})]
    return all(a == b or _drawn_alike(a, b) for a, b in pictures)


def _drawn_alike(stored: str, fresh: str) -> bool:
    stored, fresh = (_PICTURE_ID.sub("id", picture) for picture in (stored, fresh))
    if _PICTURE_NUMBER.sub("#", stored) != _PICTURE_NUMBER.sub("#", fresh):
        return False
    pairs = zip(_PICTURE_NUMBER.findall(stored), _PICTURE_NUMBER.findall(fresh), strict=True)
    return all(abs(float(a) - float(b)) <= UNSEEN for a, b in pairs)
