"""How long until an outcome: days from the landmark, and what ended them."""

import pytest
from linkage_language import linked, seen, table

ONE = "client  day  who\na  0  P"
RATED = "client  day  score\na  5  4"
# landmark day 11, follow-up of 20 days: day 11 is the first of them, day 30 the twentieth
TIMED = {
    "clock.follow_up.incomplete": "hazard",
    "models.time": {
        "role": "secondary",
        "outcome": "job",
        "exposure": "rapport",
        "estimator": "hazard",
        "period_days": 10,
    },
}
LASTING = {"outcomes.job.end": "outcomes.end", "outcomes.job.sustained_days": 7}
MORTAL = {"clock.follow_up.death": "clients.died"}


def spell(outcomes, changes=(), clients="client  conf  last\na  2  1000", contacts=ONE):
    """Days, what ended them, and why they are not known, of one client."""
    changes = {**TIMED, **dict(changes)}
    found = linked(changes, contacts=contacts, ratings=RATED, outcomes=outcomes, clients=clients)
    return tuple(seen(found, "job__days job__exit job__days__why")[1])


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (11, ("1", "1", ".")),  # on the landmark: the first day
        (12, ("2", "1", ".")),
        (30, ("20", "1", ".")),  # the last day of follow-up
        (31, ("20", "0", ".")),  # after it: seen without to the end
        (10, (".", ".", "outcome before the landmark")),
        (-5, (".", ".", "outcome in the 5 days before the start")),
    ],
)
def test_days_count_from_the_landmark_as_the_first(day, expected):
    assert spell(f"client  start\na  {day}") == expected


def test_the_first_of_several_events_counts():
    assert spell("client  start\na  20\na  14") == ("4", "1", ".")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("15", ("5", "0", ".")),  # the record ends before the event: seen for five days without
        ("19", ("9", "0", ".")),
        ("20", ("10", "1", ".")),  # on the day of the event
        ("11", ("1", "0", ".")),
        ("10", (".", ".", "no day of the follow-up seen")),
        (".", (".", ".", "end of the outcome record not known")),
    ],
)
def test_a_record_that_ends_early_is_used_as_far_as_it_goes(last, expected):
    clients = f"client  conf  last\na  2  {last}\nz  2  9"
    assert spell("client  start\na  20", clients=clients) == expected


def test_with_equal_follow_up_nobody_counts_in_part():
    clients = "client  conf  last\na  2  15"
    equal = {"clock.follow_up.incomplete": "exclude"}
    assert spell("client  start\na  12", equal, clients) == (".", ".", "follow-up incomplete")
    assert spell("client  start\na  12", equal) == ("2", "1", ".")


@pytest.mark.parametrize(
    ("died", "expected"),
    [
        ("25", ("10", "1", ".")),  # the event, on day 20, came first
        ("20", ("10", "1", ".")),  # on the day of the event
        ("19", ("9", "2", ".")),  # died before it could happen
        ("31", ("10", "1", ".")),
        (".", ("10", "1", ".")),
    ],
)
def test_a_death_ends_the_days_and_is_no_end_of_the_record(died, expected):
    clients = f"client  conf  last  died\na  2  1000  {died}\nz  2  9  9"
    assert spell("client  start\na  20", MORTAL, clients) == expected


def test_a_death_after_the_follow_up_changes_nothing():
    clients = "client  conf  last  died\na  2  1000  31"
    assert spell("client  start\na  -1000", MORTAL, clients) == ("20", "0", ".")


def test_a_death_after_the_record_ends_is_not_seen():
    clients = "client  conf  last  died\na  2  15  18"
    assert spell("client  start\na  -1000", MORTAL, clients) == ("5", "0", ".")


@pytest.mark.parametrize(
    ("start", "end", "last", "expected"),
    [
        (12, "19", 1000, ("2", "1", ".")),  # lasts: dated by its first day
        (12, "18", 1000, ("20", "0", ".")),  # one day short
        (12, ".", 19, ("2", "1", ".")),  # the record reaches as far as it has to last
        (12, ".", 18, ("1", "0", ".")),  # it does not: nobody knows of day 12
        (12, ".", 17, (".", ".", "no day of the follow-up seen")),
    ],
)
def test_a_sustained_outcome_is_dated_by_its_first_day(start, end, last, expected):
    clients = f"client  conf  last\na  2  {last}"
    spells = f"client  start  end\na  {start}  {end}\nz  1  2"
    assert spell(spells, LASTING, clients) == expected


def test_a_short_spell_does_not_hide_a_long_one_nor_date_it():
    spells = "client  start  end\na  12  14\na  20  40"
    assert spell(spells, LASTING) == ("10", "1", ".")


def test_a_new_episode_ends_what_is_seen_of_the_first():
    contacts = "client  day  who\na  0  P\na  40  P"
    changes = {
        "clock.follow_up.next_episode": True,
        "clock.follow_up.days": 60,
        "models.time": {**TIMED["models.time"], "period_days": 30},
    }
    found = spell("client  start\na  45", changes, contacts=contacts)
    assert found == ("29", "0", ".")
    assert spell("client  start\na  39", changes, contacts=contacts) == ("29", "1", ".")


def test_who_is_not_linked_is_not_known_where_the_plan_says_so():
    unknown = {"links.outcomes.unlinked": "unknown"}
    found = spell("client  start\nz  12", unknown)
    assert found == (".", ".", "no outcome record linked")


def test_a_plan_without_a_model_of_time_has_no_days():
    found = linked(contacts=ONE, ratings=RATED, outcomes="client  start\na  12")
    assert not {"job__days", "job__exit"} & set(found.frame)
    assert seen(found, "client job") == table("client  job\na  1")
