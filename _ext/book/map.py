"""The directive `{map}`: the chapters as a picture, from what is random to where to step, each a link."""

import html
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

STREAMS = {
    "What noise does": ("maximum-of-normals", "spectral-norm"),
    "How long a step": ("optimal-learning-rate", "mean-field", "muon-batch-size", "momentum-and-ema"),
    "Where the weights go": ("weight-rms", "weight-rms-schedules", "weight-decay-memory"),
    "In which direction": ("steepest-descent", "orthogonal-and-stiefel", "spectral-sphere", "dual-descent"),
}
"""The questions of the book, and the chapters that answer them."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive; Sphinx calls this."""
    app.add_directive("map", MapDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class MapDirective(SphinxDirective):
    """A column for each question, its chapters below it, by their short names."""

    def run(self) -> list[nodes.Node]:
        """Return the map as HTML."""
        path = Path(self.env.srcdir, "_toc.yml")
        self.env.note_dependency(str(path))
        return [nodes.raw("", chart(yaml.safe_load(path.read_text(encoding="utf-8"))), format="html")]


def chart(toc: dict[str, Any]) -> str:
    """Return the map as HTML; chapters that the contents leave out are left out."""
    files = [entry for part in toc["parts"] for entry in part["chapters"]]
    names = {Path(entry["file"]).name: entry.get("title", Path(entry["file"]).name) for entry in files}
    columns = "".join(
        _column(question, [slug for slug in slugs if slug in names], names) for question, slugs in STREAMS.items()
    )
    return f'<nav class="map" aria-label="Map of the chapters">{columns}</nav>'


def _column(question: str, slugs: list[str], names: dict[str, str]) -> str:
    links = "".join(f'<li><a href="{slug}.html">{html.escape(names[slug])}</a></li>' for slug in slugs)
    return f"<section><p>{html.escape(question)}</p><ul>{links}</ul></section>"
