"""Random intercepts and slopes at any level of strictly nested groups: a tree with blocks.

As `intercepts`, with a block of effects at every node. A leaf's path is the effects of its own
level, then its parent's, up to the root: Q in all. With z the m distinct effect columns of a row
and B (m, Q) the columns' loadings on the path, the row's predictor is base + z'B u_path, a leaf's
front is B'(Z'WZ)B, and eliminating a node's q effects passes a Schur complement to its parent.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import njit, prange

from deepvalue_stats.models.multilevel.dense import cholesky, cholesky_solve
from deepvalue_stats.models.multilevel.intercepts import MOST_STEPS, SOLVED
from deepvalue_stats.models.multilevel.rows import (
    FAST,
    link_rows,
    pull_of,
    skew_of,
    weight_of,
)

# columns: (m, n) effect columns of the sorted rows; start: where each level begins in the path,
# Q at the end; column and level: of each place in the path
Effects = namedtuple("Effects", "columns start column level")
# what a root needs while it is solved, for all nodes at once
_Work = namedtuple("_Work", "front spread right path step load info pull ahead behind rows")


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def slopes_laplace(tree, effects, base, y, m, unit, factor, modes, mu, g):  # type: ignore[no-untyped-def]
    """Minus the Laplace log-likelihood of each root, with gradients.

    Parameters
    ----------
    tree : Tree
    effects : Effects
    base, y, m : arrays, shape (n,)
    unit : bool or None
        As of `intercepts_laplace`.
    factor : array, shape (Q, Q)
        Block diagonal, the lower triangular Lambda of each level.
    modes : array, shape (n_nodes, most effects of a level)
        Where to start; overwritten by the modes of u.
    mu, g : arrays, shape (n,)
        Overwritten, as by `intercepts_laplace`.

    Returns
    -------
    value : array, shape (n_roots,)
    gradient : array, shape (n_roots, Q, Q)
        In the entries of `factor`; only the diagonal blocks are filled.
    passes : array, shape (n_roots,)
    """
    n_roots = tree.spans.shape[1] - 1
    n_nodes, n_path = tree.parents.size, effects.column.size
    n_columns = effects.columns.shape[0]
    n_leaves = tree.rows.size - 1
    value = np.zeros(n_roots)
    gradient = np.zeros((n_roots, n_path, n_path))
    passes = np.zeros(n_roots, dtype=np.int64)
    loading = np.zeros((n_columns, n_path))
    for place in range(n_path):
        for other in range(n_path):
            loading[effects.column[place], other] += factor[place, other]
    work = _Work(
        np.empty((n_nodes, n_path, n_path)),
        np.empty((n_nodes, n_path, n_path)),
        np.empty((n_nodes, n_path)),
        np.empty((n_nodes, n_path)),
        np.empty(modes.shape),
        np.empty((n_leaves, n_columns)),
        np.empty((n_leaves, n_columns, n_columns)),
        np.empty((n_leaves, n_columns)),
        np.empty((n_nodes, n_columns)),
        np.empty((n_nodes, n_columns)),
        np.empty(y.size),
    )
    for piece in prange(tree.shares.size - 1):
        for root in range(tree.shares[piece], tree.shares[piece + 1]):
            _find_modes(
                tree, effects, root, base, y, m, unit, loading, modes, mu, work, value, passes
            )
            if value[root] == value[root]:
                _differentiate(
                    tree, effects, root, y, m, unit, loading, modes, mu, g, work, gradient[root]
                )
    return value, gradient, passes


@njit(fastmath=FAST)
def _load(tree, root, loading, path, load):  # type: ignore[no-untyped-def]
    """What each leaf's path adds to a unit of every effect column."""
    for leaf in range(tree.spans[0, root], tree.spans[0, root + 1]):
        for k in range(loading.shape[0]):
            total = 0.0
            for b in range(loading.shape[1]):
                total += loading[k, b] * path[leaf, b]
            load[leaf, k] = total


@njit(fastmath=FAST)
def _spread_path(tree, effects, root, own, path):  # type: ignore[no-untyped-def]
    """Put each node's own values before those of its ancestors, root to leaf."""
    n_levels = effects.start.size - 1
    n_path = effects.column.size
    for level in range(n_levels - 1, -1, -1):
        q = effects.start[level + 1] - effects.start[level]
        rest = n_path - effects.start[level + 1]
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            parent = tree.parents[node]
            for a in range(q):
                path[node, a] = own[node, a]
            for a in range(rest):
                path[node, q + a] = path[parent, a]


