"""Jobs: who starts one, on which day after the index, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.simulate.employment import Employment
from deepvalue_stats.simulate.population import FloatArray, IntArray

NEVER = np.iinfo(np.int64).max // 2
SUSTAINED_DAYS = 182
LATE_DAYS = (15, 150)  # after the follow-up's end, well clear of an off-by-one
BREAK_DAYS = (14, 120)  # between the end of a spell and the next


@dataclass(frozen=True)
class Spells:
    """Job spells, in days after the client's index; `client` is the client's position.

    A spell that lasts beyond the record has its end there all the same: records cut it off.
    """

    client: IntArray
    start: IntArray
    end: IntArray


def draw_first_start(
    service: Employment, early: IntArray, probability: FloatArray, rng: np.random.Generator
) -> IntArray:
    """Draw the day of each client's first job start, `NEVER` for those without.

    A job before the landmark comes first; then a job in the follow-up, with the given
    probability; then, for some of the rest, one after it.
    """
    clients = len(early)
    close = service.landmark_day + service.follow_up_days
    inside = service.landmark_day + rng.integers(0, service.follow_up_days, clients)
    after = close + rng.integers(*LATE_DAYS, clients)
    happens = rng.random(clients) < probability
    late = rng.random(clients) < service.late_job_share
    return np.select([early > 0, happens, late], [early, inside, after], NEVER)


def draw_spells(service: Employment, first: IntArray, rng: np.random.Generator) -> Spells:
    """Draw a spell for each client with a job, and a second for some, ordered by client."""
    client = np.flatnonzero(first < NEVER)
    end = first[client] + _lengths(service, len(client), rng)
    again = rng.random(len(client)) < service.second_spell_share
    second = (end + rng.integers(*BREAK_DAYS, len(client)))[again]
    starts = np.concatenate([first[client], second])
    ends = np.concatenate([end, second + _lengths(service, len(second), rng)])
    owners = np.concatenate([client, client[again]])
    order = np.lexsort((starts, owners))
    return Spells(owners[order], starts[order], ends[order])


def _lengths(service: Employment, spells: int, rng: np.random.Generator) -> IntArray:
    mean = -SUSTAINED_DAYS / np.log(service.sustained_share)
    return np.ceil(rng.exponential(mean, spells)).astype(np.int64)
