"""Cells: what each text becomes, what is refused, what leaves, and what is only counted."""

import tomllib

import pandas as pd
import pytest

from deepvalue_stats.data import problems_report, read_data
from deepvalue_stats.errors import DataError, PlanError
from deepvalue_stats.plan import parse_plan

PLAN = """
plan_version = 1
seed = 1
study = { name = "s", area = "employment", question = "?", status = "synthetic" }
effects.family = "exploratory"
equity = { modifier = "confidence", bands = { low = 1, high = 3 }, reference = "high" }
verdicts = { claims = ["C1"], label = "exploratory", smallest_worthwhile = 0.02 }
disclosure.profile = "open"
[reading]
on_fault = "refuse"
missing = ["", "NA", "n/a", "Not Available"]
suppressed = ["*", "Too Few to Report"]
dates = ["%Y-%m-%d", "%d/%m/%Y"]
[sources]
jobs = { path = "jobs.csv", format = "csv", key = ["client", "start"] }
visits = { path = "visits.csv", format = "csv", key = ["visit"] }
[ids]
client = { column = "client", pad_to = 4 }
practitioner = { column = "adviser" }
pseudonyms = "none"
[links.jobs]
rule = "key"
cardinality = "one_to_many"
unlinked = "no_event"
[clock]
kind = "dates"
design = "landmark"
episodes = { source = "visits", date = "met_on", gap_days = 90, practitioner = "majority" }
index = "episode_start"
exposure = { date = "visits.met_on", from = ["index", 0], to = ["index", 90] }
follow_up = { from = ["index", 91], days = 365, incomplete = "exclude" }
[measures.trust]
items = ["q1"]
range = [1, 5]
not_applicable = [9]
minimum_items = 1
rater = "client"
[measures.confidence]
items = ["q2"]
range = [0, 3]
minimum_items = 1
rater = "client"
at = "baseline"
[outcomes]
job = { kind = "event", date = "jobs.start", reported_by = "administrative" }
[covariates]
debt = { column = "debt", type = "number", at = "baseline" }
town = { column = "town", type = "category", at = "baseline" }
sanction = { column = "sanction", type = "share", at = "practitioner" }
[models.main]
role = "primary"
outcome = "job"
exposure = "trust"
groups = ["practitioner"]
estimator = "gee"
"""

WAVES = """
clock = { kind = "waves", design = "same_wave", wave = "wave", baseline = 0 }
sources.visits = { path = "visits.csv", format = "csv", key = ["client", "wave"] }
[outcomes]
well = { kind = "status", column = "well", undocumented = [7], reported_by = "client" }
[outcomes.calm]
kind = "status"
all_equal = { columns = ["c1", "c2"], value = 0 }
reported_by = "client"
[outcomes.work]
kind = "status"
any_of = { column = "a", values = [1] }
undocumented = [8]
reported_by = "client"
[covariates]
wave = { column = "wave", type = "category" }
"""

JOBS = "client,start\n0001,2024-06-01\n"
VISITS = {
    "visit": "v1",
    "client": "0001",
    "adviser": "A",
    "met_on": "2024-03-01",
    "q1": "4",
    "q2": "2",
    "debt": "100.5",
    "town": "York",
    "sanction": "0",
}


def csv(*rows, columns=tuple(VISITS)):
    return "\n".join([",".join(columns), *(",".join(row.values()) for row in rows)]) + "\n"


def visit(**cells):
    return VISITS | cells


def read(folder, visits, jobs=JOBS, **reading):
    """Read two small files under the plan, with changes to its `reading`."""
    raw = tomllib.loads(PLAN)
    raw["reading"] |= reading
    (folder / "visits.csv").write_text(visits)
    (folder / "jobs.csv").write_text(jobs)
    return read_data(parse_plan(raw), folder=folder)


def read_column(folder, name, cells, **reading):
    """Read visits that differ in one column, and give that column back."""
    rows = [visit(visit=f"v{i}", **{name: f'"{cell}"'}) for i, cell in enumerate(cells)]
    return read(folder, csv(*rows), **reading)["visits"]


