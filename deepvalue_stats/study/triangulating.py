"""The table in which several estimates of one effect stand side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import hausman_test
from deepvalue_stats.plan import Plan
from deepvalue_stats.study.approaches import (
    APPROACHES,
    BREAK,
    CHANGED,
    PARTS,
    approach_name,
    speaking,
)
from deepvalue_stats.study.breaking import Broken
from deepvalue_stats.study.following import Followed
from deepvalue_stats.study.words import in_words, outcome_words
from deepvalue_stats.tables import CountTable, EffectTable, Rule

REASONS = {
    "suppressed": "suppressed",
    "failed_gate": "not shown",
    "not_converged": "not estimated",
}
RULES: dict[str, Rule] = {
    "approach": "label",
    "compares": "label",
    "value": "statistic",
    "low": "statistic",
    "high": "statistic",
    "said": "label",
    "clients": "count",
    "leans": "label",
    "speaks": "label",
}


def triangulation_table(
    plan: Plan, followed: Followed, shown: EffectTable, broken: Broken | None = None
) -> CountTable:
    """One effect by every approach, per 100 clients and SD, and which of them speaks.

    Parameters
    ----------
    plan : Plan
    followed : Followed
    shown : EffectTable
        With the rows of every approach, after gates have withheld theirs.
    broken : Broken, optional
        What followed when practitioners left.

    Returns
    -------
    CountTable
        Of a conditional logit the direction in words; no number of it stands here.

    References
    ----------
    Lawlor, Tilling and Davey Smith (2016), International Journal of Epidemiology 45.
    """
    spoken = speaking(plan)
    rows = [
        {
            "approach": one.title,
            "compares": one.compares,
            **(_of_break(broken) if key == BREAK else _numbers(plan, followed, shown, key)),
            "leans": one.leans,
            "speaks": "yes" if key == spoken else "no",
        }
        for key, one in APPROACHES.items()
        if key != BREAK or broken is not None
    ]
    frame = pd.DataFrame(rows, columns=list(RULES))
    frame = frame.astype(dict.fromkeys(("value", "low", "high"), "float64"))
    exposure = in_words(plan.models[plan.primary].exposure)
    return CountTable(
        name="triangulation",
        caption=f"One effect by several approaches: {outcome_words(plan)}, for a {exposure} one "
        "standard deviation better",
        frame=frame.astype({"clients": "Int64"}),
        rules=RULES,
        notes=(_rule(plan), *_hausman(followed)),
    )


def _numbers(plan: Plan, followed: Followed, shown: EffectTable, key: str) -> dict[str, object]:
    """Difference per 100 clients with its limits, or words where there is none."""
    none = {"value": np.nan, "low": np.nan, "high": np.nan, "clients": pd.NA}
    if key not in followed.fits:
        return {**none, "said": "could not be fitted"}
    scale = "log_odds" if key == CHANGED else "risk_difference"
    row = shown.row(
        model=approach_name(plan, key),
        exposure=followed.columns[key],
        scale=scale,
        contrast="sd",
        group="all",
    )
    none["clients"] = row["n_clients"]
    if row["status"] != "ok":
        return {**none, "said": REASONS[str(row["status"])]}
    if key == CHANGED:
        return {**none, "said": _direction(float(row["conf_low"]), float(row["conf_high"]))}
    value, low, high = (100 * float(row[name]) for name in ("estimate", "conf_low", "conf_high"))
    return {"value": value, "low": low, "high": high, "clients": row["n_clients"], "said": ""}


def _of_break(broken: Broken | None) -> dict[str, object]:
    none = {"value": np.nan, "low": np.nan, "high": np.nan, "clients": pd.NA}
    found = broken.effects if broken else None
    if found is None:
        return {**none, "said": "could not be fitted"}
    row = found.overall
    if found.enough == "descriptive":
        return {**none, "clients": row.n_clients, "said": "not shown"}
    value, low, high = (100 * x for x in (row.estimate, row.conf_low, row.conf_high))
    return {"value": value, "low": low, "high": high, "clients": row.n_clients, "said": ""}


def _direction(low: float, high: float) -> str:
    if low > 0:
        return "higher"
    return "lower" if high < 0 else "open"


def _rule(plan: Plan) -> str:
    key = speaking(plan)
    named = APPROACHES[key].title if key else "the main model"
    return (
        f"The plan named beforehand which estimate speaks: {named}. Claim C1 rests on it, and no "
        "other was chosen after looking."
    )


def _hausman(followed: Followed) -> list[str]:
    """Whether clients who differ tell another story than a client that changes."""
    fit = followed.fits.get(PARTS)
    if fit is None or fit.convergence.status != "ok":
        return []
    try:
        found = hausman_test(fit)
    except ModelError:
        return []
    said = "differ" if found.p_value < 0.05 else "are not shown to differ"
    return [
        f"What lies between clients and what lies within them {said} (test of Mundlak and Hausman, "
        f"p {_p(found.p_value)}): where they do, the first three approaches mix two stories."
    ]


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
