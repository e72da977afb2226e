"""The main effect worked out in every way that the study has cause for, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from deepvalue_stats.effects import average_effect
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import build_formula, exposure_columns
from deepvalue_stats.plan import Plan, corrected_model
from deepvalue_stats.plan.parts import PANEL, ModelPlan
from deepvalue_stats.study.correcting import corrected_name
from deepvalue_stats.study.estimating import missed_name, primary_sd
from deepvalue_stats.study.fitting import Fitted, fit_rows
from deepvalue_stats.study.stressing import Stress
from deepvalue_stats.study.sweeping import ALL
from deepvalue_stats.study.words import in_words, response_words
from deepvalue_stats.tables import CountTable, EffectTable, Rule

EVERY, NONE = "all", "none"
AS_PLANNED = "as planned"
# estimators beside which the rows are pooled as well, errors clustered
GROUPED = ("multilevel", "gee")
NOTHING = "The main effect may not be shown, so neither may other ways of working it out."


def specification_table(
    plan: Plan,
    fitted: Fitted,
    effects: EffectTable,
    found: Stress,
    sweep: CountTable | None = None,
) -> CountTable:
    """The main effect by every model of the same question, with fewer covariates, other links.

    What is here answers one question in other ways. Estimates that compare something else, as
    the same client over waves or parts within and between, are not among them.

    Parameters
    ----------
    plan : Plan
    fitted : Fitted
    effects : EffectTable
        What may be shown of the study's effects, with its evidence.
    found : Stress
        Holds the primary model without each covariate.
    sweep : CountTable, optional
        The effect with other least weights for a link.

    Returns
    -------
    CountTable
        Named `specifications`: for each way whether it is the main one, its estimator, its
        covariates and what else is different; the difference per 100 clients for one standard
        deviation of the exposure, with its interval, and the clients. Empty, with the reason as
        its note, where the main effect may not be shown.

    References
    ----------
    Simonsohn, Simmons and Nelson (2020), Nature Human Behaviour 4: 1208-1214; Steegen, Tuerlinckx,
    Gelman and Vanpaemel (2016), Perspectives on Psychological Science 11.
    """
    lines = list(_of_models(plan, effects))
    shown = any(line["main"] == "yes" for line in lines)
    if shown:
        lines += [*_of_covariates(plan, fitted, found), *_of_links(plan, sweep)]
    else:
        lines = []
    fewest = [line.pop("fewest") for line in lines]
    rules: dict[str, Rule] = {
        "main": "label",
        "estimator": "label",
        "covariates": "label",
        "otherwise": "label",
        "difference": "statistic",
        "low": "statistic",
        "high": "statistic",
        "clients": "count",
    }
    types = {name: "float64" for name, rule in rules.items() if rule == "statistic"}
    return CountTable(
        name="specifications",
        caption="The main difference worked out in other ways",
        frame=pd.DataFrame(lines, columns=list(rules)).astype({**types, "clients": "int64"}),
        rules=rules,
        notes=_notes() if shown else (NOTHING,),
        evidence=pd.DataFrame({"clients": fewest}, dtype="int64"),
    )


def _notes() -> tuple[str, ...]:
    return (
        "Per 100 clients, for one standard deviation, with 95% intervals; all of one question. "
        "The ways are not independent and none of them is a test: they show how far the number "
        "hangs on choices that could have been made otherwise.",
        "Leaving out a covariate that makes clients unlike may bias the difference: such a way is "
        "no better than the main one, it says what the covariate does.",
    )


def _of_models(plan: Plan, effects: EffectTable) -> Iterator[dict[str, object]]:
    """The study's own models of the primary outcome by the whole score, as they are shown."""
    model = plan.models[plan.primary]
    column = exposure_columns(model)[0]
    asked = {"outcome": response_words(model), "exposure": column, "group": ALL}
    rows = effects.where(scale="risk_difference", contrast="sd", status="ok", **asked)
    if rows.evidence is None:
        return
    counted = pd.concat([rows.frame, rows.evidence], axis=1).drop_duplicates("model")
    for row in counted.to_dict("records"):
        said = _own(plan, str(row["model"]))
        if said is not None:
            yield _line(row, row["events"], row["non_events"], **said)


