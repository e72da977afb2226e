"""What is printed beside the effects: counts, diagnostics and the data of figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from deepvalue_stats.effects import average_effect, predicted_curve
from deepvalue_stats.linkage import standards_table
from deepvalue_stats.measures import BAND
from deepvalue_stats.models import ModelFit, exposure_columns
from deepvalue_stats.plan import Plan, resolve_measure
from deepvalue_stats.study.estimating import (
    banded_name,
    decisive_groups,
    every_fit,
    primary_sd,
    too_few_groups,
)
from deepvalue_stats.study.fitting import Fitted
from deepvalue_stats.study.measuring import Measured
from deepvalue_stats.study.preparing import Prepared
from deepvalue_stats.study.variants import SURFACE, variant_name
from deepvalue_stats.study.words import in_words, outcome_words
from deepvalue_stats.tables import CountTable, Evidence, Rule, Series

# points of the curve of the effect along confidence
POINTS = 15
# a refusal may hold counts, and those have not been cleared
IN_ROOM = "the reason is in the room's manifest"


def count_tables(prepared: Prepared, fitted: Fitted, measured: Measured) -> tuple[CountTable, ...]:
    """Everything that is printed beside the effects, in the order of the technical page."""
    plan = prepared.plan
    return (
        prepared.flow,
        prepared.sources,
        prepared.linkage,
        prepared.continuity,
        standards_table(plan),
        _participants(plan, fitted.banded),
        *measured.tables,
        _diagnostics(plan, fitted),
        _random_effects(plan, fitted),
        _problems(prepared),
    )


def _participants(plan: Plan, fit: ModelFit) -> CountTable:
    model, frame = plan.models[plan.primary], fit.design.frame
    groups = {"all": frame, **{str(k): g for k, g in frame.groupby(BAND, observed=True)}}
    rows = [
        {
            "group": name,
            "clients": members["client"].nunique(),
            "rows": len(members),
            "with_outcome": int(members[model.response].sum()),
            "share": np.nan,
            "exposure_mean": float(members[model.exposure].mean()),
            "exposure_sd": float(members[model.exposure].std()) if len(members) > 1 else np.nan,
        }
        for name, members in groups.items()
    ]
    # a client may have several rows: rules on small numbers are about persons
    persons = [
        (
            members.loc[members[model.response] == 1, "client"].nunique(),
            members.loc[members[model.response] != 1, "client"].nunique(),
        )
        for members in groups.values()
    ]
    rules: dict[str, Rule] = {
        "group": "label",
        "clients": "count",
        "rows": "count",
        "with_outcome": "outcome_count",
        "share": "share",
        "exposure_mean": "statistic",
        "exposure_sd": "statistic",
    }
    return CountTable(
        name="participants",
        caption=f"Who is in the analysis, by {in_words(plan.equity.modifier)} at baseline",
        frame=pd.DataFrame(rows, columns=list(rules)),
        rules=rules,
        total="rows",
        notes=(
            f"With outcome: rows in which the client had the outcome, {outcome_words(plan)}.",
            f"Exposure: the {in_words(model.exposure)} score in its own points.",
        ),
        evidence=pd.DataFrame(persons, columns=["with", "without"]),
    )


def _diagnostics(plan: Plan, fitted: Fitted) -> CountTable:
    every = every_fit(plan, fitted)
    rows = [
        {
            "model": name,
            "role": _role(plan, name),
            "estimator": fit.spec.estimator,
            "covariance": fit.spec.covariance,
            "correlation": fit.association.get("alpha", np.nan),
            "rows": fit.n_obs,
            "groups": decisive_groups(fit)[1],
            "status": fit.convergence.status.replace("_", " "),
            "doubt": fit.convergence.message,
            "formula": fit.spec.formula,
        }
        for name, fit in every.items()
    ]
    rows += [
        {"model": name, "role": _role(plan, name), "status": "not fitted", "doubt": IN_ROOM}
        for name in fitted.failed
    ]
    rules: dict[str, Rule] = {
        "model": "label",
        "role": "label",
        "estimator": "label",
        "covariance": "label",
        "correlation": "statistic",
        "rows": "count",
        "groups": "count",
        "status": "label",
        "doubt": "label",
        "formula": "label",
    }
    frame = pd.DataFrame(rows, columns=list(rules)).astype({"rows": "Int64", "groups": "Int64"})
    return CountTable("diagnostics", "What was fitted, and how it went", frame, rules)


def _role(plan: Plan, name: str) -> str:
    return plan.models[name].role if name in plan.models else "variant"


# a logit's groups differ in odds, those of a model of time in paces
_RATIOS = {"median_odds_ratio": "median_ratio", "median_hazard_ratio": "median_ratio"}


def _random_effects(plan: Plan, fitted: Fitted) -> CountTable:
    """How much groups differ, in plain terms; only of fits whose numbers may be shown."""
    withheld = too_few_groups(plan, fitted)
    every = every_fit(plan, fitted)
    rules: dict[str, Rule] = {
        "model": "label",
        "group": "label",
        "effect": "label",
        "groups": "count",
        "std_dev": "statistic",
        "latent_icc": "statistic",
        "probability_icc": "statistic",
        "median_ratio": "statistic",
        "slopes_from": "statistic",
        "slopes_to": "statistic",
    }
    rows = [
        {"model": name, "groups": fit.n_groups[row["group"]], "effect": row["term"], **row}
        for name, fit in every.items()
        if fit.convergence.status == "ok" and name not in withheld
        for row in fit.in_plain_terms().rename(columns=_RATIOS).to_dict("records")
    ]
    frame = pd.DataFrame(rows, columns=list(rules))
    return CountTable(
        name="random_effects",
        caption="How much groups differ, once what the model adjusts for is taken into account",
        frame=frame.astype({name: "float64" for name, rule in rules.items() if rule == "statistic"})
        .astype({"groups": "int64"}),
        rules=rules,
        notes=(
            "Std dev: of the groups' own log odds, or of their own slopes, in log odds a point; "
            "zero means that no difference between groups could be detected.",
            "Latent ICC: the share of the variance of the log odds that lies between the groups.",
            "Probability ICC: the same share of the outcome itself, for a client with average "
            "covariates; it is smaller.",
            "Median ratio: between two groups drawn at random, the better against the worse; of "
            "odds, or of paces in a model of time.",
            "Slopes from, to: the middle 80% of the groups' own slopes.",
        ),
    )  # fmt: skip


def _problems(prepared: Prepared) -> CountTable:
    found = [p for dataset in prepared.data.values() for p in dataset.problems]
    found += prepared.linked.problems
    columns = ["source", "column", "problem", "count", "action"]
    rows = [(p.source, p.column, p.what, p.count, p.action) for p in found]
    return CountTable(
        name="problems",
        caption="Trouble in the records, and what was done about it",
        frame=pd.DataFrame(rows, columns=columns).astype({"count": "int64"}),
        rules={name: "count" if name == "count" else "label" for name in columns},
    )


def figure_series(plan: Plan, fitted: Fitted, evidence: Evidence) -> tuple[Series, ...]:
    """The data of the figures."""
    model = plan.models[plan.primary]
    column = exposure_columns(model)[0]
    scale = resolve_measure(model.exposure, plan.measures[model.exposure]).response_range
    bounds = None if model.split_by else (float(scale[0]), float(scale[1]))
    curve = predicted_curve(fitted.banded, column, by=BAND, bounds=bounds)
    if banded_name(plan) in too_few_groups(plan, fitted) and curve.evidence is not None:
        curve = replace(curve, frame=curve.frame[:0], evidence=curve.evidence[:0])
    along = _along_confidence(plan, fitted, evidence)
    label = f"{evidence.exposure.capitalize()} score, points"
    if model.split_by:
        label += f" above or below the {model.split_by}'s mean"
    return (
        replace(
            curve,
            caption=f"Chance of {evidence.outcome} by {evidence.exposure} score and "
            f"{evidence.modifier}",
            x_label=label,
            y_label=f"{evidence.outcome.capitalize()}, per 100 clients",
        ),
        *along,
    )


def _along_confidence(plan: Plan, fitted: Fitted, evidence: Evidence) -> tuple[Series, ...]:
    """The effect at each score of confidence, where a model lets it differ by the score itself."""
    fit, name = fitted.variants.get(SURFACE), variant_name(plan, SURFACE)
    if fit is None or fit.convergence.status != "ok" or name in too_few_groups(plan, fitted):
        return ()
    exposure, modifier = plan.models[plan.primary].exposure, plan.equity.modifier
    unit, frame = primary_sd(plan, fitted), fit.design.frame
    low, high = (float(frame[modifier].quantile(share)) for share in (0.1, 0.9))
    if not low < high:
        return ()
    grid = np.linspace(low, high, POINTS)
    over = (frame.assign(**{modifier: float(value)}) for value in grid)
    tables = [average_effect(fit, exposure, contrast=unit, over=rows) for rows in over]
    rows = pd.concat([table.frame for table in tables], ignore_index=True)
    counted = pd.concat([table.evidence for table in tables], ignore_index=True)
    return (
        Series(
            name="surface",
            caption=f"Difference for one standard deviation of the {evidence.exposure}, by "
            f"{evidence.modifier} score",
            frame=pd.DataFrame(
                {
                    "group": "all",
                    "x": grid,
                    "y": rows["estimate"],
                    "low": rows["conf_low"],
                    "high": rows["conf_high"],
                    "n_clients": rows["n_clients"].astype("int64"),
                }
            ),
            x_label=f"{evidence.modifier.capitalize()} score, points",
            y_label="Difference per 100 clients",
            evidence=counted,
        ),
    )
