"""Slopes at the neutral point and the harm ledger: laws, hand formulas, and what is not there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepvalue_stats.effects import Contrast, average_effect, harm_ledger, hinge, slopes_at_neutral
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_gee, fit_logit, fit_multilevel

NEUTRAL = 3.5
UNIT = Contrast("sd", 0.6)


def drawn(below=1.0, above=0.2, seed=1):
    """Clients of practitioners, with one slope of log odds below neutral and one above."""
    rng = np.random.default_rng(seed)
    n, each = 1500, 25
    score = np.clip(rng.normal(3.9, 0.6, n), 1, 5).round(2)
    away = score - NEUTRAL
    eta = -0.5 + below * np.minimum(away, 0) + above * np.maximum(away, 0)
    eta += np.repeat(0.3 * rng.standard_normal(n // each), each)
    return pd.DataFrame(
        {
            "y": (rng.random(n) < expit(eta)).astype(float),
            "score": score,
            "band": pd.Categorical(rng.choice(["low", "high"], n), categories=["low", "high"]),
            "practitioner": np.repeat(np.arange(n // each), each).astype(str),
            "client": np.arange(n).astype(str),
        }
    )


FORMULA = f"y ~ {hinge('score', NEUTRAL)} + C(band)"
FITS = {
    "logit": lambda frame: fit_logit(FORMULA, frame, cluster="practitioner"),
    "gee": lambda frame: fit_gee(FORMULA, frame, group="practitioner"),
    "multilevel": lambda frame: fit_multilevel(f"{FORMULA} + (1 | practitioner)", frame),
}


@pytest.fixture(scope="module", params=list(FITS))
def fit(request):
    return FITS[request.param](drawn())


def test_the_two_slopes_are_changes_of_the_mean_prediction_on_either_side(fit):
    table = slopes_at_neutral(fit, "score", NEUTRAL, contrast=UNIT).where(scale="risk_difference")
    frame, step = fit.design.frame, 1e-5
    values = {}
    for group, mask in (
        ("below neutral", frame["score"] < NEUTRAL),
        ("above neutral", frame["score"] > NEUTRAL),
    ):
        rows = frame[mask]
        up, down = (
            fit.predict(rows.assign(score=rows["score"] + sign * step)).mean() for sign in (1, -1)
        )
        values[group] = UNIT.size * (up - down) / (2 * step)
    assert not (frame["score"] == NEUTRAL).all()
    assert table.row(group="below neutral")["estimate"] == pytest.approx(
        values["below neutral"], rel=1e-5
    )
    # who stands exactly at neutral counts as above, with half of each slope
    found = table.row(group="above neutral")["estimate"]
    assert found == pytest.approx(values["above neutral"], rel=0.05)
    difference = table.row(group="below neutral minus above neutral")["estimate"]
    assert difference == pytest.approx(table.row(group="below neutral")["estimate"] - found)


def test_log_odds_below_neutral_are_the_coefficient_of_the_lower_side(fit):
    table = slopes_at_neutral(fit, "score", NEUTRAL, contrast=UNIT).where(scale="log_odds")
    lower = next(i for i, term in enumerate(fit.terms) if "<" in term)
    row = table.row(group="below neutral")
    assert row["estimate"] == pytest.approx(UNIT.size * fit.params[lower], rel=1e-6)
    error = np.sqrt(fit.interval_joint[len(fit.theta) + lower, len(fit.theta) + lower])
    assert row["std_error"] == pytest.approx(UNIT.size * error, rel=1e-6)


def test_the_difference_has_the_joint_error_of_both_sides(fit):
    table = slopes_at_neutral(fit, "score", NEUTRAL, contrast=UNIT).where(scale="log_odds")
    lower, upper = (
        next(i for i, term in enumerate(fit.terms) if side in term) for side in ("<", ">")
    )
    frame = fit.design.frame
    above = frame["score"] >= NEUTRAL
    at = (frame.loc[above, "score"] == NEUTRAL).mean()
    weights = np.zeros(len(fit.theta) + len(fit.params))
    k = len(fit.theta)
    weights[k + lower] = 1 - at / 2
    weights[k + upper] = -(1 - at / 2)
    error = UNIT.size * np.sqrt(weights @ fit.interval_joint @ weights)
    row = table.row(group="below neutral minus above neutral")
    assert row["std_error"] == pytest.approx(error, rel=1e-5)


def test_the_ledger_is_what_the_fit_predicts_for_clients_below(fit):
    frame = fit.design.frame
    below = frame[frame["score"] < NEUTRAL]
    table = harm_ledger(fit, "score", NEUTRAL, by="band")
    as_is = fit.predict(below).mean()
    moved = fit.predict(below.assign(score=NEUTRAL)).mean()
    rows = table.where(group="below neutral")
    assert rows.row(contrast="as is")["estimate"] == pytest.approx(as_is)
    assert rows.row(contrast="at 3.5")["estimate"] == pytest.approx(moved)
    gain = rows.row(scale="risk_difference")
    assert gain["estimate"] == pytest.approx(moved - as_is)
    excess = rows.row(scale="excess_failures")
    assert excess["estimate"] == pytest.approx(len(below) * (moved - as_is))
    assert excess["std_error"] == pytest.approx(len(below) * gain["std_error"])
    assert excess["n_clients"] == len(below)


def test_the_bands_of_the_ledger_add_up_to_all(fit):
    table = harm_ledger(fit, "score", NEUTRAL, by="band").where(scale="excess_failures").frame
    values = table.set_index("group")["estimate"]
    parts = values["low, below neutral"] + values["high, below neutral"]
    assert parts == pytest.approx(values["below neutral"])


def test_planted_slopes_are_inside_their_intervals_and_a_kink_is_found():
    """Over six services the planted log odds; nearly all of them show that the slopes differ."""
    found = 0
    for seed in range(1, 7):
        fit = FITS["multilevel"](drawn(1.6, 0.0, seed))
        table = slopes_at_neutral(fit, "score", NEUTRAL, contrast=UNIT)
        below = table.row(scale="log_odds", group="below neutral")
        away = abs(below["estimate"] - UNIT.size * 1.6) / below["std_error"]
        assert away < 3
        differ = table.row(scale="log_odds", group="below neutral minus above neutral")
        found += differ["p_value"] < 0.05
    assert found >= 4


def test_a_straight_line_shows_no_kink():
    level = slopes_at_neutral(FITS["logit"](drawn(0.4, 0.4)), "score", NEUTRAL, contrast=UNIT)
    where = {"scale": "log_odds", "group": "below neutral minus above neutral"}
    assert level.row(**where)["p_value"] > 0.05


def test_without_a_kink_both_slopes_are_near_the_one_of_a_straight_model():
    frame = drawn(0.4, 0.4)
    line = fit_logit("y ~ score + C(band)", frame, cluster="practitioner")
    whole = average_effect(line, "score", contrast=UNIT).row()["estimate"]
    table = slopes_at_neutral(FITS["logit"](frame), "score", NEUTRAL, contrast=UNIT)
    table = table.where(scale="risk_difference").frame.set_index("group")
    low, high = table.loc["below neutral"], table.loc["above neutral"]
    assert min(low["conf_low"], high["conf_low"]) < whole < max(low["conf_high"], high["conf_high"])


def test_nobody_below_neutral_is_refused_and_has_no_slope():
    frame = drawn().query("score > 3.5").reset_index(drop=True)
    fit = fit_logit("y ~ score", frame, cluster="practitioner")
    with pytest.raises(ModelError, match="no client of the fit is below the neutral point"):
        harm_ledger(fit, "score", NEUTRAL)
    table = slopes_at_neutral(fit, "score", NEUTRAL, contrast=UNIT).frame
    assert set(table["status"]) == {"not_converged"}


def test_a_fit_that_did_not_settle_has_no_numbers(fit):
    lost = replace(fit, convergence=replace(fit.convergence, status="not_converged"))
    for table in (
        slopes_at_neutral(lost, "score", NEUTRAL, contrast=UNIT),
        harm_ledger(lost, "score", NEUTRAL),
    ):
        assert table.frame["estimate"].isna().all()
        assert set(table.frame["status"]) == {"not_converged"}
