"""Ratings of a measure in the order of time, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.data import Dataset, TableSchema
from deepvalue_stats.linkage import FATES, rating_fates
from deepvalue_stats.linkage.ratings import rating_source
from deepvalue_stats.measures.scoring import measure_items, turn_items
from deepvalue_stats.plan import Measure, Plan

IN_WINDOW = FATES.index("rated in the exposure window")
NAMED = "each rating says of whom it is"
LINKED = "ratings in the exposure window, of whom the episode is"
LINKED_WAVES = "interviews, linked to the practitioner of their wave"


@dataclass(frozen=True)
class Rated:
    """Ratings with a score, in the order of time.

    Attributes
    ----------
    frame : pandas.DataFrame
        Columns client, practitioner, score, time (days since 1970-01-01, or the wave; missing
        where the source has neither), and items by number, reversed ones turned.
    taken_from : str
        How it is known of whom a rating is.
    """

    frame: pd.DataFrame
    taken_from: str

    @property
    def known(self) -> pd.DataFrame:
        """Ratings of which it is known by whom and of whom they are."""
        return self.frame[self.frame["practitioner"].notna() & self.frame["client"].notna()]

    @property
    def share_known(self) -> float:
        """The share of these."""
        return len(self.known) / len(self.frame) if len(self.frame) else np.nan


def rated(
    plan: Plan,
    measure: Measure,
    data: Mapping[str, Dataset],
    linked: Dataset,
    *,
    engine: Any = "duckdb",
) -> Rated:
    """The ratings of a measure that is repeated on the clock.

    Parameters
    ----------
    plan : Plan
        One that knows practitioners.
    measure : Measure
    data : mapping of str to Dataset
        Scored.
    linked : Dataset
        As `link` gives it, from the same data: it says whose a client is where a rating does not.
    engine : "duckdb", "spark", SparkSession or Engine
        Where ratings are placed on the clock, where that is needed.
    """
    source, columns = measure_items(measure, data)
    frame, client = data[source].frame, plan.ids.client.column
    whose, counted, taken_from = _whose(plan, data, source, linked, engine)
    items = turn_items(
        frame[columns].to_numpy(dtype="float64"),
        measure.response_range,
        np.isin(measure.items, measure.reversed_items),
        measure.not_applicable,
    )
    column = plan.clock.wave or rating_source(plan, _schemas(data))[1]
    time = frame[column].astype("Float64") if column in frame else np.nan
    told = pd.DataFrame(items, index=frame.index).assign(
        client=frame[client], practitioner=whose, score=frame[measure.name], time=time
    )
    kept = told[counted & told["score"].notna()]
    return Rated(kept.sort_values("time", kind="stable"), taken_from)


def _whose(
    plan: Plan, data: Mapping[str, Dataset], source: str, linked: Dataset, engine: Any
) -> tuple[pd.Series, pd.Series, str]:
    """By row of a source of ratings: the practitioner, whether the row counts, and how known."""
    frame, wave = data[source].frame, plan.clock.wave
    column = plan.ids.practitioner.column if plan.ids.practitioner else ""
    counted = pd.Series(True, index=frame.index)
    if wave and wave in frame:
        counted = frame[wave] != plan.clock.baseline
    if column in frame:
        return frame[column], counted, NAMED
    client = plan.ids.client.column
    if wave is None:
        fates = rating_fates(plan, data, engine=engine)
        known = linked.frame.set_index("client")["practitioner"]
        return frame[client].map(known), frame["line"].map(fates) == IN_WINDOW, LINKED
    # scores without a wave are the client's, as is whom it met first
    shared = {client: "client", wave: "wave_number"} if wave in frame else {client: "client"}
    keys = list(shared.values())
    met = linked.frame[[*keys, "practitioner"]].drop_duplicates(keys)
    whose = frame[list(shared)].rename(columns=shared).merge(met, how="left", on=keys)
    return whose["practitioner"].set_axis(frame.index), counted, LINKED_WAVES


def _schemas(data: Mapping[str, Dataset]) -> dict[str, TableSchema]:
    return {name: dataset.schema for name, dataset in data.items()}
