"""The ledger: claims and verdicts of all chapters, read from the outputs of the notebooks.

A claim may rest on others; its `status` is the weakest kind among its own and all that it rests on.
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import BookError
from .notebooks import Notebook, read

CLAIMS = "claims.json"
MIMES = {"claims": "application/vnd.optnotes.claim+json", "verdicts": "application/vnd.optnotes.verdict+json"}
CALLS = {"claims": ("claim", "id"), "verdicts": ("verdict", "equation")}
KINDS = ("proved", "exact", "proved for", "bounded", "rate", "approximate", "sampled", "quoted", "assumed")
"""Kinds of evidence, the strongest first: "proved for" proves one case; what is quoted or assumed stands last."""

Record = dict[str, Any]
Ledger = dict[str, list[Record]]


class LedgerError(BookError):
    """The claims contradict each other or their sources."""


def collect(notebooks: Mapping[str, Path]) -> Ledger:
    """Return the ledger of the notebooks (slug to path), in their order.

    Raises
    ------
    LedgerError
        A claim or verdict is stated in code but not in the outputs, belongs to another chapter, is stated
        twice, rests on a claim that does not exist, or on itself.
    """
    ledger: Ledger = {"claims": [], "verdicts": []}
    for slug, path in notebooks.items():
        for kind, found in records(read(path), slug).items():
            ledger[kind] += found
    return derive(ledger)


def records(notebook: Notebook, slug: str) -> Ledger:
    """Return the claims and verdicts in the outputs of one notebook, each of whose statements must have run."""
    found: Ledger = {kind: [] for kind in MIMES}
    for position, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            shown = {kind: list(_shown(cell, mime)) for kind, mime in MIMES.items()}
            _compare(cell.source, shown, f"{slug}, cell {position}")
            for kind, items in shown.items():
                found[kind] += items
    strangers = [record["chapter"] for kind in found for record in found[kind] if record["chapter"] != slug]
    if strangers:
        raise LedgerError(f"{slug} states claims of {strangers[0]}: `Chapter` must be given the notebook's own slug")
    return found


def derive(ledger: Ledger) -> Ledger:
    """Return the ledger with the status of each claim, after checking its references."""
    claims = {claim["id"]: claim for claim in ledger["claims"]}
    if len(claims) < len(ledger["claims"]):
        ids = [claim["id"] for claim in ledger["claims"]]
        raise LedgerError(f"claim ids used twice: {', '.join(sorted({id for id in ids if ids.count(id) > 1}))}")
    for verdict in ledger["verdicts"]:
        _require(claims, verdict["claims"], f"the verdict on {verdict['equation']}")
    for claim in claims.values():
        _require(claims, claim["rests_on"], f"claim {claim['id']}")
    return {
        "claims": [{**_published(claim), "status": status(claims, claim["id"])} for claim in claims.values()],
        "verdicts": ledger["verdicts"],
    }


def status(claims: Mapping[str, Record], id: str, above: tuple[str, ...] = ()) -> str:
    """Return the weakest kind among claim `id` and all it rests on; a circle is an error."""
    if id in above:
        raise LedgerError(f"claims rest on each other in a circle: {' → '.join([*above, id])}")
    kinds = [claims[id]["kind"], *(status(claims, base, (*above, id)) for base in claims[id]["rests_on"])]
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise LedgerError(f"claim {id} is of kind {unknown[0]!r}; known kinds: {', '.join(KINDS)}")
    return str(max(kinds, key=KINDS.index))


def anchor(id: str) -> str:
    """Return the name of a claim's place on its page, which `optnotes.claims` writes."""
    return f"claim-{id}"


def dump(ledger: Ledger) -> str:
    """Return the ledger as text: claims in the order of the book, keys sorted, one value a line."""
    return json.dumps(ledger, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def stated(source: str, function: str, keyword: str) -> list[str]:
    """Return the literal first arguments of the calls of `function`, plain or as a method, in a cell's source."""
    plain = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    calls = [node for node in ast.walk(ast.parse(plain)) if isinstance(node, ast.Call)]
    named = [call for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) == function]
    firsts = [
        argument
        for call in named
        for argument in (*call.args[:1], *(pair.value for pair in call.keywords if pair.arg == keyword))
    ]
    return [node.value for node in firsts if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _published(claim: Record) -> Record:
    """Return a claim without what only the comparison needs, its figures to ten digits."""
    kept = {key: value for key, value in claim.items() if key not in {"noise", "words"}}
    figures = {key: float(f"{kept[key]:.10g}") for key in ("figure", "resolution") if kept.get(key) is not None}
    return {**kept, **figures}


def _shown(cell: Notebook, mime: str) -> Iterator[Record]:
    for output in cell.outputs:
        if mime in output.get("data", {}):
            yield json.loads(json.dumps(output.data[mime]))


def _compare(source: str, shown: Mapping[str, Sequence[Record]], where: str) -> None:
    for kind, (function, key) in CALLS.items():
        missing = set(stated(source, function, key)) - {record[key] for record in shown[kind]}
        if missing:
            raise LedgerError(
                f"{where}: {function} {', '.join(sorted(missing))} is stated but not among the outputs: its check "
                "did not run, or the cell shows something else last"
            )


def _require(claims: Mapping[str, Record], ids: Sequence[str], who: str) -> None:
    missing = [id for id in ids if id not in claims]
    if missing:
        raise LedgerError(f"{who} refers to claims that do not exist: {', '.join(missing)}")
