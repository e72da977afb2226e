"""Curves, their tests and restricted means against survival and cmprsk in R, on public data.

Expected values, calls, versions and tolerances with their reasons: expected/duration_*.json.
"""

import duration_cases as cases
import numpy as np
import pytest

from deepvalue_stats.models import (
    compare_curves,
    cumulative_incidence,
    restricted_mean,
    survival_curve,
)

KAPLAN_MEIER = {
    "km_lung": (cases.lung, "time", "dead", "sex"),
    "km_unempdur": (cases.unempdur, "spell", "reemp", "ui"),
}
SHOWN = {
    "at_risk": "n_risk",
    "estimate": "surv",
    "std_error": "se_greenwood",
    "conf_low": "ci_low",
    "conf_high": "ci_high",
}


@pytest.fixture(scope="module", params=KAPLAN_MEIER)
def case(request):
    load, duration, event, by = KAPLAN_MEIER[request.param]
    return cases.expected(request.param), load(), {"duration": duration, "event": event}, by


@pytest.mark.parametrize(
    ("key", "interval", "grouped"),
    [
        ("overall_ci_log", "log", False),
        ("overall_ci_loglog", "log-log", False),
        ("overall_ci_plain", "plain", False),
        ("by_group_ci_log", "log", True),
    ],
)
def test_survival_curves_have_survfits_estimates_errors_and_limits(case, key, interval, grouped):
    expected, data, columns, by = case
    told = expected["results"][key]
    found = survival_curve(data, **columns, by=by if grouped else "", interval=interval)
    times = sorted({row["time"] for row in told})
    shown = found.at(times)[list(SHOWN)].to_numpy()
    want = [[row[name] for name in SHOWN.values()] for row in told]
    np.testing.assert_allclose(shown, want, rtol=expected["tolerance"]["relative"])


def test_the_cumulative_hazard_is_survfits(case):
    expected, data, columns, _ = case
    told = expected["results"]["nelson_aalen"]
    found = survival_curve(data, **columns).at(told["time"])["hazard"]
    np.testing.assert_allclose(found, told["cumhaz"], rtol=expected["tolerance"]["relative"])


def test_medians_and_restricted_means_are_survfits(case):
    expected, data, columns, by = case
    told = np.array(expected["results"]["median_and_rmean"]["values"], dtype=float)
    rel = expected["tolerance"]["relative"]
    medians = survival_curve(data, **columns, by=by, interval="log").median()
    np.testing.assert_array_equal(medians.to_numpy(), told[:, 6:9])
    horizon = expected["results"]["rmean_upper_limit"]
    means = restricted_mean(data, **columns, by=by, horizon=horizon).table
    np.testing.assert_allclose(means[["estimate", "std_error"]], told[:, 4:6], rtol=rel)


def test_log_rank_and_peto_peto_are_survdiffs(case):
    expected, data, columns, by = case
    told, rel = expected["results"], expected["tolerance"]["relative"]
    found = compare_curves(data, **columns, by=by)
    assert found.statistic == pytest.approx(told["logrank"]["chisq"], rel=rel)
    assert found.p_value == pytest.approx(told["logrank"]["p"], rel=1e-7)
    assert found.dof == told["logrank"]["df"]
    assert list(found.observed.values()) == told["logrank"]["observed"]
    np.testing.assert_allclose(list(found.expected.values()), told["logrank"]["expected"], rtol=rel)
    found = compare_curves(data, **columns, by=by, test="peto-peto")
    assert found.statistic == pytest.approx(told["peto_peto"]["chisq"], rel=rel)


UNEMP = {"duration": "spell", "event": "cause"}


@pytest.mark.parametrize("key", ["aalen_johansen", "aalen_johansen_by_group"])
@pytest.mark.parametrize("cause", [1, 2, 3])
def test_cumulative_incidence_is_survfits(key, cause):
    expected = cases.expected("cif_unempdur")
    told, rel = expected["results"][key], expected["tolerance"]["relative"]
    by = "ui" if key.endswith("group") else ""
    found = cumulative_incidence(cases.unempdur(), **UNEMP, by=by, cause=cause).at([1, 5, 10, 20])
    want = [[row["cif"][str(cause)], row["se"][str(cause)]] for row in told]
    np.testing.assert_allclose(found[["estimate", "std_error"]], want, rtol=rel)


@pytest.mark.parametrize("cause", [1, 2, 3])
def test_cumulative_incidence_has_cuminc_variances_and_grays_test(cause):
    expected = cases.expected("cif_unempdur")
    told, rel = expected["results"], expected["tolerance"]["relative"]
    data = cases.unempdur()
    found = cumulative_incidence(data, **UNEMP, by="ui", cause=cause, variance="aalen")
    shown = found.at([1, 5, 10, 20])
    here = slice(2 * (cause - 1), 2 * cause)
    want = np.ravel(told["cmprsk_cuminc"]["est"]["values"][here])
    np.testing.assert_allclose(shown["estimate"], want, rtol=rel)
    want = np.ravel(told["cmprsk_cuminc"]["var"]["values"][here])
    np.testing.assert_allclose(shown["std_error"] ** 2, want, rtol=rel)
    statistic, p_value, dof = told["gray_test"]["values"][cause - 1]
    test = compare_curves(data, **UNEMP, by="ui", cause=cause, test="gray")
    assert test.statistic == pytest.approx(statistic, rel=rel)
    assert test.dof == dof
    assert test.p_value == pytest.approx(p_value, rel=1e-3, abs=expected["tolerance"]["p_absolute"])


