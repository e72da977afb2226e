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
    LATER,
    PARTS,
    approach_name,
    speaking,
)
from deepvalue_stats.study.breaking import Broken
from deepvalue_stats.study.checked import Checked, behind
from deepvalue_stats.study.following import Followed
from deepvalue_stats.study.past import Past
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
    plan: Plan,
    followed: Followed,
    shown: EffectTable,
    past: Past | None = None,
    broken: Broken | None = None,
) -> CountTable:
    """One effect by every approach, per 100 clients and SD, and which of them speaks.

    Parameters
    ----------
    plan : Plan
    followed : Followed
    shown : EffectTable
        With the rows of every approach, after gates have withheld theirs.
    past : Past, optional
        With the lead placebo.
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
    keys = [key for key in APPROACHES if key != BREAK or broken is not None]
    others = {
        BREAK: _of(broken.average if broken else None),
        LATER: _of(past.later if past else None),
    }
    found = {key: others.get(key) or _numbers(plan, followed, shown, key) for key in keys}
    fewest = [found[key].pop("behind") for key in keys]
    rows = [
        {
            "approach": APPROACHES[key].title,
            "compares": APPROACHES[key].compares,
            **found[key],
            "leans": APPROACHES[key].leans,
            "speaks": "yes" if key == spoken else "no",
        }
        for key in keys
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
        evidence=pd.DataFrame({"clients": fewest}, dtype="int64"),
        notes=(_rule(plan), *_hausman(followed)),
    )


def _numbers(plan: Plan, followed: Followed, shown: EffectTable, key: str) -> dict[str, object]:
    """Difference per 100 clients with its limits, or words where there is none."""
    if key not in followed.fits:
        return _cells("could not be fitted")
    scale = "log_odds" if key == CHANGED else "risk_difference"
    mine = shown.where(
        model=approach_name(plan, key),
        exposure=followed.columns[key],
        scale=scale,
        contrast="sd",
        group="all",
    )
    row = mine.frame.iloc[0]
    clients, persons = int(row["n_clients"]), _persons(mine)
    if row["status"] != "ok":
        return _cells(REASONS[str(row["status"])], clients, persons)
    if key == CHANGED:
        said = _direction(float(row["conf_low"]), float(row["conf_high"]))
        return _cells(said, clients, persons)
    numbers = (100 * float(row[name]) for name in ("estimate", "conf_low", "conf_high"))
    return _cells("", clients, persons, *numbers)


def _persons(row: EffectTable) -> int:
    """The fewest clients on any side of an estimate; nobody on a side tells as much as one."""
    sides = [] if row.evidence is None else row.evidence.to_numpy(dtype="int64").ravel().tolist()
    return max(1, min(int(row.frame["n_clients"].iloc[0]), *map(int, sides)))


def _of(line: Checked | None) -> dict[str, object]:
    """A check as a line of the triangulation."""
    if line is None or line.clients is None:
        return _cells("could not be fitted")
    if not np.isfinite(line.low):
        return _cells("not shown", line.clients, behind(line))
    return _cells("", line.clients, behind(line), line.value, line.low, line.high)


def _cells(
    said: str,
    clients: int | None = None,
    persons: int = 0,
    value: float = np.nan,
    low: float = np.nan,
    high: float = np.nan,
) -> dict[str, object]:
    return {
        "value": value,
        "low": low,
        "high": high,
        "said": said,
        "clients": pd.NA if clients is None else clients,
        "behind": persons,
    }


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
