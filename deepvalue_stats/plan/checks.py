"""What the parts of a plan must be to one another, and what this version does not have yet.

Each check takes a `Draft`, in which a part that is faulty in itself is absent, so that the faults
between parts are found beside the faults within them.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.attributes import attribute_faults, rising
from deepvalue_stats.plan.claims import claim_faults
from deepvalue_stats.plan.clock import clock_faults
from deepvalue_stats.plan.correction import correction_faults
from deepvalue_stats.plan.draft import Draft, unknown
from deepvalue_stats.plan.links import link_faults
from deepvalue_stats.plan.over_time import time_faults
from deepvalue_stats.plan.parts import (
    CovariatePlan,
    Disclosure,
    Effects,
    Equity,
    Ids,
    MeasurePlan,
    ModelPlan,
    OutcomePlan,
    Study,
    Verdicts,
)
from deepvalue_stats.plan.power import power_faults
from deepvalue_stats.plan.scales import measure_faults
from deepvalue_stats.plan.timing import Clock

ALL_CLAIMS = tuple(f"C{i}" for i in range(1, 9))
# columns of the analysis table, and the one function of every formula
RESERVED = frozenset(
    [
        "client",
        "practitioner",
        "service",
        "episode",
        "index_day",
        "contacts",
        "contacts_seen",
        "practitioners_seen",
        "upc",
        "coc",
        "secon",
        "observed_days",
        "censored",
        "line",
        "wave_number",
        "confidence_band",
        "c",
    ]
)
# what a table says of all clients, of clients without a band, and of a difference of bands
BANDS_RESERVED = frozenset(("all", "unknown", "minus"))
# in a pair each knows the other, and without rounding a suppressed count is the difference of
# what stands beside it: less than this is an open profile by another name
LEAST = 3
# threshold and rounding that a named profile promises at least
PROMISED: Mapping[str, tuple[int, int]] = MappingProxyType({"acro": (10, 5), "opensafely": (8, 5)})


def cross_faults(draft: Draft) -> list[Fault]:
    """Every fault between the parts of a plan."""
    checks: tuple[Callable[[Draft], Iterator[Fault]], ...] = (
        _names,
        _sources,
        measure_faults,
        _models,
        clock_faults,
        _outcomes,
        link_faults,
        time_faults,
        _equity,
        _verdicts,
        attribute_faults,
        claim_faults,
        _safety,
        power_faults,
        correction_faults,
        _not_yet,
    )
    return list(dict.fromkeys(fault for check in checks for fault in check(draft)))


def _names(draft: Draft) -> Iterator[Fault]:
    """A name becomes a column of the analysis table: it must be a word, for one thing only."""
    seen: dict[str, str] = {}
    for section in ("measures", "outcomes", "covariates"):
        for name in draft.names(section):
            where, plain = f"{section}.{name}", name.casefold()  # SQL does not tell a from A
            if not _is_word(name) or "__" in name:
                fix = "use letters, digits, single _, and no word of Python"
                yield Fault(f"'{name}' cannot name a column", where, fix)
            elif plain in RESERVED:
                yield Fault(f"'{name}' is a name of the package's own", where, "choose another")
            elif plain in seen:
                yield Fault(f"'{name}' is used twice", f"{seen[plain]} and {where}", "rename one")
            seen[plain] = where


def _is_word(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _sources(draft: Draft) -> Iterator[Fault]:
    """A column written `source.column` names a source of the plan."""
    for where, column in _qualified(draft):
        source, dot, _ = column.partition(".")
        if dot and source not in draft.names("sources"):
            yield unknown("source", source, where, draft.names("sources"))
    episodes = getattr(draft.one("clock"), "episodes", None)
    if episodes and episodes.source not in draft.names("sources"):
        where = "clock.episodes.source"
        yield unknown("source", episodes.source, where, draft.names("sources"))
    for name in draft.names("links"):
        if name not in draft.names("sources"):
            yield unknown("source", name, f"links.{name}", draft.names("sources"))


def _qualified(draft: Draft) -> Iterator[tuple[str, str]]:
    """Every place of a plan where a column stands, with the column."""
    measure: MeasurePlan
    for name, measure in draft.many("measures").items():
        for i, item in enumerate(measure.items):
            yield f"measures.{name}.items[{i}]", item
    outcome: OutcomePlan
    for name, outcome in draft.many("outcomes").items():
        for key in ("column", "date", "end"):
            if getattr(outcome, key):
                yield f"outcomes.{name}.{key}", getattr(outcome, key)
        if outcome.any_of:
            yield f"outcomes.{name}.any_of.column", outcome.any_of.column
        if outcome.all_equal:
            for i, column in enumerate(outcome.all_equal.columns):
                yield f"outcomes.{name}.all_equal.columns[{i}]", column
    covariate: CovariatePlan
    for name, covariate in draft.many("covariates").items():
        yield f"covariates.{name}.column", covariate.column
    clock: Clock | None = draft.one("clock")
    if clock and clock.exposure:
        yield "clock.exposure.date", clock.exposure.date
    if clock and clock.follow_up:
        for i, column in enumerate(clock.follow_up.censor):
            yield f"clock.follow_up.censor[{i}]", column
        if clock.follow_up.death:
            yield "clock.follow_up.death", clock.follow_up.death
    if clock and clock.episodes and clock.episodes.contacts:
        yield "clock.episodes.contacts", clock.episodes.contacts


def _models(draft: Draft) -> Iterator[Fault]:
    roles = [model.role for model in draft.many("models").values()]
    complete = len(roles) == len(draft.names("models"))
    if roles and complete and roles.count("primary") != 1:
        what = f"{roles.count('primary')} models are primary, and exactly one decides the verdict"
        yield Fault(what, "models", 'set role = "primary" on one')
    model: ModelPlan
    ids: Ids | None = draft.one("ids")
    declared = [key for key in ("client", "practitioner", "service") if getattr(ids, key, None)]
    for name in draft.names("models"):
        if not _is_word(name):  # the package names the fit with bands "model x modifier"
            yield Fault(f"'{name}' cannot name a model", f"models.{name}", "use letters, digits, _")
    for name, model in draft.many("models").items():
        where = f"models.{name}"
        if model.outcome not in draft.names("outcomes"):
            known = draft.names("outcomes")
            yield unknown("outcome", model.outcome, f"{where}.outcome", known)
        yield from _exposure(draft, model, where)
        for i, covariate in enumerate(model.covariates):
            known = (*draft.names("covariates"), *draft.names("measures"))
            if covariate not in known:
                yield unknown("covariate", covariate, f"{where}.covariates[{i}]", known)
        if model.rows and model.rows not in draft.names("rows"):
            yield unknown("row rule", model.rows, f"{where}.rows", draft.names("rows"))
        if ids:
            wanted = [("groups", group) for group in model.groups]
            wanted += [("split_by", model.split_by)] if model.split_by else []
            wanted += [("covariance", model.covariance.split(":")[1])] if model.covariance else []
            for key, group in wanted:
                if group not in declared:
                    yield unknown("id", group, f"{where}.{key}", declared)
        yield from _waves_only(draft, model, where)
        yield from _estimator(model, where)
    for name, rule in draft.many("rows").items():
        every = (*draft.names("measures"), *draft.names("covariates"), *draft.names("outcomes"))
        for i, variable in enumerate(rule.require):
            if variable not in every:
                yield unknown("variable", variable, f"rows.{name}.require[{i}]", every)


def _estimator(model: ModelPlan, where: str) -> Iterator[Fault]:
    """What an estimator needs, and what another one's settings would not do."""
    if model.estimator == "gee" and len(model.groups) != 1:
        fix = 'give one, as in groups = ["practitioner"]'
        yield Fault("a GEE has exactly one grouping", f"{where}.groups", fix)
    if model.estimator == "logit" and not model.covariance:
        fix = 'name the cluster, as in covariance = "cluster:client"'
        yield Fault("a plain logit ignores repeated clients", f"{where}.covariance", fix)
    if model.estimator != "multilevel":
        for key, what in (("slopes", "slopes that vary"), ("quadrature_points", "quadrature")):
            if getattr(model, key) not in ({}, 1):
                fix = 'leave it out, or set estimator = "multilevel"'
                yield Fault(f"only a multilevel model has {what}", f"{where}.{key}", fix)
        return
    if not model.groups:
        fix = 'name what rows share, as in groups = ["practitioner"]'
        yield Fault("a multilevel model has groups", f"{where}.groups", fix)
    for i, group in enumerate(model.groups):
        if group in model.groups[:i]:
            yield Fault(f"'{group}' stands twice", f"{where}.groups[{i}]", "name each group once")
    parts = [f"{model.exposure}_{part}" for part in ("within", "between")]
    known = [model.exposure, *(parts if model.split_by else ()), *model.covariates]
    for group, names in model.slopes.items():
        if group not in model.groups:
            yield unknown("group", group, f"{where}.slopes.{group}", model.groups)
        for i, name in enumerate(names):
            if name not in known:
                yield unknown("variable", name, f"{where}.slopes.{group}[{i}]", known)


