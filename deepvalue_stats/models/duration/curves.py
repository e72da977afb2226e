"""Curves of time to an event: survival, and cumulative incidence where several exits compete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.duration.incidence import (
    Incidence,
    aalen_johansen,
    aalen_variance,
    clustered_variance,
    greenwood,
    standard_error,
    total,
)
from deepvalue_stats.models.duration.times import (
    WHERE,
    Counts,
    Roles,
    Spells,
    count,
    in_rows,
    read_spells,
)
from deepvalue_stats.models.student import t_quantile
from deepvalue_stats.tables import LEVEL, read_only

Interval = Literal["log-log", "log", "plain"]
Variance = Literal["greenwood", "aalen"]
INTERVALS = ("log-log", "log", "plain")
VARIANCES = ("greenwood", "aalen")
# how far a curve may be from a level and still count as on it
ON_LEVEL = 1.5e-8


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

        Beyond the last time the curve is missing unless it has come to its end.
        """
        when = in_rows(times)
        place = np.searchsorted(self.times, when, side="right") - 1
        ended = self.estimate[-1] == 1 - self.start
        seen = (when <= self.times[-1]) | ended
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


@dataclass(frozen=True)
class SurvivalCurve:
    """Share of clients without the event, by time and group.

    Attributes
    ----------
    curves : mapping of str to StepCurve
    hazards : mapping of str to numpy.ndarray
        Nelson and Aalen's cumulative hazard at each of a curve's times.
    interval : str
    level : float
    """

    curves: Mapping[str, StepCurve]
    hazards: Mapping[str, np.ndarray]
    interval: str
    level: float

    @property
    def table(self) -> pd.DataFrame:
        """All steps of all groups."""
        return _stacked({name: one.table() for name, one in self.curves.items()})

    def at(self, times: Iterable[float] | float) -> pd.DataFrame:
        """By group and time: at_risk, estimate, std_error, conf_low, conf_high, hazard."""
        parts = {}
        for name, one in self.curves.items():
            part = one.at(times)
            place = np.searchsorted(one.times, part["time"], side="right")
            parts[name] = part.assign(hazard=np.r_[0.0, self.hazards[name]][place])
        return _stacked(parts)

    def quantile(self, share: float = 0.5) -> pd.DataFrame:
        """When this share of a group has had the event, with limits from those of the curve.

        Where the curve is level at exactly 1 - share, the middle of that stretch; missing where
        fewer have had it.

        References
        ----------
        Brookmeyer and Crowley (1982), Biometrics 38.
        """
        rows = {}
        for name, one in self.curves.items():
            goal = 1 - share
            rows[name] = {
                "estimate": _crossing(one.times, one.estimate, goal),
                "conf_low": _crossing(one.times, one.conf_low, goal),
                "conf_high": _crossing(one.times, one.conf_high, goal),
            }
        return pd.DataFrame.from_dict(rows, orient="index")

    def median(self) -> pd.DataFrame:
        """When half of a group has had the event; see `quantile`."""
        return self.quantile(0.5)


@dataclass(frozen=True)
class CumulativeIncidence:
    """Share of clients who have left by one cause, by time and group.

    Attributes
    ----------
    cause : int
    curves : mapping of str to StepCurve
    survival : mapping of str to numpy.ndarray
        Share who have not left by any cause, at each of a curve's times.
    others : mapping of str to numpy.ndarray
        Incidence of all other causes together; with the other two it adds up to 1.
    interval, variance : str
    level : float
    """

    cause: int
    curves: Mapping[str, StepCurve]
    survival: Mapping[str, np.ndarray]
    others: Mapping[str, np.ndarray]
    interval: str
    variance: str
    level: float

    @property
    def table(self) -> pd.DataFrame:
        """All steps of all groups."""
        return _stacked({name: one.table() for name, one in self.curves.items()})

    def at(self, times: Iterable[float] | float) -> pd.DataFrame:
        """By group and time: at_risk, estimate, std_error, conf_low, conf_high."""
        return _stacked({name: one.at(times) for name, one in self.curves.items()})


