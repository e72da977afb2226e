"""Episodes: runs of contacts no further apart than the gap, and whom they belong to."""

import pytest
from linkage_language import engine, linked, seen, study, table

from deepvalue_stats.linkage import linkage_sql
from deepvalue_stats.linkage.engine import run_sql


def every_episode(changes=(), **tables):
    """All episodes, before later ones of a client leave, as the SQL gives them."""
    plan, data = study(changes, **tables)
    rows = run_sql(linkage_sql(plan, data), data, engine())
    return seen(type("Rows", (), {"frame": rows}), "client episode index contacts")


def test_a_contact_exactly_the_gap_later_belongs_to_the_episode_and_one_day_more_opens_another():
    assert every_episode(
        contacts="""
        client  day  who
        a       0    P
        a       30   P
        b       0    P
        b       31   P
    """
    ) == table("""
        client  episode  index  contacts
        a       1        0      2
        b       1        0      1
        b       2        31     1
    """)


def test_the_gap_counts_from_the_last_contact_not_from_the_first():
    assert every_episode(
        contacts="""
        client  day  who
        a       0    P
        a       25   P
        a       50   P
        a       75   P
    """
    ) == table("""
        client  episode  index  contacts
        a       1        0      4
    """)


def test_contacts_in_any_order_of_the_file_make_the_same_episodes():
    assert every_episode(
        contacts="""
        client  day  who
        a       90   P
        b       2    P
        a       0    P
        a       20   P
    """
    ) == table("""
        client  episode  index  contacts
        a       1        0      2
        a       2        90     1
        b       1        2      1
    """)


def test_an_undated_contact_opens_no_episode_and_joins_none():
    assert every_episode(
        contacts="""
        client  day  who
        a       0    P
        a       .    P
        b       .    P
    """
    ) == table("""
        client  episode  index  contacts
        a       1        0      1
    """)


def test_only_the_first_episode_of_a_client_is_analysed_and_the_later_ones_are_counted():
    found = linked(
        contacts="""
        client  day  who
        a       0    P
        a       100  Q
        a       200  R
        b       7    P
    """
    )
    assert seen(found, "client episode practitioner index") == table("""
        client  episode  practitioner  index
        a       1        P             0
        b       1        P             7
    """)
    entry, later = found.attrition
    assert (entry.reason, entry.rows, entry.clients) == ("episodes built from contacts", 4, 2)
    assert (later.reason, later.left) == ("a later episode of the same client", 2)
    assert list(later.left_clients) == ["a", "a"]


PRACTITIONERS = {
    "the majority": ("""
        client  day  who
        a       0    P
        a       3    Q
        a       6    Q
    """, "Q", "P"),
    "of a tie, who came first": ("""
        client  day  who
        a       0    P
        a       3    Q
    """, "P", "P"),
    "of a tie on one day, the earlier line": ("""
        client  day  who
        a       0    Q
        a       0    P
    """, "Q", "Q"),
    "of a tie, who came first, wherever the line of a later contact stands": (
        """
        client  day  who
        a       8    P
        a       5    Q
        a       9    Q
        a       5    P
    """,
        "Q",
        "Q",
    ),
    "of those in the window to its last day": ("""
        client  day  who
        a       0    P
        a       10   Q
        a       10   Q
    """, "Q", "P"),
    "of nobody after the window": ("""
        client  day  who
        a       0    P
        a       11   Q
        a       12   Q
    """, "P", "P"),
    "known, where the first contact does not say": ("""
        client  day  who
        a       0    .
        a       0    .
        a       3    Q
    """, "Q", "Q"),
    "unknown, where no contact says": ("""
        client  day  who
        a       0    .
    """, ".", "."),
}  # fmt: skip


@pytest.mark.parametrize("case", PRACTITIONERS)
@pytest.mark.parametrize("rule", ["majority", "first"])
def test_the_practitioner_of_an_episode_is(case, rule):
    contacts, majority, first = PRACTITIONERS[case]
    found = linked({"clock.episodes.practitioner": rule}, contacts=contacts)
    expected = {"majority": majority, "first": first}[rule]
    assert seen(found, "client practitioner") == [["client", "practitioner"], ["a", expected]]


def test_the_service_is_chosen_from_the_window_by_the_same_rule_and_by_itself():
    contacts = """
        client  day  who  office
        a       0    P    N
        a       3    Q    S
        a       6    R    S
        a       11   P    N
        a       12   P    N
    """
    service = {"ids.service": {"column": "office"}}
    majority = linked(service, contacts=contacts)
    assert seen(majority, "practitioner service") == table("""
        practitioner  service
        P             S
    """)
    first = linked({**service, "clock.episodes.practitioner": "first"}, contacts=contacts)
    assert seen(first, "practitioner service") == table("""
        practitioner  service
        P             N
    """)


def test_a_share_is_taken_over_the_practitioners_contacts_inside_exposure_windows_only():
    """P: days 0, 10 and 5 count, of which one is flagged; day 11 is after the landmark."""
    share = {"sanctions": {"column": "contacts.flag", "type": "share", "at": "practitioner"}}
    found = linked(
        {"covariates": share},
        contacts="""
            client  day  who  flag
            a       0    P    1
            a       10   P    0
            a       11   P    1
            b       5    P    0
            c       0    Q    .
            d       0    R    1
            d       1    R    .
            d       2    R    0
        """,
        ratings="client  day  score\na  1  4",
    )
    assert seen(found, "client practitioner sanctions") == table("""
        client  practitioner  sanctions
        a       P             0.333333
        b       P             0.333333
        c       Q             .
        d       R             0.5
    """)
