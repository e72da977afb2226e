"""The complementary log-log: its derivatives, its average over a normal, and what it is called."""

import numpy as np
import pandas as pd
import pytest
from numpy.polynomial.hermite_e import hermegauss

from deepvalue_stats.effects import average_effect
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import CLOGLOG, LOGIT, fit_multilevel
from deepvalue_stats.models.multilevel.averaging import TABULATED, average, fourth_derivative
from deepvalue_stats.models.multilevel.plain import (
    GUMBEL_VARIANCE,
    median_hazard_ratio,
    plain_terms,
    probability_icc,
)
from deepvalue_stats.models.multilevel.rows import weights_of

ETA = np.linspace(-12, 4, 33)


def complex_mean(x):
    return -np.expm1(-np.exp(x))


def rows(seed=2, n=2_000, groups=40):
    rng = np.random.default_rng(seed)
    who = rng.integers(0, groups, n)
    x = rng.normal(size=n)
    eta = -1.5 + 0.5 * x + 0.6 * rng.normal(size=groups)[who]
    y = (rng.random(n) < -np.expm1(-np.exp(eta))).astype(float)
    return pd.DataFrame({"y": y, "x": x, "practitioner": who, "client": np.arange(n)})


@pytest.fixture(scope="module")
def fit():
    return fit_multilevel("y ~ x + (1 | practitioner)", rows(), link="cloglog")


@pytest.mark.parametrize("link", [LOGIT, CLOGLOG], ids=lambda link: link.name)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_are_those_of_the_one_before(link, order):
    step = 1e-4
    up, down = (link.derivatives(ETA + by, order - 1)[-1] for by in (step, -step))
    far_up, far_down = (link.derivatives(ETA + by, order - 1)[-1] for by in (2 * step, -2 * step))
    near = (8 * (up - down) - (far_up - far_down)) / (12 * step)
    np.testing.assert_allclose(link.derivatives(ETA, order)[-1], near, atol=1e-10)


@pytest.mark.parametrize("y", [0.0, 1.0, 2.0])
def test_likelihood_has_its_own_slopes(y):
    ones, step = np.ones_like(ETA), 1e-4
    m = 2 * ones

    def value(eta):
        return CLOGLOG.likelihood(eta, y * ones, m)

    expected = y * np.log(complex_mean(ETA)) - (2 - y) * np.exp(ETA)
    np.testing.assert_allclose(value(ETA)[0], expected, rtol=1e-10, atol=1e-14)
    for held, sign in ((1, 1), (2, -1)):
        before = 0 if held == 1 else 1
        near = (value(ETA + step)[before] - value(ETA - step)[before]) / (2 * step)
        np.testing.assert_allclose(sign * value(ETA)[held], near, rtol=1e-5, atol=1e-8)


def test_compiled_rows_have_the_same_information():
    eta = np.linspace(-30, 4, 200)
    y = np.arange(200) % 3.0
    m = np.full(200, 3.0)
    compiled = weights_of(np.exp(eta), y, m, None)
    np.testing.assert_allclose(compiled, CLOGLOG.likelihood(eta, y, m)[2], rtol=1e-12)
    assert (compiled >= 0).all()


def test_far_out_nothing_is_lost():
    eta = np.array([-1e4, -400.0, -40.0, 5.0, 400.0, 1e4])
    with np.errstate(all="raise", under="ignore"):
        for curve in CLOGLOG.derivatives(eta, 4):
            assert np.isfinite(curve).all()
        loglik, pull, weight = CLOGLOG.likelihood(eta, np.ones(6), np.ones(6))
    np.testing.assert_allclose(CLOGLOG.mean(eta)[2:], [np.exp(-40), 1, 1, 1], rtol=1e-12)
    assert loglik[2] == pytest.approx(-40)
    assert pull[2] == pytest.approx(1)
    assert (weight >= 0).all()


@pytest.mark.parametrize("sd", [0.0, 0.1, 0.5, 1.0, 2.0, 5.0])
def test_averages_are_right_to_ten_digits(sd):
    found = average(CLOGLOG, ETA, sd)
    z = np.linspace(-12, 12, 48_001)
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    curves = CLOGLOG.derivatives(ETA[:, None] + sd * z, 4)
    names = ("mean", "d_eta", "d2_eta", "d3_eta")
    for name, curve in zip(names, curves[:4], strict=True):
        np.testing.assert_allclose(getattr(found, name), curve @ weight, atol=1e-10)
    fourth = fourth_derivative(CLOGLOG, ETA, np.full_like(ETA, sd))
    np.testing.assert_allclose(fourth, curves[4] @ weight, atol=1e-9)


def test_a_gauss_hermite_rule_agrees():
    nodes, weights = hermegauss(180)
    weights = weights / weights.sum()
    expected = complex_mean(ETA[:, None] + 0.5 * nodes) @ weights
    np.testing.assert_allclose(average(CLOGLOG, ETA, 0.5).mean, expected, atol=1e-12)


