"""How fast the outcome comes: other ways to the question that the model of time asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats import models
from deepvalue_stats.effects import Contrast
from deepvalue_stats.errors import ModelError
from deepvalue_stats.linkage import model_rows
from deepvalue_stats.models import ModelFit, build_formula
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.parts import ModelPlan, days_to, exit_by
from deepvalue_stats.study.fitting import Fitted
from deepvalue_stats.study.preparing import Prepared
from deepvalue_stats.study.waiting import OTHERWISE, OUTCOME, THIRDS, first_hazard, thirds
from deepvalue_stats.tables import CountTable, Rule


def second_opinions(prepared: Prepared, fitted: Fitted, unit: Contrast) -> tuple[CountTable, ...]:
    """How fast the outcome comes, by other means than the model of time.

    Parameters
    ----------
    prepared : Prepared
    fitted : Fitted
    unit : Contrast
        One SD of the exposure.

    Returns
    -------
    tuple of CountTable
        One, or none where no model of time was fitted.
    """
    plan, name = prepared.plan, first_hazard(prepared.plan)
    if name is None or name not in fitted.fits:
        return ()
    model = plan.models[name]
    frame = model_rows(plan, model, prepared.linked).frame
    asked = _Asked(plan, model, frame.assign(third=thirds(frame[model.exposure])), unit.size)
    rows = [_ratio("model of time", fitted.fits[name], asked)]
    rows += [row for ask in (_cox, _share_of, _curves, _days) for row in ask(asked)]
    rules: dict[str, Rule] = {
        "method": "label",
        "what": "label",
        "value": "statistic",
        "low": "statistic",
        "high": "statistic",
        "p_value": "statistic",
        "clients": "count",
    }
    numbers = dict.fromkeys(("value", "low", "high", "p_value"), "float64")
    table = CountTable(
        name="paces",
        caption="How fast: other ways to the same question",
        frame=pd.DataFrame(rows, columns=list(rules)).astype({**numbers, "clients": "int64"}),
        rules=rules,
        notes=(
            "A ratio of paces says how much sooner or later the outcome comes to those who still "
            "wait for it, for one standard deviation of the score. It is no ratio of chances; "
            "chances by the end of the follow-up stand above.",
            "Errors allow for clients of one practitioner being alike. The thirds are compared as "
            "they are, without adjustment.",
        ),
    )
    return (table,)


@dataclass(frozen=True)
class _Asked:
    """A model of time, its rows with the third of each score, and the size of the unit."""

    plan: Plan
    model: ModelPlan
    frame: pd.DataFrame
    size: float

    @property
    def clock(self) -> dict[str, Any]:
        """Columns of the days and of what ended them, and whose clients are alike."""
        known = "practitioner" in self.frame and self.frame["practitioner"].notna().all()
        return {
            "duration": days_to(self.model.outcome),
            "event": exit_by(self.model.outcome),
            "cluster": "practitioner" if known else "client",
        }

    @property
    def formula(self) -> str:
        left = exit_by(self.model.outcome)
        return f"{left} ~ {build_formula(self.plan, self.model).partition('~')[2].strip()}"

    def row(self, method: str, what: str, *numbers: float) -> tuple[object, ...]:
        """Value, low, high and p; missing where they are not known."""
        held = [*numbers, *[np.nan] * (4 - len(numbers))]
        return (method, what, *held, self.frame["client"].nunique())


def _ratio(method: str, fit: ModelFit, asked: _Asked) -> tuple[object, ...]:
    """The ratio of paces for one SD."""
    names = ["estimate", "conf_low", "conf_high"]
    found = fit.coefficients.loc[[asked.model.exposure]]
    ends = np.exp(asked.size * found[names].to_numpy(dtype="float64")[0])
    p_value = found["p_value"].to_numpy(dtype="float64")[0]
    return asked.row(method, "ratio of paces", *map(float, ends), float(p_value))


def _cox(asked: _Asked) -> list[tuple[object, ...]]:
    method = "Cox model"
    try:
        fit = models.fit_cox(asked.formula, asked.frame, **asked.clock)
    except ModelError:
        return [asked.row(method, "could not be fitted")]
    return [_ratio(method, fit, asked)]


def _share_of(asked: _Asked) -> list[tuple[object, ...]]:
    """Where clients leave otherwise, the model of the share with the outcome."""
    if not (asked.frame[exit_by(asked.model.outcome)] == OTHERWISE).any():
        return []
    method = "Fine and Gray's model of the share"
    try:
        fit = models.fit_subdistribution(asked.formula, asked.frame, **asked.clock)
    except ModelError:
        return [asked.row(method, "could not be fitted")]
    return [_ratio(method, fit, asked)]


def _curves(asked: _Asked) -> list[tuple[object, ...]]:
    method, what = "log-rank test of the thirds", "do the curves differ?"
    try:
        found = models.compare_curves(asked.frame, by="third", **asked.clock)
    except ModelError:
        return [asked.row(method, "could not be tested")]
    return [asked.row(method, what, np.nan, np.nan, np.nan, found.p_value)]


def _days(asked: _Asked) -> list[tuple[object, ...]]:
    method = "area between the curves"
    horizon = asked.plan.clock.dated[2].days
    try:
        found = models.restricted_mean(
            asked.frame, by="third", cause=OUTCOME, horizon=horizon, **asked.clock
        )
    except ModelError:
        return [asked.row(method, "could not be worked out")]
    differences = found.differences(THIRDS[0])
    return [
        asked.row(
            method,
            f"days earlier, {row['group']} against {row['reference']}",
            *(float(row[key]) for key in ("estimate", "conf_low", "conf_high", "p_value")),
        )
        for _, row in differences.iterrows()
    ]
