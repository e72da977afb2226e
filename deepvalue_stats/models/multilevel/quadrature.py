"""Adaptive Gauss-Hermite quadrature for one grouping factor with correlated effects.

Notation of a group: its predictor is base + Z L u, L = `factor`, u standard normal. At the mode of
u the information is D = I + L'Z'WZL = R R'; the nodes are u_k = mode + C t_k, C = R^-T, over all
combinations of a rule's points, so that a rule of one point is Laplace's approximation. The nodes
move with base and factor, and the gradient follows them: it is that of the computed sum itself.

Small groups are taken together, so that the compiler can work on several rows at once; what a
group receives does not depend on the groups beside it.

References
----------
Pinheiro and Bates (1995), Journal of Computational and Graphical Statistics 4, section 2.4;
Smith (1995), Journal of Computational and Graphical Statistics 4, for the derivative of a
Cholesky factor.
"""

from __future__ import annotations

from collections import namedtuple
from functools import lru_cache
from math import exp, log, log1p, sqrt

import numpy as np
from numba import njit, prange
from numpy.polynomial.hermite_e import hermegauss

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.multilevel.intercepts import MOST_STEPS
from deepvalue_stats.models.multilevel.rows import FAST, exp_of_negative

MOST_POINTS = 100
_TOGETHER = 256  # rows of small groups that are worked on together
_PRODUCT = 512  # 2^512 is still a number, so a product of so many factors of at most 2 is
_PIECES = 64
# squared length, in posterior SD, of a Newton step after which another would change nothing: the
# value moves with the nodes at first order, so modes have to be as exact as rounding lets them be
_NEARLY_SOLVED, _SOLVED = 1e-13, 1e-26
_SEARCHING, _LAST_LOOK, _FOUND, _LOST = 0, 1, 2, 3

