"""Assets: own styles and fonts in, whatever loads from elsewhere or weighs much out."""

import hashlib
import io
import re
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

STATIC = Path(__file__).parent / "static"
THEME_CSS = "_static/styles/pydata-sphinx-theme.css"
FONT_AWESOME = "_static/vendor/fontawesome/webfonts"
ICONS = "_static/icons.woff"
# Paint in the reader's theme at once; the theme's own script waits for the whole page.
EARLY_THEME = """(() => {
  const root = document.documentElement.dataset;
  if (root.mode !== "light" && root.mode !== "dark") root.theme =
    matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
})()"""
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\b(?:src|type)=)[^>]*>(.*?)</script>", re.DOTALL)
NO_SCRIPT = "<noscript><style>.code-switch, .ledger-filter { display: none }</style></noscript>"
CODE_SWITCH = (
    '<button class="btn btn-sm code-switch" type="button" aria-pressed="false" '
    'title="Show or hide code and evidence">code</button>'
)
KATEX_FONTS = {
    r"\bkatex\b": "Main-Regular",
    r"\bmathnormal\b": "Math-Italic",
    r"\bmathbf\b": "Main-Bold",
    r"\bmathit\b": "Main-Italic",
    r"\bboldsymbol\b": "Math-BoldItalic",
    r"\b(?:mathbb|amsrm)\b": "AMS-Regular",
    r"\bmathcal\b": "Caligraphic-Regular",
    r"\bmathscr\b": "Script-Regular",
    r"\bmathfrak\b": "Fraktur-Regular",
    r"\b(?:mathsf|textsf)\b": "SansSerif-Regular",
    r"\b(?:mathtt|texttt)\b": "Typewriter-Regular",
    r"\b(?:small-op|delimsizing size1|delim-size1)\b": "Size1-Regular",
    r"\b(?:large-op|delimsizing size2)\b": "Size2-Regular",
    r"\bdelimsizing size3\b": "Size3-Regular",
    r"\b(?:delimsizing size4|delim-size4)\b": "Size4-Regular",
}
"""Classes that KaTeX writes, and the font each makes a page load."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the steps; Sphinx calls this."""
    app.connect("config-inited", _silence_thebe)
    app.connect("builder-inited", _add_static)
    app.connect("html-page-context", _drop_thebe_css, priority=900)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def preloads(page: str) -> list[str]:
    """Return the names of the KaTeX fonts that a page needs before its first paint."""
    classes = " ".join(set(re.findall(r'class="([^"]*)"', page)))
    return [font for pattern, font in KATEX_FONTS.items() if re.search(pattern, classes)]


def subset_icons(font: Path, codes: set[int]) -> bytes:
    """Return a WOFF file with the icons `codes` of a TrueType font."""
    options = subset.Options(flavor="woff", desubroutinize=True, notdef_outline=True)
    options.layout_features = []
    parts = subset.Subsetter(options)
    parts.populate(unicodes=codes)
    with TTFont(font, recalcTimestamp=False) as opened:
        parts.subset(opened)
        opened.flavor = "woff"
        opened.save(buffer := io.BytesIO())
    return buffer.getvalue()


def _add_static(app: Sphinx) -> None:
    # Not in the configuration: jupyter-book would load every script and sheet below a configured folder.
    app.config.html_static_path.append(str(STATIC))
    app.config.html_context["default_mode"] = "auto"
    app.add_css_file("book.css", priority=900)
    app.add_js_file("book.js", loading_method="defer")
    app.add_js_file(None, body=EARLY_THEME, priority=10)


