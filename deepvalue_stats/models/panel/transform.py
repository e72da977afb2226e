"""Rows of a panel as each linear estimator sees them: arrays in, arrays out.

Every estimator is least squares of A y on A X for a matrix A that is never formed; the slope of
row j's part of the criterion in its linear predictor is then (A'e)_j with e the residuals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.panel.layout import PanelLayout, client_sums
from deepvalue_stats.tables import read_only

# waves whose effects are solved for at once; their square is held in memory
MOST_WAVES = 2_000


@dataclass(frozen=True)
class Transformed:
    """What least squares is made on.

    Attributes
    ----------
    response : numpy.ndarray, shape (m,)
    matrix : numpy.ndarray, shape (m, p)
    rows : numpy.ndarray of int, shape (m,)
        For each, the row of the data that says in which cluster it is.
    absorbed : int
        Effects taken out, which cost degrees of freedom.
    back : callable
        From residuals (m,) to slopes of the data's rows (n,): A'e.
    """

    response: np.ndarray
    matrix: np.ndarray
    rows: np.ndarray
    absorbed: int
    back: Callable[[np.ndarray], np.ndarray]


def pooled_rows(layout: PanelLayout, response: np.ndarray, matrix: np.ndarray) -> Transformed:
    """As they are."""
    return Transformed(response, matrix, np.arange(len(layout.clients)), 0, np.asarray)


def within_rows(
    layout: PanelLayout, response: np.ndarray, matrix: np.ndarray, *, time_effects: bool
) -> Transformed:
    """Distances from each client's mean and, with time effects, from each wave's as well.

    Notes
    -----
    With Q the distances from clients' means and D the dummies of waves, the two-way distances of z
    are Qz - QD (D'QD)^- D'Qz: exact for unbalanced panels, without iteration. D'QD has as many
    columns as there are waves; its rank is their number less that of the parts into which clients
    and waves fall that no client and no wave connects.
    """
    both = np.column_stack([response, matrix])
    distances = both - layout.means(both)[layout.clients]
    absorbed = layout.n_clients
    if time_effects:
        distances, added = _less_waves(layout, distances)
        absorbed += added
    rows = np.arange(len(response))
    return Transformed(distances[:, 0], distances[:, 1:], rows, absorbed, np.asarray)


def _less_waves(layout: PanelLayout, distances: np.ndarray) -> tuple[np.ndarray, int]:
    """Take out the waves, and how many effects that costs."""
    n_waves = len(layout.schedule)
    if n_waves == 1:
        return distances, 0
    if layout.balanced:
        means = client_sums(layout.waves, distances, n_waves) / layout.n_clients
        return distances - means[layout.waves], n_waves - 1
    if n_waves > MOST_WAVES:
        raise ModelError(
            f"'{layout.time}' has {n_waves} times, too many for an effect of each",
            "time_effects",
            f"put times together to at most {MOST_WAVES} waves, as months",
        )
    cells = (np.ones(len(layout.waves)), (layout.clients, layout.waves))
    seen = sparse.csr_array(cells, shape=(layout.n_clients, n_waves))
    shares = seen / layout.rows[:, None]
    gram = np.diag(np.bincount(layout.waves, minlength=n_waves)) - (seen.T @ shares).toarray()
    parts = connected_components(gram != 0, directed=False)[0]
    # each part's effects are known up to a constant, which clients' means have taken out already
    effects = np.linalg.pinv(gram, rcond=1e-10, hermitian=True) @ client_sums(
        layout.waves, distances, n_waves
    )
    means = np.asarray(shares @ effects)
    return distances - effects[layout.waves] + means[layout.clients], n_waves - parts


def between_rows(layout: PanelLayout, response: np.ndarray, matrix: np.ndarray) -> Transformed:
    """Clients' means, one row a client."""
    means = layout.means(np.column_stack([response, matrix]))
    first = np.unique(layout.clients, return_index=True)[1]

    def back(residuals: np.ndarray) -> np.ndarray:
        return np.asarray((residuals / layout.rows)[layout.clients])

    return Transformed(means[:, 0], means[:, 1:], first, 0, back)


def difference_rows(
    response: np.ndarray, matrix: np.ndarray, pairs: np.ndarray, constant: int
) -> Transformed:
    """Changes from the first to the second row of each pair (m, 2).

    `constant` is the place of an intercept, which stays one: the change that is everybody's; -1
    where there is none.
    """
    before, after = pairs.T
    changes = matrix[after] - matrix[before]
    if constant >= 0:
        changes[:, constant] = 1.0

    def back(residuals: np.ndarray) -> np.ndarray:
        n = len(response)
        return np.bincount(after, residuals, n) - np.bincount(before, residuals, n)

    return Transformed(response[after] - response[before], changes, after, 0, back)


def pairs_of(layout: PanelLayout, *, spanned: bool) -> np.ndarray:
    """A client's successive rows, shape (m, 2); those with a wave between them only if spanned."""
    order = layout.order
    before, after = order[:-1], order[1:]
    taken = layout.clients[before] == layout.clients[after]
    if not spanned:
        taken &= layout.waves[after] - layout.waves[before] == 1
    return read_only(np.column_stack([before[taken], after[taken]]))


def quasi_rows(
    layout: PanelLayout, response: np.ndarray, matrix: np.ndarray, share: np.ndarray
) -> Transformed:
    """Distances from a share (n_clients,) of each client's mean, as random effects ask for."""

    def lessened(values: np.ndarray) -> np.ndarray:
        taken = share[:, None] * layout.means(values)
        return np.asarray(values - taken[layout.clients])

    both = lessened(np.column_stack([response, matrix]))

    def back(residuals: np.ndarray) -> np.ndarray:
        return lessened(residuals[:, None])[:, 0]

    return Transformed(both[:, 0], both[:, 1:], np.arange(len(response)), 0, back)
