"""Events and episodes that end before they begin."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from deepvalue_stats.data.dataset import TableSchema
from deepvalue_stats.data.parse import ParsedColumn
from deepvalue_stats.data.schema import locate
from deepvalue_stats.data.values import Kind, Marks
from deepvalue_stats.plan.parts import Plan

RIGHT = "ask the data owner which of the dates is right"
BACKWARDS = Kind("event ends before it begins", RIGHT)
EPISODE_BACKWARDS = Kind("episode ends before it begins", RIGHT)


def span_troubles(
    plan: Plan,
    source: str,
    schemas: Mapping[str, TableSchema],
    parsed: Mapping[str, ParsedColumn],
) -> Marks:
    """Find the rows of a source in which the end of an outcome or episode lies before its start.

    Parameters
    ----------
    plan : Plan
    source : str
    schemas : mapping of str to TableSchema
    parsed : mapping of str to ParsedColumn
        The source's columns.

    Returns
    -------
    list of (Kind, boolean array)
    """
    pairs = {
        (outcome.date, outcome.end): BACKWARDS
        for outcome in plan.outcomes.values()
        if outcome.date and outcome.end
    }
    episodes = plan.clock.episodes
    if episodes and not episodes.built:
        ends = episodes.qualified(episodes.start), episodes.qualified(episodes.end)
        pairs[ends] = EPISODE_BACKWARDS
    places = {tuple(locate(day, schemas) for day in pair): kind for pair, kind in pairs.items()}
    return [
        (kind, _before(parsed[end].values(), parsed[start].values()))
        for ((start_source, start), (end_source, end)), kind in sorted(places.items(), key=str)
        if start_source == end_source == source
    ]


def _before(end: pd.Series, start: pd.Series) -> np.ndarray:
    return np.asarray((end < start).fillna(False), dtype=bool)
