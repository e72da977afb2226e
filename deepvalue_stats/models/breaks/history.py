"""From rows to the history of each client: when the practitioner changed, and for what reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.panel.layout import PanelLayout, panel_layout
from deepvalue_stats.tables import read_only

# so many cells for each row: the times are dates, not waves
SPARSE = 50
# rows after an event from which it can be told that nobody goes back
ABSORBING = 10


@dataclass(frozen=True)
class BreakFlow:
    """Who is behind an estimate of breaks, and who is not.

    Attributes
    ----------
    rows, clients, practitioners : int
        Of the data.
    outside : int
        Clients whose first change was for a reason outside the pair.
    inside : int
        Clients whose first change was not; controls until then, and out from then on.
    reason_unknown : int
        Those of `inside` of whom no reason is known.
    never : int
        Clients who never changed in the waves that there are.
    changed_before : int
        Clients left out, whose first row tells of a change outside already.
    seen_once : int
        Clients with one row, of whom nothing is known over time.
    second_change : int
        Clients of `outside` who changed again.
    rows_after_second : int
        Their rows from then on, left out unless later changes are kept.
    rows_after_inside : int
        Rows from a first change that was not outside, left out.
    outcome_missing : int
        Rows without outcome.
    covariate_missing : int
        Clients left out without a covariate or group.
    told_only : int
        Rows that tell of a change outside, but have the practitioner of the row before; taken for
        no change.
    no_base : int
        Clients of `outside` without an outcome at the wave before the change; in no difference.
    no_controls : int
        Client-waves of `outside` after the change, without a control in their stratum and wave.
    compared : int
        Clients of `outside` in an estimate after the change.
    """

    rows: int
    clients: int
    practitioners: int
    outside: int
    inside: int
    reason_unknown: int
    never: int
    changed_before: int
    seen_once: int
    second_change: int
    rows_after_second: int
    rows_after_inside: int
    outcome_missing: int
    covariate_missing: int
    told_only: int
    no_base: int = 0
    no_controls: int = 0
    compared: int = 0


@dataclass(frozen=True)
class BreakPanel:
    """Histories of n clients over T waves.

    Attributes
    ----------
    outcome : numpy.ndarray, shape (n, T)
        Not a number where it is missing or left out.
    change : numpy.ndarray of int, shape (n,)
        Place of the first wave after the change; T for none.
    never : numpy.ndarray of bool, shape (n,)
        Who never changed, for any reason.
    practitioner : numpy.ndarray of int, shape (n,)
        The first one: by definition who was there before the change.
    strata, band : numpy.ndarray of int, shape (n,)
    covariates : numpy.ndarray, shape (n, q)
    schedule : tuple of str
        The waves.
    bands : tuple of str
    """

    outcome: np.ndarray
    change: np.ndarray
    never: np.ndarray
    practitioner: np.ndarray
    strata: np.ndarray
    band: np.ndarray
    covariates: np.ndarray
    schedule: tuple[str, ...]
    bands: tuple[str, ...]

    def only(self, keep: np.ndarray) -> BreakPanel:
        """Those clients alone."""
        names = ("outcome", "change", "never", "practitioner", "strata", "band", "covariates")
        kept = {name: read_only(getattr(self, name)[keep]) for name in names}
        return BreakPanel(**kept, schedule=self.schedule, bands=self.bands)


@dataclass(frozen=True)
class Columns:
    """Which columns say what.

    Attributes
    ----------
    outcome, client, time, practitioner : str
    strata : tuple of str
        Treated and controls are alike in them.
    covariates : tuple of str
    by : str
        Groups with an estimate of their own; empty for none.
    """

    outcome: str
    client: str
    time: str
    practitioner: str
    strata: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    by: str = ""

    def refuse(self, frame: pd.DataFrame, *others: tuple[str, str]) -> None:
        """Raise for what is not there, or may not be missing and is.

        Parameters
        ----------
        frame : pandas.DataFrame
        others : tuple of str
            Further roles and columns that may have missing values.
        """
        strict = [
            ("client", self.client),
            ("time", self.time),
            ("practitioner", self.practitioner),
            *(("strata", name) for name in self.strata),
        ]
        loose = [("outcome", self.outcome), *(("covariates", name) for name in self.covariates)]
        loose += [("by", self.by)] * bool(self.by)
        faults = []
        for role, name in [*strict, *loose, *others]:
            if name not in frame:
                faults.append(Fault(f"no column '{name}'", role, "name a column of the data"))
            elif (role, name) in strict and frame[name].isna().any():
                what = f"'{name}' is missing in {int(frame[name].isna().sum())} rows"
                faults.append(Fault(what, role, "leave those rows out, with a reason"))
        if self.outcome in frame and not _numeric(frame[self.outcome]):
            fix = "give 0 and 1, or a number"
            faults.append(Fault(f"'{self.outcome}' is not a number", "outcome", fix))
        if faults:
            raise ModelError.of(faults)


def break_panel(
    frame: pd.DataFrame,
    columns: Columns,
    *,
    reason: str,
    outside: Sequence[str],
    later_changes: str = "drop",
) -> tuple[BreakPanel, BreakFlow]:
    """Read histories from rows of clients and waves.

    Parameters
    ----------
    frame : pandas.DataFrame
    columns : Columns
    reason : str
        Column that says, at the first row with another practitioner, why.
    outside : sequence of str
        Its values that have nothing to do with client or relationship.
    later_changes : str
        drop or keep, of rows from the second change on.

    Returns
    -------
    BreakPanel, BreakFlow

    Raises
    ------
    ModelError
        See `break_effects`.
    """
    columns.refuse(frame, ("reason", reason))
    _refuse_reasons(frame[reason], reason, outside)
    layout = panel_layout(frame, client=columns.client, time=columns.time)
    refuse_layout(layout)
    order = layout.order
    clients = layout.clients[order]
    practitioner, known = pd.factorize(frame[columns.practitioner])
    practitioner = practitioner[order]
    told = frame[reason].isin(list(outside)).to_numpy()[order]
    unknown = frame[reason].isna().to_numpy()[order]
    first_row = np.r_[True, clients[1:] != clients[:-1]]
    changed = ~first_row & (practitioner != np.r_[-1, practitioner[:-1]])
    changes = np.cumsum(changed)
    changes = changes - np.maximum.accumulate(np.where(first_row, changes, 0))
    first = changed & (changes == 1)
    n, waves = layout.n_clients, len(layout.schedule)
    outside_first = _flags(n, clients[first & told])
    inside_first = _flags(n, clients[first & ~told])
    before = _flags(n, clients[first_row & told])
    change = np.full(n, waves)
    change[clients[first & told]] = layout.waves[order][first & told]
    after_inside = inside_first[clients] & (changes > 0)
    after_second = outside_first[clients] & (changes > 1)
    left_out = after_inside | (after_second if later_changes == "drop" else False)
    values = frame[columns.outcome].to_numpy(dtype="float64", na_value=np.nan)[order]
    kept = np.where(left_out, np.nan, values)
    start = order[first_row]
    never = _flags(n, clients[changed], of=False)
    who = (change, never, practitioner[first_row])
    panel, lacking = lay_out(frame, columns, layout, kept, start, who)
    flow = BreakFlow(
        rows=len(frame),
        clients=n,
        practitioners=len(known),
        outside=int((outside_first & ~before).sum()),
        inside=int((inside_first & ~before).sum()),
        reason_unknown=int((_flags(n, clients[first & unknown]) & ~before).sum()),
        never=int((never & ~before).sum()),
        changed_before=int(before.sum()),
        seen_once=layout.seen_once,
        second_change=len(np.unique(clients[after_second])),
        rows_after_second=int(after_second.sum()),
        rows_after_inside=int(after_inside.sum()),
        outcome_missing=int(np.isnan(values).sum()),
        covariate_missing=int((lacking & ~before).sum()),
        told_only=int((told & ~changed & ~first_row).sum()),
    )
    _refuse_changes(flow, int(changed.sum()), columns.practitioner, reason)
    refuse_absorbing(panel.outcome, columns.outcome)
    return panel.only(~before & ~lacking), flow


def lay_out(
    frame: pd.DataFrame,
    columns: Columns,
    layout: PanelLayout,
    kept: np.ndarray,
    start: np.ndarray,
    who: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[BreakPanel, np.ndarray]:
    """Lay histories out, one row a client; and say which clients lack a covariate or group.

    Parameters
    ----------
    frame : pandas.DataFrame, N rows
    columns : Columns
    layout : PanelLayout
    kept : numpy.ndarray, shape (N,)
        Outcomes in the order of the layout, not a number where left out.
    start : numpy.ndarray of int, shape (n,)
        Place of each client's first row.
    who : three numpy.ndarray, shape (n,)
        Change, never and practitioner, as in `BreakPanel`.
    """
    order, (change, never, practitioner) = layout.order, who
    wide = np.full((layout.n_clients, len(layout.schedule)), np.nan)
    wide[layout.clients[order], layout.waves[order]] = kept
    at_first = frame.iloc[start]
    covariates = covariate_matrix(at_first, columns.covariates)
    bands = np.zeros(layout.n_clients, dtype="int64")
    names: tuple[str, ...] = ("",)
    if columns.by:
        column = at_first[columns.by]
        bands, found = pd.factorize(column, sort=True)
        names = tuple(map(str, found))
    lacking = np.isnan(covariates).any(axis=1) | (bands < 0)
    strata = np.zeros(layout.n_clients, dtype="int64")
    if columns.strata:
        strata = at_first.groupby(list(columns.strata), observed=True).ngroup().to_numpy()
    panel = BreakPanel(
        outcome=read_only(wide),
        change=read_only(change),
        never=read_only(never),
        practitioner=read_only(practitioner),
        strata=read_only(strata),
        band=read_only(np.asarray(bands)),
        covariates=read_only(covariates),
        schedule=layout.schedule,
        bands=names,
    )
    return panel, lacking


def covariate_matrix(at_first: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Covariates as numbers, a category as dummies of all its values but the first, (n, q).

    Parameters
    ----------
    at_first : pandas.DataFrame, n rows
    names : sequence of str
    """
    parts = [np.empty((len(at_first), 0))]
    for name in names:
        column = at_first[name]
        if _numeric(column):
            parts.append(column.to_numpy(dtype="float64", na_value=np.nan)[:, None])
            continue
        codes, levels = pd.factorize(column, sort=True)
        dummies = (codes[:, None] == np.arange(1, len(levels))).astype("float64")
        dummies[codes < 0] = np.nan
        parts.append(dummies)
    return np.hstack(parts)


