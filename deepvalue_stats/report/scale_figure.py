"""The effect by confidence band on both scales, beside the chances that it is made of.

Drawn from cleared rows only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes

from deepvalue_stats.report.drawing import GREY, INK, RUST, draw_panels, name_rows
from deepvalue_stats.report.markup import Figure
from deepvalue_stats.report.numbers import decimal, interval, signed

APART = 0.14
RATIOS = (
    (0.1, 0.2, 0.25, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 10.0),
    (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0),
    (0.1, 0.5, 1.0, 2.0, 5.0, 10.0),
    (0.01, 0.1, 1.0, 10.0, 100.0),
)
"""Ticks of a ratio, from fine to coarse."""
MOST_TICKS = 5


@dataclass(frozen=True)
class Ranged:
    """A number with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Compared:
    """One group with a less and a more effective relationship.

    Attributes
    ----------
    group : str
    less, more : Ranged
        Chances, per 100.
    difference : Ranged
        Per 100.
    ratio : Ranged
        Of the chances.
    """

    group: str
    less: Ranged
    more: Ranged
    difference: Ranged
    ratio: Ranged

    @property
    def said(self) -> str:
        """The row in words."""
        less, more, gap, ratio = self.less, self.more, self.difference, self.ratio
        return (
            f"{self.group}: {_plain(less)} with a less effective one, {_plain(more)} with a more "
            f"effective one, difference {signed(gap.value)} ({interval(gap.low, gap.high)}), "
            f"ratio {_plain(ratio, 2)}"
        )


def _plain(one: Ranged, digits: int = 1) -> str:
    ends = f"{decimal(one.low, digits)} to {decimal(one.high, digits)}"
    return f"{decimal(one.value, digits)} ({ends})"


def scales_figure(rows: Sequence[Compared], *, caption: str) -> Figure:
    """Chances, their difference and their ratio, in three panels with one row a group.

    Parameters
    ----------
    rows : sequence of Compared
        From top to bottom.
    caption : str
    """
    said = ". ".join(one.said for one in rows)
    alt = (
        "Three panels with 95% intervals: chance of the outcome per 100 clients with a less and "
        f"with a more effective relationship, their difference, and their ratio. {said}."
    )
    svg = draw_panels(7.0, 1.15 + 0.42 * len(rows), partial(_paint, rows=rows), beside=(1.2, 1, 1))
    return Figure(svg, alt, caption)


def _paint(chances: Axes, differences: Axes, ratios: Axes, *, rows: Sequence[Compared]) -> None:
    for place, one in enumerate(rows):
        _mark(chances, one.less, place - APART, RUST, "s", filled=False)
        _mark(chances, one.more, place + APART, INK, "o", filled=True)
    chances.plot([], [], "s-", color=RUST, markerfacecolor="white", label="less effective")
    chances.plot([], [], "o-", color=INK, label="more effective")
    chances.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), frameon=False, borderaxespad=0.2,
        handlelength=1.4,
    )  # fmt: skip
    _against(differences, [one.difference for one in rows], 0.0)
    _against(ratios, [one.ratio for one in rows], 1.0)
    ratios.set_xscale("log")
    ticks = _ticks([1.0, *(end for one in rows for end in (one.ratio.low, one.ratio.high))])
    ratios.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ratios.minorticks_off()
    name_rows(chances, [one.group for one in rows])
    for axes in (differences, ratios):
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    chances.set_xlabel("chance per 100")
    differences.set_xlabel("difference per 100")
    ratios.set_xlabel("ratio of chances")
    differences.xaxis.set_major_formatter(_whole)


def _ticks(ratios: Sequence[float]) -> list[float]:
    """The finest ticks that are not too many to be read.

    Examples
    --------
    >>> _ticks([0.9, 1.0, 1.6]), _ticks([0.45, 3.2])
    ([1.0, 1.25, 1.5], [0.5, 1.0, 2.0, 3.0])
    """
    low, high = min(ratios) / 1.05, max(ratios) * 1.05
    inside = [[tick for tick in ticks if low <= tick <= high] for ticks in RATIOS]
    return next((ticks for ticks in inside if len(ticks) <= MOST_TICKS), inside[-1])


def _whole(value: float, _place: object) -> str:
    return decimal(value, 0 if value % 1 == 0 else 1)


def _against(axes: Axes, found: Sequence[Ranged], null: float) -> None:
    axes.axvline(null, color=GREY, linewidth=1, linestyle="--")
    for place, one in enumerate(found):
        _mark(axes, one, place, INK, "o", filled=not one.low <= null <= one.high)


def _mark(axes: Axes, one: Ranged, place: float, colour: str, marker: str, *, filled: bool) -> None:
    axes.plot([one.low, one.high], [place, place], color=colour, solid_capstyle="butt")
    face = colour if filled else "white"
    axes.plot([one.value], [place], marker, color=colour, markerfacecolor=face, markersize=6)
