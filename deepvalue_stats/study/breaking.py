"""What follows when a practitioner leaves for reasons that nobody in the pair chose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats import models
from deepvalue_stats.data import Dataset
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import BAND, assign_bands
from deepvalue_stats.models.breaks.effects import DESCRIPTIVE
from deepvalue_stats.models.breaks.history import BreakFlow
from deepvalue_stats.models.breaks.result import BreakEffects, BreakEstimate
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.optional import Breaks
from deepvalue_stats.study.checked import Checked, checked_table, refused
from deepvalue_stats.study.words import in_words, outcome_words
from deepvalue_stats.tables import CountTable, Rule, Series

AVERAGE, LEADS, BOUNDS, BANDS, RELATIONSHIP, SECOND, TWO_WAY, CLOSED = (
    "after the change", "before the change", "if trends differ", "by confidence",
    "the relationship itself", "Sun and Abraham", "two-way regression", "closed cases (placebo)",
)  # fmt: skip
PER_HUNDRED = "per 100 clients who lost theirs"
FEW = f"Fewer than {DESCRIPTIVE} practitioners left: no interval can be trusted, and none is given."
ALPHA = 0.05
LEFT = "__left"


@dataclass(frozen=True)
class Broken:
    """What followed when practitioners left.

    Attributes
    ----------
    effects : BreakEffects or None
        None where it could not be estimated.
    lines : tuple of Checked
    who : tuple of (words, clients, interviews)
        Either count may be None.
    waves : int
    failed : mapping of str to str
        Refusals by check; they stay in the room.
    """

    effects: BreakEffects | None
    lines: tuple[Checked, ...]
    who: tuple[tuple[str, int | None, int | None], ...]
    waves: int
    failed: Mapping[str, str]

    @property
    def average(self) -> Checked:
        """The average effect after the change."""
        return self.lines[0]


def estimate_breaks(plan: Plan, breaks: Breaks, linked: Dataset) -> Broken:
    """Estimate what followed when practitioners left, and what speaks for believing it.

    Parameters
    ----------
    plan : Plan
        With a clock of waves.
    breaks : Breaks
        Which leavings nobody chose.
    linked : Dataset
        The analysis table: all waves with an outcome, rated or not.
    """
    asked = _asked(plan, breaks, linked)
    effects, lines, failed = None, [refused(AVERAGE)], {}
    try:
        effects = models.break_effects(asked.open_, strata=asked.strata, **asked.named)
    except ModelError as error:
        failed[AVERAGE] = str(error)
    if effects is not None:
        lines = []
        for check, ask in _CHECKS.items():
            try:
                lines += ask(asked, effects)
            except ModelError as error:
                lines.append(refused(check))
                failed[check] = str(error)
    who = (*asked.left_out, *(_flow(effects.flow) if effects else ()))
    waves = int(linked.frame["wave_number"].nunique())
    named = {f"breaks: {check}": why for check, why in failed.items()}
    return Broken(effects, tuple(lines), who, waves, named)


def breaks_tables(broken: Broken) -> tuple[CountTable, ...]:
    """What followed with its checks, and whose practitioner changed."""
    checks = checked_table(
        "break_checks",
        "What followed when a practitioner left, and how far to believe it",
        broken.lines,
        (
            "Clients whose practitioner left for a reason outside the pair, with their own last "
            "wave before, against clients of the same service whose practitioner had not left by "
            "that wave (Callaway and Sant'Anna 2021). Errors allow for all clients of one "
            "practitioner losing theirs at once. Clients of no known band are in no line of a "
            "band.",
            "A leaving takes more away than a relationship: a gap, a new start, a larger caseload "
            "elsewhere. All of it counts here.",
            f"The figure leaves out waves that rest on fewer than {DESCRIPTIVE} practitioners who "
            "left.",
        ),
    )
    rules: dict[str, Rule] = {"who": "label", "clients": "count", "interviews": "count"}
    frame = pd.DataFrame(list(broken.who), columns=list(rules))
    frame = frame.astype({"clients": "Int64", "interviews": "Int64"})
    # nobody has more interviews than there are waves
    at_least = -(-frame["interviews"].fillna(0).astype("int64") // broken.waves)
    who = CountTable(
        name="breaks",
        caption="Whose practitioner changed",
        frame=frame,
        rules=rules,
        evidence=pd.DataFrame({"interviews": at_least}),
    )
    return checks, who


def event_series(plan: Plan, broken: Broken) -> tuple[Series, ...]:
    """Differences by waves since the change: the data of the figure."""
    found = broken.effects
    rows = [row for row in found.curve if trusted(row)] if found else []
    if not rows:
        return ()
    frame = pd.DataFrame(
        {
            "group": "all",
            "x": [float(row.event_time or 0) for row in rows],
            "y": [row.estimate for row in rows],
            "low": [row.conf_low for row in rows],
            "high": [row.conf_high for row in rows],
            "n_clients": [min(row.n_clients, row.n_controls) for row in rows],
        }
    )
    events = [int(row.n_events or 0) for row in rows]
    others = [row.n_clients - had for row, had in zip(rows, events, strict=True)]
    return (
        Series(
            name="event_study",
            caption="Before and after a practitioner left",
            frame=frame,
            x_label="Waves since the change",
            y_label=f"Difference in {outcome_words(plan)}, per 100 clients",
            evidence=pd.DataFrame({"events": events, "non_events": others}),
        ),
    )


def trusted(row: BreakEstimate) -> bool:
    """Whether enough practitioners left for an interval to mean something."""
    return row.n_practitioners >= DESCRIPTIVE and bool(np.isfinite(row.std_error))


@dataclass(frozen=True)
class _Asked:
    """The rows of open and of closed cases, the names of what stands in them, and who is in none.

    `left_out` is of rows: words, clients, interviews.
    """

    plan: Plan
    breaks: Breaks
    open_: pd.DataFrame
    closed: pd.DataFrame
    left_out: tuple[tuple[str, int, int], ...]
    strata: tuple[str, ...]

    @property
    def ids(self) -> dict[str, Any]:
        return {"client": "client", "time": "wave_number", "practitioner": "practitioner"}

    @property
    def named(self) -> dict[str, Any]:
        return {
            **self.ids,
            "outcome": self.plan.models[self.plan.primary].outcome,
            "reason": self.breaks.reason,
            "outside": self.breaks.outside,
        }


def _asked(plan: Plan, breaks: Breaks, linked: Dataset) -> _Asked:
    frame = linked.frame.reset_index(drop=True)
    frame = frame.assign(**{BAND: assign_bands(frame[plan.equity.modifier], plan.equity.bands)})
    nobody = frame["practitioner"].isna()
    state = pd.Series(0.0, index=frame.index)
    if breaks.closed is not None:
        state = pd.to_numeric(frame[breaks.closed])
    whose = {
        "without a known practitioner: these interviews are left out": nobody,
        "not known whether the case was closed: left out": ~nobody & state.isna(),
        "once the case was closed: looked at by themselves": ~nobody & (state > 0),
        "without a known outcome": ~nobody
        & (state == 0)
        & frame[plan.models[plan.primary].outcome].isna(),
    }
    counted = tuple(
        (words, int(frame.loc[rows, "client"].nunique()), int(rows.sum()))
        for words, rows in whose.items()
        if rows.any()
    )
    serviced = plan.ids.service is not None and frame.loc[~nobody, "service"].notna().all()
    open_, closed = (
        frame[~nobody & keep].reset_index(drop=True) for keep in (state == 0, state > 0)
    )
    return _Asked(plan, breaks, open_, closed, counted, ("service",) if serviced else ())


def _flow(flow: BreakFlow) -> Iterable[tuple[str, int | None, int | None]]:
    """Who is in the comparison, and who is not."""
    yield "all, while their case was open", flow.clients, flow.rows
    yield "with one such interview only: left out", flow.seen_once, None
    yield "whose first interview tells of a change already: left out", flow.changed_before, None
    yield "whose practitioner never changed", flow.never, None
    yield "whose practitioner left for a reason outside the pair", flow.outside, None
    yield "- compared with others", flow.compared, None
    yield "- without an outcome at the wave before: in no comparison", flow.no_base, None
    yield "- who changed again: left out from then on", flow.second_change, flow.rows_after_second
    yield "- after the change, with nobody to compare with", None, flow.no_controls
    yield (
        "whose practitioner changed for another reason: left out from then on",
        flow.inside,
        flow.rows_after_inside,
    )
    yield "told of a leaving, but with the practitioner of before", None, flow.told_only


def _line(
    check: str,
    what: str,
    row: BreakEstimate,
    fewest: int,
    *,
    scale: float = 100,
    reading: str = "",
    p_value: float | None = None,
) -> Checked:
    """A line with its interval, or without one where too few practitioners left."""
    value = scale * row.estimate
    if not trusted(row):
        return Checked(check, what, value, clients=row.n_clients, fewest=fewest, reading=FEW)
    return Checked(
        check,
        what,
        value,
        scale * row.conf_low,
        scale * row.conf_high,
        row.p_value if p_value is None else p_value,
        row.n_clients,
        fewest,
        reading,
    )


def _fewest(curve: Iterable[BreakEstimate]) -> int:
    """Persons on the smallest side of an average, at the least: those of its fullest wave."""
    sides = [
        min(row.n_controls, row.n_clients, *_outcomes(row))
        for row in curve
        if row.event_time is not None and row.event_time >= 0
    ]
    return max(sides, default=0)


def _outcomes(row: BreakEstimate) -> tuple[int, ...]:
    return () if row.n_events is None else (row.n_events, row.n_clients - row.n_events)


def _average(_asked: _Asked, found: BreakEffects) -> list[Checked]:
    return [_line(AVERAGE, PER_HUNDRED, found.overall, _fewest(found.curve))]


def _leads(_asked: _Asked, found: BreakEffects) -> list[Checked]:
    return [
        Checked(
            LEADS,
            "did both move alike?",
            p_value=found.pretrend.p_value,
            clients=found.overall.n_clients,
            fewest=_fewest(found.curve),
            reading=found.pretrend_reading,
        )
    ]


def _bounded(_asked: _Asked, found: BreakEffects) -> list[Checked]:
    row = models.trend_bounds(found, multiples=(1.0,)).rows[0]
    reading = "As much after the change as they ever did before (Rambachan and Roth 2023)."
    return [
        Checked(
            BOUNDS,
            PER_HUNDRED,
            low=100 * row.conf_low,
            high=100 * row.conf_high,
            clients=found.overall.n_clients,
            fewest=_fewest(found.curve),
            reading=reading,
        )
    ]


def _by_band(asked: _Asked, _found: BreakEffects) -> list[Checked]:
    rows = asked.open_[asked.open_[BAND].notna()]
    found = models.break_effects(rows, strata=asked.strata, by=BAND, **asked.named)
    return [
        _line(BANDS, f"{PER_HUNDRED}, {one.band}", one.overall, _fewest(one.curve))
        for one in found.bands
    ]


def _on_the_relationship(asked: _Asked, _found: BreakEffects) -> list[Checked]:
    """Whether a leaving took a relationship away at all."""
    exposure = asked.plan.models[asked.plan.primary].exposure
    named = {**asked.named, "outcome": exposure}
    found = models.break_effects(asked.open_, strata=asked.strata, **named)
    what = f"points of {in_words(exposure)}"
    return [_line(RELATIONSHIP, what, found.overall, _fewest(found.curve), scale=1)]


def _second(asked: _Asked, _found: BreakEffects) -> list[Checked]:
    second = models.sun_abraham(asked.open_, strata=asked.strata, **asked.named)
    reading = "Compared with clients who never changed alone."
    fewest = _fewest(second.curve)
    return [_line(SECOND, PER_HUNDRED, second.overall, fewest, reading=reading)]


def _two_way(asked: _Asked, found: BreakEffects) -> list[Checked]:
    """The regression that is not to be read, and why."""
    weights = models.bacon_weights(asked.open_, **asked.named)
    fewest = _fewest(found.curve)
    value = 100 * weights.estimate
    reading = "Not to be read: it also compares with clients who had lost theirs before."
    lines = [
        Checked(
            TWO_WAY, PER_HUNDRED, value, clients=weights.n_clients, fewest=fewest, reading=reading
        )
    ]
    if weights.pairs:
        share = "% of its weight on such clients, among those seen at every wave"
        lines.append(
            Checked(
                TWO_WAY, share, 100 * weights.forbidden, clients=weights.n_balanced, fewest=fewest
            )
        )
    return lines


def _placebo(asked: _Asked, _found: BreakEffects) -> list[Checked]:
    """A leaving after the case was closed should take nothing away."""
    if asked.breaks.closed is None:
        reading = "Not done: the plan does not say which cases were closed."
        return [Checked(CLOSED, "not done", reading=reading)]
    found = models.break_placebo(
        asked.closed.assign(**{LEFT: _left(asked)}),
        **asked.ids,
        outcome=asked.plan.models[asked.plan.primary].outcome,
        closed=asked.breaks.closed,
        left=LEFT,
        strata=asked.strata,
    )
    p_value = found.test.p_value
    return [
        _line(
            CLOSED,
            PER_HUNDRED,
            found.effects.overall,
            _fewest(found.effects.curve),
            reading=placebo_reading(p_value),
            p_value=p_value,
        )
    ]


def placebo_reading(p_value: float) -> str:
    """How to read a placebo of closed cases, in words.

    Parameters
    ----------
    p_value : float
        Of nothing after the leaving; not a number where that could not be tested.
    """
    if not np.isfinite(p_value):
        return "Nothing can be said."
    if p_value >= ALPHA:
        return "Nothing followed, as should be. With few such cases that says little."
    return "Something followed where nothing could: other things went with the leaving."


def _left(asked: _Asked) -> pd.Series:
    """The wave at which who closed the case was first known to have left, by client."""
    frame = asked.closed
    told = frame[frame[asked.breaks.reason].isin(asked.breaks.outside)]
    return frame["client"].map(told.groupby("client")["wave_number"].min())


_CHECKS: Mapping[str, Callable[[_Asked, BreakEffects], list[Checked]]] = {
    AVERAGE: _average,
    LEADS: _leads,
    BOUNDS: _bounded,
    BANDS: _by_band,
    RELATIONSHIP: _on_the_relationship,
    SECOND: _second,
    TWO_WAY: _two_way,
    CLOSED: _placebo,
}
