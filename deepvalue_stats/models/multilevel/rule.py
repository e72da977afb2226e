"""Gauss-Hermite rules for the standard normal density, in one and several dimensions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.polynomial.hermite_e import hermegauss

from deepvalue_stats.errors import ModelError

MOST_POINTS = 100
_LANES = 4  # nodes are filled up to a multiple of this with nodes of no weight


@lru_cache(maxsize=32)
def gauss_hermite(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights that integrate against the standard normal density.

    Parameters
    ----------
    points : int
        From 1 to 100; exact for polynomials up to degree 2 points - 1.

    Returns
    -------
    nodes, weights : arrays, shape (points,)
        Ascending, and read-only; the weights sum to 1.

    Raises
    ------
    ModelError
        When the number of points is out of range.
    """
    if not 1 <= points <= MOST_POINTS:
        raise ModelError(
            what=f"{points} quadrature points were asked for.",
            where="the quadrature rule",
            fix=f"Ask for 1 (the Laplace approximation) to {MOST_POINTS}; 7 to 15 are usual.",
        )
    nodes, weights = hermegauss(points)
    weights = weights / weights.sum()
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights


@njit
def tensor_rule(nodes, log_weights, q):  # type: ignore[no-untyped-def]
    """Every combination of the nodes (q, nodes), and log weight + |t|^2 / 2 of each.

    Nodes without weight, at 0, fill the last vector of the processor.
    """
    points = nodes.size
    used = points**q
    size = (used + _LANES - 1) // _LANES * _LANES
    grid = np.zeros((q, size))
    log_grid = np.zeros(size)
    log_grid[used:] = -np.inf
    for k in range(used):
        rest = k
        for c in range(q):
            here = rest % points
            rest //= points
            grid[c, k] = nodes[here]
            log_grid[k] += log_weights[here] + 0.5 * nodes[here] * nodes[here]
    return grid, log_grid