MGUS = {"duration": "etime", "event": "ev"}


@pytest.fixture(scope="module")
def mgus2():
    return cases.expected("mgus2"), cases.mgus2()


def both(data, times, **options):
    """Estimates, and standard errors, of the two causes beside each other."""
    options = {**MGUS, **options}
    found = [cumulative_incidence(data, cause=one, **options).at(times) for one in (1, 2)]
    return {name: np.column_stack([one[name] for one in found]) for name in found[0].columns[2:]}


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("all", {}),
        ("by_sex", {"by": "sex"}),
        ("late_entry", {"entry": "entry"}),
        ("on_age", {"duration": "age_end", "entry": "age_start"}),
    ],
)
def test_months_with_ties_and_late_entry_give_survfits_incidence(mgus2, key, options):
    expected, data = mgus2
    told, rel = expected["results"][key], expected["tolerance"]["relative"]
    found = both(data, told.get("times", expected["results"]["times"]), **options)
    np.testing.assert_allclose(found["estimate"], told["cif"], rtol=rel)
    np.testing.assert_allclose(found["std_error"], told["se"], rtol=rel)
    if "low" in told:
        np.testing.assert_allclose(found["conf_low"], told["low"], rtol=rel)
        np.testing.assert_allclose(found["conf_high"], told["high"], rtol=rel)


def test_late_entry_gives_survfits_curve_and_numbers_at_risk(mgus2):
    expected, data = mgus2
    told, rel = expected["results"]["late_entry_survival"], expected["tolerance"]["relative"]
    found = survival_curve(data, **MGUS, entry="entry").at(expected["results"]["times"])
    np.testing.assert_allclose(found["estimate"], told["survival"], rtol=rel)
    np.testing.assert_allclose(found["std_error"], told["se"], rtol=rel)
    np.testing.assert_array_equal(found["at_risk"], told["at_risk"])


def test_clustered_errors_are_sums_of_survfits_influence(mgus2):
    expected, data = mgus2
    told, rel = expected["results"], expected["tolerance"]["relative"]
    found = both(data, told["times"], cluster="dxyr")
    np.testing.assert_allclose(found["std_error"], told["clustered_se"], rtol=rel)


@pytest.mark.parametrize(("cluster", "key"), [("", "se"), ("dxyr", "clustered_se")])
def test_days_lost_are_survfits_with_errors_from_its_influence(mgus2, cluster, key):
    expected, data = mgus2
    told, rel = expected["results"]["days_lost"], expected["tolerance"]["relative"]
    found = [
        restricted_mean(data, **MGUS, horizon=120, cause=one, cluster=cluster)
        for one in (None, 1, 2)
    ]
    np.testing.assert_allclose([one.estimate[0] for one in found], told["estimate"], rtol=rel)
    np.testing.assert_allclose([one.covariance[0, 0] ** 0.5 for one in found], told[key], rtol=rel)


@pytest.mark.parametrize("cause", [1, 2])
def test_grays_test_of_two_and_four_groups_is_cmprsks(mgus2, cause):
    expected, data = mgus2
    told, rel = expected["results"], expected["tolerance"]["relative"]
    for by, key in (("sex", "gray_sex"), ("age_class", "gray_age")):
        found = compare_curves(data, **MGUS, by=by, cause=cause, test="gray")
        assert found.statistic == pytest.approx(told[key][cause - 1], rel=rel)
        assert found.dof == data[by].nunique() - 1
    found = cumulative_incidence(data, **MGUS, by="sex", cause=cause, variance="aalen")
    variance = found.at(told["times"])["std_error"] ** 2
    want = np.ravel(told["cuminc_variance"][2 * (cause - 1) : 2 * cause])
    np.testing.assert_allclose(variance, want, rtol=rel)


def test_clients_with_two_events_give_survfits_clustered_curve_and_three_group_tests():
    expected, data = cases.expected("colon"), cases.colon()
    told, rel = expected["results"], expected["tolerance"]["relative"]
    columns = {"duration": "time", "event": "status"}
    found = survival_curve(data, **columns, cluster="id").at([200, 500, 1500])
    np.testing.assert_allclose(found["estimate"], told["curve_clustered"]["surv"], rtol=rel)
    np.testing.assert_allclose(found["std_error"], told["curve_clustered"]["se"], rtol=rel)
    for test, key in (("log-rank", "logrank"), ("peto-peto", "peto_peto")):
        found = compare_curves(data, **columns, by="rx", test=test)
        assert found.statistic == pytest.approx(told[key], rel=rel)
