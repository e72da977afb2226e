"""Records that cannot all be true of one person: signs of a wrong link or a wrong date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from deepvalue_stats.data import Dataset, Problem, locate
from deepvalue_stats.plan import Plan

OPEN = np.iinfo(np.int32).max


def impossible_records(plan: Plan, data: Mapping[str, Dataset]) -> tuple[Problem, ...]:
    """Count records that contradict each other; they are noted, and stay.

    Whether the link or the date is wrong only the data owner can tell, and taking such rows out
    would take out clients with more records.

    Parameters
    ----------
    plan : Plan
        With a clock of dates.
    data : mapping of str to Dataset

    Returns
    -------
    tuple of Problem
    """
    return tuple(
        Problem(source, column, what, len(lines), int(lines.min()), "noted", fix)
        for source, column, what, lines, fix in _found(plan, data)
        if len(lines)
    )


Found = tuple[str, str, str, pd.Series, str]


def _found(plan: Plan, data: Mapping[str, Dataset]) -> Iterator[Found]:
    client = plan.ids.client.column
    events = {
        (locate(outcome.date, data), locate(outcome.end, data) if outcome.end else None)
        for outcome in plan.outcomes.values()
        if outcome.date
    }
    died = plan.clock.dated[2].death
    ends = _earliest(plan, data, plan.clock.dated[2].censor)
    deaths = _earliest(plan, data, (died,) if died else ())
    for (source, day), end in sorted(events, key=str):
        frame = data[source].frame
        fix = "ask the data owner: a wrong link, or a wrong date"
        for last, what in (
            (ends, "event after the end of the client's record"),
            (deaths, "event after the client's death"),
        ):
            after = frame[day] > frame[client].map(last)
            yield source, day, what, frame.loc[after.fillna(False).astype(bool), "line"], fix
        if end is not None:
            what = "event begins before an earlier one of the same client has ended"
            yield source, day, what, overlapping(frame, client, day, end[1]), fix
    yield from _two_at_once(plan, data)


def _earliest(plan: Plan, data: Mapping[str, Dataset], dates: tuple[str, ...]) -> pd.Series:
    """The first of some days, by client."""
    client = plan.ids.client.column
    ends = [
        data[source].frame.set_index(client)[day]
        for source, day in (locate(column, data) for column in dates)
    ]
    if not ends:
        return pd.Series(dtype="Int64")
    earliest: pd.Series = pd.concat(ends).groupby(level=0).min()
    return earliest


def overlapping(frame: pd.DataFrame, client: str, start: str, end: str) -> pd.Series:
    """The lines of events that begin while an earlier one of the same client still runs.

    Parameters
    ----------
    frame : pandas.DataFrame
        With a column `line`.
    client, start, end : str
        Columns; an event without an end still runs.

    Returns
    -------
    pandas.Series of int
    """
    known = frame[frame[start].notna()].sort_values([client, start, "line"], kind="stable")
    runs_to = known[end].fillna(OPEN).astype("int64")
    latest = runs_to.groupby(known[client]).cummax().groupby(known[client]).shift()
    running = (known[start].astype("float64") < latest).to_numpy()
    lines: pd.Series = known.loc[running, "line"]
    return lines


def overlapping_episodes(plan: Plan, data: Mapping[str, Dataset]) -> pd.Series:
    """The lines of episodes of a table that begin while an earlier one of the client still runs."""
    spec, _, _ = plan.clock.dated
    start, end = (locate(spec.qualified(name), data)[1] for name in (spec.start, spec.end))
    return overlapping(data[spec.source].frame, plan.ids.client.column, start, end)


def _two_at_once(plan: Plan, data: Mapping[str, Dataset]) -> Iterator[Found]:
    """Contacts of one client with two practitioners on one day: unusual, and not impossible."""
    episodes, _, _ = plan.clock.dated
    if plan.ids.practitioner is None or episodes.contact_date is None:
        return
    source, day = locate(episodes.contact_date, data)
    frame = data[source].frame
    grouped = frame.groupby([plan.ids.client.column, day])[plan.ids.practitioner.column]
    several = grouped.transform("nunique") > 1
    yield (
        source,
        day,
        "contacts of one client with two practitioners on one day",
        frame.loc[several, "line"],
        "check that two clients do not share one id",
    )