def _waves_only(draft: Draft, model: ModelPlan, where: str) -> Iterator[Fault]:
    """Earlier and later outcomes of a client are waves; dates have a landmark instead."""
    clock: Clock | None = draft.one("clock")
    if clock and clock.kind == "dates":
        for key in ("design", "adjust_for_current"):
            if getattr(model, key):
                fix = "leave it out: the landmark already puts the outcome last"
                yield Fault("dated records have no waves", f"{where}.{key}", fix)
        outcome: OutcomePlan | None = draft.many("outcomes").get(model.outcome)
        if model.adjust_for_baseline and outcome and outcome.prior != "flag":
            yield Fault(
                "clients with an earlier outcome are left out, and nothing is to adjust for",
                f"{where}.adjust_for_baseline",
                f'set outcomes.{model.outcome}.prior = "flag", or leave it out',
            )
    if model.adjust_for_current and model.design != "next_wave":
        fix = 'set design = "next_wave" as well, or leave it out'
        yield Fault("the outcome would adjust for itself", f"{where}.adjust_for_current", fix)


def _exposure(draft: Draft, model: ModelPlan, where: str) -> Iterator[Fault]:
    measure: MeasurePlan | None = draft.many("measures").get(model.exposure)
    if model.exposure not in draft.names("measures"):
        known = draft.names("measures")
        yield unknown("measure", model.exposure, f"{where}.exposure", known)
    elif measure and measure.at == "baseline":
        fix = "name a measure of the relationship"
        yield Fault("a baseline measure cannot be the exposure", f"{where}.exposure", fix)
    for i, covariate in enumerate(model.covariates):
        beside: MeasurePlan | None = draft.many("measures").get(covariate)
        clock: Clock | None = draft.one("clock")
        if covariate == model.exposure:
            fix = "take it out of the covariates"
            yield Fault("the exposure adjusts for itself", f"{where}.covariates[{i}]", fix)
        elif beside and beside.at != "baseline" and clock and clock.kind == "dates":
            yield Fault(
                f"'{covariate}' is measured with or after the exposure",
                f"{where}.covariates[{i}]",
                "adjust for what came before the exposure: a covariate or measure at baseline",
            )


