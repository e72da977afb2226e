"""Mean time to a horizon: without the event, or lost to a cause, and by how much groups differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.duration.curves import refuse_absent_cause
from deepvalue_stats.models.duration.incidence import (
    aalen_johansen,
    area_until,
    influence,
    plain_variance,
    total,
)
from deepvalue_stats.models.duration.times import Roles, Spells, count, read_spells
from deepvalue_stats.models.student import t_quantile, two_sided
from deepvalue_stats.tables import LEVEL, read_only

WHERE = "restricted_mean"


@dataclass(frozen=True)
class RestrictedMean:
    """Mean days by group up to a horizon.

    Attributes
    ----------
    horizon : float
        Days.
    cause : int or None
        None: days without the event. Otherwise days lost to this cause: of the days up to the
        horizon, those after leaving by it; more of them means earlier, or more, such exits.
    groups : tuple of str
    estimate : numpy.ndarray, shape (g,)
    covariance : numpy.ndarray, shape (g, g)
        Diagonal unless clusters have clients in several groups; missing for a group of one
        cluster.
    dof : float
        Clusters less one, or infinite.
    level : float
    """

    horizon: float
    cause: int | None
    groups: tuple[str, ...]
    estimate: np.ndarray
    covariance: np.ndarray
    dof: float
    level: float

    @property
    def table(self) -> pd.DataFrame:
        """By group: estimate, std_error, conf_low, conf_high (days)."""
        found = _limits(self.estimate, np.sqrt(np.diag(self.covariance)), self.dof, self.level)
        return pd.DataFrame({"group": self.groups, **found})

    def differences(self, reference: str = "") -> pd.DataFrame:
        """Days by which each other group exceeds a reference group (the first where left out)."""
        reference = reference or self.groups[0]
        if reference not in self.groups:
            raise ModelError(
                f"no group called {reference!r}", WHERE, f"use one of {', '.join(self.groups)}"
            )
        place = self.groups.index(reference)
        others = [here for here in range(len(self.groups)) if here != place]
        contrast = np.zeros((len(others), len(self.groups)))
        contrast[np.arange(len(others)), others], contrast[:, place] = 1.0, -1.0
        error = np.sqrt(np.diag(contrast @ self.covariance @ contrast.T))
        found = _limits(contrast @ self.estimate, error, self.dof, self.level)
        statistic = found["estimate"] / np.where(error > 0, error, np.nan)
        names = [self.groups[here] for here in others]
        return pd.DataFrame(
            {
                "group": names,
                "reference": reference,
                **found,
                "p_value": two_sided(statistic, self.dof),
            }
        )


def _limits(
    estimate: np.ndarray, error: np.ndarray, dof: float, level: float
) -> dict[str, np.ndarray]:
    half = t_quantile((1 + level) / 2, dof) * np.where(error > 0, error, np.nan)
    return {
        "estimate": estimate,
        "std_error": error,
        "conf_low": estimate - half,
        "conf_high": estimate + half,
    }


def restricted_mean(
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    horizon: float,
    by: str = "",
    cause: int | None = None,
    entry: str = "",
    cluster: str = "",
    level: float = LEVEL,
) -> RestrictedMean:
    """Estimate mean days without an event, or lost to a cause, up to a horizon.

    For "in work 11 days earlier within a year". With exits that compete, name the `cause`: the
    area under its cumulative incidence counts the days after leaving by it. Without one, every
    exit counts as the event, so no competing exit is ever censored.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a client, or a client's piece of time.
    duration, event : str
        Columns; event is 0 for censored, 1, 2, ... for the exit that happened.
    horizon : float
        Days; every group must have been followed that far, or have come to its end.
    by : str
        Column of groups.
    cause : int, optional
    entry : str
        Day from which a client was under observation.
    cluster : str
        Rows that may depend on each other; it may have clients in several groups.
    level : float

    Returns
    -------
    RestrictedMean

    Raises
    ------
    ModelError
        With faults of the columns; a horizon that is not positive, or that a group was not
        followed to; a cause by which nobody left.

    Notes
    -----
    Area under S, or under F_k, from 0 to the horizon; variance from the influence function of the
    area, which without clusters is sum (area beyond s)^2 d / (Y (Y - d)) for S. Differences are
    days, and need no proportional hazards.

    References
    ----------
    Royston and Parmar (2013), BMC Medical Research Methodology 13; Andersen (2013), Statistics in
    Medicine 32, for days lost to a cause.

    Examples
    --------
    >>> rows = pd.DataFrame({"days": [2, 4, 6, 8], "work": [1, 1, 1, 1]})
    >>> float(restricted_mean(rows, duration="days", event="work", horizon=5).estimate[0])
    4.0
    """
    spells = read_spells(data, Roles(duration, event, by, cluster, entry))
    _refuse_horizon(spells, horizon)
    if cause is not None:
        refuse_absent_cause(spells, cause)
    size = len(spells.groups)
    estimate, covariance = np.zeros(size), np.zeros((size, size))
    shares = np.zeros((len(spells.exit), size))
    for place in range(size):
        own = spells.of_group(place)
        area, variance, share = _one_group(own, horizon, cause)
        estimate[place] = area if cause is not None else horizon - area
        covariance[place, place] = variance
        shares[spells.group == place, place] = share
    dof = np.inf
    if spells.cluster is not None:
        n_clusters = int(spells.cluster.max()) + 1
        summed = np.zeros((n_clusters, size))
        np.add.at(summed, spells.cluster, shares)
        covariance, dof = summed.T @ summed, float(n_clusters - 1)
        # influences of a group's only cluster add up to nothing: that is no certainty
        alone = [np.unique(spells.cluster[spells.group == place]).size < 2 for place in range(size)]
        covariance[alone, :] = covariance[:, alone] = np.nan
    return RestrictedMean(
        float(horizon), cause, spells.groups, read_only(estimate), read_only(covariance), dof, level
    )


def _one_group(
    spells: Spells, horizon: float, cause: int | None
) -> tuple[float, float, np.ndarray]:
    """Area under the incidence, its variance with independent rows, and each row's influence."""
    found = aalen_johansen(count(spells, max(int(spells.cause.max()), cause or 1)))
    k = 0 if cause is None else cause - 1
    if cause is None:
        found = total(found)
        merged = (spells.cause > 0).astype("int64")
        spells = replace(spells, cause=merged)
    area, functional = area_until(found, k, horizon)
    share = influence(spells, found.counts, k, functional)
    plain = spells.delayed and cause is not None
    variance = float(np.sum(share**2)) if plain else plain_variance(found.counts, k, functional)
    return area, variance, share


def _refuse_horizon(spells: Spells, horizon: float) -> None:
    if not horizon > 0:
        raise ModelError("the horizon is not positive", WHERE, "give a number of days")
    faults = []
    for place, name in enumerate(spells.groups):
        own = spells.group == place
        end = spells.exit[own].max()
        ended = (spells.cause[own & (spells.exit == end)] > 0).all()
        if end < horizon and not ended:
            faults.append(
                Fault(
                    f"nobody of group '{name}' was followed to day {horizon:g}",
                    WHERE,
                    "choose a horizon within the follow-up of every group",
                )
            )
    if faults:
        raise ModelError.of(faults)
