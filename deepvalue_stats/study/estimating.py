"""Every effect of a study, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from deepvalue_stats.effects import (
    POINT,
    Contrast,
    Levels,
    adjust,
    average_effect,
    average_risk,
    effect_by_area,
    effect_by_horizon,
    group_masks,
    harm_ledger,
    per_sd,
    slopes_at_neutral,
)
from deepvalue_stats.effects.damage import ABOVE, BELOW
from deepvalue_stats.equity import (
    concentration,
    effect_by_confidence,
    explain_gap,
    interaction,
    slope_index,
)
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import BAND
from deepvalue_stats.models import (
    ModelFit,
    Recall,
    build_formula,
    exposure_columns,
    fit_missed,
)
from deepvalue_stats.plan import Plan, corrected_model, resolve_measure
from deepvalue_stats.plan.parts import PANEL
from deepvalue_stats.study.approaches import approach_name, speaking
from deepvalue_stats.study.correcting import corrected_name
from deepvalue_stats.study.fitting import Fitted
from deepvalue_stats.study.following import known_scales
from deepvalue_stats.study.variants import (
    ACROSS,
    ALSO,
    HINGED,
    SPLIT,
    SURFACE,
    UNEQUAL,
    group_of,
    rank_of,
    variant_name,
)
from deepvalue_stats.study.waiting import OTHERWISE, OUTCOME, horizon_of
from deepvalue_stats.study.words import in_words, response_words
from deepvalue_stats.tables import EffectTable, stack
from deepvalue_stats.verdicts import FEWEST_GROUPS


def estimate_effects(plan: Plan, fitted: Fitted) -> EffectTable:
    """Every effect of the study in one table, with claims named and p-values adjusted."""
    parts = [_effects_of(plan, fitted, name) for name in fitted.fits]
    parts += [_in_frequencies(plan, fitted), _effects_by_band(plan, fitted)]
    parts += [_of_variant(plan, fitted, name) for name in fitted.variants]
    parts += _with_missed(plan, fitted)
    parts += [fitted.corrected.effects] if fitted.corrected else []
    parts += [fitted.followed.effects] if fitted.followed else []
    table = _claimed(plan, fitted, stack(parts))
    frame = table.frame
    tests = (frame["scale"] == "risk_difference") & (frame["contrast"] == "sd")
    tests &= frame["p_value"].notna()
    if plan.effects.family == "confirmatory":
        tests &= frame["claim"].ne("")
    return adjust(table, plan.effects.family, tests.to_numpy())


def _effects_of(plan: Plan, fitted: Fitted, name: str) -> EffectTable:
    model, fit = plan.models[name], fitted.fits[name]
    if model.estimator == "hazard":
        table = _by_the_end(plan, fitted, name)
    else:
        # rows that a panel estimator rests on are no sample of scores: the unit is the study's
        panel = model.estimator in PANEL
        sd = primary_sd(plan, fitted) if panel else per_sd(fit.design.frame[model.exposure])
        contrasts = [sd if per == "sd" else POINT for per in plan.effects.per]
        table = stack(
            average_effect(fit, column, contrast=contrast, scale=scale)
            for scale in known_scales(fit)
            for column in exposure_columns(model)
            for contrast in (contrasts if scale == "risk_difference" else [sd])
        )
    return table.labelled(model=name, outcome=response_words(model))


def _by_the_end(plan: Plan, fitted: Fitted, name: str) -> EffectTable:
    """What a model of time says of the end of the follow-up, in the unit of the whole study.

    Where clients leave otherwise as well, the models of both exits go in, and the outcome is told.
    """
    model, unit = plan.models[name], primary_sd(plan, fitted)
    fits: ModelFit | dict[int, ModelFit] = fitted.fits[name]
    if name in fitted.others:
        fits = {OUTCOME: fitted.fits[name], OTHERWISE: fitted.others[name]}
    table = effect_by_horizon(
        fits, model.exposure, horizon=horizon_of(plan, model), contrast=unit.step
    )
    frame = table.frame
    mine = ~frame["outcome"].str.endswith(f", cause {OTHERWISE}").to_numpy()
    evidence = None if table.evidence is None else table.evidence[mine].reset_index(drop=True)
    return EffectTable(frame[mine].reset_index(drop=True).assign(contrast=unit.name), evidence)


def _in_frequencies(plan: Plan, fitted: Fitted) -> EffectTable:
    """The primary effect in every other way that a reader may want it: chances, ratios, numbers."""
    model, fit = plan.models[plan.primary], fitted.fits[plan.primary]
    column = exposure_columns(model)[0]
    sd, levels = primary_sd(plan, fitted), less_and_more(plan, fitted)
    rows = [
        average_risk(fit, column, (levels.low, levels.high)),
        average_effect(fit, column, contrast=levels, scale="odds_ratio"),
        average_effect(fit, column, contrast=sd, scale="risk_ratio"),
        average_effect(fit, column, contrast=sd, scale="number_needed"),
    ]
    return stack(rows).labelled(model=plan.primary, outcome=response_words(model))


def primary_sd(plan: Plan, fitted: Fitted) -> Contrast:
    """One SD of the exposure on the primary model's rows: the unit of the whole study."""
    model = plan.models[plan.primary]
    return per_sd(fitted.fits[plan.primary].design.frame[model.exposure])


