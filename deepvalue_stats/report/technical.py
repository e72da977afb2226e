"""The further parts of the technical report, each from findings to markup."""

from __future__ import annotations

import pandas as pd

from deepvalue_stats.findings import Findings
from deepvalue_stats.report import facts
from deepvalue_stats.report.figures import flow_figure, forest_figure
from deepvalue_stats.report.heading import DESIGNS
from deepvalue_stats.report.markup import (
    Column,
    Group,
    Html,
    Row,
    Table,
    join,
    table,
    tag,
)
from deepvalue_stats.report.numbers import (
    EXPLAINED,
    HIDDEN,
    cell,
    decimal,
    interval,
    probability,
    reading,
    sentence,
    signed,
    words,
)
from deepvalue_stats.tables import CountTable

PER = {"sd": "per SD", "point": "per point"}
ALONE = (
    "A band on its own has no p: only differences between bands are put to a test, so that "
    "nobody reads \u201chere but not there\u201d from two tests."
)
CORRECTED = (
    "A row without the error in the score has no p either: it is no further test of the same "
    "question."
)
ODDS = (
    "Odds are not risks. A difference in log odds says how the model is built; where the outcome "
    "is common an odds ratio is far from a ratio of risks. Quote the risk differences."
)


def counted(findings: Findings, name: str) -> Html:
    """One of the cleared tables as it is, or a sentence that there is none."""
    found = findings.counts.get(name)
    if found is None or found.frame.empty:
        return tag("p", f"This study has no table of {words(name)}.")
    return count_table(found)


def sweep(findings: Findings) -> Html:
    """The effect with other least weights for a link, where links have weights."""
    if "sweep" not in findings.counts:
        # linked by key or by passes, or with too few practitioners for any effect to be shown
        return tag("p", "This study tries no other least weight for its links.")
    return counted(findings, "sweep")


def count_table(found: CountTable) -> Table:
    """A cleared table: headings from its columns, figures to the right."""
    frame = found.frame.loc[:, [name for name in found.frame if found.frame[name].ne("").any()]]
    columns = [_column(str(name), found.rules[str(name)], frame[name]) for name in frame]
    rows: list[Row] = [
        [_cell(str(name), found.rules[str(name)], str(value)) for name, value in row.items()]
        for _, row in frame.iterrows()
    ]
    suppressed = bool((found.frame == HIDDEN).to_numpy().any())
    notes = [*found.notes, *([f"{HIDDEN} {EXPLAINED['suppressed']}"] if suppressed else [])]
    return table(found.caption, columns, rows, notes=notes, class_="counts")


def _column(name: str, rule: str, values: pd.Series) -> Column:
    heading = sentence(words(name)).replace("Left ", "Left: ")
    figures = values[~values.isin(("", HIDDEN))].str.fullmatch(r"-?[\d.]+(e-?\d+)?|inf")
    return Column(heading, numeric=rule != "label" and bool(figures.all()))


def _cell(name: str, rule: str, value: str) -> str:
    if rule == "label":
        return value
    if name in ("p_value", "p_adjusted") and value not in ("", HIDDEN):
        return probability(float(value))
    return cell(value, share=rule == "share" or name == "share")


def flow_drawing(findings: Findings) -> Html:
    """The flow as a figure."""
    found = findings.counts.get("flow")
    if found is None or found.frame.empty:
        return tag("p", "This study has no flow to draw.")
    return flow_figure(found, caption="Who is left at each step").html()


def estimand(findings: Findings) -> Html:
    """The question as the models put it, part by part."""
    row = facts.main_row(findings)
    study = findings.study
    parts = {
        "Question": str(study["question"]),
        "Outcome": facts.outcome(findings),
        "Definition": str(study.get("definition", "")),
        "Exposure": facts.said(findings, "exposure"),
        "Comparison": "" if row is None else words(str(row["estimand"])),
        "Summary": "difference in probability, shown per 100 clients",
        "For whom": _for_whom(findings),
        "Design": sentence(DESIGNS.get(str(study.get("design")), "")),
        "Primary model": facts.said(findings, "primary"),
        "Smallest worthwhile": f"{decimal(facts.worthwhile(findings))} per 100 clients",
    }
    rows: list[Row] = [[name, text] for name, text in parts.items() if text]
    return table("What is estimated", [Column("Part"), Column("In this study")], rows)


def _for_whom(findings: Findings) -> str:
    names = ", ".join(words(band) for band in facts.bands(findings))
    modifier = facts.said(findings, "modifier")
    return f"all clients, and by {modifier} ({names})" if names else "all clients"


def all_effects(findings: Findings) -> Html:
    """Every risk difference, model by model, with what its several looks cost."""
    frame = findings.effects.where(scale="risk_difference").frame
    if frame.empty:
        return tag("p", "This study has no risk differences.")
    families = ", ".join(facts.families(findings))
    notes = [
        f"Adjusted p: {families}." if families else "",
        "Difference per 100 clients; above zero means more clients with the outcome.",
        ALONE if (frame["p_value"].isna() & (frame["status"] == "ok")).any() else "",
        CORRECTED if frame["model"].str.contains(", score error corrected").any() else "",
    ]
    return _effect_table(findings, frame, "Differences in risk, all models", 100, notes)


