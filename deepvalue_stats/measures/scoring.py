"""Scores of scales: a function of one row of one source, computed where the row is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.data import Dataset, locate
from deepvalue_stats.errors import DataError, PlanError
from deepvalue_stats.plan import Measure, Plan, resolve_measure


@dataclass(frozen=True)
class Scores:
    """Scores of n rows.

    Attributes
    ----------
    value : numpy.ndarray, shape (n,)
        Mean of the answered items after reversal, in the items' units; NaN with too few answers.
    answered : numpy.ndarray, shape (n,)
        How many items were answered.
    """

    value: np.ndarray
    answered: np.ndarray


def score_items(
    items: np.ndarray,
    *,
    response_range: tuple[int, int],
    is_reversed: np.ndarray,
    not_applicable: tuple[int, ...] = (),
    minimum_items: int,
) -> Scores:
    """Score the rows of an item matrix.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
        Responses; NaN where there is none.
    response_range : tuple of int
        Lowest and highest response.
    is_reversed : boolean array, shape (k,)
        Items scored as lowest + highest - response.
    not_applicable : tuple of int
        Responses that count as no answer.
    minimum_items : int
        Fewer answers give no score.

    Returns
    -------
    Scores

    Raises
    ------
    DataError
        If a response lies outside the range and is no code for "does not apply".

    Notes
    -----
    An unanswered item takes the mean of the person's answered ones: score = sum of the answered
    items / their number. Half of the items is the usual least number of answers.

    References
    ----------
    Fayers, Aaronson, Bjordal and others (2001), EORTC QLQ-C30 Scoring Manual, 3rd edition, for the
    half rule.
    """
    _within_range(items, response_range, not_applicable)
    turned = turn_items(items, response_range, is_reversed, not_applicable)
    answered = (~np.isnan(turned)).sum(axis=1)
    total = np.nansum(turned, axis=1)
    enough = answered >= minimum_items
    value = np.full(len(items), np.nan)
    value[enough] = total[enough] / answered[enough]
    return Scores(value, answered)


def _within_range(
    items: np.ndarray, response_range: tuple[int, int], not_applicable: tuple[int, ...]
) -> None:
    """Refuse responses that the scale does not have, by rows and items and never by value."""
    low, high = response_range
    outside = ((items < low) | (items > high)) & ~np.isin(items, not_applicable)
    if outside.any():
        places = ", ".join(str(i + 1) for i in np.flatnonzero(outside.any(axis=0)))
        raise DataError(
            f"{int(outside.any(axis=1).sum())} rows have responses outside {low} to {high}",
            f"items at positions {places}",
            "mend them or set them missing, or name the code in `not_applicable`",
        )


def percent_of_maximum(score: np.ndarray, response_range: tuple[float, float]) -> np.ndarray:
    """Scores as percent of the maximum possible (POMP).

    Parameters
    ----------
    score : numpy.ndarray, shape (n,)
        Means in the items' units, or sums; NaN where there is none.
    response_range : tuple of float
        Lowest and highest score that there can be: of a mean the response range, of a sum the
        number of items times that.

    Returns
    -------
    numpy.ndarray, shape (n,)
        From 0 to 100.

    Raises
    ------
    DataError
        If the range does not rise, or a score lies outside it.

    Notes
    -----
    100 (score - lowest) / (highest - lowest): it makes scales of other ranges comparable in form,
    and says nothing of how hard their items are to agree with.

    References
    ----------
    Cohen, Cohen, Aiken and West (1999), Multivariate Behavioral Research 34.

    Examples
    --------
    >>> percent_of_maximum(np.array([1.0, 3.0, 4.5]), (1, 5))
    array([ 0. , 50. , 87.5])
    """
    low, high = response_range
    outside = int(((score < low) | (score > high)).sum())
    if not low < high or outside:
        what = (
            f"{outside} scores lie outside {low:g} to {high:g}"
            if low < high
            else ("the range of the score does not rise")
        )
        fix = "give the lowest and the highest score of this kind, a mean or a sum"
        raise DataError(what, "percent_of_maximum, response_range", fix)
    return np.asarray(100 * (score - low) / (high - low))


def turn_items(
    items: np.ndarray,
    response_range: tuple[int, int],
    is_reversed: np.ndarray,
    not_applicable: tuple[int, ...] = (),
) -> np.ndarray:
    """Responses with reversed items turned round, and NaN for what does not apply; shape (n, k)."""
    low, high = response_range
    given = np.where(np.isin(items, not_applicable), np.nan, items)
    return np.asarray(np.where(is_reversed, low + high - given, given))


def score(plan: Plan, data: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """Add every measure of the plan to the source that holds its items.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
        As `read_data` gives them.

    Returns
    -------
    dict of str to Dataset
        With a column named as the measure, and `<measure>__why` saying why there is no score. A
        subscale that the plan asks for is a measure like any other.

    Raises
    ------
    PlanError
        If a measure's items stand in more than one source.
    """
    scored = dict(data)
    for name, declared in plan.measures.items():
        measure = resolve_measure(name, declared)
        source, items = measure_items(measure, data)
        dataset = scored[source]
        scores = score_items(
            dataset.frame[items].to_numpy(dtype="float64"),
            response_range=measure.response_range,
            is_reversed=np.isin(measure.items, measure.reversed_items),
            not_applicable=measure.not_applicable,
            minimum_items=measure.minimum_items,
        )
        why = _why(measure, scores, _suppressed(dataset.frame, items))
        scored[source] = dataset.with_columns(**{name: scores.value, f"{name}__why": why})
    return scored


def measure_items(measure: Measure, data: Mapping[str, Dataset]) -> tuple[str, list[str]]:
    """The source that holds a measure's items, and their columns there."""
    places = [locate(item, data) for item in measure.items]
    sources = sorted({source for source, _ in places})
    if len(sources) > 1:
        raise PlanError(
            f"the items of '{measure.name}' stand in {len(sources)} sources",
            f"measures.{measure.name}.items",
            "declare one measure for each source",
        )
    return sources[0], [column for _, column in places]


def _suppressed(frame: pd.DataFrame, items: list[str]) -> np.ndarray:
    flags = [f"{item}__suppressed" for item in items if f"{item}__suppressed" in frame]
    return frame[flags].any(axis=1).to_numpy() if flags else np.zeros(len(frame), dtype=bool)


def _why(measure: Measure, scores: Scores, suppressed: np.ndarray) -> pd.Series:
    few = f"fewer than {measure.minimum_items} items of {measure.name} answered"
    reason = np.select(
        [~np.isnan(scores.value), suppressed, scores.answered == 0],
        ["", f"items of {measure.name} suppressed by the data owner", measure.absent_means],
        default=few,
    )
    return pd.Series(reason, dtype="str")
