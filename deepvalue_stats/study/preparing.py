"""Read, pseudonymise, score and link: everything before a model is fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from deepvalue_stats.data import (
    Dataset,
    problems_report,
    read_text_tables,
    reading_notes,
    type_tables,
)
from deepvalue_stats.errors import DataError
from deepvalue_stats.linkage import (
    Linked,
    brought_here,
    continuity_table,
    engine_of,
    flow_table,
    link,
    linkage_table,
    model_rows,
    open_questions,
    pseudonymise,
    read_key,
    resolve_links,
    sources_table,
)
from deepvalue_stats.measures import client_bands, score
from deepvalue_stats.plan import Plan, defaults_in_force
from deepvalue_stats.tables import CountTable

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """A study whose rows are linked and whose models are not fitted yet.

    Attributes
    ----------
    plan : Plan
    data : mapping of str to Dataset
        Sources, read, pseudonymised where asked for, and scored.
    linked : Linked
        A row for every unit of analysis.
    bands : pandas.Series
        Confidence band by client.
    notes : tuple of str
        How each source was read, as what encoding was recognised.
    typed : mapping of str to Dataset
        Sources before links were resolved, ids as they were read: for links tried again.
    """

    plan: Plan
    data: Mapping[str, Dataset]
    linked: Linked
    bands: pd.Series
    notes: tuple[str, ...] = ()
    typed: Mapping[str, Dataset] = field(default_factory=dict)

    @property
    def primary_rows(self) -> Dataset:
        """The rows of the primary model, with the ledger of how they came to be."""
        return model_rows(self.plan, self.plan.models[self.plan.primary], self.linked)

    @property
    def flow(self) -> CountTable:
        """The denominator, before any estimate exists."""
        return flow_table(self.primary_rows, self.bands, tuple(self.plan.equity.bands))

    @property
    def sources(self) -> CountTable:
        """Rows read, left out and linked, source by source."""
        return sources_table(self.plan, self.data, self.linked)

    @property
    def linkage(self) -> CountTable:
        """For whom a record of the outcome was found, and for whom not."""
        return linkage_table(self.plan, self.data, self.linked, self.bands)

    @property
    def continuity(self) -> CountTable:
        """How far clients met one practitioner."""
        names = tuple(self.plan.equity.bands)
        return continuity_table(self.linked.frame, self.bands, names)


def prepare(
    plan: Plan,
    *,
    folder: Path,
    frames: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    engine: Any = "duckdb",
) -> Prepared:
    """Read, score and link, and stop before anything is fitted.

    Parameters
    ----------
    plan : Plan
    folder : Path
        What source paths are relative to.
    frames : mapping of str to DataFrame, optional
        Of pandas or of Spark; of the latter the columns that the plan uses are brought here.
    progress : callable, optional
    engine : "duckdb", "spark", SparkSession or Engine
        Where records are joined.

    Returns
    -------
    Prepared

    Raises
    ------
    PlanError, DataError, LinkageError
    """
    say = progress or (lambda _stage: None)
    # before anything is read: an engine that is not there refuses at once
    runs = engine_of(engine)
    say("reading")
    tables = read_text_tables(plan, folder=folder, frames=brought_here(plan, frames or {}))
    typed = type_tables(plan, tables)
    notes = tuple(reading_notes(tables))
    return prepared_from(plan, typed, notes=notes, progress=say, engine=runs)


def prepared_from(
    plan: Plan,
    typed: Mapping[str, Dataset],
    *,
    notes: tuple[str, ...] = (),
    progress: Progress | None = None,
    engine: Any = "duckdb",
) -> Prepared:
    """Link and score sources that were read and typed already; see `prepare`."""
    say = progress or (lambda _stage: None)
    data = resolve_links(plan, typed)
    if plan.ids.pseudonyms == "keyed":
        data = pseudonymise(plan, data, read_key())
    say("scoring")
    scored = score(plan, data)
    bands = client_bands(plan, scored)
    if bands.isna().all():
        raise DataError(
            f"no client has a usable '{plan.equity.modifier}' score at baseline",
            f"measures.{plan.equity.modifier}",
            "check its items, missing tokens, minimum_items and bands; without it nothing can be "
            "said of equity",
        )
    say("linking")
    return Prepared(plan, scored, link(plan, scored, engine=engine), bands, notes, typed)


def describe(prepared: Prepared) -> list[str]:
    """What an evaluator sees before any estimate exists: exact counts, for the room only.

    Parameters
    ----------
    prepared : Prepared

    Returns
    -------
    list of str
        How the sources were read, problems, rows by source, the flow, what to ask the owner, and
        defaults in force.
    """
    plan = prepared.plan
    problems = [
        *problems_report(prepared.data),
        *problems_report({"the clock": prepared.linked}),
    ]
    return [
        f"Plan {plan.study.name}, digest {plan.digest[:12]}. Counts are exact: for the room only.",
        "",
        "How the sources were read",
        *(f"  {line}" for line in prepared.notes),
        "",
        "Problems",
        *(f"  {line}" for line in problems or ["none"]),
        "",
        prepared.sources.caption,
        prepared.sources.frame.to_string(index=False),
        "",
        prepared.linkage.caption,
        prepared.linkage.frame.to_string(index=False) if len(prepared.linkage.frame) else "none",
        "",
        f"{prepared.flow.caption} (model {plan.primary})",
        prepared.flow.frame.to_string(index=False),
        "",
        "To ask the data owner",
        *(f"  {line}" for line in open_questions(plan) or ["nothing"]),
        "",
        "Defaults in force",
        *(f"  {line}" for line in defaults_in_force(plan)),
    ]