def refuse_layout(layout: PanelLayout) -> None:
    """Raise where there is one wave, or times that clients hardly share.

    Parameters
    ----------
    layout : PanelLayout
    """
    where = f"{layout.client}, {layout.time}"
    if layout.rows.max(initial=0) < 2:
        raise ModelError(
            "no client has more than one wave, so there is no before and after",
            where,
            "add waves, or compare clients of one wave by fit_logit",
        )
    cells = layout.n_clients * len(layout.schedule)
    if cells > SPARSE * int(layout.rows.sum()):
        raise ModelError(
            f"'{layout.time}' has {len(layout.schedule)} different times, which clients hardly "
            "share",
            where,
            "give the number of the wave, not the date of an interview",
        )


def refuse_absorbing(outcome: np.ndarray, name: str) -> None:
    """Raise for an outcome of 0 and 1 that happens once and then stays as it is.

    Parameters
    ----------
    outcome : numpy.ndarray, shape (n, T)
    name : str
    """
    known = ~np.isnan(outcome)
    if not np.isin(outcome[known], (0.0, 1.0)).all():
        return
    # the last value known before each cell
    place = np.maximum.accumulate(np.where(known, np.arange(outcome.shape[1]), -1), axis=1)
    last = place[:, :-1]
    pair = known[:, 1:] & (last >= 0)
    before = np.take_along_axis(outcome, np.maximum(last, 0), axis=1)[pair]
    after = outcome[:, 1:][pair]
    for value in (1.0, 0.0):
        stays = before == value
        back = int((stays & (after != value)).sum())
        into = int(((before != value) & (after == value)).sum())
        if back == 0 and into > 0 and int(stays.sum()) >= ABSORBING:
            raise ModelError(
                f"'{name}' never changes again once it is {value:g}: it happens once, and waves "
                "after that say nothing about the change of practitioner",
                "outcome",
                "use an outcome that can come and go, or fit_hazard with the change of "
                "practitioner as an exposure that varies over time",
            )


