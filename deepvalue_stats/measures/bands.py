"""Bands of baseline confidence, and the parts of a score within and between groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from deepvalue_stats.data import Dataset, locate
from deepvalue_stats.plan import Plan

BAND = "confidence_band"


def assign_bands(score: pd.Series, bands: Mapping[str, float]) -> pd.Series:
    """The band of each score: a lower bound belongs to its band, and runs to the next one.

    Parameters
    ----------
    score : pandas.Series of float
    bands : mapping of str to float
        Name and lower bound, from the lowest to the highest.

    Returns
    -------
    pandas.Series of ordered categories
        Missing where the score is missing or below the lowest bound.
    """
    edges = [*bands.values(), np.inf]
    return pd.Series(pd.cut(score, edges, right=False, labels=list(bands)), index=score.index)


def client_bands(plan: Plan, data: Mapping[str, Dataset]) -> pd.Series:
    """The confidence band of every client that has one, by client id.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
        Scored.
    """
    source, _ = locate(plan.measures[plan.equity.modifier].items[0], data)
    frame = data[source].frame
    if plan.clock.wave and plan.clock.wave in frame:
        frame = frame[frame[plan.clock.wave] == plan.clock.baseline]
    first = frame.drop_duplicates(plan.ids.client.column).set_index(plan.ids.client.column)
    return assign_bands(first[plan.equity.modifier], plan.equity.bands)


def with_bands(plan: Plan, dataset: Dataset) -> Dataset:
    """Add the confidence band of each row."""
    return dataset.with_columns(
        **{BAND: assign_bands(dataset.frame[plan.equity.modifier], plan.equity.bands)}
    )


def within_between(dataset: Dataset, column: str, by: str) -> Dataset:
    """Split a score into its group's mean and the row's distance from it.

    Parameters
    ----------
    dataset : Dataset
        The model's own rows: the means are theirs.
    column, by : str
        The score, and the groups.

    Returns
    -------
    Dataset
        With `<column>_within` and `<column>_between`, which add up to the score.

    References
    ----------
    Mundlak (1978), Econometrica 46.
    """
    between = dataset.frame.groupby(by, sort=False)[column].transform("mean")
    return dataset.with_columns(
        **{f"{column}_within": dataset.frame[column] - between, f"{column}_between": between}
    )
