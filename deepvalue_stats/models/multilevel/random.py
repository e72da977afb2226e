"""Random effects as arrays: which group each row belongs to, and what varies over the groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.coding import (
    Coding,
    missing_counts,
    record_coding,
    used_columns,
)
from deepvalue_stats.models.design import dependent_columns
from deepvalue_stats.models.multilevel.grouping import Grouping, record_grouping
from deepvalue_stats.models.multilevel.terms import Bar, bar_columns, refuse_absences


@dataclass(frozen=True)
class Factor:
    """Groups, and the effects that vary over them.

    Attributes
    ----------
    name : str
        practitioner; of a nesting service:practitioner; of a multiple membership mm(a, b).
    levels : pandas.Index
        Labels of the J groups; a MultiIndex with one level a column for combinations.
    names : tuple of str
        The q effects.
    columns : tuple of int
        Which rows of `RandomDesign.columns` the effects are.
    free : tuple of (int, int)
        Free entries (row, column) of the lower triangular factor of the covariance, column by
        column. Effects of different brackets, and those of `||`, are independent.
    codes : numpy.ndarray of int64, shape (n,)
        Group of each row; of a multiple membership (n, r), -1 for none. On new rows -1 is also a
        group that was not among the fitted ones.
    shares : numpy.ndarray, shape (n, r), or None
        Weights of a multiple membership; None for an ordinary factor. Fitted rows have the share
        0 where the code is -1; on new rows -1 with a share above 0 is a group that is not known.
    """

    name: str
    levels: pd.Index
    names: tuple[str, ...]
    columns: tuple[int, ...]
    free: tuple[tuple[int, int], ...]
    codes: np.ndarray
    shares: np.ndarray | None


@dataclass(frozen=True)
class RandomDesign:
    """All random effects of a model.

    Attributes
    ----------
    columns : numpy.ndarray, shape (m, n), C order, read-only
        The distinct effect columns; an intercept is a row of ones.
    factors : tuple of Factor
        In the order in which the formula first names them.
    """

    columns: np.ndarray
    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class RandomRecord:
    """What rebuilds the random effects on other rows as they were on the fitted ones.

    Attributes
    ----------
    codings : tuple of Coding
        Recorded coding of each bracket's effects.
    picks : tuple of (int, int)
        For each distinct column, which coding gives it, and as which of its columns.
    groupings : tuple of Grouping
        One a factor.
    factors : tuple of Factor
        Without rows.
    """

    codings: tuple[Coding, ...]
    picks: tuple[tuple[int, int], ...]
    groupings: tuple[Grouping, ...]
    factors: tuple[Factor, ...]

    def uses(self, name: str) -> bool:
        """Whether a column takes part in the effects, as with a random slope on it."""
        return any(name in coding.columns for coding in self.codings)

    def columns(self, frame: pd.DataFrame) -> np.ndarray:
        """Effect columns of other rows, shape (m, n_rows); groups need not be known.

        Raises
        ------
        ModelError
            As `Coding.matrix`.
        """
        needed = sorted({coding for coding, _ in self.picks})
        matrices = {place: self.codings[place].matrix(frame) for place in needed}
        return _stacked([matrices[coding][:, column] for coding, column in self.picks])

    def codes(self, frame: pd.DataFrame) -> tuple[tuple[np.ndarray, np.ndarray | None], ...]:
        """Codes and shares of other rows, by factor; -1 for a group that is not recorded.

        Raises
        ------
        ModelError
            If a column is not there, or the shares of a multiple membership are not shares.
        """
        wanted = zip(self.factors, self.groupings, strict=True)
        refuse_absences([(f.name, (*g.group, *g.shares)) for f, g in wanted], frame)
        return tuple(grouping.codes(frame) for grouping in self.groupings)

    def rebuild(self, frame: pd.DataFrame) -> RandomDesign:
        """The random effects of other rows.

        Raises
        ------
        ModelError
            As `columns` and `codes`.
        """
        found = zip(self.factors, self.codes(frame), strict=True)
        factors = tuple(replace(f, codes=codes, shares=shares) for f, (codes, shares) in found)
        return RandomDesign(self.columns(frame), factors)


def build_random(bars: Sequence[Bar], frame: pd.DataFrame) -> tuple[RandomDesign, RandomRecord]:
    """Make the brackets of a formula numbers on one set of rows.

    Parameters
    ----------
    bars : sequence of Bar
        Brackets on the same factor become one factor whose brackets are independent.
    frame : pandas.DataFrame, n rows
        Complete in every column that the brackets name, weights of absent members apart.

    Returns
    -------
    design : RandomDesign
    record : RandomRecord

    Raises
    ------
    ModelError
        With every fault: columns that are not there, missing values, one group only, shares that
        are not shares, one effect twice for one factor, effects that explain one another.

    Notes
    -----
    Row i of a multiple membership takes sum_j w_ij z_i' u_j over its groups j; shares need not sum
    to 1, and without shares the groups of a row share it equally.

    References
    ----------
    Browne, Goldstein, Rasbash 2001, equation 3.

    Examples
    --------
    >>> rows = pd.DataFrame({"adviser": ["b", "a", "b"], "trust": [1.0, 2.0, 4.0]})
    >>> design, _ = build_random([Bar("1 + trust", ("adviser",))], rows)
    >>> design.factors[0].names, design.factors[0].codes.tolist(), design.factors[0].free
    (('Intercept', 'trust'), [1, 0, 1], ((0, 0), (1, 0), (1, 1)))
    """
    refuse_absences([(str(bar), bar_columns(bar)) for bar in bars], frame)
    faults = [fault for bar in bars for fault in _effect_faults(bar, frame)]
    merged = _by_factor(bars)
    known: list[tuple[Grouping, np.ndarray, np.ndarray | None]] = []
    for same in merged:
        try:
            known.append(record_grouping(same[0], frame))
        except ModelError as error:
            faults += error.faults
    if faults:
        raise ModelError.of(faults)
    ordered = [bar for same in merged for bar in same]
    coded = [record_coding(bar.effects, frame, str(bar)) for bar in ordered]
    _refuse_unusable(merged, dict(zip(map(id, ordered), coded, strict=True)))
    places, picks = _distinct(coded)
    columns = _stacked([coded[coding][1][:, column] for coding, column in picks])
    factors, start = [], 0
    for same, (grouping, codes, shares) in zip(merged, known, strict=True):
        here = range(start, start + len(same))
        start += len(same)
        factors.append(
            Factor(
                name=same[0].name,
                levels=grouping.levels,
                names=tuple(name for i in here for name in coded[i][0].terms),
                columns=tuple(place for i in here for place in places[i]),
                free=_free_entries(
                    [(b.correlated, len(places[i])) for b, i in zip(same, here, strict=True)]
                ),
                codes=codes,
                shares=shares,
            )
        )
    design = RandomDesign(columns, tuple(factors))
    record = RandomRecord(
        codings=tuple(coding for coding, _ in coded),
        picks=picks,
        groupings=tuple(grouping for grouping, _, _ in known),
        factors=tuple(_without_rows(factor) for factor in factors),
    )
    return design, record


def _by_factor(bars: Sequence[Bar]) -> list[list[Bar]]:
    """Brackets that vary over the same groups, together; a:b and b:a are the same groups."""
    found: dict[object, list[Bar]] = {}
    for bar in bars:
        key = (bar.group, bar.shares) if bar.membership else frozenset(bar.group)
        found.setdefault(key, []).append(bar)
    return list(found.values())


def _effect_faults(bar: Bar, frame: pd.DataFrame) -> list[Fault]:
    missing = missing_counts(used_columns(bar.effects, str(bar)), frame)
    return [
        Fault(
            f"'{name}' is missing in {count} rows",
            str(bar),
            "restrict the data to complete rows, with a reason",
        )
        for name, count in missing.items()
    ]


def _refuse_unusable(
    merged: Sequence[Sequence[Bar]], coded: dict[int, tuple[Coding, np.ndarray]]
) -> None:
    """A variance needs effects that differ from each other, each named once for its factor."""
    faults: list[Fault] = []
    for same in merged:
        seen: set[str] = set()
        for bar in same:
            coding, matrix = coded[id(bar)]
            twice = [name for name in coding.terms if name in seen]
            seen.update(coding.terms)
            if twice:
                told = f"{', '.join(twice)} varies twice over {bar.name}"
                fix = "begin one of the brackets with 0, or write one bracket"
                faults.append(Fault(told, str(bar), fix))
            if not coding.terms:
                faults.append(Fault("nothing varies here", str(bar), "write 1 or a column"))
            explained = dependent_columns(matrix)
            if explained.any():
                told = ", ".join(n for n, e in zip(coding.terms, explained, strict=True) if e)
                faults.append(
                    Fault(
                        f"{told} cannot be told apart from the effects before it",
                        str(bar),
                        "take it out, or give the data more variation in it",
                    )
                )
    if faults:
        raise ModelError.of(faults)


def _distinct(
    coded: Sequence[tuple[Coding, np.ndarray]],
) -> tuple[list[list[int]], tuple[tuple[int, int], ...]]:
    """Where each coding's columns are stored, and where each stored column comes from."""
    stored: dict[str, list[int]] = {}
    picks: list[tuple[int, int]] = []
    places: list[list[int]] = []
    for number, (coding, matrix) in enumerate(coded):
        row: list[int] = []
        for column, name in enumerate(coding.terms):
            # one name can stand for two columns where two brackets code a category differently
            same = [
                place
                for place in stored.get(name, [])
                if np.array_equal(coded[picks[place][0]][1][:, picks[place][1]], matrix[:, column])
            ]
            if not same:
                same = [len(picks)]
                stored.setdefault(name, []).append(len(picks))
                picks.append((number, column))
            row.append(same[0])
        places.append(row)
    return places, tuple(picks)


def _free_entries(blocks: Sequence[tuple[bool, int]]) -> tuple[tuple[int, int], ...]:
    """Free entries of a block-diagonal lower triangle, column by column."""
    free: list[tuple[int, int]] = []
    start = 0
    for correlated, size in blocks:
        for column in range(start, start + size):
            end = start + size if correlated else column + 1
            free += [(row, column) for row in range(column, end)]
        start += size
    return tuple(free)


def _stacked(columns: Sequence[np.ndarray]) -> np.ndarray:
    stacked = np.empty((len(columns), len(columns[0]) if columns else 0))
    for place, column in enumerate(columns):
        stacked[place] = column
    stacked.setflags(write=False)
    return stacked


def _without_rows(factor: Factor) -> Factor:
    shares = None if factor.shares is None else factor.shares[:0].copy()
    return replace(factor, codes=factor.codes[:0].copy(), shares=shares)