def read_waves(folder, visits, **reading):
    raw = tomllib.loads(PLAN) | tomllib.loads(WAVES)
    raw["reading"] |= reading
    del raw["links"]
    raw["models"]["main"] |= {"outcome": "well", "groups": ["client"]}
    (folder / "visits.csv").write_text(visits)
    return read_data(parse_plan(raw), folder=folder)["visits"]


def refusal(read_it, *args, **kwargs):
    with pytest.raises(DataError) as caught:
        read_it(*args, **kwargs)
    return str(caught.value)


def shown(column):
    return [None if pd.isna(value) else value for value in column]


def problems(dataset):
    return [
        (one.column, one.what, one.count, one.first_line, one.action) for one in dataset.problems
    ]


def steps(dataset):
    return [(one.reason, one.left, one.rows, one.clients) for one in dataset.attrition]


# --- identifiers --------------------------------------------------------------------------------


def test_lost_leading_zeros_are_restored_and_counted(tmp_path):
    dataset = read_column(tmp_path, "client", ["0012", "12", " 7 ", "A7"])
    assert dataset.frame["client"].tolist() == ["0012", "0012", "0007", "A7"]
    assert problems(dataset) == [("client", "leading zeros restored", 2, 3, "repaired")]


def test_an_id_longer_than_its_width_is_a_fault(tmp_path):
    assert refusal(read_column, tmp_path, "client", ["0012", "00012"]) == (
        "DataError: id longer than 4 characters: 1 row\n"
        "  where: source 'visits', column 'client' (first at line 3)\n"
        "  fix:   correct `pad_to`, or mend the cells"
    )


def test_blank_clients_are_a_fault_and_not_one_client(tmp_path):
    assert refusal(read_column, tmp_path, "client", ["0001", "", "NA", "*"]) == (
        "DataError: blank client id: 3 rows\n"
        "  where: source 'visits', column 'client' (first at line 3)\n"
        "  fix:   ask the data owner for the ids"
    )


def test_a_blank_practitioner_is_missing(tmp_path):
    dataset = read_column(tmp_path, "adviser", ["01014F", "", "7"])
    assert shown(dataset.frame["adviser"]) == ["01014F", None, "7"]
    assert dataset.attrition[0].practitioners == 2


# --- missing and suppressed ---------------------------------------------------------------------


def test_missing_tokens_and_suppressed_cells_are_two_things(tmp_path):
    cells = ["5", "*", "NA", "Not Available", "", "Too Few to Report"]
    dataset = read_column(tmp_path, "debt", cells)
    assert shown(dataset.frame["debt"]) == [5, None, None, None, None, None]
    assert dataset.frame["debt__suppressed"].tolist() == [False, True, False, False, False, True]
    assert "town__suppressed" not in dataset.frame
    assert problems(dataset) == [
        ("debt", "suppressed by the data owner: neither zero nor missing", 2, 3, "noted")
    ]


def test_a_suppressed_category_is_missing_text(tmp_path):
    dataset = read_column(tmp_path, "town", ["York", "*", "n/a"])
    assert shown(dataset.frame["town"]) == ["York", None, None]


def test_a_column_without_any_value_is_noted(tmp_path):
    dataset = read_column(tmp_path, "town", ["", "NA"])
    assert dataset.frame["town"].isna().all()
    assert dataset.frame["town"].dtype == pd.Series(["York"]).dtype
    assert problems(dataset) == [("town", "no value at all", 2, 2, "noted")]


# --- items, numbers, waves ----------------------------------------------------------------------


def test_items_are_whole_numbers_in_their_range(tmp_path):
    dataset = read_column(tmp_path, "q1", ["1", "5.0", "", "9"])
    assert shown(dataset.frame["q1"]) == [1, 5, None, None]
    assert dataset.problems == ()  # 9 means "does not apply", as the plan says


