"""What a plan must say of time: which ratings may explain, and from when outcomes count."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.draft import Draft, unknown
from deepvalue_stats.plan.parts import Ids, OutcomePlan
from deepvalue_stats.plan.timing import Clock, Exposure

ANCHORS = ("index", "episode_start")
# days that come about with the outcome, or by it
LATE = {
    "episode_end": "an episode may end because of the outcome",
    "outcome": "what is measured up to the outcome lasts as long as the outcome is away",
}


def clock_faults(draft: Draft) -> Iterator[Fault]:
    """Every fault of the order in time that a plan declares."""
    clock: Clock | None = draft.one("clock")
    if clock is None:
        return
    if clock.kind == "waves" and clock.design == "landmark":
        fix = 'set design = "same_wave", and every verb is capped by it'
        yield Fault("a landmark needs dates, and waves have none", "clock.design", fix)
    if clock.kind == "dates" and clock.design == "same_wave":
        yield Fault("dated records have no waves", "clock.design", 'set design = "landmark"')
    if clock.exposure and clock.follow_up:
        anchors = [*_anchors(clock)]
        yield from anchors
        if not anchors:
            yield from _order(clock)
        yield from _summaries(clock.exposure)
    ids: Ids | None = draft.one("ids")
    if ids and clock.kind == "dates" and ids.practitioner is None:
        fix = "add ids.practitioner = { column = ... }"
        yield Fault("episodes need to know the practitioner", "ids.practitioner", fix)
    outcome: OutcomePlan
    for name, outcome in draft.many("outcomes").items():
        if outcome.prior == "flag" and not outcome.washout_days:
            fix = "set washout_days to the days in which an earlier outcome counts"
            yield Fault("nothing says how long before the start", f"outcomes.{name}.prior", fix)


def _anchors(clock: Clock) -> Iterator[Fault]:
    """Days may be counted from what is known by then."""
    _, exposure, follow_up = clock.dated
    for key, anchor, known in (
        ("exposure.from", exposure.start, ANCHORS),
        ("exposure.to", exposure.end, ANCHORS),
        ("follow_up.from", follow_up.start, (*ANCHORS, "exposure_end")),
    ):
        where, name = f"clock.{key}", anchor[0]
        if name in LATE:
            fix = 'count from "index" or "episode_start", by days that are fixed beforehand'
            yield Fault(f"{LATE[name]} (immortal time)", where, fix)
        elif name not in known:
            yield unknown("anchor", name, where, known)


def _order(clock: Clock) -> Iterator[Fault]:
    """The window runs forwards from the episode's start, and follow-up opens after it."""
    _, exposure, _ = clock.dated
    first, last, landmark = (
        clock.place(exposure.start),
        clock.place(exposure.end),
        clock.landmark,
    )
    same = first[0] == last[0]
    early = first[0] == "episode_start" and first[1] < 0
    if early or (same and last[1] < first[1]):
        fix = "let it run from the index or later, forwards"
        yield Fault("the exposure window is empty or opens early", "clock.exposure", fix)
    # the index is on or after the episode's start, and by how much differs between clients
    elif not same and not (first == ("episode_start", 0) and last[1] >= 0):
        yield Fault(
            "whether the exposure window is empty differs between clients",
            "clock.exposure",
            'let it run from ["episode_start", 0] to the index or later, or count both ends from '
            "one day",
        )
    if landmark[0] != last[0]:
        yield Fault(
            "whether follow-up opens after the exposure window differs between clients",
            "clock.follow_up.from",
            'start at ["exposure_end", 1]',
        )
    elif landmark[1] <= last[1]:
        yield Fault(
            "follow-up opens while the exposure still runs: a client must stay without the "
            "outcome to be rated (immortal time), and a rating may follow the outcome",
            "clock.follow_up.from",
            f'start at ["{exposure.end[0]}", {exposure.end[1] + 1}] or later',
        )


def _summaries(exposure: Exposure) -> Iterator[Fault]:
    for key, summaries in (("summary", (exposure.summary,)), ("also", exposure.also)):
        if key == "summary" and "n" in summaries:
            yield Fault(
                "how many ratings there are follows from how long a client stays, which the "
                "outcome may end",
                "clock.exposure.summary",
                "use a summary of what the ratings say; the number stands in the table anyway",
            )
        if {"slope", "sd"} & set(summaries) and exposure.minimum_ratings < 2:
            fix = "set minimum_ratings to 2 or more"
            what = "a slope or spread takes two ratings at least"
            yield Fault(what, f"clock.exposure.{key}", fix)
