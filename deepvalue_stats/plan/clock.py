"""What a plan must say of time: which ratings may explain, and from when outcomes count."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.draft import Draft, unknown
from deepvalue_stats.plan.parts import Clock, Ids


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
    exposure, follow_up = clock.exposure, clock.follow_up
    if exposure and follow_up:
        for key, anchor in (
            ("exposure.from", exposure.start),
            ("exposure.to", exposure.end),
            ("follow_up.from", follow_up.start),
        ):
            if anchor[0] != "index":
                yield unknown("anchor", anchor[0], f"clock.{key}", ["index"])
        if exposure.end[1] < exposure.start[1] or exposure.start[1] < 0:
            fix = "let it run from the index or later, forwards"
            yield Fault("the exposure window is empty or opens early", "clock.exposure", fix)
        if follow_up.start[1] <= exposure.end[1]:
            yield Fault(
                "follow-up opens while the exposure still runs: a client must stay without the "
                "outcome to be rated (immortal time), and a rating may follow the outcome",
                "clock.follow_up.from",
                f'start at ["index", {exposure.end[1] + 1}] or later',
            )
    ids: Ids | None = draft.one("ids")
    if ids and clock.kind == "dates" and ids.practitioner is None:
        fix = "add ids.practitioner = { column = ... }"
        yield Fault("episodes need to know the practitioner", "ids.practitioner", fix)
