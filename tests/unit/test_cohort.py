"""The cohort of power studies: a large draw has what was declared, by means of its own."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate.cohort import Cohort, cohort_truth, draw_cohort, outcome_model

DECLARED = Cohort(
    practitioners=4000,
    clients_per_practitioner=100,
    caseload_cv=0.4,
    base_rate=0.25,
    icc=0.03,
    effect=0.04,
    low_minus_reference=0.03,
    damage=0.03,
    neutral_share=0.2,
    exposure_icc=0.1,
    reliability=0.8,
    attrition=0.2,
    match_rate=0.9,
    bands=(("low", 0.3), ("mid", 0.3), ("high", 0.4)),
)
STEP = 1e-4


def slope(frame, y, x="true_exposure"):
    """Cov / Var: of a normal exposure the average derivative, whatever the curve (Stein 1981)."""
    return np.cov(frame[x], frame[y])[0, 1] / frame[x].var()


def analysis_of_variance(values, groups):
    by = values.groupby(groups)
    n, mean = by.size(), by.mean()
    between = (n * (mean - values.mean()) ** 2).sum() / (len(n) - 1)
    within = ((values - by.transform("mean")) ** 2).sum() / (n.sum() - len(n))
    usual = (n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)
    return (between - within) / (between + (usual - 1) * within)


@pytest.fixture(scope="module")
def large():
    return draw_cohort(DECLARED, np.random.default_rng(1))


def test_rates_are_the_declared_over_all_and_in_every_band(large):
    assert large["chance"].mean() == pytest.approx(0.25, abs=0.004)
    assert large.groupby("band", observed=True)["chance"].mean().tolist() == pytest.approx(
        [0.25] * 3, abs=0.005
    )


def test_the_difference_in_risk_a_standard_deviation_is_the_declared(large):
    assert slope(large, "chance") == pytest.approx(0.04, abs=0.001)
    low, mid, high = (slope(part, "chance") for _, part in large.groupby("band", observed=True))
    assert low - high == pytest.approx(0.03, abs=0.003)
    assert mid - high == pytest.approx(0.015, abs=0.003)


def test_potential_outcomes_a_little_further_on_have_the_declared_effect_and_damage(large):
    model, band = outcome_model(DECLARED), large["band"].cat.codes.to_numpy()
    own, at = large["own"].to_numpy(), large["true_exposure"].to_numpy()
    rise = model.chance(at + STEP, band, own) - model.chance(at - STEP, band, own)
    rise /= 2 * STEP
    below = at < model.neutral
    assert rise.mean() == pytest.approx(0.04, abs=0.0005)
    assert rise[below].mean() - rise[~below].mean() == pytest.approx(0.03, abs=0.001)


def test_what_an_analysis_aims_at_is_what_endless_rows_show(large):
    truth = cohort_truth(DECLARED)
    assert slope(large, "outcome", "exposure") == pytest.approx(truth.effect, abs=0.002)
    assert truth.effect == pytest.approx(0.04 * np.sqrt(0.8) * 0.9)
    means = large.groupby("practitioner")[["exposure", "outcome"]].transform("mean")
    inner = large[["exposure", "outcome"]] - means
    assert slope(inner, "outcome", "exposure") == pytest.approx(truth.within, abs=0.002)


def test_shares_of_bands_links_rows_and_scores_below_neutral(large):
    assert large["band"].value_counts(normalize=True)["high"] == pytest.approx(0.4, abs=0.003)
    assert large["complete"].mean() == pytest.approx(0.8, abs=0.003)
    found = large["outcome"].sum() / large["true_outcome"].sum()
    assert found == pytest.approx(0.9, abs=0.003)
    assert (large["outcome"] <= large["true_outcome"]).all()
    below = (large["exposure"] < DECLARED.neutral_point).mean()
    assert below == pytest.approx(0.2, abs=0.005)


def test_the_score_has_its_reliability_and_its_share_between_practitioners(large):
    both = np.corrcoef(large["exposure"], large["true_exposure"])[0, 1]
    assert both**2 == pytest.approx(0.8, abs=0.005)
    assert large["exposure"].std() == pytest.approx(1, abs=0.01)
    between = analysis_of_variance(large["exposure"], large["practitioner"])
    assert between == pytest.approx(0.1, abs=0.01)


def test_caseloads_have_the_declared_mean_and_spread(large):
    sizes = large.groupby("practitioner").size()
    assert sizes.mean() == pytest.approx(100, rel=0.02)
    assert sizes.std() / sizes.mean() == pytest.approx(0.4, abs=0.02)


def test_without_spread_every_practitioner_has_the_same_number():
    same = replace(DECLARED, practitioners=30, clients_per_practitioner=25, caseload_cv=0.0)
    drawn = draw_cohort(same, np.random.default_rng(1))
    assert set(drawn.groupby("practitioner").size()) == {25}


@pytest.mark.parametrize(("icc", "base_rate"), [(0.01, 0.5), (0.05, 0.12), (0.2, 0.3)])
def test_the_share_between_practitioners_is_that_of_the_analysis_of_variance(icc, base_rate):
    """With an exposure that does not differ between practitioners both definitions agree."""
    cohort = replace(
        DECLARED, practitioners=8000, clients_per_practitioner=40, caseload_cv=0.0,
        icc=icc, base_rate=base_rate, exposure_icc=0.0, effect=0.03, damage=0.0,
    )  # fmt: skip
    drawn = draw_cohort(cohort, np.random.default_rng(2))
    found = analysis_of_variance(drawn["true_outcome"], drawn["practitioner"])
    assert found == pytest.approx(icc, abs=0.003 + 0.05 * icc)


def test_arms_differ_by_the_effect_and_an_arm_is_a_practitioner_s():
    arms = replace(DECLARED, exposure="arms", effect=0.1, low_minus_reference=0.04, icc=0.02)
    drawn = draw_cohort(arms, np.random.default_rng(3))
    assert (drawn.groupby("practitioner")["exposure"].nunique() == 1).all()
    assert drawn.groupby("practitioner")["exposure"].first().mean() == 0.5
    rates = drawn.groupby("exposure")["chance"].mean()
    assert rates[0.0] == pytest.approx(0.25, abs=0.005)
    assert rates[1.0] - rates[0.0] == pytest.approx(0.1, abs=0.008)
    within = [
        analysis_of_variance(arm["true_outcome"], arm["practitioner"])
        for _, arm in drawn.groupby("exposure")
    ]
    assert np.mean(within) == pytest.approx(0.02, abs=0.002)
    assert cohort_truth(arms).effect == pytest.approx(0.09)


def test_a_constant_exposure_is_the_same_for_all_clients_of_a_practitioner():
    constant = replace(DECLARED, practitioners=50, exposure_icc=1.0)
    drawn = draw_cohort(constant, np.random.default_rng(4))
    assert drawn.groupby("practitioner")["exposure"].std().max() == pytest.approx(0, abs=1e-12)


def test_without_an_effect_there_is_none():
    none = replace(DECLARED, effect=0.0, low_minus_reference=0.0, damage=0.0, icc=0.0)
    drawn = draw_cohort(replace(none, practitioners=20), np.random.default_rng(5))
    assert drawn["chance"].to_numpy() == pytest.approx(0.25, abs=1e-6)


def test_equal_generators_give_equal_draws():
    small = replace(DECLARED, practitioners=10)
    one, two = (draw_cohort(small, np.random.default_rng(6)) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"effect": 0.6}, "no chances between 0 and 1"),
        ({"exposure": "arms", "effect": 0.8}, "add up to no chance"),
    ],
)
def test_what_no_outcome_can_have_is_refused(change, what):
    with pytest.raises(PlanError, match=what):
        outcome_model(replace(DECLARED, **change))
