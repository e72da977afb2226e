"""Averages over random effects, their plain summaries, and tests at the boundary of zero."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import expit
from scipy.stats import chi2, norm

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.multilevel.averaging import (
    BLOCK_CELLS,
    TABULATED,
    average_expit,
    normal_rule,
)
from deepvalue_stats.models.multilevel.boundary import boundary_p_value, likelihood_ratio
from deepvalue_stats.models.multilevel.plain import (
    LOGISTIC_VARIANCE,
    latent_icc,
    median_odds_ratio,
    plain_terms,
    probability_icc,
    slope_range,
)

ETA = np.array([-9.0, -3.2, -0.4, 0.0, 1.1, 2.7, 6.0])


def slope(x):
    return expit(x) * expit(-x)


CURVES = {
    "mean": expit,
    "d_eta": slope,
    "d2_eta": lambda x: slope(x) * (1 - 2 * expit(x)),
    "d3_eta": lambda x: slope(x) * (1 - 6 * slope(x)),
}


def integral(curve, eta, sd):
    """By adaptive quadrature, in pieces around the bend at -eta / sd."""
    bend = float(np.clip(-eta / sd, -9.9, 9.9))
    pieces = np.unique([-10, bend - 3 / sd, bend, bend + 3 / sd, 0, 10]).clip(-10, 10)
    parts = [
        quad(lambda z: curve(eta + sd * z) * norm.pdf(z), low, high, epsabs=1e-13, limit=200)[0]
        for low, high in pairwise(pieces)
    ]
    return sum(parts)


@pytest.mark.parametrize("sd", [0.05, 0.4, 1.0, 2.3, 5.0])
@pytest.mark.parametrize("name", CURVES)
def test_average_is_the_integral_to_ten_digits(name, sd):
    found = getattr(average_expit(ETA, sd), name)
    expected = [integral(CURVES[name], eta, sd) for eta in ETA]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("sd", [0.1, 0.39, 0.4, 0.7, 1.5, 4.0, 10.0, 50.0])
@pytest.mark.parametrize("name", CURVES)
def test_average_agrees_with_a_far_finer_rule(name, sd):
    nodes = np.linspace(-9, 9, 40_001)
    weights = norm.pdf(nodes) / norm.pdf(nodes).sum()
    expected = weights @ CURVES[name](ETA + sd * nodes[:, None])
    found = getattr(average_expit(ETA, sd), name)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_without_variance_the_average_is_the_curve():
    found = average_expit(ETA, 0.0)
    for name, curve in CURVES.items():
        np.testing.assert_allclose(getattr(found, name), curve(ETA), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(found.d_variance, CURVES["d2_eta"](ETA) / 2, rtol=1e-12, atol=1e-16)


def test_variance_derivatives_are_finite_differences_near_zero():
    step = 1e-4
    up, at = average_expit(ETA, np.sqrt(2 * step)), average_expit(ETA, np.sqrt(step))
    base = average_expit(ETA, 0.0)
    for level, derivative in (("mean", "d_variance"), ("d_eta", "d_eta_d_variance")):
        low, mid, high = (getattr(part, level) for part in (base, at, up))
        forward = (4 * mid - 3 * low - high) / (2 * step)
        np.testing.assert_allclose(getattr(base, derivative), forward, rtol=0, atol=1e-7)


def test_wide_random_effects_leave_the_normal_curve():
    # for a wide normal the logistic residual hardly matters: expit(eta + sZ) is nearly a step
    found = average_expit(ETA, 50.0).mean
    np.testing.assert_allclose(found, norm.cdf(ETA / np.hypot(50, np.pi / np.sqrt(3))), atol=1e-6)


def test_rows_do_not_depend_on_their_company():
    rng = np.random.default_rng(3)
    n = BLOCK_CELLS // 10
    eta, sd = rng.normal(size=n) * 3, rng.random(n) * 5
    sd[0], sd[1] = 0.0, 5.0
    found = average_expit(eta, sd)
    for k in (0, 1, 2, n // 2, n - 1):
        single = average_expit(eta[k : k + 1], sd[k])
        for name in CURVES:
            assert getattr(found, name)[k] == pytest.approx(getattr(single, name)[0], abs=1e-10)


@pytest.mark.parametrize("sd", [1e-3, 0.3, 1.0, 4.0, 12.0])
@pytest.mark.parametrize("name", CURVES)
def test_many_rows_are_read_off_a_table_to_ten_digits(name, sd):
    rng = np.random.default_rng(4)
    eta = np.r_[rng.normal(size=TABULATED) * 4, -1e6, -41.0, -1 / 64, 1 / 64, 41.0, 1e6]
    found = getattr(average_expit(eta, sd), name)
    alone = np.concatenate([getattr(average_expit(part, sd), name) for part in np.split(eta, 2)])
    assert TABULATED / 2 < len(eta) // 2 < TABULATED
    np.testing.assert_allclose(found, alone, rtol=0, atol=1e-10)


def test_extreme_predictors_neither_warn_nor_leave_zero_and_one():
    found = average_expit(np.array([-1e6, -800.0, 800.0, 1e6]), 1.0)
    np.testing.assert_allclose(found.mean, [0, 0, 1, 1], atol=1e-12)
    for name in ("d_eta", "d2_eta", "d3_eta"):
        np.testing.assert_allclose(getattr(found, name), 0, atol=1e-12)


def test_no_rows_give_no_averages():
    assert average_expit(np.zeros(0), np.zeros(0)).mean.shape == (0,)
    assert probability_icc(np.zeros(0), 1.0).shape == (0,)


@pytest.mark.parametrize("sd", [-0.1, np.nan, 51.0, np.inf])
def test_average_refuses_impossible_standard_deviations(sd):
    with pytest.raises(ModelError, match="standard deviation"):
        average_expit(ETA, sd)
    with pytest.raises(ModelError, match="standard deviation"):
        average_expit(ETA, np.r_[np.ones(6), sd])


def test_rule_has_unit_mass_and_grows_with_the_spread():
    for sd in (0.0, 0.1, 1.0, 5.0):
        nodes, weights = normal_rule(sd)
        assert weights.sum() == pytest.approx(1, abs=1e-14)
        np.testing.assert_allclose(weights @ nodes, 0, atol=1e-14)
    assert [len(normal_rule(sd)[0]) for sd in (0.0, 0.1, 5.0)] == [1, 21, 125]


def test_latent_shares_by_hand():
    shares = latent_icc(np.array([0.6, 0.3]))
    np.testing.assert_allclose(shares, np.array([0.36, 0.09]) / (0.45 + np.pi**2 / 3))
    assert latent_icc(np.array([2.0]), residual=12.0)[0] == pytest.approx(0.25)
    assert latent_icc(np.zeros(2)).tolist() == [0, 0]


def test_median_odds_ratio_by_hand():
    # Larsen and Merlo's factor: the square root of 2 times the upper quartile of the normal
    assert float(np.log(median_odds_ratio(1.0))) == pytest.approx(0.9539, abs=5e-5)
    assert float(median_odds_ratio(0.0)) == 1
    assert median_odds_ratio(np.array([0.2, 0.4])).shape == (2,)


def test_median_odds_ratio_is_the_median_of_simulated_pairs():
    rng = np.random.default_rng(8)
    pairs = 0.7 * rng.normal(size=(200_000, 2))
    simulated = np.median(np.exp(np.abs(pairs[:, 0] - pairs[:, 1])))
    assert float(median_odds_ratio(0.7)) == pytest.approx(simulated, rel=0.01)


@pytest.mark.parametrize("eta", [-2.5, 0.0, 1.3])
def test_probability_share_of_one_factor_is_the_variance_of_the_groups_chances(eta):
    mean = integral(expit, eta, 0.8)
    square = integral(lambda x: expit(x) ** 2, eta, 0.8)
    expected = (square - mean**2) / (mean * (1 - mean))
    assert probability_icc(np.array([eta]), 0.8)[0] == pytest.approx(expected, abs=1e-10)


def test_probability_share_beside_another_factor_is_a_correlation_of_two_clients():
    # two clients share u and have effects of their own: E expit(eta+u+v) expit(eta+u+w)
    eta, own, other = -0.7, 0.9, 0.6

    def chance(u):
        return integral(expit, eta + own * u, other)

    mean = quad(lambda u: chance(u) * norm.pdf(u), -9, 9)[0]
    both = quad(lambda u: chance(u) ** 2 * norm.pdf(u), -9, 9)[0]
    expected = (both - mean**2) / (mean * (1 - mean))
    assert probability_icc(np.array([eta]), own, other)[0] == pytest.approx(expected, abs=1e-8)
    total = dblquad(
        lambda v, u: expit(eta + own * u + other * v) * norm.pdf(u) * norm.pdf(v), -9, 9, -9, 9
    )[0]
    assert mean == pytest.approx(total, abs=1e-7)


def test_probability_share_is_below_the_latent_share():
    shares = probability_icc(np.linspace(-5, 5, 21), np.sqrt(0.05 / 0.95 * np.pi**2 / 3))
    assert (shares < 0.05).all()
    assert shares.max() == pytest.approx(0.040, abs=0.001)
    assert (probability_icc(ETA, 0.0) == 0).all()


def test_probability_share_of_a_certain_outcome_is_zero():
    assert probability_icc(np.array([-800.0, 800.0]), 1.0).tolist() == [0, 0]


def test_slope_range_by_hand():
    low, high = slope_range(np.array([0.4, -0.1]), np.array([0.3, 0.0]))
    np.testing.assert_allclose(low, [0.4 - 1.2816 * 0.3, -0.1], atol=2e-5)
    np.testing.assert_allclose(high, [0.4 + 1.2816 * 0.3, -0.1], atol=2e-5)
    assert float(slope_range(0.0, 1.0, share=0.95)[1]) == pytest.approx(1.96, abs=1e-3)


@pytest.mark.parametrize("share", [0.0, 1.0, 80.0])
def test_slope_range_refuses_what_is_no_share(share):
    with pytest.raises(ModelError, match="between 0 and 1"):
        slope_range(0.1, 0.2, share)


@pytest.mark.parametrize("summary", [latent_icc, median_odds_ratio])
@pytest.mark.parametrize("sd", [-1.0, np.nan])
def test_summaries_refuse_impossible_standard_deviations(summary, sd):
    with pytest.raises(ModelError, match="negative or not a number"):
        summary(np.array([0.5, sd]))


def test_five_per_cent_points_of_the_mixtures():
    # Stram and Lee 1994: 2.71 for one variance, 5.14 for a slope beside an intercept
    assert boundary_p_value(2.7055, added=(0,)) == pytest.approx(0.05, abs=1e-5)
    assert boundary_p_value(5.1385, added=(1,)) == pytest.approx(0.05, abs=1e-5)
    assert boundary_p_value(7.0453, added=(2,)) == pytest.approx(0.05, abs=1e-5)
    assert boundary_p_value(3.8415, extra_fixed=1) == pytest.approx(0.05, abs=1e-5)


def test_mixture_by_hand():
    test = likelihood_ratio(4.0, added=(2,))
    assert test.p_value == pytest.approx((chi2.sf(4, 2) + chi2.sf(4, 3)) / 2)
    assert (test.statistic, test.dof) == (4.0, 3)
    assert test.reference == "50:50 mixture of chi-squared on 2 and 3 degrees of freedom"


def test_fixed_terms_take_the_plain_distribution():
    test = likelihood_ratio(7.1, extra_fixed=3)
    assert test.p_value == pytest.approx(chi2.sf(7.1, 3))
    assert test.reference == "chi-squared on 3 degrees of freedom"
    assert likelihood_ratio(1.0, extra_fixed=1).reference == "chi-squared on 1 degree of freedom"


@pytest.mark.parametrize("statistic", [0.0, -1e-5, 1e-8])
@pytest.mark.parametrize("added", [(0,), (1,)])
def test_no_gain_is_no_evidence(statistic, added):
    test = likelihood_ratio(statistic, added=added)
    assert (test.statistic, test.p_value) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("extra_fixed", "added"), [(0, (0, 0)), (0, (0, 1)), (1, (0,)), (2, (0, 1))]
)
def test_several_at_once_are_sent_to_the_bootstrap(extra_fixed, added):
    with pytest.raises(ModelError, match="parametric bootstrap"):
        likelihood_ratio(3.0, extra_fixed, added)


@pytest.mark.parametrize(("extra_fixed", "added"), [(0, ()), (-1, ()), (0, (-1,))])
def test_nothing_added_is_no_test(extra_fixed, added):
    with pytest.raises(ModelError, match="adds nothing"):
        likelihood_ratio(3.0, extra_fixed, added)


@pytest.mark.parametrize("statistic", [-0.5, np.nan, np.inf])
def test_impossible_statistics_are_refused(statistic):
    with pytest.raises(ModelError, match="likelihood"):
        likelihood_ratio(statistic, added=(0,))


def test_a_fit_tells_its_spread_in_plain_terms():
    components = pd.DataFrame(
        {
            "group": ["adviser", "adviser", "adviser", "office"],
            "term": ["Intercept", "rapport", "Intercept", "Intercept"],
            "term2": ["", "", "rapport", ""],
            "std_dev": [0.6, 0.2, np.nan, 0.3],
        }
    )
    table = plain_terms(components, {"rapport": 0.5}, 0.0, LOGISTIC_VARIANCE)
    assert table["group"].tolist() == ["adviser", "adviser", "office"]
    total = 0.36 + 0.09 + np.pi**2 / 3
    assert table["latent_icc"].to_numpy() == pytest.approx(
        [0.36 / total, np.nan, 0.09 / total], nan_ok=True
    )
    assert table.loc[0, "median_odds_ratio"] == pytest.approx(np.exp(0.95387 * 0.6), rel=1e-4)
    assert table.loc[0, "probability_icc"] == pytest.approx(
        probability_icc(np.zeros(1), 0.6, 0.3)[0]
    )
    assert table.loc[1, "slopes_from"] == pytest.approx(0.5 - 1.2816 * 0.2, abs=1e-4)
    linear = plain_terms(components, {}, 0.0, 1.0)
    assert linear["median_odds_ratio"].isna().all()
    assert linear.loc[0, "latent_icc"] == pytest.approx(0.36 / 1.45)
