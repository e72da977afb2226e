"""The measurement page: one sentence by rule, one picture and the table, subject by subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from deepvalue_stats.findings import Findings
from deepvalue_stats.report import facts
from deepvalue_stats.report.drawing import COLOURS, DASHES, GREY, INK, draw, name_rows, spread
from deepvalue_stats.report.markup import Figure, Html, join, tag
from deepvalue_stats.report.numbers import HIDDEN, cell, decimal, sentence, words
from deepvalue_stats.report.technical import count_table, counted
from deepvalue_stats.tables import CountTable


@dataclass(frozen=True)
class Dot:
    """A value between 0 and 1 with its interval, and what it is called."""

    name: str
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, name: str, row: pd.Series, *columns: str) -> Dot:
        """From three cells of a cleared table; not a number where one says nothing."""
        value, low, high = (float(row[one]) if _known(row[one]) else np.nan for one in columns)
        return cls(name, value, low, high)

    @property
    def said(self) -> str:
        """The value and its interval, where it has one."""
        if np.isnan(self.low):
            return f"{self.value:.2f}"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


RELIABLE = (0.70, 0.90)
EVERYBODY = "all clients"
WEAK_LOADING = 0.40
PRACTITIONERS = (
    ("measure", "taken_from", "practitioners", "clients", "ratings", "practitioner_known",
     "caseload"),
    ("measure", "icc1", "low", "high", "icc2", "reliable", "needed_70", "needed_80",
     "rwg_uniform", "rwg_skewed", "estimator", "reading"),
)  # fmt: skip
CLIENTS = 60  # how far the picture of practitioners' means reaches


def reliability(findings: Findings) -> Html:
    """How far the items of each scale agree."""
    if not _has(findings, "reliability"):
        return counted(findings, "reliability")
    rows = _rows(findings, "reliability")
    main = _of_exposure(findings, rows)
    main = main[main["group"] == "all"]
    said = [
        f"{sentence(words(row['measure']))}: {_coefficient(row).name} {_coefficient(row).said}, "
        f"{row['reading']}."
        for _, row in main.iterrows()
    ]
    dots = [
        replace(_coefficient(row), name=f"{words(row['measure'])}, {words(row['group'])}")
        for _, row in rows.iterrows()
    ]
    picture = dots_figure(
        dots,
        caption="Reliability of each scale, for all and by band (omega; alpha of two items)",
        x_label="reliability with its 95% interval; dashed: .70 and .90",
        lines=RELIABLE,
    )
    more = [counted(findings, name) for name in ("other_reliability",) if _has(findings, name)]
    return _part(findings, "reliability", said, picture, more)


def scores(findings: Findings) -> Html:
    """How scores are spread, and how many lie at the ends of their range."""
    if not _has(findings, "ceiling"):
        return counted(findings, "ceiling")
    rows = _of_exposure(findings, _rows(findings, "ceiling"))
    ends = rows[
        (rows["band"] == EVERYBODY) & rows["place"].isin(("at the lowest", "at the highest"))
    ]
    said = [
        f"{sentence(words(row['measure']))}: {cell(row['share'], share=True)} of the scores lie "
        f"{row['place']} there is" + (f": {row['reading']}." if row["reading"] else ".")
        for _, row in ends.iterrows()
        if _known(row["share"])
    ]
    bins = _of_exposure(findings, _rows(findings, "histogram"))
    picture = histogram_figure(bins) if len(bins) else None
    more = [counted(findings, name) for name in ("scores",) if _has(findings, name)]
    return _part(findings, "ceiling", said, picture, more)


def items(findings: Findings) -> Html:
    """Each item: how it is answered, and whether it goes with the others."""
    if not _has(findings, "items"):
        return counted(findings, "items")
    rows = _of_exposure(findings, _rows(findings, "items"))
    troubled = rows[rows["trouble"].map(_known)]
    said = [f"{row['item']}: {row['trouble']}." for _, row in troubled.iterrows()]
    if (rows["trouble"] == "").all():
        said = ["Every item of the exposure goes with the others, and none is at its ceiling."]
    dots = [
        Dot(row["item"], float(row["item_rest"]), np.nan, np.nan)
        for _, row in rows.iterrows()
        if _known(row["item_rest"])
    ]
    picture = dots_figure(
        dots,
        caption="How far each item goes with the sum of the others",
        x_label="item-rest correlation; dashed: .20",
        lines=(0.20,),
    )
    more = [counted(findings, name) for name in ("item_ends",) if _has(findings, name)]
    return _part(findings, "items", said, picture, more)


def dimensions(findings: Findings) -> Html:
    """Whether a scale measures one thing."""
    if not _has(findings, "dimensions"):
        return counted(findings, "dimensions")
    rows = _rows(findings, "dimensions")
    said = [
        f"{sentence(words(row['measure']))}, {row['structure']}: {row['reading']}."
        for _, row in _of_exposure(findings, rows).iterrows()
        if row["reading"]
    ]
    dots = [
        Dot.of(f"{words(row['measure'])}: {row['item']}", row, "loading", "low", "high")
        for _, row in _of_exposure(findings, _rows(findings, "loadings")).iterrows()
    ]
    picture = dots_figure(
        dots,
        caption="How much each item has in common with the rest",
        x_label="loading on one factor with its 95% interval; dashed: .40",
        lines=(WEAK_LOADING,),
    )
    return _part(findings, "dimensions", said, picture, [])


def practitioners(findings: Findings) -> Html:
    """How well the mean of a practitioner's ratings is known."""
    if not _has(findings, "practitioners"):
        return counted(findings, "practitioners")
    rows = _rows(findings, "practitioners")
    said = [
        f"{sentence(words(row['measure']))}: {decimal(100 * float(row['icc1']), 0)}% of the "
        f"variance of ratings lies between practitioners; {row['reading']}."
        for _, row in _of_exposure(findings, rows).iterrows()
        if _known(row["icc1"])
    ]
    curves = [
        Dot.of(words(row["measure"]), row, "icc1", "low", "high") for _, row in rows.iterrows()
    ]
    curves = [one for one in curves if np.isfinite([one.value, one.low, one.high]).all()]
    picture = enough_figure(curves) if curves else None
    whole = findings.counts["practitioners"]
    parts = [tag("p", one) for one in said] + ([picture.html()] if picture else [])
    return join([*parts, *(count_table(_columns(whole, names)) for names in PRACTITIONERS)])


