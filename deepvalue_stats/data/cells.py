"""Delimited bytes, cut into cells that are numbered by their content, in one pass.

The rules are those of Python's csv module as it is used by default: a cell that begins with a
quotation mark may hold delimiters, line breaks and doubled quotation marks; anywhere else a
quotation mark is a character like another; a line ends with LF, CR or both. The bytes are those of
an encoding that writes ASCII as ASCII: utf-8, cp1252, latin-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from deepvalue_stats.data.text import CodedText

BLOCK = 4096  # rows at a time: where their cells lie stays in the processor's cache
LONGEST = 131_072  # characters of a cell; what is longer is taken for an open quotation
_LF, _CR, _QUOTE = 10, 13, 34
_FREE = -1
_NUL = "\0"  # parts distinct texts on their way to Python: no text has one


@dataclass(frozen=True)
class CutRows:
    """The rows of a delimited text.

    Attributes
    ----------
    texts : tuple of CodedText
        The wanted columns of the rows with the right number of cells.
    lines : int64 array
        The line on which each of these rows begins.
    short, long : tuple of int
        The lines of rows with fewer cells and with more.
    blank : int
        Rows without any content.
    unclosed : int
        The line on which a row begins that the text ends in the midst of a quotation, 0 for none.
    """

    texts: tuple[CodedText, ...]
    lines: np.ndarray
    short: tuple[int, ...]
    long: tuple[int, ...]
    blank: int
    unclosed: int


def cut_rows(
    data: bytes, codec: str, delimiter: str, under: int, width: int, wanted: Sequence[int]
) -> CutRows:
    """Cut the rows under the header into cells, and number the distinct texts of each column.

    Parameters
    ----------
    data : bytes
        Without a byte-order mark, and without NUL.
    codec : str
    delimiter : str
        A single character.
    under : int
        The line on which the header ends.
    width : int
        The number of headers.
    wanted : sequence of int
        Positions of the columns to keep.

    Returns
    -------
    CutRows
    """
    buffer = np.empty(len(data) + 1, dtype=np.uint8)
    buffer[:-1], buffer[-1] = np.frombuffer(data, dtype=np.uint8), _LF
    # a delimiter that the encoding does not have cuts nothing: NUL is nowhere
    mark = np.frombuffer(delimiter.encode(codec, "ignore") or b"\0", dtype=np.uint8)
    slots = np.full(width, -1, dtype=np.int64)
    slots[list(wanted)] = np.arange(len(wanted))
    most = min(BLOCK, len(data) + 1)
    starts, ends = np.empty((2, len(wanted), most), dtype=np.int64)
    odd = np.empty((most, 4), dtype=np.int64)
    columns = [_Column(most) for _ in wanted]
    lines: list[np.ndarray] = []
    short: list[int] = []
    long: list[int] = []
    at, line, blank, unclosed = _skipped(buffer, under), under + 1, 0, 0
    while at < len(data) and not unclosed:
        begins = np.empty(most, dtype=np.int64)
        at, line, good, n_odd, n_blank, unclosed = _cut(
            buffer, mark, codec == "utf-8", slots, at, line, begins, starts, ends, odd
        )
        lines.append(begins[:good])
        for column, start, end in zip(columns, starts, ends, strict=True):
            column.add(buffer, start[:good], end[:good])
        blank += n_blank
        for row, cells, start, end in odd[:n_odd].tolist():
            if cells == 1 and not buffer[start:end].tobytes().decode(codec).strip():
                blank += 1  # a line of spaces
            else:
                (short if cells < width else long).append(row)
    return CutRows(
        texts=tuple(column.coded(buffer, codec) for column in columns),
        lines=np.concatenate([np.empty(0, dtype=np.int64), *lines]),
        short=tuple(short),
        long=tuple(long),
        blank=blank,
        unclosed=unclosed,
    )


class _Column:
    """A column's cells as numbers, and a hash table of its distinct texts."""

    def __init__(self, rows: int) -> None:
        self.codes: list[np.ndarray] = []
        self.distinct = 0
        self.places = np.empty((rows, 2), dtype=np.int64)  # where each text is met first
        self.table = _table(rows)

    def add(self, buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        """Number the cells of some more rows."""
        most = self.distinct + len(starts)
        if most > len(self.places):
            places = np.empty((2 * most, 2), dtype=np.int64)
            places[: self.distinct] = self.places[: self.distinct]
            self.places = places
        if 2 * most > len(self.table):
            known, self.table = self.table, _table(2 * most)
            _refill(self.table, known)
        codes = np.empty(len(starts), dtype=np.int32)
        self.distinct = _number(buffer, starts, ends, codes, self.table, self.places, self.distinct)
        self.codes.append(codes)

    def coded(self, buffer: np.ndarray, codec: str) -> CodedText:
        """Hand the column over; nothing can be added after."""
        codes = np.concatenate([np.empty(0, dtype=np.int32), *self.codes])
        self.codes.clear()
        if not self.distinct:
            return CodedText(codes, ())
        joined = _joined(buffer, self.places[: self.distinct]).tobytes().decode(codec)
        return CodedText(codes, tuple(joined.split(_NUL)))


def _table(texts: int) -> np.ndarray:
    """Make a hash table with room for so many texts: key and number, twice what is needed."""
    table = np.empty((2 << texts.bit_length(), 2), dtype=np.int64)
    table[:, 1] = _FREE
    return table


@njit(cache=True)
def _skipped(buffer, lines):  # type: ignore[no-untyped-def]
    """Find where the text goes on after some lines."""
    at = 0
    while lines > 0 and at < buffer.size:
        if buffer[at] == _LF or (buffer[at] == _CR and buffer[at + 1] != _LF):
            lines -= 1
        at += 1
    return at


@njit(cache=True)
def _cut(buffer, mark, multibyte, slots, at, line, begins, starts, ends, odd):  # type: ignore[no-untyped-def]
    """Cut rows into cells until the text ends or there is no more room for rows.

    A cell that needs it is unquoted in place: it only gets shorter.

    Parameters
    ----------
    buffer : uint8 array
        The text and a line feed.
    mark : uint8 array
        The delimiter.
    multibyte : bool
        Whether bytes from 0x80 to 0xbf go on with a character.
    slots : int64 array, shape (width,)
        Where each cell of a row is kept, -1 for nowhere.
    at, line : int
        Where to begin.
    begins : int64 array, shape (rows,)
        Overwritten by the lines on which rows begin.
    starts, ends : int64 arrays, shape (n_wanted, rows)
        Overwritten by where cells begin and end.
    odd : int64 array, shape (rows, 4)
        Of rows with another number of cells: line, number, beginning and end of the first.

    Returns
    -------
    at, line : int
        Where to go on.
    good, n_odd, blank : int
        Rows of each kind.
    unclosed : int
        The line on which an endless row begins, or 0.
    """
    size = buffer.size - 1
    good = n_odd = blank = 0
    while at < size and good < begins.size and n_odd < odd.shape[0]:
        first_line, cells, content, ended = line, 0, False, False
        first_start = first_end = at
        while not ended:
            start = write = at
            if buffer[at] == _QUOTE:
                at += 1
                start = write = at
                while True:
                    if at >= size:
                        return at, line, good, n_odd, blank, first_line
                    byte = buffer[at]
                    if byte == _QUOTE:
                        at += 1
                        if buffer[at] != _QUOTE:
                            break
                    elif byte == _LF or (byte == _CR and buffer[at + 1] != _LF):
                        line += 1
                    buffer[write] = byte
                    write += 1
                    at += 1
            while True:
                byte = buffer[at]
                if byte in (_LF, _CR):
                    ended = True
                    break
                if byte == mark[0] and _alike(buffer, at, mark, 0, mark.size):
                    break
                if write != at:
                    buffer[write] = byte
                write += 1
                at += 1
            if write - start > LONGEST and _length(buffer, start, write, multibyte) > LONGEST:
                return at, line, good, n_odd, blank, first_line
            if cells < slots.size and slots[cells] >= 0:
                starts[slots[cells], good] = start
                ends[slots[cells], good] = write
            if cells == 0:
                first_start, first_end = start, write
            content = content or write > start
            cells += 1
            if not ended:
                at += mark.size
        at += 2 if buffer[at] == _CR and at < size and buffer[at + 1] == _LF else 1
        line += 1
        if not content:
            blank += 1
        elif cells == slots.size:
            begins[good] = first_line
            good += 1
        else:
            odd[n_odd, 0], odd[n_odd, 1] = first_line, cells
            odd[n_odd, 2], odd[n_odd, 3] = first_start, first_end
            n_odd += 1
    return at, line, good, n_odd, blank, 0


@njit(cache=True)
def _alike(one, first, other, second, length):  # type: ignore[no-untyped-def]
    """Compare so many bytes of two arrays, from a place in each."""
    k = 0
    while k < length and one[first + k] == other[second + k]:
        k += 1
    return k == length


@njit(cache=True)
def _length(buffer, start, end, multibyte):  # type: ignore[no-untyped-def]
    """Count the characters of a cell."""
    characters = 0
    for i in range(start, end):
        if not multibyte or buffer[i] & 0xC0 != 0x80:
            characters += 1
    return characters


@njit(cache=True)
def _number(buffer, starts, ends, codes, table, places, distinct):  # type: ignore[no-untyped-def]
    """Number cells by their bytes, in the order in which distinct ones are met.

    Parameters
    ----------
    buffer : uint8 array
    starts, ends : int64 arrays, shape (rows,)
    codes : int32 array, shape (rows,)
        Overwritten.
    table : int64 array, shape (a power of 2, 2)
        Keys and numbers by hash, -1 where free; has room for all rows.
    places : int64 array, shape (texts, 2)
        Beginning and end of each distinct text; has room for all rows.
    distinct : int
        Texts met so far.

    Returns
    -------
    int
        Texts met by now.
    """
    last = table.shape[0] - 1
    for i in range(starts.size):
        start, end = starts[i], ends[i]
        key = _key(buffer, start, end)
        place = _first_place(key, last)
        while True:
            code = table[place, 1]
            if code == _FREE:
                code = distinct
                table[place, 0], table[place, 1] = key, code
                places[code, 0], places[code, 1] = start, end
                distinct += 1
                break
            same = table[place, 0] == key
            if same and key < 0:  # hashes alike are not yet texts alike
                length = places[code, 1] - places[code, 0]
                same = length == end - start and _alike(
                    buffer, places[code, 0], buffer, start, length
                )
            if same:
                break
            place = (place + 1) & last
        codes[i] = code
    return distinct


@njit(cache=True)
def _key(buffer, start, end):  # type: ignore[no-untyped-def]
    """Pack up to 8 bytes into a number of their own; a longer text is hashed to a negative one."""
    if end - start < 8 or (end - start == 8 and buffer[start] < 0x80):
        packed = np.int64(0)
        for k in range(start, end):
            packed = (packed << 8) | np.int64(buffer[k])
        return packed
    mixed = np.uint64(14695981039346656037)  # FNV-1a
    for k in range(start, end):
        mixed = (mixed ^ np.uint64(buffer[k])) * np.uint64(1099511628211)
    return np.int64(mixed | np.uint64(1 << 63))


@njit(cache=True)
def _first_place(key, last):  # type: ignore[no-untyped-def]
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(32)) & last


@njit(cache=True)
def _refill(table, known):  # type: ignore[no-untyped-def]
    """Put the texts known so far into a larger table."""
    last = table.shape[0] - 1
    for i in range(known.shape[0]):
        if known[i, 1] != _FREE:
            place = _first_place(known[i, 0], last)
            while table[place, 1] != _FREE:
                place = (place + 1) & last
            table[place, 0], table[place, 1] = known[i, 0], known[i, 1]


@njit(cache=True)
def _joined(buffer, places):  # type: ignore[no-untyped-def]
    """Write the distinct texts one after another, parted by NUL."""
    size = places.shape[0] - 1
    for code in range(places.shape[0]):
        size += places[code, 1] - places[code, 0]
    joined = np.zeros(size, dtype=np.uint8)
    at = 0
    for code in range(places.shape[0]):
        for k in range(places[code, 0], places[code, 1]):
            joined[at] = buffer[k]
            at += 1
        at += 1
    return joined
