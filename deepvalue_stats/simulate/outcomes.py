"""Outcomes: who has one, on which day after the index, and what its record says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.simulate.chances import log_need, log_odds, sigmoid
from deepvalue_stats.simulate.parameters import Parameters
from deepvalue_stats.simulate.population import BoolArray, FloatArray, IntArray, People

NEVER = np.iinfo(np.int64).max // 2
SUSTAINED_DAYS = 182
LATE_DAYS = (15, 150)  # after the follow-up's end, well clear of an off-by-one
BREAK_DAYS = (14, 120)  # between the end of a spell and the next


@dataclass(frozen=True)
class Outcomes:
    """Days after the index, `NEVER` where nothing happens; one element a client.

    `first` is the day as recorded. `truly` tells whether the outcome really falls into the
    follow-up, and `said` whether its record says so: the two differ where clients report on
    themselves. `second` is the day of the second outcome in areas where that has one.
    """

    early: IntArray
    first: IntArray
    second: IntArray
    truly: BoolArray
    said: BoolArray

    @property
    def at_risk(self) -> BoolArray:
        """Tell which clients reach the landmark without the outcome."""
        return np.asarray(self.early == 0)


@dataclass(frozen=True)
class Spells:
    """Spells with an end, in days after the client's index; `client` is the client's position.

    A spell that lasts beyond the record has its end there all the same: records cut it off.
    """

    client: IntArray
    start: IntArray
    end: IntArray


def draw_early(p: Parameters, people: People, rng: np.random.Generator) -> IntArray:
    """Draw the day of an outcome before the landmark, 0 for the many without one."""
    odds = log_odds(p.early_outcome_share) + p.early_need_effect * log_need(p, people)
    happens = (rng.random(len(odds)) < sigmoid(odds)) & ~people.barred
    day = rng.integers(1, p.exposure_days, len(odds), endpoint=True)
    return np.where(happens, day, 0)


def draw_outcomes(
    p: Parameters,
    people: People,
    early: IntArray,
    probability: FloatArray,
    rng: np.random.Generator,
) -> Outcomes:
    """Draw each client's outcome: before the landmark, in the follow-up, or after it."""
    clients = len(early)
    level = rng.random(clients)
    truly, said = level < probability, level < _reported(p, people, probability)
    inside = p.landmark_day + rng.integers(0, p.follow_up_days, clients)
    after = p.landmark_day + p.follow_up_days + rng.integers(*LATE_DAYS, clients)
    late = (rng.random(clients) < p.late_outcome_share) & ~people.barred
    first = np.select([early > 0, said, late], [early, inside, after], NEVER)
    return Outcomes(early, first, _second(p, people, first, said & (early == 0), rng), truly, said)


def draw_spells(p: Parameters, people: People, first: IntArray, rng: np.random.Generator) -> Spells:
    """Draw a spell for each client with an outcome, and a second for some, ordered by client."""
    share = np.array([kit.second_after for kit in p.area_kits])[people.area]
    client = np.flatnonzero(first < NEVER)
    end = first[client] + _lengths(share[client], rng)
    again = rng.random(len(client)) < p.second_spell_share
    second = (end + rng.integers(*BREAK_DAYS, len(client)))[again]
    starts = np.concatenate([first[client], second])
    ends = np.concatenate([end, second + _lengths(share[client[again]], rng)])
    owners = np.concatenate([client, client[again]])
    order = np.lexsort((starts, owners))
    return Spells(owners[order], starts[order], ends[order])


def second_chances(p: Parameters) -> tuple[FloatArray, FloatArray]:
    """Find each area's chance of the second outcome for clients with the first, and without it.

    A spell that ends too soon may be followed, inside the follow-up, by one that lasts.
    """
    length = np.arange(1, SUSTAINED_DAYS)
    broken = np.arange(*BREAK_DAYS)
    # the first starts on any day of the follow-up, so the second falls into it by this chance
    room = p.follow_up_days - np.add.outer(length, broken)
    inside = np.clip(room, 0, None).mean(axis=1) / p.follow_up_days
    after = []
    for kit in p.area_kits:
        reaches = kit.second_after ** (np.arange(SUSTAINED_DAYS) / SUSTAINED_DAYS)
        again = p.second_spell_share * (-np.diff(reaches) * inside).sum() * reaches[-1]
        after.append(reaches[-1] + again if kit.spells else kit.second_after)
    return np.array(after), np.array([kit.second_otherwise for kit in p.area_kits])


def _reported(p: Parameters, people: People, probability: FloatArray) -> FloatArray:
    """Find the chance that the record says yes: a client in a good mood says it sooner."""
    if not p.mood_report:
        return probability
    inner = np.clip(probability, 1e-12, 1 - 1e-12)
    odds = np.log(inner / (1 - inner)) + p.mood_report * people.mood
    return np.where(people.barred, 0.0, sigmoid(odds))


def _second(
    p: Parameters, people: People, first: IntArray, said: BoolArray, rng: np.random.Generator
) -> IntArray:
    """Draw the day of the second outcome, not before the first and inside the follow-up."""
    kits = p.area_kits
    after, otherwise, spells = (
        np.array([getattr(kit, name) for kit in kits])[people.area]
        for name in ("second_after", "second_otherwise", "spells")
    )
    happens = rng.random(len(first)) < np.where(said, after, otherwise)
    begin = np.where(said, first, p.landmark_day)
    room = p.landmark_day + p.follow_up_days - begin
    day = begin + np.floor(rng.random(len(first)) * room).astype(np.int64)
    none = ~happens | spells.astype(bool) | people.barred | (first < p.landmark_day)
    return np.where(none, NEVER, day)


def _lengths(sustained_share: FloatArray, rng: np.random.Generator) -> IntArray:
    mean = -SUSTAINED_DAYS / np.log(sustained_share)
    return np.ceil(mean * rng.standard_exponential(len(mean))).astype(np.int64)
