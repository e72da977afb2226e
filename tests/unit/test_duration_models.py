"""Hazard models: separation, strata, changing exposures, what is refused, what is not said."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_competing, fit_cox, fit_subdistribution

DAYS = {"duration": "days", "event": "left"}


def service(n=300, seed=8):
    rng = np.random.default_rng(seed)
    x, adviser = rng.normal(size=n), rng.integers(0, 12, n)
    rates = 0.01 * np.column_stack([np.exp(0.6 * x), np.full(n, 0.5)])
    ends = np.column_stack([rng.integers(40, 300, n), np.ceil(rng.exponential(1 / rates))])
    frame = pd.DataFrame({"days": ends.min(axis=1), "left": ends.argmin(axis=1), "x": x})
    return frame.assign(
        area=rng.choice(["east", "north"], n), practitioner=adviser, client=np.arange(n)
    )


DATA = service()


def faults_of(call):
    with pytest.raises(ModelError) as error:
        call()
    return error.value.faults


def test_a_fit_speaks_of_hazards_and_of_no_mean():
    for fit in (fit_cox, fit_subdistribution):
        found = fit("left ~ x + area", DATA, **DAYS)
        assert found.speaks_of == "hazards"
        assert found.terms == ("x", "area[T.north]")
        assert found.ids == {"client": "client", "practitioner": "practitioner"}
        np.testing.assert_allclose(found.scores.sum(axis=0), 0, atol=1e-7)
        assert faults_of(found.predict)[0].what == "a hazard model has no mean to predict"
        assert "x" in found.summary()


def test_new_rows_are_coded_without_a_constant():
    found = fit_cox("left ~ x * area", DATA, **DAYS)
    np.testing.assert_allclose(found.design.rebuild(DATA), found.design.matrix)
    np.testing.assert_array_equal(found.design.multiples_of("x"), [0, 2])
    curves = found.survival(DATA.head(3), [0, 50, 100])
    assert (curves[:, 0] == 1).all()
    assert (np.diff(curves, axis=1) < 0).all()


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_a_likelihood_that_rises_without_end_is_called_separated(ties):
    frame = pd.DataFrame({"days": [1, 2, 3, 4, 5, 6], "left": [1, 1, 1, 0, 0, 0]})
    frame["x"] = [1, 1, 1, 0, 0, 0]
    frame["z"] = [3, 1, 2, 1, 3, 2]
    found = fit_cox("left ~ x + z", frame, **DAYS, ties=ties)
    assert found.convergence.status == "separated"
    assert found.coefficients["p_value"].isna().all()
    assert found.hazard_ratios().isna().all(axis=None)
    (fault,) = faults_of(found.baseline)
    assert fault.what == "a baseline hazard needs a sound fit with ties by Efron or Breslow"


def test_a_separated_subdistribution_is_called_so():
    frame = pd.DataFrame({"days": [1, 2, 3, 4, 5, 6], "left": [1, 1, 1, 2, 0, 0]})
    frame["x"] = [1, 1, 1, 0, 0, 0]
    found = fit_subdistribution("left ~ x", frame, **DAYS)
    assert found.convergence.status == "separated"
    assert faults_of(lambda: found.incidence(frame, 3))[0].what == "the fit is not sound"


def test_an_exposure_that_changes_is_read_from_pieces_of_time():
    """A client who is exposed from day 30 on is unexposed before: no immortal time."""
    rng = np.random.default_rng(5)
    n, rows = 4000, []
    switch, rate = rng.integers(5, 60, n), 0.02
    time = rng.exponential(1 / rate, n)
    late = time > switch
    doubled = switch + (time - switch) / 2
    end = np.where(late, doubled, time)
    rows = pd.DataFrame(
        {
            "s": np.r_[np.zeros(n), switch[late]],
            "days": np.r_[np.where(late, switch, end), end[late]],
            "left": np.r_[~late, np.ones(late.sum(), dtype=bool)].astype(int),
            "exposed": np.r_[np.zeros(n), np.ones(late.sum())],
        }
    )
    found = fit_cox("left ~ exposed", rows, **DAYS, entry="s")
    assert found.params[0] == pytest.approx(np.log(2), abs=4 * found.bse[0])
    ever = pd.DataFrame({"days": end, "left": 1, "exposed": late.astype(float)})
    assert fit_cox("left ~ exposed", ever, **DAYS).params[0] < 0


def test_clusters_give_t_intervals_and_each_row_its_own_gives_lin_and_wei():
    own = fit_cox("left ~ x", DATA, **DAYS, cluster="client")
    plain = fit_cox("left ~ x", DATA, **DAYS, robust=True)
    np.testing.assert_allclose(own.bse, plain.bse, rtol=1e-12)
    grouped = fit_cox("left ~ x", DATA, **DAYS, cluster="practitioner")
    assert (grouped.dof, plain.dof) == (11, np.inf)
    assert grouped.n_groups == {"practitioner": 12}
    assert (grouped.spec.covariance, plain.spec.covariance) == ("cluster:practitioner", "robust")
    grouped = fit_subdistribution("left ~ x", DATA, **DAYS, cluster="practitioner")
    assert grouped.dof == 11
    (fault,) = faults_of(lambda: fit_cox("left ~ x", DATA.assign(one=1), **DAYS, cluster="one"))
    assert fault.what == "all rows belong to one cluster, so nothing can be said across them"


def test_both_models_of_competing_exits_come_together():
    fits = fit_competing("left ~ x", DATA, **DAYS)
    assert list(fits.cause_specific) == [1, 2]
    assert fits.subdistribution.cause == 1
    assert fits.cause_specific[1].spec.covariance == "robust"


def test_without_other_exits_the_subdistribution_is_coxs_with_breslows_ties():
    frame = DATA.assign(left=(DATA["left"] == 1).astype(int))
    ours = fit_subdistribution("left ~ x + area", frame, **DAYS)
    cox = fit_cox("left ~ x + area", frame, **DAYS, ties="breslow", robust=True)
    np.testing.assert_allclose(ours.params, cox.params, rtol=1e-9)
    np.testing.assert_allclose(ours.bse, cox.bse, rtol=1e-9)
    shown = 1 - cox.survival(frame.head(4), [30, 90])
    np.testing.assert_allclose(ours.incidence(frame.head(4), [30, 90]), shown, rtol=1e-9)


def test_faults_of_the_formula_and_of_the_durations_are_told_together():
    bad = DATA.assign(days=-1.0, left=0.5)
    found = faults_of(lambda: fit_cox("left ~ x + wage", bad, **DAYS))
    assert [fault.what for fault in found] == [
        "'left' is no whole number from 0 in 300 rows",
        "'days' is not positive in 300 rows",
        "the formula cannot be read on these columns",
    ]


@pytest.mark.parametrize(
    ("formula", "what"),
    [
        ("gone ~ x", "the formula's left side is not the event 'left'"),
        ("left ~ 0 + x", "the formula leaves the constant out"),
        ("left ~ 1", "no terms to explain the event by"),
    ],
)
def test_formulas_that_are_no_hazard_model_are_refused(formula, what):
    for fit in (fit_cox, fit_subdistribution):
        assert faults_of(lambda fit=fit: fit(formula, DATA, **DAYS))[0].what == what


def test_nothing_to_explain_or_to_explain_it_by_is_refused():
    (fault,) = faults_of(lambda: fit_cox("left ~ x", DATA.assign(left=0), **DAYS))
    assert fault.what == "nobody left by cause 1"
    flat = DATA.assign(north=(DATA["area"] == "north").astype(float))
    (fault,) = faults_of(lambda: fit_cox("left ~ x + north", flat, **DAYS, strata="area"))
    assert fault.what == "north cannot be told apart among those at risk when events happen"


def test_exact_ties_are_refused_where_they_cannot_be_had():
    (fault,) = faults_of(lambda: fit_cox("left ~ x", DATA, **DAYS, ties="exact", robust=True))
    assert fault.what == "exact ties allow neither a robust covariance nor late entry"
    many = pd.concat([DATA.assign(days=10, left=1)] * 1)
    (fault,) = faults_of(lambda: fit_cox("left ~ x", many, **DAYS, ties="exact"))
    assert fault.what == "exact ties of 300 events among 300 rows are too much work"
    exact = fit_cox("left ~ x", DATA, **DAYS, ties="exact")
    assert np.isnan(exact.residuals).all()
    assert exact.params[0] == pytest.approx(fit_cox("left ~ x", DATA, **DAYS).params[0], rel=0.02)


def test_unknown_options_are_refused():
    for call, what in (
        (lambda: fit_cox("left ~ x", DATA, **DAYS, ties="random"), "no rule for ties called"),
        (
            lambda: fit_subdistribution("left ~ x", DATA, **DAYS, convention="sas"),
            "no convention called 'sas'",
        ),
        (
            lambda: fit_cox("left ~ x", DATA, **DAYS).proportional_hazards("moon"),
            "no clock called 'moon'",
        ),
        (
            lambda: fit_cox("left ~ x", DATA, **DAYS, strata="area").survival(
                DATA, 3, stratum="west"
            ),
            "no stratum called 'west'",
        ),
    ):
        assert faults_of(call)[0].what.startswith(what)


def test_a_coefficient_that_fades_is_found():
    rng = np.random.default_rng(3)
    n = 1500
    x = rng.integers(0, 2, n)
    early = rng.exponential(100 / np.where(x, 3, 1))
    time = np.where(early < 30, early, 30 + rng.exponential(100, n))
    frame = pd.DataFrame({"days": np.ceil(time), "left": 1, "x": x, "z": rng.normal(size=n)})
    checks = fit_cox("left ~ x + z", frame, **DAYS).proportional_hazards()
    assert checks.loc["x", "p_value"] < 1e-6
    assert checks.loc["x", "trend"] == -1
    assert checks.loc["z", "p_value"] > 0.01


def test_each_stratum_has_its_own_baseline():
    found = fit_cox("left ~ x", DATA, **DAYS, strata="area")
    one, other = (found.survival(DATA.head(2), 60, stratum=name) for name in ("east", "north"))
    assert (one != other).all()
    (fault,) = faults_of(lambda: found.survival(DATA.head(2), 60))
    assert fault.what == "no stratum named"
    assert fault.fix == "use one of east, north"
    assert set(found.baseline()["stratum"]) == {"east", "north"}


def test_columns_far_from_zero_and_of_odd_size_do_no_harm():
    plain = fit_cox("left ~ x", DATA, **DAYS)
    odd = fit_cox("left ~ x", DATA.assign(x=DATA["x"] * 1e-6 + 1e3), **DAYS)
    assert odd.params[0] * 1e-6 == pytest.approx(plain.params[0], rel=1e-6)


def test_influence_of_a_subdistribution_is_what_leaving_a_row_out_does():
    """With whole weeks, so that exits and censorings fall together, for both conventions."""
    frame = service(120).assign(days=lambda rows: np.ceil(rows["days"] / 20))
    for convention in ("crr", "finegray"):
        fit = partial(fit_subdistribution, "left ~ x", **DAYS, convention=convention)
        whole = fit(frame)
        without = [fit(frame.drop(index=row)).params[0] for row in frame.index]
        told = (whole.influence @ whole.naive)[:, 0]
        slope, _ = np.polyfit(told, whole.params[0] - np.array(without), 1)
        assert slope == pytest.approx(1, abs=0.06)
        ratios = whole.hazard_ratios()
        assert ratios.loc["x", "conf_low"] < np.exp(whole.params[0]) < ratios.loc["x", "conf_high"]
