"""Rows on the latent scale: the linear predictor and the variance of the random part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from deepvalue_stats.models import ModelFit
from deepvalue_stats.models.fit import At

if TYPE_CHECKING:
    from deepvalue_stats.models.multilevel.fit import RandomPart
    from deepvalue_stats.models.multilevel.random import RandomDesign

# a derivative by central difference: exact for designs up to quadratic in the exposure, and for
# splines wrong by h^2, with h this share of the exposure's spread
STEP = 1e-4


@dataclass(frozen=True)
class Multiples:
    """Terms that are the exposure times something else: its main effect and interactions.

    Attributes
    ----------
    places : numpy.ndarray of int, shape (q,)
        Which of the terms.
    values : numpy.ndarray, shape (n,)
        The exposure.
    multipliers : numpy.ndarray, shape (n, q)
    """

    places: np.ndarray
    values: np.ndarray
    multipliers: np.ndarray

    def slope(self, params: np.ndarray) -> np.ndarray:
        """Derivative of the linear predictor in the exposure, shape (n,)."""
        return np.asarray(self.multipliers @ params[self.places])

    def where(self, mask: np.ndarray) -> Multiples:
        """Some of the rows."""
        return Multiples(self.places, self.values[mask], _rows_of(self.multipliers, mask))


@dataclass(frozen=True)
class Predictor:
    """The latent scale of n rows, or how fast each part of it moves with the exposure.

    Attributes
    ----------
    eta : numpy.ndarray, shape (n,)
        Linear predictor at random effects of zero.
    matrix : numpy.ndarray, shape (n, p) or (1, p)
        Its derivative in the coefficients; one row stands for all that are alike.
    variance : numpy.ndarray, shape (n,)
        Variance of the random part; zero for a marginal model.
    variance_by_theta : numpy.ndarray, shape (n, k)
        Its derivative in the variance parameters.
    multiples : Multiples, optional
        Columns in the place of the matrix's own, which is then not copied for every value of the
        exposure.
    """

    eta: np.ndarray
    matrix: np.ndarray
    variance: np.ndarray
    variance_by_theta: np.ndarray
    multiples: Multiples | None = None

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """The weighted sum over rows of the derivative in the coefficients, shape (p,)."""
        alike = len(self.matrix) == 1
        total = weights.sum() * self.matrix[0] if alike else weights @ self.matrix
        if self.multiples is not None:
            held = self.multiples
            total[held.places] = (weights * held.values) @ held.multipliers
        return np.asarray(total)

    @property
    def terms(self) -> np.ndarray:
        """The terms that are not zero in every row, bool of shape (p,)."""
        used = (self.matrix != 0).any(axis=0)
        if self.multiples is not None:
            held = self.multiples
            used[held.places] = _any_row(held.multipliers, held.values != 0)
        return np.asarray(used)

    def terms_moved(self, other: Predictor) -> np.ndarray:
        """The terms in which the same clients differ in two settings, bool of shape (p,)."""
        mine, theirs = self.multiples, other.multiples
        if mine is None or theirs is None:
            return np.asarray((self.matrix != other.matrix).any(axis=0))
        moved = np.zeros(self.matrix.shape[1], dtype=bool)
        moved[mine.places] = _any_row(mine.multipliers, mine.values != theirs.values)
        return moved

    def where(self, mask: np.ndarray) -> Predictor:
        """Some of the rows."""
        if mask.all():
            return self
        return Predictor(
            self.eta[mask],
            self.matrix if len(self.matrix) == 1 else _rows_of(self.matrix, mask),
            self.variance[mask],
            _rows_of(self.variance_by_theta, mask),
            None if self.multiples is None else self.multiples.where(mask),
        )

    def since(self, other: Predictor, distance: float) -> Predictor:
        """The difference from other rows, a unit of `distance`."""
        return Predictor(
            (self.eta - other.eta) / distance,
            (self.matrix - other.matrix) / distance,
            (self.variance - other.variance) / distance,
            (self.variance_by_theta - other.variance_by_theta) / distance,
        )


@dataclass(frozen=True)
class Movable:
    """Rows whose exposure can be set.

    Where every term is the exposure times something else, as in a model without splines, only
    such terms are worked out for a new value; otherwise the design is coded anew.

    Attributes
    ----------
    fit : ModelFit
    exposure : str
    at : str
        As in `predictor_of`.
    frame : pandas.DataFrame, n rows
    as_is : Predictor
        The rows with their own exposure.
    """

    fit: ModelFit
    exposure: str
    at: At
    frame: pd.DataFrame
    as_is: Predictor

    def where(self, mask: np.ndarray) -> Movable:
        """Some of the rows."""
        if mask.all():
            return self
        return replace(self, frame=self.frame[mask], as_is=self.as_is.where(mask))

    def set_to(self, values: np.ndarray | float) -> Predictor:
        """The rows with other values of the exposure, one for all or one each."""
        own, multiples = self.as_is, self.as_is.multiples
        if multiples is None:
            return predictor_of(self.fit, self._with(values), self.at)
        values = np.broadcast_to(np.asarray(values, dtype="float64"), own.eta.shape)
        eta = own.eta + (values - multiples.values) * multiples.slope(self.fit.params)
        variance, by_theta = self._random_part(values)
        return Predictor(eta, own.matrix, variance, by_theta, replace(multiples, values=values))

    def derivative(self) -> Predictor:
        """How the latent scale of each row moves with the exposure."""
        own = self.as_is
        values = self.frame[self.exposure].to_numpy(dtype="float64")
        step = STEP * (values.std() or 1.0)
        if own.multiples is None:
            change = self.set_to(values + step).since(self.set_to(values - step), 2 * step)
            # the derivative of the design is exact to its last digits, that of predictors is not
            return replace(change, eta=change.matrix @ self.fit.params)
        slope, none = own.multiples.slope(self.fit.params), np.zeros((1, len(self.fit.params)))
        one = replace(own.multiples, values=np.ones_like(values))
        above, below = (self._random_part(values + by) for by in (step, -step))
        moved = ((a - b) / (2 * step) for a, b in zip(above, below, strict=True))
        variance, by_theta = moved
        return Predictor(slope, none, variance, by_theta, one)

    def _random_part(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        random = self.fit.random
        if self.at != "population" or random is None or not random.record.uses(self.exposure):
            return self.as_is.variance, self.as_is.variance_by_theta
        return _random_variance(random, self._with(values))

    def _with(self, values: np.ndarray | float) -> pd.DataFrame:
        return self.frame.assign(**{self.exposure: values})


def _rows_of(columns: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Some rows, in an order in memory that sums over them are fast in."""
    return np.asfortranarray(columns.T.take(np.flatnonzero(mask), axis=1).T)


