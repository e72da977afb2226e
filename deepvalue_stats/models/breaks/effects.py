"""What follows when a practitioner leaves: clients who lost theirs beside who have not yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.breaks.group_times import (
    BASE,
    EVERY,
    Control,
    Covariance,
    Effects,
    Groups,
    Lost,
    group_times,
)
from deepvalue_stats.models.breaks.history import BreakFlow, BreakPanel, Columns, break_panel
from deepvalue_stats.models.breaks.inference import BreakTest, intervals, joint_level, joint_test
from deepvalue_stats.models.breaks.result import BreakBand, BreakEffects, BreakEstimate, GroupTime
from deepvalue_stats.tables import read_only

CONTROLS = ("not_yet", "never")
COVARIANCES = ("clustered", "influence", "jackknife")
LATER = ("drop", "keep")
# with fewer practitioners who left the estimates describe; up to so many they are few
DESCRIPTIVE, MANY = 10, 40


def break_effects(
    frame: pd.DataFrame,
    *,
    outcome: str,
    client: str,
    time: str,
    practitioner: str,
    reason: str,
    outside: Sequence[str],
    strata: str | Sequence[str] = (),
    control: Control = "not_yet",
    covariates: Sequence[str] = (),
    by: str | None = None,
    later_changes: Literal["drop", "keep"] = "drop",
    window: tuple[int, int] | None = None,
    covariance: Covariance = "clustered",
) -> BreakEffects:
    """Estimate what follows a change of practitioner that nobody in the pair chose.

    Clients whose practitioner left for reasons of their own are compared, wave by wave and each
    with their own last wave before, with clients of the same strata whose practitioner had not
    left by then. For outcomes that can come and go; for one that happens once, use `fit_hazard`
    with the change as an exposure that varies over time.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row for each client and wave, from before the changes on.
    outcome : str
        A number, or 0 and 1; missing ones are left out, counted.
    client, time, practitioner : str
        Time is the wave: a number, date or ordered category that clients share. The practitioner
        is that of the wave; the change is at the first row with another one than the row before.
    reason : str
        Column that says, at that row, why.
    outside : sequence of str
        Its values that have nothing to do with client or relationship, as leave, retirement or a
        closed office. With any other value, or none, the client is out from that row on.
    strata : str or sequence of str
        Columns in which controls are like the treated, as the service, or the month of the start;
        of a client's first row.
    control : str
        not_yet: clients who have not changed by that wave. never: clients who never do.
    covariates : sequence of str
        Adjusted for by regression among the controls; of a client's first row, so that the change
        cannot have moved them. A category becomes dummies. Clients without one are left out,
        counted.
    by : str, optional
        Column of bands, of a client's first row: estimates for each, with controls of the same.
    later_changes : str
        drop: rows from the second change on are left out, counted. keep: the estimate is of the
        first change with all that followed from it.
    window : tuple of int, optional
        First and last event time; what is averaged ends there too.
    covariance : str
        clustered: influences summed by practitioner, with a factor for few who left. influence:
        without it, as in the reference. jackknife: by leaving out one practitioner at a time; more
        careful, and much too careful where strata have few practitioners.

    Returns
    -------
    BreakEffects

    Raises
    ------
    ModelError
        If a column is not there, or client, time, practitioner or a stratum is missing in a row; a
        client has two rows at a time, or time has no order; there is one wave only, nobody
        changes, or nobody for a reason outside; the outcome never changes again once it has
        happened; or fewer than two practitioners left whose clients can be compared.

    Notes
    -----
    Callaway and Sant'Anna's ATT(g, t), for clients who changed at wave g: in each stratum the mean
    of y_t - y_(g-1) over them less that over the controls, weighted by them; averaged over all
    clients at t - g waves since the change. Leads have the same base, so that a trend shows as one
    (Roth 2024). It assumes that without the change both would have moved alike within strata, and
    that nobody does other things ahead of it; and that clients lost to the study, or to a second
    change, would have gone on like others. Weights are clients', as they are there.

    Errors are clustered by the practitioner before the change, as whoever loses a practitioner
    loses the same one: L/(L-1) sum_j psi_j psi_j' over practitioners, of whom L left, with t of
    L (or of those with controls, if fewer) less one. The joint band is by `joint_level`, the test
    of leads Hotelling's. `deepvalue_stats.bench.breaks` has how honest they are.

    References
    ----------
    Callaway and Sant'Anna (2021), Journal of Econometrics 225, equations 2.1 and 3.4; Roth (2024),
    on the base of leads; Roth (2022), AER: Insights 4, on the power of tests of leads; MacKinnon,
    Nielsen and Webb (2023), Journal of Applied Econometrics 38, for the jackknife; Montiel Olea and
    Plagborg-Møller (2019), Journal of Applied Econometrics 34, for the band.
    """
    _refuse_options(control, covariance, later_changes, window)
    columns = Columns(
        outcome, client, time, practitioner, as_names(strata), as_names(covariates), by or ""
    )
    panel, flow = break_panel(
        frame, columns, reason=reason, outside=outside, later_changes=later_changes
    )
    return effects_of(panel, flow, columns, control, covariance, window or EVERY)


def effects_of(
    panel: BreakPanel,
    flow: BreakFlow,
    columns: Columns,
    control: Control,
    covariance: Covariance,
    window: tuple[int, int],
) -> BreakEffects:
    """Estimate from histories; see `break_effects`.

    Parameters
    ----------
    panel : BreakPanel
    flow : BreakFlow
    columns : Columns
    control, covariance : str
    window : tuple of int
    """
    whole = replace(panel, band=np.zeros_like(panel.band), bands=("",))
    curve, overall, groups, lost = group_times(
        whole, control=control, covariance=covariance, window=window
    )
    left = int(overall.counted.practitioners.max(initial=0))
    _refuse_few(lost, left, columns)
    binary = bool(np.isin(panel.outcome[~np.isnan(panel.outcome)], (0.0, 1.0)).all())
    rows = estimates_of(curve, binary)
    together = np.hstack([curve.contributions, overall.contributions])
    average = estimates_of(overall, binary, average=True)[0]
    leads = [k for k in judged(rows, average) if curve.event_time[k] < BASE]
    bands, differ = _bands(panel, columns, control, covariance, window, binary)
    enough, reason = _enough(left)
    return BreakEffects(
        outcome=columns.outcome,
        client=columns.client,
        time=columns.time,
        practitioner=columns.practitioner,
        strata=columns.strata,
        covariates=columns.covariates,
        control=control,
        covariance=covariance,
        curve=rows,
        overall=average,
        pretrend=_tested(curve, np.array(leads, dtype=int)),
        groups=_groups(groups, panel.schedule),
        bands=bands,
        bands_differ=differ,
        event_times=tuple(map(int, curve.event_time)),
        covariance_matrix=read_only(together.T @ together),
        flow=replace(
            flow, no_base=lost.no_base, no_controls=lost.no_controls, compared=lost.compared
        ),
        enough=enough,
        reason=reason,
    )


def estimates_of(
    effects: Effects, binary: bool, *, average: bool = False
) -> tuple[BreakEstimate, ...]:
    """Estimates with their intervals and joint band.

    Parameters
    ----------
    effects : Effects
    binary : bool
        Whether the outcome is 0 or 1, and its events can be counted.
    average : bool
        Over event times, so that each has none of its own.
    """
    counted = effects.counted
    dof = degrees(effects)
    variances = np.diag(effects.covariance)
    found = intervals(effects.estimates, variances, dof)
    joint = found
    if not average:
        level = joint_level(effects.covariance)
        joint = intervals(effects.estimates, variances, dof, level)
    return tuple(
        BreakEstimate(
            event_time=None if average else int(effects.event_time[k]),
            estimate=float(effects.estimates[k]),
            std_error=float(found.std_errors[k]),
            dof=float(dof[k]),
            conf_low=float(found.low[k]),
            conf_high=float(found.high[k]),
            p_value=float(found.p_values[k]),
            joint_low=float(joint.low[k]),
            joint_high=float(joint.high[k]),
            n_clients=int(counted.clients[k]),
            n_practitioners=int(counted.practitioners[k]),
            n_controls=int(counted.controls[k]),
            n_control_practitioners=int(counted.control_practitioners[k]),
            n_events=int(counted.events[k]) if binary else None,
        )
        for k in range(len(dof))
    )


def judged(curve: tuple[BreakEstimate, ...], overall: BreakEstimate) -> list[int]:
    """Places of the estimates that joint statements rest on.

    Those of fewer than ten practitioners who left (or half of all who did) would take the degrees
    of freedom of the others with them; they are shown, and not tested.

    Parameters
    ----------
    curve : tuple of BreakEstimate
    overall : BreakEstimate
    """
    enough = max(2, min(DESCRIPTIVE, (overall.n_practitioners + 1) // 2))
    return [k for k, row in enumerate(curve) if row.n_practitioners >= enough and row.dof >= 1]


def degrees(effects: Effects) -> np.ndarray:
    """Degrees of freedom: practitioners who left, or who have controls if fewer, less one.

    Parameters
    ----------
    effects : Effects
    """
    counted = effects.counted
    return np.asarray(np.minimum(counted.practitioners, counted.control_practitioners) - 1.0)


def joint_degrees(dof: np.ndarray) -> float:
    """Degrees of freedom of a joint test: the median of the estimates' own.

    With the smallest a test of leads at 5% rejects one or two true nulls in a hundred, with those
    of all who left six.

    Parameters
    ----------
    dof : numpy.ndarray, shape (K,)
    """
    return float(np.median(dof)) if len(dof) else 0.0


def as_names(names: str | Sequence[str]) -> tuple[str, ...]:
    """One name, or several, as several.

    Parameters
    ----------
    names : str or sequence of str
    """
    return (names,) if isinstance(names, str) else tuple(names)


def _tested(effects: Effects, places: np.ndarray) -> BreakTest:
    dof = joint_degrees(degrees(effects)[places])
    part = effects.covariance[np.ix_(places, places)]
    times = tuple(map(int, effects.event_time[places]))
    return joint_test(effects.estimates[places], part, dof, times)


def _groups(groups: Groups, schedule: tuple[str, ...]) -> tuple[GroupTime, ...]:
    return tuple(
        GroupTime(
            change=schedule[g],
            wave=schedule[t],
            event_time=int(t - g),
            estimate=float(estimate),
            std_error=float(std_error),
            n_clients=int(clients),
            n_practitioners=int(practitioners),
            n_controls=int(controls),
        )
        for g, t, estimate, std_error, clients, practitioners, controls in zip(
            *vars(groups).values(), strict=True
        )
    )


def _bands(
    panel: BreakPanel,
    columns: Columns,
    control: Control,
    covariance: Covariance,
    window: tuple[int, int],
    binary: bool,
) -> tuple[tuple[BreakBand, ...], BreakTest | None]:
    """Estimates by band, with controls of the same band, and whether these differ."""
    if not columns.by:
        return (), None
    nested = panel.strata * len(panel.bands) + panel.band
    strata = np.unique(nested, return_inverse=True)[1]
    curve, overall, _, _ = group_times(
        replace(panel, strata=strata), control=control, covariance=covariance, window=window
    )
    rows, averages = estimates_of(curve, binary), estimates_of(overall, binary, average=True)
    bands = tuple(
        BreakBand(
            panel.bands[band],
            tuple(row for row, of in zip(rows, curve.band, strict=True) if of == band),
            average,
        )
        for band, average in zip(overall.band, averages, strict=True)
    )
    apart = overall.contributions[:, 1:] - overall.contributions[:, :1]
    dof = joint_degrees(degrees(overall))
    beyond = overall.estimates[1:] - overall.estimates[:1]
    return bands, joint_test(beyond, apart.T @ apart, dof, ())


def _enough(left: int) -> tuple[str, str]:
    told = f"{left} practitioners left whose clients can be compared"
    if left < DESCRIPTIVE:
        return "descriptive", f"{told}: fewer than {DESCRIPTIVE} describe, and test nothing"
    if left < MANY:
        return "few", f"{told}: few, so intervals rest on t with {left - 1} degrees of freedom"
    return "standard", f"{told}: enough"


def _refuse_few(lost: Lost, left: int, columns: Columns) -> None:
    where = f"{columns.practitioner}, {columns.time}"
    if lost.compared == 0:
        within = f" in the same {', '.join(columns.strata)}" if columns.strata else ""
        raise ModelError(
            f"no client who lost a practitioner can be compared: {lost.no_base} have no outcome at "
            f"the wave before, and {lost.no_controls} client-waves no control{within}",
            where,
            "take wider strata, or control='not_yet', or add waves before the changes",
        )
    if left < 2:
        raise ModelError(
            "one practitioner left whose clients can be compared, so nothing tells the leaving "
            "from that practitioner",
            where,
            "describe what happened to these clients; an estimate needs two leavers or more, a "
            "test ten",
        )


def _refuse_options(
    control: str, covariance: str, later: str, window: tuple[int, int] | None
) -> None:
    for name, value, allowed in (
        ("control", control, CONTROLS),
        ("covariance", covariance, COVARIANCES),
        ("later_changes", later, LATER),
    ):
        if value not in allowed:
            raise ModelError(f"no {name} '{value}'", name, f"use one of {', '.join(allowed)}")
    if window is not None and not (len(window) == 2 and window[0] <= BASE and window[1] >= 0):
        raise ModelError(
            "the window has to reach from before the change to after it",
            "window",
            "give the first and the last event time, as (-3, 3)",
        )
