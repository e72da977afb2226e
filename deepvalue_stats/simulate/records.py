"""What the service's own systems hold of its clients: typed frames, clean and complete."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepvalue_stats.simulate.chances import log_odds, sigmoid
from deepvalue_stats.simulate.contacts import as_dates
from deepvalue_stats.simulate.draw import Draw
from deepvalue_stats.simulate.names import POSTCODES, SURNAMES, VARIANTS, mistyped
from deepvalue_stats.simulate.outcomes import NEVER
from deepvalue_stats.simulate.population import CONDITIONS, BoolArray, IntArray
from deepvalue_stats.simulate.ratings import EMPTY

ID_DIGITS = 8
_DAYS_A_YEAR = 365.25

DateArray = NDArray[np.datetime64]


@dataclass(frozen=True)
class Identities:
    """How files call people: identifiers as text, and the other keys that a link may use.

    `nobody` holds identifiers that belong to no client, one a client. `surname` and `postcode`
    are places in `SURNAMES` and `POSTCODES`.
    """

    client: pd.api.extensions.ExtensionArray
    nobody: pd.api.extensions.ExtensionArray
    practitioner: pd.api.extensions.ExtensionArray
    service: pd.api.extensions.ExtensionArray
    surname: IntArray
    born: IntArray
    postcode: IntArray


def draw_identities(draw: Draw, rng: np.random.Generator) -> Identities:
    """Draw identifiers, names, dates of birth and postcodes."""
    clients = len(draw.people.area)
    numbers = client_numbers(2 * clients, rng)
    # so few days that the age in years holds whatever the leap years
    lived = np.ceil(draw.people.age * _DAYS_A_YEAR) + rng.integers(0, 364, clients)
    # common names are common: the chance falls with the place in the list
    weights = 1 / (np.arange(len(SURNAMES)) + 20)
    return Identities(
        client=texts(numbers[:clients], "", ID_DIGITS),
        nobody=texts(numbers[clients:], "", ID_DIGITS),
        practitioner=texts(np.arange(1, len(draw.people.staff.area) + 1), "P", 3),
        service=texts(np.unique(draw.people.staff.service) + 1, "S", 2),
        surname=rng.choice(len(SURNAMES), clients, p=weights / weights.sum()),
        born=draw.calendar.index - lived.astype(np.int64),
        postcode=rng.integers(0, len(POSTCODES), clients),
    )


def client_frame(draw: Draw, ids: Identities) -> pd.DataFrame:
    """List the clients in order of their identifiers."""
    p, people = draw.parameters, draw.people
    items = {f"c{i:02d}": values for i, values in enumerate(people.confidence_items.T, 1)}
    barred = {"barred": people.barred.astype(np.int8)} if p.barred_share else {}
    frame = pd.DataFrame(
        {
            "client_id": ids.client,
            "area": _areas(draw, people.area),
            "surname": _named(SURNAMES, ids.surname),
            "born_on": calendar_dates(ids.born),
            "postcode": _named(POSTCODES, ids.postcode),
            **items,
            "age": people.age,
            "need": people.need,
            **barred,
            "record_end": calendar_dates(draw.calendar.record_end),
        }
    )
    return _sorted(frame[draw.consented], ["client_id"])


def contact_frame(draw: Draw, ids: Identities) -> pd.DataFrame:
    """List the contacts by date, numbered in that order."""
    contacts, people = draw.contacts, draw.people
    met = draw.calendar.index[contacts.client] + contacts.day
    order = _in_extract(draw, contacts.client, met)
    client, who = contacts.client[order], contacts.practitioner[order]
    return pd.DataFrame(
        {
            "contact_id": np.arange(1, len(order) + 1),
            "client_id": ids.client.take(client),
            "practitioner_id": ids.practitioner.take(who),
            "service_id": ids.service.take(people.staff.service[who]),
            "met_on": calendar_dates(met[order]),
            "sanction": contacts.sanction[order].astype(np.int8),
        }
    )


def rating_frame(draw: Draw, ids: Identities) -> pd.DataFrame:
    """List the ratings by date, numbered in that order."""
    ratings = draw.ratings
    client, occasion = np.nonzero(ratings.given)
    rated = draw.calendar.index[client] + ratings.day[client, occasion]
    order = _in_extract(draw, client, rated)
    items = ratings.items[client[order], occasion[order]]
    return pd.DataFrame(
        {
            "rating_id": np.arange(1, len(order) + 1),
            "client_id": ids.client.take(client[order]),
            "rated_on": calendar_dates(rated[order]),
            **{f"q{i:02d}": item(values) for i, values in enumerate(items.T, 1)},
        }
    )


def outcome_frame(draw: Draw, ids: Identities, rng: np.random.Generator) -> pd.DataFrame:
    """List the outcomes as their register has them, each with the keys as they were typed there.

    A spell a row where the area's outcome has an end, otherwise a client a row. An outcome that
    the link does not find stands under a number that is nobody's.
    """
    p, people, calendar = draw.parameters, draw.people, draw.calendar
    client, start, end, second = _outcome_days(draw)
    day = calendar.index[client]
    begun = np.where(start < NEVER, day + start, NEVER)
    also = np.where(second < NEVER, day + second, NEVER)
    last = calendar.record_end[client]
    known = (np.minimum(begun, also) <= last) & draw.consented[client]
    number = np.where(draw.linked[client], client, client + len(people.area))
    typed = _typed(p.key_error_share, ids, len(people.area), rng)
    everybody = _joined(ids.client, ids.nobody)
    frame = pd.DataFrame(
        {
            "client_id": everybody.take(number),
            "surname": typed[0][client],
            "born_on": calendar_dates(typed[1][client]),
            "postcode": typed[2][client],
            "started_on": calendar_dates(np.where(begun <= last, begun, NEVER)),
            "ended_on": calendar_dates(
                np.where((end < NEVER) & (day + end <= last), day + end, NEVER)
            ),
            "second_on": calendar_dates(np.where(also <= last, also, NEVER)),
            "area": _areas(draw, people.area[client]),
        }
    )
    return _sorted(frame[known], ["client_id", "started_on"])


def step_frame(draw: Draw, ids: Identities, rng: np.random.Generator) -> pd.DataFrame:
    """List the monthly panel: whether a step was taken about the time of each rating occasion.

    The chance of a step depends on the relationship of that occasion, and on the client.
    """
    p, people, ratings = draw.parameters, draw.people, draw.ratings
    clients, waves = len(ratings.day), len(p.rating_days + p.late_rating_days)
    now = people.relationship[:, None] + p.occasion_sd * ratings.occasion
    own = p.step_sd * rng.standard_normal(clients)
    odds = log_odds(p.step_base) + p.step_effect * now + own[:, None]
    step = np.asarray(rng.random((clients, waves)) < sigmoid(odds))
    asked = np.array(p.rating_days + p.late_rating_days)
    client, wave = np.nonzero(np.broadcast_to(draw.consented[:, None], (clients, waves)))
    return pd.DataFrame(
        {
            "client_id": ids.client.take(client),
            "wave": wave + 1,
            "on": calendar_dates(draw.calendar.index[client] + asked[wave]),
            "step": step[client, wave].astype(np.int8),
        }
    )


def staff_frame(draw: Draw, ids: Identities) -> pd.DataFrame:
    """List the practitioners, with tenure, caseload, leaving and the five working conditions."""
    p, staff = draw.parameters, draw.people.staff
    first = int(np.datetime64(p.first_index, "D").astype(np.int64))
    stays = staff.left < 0
    reason = np.where(stays, "", np.where(staff.left_outside, "outside", "own"))
    caseload = np.bincount(draw.people.practitioner, minlength=len(staff.area))
    scores = dict(zip(CONDITIONS, staff.condition_scores.T.astype(np.int64), strict=True))
    return pd.DataFrame(
        {
            "practitioner_id": ids.practitioner,
            "service_id": ids.service.take(staff.service),
            "area": _areas(draw, staff.area),
            "started_on": calendar_dates(first + staff.joined),
            "left_on": calendar_dates(np.where(stays, NEVER, first + staff.left)),
            "left_reason": pd.Categorical(reason, ["", "outside", "own"]),
            "caseload": caseload,
            **scores,
        }
    )


def known_frame(draw: Draw, ids: Identities) -> pd.DataFrame:
    """List what only the generator knows of each client, in the order of the clients' frame."""
    people, outcomes = draw.people, draw.outcomes
    frame = pd.DataFrame(
        {
            "client_id": ids.client,
            "main_practitioner_id": ids.practitioner.take(people.practitioner),
            "relationship": people.relationship,
            "client_part": people.client_part,
            "practitioner_part": people.practitioner_part,
            "confidence": people.confidence,
            "chance": draw.probability,
            "outcome": (outcomes.truly & outcomes.at_risk).astype(np.int8),
            "linked": draw.linked,
        }
    )
    return _sorted(frame[draw.consented], ["client_id"])


