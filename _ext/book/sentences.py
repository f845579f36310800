"""Sentences that a reader acts on or quotes, the claims that they name, and the numbers that they take from them.

They are the paragraphs and bullets of a chapter's result box, those under "In practice", and the captions of its
figures. A plain paragraph before a cell or a list is none: it introduces what has claims.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from .ledger import Record
from .notebooks import Notebook

BOX = re.compile(r"^```\{admonition\} Result\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRACTICE = "In practice"
SMALLEST = 13
"""Integers below this count things in a sentence: two solvers, a tenth."""

_CELL = "\0"  # stands for a code cell
_ROLE = re.compile(r"\{[\w:]+\}`[^`]*`|`[^`]*`|\(eq-[\w-]+\)|\{eq\}`[^`]*`|\]\([^)]*\)")
_FORMULA = re.compile(r"\n*^\$\$$(.*?)^\$\$.*?$\n*", re.MULTILINE | re.DOTALL)
_CLAIMS = re.compile(r"\{claim\}`([^`]*)`")
_POWER = re.compile(r"(?:(\d+(?:\.\d+)?)\s*(?:\\cdot|\\times|×|·)\s*)?10\^(?:\{(-?\d+)\}|(-?\d))")
_THOUSANDS = re.compile(r"(?<=\d)(?: |\\,|\{,\}|\u202f|\u00a0|,)(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"(?<![\w.\\^_{])(?<![_^]\{)\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w]|\.\d)")


@dataclass(frozen=True)
class Sentence:
    """A piece of text that somebody may act on, and where it stands."""

    place: str
    text: str

    @property
    def claims(self) -> list[str]:
        """The ids of the claims that it names."""
        return [id.strip() for ids in _CLAIMS.findall(self.text) for id in ids.split(",")]


@dataclass(frozen=True)
class Number:
    """A number as it is written: its value, and half a unit of its last digit."""

    value: float
    half: float

    def is_rounding_of(self, exact: float) -> bool:
        """Whether `exact` rounds to this; a tie may be rounded either way."""
        return abs(exact - self.value) <= self.half * (1 + 1e-9)


def sentences(notebook: Notebook) -> Iterator[Sentence]:
    """Yield what a reader of a chapter may act on."""
    prose = "\n\n".join(cell.source if cell.cell_type == "markdown" else _CELL for cell in notebook.cells)
    for box in BOX.findall(prose):
        for text in _pieces(box):
            yield Sentence("result box", text)
    pieces = [piece for piece in _pieces(_section(prose, PRACTICE)) if not piece.startswith("```")]
    for text, following in pairwise([*pieces, ""]):
        introduces = following == _CELL or following.startswith("- ")
        if text != _CELL and (text.startswith(("-", "*")) or not introduces):
            yield Sentence(PRACTICE, text)
    for cell in notebook.cells:
        caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")
        if caption:
            yield Sentence("caption", caption)


def numbers(text: str) -> list[Number]:
    r"""Return the numbers of a text: decimals, per cents, powers of ten and integers from `SMALLEST` on.

    Exponents, indices, code and names of equations are no numbers. Per cents are given as written.

    Examples
    --------
    >>> [number.value for number in numbers(r"at $2 \cdot 10^6$ tokens 0.83, or 4 times 122 000; see `f(0.5)`")]
    [2000000.0, 0.83, 122000.0]
    """
    plain = _THOUSANDS.sub("", _ROLE.sub(" ", text))
    found = []
    for match in _POWER.finditer(plain):
        found.append((match.start(), _number(match[1] or "1", int(match[2] or match[3]))))
    for match in _NUMBER.finditer(_POWER.sub(lambda match: " " * len(match[0]), plain)):
        digits, _, exponent = match[0].lower().partition("e")
        percent = re.match(r"\s*\\?%", plain[match.end() :])
        if exponent or percent or "." in digits or int(digits) >= SMALLEST:
            found.append((match.start(), _number(digits, int(exponent or 0))))
    return [number for _, number in sorted(found, key=lambda pair: pair[0])]


def without_ground(sentence: Sentence, claims: Mapping[str, Record]) -> list[str]:
    """Return what a sentence lacks: the claim that it rests on, or the claim that has its number."""
    if not sentence.claims:
        return ["names no claim"]
    if unknown := [id for id in sentence.claims if id not in claims]:
        return [f"names claims that do not exist: {', '.join(unknown)}"]
    known = list(_figures(claims[id] for id in sentence.claims))
    lacking = [number.value for number in numbers(sentence.text) if not any(map(number.is_rounding_of, known))]
    return [f"no claim that it names has the number {value:.12g}" for value in lacking]


def _figures(claims: Iterable[Record]) -> Iterator[float]:
    """Yield the numbers of claims, those of their statements and those that their judges found."""
    for claim in claims:
        for number in numbers(" ".join([claim["statement"], claim["detail"], claim.get("premise", "")])):
            yield number.value
        for key in ("figure", "resolution"):
            if claim.get(key) is not None:
                yield abs(claim[key])
                yield 100 * abs(claim[key])


def _number(digits: str, exponent: int) -> Number:
    """Return a number; of an integer that ends in zeros, those are taken for rounded."""
    whole, _, decimals = digits.partition(".")
    zeros = 0 if decimals else len(whole) - len(whole.rstrip("0"))
    unit = exponent + (-len(decimals) if decimals else min(zeros, len(whole) - 1))
    return Number(float(f"{digits}e{exponent}"), math.pow(10.0, unit) / 2)


def _pieces(text: str) -> Iterator[str]:
    """Yield the bullets and paragraphs of a text; a displayed formula belongs to the paragraph before it."""
    body = "\n".join(line for line in text.splitlines() if not re.match(r"^(:\w+:.*|#.*)$", line))
    body = _FORMULA.sub(lambda match: f" {' '.join(match[1].split())}\n", body)
    for block in re.split(r"\n\s*\n|\n(?=- )", body):
        if block.strip():
            yield block.strip()


def _section(text: str, heading: str) -> str:
    match = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return match[1] if match else ""
