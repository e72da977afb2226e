"""Small interval plots for the rows of a table, all on one scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from deepvalue_stats.report.drawing import GREY, INK, SHADE
from deepvalue_stats.report.markup import Html, tag
from deepvalue_stats.report.numbers import (
    Estimate,
    interval,
    signed,
)

WIDTH, HEIGHT = 170.0, 18.0


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


@dataclass(frozen=True)
class Picture(Html):
    """An interval drawn on the scale of its table; it shows itself as SVG.

    Attributes
    ----------
    estimate : Estimate
    scale : Scale
        That of all pictures of the table.
    """

    text: str = field(init=False, repr=False, compare=False)
    estimate: Estimate
    scale: Scale

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _drawn(self).text)

    @property
    def open(self) -> bool:
        """Whether the interval crosses zero, which leaves the dot open."""
        return self.estimate.low <= 0 <= self.estimate.high

    @property
    def label(self) -> str:
        """The picture in words."""
        limits = interval(self.estimate.low, self.estimate.high)
        return (
            f"{self.estimate.group}: {signed(self.estimate.value)} per 100, 95% interval {limits}"
        )


@dataclass(frozen=True)
class AboutPictures(Html):
    """A note that explains pictures, which a form without pictures leaves out."""


def strip(estimate: Estimate, scale: Scale) -> Html:
    """The interval of one row: filled where it leaves zero out, open where it does not."""
    return Picture(estimate=estimate, scale=scale) if estimate.ok else Html("\u2013")


def _drawn(picture: Picture) -> Html:
    estimate, scale = picture.estimate, picture.scale
    middle = HEIGHT / 2
    low, point, high = (scale.at(v) for v in (estimate.low, estimate.value, estimate.high))
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
            fill="#ffffff" if picture.open else INK,
            stroke=INK,
            stroke_width="1.5",
        ),
    ]
    return tag(
        "svg",
        Html("".join(shape.text for shape in shapes)),
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        role="img",
        aria_label=picture.label,
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
