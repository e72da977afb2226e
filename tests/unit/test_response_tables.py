"""Tables of items, scores, their ends and bins: which rows count, and what leaves the room."""

from pathlib import Path

import pytest
from linkage_language import study
from test_disclosure import ACRO, NOTHING, OPEN
from test_linkage_waves import WAVES, frame, plan_with

from deepvalue_stats.data import read_data
from deepvalue_stats.disclosure import protect
from deepvalue_stats.measures import (
    answers,
    ceiling_table,
    client_bands,
    histogram_table,
    item_ends_table,
    item_table,
    score,
    score_table,
)

TABLES = (item_table, item_ends_table, score_table, ceiling_table, histogram_table)
NEVER = "differences among them cannot be seen"
TWO_ITEMS = {
    "measures.rapport": {
        "items": ["warm", "cold"],
        "reversed": ["cold"],
        "range": [1, 5],
        "minimum_items": 2,
        "rater": "client",
        "not_applicable": [9],
    }
}
# cold is turned: 1 counts as 5. The third questionnaire of a is blank, d is of unknown confidence
SMALL = {
    "contacts": "client  day  who\na  0  P\nb  0  P\nc  0  Q\nd  0  Q",
    "clients": "client  conf  last\na  1  1000\nb  2  1000\nc  4  1000\nd  .  1000",
    "ratings": """
        client  day  warm  cold
        a       1    5     1
        a       2    5     2
        a       3    .     9
        b       1    1     5
        c       1    3     3
        c       2    4     9
        d       1    5     1
    """,
}


def small():
    return study(TWO_ITEMS, **SMALL)


def asked(plan, data):
    return plan, answers(plan, data), client_bands(plan, data)


def cleared(table, rules=OPEN):
    return protect(rules, effects=NOTHING, counts=(table,), series=())[0].counts[0].frame


def rows(table, *columns, **where):
    """Rows of a cleared table as tuples of text."""
    frame = table
    for name, value in where.items():
        frame = frame[frame[name] == value]
    return list(frame[list(columns)].itertuples(index=False, name=None))


def test_items_of_questionnaires_with_an_answer_turned_round():
    table = cleared(item_table(*asked(*small())))
    counts = ("item", "ratings", "answered", "complete", "mean")
    assert rows(table, *counts, measure="rapport") == [
        ("warm", "6", "6", "5", "3.833333333"),
        ("cold", "6", "5", "5", "3.6"),
    ]
    assert rows(table, *counts, measure="confidence") == [("conf", "3", "3", "3", "2.333333333")]


def test_evidence_is_persons():
    evidence = item_table(*asked(*small())).evidence
    told = [tuple(int(n) for n in row) for row in evidence.to_numpy()]
    assert list(evidence) == ["ratings", "answered", "complete"]
    assert told == [(4, 4, 4), (4, 4, 4), (3, 3, 3)]


def test_ends_of_items():
    table = item_ends_table(*asked(*small()))
    assert rows(cleared(table), "item", "place", "ratings", "there", "share") == [
        ("warm", "at the lowest", "6", "1", "0.1666666667"),
        ("warm", "at the highest", "6", "3", "0.5"),
        ("cold", "at the lowest", "5", "1", "0.2"),
        ("cold", "at the highest", "5", "2", "0.4"),
        ("conf", "at the lowest", "3", "1", "0.3333333333"),
        ("conf", "at the highest", "3", "1", "0.3333333333"),
    ]
    # a gave the highest answer to warm twice, and so did d once; c did not
    assert tuple(table.evidence.iloc[1][["ratings", "with", "without"]]) == (4, 2, 2)


def test_scores_by_band_and_confidence_by_itself_not():
    table = cleared(score_table(*asked(*small())))
    assert rows(table, "measure", "band", "ratings", "clients", "mean") == [
        ("rapport", "all clients", "5", "4", "3.7"),
        ("rapport", "low", "2", "1", "4.75"),
        ("rapport", "mid", "1", "1", "1"),
        ("rapport", "high", "1", "1", "3"),
        ("rapport", "unknown", "1", "1", "5"),
        ("confidence", "all clients", "3", "3", "2.333333333"),
    ]


def test_ends_of_scores_by_band():
    table = cleared(ceiling_table(*asked(*small())))
    assert rows(table, "place", "there", "ratings", "reading", band="low") == [
        ("at the lowest", "0", "2", ""),
        ("in the bottom tenth", "0", "2", ""),
        ("in the top tenth", "1", "2", ""),
        ("at the highest", "1", "2", NEVER),
    ]
    everybody = rows(table, "there", "reading", band="all clients", measure="rapport")
    assert everybody == [("1", NEVER), ("1", ""), ("2", ""), ("2", NEVER)]


def test_bins_are_the_measures_own_and_empty_ones_stand():
    table = cleared(histogram_table(*asked(*small())))
    assert rows(table, "from", "to", "ratings", "clients", measure="rapport") == [
        ("1", "1.25", "1", "1"),
        ("1.25", "1.75", "0", "0"),
        ("1.75", "2.25", "0", "0"),
        ("2.25", "2.75", "0", "0"),
        ("2.75", "3.25", "1", "1"),
        ("3.25", "3.75", "0", "0"),
        ("3.75", "4.25", "0", "0"),
        ("4.25", "4.75", "1", "1"),
        ("4.75", "5", "2", "2"),
    ]


