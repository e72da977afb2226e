"""Random intercepts of strictly nested groups: the exact factorisation of a tree, root by root.

Notation: eta_i = base_i + sum over levels l of theta_l u_l[node of i], u standard normal; node d
holds 1 + theta^2 W, W the information that reaches it from below. A parent receives W/d and
(R - ...)/d, so the Hessian of a tree factors without fill. Roots do not touch each other: each is
solved, factored and differentiated while its rows are in cache, and roots are shared by threads.
"""

from __future__ import annotations

from collections import namedtuple
from math import log

import numpy as np
from numba import njit, prange

from deepvalue_stats.models.multilevel.rows import (
    FAST,
    link_rows,
    pull_of,
    skew_of,
    weight_of,
)

# rows: first row of each leaf, one more at the end; spans[l]: first node of each stand at level l
# (nodes are numbered level after level), one more at the end; parents: of every node, -1 for a
# root; shares: first stand of each piece of work. A stand is a run of whole trees that
# are solved together, for short trees; below, root means a stand
Tree = namedtuple("Tree", "rows spans parents shares")
SOLVED = 1e-18  # squared length of the last Newton step not taken, in posterior SD
MOST_STEPS = 60


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def intercepts_laplace(tree, base, y, m, unit, theta, modes, mu, g):  # type: ignore[no-untyped-def]
    """Minus the Laplace log-likelihood of each root, with gradients.

    Parameters
    ----------
    tree : Tree
    base, y, m : arrays, shape (n,)
        Fixed part of the predictor, successes and trials of sorted rows.
    unit : bool or None
        Whether every row is one trial; None for a complementary log-log, see `rows`.
    theta : array, shape (n_levels,)
    modes : array, shape (n_nodes,)
        Where to start; overwritten by the modes of u.
    mu, g : arrays, shape (n,)
        Overwritten by mu (see `rows`) at the modes, and the derivative of the value in each base.

    Returns
    -------
    value : array, shape (n_roots,)
        Without the constants of the binomial coefficients; NaN where the modes were not found.
    gradient : array, shape (n_roots, n_levels)
    pivots : array, shape (n_nodes,)
        Posterior information of each node given those above it.
    passes : array, shape (n_roots,)
    """
    n_levels = theta.size
    n_roots = tree.spans.shape[1] - 1
    n_nodes = tree.parents.size
    value = np.zeros(n_roots)
    gradient = np.zeros((n_roots, n_levels))
    passes = np.zeros(n_roots, dtype=np.int64)
    pivots = np.empty(n_nodes)
    info = np.empty(n_nodes)
    pull = np.empty(n_nodes)
    step = np.empty(n_nodes)
    shift = np.empty(n_nodes)
    skew = np.empty(tree.rows.size - 1)
    for piece in prange(tree.shares.size - 1):
        for root in range(tree.shares[piece], tree.shares[piece + 1]):
            _find_modes(
                tree, root, base, y, m, unit, theta, modes, mu,
                info, pull, pivots, step, shift, skew, value, passes,
            )  # fmt: skip
            _differentiate(
                tree, root, y, m, unit, theta, modes, mu, g,
                info, pull, pivots, step, shift, skew, value, gradient,
            )  # fmt: skip
    return value, gradient, pivots, passes


@njit(fastmath=FAST)
def _sums(tree, root, base, y, m, unit, mu, shift, info, pull, skew):  # type: ignore[no-untyped-def]
    """One pass over a root's rows: means, and per leaf the sums of residual, weight and skew."""
    first, last = tree.spans[0, root], tree.spans[0, root + 1]
    for leaf in range(first, last):
        here = shift[leaf]
        for i in range(tree.rows[leaf], tree.rows[leaf + 1]):
            mu[i] = base[i] + here
    loglik = link_rows(mu, y, m, unit, tree.rows[first], tree.rows[last])
    for leaf in range(first, last):
        residual = 0.0
        weight = 0.0
        third = 0.0
        if unit is None:
            for i in range(tree.rows[leaf], tree.rows[leaf + 1]):
                residual += pull_of(mu[i], y[i], m[i], unit)
                weight += weight_of(mu[i], y[i], m[i], unit)
                third += skew_of(mu[i], y[i], m[i], unit)
        elif unit:
            for i in range(tree.rows[leaf], tree.rows[leaf + 1]):
                p = mu[i]
                w = p * (1.0 - p)
                residual += y[i] - p
                weight += w
                third += w * (1.0 - 2.0 * p)
        else:
            for i in range(tree.rows[leaf], tree.rows[leaf + 1]):
                p = mu[i]
                w = m[i] * p * (1.0 - p)
                residual += y[i] - m[i] * p
                weight += w
                third += w * (1.0 - 2.0 * p)
        pull[leaf] = residual
        info[leaf] = weight
        skew[leaf] = third
    return loglik


@njit(fastmath=FAST)
def _descend(tree, root, theta, from_above, shift):  # type: ignore[no-untyped-def]
    """Add theta times a node's value to what reaches it from above, root to leaf."""
    for level in range(theta.size - 1, -1, -1):
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            parent = tree.parents[node]
            above = shift[parent] if parent >= 0 else 0.0
            shift[node] = above + theta[level] * from_above[node]


