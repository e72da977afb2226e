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
