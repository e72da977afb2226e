"""Interaction on both scales: published examples, closed forms, coding, and what is not defined."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from deepvalue_stats.effects import Estimates, Levels, average_effect
from deepvalue_stats.effects.inference import Inference
from deepvalue_stats.equity import interaction
from deepvalue_stats.equity.interaction import (
    contrast_of,
    excess_of,
    log_synergy_of,
    proportion_of,
    recommended_corner,
)
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_logit

SWITCH = Levels(0.0, 1.0)
FIXED = recommended_corner(None)


def risks(*values):
    """Four chances with independent errors of nothing."""
    return Estimates(np.array(values), np.eye(4))


# smoking and asbestos (Hilt et al. 1986), as VanderWeele and Knol (2014), Epidemiologic Methods 3,
# have them: neither, asbestos alone, smoking alone, both
LUNG = risks(0.0011, 0.0067, 0.0095, 0.0450)


def test_the_published_example_of_smoking_and_asbestos():
    assert contrast_of(LUNG).value[0] == pytest.approx(0.0299, abs=5e-5)
    assert np.exp(contrast_of(LUNG.logs()).value[0]) == pytest.approx(0.78, abs=5e-3)
    rr10, rr01, rr11 = 0.0067 / 0.0011, 0.0095 / 0.0011, 0.0450 / 0.0011
    excess = excess_of(LUNG, FIXED).value[0]
    assert excess == pytest.approx(rr11 - rr10 - rr01 + 1)
    assert excess == pytest.approx(0.0299 / 0.0011)  # the contrast over the reference's risk
    assert proportion_of(LUNG, FIXED).value[0] == pytest.approx(excess / rr11)
    synergy = (rr11 - 1) / (rr10 + rr01 - 2)
    assert np.exp(log_synergy_of(LUNG, FIXED).value[0]) == pytest.approx(synergy)


# oral cancer by drinking and smoking (Rothman and Keller 1972): cases and controls with neither,
# drinking alone, smoking alone, both; the measures and their delta intervals as Hosmer and Lemeshow
# (1992), Epidemiology 3: 452-456, have them, from ratios of odds as a case-control study must
CASES, CONTROLS = np.array([3, 6, 8, 225]), np.array([20, 12, 18, 166])


@pytest.mark.parametrize(
    ("measure", "value", "low", "high"),
    [
        (excess_of, 3.74, -1.84, 9.32),
        (proportion_of, 0.41, -0.07, 0.90),
        (log_synergy_of, 1.87, 0.65, 5.42),
    ],
)
def test_the_published_intervals_of_drinking_and_smoking(measure, value, low, high):
    odds = CASES / CONTROLS
    found = measure(Estimates(odds, np.diag(odds)), FIXED)
    error = np.sqrt(found.covariance(np.diag(1 / CASES + 1 / CONTROLS))[0, 0])
    ends = found.value[0] + np.array([0, -1, 1]) * stats.norm.ppf(0.975) * error
    if measure is log_synergy_of:
        ends = np.exp(ends)
    np.testing.assert_allclose(ends, [value, low, high], atol=0.006)


@pytest.mark.parametrize("measure", [excess_of, proportion_of, log_synergy_of])
def test_gradients_are_those_of_differences(measure):
    def value(values):
        return measure(risks(*values), FIXED).value[0]

    at, step = np.array([0.1, 0.2, 0.25, 0.5]), 1e-6
    numeric = [
        (value(at + step * unit) - value(at - step * unit)) / (2 * step) for unit in np.eye(4)
    ]
    np.testing.assert_allclose(measure(risks(*at), FIXED).jacobian[0], numeric, rtol=1e-7)


def test_synergy_is_not_defined_where_nothing_exceeds_the_reference():
    assert np.isnan(log_synergy_of(risks(0.3, 0.3, 0.3, 0.3), FIXED).value[0])


@pytest.mark.parametrize(
    ("averages", "errors", "start"),
    [
        ((0.1, 0.1), (0.01, 0.01), 0),
        ((-0.1, 0.1), (0.01, 0.01), 1),  # the exposure lowers the risk
        ((0.1, -0.1), (0.01, 0.01), 2),  # the group does
        ((-0.1, -0.1), (0.01, 0.01), 3),
        ((-0.1, -0.1), (0.09, 0.09), 0),  # not shown: nothing is recoded by chance
    ],
)
def test_a_factor_is_recoded_where_it_is_shown_to_lower_the_risk(averages, errors, start):
    found = recommended_corner(Inference(np.array(averages), np.array(errors), np.inf))
    assert found.order[0] == start
    assert found.recoded == (start != 0)
    assert sorted(found.order) == [0, 1, 2, 3]
    assert found.order[3] == 3 - start  # the opposite cell


COUNTS = {
    ("high", 0): (60, 200),
    ("high", 1): (90, 220),
    ("low", 0): (30, 180),
    ("low", 1): (75, 190),
}


@pytest.fixture(scope="module")
def crude():
    """A saturated logit of four cells, under its model covariance."""
    rows = [
        {"y": float(i < yes), "x": float(x), "band": band}
        for (band, x), (yes, n) in COUNTS.items()
        for i in range(n)
    ]
    frame = pd.DataFrame(rows).assign(person=np.arange(sum(n for _, n in COUNTS.values())))
    frame["band"] = pd.Categorical(frame["band"], categories=["low", "high"])
    fit = fit_logit("y ~ x * C(band)", frame, cluster="person")
    design, p = fit.design.matrix, fit.predict()
    covariance = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))
    return replace(fit, covariance=covariance, dof=np.inf)


def cell(band, x):
    yes, n = COUNTS[band, x]
    return yes / n


def variance(band, x):
    p, n = cell(band, x), COUNTS[band, x][1]
    return p * (1 - p) / n


def table(fit, **options):
    return interaction(fit, "x", "band", levels=SWITCH, low="low", reference="high", **options)


def test_the_contrast_of_a_two_by_two_table_is_the_hand_formula(crude):
    row = table(crude).row(scale="interaction_contrast")
    effects = {band: cell(band, 1) - cell(band, 0) for band in ("low", "high")}
    assert row["estimate"] == pytest.approx(effects["low"] - effects["high"])
    assert row["std_error"] == pytest.approx(np.sqrt(sum(variance(*key) for key in COUNTS)))
    assert row["group"] == "low minus high"
    half = stats.norm.ppf(0.975) * row["std_error"]
    assert row["conf_high"] - row["estimate"] == pytest.approx(half)


def test_relative_measures_are_those_of_the_cell_of_lowest_risk(crude):
    """Low confidence lowers the risk here, so that it is the reference."""
    found = table(crude)
    base = cell("low", 0)
    rr10, rr01, rr11 = cell("low", 1) / base, cell("high", 0) / base, cell("high", 1) / base
    row = found.row(scale="relative_excess_risk")
    assert row["estimate"] == pytest.approx(rr11 - rr10 - rr01 + 1)
    assert "relative to exposure 0 in low, coding turned round" in row["estimand"]
    share = found.row(scale="attributable_proportion")["estimate"]
    assert share == pytest.approx((rr11 - rr10 - rr01 + 1) / rr11)
    # delta method of Hosmer and Lemeshow (1992) for risks: each cell by its own error
    gradient = {
        ("low", 1): -1 / base,
        ("high", 0): -1 / base,
        ("high", 1): 1 / base,
        ("low", 0): (rr10 + rr01 - rr11) / base,
    }
    spread = np.sqrt(sum(gradient[key] ** 2 * variance(*key) for key in COUNTS))
    assert row["std_error"] == pytest.approx(spread)


def test_the_ratio_scale_has_its_own_rows(crude):
    found = table(crude)
    ratio = (cell("low", 1) / cell("low", 0)) / (cell("high", 1) / cell("high", 0))
    assert found.row(scale="ratio_of_risk_ratios")["estimate"] == pytest.approx(ratio)
    odds = {key: yes / (n - yes) for key, (yes, n) in COUNTS.items()}
    cross = odds["low", 1] / odds["low", 0] / (odds["high", 1] / odds["high", 0])
    assert found.row(scale="ratio_of_odds_ratios")["estimate"] == pytest.approx(cross)
    # the odds ratio of a saturated logit is its coefficient
    assert abs(np.log(cross)) == pytest.approx(abs(crude.params[-1]))


def test_groups_of_their_own_give_the_contrast_of_average_effects(crude):
    apart = average_effect(crude, "x", contrast=SWITCH, by="band", reference="high")
    row = apart.row(group="low minus high")
    found = table(crude).row(scale="interaction_contrast")
    assert found["estimate"] == pytest.approx(row["estimate"])
    assert found["std_error"] == pytest.approx(row["std_error"])


def test_imposed_groups_are_everybody_in_either(crude):
    found = table(crude, imposed=True)
    everybody = crude.design.frame.assign(
        band=pd.Categorical(["low"] * len(crude.design.frame), categories=["low", "high"])
    )
    wanted = average_effect(crude, "x", contrast=SWITCH, over=everybody).row()
    row = found.row(scale="risk_difference", group="low")
    assert row["estimate"] == pytest.approx(wanted["estimate"])
    assert "every client in either group" in row["estimand"]


def test_a_group_that_is_not_there_is_named_and_an_unsound_fit_has_no_numbers(crude):
    with pytest.raises(ModelError, match="no row of the fit is in the group none"):
        interaction(crude, "x", "band", levels=SWITCH, low="none", reference="high")
    lost = replace(crude, convergence=replace(crude.convergence, status="not_converged"))
    frame = table(lost).frame
    assert set(frame["status"]) == {"not_converged"}
    assert frame["estimate"].isna().all()
    assert len(frame) == len(table(crude).frame)
