"""Faults such as real extracts have, planted in known numbers; all other rows are untouched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from deepvalue_stats.simulate.areas import Area
from deepvalue_stats.simulate.population import BoolArray, IntArray

Frames = Mapping[str, pd.DataFrame]

DAY_FIRST_SHARE = 0.25  # of the dates that no other form fits
LOST_ZEROS_RATINGS = 25
LOST_ZEROS_OUTCOMES = 15
MISSING_TOKENS = 60
DATE_TYPOS = 7
ITEMS_OUT_OF_RANGE = 9
DUPLICATED_RATING_IDS = 6
REPEATED_ROWS = 8
SUPPRESSED = 6
ACCENTS = 12

TOKENS = ("99", "NA", "n/a")
_NO_DATES = ("-13-01", "-02-31")

FAULT_DEFINITIONS: Mapping[str, str] = {
    "ratings_after_outcome": (
        "rows of ratings dated inside the exposure window, and on or after an outcome of the same "
        "client; extracts without faults leave them out"
    ),
    "dates_day_first": "rows of ratings with rated_on as dd/mm/yyyy, all with a day above 12",
    "lost_leading_zeros_ratings": "rows of ratings with the client_id written as a number",
    "missing_tokens": "rows of ratings with an unanswered item written as 99, NA or n/a",
    "date_typos": "rows of ratings with a rated_on that is no date",
    "items_out_of_range": "rows of ratings with one item of 7",
    "duplicated_rating_ids": (
        "rows added to ratings: the rating_id and client of another row, with other content"
    ),
    "repeated_rows": "rows added to ratings: exact copies of another row",
    "lost_leading_zeros_outcomes": "rows of outcomes with the client_id written as a number",
    "suppressed": "rows of clients with * for the measured need",
    "accents": "rows of clients with an accent in the surname that the outcomes do not have",
}


@dataclass
class Rows:
    """Chooses rows at random, none of them twice."""

    order: IntArray
    free: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        self.free = np.ones(len(self.order), dtype=np.bool_)

    def take(self, size: int, eligible: BoolArray | None = None) -> IntArray:
        """Choose rows that have no fault yet, as many as there are up to the size."""
        open_ = self.free if eligible is None else self.free & eligible
        rows = self.order[open_[self.order]][:size]
        self.free[rows] = False
        return rows


def plant(
    area: Area, frames: Frames, late: BoolArray, rng: np.random.Generator
) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """Plant faults in copies of an area's files, and count the rows of each.

    No row has two faults, so that every count can be read off the files.

    Parameters
    ----------
    area : Area
    frames : mapping of str to pandas.DataFrame
        Text.
    late : boolean array
        The ratings that follow an outcome inside the exposure window.
    rng : numpy.random.Generator

    Returns
    -------
    frames : dict of str to pandas.DataFrame
    counts : dict of str to int
        By the kinds of `FAULT_DEFINITIONS`.
    """
    ratings, counts = spoilt_ratings(frames["ratings"], late, rng)
    outcomes, lost = without_zeros(frames["outcomes"], rng)
    clients, found = _spoilt_clients(frames["clients"], area.need_column, rng)
    spoilt = {**frames, "ratings": ratings, "outcomes": outcomes, "clients": clients}
    counts |= {"lost_leading_zeros_outcomes": lost, **found}
    return spoilt, {name: counts[name] for name in FAULT_DEFINITIONS}


def spoilt_ratings(
    ratings: pd.DataFrame, late: BoolArray, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Plant faults in ratings that are not late, and count them."""
    columns = {str(name): ratings[name].to_numpy(dtype=object).copy() for name in ratings}
    items = [name for name in columns if name.startswith("q")]
    empty = np.column_stack([columns[name] == "" for name in items])
    rows = Rows(rng.permutation(len(ratings)))
    rows.free &= ~late
    zeros = rows.take(LOST_ZEROS_RATINGS, _leading_zero(ratings["client_id"]))
    unanswered = rows.take(MISSING_TOKENS, np.asarray(empty.any(axis=1), dtype=np.bool_))
    typos, beyond = rows.take(DATE_TYPOS), rows.take(ITEMS_OUT_OF_RANGE)
    copied, repeated = rows.take(DUPLICATED_RATING_IDS), rows.take(REPEATED_ROWS)
    late_in_month = np.asarray(ratings["rated_on"].str[-2:] > "12", dtype=np.bool_)
    size = round(DAY_FIRST_SHARE * int((late_in_month & rows.free).sum()))
    day_first = rows.take(size, late_in_month)

    columns["client_id"][zeros] = _stripped(columns["client_id"][zeros])
    for row in unanswered:
        columns[items[int(empty[row].argmax())]][row] = TOKENS[rng.integers(len(TOKENS))]
    for place, row in enumerate(typos):
        columns["rated_on"][row] = columns["rated_on"][row][:4] + _NO_DATES[place % 2]
    for row in beyond:
        columns[items[rng.integers(len(items))]][row] = "7"
    dates = columns["rated_on"][day_first]
    columns["rated_on"][day_first] = [f"{day[8:]}/{day[5:7]}/{day[:4]}" for day in dates]

    spoilt = pd.DataFrame(columns, dtype=object)
    added = pd.concat([_other_content(spoilt.iloc[copied]), spoilt.iloc[repeated]])
    counts = {
        "ratings_after_outcome": int(late.sum()),
        "dates_day_first": len(day_first),
        "lost_leading_zeros_ratings": len(zeros),
        "missing_tokens": len(unanswered),
        "date_typos": len(typos),
        "items_out_of_range": len(beyond),
        "duplicated_rating_ids": len(copied),
        "repeated_rows": len(repeated),
    }
    # an added row follows the row that it was made from
    return pd.concat([spoilt, added]).sort_index(kind="stable", ignore_index=True), counts


