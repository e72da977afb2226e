"""Waves: every interview beside its client's baseline, and what each outcome makes of its cells."""

from pathlib import Path

import pandas as pd
import pytest
from linkage_language import REST, TOP, engine, plan_with, table
from linkage_language import cell as shown

from deepvalue_stats.data import read_data
from deepvalue_stats.errors import LinkageError
from deepvalue_stats.linkage import link
from deepvalue_stats.measures import score

WAVES = (
    TOP
    + """
[sources]
talks = { path = "-", format = "csv", key = ["client", "wave"] }

[clock]
kind = "waves"
design = "same_wave"
wave = "wave"
baseline = 0

[measures.rapport]
items = ["r1", "r2"]
range = [1, 5]
minimum_items = 2
rater = "client"
absent_means = "no regular worker"

[outcomes]
job = { kind = "status", column = "working", reported_by = "client" }
busy = { kind = "status", any_of = { column = "does", values = [1, 3] }, reported_by = "client" }

[outcomes.free]
kind = "status"
all_equal = { columns = ["debt", "fines"], value = 0 }
reported_by = "client"

[covariates]
age = { column = "age", type = "number", at = "baseline" }
wave_now = { column = "wave", type = "category" }

"""
    + REST
)
TALKS = """
    client  wave  who  r1  r2  conf  working  debt  fines  does  age
    a       0     .    .   .   3     0        1     1      2     40
    a       6     P    4   5   1     1        0     0      1     41
    a       12    P    4   .   .     .        0     .      2     41
    b       6     Q    .   .   2     0        5     0      .     30
    c       0     .    .   .   2     1        0     0      3     50
"""


def frame(text):
    header, *rows = table(text)
    cells = [["" if c == "." else c for c in row] for row in rows]
    return pd.DataFrame(cells, columns=header)


def linked(text=TALKS, changes=()):
    plan = plan_with(changes, WAVES)
    data = score(plan, read_data(plan, folder=Path(), frames={"talks": frame(text)}))
    return link(plan, data, engine=engine())


def seen(dataset, columns):
    names = columns.split()
    return [names, *([shown(row[name]) for name in names] for _, row in dataset.frame.iterrows())]


def test_every_follow_up_interview_is_a_row_and_the_baseline_ones_are_counted_out():
    found = linked()
    assert seen(found, "client wave_number practitioner") == table("""
        client  wave_number  practitioner
        a       6            P
        a       12           P
        b       6            Q
    """)
    assert [(s.reason, s.left, s.rows, s.clients) for s in found.attrition] == [
        ("interviews", 0, 5, 3),
        ("baseline interview: gives baseline values, is no follow-up", 2, 3, 2),
    ]


def test_baseline_values_come_from_the_baseline_interview_and_from_no_other():
    """a said 1 at wave 6, b 2 at wave 6: neither is a value at baseline."""
    assert seen(linked(), "client wave_number confidence age wave_now") == table("""
        client  wave_number  confidence  age  wave_now
        a       6            3           40   6
        a       12           3           40   12
        b       6            .           .    6
    """)


def test_a_score_stands_at_its_own_interview_and_says_why_it_is_missing():
    columns = "client wave_number rapport rapport__why"
    assert seen(linked(), columns) == table("""
        client  wave_number  rapport  rapport__why
        a       6            4.5      .
        a       12           .        fewer than 2 items of rapport answered
        b       6            .        no regular worker
    """)


def test_a_status_is_true_false_or_missing_by_its_own_rule():
    """All equal: missing if any cell is. Any of: one cell. Column: 0 or 1 as it stands."""
    assert seen(linked(), "client wave_number job free busy") == table("""
        client  wave_number  job  free  busy
        a       6            1    1     1
        a       12           .    .     0
        b       6            0    0     .
    """)


def test_an_outcome_stands_at_its_wave_at_baseline_and_at_the_next_wave_of_the_schedule():
    """The schedule is 0, 6, 12, 18: for d, who missed wave 12, wave 18 is not next after 6."""
    text = """
        client  wave  who  r1  r2  conf  working  debt  fines  does  age
        a       0     .    .   .   3     0        0     0      2     40
        a       6     P    4   5   1     1        0     0      1     41
        a       12    P    4   5   .     0        0     .      2     41
        d       6     P    4   5   1     1        0     0      1     41
        d       18    P    4   5   .     0        0     .      2     41
    """
    assert seen(linked(text), "client wave_number job job__baseline job__next") == table("""
        client  wave_number  job  job__baseline  job__next
        a       6            1    0              0
        a       12           0    0              .
        d       6            1    .              .
        d       18           0    .              .
    """)


def test_a_client_twice_in_a_wave_is_refused():
    twice = TALKS + "    b       6     R    1   1   2     0        5     0      .     30\n"
    with pytest.raises(LinkageError) as refusal:
        linked(twice, {"sources.talks.key": []})
    (fault,) = refusal.value.faults
    assert fault.what == "'talks' has 1 rows more than client and wave allow"


def test_two_sources_of_waves_meet_at_the_wave_and_a_source_without_waves_at_the_client():
    changes = {
        "sources.homes": {"path": "-", "format": "csv", "key": ["client", "wave"]},
        "sources.people": {"path": "-", "format": "csv", "key": ["client"]},
        "outcomes.housed": {"kind": "status", "column": "homes.home", "reported_by": "client"},
        "covariates.wave_now": {"column": "talks.wave", "type": "category"},
        "covariates.born": {"column": "people.born", "type": "number", "at": "baseline"},
    }
    plan = plan_with(changes, WAVES)
    frames = {
        "talks": frame(TALKS),
        "homes": frame("client  wave  home\na  6  1\na  18  0\nb  0  1"),
        "people": frame("client  born\na  1980\nb  1990"),
    }
    found = link(plan, score(plan, read_data(plan, folder=Path(), frames=frames)))
    assert seen(found, "client wave_number housed born rapport") == table("""
        client  wave_number  housed  born  rapport
        a       6            1       1980  4.5
        a       12           .       1980  .
        a       18           0       1980  .
        b       6            .       1990  .
    """)
