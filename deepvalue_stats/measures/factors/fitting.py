"""Fitting factor models: maximum likelihood, and weighted least squares of ordinal items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepvalue_stats.measures.factors.implied import (
    Implied,
    continuous_matrices,
    implied_continuous,
    implied_ordinal,
)
from deepvalue_stats.measures.factors.layout import Layout
from deepvalue_stats.measures.factors.moments import GroupMoments, Moments

STEPS = 150
HALVINGS = 30
PRECISION = 1e-16
ROUNDING = 1e-13
STIFFEST = 1e3
DIFFERENCE = 1e-4


@dataclass(frozen=True)
class Solution:
    """Where a model fits best, with what its tests need.

    Attributes
    ----------
    theta : numpy.ndarray, shape (q,)
    discrepancy : float
        N times it is the chi-squared of the model.
    jacobian : numpy.ndarray, shape (k, q)
        Derivatives of the moments of all groups.
    weight : numpy.ndarray, shape (k, k)
        What differences between moments weigh, each group by its share of the rows.
    bread : numpy.ndarray, shape (q, q)
        Information per row: observed for maximum likelihood, expected for least squares.
    meat : numpy.ndarray, shape (q, q)
        Covariance of the score per row, with clusters.
    residual : numpy.ndarray, shape (k,)
        Sample moments minus the model's.
    saturated_trace : float
        tr(weight x covariance) of the model without restrictions.
    converged : bool
    """

    theta: np.ndarray
    discrepancy: float
    jacobian: np.ndarray
    weight: np.ndarray
    bread: np.ndarray
    meat: np.ndarray
    residual: np.ndarray
    saturated_trace: float
    converged: bool


def fit_likelihood(moments: Moments, layout: Layout) -> Solution:
    """Maximum likelihood of normal items, with casewise scores for robust tests.

    Parameters
    ----------
    moments : Moments
        Continuous.
    layout : Layout

    Returns
    -------
    Solution

    Notes
    -----
    The discrepancy of a group is log|Sigma| + tr(S Sigma^-1) - log|S| - p + (m - mu)' Sigma^-1
    (m - mu); groups are added up by their shares. The steps are Fisher's. The information is the
    observed one, from differences of the exact gradient.

    References
    ----------
    Jöreskog (1969), Psychometrika 34, eq. 4; Yuan and Bentler (2000), Sociological Methodology 30.
    """
    p = moments.items
    samples = [_matrices(one.vector, p) for one in moments.groups]

    def discrepancy(theta: np.ndarray) -> float:
        distances = [
            _likelihood_distance(sample, model)
            for sample, model in zip(samples, continuous_matrices(layout, theta), strict=True)
        ]
        return float(moments.shares @ distances)

    def parts(theta: np.ndarray) -> _Parts:
        implied = implied_continuous(layout, theta)
        weights = [normal_weight(_matrices(one, p)[1]) for one in implied.vectors]
        gaps = [
            _likelihood_gap(one.vector, vector, p)
            for one, vector in zip(moments.groups, implied.vectors, strict=True)
        ]
        return _Parts(implied, weights, gaps)

    theta, converged = _minimise(moments.shares, layout.start, discrepancy, parts)
    best = parts(theta)
    implied, weights = best.implied, best.weights
    scores = [
        _scores_at(one, vector, p) @ (weight @ jacobian)
        for one, vector, weight, jacobian in zip(
            moments.groups, implied.vectors, weights, implied.jacobians, strict=True
        )
    ]
    shares = np.repeat(moments.shares, [scores[0].shape[1]] * len(scores))
    spread = moments.spread(scores) * shares[:, None] * shares[None, :]
    q = len(theta)
    meat = spread.reshape(len(scores), q, len(scores), q).sum(axis=(0, 2))
    saturated = [normal_weight(sample[1]) for sample in samples]
    return Solution(
        theta=theta,
        discrepancy=discrepancy(theta),
        jacobian=np.vstack(implied.jacobians),
        weight=_blocks(moments, weights),
        bread=_derivative(lambda at: _gradient(moments.shares, samples, layout, at), theta),
        meat=meat,
        residual=_residual(moments, implied),
        saturated_trace=_trace(moments, _blocks(moments, saturated)),
        converged=converged,
    )


def fit_least_squares(moments: Moments, layout: Layout, equal_residuals: np.ndarray) -> Solution:
    """Diagonally weighted least squares of thresholds and polychoric correlations.

    Parameters
    ----------
    moments : Moments
        Ordinal.
    layout : Layout
    equal_residuals : boolean array, shape (p,)
        See `implied_ordinal`.

    Returns
    -------
    Solution

    References
    ----------
    Muthén, du Toit and Spisic (1997), Robust inference using weighted least squares.
    """
    weights = [1.0 / np.diag(one.own) for one in moments.groups]

    def parts(theta: np.ndarray) -> _Parts:
        implied = implied_ordinal(layout, theta, equal_residuals)
        gaps = [v.vector - w for v, w in zip(moments.groups, implied.vectors, strict=True)]
        return _Parts(implied, [np.diag(one) for one in weights], gaps)

    def discrepancy(theta: np.ndarray) -> float:
        gaps = parts(theta).gaps
        return float(moments.shares @ [w @ gap**2 for w, gap in zip(weights, gaps, strict=True)])

    theta, converged = _minimise(moments.shares, layout.start, discrepancy, parts)
    implied = parts(theta).implied
    jacobian = np.vstack(implied.jacobians)
    weight = np.concatenate(
        [share * one for share, one in zip(moments.shares, weights, strict=True)]
    )
    weighted = jacobian * weight[:, None]
    return Solution(
        theta=theta,
        discrepancy=discrepancy(theta),
        jacobian=jacobian,
        weight=np.diag(weight),
        bread=jacobian.T @ weighted,
        meat=weighted.T @ moments.covariance @ weighted,
        residual=_residual(moments, implied),
        saturated_trace=float(weight @ np.diag(moments.covariance)),
        converged=converged,
    )


def normal_weight(cov: np.ndarray) -> np.ndarray:
    """The information that normal items of covariance `cov` hold on means and covariances."""
    p = len(cov)
    inverse = np.linalg.inv(cov)
    rows, columns = np.tril_indices(p)
    double = np.where(rows == columns, 0.5, 1.0)
    paired = (
        inverse[np.ix_(rows, rows)] * inverse[np.ix_(columns, columns)]
        + inverse[np.ix_(rows, columns)] * inverse[np.ix_(columns, rows)]
    )
    weight = np.zeros((p + len(rows), p + len(rows)))
    weight[:p, :p] = inverse
    weight[p:, p:] = paired * double[:, None] * double[None, :]
    return weight


def _matrices(vector: np.ndarray, p: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the covariance in a vector of moments."""
    cov = np.empty((p, p))
    rows, columns = np.tril_indices(p)
    cov[rows, columns] = cov[columns, rows] = vector[p:]
    return vector[:p], cov


