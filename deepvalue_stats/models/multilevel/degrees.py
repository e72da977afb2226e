"""Degrees of freedom by level: a term is known as well as the groups between which it varies."""

from __future__ import annotations

import numpy as np
from numba import njit

from deepvalue_stats.models.multilevel.random import Factor, RandomDesign

# relative difference below which two values are one
SAME = 1e-9


def degrees_of_freedom(matrix: np.ndarray, design: RandomDesign) -> np.ndarray:
    """Between-within degrees of freedom of every column of the fixed part.

    A column that is a random effect's column times something constant within each group of its
    factor (for an intercept: a column constant within groups; for a slope: the slope's own column
    and its products with what describes the group) is estimated from the J groups, and takes J
    less the number of such columns. Where several factors qualify, the smallest count is taken;
    where none does, rows less columns.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
    design : RandomDesign

    Returns
    -------
    numpy.ndarray, shape (p,)
        At least 1.

    References
    ----------
    Schluchter and Elashoff (1990), Journal of Statistical Computation and Simulation 37; Pinheiro
    and Bates (2000), section 2.4.2.
    """
    n, p = matrix.shape
    degrees = np.full(p, float(n - p))
    sizes = _largest(matrix)
    effect_sizes = _largest(design.columns.T)
    for factor in design.factors:
        codes = factor.codes if factor.codes.ndim == 1 else _combinations(factor)
        n_groups = int(codes.max()) + 1
        for column in factor.columns:
            bound = np.array(
                [
                    _is_proportional(
                        codes,
                        n_groups,
                        matrix[:, k],
                        design.columns[column],
                        SAME * sizes[k] * effect_sizes[column],
                    )
                    for k in range(p)
                ]
            )
            held = len(factor.levels) - int(bound.sum())
            degrees = np.where(bound, np.minimum(degrees, held), degrees)
    return np.asarray(np.maximum(degrees, 1.0))


def _combinations(factor: Factor) -> np.ndarray:
    """Rows of a multiple membership that share all groups and shares, as one group."""
    held = np.column_stack([factor.codes, np.asarray(factor.shares)])
    return np.unique(held, axis=0, return_inverse=True)[1].ravel().astype("int64")


def _largest(matrix: np.ndarray) -> np.ndarray:
    """Largest absolute value of each column."""
    if not matrix.size:
        return np.zeros(matrix.shape[1])
    return np.asarray(np.maximum(matrix.max(axis=0), -matrix.min(axis=0)))


@njit(cache=True)
def _is_proportional(codes, n_groups, values, effect, small):  # type: ignore[no-untyped-def]
    """Whether values = c_g x effect in each group g; stops at the first row where they are not."""
    first = np.full(n_groups, -1, dtype=np.int64)
    for i in range(codes.size):
        g = codes[i]
        j = first[g]
        if j < 0:
            if effect[i] != 0.0:
                first[g] = i
            elif values[i] != 0.0:
                return False
            continue
        if abs(values[i] * effect[j] - values[j] * effect[i]) > small:
            return False
    return True
