"""Pieces of the SQL by which a study is joined, in a subset that DuckDB and Spark read alike.

House rules: dates are whole days since 1970-01-01, so that windows are integer arithmetic; ties in
time are broken by the line of the file; sums are of integers and divided once, last, so that every
engine and every run gives the same bits; every division is guarded by NULLIF; names stand in
double quotes and texts in single ones, as the SQL standard has it; rows are put in order last, on
a line of its own, by columns of the result; an episode is known by the line
that opens it, a number that groups and joins faster than the text of an id.
"""

from __future__ import annotations

from collections.abc import Mapping

from deepvalue_stats.data import TableSchema, locate
from deepvalue_stats.plan.parts import CovariatePlan, Plan

Schemas = Mapping[str, TableSchema]
# later than every date
NEVER = 2147483647


def quoted(name: str) -> str:
    """An identifier that may hold any sign."""
    return '"' + name.replace('"', '""') + '"'


def table(source: str) -> str:
    """The view in which a source stands, under a name that no step of a query has."""
    return quoted(f"source_{source}")


def literal(text: str) -> str:
    """A text constant."""
    return "'" + text.replace("'", "''") + "'"


def moment(day: str, line: str) -> str:
    """A whole number that puts rows in the order of their days, and within a day of their lines."""
    return f"({day} * CAST(4294967296 AS BIGINT) + {line})"


def source_of(measure: str, plan: Plan, schemas: Schemas) -> str:
    """The source in which a measure was scored."""
    return locate(plan.measures[measure].items[0], schemas)[0]


def has(schema: TableSchema, column: str | None) -> bool:
    """Whether a source holds a column that has a use."""
    return any(one.name == column for one in schema.columns)


def covariate_columns(
    name: str, covariate: CovariatePlan, moment: str, schemas: Schemas
) -> list[str]:
    """A covariate as a number or a text, and why it is missing where its owner hid it.

    `moment` opens the alias of its source: `now` or `base`.
    """
    source, column = locate(covariate.column, schemas)
    alias = quoted(f"{moment}_{source}")
    kind = "STRING" if covariate.type == "category" else "DOUBLE"
    columns = [f"CAST({alias}.{quoted(column)} AS {kind}) AS {quoted(name)}"]
    if column in schemas[source].hidden:
        why = literal(f"{name.replace('_', ' ')} suppressed by the data owner")
        flag = f"{alias}.{quoted(f'{column}__suppressed')}"
        columns.append(f"CASE WHEN {flag} THEN {why} ELSE '' END AS {quoted(f'{name}__why')}")
    return columns
