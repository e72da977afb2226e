"""Average effects of an exposure, from any fit to rows of an `EffectTable`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.effects.contrast import POINT, Contrast, per_sd
from deepvalue_stats.effects.delta import Estimates, average_derivative, average_mean, together
from deepvalue_stats.effects.predictor import Predictor, predictor_of
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import KINDS, LEVEL, EffectTable, Series, effect_rows

Scale = Literal["risk_difference", "log_odds"]
Averaged = Literal["population", "typical"]
ALL = "all"
# a derivative by central difference: exact for designs up to quadratic in the exposure, and for
# splines wrong by h^2, with h this share of the exposure's spread
STEP = 1e-4
# of a normal score nine tenths lie within so many SD of the mean
REACH = 1.645


def average_effect(
    fit: ModelFit,
    exposure: str,
    *,
    contrast: Contrast | Literal["sd", "point"] = "sd",
    scale: Scale = "risk_difference",
    by: str | None = None,
    reference: str | None = None,
    at: Averaged = "population",
) -> EffectTable:
    """The average effect of a small change in the exposure, in a stated unit.

    Use it for what one SD, or one point, of the exposure goes with in the population of the fit.
    It is the slope at the clients' own values, not the step from x to x + 1 SD, which a curved
    mean makes smaller or larger.

    Parameters
    ----------
    fit : ModelFit
    exposure : str
        A numeric column of the fit's rows. Where it takes part in interactions or splines the
        design matrix is built anew with the exposure moved, never differentiated by column.
    contrast : Contrast, "sd" or "point"
        The unit. "sd" is the SD on the fit's own rows.
    scale : str
        risk_difference, on the probability scale; log_odds, on the scale of the predictor.
    by : str, optional
        A column of groups: one row a group, averaged over the group's own rows.
    reference : str, optional
        With `by`: one more row for every other group, that group minus the reference.
    at : str
        Of a multilevel fit. population: the random effects are averaged out, so that the row
        compares with that of a marginal model. typical: at random effects of zero, the middle
        practitioner, whose clients' chances are not the average chances. Log odds are for given
        random effects either way.

    Returns
    -------
    EffectTable
        Intervals by the delta method from the full covariance; of a multilevel fit that of
        variance parameters and coefficients together, and `std_error` is the one on which the
        interval rests. A fit that did not converge gives rows without numbers.

    Raises
    ------
    ModelError
        If the exposure is not in the fit or does not vary, the outcome is not binary, or a
        marginal fit is asked for its typical group.

    References
    ----------
    Bartus (2005), Stata Journal 5: average marginal effects and their delta method. Zeger, Liang
    and Albert (1988), Biometrics 44, section 3: the average over random effects.
    """
    _refuse(fit, at)
    frame = fit.design.frame
    if exposure not in frame:
        raise ModelError(
            f"the fit has no column '{exposure}'", fit.spec.formula, "name a column of its data"
        )
    unit = _unit(frame[exposure], contrast)
    masks = group_masks(frame, by)
    labels = list(masks)
    seen = {label: frame[mask] for label, mask in masks.items()}
    weights = np.eye(len(labels))
    for other in [] if reference is None else [label for label in labels if label != reference]:
        weights = np.vstack([weights, _contrast(labels, other, str(reference))])
        seen[f"{other} minus {reference}"] = frame[masks[other] | masks[str(reference)]]
    found = None
    if fit.convergence.status == "ok":
        found = _effects_in(fit, exposure, list(masks.values()), scale, at).of(
            weights * unit.size, fit
        )
    about = {
        "outcome": fit.design.outcome,
        "exposure": exposure,
        "estimand": unit.estimand + _given(fit, scale, at),
        "scale": scale,
        "contrast": unit.name,
        "null_value": KINDS[scale].null_value,
        "unit": KINDS[scale].unit,
    }
    return effect_rows(
        {**about, "group": group, **_inference(found, i), **_counts(fit, members)}
        for i, (group, members) in enumerate(seen.items())
    )


def group_masks(frame: pd.DataFrame, by: str | None) -> dict[str, np.ndarray]:
    """Which rows each group has, in the order of its categories."""
    if by is None:
        return {ALL: np.ones(len(frame), dtype=bool)}
    labels = pd.Categorical(frame[by])
    present = [label for label in labels.categories if (labels == label).any()]
    return {str(label): np.asarray(labels == label) for label in present}


@dataclass(frozen=True)
class _Inference:
    """Estimates with the standard errors and degrees of freedom that their intervals rest on."""

    value: np.ndarray
    std_error: np.ndarray
    dof: float


@dataclass(frozen=True)
class _Effects:
    """One effect a group, and the terms of the model that make it."""

    estimates: Estimates
    terms: np.ndarray

    def of(self, weights: np.ndarray, fit: ModelFit) -> _Inference:
        """Combinations of the groups' effects, with their joint covariance."""
        combined = self.estimates.combine(weights)
        variance = np.diag(combined.covariance(fit.interval_joint))
        return _Inference(combined.value, np.sqrt(variance), fit.degrees_of(self.terms))


def _effects_in(
    fit: ModelFit, exposure: str, masks: list[np.ndarray], scale: Scale, at: Averaged
) -> _Effects:
    rows = predictor_of(fit, fit.design.frame, at)
    change = exposure_derivative(fit, exposure, at)
    terms = (change.matrix != 0).any(axis=0)
    none = np.zeros(len(fit.theta))
    parts = []
    for mask in masks:
        if scale == "log_odds":
            gradient = change.matrix[mask].mean(axis=0)
            value = np.array([gradient @ fit.params])
            parts.append(Estimates(value, np.concatenate([none, gradient])[None, :]))
        else:
            parts.append(average_derivative(fit.link, rows.where(mask), change.where(mask)))
    return _Effects(together(parts), terms)


