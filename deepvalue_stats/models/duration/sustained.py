"""Outcomes that have to last: when a spell began that lasted, and when it had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.plan.definitions import DEFINITIONS
from deepvalue_stats.tables import read_only

WHERE = "sustained"


@dataclass(frozen=True)
class Lasting:
    """What it takes for a state to count as lasting.

    Attributes
    ----------
    name : str
    days : float
        How long it must last.
    gap : float
        Days without it that do not interrupt it.
    source : str
        Who defines it so.
    """

    name: str
    days: float
    gap: float
    source: str


# the definitions of the plan's register that are about spells; the first day of one is a day of it
LASTING = {
    one.name: Lasting(one.name, max(one.sustained_days, 1), 0, one.source)
    for one in DEFINITIONS.values()
    if one.spells
}


@dataclass(frozen=True)
class FirstLasting:
    """By client, in the order of the clients given: the first spell that lasted.

    Attributes
    ----------
    client : numpy.ndarray, shape (c,)
    reached : numpy.ndarray of bool, shape (c,)
    started : numpy.ndarray, shape (c,)
        Day on which that spell began, NaN without one: when the client's life changed.
    sustained : numpy.ndarray, shape (c,)
        Day by which it had lasted: when it could be known, and paid for. A duration for analysis
        runs to this day; one to `started` looks into the future, for it can only be known later.
    pending : numpy.ndarray of bool, shape (c,)
        Not reached, but a spell was still going on, and too young, when observation ended.
    """

    client: np.ndarray
    reached: np.ndarray
    started: np.ndarray
    sustained: np.ndarray
    pending: np.ndarray


def sustained(
    client: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    *,
    kind: Lasting,
    observed_until: np.ndarray | float,
) -> FirstLasting:
    """Find each client's first spell that lasts, spells that touch or overlap taken as one.

    Parameters
    ----------
    client : numpy.ndarray, shape (n,)
        Whose each spell is.
    start, end : numpy.ndarray, shape (n,)
        First day of the spell, and first day after it (NaN: not ended).
    kind : Lasting
        One of `LASTING`, or one's own.
    observed_until : numpy.ndarray, shape (n,), or float
        First day that was not observed any more.

    Returns
    -------
    FirstLasting

    Raises
    ------
    ModelError
        Where starts are missing, or ends are not after starts.

    Notes
    -----
    A spell from day a is sustained on day a + days if it reaches it within observation. A client
    with a young spell at the end of observation is `pending`: censored there, not a failure.

    Examples
    --------
    >>> found = sustained(
    ...     np.array([1, 1, 2]), np.array([5, 100, 9]), np.array([100.0, 300.0, 60.0]),
    ...     kind=LASTING["sustained_job_26_weeks"], observed_until=365,
    ... )
    >>> found.started.tolist(), found.sustained.tolist()
    ([5.0, nan], [187.0, nan])
    """
    codes, names = pd.factorize(client)
    begin, until = np.asarray(start, dtype="float64"), np.asarray(end, dtype="float64")
    _refuse_spells(codes, begin, until)
    seen = np.broadcast_to(np.asarray(observed_until, dtype="float64"), begin.shape)
    stop = np.fmin(until, seen)
    inside = begin < seen
    order = np.lexsort((begin, codes))
    order = order[inside[order]]
    going = (stop >= seen)[order]
    runs = _joined(codes[order], begin[order], stop[order], going, kind.gap)
    run_client, run_start, run_stop, run_going = runs
    long = run_stop - run_start >= kind.days
    reached = np.zeros(len(names), dtype=bool)
    first = np.full(len(names), np.nan)
    # the last written is the earliest
    first[run_client[long][::-1]] = run_start[long][::-1]
    reached[run_client[long]] = True
    young = np.zeros(len(names), dtype=bool)
    young[run_client[run_going & ~long]] = True
    return FirstLasting(
        read_only(np.asarray(names)),
        read_only(reached),
        read_only(first),
        read_only(first + kind.days),
        read_only(young & ~reached),
    )


def _joined(
    codes: np.ndarray, begin: np.ndarray, stop: np.ndarray, ongoing: np.ndarray, gap: float
) -> tuple[np.ndarray, ...]:
    """Runs of spells of a client with no interruption longer than the gap."""
    span = (stop.max() - begin.min() + gap + 1) if len(stop) else 1.0
    # one running maximum serves all clients once each has a stretch of the line to himself
    reach = np.maximum.accumulate(stop + codes * span * 2) - codes * span * 2
    fresh = np.ones(len(codes), dtype=bool)
    fresh[1:] = (codes[1:] != codes[:-1]) | (begin[1:] > reach[:-1] + gap)
    run = np.cumsum(fresh) - 1
    n_runs = int(fresh.sum())
    furthest = np.full(n_runs, -np.inf)
    np.maximum.at(furthest, run, stop)
    going = np.zeros(n_runs, dtype=bool)
    np.logical_or.at(going, run, ongoing)
    return codes[fresh], begin[fresh], furthest, going


def _refuse_spells(codes: np.ndarray, begin: np.ndarray, until: np.ndarray) -> None:
    faults = []
    if (codes < 0).any():
        faults.append(
            Fault(
                f"the client is missing in {int((codes < 0).sum())} spells",
                WHERE,
                "name them",
            )
        )
    if not np.isfinite(begin).all():
        faults.append(
            Fault(
                f"the start is missing in {int((~np.isfinite(begin)).sum())} spells",
                WHERE,
                "leave those spells out, with a reason",
            )
        )
    if (until <= begin).any():
        faults.append(
            Fault(
                f"the end is not after the start in {int((until <= begin).sum())} spells",
                WHERE,
                "the end is the first day after the spell",
            )
        )
    if faults:
        raise ModelError.of(faults)


# days since the quit date between which a four-week follow-up counts: 28, less 3 or plus 14
FOUR_WEEKS = (25, 42)
# parts per million of carbon monoxide in expired air, below which somebody has not smoked
NOT_SMOKED = 10


@dataclass(frozen=True)
class FourWeekQuit:
    """Who had stopped smoking four weeks after the quit date, by client.

    Attributes
    ----------
    self_reported : numpy.ndarray of bool, shape (n,)
    verified : numpy.ndarray of bool, shape (n,)
        Self-reported, and confirmed by expired air; never more than those.
    followed_up : numpy.ndarray of bool, shape (n,)
        Seen within the window. Who was not counts as smoking: report how many.
    """

    self_reported: np.ndarray
    verified: np.ndarray
    followed_up: np.ndarray


def four_week_quit(
    seen_days: np.ndarray, smoked: np.ndarray, carbon_monoxide: np.ndarray
) -> FourWeekQuit:
    """Tell four-week quitters by the Russell standard (clinical).

    Parameters
    ----------
    seen_days : numpy.ndarray, shape (n,)
        Days from the quit date to the follow-up; NaN without one.
    smoked : numpy.ndarray, shape (n,)
        Whether the client says to have smoked from day 15 on (0 or 1; NaN: not asked).
    carbon_monoxide : numpy.ndarray, shape (n,)
        Parts per million at that follow-up; NaN where it was not measured.

    Returns
    -------
    FourWeekQuit

    Notes
    -----
    The first two weeks are a grace period. A follow-up outside of days 25 to 42, or none, counts
    as smoking, as does a question not asked; not measured counts as not verified.

    References
    ----------
    West (2005), Assessing smoking cessation performance in NHS Stop Smoking Services: the Russell
    Standard (Clinical).

    Examples
    --------
    >>> found = four_week_quit(
    ...     np.array([28, 24, 42, 30]), np.array([0, 0, 0, 1]), np.array([3, 3, np.nan, 4])
    ... )
    >>> found.self_reported.tolist(), found.verified.tolist()
    ([True, False, True, False], [True, False, False, False])
    """
    seen, told = np.asarray(seen_days, dtype="float64"), np.asarray(smoked, dtype="float64")
    wrong = int((~np.isnan(told) & (told != 0) & (told != 1)).sum())
    if wrong:
        raise ModelError(
            f"whether clients smoked is neither 0 nor 1 in {wrong} rows",
            "four_week_quit",
            "code 1 for any smoking from day 15 on, 0 for none",
        )
    followed_up = (seen >= FOUR_WEEKS[0]) & (seen <= FOUR_WEEKS[1])
    quit_ = followed_up & (told == 0)
    clean = np.asarray(carbon_monoxide, dtype="float64") < NOT_SMOKED
    return FourWeekQuit(read_only(quit_), read_only(quit_ & clean), read_only(followed_up))
