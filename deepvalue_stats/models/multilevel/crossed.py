"""Random effects of factors that cross, or of which a row has several.

The factor with most groups is eliminated group by group (its block of the Hessian is block
diagonal); what remains is the Schur complement of the other factors, dense within each connected
component, for LAPACK. A cell is a set of rows that share every group (and its share); with z the
distinct effect columns of a row, B_f the loadings of factor f on them and C the posterior
covariance of a cell's loads, one row's variance of the predictor is z'Cz.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import njit, prange

from deepvalue_stats.models.multilevel.dense import cholesky, cholesky_solve
from deepvalue_stats.models.multilevel.rows import (
    FAST,
    link_rows,
    pull_of,
    skew_of,
    weight_of,
)

# Leaves are the groups of the eliminated factor (each cell is one where there is none), nodes the
# groups of the others, entries the nodes of a cell, slots the nodes of a leaf.
# rows, cells, entries, slots: first of each cell, leaf, cell, leaf, with one more at the end;
# node, share, slot: of each entry; slot_node: of each slot; shares: first leaf of each piece of
# work; factor: of each node (1, 2, ...); place: where a node stands in its component;
# offset, width: where its component's square starts and how wide it is
Net = namedtuple(
    "Net",
    "rows cells entries slots node share slot slot_node shares factor place offset width",
)
# columns: (m, n) effect columns of the sorted rows; loading: (n_factors, m, q_max), of which
# factor f uses sizes[f]; column: (n_factors, q_max), the effect column of each effect
Loads = namedtuple("Loads", "columns loading sizes column")


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def crossed_pass(net, loads, base, y, m, unit, leaf_modes, node_modes, mu):  # type: ignore[no-untyped-def]
    """One pass over the rows: means in `mu`; returns log-likelihood by piece, Z'r, Z'WZ by cell."""
    z = loads.columns
    n_columns = z.shape[0]
    n_cells = net.rows.size - 1
    pull = np.empty((n_cells, n_columns))
    info = np.empty((n_cells, n_columns, n_columns))
    n_pieces = net.shares.size - 1
    loglik = np.zeros(n_pieces)
    weight = np.empty(y.size)
    for piece in prange(n_pieces):
        for leaf in range(net.shares[piece], net.shares[piece + 1]):
            for cell in range(net.cells[leaf], net.cells[leaf + 1]):
                start, stop = net.rows[cell], net.rows[cell + 1]
                for i in range(start, stop):
                    mu[i] = base[i]
                for k in range(n_columns):
                    here = _cell_load(net, loads, leaf, cell, k, leaf_modes, node_modes)
                    for i in range(start, stop):
                        mu[i] += z[k, i] * here
        first = net.rows[net.cells[net.shares[piece]]]
        last = net.rows[net.cells[net.shares[piece + 1]]]
        loglik[piece] = link_rows(mu, y, m, unit, first, last)
        for i in range(first, last):
            weight[i] = weight_of(mu[i], y[i], m[i], unit)
        for cell in range(net.cells[net.shares[piece]], net.cells[net.shares[piece + 1]]):
            start, stop = net.rows[cell], net.rows[cell + 1]
            for k in range(n_columns):
                total = 0.0
                for i in range(start, stop):
                    total += z[k, i] * pull_of(mu[i], y[i], m[i], unit)
                pull[cell, k] = total
                for other in range(k + 1):
                    total = 0.0
                    for i in range(start, stop):
                        total += z[k, i] * z[other, i] * weight[i]
                    info[cell, k, other] = total
                    info[cell, other, k] = total
    return loglik, pull, info


@njit(fastmath=FAST, inline="always")
def _cell_load(net, loads, leaf, cell, k, leaf_values, node_values):  # type: ignore[no-untyped-def]
    """What a cell's effects add to a unit of effect column k."""
    total = 0.0
    for a in range(loads.sizes[0]):
        total += loads.loading[0, k, a] * leaf_values[leaf, a]
    for entry in range(net.entries[cell], net.entries[cell + 1]):
        node = net.node[entry]
        f = net.factor[node]
        for a in range(loads.sizes[f]):
            total += net.share[entry] * loads.loading[f, k, a] * node_values[node, a]
    return total


