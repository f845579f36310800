"""What a failed cell says, and what stands at the end of a run of the tests."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .ledger import CALLS, KINDS, MIMES, stated

_ANSI = re.compile(r"\x1b\[[0-9;]*m")

Record = dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """A failed cell: what failed, the claims that it makes, and how its outputs differ."""

    chapter: str
    cell: int
    what: str
    claims: Sequence[Record]
    deviation: str = ""
    first: str | None = None
    source: str = ""
    traceback: str = ""

    def text(self) -> str:
        """Return the failure as a reader needs it; the first line stands in pytest's list of failures as well."""
        ids = ", ".join(claim["id"] for claim in self.claims) or "none of its own; later cells may rest on it"
        lines = [self.what, f"{self.chapter}, cell {self.cell}, claims: {ids}"]
        for claim in self.claims:
            lines += [
                f"  claim     {claim['id']} ({claim.get('source', '')})",
                f"            {claim.get('statement', '')}",
            ]
        lines += [f"  differs   {self.deviation}"] if self.deviation else []
        lines += [f"  after     {self.first} of this chapter failed before; look there first"] if self.first else []
        lines.append(f"  again     {rerun_chapter(self.chapter)}")
        parts = ["\n".join(filter(str.strip, lines)), self.source, _ANSI.sub("", self.traceback).strip("\n")]
        return "\n\n".join(filter(None, parts))


def claims_of(cell: Any) -> list[Record]:
    """Return id, source and statement of the claims that a cell makes: as stored, else as its code states them."""
    stored = [output.data[MIMES["claims"]] for output in cell.outputs if MIMES["claims"] in output.get("data", {})]
    found = {claim["id"]: claim for claim in stored}
    try:
        new = stated(cell.source, *CALLS["claims"])
    except SyntaxError:
        new = []
    printed = re.findall(r"\bclaim ([a-z0-9-]+):", "".join(str(output) for output in cell.outputs))
    for id in (*new, *printed):
        found.setdefault(id, {"id": id, "source": "its source is in the code", "statement": ""})
    return [found[id] for id in sorted(found)]


def rerun_chapter(name: str) -> str:
    """Return the command that runs one chapter again."""
    return f"make test CHAPTER={name.removesuffix('.ipynb')}"


def rerun_test(nodeid: str) -> str:
    """Return the command that runs one unit test again, quoted for a shell and for make.

    Examples
    --------
    >>> rerun_test("tests/test_a.py::test_b[1 + $x]")
    "make test TEST='tests/test_a.py::test_b[1 + $$x]'"
    """
    plain = re.fullmatch(r"[\w./:-]+", nodeid)
    text = nodeid.replace("$", "$$").replace("'", "'\\''")
    return f"make test TEST={text}" if plain else f"make test TEST='{text}'"


def kinds_line(kinds: Counter[str], verdicts: int, without: Sequence[str] = ()) -> str:
    """Return how many claims passed, by kind, the strongest first, and which did not.

    Examples
    --------
    >>> kinds_line(Counter(sampled=1, proved=2), 3)
    '3 claims passed: 2 proved, 1 sampled; 3 verdicts on equations'
    """
    parts = ", ".join(f"{kinds[kind]} {kind}" for kind in (*KINDS, *sorted(set(kinds) - set(KINDS))) if kinds[kind])
    line = f"{kinds.total()} claims passed{': ' * bool(parts)}{parts}; {verdicts} verdicts on equations"
    return f"{line}\nwithout a pass: {', '.join(without)}" if without else line


def slowest(seconds: Mapping[str, float], most: int = 5) -> list[str]:
    """Return the names that took longest, one a line with its seconds."""
    ranked = sorted(seconds.items(), key=lambda item: -item[1])
    return [f"{value:8.1f} s  {name}" for name, value in ranked[:most]]


def reasons(skips: Iterable[tuple[str, str]]) -> list[str]:
    """Return the reasons of skips, given as (file, reason), each with how often it was given and where."""
    files: dict[str, list[str]] = {}
    for file, reason in skips:
        files.setdefault(reason.removeprefix("Skipped: "), []).append(file)
    return [f"{len(where):4d} × {reason} ({', '.join(sorted(set(where)))})" for reason, where in files.items()]
