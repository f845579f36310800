"""The order of a page: what to do stands after the result, though its cells need what the derivation computes."""

from docutils import nodes
from sphinx.application import Sphinx

FIRST = "In practice"
BEFORE = "Setting and notation"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the move, ahead of Sphinx's own table of contents; Sphinx calls this."""
    app.connect("doctree-read", _move, priority=150)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _move(app: Sphinx, doctree: nodes.document) -> None:  # noqa: ARG001
    sections = {section.next_node(nodes.title).astext(): section for section in doctree.findall(nodes.section)}
    if FIRST in sections and BEFORE in sections:
        moved, place = sections[FIRST], sections[BEFORE]
        moved.parent.remove(moved)
        place.parent.insert(place.parent.index(place), moved)
