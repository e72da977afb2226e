"""Cox and Fine-Gray models against survival and cmprsk in R, on public data.

Expected values, calls, versions and tolerances with their reasons: expected/duration_*.json.
"""

import duration_cases as cases
import numpy as np
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_competing, fit_cox, fit_subdistribution

LUNG = ["age", "sex", "ph_ecog"]
COX = {
    "cox_rossi": (cases.rossi, "week", "arrest", ["fin", "age", "black", "mar", "prio"], ""),
    "cox_lung_cluster": (
        lambda: cases.lung().dropna(subset=[*LUNG, "inst"]),
        "time",
        "dead",
        LUNG,
        "inst",
    ),
    "cox_unempdur": (
        cases.unempdur,
        "spell",
        "reemp",
        ["age", "ui", "reprate", "disrate", "logwage", "tenure"],
        "",
    ),
}
RUNS = [
    (name, ties)
    for name in COX
    for ties in ("efron", "breslow", "exact")
    if ties in cases.expected(name)["results"]
]


@pytest.fixture(scope="module", params=RUNS, ids="-".join)
def run(request):
    name, ties = request.param
    load, duration, event, terms, cluster = COX[name]
    expected = cases.expected(name)
    formula, columns = f"{event} ~ {' + '.join(terms)}", {"duration": duration, "event": event}

    def fit(**options):
        return fit_cox(formula, load(), **columns, ties=ties, **options)

    return expected["results"][ties], expected["tolerance"]["relative"], fit, cluster


def test_coefficients_covariance_and_tests_are_coxphs(run):
    told, rel, fit, _ = run
    found = fit()
    table = found.coefficients
    for ours, theirs in (
        ("estimate", "estimate"),
        ("std_error", "se"),
        ("statistic", "statistic"),
        ("conf_low", "ci_low"),
        ("conf_high", "ci_high"),
    ):
        want = [one[theirs] for one in told["coefficients"].values()]
        np.testing.assert_allclose(table[ours], want, rtol=rel, atol=1e-11, err_msg=ours)
    want = [one["p"] for one in told["coefficients"].values()]
    np.testing.assert_allclose(table["p_value"], want, rtol=1e-7)
    ratios = found.hazard_ratios()["estimate"]
    np.testing.assert_allclose(ratios, list(told["hazard_ratio"].values()), rtol=rel)
    np.testing.assert_allclose(found.vcov, told["vcov"]["values"], rtol=rel)
    tests = [found.loglik_null, found.loglik, found.likelihood_ratio, found.score_test, found.wald]
    want = [*told["loglik"], told["lr"], told["score_test"], told["wald"]]
    np.testing.assert_allclose(tests, want, rtol=rel)


def test_robust_and_clustered_errors_are_coxphs(run):
    told, rel, fit, cluster = run
    if "se_robust_lin_wei" not in told:
        with pytest.raises(ModelError, match="exact ties allow neither"):
            fit(robust=True)
        return
    found = fit(robust=True)
    np.testing.assert_allclose(found.bse, list(told["se_robust_lin_wei"].values()), rtol=rel)
    if cluster:
        found = fit(cluster=cluster)
        np.testing.assert_allclose(found.bse, list(told["se_robust_cluster"].values()), rtol=rel)


def test_checks_of_a_fit_are_coxphs(run):
    told, rel, fit, _ = run
    found = fit()
    if "cox_zph_km" not in told:
        with pytest.raises(ModelError, match="ties by Efron or Breslow"):
            found.proportional_hazards()
        return
    checks = found.proportional_hazards()
    want = np.array(told["cox_zph_km"]["values"])
    np.testing.assert_allclose(checks[["statistic", "dof"]], want[:, :2], rtol=rel)
    np.testing.assert_allclose(checks["p_value"], want[:, 2], rtol=1e-7)
    assert found.concordance() == pytest.approx(told["concordance"], rel=rel)
    first = told["basehaz_x0_first5"]
    base = found.baseline().set_index("time")["hazard"]
    np.testing.assert_allclose(base[first["time"]], first["hazard"], rtol=rel)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_strata_and_clients_with_two_events_are_coxphs(ties):
    expected = cases.expected("colon")
    told, rel = expected["results"][ties], expected["tolerance"]["relative"]
    found = fit_cox(
        "status ~ rx + age + nodes",
        cases.colon(),
        duration="time",
        event="status",
        ties=ties,
        strata="etype",
        cluster="id",
    )
    np.testing.assert_allclose(found.params, told["coef"], rtol=rel)
    np.testing.assert_allclose(found.bse, told["se"], rtol=rel)
    np.testing.assert_allclose(np.sqrt(np.diag(found.naive)), told["naive"], rtol=rel)
    assert found.loglik == pytest.approx(told["loglik"], rel=rel)
    assert found.concordance() == pytest.approx(told["c"], rel=rel)
    for clock, want in told["proportional_hazards"].items():
        statistic = found.proportional_hazards(clock)["statistic"]
        np.testing.assert_allclose(statistic, want, rtol=rel, err_msg=clock)


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_a_small_trial_is_coxphs_whatever_the_rule_for_ties(ties):
    expected, columns = cases.expected("veteran"), {"duration": "time", "event": "status"}
    told, rel = expected["results"][ties], expected["tolerance"]["relative"]
    found = fit_cox("status ~ trt + karno + celltype + age", cases.veteran(), **columns, ties=ties)
    np.testing.assert_allclose(found.params, told["coef"], rtol=rel)
    np.testing.assert_allclose(found.bse, told["se"], rtol=rel)
    np.testing.assert_allclose([found.loglik_null, found.loglik], told["loglik"], rtol=rel)
    assert found.score_test == pytest.approx(told["score_test"], rel=rel)


