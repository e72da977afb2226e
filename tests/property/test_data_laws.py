"""What holds for every file: nothing is lost on the way, and no cell is ever quoted."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from extract_plans import waves_tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepvalue_stats.data import read_data, read_text_tables
from deepvalue_stats.data.cells import cut_rows
from deepvalue_stats.errors import DataError, DeepValueError
from deepvalue_stats.plan import parse_plan

PLAN = """
reading.dates = ["%Y-%m-%d", "%d/%m/%Y", "excel"]
ids.client.pad_to = 4
covariates.debt = { column = "debt", type = "number" }
"""
COLUMNS = ["id", "wave", "q1", "job", "town", "debt"]
SECRET = "7S3CRET9"
FAST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# what cp1252 and latin-1 can both write; line breaks and delimiters included
LETTERS = st.sampled_from("ab Zé\u00a3,;|\t\"'\n1.")
CELLS = st.text(LETTERS, max_size=5)
TABLES = st.lists(
    st.lists(CELLS, min_size=6, max_size=6).filter(lambda row: any(cell.strip() for cell in row)),
    min_size=1,
    max_size=6,
)


def plan(**source):
    return parse_plan(waves_tables(PLAN, **source))


def written(rows, delimiter, end):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    return file.getvalue()


@FAST
@given(
    table=TABLES,
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_read(tmp_path, table, delimiter, encoding, end):
    text = written([COLUMNS, *table], delimiter, end)
    (tmp_path / "visits.csv").write_bytes(text.encode(encoding))
    declared = {"encoding": encoding.removesuffix("-sig")}
    read = read_text_tables(plan(**declared, delimiter=delimiter), folder=tmp_path)["visits"]
    assert read.frame.to_numpy().tolist() == table
    lines = text.split("\n")
    assert all(lines[line - 1] for line in read.lines)
    assert len(set(read.lines)) == len(table)


def cut_by_csv(text, delimiter, width):
    """What the csv module makes of a text: rows by their number of cells, with their lines."""
    good, short, long, blank, begins = [], [], [], 0, 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for fields in reader:
        if not any(fields) or (len(fields) == 1 < width and not fields[0].strip()):
            blank += 1
        elif len(fields) == width:
            good.append((begins, fields))
        else:
            (short if len(fields) < width else long).append(begins)
        last, begins = begins, reader.line_num + 1
    *_, sentinel = csv.reader(io.StringIO(f"{text}\nS", newline=""), delimiter=delimiter)
    unclosed = 0 if sentinel == ["S"] else last
    return good, tuple(short), tuple(long), blank, unclosed


def cut(text, delimiter, width, codec):
    rows = cut_rows(text.encode(codec), codec, delimiter, 0, width, range(width))
    cells = zip(*(column.cells() for column in rows.texts), strict=True)
    good = [(line, list(fields)) for line, fields in zip(rows.lines.tolist(), cells, strict=True)]
    for column in rows.texts:
        assert len(set(column.distinct)) == len(column.distinct)
        assert [i for i in dict.fromkeys(column.codes.tolist())] == [*range(len(column.distinct))]
    return good, rows.short, rows.long, rows.blank, rows.unclosed


@settings(FAST, max_examples=400)
@given(
    text=st.text(st.sampled_from('ab é£,§"\n\r\u00a0'), min_size=1, max_size=40),
    delimiter=st.sampled_from(",§"),
    width=st.integers(1, 4),
    codec=st.sampled_from(["utf-8", "cp1252"]),
)
def test_cells_are_cut_as_the_csv_module_cuts_them(text, delimiter, width, codec):
    expected = cut_by_csv(text, delimiter, width)
    found = cut(text, delimiter, width, codec)
    if expected[-1]:
        assert found[-1] == expected[-1]
    else:
        assert found == expected


@FAST
@given(
    rows=st.integers(1, 10_000),
    texts=st.integers(1, 10_000),
    length=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_many_rows_of_many_texts_are_cut_as_well(rows, texts, length, seed):
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, texts, (rows, 2)).tolist()
    text = "".join(f"{a:0{length}d}é,{b}\n" for a, b in drawn)
    assert cut(text, ",", 2, "utf-8") == cut_by_csv(text, ",", 2)


@FAST
@given(
    towns=st.lists(st.text(st.sampled_from("abé Zß'1."), max_size=5), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
def test_what_is_recognised_is_right(tmp_path, towns, delimiter, encoding):
    table = [[f"{i:04d}", "0", "3", "1", town, "2"] for i, town in enumerate(towns)]
    (tmp_path / "visits.csv").write_bytes(
        written([COLUMNS, *table], delimiter, "\n").encode(encoding)
    )
    read = read_text_tables(plan(), folder=tmp_path)["visits"]
    assert read.frame.to_numpy().tolist() == table
    assert read.how.delimiter == delimiter


@FAST
@given(
    row=st.integers(0, 3),
    column=st.sampled_from(["id", "wave", "q1", "job", "debt"]),
    dress=st.sampled_from(["{}", "{}%", "1{}", "{},5", "{}/01/2024", "-{}"]),
    ragged=st.booleans(),
)
def test_no_message_quotes_a_cell(tmp_path, row, column, dress, ragged):
    table = [
        dict(zip(COLUMNS, [f"{i:04d}", "0", "3", "1", "York", "2"], strict=True)) for i in range(4)
    ]
    table[row][column] = dress.format(SECRET)
    rows = [list(one.values()) for one in table]
    if ragged:
        rows[row].append(SECRET)
    text = written([COLUMNS, *rows], ",", "\n")
    (tmp_path / "visits.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_data(plan(), folder=tmp_path)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


@FAST
@given(
    column=st.sampled_from(["id", "wave", "q1", "town", "debt"]),
    dress=st.sampled_from(["{}", "{}%", "1{}", "-{}"]),
)
def test_no_problem_or_step_quotes_a_cell(tmp_path, column, dress):
    cells = dict(zip(COLUMNS, ["0001", "0", "3", "1", "York", "2"], strict=True))
    rows = [cells, cells | {column: dress.format(SECRET)}, cells | {column: dress.format(SECRET)}]
    raw = waves_tables(PLAN)
    raw["reading"]["on_fault"] = "exclude"
    frames = {"visits": pd.DataFrame(rows)}
    dataset = read_data(parse_plan(raw), folder=tmp_path, frames=frames)["visits"]
    assert dataset.problems
    assert SECRET not in str(dataset.problems)
    assert SECRET not in str([step.reason for step in dataset.attrition])


@FAST
@given(header=st.lists(st.sampled_from([SECRET, f"{SECRET} ", "", "id", "wave"]), min_size=1))
def test_a_file_without_a_header_line_does_not_give_its_first_person_away(tmp_path, header):
    (tmp_path / "visits.csv").write_text(written([header, header], ",", "\n") or "\n")
    with pytest.raises(DeepValueError) as caught:
        read_data(plan(), folder=tmp_path)
    assert SECRET not in str(caught.value)


@FAST
@given(
    faults=st.lists(
        st.sampled_from([{}, {"q1": "6"}, {"debt": "x"}, {"id": ""}, {"wave": "z"}, {"town": "*"}]),
        min_size=1,
        max_size=8,
    )
)
def test_the_ledger_adds_up(tmp_path, faults):
    cells = dict(zip(COLUMNS, ["", "0", "3", "1", "York", "2"], strict=True))
    rows = [cells | {"id": f"{i:04d}"} | fault for i, fault in enumerate(faults)]
    raw = waves_tables(PLAN)
    raw["reading"]["on_fault"] = "exclude"
    dataset = read_data(parse_plan(raw), folder=tmp_path, frames={"visits": pd.DataFrame(rows)})
    first, *others = dataset["visits"].attrition
    assert first.rows == len(rows)
    assert first.rows - sum(step.left for step in others) == len(dataset["visits"].frame)
    fine = [fault for fault in faults if fault in ({}, {"town": "*"})]
    assert len(dataset["visits"].frame) == len(fine)
