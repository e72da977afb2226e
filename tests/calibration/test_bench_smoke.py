"""Are the estimators right where nothing is wrong? The bench in small, on two processes.

The generator's own truth is the yardstick: with a score without error every proper estimator is
held to its own estimand, on a service where the claim is true and on one where it is not. Every
test allows three Monte Carlo standard errors. Seeds are fixed, so a test that passes always does.
The full table is in reports/bench.
"""

import numpy as np
import pytest

from deepvalue_stats.bench import run_bench, score_estimates, score_verdicts

STUDIES, FALSE_STUDIES = 80, 40
HONEST = ("claim_true", "null")
FALSE = ("reversed", "reverse_caused")
SHARE_ERROR = np.sqrt(0.95 * 0.05 / STUDIES)
# one slope for a score that has two (within and between) is a mixture of them, whose weights are
# not quite those of the estimand
MIXED = 0.0015
# ratios of estimated chances are skewed: their intervals are judged, not their means and spreads
RATIOS = ("ratio_of_risk_ratios", "relative_excess_risk", "attributable_proportion")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    return [
        run_bench(presets, replicates=n, folder=folder, workers=2)
        for presets, n in ((HONEST, STUDIES), (FALSE, FALSE_STUDIES))
    ]


@pytest.fixture(scope="module")
def scores(results):
    scored = score_estimates(results[0].estimates, results[0].truths)
    return scored[scored["score"] == "error_free"]


def told(rows):
    return [f"{r.preset} {r.estimator} {r.estimand}" for r in rows.itertuples()]


def test_all_proper_estimators_are_there_and_none_refuses(scores):
    assert len(scores) == 2 * 24
    assert scores["truth"].notna().all()
    assert (scores["refused"] == 0).all()


def test_intervals_hold_the_truth_as_often_as_they_say(scores):
    assert told(scores[(scores["coverage"] - 0.95).abs() > 3 * SHARE_ERROR]) == []


def test_estimates_are_right_on_average(scores):
    scores = scores[~scores["estimand"].isin(RATIOS)]
    assert told(scores[scores["bias"].abs() > 3 * scores["bias_error"] + MIXED]) == []


def test_standard_errors_are_as_large_as_the_spread_of_the_estimates(scores):
    scores = scores[~scores["estimand"].isin(RATIOS)]
    off = (scores["se_over_spread"] - 1).abs()
    assert told(scores[off > 3 / np.sqrt(2 * (STUDIES - 1))]) == []


def test_no_effect_is_called_significant_one_time_in_twenty(scores):
    null = scores[(scores["called"] == "size")]
    assert len(null) == 21
    assert told(null[(null["rejected"] - 0.05).abs() > 3 * SHARE_ERROR]) == []


def test_a_true_effect_is_found_more_often_than_chance_would(scores):
    """The tests above would also hold for intervals from one end to the other."""
    found = scores.set_index(["preset", "estimator", "estimand"])["rejected"]
    assert found["claim_true", "multilevel", "risk_difference"] > 0.8


def test_a_hurried_analysis_is_misled_where_the_outcome_came_first(results):
    scored = score_estimates(results[1].estimates, results[1].truths)
    naive = scored[(scored["estimator"] == "naive") & (scored["preset"] == "reverse_caused")]
    assert naive["gain"].item() > 0.5
    assert naive["coverage"].item() < 0.5


def test_a_claim_that_is_not_true_is_seldom_called_supported(results):
    for result in results:
        said = score_verdicts(result.verdicts)
        wrong = said[said["c1_false"].notna()]
        allowed = 0.05 + 3 * np.sqrt(0.05 * 0.95 / wrong["replicates"])
        for claim in ("c1", "c2", "c3", "study"):
            assert wrong.loc[wrong[f"{claim}_false"] > allowed, "preset"].tolist() == []


def test_no_sentence_claims_a_cause(results):
    assert all((score_verdicts(result.verdicts)["causal"] == 0).all() for result in results)
