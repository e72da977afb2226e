"""The models of a plan, fitted to their own rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from deepvalue_stats import models
from deepvalue_stats.data import Dataset
from deepvalue_stats.effects import per_sd
from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.linkage import model_rows
from deepvalue_stats.measures import BAND, with_bands, within_between
from deepvalue_stats.models import (
    ModelFit,
    build_formula,
    build_random_part,
    fit_gee,
    fit_logit,
)
from deepvalue_stats.plan import Plan, corrected_model
from deepvalue_stats.plan.parts import PANEL, ModelPlan, days_to, exit_by
from deepvalue_stats.study.approaches import approach_name
from deepvalue_stats.study.breaking import Broken, estimate_breaks
from deepvalue_stats.study.correcting import Corrected, correct, corrected_name
from deepvalue_stats.study.following import Followed, follow
from deepvalue_stats.study.past import Past, look_back
from deepvalue_stats.study.preparing import Prepared
from deepvalue_stats.study.variants import Variant, variant_name, variants_of
from deepvalue_stats.study.waiting import OTHERWISE, OUTCOME, horizon_of


@dataclass(frozen=True)
class Fitted:
    """The fits of a study.

    Attributes
    ----------
    fits : mapping of str to ModelFit
        By model name; the primary one is always there.
    banded : ModelFit
        The primary model with the exposure free to differ by confidence band.
    failed : mapping of str to str
        Models that could not be fitted, with the refusal; it stays in the room.
    variants : mapping of str to ModelFit
        The primary model asked differently, as `variants.VARIANTS` names it: what the plan gives
        cause for.
    corrected : Corrected or None
        Effects without the error in the score, where the plan asks for them.
    others : mapping of str to ModelFit
        Beside a model of time, that of leaving otherwise, where clients do.
    followed : Followed or None
        The primary effect by other approaches, where the plan asks for a triangulation.
    past : Past or None
        Earlier outcomes and later ratings, where the clock is of waves.
    broken : Broken or None
        What followed when practitioners left, where the plan says which leavings nobody chose.
    """

    fits: Mapping[str, ModelFit]
    banded: ModelFit
    failed: Mapping[str, str]
    variants: Mapping[str, ModelFit] = field(default_factory=dict)
    corrected: Corrected | None = None
    others: Mapping[str, ModelFit] = field(default_factory=dict)
    followed: Followed | None = None
    past: Past | None = None
    broken: Broken | None = None


def fit_models(prepared: Prepared) -> Fitted:
    """Fit every model of the plan; one that cannot be fitted is reported, unless it is primary."""
    plan, fits, failed, others = prepared.plan, {}, {}, {}
    for name, model in plan.models.items():
        try:
            fit = fit_model(prepared, name)
            if fit.hazard is not None and OTHERWISE in fit.hazard.causes:
                others[name] = _fit(prepared, Variant(model), f"models.{name}", cause=OTHERWISE)
            fits[name] = fit
        except ModelError as error:
            if name == plan.primary:
                raise
            failed[name] = str(error)
    variants = {}
    for name, variant in variants_of(plan).items():
        try:
            variants[name] = fit_variant(prepared, variant)
        except ModelError as error:
            failed[variant_name(plan, name)] = str(error)
    banded = fit_model(prepared, plan.primary, banded=True)
    corrected = None
    try:
        corrected = _corrected(prepared, fits[plan.primary], banded)
    except ModelError as error:
        failed[corrected_name(plan)] = str(error)
    followed, past, broken = None, None, None
    model = plan.models[plan.primary]
    unit = per_sd(fits[plan.primary].design.frame[model.exposure])
    if plan.triangulation is not None:
        followed = follow(plan, prepared.linked, unit)
        failed |= {approach_name(plan, key): why for key, why in followed.failed.items()}
    # an outcome of the next wave has the order of time in it already
    if plan.clock.kind == "waves" and model.response == model.outcome:
        past = look_back(plan, prepared.linked, unit)
        failed |= past.failed
    if plan.breaks is not None:
        broken = estimate_breaks(plan, plan.breaks, prepared.linked)
        failed |= broken.failed
    return Fitted(fits, banded, failed, variants, corrected, others, followed, past, broken)


def _corrected(prepared: Prepared, primary: ModelFit, banded: ModelFit) -> Corrected | None:
    """The effects of the model that the plan corrects, with the exposure free to differ by band."""
    plan, name = prepared.plan, corrected_model(prepared.plan)
    if name is None:
        return None
    fit = banded if name == plan.primary else fit_model(prepared, name, banded=True)
    return correct(prepared, fit, per_sd(primary.design.frame[plan.models[plan.primary].exposure]))


def fit_model(prepared: Prepared, name: str, *, banded: bool = False) -> ModelFit:
    """Fit one model of the plan, with the exposure free to differ by band where asked."""
    model = prepared.plan.models[name]
    if not banded:
        return _fit(prepared, Variant(model), f"models.{name}")
    also, modifier = (prepared.plan.equity.modifier,), f"C({BAND})"
    banded_model = Variant(model, also=also, modifier=modifier, prepare=_comparable)
    return _fit(prepared, banded_model, f"models.{name}")


def fit_variant(prepared: Prepared, variant: Variant) -> ModelFit:
    """Fit the primary model, asked differently."""
    return _fit(prepared, variant, f"models.{prepared.plan.primary}")


def _fit(prepared: Prepared, variant: Variant, where: str, *, cause: int = OUTCOME) -> ModelFit:
    plan, model = prepared.plan, variant.model
    rows = model_rows(plan, model, prepared.linked, also=variant.also)
    if model.split_by:
        rows = within_between(rows, model.exposure, model.split_by)
    rows = variant.prepare(plan, rows)
    formula = build_formula(plan, model, modifier=variant.modifier, exposures=variant.exposures)
    try:
        if model.estimator == "hazard":
            return _fit_time(plan, model, formula, rows.frame, cause)
        return fit_rows(plan, model, formula, rows.frame)
    except ModelError as error:
        raise ModelError.of(
            [Fault(f.what, f"{where}: {f.where}", f.fix) for f in error.faults]
        ) from None


def fit_rows(plan: Plan, model: ModelPlan, formula: str, frame: pd.DataFrame) -> ModelFit:
    """Fit a formula to rows by the estimator of a planned model.

    Raises
    ------
    ModelError
        If no row is left, or the estimator refuses.
    """
    if frame.empty:
        fix = "look at the flow: which step took them?"
        raise ModelError("no row is left to fit", formula, fix)
    if model.estimator == "gee":
        return fit_gee(
            formula,
            frame,
            group=model.groups[0],
            correlation=model.correlation,
            covariance="auto",
        )
    if model.estimator == "multilevel":
        # by way of the module, whose compiler is loaded by the first such model only
        return models.fit_multilevel(
            f"{formula} + {build_random_part(plan, model)}",
            frame,
            quadrature_points=model.quadrature_points,
            covariance=model.covariance or "model",
        )
    cluster = str(model.covariance).removeprefix("cluster:")
    if model.estimator in PANEL:
        return models.fit_panel(
            formula,
            frame,
            client="client",
            time="wave_number",
            estimator=model.estimator,
            covariance=model.covariance,
        )
    return fit_logit(formula, frame, cluster=cluster, covariance="auto")


def _fit_time(
    plan: Plan, model: ModelPlan, formula: str, frame: pd.DataFrame, cause: int
) -> ModelFit:
    """Fit a model of time to days and what ended them."""
    if frame.empty:
        fix = "look at the flow: which step took them?"
        raise ModelError("no row is left to fit", formula, fix)
    right = formula.partition("~")[2].strip()
    return models.fit_hazard(
        f"~ {right}",
        frame,
        duration=days_to(model.outcome),
        event=exit_by(model.outcome),
        link=model.link or "cloglog",
        groups=list(model.groups),
        cause=cause,
        period_days=model.period_days,
        horizon=horizon_of(plan, model),
        covariance=model.covariance,
    )


def _comparable(plan: Plan, rows: Dataset) -> Dataset:
    """Rows with a band, and every band of the comparison filled."""
    rows = with_bands(plan, rows)
    rows = rows.restrict(rows.frame[BAND].notna().to_numpy(), "confidence below the lowest band")
    present = set(rows.frame[BAND].dropna())
    low = next(iter(plan.equity.bands))
    absent = [band for band in (low, plan.equity.reference) if band not in present]
    if absent:
        raise ModelError(
            f"no row of the primary model is in the band {' or '.join(absent)}",
            "equity.bands",
            "look at the flow by band; choose bands, in a new plan, that hold clients",
        )
    used = rows.frame[BAND].cat.remove_unused_categories()
    return rows.with_columns(**{BAND: used})