def other_scales(findings: Findings) -> Html:
    """Estimates on other scales, with the warning that belongs to them."""
    every = findings.effects.frame
    frame = every[every["scale"] != "risk_difference"]
    if frame.empty:
        return tag("p", "All estimates of this study are differences in risk.")
    scales = ", ".join(words(scale) for scale in dict.fromkeys(frame["scale"]))
    return tag("p", ODDS, class_="warning") + _effect_table(
        findings, frame, f"Estimates on other scales: {scales}", 1, []
    )


def _effect_table(
    findings: Findings, frame: pd.DataFrame, caption: str, times: int, notes: list[str]
) -> Html:
    digits = 1 if times > 1 else 3
    rows: list[Row] = []
    for _, part in frame.groupby(["model", "outcome", "exposure", "scale"], sort=False):
        rows.append(Group(_model_words(findings, part.iloc[0])))
        rows += [_effect_row(findings, row, times, digits) for _, row in part.iterrows()]
    reasons = dict.fromkeys(frame.loc[frame["status"] != "ok", "status"])
    said = [note for note in notes if note] + [
        (f"{HIDDEN} " if reason == "suppressed" else "") + EXPLAINED[reason] for reason in reasons
    ]
    unit = "per 100 clients" if times > 1 else ""
    sizes = ("Difference", "95% interval", "Std. error")
    others = ("p", "Adjusted p", "Rows", "Clients", "Practitioners")
    columns = [
        Column("Group"),
        *(Column(head, numeric=True, unit=unit) for head in sizes),
        *(Column(head, numeric=True) for head in others),
    ]
    return table(caption, columns, rows, notes=said, class_="wide")


def _model_words(findings: Findings, row: pd.Series) -> str:
    role = " (primary)" if row["model"] == findings.study.get("primary") else ""
    scale = "" if row["scale"] == "risk_difference" else words(str(row["scale"]))
    parts = [words(str(row["exposure"])), _other_outcome(findings, row), scale]
    return f"{words(str(row['model']))}{role}: {', '.join(part for part in parts if part)}"


def _other_outcome(findings: Findings, row: pd.Series) -> str:
    """The outcome, where it is not that of the primary model."""
    same = row["outcome"] == findings.study.get("outcome", row["outcome"])
    return "" if same else f"outcome {words(str(row['outcome']))}"


def _effect_row(findings: Findings, row: pd.Series, times: int, digits: int) -> list[str]:
    one = facts.estimate(row, facts.band_words(findings, str(row["group"])))
    group = "all clients" if row["group"] == "all" else one.group
    claim = f" [{row['claim']}]" if row["claim"] else ""
    name = f"{sentence(group)}, {PER.get(str(row['contrast']), words(str(row['contrast'])))}{claim}"
    if not one.ok:
        why = HIDDEN if one.status == "suppressed" else reading(one, 0.0)
        return [name, why, *[""] * 4, one.rows, one.clients, one.practitioners]
    low, high = times * float(row["conf_low"]), times * float(row["conf_high"])
    return [
        name,
        signed(times * float(row["estimate"]), digits),
        interval(low, high, digits),
        decimal(times * float(row["std_error"]), digits + (times > 1)),
        probability(float(row["p_value"])),
        probability(float(row["p_adjusted"])),
        one.rows,
        one.clients,
        one.practitioners,
    ]


def forest(findings: Findings) -> Html:
    """Risk differences for one SD, all models under one another."""
    rows = facts.comparable_rows(findings)
    named = [facts.estimate(row, _forest_name(findings, row)) for _, row in rows.iterrows()]
    if not any(one.ok for one in named):
        return tag("p", "There is no figure: no estimate could be published.")
    figure = forest_figure(
        named,
        caption=f"Difference in outcome ({facts.outcome(findings)}) by model and group",
        x_label="difference per 100 clients",
    )
    return figure.html()


def _forest_name(findings: Findings, row: pd.Series) -> str:
    group = str(row["group"])
    exposure = str(row["exposure"]).removeprefix(str(findings.study.get("exposure") or ""))
    parts = [
        words(str(row["model"])),
        words(exposure),
        _other_outcome(findings, row),
        "" if group == "all" else facts.band_words(findings, group),
    ]
    return ", ".join(part for part in parts if part)


def disclosure(findings: Findings) -> Html:
    """The rules that every figure passed, and what they did."""
    rules = join(tag("p", rule) for rule in findings.disclosure.rules)
    frame = findings.disclosure.decisions
    if frame.empty:
        return rules
    columns = [Column(sentence(words(str(name))), numeric=name == "cells") for name in frame]
    rows: list[Row] = [[str(value) for value in row] for row in frame.to_numpy()]
    return rules + table("What disclosure control did", columns, rows, class_="counts")


def manifest(findings: Findings) -> Html:
    """What decides the numbers: digests, seed and versions."""
    rows: list[Row] = []
    for name, value in findings.provenance.items():
        title = sentence(words(name))
        if isinstance(value, dict) and name == "versions":
            rows.append([title, ", ".join(f"{key} {one}" for key, one in value.items())])
        elif isinstance(value, dict):
            rows += [[f"{title}: {key}", tag("code", str(one))] for key, one in value.items()]
        else:
            rows.append([title, tag("code", str(value))])
    columns = [Column("What"), Column("Value")]
    return table("What decides the numbers", columns, rows, class_="manifest")


def command(findings: Findings) -> Html:
    """How to make the findings and this page again."""
    says = (
        f"In the folder of the plan of {findings.study.get('name')}. The same plan, data and "
        "versions give the same findings and the same HTML, byte for byte; the digests below "
        "tell whether they are the same."
    )
    return tag("p", says) + tag("pre", tag("code", "deepvalue run plan.toml"))
