"""How rows are sorted and groups linked, so that the right factorisation can run over them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numba import njit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.multilevel.crossed import Net
from deepvalue_stats.models.multilevel.intercepts import Tree
from deepvalue_stats.models.multilevel.random import Factor, RandomDesign
from deepvalue_stats.models.multilevel.slopes import Effects

# trees are solved in stands of at least so many rows, and at least so many stands where possible
STAND_ROWS, STANDS = 2000, 8
# a dense factor of this width takes half a gigabyte; beyond it the crossed engine refuses
WIDEST = 8000


@dataclass(frozen=True)
class Nested:
    """Strictly nested factors, as a forest.

    Attributes
    ----------
    order : numpy.ndarray, shape (n,)
        Rows sorted so that every tree, and within it every group, is contiguous.
    tree : Tree
        Its roots are stands: runs of whole trees solved together.
    levels : tuple of int
        Which factor of the random design each level is, leaf first.
    groups : tuple of numpy.ndarray
        For each level, the group's code of every node.
    effects : Effects
        Columns of the sorted rows, and where each level's effects stand in a path.
    """

    order: np.ndarray
    tree: Tree
    levels: tuple[int, ...]
    groups: tuple[np.ndarray, ...]
    effects: Effects

    @property
    def intercepts_only(self) -> bool:
        """Whether every level has one effect, and that one the constant."""
        columns = self.effects.columns
        return columns.shape[0] == 1 and bool((columns[0] == columns[0, 0]).all())


@dataclass(frozen=True)
class Crossed:
    """Factors that are not nested in a row.

    Attributes
    ----------
    order : numpy.ndarray, shape (n,)
    net : Net
    leaf : int or None
        The factor that is eliminated group by group; None where every factor is a membership.
    others : tuple of int
        The factors whose Schur complement is kept dense.
    first_node : numpy.ndarray
        First node of each of `others`, one more at the end.
    columns : numpy.ndarray, shape (m, n)
        Effect columns of the sorted rows.
    widths : numpy.ndarray
        Width of every connected component.
    """

    order: np.ndarray
    net: Net
    leaf: int | None
    others: tuple[int, ...]
    first_node: np.ndarray
    columns: np.ndarray
    widths: np.ndarray


def lay_out(design: RandomDesign) -> Nested | Crossed:
    """Detect the structure of the random part and sort its rows.

    Parameters
    ----------
    design : RandomDesign

    Returns
    -------
    Nested or Crossed
        Nested where each group of a finer factor lies in one group of the next coarser one.

    Raises
    ------
    ModelError
        If the factors cross and a connected set of groups is too wide to be factored.
    """
    chain = _chain(design.factors)
    return _crossed(design) if chain is None else _nested(design, *chain)


def _chain(factors: tuple[Factor, ...]) -> tuple[tuple[int, ...], list[np.ndarray]] | None:
    """Factors from finest to coarsest with each group's parent, or None where they cross."""
    if any(factor.shares is not None for factor in factors):
        return None
    levels = tuple(sorted(range(len(factors)), key=lambda f: -len(factors[f].levels)))
    parents = []
    for fine, coarse in pairwise(levels):
        below, above = factors[fine].codes, factors[coarse].codes
        parent = np.empty(len(factors[fine].levels), dtype="int64")
        parent[below] = above
        if not np.array_equal(parent[below], above):
            return None
        parents.append(parent)
    return levels, parents


def same_groups(one: Factor, other: Factor) -> bool:
    """Whether two ordinary factors put the same rows together."""
    if one.shares is not None or other.shares is not None or len(one.levels) != len(other.levels):
        return False
    partner = np.empty(len(one.levels), dtype="int64")
    partner[one.codes] = other.codes
    return np.array_equal(partner[one.codes], other.codes)


def _nested(design: RandomDesign, levels: tuple[int, ...], parents: list[np.ndarray]) -> Nested:
    factors = [design.factors[f] for f in levels]
    # coarsest level first: groups in order of their parents' places
    groups = [np.arange(len(factors[-1].levels))]
    for parent in reversed(parents):
        place = _inverse(groups[0])
        groups.insert(0, np.argsort(place[parent], kind="stable"))
    places = [_inverse(group) for group in groups]
    order, rows = counting_sort(places[0][factors[0].codes], len(groups[0]))
    first = np.concatenate([[0], np.cumsum([len(group) for group in groups])])
    above = [
        first[level + 1] + places[level + 1][parent[groups[level]]]
        for level, parent in enumerate(parents)
    ]
    linked = np.concatenate([*above, np.full(len(groups[-1]), -1)]).astype("int64")
    spans = _stands(rows, [a - first[level + 1] for level, a in enumerate(above)], first)
    sizes = np.array([len(factor.columns) for factor in factors])
    effects = Effects(
        columns=np.ascontiguousarray(design.columns[:, order]),
        start=np.concatenate([[0], np.cumsum(sizes)]).astype("int64"),
        column=np.concatenate([factor.columns for factor in factors]).astype("int64"),
        level=np.repeat(np.arange(len(factors)), sizes).astype("int64"),
    )
    tree = Tree(rows, spans, linked, _pieces(rows[spans[0] - first[0]]))
    return Nested(order, tree, levels, tuple(groups), effects)


