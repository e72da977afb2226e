"""What the service's files hold of its clients: identifiers, dates, and text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepvalue_stats.simulate.employment import Employment
from deepvalue_stats.simulate.jobs import Spells
from deepvalue_stats.simulate.population import Answers, BoolArray, IntArray, Traits

ID_DIGITS = 8
DateArray = NDArray[np.datetime64]
TextArray = NDArray[np.str_]


@dataclass(frozen=True)
class Calendar:
    """Each client's identifier, first contact, and last day of the outcome record."""

    client_id: TextArray
    index: DateArray
    record_end: DateArray

    def complete(self, service: Employment) -> BoolArray:
        """Tell which clients have an outcome record that covers the follow-up."""
        days = (self.record_end - self.index).astype(np.int64)
        return np.asarray(days >= service.landmark_day + service.follow_up_days)


def draw_calendar(service: Employment, clients: int, rng: np.random.Generator) -> Calendar:
    """Draw distinct identifiers, index dates on working days, and ends of record."""
    index = _working_days(service, clients, rng)
    drawn = np.full(clients, np.datetime64(service.record_end))
    inside = service.landmark_day + rng.integers(0, service.follow_up_days, clients)
    left = rng.random(clients) < service.early_end_share
    return Calendar(_client_ids(clients, rng), index, np.where(left, index + inside, drawn))


def client_rows(calendar: Calendar, traits: Traits, answers: Answers) -> pd.DataFrame:
    """Write the clients file, ordered by client."""
    items = {f"c{i:02d}": _text(values) for i, values in enumerate(answers.confidence.T, 1)}
    frame = pd.DataFrame(
        {
            "client_id": calendar.client_id,
            **items,
            "age": _text(traits.age),
            "months_out": _text(traits.months_out),
            "record_end": _text(calendar.record_end),
        }
    )
    return frame.sort_values("client_id", ignore_index=True)


def contact_rows(
    service: Employment,
    calendar: Calendar,
    traits: Traits,
    first_job: IntArray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Write the contacts file: from the index until a job starts or contacts run out."""
    day = _contact_days(service, calendar, rng)
    before_job = (day < first_job[:, None]) | (day == 0)
    client, visit = np.nonzero(before_job & (day <= service.contact_days))
    adviser = _advisers(service, traits, day.shape[1], rng)[client, visit]
    frame = pd.DataFrame(
        {
            "client_id": calendar.client_id[client],
            "adviser_id": _numbered("A", adviser + 1, 3),
            "office_id": _numbered("O", adviser // service.advisers_per_office + 1, 2),
            "met_on": _text(calendar.index[client] + day[client, visit]),
            "sanction": _text(_sanctions(service, adviser, rng)),
        }
    )
    return _identified(frame, "contact_id", "met_on", "k")


def rating_rows(
    service: Employment,
    calendar: Calendar,
    answers: Answers,
    first_job: IntArray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Write the ratings file: one row a rating, none on or after the day of a job start."""
    asked = np.array(service.rating_days + service.late_rating_days)
    jitter = service.rating_jitter
    day = asked + rng.integers(-jitter, jitter, answers.given.shape, endpoint=True)
    client, occasion = np.nonzero(answers.given & (day < first_job[:, None]))
    items = answers.items[client, occasion]
    frame = pd.DataFrame(
        {
            "client_id": calendar.client_id[client],
            "rated_on": _text(calendar.index[client] + day[client, occasion]),
            **{f"q{i:02d}": _item_text(values) for i, values in enumerate(items.T, 1)},
        }
    )
    return _identified(frame, "rating_id", "rated_on", "r")


def outcome_rows(calendar: Calendar, spells: Spells) -> pd.DataFrame:
    """Write the outcomes file: job spells that started by the end of the client's record."""
    index, record_end = calendar.index[spells.client], calendar.record_end[spells.client]
    start, end = index + spells.start, index + spells.end
    ended = np.where(end <= record_end, _text(end), "")
    frame = pd.DataFrame(
        {
            "client_id": calendar.client_id[spells.client],
            "job_start": _text(start),
            "job_end": ended,
        }
    )
    recorded = frame[start <= record_end]
    return recorded.sort_values(["client_id", "job_start"], ignore_index=True)


def _working_days(service: Employment, clients: int, rng: np.random.Generator) -> DateArray:
    first, last = np.datetime64(service.first_index), np.datetime64(service.last_index)
    days = int(np.busday_count(first, last))
    chosen = rng.integers(0, days, clients, endpoint=True)
    return np.asarray(np.busday_offset(first, chosen, roll="forward"))


def _client_ids(clients: int, rng: np.random.Generator) -> TextArray:
    """Draw numbers of four to eight digits alike, so that most have leading zeros."""
    drawn = np.floor(10 ** rng.uniform(ID_DIGITS / 2, ID_DIGITS, 2 * clients)).astype(np.int64)
    distinct = np.unique(drawn)
    chosen = rng.choice(distinct, clients, replace=False)
    return np.char.zfill(_text(chosen), ID_DIGITS)


def _contact_days(service: Employment, calendar: Calendar, rng: np.random.Generator) -> IntArray:
    """Draw days after the index, one row a client, weekends moved to the Monday."""
    shortest, longest = service.contact_gap_days
    most = service.contact_days // shortest + 1
    gaps = rng.integers(shortest, longest, (len(calendar.index), most), endpoint=True)
    gaps[:, 0] = 0
    dates = calendar.index[:, None] + gaps.cumsum(axis=1)
    worked = np.busday_offset(dates, 0, roll="forward")
    return np.asarray(worked - calendar.index[:, None]).astype(np.int64)


def _advisers(
    service: Employment, traits: Traits, visits: int, rng: np.random.Generator
) -> IntArray:
    """Choose who meets the client at each contact; a second adviser is of the same office."""
    team = service.advisers_per_office
    office, place = np.divmod(traits.adviser, team)
    second = office * team + (place + rng.integers(1, team, len(place))) % team
    shared = rng.random(len(place)) < service.second_adviser_share
    # from the fourth contact on only, so that the main adviser leads from the first day
    by_second = shared[:, None] & np.isin(np.arange(visits), (3, 5))
    return np.where(by_second, second[:, None], traits.adviser[:, None])


def _sanctions(service: Employment, adviser: IntArray, rng: np.random.Generator) -> IntArray:
    advisers = service.offices * service.advisers_per_office
    share = rng.beta(2, 2 / service.sanction_share - 2, advisers)
    return (rng.random(len(adviser)) < share[adviser]).astype(np.int64)


def _identified(frame: pd.DataFrame, name: str, date: str, letter: str) -> pd.DataFrame:
    """Sort the rows by date, and number them in that order."""
    ordered = frame.sort_values([date, "client_id"], ignore_index=True)
    ordered.insert(0, name, _numbered(letter, np.arange(1, len(ordered) + 1), 5))
    return ordered


def _numbered(letter: str, numbers: IntArray, digits: int) -> TextArray:
    return np.char.add(letter, np.char.zfill(_text(numbers), digits))


def _item_text(values: NDArray[np.float64]) -> TextArray:
    missing = np.isnan(values)
    return np.where(missing, "", _text(np.where(missing, 0, values).astype(np.int64)))


def _text(values: NDArray[np.generic]) -> TextArray:
    return values.astype(np.str_)