@njit(cache=True, fastmath=FAST, nogil=True)
def crossed_assemble(net, loads, info, dense):  # type: ignore[no-untyped-def]
    """Fill the Schur complements in `dense`; returns the factored leaves and their couplings.

    Only entries on or below the diagonal are filled.

    Returns
    -------
    leaf_factor : array, shape (n_leaves, q, q)
        Cholesky factor of each leaf's own block.
    coupling : array, shape (n_slots, q_max, q)
        Inverse of the own block times the block that couples a leaf with a node, transposed.
    logdet : float
        Of all leaves.
    """
    n_leaves = net.cells.size - 1
    q, q_max = loads.sizes[0], loads.loading.shape[2]
    n_columns = info.shape[1]
    leaf_factor = np.zeros((n_leaves, q, q))
    coupling = np.zeros((net.slot_node.size, q_max, q))
    most = _most_slots(net) * q_max
    places = np.empty(most, dtype=np.int64)
    raw = np.zeros((most, q))
    solved = np.empty((most, q))
    held = np.empty((n_columns, q_max))
    logdet = 0.0
    dense[:] = 0.0
    for node in range(net.factor.size):
        width = net.width[node]
        for a in range(loads.sizes[net.factor[node]]):
            at = net.place[node] + a
            dense[net.offset[node] + at * width + at] = 1.0
    for leaf in range(n_leaves):
        own = leaf_factor[leaf]
        first_slot = net.slots[leaf]
        n_slots = net.slots[leaf + 1] - first_slot
        raw[: n_slots * q_max] = 0.0
        for a in range(q):
            own[a, a] = 1.0
        for cell in range(net.cells[leaf], net.cells[leaf + 1]):
            for a in range(q):
                for b in range(a + 1):
                    own[a, b] += _form(loads, info[cell], 0, a, 0, b)
            for entry in range(net.entries[cell], net.entries[cell + 1]):
                node, share = net.node[entry], net.share[entry]
                f = net.factor[node]
                at = (net.slot[entry] - first_slot) * q_max
                for b in range(loads.sizes[f]):
                    for k in range(n_columns):
                        total = 0.0
                        for c in range(n_columns):
                            total += info[cell, k, c] * loads.loading[f, c, b]
                        held[k, b] = share * total
                    for a in range(q):
                        for k in range(n_columns):
                            raw[at + b, a] += loads.loading[0, k, a] * held[k, b]
                for second in range(net.entries[cell], entry + 1):
                    _add(net, loads, dense, net.node[second], node, held, net.share[second])
        logdet += cholesky(own, q)
        if q == 0 or n_slots == 0:
            continue
        used = 0
        for slot in range(n_slots):
            node = net.slot_node[first_slot + slot]
            for b in range(loads.sizes[net.factor[node]]):
                for a in range(q):
                    raw[used, a] = raw[slot * q_max + b, a]
                    solved[used, a] = raw[used, a]
                places[used] = net.place[node] + b
                cholesky_solve(own, q, solved[used])
                for a in range(q):
                    coupling[first_slot + slot, b, a] = solved[used, a]
                used += 1
        node = net.slot_node[first_slot]
        _subtract(dense[net.offset[node] :], net.width[node], places[:used], raw, solved, q)
    return leaf_factor, coupling, logdet


@njit(fastmath=FAST)
def _most_slots(net):  # type: ignore[no-untyped-def]
    most = 1
    for leaf in range(net.slots.size - 1):
        most = max(most, net.slots[leaf + 1] - net.slots[leaf])
    return most


@njit(fastmath=FAST)
def _subtract(square, width, places, raw, solved, q):  # type: ignore[no-untyped-def]
    """Take out what a leaf explains of its nodes' effects, whose places ascend."""
    for i in range(places.size):
        row = places[i] * width
        for j in range(i + 1):
            total = 0.0
            for c in range(q):
                total += raw[i, c] * solved[j, c]
            square[row + places[j]] -= total


