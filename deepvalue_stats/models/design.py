"""Design matrices whose coding is recorded, so that new rows are coded as the old ones were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula, ModelMatrix
from formulaic.errors import FormulaicError

from deepvalue_stats.errors import ModelError
from deepvalue_stats.tables import read_only


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
    """

    outcome: str
    response: np.ndarray
    matrix: np.ndarray
    terms: tuple[str, ...]
    frame: pd.DataFrame
    _recorded: Any

    def rebuild(self, frame: pd.DataFrame) -> np.ndarray:
        """The matrix of other rows under the recorded coding, shape (n_rows, p)."""
        return np.asarray(self._recorded.get_model_matrix(frame), dtype="float64")


def build_design(formula: str, data: pd.DataFrame) -> Design:
    """Code a formula on the rows of a frame.

    Parameters
    ----------
    formula : str
        `outcome ~ terms`; text columns are categories, coded against their first level.
    data : pandas.DataFrame
        Without missing values in the variables used: which rows may be dropped, and why, is
        decided and counted before a model is fitted.

    Raises
    ------
    ModelError
        If a variable is not there, a value is missing, or the columns of the matrix are not
        linearly independent (naming one that the others explain).
    """
    outcome, tilde, right = (part.strip() for part in formula.partition("~"))
    if not tilde or not outcome or not right:
        raise ModelError("not a formula", formula, "write outcome ~ terms")
    if outcome not in data:
        raise ModelError(f"no column '{outcome}'", formula, f"use one of {_columns(data)}")
    coded = _coded(right, data, formula)
    matrix = np.asarray(coded, dtype="float64")
    terms = tuple(str(name) for name in coded.columns)
    _refuse_dependent(matrix, terms, formula)
    response = pd.to_numeric(data[outcome]).to_numpy(dtype="float64")
    if np.isnan(response).any():
        raise ModelError(
            f"'{outcome}' is missing in {int(np.isnan(response).sum())} rows",
            formula,
            "restrict the data to rows with an outcome, with a reason",
        )
    return Design(
        outcome=outcome,
        response=read_only(response),
        matrix=read_only(matrix),
        terms=terms,
        frame=data.reset_index(drop=True),
        _recorded=coded.model_spec,
    )


def _coded(right: str, data: pd.DataFrame, formula: str) -> ModelMatrix:
    try:
        return Formula(right).get_model_matrix(data, na_action="raise")
    except (FormulaicError, ValueError) as error:
        missing = "contains null values" in str(error) or "missing" in str(error)
        if missing:
            raise ModelError(
                "a variable of the formula has missing values",
                formula,
                "restrict the data to complete rows, with a reason",
            ) from None
        raise ModelError(
            "the formula cannot be read on these columns", formula, f"use {_columns(data)}"
        ) from None


def _columns(data: pd.DataFrame) -> str:
    return ", ".join(str(name) for name in data.columns)


def _refuse_dependent(matrix: np.ndarray, terms: tuple[str, ...], formula: str) -> None:
    """A column that the ones before it explain has no coefficient of its own."""
    scale = np.linalg.norm(matrix, axis=0)
    scaled = matrix / np.where(scale > 0, scale, 1)
    upper: np.ndarray = np.linalg.qr(scaled, mode="r")  # type: ignore[assignment]
    height = min(upper.shape)
    diagonal = np.zeros(matrix.shape[1])
    diagonal[:height] = np.abs(np.diag(upper))
    dependent = [name for name, d in zip(terms, diagonal, strict=True) if d < 1e-9]
    if dependent:
        raise ModelError(
            f"{', '.join(dependent)} cannot be told apart from the terms before it",
            formula,
            "take it out, or give the data more variation in it",
        )