@pytest.mark.parametrize("cell", ["0", "6", "-97", "3.5", "three", "1_0", "nan", "1e999", "٣"])
def test_other_items_are_faults(tmp_path, cell):
    assert refusal(read_column, tmp_path, "q1", ["3", cell]) == (
        "DataError: not a whole number from 1 to 5: 1 row\n"
        "  where: source 'visits', column 'q1' (first at line 3)\n"
        "  fix:   mend the cells, or add the token that stands for a missing value to `missing`, "
        "or the code for 'does not apply' to the measure's `not_applicable`"
    )


def test_numbers(tmp_path):
    dataset = read_column(tmp_path, "debt", ["1", "-2.5", "+.5", "1e3", " 7 "])
    assert shown(dataset.frame["debt"]) == [1, -2.5, 0.5, 1000, 7]


def test_texts_that_are_no_number_are_told_apart(tmp_path):
    cells = ["77.5%", "6 out of 10", "1,200", "77,5", "300 or more", "inf"]
    assert refusal(read_column, tmp_path, "debt", cells) == (
        "DataError: 3 problems\n"
        "1. a percentage where a number is needed: 1 row\n"
        "     where: source 'visits', column 'debt' (first at line 2)\n"
        "     fix:   take the % sign out, and use percentages or shares throughout, not both\n"
        "2. a comma in a number: 2 rows\n"
        "     where: source 'visits', column 'debt' (first at line 4)\n"
        "     fix:   write a point as the decimal sign, and nothing between thousands\n"
        "3. not a number: 3 rows\n"
        "     where: source 'visits', column 'debt' (first at line 3)\n"
        "     fix:   mend the cells, or add the token that stands for a missing value to `missing`"
    )


def test_a_share_is_0_or_1(tmp_path):
    assert refusal(read_column, tmp_path, "sanction", ["0", "1", "2", "yes"]) == (
        "DataError: not a whole number from 0 to 1: 2 rows\n"
        "  where: source 'visits', column 'sanction' (first at line 4)\n"
        "  fix:   mend the cells, or add the token that stands for a missing value to `missing`"
    )


WAVE_HEADER = "client,wave,q1,q2,well,c1,c2,a,adviser\n"


def test_statuses_and_undocumented_codes(tmp_path):
    text = WAVE_HEADER + "0001,0,3,1,0,0,,1,A\n0001,6,3,1,7,2,0,8,A\n0002,0,3,1,1,0,0,2,A\n"
    dataset = read_waves(tmp_path, text)
    assert shown(dataset.frame["well"]) == [0, None, 1]
    assert shown(dataset.frame["a"]) == [1, None, 2]
    assert shown(dataset.frame["wave"]) == [0, 6, 0]
    assert str(dataset.frame["wave"].dtype) == "Int64"
    assert problems(dataset) == [
        ("well", "undocumented code", 1, 3, "set missing"),
        ("a", "undocumented code", 1, 3, "set missing"),
    ]


@pytest.mark.parametrize("on_fault", ["refuse", "exclude"])
def test_an_outcome_with_three_values_is_refused_without_naming_them(tmp_path, on_fault):
    text = WAVE_HEADER + "".join(
        f"000{i},0,3,1,{well},0,0,1,A\n" for i, well in enumerate(["0", "1", "42", "1.0"])
    )
    assert refusal(read_waves, tmp_path, text, on_fault=on_fault) == (
        "DataError: an outcome is 0 or 1, and the column has 3 distinct values: 1 row\n"
        "  where: source 'visits', column 'well' (first at line 4)\n"
        "  fix:   say with any_of or all_equal which are a good outcome, "
        "and list codes without a meaning in `undocumented`"
    )


def test_status_codes_and_waves_are_whole_numbers(tmp_path):
    text = WAVE_HEADER + "0001,0.5,3,1,0,0.5,,1,A\n0001,,3,1,0,0,0,1,A\n"
    assert refusal(read_waves, tmp_path, text) == (
        "DataError: 2 problems\n"
        "1. not a whole number: 1 row\n"
        "     where: source 'visits', columns 'wave' (first at line 2), 'c1' (first at line 2)\n"
        "     fix:   mend the cells, or add the token that stands for a missing value to "
        "`missing`\n"
        "2. blank wave: 1 row\n"
        "     where: source 'visits', column 'wave' (first at line 3)\n"
        "     fix:   give the wave of every row"
    )


