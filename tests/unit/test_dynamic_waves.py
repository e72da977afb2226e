"""What was so at the wave before: never another client's, never over a gap."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.models.dynamics.initial import (
    FIRST,
    GAP,
    ONCE,
    STOPPED,
    initial_condition,
    levels_of,
)
from deepvalue_stats.models.dynamics.waves import at_wave, first_rows, numbers, one_way
from deepvalue_stats.models.panel.layout import panel_layout

# client a misses wave 3, c has one wave, b is complete; rows in no order
ROWS = pd.DataFrame(
    {
        "client": ["a", "b", "a", "b", "c", "a", "b", "a", "b", "b"],
        "wave": [2, 1, 1, 2, 4, 4, 3, 5, 5, 4],
        "y": [12.0, 21, 11, 22, 34, 14, 23, 15, 25, 24],
    }
)
LAYOUT = panel_layout(ROWS, client="client", time="wave")
Y = ROWS["y"].to_numpy()


def test_the_wave_before_is_that_of_the_client_and_never_over_a_gap():
    before = [11.0, np.nan, np.nan, 21, np.nan, np.nan, 22, 14, 24, 23]
    np.testing.assert_array_equal(at_wave(LAYOUT, Y, -1), before)


def test_the_wave_after_and_two_waves_on():
    after = [np.nan, 22, 12, 23, np.nan, 15, 24, np.nan, np.nan, 25]
    np.testing.assert_array_equal(at_wave(LAYOUT, Y, 1), after)
    further = [14.0, 23, np.nan, 24, np.nan, np.nan, 25, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(at_wave(LAYOUT, Y, 2), further)


def test_a_value_that_is_not_known_is_handed_on_as_not_known():
    values = np.where(Y == 21, np.nan, Y)
    assert np.isnan(at_wave(LAYOUT, values, -1)[3])


def test_first_rows():
    np.testing.assert_array_equal(Y[first_rows(LAYOUT)], [11, 21, 34])


def test_rows_after_a_gap_are_lost_or_all_that_follow_are():
    skipped = initial_condition(LAYOUT, Y, "skip")
    np.testing.assert_array_equal(Y[skipped.kept], [12, 22, 23, 15, 25, 24])
    np.testing.assert_array_equal(skipped.previous[skipped.kept], [11, 21, 22, 14, 24, 23])
    np.testing.assert_array_equal(skipped.initial[skipped.kept], [11, 21, 21, 11, 21, 21])
    assert skipped.lost == {FIRST: 2, ONCE: 1, GAP: 1}
    assert skipped.seen_once == 1
    stopped = initial_condition(LAYOUT, Y, "stop")
    np.testing.assert_array_equal(Y[stopped.kept], [12, 22, 23, 25, 24])
    assert stopped.lost == {FIRST: 2, ONCE: 1, GAP: 1, STOPPED: 1}
    for found in (skipped, stopped):
        assert found.kept.sum() + sum(found.lost.values()) == len(ROWS)


def test_levels_are_of_the_first_wave_and_of_the_rows_that_are_kept():
    kept = initial_condition(LAYOUT, Y, "skip").kept
    first, later = levels_of(LAYOUT, Y, kept)
    np.testing.assert_array_equal(first, Y[first_rows(LAYOUT)][LAYOUT.clients])
    expected = {"a": 13.5, "b": 23.5, "c": np.nan}
    np.testing.assert_array_equal(later, ROWS["client"].map(expected))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0, 0, 1, 0, 1, 1], "gained"),
        ([1, 1, 0, 1, 0, 0], "lost"),
        ([0, 1, 0, 1, 1, 1], ""),
        ([0, 0, 0, 1, 1, 1], ""),
        ([0, 2, 3, 1, 4, 5], ""),
        ([0, np.nan, 1, 0, np.nan, 1], "gained"),
    ],
)
def test_what_changes_one_way_only(values, said):
    rows = pd.DataFrame({"client": list("aaabbb"), "wave": [1, 2, 3] * 2})
    layout = panel_layout(rows, client="client", time="wave")
    assert one_way(layout, np.array(values, dtype="float64")) == said


@pytest.mark.parametrize("dtype", ["bool", "boolean", "Int64", "float32", "int8"])
def test_numbers_of_every_kind_of_column(dtype):
    column = pd.Series([True, False]).astype(dtype)
    np.testing.assert_array_equal(numbers(column), [1.0, 0.0])
    if dtype in ("boolean", "Int64"):
        column[0] = pd.NA
        np.testing.assert_array_equal(numbers(column), [np.nan, 0.0])