def _other_content(rows: pd.DataFrame) -> pd.DataFrame:
    """Copy rows, with the first item answered differently."""
    return rows.assign(q01=np.where(rows["q01"] == "1", "2", "1"))


def without_zeros(outcomes: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, int]:
    """Write some identifiers of the outcomes as a spreadsheet writes numbers."""
    rows = Rows(rng.permutation(len(outcomes)))
    lost = rows.take(LOST_ZEROS_OUTCOMES, _leading_zero(outcomes["client_id"]))
    ids = outcomes["client_id"].to_numpy(dtype=object).copy()
    ids[lost] = _stripped(ids[lost])
    return with_text(outcomes, "client_id", ids), len(lost)


def _spoilt_clients(
    clients: pd.DataFrame, need: str, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Hide some needs, as an owner hides small counts, and write some surnames with an accent."""
    rows = Rows(rng.permutation(len(clients)))
    needs, surnames = (clients[name].to_numpy(dtype=object).copy() for name in (need, "surname"))
    hidden = rows.take(SUPPRESSED)
    accented = rows.take(ACCENTS, np.asarray(clients["surname"].str.contains("e"), dtype=np.bool_))
    needs[hidden] = "*"
    surnames[accented] = [name.replace("e", "é", 1) for name in surnames[accented]]
    spoilt = with_text(with_text(clients, need, needs), "surname", surnames)
    return spoilt, {"suppressed": len(hidden), "accents": len(accented)}


def with_text(frame: pd.DataFrame, column: str, cells: np.ndarray) -> pd.DataFrame:
    """Put text into a column."""
    return frame.assign(**{column: pd.Series(cells, index=frame.index, dtype=object)})


def _leading_zero(ids: pd.Series) -> BoolArray:
    return np.asarray(ids.str.startswith("0"), dtype=np.bool_)


def _stripped(ids: np.ndarray) -> list[str]:
    return [one.lstrip("0") for one in ids]
