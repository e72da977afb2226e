"""The model of a fit, fitted again to other rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.clusters.covariance import few_cluster_covariance
from deepvalue_stats.models.fit import ModelFit, ModelSpec
from deepvalue_stats.models.marginal import fit_gee, fit_logit
from deepvalue_stats.models.multilevel.fit import MultilevelFit
from deepvalue_stats.models.multilevel.fitting import fit_multilevel
from deepvalue_stats.models.multilevel.terms import split_formula
from deepvalue_stats.models.panel.estimators import ConditionalLogit, Estimator
from deepvalue_stats.models.panel.fit import PanelFit
from deepvalue_stats.models.panel.fitting import fit_panel


def refit(fit: ModelFit, frame: pd.DataFrame) -> ModelFit:
    """Fit the model of a fit to other rows.

    For resampled rows, rows without one practitioner, or an imputed copy of the data.

    Parameters
    ----------
    fit : ModelFit
        Of a logit, a GEE, a multilevel model or a panel.
    frame : pandas.DataFrame
        Rows with every column of the fit.

    Returns
    -------
    ModelFit
        With the formula, groups, covariance and other options of `fit`.

    Raises
    ------
    ModelError
        As the function that made the fit; for a multilevel fit with a prior or with frequencies,
        which it does not remember; and for a logit that counts missed outcomes.
    """
    if isinstance(fit, MultilevelFit):
        return _multilevel(fit, frame)
    if isinstance(fit, PanelFit) and fit.estimator is not None:
        return _panel(fit, fit.estimator, frame)
    if fit.spec.estimator not in ("gee", "logit"):
        raise ModelError(
            f"a fit by '{fit.spec.estimator}' does not remember all it was made with",
            fit.spec.formula,
            "call the function that made it with the other rows",
        )
    ids = {role: name for role, name in fit.ids.items() if name in frame}
    return _marginal(fit.spec, frame, ids)


def _panel(fit: PanelFit, estimator: Estimator, frame: pd.DataFrame) -> ModelFit:
    plain = fit.spec.covariance == "model" or isinstance(estimator, ConditionalLogit)
    return fit_panel(
        fit.spec.formula,
        frame,
        client=fit.layout.client,
        time=fit.layout.time,
        estimator=estimator,
        covariance=fit.spec.covariance,
        correction=None if plain else fit.correction,
        practitioner=fit.ids.get("practitioner", "practitioner"),
    )


def grouping_columns(fit: ModelFit) -> tuple[str, ...]:
    """Columns by which a fit groups or counts its rows: factors, clusters, clients, practitioners.

    Parameters
    ----------
    fit : ModelFit

    Returns
    -------
    tuple of str
    """
    names = list(fit.ids.values())
    if isinstance(fit, MultilevelFit):
        names += [name for grouping in fit.random.record.groupings for name in grouping.group]
    else:
        names += fit.spec.groups
    names += [fit.spec.covariance.partition(":")[2], fit.spec.time]
    return tuple(dict.fromkeys(name for name in names if name))


def _marginal(spec: ModelSpec, frame: pd.DataFrame, ids: dict[str, str]) -> ModelFit:
    kind, _, cluster = spec.covariance.partition(":")
    if spec.estimator == "gee":
        again = fit_gee(
            spec.formula,
            frame,
            group=spec.groups[0],
            correlation=spec.correlation,  # type: ignore[arg-type]
            time=spec.time or None,
            **ids,  # type: ignore[arg-type]
        )
    else:
        again = fit_logit(spec.formula, frame, cluster=cluster, **ids)  # type: ignore[arg-type]
    if not spec.degrees:
        return again
    return few_cluster_covariance(
        again,
        cluster,
        kind,  # type: ignore[arg-type]
        degrees=spec.degrees,  # type: ignore[arg-type]
    )


def _multilevel(fit: MultilevelFit, frame: pd.DataFrame) -> MultilevelFit:
    _refuse_forgotten(fit)
    return fit_multilevel(
        fit.spec.formula,
        frame,
        family=fit.spec.family,  # type: ignore[arg-type]
        quadrature_points=1 if fit.problem is None else fit.problem.points,
        weights=fit.weights or None,
        offset=fit.offset or None,
        reml=fit.restricted_likelihood,
        covariance=fit.spec.covariance,
        inference=fit.inference,
        **fit.ids,  # type: ignore[arg-type]
    )


def _refuse_forgotten(fit: MultilevelFit) -> None:
    """A fit does not remember its prior, nor which column held the frequencies of its rows."""
    if fit.problem is None:
        return
    trials = fit.problem.rows.trials.sum()
    if fit.problem.penalty.any() or not np.isclose(trials, _trials(fit), rtol=1e-9):
        raise ModelError(
            "a fit with a prior or with frequencies cannot be fitted again",
            fit.spec.formula,
            "fit it without prior_sd, and to one row an observation",
        )


def _trials(fit: MultilevelFit) -> float:
    """All trials of the rows, each of them counted once."""
    if fit.weights:
        return float(fit.design.frame[fit.weights].sum())
    failures = split_formula(fit.spec.formula).failures
    if failures is None:
        return float(fit.n_obs)
    return float(fit.design.response.sum() + fit.design.frame[failures].sum())
