"""What a study of breaks says: estimates by waves since the change, their average, and who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.breaks.history import BreakFlow
from deepvalue_stats.models.breaks.inference import BreakTest, intervals
from deepvalue_stats.tables import LEVEL


@dataclass(frozen=True)
class BreakEstimate:
    """An average effect of the change of practitioner on those who lost theirs.

    Attributes
    ----------
    event_time : int or None
        Waves since the first one after the change, which is 0; None for an average of several.
    estimate, std_error : float
        In the outcome's unit; of an outcome of 0 and 1, a difference in risk.
    dof, conf_low, conf_high, p_value : float
        By Student's t; std_error, limits and p_value are not a number where fewer than two
        practitioners left.
    joint_low, joint_high : float
        The band that holds for all event times of a curve at once; of an average, its own interval.
    n_clients, n_practitioners : int
        Clients who lost their practitioner, and these practitioners.
    n_controls, n_control_practitioners : int
        Clients they are compared with, and whose.
    n_events : int or None
        Clients who lost theirs and have the outcome, of an outcome of 0 and 1; of an average,
        client-waves.
    """

    event_time: int | None
    estimate: float
    std_error: float
    dof: float
    conf_low: float
    conf_high: float
    p_value: float
    joint_low: float
    joint_high: float
    n_clients: int
    n_practitioners: int
    n_controls: int
    n_control_practitioners: int
    n_events: int | None


@dataclass(frozen=True)
class GroupTime:
    """ATT(g, t): the average effect at a wave on clients whose change came at another.

    Attributes
    ----------
    change, wave : str
        As in the data.
    event_time : int
    estimate, std_error : float
    n_clients, n_practitioners, n_controls : int
    """

    change: str
    wave: str
    event_time: int
    estimate: float
    std_error: float
    n_clients: int
    n_practitioners: int
    n_controls: int


@dataclass(frozen=True)
class BreakBand:
    """Estimates for clients of one band, compared with others of it.

    Attributes
    ----------
    band : str
    curve : tuple of BreakEstimate
    overall : BreakEstimate
    """

    band: str
    curve: tuple[BreakEstimate, ...]
    overall: BreakEstimate


@dataclass(frozen=True)
class BreakEffects:
    """What followed a change of practitioner that nobody in the pair chose.

    Attributes
    ----------
    outcome, client, time, practitioner : str
    strata, covariates : tuple of str
    control, covariance : str
    curve : tuple of BreakEstimate
        By waves since the change, but for the base, the wave before it, which is 0 by
        construction.
    overall : BreakEstimate
        Averaged over all client-waves after the change.
    pretrend : BreakTest
        Of the estimates before the base that rest on ten practitioners who left or more (or on
        half of them). Passing it proves nothing: its power is low.
    groups : tuple of GroupTime
    bands : tuple of BreakBand
    bands_differ : BreakTest or None
        Whether the bands' overall estimates are one.
    event_times : tuple of int
        Of the curve.
    covariance_matrix : numpy.ndarray, shape (K + 1, K + 1)
        Of the curve's estimates and, last, of `overall`.
    flow : BreakFlow
    enough : str
        descriptive, few or standard, by the number of practitioners who left.
    reason : str
        Why, for a page.
    """

    outcome: str
    client: str
    time: str
    practitioner: str
    strata: tuple[str, ...]
    covariates: tuple[str, ...]
    control: str
    covariance: str
    curve: tuple[BreakEstimate, ...]
    overall: BreakEstimate
    pretrend: BreakTest
    groups: tuple[GroupTime, ...]
    bands: tuple[BreakBand, ...]
    bands_differ: BreakTest | None
    event_times: tuple[int, ...]
    covariance_matrix: np.ndarray
    flow: BreakFlow
    enough: str
    reason: str

    def frame(self) -> pd.DataFrame:
        """The curve, one row an event time; columns as in `BreakEstimate`."""
        names = [field.name for field in fields(BreakEstimate)]
        return pd.DataFrame([asdict(row) for row in self.curve], columns=names)

    def at(self, event_time: int) -> BreakEstimate:
        """The estimate at an event time, or a KeyError."""
        return self.curve[self.places([event_time])[0]]

    def places(self, event_times: Sequence[int]) -> list[int]:
        """Where event times stand in the curve, or a KeyError."""
        absent = [time for time in event_times if time not in self.event_times]
        if absent:
            raise KeyError(f"no estimate at event times {absent}; there are {self.event_times}")
        return [self.event_times.index(time) for time in event_times]

    @property
    def pretrend_reading(self) -> str:
        """What the test of leads says, and what it cannot, for a page."""
        test = self.pretrend
        if not np.isfinite(test.p_value):
            return "There is too little before the change to test whether trends were parallel."
        times = "wave" if test.df == 1 else "waves"
        told = f"{test.df} {times} before the change, tested together."
        if test.p_value < 1 - LEVEL:
            return f"{told} Trends differed before the change, and the estimates hold that too."
        return (
            f"{told} That proves nothing: the test has little power, and trends that would make "
            "up the whole effect may pass it (Roth 2022)."
        )

    def average(self, event_times: Sequence[int]) -> BreakEstimate:
        """Average some event times, each as much as the others.

        `overall` weighs them by clients instead, of whom there are fewer the later it is.

        Parameters
        ----------
        event_times : sequence of int

        Raises
        ------
        ModelError
            If none is given, or one has no estimate.
        """
        absent = [time for time in event_times if time not in self.event_times]
        if absent or not event_times:
            raise ModelError(
                f"no estimate at event times {absent}" if absent else "no event time is named",
                "event_times",
                f"use some of {', '.join(map(str, self.event_times))}",
            )
        places = self.places(event_times)
        weights = np.zeros(len(self.curve))
        weights[places] = 1 / len(places)
        return weighted(self.curve, self.covariance_matrix[:-1, :-1], weights)


def weighted(
    curve: tuple[BreakEstimate, ...], covariance: np.ndarray, weights: np.ndarray
) -> BreakEstimate:
    """A weighted average of a curve's estimates.

    Parameters
    ----------
    curve : tuple of BreakEstimate
    covariance : numpy.ndarray, shape (K, K)
    weights : numpy.ndarray, shape (K,)
        Counts and degrees of freedom are the largest among those that weigh anything.
    """
    used = np.flatnonzero(weights)
    rows = [curve[place] for place in used]
    value = float(weights @ [row.estimate for row in curve])
    part = covariance[np.ix_(used, used)]
    variance = float(weights[used] @ part @ weights[used])
    dof = min(row.dof for row in rows)
    found = intervals(np.array([value]), np.array([variance]), np.array([dof]))
    low, high = float(found.low[0]), float(found.high[0])
    events = [row.n_events for row in rows]
    return BreakEstimate(
        event_time=None,
        estimate=value,
        std_error=float(found.std_errors[0]),
        dof=dof,
        conf_low=low,
        conf_high=high,
        p_value=float(found.p_values[0]),
        joint_low=low,
        joint_high=high,
        n_clients=max(row.n_clients for row in rows),
        n_practitioners=max(row.n_practitioners for row in rows),
        n_controls=max(row.n_controls for row in rows),
        n_control_practitioners=max(row.n_control_practitioners for row in rows),
        n_events=None if None in events else sum(e for e in events if e is not None),
    )
