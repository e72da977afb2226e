"""`crossed` for random intercepts alone: the same steps where every block is one number.

Clients who meet several practitioners are the usual case, and loops over single numbers are three
times as fast as loops over blocks of one. Every function takes what its namesake of `crossed` does.
"""

from __future__ import annotations

from math import log

import numpy as np
from numba import njit, prange

from deepvalue_stats.models.multilevel.rows import FAST, link_rows, pull_of, weight_of


@njit(fastmath=FAST)
def _scale(loads):  # type: ignore[no-untyped-def]
    """What each factor's intercept adds to a row, the eliminated factor first."""
    return loads.loading[:, 0, 0] * loads.columns[0, 0]


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def intercepts_pass(net, loads, base, y, m, unit, leaf_modes, node_modes, mu):  # type: ignore[no-untyped-def]
    """As `crossed_pass`: log-likelihood by piece, sums of residuals and of weights by cell."""
    scale = _scale(loads)
    n_cells = net.rows.size - 1
    pull = np.empty((n_cells, 1))
    info = np.empty((n_cells, 1, 1))
    n_pieces = net.shares.size - 1
    loglik = np.zeros(n_pieces)
    added = np.empty(node_modes.shape[0])
    for node in range(added.size):
        added[node] = scale[net.factor[node]] * node_modes[node, 0]
    for piece in prange(n_pieces):
        for leaf in range(net.shares[piece], net.shares[piece + 1]):
            own = scale[0] * leaf_modes[leaf, 0] if leaf_modes.shape[1] > 0 else 0.0
            for cell in range(net.cells[leaf], net.cells[leaf + 1]):
                here = own
                for entry in range(net.entries[cell], net.entries[cell + 1]):
                    here += net.share[entry] * added[net.node[entry]]
                for i in range(net.rows[cell], net.rows[cell + 1]):
                    mu[i] = base[i] + here
        first_cell, last_cell = net.cells[net.shares[piece]], net.cells[net.shares[piece + 1]]
        first, last = net.rows[first_cell], net.rows[last_cell]
        loglik[piece] = link_rows(mu, y, m, unit, first, last)
        for cell in range(first_cell, last_cell):
            residual = 0.0
            weight = 0.0
            for i in range(net.rows[cell], net.rows[cell + 1]):
                residual += pull_of(mu[i], y[i], m[i], unit)
                weight += weight_of(mu[i], y[i], m[i], unit)
            pull[cell, 0] = residual
            info[cell, 0, 0] = weight
    return loglik, pull, info


@njit(cache=True, fastmath=FAST, nogil=True)
def intercepts_assemble(net, loads, info, dense):  # type: ignore[no-untyped-def]
    """As `crossed_assemble`: pivots' roots (n_leaves, q, q), couplings (n_slots, 1, q), logdet."""
    scale = _scale(loads)
    eliminated = loads.sizes[0] > 0
    n_leaves = net.cells.size - 1
    q = 1 if eliminated else 0
    root = np.empty((n_leaves, q, q))
    coupling = np.empty((net.slot_node.size, 1, q))
    raw = np.zeros(net.slot_node.size)
    places = np.empty(net.slot_node.size, dtype=np.int64)
    for slot in range(places.size):
        places[slot] = net.place[net.slot_node[slot]]
    logdet = 0.0
    product = 1.0
    dense[:] = 0.0
    for node in range(net.factor.size):
        dense[net.offset[node] + net.place[node] * (net.width[node] + 1)] = 1.0
    for leaf in range(n_leaves):
        total = 0.0
        for cell in range(net.cells[leaf], net.cells[leaf + 1]):
            weight = info[cell, 0, 0]
            total += weight
            for entry in range(net.entries[cell], net.entries[cell + 1]):
                node = net.node[entry]
                held = net.share[entry] * scale[net.factor[node]] * weight
                raw[net.slot[entry]] += held
                offset, width, row = net.offset[node], net.width[node], net.place[node]
                for second in range(net.entries[cell], entry + 1):
                    other = net.node[second]
                    # nodes of a cell ascend, and so do their places
                    at = offset + row * width + net.place[other]
                    dense[at] += held * net.share[second] * scale[net.factor[other]]
        if not eliminated:
            continue
        d = 1.0 + scale[0] * scale[0] * total
        product *= d
        if product > 1e200:
            logdet += log(product)
            product = 1.0
        root[leaf, 0, 0] = np.sqrt(d)
        first, last = net.slots[leaf], net.slots[leaf + 1]
        for slot in range(first, last):
            raw[slot] *= scale[0]
            coupling[slot, 0, 0] = raw[slot] / d
        if last > first:
            node = net.slot_node[first]
            offset, width = net.offset[node], net.width[node]
            for slot in range(first, last):
                row = offset + places[slot] * width
                here = raw[slot]
                for second in range(first, slot + 1):
                    dense[row + places[second]] -= here * coupling[second, 0, 0]
    return root, coupling, logdet + log(product)