def steadiness(findings: Findings) -> Html:
    """How far two ratings of the same client with the same practitioner agree."""
    if not _has(findings, "retest"):
        return counted(findings, "retest")
    rows = _of_exposure(findings, _rows(findings, "retest"))
    said = [
        f"{sentence(words(row['measure']))}: {row['reading']}."
        for _, row in rows.iterrows()
        if _known(row["reading"])
    ]
    dots = [
        Dot.of(words(row["measure"]), row, "icc", "icc_low", "icc_high")
        for _, row in _rows(findings, "retest").iterrows()
    ]
    picture = dots_figure(
        dots,
        caption="Two ratings of the same client with the same practitioner",
        x_label="agreement, ICC(A,1), with its 95% interval; dashed: .70",
        lines=(0.70,),
    )
    return _part(findings, "retest", said, picture, [])


def raters(findings: Findings) -> Html:
    """How far clients and practitioners agree about their relationship; kept apart throughout."""
    if not _has(findings, "raters"):
        return tag(
            "p", "This study has ratings of one side only: nobody can say whether they agree."
        )
    rows = _rows(findings, "raters")
    dots = [Dot.of(_sides(row), row, "r", "r_low", "r_high") for _, row in rows.iterrows()]
    said = [f"{sentence(dot.name)}: r {dot.said}." for dot in dots if np.isfinite(dot.value)]
    picture = dots_figure(
        dots,
        caption="How far clients and practitioners agree",
        x_label="correlation of the two ratings with its 95% interval",
        lines=(),
    )
    return _part(findings, "raters", said, picture, [])


def _sides(row: pd.Series) -> str:
    return f"{words(row['client_measure'])} and {words(row['practitioner_measure'])}"


