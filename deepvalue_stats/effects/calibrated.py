"""A fit made again with the error in its exposure taken out: regression calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.effects.pooling import pool_tables
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import ScoreError
from deepvalue_stats.measures.calibration import (
    LEAST,
    CalibratedParts,
    calibrate,
    calibrate_parts,
    refuse_little_truth,
)
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import EffectTable

DRAWS = 20
FEWEST_GROUPS = 10
WHERE = "error_correction"


def fit_calibrated(
    fit: ModelFit,
    exposure: str,
    error: ScoreError,
    *,
    ratings: np.ndarray,
    rng: np.random.Generator,
    split_by: str = "",
    draws: int = DRAWS,
) -> tuple[ModelFit, ...]:
    """Fit a model again with the best prediction of the true score in the place of the score.

    Error in a score makes its coefficient smaller, more so the more of the score the covariates
    explain. Not for error that goes with the outcome, nor for a curved exposure.

    Parameters
    ----------
    fit : ModelFit
        Of a logit, a GEE or a multilevel model, linear in the exposure, interactions included.
    exposure : str
    error : ScoreError
        Of one rating.
    ratings : numpy.ndarray, shape (n,)
        Of how many ratings each row's score is the mean.
    rng : numpy.random.Generator
    split_by : str
        The groups by which the exposure is split into `<exposure>_within` and `_between`; empty
        for one that is not.
    draws : int
        Fits, each to an error variance drawn from what is known of it; one where it is known.

    Returns
    -------
    tuple of ModelFit
        Whose effects are pooled as over imputed data: `pooled_effects(fits, ...)`.

    Raises
    ------
    ModelError
        If the exposure takes part in a curve, a group is not known, or hardly anything of the
        score is true; and as the function that made the fit.

    Notes
    -----
    A model that holds groups apart compares clients of one group, among whom less of the score is
    true: there predictions are those of a two-level model of the score, given the covariates, by
    the finest grouping; otherwise by their regression. See `calibrate_parts` and `calibrate`.
    Standard errors of a fit take the predictions as they are: what is not known of the error is
    between the fits.

    References
    ----------
    Carroll, Ruppert, Stefanski and Crainiceanu (2006), Measurement Error in Nonlinear Models,
    second edition, chapter 4; Rubin (1987), chapter 3, for the draws.
    """
    rows = _rows(fit, exposure, split_by)
    known = error.variance / ratings
    left = rows.reliability(known)
    refuse_little_truth(left, "the score, given what the model adjusts for,")
    fixed = error.std_error == 0 and not split_by
    ratios = error.draws(1 if fixed else draws, rng) / error.variance
    # an error may be drawn that is larger, until hardly anything would be true
    ratios = np.minimum(ratios, (1 - 1.01 * LEAST) / (1 - left))
    return tuple(refitted(fit, columns) for columns in rows.predicted(known, ratios, rng))


def conditional_reliability(
    fit: ModelFit,
    exposure: str,
    error: ScoreError,
    *,
    ratings: np.ndarray,
    split_by: str = "",
) -> float:
    """How much of what a model compares of a score is true, from 0 to 1.

    Parameters
    ----------
    fit, exposure, error, ratings, split_by
        As of `fit_calibrated`.

    Returns
    -------
    float
        Of what the covariates leave of the score: within groups where the model holds these apart.
        Below 0 where the error is larger than that.

    Notes
    -----
    (l - R2) / (1 - R2) for a score of reliability l, R2 that of the score on the covariates.
    """
    return _rows(fit, exposure, split_by).reliability(error.variance / ratings)


def fit_latent_mean(
    fit: ModelFit,
    exposure: str,
    *,
    split_by: str,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> tuple[ModelFit, ...]:
    """Fit a split model again with the mean that a group would have over all clients it might have.

    The mean of a few clients is a poor measure of their practitioner. What it leaves out goes into
    the effect between, which is pulled towards the one within.

    Parameters
    ----------
    fit : ModelFit
        With `<exposure>_within` and `<exposure>_between`.
    exposure, split_by : str
    rng : numpy.random.Generator
    draws : int
        Fits, each to a variance between groups drawn from what is known of it.

    Returns
    -------
    tuple of ModelFit
        Whose effects are pooled as over imputed data: `pooled_effects(fits, ...)`.

    Raises
    ------
    ModelError
        If there are fewer than ten groups, or hardly anything of their means is true.

    Notes
    -----
    m_j = l_j xbar_j + (1 - l_j) times the mean of all, and x - m_j: with x - xbar_j beside m_j the
    correction would go too far. l_j = t2 / (t2 + s2 / n_j) from the restricted likelihood of
    x ~ 1 + (1 | group). The scores themselves are taken as they are.

    References
    ----------
    Luedtke, Marsh, Robitzsch, Trautwein, Asparouhov and Muthen (2008), Psychological Methods 13,
    equations 4 to 7.
    """
    score = fit.design.frame[exposure].to_numpy(dtype="float64")
    other_columns(fit, exposure, split_by)
    codes = _codes(fit, split_by)
    if int(codes.max()) + 1 < FEWEST_GROUPS:
        raise ModelError(
            f"the means of {int(codes.max()) + 1} groups say too little of how much groups differ",
            f"{WHERE}: {split_by}",
            f"leave the correction out, or have {FEWEST_GROUPS} groups at least",
        )
    levels, none = two_levels(score, np.ones((len(score), 1)), codes), np.zeros(len(score))
    levels.refuse_poor_means(split_by)
    fits = []
    for between in levels.draws(draws, rng):
        parts = replace(levels, between=float(between)).parts(score, none)
        fits.append(refitted(fit, _columns(exposure, parts, split_by)))
    return tuple(fits)


def pooled_effects(
    fits: Sequence[ModelFit], effects: Callable[[ModelFit], EffectTable]
) -> EffectTable:
    """The same effects of every fit, pooled by Rubin's rules; those of a single fit as they are."""
    tables = [effects(fit) for fit in fits]
    return pool_tables(tables) if len(tables) > 1 else tables[0]


