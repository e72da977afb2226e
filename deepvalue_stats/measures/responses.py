"""Tables of how a scale was answered: its items, its scores, their ends and a histogram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from deepvalue_stats.linkage.quality import EVERYBODY, UNKNOWN
from deepvalue_stats.measures.answers import Answers
from deepvalue_stats.measures.distribution import (
    AT_CEILING,
    CROWDED_END,
    HARDLY,
    at_ends,
    ceiling,
    end_reading,
    histogram,
    item_statistics,
    score_bins,
)
from deepvalue_stats.plan import Measure, Plan
from deepvalue_stats.tables import CountTable, Rule

LOWEST, HIGHEST = "at the lowest", "at the highest"
PLACES = (LOWEST, "in the bottom tenth", "in the top tenth", HIGHEST)
ASKED = (
    "Of questionnaires with at least one answer to the scale; reversed items are turned, so that "
    "the highest is the best."
)
COUNTED = ["ratings", "answered", "complete"]
ITEM_RULES: dict[str, Rule] = {
    "measure": "label",
    "item": "label",
    "ratings": "count",
    "answered": "count",
    "complete": "count",
    "mean": "statistic",
    "std_dev": "statistic",
    "item_rest": "statistic",
    "alpha_without": "statistic",
    "trouble": "statistic",
}
SCORE_RULES: dict[str, Rule] = {
    "measure": "label",
    "band": "label",
    "ratings": "count",
    "clients": "count",
    "mean": "statistic",
    "std_dev": "statistic",
    "skewness": "statistic",
}
BIN_RULES: dict[str, Rule] = {
    "measure": "label",
    "from": "label",
    "to": "label",
    "ratings": "count",
    "clients": "count",
}


@dataclass(frozen=True)
class Responses:
    """The questionnaires of a measure with at least one answer.

    Attributes
    ----------
    measure : Measure
    items : numpy.ndarray, shape (n, k)
        Reversed items turned; NaN where there is no answer.
    score : numpy.ndarray, shape (n,)
        NaN with too few answers.
    client : numpy.ndarray of int, shape (n,)
        Equal where the client is the same.
    band : numpy.ndarray of str, shape (n,)
        The client's band of confidence, or `unknown`.
    bands : tuple of str
        In order, `unknown` last where there are such clients; none for confidence itself.
    """

    measure: Measure
    items: np.ndarray
    score: np.ndarray
    client: np.ndarray
    band: np.ndarray
    bands: tuple[str, ...]

    @property
    def yes_or_no(self) -> bool:
        """Whether there are two answers to an item: its mean is a share, and leaves as one."""
        low, high = self.measure.response_range
        return high - low == 1

    def persons(self, rows: np.ndarray) -> int:
        """How many clients are behind rows, given as booleans of shape (n,)."""
        return int(np.count_nonzero(np.bincount(self.client[rows])))


def responses(
    plan: Plan, answered: Sequence[Answers], client_band: pd.Series
) -> Iterator[Responses]:
    """The answers to every measure of a plan; a baseline measure's at baseline, others' later.

    Parameters
    ----------
    plan : Plan
    answered : sequence of Answers
    client_band : pandas.Series
        Confidence band by client.
    """
    for one in answered:
        name, rows = one.measure.name, one.frame
        items = rows[one.item_columns].to_numpy(dtype="float64")
        asked = ~np.isnan(items).all(axis=1)
        rows = rows[asked]
        band = rows["client"].map(client_band).astype("object").fillna(UNKNOWN).astype("str")
        # in its own bands the modifier has its ends by definition
        bands = () if name == plan.equity.modifier else (*plan.equity.bands, UNKNOWN)
        yield Responses(
            measure=one.measure,
            items=items[asked],
            score=rows["score"].to_numpy(dtype="float64"),
            client=pd.factorize(rows["client"], use_na_sentinel=False)[0],
            band=band.to_numpy(),
            bands=tuple(one for one in bands if one != UNKNOWN or (band == UNKNOWN).any()),
        )


def item_table(plan: Plan, answered: Sequence[Answers], client_band: pd.Series) -> CountTable:
    """Every item of every measure: how it is answered, and whether it goes with the others.

    Parameters
    ----------
    plan : Plan
    answered : sequence of Answers
    client_band : pandas.Series
        Confidence band by client.

    Returns
    -------
    CountTable
        Named `items`.
    """
    rows = [line for one in responses(plan, answered, client_band) for line in _items(one)]
    persons = [f"{name}__clients" for name in COUNTED]
    frame = pd.DataFrame(rows, columns=[*ITEM_RULES, *persons])
    return CountTable(
        name="items",
        caption="How each item of a scale is answered, and whether it goes with the others",
        frame=frame[list(ITEM_RULES)],
        rules=ITEM_RULES,
        notes=(
            ASKED,
            "Item-rest: correlation of the item with the sum of the others, over questionnaires "
            f"with every answer; below {HARDLY:.2f} the item hardly goes with them, below 0 it was "
            "probably not turned round. Alpha without: alpha of the others.",
            f"At its ceiling: more than {AT_CEILING:.0%} of the answers are the highest. An item "
            "with two answers has no mean here: it is the share at its higher end.",
        ),
        evidence=frame[persons].set_axis(COUNTED, axis=1).astype("int64"),
    )


def item_ends_table(plan: Plan, answered: Sequence[Answers], client_band: pd.Series) -> CountTable:
    """How many answers to each item are the lowest and the highest there are.

    Parameters
    ----------
    plan : Plan
    answered : sequence of Answers
    client_band : pandas.Series
        Confidence band by client.

    Returns
    -------
    CountTable
        Named `item_ends`, two rows an item.
    """
    rows = []
    for one in responses(plan, answered, client_band):
        low, high = one.measure.response_range
        for item, values in zip(one.measure.items, one.items.T, strict=True):
            given = ~np.isnan(values)
            for place, there in ((LOWEST, values == low), (HIGHEST, values == high)):
                labels = {"measure": one.measure.name, "item": item, "place": place}
                rows.append(labels | _part(one, given, there))
    return _parts_table(
        "item_ends",
        "Answers to each item at the ends of its range",
        rows,
        ("measure", "item", "place"),
        (ASKED,),
    )


def score_table(plan: Plan, answered: Sequence[Answers], client_band: pd.Series) -> CountTable:
    """Scores of every measure: how many, mean, spread and skewness, by band of confidence.

    Parameters
    ----------
    plan : Plan
    answered : sequence of Answers
    client_band : pandas.Series
        Confidence band by client.

    Returns
    -------
    CountTable
        Named `scores`.
    """
    rows = []
    for one, band, members in _by_band(plan, answered, client_band):
        found = ceiling(one.score[members], one.measure.response_range)
        shape = {"mean": found.mean, "std_dev": found.std_dev, "skewness": found.skewness}
        if one.yes_or_no and len(one.measure.items) == 1:
            shape = dict.fromkeys(shape, np.nan)
        labels = {"measure": one.measure.name, "band": band}
        clients = one.persons(members & ~np.isnan(one.score))
        rows.append(labels | {"ratings": found.n, "clients": clients} | shape)
    frame = pd.DataFrame(rows, columns=list(SCORE_RULES))
    return CountTable(
        name="scores",
        caption="Scores of each measure, by confidence at baseline",
        frame=frame,
        rules=SCORE_RULES,
        notes=("Skewness: below 0 where most scores are high and the long tail is of low ones.",),
        evidence=pd.DataFrame({"ratings": frame["clients"]}, dtype="int64"),
    )


def ceiling_table(plan: Plan, answered: Sequence[Answers], client_band: pd.Series) -> CountTable:
    """How many scores lie at the ends of their range, by measure and band of confidence.

    Parameters
    ----------
    plan : Plan
    answered : sequence of Answers
    client_band : pandas.Series
        Confidence band by client.

    Returns
    -------
    CountTable
        Named `ceiling`, four rows a measure and band: exactly at the lowest and highest possible
        score, and in the tenth of the range next to each.
    """
    rows = []
    for one, band, members in _by_band(plan, answered, client_band):
        for place, there in zip(
            PLACES, at_ends(one.score, one.measure.response_range), strict=True
        ):
            labels = {"measure": one.measure.name, "band": band, "place": place}
            part = _part(one, members & ~np.isnan(one.score), members & there)
            share = part["there"] / part["ratings"] if part["ratings"] else np.nan
            reading = end_reading(share) if place in (LOWEST, HIGHEST) else ""
            rows.append(labels | part | {"reading": reading})
    return _parts_table(
        "ceiling",
        "Scores at the ends of their range, by confidence at baseline",
        rows,
        ("measure", "band", "place"),
        (
            f"More than {CROWDED_END:.0%} exactly at one end is a ceiling or a floor (Terwee et "
            "al. 2007): scores that crowd there can no longer differ.",
            "A tenth: of the range of the score, its end included.",
        ),
        reading=True,
    )


def histogram_table(plan: Plan, answered: Sequence[Answers], client_band: pd.Series) -> CountTable:
    """Scores of every measure in bins.

    Parameters
    ----------
    plan : Plan
    answered : sequence of Answers
    client_band : pandas.Series
        Confidence band by client.

    Returns
    -------
    CountTable
        Named `histogram`; bins are the measure's own, whatever its scores, and an empty one
        stands with 0.
    """
    rows = [line for one in responses(plan, answered, client_band) for line in _bins(one)]
    frame = pd.DataFrame(rows, columns=list(BIN_RULES))
    return CountTable(
        name="histogram",
        caption="Scores of each measure, in bins of equal width",
        frame=frame,
        rules=BIN_RULES,
        notes=(
            "Bins are made of the steps that a score can take, the same number in each: the "
            "outermost hold as much of the scale as the others, though they end where it ends; the "
            "lowest may hold fewer steps.",
        ),
        evidence=pd.DataFrame({"ratings": frame["clients"]}, dtype="int64"),
    )


def _by_band(
    plan: Plan, answered: Sequence[Answers], client_band: pd.Series
) -> Iterator[tuple[Responses, str, np.ndarray]]:
    """Every measure, for everybody and for each band: which rows are of it."""
    for one in responses(plan, answered, client_band):
        yield one, EVERYBODY, np.ones(len(one.score), dtype=bool)
        for band in one.bands:
            yield one, band, one.band == band


def _items(one: Responses) -> Iterator[dict[str, object]]:
    """One line an item, with the clients behind each count."""
    found = item_statistics(one.items, one.measure.response_range)
    given = ~np.isnan(one.items)
    everybody = one.persons(np.ones(len(given), dtype=bool))
    whole = one.persons(given.all(axis=1))
    for place, item in enumerate(one.measure.items):
        yield {
            "measure": one.measure.name,
            "item": item,
            "ratings": found.rows,
            "answered": int(found.answered[place]),
            "complete": found.complete,
            "mean": np.nan if one.yes_or_no else float(found.mean[place]),
            "std_dev": np.nan if one.yes_or_no else float(found.std_dev[place]),
            "item_rest": float(found.item_rest[place]),
            "alpha_without": float(found.alpha_without[place]),
            "trouble": found.trouble[place],
            "ratings__clients": everybody,
            "answered__clients": one.persons(given[:, place]),
            "complete__clients": whole,
        }


def _bins(one: Responses) -> Iterator[dict[str, object]]:
    """One line a bin; its edges end where the range does."""
    low, high = one.measure.response_range
    edges = score_bins((low, high), len(one.measure.items))
    place = histogram(one.score, edges)
    shown = np.round(np.clip(edges, low, high), 2)
    for i, (start, end) in enumerate(pairwise(shown)):
        yield {
            "measure": one.measure.name,
            "from": float(start),
            "to": float(end),
            "ratings": int((place == i).sum()),
            "clients": one.persons(place == i),
        }


def _part(one: Responses, known: np.ndarray, there: np.ndarray) -> dict[str, int]:
    """How many rows are known, how many of them are there, and the clients behind each."""
    return {
        "ratings": int(known.sum()),
        "there": int((known & there).sum()),
        "clients": one.persons(known),
        "with": one.persons(known & there),
        "without": one.persons(known & ~there),
    }


def _parts_table(
    name: str,
    caption: str,
    rows: Sequence[Mapping[str, object]],
    labels: tuple[str, ...],
    notes: tuple[str, ...],
    *,
    reading: bool = False,
) -> CountTable:
    """A table of `there` out of `ratings`, each row judged by the clients on either side."""
    rules: dict[str, Rule] = dict.fromkeys(labels, "label")
    rules |= {"ratings": "count", "there": "outcome_count", "share": "share"}
    if reading:
        rules["reading"] = "statistic"
    sides = {"clients": "ratings", "with": "with", "without": "without"}
    frame = pd.DataFrame(list(rows), columns=[*rules, *sides])
    return CountTable(
        name=name,
        caption=caption,
        frame=frame[list(rules)].astype({"share": "float64"}),
        rules=rules,
        total="ratings",
        notes=notes,
        evidence=frame[list(sides)].rename(columns=sides).astype("int64"),
    )
