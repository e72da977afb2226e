"""Delimited text files: encoding and delimiter recognised or declared, line numbers exact."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
from collections.abc import Container, Iterator
from itertools import islice
from pathlib import Path

from deepvalue_stats.data.text import (
    HowRead,
    TextTable,
    checked_headers,
    positions_of,
    require_rows,
)
from deepvalue_stats.errors import DataError, Fault, PlanError
from deepvalue_stats.plan.parts import Source

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 50
SNIFFED = 2**20  # characters
DECODED = 2**20  # bytes at a time
_CODECS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "cp1252": "cp1252", "latin-1": "latin-1"}
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PACKED = {
    b"\x1f\x8b": ("the file is compressed by gzip", "unpack it first"),
    b"PK\x03\x04": (
        "the file is a zip archive or an Excel workbook", 'unpack it, or set format = "xlsx"'
    ),
}  # fmt: skip
_NOT_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")


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
    from deepvalue_stats.data.cells import cut_rows  # loads numba

    data = path.read_bytes()
    if not data or data.isspace():
        raise DataError("the file is empty", where, "extract it again")
    for begins, (what, fix) in _PACKED.items():
        if data.startswith(begins):
            raise DataError(what, where, fix)
    encoding = source.encoding or recognised_encoding(data)
    data, codec = _plain(data, encoding, source.encoding is not None, where)
    head = _stream(data, codec).read(SNIFFED)
    delimiter = _declared_delimiter(name, source) or recognised_delimiter(head)
    header, under = _header(data, codec, delimiter, where)
    if len(header) == 1:
        _require_delimiter(head, header[0], delimiter, where)
    columns = checked_headers(header, where)
    positions = positions_of(columns, wanted)
    rows = cut_rows(data, codec, delimiter, under, len(columns), positions)
    if rows.unclosed:
        raise _unclosed(f"{where}, record that begins at line {rows.unclosed}")
    require_rows(len(rows.lines) + len(rows.short) + len(rows.long), where)
    declared = {"encoding": source.encoding, "delimiter": source.delimiter}
    recognised = tuple(key for key, value in declared.items() if value is None)
    return TextTable(
        source=name,
        columns=columns,
        texts=dict(zip((columns[i] for i in positions), rows.texts, strict=True)),
        lines=rows.lines,
        how=HowRead("csv", encoding, delimiter, recognised, rows.blank),
        faults=(
            *_ragged(rows.short, "fewer", len(columns), where),
            *_ragged(rows.long, "more", len(columns), where),
        ),
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
    return next(one for one in ("utf-8", "cp1252", "latin-1") if _decodes(data, one))


def _decodes(data: bytes, encoding: str) -> bool:
    """Check that bytes are text of an encoding, without a copy of them."""
    if encoding == "latin-1" or (encoding == "utf-8" and data.isascii()):
        return True
    if encoding == "cp1252":
        return not any(byte in data for byte in _NOT_CP1252)
    decoder = codecs.getincrementaldecoder(encoding)()
    view = memoryview(data)
    try:
        for at in range(0, len(data), DECODED):
            decoder.decode(view[at : at + DECODED])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def recognised_delimiter(text: str) -> str:
    """Find the delimiter that cuts the first records evenly, and into most fields."""
    scores = {delimiter: _evenness(text, delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: scores[delimiter])


def _evenness(text: str, delimiter: str) -> tuple[bool, int]:
    """Judge whether the first records have equally many fields, and how many the first has."""
    widths: list[int] = []
    with contextlib.suppress(csv.Error):  # an open quotation is told of when all is read
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for row in islice(reader, LOOKED_AT):
            widths += [len(row)] if any(row) else []
    fields = widths[0] if widths else 0
    return fields > 1 and set(widths) == {fields}, fields


def _plain(data: bytes, encoding: str, declared: bool, where: str) -> tuple[bytes, str]:
    """Give the text's bytes in a codec that writes ASCII as ASCII, without a byte-order mark."""
    if not _may_be(encoding, data):
        what = f"the file's first bytes are not those of {encoding} text"
        raise DataError(what, where, _fitting(data))
    codec = encoding
    if encoding == "utf-16" or (declared and not _decodes(data, encoding)):
        try:
            data, codec = data.decode(_CODECS[encoding]).encode(), "utf-8"
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            place = f"{where}, line {line}, byte {error.start + 1} of the file"
            what = f"the file is not {encoding} text"
            raise DataError(what, place, _fitting(data)) from None
    elif encoding == "utf-8":
        data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data:
        fix = 'set encoding = "utf-16" if it is text, or give its true `format`'
        raise DataError("the file holds NUL characters, which no text has", where, fix)
    return data, codec


def _fitting(data: bytes) -> str:
    return f'set encoding = "{recognised_encoding(data)}", or leave `encoding` out'


def _may_be(encoding: str, data: bytes) -> bool:
    """Catch encodings that decode anything: byte-order marks and NULs give them away."""
    if encoding == "utf-16":
        return data.startswith(_UTF16_MARKS) or b"\0" in data[:4096]
    marked = data.startswith((codecs.BOM_UTF8, *_UTF16_MARKS))
    return encoding == "utf-8" or not marked


def _stream(data: bytes, codec: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding=codec, newline="")


def _header(data: bytes, codec: str, delimiter: str, where: str) -> tuple[list[str], int]:
    """Find the first record with any content, and the line on which it ends."""
    reader = csv.reader(_stream(data, codec), delimiter=delimiter)
    try:
        return next(((fields, reader.line_num) for fields in reader if any(fields)), ([], 0))
    except csv.Error:
        raise _unclosed(where) from None


def _require_delimiter(text: str, header: str, delimiter: str, where: str) -> None:
    """Refuse a declared delimiter that the header lacks while another would cut it."""
    better = recognised_delimiter(text)
    if better != delimiter and better in header:
        shown = {"\t": "\\t"}
        fix = f'set delimiter = "{shown.get(better, better)}", or leave `delimiter` out'
        what = f"the header has no '{shown.get(delimiter, delimiter)}', the declared delimiter"
        raise DataError(what, where, fix)


def _unclosed(where: str) -> DataError:
    return DataError(
        "a quotation mark is never closed", where, "close it, or double it inside a quoted cell"
    )


def _ragged(lines: tuple[int, ...], how: str, width: int, where: str) -> Iterator[Fault]:
    if lines:
        have = "1 row has" if len(lines) == 1 else f"{len(lines)} rows have"
        yield Fault(
            f"{have} {how} fields than the header, which has {width}",
            f"{where}, first at line {lines[0]}",
            "put quotation marks round cells that hold the delimiter, or extract it again",
        )
