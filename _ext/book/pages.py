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

from optnotes.claims import VERDICTS

from .ledger import CLAIMS, KINDS, Ledger, Record, anchor
from .notebooks import read

FILTER = """<p class="ledger-filter"><label>Filter <input type="search" autocomplete="off"
placeholder="words, a kind, a source"></label> <output></output></p>"""
"""What narrows the tables below it down; without JavaScript it is not shown."""
Groups = dict[str, list[str]]


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
        return [
            *self._parse(counts),
            nodes.raw("", FILTER, format="html"),
            *(self._section(name, lines) for name, lines in groups.items()),
        ]

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
    """Every verdict on what a source asserts, source by source."""

    def tables(self, ledger: Ledger) -> tuple[list[str], Groups]:
        """Return the table of counts, then one table a source."""
        return verdicts_page(ledger["verdicts"])


def _typeset_titles(app: Sphinx, doctree: nodes.document, docname: str) -> None:  # noqa: ARG001
    """Show the formulas in a chapter's title where another page links to it; Sphinx shows their TeX source."""
    titles = {clean_astext(title): title for title in app.env.titles.values()}
    for link in doctree.findall(lambda node: isinstance(node, nodes.inline) and "doc" in node["classes"]):
        if title := titles.get(link.astext()):
            link.children = []
            link.extend(child.deepcopy() for child in title.children)


def claims_page(claims: Sequence[Record]) -> tuple[list[str], Groups]:
    """Return the Markdown of the results page: counts by kind, and for each chapter its results and its steps."""
    counts, statuses = (Counter(claim[key] for claim in claims) for key in ("kind", "status"))
    rows = [[kind, counts[kind], statuses[kind]] for kind in KINDS]
    total = _table(["kind of evidence", "claims", "with all they rest on"], [*rows, ["all", len(claims), len(claims)]])
    groups = _group(claims, "chapter", dict.fromkeys(claim["chapter"] for claim in claims))
    return total, {chapter: _chapter(own) for chapter, own in groups.items()}


def _chapter(claims: Sequence[Record]) -> list[str]:
    """Return the results of a chapter as a table, and its steps as links by name, without their formulas."""
    results = [claim for claim in claims if claim["rank"] == "result"]
    steps = [claim for claim in claims if claim["rank"] != "result"]
    lines = _table(["claim", "statement", "evidence", "source"], map(_claim_row, results)) if results else []
    links = "\n".join(f'<li data-kind="{claim["status"]}">{_step(claim)}</li>' for claim in steps)
    title = f"{len(steps)} steps"
    folded = f'<details class="steps"><summary>{title}</summary>\n<ul>\n{links}\n</ul>\n</details>'
    return [*lines, *folded.splitlines(), ""] if steps else lines


def _step(claim: Record) -> str:
    return f"{_link(claim['chapter'], claim['id'])} <span>{html.escape(claim['status'])}</span>"


def verdicts_page(verdicts: Sequence[Record]) -> tuple[list[str], Groups]:
    """Return the Markdown of the corrections page: the counts, and what each source asserts, what fails first."""
    counts = Counter(verdict["verdict"] for verdict in verdicts)
    rows = [[text, counts[name]] for name, text in VERDICTS.items() if counts[name]]
    total = _table(["verdict", "statements"], [*rows, ["all", len(verdicts)]])
    header = ["statement", "as printed", "verdict", "as it should be", "shown by"]
    ranked = sorted(verdicts, key=lambda verdict: list(VERDICTS).index(verdict["verdict"]))
    sourced = [{**verdict, "post": post(verdict["equation"])} for verdict in ranked]
    groups = _group(sourced, "post", sorted({verdict["post"] for verdict in sourced}))
    tables = {name: _table(header, map(_verdict_row, own)) for name, own in groups.items()}
    return total, {name: [*_citation(name), *lines] for name, lines in tables.items()}


def _citation(name: str) -> list[str]:
    """Return the lines that cite one of the essays, by its number; the others are cited in their chapters."""
    author, _, number = name.partition(" ")
    return [f"The source is {{cite:t}}`su{number}`.", ""] if author == "Su" else []


def post(equation: str) -> str:
    """Return the source that a statement is of: author and number or year.

    Examples
    --------
    >>> post("Su 11307, item 3, numbers")
    'Su 11307'
    """
    return equation.split(",", maxsplit=1)[0].strip()


def _group(records: Sequence[Record], key: str, names: Iterable[str]) -> dict[str, list[Record]]:
    groups = {name: [record for record in records if record[key] == name] for name in names}
    return {name: own for name, own in groups.items() if own}


def _claim_row(claim: Record) -> list[Any]:
    link = _link(claim["chapter"], claim["id"])
    premise = f" {claim['premise']}" if claim["premise"] else ""
    rival = f"; rejected: {claim['rival']}" if claim["rival"] else ""
    weaker = f"; rests on a claim that is {claim['status']}" if claim["status"] != claim["kind"] else ""
    evidence = f"**{claim['kind']}**{premise} ({claim['detail']}){rival}{weaker}"
    return [link, claim["statement"], evidence, claim["source"]]


def _verdict_row(verdict: Record) -> list[Any]:
    claims = ", ".join(_link(verdict["chapter"], id) for id in verdict["claims"])
    of_post = verdict["equation"].removeprefix(verdict["post"]).lstrip(", ") or verdict["equation"]
    return [of_post, verdict["printed"], verdict["verdict"], verdict["correct"] or "–", claims]


def _link(chapter: str, id: str) -> str:
    return f'<a href="{html.escape(chapter)}.html#{html.escape(anchor(id))}">{html.escape(id)}</a>'


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    cells = [list(header), ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return [*(f"| {' | '.join(row)} |" for row in cells), ""]


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", r"\|")
