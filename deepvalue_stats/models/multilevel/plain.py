"""The variance of random effects in plain terms: shares, odds ratios and ranges."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtri

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.link import CLOGLOG, LOGIT, Link
from deepvalue_stats.models.multilevel.averaging import average, normal_rule

# variance of the standard logistic distribution
LOGISTIC_VARIANCE = float(np.pi**2 / 3)
# and of the extreme-value distribution that a complementary log-log supposes
GUMBEL_VARIANCE = float(np.pi**2 / 6)
LATENT_VARIANCE = {LOGIT.name: LOGISTIC_VARIANCE, CLOGLOG.name: GUMBEL_VARIANCE}

PLAIN_COLUMNS = (
    "std_dev", "latent_icc", "probability_icc", "median_odds_ratio", "slopes_from", "slopes_to",
)  # fmt: skip


def latent_icc(std_devs: np.ndarray, residual: float = LOGISTIC_VARIANCE) -> np.ndarray:
    """Share of the latent variance that lies between the groups of each factor.

    For comparing the weight of practitioners and services on the scale of the model. Not for
    saying how much of the outcome itself they explain: see `probability_icc`.

    Parameters
    ----------
    std_devs : numpy.ndarray, shape (k,)
        Standard deviation of the intercepts of each factor, on the scale of the linear predictor.
    residual : float
        Variance within groups: pi^2/3 for a logit, pi^2/6 for a complementary log-log, the
        residual variance for a linear model.

    Returns
    -------
    numpy.ndarray, shape (k,)
        tau_f^2 / (sum of tau^2 + residual). With nested factors the correlation of two clients of
        the same practitioner is the sum over the practitioner and all levels above.

    References
    ----------
    Goldstein H, Browne W, Rasbash J (2002). Partitioning variation in multilevel models.
    Understanding Statistics 1: 223-231, method D (latent variable).

    Examples
    --------
    >>> latent_icc(np.array([0.6, 0.3])).round(3)
    array([0.096, 0.024])
    """
    variances = _checked(std_devs) ** 2
    return np.asarray(variances / (variances.sum() + residual))


def median_odds_ratio(sd: np.ndarray | float) -> np.ndarray:
    """Median odds ratio between the better and the worse of two groups drawn at random.

    Parameters
    ----------
    sd : numpy.ndarray or float
        Standard deviation of a logit's random intercepts; for groups that differ at several
        levels the root of the summed variances.

    Returns
    -------
    numpy.ndarray, the shape of `sd`
        exp(sqrt(2) sd q), q the upper quartile of the standard normal; 1 without variance.

    References
    ----------
    Larsen K, Merlo J (2005). Appropriate assessment of neighborhood effects on individual health.
    American Journal of Epidemiology 161: 81-88, median odds ratio.

    Examples
    --------
    >>> round(float(median_odds_ratio(0.6)), 3)
    1.772
    """
    return np.asarray(np.exp(np.sqrt(2) * ndtri(0.75) * _checked(sd)))


def median_hazard_ratio(sd: np.ndarray | float) -> np.ndarray:
    """Median hazard ratio between the faster and the slower of two groups drawn at random.

    For the groups of a complementary log-log hazard model, whose effects multiply hazards.

    Parameters
    ----------
    sd : numpy.ndarray or float
        Standard deviation of the random intercepts.

    Returns
    -------
    numpy.ndarray, the shape of `sd`
        exp(sqrt(2) sd q), q the upper quartile of the standard normal; 1 without variance.

    References
    ----------
    Austin PC, Wagner P, Merlo J (2017). The median hazard ratio. Statistics in Medicine 36:
    928-938.

    Examples
    --------
    >>> round(float(median_hazard_ratio(0.6)), 3)
    1.772
    """
    return median_odds_ratio(sd)


def probability_icc(
    eta: np.ndarray,
    sd: np.ndarray | float,
    other_sd: np.ndarray | float = 0.0,
    link: Link = LOGIT,
) -> np.ndarray:
    """Share of the variance of a yes-or-no outcome that lies between the groups of a factor.

    Equals the correlation of the outcomes of two clients with the same covariates who share the
    group and nothing else. It depends on the chance of the outcome: give the linear predictors
    that the reader has in mind (one typical client, or all rows and take the mean).

    Parameters
    ----------
    eta : numpy.ndarray, shape (n,)
        Linear predictors at random effects of zero.
    sd : numpy.ndarray, shape (n,), or float
        Standard deviation of the factor's effects.
    other_sd : numpy.ndarray, shape (n,), or float
        Root of the summed variances of all other random effects, which are averaged out; the
        time grows with the product of both rules, about 1,000 evaluations a row.
    link : Link
        Logit or complementary log-log.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Var(p_j) / (p (1 - p)) with p = E p_j over the groups.

    References
    ----------
    Goldstein H, Browne W, Rasbash J (2002). Partitioning variation in multilevel models.
    Understanding Statistics 1: 223-231, method B (simulation; here by quadrature).

    Examples
    --------
    >>> probability_icc(np.array([0.0, -2.0]), 0.6).round(3)
    array([0.077, 0.041])
    """
    eta = np.asarray(eta, dtype="float64")
    spread = np.broadcast_to(_checked(sd), eta.shape)
    mean, square = np.zeros(eta.shape), np.zeros(eta.shape)
    for node, weight in zip(*normal_rule(float(spread.max(initial=0)), link), strict=True):
        p = average(link, eta + node * spread, other_sd).mean
        mean += weight * p
        square += weight * p**2
    total = mean * (1 - mean)
    between = np.maximum(square - mean**2, 0)
    # where the outcome is certain to the last digit nothing is left to share: the limit is zero
    return np.divide(between, total, out=np.zeros(eta.shape), where=total > 0)


def slope_range(
    slope: np.ndarray | float, sd: np.ndarray | float, share: float = 0.8
) -> tuple[np.ndarray, np.ndarray]:
    """Range that holds the middle `share` of the groups' own slopes.

    A description of how groups differ, not a confidence interval of the mean slope.

    Parameters
    ----------
    slope : numpy.ndarray or float
        Mean slope, the coefficient of the fixed part.
    sd : numpy.ndarray or float
        Standard deviation of the slopes over groups.
    share : float
        Between 0 and 1.

    Returns
    -------
    low, high : numpy.ndarray
        slope -+ q sd, with q = 1.2816 for 80%.

    Raises
    ------
    ModelError
        If the share is not between 0 and 1, or a standard deviation is negative.

    References
    ----------
    Raudenbush SW, Bryk AS (2002). Hierarchical Linear Models, 2nd edition. Sage, chapter 4
    (ranges of plausible values).

    Examples
    --------
    >>> low, high = slope_range(0.4, 0.3)
    >>> print(round(float(low), 3), round(float(high), 3))
    0.016 0.784
    """
    if not 0 < share < 1:
        raise ModelError(
            "a share of groups lies between 0 and 1", "range of slopes", "use for example 0.8"
        )
    half = ndtri((1 + share) / 2) * _checked(sd)
    return np.asarray(slope - half), np.asarray(slope + half)


def _checked(sd: np.ndarray | float) -> np.ndarray:
    values = np.asarray(sd, dtype="float64")
    if not (values >= 0).all():
        raise ModelError(
            "a standard deviation of random effects is negative or not a number",
            "variance in plain terms",
            "look at the convergence of the fit before using it",
        )
    return values


def plain_terms(
    components: pd.DataFrame,
    coefficients: Mapping[str, float],
    eta: float,
    residual: float,
    link: Link = LOGIT,
) -> pd.DataFrame:
    """How much groups differ, effect by effect, in terms that need no formula.

    Parameters
    ----------
    components : pandas.DataFrame
        As `MultilevelFit.variance_components`, without the residual.
    coefficients : mapping of str to float
        Mean slopes by term.
    eta : float
        Linear predictor of the typical row, for the share on the scale of the outcome.
    residual : float
        Variance within groups on the latent scale; of a gaussian model that of the residual.
    link : Link
        Of a binomial model.

    Returns
    -------
    pandas.DataFrame
        group, term, std_dev; for intercepts latent_icc and, of a binomial model, probability_icc
        and median_odds_ratio (in its place median_hazard_ratio, of a complementary log-log); for
        slopes slopes_from and slopes_to, the middle 80% of the groups' own.
    """
    found = components[components["term2"] == ""]
    std_dev = found["std_dev"].to_numpy(dtype="float64")
    intercept = (found["term"] == "Intercept").to_numpy()
    ratio = "median_odds_ratio" if link.name == LOGIT.name else "median_hazard_ratio"
    names = [ratio if name == "median_odds_ratio" else name for name in PLAIN_COLUMNS]
    held = {name: np.full(len(found), np.nan) for name in names}
    held["std_dev"] = std_dev
    held["latent_icc"][intercept] = latent_icc(std_dev[intercept], residual)
    if residual == LATENT_VARIANCE.get(link.name):
        held[ratio][intercept] = median_odds_ratio(std_dev[intercept])
        total = float((std_dev[intercept] ** 2).sum())
        for place in np.nonzero(intercept)[0]:
            others = np.sqrt(max(total - std_dev[place] ** 2, 0.0))
            share = probability_icc(np.array([eta]), std_dev[place], others, link)
            held["probability_icc"][place] = share[0]
    means = np.array([coefficients.get(term, 0.0) for term in found["term"]])
    low, high = slope_range(means, std_dev)
    held["slopes_from"] = np.where(intercept, np.nan, low)
    held["slopes_to"] = np.where(intercept, np.nan, high)
    named = {"group": found["group"].to_numpy(), "term": found["term"].to_numpy()}
    return pd.DataFrame({**named, **held})