def _stands(rows: np.ndarray, above: list[np.ndarray], first: np.ndarray) -> np.ndarray:
    """First node of every stand at each level, shape (n_levels, n_stands + 1)."""
    n_roots = int(first[-1] - first[-2])
    # first node below each root, at every level
    bounds = [np.arange(n_roots + 1)]
    for parent in reversed(above):
        bounds.insert(0, np.searchsorted(parent, bounds[0], side="left"))
    starts = rows[bounds[0]]
    wanted = max(min(STAND_ROWS, int(rows[-1]) // STANDS), 1)
    stand = np.unique(np.searchsorted(starts, np.arange(0, rows[-1], wanted), side="left"))
    stand = np.unique(np.append(stand[stand < n_roots], [0, n_roots]))
    return np.array([first[level] + bound[stand] for level, bound in enumerate(bounds)], "int64")


def trees_apart(tree: Tree) -> Tree:
    """The same forest with every tree a stand of its own, so that values come tree by tree."""
    n_levels = len(tree.spans)
    roots = np.arange(tree.spans[-1, 0], tree.spans[-1, -1] + 1)
    bounds = [roots]
    for level in range(n_levels - 2, -1, -1):
        here = slice(tree.spans[level, 0], tree.spans[level, -1])
        nodes = np.searchsorted(tree.parents[here], bounds[0], side="left")
        bounds.insert(0, tree.spans[level, 0] + nodes)
    spans = np.array(bounds, dtype="int64")
    return tree._replace(spans=spans, shares=_pieces(tree.rows[spans[0]]))


def _pieces(starts: np.ndarray, most: int = 64) -> np.ndarray:
    """Split contiguous work, given the first row of each item and the end, into equal pieces."""
    cuts = np.searchsorted(starts, np.linspace(0, starts[-1], most + 1)[1:-1])
    return np.unique(np.concatenate([[0], cuts, [len(starts) - 1]])).astype("int64")


def _inverse(order: np.ndarray) -> np.ndarray:
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place


def counting_sort(codes: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Stable order of rows by small integer codes, and where each code begins (one more at end)."""
    starts = np.zeros(n_groups + 1, dtype="int64")
    np.cumsum(np.bincount(codes, minlength=n_groups), out=starts[1:])
    return _placed(codes, starts.copy()), starts


@njit(cache=True)
def _placed(codes, next_place):  # type: ignore[no-untyped-def]
    order = np.empty(codes.size, dtype=np.int64)
    for i in range(codes.size):
        order[next_place[codes[i]]] = i
        next_place[codes[i]] += 1
    return order


def _crossed(design: RandomDesign) -> Crossed:
    ordinary = [f for f, factor in enumerate(design.factors) if factor.shares is None]
    leaf = max(ordinary, key=lambda f: len(design.factors[f].levels)) if ordinary else None
    others = tuple(f for f in range(len(design.factors)) if f != leaf)
    first_node = np.concatenate([[0], np.cumsum([len(design.factors[f].levels) for f in others])])
    row, node, share = _memberships([design.factors[f] for f in others], first_node)
    n = design.columns.shape[1]
    cell = _cells(row, node, share, n)
    if leaf is not None:
        leaf_codes = design.factors[leaf].codes
        cell = pd.factorize(cell + (cell.max() + 1) * leaf_codes.astype("int64"), sort=True)[0]
        leaf_of_cell = np.empty(cell.max() + 1, dtype="int64")
        leaf_of_cell[cell] = leaf_codes
    else:
        leaf_of_cell = np.arange(cell.max() + 1)
    order, rows = counting_sort(cell, int(cell.max()) + 1)
    cells = np.searchsorted(leaf_of_cell, np.arange(leaf_of_cell[-1] + 2)).astype("int64")
    # entries of a cell are those of its first row
    taken = np.isin(row, order[rows[:-1]], assume_unique=False)
    entry_cell, entry_node, entry_share = cell[row[taken]], node[taken], share[taken]
    sort = np.lexsort((entry_node, entry_cell))
    entry_cell, entry_node, entry_share = entry_cell[sort], entry_node[sort], entry_share[sort]
    entries = np.searchsorted(entry_cell, np.arange(len(rows))).astype("int64")
    entry_leaf = leaf_of_cell[entry_cell]
    slots, slot_node, slot = _slots(entry_leaf, entry_node, len(cells) - 1, int(first_node[-1]))
    sizes = np.array([len(design.factors[f].columns) for f in others])
    factor = np.repeat(np.arange(len(others)), np.diff(first_node))
    place, offset, width, widths = _components(entry_leaf, entry_node, sizes[factor])
    if int(widths.max(initial=0)) > WIDEST:
        raise ModelError(
            f"{int(widths.max())} random effects that cross belong together",
            "random effects",
            f"up to {WIDEST} can be solved: model the factor with fewest groups as fixed terms, "
            "or fit regions apart",
        )
    net = Net(
        rows=rows, cells=cells, entries=entries, slots=slots,
        node=entry_node, share=entry_share, slot=slot, slot_node=slot_node,
        shares=_pieces(rows[cells]), factor=(factor + 1).astype("int64"),
        place=place, offset=offset, width=width,
    )  # fmt: skip
    columns = np.ascontiguousarray(design.columns[:, order])
    return Crossed(order, net, leaf, others, first_node, columns, widths)


def _memberships(
    factors: list[Factor], first_node: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, node and share of every membership; a node that a row names twice stands once."""
    rows, nodes, shares = [], [], []
    for factor, first in zip(factors, first_node[:-1], strict=True):
        codes = factor.codes if factor.codes.ndim == 2 else factor.codes[:, None]
        weights = np.ones(codes.shape) if factor.shares is None else factor.shares
        held = (codes >= 0) & (weights > 0)
        rows.append(np.nonzero(held)[0])
        nodes.append(first + codes[held])
        shares.append(weights[held])
    n_nodes = int(first_node[-1])
    key = np.concatenate(rows) * n_nodes + np.concatenate(nodes)
    distinct, where = np.unique(key, return_inverse=True)
    summed = np.bincount(where, weights=np.concatenate(shares), minlength=len(distinct))
    return distinct // n_nodes, distinct % n_nodes, summed


def _cells(row: np.ndarray, node: np.ndarray, share: np.ndarray, n: int) -> np.ndarray:
    """A code for every row, the same where nodes and shares are."""
    start = np.searchsorted(row, np.arange(n + 1))
    length = np.diff(start)
    code = length.astype("int64")
    shared = pd.factorize(share)[0]
    pair = pd.factorize(node * (shared.max() + 1) + shared)[0]
    for place in range(int(length.max())):
        has = length > place
        here = np.zeros(n, dtype="int64")
        here[has] = pair[start[:-1][has] + place] + 1
        code = pd.factorize(code * (int(here.max()) + 1) + here)[0]
    return code


def _slots(
    entry_leaf: np.ndarray, entry_node: np.ndarray, n_leaves: int, n_nodes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct nodes of every leaf, and which of them each entry is."""
    distinct, slot = np.unique(entry_leaf * n_nodes + entry_node, return_inverse=True)
    starts = np.searchsorted(distinct // n_nodes, np.arange(n_leaves + 1)).astype("int64")
    return starts, (distinct % n_nodes).astype("int64"), slot.astype("int64")


def _components(
    entry_leaf: np.ndarray, entry_node: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where each node stands in the dense square of its connected component."""
    n_leaves, n_nodes = int(entry_leaf.max()) + 1, len(sizes)
    links = coo_array(
        (np.ones(len(entry_leaf), dtype="int8"), (entry_leaf, n_leaves + entry_node)),
        shape=(n_leaves + n_nodes,) * 2,
    )
    label = connected_components(links, directed=False)[1][n_leaves:]
    label = pd.factorize(label)[0]
    widths = np.bincount(label, weights=sizes).astype("int64")
    place = np.zeros(n_nodes, dtype="int64")
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(sizes[order])
    starts = np.concatenate([[0], np.cumsum(widths)])[:-1]
    place[order] = ends - sizes[order] - starts[label[order]]
    squares = np.concatenate([[0], np.cumsum(widths**2)])
    return place, squares[label].astype("int64"), widths[label], widths
