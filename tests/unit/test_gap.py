"""The gap between groups and the part of relationships in it: sums, laws and intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepvalue_stats.effects.resampling import cluster_bootstrap
from deepvalue_stats.equity import explain_gap
from deepvalue_stats.equity.gap import _bins
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_logit

BANDS = ["low", "high"]


def drawn(seed=1, practitioners=60, each=20, shift=0.5, low_slope=0.6):
    """Clients of practitioners; the high group rates `shift` higher."""
    rng = np.random.default_rng(seed)
    n = practitioners * each
    band = rng.integers(0, 2, n)
    score = rng.standard_normal(n) + shift * band
    score += np.repeat(0.3 * rng.standard_normal(practitioners), each)
    slope = np.where(band == 0, low_slope, 0.3)
    y = rng.random(n) < expit(-0.5 + 0.4 * band + slope * score)
    return pd.DataFrame(
        {
            "y": y.astype(float),
            "score": score,
            "band": pd.Categorical.from_codes(band, BANDS),
            "practitioner": np.repeat(np.arange(practitioners), each).astype(str),
            "client": np.arange(n).astype(str),
        }
    )


def fitted(frame):
    return fit_logit("y ~ score * C(band)", frame, cluster="practitioner")


def parts(frame, neutral=0.0):
    table = explain_gap(fitted(frame), "score", "band", low="low", high="high", neutral=neutral)
    return table.frame.set_index("contrast")


@pytest.fixture(scope="module")
def found():
    return parts(drawn())


def test_the_parts_sum_to_the_gap_and_what_is_left_is_the_gap_less_access(found):
    value = found["estimate"]
    assert value["gap"] == pytest.approx(value["access"] + value["returns"] + value["rest"])
    assert value["left"] == pytest.approx(value["gap"] - value["access"])


def test_the_gap_is_that_of_the_outcomes_themselves(found):
    """A logit with the groups in it predicts each group's own share."""
    frame = drawn()
    means = frame.groupby("band", observed=True)["y"].mean()
    assert found.loc["gap", "estimate"] == pytest.approx(means["high"] - means["low"], abs=1e-9)
    clusters = frame.assign(away=frame["y"] - frame["band"].map(means).astype(float))
    sums = clusters.groupby(["practitioner", "band"], observed=True)["away"].sum().unstack()
    sizes = frame["band"].value_counts()
    influence = sums["high"] / sizes["high"] - sums["low"] / sizes["low"]
    plain = np.sqrt(len(sums) / (len(sums) - 1) * (influence**2).sum())
    assert found.loc["gap", "std_error"] == pytest.approx(plain, rel=0.08)


def test_the_neutral_point_moves_returns_and_rest_and_nothing_else(found):
    other = parts(drawn(), neutral=-1.0)["estimate"]
    for name in ("gap", "access", "left"):
        assert other[name] == pytest.approx(found.loc[name, "estimate"])
    moved = other["returns"] - found.loc["returns", "estimate"]
    assert abs(moved) > 1e-3
    assert other["rest"] - found.loc["rest", "estimate"] == pytest.approx(-moved)


def test_the_same_relationships_leave_nothing_to_give():
    """Both groups with the same scores, one by one: access is nought whatever they return."""
    low = drawn(shift=0.0)
    low = low[low["band"] == "low"]
    twin = low.assign(band=pd.Categorical(["high"] * len(low), categories=BANDS), y=1 - low["y"])
    frame = pd.concat([low, twin], ignore_index=True)
    frame["band"] = pd.Categorical(frame["band"], categories=BANDS)
    assert parts(frame).loc["access", "estimate"] == pytest.approx(0.0, abs=2e-4)


def test_swapped_names_turn_the_gap_round():
    frame = drawn()
    table = explain_gap(fitted(frame), "score", "band", low="high", high="low", neutral=0.0)
    turned = table.frame.set_index("contrast")["estimate"]
    assert turned["gap"] == pytest.approx(-parts(frame).loc["gap", "estimate"])


def test_intervals_are_as_wide_as_those_of_a_cluster_bootstrap():
    fit = fitted(drawn(practitioners=40, each=12))

    def effect(one):
        return explain_gap(one, "score", "band", low="low", high="high", neutral=0.0)

    table = effect(fit).frame["std_error"]
    draws = cluster_bootstrap(effect, fit, cluster="practitioner", n=99,
                              rng=np.random.default_rng(3)).frame["std_error"]  # fmt: skip
    np.testing.assert_allclose(table, draws, rtol=0.3)


def test_equally_likely_values_keep_the_mean_and_the_order():
    scores = np.random.default_rng(2).standard_normal(133).round(1)
    bins = _bins(scores)
    assert len(bins.values) == 50
    assert bins.values.mean() == pytest.approx(scores.mean())
    assert (np.diff(bins.values) >= -1e-12).all()
    assert set(bins.of) == set(range(50))
    few = _bins(np.array([2.0, 1.0]))
    np.testing.assert_allclose(few.values, [1.0, 2.0])


def test_a_group_without_rows_is_named():
    with pytest.raises(ModelError, match="no row of the fit is in the group mid"):
        explain_gap(fitted(drawn()), "score", "band", low="mid", high="high", neutral=0.0)
