"""How far the items of a scale agree: alpha, omega and their ordinal forms, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pingouin
from scipy.special import ndtr
from scipy.stats import f as f_distribution
from scipy.stats import t as student

from deepvalue_stats.errors import DataError
from deepvalue_stats.measures.factors.bivariate import cumulative
from deepvalue_stats.measures.factors.model import FactorFit, factor_model
from deepvalue_stats.measures.factors.polychoric import pairs
from deepvalue_stats.measures.factors.structure import bifactor, one_factor

MOST_CATEGORIES = 10  # beyond this many responses a scale is as good as continuous
SLIGHT = 1e-5


@dataclass(frozen=True)
class Coefficient:
    """A reliability with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
        Not a number where there is none.
    why : str
        Why there is none; empty where there is one.
    """

    value: float
    low: float
    high: float
    why: str = ""


@dataclass(frozen=True)
class Reliability:
    """What is known of the reliability of one scale.

    Attributes
    ----------
    n, items : int
        Complete rows, and items.
    alpha : Coefficient
        Of the sum of the items as they stand: a lower bound, exact where all items measure one
        thing equally well.
    omega : Coefficient
        Of the same sum under one factor with loadings of its own for each item.
    hierarchical : Coefficient
        The share of the sum that one thing common to all subscales explains.
    categorical : Coefficient
        Omega of the sum of ordinal items, from what stands behind them (Green and Yang).
    polychoric : Coefficient
        Alpha that the items would have, were they not cut into categories: no statement about the
        score that is used.
    """

    n: int
    items: int
    alpha: Coefficient
    omega: Coefficient
    hierarchical: Coefficient
    categorical: Coefficient
    polychoric: Coefficient


def reliability(
    items: np.ndarray,
    *,
    subscales: Mapping[str, Sequence[int]] | None = None,
    clusters: np.ndarray | None = None,
) -> Reliability:
    """Internal consistency of a scale.

    Use it to see how much of a score is the person's own and not the luck of the item. It cannot
    tell whether the scale measures what its name says, nor how a rating changes from day to day.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
        Complete rows, reversed items turned.
    subscales : mapping of str to sequence of int, optional
        Positions from 0; with three or more subscales of three items or more omega hierarchical is
        worked out.
    clusters : array, shape (n,), optional
        What rows share, as a practitioner: the intervals allow for it.

    Returns
    -------
    Reliability
        Each coefficient either has a value or says why not.

    Raises
    ------
    DataError
        If rows are incomplete.

    References
    ----------
    Cronbach (1951), Psychometrika 16; McDonald (1999), Test theory, eq. 6.20b; Green and Yang
    (2009), Psychometrika 74, eq. 21; Zumbo, Gadermann and Zeisser (2007), Journal of Modern
    Applied Statistical Methods 6.
    """
    if missing := int(np.isnan(items).any(axis=1).sum()):
        what = f"{missing} of {len(items)} rows lack a response"
        raise DataError(what, "items", "leave them out, and say how many")
    n, k = items.shape
    if why := _no_scale(items):
        none = _refused(why)
        return Reliability(n, k, none, none, none, none, none)
    categorical, polychoric = ordinal_reliability(items, clusters=clusters)
    return Reliability(
        n=n,
        items=k,
        alpha=cronbach_alpha(items, clusters=clusters),
        omega=omega_total(items, clusters=clusters),
        hierarchical=omega_hierarchical(items, subscales or {}, clusters=clusters),
        categorical=categorical,
        polychoric=polychoric,
    )


def cronbach_alpha(items: np.ndarray, *, clusters: np.ndarray | None = None) -> Coefficient:
    """Alpha of the sum of the items.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
        Complete rows, reversed items turned.
    clusters : array, shape (n,), optional

    Returns
    -------
    Coefficient
        Refused with fewer than three rows or two items, or where an item does not vary.

    Notes
    -----
    Of independent rows the interval is Feldt's, exact for normal items. Of clustered rows it is
    symmetric in log(1 - alpha), from the covariances' influence values added up by cluster.

    References
    ----------
    Cronbach (1951), Psychometrika 16; Feldt, Woodruff and Salih (1987), Applied Psychological
    Measurement 11, eq. 8; van Zyl, Neudecker and Nel (2000), Psychometrika 65, for the derivative.
    """
    n, k = items.shape
    if n < 3:
        return _refused(f"{n} complete rows")
    if why := _no_scale(items):
        return _refused(why)
    alpha = float(pingouin.cronbach_alpha(data=pd.DataFrame(items))[0])
    if clusters is None:
        rows, cells = n - 1, (n - 1) * (k - 1)
        low = 1 - (1 - alpha) * f_distribution.ppf(0.975, rows, cells)
        high = 1 - (1 - alpha) * f_distribution.ppf(0.025, rows, cells)
        return Coefficient(alpha, float(low), float(high))
    away = items - items.mean(axis=0)
    own, total = (away**2).sum(axis=1), away.sum(axis=1) ** 2
    inner, outer = own.mean(), total.mean()
    influence = -k / (k - 1) * ((own - inner) / outer - inner * (total - outer) / outer**2)
    sums = np.bincount(np.unique(clusters, return_inverse=True)[1], weights=influence)
    if len(sums) < 2:  # of one practitioner alone nothing is known of chance
        return Coefficient(alpha, np.nan, np.nan)
    spread = (sums**2).sum() * len(sums) / (len(sums) - 1)
    return _on_log(alpha, float(np.sqrt(spread)) / n, len(sums))


def omega_total(items: np.ndarray, *, clusters: np.ndarray | None = None) -> Coefficient:
    """Omega of the sum of the items, from a one-factor model by maximum likelihood.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
        Complete rows, reversed items turned.
    clusters : array, shape (n,), optional

    Returns
    -------
    Coefficient
        Refused with fewer than three items, where the model does not hold together, and where items
        load in opposite directions, as an item that was not turned does.

    Notes
    -----
    omega = (sum of loadings)^2 / ((sum of loadings)^2 + sum of residual variances); the interval
    by the delta method, symmetric in log(1 - omega), robust to items that are not normal.

    References
    ----------
    McDonald (1999), Test theory, eq. 6.20b; Raykov (2002), Structural Equation Modeling 9.
    """
    fit = _fitted(items, clusters, "continuous")
    if isinstance(fit, Coefficient):
        return fit
    names = fit.layout.names
    loaded = np.array(["=~" in name for name in names])
    residual = np.array(["~~" in name for name in names])
    theta = fit.solution.theta
    if why := _opposite(theta[loaded]):
        return _refused(why)
    common, left = theta[loaded].sum(), theta[residual].sum()
    everything = common**2 + left
    slope = np.where(loaded, 2 * common * left, 0.0) - np.where(residual, common**2, 0.0)
    slope = slope / everything**2
    error = float(np.sqrt(slope @ fit.vcov @ slope))
    return _on_log(float(common**2 / everything), error, fit.moments.n_clusters)


def omega_hierarchical(
    items: np.ndarray,
    subscales: Mapping[str, Sequence[int]],
    *,
    clusters: np.ndarray | None = None,
) -> Coefficient:
    """The share of the total's variance that one thing behind all subscales explains.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
    subscales : mapping of str to sequence of int
        Positions from 0; every item in one of them.
    clusters : array, shape (n,), optional

    Returns
    -------
    Coefficient
        Refused with fewer than three subscales or three items in one, and where the bifactor model
        has no proper solution, which is common.

    References
    ----------
    Zinbarg, Revelle, Yovel and Li (2005), Psychometrika 70, eq. 3.
    """
    sizes = [len(one) for one in subscales.values()]
    if len(sizes) < 3 or min(sizes) < 3:
        return _refused("three subscales of three items are needed")
    order = [i for one in subscales.values() for i in one]
    named = {name: [str(i) for i in one] for name, one in subscales.items()}
    try:
        fit = factor_model(items[:, order], bifactor(named), clusters=clusters)
    except DataError as error:
        return _refused(error.faults[0].what)
    if fit.status:
        return _refused(fit.status[0])

    def share(theta: np.ndarray) -> float:
        filled = fit.layout.fill(theta)
        sums = filled["loadings"][0].sum(axis=0)
        return float(sums[0] ** 2 / ((sums**2).sum() + filled["residuals"][0].sum()))

    return _by_delta(share, fit)


def ordinal_reliability(
    items: np.ndarray, *, clusters: np.ndarray | None = None
) -> tuple[Coefficient, Coefficient]:
    """Categorical omega and polychoric alpha, from one model of the ordinal items.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
        Complete rows, reversed items turned.
    clusters : array, shape (n,), optional

    Returns
    -------
    tuple of Coefficient
        Refused together: without the model there is neither.
    """
    if why := _no_scale(items):
        return _refused(why), _refused(why)
    fit = _ordinal_fit(items, clusters)
    if isinstance(fit, Coefficient):
        return fit, fit
    return categorical_omega(fit), polychoric_alpha(fit)


def categorical_omega(fit: FactorFit) -> Coefficient:
    """Omega of the sum of ordinal items under one factor behind them.

    Parameters
    ----------
    fit : FactorFit
        One factor, ordinal, one group.

    Returns
    -------
    Coefficient

    Notes
    -----
    The covariance of two parallel forms of the sum over its variance, both from the normal
    responses behind the items: item i of one form and j of the other are correlated by the product
    of their loadings. Categories count 1, 2, 3, ...

    References
    ----------
    Green and Yang (2009), Psychometrika 74, eq. 21.
    """
    if why := _opposite(fit.loadings[0, :, 0]):
        return _refused(why)
    known = fit.layout.index["thresholds"][0] >= 0

    def share(theta: np.ndarray) -> float:
        filled = fit.layout.fill(theta)
        thresholds = np.where(known, filled["thresholds"][0], np.inf)
        loadings = filled["loadings"][0, :, 0]
        return _score_covariance(thresholds, loadings)

    return _by_delta(share, fit)


def polychoric_alpha(fit: FactorFit) -> Coefficient:
    """Standardised alpha of the polychoric correlations.

    Parameters
    ----------
    fit : FactorFit
        Ordinal, one group; only its moments count.

    Returns
    -------
    Coefficient

    References
    ----------
    Zumbo, Gadermann and Zeisser (2007), Journal of Modern Applied Statistical Methods 6.
    """
    k = fit.moments.items
    count = k * (k - 1) // 2
    mean = float(fit.moments.groups[0].vector[-count:].mean())
    alpha = k * mean / (1 + (k - 1) * mean)
    spread = fit.moments.covariance[-count:, -count:].mean() / fit.moments.rows.sum()
    slope = k / (1 + (k - 1) * mean) ** 2
    return _on_log(alpha, float(slope * np.sqrt(spread)), fit.moments.n_clusters)


def _score_covariance(thresholds: np.ndarray, loadings: np.ndarray) -> float:
    """Covariance of two parallel sums over the variance of one."""
    rows, columns = pairs(len(loadings))
    between = _category_covariance(
        thresholds[rows], thresholds[columns], loadings[rows] * loadings[columns]
    )
    parallel = _category_covariance(thresholds, thresholds, loadings**2)
    below = np.where(np.isfinite(thresholds), ndtr(thresholds), 0.0)
    finite = np.isfinite(thresholds)
    lower = np.minimum(below[:, :, None], below[:, None, :]) * finite[:, :, None] * finite[:, None]
    own = lower.sum(axis=(1, 2)) - below.sum(axis=1) ** 2
    common = 2 * between.sum() + parallel.sum()
    return float(common / (2 * between.sum() + own.sum()))


def _category_covariance(first: np.ndarray, second: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Covariance of two category numbers whose normal responses have correlation rho."""
    known = np.isfinite(first)[:, :, None] & np.isfinite(second)[:, None, :]
    rho = np.clip(rho, -0.9999, 0.9999)[:, None, None]
    both = cumulative(first[:, :, None], second[:, None, :], rho)
    apart = ndtr(first)[:, :, None] * ndtr(second)[:, None, :]
    return np.asarray(np.where(known, both - apart, 0.0).sum(axis=(1, 2)))


