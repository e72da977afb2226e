"""The parts of the commissioner's summary, each from findings to markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deepvalue_stats.findings import Findings
from deepvalue_stats.report import facts
from deepvalue_stats.report.figures import predicted_figure
from deepvalue_stats.report.markup import (
    Column,
    Content,
    Group,
    Html,
    Row,
    bullets,
    join,
    safe,
    table,
    tag,
)
from deepvalue_stats.report.numbers import (
    EXPLAINED,
    HIDDEN,
    HIGHER,
    LOWER,
    SMALL,
    Estimate,
    between_bands,
    decimal,
    interval,
    reading,
    sentence,
    signed,
    words,
)
from deepvalue_stats.report.strips import AboutPictures, Scale, common_scale, strip
from deepvalue_stats.tables import more_or_fewer, plausible_range

PER_100 = "per 100 clients"
TONES = {
    HIGHER: "higher",
    "Likely larger": "higher",
    LOWER: "lower",
    "Likely smaller": "lower",
    SMALL: "small",
    "Suppressed": "hidden",
    "Not estimated": "hidden",
    "Not shown": "hidden",
}
ANSWERS = {
    "supported": "higher",
    "harm": "lower",
    "no worthwhile effect": "small",
    "cannot be tested here": "hidden",
    "withheld": "hidden",
}
GATES = {
    "pass": "Holds",
    "note": "To bear in mind",
    "cap": "Limits the wording",
    "block": "Stops the answer",
}
GATE_TONES = {"pass": "higher", "note": "unsure", "cap": "unsure", "block": "hidden"}


def mark(text: str, tone: str) -> Html:
    """A short word in a box; the tone adds to the word and never stands for it."""
    return tag("span", text, class_=f"mark {tone}")


def found(findings: Findings) -> Html:
    """One line a claim: the answer and the sentence that a board paper may use."""
    if not findings.verdicts:
        return tag("p", "This study puts no claim to the test.")
    lines = []
    for verdict in findings.verdicts:
        answer = mark(sentence(verdict.answer), ANSWERS.get(verdict.answer, "unsure"))
        claim = tag("span", sentence(verdict.statement), class_="claim")
        words_ = Html(f"{safe(claim)} {safe(answer)}<br>{safe(str(verdict.sentence))}")
        lines.append(tag("li", words_))
    return tag("ul", join(lines), class_="found")


def boxes(findings: Findings) -> Html:
    """Three boxes: how much, for how many, and how sure."""
    return tag(
        "div",
        join([_size_box(findings), _clients_box(findings), _answer_box(findings)]),
        class_="boxes",
    )


def _box(big: str, lines: Iterable[str], small: str) -> Html:
    body = [tag("p", big, class_="big"), *(tag("p", line) for line in lines if line)]
    return tag("div", join([*body, tag("p", small, class_="small")]), class_="box")


def _size_box(findings: Findings) -> Html:
    main = facts.main_estimate(findings)
    if main is None:
        return _box("No estimate", ["this study has no primary effect"], "")
    if not main.ok:
        return _box(reading(main, 0.0), [EXPLAINED[main.status]], "")
    return _box(
        more_or_fewer(main.value),
        [f"per 100 clients: {facts.outcome(findings)}"],
        f"plausible range {plausible_range(main.low, main.high)}, {better_by(findings)}",
    )


def _clients_box(findings: Findings) -> Html:
    main = facts.main_estimate(findings)
    if main is None or not main.clients:
        return _box("Clients", ["no count is given"], "")
    if main.clients == HIDDEN:
        return _box(HIDDEN, ["the number of clients is suppressed"], "")
    behind = f"behind the main estimate, with {main.rows} records"
    named = f"seen by {main.practitioners} practitioners" if main.practitioners else ""
    return _box(f"{main.clients} clients", [behind], named)


def _answer_box(findings: Findings) -> Html:
    if not findings.verdicts:
        return _box("No verdict", ["no claim was put to the test"], "")
    first = findings.verdicts[0]
    held = sum(gate.outcome in ("cap", "block") for gate in first.gates)
    total = len(first.gates)
    limit = "limits" if held == 1 else "limit"
    checks = f"{held} of {total} checks {limit} it" if held else f"none of {total} checks limits it"
    strongest = first.verb.strip(" ,")
    verb = f"strongest wording allowed: \u201c{strongest}\u201d" if strongest else ""
    return _box(sentence(first.answer), [verb], checks if total else "")


def effects(findings: Findings) -> Html:
    """Table 1: the difference for all clients, in each band and area, and between them."""
    main = facts.main_estimate(findings)
    in_bands = facts.band_estimates(findings)
    contrast = facts.contrast_estimate(findings)
    areas, pairs = facts.area_estimates(findings)
    everyone = [e for e in (main, *in_bands, contrast, *areas, *pairs) if e is not None]
    if not everyone:
        return tag("p", "This study has no estimate of a difference in outcomes.")
    limit = facts.worthwhile(findings)
    scale = common_scale(everyone, limit)
    rows: list[Row] = []
    if main is not None:
        rows.append(_line(main, scale, reading(main, limit)))
    if in_bands:
        rows.append(Group(f"By {facts.said(findings, 'modifier')}"))
        rows += [_line(e, scale, reading(e, limit)) for e in in_bands]
    if contrast is not None:
        rows.append(Group("Difference between bands"))
        rows.append(_line(contrast, scale, between_bands(reading(contrast, limit))))
    if areas:
        rows.append(Group(f"By {facts.said(findings, 'across')}"))
        rows += [_line(e, scale, reading(e, limit)) for e in areas]
        rows.append(Group(f"Difference between one {facts.said(findings, 'across')} and another"))
        rows += [_line(e, scale, between_bands(reading(e, limit))) for e in pairs]
    return table(
        f"Difference in outcome: {facts.outcome(findings)}",
        _columns(),
        rows,
        explained=f"Per 100 clients, {better_by(findings)}. "
        "Above zero means more clients with the outcome.",
        notes=_notes(findings, everyone, scale),
        class_="effects",
    )


def better_by(findings: Findings) -> str:
    """The comparison behind every difference, in words."""
    return f"where the {facts.exposure(findings)} score is better by {facts.one_unit(findings)}"


def _columns() -> list[Column]:
    return [
        Column("Clients in the group"),
        Column("Clients", numeric=True, unit="clients"),
        Column("Difference", numeric=True, unit=PER_100),
        Column("95% interval", numeric=True, unit=PER_100),
        Column("Picture (right is more)", class_="picture"),
        Column("How to read it"),
    ]


def _line(estimate: Estimate, scale: Scale, read: str) -> list[Content]:
    hidden = HIDDEN if estimate.status == "suppressed" else "\u2013"
    size: Content = tag("strong", signed(estimate.value)) if estimate.ok else hidden
    return [
        sentence(estimate.group),
        estimate.clients or hidden,
        size,
        interval(estimate.low, estimate.high) if estimate.ok else hidden,
        strip(estimate, scale),
        mark(read, TONES.get(read, "unsure")),
    ]


def _notes(findings: Findings, estimates: list[Estimate], scale: Scale) -> list[Content]:
    limit = decimal(scale.worthwhile)
    pictures = (
        f"The pictures share one scale, {scale.says()}; the dashed line is no difference, "
        f"the grey band is what is smaller than {limit}; a filled dot leaves zero out."
    )
    said: list[Content] = [
        *_small_bands(findings),
        "The 95% interval is the range of differences that the data are compatible with. "
        "Where it crosses zero we say \u201cUncertain\u201d, unless the data leave room only for "
        f"differences smaller than {limit} per 100, the smallest that the plan calls worthwhile.",
        AboutPictures(safe(pictures)),
    ]
    families = ", ".join(facts.families(findings))
    if families:
        said.append(
            f"Estimates looked at together ({families}): each interval is for one estimate alone, "
            "and among several one may miss by chance."
        )
    reasons = {e.status for e in estimates if not e.ok}
    marks = {"suppressed": f"{HIDDEN} "}
    said += [f"{marks.get(r, '')}{words}" for r, words in EXPLAINED.items() if r in reasons]
    return said


def _small_bands(findings: Findings) -> list[str]:
    """The warning that a band rests on few clients, where a reader meets its estimate."""
    gates = [gate for verdict in findings.verdicts for gate in verdict.gates]
    answers = [str(g.answer) for g in gates if g.name == "bands" and g.outcome != "pass"]
    return [answer.removeprefix("No. ") for answer in dict.fromkeys(answers)]


def predicted(findings: Findings) -> Html:
    """The one figure of the summary, under a sentence that its data carry."""
    return tag("h2", figure_heading(findings)) + predicted_lines(findings)


def predicted_lines(findings: Findings) -> Html:
    """The predicted outcome by score, a line for each band."""
    series = findings.series.get("predicted")
    if series is None or series.frame.empty:
        return tag("p", "There is no figure: no curve could be published.")
    names = [str(group) for group in dict.fromkeys(series.frame["group"])]
    ordered = [b for b in facts.bands(findings) if b in names]
    ordered += [name for name in names if name not in ordered]
    labels = {
        name: "all clients" if name == "all" else facts.band_words(findings, name)
        for name in ordered
    }
    exposure = facts.said(findings, "exposure")
    figure = predicted_figure(
        series,
        labels,
        caption=f"Predicted outcome ({facts.outcome(findings)}) by {exposure} score",
        x_label=words(series.x_label),
        y_label=f"{sentence(facts.outcome(findings))}, per 100 clients",
    )
    note = "Lines are the model's best estimates, shaded bands their 95% intervals."
    missing = [b for b in facts.bands(findings) if b not in names] if names != ["all"] else []
    if missing:
        note += f" Not drawn, as too few clients stand behind it: {', '.join(missing)}."
    return join([figure.html(), tag("p", note, class_="note")])


def figure_heading(findings: Findings) -> str:
    """What the figure shows, in a sentence chosen by the reading of the main estimate."""
    exposure = facts.said(findings, "exposure")
    main = facts.main_estimate(findings)
    read = reading(main, facts.worthwhile(findings)) if main is not None else ""
    goes = {
        HIGHER: f"A better {exposure} goes with more good outcomes",
        LOWER: f"A better {exposure} goes with fewer good outcomes",
        SMALL: f"A better {exposure} goes with no worthwhile difference in outcomes",
    }
    return goes.get(read, f"Whether outcomes differ with the {exposure} is uncertain")


def sure(findings: Findings) -> Html:
    """The questions whose answers limit or colour the result; how many others there were."""
    gates = _asked(findings)
    open_ones = [gate for gate in gates if gate.outcome != "pass"]
    held = len(gates) - len(open_ones)
    rest = f"{held} further checks hold; the technical report has them all." if held else ""
    return _checks(open_ones, [rest] if rest else [])


def every_check(findings: Findings) -> Html:
    """Every question put to design and fit, with its answer."""
    return _checks(_asked(findings), [])


def _asked(findings: Findings) -> list[Any]:
    every = [gate for verdict in findings.verdicts for gate in verdict.gates]
    gates = {(gate.question, str(gate.answer)): gate for gate in reversed(every)}
    return list(reversed(gates.values()))


def _checks(gates: list[Any], notes: list[str]) -> Html:
    if not gates:
        return tag("p", " ".join(notes) or "No check was recorded for this study.")
    rows: list[Row] = [
        [
            gate.question,
            str(gate.answer),
            mark(GATES.get(gate.outcome, gate.outcome), GATE_TONES.get(gate.outcome, "unsure")),
        ]
        for gate in gates
    ]
    columns = [Column("Question"), Column("Answer"), Column("What follows")]
    caption = "Questions put to the design and the data"
    return table(caption, columns, rows, notes=notes, class_="gates")


def means(findings: Findings) -> Html:
    """What a reader may take from the page."""
    return _said(findings.wording.can_say, "The evidence carries no advice for a decision.")


def cannot_say(findings: Findings) -> Html:
    """What a reader may not take from the page."""
    return _said(findings.wording.cannot_say, "Nothing further was recorded.")


def _said(phrases: Iterable[object], otherwise: str) -> Html:
    listed = [str(phrase) for phrase in phrases]
    return bullets(listed) if listed else tag("p", otherwise)
