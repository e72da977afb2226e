"""Delimited text: encodings, delimiters, quotations, and files that cannot be read."""

import pytest
from extract_plans import waves_tables

from deepvalue_stats.data import read_data, read_text_tables, reading_notes
from deepvalue_stats.errors import DataError, PlanError
from deepvalue_stats.plan import parse_plan

TABLE = """\
id,wave,q1,job,town
007,0,3,0,York
007,1,4,1,"Ely, Cambs"
01014F,0,2,0,Lyme
"""
ROWS = [
    ["007", 0, 3.0, 0.0, "York"],
    ["007", 1, 4.0, 1.0, "Ely, Cambs"],
    ["01014F", 0, 2.0, 0.0, "Lyme"],
]
COLUMNS = ["id", "wave", "q1", "job", "town"]


def plan(**source):
    return parse_plan(waves_tables(**source))


def read(folder, content, **source):
    """Write the source's file, and read it under the plan."""
    path = folder / source.get("path", "visits.csv")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_data(plan(**source), folder=folder)["visits"]


def refusal(folder, content, **source):
    with pytest.raises(DataError) as caught:
        read(folder, content, **source)
    return str(caught.value)


def rows(dataset):
    return dataset.frame[COLUMNS].to_numpy(dtype=object).tolist()


def notes(folder, **source):
    (note,) = reading_notes(read_text_tables(plan(**source), folder=folder))
    return note


def test_a_file_is_read_with_its_types_and_lines(tmp_path):
    dataset = read(tmp_path, TABLE)
    assert rows(dataset) == ROWS
    assert dataset.frame["line"].tolist() == [2, 3, 4]
    assert dataset.frame.columns.tolist() == ["line", *COLUMNS]
    assert dataset.attrition[0].reason == "rows in the file"
    assert (dataset.attrition[0].rows, dataset.attrition[0].clients) == (3, 2)
    assert dataset.problems == ()


@pytest.mark.parametrize(("delimiter", "shown"), [(";", "';'"), ("\t", "tab"), ("|", "'|'")])
def test_delimiters_are_recognised(tmp_path, delimiter, shown):
    quoted = TABLE.replace('"Ely, Cambs"', "<town>").replace(",", delimiter)
    dataset = read(tmp_path, quoted.replace("<town>", '"Ely, Cambs"'))
    assert rows(dataset) == ROWS
    expected = f"visits: csv, 3 rows, encoding utf-8 (recognised), delimiter {shown} (recognised)"
    assert notes(tmp_path) == expected


def test_a_declared_delimiter_wins(tmp_path):
    dataset = read(tmp_path, TABLE.replace(",", "~").replace("Ely~", "Ely,"), delimiter="~")
    assert rows(dataset) == ROWS
    assert notes(tmp_path, delimiter="~").endswith("encoding utf-8 (recognised), delimiter '~'")


def test_a_decimal_comma_does_not_hide_the_semicolon(tmp_path):
    text = "id;wave;q1;job;town\n1;0;3;0;a,b\n2;0;3;0;a,c\n"
    assert read(tmp_path, text).frame["town"].tolist() == ["a,b", "a,c"]


@pytest.mark.parametrize(
    ("codec", "named"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("cp1252", "cp1252"),
        ("latin-1", "latin-1"),
    ],
)
def test_encodings_are_recognised(tmp_path, codec, named):
    # the byte 0x81 has no meaning in cp1252, which leaves latin-1
    town = {"cp1252": "“Café”", "latin-1": "Café\x81"}.get(codec, "Café Łódź")
    declared = {"encoding": "utf-16"} if codec == "utf-16-le" else {}
    content = TABLE.replace("York", town).encode(codec)
    assert read(tmp_path, content, **declared).frame["town"].iloc[0] == town
    assert f"encoding {named}" in notes(tmp_path, **declared)


def test_a_byte_order_mark_is_no_part_of_the_first_header(tmp_path):
    assert rows(read(tmp_path, b"\xef\xbb\xbf" + TABLE.encode())) == ROWS


def test_an_encoding_that_does_not_decode_is_refused_with_the_one_that_would(tmp_path):
    content = TABLE.replace("Lyme", "Café").encode("cp1252")
    assert refusal(tmp_path, content, encoding="utf-8") == (
        "DataError: the file is not utf-8 text\n"
        "  where: source 'visits', visits.csv, line 4, byte 75 of the file\n"
        '  fix:   set encoding = "cp1252", or leave `encoding` out'
    )


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16"])
def test_a_declared_encoding_that_decodes_anything_is_held_to_the_first_bytes(tmp_path, encoding):
    content = TABLE.encode("utf-8-sig")
    assert refusal(tmp_path, content, encoding=encoding) == (
        f"DataError: the file's first bytes are not those of {encoding} text\n"
        "  where: source 'visits', visits.csv\n"
        '  fix:   set encoding = "utf-8", or leave `encoding` out'
    )


def test_a_file_that_is_no_text_is_refused(tmp_path):
    assert refusal(tmp_path, b"id,wave\0\0") == (
        "DataError: the file holds NUL characters, which no text has\n"
        "  where: source 'visits', visits.csv\n"
        '  fix:   set encoding = "utf-16" if it is text, or give its true `format`'
    )


def test_quoted_commas_and_line_breaks_keep_the_line_numbers(tmp_path):
    text = 'id,wave,q1,job,town\n1,0,3,0,"a\n\nb, c"\n\n2,0,9,0,d\n'
    assert refusal(tmp_path, text).splitlines()[1] == (
        "  where: source 'visits', column 'q1' (first at line 6)"
    )
    dataset = read(tmp_path, text.replace("9", "4"))
    assert dataset.frame["town"].tolist() == ["a\n\nb, c", "d"]
    assert dataset.frame["line"].tolist() == [2, 6]
    assert notes(tmp_path).endswith("1 blank row passed over")


