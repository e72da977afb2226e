"""Curves of cumulative incidence, worked out from counts that may leave the room.

A step of an empirical curve is a count over those at risk: printed to many digits it gives the
count back. So cumulative counts are rounded first, to a multiple of the threshold, and the curve is
that of the rounded counts: no step of it stands for fewer clients.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from deepvalue_stats.disclosure.rules import Rules, round_to
from deepvalue_stats.tables import LEVEL, Curve, Series


def drawn(rules: Rules, curve: Curve) -> tuple[Series, np.ndarray]:
    """The curve of every group that is large enough, and which groups are not.

    Parameters
    ----------
    rules : Rules
    curve : Curve

    Returns
    -------
    Series
        Points where a group's curve steps, between its start and its last day.
    numpy.ndarray of bool
        By group, in the order of `curve.clients`, whether it was left out: it, those of it with
        the outcome, or those without, are fewer than the threshold.

    Notes
    -----
    F(t) = sum over days of S(before) e / n, S the product of 1 - (e + o) / n, for e events and o
    other ends among n at risk; interval on the complementary log-log scale, with the variance of
    Aalen's estimator. Clients of one practitioner count as independent.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5; Marubini and Valsecchi (1995),
    Analysing Survival Data, equation 10.12, for the variance.
    """
    base = max(rules.threshold, rules.rounding)
    parts, hidden = [], np.zeros(len(curve.clients), dtype=bool)
    for place, (group, clients) in enumerate(curve.clients.items()):
        rows = curve.frame[curve.frame["group"] == group]
        events = int(rows["events"].sum())
        sides = (clients, events, clients - events)
        hidden[place] = not rules.open and min(sides) < rules.threshold
        if not hidden[place] and len(rows):
            parts.append(_steps(rows, clients, base).assign(group=group))
    columns = ["group", "x", "y", "low", "high", "n_clients"]
    frame = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    series = Series(
        name=curve.name,
        caption=curve.caption,
        frame=frame[columns].reset_index(drop=True),
        x_label=curve.x_label,
        y_label=curve.y_label,
    )
    return series, hidden


def _steps(rows: pd.DataFrame, clients: int, base: int) -> pd.DataFrame:
    """One group's curve, from cumulative counts rounded to the base."""
    total = int(round_to(clients, base))
    left = rows[["events", "others", "lost"]].to_numpy(dtype="int64").cumsum(axis=0)
    left = np.minimum(round_to(left, base), total)
    days = rows["day"].to_numpy(dtype="float64")
    events, others, _ = np.diff(left, axis=0, prepend=0).T
    at_risk = total - np.vstack([np.zeros(3, dtype="int64"), left[:-1]]).sum(axis=1)
    # rounding may let more leave than there are
    at_risk = np.maximum(at_risk, np.maximum(events + others, 1))
    curve, std_error = cumulative(events, others, at_risk)
    low, high = _interval(curve, std_error)
    kept = np.flatnonzero((events > 0) | (np.arange(len(days)) == len(days) - 1))
    return pd.DataFrame(
        {
            "x": np.concatenate([[0.0], days[kept]]),
            "y": np.concatenate([[0.0], curve[kept]]),
            "low": np.concatenate([[0.0], low[kept]]),
            "high": np.concatenate([[0.0], high[kept]]),
            "n_clients": str(total),
        }
    )


def cumulative(
    events: np.ndarray, others: np.ndarray, at_risk: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative incidence and its standard error after each of k days; arrays of shape (k,)."""
    gone = events + others
    survival = np.cumprod(1 - gone / at_risk)
    before = np.concatenate([[1.0], survival[:-1]])
    curve = np.cumsum(before * events / at_risk)
    rest = np.maximum(at_risk - gone, 0)
    some = (gone > 0) & (rest > 0)
    spread = np.divide(gone, at_risk * rest, out=np.zeros(len(gone)), where=some)
    own = before**2 * events * (at_risk - events) / at_risk**3.0
    shared = before * events / at_risk**2.0
    # the sum over days i up to t of (F(t) - F(i))^2 spread + own - 2 (F(t) - F(i)) shared
    squared = curve**2 * np.cumsum(spread) - 2 * curve * np.cumsum(spread * curve)
    squared += np.cumsum(spread * curve**2) + np.cumsum(own)
    variance = squared - 2 * (curve * np.cumsum(shared) - np.cumsum(shared * curve))
    return curve, np.sqrt(np.maximum(variance, 0))


def _interval(curve: np.ndarray, std_error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inner = (curve > 0) & (curve < 1)
    safe = np.where(inner, curve, 0.5)
    half = float(ndtri((1 + LEVEL) / 2)) * std_error / np.abs(safe * np.log(safe))
    ends = (safe ** np.exp(sign * half) for sign in (1, -1))
    low, high = (np.where(inner, end, curve) for end in ends)
    return low, high
