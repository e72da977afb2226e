"""Rows: which are repeated, which leave and why, and the report on all that was found."""

import pytest
from extract_plans import dates_tables
from test_data_reading import JOBS, PLAN, csv, problems, read, refusal, steps, visit

from deepvalue_stats.data import problems_report, read_data
from deepvalue_stats.errors import DataError
from deepvalue_stats.plan import parse_plan

# --- rows and keys ------------------------------------------------------------------------------


def test_repeated_rows_and_shared_keys(tmp_path):
    rows = [
        visit(visit="v1"),
        visit(visit="v1"),  # the same row again
        visit(visit="v2"),
        visit(visit="v2", q1="5"),  # another row under the same key
        visit(visit=""),
        visit(visit="v3"),
    ]
    assert refusal(read, tmp_path, csv(*rows)) == (
        "DataError: 3 problems\n"
        "1. row repeated exactly: 1 row\n"
        "     where: source 'visits', first at line 3\n"
        '     fix:   extract each record once; with on_fault = "exclude" the first stays\n'
        "2. blank cell in the key (visit): 1 row\n"
        "     where: source 'visits', first at line 6\n"
        "     fix:   fill the cells, or choose another `key`\n"
        "3. key (visit) occurs more than once: 2 rows\n"
        "     where: source 'visits', first at line 4\n"
        "     fix:   find out which row is right, or add the column that tells them apart to `key`"
    )
    dataset = read(tmp_path, csv(*rows), on_fault="exclude")["visits"]
    assert dataset.frame["visit"].tolist() == ["v1", "v3"]
    assert dataset.frame["line"].tolist() == [2, 7]
    assert steps(dataset) == [
        ("rows in the file", 0, 6, 1),
        ("row repeated exactly", 1, 5, 1),
        ("blank cell in the key (visit)", 1, 4, 1),
        ("key (visit) occurs more than once", 2, 2, 1),
    ]


def test_two_ways_to_write_a_row_are_one_row(tmp_path):
    jobs = "client,start\n0001,2024-06-01\n1,01/06/2024\n"
    dataset = read(tmp_path, csv(visit()), jobs, on_fault="exclude")["jobs"]
    assert len(dataset.frame) == 1
    assert steps(dataset)[1] == ("row repeated exactly", 1, 1, 1)


def test_a_key_column_is_never_blank_even_where_it_is_an_outcome_date(tmp_path):
    assert refusal(read, tmp_path, csv(visit()), "client,start\n0001,\n").startswith(
        "DataError: blank cell in the key (client, start): 1 row\n"
    )


def test_a_table_without_a_key_may_hold_any_rows(tmp_path):
    raw = dates_tables(PLAN)
    raw["sources"]["visits"]["key"] = []
    (tmp_path / "visits.csv").write_text(csv(visit(q1="4"), visit(q1="5")))
    (tmp_path / "jobs.csv").write_text(JOBS)
    assert len(read_data(parse_plan(raw), folder=tmp_path)["visits"].frame) == 2


# --- refuse and exclude -------------------------------------------------------------------------


def test_all_faults_of_all_sources_come_at_once(tmp_path):
    jobs = "client,start\n0001,soon\n"
    assert refusal(read, tmp_path, csv(visit(q1="6", q2="6", town="*")), jobs) == (
        "DataError: 3 problems\n"
        "1. not a date in the declared formats: 1 row\n"
        "     where: source 'jobs', column 'start' (first at line 2)\n"
        "     fix:   add the form to `dates`, or mend the cells\n"
        "2. not a whole number from 1 to 5: 1 row\n"
        "     where: source 'visits', column 'q1' (first at line 2)\n"
        "     fix:   mend the cells, or add the token that stands for a missing value to "
        "`missing`, or the code for 'does not apply' to the measure's `not_applicable`\n"
        "3. not a whole number from 0 to 3: 1 row\n"
        "     where: source 'visits', column 'q2' (first at line 2)\n"
        "     fix:   mend the cells, or add the token that stands for a missing value to "
        "`missing`, or the code for 'does not apply' to the measure's `not_applicable`"
    )


