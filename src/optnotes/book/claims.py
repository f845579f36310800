"""Claims of a chapter: a statement, the judge that passed on it, and the rival theory that the judge rejected.

A claim and a verdict on a source show as one quiet line under their cell and carry a JSON record, from
which the pages of results and corrections are made, and which sentences of the book name.
"""

import html
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .checks import RIVAL_REPLACES, CheckError, Evidence, RefutedError

CLAIM_MIME = "application/vnd.optnotes.claim+json"
VERDICT_MIME = "application/vnd.optnotes.verdict+json"

VERDICTS = {
    "wrong": "wrong",
    "limited": "right only up to a constant or on a smaller domain",
    "misprint": "a misprint",
    "unjustified": "right, though its justification fails",
    "not supplied": "asserted without a derivation",
    "definition": "a definition, neither true nor false",
    "right": "right as printed",
}

NEEDS_CORRECTION = {"wrong", "limited", "misprint", "unjustified", "not supplied"}
"""Verdicts that say what should stand in the place of the print, or of its justification."""

RANKS = ("result", "step")
"""A result is one of the few that a reader should remember; all else are steps."""


TERMS = {"rtol", "atol", "within", "resolution", "standard_error", "domain"}
"""What a judge is told about accuracy: replaced by a rival, it would make any statement look refuted."""


@dataclass(frozen=True)
class Claim:
    """A statement that a judge passed, as the results page shows it.

    `figure`, `noise`, `resolution` and `words` are those of `checks.Evidence`: what is compared, where the digits
    shown in `detail` are only rounded. `premise` is what a proof takes over: the case it is for, the step assumed or
    the theorem quoted. `rival` is the other theory that the same judge rejected, in words, empty where there is none.
    """

    id: str
    chapter: str
    statement: str
    kind: str
    detail: str
    source: str
    rests_on: tuple[str, ...] = ()
    figure: float | None = None
    noise: float = 0.0
    resolution: float | None = None
    words: str = ""
    rank: str = "step"
    premise: str = ""
    rival: str = ""

    def __repr__(self) -> str:
        premise = f" {self.premise}," if self.premise else ""
        rival = f"; rejected: {self.rival}" if self.rival else ""
        return f"claim {self.id}: {self.kind}{premise} ({self.detail}){rival}; source: {self.source}"

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return _bundle(CLAIM_MIME, self, "claim", f"claim-{self.id}")


@dataclass(frozen=True)
class Verdict:
    """The verdict on one printed equation of a source, as the corrections page shows it."""

    chapter: str
    equation: str
    printed: str
    verdict: str
    correct: str
    claims: tuple[str, ...]

    def __repr__(self) -> str:
        shown = f"; shown by {', '.join(self.claims)}" if self.claims else ""
        return f"verdict on {self.equation}: {VERDICTS[self.verdict]}{shown}"

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return _bundle(VERDICT_MIME, self, "verdict", f"verdict-{_slug(self.equation)}")


