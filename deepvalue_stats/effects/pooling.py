"""Rubin's rules: one answer from fits to several imputations of the same data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.errors import ModelError
from deepvalue_stats.tables import COUNTS, KINDS, LEVEL, NUMERIC, EffectTable

LABELS = ["model", "outcome", "exposure", "scale", "contrast", "group"]


@dataclass(frozen=True)
class Pooled:
    """Estimates over imputations; every array has shape (k,).

    Attributes
    ----------
    estimate, std_error : numpy.ndarray
    dof : numpy.ndarray
        Of Barnard and Rubin; infinite where imputations agree and the data are complete without
        limit.
    within, between : numpy.ndarray
        Mean variance within imputations, and variance of the estimates between them.
    increase : numpy.ndarray
        Relative increase in variance due to what is missing.
    missing : numpy.ndarray
        Fraction of missing information.
    """

    estimate: np.ndarray
    std_error: np.ndarray
    dof: np.ndarray
    within: np.ndarray
    between: np.ndarray
    increase: np.ndarray
    missing: np.ndarray


def pool(
    estimates: np.ndarray, variances: np.ndarray, complete_dof: np.ndarray | float = np.inf
) -> Pooled:
    """Pool estimates over imputations.

    Parameters
    ----------
    estimates, variances : numpy.ndarray, shape (m, k)
        Of each imputation; m is 2 or more.
    complete_dof : float or numpy.ndarray, shape (k,)
        Degrees of freedom that complete data would have.

    Returns
    -------
    Pooled

    Raises
    ------
    ModelError
        If there are fewer than two imputations.

    Notes
    -----
    T = W + (1 + 1/m) B; 1/dof = 1/dof_old + 1/dof_observed with dof_old = (m - 1) / lambda^2 and
    dof_observed = (nu + 1) / (nu + 3) nu (1 - lambda), lambda = (1 + 1/m) B / T.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys, chapter 3; Barnard and Rubin
    (1999), Biometrika 86, equation 3.
    """
    m = len(estimates)
    if m < 2:
        raise ModelError(
            "there is nothing to pool", f"{m} imputations", "give fits to two imputations or more"
        )
    within, between = variances.mean(axis=0), estimates.var(axis=0, ddof=1)
    added = (1 + 1 / m) * between
    total = within + added
    lost, increase = added / total, added / within
    complete = np.broadcast_to(np.asarray(complete_dof, dtype="float64"), total.shape)
    # as sums of reciprocals, so that nothing missing and no limit are cases like all others
    reciprocal = lost**2 / (m - 1) + _observed_reciprocal(complete, lost)
    with np.errstate(divide="ignore"):
        dof = 1 / reciprocal
    missing = (increase + 2 / (dof + 3)) / (1 + increase)
    return Pooled(estimates.mean(axis=0), np.sqrt(total), dof, within, between, increase, missing)


def _observed_reciprocal(complete: np.ndarray, lost: np.ndarray) -> np.ndarray:
    limited = np.isfinite(complete)
    nu = np.where(limited, complete, 1.0)
    return np.where(limited, (nu + 3) / ((nu + 1) * nu * (1 - lost)), 0.0)


@dataclass(frozen=True)
class JointTest:
    """A Wald test of several coefficients over imputations.

    Attributes
    ----------
    statistic : float
        F.
    numerator, denominator : float
        Degrees of freedom.
    p_value : float
    increase : float
        Average relative increase in variance.
    """

    statistic: float
    numerator: int
    denominator: float
    p_value: float
    increase: float


def pooled_wald(estimates: np.ndarray, covariances: np.ndarray) -> JointTest:
    """Test that k coefficients are all nought, over m imputations.

    Parameters
    ----------
    estimates : numpy.ndarray, shape (m, k)
    covariances : numpy.ndarray, shape (m, k, k)

    Returns
    -------
    JointTest

    References
    ----------
    Li, Raghunathan and Rubin (1991), Journal of the American Statistical Association 86: D1.
    """
    m, k = estimates.shape
    mean, within = estimates.mean(axis=0), covariances.mean(axis=0)
    between = np.atleast_2d(np.cov(estimates, rowvar=False))
    increase = float((1 + 1 / m) * np.trace(np.linalg.solve(within, between)) / k)
    statistic = float(mean @ np.linalg.solve(within, mean)) / (k * (1 + increase))
    t = k * (m - 1)
    if t > 4:
        denominator = 4 + (t - 4) * (1 + (1 - 2 / t) / increase) ** 2
    else:
        denominator = t * (1 + 1 / k) * (1 + 1 / increase) ** 2 / 2
    p_value = float(stats.f.sf(statistic, k, denominator))
    return JointTest(statistic, k, float(denominator), p_value, increase)


def pool_tables(tables: Sequence[EffectTable]) -> EffectTable:
    """Pool effect tables of one call on fits to several imputations, row by row.

    Parameters
    ----------
    tables : sequence of EffectTable
        With the same rows in the same order. Ratios are pooled on the log scale, chances on the
        logit scale. Numbers needed are not pooled: pool differences in risk, and turn these over.

    Returns
    -------
    EffectTable
        Counts are means over imputations. A row that is not ok in one of them is not ok.

    Raises
    ------
    ModelError
        If rows differ between tables, or are numbers needed.
    """
    frames = [table.frame for table in tables]
    for frame in frames[1:]:
        if not frame[LABELS].astype("str").equals(frames[0][LABELS].astype("str")):
            raise ModelError(
                "the tables do not have the same rows",
                "imputed fits",
                "ask every fit for the same effects",
            )
    if any(KINDS[scale].scaling == "inverse" for scale in frames[0]["scale"]):
        raise ModelError(
            "numbers needed are not pooled", "imputed fits", "pool the differences in risk"
        )
    result = frames[0].copy()
    scalings = [KINDS[scale].scaling for scale in result["scale"]]
    onto = [_onto(frame, scalings) for frame in frames]
    pooled = pool(
        np.array([values for values, _ in onto]),
        np.array([errors**2 for _, errors in onto]),
        np.array([frame["dof"] for frame in frames]).min(axis=0),
    )
    half = stats.t.ppf((1 + LEVEL) / 2, pooled.dof) * pooled.std_error
    for name, ends in (("estimate", 0.0), ("conf_low", -half), ("conf_high", half)):
        result[name] = _back(pooled.estimate + ends, scalings)
    chances = np.array([scaling == "logit" for scaling in scalings])
    slope = np.where(chances, result["estimate"] * (1 - result["estimate"]), 1.0)
    result["std_error"] = pooled.std_error * slope
    result["dof"] = pooled.dof
    tested = result["p_value"].notna()
    p_values = 2 * stats.t.sf(np.abs(pooled.estimate) / pooled.std_error, pooled.dof)
    result["p_value"] = np.where(tested, p_values, np.nan)
    return _counted(result, tables)


def _counted(result: pd.DataFrame, tables: Sequence[EffectTable]) -> EffectTable:
    frames = [table.frame for table in tables]
    broken = np.any([frame["status"].ne("ok") for frame in frames], axis=0)
    for name in COUNTS:
        mean = np.mean([frame[name].astype("float64") for frame in frames], axis=0)
        result[name] = pd.Series(np.round(mean), index=result.index).astype("Int64")
    result.loc[broken, list(NUMERIC)] = np.nan
    result.loc[broken, "status"] = next(
        (status for frame in frames for status in frame["status"] if status != "ok"), "ok"
    )
    evidence = [table.evidence for table in tables if table.evidence is not None]
    least = None if len(evidence) < len(tables) else pd.concat(evidence).groupby(level=0).min()
    return EffectTable(result, least)


def _onto(frame: pd.DataFrame, scalings: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and standard errors on the scale on which intervals are symmetric."""
    values, errors = frame["estimate"].to_numpy().copy(), frame["std_error"].to_numpy().copy()
    for place, scaling in enumerate(scalings):
        if scaling == "log":
            values[place] = np.log(values[place])
        elif scaling == "logit":
            errors[place] /= values[place] * (1 - values[place])
            values[place] = np.log(values[place] / (1 - values[place]))
    return values, errors


def _back(values: np.ndarray, scalings: Sequence[str]) -> np.ndarray:
    return np.array([_UNDO[s](value) for value, s in zip(values, scalings, strict=True)])


_UNDO: dict[str, Callable[[float], float]] = {
    "identity": float,
    "log": lambda x: float(np.exp(x)),
    "logit": lambda x: float(1 / (1 + np.exp(-x))),
}
