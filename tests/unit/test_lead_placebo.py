"""The lead placebo: which rows it uses, what it refuses, and that it finds what was planted."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import Within, fit_panel, lead_placebo
from deepvalue_stats.models.dynamics.placebo import ALONE, INCOMPLETE, NO_AFTER, NO_BEFORE
from deepvalue_stats.models.dynamics.waves import at_wave
from deepvalue_stats.models.panel.layout import panel_layout


def panel(clients=300, waves=6, seed=1, feedback=0.0, moved=0.0):
    """Ratings that persist, outcomes that go with the rating of the same wave."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=clients)
    x = np.zeros((clients, waves))
    good = np.zeros((clients, waves))
    last = rng.normal(size=clients)
    for t in range(waves):
        last = 0.5 * last + rng.normal(size=clients) + (feedback * good[:, t - 1] if t else 0.0)
        x[:, t] = level + last
        chance = 1 / (1 + np.exp(-0.4 * x[:, t] + 0.5 * level - 0.1 * t))
        good[:, t] = rng.random(clients) < chance
        x[:, t] += moved * good[:, t]
    n = clients * waves
    return pd.DataFrame(
        {
            "client": np.repeat(np.arange(clients), waves),
            "wave": np.tile(np.arange(waves), clients),
            "rapport": x.ravel(),
            "good": good.ravel(),
            "days": 3 * good.ravel() + rng.normal(size=n),
            "shock": rng.integers(0, 2, n).astype(float),
            "age": np.repeat(rng.normal(40, 9, clients), waves),
            "service": np.repeat(np.arange(clients) % 12, waves),
        }
    )


DATA = panel()


def asked(data=DATA, formula="good ~ rapport", **options):
    return lead_placebo(formula, data, **{"exposure": "rapport", "time": "wave"} | options)


def refusal(*args, **options):
    with pytest.raises(ModelError) as told:
        asked(*args, **options)
    return str(told.value)


@pytest.mark.parametrize("estimator", ["within", "conditional_logit"])
def test_it_is_silent_where_nothing_is_planted_and_fires_where_the_outcome_feeds_back(estimator):
    assert asked(estimator=estimator).p_value > 0.05
    found = asked(panel(feedback=0.8), estimator=estimator)
    assert found.p_value < 0.001
    assert found.estimate > 0
    assert found.asymmetry_p < 0.01
    assert found.conf_low < found.estimate < found.conf_high


def test_an_outcome_that_moves_its_own_rating_makes_it_fire_below_nought():
    found = asked(panel(clients=900, moved=0.8))
    assert found.p_value < 0.05
    assert found.estimate < 0


def test_it_is_the_two_way_within_estimate_of_three_waves():
    layout = panel_layout(DATA, client="client", time="wave")
    x = DATA["rapport"].to_numpy()
    rows = DATA.assign(later=at_wave(layout, x, 1), before=at_wave(layout, x, -1)).dropna()
    fit = fit_panel(
        "good ~ later + rapport + before + shock",
        rows,
        time="wave",
        estimator=Within(time_effects=True),
    )
    found = asked(formula="good ~ rapport + shock + age")
    assert [found.estimate, found.now, found.previous] == pytest.approx(fit.params[:3], rel=1e-10)
    # CR2 and the factor of few clusters agree with many clients
    assert found.std_error == pytest.approx(fit.bse[0], rel=0.01)
    assert found.n_rows == len(rows)
    assert found.absorbed == ("age",)
    assert found.df < 299


def test_rows_lost_are_counted_by_the_first_reason_and_add_up():
    data = DATA.drop(index=[2, 8]).reset_index(drop=True)
    data.loc[data["client"] == 5, "good"] = [0, 1, np.nan, np.nan, 1, 0]
    data.loc[(data["client"] == 7) & (data["wave"] == 0), "rapport"] = np.nan
    data.loc[(data["client"] == 9) & (data["wave"].isin([2, 3, 4])), "shock"] = np.nan
    found = asked(data, "good ~ rapport + shock")
    assert found.lost == {
        # wave 0 of all, wave 3 of the two with a gap at 2, and wave 1 of client 7
        NO_BEFORE: 300 + 2 + 1,
        # wave 5 of all, and wave 1 of the two
        NO_AFTER: 300 + 2,
        INCOMPLETE: 2 + 3,
        # client 9's wave 1, and the two's wave 4
        ALONE: 1 + 2,
    }
    assert found.n_rows + sum(found.lost.values()) == len(data)
    assert found.n_clients == 297


