"""What a page says of itself to search engines and to those who link to it; a page for what is not found."""

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 200
"""Characters of a description."""
NOT_FOUND = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>Not found – {title}</title></head>
<body><main><h1>There is no such page</h1>
<p>Its name may have changed. Start at <a href="{home}">the first page of {title}</a>.</p></main></body></html>
"""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the steps; Sphinx calls this."""
    app.connect("html-page-context", _describe)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def description(doctree: nodes.document) -> str:
    """Return the first paragraph of a page as plain text, cut at a word; formulas are left out with their sentence."""
    for paragraph in doctree.findall(nodes.paragraph):
        sentences = re.split(r"(?<=[.?!])\s+", paragraph.astext().replace("\n", " "))
        plain = [text for text in sentences if not re.search(r"[\\\\$_^{]", text)]
        if plain:
            text = " ".join(plain)
            return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
    return ""


def _describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:  # noqa: ARG001
    title = re.sub(r"<[^>]*>", "", str(context.get("title", "")))
    text = description(doctree) if doctree is not None else ""
    tags = {"og:type": "article", "og:site_name": app.config.html_title, "og:title": html.unescape(title)}
    lines = [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in tags.items()]
    if text:
        lines.append(f'<meta name="description" content="{html.escape(text)}">')
        lines.append(f'<meta property="og:description" content="{html.escape(text)}">')
    context["metatags"] = context.get("metatags", "") + "\n".join(lines)


def _finish(app: Sphinx, error: Exception | None) -> None:
    """Write the page for what is not found, and, where the site has an address, the list of its pages."""
    if error is not None or app.builder.format != "html":
        return
    out, base = Path(app.outdir), app.config.html_baseurl.rstrip("/")
    missing = NOT_FOUND.format(title=app.config.html_title, home=f"{base}/")
    (out / "404.html").write_text(missing, encoding="utf-8")
    robots = "User-agent: *\nAllow: /\n"
    if base:
        (out / "sitemap.xml").write_text(sitemap(base, sorted(app.env.all_docs)), encoding="utf-8")
        robots += f"Sitemap: {base}/sitemap.xml\n"
    (out / "robots.txt").write_text(robots, encoding="utf-8")


def sitemap(base: str, pages: Sequence[str]) -> str:
    """Return the list of pages for search engines."""
    urls = "".join(f"<url><loc>{html.escape(f'{base}/{page}.html')}</loc></url>\n" for page in pages)
    opening = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{opening}\n{urls}</urlset>\n'
