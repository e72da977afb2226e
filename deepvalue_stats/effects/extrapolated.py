"""SIMEX: more error is added on purpose, and what it does is followed back to none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.effects.calibrated import DRAWS, conditional_reliability, part_names, refitted
from deepvalue_stats.effects.pooling import pool_tables
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import ScoreError
from deepvalue_stats.measures.calibration import refuse_little_truth
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import LEVEL, EffectTable

ADDED = (0.5, 1.0, 1.5, 2.0)
REPLICATES = 50
# of the refits, how many may fail before there is no answer
FAILURES = 0.1


def extrapolate(added: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Follow a quadratic through values at each amount of added error to other amounts.

    Parameters
    ----------
    added : numpy.ndarray, shape (g,)
        In units of the error that is there; 3 or more.
    values : numpy.ndarray, shape (g, k)
    at : numpy.ndarray, shape (d,)
        -1 is no error at all.

    Returns
    -------
    numpy.ndarray, shape (d, k)

    References
    ----------
    Cook and Stefanski (1994), Journal of the American Statistical Association 89, section 2.
    """
    powers = np.vander(added, 3)
    found = np.linalg.lstsq(powers, values, rcond=None)[0]
    return np.asarray(np.vander(at, 3) @ found)


def simex(
    fit: ModelFit,
    exposure: str,
    error: ScoreError,
    effects: Callable[[ModelFit], EffectTable],
    *,
    ratings: np.ndarray,
    rng: np.random.Generator,
    split_by: str = "",
    replicates: int = REPLICATES,
    draws: int = DRAWS,
) -> EffectTable:
    """Effects without the error in the exposure, by simulation and extrapolation.

    It asks nothing of how true scores are distributed, and the quadratic takes out too little
    where the reliability is low.

    Parameters
    ----------
    fit : ModelFit
        Of a logit, a GEE or a multilevel model, linear in the exposure, interactions included.
    exposure : str
    error : ScoreError
        Of one rating.
    effects : callable
        From a fit to its effects, which are differences.
    ratings : numpy.ndarray, shape (n,)
        Of how many ratings each row's score is the mean.
    rng : numpy.random.Generator
    split_by : str
        The groups by which the exposure is split; their means are then those of the scores with
        error added, and are corrected for the error of ratings only.
    replicates : int
        Refits at each of four amounts of added error; even, for noise is added and taken away.
    draws : int
        Error variances drawn from what is known of it; one where it is known.

    Returns
    -------
    EffectTable
        Rows of `effects(fit)`.

    Raises
    ------
    ModelError
        If the exposure takes part in a curve, hardly anything of the score is true, or more than a
        tenth of the refits fail.

    Notes
    -----
    At 1 + z times the error variance, z = 0, 1/2, 1, 3/2, 2, the estimate is the mean over
    replicates, and its variance the mean variance less the variance between replicates; both are
    followed to z = -1 by a quadratic. An error variance that is r times the assumed one is z = -r,
    without a further refit. A variance is never taken for smaller than the uncorrected one.

    References
    ----------
    Cook and Stefanski (1994), Journal of the American Statistical Association 89; Stefanski and
    Cook (1995), the same 90, for the variance; Rubin (1987), chapter 3, for the draws.
    """
    left = conditional_reliability(fit, exposure, error, ratings=ratings, split_by=split_by)
    refuse_little_truth(left, "the score, given what the model adjusts for,")
    naive = effects(fit)
    noise = rng.standard_normal((replicates // 2, fit.n_obs)) * np.sqrt(error.variance / ratings)
    noise = np.concatenate([noise, -noise])
    values, variances = [_column(naive, "estimate")], [_column(naive, "std_error") ** 2]
    for added in ADDED:
        tables = [_effects(fit, exposure, np.sqrt(added) * one, split_by, effects) for one in noise]
        sound = [table for table in tables if table is not None]
        if len(sound) < (1 - FAILURES) * len(tables):
            raise ModelError(
                f"{len(tables) - len(sound)} of {len(tables)} refits with more error failed",
                fit.spec.formula,
                'set error_correction = "regression_calibration", or leave the correction out',
            )
        found = np.array([_column(table, "estimate") for table in sound])
        errors = np.array([_column(table, "std_error") for table in sound])
        values.append(found.mean(axis=0))
        variances.append((errors**2).mean(axis=0) - found.var(axis=0, ddof=1))
    grid = np.array([0.0, *ADDED])
    at = -np.ones(1) if error.std_error == 0 else -error.draws(draws, rng) / error.variance
    estimates = extrapolate(grid, np.array(values), at)
    squares = np.maximum(extrapolate(grid, np.array(variances), at), variances[0])
    drawn = [_with(naive, one, np.sqrt(two)) for one, two in zip(estimates, squares, strict=True)]
    return pool_tables(drawn) if len(drawn) > 1 else drawn[0]


def _column(table: EffectTable, name: str) -> np.ndarray:
    return table.frame[name].to_numpy(dtype="float64")


def _effects(
    fit: ModelFit,
    exposure: str,
    noise: np.ndarray,
    split_by: str,
    effects: Callable[[ModelFit], EffectTable],
) -> EffectTable | None:
    """Effects of the model refitted with noise in the exposure; None where that fails."""
    try:
        found = effects(refitted(fit, _noisy(fit.design.frame, exposure, noise, split_by)))
    except ModelError:
        return None
    return found if found.frame["status"].eq("ok").all() else None


def _noisy(
    frame: pd.DataFrame, exposure: str, noise: np.ndarray, split_by: str
) -> dict[str, object]:
    score = frame[exposure] + noise
    if not split_by:
        return {exposure: score}
    means = score.groupby(frame[split_by], sort=False, observed=True).transform("mean")
    within, between = part_names(exposure)
    return {exposure: score, within: score - means, between: means}


def _with(table: EffectTable, estimate: np.ndarray, std_error: np.ndarray) -> EffectTable:
    """The same rows with other numbers, of differences."""
    frame = table.frame.assign(estimate=estimate, std_error=std_error)
    half = stats.t.ppf((1 + LEVEL) / 2, frame["dof"]) * std_error
    frame = frame.assign(conf_low=estimate - half, conf_high=estimate + half)
    p_values = 2 * stats.t.sf(np.abs(estimate) / std_error, frame["dof"])
    return EffectTable(frame.assign(p_value=p_values), table.evidence)
