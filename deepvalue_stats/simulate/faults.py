"""Faults such as real extracts have, planted in known numbers; all other rows are untouched."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from deepvalue_stats.simulate.employment import Employment
from deepvalue_stats.simulate.population import IntArray

Frames = Mapping[str, pd.DataFrame]

RATINGS_AFTER_OUTCOME = 12
DUPLICATED_RATING_IDS = 6
REPEATED_ROWS = 8
LOST_ZEROS_RATINGS = 25
LOST_ZEROS_OUTCOMES = 15
DATE_TYPOS = 7
ITEMS_OUT_OF_RANGE = 9
SUPPRESSED = 6

FAULT_DEFINITIONS: Mapping[str, str] = {
    "ratings_after_outcome": (
        "rows added to ratings: dated inside the exposure window, and on or after a job start "
        "inside that window"
    ),
    "duplicated_rating_ids": (
        "rows added to ratings: the rating_id and client of another row, with other content"
    ),
    "repeated_rows": "rows added to ratings: exact copies of another row",
    "lost_leading_zeros_ratings": "rows of ratings with the client_id written as a number",
    "lost_leading_zeros_outcomes": "rows of outcomes with the client_id written as a number",
    "date_typos": "rows of ratings with a rated_on that is no date",
    "items_out_of_range": "rows of ratings with one item of 7",
    "suppressed": "rows of clients with * for months_out",
}


def plant(
    service: Employment, frames: Frames, rng: np.random.Generator
) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """Plant faults in copies of the frames, and count the rows of each.

    No row has two faults, so that every count can be read off the files.
    """
    ratings = frames["ratings"]
    late = _ratings_after_outcome(service, frames, rng)
    rows = _disjoint_rows(ratings, rng)
    spoilt = _spoil(ratings, rows, rng)
    added = [late, _other_content(ratings, rows["copied"]), ratings.iloc[rows["repeated"]]]
    planted = dict(frames)
    planted["ratings"] = _in_order([spoilt, *added])
    planted["outcomes"], lost = _lose_zeros_in_outcomes(frames["outcomes"], rng)
    planted["clients"], hidden = _suppress(frames["clients"], rng)
    counts = {
        "ratings_after_outcome": len(late),
        "duplicated_rating_ids": len(rows["copied"]),
        "repeated_rows": len(rows["repeated"]),
        "lost_leading_zeros_ratings": len(rows["zeros"]),
        "lost_leading_zeros_outcomes": lost,
        "date_typos": len(rows["date"]),
        "items_out_of_range": len(rows["item"]),
        "suppressed": hidden,
    }
    return planted, counts


def _disjoint_rows(ratings: pd.DataFrame, rng: np.random.Generator) -> dict[str, IntArray]:
    """Choose the ratings that each fault falls on, no row twice."""
    order = rng.permutation(len(ratings))
    leading = ratings["client_id"].str.startswith("0").to_numpy()[order]
    zeros = order[leading][:LOST_ZEROS_RATINGS]
    rest = order[~np.isin(order, zeros)]
    sizes = {
        "copied": DUPLICATED_RATING_IDS,
        "repeated": REPEATED_ROWS,
        "date": DATE_TYPOS,
        "item": ITEMS_OUT_OF_RANGE,
    }
    ends = np.cumsum(list(sizes.values()))
    return {"zeros": zeros, **dict(zip(sizes, np.split(rest, ends), strict=False))}


def _spoil(
    ratings: pd.DataFrame, rows: Mapping[str, IntArray], rng: np.random.Generator
) -> pd.DataFrame:
    """Put the faults that change a rating in place."""
    spoilt = ratings.copy()
    spoilt.loc[rows["zeros"], "client_id"] = _without_zeros(ratings, rows["zeros"])
    years = ratings["rated_on"].str[:4]
    for place, row in enumerate(rows["date"]):
        wrong = "02-31" if place % 2 else "13-01"
        spoilt.loc[row, "rated_on"] = f"{years[row]}-{wrong}"
    items = [name for name in ratings.columns if name.startswith("q")]
    for row in rows["item"]:
        spoilt.loc[row, items[rng.integers(len(items))]] = "7"
    return spoilt


def _other_content(ratings: pd.DataFrame, rows: IntArray) -> pd.DataFrame:
    """Copy the rows, with the first item answered differently."""
    copies = ratings.iloc[rows].copy()
    copies["q01"] = copies["q01"].map(lambda answer: "2" if answer == "1" else "1")
    return copies


def _ratings_after_outcome(
    service: Employment, frames: Frames, rng: np.random.Generator
) -> pd.DataFrame:
    """Make ratings by clients who had started a job before the landmark."""
    early = _early_jobs(service, frames)
    chosen = early.iloc[rng.permutation(len(early))[:RATINGS_AFTER_OUTCOME]]
    # two days short of the window's end, so that a lag of a day does not move them out of it
    room = (service.exposure_days - 2 - chosen["day"]).to_numpy()
    wait = rng.integers(0, room, endpoint=True).astype("timedelta64[D]")
    dates = chosen["job_start"].to_numpy().astype("datetime64[D]") + wait
    ratings = frames["ratings"]
    new = ratings.iloc[rng.choice(len(ratings), len(chosen), replace=False)].copy()
    new["rating_id"] = [f"r{len(ratings) + i:05d}" for i in range(1, len(new) + 1)]
    new["client_id"] = chosen["client_id"].to_numpy()
    new["rated_on"] = dates.astype(str)
    return new


def _early_jobs(service: Employment, frames: Frames) -> pd.DataFrame:
    """Find job starts inside the exposure window, with their day after the index."""
    index = pd.to_datetime(frames["contacts"].groupby("client_id")["met_on"].min())
    jobs = frames["outcomes"].drop_duplicates("client_id").reset_index(drop=True)
    day = (pd.to_datetime(jobs["job_start"]) - jobs["client_id"].map(index)).dt.days
    early: pd.DataFrame = jobs.assign(day=day).loc[day <= service.exposure_days - 2]
    return early


def _lose_zeros_in_outcomes(
    outcomes: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, int]:
    leading = np.flatnonzero(outcomes["client_id"].str.startswith("0"))
    rows = rng.permutation(leading)[:LOST_ZEROS_OUTCOMES]
    spoilt = outcomes.copy()
    spoilt.loc[rows, "client_id"] = _without_zeros(outcomes, rows)
    return spoilt, len(rows)


def _suppress(clients: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, int]:
    rows = rng.permutation(len(clients))[:SUPPRESSED]
    spoilt = clients.copy()
    spoilt.loc[rows, "months_out"] = "*"
    return spoilt, len(rows)


def _without_zeros(frame: pd.DataFrame, rows: IntArray) -> list[str]:
    return [client.lstrip("0") for client in frame["client_id"].iloc[rows]]


def _in_order(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Sort all ratings by identifier; an added copy follows the row that it copies."""
    return pd.concat(parts).sort_values("rating_id", kind="stable", ignore_index=True)
