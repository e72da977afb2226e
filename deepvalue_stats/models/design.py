"""Design matrices whose coding is recorded, so that new rows are coded as the old ones were."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.coding import (
    Coding,
    absent_columns,
    columns_in_words,
    missing_counts,
    record_coding,
    refuse_absent,
    refuse_missing,
    used_columns,
)
from deepvalue_stats.tables import read_only

Missing = Literal["raise", "drop"]

DEPENDENT = 1e-9
INDEPENDENT = 1e-9


@dataclass(frozen=True)
class Design:
    """A formula made numbers on one set of rows.

    Attributes
    ----------
    outcome : str
        Name of the response column.
    response : numpy.ndarray, shape (n,)
    matrix : numpy.ndarray, shape (n, p)
    terms : tuple of str
        Names of the p columns.
    frame : pandas.DataFrame, n rows
        The rows themselves; they stay in the room.
    dropped : mapping of str to int
        For each variable, in how many rows of the data it was missing, when such rows were left
        out; a row that misses two variables counts for both.
    kept : numpy.ndarray of bool, shape (rows of the data,)
        Which rows of the data are in the design.
    """

    outcome: str
    response: np.ndarray
    matrix: np.ndarray
    terms: tuple[str, ...]
    frame: pd.DataFrame
    _recorded: Coding
    dropped: Mapping[str, int] = field(default_factory=dict)
    kept: np.ndarray = field(default_factory=lambda: np.ones(0, dtype=bool))

    def rebuild(self, frame: pd.DataFrame) -> np.ndarray:
        """The matrix of other rows under the recorded coding, shape (n_rows, p).

        Raises
        ------
        ModelError
            If a column is not there, a value is missing, a category was not among the fitted
            ones, or a spline is asked for values outside of its range.
        """
        return self._recorded.matrix(frame)

    def without_constant(self) -> Design:
        """The same rows and terms but for the intercept, for models that know no level."""
        rest = np.array([term != "Intercept" for term in self.terms])
        if rest.all():
            return self
        matrix = np.asfortranarray(self.matrix[:, rest])
        matrix.setflags(write=False)
        recorded = self._recorded.without_constant()
        return replace(self, matrix=matrix, terms=recorded.terms, _recorded=recorded)

    def where(self, mask: np.ndarray) -> Design:
        """Some of the rows (bool, shape (n,)), coded as before."""
        if mask.all():
            return self
        kept = np.zeros(len(self.kept), dtype=bool)
        kept[np.flatnonzero(self.kept)[mask]] = True
        matrix = np.asfortranarray(self.matrix[mask])
        matrix.setflags(write=False)
        return replace(
            self,
            response=read_only(self.response[mask]),
            matrix=matrix,
            frame=self.frame[mask].reset_index(drop=True),
            kept=read_only(kept),
        )

    def codes(self, name: str) -> np.ndarray:
        """The groups of a column of the frame as integers from 0, -1 where it is missing."""
        if name not in self._own_codes:
            self._own_codes[name] = pd.factorize(self.frame[name])[0]
        return self._own_codes[name]

    @cached_property
    def _own_codes(self) -> dict[str, np.ndarray]:
        """Those that were asked for."""
        return {}

    def multiples_of(self, name: str) -> np.ndarray | None:
        """Places of the terms that are a numeric column times something else; see `Coding`."""
        return self._recorded.multiples_of(name)

    def multipliers(self, name: str, frame: pd.DataFrame) -> np.ndarray:
        """What each of `multiples_of(name)` multiplies the column by, shape (n_rows, q)."""
        if frame is not self.frame:
            return self._recorded.multipliers(name, frame)
        if name not in self._own_multipliers:
            self._own_multipliers[name] = self._recorded.multipliers(name, frame)
        return self._own_multipliers[name]

    @cached_property
    def _own_multipliers(self) -> dict[str, np.ndarray]:
        """Those of the design's own rows, by column, once they were asked for."""
        return {}


