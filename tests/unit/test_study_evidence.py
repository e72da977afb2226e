"""Facts by which claims are judged, variants of the main model, what would change the answer."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from deepvalue_stats.bench.samples import bench_parameters, samples_of
from deepvalue_stats.effects import average_effect
from deepvalue_stats.equity import concentration_index, ridits
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import build_formula
from deepvalue_stats.plan.optional import Across
from deepvalue_stats.plan.parts import Attribute, Sensitivity
from deepvalue_stats.simulate import analysis_table, draw_service
from deepvalue_stats.study import estimate_effects
from deepvalue_stats.study.estimating import primary_sd
from deepvalue_stats.study.evidence import _one_way, gather_evidence
from deepvalue_stats.study.fitting import Fitted, fit_rows, fit_variant
from deepvalue_stats.study.stressing import sensitivity_table, stress
from deepvalue_stats.study.tabulating import figure_series
from deepvalue_stats.study.variants import (
    ACROSS,
    ALSO,
    HINGED,
    SPLIT,
    SURFACE,
    UNEQUAL,
    variant_name,
    variants_of,
)


@lru_cache
def sample():
    table = analysis_table(draw_service(bench_parameters("claim_true"), 2))
    return next(iter(samples_of("claim_true", table)))[1]


@lru_cache
def studied():
    """A study of one service with every variant that dates give cause for."""
    one = sample()
    variants = {
        name: fit_variant(one._prepared, variant) for name, variant in variants_of(one.plan).items()
    }
    fitted = Fitted({one.plan.primary: one.primary}, one.banded, {}, variants)
    return one.plan, fitted, estimate_effects(one.plan, fitted)


def test_the_reliability_of_equal_groups_is_that_of_an_analysis_of_variance():
    rng = np.random.default_rng(1)
    groups = rng.standard_normal((12, 1)) + rng.standard_normal((12, 7))
    f = stats.f_oneway(*groups).statistic
    icc1, icc2 = _one_way(groups.ravel(), np.repeat(np.arange(12), 7))
    assert icc1 == pytest.approx((f - 1) / (f + 6))
    assert icc2 == pytest.approx(1 - 1 / f)


def test_groups_that_do_not_differ_have_no_reliability():
    values = np.tile([1.0, 2.0, 3.0], 5)
    assert _one_way(values, np.repeat(np.arange(5), 3)) == (0.0, 0.0)


def test_the_variants_are_those_that_the_plan_gives_cause_for():
    plan = sample().plan
    assert set(variants_of(plan)) == {HINGED, SURFACE, SPLIT, UNEQUAL}
    exposure = plan.models[plan.primary].exposure
    plain = plan.measures[exposure].model_copy(update={"neutral": None})
    without = plan.model_copy(update={"measures": {**plan.measures, exposure: plain}})
    assert set(variants_of(without)) == {SURFACE, SPLIT, UNEQUAL}
    areas = plan.model_copy(update={"across": Across(by="area")})
    assert ACROSS in variants_of(areas)
    assert variant_name(areas, ACROSS) == "main x area"


@lru_cache
def attributed():
    """The same study with two further attributes: bands of a number, and a category."""
    one = sample()
    also = {
        "months_out": Attribute(bands={"recent": 0, "long": 12}, reference="recent"),
        "ward": Attribute(reference="north"),
    }
    equity = one.plan.equity.model_copy(update={"also": also})
    plan = one.plan.model_copy(update={"equity": equity})
    linked = one._prepared.linked
    wards = np.where(np.arange(len(linked.frame)) % 3 == 0, "north", "south")
    prepared = replace(one._prepared, plan=plan, linked=linked.with_columns(ward=wards))
    fits = {
        name: fit_variant(prepared, variant)
        for name, variant in variants_of(plan).items()
        if name.startswith(ALSO)
    }
    fitted = Fitted({plan.primary: one.primary}, one.banded, {}, fits)
    return plan, fitted, estimate_effects(plan, fitted)


@pytest.mark.parametrize(
    ("attribute", "groups"), [("months_out", ["recent", "long"]), ("ward", ["north", "south"])]
)
def test_a_further_attribute_is_compared_as_confidence_is(attribute, groups):
    plan, fitted, effects = attributed()
    name, fit = f"{plan.primary} x {attribute}", fitted.variants[f"{ALSO}{attribute}"]
    unit = average_effect(fitted.fits[plan.primary], "relationship").frame["estimand"].iloc[0]
    table = effects.where(model=name)
    steep = table.where(scale="risk_difference", contrast="sd").frame.set_index("group")
    label, other = attribute.replace("_", " "), groups[1]
    assert list(steep.index) == [
        f"{label}: {group}" for group in (*groups, f"{other} minus {groups[0]}")
    ]
    column = f"{attribute}__group" if attribute == "months_out" else attribute
    alone = average_effect(fit, "relationship", contrast=primary_sd(plan, fitted), by=column)
    assert steep["estimate"].iloc[:2].tolist() == alone.frame["estimate"].tolist()
    assert (steep["estimand"] == unit).all()
    # a group by itself is not tested, and their difference pays for all looks of the study
    assert steep["p_value"].isna().tolist() == [True, True, False]
    assert steep["p_adjusted"].iloc[2] >= steep["p_value"].iloc[2]
    parts = table.where(scale="gap").frame.set_index("contrast")["estimate"]
    assert parts["gap"] == pytest.approx(parts["access"] + parts["returns"] + parts["rest"])
    assert len(table.where(scale="interaction_contrast")) == 1


def test_an_attribute_without_its_group_of_reference_is_refused():
    one = sample()
    also = {"months_out": Attribute(bands={"a": 0, "never": 5_000}, reference="never")}
    plan = one.plan.model_copy(update={"equity": one.plan.equity.model_copy(update={"also": also})})
    variant = variants_of(plan)[f"{ALSO}months_out"]
    with pytest.raises(ModelError, match="no row of the model is in the group of reference"):
        fit_variant(replace(one._prepared, plan=plan), variant)


def test_missed_outcomes_are_counted_where_an_audit_says_how_many():
    one = sample()
    link = one.plan.links["outcomes"]
    audit = {"low": (60, 100), "mid": (80, 100), "high": (100, 100)}
    links = {"outcomes": link.model_copy(update={"recall": audit})}
    plan = one.plan.model_copy(update={"links": links})
    fitted = Fitted({plan.primary: one.primary}, one.banded, {})
    effects, without = estimate_effects(plan, fitted), estimate_effects(one.plan, fitted)
    found = effects.where(model="main, missed outcomes counted", contrast="sd").frame
    assert list(found["group"]) == [
        "all", "low", "mid", "high", "low minus high", "mid minus high",
    ]  # fmt: skip
    assert without.where(model="main, missed outcomes counted").frame.empty
    # where six of ten are found, the difference among all is nearly twice as large
    seen = without.row(model="main x confidence", group="low", contrast="sd",
                       scale="risk_difference")  # fmt: skip
    low = found.set_index("group").loc["low"]
    assert 1.3 < low["estimate"] / seen["estimate"] < 2.1
    assert low["std_error"] > 1.3 * seen["std_error"]
    table = sensitivity_table(plan, fitted, effects, stress(plan, fitted)).frame
    told = table[table["check"] == "outcomes that the link missed"]
    assert list(told["what"]) == [
        f"difference per 100 clients, {whom}"
        for whom in ("all clients", "low minus high", "mid minus high")
    ]


def test_inequality_is_measured_of_outcomes_and_of_relationships():
    _, fitted, effects = studied()
    found = effects.where(model="outcomes along confidence").frame
    assert list(found["scale"]) == [
        "slope_index", "relative_index", "concentration_index", "erreygers_index",
        "erreygers_index",
    ]  # fmt: skip
    frame = fitted.variants[UNEQUAL].design.frame
    for row, name, bounds in ((3, "job_entry", (0.0, 1.0)), (4, "relationship", (1.0, 5.0))):
        known = concentration_index(
            frame[name].to_numpy(dtype="float64"), ridits(frame["confidence"].to_numpy()),
            bounds=bounds, clusters=pd.factorize(frame["practitioner"])[0],
        )  # fmt: skip
        assert found["estimate"].iloc[row] == pytest.approx(known.erreygers)
        errors = found["std_error"].iloc[row] / known.std_error
        assert errors == pytest.approx(known.erreygers / known.index)
    # confidence is in the ranks, and adjusting for it as well would leave nothing to measure
    assert "confidence" not in fitted.variants[UNEQUAL].terms


def test_the_effect_along_confidence_is_drawn_from_the_same_model():
    plan, fitted, effects = studied()
    evidence = gather_evidence(plan, fitted, effects, sample().linked)
    series = {one.name: one for one in figure_series(plan, fitted, evidence)}
    frame = series["surface"].frame
    values = fitted.variants[SURFACE].design.frame["confidence"]
    assert frame["x"].iloc[[0, -1]].tolist() == values.quantile([0.1, 0.9]).tolist()
    rows = effects.where(model=variant_name(plan, SURFACE)).frame
    assert frame["y"].iloc[[0, -1]].tolist() == pytest.approx(
        rows["estimate"].iloc[[0, 2]].tolist()
    )
    assert (series["surface"].evidence["events"] > 0).all()


def test_every_claim_has_its_row():
    plan, _, effects = studied()
    claimed = effects.frame[effects.frame["claim"] != ""].set_index("claim")
    assert list(claimed.index) == ["C1", "C2", "C3"]
    assert claimed.loc["C3", "group"] == "below neutral"
    assert set(claimed["contrast"]) == {"sd"}
    assert set(claimed["scale"]) == {"risk_difference"}
    assert plan.verdicts.claims == ("C1", "C2", "C3")


def test_the_parts_within_and_between_stand_beside_the_whole():
    plan, _, effects = studied()
    rows = effects.where(model=variant_name(plan, SPLIT)).frame
    assert list(rows["exposure"]) == ["relationship_within", "relationship_between"]


def test_no_band_and_no_value_of_confidence_has_a_p_value_of_its_own():
    plan, _, effects = studied()
    frame = effects.frame
    alone = frame["group"].isin(list(plan.equity.bands))
    alone |= frame["group"].str.contains("percentile")
    assert frame.loc[alone, "p_value"].isna().all()


def test_the_evidence_says_what_the_rows_say():
    plan, fitted, effects = studied()
    one = sample()
    found = gather_evidence(plan, fitted, effects, one.linked)
    frame = one.primary.design.frame
    assert found.at_top == pytest.approx((frame["relationship"] >= 5).mean())
    assert found.near_top == pytest.approx((frame["relationship"] >= 4.6).mean())
    assert found.sanctions == "adjusted"
    means = frame.groupby("practitioner")[["sanction_rate", "relationship"]].mean()
    assert found.sanctions_correlation == pytest.approx(means.corr().iloc[0, 1])
    assert found.unlinked == "no_event"
    assert found.clustered
    assert 0.8 < found.within_share <= 1
    assert found.n_clients == frame["client"].nunique()
    assert found.claims == {}
    shape = effects.where(group="below neutral minus above neutral", scale="risk_difference")
    assert found.shape_p == shape.row()["p_value"]


@pytest.mark.parametrize(
    ("singular", "doubtful", "told"), [(True, False, ""), (True, True, "m"), (False, True, "m")]
)
def test_groups_that_do_not_differ_are_an_answer_and_no_doubt(singular, doubtful, told):
    plan, fitted, effects = studied()
    fit = fitted.fits[plan.primary]
    convergence = replace(fit.convergence, singular=singular, message="m")
    laplace = replace(fit.laplace, doubtful=doubtful)
    other = replace(
        fitted, fits={plan.primary: replace(fit, convergence=convergence, laplace=laplace)}
    )
    assert gather_evidence(plan, other, effects, sample().linked).quadrature_doubt == told


def test_claims_beyond_the_data_come_with_their_reason():
    plan, fitted, effects = studied()
    verdicts = plan.verdicts.model_copy(update={"claims": tuple(f"C{i}" for i in range(1, 9))})
    asked = plan.model_copy(update={"verdicts": verdicts})
    found = gather_evidence(asked, fitted, effects, sample().linked).claims
    assert set(found) == {"C4", "C5", "C6", "C7", "C8"}
    without = replace(fitted, variants={})
    assert "C3" in gather_evidence(asked, without, effects, sample().linked).claims


def test_who_was_rated_is_compared_within_bands():
    """An outcome that hangs on confidence alone does not differ between rated and unrated."""
    plan, fitted, effects = studied()
    linked = sample().linked.copy()
    low = linked["confidence"] < 2
    outcome = plan.models[plan.primary].outcome
    linked[outcome] = low.astype(float)
    found = gather_evidence(plan, fitted, effects, linked).rated_differs
    assert found["a job within a year"] == pytest.approx(0.0, abs=1e-9)
    assert abs(found["confidence"]) > 0.1


def test_the_units_that_weigh_most_bound_the_estimates_without_any_single_one():
    plan, fitted, _ = studied()
    fit, model = sample().primary, plan.models[plan.primary]
    frame = fit.design.frame
    unit = average_effect(fit, "relationship").row()
    size = frame["relationship"].std()
    formula = build_formula(plan, model)
    every = []
    for name in frame["practitioner"].unique():
        rows = frame[frame["practitioner"] != name].reset_index(drop=True)
        less = fit_rows(plan, model, formula, rows)
        one = average_effect(less, "relationship", contrast="point").row()["estimate"]
        every.append(size * one)
    found = stress(plan, fitted)
    low, high = found.without["practitioner"]
    assert (low, high) == pytest.approx((min(every), max(every)), rel=1e-6)
    assert low < unit["estimate"] < high


def test_a_plan_may_ask_for_less():
    plan, fitted, _ = studied()
    asked = Sensitivity(benchmark=("age",), leave_one_out=())
    found = stress(plan.model_copy(update={"sensitivity": asked}), fitted)
    assert (found.without, set(found.factors)) == ({}, {"age"})


def test_the_table_of_checks_has_the_e_value_of_the_printed_ratio():
    plan, fitted, effects = studied()
    table = sensitivity_table(plan, fitted, effects, stress(plan, fitted)).frame
    ratio, strength = table.iloc[0], table.iloc[1]
    assert strength["value"] == pytest.approx(
        ratio["value"] + np.sqrt(ratio["value"] * (ratio["value"] - 1))
    )
    factors = table[table["check"] == "a measured covariate left out"]
    assert (factors["value"] >= 1).all()
    assert factors["value"].is_monotonic_decreasing
    assert pd.Series(table["check"]).str.startswith("one practitioner").sum() == 1


def test_what_the_main_model_may_not_show_its_checks_may_not_show():
    plan, fitted, effects = studied()
    frame = effects.frame.copy()
    hidden = frame["model"] == plan.primary
    numbers = ["estimate", "std_error", "dof", "conf_low", "conf_high", "p_value", "p_adjusted"]
    frame.loc[hidden, numbers] = np.nan
    frame.loc[hidden, "status"] = "failed_gate"
    shown = replace(effects, frame=frame)
    assert sensitivity_table(plan, fitted, shown, stress(plan, fitted)).frame.empty
