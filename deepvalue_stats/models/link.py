"""The mean of an outcome as a function of the linear predictor, with two derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Derivatives = Callable[[np.ndarray, int], tuple[np.ndarray, ...]]
# exp() of more overflows
STEEPEST = 700.0


@dataclass(frozen=True)
class Link:
    """An inverse link; every function maps an array of linear predictors to one of its shape.

    Attributes
    ----------
    name : str
    derivatives : callable
        Of linear predictors and an order of at most 2: the mean and that many derivatives.
    """

    name: str
    derivatives: Derivatives

    def mean(self, eta: np.ndarray) -> np.ndarray:
        """The mean."""
        return self.derivatives(eta, 0)[0]

    def slope(self, eta: np.ndarray) -> np.ndarray:
        """Its first derivative."""
        return self.derivatives(eta, 1)[1]

    def curvature(self, eta: np.ndarray) -> np.ndarray:
        """Its second derivative."""
        return self.derivatives(eta, 2)[2]


def _logistic(eta: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
    p = 1 / (1 + np.exp(np.minimum(-np.asarray(eta, dtype="float64"), STEEPEST)))
    if order == 0:
        return (p,)
    slope = p * (1 - p)
    return (p, slope) if order == 1 else (p, slope, slope * (1 - 2 * p))


def _identity(eta: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
    eta = np.asarray(eta, dtype="float64")
    return (eta, np.ones_like(eta), np.zeros_like(eta))[: order + 1]


LOGIT = Link("logit", _logistic)
IDENTITY = Link("identity", _identity)
