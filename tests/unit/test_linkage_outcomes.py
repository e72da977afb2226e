"""Outcomes: what happens from the landmark on, seen to the end of follow-up or not at all."""

import pytest
from linkage_language import linked, seen, table

ONE = "client  day  who\na  0  P"
RATED = "client  day  score\na  5  4"
BEFORE = "outcome before the landmark"
WASHOUT = "outcome in the 5 days before the start"


def outcome(outcomes, changes=(), clients="client  conf  last\na  2  1000"):
    """The outcome of one client, and why there is none."""
    found = linked(changes, contacts=ONE, ratings=RATED, outcomes=outcomes, clients=clients)
    _, row = seen(found, "job job__why")
    return tuple(row)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (-6, ("0", ".")),  # before the washout
        (-5, (".", WASHOUT)),  # its first day
        (-1, (".", WASHOUT)),  # its last day
        (0, (".", BEFORE)),  # the index
        (10, (".", BEFORE)),  # the day before the landmark
        (11, ("1", ".")),  # the landmark
        (30, ("1", ".")),  # the last day of follow-up
        (31, ("0", ".")),  # the day after it
    ],
)
def test_an_event_counts_from_the_landmark_to_the_last_day_of_follow_up(day, expected):
    assert outcome(f"client  start\na  {day}") == expected


def test_without_a_washout_an_event_before_the_start_is_no_matter():
    assert outcome("client  start\na  -1", {"outcomes.job.washout_days": 0}) == ("0", ".")


def test_an_event_before_the_landmark_takes_the_client_out_whatever_follows():
    assert outcome("client  start\na  3\na  20") == (".", BEFORE)


def test_two_events_in_follow_up_are_one_outcome_and_one_row():
    found = linked(contacts=ONE, ratings=RATED, outcomes="client  start\na  12\na  20")
    assert seen(found, "client job") == table("""
        client  job
        a       1
    """)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("30", ("1", ".")),  # the record reaches the last day of follow-up
        ("29", (".", "follow-up incomplete")),  # it ends one day short, event or no event
        (".", (".", "end of the outcome record not known")),
    ],
)
def test_the_record_must_reach_the_last_day_of_follow_up(last, expected):
    clients = f"client  conf  last\na  2  {last}\nz  2  9"
    assert outcome("client  start\na  12", clients=clients) == expected


def test_a_client_without_a_row_that_says_how_long_it_was_observed_has_no_outcome():
    clients = "client  conf  last\nz  2  1000"
    assert outcome("client  start\na  12", clients=clients) == (
        ".", "end of the outcome record not known",
    )  # fmt: skip


def test_the_earliest_of_several_ends_counts():
    changes = {"clock.follow_up.censor": ["clients.last", "clients.end"]}
    short = "client  conf  last  end\na  2  1000  29\nz  2  9  9"
    assert outcome("client  start\na  12", changes, short) == (".", "follow-up incomplete")
    unsaid = "client  conf  last  end\na  2  1000  .\nz  2  9  9"
    assert outcome("client  start\na  12", changes, unsaid) == ("1", ".")


LASTING = {"outcomes.job.end": "outcomes.end", "outcomes.job.sustained_days": 7}


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (12, "19", "1"),  # exactly as long as needed
        (12, "18", "0"),  # one day short
        (12, ".", "1"),  # still going on
        (30, "37", "1"),  # begun on the last day of follow-up
        (31, ".", "0"),  # begun after it
    ],
)
def test_a_sustained_outcome_lasts_its_days_or_is_still_going_on(start, end, expected):
    assert outcome(f"client  start  end\na  {start}  {end}\nz  1  2", LASTING) == (expected, ".")


@pytest.mark.parametrize(
    ("last", "why"), [(37, "."), (36, "follow-up incomplete")]
)  # fmt: skip
def test_a_sustained_outcome_needs_the_record_for_as_long_as_it_takes_to_show(last, why):
    clients = f"client  conf  last\na  2  {last}"
    assert outcome("client  start  end\na  30  .\nz  1  2", LASTING, clients)[1] == why


def test_a_short_spell_does_not_hide_a_long_one():
    spells = "client  start  end\na  12  14\na  20  40"
    assert outcome(spells, LASTING) == ("1", ".")


UNLINKED = "no outcome record linked"


@pytest.mark.parametrize(
    ("rule", "rows", "left"),
    [
        ("no_event", [["a", "1", "."], ["b", "0", "."]], 0),
        ("unknown", [["a", "1", "."], ["b", ".", UNLINKED]], 0),
        ("exclude", [["a", "1", "."]], 1),
    ],
)
def test_a_client_without_an_outcome_record_is_read_as_the_plan_says(rule, rows, left):
    found = linked(
        {"links.outcomes.unlinked": rule},
        contacts="client  day  who\na  0  P\nb  0  P",
        ratings=RATED,
        outcomes="client  start\na  12",
    )
    assert seen(found, "client job job__why")[1:] == rows
    steps = {step.reason: step.left for step in found.attrition}
    assert steps.get(UNLINKED, 0) == left


def test_washout_comes_before_the_landmark_and_both_before_a_short_record_in_the_reasons():
    clients = "client  conf  last\na  2  20"
    assert outcome("client  start\na  -1\na  3", clients=clients) == (".", WASHOUT)
    assert outcome("client  start\na  3", clients=clients) == (".", BEFORE)
    assert outcome("client  start\na  12", clients=clients) == (".", "follow-up incomplete")


def test_two_outcomes_of_one_study_each_have_their_own_reasons():
    found = linked(
        {
            **LASTING,
            "outcomes.start": {
                "kind": "event", "date": "outcomes.start", "reported_by": "administrative",
            },
        },
        contacts=ONE,
        ratings=RATED,
        outcomes="client  start  end\na  12  13",
        clients="client  conf  last\na  2  30",
    )  # fmt: skip
    assert seen(found, "start start__why job job__why") == table("""
        start  start__why  job  job__why
        1      .           .    follow-up incomplete
    """)