def less_and_more(plan: Plan, fitted: Fitted) -> Levels:
    """A less and a more effective relationship: one SD below the mean score, and one above."""
    column = exposure_columns(plan.models[plan.primary])[0]
    center = float(fitted.fits[plan.primary].design.frame[column].mean())
    size = primary_sd(plan, fitted).size
    return Levels(center - size, center + size, name="less to more")


def _effects_by_band(plan: Plan, fitted: Fitted) -> EffectTable:
    model, fit = plan.models[plan.primary], fitted.banded
    # the unit of the effect for all, who may be more than those with a band
    sd, levels = primary_sd(plan, fitted), less_and_more(plan, fitted)
    low, reference = next(iter(plan.equity.bands)), plan.equity.reference
    first = exposure_columns(model)[0]
    rows = [
        effect_by_confidence(
            fit,
            column,
            contrast=sd if per == "sd" else POINT,
            reference=reference,
        )
        for column in exposure_columns(model)
        for per in plan.effects.per
    ]
    rows.append(interaction(fit, first, BAND, levels=levels, low=low, reference=reference))
    rows += _other_bands(fit, first, levels, (low, reference))
    neutral = plan.measures[model.exposure].neutral
    if model.split == "none":
        center = (levels.low + levels.high) / 2
        zero = center if neutral is None else neutral
        rows.append(explain_gap(fit, first, BAND, low=low, high=reference, neutral=zero))
    table = stack(rows).labelled(model=banded_name(plan), outcome=response_words(model))
    # a p-value for one band invites "here but not there": only a difference of bands is tested
    return _untested(table, tuple(plan.equity.bands))


def _other_bands(
    fit: ModelFit, exposure: str, levels: Levels, compared: tuple[str, str]
) -> list[EffectTable]:
    """Chances, difference and ratio in the bands that the interaction does not compare."""
    others = tuple(band for band in group_masks(fit.design.frame, BAND) if band not in compared)
    if not others:
        return []
    chances = average_risk(fit, exposure, (levels.low, levels.high), by=BAND)
    steps = [
        average_effect(fit, exposure, contrast=levels, scale=scale, by=BAND)
        for scale in ("risk_difference", "risk_ratio")
    ]
    return [table.where(group=others) for table in (chances, *steps)]


def _untested(table: EffectTable, groups: tuple[str, ...]) -> EffectTable:
    frame = table.frame.copy()
    frame.loc[frame["group"].isin(groups), "p_value"] = np.nan
    return replace(table, frame=frame)


def _of_hinge(plan: Plan, fitted: Fitted, fit: ModelFit) -> EffectTable:
    model = plan.models[plan.primary]
    neutral = float(plan.measures[model.exposure].neutral or 0.0)
    unit = primary_sd(plan, fitted)
    rows = [slopes_at_neutral(fit, model.exposure, neutral, contrast=unit)]
    if (fit.design.frame[model.exposure] < neutral).any():
        by = BAND if BAND in fit.design.frame else None
        rows.append(harm_ledger(fit, model.exposure, neutral, by=by))
    # what the claim asks is the slope below, and whether it is another than above
    return _untested(stack(rows), (ABOVE,))


def _of_surface(plan: Plan, fitted: Fitted, fit: ModelFit) -> EffectTable:
    """The effect at three values of confidence itself, beside the bands made of it."""
    model, modifier = plan.models[plan.primary], plan.equity.modifier
    unit, values = primary_sd(plan, fitted), fit.design.frame[modifier]
    rows = []
    for said, value in zip(("10th", "50th", "90th"), values.quantile([0.1, 0.5, 0.9]), strict=True):
        at = fit.design.frame.assign(**{modifier: float(value)})
        row = average_effect(fit, model.exposure, contrast=unit, over=at)
        rows.append(row.labelled(group=f"{modifier} at its {said} percentile"))
    return _untested(stack(rows), tuple(str(row.frame["group"].iloc[0]) for row in rows))


