"""Ratings of the relationship: who gives them, on which day, and what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepvalue_stats.simulate.chances import log_odds, sigmoid
from deepvalue_stats.simulate.outcomes import Outcomes
from deepvalue_stats.simulate.parameters import Parameters
from deepvalue_stats.simulate.population import BoolArray, FloatArray, IntArray, People, ordinal

EMPTY = 0
# fewer answered items make no score: half of them, the usual rule
_SCORED_SHARE = 0.5


@dataclass(frozen=True)
class Ratings:
    """What clients answer; one row a client, one column an occasion.

    `items` has a third axis, the items from 1 to 5, `EMPTY` where one was left out. `given` says
    at which occasions a rating is given, `day` on which day after the index. `occasion` is the
    relationship of that day less the client's own, in SD of occasions.
    """

    day: IntArray
    occasion: NDArray[np.float32]
    items: NDArray[np.int8]
    given: BoolArray


def draw_ratings(
    p: Parameters, people: People, outcomes: Outcomes, rng: np.random.Generator
) -> Ratings:
    """Draw every rating that is asked for."""
    asked = np.array(p.rating_days + p.late_rating_days)
    shape = (len(people.area), len(asked))
    day = asked + rng.integers(-p.rating_jitter, p.rating_jitter, shape, endpoint=True)
    occasion = rng.standard_normal(shape, dtype=np.float32)
    after = day >= outcomes.first[:, None]
    items = np.empty((*shape, p.rating_items), dtype=np.int8)
    for place in range(len(asked)):
        items[:, place] = _items(p, people, occasion[:, place], after[:, place], rng)
    return Ratings(day, occasion, items, _given(p, people, outcomes, after, rng))


def rating_scores(p: Parameters, ratings: Ratings) -> FloatArray:
    """Score each rating by the mean of its answered items; nan for fewer than half of them."""
    answered = (ratings.items != EMPTY).sum(axis=2)
    total = ratings.items.sum(axis=2, dtype=np.int64)
    enough = ratings.given & (answered >= _SCORED_SHARE * p.rating_items)
    return np.where(enough, total / np.maximum(answered, 1), np.nan)


def mean_score(scores: FloatArray) -> FloatArray:
    """Average over the ratings of each client; nan for a client without one."""
    known = ~np.isnan(scores)
    number = known.sum(axis=1)
    total = np.where(known, scores, 0.0).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def early(p: Parameters, scores: FloatArray) -> FloatArray:
    """Take the ratings asked for inside the exposure window."""
    return scores[:, : len(p.rating_days)]


def _items(
    p: Parameters,
    people: People,
    occasion: NDArray[np.float32],
    after: BoolArray,
    rng: np.random.Generator,
) -> NDArray[np.int8]:
    """Draw the items of one occasion."""
    spread = np.sqrt(1 + p.occasion_sd**2 + p.mood_rating**2)
    felt = people.relationship + p.occasion_sd * occasion + p.mood_rating * people.mood
    latent = (felt + p.rating_lift_after * after) / spread
    ease = np.linspace(-1, 1, p.rating_items) * p.rating_item_spread
    cuts = np.add.outer(ease, np.asarray(p.rating_thresholds))
    items = ordinal(latent, _loadings(p)[people.area], cuts, rng)
    items[rng.random(items.shape, dtype=np.float32) < p.missing_item_share] = EMPTY
    return items


def _loadings(p: Parameters) -> FloatArray:
    """Lay out each item's loading, one row an area."""
    loadings = np.full((len(p.areas), p.rating_items), p.rating_loading)
    for area, items in enumerate(p.weak_items):
        loadings[area, list(items)] = p.weak_loading
    return loadings


def _given(
    p: Parameters, people: People, outcomes: Outcomes, after: BoolArray, rng: np.random.Generator
) -> BoolArray:
    good = outcomes.said & outcomes.at_risk
    odds = (
        log_odds(p.responder_share)
        + p.responder_by_confidence * people.confidence
        + good * (p.responder_by_outcome + p.responder_by_both * people.relationship)
    )
    responder = rng.random(len(odds)) < sigmoid(odds)
    shares = np.repeat(
        [p.rating_share, p.late_rating_share], [len(p.rating_days), len(p.late_rating_days)]
    )
    asked = rng.random(after.shape) < np.where(after, p.rating_share_after, 1.0) * shares
    return np.asarray(responder[:, None] & asked)