# what groups need while they are worked on, for all groups or rows at once: load is L u; spread
# is C; sums are over nodes, of weights times 1, Z'r, t, Z'r t' and t t'
Scratch = namedtuple(
    "Scratch",
    "load pull info root spread step before share state loglik top sums tail gain means",
)


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
    unit : bool
        Whether every row is one trial.
    factor : array, shape (q, q)
        Lower triangular L.
    nodes, log_weights : arrays, shape (points,)
        A rule for the standard normal, and the logarithms of its weights.
    modes : array, shape (n_groups, q)
        Where to start; overwritten by the modes of u.
    mu, g : arrays, shape (n,)
        Overwritten by the means at the modes, and the derivative of the value in each base.

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
    work = Scratch(*room(base.size, n_groups, q))
    cuts = np.empty(_PIECES + 1, dtype=np.int64)
    for piece in range(_PIECES):
        cuts[piece] = np.searchsorted(rows, rows[0] + piece * (rows[-1] - rows[0]) // _PIECES)
    cuts[0], cuts[_PIECES] = 0, n_groups
    for piece in prange(_PIECES):
        small = np.zeros((5, q, q))
        integrate(
            cuts[piece], cuts[piece + 1], rows, z, base, y, m, unit, factor, grid, log_grid,
            modes, mu, g, value, gradient, passes, work, small,
        )  # fmt: skip
    return value, gradient, passes


@njit(fastmath=FAST, error_model="numpy")
def tensor_rule(nodes, log_weights, q):  # type: ignore[no-untyped-def]
    """Every combination of the nodes, and log weight + |t|^2 / 2 of each."""
    points = nodes.size
    grid = np.empty((points**q, q))
    log_grid = np.zeros(points**q)
    for k in range(points**q):
        rest = k
        for c in range(q):
            here = rest % points
            rest //= points
            grid[k, c] = nodes[here]
            log_grid[k] += log_weights[here] + 0.5 * nodes[here] * nodes[here]
    return grid, log_grid


@njit
def room(n, n_groups, q):  # type: ignore[no-untyped-def]
    """The fields of `Scratch`; calls of `integrate` on different groups may share them."""
    return (
        np.empty((n_groups, q)),
        np.empty((n_groups, q)),
        np.empty((n_groups, q, q)),
        np.empty((n_groups, q, q)),
        np.empty((n_groups, q, q)),
        np.empty((n_groups, q)),
        np.empty(n_groups),
        np.empty(n_groups),
        np.empty(n_groups, dtype=np.int8),
        np.empty(n_groups),
        np.empty(n_groups),
        np.empty((n_groups, 1 + 2 * q + 2 * q * q)),
        np.empty(n),
        np.empty(n),
        np.empty(n),
    )


@njit(fastmath=FAST, error_model="numpy")
def integrate(  # type: ignore[no-untyped-def]
    first, last, rows, z, base, y, m, unit, factor, grid, log_grid, modes, mu, g,
    value, gradient, passes, work, small,
):  # fmt: skip
    """Integrate groups [first, last) on one thread, small ones together; as `quadrature`.

    `grid` and `log_grid` come from `tensor_rule`, `work` is a `Scratch`; small (5, q, q).
    """
    start = first
    while start < last:
        stop = start + 1
        while stop < last and rows[stop + 1] - rows[start] <= _TOGETHER:
            stop += 1
        _find_modes(
            start, stop, rows, z, base, y, m, unit, factor, modes, mu, passes, work, small[0]
        )
        _sum_nodes(start, stop, rows, z, base, y, m, unit, factor, grid, log_grid, modes, g, work)
        for j in range(start, stop):
            if work.state[j] == _FOUND:
                _differentiate(j, rows, z, y, m, factor, modes, mu, g, value, gradient, work, small)
            else:
                value[j] = np.nan
                gradient[j] = 0.0
                g[rows[j] : rows[j + 1]] = 0.0
        start = stop


@njit(fastmath=FAST, error_model="numpy")
def _evaluate(first, last, rows, z, base, y, m, unit, means, work):  # type: ignore[no-untyped-def]
    """One pass over the rows of groups: means, and per group the log-likelihood and Z'r."""
    q = z.shape[0]
    for j in range(first, last):
        here = work.load[j, 0]
        for i in range(rows[j], rows[j + 1]):
            means[i] = base[i] + z[0, i] * here
        for c in range(1, q):
            here = work.load[j, c]
            for i in range(rows[j], rows[j + 1]):
                means[i] += z[c, i] * here
    tail, gain = work.tail, work.gain
    for i in range(rows[first], rows[last]):
        eta = means[i]
        e = exp_of_negative(-abs(eta))
        tail[i] = e
        gain[i] = y[i] * eta - m[i] * max(eta, 0.0)
        means[i] = (1.0 if eta >= 0.0 else e) / (1.0 + e)
    for j in range(first, last):
        total = 0.0
        for start in range(rows[j], rows[j + 1], _PRODUCT):
            stop = min(start + _PRODUCT, rows[j + 1])
            part = 0.0
            for i in range(start, stop):
                part += gain[i]
            if unit:
                product = 1.0
                for i in range(start, stop):
                    product *= 1.0 + tail[i]
                part -= log(product)
            else:
                for i in range(start, stop):
                    part -= m[i] * log1p(tail[i])
            total += part
        work.loglik[j] = total
        for c in range(q):
            total = 0.0
            for i in range(rows[j], rows[j + 1]):
                total += z[c, i] * (y[i] - m[i] * means[i])
            work.pull[j, c] = total


@njit(fastmath=FAST, error_model="numpy")
def _load(j, factor, u, work):  # type: ignore[no-untyped-def]
    """What a group adds to a unit of each effect column: L u."""
    for c in range(u.size):
        total = 0.0
        for a in range(c + 1):
            total += factor[c, a] * u[a]
        work.load[j, c] = total


@njit(fastmath=FAST, error_model="numpy")
def _factorise(j, rows, z, m, factor, mu, work, half):  # type: ignore[no-untyped-def]
    """A group's Z'WZ, and the Cholesky factor R of D = I + L'Z'WZL."""
    q = z.shape[0]
    info, root = work.info[j], work.root[j]
    for c in range(q):
        for d in range(c + 1):
            total = 0.0
            for i in range(rows[j], rows[j + 1]):
                total += z[c, i] * z[d, i] * (m[i] * mu[i] * (1.0 - mu[i]))
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


@njit(fastmath=FAST, error_model="numpy")
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


@njit(fastmath=FAST, error_model="numpy")
def _find_modes(  # type: ignore[no-untyped-def]
    first, last, rows, z, base, y, m, unit, factor, modes, mu, passes, work, half
):
    """Newton's method with halving, every group at its own pace.

    Leaves means, information, R and log-likelihood at the modes, and C.
    """
    q = z.shape[0]
    for j in range(first, last):
        work.state[j] = _SEARCHING
        work.before[j] = np.inf
        work.share[j] = 1.0
        work.step[j] = 0.0
        passes[j] = 0
        _load(j, factor, modes[j], work)
    searching = last - first
    for _ in range(MOST_STEPS):
        if searching == 0:
            break
        _evaluate(first, last, rows, z, base, y, m, unit, mu, work)
        for j in range(first, last):
            state = work.state[j]
            if state >= _FOUND:
                continue
            u, step = modes[j], work.step[j]
            passes[j] += 1
            now = -work.loglik[j]
            for a in range(q):
                now += 0.5 * u[a] * u[a]
            if not now <= work.before[j] + 1e-9 * (1.0 + abs(work.before[j])):
                # too far: go half way back, unless nothing is left to halve
                work.share[j] *= 0.5
                if work.share[j] < 1e-6:
                    work.state[j] = _LOST
                    searching -= 1
                    continue
                for a in range(q):
                    u[a] -= work.share[j] * step[a]
                work.state[j] = _SEARCHING
                _load(j, factor, u, work)
                continue
            _factorise(j, rows, z, m, factor, mu, work, half)
            if state == _LAST_LOOK:
                work.state[j] = _FOUND
                searching -= 1
                continue
            for a in range(q):
                total = -u[a]
                for c in range(a, q):
                    total += factor[c, a] * work.pull[j, c]
                step[a] = total
            length = _solve(work.root[j], step)
            if length < _SOLVED:
                work.state[j] = _FOUND
                searching -= 1
                continue
            if length < _NEARLY_SOLVED:
                work.state[j] = _LAST_LOOK
            for a in range(q):
                u[a] += step[a]
            work.before[j] = now
            work.share[j] = 1.0
            _load(j, factor, u, work)
    for j in range(first, last):
        root, spread = work.root[j], work.spread[j]
        for b in range(q):
            # column b of R^-1 becomes row b of C
            for a in range(q):
                total = 1.0 if a == b else 0.0
                for c in range(b, a):
                    total -= root[a, c] * spread[b, c]
                spread[b, a] = total / root[a, a] if a >= b else 0.0


@njit(fastmath=FAST, error_model="numpy")
def _sum_nodes(  # type: ignore[no-untyped-def]
    first, last, rows, z, base, y, m, unit, factor, grid, log_grid, modes, g, work
):
    """Sums over the nodes, scaled by the largest term so far; g holds the sum of the means."""
    q = z.shape[0]
    u = np.empty(q)
    means = work.means
    work.top[first:last] = -np.inf
    work.sums[first:last] = 0.0
    g[rows[first] : rows[last]] = 0.0
    for k in range(log_grid.size):
        t = grid[k]
        for j in range(first, last):
            penalty = 0.0
            for a in range(q):
                u[a] = modes[j, a]
                for b in range(a, q):
                    u[a] += work.spread[j, a, b] * t[b]
                penalty += u[a] * u[a]
            work.before[j] = log_grid[k] - 0.5 * penalty
            _load(j, factor, u, work)
        _evaluate(first, last, rows, z, base, y, m, unit, means, work)
        for j in range(first, last):
            term = work.before[j] + work.loglik[j]
            scale, weight = 1.0, 1.0
            if term > work.top[j]:
                scale = exp(work.top[j] - term)
                work.top[j] = term
            else:
                weight = exp(term - work.top[j])
            for i in range(rows[j], rows[j + 1]):
                g[i] = scale * g[i] + weight * means[i]
            sums, pull = work.sums[j], work.pull[j]
            sums[0] = scale * sums[0] + weight
            place = 1
            for a in range(q):
                sums[place] = scale * sums[place] + weight * pull[a]
                sums[place + q] = scale * sums[place + q] + weight * t[a]
                place += 1
            place += q
            for a in range(q):
                for b in range(q):
                    sums[place] = scale * sums[place] + weight * pull[a] * t[b]
                    sums[place + q * q] = scale * sums[place + q * q] + weight * t[a] * t[b]
                    place += 1


@njit(fastmath=FAST, error_model="numpy")
def _differentiate(  # type: ignore[no-untyped-def]
    j, rows, z, y, m, factor, modes, mu, g, value, gradient, work, small
):
    """Value and gradient of a group from its sums over the nodes."""
    q = z.shape[0]
    u, root, spread = modes[j], work.root[j], work.spread[j]
    total = work.sums[j, 0]
    value[j] = -work.top[j] - log(total)
    for a in range(q):
        value[j] += log(root[a, a])
    mean = work.sums[j, 1:] / total
    pull, t = mean[:q], mean[q : 2 * q]
    pull_t = mean[2 * q : 2 * q + q * q].reshape((q, q))
    t_t = mean[2 * q + q * q :].reshape((q, q))

    # Gamma + R, the adjoint of C; then E, minus the adjoint of D
    adjoint, turned, inner = small[0], small[1], small[2]
    a_vector, right = work.step[j], work.load[j]
    for a in range(q):
        behind = u[a]
        for b in range(q):
            behind += spread[a, b] * t[b] - factor[b, a] * pull[b]
            here = root[a, b] - u[a] * t[b]
            for c in range(q):
                here += factor[c, a] * pull_t[c, b] - spread[a, c] * t_t[c, b]
            adjoint[a, b] = here
        right[a] = behind
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
    weight = small[0]
    for a in range(q):
        for b in range(q):
            here = 0.0
            for c in range(q):
                for d in range(q):
                    here += spread[a, c] * (inner[c, d] + inner[d, c]) * spread[b, d]
            weight[a, b] = 0.5 * here
    # L E, and L E L'
    loaded, across = small[1], small[2]
    for a in range(q):
        for b in range(q):
            loaded[a, b] = 0.0
            for c in range(a + 1):
                loaded[a, b] += factor[a, c] * weight[c, b]
    for a in range(q):
        for b in range(q):
            across[a, b] = 0.0
            for c in range(b + 1):
                across[a, b] += loaded[a, c] * factor[b, c]

    # s into means; Z's and Z'r at the mode
    skew, residual = small[3, 0], small[4, 0]
    for c in range(q):
        skew[c] = 0.0
        residual[c] = 0.0
    s = work.means
    for i in range(rows[j], rows[j + 1]):
        p = mu[i]
        here = 0.0
        for a in range(q):
            for b in range(q):
                here += across[a, b] * z[a, i] * z[b, i]
        s[i] = here * m[i] * p * (1.0 - p) * (1.0 - 2.0 * p)
        for c in range(q):
            skew[c] += z[c, i] * s[i]
            residual[c] += z[c, i] * (y[i] - m[i] * p)
    # how the mode moves: a = D^-1 rho, then L a
    for a in range(q):
        a_vector[a] = right[a]
        for c in range(a, q):
            a_vector[a] += factor[c, a] * skew[c]
    _solve(root, a_vector)
    _load(j, factor, a_vector, work)
    move = work.load[j]
    for i in range(rows[j], rows[j + 1]):
        p = mu[i]
        path = 0.0
        for c in range(q):
            path += z[c, i] * move[c]
        g[i] = m[i] * (g[i] / total) - y[i] + s[i] - m[i] * p * (1.0 - p) * path
    for a in range(q):
        for b in range(q):
            # sum over nodes of Z'r u', with u = mode + C t
            here = (skew[a] - pull[a]) * u[b] + residual[a] * a_vector[b]
            for c in range(q):
                here += 2.0 * work.info[j, a, c] * loaded[c, b]
                here -= pull_t[a, c] * spread[b, c] + work.info[j, a, c] * move[c] * u[b]
            gradient[j, a, b] = here