def _of_areas(plan: Plan, fitted: Fitted, fit: ModelFit) -> EffectTable:
    by = plan.across.by if plan.across else ""
    exposure = plan.models[plan.primary].exposure
    table = effect_by_area(fit, exposure, by, contrast=primary_sd(plan, fitted))
    return _untested(table, tuple(group_masks(fit.design.frame, by)))


def _of_parts(plan: Plan, fitted: Fitted, fit: ModelFit) -> EffectTable:
    unit, exposure = primary_sd(plan, fitted), plan.models[plan.primary].exposure
    parts = (f"{exposure}_within", f"{exposure}_between")
    return stack([average_effect(fit, column, contrast=unit) for column in parts])


def _of_inequality(plan: Plan, _fitted: Fitted, fit: ModelFit) -> EffectTable:
    """How far outcomes, and the relationships themselves, lean towards the confident."""
    model, rank = plan.models[plan.primary], rank_of(plan.equity.modifier)
    scale = resolve_measure(model.exposure, plan.measures[model.exposure]).response_range
    rows = [
        slope_index(fit, rank).labelled(outcome=response_words(model)),
        concentration(fit, model.response, rank).labelled(outcome=response_words(model)),
        concentration(fit, model.exposure, rank, bounds=(float(scale[0]), float(scale[1]))),
    ]
    return stack(rows)


def _of_attribute(plan: Plan, fitted: Fitted, fit: ModelFit, name: str) -> EffectTable:
    """Effects along a further attribute, and who has the relationships, as for confidence."""
    exposure, column = plan.models[plan.primary].exposure, group_of(plan, name)
    reference, levels = plan.equity.also[name].reference, less_and_more(plan, fitted)
    unit, groups = primary_sd(plan, fitted), list(group_masks(fit.design.frame, column))
    neutral = plan.measures[exposure].neutral
    zero = (levels.low + levels.high) / 2 if neutral is None else neutral
    options: dict[str, Any] = {"exposure": exposure, "modifier": column}
    rows = [average_effect(fit, exposure, contrast=unit, by=column, reference=reference)]
    for group in (one for one in groups if one != reference):
        rows.append(interaction(fit, **options, levels=levels, low=group, reference=reference))
        rows.append(explain_gap(fit, **options, low=group, high=reference, neutral=zero))
    table = _untested(stack(rows), tuple(groups))
    # groups of several attributes stand in one table, and may bear one name
    frame = table.frame.assign(group=in_words(name) + ": " + table.frame["group"].astype(str))
    return replace(table, frame=frame)


def missed_name(plan: Plan) -> str:
    """How the primary model that counts missed outcomes is named in the table."""
    return f"{plan.primary}, missed outcomes counted"


def _audits(plan: Plan) -> Mapping[str, tuple[int, int]]:
    """What an audit found of the link to the primary outcome, by band; nothing without one."""
    outcome = plan.outcomes[plan.models[plan.primary].outcome]
    source = (outcome.date or "").partition(".")[0]
    return plan.links[source].recall if source in plan.links else {}


def _with_missed(plan: Plan, fitted: Fitted) -> list[EffectTable]:
    """Effects with the outcomes that the link missed counted in, where an audit says how many."""
    model, audits = plan.models[plan.primary], _audits(plan)
    if not audits or model.split != "none" or fitted.banded.convergence.status != "ok":
        return []
    cluster, _ = decisive_groups(fitted.banded)
    fits = fit_missed(
        build_formula(plan, model, modifier=f"C({BAND})"),
        fitted.banded.design.frame,
        cluster=cluster,
        recall={band: Recall.audited(found, of) for band, (found, of) in audits.items()},
        by=BAND,
        rng=np.random.default_rng([plan.seed, 3]),
    )
    unit, reference = primary_sd(plan, fitted), plan.equity.reference
    rows = [
        average_effect(fits, model.exposure, contrast=unit),
        average_effect(fits, model.exposure, contrast=unit, by=BAND, reference=reference),
    ]
    table = _untested(stack(rows), tuple(plan.equity.bands))
    return [table.labelled(model=missed_name(plan), outcome=response_words(model))]


