"""Exploratory factors: what a general factor would be if nobody had named the subscales."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import minimize

from deepvalue_stats.errors import DataError

TURNS = 2000
STILL = 1e-10
PLANES = 8


@dataclass(frozen=True)
class GeneralFactor:
    """A general factor beside those that are left when it is taken out.

    Attributes
    ----------
    general : numpy.ndarray, shape (p,)
    specific : numpy.ndarray, shape (p, m)
    uniqueness : numpy.ndarray, shape (p,)
    total : float
        Omega: the share of the total's variance that any of the factors explain.
    hierarchical : float
        Omega hierarchical: the share that the general factor explains.
    """

    general: np.ndarray
    specific: np.ndarray
    uniqueness: np.ndarray
    total: float
    hierarchical: float


def minimum_residual(correlation: np.ndarray, factors: int) -> np.ndarray:
    """Loadings that leave the smallest correlations over, shape (p, factors).

    References
    ----------
    Harman and Jones (1966), Psychometrika 31.
    """
    p = len(correlation)
    inverse = np.linalg.inv(correlation)
    start = 1.0 / np.diag(inverse)  # one minus what the other items explain of each

    def loadings(uniqueness: np.ndarray) -> np.ndarray:
        size, axes = np.linalg.eigh(correlation - np.diag(uniqueness))
        return np.asarray(axes[:, -factors:] * np.sqrt(np.maximum(size[-factors:], 0.0)))

    def left(uniqueness: np.ndarray) -> tuple[float, np.ndarray]:
        found = loadings(uniqueness)
        gap = correlation - np.diag(uniqueness) - found @ found.T
        return float((gap**2).sum() / 2), -np.diag(gap)

    best = minimize(left, start, jac=True, method="L-BFGS-B", bounds=[(0.005, 1.0)] * p,
                    options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10})  # fmt: skip
    found = loadings(best.x)[:, ::-1]
    return np.asarray(found * np.where(found.sum(axis=0) < 0, -1.0, 1.0))


def oblimin(loadings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotate to simple structure; the factors may correlate (direct quartimin).

    Parameters
    ----------
    loadings : numpy.ndarray, shape (p, m)

    Returns
    -------
    pattern : numpy.ndarray, shape (p, m)
    correlation : numpy.ndarray, shape (m, m)
        Of the factors.

    Notes
    -----
    Minimises the sum over pairs of factors of squared loadings multiplied, by projected gradients.

    References
    ----------
    Jennrich (2002), Psychometrika 67.
    """
    found = [_turned(loadings, start) for start in _starts(loadings.shape[1])]
    turn = min(found, key=lambda one: one[1])[0]
    return np.asarray(loadings @ np.linalg.inv(turn).T), np.asarray(turn.T @ turn)


def _starts(factors: int) -> list[np.ndarray]:
    """Axes as they are, and turned by an eighth in one plane or several: one start can be stuck."""
    starts = [np.eye(factors)]
    for first, second in combinations(range(factors), 2):
        turn = np.eye(factors)
        turn[[first, second], [first, second]] = turn[first, second] = np.sqrt(0.5)
        turn[second, first] = -np.sqrt(0.5)
        starts += [one @ turn for one in starts[:PLANES]]
    return starts


def _turned(loadings: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, float]:
    """Where projected gradients end from these axes, and the criterion there."""
    step = 1.0
    value, slope = _quartimin(loadings, turn)
    for _ in range(TURNS):
        along = slope - turn * (turn * slope).sum(axis=0)
        size = np.linalg.norm(along)
        if size < STILL:
            break
        step *= 2
        for _ in range(40):
            trial = turn - step * along
            trial = trial / np.linalg.norm(trial, axis=0)
            new, new_slope = _quartimin(loadings, trial)
            if new < value - size**2 * step / 2:
                break
            step /= 2
        turn, value, slope = trial, new, new_slope
    return turn, value


def _quartimin(loadings: np.ndarray, turn: np.ndarray) -> tuple[float, np.ndarray]:
    back = np.linalg.inv(turn)
    turned = loadings @ back.T
    squares = turned**2
    others = squares.sum(axis=1, keepdims=True) - squares
    by_turned = turned * others
    return float((squares * others).sum() / 4), np.asarray(-(turned.T @ by_turned @ back).T)


def general_factor(correlation: np.ndarray, factors: int) -> GeneralFactor:
    """The Schmid-Leiman transformation of minimum residual factors, and its omegas.

    With two factors their loadings on the general one are set equal: three are needed to tell them
    apart, so that a hierarchical omega of two factors is a convention.

    Parameters
    ----------
    correlation : numpy.ndarray, shape (p, p)
    factors : int
        Two or more, and no more than the correlations can tell apart.

    Raises
    ------
    DataError
        With another number of factors.

    References
    ----------
    Schmid and Leiman (1957), Psychometrika 22; Zinbarg, Revelle, Yovel and Li (2005),
    Psychometrika 70, eqs 3 and 5.
    """
    p = len(correlation)
    if factors < 2 or (p - factors) ** 2 < p + factors:
        what = f"{factors} factors of {p} items cannot be told apart"
        raise DataError(what, "factors", "two factors need five items, three need six")
    signs = np.sign(np.linalg.eigh(correlation)[1][:, -1])
    signs = signs * (1.0 if signs.sum() >= 0 else -1.0)
    turned = correlation * np.outer(signs, signs)
    pattern, between = oblimin(minimum_residual(turned, factors))
    up = np.sign(pattern.sum(axis=0))
    pattern, between = pattern * up, between * np.outer(up, up)
    if factors == 2:
        second = np.full(2, np.sqrt(abs(between[0, 1])))
    else:
        second = minimum_residual(between, 1)[:, 0]
    general = pattern @ second
    specific = pattern * np.sqrt(1 - np.minimum(second**2, 1.0))
    uniqueness = 1 - general**2 - (specific**2).sum(axis=1)
    everything = turned.sum()
    return GeneralFactor(
        general=general * signs,
        specific=specific * signs[:, None],
        uniqueness=uniqueness,
        total=float(1 - uniqueness.sum() / everything),
        hierarchical=float(general.sum() ** 2 / everything),
    )
