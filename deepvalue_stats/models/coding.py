"""The right-hand side of a formula made numbers, with its coding recorded for other rows."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec, SimpleFormula
from formulaic.errors import DataMismatchWarning, FormulaicError
from formulaic.parser.types import Factor
from formulaic.transforms import TRANSFORMS

from deepvalue_stats.errors import ModelError

# how formulaic marks a column that it takes for a number
NUMERIC = Factor.Kind.NUMERICAL


@dataclass(frozen=True)
class Coding:
    """The right-hand side of a formula, with its coding of some rows recorded.

    Attributes
    ----------
    right : str
    terms : tuple of str
        Names of the p columns.
    columns : tuple of str
        Columns of the frame that the terms are made of.
    """

    right: str
    terms: tuple[str, ...]
    columns: tuple[str, ...]
    _spec: Any

    def matrix(self, frame: pd.DataFrame) -> np.ndarray:
        """The matrix of other rows under the recorded coding, shape (n_rows, p), read-only.

        Raises
        ------
        ModelError
            If a column is not there, a value is missing, a category was not among the recorded
            ones, or a spline is asked for values outside of its range.
        """
        refuse_absent(self.columns, frame, self.right)
        refuse_missing(missing_counts(self.columns, frame), self.right)
        return _evaluated(self._spec, frame, self.columns, self.right)[1]

    def without_constant(self) -> Coding:
        """The same coding, categories against their first level, without the intercept."""
        rest = [term for term in self._spec.formula if term.degree > 0]
        spec = self._spec.subset(SimpleFormula(rest, _ordering="none"))
        return Coding(self.right, tuple(map(str, spec.column_names)), self.columns, spec)

    def multiples_of(self, name: str) -> np.ndarray | None:
        """Places of the terms that are a numeric column times something else.

        Returns
        -------
        numpy.ndarray of int, shape (q,), or None
            None where a term is another function of the column, such as a spline.
        """
        if name in self.columns and self._spec.encoder_state.get(name, (None,))[0] != NUMERIC:
            return None
        terms = _terms_of(self._spec.formula, name)
        if any(not _is_plain(factor, name) for term in terms for factor in term.factors):
            return None
        places = [place for term in terms for place in self._spec.term_indices[term]]
        return np.array(places, dtype="int64")

    def multipliers(self, name: str, frame: pd.DataFrame) -> np.ndarray:
        """What each of `multiples_of(name)` multiplies the column by, shape (n_rows, q)."""
        terms = _terms_of(self._spec.formula, name)
        if not terms:
            return np.empty((len(frame), 0))
        spec = self._spec.subset(SimpleFormula(terms, _ordering="none"))
        return _evaluated(spec, frame.assign(**{name: 1.0}), self.columns, self.right)[1]


def record_coding(right: str, frame: pd.DataFrame, where: str) -> tuple[Coding, np.ndarray]:
    """Code the right-hand side of a formula on complete rows.

    Parameters
    ----------
    right : str
        Terms, without an outcome.
    frame : pandas.DataFrame, n rows
    where : str
        What an error calls the place.

    Returns
    -------
    coding : Coding
    matrix : numpy.ndarray, shape (n, p), Fortran order, read-only

    Raises
    ------
    ModelError
        If the terms cannot be read on these columns, or give what is not a finite number.
    """
    columns = used_columns(right, where)
    spec = ModelSpec.from_spec(_formula(right, where), na_action="raise", output="pandas")
    recorded, matrix = _evaluated(spec, frame, columns, where)
    return Coding(right, tuple(map(str, recorded.column_names)), columns, recorded), matrix


def used_columns(right: str, where: str) -> tuple[str, ...]:
    """Names of the columns that the terms of a formula are made of, in order of appearance.

    Raises
    ------
    ModelError
        If the terms cannot be read.

    Examples
    --------
    >>> used_columns("rel * C(area, Treatment('east')) + bs(age, df=4) + `days waited`", "a plan")
    ('rel', 'area', 'age', 'days waited')
    """
    factors = [factor for term in _formula(right, where) for factor in term.factors]
    return tuple(dict.fromkeys(name for factor in factors for name in _read(factor)))


def refuse_absent(names: Iterable[str], frame: pd.DataFrame, where: str) -> None:
    """Raise a ModelError that names every column that the frame does not have."""
    told = absent_columns(names, frame)
    if told:
        raise ModelError(told, where, f"use one of {columns_in_words(frame)}")


def absent_columns(names: Iterable[str], frame: pd.DataFrame) -> str:
    """Which of some columns a frame does not have, in words; empty when it has them all."""
    absent = [f"'{name}'" for name in dict.fromkeys(names) if name not in frame]
    return f"no column {', '.join(absent)}" if absent else ""


def missing_counts(names: Iterable[str], frame: pd.DataFrame) -> dict[str, int]:
    """In how many rows each of some columns is missing, for those that are in any."""
    counts = {name: int(frame[name].isna().sum()) for name in dict.fromkeys(names)}
    return {name: count for name, count in counts.items() if count}


def refuse_missing(counts: Mapping[str, int], where: str, outcome: str = "") -> None:
    """Raise a ModelError that says in how many rows which column is missing."""
    if not counts:
        return
    if list(counts) == [outcome]:
        raise ModelError(
            f"'{outcome}' is missing in {counts[outcome]} rows",
            where,
            "restrict the data to rows with an outcome, with a reason",
        )
    told = ", ".join(f"'{name}' in {count} rows" for name, count in counts.items())
    raise ModelError(
        "a variable of the formula has missing values",
        f"{where}: {told}",
        "restrict the data to complete rows, with a reason",
    )


def _formula(right: str, where: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            formula = Formula(right)
    except (FormulaicError, SyntaxError, ValueError, TypeError):
        formula = None
    if not isinstance(formula, SimpleFormula):
        raise ModelError(
            "the terms of the formula cannot be read",
            where,
            "join columns by + : *, calls such as I(x**2) included",
        ) from None
    return formula


def _names_in(expression: str) -> Iterator[str]:
    """Columns in a piece of Python; the library's own list misses those inside of splines."""
    quoted: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        name = f"_quoted_{len(quoted)}"
        quoted[name] = found[1]
        return name

    try:
        tree = ast.parse(re.sub(r"`([^`]+)`", stand_in, expression), mode="eval")
    except SyntaxError:
        return
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {id(call.func) for call in calls}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called and node.id not in TRANSFORMS:
            yield quoted.get(node.id, node.id)
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "Q":
            yield from (str(a.value) for a in call.args if isinstance(a, ast.Constant))


