"""What a factor model says that the moments are, and how they move with its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deepvalue_stats.measures.factors.layout import Layout
from deepvalue_stats.measures.factors.polychoric import pairs


@dataclass(frozen=True)
class Implied:
    """Moments of each group under the model, and their derivatives.

    Attributes
    ----------
    vectors : tuple of numpy.ndarray, shape (k,)
    jacobians : tuple of numpy.ndarray, shape (k, q)
    """

    vectors: tuple[np.ndarray, ...]
    jacobians: tuple[np.ndarray, ...]


def continuous_matrices(layout: Layout, theta: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The mean (p,) and the covariance (p, p) of continuous items, by group."""
    filled = layout.fill(theta)
    found = []
    for g, residuals in enumerate(filled["residuals"]):
        loadings, factor_cov = filled["loadings"][g], filled["factor_cov"][g]
        found.append((means(filled, g), loadings @ factor_cov @ loadings.T + np.diag(residuals)))
    return found


def means(filled: Mapping[str, np.ndarray], g: int) -> np.ndarray:
    """The means of the items of a group (of what stands behind them, where they are ordinal)."""
    return np.asarray(filled["intercepts"][g] + filled["loadings"][g] @ filled["factor_means"][g])


def implied_continuous(layout: Layout, theta: np.ndarray) -> Implied:
    """Means and covariances with their derivatives."""
    filled = layout.fill(theta)
    low = np.tril_indices(filled["residuals"].shape[1])
    vectors, jacobians = [], []
    for g, (mean, cov) in enumerate(continuous_matrices(layout, theta)):
        vectors.append(np.r_[mean, cov[low]])
        by_mean, by_cov = _common(layout, filled, g)
        for i, q in _entries(layout, "residuals", g):
            by_cov[q, i, i] += 1.0
        jacobians.append(np.vstack([by_mean.T, by_cov[:, low[0], low[1]].T]))
    return Implied(tuple(vectors), tuple(jacobians))


def implied_ordinal(layout: Layout, theta: np.ndarray, equal_residuals: np.ndarray) -> Implied:
    """Standardised thresholds and correlations with their derivatives.

    Parameters
    ----------
    layout : Layout
    theta : numpy.ndarray, shape (q,)
    equal_residuals : boolean array, shape (p,)
        Items whose residual variance is the first group's in every group: their standard
        deviations follow from it.
    """
    filled = layout.fill(theta)
    vectors, jacobians = [], []
    first: tuple[np.ndarray, np.ndarray] | None = None
    for g in range(len(filled["scales"])):
        common = filled["loadings"][g] @ filled["factor_cov"][g] @ filled["loadings"][g].T
        by_mean, by_cov = _common(layout, filled, g)
        scales = filled["scales"][g].copy()
        by_scale = np.zeros((len(theta), len(scales)))
        for i, q in _entries(layout, "scales", g):
            by_scale[q, i] += 1.0
        own = (np.diagonal(common), np.diagonal(by_cov, axis1=1, axis2=2))
        first = first or own
        if g:
            variance = own[0] + 1.0 - first[0]
            scales[equal_residuals] = np.sqrt(np.maximum(variance, 1e-8))[equal_residuals]
            slope = (own[1] - first[1]) / (2 * scales)
            by_scale[:, equal_residuals] = slope[:, equal_residuals]
        vector, jacobian = _standardised(
            layout, filled, g, (means(filled, g), by_mean), (common, by_cov), (scales, by_scale)
        )
        vectors.append(vector)
        jacobians.append(jacobian)
    return Implied(tuple(vectors), tuple(jacobians))


def _standardised(
    layout: Layout,
    filled: Mapping[str, np.ndarray],
    g: int,
    mean: tuple[np.ndarray, np.ndarray],
    common: tuple[np.ndarray, np.ndarray],
    scale: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds and correlations in standard deviations, with derivatives, as vectors."""
    (mu, by_mean), (cov, by_cov), (sd, by_sd) = mean, common, scale
    index = layout.index["thresholds"][g]
    items, places = np.nonzero(index >= 0)
    standard = (filled["thresholds"][g][items, places] - mu[items]) / sd[items]
    by_threshold = -by_mean[:, items] - standard * by_sd[:, items]
    by_threshold[index[items, places], np.arange(len(items))] += 1.0
    by_threshold /= sd[items]
    rows, columns = pairs(len(mu))
    both = sd[rows] * sd[columns]
    correlation = cov[rows, columns] / both
    by_correlation = by_cov[:, rows, columns] / both - correlation * (
        by_sd[:, rows] / sd[rows] + by_sd[:, columns] / sd[columns]
    )
    return np.r_[standard, correlation], np.hstack([by_threshold, by_correlation]).T


def _entries(layout: Layout, matrix: str, g: int) -> list[tuple[int, int]]:
    """Free entries of a vector of a group: position, parameter."""
    index = layout.index[matrix][g]
    return [(int(i), int(index[i])) for i in np.flatnonzero(index >= 0)]


def _common(
    layout: Layout, filled: Mapping[str, np.ndarray], g: int
) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of means (q, p) and of the factors' part of the covariances (q, p, p)."""
    loadings, factor_cov = filled["loadings"][g], filled["factor_cov"][g]
    average = filled["factor_means"][g]
    q, (p, _) = len(layout.names), loadings.shape
    by_mean, by_cov = np.zeros((q, p)), np.zeros((q, p, p))
    through = factor_cov @ loadings.T
    index = layout.index["loadings"][g]
    for i, k in np.argwhere(index >= 0):
        at = index[i, k]
        by_mean[at, i] += average[k]
        by_cov[at, i, :] += through[k]
        by_cov[at, :, i] += through[k]
    index = layout.index["factor_cov"][g]
    for k, other in np.argwhere(index >= 0):
        by_cov[index[k, other]] += np.outer(loadings[:, k], loadings[:, other])
    for k, at in _entries(layout, "factor_means", g):
        by_mean[at] += loadings[:, k]
    for i, at in _entries(layout, "intercepts", g):
        by_mean[at, i] += 1.0
    return by_mean, by_cov
