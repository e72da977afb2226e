"""E-values against their closed forms worked in R, the published example among them.

Expected values, call, version and tolerance with its reason: expected/evalue_formulas.json.
"""

import json
from pathlib import Path

import pytest

from deepvalue_stats.effects.evalue import (
    RiskRatio,
    bias_factor,
    e_value,
    risk_ratio_from_hazard_ratio,
    risk_ratio_from_mean_difference,
    risk_ratio_from_odds_ratio,
)
from deepvalue_stats.errors import ModelError

TOLD = json.loads(
    (Path(__file__).parent / "expected" / "evalue_formulas.json").read_text(encoding="utf-8")
)
CLOSE = TOLD["tolerance"]["relative"]
NO_RATIO = "no risk ratio inside an interval above 0"
AS_RATIO = {
    "RR": RiskRatio,
    "HR_rare": RiskRatio,
    "OR_common": risk_ratio_from_odds_ratio,
    "HR_common": risk_ratio_from_hazard_ratio,
}


def ratio_of(case):
    if case["type"] == "SMD":
        return risk_ratio_from_mean_difference(case["estimate"], case["std_error"])
    return AS_RATIO[case["type"]](case["estimate"], case["ci_low"], case["ci_high"])


@pytest.mark.parametrize("case", TOLD["results"]["cases"], ids=lambda case: case["type"])
def test_e_values_are_those_of_the_closed_forms(case):
    ratio = ratio_of(case)
    assert tuple(ratio) == pytest.approx(tuple(case["risk_ratio"]), rel=CLOSE)
    found = e_value(*ratio)
    told = (case["evalue_point"], case["evalue_ci"])
    assert (found.estimate, found.limit) == pytest.approx(told, rel=CLOSE)


def test_the_strength_that_moves_a_ratio_to_another_than_one():
    told = TOLD["results"]["non_null"]
    found = e_value(*told["risk_ratio"], true_ratio=told["true_ratio"])
    expected = (told["evalue_point"], told["evalue_ci"])
    assert (found.estimate, found.limit) == pytest.approx(expected, rel=CLOSE)
    assert e_value(1.5, 1.2, 1.9, true_ratio=1.3).limit == 1


def test_a_cause_of_given_strengths_can_do_so_much():
    told = TOLD["results"]["bias_factor"]
    assert bias_factor(told["rr_ud"], told["rr_eu"]) == pytest.approx(told["factor"], rel=CLOSE)


@pytest.mark.parametrize("ratio", [1.0, 1.2, 3.9, 25.0])
def test_a_cause_as_strong_as_the_e_value_can_do_just_what_the_ratio_is(ratio):
    strength = e_value(ratio, ratio, ratio).estimate
    assert bias_factor(strength, strength) == pytest.approx(ratio, rel=1e-12)


def test_a_protective_ratio_is_as_strong_as_its_inverse():
    up, down = e_value(2.0, 1.25, 4.0), e_value(0.5, 0.25, 0.8)
    assert (up.estimate, up.limit) == pytest.approx((down.estimate, down.limit))
    up, down = e_value(2.0, 1.25, 4.0, true_ratio=1.1), e_value(0.5, 0.25, 0.8, true_ratio=1 / 1.1)
    assert (up.estimate, up.limit) == pytest.approx((down.estimate, down.limit))


@pytest.mark.parametrize("convert", [risk_ratio_from_odds_ratio, risk_ratio_from_hazard_ratio])
def test_a_ratio_turned_over_is_converted_to_the_ratio_turned_over(convert):
    there, back = convert(2.0, 1.25, 4.0), convert(0.5, 0.25, 0.8)
    assert back == pytest.approx((1 / there[0], 1 / there[2], 1 / there[1]))
    assert 1 < there.risk_ratio < 2


@pytest.mark.parametrize("ask", [e_value, risk_ratio_from_odds_ratio, risk_ratio_from_hazard_ratio])
@pytest.mark.parametrize("numbers", [(0.02, -0.01, 0.05), (1.5, 1.6, 2.0), (float("nan"),) * 3])
def test_what_is_no_ratio_is_refused(ask, numbers):
    with pytest.raises(ModelError, match=NO_RATIO):
        ask(*numbers)


def test_strengths_errors_and_true_ratios_out_of_their_range_are_refused():
    with pytest.raises(ModelError, match="a strength below 1"):
        bias_factor(0.5, 2.0)
    with pytest.raises(ModelError, match="no difference with a standard error above 0"):
        risk_ratio_from_mean_difference(0.2, 0.0)
    with pytest.raises(ModelError, match="no ratio above 0"):
        e_value(1.5, 1.2, 1.9, true_ratio=0.0)