def test_excluded_rows_leave_with_a_counted_reason_at_the_first_of_their_faults(tmp_path):
    rows = [
        visit(visit="v1", client="0001"),
        visit(visit="v2", client="0002", q1="6", debt="x"),
        visit(visit="v3", client="0003", debt="y"),
        visit(visit="v4", client="", q1="7"),
        visit(visit="v5", client="5"),
    ]
    dataset = read(tmp_path, csv(*rows), on_fault="exclude")["visits"]
    assert dataset.frame["visit"].tolist() == ["v1", "v5"]
    assert steps(dataset) == [
        ("rows in the file", 0, 5, 4),
        ("blank client id (client)", 1, 4, 4),
        ("not a whole number from 1 to 5 (q1)", 1, 3, 3),
        ("not a number (debt)", 1, 2, 2),
    ]
    assert dataset.attrition[2].left_clients.tolist() == ["0002"]
    assert problems(dataset) == [
        ("client", "leading zeros restored", 1, 6, "repaired"),
        ("client", "blank client id", 1, 5, "row excluded"),
        ("q1", "not a whole number from 1 to 5", 2, 3, "row excluded"),
        ("debt", "not a number", 2, 3, "row excluded"),
    ]


def test_a_source_may_be_read_more_strictly_than_the_others(tmp_path):
    raw = dates_tables(PLAN)
    raw["reading"]["on_fault"] = "exclude"
    raw["sources"]["jobs"] |= {"on_fault": "refuse", "missing": ["-"], "dates": ["%d.%m.%Y"]}
    (tmp_path / "visits.csv").write_text(csv(visit(), visit(visit="v2", q1="6")))
    (tmp_path / "jobs.csv").write_text("client,start\n0001,01.06.2024\n0002,2024-06-01\n")
    with pytest.raises(DataError) as caught:
        read_data(parse_plan(raw), folder=tmp_path)
    assert len(caught.value.faults) == 1
    (tmp_path / "jobs.csv").write_text("client,start\n0001,01.06.2024\n")
    data = read_data(parse_plan(raw), folder=tmp_path)
    assert (len(data["visits"].frame), len(data["jobs"].frame)) == (1, 1)


def test_many_columns_with_one_trouble_are_one_fault(tmp_path):
    plan = dates_tables(PLAN)
    items = [f"i{n}" for n in range(7)]
    plan["measures"]["trust"] |= {"items": items}
    (tmp_path / "jobs.csv").write_text(JOBS)
    row = visit() | dict.fromkeys(items, "6")
    (tmp_path / "visits.csv").write_text(csv(row, columns=tuple(row)))
    with pytest.raises(DataError) as caught:
        read_data(parse_plan(plan), folder=tmp_path)
    (fault,) = caught.value.faults
    assert fault.where == (
        "source 'visits', columns 'i0' (first at line 2), 'i1' (first at line 2), "
        "'i2' (first at line 2), 'i3' (first at line 2), 'i4' (first at line 2) and 2 more"
    )


def test_the_report_on_problems_groups_them(tmp_path):
    rows = [visit(q1="6", town="*", debt="*"), visit(visit="v2", q1="7", town="*")]
    data = read(tmp_path, csv(*rows, visit(visit="v3")), on_fault="exclude")
    assert problems_report(data) == [
        "visits: not a whole number from 1 to 5 (q1): 2 times, first at line 2; row excluded. "
        "Fix: mend the cells, or add the token that stands for a missing value to `missing`, or "
        "the code for 'does not apply' to the measure's `not_applicable`.",
        "visits: suppressed by the data owner: neither zero nor missing (debt, town): 3 times, "
        "first at line 2; noted. Fix: ask the owner whether the cells may be released; until then "
        "they are left out.",
    ]
