"""When each client's episode starts, who meets the client, and how long the record runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from deepvalue_stats.simulate.chances import log_odds
from deepvalue_stats.simulate.parameters import Parameters
from deepvalue_stats.simulate.population import BoolArray, FloatArray, IntArray, People, Staff

# from the fourth contact on only, so that the main practitioner leads from the first day
_SECOND_AT = (3, 5)
# how much practitioners differ in sanctioning: SD of the log odds
_STRICTNESS_SD = 0.7
# a first contact that falls on a Saturday is moved by so much
_WEEKEND = 2


@dataclass(frozen=True)
class Calendar:
    """Each client's first contact, and last day of the outcome record, as days since 1970."""

    index: IntArray
    record_end: IntArray

    def complete(self, p: Parameters) -> BoolArray:
        """Tell which clients have an outcome record that covers the follow-up."""
        days = self.record_end - self.index
        return np.asarray(days >= p.landmark_day + p.follow_up_days - 1)


@dataclass(frozen=True)
class Contacts:
    """One element a contact, ordered by client and day; `day` counts from the client's index."""

    client: IntArray
    practitioner: IntArray
    day: IntArray
    sanction: BoolArray


def draw_calendar(p: Parameters, people: People, rng: np.random.Generator) -> Calendar:
    """Draw index dates on working days while the practitioner takes clients, and ends of record."""
    first, last = _day(p.first_index), _day(p.last_index)
    left = people.staff.left
    room = last - first
    # nobody takes a client whom they could not see through the exposure window
    closes = np.where(left < 0, room, np.clip(left - p.landmark_day - _WEEKEND, 0, room))
    place = np.floor(rng.random(len(people.area)) * (closes[people.practitioner] + 1))
    index = _on_working_days(first + place.astype(np.int64))
    record_end = np.full(len(index), _day(p.record_end))
    inside = p.landmark_day + rng.integers(0, p.follow_up_days, len(index))
    ended = rng.random(len(index)) < p.early_end_share
    return Calendar(index, np.where(ended, index + inside, record_end))


def draw_contacts(
    p: Parameters, people: People, calendar: Calendar, first: IntArray, rng: np.random.Generator
) -> Contacts:
    """Draw contacts from the index until the outcome, or until they run out."""
    day = _contact_days(p, calendar, rng)
    who = _practitioners(p, people, calendar, day, rng)
    kept = (day < first[:, None]) & (day <= p.contact_days)
    kept &= calendar.index[:, None] + day < _gone_on(p, people.staff)[who]
    client, visit = np.nonzero(kept)
    practitioner = who[client, visit]
    share = _sanction_shares(p, people.staff)[practitioner]
    sanction = rng.random(len(client)) < share
    return Contacts(client, practitioner, day[client, visit], sanction)


def sanction_rates(
    p: Parameters, contacts: Contacts, consented: BoolArray, practitioners: int
) -> FloatArray:
    """Find each practitioner's share of sanctions over contacts in exposure windows.

    Those of clients who consented, as the extracts hold no others; nan for a practitioner without
    any.
    """
    window = (contacts.day <= p.exposure_days) & consented[contacts.client]
    who = contacts.practitioner[window]
    number = np.bincount(who, minlength=practitioners)
    given = np.bincount(who, weights=contacts.sanction[window], minlength=practitioners)
    return np.where(number > 0, given / np.maximum(number, 1), np.nan)


def as_dates(days: IntArray) -> NDArray[np.datetime64]:
    """Turn days since 1970 into dates."""
    return days.astype("datetime64[D]")


def _day(date: str) -> int:
    return int(np.datetime64(date, "D").astype(np.int64))


def _on_working_days(days: IntArray) -> IntArray:
    """Move days at a weekend to the Monday; day 0 of the calendar was a Thursday."""
    weekday = (days + 3) % 7
    return days + np.where(weekday >= 5, 7 - weekday, 0)


def _contact_days(p: Parameters, calendar: Calendar, rng: np.random.Generator) -> IntArray:
    """Draw days after the index, one row a client, weekends moved to the Monday."""
    shortest, longest = p.contact_gap_days
    most = p.contact_days // shortest + 1
    gaps = rng.integers(shortest, longest, (len(calendar.index), most), endpoint=True)
    gaps[:, 0] = 0
    dates = calendar.index[:, None] + gaps.cumsum(axis=1)
    return _on_working_days(dates) - calendar.index[:, None]


def _practitioners(
    p: Parameters, people: People, calendar: Calendar, day: IntArray, rng: np.random.Generator
) -> IntArray:
    """Choose who meets the client at each contact; a colleague is of the same service.

    A colleague steps in for some at two of the contacts, and for all once the practitioner left.
    """
    team, main = p.practitioners, people.practitioner
    service, place = np.divmod(main, team)
    step = rng.integers(1, team, len(main)) if team > 1 else np.zeros(len(main), dtype=np.int64)
    colleague = service * team + (place + step) % team
    shared = rng.random(len(main)) < p.second_practitioner_share
    gone = calendar.index[:, None] + day >= _gone_on(p, people.staff)[main][:, None]
    by_colleague = (shared[:, None] & np.isin(np.arange(day.shape[1]), _SECOND_AT)) | gone
    return np.where(by_colleague, colleague[:, None], main[:, None])


def _gone_on(p: Parameters, staff: Staff) -> IntArray:
    """Find the day on which each practitioner is gone, a day without end for those who stay."""
    return np.where(staff.left < 0, np.iinfo(np.int64).max, _day(p.first_index) + staff.left)


def _sanction_shares(p: Parameters, staff: Staff) -> FloatArray:
    has = np.array([kit.sanctions for kit in p.area_kits])[staff.area]
    odds = log_odds(p.sanction_share) + _STRICTNESS_SD * staff.strictness
    return np.where(has, expit(odds), 0.0)
