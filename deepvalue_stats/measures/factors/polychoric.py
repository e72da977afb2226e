"""Correlations of the normal responses that stand behind ordinal items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.measures.factors.bivariate import cumulative, density, density_slope

Surface = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
LIMIT = 0.999  # nearer to one than this, two items are the same item
STEPS = 100
PRECISION = 1e-10
SMALLEST = 1e-100  # chance of a cell; its square can still be divided by


@dataclass(frozen=True)
class Polychoric:
    """Thresholds and polychoric correlations of p items, with what each person adds to them.

    Attributes
    ----------
    categories : tuple of arrays
        The responses that each item has, in order.
    thresholds : numpy.ndarray, shape (p, most categories - 1)
        Not a number beyond an item's own.
    correlation : numpy.ndarray, shape (p, p)
    influence : numpy.ndarray, shape (n, thresholds + pairs)
        A person's part in each estimate: estimate minus truth is about the mean of it. Thresholds
        item by item, then pairs (1, 2), (1, 3), (2, 3), (1, 4), ...
    """

    categories: tuple[np.ndarray, ...]
    thresholds: np.ndarray
    correlation: np.ndarray
    influence: np.ndarray


def polychoric(items: np.ndarray) -> Polychoric:
    """Estimate polychoric correlations in two steps.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, p)
        Complete responses in whole numbers; each item has its own categories, those that occur.

    Returns
    -------
    Polychoric

    Raises
    ------
    DataError
        If an item does not vary, or two items agree so well that no correlation below .999 fits.

    Notes
    -----
    Thresholds are the normal quantiles of the cumulated shares; then each correlation maximises the
    likelihood of the two items' table. No count is added to empty cells. Influence values carry
    the thresholds' uncertainty into the correlations'.

    References
    ----------
    Olsson (1979), Psychometrika 44, section 3; Muthén (1984), Psychometrika 49, eqs 24 to 27.
    """
    codes, categories = _coded(items)
    counts = np.array([len(one) for one in categories])
    shares = _cumulated_shares(codes, counts)
    thresholds = ndtri(shares)
    tables = _tables(codes, int(counts.max()))
    rho = _correlations(tables, thresholds)
    _refuse_twins(rho, items.shape[1])
    influence = _influence(codes, counts, thresholds, shares, tables, rho)
    padded = np.where(np.isfinite(thresholds[:, 1:-1]), thresholds[:, 1:-1], np.nan)
    return Polychoric(categories, padded, _square(rho, items.shape[1]), influence)


def pairs(p: int) -> tuple[np.ndarray, np.ndarray]:
    """The positions below the diagonal, row by row: first (second item) and second (first item)."""
    return np.tril_indices(p, -1)


def _square(rho: np.ndarray, p: int) -> np.ndarray:
    matrix = np.eye(p)
    rows, columns = pairs(p)
    matrix[rows, columns] = matrix[columns, rows] = rho
    return matrix


def _coded(items: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    codes = np.empty(items.shape, dtype=np.intp)
    categories = []
    faults = []
    for i, column in enumerate(items.T):
        found, codes[:, i] = np.unique(column, return_inverse=True)
        categories.append(found)
        if len(found) < 2:
            what = f"item {i + 1} has the same response in all {len(items)} rows"
            faults.append(Fault(what, f"items[{i}]", "leave it out: it tells nobody apart"))
    if faults:
        raise DataError.of(faults)
    return codes, tuple(categories)


def _cumulated_shares(codes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Shares of responses up to each category, shape (p, most categories + 1), from 0 to 1."""
    n, p = codes.shape
    shares = np.ones((p, counts.max() + 1))
    for i in range(p):
        found = np.bincount(codes[:, i], minlength=counts[i])
        shares[i, : counts[i]] = np.r_[0, np.cumsum(found)[:-1]] / n
    return shares


def _tables(codes: np.ndarray, most: int) -> np.ndarray:
    """The table of each pair of items, shape (pairs, most, most)."""
    rows, columns = pairs(codes.shape[1])
    flat = [
        np.bincount(codes[:, i] * most + codes[:, j], minlength=most**2)
        for i, j in zip(rows, columns, strict=True)
    ]
    return np.array(flat, dtype=float).reshape(len(rows), most, most)


def _corners(
    function: Surface, limits: tuple[np.ndarray, np.ndarray], rho: np.ndarray
) -> np.ndarray:
    """What `function` says of each cell of a table: its corners with alternating signs."""
    a, b = limits
    values = function(a[:, :, None], b[:, None, :], rho[:, None, None])
    return np.diff(np.diff(values, axis=1), axis=2)


