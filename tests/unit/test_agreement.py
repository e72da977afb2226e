"""ICC(1), ICC(2) and shrunken means: formulas by hand, a dense likelihood, planted truth."""

import time

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from deepvalue_stats.bench.agreement import icc_coverage
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import agreement, mean_reliability, practitioner_means
from deepvalue_stats.measures.caseloads import group_ratings
from deepvalue_stats.measures.one_way import GRID, best_ratio, one_way
from deepvalue_stats.models import fit_multilevel

CASELOADS = np.arange(1, 61)


def drawn(icc, caseloads, seed=1):
    """Normal ratings around 5 with an ICC; practitioners named in no order."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(len(caseloads)), caseloads)
    between = np.sqrt(icc) * rng.standard_normal(len(caseloads))
    ratings = 5 + between[whose] + np.sqrt(1 - icc) * rng.standard_normal(len(whose))
    mixed = rng.permutation(len(whose))
    return ratings[mixed], np.array([f"P{i}" for i in whose], dtype=object)[mixed]


def dense_loglik(lam, ratings, whose):
    """The restricted log-likelihood from the covariance matrix of all rows."""
    same = whose[:, None] == whose[None, :]
    unit = np.eye(len(ratings)) + lam * same
    inverse, one = np.linalg.inv(unit), np.ones(len(ratings))
    known = one @ inverse @ one
    apart = ratings - one @ inverse @ ratings / known
    degrees = len(ratings) - 1
    variance = apart @ inverse @ apart / degrees
    halves = degrees * (1 + np.log(2 * np.pi * variance)) + np.log(known)
    return -(halves + np.linalg.slogdet(unit)[1]) / 2


# --- mean squares --------------------------------------------------------------------------------

# caseloads 3, 2 and 1; means 2, 5 and 9; the grand mean is 25 / 6
HAND = np.array([1.0, 2, 3, 4, 6, 9]), np.array(list("aaabbc"))


def test_mean_squares_by_hand():
    """MSB = (3 (13/6)^2 + 2 (5/6)^2 + (29/6)^2) / 2, MSW = (2 + 2) / 3, k0 = (6 - 14/6) / 2."""
    found = agreement(*HAND, method="anova")
    msb, msw, k0 = (3 * 169 + 2 * 25 + 841) / 72, 4 / 3, (6 - 14 / 6) / 2
    assert found.average_caseload == pytest.approx(k0, rel=1e-14)
    assert found.icc1 == pytest.approx((msb - msw) / (msb + (k0 - 1) * msw), rel=1e-12)
    assert found.icc2 == pytest.approx((msb - msw) / msb, rel=1e-12)
    least = msb / msw / stats.f(2, 3).ppf(0.975)
    most = msb / msw * stats.f(3, 2).ppf(0.975)
    assert found.icc1_low == pytest.approx((least - 1) / (least + k0 - 1), rel=1e-12)
    assert found.icc1_high == pytest.approx((most - 1) / (most + k0 - 1), rel=1e-12)
    assert found.icc2_low == pytest.approx(1 - 1 / least, rel=1e-9)
    assert (found.practitioners, found.ratings, found.status) == (3, 6, "ok")
    quartiles = found.caseload
    assert (quartiles.smallest, quartiles.median, quartiles.largest) == (1, 2, 3)
    assert (quartiles.lower_quartile, quartiles.upper_quartile) == (1.5, 2.5)


@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("seed", range(3))
def test_mean_squares_are_those_of_pingouin_where_caseloads_are_equal(seed):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame([(p, c) for p in range(12) for c in range(5)], columns=["whom", "client"])
    rows["score"] = rng.normal(size=12)[rows["whom"]] * 0.5 + rng.normal(size=60)
    found = agreement(rows["score"].to_numpy(), rows["whom"].to_numpy(), method="anova")
    told = pingouin.intraclass_corr(rows, "whom", "client", "score").set_index("Type")["ICC"]
    assert found.icc1 == pytest.approx(told["ICC(1,1)"], rel=1e-9)
    assert found.icc2 == pytest.approx(told["ICC(1,k)"], rel=1e-9)


@pytest.mark.parametrize("method", ["reml", "anova"])
def test_unequal_caseloads_neither_stop_it_nor_lose_practitioners(method):
    """Of ten practitioners two have all four ratings: what looks for a full table keeps two."""
    ratings, whose = drawn(0.4, [4, 4, 3, 3, 3, 3, 2, 2, 1, 1])
    found = agreement(ratings, whose, method=method)
    assert (found.practitioners, found.ratings) == (10, 26)
    two = np.isin(whose, ["P0", "P1"])
    assert found.icc1 != agreement(ratings[two], whose[two], method=method).icc1


def test_mean_squares_may_be_negative_and_the_likelihood_is_then_nought():
    """Means 2, 2, 2.5: closer than ratings of one practitioner would let them be by chance."""
    ratings, whose = np.array([1.0, 3, 1, 3, 1, 4]), np.array(list("aabbcc"))
    squares, likelihood = agreement(ratings, whose, method="anova"), agreement(ratings, whose)
    msb, msw = 2 * (2 * (1 / 6) ** 2 + (1 / 3) ** 2) / 2, (2 + 2 + 4.5) / 3
    assert squares.icc1 == pytest.approx((msb - msw) / (msb + msw), rel=1e-12)
    assert squares.icc1 < 0
    assert (likelihood.icc1, likelihood.icc2, likelihood.icc1_low) == (0, 0, 0)
    assert likelihood.icc1_high > 0
    assert squares.status == likelihood.status == "zero"


def test_means_that_do_not_differ_at_all_have_the_limit():
    found = agreement(np.array([1.0, 3, 1, 3, 1, 3]), np.array(list("aabbcc")), method="anova")
    assert found.icc1 == -1
    assert found.icc2 == -np.inf


# --- restricted likelihood -----------------------------------------------------------------------


@pytest.mark.parametrize("lam", [0.0, 0.01, 0.3, 7.0])
def test_the_deviance_is_that_of_the_covariance_of_all_rows(lam):
    ratings, whose = drawn(0.2, [1, 1, 2, 5, 9], seed=3)
    model = one_way(group_ratings(ratings, whose))
    assert model.deviance(lam) == pytest.approx(-2 * dense_loglik(lam, ratings, whose), rel=1e-12)


@pytest.mark.parametrize("lam", [1e-4, 0.05, 2.0, 300.0])
def test_the_slope_is_that_of_the_deviance(lam):
    model = one_way(group_ratings(*drawn(0.2, [1, 1, 2, 5, 9], seed=3)))
    step = 1e-5 * lam
    difference = (model.deviance(lam + step) - model.deviance(lam - step)) / (2 * step)
    assert model.slope(lam) == pytest.approx(float(difference), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("icc", [0.0, 0.01, 0.05, 0.2, 0.6, 0.95])
def test_it_is_the_linear_mixed_model(icc):
    """Caseloads from 1 to 60, by the package's own model of all rows."""
    ratings, whose = drawn(icc, CASELOADS, seed=7)
    fit = fit_multilevel(
        "y ~ 1 + (1 | whom)", pd.DataFrame({"y": ratings, "whom": whose}), family="gaussian"
    )
    between, within = fit.variance_components["variance"]
    means = practitioner_means(ratings, whose)
    assert agreement(ratings, whose).icc1 == pytest.approx(between / (between + within), abs=1e-9)
    assert means.between_variance == pytest.approx(between, abs=1e-8)
    assert means.within_variance == pytest.approx(within, rel=1e-8)
    assert means.grand_mean == pytest.approx(fit.params[0], rel=1e-9)
    assert means.grand_mean_error == pytest.approx(fit.bse[0], rel=1e-8)
    modes = fit.conditional_modes("whom").loc[means.practitioner]
    np.testing.assert_allclose(means.shrunken, fit.params[0] + modes["Intercept"], rtol=1e-8)
    np.testing.assert_allclose(means.conditional_error, modes["Intercept_se"], rtol=1e-6, atol=1e-9)