def _own(plan: Plan, name: str) -> dict[str, str] | None:
    """What a model of the table is, if it puts the primary question in another way."""
    primary = plan.models[plan.primary]
    changed = {
        corrected_name(plan): (corrected_model(plan), "error in the score taken out"),
        missed_name(plan): (plan.primary, "missed outcomes counted in"),
    }
    beneath, otherwise = changed.get(name, (name, ""))
    model = plan.models.get(beneath or "")
    if model is None or model.estimator in PANEL or model.split != primary.split:
        return None
    if model.design != primary.design or model.earlier_outcomes != primary.earlier_outcomes:
        return None
    rows = "" if model.rows == primary.rows else "other rows"
    return {
        "main": "yes" if name == plan.primary else "no",
        "estimator": _estimator(primary, model),
        "covariates": _covariates(primary, model),
        "otherwise": ", ".join(part for part in (otherwise, rows) if part) or AS_PLANNED,
    }


def _estimator(primary: ModelPlan, model: ModelPlan) -> str:
    """The estimator, with what tells it from the primary one of the same kind."""
    detail = f", {model.correlation}" if model.estimator == "gee" else ""
    if model.estimator == primary.estimator and model.groups != primary.groups:
        detail += f", by {' and '.join(model.groups)}"
    return f"{model.estimator}{detail}"


def _covariates(primary: ModelPlan, model: ModelPlan) -> str:
    mine, planned = set(model.covariates), set(primary.covariates)
    if mine == planned:
        return EVERY
    changes = [f"without {in_words(name)}" for name in primary.covariates if name not in mine]
    changes += [f"with {in_words(name)}" for name in model.covariates if name not in planned]
    return ", ".join(changes) if mine else NONE


def _of_covariates(plan: Plan, fitted: Fitted, found: Stress) -> Iterator[dict[str, object]]:
    """Fewer covariates by the primary estimator, and every set with all rows pooled."""
    model, frame = plan.models[plan.primary], fitted.fits[plan.primary].design.frame
    for name, table in found.uncovered.items():
        less = tuple(other for other in model.covariates if other != name)
        # of a single covariate, to leave it out is to have none, which is next
        if less:
            yield from _refitted(model, model.model_copy(update={"covariates": less}), table)
    bare = model.model_copy(update={"covariates": ()})
    ways = [bare] if model.covariates else []
    if model.estimator in GROUPED and not any(m.estimator == "logit" for m in plan.models.values()):
        pooled = {"estimator": "logit", "groups": (), "slopes": {}, "covariance": _cluster(plan)}
        sets = [model.covariates, ()] if model.covariates else [()]
        ways += [model.model_copy(update={**pooled, "covariates": one}) for one in sets]
    for way in ways:
        try:
            refit = fit_rows(plan, way, build_formula(plan, way), frame)
        except ModelError:
            continue
        unit, column = primary_sd(plan, fitted), exposure_columns(model)[0]
        yield from _refitted(model, way, average_effect(refit, column, contrast=unit))


def _cluster(plan: Plan) -> str:
    return f"cluster:{'practitioner' if plan.ids.practitioner else 'client'}"


def _refitted(
    primary: ModelPlan, way: ModelPlan, table: EffectTable
) -> Iterator[dict[str, object]]:
    """A line for the effect of a refit, where there is one."""
    row = table.frame.iloc[0]
    if row["status"] != "ok" or table.evidence is None:
        return
    counted = table.evidence.iloc[0]
    yield _line(
        row.to_dict(),
        int(counted["events"]),
        int(counted["non_events"]),
        estimator=_estimator(primary, way),
        covariates=_covariates(primary, way),
    )


def _of_links(plan: Plan, sweep: CountTable | None) -> Iterator[dict[str, object]]:
    """The primary model with other least weights for a link."""
    if sweep is None or sweep.evidence is None:
        return
    own = {f"{one.table.minimum:g}" for one in plan.links.values() if one.table is not None}
    rows = pd.concat([sweep.frame, sweep.evidence], axis=1)
    rows = rows[(rows["group"] == ALL) & ~rows["minimum_weight"].isin(own)]
    for row in rows[rows["difference"].notna()].to_dict("records"):
        yield {
            "main": "no",
            "estimator": plan.models[plan.primary].estimator,
            "covariates": EVERY,
            "otherwise": f"links of weight {row['minimum_weight']} or more",
            **{key: float(row[key]) for key in ("difference", "low", "high")},
            "clients": int(row["clients"]),
            "fewest": max(1, min(int(row["with"]), int(row["without"]))),
        }


def _line(row: Mapping[Any, Any], events: int, others: int, **said: str) -> dict[str, object]:
    ends = {"difference": "estimate", "low": "conf_low", "high": "conf_high"}
    return {
        "main": "no",
        "otherwise": AS_PLANNED,
        **said,
        **{name: 100 * float(row[key]) for name, key in ends.items()},
        "clients": int(row["n_clients"]),
        # a side without any client tells as much as one with a single client
        "fewest": max(1, min(int(events), int(others))),
    }