@njit(fastmath=FAST, inline="always")
def _form(loads, info, f, a, g, b):  # type: ignore[no-untyped-def]
    """Entry (a, b) of B_f' (Z'WZ) B_g."""
    total = 0.0
    for k in range(info.shape[0]):
        for c in range(info.shape[0]):
            total += loads.loading[f, k, a] * info[k, c] * loads.loading[g, c, b]
    return total


@njit(fastmath=FAST, inline="always")
def _add(net, loads, dense, node, other, held, share):  # type: ignore[no-untyped-def]
    """Add a cell's information on a pair of nodes on or below the diagonal.

    `held` is the information times the loadings of `other`.
    """
    f, g = net.factor[node], net.factor[other]
    offset, width = net.offset[node], net.width[node]
    for a in range(loads.sizes[f]):
        for b in range(loads.sizes[g]):
            here = 0.0
            for k in range(held.shape[0]):
                here += loads.loading[f, k, a] * held[k, b]
            row, column = net.place[node] + a, net.place[other] + b
            if node != other and row < column:
                row, column = column, row
            dense[offset + row * width + column] += share * here


@njit(cache=True, fastmath=FAST, nogil=True)
def crossed_right(net, loads, pull):  # type: ignore[no-untyped-def]
    """B'pull summed to leaves (n_leaves, q) and nodes (n_nodes, q_max)."""
    q, q_max = loads.sizes[0], loads.loading.shape[2]
    leaves = np.zeros((net.cells.size - 1, q))
    nodes = np.zeros((net.factor.size, q_max))
    for leaf in range(leaves.shape[0]):
        for cell in range(net.cells[leaf], net.cells[leaf + 1]):
            for k in range(pull.shape[1]):
                for a in range(q):
                    leaves[leaf, a] += loads.loading[0, k, a] * pull[cell, k]
            for entry in range(net.entries[cell], net.entries[cell + 1]):
                node = net.node[entry]
                f = net.factor[node]
                for k in range(pull.shape[1]):
                    for a in range(loads.sizes[f]):
                        held = loads.loading[f, k, a] * pull[cell, k]
                        nodes[node, a] += net.share[entry] * held
    return leaves, nodes


@njit(cache=True, fastmath=FAST, nogil=True)
def crossed_eliminate(net, loads, leaf_factor, coupling, leaves, nodes):  # type: ignore[no-untyped-def]
    """Move the leaves' right sides into the nodes'; leaves become their own solutions."""
    q = loads.sizes[0]
    for leaf in range(leaves.shape[0]):
        for slot in range(net.slots[leaf], net.slots[leaf + 1]):
            node = net.slot_node[slot]
            for b in range(loads.sizes[net.factor[node]]):
                for a in range(q):
                    nodes[node, b] -= coupling[slot, b, a] * leaves[leaf, a]
        cholesky_solve(leaf_factor[leaf], q, leaves[leaf])