@dataclass(frozen=True)
class _Rows:
    """The scores of a fit's rows, and what is beside them in the model."""

    exposure: str
    score: np.ndarray
    covariates: np.ndarray
    levels: Levels | None
    split_by: str

    def reliability(self, error: np.ndarray) -> float:
        if self.levels is not None:
            return 1 - float(error.mean()) / self.levels.within
        n, q = self.covariates.shape
        left = self.score - self.covariates @ np.linalg.lstsq(self.covariates, self.score)[0]
        return float(1 - error.mean() * (n - q) / (left @ left))

    def predicted(
        self, error: np.ndarray, ratios: np.ndarray, rng: np.random.Generator
    ) -> Iterator[dict[str, np.ndarray]]:
        """The exposure's columns for so many times the error each."""
        levels = self.levels
        if levels is None:
            for ratio in ratios:
                yield {self.exposure: calibrate(self.score, self.covariates, error * ratio).value}
            return
        every = np.full(len(ratios), levels.between)
        if self.split_by:
            levels.refuse_poor_means(self.split_by)
            every = levels.draws(len(ratios), rng)
        for ratio, between in zip(ratios, every, strict=True):
            parts = replace(levels, between=float(between)).parts(self.score, error * ratio)
            yield _columns(self.exposure, parts, self.split_by)


def _rows(fit: ModelFit, exposure: str, split_by: str) -> _Rows:
    score = fit.design.frame[exposure].to_numpy(dtype="float64")
    covariates, group = other_columns(fit, exposure, split_by), split_by or finest_group(fit)
    levels = two_levels(score, covariates, _codes(fit, group)) if group else None
    return _Rows(exposure, score, covariates, levels, split_by)


