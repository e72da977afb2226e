"""The same client over time: estimates side by side, who changes, breaks, days to the outcome."""

from __future__ import annotations

import pandas as pd

from deepvalue_stats.findings import Findings
from deepvalue_stats.report import facts
from deepvalue_stats.report.markup import Column, Html, Row, join, safe, table, tag
from deepvalue_stats.report.numbers import (
    HIDDEN,
    count,
    interval,
    sentence,
    signed,
    words,
)
from deepvalue_stats.report.technical import count_table
from deepvalue_stats.report.time_figures import event_figure, waiting_figure
from deepvalue_stats.tables import CountTable, Series

SPEAKS = "speaks"
NO_WAVES = "This study follows no client over waves."


def triangulation(findings: Findings) -> Html:
    """Estimates of one effect by several approaches, each with the way in which it leans."""
    found = _filled(findings, "triangulation")
    if found is None:
        return tag("p", NO_WAVES)
    rows: list[Row] = [_approach(row) for _, row in found.frame.iterrows()]
    columns = [
        Column("Approach"),
        Column("What it compares"),
        Column("Per 100 clients", numeric=True),
        Column("95% interval", numeric=True),
        Column("Clients", numeric=True),
        Column("How it leans"),
    ]
    return table(found.caption, columns, rows, notes=found.notes, class_="wide")


def _approach(row: pd.Series) -> list[str | Html]:
    name = sentence(str(row["approach"]))
    speaks = Html(f"{safe(name)} {tag('strong', '(speaks)').text}")
    named = speaks if row[SPEAKS] == "yes" else name
    return [
        named,
        str(row["compares"]),
        *_per_hundred(row),
        count(str(row["clients"])),
        str(row["leans"]),
    ]


def _per_hundred(row: pd.Series) -> list[str]:
    """Value and interval as printed; a direction in words where there is no chance."""
    if str(row["value"]) in ("", HIDDEN):
        return [str(row["said"]) or str(row["value"]), ""]
    value, low, high = (float(row[key]) for key in ("value", "low", "high"))
    return [signed(value), interval(low, high)]


def panel(findings: Findings) -> Html:
    """How many clients there are to follow, and how many of them change."""
    found = _filled(findings, "panel")
    return tag("p", NO_WAVES) if found is None else count_table(found)


def dynamics(findings: Findings) -> Html:
    """Models in which the past has a say: earlier outcomes, later ratings, both ways at once."""
    found = _filled(findings, "dynamics")
    if found is None:
        return tag("p", "No model of earlier outcomes or later ratings was fitted.")
    lost = _filled(findings, "dynamics_lost")
    return join([count_table(found), *([] if lost is None else [count_table(lost)])])


def breaks(findings: Findings) -> Html:
    """What follows a change of practitioner that nobody chose: who, the curve, and the checks."""
    checks = _filled(findings, "break_checks")
    if checks is None:
        return tag("p", "The plan does not say which changes of practitioner nobody chose.")
    who, drawn = _filled(findings, "breaks"), _drawn(findings, "event_study")
    figure = Html("") if drawn is None else event_figure(drawn).html()
    return join([figure, count_table(checks), *([] if who is None else [count_table(who)])])


def waiting(findings: Findings) -> Html:
    """How long until the outcome: the curve, who was still at risk, and what the model says."""
    drawn, at_risk = _drawn(findings, "waiting"), _filled(findings, "at_risk")
    if drawn is None and at_risk is None:
        return tag("p", "This study has no model of the time to the outcome.")
    figure = Html("")
    if drawn is not None:
        groups = dict.fromkeys(str(group) for group in drawn.frame["group"])
        figure = waiting_figure(drawn, {group: words(group) for group in groups}).html()
    paces = _filled(findings, "paces")
    parts = [count_table(found) for found in (at_risk, paces) if found is not None]
    return join([figure, *parts[:1], _gained(findings), *parts[1:]])


def _gained(findings: Findings) -> Html:
    """What the model of time says, at the end of the follow-up."""
    frame = findings.effects.frame
    named = findings.study.get("hazards") or ()
    frame = frame[frame["model"].isin(list(named)) & (frame["contrast"] == "sd")]
    if frame.empty:
        return Html("")
    rows: list[Row] = []
    for _, row in frame.iterrows():
        times, digits = (1, 1) if row["scale"] == "time_gained" else (100, 1)
        if row["scale"] not in ("time_gained", "risk_difference"):
            continue
        cells = ["not shown", ""]
        if row["status"] == "ok":
            names = ("estimate", "conf_low", "conf_high")
            value, low, high = (times * float(row[name]) for name in names)
            cells = [signed(value, digits), interval(low, high, digits)]
        what = "days earlier" if row["scale"] == "time_gained" else "more per 100 by the end"
        one = facts.estimate(row, "")
        rows.append([words(str(row["model"])), what, *cells, one.clients])
    columns = [
        Column("Model"),
        Column("For one standard deviation"),
        Column("Estimate", numeric=True),
        Column("95% interval", numeric=True),
        Column("Clients", numeric=True),
    ]
    note = (
        "Days earlier: how much less of the follow-up passes without the outcome, on average over "
        "all clients, those who never have it included."
    )
    return table("What the model of time says", columns, rows, notes=[note])


def _filled(findings: Findings, name: str) -> CountTable | None:
    found = findings.counts.get(name)
    return None if found is None or found.frame.empty else found


def _drawn(findings: Findings, name: str) -> Series | None:
    found = findings.series.get(name)
    return None if found is None or found.frame.empty else found
