"""Durations as arrays: read from a frame with all their faults at once, ties merged, counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.tables import read_only

# times nearer than this, as a share of the mean time, are one time: as survival in R has it
SAME_TIME = float(np.sqrt(np.finfo(float).eps))
WHERE = "durations"
# what an error calls a role
WORDS = {"by": "groups"}


@dataclass(frozen=True)
class Spells:
    """Who was at risk from when to when, and how it ended.

    Attributes
    ----------
    entry, exit : numpy.ndarray, shape (n,)
        A row is at risk at time t where entry < t <= exit.
    cause : numpy.ndarray of int, shape (n,)
        0 censored, 1, 2, ... the exit that happened.
    group : numpy.ndarray of int, shape (n,)
        Place in `groups`.
    groups : tuple of str
    cluster : numpy.ndarray of int or None, shape (n,)
        Rows that may depend on each other; None where every row stands alone.
    delayed : bool
        Whether anybody comes under observation after time 0.
    """

    entry: np.ndarray
    exit: np.ndarray
    cause: np.ndarray
    group: np.ndarray
    groups: tuple[str, ...]
    cluster: np.ndarray | None = None
    delayed: bool = False

    def of_group(self, place: int) -> Spells:
        """The rows of one group."""
        rows = self.group == place
        cluster = None if self.cluster is None else np.unique(self.cluster[rows], False, True)[1]
        return Spells(
            self.entry[rows],
            self.exit[rows],
            self.cause[rows],
            np.zeros(int(rows.sum()), dtype="int64"),
            (self.groups[place],),
            cluster,
            bool((self.entry[rows] > 0).any()),
        )


@dataclass(frozen=True)
class Counts:
    """Events and persons at risk at each distinct time of exit.

    Attributes
    ----------
    times : numpy.ndarray, shape (m,)
    at_risk : numpy.ndarray, shape (m,)
        Just before each time.
    events : numpy.ndarray, shape (m, k)
        Exits by each of k causes.
    censored : numpy.ndarray, shape (m,)
    """

    times: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray

    @property
    def exits(self) -> np.ndarray:
        """Exits of any cause, shape (m,)."""
        return np.asarray(self.events.sum(axis=1))


@dataclass(frozen=True)
class Roles:
    """Which column says what; empty where none does."""

    duration: str
    event: str
    by: str = ""
    cluster: str = ""
    entry: str = ""
    strata: str = ""

    def named(self) -> dict[str, str]:
        """The columns that are used, by role."""
        return {WORDS.get(role, role): name for role, name in vars(self).items() if name}


@dataclass(frozen=True)
class _Reading:
    """Faults found so far."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, what: str, fix: str) -> None:
        self.faults.append(Fault(what, WHERE, fix))


def read_spells(data: pd.DataFrame, roles: Roles) -> Spells:
    """The durations of a frame as arrays.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a client, or a client's piece of time.
    roles : Roles

    Raises
    ------
    ModelError
        With everything that is wrong: columns that are not there, missing values, durations that
        are not positive numbers, entries not before the exit, events that are no whole numbers.
    """
    reading = _Reading()
    _read_presence(data, roles.named(), reading)
    if reading.faults:
        raise ModelError.of(reading.faults)
    end = _number(data[roles.duration], roles.duration, reading)
    start = _number(data[roles.entry], roles.entry, reading) if roles.entry else None
    cause = _causes(data[roles.event], roles.event, reading)
    if end is not None:
        _check_order(start, end, roles, reading)
    if reading.faults or end is None or cause is None:
        raise ModelError.of(reading.faults)
    begun = np.zeros(len(end)) if start is None else start
    begun, end = merge_ties(begun, end)
    if (begun >= end).any():
        reading.add(
            f"{int((begun >= end).sum())} pieces of time are shorter than rounding can tell",
            "count time in whole days",
        )
        raise ModelError.of(reading.faults)
    group, groups = _labels(data, roles.by)
    cluster = pd.factorize(data[roles.cluster])[0] if roles.cluster else None
    return Spells(
        read_only(begun),
        read_only(end),
        read_only(cause),
        read_only(group),
        groups,
        None if cluster is None else read_only(cluster),
        bool((begun > 0).any()),
    )


def _read_presence(data: pd.DataFrame, named: Mapping[str, str], reading: _Reading) -> None:
    for role, name in named.items():
        if name not in data:
            reading.add(f"no column '{name}' for the {role}", "name one that there is")
        elif data[name].isna().any():
            reading.add(
                f"'{name}' is missing in {int(data[name].isna().sum())} rows",
                "restrict the data to rows where it is known, with a reason",
            )
    if not reading.faults and data.empty:
        reading.add("no row is left", "look at the flow: which step took them?")