def survival_curve(
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    by: str = "",
    entry: str = "",
    cluster: str = "",
    interval: Interval = "log-log",
    level: float = LEVEL,
) -> SurvivalCurve:
    """Estimate the share of clients without the event over time (Kaplan and Meier).

    For one kind of exit. Not where clients leave by another door: to censor them says what would
    happen if that door were shut; use `cumulative_incidence`.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a client, or a client's piece of time.
    duration : str
        Days from the start of the clock to the event or the end of observation.
    event : str
        1 where the event happened, 0 where observation ended first; every other code from 1 on
        counts as the event too.
    by : str
        Column of groups, each with its curve.
    entry : str
        Days from the start of the clock until the client came under observation (a landmark); at
        risk after that. All from 0 where left out.
    cluster : str
        Rows that may depend on each other, as clients of a practitioner: standard errors from
        influences summed by cluster, limits from t with clusters less one degrees of freedom.
    interval : str
        log-log keeps the limits in 0 to 1 and is best near its ends; log is what R draws; plain
        is cut at 0 and 1.
    level : float

    Returns
    -------
    SurvivalCurve
        With nobody's event observed the curve is flat at 1 and its limits are missing.

    Raises
    ------
    ModelError
        With every fault of the columns; see `read_spells`.

    Notes
    -----
    S(t) = prod (1 - d/Y), variance by Greenwood. Assumes that those censored are like those who
    stay. At equal times events come before censorings. Times that floating rounding sets apart
    are merged; whole days are exact.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53; Aalen (1978),
    Annals of Statistics 6, for the hazard; Therneau and Grambsch (2000), section 7.

    Examples
    --------
    >>> rows = pd.DataFrame({"days": [2, 3, 3, 5], "work": [1, 1, 0, 1]})
    >>> survival_curve(rows, duration="days", event="work").at([2, 4])["estimate"].tolist()
    [0.75, 0.5]
    """
    _known(interval, INTERVALS, "interval")
    spells = read_spells(data, Roles(duration, event, by, cluster, entry))
    curves, hazards = {}, {}
    for place, name in enumerate(spells.groups):
        own = _any_cause(spells.of_group(place))
        found = aalen_johansen(count(own, 1))
        counts = found.counts
        if own.cluster is None:
            error = np.sqrt(greenwood(counts, found.survival))
        else:
            error = np.sqrt(clustered_variance(own, total(found), 0))
        curves[name] = _step_curve(own, counts, 0, found.survival, error, 1.0, interval, level)
        hazards[name] = read_only(np.cumsum(counts.exits / counts.at_risk))
    return SurvivalCurve(MappingProxyType(curves), MappingProxyType(hazards), interval, level)


