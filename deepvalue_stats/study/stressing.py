"""How far the answer leans on a single unit, and how strong an unmeasured cause had to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from deepvalue_stats.effects import average_effect, e_value
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit, build_formula, exposure_columns
from deepvalue_stats.plan import Plan, corrected_model
from deepvalue_stats.study.correcting import corrected_name, correction_notes
from deepvalue_stats.study.estimating import missed_name, primary_sd
from deepvalue_stats.study.fitting import Fitted, fit_rows
from deepvalue_stats.study.variants import SPLIT, variant_name
from deepvalue_stats.study.words import in_words
from deepvalue_stats.tables import CountTable, EffectTable, Rule
from deepvalue_stats.verdicts import Interval, answer

# refits on either side: the units that a first-order step says matter most
REFITTED = 3
FEWEST_UNITS = 10
SCORE_ERROR = "error in the score"


@dataclass(frozen=True)
class Stress:
    """What the sensitivity checks found.

    Attributes
    ----------
    without : mapping of str to tuple
        By kind of unit the lowest and highest estimate with one unit left out.
    influence : mapping of str to bool
        By kind of unit, whether leaving one out moves the answer to C1.
    factors : mapping of str to float
        By covariate, the factor by which leaving it out multiplies the risk ratio, or divides it.
    uncovered : mapping of str to EffectTable
        By covariate, the primary difference without it; fits of all rows are not kept.
    """

    without: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    influence: Mapping[str, bool] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    uncovered: Mapping[str, EffectTable] = field(default_factory=dict)


def stress(plan: Plan, fitted: Fitted) -> Stress:
    """Refit the primary model without its most telling units, and without each covariate."""
    fit = fitted.fits[plan.primary]
    if fit.convergence.status != "ok":
        return Stress()
    without: dict[str, tuple[float, float]] = {}
    influence: dict[str, bool] = {}
    kinds = [k for k in plan.sensitivity.leave_one_out if k in fit.design.frame]
    for kind in kinds:
        found = list(_left_out(plan, fitted, kind))
        if not found:
            continue
        estimates = [interval.estimate for interval in found]
        without[kind] = (min(estimates), max(estimates))
        worthwhile = plan.verdicts.smallest_worthwhile
        as_is = answer(_interval(plan, fitted, fit), worthwhile)
        influence[kind] = any(answer(one, worthwhile) != as_is for one in found)
    return Stress(without, influence, *_without_covariates(plan, fitted))


def _left_out(plan: Plan, fitted: Fitted, kind: str) -> Iterator[Interval]:
    """The primary effect without each of the units that weigh most."""
    fit, model = fitted.fits[plan.primary], plan.models[plan.primary]
    frame = fit.design.frame
    codes, units = pd.factorize(frame[kind])
    if len(units) < FEWEST_UNITS:
        return
    order = np.argsort(_pulls(plan, fit, codes, len(units)))
    formula = build_formula(plan, model)
    for unit in dict.fromkeys([*order[:REFITTED], *order[-REFITTED:]]):
        try:
            less = fit_rows(plan, model, formula, frame[codes != unit].reset_index(drop=True))
        except ModelError:
            continue
        if less.convergence.status == "ok":
            yield _interval(plan, fitted, less)


def _pulls(plan: Plan, fit: ModelFit, codes: np.ndarray, n_units: int) -> np.ndarray:
    """How far each unit pulls the exposure's coefficient, to first order: V times its scores."""
    column = exposure_columns(plan.models[plan.primary])[0]
    sums = np.zeros((n_units, fit.scores.shape[1]))
    np.add.at(sums, codes, fit.scores)
    return np.asarray(sums @ fit.covariance[fit.terms.index(column)])


def _interval(plan: Plan, fitted: Fitted, fit: ModelFit) -> Interval:
    column = exposure_columns(plan.models[plan.primary])[0]
    row = average_effect(fit, column, contrast=primary_sd(plan, fitted)).frame.iloc[0]
    return Interval(float(row["estimate"]), float(row["std_error"]), float(row["dof"]))


