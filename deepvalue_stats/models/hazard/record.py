"""What a fitted hazard knows of its clock, so that whole paths can be worked out from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.models.hazard.expansion import PERIOD

BASELINE, LOG_PERIOD = "baseline", "log_period"
# dummies of fewer events are hardly known: such periods at the end share one
FEW_EVENTS = 5


@dataclass(frozen=True)
class Band:
    """Neighbouring periods with one baseline hazard; `last` is None where it never ends."""

    label: str
    first: int
    last: int | None


@dataclass(frozen=True)
class HazardRecord:
    """The clock of a hazard fit; arrays by period have shape (n_periods,).

    Attributes
    ----------
    cause : int
        The code of the event that is explained; others end a spell without it.
    causes : tuple of int
        Every code with which a spell ended.
    period_days : float or None
        Length of a period; None where the data counted periods.
    baseline : str
        dummies, log or constant.
    bands : tuple of Band
        Of dummies.
    at_risk, events : numpy.ndarray of int
        Spells at risk in each period, and those of them with the event.
    paths : numpy.ndarray of int, shape (n,)
        Which spell each row of the fit belongs to.
    starts : numpy.ndarray of int, shape (n_spells,)
        The first row of each spell.
    note : str
        Which periods share a baseline hazard, and why; empty where none do.
    """

    cause: int
    causes: tuple[int, ...]
    period_days: float | None
    baseline: str
    bands: tuple[Band, ...]
    at_risk: np.ndarray
    events: np.ndarray
    paths: np.ndarray
    starts: np.ndarray
    note: str

    @property
    def n_periods(self) -> int:
        """The last period in which somebody was at risk."""
        return len(self.at_risk)

    def placed(self, rows: pd.DataFrame, period: np.ndarray | int) -> pd.DataFrame:
        """The same rows in other periods."""
        return placed(rows, period, self.baseline, self.bands)


def placed(
    rows: pd.DataFrame, period: np.ndarray | int, baseline: str, bands: tuple[Band, ...]
) -> pd.DataFrame:
    """Rows in given periods, with the columns of the baseline."""
    period = np.broadcast_to(np.asarray(period, dtype="int64"), len(rows))
    rows = rows.assign(**{PERIOD: period})
    if baseline == "dummies":
        firsts = np.array([band.first for band in bands])
        codes = np.searchsorted(firsts, period, side="right") - 1
        labels = [band.label for band in bands]
        return rows.assign(**{BASELINE: pd.Categorical(np.array(labels)[codes], labels)})
    return rows.assign(**{LOG_PERIOD: np.log(period)}) if baseline == "log" else rows


def bands_of(
    at_risk: np.ndarray, events: np.ndarray, last: int | None
) -> tuple[tuple[Band, ...], str]:
    """Periods that share a baseline hazard, and why in words.

    A period without events has no hazard of its own: it joins those after it. At the end periods
    are joined until the last band has five events; or from period `last` on, where it is given.
    """
    n = len(at_risk)
    firsts, held = [1], 0
    for period in range(1, n + 1):
        full = held > 0 and (last is None or period <= last)
        if full:
            firsts.append(period)
            held = 0
        held += int(events[period - 1])
    while len(firsts) > 1 and (held == 0 or (last is None and held < FEW_EVENTS)):
        gone = firsts.pop()
        held += int(events[firsts[-1] - 1 : gone - 1].sum())
    ends = [first - 1 for first in firsts[1:]]
    bands = [Band(_label(a, b), a, b) for a, b in zip(firsts[:-1], ends, strict=True)]
    bands.append(Band(f"{firsts[-1]}+", firsts[-1], None))
    shared = [band.label for band in bands[:-1] if band.first != band.last]
    said = []
    if shared:
        said.append(f"periods {', '.join(shared)} share a baseline hazard: no event in some")
    if firsts[-1] < n:
        why = "as asked" if last is not None else f"so that it has {FEW_EVENTS} events"
        said.append(f"from period {firsts[-1]} on there is one baseline hazard, {why}")
    return tuple(bands), "; ".join(said)


def _label(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
