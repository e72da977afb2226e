"""The figures of time: how long until the outcome.

Only lines, intervals and steps of cleared numbers; never the value of a single person.
"""

from __future__ import annotations

import textwrap
from functools import partial

import pandas as pd
from matplotlib.axes import Axes

from deepvalue_stats.report.drawing import COLOURS, DASHES, TALL, draw, spread
from deepvalue_stats.report.markup import Figure
from deepvalue_stats.report.numbers import decimal, words
from deepvalue_stats.tables import Series


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
