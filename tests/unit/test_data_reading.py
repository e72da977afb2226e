"""Cells: what each text becomes, what is refused, and what is only counted."""

import tomllib

import pandas as pd
import pytest
from extract_plans import dates_tables

from deepvalue_stats.data import read_data
from deepvalue_stats.errors import DataError, PlanError
from deepvalue_stats.plan import parse_plan

PLAN = """
measures.confidence.items = ["q2"]
[reading]
missing = ["", "NA", "n/a", "Not Available"]
suppressed = ["*", "Too Few to Report"]
dates = ["%Y-%m-%d", "%d/%m/%Y"]
[sources]
jobs = { path = "jobs.csv", format = "csv", key = ["client", "start"] }
visits = { path = "visits.csv", format = "csv", key = ["visit"] }
[clock]
episodes.source = "visits"
exposure.date = "visits.met_on"
[covariates]
debt = { column = "debt", type = "number", at = "baseline" }
town = { column = "town", type = "category", at = "baseline" }
sanction = { column = "sanction", type = "share", at = "practitioner" }
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
    raw = dates_tables(PLAN)
    raw["reading"] |= reading
    (folder / "visits.csv").write_text(visits)
    (folder / "jobs.csv").write_text(jobs)
    return read_data(parse_plan(raw), folder=folder)


def read_column(folder, name, cells, **reading):
    """Read visits that differ in one column, and give that column back."""
    rows = [visit(visit=f"v{i}", **{name: f'"{cell}"'}) for i, cell in enumerate(cells)]
    return read(folder, csv(*rows), **reading)["visits"]


def read_waves(folder, visits, **reading):
    raw = dates_tables(PLAN) | tomllib.loads(WAVES)
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
    raw = dates_tables(PLAN)
    raw["reading"]["dates"] = ["%d/%m/%Y"]
    frames = {
        "visits": pd.DataFrame([VISITS]).assign(met_on=pd.Timestamp("1970-01-03 09:30")),
        "jobs": pd.DataFrame({"client": [1], "start": ["05/01/1970"]}),
    }
    data = read_data(parse_plan(raw), folder=tmp_path, frames=frames)
    assert data["visits"].frame["met_on"].tolist() == [2]
    assert data["jobs"].frame["start"].tolist() == [4]
    assert data["jobs"].frame["client"].tolist() == ["0001"]
