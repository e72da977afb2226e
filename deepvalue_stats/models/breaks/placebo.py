"""The same question of cases closed before the practitioner left: nothing should follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.breaks.effects import as_names, effects_of, joint_degrees, judged
from deepvalue_stats.models.breaks.group_times import EVERY, Control, Covariance
from deepvalue_stats.models.breaks.history import (
    BreakFlow,
    BreakPanel,
    Columns,
    lay_out,
    refuse_absorbing,
    refuse_layout,
)
from deepvalue_stats.models.breaks.inference import BreakTest, joint_test
from deepvalue_stats.models.breaks.result import BreakEffects
from deepvalue_stats.models.panel.layout import PanelLayout, panel_layout


@dataclass(frozen=True)
class BreakPlacebo:
    """What followed a leaving for clients whom it could not touch.

    Attributes
    ----------
    effects : BreakEffects
        Of clients whose case was closed when their practitioner left.
    test : BreakTest
        That nothing followed, at any event time. That it passes does not prove the design.
    """

    effects: BreakEffects
    test: BreakTest


def break_placebo(
    frame: pd.DataFrame,
    *,
    outcome: str,
    client: str,
    time: str,
    practitioner: str,
    closed: str,
    left: str,
    strata: str | Sequence[str] = (),
    control: Control = "not_yet",
    covariates: Sequence[str] = (),
    covariance: Covariance = "clustered",
) -> BreakPlacebo:
    """Estimate what followed a practitioner's leaving for clients whose case was closed by then.

    Beside `break_effects`, for an outcome that is known of closed cases as well, as from a
    register. Where something follows all the same, other things went with the leaving, as a
    closing office or a bad year of the service, and the effect on open cases holds them too.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row for each client and wave.
    outcome, client, time : str
        As of `break_effects`.
    practitioner : str
        Who had the case when it was closed.
    closed : str
        Column of 0 and 1, or of truth: the case was closed at this wave. Other rows are left out.
    left : str
        Column with the time from which that practitioner had gone, in the unit of `time` and the
        same in all rows of a client; missing where they had not.
    strata, control, covariates, covariance
        As of `break_effects`.

    Returns
    -------
    BreakPlacebo
        `effects.flow.outside` counts closed cases whose practitioner left later,
        `changed_before` those where that came before the first closed wave, who are left out.

    Raises
    ------
    ModelError
        As `break_effects`; or if no case is closed, no practitioner left afterwards, or a client
        has two times of leaving.
    """
    columns = Columns(outcome, client, time, practitioner, as_names(strata), as_names(covariates))
    columns.refuse(frame, ("closed", closed), ("left", left))
    rows = frame[_marked(frame[closed], closed)]
    if rows.empty:
        raise ModelError("no row is of a closed case", "closed", "mark rows of closed cases by 1")
    layout = panel_layout(rows, client=client, time=time)
    refuse_layout(layout)
    panel, flow = _closed_panel(rows, columns, layout, left)
    refuse_absorbing(panel.outcome, outcome)
    effects = effects_of(panel, flow, columns, control, covariance, EVERY)
    after = [k for k in judged(effects.curve, effects.overall) if effects.event_times[k] >= 0]
    return BreakPlacebo(
        effects,
        joint_test(
            np.array([effects.curve[k].estimate for k in after]),
            effects.covariance_matrix[np.ix_(after, after)],
            joint_degrees(np.array([effects.curve[k].dof for k in after])),
            tuple(effects.event_times[k] for k in after),
        ),
    )


def _closed_panel(
    rows: pd.DataFrame, columns: Columns, layout: PanelLayout, left: str
) -> tuple[BreakPanel, BreakFlow]:
    order, n, waves = layout.order, layout.n_clients, len(layout.schedule)
    clients = layout.clients[order]
    first_row = np.r_[True, clients[1:] != clients[:-1]]
    place = _places(rows[columns.time], rows[left], left, layout)[order]
    change = place[first_row]
    if (place != change[clients]).any():
        count = len(np.unique(clients[place != change[clients]]))
        raise ModelError(
            f"{count} clients have more than one time of leaving",
            left,
            "give the time at which the practitioner of the closed case left, in all rows",
        )
    before = change <= layout.waves[order][first_row]
    practitioner, known = pd.factorize(rows[columns.practitioner])
    values = rows[columns.outcome].to_numpy(dtype="float64", na_value=np.nan)[order]
    who = (change, change == waves, practitioner[order][first_row])
    panel, lacking = lay_out(rows, columns, layout, values, order[first_row], who)
    gone = (change < waves) & ~before
    if not gone.any():
        raise ModelError(
            f"no practitioner of {n} closed cases left after the first wave that is known of them",
            left,
            "leave the placebo out, or add waves after cases were closed",
        )
    flow = BreakFlow(
        rows=len(rows),
        clients=n,
        practitioners=len(known),
        outside=int(gone.sum()),
        inside=0,
        reason_unknown=0,
        never=int((change == waves).sum()),
        changed_before=int(before.sum()),
        seen_once=layout.seen_once,
        second_change=0,
        rows_after_second=0,
        rows_after_inside=0,
        outcome_missing=int(np.isnan(values).sum()),
        covariate_missing=int((lacking & ~before).sum()),
        told_only=0,
    )
    return panel.only(~before & ~lacking), flow


def _places(times: pd.Series, left: pd.Series, name: str, layout: PanelLayout) -> np.ndarray:
    """Place in the schedule of the first wave without the practitioner, T for none."""
    known = left.notna().to_numpy()
    if isinstance(times.dtype, pd.CategoricalDtype):
        order = {str(value): at for at, value in enumerate(times.cat.categories)}
        schedule = np.array([order[value] for value in layout.schedule])
        number = left[known].astype("object").map(lambda value: order.get(str(value), -1))
        like = bool((number >= 0).all())
    else:
        dated = pd.api.types.is_datetime64_any_dtype
        schedule, number = np.sort(times.unique()), left[known]
        like = dated(times) == dated(left) or not known.any()
    if not like:
        raise ModelError(
            f"'{name}' is not in the unit of '{times.name}'",
            "left",
            "give the wave from which the practitioner had gone",
        )
    places = np.full(len(left), len(schedule))
    places[known] = np.searchsorted(schedule, number.to_numpy())
    return places


def _marked(column: pd.Series, name: str) -> np.ndarray:
    values = column.to_numpy(dtype="float64", na_value=np.nan)
    if not np.isin(values, (0.0, 1.0)).all():
        raise ModelError(
            f"'{name}' has values other than 0 and 1, or missing ones",
            "closed",
            "mark rows of closed cases by 1, and all others by 0",
        )
    return np.asarray(values == 1)
