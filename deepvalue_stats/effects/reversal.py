"""Where an effect turns or sets in: two lines for a reversal, and a search for a threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit


def broken_lines(exposure: str, at: float) -> str:
    """The terms of a formula for two lines on either side of a point, with a step between them.

    Parameters
    ----------
    exposure : str
    at : float

    Returns
    -------
    str
        Three terms: the slope below, the slope from the point on, and the step. Lines that had to
        meet would tilt each other where the curve between them is smooth.

    References
    ----------
    Simonsohn (2018), Advances in Methods and Practices in Psychological Science 1: 538-555.

    Examples
    --------
    >>> broken_lines("x", 2)
    'I((x - 2) * (x < 2)) + I((x - 2) * (x >= 2)) + I(1.0 * (x >= 2))'
    """
    away = f"{exposure} - {at:.12g}"
    below, above = (f"{exposure} {side} {at:.12g}" for side in ("<", ">="))
    return f"I(({away}) * ({below})) + I(({away}) * ({above})) + I(1.0 * ({above}))"


ROUNDING = 1e-9


@dataclass(frozen=True)
class Lines:
    """The slopes of two lines on either side of a point.

    Attributes
    ----------
    slopes, std_errors : tuple of float
        Below the point, and above it.
    dof : float
    """

    slopes: tuple[float, float]
    std_errors: tuple[float, float]
    dof: float

    @property
    def statistics(self) -> tuple[float, float]:
        """Slope over standard error of either line."""
        below, above = (b / se for b, se in zip(self.slopes, self.std_errors, strict=True))
        return below, above


@dataclass(frozen=True)
class Reversal:
    """Whether an effect turns its sign.

    Attributes
    ----------
    at : float
        Where the one line ends and the other begins.
    lines : Lines
    p_values : tuple of float
        Of either slope, two-sided.
    found : bool
        Both below 5%, and the slopes of opposite sign.
    """

    at: float
    lines: Lines
    p_values: tuple[float, float]
    found: bool


def two_lines(
    values: np.ndarray,
    smooth: np.ndarray,
    smooth_error: np.ndarray,
    fit_lines: Callable[[float], Lines],
) -> Reversal:
    """Test whether the effect of an exposure turns from rising to falling, or the other way.

    A square term tests nothing of the kind: it also fits a curve that only flattens.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        The exposure of each row.
    smooth, smooth_error : numpy.ndarray, shape (n,)
        A smooth curve's value for each row at its exposure, on any scale, and its standard error.
    fit_lines : callable, from a point to Lines
        Fits the two lines on either side, as `broken_lines` writes them, by the estimator and with
        the covariance of the study.

    Returns
    -------
    Reversal

    Raises
    ------
    ModelError
        If the exposure has fewer than three values.

    Notes
    -----
    The most extreme value inside the middle 80% of the exposure is taken against a straight line
    through the ends; the flat region is where the curve is within one standard error of it. The
    lines part first at the region's median, and then at its percentile 100 |z2| / (|z1| + |z2|),
    which gives more rows to the weaker line.

    References
    ----------
    Simonsohn (2018), Advances in Methods and Practices in Psychological Science 1: two lines with
    the Robin Hood break.
    """
    if len(np.unique(values)) < 3:
        raise ModelError(
            "two lines need an exposure of three values or more",
            "two_lines",
            "compare the two groups instead",
        )
    low, high = np.quantile(values, [0.1, 0.9])
    inner = (values >= low) & (values <= high)
    order = np.argsort(values)
    ends = smooth[order[0]], smooth[order[-1]]
    # a hill or a valley: on which side of the line through the ends most of the curve lies
    line = np.interp(values, values[order[[0, -1]]], ends)
    # (of a curve that is a straight line neither, which rounding must not decide)
    hill = float((smooth - line)[inner].mean()) >= -ROUNDING * np.ptp(smooth)
    place = np.flatnonzero(inner)[int((np.argmax if hill else np.argmin)(smooth[inner]))]
    flat = inner & (np.abs(smooth - smooth[place]) <= smooth_error[place])
    first = fit_lines(float(np.median(values[flat])))
    below, above = (abs(z) for z in first.statistics)
    at = float(np.quantile(values[flat], above / (below + above)))
    lines = fit_lines(at)
    below, above = (2 * float(stats.t.sf(abs(z), lines.dof)) for z in lines.statistics)
    opposite = lines.slopes[0] * lines.slopes[1] < 0
    return Reversal(at, lines, (below, above), opposite and max(below, above) < 0.05)


@dataclass(frozen=True)
class Threshold:
    """The likeliest place at which a slope changes, and whether it changes anywhere.

    Attributes
    ----------
    at : float
        The candidate with the largest statistic.
    statistic : float
        Its score statistic.
    p_value : float
        Of the largest statistic over all candidates: the search is paid for.
    candidates : int
    """

    at: float
    statistic: float
    p_value: float
    candidates: int


def threshold_test(
    fit: ModelFit,
    exposure: str,
    candidates: np.ndarray,
    *,
    clusters: np.ndarray,
    rng: np.random.Generator,
    n: int = 1999,
) -> Threshold:
    """Search for a point at which a slope changes, with a p-value that knows of the search.

    For a neutral point that was not declared before looking. A declared one needs no search.

    Parameters
    ----------
    fit : ModelFit
        A logit or an independence GEE with the exposure as a straight line: the null model.
    exposure : str
    candidates : numpy.ndarray, shape (k,)
        Points, such as the 15th to the 85th percentile of the exposure.
    clusters : numpy.ndarray, shape (n_rows,)
        Labels of the practitioners.
    rng : numpy.random.Generator
    n : int
        Draws.

    Returns
    -------
    Threshold

    Raises
    ------
    ModelError
        For a model with random effects or a working correlation, fewer than ten clusters, no
        candidate, or one with nobody on one side.

    Notes
    -----
    For each candidate c the score of max(x - c, 0) at the null fit, cleared of the other terms,
    over its clustered variance; the distribution of the largest of them from draws in which each
    cluster's scores are multiplied by one random sign. No model is fitted again.

    References
    ----------
    Hansen (1996), Econometrica 64; Davies (1987), Biometrika 74.
    """
    if fit.random is not None or fit.association:
        raise ModelError(
            "the search is worked out for rows that are independent given the model, with "
            "clusters in the variance",
            fit.spec.formula,
            "fit the null model by fit_logit with the practitioners as its cluster",
        )
    codes, names = pd.factorize(clusters)
    if len(names) < 10:
        raise ModelError(
            f"only {len(names)} clusters", "threshold_test", "a search needs ten or more"
        )
    x = fit.design.frame[exposure].to_numpy(dtype="float64")
    if not len(candidates) or not ((candidates > x.min()) & (candidates < x.max())).all():
        raise ModelError(
            "there is no candidate, or one has nobody on one side of it",
            "threshold_test",
            "choose candidates inside the range of the exposure",
        )
    matrix = fit.design.matrix
    weight = fit.link.slope(matrix @ fit.params)
    hinges = np.maximum(x[:, None] - candidates, 0.0)
    explained = np.linalg.solve(matrix.T @ (weight[:, None] * matrix),
                                matrix.T @ (weight[:, None] * hinges))  # fmt: skip
    rows = fit.slopes[:, None] * (hinges - matrix @ explained)
    sums = np.zeros((len(names), len(candidates)))
    np.add.at(sums, codes, rows)
    variance = (sums**2).sum(axis=0)
    statistics = sums.sum(axis=0) ** 2 / variance
    signs = rng.choice([-1.0, 1.0], size=(n, len(names)))
    largest = ((signs @ sums) ** 2 / variance).max(axis=1)
    best = int(np.argmax(statistics))
    p_value = float(1 + (largest >= statistics[best]).sum()) / (n + 1)
    return Threshold(float(candidates[best]), float(statistics[best]), p_value, len(candidates))
