"""Two raters of one relationship: small cases, what is refused, and the table of a study."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from linkage_language import REST, TOP, plan_with, study, table

from deepvalue_stats.data import read_data
from deepvalue_stats.errors import DataError
from deepvalue_stats.measures import raters_table, score, self_other_agreement

GONE = np.nan
# three practitioners who are two, one and no points milder than their clients
CLIENT = np.array([1.0, 2, 3, 2, 3, 4, 3, 4, 5])
PRACTITIONER = CLIENT + np.repeat([2.0, 1, 0], 3)
WHOSE = np.repeat(["P", "Q", "R"], 3)


def test_practitioners_who_differ_in_mildness_alone_agree_fully_on_which_client():
    found = self_other_agreement(CLIENT, PRACTITIONER, WHOSE)
    assert (found.n_pairs, found.n_practitioners) == (9, 3)
    assert found.r_within == pytest.approx(1)
    assert found.covariance_within == pytest.approx(1)
    # every caseload's mean rating by the practitioner is 4
    assert found.covariance_between == pytest.approx(-1 / 3)
    assert found.difference == pytest.approx(1)
    # means without each: .5, 1, 1.5; se^2 = 2/3 * .5, and t(2) = 4.303
    assert found.difference_high - 1 == pytest.approx(4.302653 * np.sqrt(1 / 3), rel=1e-6)
    assert np.isnan(found.r_between)


def test_a_point_added_to_one_rater_leaves_r_and_lowers_the_agreement():
    rng = np.random.default_rng(2)
    other = CLIENT + rng.normal(scale=0.3, size=9)
    plain, shifted = (self_other_agreement(CLIENT, other + by, WHOSE) for by in (0, 1))
    assert shifted.r == pytest.approx(plain.r)
    assert shifted.r_within == pytest.approx(plain.r_within)
    assert shifted.icc < plain.icc - 0.1
    assert shifted.difference == pytest.approx(plain.difference + 1)


def test_the_parts_do_not_depend_on_the_order_of_the_pairs_or_the_practitioners_names():
    order = np.random.default_rng(3).permutation(9)
    names = np.array([{"P": 7, "Q": 1, "R": 4}[one] for one in WHOSE])
    plain = self_other_agreement(CLIENT, PRACTITIONER, WHOSE)
    other = self_other_agreement(CLIENT[order], PRACTITIONER[order], names[order])
    for name, value in vars(plain).items():
        assert getattr(other, name) == pytest.approx(value, nan_ok=True), name


def test_pairs_without_both_ratings_or_a_practitioner_are_left_out():
    client = np.append(CLIENT, [GONE, 5, 5])
    practitioner = np.append(PRACTITIONER, [1, GONE, 1])
    whose = np.array([*WHOSE, "P", "P", None], dtype=object)
    found = self_other_agreement(client, practitioner, whose)
    assert found.n_pairs == 9
    assert found.r == self_other_agreement(CLIENT, PRACTITIONER, WHOSE).r


@pytest.mark.parametrize(
    ("client", "practitioner"),
    [([1.0, 2], [2.0, 1]), ([3.0, 3, 3], [1.0, 2, 3]), ([GONE] * 4, [1.0, 2, 3, 4])],
)
def test_with_too_few_pairs_or_a_rater_who_never_varies_there_is_no_number(client, practitioner):
    found = self_other_agreement(
        np.array(client), np.array(practitioner), np.array(["P"] * len(client))
    )
    assert np.isnan([found.r, found.r_within, found.difference, found.icc]).all()


def test_one_practitioner_or_one_client_each_leaves_no_levels():
    for whose in (np.repeat("P", 9), np.arange(9)):
        found = self_other_agreement(CLIENT, PRACTITIONER, whose)
        assert np.isnan([found.covariance_between, found.r_within]).all()
        assert found.r == pytest.approx(np.corrcoef(CLIENT, PRACTITIONER)[0, 1])


def test_ratings_that_are_not_in_pairs_are_refused():
    with pytest.raises(DataError) as refused:
        self_other_agreement(CLIENT, PRACTITIONER[1:], WHOSE)
    assert str(refused.value) == (
        "DataError: the ratings are not in pairs\n"
        "  where: client, practitioner, practitioners\n"
        "  fix:   give one of each for every pair, in the same order"
    )


def scale(rater, *items, **settings):
    return {
        "items": list(items), "range": [1, 5], "minimum_items": 1, "rater": rater, **settings
    }  # fmt: skip


BOTH = {
    "measures.rapport": scale("client", "ours"),
    "measures.theirs": scale("practitioner", "own"),
}
CONTACTS = """
    client  day  who
    a       0    P
    b       0    P
    c       0    Q
    d       0    Q
    d       9    P
"""
RATINGS = """
    client  day  ours  own
    a       1    1     2
    a       2    2     4
    b       1    4     5
    c       1    5     3
    c       2    .     3
    d       1    3     1
