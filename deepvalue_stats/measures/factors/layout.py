"""Which entry of which matrix is which parameter, in one group or in several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepvalue_stats.measures.factors.structure import Structure

Scaling = Literal["unit_variance", "marker"]
SHRINK = 0.8  # a principal axis holds residuals as well

Part = Literal["thresholds", "loadings", "intercepts", "residuals"]


@dataclass(frozen=True)
class Equality:
    """What is held equal across groups, and for which items it is not.

    Attributes
    ----------
    parts : frozenset of str
        Of thresholds, loadings, intercepts and residuals.
    released : frozenset of (part, item)
        Items whose part is free in every group all the same (partial invariance).
    """

    parts: frozenset[Part] = frozenset()
    released: frozenset[tuple[Part, str]] = frozenset()

    def holds(self, part: Part, item: str) -> bool:
        """Whether this part of this item is one number for all groups."""
        return part in self.parts and (part, item) not in self.released


@dataclass(frozen=True)
class Layout:
    """The parameters of a model of `groups` groups, p items and m factors.

    Attributes
    ----------
    names : tuple of str, length q
        One a parameter: `bond=~q01` a loading, `bond~~task` a covariance, `q01~1` an intercept,
        `q01|2` a threshold, `q01~~q01` a residual variance, `q01~*~q01` the standard deviation of
        what stands behind an ordinal item; with `.g2` where it belongs to the second group only.
    index : mapping of str to int array, shape (groups, ...)
        For each matrix, the parameter in each entry; -1 where the entry is fixed.
    value : mapping of str to float array, shape (groups, ...)
        The fixed entries, and starting values in the free ones.
    """

    names: tuple[str, ...]
    index: Mapping[str, np.ndarray]
    value: Mapping[str, np.ndarray]

    @property
    def start(self) -> np.ndarray:
        """Starting values, shape (q,)."""
        theta = np.zeros(len(self.names))
        for matrix, index in self.index.items():
            theta[index[index >= 0]] = self.value[matrix][index >= 0]
        return theta

    def fill(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """The matrices at given parameters."""
        filled = {}
        for matrix, index in self.index.items():
            values = self.value[matrix].copy()
            values[index >= 0] = theta[index[index >= 0]]
            filled[matrix] = values
        return filled


class _Slots:
    """Hands out numbers for names; equal names are one parameter."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.index: dict[str, np.ndarray] = {}
        self.value: dict[str, np.ndarray] = {}

    def matrix(self, name: str, values: np.ndarray) -> None:
        self.value[name] = values.astype(float)
        self.index[name] = np.full(values.shape, -1)

    def free(self, matrix: str, where: tuple[int, ...], label: str) -> None:
        self.index[matrix][where] = self.numbers.setdefault(label, len(self.numbers))

    def layout(self) -> Layout:
        return Layout(tuple(self.numbers), self.index, self.value)


def continuous_layout(
    structure: Structure,
    means: np.ndarray,
    covariances: np.ndarray,
    *,
    scaling: Scaling,
    equality: Equality,
) -> Layout:
    """Parameters of a factor model of continuous items.

    Parameters
    ----------
    structure : Structure
    means : numpy.ndarray, shape (groups, p)
    covariances : numpy.ndarray, shape (groups, p, p)
        Of the items, for starting values.
    scaling : str
        unit_variance: factors have variance 1 in the first group; marker: the first loading of
        each factor is 1.
    equality : Equality

    Returns
    -------
    Layout
    """
    groups, m = len(means), len(structure.factors)
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    slots = _Slots()
    slots.matrix("intercepts", means)
    slots.matrix("residuals", variances * (0.5 if m else 1.0))
    _measurement(slots, structure, covariances, scaling, equality)
    slots.matrix("factor_means", np.zeros((groups, m)))
    for g in range(groups):
        for i, item in enumerate(structure.items):
            shared = equality.holds("residuals", item)
            slots.free("residuals", (g, i), _name(f"{item}~~{item}", g, shared))
            shared = equality.holds("intercepts", item)
            slots.free("intercepts", (g, i), _name(f"{item}~1", g, shared))
        if g and "intercepts" in equality.parts:
            _free_means(slots, structure, g)
    return slots.layout()


