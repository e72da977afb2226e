"""One made-up study after another: drawn, fitted by the package's own estimator, and estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats import models
from deepvalue_stats.effects import POINT, Contrast, average_effect, per_sd
from deepvalue_stats.equity import effect_by_confidence
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import BAND
from deepvalue_stats.models import ModelFit, fit_gee, fit_logit
from deepvalue_stats.plan.parts import ModelPlan
from deepvalue_stats.simulate.cohort import Cohort, draw_cohort
from deepvalue_stats.tables import EffectTable
from deepvalue_stats.verdicts import FEWEST_GROUPS
from deepvalue_stats.verdicts.rules import Interval, answer
from deepvalue_stats.verdicts.verdict import Answer

MAIN, BANDS, DAMAGE = "effect", "low_minus_high", "damage"
NO_ANSWER: Answer = "cannot be tested here"
NUMBERS = ("estimate", "std_error", "dof", "p_value")
COLUMNS = ("replicate", "question", "clients", *NUMBERS, "answer", "answer_if_none")


@dataclass(frozen=True)
class Trial:
    """What is drawn, and how each draw is analysed.

    Attributes
    ----------
    cohort : Cohort
    model : ModelPlan
        The plan's primary model, for its estimator; covariates, slopes and services are not drawn.
    truths : mapping of str to float
        By question, what the analysis aims at.
    worthwhile : float
        The smallest worthwhile difference in risk.
    """

    cohort: Cohort
    model: ModelPlan
    truths: Mapping[str, float]
    worthwhile: float


def run_block(
    trial: Trial, places: Sequence[int], seeds: Sequence[np.random.SeedSequence]
) -> pd.DataFrame:
    """Replicates by their places, each from a seed of its own.

    Parameters
    ----------
    trial : Trial
    places : sequence of int
    seeds : sequence of numpy.random.SeedSequence

    Returns
    -------
    pandas.DataFrame
        A row for every replicate and question, with the columns of `COLUMNS`; without numbers
        where the model could not be fitted.
    """
    rows = []
    for place, seed in zip(places, seeds, strict=True):
        frame = _drawn(trial, np.random.default_rng(seed))
        for question, truth in trial.truths.items():
            found = _asked(trial, question, frame)
            answers = _answer(trial, question, found, 0.0), _answer(trial, question, found, truth)
            rows.append((place, question, len(frame), *found, *answers))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _drawn(trial: Trial, rng: np.random.Generator) -> pd.DataFrame:
    """The rows that an analyst would have."""
    cohort = trial.cohort
    drawn = draw_cohort(cohort, rng)
    kept = drawn.loc[drawn["complete"], ["client", "practitioner", "band", "exposure", "outcome"]]
    frame = kept.rename(columns={"band": BAND}).reset_index(drop=True)
    frame[BAND] = frame[BAND].cat.remove_unused_categories()
    if cohort.exposure == "score":
        below = frame["exposure"] < cohort.neutral_point
        frame["side"] = np.where(below, "below", "above")
    if trial.model.split_by:
        between = frame.groupby("practitioner")["exposure"].transform("mean")
        frame["exposure_within"] = frame["exposure"] - between
        frame["exposure_between"] = between
    return frame


def _asked(trial: Trial, question: str, frame: pd.DataFrame) -> tuple[float, ...]:
    """Estimate, standard error, degrees of freedom and p-value; not numbers where none is had."""
    try:
        table, group = _table(trial, question, frame)
    except ModelError:
        # in a study of its own this is a refusal: no answer, and so no power
        return (np.nan,) * len(NUMBERS)
    place = table.frame["group"].tolist().index(group)
    return tuple(float(value) for value in table.frame[list(NUMBERS)].to_numpy()[place])


def _answer(trial: Trial, question: str, found: tuple[float, ...], less: float) -> Answer:
    """The verdict's answer to an estimate, or to what it would be were there no effect."""
    estimate, std_error, dof, _ = found
    if np.isnan(std_error) or trial.cohort.practitioners < FEWEST_GROUPS:
        return NO_ANSWER
    said = answer(Interval(estimate - less, std_error, dof), trial.worthwhile)
    # as in the verdicts: a difference the other way round is no harm done to anyone
    return "not supported" if question != MAIN and said == "harm" else said


def _table(trial: Trial, question: str, frame: pd.DataFrame) -> tuple[EffectTable, str]:
    cohort, split = trial.cohort, trial.model.split_by is not None
    unit = POINT if cohort.exposure == "arms" else per_sd(frame["exposure"])
    columns = ("exposure_within", "exposure_between") if split else ("exposure",)
    if question == MAIN:
        fit = _fit(trial.model, f"outcome ~ {' + '.join(columns)}", frame)
        return average_effect(fit, columns[0], contrast=unit), "all"
    if question == BANDS:
        return _by_band(trial, frame, columns, unit)
    # the neutral point is one of the whole score, whatever the primary model splits it into
    bend = f"np.maximum(exposure - {cohort.neutral_point!r}, 0)"
    fit = _fit(trial.model, f"outcome ~ exposure + {bend}", frame)
    table = average_effect(fit, "exposure", contrast=unit, by="side", reference="above")
    return table, "below minus above"


def _by_band(
    trial: Trial, frame: pd.DataFrame, columns: tuple[str, ...], unit: Contrast
) -> tuple[EffectTable, str]:
    low, reference = trial.cohort.bands[0][0], trial.cohort.reference
    absent = {low, reference} - set(frame[BAND].cat.categories)
    if absent:
        fix = "more clients"
        raise ModelError(f"no client in the band {', '.join(sorted(absent))}", "power", fix)
    terms = " + ".join(f"{column} * C({BAND})" for column in columns)
    fit = _fit(trial.model, f"outcome ~ {terms}", frame)
    table = effect_by_confidence(fit, columns[0], contrast=unit, reference=reference)
    return table, f"{low} minus {reference}"


def _fit(model: ModelPlan, formula: str, frame: pd.DataFrame) -> ModelFit:
    if model.estimator == "gee":
        return fit_gee(formula, frame, group="practitioner", correlation=model.correlation)
    if model.estimator == "logit":
        return fit_logit(formula, frame, cluster="practitioner")
    robust = model.covariance == "cluster:practitioner"
    # by way of the module, whose compiler is loaded by the first such model only
    return models.fit_multilevel(
        f"{formula} + (1 | practitioner)",
        frame,
        quadrature_points=model.quadrature_points,
        covariance="cluster:practitioner" if robust else "model",
    )
