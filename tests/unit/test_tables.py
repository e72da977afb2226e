"""The publishable shapes refuse what they are not; words for differences."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.tables import (
    EFFECT_COLUMNS,
    CountTable,
    EffectTable,
    Phrase,
    Series,
    effect_rows,
    more_or_fewer,
    plausible_range,
    read_only,
    stack,
)


def row(group="all", **cells):
    base = {
        "model": "main", "outcome": "job", "exposure": "trust", "estimand": "x 1 SD",
        "scale": "risk_difference", "contrast": "sd", "group": group, "estimate": 0.05,
        "std_error": 0.01, "dof": np.inf, "conf_low": 0.03, "conf_high": 0.07, "p_value": 0.001,
        "family": "", "claim": "", "null_value": 0.0, "unit": "probability", "n_obs": 100,
        "n_clients": 100, "n_practitioners": 12, "status": "ok", "events": 40, "non_events": 60,
    }  # fmt: skip
    return base | cells


def test_an_effect_table_has_its_columns_in_order_whatever_the_rows_give():
    table = effect_rows([row(), row(group="low", claim="C1")])
    assert tuple(table.frame.columns) == EFFECT_COLUMNS
    assert list(table.evidence["events"]) == [40, 40]
    assert table.frame["p_adjusted"].isna().all()


def test_an_effect_table_with_other_columns_is_refused():
    frame = effect_rows([row()]).frame
    with pytest.raises(ValueError, match="in order"):
        EffectTable(frame[list(reversed(EFFECT_COLUMNS))])


def test_a_row_that_is_not_ok_has_no_numbers():
    with pytest.raises(ValueError, match="a row that is not ok has no numbers"):
        effect_rows([row(status="suppressed")])


def test_a_status_is_one_of_four():
    with pytest.raises(ValueError, match="status is one of ok, not_converged, failed_gate, supp"):
        effect_rows([row(status="fine")])


def test_evidence_is_row_for_row():
    table = effect_rows([row(), row(group="low")])
    with pytest.raises(ValueError, match="row for row"):
        EffectTable(table.frame, table.evidence[:1])


def test_rows_are_found_by_their_labels_and_keep_their_evidence():
    table = effect_rows([row(), row(group="low", events=3), row(group="high", events=9)])
    found = table.where(group=("low", "high"))
    assert list(found.frame["group"]) == ["low", "high"]
    assert list(found.evidence["events"]) == [3, 9]


@pytest.mark.parametrize(("group", "n"), [("none", 0), ("twice", 2)])
def test_one_row_means_one(group, n):
    table = effect_rows([row(), row(group="twice"), row(group="twice")])
    with pytest.raises(KeyError, match=f"{n} rows fit"):
        table.row(group=group)


def test_stacked_tables_keep_evidence_only_if_all_have_it():
    one = effect_rows([row()])
    assert list(stack([one, one]).evidence["events"]) == [40, 40]
    assert stack([one, EffectTable(one.frame)]).evidence is None


def test_whole_columns_can_be_labelled():
    table = effect_rows([row(), row(group="low")]).labelled(model="split")
    assert list(table.frame["model"]) == ["split", "split"]


def test_every_column_of_a_count_table_names_its_rule():
    frame = pd.DataFrame({"step": ["a"], "rows": [3]})
    with pytest.raises(ValueError, match="table flow: every column needs its disclosure rule"):
        CountTable("flow", "Flow", frame, {"step": "label"})


def test_the_evidence_of_a_count_table_is_row_for_row():
    frame = pd.DataFrame({"step": ["a"], "rows": [3]})
    rules = {"step": "label", "rows": "count"}
    with pytest.raises(ValueError, match="table flow: evidence is row for row"):
        CountTable("flow", "Flow", frame, rules, evidence=pd.DataFrame({"with": [1, 2]}))


def test_the_rules_of_a_table_cannot_be_changed():
    table = CountTable("t", "T", pd.DataFrame({"n": [3]}), {"n": "count"})
    with pytest.raises(TypeError):
        table.rules["n"] = "label"


def test_the_data_of_a_figure_have_fixed_columns():
    with pytest.raises(ValueError, match="series s: columns are group, x, y, low, high, n_clien"):
        Series("s", "S", pd.DataFrame({"x": [1], "y": [2]}), "x", "y")


def test_a_sentence_with_counts_cannot_be_read_before_it_is_cleared():
    with pytest.raises(ValueError, match="disclosure control first"):
        str(Phrase("It rests on {n} clients.", {"n": 3}))
    assert str(Phrase("Braces {stay} where nothing is counted.")) == (
        "Braces {stay} where nothing is counted."
    )


def test_a_read_only_copy_cannot_be_written_to():
    values = np.array([1.0, 2.0])
    copy = read_only(values)
    values[0] = 9
    assert copy[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        copy[0] = 3


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.04, "no more and no fewer"),
        (-0.04, "no more and no fewer"),
        (0.06, "0.1 more"),
        (-3.25, "3.2 fewer"),
        (12.0, "12.0 more"),
    ],
)
def test_a_difference_in_words_has_its_sign_in_a_word(value, words):
    assert more_or_fewer(value) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0, 2.0, "0.0 to 2.0 more"),
        (-2.0, 0.0, "0.0 to 2.0 fewer"),
        (-1.0, 1.0, "1.0 fewer to 1.0 more"),
    ],
)
def test_a_range_in_words_names_the_smaller_difference_first(low, high, words):
    assert plausible_range(low, high) == words