def _terms_of(formula: Any, name: str) -> list[Any]:
    """The terms that a column takes part in."""
    return [term for term in formula if any(name in _read(factor) for factor in term.factors)]


def _read(factor: Any) -> Sequence[str]:
    """The columns that a factor is made of."""
    if factor.eval_method.value == "lookup":
        return [factor.expr]
    return list(_names_in(factor.expr)) if factor.eval_method.value == "python" else []


def _is_plain(factor: Any, name: str) -> bool:
    """Whether a factor is the column itself, or has nothing to do with it."""
    return factor.eval_method.value == "lookup" or name not in _read(factor)


def _evaluated(
    spec: Any, frame: pd.DataFrame, columns: Sequence[str], where: str
) -> tuple[Any, np.ndarray]:
    """The specification with its state recorded, and the matrix in Fortran order."""
    materializer = spec.get_materializer(_plain(frame, columns))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", DataMismatchWarning)
            coded = materializer.get_model_matrix(spec)
    except DataMismatchWarning:
        raise ModelError(
            f"{_unseen(materializer, spec)} has a category that the recorded coding does not know",
            where,
            "leave such rows out, or fit on rows that have every category",
        ) from None
    except (FormulaicError, SyntaxError, ValueError, TypeError, KeyError) as error:
        raise ModelError(*_unreadable(str(error), where, frame, columns)) from None
    matrix = np.empty((len(coded), coded.shape[1]), order="F")
    for place, (_, column) in enumerate(coded.items()):
        matrix[:, place] = column
    _refuse_infinite(matrix, [str(name) for name in coded.columns], where)
    matrix.setflags(write=False)
    return coded.model_spec, matrix


def _plain(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The columns that are used, in the types that formulaic reads rightly."""
    plain = {name: _plain_column(frame[name]) for name in columns}
    return pd.DataFrame(plain, index=frame.index, copy=False)


def _plain_column(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        # a category that no row has would be a column of zeros
        return column.cat.remove_unused_categories()
    if isinstance(column.dtype, pd.StringDtype) and str(column.dtype) != "str":
        return column.astype(object)
    if pd.api.types.is_extension_array_dtype(column.dtype) and pd.api.types.is_numeric_dtype(
        column.dtype
    ):
        kind = np.int64 if pd.api.types.is_integer_dtype(column.dtype) else np.float64
        return pd.Series(column.to_numpy(dtype=kind), index=column.index)
    return column


def _unseen(materializer: Any, spec: Any) -> str:
    """The columns whose values lie outside of the recorded categories."""
    names: list[str] = []
    for expression, (_, state) in spec.encoder_state.items():
        factor = materializer.factor_cache.get(expression)
        if factor is None or "categories" not in state:
            continue
        values = getattr(factor.values, "__wrapped__", factor.values)
        if not pd.Series(values).isin(list(state["categories"])).all():
            names += [expression] if expression in materializer.data else _names_in(expression)
    return ", ".join(f"'{name}'" for name in dict.fromkeys(names)) or "a variable"


def _unreadable(
    told: str, where: str, frame: pd.DataFrame, columns: Sequence[str]
) -> tuple[str, str, str]:
    """What is wrong, where and the fix; the library's own words may hold a person's value."""
    if "extend beyond" in told:
        return (
            "a spline is asked for values outside of the range it was fitted on",
            where,
            "leave such rows out, or use cr(), which goes on in a straight line",
        )
    if "null values" in told:
        return (
            "a term is not a number in some rows that have all its variables",
            where,
            "keep the values within what its function takes, as log() takes those above 0",
        )
    dates = [name for name in columns if frame[name].dtype.kind in "mM"]
    if dates:
        return (
            f"{', '.join(dates)} is a date or a duration",
            where,
            "make it a number in a unit of your choice, as days since a day",
        )
    power = ", and write powers with ** within I()" if "^" in where else ""
    return (
        "the formula cannot be read on these columns",
        where,
        f"use {columns_in_words(frame)}{power}",
    )


def _refuse_infinite(matrix: np.ndarray, terms: Sequence[str], where: str) -> None:
    if np.isfinite(matrix.sum()):
        return
    counts = (~np.isfinite(matrix)).sum(axis=0)
    pairs = zip(terms, counts, strict=True)
    told = ", ".join(f"'{name}' in {count} rows" for name, count in pairs if count)
    if told:
        raise ModelError(
            f"a term is not a finite number: {told}", where, "correct or leave out those rows"
        )


def columns_in_words(data: pd.DataFrame) -> str:
    """The columns of a frame, as an error's fix names them."""
    return ", ".join(str(name) for name in data.columns)