def _silence_thebe(app: Sphinx, config: object) -> None:  # noqa: ARG001
    """Disconnect the live-code extension, which jupyter-book always loads and which names an address elsewhere."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if not one.handler.__module__.startswith("sphinx_thebe")]


def _drop_thebe_css(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:  # noqa: ARG001
    context["css_files"] = [sheet for sheet in context["css_files"] if "thebe" not in str(sheet.filename)]


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    scripts: dict[str, str] = {}
    for path in out.rglob("*.html"):
        if "_static" not in path.relative_to(out).parts:
            page = without_inline_scripts(_finish_page(path.read_text(encoding="utf-8")), scripts)
            path.write_text(page, encoding="utf-8")
    for name, body in scripts.items():
        (out / "_static" / name).write_text(body, encoding="utf-8")
    _replace_icons(out)


def without_inline_scripts(page: str, scripts: dict[str, str]) -> str:
    """Return a page whose scripts are files, added to `scripts`, so that a strict security policy lets them run.

    The name of the page, which differs on each, is left out: nothing here asks for it.
    """
    base = match.group(1) if (match := re.search(r'data-content_root="([^"]*)"', page)) else ""

    def moved(match: re.Match[str]) -> str:
        body = match[1].strip()
        if "DOCUMENTATION_OPTIONS.pagename" in body:
            return ""
        name = f"inline-{hashlib.sha256(body.encode()).hexdigest()[:8]}.js"
        scripts[name] = body + "\n"
        return f'<script src="{base}_static/{name}"></script>'

    page = INLINE_SCRIPT.sub(moved, page)
    return page.replace('onclick="window.print()"', "data-print")


def _finish_page(page: str) -> str:
    page = re.sub(r"<script[^>]*fontawesome\.js[^>]*></script>\s*", "", page)
    page = re.sub(r'(<img [^>]*)style="width: (\d+)px; height: (\d+)px;"', r'\1width="\2" height="\3"', page)
    viewport = re.compile(r'<meta name="viewport"[^>]*>\s*')
    page = viewport.sub("", page, count=max(0, len(viewport.findall(page)) - 1))
    page = _add_code_switch(_typeset_print_title(page))
    base = match.group(1) if (match := re.search(r'data-content_root="([^"]*)"', page)) else ""
    fonts = [f"_static/katex/fonts/KaTeX_{name}.woff2" for name in preloads(page)]
    links = "".join(
        f'<link rel="preload" as="font" type="font/{file.rsplit(".", 1)[1]}" href="{base}{file}" crossorigin>\n'
        for file in [ICONS, *fonts]
    )
    # Nothing is painted before the page is read: half a formula would be laid out twice.
    links += '<link rel="expect" href="#page-end" blocking="render">\n'
    page = page.replace("</body>", '<span id="page-end" hidden></span></body>', 1)
    if 'class="calculator"' in page:
        links += f'<script type="module" src="{base}_static/calculators.js"></script>\n'
    links += f'<link rel="icon" type="image/svg+xml" href="{base}_static/favicon.svg">\n'
    return page.replace("</title>", f"</title>\n{links}", 1)


def _add_code_switch(page: str) -> str:
    """Put the switch for code into the header of a page that folds some; what needs JavaScript hides without it."""
    folds = any(f'<details class="{kind}' in page for kind in ("code", "claim"))
    if folds or 'class="ledger-filter' in page:
        page = page.replace("</head>", f"{NO_SCRIPT}</head>", 1)
    header = '<div class="article-header-buttons">'
    return page.replace(header, header + CODE_SWITCH, 1) if folds else page


def _typeset_print_title(page: str) -> str:
    """Give the title that only print shows the formulas of the chapter's title, in place of their TeX source."""
    title = re.search(r'<article class="bd-article">.*?<h1>(.*?)<a class="headerlink"', page, re.DOTALL)
    shown = title.group(1) if title else ""
    return re.sub(r"(jb-print-docs-body[^>]*>\s*<h1>).*?(?=</h1>)", lambda match: match.group(1) + shown, page, count=1)


def _replace_icons(out: Path) -> None:
    """Keep of the icon font what the pages show: the theme brings 300 kB of it and a 1.5 MB script."""
    for unused in out.glob("_static/scripts/fontawesome.js*"):
        unused.unlink()
    sheet = (out / THEME_CSS).read_text(encoding="utf-8")
    users = [*out.rglob("*.html"), *out.glob("_static/**/*.js")]
    names = set(re.findall(r"\bfa-[\w-]+", " ".join(path.read_text(encoding="utf-8") for path in users)))
    named = {code for name, code in _icon_codes(sheet).items() if name in names}
    marks = {ord(mark) for mark in re.findall(r'--pst-icon-[\w-]+:"(.)"', sheet)}  # admonitions and the like
    (out / ICONS).write_bytes(subset_icons(out / FONT_AWESOME / "fa-solid-900.ttf", named | marks | {0xF107}))
    face = re.compile(r"@font-face\{[^}]*Font Awesome[^}]*\}")
    (out / THEME_CSS).write_text(face.sub("", sheet), encoding="utf-8")
    for unused in (out / FONT_AWESOME).iterdir():
        unused.unlink()


def _icon_codes(sheet: str) -> dict[str, int]:
    rules = re.findall(r"((?:\.fa-[\w-]+:before,?)+)\{content:\"\\(\w+)\"", sheet)
    return {name: int(code, 16) for names, code in rules for name in re.findall(r"fa-[\w-]+", names)}
