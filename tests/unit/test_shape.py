"""The curve in the place of a straight line: its data, what is tested of it, and what is not."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepvalue_stats.bench.samples import bench_parameters, samples_of
from deepvalue_stats.effects import average_risk, spline_knots, spline_terms
from deepvalue_stats.models import build_formula
from deepvalue_stats.simulate import analysis_table, draw_service
from deepvalue_stats.study.fitting import Fitted, fit_rows
from deepvalue_stats.study.shape import EACH, POINTS, WHOLE, find_shape


@lru_cache
def studied():
    table = analysis_table(draw_service(bench_parameters("claim_true"), 2))
    one = next(iter(samples_of("claim_true", table)))[1]
    return one.plan, Fitted({one.plan.primary: one.primary}, one.banded, {})


def bent(shape):
    """The same study with outcomes redrawn along another curve of the score, in log odds."""
    plan, fitted = studied()
    model, straight = plan.models[plan.primary], fitted.fits[plan.primary]
    frame = straight.design.frame
    rng = np.random.default_rng(4)
    score = frame[model.exposure].to_numpy()
    large = pd.concat([frame.assign(practitioner=frame["practitioner"] + f"-{k}")
                       for k in range(4)], ignore_index=True)  # fmt: skip
    large["client"] = np.arange(len(large)).astype(str)
    drawn = (rng.random(len(large)) < expit(np.tile(shape(score), 4))).astype(float)
    large[model.response] = drawn
    fit = fit_rows(plan, model, build_formula(plan, model), large)
    return find_shape(plan, replace(fitted, fits={plan.primary: fit}))


def rows_of(found):
    return found.table.frame.set_index("what")


def test_the_curve_is_the_average_chance_at_each_score():
    plan, fitted = studied()
    model, straight = plan.models[plan.primary], fitted.fits[plan.primary]
    frame = find_shape(plan, fitted).series[0].frame
    each, whole = (frame[frame["group"] == name] for name in (EACH, WHOLE))
    assert len(each) == len(whole) == POINTS
    np.testing.assert_array_equal(each["y"], whole["y"])
    assert (whole["low"].to_numpy() < each["low"].to_numpy()).all()
    assert (whole["high"].to_numpy() > each["high"].to_numpy()).all()
    knots = spline_knots(np.round(straight.design.frame[model.exposure], 1))
    formula = build_formula(plan, model, exposures=(spline_terms(model.exposure, knots),))
    curve = fit_rows(plan, model, formula, straight.design.frame)
    risks = average_risk(curve, model.exposure, each["x"].iloc[[0, 12]]).frame
    np.testing.assert_allclose(each["y"].iloc[[0, 12]], risks["estimate"], rtol=1e-9)
    np.testing.assert_allclose(each["low"].iloc[[0, 12]], risks["conf_low"], rtol=1e-9)


def test_a_straight_effect_is_said_to_show_nothing_else():
    plan, fitted = studied()
    found = rows_of(find_shape(plan, fitted))
    assert (found["p_value"].filter(like="spline") > 0.05).all()
    assert found["reading"].str.startswith("No ").sum() == 3
    assert "no proof" in found["reading"].iloc[0]
    assert found["value"].filter(like="likeliest").isna().all()


def test_what_sets_in_at_a_threshold_is_found_near_it():
    found = rows_of(bent(lambda score: -2 + 1.6 * np.maximum(score - 3.9, 0)))
    likeliest = found.filter(like="likeliest", axis=0).iloc[0]
    assert likeliest["p_value"] < 0.05
    assert likeliest["value"] == pytest.approx(3.9, abs=0.5)


def test_too_much_of_a_good_thing_is_a_turn():
    found = rows_of(bent(lambda score: -4.5 * (score - 3.9) ** 2))
    below, above = (found.filter(like=side, axis=0).iloc[0] for side in ("below", "slope above"))
    assert below["value"] > 0 > above["value"]
    assert above["reading"] == "Its direction turns."
    assert found["reading"].iloc[0] == "It bends."


@pytest.mark.parametrize(
    "scores",
    [
        lambda x: np.where(x > 4, 5.0, 3.0),
        lambda x: np.clip(x.round(), 3, 5),
        lambda x: np.where(x > 3.5, 5.0, x),
    ],
    ids=["two scores", "three scores", "a ceiling"],
)
def test_scores_too_few_for_a_curve_are_said_to_be_and_stop_nothing(scores):
    plan, fitted = studied()
    model, straight = plan.models[plan.primary], fitted.fits[plan.primary]
    frame = straight.design.frame
    coarse = frame.assign(**{model.exposure: scores(frame[model.exposure].to_numpy())})
    fit = fit_rows(plan, model, build_formula(plan, model), coarse)
    found = find_shape(plan, replace(fitted, fits={plan.primary: fit}))
    readings = dict(zip(found.table.frame["check"], found.table.frame["reading"], strict=True))
    assert readings["two lines"] == "They could not be fitted."
    assert set(readings) == {"a curve", "two lines", "a threshold"}


def test_without_a_sound_fit_there_is_no_curve():
    plan, fitted = studied()
    unsound = replace(fitted.fits[plan.primary].convergence, status="not_converged")
    fit = replace(fitted.fits[plan.primary], convergence=unsound)
    found = find_shape(plan, replace(fitted, fits={plan.primary: fit}))
    assert found.series == ()
    assert found.table.frame.empty
