"""Rows, and how they came to be: a `Dataset` loses a row only with a reason and a count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

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

    def restrict(self, keep: np.ndarray | pd.Series, reason: str) -> Self:
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
        clients, practitioners = (self._ids(role) for role in ("client", "practitioner"))
        known = [pd.factorize(ids)[0] for ids in (clients, practitioners)]
        step = attrition_of([(mask, reason)], clients, *known)
        kept = self.frame[mask].reset_index(drop=True)
        return replace(self, frame=kept, attrition=(*self.attrition, *step))

    def with_columns(self, **columns: Any) -> Self:
        """The same rows with more columns."""
        return replace(self, frame=self.frame.assign(**columns))

    def _ids(self, role: str) -> pd.Series:
        """The column that holds who is meant; empty where the table has none."""
        for column in self.schema.columns:
            if column.role == role and column.name in self.frame:
                return self.frame[column.name]
        return pd.Series(dtype="object")


def attrition_of(
    steps: Sequence[tuple[np.ndarray, str]],
    clients: pd.Series,
    client: np.ndarray,
    practitioner: np.ndarray,
) -> tuple[AttritionStep, ...]:
    """Count who is left after each of several steps, of which a row leaves at the first.

    Parameters
    ----------
    steps : sequence of (boolean array of shape (n_rows,), str)
        What is kept of all rows, and the reason for which the others leave.
    clients : pandas.Series
        Of every row; empty where the table has none.
    client, practitioner : int arrays, shape (n_rows,)
        A number for each, negative for none; empty where the table has none.

    Returns
    -------
    tuple of AttritionStep
    """
    stays = np.ones(len(steps[0][0]), dtype=bool)
    left_over = [np.bincount(ids[ids >= 0]) for ids in (client, practitioner)]
    taken = []
    for keep, reason in steps:
        leaves = np.flatnonzero(stays & ~keep)
        stays = stays & keep
        for rows, ids in zip(left_over, (client, practitioner), strict=True):
            gone = ids[leaves] if len(ids) else ids
            rows -= np.bincount(gone[gone >= 0], minlength=len(rows))
        n_clients, n_practitioners = (int(np.count_nonzero(rows)) for rows in left_over)
        taken.append(
            AttritionStep(
                reason=reason,
                left=len(leaves),
                rows=int(stays.sum()),
                clients=n_clients,
                practitioners=n_practitioners,
                left_clients=clients.iloc[leaves if len(clients) else []].reset_index(drop=True),
            )
        )
    return tuple(taken)