def _refuse_reasons(column: pd.Series, name: str, outside: Sequence[str]) -> None:
    if isinstance(outside, str) or not outside:
        raise ModelError(
            "no reason is named that is outside the pair of client and practitioner",
            "outside",
            "give a list of values of the column of reasons, as ['left', 'office_closed']",
        )
    absent = [value for value in outside if not column.eq(value).any()]
    if absent:
        raise ModelError(
            f"'{name}' never has the value {', '.join(map(repr, absent))}",
            "outside",
            "name values that the column has, or leave those out",
        )


def _refuse_changes(flow: BreakFlow, changes: int, practitioner: str, reason: str) -> None:
    if changes == 0:
        raise ModelError(
            f"no client ever has another practitioner ('{practitioner}' is the same in all rows of "
            "each)",
            "practitioner",
            "add waves, or the practitioner of each wave; the design needs changes",
        )
    if flow.outside == 0:
        raise ModelError(
            f"none of {flow.inside} first changes of practitioner was for a reason outside the "
            "pair",
            f"{reason}, outside",
            "name the reasons that nobody in the pair chose, if there are any",
        )


def _flags(n: int, places: np.ndarray, *, of: bool = True) -> np.ndarray:
    flags = np.full(n, not of)
    flags[places] = of
    return flags


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)
