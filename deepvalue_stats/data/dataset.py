"""Rows, and how they came to be: a `Dataset` loses a row only with a reason and a count."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

Dtype = Literal["id", "item", "date", "wave", "number", "category"]
Role = Literal["key", "client", "practitioner", "service", "item", "clock", "outcome", "covariate"]
Action = Literal["refused", "row excluded", "set missing", "repaired", "noted"]


@dataclass(frozen=True)
class Column:
    """What a column is, from its use in the plan.

    Attributes
    ----------
    name : str
        The header in the file, and the column of the frame.
    dtype : str
        id and category are text, item is a whole number kept as float64 with NaN for missing,
        date is whole days since 1970-01-01 (Int64), wave is Int64, number is float64.
    role : str
        Its first use.
    source : str
        The source it is read from.
    lowest, highest : int or None
        Bounds of an item.
    pad_to : int or None
        Width to which digits-only ids are padded with zeros.
    set_missing : tuple of int
        Codes to be read as missing, counted, besides the missing tokens.
    normalise : bool
        Ids are put into their normal form.
    check : str or None
        The check digit that ids are held to.
    """

    name: str
    dtype: Dtype
    role: Role
    source: str
    lowest: int | None = None
    highest: int | None = None
    pad_to: int | None = None
    set_missing: tuple[int, ...] = ()
    normalise: bool = False
    check: Literal["nhs_modulus_11"] | None = None


@dataclass(frozen=True)
class TableSchema:
    """The columns of one source that have a use, and those that make a row unique.

    Attributes
    ----------
    name : str
    key : tuple of str
    columns : tuple of Column
    hidden : frozenset of str
        Columns in which the owner suppressed values: a flag `<name>__suppressed` stands beside.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    hidden: frozenset[str] = frozenset()

    def column(self, name: str) -> Column:
        """The column of that name, or a KeyError."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Problem:
    """One kind of trouble in one column: what, how many, where first, and what was done.

    Nothing of a person's data stands in it: names of columns, counts and line numbers only.
    """

    source: str
    column: str
    what: str
    count: int
    first_line: int
    action: Action
    fix: str


@dataclass(frozen=True)
class AttritionStep:
    """What left at one step, and what remains after it.

    Attributes
    ----------
    reason : str
        Why, in words for the flow chart.
    left : int
        Rows that left.
    rows, clients, practitioners : int
        What remains.
    left_clients : pandas.Series
        The client of every row that left: it stays in the room, and lets a loss be counted
        by any attribute of the clients.
    """

    reason: str
    left: int
    rows: int
    clients: int
    practitioners: int
    left_clients: pd.Series = field(repr=False, compare=False)


@dataclass(frozen=True)
class Dataset:
    """A table of rows with its schema, its losses and what was wrong with it.

    Rows leave only through `restrict`. The frame is handed out as it is for speed: treat it as
    read-only; every verb of the package returns a new `Dataset`.
    """

    frame: pd.DataFrame
    schema: TableSchema
    attrition: tuple[AttritionStep, ...] = ()
    problems: tuple[Problem, ...] = ()
    digest: str = ""

    def restrict(self, keep: np.ndarray | pd.Series, reason: str) -> Dataset:
        """Keep the rows where `keep` is true; the others leave for the reason given.

        Parameters
        ----------
        keep : boolean array, shape (n_rows,)
        reason : str
            Printed in the flow.

        Returns
        -------
        Dataset
            With one more `AttritionStep`, also where nobody left.
        """
        mask = np.asarray(keep, dtype=bool)
        if mask.shape != (len(self.frame),):
            raise ValueError("keep is one boolean for each row")
        kept = self.frame[mask].reset_index(drop=True)
        clients = self._ids("client", self.frame)
        step = AttritionStep(
            reason=reason,
            left=int((~mask).sum()),
            rows=len(kept),
            clients=int(self._ids("client", kept).nunique()),
            practitioners=int(self._ids("practitioner", kept).nunique()),
            left_clients=clients[~mask].reset_index(drop=True),
        )
        return replace(self, frame=kept, attrition=(*self.attrition, step))

    def with_columns(self, **columns: Any) -> Dataset:
        """The same rows with more columns."""
        return replace(self, frame=self.frame.assign(**columns))

    def _ids(self, role: str, frame: pd.DataFrame) -> pd.Series:
        """The column that holds who is meant; empty where the table has none."""
        for column in self.schema.columns:
            if column.role == role and column.name in frame:
                return frame[column.name]
        return pd.Series(dtype="object")
