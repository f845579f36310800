"""Figures: each SVG of a notebook becomes two files, light and dark, shown with size and alternative text."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from optnotes.plotting import DARK, LIGHT

LOGGER = logging.getLogger(__name__)
POINT = 96 / 72
"""CSS pixels per point, the unit that matplotlib writes."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the replacement, ahead of Sphinx's own collection of images; Sphinx calls this."""
    app.connect("doctree-read", _replace_figures, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def darken(svg: str) -> str:
    """Return the SVG with each colour of the light palette replaced by its dark counterpart."""
    swap = {LIGHT[name].lower(): DARK[name].lower() for name in LIGHT}
    return re.sub(r"#[0-9a-fA-F]{6}\b", lambda match: swap.get(match.group().lower(), match.group()), svg)


def size(svg: str) -> tuple[int, int]:
    """Return width and height in CSS pixels, from the numbers in points on the root element."""
    root = re.search(r"<svg\b[^>]*>", svg)
    sides = {
        name: float(value) for name, value in re.findall(r'\b(width|height)="([\d.]+)pt"', root.group() if root else "")
    }
    if len(sides) < 2:
        raise ValueError("an SVG figure must give its width and height in points")
    return round(sides["width"] * POINT), round(sides["height"] * POINT)


def _replace_figures(app: Sphinx, doctree: nodes.document) -> None:
    for image in list(doctree.findall(nodes.image)):
        bundle = image.parent if isinstance(image.parent, nodes.container) else None
        if bundle is not None and bundle.get("mime_type") == "image/svg+xml":
            if not image.get("alt"):
                LOGGER.warning("a figure has no alternative text: set mystnb.image.alt of its cell", location=image)
            image.replace_self(_pair(app, image))


def _pair(app: Sphinx, image: nodes.image) -> nodes.container:
    path = Path(app.srcdir, image["uri"].lstrip("/"))
    svg = path.read_text(encoding="utf-8")
    path.with_stem(f"{path.stem}-dark").write_text(darken(svg), encoding="utf-8")
    width, height = size(svg)
    pair = nodes.container(classes=["figure-pair"])
    for theme, uri in (("light", image["uri"]), ("dark", image["uri"].replace(".svg", "-dark.svg"))):
        # The theme that is not shown is not loaded either.
        options = {"alt": image.get("alt", ""), "width": str(width), "height": str(height), "loading": "lazy"}
        pair += nodes.image(uri=uri, classes=[f"only-{theme}"], **options)
    return pair
