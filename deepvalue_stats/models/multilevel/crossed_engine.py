"""The engine of factors that cross: passes over rows, and LAPACK for what cannot be eliminated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack, solve_triangular

from deepvalue_stats.models.multilevel.crossed import (
    Loads,
    crossed_assemble,
    crossed_eliminate,
    crossed_finish,
    crossed_outer,
    crossed_pass,
    crossed_right,
    crossed_spread,
    crossed_substitute,
    crossed_tilt,
)
from deepvalue_stats.models.multilevel.crossed_intercepts import (
    intercepts_assemble,
    intercepts_eliminate,
    intercepts_pass,
    intercepts_right,
    intercepts_spread,
    intercepts_substitute,
)
from deepvalue_stats.models.multilevel.dense import mirror
from deepvalue_stats.models.multilevel.engine import Engine, Lambdas, Trials, Value
from deepvalue_stats.models.multilevel.gram import cell_sums
from deepvalue_stats.models.multilevel.intercepts import MOST_STEPS, SOLVED
from deepvalue_stats.models.multilevel.layout import Crossed
from deepvalue_stats.models.multilevel.random import RandomDesign
from deepvalue_stats.models.multilevel.rows import apart

# a step with an old factor is kept while it shortens the next step at least so much
CHORD = 0.01


@dataclass(frozen=True)
class _Factored:
    """H = I + Lambda'Z'WZ Lambda, factored."""

    leaf_factor: np.ndarray
    coupling: np.ndarray
    squares: tuple[np.ndarray, ...]
    logdet: float


class _Kernels(NamedTuple):
    """The compiled steps, for blocks of effects or for intercepts alone."""

    sweep: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]
    assemble: Callable[..., tuple[np.ndarray, np.ndarray, float]]
    right: Callable[..., tuple[np.ndarray, np.ndarray]]
    eliminate: Callable[..., None]
    substitute: Callable[..., None]
    spread: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]


_BLOCKS = _Kernels(
    crossed_pass, crossed_assemble, crossed_right, crossed_eliminate, crossed_substitute,
    crossed_spread,
)  # fmt: skip
_INTERCEPTS = _Kernels(
    intercepts_pass, intercepts_assemble, intercepts_right, intercepts_eliminate,
    intercepts_substitute, intercepts_spread,
)  # fmt: skip


class CrossedEngine(Engine):
    """Factors that cross, alone or with nested ones, and multiple memberships."""

    def __init__(self, layout: Crossed, design: RandomDesign) -> None:
        self.layout = layout
        self.name = "crossed"
        self.widest = int(layout.widths.max())
        self.order = layout.order
        self._columns = [design.factors[f].columns for f in self._factors()]
        n = len(layout.order)
        q = 0 if layout.leaf is None else len(self._columns[0])
        self._q_max = max(len(columns) for columns in self._columns)
        self._leaves = np.zeros((len(layout.net.cells) - 1, q))
        self._nodes = np.zeros((len(layout.net.factor), self._q_max))
        self._mu, self._g = apart(n, 2)
        self._kept: _Factored | None = None

    def _factors(self) -> list[int]:
        """The leaf factor first; where there is none, no factor of the design stands there."""
        leaf = [] if self.layout.leaf is None else [self.layout.leaf]
        return [*leaf, *self.layout.others]

    def _loads(self, lambdas: Lambdas) -> Loads:
        z = self.layout.columns
        own = self._factors()
        empty = self.layout.leaf is None
        n_factors = len(own) + empty
        loading = np.zeros((n_factors, len(z), self._q_max))
        sizes = np.zeros(n_factors, dtype="int64")
        column = np.zeros((n_factors, self._q_max), dtype="int64")
        for place, f in enumerate(own, start=int(empty)):
            columns = self._columns[place - int(empty)]
            sizes[place] = len(columns)
            column[place, : len(columns)] = columns
            loading[place, list(columns), : len(columns)] = lambdas[f]
        return Loads(z, loading, sizes, column)

    def laplace(self, rows: Trials, base: np.ndarray, lambdas: Lambdas) -> Value:
        """See `Engine`."""
        net, loads = self.layout.net, self._loads(lambdas)
        try:
            found = self._find_modes(rows, base, loads)
        except np.linalg.LinAlgError:
            found = None
        if found is None:
            # too far for a number: the search has to come back, and starts the modes anew
            self.forget()
            return Value(np.nan, tuple(np.full_like(held, np.nan) for held in lambdas), self._g)
        value, info, factored = found
        data = (rows.successes, rows.trials, rows.kind)
        inverse = _inverse(factored.squares)
        curve, by_piece, _ = self._kernels.spread(
            net, loads, info, factored.leaf_factor, factored.coupling, inverse
        )
        gradient = by_piece.sum(axis=0)
        pull = crossed_tilt(net, loads, *data, self._mu, curve, self._g)
        leaves, nodes, _ = self._solve(factored, loads, pull)
        ahead, behind = crossed_finish(net, loads, *data, self._mu, leaves, nodes, self._g)
        crossed_outer(net, loads, ahead, self._leaves, self._nodes, gradient)
        crossed_outer(net, loads, behind, leaves, nodes, gradient)
        return Value(value, self._by_factor(gradient), self._g)

    def _find_modes(
        self, rows: Trials, base: np.ndarray, loads: Loads
    ) -> tuple[float, np.ndarray, _Factored] | None:
        """Newton's method, keeping a factor while it serves; the last one is of the modes."""
        net, data = self.layout.net, (rows.successes, rows.trials, rows.kind)
        factored, before, share, last = self._kept, np.inf, 1.0, np.inf
        d_leaves, d_nodes = np.zeros_like(self._leaves), np.zeros_like(self._nodes)
        for _ in range(2 * MOST_STEPS):
            loglik, pull, info = self._kernels.sweep(
                net, loads, base, *data, self._leaves, self._nodes, self._mu
            )
            now = 0.5 * float((self._leaves**2).sum() + (self._nodes**2).sum()) - loglik.sum()
            if not now <= before + 1e-9 * (1 + abs(before)):
                share *= 0.5
                if share < 1e-6:
                    return None
                self._leaves -= share * d_leaves
                self._nodes -= share * d_nodes
                factored = None
                continue
            if factored is None:
                factored = self._factor(loads, info)
            d_leaves, d_nodes, length = self._solve(
                factored, loads, pull, (self._leaves, self._nodes)
            )
            if length < SOLVED:
                # what was kept served the search; the determinant is that of the modes themselves
                self._kept = factored = self._factor(loads, info)
                return now + 0.5 * factored.logdet, info, factored
            if length > CHORD * last:
                factored = self._factor(loads, info)
                d_leaves, d_nodes, length = self._solve(
                    factored, loads, pull, (self._leaves, self._nodes)
                )
            self._leaves += d_leaves
            self._nodes += d_nodes
            before, share, last = now, 1.0, length
        return None

    @cached_property
    def _kernels(self) -> _Kernels:
        z = self.layout.columns
        constant = len(z) == 1 and self._q_max == 1 and bool((z[0] == z[0, 0]).all())
        return _INTERCEPTS if constant else _BLOCKS

    def _factor(self, loads: Loads, info: np.ndarray) -> _Factored:
        widths = self.layout.widths
        dense = np.empty(int((widths**2).sum()))
        leaf_factor, coupling, logdet = self._kernels.assemble(self.layout.net, loads, info, dense)
        squares, first = [], 0
        for width in widths:
            square = dense[first : first + width**2].reshape(width, width)
            # LAPACK reads rows as columns, and what is below the diagonal as above it
            upper, failed = lapack.dpotrf(square.T, lower=0, clean=0, overwrite_a=1)
            if failed:
                raise np.linalg.LinAlgError("a Schur complement is not positive definite")
            logdet += 2 * float(np.log(upper.diagonal()).sum())
            squares.append(upper)
            first += width**2
        return _Factored(leaf_factor, coupling, tuple(squares), logdet)

    def _solve(
        self,
        factored: _Factored,
        loads: Loads,
        pull: np.ndarray,
        own: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Solve H x = Lambda'Z'pull - own; the solution by leaf and node, and right side x it."""
        leaves, nodes = self._kernels.right(self.layout.net, loads, pull)
        if own is not None:
            leaves -= own[0]
            nodes -= own[1]
        right = leaves.copy()
        right_nodes = nodes.copy()
        self._kernels.eliminate(
            self.layout.net, loads, factored.leaf_factor, factored.coupling, leaves, nodes
        )
        packed = self._pack(nodes)
        first = 0
        for upper in factored.squares:
            here = slice(first, first + len(upper))
            packed[here] = lapack.dpotrs(upper, packed[here], lower=0)[0]
            first += len(upper)
        nodes = self._unpack(packed)
        self._kernels.substitute(self.layout.net, loads, factored.coupling, leaves, nodes)
        return leaves, nodes, float((right * leaves).sum() + (right_nodes * nodes).sum())

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Node, effect and place among all packed effects, of every effect kept dense."""
        net, widths = self.layout.net, self.layout.widths
        columns = self._columns if self.layout.leaf is None else self._columns[1:]
        sizes = np.array([len(held) for held in columns])[net.factor - 1]
        node = np.repeat(np.arange(len(sizes)), sizes)
        effect = np.arange(len(node)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        squares = np.concatenate([[0], np.cumsum(widths**2)])
        component = np.searchsorted(squares, net.offset, side="right") - 1
        first = np.concatenate([[0], np.cumsum(widths)])[component]
        return node, effect, first[node] + net.place[node] + effect

    def _pack(self, nodes: np.ndarray) -> np.ndarray:
        node, effect, place = self._places
        packed = np.empty(len(node))
        packed[place] = nodes[node, effect]
        return packed

    def _unpack(self, packed: np.ndarray) -> np.ndarray:
        node, effect, place = self._places
        nodes = np.zeros_like(self._nodes)
        nodes[node, effect] = packed[place]
        return nodes

    def gram(
        self, weight: np.ndarray, matrix: np.ndarray, lambdas: Lambdas
    ) -> tuple[float, np.ndarray]:
        """See `Engine`."""
        info, product = cell_sums(self.layout.net.rows, self.layout.columns, weight, matrix)
        return self.gram_of(info, product, lambdas)

    def gram_of(
        self, info: np.ndarray, product: np.ndarray, lambdas: Lambdas
    ) -> tuple[float, np.ndarray]:
        """As `gram`, from sums by cell."""
        loads = self._loads(lambdas)
        factored = self._factor(loads, info)
        width = product.shape[2]
        halves = np.empty((self._leaves.size, width))
        packed = np.empty((sum(len(upper) for upper in factored.squares), width))
        for j in range(width):
            leaves, nodes = self._kernels.right(
                self.layout.net, loads, np.ascontiguousarray(product[:, :, j])
            )
            raw = leaves.copy()
            self._kernels.eliminate(
                self.layout.net, loads, factored.leaf_factor, factored.coupling, leaves, nodes
            )
            packed[:, j] = self._pack(nodes)
            halves[:, j] = _forward(factored.leaf_factor, raw).ravel()
        gram = halves.T @ halves
        first = 0
        for upper in factored.squares:
            half = solve_triangular(upper, packed[first : first + len(upper)], trans="T")
            gram += half.T @ half
            first += len(upper)
        return factored.logdet, gram

    def posterior(
        self, weight: np.ndarray, pull: np.ndarray, lambdas: Lambdas
    ) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """See `Engine`."""
        net, loads = self.layout.net, self._loads(lambdas)
        rows, columns = net.rows, self.layout.columns
        info = cell_sums(rows, columns, weight, pull[None, :])[0]
        sums = cell_sums(rows, columns, np.ones_like(weight), pull[None, :])[1]
        factored = self._factor(loads, info)
        leaves, nodes, _ = self._solve(factored, loads, np.ascontiguousarray(sums[:, :, 0]))
        inverse = _inverse(factored.squares)
        spread = self._kernels.spread(
            net, loads, info, factored.leaf_factor, factored.coupling, inverse
        )[2]
        held: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        if self.layout.leaf is not None:
            held[self.layout.leaf] = (leaves, spread)
        first = self.layout.first_node
        for place, f in enumerate(self.layout.others):
            here = np.arange(first[place], first[place + 1])
            q = int(loads.sizes[net.factor[here[0]]])
            a, b = np.meshgrid(np.arange(q), np.arange(q), indexing="ij")
            start = net.offset[here] + net.place[here] * (net.width[here] + 1)
            at = start[:, None, None] + a * net.width[here][:, None, None] + b
            held[f] = (nodes[here, :q], inverse[at])
        return tuple(held[f] for f in range(len(held)))

    def modes(self) -> tuple[np.ndarray, ...]:
        """See `Engine`."""
        held = {} if self.layout.leaf is None else {self.layout.leaf: self._leaves.copy()}
        first = self.layout.first_node
        for place, f in enumerate(self.layout.others):
            q = len(self._columns[self._factors().index(f)])
            held[f] = self._nodes[first[place] : first[place + 1], :q]
        return tuple(held[f] for f in range(len(held)))

    @property
    def effect_columns(self) -> np.ndarray:
        """See `Engine`."""
        return self.layout.columns

    @property
    def means(self) -> np.ndarray:
        """See `Engine`."""
        return self._mu

    def forget(self) -> None:
        """See `Engine`."""
        self._leaves[:] = 0
        self._nodes[:] = 0
        self._kept = None

    def remember(self) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`."""
        return self._leaves.copy(), self._nodes.copy()

    def recall(self, modes: object) -> None:
        """See `Engine`."""
        self._leaves[:], self._nodes[:] = modes  # type: ignore[misc]

    def _by_factor(self, gradient: np.ndarray) -> Lambdas:
        empty = int(self.layout.leaf is None)
        held = {}
        for place, f in enumerate(self._factors()):
            q = len(self._columns[place])
            held[f] = gradient[place + empty, :q, :q]
        return tuple(held[f] for f in range(len(held)))


def _inverse(squares: tuple[np.ndarray, ...]) -> np.ndarray:
    """Inverses of factored squares, both triangles, one after the other."""
    out = np.empty(sum(upper.size for upper in squares))
    first = 0
    for upper in squares:
        width = len(upper)
        here = out[first : first + width**2].reshape(width, width)
        here[:] = lapack.dpotri(upper, lower=0)[0].T
        mirror(here)
        first += width**2
    return out


def _forward(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    """L^-1 right, leaf by leaf, for factors (n, q, q) and right sides (n, q)."""
    out = np.empty_like(right)
    for a in range(right.shape[1]):
        held = np.einsum("nc,nc->n", factor[:, a, :a], out[:, :a])
        out[:, a] = (right[:, a] - held) / factor[:, a, a]
    return out
