"""Theta, the free numbers of the random part, and the lower triangular Lambdas that they fill."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from deepvalue_stats.models.multilevel.engine import Lambdas
from deepvalue_stats.models.multilevel.random import Factor


@lru_cache(maxsize=64)
def _entries(free: tuple[tuple[int, int], ...]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.array(free).T
    return rows, columns


def as_lambdas(factors: tuple[Factor, ...], theta: np.ndarray) -> Lambdas:
    """Fill the lower triangular factor of every factor of the random design with theta."""
    lambdas, first = [], 0
    for factor in factors:
        q = len(factor.columns)
        held = np.zeros((q, q))
        rows, columns = _entries(factor.free)
        held[rows, columns] = theta[first : first + len(rows)]
        lambdas.append(held)
        first += len(rows)
    return tuple(lambdas)


def as_theta(factors: tuple[Factor, ...], lambdas: Lambdas) -> np.ndarray:
    """The free entries of every Lambda, one after the other: the inverse of `as_lambdas`."""
    held = [values[_entries(factor.free)] for factor, values in zip(factors, lambdas, strict=True)]
    return np.concatenate(held)


def signs_of(factors: tuple[Factor, ...], theta: np.ndarray) -> np.ndarray:
    """For every free entry the sign of its column's diagonal, zero counting as positive."""
    turned = [
        np.where(np.diag(held) < 0, -1.0, 1.0) * np.ones(held.shape)
        for held in as_lambdas(factors, theta)
    ]
    return as_theta(factors, tuple(turned))


def without_zeros(covariance: np.ndarray, near: float) -> tuple[np.ndarray, np.ndarray]:
    """Cholesky factor with columns of pivots up to near^2 left zero, and which ones are."""
    q = len(covariance)
    lower, gone = np.zeros((q, q)), np.zeros(q, dtype=bool)
    left = covariance.copy()
    for column in range(q):
        if left[column, column] <= near**2:
            gone[column] = True
            continue
        lower[column:, column] = left[column:, column] / np.sqrt(left[column, column])
        left = left - np.outer(lower[:, column], lower[:, column])
    return lower, gone
