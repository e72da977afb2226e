"""Clients and waves: what is refused, what is counted, and who ever changes."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import panel_layout


def rows(**columns):
    """Three clients: all of three waves, the first and the last, and the middle one."""
    base = {
        "client": ["a", "a", "a", "b", "b", "c"],
        "wave": [0, 6, 12, 0, 12, 6],
        "x": [1.0, 2.0, 1.0, 5.0, 5.0, 3.0],
    }
    return pd.DataFrame(base | columns)


def test_waves_gaps_and_single_waves_are_counted():
    layout = panel_layout(rows(), client="client", time="wave")
    assert layout.schedule == ("0", "6", "12")
    assert layout.waves.tolist() == [0, 1, 2, 0, 2, 1]
    assert layout.rows.tolist() == [3, 2, 1]
    assert (layout.gaps, layout.seen_once, layout.balanced) == (1, 1, False)


def test_a_wave_that_nobody_has_is_no_gap():
    layout = panel_layout(rows()[lambda r: r["wave"] != 6], client="client", time="wave")
    assert layout.gaps == 0
    assert layout.balanced


def test_order_of_rows_does_not_matter():
    shuffled = rows().sample(frac=1, random_state=3)
    layout = panel_layout(shuffled, client="client", time="wave")
    assert (layout.gaps, layout.schedule) == (1, ("0", "6", "12"))
    sorted_rows = shuffled.iloc[layout.order]
    for _, one in sorted_rows.groupby("client"):
        assert one["wave"].is_monotonic_increasing


def test_changers_are_a_share_of_the_clients_with_two_waves_or_more():
    layout = panel_layout(rows(), client="client", time="wave")
    changing = layout.changing(rows()[["x"]].to_numpy())
    assert changing[:, 0].tolist() == [True, False, False]
    assert layout.changers(changing).tolist() == [0.5]


def test_rounding_is_no_change():
    third = np.full(6, 0.1) * 3
    third[1] = 0.3
    layout = panel_layout(rows(), client="client", time="wave")
    assert not layout.changing(third[:, None]).any()


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(["2024-01-01", "2024-07-01", "2025-01-01"] * 2)[[0, 1, 2, 0, 2, 1]],
        pd.Categorical(
            ["start", "mid", "end", "start", "end", "mid"], ["start", "mid", "end"], ordered=True
        ),
        np.array([0.0, 0.5, 1.0, 0.0, 1.0, 0.5]),
    ],
    ids=["dates", "ordered category", "decimals"],
)
def test_dates_ordered_categories_and_numbers_are_waves(times):
    layout = panel_layout(rows(wave=times), client="client", time="wave")
    assert layout.waves.tolist() == [0, 1, 2, 0, 2, 1]


@pytest.mark.parametrize(
    "times",
    [["start", "mid", "end", "start", "end", "mid"], [True, False, True, False, True, False]],
    ids=["text", "true or false"],
)
def test_time_without_an_order_is_refused(times):
    with pytest.raises(ModelError) as told:
        panel_layout(rows(wave=times), client="client", time="wave")
    assert str(told.value) == (
        "ModelError: 'wave' has no order: it is neither a number nor a date\n"
        "  where: time\n"
        "  fix:   give waves as numbers, dates, or an ordered category"
    )


def test_two_rows_of_a_client_at_one_time_are_refused():
    with pytest.raises(ModelError) as told:
        panel_layout(rows(wave=[0, 6, 6, 0, 0, 6]), client="client", time="wave")
    assert str(told.value) == (
        "ModelError: 2 rows repeat the client and time of another\n"
        "  where: client, wave\n"
        "  fix:   keep one row for each client and wave, and say by which rule"
    )


def test_all_faults_of_the_columns_are_told_at_once():
    with pytest.raises(ModelError) as told:
        panel_layout(rows(wave=[0, None, 12, 0, 12, None]), client="person", time="wave")
    assert str(told.value) == (
        "ModelError: 2 problems\n"
        "1. no column 'person'\n"
        "     where: client\n"
        "     fix:   name a column of the data\n"
        "2. 'wave' is missing in 2 rows\n"
        "     where: time\n"
        "     fix:   leave those rows out, with a reason"
    )
