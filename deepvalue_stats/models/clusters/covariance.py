"""The covariance of a marginal fit for few clusters, as a new fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.clusters.adjusted import (
    KINDS,
    ClusterCovariance,
    Kind,
    adjusted_covariance,
    cluster_sums,
)
from deepvalue_stats.models.clusters.gate import (
    ICC,
    ClusterAdvice,
    advice_of,
    effective_clusters,
    exposed_clusters,
)
from deepvalue_stats.models.fit import ModelFit
from deepvalue_stats.models.gee import whitened
from deepvalue_stats.tables import read_only

Degrees = Literal["satterthwaite", "clusters", "normal"]
DEGREES: tuple[Degrees, ...] = ("satterthwaite", "clusters", "normal")
# what goes with each, by the evidence in `gate`
USUAL: dict[Kind, Degrees] = {
    "robust": "normal",
    "mancl_derouen": "clusters",
    "kauermann_carroll": "satterthwaite",
    "ford_westgate": "clusters",
}


def few_cluster_covariance(
    fit: ModelFit,
    cluster: str,
    kind: Kind | Literal["auto"] = "auto",
    *,
    degrees: Degrees | None = None,
) -> ModelFit:
    """Give a GEE or a logit a covariance that is honest with few clusters.

    Take it with 10 to 40 clusters, or more that are worth fewer (see `cluster_advice`). Below 10,
    or with an exposure that only two or three clusters have, no covariance is honest.

    Parameters
    ----------
    fit : ModelFit
        Of `fit_gee` or `fit_logit`.
    cluster : str
        Column of the fit's rows. Of a GEE with a working correlation no group may lie in two.
    kind : str
        As of `adjusted_covariance`; auto chooses by the number of clusters that the term of the
        fewest is worth, and keeps the reason in `clusters`.
    degrees : str, optional
        satterthwaite: of each coefficient, by how unevenly clusters tell of it. clusters: the
        clusters less the terms that are constant within each of them, the intercept among them.
        normal: none. Unless given: satterthwaite for kauermann_carroll, clusters for
        mancl_derouen and ford_westgate, normal for robust; `auto` chooses them as well.

    Returns
    -------
    ModelFit
        The same coefficients; `term_degrees` has the degrees of freedom of each.

    Raises
    ------
    ModelError
        For another estimator, an unknown kind, a missing or unknown cluster, one cluster only,
        groups that lie in several clusters, or a term that no cluster leaves to the others.

    Notes
    -----
    K^-1 (sum_j f(I - B_j K^-1) s_j s_j' f(I - B_j K^-1)') K^-1; see
    `deepvalue_stats.models.clusters.adjusted`. A fit that has not converged keeps its covariance.

    References
    ----------
    Mancl and DeRouen (2001), Biometrics 57; Kauermann and Carroll (2001), JASA 96; Ford and
    Westgate (2017), Statistics in Medicine 36; Bell and McCaffrey (2002), Survey Methodology 28.
    """
    _refuse_kind(fit, kind, degrees)
    labels = _clusters_of(fit, cluster)
    if fit.convergence.status != "ok":
        return fit
    columns, residual = _whitened(fit)
    advice = None
    if kind == "auto":
        advice = fit_advice(fit, columns, labels, cluster)
        if advice.level == "standard" and fit.spec.covariance.endswith(f":{cluster}"):
            return replace(fit, clusters=advice)
        kind, degrees = advice.covariance, degrees or advice.degrees  # type: ignore[assignment]
    degrees = degrees or USUAL[kind]
    found = adjusted_covariance(cluster_sums(columns, residual, labels), kind)
    each = _degrees_of(found, fit, labels, degrees)
    _refuse_undetermined(fit, cluster, found, each)
    return replace(
        fit,
        spec=replace(fit.spec, covariance=f"{kind}:{cluster}", degrees=degrees),
        covariance=found.covariance,
        dof=float(each.min()),
        term_degrees=read_only(each),
        n_groups={**fit.n_groups, cluster: int(labels.max()) + 1},
        convergence=replace(fit.convergence, message=_doubts(fit, advice)),
        clusters=advice,
    )


def fit_advice(
    fit: ModelFit, columns: np.ndarray, labels: np.ndarray, cluster: str
) -> ClusterAdvice:
    """What the clusters of a fit allow, by the term (but the intercept) that they are worth least.

    Parameters
    ----------
    fit : ModelFit
    columns : numpy.ndarray, shape (n, p)
        Whitened.
    labels : numpy.ndarray of int, shape (n,)
    cluster : str
    """
    units = np.eye(len(fit.terms))
    # whitening has taken a working correlation out of the columns already
    icc = ICC if fit.spec.correlation in ("", "independence") else 0.0
    places = [i for i, name in enumerate(fit.terms) if name != "Intercept"] or [0]
    worth = [effective_clusters(columns, labels, units[i], icc) for i in places]
    least = int(np.argmin(worth))
    exposed = exposed_clusters(labels, fit.design.matrix[:, places[least]])
    return advice_of(labels, worth[least], exposed, cluster, fit.terms[places[least]])


def _whitened(fit: ModelFit) -> tuple[np.ndarray, np.ndarray]:
    design, spec = fit.design, fit.spec
    if spec.estimator == "logit":
        return whitened(design.matrix, design.response, np.zeros(fit.n_obs, int), fit.params)
    return whitened(
        design.matrix,
        design.response,
        design.codes(spec.groups[0]),
        fit.params,
        alpha=fit.association["alpha"],
        correlation=spec.correlation,  # type: ignore[arg-type]
        time=pd.to_numeric(design.frame[spec.time]).to_numpy() if spec.time else None,
    )


def _degrees_of(
    found: ClusterCovariance, fit: ModelFit, labels: np.ndarray, degrees: Degrees
) -> np.ndarray:
    p = len(fit.terms)
    if degrees == "satterthwaite":
        return found.degrees(np.eye(p))
    if degrees == "normal":
        return np.full(p, np.inf)
    return np.full(p, float(labels.max() + 1 - between_terms(fit.design.matrix, labels)))


def between_terms(matrix: np.ndarray, labels: np.ndarray) -> int:
    """How many columns are constant within every cluster."""
    order = np.argsort(labels, kind="stable")
    same = np.diff(labels[order]) == 0
    moves = np.abs(np.diff(matrix[order], axis=0))[same]
    if len(moves) == 0:
        return int(matrix.shape[1])
    return int((moves.max(axis=0) <= 1e-12 * np.abs(matrix).max(axis=0)).sum())


def _doubts(fit: ModelFit, advice: ClusterAdvice | None) -> str:
    told = [fit.convergence.message]
    if advice is not None and advice.level == "descriptive":
        told.append(advice.reason)
    return "; ".join(one for one in told if one)


def _refuse_kind(fit: ModelFit, kind: str, degrees: str | None) -> None:
    if fit.spec.estimator not in ("gee", "logit"):
        raise ModelError(
            f"a fit by '{fit.spec.estimator}' has no covariance for few clusters here",
            fit.spec.formula,
            "use it with fit_gee or fit_logit",
        )
    if kind not in (*KINDS, "auto"):
        raise ModelError(
            f"no covariance '{kind}'", fit.spec.formula, f"use one of {', '.join(KINDS)}, auto"
        )
    if degrees is not None and degrees not in DEGREES:
        raise ModelError(
            f"no degrees of freedom '{degrees}'",
            fit.spec.formula,
            f"use one of {', '.join(DEGREES)}",
        )


def _clusters_of(fit: ModelFit, cluster: str) -> np.ndarray:
    where = fit.spec.formula
    if cluster not in fit.design.frame:
        raise ModelError(f"no column '{cluster}' to group by", where, "name one that there is")
    labels = fit.design.codes(cluster)
    if (labels < 0).any():
        raise ModelError(
            f"'{cluster}' is missing in {int((labels < 0).sum())} rows",
            where,
            "restrict the data to rows with a known group, with a reason",
        )
    if labels.max() < 1:
        raise ModelError(
            f"all {len(labels)} rows belong to one {cluster}, so nothing can be said across them",
            where,
            "group by something that has more than one, as groups = ['client']",
        )
    if fit.spec.correlation not in ("", "independence"):
        _refuse_split(fit, cluster, labels)
    return labels


def _refuse_split(fit: ModelFit, cluster: str, labels: np.ndarray) -> None:
    """A group whose rows correlate has to lie in one cluster."""
    group = fit.spec.groups[0]
    seen = pd.DataFrame({"group": fit.design.codes(group), "cluster": labels}).drop_duplicates()
    split = int(seen["group"].value_counts().gt(1).sum())
    if split:
        raise ModelError(
            f"{split} groups of '{group}' have rows in more than one {cluster}",
            fit.spec.formula,
            f"group the model by {cluster}, or use correlation='independence'",
        )


def _refuse_undetermined(
    fit: ModelFit, cluster: str, found: ClusterCovariance, degrees: np.ndarray
) -> None:
    seen = np.array([found.sees(unit) for unit in np.eye(len(fit.terms))])
    sound = seen & (np.diag(found.covariance) > 0) & (degrees > 0)
    if not sound.all():
        names = ", ".join(np.array(fit.terms)[~sound])
        raise ModelError(
            f"{names} rests on one {cluster} alone, or on too few to leave a degree of freedom",
            fit.spec.formula,
            "take it out, or give the data more clusters in which it varies",
        )
