"""The rows of a dynamic model: the outcome before, the initial condition, and levels of exposures.

Arrays in, arrays out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepvalue_stats.models.dynamics.waves import at_wave, first_rows
from deepvalue_stats.models.panel.layout import PanelLayout, client_sums
from deepvalue_stats.tables import read_only

Gaps = Literal["skip", "stop"]
FIRST = "first wave, used up as the initial condition"
ONCE = "the only wave of its client"
GAP = "no wave directly before"
STOPPED = "after a wave that the client missed"


@dataclass(frozen=True)
class InitialCondition:
    """What a dynamic model adds to its rows.

    Attributes
    ----------
    kept : numpy.ndarray of bool, shape (n,)
        Rows of which the outcome of the wave directly before is known.
    previous, initial : numpy.ndarray, shape (n,)
        Outcome of the wave before, not a number where none is known, and of the client's first.
    lost : mapping of str to int
        Rows that are not kept, by reason.
    seen_once : int
        Clients with one wave only.
    """

    kept: np.ndarray
    previous: np.ndarray
    initial: np.ndarray
    lost: Mapping[str, int]
    seen_once: int


def initial_condition(layout: PanelLayout, response: np.ndarray, gaps: Gaps) -> InitialCondition:
    """Find each row's outcome before, and each client's first.

    Parameters
    ----------
    layout : PanelLayout
        Of n rows.
    response : numpy.ndarray, shape (n,)
    gaps : str
        skip: rows straight after a missed wave are lost, those after them are not. stop: nothing
        of a client after a missed wave is used.

    Returns
    -------
    InitialCondition
    """
    first = first_rows(layout)
    starts = np.zeros(len(response), dtype=bool)
    starts[first] = True
    previous = at_wave(layout, response, -1)
    gap = np.isnan(previous) & ~starts
    stopped = _behind(layout, gap) & ~gap if gaps == "stop" else np.zeros_like(gap)
    once = starts & (layout.rows[layout.clients] == 1)
    lost = {FIRST: starts & ~once, ONCE: once, GAP: gap, STOPPED: stopped}
    return InitialCondition(
        kept=read_only(~(starts | gap | stopped)),
        previous=read_only(previous),
        initial=read_only(response[first][layout.clients]),
        lost={reason: int(rows.sum()) for reason, rows in lost.items() if rows.any()},
        seen_once=layout.seen_once,
    )


def _behind(layout: PanelLayout, gap: np.ndarray) -> np.ndarray:
    """Rows at or after a client's first row that follows a missed wave."""
    earliest = np.full(layout.n_clients, len(layout.schedule))
    np.minimum.at(earliest, layout.clients[gap], layout.waves[gap])
    return np.asarray(layout.waves >= earliest[layout.clients])


def levels_of(
    layout: PanelLayout, values: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A column at each client's first wave, and its mean over the client's rows that are kept.

    Parameters
    ----------
    layout : PanelLayout
        Of n rows.
    values : numpy.ndarray, shape (n,)
    kept : numpy.ndarray of bool, shape (n,)

    Returns
    -------
    initial, later : numpy.ndarray, shape (n,)
        `later` is not a number for clients of whom no row is kept.
    """
    both = np.column_stack([np.where(kept, values, 0.0), kept.astype("float64")])
    sums = client_sums(layout.clients, both, layout.n_clients)
    with np.errstate(invalid="ignore"):
        later = sums[:, 0] / sums[:, 1]
    return values[first_rows(layout)][layout.clients], later[layout.clients]