def _without_covariates(
    plan: Plan, fitted: Fitted
) -> tuple[dict[str, float], dict[str, EffectTable]]:
    """By covariate the factor of leaving it out, and the difference without it."""
    model, fit = plan.models[plan.primary], fitted.fits[plan.primary]
    as_is = _ratio(plan, fitted, fit)
    column, unit = exposure_columns(model)[0], primary_sd(plan, fitted)
    factors, differences = {}, {}
    for name in plan.sensitivity.benchmark or model.covariates:
        kept = tuple(other for other in model.covariates if other != name)
        less = model.model_copy(update={"covariates": kept})
        try:
            refit = fit_rows(plan, less, build_formula(plan, less), fit.design.frame)
        except ModelError:
            continue
        if refit.convergence.status == "ok":
            moved = _ratio(plan, fitted, refit) / as_is
            factors[name] = max(moved, 1 / moved)
            differences[name] = average_effect(refit, column, contrast=unit)
    return factors, differences


def _ratio(plan: Plan, fitted: Fitted, fit: ModelFit) -> float:
    column = exposure_columns(plan.models[plan.primary])[0]
    table = average_effect(fit, column, contrast=primary_sd(plan, fitted), scale="risk_ratio")
    return float(table.frame["estimate"].iloc[0])


def sensitivity_table(
    plan: Plan, fitted: Fitted, effects: EffectTable, found: Stress
) -> CountTable:
    """Every check of sensitivity with what it says, in one table.

    Parameters
    ----------
    plan : Plan
    fitted : Fitted
    effects : EffectTable
    found : Stress

    Returns
    -------
    CountTable
        check, what, value, low, high, clients, reading.
    """
    clients = int(fitted.fits[plan.primary].design.frame["client"].nunique())
    rows = [*_unmeasured(plan, effects, found), *_units(found), *_parts(plan, effects)]
    rows += _missed(plan, effects)
    rows += _corrected(plan, fitted, effects)
    if not len(effects.where(model=plan.primary, scale="risk_ratio", status="ok")):
        # what the main model may not show, a check of it may not show either
        rows = []
    rules: dict[str, Rule] = {
        "check": "label",
        "what": "label",
        "value": "statistic",
        "low": "statistic",
        "high": "statistic",
        "clients": "count",
        "reading": "label",
    }
    frame = pd.DataFrame([{**row, "clients": clients} for row in rows], columns=list(rules))
    numbers = dict.fromkeys(("value", "low", "high"), "float64")
    return CountTable(
        name="sensitivity",
        caption="What would change the answer",
        frame=frame.astype({**numbers, "clients": "int64"}),
        rules=rules,
        notes=(
            "E-value: the risk ratio that an unmeasured cause would need with both the rating and "
            "the outcome, given all covariates, to make up the association (value) or its limit "
            "nearer to none (low). It does not say whether there is such a cause.",
            "Leaving out a covariate: the factor by which the risk ratio moves, upwards or "
            "downwards; what an unmeasured cause as strong as that covariate might do.",
            "Leaving out one unit: lowest and highest difference per 100 clients, refitted "
            f"without each of the {2 * REFITTED} units that weigh most.",
            *correction_notes(plan),
        ),
    )


def _unmeasured(plan: Plan, effects: EffectTable, found: Stress) -> Iterator[dict[str, object]]:
    column = exposure_columns(plan.models[plan.primary])[0]
    ratio = effects.row(model=plan.primary, exposure=column, scale="risk_ratio", contrast="sd step")
    if ratio["status"] != "ok":
        return
    value, low, high = (float(ratio[key]) for key in ("estimate", "conf_low", "conf_high"))
    yield _row("an unmeasured cause", "risk ratio per SD", value, low, high)
    strength = e_value(value, low, high)
    strongest = max(found.factors.values(), default=np.nan)
    if strength.limit == 1:
        reading = "The interval holds no association already."
    elif strength.limit > strongest:
        reading = "Stronger than leaving out any covariate that was measured."
    else:
        reading = "No stronger than leaving out a covariate that was measured."
    yield _row("an unmeasured cause", "E-value, and that of the nearer limit",
               strength.estimate, strength.limit, reading=reading)  # fmt: skip
    for name, factor in sorted(found.factors.items(), key=lambda item: -item[1]):
        yield _row("a measured covariate left out", in_words(name), factor)


