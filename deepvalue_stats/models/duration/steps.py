"""A curve that goes in steps, with its limits: how it is made, cut, read and put in a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.models.duration.times import Counts, Spells, in_rows
from deepvalue_stats.models.student import t_quantile
from deepvalue_stats.tables import read_only

# how far a curve may be from a level and still count as on it
ON_LEVEL = 1.5e-8
# a share this near to 0 or 1 is there but for rounding
EDGE = 1e-12
STEPPED = (
    "times",
    "at_risk",
    "events",
    "censored",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
)


@dataclass(frozen=True)
class StepCurve:
    """One group's curve; it jumps at `times` and is level between them.

    Attributes
    ----------
    times : numpy.ndarray, shape (m,)
        Every distinct time at which somebody left or was censored.
    at_risk : numpy.ndarray, shape (m,)
        Rows at risk just before each time.
    events, censored : numpy.ndarray, shape (m,)
        Events that the curve counts, and rows whose observation ends without any exit.
    start : float
        The curve before the first time: 1 for survival, 0 for incidence.
    estimate, std_error, conf_low, conf_high : numpy.ndarray, shape (m,)
        Limits are missing where the curve is still at 0 or 1, for its standard error says nothing
        there.
    n : int
        Rows.
    n_clusters : int
        0 where rows are taken as independent.
    complete : bool
        Whether nobody is left without an exit: the curve then stays as it is.
    emptied : float
        First time at which nobody was left at risk though others came under observation later;
        NaN where that never happened. The curve says nothing from there on.
    """

    times: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    start: float
    estimate: np.ndarray
    std_error: np.ndarray
    conf_low: np.ndarray
    conf_high: np.ndarray
    n: int
    n_clusters: int
    complete: bool
    emptied: float
    _entry: np.ndarray
    _exit: np.ndarray

    def table(self) -> pd.DataFrame:
        """All steps, one row a time."""
        return pd.DataFrame(
            {
                "time": self.times,
                "at_risk": self.at_risk,
                "events": self.events,
                "censored": self.censored,
                "estimate": self.estimate,
                "std_error": self.std_error,
                "conf_low": self.conf_low,
                "conf_high": self.conf_high,
            }
        )

    def at(self, times: Iterable[float] | float) -> pd.DataFrame:
        """The curve at given times, with who is still at risk then.

        Beyond the last time the curve is missing unless it is complete.
        """
        when = in_rows(times)
        place = np.searchsorted(self.times, when, side="right") - 1
        seen = (when <= self.times[-1]) | self.complete
        columns = {
            name: np.where(seen, np.r_[first, getattr(self, name)][place + 1], np.nan)
            for name, first in (
                ("estimate", self.start),
                ("std_error", 0.0),
                ("conf_low", np.nan),
                ("conf_high", np.nan),
            )
        }
        at_risk = np.searchsorted(self._entry, when, side="left") - np.searchsorted(
            self._exit, when, side="left"
        )
        return pd.DataFrame({"time": when, "at_risk": at_risk, **columns})


def step_curve(
    spells: Spells,
    counts: Counts,
    k: int,
    estimate: np.ndarray,
    error: np.ndarray,
    start: float,
    interval: str,
    level: float,
) -> StepCurve:
    """A curve with its limits, ready to hand out."""
    n_clusters = 0 if spells.cluster is None else int(spells.cluster.max()) + 1
    dof = np.inf if n_clusters == 0 else float(n_clusters - 1)
    if n_clusters == 1:
        # influences of one cluster add up to nothing: that is no certainty
        error, dof = np.full_like(error, np.nan), np.nan
    low, high = limits(estimate, error, interval, float(t_quantile((1 + level) / 2, dof)))
    left = counts.at_risk - counts.exits - counts.censored
    gone = np.flatnonzero(left[:-1] == 0)
    return StepCurve(
        times=counts.times,
        at_risk=counts.at_risk,
        events=read_only(counts.events[:, k]),
        censored=counts.censored,
        start=start,
        estimate=read_only(estimate),
        std_error=read_only(error),
        conf_low=read_only(low),
        conf_high=read_only(high),
        n=len(spells.exit),
        n_clusters=n_clusters,
        complete=bool(left[-1] == 0 and counts.censored[-1] == 0),
        emptied=float(counts.times[gone[0]]) if gone.size and spells.delayed else np.nan,
        _entry=read_only(np.sort(spells.entry)),
        _exit=read_only(np.sort(spells.exit)),
    )


def limits(
    estimate: np.ndarray, error: np.ndarray, interval: str, quantile: float
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of a share, missing where it is 0 or 1.

    Parameters
    ----------
    estimate, error : numpy.ndarray, shape (m,)
    interval : str
    quantile : float
        Of the reference distribution.
    """
    inside = (estimate > EDGE) & (estimate < 1 - EDGE) & np.isfinite(error)
    share = np.where(inside, estimate, 0.5)
    half = quantile * np.where(inside, error, 0)
    if interval == "plain":
        low, high = share - half, share + half
    elif interval == "log":
        low, high = share * np.exp(-half / share), share * np.exp(half / share)
    else:
        turn = half / (share * np.abs(np.log(share)))
        low, high = share ** np.exp(turn), share ** np.exp(-turn)
    blank = np.where(inside, 0, np.nan)
    return np.clip(low, 0, 1) + blank, np.clip(high, 0, 1) + blank


def cut(curve: StepCurve, shown: slice) -> StepCurve:
    """The first steps of a curve."""
    parts: dict[str, Any] = {name: read_only(getattr(curve, name)[shown]) for name in STEPPED}
    complete = curve.complete and len(parts["times"]) == len(curve.times)
    return replace(curve, complete=complete, **parts)


def crossing(times: np.ndarray, curve: np.ndarray, goal: float) -> float:
    """When a falling curve first comes down to a level; the middle where it rests on it."""
    known = np.isfinite(curve)
    times, curve = times[known], curve[known]
    reached = np.flatnonzero(curve <= goal + ON_LEVEL)
    if reached.size == 0:
        return float("nan")
    first = reached[0]
    below = np.flatnonzero(curve < goal - ON_LEVEL)
    if abs(curve[first] - goal) <= ON_LEVEL and below.size:
        return float((times[first] + times[below[0]]) / 2)
    return float(times[first])


def stacked(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One frame of several groups', with the group's name in front."""
    frames = [part.assign(group=name) for name, part in parts.items()]
    whole = pd.concat(frames, ignore_index=True)
    return whole[["group", *[name for name in whole if name != "group"]]]