def _limits(thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = pairs(len(thresholds))
    return thresholds[rows], thresholds[columns]


def _correlations(tables: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Newton steps on all pairs at once, in Fisher's z, where no step leaves (-1, 1)."""
    limits = _limits(thresholds)
    z = np.zeros(len(tables))
    bound = np.arctanh(LIMIT)
    for _ in range(STEPS):
        rho = np.tanh(z)
        chance = np.maximum(_corners(cumulative, limits, rho), SMALLEST)
        slope = _corners(density, limits, rho) / chance
        bend = _corners(density_slope, limits, rho) / chance - slope**2
        score = (tables * slope).sum(axis=(1, 2))
        curvature = -(tables * bend).sum(axis=(1, 2))
        expected = (tables * slope**2).sum(axis=(1, 2))
        stretch = 1 - rho**2  # d rho / d z
        down = stretch**2 * np.where(curvature > 0.1 * expected, curvature, expected)
        step = np.clip(score * stretch / np.maximum(down, 1e-300), -0.5, 0.5)
        z = np.clip(z + step, -bound, bound)
        if np.abs(step * stretch).max(initial=0.0) < PRECISION:
            break
    return np.asarray(np.tanh(z))


def _refuse_twins(rho: np.ndarray, p: int) -> None:
    rows, columns = pairs(p)
    faults = [
        Fault(
            f"items {columns[k] + 1} and {rows[k] + 1} agree almost perfectly",
            f"items[{columns[k]}], items[{rows[k]}]",
            "leave one of them out",
        )
        for k in np.flatnonzero(np.abs(rho) > LIMIT - 1e-6)
    ]
    if faults:
        raise DataError.of(faults)


def _influence(
    codes: np.ndarray,
    counts: np.ndarray,
    thresholds: np.ndarray,
    shares: np.ndarray,
    tables: np.ndarray,
    rho: np.ndarray,
) -> np.ndarray:
    n, p = codes.shape
    of_thresholds = [
        _threshold_influence(shares[i, 1 : counts[i]], thresholds[i, 1 : counts[i]])
        for i in range(p)
    ]  # each of shape (categories, thresholds of the item)
    ends = np.cumsum(counts - 1)
    pair_rows, pair_columns = pairs(p)
    influence = np.empty((n, ends[-1] + len(pair_rows)))
    for i in range(p):
        influence[:, ends[i] - counts[i] + 1 : ends[i]] = of_thresholds[i][codes[:, i]]
    by_cell = _pair_influence(tables, thresholds, rho, of_thresholds, counts)
    for k, (i, j) in enumerate(zip(pair_rows, pair_columns, strict=True)):
        influence[:, ends[-1] + k] = by_cell[k][codes[:, i], codes[:, j]]
    return influence


def _threshold_influence(shares: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """By response: what one person adds to the quantiles of the cumulated shares."""
    below = np.arange(len(shares) + 1)[:, None] <= np.arange(len(shares))[None, :]
    height = np.exp(-(thresholds**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray((below - shares) / height)


def _pair_influence(
    tables: np.ndarray,
    thresholds: np.ndarray,
    rho: np.ndarray,
    of_thresholds: list[np.ndarray],
    counts: np.ndarray,
) -> list[np.ndarray]:
    """By cell of each pair: its own score, less what the thresholds have taken of it."""
    limits = _limits(thresholds)
    n = tables[0].sum() if len(tables) else 0
    chance = np.maximum(_corners(cumulative, limits, rho), SMALLEST)
    score = _corners(density, limits, rho) / chance
    information = (tables * score**2).sum(axis=(1, 2)) / n
    first = _threshold_scores(limits[0], limits[1], rho) / chance[:, None]
    second = _threshold_scores(limits[1], limits[0], rho).swapaxes(2, 3) / chance[:, None]
    found = []
    for k, (i, j) in enumerate(zip(*pairs(len(thresholds)), strict=True)):
        ci, cj = counts[i], counts[j]
        weighted = tables[k] * score[k]
        cross_first = (first[k, : ci - 1] * weighted).sum(axis=(1, 2)) / n
        cross_second = (second[k, : cj - 1] * weighted).sum(axis=(1, 2)) / n
        taken = np.zeros_like(score[k])
        taken[:ci, :] += (of_thresholds[i] @ cross_first)[:, None]
        taken[:, :cj] += (of_thresholds[j] @ cross_second)[None, :]
        found.append((score[k] - taken) / information[k])
    return found


def _threshold_scores(own: np.ndarray, other: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Derivatives of cell chances by the item's own thresholds, (pairs, thresholds, own, other)."""
    inner = np.clip(own[:, 1:-1], -40, 40)
    spread = np.sqrt(1 - rho**2)[:, None, None]
    reach = (
        np.clip(other, -1e6, 1e6)[:, None, :] - rho[:, None, None] * inner[:, :, None]
    ) / spread
    height = np.exp(-(inner**2) / 2)[:, :, None] / np.sqrt(2 * np.pi)
    along = np.diff(height * ndtr(reach), axis=2)  # by column of the other item
    count = inner.shape[1]
    scores = np.zeros((len(own), count, count + 1, along.shape[2]))
    at = np.arange(count)
    scores[:, at, at, :] = along  # the category below a threshold gains
    scores[:, at, at + 1, :] = -along  # what the one above it loses
    return scores
