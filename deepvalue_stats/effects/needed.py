"""How many clients for one more good outcome: a difference in risk, turned over."""

from __future__ import annotations

import numpy as np

from deepvalue_stats.tables import KINDS, EffectTable

SCALE = "number_needed"


def number_needed(differences: EffectTable) -> EffectTable:
    """Turn differences in risk into numbers needed, with their limits.

    Parameters
    ----------
    differences : EffectTable
        On the scale `risk_difference`.

    Returns
    -------
    EffectTable
        Scale `number_needed`: 1/RD, below 0 for one more outcome lost. A difference of zero is
        infinite. The limits are one over those of the difference: where the interval of the
        difference holds zero, `conf_low` is the number to benefit at its upper end, `conf_high`
        (below 0) the number to harm at its lower end, and the interval runs from the one through
        infinity to the other. There is no `std_error`.

    References
    ----------
    Altman (1998), BMJ 317.
    """
    frame = differences.frame.copy()
    with np.errstate(divide="ignore"):
        for name, of in (("estimate", "estimate"), ("conf_low", "conf_high"),
                         ("conf_high", "conf_low")):  # fmt: skip
            frame[name] = 1 / differences.frame[of]
    frame["std_error"] = np.nan
    frame["scale"] = SCALE
    frame["unit"], frame["null_value"] = KINDS[SCALE].unit, KINDS[SCALE].null_value
    return EffectTable(frame, differences.evidence)


def needed_in_words(estimate: float, low: float, high: float) -> str:
    """A number needed and its limits, as a page has them.

    Parameters
    ----------
    estimate, low, high : float
        Of a row of `number_needed`.

    Returns
    -------
    str

    Examples
    --------
    >>> needed_in_words(17.6, 9.6, 103.1)
    '17.6 clients for one more good outcome (9.6 to 103.1)'
    >>> needed_in_words(46.2, 18.9, -105.1)
    '46.2 clients for one more good outcome (18.9 for one more, through infinity, to 105.1 for one less)'
    >>> needed_in_words(float("inf"), 50.0, -50.0)
    'infinite (50.0 for one more, through infinity, to 50.0 for one less)'
    """  # noqa: E501  the second example is one line
    if np.isinf(estimate):
        opening = "infinite"
    else:
        less = "less" if estimate < 0 else "more"
        opening = f"{abs(estimate):.1f} clients for one {less} good outcome"
    if low > 0 > high:
        return (
            f"{opening} ({low:.1f} for one more, through infinity, to {abs(high):.1f} for one less)"
        )
    near, far = sorted((abs(low), abs(high)))
    return f"{opening} ({near:.1f} to {far:.1f})"
