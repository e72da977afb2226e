"""One face for the factorisations: an objective's value and slopes, whatever the structure.

An engine holds the rows in its own order, where the last modes were, and nothing of the outcome's
meaning. Lambdas are given and slopes returned factor by factor, in the random design's order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from deepvalue_stats.models.link import LOGIT, Link
from deepvalue_stats.models.multilevel.gram import cell_sums, nested_gram, nested_posterior
from deepvalue_stats.models.multilevel.intercepts import Tree, intercepts_laplace
from deepvalue_stats.models.multilevel.layout import Nested, trees_apart
from deepvalue_stats.models.multilevel.nested_quadrature import nested_quadrature
from deepvalue_stats.models.multilevel.quadrature import quadrature
from deepvalue_stats.models.multilevel.rows import apart, weights_of
from deepvalue_stats.models.multilevel.rule import gauss_hermite
from deepvalue_stats.models.multilevel.slopes import slopes_laplace

Lambdas = tuple[np.ndarray, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Trials:
    """Binomial rows in an engine's order.

    Attributes
    ----------
    successes, trials : numpy.ndarray, shape (n,)
    unit : bool
        Whether every row is one trial.
    link : Link
        Logit or complementary log-log.
    """

    successes: np.ndarray
    trials: np.ndarray
    unit: bool
    link: Link = LOGIT

    @property
    def kind(self) -> bool | None:
        """What the compiled loops know link and trials by; see `rows`."""
        return self.unit if self.link.name == LOGIT.name else None

    def weights(self, mu: np.ndarray) -> np.ndarray:
        """Observed information of every row at what a pass left of it, shape (n,)."""
        if self.kind is not None:
            return np.asarray(self.trials * mu * (1 - mu))
        return np.asarray(weights_of(mu, self.successes, self.trials, None))


@dataclass(frozen=True)
class Value:
    """Minus a log-likelihood, without binomial constants, and its slopes.

    Attributes
    ----------
    value : float
        NaN where the modes of the random effects were not found.
    lambdas : tuple of numpy.ndarray, shape (q, q) each
        Slopes in the entries of each factor's Lambda.
    base : numpy.ndarray, shape (n,)
        Slope in each row's fixed predictor, in the engine's order.
    """

    value: float
    lambdas: Lambdas
    base: np.ndarray


class Engine(ABC):
    """Rows sorted for one factorisation; `order` says how."""

    name: str
    order: np.ndarray
    widest = 0  # of the dense squares that are factored

    @property
    @abstractmethod
    def effect_columns(self) -> np.ndarray:
        """Effect columns in the engine's order, shape (m, n)."""

    def likelihood(self, rows: Trials, base: np.ndarray, lambdas: Lambdas, points: int) -> Value:
        """Minus the log-likelihood: by Laplace for one point, else by adaptive quadrature."""
        if points == 1:
            return self.laplace(rows, base, lambdas)
        return self.quadrature(rows, base, lambdas, points)

    def can_integrate(self) -> bool:
        """Whether there is an adaptive quadrature for this structure."""
        return False

    def quadrature(self, rows: Trials, base: np.ndarray, lambdas: Lambdas, points: int) -> Value:
        """Minus the log-likelihood by adaptive Gauss-Hermite quadrature, where `can_integrate`."""
        raise NotImplementedError(self.name)

    @abstractmethod
    def laplace(self, rows: Trials, base: np.ndarray, lambdas: Lambdas) -> Value:
        """Minus the Laplace log-likelihood, from the last modes on."""

    @abstractmethod
    def gram(
        self, weight: np.ndarray, matrix: np.ndarray, lambdas: Lambdas
    ) -> tuple[float, np.ndarray]:
        """Log det H and G'H^-1 G, G = Lambda'Z'WM, for a matrix of shape (p, n)."""

    @abstractmethod
    def gram_of(
        self, info: np.ndarray, product: np.ndarray, lambdas: Lambdas
    ) -> tuple[float, np.ndarray]:
        """As `gram`, from sums by cell."""

    @abstractmethod
    def posterior(
        self, weight: np.ndarray, pull: np.ndarray, lambdas: Lambdas
    ) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Solution of H u = Lambda'Z'pull with the blocks of H^-1.

        Returns
        -------
        tuple of (numpy.ndarray, numpy.ndarray)
            For each factor, shapes (J, q) and (J, q, q).
        """

    @abstractmethod
    def modes(self) -> tuple[np.ndarray, ...]:
        """The last modes of u by factor, shape (J, q) each."""

    @property
    @abstractmethod
    def means(self) -> np.ndarray:
        """Rows' mu at the last modes (see `rows`), shape (n,), in the engine's order."""

    @abstractmethod
    def forget(self) -> None:
        """Start the next search of the modes from zero."""

    @abstractmethod
    def remember(self) -> object:
        """The modes as they stand, for `recall`."""

    @abstractmethod
    def recall(self, modes: object) -> None:
        """Start the next search of the modes from remembered ones."""


class NestedEngine(Engine):
    """Strictly nested factors."""

    def __init__(self, layout: Nested) -> None:
        self.layout = layout
        self.name = "nested"
        self.order = layout.order
        n = len(layout.order)
        self._starts = layout.effects.start
        self._q_max = int(np.diff(self._starts).max())
        self._modes = np.zeros((layout.tree.parents.size, self._q_max))
        self._mu, self._g = apart(n, 2)

    def laplace(self, rows: Trials, base: np.ndarray, lambdas: Lambdas) -> Value:
        """See `Engine`."""
        tree, effects = self.layout.tree, self.layout.effects
        data = (base, rows.successes, rows.trials, rows.kind)
        if self.layout.intercepts_only:
            unit = effects.columns[0, 0]
            theta = np.array([lambdas[f][0, 0] for f in self.layout.levels]) * unit
            value, by_level, *_ = intercepts_laplace(
                tree, *data, theta, self._modes[:, 0], self._mu, self._g
            )
            total = by_level.sum(axis=0) * unit
            slopes = [total[level].reshape(1, 1) for level in range(len(theta))]
        else:
            value, by_block, _ = slopes_laplace(
                tree, effects, *data, self._factor(lambdas), self._modes, self._mu, self._g
            )
            total = by_block.sum(axis=0)
            slopes = [
                total[a:b, a:b] for a, b in zip(self._starts[:-1], self._starts[1:], strict=True)
            ]
        return self._told(value, slopes)

    def can_integrate(self) -> bool:
        """See `Engine`."""
        levels = len(self._starts) - 1
        return (levels == 1 and self._q_max <= 2) or (levels == 2 and self.layout.intercepts_only)

    def quadrature(self, rows: Trials, base: np.ndarray, lambdas: Lambdas, points: int) -> Value:
        """See `Engine`."""
        nodes, weights = gauss_hermite(points)
        rule = (nodes, np.log(weights))
        data = (base, rows.successes, rows.trials, rows.kind)
        out = (self._mu, self._g)
        effects = self.layout.effects
        if len(self._starts) == 2:
            z = effects.columns[effects.column]
            value, gradient, _ = quadrature(
                self.layout.tree.rows, z, *data, self._factor(lambdas), *rule, self._modes, *out
            )
            slopes = [gradient.sum(axis=0)]
        else:
            unit = effects.columns[0, 0]
            theta = np.array([lambdas[f][0, 0] for f in self.layout.levels]) * unit
            value, gradient, _ = nested_quadrature(
                self._apart, *data, theta, *rule, self._modes[:, 0], *out
            )
            slopes = [held.reshape(1, 1) * unit for held in gradient.sum(axis=0)]
        return self._told(value, slopes)

    def _told(self, value: np.ndarray, slopes: list[np.ndarray]) -> Value:
        total = float(value.sum())
        if not np.isfinite(total):
            # modes that were not found are no place to start from
            self.forget()
        return Value(total, self._by_factor(slopes), self._g)

    @cached_property
    def _apart(self) -> Tree:
        return trees_apart(self.layout.tree)

    def gram(
        self, weight: np.ndarray, matrix: np.ndarray, lambdas: Lambdas
    ) -> tuple[float, np.ndarray]:
        """See `Engine`."""
        tree, effects = self.layout.tree, self.layout.effects
        info, product = cell_sums(tree.rows, effects.columns, weight, matrix)
        return self.gram_of(info, product, lambdas)

    def gram_of(
        self, info: np.ndarray, product: np.ndarray, lambdas: Lambdas
    ) -> tuple[float, np.ndarray]:
        """As `gram`, from sums by cell."""
        tree, effects = self.layout.tree, self.layout.effects
        logdet, gram = nested_gram(tree, effects, self._factor(lambdas), info, product)
        return float(logdet), gram

    def posterior(
        self, weight: np.ndarray, pull: np.ndarray, lambdas: Lambdas
    ) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """See `Engine`."""
        tree, effects = self.layout.tree, self.layout.effects
        info = cell_sums(tree.rows, effects.columns, weight, pull[None, :])[0]
        sums = cell_sums(tree.rows, effects.columns, np.ones_like(weight), pull[None, :])[1]
        modes, covariance = nested_posterior(
            tree, effects, self._factor(lambdas), info, sums[:, :, 0], self._q_max
        )
        spreads = self._by_group(covariance)
        found = zip(self._by_group(modes), spreads, strict=True)
        return tuple((at, spread[:, :, : at.shape[1]]) for at, spread in found)

    def modes(self) -> tuple[np.ndarray, ...]:
        """See `Engine`."""
        return self._by_group(self._modes)

    def _by_group(self, values: np.ndarray) -> tuple[np.ndarray, ...]:
        """Values of nodes (n_nodes, q_max, ...) by factor and group, of the q effects each has."""
        first, out = 0, []
        for level, group in enumerate(self.layout.groups):
            q = int(self._starts[level + 1] - self._starts[level])
            held = np.empty((len(group), q, *values.shape[2:]))
            held[group] = values[first : first + len(group), :q]
            out.append(held)
            first += len(group)
        return self._by_factor(out)

    @property
    def effect_columns(self) -> np.ndarray:
        """See `Engine`."""
        return np.asarray(self.layout.effects.columns)

    @property
    def means(self) -> np.ndarray:
        """See `Engine`."""
        return self._mu

    def forget(self) -> None:
        """See `Engine`."""
        self._modes[:] = 0

    def remember(self) -> np.ndarray:
        """See `Engine`."""
        return self._modes.copy()

    def recall(self, modes: object) -> None:
        """See `Engine`."""
        self._modes[:] = modes

    def _factor(self, lambdas: Lambdas) -> np.ndarray:
        size = int(self._starts[-1])
        factor = np.zeros((size, size))
        for level, f in enumerate(self.layout.levels):
            here = slice(self._starts[level], self._starts[level + 1])
            factor[here, here] = lambdas[f]
        return factor

    def _by_factor(self, by_level: list[T]) -> tuple[T, ...]:
        return tuple(by_level[self.layout.levels.index(f)] for f in range(len(by_level)))
