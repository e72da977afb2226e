"""What the study knows of its scales: every table on measurement, and what may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from deepvalue_stats.measures import (
    answers,
    ceiling_table,
    dimension_tables,
    histogram_table,
    invariance_table,
    item_ends_table,
    item_function_table,
    item_table,
    other_reliability_table,
    practitioner_table,
    raters_table,
    reliability_table,
    retest_table,
    score_table,
)
from deepvalue_stats.measures.scale_tables import EVERYONE
from deepvalue_stats.plan import Plan
from deepvalue_stats.study.preparing import Prepared
from deepvalue_stats.study.words import in_words
from deepvalue_stats.tables import CountTable


@dataclass(frozen=True)
class Measured:
    """The tables of the measurement page.

    Attributes
    ----------
    tables : tuple of CountTable
        In the order of the page.
    comparable : mapping of (measure, across) to str
        What may be compared between groups; `across` is in the plan's words.
    reliability : mapping of str to float
        Omega of each measure, or alpha where there is no omega; none where there is neither.
    """

    tables: tuple[CountTable, ...]
    comparable: Mapping[tuple[str, str], str]
    reliability: Mapping[str, float]


def measure_scales(prepared: Prepared, *, engine: Any = "duckdb") -> Measured:
    """Reliability, dimensions, agreement and invariance of every measure of a study."""
    plan = prepared.plan
    answered = answers(plan, prepared.data, prepared.linked, engine=engine)
    across = _across(plan, prepared)
    alike, comparable = invariance_table(answered, across)
    reliable = reliability_table(answered, prepared.bands)
    told = (plan, answered, prepared.bands)
    return Measured(
        tables=(
            reliable,
            other_reliability_table(answered),
            item_table(*told),
            item_ends_table(*told),
            score_table(*told),
            ceiling_table(*told),
            histogram_table(*told),
            *dimension_tables(answered),
            practitioner_table(plan, answered),
            retest_table(plan, answered),
            raters_table(plan, prepared.data),
            alike,
            item_function_table(answered, across),
        ),
        comparable=comparable,
        reliability=_coefficients(reliable),
    )


def _coefficients(table: CountTable) -> dict[str, float]:
    everybody = table.frame[table.frame["group"] == EVERYONE].set_index("measure")
    known = everybody["omega"].fillna(everybody["alpha"]).dropna()
    return {str(name): float(value) for name, value in known.items()}


def _across(plan: Plan, prepared: Prepared) -> dict[str, pd.Series]:
    """Groups by client: bands of confidence, and areas where the study has several."""
    found = {in_words(plan.equity.modifier): prepared.bands}
    if plan.across:
        clients = prepared.linked.frame.drop_duplicates("client").set_index("client")
        found[in_words(plan.across.by)] = clients[plan.across.by]
    return found