@njit(fastmath=FAST)
def _sums(tree, effects, root, base, y, m, unit, mu, work):  # type: ignore[no-untyped-def]
    """One pass over a root's rows: means, and per leaf Z'r and Z'WZ."""
    z = effects.columns
    n_columns = z.shape[0]
    first, last = tree.spans[0, root], tree.spans[0, root + 1]
    for leaf in range(first, last):
        start, stop = tree.rows[leaf], tree.rows[leaf + 1]
        for i in range(start, stop):
            mu[i] = base[i]
        for k in range(n_columns):
            here = work.load[leaf, k]
            for i in range(start, stop):
                mu[i] += z[k, i] * here
    loglik = link_rows(mu, y, m, unit, tree.rows[first], tree.rows[last])
    w = work.rows
    for i in range(tree.rows[first], tree.rows[last]):
        w[i] = weight_of(mu[i], y[i], m[i], unit)
    for leaf in range(first, last):
        start, stop = tree.rows[leaf], tree.rows[leaf + 1]
        for k in range(n_columns):
            total = 0.0
            for i in range(start, stop):
                total += z[k, i] * pull_of(mu[i], y[i], m[i], unit)
            work.pull[leaf, k] = total
            for other in range(k + 1):
                total = 0.0
                for i in range(start, stop):
                    total += z[k, i] * z[other, i] * w[i]
                work.info[leaf, k, other] = total
                work.info[leaf, other, k] = total
    return loglik


@njit(fastmath=FAST)
def _fill_fronts(tree, effects, root, loading, work):  # type: ignore[no-untyped-def]
    """Leaf fronts B'(Z'WZ)B; those above start from nothing."""
    n_path = effects.column.size
    for level in range(effects.start.size - 1):
        size = n_path - effects.start[level]
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            for a in range(size):
                for b in range(size):
                    work.front[node, a, b] = 0.0
    for leaf in range(tree.spans[0, root], tree.spans[0, root + 1]):
        for k in range(loading.shape[0]):
            for b in range(n_path):
                held = _held(work.info[leaf], loading, k, b)
                for a in range(n_path):
                    work.front[leaf, a, b] += loading[k, a] * held


@njit(fastmath=FAST, inline="always")
def _held(info, loading, k, b):  # type: ignore[no-untyped-def]
    """Entry (k, b) of (Z'WZ) B."""
    total = 0.0
    for c in range(loading.shape[0]):
        total += info[k, c] * loading[c, b]
    return total


@njit(fastmath=FAST)
def _eliminate(front, q, size):  # type: ignore[no-untyped-def]
    """Factor a node's own block and leave its Schur complement.

    On return the block [:q, :q] holds the Cholesky factor of I + own information, [:q, q:] the
    regression of the own effects on those above, and [q:, q:] what goes to the parent. Returns
    the log-determinant of the own block.
    """
    for a in range(q):
        front[a, a] += 1.0
    logdet = cholesky(front, q)
    for column in range(q, size):
        # the coupling stays below the diagonal; above it goes its solution
        for a in range(q):
            front[a, column] = front[column, a]
        cholesky_solve(front, q, front[:, column])
    for a in range(q, size):
        for b in range(q, size):
            total = front[a, b]
            for c in range(q):
                total -= front[a, c] * front[c, b]
            front[a, b] = total
    return logdet


@njit(fastmath=FAST)
def _factor(tree, effects, root, work):  # type: ignore[no-untyped-def]
    """Eliminate leaf to root; returns the log-determinant of the Hessian."""
    n_path = effects.column.size
    logdet = 0.0
    for level in range(effects.start.size - 1):
        q = effects.start[level + 1] - effects.start[level]
        size = n_path - effects.start[level]
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            front = work.front[node]
            logdet += _eliminate(front, q, size)
            parent = tree.parents[node]
            if parent >= 0:
                above = work.front[parent]
                for a in range(size - q):
                    for b in range(size - q):
                        above[a, b] += front[q + a, q + b]
    return logdet