# --- dates --------------------------------------------------------------------------------------


def test_dates_in_two_forms(tmp_path):
    dataset = read_column(tmp_path, "met_on", ["1970-01-02", "03/01/1970", "3/1/1970", ""])
    assert shown(dataset.frame["met_on"]) == [1, 2, 2, None]
    assert str(dataset.frame["met_on"].dtype) == "Int64"


def test_a_text_that_fits_no_form_is_a_fault(tmp_path):
    cells = ["2024-02-30", "7/1/19", "soon", "2024-03-01"]
    assert refusal(read_column, tmp_path, "met_on", cells) == (
        "DataError: not a date in the declared formats: 3 rows\n"
        "  where: source 'visits', column 'met_on' (first at line 2)\n"
        "  fix:   add the form to `dates`, or mend the cells"
    )


def test_a_text_that_fits_two_forms_is_a_fault_unless_they_agree(tmp_path):
    dates = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y"]
    cells = ["05/05/2024", "05/06/2024", "25/06/2024"]
    assert refusal(read_column, tmp_path, "met_on", cells, dates=dates) == (
        "DataError: fits two date formats: 1 row\n"
        "  where: source 'visits', column 'met_on' (first at line 3)\n"
        "  fix:   declare the one true form in the source's `dates`: a value must fit exactly one"
    )


def test_serial_numbers_are_admitted_only_where_declared(tmp_path):
    assert refusal(read_column, tmp_path, "met_on", ["45352"]) == (
        "DataError: an Excel serial number in a date column: 1 row\n"
        "  where: source 'visits', column 'met_on' (first at line 2)\n"
        '  fix:   add "excel" to `dates` if the numbers count days since 1900'
    )
    dates = ["%Y-%m-%d", "excel"]
    dataset = read_column(tmp_path, "met_on", ["45352", "45352.75", "2024-03-01"], dates=dates)
    assert dataset.frame["met_on"].nunique() == 1


def test_a_date_out_of_this_world_is_a_fault(tmp_path):
    assert refusal(read_column, tmp_path, "met_on", ["1024-03-01", "9999-12-31"]) == (
        "DataError: a date outside 1900-01-01 to 2099-12-31: 2 rows\n"
        "  where: source 'visits', column 'met_on' (first at line 2)\n"
        "  fix:   mend the cells, or add the token that stands for a missing value to `missing`"
    )


@pytest.mark.parametrize("form", ["%m/%Y", "%Q", "Excel"])
def test_a_form_that_names_no_day_is_a_fault_of_the_plan(tmp_path, form):
    with pytest.raises(PlanError) as caught:
        read_column(tmp_path, "met_on", ["03/2024"], dates=["%Y-%m-%d", form])
    assert str(caught.value) == (
        "PlanError: the form does not tell one day from another\n"
        "  where: reading.dates[1]\n"
        '  fix:   write year, month and day, as in "%Y-%m-%d", or "excel" for serial numbers'
    )


def test_the_dates_of_a_typed_table_need_no_form(tmp_path):
    raw = tomllib.loads(PLAN)
    raw["reading"]["dates"] = ["%d/%m/%Y"]
    frames = {
        "visits": pd.DataFrame([VISITS]).assign(met_on=pd.Timestamp("1970-01-03 09:30")),
        "jobs": pd.DataFrame({"client": [1], "start": ["05/01/1970"]}),
    }
    data = read_data(parse_plan(raw), folder=tmp_path, frames=frames)
    assert data["visits"].frame["met_on"].tolist() == [2]
    assert data["jobs"].frame["start"].tolist() == [4]
    assert data["jobs"].frame["client"].tolist() == ["0001"]


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
    raw = tomllib.loads(PLAN)
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
    raw = tomllib.loads(PLAN)
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
    plan = tomllib.loads(PLAN)
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
