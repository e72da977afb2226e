"""One difference worked out in many ways: estimates in order over the choices behind them.

Drawn from a cleared table only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes

from deepvalue_stats.report.drawing import GREY, INK, RUST, SHADE, draw_panels, name_rows
from deepvalue_stats.report.markup import Figure
from deepvalue_stats.report.numbers import HIDDEN, decimal, interval, signed, words
from deepvalue_stats.tables import CountTable

CHOICES = ("estimator", "covariates", "otherwise")
PLANNED = "as planned"
ROW = 0.19
"""Inches of one choice."""
CURVE = 2.0
"""Inches of the estimates."""


@dataclass(frozen=True)
class _Way:
    """One way of working the difference out."""

    main: bool
    choices: tuple[str, ...]
    value: float
    low: float
    high: float

    @property
    def said(self) -> str:
        named = ", ".join(one for one in self.choices if one)
        main = "the main model, " if self.main else ""
        return f"{main}{named}: {signed(self.value)} ({interval(self.low, self.high)})"


def specification_figure(table: CountTable) -> Figure | None:
    """A curve of estimates from the lowest to the highest, and under it what each was made with.

    Parameters
    ----------
    table : CountTable
        Cleared: main, estimator, covariates, otherwise, difference, low and high.

    Returns
    -------
    Figure or None
        None where fewer than two ways may be drawn: there is nothing to compare.

    References
    ----------
    Simonsohn, Simmons and Nelson (2020), Nature Human Behaviour 4: 1208-1214, figure 2.
    """
    ways = sorted(
        (_way(row) for row in table.frame.to_dict("records") if HIDDEN not in row.values()),
        key=lambda way: way.value,
    )
    if len(ways) < 2:
        return None
    clear = sum(not way.low <= 0 <= way.high for way in ways)
    alt = (
        f"Specification curve: {len(ways)} ways of working out the difference per 100 clients, "
        f"from the lowest to the highest, with 95% intervals, of which {clear} leave zero out. "
        + "; ".join(way.said for way in ways)
        + "."
    )
    hidden = len(table.frame) - len(ways)
    if hidden:
        alt += f" Not drawn, as too few clients stand behind them: {hidden}."
    choices = {kind: _values(ways, place) for place, kind in enumerate(CHOICES)}
    # where all was done alike there is no choice to show
    choices = {kind: values for kind, values in choices.items() if len(values) > 1}
    lines = max(1, sum(len(values) for values in choices.values()))
    svg = draw_panels(
        7.0,
        CURVE + 0.35 + ROW * lines,
        partial(_paint, ways=ways, choices=choices),
        above=(CURVE, ROW * lines),
    )
    return Figure(svg, alt, table.caption)


def _way(row: Mapping[object, str]) -> _Way:
    said = tuple(_in_words(kind, str(row[kind])) for kind in CHOICES)
    value, low, high = (float(row[name]) for name in ("difference", "low", "high"))
    return _Way(row["main"] == "yes", said, value, low, high)


def _in_words(kind: str, value: str) -> str:
    if kind == "covariates":
        return {"all": "all covariates", "none": "no covariates"}.get(value, words(value))
    return "" if value == PLANNED else words(value)


def _values(ways: Sequence[_Way], place: int) -> list[str]:
    """The values of one choice, those of the main way first, then by how often they are made."""
    made = [way.choices[place] for way in sorted(ways, key=lambda way: not way.main)]
    return sorted(dict.fromkeys(made), key=lambda one: (one != made[0], -made.count(one)))


def _paint(
    curve: Axes, grid: Axes, *, ways: Sequence[_Way], choices: Mapping[str, list[str]]
) -> None:
    curve.axhline(0, color=GREY, linewidth=1, linestyle="--")
    for place, way in enumerate(ways):
        colour, marker = (RUST, "D") if way.main else (INK, "o")
        curve.plot([place, place], [way.low, way.high], color=colour, solid_capstyle="butt")
        face = "white" if way.low <= 0 <= way.high else colour
        size = 7 if way.main else 5
        curve.plot([place], [way.value], marker, color=colour, markerfacecolor=face,
                   markersize=size)  # fmt: skip
    curve.set_ylabel("difference per 100 clients")
    curve.yaxis.set_major_formatter(lambda value, _: decimal(value, 0 if value % 1 == 0 else 1))
    curve.tick_params(axis="x", length=0, labelbottom=False)
    curve.spines["bottom"].set_visible(False)
    curve.set_xlim(-0.7, len(ways) - 0.3)
    _paint_choices(grid, ways, choices)


def _paint_choices(grid: Axes, ways: Sequence[_Way], choices: Mapping[str, list[str]]) -> None:
    """A mark where a way was made with a choice; the main way's are diamonds."""
    names: list[str] = []
    for kind, values in choices.items():
        if names:
            grid.axhline(len(names) - 0.5, color=GREY, linewidth=0.6)
        for value in values:
            line = len(names)
            names.append(value or PLANNED)
            grid.axhline(line, color=SHADE, linewidth=0.8, zorder=0)
            for place, way in enumerate(ways):
                if way.choices[CHOICES.index(kind)] == value:
                    colour, marker = (RUST, "D") if way.main else (INK, "o")
                    grid.plot([place], [line], marker, color=colour, markersize=4.5)
    name_rows(grid, names)
    grid.tick_params(axis="x", length=0, labelbottom=False)
    grid.spines["bottom"].set_visible(False)
    grid.set_xlabel(
        "ways in the order of their estimates (diamond: the main model; open: zero is inside)"
    )
