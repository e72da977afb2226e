"""The main effect taken apart: in chances, for whom, where the gap goes, and below neutral."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import pandas as pd

from deepvalue_stats.findings import Findings
from deepvalue_stats.report import facts
from deepvalue_stats.report.figures import band_figure, difference_figure
from deepvalue_stats.report.markup import Column, Group, Html, Row, bullets, table, tag
from deepvalue_stats.report.numbers import (
    HIDDEN,
    count,
    decimal,
    interval,
    probability,
    sentence,
    signed,
    words,
)
from deepvalue_stats.tables import KINDS, needed_in_words

LEVELS = "less to more"
NOT_SHOWN = {"suppressed": HIDDEN, "not_converged": "not estimated", "failed_gate": "not shown"}
MEASURES = {
    "interaction_contrast": "difference of the two differences, per 100",
    "ratio_of_risk_ratios": "ratio of the two ratios of chances",
    "ratio_of_odds_ratios": "ratio of the two ratios of odds",
    "relative_excess_risk": "relative excess risk (RERI)",
    "attributable_proportion": "attributable proportion",
    "synergy_index": "synergy index",
}
INEQUALITIES = {
    "slope_index": "Slope index of inequality, per 100",
    "relative_index": "Relative index of inequality",
    "concentration_index": "Concentration index",
    "erreygers_index": "Concentration index, corrected for bounds (Erreygers)",
}
# the group of the curve whose interval holds the whole of it
WHOLE = "whole curve"
PARTS = {
    "gap": "the gap in outcomes",
    "access": "who gets the relationships",
    "returns": "what they return",
    "rest": "the rest, with everybody at neutral",
    "left": "the gap left if relationships were the same",
}


def frequencies(findings: Findings) -> Html:
    """The main effect as chances in 100: with a less effective relationship, and with a more so."""
    rows = [
        row
        for model, group, name in _groups(findings)
        if (row := _chances(findings, model, group, name)) is not None
    ]
    if not rows:
        return tag("p", "This study gives no chances beside its differences.")
    columns = [
        Column("Of 100 clients"),
        Column("less effective", numeric=True),
        Column("more effective", numeric=True),
        Column("difference", numeric=True),
        Column("95% interval", numeric=True),
        Column("ratio of chances", numeric=True),
    ]
    exposure = facts.said(findings, "exposure")
    notes = [
        f"Less and more effective: a {exposure} score one standard deviation below the mean and "
        "above it, all else as it is.",
        *_needed(findings),
    ]
    return table("In chances", columns, rows, notes=notes)


def _groups(findings: Findings) -> Iterator[tuple[str, str, str]]:
    """The fits, groups and names of the rows: all clients, then the bands that are compared."""
    primary = str(findings.study.get("primary"))
    yield primary, "all", "All clients"
    for band in facts.bands(findings):
        yield _banded(findings), band, sentence(facts.band_words(findings, band))


def _banded(findings: Findings) -> str:
    """How the fit with bands is named in the table."""
    return f"{findings.study.get('primary')} x {findings.study.get('modifier')}"


def _chances(findings: Findings, model: str, group: str, name: str) -> list[str | Html] | None:
    frame = findings.effects.where(model=model, group=group).frame
    risks = frame[frame["scale"] == "risk"]
    steps = {str(row["scale"]): row for _, row in frame[frame["contrast"] == LEVELS].iterrows()}
    if len(risks) != 2 or not steps:
        return None
    difference, ratio = steps["risk_difference"], steps["risk_ratio"]
    if difference["status"] != "ok":
        return [name, NOT_SHOWN[str(difference["status"])], *[""] * 4]
    low, high = 100 * float(difference["conf_low"]), 100 * float(difference["conf_high"])
    return [
        name,
        *(decimal(100 * float(value)) for value in risks["estimate"]),
        signed(100 * float(difference["estimate"])),
        interval(low, high),
        f"{decimal(float(ratio['estimate']), 2)} ({_between(ratio)})",
    ]


def _needed(findings: Findings) -> list[str]:
    row = findings.effects.where(
        model=findings.study.get("primary"), scale="number_needed", group="all"
    ).frame
    if not len(row) or row["status"].iloc[0] != "ok":
        return []
    said = needed_in_words(*(float(row[name].iloc[0]) for name in
                             ("estimate", "conf_low", "conf_high")))  # fmt: skip
    return [f"Number needed, for one standard deviation: {said}."]


def _between(row: pd.Series) -> str:
    return f"{decimal(float(row['conf_low']), 2)} to {decimal(float(row['conf_high']), 2)}"


def interaction(findings: Findings) -> Html:
    """How the effect differs between the lowest band and the reference, on every scale."""
    frame = findings.effects.where(model=_banded(findings), scale=tuple(MEASURES)).frame
    if frame.empty:
        return tag("p", "This study compares no bands.")
    rows: list[Row] = []
    for _, row in frame.iterrows():
        scale = str(row["scale"])
        times, digits = (100, 1) if scale == "interaction_contrast" else (1, 2)
        rows.append([sentence(MEASURES[scale]), *_numbers(row, times, digits)])
    notes = [
        "All from chances. That one scale shows a difference and another does not is no "
        "contradiction: claim C2 is about differences in chances.",
        f"RERI, attributable proportion and synergy index are {frame['estimand'].iloc[-1]}.",
    ]
    caption = f"{sentence(words(str(frame['group'].iloc[0])))}, on both scales"
    columns = [Column("Measure"), Column("Estimate", True), Column("95% interval", True)]
    return table(caption, columns, rows, notes=notes)


def gap(findings: Findings) -> Html:
    """The gap in outcomes between the bands, and the part that relationships have in it."""
    frame = findings.effects.where(model=_banded(findings), scale="gap").frame
    if frame.empty:
        return tag("p", "This study does not take the gap between bands apart.")
    rows: list[Row] = [
        [sentence(PARTS[str(row["contrast"])]), *_numbers(row, 100, 1), words(str(row["estimand"]))]
        for _, row in frame.iterrows()
    ]
    columns = [
        Column("Part, per 100 clients"),
        Column("Estimate", True),
        Column("95% interval", True),
        Column("What it is"),
    ]
    notes = [
        "The gap is the sum of who gets the relationships, what they return, and the rest. It "
        "takes the score to mean the same in both bands, which was not tested.",
    ]
    caption = f"Outcomes, {words(str(frame['group'].iloc[0]))} {facts.said(findings, 'modifier')}"
    return table(caption, columns, rows, notes=notes)


def surface(findings: Findings) -> Html:
    """The effect along confidence itself, beside the bands that are made of it."""
    series = findings.series.get("surface")
    if series is None or series.frame.empty:
        return tag("p", "There is no figure of the difference along the score.")
    figure = difference_figure(
        series, x_label=words(series.x_label), y_label=words(series.y_label).lower()
    )
    note = (
        "A straight line of log odds along the score, from its 10th to its 90th percentile, with "
        "95% intervals. Bands may hide a bend in it, and it may hide what bands show."
    )
    return figure.html() + tag("p", note, class_="note")


def shape(findings: Findings) -> Html:
    """The outcome along the score, free to bend, and what was tested of the curve."""
    series, found = findings.series.get("shape"), findings.counts.get("shape")
    drawn = Html("")
    if series is not None and not series.frame.empty:
        x_label, y_label = words(series.x_label), words(series.y_label)
        figure = band_figure(series, WHOLE, x_label=x_label, y_label=y_label)
        note = (
            "Darker: the 95% interval of each point by itself. Lighter: the band that holds the "
            "whole line in 95 of 100 studies."
        )
        drawn = figure.html() + tag("p", note, class_="note")
    if found is None or found.frame.empty:
        return drawn + tag("p", "No curve could be tested.")
    rows: list[Row] = [
        [
            sentence(row["check"]),
            words(row["what"]),
            *(_short(row[name]) for name in ("value", "low", "high")),
            _p(row["p_value"]),
            row["reading"],
        ]
        for row in found.frame.to_dict("records")
    ]
    columns = [Column("Question"), Column("What"), Column("Value", True), Column("Low", True),
               Column("High", True), Column("p", True), Column("Answer")]  # fmt: skip
    return drawn + table(found.caption, columns, rows, notes=found.notes)


def inequality(findings: Findings) -> Html:
    """How far outcomes and relationships lean towards clients with much confidence."""
    frame = findings.effects.where(scale=tuple(INEQUALITIES)).frame
    if frame.empty:
        return tag("p", "This study does not measure inequality along the score.")
    rows: list[Row] = []
    for outcome, part in frame.groupby("outcome", sort=False):
        rows.append(Group(sentence(words(str(outcome)))))
        for _, row in part.iterrows():
            scale = str(row["scale"])
            times, digits = (100, 1) if scale == "slope_index" else (1, 3)
            rows.append([INEQUALITIES[scale], *_numbers(row, times, digits)])
    modifier = facts.said(findings, "modifier")
    notes = [
        f"Clients are ranked by {modifier}, from 0 for the least to 1 for the most. The slope "
        "index is the difference per 100 between the two ends with the other covariates held "
        "fixed, the relative index their ratio. Concentration indices are of the rows as they are: "
        f"below 0, there is more of it among clients with little {modifier}.",
    ]
    columns = [Column("Measure"), Column("Estimate", True), Column("95% interval", True)]
    return table(f"Inequality along {modifier}", columns, rows, notes=notes)


def attributes(findings: Findings) -> Html:
    """The effect along every further attribute that the plan names, and who has what."""
    frame = findings.effects.frame
    named = frame["group"].astype(str).str.contains(": ", regex=False)
    frame = frame[named & frame["model"].astype(str).str.contains(" x ", regex=False)]
    if frame.empty:
        return tag("p", "The plan names no further attribute of clients.")
    rows: list[Row] = []
    for _, part in frame.groupby("model", sort=False):
        attribute = str(part["group"].iloc[0]).partition(": ")[0]
        rows.append(Group(f"{sentence(attribute)}: difference per 100 for one standard deviation"))
        effects = part[(part["scale"] == "risk_difference") & (part["contrast"] == "sd")]
        rows += [_attribute_row(row, "") for _, row in effects.iterrows()]
        rows.append(Group(f"{sentence(attribute)}: outcomes, and what relationships have in them"))
        gaps = part[(part["scale"] == "gap") & part["contrast"].isin(["gap", "access", "returns"])]
        rows += [
            _attribute_row(row, f": {PARTS[str(row['contrast'])]}") for _, row in gaps.iterrows()
        ]
    columns = [Column("Whom"), Column("Per 100", True), Column("95% interval", True),
               Column("p, adjusted", True), Column("Clients", True)]  # fmt: skip
    notes = ["Exploratory: p-values are adjusted with all others of the study. A group by itself "
             "has none; only differences between groups are tested."]  # fmt: skip
    return table("Along other attributes of clients", columns, rows, notes=notes)


def _attribute_row(row: pd.Series, what: str) -> list[str]:
    group = words(str(row["group"]).partition(": ")[2])
    p = float(row["p_adjusted"])
    return [
        sentence(group) + what,
        *_numbers(row, 100, 1),
        probability(p) if p == p else "",
        count(str(row["n_clients"])),
    ]


def below_neutral(findings: Findings) -> Html:
    """The slopes below and above the neutral point, and what clients below it stand to lose."""
    frame = findings.effects.frame
    frame = frame[frame["model"].astype(str).str.endswith("bent at neutral")]
    if frame.empty:
        return tag("p", "The plan declares no neutral point, so nothing is said of harm below it.")
    slopes = frame[(frame["scale"] == "risk_difference") & (frame["contrast"] == "sd")]
    ledger = frame[frame["contrast"].isin(["neutral", "as is"]) & frame["scale"].ne("log_odds")]
    rows: list[Row] = [Group("Difference per 100 clients, for one standard deviation")]
    rows += [
        [sentence(words(str(row["group"]))), *_numbers(row, 100, 1), count(str(row["n_clients"]))]
        for _, row in slopes.iterrows()
    ]
    rows.append(Group("Clients below neutral: what they would gain at the neutral point"))
    for _, row in ledger.iterrows():
        said = {"risk": "chance as they are, per 100", "risk_difference": "gain per 100",
                "excess_failures": "clients without the outcome who might have had it"}  # fmt: skip
        times = 1 if row["scale"] == "excess_failures" else 100
        name = f"{sentence(words(str(row['group'])))}: {said[str(row['scale'])]}"
        rows.append([name, *_numbers(row, times, 1), count(str(row["n_clients"]))])
    columns = [Column("Whom"), Column("Estimate", True), Column("95% interval", True),
               Column("Clients", True)]  # fmt: skip
    notes = [
        "Harm is meant against a neutral relationship. Whether a poor one is worse than none "
        "cannot be told: nobody without a rating is compared.",
    ]
    return table("Below the neutral point", columns, rows, notes=notes)


def stress(findings: Findings) -> Html:
    """What would change the answer, in a few lines of the table of checks."""
    found = findings.counts.get("sensitivity")
    rows = [] if found is None else found.frame.to_dict("records")
    said = [line for row in rows if (line := _line(row))]
    if not said:
        return tag("p", "No check of what would change the answer could be shown.")
    return tag("p", "What would change the answer:") + bullets(said)


def _line(row: dict[Hashable, str]) -> str:
    check, value, low, high = (str(row[name]) for name in ("check", "value", "low", "high"))
    if check == "an unmeasured cause" and str(row["what"]).startswith("E-value"):
        return (
            f"A cause that nobody measured would have to go with both rating and outcome by a "
            f"ratio of chances of {_short(value)} to make up all of it ({_short(low)} for its "
            f"nearer limit). {row['reading']}"
        )
    if check.endswith("left out") and check.startswith("one "):
        return f"{row['reading']} With {check} it is {_short(low)} to {_short(high)} per 100."
    if check == "outcomes that the link missed":
        whom = str(row["what"]).partition(", ")[2]
        return (
            f"With the outcomes counted that the link has missed, as an audit has it, {whom}: "
            f"{_short(value)} per 100 ({_short(low)} to {_short(high)})."
        )
    if check == "error in the score" and str(row["what"]).startswith("difference"):
        whom = str(row["what"]).partition(", ")[2]
        return (
            f"Correcting for error in the score would make it, {whom}: {_short(value)} per 100 "
            f"({_short(low)} to {_short(high)}). {row['reading']}"
        ).strip()
    if check == "error in the score" and row["what"] == "correction":
        return f"Error in the score: {str(row['reading'])[0].lower()}{str(row['reading'])[1:]}"
    if check in ("the effect taken apart", "a rating after the outcome"):
        what = str(row["what"]).partition(", ")[2].partition(" (")[0]
        return f"{sentence(what)}: {_short(value)} per 100 ({_short(low)} to {_short(high)})."
    return ""


def _short(text: str) -> str:
    try:
        return decimal(float(text), 1 if abs(float(text)) >= 2 else 2)
    except ValueError:
        return text


def _p(text: str) -> str:
    try:
        return probability(float(text))
    except ValueError:
        return text


def _numbers(row: pd.Series, times: int, digits: int) -> list[str]:
    """Estimate and interval; with a sign where nought means none."""
    if row["status"] != "ok":
        return [NOT_SHOWN[str(row["status"])], ""]
    value, low, high = (times * float(row[name]) for name in ("estimate", "conf_low", "conf_high"))
    if KINDS[str(row["scale"])].null_value == 0:
        return [signed(value, digits), interval(low, high, digits)]
    return [decimal(value, digits), f"{decimal(low, digits)} to {decimal(high, digits)}"]