@njit(fastmath=FAST)
def _solve(tree, effects, root, loading, own, share, work):  # type: ignore[no-untyped-def]
    """Solve the factored system for right sides B'(work.pull) - share x own.

    The solution goes to work.step node by node, and to work.path with that of the ancestors;
    returns the product of right side and solution.
    """
    n_path = effects.column.size
    n_columns = loading.shape[0]
    n_levels = effects.start.size - 1
    right = work.right
    for leaf in range(tree.spans[0, root], tree.spans[0, root + 1]):
        for b in range(n_path):
            total = 0.0
            for k in range(n_columns):
                total += loading[k, b] * work.pull[leaf, k]
            right[leaf, b] = total
    for level in range(1, n_levels):
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            for a in range(n_path - effects.start[level]):
                right[node, a] = 0.0
    length = 0.0
    for level in range(n_levels):
        q = effects.start[level + 1] - effects.start[level]
        size = n_path - effects.start[level]
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            front = work.front[node]
            parent = tree.parents[node]
            for a in range(q):
                right[node, a] -= share * own[node, a]
            for b in range(q, size):
                total = right[node, b]
                for a in range(q):
                    total -= front[a, b] * right[node, a]
                right[parent, b - q] += total
            # forward with the Cholesky factor: half of the solve, and its length
            for a in range(q):
                total = right[node, a]
                for c in range(a):
                    total -= front[a, c] * right[node, c]
                right[node, a] = total / front[a, a]
                length += right[node, a] * right[node, a]
    path = work.path
    for level in range(n_levels - 1, -1, -1):
        q = effects.start[level + 1] - effects.start[level]
        size = n_path - effects.start[level]
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            front = work.front[node]
            parent = tree.parents[node]
            for a in range(q - 1, -1, -1):
                total = right[node, a]
                for c in range(a + 1, q):
                    total -= front[c, a] * path[node, c]
                path[node, a] = total / front[a, a]
            for b in range(q, size):
                path[node, b] = path[parent, b - q]
            for a in range(q):
                for b in range(q, size):
                    path[node, a] -= front[a, b] * path[node, b]
                work.step[node, a] = path[node, a]
    return length


@njit(fastmath=FAST)
def _move(tree, effects, root, modes, step, share):  # type: ignore[no-untyped-def]
    for level in range(effects.start.size - 1):
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            for a in range(effects.start[level + 1] - effects.start[level]):
                modes[node, a] += share * step[node, a]


@njit(fastmath=FAST)
def _length(tree, effects, root, modes):  # type: ignore[no-untyped-def]
    total = 0.0
    for level in range(effects.start.size - 1):
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            for a in range(effects.start[level + 1] - effects.start[level]):
                total += modes[node, a] * modes[node, a]
    return total


@njit(fastmath=FAST)
def _find_modes(  # type: ignore[no-untyped-def]
    tree, effects, root, base, y, m, unit, loading, modes, mu, work, value, passes
):
    """Newton's method with halving; leaves the factor and the value at the modes."""
    before = np.inf
    share = 1.0
    value[root] = np.nan
    for count in range(MOST_STEPS):
        _spread_path(tree, effects, root, modes, work.path)
        _load(tree, root, loading, work.path, work.load)
        loglik = _sums(tree, effects, root, base, y, m, unit, mu, work)
        now = 0.5 * _length(tree, effects, root, modes) - loglik
        passes[root] = count + 1
        if not now <= before + 1e-9 * (1.0 + abs(before)):
            share *= 0.5
            if share < 1e-6:
                return
            _move(tree, effects, root, modes, work.step, -share)
            continue
        _fill_fronts(tree, effects, root, loading, work)
        logdet = _factor(tree, effects, root, work)
        length = _solve(tree, effects, root, loading, modes, 1.0, work)
        if length < SOLVED:
            value[root] = now + 0.5 * logdet
            return
        _move(tree, effects, root, modes, work.step, 1.0)
        before = now
        share = 1.0


