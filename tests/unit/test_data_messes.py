"""The messes of real extracts, one by one: what comes out, or the whole refusal.

Most of what a file can do wrong stands in the tests of files, formats, cells and rows; here is the
rest, met in public data or on the way from one program to another.
"""

import gzip
import io
import zipfile

import duckdb
import openpyxl
import pandas as pd
import pyreadstat
import pytest
from extract_plans import dates_tables, waves_tables
from test_data_files import COLUMNS, ROWS, TABLE, notes, rows
from test_data_files import read as read_file
from test_data_files import refusal as refused_file
from test_data_reading import (
    JOBS,
    PLAN,
    VISITS,
    csv,
    problems,
    read,
    read_column,
    refusal,
    shown,
    steps,
    visit,
)  # fmt: skip

from deepvalue_stats.data import read_data
from deepvalue_stats.errors import DataError, PlanError
from deepvalue_stats.plan import parse_plan

MEND = "mend the cells, or add the token that stands for a missing value to `missing`"
ITEM = f"{MEND}, or the code for 'does not apply' to the measure's `not_applicable`"
PLACEHOLDER = "a date that often stands for none (1900-01-01, 1970-01-01, 2099-12-31)"


def said(what, column, fix, line=3):
    """The whole message about one row of the visits."""
    return (
        f"DataError: {what}: 1 row\n"
        f"  where: source 'visits', column '{column}' (first at line {line})\n"
        f"  fix:   {fix}"
    )


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [{}, {"encoding": "cp1252"}])
def test_cp1252_signs_that_latin_1_does_not_have(tmp_path, declared):
    content = TABLE.replace("York", "“Zoë’s” – €").encode("cp1252")
    assert read_file(tmp_path, content, **declared).frame["town"].iloc[0] == "“Zoë’s” – €"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_with_its_mark_in_either_order(tmp_path, codec):
    content = ("\ufeff" + TABLE.replace(",", "\t").replace('"Ely\t Cambs"', "Łódź")).encode(codec)
    assert read_file(tmp_path, content).frame["town"].iloc[1] == "Łódź"
    assert notes(tmp_path).endswith("encoding utf-16 (recognised), delimiter tab (recognised)")


def test_a_byte_order_mark_written_twice(tmp_path):
    assert rows(read_file(tmp_path, b"\xef\xbb\xbf" * 2 + TABLE.encode())) == ROWS


def test_a_byte_order_mark_before_a_quoted_header(tmp_path):
    content = "\ufeff" + TABLE.replace("id,", '"id",', 1)
    assert rows(read_file(tmp_path, content)) == ROWS


def test_headers_with_signs_that_cannot_be_seen(tmp_path):
    content = TABLE.replace("id,wave,q1", "id\u200b,\xa0wave,\u2060q1 ", 1)
    assert rows(read_file(tmp_path, content)) == ROWS


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_windows_and_of_old_macintoshes(tmp_path, end):
    dataset = read_file(tmp_path, TABLE.replace("\n", end))
    assert rows(dataset) == ROWS
    assert dataset.frame["line"].tolist() == [2, 3, 4]


def test_empty_rows_at_the_end(tmp_path):
    assert rows(read_file(tmp_path, TABLE + ",,,,\n,,,,\n\n   \n")) == ROWS
    assert notes(tmp_path).endswith("4 blank rows passed over")


def test_empty_columns_at_the_end_of_a_text_are_refused_by_position(tmp_path):
    content = TABLE.replace("\n", ",,\n")
    assert refused_file(tmp_path, content) == (
        "DataError: a column has no name\n"
        "  where: source 'visits', visits.csv, column 6, 7\n"
        "  fix:   name it in the header line"
    )


def test_quotation_marks_that_quote_nothing(tmp_path):
    content = 'id,wave,q1,job,town\n1,0,3,1,5" pipe\n2,0,3,1,"say ""a"", b"\n3,0,3,1,“c\n'
    dataset = read_file(tmp_path, content)
    assert dataset.frame["town"].tolist() == ['5" pipe', 'say "a", b', "“c"]


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("visits.csv", TABLE)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "what", "fix"),
    [
        (
            gzip.compress(TABLE.encode(), mtime=0),
            "the file is compressed by gzip",
            "unpack it first",
        ),
        (
            zipped(),
            "the file is a zip archive or an Excel workbook",
            'unpack it, or set format = "xlsx"',
        ),
    ],
    ids=["gzip", "zip"],
)
def test_a_compressed_file_is_named_as_such(tmp_path, content, what, fix):
    assert refused_file(tmp_path, content) == (
        f"DataError: {what}\n  where: source 'visits', visits.csv\n  fix:   {fix}"
    )


