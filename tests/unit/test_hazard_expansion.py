"""Rows of persons and periods: what each rule does, as small tables, and every refusal."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import person_periods


def table(text):
    """A frame from words: the first line names columns."""
    return pd.read_csv(StringIO(text), sep=r"\s+")


def shown(rows, *names):
    return [tuple(row) for row in rows[list(names)].itertuples(index=False)]


SPELLS = table("""
    client months work x
    a      2      1    5
    b      3      0    6
    c      1      2    7
""")


def told(data, **options):
    with pytest.raises(ModelError) as error:
        person_periods(data, **{"duration": "months", "event": "work", **options})
    return str(error.value)


def test_a_row_for_every_period_at_risk():
    rows = person_periods(SPELLS, duration="months", event="work")
    assert shown(rows, "client", "period", "work", "x", "spell") == [
        ("a", 1, 0, 5, 1),
        ("a", 2, 1, 5, 1),
        ("b", 1, 0, 6, 1),
        ("b", 2, 0, 6, 1),
        ("b", 3, 0, 6, 1),
        ("c", 1, 2, 7, 1),
    ]


def test_days_fall_into_periods_that_they_close():
    spells = table("""
        client days work
        a      30   1
        b      31   1
        c      1    0
    """)
    rows = person_periods(spells, duration="days", event="work", period_days=30)
    assert shown(rows, "client", "period", "work") == [
        ("a", 1, 1),
        ("b", 1, 0),
        ("b", 2, 1),
        ("c", 1, 0),
    ]


def test_a_horizon_ends_observation_for_all():
    rows = person_periods(SPELLS, duration="months", event="work", horizon=1)
    assert shown(rows, "client", "period", "work") == [("a", 1, 0), ("b", 1, 0), ("c", 1, 2)]


def test_a_late_entry_is_at_risk_from_the_period_in_which_it_lies():
    spells = table("""
        client months work from
        a      4      1    2
        b      2      0    0
    """)
    rows = person_periods(spells, duration="months", event="work", start="from")
    assert shown(rows, "client", "period", "work") == [
        ("a", 3, 0),
        ("a", 4, 1),
        ("b", 1, 0),
        ("b", 2, 0),
    ]


def test_spells_of_a_client_have_clocks_of_their_own():
    spells = table("""
        client months work
        a      1      1
        b      2      0
        a      2      0
    """)
    rows = person_periods(spells, duration="months", event="work")
    assert shown(rows, "client", "spell", "period", "work") == [
        ("a", 1, 1, 1),
        ("b", 1, 1, 0),
        ("b", 1, 2, 0),
        ("a", 2, 1, 0),
        ("a", 2, 2, 0),
    ]


def test_covariates_that_change_have_the_value_at_which_a_period_began():
    intervals = table("""
        client start stop rapport
        a      0     45   3
        a      45    200  4
        b      0     90   1
    """)
    spells = table("""
        client days work
        a      100  1
        b      60   0
    """)
    rows = person_periods(
        spells, duration="days", event="work", period_days=30, time_varying=intervals
    )
    assert shown(rows, "client", "period", "rapport") == [
        ("a", 1, 3),
        ("a", 2, 3),
        ("a", 3, 4),
        ("a", 4, 4),
        ("b", 1, 1),
        ("b", 2, 1),
    ]


def test_order_of_intervals_does_not_matter():
    rng = np.random.default_rng(1)
    spells = pd.DataFrame({"client": range(50), "days": rng.integers(1, 300, 50), "work": 1})
    starts = np.tile(np.arange(0, 300, 50), 50)
    intervals = pd.DataFrame(
        {"client": np.repeat(range(50), 6), "start": starts, "stop": starts + 50}
    ).assign(rapport=rng.normal(size=300))
    options = {"duration": "days", "event": "work", "period_days": 30}
    one = person_periods(spells, **options, time_varying=intervals)
    other = person_periods(spells, **options, time_varying=intervals.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(one, other)
    joined = one.merge(intervals, on="client", suffixes=("", "_own"))
    began = (joined["period"] - 1) * 30
    joined = joined[(joined["start"] <= began) & (began < joined["stop"])]
    assert (joined["rapport"] == joined["rapport_own"]).all()
    assert len(joined) == len(one)


def test_all_faults_of_times_are_told_at_once():
    spells = table("""
        client months work from
        a      0      1    0
        b      2.5    0    0
        c      3      1.5  3
        d      3      1    -1
    """)
    assert told(spells, start="from") == (
        "ModelError: 5 problems\n"
        "1. 'months' is not above 0 in 1 of 4 spells\n"
        "     where: person_periods\n"
        "     fix:   a spell begins at 0 and lasts some time\n"
        "2. 'work' is no code of an event in 1 of 4 spells\n"
        "     where: person_periods\n"
        "     fix:   use 0 for none and 1, 2, ... for causes\n"
        "3. 'from' lies before the clock starts in 1 of 4 spells\n"
        "     where: person_periods\n"
        "     fix:   measure both times from the same day\n"
        "4. 'from' does not lie before the end of observation in 1 of 4 spells\n"
        "     where: person_periods\n"
        "     fix:   leave out, with a reason, spells that ended before they were under "
        "observation\n"
        "5. 'months' is no whole number of periods in 1 of 4 spells\n"
        "     where: person_periods\n"
        "     fix:   give period_days"
    )


def test_nobody_with_an_event_is_refused():
    assert told(SPELLS.assign(work=0)) == (
        "ModelError: none of 3 spells ends with an event\n"
        "  where: work\n"
        "  fix:   there is nothing to explain: check its definition"
    )


def test_everybody_with_an_event_at_once_is_refused():
    assert told(SPELLS.assign(work=1, months=1)) == (
        "ModelError: all 3 spells end with an event in the first period\n"
        "  where: months\n"
        "  fix:   use shorter periods, or a model of whether instead of when"
    )


def test_missing_values_and_columns_are_counted():
    bad = SPELLS.assign(months=[1, None, 2], client=["a", None, "c"])
    assert told(bad) == (
        "ModelError: 2 problems\n"
        "1. 'months' is no number in 1 of 3 rows\n"
        "     where: person_periods\n"
        "     fix:   restrict the data to rows where it is known, with a reason\n"
        "2. 'client' is missing in 1 of 3 rows\n"
        "     where: person_periods\n"
        "     fix:   restrict the data to rows where it is known, with a reason"
    )
    assert told(SPELLS.drop(columns="work")) == (
        "ModelError: no column 'work'\n  where: person_periods\n  fix:   name one that there is"
    )
    assert "'period' already" in told(SPELLS.assign(period=1))
    assert "no row is left" in told(SPELLS.iloc[:0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"period_days": 0}, "not above 0"),
        ({"period_days": 30, "horizon": 45}, "the horizon is not a whole number of periods"),
    ],
)
def test_a_clock_that_does_not_go_is_refused(options, words):
    assert words in told(SPELLS, **options)


def test_faults_of_intervals_are_told_at_once():
    intervals = table("""
        client start stop rapport
        a      0     2    3
        a      1     3    4
        b      2     2    1
        z      0     9    1
    """)
    assert told(SPELLS, time_varying=intervals) == (
        "ModelError: 3 problems\n"
        "1. 1 of 4 intervals end before they begin, or at once\n"
        "     where: time_varying\n"
        "     fix:   mend start and stop\n"
        "2. 1 of 4 intervals belong to no spell of the data\n"
        "     where: time_varying\n"
        "     fix:   restrict them to those of the data\n"
        "3. 1 of 4 intervals begin before the one before them ended\n"
        "     where: time_varying\n"
        "     fix:   cut intervals so that they do not overlap"
    )


def test_a_period_without_values_is_refused():
    intervals = table("""
        client start stop rapport
        a      0     9    3
        b      0     2    4
        c      0     9    1
    """)
    assert told(SPELLS, time_varying=intervals) == (
        "ModelError: no interval covers the beginning of 1 periods of 1 spells\n"
        "  where: time_varying\n"
        "  fix:   let intervals reach from the first period at risk to the last"
    )


def test_intervals_of_several_spells_need_the_spell():
    twice = pd.concat([SPELLS, SPELLS])
    intervals = table("client start stop rapport\n a 0 9 1")
    assert "name the column of spells" in told(twice, time_varying=intervals)
    assert "3 rows repeat a spell" in told(twice.assign(part=1), spell="part")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 2)), min_size=2, max_size=30))
def test_rows_and_events_add_up_in_any_unit(spells):
    frame = pd.DataFrame(spells, columns=["days", "work"]).assign(client=range(len(spells)))
    frame.loc[0, ["days", "work"]] = 40, 1
    rows = person_periods(frame, duration="days", event="work", period_days=30)
    assert len(rows) == np.ceil(frame["days"] / 30).sum()
    assert (rows["work"] > 0).sum() == (frame["work"] > 0).sum()
    hours = frame.assign(days=frame["days"] * 24)
    again = person_periods(hours, duration="days", event="work", period_days=720)
    assert again["period"].equals(rows["period"])
    assert again["work"].equals(rows["work"])
    order = np.random.default_rng(1).permutation(len(frame))
    turned = person_periods(frame.iloc[order], duration="days", event="work", period_days=30)
    key = ["client", "period"]
    assert turned.sort_values(key)["work"].tolist() == rows["work"].tolist()
