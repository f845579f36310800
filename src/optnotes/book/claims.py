"""Claims of a chapter: a statement, the judge that passed on it, and the rival that the judge rejected.

A claim and a verdict on a source show as one quiet line under their cell and carry a JSON record, from
which the pages of results and corrections are made.
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
    "right": "right as printed",
    "wrong": "wrong",
    "limited": "right only up to a constant or on a smaller domain",
}


TERMS = {"rtol", "atol", "within", "resolution", "standard_error", "domain"}
"""What a judge is told about accuracy: replaced by a rival, it would make any statement look refuted."""


@dataclass(frozen=True)
class Claim:
    """A statement that a judge passed, as the results page shows it.

    `figure`, `noise`, `resolution` and `words` are those of `checks.Evidence`: what is compared, where the digits
    shown in `detail` are only rounded.
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

    def __repr__(self) -> str:
        return f"claim {self.id}: {self.kind} ({self.detail}); rival rejected; source: {self.source}"

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
        return f"verdict on {self.equation}: {VERDICTS[self.verdict]}; shown by {', '.join(self.claims)}"

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
    ...                       (x + 1) ** 2, x**2 + 2 * x + 1, rival=x**2 + 1)
    claim square: proved (expand); rival rejected; source: new
    """

    slug: str
    _claims: dict[str, Claim] = field(default_factory=dict, init=False, repr=False)

    def claim(
        self,
        id: str,
        statement: str,
        judge: Callable[..., Evidence],
        *args: Any,
        rival: Any,
        source: str = "new",
        rests_on: Sequence[str] = (),
        **options: Any,
    ) -> Claim:
        """Register `statement` if `judge(*args, **options)` passes and the same judge rejects `rival`.

        `rival` replaces the argument that `checks.RIVAL_REPLACES` names, or several when it is a mapping.

        Raises
        ------
        CheckError
            The judge does not pass, or accepts the rival.
        ValueError
            The id is not a slug, or it already stands for another statement.
        """
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id):
            raise ValueError(f"`id` must be lower-case words joined by hyphens, got {id!r}")
        if id in self._claims and self._claims[id].statement != statement:
            raise ValueError(f"`id` must be new in its chapter, got {id!r} a second time")
        try:
            evidence = judge(*args, **options)
        except CheckError as error:
            raise CheckError(f"claim {id} of {self.slug} fails: {error}{_stated(statement, source)}") from None
        try:
            _reject(id, judge, args, options, rival)
        except CheckError as error:
            raise CheckError(f"{error}{_stated(statement, source)}") from None
        self._claims[id] = Claim(
            id,
            self.slug,
            statement,
            evidence.kind,
            evidence.detail,
            source,
            tuple(rests_on),
            figure=evidence.figure,
            noise=evidence.noise,
            resolution=evidence.resolution,
            words=evidence.words or evidence.detail,
        )
        return self._claims[id]

    def verdict(self, equation: str, printed: str, verdict: str, *claims: str, correct: str = "") -> Verdict:
        """State how `equation` of a source, `printed` so, fared: right, wrong or limited, shown by `claims`.

        Raises
        ------
        ValueError
            Unknown verdict, no claim or an unregistered one, or no `correct` form where the print fails.
        """
        if verdict not in VERDICTS:
            raise ValueError(f"`verdict` must be one of {', '.join(VERDICTS)}, got {verdict!r}")
        missing = [claim for claim in claims if claim not in self._claims]
        if missing or not claims:
            raise ValueError(f"`claims` must name claims that passed in this chapter, got {missing or claims}")
        if (verdict == "right") == bool(correct):
            raise ValueError(f"`correct` must be given exactly when the print is not right, got {correct!r}")
        return Verdict(self.slug, equation, printed, verdict, correct, claims)


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
