"""The register of estimators: each makes rows of estimates from one replicate.

A further estimator (panel within, conditional logit) is one more function and one more entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from deepvalue_stats.bench.samples import BANDS, Sample
from deepvalue_stats.effects import (
    Contrast,
    average_effect,
    harm_ledger,
    per_sd,
    slopes_at_neutral,
)
from deepvalue_stats.equity import effect_by_confidence, explain_gap, interaction
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import BAND
from deepvalue_stats.models import ModelFit, exposure_columns, fit_gee, fit_logit, fit_multilevel

Row = dict[str, Any]
# presets without anything that an adjusted model could get wrong
CLEAN = ("claim_true", "null")
NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "p_value")
REFUSED = "refused"


@dataclass(frozen=True)
class Estimator:
    """One way to estimate the effect of the relationship.

    Attributes
    ----------
    name, label : str
        Key, and how a table names it.
    description : str
        What it does, in plain words.
    held_to : str
        The truth that its rows are compared with.
    estimands : tuple of str
        One row each: of a sample that it refuses as well.
    rows : callable
        From a sample to the rows, in the order of `estimands`.
    proper : tuple of str
        Presets in which it should be right, as only what was measured matters; there it is also
        given the score without error.
    """

    name: str
    label: str
    description: str
    held_to: str
    estimands: tuple[str, ...]
    rows: Callable[[Sample], Iterable[Row]]
    proper: tuple[str, ...] = CLEAN


def estimated(sample: Sample) -> list[Row]:
    """Run every estimator on a sample.

    Returns
    -------
    list of dict
        score, estimator, estimand, estimate, std_error, conf_low, conf_high, p_value, status: ok,
        not_converged or separated as the fit says, or refused; numbers stand with ok only.
    """
    found = []
    for estimator in ESTIMATORS.values():
        if sample.score == "observed" or sample.preset in estimator.proper:
            place = {"score": sample.score, "estimator": estimator.name}
            found += [{**place, **row} for row in _rows(estimator, sample)]
    return found


def _rows(estimator: Estimator, sample: Sample) -> list[Row]:
    try:
        made = list(estimator.rows(sample))
    except ModelError:
        empty = dict.fromkeys(NUMBERS, np.nan)
        return [{"estimand": name, **empty, "status": REFUSED} for name in estimator.estimands]
    return [{"estimand": name, **row} for name, row in zip(estimator.estimands, made, strict=True)]


def _row(fit: ModelFit, effect: pd.Series) -> Row:
    status = fit.convergence.status
    numbers = {name: float(effect[name]) if status == "ok" else np.nan for name in NUMBERS}
    return numbers | {"status": status}


def _effects(fit: ModelFit, columns: Iterable[str], unit: float) -> list[Row]:
    """One risk difference for each column, in the fixed unit."""
    contrast = Contrast("sd", unit)
    return [
        _row(fit, average_effect(fit, column, contrast=contrast).frame.iloc[0])
        for column in columns
    ]


def _naive(sample: Sample) -> list[Row]:
    rows = sample.everyone
    fit = fit_logit("outcome ~ relationship_all", rows, cluster="client")
    unit = per_sd(rows["relationship_all"]).size
    return _effects(fit, ["relationship_all"], unit)


def _pooled(sample: Sample) -> list[Row]:
    fit = fit_logit(sample.formula(sample.model), sample.rows.frame, cluster="practitioner")
    return _effects(fit, exposure_columns(sample.model), sample.unit)


def _gee(sample: Sample) -> list[Row]:
    fit = fit_gee(sample.formula(sample.model), sample.rows.frame, group="practitioner")
    return _effects(fit, exposure_columns(sample.model), sample.unit)


def _multilevel(sample: Sample) -> list[Row]:
    name, contrast = sample.model.exposure, Contrast("sd", sample.unit)
    scales: tuple[Literal["risk_difference", "log_odds"], ...] = ("risk_difference", "log_odds")
    return [
        _row(
            sample.primary,
            average_effect(sample.primary, name, contrast=contrast, scale=scale).frame.iloc[0],
        )
        for scale in scales
    ]


def _within_between(sample: Sample) -> list[Row]:
    fit = fit_multilevel(sample.multilevel_formula(sample.split), sample.split_rows)
    columns = exposure_columns(sample.split)
    # in a model without interactions the log odds are the coefficients as they are printed
    printed = fit.coefficients.drop(columns="std_error")
    printed = printed.rename(columns={"interval_error": "std_error"})
    rows = [pd.Series(printed.loc[column]) for column in columns]
    log_odds = [_scaled(_row(fit, row), sample.unit) for row in rows]
    return [*_effects(fit, columns, sample.unit), *log_odds]


def _bands(sample: Sample) -> list[Row]:
    table = effect_by_confidence(
        sample.banded,
        sample.model.exposure,
        contrast=Contrast("sd", sample.unit),
        reference=sample.plan.equity.reference,
    )
    return [_row(sample.banded, table.row(group=name.replace("_", " "))) for name in BANDS]


def _interaction(sample: Sample) -> list[Row]:
    name, low, reference = sample.model.exposure, *_compared(sample)
    table = interaction(
        sample.banded, name, BAND, levels=sample.levels, low=low, reference=reference
    )
    return [_row(sample.banded, table.row(scale=scale)) for scale in INTERACTIONS]


def _gap(sample: Sample) -> list[Row]:
    name, low, high = sample.model.exposure, *_compared(sample)
    neutral = sample.neutral
    table = explain_gap(sample.banded, name, BAND, low=low, high=high, neutral=neutral)
    return [_row(sample.banded, table.row(contrast=part)) for part in GAP]


def _compared(sample: Sample) -> tuple[str, str]:
    """The lowest band, and the one it is compared with."""
    return next(iter(sample.plan.equity.bands)), sample.plan.equity.reference


def _damage(sample: Sample) -> list[Row]:
    name, fit = sample.model.exposure, sample.hinged
    unit = Contrast("sd", sample.unit)
    slopes = slopes_at_neutral(fit, name, sample.neutral, contrast=unit)
    slopes = slopes.where(scale="risk_difference")
    harm = harm_ledger(fit, name, sample.neutral).row(scale="risk_difference")
    return [*(_row(fit, row) for _, row in slopes.frame.iterrows()), _row(fit, harm)]


def _scaled(row: Row, factor: float) -> Row:
    lengths = ("estimate", "std_error", "conf_low", "conf_high")
    return row | {name: factor * row[name] for name in lengths}


INTERACTIONS = (
    "interaction_contrast", "ratio_of_risk_ratios", "relative_excess_risk",
    "attributable_proportion",
)  # fmt: skip
GAP = ("gap", "access", "left", "returns", "rest")
DAMAGE = ("below", "above", "below_minus_above", "harm_below")

_PER_SD = "average change of the chance for one SD of the score, over the population"
_PARTS = ("within", "between")

ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        one.name: one
        for one in (
            Estimator(
                "naive",
                "hurried",
                "Logit on every client with any rating, early or late (of all areas together where "
                "they were made to differ); nothing "
                "adjusted for, every client taken for independent of all others.",
                f"{_PER_SD} (its own SD)",
                ("risk_difference",),
                _naive,
                proper=(),
            ),
            Estimator(
                "pooled",
                "pooled logit",
                "Logit on the plan's cohort with the plan's covariates; standard errors robust to "
                "practitioners.",
                _PER_SD,
                ("risk_difference",),
                _pooled,
            ),
            Estimator(
                "gee",
                "GEE",
                "The same by generalised estimating equations, exchangeable within practitioners.",
                _PER_SD,
                ("risk_difference",),
                _gee,
            ),
            Estimator(
                "multilevel",
                "multilevel",
                "The plan's primary model: a random intercept for each practitioner. Risk "
                "difference with practitioners averaged out, and log odds for a given one.",
                f"{_PER_SD}; log odds: planted, given everything else",
                ("risk_difference", "log_odds"),
                _multilevel,
            ),
            Estimator(
                "within_between",
                "within and between",
                "The multilevel model with the score split into the practitioner's mean and the "
                "client's distance from it.",
                "the same for the client's part alone, and for the practitioner's part alone",
                tuple(f"{s}_{part}" for s in ("risk_difference", "log_odds") for part in _PARTS),
                _within_between,
            ),
            Estimator(
                "bands",
                "multilevel by band",
                "The multilevel model with the effect free to differ by band of confidence.",
                f"{_PER_SD} in the band, and its difference low minus high",
                BANDS,
                _bands,
            ),
            Estimator(
                "interaction",
                "interaction",
                "From the same model the chances one SD of the relationship below and above the "
                "mean in the lowest and the highest band, and the measures made of them.",
                "the same measures of the planted chances",
                INTERACTIONS,
                _interaction,
            ),
            Estimator(
                "gap",
                "gap between bands",
                "From the same model the gap in outcomes between the highest and the lowest band, "
                "and the parts that relationships have in it.",
                "the same parts, from planted chances",
                tuple(f"gap_{part}" if part != "gap" else part for part in GAP),
                _gap,
            ),
            Estimator(
                "damage",
                "bent at neutral",
                "The multilevel model with one slope below the neutral point and one above it, and "
                "what clients below would gain at it.",
                "average change of the chance for one SD among clients below neutral and above, "
                "and the mean gain of those below",
                DAMAGE,
                _damage,
                proper=(*CLEAN, "damage"),
            ),
        )
    }
)
