"""Wild cluster bootstrap with the null imposed, of linear models and, by its scores, of logits.

Both are one computation. With the null imposed a model is fitted once; what a draw of weights w
needs of it are each cluster's score q_j = X_j' u_j and information B_j, as in the jackknife-free
"fast" bootstrap: the coefficients move by d = K^-1 sum_j w_j q_j, and cluster j's score becomes
w_j q_j - B_j d. Weights of 1 give the sample's own statistic. Of a linear model nothing is
approximated; of a logit B_j is taken at the restricted fit and the model moves one scoring step,
which is the score bootstrap with the estimation of the other coefficients allowed for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from scipy.special import expit

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.clusters.adjusted import ClusterSums, cluster_sums
from deepvalue_stats.models.fit import ModelFit
from deepvalue_stats.tables import LEVEL

Weights = Literal["auto", "rademacher", "webb"]
# with fewer clusters Rademacher's signs make too few distinct statistics
WEBB_BELOW = 12
RADEMACHER = np.array([-1.0, 1.0])
WEBB = np.sqrt(np.array([1.5, 1.0, 0.5]))
# statistics this near are the same one
TIED = 1e-9
# the interval's limits are found to this part of a standard error
FINE = 1e-4
# how far from the estimate, in standard errors, a limit is looked for
FURTHEST = 64.0
NEWTON = 50

Restricted = Callable[[float], ClusterSums]


@dataclass(frozen=True)
class WildTest:
    """A test of one coefficient by the wild cluster bootstrap.

    Attributes
    ----------
    estimate, null : float
    statistic : float
        Of the sample, with the null imposed.
    p_value : float
        Share of draws at least as far from zero; the sample counts as one of them.
    conf_low, conf_high : float
        The values not rejected at 5%; infinite where every value to that side is kept, and not a
        number where none was asked for.
    draws : int
    enumerated : bool
        Whether the draws are all that there are.
    weights : str
        rademacher or webb.
    n_clusters : int
    """

    estimate: float
    null: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    draws: int
    enumerated: bool
    weights: str
    n_clusters: int


def wild_bootstrap(
    fit: ModelFit,
    term: str,
    *,
    cluster: str,
    rng: np.random.Generator,
    null: float = 0.0,
    draws: int = 9999,
    weights: Weights = "auto",
) -> WildTest:
    """Test a coefficient of a logit by the score form of the wild cluster bootstrap.

    Beside `few_cluster_covariance`, as a second opinion that rests on other assumptions; where
    they differ much, there are too few clusters for either. Not for a GEE with a working
    correlation.

    Parameters
    ----------
    fit : ModelFit
        Of `fit_logit`, or of `fit_gee` with independence.
    term : str
    cluster : str
        Column of the fit's rows.
    rng : numpy.random.Generator
    null : float
        On the link scale.
    draws : int
        All weights are taken instead where there are no more.
    weights : str
        auto: Rademacher's, or Webb's six with fewer than 12 clusters.

    Returns
    -------
    WildTest

    Raises
    ------
    ModelError
        For another estimator, an unknown term or cluster, or a fit that has not converged.

    References
    ----------
    Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90; Kline and Santos
    (2012), Journal of Econometric Methods 1; Webb (2023), Canadian Journal of Economics 56;
    Roodman, MacKinnon, Nielsen and Webb (2019), Stata Journal 19, for the algebra by cluster.
    """
    _refuse(fit, term, cluster)
    labels = fit.design.codes(cluster)
    place = fit.terms.index(term)
    return wild_logit(
        fit.design.matrix,
        fit.design.response,
        labels,
        place,
        rng=rng,
        null=null,
        draws=draws,
        weights=weights,
    )


def wild_logit(
    matrix: np.ndarray,
    response: np.ndarray,
    labels: np.ndarray,
    place: int,
    *,
    rng: np.random.Generator,
    null: float = 0.0,
    draws: int = 9999,
    weights: Weights = "auto",
    interval: bool = True,
) -> WildTest:
    """Test a coefficient of a logit; see `wild_bootstrap`.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
    response : numpy.ndarray, shape (n,)
        0 or 1.
    labels : numpy.ndarray of int, shape (n,)
    place : int
        Which coefficient.
    rng, null, draws, weights
        As of `wild_bootstrap`.
    interval : bool
        Whether to look for the interval, which takes some thirty restricted fits.
    """
    others = np.delete(matrix, place, axis=1)
    start = _logit(matrix, response, np.zeros(len(response)), np.zeros(matrix.shape[1]))

    def restricted(value: float) -> ClusterSums:
        offset = value * matrix[:, place]
        params = _logit(others, response, offset, np.delete(start, place))
        chance = expit(offset + others @ params)
        spread = np.sqrt(chance * (1 - chance))
        residual = (response - chance) / np.where(spread > 0, spread, 1)
        return cluster_sums(matrix * spread[:, None], residual, labels)

    return _test(
        restricted, place, float(start[place]), labels, rng, null, draws, weights, interval
    )


def wild_linear(
    matrix: np.ndarray,
    response: np.ndarray,
    labels: np.ndarray,
    place: int,
    *,
    rng: np.random.Generator,
    null: float = 0.0,
    draws: int = 9999,
    weights: Weights = "auto",
    interval: bool = True,
) -> WildTest:
    """Test a coefficient of a linear model by the restricted wild cluster bootstrap (WCR).

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
        Within-transformed where effects nested in the clusters were absorbed.
    response : numpy.ndarray, shape (n,)
    labels, place, rng, null, draws, weights, interval
        As of `wild_logit`.

    Returns
    -------
    WildTest
        `statistic` is the t with the cluster-robust error, without its factor for few clusters
        (which draws and sample share).
    """
    params = np.linalg.lstsq(matrix, response)[0]
    at_zero = _restricted_scores(matrix, response, labels, place)
    slope = _restricted_scores(matrix, matrix[:, place], labels, place)

    def restricted(value: float) -> ClusterSums:
        return ClusterSums(at_zero.information, at_zero.scores - value * slope.scores)

    return _test(
        restricted, place, float(params[place]), labels, rng, null, draws, weights, interval
    )


def _restricted_scores(
    matrix: np.ndarray, response: np.ndarray, labels: np.ndarray, place: int
) -> ClusterSums:
    others = np.delete(matrix, place, axis=1)
    residual = response - others @ np.linalg.lstsq(others, response)[0]
    return cluster_sums(matrix, residual, labels)


def wild_draws(
    n_clusters: int, draws: int, weights: Weights, rng: np.random.Generator
) -> tuple[np.ndarray, bool, str]:
    """Weights of the clusters, shape (draws, J), whether these are all, and their name.

    Parameters
    ----------
    n_clusters : int
    draws : int
    weights : str
    rng : numpy.random.Generator
    """
    if weights == "auto":
        weights = "webb" if n_clusters < WEBB_BELOW else "rademacher"
    values = RADEMACHER if weights == "rademacher" else np.concatenate([-WEBB, WEBB])
    if len(values) ** n_clusters <= draws:
        every = np.array(list(product(values, repeat=n_clusters)))
        return every, True, weights
    return rng.choice(values, size=(draws, n_clusters)), False, weights


def _test(
    restricted: Restricted,
    place: int,
    estimate: float,
    labels: np.ndarray,
    rng: np.random.Generator,
    null: float,
    draws: int,
    weights: Weights,
    interval: bool,
) -> WildTest:
    n_clusters = len(np.unique(labels))
    drawn, enumerated, name = wild_draws(n_clusters, draws, weights, rng)
    statistic, p_value = _p_value(restricted(null), place, drawn, enumerated)
    ends = (np.nan, np.nan)
    if interval and np.isfinite(estimate):

        def p_at(value: float) -> float:
            return _p_value(restricted(value), place, drawn, enumerated)[1]

        unit = _standard_error(restricted(estimate), place)
        ends = (_limit(p_at, estimate, -unit), _limit(p_at, estimate, unit))
    return WildTest(
        estimate, null, statistic, p_value, *ends, len(drawn), enumerated, name, n_clusters
    )


def _p_value(
    sums: ClusterSums, place: int, drawn: np.ndarray, enumerated: bool
) -> tuple[float, float]:
    """The sample's statistic, and the share of draws at least as far from zero."""
    loading = np.linalg.solve(sums.information.sum(axis=0), np.eye(len(sums.scores[0]))[place])
    bread = np.linalg.inv(sums.information.sum(axis=0))
    own, towards = sums.scores @ loading, sums.information @ loading
    statistic = float(
        _statistics(np.ones((1, len(own))), sums.scores @ bread, own, towards, place)[0]
    )
    others = _statistics(drawn, sums.scores @ bread, own, towards, place)
    further = int((np.abs(others) >= abs(statistic) * (1 - TIED)).sum())
    if enumerated:
        return statistic, further / len(drawn)
    return statistic, (1 + further) / (1 + len(drawn))


