"""Tables of text: what every format is turned into before anything is given a type.

One text for one value, whatever the format: a whole number is "12" also where a file stores 12.0,
true and false are "1" and "0", a day is "2024-03-01", and what is absent is "".
"""

from __future__ import annotations

import datetime
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.errors import DataError, Fault

# signs without a width: they come with texts copied from web pages and with marks of byte order
_NO_WIDTH = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
UNSEEN = _NO_WIDTH + "".join(c for c in map(chr, range(0x3001)) if c.isspace() and c != " ")
_AROUND = f" {UNSEEN}"


@dataclass(frozen=True)
class HowRead:
    """How a source was read, for the report.

    Attributes
    ----------
    format : str
        The plan's format, or "frame" for a table handed in.
    encoding, delimiter : str or None
        Of a delimited file.
    recognised : tuple of str
        Which of the two were recognised, not declared.
    blank_rows : int
        Rows without any content, passed over.
    """

    format: str
    encoding: str | None = None
    delimiter: str | None = None
    recognised: tuple[str, ...] = ()
    blank_rows: int = 0


@dataclass(frozen=True)
class CodedText:
    """A column of text as codes into its distinct texts, in order of appearance."""

    codes: np.ndarray
    distinct: tuple[str, ...]

    def cells(self) -> np.ndarray:
        """The column itself, as Python strings."""
        cells: np.ndarray = objects([*self.distinct, ""])[self.codes]
        return cells


@dataclass(frozen=True)
class TextTable:
    """A source as text.

    Attributes
    ----------
    source : str
        Its name in the plan.
    columns : tuple of str
        Every header, in the file's order.
    texts : mapping of str to CodedText
        The columns that have a use, as they stand in the file.
    lines : int64 array, shape (n_rows,)
        The line of a text file or row of a sheet on which each row begins; elsewhere its number.
    how : HowRead
        Format, encoding and delimiter.
    faults : tuple of Fault
        What is wrong with rows that could not be taken into the table: such a table is refused.
    no_answer : mapping of str to frozenset of str
        Texts of a column that the file itself declares to stand for a missing value.
    """

    source: str
    columns: tuple[str, ...]
    texts: Mapping[str, CodedText]
    lines: np.ndarray
    how: HowRead
    faults: tuple[Fault, ...] = ()
    no_answer: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def frame(self) -> pd.DataFrame:
        """The columns that have a use, cell by cell."""
        cells = {name: text.cells() for name, text in self.texts.items()}
        return pd.DataFrame(cells, index=range(len(self.lines)), dtype=object)


def code_text(cells: np.ndarray) -> CodedText:
    """Number the distinct texts of a column of Python strings."""
    codes, distinct = pd.factorize(cells)
    return CodedText(codes.astype(np.int32), tuple(distinct))


def stripped(text: CodedText) -> CodedText:
    """Take the space from both ends of every text; texts that are the same then are one."""
    plain = "".join(text.distinct).isascii()
    return relabelled(text, list(map(str.strip if plain else bare, text.distinct)))


def bare(text: str) -> str:
    """Take spaces and signs that cannot be seen from both ends of a text."""
    return text.strip() if text.isascii() else text.strip(_AROUND)


def relabelled(text: CodedText, distinct: Sequence[str]) -> CodedText:
    """Write other texts for the distinct ones; those that are the same then are one."""
    if tuple(distinct) == text.distinct:
        return text
    merged = code_text(objects(distinct))
    return CodedText(merged.codes[text.codes], merged.distinct)


def objects(texts: Sequence[str]) -> np.ndarray:
    """Make an array of Python strings, whatever the text type that numpy would choose."""
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    return values


def checked_headers(headers: Iterable[object], where: str) -> tuple[str, ...]:
    """Strip the headers, or raise a DataError that gives positions.

    A header is never quoted: in a file without a header line it would be somebody's value. A blank
    first header is let pass, as it is what R and pandas write above their row names.
    """
    names = tuple(bare(str(header)) for header in headers)
    blank = [i for i, name in enumerate(names, 1) if not name and i > 1]
    first: dict[str, int] = {}
    twice = [(first[name], i) for i, name in enumerate(names, 1) if first.setdefault(name, i) != i]
    faults = []
    if blank or not any(names):
        shown = ", ".join(map(str, blank or [1]))
        faults.append(
            Fault("a column has no name", f"{where}, column {shown}", "name it in the header line")
        )
    for one, other in twice:
        if names[one - 1]:
            place = f"{where}, columns {one} and {other}"
            faults.append(Fault("two columns have one name", place, "rename or remove one"))
    if faults:
        raise DataError.of(faults)
    return names


def cell_text(value: Any) -> str:
    """Write one value as text; see the head of this module."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return number_text(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[D]"))
    return str(value)


def number_text(value: float | np.floating[Any]) -> str:
    """Write a number at its shortest; without a point where it is whole, and "" for NaN."""
    if np.isnan(value):
        return ""
    return str(int(value)) if np.isfinite(value) and value == int(value) else str(value)


def column_text(column: pd.Series) -> CodedText:
    """Write a column of any type as text."""
    if column.dtype == object:
        return code_text(objects([cell_text(value) for value in column]))
    codes, values = pd.factorize(column)
    single = column.dtype == np.float32  # an index hands its numbers out in double precision
    distinct = [cell_text(value) for value in (values.to_numpy() if single else values)]
    known = code_text(objects([*distinct, ""]))
    codes, met = pd.factorize(known.codes[codes])  # what is absent has its place, too
    return CodedText(codes.astype(np.int32), tuple(known.distinct[i] for i in met))


def frame_table(
    source: str, frame: pd.DataFrame, wanted: Container[str], how: HowRead, where: str
) -> TextTable:
    """Turn a typed frame into a table of text; its lines are the rows counted from 1."""
    columns = checked_headers(frame.columns, where)
    require_rows(len(frame), where)
    texts = {columns[i]: column_text(frame.iloc[:, i]) for i in positions_of(columns, wanted)}
    lines = np.arange(1, len(frame) + 1, dtype=np.int64)
    return TextTable(source, columns, texts, lines, how)


def require_rows(n_rows: int, where: str) -> None:
    """Refuse a table with a header and nothing under it."""
    if n_rows == 0:
        raise DataError("there are no rows under the header", where, "extract the file again")


def positions_of(columns: Sequence[str], wanted: Container[str]) -> list[int]:
    """Find where the columns with a use stand."""
    return [i for i, name in enumerate(columns) if name in wanted]
