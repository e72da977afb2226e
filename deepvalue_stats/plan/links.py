"""What a plan must say of how records are joined to clients, and of the links it has audited."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.draft import Draft, unknown
from deepvalue_stats.plan.optional import Link
from deepvalue_stats.plan.parts import Equity, Ids, OutcomePlan


def link_faults(draft: Draft) -> Iterator[Fault]:
    """Where events come from a source of their own, an absent record must be given a meaning."""
    outcome: OutcomePlan
    for name, outcome in draft.many("outcomes").items():
        source, dot, _ = (outcome.date or "").partition(".")
        if outcome.kind == "event" and not dot:
            fix = "write source.column"
            yield Fault("an event's date needs its source", f"outcomes.{name}.date", fix)
        elif outcome.kind == "event" and source not in draft.names("links"):
            yield Fault(
                f"nothing says how '{source}' is joined and what a client without a record means",
                f"links.{source}",
                "add rule, cardinality and unlinked (no_event, unknown or exclude)",
            )
    equity: Equity | None = draft.one("equity")
    ids: Ids | None = draft.one("ids")
    link: Link
    for name, link in draft.many("links").items():
        yield from _table(f"links.{name}.table", name, link, draft)
        yield from _passes(f"links.{name}.passes", name, link, draft)
        if ids:
            yield from _found_by_itself(f"links.{name}", link, ids.client.column)
        yield from _recall(f"links.{name}.recall", link, tuple(equity.bands) if equity else ())


def _table(where: str, name: str, link: Link, draft: Draft) -> Iterator[Fault]:
    """Candidates stand in a source of their own."""
    if link.table is not None:
        fix = "name the source that holds the pairs"
        yield from _another(link.table.source, f"{where}.source", name, fix, draft)


def _passes(where: str, name: str, link: Link, draft: Draft) -> Iterator[Fault]:
    """Clients and their identifiers stand in another source; what is a date is in some pass."""
    if link.passes is None:
        return
    fix = "name the source that holds the clients with their identifiers"
    yield from _another(link.passes.clients, f"{where}.clients", name, fix, draft)
    for i, column in enumerate(link.passes.dates):
        if column not in link.passes.columns:
            yield unknown("column of a pass", column, f"{where}.dates[{i}]", link.passes.columns)


def _another(source: str, where: str, name: str, fix: str, draft: Draft) -> Iterator[Fault]:
    """What says whose a record is is another source, with the client's id in its own file."""
    known = draft.names("sources")
    if source not in known:
        yield unknown("source", source, where, known)
    elif source == name:
        yield Fault("a source cannot say whom its own records belong to", where, fix)
    link: Link | None = draft.many("links").get(source)
    if source != name and link is not None and link.rule != "key":
        fix = f'name a source that has it, or set links.{source}.rule = "key"'
        yield Fault(f"the client's id of '{source}' is itself found by {link.rule}", where, fix)


def _found_by_itself(where: str, link: Link, client: str) -> Iterator[Fault]:
    """The client's id is what such a link finds: the records do not have it."""
    if link.table is not None:
        names = [(link.table.record, "table.record"), (link.table.weight, "table.weight")]
        fix = "name another column"
    elif link.passes is not None:
        names = [(column, "passes.agree") for column in link.passes.columns]
        fix = 'take it out, or link by rule = "key"'
    else:
        return
    for column, place in names:
        if column == client:
            yield Fault(f"'{client}' is the client's id, to be found", f"{where}.{place}", fix)


def _recall(where: str, link: Link, bands: tuple[str, ...]) -> Iterator[Fault]:
    """An audit of each band, of a link whose misses look like clients without the outcome."""
    if not link.recall:
        return
    if link.unlinked != "no_event":
        fix = 'set unlinked = "no_event", or take recall out'
        yield Fault("where a missing record is no outcome at all, none is missed", where, fix)
    if bands and set(link.recall) != set(bands):
        fix = f"give {', '.join(bands)}, each as [found, known]"
        yield Fault("the audit is not of every band and of nothing else", where, fix)
    for band, (found, known) in link.recall.items():
        if found > known:
            fix = "write [found, known]: of so many known, so many had a record"
            yield Fault("an audit finds more than there were", f"{where}.{band}", fix)
