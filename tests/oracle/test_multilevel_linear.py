"""Linear mixed models against lme4 and lmerTest on public data.

Numbers, calls, versions, tolerances and their reasons: expected/linear_multilevel_*.json.
"""

import numpy as np
import pytest
from multilevel_cases import LINEAR, expected, sleepstudy

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_multilevel

METHODS = ("REML", "ML")


def fitted(name, method):
    made = LINEAR[name]
    return fit_multilevel(made.formula, made.data(), family="gaussian", reml=method == "REML")


@pytest.fixture(scope="module", params=[(n, how) for n in LINEAR for how in METHODS], ids="-".join)
def case(request):
    name, method = request.param
    told = expected(name)
    return told, told[method], fitted(name, method)


def ordered(fit, told):
    """Places of the told terms among the fit's, whatever the order of an interaction's parts."""
    names = [":".join(sorted(name.split(":"))) for name in fit.terms]
    return [names.index(":".join(sorted(name.split(":")))) for name in told["terms"]]


def test_the_optimum_is_found_and_said_to_be_found(case):
    whole, _, fit = case
    assert fit.convergence.status == "ok"
    assert not fit.convergence.singular
    assert fit.n_obs == whole["n_obs"]
    assert dict(fit.n_groups) == whole["n_groups"]


def test_the_likelihood_counts_the_constants_as_lme4_does(case):
    whole, told, fit = case
    slack = whole["tolerance"]["loglik_absolute"]
    assert fit.loglik == pytest.approx(told["loglik"], abs=slack)
    assert fit.aic == pytest.approx(told["aic"], abs=2 * slack)
    assert fit.bic == pytest.approx(told["bic"], abs=2 * slack)


def test_coefficients_standard_errors_and_covariance(case):
    whole, told, fit = case
    slack, place = whole["tolerance"], ordered(fit, told)
    assert np.abs((fit.params[place] - told["params"]) / told["se"]).max() < slack["params_in_se"]
    np.testing.assert_allclose(fit.bse[place], told["se"], rtol=slack["se_relative"])
    gap = fit.vcov.to_numpy()[np.ix_(place, place)] - told["vcov"]
    gap /= np.outer(told["se"], told["se"])
    assert np.abs(gap).max() < slack["vcov_in_products_of_se"]


def test_variances_correlations_and_the_residual(case):
    whole, told, fit = case
    rel = whole["tolerance"]["std_dev_relative"]
    frame = fit.variance_components.set_index(["group", "term", "term2"])
    for one in told["variance_components"]:
        if "correlation" in one:
            found = frame.loc[(one["group"], one["term"], one["term2"]), "correlation"]
            # a correlation near nought has no four digits of its own
            assert found == pytest.approx(one["correlation"], rel=rel, abs=1e-5)
        else:
            row = frame.loc[(one["group"], one["term"], "")]
            assert row["std_dev"] == pytest.approx(one["std_dev"], rel=rel)
            assert row["variance"] == pytest.approx(one["std_dev"] ** 2, rel=2 * rel)


def test_theta_is_relative_to_the_residual(case):
    whole, told, fit = case
    np.testing.assert_allclose(
        np.sort(fit.theta), np.sort(told["theta"]), rtol=whole["tolerance"]["std_dev_relative"]
    )


def test_degrees_of_freedom_are_satterthwaites(case):
    whole, told, fit = case
    rel, place = whole["tolerance"]["dof_relative"], ordered(fit, told)
    frame = fit.coefficients.iloc[place]
    np.testing.assert_allclose(frame["dof"], told["dof"], rtol=rel)
    np.testing.assert_allclose(frame["statistic"], np.divide(told["params"], told["se"]), rtol=1e-4)
    # far in the tail p moves by many times what the degrees of freedom move
    near = np.array(told["p_value"]) > 1e-8
    np.testing.assert_allclose(
        frame["p_value"][near], np.array(told["p_value"])[near], rtol=10 * rel
    )
    wide = 1e-3 * np.array(told["se"])
    assert (np.abs(frame["conf_low"] - told["conf_low"]) < wide).all()
    assert (np.abs(frame["conf_high"] - told["conf_high"]) < wide).all()


def test_conditional_modes_and_their_errors(case):
    whole, told, fit = case
    slack = whole["tolerance"]["modes_in_conditional_se"]
    for group, levels in told["conditional_modes"].items():
        frame = fit.conditional_modes(group)
        frame.index = frame.index.astype(str)
        for level, effects in levels.items():
            for name, value in effects.items():
                scale = effects[name if name.endswith("_se") else f"{name}_se"]
                assert abs(frame.loc[level, name] - value) < slack * scale


def test_fitted_values_are_at_the_modes(case):
    whole, told, fit = case
    np.testing.assert_allclose(
        fit.predict(at="conditional")[:6],
        told["fitted_of_first_rows"],
        rtol=whole["tolerance"]["fitted_relative"],
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_likelihood_ratio_of_the_random_slope(method):
    told = expected("sleepstudy_correlated")[f"lrt_{method}_vs_null"]
    test = fitted("sleepstudy_correlated", method).compare(fitted("sleepstudy_intercept", method))
    assert test.statistic == pytest.approx(told["chisq"], abs=1e-5)
    # a variance is on its boundary under the smaller model: p lies below that of two degrees
    assert 0.4 < test.p_value / told["p"] <= 1.001


@pytest.mark.parametrize("name", ["sleepstudy_intercept", "sleepstudy_correlated"])
def test_profile_intervals_are_lme4s(name):
    told = expected(name)
    found = fitted(name, "ML").profile_intervals()
    slack = told["tolerance"]["profile_in_widths"]
    for term in ("Intercept", "Days"):
        low, high = told["profile_ML"][term]
        assert found.loc[term, "conf_low"] == pytest.approx(low, abs=slack * (high - low))
        assert found.loc[term, "conf_high"] == pytest.approx(high, abs=slack * (high - low))
    low, high = told["profile_ML"][".sig01"]
    near = np.hypot(found["conf_low"] - low, found["conf_high"] - high) / (high - low)
    assert near.min() < 2 * slack


def test_restricted_fits_of_other_fixed_parts_are_not_compared():
    frame = sleepstudy()
    larger = fit_multilevel("Reaction ~ Days + (1 | Subject)", frame, family="gaussian")
    smaller = fit_multilevel("Reaction ~ 1 + (1 | Subject)", frame, family="gaussian")
    with pytest.raises(ModelError, match=r"(?i)reml|restricted"):
        larger.compare(smaller)