def _ordinal_fit(items: np.ndarray, clusters: np.ndarray | None) -> FactorFit | Coefficient:
    if not (items == np.round(items)).all():
        return _refused("responses are not whole numbers")
    most = max(len(np.unique(column)) for column in items.T)
    if most > MOST_CATEGORIES:
        return _refused(f"{most} different responses: as good as continuous")
    return _fitted(items, clusters, "ordinal")


def _fitted(items: np.ndarray, clusters: np.ndarray | None, kind: str) -> FactorFit | Coefficient:
    """A one-factor model, or why there is none."""
    names = [str(i + 1) for i in range(items.shape[1])]
    try:
        fit = factor_model(
            items,
            one_factor(names),
            kind="ordinal" if kind == "ordinal" else "continuous",
            clusters=clusters,
        )
    except DataError as error:
        return _refused(error.faults[0].what)
    return _refused(fit.status[0]) if fit.status else fit


def _no_scale(items: np.ndarray) -> str:
    """Why these columns are no scale, or nothing."""
    n, k = items.shape
    if k < 2:
        return "one item cannot agree with itself"
    if n < 3:
        return f"{n} complete rows"
    if still := np.flatnonzero(np.ptp(items, axis=0) == 0).size:
        return f"{still} of {k} items have the same response in all rows"
    if np.ptp(items.sum(axis=1)) == 0:
        return "the sum of the items does not vary"
    return ""


