"""The normal likelihood of rows of which each shows some variables only.

Rows that show the same variables are one pattern, of which mean and covariance are enough; a row's
own part is needed for the robust covariance alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.dynamics.structure import Implied
from deepvalue_stats.tables import read_only

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Pattern:
    """Rows that show the same variables.

    Attributes
    ----------
    seen : numpy.ndarray of int, shape (k,)
    values : numpy.ndarray, shape (n, k)
    mean : numpy.ndarray, shape (k,)
    cov : numpy.ndarray, shape (k, k)
        About their mean, divided by n.
    """

    seen: np.ndarray
    values: np.ndarray
    mean: np.ndarray
    cov: np.ndarray

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.values)


def read_patterns(values: np.ndarray) -> tuple[Pattern, ...]:
    """Sort rows by what they show.

    Parameters
    ----------
    values : numpy.ndarray, shape (n, p)
        Not a number where a variable is not seen; every row shows one at least.
    """
    shown = np.isfinite(values)
    kinds, each = np.unique(shown, axis=0, return_inverse=True)
    found = []
    for place, kind in enumerate(kinds):
        rows = values[each.ravel() == place][:, kind]
        mean = rows.mean(axis=0)
        away = rows - mean
        found.append(
            Pattern(
                read_only(np.flatnonzero(kind)),
                read_only(rows),
                read_only(mean),
                read_only(away.T @ away / len(rows)),
            )
        )
    return tuple(found)


def loglik(patterns: tuple[Pattern, ...], mean: np.ndarray, cov: np.ndarray) -> float:
    """Log-likelihood at some moments; minus infinity where the covariance is none."""
    total = 0.0
    for one in patterns:
        part = cov[np.ix_(one.seen, one.seen)]
        try:
            root = np.linalg.cholesky(part)
        except np.linalg.LinAlgError:
            return -np.inf
        inverse = np.linalg.inv(root)
        away = inverse @ (one.mean - mean[one.seen])
        squares = float(((inverse @ one.cov) * inverse).sum() + away @ away)
        total -= (
            one.n / 2 * (len(one.seen) * LOG_2PI + 2 * float(np.log(np.diag(root)).sum()) + squares)
        )
    return total


def score(patterns: tuple[Pattern, ...], implied: Implied) -> np.ndarray:
    """Slope of the log-likelihood in the parameters, shape (q,)."""
    p = len(implied.mean)
    by_mean, by_cov = np.zeros(p), np.zeros((p, p))
    for one in patterns:
        inverse = np.linalg.inv(implied.cov[np.ix_(one.seen, one.seen)])
        away = one.mean - implied.mean[one.seen]
        pull = inverse @ away
        gap = inverse @ one.cov @ inverse + np.outer(pull, pull) - inverse
        by_mean[one.seen] += one.n * pull
        by_cov[np.ix_(one.seen, one.seen)] += one.n / 2 * gap
    return np.asarray(implied.by_mean @ by_mean + np.einsum("qij,ij->q", implied.by_cov, by_cov))


def information(patterns: tuple[Pattern, ...], implied: Implied) -> np.ndarray:
    """Expected information of the rows that there are, shape (q, q).

    Patterns are added up on means and covariances, of which there are fewer than of pairs of
    parameters and patterns.
    """
    p = len(implied.mean)
    rows, columns = np.tril_indices(p)
    means, spread = np.zeros((p, p)), np.zeros((len(rows), len(rows)))
    for one in patterns:
        grid = np.ix_(one.seen, one.seen)
        inverse = np.zeros((p, p))
        inverse[grid] = np.linalg.inv(implied.cov[grid])
        means += one.n * inverse
        by_row, by_column = inverse[rows], inverse[columns]
        straight = by_row[:, rows] * by_column[:, columns]
        spread += one.n * (straight + by_row[:, columns] * by_column[:, rows])
    # a variance stands once in a covariance, and everything else twice
    moved = implied.by_cov[:, rows, columns] * np.where(rows == columns, 0.5, 1.0)
    return np.asarray(implied.by_mean @ means @ implied.by_mean.T + moved @ spread @ moved.T)


def row_scores(patterns: tuple[Pattern, ...], implied: Implied) -> np.ndarray:
    """Each row's slope of the log-likelihood, rows by pattern, shape (n, q)."""
    parts = []
    for one in patterns:
        grid = np.ix_(one.seen, one.seen)
        inverse = np.linalg.inv(implied.cov[grid])
        pulls = (one.values - implied.mean[one.seen]) @ inverse
        by_cov = implied.by_cov[:, grid[0], grid[1]]
        spread = np.einsum("ni,qij,nj->nq", pulls, by_cov, pulls, optimize=True)
        fixed = np.einsum("qij,ij->q", by_cov, inverse)
        parts.append(pulls @ implied.by_mean[:, one.seen].T + (spread - fixed) / 2)
    return np.concatenate(parts)
