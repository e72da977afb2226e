"""Delimited text files: encoding and delimiter recognised or declared, line numbers exact."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from deepvalue_stats.data.text import (
    HowRead,
    TextTable,
    checked_headers,
    positions_of,
    require_rows,
    text_frame,
)
from deepvalue_stats.errors import DataError, Fault, PlanError
from deepvalue_stats.plan.parts import Source

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 50
SNIFFED = 2**20  # characters
BLOCK = 256  # below the 700 new objects at which Python looks for garbage, over and over
_CODECS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "cp1252": "cp1252", "latin-1": "latin-1"}
Blocks = list[np.ndarray]
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class _Rows:
    """Rows with as many fields as the header, and the lines of those with fewer or more."""

    cells: list[Blocks]
    lines: list[int]
    short: list[int]
    long: list[int]
    blank: list[int]


def read_delimited(
    name: str, source: Source, path: Path, wanted: Container[str], where: str
) -> TextTable:
    """Read a delimited text file.

    Parameters
    ----------
    name : str
        The source's name in the plan.
    source : Source
        Gives the encoding and the delimiter, where they are declared.
    path : path
    wanted : container of str
        The headers that have a use; cells of other columns are dropped at once.
    where : str
        Opens the place in every fault.

    Returns
    -------
    TextTable
        Rows with too many or too few fields are in its faults.

    Raises
    ------
    DataError
        If the file is empty, is not text in the encoding, has no usable header or no rows, or
        opens a quotation that nothing closes.
    PlanError
        If the declared delimiter cannot be one.
    """
    data = path.read_bytes()
    encoding = source.encoding or recognised_encoding(data)
    text = _decoded(data, encoding, where)
    delimiter = _declared_delimiter(name, source) or recognised_delimiter(text)
    try:
        columns, rows = _parsed(text, delimiter, wanted, where)
    except csv.Error:
        raise _unclosed(where) from None
    declared = {"encoding": source.encoding, "delimiter": source.delimiter}
    recognised = tuple(key for key, value in declared.items() if value is None)
    kept = [columns[i] for i in positions_of(columns, wanted)]
    return TextTable(
        source=name,
        columns=columns,
        frame=text_frame(dict(zip(kept, map(_joined, rows.cells), strict=True))),
        lines=np.array(rows.lines, dtype=np.int64),
        how=HowRead("csv", encoding, delimiter, recognised, len(rows.blank)),
        faults=tuple(_ragged(rows, len(columns), where)),
    )


def _declared_delimiter(name: str, source: Source) -> str | None:
    declared = source.delimiter
    if declared is not None and (len(declared) != 1 or declared in '"\r\n '):
        raise PlanError(
            "the delimiter is not a single character that can part cells",
            f"sources.{name}.delimiter",
            'write one, as in delimiter = ";" or "\\t" for a tab, or leave it out',
        )
    return declared


def recognised_encoding(data: bytes) -> str:
    """Tell the encoding by a byte-order mark, else try utf-8, cp1252 and latin-1 in turn."""
    if data.startswith(_UTF16_MARKS):
        return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def recognised_delimiter(text: str) -> str:
    """Find the delimiter that cuts the first records evenly, and into most fields."""
    scores = {delimiter: _evenness(text, delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: scores[delimiter])


def _evenness(text: str, delimiter: str) -> tuple[bool, int]:
    """Judge whether the first records have equally many fields, and how many the first has."""
    widths: list[int] = []
    with contextlib.suppress(csv.Error):  # an open quotation is told of when all is read
        for _, row in islice(_records(text[:SNIFFED], delimiter), LOOKED_AT):
            widths += [len(row)] if any(row) else []
    fields = widths[0] if widths else 0
    return fields > 1 and set(widths) == {fields}, fields


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Go through the records with the line on which each begins; cells may hold line breaks."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    begins = 1
    for fields in reader:
        yield begins, fields
        begins = reader.line_num + 1


def _decoded(data: bytes, encoding: str, where: str) -> str:
    if not data.strip():
        raise DataError("the file is empty", where, "extract it again")
    fitting = recognised_encoding(data)
    fix = f'set encoding = "{fitting}", or leave `encoding` out'
    if not _may_be(encoding, data):
        raise DataError(f"the file's first bytes are not those of {encoding} text", where, fix)
    try:
        text = data.decode(_CODECS[encoding])
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        place = f"{where}, line {line}, byte {error.start + 1} of the file"
        raise DataError(f"the file is not {encoding} text", place, fix) from None
    if "\0" in text:
        fix = 'set encoding = "utf-16" if it is text, or give its true `format`'
        raise DataError("the file holds NUL characters, which no text has", where, fix)
    return text


def _may_be(encoding: str, data: bytes) -> bool:
    """Catch encodings that decode anything: byte-order marks and NULs give them away."""
    if encoding == "utf-16":
        return data.startswith(_UTF16_MARKS) or b"\0" in data[:4096]
    marked = data.startswith((codecs.BOM_UTF8, *_UTF16_MARKS))
    return encoding == "utf-8" or not marked


def _parsed(
    text: str, delimiter: str, wanted: Container[str], where: str
) -> tuple[tuple[str, ...], _Rows]:
    records = _records(text, delimiter)
    header = next((fields for _, fields in records if any(fields)), [])
    if len(header) == 1:
        _require_delimiter(text, header[0], delimiter, where)
    columns = checked_headers(header, where)
    rows = _gathered(records, len(columns), positions_of(columns, wanted))
    last = max([*rows.lines[-1:], *rows.short[-1:], *rows.long[-1:]], default=0)
    require_rows(last, where)
    _require_closed(text, delimiter, last, where)
    return columns, rows


def _require_delimiter(text: str, header: str, delimiter: str, where: str) -> None:
    """Refuse a declared delimiter that the header lacks while another would cut it."""
    better = recognised_delimiter(text)
    if better != delimiter and better in header:
        shown = {"\t": "\\t"}
        fix = f'set delimiter = "{shown.get(better, better)}", or leave `delimiter` out'
        what = f"the header has no '{shown.get(delimiter, delimiter)}', the declared delimiter"
        raise DataError(what, where, fix)


def _gathered(
    records: Iterator[tuple[int, list[str]]], width: int, positions: Sequence[int]
) -> _Rows:
    """Sort records by their number of fields, and turn the rows of the right width into columns."""
    rows = _Rows([[] for _ in positions], [], [], [], [])
    same: dict[str, str] = {}
    block: list[list[str]] = []
    for line, fields in records:
        if not any(fields) or (len(fields) == 1 < width and not fields[0].strip()):
            rows.blank.append(line)
        elif len(fields) == width:
            rows.lines.append(line)
            block.append(fields)
            if len(block) == BLOCK:
                _store(block, positions, rows.cells, same)
                block = []
        else:
            (rows.short if len(fields) < width else rows.long).append(line)
    _store(block, positions, rows.cells, same)
    return rows


def _store(
    block: list[list[str]], positions: Sequence[int], cells: list[Blocks], same: dict[str, str]
) -> None:
    """Add a block of rows to the columns; equal texts are kept once, to spare memory."""
    columns = list(zip(*block, strict=True))
    for store, i in zip(cells, positions, strict=True):
        if columns:
            texts = np.empty(len(block), dtype=object)
            texts[:] = list(map(same.setdefault, columns[i], columns[i]))
            store.append(texts)


def _joined(blocks: Blocks) -> np.ndarray:
    return np.concatenate(blocks) if blocks else np.empty(0, dtype=object)


def _require_closed(text: str, delimiter: str, last: int, where: str) -> None:
    """Refuse a quotation that nothing closes: it swallows all rows to the end of the file."""
    tail = islice(io.StringIO(text, newline=""), last - 1, None)
    try:
        list(csv.reader(tail, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise _unclosed(f"{where}, record that begins at line {last}") from None


def _unclosed(where: str) -> DataError:
    return DataError(
        "a quotation mark is never closed", where, "close it, or double it inside a quoted cell"
    )


def _ragged(rows: _Rows, width: int, where: str) -> Iterator[Fault]:
    for lines, how in ((rows.short, "fewer"), (rows.long, "more")):
        if lines:
            have = "1 row has" if len(lines) == 1 else f"{len(lines)} rows have"
            yield Fault(
                f"{have} {how} fields than the header, which has {width}",
                f"{where}, first at line {lines[0]}",
                "put quotation marks round cells that hold the delimiter, or extract it again",
            )
