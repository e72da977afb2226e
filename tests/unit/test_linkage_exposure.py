"""Ratings: which of them are the exposure, and what becomes of the others."""

import pytest
from linkage_language import engine, linked, seen, study, table

from deepvalue_stats.errors import DataError
from deepvalue_stats.linkage import FATES, rating_fates

ONE = "client  day  who\na  0  P"
NONE = "no rating in the exposure window"


def exposure(ratings, changes=(), **tables):
    """Score, how many ratings it rests on, and why there is none, of one client."""
    found = linked(changes, contacts=tables.pop("contacts", ONE), ratings=ratings, **tables)
    _, row = seen(found, "rapport rapport__ratings rapport__why")
    return tuple(row)


@pytest.mark.parametrize(
    ("day", "inside"), [(-1, False), (0, True), (10, True), (11, False)]
)  # fmt: skip
def test_both_ends_of_the_window_belong_to_it(day, inside):
    expected = ("4", "1", ".") if inside else (".", "0", NONE)
    assert exposure(f"client  day  score\na  {day}  4") == expected


@pytest.mark.parametrize(("day", "inside"), [(2, False), (3, True)])
def test_a_window_may_open_after_the_index(day, inside):
    expected = ("4", "1", ".") if inside else (".", "0", NONE)
    late = {"clock.exposure.from": ["index", 3]}
    assert exposure(f"client  day  score\na  {day}  4", late) == expected


@pytest.mark.parametrize(("day", "inside"), [(7, True), (8, False)])
def test_a_rating_closer_to_the_landmark_than_the_lag_does_not_count(day, inside):
    """Landmark day 11, lag 4: day 7 is the last."""
    expected = ("4", "1", ".") if inside else (".", "0", NONE)
    assert exposure(f"client  day  score\na  {day}  4", {"clock.exposure.lag_days": 4}) == expected


def test_a_lag_shorter_than_the_pause_before_follow_up_takes_nothing_away():
    changes = {"clock.exposure.lag_days": 3, "clock.follow_up.from": ["index", 13]}
    assert exposure("client  day  score\na  10  4", changes) == ("4", "1", ".")


FOUR = """
    client  day  score
    a       9    5
    a       1    2
    a       4    3
    a       6    .
"""


@pytest.mark.parametrize(
    ("summary", "early", "expected"),
    [
        ("mean", None, "3.33333"),
        ("mean", 2, "2.5"),
        ("mean", 3, "2.5"),
        ("first", None, "2"),
        ("last", None, "5"),
        ("last", 2, "3"),
        ("last", 3, "3"),
    ],
)
def test_the_summary_is_over_the_early_ratings_and_unscored_ones_take_a_place(
    summary, early, expected
):
    changes = {"clock.exposure.summary": summary}
    changes |= {"clock.exposure.early": early} if early else {}
    assert exposure(FOUR, changes)[0] == expected


@pytest.mark.parametrize(("summary", "expected"), [("first", "5"), ("last", "1"), ("mean", "3")])
def test_ratings_of_one_day_stand_in_the_order_of_their_lines(summary, expected):
    tied = "client  day  score\na  5  5\na  5  3\na  5  1"
    assert exposure(tied, {"clock.exposure.summary": summary})[0] == expected


def test_the_early_ratings_of_one_day_are_the_earlier_lines():
    tied = "client  day  score\na  5  5\na  5  4\na  5  1"
    assert exposure(tied, {"clock.exposure.early": 2}) == ("4.5", "2", ".")


def test_fewer_ratings_than_needed_make_no_score_and_three_causes_are_told_apart():
    needed = {"clock.exposure.minimum_ratings": 2}
    few = "fewer than 2 ratings in the exposure window"
    unscored = "no rating in the exposure window with enough items of rapport"
    assert exposure("client  day  score\na  1  4\na  2  5", needed) == ("4.5", "2", ".")
    assert exposure("client  day  score\na  1  4\na  2  .", needed) == (".", "1", few)
    assert exposure("client  day  score\na  1  .\na  2  .", needed) == (".", "0", unscored)
    assert exposure("client  day  score\na  40  4", needed) == (".", "0", NONE)


def test_a_rating_on_or_after_the_outcome_explains_nothing_and_is_counted():
    found = linked(
        contacts=ONE,
        ratings="""
            client  day  score
            a       5    1
            a       6    2
            a       7    3
        """,
        outcomes="client  start\na  6",
    )
    assert seen(found, "rapport rapport__ratings job job__why") == table("""
        rapport  rapport__ratings  job  job__why
        1        1                 .    outcome before the landmark
    """)
    (problem,) = found.problems
    assert (problem.source, problem.column, problem.count) == ("ratings", "day", 2)
    assert (problem.what, problem.action) == (FATES[1], "row excluded")
    assert problem.first_line == 2


def test_a_rating_on_or_after_the_outcome_is_refused_where_faults_are():
    tables = {"ratings": "client  day  score\na  6  2\na  7  3", "outcomes": "client  start\na  6"}
    with pytest.raises(DataError) as refusal:
        linked({"sources.ratings.on_fault": "refuse"}, contacts=ONE, **tables)
    assert str(refusal.value) == (
        "DataError: 2 rows: rated on or after the outcome, inside the exposure window, "
        "first in line 1\n"
        "  where: sources.ratings, column day\n"
        "  fix:   check the dates with the data owner; such a rating may reflect the outcome, "
        'or set on_fault = "exclude"'
    )
    # with the ratings in order nothing is refused
    tables["outcomes"] = "client  start\na  8"
    linked({"sources.ratings.on_fault": "refuse"}, contacts=ONE, **tables)


def test_an_outcome_before_the_episode_takes_no_rating_away():
    found = exposure("client  day  score\na  5  4", outcomes="client  start\na  -2")
    assert found == ("4", "1", ".")


def test_every_rating_has_one_fate():
    plan, data = study(
        contacts="""
            client  day  who
            a       0    P
            b       0    P
        """,
        ratings="""
            client  day  score
            a       0    4
            a       6    4
            a       -1   4
            a       11   4
            c       3    4
            a       .    4
            b       6    4
        """,
        outcomes="client  start\na  6",
    )
    assert list(rating_fates(plan, data, engine=engine())) == [0, 1, 2, 3, 4, 5, 0]
    assert [FATES[i] for i in (2, 3, 4)] == [
        "rated before the exposure window",
        "rated after the exposure window",
        "rated by a client without an episode",
    ]


def test_a_rating_in_the_window_of_a_later_episode_is_no_exposure_of_the_first():
    contacts = "client  day  who\na  0  P\na  100  Q"
    assert exposure("client  day  score\na  105  4", contacts=contacts) == (".", "0", NONE)
