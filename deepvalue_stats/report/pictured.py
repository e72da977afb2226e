"""Parts of the technical report that are a picture with its table: who is compared, and how far."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace

import pandas as pd

from deepvalue_stats.findings import Findings
from deepvalue_stats.report import facts
from deepvalue_stats.report.colleague_figure import practitioners_figure
from deepvalue_stats.report.markup import Column, Figure, Group, Html, Row, join, table, tag
from deepvalue_stats.report.numbers import (
    EXPLAINED,
    HIDDEN,
    count,
    decimal,
    interval,
    sentence,
    signed,
    words,
)
from deepvalue_stats.report.scale_figure import Compared, Ranged, scales_figure
from deepvalue_stats.report.side_figures import balance_figure, missing_figure
from deepvalue_stats.report.specification_figure import specification_figure
from deepvalue_stats.tables import CountTable

LEVELS = "less to more"
NO_PICTURE = "There is no picture: too few clients stand behind its numbers."


def balance(findings: Findings) -> Html:
    """How alike clients with a less and with a more effective relationship are."""
    found = findings.counts.get("balance")
    if found is None:
        return tag("p", "This study does not say how alike the two sides are.")
    rows: list[Row] = [
        [
            sentence(words(row["characteristic"])),
            row["adjusted"],
            count(row["less_effective"]),
            count(row["more_effective"]),
            _number(row["difference"], 2) or "does not vary",
        ]
        for row in found.frame.to_dict("records")
    ]
    columns = [
        Column("Characteristic"),
        Column("Adjusted for"),
        Column("Clients, less effective", numeric=True),
        Column("Clients, more effective", numeric=True),
        Column("Standardised difference", numeric=True),
    ]
    return _with_picture(found, balance_figure(found), columns, rows)


def missing(findings: Findings) -> Html:
    """What is missing, by band."""
    found = findings.counts.get("missing")
    if found is None:
        return tag("p", "This study does not say what is missing.")
    modifier = facts.said(findings, "modifier")
    labels = {band: facts.band_words(findings, band) for band in facts.bands(findings)}
    others = [str(band) for band in dict.fromkeys(found.frame["band"]) if band not in labels]
    labels |= {band: f"{modifier} {band}" for band in others}
    rows: list[Row] = []
    never: list[str] = []
    for name, part in found.frame.groupby("variable", sort=False):
        if part["missing"].eq("0").all():
            never.append(words(str(name)))
            continue
        rows.append(Group(sentence(words(str(name)))))
        rows += [_gap(row, labels) for row in part.to_dict("records")]
    columns = [
        Column(sentence(modifier) or "Band"),
        Column("Rows", numeric=True),
        Column("Missing", numeric=True),
        Column("Percent of rows", numeric=True),
    ]
    if never and not rows:
        return tag("p", f"Nothing is missing of any client: {', '.join(never)}.")
    if never:
        said = f"Never missing, and so without lines: {', '.join(never)}."
        found = replace(found, notes=(*found.notes, said))
    return _with_picture(found, missing_figure(found, labels), columns, rows)


def _gap(row: Mapping[Hashable, str], labels: Mapping[str, str]) -> list[str]:
    """A line of counts, with the percentage that they give as they are printed."""
    known = HIDDEN not in (row["rows"], row["missing"]) and int(row["rows"]) > 0
    share = decimal(100 * int(row["missing"]) / int(row["rows"])) if known else HIDDEN
    return [sentence(labels[row["band"]]), count(row["rows"]), count(row["missing"]), share]


def practitioner_effects(findings: Findings) -> Html:
    """How far practitioners may differ, in groups of them."""
    found = findings.counts.get("practitioner_effects")
    if found is None:
        return tag("p", "This study does not say how far practitioners differ.")
    rows: list[Row] = [
        [
            f"Group {row['group']}",
            count(row["practitioners"]),
            count(row["clients"]),
            _number(row["chance"]),
            _plain_interval(row["low"], row["high"]),
        ]
        for row in found.frame.to_dict("records")
    ]
    columns = [
        Column("From the lowest estimates to the highest"),
        Column("Practitioners", numeric=True),
        Column("Clients", numeric=True),
        Column("Chance", numeric=True, unit="per 100 clients"),
        Column("Mean 95% interval", numeric=True, unit="per 100 clients"),
    ]
    label = f"{sentence(facts.outcome(findings))}, per 100 clients"
    return _with_picture(found, practitioners_figure(found, y_label=label), columns, rows)


def specifications(findings: Findings) -> Html:
    """The main difference worked out in other ways."""
    found = findings.counts.get("specifications")
    if found is None:
        return tag("p", "This study works its main difference out in one way only.")
    rows: list[Row] = [
        [
            sentence(words(row["estimator"])) + (" (main)" if row["main"] == "yes" else ""),
            words(row["covariates"]),
            words(row["otherwise"]),
            _number(row["difference"], 1, signed),
            _signed_interval(row["low"], row["high"]),
            count(row["clients"]),
        ]
        for row in found.frame.to_dict("records")
    ]
    columns = [
        Column("Estimator"),
        Column("Covariates"),
        Column("Otherwise"),
        Column("Difference", numeric=True, unit="per 100 clients"),
        Column("95% interval", numeric=True, unit="per 100 clients"),
        Column("Clients", numeric=True),
    ]
    only = "There is one way only of working it out, so there is no curve to draw."
    said = only if len(found.frame) == 1 else NO_PICTURE
    return _with_picture(found, specification_figure(found), columns, rows, said)


def _number(text: str, digits: int = 1, write: Callable[[float, int], str] = decimal) -> str:
    return text if text in ("", HIDDEN) else write(float(text), digits)


def _plain_interval(low: str, high: str) -> str:
    return low if low in ("", HIDDEN) else f"{_number(low)} to {_number(high)}"


def _signed_interval(low: str, high: str) -> str:
    return low if low in ("", HIDDEN) else interval(float(low), float(high))


def _with_picture(
    found: CountTable,
    figure: Figure | None,
    columns: list[Column],
    rows: list[Row],
    otherwise: str = NO_PICTURE,
) -> Html:
    """Picture and table; of an empty table the reason, which is its note."""
    if found.frame.empty:
        return join(tag("p", note) for note in found.notes)
    drawn = tag("p", otherwise) if figure is None else figure.html()
    hidden = bool((found.frame == HIDDEN).to_numpy().any())
    notes = [*found.notes, *([f"{HIDDEN} {EXPLAINED['suppressed']}"] if hidden else [])]
    return join([drawn, table(found.caption, columns, rows, notes=notes, class_="counts")])


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
