"""Who answered a measure's items, and of whom: what every table on measurement starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.data import Dataset, TableSchema
from deepvalue_stats.linkage import FATES, rating_fates
from deepvalue_stats.linkage.ratings import rating_source
from deepvalue_stats.measures.scoring import measure_items, turn_items
from deepvalue_stats.plan import Measure, Plan, resolve_measure

IN_WINDOW = FATES.index("rated in the exposure window")
NAMED = "each rating says of whom it is"
LINKED = "ratings in the exposure window, of whom the episode is"
LINKED_WAVES = "interviews, linked to the practitioner of their wave"
UNKNOWN = "it is not known of whom a rating is"


@dataclass(frozen=True)
class Answers:
    """The questionnaires of one measure, in the order of time.

    Attributes
    ----------
    measure : Measure
    frame : pandas.DataFrame
        Columns `client`, `practitioner` (missing where unknown), `score`, `time` (days since
        1970-01-01, or the wave; missing where the source has neither), `counted` (of use to say
        something of practitioners), and the items by number from 0, reversed ones turned.
    taken_from : str
        How it is known whose a rating is.
    """

    measure: Measure
    frame: pd.DataFrame
    taken_from: str

    @cached_property
    def complete(self) -> pd.DataFrame:
        """The rows on which every item was answered."""
        return self.frame.dropna(subset=self.item_columns)

    @property
    def items(self) -> np.ndarray:
        """Complete responses, shape (n, k)."""
        return np.asarray(self.complete[self.item_columns].to_numpy(dtype="float64"))

    @property
    def clusters(self) -> np.ndarray:
        """What complete rows share: the practitioner, or the client where that is unknown."""
        rows = self.complete
        of_client = pd.factorize(rows["client"])[0]
        known = rows["practitioner"].notna().to_numpy()
        of_practitioner = pd.factorize(rows["practitioner"])[0] + of_client.max(initial=0) + 1
        return np.where(known, of_practitioner, of_client)

    @cached_property
    def known(self) -> pd.DataFrame:
        """Rows with a score that count, and of which it is known by whom and of whom they are."""
        rated = self.frame[self.frame["counted"] & self.frame["score"].notna()]
        return rated.dropna(subset=["practitioner", "client"])

    @property
    def share_known(self) -> float:
        """The share of these among the rows with a score that count."""
        rated = int((self.frame["counted"] & self.frame["score"].notna()).sum())
        return len(self.known) / rated if rated else np.nan

    @property
    def persons(self) -> int:
        """Clients behind the complete rows."""
        return int(self.complete["client"].nunique())

    @property
    def item_columns(self) -> list[int]:
        """The items' columns in `frame`."""
        return list(range(len(self.measure.items)))


def answers(
    plan: Plan,
    data: Mapping[str, Dataset],
    linked: Dataset | None = None,
    *,
    engine: Any = "duckdb",
) -> tuple[Answers, ...]:
    """The questionnaires of every measure: a baseline measure's baseline rows, another's the rest.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
        Scored.
    linked : Dataset, optional
        As `link` gives it, from the same data: it says whose a client is where a rating does not.
    engine : "duckdb", "spark", SparkSession or Engine
        Where ratings are placed on the clock, where that is needed.

    Returns
    -------
    tuple of Answers
        In the plan's order.
    """
    known: dict[tuple[str, bool], _Whose] = {}
    found = []
    for name, declared in plan.measures.items():
        measure = resolve_measure(name, declared)
        source, columns = measure_items(measure, data)
        key = (source, measure.baseline)
        if key not in known:
            known[key] = _whose(plan, data, key, linked, engine)
        found.append(_of_measure(plan, data, measure, columns, source, known[key]))
    return tuple(found)


@dataclass(frozen=True)
class _Whose:
    """By row of a source: the practitioner, whether the row counts; and how that is known."""

    practitioner: pd.Series
    counted: pd.Series
    taken_from: str


def _of_measure(
    plan: Plan,
    data: Mapping[str, Dataset],
    measure: Measure,
    columns: list[str],
    source: str,
    whose: _Whose,
) -> Answers:
    frame = data[source].frame
    items = turn_items(
        frame[columns].to_numpy(dtype="float64"),
        measure.response_range,
        np.isin(measure.items, measure.reversed_items),
        measure.not_applicable,
    )
    told = pd.DataFrame(items, index=frame.index).assign(
        client=frame[plan.ids.client.column],
        practitioner=whose.practitioner,
        score=frame[measure.name],
        time=_time(plan, data, measure, frame),
        counted=whose.counted,
    )
    wave = plan.clock.wave
    if wave and wave in frame:
        at_baseline = frame[wave] == plan.clock.baseline
        told = told[at_baseline if measure.baseline else ~at_baseline]
    return Answers(measure, told.sort_values("time", kind="stable"), whose.taken_from)


def _time(
    plan: Plan, data: Mapping[str, Dataset], measure: Measure, frame: pd.DataFrame
) -> pd.Series:
    """The wave or the day of each row; a baseline measure of a study with dates has none."""
    column = plan.clock.wave
    if column is None and not measure.baseline:
        column = rating_source(plan, _schemas(data))[1]
    if column and column in frame:
        return frame[column].astype("Float64")
    return pd.Series(pd.NA, index=frame.index, dtype="Float64")


def _whose(
    plan: Plan,
    data: Mapping[str, Dataset],
    key: tuple[str, bool],
    linked: Dataset | None,
    engine: Any,
) -> _Whose:
    source, baseline = key
    frame, wave = data[source].frame, plan.clock.wave
    column = plan.ids.practitioner.column if plan.ids.practitioner else ""
    every = pd.Series(True, index=frame.index)
    if column in frame:
        return _Whose(frame[column], every, NAMED)
    if baseline or linked is None or not column:
        nobody = pd.Series(None, index=frame.index, dtype="object")
        return _Whose(nobody, every, UNKNOWN)
    client = plan.ids.client.column
    if wave is None:
        fates = rating_fates(plan, data, engine=engine)
        known = linked.frame.set_index("client")["practitioner"]
        return _Whose(frame[client].map(known), frame["line"].map(fates) == IN_WINDOW, LINKED)
    # scores without a wave are the client's, as is whom it met first
    shared = {client: "client", wave: "wave_number"} if wave in frame else {client: "client"}
    keys = list(shared.values())
    met = linked.frame[[*keys, "practitioner"]].drop_duplicates(keys)
    whose = frame[list(shared)].rename(columns=shared).merge(met, how="left", on=keys)
    return _Whose(whose["practitioner"].set_axis(frame.index), every, LINKED_WAVES)


def _schemas(data: Mapping[str, Dataset]) -> dict[str, TableSchema]:
    return {name: dataset.schema for name, dataset in data.items()}
