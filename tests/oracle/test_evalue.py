"""E-values against their closed forms worked in R, the published example among them.

Expected values, call, version and tolerance with its reason: expected/evalue_formulas.json.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.effects import e_value
from deepvalue_stats.errors import ModelError

TOLD = json.loads(
    (Path(__file__).parent / "expected" / "evalue_formulas.json").read_text(encoding="utf-8")
)
# the odds ratio of a common outcome stands for the risk ratio that is its square root
AS_RATIO = {"RR": float, "OR_common": np.sqrt}


@pytest.mark.parametrize("case", TOLD["results"]["cases"], ids=lambda case: case["type"])
def test_e_values_are_those_of_the_closed_forms(case):
    ratio = AS_RATIO[case["type"]]
    found = e_value(*(float(ratio(case[name])) for name in ("estimate", "ci_low", "ci_high")))
    told = (case["evalue_point"], case["evalue_ci"])
    expected = pytest.approx(told, rel=TOLD["tolerance"]["relative"])
    assert (found.estimate, found.limit) == expected


def test_a_protective_ratio_is_as_strong_as_its_inverse():
    up, down = e_value(2.0, 1.25, 4.0), e_value(0.5, 0.25, 0.8)
    assert (up.estimate, up.limit) == pytest.approx((down.estimate, down.limit))


@pytest.mark.parametrize("numbers", [(0.02, -0.01, 0.05), (1.5, 1.6, 2.0)])
def test_what_is_no_risk_ratio_is_refused(numbers):
    with pytest.raises(ModelError, match="no risk ratio inside an interval above 0"):
        e_value(*numbers)
