"""The head of both pages: what it is about, whose data these are, and how it was made."""

from __future__ import annotations

from deepvalue_stats.findings import Findings
from deepvalue_stats.report.facts import said
from deepvalue_stats.report.markup import Html, bullets, join, tag
from deepvalue_stats.report.numbers import sentence

STATUS = {
    "synthetic": ("Synthetic data.", "These figures describe no real client or practitioner."),
    "public": ("Public data.", "The records behind these figures are openly published."),
    "confidential": (
        "Confidential data.",
        "Only figures that passed disclosure control are on this page.",
    ),
}
LABELS = {
    "exploratory": "Exploratory: a lead to be tested, not a test",
    "confirmatory": "Confirmatory: the plan was locked before it was run",
}
AREAS = {"several": "several service areas"}
DESIGNS = {
    "landmark": "the relationship is rated before the outcome is known",
    "same_wave": "relationship and outcome come from the same interview",
    "next_wave": "the outcome is that of the wave after the rating",
}
OPEN = "Counts are neither suppressed nor rounded."


def banner(findings: Findings, kicker: str) -> Html:
    """Question, field, status of the data and caveats."""
    title = join(
        [
            tag("p", kicker, class_="kicker"),
            tag("h1", str(findings.study["question"])),
            tag("p", field_line(findings), class_="field"),
        ]
    )
    return join([tag("header", title), status(findings), caveats(findings)])


def field_line(findings: Findings) -> str:
    """Area, label and design, in one line."""
    label = said(findings, "label")
    design = str(findings.study.get("design") or "")
    parts = [
        sentence(AREAS.get(str(findings.study.get("area")), said(findings, "area"))),
        LABELS.get(label, sentence(label)),
        DESIGNS.get(design, ""),
    ]
    return " \u00b7 ".join(part for part in parts if part)


def status(findings: Findings) -> Html:
    """The banner about the data."""
    kind = said(findings, "status")
    name, meaning = STATUS.get(kind, (f"Status of the data: {kind}.", ""))
    more = OPEN if findings.study.get("profile") == "open" else " ".join(findings.disclosure.rules)
    line = join([tag("strong", name), Html(""), tag("span", f"{meaning} {more}".strip())])
    return tag("p", line, class_=f"status {kind}")


def caveats(findings: Findings) -> Html:
    """What the plan says a reader has to know first."""
    listed = [str(caveat) for caveat in findings.study.get("caveats") or ()]
    if not listed:
        return Html("")
    return tag("div", tag("p", tag("strong", "Bear in mind")) + bullets(listed), class_="caveats")


def made(findings: Findings) -> Html:
    """How the report was made, in one small paragraph: what decides the numbers, and no time."""
    provenance = findings.provenance
    plan = str(provenance.get("plan") or "")
    data = provenance.get("data") or {}
    parts = [
        str(provenance.get("package") or ""),
        f"study {findings.study.get('name')}",
        f"plan {short(plan)}" if plan else "",
        *(f"data {name} {short(str(digest))}" for name, digest in dict(data).items()),
        f"seed {provenance['seed']}" if "seed" in provenance else "",
    ]
    rules = " ".join(findings.disclosure.rules)
    line = "; ".join(part for part in parts if part)
    return tag(
        "p",
        f"Every figure on this page is read from the findings of one run: {line}. "
        f"The full digests are in its manifest.json. Disclosure: {rules}",
        class_="made",
    )


def short(digest: str) -> str:
    """The start of a digest, enough to tell two runs apart."""
    return digest if len(digest) <= 16 else f"{digest[:12]}\u2026"