def alike(findings: Findings) -> Html:
    """Whether groups of clients read the scale alike."""
    if not _has(findings, "invariance"):
        return counted(findings, "invariance")
    rows = _of_exposure(findings, _rows(findings, "invariance"))
    first = rows.drop_duplicates(["measure", "across"])
    said = [
        f"{sentence(words(row['measure']))} across {row['across']}: {row['reading']}"
        for _, row in first.iterrows()
        if row["reading"] not in ("", HIDDEN)
    ]
    steps = [
        (f"{row['across']}: {row['step']}", float(row["cfi_drop"]))
        for _, row in rows.iterrows()
        if _known(row["cfi_drop"])
    ]
    picture = steps_figure(steps) if steps else None
    more = [counted(findings, "item_function")] if _has(findings, "item_function") else []
    said += _items_that_differ(findings)
    return _part(findings, "invariance", said, picture, more)


def _items_that_differ(findings: Findings) -> list[str]:
    if not _has(findings, "item_function"):
        return []
    rows = _of_exposure(findings, _rows(findings, "item_function"))
    return [
        f"{row['item']} across {row['across']}: {row['reading']}, by {decimal(float(row['shift']))}"
        " points."
        for _, row in rows.iterrows()
        if row["reading"].startswith("answered differently") and _known(row["shift"])
    ]


def dots_figure(
    dots: Sequence[Dot], *, caption: str, x_label: str, lines: Sequence[float]
) -> Figure | None:
    """Values between 0 and 1 with intervals, under one another; none where there is nothing."""
    shown = [dot for dot in dots if np.isfinite(dot.value)]
    if not shown:
        return None
    paint = partial(_paint_dots, dots=shown, x_label=x_label, lines=lines)
    said = "; ".join(f"{dot.name}: {dot.said}" for dot in shown)
    alt = f"Dot plot of {x_label}. {said}."
    return Figure(draw(7.0, 0.75 + 0.24 * len(shown), paint), alt, caption)


def histogram_figure(bins: pd.DataFrame) -> Figure:
    """Scores in bins; a bin that disclosure control has hidden is hatched to the axis."""
    edges = [(float(row["from"]), float(row["to"])) for _, row in bins.iterrows()]
    counts = [float(row["ratings"]) if _known(row["ratings"]) else np.nan for _, row in
              bins.iterrows()]  # fmt: skip
    said = "; ".join(
        f"{low:g} to {high:g}: " + ("suppressed" if np.isnan(n) else f"{n:.0f}")
        for (low, high), n in zip(edges, counts, strict=True)
    )
    alt = f"Histogram of scores. {said}."
    svg = draw(7.0, 2.3, partial(_paint_histogram, edges=edges, counts=counts))
    return Figure(svg, alt, "Scores of the exposure (hatched: too few to show)")


def enough_figure(curves: Sequence[Dot]) -> Figure:
    """From ICCs: how reliable a practitioner's mean is by the number of clients who rate."""
    clients = np.arange(1, CLIENTS + 1)
    lines = {
        one.name: [
            clients * icc / (1 + (clients - 1) * icc) for icc in (one.value, one.low, one.high)
        ]
        for one in curves
    }
    ends = "; ".join(
        f"{name}: {line[0][9]:.2f} with 10 clients, {line[0][29]:.2f} with 30"
        for name, line in lines.items()
    )
    alt = (
        "Line chart of the reliability of a practitioner's mean against the number of clients who "
        f"rate, with 95% intervals. {ends}."
    )
    svg = draw(7.0, 2.6, partial(_paint_enough, clients=clients, lines=lines))
    return Figure(svg, alt, "How many clients must rate a practitioner")


def steps_figure(steps: Sequence[tuple[str, float]]) -> Figure:
    """By how much fit drops at each step of the comparison of groups."""
    said = "; ".join(f"{name}: {drop:.3f}" for name, drop in steps)
    alt = f"Bar chart of the drop in CFI at each step; more than .010 is too much. {said}."
    svg = draw(7.0, 0.75 + 0.27 * len(steps), partial(_paint_steps, steps=steps))
    return Figure(svg, alt, "How much worse the scale fits when more is held equal across groups")