def test_exact_ties_in_strata_and_the_baseline_are_coxphs():
    expected, columns = cases.expected("veteran"), {"duration": "time", "event": "status"}
    told, rel = expected["results"], expected["tolerance"]["relative"]
    formula = "status ~ trt + karno + age"
    found = fit_cox(formula, cases.veteran(), **columns, ties="exact", strata="celltype")
    np.testing.assert_allclose(found.params, told["exact_strata"]["coef"], rtol=rel)
    np.testing.assert_allclose(found.bse, told["exact_strata"]["se"], rtol=rel)
    found = fit_cox(formula, cases.veteran(), **columns)
    base = found.baseline().set_index("time")["hazard"]
    first = told["baseline"]
    np.testing.assert_allclose(base[first["time"]], first["hazard"], rtol=rel)
    assert found.concordance() == pytest.approx(told["concordance"], rel=rel)


def test_late_entry_with_clusters_is_coxphs():
    expected = cases.expected("mgus2")
    told, rel = expected["results"]["late_entry_cox"], expected["tolerance"]["relative"]
    found = fit_cox(
        "ev ~ age + sex",
        cases.mgus2(),
        duration="etime",
        event="ev",
        entry="entry",
        cluster="dxyr",
    )
    np.testing.assert_allclose(found.params, told["coef"], rtol=rel)
    np.testing.assert_allclose(found.bse, told["se"], rtol=rel)
    np.testing.assert_allclose(np.sqrt(np.diag(found.naive)), told["naive"], rtol=rel)
    statistic = found.proportional_hazards()["statistic"]
    np.testing.assert_allclose(statistic, told["proportional_hazards"], rtol=rel)
    assert found.concordance() == pytest.approx(told["concordance"], rel=rel)


def test_competing_exits_have_crrs_and_coxphs_models():
    expected = cases.expected("cif_unempdur")
    told, rel = expected["results"], expected["tolerance"]["relative"]
    columns = {"duration": "spell", "event": "cause"}
    formula, data = "cause ~ age + ui + logwage", cases.unempdur()
    fits = fit_competing(formula, data, **columns)
    found, want = fits.subdistribution, told["fine_gray_cause1"]
    for ours, theirs in (("estimate", "estimate"), ("std_error", "se"), ("conf_low", "ci_low")):
        values = [one[theirs] for one in want["coefficients"].values()]
        np.testing.assert_allclose(found.coefficients[ours], values, rtol=rel)
    assert found.loglik == pytest.approx(want["loglik"], rel=rel)
    naive = np.sqrt(np.diag(found.naive))
    np.testing.assert_allclose(naive, list(want["se_naive_invinf"].values()), rtol=rel)
    specific, want = fits.cause_specific[1], told["cause_specific_cox_1"]["coefficients"]
    np.testing.assert_allclose(specific.params, [x["estimate"] for x in want.values()], rtol=rel)
    naive = np.sqrt(np.diag(specific.naive))
    np.testing.assert_allclose(naive, [x["se"] for x in want.values()], rtol=rel)
    other = fit_subdistribution(formula, data, **columns, convention="finegray")
    want = list(told["fine_gray_survival_breslow_coef"].values())
    rel = expected["tolerance"]["finegray_relative"]
    np.testing.assert_allclose(other.params, want, rtol=rel)


@pytest.mark.parametrize("cause", [1, 2])
def test_a_rare_and_a_common_exit_have_crrs_model(cause):
    expected = cases.expected("mgus2")
    told, rel = expected["results"]["crr"][str(cause)], expected["tolerance"]["crr_relative"]
    data = cases.mgus2().dropna(subset=["hgb", "creat"])
    found = fit_subdistribution(
        "ev ~ age + sex + hgb", data, duration="etime", event="ev", cause=cause
    )
    np.testing.assert_allclose(found.params, told["coef"], rtol=rel)
    np.testing.assert_allclose(found.bse, told["se"], rtol=rel)
    assert found.loglik == pytest.approx(told["loglik"], rel=1e-9)
    assert found.loglik_null == pytest.approx(told["loglik_null"], rel=1e-9)
