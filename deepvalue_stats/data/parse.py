"""From text to typed columns, with every trouble found on the way.

All work is done on the distinct texts of a column, and the result handed to its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.data.dataset import Column
from deepvalue_stats.data.text import CodedText, bare
from deepvalue_stats.data.values import EXCEL, ISO, Kind, Marks, floats, names_a_day, values_of
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
NO_ANSWER = Kind(
    "a code that the file itself declares to be missing",
    "add it to `missing`, or take the declaration out of the file",
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
    """A typed column: each row has the number of its text, and all else is known by text.

    Attributes
    ----------
    name : str
    text : CodedText
        Stripped.
    pool : pandas.Series
        The values of the distinct texts, typed as `Column.dtype` says.
    hidden : boolean array, shape (n_texts,)
        Texts by which the owner hid a value; they are missing in `pool`.
    identities : int64 array, shape (n_texts,)
        Equal for two texts if and only if they stand for the same value; a faulty one is equal to
        no other, from `n_texts` on. Negative for what is missing or hidden.
    marks : list of (Kind, boolean array of shape (n_texts,))
        Each kind of trouble with the texts that are in it.
    """

    name: str
    text: CodedText
    pool: pd.Series
    hidden: np.ndarray
    identities: np.ndarray
    marks: Marks

    def codes(self, rows: np.ndarray | None = None) -> np.ndarray:
        """The number of the text of every row, or of the rows at some positions."""
        return self.text.codes if rows is None else self.text.codes[rows]

    def values(self, rows: np.ndarray | None = None) -> pd.Series:
        """The values of rows."""
        return pd.Series(self.pool.array.take(self.codes(rows)), name=self.name)

    def identity(self, rows: np.ndarray | None = None) -> np.ndarray:
        """What `identities` holds, for rows."""
        return np.asarray(self.identities[self.codes(rows)])

    def suppressed(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Mark the rows in which the owner hid the value."""
        return np.asarray(self.hidden[self.codes(rows)])

    @property
    def known(self) -> np.ndarray:
        """The identity of each row that has a value, negative for all others."""
        faulty = self.identities >= len(self.identities)
        known: np.ndarray = np.where(faulty, MISSING, self.identities)[self.text.codes]
        return known

    @property
    def troubles(self) -> Marks:
        """Each kind of trouble with the rows that are in it."""
        return [(kind, mask[self.text.codes]) for kind, mask in self.marks]


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
        missing=frozenset({"", *map(bare, missing)}),
        suppressed=frozenset(map(bare, suppressed)),
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


def parse_column(
    column: Column, text: CodedText, rules: Rules, no_answer: frozenset[str] = frozenset()
) -> ParsedColumn:
    """Give a column of text the type that its use demands.

    Parameters
    ----------
    column : Column
    text : CodedText
    rules : Rules
    no_answer : frozenset of str
        Texts that the file declares to stand for a missing value.

    Returns
    -------
    ParsedColumn
        Cells in trouble are missing in it.
    """
    hidden, absent = _without_value(text.distinct, column, rules)
    open_ = np.flatnonzero(~absent)
    texts = tuple(compress(text.distinct, ~absent)) if absent.any() else text.distinct
    found, marks = values_of(texts, column, rules.dates)
    if no_answer and found.dtype != object:
        declared = np.array([one in no_answer for one in texts], dtype=bool)
        marks = [*marks, (NO_ANSWER, declared & ~_faulty(marks, len(texts)) & ~np.isnan(found))]
    everywhere: Marks = [(kind, _spread(mask, open_, len(absent))) for kind, mask in marks]
    everywhere += [*_required(column, absent), (SUPPRESSED, hidden)]
    everywhere = [(kind, mask) for kind, mask in everywhere if mask.any()]
    faulty = _faulty(everywhere, len(absent))
    values = _whole_array(found, open_, len(absent))
    values[faulty] = None if values.dtype == object else np.nan
    nothing = absent | faulty if values.dtype == object else np.isnan(values)
    if not everywhere and nothing.all():
        everywhere = [(NO_VALUE, nothing)]
    as_written = values.dtype == object and not column.normalise
    as_written &= all(kind.action != "repaired" for kind, _ in everywhere)
    identities = np.arange(len(values)) if as_written else pd.factorize(values)[0].astype(np.int64)
    identities[nothing] = MISSING
    identities[hidden] = HIDDEN
    wrong = faulty & ~(absent & ~hidden)
    identities[wrong] = len(values) + np.flatnonzero(wrong)
    pool = _typed(column, values)
    return ParsedColumn(column.name, text, pool, hidden, identities, everywhere)


def _without_value(
    texts: Sequence[str], column: Column, rules: Rules
) -> tuple[np.ndarray, np.ndarray]:
    """Mark the texts that the owner hid, and those that have no value: these and the missing."""
    tokens = rules.missing | rules.suppressed
    absent = np.fromiter(map(tokens.__contains__, texts), dtype=bool, count=len(texts))
    hidden = absent.copy()
    hidden[absent] = [text in rules.suppressed for text in compress(texts, absent)]
    if column.dtype in ("item", "number", "wave"):
        codes = floats(sorted(rules.missing))
        absent |= np.isin(floats(texts), codes[~np.isnan(codes)])  # 99.0 where 99 is missing
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


def _typed(column: Column, values: np.ndarray) -> pd.Series:
    """Give the values of the distinct texts the column's type."""
    if values.dtype == object:
        return pd.Series([*values, ""])  # the last keeps the text type where all are missing
    if column.dtype in ("date", "wave"):
        return pd.Series(pd.array(values, dtype="Float64").astype("Int64"))
    return pd.Series(values)
