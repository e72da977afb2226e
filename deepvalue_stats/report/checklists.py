"""Where a report answers the items of STROBE, RECORD and TIDieR: pointers, found in the findings.

The items are told in this package's own short words; the checklists themselves are those of
von Elm et al. (2007), Benchimol et al. (2015) and Hoffmann et al. (2014).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deepvalue_stats.findings import Findings
from deepvalue_stats.report.markup import Column, Content, Html, Row, join, table, tag

NOT_DONE = "not done"
NOT_STATED = "not stated in the plan"
CITED = {
    "STROBE": "von Elm et al. (2007), items for cohort studies",
    "RECORD": "Benchimol et al. (2015), items beyond STROBE",
    "TIDieR": "Hoffmann et al. (2014)",
}


@dataclass(frozen=True)
class Item:
    """An item of a checklist in short words.

    Attributes
    ----------
    number, asks : str
    needs : tuple of str
        Any of these answers it: `counts:NAME`, a table with rows; `series:NAME`; `study:KEY`;
        `setting:PREFIX`, a setting of the plan that has a value; `effects`; `verdicts`;
        `wording`; `provenance:KEY`. Nothing: no study of this package answers it.
    section : str
        The heading of the technical report where the answer stands.
    """

    number: str
    asks: str
    needs: tuple[str, ...] = ()
    section: str = ""


HEAD = "Head of the report"
_DATA, _WHO, _MAIN = "Data, linkage and flow", "Who is in the study", "Main effects"
_ASKED, _CHANGE, _SAID = "Question and estimand", "What would change the answer", (
    "What can be said, and what not"
)  # fmt: skip
_MEASURED, _WHOM, _MADE = "Measurement", "For whom", "Reproduction"

STROBE = (
    Item("1", "Design named up front, and a balanced summary", ("verdicts",), "Summary"),
    Item("2", "Background: why the question is asked"),
    Item("3", "Aims and hypotheses", ("study:question",), _ASKED),
    Item("4", "Design", ("study:design",), _ASKED),
    Item("5", "Setting, places and dates"),
    Item("6", "Who could take part, and how they were followed", ("counts:flow",), _DATA),
    Item("7", "Outcomes, exposure, confounders and modifiers defined", ("study:outcome",), _ASKED),
    Item("8", "Where each variable comes from and how it was measured",
         ("counts:reliability",), _MEASURED),
    Item("9", "What was done about bias", ("counts:sensitivity",), _CHANGE),
    Item("10", "How the size of the study came about"),
    Item("11", "How numbers were grouped", ("study:bands",), _ASKED),
    Item("12", "Statistical methods", ("counts:diagnostics",), _MAIN),
    Item("13", "How many at each stage, and why others left", ("counts:flow",), _DATA),
    Item("14", "What the clients are like", ("counts:participants",), _WHO),
    Item("15", "How many had the outcome", ("counts:participants",), _WHO),
    Item("16", "Estimates with their precision", ("effects",), _MAIN),
    Item("17", "Other analyses: subgroups and sensitivity", ("counts:sensitivity",), _CHANGE),
    Item("18", "The main result against the aims", ("verdicts",), "Summary"),
    Item("19", "Limits, and which way a bias would go", ("wording",), _SAID),
    Item("20", "A cautious reading", ("verdicts",), "How sure are we?"),
    Item("21", "How far the result carries elsewhere"),
    Item("22", "Who paid, and what part they had"),
)  # fmt: skip
RECORD = (
    Item("1.1", "Kind of data in title or summary", ("study:status",), HEAD),
    Item("1.2", "Places and years in title or summary"),
    Item("1.3", "Linkage in title or summary"),
    Item("6.1", "Codes or rules that choose the population", ("counts:flow",), _DATA),
    Item("6.2", "Whether those codes were validated", ("setting:provenance.validated",), _DATA),
    Item("6.3", "Linkage drawn, with numbers at each stage", ("counts:flow",), _DATA),
    Item("7.1", "Codes that define exposure and outcome", ("study:definition",), _ASKED),
    Item("12.1", "What the investigators could see of the data", ("setting:provenance.access",),
         _DATA),
    Item("12.2", "How the data were cleaned", ("counts:problems",), _DATA),
    Item("12.3", "Linkage: how, and how good", ("counts:linkage",), _DATA),
    Item("13.1", "Who was chosen at each step of filtering and linkage", ("counts:flow",), _DATA),
    Item("19.1", "Limits of data not gathered for this question", ("study:caveats",), HEAD),
    Item("22.1", "How to reach protocol, data and code", ("provenance:plan",), _MADE),
)  # fmt: skip
TIDIER = (
    Item("1", "Name of the service", ("study:intervention.name",)),
    Item("2", "Why: the thinking behind it", ("study:intervention.why",)),
    Item("3", "What: materials", ("study:intervention.materials",)),
    Item("4", "What: procedures", ("study:intervention.procedures",)),
    Item("5", "Who provided it", ("study:intervention.who_provided",)),
    Item("6", "How it was given", ("study:intervention.how",)),
    Item("7", "Where", ("study:intervention.where",)),
    Item("8", "When and how much", ("study:intervention.when_and_how_much",)),
    Item("9", "Tailoring to the person", ("study:intervention.tailoring",)),
    Item("10", "Changes on the way", ("study:intervention.modifications",)),
    Item("11", "How well: planned", ("study:intervention.how_well_planned",)),
    Item("12", "How well: as it was", ("study:intervention.how_well_actual",)),
)


def annex(findings: Findings) -> Html:
    """The three checklists, each item with where it is answered, or that it is not."""
    intro = (
        "Items are in short words of this report. A pointer says that the study holds what the "
        "item asks about, not that an editor would be content with it."
    )
    lists = (("STROBE", STROBE), ("RECORD", RECORD), ("TIDieR", TIDIER))
    tables = (_checklist(findings, name, items) for name, items in lists)
    head = [tag("h2", "Annex: reporting standards"), tag("p", intro)]
    return join([*head, *tables])


def _checklist(findings: Findings, name: str, items: tuple[Item, ...]) -> Html:
    # named whole: a number of an item is no amount, and a spreadsheet would make it one
    rows: list[Row] = [[f"{name} {one.number}", one.asks, answer(findings, one)] for one in items]
    columns = [Column("Item"), Column("What it asks"), Column("Where, or what is said")]
    return table(f"{name}: {CITED[name]}", columns, rows, class_="counts")


def answer(findings: Findings, item: Item) -> Content:
    """A link to the section that holds the answer, the plan's words, or that there is none.

    Parameters
    ----------
    findings : Findings
    item : Item

    Returns
    -------
    str or Html
    """
    met = [need for need in item.needs if _holds(findings, need)]
    told = [need for need in met if need.startswith("study:intervention.")]
    if told:
        return str(_word(findings, told[0].removeprefix("study:")))
    if met:
        return tag("a", item.section, href=f"#{anchor(item.section)}")
    stated = item.needs and all(need.startswith(("study:", "setting:")) for need in item.needs)
    return NOT_STATED if stated else NOT_DONE


def anchor(section: str) -> str:
    """The address of a section within a page.

    Examples
    --------
    >>> anchor("Data, linkage and flow")
    'data-linkage-and-flow'
    """
    if section == HEAD:
        return "content"
    return re.sub(r"[^a-z0-9]+", "-", section.lower()).strip("-")


def _holds(findings: Findings, need: str) -> bool:
    """Whether the findings have what a need names."""
    kind, _, name = need.partition(":")
    if kind == "counts":
        return name in findings.counts and not findings.counts[name].frame.empty
    if kind == "effects":
        return bool((findings.effects.frame["status"] == "ok").any())
    if kind == "verdicts":
        return bool(findings.verdicts)
    if kind == "wording":
        return bool(findings.wording.cannot_say)
    if kind == "provenance":
        return bool(findings.provenance.get(name))
    if kind == "setting":
        settings: Mapping[str, object] = findings.study.get("settings") or {}
        return any(f".{key}".endswith(f".{name}") and value for key, value in settings.items())
    return bool(_word(findings, name))


def _word(findings: Findings, key: str) -> object:
    """A word of the study; a dot leads into one of its parts."""
    first, _, rest = key.partition(".")
    value = findings.study.get(first)
    return (value or {}).get(rest) if rest else value
