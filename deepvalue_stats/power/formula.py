"""Closed forms beside the simulation: what clusters cost, and how many practitioners are needed.

They treat the outcome as a number with variance p (1 - p), and hold for effects that are not large.
All shares between practitioners are of the outcome itself, on the scale of chances.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr
from scipy.stats import chi, chi2, norm, t

from deepvalue_stats.tables import LEVEL

POWER = 0.80
# standard errors between no difference and one that is found in four studies of five, and between
# no difference and the edge of a range in which it is then shown to lie as often
TO_FIND = float(norm.ppf((1 + LEVEL) / 2) + norm.ppf(POWER))
TO_EXCLUDE = float(norm.ppf(LEVEL) + norm.ppf((1 + POWER) / 2))
_SLICES = 50
_UNIT, _UNIT_WEIGHTS = np.polynomial.legendre.leggauss(200)


def design_effect(
    clients: float, caseload_cv: float, icc: float, exposure_icc: float = 1.0
) -> float:
    """How many times as many clients are needed as if each had a practitioner of their own.

    Parameters
    ----------
    clients : float
        Mean number of clients of a practitioner in the analysis.
    caseload_cv : float
        Standard deviation of those numbers over their mean.
    icc : float
        Share of the outcome's variance between practitioners.
    exposure_icc : float
        Share of the exposure's variance between practitioners; 1 when it is the same for all
        clients of a practitioner.

    Returns
    -------
    float
        1 + ((CV^2 + 1) m - 1) icc exposure_icc. Of a model that compares clients of the same
        practitioner with each other it is the upper end.

    References
    ----------
    Eldridge, Ashby and Kerry (2006), International Journal of Epidemiology 35, for unequal
    numbers; Scott and Holt (1982), Journal of the American Statistical Association 77, for an
    exposure that differs between clients.

    Examples
    --------
    >>> round(design_effect(60, 0, 0.05), 2), round(design_effect(60, 0.4, 0.05), 2)
    (3.95, 4.43)
    """
    return 1 + ((caseload_cv**2 + 1) * clients - 1) * icc * exposure_icc


def error_of_slope(
    practitioners: float,
    clients: float,
    caseload_cv: float,
    icc: float,
    exposure_icc: float,
    variance: float,
) -> float:
    """Standard error of the effect a standard deviation of the exposure.

    Parameters
    ----------
    practitioners, clients, caseload_cv, icc, exposure_icc : float
        As in `design_effect`.
    variance : float
        Of the outcome, given the exposure.

    Returns
    -------
    float

    Notes
    -----
    Generalised least squares adds what is learned between practitioners to what is learned from
    clients of the same one. With r = exposure_icc and m clients each the information is
    J [(m - 1)(1 - r) / (1 - icc) + (1 + (m - 1) r) / DEFF] / variance, with DEFF that of an
    exposure that is constant within practitioners; r = 1 leaves J m / DEFF.
    """
    within = (clients - 1) * (1 - exposure_icc) / (1 - icc)
    between = (1 + (clients - 1) * exposure_icc) / design_effect(clients, caseload_cv, icc)
    return float(np.sqrt(variance / (practitioners * (within + between))))


def power_of_arms(
    practitioners: int,
    clients: float,
    caseload_cv: float,
    icc: float,
    base_rate: float,
    effect: float,
) -> float:
    """Power of half of the practitioners against the other half, two-sided at 5 %.

    Parameters
    ----------
    practitioners : int
        In both arms together.
    clients, caseload_cv, icc : float
        As in `design_effect`.
    base_rate, effect : float
        Rate in the arm without, and the difference of the arm with.

    Returns
    -------
    float
        By the noncentral t with two degrees of freedom fewer than practitioners.

    References
    ----------
    Donner and Klar (2000), Design and Analysis of Cluster Randomization Trials in Health Research,
    chapter 5.

    Examples
    --------
    >>> round(power_of_arms(40, 25, 0, 0.02, 0.3, 0.0), 3)
    0.05
    >>> 0.5 < power_of_arms(40, 25, 0, 0.02, 0.3, 0.09) < 0.9
    True
    """
    with_it = practitioners // 2
    sizes = clients * np.array([practitioners - with_it, with_it])
    rates = np.array([base_rate, base_rate + effect])
    variance = float((rates * (1 - rates) / sizes).sum())
    error = np.sqrt(variance * design_effect(clients, caseload_cv, icc))
    return _power(effect / error, practitioners - 2)


def power_of_score(
    practitioners: int,
    clients: float,
    caseload_cv: float,
    icc: float,
    exposure_icc: float,
    base_rate: float,
    effect: float,
) -> float:
    """Power for the effect a standard deviation of a normal score, two-sided at 5 %.

    Parameters
    ----------
    practitioners : int
    clients, caseload_cv, icc, exposure_icc : float
        As in `design_effect`.
    base_rate, effect : float
        Rate over all clients, and difference in risk a standard deviation.

    Returns
    -------
    float
        By the noncentral t: with two degrees of freedom fewer than practitioners where the score
        is the same for all clients of a practitioner, averaged over how far apart the
        practitioners of a study happen to be; otherwise with two fewer than clients.

    Examples
    --------
    >>> power_of_score(20, 25, 0, 0.02, 1, 0.3, 0.05) < power_of_score(
    ...     40, 25, 0, 0.02, 1, 0.3, 0.05
    ... )
    True
    """
    variance = base_rate * (1 - base_rate) - effect**2
    error = error_of_slope(practitioners, clients, caseload_cv, icc, exposure_icc, variance)
    if exposure_icc < 1:
        return _power(effect / error, max(practitioners * clients - 2, 1))
    middles = (np.arange(_SLICES) + 0.5) / _SLICES
    spread = chi2.ppf(middles, practitioners - 1) / practitioners
    powers = [_power(effect / error * np.sqrt(s), practitioners - 2) for s in spread]
    return float(np.mean(powers))


def power_within(
    practitioners: int,
    clients: float,
    icc: float,
    exposure_icc: float,
    base_rate: float,
    effect: float,
) -> float:
    """Power for the part of a score that differs within practitioners, two-sided at 5 %.

    Parameters
    ----------
    practitioners, clients, icc, exposure_icc : float
        As in `design_effect`; only clients of the same practitioner are compared.
    base_rate, effect : float
        As in `power_of_score`.

    Returns
    -------
    float

    Examples
    --------
    >>> power_within(40, 25, 0.02, 0.1, 0.3, 0.04) < power_of_score(40, 25, 0, 0.02, 0.1, 0.3, 0.04)
    True
    """
    variance = base_rate * (1 - base_rate) - effect**2
    rows = practitioners * max(clients - 1, 0.0)
    error = np.sqrt(variance * (1 - icc) / (rows * (1 - exposure_icc))) if rows else np.inf
    return _power(effect / error, max(rows - 1, 1))


def _power(distance: float, dof: float) -> float:
    """Chance that a t statistic whose mean lies `distance` standard errors off leaves 95 %."""
    critical = t.ppf((1 + LEVEL) / 2, dof)
    # the noncentral t is a normal over a chi; scipy's own gives no number for some large dof
    reach = 10 / np.sqrt(2 * dof)
    low, high = max(0.0, 1 - reach), 1 + reach
    spread = (low + high) / 2 + (high - low) / 2 * _UNIT
    density = chi.pdf(spread * np.sqrt(dof), dof) * np.sqrt(dof) * (high - low) / 2
    outside = ndtr(distance - critical * spread) + ndtr(-distance - critical * spread)
    return float(np.clip((_UNIT_WEIGHTS * density) @ outside, 0, 1))


def practitioners_needed(
    practitioners: int, std_error: float, difference: float, multiple: float = TO_FIND
) -> float:
    """Practitioners with whom a standard error would be small enough, caseloads as they are.

    Parameters
    ----------
    practitioners : int
        Of the study that had the standard error.
    std_error : float
    difference : float
        That is to be found, or to be excluded.
    multiple : float
        `TO_FIND` (2.80) for a power of 80 % at the difference; `TO_EXCLUDE` (2.93) to show
        equivalence as often where there is no difference.

    Returns
    -------
    float
        J (multiple std_error / difference)^2; infinite for no difference.

    References
    ----------
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, for equivalence.

    Examples
    --------
    >>> round(practitioners_needed(40, 0.01, 0.02), 1)
    78.5
    """
    if difference == 0:
        return float("inf")
    return practitioners * (multiple * std_error / abs(difference)) ** 2


def interpolated(practitioners: np.ndarray, chances: np.ndarray) -> float:
    """Number of practitioners at which a simulated chance reaches 80 %.

    Parameters
    ----------
    practitioners : numpy.ndarray, shape (k,)
        Numbers tried, rising.
    chances : numpy.ndarray, shape (k,)

    Returns
    -------
    float
        On the straight line through normal quantiles of the chances over root practitioners, which
        is what power follows; minus infinity when the smallest number is enough, and infinity
        when the largest is not.
    """
    if chances[0] >= POWER:
        return -np.inf
    if chances[-1] < POWER:
        return np.inf
    last = int(np.argmax(chances >= POWER))
    kept = np.clip(chances[last - 1 : last + 1], 1e-3, 1 - 1e-3)
    low, high = norm.ppf(kept)
    roots = np.sqrt(practitioners[last - 1 : last + 1])
    share = (norm.ppf(POWER) - low) / (high - low)
    return float((roots[0] + share * (roots[1] - roots[0])) ** 2)
