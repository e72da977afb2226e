"""Student's t without the price of importing all of scipy.stats; infinite degrees are normal."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr, stdtrit


def t_quantile(probability: float, dof: np.ndarray | float) -> np.ndarray:
    """The quantile of Student's t, for each number of degrees of freedom."""
    return np.asarray(stdtrit(dof, probability))


def two_sided(statistic: np.ndarray, dof: np.ndarray | float) -> np.ndarray:
    """Chance of a t statistic at least as far from zero."""
    return np.asarray(2 * stdtr(dof, -np.abs(statistic)))
