"""How many clusters there are, how many they are worth, and which covariance that calls for.

Fewer than 10 describe and test nothing. From 10 to 40, or more that are worth fewer than 40 for
the coefficient (Carter, Schnepel and Steigerwald 2017), the robust covariance is too small: with
20 practitioners it rejects .11 to .18 of true nulls about a practitioner's exposure, with 40 .07
to .11, and more where one in ten is exposed (.24 to .35, .13 to .16). What is taken instead
follows `deepvalue_stats.bench.few_clusters`, whose table is kept with the reports:

- Mancl and DeRouen's covariance with t(J - p) keeps 5% with 20, 40 and 80 practitioners, whether
  caseloads are equal or very uneven and the exposure is continuous, or only one practitioner in
  five has it (.04 to .07; with an ICC of .2, and caseloads of 5 and 50, as well). Its variance errs
  upwards just where t(J - p) has too many degrees of freedom.
- Worth fewer than 4 clusters that balance is lost: with two exposed practitioners of 20 it rejects
  .10 to .13. Kauermann and Carroll's with Satterthwaite's degrees of freedom rejects too seldom
  there (.001 to .02): it says little, and rightly. With four exposed of 40, worth 4 to 5, the
  first rejects .07 and the second .02 to .04.
- Elsewhere Kauermann and Carroll's with Satterthwaite's degrees errs to the careful side (.02 to
  .07), theirs with t(J - p) to the other. So does Ford and Westgate's mean with t(J - p) (.05 to
  .09 where one in five is exposed).
- The wild cluster bootstrap keeps 5% from 20 practitioners on where four or more are exposed, but
  has no covariance for other effects: it is the second opinion.

With 10 practitioners of whom two are exposed no method both keeps 5% and says anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.clusters.adjusted import Kind

Level = Literal["descriptive", "few", "standard"]
# below this many clusters nothing is tested; up to that many, or worth fewer, they are few
DESCRIPTIVE, MANY = 10, 40
# worth fewer than this, degrees of freedom have to be the coefficient's own
SKEWED = 4
# how alike outcomes of a cluster are taken to be where nothing better is known
ICC = 0.05


@dataclass(frozen=True)
class ClusterAdvice:
    """What a number of clusters allows.

    Attributes
    ----------
    n_clusters : int
    effective : float
        How many equal clusters the coefficient's variance estimate is worth.
    exposed : int
        Of an exposure of two values, the clusters with the rarer one; otherwise all.
    unevenness : float
        Standard deviation of the caseloads over their mean.
    level : str
        descriptive: too few to test anything. few: with a covariance for few clusters. standard.
    covariance : str
    degrees : str
        Of the reference distribution: clusters, satterthwaite or normal, as of
        `few_cluster_covariance`.
    reason : str
        For a page, in words.
    """

    n_clusters: int
    effective: float
    exposed: int
    unevenness: float
    level: Level
    covariance: Kind
    degrees: str
    reason: str


def cluster_advice(
    labels: np.ndarray,
    exposure: np.ndarray,
    *,
    others: np.ndarray | None = None,
    icc: float = ICC,
    what: str = "cluster",
) -> ClusterAdvice:
    """Say which covariance an exposure's effect needs, by the clusters that it varies over.

    Before a model is fitted, and for one exposure; `covariance="auto"` of a fit asks of all terms.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n,)
        Cluster of each row, as the practitioner.
    exposure : numpy.ndarray, shape (n,)
    others : numpy.ndarray, shape (n, q), optional
        Columns that the effect is adjusted for, beside an intercept.
    icc : float
        How alike outcomes of a cluster are, from 0 to 1. At 1 large caseloads weigh most: the
        choice of Carter and others where nothing is known.
    what : str
        What a cluster is, for the reason.

    Returns
    -------
    ClusterAdvice

    Raises
    ------
    ModelError
        If there is one cluster, a value is missing, or the exposure does not vary beside the
        others.

    References
    ----------
    Carter, Schnepel and Steigerwald (2017), Review of Economics and Statistics 99, equation 5;
    Cameron and Miller (2015), Journal of Human Resources 50, on what few clusters are.
    """
    n = len(labels)
    rest = np.ones((n, 1)) if others is None else np.column_stack([np.ones(n), others])
    columns = np.column_stack([exposure, rest]).astype("float64")
    _refuse(labels, columns, what)
    unit = np.eye(columns.shape[1])[0]
    effective = effective_clusters(columns, labels, unit, icc)
    return advice_of(labels, effective, exposed_clusters(labels, exposure), what)


def effective_clusters(
    columns: np.ndarray, labels: np.ndarray, contrast: np.ndarray, icc: float = ICC
) -> float:
    """How many equal clusters a coefficient's variance estimate is worth.

    Parameters
    ----------
    columns : numpy.ndarray, shape (n, p)
        The matrix; of a logit times (p (1 - p))^1/2.
    labels : numpy.ndarray of int, shape (n,)
    contrast : numpy.ndarray, shape (p,)
    icc : float

    Notes
    -----
    J / (1 + CV^2 of gamma_j), gamma_j = c' (X'X)^-1 X_j' R_j X_j (X'X)^-1 c with R_j exchangeable.
    """
    loading = columns @ (np.linalg.pinv(columns.T @ columns, hermitian=True) @ contrast)
    codes = np.unique(labels, return_inverse=True)[1]
    alone = np.bincount(codes, weights=loading**2)
    together = np.bincount(codes, weights=loading) ** 2
    share = (1 - icc) * alone + icc * together
    return float(share.sum() ** 2 / (share**2).sum())


def exposed_clusters(labels: np.ndarray, exposure: np.ndarray) -> int:
    """Of an exposure of two values, in how many clusters the rarer one occurs; otherwise all."""
    values = np.unique(exposure)
    if len(values) != 2:
        return int(np.unique(labels).size)
    return min(int(np.unique(labels[exposure == value]).size) for value in values)


def advice_of(
    labels: np.ndarray, effective: float, exposed: int, what: str, term: str = ""
) -> ClusterAdvice:
    """Which covariance so many clusters call for.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n,)
    effective : float
    exposed : int
    what : str
        What a cluster is.
    term : str
        The term of the fewest effective clusters, for the reason.
    """
    caseloads = np.unique(labels, return_counts=True)[1]
    n_clusters = len(caseloads)
    level: Level = "standard"
    if n_clusters < DESCRIPTIVE:
        level = "descriptive"
    elif n_clusters <= MANY or effective < MANY:
        level = "few"
    covariance, degrees = _choice(level, effective)
    return ClusterAdvice(
        n_clusters=n_clusters,
        effective=effective,
        exposed=exposed,
        unevenness=float(caseloads.std() / caseloads.mean()),
        level=level,
        covariance=covariance,
        degrees=degrees,
        reason=_reason(level, n_clusters, effective, what, term),
    )


def _choice(level: Level, effective: float) -> tuple[Kind, str]:
    if level == "standard":
        return "robust", "normal"
    if effective < SKEWED:
        return "kauermann_carroll", "satterthwaite"
    return "mancl_derouen", "clusters"


def _reason(level: Level, n_clusters: int, effective: float, what: str, term: str) -> str:
    beside = f" for {term}" if term else ""
    worth = f"{n_clusters} {what}s, worth {effective:.1f} equal ones{beside}"
    if level == "descriptive":
        return f"{worth}: fewer than {DESCRIPTIVE} describe, and test nothing"
    if level == "standard":
        return f"{worth}: enough for the robust covariance"
    if effective < SKEWED:
        return f"{worth}: so few that degrees of freedom are each term's own, on the careful side"
    return f"{worth}: few, so the covariance is corrected and has degrees of freedom"


def _refuse(labels: np.ndarray, columns: np.ndarray, what: str) -> None:
    where = "cluster_advice"
    if not np.isfinite(columns).all():
        raise ModelError(
            f"a value is missing in {int((~np.isfinite(columns)).any(axis=1).sum())} rows",
            where,
            "leave those rows out, with a reason",
        )
    if np.unique(labels).size < 2:
        raise ModelError(
            f"all {len(labels)} rows belong to one {what}, so nothing can be said across them",
            where,
            "group by something that has more than one",
        )
    own = columns[:, 0] - columns[:, 1:] @ np.linalg.lstsq(columns[:, 1:], columns[:, 0])[0]
    if np.abs(own).max() <= 1e-9 * max(float(np.abs(columns[:, 0]).max()), 1e-300):
        raise ModelError(
            "the exposure does not vary beside the other columns",
            where,
            "take a column out, or give the data more variation in it",
        )
