"""Two figures of who is compared: how alike the sides are, and what is not known of whom.

Drawn from cleared tables only; what a table hides is named and not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes

from deepvalue_stats.report.drawing import (
    COLOURS,
    GREY,
    INK,
    MARKERS,
    SHADE,
    SMALL,
    draw,
    name_rows,
)
from deepvalue_stats.report.markup import Figure
from deepvalue_stats.report.numbers import HIDDEN, decimal, words
from deepvalue_stats.tables import CountTable

ALIKE = 0.1
"""Standardised differences within it are little (Austin 2009)."""


@dataclass(frozen=True)
class _Side:
    name: str
    adjusted: bool
    difference: float

    @property
    def said(self) -> str:
        return decimal(self.difference, 2)


def balance_figure(table: CountTable) -> Figure | None:
    """Standardised differences by size, whatever their sign, the largest on top.

    Parameters
    ----------
    table : CountTable
        Cleared: characteristic, adjusted and difference.

    Returns
    -------
    Figure or None
        None where no difference may be drawn.
    """
    rows = table.frame.to_dict("records")
    sides = [
        _Side(words(row["characteristic"]), row["adjusted"] == "yes", float(row["difference"]))
        for row in rows
        if row["difference"] not in ("", HIDDEN)
    ]
    if not sides:
        return None
    sides.sort(key=lambda one: -abs(one.difference))
    said = "; ".join(
        f"{one.name}: {one.said}{'' if one.adjusted else ', not adjusted for'}" for one in sides
    )
    beyond = sum(abs(one.difference) > ALIKE for one in sides)
    alt = (
        "Dot plot of standardised differences between clients with a more and a less effective "
        f"relationship, before any adjustment. {said}. {beyond} of {len(sides)} beyond 0.1."
    )
    hidden = [words(row["characteristic"]) for row in rows if row["difference"] == HIDDEN]
    if hidden:
        alt += f" Not drawn, as too few clients stand behind it: {', '.join(hidden)}."
    svg = draw(7.0, 0.85 + 0.27 * len(sides), partial(_paint_balance, sides=sides))
    return Figure(svg, alt, table.caption)


def _paint_balance(axes: Axes, *, sides: Sequence[_Side]) -> None:
    right = max(0.25, *(1.08 * abs(one.difference) for one in sides))
    axes.axvspan(0, ALIKE, color=SHADE, linewidth=0)
    axes.axvline(ALIKE, color=GREY, linewidth=1, linestyle="--")
    for place, one in enumerate(sides):
        size = abs(one.difference)
        axes.plot([0, size], [place, place], color=GREY, linewidth=0.8, linestyle=":")
        face = INK if one.adjusted else "white"
        axes.plot([size], [place], "o", color=INK, markerfacecolor=face, markersize=6)
        axes.annotate(
            one.said,
            (1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )
    name_rows(axes, [one.name for one in sides])
    axes.set_xlim(0, right)
    axes.set_xlabel(
        "standardised difference, either way (filled: the models adjust for it; grey: little)"
    )


@dataclass(frozen=True)
class _Gap:
    """Of one variable and band how much is missing, as printed; no share where it is hidden."""

    share: float | None

    @property
    def said(self) -> str:
        return "too few to show" if self.share is None else f"{decimal(self.share)}%"


def missing_figure(table: CountTable, labels: Mapping[str, str]) -> Figure | None:
    """How much of each variable is missing, a mark for each band.

    Parameters
    ----------
    table : CountTable
        Cleared: variable, band, rows and missing. Shares are those of the cleared counts.
    labels : mapping of str to str
        A reader's name for each band, in order.

    Returns
    -------
    Figure or None
        None where nothing is missing, or all that is missing is hidden.
    """
    gaps: dict[str, dict[str, _Gap]] = {}
    for row in table.frame.to_dict("records"):
        known = HIDDEN not in (row["missing"], row["rows"]) and int(row["rows"]) > 0
        share = 100 * int(row["missing"]) / int(row["rows"]) if known else None
        gaps.setdefault(words(row["variable"]), {})[str(row["band"])] = _Gap(share)
    shares = [gap.share for bands in gaps.values() for gap in bands.values()]
    if not any(shares):
        return None
    # a variable that nobody lacks is said in words, not drawn
    drawn = {
        name: bands
        for name, bands in gaps.items()
        if any(gap.share is None or gap.share for gap in bands.values())
    }
    present = {
        band: label for band, label in labels.items() if any(band in g for g in gaps.values())
    }
    said = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{present[band]} {gaps[name][band].said}" for band in present if band in gaps[name]
        )
        for name in drawn
    )
    whole = [name for name in gaps if name not in drawn]
    alt = f"Dot plot of the percentage of rows without a value, by band. {said}."
    if whole:
        alt += f" Never missing: {', '.join(whole)}."
    svg = draw(
        7.0,
        0.95 + (0.12 + 0.17 * len(present)) * len(drawn),
        partial(_paint_missing, gaps=drawn, labels=present),
    )
    return Figure(svg, alt, table.caption)


def _paint_missing(
    axes: Axes, *, gaps: Mapping[str, Mapping[str, _Gap]], labels: Mapping[str, str]
) -> None:
    shares = [gap.share or 0.0 for bands in gaps.values() for gap in bands.values()]
    right = min(100.0, max(5.0, 1.1 * max(shares)))
    step = 0.8 / len(labels)
    for mark, (band, label) in enumerate(labels.items()):
        colour = COLOURS[mark % len(COLOURS)]
        shift = step * (mark - (len(labels) - 1) / 2)
        places = [place + shift for place, name in enumerate(gaps) if band in gaps[name]]
        found = [gaps[name][band] for name in gaps if band in gaps[name]]
        known = [(gap.share, place) for gap, place in zip(found, places, strict=True)
                 if gap.share is not None]  # fmt: skip
        axes.plot(
            [share for share, _ in known],
            [place for _, place in known],
            MARKERS[mark % len(MARKERS)],
            color=colour,
            markersize=6,
            markerfacecolor=colour if mark % 2 == 0 else "white",
            clip_on=False,
            label=label,
        )
        for gap, place in zip(found, places, strict=True):
            said = gap.said if gap.share is not None else f"{HIDDEN} {gap.said}: {label}"
            axes.annotate(
                said,
                ((gap.share or 0.0) + 0.018 * right, place),
                va="center",
                fontsize=SMALL,
                color=colour,
                annotation_clip=False,
            )
    for line in range(1, len(gaps)):
        axes.axhline(line - 0.5, color=SHADE, linewidth=0.8)
    name_rows(axes, list(gaps))
    axes.set_ylim(len(gaps) - 0.5, -0.5)
    axes.set_xlim(0, right)
    axes.set_xlabel("percentage of rows without a value")
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(labels), frameon=False,
        handletextpad=0.2, borderaxespad=0.2,
    )  # fmt: skip
