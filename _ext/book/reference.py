"""The reference of the package: docstrings as pages, their claims as links."""

import re
from collections.abc import Sequence

from sphinx.application import Sphinx

_CODE = re.compile(r"^\s*(>>>|\.\.\. )")
_QUOTED = re.compile(r"(``[^`]+``|`[^`]+`)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Read docstrings by Sphinx's own means, in their plain form; Sphinx calls this."""
    for extension in ("sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"):
        app.setup_extension(extension)
    # Before Napoleon, which turns sections into fields.
    app.connect("autodoc-process-docstring", _process, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def marked_up(lines: Sequence[str]) -> list[str]:
    r"""Return the lines of a docstring in reStructuredText: names in backticks are code, bars and stars themselves.

    Examples
    --------
    >>> marked_up(["|g| of `sphere`, a*b.", "Claims: `ema-mean`.", ">>> a*b"])
    ['\\|g\\| of ``sphere``, a\\*b.', 'Claims: :claim:`ema-mean`.', '>>> a*b']
    """
    found, in_code, in_claims = [], False, False
    for line in lines:
        in_code = bool(_CODE.match(line)) or (in_code and bool(line.strip()))
        in_claims = line.lstrip().startswith("Claims: ") or (in_claims and bool(line.strip()))
        found.append(line if in_code else _line(line, in_claims))
    return found


def _line(line: str, in_claims: bool) -> str:
    parts = [_quoted(part, in_claims) if part.startswith("`") else _plain(part) for part in _QUOTED.split(line)]
    return "".join(parts)


def _quoted(part: str, in_claims: bool) -> str:
    text = part.strip("`")
    return f":claim:`{text}`" if in_claims else f"``{text}``"


def _plain(text: str) -> str:
    """Escape what reStructuredText would read as markup; the underline of a heading is none."""
    return re.sub(r"([|*]|(?<=\w)_(?!\w))", r"\\\1", text)


def _process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:  # noqa: ARG001, PLR0917 - Sphinx gives six
    lines[:] = marked_up(lines)
