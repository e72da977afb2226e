"""How well a practitioner's mean is known: a table over the measures of the relationship."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.data import Dataset, TableSchema
from deepvalue_stats.errors import ModelError
from deepvalue_stats.linkage import FATES, rating_fates
from deepvalue_stats.linkage.ratings import rating_source
from deepvalue_stats.measures.agreement import Agreement, agreement, practitioner_means
from deepvalue_stats.measures.enough import enough_ratings
from deepvalue_stats.measures.scoring import measure_items, turn_items
from deepvalue_stats.measures.within_group import SKEWED, Null, within_group_agreement
from deepvalue_stats.plan import Measure, Plan, resolve_measure
from deepvalue_stats.tables import CountTable, Rule

RELIABLE = 0.70
SKEW: Null = "slightly_skewed"
IN_WINDOW = FATES.index("rated in the exposure window")
NAMED = "each rating says of whom it is"
LINKED = "ratings in the exposure window, of whom the episode is"
LINKED_WAVES = "interviews, linked to the practitioner of their wave"
RULES: dict[str, Rule] = {
    "measure": "label",
    "taken_from": "label",
    "practitioners": "count",
    "clients": "count",
    "ratings": "count",
    "practitioner_known": "statistic",
    "caseload": "statistic",
    "smallest": "statistic",
    "largest": "statistic",
    "icc1": "statistic",
    "low": "statistic",
    "high": "statistic",
    "estimator": "label",
    "icc2": "statistic",
    "reliable": "statistic",
    "needed_70": "statistic",
    "needed_80": "statistic",
    "rwg_uniform": "statistic",
    "rwg_skewed": "statistic",
    "reading": "statistic",
}
NOTES = (
    "Of measures that are repeated on the clock. A client counts once with each practitioner, with "
    "the mean of its ratings: many ratings by few clients would look like many clients who agree.",
    "ICC(1), with its 95% interval: the share of the variance of clients' ratings that lies "
    "between practitioners. ICC(2): the reliability of a practitioner's mean at the average "
    f"caseload; below {RELIABLE:.2f} differences between practitioners are not well known, and an "
    "effect between them is drawn to that within them.",
    f"Reliable: the share of practitioners whose own mean reaches {RELIABLE:.2f}. Needed: clients "
    "who rate one practitioner for .70 and .80, with the interval that the ICC's gives.",
    "r_wg(j): how far clients of one practitioner give the same answers, the median over "
    "practitioners with two complete ratings or more (the first of each client), against answers "
    "spread evenly, and against answers that lean slightly to one end.",
)


def practitioner_table(
    plan: Plan, data: Mapping[str, Dataset], linked: Dataset, *, engine: Any = "duckdb"
) -> CountTable:
    """How well the mean of a practitioner's ratings is known, measure by measure.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
        Scored.
    linked : Dataset
        As `link` gives it, from the same data: it says whose a client is where a rating does not.
    engine : "duckdb", "spark", SparkSession or Engine
        Where ratings are placed on the clock, where that is needed.

    Returns
    -------
    CountTable
        Named `practitioners`, a row for each measure that is repeated on the clock; no
        practitioner is named. Empty where the plan does not know practitioners.

    Notes
    -----
    A row that cannot be computed says why in `reading`, and has no numbers.
    """
    rows, persons = [], []
    if plan.ids.practitioner is not None:
        for name, declared in plan.measures.items():
            measure = resolve_measure(name, declared)
            if not measure.baseline:
                rated = _rated(plan, measure, data, linked, engine)
                rows.append(_row(measure, rated))
                persons.append(rated.known["client"].nunique())
    frame = pd.DataFrame(rows, columns=list(RULES))
    return CountTable(
        name="practitioners",
        caption="How far clients of one practitioner agree, and how well their mean is known",
        frame=frame.astype(dict.fromkeys(("practitioners", "clients", "ratings"), "int64")),
        rules=RULES,
        notes=NOTES,
        evidence=pd.DataFrame({"ratings": persons}, dtype="int64"),
    )


@dataclass(frozen=True)
class _Rated:
    """Ratings with a score: columns client, practitioner, score, and items by number."""

    frame: pd.DataFrame
    taken_from: str

    @property
    def known(self) -> pd.DataFrame:
        return self.frame[self.frame["practitioner"].notna() & self.frame["client"].notna()]

    @property
    def share_known(self) -> float:
        return len(self.known) / len(self.frame) if len(self.frame) else np.nan


def _rated(
    plan: Plan, measure: Measure, data: Mapping[str, Dataset], linked: Dataset, engine: Any
) -> _Rated:
    """The ratings of a measure in the order of time, and whose they are."""
    source, columns = measure_items(measure, data)
    frame, client = data[source].frame, plan.ids.client.column
    whose, counted, taken_from = _whose(plan, data, source, linked, engine)
    items = turn_items(
        frame[columns].to_numpy(dtype="float64"),
        measure.response_range,
        np.isin(measure.items, measure.reversed_items),
        measure.not_applicable,
    )
    told = pd.DataFrame(items, index=frame.index).assign(
        client=frame[client], practitioner=whose, score=frame[measure.name]
    )
    time = plan.clock.wave or rating_source(plan, _schemas(data))[1]
    order = frame[time].sort_values(kind="stable").index if time in frame else frame.index
    kept = counted & told["score"].notna()
    return _Rated(told.loc[order][kept.loc[order]], taken_from)


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


def _row(measure: Measure, rated: _Rated) -> dict[str, object]:
    """One line of the table; what cannot be computed is missing."""
    known = rated.known
    whom = ["practitioner", "client"]
    pairs = known.groupby(whom, sort=False, observed=True)["score"].mean().reset_index()
    by = pairs["practitioner"].to_numpy()
    line: dict[str, object] = dict.fromkeys(RULES, np.nan)
    line |= dict.fromkeys(("estimator", "needed_70", "needed_80"), "")
    line |= {
        "measure": measure.name,
        "taken_from": rated.taken_from,
        "practitioners": int(pairs["practitioner"].nunique()),
        "clients": int(pairs["client"].nunique()),
        "ratings": len(known),
        "practitioner_known": rated.share_known,
        **_answers(measure, known, whom),
    }
    try:
        found = agreement(pairs["score"].to_numpy(), by)
    except ModelError as refused:
        return line | {"reading": f"not computable: {refused.faults[0].what}"}
    means = practitioner_means(pairs["score"].to_numpy(), by)
    first, second, _ = enough_ratings(found)
    return line | {
        "caseload": found.caseload.median,
        "smallest": found.caseload.smallest,
        "largest": found.caseload.largest,
        "icc1": found.icc1,
        "low": found.icc1_low,
        "high": found.icc1_high,
        "estimator": found.estimator,
        "icc2": found.icc2,
        "reliable": float((means.reliability >= RELIABLE).mean()),
        "needed_70": first.text,
        "needed_80": second.text,
        "reading": reading_of(found),
    }


def _answers(measure: Measure, known: pd.DataFrame, whom: list[str]) -> dict[str, float]:
    """Median r_wg(j), of each client's first complete rating of a practitioner."""
    low, high = measure.response_range
    offered = sum(answer not in measure.not_applicable for answer in range(low, high + 1))
    items = [name for name in known if isinstance(name, int)]
    first = known.dropna(subset=items).drop_duplicates(whom)
    values, by = first[items].to_numpy(dtype="float64"), first["practitioner"].to_numpy()
    found = {"rwg_uniform": within_group_agreement(values, by, offered).median}
    if offered in SKEWED[SKEW]:
        found["rwg_skewed"] = within_group_agreement(values, by, offered, SKEW).median
    return found


def reading_of(found: Agreement) -> str:
    """What a reader may take from the reliability of practitioners' means."""
    if found.status == "one":
        return "no client differs from another of the same practitioner: check the source"
    if found.status == "zero":
        return "practitioners do not differ by more than chance"
    if found.icc2 < RELIABLE:
        return "differences between practitioners are not well known"
    return "differences between practitioners are known well enough to compare groups of them"
