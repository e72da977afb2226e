"""CR2, the bias-reduced linearisation of Bell and McCaffrey, of linear and weighted models."""

from __future__ import annotations

import numpy as np

from deepvalue_stats.models.clusters.adjusted import (
    OWN,
    ClusterCovariance,
    adjusted_covariance,
    cluster_sums,
    unseen_by_others,
)
from deepvalue_stats.tables import read_only


def cr2(
    matrix: np.ndarray,
    residual: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    absorbed: np.ndarray | None = None,
) -> ClusterCovariance:
    """Cluster-robust covariance that is unbiased where rows are independent, for few clusters.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
        Columns as the coefficients were fitted to them; within-transformed where effects nested
        in the clusters (a client's own, with clients or their practitioners as clusters) were
        absorbed: these need not be known here.
    residual : numpy.ndarray, shape (n,)
        Outcome less fitted value; of a within-transformed model likewise.
    labels : numpy.ndarray of int, shape (n,)
        Cluster of each row.
    weights : numpy.ndarray, shape (n,), optional
        Weights of the fit, which are taken to be inverse variances. A logit, as clubSandwich has
        a glm: matrix p (1 - p) x, residual y - p, weights 1 / (p (1 - p)).
    absorbed : numpy.ndarray, shape (n, q), optional
        Columns that were partialled out and are *not* nested in the clusters, as waves; transformed
        like the matrix, and not linearly dependent of it.

    Returns
    -------
    ClusterCovariance
        `covariance`, shape (p, p), and `degrees(contrasts)`; both of the p coefficients only.

    Notes
    -----
    (X'WX)^-1 sum_j X_j' W_j A_j e_j e_j' A_j W_j X_j (X'WX)^-1, with A_j symmetric and such that
    A_j (V_j - X_j (X'WX)^-1 X_j') A_j = V_j, V = W^-1, as in the R package clubSandwich. Without
    weights all is done in p x p; with weights an n_j x n_j matrix is decomposed in each cluster.

    References
    ----------
    Bell and McCaffrey (2002), Survey Methodology 28; Pustejovsky and Tipton (2018), Journal of
    Business and Economic Statistics 36, theorem 2 for the absorbed effects.
    """
    p = matrix.shape[1]
    full = matrix if absorbed is None else np.column_stack([matrix, absorbed])
    if weights is None:
        found = adjusted_covariance(cluster_sums(full, residual, labels), "kauermann_carroll")
    else:
        found = _weighted(full, residual, labels, weights)
    return ClusterCovariance(
        covariance=read_only(found.covariance[:p, :p]),
        unseen=found.unseen[:, :p],
        root=found.root[:, :p],
        spread=found.spread,
        pull=found.pull,
    )


def _weighted(
    matrix: np.ndarray, residual: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> ClusterCovariance:
    scale = 1 / np.sqrt(np.mean(matrix**2, axis=0))
    columns = matrix * scale
    lower = np.linalg.cholesky(columns.T @ (columns * weights[:, None]))
    # in these coordinates X'WX is the identity
    whole = np.linalg.solve(lower, columns.T).T
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    meat, spread, pull, leverage = np.zeros_like(lower), [], [], []
    for rows in np.split(order, cuts):
        part, error, weight = whole[rows], residual[rows], weights[rows]
        towards = _towards(part, weight)
        score = towards.T @ error
        meat += np.outer(score, score)
        inner = towards.T @ (towards / weight[:, None])
        values, vectors = np.linalg.eigh(inner)
        spread.append(np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T)
        pull.append(part.T @ towards)
        leverage.append(part.T @ (part * weight[:, None]))
    root = np.linalg.solve(lower, np.diag(scale))
    return ClusterCovariance(
        covariance=root.T @ meat @ root,
        unseen=unseen_by_others(root, *np.linalg.eigh(np.array(leverage))),
        root=root,
        spread=np.array(spread)[:, None],
        pull=np.array(pull)[:, None],
    )


def _towards(part: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A_j W_j X_j of one cluster, shape (n_j, p)."""
    deviation = 1 / np.sqrt(weight)
    around = part * deviation[:, None]
    inner = np.diag(deviation**4) - around @ around.T
    values, vectors = np.linalg.eigh(inner)
    kept = values > OWN * deviation.max() ** 4
    power = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    middle = (vectors * power) @ (vectors.T @ (part * (weight * deviation)[:, None]))
    return np.asarray(deviation[:, None] * middle)
