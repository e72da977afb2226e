"""What must hold before records are joined: declared cardinality, ids that can meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from deepvalue_stats.data import Dataset, locate
from deepvalue_stats.errors import Fault, LinkageError
from deepvalue_stats.linkage.impossible import overlapping_episodes
from deepvalue_stats.linkage.landmark import baseline_sources
from deepvalue_stats.linkage.ratings import rating_source
from deepvalue_stats.linkage.records import censor_sources
from deepvalue_stats.linkage.sql import source_of
from deepvalue_stats.plan import Plan

# more undated ratings than this and the clock cannot be held to
UNDATED = 0.05


def check_contract(plan: Plan, data: Mapping[str, Dataset]) -> None:
    """Refuse joins that would multiply rows or lose them in silence.

    Raises
    ------
    LinkageError
        With every breach at once.
    """
    schemas = {name: dataset.schema for name, dataset in data.items()}
    faults = [] if plan.ids.pseudonyms == "keyed" else [*lost_zeros(plan, data)]
    if plan.clock.kind == "waves":
        faults += _one_row_a_wave(plan, data)
    else:
        single = dict.fromkeys([*baseline_sources(plan, schemas), *censor_sources(plan, schemas)])
        single |= dict.fromkeys(n for n, link in plan.links.items() if _one_to_one(link))
        faults += [fault for name in single for fault in _one_row_a_client(plan, name, data[name])]
        faults += [*_placed(plan, data), *_undated(plan, data), *_overlaps(plan, data)]
    if faults:
        raise LinkageError.of(faults)


def _one_to_one(link: object) -> bool:
    return getattr(link, "cardinality", "") == "one_to_one"


def _one_row_a_client(plan: Plan, name: str, dataset: Dataset) -> Iterator[Fault]:
    extra = int(dataset.frame[plan.ids.client.column].duplicated().sum())
    if extra:
        yield Fault(
            f"'{name}' has {extra} rows more than clients, and is read as one row a client",
            f"sources.{name}",
            "give one row a client, or declare what is repeated as contacts, ratings or events",
        )


def _one_row_a_wave(plan: Plan, data: Mapping[str, Dataset]) -> Iterator[Fault]:
    for name, dataset in data.items():
        key = [plan.ids.client.column]
        if plan.clock.wave in dataset.frame:
            key.append(str(plan.clock.wave))
        extra = int(dataset.frame.duplicated(key).sum())
        if extra:
            yield Fault(
                f"'{name}' has {extra} rows more than {' and '.join(key)} allow",
                f"sources.{name}",
                "give one row for each of them",
            )


def _placed(plan: Plan, data: Mapping[str, Dataset]) -> Iterator[Fault]:
    """Measures of the relationship stand with the ratings' dates, shares with the contacts."""
    ratings, _ = rating_source(plan, {n: d.schema for n, d in data.items()})
    for name, measure in plan.measures.items():
        source = source_of(name, plan, {n: d.schema for n, d in data.items()})
        if measure.at != "baseline" and source != ratings:
            yield Fault(
                f"'{name}' is in '{source}', and the ratings' dates are in '{ratings}'",
                f"measures.{name}",
                f"name items of '{ratings}', or set at = \"baseline\"",
            )
    episodes, _, _ = plan.clock.dated
    contacts = locate(episodes.contact_date, data)[0] if episodes.contact_date else ""
    for name, covariate in plan.covariates.items():
        source, _ = locate(covariate.column, data)
        if covariate.type == "share" and source != contacts:
            yield Fault(
                "a share is taken over the contacts of the episodes",
                f"covariates.{name}.column",
                f"name a column of '{contacts}'" if contacts else "name the contacts in the clock",
            )
    holder, practitioner = contacts or episodes.source, plan.ids.practitioner
    if practitioner and practitioner.column not in data[holder].frame:
        yield Fault(
            f"'{holder}' does not say who the practitioner was",
            "ids.practitioner",
            f"name a column of '{holder}'",
        )


def _overlaps(plan: Plan, data: Mapping[str, Dataset]) -> Iterator[Fault]:
    """Episodes of one client at once: whose an outcome would be only a rule can say."""
    spec, _, _ = plan.clock.dated
    if spec.built or spec.overlap != "refuse":
        return
    lines = overlapping_episodes(plan, data)
    if len(lines):
        yield Fault(
            f"{len(lines)} episodes begin while an earlier one of the same client still runs, "
            f"first in line {lines.min()}",
            f"sources.{spec.source}",
            'set overlap = "keep_first" or "split" in clock.episodes, or ask the data owner',
        )


def _undated(plan: Plan, data: Mapping[str, Dataset]) -> Iterator[Fault]:
    source, day = rating_source(plan, {n: d.schema for n, d in data.items()})
    dates = data[source].frame[day]
    if len(dates) and dates.isna().mean() > UNDATED:
        yield Fault(
            f"{int(dates.isna().sum())} of {len(dates)} ratings have no date (more than 5%)",
            f"sources.{source}, column {day}",
            "ask the data owner for the dates: without them no rating is known to come first",
        )


def lost_zeros(plan: Plan, data: Mapping[str, Dataset]) -> Iterator[Fault]:
    """Ids that would meet if leading zeros had not been lost on one side; not of pseudonyms."""
    column = plan.ids.client.column
    if plan.ids.client.pad_to is not None:
        return
    base = data[_base_source(plan, data)].frame[column].dropna().astype("str")
    bare = pd.Index(base.str.lstrip("0").unique())
    for name, dataset in data.items():
        ids = pd.Series(dataset.frame[column].dropna().astype("str").unique())
        lost = int((~ids.isin(base) & ids.str.lstrip("0").isin(bare)).sum())
        if lost:
            yield Fault(
                f"{lost} ids of '{name}' would be found but for their leading zeros",
                f"sources.{name}, column {column}",
                "set ids.client.pad_to to the ids' full width",
            )


def _base_source(plan: Plan, data: Mapping[str, Dataset]) -> str:
    if plan.clock.episodes:
        return plan.clock.episodes.source
    schemas = {name: dataset.schema for name, dataset in data.items()}
    return source_of(plan.models[plan.primary].exposure, plan, schemas)