@njit(fastmath=FAST)
def _spread(tree, effects, root, work):  # type: ignore[no-untyped-def]
    """Half the posterior covariance of every path, root to leaf."""
    n_path = effects.column.size
    for level in range(effects.start.size - 2, -1, -1):
        q = effects.start[level + 1] - effects.start[level]
        size = n_path - effects.start[level]
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            front, out = work.front[node], work.spread[node]
            if size > q:
                above = work.spread[tree.parents[node]]
                for a in range(q, size):
                    for b in range(q, size):
                        out[a, b] = above[a - q, b - q]
                for a in range(q):
                    for b in range(q, size):
                        total = 0.0
                        for c in range(q, size):
                            total -= front[a, c] * out[c, b]
                        out[a, b] = total
                        out[b, a] = total
            for b in range(q):
                # column b of the inverse of the own block
                for a in range(q):
                    out[a, b] = 1.0 if a == b else 0.0
                cholesky_solve(front, q, out[:, b])
            for a in range(q):
                for b in range(q):
                    total = 0.5 * out[a, b]
                    for c in range(q, size):
                        total -= out[a, c] * front[b, c]
                    out[a, b] = total


@njit(fastmath=FAST)
def _differentiate(  # type: ignore[no-untyped-def]
    tree, effects, root, y, m, unit, loading, modes, mu, g, work, gradient
):
    """The exact gradient, by implicit differentiation at the modes."""
    z = effects.columns
    n_columns, n_path = loading.shape
    first, last = tree.spans[0, root], tree.spans[0, root + 1]
    _spread(tree, effects, root, work)
    for leaf in range(first, last):
        spread, curve = work.spread[leaf], work.info[leaf]
        for b in range(n_path):
            for a in range(n_path):
                if effects.level[a] == effects.level[b]:
                    total = 0.0
                    for c in range(n_path):
                        held = _held(work.info[leaf], loading, effects.column[a], c)
                        total += held * spread[c, b]
                    gradient[a, b] += 2.0 * total
        # the information is spent: its place takes half the variance of each column's load
        for k in range(n_columns):
            for other in range(n_columns):
                total = 0.0
                for a in range(n_path):
                    for b in range(n_path):
                        total += loading[k, a] * spread[a, b] * loading[other, b]
                curve[k, other] = total
        start, stop = tree.rows[leaf], tree.rows[leaf + 1]
        for i in range(start, stop):
            g[i] = 0.0
        for k in range(n_columns):
            for other in range(n_columns):
                here = curve[k, other]
                for i in range(start, stop):
                    g[i] += here * z[k, i] * z[other, i]
        for i in range(start, stop):
            g[i] *= skew_of(mu[i], y[i], m[i], unit)
        for k in range(n_columns):
            total = 0.0
            for i in range(start, stop):
                total += z[k, i] * g[i]
            work.pull[leaf, k] = total
    _solve(tree, effects, root, loading, modes, 0.0, work)
    _load(tree, root, loading, work.path, work.load)
    _finish_rows(tree, effects, root, y, m, unit, mu, g, work)
    for level in range(effects.start.size - 1):
        start = effects.start[level]
        q = effects.start[level + 1] - start
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            for a in range(q):
                k = effects.column[start + a]
                for b in range(q):
                    gradient[start + a, start + b] += (
                        work.ahead[node, k] * modes[node, b]
                        + work.behind[node, k] * work.step[node, b]
                    )


@njit(fastmath=FAST)
def _finish_rows(tree, effects, root, y, m, unit, mu, g, work):  # type: ignore[no-untyped-def]
    """Each row's derivative, and its sums with the effect columns at every node."""
    z = effects.columns
    n_columns = z.shape[0]
    r = work.rows
    for leaf in range(tree.spans[0, root], tree.spans[0, root + 1]):
        start, stop = tree.rows[leaf], tree.rows[leaf + 1]
        for k in range(n_columns):
            here = work.load[leaf, k]
            for i in range(start, stop):
                g[i] -= weight_of(mu[i], y[i], m[i], unit) * here * z[k, i]
        for i in range(start, stop):
            r[i] = pull_of(mu[i], y[i], m[i], unit)
            g[i] -= r[i]
        for k in range(n_columns):
            ahead = 0.0
            behind = 0.0
            for i in range(start, stop):
                ahead += z[k, i] * g[i]
                behind += z[k, i] * r[i]
            work.ahead[leaf, k] = ahead
            work.behind[leaf, k] = behind
    for level in range(1, effects.start.size - 1):
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            for k in range(n_columns):
                work.ahead[node, k] = 0.0
                work.behind[node, k] = 0.0
    for level in range(effects.start.size - 2):
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            parent = tree.parents[node]
            for k in range(n_columns):
                work.ahead[parent, k] += work.ahead[node, k]
                work.behind[parent, k] += work.behind[node, k]
