"""The maximum of the likelihood of a structure of means and covariances, and its covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.dynamics.patterns import (
    Pattern,
    information,
    loglik,
    row_scores,
    score,
)
from deepvalue_stats.models.dynamics.structure import Structure
from deepvalue_stats.tables import read_only

STEPS = 500
HALVINGS = 30
# expected gain in log-likelihood at which the answer stands
SOLVED = 1e-9
# the log-likelihood may fall by so much of itself: it cannot be computed to more digits
ROUNDING = 1e-12
STIFFEST = 1e6
DIFFERENCE = 1e-4
# the smallest eigenvalue of an information of unit diagonal that is one
FLAT = 1e-10


@dataclass(frozen=True)
class Maximum:
    """Parameters that make the data likeliest.

    Attributes
    ----------
    theta : numpy.ndarray, shape (q,)
    loglik : float
    observed : numpy.ndarray, shape (q, q)
        Minus the second derivative of the log-likelihood.
    outer : numpy.ndarray, shape (q, q)
        Sum over rows of their squared scores.
    solved : bool
        Whether the steps ended at a maximum.
    steps : int
    gradient : float
        Largest slope of the log-likelihood a row.
    message : str
        Why it is none; empty where it is.
    """

    theta: np.ndarray
    loglik: float
    observed: np.ndarray
    outer: np.ndarray
    solved: bool
    steps: int
    gradient: float
    message: str

    @property
    def covariance(self) -> np.ndarray:
        """Inverse of the observed information."""
        return np.linalg.inv(self.observed)

    @property
    def robust(self) -> np.ndarray:
        """The sandwich, which holds without normality."""
        inverse = self.covariance
        return np.asarray(inverse @ self.outer @ inverse)


def climb(patterns: tuple[Pattern, ...], structure: Structure) -> tuple[np.ndarray, float, int]:
    """Scoring steps, halved until they help, with a ridge where they do not.

    Returns
    -------
    theta : numpy.ndarray, shape (q,)
    loglik : float
    steps : int
        `STEPS` where they ran out, or led to where the covariance is none.
    """
    theta, ridge = structure.start, 0.0
    at = structure.implied(theta)
    value = loglik(patterns, at.mean, at.cov)
    for steps in range(1, STEPS + 1):
        try:
            slope, hessian = score(patterns, at), information(patterns, at)
            scale = np.diag(np.maximum(np.diag(hessian), 1e-8))
            step = np.linalg.lstsq(hessian + ridge * scale, slope, rcond=None)[0]
        except np.linalg.LinAlgError:
            break
        for halving in range(HALVINGS):
            trial = theta + step / 2**halving
            moved = structure.implied(trial)
            new = loglik(patterns, moved.mean, moved.cov)
            if new >= value - ROUNDING * abs(value):
                break
        else:
            if ridge > STIFFEST:
                break
            ridge = max(10 * ridge, 1e-3)
            continue
        theta, at, value, ridge = trial, moved, new, ridge / 10
        if slope @ step < SOLVED:
            return theta, value, steps
    return theta, value, STEPS


def highest(patterns: tuple[Pattern, ...], structure: Structure) -> float:
    """The largest log-likelihood; not a number where the steps ran out before it."""
    _, value, steps = climb(patterns, structure)
    return value if steps < STEPS else np.nan


def maximise(patterns: tuple[Pattern, ...], structure: Structure) -> Maximum:
    """Climb to the maximum and look at its surroundings.

    Parameters
    ----------
    patterns : tuple of Pattern
    structure : Structure
    """
    theta, value, steps = climb(patterns, structure)
    if steps >= STEPS:
        return _nowhere(theta, value, "the steps towards the maximum ran out")
    at = structure.implied(theta)
    slope, rows = score(patterns, at), row_scores(patterns, at)
    observed = _observed(patterns, structure, theta)
    flat = np.linalg.eigvalsh(_scaled(observed))[0] < FLAT
    return Maximum(
        theta=read_only(theta),
        loglik=value,
        observed=read_only(observed),
        outer=read_only(rows.T @ rows),
        solved=not flat,
        steps=steps,
        gradient=float(np.abs(slope).max() / len(rows)),
        message="the likelihood is flat, or no maximum, where the steps ended" if flat else "",
    )


def _nowhere(theta: np.ndarray, value: float, message: str) -> Maximum:
    """Where steps ended that found no maximum."""
    none = read_only(np.full((len(theta), len(theta)), np.nan))
    return Maximum(read_only(theta), value, none, none, False, STEPS, np.nan, message)


def _scaled(matrix: np.ndarray) -> np.ndarray:
    root = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    return np.asarray(matrix / np.outer(root, root))


def _observed(patterns: tuple[Pattern, ...], structure: Structure, theta: np.ndarray) -> np.ndarray:
    """Minus the derivative of the score, by fourth-order differences, made symmetric."""
    q = len(theta)
    found = np.empty((q, q))
    for j in range(q):
        step = np.zeros(q)
        step[j] = DIFFERENCE * max(1.0, abs(theta[j]))

        def slope(times: int, step: np.ndarray = step) -> np.ndarray:
            return score(patterns, structure.implied(theta + times * step))

        found[:, j] = (8 * (slope(-1) - slope(1)) - (slope(-2) - slope(2))) / (12 * step[j])
    return (found + found.T) / 2
