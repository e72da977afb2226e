"""What a study says of clients followed over waves, and of the days to an outcome."""

import pandas as pd
import pytest

from deepvalue_stats.plan.parts import ModelPlan
from deepvalue_stats.study.panel import changers, panel_table
from deepvalue_stats.study.waiting import THIRDS, _at_risk, thirds

MODEL = ModelPlan(
    role="primary", outcome="quit", exposure="rapport", groups=("client",), estimator="gee"
)
# a: every wave, all changes; b: one wave; c: waves 1 and 3, nothing changes; d: waves 2 and 3
ROWS = pd.DataFrame(
    [
        ("a", 6, 3.0, 0, "P"),
        ("a", 12, 4.0, 1, "P"),
        ("a", 18, 4.0, 1, "Q"),
        ("b", 6, 3.0, 0, "P"),
        ("c", 6, 3.0, 1, "P"),
        ("c", 18, 3.0, 1, "P"),
        ("d", 12, 2.0, 0, "Q"),
        ("d", 18, 2.5, 0, None),
    ],
    columns=["client", "wave_number", "rapport", "quit", "practitioner"],
)


def test_a_panel_says_who_can_be_followed_and_who_changes():
    frame = panel_table(MODEL, ROWS).frame.set_index("what")
    assert frame.loc["all"].tolist() == [4, 8]
    assert frame.loc["seen in one wave only"].tolist() == [1, 1]
    assert frame.loc["seen in two waves or more"].tolist() == [3, 7]
    assert frame.loc["seen in every wave (3)"].tolist() == [1, 3]
    assert frame.loc["with a wave missing in between"].tolist() == [1, 2]
    assert frame.loc["whose rapport score changes"].tolist() == [2, 5]
    assert frame.loc["whose outcome changes (quit)"].tolist() == [1, 3]
    # a practitioner who is not known is no other one
    assert frame.loc["who change practitioner"].tolist() == [1, 3]


def test_changers_are_told_row_by_row():
    assert changers(ROWS, "quit").tolist() == [True] * 3 + [False] * 5


def test_thirds_keep_equal_scores_together():
    scores = pd.Series([1.0, 5.0, 5.0, 5.0, 5.0, 2.0])
    assert thirds(scores).tolist() == [THIRDS[0], *[THIRDS[1]] * 4, THIRDS[0]]


@pytest.mark.parametrize("day", [5, 10, 15, 20])
def test_of_every_third_those_gone_and_those_at_risk_are_all(day):
    groups = pd.Series(pd.Categorical([THIRDS[0]] * 6 + [THIRDS[2]] * 2, list(THIRDS)))
    days = pd.Series([3, 5, 8, 20, 20, 12, 1, 20])
    left = pd.Series([1, 0, 2, 1, 0, 1, 0, 0])
    frame = _at_risk(20, groups, days, left).frame
    row = frame[(frame["group"] == THIRDS[0]) & (frame["day"] == str(day))].iloc[0]
    expected = {5: (1, 0, 1, 4), 10: (1, 1, 1, 3), 15: (2, 1, 1, 2), 20: (3, 1, 1, 1)}[day]
    parts = ["with_outcome", "left_otherwise", "not_seen_longer", "at_risk"]
    assert tuple(row[parts]) == expected
    assert row[parts].sum() == row["clients"] == 6
    # nobody is in the middle third, and it has no rows
    assert set(frame["group"]) == {THIRDS[0], THIRDS[2]}
