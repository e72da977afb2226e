"""Extracts as data owners send them: text, area by area, clean or with the faults of real files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.simulate.areas import AREAS, Area
from deepvalue_stats.simulate.population import CONDITIONS, BoolArray
from deepvalue_stats.simulate.service import Service
from deepvalue_stats.simulate.spoiling import plant

FILES = ("ratings", "contacts", "outcomes", "clients", "staffing", "steps")
RATING_ITEMS = tuple(f"q{i:02d}" for i in range(1, 13))
CONFIDENCE_ITEMS = tuple(f"c{i:02d}" for i in range(1, 5))
# a letter before the number: a bare 99 would be read as the token for a missing value
_LETTERS: Mapping[str, str] = {"rating_id": "R", "contact_id": "K"}
_NUMBER_DIGITS = 5
Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Form:
    """How a file is written: encoding, what parts its cells, what ends its lines."""

    encoding: str = "utf-8"
    delimiter: str = ","
    line_end: str = "\n"


PLAIN = Form()
# what a spreadsheet saves as "CSV", and as "CSV UTF-8" with a byte-order mark
_SAVED = Form("cp1252", ";", "\r\n")
_SAVED_WITH_MARK = Form("utf-8-sig", ";", "\r\n")
_FORMS: Mapping[tuple[str, str], Form] = {
    ("debt", "clients"): _SAVED,
    ("health", "outcomes"): _SAVED_WITH_MARK,
}


@dataclass(frozen=True)
class Extracts:
    """The files of a service, before they are written.

    Attributes
    ----------
    frames : mapping of str to mapping of str to pandas.DataFrame
        By area and file; every cell is the text that stands in the file, an empty cell is the
        empty text.
    planted : mapping of str to mapping of str to int
        By area, how often each fault stands in the files; empty without faults.
    forms : mapping of str to mapping of str to Form
        By area and file, how it is written.
    """

    frames: Mapping[str, Frames]
    planted: Mapping[str, Mapping[str, int]]
    forms: Mapping[str, Mapping[str, Form]]


def extracts(service: Service, *, faults: bool) -> Extracts:
    """Turn a service's records into the extracts of its areas.

    Parameters
    ----------
    service : Service
    faults : bool
        Plant the faults of real extracts, in known numbers. Without them the files hold no rating
        that follows an outcome inside the exposure window either, as if the data owner had seen
        to it.

    Returns
    -------
    Extracts
    """
    frames: dict[str, Frames] = {}
    planted: dict[str, Mapping[str, int]] = {}
    late = ratings_after_outcome(service)
    # a stream for each area that there is, so that an area's faults do not hang on the others
    seeds = np.random.SeedSequence(service.truth["seed"]).spawn(len(AREAS))  # type: ignore[arg-type]
    for (name, area), seed in zip(AREAS.items(), seeds, strict=True):
        if name not in service.parameters.areas:
            continue
        rows = _rows(service.frames, name)
        if not faults:
            rows["ratings"] = rows["ratings"] & ~late
        text = {
            file: as_text(service.frames[file][rows[file]], columns)
            for file, columns in file_columns(area).items()
        }
        frames[name], planted[name] = text, {}
        if faults:
            rng = np.random.default_rng(seed)
            frames[name], planted[name] = plant(area, text, late[rows["ratings"]], rng)
    return Extracts(frames, planted, {name: _forms(name, faults) for name in frames})


def file_columns(area: Area) -> dict[str, dict[str, str]]:
    """Name the columns of each file of an area: the header, and the generator's own word for it.

    A file has those of them that the service's frames have.
    """
    who = {area.practitioner_column: "practitioner_id", area.service_column: "service_id"}
    happened = ("started_on", "ended_on" if area.spells else "second_on")
    person = ("surname", "born_on", "postcode")
    sanction = ("sanction",) if area.sanctions else ()
    return {
        "ratings": _same("rating_id", "client_id", "rated_on", *RATING_ITEMS),
        "contacts": _same("contact_id", "client_id") | who | _same("met_on", *sanction),
        "outcomes": _same("client_id", *person)
        | dict(zip(area.outcome_columns, happened, strict=True)),
        "clients": _same("client_id", *person, *CONFIDENCE_ITEMS, "age")
        | {area.need_column: "need"}
        | _same("barred", "record_end"),
        "staffing": who | _same("started_on", "left_on", "left_reason", "caseload", *CONDITIONS),
        "steps": _same("client_id", "wave", "on", "step"),
    }


def ratings_after_outcome(service: Service) -> BoolArray:
    """Mark the ratings dated in the exposure window, on or after an outcome of the same client."""
    ratings, outcomes = service.frames["ratings"], service.frames["outcomes"]
    index = service.frames["contacts"].groupby("client_id")["met_on"].min()
    first = outcomes[["started_on", "second_on"]].min(axis=1).groupby(outcomes["client_id"]).min()
    rated, client = ratings["rated_on"], ratings["client_id"]
    window = pd.Timedelta(days=service.parameters.exposure_days)
    late = (rated >= client.map(first)) & (rated <= client.map(index) + window)
    return late.to_numpy(dtype=np.bool_)


def _rows(frames: Frames, area: str) -> dict[str, BoolArray]:
    """Mark the rows of an area in every file."""
    clients = frames["clients"]
    ids = clients.loc[clients["area"] == area, "client_id"]
    return {
        file: (frame["area"] == area if "area" in frame else frame["client_id"].isin(ids)).to_numpy(
            dtype=np.bool_
        )
        for file, frame in frames.items()
    }


def as_text(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Write rows as text under the headers that are asked for."""
    texts = {
        name: _text(frame[own], _LETTERS.get(own, ""))
        for name, own in columns.items()
        if own in frame
    }
    return pd.DataFrame(texts, dtype=object)


def _text(values: pd.Series, letter: str = "") -> np.ndarray:
    """Write a column as text: dates in ISO form, whole numbers plain, what is absent empty.

    Numbers of records have a letter before them.
    """
    codes, distinct = pd.factorize(values)
    if isinstance(distinct, pd.DatetimeIndex):
        words = list(distinct.strftime("%Y-%m-%d"))
    elif letter:
        words = [f"{letter}{number:0{_NUMBER_DIGITS}d}" for number in distinct]
    else:
        words = [str(value) for value in distinct]
    pool = np.array([*words, ""], dtype=object)  # the last for what is absent: its code is -1
    return pool[codes]


def _same(*names: str) -> dict[str, str]:
    """Headers that are the generator's own words."""
    return dict(zip(names, names, strict=True))


def _forms(area: str, faults: bool) -> dict[str, Form]:
    return {file: _FORMS.get((area, file), PLAIN) if faults else PLAIN for file in FILES}