def _outcomes(draft: Draft) -> Iterator[Fault]:
    clock: Clock | None = draft.one("clock")
    outcome: OutcomePlan
    for name, outcome in draft.many("outcomes").items():
        if clock and clock.kind == "waves" and outcome.kind == "event":
            fix = 'give kind = "status" with the column in which it stands'
            yield Fault("an event needs dates, and waves have none", f"outcomes.{name}", fix)
        if clock and clock.kind == "dates" and outcome.kind == "status":
            fix = 'give kind = "event" with the date on which it happened'
            yield Fault("a status has no date to hold to the clock", f"outcomes.{name}", fix)
    covariate: CovariatePlan
    for name, covariate in draft.many("covariates").items():
        shared = (covariate.type == "share", covariate.at == "practitioner")
        if any(shared) and not all(shared):
            fix = 'type = "share" and at = "practitioner" go together'
            yield Fault("only a share is taken over a practitioner", f"covariates.{name}", fix)
        if clock and clock.kind == "waves" and any(shared):
            fix = "leave it out"
            yield Fault("a share needs dated contacts", f"covariates.{name}", fix)
        if clock and clock.kind == "dates" and covariate.at is None:
            yield Fault("with dates a covariate says when it was measured", f"covariates.{name}.at",
                        'set at = "baseline" or at = "practitioner"')  # fmt: skip


