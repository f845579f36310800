"""Claims on a page: each a typeset sentence that opens to its evidence and its code; the role `{claim}` names them."""

import json
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from myst_parser.parsers.docutils_ import Parser
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole
from sphinx.writers.html5 import HTML5Translator

from .ledger import CLAIMS, MIMES, Record, anchor
from .notebooks import read

LOGGER = logging.getLogger(__name__)


class claim(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801 - docutils names nodes so, and types none
    """A claim: a `fold_title`, then what opens on a click."""


class fold(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801 - docutils names nodes so, and types none
    """Code that opens on a click: a `fold_title`, then the code."""


class fold_title(nodes.General, nodes.TextElement):  # type: ignore[misc]  # noqa: N801 - docutils names nodes so, and types none
    """What is seen of a closed fold: of a claim its statement, with the mark for its kind."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role and the nodes, and set the statements where the notebooks show them; Sphinx calls this."""
    for kind in (claim, fold):
        app.add_node(kind, html=(_open_fold, _close_fold))
    app.add_node(fold_title, html=(_open_title, _close_title))
    app.add_role("claim", ClaimRole())
    app.connect("doctree-read", _typeset, priority=200)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class ClaimRole(SphinxRole):
    """Links to the claims that a sentence rests on, each shown by the kind of its evidence."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the links; an unknown id is a warning, which fails the build."""
        path = Path(self.env.srcdir, CLAIMS)
        self.env.note_dependency(str(path))
        claims = {record["id"]: record for record in json.loads(path.read_text(encoding="utf-8"))["claims"]}
        ids = [id.strip() for id in self.text.split(",")]
        for id in ids:
            if id not in claims:
                LOGGER.warning("no claim is called %r", id, location=self.get_location())
        folder = posixpath.dirname(self.env.docname)
        pages = {id: posixpath.relpath(f"chapters/{claims[id]['chapter']}.html", folder) for id in ids if id in claims}
        links = [_link(claims[id], page) for id, page in pages.items()]
        return [nodes.inline("", "", *_joined(links, " · "), classes=["claim-names"])], []


def markdown(text: str) -> list[nodes.Node]:
    """Return what a paragraph of Markdown with TeX shows, as inline nodes."""
    options = {"myst_enable_extensions": ["dollarmath"], "report_level": 5, "file_insertion_enabled": False}
    document = publish_doctree(text, parser=Parser(), settings_overrides=options)
    return [node.deepcopy() for block in document.children for node in block.children]


def _typeset(app: Sphinx, doctree: nodes.document) -> None:
    """Put sentences and tables in the place of the plain lines that a notebook holds for a claim or a verdict."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    shown = _records(path)
    for raw in list(doctree.findall(nodes.raw)):
        for kind, make in (("claims", typeset_claim), ("verdicts", typeset_verdict)):
            record = shown[kind].get(raw.astext().strip())
            if record is not None:
                raw.parent.replace(raw, make(record))  # not `replace_self`: the look of plain output is not its own
    _fold_code(doctree)


def _records(path: Path) -> dict[str, dict[str, Record]]:
    """Return the records of a notebook by the HTML that stands beside them."""
    outputs = [output for cell in read(path).cells for output in cell.get("outputs", [])]
    bundles = [output.data for output in outputs if "data" in output]
    return {
        kind: {bundle["text/html"].strip(): bundle[mime] for bundle in bundles if mime in bundle}
        for kind, mime in MIMES.items()
    }


def typeset_claim(record: Record) -> nodes.Node:
    """Return a claim as it stands on a page: closed, its statement and the kind of evidence."""
    kind = nodes.inline("", record["kind"], classes=["claim-kind"])
    statement = fold_title("", "", *markdown(record["statement"]), nodes.Text(" "), kind)
    return claim("", statement, _evidence(record), ids=[anchor(record["id"])], classes=["claim", record["rank"]])


def _evidence(record: Record) -> nodes.definition_list:
    """Return what opens on a click: each line only where there is something to say."""
    premise = f" {record['premise']}" if record["premise"] else ""
    lines: list[tuple[str, Sequence[nodes.Node]]] = [
        ("claim", [nodes.literal("", record["id"])]),
        ("evidence", markdown(f"{record['kind']}{premise} ({record['detail']})")),
    ]
    if record["rival"]:
        lines.append(("rejected", markdown(record["rival"])))
    lines.append(("source", markdown(record["source"])))
    if record["rests_on"]:
        lines.append(("rests on", _here(record["rests_on"])))
    return _definitions(lines)


def typeset_verdict(record: Record) -> nodes.Node:
    """Return a verdict as it stands on a page: what is printed, and what should be."""
    lines: list[tuple[str, Sequence[nodes.Node]]] = [("as printed", markdown(record["printed"]))]
    if record["correct"]:
        lines.append(("as it should be", markdown(record["correct"])))
    if record["claims"]:
        lines.append(("shown by", _here(record["claims"])))
    title = nodes.paragraph("", "", *markdown(record["equation"]), nodes.Text(": "))
    title += nodes.strong("", record["verdict"])
    return nodes.container("", title, _definitions(lines), ids=[_anchor(record)], classes=["verdict"])


def _anchor(record: Record) -> str:
    return f"verdict-{nodes.make_id(record['equation'])}"


def _definitions(lines: Iterable[tuple[str, Sequence[nodes.Node]]]) -> nodes.definition_list:
    items = [
        nodes.definition_list_item("", nodes.term("", name), nodes.definition("", nodes.paragraph("", "", *content)))
        for name, content in lines
    ]
    return nodes.definition_list("", *items, classes=["evidence"])


def _link(record: Mapping[str, Any], page: str) -> nodes.reference:
    title = f"claim {record['id']}: {record['status']}"
    uri = f"{page}#{anchor(record['id'])}"
    return nodes.reference("", record["status"], refuri=uri, internal=True, reftitle=title, classes=["claim-name"])


def _here(ids: Sequence[str]) -> list[nodes.Node]:
    """Return links to claims of the same page."""
    return _joined([nodes.reference("", id, refuri=f"#{anchor(id)}", internal=True) for id in ids], ", ")


def _joined(links: Sequence[nodes.Node], between: str) -> list[nodes.Node]:
    return [part for link in links for part in (nodes.Text(between), link)][1:]


def _fold_code(doctree: nodes.document) -> None:
    """Put the code of a cell into its first claim, or into a fold of its own."""
    for cell in list(doctree.findall(lambda node: _has_class(node, "cell"))):
        code = next((part for part in cell.children if _has_class(part, "cell_input")), None)
        if code is None:
            continue
        cell.remove(code)
        if (first := next(iter(cell.findall(claim)), None)) is not None:
            first += code
        else:
            cell.insert(0, fold("", fold_title("", "code"), code, classes=["code"]))


def _has_class(node: nodes.Node, name: str) -> bool:
    return isinstance(node, nodes.container) and name in node["classes"]


def _open_fold(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append(self.starttag(node, "details"))


def _close_fold(self: HTML5Translator, node: nodes.Element) -> None:  # noqa: ARG001
    self.body.append("</details>\n")


def _open_title(self: HTML5Translator, node: nodes.Element) -> None:
    # The switch for all code and the claims are the stops of the Tab key, not every piece of code between them.
    stop = {} if isinstance(node.parent, claim) else {"tabindex": "-1"}
    self.body.append(self.starttag(node, "summary", "", **stop))


def _close_title(self: HTML5Translator, node: nodes.Element) -> None:  # noqa: ARG001
    self.body.append("</summary>\n")
