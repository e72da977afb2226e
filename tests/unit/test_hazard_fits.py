"""Hazard fits: baselines, causes, random effects, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import deepvalue_stats
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_hazard, fit_multilevel, person_periods
from deepvalue_stats.models.hazard.record import bands_of

MONTHS = {"duration": "months", "event": "work"}


def spells(seed=1, n=900, practitioners=30, spread=0.6, effect=0.4, last=12, other=0.0):
    rng = np.random.default_rng(seed)
    who = np.arange(n) % practitioners
    x = rng.normal(size=n)
    rate = np.exp(-2.5 + effect * x + spread * rng.normal(size=practitioners)[who])
    months, work = np.full(n, last), np.zeros(n, dtype=int)
    going = np.ones(n, dtype=bool)
    for month in range(1, last + 1):
        chance = -np.expm1(-rate)
        draw = rng.random(n)
        now = np.where(draw < chance, 1, np.where(draw < chance + other, 2, 0)) * going
        months[now > 0], work[now > 0] = month, now[now > 0]
        going &= now == 0
    return pd.DataFrame(
        {"client": np.arange(n), "practitioner": who, "x": x, "months": months, "work": work}
    )


def told(data, formula="~ x", **options):
    with pytest.raises(ModelError) as error:
        fit_hazard(formula, data, **MONTHS, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("events", "last", "labels"),
    [
        ([9, 9, 9], None, ["1", "2", "3+"]),
        ([9, 0, 9, 9], None, ["1", "2-3", "4+"]),
        ([0, 0, 9, 9], None, ["1-3", "4+"]),
        ([9, 9, 2, 1], None, ["1", "2+"]),
        ([9, 9, 4, 1], None, ["1", "2", "3+"]),
        ([9, 9, 9, 0], None, ["1", "2", "3+"]),
        ([9, 9, 9, 9, 9], 3, ["1", "2", "3+"]),
        ([3], None, ["1+"]),
    ],
)
def test_periods_share_a_baseline_where_they_have_to(events, last, labels):
    at_risk = np.arange(len(events), 0, -1) * 100
    bands, note = bands_of(at_risk, np.array(events), last)
    assert [band.label for band in bands] == labels
    assert bool(note) == (len(labels) < len(events))


def test_notes_say_which_and_why():
    note = bands_of(np.full(5, 90), np.array([9, 0, 9, 9, 1]), None)[1]
    assert note == (
        "periods 2-3 share a baseline hazard: no event in some; from period 4 on there is one "
        "baseline hazard, so that it has 5 events"
    )


def test_random_effects_go_through_the_engine():
    data = spells()
    fit = fit_hazard("~ x", data, **MONTHS, groups="practitioner", baseline="log")
    rows = person_periods(data, **MONTHS)
    rows["log_period"] = np.log(rows["period"])
    own = fit_multilevel("work ~ log_period + x + (1 | practitioner)", rows, link="cloglog")
    np.testing.assert_allclose(fit.params, own.params, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, own.covariance, rtol=1e-8)
    bracket = fit_hazard("work ~ x + (1 | practitioner)", data, **MONTHS, baseline="log")
    np.testing.assert_allclose(bracket.params, own.params, rtol=1e-10)
    assert fit.hazard.at_risk[0] == len(data)
    assert fit.hazard.events.sum() == data["work"].sum()


def test_a_constant_baseline_is_the_intercept():
    fit = fit_hazard("~ 1", spells(), **MONTHS, baseline="constant")
    rows = fit.design.response
    assert fit.terms == ("Intercept",)
    assert fit.link.mean(fit.params)[0] == pytest.approx(rows.mean())


def test_effects_may_change_with_time_and_rows_with_interval():
    data = spells()
    fit = fit_hazard("~ x + x:period", data, **MONTHS, baseline="log")
    assert fit.terms == ("Intercept", "log_period", "x", "x:period")
    halves = pd.concat(
        [data.assign(start=0, stop=6, y=data["x"]), data.assign(start=6, stop=12, y=-data["x"])]
    )
    varying = halves[["client", "start", "stop", "y"]]
    fit = fit_hazard("~ y", data, **MONTHS, baseline="log", time_varying=varying)
    assert fit.n_obs == data["months"].sum()
    late = fit.design.frame.query("period > 6")
    assert (late["y"] == -late["x"]).all()


def test_another_cause_ends_a_spell_without_the_event():
    data = spells(other=0.03)
    fit = fit_hazard("~ x", data, **MONTHS, cause=2, baseline="log")
    censored = data.assign(work=(data["work"] == 2).astype(int))
    own = fit_hazard("~ x", censored, **MONTHS, baseline="log")
    np.testing.assert_allclose(fit.params, own.params)
    assert fit.hazard.causes == (1, 2)
    assert own.hazard.causes == (1,)


def test_clusters_may_be_practitioners():
    fit = fit_hazard("~ x", spells(), **MONTHS, covariance="cluster:practitioner")
    assert fit.n_groups == {"practitioner": 30}
    assert "cluster:practitioner" in fit.spec.covariance


def test_likelihoods_with_and_without_practitioners_are_compared():
    data = spells()
    plain = fit_hazard("~ x", data, **MONTHS)
    found = fit_hazard("~ x", data, **MONTHS, groups="practitioner").compare(plain)
    assert found.statistic > 0
    assert found.p_value < 0.05


def test_frailty_of_clients_needs_second_spells():
    data = spells()
    assert told(data, groups="client") == (
        "ModelError: no client has a second spell, so a frailty of 'client' is not known from the "
        "data: with one event a client it would rest on the form of the baseline alone\n"
        "  where: (1 | client)\n"
        "  fix:   leave it out; practitioners, who have many clients, may have one"
    )
    twice = data.assign(client=data["client"] // 2)
    fit = fit_hazard("~ x", twice, **MONTHS, groups="client", baseline="log")
    assert fit.convergence.status == "ok"
    assert len(fit.hazard.starts) == len(data)


def test_a_cause_that_nobody_has_is_refused():
    assert told(spells(), cause=3) == (
        "ModelError: nobody has an event of cause 3 among 900 spells\n"
        "  where: cause=3\n"
        "  fix:   there is nothing to explain: look at the codes of the events"
    )


def test_faults_of_the_formula_are_told_at_once():
    assert told(spells(), "job ~ x + (1 | practitioner)", groups="practitioner") == (
        "ModelError: 2 problems\n"
        "1. the outcome is not 'work'\n"
        "     where: job ~ x + (1 | practitioner)\n"
        "     fix:   leave it out, or name the event\n"
        "2. groups are given twice\n"
        "     where: groups\n"
        "     fix:   use brackets or groups, not both"
    )
    assert "not a formula" in told(spells(), "x")
    assert "no covariance 'model' without random effects" in told(spells(), covariance="model")
    assert "'baseline' already" in told(spells().assign(baseline=1))


def test_a_category_without_events_is_named():
    data = spells()
    data["band"] = np.where(data["client"] < 40, "none", "some")
    data.loc[data["band"] == "none", "work"] = 0
    fit = fit_hazard("~ C(band)", data, **MONTHS, baseline="log")
    assert fit.convergence.status == "separated"
    assert "C(band)" in fit.convergence.message


def test_names_are_at_the_root():
    assert deepvalue_stats.fit_hazard is fit_hazard
    assert deepvalue_stats.person_periods is person_periods
    assert callable(deepvalue_stats.effect_by_horizon)