def _outcome_days(draw: Draw) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Lay out a row a spell, or a client with a date: client, start, end and second date."""
    outcomes, spells = draw.outcomes, draw.spells
    by_spell = np.array([kit.spells for kit in draw.parameters.area_kits])[draw.people.area]
    in_spells = by_spell[spells.client]
    dated = (np.minimum(outcomes.first, outcomes.second) < NEVER) & ~by_spell
    client = np.flatnonzero(dated)
    no_date = np.full(int(in_spells.sum()), NEVER)
    return (
        np.concatenate([spells.client[in_spells], client]),
        np.concatenate([spells.start[in_spells], outcomes.first[client]]),
        np.concatenate([spells.end[in_spells], np.full(len(client), NEVER)]),
        np.concatenate([no_date, outcomes.second[client]]),
    )


def _typed(
    share: float, ids: Identities, clients: int, rng: np.random.Generator
) -> tuple[pd.api.extensions.ExtensionArray, IntArray, pd.api.extensions.ExtensionArray]:
    """Type the keys of every client once more, some of them wrongly."""
    surname = _retyped(SURNAMES, ids.surname, rng.random(clients) < share, rng)
    postcode = _retyped(POSTCODES, ids.postcode, rng.random(clients) < share, rng)
    wrong = rng.random(clients) < share
    return surname, np.where(wrong, _wrong_day(ids.born), ids.born), postcode


def _retyped(
    words: NDArray[np.str_], place: IntArray, wrong: BoolArray, rng: np.random.Generator
) -> pd.api.extensions.ExtensionArray:
    spellings = np.concatenate([words[:, None], mistyped(words)], axis=1)
    way = np.where(wrong, rng.integers(1, VARIANTS, len(place), endpoint=True), 0)
    flat: pd.api.extensions.ExtensionArray = pd.array(spellings.ravel(), dtype="str")
    return flat.take(place * spellings.shape[1] + way)


def _wrong_day(days: IntArray) -> IntArray:
    """Swap day and month where that makes another date, otherwise write the next year."""
    dates = as_dates(days)
    months = dates.astype("datetime64[M]")
    day = (dates - months).astype(np.int64)  # from 0
    month = months.astype(np.int64) % 12
    january = months - month
    swapped = (january + day).astype("datetime64[D]") + month
    swaps = (day < 12) & (day != month)
    return np.where(swaps, swapped.astype(np.int64), days + 365)


def _areas(draw: Draw, place: IntArray) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes(place, pd.Index(draw.parameters.areas)))


def _in_extract(draw: Draw, client: IntArray, day: IntArray) -> IntArray:
    """Order rows of consenting clients by day, then by client."""
    order = np.lexsort((client, day))
    return order[draw.consented[client[order]]]


def client_numbers(n: int, rng: np.random.Generator) -> IntArray:
    """Draw distinct numbers of five to eight digits alike, so that most have leading zeros."""
    found = np.empty(0, dtype=np.int64)
    while len(found) < n:
        more = np.floor(10 ** rng.uniform(ID_DIGITS / 2, ID_DIGITS, 2 * n)).astype(np.int64)
        found = np.unique(np.concatenate([found, more]))
    return rng.permutation(found)[:n]


def texts(numbers: IntArray, letter: str, digits: int) -> pd.api.extensions.ExtensionArray:
    """Write numbers as identifiers of equal length, with a letter before them."""
    texts = np.char.zfill(numbers.astype(np.str_), max(digits, len(str(numbers.max()))))
    return pd.array(np.char.add(letter, texts) if letter else texts, dtype="str")


def _joined(*parts: pd.api.extensions.ExtensionArray) -> pd.api.extensions.ExtensionArray:
    return pd.array(np.concatenate([np.asarray(part) for part in parts]), dtype="str")


def _named(words: NDArray[np.str_], place: IntArray) -> pd.api.extensions.ExtensionArray:
    return pd.array(words, dtype="str").take(place)


def calendar_dates(days: IntArray) -> DateArray:
    """Turn days since 1970 into dates, `NEVER` into none."""
    dates = as_dates(np.where(days >= NEVER, 0, days)).astype("datetime64[s]")
    return np.where(days >= NEVER, np.datetime64("NaT"), dates)


def item(values: NDArray[np.int8]) -> pd.api.extensions.ExtensionArray:
    """Hold answers to an item, `EMPTY` as missing."""
    return pd.arrays.IntegerArray(values.copy(), values == EMPTY)


def _sorted(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return frame.sort_values(by, ignore_index=True, kind="stable")