def test_index_columns_and_footnotes_are_never_looked_at(tmp_path):
    content = (
        ",Unnamed: 0,id,wave,q1,q1 footnote,job,town\n"
        "1,1,007,0,3,5 24,0,York\n"
        "2,2,008,0,3,6 11,0,York\n"
    )
    dataset = read_file(tmp_path, content)
    assert dataset.frame.columns.tolist() == ["line", *COLUMNS]
    assert dataset.problems == ()


def test_a_header_with_a_point_is_a_name_like_another(tmp_path):
    raw = waves_tables(path="v.csv", key=["Provider.ID", "wave"])
    raw["ids"]["client"]["column"] = "Provider.ID"
    (tmp_path / "v.csv").write_text(TABLE.replace("id", "Provider.ID", 1))
    frame = read_data(parse_plan(raw), folder=tmp_path)["visits"].frame
    assert frame["Provider.ID"].tolist() == ["007", "007", "01014F"]


def test_one_header_in_two_spellings_is_asked_about(tmp_path):
    (tmp_path / "visits.csv").write_text(TABLE.replace("wave", "Wave", 1))
    with pytest.raises(PlanError) as caught:
        read_data(parse_plan(waves_tables()), folder=tmp_path)
    assert str(caught.value) == (
        "PlanError: 2 problems\n"
        "1. the clock's wave is 'wave', which source 'visits' does not have\n"
        "     where: clock.wave\n"
        "     fix:   did you mean 'Wave'? If not, correct the name, or add 'wave' to the source\n"
        "2. the key of 'visits' has 'wave', which source 'visits' does not have\n"
        "     where: sources.visits.key[1]\n"
        "     fix:   did you mean 'Wave'? If not, correct the name, or add 'wave' to the source"
    )


# --- ids ----------------------------------------------------------------------------------------


def test_ids_are_numbers_in_one_file_and_text_in_another(tmp_path):
    frames = {
        "visits": pd.DataFrame([VISITS | {"client": 7}]),
        "jobs": pd.DataFrame({"client": ["0007"], "start": ["2024-06-01"]}),
    }
    data = read_data(parse_plan(dates_tables(PLAN)), folder=tmp_path, frames=frames)
    assert [one.frame["client"].tolist() for one in data.values()] == [["0007"], ["0007"]]


def test_without_a_width_7_and_007_are_two_clients(tmp_path):
    content = "id,wave,q1,job,town\n7,0,3,1,York\n007,0,3,1,York\n"
    dataset = read_file(tmp_path, content)
    assert dataset.frame["id"].tolist() == ["7", "007"]
    assert dataset.attrition[0].clients == 2


def test_ids_that_were_made_decimal_numbers(tmp_path):
    dataset = read_column(tmp_path, "client", ["12.0", "0012", "7", "1.5"])
    assert dataset.frame["client"].tolist() == ["0012", "0012", "0007", "1.5"]
    assert problems(dataset) == [
        ("client", "ids written as decimal numbers, read without their .0", 1, 2, "repaired"),
        ("client", "leading zeros restored", 1, 4, "repaired"),
    ]


def test_ids_that_a_spreadsheet_rounded(tmp_path):
    assert refusal(read_column, tmp_path, "adviser", ["A7", "4.51E+11", "1E05"]) == said(
        "an id in powers of ten, whose last digits are lost",
        "adviser",
        "keep the column as text when extracting",
    )


def test_spaces_and_signs_that_cannot_be_seen_around_an_id_go(tmp_path):
    cells = ["0012", "\u200b0012", "0012\xa0", "\ufeff0012\u200f", "\t0012 "]
    dataset = read_column(tmp_path, "client", cells)
    assert dataset.frame["client"].tolist() == ["0012"] * 5
    assert dataset.problems == ()


