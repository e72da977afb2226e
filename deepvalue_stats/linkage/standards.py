"""What reporting standards ask of linked data: told here, or to be asked of the owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.optional import Link
from deepvalue_stats.tables import CountTable

FILLED = "filled"
ASK = "ask the data owner"
NONE = "not applicable"
SAME_RECORD = "rating and outcome stand in one record: nothing is linked to an outside file"
UNLINKED = {
    "no_event": "a client without a record counts as one without the outcome",
    "unknown": "a client without a record counts as not known, and is left out",
    "exclude": "a client without a record is left out of the study",
}


@dataclass(frozen=True)
class Item:
    """One line of the table: what a standard asks, and where the answer is."""

    standard: str
    item: str
    asks: str
    state: str
    answer: str


def standards_table(plan: Plan) -> CountTable:
    """The items of RECORD, and the steps of GUILD, that are about routine and linked data.

    No count stands in it: an answer is a setting of the plan, a text of the owner's, or the name
    of a table that disclosure control has seen.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    CountTable
        Named `standards`.

    References
    ----------
    Benchimol and others (2015), RECORD, PLoS Medicine 12, e1001885; Gilbert and others (2018),
    GUILD, Journal of Public Health 40, 191-198.
    """
    items = [*_record(plan), *_guild(plan)]
    frame = pd.DataFrame([vars(one) for one in items])
    return CountTable(
        name="standards",
        caption="What RECORD and GUILD ask of linked data, and where it is answered",
        frame=frame,
        rules=dict.fromkeys(frame.columns, "label"),
        notes=(
            "The words are this package's; the standards have longer ones. What the owner said "
            "stands in the plan under provenance, and is printed as it stands: no rule of "
            "disclosure reads it.",
        ),
    )


def open_questions(plan: Plan) -> list[str]:
    """What must still be asked of the data owner, one line a question."""
    table = standards_table(plan).frame
    asked = table[table["state"] == ASK]
    return [f"{row.standard} {row.item}: {row.asks}" for row in asked.itertuples()]


def _record(plan: Plan) -> Iterator[Item]:
    def item(number: str, asks: str, state: str, answer: str) -> Item:
        return Item("RECORD", number, asks, state, answer)

    linked = plan.clock.kind == "dates"
    kinds = ", ".join(f"{name} ({one.format})" for name, one in plan.sources.items())
    yield item("1.1", "the kind of data, named early", FILLED, f"{plan.study.status}: {kinds}")
    yield _owner(plan, "RECORD", "1.2", "place and time of the data", "population")
    yield item(
        "1.3",
        "that records were linked, said early",
        FILLED if linked else NONE,
        f"linked to clients: {', '.join(plan.links)}" if linked else SAME_RECORD,
    )
    yield item("6.1", "how the people were chosen", FILLED, "the flow; the plan's clock")
    yield _owner(plan, "RECORD", "6.2", "whether that choice was ever validated", "validated")
    yield item(
        "6.3",
        "a diagram of who was linked",
        FILLED if linked else NONE,
        "the flow and its figure; rows of every source" if linked else SAME_RECORD,
    )
    yield item(
        "7.1",
        "the definitions of exposure, outcome and covariates",
        FILLED,
        f"the plan, digest {plan.digest[:12]}: measures, outcomes, covariates",
    )
    yield _owner(plan, "RECORD", "12.1", "how far the analysts could reach the data", "access")
    yield item("12.2", "how the data were cleaned", FILLED, "problems; rows of every source")
    yield item(
        "12.3",
        "how people were linked, and how well",
        FILLED if linked else NONE,
        "; ".join(_rules(plan)) + "; clients with a record" if linked else SAME_RECORD,
    )
    yield item("13.1", "who was left out and why", FILLED, "the flow, band by band")
    yield item(
        "19.1",
        "what it means that the data were made for another end",
        FILLED,
        "the caveats and gates of this report",
    )
    yield item(
        "22.1",
        "where protocol and code are",
        FILLED,
        f"the plan, digest {plan.digest[:12]}; the SQL text of the join, kept with the data",
    )


def _guild(plan: Plan) -> Iterator[Item]:
    linked = plan.clock.kind == "dates"
    for asks, key in (
        ("who is in the data", "population"),
        ("how the data came about and were checked", "generated"),
    ):
        yield _owner(plan, "GUILD", "step 1, provision", asks, key)
    for asks, key in (
        ("the identifiers and how they were cleaned", "identifiers"),
        ("who linked, and by what method", "linked_by"),
        ("error rates of the link, by group", "error_rates"),
    ):
        if linked:
            here = {name: _told(link, key) for name, link in plan.links.items()}
            yield _owner(plan, "GUILD", "step 2, linkage", asks, key, here or None)
        else:
            yield Item("GUILD", "step 2, linkage", asks, NONE, SAME_RECORD)
    for asks, answer in (
        ("who of the linked was analysed", "the flow"),
        ("what linkage errors do to the answer", _handled(plan)),
    ):
        state, told = (FILLED, answer) if linked else (NONE, SAME_RECORD)
        yield Item("GUILD", "step 3, analysis", asks, state, told)


def _owner(
    plan: Plan,
    standard: str,
    item: str,
    asks: str,
    key: str,
    here: Mapping[str, str] | None = None,
) -> Item:
    """An item that the owner of each source fills, or only of those in `here`, each its answer.

    One source that is silent leaves the item open, whatever is known of the others.
    """
    asked = dict.fromkeys(plan.sources, "") if here is None else here
    answers = {**asked, **_said(plan, key)}
    told = [f"{name}: {text}" for name, text in answers.items() if text]
    silent = [name for name in asked if not answers[name]]
    if silent:
        told.append(f"still to be written under provenance.{key} of {', '.join(silent)}")
    return Item(standard, item, asks, ASK if silent else FILLED, "; ".join(told))


def _said(plan: Plan, key: str) -> dict[str, str]:
    texts = {
        name: getattr(source.provenance, key)
        for name, source in plan.sources.items()
        if source.provenance is not None
    }
    return {name: text for name, text in texts.items() if text}


def _rules(plan: Plan) -> list[str]:
    return [f"{name} {_rule(link)}, {UNLINKED[link.unlinked]}" for name, link in plan.links.items()]


def _rule(link: Link) -> str:
    if link.table is not None:
        return f"by candidate pairs of weight {link.table.minimum:g} or more"
    if link.passes is not None:
        passes = " then ".join(" and ".join(columns) for columns in link.passes.agree)
        return f"by agreement in {passes}"
    return "by key"


def _told(link: Link, key: str) -> str:
    """What the plan itself says of a link: how the package made it, or what an audit found."""
    if key == "identifiers" and link.passes is not None:
        return (
            f"{', '.join(link.passes.columns)}; letters and digits alone are compared, in one case"
        )
    if key == "linked_by" and link.passes is not None:
        return "this package, by passes of exact agreement"
    if key == "error_rates" and link.recall:
        return "missed links: an audit by confidence band, in the plan"
    return ""


def _handled(plan: Plan) -> str:
    """What the study does about links that may be wrong or missing."""
    ways = ["clients with a record, by what they are like"]
    if any(link.table is not None for link in plan.links.values()):
        ways.append("the effect with other least weights")
    if any(link.recall for link in plan.links.values()):
        ways.append("the effect with missed outcomes counted")
    return "; ".join(ways)
