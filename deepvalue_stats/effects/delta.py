"""From coefficients to estimates with their joint covariance: arrays in, arrays out.

Notation: X the design matrix (n, p), D its derivative in the exposure (n, p), b the coefficients,
m the mean function of the linear predictor, with slope m' and curvature m''.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models import Link


@dataclass(frozen=True)
class Estimates:
    """Estimates and how each moves with every coefficient.

    Attributes
    ----------
    value : numpy.ndarray, shape (k,)
    jacobian : numpy.ndarray, shape (k, p)
    """

    value: np.ndarray
    jacobian: np.ndarray

    def covariance(self, vcov: np.ndarray) -> np.ndarray:
        """Delta method: J V J', shape (k, k)."""
        return np.asarray(self.jacobian @ vcov @ self.jacobian.T)

    def combine(self, weights: np.ndarray) -> Estimates:
        """Linear combinations, for weights of shape (r, k): contrasts, changes of unit."""
        return Estimates(weights @ self.value, weights @ self.jacobian)


def average_derivative(
    link: Link, params: np.ndarray, matrix: np.ndarray, derivative: np.ndarray
) -> Estimates:
    """The mean over rows of dm/dx.

    Parameters
    ----------
    link : Link
    params : numpy.ndarray, shape (p,)
    matrix, derivative : numpy.ndarray, shape (n, p)

    Returns
    -------
    Estimates
        One: mean of m'(Xb) (Db), with gradient mean of m''(Xb) (Db) X + m'(Xb) D.

    References
    ----------
    Bartus (2005), Stata Journal 5, equations 4 to 6.
    """
    eta, change = matrix @ params, derivative @ params
    slope, curvature = link.slope(eta), link.curvature(eta)
    gradient = (curvature * change) @ matrix + slope @ derivative
    n = len(eta)
    return Estimates(np.array([slope @ change / n]), gradient[None, :] / n)


def average_mean(link: Link, params: np.ndarray, matrix: np.ndarray) -> Estimates:
    """The mean over rows of m(Xb), with gradient mean of m'(Xb) X; one estimate."""
    eta = matrix @ params
    n = len(eta)
    value = np.array([link.mean(eta).sum() / n])
    return Estimates(value, link.slope(eta)[None, :] @ matrix / n)


def together(parts: list[Estimates]) -> Estimates:
    """Several estimates from one fit, so that they have a joint covariance."""
    return Estimates(
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.jacobian for part in parts]),
    )
