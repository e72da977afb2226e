"""Practitioners in groups: ranked, unnamed, never alone, and refused where they are few."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepvalue_stats.disclosure import Rules, protect
from deepvalue_stats.effects import average_effect
from deepvalue_stats.models import fit_gee, fit_multilevel
from deepvalue_stats.plan import parse_plan
from deepvalue_stats.study.colleagues import (
    FEWEST,
    NO_MODEL,
    NONE_DIFFER,
    NOT_SOUND,
    practitioner_effects_table,
    rank_chances,
)
from deepvalue_stats.study.fitting import Fitted

FORMULA = "y ~ x + (1 | practitioner)"


def people(practitioners=60, each=20, spread=0.8, seed=8):
    rng = np.random.default_rng(seed)
    n = practitioners * each
    frame = pd.DataFrame({"client": np.arange(n).astype("str"), "x": rng.normal(size=n)})
    frame["practitioner"] = [
        f"colleague {k:03d}" for k in np.repeat(np.arange(practitioners), each)
    ]
    own = np.repeat(rng.normal(size=practitioners), each)
    eta = -0.3 + 0.4 * frame["x"] + spread * own
    return frame.assign(y=(rng.random(n) < expit(eta)).astype(float))


@pytest.fixture(scope="module")
def frame():
    return people()


@pytest.fixture(scope="module")
def fit(frame):
    return fit_multilevel(FORMULA, frame)


@pytest.fixture
def plan(employment):
    return parse_plan(employment)


def table_of(plan, fit):
    return practitioner_effects_table(plan, Fitted({"main": fit}, fit, {}))


def test_groups_are_of_ten_or_more_in_the_order_of_their_estimates(plan, fit):
    table = table_of(plan, fit)
    assert list(table.frame["group"]) == [f"{k} of 6" for k in range(1, 7)]
    assert (table.frame["practitioners"] == 10).all()
    assert (table.frame["clients"] == 200).all()
    assert table.frame["chance"].is_monotonic_increasing
    assert (table.frame["low"] < table.frame["chance"]).all()
    assert (table.frame["chance"] < table.frame["high"]).all()
    assert table.frame["average"].nunique() == 1


def test_a_line_is_the_mean_over_its_group_of_chances_at_the_conditional_modes(plan, fit):
    modes = fit.conditional_modes("practitioner").sort_values("Intercept").head(10)
    eta = fit.design.matrix @ fit.params
    chances = [expit(eta + mode).mean() for mode in modes["Intercept"]]
    lows = [expit(eta + m - 1.959964 * s).mean() for m, s in modes.to_numpy()]
    line = table_of(plan, fit).frame.iloc[0]
    # rows are stood for by their quantiles
    assert line["chance"] == pytest.approx(100 * np.mean(chances), abs=0.02)
    assert line["low"] == pytest.approx(100 * np.mean(lows), abs=0.02)
    assert line["average"] == pytest.approx(100 * expit(eta).mean(), abs=0.02)


def test_no_name_no_single_estimate_and_neither_the_lowest_nor_the_highest_leaves(plan, fit):
    table = table_of(plan, fit)
    modes = fit.conditional_modes("practitioner")
    effects, errors = modes["Intercept"].to_numpy(), modes["Intercept_se"].to_numpy()
    single = rank_chances(fit, effects, errors).chance
    shown = table.frame["chance"].to_numpy()
    assert 100 * single.min() < shown.min() - 1
    assert 100 * single.max() > shown.max() + 1
    assert not any("colleague" in text for text in table.frame.astype("str").to_numpy().ravel())


def test_new_names_in_another_order_change_nothing(plan, frame, fit):
    codes, _ = pd.factorize(frame["practitioner"])
    renamed = frame.assign(practitioner=[f"p{(7 * code) % 60:02d}" for code in codes])
    shuffled = renamed.sample(frac=1, random_state=1).reset_index(drop=True)
    other = table_of(plan, fit_multilevel(FORMULA, shuffled)).frame
    mine = table_of(plan, fit).frame
    pd.testing.assert_frame_equal(other, mine, rtol=1e-4)


def test_at_most_ten_groups_however_many_practitioners(plan):
    found = table_of(plan, fit_multilevel(FORMULA, people(practitioners=130, each=11))).frame
    assert len(found) == 10
    assert (found["practitioners"] == 13).all()


def test_who_has_few_clients_is_left_out_and_too_few_are_refused(plan, frame):
    few = frame.groupby("practitioner").cumcount() < 9
    some = few | (frame["practitioner"] >= "colleague 025")
    kept = table_of(plan, fit_multilevel(FORMULA, frame[some].reset_index(drop=True)))
    assert kept.frame["practitioners"].sum() == 35
    some = few | (frame["practitioner"] >= "colleague 031")
    refused = table_of(plan, fit_multilevel(FORMULA, frame[some].reset_index(drop=True)))
    assert refused.frame.empty
    assert refused.notes == (
        "Fewer than 30 practitioners have 10 clients or more: any picture of their effects could "
        "point at one of them, so there is none.",
    )


def test_a_higher_threshold_makes_larger_groups(employment, fit):
    employment["disclosure"] = {"profile": "own", "threshold": 20, "rounding": 5}
    found = table_of(parse_plan(employment), fit).frame
    assert (found["practitioners"] == 20).all()
    employment["disclosure"] = {"profile": "open"}
    open_to_all = table_of(parse_plan(employment), fit).frame
    assert (open_to_all["practitioners"] == FEWEST).all()


def test_a_group_without_one_of_the_outcomes_is_hidden_by_the_gate(plan, fit):
    table = table_of(plan, fit)
    rare = table.evidence.copy()
    rare.loc[0, "clients"] = 3
    effects = average_effect(fit, "x")
    rules = Rules("acro", 10, 5)
    counts = (replace(table, evidence=rare),)
    cleared = protect(rules, effects=effects, counts=counts, series=())[0].counts[0]
    assert set(cleared.frame.loc[0, ["clients", "chance", "low", "high", "average"]]) == {"[c]"}
    assert "[c]" not in set(cleared.frame.loc[1])


def test_the_evidence_is_the_rarer_outcome_and_never_none(plan, frame):
    best = frame["practitioner"] < "colleague 010"
    all_or_nothing = frame.assign(y=np.where(best, 1.0, frame["y"]))
    table = table_of(plan, fit_multilevel(FORMULA, all_or_nothing))
    assert table.evidence["clients"].iloc[-1] < 20
    assert (table.evidence["clients"] >= 1).all()


def test_the_reason_stands_where_nothing_can_be_ranked(plan, frame, fit):
    gee = fit_gee("y ~ x", frame, group="practitioner")
    assert table_of(plan, gee).notes == (NO_MODEL,)
    alike = fit_multilevel(FORMULA, people(spread=0.0, seed=3))
    assert alike.convergence.singular
    assert table_of(plan, alike).notes == (NONE_DIFFER,)
    lost = replace(fit, convergence=replace(fit.convergence, status="not_converged"))
    assert table_of(plan, lost).notes == (NOT_SOUND,)
    few = fit_multilevel(FORMULA, people(practitioners=8, each=40))
    assert table_of(plan, few).notes == (NOT_SOUND,)


def test_where_slopes_differ_too_the_effect_is_that_at_the_mean_exposure(plan):
    frame = people(seed=4)
    frame["x"] += 5
    fit = fit_multilevel("y ~ x + (1 + x | practitioner)", frame)
    modes = fit.conditional_modes("practitioner")
    at_mean = np.sort((modes["Intercept"] + frame["x"].mean() * modes["x"]).to_numpy())
    eta = fit.design.matrix @ fit.params
    expected = np.mean([expit(eta + mode).mean() for mode in at_mean[:10]])
    line = table_of(plan, fit).frame.iloc[0]
    assert line["chance"] == pytest.approx(100 * expected, abs=0.02)