def _opposite(loadings: np.ndarray) -> str:
    against = int(min((loadings > 0).sum(), (loadings < 0).sum()))
    return f"{against} items point the other way: turn them, or leave them out" if against else ""


def _by_delta(share: Callable[[np.ndarray], float], fit: FactorFit) -> Coefficient:
    """A function of the parameters with the interval that their covariance gives it."""
    theta = fit.solution.theta
    slope = np.empty(len(theta))
    for j in range(len(theta)):
        step = np.zeros(len(theta))
        step[j] = SLIGHT
        slope[j] = (share(theta + step) - share(theta - step)) / (2 * SLIGHT)
    error = float(np.sqrt(slope @ fit.vcov @ slope))
    return _on_log(share(theta), error, fit.moments.n_clusters)


def _on_log(value: float, error: float, clusters: int) -> Coefficient:
    """An interval that is symmetric in log(1 - value), and so never reaches 1.

    By Student's t with one degree of freedom less than there are clusters (or rows).
    """
    reach = student.ppf(0.975, clusters - 1) * error / (1 - value)
    return Coefficient(
        value, float(1 - (1 - value) * np.exp(reach)), float(1 - (1 - value) * np.exp(-reach))
    )


def _refused(why: str) -> Coefficient:
    return Coefficient(np.nan, np.nan, np.nan, why)
