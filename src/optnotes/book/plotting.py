"""One style for all figures, and the figure that every chapter needs: theory against sample, with residuals.

Colours come from `LIGHT`; the site swaps each for its namesake in `DARK` where the page is dark, so a figure
uses no other colours.
"""

import sys
from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from optnotes._ground.arguments import FloatArray, real_array, require

from ._extra import from_extra

with from_extra():
    import matplotlib.pyplot as plt
    from cycler import cycler
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIGHT: Mapping[str, str] = {
    "ink": "#1f2933",
    "muted": "#5b6770",
    "grid": "#d5dade",
    "theory": "#0b5cad",
    "sample": "#b3400f",
    "third": "#2f7d4f",
    "fourth": "#7a4bb0",
    "fifth": "#8a6a00",
}
"""Palette on a white page; each line colour has a contrast of at least 4.5 : 1."""

DARK: Mapping[str, str] = {
    "ink": "#e4e8eb",
    "muted": "#a3adb5",
    "grid": "#3f4850",
    "theory": "#6cb1f5",
    "sample": "#f59b6c",
    "third": "#72c795",
    "fourth": "#c0a0ea",
    "fifth": "#d9b848",
}
"""The same palette on a dark page."""


def use_style() -> None:
    """Set the style of the book; in a notebook, figures become SVG that repeats to the byte."""
    plt.style.use(_style())
    if "ipykernel" in sys.modules:
        from matplotlib_inline.backend_inline import set_matplotlib_formats  # noqa: PLC0415 - only a notebook has it

        set_matplotlib_formats("svg", metadata={"Date": None, "Creator": None}, bbox_inches=None)  # type: ignore[no-untyped-call]


def theory_and_sample(
    x: ArrayLike,
    theory: ArrayLike,
    sample: ArrayLike,
    standard_error: ArrayLike,
    *,
    xlabel: str = "",
    ylabel: str = "",
    xscale: str = "linear",
    yscale: str = "linear",
) -> Figure:
    """Draw theory as a line, the sample as points with error bars, and residuals in standard errors below.

    Parameters
    ----------
    x, theory, sample, standard_error
        Real arrays of one length; the standard errors are positive.
    xlabel, ylabel
        Lower-case labels with units.
    xscale, yscale
        Scales of matplotlib, such as "log".

    Returns
    -------
    Figure
        The upper axes hold the data, the lower (sample − theory) / standard error with a band at ±2.

    Raises
    ------
    ValueError
        The arrays differ in length, are empty, or a standard error is not positive.

    Examples
    --------
    >>> figure = theory_and_sample([1, 2], [1.0, 4.0], [1.1, 3.8], [0.1, 0.2])
    >>> [round(float(r), 6) for r in figure.axes[1].lines[0].get_ydata()]
    [1.0, -1.0]
    """
    points, line, estimates, errors = _columns(x, theory, sample, standard_error)
    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.plot(points, line, color=LIGHT["theory"], label="theory")
    top.errorbar(points, estimates, errors, fmt="o", color=LIGHT["sample"], label="sample ± 1 standard error")
    top.set(ylabel=ylabel, xscale=xscale, yscale=yscale)
    top.legend()
    _residuals(bottom, points, (estimates - line) / errors)
    bottom.set(xlabel=xlabel)
    return figure


def _style() -> dict[str, Any]:
    colours = ("theory", "sample", "third", "fourth", "fifth")
    return {
        "axes.edgecolor": LIGHT["muted"],
        "axes.facecolor": "none",
        "axes.grid": True,
        "axes.labelcolor": LIGHT["ink"],
        "axes.prop_cycle": cycler(linestyle=["-", "--"]) * cycler(color=[LIGHT[name] for name in colours]),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "none",
        "figure.figsize": (6.4, 4.2),
        "font.size": 10,
        "grid.color": LIGHT["grid"],
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "lines.markersize": 4,
        "savefig.facecolor": "none",
        "svg.fonttype": "path",
        "svg.hashsalt": "optnotes",
        "text.color": LIGHT["ink"],
        "xtick.color": LIGHT["muted"],
        "ytick.color": LIGHT["muted"],
    }


def _columns(x: ArrayLike, theory: ArrayLike, sample: ArrayLike, standard_error: ArrayLike) -> list[FloatArray]:
    given = {"x": x, "theory": theory, "sample": sample}
    columns = [real_array(name, value).ravel() for name, value in given.items()]
    columns.append(real_array("standard_error", standard_error, low=0, low_open=True).ravel())
    sizes = [column.size for column in columns]
    require(min(sizes) > 0 and min(sizes) == max(sizes), "x", "be as long as the other three, and not empty", sizes)
    return columns


def _residuals(axes: Axes, points: FloatArray, residuals: FloatArray) -> None:
    axes.plot(points, residuals, "o", color=LIGHT["sample"])
    axes.axhspan(-2, 2, color=LIGHT["grid"], alpha=0.5, linewidth=0)
    axes.axhline(0, color=LIGHT["theory"], linewidth=1)
    axes.set_ylabel("residual\n(standard errors)")