def _statistics(
    drawn: np.ndarray, steps: np.ndarray, own: np.ndarray, towards: np.ndarray, place: int
) -> np.ndarray:
    """The t of every draw: the coefficient's move over its cluster-robust error."""
    moves = drawn @ steps
    left = drawn * own - moves @ towards.T
    spread = np.sqrt(np.einsum("bj,bj->b", left, left))
    safe = np.where(spread > 0, spread, 1.0)
    return np.where(spread > 0, moves[:, place] / safe, 0.0)


def _standard_error(sums: ClusterSums, place: int) -> float:
    loading = np.linalg.solve(sums.information.sum(axis=0), np.eye(len(sums.scores[0]))[place])
    return float(np.sqrt(((sums.scores @ loading) ** 2).sum()))


def _limit(p_at: Callable[[float], float], estimate: float, unit: float) -> float:
    """Where p falls below 5% on one side: doubling away from the estimate, then halving."""
    inside, outside = 0.0, 2.0
    while p_at(estimate + outside * unit) > 1 - LEVEL:
        inside, outside = outside, 2 * outside
        if outside > FURTHEST:
            return float(np.copysign(np.inf, unit))
    while outside - inside > FINE:
        middle = (inside + outside) / 2
        if p_at(estimate + middle * unit) > 1 - LEVEL:
            inside = middle
        else:
            outside = middle
    return estimate + (inside + outside) / 2 * unit


