"""Events that end before they begin."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from deepvalue_stats.data.dataset import TableSchema
from deepvalue_stats.data.parse import ParsedColumn
from deepvalue_stats.data.schema import locate
from deepvalue_stats.data.values import Kind, Marks
from deepvalue_stats.plan.parts import Plan

BACKWARDS = Kind("event ends before it begins", "ask the data owner which of the dates is right")


def span_troubles(
    plan: Plan,
    source: str,
    schemas: Mapping[str, TableSchema],
    parsed: Mapping[str, ParsedColumn],
) -> Marks:
    """Find the rows of a source in which an outcome's end lies before its date.

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
        (locate(outcome.date, schemas), locate(outcome.end, schemas))
        for outcome in plan.outcomes.values()
        if outcome.date and outcome.end
    }
    return [
        (BACKWARDS, _before(parsed[end].values(), parsed[start].values()))
        for (start_source, start), (end_source, end) in sorted(pairs)
        if start_source == end_source == source
    ]


def _before(end: pd.Series, start: pd.Series) -> np.ndarray:
    return np.asarray((end < start).fillna(False), dtype=bool)
