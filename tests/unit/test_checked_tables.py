"""Tables of checks: those behind a line decide whether it leaves, and no doubt reads as nothing."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.disclosure import protect, rules_of
from deepvalue_stats.plan.parts import Disclosure
from deepvalue_stats.study.breaking import placebo_reading
from deepvalue_stats.study.checked import Checked, behind, checked_table, lost_rows, refused
from deepvalue_stats.study.past import lead_reading
from deepvalue_stats.tables import EFFECT_COLUMNS, EffectTable

RULES = rules_of(Disclosure(profile="acro", threshold=10, rounding=5))
NO_EFFECTS = EffectTable(
    pd.DataFrame({name: [] for name in EFFECT_COLUMNS}).astype(
        {"n_clients": "int64", "n_practitioners": "Int64"}
    ),
    pd.DataFrame({"events": [], "non_events": []}, dtype="int64"),
)


def cleared(table):
    found, _ = protect(RULES, effects=NO_EFFECTS, counts=(table,), series=())
    return found.counts[0].frame


@pytest.mark.parametrize(
    ("clients", "fewest", "shown"),
    [(50, 12, True), (50, None, True), (50, 9, False), (50, 0, False), (9, None, False)],
)
def test_a_line_leaves_only_with_enough_clients_on_every_side(clients, fewest, shown):
    line = Checked("a", "b", 1.0, 0.5, 1.5, 0.01, clients, fewest)
    row = cleared(checked_table("checks", "Checks", [line], ())).iloc[0]
    hidden = {row[name] for name in ("value", "low", "high", "p_value", "clients")}
    assert (hidden == {"[c]"}) is not shown


def test_a_refused_line_has_words_and_nobody_behind_it():
    row = cleared(checked_table("checks", "Checks", [refused("lead")], ())).iloc[0]
    assert row.to_list() == ["lead", "could not be estimated", "", "", "", "", "", ""]
    assert behind(refused("lead")) == 0


def test_interviews_are_judged_by_how_many_clients_they_must_be_of():
    table = lost_rows("lost", "Lost", [("a", "few", 45), ("a", "many", 46)], 5)
    assert list(cleared(table)["interviews"]) == ["[c]", "45"]


@pytest.mark.parametrize("read", [lambda p: lead_reading(1.0, p, 0.5), placebo_reading])
def test_what_could_not_be_tested_is_not_read_as_nothing(read):
    assert read(np.nan) == "Nothing can be said."
    assert read(0.5) != read(0.01)


def test_a_lead_that_error_in_ratings_would_make_is_read_as_either():
    assert "error in the ratings" in lead_reading(0.1, 0.01, 0.4)
    assert "error" not in lead_reading(0.1, 0.01, 0.01)
    assert "error" not in lead_reading(-0.1, 0.01, 0.4)
