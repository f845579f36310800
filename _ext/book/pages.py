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
from .notebooks import read

Groups = dict[str, list[str]]

VERDICTS = {
    "wrong": "Wrong",
    "limited": "Right only up to a constant, or on a smaller domain",
    "misprint": "Misprints",
    "unjustified": "Right, but justified wrongly",
    "not supplied": "Asserted without a derivation",
    "definition": "Definitions",
    "right": "Right as printed",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives; Sphinx calls this."""
    app.add_directive("claims", ClaimsDirective)
    app.add_directive("verdicts", VerdictsDirective)
    app.connect("doctree-resolved", _typeset_titles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class LedgerDirective(SphinxDirective):
    """A directive that shows the ledger: a table of counts, then a section with a table for each group."""

    def run(self) -> list[nodes.Node]:
        """Return the table of counts and the sections."""
        path = Path(self.env.srcdir, CLAIMS)
        self.env.note_dependency(str(path))
        counts, groups = self.tables(json.loads(path.read_text(encoding="utf-8")))
        return [*self._parse(counts), *(self._section(name, lines) for name, lines in groups.items())]

    def tables(self, ledger: Ledger) -> tuple[list[str], Groups]:
        """Return lines of Markdown: the counts, and what stands under each heading."""
        raise NotImplementedError

    def title(self, name: str) -> str:
        """Return the heading of a group, in Markdown."""
        return name

    def _section(self, name: str, lines: list[str]) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(name)], names=[name], classes=["ledger"])
        section += nodes.title("", "", *self._parse([self.title(name)])[0].children)
        section += self._parse(lines)
        return section

    def _parse(self, lines: list[str]) -> list[nodes.Node]:
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, CLAIMS), self.content_offset, holder)
        return list(holder.children)


class ClaimsDirective(LedgerDirective):
    """Every claim, by chapter, with the counts of each kind."""

    def tables(self, ledger: Ledger) -> tuple[list[str], Groups]:
        """Return the table of counts, then one table a chapter."""
        return claims_page(ledger["claims"])

    def title(self, name: str) -> str:
        """Return the title of a chapter."""
        folder = Path(self.env.doc2path(self.env.docname)).parent
        return str(read(folder / f"{name}.ipynb").cells[0].source).splitlines()[0].lstrip("# ")


class VerdictsDirective(LedgerDirective):
    """Every verdict on a printed equation, the wrong ones first."""

    def tables(self, ledger: Ledger) -> tuple[list[str], Groups]:
        """Return the table of counts, then one table a verdict."""
        return verdicts_page(ledger["verdicts"])


def _typeset_titles(app: Sphinx, doctree: nodes.document, docname: str) -> None:  # noqa: ARG001
    """Show the formulas in a chapter's title where another page links to it; Sphinx shows their TeX source."""
    titles = {clean_astext(title): title for title in app.env.titles.values()}
    for link in doctree.findall(lambda node: isinstance(node, nodes.inline) and "doc" in node["classes"]):
        if title := titles.get(link.astext()):
            link.children = []
            link.extend(child.deepcopy() for child in title.children)


def claims_page(claims: Sequence[Record]) -> tuple[list[str], Groups]:
    """Return the Markdown of the results page: counts by kind, and the claims of each chapter, results first."""
    counts, statuses = (Counter(claim[key] for claim in claims) for key in ("kind", "status"))
    rows = [[kind, counts[kind], statuses[kind]] for kind in KINDS]
    total = _table(["kind of evidence", "claims", "with all they rest on"], [*rows, ["all", len(claims), len(claims)]])
    header = ["claim", "statement", "evidence", "source"]
    ranked = sorted(claims, key=lambda claim: claim["rank"] != "result")
    groups = _group(ranked, "chapter", dict.fromkeys(claim["chapter"] for claim in claims))
    return total, {chapter: _table(header, map(_claim_row, own)) for chapter, own in groups.items()}


def verdicts_page(verdicts: Sequence[Record]) -> tuple[list[str], Groups]:
    """Return the Markdown of the corrections page: the counts, and the equations of each verdict."""
    counts = Counter(verdict["verdict"] for verdict in verdicts)
    rows = [[text.lower(), counts[name]] for name, text in VERDICTS.items()]
    total = _table(["verdict", "equations"], [*rows, ["all", len(verdicts)]])
    header = {name: ["equation", "as printed", "as it should be", "shown by"] for name in VERDICTS}
    header["right"].remove("as it should be")
    groups = _group(verdicts, "verdict", VERDICTS)
    return total, {VERDICTS[name]: _table(header[name], map(_verdict_row, own)) for name, own in groups.items()}


def _group(records: Sequence[Record], key: str, names: Iterable[str]) -> dict[str, list[Record]]:
    groups = {name: [record for record in records if record[key] == name] for name in names}
    return {name: own for name, own in groups.items() if own}


def _claim_row(claim: Record) -> list[Any]:
    link = _link(claim["chapter"], f"claim-{claim['id']}", claim["id"])
    premise = f" {claim['premise']}" if claim["premise"] else ""
    rival = f"; rejected: {claim['rival']}" if claim["rival"] else ""
    weaker = f"; rests on a claim that is {claim['status']}" if claim["status"] != claim["kind"] else ""
    name = f"**{link}**" if claim["rank"] == "result" else link
    evidence = f"**{claim['kind']}**{premise} ({claim['detail']}){rival}{weaker}"
    return [name, claim["statement"], evidence, claim["source"]]


def _verdict_row(verdict: Record) -> list[Any]:
    claims = ", ".join(_link(verdict["chapter"], f"claim-{id}", id) for id in verdict["claims"])
    should_be = [verdict["correct"]] if verdict["verdict"] != "right" else []
    return [verdict["equation"], verdict["printed"], *should_be, claims]


def _link(chapter: str, anchor: str, text: str) -> str:
    return f'<a href="{html.escape(chapter)}.html#{html.escape(anchor)}">{html.escape(text)}</a>'


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    cells = [list(header), ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return [*(f"| {' | '.join(row)} |" for row in cells), ""]


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", r"\|")