def build_design(
    formula: str, data: pd.DataFrame, *, missing: Missing = "raise", needed: Sequence[str] = ()
) -> Design:
    """Code a formula on the rows of a frame.

    Parameters
    ----------
    formula : str
        `outcome ~ terms`; text columns are categories, coded against their first level.
    data : pandas.DataFrame
        Without missing values in the variables used: which rows may be dropped, and why, is
        decided and counted before a model is fitted.
    missing : str
        `raise` refuses missing values; `drop` leaves out the rows that are incomplete in any
        variable used, and counts them by variable.
    needed : sequence of str
        Further columns that must be complete, as those that say which rows belong together.

    Raises
    ------
    ModelError
        If a variable is not there, a value is missing, or the columns of the matrix are not
        linearly independent (naming one that the others explain).
    """
    outcome, right = sides(formula)
    refuse_absent((outcome,), data, formula)
    _refuse_unread(used_columns(right, formula), data, formula)
    refuse_absent(needed, data, formula)
    used = (outcome, *used_columns(right, formula), *needed)
    frame = data.reset_index(drop=True)
    counts = missing_counts(used, frame)
    kept = np.ones(len(frame), dtype=bool)
    if counts and missing == "drop":
        kept = frame[list(counts)].notna().all(axis=1).to_numpy()
        frame = frame[kept].reset_index(drop=True)
    else:
        refuse_missing(counts, formula, outcome)
    if frame.empty:
        raise ModelError("no row is left to fit", formula, "look at what is missing, and why")
    coding, matrix = record_coding(right, frame, formula)
    _refuse_dependent(matrix, coding.terms, formula)
    return Design(
        outcome=outcome,
        response=_response(frame[outcome], outcome, formula),
        matrix=matrix,
        terms=coding.terms,
        frame=frame,
        _recorded=coding,
        dropped=counts,
        kept=read_only(kept),
    )


def dependent_columns(matrix: np.ndarray) -> np.ndarray:
    """Which columns the ones before them explain.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)

    Returns
    -------
    numpy.ndarray of bool, shape (p,)
        True where the part of a column that is orthogonal to those before it is shorter than
        1e-9 of the column.

    Notes
    -----
    The smallest eigenvalue of the columns' cosines bounds the square of every such part from
    below, and rounding moves it by less than `INDEPENDENT`; the QR decomposition of all rows is
    therefore needed near dependence only.
    """
    scale = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
    scale = np.where(scale > 0, scale, 1)
    if matrix.shape[1] == 0:
        return np.zeros(0, dtype=bool)
    if np.linalg.eigvalsh((matrix.T @ matrix) / np.outer(scale, scale))[0] > INDEPENDENT:
        return np.zeros(matrix.shape[1], dtype=bool)
    upper: np.ndarray = np.linalg.qr(matrix / scale, mode="r")  # type: ignore[assignment]
    diagonal = np.zeros(matrix.shape[1])
    diagonal[: min(upper.shape)] = np.abs(np.diag(upper))
    return np.asarray(diagonal < DEPENDENT)


def _refuse_dependent(matrix: np.ndarray, terms: tuple[str, ...], formula: str) -> None:
    """A column that the ones before it explain has no coefficient of its own."""
    found = dependent_columns(matrix)
    dependent = [name for name, explained in zip(terms, found, strict=True) if explained]
    if dependent:
        raise ModelError(
            f"{', '.join(dependent)} cannot be told apart from the terms before it",
            formula,
            "take it out, or give the data more variation in it",
        )


def _refuse_unread(names: Sequence[str], data: pd.DataFrame, formula: str) -> None:
    told = absent_columns(names, data)
    if told:
        raise ModelError(
            "the formula cannot be read on these columns",
            f"{formula}: {told}",
            f"use {columns_in_words(data)}",
        )


def sides(formula: str) -> tuple[str, str]:
    """The outcome's column and the terms, refused where a formula has not both."""
    outcome, tilde, right = (part.strip() for part in formula.partition("~"))
    if not tilde or not outcome or not right:
        raise ModelError("not a formula", formula, "write outcome ~ terms")
    quoted = re.fullmatch(r"`([^`]+)`", outcome)
    return (quoted[1] if quoted else outcome), right


def _response(column: pd.Series, outcome: str, formula: str) -> np.ndarray:
    try:
        response = pd.to_numeric(column).to_numpy(dtype="float64")
    except (ValueError, TypeError):
        raise ModelError(
            f"'{outcome}' is not a number", formula, "code it as 0 and 1, or as an amount"
        ) from None
    if not np.isfinite(response).all():
        raise ModelError(
            f"'{outcome}' is not finite in {int((~np.isfinite(response)).sum())} rows",
            formula,
            "correct or leave out those rows",
        )
    return read_only(response)
