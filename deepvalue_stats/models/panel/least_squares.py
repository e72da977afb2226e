"""Least squares and its covariances: arrays in, a frozen result out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import solve_triangular

from deepvalue_stats.models.panel.layout import client_sums
from deepvalue_stats.tables import read_only

Correction = Literal["sss", "HC0", "HC1", "HC3"]
CORRECTIONS = ("sss", "HC0", "HC1", "HC3")


@dataclass(frozen=True)
class LeastSquares:
    """Coefficients that make the sum of squares smallest.

    Attributes
    ----------
    params : numpy.ndarray, shape (p,)
    residuals : numpy.ndarray, shape (m,)
    orthonormal : numpy.ndarray, shape (m, p)
        Q of the decomposition X = Q R.
    inverse : numpy.ndarray, shape (p, p)
        Inverse of R.
    """

    params: np.ndarray
    residuals: np.ndarray
    orthonormal: np.ndarray
    inverse: np.ndarray

    @property
    def rss(self) -> float:
        """Sum of squared residuals."""
        return float(self.residuals @ self.residuals)

    @property
    def unscaled(self) -> np.ndarray:
        """Inverse of X'X."""
        return np.asarray(self.inverse @ self.inverse.T)

    def classical(self, dof: float) -> np.ndarray:
        """Covariance if rows had independent errors of one variance."""
        return np.asarray(self.unscaled * (self.rss / dof))

    def clustered(
        self, labels: np.ndarray, correction: Correction, absorbed: int = 0
    ) -> np.ndarray:
        """Covariance that holds whatever rows of one cluster have in common.

        Parameters
        ----------
        labels : numpy.ndarray of int from 0, shape (m,)
        correction : str
            As in `fit_panel`.
        absorbed : int
            Effects taken out that do not lie within clusters, which the factor then counts.

        References
        ----------
        Arellano (1987), Oxford Bulletin of Economics and Statistics 49.
        """
        residuals = self.residuals
        if correction == "HC3":
            leverage = np.einsum("ij,ij->i", self.orthonormal, self.orthonormal)
            residuals = residuals / np.maximum(1 - leverage, 1e-12)
        groups = int(labels.max()) + 1
        summed = client_sums(labels, self.orthonormal * residuals[:, None], groups)
        half = self.inverse @ summed.T
        m, p = self.orthonormal.shape
        left = m - p - absorbed
        factor = {
            "HC1": m / left,
            "sss": groups / (groups - 1) * (m - 1) / left,
        }.get(correction, 1.0)
        return np.asarray(half @ half.T * factor)


def least_squares(matrix: np.ndarray, response: np.ndarray) -> LeastSquares:
    """Regress a response (m,) on linearly independent columns (m, p)."""
    scale = np.sqrt(np.mean(matrix**2, axis=0))
    q, r = np.linalg.qr(matrix / scale)
    inverse = solve_triangular(r, np.eye(len(scale))) / scale[:, None]
    params = inverse @ (q.T @ response)
    return LeastSquares(read_only(params), read_only(response - matrix @ params), q, inverse)
