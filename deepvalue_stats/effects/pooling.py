"""Rubin's rules: one answer from fits to several imputations of the same data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

from deepvalue_stats.errors import ModelError
from deepvalue_stats.tables import COUNTS, KINDS, LEVEL, NUMERIC, EffectTable

LABELS = ["model", "outcome", "exposure", "estimand", "scale", "contrast", "group"]


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
        Of each imputation; m is 2 or more. Missing where an imputation gave none: so is then what
        is pooled.
    complete_dof : float or numpy.ndarray, shape (k,)
        Degrees of freedom that complete data would have.

    Returns
    -------
    Pooled

    Raises
    ------
    ModelError
        If there are fewer than two imputations or a variance is not above 0.

    Notes
    -----
    T = W + (1 + 1/m) B; 1/dof = 1/dof_old + 1/dof_observed with dof_old = (m - 1) / lambda^2 and
    dof_observed = (nu + 1) / (nu + 3) nu (1 - lambda), lambda = (1 + 1/m) B / T. The fraction of
    missing information is (r + 2 / (dof + 3)) / (1 + r), r the relative increase in variance.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys, chapter 3; Barnard and Rubin
    (1999), Biometrika 86, equation 3.
    """
    m = len(estimates)
    _refuse_single(m)
    if (variances <= 0).any():
        raise ModelError(
            "a variance that is not above 0",
            "imputed fits",
            "leave out what is the same in every row",
        )
    within, between = variances.mean(axis=0), estimates.var(axis=0, ddof=1)
    added = (1 + 1 / m) * between
    total = within + added
    lost, increase = added / total, added / within
    complete = np.broadcast_to(np.asarray(complete_dof, dtype="float64"), total.shape)
    # as sums of reciprocals, so that nothing missing and no limit are cases like all others
    reciprocal = lost**2 / (m - 1) + _observed_reciprocal(complete, lost)
    # fits that hardly differ leave no more than a subnormal number: the limit is reached
    with np.errstate(divide="ignore", over="ignore"):
        dof = 1 / reciprocal
    missing = (increase + 2 / (dof + 3)) / (1 + increase)
    return Pooled(estimates.mean(axis=0), np.sqrt(total), dof, within, between, increase, missing)


def _refuse_single(m: int) -> None:
    if m < 2:
        raise ModelError(
            "there is nothing to pool", f"{m} imputations", "give fits to two imputations or more"
        )


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


def pooled_wald(
    estimates: np.ndarray, covariances: np.ndarray, complete_dof: float = np.inf
) -> JointTest:
    """Test that k coefficients are all nought, over m imputations.

    Parameters
    ----------
    estimates : numpy.ndarray, shape (m, k)
        Of each imputation; m is 2 or more.
    covariances : numpy.ndarray, shape (m, k, k)
    complete_dof : float
        Degrees of freedom that complete data would have. They are allowed for from (m - 1) k = 5
        on, below which the correction does not exist: there the test assumes that data are many.

    Returns
    -------
    JointTest

    Raises
    ------
    ModelError
        If there are fewer than two imputations, or too few complete degrees of freedom for what
        is missing.

    Notes
    -----
    F = q' W^-1 q / (k (1 + r)), r = (1 + 1/m) tr(B W^-1) / k, with k and, where data are many,
    4 + (t - 4) (1 + (1 - 2/t) / r)^2 degrees of freedom, t = k (m - 1).

    References
    ----------
    Li, Raghunathan and Rubin (1991), Journal of the American Statistical Association 86: D1;
    Reiter (2007), Biometrika 94, equation 2: its degrees of freedom in small samples.
    """
    m, k = estimates.shape
    _refuse_single(m)
    mean, within = estimates.mean(axis=0), covariances.mean(axis=0)
    between = np.atleast_2d(np.cov(estimates, rowvar=False))
    increase = float((1 + 1 / m) * np.trace(np.linalg.solve(within, between)) / k)
    statistic = float(mean @ np.linalg.solve(within, mean)) / (k * (1 + increase))
    t = k * (m - 1)
    if t > 4 and np.isfinite(complete_dof):
        denominator = _small_sample_dof(t, increase, complete_dof)
    else:
        denominator = _large_sample_dof(t, k, increase)
    if np.isinf(denominator):
        p_value = float(stats.chi2.sf(k * statistic, k))
    else:
        p_value = float(stats.f.sf(statistic, k, denominator))
    return JointTest(statistic, k, denominator, p_value, increase)


