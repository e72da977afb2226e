"""The register of estimators: each makes rows of estimates from one replicate.

A further estimator (panel within, conditional logit) is one more function and one more entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.bench.samples import BANDS, Sample
from deepvalue_stats.effects import Contrast, average_effect, per_sd
from deepvalue_stats.effects.estimate import Scale
from deepvalue_stats.equity import effect_by_confidence
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit, exposure_columns, fit_gee, fit_logit, fit_multilevel

Row = dict[str, Any]
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
    proper : bool
        Whether it should be right where only what was measured matters; then it is also given
        the score without error.
    """

    name: str
    label: str
    description: str
    held_to: str
    estimands: tuple[str, ...]
    rows: Callable[[Sample], Iterable[Row]]
    proper: bool = True


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
        if sample.score == "observed" or estimator.proper:
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
    return {name: float(effect[name]) for name in NUMBERS} | {"status": fit.convergence.status}


def _effects(fit: ModelFit, columns: Iterable[str], unit: float, *scales: Scale) -> list[Row]:
    """One row for each scale and column, in the fixed unit."""
    contrast = Contrast("sd", unit)
    return [
        _row(fit, average_effect(fit, column, contrast=contrast, scale=scale).frame.iloc[0])
        for scale in scales
        for column in columns
    ]


def _naive(sample: Sample) -> list[Row]:
    rows = sample.everyone
    fit = fit_logit("outcome ~ relationship_all", rows, cluster="client")
    unit = per_sd(rows["relationship_all"]).size
    return _effects(fit, ["relationship_all"], unit, "risk_difference")


def _pooled(sample: Sample) -> list[Row]:
    fit = fit_logit(sample.formula(sample.model), sample.rows.frame, cluster="practitioner")
    return _effects(fit, exposure_columns(sample.model), sample.unit, "risk_difference")


def _gee(sample: Sample) -> list[Row]:
    fit = fit_gee(sample.formula(sample.model), sample.rows.frame, group="practitioner")
    return _effects(fit, exposure_columns(sample.model), sample.unit, "risk_difference")


def _multilevel(sample: Sample) -> list[Row]:
    columns = exposure_columns(sample.model)
    return _effects(sample.primary, columns, sample.unit, "risk_difference", "log_odds")


def _within_between(sample: Sample) -> list[Row]:
    fit = fit_multilevel(sample.multilevel_formula(sample.split), sample.split_rows)
    columns = exposure_columns(sample.split)
    return _effects(fit, columns, sample.unit, "risk_difference", "log_odds")


def _bands(sample: Sample) -> list[Row]:
    table = effect_by_confidence(
        sample.banded,
        sample.model.exposure,
        contrast=Contrast("sd", sample.unit),
        reference=sample.plan.equity.reference,
    ).frame.set_index("group")
    return [_row(sample.banded, table.loc[name.replace("_", " ")]) for name in BANDS]


_PER_SD = "average change of the chance for one SD of the score, over the population"
_PARTS = ("within", "between")

ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        one.name: one
        for one in (
            Estimator(
                "naive",
                "hurried",
                "Logit on every client with any rating, early or late; nothing adjusted for, "
                "every client taken for independent of all others.",
                f"{_PER_SD} (its own SD)",
                ("risk_difference",),
                _naive,
                proper=False,
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
        )
    }
)
