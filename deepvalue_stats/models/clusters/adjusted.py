"""Sandwich covariances corrected for few clusters, from sums by cluster alone.

Every correction here is a function of each cluster's information B_j = D_j' V_j^-1 D_j and score
s_j = D_j' V_j^-1 (y_j - mu_j), both of size p: the leverage H_j = D_j K^-1 D_j' V_j^-1, with
K = sum_j B_j, acts on a score as B_j K^-1, so that nothing of the size of a cluster is ever made:

    D_j' V_j^-1 f(I - H_j) = f(I - B_j K^-1) D_j' V_j^-1.

In coordinates in which K is the identity B_j is symmetric, Q_j, with eigenvalues from 0 to 1. An
eigenvalue of 1 is a direction that only this cluster determines; it has no residual, and the
generalised inverse leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepvalue_stats.errors import ModelError
from deepvalue_stats.tables import read_only

Kind = Literal["robust", "mancl_derouen", "kauermann_carroll", "ford_westgate"]
KINDS: tuple[Kind, ...] = ("robust", "mancl_derouen", "kauermann_carroll", "ford_westgate")
# powers of (I - H_j), and the weight of each in the covariance
POWERS: dict[Kind, tuple[tuple[float, float], ...]] = {
    "robust": ((0.0, 1.0),),
    "mancl_derouen": ((-1.0, 1.0),),
    "kauermann_carroll": ((-0.5, 1.0),),
    "ford_westgate": ((-1.0, 0.5), (-0.5, 0.5)),
}
# a direction of which a cluster leaves less than this to the others is its own
OWN = 1e-8
# a coefficient that is less of an unseen combination than this is no part of it
FAINT = 1e-6


@dataclass(frozen=True)
class ClusterSums:
    """What clusters say of p coefficients.

    Attributes
    ----------
    information : numpy.ndarray, shape (J, p, p)
        D_j' V_j^-1 D_j.
    scores : numpy.ndarray, shape (J, p)
        D_j' V_j^-1 (y_j - mu_j).
    """

    information: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class ClusterCovariance:
    """A covariance of coefficients, and what its degrees of freedom depend on.

    Attributes
    ----------
    covariance : numpy.ndarray, shape (p, p)
    unseen : numpy.ndarray, shape (m, p)
        Combinations of the coefficients that one cluster alone determines, which therefore show no
        error.
    root : numpy.ndarray, shape (p, p)
        Inverse of the lower root of K.
    spread, pull : numpy.ndarray, shape (J, k, p, p)
        Of each of the k squared terms that a cluster adds to the covariance: a root of its
        variance, were the residuals not estimated, and what estimating them takes.
    """

    covariance: np.ndarray
    unseen: np.ndarray
    root: np.ndarray
    spread: np.ndarray
    pull: np.ndarray

    def degrees(self, contrasts: np.ndarray) -> np.ndarray:
        """Satterthwaite's degrees of freedom of linear combinations, shape (k,).

        Parameters
        ----------
        contrasts : numpy.ndarray, shape (k, p)

        Returns
        -------
        numpy.ndarray
            Not a number where a combination has no variance, or a part that is unseen.

        Notes
        -----
        2 E(v)^2 / var(v) = tr(G)^2 / tr(G^2) of the quadratic form v = c' covariance c under the
        working model, with G_ij = h_i' (Q_i 1(i = j) - Q_i Q_j) h_j.

        References
        ----------
        Bell and McCaffrey (2002), Survey Methodology 28; Pustejovsky and Tipton (2018), Journal of
        Business and Economic Statistics 36, equations 10 and 11.
        """
        return np.array([self._degrees(one) for one in np.atleast_2d(contrasts)])

    def sees(self, contrast: np.ndarray) -> bool:
        """Whether more than one cluster tells of every part of a linear combination."""
        return not (np.abs(self.unseen @ contrast) > FAINT * np.abs(contrast).max()).any()

    def _degrees(self, contrast: np.ndarray) -> float:
        if not self.sees(contrast):
            return float("nan")
        direction = self.root @ contrast
        spread, pull = self.spread @ direction, self.pull @ direction
        own = np.einsum("jap,jbp->jab", spread, spread)
        taken = np.einsum("jap,jbp->jab", pull, pull)
        inner = np.einsum("jap,jaq->pq", pull, pull)
        total = float(np.einsum("jaa->", own) - np.trace(inner))
        squares = float((own * own).sum() - 2 * (own * taken).sum() + (inner * inner).sum())
        return total**2 / squares if total > 0 and squares > 0 else float("nan")


def cluster_sums(columns: np.ndarray, residual: np.ndarray, labels: np.ndarray) -> ClusterSums:
    """Add up whitened rows by cluster.

    Parameters
    ----------
    columns : numpy.ndarray, shape (n, p)
        V^-1/2 D: of a linear model the matrix itself.
    residual : numpy.ndarray, shape (n,)
        V^-1/2 (y - mu).
    labels : numpy.ndarray of int, shape (n,)

    Returns
    -------
    ClusterSums
        Clusters in the order of their labels.
    """
    order = np.argsort(labels, kind="stable")
    columns, residual = columns[order], residual[order]
    start = np.flatnonzero(np.diff(labels[order], prepend=labels[order[0]] - 1))
    stop = np.append(start[1:], len(labels))
    parts = [columns[a:b] for a, b in zip(start, stop, strict=True)]
    information = np.array([part.T @ part for part in parts])
    scores = np.add.reduceat(columns * residual[:, None], start, axis=0)
    return ClusterSums(read_only(information), read_only(scores))


def adjusted_covariance(sums: ClusterSums, kind: Kind) -> ClusterCovariance:
    """A sandwich covariance, corrected for the residuals having been fitted.

    Parameters
    ----------
    sums : ClusterSums
    kind : str
        robust: uncorrected. kauermann_carroll: residuals times (I - H_j)^-1/2, unbiased under
        the working model; of a linear model that is CR2. mancl_derouen: times (I - H_j)^-1,
        which errs towards too large. ford_westgate: the mean of those two.

    Returns
    -------
    ClusterCovariance

    References
    ----------
    Mancl and DeRouen (2001), Biometrics 57, equation 5; Kauermann and Carroll (2001), Journal of
    the American Statistical Association 96; Ford and Westgate (2017), Statistics in Medicine 36;
    Bell and McCaffrey (2002), Survey Methodology 28.
    """
    root, values, vectors = _leverages(sums.information)
    whitened = sums.scores @ root.T
    own = values > 1 - OWN
    left = np.where(own, 1.0, 1 - values)
    meat, spread, pull = np.zeros_like(root), [], []
    for power, weight in POWERS[kind]:
        factor = left**power if power == 0 else np.where(own, 0.0, left**power)
        rotated = np.einsum("jab,ja->jb", vectors, whitened) * factor
        scores = np.einsum("jab,jb->ja", vectors, rotated) * np.sqrt(weight)
        meat = meat + scores.T @ scores
        # F_j, and Q_j F_j: functions of Q_j, so in its own directions
        scaled = np.swapaxes(vectors, 1, 2) * (np.sqrt(weight) * factor)[:, :, None]
        spread.append(np.sqrt(values)[:, :, None] * scaled)
        pull.append(vectors * values[:, None, :] @ scaled)
    return ClusterCovariance(
        covariance=read_only(root.T @ meat @ root),
        unseen=unseen_by_others(root, values, vectors),
        root=root,
        spread=np.stack(spread, axis=1),
        pull=np.stack(pull, axis=1),
    )


def unseen_by_others(root: np.ndarray, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Combinations that one cluster determines alone, largest part 1, shape (m, p).

    Parameters
    ----------
    root : numpy.ndarray, shape (p, p)
    values, vectors : numpy.ndarray, shape (J, p) and (J, p, p)
        Of the clusters' Q_j.
    """
    cluster, place = np.nonzero(values > 1 - OWN)
    found = vectors[cluster, :, place] @ root
    return np.asarray(found / np.abs(found).max(axis=1, initial=0.0)[:, None])


def _leverages(information: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inverse root of K, and eigenvalues and eigenvectors of the clusters' Q_j."""
    total = information.sum(axis=0)
    diagonal = np.diag(total)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    try:
        lower = np.linalg.cholesky(total * np.outer(scale, scale))
    except np.linalg.LinAlgError:
        raise ModelError(
            "the columns cannot be told apart, so there is no covariance",
            "adjusted_covariance",
            "take a column out, or give the data more variation in it",
        ) from None
    root = np.linalg.solve(lower, np.diag(scale))
    shares = root @ information @ root.T
    values, vectors = np.linalg.eigh((shares + np.swapaxes(shares, 1, 2)) / 2)
    return root, np.clip(values, 0.0, 1.0), vectors
