"""Interviews: who is still there to be asked, and what families say of their adviser."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepvalue_stats.simulate.chances import log_odds, sigmoid
from deepvalue_stats.simulate.families.course import OUTSIDE, RATED, STAYED, Course
from deepvalue_stats.simulate.families.parameters import FamilyParameters
from deepvalue_stats.simulate.families.people import Households
from deepvalue_stats.simulate.population import BoolArray, FloatArray, IntArray, ordinal
from deepvalue_stats.simulate.ratings import EMPTY

# fewer answered items make no score: half of them, the usual rule
SCORED_SHARE = 0.5
HIGHEST_WORRY = 10


def draw_interviewed(
    p: FamilyParameters, homes: Households, course: Course, rng: np.random.Generator
) -> BoolArray:
    """Say which families are interviewed at which waves: all of them at wave 0.

    Who is lost does not come back; a gap is one interview missed by a family who is not lost.
    """
    shape = (p.families, p.waves)
    odds = np.empty(shape)
    odds[:] = (log_odds(p.dropout_share) + p.dropout_by_confidence * homes.confidence)[:, None]
    # who has an adviser may leave for how it went: the wave before decides
    relationship = course.changing[:, RATED:-1] + homes.part[:, None]
    went = course.control[:, RATED:-1] - p.base_rate
    odds[:, RATED + 1 :] += p.dropout_by_both * went * relationship
    lost = rng.random(shape) < sigmoid(odds)
    gap = rng.random(shape) < p.gap_share
    lost[:, 0] = gap[:, 0] = False
    inside = np.arange(p.waves) + homes.entered[:, None] < p.waves
    return np.asarray(inside & ~np.maximum.accumulate(lost, axis=1) & ~gap)


def draw_items(
    p: FamilyParameters, homes: Households, course: Course, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Draw what every family would answer at every wave with an adviser.

    `EMPTY` at wave 0, once the case is closed, and throughout an interview in which the family
    would rather not rate.

    One row a family, one column a wave, and the items.
    """
    items = np.zeros((p.families, p.waves, p.rating_items), dtype=np.int8)
    felt = course.changing[:, RATED:] + homes.part[:, None]
    felt = felt + p.rating_lift_now * (course.control[:, RATED:] - p.base_rate)
    # before advice nobody rates, and what was then lifts no rating
    felt[:, 1:] += p.rating_lift_next * (course.control[:, RATED:-1] - p.base_rate)
    loading = np.full(p.rating_items, p.rating_loading)
    ease = np.linspace(-1, 1, p.rating_items) * p.rating_item_spread
    cuts = np.add.outer(ease, np.asarray(p.rating_thresholds))
    answers = ordinal(felt.ravel(), loading, cuts, rng)
    answers[rng.random(answers.shape, dtype=np.float32) < p.missing_item_share] = EMPTY
    answers[rng.random(len(answers)) >= p.rating_share] = EMPTY
    items[:, RATED:] = answers.reshape(p.families, -1, p.rating_items)
    items[course.closed] = EMPTY
    return items


def scores_of(items: NDArray[np.int8]) -> FloatArray:
    """Score each rating by the mean of its answered items; nan for fewer than half of them."""
    answered = (items != EMPTY).sum(axis=2)
    total = items.sum(axis=2, dtype=np.int64)
    enough = answered >= SCORED_SHARE * items.shape[2]
    return np.where(enough, total / np.maximum(answered, 1), np.nan)


def resolved_of(p: FamilyParameters, course: Course, level: FloatArray) -> BoolArray:
    """Say who has all debts sorted: some of those in control, more of them each year."""
    return np.asarray(course.control & (level < resolved_shares(p)))


def resolved_shares(p: FamilyParameters) -> FloatArray:
    """Find the share of the families in control with all debts sorted, wave by wave."""
    waves = np.arange(p.waves)
    shares = p.resolved_share + p.resolved_trend * (waves - RATED)
    return np.where(waves < RATED, 0.0, np.clip(shares, 0.0, 1.0))


def worries_of(p: FamilyParameters, course: Course, noise: FloatArray) -> IntArray:
    """Turn the log odds of control into money worries from 0 to 10."""
    inner = np.clip(course.chance, 1e-12, 1 - 1e-12)
    worry = p.worry_mean + p.worry_slope * np.log(inner / (1 - inner)) + p.worry_sd * noise
    return np.clip(np.rint(worry), 0, HIGHEST_WORRY).astype(np.int64)


def reason_since(course: Course, interviewed: BoolArray) -> IntArray:
    """Find why the adviser is another than at the family's last interview, the last reason first.

    A change at a wave that was missed is told of at the next interview. Of a closed case it is told
    that who closed it has left.
    """
    reason = np.where(course.gone, OUTSIDE, course.reason)
    told = np.zeros_like(reason)
    open_ = np.zeros(len(told), dtype=np.int64)
    for wave in range(told.shape[1]):
        open_ = np.where(reason[:, wave] != STAYED, reason[:, wave], open_)
        told[:, wave] = open_
        open_ = np.where(interviewed[:, wave], STAYED, open_)
    return told
