"""Agreement of two raters: an independent program, plain formulas, and planted truths."""

import numpy as np
import pandas as pd
import pingouin
import pytest

from deepvalue_stats.measures import self_other_agreement


def dyads(rng, caseloads, *, between=0.5, within=0.3, shift=-0.4):
    """Ratings with practitioner-level and client-level correlations that are planted.

    Variances: client 0.3 between and 0.7 within practitioners, practitioner 0.5 and 0.5.
    """
    sizes = np.asarray(caseloads)
    whose = np.repeat(np.arange(len(sizes)), sizes)
    upper = rng.multivariate_normal([0, 0], [[1, between], [between, 1]], size=len(sizes))
    lower = rng.multivariate_normal([0, 0], [[1, within], [within, 1]], size=len(whose))
    rated = upper[whose] * np.sqrt([0.3, 0.5]) + lower * np.sqrt([0.7, 0.5])
    return rated[:, 0], rated[:, 1] + shift, whose


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, within pingouin
@pytest.mark.parametrize("seed", range(3))
def test_r_and_icc_are_those_of_pingouin(seed):
    client, practitioner, whose = dyads(np.random.default_rng(seed), [5] * 12)
    found = self_other_agreement(client, practitioner, whose)
    long = pd.DataFrame({"client": client, "practitioner": practitioner})
    long = long.reset_index().melt(id_vars="index", var_name="rater", value_name="score")
    icc = pingouin.intraclass_corr(long, targets="index", raters="rater", ratings="score")
    expected = icc.set_index("Type").loc["ICC(A,1)", "ICC"]
    assert found.icc == pytest.approx(expected, abs=1e-12)
    r = pingouin.corr(client, practitioner)["r"].iloc[0]
    assert found.r == pytest.approx(r, abs=1e-12)
    assert found.difference == pytest.approx((practitioner - client).mean(), abs=1e-12)


def test_balanced_levels_are_those_of_the_analysis_of_variance_table():
    client, practitioner, whose = dyads(np.random.default_rng(8), [6] * 15)
    found = self_other_agreement(client, practitioner, whose)
    frame = pd.DataFrame({"whose": whose, "a": client, "b": practitioner})
    means = frame.groupby("whose")[["a", "b"]].transform("mean")
    a, b = frame["a"] - means["a"], frame["b"] - means["b"]
    within = (a * b).sum() / (len(frame) - 15)
    of_means = frame.groupby("whose")[["a", "b"]].mean().cov().loc["a", "b"]
    assert found.covariance_within == pytest.approx(within, abs=1e-12)
    assert found.covariance_between == pytest.approx(of_means - within / 6, abs=1e-12)
    assert found.r_within == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)


def test_planted_correlations_at_both_levels_are_found_with_unequal_caseloads():
    rng = np.random.default_rng(11)
    found = [self_other_agreement(*dyads(rng, rng.integers(1, 30, size=60))) for _ in range(200)]
    within = np.array([one.covariance_within for one in found])
    between = np.array([one.covariance_between for one in found])
    for values, truth in (
        (within, 0.3 * np.sqrt(0.7 * 0.5)),
        (between, 0.5 * np.sqrt(0.3 * 0.5)),
    ):
        assert abs(values.mean() - truth) < 3.5 * values.std(ddof=1) / np.sqrt(len(values))
    assert abs(np.median([one.r_within for one in found]) - 0.3) < 0.02
    assert abs(np.median([one.r_between for one in found]) - 0.5) < 0.04


def test_one_large_caseload_beside_small_ones_does_not_bias_the_parts():
    """With the mean caseload of 8.8 for k0 = 1.89 the part between would come out at a fifth."""
    rng = np.random.default_rng(13)
    found = [self_other_agreement(*dyads(rng, [1, 1, 1, 1, 40])) for _ in range(3000)]
    values = np.array([one.covariance_between for one in found])
    truth = 0.5 * np.sqrt(0.3 * 0.5)
    assert abs(values.mean() - truth) < 3.5 * values.std(ddof=1) / np.sqrt(len(values))
    assert values.std(ddof=1) / np.sqrt(len(values)) < truth / 10


def test_intervals_hold_the_truth_as_often_as_they_say_where_one_of_all_pairs_would_not():
    """The naive interval of the difference, blind to practitioners, holds it far less often."""
    rng = np.random.default_rng(12)
    truth = 0.5 * np.sqrt(0.3 * 0.5) + 0.3 * np.sqrt(0.7 * 0.5)
    held = {"r": 0, "difference": 0, "naive": 0}
    draws = 600
    for _ in range(draws):
        client, practitioner, whose = dyads(rng, rng.integers(3, 25, size=30))
        one = self_other_agreement(client, practitioner, whose)
        held["r"] += one.r_low <= truth <= one.r_high
        held["difference"] += one.difference_low <= -0.4 <= one.difference_high
        apart = practitioner - client
        reach = 1.96 * apart.std(ddof=1) / np.sqrt(len(apart))
        held["naive"] += abs(apart.mean() + 0.4) <= reach
    shares = {name: count / draws for name, count in held.items()}
    assert 0.92 <= shares["r"] <= 0.98, shares
    assert 0.92 <= shares["difference"] <= 0.98, shares
    assert shares["naive"] < 0.85, shares