@dataclass
class Chapter:
    """The claims of one chapter, by its slug; `source` is what an equation number refers to.

    Examples
    --------
    >>> import sympy as sp
    >>> from optnotes import checks
    >>> x = sp.Symbol("x")
    >>> Chapter("demo").claim("square", "$(x+1)^2 = x^2+2x+1$", checks.identity,
    ...                       (x + 1) ** 2, x**2 + 2 * x + 1, rival=x**2 + 1, against="the square of each term")
    claim square: proved (expand); rejected: the square of each term; source: new
    """

    slug: str
    _claims: dict[str, Claim] = field(default_factory=dict, init=False, repr=False)

    def claim(
        self,
        id: str,
        statement: str,
        judge: Callable[..., Evidence],
        *args: Any,
        rank: str = "step",
        rival: Any = None,
        against: str = "",
        case: str = "",
        assumed: str = "",
        quoted: str = "",
        source: str = "new",
        rests_on: Sequence[str] = (),
        **options: Any,
    ) -> Claim:
        """Register `statement` if `judge(*args, **options)` passes and the same judge rejects `rival`, where given.

        Parameters
        ----------
        id, statement
            The name of the claim, a slug, and what it says, in Markdown with TeX.
        judge, *args, **options
            A judge of `optnotes.checks` and its arguments.
        rank
            ``"result"`` for one of the few claims of a chapter that a reader should remember, else ``"step"``.
        rival, against
            What another theory says, and that theory in words. It replaces the argument that
            `checks.RIVAL_REPLACES` names, or several when it is a mapping.
        case, assumed, quoted
            At most one, of a proof alone: the case that it is for ("$t = 5$"), the step that is assumed before it
            ("the mean field"), or the theorem that it takes over ("Gordon's inequality").
        source, rests_on
            Where the statement is printed, and the ids of the claims that it uses.

        Raises
        ------
        CheckError
            The judge does not pass, or accepts the rival.
        ValueError
            The id is not a slug, or it already stands for another statement; unknown rank; `against` without a
            rival; a premise of what is not proved, or more than one.
        """
        self._require_new(id, statement)
        if rank not in RANKS:
            raise ValueError(f"`rank` must be one of {', '.join(RANKS)}, got {rank!r}")
        if against and rival is None:
            raise ValueError(f"`against` says in words what `rival` says in numbers: give both, got {against!r} alone")
        try:
            evidence = judge(*args, **options)
        except CheckError as error:
            raise CheckError(f"claim {id} of {self.slug} fails: {error}{_stated(statement, source)}") from None
        try:
            if rival is not None:
                _reject(id, judge, args, options, rival)
        except CheckError as error:
            raise CheckError(f"{error}{_stated(statement, source)}") from None
        kind, premise = _kind(evidence.kind, {"case": case, "assumed": assumed, "quoted": quoted})
        self._claims[id] = Claim(
            id,
            self.slug,
            statement,
            kind,
            evidence.detail,
            source,
            tuple(rests_on),
            figure=evidence.figure,
            noise=evidence.noise,
            resolution=evidence.resolution,
            words=evidence.words or evidence.detail,
            rank=rank,
            premise=premise,
            rival=against or ("" if rival is None else "a rival"),
        )
        return self._claims[id]

    def verdict(self, equation: str, printed: str, verdict: str, *claims: str, correct: str = "") -> Verdict:
        """State how `equation` of a source, which is `printed` so, fared: one of `VERDICTS`, shown by `claims`.

        Raises
        ------
        ValueError
            Unknown verdict; an unregistered claim, or none where it is no definition; no `correct` form where the
            print or its justification fails, or one where nothing fails.
        """
        if verdict not in VERDICTS:
            raise ValueError(f"`verdict` must be one of {', '.join(VERDICTS)}, got {verdict!r}")
        missing = [claim for claim in claims if claim not in self._claims]
        if missing or not (claims or verdict == "definition"):
            raise ValueError(f"`claims` must name claims that passed in this chapter, got {missing or claims}")
        if (verdict in NEEDS_CORRECTION) != bool(correct):
            raise ValueError(f"`correct` must be given exactly when something fails, got {correct!r} for {verdict!r}")
        return Verdict(self.slug, equation, printed, verdict, correct, claims)

    def _require_new(self, id: str, statement: str) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id):
            raise ValueError(f"`id` must be lower-case words joined by hyphens, got {id!r}")
        if id in self._claims and self._claims[id].statement != statement:
            raise ValueError(f"`id` must be new in its chapter, got {id!r} a second time")


def _kind(evidence: str, premises: Mapping[str, str]) -> tuple[str, str]:
    """Return the kind of a claim and its premise: a proof from a premise is no stronger than that."""
    given = {name: text for name, text in premises.items() if text}
    if not given:
        return evidence, ""
    if len(given) > 1 or evidence != "proved":
        raise ValueError(
            f"`{min(given)}` is for a proof, and one premise is enough, got {given} for what is {evidence}"
        )
    ((name, text),) = given.items()
    return {"case": "proved for"}.get(name, name), text


def _stated(statement: str, source: str) -> str:
    """Return the lines of a failure that say what was claimed, and where it comes from."""
    return f"\n  statement: {statement}\n  source: {source}"


def _reject(
    id: str, judge: Callable[..., Evidence], args: Sequence[Any], options: Mapping[str, Any], rival: Any
) -> None:
    replaced = rival if isinstance(rival, Mapping) else {RIVAL_REPLACES[judge.__name__]: rival}
    if TERMS & set(replaced):
        raise ValueError(f"`rival` must be another statement, not another tolerance, got {', '.join(replaced)}")
    call = inspect.signature(judge).bind(*args, **options)
    call.arguments.update(replaced)
    try:
        judge(*call.args, **call.kwargs)
    except RefutedError:
        return
    except CheckError as error:
        raise CheckError(f"claim {id}: the rival was not judged, so it is no control: {error}") from None
    raise CheckError(f"claim {id}: the judge accepts the rival as well, so it decides nothing")


def _bundle(mime: str, record: Any, css: str, anchor: str) -> dict[str, object]:
    text = html.escape(repr(record))
    return {
        "text/plain": repr(record),
        "text/html": f'<p class="{css}" id="{anchor}">{text}</p>',
        mime: asdict(record),
    }


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
