"""Tables as a spreadsheet in the form that official statistics ask for.

A cover, a list of contents, the notes, and one table a sheet: no merged cells, no blank cells, no
group rows, numbers as numbers, and every shorthand explained beside the table that uses it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from math import ceil
from typing import Any

import pandas as pd

from deepvalue_stats.report.markup import Table
from deepvalue_stats.report.writers.archive import without_times
from deepvalue_stats.report.writers.document import Document, Heading, Paragraph
from deepvalue_stats.report.writers.extras import library
from deepvalue_stats.report.writers.printed import (
    MARKS,
    Flat,
    Number,
    flat,
    notes,
    number,
    shorthand,
)

NO_TIME = datetime(2000, 1, 1)
"""A spreadsheet has to name a time of its making; this one says nothing."""
WIDEST, LETTER, LINE = 60, 1.15, 15.5
A4, LIST = 9, 100
FIGURES = {"align": "right", "indent": 1, "font_name": "Arial", "font_size": 12}
NO_NOTES = "none"
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_sheet(document: Document, tables: Sequence[Table]) -> bytes:
    """Tables as a spreadsheet.

    Parameters
    ----------
    document : Document
        Gives the cover its words.
    tables : sequence of Table
        One a sheet.

    Returns
    -------
    bytes
        Numbers are those that are printed, in the precision in which they are printed. An
        interval has two columns. Equal tables give equal bytes.

    Raises
    ------
    DataError
        If gptables is not installed.
    """
    gptables = library("gptables")
    plain_tables = [flat(table) for table in tables]
    references = _references(tables)
    sheets = {
        f"Table_{place}": _gptable(gptables, place, table, one, references)
        for place, (table, one) in enumerate(zip(tables, plain_tables, strict=True), 1)
    }
    out = BytesIO()
    with warnings.catch_warnings():
        # the library's own deprecations are not ours; a note that nothing refers to is
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="The following notes are not referenced")
        book = gptables.produce_workbook(
            out,
            sheets,
            cover=_cover(gptables, document),
            contentsheet_label="Contents",
            notes_table=_notes_table(references),
            notesheet_label="Notes",
            auto_width=False,
            workbook_options=OPTIONS,
        )
        book.set_properties({"title": document.title, "comments": document.source,
                             "created": NO_TIME})  # fmt: skip
        for place, one in enumerate(plain_tables, 1):
            _numbers(book, book.get_worksheet_by_name(f"Table_{place}"), one)
        sheet = book.get_worksheet_by_name("Cover")
        for row, text in enumerate([document.title, *_cover_rows(document)]):
            _tall(sheet, row, [text], [LIST if row else 0.75 * LIST])
        _lists(book, [table.caption for table in tables], list(references))
        for sheet in book.worksheets():
            sheet.set_paper(A4)
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
        book.close()
    return without_times(out.getvalue())


def _references(tables: Sequence[Table]) -> dict[str, str]:
    """A name for each note that some table has, in the order of the tables; marks go elsewhere."""
    said = dict.fromkeys(note for table in tables for note in _noted(table))
    return {note: f"note{place}" for place, note in enumerate(said, 1)}


def _noted(table: Table) -> list[str]:
    return [note for note in notes(table) if not note.startswith(tuple(MARKS))]


def _notes_table(references: dict[str, str]) -> pd.DataFrame:
    if not references:
        return pd.DataFrame({"reference": [NO_NOTES], "Note text": ["These tables have no notes."]})
    return pd.DataFrame(
        {
            "reference": references.values(),
            "Note text": [_lettered(_safe(note)) for note in references],
        }
    )


def _gptable(gptables: Any, place: int, table: Table, one: Flat, references: dict[str, str]) -> Any:
    asked = "".join(f"$${references[note]}$$" for note in _noted(table))
    if not references and place == 1:
        asked = f"$${NO_NOTES}$$"
    return gptables.GPTable(
        table=pd.DataFrame(
            _cells(one), columns=pd.Index([_safe(h) for h in one.headings]), dtype=object
        ),
        table_name=f"table_{place}",
        units={at: unit for at, unit in enumerate(one.units) if unit} or None,
        title=f"Table {place}: {_safe(table.caption)} {asked}".strip(),
        subtitles=[_safe(table.explained)] if table.explained else [],
        scope=None,
        source=f"Source: {_safe(table.source)}" if table.source else None,
        legend=_legend(one),
        instructions="This worksheet contains one table. Notes are on the worksheet Notes.",
        index_columns={level: level - 1 for level in range(1, min(one.labels, 3) + 1)},
    )


def _cells(one: Flat) -> list[list[str | float | int]]:
    """Cells without blanks; numbers are written over them afterwards, in their own form."""
    if not one.rows:
        return [[shorthand("")] * len(one.headings)]
    return [[_cell(text) for text in row] for row in one.rows]


def _cell(text: str) -> str | float | int:
    found = number(text)
    if found is not None:
        return found.value if found.digits or found.percent else int(found.value)
    return _lettered(_safe(shorthand(text)))


def _lettered(text: str) -> str:
    """The library refuses a cell without a letter or digit."""
    return text if re.search("[a-zA-Z0-9]", text) else f"sign {text}"


def _safe(text: str) -> str:
    """Words that the library would take for a reference or a link, so that it does not."""
    return text.replace("$$", "$\u2060$").replace("](", "]\u2060(")


def _legend(one: Flat) -> list[str]:
    used = {shorthand(text) for row in one.rows for text in row} or {shorthand("")}
    return [f"{mark} = {meaning}" for mark, meaning in MARKS.items() if mark in used]


def _numbers(book: Any, sheet: Any, one: Flat) -> None:
    """Each number in the form in which it is printed, and columns as wide as their words need."""
    top = sheet.dim_rowmax - max(len(one.rows), 1)
    for down, row in enumerate(one.rows, 1):
        for across, text in enumerate(row):
            found = number(text)
            if found is not None:
                form = book.add_format({"num_format": _form(found), **FIGURES})
                sheet.write_number(top + down, across, found.value, form)
    widths = [_wide(one, across) for across, _ in enumerate(one.headings)]
    for across, width in enumerate(widths):
        sheet.set_column(across, across, width)
    above = [" ".join(words) for words in zip(one.headings, one.units, strict=True)]
    for down, texts in enumerate([above, *map(list, one.rows)]):
        _tall(sheet, top + down, texts, widths)


def _wide(one: Flat, across: int) -> float:
    words = [*one.headings[across].split(), *(shorthand(row[across]) for row in one.rows)]
    return LETTER * max(11, min(max(map(len, words)) + 2, WIDEST))


def _tall(sheet: Any, row: int, texts: Sequence[str], widths: Sequence[float]) -> None:
    """Room for the lines of a row: no program is sure to make it on opening."""
    lines = max(ceil(1.05 * len(text) / width) for text, width in zip(texts, widths, strict=True))
    sheet.set_row(row, LINE * max(1, lines))


def _lists(book: Any, captions: list[str], said: list[str]) -> None:
    """The list of contents and the notes: wide enough to read, tall enough for what they say."""
    for name, texts in (("Contents", captions), ("Notes", said)):
        sheet = book.get_worksheet_by_name(name)
        sheet.set_column(0, 0, 14)
        sheet.set_column(1, 1, LIST)
        for place, text in enumerate(texts):
            _tall(sheet, 3 + place, [text], [LIST])


def _form(found: Number) -> str:
    digits = "." + "0" * found.digits if found.digits else ""
    whole = ("#,##0" if found.grouped else "0") + digits + ("%" if found.percent else "")
    return f"+{whole};\u2212{whole};{whole}" if found.signed else f"{whole};\u2212{whole}"


def _cover(gptables: Any, document: Document) -> Any:
    """Title, status of the data and caveats, as the page has them before its first section."""
    return gptables.Cover(
        title=_safe(document.title),
        intro=[_safe(text) for text in _introduced(document)] or None,
        about=[_safe(text) for text in _about(document)],
        width=LIST,
    )


def _introduced(document: Document) -> list[str]:
    said: list[str] = []
    for block in document.blocks:
        if isinstance(block, Heading) and block.level > 1:
            break
        if isinstance(block, Paragraph):
            said.append(block.text.replace("\n", " "))
    return said


def _about(document: Document) -> list[str]:
    return [
        f"Source: {document.source}",
        "Numbers are rounded as they are printed in the report. Where a table gives an interval, "
        "its two limits stand in two columns.",
        *(f"Shorthand: {mark} = {meaning}" for mark, meaning in MARKS.items()),
    ]


def _cover_rows(document: Document) -> list[str]:
    """The lines below the title, with the library's own two headings."""
    said = _introduced(document)
    return [*(["Introduction", *said] if said else []), "About", *_about(document)]
