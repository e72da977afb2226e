"""The same client over time: one effect by several approaches, on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from deepvalue_stats import models
from deepvalue_stats.data import Dataset
from deepvalue_stats.effects import Contrast, Scale, average_effect
from deepvalue_stats.errors import ModelError
from deepvalue_stats.linkage import model_rows
from deepvalue_stats.models import ModelFit, build_formula, fit_gee, fit_logit
from deepvalue_stats.models.panel.estimators import Estimator
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.parts import ModelPlan
from deepvalue_stats.study.approaches import (
    AVERAGED,
    CHANGED,
    MIXED,
    PARTS,
    POOLED,
    WITHIN,
    approach_name,
)
from deepvalue_stats.study.words import response_words
from deepvalue_stats.tables import EffectTable, stack

# points of the quadrature over clients: a client has few waves
POINTS = 9


@dataclass(frozen=True)
class Followed:
    """One effect by several approaches.

    Attributes
    ----------
    fits : mapping of str to ModelFit
        By approach.
    columns : mapping of str to str
        By approach, the column of the exposure whose effect it is.
    effects : EffectTable
    failed : mapping of str to str
        By approach, the refusal of one that could not be fitted; it stays in the room.
    frame : pandas.DataFrame
        The primary model's rows; they stay in the room.
    """

    fits: Mapping[str, ModelFit]
    columns: Mapping[str, str]
    effects: EffectTable
    failed: Mapping[str, str]
    frame: pd.DataFrame


def follow(plan: Plan, linked: Dataset, unit: Contrast) -> Followed:
    """Estimate the effect of the primary model by every approach, on its rows.

    Parameters
    ----------
    plan : Plan
        With a clock of waves.
    linked : Dataset
        The analysis table.
    unit : Contrast
        One SD of the exposure, the unit of the whole study.
    """
    model = plan.models[plan.primary]
    rows = model_rows(plan, model, linked)
    asked = Asked(plan, model, rows.frame)
    fits: dict[str, ModelFit] = {}
    columns: dict[str, str] = {}
    failed: dict[str, str] = {}
    parts = []
    for key, (fit_one, column) in _FITS.items():
        named = column.format(exposure=model.exposure)
        try:
            fit = fit_one(asked)
            effect = _effect(fit, named, unit)
        except ModelError as error:
            failed[key] = str(error)
            continue
        fits[key], columns[key] = fit, named
        parts.append(effect.labelled(model=approach_name(plan, key), outcome=response_words(model)))
    return Followed(fits, columns, stack(parts), failed, rows.frame)


def _effect(fit: ModelFit, column: str, unit: Contrast) -> EffectTable:
    """Per 100 clients where the fit knows chances, and in log odds where it knows those."""
    scales = known_scales(fit)
    return stack(average_effect(fit, column, contrast=unit, scale=scale) for scale in scales)


def known_scales(fit: ModelFit) -> tuple[Scale, ...]:
    """The scales on which a fit can speak: of chances, of their differences, or of odds alone."""
    if fit.speaks_of == "odds":
        return ("log_odds",)
    straight = fit.link.name == "identity"
    return ("risk_difference",) if straight else ("risk_difference", "log_odds")


@dataclass(frozen=True)
class Asked:
    """The primary model and its rows, with what differs within clients."""

    plan: Plan
    model: ModelPlan
    frame: pd.DataFrame

    def formula(self, *, changing: bool = False, waves: bool = True) -> str:
        """Exposure and covariates: all, or those that change within some client."""
        kept = list(self.model.covariates)
        if changing:
            kept = [name for name in kept if changes(self.frame, name)]
        if not waves:
            kept = [name for name in kept if not self._is_wave(name)]
        whole = self.model.model_copy(
            update={"covariates": tuple(kept), "split": "none", "split_by": None}
        )
        formula = build_formula(self.plan, whole)
        timed = any(self._is_wave(name) for name in kept)
        return formula if timed or not waves else f"{formula} + C(wave_number)"

    def _is_wave(self, name: str) -> bool:
        declared = self.plan.covariates.get(name)
        return declared is not None and declared.column == self.plan.clock.wave

    def panel(
        self, formula: str, estimator: Estimator, frame: pd.DataFrame | None = None
    ) -> ModelFit:
        """Fit a panel estimator, by default to these rows."""
        rows = self.frame if frame is None else frame
        return models.fit_panel(
            formula, rows, client="client", time="wave_number", estimator=estimator
        )


def changes(frame: pd.DataFrame, column: str) -> bool:
    """Whether any client has more than one value."""
    return bool((frame.groupby("client", observed=True)[column].nunique() > 1).any())


def _pooled(asked: Asked) -> ModelFit:
    return fit_logit(asked.formula(), asked.frame, cluster="client", covariance="auto")


def _averaged(asked: Asked) -> ModelFit:
    return fit_gee(asked.formula(), asked.frame, group="client", covariance="auto")


def _mixed(asked: Asked) -> ModelFit:
    return models.fit_multilevel(
        f"{asked.formula()} + (1 | client)", asked.frame, quadrature_points=POINTS
    )


def _parts(asked: Asked) -> ModelFit:
    # covariates are adjusted for as they are: only the exposure is taken apart
    split = models.WithinBetween(split=(asked.model.exposure,), quadrature_points=POINTS)
    return asked.panel(asked.formula(), split)


def _within(asked: Asked) -> ModelFit:
    formula = asked.formula(changing=True, waves=False)
    return asked.panel(formula, models.Within(time_effects=True))


def _changed(asked: Asked) -> ModelFit:
    return asked.panel(asked.formula(changing=True), models.ConditionalLogit())


_FITS: Mapping[str, tuple[Callable[[Asked], ModelFit], str]] = {
    POOLED: (_pooled, "{exposure}"),
    AVERAGED: (_averaged, "{exposure}"),
    MIXED: (_mixed, "{exposure}"),
    PARTS: (_parts, "{exposure}_within"),
    WITHIN: (_within, "{exposure}"),
    CHANGED: (_changed, "{exposure}"),
}
