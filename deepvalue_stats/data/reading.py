"""Sources in, data sets out: the whole of reading, in the order in which it happens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from deepvalue_stats.data.dataset import Dataset, TableSchema, attrition_of
from deepvalue_stats.data.files import read_text_tables
from deepvalue_stats.data.keys import key_troubles
from deepvalue_stats.data.parse import (
    ParsedColumn,
    Rules,
    parse_column,
    require_date_forms,
    rules_of,
)
from deepvalue_stats.data.problems import Finding, exclusions, faults_of, problems_of
from deepvalue_stats.data.schema import compile_schemas
from deepvalue_stats.data.spans import span_troubles
from deepvalue_stats.data.text import TextTable, stripped
from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.plan.parts import Plan


def read_data(
    plan: Plan, *, folder: Path, frames: Mapping[str, pd.DataFrame] | None = None
) -> dict[str, Dataset]:
    """Read, check and type every source of a plan.

    Parameters
    ----------
    plan : Plan
    folder : path
        Relative source paths start here: the folder of the plan file.
    frames : mapping of str to pandas.DataFrame, optional
        Tables that stand in for the files of the sources so named.

    Returns
    -------
    dict of str to Dataset
        By source. A frame has the columns with a use, `line` (where the row begins in the file),
        and a boolean `<name>__suppressed` beside each column in which the owner hid a value.

    Raises
    ------
    PlanError
        If the plan uses a column that no source has, or in two ways that contradict one another.
    DataError
        With every fault of every source at once.

    See Also
    --------
    read_text_tables, type_tables : The two halves, for whoever wants to see what lies between.
    """
    return type_tables(plan, read_text_tables(plan, folder=folder, frames=frames))


def type_tables(plan: Plan, tables: Mapping[str, TextTable]) -> dict[str, Dataset]:
    """Check and type the sources that `read_text_tables` has read; see `read_data`."""
    require_date_forms(plan)
    schemas = compile_schemas(plan, {name: table.columns for name, table in tables.items()})
    faults: list[Fault] = []
    kept: dict[str, Dataset] = {}
    for name, table in tables.items():
        rules = rules_of(plan, name, typed=table.how.format != "csv")
        parsed, findings = _parsed(plan, table, schemas, rules)
        refused = [one for one in findings if _stops(one, rules)]
        faults += [*table.faults, *faults_of(refused)]
        if not refused:
            kept[name] = _settled(schemas[name], table, parsed, findings)
    if faults:
        raise DataError.of(faults)
    return kept


def _stops(finding: Finding, rules: Rules) -> bool:
    action = finding.kind.action
    return action == "refused" or (action == "fault" and rules.on_fault == "refuse")


def _parsed(
    plan: Plan, table: TextTable, schemas: Mapping[str, TableSchema], rules: Rules
) -> tuple[dict[str, ParsedColumn], tuple[Finding, ...]]:
    """Type the columns of a table, and find what is wrong with its rows."""
    schema = schemas[table.source]
    parsed = {}
    for one in schema.columns:
        text = stripped(table.texts[one.name])
        no_answer = table.no_answer.get(one.name, frozenset())
        parsed[one.name] = parse_column(one, text, rules, no_answer)
    whole = [*key_troubles(schema, parsed), *span_troubles(plan, schema.name, schemas, parsed)]
    marks = [("", *mark) for mark in whole]
    marks += [(name, *mark) for name, one in parsed.items() for mark in one.troubles]
    findings = tuple(
        Finding(schema.name, column, kind, rows, table.lines)
        for column, kind, rows in marks
        if rows.any()
    )
    return parsed, findings


def _settled(
    schema: TableSchema,
    table: TextTable,
    parsed: Mapping[str, ParsedColumn],
    findings: Sequence[Finding],
) -> Dataset:
    """Open the ledger, and leave the faulty rows out, a step for each kind of trouble."""
    steps = [(np.ones(len(table.lines), dtype=bool), "rows in the file")]
    steps += [(~rows, reason) for reason, rows in exclusions(findings)]
    who = {one.role: parsed[one.name] for one in reversed(schema.columns)}
    nobody = pd.Series(dtype="object"), np.empty(0, dtype=np.int64)
    clients, client = (who["client"].values(), who["client"].known) if "client" in who else nobody
    practitioner = who["practitioner"].known if "practitioner" in who else nobody[1]
    stays = np.logical_and.reduce([keep for keep, _ in steps])
    hidden = frozenset(name for name, one in parsed.items() if one.hidden.any())
    return Dataset(
        frame=_frame(parsed, table.lines, stays),
        schema=replace(schema, hidden=hidden),
        attrition=attrition_of(steps, clients, client, practitioner),
        problems=problems_of(findings),
        digest=_digest(parsed),
    )


def _frame(
    parsed: Mapping[str, ParsedColumn], lines: np.ndarray, stays: np.ndarray
) -> pd.DataFrame:
    rows = None if stays.all() else np.flatnonzero(stays)
    columns: dict[str, object] = {"line": lines if rows is None else lines[rows]}
    for name, one in parsed.items():
        columns[name] = one.values(rows)
        if one.hidden.any():
            columns[f"{name}__suppressed"] = one.suppressed(rows)
    return pd.DataFrame(columns, copy=False)


def _digest(parsed: Mapping[str, ParsedColumn]) -> str:
    """Hash the used columns' text: one value for one content, whatever the format."""
    sha = hashlib.sha256()
    for name in sorted(parsed):
        text = parsed[name].text
        sha.update(json.dumps([name, *text.distinct]).encode())
        sha.update(text.codes.astype("<i8").tobytes())
    return sha.hexdigest()
