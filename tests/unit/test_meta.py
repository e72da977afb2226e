"""Effects of several groups side by side: closed forms, brute force and areas of one model."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from deepvalue_stats.effects import Contrast, average_effect
from deepvalue_stats.effects.meta import effect_by_area, pairs_of, random_effects
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_logit
from deepvalue_stats.tables import NUMERIC

UNIT = Contrast("sd", 1.0)


# --- the mean over groups ------------------------------------------------------------------------


def test_with_equal_errors_it_is_the_mean_and_its_t_interval():
    estimates = np.array([0.1, 0.5, 0.2, 0.9, 0.4])
    found = random_effects(estimates, np.full(5, 0.15))
    spread = estimates.var(ddof=1)
    assert found.estimate == pytest.approx(estimates.mean())
    assert found.tau**2 == pytest.approx(spread - 0.15**2, rel=1e-6)
    assert found.std_error == pytest.approx(np.sqrt(spread / 5))
    usual = stats.t.interval(0.95, 4, estimates.mean(), np.sqrt(spread / 5))
    assert (found.conf_low, found.conf_high) == pytest.approx(usual)
    assert found.p_value == pytest.approx(stats.ttest_1samp(estimates, 0).pvalue)
    assert found.i_squared == pytest.approx(1 - 0.15**2 / spread, rel=1e-6)
    reach = stats.t.ppf(0.975, 3) * np.sqrt(found.tau**2 + spread / 5)
    expected = (estimates.mean() - reach, estimates.mean() + reach)
    assert (found.predict_low, found.predict_high) == pytest.approx(expected)


def test_groups_closer_than_chance_have_no_heterogeneity_and_the_fixed_mean():
    estimates, errors = np.array([0.30, 0.31, 0.29]), np.array([0.1, 0.2, 0.15])
    found = random_effects(estimates, errors)
    assert (found.tau, found.i_squared) == (0, 0)
    assert found.estimate == pytest.approx(np.average(estimates, weights=1 / errors**2))
    assert found.q_p_value > 0.9


def restricted_loglik(tau2, estimates, variances):
    """Of the contrasts of the estimates, whatever basis they have."""
    k = len(estimates)
    contrasts = np.hstack([np.eye(k - 1), -np.ones((k - 1, 1))])
    covariance = contrasts @ np.diag(variances + tau2) @ contrasts.T
    return stats.multivariate_normal(cov=covariance).logpdf(contrasts @ estimates)


@pytest.mark.parametrize("seed", range(6))
def test_the_spread_between_groups_is_where_a_fine_grid_has_its_highest_likelihood(seed):
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0.05, 0.4, size=6)
    estimates = 0.2 + rng.normal(size=6) * np.sqrt(errors**2 + 0.2**2 * (seed % 2))
    found = random_effects(estimates, errors).tau ** 2
    grid = np.concatenate([[0.0], np.geomspace(1e-6, 4.0, 2000)])
    heights = [restricted_loglik(tau2, estimates, errors**2) for tau2 in grid]
    assert restricted_loglik(found, estimates, errors**2) >= max(heights) - 1e-10


@pytest.mark.parametrize(("k", "predicted"), [(2, False), (4, False), (5, True), (9, True)])
def test_a_further_group_is_foretold_from_five_on(k, predicted):
    rng = np.random.default_rng(k)
    found = random_effects(rng.normal(size=k), np.full(k, 0.2))
    assert (found.predict_low is not None) == (found.predict_high is not None) == predicted
    if found.predict_low is not None and found.predict_high is not None:
        assert found.predict_low < found.conf_low < found.conf_high < found.predict_high


@pytest.mark.parametrize(
    ("estimates", "errors"),
    [
        ([], []),
        ([0.2], [0.1]),
        ([0.2, 0.3], [0.1, 0.0]),
        ([0.2, 0.3], [0.1, np.nan]),
        ([0.2, np.nan], [0.1, 0.1]),
        ([0.2, 0.3], [0.1, np.inf]),
    ],
)
def test_too_few_groups_or_one_without_a_standard_error_are_refused(estimates, errors):
    with pytest.raises(ModelError, match="too few groups, or one without a standard error"):
        random_effects(np.array(estimates), np.array(errors))


def test_one_number_given_for_every_group_is_refused():
    with pytest.raises(ModelError, match="the groups' estimates are one number"):
        random_effects(np.full(3, 0.2), np.array([0.1, 0.2, 0.3]))


# --- pairs ---------------------------------------------------------------------------------------


def test_every_pair_is_later_less_earlier_with_what_the_two_share():
    covariance = np.array([[0.04, 0.01, 0.0], [0.01, 0.09, -0.02], [0.0, -0.02, 0.01]])
    found = pairs_of(["debt", "health", "work"], np.array([0.1, 0.4, 0.2]), covariance, 30.0)
    names = [(one.plus, one.minus) for one in found]
    assert names == [("health", "debt"), ("work", "debt"), ("work", "health")]
    assert [one.difference for one in found] == pytest.approx([0.3, 0.1, -0.2])
    errors = np.sqrt([0.04 + 0.09 - 0.02, 0.05, 0.09 + 0.01 + 0.04])
    assert [one.std_error for one in found] == pytest.approx(errors)
    assert {one.dof for one in found} == {30.0}


def test_one_group_has_no_pair():
    assert pairs_of(["debt"], np.array([0.1]), np.array([[0.04]]), 30.0) == ()


# --- areas of one model --------------------------------------------------------------------------


def areas_of(names, n=250, seed=2, **columns):
    rng = np.random.default_rng(seed)
    size = n * len(names)
    frame = pd.DataFrame({"client": np.arange(size).astype("str"), "x": rng.normal(size=size)})
    frame["area"] = np.repeat(names, n)
    strength = frame["area"].map({name: 0.3 + 0.2 * i for i, name in enumerate(names)})
    frame["y"] = (rng.random(size) < expit(strength * frame["x"])).astype(float)
    return frame.assign(**columns)


def fitted(frame):
    return fit_logit("y ~ x * C(area)", frame, cluster="client")


THREE = fitted(areas_of(["debt", "health", "work"]))
FIVE = fitted(areas_of(["a", "b", "c", "d", "e"]))


def test_areas_their_pairs_and_their_mean_are_rows_of_one_table():
    found = effect_by_area(THREE, "x", "area", contrast=UNIT).frame
    assert list(found["group"]) == [
        *("debt", "health", "work"),
        *("health minus debt", "work minus debt"),
        "work minus health",
        "mean of areas",
    ]
    alone = average_effect(THREE, "x", contrast=UNIT, by="area").frame
    pd.testing.assert_frame_equal(found.iloc[:3], alone)
    rows = found.set_index("group")
    difference = rows.loc["work", "estimate"] - rows.loc["health", "estimate"]
    assert rows.loc["work minus health", "estimate"] == pytest.approx(difference)


def test_the_mean_of_areas_is_their_random_effects_mean():
    found = effect_by_area(THREE, "x", "area", contrast=UNIT).frame
    areas, mean = found.iloc[:3], found.iloc[-1]
    told = random_effects(areas["estimate"].to_numpy(), areas["std_error"].to_numpy())
    for name in ("estimate", "std_error", "dof", "conf_low", "conf_high", "p_value"):
        assert mean[name] == pytest.approx(getattr(told, name)), name
    assert (mean["n_obs"], mean["n_clients"]) == (750, 750)
    assert mean["estimand"].startswith("random-effects mean over 3 areas of the average derivative")


def test_practitioners_that_nobody_knows_are_not_counted_as_none():
    found = effect_by_area(THREE, "x", "area", contrast=UNIT).frame
    assert found["n_practitioners"].isna().all()
    known = areas_of(["debt", "health"]).assign(
        practitioner=lambda frame: frame["area"] + (frame.index % 7).astype("str")
    )
    found = effect_by_area(fitted(known), "x", "area", contrast=UNIT).frame
    assert found["n_practitioners"].tolist() == [7, 7, 14, 14]
    assert found["n_practitioners"].dtype == "Int64"


def test_from_five_areas_on_a_further_one_is_foretold():
    frame = effect_by_area(FIVE, "x", "area", contrast=UNIT).frame
    mean, further = frame.iloc[-2], frame.iloc[-1]
    assert further["group"] == "where a further area may lie"
    assert further["estimate"] == mean["estimate"]
    assert further["conf_low"] < mean["conf_low"] < mean["conf_high"] < further["conf_high"]
    assert further[["std_error", "p_value"]].isna().all()
    assert (mean["dof"], further["dof"]) == (4, 3)


def test_a_fit_without_an_answer_has_no_mean_of_areas():
    broken = areas_of(["debt", "health"]).assign(y=lambda frame: (frame["x"] > 0).astype(float))
    found = effect_by_area(fitted(broken), "x", "area", contrast=UNIT).frame
    assert found["status"].eq("not_converged").all()
    assert found[list(NUMERIC)].isna().all(axis=None)
    assert found["group"].iloc[-1] == "mean of areas"


def test_one_area_is_nothing_to_compare():
    alone = fit_logit("y ~ x", areas_of(["debt"]), cluster="client")
    with pytest.raises(ModelError, match="there is nothing to compare"):
        effect_by_area(alone, "x", "area", contrast=UNIT)