def _paint_dots(axes: Axes, *, dots: Sequence[Dot], x_label: str, lines: Sequence[float]) -> None:
    for line in lines:
        axes.axvline(line, color=GREY, linewidth=1, linestyle="--")
    for place, dot in enumerate(dots):
        axes.plot([dot.low, dot.high], [place, place], color=INK, solid_capstyle="butt")
        axes.plot([dot.value], [place], "o", color=INK, markersize=5)
    name_rows(axes, [dot.name for dot in dots])
    least = np.nanmin([(dot.value, dot.low) for dot in dots])
    axes.set(xlabel=x_label, xlim=(min(0.0, least), 1.0))


def _paint_histogram(
    axes: Axes, *, edges: Sequence[tuple[float, float]], counts: Sequence[float]
) -> None:
    tallest = max((n for n in counts if np.isfinite(n)), default=1.0)
    for (low, high), n in zip(edges, counts, strict=True):
        if np.isnan(n):
            stub = axes.bar(low, 0.06 * tallest, width=high - low, align="edge", linewidth=0)
            for patch in stub:
                patch.set(facecolor="white", edgecolor=GREY, hatch="////")
        else:
            axes.bar(low, n, width=high - low, align="edge", color=INK, edgecolor="white")
    axes.set(xlabel="score", ylabel="questionnaires", xlim=(edges[0][0], edges[-1][1]))


def _paint_enough(axes: Axes, *, clients: np.ndarray, lines: dict[str, list[np.ndarray]]) -> None:
    for level in (0.70, 0.80):
        axes.axhline(level, color=GREY, linewidth=1, linestyle="--")
    ends = spread([float(middle[-1]) for middle, *_ in lines.values()], 0.09)
    for place, (name, (middle, low, high)) in enumerate(lines.items()):
        colour = COLOURS[place % len(COLOURS)]
        axes.fill_between(clients, low, high, color=colour, alpha=0.13, linewidth=0)
        axes.plot(clients, middle, color=colour, linestyle=DASHES[place % len(DASHES)])
        end = (clients[-1] + 1, ends[place])
        axes.annotate(name, end, color=colour, weight="bold", va="center", annotation_clip=False)
    axes.set(
        xlabel="clients who rate one practitioner (dashed: .70 and .80)",
        ylabel="reliability of the mean",
        ylim=(0, 1),
        xlim=(1, 1.3 * clients[-1]),
    )
    axes.spines["bottom"].set_bounds(1, clients[-1])
    axes.set_xticks([1, *range(10, int(clients[-1]) + 1, 10)])


def _paint_steps(axes: Axes, *, steps: Sequence[tuple[str, float]]) -> None:
    axes.axvline(0.010, color=GREY, linewidth=1, linestyle="--")
    drops = [max(drop, 0.0) for _, drop in steps]
    axes.barh(range(len(steps)), drops, color=INK, height=0.55)
    name_rows(axes, [name for name, _ in steps])
    axes.set(xlabel="drop in CFI (dashed: .010, more is too much)")
    axes.set_xlim(0, max(0.015, *drops) * 1.05)


def _part(
    findings: Findings, name: str, said: Sequence[str], picture: Figure | None, more: list[Html]
) -> Html:
    """Sentences, picture and table."""
    parts = [tag("p", one) for one in said]
    parts += [picture.html()] if picture else []
    return join([*parts, count_table(findings.counts[name]), *more])


def _columns(table: CountTable, names: Sequence[str]) -> CountTable:
    """Some columns of a wide table, with the notes where the readings are."""
    return replace(
        table,
        frame=table.frame[list(names)],
        rules={name: table.rules[name] for name in names},
        notes=table.notes if "reading" in names else (),
    )


def _has(findings: Findings, name: str) -> bool:
    return name in findings.counts and not findings.counts[name].frame.empty


def _rows(findings: Findings, name: str) -> pd.DataFrame:
    """The rows of a cleared table, as text."""
    return findings.counts[name].frame


def _of_exposure(findings: Findings, rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["measure"].map(words) == facts.said(findings, "exposure")]


def _known(value: object) -> bool:
    return value not in ("", HIDDEN, "nan")


def _coefficient(row: pd.Series) -> Dot:
    """Omega, or alpha where there is no omega."""
    if _known(row["omega"]):
        return Dot.of("omega", row, "omega", "omega_low", "omega_high")
    return Dot.of("alpha", row, "alpha", "low", "high")
