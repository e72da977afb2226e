"""What was so at a client's wave directly before, or directly after."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.models.panel.layout import PanelLayout


def at_wave(layout: PanelLayout, values: np.ndarray, step: int) -> np.ndarray:
    """A column's values at the client's wave so many places of the schedule away, shape (n,).

    Parameters
    ----------
    layout : PanelLayout
        Of n rows.
    values : numpy.ndarray, shape (n,)
    step : int
        -1 is the wave directly before, 1 the one directly after.

    Returns
    -------
    numpy.ndarray
        Not a number where the client has no row at that wave: a gap is never spanned.

    Examples
    --------
    >>> import pandas as pd
    >>> from deepvalue_stats.models.panel.layout import panel_layout
    >>> rows = pd.DataFrame({"client": ["a", "a", "b", "b"], "wave": [1, 2, 1, 3]})
    >>> at_wave(panel_layout(rows, client="client", time="wave"), np.array([5, 6, 7, 8]), -1)
    array([nan,  5., nan, nan])
    """
    n_waves, order = len(layout.schedule), layout.order
    # room between clients, so that no step leads from one client into the next
    key = (layout.clients * (n_waves + abs(step)) + layout.waves)[order]
    wanted = key + step
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    found = np.where(key[place] == wanted, values[order][place], np.nan)
    out = np.empty(len(found))
    out[order] = found
    return out


def numbers(column: pd.Series) -> np.ndarray:
    """A numeric or logical column as floating numbers, not a number where it is missing."""
    return column.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)


def first_rows(layout: PanelLayout) -> np.ndarray:
    """The row of each client's first wave, shape (n_clients,)."""
    order = layout.order
    starts = np.unique(layout.clients[order], return_index=True)[1]
    return np.asarray(order[starts])


def one_way(layout: PanelLayout, values: np.ndarray) -> Literal["", "gained", "lost"]:
    """Whether a column of 0 and 1 changes for clients, and one way only.

    Parameters
    ----------
    layout : PanelLayout
        Of n rows.
    values : numpy.ndarray, shape (n,)
        Not a number where it is not known; a missing value is passed over.

    Returns
    -------
    str
        gained: 1 never becomes 0 again. lost: 0 never becomes 1 again. Empty for everything else.
    """
    known = np.isfinite(values)
    if not np.isin(values[known], (0.0, 1.0)).all():
        return ""
    order = layout.order[known[layout.order]]
    same = layout.clients[order][1:] == layout.clients[order][:-1]
    steps = np.diff(values[order])[same]
    rises, falls = bool((steps > 0).any()), bool((steps < 0).any())
    if rises == falls:
        return ""
    return "gained" if rises else "lost"


ONE_WAY = {
    "gained": "once it has happened it is there for good",
    "lost": "once it is lost it stays lost",
}
