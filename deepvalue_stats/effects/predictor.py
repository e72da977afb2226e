"""Rows on the latent scale: the linear predictor and the variance of the random part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from deepvalue_stats.models import ModelFit
from deepvalue_stats.models.fit import At

if TYPE_CHECKING:
    from deepvalue_stats.models.multilevel.fit import RandomPart


@dataclass(frozen=True)
class Predictor:
    """The latent scale of n rows, or how fast each part of it moves with the exposure.

    Attributes
    ----------
    eta : numpy.ndarray, shape (n,)
        Linear predictor at random effects of zero.
    matrix : numpy.ndarray, shape (n, p)
        Its derivative in the coefficients.
    variance : numpy.ndarray, shape (n,)
        Variance of the random part; zero for a marginal model.
    variance_by_theta : numpy.ndarray, shape (n, k)
        Its derivative in the variance parameters.
    """

    eta: np.ndarray
    matrix: np.ndarray
    variance: np.ndarray
    variance_by_theta: np.ndarray

    def where(self, mask: np.ndarray) -> Predictor:
        """Some of the rows."""
        return Predictor(
            self.eta[mask],
            self.matrix[mask],
            self.variance[mask],
            self.variance_by_theta[mask],
        )

    def since(self, other: Predictor, distance: float) -> Predictor:
        """The difference from other rows, a unit of `distance`."""
        return Predictor(
            (self.eta - other.eta) / distance,
            (self.matrix - other.matrix) / distance,
            (self.variance - other.variance) / distance,
            (self.variance_by_theta - other.variance_by_theta) / distance,
        )


def predictor_of(fit: ModelFit, frame: pd.DataFrame, at: At = "population") -> Predictor:
    """Place rows on the latent scale of a fit.

    Parameters
    ----------
    fit : ModelFit
    frame : pandas.DataFrame
        Rows with every column of the fit; groups need not be known.
    at : str
        population, or typical: random effects of zero, as if they did not vary.

    Returns
    -------
    Predictor
    """
    matrix = fit.design.rebuild(frame)
    eta = matrix @ fit.params
    if fit.offset:
        eta = eta + frame[fit.offset].to_numpy(dtype="float64")
    variance, by_theta = np.zeros(len(frame)), np.zeros((len(frame), len(fit.theta)))
    if at == "population" and fit.random is not None:
        variance, by_theta = _random_variance(fit.random, frame)
    return Predictor(eta, matrix, variance, by_theta)


def _random_variance(random: RandomPart, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Variance |Lambda'z|^2, summed over factors, and its derivative in Lambda's free entries.

    That of entry (a, b) is 2 (Lambda'z)_b z_a.
    """
    # only the shares of a multiple membership need to know which groups a row belongs to
    shared = any(factor.shares is not None for factor in random.design.factors)
    design = random.record.rebuild(frame) if shared else None
    columns = random.record.columns(frame) if design is None else design.columns
    factors = random.design.factors if design is None else design.factors
    variance, by_theta = np.zeros(len(frame)), []
    for factor, held in zip(factors, random.lambdas, strict=True):
        z = columns[list(factor.columns)]
        effects = held.T @ z
        weight = 1.0 if factor.shares is None else (factor.shares**2).sum(axis=1)
        variance += weight * (effects**2).sum(axis=0)
        by_theta += [2 * weight * effects[column] * z[row] for row, column in factor.free]
    return variance, np.column_stack(by_theta)