def _likelihood_distance(
    sample: tuple[np.ndarray, np.ndarray], model: tuple[np.ndarray, np.ndarray]
) -> float:
    (mean, cov), (mu, sigma) = sample, model
    try:
        root = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        return np.inf
    inverse = np.linalg.inv(root)
    away = inverse @ (mean - mu)
    logs = 2 * np.log(np.diag(root)).sum() - np.linalg.slogdet(cov)[1]
    return float(logs + (inverse @ cov @ inverse.T).trace() - len(mu) + away @ away)


def _gradient(
    shares: np.ndarray,
    samples: list[tuple[np.ndarray, np.ndarray]],
    layout: Layout,
    theta: np.ndarray,
) -> np.ndarray:
    """Half the derivative of the discrepancy, by matrices and without the Jacobian.

    The same as minus `_score`, at a cost that does not grow with the moments: the observed
    information takes it at many places.
    """
    filled, total = layout.fill(theta), np.zeros(len(theta))
    models = continuous_matrices(layout, theta)
    for g, (share, (mean, cov), (mu, sigma)) in enumerate(
        zip(shares, samples, models, strict=True)
    ):
        inverse = np.linalg.inv(sigma)
        away = mean - mu
        pull = inverse @ away
        gap = inverse - inverse @ cov @ inverse - np.outer(pull, pull)
        loadings, factor_cov = filled["loadings"][g], filled["factor_cov"][g]
        slopes = {
            "intercepts": -pull,
            "residuals": np.diag(gap) / 2,
            "loadings": gap @ loadings @ factor_cov - np.outer(pull, filled["factor_means"][g]),
            "factor_cov": loadings.T @ gap @ loadings / 2,
            "factor_means": -loadings.T @ pull,
        }
        for matrix, slope in slopes.items():
            index = layout.index[matrix][g]
            np.add.at(total, index[index >= 0], share * slope[index >= 0])
    return total


