"""What random effects take away from sums of squares, for weights that are given.

With H = I + Lambda'Z'WZ Lambda and G = Lambda'Z'WM for a matrix M, every function here works from
sums by cell, never from rows: log det H and G'H^-1 G (the linear mixed model and the information
of fixed effects need no more), and the posterior modes and covariances of the effects.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from deepvalue_stats.models.multilevel.rows import FAST
from deepvalue_stats.models.multilevel.slopes import _factor, _fill_fronts, _solve, _spread, _Work

_BLOCK, _PIECES = 256, 16


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def cell_sums(rows, columns, weight, matrix):  # type: ignore[no-untyped-def]
    """Z'WZ (n_cells, m, m) and Z'WM (n_cells, m, p) of every cell; matrix is (p, n)."""
    n_cells, n_columns, width = rows.size - 1, columns.shape[0], matrix.shape[0]
    info = np.empty((n_cells, n_columns, n_columns))
    product = np.empty((n_cells, n_columns, width))
    for cell in prange(n_cells):
        start, stop = rows[cell], rows[cell + 1]
        for k in range(n_columns):
            for c in range(k + 1):
                total = 0.0
                for i in range(start, stop):
                    total += weight[i] * columns[k, i] * columns[c, i]
                info[cell, k, c] = total
                info[cell, c, k] = total
            for j in range(width):
                total = 0.0
                for i in range(start, stop):
                    total += weight[i] * columns[k, i] * matrix[j, i]
                product[cell, k, j] = total
    return info, product


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def cross_products(across, weight):  # type: ignore[no-untyped-def]
    """X'WX (p, p) for `across` = X' (p, n), block of rows by block."""
    p, n = across.shape
    n_blocks = (n + _BLOCK - 1) // _BLOCK
    parts = np.zeros((_PIECES, p, p))
    for piece in prange(_PIECES):
        held = np.empty(_BLOCK)
        for block in range(piece * n_blocks // _PIECES, (piece + 1) * n_blocks // _PIECES):
            start, stop = block * _BLOCK, min((block + 1) * _BLOCK, n)
            for a in range(p):
                for i in range(start, stop):
                    held[i - start] = weight[i] * across[a, i]
                for b in range(a + 1):
                    total = 0.0
                    for i in range(start, stop):
                        total += held[i - start] * across[b, i]
                    parts[piece, a, b] += total
    out = parts.sum(axis=0)
    for a in range(p):
        for b in range(a):
            out[b, a] = out[a, b]
    return out


@njit(cache=True, fastmath=FAST, nogil=True)
def loadings(effects, factor, n_columns):  # type: ignore[no-untyped-def]
    """B (m, Q): what each place of a path adds to a unit of every effect column."""
    out = np.zeros((n_columns, factor.shape[0]))
    for place in range(factor.shape[0]):
        for other in range(factor.shape[0]):
            out[effects.column[place], other] += factor[place, other]
    return out


@njit(cache=True, fastmath=FAST, nogil=True)
def _work_of(tree, effects, info, q_max):  # type: ignore[no-untyped-def]
    n_nodes, n_path = tree.parents.size, effects.column.size
    n_columns = info.shape[1]
    return _Work(
        np.empty((n_nodes, n_path, n_path)),
        np.empty((n_nodes, n_path, n_path)),
        np.empty((n_nodes, n_path)),
        np.empty((n_nodes, n_path)),
        np.empty((n_nodes, q_max)),
        np.empty((1, n_columns)),
        info,
        np.empty((info.shape[0], n_columns)),
        np.empty((1, n_columns)),
        np.empty((1, n_columns)),
        np.empty(1),
    )


@njit(cache=True, fastmath=FAST, nogil=True)
def nested_gram(tree, effects, factor, info, product):  # type: ignore[no-untyped-def]
    """Log det H and G'H^-1 G (p, p) of a forest, stand by stand."""
    n_path, width = effects.column.size, product.shape[2]
    loading = loadings(effects, factor, info.shape[1])
    work = _work_of(tree, effects, info, 1)
    right = np.zeros((tree.parents.size, n_path, width))
    gram = np.zeros((width, width))
    logdet = 0.0
    for stand in range(tree.spans.shape[1] - 1):
        _fill_fronts(tree, effects, stand, loading, work)
        logdet += _factor(tree, effects, stand, work)
        for leaf in range(tree.spans[0, stand], tree.spans[0, stand + 1]):
            for b in range(n_path):
                for k in range(loading.shape[0]):
                    for j in range(width):
                        right[leaf, b, j] += loading[k, b] * product[leaf, k, j]
        for level in range(effects.start.size - 1):
            q = effects.start[level + 1] - effects.start[level]
            size = n_path - effects.start[level]
            for node in range(tree.spans[level, stand], tree.spans[level, stand + 1]):
                front = work.front[node]
                parent = tree.parents[node]
                for b in range(q, size):
                    for j in range(width):
                        total = right[node, b, j]
                        for a in range(q):
                            total -= front[a, b] * right[node, a, j]
                        right[parent, b - q, j] += total
                for a in range(q):
                    for j in range(width):
                        total = right[node, a, j]
                        for c in range(a):
                            total -= front[a, c] * right[node, c, j]
                        right[node, a, j] = total / front[a, a]
                    for j in range(width):
                        for i in range(width):
                            gram[j, i] += right[node, a, j] * right[node, a, i]
    return logdet, gram


@njit(cache=True, fastmath=FAST, nogil=True)
def nested_posterior(tree, effects, factor, info, pull, q_max):  # type: ignore[no-untyped-def]
    """Solution of H u = B'pull and the own block of H^-1, for every node of a forest.

    Returns
    -------
    modes : array, shape (n_nodes, q_max)
    covariance : array, shape (n_nodes, q_max, q_max)
    """
    n_nodes = tree.parents.size
    loading = loadings(effects, factor, info.shape[1])
    work = _work_of(tree, effects, info, q_max)
    work.pull[:] = pull
    work.step[:] = 0.0
    covariance = np.zeros((n_nodes, q_max, q_max))
    for stand in range(tree.spans.shape[1] - 1):
        _fill_fronts(tree, effects, stand, loading, work)
        _factor(tree, effects, stand, work)
        _solve(tree, effects, stand, loading, work.step, 0.0, work)
        _spread(tree, effects, stand, work)
    for level in range(effects.start.size - 1):
        q = effects.start[level + 1] - effects.start[level]
        for stand in range(tree.spans.shape[1] - 1):
            for node in range(tree.spans[level, stand], tree.spans[level, stand + 1]):
                for a in range(q):
                    for b in range(q):
                        covariance[node, a, b] = 2.0 * work.spread[node, a, b]
    return work.step, covariance