def _large_sample_dof(t: int, k: int, increase: float) -> float:
    # imputations that agree leave degrees of freedom without limit
    with np.errstate(divide="ignore", over="ignore"):
        inverse = np.float64(1) / increase
        if t > 4:
            return float(4 + (t - 4) * (1 + (1 - 2 / t) * inverse) ** 2)
        return float(t * (1 + 1 / k) * (1 + inverse) ** 2 / 2)


def _small_sample_dof(t: int, increase: float, complete: float) -> float:
    a = increase * t / (t - 2)
    observed = (complete + 1) / (complete + 3) * complete
    twice, fourfold = observed - 2 * (1 + a), observed - 4 * (1 + a)
    if fourfold <= 0:
        raise ModelError(
            "too few degrees of freedom to test coefficients together over imputations",
            f"{complete:g} for complete data",
            "test fewer of them, or each by itself",
        )
    series = (
        a**2 * twice / ((1 + a) ** 2 * fourfold)
        + 8 * a**2 * twice / ((1 + a) * fourfold**2)
        + 4 * a**2 / ((1 + a) * fourfold)
        + 4 * a**2 / (fourfold * twice)
        + 16 * a**2 * twice / fourfold**3
        + 8 * a**2 / fourfold**2
    )
    return 4 + 1 / (1 / fourfold + series / (t - 4))


def pool_tables(tables: Sequence[EffectTable]) -> EffectTable:
    """Pool effect tables of one call on fits to several imputations, row by row.

    Parameters
    ----------
    tables : sequence of EffectTable
        With the same rows in the same order, and the same unit: of an exposure that is itself
        imputed, one SD is another number in every imputation, so give one `Contrast` to all.
        Ratios are pooled on the log scale, chances on the logit scale. Numbers needed are not
        pooled: pool differences in risk, and turn these over.

    Returns
    -------
    EffectTable
        Counts are means over imputations. A row that is not ok in one of them is not ok. What was
        adjusted for several looks is not carried over: adjust what is pooled.

    Raises
    ------
    ModelError
        If there are fewer than two tables, rows differ between them, or are numbers needed.
    """
    _refuse_single(len(tables))
    frames = [table.frame for table in tables]
    for frame in frames[1:]:
        if not frame[LABELS].astype("str").equals(frames[0][LABELS].astype("str")):
            raise ModelError(
                "the tables do not have the same rows",
                "imputed fits",
                "ask every fit for the same effects, in one unit for all",
            )
    if any(KINDS[scale].scaling == "inverse" for scale in frames[0]["scale"]):
        raise ModelError(
            "numbers needed are not pooled", "imputed fits", "pool the differences in risk"
        )
    result = frames[0].assign(p_adjusted=np.nan, family=np.nan)
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
    for name in COUNTS:
        mean = np.mean([frame[name].astype("float64") for frame in frames], axis=0)
        result[name] = pd.Series(np.round(mean), index=result.index).astype("Int64")
    result["status"] = [_worst(row) for row in zip(*(f["status"] for f in frames), strict=True)]
    result.loc[result["status"].ne("ok"), list(NUMERIC)] = np.nan
    evidence = [table.evidence for table in tables if table.evidence is not None]
    if len(evidence) < len(tables):
        return EffectTable(result)
    # the gate judges the imputation with the fewest
    fewest = np.min([one.to_numpy() for one in evidence], axis=0)
    return EffectTable(
        result, pd.DataFrame(fewest, columns=evidence[0].columns, index=evidence[0].index)
    )


def _worst(statuses: Sequence[str]) -> str:
    return next((status for status in statuses if status != "ok"), "ok")


def _onto(frame: pd.DataFrame, scalings: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and standard errors on the scale on which intervals are symmetric."""
    values, errors = frame["estimate"].to_numpy().copy(), frame["std_error"].to_numpy().copy()
    for place, scaling in enumerate(scalings):
        if scaling == "log":
            values[place] = np.log(values[place])
        elif scaling == "logit":
            errors[place] /= values[place] * (1 - values[place])
            values[place] = logit(values[place])
    return values, errors


def _back(values: np.ndarray, scalings: Sequence[str]) -> np.ndarray:
    return np.array([_UNDO[s](value) for value, s in zip(values, scalings, strict=True)])


_UNDO: dict[str, Callable[[float], float]] = {
    "identity": float,
    "log": lambda x: float(np.exp(x)),
    "logit": lambda x: float(expit(x)),
}