@pytest.mark.parametrize("cell", ["Ann\xa0Hall", "Ann\u200b Hall", "Ann\u2009Hall"])
def test_signs_that_cannot_be_seen_within_an_id_are_a_fault(tmp_path, cell):
    assert refusal(read_column, tmp_path, "adviser", ["Ann Hall", cell]) == said(
        "a sign within an id that cannot be seen, or told from a space",
        "adviser",
        "mend the cells",
    )


def test_two_people_with_one_name_and_one_with_two_are_told_apart_by_id(tmp_path):
    visits = [
        visit(visit="v1", adviser="A1", town="Ann Hall"),
        visit(visit="v2", adviser="A2", town="Ann Hall"),
        visit(visit="v3", adviser="A2", town='"Hall, Ann"'),
    ]
    dataset = read(tmp_path, csv(*visits))["visits"]
    assert dataset.attrition[0].practitioners == 2
    assert dataset.frame["town"].tolist() == ["Ann Hall", "Ann Hall", "Hall, Ann"]


# --- missing, suppressed, numbers ---------------------------------------------------------------


def test_a_suppressed_item_is_neither_zero_nor_an_answer(tmp_path):
    dataset = read_column(tmp_path, "q1", ["3", "*", " * ", ""])
    assert shown(dataset.frame["q1"]) == [3, None, None, None]
    assert dataset.frame["q1__suppressed"].tolist() == [False, True, True, False]


def test_a_code_for_missing_is_meant_however_the_number_is_written(tmp_path):
    cells = ["99", "99.0", "n/a", "3", "9.9e1"]
    missing = ["", "n/a", "99"]
    assert shown(read_column(tmp_path, "q1", cells, missing=missing).frame["q1"]) == [
        None, None, None, 3, None,
    ]  # fmt: skip
    assert shown(read_column(tmp_path, "debt", cells, missing=missing).frame["debt"]) == [
        None, None, None, 3, None,
    ]  # fmt: skip
    towns = read_column(tmp_path, "town", cells, missing=missing).frame["town"]
    assert shown(towns) == [None, "99.0", None, "3", "9.9e1"]


def test_a_code_for_missing_that_is_not_declared_is_no_answer(tmp_path):
    message = said("not a whole number from 1 to 5", "q1", ITEM)
    for code in ("99", "-97", "n.a.", "3,5"):
        assert refusal(read_column, tmp_path, "q1", ["3", code]) == message


def test_negative_codes_for_missing_are_declared_like_others(tmp_path):
    dataset = read_column(tmp_path, "debt", ["-97", "-97.0", "-5"], missing=["", "-97"])
    assert shown(dataset.frame["debt"]) == [None, None, -5]


@pytest.mark.parametrize("cell", ["1 200", "1\xa0200", "£5", "−5", "5-", "<5", "N.A.", "#N/A"])
def test_other_ways_to_write_a_number_are_refused(tmp_path, cell):
    assert refusal(read_column, tmp_path, "debt", ["5", cell]) == said("not a number", "debt", MEND)


@pytest.mark.parametrize("cell", ["1,200", "77,5", "1.200,5", "1,200.5"])
def test_commas_are_not_guessed_at(tmp_path, cell):
    assert refusal(read_column, tmp_path, "debt", ["5", cell]) == said(
        "a comma in a number",
        "debt",
        "write a point as the decimal sign, and nothing between thousands",
    )


def test_percentages_and_shares_in_one_column(tmp_path):
    assert refusal(read_column, tmp_path, "debt", ["0.869", "86.9%"]) == said(
        "a percentage where a number is needed",
        "debt",
        "take the % sign out, and use percentages or shares throughout, not both",
    )


@pytest.mark.parametrize("words", [("yes", "no"), ("TRUE", "FALSE")])
def test_an_outcome_in_words_is_refused(tmp_path, words):
    content = "id,wave,q1,job,town\n" + "".join(
        f"{i},0,3,{word},York\n" for i, word in enumerate(words)
    )
    assert refused_file(tmp_path, content) == (
        "DataError: an outcome is 0 or 1, and the column has 2 distinct values: 2 rows\n"
        "  where: source 'visits', column 'job' (first at line 2)\n"
        "  fix:   say with any_of or all_equal which are a good outcome, and list codes without a "
        "meaning in `undocumented`"
    )


# --- dates --------------------------------------------------------------------------------------