def _units(found: Stress) -> Iterator[dict[str, object]]:
    for kind, (low, high) in found.without.items():
        moved = found.influence[kind]
        reading = (
            f"The answer to C1 rests on a single {kind}."
            if moved
            else f"No single {kind} moves the answer to C1."
        )
        what = "difference per 100 clients"
        yield _row(f"one {kind} left out", what, np.nan, 100 * low, 100 * high, reading)


def _parts(plan: Plan, effects: EffectTable) -> Iterator[dict[str, object]]:
    """The parts within and between, beside the whole."""
    model = plan.models[plan.primary]
    names = {variant_name(plan, SPLIT)} | {n for n, m in plan.models.items() if m.split_by}
    wanted = {f"{model.exposure}_{part}": f"{part} groups" for part in ("within", "between")}
    frame = effects.frame
    chosen = frame["model"].isin(names) & frame["exposure"].isin(wanted)
    chosen &= (frame["scale"] == "risk_difference") & (frame["contrast"] == "sd")
    for _, row in frame[chosen & (frame["status"] == "ok") & (frame["group"] == "all")].iterrows():
        value, low, high = (100 * float(row[key]) for key in ("estimate", "conf_low", "conf_high"))
        what = f"difference per 100 clients, {wanted[str(row['exposure'])]} ({row['model']})"
        yield _row("the effect taken apart", what, value, low, high)


def _missed(plan: Plan, effects: EffectTable) -> Iterator[dict[str, object]]:
    """The effect with the outcomes that the link missed counted in."""
    rows = effects.where(model=missed_name(plan), contrast="sd", status="ok").frame
    for _, row in rows[~rows["group"].isin(list(plan.equity.bands))].iterrows():
        value, low, high = (100 * float(row[key]) for key in ("estimate", "conf_low", "conf_high"))
        whom = "all clients" if row["group"] == "all" else str(row["group"])
        what = f"difference per 100 clients, {whom}"
        yield _row("outcomes that the link missed", what, value, low, high)


def _corrected(plan: Plan, fitted: Fitted, effects: EffectTable) -> Iterator[dict[str, object]]:
    """The effect without the error in the score, and whether the answer would be another."""
    name = corrected_model(plan)
    if name is None:
        return
    if fitted.corrected is None:
        reading = "The error could not be taken out: see what was fitted."
        yield _row(SCORE_ERROR, "correction", np.nan, reading=reading)
        return
    rows = effects.where(model=corrected_name(plan), contrast="sd", status="ok").frame
    rows = rows[~rows["group"].isin(list(plan.equity.bands))]
    if len(rows) and np.isfinite(fitted.corrected.reliability):
        what = "share of the score that is true, given what the model adjusts for"
        yield _row(SCORE_ERROR, what, fitted.corrected.reliability)
    for _, row in rows.iterrows():
        value, low, high = (100 * float(row[key]) for key in ("estimate", "conf_low", "conf_high"))
        part = str(row["exposure"]).removeprefix(plan.models[name].exposure).strip("_")
        whom = "all clients" if row["group"] == "all" else str(row["group"])
        whom = f"{part} groups, {whom}" if part else whom
        decides = (
            name == plan.primary and str(row["exposure"]) == exposure_columns(plan.models[name])[0]
        )
        reading = _moved(plan, fitted, row) if decides and row["group"] == "all" else ""
        what = f"difference per 100 clients, {whom}"
        yield _row(SCORE_ERROR, what, value, low, high, reading)


def _moved(plan: Plan, fitted: Fitted, row: pd.Series) -> str:
    """Whether the corrected effect would give C1 another answer; the verdict is not moved by it."""
    worthwhile = plan.verdicts.smallest_worthwhile
    found = Interval(float(row["estimate"]), float(row["std_error"]), float(row["dof"]))
    as_is = answer(_interval(plan, fitted, fitted.fits[plan.primary]), worthwhile)
    same = answer(found, worthwhile) == as_is
    return f"It would {'not ' if same else ''}give C1 another answer; the verdict is without it."


def _row(
    check: str,
    what: str,
    value: float,
    low: float = np.nan,
    high: float = np.nan,
    reading: str = "",
) -> dict[str, object]:
    return {
        "check": check, "what": what, "value": value, "low": low, "high": high, "reading": reading,
    }  # fmt: skip
