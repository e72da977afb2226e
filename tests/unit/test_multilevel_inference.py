"""Profiles, likelihood-ratio tests, bootstrap and cluster covariance of multilevel fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_gee, fit_logit, fit_multilevel
from deepvalue_stats.models.multilevel.profile import Surface, Target, profile
from deepvalue_stats.models.multilevel.robust import cluster_scores

ADVISER = "job ~ x + (1 | adviser)"
SLOPE = "job ~ x + (1 + x | adviser)"


def made(sd: float = 0.7, n: int = 600, groups: int = 30, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    adviser = rng.integers(0, groups, n)
    client = 10 * (adviser // 3) + rng.integers(0, 8, n)
    x = rng.normal(size=n)
    u = sd * rng.normal(size=(2, groups))
    eta = -0.2 + (0.5 + u[1, adviser]) * x + u[0, adviser] + 0.5 * rng.normal(size=500)[client]
    return pd.DataFrame(
        {
            "job": (rng.random(n) < expit(eta)).astype(float),
            "hours": 20 + 3 * eta + 2 * rng.normal(size=n),
            "x": x,
            "one": 1.0,
            "adviser": adviser,
            "client": client,
            "service": adviser // 3,
            "times": rng.integers(1, 4, n).astype(float),
        }
    )


def balanced() -> pd.DataFrame:
    """Every adviser has the same share of jobs: the variance between them is zero."""
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "job": np.tile([0.0, 1.0], 300),
            "x": rng.normal(size=600),
            "adviser": np.repeat(np.arange(30), 20),
        }
    )


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return made()


@pytest.fixture(scope="module")
def fit(rows):
    return fit_multilevel(ADVISER, rows)


@pytest.fixture(scope="module")
def slope(rows):
    return fit_multilevel(SLOPE, rows)


def refusal(call, *arguments, **options) -> str:
    with pytest.raises(ModelError) as caught:
        call(*arguments, **options)
    return str(caught.value)


# profile intervals


def test_bounds_are_where_the_likelihood_has_fallen_by_the_quantile(fit):
    frame = fit.profile_intervals(["x", "adviser sd Intercept"], level=0.9)
    problem, best = fit.problem, fit.solution.optimum.value
    for place, name in ((2, "x"), (0, "adviser sd Intercept")):
        for bound in frame.loc[name, ["conf_low", "conf_high"]]:
            held = bound * problem.scale[place]
            free = np.delete(np.arange(3), place)

            def value(part, place=place, held=held, free=free):
                point = np.empty(3)
                point[free], point[place] = part, held
                found, gradient = problem(point)
                return found, gradient[free]

            least = minimize(value, fit.solution.point[free], jac=True, tol=1e-12).fun
            assert 2 * (least - best) == pytest.approx(1.644853627**2, abs=1e-4)


def test_a_standard_deviation_does_not_depend_on_the_order_of_effects(rows, slope):
    turned = fit_multilevel("job ~ x + (0 + x + one | adviser)", rows)
    one, other = slope.profile_intervals(), turned.profile_intervals()
    other = other.rename(index={"adviser sd one": "adviser sd Intercept"}).loc[one.index]
    bounds = ["conf_low", "conf_high"]
    np.testing.assert_allclose(one[bounds], other[bounds], rtol=1e-5, atol=1e-6)
    assert (one["note"] == "").all()
    assert (one["conf_low"] < one["estimate"]).all()
    assert (one["conf_high"] > one["estimate"]).all()


def test_a_standard_deviation_of_zero_has_a_lower_bound_of_zero():
    fit = fit_multilevel("job ~ x + (1 + x | adviser)", balanced())
    frame = fit.profile_intervals()
    spreads = frame.loc[["adviser sd Intercept", "adviser sd x"]]
    assert (spreads["conf_low"] == 0).all()
    assert (spreads["conf_high"] > 0.05).all()
    assert np.isfinite(frame.drop(columns="note").to_numpy()).all()


def surface(objective, **options) -> Surface:
    held = {"point": np.zeros(2), "value": 0.0, "hessian": np.eye(2)} | options
    return Surface(
        objective=objective,
        longest=np.ones(2),
        diagonal=np.zeros(2, dtype=bool),
        targets=(Target("a", np.array([0]), 1.0, bounded=False),),
        **held,
    )


def test_a_likelihood_that_does_not_fall_has_no_bound_and_says_so():
    def flat(point):
        a, b = point
        up = a > 0
        gain = 1 - np.exp(-(a**2) / 2) if up else a**2 / 2
        return gain + b**2 / 2, np.array([a * np.exp(-(a**2) / 2) if up else a, b])

    frame = profile(surface(flat), None, 0.95)
    assert frame.loc["a", "conf_low"] == pytest.approx(-1.959964, abs=1e-4)
    assert np.isnan(frame.loc["a", "conf_high"])
    assert frame.loc["a", "note"].startswith("upper bound: the likelihood does not fall")


def test_a_maximum_that_is_none_has_no_bounds():
    def tilted(point):
        return float((point - 1) @ (point - 1)) / 2, point - 1

    frame = profile(surface(tilted, value=1.0), None, 0.95)
    assert "a better fit lies beside" in frame.loc["a", "note"]
    assert frame[["conf_low", "conf_high"]].isna().to_numpy().sum() >= 1


def test_the_parameter_must_be_there(fit):
    assert "adviser sd Intercept" in refusal(fit.profile_intervals, ["adviser"])
    assert "between 0 and 1" in refusal(fit.profile_intervals, level=95)


def test_a_linear_model_is_profiled_by_its_likelihood(rows):
    options = {"family": "gaussian"}
    full = fit_multilevel("hours ~ x + (1 | adviser)", rows, reml=False, **options)
    frame = full.profile_intervals()
    assert list(frame.index) == ["Intercept", "x", "adviser sd Intercept", "Residual sd"]
    # the bound of x, by a fit whose offset holds x there
    bound = frame.loc["x", "conf_high"]
    shifted = rows.assign(shift=bound * rows["x"])
    held = fit_multilevel(
        "hours ~ 1 + (1 | adviser)", shifted, offset="shift", reml=False, **options
    )
    assert 2 * (full.loglik - held.loglik) == pytest.approx(3.841459, abs=1e-4)
    restricted = fit_multilevel("hours ~ x + (1 | adviser)", rows, **options)
    np.testing.assert_allclose(
        restricted.profile_intervals().drop(columns="note"), frame.drop(columns="note"), rtol=1e-4
    )


# likelihood-ratio tests


def test_comparison_does_not_depend_on_the_order(rows, fit, slope):
    plain = fit_logit("job ~ x", rows, cluster="adviser")
    assert fit.compare(slope) == slope.compare(fit)
    test = slope.compare(fit)
    assert test.dof == 2
    assert test.statistic == pytest.approx(2 * (slope.loglik - fit.loglik))
    assert test.reference == "50:50 mixture of chi-squared on 1 and 2 degrees of freedom"
    assert fit.compare(plain).statistic == pytest.approx(2 * (fit.loglik - plain.loglik))
    independent = fit_multilevel("job ~ x + (1 + x || adviser)", rows)
    assert slope.compare(independent).reference == "chi-squared on 1 degree of freedom"
    assert independent.compare(fit).dof == 1
    fixed = fit_multilevel("job ~ 1 + (1 | adviser)", rows)
    assert fit.compare(fixed).dof == 1


def test_a_coding_is_no_difference(rows):
    third = rows.assign(kind=np.where(rows["x"] > 0.4, "c", np.where(rows["x"] > -0.4, "b", "a")))
    third = third.assign(high=(third["kind"] == "c").astype(float))
    categories = fit_multilevel("job ~ kind + (1 | adviser)", third)
    one = fit_multilevel("job ~ high + (1 | adviser)", third)
    assert categories.compare(one).dof == 1


def test_what_cannot_be_compared_is_refused(rows, fit, slope):
    plain = fit_logit("job ~ x", rows, cluster="adviser")
    other = fit_multilevel("job ~ one:x + times + (1 | adviser)", rows)
    assert "several random effects" in refusal(slope.compare, plain)
    assert "adds nothing" in refusal(fit.compare, fit)
    assert "neither model contains the other: times" in refusal(other.compare, slope)
    crossed = fit_multilevel("job ~ x + (1 | client)", rows)
    assert "the effects Intercept of" in refusal(crossed.compare, fit)
    few = fit_multilevel(ADVISER, rows.iloc[:-1])
    assert "599" in refusal(few.compare, fit)
    turned = fit_multilevel(ADVISER, rows.iloc[::-1])
    assert "order of the rows" in refusal(turned.compare, fit)
    exact = fit_multilevel("job ~ 1 + (1 | adviser)", rows, quadrature_points=7)
    assert "quadrature points" in refusal(exact.compare, fit)
    counted = fit_multilevel("job ~ 1 + (1 | adviser)", rows, frequency="times")
    assert "frequencies" in refusal(counted.compare, fit)
    shrunk = fit_multilevel("job ~ 1 + x + (1 | adviser)", rows, prior_sd=1.0)
    assert "prior" in refusal(slope.compare, shrunk)
    gee = fit_gee("job ~ x", rows, group="adviser")
    assert "has no likelihood" in refusal(fit.compare, gee)
    linear = fit_multilevel("hours ~ x + (1 | adviser)", rows, family="gaussian")
    assert "families differ" in refusal(linear.compare, fit)
    shorter = fit_multilevel("hours ~ 1 + (1 | adviser)", rows, family="gaussian")
    assert "restricted likelihoods" in refusal(linear.compare, shorter)


def test_a_smaller_model_with_no_variance_asks_for_the_bootstrap():
    rows = balanced()
    small = fit_multilevel(ADVISER, rows)
    large = fit_multilevel(SLOPE, rows)
    assert "use bootstrap_test" in refusal(large.compare, small)
    assert "approximate" in small.compare(fit_multilevel("job ~ 1 + (1|adviser)", rows)).reference


# bootstrap


def test_the_bootstrap_does_not_depend_on_workers(fit):
    runs = [fit.bootstrap(19, rng=np.random.default_rng(3), workers=workers) for workers in (1, 2)]
    pd.testing.assert_frame_equal(runs[0].estimates, runs[1].estimates, rtol=1e-12)
    other = fit.bootstrap(19, rng=np.random.default_rng(4))
    assert not np.array_equal(runs[0].theta, other.theta)


def test_refits_scatter_as_the_standard_errors_say(fit):
    result = fit.bootstrap(199, rng=np.random.default_rng(1), workers=2)
    assert result.counts["drawn"] == 199
    assert result.counts["failed"] == 0
    spread = result.estimates[list(fit.terms)].std() / fit.bse
    assert ((spread > 0.8) & (spread < 1.25)).all()
    shift = (result.estimates.mean() - result.estimate)[list(fit.terms)] / fit.bse
    assert (shift.abs() < 0.3).all()
    for kind in ("percentile", "studentized"):
        interval = result.conf_int(kind).loc["x"]
        wald = fit.conf_int().loc["x"]
        assert interval["conf_low"] == pytest.approx(wald["conf_low"], abs=0.5 * fit.bse[1])
        assert interval["refits"] == 199
    assert "adviser sd Intercept" in result.conf_int().index


def test_a_statistic_is_asked_of_every_refit(fit):
    result = fit.bootstrap(
        19, rng=np.random.default_rng(1), statistic=lambda refit: refit.predict().mean()
    )
    assert result.estimate["statistic"] == pytest.approx(fit.predict().mean())
    assert result.estimates["statistic"].between(0.2, 0.8).all()
    named = fit.bootstrap(
        19, rng=np.random.default_rng(1), statistic=lambda refit: pd.Series({"b": refit.params[1]})
    )
    np.testing.assert_array_equal(named.estimates["b"], named.estimates["x"])


def test_refits_that_fail_are_counted():
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"adviser": np.repeat(np.arange(12), 5), "rare": np.tile([1, 0, 0], 20)})
    rows["job"] = (rng.random(60) < np.where(rows["rare"] == 1, 0.12, 0.5)).astype(float)
    fit = fit_multilevel("job ~ rare + (1 | adviser)", rows)
    result = fit.bootstrap(60, rng=np.random.default_rng(7))
    failed = (result.status != "ok").to_numpy()
    assert 0 < failed.sum() == result.counts["failed"]
    assert set(result.status) == {"ok", "separated"}
    assert result.estimates[failed].isna().all(axis=None)
    assert result.estimates[~failed].notna().all(axis=None)
    assert (result.conf_int()["refits"] == result.counts["found"]).all()


@pytest.mark.parametrize("option", ["frequency", "weights"])
def test_trials_are_kept(option):
    rows = made().assign(job=lambda frame: frame["job"] * frame["times"])
    if option == "frequency":
        rows["job"] = (rows["job"] > 0).astype(float)
    fit = fit_multilevel(ADVISER, rows, **{option: "times"})
    result = fit.bootstrap(40, rng=np.random.default_rng(1))
    spread = result.estimates["x"].std() / fit.bse[1]
    assert 0.7 < spread < 1.4


def test_several_variances_are_tested_by_bootstrap(rows, slope):
    plain = fit_logit("job ~ x", rows, cluster="adviser")
    test = slope.bootstrap_test(plain, 39, rng=np.random.default_rng(1))
    assert test.p_value == pytest.approx(1 / 40)
    assert test.failed == 0
    assert (test.draws > -1e-3).all()
    empty = balanced()
    none = fit_multilevel(ADVISER, empty)
    test = none.bootstrap_test(
        fit_logit("job ~ x", empty, cluster="adviser"), 39, rng=np.random.default_rng(1)
    )
    assert test.p_value == 1.0
    # the gain is zero in about half of all draws
    assert 0.3 < (test.draws < 1e-6).mean() < 0.9


def test_a_linear_model_is_drawn_from_too(rows):
    full = fit_multilevel("hours ~ x + (1 + x | adviser)", rows, family="gaussian")
    result = full.bootstrap(60, rng=np.random.default_rng(1), workers=2)
    assert result.counts["found"] == 60
    assert result.estimates["Residual sd"].mean() == pytest.approx(full.sigma, rel=0.03)
    spread = result.estimates["x"].std() / full.bse[1]
    assert 0.7 < spread < 1.4


def test_a_weighted_linear_model_is_drawn_with_its_weights(rows):
    full = fit_multilevel(
        "hours ~ x + (1 | adviser)", rows, family="gaussian", weights="times", offset="x"
    )
    result = full.bootstrap(40, rng=np.random.default_rng(1))
    assert result.estimates["Residual sd"].mean() == pytest.approx(full.sigma, rel=0.03)
    assert result.estimates["x"].mean() == pytest.approx(full.params[1], abs=full.bse[1])


def test_the_bootstrap_refuses_what_says_nothing(fit):
    assert "19 draws or more" in refusal(fit.bootstrap, 5, rng=np.random.default_rng(1))
    result = fit.bootstrap(19, rng=np.random.default_rng(1))
    assert "percentile or studentized" in refusal(result.conf_int, "normal")


# cluster covariance


def dense_laplace(point, x, loadings, y):
    """Minus the Laplace log-likelihood of one cluster, by dense algebra; point: theta, beta."""
    k = len(loadings)
    z = np.hstack([theta * loading for theta, loading in zip(point[:k], loadings, strict=True)])
    u = np.zeros(z.shape[1])
    for _ in range(50):
        mean = expit(x @ point[k:] + z @ u)
        information = np.eye(len(u)) + (z.T * (mean * (1 - mean))) @ z
        u = u + np.linalg.solve(information, z.T @ (y - mean) - u)
    eta = x @ point[k:] + z @ u
    loglik = (y * eta - np.logaddexp(0, eta)).sum()
    return -loglik + u @ u / 2 + np.linalg.slogdet(information)[1] / 2


@pytest.mark.parametrize(
    "random", ["(1 | service) + (1 | adviser)", "(1 | adviser) + (1 | client)"]
)
def test_scores_of_clusters_are_slopes_of_their_own_likelihood(rows, random):
    fit = fit_multilevel(f"job ~ x + {random}", rows, covariance="cluster:service")
    labels = pd.factorize(rows["service"])[0]
    scores = cluster_scores(fit.problem, fit.solution.point, labels) * fit.problem.scale
    np.testing.assert_allclose(scores.sum(axis=0), 0, atol=1e-6)
    point = np.concatenate([fit.theta, fit.params])
    for cluster in (0, 4):
        here = rows[labels == cluster]
        x = np.column_stack([np.ones(len(here)), here["x"]])
        loadings = [
            pd.get_dummies(here[factor.name]).to_numpy(dtype="float64")
            for factor in fit.random.design.factors
        ]
        y = here["job"].to_numpy()
        for place in range(len(point)):
            shift = np.zeros(len(point))
            shift[place] = 1e-4
            ahead = dense_laplace(point + shift, x, loadings, y)
            behind = dense_laplace(point - shift, x, loadings, y)
            assert -(ahead - behind) / 2e-4 == pytest.approx(scores[cluster, place], abs=1e-5)


@pytest.mark.parametrize("points", [1, 7])
def test_both_ways_to_the_scores_agree(rows, points):
    """Trees in one pass, and one cluster after the other, by quadrature near to Laplace."""
    fit = fit_multilevel(ADVISER, rows, quadrature_points=points, covariance="cluster:service")
    model = fit_multilevel(ADVISER, rows, quadrature_points=points)
    assert fit.loglik == model.loglik
    np.testing.assert_array_equal(fit.interval_covariance, fit.covariance)
    assert (fit.bse / model.bse < 2).all()
    assert (fit.bse / model.bse > 0.5).all()
    assert (fit.degrees <= 9).all()


def test_without_variance_it_is_the_sandwich_of_the_plain_logit():
    rows = balanced()
    fit = fit_multilevel(ADVISER, rows, covariance="cluster:adviser")
    plain = fit_logit("job ~ x", rows, cluster="adviser")
    assert fit.convergence.singular
    np.testing.assert_allclose(fit.covariance, plain.covariance, rtol=1e-6)
    assert not fit.joint[0].any()


def test_clusters_must_be_many_and_hold_every_group(rows):
    few = rows.assign(region=rows["service"] // 2)
    said = refusal(fit_multilevel, ADVISER, few, covariance="cluster:region")
    assert "only 5 clusters of region" in said
    said = refusal(
        fit_multilevel, "job ~ x + (1 | adviser) + (1 | service)", rows,
        covariance="cluster:adviser",
    )  # fmt: skip
    assert "groups of service lie in several clusters of adviser" in said
    assert "groups of adviser lie" not in said
