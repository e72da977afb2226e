"""What was so at a client's wave directly before, or directly after."""

from __future__ import annotations

import numpy as np

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


def first_rows(layout: PanelLayout) -> np.ndarray:
    """The row of each client's first wave, shape (n_clients,)."""
    order = layout.order
    starts = np.unique(layout.clients[order], return_index=True)[1]
    return np.asarray(order[starts])