def _number(column: pd.Series, name: str, reading: _Reading) -> np.ndarray | None:
    # pandas would read them as nanoseconds
    if column.dtype.kind in "mM":
        reading.add(f"'{name}' is a date or a span of time", "count days from the start: .dt.days")
        return None
    try:
        values = pd.to_numeric(column).to_numpy(dtype="float64")
    except (ValueError, TypeError):
        reading.add(f"'{name}' is not a number", "count days from the start of the clock")
        return None
    if not np.isfinite(values).all():
        reading.add(
            f"'{name}' is not finite in {int((~np.isfinite(values)).sum())} rows",
            "correct or leave out those rows",
        )
        return None
    return values


def _causes(column: pd.Series, name: str, reading: _Reading) -> np.ndarray | None:
    values = _number(column, name, reading)
    if values is None:
        return None
    wrong = (values < 0) | (values != np.round(values))
    if wrong.any():
        reading.add(
            f"'{name}' is no whole number from 0 in {int(wrong.sum())} rows",
            "code 0 for censored, and 1, 2, ... for the exit that happened",
        )
        return None
    return values.astype("int64")


def _check_order(
    start: np.ndarray | None, end: np.ndarray, roles: Roles, reading: _Reading
) -> None:
    if (end <= 0).any():
        reading.add(
            f"'{roles.duration}' is not positive in {int((end <= 0).sum())} rows",
            "an event before the start is no event of this clock: use landmark(), or count the"
            " first day as 1",
        )
    if start is None:
        return
    if (start < 0).any():
        reading.add(
            f"'{roles.entry}' is negative in {int((start < 0).sum())} rows",
            "nobody is at risk before the clock starts: use 0",
        )
    if (start >= end).any():
        reading.add(
            f"'{roles.entry}' is not before '{roles.duration}' in {int((start >= end).sum())} rows",
            "leave out those who left before they came under observation, with a reason",
        )


def _labels(data: pd.DataFrame, by: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Groups as integers, in the order of a category or else sorted."""
    if not by:
        return np.zeros(len(data), dtype="int64"), ("all",)
    column = data[by]
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
        return column.cat.codes.to_numpy(dtype="int64"), tuple(map(str, column.cat.categories))
    codes, names = pd.factorize(column, sort=True)
    return np.asarray(codes, dtype="int64"), tuple(map(str, names))


def merge_ties(*times: np.ndarray) -> tuple[np.ndarray, ...]:
    """Times with those that differ by floating rounding only made equal to the earliest of them.

    Parameters
    ----------
    times : numpy.ndarray, each of shape (n,)

    Examples
    --------
    >>> merge_ties(np.array([0.1 + 0.2, 0.3, 1.0]))[0].tolist()
    [0.3, 0.3, 1.0]
    """
    stacked = np.concatenate(times)
    distinct, place = np.unique(stacked, return_inverse=True)
    gaps = np.diff(distinct)
    near = (gaps <= SAME_TIME) | (gaps <= SAME_TIME * np.mean(np.abs(distinct)))
    if not near.any():
        return times
    first = np.maximum.accumulate(np.where(np.r_[True, ~near], np.arange(len(distinct)), 0))
    merged = distinct[first][place]
    return tuple(np.split(merged, np.cumsum([len(one) for one in times])[:-1]))


def count(spells: Spells, n_causes: int) -> Counts:
    """Events and persons at risk at every distinct time of exit.

    Parameters
    ----------
    spells : Spells
        Of one group.
    n_causes : int
        Exits of causes 1 to this are counted.
    """
    times, place = np.unique(spells.exit, return_inverse=True)
    m = len(times)
    leaving = np.bincount(place, minlength=m)
    still = np.cumsum(leaving[::-1])[::-1]
    unseen = len(spells.entry) - np.searchsorted(np.sort(spells.entry), times, side="left")
    cells = np.bincount(place * (n_causes + 1) + spells.cause, minlength=m * (n_causes + 1))
    table = cells.reshape(m, n_causes + 1)
    return Counts(
        read_only(times), read_only(still - unseen), read_only(table[:, 1:]), read_only(table[:, 0])
    )


def in_rows(values: Iterable[float] | float) -> np.ndarray:
    """One or many times as an array."""
    return np.atleast_1d(np.asarray(values, dtype="float64"))
