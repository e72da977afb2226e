"""Practitioners and clients as they are, before any record: who works with whom, and how well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepvalue_stats.simulate.parameters import Parameters

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# the first weeks of a study take clients from everybody
_SETTLED_DAYS = 30
CONDITIONS = ("autonomy", "time", "training", "trust", "separation")
# how much the five working conditions have in common: their mean has this variance
_COMMON = 0.4
_CONDITION_VARIANCE = _COMMON + (1 - _COMMON) / len(CONDITIONS)
LOGISTIC_VARIANCE = np.pi**2 / 3


@dataclass(frozen=True)
class Staff:
    """What is true of each practitioner; one element (or row) a practitioner.

    `part` is the practitioner's part of the relationship, `strictness` how readily they sanction
    (SD 1), `conditions` their working conditions taken together (SD 1) and `condition_scores`
    the five of them, `own_effect` what they do for outcomes whatever the relationship. Days count
    from the first index date; `left` is negative for those who stay.
    """

    area: IntArray
    service: IntArray
    part: FloatArray
    strictness: FloatArray
    conditions: FloatArray
    condition_scores: FloatArray
    own_effect: FloatArray
    joined: IntArray
    left: IntArray
    left_outside: BoolArray


@dataclass(frozen=True)
class People:
    """What is true of each client when the episode starts; one element a client.

    The relationship is the sum of the practitioner's part and the client's part, and has mean 0
    and SD 1 over all clients.
    """

    staff: Staff
    practitioner: IntArray
    area: IntArray
    client_part: FloatArray
    confidence: FloatArray
    confidence_items: NDArray[np.int8]
    log_need: FloatArray
    need: IntArray
    age: IntArray
    hidden: FloatArray
    mood: FloatArray
    barred: BoolArray

    @property
    def practitioner_part(self) -> FloatArray:
        """The part of the relationship that all clients of a practitioner share."""
        return self.staff.part[self.practitioner]

    @property
    def relationship(self) -> FloatArray:
        """The relationship that the client experiences with the main practitioner."""
        return self.practitioner_part + self.client_part

    @property
    def confidence_score(self) -> FloatArray:
        """The mean of the confidence items."""
        return np.asarray(self.confidence_items.mean(axis=1))


def draw_people(p: Parameters, rng: np.random.Generator) -> People:
    """Draw practitioners and the clients of their caseloads."""
    staff = draw_staff(p, rng)
    practitioner = _draw_caseloads(p, len(staff.area), rng)
    clients = len(practitioner)
    area = staff.area[practitioner]
    confidence = rng.standard_normal(clients)
    slope = p.need_confidence_correlation
    log_need = slope * confidence + np.sqrt(1 - slope**2) * rng.standard_normal(clients)
    hidden = rng.standard_normal(clients)
    items = _confidence_items(p, confidence, rng)
    client_part = (
        p.confidence_correlation * _standardised(p, items)
        + p.need_relationship * log_need
        + p.hidden_relationship * hidden
        + np.sqrt(p.free_share) * rng.standard_normal(clients)
    )
    ages = np.rint(rng.normal(p.age_mean, p.age_sd, clients))
    return People(
        staff=staff,
        practitioner=practitioner,
        area=area,
        client_part=client_part,
        confidence=confidence,
        confidence_items=items,
        log_need=log_need,
        need=_needs(p, area, log_need),
        age=np.clip(ages, *p.age_range).astype(np.int64),
        hidden=hidden,
        mood=rng.standard_normal(clients),
        barred=rng.random(clients) < p.barred_share,
    )


def draw_staff(p: Parameters, rng: np.random.Generator) -> Staff:
    """Draw the practitioners of all services."""
    services = len(p.areas) * p.services
    n = services * p.practitioners
    service = np.repeat(np.arange(services), p.practitioners)
    area = service // p.services
    common = rng.standard_normal(n)
    single = rng.standard_normal((n, len(CONDITIONS)))
    scores = np.sqrt(_COMMON) * common[:, None] + np.sqrt(1 - _COMMON) * single
    conditions = scores.mean(axis=1) / np.sqrt(_CONDITION_VARIANCE)
    strictness = rng.standard_normal(n)
    rest = 1 - p.conditions_relationship**2 - p.sanction_relationship**2
    standard = (
        p.conditions_relationship * conditions
        + p.sanction_relationship * strictness
        + np.sqrt(rest) * rng.standard_normal(n)
    )
    left, outside = _leaving(p, standard, rng)
    return Staff(
        area=area,
        service=service,
        part=np.sqrt(p.practitioner_share) * standard,
        strictness=strictness,
        conditions=conditions,
        condition_scores=np.clip(np.rint(50 + 15 * scores), 0, 100),
        own_effect=own_effect_sd(p)[area] * rng.standard_normal(n),
        joined=-np.rint(rng.exponential(365 * p.tenure_years, n)).astype(np.int64),
        left=left,
        left_outside=outside,
    )


def own_effect_sd(p: Parameters) -> FloatArray:
    """Find the SD of practitioners' own effects in each area, on the scale of the outcome.

    A latent share rho has the logistic SD sqrt(rho / (1 - rho) pi^2 / 3); on the two other scales
    it is carried over by the slope of the chance at the base rate.
    """
    rho, base = np.array(p.outcome_iccs), np.array(p.base_rates)
    latent = np.sqrt(rho / (1 - rho) * LOGISTIC_VARIANCE)
    factor = {"logit": np.ones_like(base), "log": 1 - base, "identity": base * (1 - base)}
    return np.asarray(latent * factor[p.scale])


def bands(p: Parameters, score: FloatArray) -> IntArray:
    """Place each client in a confidence band, 0 for the first."""
    bounds = [bound for _, bound in p.bands]
    return np.asarray(np.searchsorted(bounds, score, side="right") - 1, dtype=np.int64)


def ordinal(
    latent: NDArray[np.floating],
    loading: NDArray[np.floating],
    thresholds: NDArray[np.floating],
    rng: np.random.Generator,
) -> NDArray[np.int8]:
    """Cut a standard normal latent response at each item's thresholds, counting from 1.

    `latent` has one element a person, `loading` and `thresholds` one (row) an item, or `loading`
    one row a person and one column an item.
    """
    noise = rng.standard_normal((len(latent), len(thresholds)), dtype=np.float32)
    slope = np.broadcast_to(loading.astype(np.float32), noise.shape)
    response = slope * latent.astype(np.float32)[:, None] + np.sqrt(1 - slope**2) * noise
    answer = np.ones(noise.shape, dtype=np.int8)
    for cut in thresholds.T.astype(np.float32):
        answer += response > cut
    return answer


def _leaving(
    p: Parameters, standard: FloatArray, rng: np.random.Generator
) -> tuple[IntArray, BoolArray]:
    """Draw days of leaving, negative for none, and whether the reason lay outside the work.

    Two reasons compete. Leaving of one's own is the likelier the worse one's relationships: its
    hazard falls by a third per SD, and is as large as declared over all practitioners.
    """
    n = len(standard)
    if p.turnover == 0:
        return np.full(n, -1), np.zeros(n, dtype=np.bool_)
    rate = -np.log1p(-p.turnover) / 365
    steep = np.log(1.5)
    own = rate * (1 - p.turnover_outside) * np.exp(-steep * standard - steep**2 / 2)
    outside_day = _exponential(rate * p.turnover_outside, rng.random(n))
    own_day = _exponential(own, rng.random(n))
    day = np.minimum(outside_day, own_day)
    # who leaves has seen some clients through the exposure window: early leavers go a little later
    earliest = p.landmark_day + _SETTLED_DAYS
    day = np.where(day < earliest, earliest + day, day)
    horizon = int(
        np.datetime64(p.record_end).astype(int) - np.datetime64(p.first_index).astype(int)
    )
    stays = day >= horizon
    return np.where(stays, -1, np.minimum(day, horizon)).astype(np.int64), outside_day <= own_day


def _exponential(rate: FloatArray | float, uniform: FloatArray) -> FloatArray:
    """Invert the exponential distribution; a rate of nought never happens."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log1p(-uniform) / np.asarray(rate))


