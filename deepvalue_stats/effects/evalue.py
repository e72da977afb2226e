"""How strong a cause that nobody measured would have to be to explain an association away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.errors import ModelError


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


def e_value(risk_ratio: float, conf_low: float, conf_high: float) -> EValue:
    """Find the E-value of a risk ratio and of its interval.

    Use it to say how much an unmeasured cause would have to matter. It says nothing about whether
    there is such a cause: a small one beside a true effect and a large one beside a spurious effect
    are both possible.

    Parameters
    ----------
    risk_ratio, conf_low, conf_high : float
        Above 0, for a stated change of the exposure: with another unit it is another number.

    Returns
    -------
    EValue

    Raises
    ------
    ModelError
        If a number is not above 0 or the interval does not hold the estimate.

    Notes
    -----
    E = RR + sqrt(RR (RR - 1)), with a risk ratio below 1 inverted first.

    References
    ----------
    VanderWeele and Ding (2017), Annals of Internal Medicine 167.

    Examples
    --------
    >>> found = e_value(3.9, 1.8, 8.7)
    >>> round(found.estimate, 2), round(found.limit, 2)
    (7.26, 3.0)
    """
    if not 0 < conf_low <= risk_ratio <= conf_high:
        raise ModelError(
            "no risk ratio inside an interval above 0",
            "e_value",
            "give a ratio of risks (not a difference) and the limits of its interval",
        )
    nearer = conf_low if risk_ratio >= 1 else conf_high
    spans = conf_low <= 1 <= conf_high
    return EValue(_strength(risk_ratio), 1.0 if spans else _strength(nearer))


def _strength(ratio: float) -> float:
    above = max(ratio, 1 / ratio)
    return float(above + np.sqrt(above * (above - 1)))