def test_the_limits_lie_where_chi_squared_ends():
    ratings, whose = drawn(0.6, [1, 2, 3, 5, 8, 8, 13, 2], seed=5)
    found = agreement(ratings, whose)
    best = dense_loglik(found.icc1 / (1 - found.icc1), ratings, whose)
    for limit in (found.icc1_low, found.icc1_high):
        assert 0 < limit < 1
        lower = dense_loglik(limit / (1 - limit), ratings, whose)
        assert 2 * (best - lower) == pytest.approx(stats.chi2(1).ppf(0.95), rel=1e-8)
    assert found.icc1_low < found.icc1 < found.icc1_high
    narrow = agreement(ratings, whose, level=0.5)
    assert found.icc1_low < narrow.icc1_low < narrow.icc1_high < found.icc1_high


def test_a_lower_limit_is_nought_where_nought_is_not_rejected():
    found = agreement(*drawn(0.05, [3, 4, 5, 6, 7, 8], seed=11))
    assert found.status == "ok"
    assert found.icc1_low == found.icc2_low == 0


caseloads = st.lists(st.integers(1, 9), min_size=2, max_size=12).filter(lambda n: max(n) > 1)
seeds = st.integers(0, 10**6)


@settings(max_examples=60, deadline=None)
@given(caseloads, seeds, st.floats(0.01, 1000), st.floats(-1000, 1000))
def test_unit_origin_order_and_names_do_not_matter(n, seed, unit, origin):
    whose = np.repeat(np.arange(len(n)), n)
    rng = np.random.default_rng(seed)
    ratings = rng.normal(size=len(whose)) + whose % 3
    order = rng.permutation(len(whose))
    told = agreement(ratings, whose)
    other = agreement(
        (origin + unit * ratings)[order], np.array(list("abcdefghijkl"))[whose][order]
    )
    assert other.icc1 == pytest.approx(told.icc1, abs=1e-7)
    assert other.icc1_low == pytest.approx(told.icc1_low, abs=1e-6)
    assert other.icc1_high == pytest.approx(told.icc1_high, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(caseloads, seeds)
def test_no_ratio_has_less_deviance_than_the_one_that_is_found(n, seed):
    whose = np.repeat(np.arange(len(n)), n)
    model = one_way(group_ratings(np.random.default_rng(seed).normal(size=len(whose)), whose))
    best = best_ratio(model)
    assert (model.deviance(best) <= model.deviance(GRID) + 1e-9).all()
    assert best == 0 or abs(model.slope(best)) * best < 1e-6


@pytest.mark.parametrize(
    "caseloads", [CASELOADS, np.repeat([1, 2, 5, 40], 5)], ids=["1 to 60", "few"]
)
def test_the_interval_holds_a_planted_icc_as_often_as_it_says(caseloads):
    found = icc_coverage(0.05, caseloads, 300, rng=np.random.default_rng(20110523))
    assert abs(found.coverage - 0.95) < 3 * found.noise
    assert found.mean == pytest.approx(0.05, abs=0.004)


def test_without_differences_half_of_the_estimates_are_nought_and_no_interval_lies_below():
    found = icc_coverage(0.0, CASELOADS, 300, rng=np.random.default_rng(4))
    assert 0.4 < found.zeros / found.draws < 0.65
    assert found.below == 0
    assert found.coverage == 1 - found.above / 300 >= 0.95


def test_a_million_ratings_take_less_than_a_second():
    rng = np.random.default_rng(1)
    whose = rng.integers(0, 10_000, 1_000_000)
    ratings = rng.normal(size=10**6)
    began = time.perf_counter()
    agreement(ratings, whose)
    assert time.perf_counter() - began < 1


# --- means ---------------------------------------------------------------------------------------


def test_every_mean_has_its_own_reliability():
    means = practitioner_means(*drawn(0.2, [1, 4, 20, 20, 9], seed=2))
    r, n = means.icc1, means.ratings
    assert 0 < r < 1
    known = n * r / (1 + (n - 1) * r)
    np.testing.assert_allclose(means.reliability, known, rtol=1e-12)
    np.testing.assert_allclose(
        means.shrunken, known * means.mean + (1 - known) * means.grand_mean, rtol=1e-12
    )
    weight = n / (1 + (n - 1) * r)
    assert means.grand_mean == pytest.approx((weight * means.mean).sum() / weight.sum(), rel=1e-12)
    conditional = means.between_variance * (1 - known)
    np.testing.assert_allclose(means.conditional_error**2, conditional, rtol=1e-12)
    grand = ((1 - known) * means.grand_mean_error) ** 2
    np.testing.assert_allclose(means.std_error**2, conditional + grand, rtol=1e-12)
    with pytest.raises(ValueError, match="read-only"):
        means.shrunken[0] = 0


def test_errors_of_shrunken_means_are_what_they_say():
    """Over many draws, (m_j - true)^2 is on average std_error^2, the variances being well known."""
    caseloads, ratio = np.repeat([2, 5, 20], 40), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        whose = np.repeat(np.arange(120), caseloads)
        true = 0.5 * rng.standard_normal(120)
        means = practitioner_means(true[whose] + rng.standard_normal(len(whose)), whose)
        ratio.append(((means.shrunken - true) ** 2 / means.std_error**2).mean())
    assert np.mean(ratio) == pytest.approx(1, abs=0.04)


def test_means_do_not_show_who_they_are():
    shown = repr(practitioner_means(*drawn(0.2, [3, 4, 5])))
    assert "P0" not in shown
    assert "shrunken" not in shown


def test_without_differences_every_mean_is_the_grand_mean():
    means = practitioner_means(np.array([1.0, 3, 1, 3, 1, 4]), np.array(list("aabbcc")))
    assert means.icc1 == 0
    np.testing.assert_allclose(means.shrunken, 13 / 6, rtol=1e-14)
    np.testing.assert_array_equal(means.conditional_error, 0)
    np.testing.assert_allclose(means.std_error, means.grand_mean_error)


def test_the_reliability_of_a_mean_grows_with_its_ratings():
    assert mean_reliability(0.05, 1) == 0.05
    assert mean_reliability(0.05, 19) == pytest.approx(0.5)
    assert mean_reliability(1.0, 7) == 1
    assert mean_reliability(0.0, 100) == 0


# --- what cannot be computed ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["reml", "anova"])
def test_ratings_that_never_differ_within_a_practitioner_are_an_icc_of_one(method):
    """0.1 + 0.2 is not 0.3: rounding is no variation."""
    ratings = np.array([0.3, 0.1 + 0.2, 0.3, 0.7, 0.7, 0.8 - 0.1])
    found = agreement(ratings, np.array(list("aaabbb")), method=method)
    assert (found.icc1, found.icc2, found.status) == (1, 1, "one")
    assert np.isnan([found.icc1_low, found.icc1_high, found.icc2_low, found.icc2_high]).all()
    means = practitioner_means(ratings, np.array(list("aaabbb")))
    np.testing.assert_allclose(means.shrunken, [0.3, 0.7])
    np.testing.assert_array_equal(means.std_error, 0)
    assert means.grand_mean == pytest.approx(0.5)


def test_almost_no_variation_within_is_still_found():
    """A within variance of 1e-20 of that between: the ratio is far outside any grid of ICCs."""
    ratings = np.array([1.0, 1 + 1e-10, 2, 2 + 1e-10, 4, 4 - 1e-10])
    found = agreement(ratings, np.array(list("aabbcc")))
    assert found.status == "ok"
    assert 0 < 1 - found.icc1 < 1e-15 or found.icc1 == 1


WHERE = "\n  where: ratings of practitioners\n  fix:   "


@pytest.mark.parametrize(
    ("ratings", "whose", "words"),
    [
        (
            [1.0, 2, 3],
            ["a", "a", "a"],
            f"one practitioner only{WHERE}how far practitioners differ needs two or more",
        ),
        ([], [], f"no practitioner{WHERE}how far practitioners differ needs two or more"),
        (
            [1.0, 2, 3],
            ["a", "b", "c"],
            f"every practitioner has one rating{WHERE}clients of one practitioner have to be "
            "compared: give two ratings or more of some",
        ),
        (
            [0.3, 0.1 + 0.2, 0.3],
            ["a", "b", "b"],
            f"no rating differs from another{WHERE}leave the measure out",
        ),
        (
            [1.0, np.nan, np.inf, 2],
            ["a", "a", "b", "b"],
            f"2 of 4 rows have no rating{WHERE}drop these rows beforehand, and count them",
        ),
        (
            [1.0, 2, 3],
            ["a", "b"],
            f"3 ratings and 2 practitioners are not row for row{WHERE}give one of each for every "
            "row",
        ),
    ],
    ids=["one", "none", "one each", "no variation", "missing", "lengths"],
)
@pytest.mark.parametrize("asked", [agreement, practitioner_means])
def test_refusals(asked, ratings, whose, words):
    with pytest.raises(ModelError) as refused:
        asked(np.array(ratings, dtype="float64"), np.array(whose, dtype=object))
    assert str(refused.value) == f"ModelError: {words}"


def test_missing_ratings_and_practitioners_are_told_together():
    with pytest.raises(ModelError) as refused:
        agreement(np.array([1.0, np.nan, 2]), np.array(["a", "a", None], dtype=object))
    where = "\n     where: ratings of practitioners\n     fix:   drop these rows beforehand, and "
    assert str(refused.value) == (
        f"ModelError: 2 problems\n1. 1 of 3 rows have no rating{where}count them"
        f"\n2. 1 of 3 rows have no practitioner{where}count them"
    )


def test_there_are_two_methods():
    with pytest.raises(ModelError) as refused:
        agreement(*HAND, method="lmer")
    assert str(refused.value) == (
        'ModelError: no method \'lmer\'\n  where: agreement\n  fix:   use "reml" or "anova"'
    )
