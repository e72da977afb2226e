"""The average predicted outcome along the exposure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.effects.delta import Estimates, average_mean
from deepvalue_stats.effects.estimate import Averaged, group_masks, refuse_unaveraged
from deepvalue_stats.effects.inference import counts_of
from deepvalue_stats.effects.predictor import movable
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import LEVEL, Series

# of a normal score nine tenths lie within so many SD of the mean
REACH = 1.645


def predicted_curve(
    fit: ModelFit,
    exposure: str,
    *,
    by: str | None = None,
    bounds: tuple[float, float] | None = None,
    points: int = 15,
    name: str = "predicted",
    at: Averaged = "population",
) -> Series:
    """The average predicted outcome at a grid of exposures, group by group.

    The grid runs over the mean of the exposure and 1.645 SD to either side, so that no client's
    own value is the end of a line. Intervals are symmetric on the logit scale.

    Parameters
    ----------
    fit : ModelFit
    exposure : str
    by : str, optional
        A column of groups.
    bounds : tuple of float, optional
        Lowest and highest score there can be; the grid does not leave them.
    points : int
        Grid points.
    name : str
        Key of the series.
    at : str
        As in `average_effect`.

    Returns
    -------
    Series

    Raises
    ------
    ModelError
        As `average_effect`.
    """
    refuse_unaveraged(fit, at)
    frame = fit.design.frame
    values = frame[exposure].to_numpy(dtype="float64")
    ends = values.mean() + np.array([-1, 1]) * REACH * values.std(ddof=1)
    low_end, high_end = np.clip(ends, *bounds) if bounds else ends
    grid = np.linspace(low_end, high_end, points)
    sound = fit.convergence.status == "ok"
    rows, evidence = [], []
    placed = movable(fit, exposure, at)
    for group, mask in group_masks(frame, by).items() if sound else ():
        members, counts = placed.where(mask), counts_of(fit, mask)
        for x in grid:
            at_x = average_mean(fit.link, members.set_to(x))
            low, high = _logit_interval(at_x, fit)
            rows.append((group, x, float(at_x.value[0]), low, high, counts["n_clients"]))
            evidence.append((counts["events"], counts["non_events"]))
    columns = ["group", "x", "y", "low", "high", "n_clients"]
    return Series(
        name=name,
        caption=f"Predicted {fit.design.outcome} by {exposure}",
        frame=pd.DataFrame(rows, columns=columns),
        x_label=f"{exposure} score, points",
        y_label=f"{fit.design.outcome}, per 100 clients",
        evidence=pd.DataFrame(evidence, columns=["events", "non_events"], dtype="int64"),
    )


def _logit_interval(estimate: Estimates, fit: ModelFit) -> tuple[float, float]:
    p = float(estimate.value[0])
    spread = float(np.sqrt(estimate.covariance(fit.interval_joint)[0, 0])) / (p * (1 - p))
    dof = fit.degrees_of(np.ones(len(fit.params), dtype=bool))
    half = float(stats.t.ppf((1 + LEVEL) / 2, dof)) * spread
    center = np.log(p / (1 - p))
    bounds = 1 / (1 + np.exp(-(center + np.array([-half, half]))))
    return float(bounds[0]), float(bounds[1])