def test_serial_numbers_beside_two_written_forms(tmp_path):
    forms = ["%Y-%m-%d", "%d/%m/%Y", "excel"]
    cells = ["2024-03-01", "01/03/2024", "1/3/2024", "45352", "45352.5"]
    dataset = read_column(tmp_path, "met_on", cells, dates=forms)
    assert dataset.frame["met_on"].tolist() == [19783] * 5


@pytest.mark.parametrize("cell", ["2023-02-29", "29/02/2023", "1900-02-29", "31/04/2024"])
def test_days_that_no_calendar_has(tmp_path, cell):
    assert refusal(read_column, tmp_path, "met_on", ["2024-02-29", cell]) == said(
        "not a date in the declared formats", "met_on", "add the form to `dates`, or mend the cells"
    )


@pytest.mark.parametrize("cell", ["2024-03-01 09:30", "2024-03-01T00:00:00", "1/3/24"])
def test_forms_that_are_not_declared(tmp_path, cell):
    assert refusal(read_column, tmp_path, "met_on", ["2024-02-29", cell]) == said(
        "not a date in the declared formats", "met_on", "add the form to `dates`, or mend the cells"
    )


@pytest.mark.parametrize("cell", ["9999-12-31", "0001-01-01", "1899-12-30", "31/12/9999"])
def test_placeholders_that_cannot_be_dates(tmp_path, cell):
    cells = ["2024-02-29", cell]
    assert refusal(read_column, tmp_path, "met_on", cells) == said(
        "a date outside 1900-01-01 to 2099-12-31", "met_on", MEND
    )
    dataset = read_column(tmp_path, "met_on", cells, missing=["", cell])
    assert shown(dataset.frame["met_on"]) == [19782, None]


def test_placeholders_that_may_be_dates_are_kept_and_noted(tmp_path):
    cells = ["2024-02-29", "1900-01-01", "01/01/1970", "2099-12-31"]
    dataset = read_column(tmp_path, "met_on", cells)
    assert shown(dataset.frame["met_on"]) == [19782, -25567, 0, 47481]
    assert problems(dataset) == [("met_on", PLACEHOLDER, 3, 3, "noted")]
    dataset = read_column(tmp_path, "met_on", cells, missing=["", "1900-01-01", "01/01/1970"])
    assert problems(dataset) == [("met_on", PLACEHOLDER, 1, 5, "noted")]


def test_an_event_that_takes_negative_time(tmp_path):
    raw = dates_tables(PLAN)
    raw["outcomes"]["job"]["end"] = "jobs.end"
    (tmp_path / "visits.csv").write_text(csv(visit()))
    lines = "client,start,end\n0001,2024-06-01,2024-05-31\n0002,2024-06-01,2024-06-01\n"
    (tmp_path / "jobs.csv").write_text(lines)
    with pytest.raises(DataError) as caught:
        read_data(parse_plan(raw), folder=tmp_path)
    assert str(caught.value) == (
        "DataError: event ends before it begins: 1 row\n"
        "  where: source 'jobs', first at line 2\n"
        "  fix:   ask the data owner which of the dates is right"
    )
    raw["reading"]["on_fault"] = "exclude"
    jobs = read_data(parse_plan(raw), folder=tmp_path)["jobs"]
    assert steps(jobs) == [("rows in the file", 0, 2, 2), ("event ends before it begins", 1, 1, 1)]


# --- workbooks, Parquet, SPSS, Stata ------------------------------------------------------------


def read_visits(folder, path, kind, **changes):
    """Read visits of another format beside the usual jobs."""
    raw = dates_tables(PLAN)
    raw["sources"]["visits"] |= {"path": path, "format": kind}
    raw["reading"] |= changes
    (folder / "jobs.csv").write_text(JOBS)
    return read_data(parse_plan(raw), folder=folder)["visits"]


