"""The effect table as it is printed, as CSV, and the schema that says what its columns are."""

from __future__ import annotations

import csv
import json
from io import StringIO

from deepvalue_stats.report.markup import Table, plain
from deepvalue_stats.report.numbers import HIDDEN
from deepvalue_stats.report.writers.printed import (
    MARKS,
    NOT_GIVEN,
    flat,
    notes,
    number,
    shorthand,
)


def write_csv(table: Table) -> str:
    """A table as CSV: one row an estimate, groups in a column, limits in two columns.

    Parameters
    ----------
    table : Table

    Returns
    -------
    str
        Numbers in the digits that are printed, without commas, plus signs and percent signs, so
        that every program reads them; marks stay. An empty cell is empty.
    """
    one = flat(table)
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(one.headings)
    writer.writerows([[_bare(text) for text in row] for row in one.rows])
    return out.getvalue()


def write_schema(table: Table) -> str:
    """What the columns of `write_csv` are, as JSON.

    Parameters
    ----------
    table : Table

    Returns
    -------
    str
        Caption, unit, source and notes of the table; of each column its name, whether it holds
        numbers, and whether these are shares; what each mark stands for.
    """
    one = flat(table)
    columns = [[row[place] for row in one.rows] for place in range(len(one.headings))]
    fields = []
    for heading, unit, texts in zip(one.headings, one.units, columns, strict=True):
        found = [number(text) for text in texts if text and shorthand(text) not in MARKS]
        numeric = bool(found) and all(one is not None for one in found)
        share = numeric and all(one.percent for one in found if one is not None)
        kind = {"name": heading, "type": "number" if numeric else "string"}
        unit = "share, from 0 to 1" if share else unit
        fields.append(kind | ({"unit": unit} if unit else {}))
    return (
        json.dumps(
            {
                "title": table.caption,
                "description": table.explained,
                "source": table.source,
                "fields": fields,
                "missingValues": [HIDDEN, NOT_GIVEN, ""],
                "marks": {mark: MARKS[mark] for mark in (HIDDEN, NOT_GIVEN)},
                "notes": [plain(note) for note in notes(table)],
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


def _bare(text: str) -> str:
    found = number(text)
    if found is None:
        return shorthand(text) if text else ""
    digits = found.digits + (2 if found.percent else 0)
    return f"{found.value:.{digits}f}"
