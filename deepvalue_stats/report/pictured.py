"""Parts of the technical report that are a picture with its table: who is compared, and how far."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from deepvalue_stats.findings import Findings
from deepvalue_stats.report import facts
from deepvalue_stats.report.colleague_figure import practitioners_figure
from deepvalue_stats.report.markup import Figure, Html, join, tag
from deepvalue_stats.report.numbers import sentence, words
from deepvalue_stats.report.scale_figure import Compared, Ranged, scales_figure
from deepvalue_stats.report.side_figures import balance_figure, missing_figure
from deepvalue_stats.report.specification_figure import specification_figure
from deepvalue_stats.report.technical import count_table
from deepvalue_stats.tables import CountTable

LEVELS = "less to more"
NO_PICTURE = "There is no picture: too few clients stand behind its numbers."


def balance(findings: Findings) -> Html:
    """How alike clients with a less and with a more effective relationship are."""
    found = findings.counts.get("balance")
    if found is None:
        return tag("p", "This study does not say how alike the two sides are.")
    return _with_picture(found, balance_figure(found))


def missing(findings: Findings) -> Html:
    """What is missing, by band."""
    found = findings.counts.get("missing")
    if found is None:
        return tag("p", "This study does not say what is missing.")
    labels = {band: facts.band_words(findings, band) for band in facts.bands(findings)}
    others = {
        str(band): f"{facts.said(findings, 'modifier')} {band}" for band in found.frame["band"]
    }
    return _with_picture(
        found, missing_figure(found, labels | _new(others, labels)), _no_gap(found)
    )


def _new(others: dict[str, str], labels: dict[str, str]) -> dict[str, str]:
    return {band: label for band, label in others.items() if band not in labels}


def _no_gap(found: CountTable) -> str:
    whole = len(found.frame) > 0 and bool((found.frame["missing"] == "0").all())
    return "Nothing is missing, so there is nothing to draw." if whole else NO_PICTURE


def practitioner_effects(findings: Findings) -> Html:
    """How far practitioners may differ, in groups of them."""
    found = findings.counts.get("practitioner_effects")
    if found is None:
        return tag("p", "This study does not say how far practitioners differ.")
    label = f"{sentence(facts.outcome(findings))}, per 100 clients"
    return _with_picture(found, practitioners_figure(found, y_label=label))


def specifications(findings: Findings) -> Html:
    """The main difference worked out in other ways."""
    found = findings.counts.get("specifications")
    if found is None:
        return tag("p", "This study works its main difference out in one way only.")
    only = "There is one way only of working it out, so there is no curve to draw."
    return _with_picture(found, specification_figure(found), only if len(found.frame) == 1 else "")


def _with_picture(found: CountTable, figure: Figure | None, otherwise: str = "") -> Html:
    """Picture and table; of an empty table the reason, which is its note."""
    if found.frame.empty:
        return join(tag("p", note) for note in found.notes)
    drawn = tag("p", otherwise or NO_PICTURE) if figure is None else figure.html()
    return join([drawn, count_table(found)])


def scales(findings: Findings) -> Html:
    """The effect for all clients and by band, as chances, difference and ratio."""
    compared = list(_compared(findings))
    if not compared:
        return tag("p", "There is no picture of the effect on both scales: no chances are given.")
    modifier = facts.said(findings, "modifier")
    figure = scales_figure(
        compared,
        caption=f"The effect by {modifier} on both scales: {facts.outcome(findings)}",
    )
    exposure = facts.said(findings, "exposure")
    note = (
        f"Less and more effective: a {exposure} score one standard deviation below the mean and "
        "above it. Filled in the panels of difference and ratio: the interval leaves no "
        "difference out. Bands may be alike on one scale and not on the other."
    )
    named = {one.group for one in compared}
    missing_bands = [name for _, _, name in _groups(findings) if name not in named]
    if missing_bands:
        note += f" Not drawn: {', '.join(missing_bands)}; the table of chances says why."
    return join([figure.html(), tag("p", note, class_="note")])


def _groups(findings: Findings) -> Iterator[tuple[str, str, str]]:
    """The fit, group and reader's name of every row."""
    primary, modifier = (str(findings.study.get(key)) for key in ("primary", "modifier"))
    yield primary, "all", "all clients"
    for band in facts.bands(findings):
        yield f"{primary} x {modifier}", band, facts.band_words(findings, band)


def _compared(findings: Findings) -> Iterator[Compared]:
    for model, group, name in _groups(findings):
        frame = findings.effects.where(model=model, group=group, status="ok").frame
        risks = frame[frame["scale"] == "risk"]
        steps = {str(row["scale"]): row for _, row in frame[frame["contrast"] == LEVELS].iterrows()}
        if len(risks) != 2 or not {"risk_difference", "risk_ratio"} <= set(steps):
            continue
        yield Compared(
            words(name),
            _ranged(risks.iloc[0], 100),
            _ranged(risks.iloc[1], 100),
            _ranged(steps["risk_difference"], 100),
            _ranged(steps["risk_ratio"], 1),
        )


def _ranged(row: pd.Series, times: int) -> Ranged:
    value, low, high = (times * float(row[key]) for key in ("estimate", "conf_low", "conf_high"))
    return Ranged(value, low, high)
