"""Effects: average derivatives by hand, group by group, and what an interval may and may not be."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepvalue_stats.effects import (
    POINT,
    Contrast,
    adjust,
    average_effect,
    benjamini_hochberg,
    holm,
    per_sd,
    predicted_curve,
)
from deepvalue_stats.equity import effect_by_confidence
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import BAND
from deepvalue_stats.models import fit_logit
from deepvalue_stats.tables import EFFECT_COLUMNS, stack

LEVELS = ["low", "mid", "high"]


def people(n=400, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"client": np.arange(n).astype("str"), "x": rng.normal(3, 0.8, size=n)})
    frame["age"] = rng.normal(40, 10, size=n)
    frame["practitioner"] = rng.choice(["P", "Q", "R", "S", "T"], size=n)
    frame[BAND] = pd.Categorical(rng.choice(LEVELS, p=[0.5, 0.2, 0.3], size=n), LEVELS)
    strength = frame[BAND].map({"low": 0.9, "mid": 0.5, "high": 0.1}).astype(float)
    odds = -0.5 + strength * (frame["x"] - 3) + 0.02 * (frame["age"] - 40)
    return frame.assign(y=(rng.random(n) < expit(odds)).astype(float))


DATA = people()


def fitted(formula, data=DATA):
    return fit_logit(formula, data, cluster="client")


def effect(fit, exposure="x", **options):
    return average_effect(fit, exposure, **options).frame


# --- the average derivative ----------------------------------------------------------------------


def test_without_interactions_it_is_the_mean_slope_times_the_coefficient():
    fit = fitted("y ~ x + age")
    p = fit.predict()
    row = effect(fit, contrast="point").iloc[0]
    assert row["estimate"] == pytest.approx(np.mean(p * (1 - p)) * fit.params[1], rel=1e-9)


def test_its_standard_error_is_the_delta_method_written_out():
    fit = fitted("y ~ x + age")
    p, matrix = fit.predict(), fit.design.matrix
    gradient = (fit.params[1] * p * (1 - p) * (1 - 2 * p)) @ matrix / len(p)
    gradient[1] += np.mean(p * (1 - p))
    by_hand = np.sqrt(gradient @ fit.covariance @ gradient)
    row = effect(fit, contrast="point").iloc[0]
    assert row["std_error"] == pytest.approx(by_hand, rel=1e-8)
    z = 1.959963984540054
    assert row["conf_low"] == pytest.approx(row["estimate"] - z * by_hand, rel=1e-7)
    assert row["conf_high"] == pytest.approx(row["estimate"] + z * by_hand, rel=1e-7)


CURVED = {
    "a polynomial": "y ~ x + I(x**2) + age",
    "an interaction": f"y ~ x * C({BAND}) + age",
    "an interaction of numbers": "y ~ x * age",
    "a spline": "y ~ cr(x, df=4, constraints='center') + age",
}


@pytest.mark.parametrize("formula", CURVED.values(), ids=CURVED)
def test_with_curves_and_interactions_every_row_is_moved_and_predicted_anew(formula):
    fit = fitted(formula)
    step = 1e-5
    up = fit.predict(DATA.assign(x=DATA["x"] + step)).mean()
    down = fit.predict(DATA.assign(x=DATA["x"] - step)).mean()
    row = effect(fit, contrast="point").iloc[0]
    assert row["estimate"] == pytest.approx((up - down) / (2 * step), rel=1e-5)


def test_differentiating_by_the_columns_name_would_be_wrong_and_is_not_done():
    for formula in list(CURVED.values())[:3]:
        fit = fitted(formula)
        p = fit.predict()
        column_wise = np.mean(p * (1 - p)) * fit.params[fit.terms.index("x")]
        assert abs(column_wise - effect(fit, contrast="point")["estimate"][0]) > 0.01


def test_log_odds_rows_are_the_coefficients_where_there_is_one():
    fit = fitted("y ~ x + age")
    row = effect(fit, contrast="point", scale="log_odds").iloc[0]
    assert row["estimate"] == pytest.approx(fit.params[1], rel=1e-9)
    assert row["std_error"] == pytest.approx(fit.bse[1], rel=1e-9)
    assert (row["unit"], row["null_value"]) == ("log odds", 0)


def test_log_odds_by_group_are_sums_of_coefficients():
    fit = fitted(f"y ~ x * C({BAND})")
    found = effect(fit, contrast="point", scale="log_odds", by=BAND).set_index("group")
    names = dict(zip(fit.terms, fit.params, strict=True))
    step = {level: names.get(f"x:C({BAND})[T.{level}]", 0.0) for level in LEVELS}
    for level in LEVELS:
        expected = names["x"] + step[level]
        assert found.loc[level, "estimate"] == pytest.approx(expected, rel=1e-8)
    assert found.loc["low", "std_error"] == pytest.approx(fit.bse[fit.terms.index("x")], rel=1e-8)


def test_per_sd_is_per_point_times_the_sd_of_the_fits_own_rows():
    fit = fitted("y ~ x + age")
    point, sd = effect(fit, contrast="point").iloc[0], effect(fit, contrast="sd").iloc[0]
    size = DATA["x"].std(ddof=1)
    for name in ("estimate", "std_error", "conf_low", "conf_high"):
        assert sd[name] == pytest.approx(size * point[name], rel=1e-9)
    assert sd["p_value"] == pytest.approx(point["p_value"], rel=1e-9)
    assert sd["estimand"] == f"average derivative x 1 SD ({size:.3f} points)"
    half = effect(fit, contrast=Contrast("sd", size / 2)).iloc[0]
    assert half["estimate"] == pytest.approx(sd["estimate"] / 2, rel=1e-9)


# --- by group ------------------------------------------------------------------------------------


def test_a_group_is_averaged_over_its_own_rows_and_counted_by_them():
    fit = fitted(f"y ~ x * C({BAND}) + age")
    found = effect(fit, contrast="point", by=BAND).set_index("group")
    assert list(found.index) == LEVELS
    step = 1e-5
    for level in LEVELS:
        mine = DATA[DATA[BAND] == level]
        up = fit.predict(mine.assign(x=mine["x"] + step)).mean()
        down = fit.predict(mine.assign(x=mine["x"] - step)).mean()
        expected = (up - down) / (2 * step)
        assert found.loc[level, "estimate"] == pytest.approx(expected, rel=1e-5)
        assert found.loc[level, "n_obs"] == len(mine)
        assert found.loc[level, "n_practitioners"] == mine["practitioner"].nunique()


def test_the_effect_for_all_is_the_mean_of_the_groups_weighted_by_rows():
    fit = fitted(f"y ~ x * C({BAND}) + age")
    groups = effect(fit, by=BAND)
    weighted = np.average(groups["estimate"], weights=groups["n_obs"].astype(float))
    assert effect(fit)["estimate"][0] == pytest.approx(weighted, rel=1e-9)


def gradient_of(fit, level):
    """How the effect of one group moves with each coefficient, by finite differences."""
    columns = []
    for k in range(len(fit.params)):
        step = np.zeros(len(fit.params))
        step[k] = 1e-5
        moved = [replace(fit, params=fit.params + sign * step) for sign in (1, -1)]
        up, down = (
            effect(one, contrast="point", by=BAND).set_index("group").loc[level, "estimate"]
            for one in moved
        )
        columns.append((up - down) / 2e-5)
    return np.array(columns)


def test_a_difference_of_groups_has_its_error_from_the_whole_covariance():
    fit = fitted(f"y ~ x * C({BAND}) + age")
    table = effect(fit, contrast="point", by=BAND, reference="high").set_index("group")
    assert list(table.index) == [*LEVELS, "low minus high", "mid minus high"]
    difference = table.loc["low", "estimate"] - table.loc["high", "estimate"]
    assert table.loc["low minus high", "estimate"] == pytest.approx(difference, rel=1e-9)
    gradient = gradient_of(fit, "low") - gradient_of(fit, "high")
    by_hand = np.sqrt(gradient @ fit.covariance @ gradient)
    assert table.loc["low minus high", "std_error"] == pytest.approx(by_hand, rel=1e-5)
    apart = np.hypot(table.loc["low", "std_error"], table.loc["high", "std_error"])
    assert abs(by_hand / apart - 1) > 1e-3, "as if the groups were two studies"
    both = DATA[DATA[BAND].isin(["low", "high"])]
    assert table.loc["low minus high", "n_clients"] == both["client"].nunique()


def test_effect_by_confidence_is_the_effect_by_band_and_its_differences():
    fit = fitted(f"y ~ x * C({BAND})")
    found = effect_by_confidence(fit, "x", contrast=POINT, reference="high").frame
    expected = effect(fit, contrast=POINT, by=BAND, reference="high")
    pd.testing.assert_frame_equal(found, expected)
    assert found["n_obs"][:3].sum() == len(DATA)


def test_a_reference_that_has_no_row_is_refused():
    fit = fitted("y ~ x")
    with pytest.raises(ModelError, match="the reference group has no row in the fit"):
        average_effect(fit, "x", by=BAND, reference="highest")


@pytest.mark.parametrize("by", [None, BAND])
def test_people_are_counted_once_each_with_the_outcomes_that_they_had(by):
    twice = pd.concat([DATA, DATA.assign(y=1 - DATA["y"], x=DATA["x"] + 0.1)], ignore_index=True)
    table = average_effect(fit_logit("y ~ x", twice, cluster="client"), "x", by=by)
    frame = table.frame.assign(**table.evidence)
    assert frame["n_obs"].sum() == 800
    assert frame["n_clients"].sum() == 400
    assert (frame["events"] == frame["n_clients"]).all()
    assert (frame["non_events"] == frame["n_clients"]).all()


# --- refusals and doubts -------------------------------------------------------------------------


def test_an_exposure_that_is_not_there_or_does_not_vary_is_refused():
    fit = fitted("y ~ age", DATA.assign(flat=2.0))
    with pytest.raises(ModelError, match="the fit has no column 'rapport'"):
        average_effect(fit, "rapport")
    with pytest.raises(ModelError, match="'flat' is the same in all 400 rows"):
        average_effect(fit, "flat")
    with pytest.raises(ModelError, match="the same in all 1 rows"):
        per_sd(pd.Series([3.0], name="x"))


def test_a_fit_that_did_not_converge_gives_rows_without_numbers():
    fit = fitted(f"y ~ x * C({BAND})", DATA.assign(y=(DATA["x"] > 3).astype(float)))
    assert fit.convergence.status == "not_converged"
    table = effect(fit, by=BAND, reference="high")
    assert list(table["status"]) == ["not_converged"] * 5
    numbers = ["estimate", "std_error", "dof", "conf_low", "conf_high", "p_value", "p_adjusted"]
    assert table[numbers].isna().all(axis=None)
    assert predicted_curve(fit, "x", by=BAND).frame.empty


def test_every_row_is_complete_in_itself():
    table = effect(fitted("y ~ x"))
    assert tuple(table.columns) == EFFECT_COLUMNS
    row = table.iloc[0]
    told = row[["outcome", "exposure", "scale", "contrast", "group", "unit", "status"]]
    assert list(told) == ["y", "x", "risk_difference", "sd", "all", "probability", "ok"]
    assert (row["n_obs"], row["n_clients"], row["n_practitioners"]) == (400, 400, 5)
    assert row["dof"] == np.inf


# --- the curve -----------------------------------------------------------------------------------


@pytest.mark.parametrize("formula", [CURVED["an interaction"], CURVED["a spline"]])
def test_a_curve_is_the_mean_prediction_with_every_member_at_each_exposure(formula):
    fit = fitted(formula)
    curve = predicted_curve(fit, "x", by=BAND, points=5).frame
    mean, reach = DATA["x"].mean(), 1.645 * DATA["x"].std()
    for level in LEVELS:
        mine, line = DATA[DATA[BAND] == level], curve[curve["group"] == level]
        np.testing.assert_allclose(line["x"], np.linspace(mean - reach, mean + reach, 5))
        by_hand = [fit.predict(mine.assign(x=x)).mean() for x in line["x"]]
        np.testing.assert_allclose(line["y"], by_hand, rtol=1e-12)
        assert (line["n_clients"] == len(mine)).all()


def test_a_curve_does_not_leave_the_bounds_of_the_score():
    curve = predicted_curve(fitted("y ~ x"), "x", bounds=(2.5, 4.0), points=4).frame
    np.testing.assert_allclose(curve["x"], [2.5, 3.0, 3.5, 4.0])


def test_a_curves_interval_stays_inside_zero_and_one_where_a_symmetric_one_would_not():
    rng = np.random.default_rng(1)
    rare = DATA.assign(y=(rng.random(len(DATA)) < 0.01).astype(float))
    fit = fitted("y ~ x", rare)
    assert fit.convergence.status == "ok"
    curve = predicted_curve(fit, "x").frame
    assert ((curve["low"] > 0) & (curve["low"] < curve["y"])).all()
    assert ((curve["high"] < 1) & (curve["high"] > curve["y"])).all()
    assert (curve["y"] - (curve["high"] - curve["y"]) < 0).any()


def test_a_curves_interval_is_the_delta_method_on_the_logit_scale():
    """With one predictor and no covariate the logit of the mean is the predictor itself."""
    fit = fitted("y ~ x")
    curve = predicted_curve(fit, "x", points=3).frame
    for row in curve.itertuples():
        z = np.array([1.0, row.x])
        half = 1.959963984540054 * np.sqrt(z @ fit.covariance @ z)
        bounds = expit(z @ fit.params + np.array([-half, half]))
        np.testing.assert_allclose([row.low, row.high], bounds, rtol=1e-9)


# --- several looks -------------------------------------------------------------------------------


def test_holm_and_benjamini_hochberg_worked_by_hand():
    """Holm: .01 x 3, .02 x 2, .03 x 1 made monotone. BH: .01 x 3/1, .02 x 3/2, .03 x 3/3."""
    p = np.array([0.03, 0.01, 0.02])
    np.testing.assert_allclose(holm(p), [0.04, 0.03, 0.04])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.03, 0.03, 0.03])
    np.testing.assert_allclose(holm(np.array([0.5, 0.9])), [1, 1])


@pytest.mark.parametrize(("family", "rule"), [("exploratory", "Benjamini-Hochberg"), ("confirmatory", "Holm")])  # fmt: skip  # noqa: E501
def test_only_members_of_the_family_pay_for_it_and_it_is_named_with_its_size(family, rule):
    table = stack([average_effect(fitted("y ~ x"), "x", contrast=c) for c in ("sd", "point")])
    table = stack([table, average_effect(fitted("y ~ age"), "age")])
    adjusted = adjust(table, family, np.array([True, False, True])).frame
    assert list(adjusted["family"]) == [f"{family}: {rule} over 2", "", f"{family}: {rule} over 2"]
    assert list(adjusted["p_adjusted"].isna()) == [False, True, False]
    method = {"exploratory": benjamini_hochberg, "confirmatory": holm}[family]
    expected = method(table.frame["p_value"].to_numpy()[[0, 2]])
    np.testing.assert_array_equal(adjusted["p_adjusted"].dropna(), expected)


@pytest.mark.parametrize("variance", [0.0, np.nan])
def test_without_a_standard_error_there_is_no_number_at_all(variance):
    fit = fit_logit("y ~ x + age", DATA, cluster="practitioner")
    broken = replace(fit, covariance=np.full_like(fit.covariance, variance))
    row = average_effect(broken, "x").frame.iloc[0]
    assert row["status"] == "not_converged"
    assert row[["estimate", "conf_low", "conf_high", "p_value"]].isna().all()
