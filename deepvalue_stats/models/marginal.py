"""Marginal logit models: GEE and the plain logit with a cluster-robust covariance."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import expit
from statsmodels.discrete.discrete_model import Logit
from statsmodels.genmod.cov_struct import Exchangeable, Independence
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_estimating_equations import GEE
from statsmodels.tools.sm_exceptions import ModelWarning

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.coding import used_columns
from deepvalue_stats.models.design import Design, build_design
from deepvalue_stats.models.fit import Convergence, ModelFit, ModelSpec
from deepvalue_stats.models.link import LOGIT
from deepvalue_stats.tables import read_only

Correlation = Literal["exchangeable", "independence"]
# beyond this linear predictor a probability is 0 or 1 to six digits: no data support that
SEPARATED = 14.0
# estimating equations count as solved at this size a row, of columns with unit mean square
SOLVED = 1e-12


def fit_gee(
    formula: str,
    data: pd.DataFrame,
    *,
    group: str,
    correlation: Correlation = "exchangeable",
    client: str = "client",
    practitioner: str = "practitioner",
) -> ModelFit:
    """Fit a logit by generalised estimating equations with the robust covariance.

    For the average effect in a population whose rows come in groups (interviews of a client,
    clients of a practitioner) when there are many groups. Not for few groups (the robust
    covariance is then too small), nor for effects that differ between groups.

    Parameters
    ----------
    formula : str
        `outcome ~ terms`; the outcome is 0 or 1.
    data : pandas.DataFrame
        Complete rows.
    group : str
        Column of the groups.
    correlation : str
        Working correlation within a group. Any but independence assumes that a row's outcome
        depends on its own exposure only, given all exposures of the group.
    client, practitioner : str
        Columns by which persons are counted, where the data have them.

    Returns
    -------
    ModelFit

    Raises
    ------
    ModelError
        If there is one group only, the outcome is constant or not 0/1, or the design is singular.

    Notes
    -----
    Solves sum_j D_j' V_j^-1 (y_j - mu_j) = 0 with V_j = A_j^1/2 R(alpha) A_j^1/2; covariance
    H^-1 (sum_j s_j s_j') H^-1, without small-sample correction.

    References
    ----------
    Liang and Zeger (1986), Biometrika 73, equations 6 and 7; Pepe and Anderson (1994) for the
    assumption on the working correlation.
    """
    labels = group_labels(data, group, formula)
    design = binary_design(formula, data)
    structure = Exchangeable() if correlation == "exchangeable" else Independence()
    scale = _column_scale(design.matrix)
    with warnings.catch_warnings():
        # statsmodels warns where we keep the doubt as a field of the fit
        warnings.simplefilter("ignore", ModelWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        result = GEE(
            design.response,
            design.matrix / scale,
            groups=labels,
            family=Binomial(),
            cov_struct=structure,
        ).fit(maxiter=200, ctol=SOLVED * len(labels))
    params = np.asarray(result.params) / scale
    alpha = float(structure.dep_params) if correlation == "exchangeable" else 0.0
    slopes = _gee_slopes(design, labels, params, alpha)
    return ModelFit(
        spec=ModelSpec(formula, "binomial", (group,), "gee", f"robust:{group}", correlation),
        terms=design.terms,
        params=read_only(params),
        covariance=read_only(np.asarray(result.cov_params()) / np.outer(scale, scale)),
        dof=np.inf,
        link=LOGIT,
        design=design,
        n_groups={group: int(pd.unique(labels).size)},
        ids=ids_of(data, client, practitioner),
        convergence=convergence_of(design, params, slopes, len(result.fit_history["params"])),
        loglik=np.nan,
        slopes=read_only(slopes),
        association={"alpha": alpha},
    )


def fit_logit(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str,
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
    return ModelFit(
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


def _gee_slopes(design: Design, labels: np.ndarray, params: np.ndarray, alpha: float) -> np.ndarray:
    """Rows' shares of the estimating function: D' A^-1/2 R^-1 A^-1/2 (y - mu).

    R^-1 of an exchangeable correlation is (I - a/(1 + (n-1) a) 1 1') / (1 - a).
    """
    eta = design.matrix @ params
    spread = np.sqrt(LOGIT.slope(eta))
    residual = (design.response - expit(eta)) / np.where(spread > 0, spread, 1)
    size = np.bincount(labels)
    total = np.bincount(labels, weights=residual)
    pull = alpha / (1 + (size - 1) * alpha) * total
    whitened = (residual - pull[labels]) / (1 - alpha)
    return np.asarray(spread * whitened)


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
