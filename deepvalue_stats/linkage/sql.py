"""Pieces of the SQL by which a study is joined, in a subset that DuckDB and Spark read alike.

House rules: dates are whole days since 1970-01-01, so that windows are integer arithmetic; ties in
time are broken by the line of the file; sums are of integers and divided once, last, so that every
engine and every run gives the same bits; every division is guarded by NULLIF.
"""

from __future__ import annotations

from collections.abc import Mapping

from deepvalue_stats.data import TableSchema, locate
from deepvalue_stats.plan.parts import CovariatePlan, Plan

Schemas = Mapping[str, TableSchema]


def quoted(name: str) -> str:
    """An identifier that may hold any sign."""
    return '"' + name.replace('"', '""') + '"'


def table(source: str) -> str:
    """The view in which a source stands, under a name that no step of a query has."""
    return quoted(f"source_{source}")


def literal(text: str) -> str:
    """A text constant."""
    return "'" + text.replace("'", "''") + "'"


def source_of(measure: str, plan: Plan, schemas: Schemas) -> str:
    """The source in which a measure was scored."""
    return locate(plan.measures[measure].items[0], schemas)[0]


def has(schema: TableSchema, column: str | None) -> bool:
    """Whether a source holds a column that has a use."""
    return any(one.name == column for one in schema.columns)


def covariate_sql(covariate: CovariatePlan, moment: str, schemas: Schemas) -> str:
    """A covariate as a number or a text, from the alias of its source at that moment."""
    source, name = locate(covariate.column, schemas)
    kind = "VARCHAR" if covariate.type == "category" else "DOUBLE"
    return f"CAST({quoted(f'{moment}_{source}')}.{quoted(name)} AS {kind})"
