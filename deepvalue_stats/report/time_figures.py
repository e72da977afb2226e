"""The figures of time: before and after a change of practitioner, and how long until the outcome.

Only lines, intervals and steps of cleared numbers; never the value of a single person.
"""

from __future__ import annotations

import textwrap
from functools import partial

import pandas as pd
from matplotlib.axes import Axes

from deepvalue_stats.report.drawing import COLOURS, DASHES, GREY, INK, SMALL, TALL, draw, spread
from deepvalue_stats.report.markup import Figure
from deepvalue_stats.report.numbers import decimal, interval, signed, words
from deepvalue_stats.tables import Series


def event_figure(series: Series) -> Figure:
    """Differences by wave before and after a change, about a line at nought.

    Parameters
    ----------
    series : Series
        Differences in risk; `x` counts waves from the first after the change, which is 0.
    """
    line = series.frame.sort_values("x", kind="stable")
    numbers = line[["x", "y", "low", "high"]].to_numpy(dtype="float64")
    said = "; ".join(
        f"{_when(x)}: {signed(100 * y)} ({interval(100 * low, 100 * high)})"
        for x, y, low, high in numbers
    )
    alt = f"{series.caption}, {words(series.y_label)}, with 95% intervals. {said}."
    paint = partial(_paint_event, line=line, x_label=series.x_label, y_label=series.y_label)
    return Figure(draw(7.0, 2.75, paint), alt, series.caption)


def _when(x: float) -> str:
    """An event time as a reader says it.

    Examples
    --------
    >>> _when(-2.0), _when(0.0), _when(1.0)
    ('2 waves before', 'the first wave after', '1 wave later')
    """
    if x == 0:
        return "the first wave after"
    size = abs(int(x))
    unit = "wave" if size == 1 else "waves"
    return f"{size} {unit} {'before' if x < 0 else 'later'}"


def _paint_event(axes: Axes, *, line: pd.DataFrame, x_label: str, y_label: str) -> None:
    axes.axhline(0, color=GREY, linewidth=1, linestyle="--")
    axes.axvline(-0.5, color=GREY, linewidth=1, linestyle=":")
    x = line["x"].to_numpy()
    low, middle, high = (100 * line[name].to_numpy() for name in ("low", "y", "high"))
    for place, bottom, top in zip(x, low, high, strict=True):
        axes.plot([place, place], [bottom, top], color=INK, solid_capstyle="butt")
    filled = (low > 0) | (high < 0)
    for place, value, full in zip(x, middle, filled, strict=True):
        face = INK if full else "white"
        axes.plot([place], [value], "o", color=INK, markerfacecolor=face, markersize=6)
    axes.annotate(
        "change",
        (-0.5, 1.0),
        xycoords=("data", "axes fraction"),
        color=GREY,
        ha="center",
        va="bottom",
        fontsize=SMALL,
        annotation_clip=False,
    )
    axes.set_xticks(x)
    axes.set(
        xlabel=f"{x_label} (filled: the interval leaves zero out)",
        ylabel=textwrap.fill(y_label, TALL),
    )
    axes.xaxis.set_major_formatter(lambda value, _: decimal(value, 0))


def waiting_figure(series: Series, labels: dict[str, str]) -> Figure:
    """Steps of the share with the outcome by day, a line with its 95% ribbon for each group.

    Parameters
    ----------
    series : Series
        Shares.
    labels : dict
        A reader's name for each group.
    """
    frame = series.frame.sort_values(["group", "x"], kind="stable")
    lines = {
        labels.get(str(group), words(str(group))): part
        for group, part in frame.groupby("group", sort=False)
    }
    order = [label for label in labels.values() if label in lines]
    lines = {label: lines[label] for label in [*order, *(k for k in lines if k not in order)]}
    said = "; ".join(f"{label}: {_end(line)}" for label, line in lines.items())
    alt = f"{series.caption}: {words(series.y_label)}, with 95% intervals. {said}."
    paint = partial(_paint_waiting, lines=lines, x_label=series.x_label, y_label=series.y_label)
    return Figure(draw(7.0, 3.0, paint), alt, series.caption)


def _end(line: pd.DataFrame) -> str:
    """Where a curve ends, in words."""
    x, y, low, high = (float(line[name].iloc[-1]) for name in ("x", "y", "low", "high"))
    share = f"{decimal(100 * y)} ({decimal(100 * low)} to {decimal(100 * high)})"
    return f"{share} by day {decimal(x, 0)}"


def _paint_waiting(
    axes: Axes, *, lines: dict[str, pd.DataFrame], x_label: str, y_label: str
) -> None:
    top = max(100 * float(line["high"].max()) for line in lines.values())
    top = min(100.0, 10 * (int(top // 10) + 1))
    right = max(float(line["x"].max()) for line in lines.values())
    ends = spread([100 * float(line["y"].iloc[-1]) for line in lines.values()], 0.085 * top)
    for place, (label, line) in enumerate(lines.items()):
        colour, x = COLOURS[place % len(COLOURS)], line["x"].to_numpy()
        low, middle, high = (100 * line[name].to_numpy() for name in ("low", "y", "high"))
        axes.fill_between(x, low, high, step="post", color=colour, alpha=0.13, linewidth=0)
        dashes = DASHES[place % len(DASHES)]
        axes.step(x, middle, where="post", color=colour, linestyle=dashes)
        axes.annotate(
            label,
            (1.02 * right, ends[place]),
            color=colour,
            weight="bold",
            va="center",
            annotation_clip=False,
        )
    axes.set(xlabel=x_label, ylabel=textwrap.fill(y_label, TALL), ylim=(0, top))
    axes.set_xlim(0, 1.28 * right)
    axes.spines["bottom"].set_bounds(0, right)
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= right])
