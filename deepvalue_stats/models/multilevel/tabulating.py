"""An averaged inverse link at many points, from its Taylor series at a grid of them."""

from __future__ import annotations

import numpy as np
from numba import njit

from deepvalue_stats.models.link import LOGIT, Link

# a cell of the grid on the scale of the linear predictor; a power of two, so that the grid is exact
CELL = 1 / 32


def derivatives_of(link: Link, terms: int, x: np.ndarray) -> np.ndarray:
    """An inverse link and its first derivatives, shape (terms, *x.shape)."""
    if link.name == LOGIT.name:
        return derivatives_of_expit(terms, x)
    return np.array(link.derivatives(x, terms - 1))


def derivatives_of_expit(terms: int, x: np.ndarray) -> np.ndarray:
    """The logistic curve and its first derivatives, shape (terms, *x.shape).

    Notes
    -----
    With b = tanh(x / 2) = 2p - 1 and db/dx = (1 - b^2) / 2 every derivative is a polynomial in b.
    """
    bend = np.tanh(x / 2)
    chain = np.polynomial.Polynomial([0.5, 0.0, -0.5])
    curve = np.polynomial.Polynomial([0.5, 0.5])
    out = np.empty((terms, *np.shape(x)))
    for order in range(terms):
        out[order] = curve(bend)
        curve = curve.deriv() * chain
    return out


@njit(cache=True, nogil=True)
def from_grid(eta, first, grid):  # type: ignore[no-untyped-def]
    """Mean and three derivatives at many points, shape (4, n), by Taylor series.

    Parameters
    ----------
    eta : numpy.ndarray, shape (n,)
        Points within half a cell of the grid's.
    first : int
        The first grid point, in cells.
    grid : numpy.ndarray, shape (cells, terms)
        Derivative k divided by k factorial, from k = 0.
    """
    out = np.empty((4, len(eta)))
    for i in range(len(eta)):
        cell = int(np.rint(eta[i] / CELL))
        t = eta[i] - cell * CELL
        series = grid[cell - first]
        mean, slope, bend, third = 0.0, 0.0, 0.0, 0.0
        for k in range(series.size - 1, -1, -1):
            third = third * t + bend
            bend = bend * t + slope
            slope = slope * t + mean
            mean = mean * t + series[k]
        out[0, i] = mean
        out[1, i] = slope
        out[2, i] = 2 * bend
        out[3, i] = 6 * third
    return out
