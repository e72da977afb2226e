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
    aalen_johansen,
    aalen_variance,
    clustered_variance,
    greenwood,
    standard_error,
    total,
)
from deepvalue_stats.models.duration.steps import (
    StepCurve,
    crossing,
    cut,
    stacked,
    step_curve,
)
from deepvalue_stats.models.duration.times import (
    WHERE,
    Roles,
    Spells,
    count,
    read_spells,
)
from deepvalue_stats.tables import LEVEL, read_only

Interval = Literal["log-log", "log", "plain"]
Variance = Literal["greenwood", "aalen"]
INTERVALS = ("log-log", "log", "plain")
VARIANCES = ("greenwood", "aalen")


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
        return stacked({name: one.table() for name, one in self.curves.items()})

    def at(self, times: Iterable[float] | float) -> pd.DataFrame:
        """By group and time: at_risk, estimate, std_error, conf_low, conf_high, hazard."""
        parts = {}
        for name, one in self.curves.items():
            part = one.at(times)
            place = np.searchsorted(one.times, part["time"], side="right")
            parts[name] = part.assign(hazard=np.r_[0.0, self.hazards[name]][place])
        return stacked(parts)

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
                "estimate": crossing(one.times, one.estimate, goal),
                "conf_low": crossing(one.times, one.conf_low, goal),
                "conf_high": crossing(one.times, one.conf_high, goal),
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
        return stacked({name: one.table() for name, one in self.curves.items()})

    def at(self, times: Iterable[float] | float) -> pd.DataFrame:
        """By group and time: at_risk, estimate, std_error, conf_low, conf_high."""
        return stacked({name: one.at(times) for name, one in self.curves.items()})


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
        curves[name] = step_curve(own, counts, 0, found.survival, error, 1.0, interval, level)
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
            np.sqrt(aalen_variance(found, k))
            if variance == "aalen"
            else standard_error(own, found, k)
        )
        here = found.incidence[:, k]
        curve = step_curve(own, found.counts, k, here, error, 0.0, interval, level)
        shown = slice(None) if horizon is None else slice(0, _shown(curve, horizon, name))
        curves[name] = cut(curve, shown)
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
        spells.entry,
        spells.exit,
        merged,
        spells.group,
        spells.groups,
        spells.cluster,
        spells.delayed,
    )


def _shown(curve: StepCurve, horizon: float, group: str) -> int:
    """How many steps lie within the horizon."""
    if curve.times[0] > horizon:
        raise ModelError(
            f"nobody of group '{group}' leaves or is censored by day {horizon:g}",
            "cumulative_incidence(horizon)",
            "choose a later horizon",
        )
    return int(np.searchsorted(curve.times, horizon, side="right"))
