"""Estimates and verdicts against the truth, on tables small enough to work out by hand."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.bench.judging import CAUSAL, FLAGS, fired
from deepvalue_stats.bench.scoring import (
    benchmark,
    flagged,
    preset_table,
    score_estimates,
    score_verdicts,
    share_error,
)

ESTIMATES = """
estimate std_error conf_low conf_high p_value status
0.04     0.01      0.02     0.06      0.01    ok
0.06     0.01      0.04     0.08      0.01    ok
0.08     0.02      0.06     0.10      0.20    ok
0.02     0.02     -0.02     0.04      0.01    ok
nan      nan       nan      nan       nan     refused
"""
PLACE = {"preset": "claim_true", "area": "employment", "score": "observed"}
WHICH = {"estimator": "multilevel", "estimand": "risk_difference"}


def table(text):
    head, *rows = (line.split() for line in text.strip().splitlines())
    frame = pd.DataFrame(rows, columns=head)
    numbers = [name for name in head if name not in ("status", "c1", "c2", "c3", "groups")]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def estimates(**place):
    frame = table(ESTIMATES)
    return frame.assign(**PLACE | WHICH | place, replicate=range(len(frame)))


def truths(value, **place):
    return pd.DataFrame([PLACE | {"estimand": "risk_difference", "truth": value} | place])


def test_every_score_is_that_of_the_replicates_with_an_estimate():
    row = score_estimates(estimates(), truths(0.04)).iloc[0]
    spread = np.sqrt((0.01**2 + 0.01**2 + 0.03**2 + 0.03**2) / 3)
    expected = {
        "replicates": 5,
        "refused": 0.2,
        "mean": 0.05,
        "bias": 0.01,
        "bias_error": spread / 2,
        "rmse": np.sqrt((0 + 0.02**2 + 0.04**2 + 0.02**2) / 4),
        "spread": spread,
        "se_over_spread": 0.015 / spread,
        "coverage": 0.75,
        "coverage_error": np.sqrt(0.75 * 0.25 / 4),
        "rejected": 0.75,
        "gain": 0.75,
        "loss": 0.0,
        "median": 0.05,
    }
    assert row[list(expected)].to_dict() == pytest.approx(expected)
    assert row["called"] == "power"


def test_a_rejected_truth_of_nought_is_size():
    assert score_estimates(estimates(), truths(0.0)).iloc[0]["called"] == "size"


def test_without_a_truth_there_is_a_mean_and_no_bias():
    row = score_estimates(estimates(estimand="other"), truths(0.04)).iloc[0]
    assert row["mean"] == pytest.approx(0.05)
    assert row[["truth", "bias", "coverage", "bias_error", "coverage_error"]].isna().all()
    assert row["called"] == ""


def test_an_estimator_that_always_refuses_has_a_row_without_numbers():
    none = estimates().assign(estimate=np.nan)
    row = score_estimates(none, truths(0.04)).iloc[0]
    assert row["refused"] == 1
    assert row[["mean", "coverage", "rejected", "q95"]].isna().all()


def test_an_untested_estimand_has_neither_size_nor_power():
    row = score_estimates(estimates().assign(p_value=np.nan), truths(0.04)).iloc[0]
    assert np.isnan(row["rejected"])
    assert row["called"] == ""


def test_the_error_of_a_share_is_that_of_a_binomial():
    assert share_error(np.array([True, False, False, False])) == pytest.approx(np.sqrt(3 / 64))


VERDICTS = """
c1           c2           c3           groups clients
supported    inconclusive inconclusive cap    100
supported    supported    supported    pass   110
inconclusive inconclusive inconclusive pass   90
harm         inconclusive inconclusive block  100
"""
HOLM = {
    "c1_holm": [False, True, False, False],
    "c2_holm": [False, False, False, False],
    "c3_holm": [False, True, False, False],
}


def verdicts(preset):
    frame = table(VERDICTS)
    flags = {"causal": [False, True, False, False], "singular": False, "separated": False}
    place = {"preset": preset, "area": "employment", "replicate": range(4)}
    return frame.assign(
        **place, **flags, **HOLM, e_value=[1.5, 2.5, np.nan, 2.0], factor_age=[1.1] * 4
    )


def test_shares_of_answers_add_up_and_supported_is_false_where_there_is_no_effect():
    row = score_verdicts(verdicts("null")).iloc[0]
    answers = [name for name in row.index if name.startswith("c1_") and "false" not in name]
    assert row[answers].sum() == 1
    assert row["c1_supported"] == row["c1_false"] == 0.5
    assert (row["c2_false"], row["c3_false"], row["study_false"]) == (0.25, 0.25, 0.25)
    assert row["c1_false_error"] == pytest.approx(0.25)
    assert row[["clients", "causal", "e_value"]].tolist() == [100, 0.25, 2.0]


def test_no_supported_is_false_where_the_claim_is_true():
    assert np.isnan(score_verdicts(verdicts("claim_true")).iloc[0]["c1_false"])


def test_a_flag_fires_where_its_gate_caps_or_blocks():
    assert flagged(verdicts("few_practitioners"), "groups") == 0.5
    assert flagged(verdicts("no_practitioner_variance"), "singular") == 0.0


@pytest.mark.parametrize("flag", ["", "linkage"])
def test_a_flag_that_is_not_built_is_not_one_that_fails_to_fire(flag):
    assert flag not in FLAGS
    assert np.isnan(flagged(verdicts("linkage_error"), flag))


@pytest.mark.parametrize(
    ("flag", "record", "expected"),
    [
        ("same_rater", {"same_rater": "cap"}, True),
        ("same_rater", {"same_rater": "pass"}, False),
        ("same_rater", {}, False),
        ("separated", {"separated": True}, True),
        ("singular", {"singular": False}, False),
        ("ceiling", {"ceiling": "note"}, True),
        ("attrition", {"attrition": "note"}, False),
        ("attrition", {"attrition": "cap"}, True),
        ("heterogeneity", {"c4": "not supported"}, True),
        ("heterogeneity", {"c4": "inconclusive"}, False),
    ],
)
def test_flags_are_read_from_gates_and_doubts(flag, record, expected):
    assert fired(flag, record) is expected


def test_the_benchmark_is_the_covariate_that_moves_the_ratio_furthest_either_way():
    frame = pd.DataFrame({"factor_age": [1.1, None], "factor_need": [0.8, None], "other": [9, 9]})
    assert benchmark(frame) == ("need", 0.8)
    assert benchmark(frame[["other"]])[0] == ""


def test_a_preset_of_several_areas_has_one_row_over_all_of_them():
    areas = ("employment", "debt")
    both = pd.concat([estimates(preset="alike", area=area) for area in areas])
    naive = both.assign(estimator="naive", estimate=both["estimate"] + 0.02)
    told = pd.concat([truths(0.04, preset="alike"), truths(0.08, preset="alike", area="debt")])
    said = pd.concat([verdicts("alike").assign(area=area) for area in areas])
    row = preset_table(pd.concat([both, naive]), told, said).iloc[0]
    assert row["replicates"] == 4
    assert row[["planted", "package_mean", "naive_mean"]].tolist() == pytest.approx(
        [0.06, 0.05, 0.07]
    )
    # three of four intervals hold 0.04, and two of four 0.08
    assert row["package_cover"] == pytest.approx(5 / 8)
    assert row[["supported", "harm", "cannot_be_tested", "causal_verb"]].tolist() == [
        0.5, 0.25, 0, 0.25,
    ]  # fmt: skip
    assert row[["flag", "flag_exists", "benchmark"]].tolist() == ["", 0, "age"]


@pytest.mark.parametrize(
    ("sentence", "claims"),
    [
        ("A better relationship is followed by a higher chance of a job: 5 more.", False),
        ("A better relationship is followed by a lower chance of a job: 5 fewer.", False),
        ("These data cannot say whether the difference is larger.", False),
        ("A better relationship raises the chance of a job.", True),
        ("More jobs were due to the relationship.", True),
    ],
)
def test_words_of_cause_are_seen(sentence, claims):
    assert bool(CAUSAL.search(sentence)) is claims
