"""From text to typed columns, with every trouble found on the way.

All work is done on the distinct texts of a column, and the result handed to its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from operator import is_
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.data.dataset import Column
from deepvalue_stats.data.text import CodedText
from deepvalue_stats.data.values import EXCEL, ISO, Kind, Marks, names_a_day, values_of
from deepvalue_stats.errors import Fault, PlanError
from deepvalue_stats.plan.parts import Plan

MISSING, HIDDEN = -1, -2

SUPPRESSED = Kind(
    "suppressed by the data owner: neither zero nor missing",
    "ask the owner whether the cells may be released; until then they are left out",
    "noted",
)
NO_VALUE = Kind(
    "no value at all", "check the column's name and the tokens in `missing`, or ask for it", "noted"
)
BLANK_CLIENT = Kind("blank client id", "ask the data owner for the ids")
BLANK_WAVE = Kind("blank wave", "give the wave of every row")


@dataclass(frozen=True)
class Rules:
    """How the cells of one source are read."""

    missing: frozenset[str]
    suppressed: frozenset[str]
    dates: tuple[str, ...]
    on_fault: Literal["refuse", "exclude"]


@dataclass(frozen=True)
class ParsedColumn:
    """A typed column, row by row.

    Attributes
    ----------
    values : pandas.Series
        Typed as `Column.dtype` says.
    suppressed : boolean array
        Cells that the owner hid; they are missing in `values`.
    identity : int64 array
        Equal for two rows if and only if they hold the same value, however it is written; a faulty
        cell is equal to the same text alone. Negative for what is missing or hidden.
    troubles : tuple of (Kind, boolean array)
        Each kind with the rows that have it.
    """

    values: pd.Series
    suppressed: np.ndarray
    identity: np.ndarray
    troubles: tuple[tuple[Kind, np.ndarray], ...]


def rules_of(plan: Plan, source: str, *, typed: bool) -> Rules:
    """Choose the reading rules of a source, its own before those of the plan.

    Parameters
    ----------
    plan : Plan
    source : str
    typed : bool
        True where the format has dates of its own: these arrive as ISO text, which is then
        admitted besides the declared forms.

    Returns
    -------
    Rules
    """
    own, shared = plan.sources[source], plan.reading
    missing = shared.missing if own.missing is None else own.missing
    suppressed = shared.suppressed if own.suppressed is None else own.suppressed
    dates = shared.dates if own.dates is None else own.dates
    return Rules(
        missing=frozenset({"", *(token.strip() for token in missing)}),
        suppressed=frozenset(token.strip() for token in suppressed),
        dates=tuple(dict.fromkeys((*dates, ISO))) if typed else dates,
        on_fault=own.on_fault or shared.on_fault,
    )


def require_date_forms(plan: Plan) -> None:
    """Refuse a plan with a date form that does not tell one day from another."""
    declared = [("reading", plan.reading.dates)]
    declared += [(f"sources.{name}", one.dates or ()) for name, one in plan.sources.items()]
    fix = f'write year, month and day, as in "{ISO}", or "{EXCEL}" for serial numbers'
    faults = [
        Fault("the form does not tell one day from another", f"{where}.dates[{i}]", fix)
        for where, forms in declared
        for i, form in enumerate(forms)
        if form != EXCEL and not names_a_day(form)
    ]
    if faults:
        raise PlanError.of(faults)


def parse_column(column: Column, text: CodedText, rules: Rules) -> ParsedColumn:
    """Give a column of text the type that its use demands.

    Parameters
    ----------
    column : Column
    text : CodedText
    rules : Rules

    Returns
    -------
    ParsedColumn
        Cells in trouble are missing in it.
    """
    hidden, absent = _without_value(text.distinct, rules)
    open_ = np.flatnonzero(~absent)
    texts = text.distinct if not absent.any() else tuple(compress(text.distinct, ~absent))
    found, marks = values_of(texts, column, rules.dates)
    everywhere: Marks = [(kind, _spread(mask, open_, len(absent))) for kind, mask in marks]
    everywhere += [*_required(column, absent), (SUPPRESSED, hidden)]
    faulty = _faulty(everywhere, len(absent))
    values = _whole_array(found, open_, len(absent))
    values[faulty] = None if values.dtype == object else np.nan
    rows = text.codes
    troubles = [(kind, mask[rows]) for kind, mask in everywhere if mask.any()]
    nothing = absent | faulty if values.dtype == object else np.isnan(values)
    if not troubles and nothing.all():
        troubles = [(NO_VALUE, np.ones(len(rows), dtype=bool))]
    return ParsedColumn(
        values=_series(column, values, rows),
        suppressed=hidden[rows],
        identity=_identities(text.distinct, values, nothing, hidden, faulty & ~absent)[rows],
        troubles=tuple(troubles),
    )


def _without_value(texts: Sequence[str], rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Mark the texts that the owner hid, and those that have no value: these and the missing."""
    tokens = rules.missing | rules.suppressed
    absent = np.fromiter(map(tokens.__contains__, texts), dtype=bool, count=len(texts))
    hidden = absent.copy()
    hidden[absent] = [text in rules.suppressed for text in compress(texts, absent)]
    return hidden, absent


def _spread(mask: np.ndarray, at: np.ndarray, length: int) -> np.ndarray:
    """Widen a mask over some of the distinct texts to all of them."""
    whole = np.zeros(length, dtype=bool)
    whole[at] = mask
    return whole


def _whole_array(found: np.ndarray, at: np.ndarray, length: int) -> np.ndarray:
    """Put the values of some of the distinct texts among those that have none."""
    whole = np.full(length, None if found.dtype == object else np.nan, dtype=found.dtype)
    whole[at] = found
    return whole


def _required(column: Column, absent: np.ndarray) -> Marks:
    """Mark empty cells where none may be; those of a key are looked at row by row."""
    if column.role == "client":
        return [(BLANK_CLIENT, absent)]
    return [(BLANK_WAVE, absent)] if column.dtype == "wave" else []


def _faulty(marks: Marks, length: int) -> np.ndarray:
    faulty = np.zeros(length, dtype=bool)
    for kind, mask in marks:
        if kind.action in ("fault", "refused"):
            faulty |= mask
    return faulty


def _identities(
    texts: Sequence[str],
    values: np.ndarray,
    nothing: np.ndarray,
    hidden: np.ndarray,
    faulty: np.ndarray,
) -> np.ndarray:
    """Assign numbers to the distinct texts so that two ways to write one value share a number."""
    if values.dtype == object and all(map(is_, compress(values, ~nothing), compress(texts, ~nothing))):
        identity = np.arange(len(values))  # every text is a value of its own
    else:
        identity = pd.factorize(values)[0].astype(np.int64)
    identity[nothing] = MISSING
    identity[hidden] = HIDDEN
    identity[faulty] = len(values) + np.flatnonzero(faulty)
    return identity


def _series(column: Column, values: np.ndarray, rows: np.ndarray) -> pd.Series:
    """Hand the values of the distinct texts to the rows, in the column's type."""
    if values.dtype == object:
        pool = pd.Series([*values, ""])  # the last keeps the text type where all are missing
        return pd.Series(pool.array.take(rows), name=column.name)
    if column.dtype in ("date", "wave"):
        return pd.Series(pd.array(values, dtype="Float64").astype("Int64").take(rows))
    return pd.Series(values[rows], name=column.name)