@pytest.mark.parametrize("sd", [0.3, 1.0, 3.0])
def test_many_rows_are_read_off_a_table_to_the_same_digits(sd):
    eta = np.linspace(-14, 6, TABULATED)
    many, few = average(CLOGLOG, eta, sd), average(CLOGLOG, eta[::400], sd)
    for name in ("mean", "d_eta", "d2_eta", "d3_eta"):
        np.testing.assert_allclose(getattr(many, name)[::400], getattr(few, name), atol=1e-10)


def test_the_heat_equation_gives_the_derivative_in_the_variance():
    step = 1e-4
    up, down = (average(CLOGLOG, ETA, np.sqrt(0.5 + by)).mean for by in (step, -step))
    found = average(CLOGLOG, ETA, np.sqrt(0.5)).d_variance
    np.testing.assert_allclose(found, (up - down) / (2 * step), atol=1e-9)


def test_predictions_average_the_link_itself(fit):
    frame = fit.design.frame
    eta = fit.design.matrix @ fit.params
    z = np.linspace(-9, 9, 4_001)
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    expected = complex_mean(eta[:50, None] + abs(fit.theta[0]) * z) @ weight
    np.testing.assert_allclose(fit.predict()[:50], expected, atol=1e-9)
    np.testing.assert_allclose(fit.predict(at="typical"), complex_mean(eta))
    assert fit.predict(frame.iloc[:5], at="conditional").shape == (5,)


def test_average_effects_are_those_of_the_link(fit):
    row = average_effect(fit, "x", contrast="point").row(scale="risk_difference")
    held = average(CLOGLOG, fit.design.matrix @ fit.params, abs(fit.theta[0]))
    assert row["estimate"] == pytest.approx((held.d_eta * fit.params[1]).mean())


def test_a_predictor_of_hazards_is_no_log_odds(fit):
    with pytest.raises(ModelError) as error:
        average_effect(fit, "x", scale="log_odds")
    assert str(error.value) == (
        "ModelError: the predictor of a fit with link cloglog is no log odds\n"
        "  where: scale='log_odds'\n"
        "  fix:   read its coefficients, or ask for another scale"
    )


def test_spread_is_told_as_a_ratio_of_hazards(fit):
    told = fit.in_plain_terms()
    assert "median_odds_ratio" not in told
    sd = told["std_dev"][0]
    assert told["median_hazard_ratio"][0] == pytest.approx(float(median_hazard_ratio(sd)))
    assert told["latent_icc"][0] == pytest.approx(sd**2 / (sd**2 + np.pi**2 / 6))
    eta = fit.design.matrix.mean(axis=0) @ fit.params
    z = np.linspace(-9, 9, 4_001)
    weight = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    p = complex_mean(eta + sd * z)
    mean = weight @ p
    between = weight @ p**2 - mean**2
    assert told["probability_icc"][0] == pytest.approx(between / mean / (1 - mean), rel=1e-8)
    alone = probability_icc(np.array([eta]), sd, link=CLOGLOG)
    assert told["probability_icc"][0] == pytest.approx(alone[0])


def test_plain_terms_of_a_logit_keep_their_columns():
    components = pd.DataFrame(
        {"group": ["a"], "term": ["Intercept"], "term2": [""], "std_dev": [0.5]}
    )
    assert "median_odds_ratio" in plain_terms(components, {}, 0.0, np.pi**2 / 3)
    other = plain_terms(components, {}, 0.0, GUMBEL_VARIANCE, CLOGLOG)
    assert "median_hazard_ratio" in other


def test_an_unknown_link_and_one_of_a_linear_model_are_refused():
    for options, words in (
        (
            {"link": "probit"},
            "ModelError: no link 'probit'\n  where: link\n  fix:   use logit or cloglog",
        ),
        (
            {"link": "cloglog", "family": "gaussian"},
            "ModelError: not for a gaussian model\n  where: link\n  fix:   leave it out",
        ),
    ):
        with pytest.raises(ModelError) as error:
            fit_multilevel("y ~ x + (1 | practitioner)", rows(), **options)
        assert str(error.value) == words


def test_fits_of_two_links_are_not_compared(fit):
    other = fit_multilevel("y ~ 1 + (1 | practitioner)", rows())
    with pytest.raises(ModelError) as error:
        fit.compare(other)
    assert error.value.faults[0].what == "the links differ"


def test_profiles_and_draws_use_the_link(fit):
    interval = fit.profile_intervals(["x"]).loc["x"]
    wald = fit.conf_int().loc["x"]
    assert interval["conf_low"] == pytest.approx(wald["conf_low"], abs=0.02)
    drawn = fit.bootstrap(19, rng=np.random.default_rng(1))
    low, high = drawn.conf_int().loc["x", ["conf_low", "conf_high"]]
    assert low < fit.params[1] < high
