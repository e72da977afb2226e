"""How strong a cause that nobody measured would have to be to explain an association away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from deepvalue_stats.errors import ModelError

# of a standardised mean difference: log odds ratio over difference, halved for a common outcome,
# and the same times the normal quantile of a 95% interval, both as published
PER_SD, REACH = 0.91, 1.78


@dataclass(frozen=True)
class EValue:
    """The least strength of an unmeasured cause, as a risk ratio with exposure and outcome each.

    Attributes
    ----------
    estimate : float
        To move the estimate to no association.
    limit : float
        To move the limit of the interval nearer to 1; it is 1 where the interval holds 1.
    """

    estimate: float
    limit: float


class RiskRatio(NamedTuple):
    """A ratio of risks and its interval, in the order in which `e_value` takes them."""

    risk_ratio: float
    conf_low: float
    conf_high: float


def e_value(
    risk_ratio: float, conf_low: float, conf_high: float, *, true_ratio: float = 1.0
) -> EValue:
    """Find the E-value of a risk ratio and of its interval.

    Use it to say how much an unmeasured cause would have to matter. It says nothing about whether
    there is such a cause: a small one beside a true effect and a large one beside a spurious effect
    are both possible.

    Parameters
    ----------
    risk_ratio, conf_low, conf_high : float
        Above 0, for a stated change of the exposure: with another unit it is another number.
    true_ratio : float
        The ratio to which the cause would have to move the estimate; 1 is no association.

    Returns
    -------
    EValue

    Raises
    ------
    ModelError
        If a number is not above 0 or the interval does not hold the estimate.

    Notes
    -----
    E = R + sqrt(R (R - 1)) with R the risk ratio over the true one, inverted first where that is
    below 1.

    References
    ----------
    VanderWeele and Ding (2017), Annals of Internal Medicine 167.

    Examples
    --------
    >>> found = e_value(3.9, 1.8, 8.7)
    >>> round(found.estimate, 2), round(found.limit, 2)
    (7.26, 3.0)
    """
    _refuse_unordered(risk_ratio, conf_low, conf_high)
    if not 0 < true_ratio < np.inf:
        raise ModelError("no ratio above 0", "e_value, true_ratio", "give a ratio of risks above 0")
    nearer = conf_low if risk_ratio >= true_ratio else conf_high
    spans = conf_low <= true_ratio <= conf_high
    limit = 1.0 if spans else _strength(nearer / true_ratio)
    return EValue(_strength(risk_ratio / true_ratio), limit)


def risk_ratio_from_odds_ratio(odds_ratio: float, conf_low: float, conf_high: float) -> RiskRatio:
    """The risk ratio that an odds ratio of a common outcome stands for.

    Use it where only an odds ratio is at hand; a ratio of averaged risks is better. The odds ratio
    of a rare outcome (under 15% in every group) is near the risk ratio as it is.

    Parameters
    ----------
    odds_ratio, conf_low, conf_high : float
        Above 0.

    Returns
    -------
    RiskRatio

    Raises
    ------
    ModelError
        As `e_value`.

    Notes
    -----
    RR = sqrt(OR), within a factor of 1.25 while risks are between 20% and 80%.

    References
    ----------
    VanderWeele (2017), Epidemiology 28: the square root of the odds ratio.

    Examples
    --------
    >>> risk_ratio_from_odds_ratio(4.0, 2.25, 9.0)
    RiskRatio(risk_ratio=2.0, conf_low=1.5, conf_high=3.0)
    """
    _refuse_unordered(odds_ratio, conf_low, conf_high)
    return RiskRatio(*(float(np.sqrt(one)) for one in (odds_ratio, conf_low, conf_high)))


def risk_ratio_from_hazard_ratio(
    hazard_ratio: float, conf_low: float, conf_high: float
) -> RiskRatio:
    """The risk ratio that a hazard ratio of an outcome common by the end stands for.

    The hazard ratio of a rare outcome (under 15% by the end) is near the risk ratio as it is.

    Parameters
    ----------
    hazard_ratio, conf_low, conf_high : float
        Above 0.

    Returns
    -------
    RiskRatio

    Raises
    ------
    ModelError
        As `e_value`.

    Notes
    -----
    RR = (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1 / HR)).

    References
    ----------
    VanderWeele and Ding (2017), Annals of Internal Medicine 167, table 2.
    """
    _refuse_unordered(hazard_ratio, conf_low, conf_high)
    return RiskRatio(*(_hazards_ratio(one) for one in (hazard_ratio, conf_low, conf_high)))


def _hazards_ratio(ratio: float) -> float:
    return float((1 - 0.5 ** np.sqrt(ratio)) / (1 - 0.5 ** np.sqrt(1 / ratio)))


def risk_ratio_from_mean_difference(difference: float, std_error: float) -> RiskRatio:
    """The risk ratio that a standardised difference of means stands for.

    Parameters
    ----------
    difference : float
        In standard deviations of the outcome.
    std_error : float
        Of the difference, above 0.

    Returns
    -------
    RiskRatio

    Raises
    ------
    ModelError
        If the standard error is not above 0.

    Notes
    -----
    RR = exp(0.91 d), with limits exp(0.91 d -+ 1.78 se): roughly the ratio of risks of being above
    the median.

    References
    ----------
    VanderWeele and Ding (2017), Annals of Internal Medicine 167, table 2; Chinn (2000), Statistics
    in Medicine 19.
    """
    if not (np.isfinite(difference) and 0 < std_error < np.inf):
        raise ModelError(
            "no difference with a standard error above 0",
            "risk_ratio_from_mean_difference",
            "give a difference in standard deviations and its standard error",
        )
    ends = PER_SD * difference + REACH * std_error * np.array([0, -1, 1])
    return RiskRatio(*(float(end) for end in np.exp(ends)))


def bias_factor(rr_ud: float, rr_eu: float) -> float:
    """The most by which an unmeasured cause of given strength multiplies a risk ratio.

    Parameters
    ----------
    rr_ud : float
        Largest ratio of risks of the outcome between two levels of the cause, given the exposure;
        1 or more.
    rr_eu : float
        Largest ratio of the shares of a level of the cause between the two exposures; 1 or more.

    Returns
    -------
    float

    Raises
    ------
    ModelError
        If a strength is below 1.

    Notes
    -----
    B = RR_UD RR_EU / (RR_UD + RR_EU - 1). Both strengths equal to the E-value give B equal to the
    risk ratio.

    References
    ----------
    Ding and VanderWeele (2016), Epidemiology 27.

    Examples
    --------
    >>> bias_factor(2.0, 3.0)
    1.5
    """
    if not (1 <= rr_ud < np.inf and 1 <= rr_eu < np.inf):
        raise ModelError(
            "a strength below 1",
            "bias_factor",
            "give both as ratios of 1 or more, inverted where they are below 1",
        )
    return rr_ud * rr_eu / (rr_ud + rr_eu - 1)


def _refuse_unordered(ratio: float, conf_low: float, conf_high: float) -> None:
    if not 0 < conf_low <= ratio <= conf_high:
        raise ModelError(
            "no risk ratio inside an interval above 0",
            "e_value",
            "give a ratio of risks (not a difference) and the limits of its interval",
        )


def _strength(ratio: float) -> float:
    above = max(ratio, 1 / ratio)
    return float(above + np.sqrt(above * (above - 1)))
