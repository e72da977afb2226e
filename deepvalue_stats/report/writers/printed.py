"""What is printed in a cell: words, a number with its form, an interval, or a mark."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepvalue_stats.report.markup import Content, Group, Table, plain
from deepvalue_stats.report.numbers import EXPLAINED, HIDDEN, MINUS, REASONS
from deepvalue_stats.report.strips import AboutPictures, Picture

ABSENT = "\u2013"
NOT_GIVEN = "[x]"
EMPTY = "[z]"
WITHHELD = {ABSENT, *(reason.lower() for reason in REASONS.values())}
MARKS = {
    HIDDEN: EXPLAINED["suppressed"],
    NOT_GIVEN: "Not available: not estimated, or not shown.",
    EMPTY: "Not applicable: there is nothing to put in this cell.",
}
"""Shorthand in place of a number, as official statistics use it, and what it stands for."""
NUMBER = re.compile(rf"([+{MINUS}-]?)(\d+|\d{{1,3}}(?:,\d{{3}})+)(?:\.(\d+))?(%?)")
BETWEEN = re.compile(r"(\S+) to (\S+)")


@dataclass(frozen=True)
class Number:
    """A number as it is printed.

    Attributes
    ----------
    value : float
        A share in percent is below one, as a spreadsheet has it.
    digits : int
        Decimals that are printed.
    signed, grouped, percent : bool
        Whether a plus sign, commas between thousands or a percent sign is printed.
    """

    value: float
    digits: int = 0
    signed: bool = False
    grouped: bool = False
    percent: bool = False


def number(text: str) -> Number | None:
    """The number that a cell prints, if it prints one and nothing else.

    Examples
    --------
    >>> number("\u22121.5").value, number("1,200").grouped, number("54.7%").value, number("[c]")
    (-1.5, True, 0.547, None)
    """
    found = NUMBER.fullmatch(text)
    if found is None:
        return None
    sign, whole, fraction, percent = found.groups()
    digits = len(fraction or "")
    value = float(f"{whole.replace(',', '')}.{fraction or '0'}")
    if percent:
        value = round(value / 100, digits + 2)
    return Number(
        value=-value if sign in (MINUS, "-") and value else value,
        digits=digits,
        signed=sign == "+",
        grouped="," in whole,
        percent=bool(percent),
    )


def limits(text: str) -> tuple[str, str] | None:
    """The two limits of an interval, as printed.

    Examples
    --------
    >>> limits("+1.4 to +10.0"), limits("less to more")
    (('+1.4', '+10.0'), None)
    """
    found = BETWEEN.fullmatch(text)
    if found is None or number(found[1]) is None or number(found[2]) is None:
        return None
    return found[1], found[2]


@dataclass(frozen=True)
class Flat:
    """A table with one kind of thing a column: no group rows, no pictures, limits apart.

    Attributes
    ----------
    headings : tuple of str
        All different.
    units : tuple of str
        What each column counts; empty where its cells say so.
    rows : tuple of tuple of str
        As printed.
    labels : int
        How many of the first columns name the row.
    """

    headings: tuple[str, ...]
    units: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int


def flat(table: Table) -> Flat:
    """A table for machines and for those who sort and filter.

    Parameters
    ----------
    table : Table

    Returns
    -------
    Flat
        A group's name stands in a first column in each of its rows, where there are groups. A
        column of intervals becomes two, for the lower and the upper limit. Columns of pictures
        are left out: their numbers stand beside them. A blank that follows a withheld figure has
        its mark: a page may leave it out, a cell on its own may not.
    """
    groups, printed = _rows(table)
    rows = [_carried(table, row) for row in printed]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in table.columns]
    headings: list[str] = []
    units: list[str] = []
    cells: list[list[str]] = []
    if any(isinstance(row, Group) for row in table.rows):
        headings.append("Part of the table")
        units.append("")
        cells.append(groups)
    labels = len(headings) + 1
    for heading, column in zip(table.columns, columns, strict=True):
        if any(isinstance(cell, Picture) for cell in column) or heading.class_ == "picture":
            continue
        texts = [plain(cell) for cell in column]
        for name, part in _split(heading.heading, texts):
            headings.append(name)
            units.append(heading.unit)
            cells.append(part)
    across = tuple(zip(*cells, strict=True)) if rows else ()
    return Flat(_different(headings), tuple(units), across, labels)


def _rows(table: Table) -> tuple[list[str], list[tuple[Content, ...]]]:
    groups: list[str] = []
    rows: list[tuple[Content, ...]] = []
    group = ""
    for row in table.rows:
        if isinstance(row, Group):
            group = plain(row.name)
        else:
            groups.append(group)
            rows.append(tuple(row))
    return groups, rows


def _carried(table: Table, row: tuple[Content, ...]) -> list[Content]:
    """A row whose blanks after a withheld figure hold its mark, or that of one not available."""
    out: list[Content] = []
    mark = ""
    for column, cell in zip(table.columns, row, strict=True):
        text = plain(cell)
        if column.numeric and text:
            mark = HIDDEN if text == HIDDEN else NOT_GIVEN if text.lower() in WITHHELD else ""
        out.append(mark if column.numeric and not text and mark else cell)
    return out


def _split(heading: str, texts: list[str]) -> list[tuple[str, list[str]]]:
    pairs = [limits(text) for text in texts]
    whole = [text for text, pair in zip(texts, pairs, strict=True) if pair is None]
    if "interval" not in heading.lower() and not any(pairs):
        return [(heading, texts)]
    if any(text not in ("", ABSENT, *MARKS) for text in whole):
        return [(heading, texts)]
    both = [pair or (text, text) for pair, text in zip(pairs, texts, strict=True)]
    return [(f"{heading}, {end}", [pair[i] for pair in both])
            for i, end in enumerate(("lower limit", "upper limit"))]  # fmt: skip


def _different(headings: list[str]) -> tuple[str, ...]:
    """Headings that differ from one another, whatever the case of their letters."""
    taken: set[str] = set()
    out: list[str] = []
    for place, heading in enumerate(headings, 1):
        name, again = heading or f"Column {place}", 2
        while name.lower() in taken:
            name, again = f"{heading or 'Column'} ({again})", again + 1
        taken.add(name.lower())
        out.append(name)
    return tuple(out)


def shorthand(text: str) -> str:
    """A cell with a mark where it has no word and no number.

    Examples
    --------
    >>> shorthand(""), shorthand("\u2013"), shorthand("[c]"), shorthand("+1.0")
    ('[z]', '[x]', '[c]', '+1.0')
    """
    if text == ABSENT:
        return NOT_GIVEN
    return text if text.strip() else EMPTY


def suppressed(table: Table) -> bool:
    """Whether a cell of a table was suppressed."""
    return any(
        plain(cell) == HIDDEN for row in table.rows if not isinstance(row, Group) for cell in row
    )


def notes(table: Table, *, pictures: bool = False) -> list[str]:
    """The notes of a table, the one on suppression among them where a cell needs it.

    Parameters
    ----------
    table : Table
    pictures : bool
        Whether the form shows pictures, and so what explains them.

    Returns
    -------
    list of str
    """
    said = [plain(note) for note in table.notes if pictures or not isinstance(note, AboutPictures)]
    if suppressed(table) and not any(note.startswith(HIDDEN) for note in said):
        said.append(f"{HIDDEN} {EXPLAINED['suppressed']}")
    return [note for note in said if note]
