"""How far a model of moments is from the data: chi-square and the indices made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc, chndtr

# limits of the RMSEA, as is usual: 90%
TAIL = 0.05


@dataclass(frozen=True)
class ChiSquare:
    """A likelihood ratio.

    Attributes
    ----------
    statistic : float
    df : int
    p_value : float
        Not a number without degrees of freedom.
    """

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True)
class FitIndices:
    """How well a model of moments fits.

    Attributes
    ----------
    chi2, df, p_value : float, int, float
        Against the model in which every mean and covariance is free.
    rmsea, rmsea_low, rmsea_high : float
        Root mean square error of approximation, with 90% limits; below 0.06 is usually held good.
    cfi : float
        Comparative fit index, against no covariances at all; above 0.95 is usually held good.
    """

    chi2: float
    df: int
    p_value: float
    rmsea: float
    rmsea_low: float
    rmsea_high: float
    cfi: float


def chi_square(fuller: float, narrower: float, df: int) -> ChiSquare:
    """Compare two log-likelihoods, of nested models that differ by so many parameters."""
    statistic = 2 * (fuller - narrower)
    known = df > 0 and np.isfinite(statistic)
    p_value = float(chdtrc(df, max(statistic, 0.0))) if known else np.nan
    return ChiSquare(statistic, df, p_value)


def fit_indices(model: ChiSquare, baseline: ChiSquare, rows: int) -> FitIndices:
    """The usual indices.

    Parameters
    ----------
    model, baseline : ChiSquare
        Of the model, and of the one without covariances, both against the saturated.
    rows : int

    References
    ----------
    Steiger (1990), Multivariate Behavioral Research 25; Bentler (1990), Psychological Bulletin 107;
    Browne and Cudeck (1992), Sociological Methods and Research 21, for the limits.
    """
    if not np.isfinite(model.statistic):
        none = dict.fromkeys(("rmsea", "rmsea_low", "rmsea_high", "cfi"), np.nan)
        return FitIndices(np.nan, model.df, np.nan, **none)
    beyond = max(model.statistic - model.df, 0.0)
    baseline_beyond = max(baseline.statistic - baseline.df, beyond)
    low, high = (_noncentral(model, chance) for chance in (1 - TAIL, TAIL))
    each = rows * model.df

    def rmsea(noncentral: float) -> float:
        return float(np.sqrt(noncentral / each)) if each else 0.0

    return FitIndices(
        chi2=model.statistic,
        df=model.df,
        p_value=model.p_value,
        rmsea=rmsea(beyond),
        rmsea_low=rmsea(low),
        rmsea_high=rmsea(high),
        cfi=1 - beyond / baseline_beyond if baseline_beyond > 0 else 1.0,
    )


def _noncentral(model: ChiSquare, chance: float) -> float:
    """The noncentrality at which a chi-square stays below the one seen with this chance."""
    if not model.df:
        return 0.0

    def gap(noncentral: float) -> float:
        return float(chndtr(model.statistic, model.df, noncentral)) - chance

    if gap(0.0) <= 0:
        return 0.0
    top = max(model.statistic, model.df, 1.0)
    while gap(top) > 0:
        top *= 2
    return float(brentq(gap, 0.0, top))
