"""Multilevel logits against exact optima on public data, and against other packages.

Targets are the exact optimum of the Laplace or the quadrature objective, computed by a slow
and independent route (exact_laplace.py) and agreeing with glmm 0.6.2 and glmmTMB as far as
these go; numbers, sources, tolerances and their reasons: expected/multilevel_*.json.
"""

import numpy as np
import pytest
from exact_laplace import DenseLaplace, problem_of
from multilevel_cases import LOGIT, cbpp, contraception, expected, ohio

from deepvalue_stats.models import fit_multilevel


@pytest.fixture(scope="module", params=LOGIT)
def case(request):
    made = LOGIT[request.param]
    fit = fit_multilevel(made.formula, made.data(), family="binomial", **made.options)
    return expected(request.param), fit


@pytest.fixture(scope="module")
def herds():
    case = LOGIT["cbpp_laplace"]
    return fit_multilevel(case.formula, case.data(), **case.options)


def ordered(fit, told):
    """Places of the told terms among the fit's, whatever the order of an interaction's parts."""
    names = [":".join(sorted(name.split(":"))) for name in fit.terms]
    return [names.index(":".join(sorted(name.split(":")))) for name in told["terms"]]


def deviations(fit):
    frame = fit.variance_components
    own = frame[frame["std_dev"].notna()]
    return {(row.group, row.term): row.std_dev for row in own.itertuples()}


def test_the_optimum_is_found_and_said_to_be_found(case):
    told, fit = case
    assert fit.convergence.status == "ok"
    assert not fit.convergence.singular
    assert fit.n_obs == told["exact"]["n_obs"]
    assert dict(fit.n_groups) == told["exact"]["n_groups"]


def test_the_likelihood_is_that_of_the_exact_optimum(case):
    told, fit = case
    exact, slack = told["exact"], told["tolerance"]
    assert fit.loglik >= exact["loglik"] - slack["loglik_short_of_exact"]
    assert fit.loglik == pytest.approx(exact["loglik"], abs=slack["loglik_absolute"])
    assert fit.aic == pytest.approx(exact["aic"], abs=2 * slack["loglik_absolute"])
    assert fit.bic == pytest.approx(exact["bic"], abs=2 * slack["loglik_absolute"])


def test_no_other_package_finds_a_better_likelihood(case):
    told, fit = case
    # by hand with other nodes: another objective
    rivals = {
        k: v for k, v in told["second_opinions"].items() if k not in ("trapezoid", "own_agq51")
    }
    for rival in rivals.values():
        assert -2 * fit.loglik <= -2 * rival["loglik"] + 1e-6


def test_coefficients_are_within_a_ten_thousandth_of_a_standard_error(case):
    told, fit = case
    exact = told["exact"]
    gap = np.abs(fit.params[ordered(fit, exact)] - exact["params"]) / exact["se"]
    assert gap.max() < told["tolerance"]["params_in_se"]


def test_standard_errors_and_covariance_come_from_the_full_hessian(case):
    told, fit = case
    exact, slack = told["exact"], told["tolerance"]
    place = ordered(fit, exact)
    np.testing.assert_allclose(fit.bse[place], exact["se"], rtol=slack["se_relative"])
    gap = fit.vcov.to_numpy()[np.ix_(place, place)] - exact["vcov"]
    gap /= np.outer(exact["se"], exact["se"])
    assert np.abs(gap).max() < slack["vcov_in_products_of_se"]
    np.testing.assert_allclose(fit.coefficients["std_error"], fit.bse)


def test_variance_parameters_are_exact_to_four_digits(case):
    told, fit = case
    exact, rel = told["exact"], told["tolerance"]["std_dev_relative"]
    found = deviations(fit)
    pairs = fit.variance_components.set_index(["group", "term", "term2"])["correlation"]
    for one in exact["variance_components"]:
        if "correlation" in one:
            assert pairs[one["group"], one["term"], one["term2"]] == pytest.approx(
                one["correlation"], rel=rel
            )
        else:
            assert found[one["group"], one["term"]] == pytest.approx(one["std_dev"], rel=rel)
    # factors may be in another order than the formula's
    np.testing.assert_allclose(np.sort(fit.theta), np.sort(exact["theta"]), rtol=rel)


def test_conditional_modes_and_their_errors(case):
    told, fit = case
    slack = told["tolerance"]["modes_in_conditional_se"]
    for group, levels in told["exact"]["conditional_modes"].items():
        frame = fit.conditional_modes(group)
        frame.index = frame.index.astype(str)
        for level, effects in levels.items():
            for name, value in effects.items():
                scale = effects[name if name.endswith("_se") else f"{name}_se"]
                assert abs(frame.loc[level, name] - value) < slack * scale