def test_a_workbook_with_ids_as_numbers_and_every_kind_of_date(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([*VISITS, None])
    for i, day in enumerate([pd.Timestamp("2024-03-01"), "01/03/2024", 45352], 1):
        sheet.append([*(VISITS | {"visit": f"v{i}", "client": 12, "met_on": day}).values()])
        sheet.cell(row=i + 1, column=2).number_format = "0000"  # shown as 0012, stored as 12
    sheet.cell(row=4, column=4).number_format = "General"
    for _ in range(3):
        sheet.append([None, " "])
    book.save(tmp_path / "visits.xlsx")
    dataset = read_visits(tmp_path, "visits.xlsx", "xlsx", dates=["%Y-%m-%d", "%d/%m/%Y", "excel"])
    assert dataset.frame["client"].tolist() == ["0012"] * 3
    assert dataset.frame["met_on"].tolist() == [19783] * 3
    assert problems(dataset) == [("client", "leading zeros restored", 3, 2, "repaired")]


def test_parquet_days_are_days_and_not_objects(tmp_path):
    cells = ", ".join(f"'{cell}' AS {name}" for name, cell in VISITS.items() if name != "met_on")
    for day in ("DATE '2024-03-01'", "TIMESTAMP '2024-03-01 23:59:59'", "'01/03/2024'"):
        table = duckdb.sql(f"SELECT {cells}, {day} AS met_on")
        table.write_parquet(str(tmp_path / "visits.parquet"))
        frame = read_visits(tmp_path, "visits.parquet", "parquet").frame
        assert frame["met_on"].tolist() == [19783]
        assert str(frame["met_on"].dtype) == "Int64"


def spss(folder, name, values, ranges):
    """Visits whose one column SPSS takes for partly missing."""
    frame = pd.DataFrame([VISITS | {"visit": f"v{i}"} for i in range(len(values))])
    frame[["q1", "q2", "debt", "sanction"]] = [4.0, 2.0, 1.0, 0.0]
    frame[name] = values
    pyreadstat.write_sav(frame, str(folder / "visits.sav"), missing_ranges={name: ranges})


def test_a_number_that_spss_takes_for_missing_is_not_read_silently(tmp_path):
    spss(tmp_path, "debt", [120.0, 998.0, 999.0, 1000.0], [{"lo": 998.0, "hi": 999.0}])
    assert refusal(read_visits, tmp_path, "visits.sav", "spss") == (
        "DataError: a code that the file itself declares to be missing: 2 rows\n"
        "  where: source 'visits', column 'debt' (first at line 2)\n"
        "  fix:   add it to `missing`, or take the declaration out of the file"
    )
    dataset = read_visits(tmp_path, "visits.sav", "spss", missing=["", "998", "999"])
    assert shown(dataset.frame["debt"]) == [120, None, None, 1000]


def test_an_answer_that_spss_takes_for_missing_is_not_read_silently(tmp_path):
    spss(tmp_path, "q1", [4.0, 5.0, 9.0], [5.0, 9.0])
    # 9 means "does not apply", as the plan says
    assert refusal(read_visits, tmp_path, "visits.sav", "spss") == said(
        "a code that the file itself declares to be missing",
        "q1",
        "add it to `missing`, or take the declaration out of the file",
        line=2,
    )


def test_stata_codes_stay_codes_and_its_missing_values_are_missing(tmp_path):
    frame = pd.DataFrame([VISITS | {"visit": f"v{i}"} for i in range(2)])
    frame["q1"], frame["q2"], frame["sanction"] = 4, 2, 0
    frame["debt"] = [120.5, None]
    frame["town"] = [2, 1]
    frame["met_on"] = pd.Timestamp("2024-03-01")
    frame.to_stata(
        tmp_path / "visits.dta",
        write_index=False,
        convert_dates={"met_on": "td"},
        value_labels={"town": {1: "York", 2: "Hull"}},
    )
    dataset = read_visits(tmp_path, "visits.dta", "stata")
    assert dataset.frame["town"].tolist() == ["2", "1"]
    assert shown(dataset.frame["debt"]) == [120.5, None]
    assert dataset.frame["met_on"].tolist() == [19783, 19783]


def test_a_source_without_clients_opens_a_ledger_of_rows(tmp_path):
    raw = dates_tables(PLAN)
    raw["ids"]["client"]["column"] = "visits.client"
    (tmp_path / "visits.csv").write_text(csv(visit()))
    (tmp_path / "jobs.csv").write_text("client,start\n0001,2024-06-01\n0001,soon\n")
    raw["reading"]["on_fault"] = "exclude"
    data = read_data(parse_plan(raw), folder=tmp_path)
    assert [(step.left, step.rows) for step in data["jobs"].attrition] == [(0, 2), (1, 1)]
