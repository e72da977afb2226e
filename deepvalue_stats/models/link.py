"""The mean of an outcome as a function of the linear predictor, with two derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

Curve = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Link:
    """An inverse link; every function maps an array of linear predictors to one of its shape."""

    name: str
    mean: Curve
    slope: Curve
    curvature: Curve


def _slope(eta: np.ndarray) -> np.ndarray:
    p = expit(eta)
    return np.asarray(p * (1 - p))


def _curvature(eta: np.ndarray) -> np.ndarray:
    p = expit(eta)
    return np.asarray(p * (1 - p) * (1 - 2 * p))


LOGIT = Link("logit", expit, _slope, _curvature)
IDENTITY = Link(
    "identity", np.asarray, lambda eta: np.ones_like(eta), lambda eta: np.zeros_like(eta)
)
