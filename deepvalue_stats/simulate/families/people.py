"""Advisers and families as they are before the first interview, and every random number to come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepvalue_stats.simulate.families.parameters import LATEST_ENTRY, FamilyParameters
from deepvalue_stats.simulate.population import BoolArray, FloatArray, IntArray, ordinal

MOST_CHILDREN = 6
MOST_ARREARS = 6


@dataclass(frozen=True)
class Advisers:
    """Who holds each post, year by year; one row a post, one column a year.

    An adviser has the number of the post times the years, plus the year of coming; the same number
    finds what is theirs in `part` and `own_effect`, laid out flat. `leaves` tells whose adviser of
    the year before has gone, for reasons that have nothing to do with any family.
    """

    leaves: BoolArray
    holder: IntArray
    part: FloatArray
    own_effect: FloatArray


@dataclass(frozen=True)
class Households:
    """What is true of each family at wave 0; one element a family.

    `part` is the family's stable part of the relationship, `own_effect` its stable difference in
    the outcome that nothing measured accounts for.
    """

    entered: IntArray
    post: IntArray
    part: FloatArray
    own_effect: FloatArray
    hidden: FloatArray
    confidence: FloatArray
    confidence_items: NDArray[np.int8]
    age: IntArray
    children: IntArray
    tenure: IntArray
    need: IntArray
    arrears: IntArray

    @property
    def confidence_score(self) -> FloatArray:
        """The mean of the confidence items."""
        return np.asarray(self.confidence_items.mean(axis=1))


@dataclass(frozen=True)
class Luck:
    """All that chance decides from wave to wave; one row a family, one column a wave.

    It is drawn beforehand, so that the same families can be followed through another world.
    """

    dyad: FloatArray
    occasion: FloatArray
    shock: BoolArray
    asks: FloatArray
    goes_to: FloatArray
    outcome: FloatArray
    resolved: FloatArray
    worry: FloatArray
    closes: FloatArray


def draw_advisers(p: FamilyParameters, rng: np.random.Generator) -> Advisers:
    """Draw who comes and goes."""
    shape = (p.services * p.practitioners, p.years)
    leaves = rng.random(shape) < p.turnover * p.turnover_outside
    leaves[:, :LATEST_ENTRY] = False  # before any family could have been left
    arrived = np.maximum.accumulate(np.where(leaves, np.arange(p.years), 0), axis=1)
    return Advisers(
        leaves=leaves,
        holder=np.arange(shape[0])[:, None] * p.years + arrived,
        part=np.sqrt(p.adviser_share) * rng.standard_normal(shape[0] * shape[1]),
        own_effect=p.adviser_sd * rng.standard_normal(shape[0] * shape[1]),
    )


def draw_households(p: FamilyParameters, rng: np.random.Generator) -> Households:
    """Draw the families as they are when they ask for advice."""
    n = p.families
    confidence, hidden = rng.standard_normal(n), rng.standard_normal(n)
    slope = p.need_confidence_correlation
    log_need = slope * confidence + np.sqrt(1 - slope**2) * rng.standard_normal(n)
    loading = np.full(p.confidence_items, p.confidence_loading)
    cuts = np.tile(p.confidence_thresholds, (p.confidence_items, 1))
    items = ordinal(confidence, loading, cuts, rng)
    moments = p.confidence_moments
    part = (
        p.confidence_correlation * (items.mean(axis=1) - moments.mean) / moments.sd
        + p.need_relationship * log_need
        + p.hidden_relationship * hidden
        + np.sqrt(p.free_share) * rng.standard_normal(n)
    )
    later = np.where(rng.random(n) < p.late_entry_share, rng.integers(1, LATEST_ENTRY + 1, n), 0)
    ages = np.clip(np.rint(rng.normal(p.age_mean, p.age_sd, n)), *p.age_range)
    needs = np.rint(p.need_median * np.exp(p.need_log_sd * log_need))
    behind = 1.5 + log_need + rng.standard_normal(n)
    return Households(
        entered=np.minimum(later, p.waves - 1),
        post=rng.integers(0, p.services * p.practitioners, n),
        part=part,
        own_effect=p.family_sd * rng.standard_normal(n),
        hidden=hidden,
        confidence=confidence,
        confidence_items=items,
        age=ages.astype(np.int64),
        children=np.minimum(rng.poisson(p.children_mean, n), MOST_CHILDREN),
        tenure=np.searchsorted(np.cumsum(p.tenure_shares[:-1]), rng.random(n), side="right"),
        need=np.clip(needs, 1, p.need_cap).astype(np.int64),
        arrears=np.clip(np.rint(behind), 0, MOST_ARREARS).astype(np.int64),
    )


def draw_luck(p: FamilyParameters, rng: np.random.Generator) -> Luck:
    """Draw what chance decides, for every family and wave."""
    shape = (p.families, p.waves)
    return Luck(
        dyad=rng.standard_normal(shape),
        occasion=rng.standard_normal(shape),
        shock=rng.random(shape) < p.shock_share,
        asks=rng.random(shape),
        goes_to=rng.random(shape),
        outcome=rng.random(shape),
        resolved=rng.random(shape),
        worry=rng.standard_normal(shape),
        closes=rng.random(shape),
    )
