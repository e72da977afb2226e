"""How far an effect of breaks bears clients who were on a course of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.breaks.effects import judged
from deepvalue_stats.models.breaks.group_times import BASE
from deepvalue_stats.models.breaks.result import BreakEffects
from deepvalue_stats.models.student import t_quantile
from deepvalue_stats.tables import LEVEL

# multiples beyond this are not looked for
FURTHEST = 100.0
FINE = 1e-6


@dataclass(frozen=True)
class TrendBound:
    """What is left of an effect if trends go on apart after the change.

    Attributes
    ----------
    multiple : float
        How many times the largest departure between two waves before the change the departure
        between two waves after it may be (M-bar).
    set_low, set_high : float
        The effects that the estimates then allow.
    conf_low, conf_high : float
        Their interval.
    """

    multiple: float
    set_low: float
    set_high: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True)
class TrendBounds:
    """Bounds of an effect by how far parallel trends may fail.

    Attributes
    ----------
    event_time : int or None
        None for the overall average.
    rows : tuple of TrendBound
    breakdown : float
        The largest multiple at which the interval leaves 0 out; 0 where it never does.
    largest : float
        The largest departure between two waves before the change, per wave.
    """

    event_time: int | None
    rows: tuple[TrendBound, ...]
    breakdown: float
    largest: float


def trend_bounds(
    effects: BreakEffects,
    *,
    multiples: Sequence[float] = (0.0, 0.5, 1.0, 2.0),
    event_time: int | None = None,
) -> TrendBounds:
    """Bound an effect of breaks where clients might have moved apart without any change.

    Beside the test of leads, which has little power: instead of asking whether trends were
    parallel, it says how unlike they may be before the answer is open.

    Parameters
    ----------
    effects : BreakEffects
    multiples : sequence of float
        M-bar: departures between two waves after the change are at most so many times the largest
        one before it.
    event_time : int, optional
        Of the curve, 0 or later; the overall average when left out.

    Returns
    -------
    TrendBounds

    Raises
    ------
    ModelError
        If no estimate two waves before the change or earlier rests on practitioners enough (as
        of the test of leads), there is no such event time, a multiple is below nought, or the
        estimate has no standard error.

    Notes
    -----
    With b_(-1) = 0 and departures d_s = (b_s - b_r) / (s - r) of neighbouring event times r < s
    <= -1, the effect at event time e is within b_e -/+ (e + 1) M max |d_s|. The interval takes
    each departure and sign as the largest in turn and the widest of their t intervals, which holds
    for the whole set whichever is the largest (a union of intervals), and needs no simulation. It
    is on the careful side; the conditional tests of the paper may be narrower.

    References
    ----------
    Rambachan and Roth (2023), Review of Economic Studies 90, section 2.4.1, relative magnitudes.
    """
    _refuse(effects, multiples, event_time)
    row = effects.overall if event_time is None else effects.at(event_time)
    rows = (*effects.curve, effects.overall)
    values = np.array([one.estimate for one in rows])
    target = np.array([one is row for one in rows], dtype="float64")
    departures, dof = _departures(effects)
    # each departure as the largest one, upwards and downwards
    signed = np.vstack([departures, -departures]) * _reach(effects, event_time)
    dofs = np.minimum(np.tile(dof, 2), row.dof)
    # an estimate of one practitioner has no variance, and is in no departure
    covariance = np.nan_to_num(effects.covariance_matrix)

    def bound(multiple: float) -> TrendBound:
        ends = target + multiple * signed
        middle = ends @ values
        quantile = t_quantile(0.5 + LEVEL / 2, dofs if multiple > 0 else row.dof)
        half = quantile * np.sqrt(np.einsum("ki,ij,kj->k", ends, covariance, ends))
        return TrendBound(
            multiple=float(multiple),
            set_low=float(middle.min()),
            set_high=float(middle.max()),
            conf_low=float((middle - half).min()),
            conf_high=float((middle + half).max()),
        )

    return TrendBounds(
        event_time=event_time,
        rows=tuple(bound(multiple) for multiple in multiples),
        breakdown=_breakdown(bound),
        largest=float(np.abs(departures @ values).max()),
    )


def _leads(effects: BreakEffects) -> list[int]:
    return [k for k in judged(effects.curve, effects.overall) if effects.event_times[k] < BASE]


def _departures(effects: BreakEffects) -> tuple[np.ndarray, np.ndarray]:
    """Departures per wave between neighbours before the change, as weights; and their degrees."""
    size = len(effects.curve) + 1
    points: list[tuple[int, np.ndarray, float]] = [
        (effects.event_times[place], np.eye(size)[place], effects.curve[place].dof)
        for place in _leads(effects)
    ]
    points.append((BASE, np.zeros(size), np.inf))
    pairs = list(pairwise(points))
    weights = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs]
    return np.array(weights), np.array([min(a[2], b[2]) for a, b in pairs])


def _reach(effects: BreakEffects, event_time: int | None) -> float:
    """How many waves a departure adds up over, from the base."""
    if event_time is not None:
        return float(event_time - BASE)
    after = [row for row in effects.curve if row.event_time is not None and row.event_time >= 0]
    clients = np.array([row.n_clients for row in after], dtype="float64")
    waves = np.array([row.event_time for row in after], dtype="float64") - BASE
    return float(clients @ waves / clients.sum())


def _breakdown(bound: Callable[[float], TrendBound]) -> float:
    """The largest multiple at which the interval leaves 0 out: doubling, then halving."""

    def tells(multiple: float) -> bool:
        found = bound(multiple)
        return found.conf_low > 0 or found.conf_high < 0

    if not tells(0.0):
        return 0.0
    inside, outside = 0.0, 1.0
    while tells(outside):
        inside, outside = outside, 2 * outside
        if outside > FURTHEST:
            return float(np.inf)
    while outside - inside > FINE:
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if tells(middle) else (inside, middle)
    return inside


def _refuse(effects: BreakEffects, multiples: Sequence[float], event_time: int | None) -> None:
    if not _leads(effects):
        raise ModelError(
            "no estimate two waves before the change or earlier rests on enough practitioners, "
            "so there is no trend to go by",
            "effects",
            "add waves before the changes",
        )
    after = [time for time in effects.event_times if time >= 0]
    if event_time is not None and event_time not in after:
        raise ModelError(
            f"no estimate at event time {event_time} after the change",
            "event_time",
            f"use one of {', '.join(map(str, after))}",
        )
    row = effects.overall if event_time is None else effects.at(event_time)
    if not np.isfinite(row.std_error):
        raise ModelError(
            "the estimate to bound has no standard error",
            "event_time",
            "use one that rests on two practitioners who left, or more",
        )
    if not len(multiples) or min(multiples) < 0:
        raise ModelError(
            "a multiple is below nought, or there is none", "multiples", "use 0, or more"
        )