def waves(text):
    plan = plan_with({}, WAVES)
    return plan, score(plan, read_data(plan, folder=Path(), frames={"talks": frame(text)}))


def test_interviews_count_after_baseline_and_confidence_at_it():
    talks = """
        client  wave  who  r1  r2  conf  working  debt  fines  does  age
        a       0     P    1   1   3     0        1     1      2     40
        a       6     P    4   5   1     1        0     0      1     41
        a       12    P    4   4   1     1        0     0      1     41
        b       6     P    2   4   2     0        5     0      .     30
    """
    table = cleared(score_table(*asked(*waves(talks))))
    assert rows(table, "measure", "band", "ratings", "clients", "mean") == [
        ("rapport", "all clients", "3", "2", "3.833333333"),
        ("rapport", "low", "0", "0", ""),
        ("rapport", "mid", "0", "0", ""),
        ("rapport", "high", "2", "1", "4.25"),
        ("rapport", "unknown", "1", "1", "3"),
        ("confidence", "all clients", "1", "1", "3"),
    ]


def test_no_scores_at_all():
    talks = """
        client  wave  who  r1  r2  conf  working  debt  fines  does  age
        a       0     P    .   .   3     0        1     1      2     40
        a       6     P    .   .   1     1        0     0      1     41
    """
    told = asked(*waves(talks))
    items = rows(cleared(item_table(*told)), "ratings", "mean", "trouble", measure="rapport")
    assert items == [("0", "", "nobody answered it")] * 2
    ends = rows(cleared(ceiling_table(*told)), "ratings", "there", measure="rapport")
    assert set(ends) == {("0", "0")}
    bins = rows(cleared(histogram_table(*told)), "ratings", measure="rapport")
    assert set(bins) == {("0",)}


def crowd(satisfied, others):
    """One rating a client: so many of the highest score, and so many in the middle."""
    clients = satisfied + others
    contacts = ["client  day  who", *(f"c{i}  0  P{i % 4}" for i in range(clients))]
    told = ["client  day  score"]
    told += [f"c{i}  1  {5 if i < satisfied else 3}" for i in range(clients)]
    return study(contacts="\n".join(contacts), ratings="\n".join(told))


@pytest.mark.parametrize(
    ("satisfied", "others", "shown"),
    [
        (40, 60, ("40", "0.4", NEVER)),
        (12, 88, ("10", "0.1", "")),
        (9, 91, ("[c]", "[c]", "[c]")),
        (91, 9, ("[c]", "[c]", "[c]")),
        (100, 0, ("[c]", "[c]", "[c]")),
    ],
)
def test_an_end_leaves_the_room_with_ten_clients_on_either_side(satisfied, others, shown):
    table = cleared(ceiling_table(*asked(*crowd(satisfied, others))), ACRO)
    where = {"measure": "rapport", "band": "all clients", "place": "at the highest"}
    assert rows(table, "there", "share", "reading", **where) == [shown]


def test_small_bins_are_hidden_with_their_clients():
    table = cleared(histogram_table(*asked(*crowd(9, 91))), ACRO)
    bins = rows(table, "from", "ratings", "clients", measure="rapport")
    assert bins == [
        ("1", "0", "0"),
        ("1.5", "0", "0"),
        ("2.5", "90", "90"),
        ("3.5", "0", "0"),
        ("4.5", "[c]", "[c]"),
    ]


def test_many_ratings_of_few_clients_are_few():
    """Nine clients with five ratings each."""
    told = ["client  day  score", *(f"c{i % 9}  {i // 9}  {1 + i % 5}" for i in range(45))]
    contacts = ["client  day  who", *(f"c{i}  0  P" for i in range(9))]
    plan, data = study(contacts="\n".join(contacts), ratings="\n".join(told))
    items = cleared(item_table(*asked(plan, data)), ACRO)
    hidden = rows(items, "ratings", "mean", "std_dev", "trouble", measure="rapport")
    assert hidden == [("[c]",) * 4]
    scores = rows(
        cleared(score_table(*asked(plan, data)), ACRO), "ratings", "mean", measure="rapport"
    )
    # all of middling confidence, so that low and high are empty
    assert scores == [("[c]", "[c]"), ("0", ""), ("[c]", "[c]"), ("0", "")]


def test_the_mean_of_two_answers_is_a_share_and_stands_as_no_statistic():
    """A mean of 0.003 of 300 ratings would be one client."""
    changes = {"measures.rapport.range": [0, 1]}
    ratings = "client  day  score\na  1  1\nb  1  0\nc  1  1\nd  1  1"
    told = asked(*study(changes, **{**SMALL, "ratings": ratings}))
    items = rows(cleared(item_table(*told)), "answered", "mean", "std_dev", item="score")
    assert items == [("4", "", "")]
    scores = cleared(score_table(*told))
    shape = rows(scores, "ratings", "mean", "std_dev", "skewness", measure="rapport")
    assert shape[0] == ("4", "", "", "")
    ends = rows(cleared(item_ends_table(*told)), "there", "share", item="score")
    assert ends == [("1", "0.25"), ("3", "0.75")]


@pytest.mark.parametrize("table", TABLES)
def test_no_client_is_named_and_every_row_has_its_evidence(table):
    made = table(*asked(*small()))
    cells = {str(cell) for cell in made.frame.to_numpy().ravel()}
    assert not cells & set("abcdPQ")
    assert len(made.evidence) == len(made.frame)
    assert "count" in made.rules.values()
