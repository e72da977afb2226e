"""Joins that would multiply rows, or lose them in silence, are refused with all their faults."""

import pytest
from linkage_language import linked, seen, study, table

from deepvalue_stats.errors import LinkageError
from deepvalue_stats.linkage import link


def refused(changes=(), **tables):
    with pytest.raises(LinkageError) as refusal:
        linked(changes, **tables)
    assert refusal.value.exit_code == 12
    return refusal.value.faults


def test_two_rows_for_a_client_in_the_source_of_baseline_values():
    (fault,) = refused(clients="client  conf  last\na  2  99\na  3  99\nb  2  99")
    assert fault.what == "'clients' has 1 rows more than clients, and is read as one row a client"
    assert fault.where == "sources.clients"


def test_two_rows_for_a_client_in_the_source_of_record_ends():
    changes = {"clock.follow_up.censor": ["ends.last"]}
    changes["sources.ends"] = {"path": "-", "format": "csv", "key": ["n"]}
    plan, data = study({"clock.follow_up.censor": []})
    ends = study(clients="client  conf  last\na  2  99\na  2  98")[1]["clients"]
    with pytest.raises(LinkageError, match="'clients' has 1 rows more than clients"):
        link(plan, {**data, "clients": ends})


def test_repeated_outcomes_where_the_plan_declares_one_to_one():
    changes = {"links.outcomes.cardinality": "one_to_one"}
    twice = "client  start\na  12\na  20"
    (fault,) = refused(changes, outcomes=twice)
    assert fault.where == "sources.outcomes"
    linked(outcomes=twice)  # as one_to_many they are welcome


def test_a_measure_that_does_not_stand_with_the_ratings_dates():
    changes = {
        "measures.other": {
            "items": ["warmth"], "range": [1, 5], "minimum_items": 1, "rater": "client",
        }
    }  # fmt: skip
    (fault,) = refused(changes, clients="client  conf  last  warmth\na  2  99  3")
    assert fault.what == "'other' is in 'clients', and the ratings' dates are in 'ratings'"
    assert fault.fix == "name items of 'ratings', or set at = \"baseline\""


def test_a_share_of_something_that_is_no_contact():
    share = {"column": "clients.flag", "type": "share", "at": "practitioner"}
    (fault,) = refused({"covariates.s": share}, clients="client  conf  last  flag\na  2  99  1")
    assert fault.where == "covariates.s.column"


def test_contacts_that_do_not_say_who_the_practitioner_was():
    (fault,) = refused(contacts="client  day\na  0", clients="client  conf  last  who\na  2  99  P")
    assert fault.what == "'contacts' does not say who the practitioner was"


@pytest.mark.parametrize(("undated", "refusal"), [(1, False), (2, True)])
def test_more_than_one_undated_rating_in_twenty_cannot_be_held_to_a_clock(undated, refusal):
    days = ["."] * undated + [str(day) for day in range(20 - undated)]
    ratings = "\n".join(["client  day  score", *(f"a  {day}  4" for day in days)])
    if not refusal:
        linked(ratings=ratings)
        return
    (fault,) = refused(ratings=ratings)
    assert fault.what == "2 of 20 ratings have no date (more than 5%)"


def test_ids_that_lost_their_leading_zeros_are_refused_with_their_number():
    (fault,) = refused(
        contacts="client  day  who\n007  0  P\n008  0  P\n9  0  P",
        ratings="client  day  score\n7  5  4\n8  5  4\n8  6  4\n9  5  4",
        outcomes="client  start\n007  12",
        clients="client  conf  last\n007  2  99",
    )
    assert fault.what == "2 ids of 'ratings' would be found but for their leading zeros"
    assert fault.fix == "set ids.client.pad_to to the ids' full width"


def test_padded_ids_meet():
    found = linked(
        {"ids.client": {"column": "client", "pad_to": 3}},
        contacts="client  day  who\n007  0  P",
        ratings="client  day  score\n7  5  4",
        outcomes="client  start\n07  12",
        clients="client  conf  last\n007  2  99",
    )
    assert seen(found, "client rapport job") == table("""
        client  rapport  job
        007     4        1
    """)


def test_all_breaches_are_told_at_once():
    faults = refused(
        {"links.outcomes.cardinality": "one_to_one"},
        ratings="client  day  score\na  .  4",
        outcomes="client  start\na  12\na  20",
        clients="client  conf  last\na  2  99\na  3  99",
    )
    assert [fault.where for fault in faults] == [
        "sources.clients",
        "sources.outcomes",
        "sources.ratings, column day",
    ]
