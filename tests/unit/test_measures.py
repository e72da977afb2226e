"""Scores, bands and reliability, worked by hand on rows that a person can read."""

import math

import numpy as np
import pandas as pd
import pytest
from linkage_language import linked, study, table
from scipy import stats

from deepvalue_stats.data import Column, Dataset, TableSchema
from deepvalue_stats.errors import PlanError
from deepvalue_stats.measures import (
    BAND,
    answers,
    assign_bands,
    client_bands,
    cronbach_alpha,
    reliability_table,
    score,
    score_items,
    with_bands,
    within_between,
)

GONE = np.nan


def scores(rows, minimum, is_reversed=(False, False, False), not_applicable=()):
    return score_items(
        np.array(rows, dtype="float64"),
        response_range=(1, 5),
        is_reversed=np.array(is_reversed),
        not_applicable=not_applicable,
        minimum_items=minimum,
    )


def test_a_score_is_the_mean_of_the_answered_items_if_there_are_enough():
    found = scores([[1, 2, 6 - 2], [5, 4, GONE], [5, GONE, GONE], [GONE, GONE, GONE]], minimum=2)
    np.testing.assert_array_equal(found.value, [7 / 3, 4.5, GONE, GONE])
    np.testing.assert_array_equal(found.answered, [3, 2, 1, 0])


def test_a_reversed_item_counts_as_lowest_plus_highest_less_the_response():
    found = scores([[5, 1, 1], [3, 3, 3], [1, 5, GONE]], 2, is_reversed=(False, True, True))
    np.testing.assert_allclose(found.value, [5, 3, 1])


def test_a_code_for_does_not_apply_is_no_answer_even_where_it_is_a_number_of_the_range():
    found = scores([[5, 5, 1], [5, 1, 1], [5, 5, 0]], 2, not_applicable=(0, 1))
    np.testing.assert_array_equal(found.value, [5, GONE, 5])
    np.testing.assert_array_equal(found.answered, [2, 1, 2])


def test_not_applicable_is_judged_before_reversal():
    """5 turned would be 1, the code: it is an answer all the same."""
    found = scores([[5, 5, 5]], 3, is_reversed=(True, True, True), not_applicable=(1,))
    np.testing.assert_array_equal(found.value, [1])


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


def test_every_rating_has_a_score_or_a_reason():
    _, data = study(
        TWO_ITEMS,
        ratings="""
            client  day  warm  cold
            a       1    5     1
            a       2    4     4
            a       3    4     9
            a       4    9     9
            a       5    .     *
        """,
    )
    frame = data["ratings"].frame
    np.testing.assert_array_equal(frame["rapport"], [5, 3, GONE, GONE, GONE])
    assert list(frame["rapport__why"]) == [
        "",
        "",
        "fewer than 2 items of rapport answered",
        "no answer to any item of rapport",
        "items of rapport suppressed by the data owner",
    ]


def test_items_of_one_measure_in_two_sources_are_refused():
    changes = {**TWO_ITEMS, "measures.rapport": {**TWO_ITEMS["measures.rapport"]}}
    changes["measures.rapport"]["items"] = ["warm", "cold"]
    with pytest.raises(PlanError, match="the items of 'rapport' stand in 2 sources"):
        study(
            changes,
            ratings="client  day  warm\na  1  5",
            clients="client  conf  last  cold\na  2  9  1",
        )


def test_scoring_adds_columns_and_changes_none():
    plan, data = study()
    frame = data["ratings"].frame
    again = score(plan, {**data})["ratings"].frame
    pd.testing.assert_frame_equal(again, frame)


# --- alpha ---------------------------------------------------------------------------------------

ANSWERS = np.array([[1, 2, 1], [2, 1, 3], [3, 3, 3], [4, 5, 3], [5, 4, 5]], dtype="float64")


def test_alpha_is_cronbachs_formula_and_feldts_interval():
    """Item variances 2.5, 2.5, 2; of the totals 4, 6, 9, 12, 14: 17. Alpha = 3/2 (1 - 7/17)."""
    found = cronbach_alpha(ANSWERS)
    by_hand = 3 / 2 * (1 - (2.5 + 2.5 + 2.0) / 17)
    assert found.value == pytest.approx(by_hand, rel=1e-12)
    f = stats.f(4, 8)
    assert found.low == pytest.approx(1 - (1 - by_hand) * f.ppf(0.975), rel=1e-12)
    assert found.high == pytest.approx(1 - (1 - by_hand) * f.ppf(0.025), rel=1e-12)


