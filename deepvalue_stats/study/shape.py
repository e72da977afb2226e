"""Whether the relationship's effect bends, turns or sets in somewhere: a curve and three tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.effects import (
    Lines,
    broken_lines,
    dose_response,
    movable,
    spline_knots,
    spline_terms,
    threshold_test,
    two_lines,
)
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit, build_formula, fit_logit
from deepvalue_stats.plan import Plan, resolve_measure
from deepvalue_stats.study.estimating import primary_sd
from deepvalue_stats.study.fitting import Fitted, fit_rows
from deepvalue_stats.study.words import in_words, outcome_words
from deepvalue_stats.tables import LEVEL, CountTable, Rule, Series

POINTS = 25
# standard deviations on either side of the mean that the curve is drawn over
REACH = 2.0
# where a threshold is looked for, in percentiles of the score
SEARCHED = np.arange(15, 86, 5)
# knots of a curve are order statistics: so many decimals name nobody's score
KNOT_DECIMALS = 1
EACH, WHOLE = "each point", "whole curve"


@dataclass(frozen=True)
class Shape:
    """The curve of the outcome along the score, and what was tested of it.

    Attributes
    ----------
    series : tuple of Series
        None where nothing could be fitted.
    table : CountTable
    """

    series: tuple[Series, ...]
    table: CountTable


def find_shape(plan: Plan, fitted: Fitted) -> Shape:
    """Fit the primary model with a curve in the place of a straight line, and test the curve.

    Parameters
    ----------
    plan : Plan
    fitted : Fitted

    Returns
    -------
    Shape
        Empty for a primary model with a split exposure, or without a sound fit.
    """
    model, straight = plan.models[plan.primary], fitted.fits[plan.primary]
    if model.split != "none" or straight.convergence.status != "ok":
        return Shape((), _table(plan, straight, []))
    values = straight.design.frame[model.exposure].to_numpy(dtype="float64")
    knots = spline_knots(np.round(values, KNOT_DECIMALS))
    rows: list[dict[str, object]] = []
    series: tuple[Series, ...] = ()
    try:
        curve = _fit(plan, straight, spline_terms(model.exposure, knots))
    except ModelError:
        curve = None
    if curve is None or curve.convergence.status != "ok":
        rows.append(_row("a curve", "restricted cubic spline", reading="It could not be fitted."))
    else:
        series = (_series(plan, curve),)
        rows += [*_bend(curve, model.exposure, knots), *_turn(plan, fitted, curve)]
    rows += _threshold(plan, straight)
    return Shape(series, _table(plan, straight, rows))


def _fit(plan: Plan, straight: ModelFit, terms: str) -> ModelFit:
    model = plan.models[plan.primary]
    formula = build_formula(plan, model, exposures=(terms,))
    return fit_rows(plan, model, formula, straight.design.frame)


def _series(plan: Plan, curve: ModelFit) -> Series:
    model = plan.models[plan.primary]
    exposure, frame = model.exposure, curve.design.frame
    values = frame[exposure].to_numpy(dtype="float64")
    scale = resolve_measure(exposure, plan.measures[exposure]).response_range
    ends = values.mean() + np.array([-1, 1]) * REACH * values.std(ddof=1)
    low, high = np.clip(ends, float(scale[0]), float(scale[1]))
    grid = np.linspace(low, high, POINTS)
    found = dose_response(curve, exposure, grid, rng=np.random.default_rng([plan.seed, 1]))
    persons = frame.groupby("client")[model.response].agg(["max", "min"])
    counts = {"n_clients": len(persons)}
    evidence = {"events": int((persons["max"] == 1).sum()),
                "non_events": int((persons["min"] != 1).sum())}  # fmt: skip
    parts = [
        pd.DataFrame({"group": name, "x": grid, "y": found.chance, "low": below, "high": above})
        for name, below, above in ((EACH, found.low, found.high),
                                   (WHOLE, found.low_all, found.high_all))
    ]  # fmt: skip
    whole = pd.concat(parts, ignore_index=True).assign(**counts)
    return Series(
        name="shape",
        caption=f"Chance of {outcome_words(plan)} along the {in_words(exposure)} score, free to "
        "bend",
        frame=whole,
        x_label=f"{in_words(exposure).capitalize()} score, points",
        y_label=f"{outcome_words(plan).capitalize()}, per 100 clients",
        evidence=pd.DataFrame([evidence] * len(whole)),
    )


def _bend(curve: ModelFit, exposure: str, knots: tuple[float, ...]) -> Iterator[dict[str, object]]:
    """Whether the terms beside the straight line are of any use together."""
    what = f"restricted cubic spline, {len(knots)} knots: F of its bends"
    if not knots:
        reading = "The scores pile up at too few values for a curve, so it is a straight line."
        yield _row("a curve", "restricted cubic spline", reading=reading)
        return
    k = len(curve.theta)
    places = np.flatnonzero(movable(curve, exposure).derivative().terms)
    bends = np.array([place for place in places if curve.terms[place] != exposure])
    b = curve.params[bends]
    covariance = curve.interval_joint[k:, k:][np.ix_(bends, bends)]
    statistic = float(b @ np.linalg.solve(covariance, b)) / len(b)
    chosen = np.isin(np.arange(len(curve.params)), bends)
    p = float(stats.f.sf(statistic, len(b), curve.degrees_of(chosen)))
    reading = "It bends." if p < 1 - LEVEL else "No bend was shown, which is no proof of a line."
    yield _row("a curve", what, statistic, p_value=p, reading=reading)


def _turn(plan: Plan, fitted: Fitted, curve: ModelFit) -> Iterator[dict[str, object]]:
    """Whether more of a good thing turns bad, by two lines; slopes are of log odds for one SD."""
    exposure = plan.models[plan.primary].exposure
    unit = primary_sd(plan, fitted).size
    k, rows = len(curve.theta), movable(curve, exposure).as_is
    places = np.flatnonzero(movable(curve, exposure).derivative().terms)
    matrix = rows.matrix[:, places]
    covariance = curve.interval_joint[k:, k:][np.ix_(places, places)]
    error = np.sqrt(np.einsum("ij,jk,ik->i", matrix, covariance, matrix))
    values = curve.design.frame[exposure].to_numpy(dtype="float64")

    def lines(at: float) -> Lines:
        fit = _fit(plan, fitted.fits[plan.primary], broken_lines(exposure, at))
        if fit.convergence.status != "ok":
            raise ModelError("two lines did not settle", exposure, "look at the curve instead")
        # the two slopes stand first, after the intercept
        slopes, errors = fit.params[1:3], np.sqrt(np.diag(fit.interval_joint))[len(fit.theta) :]
        chosen = np.isin(np.arange(len(fit.params)), [1, 2])
        return Lines(
            (float(slopes[0]), float(slopes[1])),
            (float(errors[1]), float(errors[2])),
            fit.degrees_of(chosen),
        )

    try:
        found = two_lines(values, matrix @ curve.params[places], error, lines)
    except ModelError:
        yield _row("two lines", "either side of a point", reading="They could not be fitted.")
        return
    half = float(stats.t.ppf((1 + LEVEL) / 2, found.lines.dof))
    turns = "Its direction turns." if found.found else "No turn of direction was shown."
    for side, slope, se, p in zip(("below", "above"), found.lines.slopes, found.lines.std_errors,
                                  found.p_values, strict=True):  # fmt: skip
        what = f"slope {side} {found.at:.1f}, log odds for one SD"
        low, high = unit * (slope - half * se), unit * (slope + half * se)
        yield _row("two lines", what, unit * slope, low, high, p, turns if side == "above" else "")


def _threshold(plan: Plan, straight: ModelFit) -> Iterator[dict[str, object]]:
    """Where the slope may change, with a p-value that pays for the search."""
    model = plan.models[plan.primary]
    frame, what = straight.design.frame, "likeliest point at which the slope changes"
    cluster = "practitioner" if plan.ids.practitioner else "client"
    values = frame[model.exposure]
    places = np.unique(np.round(np.percentile(values, SEARCHED), KNOT_DECIMALS))
    places = places[(places > values.min()) & (places < values.max())]
    try:
        null = fit_logit(build_formula(plan, model), frame, cluster=cluster)
        found = threshold_test(
            null,
            model.exposure,
            places,
            clusters=frame[cluster].to_numpy(),
            rng=np.random.default_rng([plan.seed, 2]),
        )
    except ModelError:
        yield _row("a threshold", what, reading="It could not be looked for.")
        return
    shown = found.p_value < 1 - LEVEL
    reading = (
        "The slope changes somewhere; one declared before looking would say more."
        if shown
        else "No change of slope was shown anywhere."
    )
    yield _row("a threshold", what, found.at if shown else np.nan, p_value=found.p_value,
               reading=reading)  # fmt: skip


def _row(
    check: str,
    what: str,
    value: float = np.nan,
    low: float = np.nan,
    high: float = np.nan,
    p_value: float = np.nan,
    reading: str = "",
) -> dict[str, object]:
    return {
        "check": check, "what": what, "value": value, "low": low, "high": high,
        "p_value": p_value, "reading": reading,
    }  # fmt: skip


def _table(plan: Plan, straight: ModelFit, rows: list[dict[str, object]]) -> CountTable:
    clients = int(straight.design.frame["client"].nunique())
    rules: dict[str, Rule] = {
        "check": "label",
        "what": "label",
        "value": "statistic",
        "low": "statistic",
        "high": "statistic",
        "p_value": "statistic",
        "clients": "count",
        "reading": "label",
    }
    frame = pd.DataFrame([{**row, "clients": clients} for row in rows], columns=list(rules))
    numbers = dict.fromkeys(("value", "low", "high", "p_value"), "float64")
    return CountTable(
        name="shape",
        caption=f"Whether the effect of the {in_words(plan.models[plan.primary].exposure)} bends, "
        "turns or sets in somewhere",
        frame=frame.astype({**numbers, "clients": "int64"}),
        rules=rules,
        notes=(
            "Exploratory: p-values are not adjusted for one another, and no claim rests on them.",
            "The two lines part where the curve is flattest, and a turn needs both slopes shown, "
            "with opposite signs; a square term would take a curve that only flattens for a turn.",
            "The p-value of a threshold counts every point that was tried, clustered by "
            f"{'practitioner' if plan.ids.practitioner else 'client'}.",
        ),
    )
