"""Average effects of an exposure, from any fit to rows of an `EffectTable`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import pandas as pd

from deepvalue_stats.effects.contrast import POINT, Contrast, Levels, Step, per_sd
from deepvalue_stats.effects.delta import Estimates, average_derivative, average_mean, together
from deepvalue_stats.effects.inference import Inference, cells, counts_of, infer
from deepvalue_stats.effects.needed import number_needed
from deepvalue_stats.effects.pooling import pool_tables
from deepvalue_stats.effects.predictor import Movable, Predictor, movable
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import LOGIT, ModelFit
from deepvalue_stats.tables import KINDS, EffectTable, effect_rows, stack

Scale = Literal["risk_difference", "risk_ratio", "odds_ratio", "number_needed", "log_odds"]
Averaged = Literal["population", "typical"]
AnyContrast = Contrast | Step | Levels
ALL = "all"
# the scale of a difference between groups: of logs it is a ratio of ratios
BETWEEN = {"risk_ratio": "ratio_of_risk_ratios", "odds_ratio": "ratio_of_odds_ratios"}


def average_effect(
    fit: ModelFit | Sequence[ModelFit],
    exposure: str,
    *,
    contrast: AnyContrast | Literal["sd", "point"] = "sd",
    scale: Scale = "risk_difference",
    by: str | None = None,
    reference: str | None = None,
    at: Averaged = "population",
    over: pd.DataFrame | None = None,
) -> EffectTable:
    """The average effect of a change in the exposure, in a stated unit and on a stated scale.

    Use it for what one SD, or one point, of the exposure goes with in the population of the fit.
    A difference per SD or point is the slope at the clients' own values, not the step from x to
    x + 1 SD, which a curved mean makes smaller or larger; a `Step` or `Levels` is what it says.

    Parameters
    ----------
    fit : ModelFit, or a sequence of them
        Several are fits of one model to imputed data, and are pooled by Rubin's rules.
    exposure : str
        A numeric column of the fit's rows. Where it takes part in interactions or splines the
        design matrix is built anew with the exposure moved, never differentiated by column.
    contrast : Contrast, Step, Levels, "sd" or "point"
        The unit. "sd" is the SD on the fit's own rows.
    scale : str
        risk_difference; risk_ratio; odds_ratio, of the averaged chances, which comes with the
        difference and the ratio of risks beside it and never alone; number_needed; log_odds, on
        the scale of the predictor.
    by : str, optional
        A column of groups: one row a group, averaged over the group's own rows.
    reference : str, optional
        With `by`: one more row for every other group, that group minus the reference; of ratios
        the ratio of the two.
    at : str
        Of a multilevel fit. population: the random effects are averaged out, so that the row
        compares with that of a marginal model. typical: at random effects of zero, the middle
        practitioner, whose clients' chances are not the average chances. Log odds are for given
        random effects either way.
    over : pandas.DataFrame, optional
        A target population with every column of the fit, in the place of the fit's own rows.

    Returns
    -------
    EffectTable
        Intervals by the delta method from the full covariance; of a multilevel fit that of
        variance parameters and coefficients together, and `std_error` is the one on which the
        interval rests. Ratios have symmetric intervals, and their `std_error`, on the log scale.
        Covariates are held fixed at the rows averaged over. A fit that did not converge gives rows
        without numbers.

    Raises
    ------
    ModelError
        If the exposure is not in the fit or does not vary, the outcome is not binary, or a
        marginal fit is asked for its typical group.

    References
    ----------
    Bartus (2005), Stata Journal 5: average marginal effects and their delta method. Zeger, Liang
    and Albert (1988), Biometrics 44, section 3: the average over random effects. Localio, Margolis
    and Berlin (2007), Journal of Clinical Epidemiology 60: ratios of averaged risks.
    """
    options: dict[str, Any] = {
        "contrast": contrast,
        "by": by,
        "reference": reference,
        "at": at,
        "over": over,
    }
    if scale == "number_needed":
        return number_needed(average_effect(fit, exposure, **options))
    if scale == "odds_ratio":
        kinds: tuple[Scale, ...] = ("risk_difference", "risk_ratio", "odds_ratio")
    else:
        kinds = (scale,)
    if not isinstance(fit, ModelFit):
        if contrast == "sd":
            options["contrast"] = _common_sd(fit, exposure)
        return pool_tables([average_effect(one, exposure, scale=scale, **options) for one in fit])
    for kind in kinds:
        refuse_unaveraged(fit, at, kind)
    asked = _Asked(fit, exposure, _change(fit, exposure, contrast), at, over)
    return stack([_rows(asked, kind, by, reference) for kind in kinds])


def _common_sd(fits: Sequence[ModelFit], exposure: str) -> Contrast:
    """One unit for all imputations: the mean of their SDs."""
    sizes = [per_sd(fit.design.frame[exposure]).size for fit in fits]
    return Contrast("sd", float(np.mean(sizes)))


@dataclass(frozen=True)
class _Asked:
    """What is moved, in which fit, and over whose rows it is averaged."""

    fit: ModelFit
    exposure: str
    contrast: AnyContrast
    at: Averaged
    over: pd.DataFrame | None

    @property
    def frame(self) -> pd.DataFrame:
        return self.fit.design.frame if self.over is None else self.over

    @cached_property
    def rows(self) -> Movable:
        """The rows averaged over, with the exposure free to be set."""
        return movable(self.fit, self.exposure, self.at, self.over)

    def average(self, rows: Predictor) -> Estimates:
        """The mean chance."""
        return average_mean(self.fit.link, rows)

    def on(self, scale: str) -> AnyContrast:
        """The contrast of a scale: a ratio per SD is that of a step, for it has no derivative."""
        if isinstance(self.contrast, Contrast) and scale in BETWEEN:
            return self.contrast.step
        return self.contrast


def _rows(asked: _Asked, scale: str, by: str | None, reference: str | None) -> EffectTable:
    """One row a group, and one for every difference from the reference, on one scale."""
    fit, frame = asked.fit, asked.fit.design.frame
    masks = group_masks(asked.frame, by)
    members = masks if asked.over is None else group_masks(frame, by)
    labels = list(masks)
    seen = dict(members)
    scales = dict.fromkeys(labels, scale)
    weights = np.eye(len(labels))
    for other in [] if reference is None else [label for label in labels if label != reference]:
        weights = np.vstack([weights, _difference(labels, other, str(reference))])
        name = f"{other} minus {reference}"
        seen[name] = members[other] | members[str(reference)]
        scales[name] = BETWEEN.get(scale, scale)
    found = None
    if fit.convergence.status == "ok":
        estimates, terms = _estimates(asked, list(masks.values()), scale)
        found = infer(estimates.combine(weights), fit, terms)
    contrast = asked.on(scale)
    about = {
        "outcome": fit.design.outcome,
        "exposure": asked.exposure,
        "estimand": contrast.estimand + _given(fit, scale, asked.at),
        "contrast": contrast.name,
    }
    return effect_rows(
        {**about, **_kind(scales[group]), "group": group, **cells(found, i, scales[group])}
        | counts_of(fit, mask)
        for i, (group, mask) in enumerate(seen.items())
    )


def _kind(scale: str) -> dict[str, object]:
    return {"scale": scale, "null_value": KINDS[scale].null_value, "unit": KINDS[scale].unit}


def group_masks(frame: pd.DataFrame, by: str | None) -> dict[str, np.ndarray]:
    """Which rows each group has, in the order of its categories."""
    if by is None:
        return {ALL: np.ones(len(frame), dtype=bool)}
    labels = pd.Categorical(frame[by])
    masks = {str(name): labels.codes == code for code, name in enumerate(labels.categories)}
    return {name: mask for name, mask in masks.items() if mask.any()}


def _estimates(asked: _Asked, masks: list[np.ndarray], scale: str) -> tuple[Estimates, np.ndarray]:
    """One effect a group, on the scale on which it is symmetric, and the terms that make it."""
    contrast = asked.on(scale)
    if isinstance(contrast, Contrast):
        return _derivatives(asked, contrast, masks, scale)
    settings = contrast.settings(asked.frame[asked.exposure].to_numpy(dtype="float64"))
    both = [asked.rows.set_to(values) for values in settings]
    average = partial(_mean_predictor, asked.fit) if scale == "log_odds" else asked.average
    means = [together([average(one.where(mask)) for mask in masks]) for one in both]
    to = _ON_SCALE.get(scale)
    difference = np.hstack([np.eye(len(masks)), -np.eye(len(masks))])
    estimates = together([to(part) if to else part for part in means]).combine(difference)
    return estimates, both[0].terms_moved(both[1])


_ON_SCALE: dict[str, Callable[[Estimates], Estimates]] = {
    "risk_ratio": Estimates.logs,
    "odds_ratio": Estimates.logits,
}


def _derivatives(
    asked: _Asked, contrast: Contrast, masks: list[np.ndarray], scale: str
) -> tuple[Estimates, np.ndarray]:
    fit, change = asked.fit, asked.rows.derivative()
    if scale == "log_odds":
        parts = [_mean_predictor(fit, change.where(mask)) for mask in masks]
    else:
        rows = asked.rows.as_is
        parts = [average_derivative(fit.link, rows.where(m), change.where(m)) for m in masks]
    return together(parts).combine(contrast.size * np.eye(len(masks))), change.terms


def _mean_predictor(fit: ModelFit, rows: Predictor) -> Estimates:
    """The mean of the linear predictor itself, or of its change, but for an offset."""
    gradient = rows.gradient(np.full_like(rows.eta, 1 / len(rows.eta)))
    none = np.zeros(len(fit.theta))
    return Estimates(np.array([gradient @ fit.params]), np.concatenate([none, gradient])[None, :])


def refuse_unaveraged(fit: ModelFit, at: Averaged, scale: str = "risk") -> None:
    """Raise a ModelError for an average, or a scale, that a fit does not have."""
    if at not in ("population", "typical"):
        raise ModelError("no such average", f"at={at!r}", "use population or typical")
    if at == "typical" and fit.random is None:
        raise ModelError(
            f"a {fit.spec.estimator} fit has no random effects to hold at a value",
            f"at={at!r}",
            'use at="population"',
        )
    if fit.spec.family != "binomial":
        raise ModelError(
            "a linear model has no difference in risk",
            fit.spec.formula,
            "read its coefficients: they are the effects",
        )
    _refuse_unknown(fit, scale)


def _refuse_unknown(fit: ModelFit, scale: str) -> None:
    """A fit that took out clients' own levels has no chances, and a linear one no odds."""
    words = scale.replace("_", " ")
    if fit.speaks_of == "odds" and scale != "log_odds":
        raise ModelError(
            "a conditional logit knows no chances",
            f"{fit.spec.estimator}, scale {words}",
            'use scale="log_odds"; for per 100 clients fit the within-between logit',
        )
    if fit.speaks_of == "hazards":
        raise ModelError(
            "a model of hazards knows no chances without its baseline",
            f"{fit.spec.estimator}, scale {words}",
            "read its hazard_ratios; for per 100 clients use fit_hazard and effect_by_horizon",
        )
    if fit.speaks_of == "differences" and scale not in ("risk_difference", "log_odds"):
        raise ModelError(
            "a fit that has taken out clients' own levels knows differences only",
            f"{fit.spec.estimator}, scale {words}",
            'use scale="risk_difference"; for risks and ratios fit the within-between logit',
        )
    if scale == "log_odds" and fit.link.name not in (LOGIT.name, "identity"):
        raise ModelError(
            f"the predictor of a fit with link {fit.link.name} is no log odds",
            f"scale={scale!r}",
            "read its coefficients, or ask for another scale",
        )
    if scale == "log_odds" and fit.link.name != LOGIT.name:
        raise ModelError(
            "a linear model of chances knows no odds of single clients",
            f"{fit.spec.estimator}, scale {words}",
            'use scale="risk_difference", or fit a logit',
        )