def _draw_caseloads(p: Parameters, practitioners: int, rng: np.random.Generator) -> IntArray:
    """Draw the main practitioner of each client, practitioners numbered from 0."""
    variance = np.log1p(p.caseload_cv**2)
    centre = np.log(p.caseload) - variance / 2
    sizes = np.rint(np.exp(rng.normal(centre, np.sqrt(variance), practitioners)))
    return np.repeat(np.arange(practitioners), np.maximum(sizes, 1).astype(np.int64))


def _needs(p: Parameters, area: IntArray, log_need: FloatArray) -> IntArray:
    kits = p.area_kits
    median, spread, cap = (
        np.array([getattr(kit, f"need_{name}") for kit in kits])[area]
        for name in ("median", "log_sd", "cap")
    )
    needs = np.clip(np.rint(median * np.exp(spread * log_need)), 1, cap)
    return np.asarray(needs, dtype=np.int64)


def _standardised(p: Parameters, items: NDArray[np.int8]) -> FloatArray:
    """Bring the confidence score to mean 0 and SD 1 over all clients there could be."""
    known = p.confidence_moments
    return np.asarray((items.mean(axis=1) - known.mean) / known.sd)


def _confidence_items(
    p: Parameters, confidence: FloatArray, rng: np.random.Generator
) -> NDArray[np.int8]:
    loading = np.full(p.confidence_items, p.confidence_loading)
    return ordinal(
        confidence, loading, np.tile(p.confidence_thresholds, (p.confidence_items, 1)), rng
    )
