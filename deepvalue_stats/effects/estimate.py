"""Average effects of an exposure, from any fit to rows of an `EffectTable`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.effects.contrast import POINT, Contrast, per_sd
from deepvalue_stats.effects.delta import Estimates, average_derivative, average_mean, together
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import KINDS, LEVEL, EffectTable, Series, effect_rows

Scale = Literal["risk_difference", "log_odds"]
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

    Returns
    -------
    EffectTable
        Intervals by the delta method from the full covariance. A fit that did not converge
        gives rows without numbers.

    Raises
    ------
    ModelError
        If the exposure is not in the fit or does not vary.

    References
    ----------
    Bartus (2005), Stata Journal 5: average marginal effects and their delta method.
    """
    frame = fit.design.frame
    if exposure not in frame:
        raise ModelError(
            f"the fit has no column '{exposure}'", fit.spec.formula, "name a column of its data"
        )
    unit = _unit(frame[exposure], contrast)
    masks = group_masks(frame, by)
    derivative = design_derivative(fit, exposure)
    groups = together(
        [_effect_in(fit, derivative, mask, scale) for mask in masks.values()]
    ).combine(np.eye(len(masks)) * unit.size)
    labels = list(masks)
    rows = _rows(fit, exposure, unit, scale, groups, {g: frame[m] for g, m in masks.items()})
    if reference is not None:
        others = [label for label in labels if label != reference]
        weights = np.array([_contrast(labels, other, reference) for other in others])
        pairs = {
            f"{other} minus {reference}": frame[masks[other] | masks[reference]] for other in others
        }
        rows += _rows(fit, exposure, unit, scale, groups.combine(weights), pairs)
    return effect_rows(rows)


def group_masks(frame: pd.DataFrame, by: str | None) -> dict[str, np.ndarray]:
    """Which rows each group has, in the order of its categories."""
    if by is None:
        return {ALL: np.ones(len(frame), dtype=bool)}
    labels = pd.Categorical(frame[by])
    present = [label for label in labels.categories if (labels == label).any()]
    return {str(label): np.asarray(labels == label) for label in present}


def design_derivative(fit: ModelFit, exposure: str) -> np.ndarray:
    """How each row of the design matrix changes with the exposure, shape (n, p)."""
    frame = fit.design.frame
    values = frame[exposure].to_numpy(dtype="float64")
    step = STEP * (values.std() or 1.0)
    above = fit.design.rebuild(frame.assign(**{exposure: values + step}))
    below = fit.design.rebuild(frame.assign(**{exposure: values - step}))
    return np.asarray((above - below) / (2 * step))


def _effect_in(fit: ModelFit, derivative: np.ndarray, mask: np.ndarray, scale: Scale) -> Estimates:
    if scale == "log_odds":
        gradient = derivative[mask].mean(axis=0)
        return Estimates(np.array([gradient @ fit.params]), gradient[None, :])
    return average_derivative(fit.link, fit.params, fit.design.matrix[mask], derivative[mask])


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


def _rows(
    fit: ModelFit,
    exposure: str,
    unit: Contrast,
    scale: Scale,
    estimates: Estimates,
    frames: Mapping[str, pd.DataFrame],
) -> list[dict[str, object]]:
    std_error = np.sqrt(np.diag(estimates.covariance(fit.covariance)))
    return [
        {
            "outcome": fit.design.outcome,
            "exposure": exposure,
            "estimand": unit.estimand,
            "scale": scale,
            "contrast": unit.name,
            "group": group,
            "null_value": KINDS[scale].null_value,
            "unit": KINDS[scale].unit,
            **_inference(fit, float(estimates.value[i]), float(std_error[i])),
            **_counts(fit, frame),
        }
        for i, (group, frame) in enumerate(frames.items())
    ]


def _inference(fit: ModelFit, estimate: float, std_error: float) -> dict[str, object]:
    """Wald interval and p-value; no number at all where fit or covariance is not sound."""
    if fit.convergence.status != "ok" or not std_error > 0:
        return {"status": "not_converged"}
    half = float(stats.t.ppf((1 + LEVEL) / 2, fit.dof)) * std_error
    return {
        "status": "ok",
        "estimate": estimate,
        "std_error": std_error,
        "dof": fit.dof,
        "conf_low": estimate - half,
        "conf_high": estimate + half,
        "p_value": 2 * float(stats.t.sf(abs(estimate) / std_error, fit.dof)),
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

    Returns
    -------
    Series
    """
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
            matrix = fit.design.rebuild(members.assign(**{exposure: x}))
            at_x = average_mean(fit.link, fit.params, matrix)
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
    spread = float(np.sqrt(estimate.covariance(fit.covariance)[0, 0])) / (p * (1 - p))
    half = float(stats.t.ppf((1 + LEVEL) / 2, fit.dof)) * spread
    center = np.log(p / (1 - p))
    bounds = 1 / (1 + np.exp(-(center + np.array([-half, half]))))
    return float(bounds[0]), float(bounds[1])
