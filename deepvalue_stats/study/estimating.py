"""Every effect of a study, and the evidence by which its claims are judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepvalue_stats.effects import POINT, adjust, average_effect, per_sd
from deepvalue_stats.equity import effect_by_confidence
from deepvalue_stats.measures import BAND
from deepvalue_stats.models import ModelFit, exposure_columns
from deepvalue_stats.plan import Plan
from deepvalue_stats.study.fitting import Fitted
from deepvalue_stats.study.words import in_words, outcome_words, response_words
from deepvalue_stats.tables import EffectTable, Evidence, stack
from deepvalue_stats.verdicts import FEWEST_GROUPS


def estimate_effects(plan: Plan, fitted: Fitted) -> EffectTable:
    """Every effect of the study in one table, with claims named and p-values adjusted."""
    parts = [_effects_of(plan, name, fit) for name, fit in fitted.fits.items()]
    parts.append(_effects_by_band(plan, fitted))
    table = _claimed(plan, stack(parts))
    frame = table.frame
    tests = (frame["scale"] == "risk_difference") & (frame["contrast"] == "sd")
    tests &= frame["p_value"].notna()
    if plan.effects.family == "confirmatory":
        tests &= frame["claim"].ne("")
    return adjust(table, plan.effects.family, tests.to_numpy())


def _effects_of(plan: Plan, name: str, fit: ModelFit) -> EffectTable:
    model = plan.models[name]
    sd = per_sd(fit.design.frame[model.exposure])
    contrasts = [sd if per == "sd" else POINT for per in plan.effects.per]
    rows = [
        average_effect(fit, column, contrast=contrast)
        for column in exposure_columns(model)
        for contrast in contrasts
    ]
    rows += [
        average_effect(fit, column, contrast=sd, scale="log_odds")
        for column in exposure_columns(model)
    ]
    return stack(rows).labelled(model=name, outcome=response_words(model))


def _effects_by_band(plan: Plan, fitted: Fitted) -> EffectTable:
    model, fit = plan.models[plan.primary], fitted.banded
    # the unit of the effect for all, who may be more than those with a band
    sd = per_sd(fitted.fits[plan.primary].design.frame[model.exposure])
    rows = [
        effect_by_confidence(
            fit,
            column,
            contrast=sd if per == "sd" else POINT,
            reference=plan.equity.reference,
        )
        for column in exposure_columns(model)
        for per in plan.effects.per
    ]
    table = stack(rows).labelled(model=banded_name(plan), outcome=response_words(model))
    # a p-value for one band invites "here but not there": only a difference of bands is tested
    frame = table.frame.copy()
    frame.loc[frame["group"].isin(list(plan.equity.bands)), "p_value"] = np.nan
    return replace(table, frame=frame)


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


def too_few_groups(plan: Plan, fitted: Fitted) -> frozenset[str]:
    """Models whose intervals mean nothing, whether or not a claim rests on them."""
    every = {**fitted.fits, banded_name(plan): fitted.banded}
    return frozenset(name for name, fit in every.items() if decisive_groups(fit)[1] < FEWEST_GROUPS)


def _claimed(plan: Plan, table: EffectTable) -> EffectTable:
    """Label the one row on which each claim rests."""
    exposure = exposure_columns(plan.models[plan.primary])[0]
    low = next(iter(plan.equity.bands))
    rests = {
        "C1": (plan.primary, "all"),
        "C2": (banded_name(plan), f"{low} minus {plan.equity.reference}"),
    }
    frame = table.frame.assign(claim="")
    decides = (frame["scale"] == "risk_difference") & (frame["exposure"] == exposure)
    decides &= frame["contrast"] == "sd"  # the unit of the smallest worthwhile difference
    for claim in plan.verdicts.claims:
        model, group = rests[claim]
        frame.loc[decides & (frame["model"] == model) & (frame["group"] == group), "claim"] = claim
    return replace(table, frame=frame)


def gather_evidence(plan: Plan, fitted: Fitted) -> Evidence:
    """What the gates judge."""
    model, fit = plan.models[plan.primary], fitted.fits[plan.primary]
    cluster, n_clusters = decisive_groups(fit)
    bands = fitted.banded.design.frame.groupby(BAND, observed=True)["client"].nunique()
    outcome = plan.outcomes[model.outcome]
    return Evidence(
        design=model.design or plan.clock.design,
        rater=plan.measures[model.exposure].rater,
        reported_by=outcome.reported_by,
        exposure=in_words(model.exposure),
        outcome=outcome_words(plan),
        modifier=in_words(plan.equity.modifier),
        cluster=cluster,
        n_clusters=n_clusters,
        bands={str(name): int(n) for name, n in bands.items()},
        low=next(iter(plan.equity.bands)),
        reference=plan.equity.reference,
        converged={
            plan.primary: fit.convergence.status == "ok",
            banded_name(plan): fitted.banded.convergence.status == "ok",
        },
        corrected=model.estimator == "multilevel" and model.covariance is None,
    )
