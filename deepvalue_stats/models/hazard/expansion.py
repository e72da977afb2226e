"""A row for every client and period at risk, from one row a spell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError

PERIOD = "period"
START, STOP = "start", "stop"
PATH = "__path"
# whole numbers that were worked out in floating point are whole to so many periods
WHOLE = 1e-9


@dataclass(frozen=True)
class Clock:
    """Which columns tell the time of a spell, and in which unit.

    Attributes
    ----------
    duration, event, client : str
        Time from the start of the clock to the end of observation; 0 where it ended without an
        event, otherwise 1, 2, ... by cause; whose spell it is.
    period_days : float or None
        Length of a period in the unit of `duration`; None where durations are whole periods.
    start : str or None
        Column of the time at which observation begins (delayed entry); from 0 where left out.
    spell : str or None
        Column that tells a client's spells apart.
    horizon : float or None
        Time at which all observation ends, in the unit of `duration`.
    """

    duration: str
    event: str
    client: str
    period_days: float | None
    start: str | None
    spell: str | None
    horizon: float | None

    @property
    def length(self) -> float:
        """A period in the unit of the durations."""
        return 1.0 if self.period_days is None else float(self.period_days)

    @property
    def key(self) -> list[str]:
        """The columns that name a spell."""
        return [self.client, *([self.spell] if self.spell else [])]


def person_periods(
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    client: str = "client",
    period_days: float | None = None,
    start: str | None = None,
    spell: str | None = None,
    time_varying: pd.DataFrame | None = None,
    horizon: float | None = None,
) -> pd.DataFrame:
    """One row for every spell and period in which its client was at risk.

    For models of when something happens whose covariates may change on the way. Ties need no
    special care: in discrete time it is natural that many have the event in the same period.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a spell.
    duration : str
        Column of the time from the start of the clock to the event or to the end of observation:
        whole periods, or days where `period_days` is given.
    event : str
        Column: 0 where observation ended without an event, 1, 2, ... by cause where it ended with
        one.
    client : str
        Column. A client with several rows has several spells, each with a clock of its own.
    period_days : float, optional
        Length of a period; day t then lies in period ceil(t / period_days).
    start : str, optional
        Column of the time at which a spell comes under observation (delayed entry). It is at risk
        from the period in which that lies.
    spell : str, optional
        Column that tells a client's spells apart; without it they are numbered in the order of the
        rows, as `spell`, unless there is a column of that name.
    time_varying : pandas.DataFrame, optional
        Covariates by interval: the columns of client (and spell), `start`, `stop`, in the unit of
        `duration`, and any others. A period has the values that held when it began.
    horizon : float, optional
        Observation ends here for everybody, in the unit of `duration`: a whole number of periods.

    Returns
    -------
    pandas.DataFrame
        The columns of `data` with `period` (1, 2, ...), the number of the spell, and the
        time-varying covariates; `event` is 0 in every period but that in which an event fell. Rows
        of a spell lie together, in the order of the data.

    Raises
    ------
    ModelError
        With all faults at once: columns that are not there, missing values, durations that are not
        positive or not whole, events before a spell comes under observation, codes of an event
        that are no whole numbers, nobody with an event, everybody with one in the first period,
        intervals that end before they begin, overlap, belong to nobody, or leave a period without
        values.

    Notes
    -----
    A period in which observation ended without an event counts as a whole period at risk, so with
    long periods and much censoring within them hazards come out a little low; a horizon ends
    periods where they end.

    References
    ----------
    Prentice and Gloeckler (1978), Biometrics 34; Jenkins (1995), Oxford Bulletin of Economics and
    Statistics 57, for the rows; Andersen, Borgan, Gill and Keiding (1993), Statistical Models Based
    on Counting Processes, section III.3, for delayed entry.

    Examples
    --------
    >>> spells = pd.DataFrame({"client": ["a", "b"], "days": [45, 70], "work": [1, 0]})
    >>> rows = person_periods(spells, duration="days", event="work", period_days=30)
    >>> list(zip(rows["client"], rows["period"], rows["work"]))
    [('a', 1, 0), ('a', 2, 1), ('b', 1, 0), ('b', 2, 0), ('b', 3, 0)]
    """
    rows = expand(
        data, duration=duration, event=event, client=client, period_days=period_days, start=start,
        spell=spell, time_varying=time_varying, horizon=horizon,
    )  # fmt: skip
    return rows.drop(columns=PATH)


def expand(
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    client: str,
    period_days: float | None,
    start: str | None,
    spell: str | None,
    time_varying: pd.DataFrame | None,
    horizon: float | None,
) -> pd.DataFrame:
    """As `person_periods`, with the row of the data that each row came from in `PATH`."""
    clock = Clock(duration, event, client, period_days, start, spell, horizon)
    _refuse_clock(data, clock, time_varying)
    times = _times(data, clock)
    _refuse_times(data, clock, times, time_varying)
    n_periods = times.last - times.first + 1
    at = np.repeat(np.arange(len(data)), n_periods)
    within = np.arange(len(at)) - np.repeat(np.cumsum(n_periods) - n_periods, n_periods)
    rows = data.iloc[at].reset_index(drop=True)
    period = times.first[at] + within
    rows[PERIOD] = period
    rows[event] = np.where(period == times.last[at], times.code[at], 0)
    if spell is None and "spell" not in data:
        rows["spell"] = (data.groupby(client, sort=False).cumcount() + 1).to_numpy()[at]
    if time_varying is not None:
        began = np.maximum((period - 1) * clock.length, times.entry[at])
        held = _values_at(data, time_varying, clock, at, began)
        for name in held.columns:
            rows[name] = held[name].to_numpy()
    rows[PATH] = at
    return rows


@dataclass(frozen=True)
class _Times:
    """When each spell begins and ends: in the unit of the durations, and in periods."""

    entry: np.ndarray
    end: np.ndarray
    code: np.ndarray
    first: np.ndarray
    last: np.ndarray


def _times(data: pd.DataFrame, clock: Clock) -> _Times:
    end = data[clock.duration].to_numpy(dtype="float64")
    code = data[clock.event].to_numpy(dtype="float64").astype("int64")
    entry = np.zeros(len(data))
    if clock.start is not None:
        entry = data[clock.start].to_numpy(dtype="float64")
    if clock.horizon is not None:
        code = np.where(end > clock.horizon, 0, code)
        end = np.minimum(end, clock.horizon)
    last = np.ceil(end / clock.length - WHOLE).astype("int64")
    first = np.floor(entry / clock.length + WHOLE).astype("int64") + 1
    return _Times(entry, end, code, first, last)


def _refuse_clock(data: pd.DataFrame, clock: Clock, varying: pd.DataFrame | None) -> None:
    """What has to be right before any time can be read."""
    named = [clock.duration, clock.event, *clock.key, *([clock.start] if clock.start else [])]
    faults = [
        Fault(f"no column '{name}'", "person_periods", "name one that there is")
        for name in dict.fromkeys(named)
        if name not in data
    ]
    if PERIOD in data:
        faults.append(
            Fault(f"the data have a column '{PERIOD}' already", "person_periods", "rename it")
        )
    if not clock.length > 0:
        faults.append(Fault("not above 0", "period_days", "30 is a month"))
    elif clock.horizon is not None and not _whole(np.array([clock.horizon / clock.length])).all():
        faults.append(
            Fault(
                "the horizon is not a whole number of periods",
                f"horizon={clock.horizon:g}",
                f"use a multiple of {clock.length:g}",
            )
        )
    if varying is not None:
        faults += [
            Fault(f"no column '{name}'", "time_varying", "name one that there is")
            for name in [*clock.key, START, STOP]
            if name not in varying
        ]
    if data.empty:
        faults.append(Fault("no row is left", "person_periods", "look at the flow"))
    if not faults:
        faults += _not_numbers(data, clock, named)
        if varying is not None:
            faults += _not_numbers_in(varying, [START, STOP], clock.key, "time_varying")
    if faults:
        raise ModelError.of(faults)


def _not_numbers(data: pd.DataFrame, clock: Clock, named: list[str]) -> list[Fault]:
    numbers = [name for name in named if name not in clock.key]
    return _not_numbers_in(data, numbers, clock.key, "person_periods")


def _not_numbers_in(
    data: pd.DataFrame, numbers: list[str], labels: list[str], where: str
) -> list[Fault]:
    faults = []
    for name in dict.fromkeys([*numbers, *labels]):
        column = data[name]
        if name in numbers:
            column = pd.to_numeric(column, errors="coerce")
        missing = int(column.isna().sum())
        if missing:
            kind = "no number" if name in numbers else "missing"
            faults.append(
                Fault(
                    f"'{name}' is {kind} in {missing} of {len(data)} rows",
                    where,
                    "restrict the data to rows where it is known, with a reason",
                )
            )
    return faults


def _refuse_times(
    data: pd.DataFrame, clock: Clock, times: _Times, varying: pd.DataFrame | None
) -> None:
    """Everything that is wrong with times, events and intervals, together."""
    own = data[clock.duration].to_numpy(dtype="float64")
    code = data[clock.event].to_numpy(dtype="float64")
    entry = times.entry
    found = [
        (~(own > 0), clock.duration, "is not above 0", "a spell begins at 0 and lasts some time"),
        (~np.isfinite(own), clock.duration, "is not finite", "end observation at some day"),
        (
            (code < 0) | ~_whole(code),
            clock.event,
            "is no code of an event",
            "use 0 for none and 1, 2, ... for causes",
        ),
        (
            (entry < 0) & (entry < own),
            str(clock.start),
            "lies before the clock starts",
            "measure both times from the same day",
        ),
        (
            (entry >= times.end) & (own > 0),
            str(clock.start),
            "does not lie before the end of observation",
            "leave out, with a reason, spells that ended before they were under observation",
        ),
    ]
    if clock.period_days is None:
        bad = np.isfinite(own) & ~_whole(own)
        found.append((bad, clock.duration, "is no whole number of periods", "give period_days"))
        bad = ~_whole(entry)
        found.append((bad, str(clock.start), "is no whole number of periods", "give period_days"))
    faults = [
        Fault(f"'{name}' {what} in {int(bad.sum())} of {len(data)} spells", "person_periods", fix)
        for bad, name, what, fix in found
        if bad.any()
    ]
    repeated = data.duplicated(clock.key).sum() if clock.spell else 0
    if repeated:
        faults.append(
            Fault(f"{int(repeated)} rows repeat a spell", clock.key[-1], "give one row a spell")
        )
    faults += _nothing_to_learn(clock, times)
    if varying is not None:
        faults += _interval_faults(data, varying, clock)
    if faults:
        raise ModelError.of(faults)


def _nothing_to_learn(clock: Clock, times: _Times) -> list[Fault]:
    happened = times.code > 0
    if not happened.any():
        what = f"none of {len(happened)} spells ends with an event"
        return [Fault(what, clock.event, "there is nothing to explain: check its definition")]
    if happened.all() and (times.last == 1).all():
        return [
            Fault(
                f"all {len(happened)} spells end with an event in the first period",
                clock.duration,
                "use shorter periods, or a model of whether instead of when",
            )
        ]
    return []


def _interval_faults(data: pd.DataFrame, varying: pd.DataFrame, clock: Clock) -> list[Fault]:
    where = "time_varying"
    if clock.spell is None and data.duplicated(clock.client).any():
        return [
            Fault(
                f"intervals of {int(data.duplicated(clock.client).sum())} further spells of a "
                "client cannot be told from those of the first",
                where,
                "name the column of spells, in data and intervals",
            )
        ]
    begin, stop = (varying[name].to_numpy(dtype="float64") for name in (START, STOP))
    whose = _keys(data, varying, clock)
    order = np.lexsort((begin, whose))
    same = whose[order][1:] == whose[order][:-1]
    found = [
        (~(stop > begin), "end before they begin, or at once", "mend start and stop"),
        (whose < 0, "belong to no spell of the data", "restrict them to those of the data"),
        (
            same & (begin[order][1:] < stop[order][:-1]) & (whose[order][1:] >= 0),
            "begin before the one before them ended",
            "cut intervals so that they do not overlap",
        ),
    ]
    return [
        Fault(f"{int(bad.sum())} of {len(varying)} intervals {what}", where, fix)
        for bad, what, fix in found
        if bad.any()
    ]


def _keys(data: pd.DataFrame, varying: pd.DataFrame, clock: Clock) -> np.ndarray:
    """Row of the data that each interval belongs to, -1 for none."""
    return np.asarray(
        pd.MultiIndex.from_frame(data[clock.key]).get_indexer(
            pd.MultiIndex.from_frame(varying[clock.key])
        )
    )


def _values_at(
    data: pd.DataFrame, varying: pd.DataFrame, clock: Clock, at: np.ndarray, began: np.ndarray
) -> pd.DataFrame:
    """The values that held at a time, of the interval that began last; refused where none does."""
    whose = _keys(data, varying, clock)
    begin, stop = (varying[name].to_numpy(dtype="float64") for name in (START, STOP))
    order = np.lexsort((begin, whose))
    # ranks of all times, so that spell and time make one number that can be searched
    times = np.unique(np.concatenate([begin, began]))
    ours = at * len(times) + np.searchsorted(times, began)
    theirs = whose[order] * len(times) + np.searchsorted(times, begin[order])
    place = np.searchsorted(theirs, ours, side="right") - 1
    chosen = order[np.maximum(place, 0)]
    covered = (place >= 0) & (whose[chosen] == at) & (stop[chosen] > began)
    if not covered.all():
        n_spells = len(np.unique(at[~covered]))
        raise ModelError(
            f"no interval covers the beginning of {int((~covered).sum())} periods of "
            f"{n_spells} spells",
            "time_varying",
            "let intervals reach from the first period at risk to the last",
        )
    names = [name for name in varying.columns if name not in (*clock.key, START, STOP)]
    return varying.iloc[chosen][names].reset_index(drop=True)


def _whole(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(values - np.round(values)) < WHOLE)
