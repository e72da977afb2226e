"""What a family's fit hands over, in the units of the data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepvalue_stats.models.fit import Convergence
from deepvalue_stats.models.multilevel.doubts import LaplaceCheck
from deepvalue_stats.models.multilevel.engine import Lambdas
from deepvalue_stats.models.multilevel.gaussian import LinearSolution
from deepvalue_stats.models.multilevel.problem import Problem
from deepvalue_stats.models.multilevel.solve import Solution

Modes = tuple[tuple[np.ndarray, np.ndarray], ...]


@dataclass(frozen=True)
class Estimates:
    """Estimates of either family; see `MultilevelFit` for what each is.

    Attributes
    ----------
    params : numpy.ndarray, shape (p,)
    theta : numpy.ndarray, shape (k,)
    sigma : float
    joint : numpy.ndarray, shape (k + p, k + p)
    loglik : float
    slopes : numpy.ndarray, shape (n,)
    degrees : numpy.ndarray, shape (p,)
    lambdas : tuple of numpy.ndarray
    modes : tuple of (numpy.ndarray, numpy.ndarray)
    convergence : Convergence
    laplace : LaplaceCheck or None
    problem : Problem or None
    solution : Solution, LinearSolution
    """

    params: np.ndarray
    theta: np.ndarray
    sigma: float
    joint: np.ndarray
    loglik: float
    slopes: np.ndarray
    degrees: np.ndarray
    lambdas: Lambdas
    modes: Modes
    convergence: Convergence
    laplace: LaplaceCheck | None
    problem: Problem | None
    solution: Solution | LinearSolution

    def without_numbers(self) -> Estimates:
        """The same with no number left: an optimum that was not found is no estimate."""
        return replace(
            self,
            params=np.full_like(self.params, np.nan),
            theta=np.full_like(self.theta, np.nan),
            sigma=np.nan,
            joint=np.full_like(self.joint, np.nan),
            loglik=np.nan,
            slopes=np.full_like(self.slopes, np.nan),
            lambdas=tuple(np.full_like(held, np.nan) for held in self.lambdas),
            modes=tuple((at * np.nan, spread * np.nan) for at, spread in self.modes),
        )
