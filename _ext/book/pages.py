"""Directives `{claims}` and `{verdicts}`: the pages of results and of corrections, from the ledger."""

import html
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import clean_astext

from .ledger import CLAIMS, KINDS, Ledger, Record

VERDICTS = {
    "wrong": "Wrong",
    "limited": "Right only up to a constant, or on a smaller domain",
    "right": "Right as printed",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives; Sphinx calls this."""
    app.add_directive("claims", ClaimsDirective)
    app.add_directive("verdicts", VerdictsDirective)
    app.connect("doctree-resolved", _typeset_titles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class LedgerDirective(SphinxDirective):
    """A directive that renders Markdown made from the ledger."""

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown where the directive stands, headings included."""
        path = Path(self.env.srcdir, CLAIMS)
        self.env.note_dependency(str(path))
        lines = self.lines(json.loads(path.read_text(encoding="utf-8")))
        holder = nodes.Element()
        holder.document = self.state.document
        self.state.nested_parse(StringList(lines, str(path)), self.content_offset, holder, match_titles=True)
        return holder.children

    def lines(self, ledger: Ledger) -> list[str]:
        """Return the lines of Markdown."""
        raise NotImplementedError


class ClaimsDirective(LedgerDirective):
    """Every claim, by chapter, with the counts of each kind."""

    def lines(self, ledger: Ledger) -> list[str]:
        """Return the table of counts, then one table a chapter."""
        return claims_page(ledger["claims"])


class VerdictsDirective(LedgerDirective):
    """Every verdict on a printed equation, the wrong ones first."""

    def lines(self, ledger: Ledger) -> list[str]:
        """Return the table of counts, then one table a verdict."""
        return verdicts_page(ledger["verdicts"])


def _typeset_titles(app: Sphinx, doctree: nodes.document, docname: str) -> None:  # noqa: ARG001
    """Show the formulas in a chapter's title where another page links to it; Sphinx shows their TeX source."""
    titles = {clean_astext(title): title for title in app.env.titles.values()}
    for link in doctree.findall(lambda node: isinstance(node, nodes.inline) and "doc" in node["classes"]):
        if title := titles.get(link.astext()):
            link.children = []
            link.extend(child.deepcopy() for child in title.children)


def claims_page(claims: Sequence[Record]) -> list[str]:
    """Return the Markdown of the results page."""
    counts, statuses = (Counter(claim[key] for claim in claims) for key in ("kind", "status"))
    rows = [[kind, counts[kind], statuses[kind]] for kind in KINDS]
    lines = _table(["kind of evidence", "claims", "with all they rest on"], [*rows, ["all", len(claims), len(claims)]])
    for chapter in dict.fromkeys(claim["chapter"] for claim in claims):
        own = [claim for claim in claims if claim["chapter"] == chapter]
        header = ["claim", "statement", "kind", "figure reached", "status", "source"]
        lines += [f"## {{doc}}`{chapter}`", "", *_table(header, [_claim_row(claim) for claim in own])]
    return lines


def verdicts_page(verdicts: Sequence[Record]) -> list[str]:
    """Return the Markdown of the corrections page."""
    counts = Counter(verdict["verdict"] for verdict in verdicts)
    rows = [[text.lower(), counts[name]] for name, text in VERDICTS.items()]
    lines = _table(["verdict", "equations"], [*rows, ["all", len(verdicts)]])
    for name, text in VERDICTS.items():
        own = [verdict for verdict in verdicts if verdict["verdict"] == name]
        header = ["equation", "as printed", "verdict", *(["as it should be"] if name != "right" else []), "shown by"]
        if own:
            lines += [f"## {text}", "", *_table(header, [_verdict_row(verdict) for verdict in own])]
    return lines


def _claim_row(claim: Record) -> list[Any]:
    link = _link(claim["chapter"], f"claim-{claim['id']}", claim["id"])
    return [link, *(claim[key] for key in ("statement", "kind", "detail", "status", "source"))]


def _verdict_row(verdict: Record) -> list[Any]:
    claims = ", ".join(_link(verdict["chapter"], f"claim-{id}", id) for id in verdict["claims"])
    should_be = [verdict["correct"]] if verdict["verdict"] != "right" else []
    return [verdict["equation"], verdict["printed"], verdict["verdict"], *should_be, claims]


def _link(chapter: str, anchor: str, text: str) -> str:
    return f'<a href="{html.escape(chapter)}.html#{html.escape(anchor)}">{html.escape(text)}</a>'


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    cells = [list(header), ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return [*(f"| {' | '.join(row)} |" for row in cells), ""]


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", r"\|")