def _any_row(columns: np.ndarray, mask: np.ndarray) -> list[bool]:
    """Which columns are not zero in some row of a mask."""
    if mask.all():
        return [bool(column.any()) for column in columns.T]
    return [bool(column[mask].any()) for column in columns.T]


def movable(
    fit: ModelFit, exposure: str, at: At = "population", over: pd.DataFrame | None = None
) -> Movable:
    """Rows of a fit, or others, whose exposure can be set.

    Parameters
    ----------
    fit : ModelFit
    exposure : str
        A numeric column of the rows.
    at : str
        population, or typical: random effects of zero, as if they did not vary.
    over : pandas.DataFrame, optional
        Rows with every column of the fit; its own when left out.

    Returns
    -------
    Movable
    """
    frame = fit.design.frame if over is None else over
    rows = predictor_of(fit, frame, at)
    places = fit.design.multiples_of(exposure)
    if places is not None:
        values = frame[exposure].to_numpy(dtype="float64")
        held = Multiples(places, values, fit.design.multipliers(exposure, frame))
        rows = replace(rows, multiples=held)
    return Movable(fit, exposure, at, frame, rows)


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
    matrix = fit.design.matrix if frame is fit.design.frame else fit.design.rebuild(frame)
    eta = matrix @ fit.params
    if fit.offset:
        eta = eta + frame[fit.offset].to_numpy(dtype="float64")
    variance, by_theta = np.zeros(len(frame)), np.zeros((len(frame), len(fit.theta)))
    if at == "population" and fit.random is not None:
        own = fit.random.design if frame is fit.design.frame else None
        variance, by_theta = _random_variance(fit.random, frame, own)
    return Predictor(eta, matrix, variance, by_theta)


def _random_variance(
    random: RandomPart, frame: pd.DataFrame, design: RandomDesign | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Variance |Lambda'z|^2, summed over factors, and its derivative in Lambda's free entries.

    That of entry (a, b) is 2 (Lambda'z)_b z_a. `design` is that of the rows where it is known.
    """
    # only the shares of a multiple membership need to know which groups a row belongs to
    if design is None and any(factor.shares is not None for factor in random.design.factors):
        design = random.record.rebuild(frame)
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