def ordinal_layout(
    structure: Structure,
    thresholds: np.ndarray,
    correlations: np.ndarray,
    *,
    scaling: Scaling,
    equality: Equality,
) -> Layout:
    """Parameters of a factor model of ordinal items (normal responses behind them).

    Without equal thresholds the responses have mean 0 and variance 1 in every group. Equal
    thresholds set intercepts and standard deviations of the later groups free, as Wu and Estabrook
    have it; equal intercepts fix the former again and set the factors' means free.

    Parameters
    ----------
    structure : Structure
    thresholds : numpy.ndarray, shape (groups, p, most thresholds)
        Sample thresholds; not a number where an item has fewer.
    correlations : numpy.ndarray, shape (groups, p, p)
        Polychoric, for starting values.
    scaling, equality
        As for `continuous_layout`; `residuals` may not be among the equal parts of the layout
        (equal residuals are a rule on the standard deviations: see `implied`).

    Returns
    -------
    Layout

    References
    ----------
    Wu and Estabrook (2016), Psychometrika 81, table 2.
    """
    groups, p, _ = thresholds.shape
    slots = _Slots()
    slots.matrix("thresholds", np.where(np.isnan(thresholds), 0.0, thresholds))
    _measurement(slots, structure, correlations, scaling, equality)
    slots.matrix("factor_means", np.zeros((groups, len(structure.factors))))
    slots.matrix("intercepts", np.zeros((groups, p)))
    slots.matrix("scales", np.ones((groups, p)))
    for g in range(groups):
        for i, item in enumerate(structure.items):
            shared = equality.holds("thresholds", item)
            for c in np.flatnonzero(~np.isnan(thresholds[g, i])):
                slots.free("thresholds", (g, i, int(c)), _name(f"{item}|{c + 1}", g, shared))
            if g and shared:
                if "residuals" not in equality.parts or ("residuals", item) in equality.released:
                    slots.free("scales", (g, i), _name(f"{item}~*~{item}", g, False))
                if not equality.holds("intercepts", item):
                    slots.free("intercepts", (g, i), _name(f"{item}~1", g, False))
        if g and "intercepts" in equality.parts:
            _free_means(slots, structure, g)
    return slots.layout()


def _measurement(
    slots: _Slots,
    structure: Structure,
    covariances: np.ndarray,
    scaling: Scaling,
    equality: Equality,
) -> None:
    """Loadings, and the factors' variances and covariances."""
    groups, m = len(covariances), len(structure.factors)
    unit = scaling == "unit_variance"
    markers = [int(np.flatnonzero(structure.pattern[:, k])[0]) for k in range(m)]
    loadings, factor_cov = _starts(structure, covariances)
    if not unit:
        size = loadings[:, markers, range(m)]
        loadings = loadings / size[:, None, :]
        factor_cov = factor_cov * size[:, :, None] * size[:, None, :]
    slots.matrix("loadings", loadings)
    slots.matrix("factor_cov", factor_cov)
    for g in range(groups):
        for i, k in np.argwhere(structure.pattern):
            item, factor = structure.items[i], structure.factors[k]
            shared = equality.holds("loadings", item)
            if unit or i != markers[k]:
                slots.free("loadings", (g, int(i), int(k)), _name(f"{factor}=~{item}", g, shared))
        for k, factor in enumerate(structure.factors):
            if not unit or (g and "loadings" in equality.parts):
                slots.free("factor_cov", (g, k, k), _name(f"{factor}~~{factor}", g, False))
            for other in range(k if structure.correlated else 0):
                label = _name(f"{structure.factors[other]}~~{factor}", g, False)
                slots.free("factor_cov", (g, k, other), label)
                slots.free("factor_cov", (g, other, k), label)


def _free_means(slots: _Slots, structure: Structure, g: int) -> None:
    for k, factor in enumerate(structure.factors):
        slots.free("factor_means", (g, k), _name(f"{factor}~1", g, False))


def _name(label: str, group: int, shared: bool) -> str:
    return label if shared or group == 0 else f"{label}.g{group + 1}"


def _starts(structure: Structure, covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loadings from the first principal axis of each factor's items, and how the axes go together.

    The axes are the first group's in sign, so that no group starts with a factor upside down.
    """
    p, m = structure.pattern.shape
    loadings = np.zeros((len(covariances), p, m))
    factor_cov = np.tile(np.eye(m), (len(covariances), 1, 1))
    for g, cov in enumerate(covariances):
        sd = np.sqrt(np.diag(cov))
        correlation = cov / np.outer(sd, sd)
        for k in range(m):
            own = np.flatnonzero(structure.pattern[:, k])
            size, axes = np.linalg.eigh(correlation[np.ix_(own, own)])
            axis = axes[:, -1] * np.sqrt(size[-1]) * SHRINK
            axis = axis * np.sign(axis.sum() if g == 0 else axis @ loadings[0, own, k])
            small = structure.general and k > 0  # beside a general factor little is left
            loadings[g, own, k] = axis * sd[own] * (0.4 if small else 1.0)
        if structure.correlated:
            score = structure.pattern * np.sign(loadings[g])
            between = score.T @ correlation @ score
            root = np.sqrt(np.diag(between))
            factor_cov[g] = np.clip(between / np.outer(root, root), -0.7, 0.7)
            np.fill_diagonal(factor_cov[g], 1.0)
    return loadings, factor_cov
