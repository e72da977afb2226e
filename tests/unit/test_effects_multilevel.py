"""Effects of multilevel fits: random effects averaged out, and what their variance is worth."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from deepvalue_stats.effects import average_effect, predicted_curve
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_gee, fit_multilevel
from deepvalue_stats.models.multilevel.lambdas import as_lambdas

INTERCEPTS = "y ~ x + age + (1 | practitioner)"
SLOPES = "y ~ x * C(band) + (1 + x | practitioner) + (1 | service)"
SHARED = "y ~ x + age + (1 + x | mm(practitioner, second; share, rest))"


def people(n=900, seed=5):
    rng = np.random.default_rng(seed)
    own, office = rng.normal(size=(2, 45)), rng.normal(scale=0.6, size=9)
    practitioner = rng.integers(45, size=n)
    frame = pd.DataFrame({"client": np.arange(n).astype("str"), "practitioner": practitioner})
    frame["service"] = practitioner % 9
    frame["second"] = rng.integers(45, size=n)
    frame["share"] = rng.choice([0.5, 0.8, 1.0], size=n)
    frame["rest"] = 1 - frame["share"]
    frame["x"] = rng.normal(0.5, 1, size=n) + 0.3 * own[0, practitioner]
    frame["age"] = rng.normal(size=n)
    frame["band"] = rng.choice(["low", "high"], size=n)
    slope = 0.4 + 0.5 * own[1, practitioner]
    eta = -0.4 + slope * frame["x"] + own[0, practitioner] + office[frame["service"]]
    return frame.assign(y=(rng.random(n) < expit(eta)).astype(float))


DATA = people()


@pytest.fixture(scope="module", params=[INTERCEPTS, SLOPES, SHARED], ids=["one", "slopes", "mm"])
def fit(request):
    return fit_multilevel(request.param, DATA)


def effect(fit, **options):
    return average_effect(fit, "x", **options).frame


def moved(fit, place, step):
    """The same fit with one of its variance parameters and coefficients elsewhere."""
    k = len(fit.theta)
    point = np.concatenate([fit.theta, fit.params])
    point[place] += step
    lambdas = as_lambdas(fit.random.design.factors, point[:k])
    random = replace(fit.random, lambdas=lambdas)
    return replace(fit, theta=point[:k], params=point[k:], random=random)


def gradient(fit, ask, step=1e-4):
    d = len(fit.theta) + len(fit.params)
    return np.array(
        [(ask(moved(fit, i, step)) - ask(moved(fit, i, -step))) / (2 * step) for i in range(d)]
    )


def mean_slope(fit, at="population", step=1e-4):
    up, down = (fit.predict(DATA.assign(x=DATA["x"] + h), at).mean() for h in (step, -step))
    return (up - down) / (2 * step)


@pytest.mark.parametrize("at", ["population", "typical"])
def test_it_is_the_change_of_the_mean_prediction(fit, at):
    row = effect(fit, contrast="point", at=at).iloc[0]
    assert row["estimate"] == pytest.approx(mean_slope(fit, at), rel=1e-6)


@pytest.mark.parametrize("at", ["population", "typical"])
def test_its_error_counts_what_is_unknown_of_the_variance(fit, at):
    by_hand = gradient(fit, lambda other: mean_slope(other, at))
    variance = by_hand @ fit.interval_joint @ by_hand
    row = effect(fit, contrast="point", at=at).iloc[0]
    assert row["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-5)
    half = stats.t.ppf(0.975, row["dof"]) * row["std_error"]
    assert row["conf_high"] - row["estimate"] == pytest.approx(half, rel=1e-12)


def test_a_random_slope_moves_the_variance_with_the_exposure():
    """Left out, the effect would be another one."""
    fit = fit_multilevel(SLOPES, DATA)
    eta = fit.design.matrix @ fit.params
    still = fit.population_variance()
    change = fit.design.rebuild(DATA.assign(x=DATA["x"] + 1)) - fit.design.matrix
    held = [
        expit(eta[:, None] + np.sqrt(still)[:, None] * z) for z in np.linspace(-6, 6, 201)[None]
    ]
    weights = stats.norm.pdf(np.linspace(-6, 6, 201))
    slopes = (held[0] * (1 - held[0])) @ weights / weights.sum() * (change @ fit.params)
    assert abs(slopes.mean() / effect(fit, contrast="point")["estimate"][0] - 1) > 0.01


def test_groups_and_their_difference_come_from_one_covariance():
    fit = fit_multilevel(SLOPES, DATA)

    def slope_in(other, band):
        up, down = (other.predict(DATA.assign(x=DATA["x"] + h)) for h in (1e-4, -1e-4))
        return ((up - down) / 2e-4)[DATA["band"] == band].mean()

    found = effect(fit, contrast="point", by="band", reference="high").set_index("group")
    by_hand = gradient(fit, lambda other: slope_in(other, "low") - slope_in(other, "high"))
    variance = by_hand @ fit.interval_joint @ by_hand
    assert found.loc["low minus high", "std_error"] == pytest.approx(np.sqrt(variance), rel=1e-5)


def test_averaging_draws_the_effect_towards_zero_and_is_near_the_marginal_models():
    fit = fit_multilevel(INTERCEPTS, DATA)
    gee = fit_gee("y ~ x + age", DATA, group="practitioner")
    at_odds = effect(fit, scale="log_odds")["estimate"][0]
    assert at_odds > 1.05 * effect(gee, scale="log_odds")["estimate"][0]
    population = effect(fit)["estimate"][0]
    assert population == pytest.approx(effect(gee)["estimate"][0], rel=0.05)
    assert effect(fit, at="typical")["estimate"][0] > 1.05 * population


def test_log_odds_are_the_coefficients_with_their_own_degrees_of_freedom(fit):
    row = effect(fit, contrast="point", scale="log_odds").iloc[0]
    if "band" not in fit.spec.formula:
        place = fit.terms.index("x")
        told = fit.coefficients.iloc[place]
        assert row["estimate"] == pytest.approx(told["estimate"], rel=1e-9)
        assert row["std_error"] == pytest.approx(told["interval_error"], rel=1e-9)
        assert row["dof"] == told["dof"]
    assert row["estimand"].endswith(f", for a given {' and '.join(fit.spec.groups)}")


def test_an_exposure_whose_effect_varies_has_the_degrees_of_freedom_of_its_groups():
    rows = DATA.assign(mean=DATA.groupby("practitioner")["x"].transform("mean"))
    fit = fit_multilevel("y ~ x + mean + age + (1 | practitioner)", rows)
    degrees = [average_effect(fit, name).frame["dof"][0] for name in ("x", "mean")]
    assert degrees == [900 - 4, 45 - 2]
    varies = fit_multilevel("y ~ x + age + (1 + x | practitioner)", rows)
    assert average_effect(varies, "x").frame["dof"][0] == 45 - 1


def test_a_curve_is_the_mean_prediction_and_its_interval_the_delta_method(fit):
    curve = predicted_curve(fit, "x", points=3).frame
    for row in curve.itertuples():
        at_x = DATA.assign(x=row.x)
        assert row.y == pytest.approx(fit.predict(at_x).mean(), rel=1e-9)

        def logit(other, rows=at_x):
            p = other.predict(rows).mean()
            return np.log(p / (1 - p))

        by_hand = gradient(fit, logit)
        error = np.sqrt(by_hand @ fit.interval_joint @ by_hand)
        half = stats.t.ppf(0.975, fit.degrees.min()) * error
        bounds = expit(logit(fit) + np.array([-half, half]))
        np.testing.assert_allclose([row.low, row.high], bounds, rtol=1e-5)


def test_a_variance_of_zero_is_an_answer_and_leaves_the_logits_effect():
    rng = np.random.default_rng(2)
    rows = DATA.assign(y=(rng.random(900) < expit(0.5 * DATA["x"])).astype(float))
    rows["nowhere"] = rng.permutation(np.arange(900) % 300)
    fit = fit_multilevel("y ~ x + (1 | nowhere)", rows, inference="z")
    assert fit.convergence.singular, "another draw is needed: this one has a variance"
    p = expit(fit.design.matrix @ fit.params)
    row = effect(fit, contrast="point").iloc[0]
    assert row["status"] == "ok"
    assert row["estimate"] == pytest.approx((p * (1 - p)).mean() * fit.params[1], rel=1e-9)


def test_a_fit_that_is_separated_gives_rows_without_numbers():
    rows = DATA.assign(y=(DATA["x"] > 0.5).astype(float))
    fit = fit_multilevel("y ~ x + (1 | practitioner)", rows)
    assert fit.convergence.status != "ok"
    assert list(effect(fit, by="band", reference="high")["estimate"].isna()) == [True] * 3
    assert predicted_curve(fit, "x").frame.empty


def test_a_typical_group_is_asked_of_multilevel_models_only():
    gee = fit_gee("y ~ x + age", DATA, group="practitioner")
    for ask in (average_effect, predicted_curve):
        with pytest.raises(ModelError, match="has no random effects to hold at a value"):
            ask(gee, "x", at="typical")
        with pytest.raises(ModelError, match="no such average"):
            ask(gee, "x", at="conditional")


def test_a_linear_model_has_no_difference_in_risk():
    fit = fit_multilevel("x ~ age + (1 | practitioner)", DATA, family="gaussian")
    with pytest.raises(ModelError, match="a linear model has no difference in risk"):
        average_effect(fit, "age")


def test_effects_are_loaded_without_the_compiler():
    said = (
        "import sys, deepvalue_stats.effects, deepvalue_stats.study; print('numba' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
