"""Small interval plots for the rows of a table, all on one scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deepvalue_stats.report.markup import Html, tag
from deepvalue_stats.report.numbers import (
    Estimate,
    interval,
    signed,
)

WIDTH, HEIGHT = 170.0, 18.0
INK, SHADE, GREY = "#123f66", "#e4e6e8", "#484f54"


@dataclass(frozen=True)
class Scale:
    """The common scale of a table's pictures, per 100 clients."""

    low: float
    high: float
    worthwhile: float

    def at(self, value: float) -> float:
        """Where a value lies, in units of the picture."""
        inside = WIDTH - 8
        return 4 + inside * (value - self.low) / (self.high - self.low)

    def says(self) -> str:
        """The scale in words, for the note under the table."""
        return f"from {signed(self.low)} to {signed(self.high)} per 100"


def common_scale(estimates: Iterable[Estimate], worthwhile: float) -> Scale:
    """A scale that holds every interval, zero and the smallest worthwhile difference."""
    limits = [limit for e in estimates if e.ok for limit in (e.low, e.high)]
    span = [*limits, worthwhile, -worthwhile, 0.1, -0.1]
    margin = 0.03 * (max(span) - min(span))
    return Scale(min(span) - margin, max(span) + margin, worthwhile)


def strip(estimate: Estimate, scale: Scale) -> Html:
    """The interval of one row: filled where it leaves zero out, open where it does not."""
    if not estimate.ok:
        return Html("\u2013")
    middle = HEIGHT / 2
    low, point, high = (scale.at(v) for v in (estimate.low, estimate.value, estimate.high))
    crosses = estimate.low <= 0 <= estimate.high
    shapes = [
        _band(scale),
        _line(scale.at(0), 0, scale.at(0), HEIGHT, GREY, "1", stroke_dasharray="2 2"),
        _line(low, middle, high, middle, INK, "2"),
        *(_line(x, middle - 3, x, middle + 3, INK, "1.5") for x in (low, high)),
        tag(
            "circle",
            "",
            cx=f"{point:.1f}",
            cy=f"{middle:.1f}",
            r="4",
            fill="#ffffff" if crosses else INK,
            stroke=INK,
            stroke_width="1.5",
        ),
    ]
    label = f"{estimate.group}: {signed(estimate.value)} per 100, 95% interval "
    return tag(
        "svg",
        Html("".join(shape.text for shape in shapes)),
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        role="img",
        aria_label=label + interval(estimate.low, estimate.high),
        class_="strip",
    )


def _band(scale: Scale) -> Html:
    left, right = scale.at(-scale.worthwhile), scale.at(scale.worthwhile)
    return tag(
        "rect",
        "",
        x=f"{left:.1f}",
        y="0",
        width=f"{right - left:.1f}",
        height=f"{HEIGHT:.0f}",
        fill=SHADE,
    )


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: str, **more: str) -> Html:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return tag(
        "line",
        "",
        **{name: f"{value:.1f}" for name, value in ends.items()},
        stroke=stroke,
        stroke_width=width,
        **more,
    )
