"""How far practitioners may differ: groups of them in order, never one.

Drawn from a cleared table only.
"""

from __future__ import annotations

import textwrap
from functools import partial

import pandas as pd
from matplotlib.axes import Axes

from deepvalue_stats.report.drawing import GREY, INK, SMALL, TALL, draw
from deepvalue_stats.report.markup import Figure
from deepvalue_stats.report.numbers import HIDDEN, decimal
from deepvalue_stats.tables import CountTable

NUMBERS = ("chance", "low", "high", "average")


def practitioners_figure(table: CountTable, *, y_label: str) -> Figure | None:
    """Means of groups of ranked practitioners with the mean of their own intervals.

    Parameters
    ----------
    table : CountTable
        Cleared: group, chance, low, high and average, the lowest group first.
    y_label : str

    Returns
    -------
    Figure or None
        None where no group may be drawn.
    """
    kept = table.frame[~table.frame[list(NUMBERS)].isin(["", HIDDEN]).any(axis=1)]
    if kept.empty:
        return None
    points = kept.astype(dict.fromkeys(NUMBERS, "float64"))
    average = float(points["average"].iloc[0])
    said = "; ".join(
        f"group {row['group']}: {decimal(row['chance'])} "
        f"({decimal(row['low'])} to {decimal(row['high'])})"
        for row in points.to_dict("records")
    )
    alt = (
        "Caterpillar plot of groups of practitioners ranked by their estimates, each a mean over "
        f"the group with the mean of its members' 95% intervals: {y_label}. {said}. "
        f"With an average practitioner: {decimal(average)}."
    )
    hidden = len(table.frame) - len(kept)
    if hidden:
        alt += f" Groups not drawn, as too few clients stand behind them: {hidden}."
    svg = draw(7.0, 2.9, partial(_paint, points=points, average=average, y_label=y_label))
    return Figure(svg, alt, table.caption)


def _paint(axes: Axes, *, points: pd.DataFrame, average: float, y_label: str) -> None:
    places = [int(str(group).partition(" ")[0]) for group in points["group"]]
    axes.axhline(average, color=GREY, linewidth=1, linestyle="--")
    for place, row in zip(places, points.to_dict("records"), strict=True):
        axes.plot([place, place], [row["low"], row["high"]], color=INK, solid_capstyle="butt")
        axes.plot([place], [row["chance"]], "o", color=INK, markersize=6)
    axes.annotate(
        "average\npractitioner",
        (1.01, average),
        xycoords=("axes fraction", "data"),
        color=GREY,
        va="center",
        fontsize=SMALL,
        annotation_clip=False,
    )
    top = 10 * (int(points["high"].max() // 10) + 1)
    axes.set(ylim=(0, min(100, top)), xlim=(0.4, max(places) + 0.6))
    axes.set_xticks(places, [f"{place}" for place in places])
    axes.set_xlabel("groups of practitioners, from the lowest estimates to the highest")
    axes.set_ylabel(textwrap.fill(y_label, TALL))
