"""What a factor model has to explain: moments of the items, and how uncertain they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.measures.factors.polychoric import pairs, polychoric


@dataclass(frozen=True)
class GroupMoments:
    """Moments of one group of rows.

    Attributes
    ----------
    n : int
        Rows.
    vector : numpy.ndarray, shape (k,)
        Continuous: means, then the lower triangle of the covariance (divided by n), row by row.
        Ordinal: thresholds item by item, then correlations below the diagonal.
    sums : numpy.ndarray, shape (clusters, k)
        Influence values of the vector, added up by cluster.
    clusters : int array, shape (clusters,)
        The clusters' numbers, the same for all groups: a practitioner's clients may be in several.
    sizes : numpy.ndarray, shape (clusters,)
        Rows of each cluster in this group.
    own : numpy.ndarray, shape (k, k)
        n times the covariance of the vector, were all rows independent.
    """

    n: int
    vector: np.ndarray
    sums: np.ndarray
    clusters: np.ndarray
    sizes: np.ndarray
    own: np.ndarray


@dataclass(frozen=True)
class Moments:
    """Moments of one group or several.

    Attributes
    ----------
    ordinal : bool
    items : int
    groups : tuple of GroupMoments
    thresholds : numpy.ndarray, shape (groups, p, most thresholds)
        Of ordinal items; empty otherwise.
    """

    ordinal: bool
    items: int
    groups: tuple[GroupMoments, ...]
    thresholds: np.ndarray

    @property
    def n(self) -> int:
        """Rows of all groups."""
        return sum(one.n for one in self.groups)

    @property
    def n_clusters(self) -> int:
        """Clusters of all groups, each counted once."""
        return len(np.unique(np.concatenate([one.clusters for one in self.groups])))

    @property
    def rows(self) -> np.ndarray:
        """What each group counts for: its rows, of ordinal items one less."""
        return np.array([one.n for one in self.groups]) - int(self.ordinal)

    @property
    def shares(self) -> np.ndarray:
        """Each group's share of the rows."""
        return np.asarray(self.rows / self.rows.sum())

    @property
    def starts(self) -> np.ndarray:
        """Where each group's moments begin in the vector of all of them, and its length."""
        return np.cumsum([0, *(len(one.vector) for one in self.groups)])

    @cached_property
    def covariance(self) -> np.ndarray:
        """The rows times the covariance of all moments, rows of one cluster going together.

        Clusters may reach over groups: then the groups' moments are correlated, and the blocks
        beside the diagonal say so.
        """
        return self.spread([one.sums for one in self.groups])

    def spread(self, sums: list[np.ndarray]) -> np.ndarray:
        """The rows times the covariance of sums over clusters, of shape (clusters, q) by group.

        Of J clusters, J / (J - 1) times: their mean is known to be 0.
        """
        starts = np.cumsum([0, *(one.shape[1] for one in sums)])
        count = self.n_clusters
        if count == self.n:
            total = np.zeros((starts[-1], starts[-1]))
            for g, (one, rows) in enumerate(zip(self.groups, self.rows, strict=True)):
                at = slice(starts[g], starts[g + 1])
                total[at, at] = sums[g].T @ sums[g] / one.n * (self.rows.sum() / rows)
            return total
        stacked = np.zeros((count, starts[-1]))
        places = np.unique(
            np.concatenate([one.clusters for one in self.groups]), return_inverse=True
        )[1]
        ends = np.cumsum([0, *(len(one.clusters) for one in self.groups)])
        for g, (one, rows) in enumerate(zip(self.groups, self.rows, strict=True)):
            at = slice(starts[g], starts[g + 1])
            stacked[places[ends[g] : ends[g + 1]], at] = sums[g] / np.sqrt(one.n * rows)
        return np.asarray(stacked.T @ stacked * self.rows.sum() * count / (count - 1))


