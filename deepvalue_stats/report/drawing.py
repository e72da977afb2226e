"""The house style of a figure, and how it becomes text that is the same on every run."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

INK, RUST, GREY, PLUM = "#123f66", "#a3440b", "#484f54", "#6b2c73"
SHADE = "#e4e6e8"
COLOURS = (RUST, GREY, INK, PLUM)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
SMALL = 8.0
"""Points of the smallest words: a page prints a figure at its own size."""
TALL = 42
"""Letters that an upright label of a low figure has room for."""
WIDE, NARROW = 60, 34
"""Letters of a row's name on one line, and where the plot would have no room beside them."""
LINE = 0.155
"""Inches of a line of words."""
FONTS = "'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
STYLE: Mapping[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": "#0b0c0c",
    "axes.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "#0b0c0c",
    "ytick.labelcolor": "#0b0c0c",
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "deepvalue_stats",
    "path.simplify": False,
}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def draw(width: float, height: float, paint: Callable[[Axes], Any]) -> str:
    """Paint one pair of axes and return it as SVG.

    Parameters
    ----------
    width, height : float
        Inches; pages show a figure at about this size.
    paint : callable
        Draws on the axes it is given.

    Returns
    -------
    str
        Without times and random names, so that equal data give equal text. Words stay text and
        take the fonts of the page.
    """
    return _drawn(width, height, lambda figure: paint(figure.add_subplot()))


def draw_panels(
    width: float,
    height: float,
    paint: Callable[..., Any],
    *,
    beside: tuple[float, ...] = (1,),
    above: tuple[float, ...] = (1,),
) -> str:
    """Paint several pairs of axes, which share the scale on which they meet; see `draw`.

    Parameters
    ----------
    width, height : float
    paint : callable
        Draws on the axes it is given, row by row from the top left.
    beside, above : tuple of float
        Relative widths of panels beside each other, and heights of panels above each other.
    """

    def fill(figure: Canvas) -> None:
        grid = figure.subplots(
            len(above), len(beside), squeeze=False, width_ratios=beside, height_ratios=above,
            sharex="col", sharey="row",
        )  # fmt: skip
        paint(*grid.ravel())

    return _drawn(width, height, fill)


def _drawn(width: float, height: float, fill: Callable[[Canvas], Any]) -> str:
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in STYLE.items():
            mpl.rcParams[name] = value
        figure = Canvas(figsize=(width, height), layout="constrained")
        fill(figure)
        text = StringIO()
        figure.savefig(text, format="svg", metadata=NO_METADATA, transparent=True)
    svg = text.getvalue()
    return _numbered(svg[svg.index("<svg") :]).replace("'DejaVu Sans', sans-serif", FONTS)


def _numbered(svg: str) -> str:
    """Ids by their order: matplotlib's hash the last bit of a place, which a cache may change."""
    names = dict.fromkeys(re.findall(r'id="([a-z]+[0-9a-f]{10})"', svg))
    order = {name: f"i{place}" for place, name in enumerate(names)}
    return re.sub(r"\b[a-z]+[0-9a-f]{10}\b", lambda found: order.get(found[0], found[0]), svg)


def name_rows(axes: Axes, names: Sequence[str], wide: int = WIDE) -> None:
    """Rows of a plot under one another, the first on top, each with its name on the left."""
    axes.set_yticks(range(len(names)), [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    for row, name in enumerate(names):
        lines = lines_of(name, wide)
        for place, line in enumerate(lines):
            # each on its own: lines of one text are set by the widths of another font
            down = LINE * 72 * (place - (len(lines) - 1) / 2)
            axes.annotate(
                line,
                (0, row),
                xytext=(-5, -down),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="center",
                annotation_clip=False,
            )


def lines_of(name: str, wide: int = WIDE) -> list[str]:
    """The lines of a row's name."""
    return textwrap.wrap(name, wide) or [""]


def spread(places: list[float], gap: float) -> list[float]:
    """Move labels apart, as little as needed, so that two are never closer than `gap`.

    Examples
    --------
    >>> spread([1.0, 1.2, 5.0], 1.0)
    [0.6, 1.6, 5.0]
    """
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for _ in range(100):
        for lower, upper in pairwise(order):
            short = gap - (moved[upper] - moved[lower])
            if short > 1e-9:
                moved[lower] -= short / 2
                moved[upper] += short / 2
    return [round(place, 6) for place in moved]
