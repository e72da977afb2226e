"""An exposure that may bend: restricted cubic splines, and the curve with its bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import expit

from deepvalue_stats.effects.delta import average_mean, together
from deepvalue_stats.effects.estimate import Averaged, refuse_unaveraged
from deepvalue_stats.effects.predictor import movable
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import LEVEL

# percentiles of the knots; the second where a pile of equal scores makes two of the first coincide
FOUR, THREE = (5, 35, 65, 95), (10, 50, 90)
DRAWS = 20_000


def spline_knots(values: np.ndarray) -> tuple[float, ...]:
    """Where a restricted cubic spline of an exposure bends.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)

    Returns
    -------
    tuple of float
        The 5th, 35th, 65th and 95th percentile; the 10th, 50th and 90th where two of those are
        one, as at a ceiling; none where two of these are, and only a straight line is left.

    References
    ----------
    Harrell (2015), Regression Modeling Strategies, section 2.4.6.
    """
    for percentiles in (FOUR, THREE):
        knots = tuple(float(knot) for knot in np.percentile(values, percentiles))
        if len(set(knots)) == len(knots):
            return knots
    return ()


def restricted_cubic(x: np.ndarray, knots: Sequence[float]) -> np.ndarray:
    """The columns of a restricted cubic spline beside the exposure itself.

    Parameters
    ----------
    x : numpy.ndarray, shape (n,)
    knots : sequence of float
        k of them, rising; three or more.

    Returns
    -------
    numpy.ndarray, shape (n, k - 2)
        In Harrell's scaling: divided by the square of the distance of the outer knots.

    Raises
    ------
    ModelError
        With fewer than three knots, or knots that do not rise.

    Notes
    -----
    s_j = [(x - t_j)^3 - (x - t_{k-1})^3 (t_k - t_j) / (t_k - t_{k-1}) + (x - t_k)^3 (t_{k-1} -
    t_j) / (t_k - t_{k-1})] / (t_k - t_1)^2, each cube of the positive part only: straight lines
    beyond the outer knots.

    References
    ----------
    Stone and Koo (1985); Harrell (2015), equation 2.25.
    """
    _refuse(knots)
    last, before = knots[-1], knots[-2]
    scale = (last - knots[0]) ** 2

    def cubed(knot: float) -> np.ndarray:
        return np.maximum(x - knot, 0.0) ** 3

    columns = [
        cubed(knot)
        - cubed(before) * (last - knot) / (last - before)
        + cubed(last) * (before - knot) / (last - before)
        for knot in knots[:-2]
    ]
    return np.column_stack(columns) / scale


def spline_terms(exposure: str, knots: Sequence[float]) -> str:
    """The terms of a formula that let an exposure bend at its knots.

    Parameters
    ----------
    exposure : str
    knots : sequence of float
        As `spline_knots` gives them; with none the exposure is a straight line.

    Returns
    -------
    str
        The exposure and the columns of `restricted_cubic`, as formulas write them.
    """
    if not knots:
        return exposure
    _refuse(knots)
    last, before = knots[-1], knots[-2]
    scale = (last - knots[0]) ** 2

    def cubed(knot: float, factor: float) -> str:
        return f"{factor / scale!r} * ({exposure} > {knot!r}) * ({exposure} - {knot!r})**3"

    columns = [
        " + ".join(
            [
                cubed(knot, 1.0),
                cubed(before, -(last - knot) / (last - before)),
                cubed(last, (before - knot) / (last - before)),
            ]
        )
        for knot in knots[:-2]
    ]
    return " + ".join([exposure, *(f"I({column})" for column in columns)])


def _refuse(knots: Sequence[float]) -> None:
    if len(knots) < 3 or not (np.diff(knots) > 0).all():
        raise ModelError(
            "knots are too few or do not rise",
            "restricted cubic spline",
            "give three or more, as spline_knots makes them",
        )


@dataclass(frozen=True)
class Curve:
    """The average chance along the exposure; every array has shape (k,).

    Attributes
    ----------
    grid, chance : numpy.ndarray
    low, high : numpy.ndarray
        95% interval at each point by itself.
    low_all, high_all : numpy.ndarray
        Band that holds the whole curve in 95 of 100 studies.
    """

    grid: np.ndarray
    chance: np.ndarray
    low: np.ndarray
    high: np.ndarray
    low_all: np.ndarray
    high_all: np.ndarray


def dose_response(
    fit: ModelFit,
    exposure: str,
    grid: np.ndarray,
    *,
    rng: np.random.Generator,
    at: Averaged = "population",
) -> Curve:
    """The average chance of the outcome with everybody's exposure at each point of a grid.

    Parameters
    ----------
    fit : ModelFit
        With the exposure free to bend, as `spline_terms` lets it, or not.
    exposure : str
    grid : numpy.ndarray, shape (k,)
    rng : numpy.random.Generator
        For the critical value of the band.
    at : str
        As in `average_effect`.

    Returns
    -------
    Curve
        Intervals are symmetric on the logit scale.

    Raises
    ------
    ModelError
        As `average_effect`; or if the fit did not settle.

    Notes
    -----
    The band is +- c standard errors, c the 95th percentile of the largest absolute value of a
    multivariate t with the correlations of the curve's points, from 20,000 draws.

    References
    ----------
    Ruppert, Wand and Carroll (2003), Semiparametric Regression, section 6.5.
    """
    refuse_unaveraged(fit, at)
    if fit.convergence.status != "ok":
        raise ModelError(
            f"there is no curve: {fit.convergence.status}", fit.spec.formula, "mend the fit first"
        )
    rows = movable(fit, exposure, at)
    risks = together([average_mean(fit.link, rows.set_to(float(x))) for x in grid])
    logits = risks.logits()
    covariance = logits.covariance(fit.interval_joint)
    error = np.sqrt(np.diag(covariance))
    dof = fit.degrees_of(np.ones(len(fit.params), dtype=bool))
    alone = float(stats.t.ppf((1 + LEVEL) / 2, dof))
    together_ = max(_simultaneous(covariance / np.outer(error, error), dof, rng), alone)
    ends = [expit(logits.value + by * error) for by in (-alone, alone, -together_, together_)]
    return Curve(np.asarray(grid, dtype="float64"), risks.value, *ends)


def _simultaneous(correlation: np.ndarray, dof: float, rng: np.random.Generator) -> float:
    """The value that the largest of several t statistics stays below in 95 of 100 studies."""
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = rng.standard_normal((DRAWS, len(correlation))) @ root.T
    if np.isfinite(dof):
        draws /= np.sqrt(rng.chisquare(dof, DRAWS) / dof)[:, None]
    return float(np.quantile(np.abs(draws).max(axis=1), LEVEL))
