"""What a fitted cross-lagged model says, as tables: paths, standardised paths, levels, doubts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.models.dynamics.maximum import Maximum
from deepvalue_stats.models.dynamics.structure import Places, matrices, within_cov
from deepvalue_stats.models.student import t_quantile, two_sided
from deepvalue_stats.tables import LEVEL

# a share of the largest variance below which one is nothing but rounding
NOTHING = 1e-8
STEP = 1e-5


@dataclass(frozen=True)
class Told:
    """A maximum and what its numbers are called."""

    where: Places
    found: Maximum
    unit: np.ndarray
    errors: str
    names: tuple[str, str]
    schedule: tuple[str, ...]

    @property
    def covariances(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the observed information, and robust; not numbers without a maximum."""
        if not self.found.solved:
            none = np.full_like(self.found.observed, np.nan)
            return none, none
        return self.found.covariance, self.found.robust

    @property
    def covariance(self) -> np.ndarray:
        """That asked for."""
        return self.covariances[self.errors == "robust"]

    def ends(self, to: int, source: int) -> dict[str, str]:
        """What a path leads to and from."""
        waves = self.where.waves
        names = self.names[to // waves], self.names[source // waves]
        kind = "carry_over" if names[0] == names[1] else "cross"
        return {"kind": kind, "to": names[0], "from": names[1]}


def _with_limits(estimate: np.ndarray, error: np.ndarray) -> dict[str, np.ndarray]:
    half = float(t_quantile((1 + LEVEL) / 2, np.inf)) * error
    return {"conf_low": estimate - half, "conf_high": estimate + half}


def path_table(told: Told) -> pd.DataFrame:
    """A row a path, in points."""
    where, theta = told.where, told.found.theta
    at, first = np.unique(where.paths[:, 2], return_index=True)
    equal = len(at) < len(where.paths)
    to, source = where.paths[first, :2].T
    scale = told.unit[to] / told.unit[source]
    estimate = theta[at] * scale
    model, robust = (np.sqrt(np.diag(one)[at]) * scale for one in told.covariances)
    error = robust if told.errors == "robust" else model
    waves = ["all" if equal else told.schedule[one % where.waves] for one in to]
    frame = pd.DataFrame([told.ends(*ends) for ends in zip(to, source, strict=True)])
    return frame.assign(
        wave=waves,
        estimate=estimate,
        std_error=error,
        model_error=model,
        robust_error=robust,
        statistic=estimate / error,
        p_value=two_sided(estimate / error, np.inf),
        **_with_limits(estimate, error),
    )


def standardised_table(told: Told) -> pd.DataFrame:
    """A row a path and wave, in standard deviations of the deviations at each wave."""
    where = told.where
    to, source, at = where.paths.T

    def in_deviations(theta: np.ndarray) -> np.ndarray:
        variance = np.diag(within_cov(where, theta))
        ratio = variance[source] / variance[to]
        return np.asarray(theta[at] * np.sqrt(np.where(ratio > 0, ratio, np.nan)))

    estimate, error = _delta(told, in_deviations)
    frame = pd.DataFrame([told.ends(*ends) for ends in zip(to, source, strict=True)])
    return frame.assign(
        wave=[told.schedule[one % where.waves] for one in to],
        estimate=estimate,
        std_error=error,
        **_with_limits(estimate, error),
    )


def level_table(told: Told) -> pd.DataFrame:
    """Variances of the clients' levels, their covariance and correlation."""
    at = told.where.levels[:, 2]
    x, y = told.unit[0], told.unit[-1]
    scale = np.array([x * x, x * y, y * y])

    def terms(theta: np.ndarray) -> np.ndarray:
        psi = theta[at]
        product = psi[0] * psi[2]
        correlation = psi[1] / np.sqrt(product) if psi[0] > 0 and psi[2] > 0 else np.nan
        return np.append(psi * scale, correlation)

    estimate, error = _delta(told, terms)
    first, second = told.names
    names = [
        f"variance of the clients' level of {first}",
        "covariance of the levels",
        f"variance of the clients' level of {second}",
        "correlation of the levels",
    ]
    frame = pd.DataFrame({"term": names, "estimate": estimate, "std_error": error})
    return frame.assign(**_with_limits(estimate, error))


def _delta(
    told: Told, function: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """A function of the parameters and its standard errors, by the delta method."""
    theta = np.asarray(told.found.theta)
    columns = []
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = STEP * max(1.0, abs(theta[place]))
        columns.append((function(theta + step) - function(theta - step)) / (2 * step[place]))
    jacobian = np.array(columns).T
    variance = np.einsum("ka,ab,kb->k", jacobian, told.covariance, jacobian)
    return function(theta), np.sqrt(variance)


def improper_parts(
    where: Places, found: Maximum, schedule: tuple[str, ...], names: tuple[str, str]
) -> tuple[str, ...]:
    """Variances below nought, and correlations beyond one, of levels and of residuals."""
    psi, residual, _ = matrices(where, found.theta)
    waves = where.waves
    doubts = _impossible(psi, "the clients' levels", names)
    for t, wave in enumerate(schedule):
        block = residual[np.ix_([t, waves + t], [t, waves + t])]
        doubts += _impossible(block, f"what is new at wave {wave}", names)
    return tuple(doubts)


def _impossible(cov: np.ndarray, what: str, names: tuple[str, str]) -> list[str]:
    below = [name for name, value in zip(names, np.diag(cov), strict=True) if value < 0]
    if below:
        return [f"the variance of {what} of {name} is below nought" for name in below]
    if np.linalg.eigvalsh(cov)[0] < -NOTHING * np.abs(cov).max():
        return [f"the correlation of {what} is beyond one"]
    return []
