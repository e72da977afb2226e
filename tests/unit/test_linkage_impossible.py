"""Records that contradict each other are counted, and stay."""

import pandas as pd
import pytest

from deepvalue_stats.linkage.impossible import overlapping

JOBS = [
    # client, start, end, line: does it begin while an earlier one still runs?
    ("a", 10, 20, 2, False),
    ("a", 20, 30, 3, False),
    ("a", 25, None, 4, True),
    ("a", 90, 95, 5, True),
    ("b", 25, 26, 6, False),
    ("c", None, 26, 7, False),
    ("d", 5, 50, 8, False),
    ("d", 6, 7, 9, True),
    ("d", 40, 41, 10, True),
]


@pytest.mark.parametrize("order", [1, -1])
def test_an_event_overlaps_if_any_earlier_one_of_the_same_client_still_runs(order):
    frame = pd.DataFrame(JOBS, columns=["client", "start", "end", "line", "overlaps"])[::order]
    frame = frame.astype({"start": "Int64", "end": "Int64"})
    lines = overlapping(frame, "client", "start", "end")
    assert sorted(lines) == sorted(frame.loc[frame["overlaps"], "line"])
