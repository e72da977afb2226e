"""The checks of the messy extract as one pass of SQL over its text columns, written by hand.

It does for this one plan what the package's reader does for any: text trimmed and typed, every
kind of trouble counted with its first line, faulty rows left out. What it leaves out is line
numbers where cells hold line breaks, rows of the wrong width, headers and messages.
"""

from __future__ import annotations

import codecs
from pathlib import Path

import duckdb
import pandas as pd
from messy import COLUMNS, ITEMS

MISSING, HIDDEN = "('', 'n/a', '99')", "'*'"
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
TEXTS = ["rating_id", "client_id", "adviser_id", "adviser_name"]


def _typed() -> str:
    """Each column's value, and the faults of its cell."""
    cells = [
        f"CASE WHEN {name} IN {MISSING} OR {name} = {HIDDEN} THEN NULL ELSE {name} END AS {name}"
        for name in TEXTS
        if name != "client_id"
    ]
    short = "regexp_full_match(client_id, '\\d+') AND length(client_id) < 8"
    cells += [
        f"CASE WHEN client_id IN {MISSING} OR client_id = {HIDDEN} THEN NULL "
        f"WHEN {short} THEN lpad(client_id, 8, '0') ELSE client_id END AS client_id",
        f"{short} AND client_id NOT IN {MISSING} AS padded",
        "client_id IN ('', 'n/a', '99', '*') AS no_client",
    ]
    for name in ITEMS:
        value = f"CASE WHEN {name} IN {MISSING} THEN NULL ELSE TRY_CAST({name} AS DOUBLE) END"
        cells += [
            f"{value} AS {name}",
            f"{name} = {HIDDEN} AS {name}__suppressed",
            f"{name} NOT IN {MISSING} AND {name} <> {HIDDEN} AND NOT COALESCE("
            f"{value} BETWEEN 1 AND 5 AND {value} = floor({value}), false) AS {name}__wrong",
        ]
    readable = "regexp_full_match(debt, '" + NUMBER + "')"
    open_ = f"debt NOT IN {MISSING} AND debt <> {HIDDEN}"
    plain = "regexp_full_match(replace(debt, ',', ''), '" + NUMBER + "')"
    cells += [
        f"CASE WHEN {open_} AND {readable} THEN TRY_CAST(debt AS DOUBLE) END AS debt",
        f"debt = {HIDDEN} AS debt__suppressed",
        f"{open_} AND NOT {readable} AND debt LIKE '%\\%' ESCAPE '\\' AS percent",
        f"{open_} AND NOT {readable} AND debt NOT LIKE '%\\%' ESCAPE '\\' AND {plain} AS comma",
        f"{open_} AND NOT {readable} AND debt NOT LIKE '%\\%' ESCAPE '\\' AND NOT {plain} "
        "AS no_number",
    ]
    day = (
        "COALESCE(TRY_STRPTIME(rated_on, '%Y-%m-%d')::DATE, "
        "TRY_STRPTIME(rated_on, '%d/%m/%Y')::DATE, "
        "CASE WHEN regexp_full_match(rated_on, '\\d{5}') "
        "THEN DATE '1899-12-30' + TRY_CAST(rated_on AS INTEGER) END)"
    )
    cells += [
        f"CASE WHEN rated_on NOT IN {MISSING} THEN {day} - DATE '1970-01-01' END AS rated_on",
        f"rated_on NOT IN {MISSING} AND {day} IS NULL AS no_date",
    ]
    return ", ".join(["line", *cells])


TROUBLES = {
    "padded": "padded",
    "no_client": "no_client",
    "items": " OR ".join(f"{name}__wrong" for name in ITEMS),
    "suppressed": " OR ".join(f"{name}__suppressed" for name in [*ITEMS, "debt"]),
    "percent": "percent",
    "comma": "comma",
    "no_number": "no_number",
    "no_date": "no_date",
    "far": "rated_on NOT BETWEEN -25567 AND 47481",
}
FAULTS = [name for name in TROUBLES if name not in ("padded", "suppressed")]


def read_in_sql(
    path: Path, *, frame: bool = True
) -> tuple[int, pd.DataFrame | None, dict[str, tuple[int, int]]]:
    """Rows without a fault, and of each kind of trouble how many and where first.

    Parameters
    ----------
    path : path
    frame : bool
        False leaves the rows in a table of DuckDB.

    Returns
    -------
    rows : int
    frame : pandas.DataFrame or None
    found : dict of str to (int, int)
    """
    plain = path.with_suffix(".utf8")  # DuckDB reads cp1252 only with a downloaded extension
    with path.open("rb") as source, plain.open("wb") as target:
        decoder = codecs.getincrementaldecoder("cp1252")()
        while block := source.read(2**22):
            target.write(decoder.decode(block).encode())
    read = "read_csv($1, header = true, all_varchar = true, delim = ',', quote = '\"')"
    trimmed = ", ".join(f"trim(COALESCE({name}, '')) AS {name}" for name in COLUMNS)
    counted = ", ".join(
        f"count(*) FILTER ({test}), min(line) FILTER ({test})" for test in TROUBLES.values()
    )
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE typed AS SELECT {_typed()} FROM "
            f"(SELECT row_number() OVER () + 1 AS line, {trimmed} FROM {read})",
            [str(plain)],
        )
        counts = connection.execute(f"SELECT {counted} FROM typed").fetchone()
        connection.execute(
            "CREATE TABLE twice AS SELECT * FROM typed SEMI JOIN (SELECT rating_id FROM typed "
            "GROUP BY rating_id HAVING count(*) > 1) USING (rating_id)"
        )
        values = ", ".join(["rating_id", "client_id", "adviser_id", "adviser_name", "rated_on"])
        connection.execute(
            "CREATE TABLE repeats AS SELECT line FROM twice QUALIFY row_number() OVER "
            f"(PARTITION BY {values}, {', '.join(ITEMS)}, debt ORDER BY line) > 1"
        )
        connection.execute(
            "CREATE TABLE shared AS SELECT line FROM twice ANTI JOIN repeats USING (line) "
            "QUALIFY count(*) OVER (PARTITION BY rating_id) > 1"
        )
        doubled = connection.execute(
            "SELECT (SELECT count(*) FROM repeats), (SELECT min(line) FROM repeats), "
            "(SELECT count(*) FROM shared), (SELECT min(line) FROM shared)"
        ).fetchone()
        kept = " AND ".join(f"NOT COALESCE({TROUBLES[name]}, false)" for name in FAULTS)
        flags = ", ".join(f"{name}, {name}__suppressed" for name in [*ITEMS, "debt"])
        connection.execute(
            f"CREATE TABLE kept AS SELECT line, {values}, {flags} FROM typed "
            f"ANTI JOIN repeats USING (line) ANTI JOIN shared USING (line) WHERE {kept}"
        )
        kept_rows = connection.execute("SELECT count(*) FROM kept").fetchone()
        out = connection.execute("SELECT * FROM kept ORDER BY line").df() if frame else None
    plain.unlink()
    assert counts is not None
    assert doubled is not None
    assert kept_rows is not None
    found = {name: (counts[2 * i], counts[2 * i + 1]) for i, name in enumerate(TROUBLES)}
    found |= {"repeated": doubled[:2], "shared": doubled[2:]}
    return kept_rows[0], out, found
