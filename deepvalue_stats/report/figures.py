"""The figures of a page: predicted outcome, estimates side by side, and who left on the way.

Only lines, intervals and boxes of cleared numbers; never the value of a single person.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from deepvalue_stats.report.drawing import (
    COLOURS,
    DASHES,
    GREY,
    INK,
    LINE,
    NARROW,
    SMALL,
    TALL,
    draw,
    lines_of,
    name_rows,
    spread,
)
from deepvalue_stats.report.markup import Figure
from deepvalue_stats.report.numbers import Estimate, count, decimal, interval, signed, words
from deepvalue_stats.tables import CountTable, Series

GAP = 0.24
"""Inches between two boxes of the flow."""


def predicted_figure(
    series: Series, labels: dict[str, str], *, caption: str, x_label: str, y_label: str
) -> Figure:
    """A line with its 95% ribbon for each group, labelled at its end.

    Parameters
    ----------
    series : Series
        Probabilities.
    labels : dict
        A reader's name for each group.
    caption, x_label, y_label : str
    """
    frame = series.frame.sort_values(["group", "x"], kind="stable")
    groups = [group for group in labels if (frame["group"] == group).any()]
    lines = {labels[group]: frame[frame["group"] == group] for group in groups}
    paint = partial(_paint_lines, lines=lines, x_label=x_label, y_label=y_label)
    said = "; ".join(_line_in_words(label, line) for label, line in lines.items())
    alt = f"Line chart of {y_label} against {x_label}, with 95% intervals. {said}."
    return Figure(draw(7.0, 2.75, paint), alt, caption)


def _line_in_words(label: str, line: pd.DataFrame) -> str:
    # both ends, and the middle, where a line that bends is elsewhere
    told = dict.fromkeys((0, len(line) // 2, len(line) - 1))
    points = [
        f"{decimal(100 * at['y'])} ({decimal(100 * at['low'])} to {decimal(100 * at['high'])}) "
        f"at {decimal(at['x'])}"
        for at in (line.iloc[place] for place in told)
    ]
    return f"{label}: " + ", then ".join(points)


def _paint_lines(axes: Axes, *, lines: dict[str, pd.DataFrame], x_label: str, y_label: str) -> None:
    top = max(100 * float(line["high"].max()) for line in lines.values())
    top = min(100.0, 10 * (int(top // 10) + 1))
    ends = spread([100 * float(line["y"].iloc[-1]) for line in lines.values()], 0.085 * top)
    left = min(float(line["x"].min()) for line in lines.values())
    right = max(float(line["x"].max()) for line in lines.values())
    for place, (label, line) in enumerate(lines.items()):
        colour = COLOURS[place % len(COLOURS)]
        x = line["x"].to_numpy()
        low, high = (100 * line[name].to_numpy() for name in ("low", "high"))
        axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
        dashes = DASHES[place % len(DASHES)]
        axes.plot(x, 100 * line["y"].to_numpy(), color=colour, linestyle=dashes)
        axes.annotate(
            label,
            (right + 0.02 * (right - left), ends[place]),
            color=colour,
            weight="bold",
            va="center",
            annotation_clip=False,
        )
    axes.set(xlabel=x_label, ylabel=textwrap.fill(y_label, TALL), ylim=(0, top))
    axes.set_xlim(left, right + 0.24 * (right - left))
    axes.spines["bottom"].set_bounds(left, right)
    axes.set_xticks([tick for tick in axes.get_xticks() if left <= tick <= right])


def band_figure(series: Series, whole: str, *, x_label: str, y_label: str) -> Figure:
    """One line with the interval of each point, and a wider band that holds the whole line.

    Parameters
    ----------
    series : Series
        Probabilities, in two groups with one and the same line.
    whole : str
        The group whose interval is the wider band.
    x_label, y_label : str
    """
    frame = series.frame.sort_values(["group", "x"], kind="stable")
    outer, inner = frame[frame["group"] == whole], frame[frame["group"] != whole]
    paint = partial(_paint_bands, inner=inner, outer=outer, x_label=x_label, y_label=y_label)
    alt = (
        f"Line chart of {y_label} against {x_label}, with 95% intervals of each point and a band "
        f"for the whole line. {_line_in_words('line', inner)}."
    )
    return Figure(draw(7.0, 2.75, paint), alt, series.caption)


def _paint_bands(
    axes: Axes, *, inner: pd.DataFrame, outer: pd.DataFrame, x_label: str, y_label: str
) -> None:
    colour = COLOURS[0]
    for line, alpha in ((outer, 0.12), (inner, 0.2)):
        x = line["x"].to_numpy()
        low, high = (100 * line[name].to_numpy() for name in ("low", "high"))
        axes.fill_between(x, low, high, color=colour, alpha=alpha, linewidth=0)
    axes.plot(inner["x"].to_numpy(), 100 * inner["y"].to_numpy(), color=colour)
    top = min(100.0, 10 * (int(100 * float(outer["high"].max()) // 10) + 1))
    axes.set(xlabel=x_label, ylabel=textwrap.fill(y_label, TALL), ylim=(0, top))


def difference_figure(series: Series, *, x_label: str, y_label: str) -> Figure:
    """How a difference moves along a score: a line with its 95% ribbon about a line at nought.

    Parameters
    ----------
    series : Series
        Differences in risk.
    x_label, y_label : str
    """
    line = series.frame.sort_values("x", kind="stable")
    paint = partial(_paint_difference, line=line, x_label=x_label, y_label=y_label)
    alt = (
        f"Line chart of {y_label} against {x_label}, with 95% intervals. "
        f"{_line_in_words('line', line)}."
    )
    return Figure(draw(7.0, 2.5, paint), alt, series.caption)


def _paint_difference(axes: Axes, *, line: pd.DataFrame, x_label: str, y_label: str) -> None:
    x = line["x"].to_numpy()
    low, middle, high = (100 * line[name].to_numpy() for name in ("low", "y", "high"))
    axes.axhline(0, color=GREY, linewidth=1, linestyle="--")
    axes.fill_between(x, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
    axes.plot(x, middle, color=COLOURS[0])
    axes.set(xlabel=x_label, ylabel=textwrap.fill(y_label, TALL))


def forest_figure(estimates: Sequence[Estimate], *, caption: str, x_label: str) -> Figure:
    """Estimates with intervals under one another; those without a number say why in the table."""
    shown = [e for e in estimates if e.ok]
    paint = partial(_paint_forest, estimates=shown, x_label=x_label)
    said = "; ".join(f"{e.group}: {signed(e.value)} ({interval(e.low, e.high)})" for e in shown)
    alt = f"Forest plot of {x_label}, with 95% intervals. {said}."
    lines = max((len(lines_of(e.group, NARROW)) for e in shown), default=1)
    return Figure(draw(7.0, 0.75 + (0.2 + 0.07 * lines) * len(shown), paint), alt, caption)


def _paint_forest(axes: Axes, *, estimates: Sequence[Estimate], x_label: str) -> None:
    axes.axvline(0, color=GREY, linewidth=1, linestyle="--")
    for place, e in enumerate(estimates):
        inside = e.low <= 0 <= e.high
        axes.plot([e.low, e.high], [place, place], color=INK, solid_capstyle="butt")
        fill = "white" if inside else INK
        axes.plot([e.value], [place], "o", color=INK, markerfacecolor=fill, markersize=6)
        axes.annotate(
            f"{signed(e.value)} ({interval(e.low, e.high)})",
            (1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )
    name_rows(axes, [e.group for e in estimates], NARROW)
    axes.set_xlabel(f"{x_label} (filled: the interval leaves zero out)")
    axes.xaxis.set_major_formatter(lambda value, _: decimal(value, 0 if value % 1 == 0 else 1))


def flow_figure(table: CountTable, *, caption: str) -> Figure:
    """Boxes of what remained after each step that somebody left at, with what left beside them."""
    first, *later = [_Step.of(row) for _, row in table.frame.iterrows()]
    steps = [first, *(step for step in later if step.left)]
    said = ". ".join(step.says() for step in steps)
    height = sum(step.height + GAP for step in steps)
    svg = draw(7.0, height, partial(_paint_flow, steps=steps, height=height))
    return Figure(svg, f"Flow chart. {said}.", caption)


@dataclass(frozen=True)
class _Step:
    """One line of the flow: its words, what left and what remained, as printed."""

    name: str
    left: str
    parts: tuple[str, ...]
    remained: tuple[str, ...]

    @classmethod
    def of(cls, row: pd.Series) -> _Step:
        cells = {str(name): count(str(value)) for name, value in row.items()}
        said = {name: value for name, value in cells.items() if value not in ("", "0")}
        parts = [
            f"{words(name.removeprefix('left_'))} {value}"
            for name, value in said.items()
            if name.startswith("left_")
        ]
        known = ("rows", "clients", "practitioners")
        remained = [f"{cells[name]} {name}" for name in known if cells.get(name)]
        return cls(cells.get("step", ""), said.get("left", ""), tuple(parts), tuple(remained))

    @property
    def height(self) -> float:
        lines = max(len(self.box().split("\n")), len(self.side().split("\n")))
        return 0.16 + LINE * lines

    def box(self) -> str:
        """What remained; the step that nobody left at says what the rows are."""
        name = [] if self.left else textwrap.wrap(self.name, 52)
        return "\n".join([*name, ", ".join(self.remained)])

    def side(self) -> str:
        """What left, and why."""
        if not self.left:
            return ""
        lines = [*textwrap.wrap(f"{self.left} left: {self.name}", 40)]
        return "\n".join([*lines, *textwrap.wrap(", ".join(self.parts), 40)])

    def says(self) -> str:
        parts = f" ({', '.join(self.parts)})" if self.parts else ""
        if not self.left:
            return f"{self.name}: {', '.join(self.remained)}"
        return f"{self.left} left, {self.name}{parts}: {', '.join(self.remained)} remained"


def _paint_flow(axes: Axes, *, steps: Sequence[_Step], height: float) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, 7.0), ylim=(height, 0))
    top = GAP / 2
    for place, step in enumerate(steps):
        _box(axes, (0.05, top), (3.7, step.height), step.box(), INK, "#eef3f8")
        if place:
            _arrow(axes, (1.9, top - GAP), (1.9, top))
        if step.side():
            middle = top + step.height / 2
            _box(axes, (4.25, top), (2.7, step.height), step.side(), GREY, "#f4f4f2")
            _arrow(axes, (3.75, middle), (4.25, middle))
        top += step.height + GAP


def _box(
    axes: Axes,
    corner: tuple[float, float],
    size: tuple[float, float],
    text: str,
    edge: str,
    face: str,
) -> None:
    style = "round,pad=0,rounding_size=0.05"
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, edgecolor=edge, facecolor=face))
    x, y = corner[0] + size[0] / 2, corner[1] + size[1] / 2
    lines = text.split("\n")
    for place, line in enumerate(lines):
        # each on its own: lines of one text are set apart by the widths of another font
        at = y + LINE * (place - (len(lines) - 1) / 2)
        axes.text(x, at, line, ha="center", va="center", fontsize=8.5)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "->", "color": GREY, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)