def exposure_derivative(fit: ModelFit, exposure: str, at: Averaged = "population") -> Predictor:
    """How the latent scale of each row of the fit moves with the exposure."""
    frame = fit.design.frame
    values = frame[exposure].to_numpy(dtype="float64")
    step = STEP * (values.std() or 1.0)
    above = predictor_of(fit, frame.assign(**{exposure: values + step}), at)
    below = predictor_of(fit, frame.assign(**{exposure: values - step}), at)
    change = above.since(below, 2 * step)
    # the derivative of the design is exact to its last digits, a difference of predictors is not
    return replace(change, eta=change.matrix @ fit.params)


def _refuse(fit: ModelFit, at: Averaged) -> None:
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


def _given(fit: ModelFit, scale: Scale, at: Averaged) -> str:
    """What an estimand holds fixed that a marginal model does not."""
    if fit.random is None or (scale == "risk_difference" and at == "population"):
        return ""
    names = " and ".join(fit.spec.groups)
    return f", for a given {names}" if scale == "log_odds" else f", for a typical {names}"


def _unit(values: pd.Series, contrast: Contrast | str) -> Contrast:
    if isinstance(contrast, Contrast):
        return contrast
    return POINT if contrast == "point" else per_sd(values)


def _contrast(labels: list[str], plus: str, minus: str) -> list[float]:
    if minus not in labels:
        raise ModelError(
            "the reference group has no row in the fit",
            minus,
            f"use one of {', '.join(labels)}",
        )
    return [float(label == plus) - float(label == minus) for label in labels]


def _inference(found: _Inference | None, place: int) -> dict[str, object]:
    """Wald interval and p-value; no number at all where fit or covariance is not sound."""
    if found is None or not found.std_error[place] > 0:
        return {"status": "not_converged"}
    estimate, std_error = float(found.value[place]), float(found.std_error[place])
    half = float(stats.t.ppf((1 + LEVEL) / 2, found.dof)) * std_error
    return {
        "status": "ok",
        "estimate": estimate,
        "std_error": std_error,
        "dof": found.dof,
        "conf_low": estimate - half,
        "conf_high": estimate + half,
        "p_value": 2 * float(stats.t.sf(abs(estimate) / std_error, found.dof)),
    }


def _counts(fit: ModelFit, frame: pd.DataFrame) -> dict[str, object]:
    """How many stand behind an estimate, and how many of them had each outcome."""
    client = fit.ids.get("client")
    practitioner = fit.ids.get("practitioner")
    persons = frame[client] if client else pd.Series(frame.index, index=frame.index)
    positive = frame[fit.design.outcome].astype("float64") == 1
    return {
        "n_obs": len(frame),
        "n_clients": int(persons.nunique()),
        "n_practitioners": int(frame[practitioner].nunique()) if practitioner else None,
        "events": int(persons[positive].nunique()),
        "non_events": int(persons[~positive].nunique()),
    }


def predicted_curve(
    fit: ModelFit,
    exposure: str,
    *,
    by: str | None = None,
    bounds: tuple[float, float] | None = None,
    points: int = 15,
    name: str = "predicted",
    at: Averaged = "population",
) -> Series:
    """The average predicted outcome at a grid of exposures, group by group.

    The grid runs over the mean of the exposure and 1.645 SD to either side, so that no client's
    own value is the end of a line. Intervals are symmetric on the logit scale.

    Parameters
    ----------
    fit : ModelFit
    exposure : str
    by : str, optional
        A column of groups.
    bounds : tuple of float, optional
        Lowest and highest score there can be; the grid does not leave them.
    points : int
        Grid points.
    name : str
        Key of the series.
    at : str
        As in `average_effect`.

    Returns
    -------
    Series

    Raises
    ------
    ModelError
        As `average_effect`.
    """
    _refuse(fit, at)
    frame = fit.design.frame
    values = frame[exposure].to_numpy(dtype="float64")
    ends = values.mean() + np.array([-1, 1]) * REACH * values.std(ddof=1)
    low_end, high_end = np.clip(ends, *bounds) if bounds else ends
    grid = np.linspace(low_end, high_end, points)
    sound = fit.convergence.status == "ok"
    rows, evidence = [], []
    for group, mask in group_masks(frame, by).items() if sound else ():
        members = frame[mask]
        counts = _counts(fit, members)
        for x in grid:
            rows_at_x = predictor_of(fit, members.assign(**{exposure: x}), at)
            at_x = average_mean(fit.link, rows_at_x)
            low, high = _logit_interval(at_x, fit)
            rows.append((group, x, float(at_x.value[0]), low, high, counts["n_clients"]))
            evidence.append((counts["events"], counts["non_events"]))
    columns = ["group", "x", "y", "low", "high", "n_clients"]
    return Series(
        name=name,
        caption=f"Predicted {fit.design.outcome} by {exposure}",
        frame=pd.DataFrame(rows, columns=columns),
        x_label=f"{exposure} score, points",
        y_label=f"{fit.design.outcome}, per 100 clients",
        evidence=pd.DataFrame(evidence, columns=["events", "non_events"], dtype="int64"),
    )


def _logit_interval(estimate: Estimates, fit: ModelFit) -> tuple[float, float]:
    p = float(estimate.value[0])
    spread = float(np.sqrt(estimate.covariance(fit.interval_joint)[0, 0])) / (p * (1 - p))
    dof = fit.degrees_of(np.ones(len(fit.params), dtype=bool))
    half = float(stats.t.ppf((1 + LEVEL) / 2, dof)) * spread
    center = np.log(p / (1 - p))
    bounds = 1 / (1 + np.exp(-(center + np.array([-half, half]))))
    return float(bounds[0]), float(bounds[1])
