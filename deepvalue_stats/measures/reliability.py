"""How far the items of a scale agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pingouin

from deepvalue_stats.data import Dataset
from deepvalue_stats.measures.scoring import measure_items, turn_items
from deepvalue_stats.plan import Measure, Plan, resolve_measure
from deepvalue_stats.tables import CountTable

ACCEPTABLE = 0.70


def cronbach_alpha(items: np.ndarray) -> tuple[float, float, float]:
    """Alpha with its 95 % interval.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
        Complete rows, reversed items already turned.

    Returns
    -------
    alpha, low, high : float
        NaN where there are fewer than three rows, two items, or the total does not vary.

    References
    ----------
    Cronbach (1951), Psychometrika 16; Feldt, Woodruff and Salih (1987), Applied Psychological
    Measurement 11, for the interval.
    """
    n, k = items.shape
    if n < 3 or k < 2 or np.ptp(items.sum(axis=1)) == 0:
        return np.nan, np.nan, np.nan
    alpha, interval = pingouin.cronbach_alpha(data=pd.DataFrame(items))
    return float(alpha), float(interval[0]), float(interval[1])


def reliability(plan: Plan, data: Mapping[str, Dataset]) -> CountTable:
    """Alpha of every measure, over the rows on which all its items were answered.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset

    Returns
    -------
    CountTable
        Named `reliability`; a baseline measure by its baseline rows, any other by the rest.
    """
    found = [_complete(plan, resolve_measure(name, m), data) for name, m in plan.measures.items()]
    rows = [_row(one) for one in found]
    columns = ["measure", "rater", "items", "complete", "alpha", "low", "high", "reading"]
    return CountTable(
        name="reliability",
        caption="How far the items of each scale agree (Cronbach's alpha, 95% interval)",
        frame=pd.DataFrame(rows, columns=columns),
        rules={
            "measure": "label",
            "rater": "label",
            "items": "label",
            "complete": "count",
            "alpha": "statistic",
            "low": "statistic",
            "high": "statistic",
            "reading": "statistic",
        },
        notes=(
            "Computed on the questionnaires in which every item was answered.",
            f"Below {ACCEPTABLE:.2f} a score is doubtful even for comparing groups.",
        ),
        evidence=pd.DataFrame({"complete": [one.persons for one in found]}),
    )


@dataclass(frozen=True)
class _Complete:
    """The questionnaires of a measure in which every item was answered."""

    measure: Measure
    items: np.ndarray
    persons: int


def _complete(plan: Plan, measure: Measure, data: Mapping[str, Dataset]) -> _Complete:
    source, columns = measure_items(measure, data)
    frame = data[source].frame
    if plan.clock.wave and plan.clock.wave in frame:
        at_baseline = frame[plan.clock.wave] == plan.clock.baseline
        frame = frame[at_baseline if measure.baseline else ~at_baseline]
    items = turn_items(
        frame[columns].to_numpy(dtype="float64"),
        measure.response_range,
        np.isin(measure.items, measure.reversed_items),
        measure.not_applicable,
    )
    whole = ~np.isnan(items).any(axis=1)
    persons = frame.loc[whole, plan.ids.client.column].nunique()
    return _Complete(measure, items[whole], int(persons))


def _row(found: _Complete) -> tuple[object, ...]:
    alpha, conf_low, conf_high = cronbach_alpha(found.items)
    reading = "" if np.isnan(alpha) else "acceptable" if alpha >= ACCEPTABLE else "doubtful"
    return (
        found.measure.name,
        found.measure.rater,
        len(found.measure.items),
        len(found.items),
        alpha,
        conf_low,
        conf_high,
        reading or "not computable",
    )