def _given(fit: ModelFit, scale: str, at: Averaged) -> str:
    """What an estimand holds fixed that a marginal model does not."""
    if fit.speaks_of == "odds":
        return f", for a given {' and '.join(fit.spec.groups)} whose outcome changes"
    if fit.random is None or (scale != "log_odds" and at == "population"):
        return ""
    names = " and ".join(fit.spec.groups)
    return f", for a given {names}" if scale == "log_odds" else f", for a typical {names}"


def _change(
    fit: ModelFit, exposure: str, contrast: AnyContrast | Literal["sd", "point"]
) -> AnyContrast:
    if exposure not in fit.design.frame:
        raise ModelError(
            f"the fit has no column '{exposure}'", fit.spec.formula, "name a column of its data"
        )
    if contrast == "sd":
        return per_sd(fit.design.frame[exposure])
    return POINT if contrast == "point" else contrast


def _difference(labels: list[str], plus: str, minus: str) -> list[float]:
    if minus not in labels:
        raise ModelError(
            "the reference group has no row in the fit",
            minus,
            f"use one of {', '.join(labels)}",
        )
    return [float(label == plus) - float(label == minus) for label in labels]


def average_risk(
    fit: ModelFit,
    exposure: str,
    settings: Sequence[float],
    *,
    by: str | None = None,
    at: Averaged = "population",
    over: pd.DataFrame | None = None,
) -> EffectTable:
    """The average chance of the outcome with everybody's exposure at each of some values.

    Parameters
    ----------
    fit : ModelFit
    exposure : str
    settings : sequence of float
        In the exposure's own points.
    by, at, over
        As in `average_effect`.

    Returns
    -------
    EffectTable
        Scale `risk`: a row a setting and group; intervals are symmetric on the logit scale.

    Raises
    ------
    ModelError
        As `average_effect`.

    References
    ----------
    Lane and Nelder (1982), Biometrics 38: standardised predictions.
    """
    refuse_unaveraged(fit, at)
    asked = _Asked(fit, exposure, _change(fit, exposure, "point"), at, over)
    masks, members = group_masks(asked.frame, by), group_masks(fit.design.frame, by)
    rows: list[dict[str, object]] = []
    for value in settings:
        found = _risks_at(asked, value, list(masks.values()))
        rows += [
            {
                "outcome": fit.design.outcome,
                "exposure": exposure,
                "estimand": f"everybody at {value:.4g}" + _given(fit, "risk", at),
                "contrast": f"at {value:.4g}",
                **_kind("risk"),
                "group": group,
                **cells(found, place, "risk"),
                **counts_of(fit, members[group]),
            }
            for place, group in enumerate(masks)
        ]
    return effect_rows(rows)


def _risks_at(asked: _Asked, value: float, masks: list[np.ndarray]) -> Inference | None:
    fit = asked.fit
    if fit.convergence.status != "ok":
        return None
    rows = asked.rows.set_to(value)
    risks = together([asked.average(rows.where(mask)) for mask in masks])
    return infer(risks, fit, np.ones(len(fit.params), dtype=bool))