def _likelihood_gap(own: np.ndarray, model: np.ndarray, p: int) -> np.ndarray:
    """Sample moments minus the model's, the covariance taken around the model's means."""
    gap: np.ndarray = own - model
    rows, columns = np.tril_indices(p)
    gap[p:] += gap[rows] * gap[columns]
    return gap


@dataclass(frozen=True)
class _Parts:
    """A model at one place: by group its moments, their weights, and what it leaves over."""

    implied: Implied
    weights: list[np.ndarray]
    gaps: list[np.ndarray]


def _score(shares: np.ndarray, parts: _Parts) -> tuple[np.ndarray, np.ndarray]:
    """Half the downward gradient, and the expected information."""
    q = parts.implied.jacobians[0].shape[1]
    score, information = np.zeros(q), np.zeros((q, q))
    for share, jacobian, weight, gap in zip(
        shares, parts.implied.jacobians, parts.weights, parts.gaps, strict=True
    ):
        weighted = share * (weight @ jacobian)
        information += jacobian.T @ weighted
        score += weighted.T @ gap
    return score, information


def _minimise(
    shares: np.ndarray,
    start: np.ndarray,
    discrepancy: Callable[[np.ndarray], float],
    parts: Callable[[np.ndarray], _Parts],
) -> tuple[np.ndarray, bool]:
    """Scoring steps, halved until they help, with a ridge where they do not.

    The last steps move the discrepancy by less than it can be computed to: they are taken as long
    as it does not rise by more than that.
    """
    theta, value, ridge = start, discrepancy(start), 0.0
    for _ in range(STEPS):
        score, information = _score(shares, parts(theta))
        scale = np.diag(np.maximum(np.diag(information), 1e-8))
        step = np.linalg.lstsq(information + ridge * scale, score, rcond=None)[0]
        for halving in range(HALVINGS):
            trial = theta + step / 2**halving
            new = discrepancy(trial)
            if new <= value + ROUNDING:
                break
        else:
            if ridge > STIFFEST:
                return theta, False
            ridge = max(10 * ridge, 1e-3)
            continue
        theta, value, ridge = trial, new, ridge / 10
        if score @ step < PRECISION:  # twice what the discrepancy can still lose
            return theta, True
    return theta, False


def _scores_at(group: GroupMoments, vector: np.ndarray, p: int) -> np.ndarray:
    """Influence values of a group around the model's moments instead of the sample's own."""
    sums, sizes, own = group.sums, group.sizes, group.vector
    away = own[:p] - vector[:p]
    rows, columns = np.tril_indices(p)
    moved = sums.copy()
    moved[:, :p] += sizes[:, None] * away
    cross = sums[:, rows] * away[columns] + sums[:, columns] * away[rows]
    shift = own[p:] - vector[p:] + np.outer(away, away)[rows, columns]
    moved[:, p:] += cross + sizes[:, None] * shift
    return np.asarray(moved)


def _blocks(moments: Moments, weights: list[np.ndarray]) -> np.ndarray:
    starts = moments.starts
    total = np.zeros((starts[-1], starts[-1]))
    for g, (share, weight) in enumerate(zip(moments.shares, weights, strict=True)):
        total[starts[g] : starts[g + 1], starts[g] : starts[g + 1]] = share * weight
    return total


def _residual(moments: Moments, implied: Implied) -> np.ndarray:
    gaps = [one.vector - v for one, v in zip(moments.groups, implied.vectors, strict=True)]
    return np.concatenate(gaps)


def _trace(moments: Moments, weight: np.ndarray) -> float:
    return float((weight * moments.covariance).sum())


def _derivative(gradient: Callable[[np.ndarray], np.ndarray], theta: np.ndarray) -> np.ndarray:
    """The derivative of a gradient by fourth-order differences, made symmetric."""
    q = len(theta)
    found = np.empty((q, q))
    for j in range(q):
        step = np.zeros(q)
        step[j] = DIFFERENCE * max(1.0, abs(theta[j]))
        near = gradient(theta + step) - gradient(theta - step)
        far = gradient(theta + 2 * step) - gradient(theta - 2 * step)
        found[:, j] = (8 * near - far) / (12 * step[j])
    return (found + found.T) / 2
