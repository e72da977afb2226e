"""Empirical curves: worked out from rounded counts, so that no step gives a small count away."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepvalue_stats.disclosure import protect
from deepvalue_stats.disclosure.curves import cumulative, drawn
from deepvalue_stats.disclosure.rules import Rules
from deepvalue_stats.tables import Curve, effect_rows

OPEN, ACRO = Rules("open", 0, 1), Rules("acro", 10, 5)
NONE = effect_rows(
    [
        {
            "model": "m", "outcome": "o", "exposure": "x", "estimand": "e", "group": "all",
            "n_obs": 50, "n_clients": 50, "status": "not_converged",
            "events": 20, "non_events": 30,
        }
    ]
)  # fmt: skip


def curve(rows, clients):
    frame = pd.DataFrame(rows, columns=["group", "day", "events", "others", "lost"])
    return Curve("waiting", "How long", frame, clients, "days", "share")


# 40 at first: 10 with the outcome on day 3, 10 gone otherwise on day 5, 10 more events on day 8
THREE = curve([("low", 3, 10, 0, 0), ("low", 5, 0, 10, 0), ("low", 8, 10, 0, 10)], {"low": 40})


def test_a_curve_steps_where_there_are_events_and_ends_where_the_last_client_left():
    series, hidden = drawn(OPEN, THREE)
    assert series.frame["x"].tolist() == [0, 3, 8]
    # 10 of 40; then half of those still there, on half of what is left
    assert series.frame["y"].tolist() == pytest.approx([0, 0.25, 0.25 + 0.5 * 0.5])
    assert series.frame["n_clients"].tolist() == ["40", "40", "40"]
    assert not hidden.any()


def test_without_other_ends_the_standard_error_is_greenwoods():
    events, at_risk = np.array([10, 5, 4]), np.array([40, 25, 12])
    found, std_error = cumulative(events, np.zeros(3, dtype=int), at_risk)
    survival = np.cumprod(1 - events / at_risk)
    greenwood = survival * np.sqrt(np.cumsum(events / (at_risk * (at_risk - events))))
    assert found == pytest.approx(1 - survival)
    assert std_error == pytest.approx(greenwood)


def test_intervals_lie_about_the_curve_and_inside_of_nought_and_one():
    frame = drawn(OPEN, THREE)[0].frame
    assert (frame["low"] <= frame["y"]).all()
    assert (frame["y"] <= frame["high"]).all()
    assert frame[["low", "high"]].to_numpy().min() >= 0
    assert frame[["low", "high"]].to_numpy().max() <= 1


def test_a_step_of_few_waits_until_there_are_more():
    rows = [("low", day, 3, 0, 0) for day in (1, 2, 3, 4, 5, 6, 7)]
    frame = drawn(ACRO, curve(rows, {"low": 101}))[0].frame
    # 21 events in threes: cumulative 3, 6, 9, 12, 15, 18, 21 is 0, 10, 10, 10, 20, 20, 20
    assert frame["x"].tolist() == [0, 2, 5, 7]
    assert frame["y"].tolist() == pytest.approx([0, 0.1, 0.2, 0.2])
    assert set(frame["n_clients"]) == {"100"}


@pytest.mark.parametrize(
    ("clients", "events", "left_out"),
    [(100, 50, False), (9, 5, True), (100, 9, True), (100, 91, True), (100, 0, True)],
)
def test_a_group_is_left_out_with_few_clients_few_with_the_outcome_or_few_without(
    clients, events, left_out
):
    one = curve([("low", 3, events, 0, clients - events)], {"low": clients})
    series, hidden = drawn(ACRO, one)
    assert hidden.tolist() == [left_out]
    assert series.frame.empty == left_out


def test_the_gate_draws_curves_and_says_so():
    cleared, log = protect(ACRO, effects=NONE, counts=(), series=(THREE,))
    assert cleared.series[0].name == "waiting"
    line = log.decisions[log.decisions["table"] == "waiting"].iloc[0]
    assert line["rule"] == "clients and outcome"
    assert line["suppressed"] == "none"


leaving = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=60)


@given(left=leaving, more=st.integers(0, 30), threshold=st.integers(2, 20))
def test_no_step_stands_for_fewer_clients_than_the_threshold(left, more, threshold):
    """Every step is a multiple of the threshold over what the rounded counts leave at risk."""
    rows = [("g", day, *one) for day, one in enumerate(left, start=1)]
    clients = sum(map(sum, left)) + more
    frame = drawn(Rules("own", threshold, 1), curve(rows, {"g": clients}))[0].frame
    if frame.empty:
        return
    start = int(frame["n_clients"].iloc[0])
    assert start % threshold == 0
    steps = np.diff(frame["y"])
    assert (steps[:-1] > 0).all()
    # fewer than start are at risk, so no step is smaller than the threshold's share of all
    assert (steps[steps > 0] >= threshold / start * (1 - frame["y"].iloc[-1]) - 1e-12).all()
    events = sum(one[0] for one in left)
    assert (steps > 0).sum() <= (events + threshold / 2) / threshold


def test_a_curve_needs_the_columns_it_is_drawn_from():
    with pytest.raises(ValueError, match="columns are group, day, events, others, lost"):
        Curve("waiting", "", pd.DataFrame({"day": [1]}), {}, "", "")
    rows = pd.DataFrame([("low", 1, 1, 0, 0)], columns=["group", "day", "events", "others", "lost"])
    with pytest.raises(ValueError, match="a group comes without its clients"):
        Curve("waiting", "", rows, {}, "", "")