def _equity(draft: Draft) -> Iterator[Fault]:
    equity: Equity | None = draft.one("equity")
    if equity is None:
        return
    modifier: MeasurePlan | None = draft.many("measures").get(equity.modifier)
    if equity.modifier not in draft.names("measures"):
        known = draft.names("measures")
        yield unknown("measure", equity.modifier, "equity.modifier", known)
    elif modifier and modifier.at != "baseline":
        yield Fault(
            "confidence after the start is part of what the relationship does, no moderator of it",
            "equity.modifier",
            'name a measure with at = "baseline"',
        )
    for name in equity.bands:
        if not _is_word(name) or name in BANDS_RESERVED:
            fix = f"use letters, digits, _, and none of {', '.join(sorted(BANDS_RESERVED))}"
            yield Fault(f"'{name}' cannot name a band", f"equity.bands.{name}", fix)
    if equity.reference not in equity.bands:
        yield unknown("band", equity.reference, "equity.reference", equity.bands)
    yield from rising(equity.bands, "equity.bands")
    if equity.reference == next(iter(equity.bands)):
        fix = "name the highest band"
        yield Fault("the lowest band is compared with itself", "equity.reference", fix)


def _verdicts(draft: Draft) -> Iterator[Fault]:
    verdicts: Verdicts | None = draft.one("verdicts")
    if verdicts is None:
        return
    for i, claim in enumerate(verdicts.claims):
        if claim not in ALL_CLAIMS:
            yield unknown("claim", claim, f"verdicts.claims[{i}]", ALL_CLAIMS)
        elif claim in verdicts.claims[:i]:
            fix = "name each claim once"
            yield Fault(f"{claim} stands twice", f"verdicts.claims[{i}]", fix)
    effects: Effects | None = draft.one("effects")
    if effects and ("sd" not in effects.per or len(set(effects.per)) < len(effects.per)):
        what = "the verdicts rest on the effect per SD, and each unit is printed once"
        yield Fault(what, "effects.per", 'write ["sd"] or ["sd", "point"]')
    if effects and effects.family != verdicts.label:
        fix = "let effects.family and verdicts.label agree"
        yield Fault("the family and the label disagree", "effects.family", fix)


def _safety(draft: Draft) -> Iterator[Fault]:
    study: Study | None = draft.one("study")
    ids: Ids | None = draft.one("ids")
    disclosure: Disclosure | None = draft.one("disclosure")
    confidential = study is not None and study.status == "confidential"
    if confidential and ids and ids.pseudonyms == "none":
        fix = 'set pseudonyms = "keyed" and put the key into DEEPVALUE_KEY or DEEPVALUE_KEY_FILE'
        yield Fault("confidential data without pseudonyms is refused", "ids.pseudonyms", fix)
    if confidential and disclosure and disclosure.profile == "open":
        fix = 'use "acro", "opensafely" or "own"'
        yield Fault("an open profile is for public data", "disclosure.profile", fix)
    if disclosure and disclosure.profile in PROMISED:
        for key, least in zip(("threshold", "rounding"), PROMISED[disclosure.profile], strict=True):
            if (getattr(disclosure, key) or least) < least:
                fix = f'raise it to {least}, or set profile = "own"'
                what = f"the profile {disclosure.profile} promises a {key} of {least} at least"
                yield Fault(what, f"disclosure.{key}", fix)
    if disclosure and disclosure.profile == "own":
        for key in ("threshold", "rounding"):
            value = getattr(disclosure, key)
            if value is None:
                fix = "give a whole number"
                yield Fault(f"an own profile needs its {key}", f"disclosure.{key}", fix)
            elif confidential and value < LEAST:
                what = f"confidential data need a {key} of {LEAST} at least"
                yield Fault(what, f"disclosure.{key}", f"raise it to {LEAST}, better to 10 and 5")
    if (
        disclosure
        and disclosure.profile == "open"
        and (disclosure.threshold or disclosure.rounding)
    ):
        fix = 'take it out, or set profile = "own"'
        yield Fault("an open profile has no threshold and no rounding", "disclosure", fix)


def _not_yet(draft: Draft) -> Iterator[Fault]:
    """Values that a plan may have in a later version and this one refuses."""
    have: dict[str, tuple[str, str, tuple[object, ...]]] = {
        "rule for unlinked records": ("links", "unlinked", ("no_event", "unknown", "exclude")),
    }
    for what, (section, key, values) in have.items():
        for name, part in draft.many(section).items():
            if getattr(part, key) not in values:
                yield _later(what, f"{section}.{name}.{key}", values)


def _later(what: str, where: str, values: Iterable[object]) -> Fault:
    shown = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    usable = [text for text in shown if text not in ("None", "{}")]
    fix = f"use {' or '.join(usable)}" if usable else "leave it out"
    return Fault(f"this {what} is not available in this version", where, fix)
