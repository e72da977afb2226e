"""What a model says that means and covariances are, and how they move with its parameters.

Notation: T waves, p = 2T variables, first the relationship's and then the outcome's; B the paths
between deviations, Theta their residual covariances, Psi the covariance of the clients' levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepvalue_stats.tables import read_only


@dataclass(frozen=True)
class Implied:
    """Moments at some parameters, and their derivatives.

    Attributes
    ----------
    mean : numpy.ndarray, shape (p,)
    cov : numpy.ndarray, shape (p, p)
    by_mean : numpy.ndarray, shape (q, p)
    by_cov : numpy.ndarray, shape (q, p, p)
    """

    mean: np.ndarray
    cov: np.ndarray
    by_mean: np.ndarray
    by_cov: np.ndarray


@dataclass(frozen=True)
class Structure:
    """A model of means and covariances.

    Attributes
    ----------
    names : tuple of str
        Of the q parameters.
    start : numpy.ndarray, shape (q,)
    implied : callable
        From parameters to `Implied`.
    """

    names: tuple[str, ...]
    start: np.ndarray
    implied: Callable[[np.ndarray], Implied]


@dataclass(frozen=True)
class Places:
    """Where each parameter of a cross-lagged model stands: row, column, parameter.

    Attributes
    ----------
    levels : numpy.ndarray of int, shape (3, 3)
        In Psi (2, 2).
    residuals : numpy.ndarray of int, shape (3T, 3)
        In Theta (2T, 2T), lower triangle.
    paths : numpy.ndarray of int, shape (4(T - 1), 3)
        In B (2T, 2T): to, from.
    names : tuple of str
    """

    levels: np.ndarray
    residuals: np.ndarray
    paths: np.ndarray
    names: tuple[str, ...]

    @property
    def waves(self) -> int:
        """T."""
        return len(self.residuals) // 3


PATHS = ("xx", "xy", "yx", "yy")


def places(waves: int, *, equal: bool) -> Places:
    """Number the parameters: means, levels, residuals, paths.

    Parameters
    ----------
    waves : int
    equal : bool
        Whether a path is one parameter over all waves. A path "yx" leads to y from x.
    """
    names = [f"mean {v}{t}" for v in "xy" for t in range(1, waves + 1)]
    levels = []
    for name, row, column in (("x", 0, 0), ("xy", 1, 0), ("y", 1, 1)):
        levels.append((row, column, len(names)))
        names.append(f"level {name}")
    residuals = []
    for t in range(waves):
        for name, row, column in (("x", t, t), ("xy", waves + t, t), ("y", waves + t, waves + t)):
            residuals.append((row, column, len(names)))
            names.append(f"residual {name}{t + 1}")
    paths = []
    for kind in PATHS:
        to, source = (waves * "xy".index(v) for v in kind)
        for t in range(1, waves):
            if t == 1 or not equal:
                names.append(f"path {kind}" if equal else f"path {kind}{t + 1}")
            paths.append((to + t, source + t - 1, len(names) - 1))
    return Places(_read(levels), _read(residuals), _read(paths), tuple(names))


def _read(entries: list[tuple[int, int, int]]) -> np.ndarray:
    return read_only(np.array(entries, dtype="int64"))


def cross_lagged(where: Places, means: np.ndarray, variances: np.ndarray) -> Structure:
    """The random intercept cross-lagged panel model.

    Parameters
    ----------
    where : Places
    means, variances : numpy.ndarray, shape (2T,)
        Of the variables, for the start.

    Notes
    -----
    Sigma = L Psi L' + A Theta A' with A = (I - B)^-1 and L the loadings of one of each variable on
    its level; means are free.

    References
    ----------
    Hamaker, Kuiper and Grasman (2015), Psychological Methods 20, equations 2 and 3.
    """
    waves, q = where.waves, len(where.names)
    p = 2 * waves
    loadings = np.kron(np.eye(2), np.ones((waves, 1)))

    def implied(theta: np.ndarray) -> Implied:
        psi, theta_r, paths = matrices(where, theta)
        a = np.linalg.inv(np.eye(p) - paths)
        within = a @ theta_r @ a.T
        by_mean, by_cov = np.zeros((q, p)), np.zeros((q, p, p))
        by_mean[np.arange(p), np.arange(p)] = 1.0
        for base, entries in ((loadings, where.levels), (a, where.residuals)):
            for row, column, at in entries:
                moved = np.outer(base[:, row], base[:, column])
                by_cov[at] += moved if row == column else moved + moved.T
        for to, source, at in where.paths:
            moved = np.outer(a[:, to], within[source])
            by_cov[at] += moved + moved.T
        cov = loadings @ psi @ loadings.T + within
        return Implied(theta[:p], cov, by_mean, by_cov)

    return Structure(where.names, read_only(_start(where, means, variances)), implied)


def matrices(where: Places, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Psi, Theta and B at some parameters."""
    p = 2 * where.waves
    psi, residual, paths = np.zeros((2, 2)), np.zeros((p, p)), np.zeros((p, p))
    for matrix, entries in ((psi, where.levels), (residual, where.residuals)):
        rows, columns, at = entries.T
        matrix[rows, columns] = matrix[columns, rows] = theta[at]
    to, source, at = where.paths.T
    paths[to, source] = theta[at]
    return psi, residual, paths


def within_cov(where: Places, theta: np.ndarray) -> np.ndarray:
    """Covariance of the deviations from clients' levels, shape (2T, 2T)."""
    _, residual, paths = matrices(where, theta)
    a = np.linalg.inv(np.eye(len(paths)) - paths)
    return np.asarray(a @ residual @ a.T)


def _start(where: Places, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Levels with two fifths of the variance, deviations that persist a little."""
    theta = np.zeros(len(where.names))
    theta[: len(means)] = means
    waves = where.waves
    typical = variances.reshape(2, waves).mean(axis=1)
    for row, column, at in where.levels:
        theta[at] = 0.4 * typical[row] if row == column else 0.0
    for row, column, at in where.residuals:
        theta[at] = 0.6 * variances[row] if row == column else 0.0
    own = where.paths[:, 0] - where.paths[:, 1] == 1
    theta[where.paths[own, 2]] = 0.2
    return theta


def saturated(means: np.ndarray, variances: np.ndarray) -> Structure:
    """Every mean, variance and covariance free."""
    rows, columns = np.tril_indices(len(means))
    return _free(means, variances, rows, columns)


def independent(means: np.ndarray, variances: np.ndarray) -> Structure:
    """Means and variances free, no covariance: what fit indices compare with."""
    at = np.arange(len(means))
    return _free(means, variances, at, at)


def _free(
    means: np.ndarray, variances: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> Structure:
    p, k = len(means), len(rows)
    by_mean, by_cov = np.zeros((p + k, p)), np.zeros((p + k, p, p))
    by_mean[np.arange(p), np.arange(p)] = 1.0
    by_cov[p + np.arange(k), rows, columns] = by_cov[p + np.arange(k), columns, rows] = 1.0

    def implied(theta: np.ndarray) -> Implied:
        cov = np.zeros((p, p))
        cov[rows, columns] = cov[columns, rows] = theta[p:]
        return Implied(theta[:p], cov, by_mean, by_cov)

    start = np.r_[means, np.where(rows == columns, variances[rows], 0.0)]
    names = [f"mean {i}" for i in range(p)]
    names += [f"covariance {i} {j}" for i, j in zip(rows, columns, strict=True)]
    return Structure(tuple(names), read_only(start), implied)
