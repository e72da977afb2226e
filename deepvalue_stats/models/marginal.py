"""Marginal logit models: GEE and the plain logit with a cluster-robust covariance."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import expit
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.sm_exceptions import ModelWarning

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.clusters.adjusted import Kind
from deepvalue_stats.models.clusters.covariance import few_cluster_covariance
from deepvalue_stats.models.coding import used_columns
from deepvalue_stats.models.design import Design, build_design
from deepvalue_stats.models.fit import Convergence, ModelFit, ModelSpec
from deepvalue_stats.models.gee import Correlation, GeeSolution, gee_logit
from deepvalue_stats.models.link import LOGIT
from deepvalue_stats.tables import read_only

Covariance = Kind | Literal["auto"]
# beyond this linear predictor a probability is 0 or 1 to six digits: no data support that
SEPARATED = 14.0


def fit_gee(
    formula: str,
    data: pd.DataFrame,
    *,
    group: str,
    correlation: Correlation = "exchangeable",
    time: str | None = None,
    covariance: Covariance = "robust",
    client: str = "client",
    practitioner: str = "practitioner",
) -> ModelFit:
    """Fit a logit by generalised estimating equations with the robust covariance.

    For the average effect in a population whose rows come in groups (interviews of a client,
    clients of a practitioner). With few groups (40 or less, or worth that few) the robust
    covariance is too small: take `covariance="auto"` or one for few clusters. Not for effects that
    differ between groups.

    Parameters
    ----------
    formula : str
        `outcome ~ terms`; the outcome is 0 or 1.
    data : pandas.DataFrame
        Complete rows.
    group : str
        Column of the groups.
    correlation : str
        Working correlation within a group: exchangeable, independence, or ar1. Any but
        independence assumes that a row's outcome depends on its own exposure only, given all
        exposures of the group.
    time : str, optional
        For ar1: column of whole numbers by which rows of a group at times s and t correlate by
        alpha^|s - t|, so that a wave left out is time gone by. Without it rows follow each other
        as they stand, and a gap is not seen.
    covariance : str
        robust; mancl_derouen, kauermann_carroll or ford_westgate, for few groups (for their
        degrees of freedom see `few_cluster_covariance`); auto chooses by the groups, and keeps
        the reason in `clusters`.
    client, practitioner : str
        Columns by which persons are counted, where the data have them.

    Returns
    -------
    ModelFit
        `association` has alpha; `qic` is Pan's criterion.

    Raises
    ------
    ModelError
        If there is one group only, the outcome is constant or not 0/1, the design is singular,
        the correlation or covariance is none of these, or the time is missing, not whole, or twice
        the same in a group.

    Notes
    -----
    Solves sum_j D_j' V_j^-1 (y_j - mu_j) = 0 with V_j = A_j^1/2 R(alpha) A_j^1/2; covariance
    H^-1 (sum_j s_j s_j') H^-1, without small-sample correction. An exchangeable alpha is the moment
    of the R package gee and of statsmodels, that of ar1 the one of geepack.

    References
    ----------
    Liang and Zeger (1986), Biometrika 73, equations 6 and 7; Pepe and Anderson (1994) for the
    assumption on the working correlation; Pan (2001), Biometrics 57, for QIC.
    """
    labels = group_labels(data, group, formula)
    when = _times(data, labels, time, group, formula, correlation)
    design = binary_design(formula, data)
    solved = gee_logit(design.matrix, design.response, labels, correlation=correlation, time=when)
    ended = convergence_of(design, solved.params, solved.slopes, solved.iterations)
    fit = ModelFit(
        spec=ModelSpec(
            formula, "binomial", (group,), "gee", f"robust:{group}", correlation, time or ""
        ),
        terms=design.terms,
        params=solved.params,
        covariance=solved.covariance,
        dof=np.inf,
        link=LOGIT,
        design=design,
        n_groups={group: int(pd.unique(labels).size)},
        ids=ids_of(data, client, practitioner),
        convergence=_with_held(ended, solved, correlation),
        loglik=np.nan,
        slopes=solved.slopes,
        association={"alpha": solved.alpha},
        qic=solved.qic,
    )
    return fit if covariance == "robust" else few_cluster_covariance(fit, group, covariance)


def fit_logit(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str,
    covariance: Covariance = "robust",
    client: str = "client",
    practitioner: str = "practitioner",
) -> ModelFit:
    """Fit a logit by maximum likelihood with a cluster-robust covariance.

    Parameters
    ----------
    formula : str
        `outcome ~ terms`; the outcome is 0 or 1.
    data : pandas.DataFrame
        Complete rows.
    cluster : str
        Column of the groups within which rows may depend on each other.
    covariance : str
        As of `fit_gee`.
    client, practitioner : str
        Columns by which persons are counted, where the data have them.

    Returns
    -------
    ModelFit

    Raises
    ------
    ModelError
        As `fit_gee`, and for clients as dummies.

    Notes
    -----
    Covariance H^-1 (sum_j s_j s_j') H^-1 times G/(G-1) x (n-1)/(n-p), with H the information and
    s_j the summed score of cluster j of G; n rows, p coefficients.

    References
    ----------
    Liang and Zeger (1986), Biometrika 73; Zeileis, Koell and Graham (2020), Journal of
    Statistical Software 95, for the factor (type HC1).
    """
    labels = group_labels(data, cluster, formula)
    refuse_client_dummies(formula, client)
    design = binary_design(formula, data)
    scale = _column_scale(design.matrix)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        result = Logit(design.response, design.matrix / scale).fit(
            method="newton", disp=0, maxiter=100
        )
    params = np.asarray(result.params) / scale
    slopes = design.response - expit(design.matrix @ params)
    fit = ModelFit(
        spec=ModelSpec(formula, "binomial", (), "logit", f"cluster:{cluster}"),
        terms=design.terms,
        params=read_only(params),
        covariance=read_only(sandwich(design, params, slopes, labels)),
        dof=np.inf,
        link=LOGIT,
        design=design,
        n_groups={cluster: int(pd.unique(labels).size)},
        ids=ids_of(data, client, practitioner),
        convergence=convergence_of(
            design, params, slopes, int(result.mle_retvals["iterations"]), -float(result.llf)
        ),
        loglik=float(result.llf),
        slopes=read_only(slopes),
    )
    return fit if covariance == "robust" else few_cluster_covariance(fit, cluster, covariance)


def refuse_client_dummies(formula: str, client: str) -> None:
    """Raise a ModelError where the client is a term: a dummy for each makes odds ratios too large.

    With two waves a client the log odds ratio is doubled, however many clients there are.
    """
    right = formula.partition("~")[2]
    if client in right and client in used_columns(right, formula):
        raise ModelError(
            f"the client ('{client}') is a term of a logit, and dummies of clients make odds "
            "ratios too large (with two waves the log odds ratio is doubled)",
            formula,
            "use fit_panel with estimator='conditional_logit', or 'within_between'",
        )


def binary_design(formula: str, data: pd.DataFrame) -> Design:
    """The design of an outcome of 0 and 1, refused where it is anything else or does not vary."""
    design = build_design(formula, data)
    values = np.unique(design.response)
    if not np.isin(values, (0.0, 1.0)).all():
        raise ModelError(
            f"'{design.outcome}' has {len(values)} values and must be 0 or 1",
            formula,
            "define the outcome in the plan so that it is true or false",
        )
    if len(values) == 1:
        raise ModelError(
            f"'{design.outcome}' is the same in all {len(design.response)} rows",
            formula,
            "there is nothing to explain: check the outcome's definition and the flow",
        )
    return design


def group_labels(data: pd.DataFrame, group: str, formula: str) -> np.ndarray:
    """The groups of the rows as integers from 0, refused where one is missing or all are one."""
    if data.empty:
        raise ModelError(
            "no row is left to fit", formula, "look at the flow: which step took them?"
        )
    if group not in data:
        raise ModelError(f"no column '{group}' to group by", formula, "name one that there is")
    labels, distinct = pd.factorize(data[group])
    if (labels < 0).any():
        raise ModelError(
            f"'{group}' is missing in {int((labels < 0).sum())} rows",
            formula,
            "restrict the data to rows with a known group, with a reason",
        )
    if len(distinct) < 2:
        raise ModelError(
            f"all {len(labels)} rows belong to one {group}, so nothing can be said across them",
            formula,
            "group by something that has more than one, as groups = ['client']",
        )
    return np.asarray(labels)


def ids_of(data: pd.DataFrame, client: str, practitioner: str) -> dict[str, str]:
    """The columns by which persons are counted, of those that the data have."""
    named = {"client": client, "practitioner": practitioner}
    return {role: column for role, column in named.items() if column in data}


def _column_scale(matrix: np.ndarray) -> np.ndarray:
    """Root mean square of each column, so that no unit of measurement can spoil the algebra."""
    return np.asarray(np.sqrt(np.mean(matrix**2, axis=0)))


def sandwich(
    design: Design, params: np.ndarray, slopes: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Bread, meat and bread, shape (p, p)."""
    weight = LOGIT.slope(design.matrix @ params)
    scale = _column_scale(design.matrix)
    matrix = design.matrix / scale
    scores = matrix * slopes[:, None]
    bread = np.linalg.pinv(matrix.T @ (matrix * weight[:, None]))
    n_clusters = int(labels.max()) + 1
    summed = np.zeros((n_clusters, scores.shape[1]))
    np.add.at(summed, labels, scores)
    n, p = design.matrix.shape
    factor = n_clusters / (n_clusters - 1) * (n - 1) / (n - p)
    meat = summed.T @ summed * factor
    return np.asarray(bread @ meat @ bread / np.outer(scale, scale))


def _times(
    data: pd.DataFrame,
    labels: np.ndarray,
    time: str | None,
    group: str,
    formula: str,
    correlation: str,
) -> np.ndarray | None:
    """When the rows of an AR(1) were, or None where they follow by position."""
    if correlation not in get_args(Correlation):
        raise ModelError(
            f"no working correlation '{correlation}'",
            formula,
            f"use one of {', '.join(get_args(Correlation))}",
        )
    if time is None:
        return None
    if correlation != "ar1":
        raise ModelError(
            f"a working correlation '{correlation}' has no use for the time '{time}'",
            formula,
            "use correlation='ar1', or leave time out",
        )
    if time not in data:
        raise ModelError(f"no column '{time}' to order by", formula, "name one that there is")
    when = pd.to_numeric(data[time], errors="coerce").to_numpy(dtype="float64")
    broken = int((~np.isfinite(when) | (when != np.round(when))).sum())
    if broken:
        raise ModelError(
            f"'{time}' is missing or not a whole number in {broken} rows",
            formula,
            "number the waves 1, 2, 3, ... and leave out rows without one, with a reason",
        )
    twice = int(pd.DataFrame({"group": labels, "time": when}).duplicated(keep=False).sum())
    if twice:
        raise ModelError(
            f"{twice} rows share their '{time}' with another of the same {group}",
            formula,
            "keep one row a wave, or use correlation='exchangeable'",
        )
    return when.astype("int64")


def _with_held(ended: Convergence, solved: GeeSolution, correlation: str) -> Convergence:
    """A correlation that had to be held is a doubt; the coefficients stand without it."""
    if not solved.held:
        return ended
    told = (
        f"the working correlation ({correlation}) was held at {solved.alpha:.3f}, "
        "beyond which there is none"
    )
    message = "; ".join(part for part in (ended.message, told) if part)
    return replace(ended, singular=True, message=message)


def convergence_of(
    design: Design,
    params: np.ndarray,
    slopes: np.ndarray,
    evaluations: int,
    objective: float = np.nan,
) -> Convergence:
    """How the estimating equations were solved: their mean over rows, and signs of separation."""
    scores = design.matrix / _column_scale(design.matrix) * slopes[:, None]
    gradient = float(np.abs(scores.mean(axis=0)).max()) if np.isfinite(scores).all() else np.inf
    predictor = np.abs(design.matrix @ params)
    doubts = []
    if not np.isfinite(params).all() or gradient > 1e-5:
        doubts.append("the estimating equations are not solved")
    if not np.isfinite(predictor).all() or predictor.max() > SEPARATED:
        doubts.append("some combination of variables predicts the outcome perfectly (separation)")
    return Convergence(
        status="not_converged" if doubts else "ok",
        evaluations=evaluations,
        objective=objective,
        gradient_norm=gradient,
        singular=False,
        message="; ".join(doubts),
    )
