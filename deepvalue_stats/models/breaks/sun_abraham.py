"""The same effects by one regression: the interaction-weighted estimator of Sun and Abraham."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.breaks.absorbed import Absorbed, absorbed_fit
from deepvalue_stats.models.breaks.effects import as_names, estimates_of
from deepvalue_stats.models.breaks.group_times import BASE, Counted, Effects
from deepvalue_stats.models.breaks.history import BreakPanel, Columns, break_panel
from deepvalue_stats.models.breaks.result import BreakEstimate
from deepvalue_stats.tables import read_only


@dataclass(frozen=True)
class SunAbraham:
    """Effects of a change by waves since it, by regression.

    Attributes
    ----------
    curve : tuple of BreakEstimate
    overall : BreakEstimate
        Averaged over all client-waves after the change.
    n_rows, n_clients : int
        Of the regression.
    without_base : int
        Clients who changed and have no row at the base; in no estimate, nor in the regression.
    """

    curve: tuple[BreakEstimate, ...]
    overall: BreakEstimate
    n_rows: int
    n_clients: int
    without_base: int


def sun_abraham(
    frame: pd.DataFrame,
    *,
    outcome: str,
    client: str,
    time: str,
    practitioner: str,
    reason: str,
    outside: Sequence[str],
    strata: str | Sequence[str] = (),
) -> SunAbraham:
    """Estimate effects of breaks by a regression with an effect for each group and event time.

    A cross-check of `break_effects`, with clients who never changed as controls. On complete panels
    without strata both are the same to rounding. Where rows are missing it also uses clients
    without a row at the base.

    Parameters
    ----------
    frame, outcome, client, time, practitioner, reason, outside
        As of `break_effects`.
    strata : str or sequence of str
        Waves have effects of their own in each; effects of the change are shared by all.

    Returns
    -------
    SunAbraham

    Raises
    ------
    ModelError
        As `break_effects`, or if no client never changed.

    Notes
    -----
    y_it = a_i + l_t + sum over g and e != -1 of d_ge 1[g_i = g, t - g = e] + u_it over groups g
    and those who never changed; the effect at e is the mean of d_ge, weighted by clients. Errors
    are clustered by the practitioner before the change, with t of the number who left less one.

    References
    ----------
    Sun and Abraham (2021), Journal of Econometrics 225, equations 26 and 28.
    """
    columns = Columns(outcome, client, time, practitioner, as_names(strata))
    panel, _ = break_panel(frame, columns, reason=reason, outside=outside)
    return interaction_weighted(panel)


def interaction_weighted(panel: BreakPanel) -> SunAbraham:
    """Estimate from histories; see `sun_abraham`.

    Parameters
    ----------
    panel : BreakPanel
    """
    waves = panel.outcome.shape[1]
    changed = panel.change < waves
    base = np.take_along_axis(panel.outcome, np.maximum(panel.change - 1, 0)[:, None], axis=1)[:, 0]
    lacking = changed & (np.isnan(base) | (panel.change == 0))
    # who was let out for a change within the pair is in no group, and no one who never changed
    kept = panel.only((changed & ~lacking) | panel.never)
    if not kept.never.any():
        raise ModelError(
            "no client never changed practitioner, so the regression has nobody to compare with",
            "sun_abraham",
            "use break_effects, whose controls have not changed yet",
        )
    client, wave = np.nonzero(~np.isnan(kept.outcome))
    group = kept.change[client]
    since = np.where(group < waves, wave - group, BASE)
    codes = group * (2 * waves) + since + waves
    columns, at = np.unique(np.where(since == BASE, -1, codes), return_inverse=True)
    if columns[0] == -1:
        columns, at = columns[1:], at - 1
    told = at >= 0
    n, p = len(client), len(columns)
    matrix = sparse.csr_matrix(
        (np.ones(told.sum()), (np.flatnonzero(told), at[told])), shape=(n, p)
    )
    periods = np.unique(kept.strata[client] * waves + wave, return_inverse=True)[1]
    fit = absorbed_fit(
        kept.outcome[client, wave],
        matrix,
        np.unique(client, return_inverse=True)[1],
        periods,
        kept.practitioner[client],
    )
    rows = np.asarray(matrix.sum(axis=0)).ravel() * ~np.isnan(fit.params)
    event_time = columns % (2 * waves) - waves
    binary = bool(np.isin(kept.outcome[client, wave], (0.0, 1.0)).all())
    times = np.unique(event_time[rows > 0])
    picks = [event_time == time for time in times]
    curve = _weighted(kept, fit, matrix, client, wave, picks, rows, times)
    after = _weighted(kept, fit, matrix, client, wave, [event_time >= 0], rows, np.zeros(1, int))
    return SunAbraham(
        curve=estimates_of(curve, binary),
        overall=estimates_of(after, binary, average=True)[0],
        n_rows=n,
        n_clients=len(np.unique(client)),
        without_base=int(lacking.sum()),
    )


def _weighted(
    panel: BreakPanel,
    fit: Absorbed,
    matrix: sparse.csr_matrix,
    client: np.ndarray,
    wave: np.ndarray,
    picks: list[np.ndarray],
    rows: np.ndarray,
    times: np.ndarray,
) -> Effects:
    """Means of coefficients over the rows behind them."""
    weights = np.array([np.where(pick, rows, 0.0) for pick in picks]).T
    weights = weights / weights.sum(axis=0)
    params = np.nan_to_num(fit.params)
    counted: dict[str, list[float]] = {name: [] for name in Counted.__annotations__}
    controls = panel.never
    for pick in picks:
        mine = np.asarray(matrix[:, np.flatnonzero(pick & (rows > 0))].sum(axis=1)).ravel() > 0
        counted["clients"].append(len(np.unique(client[mine])))
        counted["practitioners"].append(len(np.unique(panel.practitioner[client[mine]])))
        counted["controls"].append(int(controls.sum()))
        counted["control_practitioners"].append(len(np.unique(panel.practitioner[controls])))
        counted["events"].append(float(panel.outcome[client[mine], wave[mine]].sum()))
    return Effects(
        band=np.zeros(len(picks), dtype="int64"),
        event_time=read_only(times),
        estimates=read_only(params @ weights),
        contributions=read_only(fit.contributions @ weights),
        counted=Counted(**{name: np.array(values) for name, values in counted.items()}),
    )
