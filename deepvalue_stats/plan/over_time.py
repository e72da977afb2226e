"""What a plan must say to follow the same client over time: panels, breaks, hazards."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.definitions import DEFINITIONS
from deepvalue_stats.plan.draft import Draft, unknown
from deepvalue_stats.plan.optional import Breaks, Triangulation
from deepvalue_stats.plan.parts import (
    PANEL,
    CovariatePlan,
    Ids,
    ModelPlan,
    OutcomePlan,
)
from deepvalue_stats.plan.timing import Clock

# what gives a difference in chances, for all clients and by band, whose rows are clients or waves
CHANCES = ("gee", "logit", "multilevel")


def time_faults(draft: Draft) -> Iterator[Fault]:
    """Every fault of what follows clients over time."""
    clock: Clock | None = draft.one("clock")
    model: ModelPlan
    for name, model in draft.many("models").items():
        where = f"models.{name}"
        if model.role == "primary" and model.estimator not in CHANCES:
            yield Fault(
                f"verdicts rest on chances by confidence band, and '{model.estimator}' gives none",
                f"{where}.estimator",
                f'use {", ".join(CHANCES)}, or set role = "secondary"',
            )
        if model.estimator in PANEL:
            yield from _panel(clock, model, where)
        if model.estimator == "hazard":
            yield from _hazard(clock, model, where)
        else:
            yield from _unused(model, where)
    outcome: OutcomePlan
    for name, outcome in draft.many("outcomes").items():
        if outcome.definition is not None and outcome.definition not in DEFINITIONS:
            where = f"outcomes.{name}.definition"
            yield unknown("definition", outcome.definition, where, DEFINITIONS)
    yield from _short(draft, clock)
    yield from _breaks(draft, clock)
    triangulation: Triangulation | None = draft.one("triangulation")
    if triangulation and clock and clock.kind == "dates":
        fix = "leave it out, or use a clock of waves"
        yield Fault("dated records follow no client over waves", "triangulation", fix)


def _panel(clock: Clock | None, model: ModelPlan, where: str) -> Iterator[Fault]:
    if clock and clock.kind == "dates":
        fix = f"use {', '.join((*CHANCES, 'hazard'))}"
        yield Fault("dated records have no waves to follow", f"{where}.estimator", fix)
        return
    if model.split != "none":
        fix = "leave it out: within_between takes the exposure apart itself"
        yield Fault("a panel estimator compares within or between", f"{where}.split", fix)
    for key in ("design", "adjust_for_current", "adjust_for_baseline"):
        if getattr(model, key):
            fix = "leave it out: earlier outcomes have models of their own"
            yield Fault("a panel estimator explains the same wave", f"{where}.{key}", fix)
    if model.groups not in ((), ("client",)):
        fix = 'leave groups out, and name the cluster, as in covariance = "cluster:practitioner"'
        yield Fault("a panel follows clients", f"{where}.groups", fix)


def _hazard(clock: Clock | None, model: ModelPlan, where: str) -> Iterator[Fault]:
    if clock and clock.kind == "waves":
        fix = f"use {', '.join((*CHANCES, *PANEL))}"
        yield Fault("waves have no days to an outcome", f"{where}.estimator", fix)
        return
    if model.period_days is None:
        fix = "set period_days, as 30, to how finely time is cut"
        yield Fault("a hazard model counts in periods", f"{where}.period_days", fix)
    elif clock and clock.follow_up and model.period_days > clock.follow_up.days:
        fix = f"make it shorter than the follow-up of {clock.follow_up.days} days"
        yield Fault("a period is longer than the follow-up", f"{where}.period_days", fix)
    if "client" in model.groups:
        fix = 'use groups = ["practitioner"]'
        yield Fault("one spell a client says nothing of its own pace", f"{where}.groups", fix)
    if model.split != "none":
        fix = "leave it out"
        yield Fault("a hazard model takes the exposure whole", f"{where}.split", fix)


def _unused(model: ModelPlan, where: str) -> Iterator[Fault]:
    for key in ("period_days", "link"):
        if getattr(model, key) is not None:
            fix = 'leave it out, or set estimator = "hazard"'
            yield Fault("only a hazard model counts in periods", f"{where}.{key}", fix)


def _short(draft: Draft, clock: Clock | None) -> Iterator[Fault]:
    """Clients who are seen for a part of the follow-up are of use to a hazard model only."""
    follow_up = clock.follow_up if clock else None
    hazards = [m for m in draft.many("models").values() if m.estimator == "hazard"]
    complete = len(draft.many("models")) == len(draft.names("models"))
    if follow_up and follow_up.incomplete == "hazard" and complete and not hazards:
        yield Fault(
            "no model follows clients whose record ends early",
            "clock.follow_up.incomplete",
            'add a model with estimator = "hazard", or use exclude',
        )


def _breaks(draft: Draft, clock: Clock | None) -> Iterator[Fault]:
    breaks: Breaks | None = draft.one("breaks")
    if breaks is None:
        return
    if clock and clock.kind == "dates":
        fix = "leave it out, or use a clock of waves"
        yield Fault("a break is seen between waves, and dated records have none", "breaks", fix)
    ids: Ids | None = draft.one("ids")
    if ids and ids.practitioner is None:
        fix = "add ids.practitioner = { column = ... }"
        yield Fault("a break is a change of practitioner", "ids.practitioner", fix)
    for place, kind, why, fix in _TOLD:
        yield from _told(draft, getattr(breaks, place), place, kind, why, fix)


# what of a break is told wave by wave: its setting, the type of the covariate, and why
_TOLD = (
    (
        "reason",
        "category",
        "why a practitioner changed is told wave by wave, in words",
        'declare it with type = "category" and without at',
    ),
    (
        "closed",
        "number",
        "whether a case is closed is told wave by wave, by 0 and 1",
        'declare it with type = "number" and without at',
    ),
)


def _told(
    draft: Draft, name: str | None, place: str, kind: str, why: str, fix: str
) -> Iterator[Fault]:
    if name is None:
        return
    if name not in draft.names("covariates"):
        yield unknown("covariate", name, f"breaks.{place}", draft.names("covariates"))
        return
    declared: CovariatePlan | None = draft.many("covariates").get(name)
    if declared and (declared.type != kind or declared.at is not None):
        yield Fault(why, f"covariates.{name}", fix)