_EFFECTS: Mapping[str, Callable[[Plan, Fitted, ModelFit], EffectTable]] = {
    HINGED: _of_hinge,
    SURFACE: _of_surface,
    ACROSS: _of_areas,
    SPLIT: _of_parts,
    UNEQUAL: _of_inequality,
}


def _of_variant(plan: Plan, fitted: Fitted, name: str) -> EffectTable:
    fit = fitted.variants[name]
    if name.startswith(ALSO):
        table = _of_attribute(plan, fitted, fit, name.removeprefix(ALSO))
    else:
        table = _EFFECTS[name](plan, fitted, fit)
    table = table.labelled(model=variant_name(plan, name))
    if name == UNEQUAL:  # what is shared out unequally is said row by row
        return table
    return table.labelled(outcome=response_words(plan.models[plan.primary]))


def banded_name(plan: Plan) -> str:
    """How the primary model with the bands in it is named in the table."""
    return f"{plan.primary} x {plan.equity.modifier}"


def decisive_groups(fit: ModelFit) -> tuple[str, int]:
    """The groups on whose number the trust in an interval rests, and how many there are.

    What a marginal model's covariance sums over. Of a multilevel model the practitioners, between
    whom relationships differ; services above them may be few, for clients of one service are
    compared with each other. Without practitioners the fewest.
    """
    if "practitioner" in fit.n_groups:
        return "practitioner", fit.n_groups["practitioner"]
    return min(fit.n_groups.items(), key=lambda item: item[1])


def every_fit(plan: Plan, fitted: Fitted) -> dict[str, ModelFit]:
    """Every fit of the study, as tables name it."""
    variants = {variant_name(plan, name): fit for name, fit in fitted.variants.items()}
    approaches = fitted.followed.fits if fitted.followed else {}
    followed = {approach_name(plan, key): fit for key, fit in approaches.items()}
    return {**fitted.fits, banded_name(plan): fitted.banded, **variants, **followed}


def too_few_groups(plan: Plan, fitted: Fitted) -> frozenset[str]:
    """Models whose intervals mean nothing, whether or not a claim rests on them."""
    every = every_fit(plan, fitted)
    found = {name for name, fit in every.items() if decisive_groups(fit)[1] < FEWEST_GROUPS}
    # a correction adds no groups to the model that it corrects
    primary = {plan.primary, banded_name(plan)}
    if found & primary and _audits(plan):
        found.add(missed_name(plan))
    name = corrected_model(plan)
    if found & (primary if name == plan.primary else {name}):
        found.add(corrected_name(plan))
    return frozenset(found)


def speaking_of(plan: Plan, fitted: Fitted) -> tuple[str, str]:
    """The model on which claim C1 rests, by the plan's own rule, and the column of its effect.

    Raises
    ------
    ModelError
        If the approach that the plan lets speak could not be fitted.
    """
    key = speaking(plan)
    if not key or fitted.followed is None:
        return plan.primary, exposure_columns(plan.models[plan.primary])[0]
    if key not in fitted.followed.fits:
        raise ModelError(
            f"the approach that speaks could not be fitted: {fitted.followed.failed[key]}",
            "triangulation.speaks",
            'let another one speak, as "primary", in a new plan',
        )
    return approach_name(plan, key), fitted.followed.columns[key]


def _claimed(plan: Plan, fitted: Fitted, table: EffectTable) -> EffectTable:
    """Label the rows on which each claim rests: one, but for the pairs of C4."""
    model = plan.models[plan.primary]
    exposure = exposure_columns(model)[0]
    low = next(iter(plan.equity.bands))
    frame = table.frame.assign(claim="")
    decides = (frame["scale"] == "risk_difference") & (frame["contrast"] == "sd")
    spoken, column = speaking_of(plan, fitted)
    rests = {
        "C1": (spoken, column, frame["group"] == "all"),
        "C2": (
            banded_name(plan),
            exposure,
            frame["group"] == f"{low} minus {plan.equity.reference}",
        ),
        "C3": (variant_name(plan, HINGED), model.exposure, frame["group"] == BELOW),
        "C4": (variant_name(plan, ACROSS), model.exposure, frame["group"].str.contains(" minus ")),
    }
    for claim in (claim for claim in plan.verdicts.claims if claim in rests):
        name, column, chosen = rests[claim]
        here = decides & (frame["model"] == name) & (frame["exposure"] == column) & chosen
        frame.loc[here, "claim"] = claim
    return replace(table, frame=frame)
