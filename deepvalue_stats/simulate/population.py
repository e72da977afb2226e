"""Clients as they are: their advisers, traits, relationships and answers, before any record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from deepvalue_stats.simulate.employment import Employment

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Traits:
    """What is true of each client when the episode starts; one element a client.

    The relationship is the sum of the adviser's part and the client's part, and has mean 0 and
    SD 1 over all clients.
    """

    adviser: IntArray
    adviser_part: FloatArray
    client_part: FloatArray
    adviser_effect: FloatArray
    confidence: FloatArray
    age: IntArray
    months_out: IntArray

    @property
    def relationship(self) -> FloatArray:
        """The relationship that the client experiences with the main adviser."""
        return self.adviser_part + self.client_part


@dataclass(frozen=True)
class Answers:
    """What each client would answer: confidence items, and rating items by occasion.

    `given` says at which occasions a rating is given; an item of nan was left empty.
    """

    confidence: IntArray
    items: FloatArray
    given: BoolArray


def chance(log_odds: FloatArray) -> FloatArray:
    """Turn log odds into probabilities."""
    return np.asarray(expit(log_odds), dtype=np.float64)


def log_odds(share: float) -> float:
    """Turn a share into its log odds."""
    return float(logit(share))


def draw_caseloads(service: Employment, rng: np.random.Generator) -> IntArray:
    """Draw the main adviser of each client, advisers numbered from 0."""
    advisers = service.offices * service.advisers_per_office
    variance = np.log1p(service.caseload_cv**2)
    centre = np.log(service.caseload_mean) - variance / 2
    sizes = np.rint(np.exp(rng.normal(centre, np.sqrt(variance), advisers))).astype(np.int64)
    return np.repeat(np.arange(advisers), np.maximum(sizes, 1))


def draw_traits(service: Employment, adviser: IntArray, rng: np.random.Generator) -> Traits:
    """Draw the traits of clients with the given main advisers."""
    advisers, clients = int(adviser.max()) + 1, len(adviser)
    part = rng.normal(0, np.sqrt(service.adviser_share), advisers)
    effect = rng.normal(0, service.adviser_outcome_sd, advisers)
    confidence = rng.standard_normal(clients)
    return Traits(
        adviser=adviser,
        adviser_part=part[adviser],
        client_part=_client_part(service, confidence, rng),
        adviser_effect=effect[adviser],
        confidence=confidence,
        age=_ages(service, clients, rng),
        months_out=_months_out(service, confidence, rng),
    )


def draw_answers(
    service: Employment, traits: Traits, occasions: int, rng: np.random.Generator
) -> Answers:
    """Draw answers at the first `occasions` ratings, and to the confidence items."""
    return Answers(
        confidence=_ordinal(
            traits.confidence[:, None].repeat(service.confidence_items, axis=1),
            service.confidence_loading,
            np.tile(service.confidence_thresholds, (service.confidence_items, 1)),
            rng,
        ),
        items=_rating_items(service, traits.relationship, occasions, rng),
        given=_given(service, traits.confidence, occasions, rng),
    )


def linear_predictor(service: Employment, traits: Traits) -> FloatArray:
    """Sum up the log odds of a job within the follow-up, but for the intercept."""
    within, between = effects(service, traits.confidence)
    return (
        within * traits.client_part
        + between * traits.adviser_part
        + service.confidence_effect * traits.confidence
        + service.age_effect * (traits.age - service.age_mean) / 10
        + service.months_out_effect * _log_months(service, traits)
        + traits.adviser_effect
    )


def effects(service: Employment, confidence: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Find the log odds per unit of the client's and of the adviser's part."""
    change = service.effect_by_confidence * confidence
    within = np.maximum(service.effect_within + change, 0.0)
    between = np.maximum(service.effect_between + change, 0.0)
    return within, between


def draw_early_job(service: Employment, traits: Traits, rng: np.random.Generator) -> IntArray:
    """Draw the day of a job start before the landmark, 0 for the many without one."""
    slope = service.early_months_out_effect
    odds = log_odds(service.early_job_share) + slope * _log_months(service, traits)
    happens = rng.random(len(odds)) < chance(odds)
    day = rng.integers(1, service.exposure_days, len(odds), endpoint=True)
    return np.where(happens, day, 0)


def _log_months(service: Employment, traits: Traits) -> FloatArray:
    return np.log(traits.months_out / service.months_out_median)


def _client_part(
    service: Employment, confidence: FloatArray, rng: np.random.Generator
) -> FloatArray:
    slope = service.confidence_correlation
    rest = 1 - service.adviser_share - slope**2
    return slope * confidence + rng.normal(0, np.sqrt(rest), len(confidence))


def _ages(service: Employment, clients: int, rng: np.random.Generator) -> IntArray:
    ages = np.rint(rng.normal(service.age_mean, service.age_sd, clients))
    return np.clip(ages, *service.age_range).astype(np.int64)


def _months_out(service: Employment, confidence: FloatArray, rng: np.random.Generator) -> IntArray:
    slope = service.months_confidence_correlation
    latent = slope * confidence + rng.normal(0, np.sqrt(1 - slope**2), len(confidence))
    months = service.months_out_median * np.exp(service.months_out_log_sd * latent)
    return np.clip(np.rint(months), 1, service.months_out_cap).astype(np.int64)


def _ordinal(
    latent: FloatArray, loading: float, thresholds: FloatArray, rng: np.random.Generator
) -> IntArray:
    """Cut a standard normal latent response at each item's thresholds, counting from 1.

    The last axis of `latent` is the items; `thresholds` has one row an item.
    """
    noise = np.sqrt(1 - loading**2) * rng.standard_normal(latent.shape)
    response = loading * latent + noise
    answer = np.ones(latent.shape, dtype=np.int64)
    for cut in thresholds.T:
        answer += response > cut
    return answer


def _rating_items(
    service: Employment, relationship: FloatArray, occasions: int, rng: np.random.Generator
) -> FloatArray:
    shape = (len(relationship), occasions)
    occasion = rng.normal(0, service.occasion_sd, shape)
    latent = (relationship[:, None] + occasion) / np.hypot(1, service.occasion_sd)
    spread = np.linspace(-1, 1, service.rating_items) * service.rating_item_spread
    cuts = np.add.outer(spread, np.asarray(service.rating_thresholds))
    wide = np.broadcast_to(latent[:, :, None], (*shape, service.rating_items))
    items = _ordinal(wide, service.rating_loading, cuts, rng).astype(np.float64)
    items[rng.random(items.shape) < service.missing_item_share] = np.nan
    return items


def _given(
    service: Employment, confidence: FloatArray, occasions: int, rng: np.random.Generator
) -> BoolArray:
    odds = log_odds(service.responder_share) + service.responder_by_confidence * confidence
    responder = rng.random(len(confidence)) < chance(odds)
    shares = np.repeat(
        [service.rating_share, service.late_rating_share],
        [len(service.rating_days), len(service.late_rating_days)],
    )[:occasions]
    asked = rng.random((len(confidence), occasions)) < shares
    return np.asarray(responder[:, None] & asked)
