"""Effects without the error in the score, beside those with it and never in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.effects import (
    Contrast,
    average_effect,
    conditional_reliability,
    fit_calibrated,
    fit_latent_mean,
    pooled_effects,
    simex,
)
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import BAND, score_error
from deepvalue_stats.models import ModelFit, exposure_columns
from deepvalue_stats.plan import Plan, corrected_model
from deepvalue_stats.plan.parts import MeasurePlan, ModelPlan
from deepvalue_stats.study.preparing import Prepared
from deepvalue_stats.study.words import response_words
from deepvalue_stats.tables import EffectTable, stack

Measured = Callable[[ModelFit], EffectTable]
METHODS = {
    "regression_calibration": "regression calibration",
    "simex": "SIMEX",
    "latent_mean": "latent mean",
}


@dataclass(frozen=True)
class Corrected:
    """Effects without the error in the score.

    Attributes
    ----------
    effects : EffectTable
    reliability : float
        How much is true of what the model compares of the score; not a number for latent means,
        for which scores are taken as they are.
    """

    effects: EffectTable
    reliability: float


def corrected_name(plan: Plan) -> str:
    """How the corrected model is named in tables; empty where none is corrected."""
    name = corrected_model(plan)
    if name is None:
        return ""
    method = plan.measures[plan.models[name].exposure].error_correction
    return f"{name}, score error corrected ({METHODS[method]})"


def correction_notes(plan: Plan) -> tuple[str, ...]:
    """What a reader must know of the corrected rows; nothing where there are none."""
    name = corrected_model(plan)
    if name is None:
        return ()
    measure = plan.measures[plan.models[name].exposure]
    return (
        "Error in the score: the unit is one standard deviation of the score as it was observed, "
        f"with the correction ({METHODS[measure.error_correction]}) and without it. No claim is "
        f"judged by a corrected row. {_assumed(measure)}",
    )


def _assumed(measure: MeasurePlan) -> str:
    if measure.error_correction == "latent_mean":
        return (
            "A group's scores at hand are taken for a sample of those that it might have had, and "
            "error in a single score is left in."
        )
    stated = measure.reliability
    source = (
        "that by which the items of one questionnaire disagree"
        if stated is None
        else f"that of a stated reliability of {stated.value:g} ({stated.source})"
    )
    return (
        f"The error is {source}. What changes from one rating to the next counts as true, and "
        "error that goes with the outcome is not taken out. Whether there is an effect at all is "
        "tested without the correction, which adds nothing to that question."
    )


def correct(prepared: Prepared, fit: ModelFit, unit: Contrast) -> Corrected:
    """Effects of a model, for all and by band, without the error in its exposure.

    Parameters
    ----------
    prepared : Prepared
    fit : ModelFit
        Of the model that the plan corrects, with the exposure free to differ by band.
    unit : Contrast
        One SD of the score as it was observed, so that rows can be compared.

    Returns
    -------
    Corrected
        Without p-values: one question is not asked twice, and whether there is an effect at all is
        tested rightly by the uncorrected rows.

    Raises
    ------
    ModelError
        If the fit is not sound, or a method refuses.
    """
    plan = prepared.plan
    model = plan.models[str(corrected_model(plan))]
    if fit.convergence.status != "ok":
        what = "the model without a correction gave no answer"
        raise ModelError(what, fit.spec.formula, "look at why it did not converge")
    measured = partial(_effects, plan, model, unit)
    if plan.measures[model.exposure].error_correction == "latent_mean":
        found, left = _latent(plan, model, fit, measured), np.nan
    else:
        found, left = _of_ratings(prepared, model, fit, measured)
    table = EffectTable(found.frame.assign(p_value=np.nan), found.evidence)
    table = table.labelled(model=corrected_name(plan), outcome=response_words(model))
    return Corrected(table, left)


def _latent(plan: Plan, model: ModelPlan, fit: ModelFit, measured: Measured) -> EffectTable:
    fits = fit_latent_mean(fit, model.exposure, split_by=str(model.split_by), rng=_generator(plan))
    return pooled_effects(fits, measured)


def _of_ratings(
    prepared: Prepared, model: ModelPlan, fit: ModelFit, measured: Measured
) -> tuple[EffectTable, float]:
    plan, exposure = prepared.plan, model.exposure
    error = score_error(plan, exposure, prepared.data, _practitioners(prepared.linked.frame))
    ratings, split_by = _ratings(plan, exposure, fit), model.split_by or ""
    told: dict[str, Any] = {"ratings": ratings, "split_by": split_by}
    left = conditional_reliability(fit, exposure, error, **told)
    rng = _generator(plan)
    if plan.measures[exposure].error_correction == "simex":
        return simex(fit, exposure, error, measured, rng=rng, **told), left
    fits = fit_calibrated(fit, exposure, error, rng=rng, **told)
    return pooled_effects(fits, measured), left


def _generator(plan: Plan) -> np.random.Generator:
    return np.random.default_rng([plan.seed, 4])


def _practitioners(frame: pd.DataFrame) -> pd.Series:
    """The practitioner of each client, where practitioners are known."""
    if "practitioner" not in frame:
        return pd.Series(dtype="object")
    return frame.drop_duplicates("client").set_index("client")["practitioner"].astype("object")


def _effects(plan: Plan, model: ModelPlan, unit: Contrast, fit: ModelFit) -> EffectTable:
    reference = plan.equity.reference
    rows = []
    for column in exposure_columns(model):
        rows.append(average_effect(fit, column, contrast=unit))
        rows.append(average_effect(fit, column, contrast=unit, by=BAND, reference=reference))
    return stack(rows)


def _ratings(plan: Plan, exposure: str, fit: ModelFit) -> np.ndarray:
    """Of how many ratings each row's score is the mean."""
    frame, clock = fit.design.frame, plan.clock.exposure
    if clock is None or clock.summary != "mean":
        return np.ones(len(frame))
    return frame[f"{exposure}__ratings"].to_numpy(dtype="float64")