@pytest.mark.parametrize(
    ("items", "why"),
    [
        (ANSWERS[:2], "2 complete rows"),
        (ANSWERS[:, :1], "one item cannot agree with itself"),
        (np.ones((5, 3)), "3 of 3 items have the same response in all rows"),
        (np.array([[1.0, 5], [5, 1], [3, 3]]), "the sum of the items does not vary"),
    ],
)
def test_alpha_that_cannot_be_computed_is_missing_and_says_why(items, why):
    found = cronbach_alpha(items)
    assert all(math.isnan(value) for value in (found.value, found.low, found.high))
    assert found.why == why


def table_of(plan, data):
    return reliability_table(answers(plan, data), client_bands(plan, data)).frame


def test_reliability_turns_reversed_items_and_uses_complete_rows_only():
    plan, data = study(
        TWO_ITEMS,
        ratings="""
            client  day  warm  cold
            a       1    1     5
            a       2    2     3
            a       3    3     4
            a       4    5     1
            a       5    5     9
            a       6    .     2
        """,
    )
    frame = table_of(plan, data)
    frame = frame[frame["group"] == "all"].set_index("measure")
    turned = np.array([[1, 1], [2, 3], [3, 2], [5, 5]], dtype="float64")
    variances = turned.var(axis=0, ddof=1).sum() / turned.sum(axis=1).var(ddof=1)
    assert frame.loc["rapport", "complete"] == 4
    assert frame.loc["rapport", "alpha"] == pytest.approx(2 * (1 - variances), rel=1e-12)
    reading = "good enough for comparing groups and for speaking of single persons"
    assert frame.loc["rapport", "reading"] == reading
    # one item, and one client: nothing can be said of its reliability
    assert frame.loc["confidence", "reading"] == "not computable: 1 complete rows"
    assert math.isnan(frame.loc["confidence", "alpha"])


def test_a_scale_whose_items_disagree_is_called_doubtful():
    plan, data = study(
        TWO_ITEMS, ratings="client  day  warm  cold\na  1  1  5\na  2  5  5\na  3  3  4\na  4  1  4"
    )
    row = table_of(plan, data).iloc[0]
    assert row["alpha"] < 0
    reading = "the items contradict each other: look for one that was not turned round"
    assert row["reading"] == reading


# --- bands and parts -----------------------------------------------------------------------------


def test_a_lower_bound_belongs_to_its_band_and_the_last_band_is_open():
    below = math.nextafter(2.0, 0)
    scored = pd.Series([1.0, below, 2.0, 2.75, 3.0, 400.0, 0.99, GONE])
    bands = assign_bands(scored, {"low": 1, "mid": 2, "high": 3})
    expected = ["low", "low", "mid", "mid", "high", "high", None, None]
    assert [None if pd.isna(band) else band for band in bands] == expected
    assert list(bands.cat.categories) == ["low", "mid", "high"]
    assert bands.cat.ordered


def test_the_band_of_a_client_is_that_of_the_row_it_has():
    plan, data = study(clients="client  conf  last\na  1  9\nb  3  9\nc  2  9\nd  .  9")
    bands = client_bands(plan, data)
    assert bands.dropna().to_dict() == {"a": "low", "b": "high", "c": "mid"}
    rows = with_bands(plan, linked(clients="client  conf  last\na  3  1000"))
    assert list(rows.frame[BAND]) == ["high"]


def test_within_and_between_add_up_and_the_means_are_of_the_models_own_rows():
    header, *cells = table("""
        who  rapport
        P    1
        P    3
        Q    2
        P    5
        Q    2
    """)
    frame = pd.DataFrame(cells, columns=header).astype({"rapport": "float64"})
    whole = Dataset(frame, TableSchema("x", (), (Column("who", "id", "client", "x"),)))
    parts = within_between(whole, "rapport", "who").frame
    assert list(parts["rapport_between"]) == [3, 3, 2, 3, 2]
    assert list(parts["rapport_within"]) == [-2, 0, 0, 2, 0]
    fewer = whole.restrict(np.array([True, True, True, False, True]), "left for the test")
    parts = within_between(fewer, "rapport", "who").frame
    assert list(parts["rapport_between"]) == [2, 2, 2, 2]
    np.testing.assert_array_equal(
        parts["rapport_within"] + parts["rapport_between"], parts["rapport"]
    )
