"""How far clients of one practitioner agree, and how well a practitioner's mean is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.stats import f as f_distribution

from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures.caseloads import ROUNDING, Caseload, GroupedRatings, group_ratings
from deepvalue_stats.measures.one_way import OneWay, best_ratio, one_way, ratio_interval
from deepvalue_stats.tables import LEVEL, read_only

Method = Literal["reml", "anova"]
Status = Literal["ok", "zero", "one"]
ESTIMATORS: dict[Method, str] = {
    "reml": "restricted likelihood, profile interval",
    "anova": "analysis of variance, interval of F",
}


@dataclass(frozen=True)
class Agreement:
    """How far ratings of one practitioner agree.

    Attributes
    ----------
    method : str
        reml or anova.
    estimator : str
        The same in words, for a page.
    icc1, icc1_low, icc1_high : float
        The share of the variance of one rating that lies between practitioners.
    icc2, icc2_low, icc2_high : float
        Reliability of the mean of `average_caseload` ratings.
    average_caseload : float
        k0 = (N - sum n_j^2 / N) / (G - 1).
    practitioners, ratings : int
    caseload : Caseload
    status : str
        ok; zero: practitioners do not differ by more than their ratings would by chance (REML: the
        estimate is 0 exactly; analysis of variance: it is 0 or below, and stands as it is); one:
        no rating differs from another of the same practitioner, and there is no interval.
    """

    method: Method
    estimator: str
    icc1: float
    icc1_low: float
    icc1_high: float
    icc2: float
    icc2_low: float
    icc2_high: float
    average_caseload: float
    practitioners: int
    ratings: int
    caseload: Caseload
    status: Status


@dataclass(frozen=True)
class PractitionerMeans:
    """Practitioners' means, each drawn to the grand mean as far as it is not known.

    For computation only: who a row is stays in the room, and no table holds it.

    Attributes
    ----------
    practitioner : numpy.ndarray, shape (G,)
        Ids, in order of appearance; the columns below are in the same order.
    ratings, mean, reliability, shrunken : numpy.ndarray, shape (G,)
        n_j, the plain mean, l_j, and l_j mean_j + (1 - l_j) grand mean.
    conditional_error : numpy.ndarray, shape (G,)
        Standard error of `shrunken` were the grand mean known.
    std_error : numpy.ndarray, shape (G,)
        With the grand mean's own uncertainty. That of the variances is counted in neither.
    grand_mean, grand_mean_error : float
        Of generalised least squares.
    icc1, between_variance, within_variance : float
        Of restricted likelihood.
    """

    practitioner: np.ndarray = field(repr=False)
    ratings: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    reliability: np.ndarray = field(repr=False)
    shrunken: np.ndarray = field(repr=False)
    conditional_error: np.ndarray = field(repr=False)
    std_error: np.ndarray = field(repr=False)
    grand_mean: float
    grand_mean_error: float
    icc1: float
    between_variance: float
    within_variance: float


def agreement(
    ratings: np.ndarray,
    practitioners: np.ndarray,
    *,
    method: Method = "reml",
    level: float = LEVEL,
) -> Agreement:
    """ICC(1) and ICC(2) of ratings by practitioner, caseloads equal or not.

    Parameters
    ----------
    ratings : numpy.ndarray of float, shape (n,)
        One score a rating, in any unit; none missing.
    practitioners : array, shape (n,)
        Whom each rating is of.
    method : str
        reml: restricted likelihood of a one-way model, where ICC(1) is not negative. anova: mean
        squares, where it may be.
    level : float
        Of the intervals.

    Returns
    -------
    Agreement

    Raises
    ------
    ModelError
        If lengths differ, a rating or an id is missing, there are fewer than two practitioners,
        nobody has two ratings, no rating differs from another, or there is no such method.

    Notes
    -----
    anova: ICC1 = (MSB - MSW) / (MSB + (k0 - 1) MSW), ICC2 = (MSB - MSW) / MSB. The interval is
    that of F = MSB / MSW at k0: exact for equal caseloads, approximate for others.
    reml: ICC1 = r at the least deviance; the interval holds the r whose deviance is above it by
    no more than chi-squared of one degree of freedom allows, 0 among them where it is not
    rejected. ICC2 = k0 r / (1 + (k0 - 1) r) in both, limits alike.

    References
    ----------
    Shrout and Fleiss (1979), Psychological Bulletin 86, for the interval of F; Thomas and
    Hultquist (1978), Annals of Statistics 6, and Donner (1979), American Journal of Epidemiology
    110, for unequal caseloads. Patterson and Thompson (1971), Biometrika 58, for restricted
    likelihood. Bliese (2000), in Klein and Kozlowski (eds), for ICC(1) and ICC(2).

    Examples
    --------
    >>> found = agreement(np.array([1.0, 2, 3, 4, 5, 6]), np.array(list("aabbcc")), method="anova")
    >>> round(found.icc1, 3), round(found.icc2, 3), found.average_caseload
    (0.882, 0.938, 2.0)
    """
    if method not in ESTIMATORS:
        raise ModelError(f"no method '{method}'", "agreement", 'use "reml" or "anova"')
    grouped = group_ratings(ratings, practitioners)
    estimate = _by_likelihood if method == "reml" else _by_mean_squares
    icc1, low, high, status = estimate(grouped, level)
    k0 = grouped.average_caseload
    return Agreement(
        method=method,
        estimator=ESTIMATORS[method],
        icc1=icc1,
        icc1_low=low,
        icc1_high=high,
        icc2=mean_reliability(icc1, k0),
        icc2_low=mean_reliability(low, k0),
        icc2_high=mean_reliability(high, k0),
        average_caseload=k0,
        practitioners=len(grouped.n),
        ratings=grouped.total,
        caseload=grouped.caseload,
        status=status,
    )


def practitioner_means(ratings: np.ndarray, practitioners: np.ndarray) -> PractitionerMeans:
    """Every practitioner's mean, its reliability, and the mean shrunken by it.

    Parameters
    ----------
    ratings : numpy.ndarray of float, shape (n,)
    practitioners : array, shape (n,)

    Returns
    -------
    PractitionerMeans

    Raises
    ------
    ModelError
        As `agreement`.

    Notes
    -----
    l_j = n_j r / (1 + (n_j - 1) r), m_j = l_j mean_j + (1 - l_j) mu, with r of restricted
    likelihood and mu of generalised least squares. Var(m_j - u_j - mu) = t^2 (1 - l_j) +
    (1 - l_j)^2 Var(mu), t^2 the variance between practitioners; the first term alone is the
    conditional one. With r = 0 all means are the grand mean.

    References
    ----------
    Henderson (1975), Biometrics 31; Luedtke and others (2008), Psychological Methods 13, for l_j.
    """
    grouped = group_ratings(ratings, practitioners)
    model = one_way(grouped)
    lam = best_ratio(model)
    known = _reliabilities(grouped.n, lam)
    within, between, grand, grand_error = _variances(grouped, model, lam)
    conditional = np.sqrt(between * (1 - known))
    return PractitionerMeans(
        practitioner=read_only(grouped.labels),
        ratings=read_only(grouped.n.astype("int64")),
        mean=grouped.mean,
        reliability=read_only(known),
        shrunken=read_only(known * grouped.mean + (1 - known) * grand),
        conditional_error=read_only(conditional),
        std_error=read_only(np.hypot(conditional, (1 - known) * grand_error)),
        grand_mean=grand,
        grand_mean_error=grand_error,
        icc1=_icc(lam),
        between_variance=between,
        within_variance=within,
    )


def mean_reliability(icc: float, ratings: float) -> float:
    """Reliability of the mean of k ratings, k r / (1 + (k - 1) r).

    Parameters
    ----------
    icc : float
        r, the reliability of one.
    ratings : float
        k.

    References
    ----------
    Spearman (1910) and Brown (1910), British Journal of Psychology 3.

    Examples
    --------
    >>> round(mean_reliability(0.05, 45), 3)
    0.703
    """
    below = 1 + (ratings - 1) * icc
    # where practitioners' means do not differ at all, mean squares give -1 / (k - 1): the limit
    return ratings * icc / below if not below <= ROUNDING else -np.inf


def _by_likelihood(grouped: GroupedRatings, level: float) -> tuple[float, float, float, Status]:
    model = one_way(grouped)
    best = best_ratio(model)
    if np.isinf(best):
        return 1.0, np.nan, np.nan, "one"
    low, high = ratio_interval(model, best, level)
    return _icc(best), _icc(low), _icc(high), "ok" if best > 0 else "zero"


def _by_mean_squares(grouped: GroupedRatings, level: float) -> tuple[float, float, float, Status]:
    if grouped.within == 0:
        return 1.0, np.nan, np.nan, "one"
    k0, g = grouped.average_caseload, len(grouped.n)
    centre = float(grouped.n @ grouped.mean) / grouped.total
    dof = g - 1, grouped.total - g
    between = float(grouped.n @ (grouped.mean - centre) ** 2) / dof[0]
    ratio = between / (grouped.within / dof[1])
    tail = (1 + level) / 2
    least = ratio / float(f_distribution.ppf(tail, *dof))
    most = ratio * float(f_distribution.ppf(tail, *reversed(dof)))
    icc, low, high = ((f - 1) / (f + k0 - 1) for f in (ratio, least, most))
    return icc, low, high, "ok" if icc > 0 else "zero"


def _icc(ratio: float) -> float:
    return 1.0 if np.isinf(ratio) else ratio / (1 + ratio)


def _reliabilities(n: np.ndarray, lam: float) -> np.ndarray:
    """N_j r / (1 + (n_j - 1) r), written in lam = r / (1 - r)."""
    return np.ones(len(n)) if np.isinf(lam) else np.asarray(n * lam / (1 + n * lam))


def _variances(
    grouped: GroupedRatings, model: OneWay, lam: float
) -> tuple[float, float, float, float]:
    """Within and between practitioners, and the grand mean with its standard error."""
    if np.isinf(lam):
        spread = float(grouped.mean.var(ddof=1))
        return 0.0, spread, float(grouped.mean.mean()), float(np.sqrt(spread / len(grouped.n)))
    within = model.residual_variance(lam)
    weight = float(model.weights(np.asarray(lam)) @ model.count)
    return within, lam * within, model.grand_mean(lam), float(np.sqrt(within / weight))
