"""Tests of factor models: of one against the data, and of one against a looser one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from deepvalue_stats.measures.factors.fitting import Solution
from deepvalue_stats.measures.factors.moments import Moments

CLOSE = 0.05  # the RMSEA that a test of close fit asks about


@dataclass(frozen=True)
class ChiSquared:
    """A chi-squared statistic; no p-value where there is nothing to test."""

    value: float
    df: int

    @property
    def p_value(self) -> float:
        """How often chance alone gives as much; not a number without degrees of freedom."""
        return float(chi2.sf(self.value, self.df)) if self.df > 0 else np.nan


@dataclass(frozen=True)
class ModelTest:
    """A model against the moments.

    Attributes
    ----------
    plain : ChiSquared
        For normal items (ordinal: no distribution of its own) and independent rows.
    scaled : ChiSquared
        Corrected for items that are not normal and rows that share a practitioner: divided by its
        mean (maximum likelihood), or fitted to its mean and variance (ordinal).
    factor : float
        What the scaling divides by.
    """

    plain: ChiSquared
    scaled: ChiSquared
    factor: float


@dataclass(frozen=True)
class FitIndices:
    """How well a model fits, beside its test.

    Attributes
    ----------
    cfi, tli, rmsea, rmsea_low, rmsea_high, rmsea_p, srmr : float
        From the plain chi-squared; the 90 % interval; the p-value of an RMSEA up to .05.
    cfi_scaled, tli_scaled, rmsea_scaled : float
        From the scaled one.
    cfi_robust, rmsea_robust : float
        What the plain index would be for the whole population (maximum likelihood only).

    References
    ----------
    Bentler (1990), Psychological Bulletin 107; Steiger (1998), Structural Equation Modeling 5, for
    several groups; Brosseau-Liard and Savalei (2014), Multivariate Behavioral Research 49.
    """

    cfi: float
    tli: float
    rmsea: float
    rmsea_low: float
    rmsea_high: float
    rmsea_p: float
    srmr: float
    cfi_scaled: float
    tli_scaled: float
    rmsea_scaled: float
    cfi_robust: float
    rmsea_robust: float


def model_test(moments: Moments, found: Solution) -> ModelTest:
    """The plain and the scaled chi-squared.

    Notes
    -----
    Maximum likelihood: T / c with c = (tr(W1 G) - tr(I^-1 B)) / df, W1 the saturated model's
    information, G the moments' covariance, I and B the information and the covariance of the score
    (Yuan and Bentler; the form of Asparouhov and Muthén). Ordinal: a T + b with the mean and the
    variance of a chi-squared of df.

    References
    ----------
    Yuan and Bentler (2000), Sociological Methodology 30; Asparouhov and Muthén (2010), Simple
    second order chi-square correction.
    """
    df = len(found.residual) - len(found.theta)
    plain = ChiSquared(float(moments.rows.sum() * found.discrepancy), df)
    if df <= 0:
        return ModelTest(plain, ChiSquared(np.nan, df), np.nan)
    if moments.ordinal:
        a, b = _shift(_leftover(moments, found), df)
        return ModelTest(plain, ChiSquared(a * plain.value + b, df), 1 / a)
    own = np.trace(np.linalg.lstsq(found.bread, found.meat, rcond=None)[0])
    factor = float((found.saturated_trace - own) / df)
    return ModelTest(plain, ChiSquared(plain.value / factor, df), factor)


def _leftover(moments: Moments, found: Solution) -> np.ndarray:
    """The matrix whose eigenvalues the test statistic weights chi-squareds by."""
    weighted = found.weight @ found.jacobian
    inner = np.linalg.lstsq(found.jacobian.T @ weighted, weighted.T, rcond=None)[0]
    return np.asarray((found.weight - weighted @ inner) @ moments.covariance)


def _shift(matrix: np.ndarray, df: int) -> tuple[float, float]:
    """Factor and shift that give a statistic the mean and the variance of a chi-squared of df."""
    a = np.sqrt(df / np.trace(matrix @ matrix))
    return float(a), float(df - a * np.trace(matrix))


def scaled_difference(
    moments: Moments, strict: Solution, loose: Solution, *, by_mean: bool = False
) -> ChiSquared:
    """Whether the restrictions that make `loose` into `strict` hold.

    Parameters
    ----------
    moments : Moments
    strict, loose : Solution
        Of nested models of these moments.
    by_mean : bool
        Divide by the mean alone, from the two models' own factors (maximum likelihood only). It
        can come out negative, and then there is no test. By default the statistic gets the mean and
        the variance of a chi-squared, from the covariance of what the restrictions restrict.

    Returns
    -------
    ChiSquared
        Without a value where it cannot be had.

    References
    ----------
    Satorra (2000), in Innovations in Multivariate Statistical Analysis; Satorra and Bentler (2001),
    Psychometrika 66.
    """
    df = len(loose.theta) - len(strict.theta)
    value = float(moments.rows.sum()) * (strict.discrepancy - loose.discrepancy)
    if df <= 0:
        return ChiSquared(np.nan, df)
    if by_mean:
        inner, outer = model_test(moments, loose), model_test(moments, strict)
        inner_part = inner.factor * inner.plain.df if inner.plain.df > 0 else 0.0
        factor = (outer.factor * outer.plain.df - inner_part) / df
        return ChiSquared(value / factor if factor > 0 else np.nan, df)
    kept = np.linalg.lstsq(loose.jacobian, strict.jacobian, rcond=None)[0]
    lost = null_space(kept.T).T
    if len(lost) != df:
        return ChiSquared(np.nan, df)
    information = loose.jacobian.T @ loose.weight @ loose.jacobian
    spread = np.linalg.lstsq(information, lost.T, rcond=None)[0]
    matrix = loose.meat @ spread @ np.linalg.solve(lost @ spread, spread.T)
    a, b = _shift(matrix, df)
    return ChiSquared(max(a * value + b, 0.0), df)


def fit_indices(moments: Moments, model: ModelTest, baseline: ModelTest, srmr: float) -> FitIndices:
    """Indices of a model beside the baseline, in which no item goes with another."""
    groups, n = len(moments.groups), int(moments.rows.sum())
    low, high = _rmsea_interval(model.plain, n, groups)
    own, none = model.plain, baseline.plain
    close = float(ncx2.sf(own.value, own.df, n * own.df * CLOSE**2 / groups)) if own.df else np.nan
    robust = model.factor if np.isfinite(model.factor) and not moments.ordinal else np.nan
    return FitIndices(
        cfi=_cfi(own, none),
        tli=_tli(own, none),
        rmsea=_rmsea(own.value, own.df, 1.0, n, groups),
        rmsea_low=low,
        rmsea_high=high,
        rmsea_p=close,
        srmr=srmr,
        cfi_scaled=_cfi(model.scaled, baseline.scaled),
        tli_scaled=_tli(model.scaled, baseline.scaled),
        rmsea_scaled=_rmsea(model.scaled.value, own.df, 1.0, n, groups),
        cfi_robust=_cfi(own, none, robust, baseline.factor),
        rmsea_robust=_rmsea(own.value, own.df, robust, n, groups),
    )


def _cfi(own: ChiSquared, none: ChiSquared, c_own: float = 1.0, c_none: float = 1.0) -> float:
    if np.isnan(c_own) or np.isnan(own.value):
        return np.nan
    excess = max(own.value - c_own * own.df, 0.0)
    worst = max(none.value - c_none * none.df, excess, 0.0)
    return 1.0 - excess / worst if worst > 0 else 1.0


def _tli(own: ChiSquared, none: ChiSquared) -> float:
    if own.df <= 0 or np.isnan(own.value):
        return np.nan
    return float(1.0 - (own.value - own.df) * none.df / ((none.value - none.df) * own.df))


def _rmsea(value: float, df: int, factor: float, n: int, groups: int) -> float:
    if df <= 0 or np.isnan(value) or np.isnan(factor):
        return np.nan
    return float(np.sqrt(max(value - factor * df, 0.0) / (n * df) * groups))


def _rmsea_interval(test: ChiSquared, n: int, groups: int) -> tuple[float, float]:
    """The 90 % interval, from the noncentral chi-squareds that give the value at 95 and at 5 %."""
    if test.df <= 0:
        return np.nan, np.nan
    limits = []
    for level in (0.95, 0.05):
        if chi2.cdf(test.value, test.df) <= level:
            limits.append(0.0)
            continue
        top = max(4 * test.value, 10.0)
        while ncx2.cdf(test.value, test.df, top) > level:
            top *= 2
        found = brentq(lambda x, at=level: ncx2.cdf(test.value, test.df, x) - at, 0.0, top)
        limits.append(float(np.sqrt(found / (n * test.df) * groups)))
    return limits[0], limits[1]