def test_a_row_without_an_outcome_still_gives_its_rating_to_the_wave_before():
    data = DATA.copy()
    data.loc[data["wave"] == 5, "good"] = np.nan
    assert asked(data).estimate == asked().estimate


def test_an_amount_is_asked_in_its_own_unit():
    whole = asked(formula="days ~ rapport")
    halved = asked(DATA.assign(rapport=DATA["rapport"] / 2), "days ~ rapport")
    assert halved.estimate == pytest.approx(2 * whole.estimate)
    assert halved.p_value == pytest.approx(whole.p_value)


def test_clusters_may_be_wider_than_clients():
    found, wide = asked(), asked(cluster="service")
    assert wide.estimate == pytest.approx(found.estimate)
    assert wide.df < 11 < found.df


def test_logical_outcomes_and_text_clients_are_read():
    data = DATA.assign(good=DATA["good"].astype(bool), client="c" + DATA["client"].astype(str))
    assert asked(data).estimate == asked().estimate


def test_clients_are_counted_on_both_sides_of_an_outcome_of_0_and_1():
    found = asked()
    assert 0 < found.n_with <= found.n_clients
    assert found.n_with + found.n_without >= found.n_clients
    number = lead_placebo(
        "y ~ rapport", DATA.assign(y=DATA["good"] + 0.5), exposure="rapport", time="wave"
    )
    assert (number.n_with, number.n_without) == (None, None)
    assert number.n_clients >= found.n_clients


def test_the_row_of_a_table():
    row = asked().row
    assert list(row) == [
        "outcome", "exposure", "estimator", "estimate", "std_error", "statistic", "df", "p_value",
        "conf_low", "conf_high", "now", "previous", "asymmetry", "asymmetry_p", "n_rows",
        "n_clients", "n_with", "n_without",
    ]  # fmt: skip
    assert (row["outcome"], row["exposure"], row["estimator"]) == ("good", "rapport", "within")


def test_the_conditional_logit_says_whom_it_had_no_use_for():
    found = asked(estimator="conditional_logit")
    linear = asked()
    never = found.lost["the client's outcome never changes"]
    assert found.n_rows == linear.n_rows - never
    assert found.n_clients < linear.n_clients
    with_wave = asked(formula="good ~ rapport + C(wave)", estimator="conditional_logit")
    assert with_wave.estimate == pytest.approx(found.estimate)


@pytest.mark.parametrize(("what", "turned"), [("gained", False), ("lost", True)])
def test_an_outcome_that_never_goes_back_is_refused(what, turned):
    gained = DATA.groupby("client")["good"].cummax()
    message = refusal(DATA.assign(good=1 - gained if turned else gained))
    words = {
        "gained": "once it has happened it is there for good",
        "lost": "once it is lost it stays lost",
    }
    assert message == (
        f"ModelError: 'good' changes one way only in these data: {words[what]}, so there is no "
        "later rating that could be compared\n"
        "  where: good\n"
        "  fix:   use a clock (fit_hazard) with the exposure before each period, and as a placebo "
        "an outcome that came before the first rating"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"formula": "good rapport"}, "not a formula"),
        ({"formula": "good ~ rapport + wage"}, "no column 'wage'"),
        ({"formula": "glad ~ rapport"}, "no column 'glad'"),
        ({"cluster": "area"}, "no column 'area'"),
        ({"formula": "good ~ shock"}, "the exposure 'rapport' is no term of the formula"),
        ({"formula": "good ~ rapport + C(client)"}, "the client ('client') is a term"),
        ({"estimator": "probit"}, "no estimator 'probit'"),
        ({"formula": "good ~ age", "exposure": "age"}, "'age' of three waves cannot be told apart"),
        ({"cluster": "wave"}, "some clients have rows in more than one wave"),
        ({"time": "month"}, "no column 'month'"),
    ],
)
def test_refusals(options, said):
    assert said in refusal(**options)


def test_text_as_an_exposure_three_waves_and_one_cluster_are_refused():
    assert "is not a number" in refusal(DATA.assign(rapport=DATA["rapport"].astype(str)))
    assert "this needs four waves of ratings or more" in refusal(DATA[DATA["wave"] < 3])
    assert "all rows belong to one service" in refusal(DATA.assign(service=1), cluster="service")
    assert "'good' never changes for any client" in refusal(DATA.assign(good=1.0))