@njit(fastmath=FAST)
def _solve_up(tree, root, theta, pull, pivots, info, own, share):  # type: ignore[no-untyped-def]
    """Eliminate leaf to root; `pull` holds sums over rows on entry, pivot right sides on return.

    `share` times `own` is what each node's right side has of its own: its u for a Newton step,
    nothing for a plain solve. Returns the squared length of the solution.
    """
    length = 0.0
    for level in range(theta.size):
        t = theta[level]
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            right = t * pull[node] - share * own[node]
            parent = tree.parents[node]
            d = pivots[node]
            if parent >= 0:
                # what is left of the rows' pull once this node has moved to meet it
                pull[parent] += pull[node] - t * info[node] * right / d
            length += right * right / d
            pull[node] = right
    return length


@njit(fastmath=FAST)
def _solve_down(tree, root, theta, pull, pivots, info, solution, shift):  # type: ignore[no-untyped-def]
    """Back substitution, root to leaf; `shift` receives the solution summed along the path."""
    for level in range(theta.size - 1, -1, -1):
        t = theta[level]
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            parent = tree.parents[node]
            above = shift[parent] if parent >= 0 else 0.0
            solution[node] = (pull[node] - t * info[node] * above) / pivots[node]
            shift[node] = above + t * solution[node]


@njit(fastmath=FAST)
def _find_modes(  # type: ignore[no-untyped-def]
    tree, root, base, y, m, unit, theta, modes, mu,
    info, pull, pivots, step, shift, skew, value, passes,
):  # fmt: skip
    """Newton's method with halving; leaves sums, pivots and the value at the modes."""
    n_levels = theta.size
    before = np.inf
    share = 1.0
    for count in range(MOST_STEPS):
        _descend(tree, root, theta, modes, shift)
        loglik = _sums(tree, root, base, y, m, unit, mu, shift, info, pull, skew)
        penalty = 0.0
        logdet = 0.0
        for level in range(n_levels):
            for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
                penalty += modes[node] * modes[node]
        now = 0.5 * penalty - loglik
        passes[root] = count + 1
        if not now <= before + 1e-9 * (1.0 + abs(before)):
            # too far: go half way back, unless nothing is left to halve
            share *= 0.5
            if share < 1e-6:
                value[root] = np.nan
                return
            for level in range(n_levels):
                for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
                    modes[node] -= share * step[node]
            continue
        for level in range(1, n_levels):
            for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
                info[node] = 0.0
                pull[node] = 0.0
        for level in range(n_levels):
            t2 = theta[level] * theta[level]
            product = 1.0
            for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
                d = 1.0 + t2 * info[node]
                pivots[node] = d
                product *= d
                if product > 1e200:
                    logdet += log(product)
                    product = 1.0
                parent = tree.parents[node]
                if parent >= 0:
                    info[parent] += info[node] / d
            logdet += log(product)
        length = _solve_up(tree, root, theta, pull, pivots, info, modes, 1.0)
        if length < SOLVED:
            value[root] = now + 0.5 * logdet
            return
        _solve_down(tree, root, theta, pull, pivots, info, step, shift)
        for level in range(n_levels):
            for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
                modes[node] += step[node]
        before = now
        share = 1.0
    value[root] = np.nan


@njit(fastmath=FAST)
def _differentiate(  # type: ignore[no-untyped-def]
    tree, root, y, m, unit, theta, modes, mu, g,
    info, pull, pivots, step, spread, skew, value, gradient,
):  # fmt: skip
    """The exact gradient, by implicit differentiation at the modes.

    On return from `_find_modes` info and pivots stand; leaf sums of residuals are needed again
    and cost one look at the means. `spread` is the posterior variance of the summed path.
    """
    if np.isnan(value[root]):
        return
    n_levels = theta.size
    for level in range(n_levels - 1, -1, -1):
        t = theta[level]
        slope = 0.0
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            parent = tree.parents[node]
            above = spread[parent] if parent >= 0 else 0.0
            d = pivots[node]
            held = info[node] / d
            slope += held - held * held * above
            spread[node] = above / (d * d) + t * t / d
        gradient[root, level] = t * slope
    for level in range(1, n_levels):
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            pull[node] = 0.0
    for leaf in range(tree.spans[0, root], tree.spans[0, root + 1]):
        pull[leaf] = 0.5 * spread[leaf] * skew[leaf]
    # how the modes move with base and theta: the path sums of the solution replace `pull`
    _solve_up(tree, root, theta, pull, pivots, info, modes, 0.0)
    _solve_down(tree, root, theta, pull, pivots, info, step, pull)
    for level in range(1, n_levels):
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            info[node] = 0.0
            spread[node] = 0.0
    for leaf in range(tree.spans[0, root], tree.spans[0, root + 1]):
        half, path = 0.5 * spread[leaf], pull[leaf]
        total = 0.0
        residual = 0.0
        for i in range(tree.rows[leaf], tree.rows[leaf + 1]):
            if unit is None:
                r = pull_of(mu[i], y[i], m[i], unit)
                here = half * skew_of(mu[i], y[i], m[i], unit) - r
                here -= weight_of(mu[i], y[i], m[i], unit) * path
            else:
                p = mu[i]
                trials = 1.0 if unit else m[i]
                w = trials * p * (1.0 - p)
                r = y[i] - trials * p
                here = half * w * (1.0 - 2.0 * p) - r - w * path
            g[i] = here
            total += here
            residual += r
        info[leaf] = total
        spread[leaf] = residual
    for level in range(n_levels):
        slope = 0.0
        for node in range(tree.spans[level, root], tree.spans[level, root + 1]):
            slope += info[node] * modes[node] + spread[node] * step[node]
            parent = tree.parents[node]
            if parent >= 0:
                info[parent] += info[node]
                spread[parent] += spread[node]
        gradient[root, level] += slope
