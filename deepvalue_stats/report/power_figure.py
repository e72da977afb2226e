"""Power over the number of practitioners: a line for each question, and the usual 80 %."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes

from deepvalue_stats.report.drawing import COLOURS, DASHES, GREY, MARKERS, draw, spread
from deepvalue_stats.report.markup import Figure
from deepvalue_stats.tables import Series

USUAL = 80


def power_figure(series: Series, labels: dict[str, str]) -> Figure:
    """Lines told apart by mark, dash and name at their end, with bands of Monte Carlo error.

    Parameters
    ----------
    series : Series
        Chances, by question and number of practitioners.
    labels : dict
        A reader's name for each question.
    """
    frame = series.frame.sort_values(["group", "x"], kind="stable")
    lines = {
        label: frame[frame["group"] == group]
        for group, label in labels.items()
        if (frame["group"] == group).any()
    }
    said = "; ".join(_in_words(label, line) for label, line in lines.items())
    alt = f"Line chart of power (%) against the number of practitioners. {said}."
    paint = partial(_paint, lines=lines, x_label=series.x_label, y_label=series.y_label)
    return Figure(draw(7.0, 3.0, paint), alt, series.caption)


def _in_words(label: str, line: pd.DataFrame) -> str:
    points = [f"{100 * y:.0f}% with {x:.0f}" for x, y in zip(line["x"], line["y"], strict=True)]
    return f"{label}: {', '.join(points)}"


def _paint(axes: Axes, *, lines: dict[str, pd.DataFrame], x_label: str, y_label: str) -> None:
    numbers = sorted({float(x) for line in lines.values() for x in line["x"]})
    left, right = numbers[0], numbers[-1]
    width = (right - left) or 0.5 * right
    axes.axhline(USUAL, color=GREY, linewidth=1, linestyle=(0, (1, 2)))
    ends = spread([100 * float(line["y"].iloc[-1]) for line in lines.values()], 7.5)
    for place, (label, line) in enumerate(lines.items()):
        colour = COLOURS[place % len(COLOURS)]
        x, y, low, high = (line[name].to_numpy() for name in ("x", "y", "low", "high"))
        axes.fill_between(x, 100 * low, 100 * high, color=colour, alpha=0.15, linewidth=0)
        axes.errorbar(
            x,
            100 * y,
            # lists, for matplotlib 3.10.0 takes an array of one for a scalar
            yerr=[(100 * (y - low)).tolist(), (100 * (high - y)).tolist()],
            color=colour,
            linestyle=DASHES[place % len(DASHES)],
            marker=MARKERS[place % len(MARKERS)],
            capsize=3,
        )
        axes.annotate(
            label,
            (right + 0.03 * width, ends[place]),
            color=colour,
            weight="bold",
            va="center",
            annotation_clip=False,
        )
    axes.set(xlabel=x_label, ylabel=y_label, ylim=(0, 102))
    axes.set_xlim(left - 0.04 * width, right + 0.45 * width)
    axes.spines["bottom"].set_bounds(left, right)
    axes.set_xticks(numbers, [f"{number:.0f}" for number in numbers])
    axes.set_yticks(range(0, 101, 20))
