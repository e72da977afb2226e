"""What follows when a practitioner leaves for reasons that nobody in the pair chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats import models
from deepvalue_stats.data import Dataset
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import BAND, assign_bands
from deepvalue_stats.models.breaks.effects import DESCRIPTIVE
from deepvalue_stats.models.breaks.result import BreakEffects, BreakEstimate
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.parts import Breaks
from deepvalue_stats.study.words import in_words, outcome_words
from deepvalue_stats.tables import CountTable, Rule, Series

WHO: dict[str, str] = {
    "clients": "clients with an outcome at some wave",
    "outside": "whose practitioner left for a reason outside the pair",
    "compared": "of them, compared with others",
    "no_base": "of them, without an outcome at the wave before",
    "second_change": "of them, who changed again later: left out from then on",
    "inside": "whose practitioner changed for another reason: left out from then on",
    "changed_before": "who had changed before their first wave: left out",
    "seen_once": "with one wave only: left out",
    "never": "whose practitioner never changed",
}
RULES: dict[str, Rule] = {
    "check": "label",
    "what": "label",
    "value": "statistic",
    "low": "statistic",
    "high": "statistic",
    "p_value": "statistic",
    "clients": "count",
    "reading": "label",
}
PER_HUNDRED = "per 100 clients who lost theirs"


@dataclass(frozen=True)
class Broken:
    """What followed when practitioners left.

    Attributes
    ----------
    effects : BreakEffects or None
        None where it could not be estimated.
    checks : tuple of tuple
        Rows of the table of checks.
    failed : str
        The refusal; it stays in the room.
    """

    effects: BreakEffects | None
    checks: tuple[tuple[object, ...], ...]
    failed: str = ""


def estimate_breaks(plan: Plan, linked: Dataset) -> Broken:
    """Estimate what followed when practitioners left, and what speaks for believing it.

    Parameters
    ----------
    plan : Plan
        With `breaks`, and a clock of waves.
    linked : Dataset
        The analysis table: all waves with an outcome, rated or not.
    """
    asked = _asked(plan, linked)
    try:
        found = models.break_effects(asked.open_, strata=asked.strata, **asked.named)
    except ModelError as error:
        row = _row("after the change", "could not be estimated", pd.NA, ())
        return Broken(None, (row,), str(error))
    rows = [_average(found), _leads(found), *_bounded(found), *_by_band(asked)]
    rows += [*_on_the_relationship(asked), *_regressions(asked), *_placebo(asked)]
    return Broken(found, tuple(rows))


def breaks_tables(broken: Broken) -> tuple[CountTable, ...]:
    """Who lost a practitioner, and the checks."""
    frame = pd.DataFrame(list(broken.checks), columns=list(RULES))
    numbers = dict.fromkeys(("value", "low", "high", "p_value"), "float64")
    checks = CountTable(
        name="break_checks",
        caption="What followed when a practitioner left, and how far to believe it",
        frame=frame.astype({**numbers, "clients": "Int64"}),
        rules=RULES,
        notes=(
            "Clients whose practitioner left for a reason outside the pair, with their own last "
            "wave before, against clients of the same service whose practitioner had not left by "
            "that wave (Callaway and Sant'Anna 2021). Errors allow for all clients of one "
            "practitioner losing theirs at once.",
            "A leaving takes more away than a relationship: a gap, a new start, a larger caseload "
            "elsewhere. All of it counts here.",
        ),
    )
    if broken.effects is None:
        return (checks,)
    flow = broken.effects.flow
    who = CountTable(
        name="breaks",
        caption="Whose practitioner changed",
        frame=pd.DataFrame(
            [(words, getattr(flow, name)) for name, words in WHO.items()],
            columns=["who", "clients"],
        ).astype({"clients": "int64"}),
        rules={"who": "label", "clients": "count"},
        total="clients",
    )
    return who, checks


def event_series(plan: Plan, broken: Broken) -> tuple[Series, ...]:
    """Differences by waves since the change: the data of the figure."""
    found = broken.effects
    if found is None or found.enough == "descriptive":
        return ()
    rows = [row for row in found.curve if np.isfinite(row.std_error)]
    frame = pd.DataFrame(
        {
            "group": "all",
            "x": [float(row.event_time or 0) for row in rows],
            "y": [row.estimate for row in rows],
            "low": [row.conf_low for row in rows],
            "high": [row.conf_high for row in rows],
            "n_clients": [row.n_clients for row in rows],
        }
    )
    events = [int(row.n_events or 0) for row in rows]
    others = [row.n_clients - had for row, had in zip(rows, events, strict=True)]
    evidence = pd.DataFrame({"events": events, "non_events": others})
    return (
        Series(
            name="event_study",
            caption="Before and after a practitioner left",
            frame=frame,
            x_label="Waves since the change",
            y_label=f"Difference in {outcome_words(plan)}, per 100 clients",
            evidence=evidence,
        ),
    )


@dataclass(frozen=True)
class _Asked:
    """The rows of open and of all cases, and the names of what stands in them."""

    plan: Plan
    breaks: Breaks
    open_: pd.DataFrame
    every: pd.DataFrame
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


def _asked(plan: Plan, linked: Dataset) -> _Asked:
    breaks = plan.breaks
    if breaks is None:  # pragma: no cover
        raise ValueError("the plan names no breaks")
    frame = linked.frame[linked.frame["practitioner"].notna()].reset_index(drop=True)
    frame = frame.assign(**{BAND: assign_bands(frame[plan.equity.modifier], plan.equity.bands)})
    strata: tuple[str, ...] = ()
    if plan.ids.service is not None and frame["service"].notna().all():
        strata = ("service",)
    closed = _closed(frame, breaks)
    return _Asked(plan, breaks, frame[~closed].reset_index(drop=True), frame, strata)


def _closed(frame: pd.DataFrame, breaks: Breaks) -> pd.Series:
    if breaks.closed is None:
        return pd.Series(data=False, index=frame.index)
    return pd.to_numeric(frame[breaks.closed]) > 0


def _row(
    check: str, what: str, clients: object, numbers: tuple[float, ...], reading: str = ""
) -> tuple[object, ...]:
    held = [*numbers, *[np.nan] * (4 - len(numbers))]
    return (check, what, *held, clients, reading)


def _numbers(row: BreakEstimate, scale: float = 100) -> tuple[float, ...]:
    ends = (row.estimate, row.conf_low, row.conf_high)
    return (*(scale * value for value in ends), row.p_value)


def _average(found: BreakEffects) -> tuple[object, ...]:
    row = found.overall
    if found.enough == "descriptive":
        reading = (
            f"Fewer than {DESCRIPTIVE} practitioners left: no interval can be trusted, and none is "
            "given."
        )
        return _row("after the change", PER_HUNDRED, row.n_clients, (100 * row.estimate,), reading)
    return _row("after the change", PER_HUNDRED, row.n_clients, _numbers(row))


def _leads(found: BreakEffects) -> tuple[object, ...]:
    p_value = found.pretrend.p_value
    return _row(
        "before the change",
        "did both move alike?",
        found.overall.n_clients,
        (np.nan, np.nan, np.nan, p_value),
        found.pretrend_reading,
    )


def _bounded(found: BreakEffects) -> list[tuple[object, ...]]:
    try:
        bounds = models.trend_bounds(found, multiples=(1.0,))
    except ModelError:
        return []
    row = bounds.rows[0]
    reading = (
        "If both went on moving apart as much as they ever did before (Rambachan and Roth 2023)."
    )
    numbers = (np.nan, 100 * row.conf_low, 100 * row.conf_high)
    return [_row("after the change", "bounds", found.overall.n_clients, numbers, reading)]


def _by_band(asked: _Asked) -> list[tuple[object, ...]]:
    rows = asked.open_[asked.open_[BAND].notna()]
    try:
        found = models.break_effects(rows, strata=asked.strata, by=BAND, **asked.named)
    except ModelError:
        return []
    if found.enough == "descriptive":
        return []
    modifier = in_words(asked.plan.equity.modifier)
    return [
        _row(
            "after the change",
            f"{PER_HUNDRED}, {modifier} {band.band}",
            band.overall.n_clients,
            _numbers(band.overall),
        )
        for band in found.bands
    ]


def _on_the_relationship(asked: _Asked) -> list[tuple[object, ...]]:
    """Whether a leaving took a relationship away at all."""
    exposure = asked.plan.models[asked.plan.primary].exposure
    named = {**asked.named, "outcome": exposure}
    try:
        found = models.break_effects(asked.open_, strata=asked.strata, **named)
    except ModelError:
        return []
    if found.enough == "descriptive":
        return []
    what = f"points of {in_words(exposure)}"
    return [
        _row("the relationship itself", what, found.overall.n_clients, _numbers(found.overall, 1))
    ]


def _regressions(asked: _Asked) -> list[tuple[object, ...]]:
    """A second opinion, and the regression that is not to be read, with its weights."""
    rows = []
    try:
        second = models.sun_abraham(asked.open_, strata=asked.strata, **asked.named)
        said = "Clients who never changed alone are compared with."
        row = second.overall
        rows.append(_row("Sun and Abraham", PER_HUNDRED, row.n_clients, _numbers(row), said))
    except ModelError:
        pass
    try:
        weights = models.bacon_weights(asked.open_, **asked.named)
    except ModelError:
        return rows
    reading = (
        f"Not to be read: {100 * weights.forbidden:.0f}% of its weight, among clients seen at "
        "every wave, compares with clients who had lost theirs before."
    )
    value = (100 * weights.estimate,)
    rows.append(_row("two-way regression", PER_HUNDRED, weights.n_clients, value, reading))
    return rows


def _placebo(asked: _Asked) -> list[tuple[object, ...]]:
    """A leaving after the case was closed should take nothing away."""
    check = "closed cases (placebo)"
    if asked.breaks.closed is None:
        reading = "Not done: the plan does not say which cases were closed."
        return [_row(check, "not done", pd.NA, (), reading)]
    rows = asked.every.assign(**{LEFT: _left(asked)})
    try:
        found = models.break_placebo(
            rows,
            **asked.ids,
            outcome=asked.plan.models[asked.plan.primary].outcome,
            closed=asked.breaks.closed,
            left=LEFT,
            strata=asked.strata,
        )
    except ModelError:
        return [_row(check, "could not be estimated", pd.NA, ())]
    row = found.effects.overall
    nothing = not found.test.p_value < 0.05
    reading = (
        "Nothing followed, as should be. With few such cases that says little."
        if nothing
        else "Something followed where nothing could: other things went with the leaving."
    )
    numbers = (*_numbers(row)[:3], found.test.p_value)
    return [_row(check, PER_HUNDRED, row.n_clients, numbers, reading)]


LEFT = "__left"


def _left(asked: _Asked) -> pd.Series:
    """The wave at which who closed the case was first known to have left, by client."""
    frame = asked.every
    told = _closed(frame, asked.breaks) & frame[asked.breaks.reason].isin(asked.breaks.outside)
    first = frame.loc[told].groupby("client")["wave_number"].min()
    return frame["client"].map(first)
