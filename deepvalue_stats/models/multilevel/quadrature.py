"""Adaptive Gauss-Hermite quadrature for one grouping factor with correlated effects.

Notation of a group: its predictor is base + Z L u, L = `factor`, u standard normal. At the mode of
u the information is D = I + L'Z'WZL = R R'; the nodes are u_k = mode + C t_k, C = R^-T, over all
combinations of a rule's points, so that a rule of one point is Laplace's approximation. The nodes
move with base and factor, and the gradient follows them: it is that of the computed sum itself.

A row is evaluated at all nodes at once, so that the compiler can work on several nodes where groups
are too small for it to work on several rows.

References
----------
Pinheiro and Bates (1995), Journal of Computational and Graphical Statistics 4, section 2.4;
Smith (1995), Journal of Computational and Graphical Statistics 4, for the derivative of a
Cholesky factor.
"""

from __future__ import annotations

from collections import namedtuple
from math import exp, log, log1p, sqrt

import numpy as np
from numba import njit, prange

from deepvalue_stats.models.multilevel.intercepts import MOST_STEPS
from deepvalue_stats.models.multilevel.rows import (
    FAST,
    cloglog_row,
    exp_of_negative,
    link_rows,
    pull_of,
    skew_of,
    weight_of,
)
from deepvalue_stats.models.multilevel.rule import tensor_rule

_ROWS = 256  # rows whose means at the nodes are kept: 2^256 is a number, and so is their product
_PIECES = 64
# squared length, in posterior SD, of a Newton step that needs no other after it, and of one that
# need not be taken: the value moves with the nodes at first order, so modes have to be exact
_NEARLY_SOLVED, _SOLVED = 1e-13, 1e-26

# what a thread needs while it works on a group. Of effects: load (L u, or what follows the mode),
# pull (Z'r), step, skew, residual; info (Z'WZ), root (R), spread (C), and three to spare. Of nodes,
# last: loads, pulls; weight, loglik, eta, product; means (rows, nodes). Taken apart once for many
# groups, and handed on one by one to functions that are put in line: every taking, and every call,
# counts references, which costs more than the rows of a small group
Scratch = namedtuple(
    "Scratch",
    "load pull step skew residual info root spread one two three "
    "loads pulls weight loglik eta product means",
)