"""


def test_the_table_pairs_row_by_row_and_leaves_out_who_met_two_practitioners():
    """Client d has no one practitioner, and one row of c no rating by the client."""
    plan, data = study(BOTH, contacts=CONTACTS, ratings=RATINGS)
    found = raters_table(plan, data)
    row = found.frame.iloc[0]
    assert (row["client_measure"], row["practitioner_measure"]) == ("rapport", "theirs")
    assert (row["pairs"], row["practitioners"]) == (4, 2)
    expected = self_other_agreement(
        np.array([1.0, 2, 4, 5]), np.array([2.0, 4, 5, 3]), np.array(["P", "P", "P", "Q"])
    )
    assert row["r"] == pytest.approx(expected.r)
    assert row["icc"] == pytest.approx(expected.icc)
    # what the gate judges is persons
    assert list(found.evidence["pairs"]) == [3]


def test_measures_of_two_sources_meet_by_client():
    changes = {
        "measures.before": scale("client", "clients.ours0", at="baseline"),
        "measures.theirs": scale("practitioner", "outcomes.own0", at="baseline"),
    }
    plan, data = study(
        changes,
        contacts="client  day  who\na  0  P\nb  0  P\nc  0  Q",
        ratings="client  day  score\na  1  2",
        clients="client  conf  last  ours0\na  2  9  1\nb  2  9  2\nc  2  9  5",
        outcomes="client  start  own0\nc  5  4\na  5  2\nb  5  2\nb  6  4",
    )
    found = raters_table(plan, data).frame
    row = found[found["client_measure"] == "before"].iloc[0]
    assert (row["pairs"], row["practitioners"]) == (3, 2)
    # b was rated twice: 3 on average; 2 - 1, 3 - 2 and 4 - 5
    assert row["difference"] == pytest.approx(1 / 3)


WAVES = (
    TOP
    + """
[sources]
talks = { path = "-", format = "csv", key = ["client", "wave"] }
views = { path = "-", format = "csv", key = ["client", "wave"] }

[clock]
kind = "waves"
design = "same_wave"
wave = "wave"
baseline = 0

[outcomes]
job = { kind = "status", column = "working", reported_by = "client" }
"""
    + REST
)


def test_at_waves_a_pair_is_of_one_wave_and_the_baseline_is_left_out():
    plan = plan_with({**BOTH, "ids.practitioner.column": "who"}, text=WAVES)
    talks = "client  wave  who  ours  working  conf\na  0  P  5  0  1\na  1  P  1  0  1"
    talks += "\na  2  P  2  1  1\nb  1  Q  3  1  2\nc  1  Q  4  1  2"
    views = "client  wave  own\nc  1  4\na  0  1\na  2  4\na  1  2\nb  1  5"
    frames = {
        name: pd.DataFrame(rows, columns=header)
        for name, text in (("talks", talks), ("views", views))
        for header, *rows in [table(text)]
    }
    data = score(plan, read_data(plan, folder=Path(), frames=frames))
    row = raters_table(plan, data).frame.iloc[0]
    assert (row["pairs"], row["practitioners"]) == (4, 2)
    # 2 - 1, 4 - 2, 5 - 3 and 4 - 4
    assert row["difference"] == pytest.approx(5 / 4)


def test_without_two_raters_the_table_is_empty():
    plan, data = study(contacts=CONTACTS, ratings="client  day  score\na  1  2")
    found = raters_table(plan, data)
    assert len(found.frame) == 0
    assert found.name == "raters"


@pytest.mark.parametrize(
    "theirs",
    [
        scale("practitioner", "own", "own2"),
        {**scale("practitioner", "own"), "range": [1, 4]},
        scale("observer", "own"),
    ],
)
def test_measures_of_another_length_range_or_rater_are_no_pair(theirs):
    ratings = "client  day  ours  own  own2\na  1  2  3  4"
    plan, data = study({**BOTH, "measures.theirs": theirs}, contacts=CONTACTS, ratings=ratings)
    assert len(raters_table(plan, data).frame) == 0


def test_a_subscale_is_compared_with_the_subscale_of_its_name():
    parts = {"subscales": {"bond": ["{0}1"], "goal": ["{0}2"]}, "score_subscales": True}

    def one(rater, letter):
        named = {part: [item.format(letter) for item in items]
                 for part, items in parts["subscales"].items()}  # fmt: skip
        return scale(rater, f"{letter}1", f"{letter}2", subscales=named, score_subscales=True)

    plan, data = study(
        {"measures.rapport": one("client", "c"), "measures.theirs": one("practitioner", "p")},
        contacts=CONTACTS,
        ratings="client  day  c1  c2  p1  p2\na  1  1  2  3  4\nb  1  2  2  3  1\nc  1  5  4  3  2",
    )
    found = raters_table(plan, data).frame
    assert list(zip(found["client_measure"], found["practitioner_measure"], strict=True)) == [
        ("rapport", "theirs"),
        ("rapport_bond", "theirs_bond"),
        ("rapport_goal", "theirs_goal"),
    ]
