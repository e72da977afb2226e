"""`fit_dynamic`: what it adds, what it loses, what it refuses, and what its fit can be asked."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.effects import Levels, average_effect
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_dynamic, fit_multilevel


def panel(clients=400, waves=5, seed=2):
    """Outcomes that persist, beside an exposure that goes with the client's level."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=clients)
    x = 0.7 * level[:, None] + rng.normal(size=(clients, waves))
    hours, good = np.zeros((clients, waves)), np.zeros((clients, waves))
    for t in range(waves):
        before = good[:, t - 1] if t else rng.random(clients) < 0.5
        good[:, t] = rng.random(clients) < 1 / (
            1 + np.exp(0.6 - 0.8 * x[:, t] - before - 0.8 * level)
        )
        hours[:, t] = (0.4 * hours[:, t - 1] if t else 0) + 1.5 * x[:, t] + 2 * level
        hours[:, t] += rng.normal(size=clients)
    n = clients * waves
    return pd.DataFrame(
        {
            "client": np.repeat(np.arange(clients), waves),
            "wave": np.tile(np.arange(waves), clients),
            "rapport": x.ravel(),
            "good": good.ravel(),
            "hours": hours.ravel(),
            "age": (
                np.repeat(rng.integers(20, 60, clients), waves) + np.tile(range(waves), clients)
            ),
            "home": rng.choice(["own", "rent"], n),
            "sex": np.repeat(rng.choice(["f", "m"], clients), waves),
            "practitioner": np.repeat(np.arange(clients) // 10, waves),
        }
    )


DATA = panel()


def fitted(formula="good ~ rapport", data=DATA, **options):
    return fit_dynamic(formula, data, **{"exposure": "rapport", "time": "wave"} | options)


def refusal(*args, **options):
    with pytest.raises(ModelError) as told:
        fitted(*args, **options)
    return str(told.value)


def test_it_is_the_mixed_logit_with_the_terms_that_wooldridge_adds():
    found = fitted("good ~ rapport + sex")
    rows = DATA.sort_values(["client", "wave"])
    by = rows.groupby("client")
    rows = rows.assign(
        good_previous=by["good"].shift(),
        good_initial=by["good"].transform("first"),
        rapport_initial=by["rapport"].transform("first"),
    )
    rows = rows[rows["wave"] > 0]
    rows["rapport_later"] = rows.groupby("client")["rapport"].transform("mean")
    by_hand = fit_multilevel(
        "good ~ rapport + sex + good_previous + good_initial + rapport_initial + rapport_later"
        " + (1 | client)",
        rows,
        quadrature_points=15,
    )
    assert found.fit.terms == by_hand.terms
    np.testing.assert_allclose(found.fit.params, by_hand.params, rtol=1e-8)
    assert found.levels == ("rapport_initial", "rapport_later")
    assert (found.previous, found.initial) == ("good_previous", "good_initial")
    assert found.lost == {"first wave, used up as the initial condition": 400}
    assert found.rows_a_client == 4


def test_what_was_planted_is_found_and_the_plain_mixed_logit_misses_it():
    found = fitted()
    table = found.table.set_index("term")
    truth = {"rapport": 0.8, "good_previous": 1.0}
    for term, value in truth.items():
        row = table.loc[term]
        assert row["conf_low"] < value < row["conf_high"]
    assert list(table.index) == ["rapport", "good_previous", "good_initial"]
    assert table["what"].tolist() == [
        "exposure, within the client and given the outcome before",
        "outcome of the wave before (state dependence)",
        "outcome of the first wave (initial condition)",
    ]
    plain = fit_multilevel(
        "good ~ rapport + good_previous + (1 | client)", found.fit.design.frame,
        quadrature_points=15,
    )  # fmt: skip
    assert plain.params[1] > table["conf_high"]["rapport"]


def test_average_effects_come_from_the_usual_place():
    found = fitted()
    within = average_effect(found.fit, "rapport", contrast="point").frame.iloc[0]
    lasting = average_effect(found.fit, "good_previous", contrast=Levels(0, 1)).frame.iloc[0]
    assert within["status"] == lasting["status"] == "ok"
    assert 0.05 < within["estimate"] < 0.2
    assert 0.05 < lasting["estimate"] < 0.3
    assert within["n_clients"] == 400
    assert within["n_practitioners"] == 40
    # the level stays where it is: only the exposure of the wave itself is moved
    frame = found.fit.design.frame
    moved = found.fit.predict(frame.assign(rapport=frame["rapport"] + 1e-4))
    slope = (moved - found.fit.predict(frame)).mean() / 1e-4
    assert slope == pytest.approx(within["estimate"], rel=1e-3)


def test_a_number_gets_a_linear_model():
    found = fitted("hours ~ rapport")
    table = found.table.set_index("term")
    assert found.fit.spec.family == "gaussian"
    assert table["estimate"]["rapport"] == pytest.approx(1.5, abs=0.15)
    assert table["estimate"]["hours_previous"] == pytest.approx(0.4, abs=0.15)


def test_clusters_of_practitioners_keep_the_estimate():
    found = fitted(covariance="cluster:practitioner")
    np.testing.assert_allclose(found.fit.params, fitted().fit.params)
    assert found.fit.spec.covariance == "cluster:practitioner"


def test_gaps_single_waves_and_missing_values_are_counted():
    data = DATA.drop(index=[2, *range(11, 15)]).reset_index(drop=True)
    data.loc[(data["client"] == 5) & (data["wave"] == 3), "rapport"] = np.nan
    assert "missing values" in refusal(data=data)
    skipped = fitted(data=data, missing="drop")
    assert skipped.lost == {
        "first wave, used up as the initial condition": 399,
        "the only wave of its client": 1,
        "no wave directly before": 2,
    }
    assert skipped.seen_once == 1
    assert skipped.fit.n_obs + sum(skipped.lost.values()) + 1 == len(data)
    stopped = fitted(data=data, missing="drop", gaps="stop")
    assert stopped.lost["after a wave that the client missed"] == 1
    assert stopped.fit.n_obs == skipped.fit.n_obs - 1


def test_the_gap_is_in_the_schedule_and_not_in_the_numbers_of_waves():
    months = DATA.assign(wave=DATA["wave"].map({0: 0, 1: 6, 2: 12, 3: 24, 4: 36}))
    assert fitted(data=months).lost == fitted().lost


def test_levels_that_others_explain_are_left_out_and_said():
    found = fitted("good ~ rapport + age + C(wave) + home")
    assert found.left_out == ("age_initial", "age_later")
    assert found.levels == ("rapport_initial", "rapport_later")
    assert found.not_levelled == ("home",)


def test_columns_with_spaces_are_quoted():
    data = DATA.rename(columns={"rapport": "the rapport", "good": "good end", "client": "who is"})
    found = fitted("`good end` ~ `the rapport`", data, exposure="the rapport", client="who is")
    np.testing.assert_allclose(found.fit.params, fitted().fit.params)
    assert found.table["term"].tolist()[0] == "the rapport"


def test_what_cannot_be_asked_is_refused_all_at_once():
    assert refusal("good ~ sex + C(client)", gaps="fill") == (
        "ModelError: 3 problems\n"
        "1. no way 'fill' with gaps\n"
        "     where: gaps\n"
        "     fix:   use skip or stop\n"
        "2. the client ('client') is a term of the formula\n"
        "     where: good ~ sex + C(client)\n"
        "     fix:   take it out: clients have an intercept of their own already\n"
        "3. the exposure 'rapport' is no term of the formula\n"
        "     where: good ~ sex + C(client)\n"
        "     fix:   add it"
    )


def test_two_waves_and_an_exposure_that_is_fixed_are_refused():
    assert refusal("good ~ sex", DATA[DATA["wave"] < 2], exposure="sex") == (
        "ModelError: 2 problems\n"
        "1. the exposure 'sex' is not a number that changes for some client\n"
        "     where: good ~ sex\n"
        "     fix:   give a score that is taken at every wave; of what is fixed use "
        "fit_multilevel\n"
        "2. no client has three waves on end, so what lasts cannot be told from what a client is "
        "like\n"
        "     where: client, wave\n"
        "     fix:   add waves, or put waves together that are close"
    )


def test_an_outcome_that_stays_is_refused():
    gained = DATA.assign(good=DATA.groupby("client")["good"].cummax())
    assert "'good' changes one way only in these data: once it has happened" in refusal(data=gained)
    still = DATA.assign(good=DATA.groupby("client")["good"].transform("first"))
    assert "'good' never changes from one wave to the next" in refusal(data=still)


def test_columns_that_are_there_already_are_refused():
    assert refusal(data=DATA.assign(good_previous=0, rapport_later=0)) == (
        "ModelError: the data have columns already that a dynamic model makes: good_previous, "
        "rapport_later\n"
        "  where: good ~ rapport\n"
        "  fix:   rename them, or take them out"
    )
