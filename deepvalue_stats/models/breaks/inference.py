"""Intervals for several estimates at once, and tests of several, with few practitioners."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import fdtrc, ndtr, ndtri

from deepvalue_stats.models.student import t_quantile, two_sided
from deepvalue_stats.tables import LEVEL

# points of the lattice by which the simultaneous band is found
POINTS = 1 << 14
# directions of a covariance below this part of its largest are none
SINGULAR = 1e-10


@dataclass(frozen=True)
class BreakTest:
    """A joint test that estimates are 0.

    Attributes
    ----------
    statistic : float
        Hotelling's, as an F.
    df : int
        How many estimates are tested.
    dof : float
        Of the denominator.
    p_value : float
        Not a number where nothing can be tested.
    event_times : tuple of int
    """

    statistic: float
    df: int
    dof: float
    p_value: float
    event_times: tuple[int, ...]


@dataclass(frozen=True)
class Interval:
    """Arrays of K: standard errors, degrees of freedom, limits and p-values."""

    std_errors: np.ndarray
    dof: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_values: np.ndarray


def intervals(
    estimates: np.ndarray, variances: np.ndarray, dof: np.ndarray, level: float = LEVEL
) -> Interval:
    """Intervals by Student's t, each with its own degrees of freedom.

    Parameters
    ----------
    estimates, variances, dof : numpy.ndarray, shape (K,)
        Nothing is said where the degrees are below one.
    level : float
    """
    std_errors = np.sqrt(np.where((variances > 0) & (dof >= 1), variances, np.nan))
    safe = np.maximum(dof, 1.0)
    half = t_quantile(0.5 + level / 2, safe) * std_errors
    p_values = two_sided(estimates / std_errors, safe)
    return Interval(std_errors, dof, estimates - half, estimates + half, p_values)


def joint_level(covariance: np.ndarray, level: float = LEVEL) -> float:
    """Find the level at which intervals one by one hold jointly at `level` (sup-t).

    Parameters
    ----------
    covariance : numpy.ndarray, shape (K, K)
    level : float

    Notes
    -----
    With z normal of the estimates' correlation and c the quantile of max |z_k|, each interval is
    made at 2 F(c) - 1; with its own degrees of freedom that is the band of Montiel Olea and
    Plagborg-Møller (2019) where these are infinite. The quantile is taken over a fixed lattice of
    16,384 points, so that the same data give the same band.
    """
    spread = np.sqrt(np.diag(covariance))
    known = np.isfinite(spread) & (spread > 0)
    if known.sum() < 2:
        return level
    scaled = covariance[np.ix_(known, known)] / np.outer(spread[known], spread[known])
    values, vectors = np.linalg.eigh(scaled)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    largest = np.abs(_lattice(int(known.sum())) @ root.T).max(axis=1)
    return float(2 * ndtr(np.quantile(largest, level)) - 1)


@lru_cache(maxsize=8)
def _lattice(dimensions: int) -> np.ndarray:
    """Normal points of a Kronecker lattice on powers of the generalised golden ratio."""
    ratio = 2.0
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    return np.asarray(ndtri((0.5 + np.outer(np.arange(1, POINTS + 1), steps)) % 1.0))


def joint_test(
    estimates: np.ndarray, covariance: np.ndarray, dof: float, event_times: tuple[int, ...]
) -> BreakTest:
    """Test that K estimates are all 0, allowing for few practitioners.

    Parameters
    ----------
    estimates : numpy.ndarray, shape (K,)
    covariance : numpy.ndarray, shape (K, K)
    dof : float
        Of the covariance.
    event_times : tuple of int

    Notes
    -----
    Hotelling's T2 = b' V^-1 b with (dof - K + 1) / (dof K) T2 as F(K, dof - K + 1).
    """
    df, left = len(estimates), dof - len(estimates) + 1
    silent = BreakTest(np.nan, df, left, np.nan, event_times)
    if df == 0 or left < 1 or not np.isfinite(covariance).all():
        return silent
    spread = np.sqrt(np.diag(covariance))
    if (spread <= 0).any():
        return silent
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    if values[0] <= SINGULAR * values[-1]:
        return silent
    distance = float((((estimates / spread) @ vectors) ** 2 / values).sum())
    statistic = left / (dof * df) * distance
    return BreakTest(statistic, df, left, float(fdtrc(df, left, statistic)), event_times)
