"""How long until the outcome: curves by the relationship, and who was still at risk."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepvalue_stats.linkage import model_rows
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.parts import ModelPlan, days_to, exit_by
from deepvalue_stats.study.preparing import Prepared
from deepvalue_stats.study.words import in_words
from deepvalue_stats.tables import CountTable, Curve, Rule

# what ended the days of a client
LOST, OUTCOME, OTHERWISE = 0, 1, 2
THIRDS = ("lowest third", "middle third", "highest third")
# parts of the follow-up at whose ends those at risk are counted
PARTS = 4


def first_hazard(plan: Plan) -> str | None:
    """The first model of time: its outcome is drawn."""
    found = (name for name, model in plan.models.items() if model.estimator == "hazard")
    return next(found, None)


def horizon_of(plan: Plan, model: ModelPlan) -> int:
    """The last day of the follow-up that ends a whole period of a model of time."""
    length = int(model.period_days or 1)
    return plan.clock.dated[2].days // length * length


def waiting_curve(prepared: Prepared) -> tuple[tuple[Curve, ...], tuple[CountTable, ...]]:
    """Cumulative incidence by thirds of the exposure, and the table that belongs to it.

    Parameters
    ----------
    prepared : Prepared

    Returns
    -------
    curves, counts : tuple
        Empty where the plan has no model of time.
    """
    plan, name = prepared.plan, first_hazard(prepared.plan)
    if name is None:
        return (), ()
    model = plan.models[name]
    frame = model_rows(plan, model, prepared.linked).frame
    if frame.empty:
        return (), ()
    groups = thirds(frame[model.exposure])
    days, left = frame[days_to(model.outcome)], frame[exit_by(model.outcome)]
    return (
        (_curve(plan, model, groups, days, left),),
        (_at_risk(plan.clock.dated[2].days, groups, days, left),),
    )


def thirds(scores: pd.Series) -> pd.Series:
    """Which third of the clients a score lies in, equal scores together, as a category.

    Examples
    --------
    >>> list(thirds(pd.Series([1.0, 2.0, 3.0])))
    ['lowest third', 'middle third', 'highest third']
    """
    cuts = np.quantile(scores, [1 / 3, 2 / 3])
    place = np.searchsorted(cuts, scores.to_numpy(), side="left")
    dtype = pd.CategoricalDtype(list(THIRDS))
    return pd.Series(pd.Categorical.from_codes(place, dtype=dtype), index=scores.index)


def _curve(
    plan: Plan, model: ModelPlan, groups: pd.Series, days: pd.Series, left: pd.Series
) -> Curve:
    ends = pd.DataFrame(
        {
            "group": groups,
            "day": days,
            "events": left == OUTCOME,
            "others": left == OTHERWISE,
            "lost": left == LOST,
        }
    )
    frame = ends.groupby(["group", "day"], observed=True, sort=True).sum().astype("int64")
    label = plan.outcomes[model.outcome].label or in_words(model.outcome)
    exposure = in_words(model.exposure)
    return Curve(
        name="waiting",
        caption=f"How long until {label}, by thirds of the {exposure} score",
        frame=frame.reset_index().astype({"group": "str"}),
        clients={str(name): int(n) for name, n in groups.value_counts(sort=False).items() if n},
        x_label="days since the landmark",
        y_label=f"{label[0].upper()}{label[1:]}, per 100 clients",
    )


def _at_risk(horizon: int, groups: pd.Series, days: pd.Series, left: pd.Series) -> CountTable:
    grid = np.linspace(0, horizon, PARTS + 1)[1:].round().astype("int64")
    rows = []
    for group in (name for name in groups.cat.categories if (groups == name).any()):
        mine = (groups == group).to_numpy()
        gone, why = days[mine].to_numpy(), left[mine].to_numpy()
        # whoever was seen to the last day was seen to the end
        whole = (gone == horizon) & (why == LOST)
        for day in np.unique(grid):
            past = (gone <= day) & ~whole
            rows.append(
                {
                    "group": str(group),
                    "day": str(day),
                    "clients": len(gone),
                    "with_outcome": int((past & (why == OUTCOME)).sum()),
                    "left_otherwise": int((past & (why == OTHERWISE)).sum()),
                    "not_seen_longer": int((past & (why == LOST)).sum()),
                    "at_risk": int((~past).sum()),
                }
            )
    rules: dict[str, Rule] = {
        "group": "label",
        "day": "label",
        "clients": "count",
        "with_outcome": "outcome_count",
        "left_otherwise": "count",
        "not_seen_longer": "count",
        "at_risk": "count",
    }
    notes = [
        "At risk: without the outcome by the end of that day, and still seen; on the last, who was "
        "seen to the end without it. Days count from the landmark.",
        "The curve allows for clients who were not seen to the end, and takes those who left "
        "otherwise (who died) as no longer able to have the outcome.",
    ]
    return CountTable(
        name="at_risk",
        caption="Who was still at risk, by thirds of the score",
        frame=pd.DataFrame(rows, columns=list(rules)),
        rules=rules,
        total="clients",
        notes=tuple(notes),
    )