def continuous_moments(
    items: np.ndarray, groups: np.ndarray | None = None, clusters: np.ndarray | None = None
) -> Moments:
    """Means and covariances of complete rows, by group.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, p)
    groups, clusters : array, shape (n,), optional
        The group of each row, taken in sorted order; and what rows share (their practitioner).

    Returns
    -------
    Moments

    Raises
    ------
    DataError
        If an item does not vary in a group, or a group has no more rows than items.
    """
    parts = _parts(items, groups, clusters)
    _refuse_thin(parts)
    found = tuple(_continuous(rows, codes) for rows, codes in parts)
    return Moments(False, items.shape[1], found, np.empty((len(found), items.shape[1], 0)))


def ordinal_moments(
    items: np.ndarray, groups: np.ndarray | None = None, clusters: np.ndarray | None = None
) -> Moments:
    """Thresholds and polychoric correlations of complete rows, by group.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, p)
        Responses in whole numbers. Each item needs the same categories in every group.
    groups, clusters
        As for `continuous_moments`.

    Returns
    -------
    Moments

    Raises
    ------
    DataError
        As `continuous_moments` and `polychoric`; and if a group lacks a category that another
        group has, whose threshold could then not be compared.
    """
    parts = _parts(items, groups, clusters)
    _refuse_thin(parts)
    _refuse_empty_categories([rows for rows, _ in parts])
    found, thresholds = zip(*(_ordinal(rows, codes) for rows, codes in parts), strict=True)
    return Moments(True, items.shape[1], tuple(found), np.array(thresholds))


def _parts(
    items: np.ndarray, groups: np.ndarray | None, clusters: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Items and cluster numbers of each group."""
    n = len(items)
    codes = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    if n > 1 and codes.max() == 0:
        what = f"all {n} rows belong to one practitioner"
        raise DataError(what, "clusters", "leave clusters out, and speak of this practitioner only")
    if groups is None:
        return [(items, codes)]
    return [(items[groups == g], codes[groups == g]) for g in np.unique(groups)]


def _continuous(items: np.ndarray, codes: np.ndarray) -> GroupMoments:
    p = items.shape[1]
    mean = items.mean(axis=0)
    away = items - mean
    rows, columns = np.tril_indices(p)
    products = away[:, rows] * away[:, columns]
    covariance = products.mean(axis=0)
    influence = np.hstack([away, products - covariance])
    return _group(np.r_[mean, covariance], influence, codes)


def _ordinal(items: np.ndarray, codes: np.ndarray) -> tuple[GroupMoments, np.ndarray]:
    found = polychoric(items)
    known = found.thresholds[~np.isnan(found.thresholds)]
    vector = np.r_[known, found.correlation[pairs(items.shape[1])]]
    return _group(vector, found.influence, codes), found.thresholds


def _group(vector: np.ndarray, influence: np.ndarray, codes: np.ndarray) -> GroupMoments:
    own = influence.T @ influence / len(influence)
    order = np.argsort(codes, kind="stable")
    clusters, first, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    alone = len(clusters) == len(codes)
    sums = influence[order] if alone else np.add.reduceat(influence[order], first, axis=0)
    return GroupMoments(len(influence), vector, sums, clusters, sizes, own)


def _refuse_thin(parts: list[tuple[np.ndarray, np.ndarray]]) -> None:
    faults = []
    several = len(parts) > 1
    for g, (items, _) in enumerate(parts):
        where = f"group {g + 1}" if several else "items"
        n, p = items.shape
        if n <= p:
            what = f"{n} complete rows cannot tell {p} items apart"
            faults.append(Fault(what, where, "join groups, or use fewer items"))
        else:
            for i in np.flatnonzero(np.ptp(items, axis=0) == 0):
                what = f"item {i + 1} has the same response in all {n} rows"
                faults.append(Fault(what, where, "leave it out: it tells nobody apart"))
    if faults:
        raise DataError.of(faults)


def _refuse_empty_categories(groups: list[np.ndarray]) -> None:
    faults = []
    for i in range(groups[0].shape[1]):
        found = [np.unique(items[:, i]) for items in groups]
        everywhere = np.unique(np.concatenate(found))
        for g, own in enumerate(found):
            if lacking := len(everywhere) - len(own):
                what = f"item {i + 1} lacks {lacking} of its {len(everywhere)} categories"
                fix = "join categories that few choose, in all groups, or take items as continuous"
                faults.append(Fault(what, f"group {g + 1}", fix))
    if faults:
        raise DataError.of(faults)