def test_predictions_at_zero_and_at_the_modes(case):
    told, fit = case
    for at, values in told["exact"]["predictions_of_first_rows"].items():
        np.testing.assert_allclose(
            fit.predict(at=at)[:6], values, atol=told["tolerance"]["predictions_absolute"]
        )


@pytest.mark.parametrize("name", [n for n in LOGIT if n.endswith("laplace") or "counts" in n])
def test_the_likelihood_told_is_the_dense_ones_at_the_parameters_told(name):
    case = LOGIT[name]
    fit = fit_multilevel(case.formula, case.data(), **case.options)
    dense = DenseLaplace(problem_of(case))
    value, grad = dense(np.concatenate([fit.params, fit.theta]))
    assert fit.loglik == pytest.approx(-value, abs=1e-8)
    assert np.abs(grad[: len(fit.bse)] * fit.bse).max() < 1e-4


def test_quadrature_agrees_with_the_integral_by_a_fine_trapezoid_rule():
    told = expected("ohio_agq51")
    case = LOGIT["ohio_agq51"]
    fit = fit_multilevel(case.formula, case.data(), **case.options)
    rule = told["second_opinions"]["trapezoid"]
    assert np.abs((fit.params - rule["params"]) / rule["se"]).max() < 1e-5
    np.testing.assert_allclose(fit.bse, rule["se"], rtol=1e-4)
    assert fit.theta[0] == pytest.approx(rule["std_dev"][0]["std_dev"], rel=1e-4)


def test_profile_intervals_are_where_the_deviance_has_risen(herds):
    told = expected("cbpp_laplace")
    found = herds.profile_intervals()
    for name, (low, high) in told["exact"]["profile"].items():
        row = found.iloc[-1] if name == "std_dev" else found.loc[name]
        assert row["conf_low"] == pytest.approx(low, abs=1e-3 * (high - low))
        assert row["conf_high"] == pytest.approx(high, abs=1e-3 * (high - low))


def test_the_likelihood_ratio_of_the_periods(herds):
    told = expected("cbpp_laplace")["lrt_of_lme4"]["lrt_period"]
    smaller = fit_multilevel("incidence ~ 1 + (1 | herd)", cbpp(), weights="size")
    test = herds.compare(smaller)
    assert test.dof == told["df"]
    # lme4's own Laplace is off by up to 1e-3 in the deviance
    assert test.statistic == pytest.approx(told["chisq"], abs=2e-3)
    assert test.p_value == pytest.approx(told["p"], rel=2e-3)


def test_the_likelihood_ratio_of_a_random_slope_is_the_difference_of_exact_deviances():
    fits = {
        name: fit_multilevel(LOGIT[name].formula, contraception())
        for name in ("contraception_correlated", "contraception_laplace")
    }
    larger, smaller = (expected(name)["exact"]["loglik"] for name in fits)
    test = fits["contraception_correlated"].compare(fits["contraception_laplace"])
    assert test.statistic == pytest.approx(2 * (larger - smaller), abs=1e-5)
    # a variance is on its boundary under the smaller model: p lies below that of two degrees
    assert 0.5 < test.p_value / 0.002336752266 <= 1.001


def test_successes_and_failures_are_the_same_as_successes_of_trials(herds):
    bound = fit_multilevel("cbind(incidence, healthy) ~ p2 + p3 + p4 + (1 | herd)", cbpp())
    np.testing.assert_allclose(bound.params, herds.params, rtol=1e-9)
    assert bound.loglik == pytest.approx(herds.loglik, abs=1e-9)


def test_a_known_offset_takes_its_share_of_the_coefficient():
    frame = ohio()
    frame["known"] = 0.3 * frame["age"]
    plain = fit_multilevel("y ~ age + smoke + (1 | id)", frame)
    shifted = fit_multilevel("y ~ age + smoke + (1 | id)", frame, offset="known")
    np.testing.assert_allclose(shifted.params, plain.params - [0, 0.3, 0], atol=1e-5)
    np.testing.assert_allclose(shifted.bse, plain.bse, rtol=1e-4)


def test_rows_that_stand_for_several_count_as_often():
    names = ["use", "urban", "liv3", "district"]
    rows = contraception()[names]
    counted = rows.value_counts().rename("times").reset_index()
    formula = "use ~ urban + liv3 + (1 | district)"
    long = fit_multilevel(formula, rows)
    short = fit_multilevel(formula, counted, frequency="times")
    np.testing.assert_allclose(short.params, long.params, atol=1e-6)
    np.testing.assert_allclose(short.bse, long.bse, rtol=1e-5)
    assert short.loglik == pytest.approx(long.loglik, abs=1e-7)
