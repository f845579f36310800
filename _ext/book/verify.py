"""Checks of the built pages: all there, every formula rendered, no broken link, nothing from elsewhere."""

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

EXTRA_PAGES = {"index.html", "genindex.html", "search.html", "404.html"}
SOURCES = "_modules/"
"""Where the pages with the package's code lie."""
LOADED = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}
LOADING_LINKS = {"stylesheet", "preload", "icon", "shortcut", "modulepreload", "prefetch", "preconnect"}
SILENT = {"script", "style", "pre", "code", "annotation", "title"}
"""Elements whose text is not read as prose: code may hold dollar signs, annotations hold the TeX source."""
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
RAW_MATH = re.compile(
    r"\\\(|\\\[|\$\$|\$[^$\s][^$]*[_^\\][^$]*\$|\\(?:frac|sqrt|left|sum|int|log|mathbb|operatorname)\b"
)
REMOTE_IN_CSS = re.compile(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//")


def problems(site: Path, documents: Sequence[str]) -> list[str]:
    """Return what is wrong with the site built from `documents`, one line each; nothing when it is fit."""
    pages = {path.relative_to(site).as_posix(): Page(path) for path in sorted(site.rglob("*.html"))
             if not {"_static", "_sources"} & set(path.relative_to(site).parts)}  # fmt: skip
    wanted = {f"{document}.html" for document in documents}
    found = [f"{name}: the page is missing" for name in sorted(wanted - set(pages))]
    strangers = {name for name in set(pages) - wanted - EXTRA_PAGES if not name.startswith(SOURCES)}
    found += [f"{name}: a page that _toc.yml does not name" for name in sorted(strangers)]
    for name, page in pages.items():
        found += [f"{name}: {text}" for text in [*page.problems, *_broken_links(site, name, pages)]]
    for sheet in sorted(site.rglob("*.css")):
        if REMOTE_IN_CSS.search(sheet.read_text(encoding="utf-8")):
            found.append(f"{sheet.relative_to(site).as_posix()}: loads from another origin")
    return found


class Page(HTMLParser):
    """One page: its anchors, its links, and what is wrong with it by itself."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.problems: list[str] = []
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note anchors, links, loaded files and the marks of failed outputs."""
        values = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append(tag)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        self.problems += _complaints(tag, values)

    def handle_endtag(self, tag: str) -> None:
        """Close the element, and those left open inside it."""
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Look for TeX that nothing rendered, and for styles that load from elsewhere."""
        if self._open[-1:] == ["style"] and REMOTE_IN_CSS.search(data):
            self.problems.append("a style loads from another origin")
        if not SILENT & set(self._open) and (match := RAW_MATH.search(data)):
            self.problems.append(f"a formula is not rendered: {data[max(0, match.start() - 30) :][:90].strip()!r}")


def _complaints(tag: str, values: dict[str, str]) -> Iterator[str]:
    classes = set(values.get("class", "").split())
    if "katex-error" in classes:
        yield f"KaTeX refuses a formula: {values.get('title', '')}"
    if "traceback" in classes:
        yield "an output shows a traceback"
    loads = tag == "link" and LOADING_LINKS & set(values.get("rel", "").split())
    address = values.get("href", "") if loads else values.get(LOADED.get(tag, ""), "")
    for loaded in (address, *(part.split()[0] for part in values.get("srcset", "").split(",") if part.strip())):
        if urlsplit(loaded).netloc:
            yield f"<{tag}> loads {loaded}"
    if REMOTE_IN_CSS.search(values.get("style", "")):
        yield f"<{tag}> has a style that loads from another origin"
    if tag == "img" and "width" not in values:
        yield f"an image has no size: {address}"
    if tag == "img" and "alt" not in values:
        yield f"an image has no alternative text: {address}"


def _broken_links(site: Path, name: str, pages: dict[str, Page]) -> Iterator[str]:
    for link in sorted(set(pages[name].links)):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or link == "/":
            continue
        path, fragment = urldefrag(link)
        file = (site / name).parent / unquote(urlsplit(path).path) if path else site / name
        inside = file.exists() and file.resolve().is_relative_to(site.resolve())
        target = file.resolve().relative_to(site.resolve()).as_posix() if inside else ""
        if not target:
            yield f"a link leads nowhere: {link}"
        elif fragment and target in pages and unquote(fragment) not in pages[target].anchors:
            yield f"a link leads to an anchor that is not there: {link}"