@dataclass(frozen=True)
class Levels:
    """A score's variances between groups and within them, given covariates.

    Attributes
    ----------
    mean : numpy.ndarray, shape (n,)
        What the covariates make of each row's score.
    codes : numpy.ndarray of int, shape (n,)
    between, within : float
        Error counted in.
    of_means : float
        The mean reliability of a group's mean.
    error_of_log : float
        Standard error of the logarithm of `between`; 0 where that is 0.
    """

    mean: np.ndarray
    codes: np.ndarray
    between: float
    within: float
    of_means: float
    error_of_log: float

    def parts(self, score: np.ndarray, error: np.ndarray) -> CalibratedParts:
        """Predictions, for error variances of shape (n,)."""
        within = self.within - float(error.mean())
        return calibrate_parts(
            score, self.mean, self.codes, between=self.between, within=within, error=error
        )

    def refuse_poor_means(self, group: str) -> None:
        """Raise a ModelError where groups' means say hardly anything of the groups."""
        refuse_little_truth(self.of_means, f"the mean score of a {group}")

    def draws(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Variances between groups that the data leave possible, shape (n,).

        Normal on the log scale, and not so small that hardly anything of a mean is true.
        """
        least = self.within * float(np.mean(1 / np.bincount(self.codes))) * LEAST / (1 - LEAST)
        drawn = self.between * np.exp(self.error_of_log * rng.standard_normal(n))
        return np.maximum(drawn, min(least, self.between))


def two_levels(score: np.ndarray, covariates: np.ndarray, codes: np.ndarray) -> Levels:
    """Variances of a score between groups and within them, by restricted likelihood.

    Parameters
    ----------
    score : numpy.ndarray, shape (n,)
    covariates : numpy.ndarray, shape (n, q)
        A constant among them.
    codes : numpy.ndarray of int, shape (n,)

    Returns
    -------
    Levels
        Of J groups the standard error of log t2 is sqrt(2 / (J - 1)) (t2 + s2 / n) / t2, n the
        harmonic mean of their sizes: that of a scaled chi-squared mean square between.
    """
    # the compiler is loaded by the first such model only
    from deepvalue_stats.models import fit_multilevel

    varying = covariates[:, np.ptp(covariates, axis=0) > 0]
    names = [f"z{place}" for place in range(varying.shape[1])]
    frame = pd.DataFrame(varying, columns=names).assign(score=score, group=codes)
    formula = f"score ~ {' + '.join(['1', *names])} + (1 | group)"
    fit = fit_multilevel(formula, frame, family="gaussian")
    within = fit.sigma**2
    between = float(fit.theta[0]) ** 2 * within
    sizes = np.bincount(codes)
    noise = within * float(np.mean(1 / sizes))
    error = np.sqrt(2 / (len(sizes) - 1)) * (between + noise) / between if between > 0 else 0.0
    of_means = float(np.mean(between / (between + within / sizes)))
    return Levels(fit.design.matrix @ fit.params, codes, between, within, of_means, float(error))


def other_columns(fit: ModelFit, exposure: str, split_by: str = "") -> np.ndarray:
    """The columns of a fit's design in which the exposure does not stand, shape (n, q).

    Raises
    ------
    ModelError
        If the exposure takes part in a curve: only lines and interactions can be corrected.
    """
    gone: list[int] = []
    for name in part_names(exposure) if split_by else (exposure,):
        places = fit.design.multiples_of(name)
        if places is None or not len(places):
            raise ModelError(
                f"'{name}' stands in no straight line in the model",
                fit.spec.formula,
                "correct a model with the exposure as it is, by itself or times other terms",
            )
        gone += places.tolist()
    return np.delete(fit.design.matrix, gone, axis=1)


def part_names(exposure: str) -> tuple[str, str]:
    """The columns of a split exposure."""
    return f"{exposure}_within", f"{exposure}_between"


def finest_group(fit: ModelFit) -> str:
    """The groups with the fewest rows that a model holds apart; empty where it holds none apart."""
    named = [name for name in fit.spec.groups if name in fit.design.frame]
    if fit.spec.correlation == "independence" or not named:
        return ""
    return max(named, key=lambda name: int(fit.design.codes(name).max()))


def _codes(fit: ModelFit, group: str) -> np.ndarray:
    codes = fit.design.codes(group)
    if (codes < 0).any():
        raise ModelError(
            f"'{group}' is missing in {int((codes < 0).sum())} rows",
            WHERE,
            "restrict the data to rows with a known group, with a reason",
        )
    return codes


def _columns(exposure: str, parts: CalibratedParts, split_by: str) -> dict[str, np.ndarray]:
    whole = {exposure: parts.within + parts.between}
    if not split_by:
        return whole
    return whole | dict(zip(part_names(exposure), (parts.within, parts.between), strict=True))


def refitted(fit: ModelFit, columns: Mapping[str, Any]) -> ModelFit:
    """A fit's model, fitted again to its rows with some columns changed."""
    # as above
    from deepvalue_stats.models.refitting import refit

    return refit(fit, fit.design.frame.assign(**columns))
