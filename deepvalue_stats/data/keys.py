"""Rows that stand twice, and keys that do not make a row unique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from deepvalue_stats.data.dataset import TableSchema
from deepvalue_stats.data.parse import ParsedColumn
from deepvalue_stats.data.values import Kind, Marks

REPEATED = Kind(
    "row repeated exactly", 'extract each record once; with on_fault = "exclude" the first stays'
)


def key_troubles(schema: TableSchema, parsed: Mapping[str, ParsedColumn]) -> Marks:
    """Find rows repeated exactly, keys with a blank cell, and keys that several rows share.

    Parameters
    ----------
    schema : TableSchema
    parsed : mapping of str to ParsedColumn

    Returns
    -------
    list of (Kind, boolean array)
        A row is repeated if all its used columns are, and then the first one is in no trouble.
        Rows that share a key and differ are all in trouble: nothing says which of them is right.
    """
    repeated = _duplicated(row_codes([one.identity for one in parsed.values()]), "first")
    if not schema.key:
        return [(REPEATED, repeated)]
    shown = ", ".join(schema.key)
    blank = Kind(f"blank cell in the key ({shown})", "fill the cells, or choose another `key`")
    shared = Kind(
        f"key ({shown}) occurs more than once",
        "find out which row is right, or add the column that tells them apart to `key`",
    )
    key = [parsed[name].identity for name in schema.key]
    usable = ~repeated & np.logical_and.reduce([identity >= 0 for identity in key])
    twice = np.zeros(len(usable), dtype=bool)
    twice[usable] = _duplicated(row_codes([identity[usable] for identity in key]), False)
    return [(REPEATED, repeated), (blank, _blank(schema, parsed)), (shared, twice)]


def row_codes(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Give one number to each row, equal where the rows are equal in every column."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        mine = pd.factorize(column)[0].astype(np.int64)
        codes = codes * (mine.max(initial=0) + 1) + mine
        codes = pd.factorize(codes)[0].astype(np.int64)  # dense again: the next product fits
    return codes


def _duplicated(codes: np.ndarray, keep: str | bool) -> np.ndarray:
    return np.asarray(pd.Series(codes).duplicated(keep=keep))  # type: ignore[arg-type]


def _blank(schema: TableSchema, parsed: Mapping[str, ParsedColumn]) -> np.ndarray:
    """Mark rows with an empty key cell, but where the cell is a fault already."""
    columns = [schema.column(name) for name in schema.key]
    told = {one.name for one in columns if one.role == "client" or one.dtype == "wave"}
    blank = np.zeros(len(parsed[schema.key[0]].identity), dtype=bool)
    for name in set(schema.key) - told:
        blank |= parsed[name].identity < 0
    return blank
