"""A clock that starts anew at a landmark, with a count of those who were gone by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.duration.times import Roles, read_spells

WHERE = "landmark"


@dataclass(frozen=True)
class Landmark:
    """Clients still at risk at a landmark, on a clock that starts there.

    Attributes
    ----------
    day : float
        Last day before the new clock: its day 1 is the day after.
    frame : pandas.DataFrame
        Their rows, durations (and entries) counted from the landmark.
    left : mapping of str to int
        Rows that are gone by the landmark, by why: `censored`, and `exit 1`, `exit 2`, ...
    """

    day: float
    frame: pd.DataFrame
    left: dict[str, int]

    @property
    def table(self) -> pd.DataFrame:
        """Rows by what became of them, those kept last."""
        counts = {**self.left, "at risk at the landmark": len(self.frame)}
        return pd.DataFrame({"reason": list(counts), "rows": list(counts.values())})


def landmark(
    data: pd.DataFrame, day: float, *, duration: str, event: str, entry: str = ""
) -> Landmark:
    """Start the clock anew at a day, with those who have had no exit by then.

    For an exposure that is only known some time after the start, as a rating of the first two
    months: from the start it would lend those who are rated the time they had to survive to be
    rated (immortal time). Group by what is known at the landmark, never later.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a client, or a client's piece of time (with `entry`).
    day : float
        An exit or a censoring on this day or before is before the landmark.
    duration, event : str
        Columns; event is 0 for censored, 1, 2, ... for the exit that happened.
    entry : str
        Day from which a row was at risk; a piece that spans the landmark is cut there.

    Returns
    -------
    Landmark

    Raises
    ------
    ModelError
        With faults of the columns; a day below zero; nobody at risk after it.

    References
    ----------
    Anderson, Cain and Gelber (1983), Journal of Clinical Oncology 1; Suissa (2008), American
    Journal of Epidemiology 167, for the bias without one.

    Examples
    --------
    >>> rows = pd.DataFrame({"days": [10, 60, 90], "left": [1, 0, 2]})
    >>> kept = landmark(rows, 30, duration="days", event="left")
    >>> kept.frame["days"].tolist(), kept.left
    ([30, 60], {'censored': 0, 'exit 1': 1, 'exit 2': 0})
    """
    spells = read_spells(data, Roles(duration, event, entry=entry))
    gone = spells.exit <= day
    faults = []
    if not day >= 0:
        faults.append(Fault("the landmark lies before the start", WHERE, "give a day from 0 on"))
    if gone.all():
        faults.append(
            Fault(
                f"nobody is at risk after day {day:g}",
                WHERE,
                "choose an earlier day for the landmark",
            )
        )
    if faults:
        raise ModelError.of(faults)
    counts = np.bincount(spells.cause[gone], minlength=int(spells.cause.max()) + 1)
    names = ["censored", *[f"exit {one}" for one in range(1, len(counts))]]
    if entry:
        names[0] = "pieces of time that end without an exit"
    kept = data.loc[~gone].reset_index(drop=True)
    changed = {duration: kept[duration] - day}
    if entry:
        changed[entry] = (kept[entry] - day).clip(lower=0)
    return Landmark(day, kept.assign(**changed), dict(zip(names, map(int, counts), strict=True)))