def test_ragged_rows_are_refused_beside_the_faults_of_their_cells(tmp_path):
    text = "id,wave,q1,job,town\n1,0,3,0\n2,0,3,0,a,b\n3,0,3,0,a,b\n4,0,6,0,a\n"
    assert refusal(tmp_path, text) == (
        "DataError: 3 problems\n"
        "1. 1 row has fewer fields than the header, which has 5\n"
        "     where: source 'visits', visits.csv, first at line 2\n"
        "     fix:   put quotation marks round cells that hold the delimiter, "
        "or extract it again\n"
        "2. 2 rows have more fields than the header, which has 5\n"
        "     where: source 'visits', visits.csv, first at line 3\n"
        "     fix:   put quotation marks round cells that hold the delimiter, "
        "or extract it again\n"
        "3. not a whole number from 1 to 5: 1 row\n"
        "     where: source 'visits', column 'q1' (first at line 5)\n"
        "     fix:   mend the cells, or add the token that stands for a missing value to "
        "`missing`, or the code for 'does not apply' to the measure's `not_applicable`"
    )


def test_ragged_rows_are_refused_also_where_faulty_rows_are_excluded(tmp_path):
    assert "1 row has fewer fields" in refusal(tmp_path, TABLE + "8,1\n", on_fault="exclude")


def test_a_quotation_that_nothing_closes_is_refused(tmp_path):
    assert refusal(tmp_path, TABLE + '8,0,1,0,"Bath\n9,0,1,0,Hull\n') == (
        "DataError: a quotation mark is never closed\n"
        "  where: source 'visits', visits.csv, record that begins at line 5\n"
        "  fix:   close it, or double it inside a quoted cell"
    )


def test_a_cell_as_long_as_a_book_is_taken_for_an_open_quotation(tmp_path):
    text = TABLE + '8,0,1,0,"Bath\n' + "9,0,1,0,Hull\n" * 20_000
    assert refusal(tmp_path, text).startswith("DataError: a quotation mark is never closed\n")
    assert refusal(tmp_path, f'"{text.replace(chr(34), "")}').startswith(
        "DataError: a quotation mark is never closed\n"
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("id,wave,q1,job,town\n", "there are no rows under the header"),
        ("id,wave,q1,job,town,q1\n", "two columns have one name"),
        ("id,wave,,q1,job,town\n1,0,,3,1,a\n", "a column has no name"),
    ],
)
def test_a_file_without_a_table_is_refused(tmp_path, content, what):
    assert refusal(tmp_path, content).startswith(f"DataError: {what}\n")


def test_headers_in_trouble_are_named_by_position_as_they_may_be_values(tmp_path):
    assert refusal(tmp_path, "Ann Hall,,Ann Hall\n1,2,3\n") == (
        "DataError: 2 problems\n"
        "1. a column has no name\n"
        "     where: source 'visits', visits.csv, column 2\n"
        "     fix:   name it in the header line\n"
        "2. two columns have one name\n"
        "     where: source 'visits', visits.csv, columns 1 and 3\n"
        "     fix:   rename or remove one"
    )


def test_a_first_column_without_a_name_is_row_names_and_has_no_use(tmp_path):
    text = ',id ,"wave",q1,job,town,rownames\n1,007,0,3,0,York,1\n'
    assert rows(read(tmp_path, text)) == ROWS[:1]


def test_a_missing_file_is_refused_with_the_nearest(tmp_path):
    (tmp_path / "visit.csv").write_text(TABLE)
    with pytest.raises(DataError) as caught:
        read_data(plan(), folder=tmp_path)
    assert str(caught.value) == (
        "DataError: there is no such file\n"
        "  where: source 'visits', visits.csv\n"
        "  fix:   did you mean 'visit.csv'?"
    )


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (".", "this is a folder, not a file"),
        ("no/visits.csv", "the file's folder does not exist"),
        ("quite_else.csv", "there is no such file"),
    ],
)
def test_a_path_without_a_file_is_refused(tmp_path, path, what):
    with pytest.raises(DataError, match=what):
        read_data(plan(path=path), folder=tmp_path)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path, monkeypatch):
    (tmp_path / "visits.csv").write_text(TABLE)

    def locked(path):
        raise PermissionError(path)

    monkeypatch.setattr("pathlib.Path.read_bytes", locked)
    with pytest.raises(DataError, match="the file cannot be opened"):
        read_data(plan(), folder=tmp_path)


def test_the_faults_of_all_files_come_at_once(tmp_path):
    raw = waves_tables()
    raw["sources"]["more"] = {"path": "more.csv", "format": "csv", "key": ["id"]}
    (tmp_path / "visits.csv").write_text("")
    with pytest.raises(DataError) as caught:
        read_data(parse_plan(raw), folder=tmp_path)
    assert [fault.what for fault in caught.value.faults] == [
        "the file is empty",
        "there is no such file",
    ]


def test_a_delimiter_that_the_header_lacks_is_refused(tmp_path):
    assert refusal(tmp_path, TABLE, delimiter="\t") == (
        "DataError: the header has no '\\t', the declared delimiter\n"
        "  where: source 'visits', visits.csv\n"
        '  fix:   set delimiter = ",", or leave `delimiter` out'
    )


def test_a_delimiter_that_is_none_is_a_fault_of_the_plan(tmp_path):
    with pytest.raises(PlanError) as caught:
        read(tmp_path, TABLE, delimiter="||")
    assert str(caught.value) == (
        "PlanError: the delimiter is not a single character that can part cells\n"
        "  where: sources.visits.delimiter\n"
        '  fix:   write one, as in delimiter = ";" or "\\t" for a tab, or leave it out'
    )
