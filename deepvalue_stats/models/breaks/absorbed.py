"""Least squares with an effect for every client and every wave, clustered by practitioner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from deepvalue_stats.tables import read_only

# a direction below this part of the largest is a column that others make up
SINGULAR = 1e-10
# a column with so much of such a direction has no coefficient of its own
UNDETERMINED = 1e-6


@dataclass(frozen=True)
class Absorbed:
    """Coefficients of p columns beside effects of clients and periods.

    Attributes
    ----------
    params : numpy.ndarray, shape (p,)
        Not a number where a column is made up of the others.
    contributions : numpy.ndarray, shape (J, p)
        What each cluster contributes; the covariance is the sum of squares and products.
    residual : numpy.ndarray, shape (n,)
    """

    params: np.ndarray
    contributions: np.ndarray
    residual: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """Of the coefficients, shape (p, p)."""
        return np.asarray(self.contributions.T @ self.contributions)


def absorbed_fit(
    outcome: np.ndarray,
    columns: sparse.csr_matrix,
    clients: np.ndarray,
    periods: np.ndarray,
    clusters: np.ndarray,
) -> Absorbed:
    """Regress on columns with effects of clients and periods.

    Parameters
    ----------
    outcome : numpy.ndarray, shape (n,)
    columns : scipy.sparse.csr_matrix, shape (n, p)
    clients, periods, clusters : numpy.ndarray of int from 0, shape (n,)
        Periods are waves, or waves of strata. A client is in one cluster.

    Notes
    -----
    Clients' effects are taken out of the normal equations block by block (Frisch, Waugh and
    Lovell), so that the work goes with rows and a square of p plus the number of periods. The
    covariance has the factor J / (J - 1) only.
    """
    n, p = columns.shape
    dummies = sparse.csr_matrix((np.ones(n), (np.arange(n), periods)))
    whole = sparse.hstack([columns, dummies]).tocsr()
    of_client = sparse.csr_matrix((np.ones(n), (clients, np.arange(n))))
    rows = np.asarray(of_client.sum(axis=1)).ravel()
    means = sparse.diags(1 / rows) @ of_client
    centred_outcome = outcome - (means @ outcome)[clients]
    of_means = (of_client @ whole).tocsr()
    inner = (whole.T @ whole - of_means.T @ sparse.diags(1 / rows) @ of_means).toarray()
    moments = np.asarray(whole.T @ centred_outcome).ravel()
    # columns are scaled alike, so that which of them are made up by others does not hang on units
    scale = np.sqrt(np.maximum(np.diag(inner), 0.0))
    scale = np.where(scale > SINGULAR * max(scale.max(initial=0.0), 1e-300), scale, 1.0)
    values, vectors = np.linalg.eigh(inner / np.outer(scale, scale))
    keep = values > SINGULAR * values.max(initial=1e-300)
    bread = (vectors[:, keep] / values[keep]) @ vectors[:, keep].T / np.outer(scale, scale)
    params = bread @ moments
    fitted = np.asarray(whole @ params).ravel()
    residual = centred_outcome - fitted + (means @ fitted)[clients]
    # residuals sum to nothing within a client, so columns need not be centred for their scores
    n_clusters = int(clusters.max()) + 1
    by_cluster = sparse.csr_matrix((residual, (clusters, np.arange(n))), shape=(n_clusters, n))
    score = np.asarray((by_cluster @ whole) @ bread[:, :p])
    unknown = np.abs(vectors[:p, ~keep]).max(axis=1, initial=0.0) > UNDETERMINED
    used = max(len(np.unique(clusters)), 2)
    return Absorbed(
        params=read_only(np.where(unknown, np.nan, params[:p])),
        contributions=read_only(score * np.sqrt(used / (used - 1))),
        residual=read_only(residual),
    )
