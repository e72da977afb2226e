"""Adaptive quadrature for random intercepts of clients within practitioners, at both levels.

Notation: eta_i = base_i + theta_0 u_c + theta_1 v. For practitioner p, outer nodes are
v_k = mode + C t_k with mode and C = D^-1/2 from the joint modes of all of p's effects, and
G(v) = sum over clients of log I_c(base + theta_1 v) - v^2 / 2, where each client's integral I_c has
nodes of its own at that v. Then log L = log C + log sum_k w_k exp(t_k^2 / 2 + G(v_k)); with a rule
of one point it is the joint Laplace approximation.

References
----------
Pinheiro and Chao (2006), Journal of Computational and Graphical Statistics 15, section 4;
Rabe-Hesketh, Skrondal and Pickles (2005), Journal of Econometrics 128, section 3.
"""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
from numba import njit, prange

from deepvalue_stats.models.multilevel.intercepts import intercepts_laplace
from deepvalue_stats.models.multilevel.quadrature import integrate, room
from deepvalue_stats.models.multilevel.rows import (
    FAST,
    link_rows,
    pull_of,
    skew_of,
    weight_of,
)
from deepvalue_stats.models.multilevel.rule import tensor_rule


@njit(parallel=True, cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def nested_quadrature(  # type: ignore[no-untyped-def]
    tree, base, y, m, unit, theta, nodes, log_weights, modes, mu, g
):
    """Minus the log-likelihood of each practitioner by nested quadrature, with exact gradients.

    Parameters
    ----------
    tree : Tree
        Of two levels.
    base, y, m : arrays, shape (n,)
        Fixed part of the predictor, successes and trials of sorted rows.
    unit : bool or None
        Whether every row is one trial; None for a complementary log-log, see `rows`.
    theta : array, shape (2,)
        Of clients, then of practitioners.
    nodes, log_weights : arrays, shape (points,)
        A rule for the standard normal, used at both levels, and the logarithms of its weights.
    modes : array, shape (n_nodes,)
        Where to start; overwritten by the joint modes of u and v.
    mu, g : arrays, shape (n,)
        Overwritten by mu (see `rows`) at the modes, and the derivative of the value in each base.

    Returns
    -------
    value : array, shape (n_roots,)
        Without the constants of the binomial coefficients; NaN where modes were not found (g and
        gradient are then 0).
    gradient : array, shape (n_roots, 2)
    passes : array, shape (n_roots,)
        Of the search for the joint modes.
    """
    n, n_clients = base.size, tree.rows.size - 1
    value, gradient, _, passes = intercepts_laplace(tree, base, y, m, unit, theta, modes, mu, g)
    grid, log_grid = tensor_rule(nodes, log_weights, 1)
    factor = np.full((1, 1), theta[0])
    z = np.ones((1, n))
    shifted, inner_mu, inner_g = np.empty(n), np.empty(n), np.empty(n)
    # of each client: residual, information, third derivative at the joint modes, and pivot
    pull, info = np.empty(n_clients), np.empty(n_clients)
    skew, pivots = np.empty(n_clients), np.empty(n_clients)
    inner_modes, inner_value = np.empty((n_clients, 1)), np.empty(n_clients)
    inner_gradient = np.empty((n_clients, 1, 1))
    inner_passes = np.empty(n_clients, dtype=np.int64)
    for piece in prange(tree.shares.size - 1):
        work = room(1, log_grid.size)
        sums = np.zeros(5)
        for root in range(tree.shares[piece], tree.shares[piece + 1]):
            gradient[root] = 0.0
            first, last = tree.spans[0, root], tree.spans[0, root + 1]
            start, stop = tree.rows[first], tree.rows[last]
            if value[root] == value[root]:
                d = _refine_modes(
                    tree, root, base, y, m, unit, theta, modes, mu, pull, info, skew, pivots
                )
                centre, spread = modes[tree.spans[1, root]], 1.0 / sqrt(d)
                sums[:] = 0.0
                g[start:stop] = 0.0
                top = -np.inf
                for k in range(nodes.size):
                    away = spread * grid[0, k]
                    v = centre + away
                    for i in range(start, stop):
                        shifted[i] = base[i] + theta[1] * v
                    for c in range(first, last):
                        follow = theta[0] * info[c] * theta[1] / pivots[c]
                        inner_modes[c, 0] = modes[c] - follow * away
                    integrate(
                        first, last, tree.rows, z, shifted, y, m, unit, factor, grid, log_grid,
                        inner_modes, inner_mu, inner_g, inner_value, inner_gradient,
                        inner_passes, work,
                    )  # fmt: skip
                    top = _add_node(
                        first, last, start, stop, grid[0, k], v, log_grid[k], theta, g, inner_g,
                        inner_value, inner_gradient, sums, top,
                    )  # fmt: skip
                value[root] = 0.5 * log(d) - top - log(sums[0])
            if value[root] == value[root]:
                _differentiate(
                    tree, root, y, m, unit, theta, modes, mu, g, pull, info, skew, pivots, d, sums,
                    gradient[root],
                )  # fmt: skip
            else:
                g[start:stop] = 0.0
    return value, gradient, passes


@njit(fastmath=FAST, error_model="numpy")
def _client_sums(tree, root, y, m, unit, mu, pull, info, skew):  # type: ignore[no-untyped-def]
    for c in range(tree.spans[0, root], tree.spans[0, root + 1]):
        residual = 0.0
        weight = 0.0
        third = 0.0
        for i in range(tree.rows[c], tree.rows[c + 1]):
            residual += pull_of(mu[i], y[i], m[i], unit)
            weight += weight_of(mu[i], y[i], m[i], unit)
            third += skew_of(mu[i], y[i], m[i], unit)
        pull[c] = residual
        info[c] = weight
        skew[c] = third


@njit(fastmath=FAST, error_model="numpy")
def _refine_modes(  # type: ignore[no-untyped-def]
    tree, root, base, y, m, unit, theta, modes, mu, pull, info, skew, pivots
):
    """One more Newton step: nodes move with the modes, so the value does at first order.

    Returns the practitioner's pivot D; leaves means, sums and the clients' pivots.
    """
    first, last = tree.spans[0, root], tree.spans[0, root + 1]
    top = tree.spans[1, root]
    below, above = theta[0], theta[1]
    _client_sums(tree, root, y, m, unit, mu, pull, info, skew)
    right, held = 0.0, 0.0
    for c in range(first, last):
        d = 1.0 + below * below * info[c]
        own = below * pull[c] - modes[c]
        right += pull[c] - below * info[c] * own / d
        held += info[c] / d
    step = (above * right - modes[top]) / (1.0 + above * above * held)
    modes[top] += step
    for c in range(first, last):
        d = 1.0 + below * below * info[c]
        modes[c] += (below * pull[c] - modes[c] - below * info[c] * above * step) / d
        for i in range(tree.rows[c], tree.rows[c + 1]):
            mu[i] = base[i] + below * modes[c] + above * modes[top]
    link_rows(mu, y, m, unit, tree.rows[first], tree.rows[last])
    _client_sums(tree, root, y, m, unit, mu, pull, info, skew)
    held = 0.0
    for c in range(first, last):
        pivots[c] = 1.0 + below * below * info[c]
        held += info[c] / pivots[c]
    return 1.0 + above * above * held


@njit(fastmath=FAST, error_model="numpy")
def _add_node(  # type: ignore[no-untyped-def]
    first, last, start, stop, t, v, log_weight, theta, g, inner_g, inner_value, inner_gradient,
    sums, top,
):  # fmt: skip
    """Add an outer node to the sums, scaled by the largest term so far, which is returned.

    Sums of weights times 1, G'(v), G'(v) t, and the derivatives in theta where v stands still;
    g holds the sum of the clients' derivatives in base.
    """
    term = log_weight - 0.5 * v * v
    slope = 0.0
    for c in range(first, last):
        term -= inner_value[c]
        slope += inner_gradient[c, 0, 0]
    pull = 0.0
    for i in range(start, stop):
        pull -= inner_g[i]
    scale, weight = 1.0, 1.0
    if term > top:
        scale = exp(top - term)
        top = term
    else:
        weight = exp(term - top)
    for i in range(start, stop):
        g[i] = scale * g[i] + weight * inner_g[i]
    along = theta[1] * pull - v
    sums[0] = scale * sums[0] + weight
    sums[1] = scale * sums[1] + weight * along
    sums[2] = scale * sums[2] + weight * along * t
    sums[3] = scale * sums[3] + weight * slope
    sums[4] = scale * sums[4] - weight * pull * v
    return top


@njit(fastmath=FAST, error_model="numpy")
def _differentiate(  # type: ignore[no-untyped-def]
    tree, root, y, m, unit, theta, modes, mu, g, pull, info, skew, pivots, d, sums, gradient
):
    """Add to the derivatives at standing nodes what moves the nodes: the joint modes, and D."""
    first, last = tree.spans[0, root], tree.spans[0, root + 1]
    top = tree.spans[1, root]
    below, above = theta[0], theta[1]
    total = sums[0]
    # the derivative of the value in log D, then in what D = 1 + above^2 sum W_c / d_c is made of
    by_log = 0.5 * (1.0 + sums[2] / total / sqrt(d))
    share = by_log * above * above / d
    held, lost, residual = 0.0, 0.0, 0.0
    right = 0.0
    for c in range(first, last):
        kept = info[c] / pivots[c]
        held += kept
        lost += kept * kept
        residual += pull[c]
        bent = share / (pivots[c] * pivots[c]) * skew[c]
        right += bent * (1.0 - below * below * kept)
    # how the joint modes move
    move = (above * right - sums[1] / total) / d
    gradient[0] = sums[3] / total - 2.0 * below * share * lost
    gradient[1] = sums[4] / total + 2.0 * by_log * above * held / d + move * residual
    through = 0.0
    for c in range(first, last):
        each = share / (pivots[c] * pivots[c])
        own = below * (each * skew[c] - info[c] * above * move) / pivots[c]
        path = above * move + below * own
        extra = each * skew[c] - info[c] * path
        through += extra
        gradient[0] += modes[c] * extra + own * pull[c]
        for i in range(tree.rows[c], tree.rows[c + 1]):
            g[i] = g[i] / total + each * skew_of(mu[i], y[i], m[i], unit)
            g[i] -= path * weight_of(mu[i], y[i], m[i], unit)
    gradient[1] += modes[top] * through