@njit(parallel=True, cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def quadrature(  # type: ignore[no-untyped-def]
    rows, z, base, y, m, unit, factor, nodes, log_weights, modes, mu, g
):
    """Minus the log-likelihood of each group by adaptive quadrature, with exact gradients.

    Parameters
    ----------
    rows : array of int, shape (n_groups + 1,)
        First row of each group, and the number of rows.
    z : array, shape (q, n)
        Effect columns of the sorted rows; an intercept is a row of ones.
    base, y, m : arrays, shape (n,)
        Fixed part of the predictor, successes and trials of sorted rows.
    unit : bool or None
        Whether every row is one trial; None for a complementary log-log, see `rows`.
    factor : array, shape (q, q)
        Lower triangular L.
    nodes, log_weights : arrays, shape (points,)
        A rule for the standard normal, and the logarithms of its weights.
    modes : array, shape (n_groups, q)
        Where to start; overwritten by the modes of u.
    mu, g : arrays, shape (n,)
        Overwritten by mu (see `rows`) at the modes, and the derivative of the value in each base.

    Returns
    -------
    value : array, shape (n_groups,)
        Without the constants of the binomial coefficients; NaN where the mode was not found (g
        and gradient are then 0).
    gradient : array, shape (n_groups, q, q)
        In the entries of `factor`.
    passes : array, shape (n_groups,)
    """
    n_groups, q = rows.size - 1, z.shape[0]
    grid, log_grid = tensor_rule(nodes, log_weights, q)
    value = np.zeros(n_groups)
    gradient = np.zeros((n_groups, q, q))
    passes = np.zeros(n_groups, dtype=np.int64)
    cuts = np.empty(_PIECES + 1, dtype=np.int64)
    for piece in range(_PIECES):
        cuts[piece] = np.searchsorted(rows, rows[0] + piece * (rows[-1] - rows[0]) // _PIECES)
    cuts[0], cuts[_PIECES] = 0, n_groups
    for piece in prange(_PIECES):
        work = room(q, log_grid.size)
        integrate(
            cuts[piece], cuts[piece + 1], rows, z, base, y, m, unit, factor, grid, log_grid,
            modes, mu, g, value, gradient, passes, work,
        )  # fmt: skip
    return value, gradient, passes


@njit
def room(q, size):  # type: ignore[no-untyped-def]
    """Make room for `integrate` to work in, on one thread, with `size` nodes."""
    return Scratch(
        np.empty(q), np.empty(q), np.empty(q), np.empty(q), np.empty(q),
        np.empty((q, q)), np.empty((q, q)), np.empty((q, q)),
        np.empty((q, q)), np.empty((q, q)), np.empty((q, q)),
        np.empty((q, size)), np.empty((q, size)),
        np.empty(size), np.empty(size), np.empty(size), np.empty(size),
        np.empty((_ROWS, size)),
    )  # fmt: skip


@njit(fastmath=FAST, error_model="numpy")
def integrate(  # type: ignore[no-untyped-def]
    first, last, rows, z, base, y, m, unit, factor, grid, log_grid, modes, mu, g,
    value, gradient, passes, work,
):  # fmt: skip
    """Integrate groups [first, last) on one thread; as `quadrature`.

    `grid` and `log_grid` come from `tensor_rule`, `work` from `room`.
    """
    load, pull, step, skew, residual, info, root, spread, one, two, three = work[:11]
    loads, pulls, weight, loglik, eta, product, means = work[11:]
    for j in range(first, last):
        start, stop = rows[j], rows[j + 1]
        found, passes[j] = _find_mode(
            j, start, stop, z, base, y, m, unit, factor, modes, mu,
            load, pull, step, info, root, spread, one,
        )  # fmt: skip
        value[j] = np.nan
        if found:
            value[j] = _sum_nodes(
                j, start, stop, z, base, y, m, unit, factor, grid, log_grid, modes, g,
                load, root, spread, loads, pulls, weight, loglik, eta, product, means,
            )  # fmt: skip
        if value[j] == value[j]:
            _differentiate(
                j, start, stop, z, y, m, unit, factor, grid, modes, mu, g, gradient,
                load, pull, step, skew, residual, info, root, spread, one, two, three,
                pulls, weight,
            )  # fmt: skip
        else:
            for a in range(z.shape[0]):
                for b in range(z.shape[0]):
                    gradient[j, a, b] = 0.0
            for i in range(start, stop):
                g[i] = 0.0


@njit(fastmath=FAST, error_model="numpy", inline="always")
def _load(factor, u, j, load):  # type: ignore[no-untyped-def]
    """What a group adds to a unit of each effect column: L u."""
    for c in range(load.size):
        total = 0.0
        for a in range(c + 1):
            total += factor[c, a] * u[j, a]
        load[c] = total


@njit(fastmath=FAST, error_model="numpy", inline="always")
def _factorise(first, last, z, y, m, unit, factor, mu, info, root, half):  # type: ignore[no-untyped-def]
    """Z'WZ, and the Cholesky factor R of D = I + L'Z'WZL."""
    q = z.shape[0]
    for c in range(q):
        for d in range(c + 1):
            total = 0.0
            for i in range(first, last):
                total += z[c, i] * z[d, i] * weight_of(mu[i], y[i], m[i], unit)
            info[c, d] = total
            info[d, c] = total
    for c in range(q):
        for a in range(q):
            total = 0.0
            for d in range(a, q):
                total += info[c, d] * factor[d, a]
            half[c, a] = total
    for a in range(q):
        for b in range(a + 1):
            total = 1.0 if a == b else 0.0
            for c in range(a, q):
                total += factor[c, a] * half[c, b]
            for c in range(b):
                total -= root[a, c] * root[b, c]
            root[a, b] = sqrt(total) if a == b else total / root[b, b]
        for b in range(a + 1, q):
            root[a, b] = 0.0


@njit(fastmath=FAST, error_model="numpy", inline="always")
def _solve(root, x):  # type: ignore[no-untyped-def]
    """Replace x by the solution of R R' solution = x; returns their product."""
    length = 0.0
    for a in range(x.size):
        for b in range(a):
            x[a] -= root[a, b] * x[b]
        x[a] /= root[a, a]
        length += x[a] * x[a]
    for a in range(x.size - 1, -1, -1):
        for b in range(a + 1, x.size):
            x[a] -= root[b, a] * x[b]
        x[a] /= root[a, a]
    return length


@njit(fastmath=FAST, error_model="numpy", inline="always")
def _find_mode(  # type: ignore[no-untyped-def]
    j, first, last, z, base, y, m, unit, factor, modes, mu,
    load, pull, step, info, root, spread, half,
):  # fmt: skip
    """Newton's method with halving; leaves means, information, R and C at the mode."""
    q = z.shape[0]
    before, share = np.inf, 1.0
    last_look = False
    found = False
    passes = 0
    while passes < MOST_STEPS:
        passes += 1
        _load(factor, modes, j, load)
        for i in range(first, last):
            mu[i] = base[i] + z[0, i] * load[0]
        for c in range(1, q):
            for i in range(first, last):
                mu[i] += z[c, i] * load[c]
        now = -link_rows(mu, y, m, unit, first, last)
        for a in range(q):
            now += 0.5 * modes[j, a] * modes[j, a]
        if not now <= before + 1e-9 * (1.0 + abs(before)):
            # too far: go half way back, unless nothing is left to halve
            share *= 0.5
            if share < 1e-6 or before == np.inf:
                break
            for a in range(q):
                modes[j, a] -= share * step[a]
            last_look = False
            continue
        _factorise(first, last, z, y, m, unit, factor, mu, info, root, half)
        if last_look:
            found = True
            break
        for c in range(q):
            total = 0.0
            for i in range(first, last):
                total += z[c, i] * pull_of(mu[i], y[i], m[i], unit)
            pull[c] = total
        for a in range(q):
            step[a] = -modes[j, a]
            for c in range(a, q):
                step[a] += factor[c, a] * pull[c]
        length = _solve(root, step)
        if length < _SOLVED:
            found = True
            break
        last_look = length < _NEARLY_SOLVED
        for a in range(q):
            modes[j, a] += step[a]
        before, share = now, 1.0
    for b in range(q):
        # column b of R^-1 becomes row b of C
        for a in range(q):
            total = 1.0 if a == b else 0.0
            for c in range(b, a):
                total -= root[a, c] * spread[b, c]
            spread[b, a] = total / root[a, a] if a >= b else 0.0
    return found, passes


@njit(fastmath=FAST, error_model="numpy", inline="always")
def _evaluate(  # type: ignore[no-untyped-def]
    start, stop, z, base, y, m, unit, loads, pulls, loglik, eta, product, means
):
    """Rows at all nodes: means (of a complementary log-log minus slopes), log-likelihoods, Z'r."""
    q, size = loads.shape
    for k in range(size):
        product[k] = 1.0
    for i in range(start, stop):
        row = i - start
        here, times, won, fixed = z[0, i], m[i], y[i], base[i]
        for k in range(size):
            eta[k] = fixed + here * loads[0, k]
        for c in range(1, q):
            here = z[c, i]
            for k in range(size):
                eta[k] += here * loads[c, k]
        if unit is None:
            for k in range(size):
                gain, slope = cloglog_row(eta[k], won, times)
                loglik[k] += gain
                means[row, k] = -slope
        elif unit:
            for k in range(size):
                x = eta[k]
                e = exp_of_negative(-abs(x))
                grown = 1.0 + e
                product[k] *= grown
                loglik[k] += won * x - max(x, 0.0)
                means[row, k] = (1.0 if x >= 0.0 else e) / grown
        else:
            for k in range(size):
                x = eta[k]
                e = exp_of_negative(-abs(x))
                eta[k] = e
                loglik[k] += won * x - times * max(x, 0.0)
                means[row, k] = (1.0 if x >= 0.0 else e) / (1.0 + e)
            for k in range(size):
                loglik[k] -= times * log1p(eta[k])
        for c in range(q):
            here = z[c, i]
            if unit is None:
                for k in range(size):
                    pulls[c, k] -= here * means[row, k]
            else:
                for k in range(size):
                    pulls[c, k] += here * (won - times * means[row, k])
    if unit is not None and unit:
        for k in range(size):
            loglik[k] -= log(product[k])


@njit(fastmath=FAST, error_model="numpy", inline="always")
def _sum_nodes(  # type: ignore[no-untyped-def]
    j, first, last, z, base, y, m, unit, factor, grid, log_grid, modes, g,
    load, root, spread, loads, pulls, weight, loglik, eta, product, means,
):  # fmt: skip
    """Minus the log of the sum; leaves posterior weights, Z'r at the nodes, g the mean of mu."""
    q, size = grid.shape
    # a node is mode + C t, and adds L times that
    _load(factor, modes, j, load)
    for k in range(size):
        weight[k] = log_grid[k]
        loglik[k] = 0.0
    for a in range(q):
        for k in range(size):
            place = modes[j, a]
            for b in range(a, q):
                place += spread[a, b] * grid[b, k]
            weight[k] -= 0.5 * place * place
    for c in range(q):
        for k in range(size):
            loads[c, k] = load[c]
            pulls[c, k] = 0.0
        for b in range(q):
            along = 0.0
            for a in range(min(b, c) + 1):
                along += factor[c, a] * spread[a, b]
            for k in range(size):
                loads[c, k] += along * grid[b, k]
    for start in range(first, last, _ROWS):
        stop = min(start + _ROWS, last)
        _evaluate(start, stop, z, base, y, m, unit, loads, pulls, loglik, eta, product, means)
    top = -np.inf
    for k in range(size):
        weight[k] += loglik[k]
        top = max(top, weight[k])
    total = 0.0
    for k in range(size):
        weight[k] = exp(weight[k] - top)
        total += weight[k]
    value = -top - log(total)
    for a in range(q):
        value += log(root[a, a])
    for k in range(size):
        weight[k] /= total
    again = last - first > _ROWS
    for start in range(first, last, _ROWS):
        stop = min(start + _ROWS, last)
        if again:
            # only the means of the rows seen last have been kept
            _evaluate(start, stop, z, base, y, m, unit, loads, pulls, loglik, eta, product, means)
        for i in range(start, stop):
            mean = 0.0
            for k in range(size):
                mean += weight[k] * means[i - start, k]
            g[i] = mean
    if again:
        # every row has been counted twice
        for c in range(q):
            for k in range(size):
                pulls[c, k] *= 0.5
    return value


@njit(fastmath=FAST, error_model="numpy", inline="always")
def _differentiate(  # type: ignore[no-untyped-def]
    j, first, last, z, y, m, unit, factor, grid, modes, mu, g, gradient,
    load, behind, moved, skew, residual, info, root, spread, adjoint, turned, inner,
    pulls, weight,
):  # fmt: skip
    """The gradient of a group; g holds the means of `means` over the nodes on entry."""
    q, size = grid.shape

    # over the nodes: minus the mean s of the slopes, sum of s t' + R (the adjoint of C), and in
    # `gradient` the sum of Z'r u'
    for a in range(q):
        behind[a] = modes[j, a]
        for b in range(q):
            adjoint[a, b] = root[a, b]
            gradient[j, a, b] = 0.0
    for b in range(q):
        mean_t, mean_pull = 0.0, 0.0
        for k in range(size):
            mean_t += weight[k] * grid[b, k]
            mean_pull += weight[k] * pulls[b, k]
        for a in range(q):
            behind[a] += spread[a, b] * mean_t - factor[b, a] * mean_pull
            adjoint[a, b] -= modes[j, a] * mean_t
            gradient[j, b, a] -= mean_pull * modes[j, a]
        for c in range(q):
            pull_t, t_t = 0.0, 0.0
            for k in range(size):
                pull_t += weight[k] * pulls[c, k] * grid[b, k]
                t_t += weight[k] * grid[c, k] * grid[b, k]
            for a in range(q):
                adjoint[a, b] += factor[c, a] * pull_t - spread[a, c] * t_t
                gradient[j, c, a] -= pull_t * spread[a, b]
    # then E, minus the adjoint of D
    for a in range(q):
        for b in range(q):
            here = 0.0
            for c in range(q):
                for d in range(q):
                    here += spread[a, c] * adjoint[d, c] * spread[d, b]
            turned[a, b] = here if a >= b else 0.0
    for a in range(q):
        for b in range(q):
            here = 0.0
            for c in range(q):
                here += root[c, a] * turned[c, b]
            inner[a, b] = here if a > b else (0.5 * here if a == b else 0.0)
    middle = adjoint
    for a in range(q):
        for b in range(q):
            here = 0.0
            for c in range(q):
                for d in range(q):
                    here += spread[a, c] * (inner[c, d] + inner[d, c]) * spread[b, d]
            middle[a, b] = 0.5 * here
    # L E, and L E L'
    loaded, across = turned, inner
    for a in range(q):
        for b in range(q):
            loaded[a, b] = 0.0
            for c in range(a + 1):
                loaded[a, b] += factor[a, c] * middle[c, b]
    for a in range(q):
        for b in range(q):
            across[a, b] = 0.0
            for c in range(b + 1):
                across[a, b] += loaded[a, c] * factor[b, c]

    # row by row s = w' z'(LEL')z; what the mode's move adds needs their sum Z's, and Z'r
    if unit is not None:
        for i in range(first, last):
            g[i] = m[i] * g[i] - y[i]
    for c in range(q):
        skew[c] = 0.0
        total = 0.0
        for i in range(first, last):
            total += z[c, i] * pull_of(mu[i], y[i], m[i], unit)
        residual[c] = total
    for a in range(q):
        for b in range(a + 1):
            share = across[a, a] if a == b else across[a, b] + across[b, a]
            for i in range(first, last):
                bent = skew_of(mu[i], y[i], m[i], unit)
                g[i] += share * z[a, i] * z[b, i] * bent
            for c in range(q):
                total = 0.0
                for i in range(first, last):
                    bent = skew_of(mu[i], y[i], m[i], unit)
                    total += z[a, i] * z[b, i] * z[c, i] * bent
                skew[c] += share * total
    # how the mode moves: D^-1 rho, then L times that
    for a in range(q):
        moved[a] = behind[a]
        for c in range(a, q):
            moved[a] += factor[c, a] * skew[c]
    _solve(root, moved)
    for c in range(q):
        load[c] = 0.0
        for a in range(c + 1):
            load[c] += factor[c, a] * moved[a]
    for c in range(q):
        share = load[c]
        for i in range(first, last):
            g[i] -= share * z[c, i] * weight_of(mu[i], y[i], m[i], unit)
    for a in range(q):
        for b in range(q):
            here = skew[a] * modes[j, b] + residual[a] * moved[b]
            for c in range(q):
                here += info[a, c] * (2.0 * loaded[c, b] - load[c] * modes[j, b])
            gradient[j, a, b] += here
