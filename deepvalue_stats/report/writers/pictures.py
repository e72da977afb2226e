"""Interval pictures as PNG, for the forms that cannot show a drawing in the text."""

from __future__ import annotations

from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from deepvalue_stats.report.drawing import GREY, INK, SHADE
from deepvalue_stats.report.strips import HEIGHT, WIDTH, Picture

WIDE = 4.2
"""Centimetres of a picture across; its height follows the page's own pictures."""
TALL = WIDE * HEIGHT / WIDTH
DPI = 220


def png(picture: Picture) -> bytes:
    """A picture on the scale of its table.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    bytes
        Transparent, without times, and never cropped: all pictures of a table are of one size
        and share their scale to the pixel.
    """
    estimate, scale = picture.estimate, picture.scale
    canvas = Canvas(figsize=(WIDE / 2.54, TALL / 2.54), dpi=DPI)
    FigureCanvasAgg(canvas)
    axes = canvas.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(0, HEIGHT)
    axes.axis("off")
    low, point, high = (scale.at(value) for value in (estimate.low, estimate.value, estimate.high))
    middle = HEIGHT / 2
    axes.axvspan(scale.at(-scale.worthwhile), scale.at(scale.worthwhile), color=SHADE, lw=0)
    axes.plot([scale.at(0)] * 2, [0, HEIGHT], color=GREY, lw=0.7, dashes=(2, 2))
    axes.plot([low, high], [middle, middle], color=INK, lw=1.4)
    for end in (low, high):
        axes.plot([end, end], [middle - 3, middle + 3], color=INK, lw=1.1)
    fill = "#ffffff" if picture.open else INK
    axes.plot([point], [middle], "o", ms=5.2, mfc=fill, mec=INK, mew=1.1, zorder=5)
    out = BytesIO()
    canvas.savefig(out, format="png", dpi=DPI, transparent=True, metadata={"Software": None})
    return out.getvalue()