def cumulative_incidence(
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    by: str = "",
    cause: int = 1,
    horizon: float | None = None,
    entry: str = "",
    cluster: str = "",
    interval: Interval = "log-log",
    variance: Variance = "greenwood",
    level: float = LEVEL,
) -> CumulativeIncidence:
    """Estimate the share of clients who have left by one cause over time (Aalen and Johansen).

    For how many enter work by a day, when others retire, move or lose contact in ways that end
    their chance. One minus Kaplan and Meier's curve overstates that share.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a client, or a client's piece of time.
    duration : str
        Days from the start of the clock to the exit or the end of observation.
    event : str
        0 censored, 1, 2, ... the exit that happened.
    by : str
        Column of groups, each with its curve.
    cause : int
        Whose incidence.
    horizon : float
        Last day of interest: later steps are left out.
    entry : str
        Day from which a client was under observation; all from 0 where left out.
    cluster : str
        Rows that may depend on each other: influences are summed by cluster, and limits rest on
        t with clusters less one degrees of freedom.
    interval : str
        See `survival_curve`.
    variance : str
        greenwood: the sum of squared influences, as survival in R has it, which is exact for the
        multinomial of each day; aalen: as cmprsk's cuminc has it.
    level : float

    Returns
    -------
    CumulativeIncidence

    Raises
    ------
    ModelError
        With every fault of the columns; where nobody left by this cause; where `aalen` is asked
        for with clusters or late entries, for which it is not defined.

    Notes
    -----
    F_k(t) = sum S(s-) d_k(s)/Y(s) over s <= t, S of all causes together. Ties are exact: no time
    is jittered. Where clients enter late, or come in clusters, the variance is the infinitesimal
    jackknife's, whose work grows with rows times event days.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5; Geskus (2016), Data Analysis
    with Competing Risks, for late entry.

    Examples
    --------
    >>> rows = pd.DataFrame({"days": [2, 3, 3, 5], "left": [1, 2, 0, 1]})
    >>> cumulative_incidence(rows, duration="days", event="left").at(3)["estimate"].tolist()
    [0.25]
    """
    _known(interval, INTERVALS, "interval")
    _known(variance, VARIANCES, "variance")
    spells = read_spells(data, Roles(duration, event, by, cluster, entry))
    refuse_absent_cause(spells, cause)
    if variance == "aalen" and (spells.cluster is not None or spells.delayed):
        raise ModelError(
            "Aalen's variance is for independent rows that are all observed from the start",
            "cumulative_incidence(variance='aalen')",
            "use variance='greenwood'",
        )
    curves, survival, others = {}, {}, {}
    for place, name in enumerate(spells.groups):
        own = spells.of_group(place)
        found = aalen_johansen(count(own, int(spells.cause.max())))
        k = cause - 1
        error = (
            np.sqrt(aalen_variance(found, k)) if variance == "aalen" else standard_error(own, found, k)
        )
        here = found.incidence[:, k]
        curve = _step_curve(own, found.counts, k, here, error, 0.0, interval, level)
        shown = slice(None) if horizon is None else slice(0, _shown(curve, horizon, name))
        curves[name] = _cut(curve, shown)
        survival[name] = read_only(found.survival[shown])
        others[name] = read_only((found.incidence.sum(axis=1) - here)[shown])
    return CumulativeIncidence(
        cause,
        MappingProxyType(curves),
        MappingProxyType(survival),
        MappingProxyType(others),
        interval,
        variance,
        level,
    )


def refuse_absent_cause(spells: Spells, cause: int) -> None:
    """A cause by which nobody left has no curve, no test and no model."""
    if cause < 1 or not (spells.cause == cause).any():
        raise ModelError(
            f"nobody left by cause {cause}",
            WHERE,
            "name a code of the event column that happened, or look at the outcome's definition",
        )


def _known(value: str, allowed: tuple[str, ...], option: str) -> None:
    if value not in allowed:
        raise ModelError(f"no {option} called {value!r}", WHERE, f"use one of {', '.join(allowed)}")


def _any_cause(spells: Spells) -> Spells:
    """All exits as one."""
    merged = (spells.cause > 0).astype("int64")
    return Spells(
        spells.entry, spells.exit, merged, spells.group, spells.groups, spells.cluster, spells.delayed
    )


def _step_curve(
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
    dof = np.inf if n_clusters == 0 else max(n_clusters - 1, np.nan)
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
    inside = (estimate > 0) & (estimate < 1) & np.isfinite(error)
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


def _shown(curve: StepCurve, horizon: float, group: str) -> int:
    """How many steps lie within the horizon."""
    if curve.times[0] > horizon:
        raise ModelError(
            f"nobody of group '{group}' leaves or is censored by day {horizon:g}",
            "cumulative_incidence(horizon)",
            "choose a later horizon",
        )
    return int(np.searchsorted(curve.times, horizon, side="right"))


def _cut(curve: StepCurve, shown: slice) -> StepCurve:
    """The first steps of a curve."""
    stepped = ("times", "at_risk", "events", "censored", "estimate", "std_error")
    parts = {name: read_only(getattr(curve, name)[shown]) for name in (*stepped, *LIMITS)}
    return StepCurve(**{**vars(curve), **parts})


LIMITS = ("conf_low", "conf_high")


def _crossing(times: np.ndarray, curve: np.ndarray, goal: float) -> float:
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


def _stacked(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    frames = [part.assign(group=name) for name, part in parts.items()]
    whole = pd.concat(frames, ignore_index=True)
    return whole[["group", *[name for name in whole if name != "group"]]]


__all__ = [
    "CumulativeIncidence",
    "Incidence",
    "StepCurve",
    "SurvivalCurve",
    "cumulative_incidence",
    "limits",
    "survival_curve",
]
