"""Sources in, one analysis table out: a row for each unit, and a reason for each absence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pandas as pd

from deepvalue_stats.data import AttritionStep, Column, Dataset, Problem, TableSchema
from deepvalue_stats.errors import DataError
from deepvalue_stats.linkage.contract import check_contract
from deepvalue_stats.linkage.engine import run_sql
from deepvalue_stats.linkage.impossible import impossible_records
from deepvalue_stats.linkage.landmark import (
    FATES,
    NO_RECORD,
    fates_sql,
    landmark_sql,
    rating_source,
)
from deepvalue_stats.linkage.waves import waves_sql
from deepvalue_stats.plan import Plan

FOLLOWS_OUTCOME = 1


def linkage_sql(plan: Plan, data: Mapping[str, Dataset]) -> str:
    """The SQL text by which a study is joined, for an analyst to read."""
    schemas = {name: dataset.schema for name, dataset in data.items()}
    compile_sql = waves_sql if plan.clock.kind == "waves" else landmark_sql
    return compile_sql(plan, schemas)


def link(plan: Plan, data: Mapping[str, Dataset]) -> Dataset:
    """Join scored sources on the plan's clock.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
        Read, pseudonymised where the plan asks for it, and scored.

    Returns
    -------
    Dataset
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
    check_contract(plan, data)
    problems: tuple[Problem, ...] = ()
    if plan.clock.kind == "dates":
        problems = (*_clock_problems(plan, data), *impossible_records(plan, data))
    units = _typed(run_sql(linkage_sql(plan, data), data))
    linked = Dataset(
        frame=units,
        schema=_schema(units),
        attrition=(_entry(plan, units),),
        problems=problems,
        digest=_joint_digest(data),
    )
    return _first_episodes(plan, linked) if plan.clock.kind == "dates" else _follow_up(plan, linked)


def rating_fates(plan: Plan, data: Mapping[str, Dataset]) -> pd.Series:
    """Where each rating falls on the clock: an index into `FATES`, by line of its source."""
    schemas = {name: dataset.schema for name, dataset in data.items()}
    return run_sql(fates_sql(plan, schemas), data).set_index("line")["fate"]


def _clock_problems(plan: Plan, data: Mapping[str, Dataset]) -> tuple[Problem, ...]:
    """Ratings inside the window that follow the outcome: they cannot be what explains it."""
    fates = rating_fates(plan, data)
    late = fates.index[fates == FOLLOWS_OUTCOME]
    if late.empty:
        return ()
    source, column = rating_source(plan, {name: one.schema for name, one in data.items()})
    fix = "check the dates with the data owner; such a rating may reflect the outcome"
    rule = plan.sources[source].on_fault or plan.reading.on_fault
    what = FATES[FOLLOWS_OUTCOME]
    if rule == "refuse":
        raise DataError(
            f"{len(late)} rows: {what}, first in line {late.min()}",
            f"sources.{source}, column {column}",
            f'{fix}, or set on_fault = "exclude"',
        )
    return (Problem(source, column, what, len(late), int(late.min()), "row excluded", fix),)


def _typed(units: pd.DataFrame) -> pd.DataFrame:
    """Text as text: a column of nothing but NULL would come back without a type."""
    texts = [str(name) for name in units if name in ("client", "practitioner", "service")]
    whys = [str(name) for name in units if str(name).endswith("__why")]
    known = {name: units[name].astype("object").where(units[name].notna(), None) for name in texts}
    return units.assign(**known, **{name: units[name].fillna("").astype("str") for name in whys})


def _schema(units: pd.DataFrame) -> TableSchema:
    roles = [name for name in ("client", "practitioner", "service") if name in units]
    ids = [Column(name, "id", name, "analysis") for name in roles]  # type: ignore[arg-type]
    key = ("client", "wave_number") if "wave_number" in units else ("client", "episode")
    return TableSchema("analysis", key, tuple(ids))


def _entry(plan: Plan, units: pd.DataFrame) -> AttritionStep:
    what = "interviews" if plan.clock.kind == "waves" else "episodes built from contacts"
    practitioners = units["practitioner"].nunique() if "practitioner" in units else 0
    return AttritionStep(
        reason=what,
        left=0,
        rows=len(units),
        clients=int(units["client"].nunique()),
        practitioners=int(practitioners),
        left_clients=units["client"][:0],
    )


def _follow_up(plan: Plan, linked: Dataset) -> Dataset:
    later = (linked.frame["wave_number"] != plan.clock.baseline).to_numpy()
    return linked.restrict(later, "baseline interview: gives baseline values, is no follow-up")


def _first_episodes(plan: Plan, linked: Dataset) -> Dataset:
    """One row a client: a second episode would follow the same client up twice."""
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