@njit(cache=True, fastmath=FAST, nogil=True)
def intercepts_right(net, loads, pull):  # type: ignore[no-untyped-def]
    """As `crossed_right`."""
    scale = _scale(loads)
    eliminated = loads.sizes[0] > 0
    n_leaves = net.cells.size - 1
    leaves = np.zeros((n_leaves, 1 if eliminated else 0))
    nodes = np.zeros((net.factor.size, 1))
    for leaf in range(n_leaves):
        total = 0.0
        for cell in range(net.cells[leaf], net.cells[leaf + 1]):
            here = pull[cell, 0]
            total += here
            for entry in range(net.entries[cell], net.entries[cell + 1]):
                nodes[net.node[entry], 0] += net.share[entry] * here
        if eliminated:
            leaves[leaf, 0] = scale[0] * total
    for node in range(net.factor.size):
        nodes[node, 0] *= scale[net.factor[node]]
    return leaves, nodes


@njit(cache=True, fastmath=FAST, nogil=True)
def intercepts_eliminate(net, loads, root, coupling, leaves, nodes):  # type: ignore[no-untyped-def]
    """As `crossed_eliminate`."""
    for leaf in range(leaves.shape[0] if loads.sizes[0] > 0 else 0):
        here = leaves[leaf, 0]
        for slot in range(net.slots[leaf], net.slots[leaf + 1]):
            nodes[net.slot_node[slot], 0] -= coupling[slot, 0, 0] * here
        leaves[leaf, 0] = here / (root[leaf, 0, 0] * root[leaf, 0, 0])


@njit(cache=True, fastmath=FAST, nogil=True)
def intercepts_substitute(net, loads, coupling, leaves, nodes):  # type: ignore[no-untyped-def]
    """As `crossed_substitute`."""
    for leaf in range(leaves.shape[0] if loads.sizes[0] > 0 else 0):
        total = 0.0
        for slot in range(net.slots[leaf], net.slots[leaf + 1]):
            total += coupling[slot, 0, 0] * nodes[net.slot_node[slot], 0]
        leaves[leaf, 0] -= total


@njit(parallel=True, cache=True, fastmath=FAST, nogil=True)
def intercepts_spread(net, loads, info, root, coupling, inverse):  # type: ignore[no-untyped-def]
    """As `crossed_spread`."""
    scale = _scale(loads)
    eliminated = loads.sizes[0] > 0
    n_pieces = net.shares.size - 1
    n_leaves = net.cells.size - 1
    curve = np.empty((net.rows.size - 1, 1, 1))
    gradient = np.zeros((n_pieces, scale.size, 1, 1))
    leaf_spread = np.zeros((n_leaves, 1 if eliminated else 0, 1 if eliminated else 0))
    across = np.zeros(net.slot_node.size)
    places = np.empty(net.slot_node.size, dtype=np.int64)
    for slot in range(places.size):
        places[slot] = net.place[net.slot_node[slot]]
    for piece in prange(n_pieces):
        for leaf in range(net.shares[piece], net.shares[piece + 1]):
            first, last = net.slots[leaf], net.slots[leaf + 1]
            own = 0.0
            if eliminated:
                own = 1.0 / (root[leaf, 0, 0] * root[leaf, 0, 0])
                if last > first:
                    node = net.slot_node[first]
                    offset, width = net.offset[node], net.width[node]
                    for slot in range(first, last):
                        row = offset + places[slot] * width
                        here = coupling[slot, 0, 0]
                        total = inverse[row + places[slot]] * here
                        for second in range(first, slot):
                            held = inverse[row + places[second]]
                            total += held * coupling[second, 0, 0]
                            across[second] -= held * here
                        across[slot] -= total
                    for slot in range(first, last):
                        own -= across[slot] * coupling[slot, 0, 0]
                leaf_spread[leaf, 0, 0] = own
            for cell in range(net.cells[leaf], net.cells[leaf + 1]):
                # covariances of the cell's load with its leaf's effect, then with each node's
                weight = info[cell, 0, 0]
                variance = 0.0
                if eliminated:
                    seen = scale[0] * own
                    for entry in range(net.entries[cell], net.entries[cell + 1]):
                        held = net.share[entry] * scale[net.factor[net.node[entry]]]
                        seen += held * across[net.slot[entry]]
                    variance += scale[0] * seen
                    gradient[piece, 0, 0, 0] += weight * seen
                for entry in range(net.entries[cell], net.entries[cell + 1]):
                    node = net.node[entry]
                    f = net.factor[node]
                    seen = scale[0] * across[net.slot[entry]] if eliminated else 0.0
                    row = net.offset[node] + net.place[node] * net.width[node]
                    for second in range(net.entries[cell], net.entries[cell + 1]):
                        other = net.node[second]
                        held = net.share[second] * scale[net.factor[other]]
                        seen += held * inverse[row + net.place[other]]
                    variance += net.share[entry] * scale[f] * seen
                    gradient[piece, f, 0, 0] += net.share[entry] * weight * seen
                curve[cell, 0, 0] = 0.5 * variance
    return curve, gradient, leaf_spread