def _logit(
    matrix: np.ndarray, response: np.ndarray, offset: np.ndarray, params: np.ndarray
) -> np.ndarray:
    """Maximum likelihood with an offset, by Newton's steps that are halved while they fall."""
    value = _loglik(matrix, response, offset, params)
    for _ in range(NEWTON):
        chance = expit(offset + matrix @ params)
        weight = chance * (1 - chance)
        information = matrix.T @ (matrix * weight[:, None])
        step = np.linalg.lstsq(information, matrix.T @ (response - chance), rcond=1e-14)[0]
        for _ in range(20):
            reached = _loglik(matrix, response, offset, params + step)
            if reached >= value - 1e-12 * abs(value):
                break
            step = step / 2
        params, value = params + step, reached
        if np.abs(step).max(initial=0.0) < 1e-10:
            break
    return params


def _loglik(
    matrix: np.ndarray, response: np.ndarray, offset: np.ndarray, params: np.ndarray
) -> float:
    eta = offset + matrix @ params
    return -float(np.logaddexp(0.0, np.where(response > 0, -eta, eta)).sum())


def _refuse(fit: ModelFit, term: str, cluster: str) -> None:
    where = fit.spec.formula
    correlated = fit.spec.correlation not in ("", "independence")
    if fit.spec.estimator not in ("gee", "logit") or correlated:
        raise ModelError(
            "the wild bootstrap here is of a logit whose rows have no working correlation",
            where,
            "use fit_logit, or fit_gee with correlation='independence'",
        )
    if term not in fit.terms:
        raise ModelError(f"no term '{term}'", where, f"use one of {', '.join(fit.terms)}")
    if cluster not in fit.design.frame:
        raise ModelError(f"no column '{cluster}' to group by", where, "name one that there is")
    if fit.convergence.status != "ok":
        raise ModelError("the fit has not converged", where, f"see: {fit.convergence.message}")
    codes = fit.design.codes(cluster)
    if (codes < 0).any() or codes.max() < 1:
        raise ModelError(
            f"'{cluster}' is missing in some rows, or is the same in all",
            where,
            "restrict the data to rows with a known group, and group by what has more than one",
        )
