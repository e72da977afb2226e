"""The picture of the scoreboard: what two analyses say of each planted service, and the truth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from deepvalue_stats.report.drawing import GREY, INK, RUST, draw

ROW = 0.44
"""Inches of one service."""
OFFSET = 0.17
# so far to the right of the axes, in their width, stand the two columns of coverage
_COLUMNS = {"naive": 1.06, "package": 1.18, "both": 1.12}


def bench_figure(frame: pd.DataFrame) -> str:
    """Draw where the estimates of many replicates lie, beside the truth.

    Without colour the hurried analysis is told by hollow squares on dashed lines, the package by
    filled circles on whole ones, and the truth by an upright bar.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a service, in order: `label`, `truth`, and for `naive` and `package` each
        `<name>_q05`, `<name>_median`, `<name>_q95` (per 100 clients) and `<name>_coverage` (a
        share); missing where there is no estimate.

    Returns
    -------
    str
        SVG; equal frames give equal text.
    """
    svg = draw(7.7, 1.0 + ROW * len(frame), partial(_paint, frame=frame))
    # a picture on its own has to be readable on a dark page too
    return svg.replace("<svg ", '<svg style="background: #ffffff" ', 1)


def _paint(axes: Axes, *, frame: pd.DataFrame) -> None:
    axes.axvline(0, color=GREY, linewidth=0.8, linestyle=":")
    for place, row in enumerate(frame.to_dict("records")):
        axes.plot(
            [row["truth"]] * 2,
            [place - 0.38, place + 0.38],
            color="#0b0c0c",
            linewidth=2.6,
            solid_capstyle="butt",
            label="the truth" if place == 0 else None,
        )
        _analysis(axes, row, "naive", place - OFFSET, first=place == 0)
        _analysis(axes, row, "package", place + OFFSET, first=place == 0)
    axes.set_yticks(range(len(frame)), list(frame["label"]))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(frame) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("more clients in 100 with a good outcome, for one SD better relationship")
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3, frameon=False, handlelength=2.2
    )
    for name, head in (("naive", "hurried"), ("package", "package")):
        _beside(axes, name, -0.7, head, va="bottom")
    _beside(axes, "both", -1.05, "intervals that\nhold the truth", va="bottom")


def _analysis(axes: Axes, row: Mapping[Any, Any], name: str, place: float, *, first: bool) -> None:
    naive = name == "naive"
    colour = RUST if naive else INK
    if pd.isna(row[f"{name}_median"]):
        _beside(axes, name, place, "none")
        return
    axes.plot(
        [row[f"{name}_q05"], row[f"{name}_median"], row[f"{name}_q95"]],
        [place] * 3,
        color=colour,
        linestyle="--" if naive else "-",
        linewidth=1.4,
        marker="s" if naive else "o",
        markevery=[1],
        markersize=5.5,
        markerfacecolor="white" if naive else colour,
        label=("hurried analysis" if naive else "this package") if first else None,
    )
    _beside(axes, name, place, f"{100 * row[f'{name}_coverage']:.0f}%")


def _beside(axes: Axes, name: str, place: float, text: str, va: str = "center") -> None:
    axes.annotate(
        text,
        (_COLUMNS[name], place),
        xycoords=("axes fraction", "data"),
        ha="center",
        va=va,
        fontsize=8,
        annotation_clip=False,
    )