@njit(cache=True, fastmath=FAST, nogil=True)
def crossed_substitute(net, loads, coupling, leaves, nodes):  # type: ignore[no-untyped-def]
    """Correct the leaves' solutions for those of the nodes."""
    q = loads.sizes[0]
    for leaf in range(leaves.shape[0]):
        for slot in range(net.slots[leaf], net.slots[leaf + 1]):
            node = net.slot_node[slot]
            for b in range(loads.sizes[net.factor[node]]):
                for a in range(q):
                    leaves[leaf, a] -= coupling[slot, b, a] * nodes[node, b]


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def crossed_spread(net, loads, info, leaf_factor, coupling, inverse):  # type: ignore[no-untyped-def]
    """Posterior covariance of every cell's loads, and the log-determinant's gradient.

    Parameters
    ----------
    inverse : array
        The inverse Schur complements, both triangles, laid out as `dense`.

    Returns
    -------
    curve : array, shape (n_cells, m, m)
        Half the covariance of the loads.
    gradient : array, shape (n_pieces, n_factors, q_max, q_max)
        Of half the log-determinant in each Lambda, the information held.
    leaf_spread : array, shape (n_leaves, q, q)
        Posterior covariance of the leaves' effects.
    """
    n_columns = loads.columns.shape[0]
    q, q_max = loads.sizes[0], loads.loading.shape[2]
    n_factors = loads.sizes.size
    n_pieces = net.shares.size - 1
    curve = np.zeros((net.rows.size - 1, n_columns, n_columns))
    gradient = np.zeros((n_pieces, n_factors, q_max, q_max))
    leaf_spread = np.zeros((net.cells.size - 1, q, q))
    across = np.zeros((net.slot_node.size, q_max, q))
    most = _most_slots(net) * q_max
    for piece in prange(n_pieces):
        unit_vector = np.zeros(q)
        seen = np.zeros((n_columns, q_max))
        places = np.empty(most, dtype=np.int64)
        known = np.empty((most, q))
        found = np.empty((most, q))
        for leaf in range(net.shares[piece], net.shares[piece + 1]):
            first_slot, last_slot = net.slots[leaf], net.slots[leaf + 1]
            if q > 0 and last_slot > first_slot:
                used = 0
                for slot in range(first_slot, last_slot):
                    node = net.slot_node[slot]
                    for b in range(loads.sizes[net.factor[node]]):
                        places[used] = net.place[node] + b
                        for a in range(q):
                            known[used, a] = coupling[slot, b, a]
                        used += 1
                node = net.slot_node[first_slot]
                _regress(
                    inverse[net.offset[node] :], net.width[node], places[:used], known, found, q
                )
                used = 0
                for slot in range(first_slot, last_slot):
                    for b in range(loads.sizes[net.factor[net.slot_node[slot]]]):
                        for a in range(q):
                            across[slot, b, a] = -found[used, a]
                        used += 1
            spread = leaf_spread[leaf]
            for b in range(q):
                for a in range(q):
                    unit_vector[a] = 1.0 if a == b else 0.0
                cholesky_solve(leaf_factor[leaf], q, unit_vector)
                for a in range(q):
                    spread[a, b] = unit_vector[a]
                for slot in range(first_slot, last_slot):
                    for c in range(loads.sizes[net.factor[net.slot_node[slot]]]):
                        for a in range(q):
                            spread[a, b] -= across[slot, c, a] * coupling[slot, c, b]
            for cell in range(net.cells[leaf], net.cells[leaf + 1]):
                for k in range(n_columns):
                    for b in range(q):
                        total = 0.0
                        for a in range(q):
                            total += loads.loading[0, k, a] * spread[a, b]
                        for entry in range(net.entries[cell], net.entries[cell + 1]):
                            f = net.factor[net.node[entry]]
                            for c in range(loads.sizes[f]):
                                held = loads.loading[f, k, c] * across[net.slot[entry], c, b]
                                total += net.share[entry] * held
                        seen[k, b] = total
                _gather(loads, info[cell], curve[cell], gradient[piece, 0], seen, 0, q, 1.0)
                for entry in range(net.entries[cell], net.entries[cell + 1]):
                    node = net.node[entry]
                    f = net.factor[node]
                    for k in range(n_columns):
                        for b in range(loads.sizes[f]):
                            total = 0.0
                            for a in range(q):
                                total += loads.loading[0, k, a] * across[net.slot[entry], b, a]
                            for second in range(net.entries[cell], net.entries[cell + 1]):
                                other = net.node[second]
                                g = net.factor[other]
                                row = net.offset[node] + net.place[node] + b
                                for c in range(loads.sizes[g]):
                                    at = row + (net.place[other] + c) * net.width[node]
                                    held = loads.loading[g, k, c] * inverse[at]
                                    total += net.share[second] * held
                            seen[k, b] = total
                    _gather(loads, info[cell], curve[cell], gradient[piece, f], seen, f,
                            loads.sizes[f], net.share[entry])  # fmt: skip
    return curve, gradient, leaf_spread


@njit(fastmath=FAST)
def _regress(square, width, places, known, found, q):  # type: ignore[no-untyped-def]
    """Put (square at places) known into `found`, for a symmetric square with both triangles."""
    for i in range(places.size):
        row = places[i] * width
        for c in range(q):
            total = 0.0
            for j in range(places.size):
                total += square[row + places[j]] * known[j, c]
            found[i, c] = total


