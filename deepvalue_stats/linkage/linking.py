"""Sources in, one analysis table out: a row for each unit, and a reason for each absence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from deepvalue_stats.data import (
    Action,
    AttritionStep,
    Column,
    Dataset,
    Problem,
    TableSchema,
    locate,
)
from deepvalue_stats.errors import DataError
from deepvalue_stats.linkage.contract import check_contract
from deepvalue_stats.linkage.engine import Engine, engine_of, run_sql
from deepvalue_stats.linkage.episodes import without_index
from deepvalue_stats.linkage.impossible import impossible_records, overlapping_episodes
from deepvalue_stats.linkage.landmark import (
    fan_out_sql,
    fate_counts_sql,
    fates_sql,
    landmark_sql,
    outside_sql,
)
from deepvalue_stats.linkage.ratings import FATES, rating_source
from deepvalue_stats.linkage.records import NO_RECORD
from deepvalue_stats.linkage.sql import Schemas
from deepvalue_stats.linkage.waves import waves_sql
from deepvalue_stats.plan import Plan

FOLLOWS_OUTCOME = 1
# more pairs of an episode and a rating for each rating, and the join is slow before it is large
FAN_OUT = 20
OVERLAP = "episode that begins while an earlier one of the same client still runs"


@dataclass(frozen=True)
class Linked(Dataset):
    """The rows of a study, and how they came about.

    Attributes
    ----------
    sql : str
        The text that made them, for an analyst to read.
    engine : str
        What ran it.
    fates : tuple of int
        How many ratings fall where on the clock, in the order of `FATES`; empty for waves.
    """

    sql: str = ""
    engine: str = ""
    fates: tuple[int, ...] = ()


def linkage_sql(plan: Plan, data: Mapping[str, Dataset]) -> str:
    """The SQL text by which a study is joined, for an analyst to read."""
    schemas = {name: dataset.schema for name, dataset in data.items()}
    compile_sql = waves_sql if plan.clock.kind == "waves" else landmark_sql
    return compile_sql(plan, schemas)


def link(plan: Plan, data: Mapping[str, Dataset], *, engine: Any = "duckdb") -> Linked:
    """Join scored sources on the plan's clock.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
        Read, pseudonymised where the plan asks for it, and scored.
    engine : "duckdb", "spark", SparkSession or Engine
        Where the SQL text runs; the rows are the same.

    Returns
    -------
    Linked
        A row for every client and follow-up wave, or for every client's first episode. Beside
        each variable that can be missing for more than one cause stands `<name>__why`.

    Raises
    ------
    LinkageError
        If a join would multiply rows, or ids would be lost.
    DataError
        If ratings follow the outcome that they are to explain, and the plan refuses faults.

    Notes
    -----
    Clock of dates: baseline <= rating < landmark <= outcome on every row. Clock of waves: rating
    and outcome stand at the same interview.
    """
    runs = engine_of(engine)
    check_contract(plan, data)
    schemas = {name: dataset.schema for name, dataset in data.items()}
    problems: tuple[Problem, ...] = ()
    fates: tuple[int, ...] = ()
    if plan.clock.kind == "dates":
        counts = run_sql(fate_counts_sql(plan, schemas), data, runs).set_index("fate")
        problems = (
            *_clock_problems(plan, schemas, counts),
            *_overlaps(plan, data),
            *_outside(plan, data, runs),
            *_fan_out(plan, schemas, run_sql(fan_out_sql(plan, schemas), data, runs)),
            *impossible_records(plan, data),
        )
        fates = tuple(int(counts["ratings"].get(i, 0)) for i in range(len(FATES)))
    text = linkage_sql(plan, data)
    units = _typed(run_sql(text, data, runs))
    linked = Linked(
        frame=units,
        schema=_schema(units),
        attrition=(_entry(plan, units),),
        problems=problems,
        digest=_joint_digest(data),
        sql=text,
        engine=runs.name,
        fates=fates,
    )
    return _first_episodes(plan, linked) if plan.clock.kind == "dates" else _follow_up(plan, linked)


def rating_fates(plan: Plan, data: Mapping[str, Dataset], *, engine: Any = "duckdb") -> pd.Series:
    """Where each rating falls on the clock: an index into `FATES`, by line of its source."""
    schemas = {name: dataset.schema for name, dataset in data.items()}
    return run_sql(fates_sql(plan, schemas), data, engine_of(engine)).set_index("line")["fate"]


def _clock_problems(plan: Plan, schemas: Schemas, counts: pd.DataFrame) -> tuple[Problem, ...]:
    """Ratings inside the window that follow the outcome: they cannot be what explains it."""
    late, first = (int(counts[key].get(FOLLOWS_OUTCOME, 0)) for key in ("ratings", "first_line"))
    if not late:
        return ()
    source, column = rating_source(plan, schemas)
    fix = "check the dates with the data owner; such a rating may reflect the outcome"
    rule = plan.sources[source].on_fault or plan.reading.on_fault
    what = FATES[FOLLOWS_OUTCOME]
    if rule == "refuse":
        raise DataError(
            f"{late} rows: {what}, first in line {first}",
            f"sources.{source}, column {column}",
            f'{fix}, or set on_fault = "exclude"',
        )
    return (Problem(source, column, what, late, first, "row excluded", fix),)


def _overlaps(plan: Plan, data: Mapping[str, Dataset]) -> tuple[Problem, ...]:
    """Episodes of a table that overlap, where the plan has a rule for them."""
    spec, _, _ = plan.clock.dated
    if spec.built:
        return ()
    lines = overlapping_episodes(plan, data)
    if lines.empty:
        return ()
    done: Action = "row excluded" if spec.overlap == "keep_first" else "repaired"
    fix = "ask the data owner which of them were real"
    start = spec.qualified(spec.start).rpartition(".")[2]
    return (Problem(spec.source, start, OVERLAP, len(lines), int(lines.min()), done, fix),)


def _outside(plan: Plan, data: Mapping[str, Dataset], runs: Engine) -> tuple[Problem, ...]:
    """Contacts that no episode of a table holds: they say whose no episode is."""
    spec, _, _ = plan.clock.dated
    if spec.contacts is None:
        return ()
    schemas = {name: dataset.schema for name, dataset in data.items()}
    found = run_sql(outside_sql(plan, schemas), data, runs)
    number, first = (int(found[name].iloc[0]) for name in ("contacts", "first_line"))
    source, column = locate(spec.contacts, data)
    fix = "ask the data owner whether an episode is missing, or its dates are wrong"
    what = "contact outside every episode of the client"
    return (Problem(source, column, what, number, first, "noted", fix),) if number else ()


def _fan_out(plan: Plan, schemas: Schemas, found: pd.DataFrame) -> tuple[Problem, ...]:
    """A join that meets far more pairs than there are ratings, said before it is slow."""
    source, _ = rating_source(plan, schemas)
    pairs, ratings = (int(found[name].iloc[0]) for name in ("pairs", "ratings"))
    if pairs <= FAN_OUT * ratings:
        return ()
    what = f"joining ratings to episodes meets {pairs / ratings:.0f} pairs for each rating"
    fix = "check for one id that stands for many clients, and for a gap that is too short"
    return (Problem(source, plan.ids.client.column, what, pairs, 1, "noted", fix),)


def _typed(units: pd.DataFrame) -> pd.DataFrame:
    """Why a value is missing is a text, and an empty one where it is not."""
    whys = [str(name) for name in units if str(name).endswith("__why")]
    return units.assign(**{name: units[name].fillna("").astype("str") for name in whys})


def _schema(units: pd.DataFrame) -> TableSchema:
    roles = [name for name in ("client", "practitioner", "service") if name in units]
    ids = [Column(name, "id", name, "analysis") for name in roles]  # type: ignore[arg-type]
    key = ("client", "wave_number") if "wave_number" in units else ("client", "episode")
    return TableSchema("analysis", key, tuple(ids))


def _entry(plan: Plan, units: pd.DataFrame) -> AttritionStep:
    what = "interviews"
    if plan.clock.episodes:
        listed = f"episodes in {plan.clock.episodes.source}"
        what = "episodes built from contacts" if plan.clock.episodes.built else listed
    practitioners = units["practitioner"].nunique() if "practitioner" in units else 0
    return AttritionStep(
        reason=what,
        left=0,
        rows=len(units),
        clients=int(units["client"].nunique()),
        practitioners=int(practitioners),
        left_clients=units["client"][:0],
    )


def _follow_up(plan: Plan, linked: Linked) -> Linked:
    later = (linked.frame["wave_number"] != plan.clock.baseline).to_numpy()
    return linked.restrict(later, "baseline interview: gives baseline values, is no follow-up")


def _first_episodes(plan: Plan, linked: Linked) -> Linked:
    """One row a client: a second episode would follow the same client up twice."""
    if plan.clock.index != "episode_start":
        known = linked.frame["index_day"].notna().to_numpy()
        linked = linked.restrict(known, without_index(plan))
        linked = replace(linked, frame=linked.frame.astype({"index_day": "int64"}))
    first = linked.frame["episode"] == linked.frame.groupby("client")["episode"].transform("min")
    linked = linked.restrict(first.to_numpy(), "a later episode of the same client")
    outcome = plan.models[plan.primary].outcome
    source = (plan.outcomes[outcome].date or "").partition(".")[0]
    if plan.links[source].unlinked != "exclude":
        return linked
    found = linked.frame[f"{outcome}__why"] != NO_RECORD
    return linked.restrict(found.to_numpy(), NO_RECORD)


def _joint_digest(data: Mapping[str, Dataset]) -> str:
    text = "\n".join(f"{name} {data[name].digest}" for name in sorted(data))
    return hashlib.sha256(text.encode()).hexdigest()
