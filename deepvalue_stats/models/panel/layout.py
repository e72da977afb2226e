"""Whose each row is and in which wave, and what of a panel is doubled, missing or never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.tables import read_only

# a column whose spread within clients is below this share of its size does not change
CONSTANT = 1e-10


@dataclass(frozen=True)
class PanelLayout:
    """The clients and waves of n rows.

    Attributes
    ----------
    client, time : str
        Their columns.
    clients : numpy.ndarray of int from 0, shape (n,)
    waves : numpy.ndarray of int from 0, shape (n,)
        Place of each row's time in the schedule.
    schedule : tuple of str
        All times that any row has, in order.
    rows : numpy.ndarray of int, shape (n_clients,)
        Waves of each client.
    gaps : int
        Pairs of a client's successive rows with a wave of the schedule between them.
    """

    client: str
    time: str
    clients: np.ndarray
    waves: np.ndarray
    schedule: tuple[str, ...]
    rows: np.ndarray
    gaps: int

    @property
    def n_clients(self) -> int:
        """How many clients there are."""
        return len(self.rows)

    @property
    def balanced(self) -> bool:
        """Whether every client has every wave."""
        return bool((self.rows == len(self.schedule)).all())

    @property
    def seen_once(self) -> int:
        """Clients with one wave only, of whom nothing is known within."""
        return int((self.rows == 1).sum())

    def means(self, values: np.ndarray) -> np.ndarray:
        """Clients' means of columns, shape (n_clients, p)."""
        sums = client_sums(self.clients, values, self.n_clients)
        return np.asarray(sums / self.rows[:, None])

    def changing(self, values: np.ndarray) -> np.ndarray:
        """Which clients' values ever change, for columns of shape (n, p): bool (n_clients, p)."""
        distance = np.abs(values - self.means(values)[self.clients])
        moved = distance > CONSTANT * np.maximum(np.abs(values).max(axis=0, initial=0), 1e-300)
        return client_sums(self.clients, moved.astype("float64"), self.n_clients) > 0

    def changers(self, changing: np.ndarray) -> np.ndarray:
        """Share of the clients with two waves or more who are among those `changing`, (p,)."""
        return np.asarray(changing.sum(axis=0) / max(int((self.rows > 1).sum()), 1))

    @property
    def order(self) -> np.ndarray:
        """Places of the rows sorted by client and wave, shape (n,)."""
        return _order(self.clients, self.waves, len(self.schedule))


def client_sums(codes: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Sums of columns by code, shape (n, p)."""
    out = np.empty((n, values.shape[1]))
    for place in range(values.shape[1]):
        out[:, place] = np.bincount(codes, weights=values[:, place], minlength=n)
    return out


def panel_layout(frame: pd.DataFrame, *, client: str, time: str) -> PanelLayout:
    """Read clients and waves from a frame.

    Parameters
    ----------
    frame : pandas.DataFrame, n rows
        Without missing clients or times.
    client, time : str
        Columns; time is a number, a date or an ordered category.

    Returns
    -------
    PanelLayout

    Raises
    ------
    ModelError
        If a column is not there or missing in some row, time has no order, or a client has two
        rows at one time.

    Examples
    --------
    >>> rows = pd.DataFrame({"client": ["a", "a", "b", "b"], "month": [0, 6, 0, 12]})
    >>> layout = panel_layout(rows, client="client", time="month")
    >>> layout.schedule, layout.balanced, layout.gaps
    (('0', '6', '12'), False, 1)
    """
    _refuse_columns(frame, client, time)
    clients, known = pd.factorize(frame[client])
    times, schedule = _ordered(frame[time], time)
    order = _order(clients, times, len(schedule))
    same = clients[order][1:] == clients[order][:-1]
    step = np.diff(times[order])
    doubled = int((same & (step == 0)).sum())
    if doubled:
        raise ModelError(
            f"{doubled} rows repeat the client and time of another",
            f"{client}, {time}",
            "keep one row for each client and wave, and say by which rule",
        )
    return PanelLayout(
        client=client,
        time=time,
        clients=read_only(clients),
        waves=read_only(times),
        schedule=schedule,
        rows=read_only(np.bincount(clients, minlength=len(known))),
        gaps=int((same & (step > 1)).sum()),
    )


def _order(clients: np.ndarray, waves: np.ndarray, n_waves: int) -> np.ndarray:
    key = clients * n_waves + waves
    if (key[1:] >= key[:-1]).all():
        return np.arange(len(key))
    return np.argsort(key, kind="stable")


def _refuse_columns(frame: pd.DataFrame, client: str, time: str) -> None:
    faults = []
    for role, name in (("client", client), ("time", time)):
        if name not in frame:
            faults.append(Fault(f"no column '{name}'", role, "name a column of the data"))
        elif frame[name].isna().any():
            count = int(frame[name].isna().sum())
            fix = "leave those rows out, with a reason"
            faults.append(Fault(f"'{name}' is missing in {count} rows", role, fix))
    if faults:
        raise ModelError.of(faults)


def _ordered(column: pd.Series, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Places in the schedule, and the schedule."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
        used = column.cat.remove_unused_categories()
        return used.cat.codes.to_numpy().astype("int64"), tuple(map(str, used.cat.categories))
    number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    if not number and not pd.api.types.is_datetime64_any_dtype(dtype):
        raise ModelError(
            f"'{name}' has no order: it is neither a number nor a date",
            "time",
            "give waves as numbers, dates, or an ordered category",
        )
    places, values = pd.factorize(column, sort=True)
    return np.asarray(places, dtype="int64"), tuple(map(str, values))


def refuse_unchanging(
    layout: PanelLayout, changers: Mapping[str, float], outcome: str, estimator: str
) -> None:
    """Raise a ModelError for one wave only, and for what changes for no client."""
    if layout.rows.max(initial=0) < 2:
        raise ModelError(
            f"no client has more than one wave, so '{estimator}' has nothing to compare",
            f"{layout.client}, {layout.time}",
            "fit a model of one wave, as fit_logit, or add waves",
        )
    if changers[outcome] == 0:
        raise ModelError(
            f"'{outcome}' never changes for any client",
            estimator,
            "nothing within clients can be explained: use estimator='between'",
        )
    fixed = [term for term, share in changers.items() if share == 0]
    if fixed:
        raise ModelError(
            f"{', '.join(fixed)} never changes for any client, and what is fixed about a client "
            "has been taken out",
            estimator,
            "take it out, or use within_between, which can tell both",
        )