@njit(fastmath=FAST, inline="always")
def _gather(loads, info, curve, gradient, seen, f, size, share):  # type: ignore[no-untyped-def]
    """Add one node's part: `seen` is the covariance of a cell's loads with its effects."""
    n_columns = info.shape[0]
    for b in range(size):
        for k in range(n_columns):
            for c in range(n_columns):
                curve[k, c] += 0.5 * share * seen[k, b] * loads.loading[f, c, b]
        for a in range(size):
            total = 0.0
            for c in range(n_columns):
                total += info[loads.column[f, a], c] * seen[c, b]
            gradient[a, b] += share * total


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def crossed_tilt(net, loads, y, m, unit, mu, curve, g):  # type: ignore[no-untyped-def]
    """Each row's derivative of half the log-determinant into g; returns its Z-sums by cell."""
    z = loads.columns
    n_columns = z.shape[0]
    pull = np.empty((net.rows.size - 1, n_columns))
    for piece in prange(net.shares.size - 1):
        for cell in range(net.cells[net.shares[piece]], net.cells[net.shares[piece + 1]]):
            start, stop = net.rows[cell], net.rows[cell + 1]
            for i in range(start, stop):
                g[i] = 0.0
            for k in range(n_columns):
                for c in range(n_columns):
                    here = curve[cell, k, c]
                    for i in range(start, stop):
                        g[i] += here * z[k, i] * z[c, i]
            for i in range(start, stop):
                g[i] *= skew_of(mu[i], y[i], m[i], unit)
            for k in range(n_columns):
                total = 0.0
                for i in range(start, stop):
                    total += z[k, i] * g[i]
                pull[cell, k] = total
    return pull


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def crossed_finish(net, loads, y, m, unit, mu, leaf_steps, node_steps, g):  # type: ignore[no-untyped-def]
    """Complete g in place; returns Z'g and Z'r by cell."""
    z = loads.columns
    n_columns = z.shape[0]
    n_cells = net.rows.size - 1
    ahead = np.empty((n_cells, n_columns))
    behind = np.empty((n_cells, n_columns))
    for piece in prange(net.shares.size - 1):
        for leaf in range(net.shares[piece], net.shares[piece + 1]):
            for cell in range(net.cells[leaf], net.cells[leaf + 1]):
                start, stop = net.rows[cell], net.rows[cell + 1]
                for k in range(n_columns):
                    here = _cell_load(net, loads, leaf, cell, k, leaf_steps, node_steps)
                    for i in range(start, stop):
                        g[i] -= weight_of(mu[i], y[i], m[i], unit) * here * z[k, i]
                for i in range(start, stop):
                    g[i] -= pull_of(mu[i], y[i], m[i], unit)
                for k in range(n_columns):
                    total = 0.0
                    other = 0.0
                    for i in range(start, stop):
                        total += z[k, i] * g[i]
                        other += z[k, i] * pull_of(mu[i], y[i], m[i], unit)
                    ahead[cell, k] = total
                    behind[cell, k] = other
    return ahead, behind


@njit(cache=True, fastmath=FAST, nogil=True)
def crossed_outer(net, loads, sums, leaf_values, node_values, gradient):  # type: ignore[no-untyped-def]
    """Add (Z-sums of each node) x (its values)' to the gradient in each Lambda."""
    for leaf in range(net.cells.size - 1):
        for cell in range(net.cells[leaf], net.cells[leaf + 1]):
            for a in range(loads.sizes[0]):
                for b in range(loads.sizes[0]):
                    held = sums[cell, loads.column[0, a]] * leaf_values[leaf, b]
                    gradient[0, a, b] += held
            for entry in range(net.entries[cell], net.entries[cell + 1]):
                node = net.node[entry]
                f = net.factor[node]
                for a in range(loads.sizes[f]):
                    for b in range(loads.sizes[f]):
                        held = sums[cell, loads.column[f, a]] * node_values[node, b]
                        gradient[f, a, b] += net.share[entry] * held
