"""Rows that stand twice, and keys that do not make a row unique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.data.dataset import TableSchema
from deepvalue_stats.data.parse import ParsedColumn
from deepvalue_stats.data.values import Kind, Marks

_LARGEST = np.iinfo(np.int64).max
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
    if not schema.key:
        everything = [one.identity() for one in parsed.values()]
        return [(REPEATED, _duplicated(everything, "first"))]
    shown = ", ".join(schema.key)
    blank = Kind(f"blank cell in the key ({shown})", "fill the cells, or choose another `key`")
    shared = Kind(
        f"key ({shown}) occurs more than once",
        "find out which row is right, or add the column that tells them apart to `key`",
    )
    key = [parsed[name].identity() for name in schema.key]
    repeated, twice = np.zeros((2, len(key[0])), dtype=bool)
    alike = np.flatnonzero(_duplicated(key, False))  # a row that is repeated repeats its key
    repeated[alike] = _duplicated([one.identity(alike) for one in parsed.values()], "first")
    usable = ~repeated & np.logical_and.reduce([identity >= 0 for identity in key])
    alike = alike[usable[alike]]
    twice[alike] = _duplicated([identity[alike] for identity in key], False)
    return [(REPEATED, repeated), (blank, _blank(schema, parsed)), (shared, twice)]


def row_codes(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Give one number to each row, equal where the rows are equal in every column."""
    codes, size = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        lowest = int(column.min(initial=0))
        span = int(column.max(initial=0)) - lowest + 1
        if size * span > _LARGEST:
            codes = pd.factorize(codes)[0].astype(np.int64)  # dense again: the next product fits
            size = len(codes)
        codes = codes * span + (column - lowest)
        size *= span
    return codes


def _duplicated(columns: Sequence[np.ndarray], keep: Literal["first", False]) -> np.ndarray:
    """Mark rows that are equal to another in every column, or to one before."""
    return np.asarray(pd.Series(row_codes(columns)).duplicated(keep=keep))


def _blank(schema: TableSchema, parsed: Mapping[str, ParsedColumn]) -> np.ndarray:
    """Mark rows with an empty key cell, but where the cell is a fault already."""
    columns = [schema.column(name) for name in schema.key]
    told = {one.name for one in columns if one.role == "client" or one.dtype == "wave"}
    blank = np.zeros(len(parsed[schema.key[0]].codes()), dtype=bool)
    for name in set(schema.key) - told:
        blank |= parsed[name].identity() < 0
    return blank
