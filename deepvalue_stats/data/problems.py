"""What was wrong with the data, in counts and lines, and what was done about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepvalue_stats.data.dataset import Dataset, Problem
from deepvalue_stats.data.text import TextTable
from deepvalue_stats.data.values import Kind
from deepvalue_stats.errors import Fault

NAMED = 5


@dataclass(frozen=True)
class Finding:
    """A kind of trouble in one column (or, without a column, in whole rows) of a source."""

    source: str
    column: str
    kind: Kind
    rows: np.ndarray
    lines: np.ndarray

    @property
    def first_line(self) -> int:
        """The line of the first row in trouble."""
        return int(self.lines[int(np.argmax(self.rows))])


def faults_of(findings: Iterable[Finding]) -> list[Fault]:
    """Word the faults of one source, columns with the same trouble together."""
    return [
        Fault(f"{kind.what}: {_rows(int(_union(several).sum()))}", _where(several), kind.fix)
        for kind, several in _by_kind(findings).items()
    ]


def exclusions(findings: Iterable[Finding]) -> list[tuple[str, np.ndarray]]:
    """Give the reason and rows of every kind of fault, for `Dataset.restrict`."""
    faulty = [finding for finding in findings if finding.kind.action == "fault"]
    return [(_reason(kind, several), _union(several)) for kind, several in _by_kind(faulty).items()]


def problems_of(findings: Iterable[Finding]) -> tuple[Problem, ...]:
    """Turn findings into what a data set keeps when faulty rows are excluded."""
    return tuple(
        Problem(
            source=one.source,
            column=one.column,
            what=one.kind.what,
            count=int(one.rows.sum()),
            first_line=one.first_line,
            action="row excluded" if one.kind.action == "fault" else one.kind.action,
            fix=one.kind.fix,
        )
        for one in findings
    )


def problems_report(data: Mapping[str, Dataset]) -> list[str]:
    """Word everything that was wrong with the sources and did not stop the reading.

    Parameters
    ----------
    data : mapping of str to Dataset

    Returns
    -------
    list of str
        A line for each kind of problem of a source: what, in which columns, how many cells, where
        first, what was done, and how to put it right.
    """
    grouped: dict[tuple[str, str, str, str], list[Problem]] = {}
    for dataset in data.values():
        for one in dataset.problems:
            grouped.setdefault((one.source, one.what, one.action, one.fix), []).append(one)
    return [
        f"{source}: {what}{_columns([one.column for one in several])}: "
        f"{_times(sum(one.count for one in several))}, "
        f"first at line {min(one.first_line for one in several)}; {action}. Fix: {fix}."
        for (source, what, action, fix), several in grouped.items()
    ]


def reading_notes(tables: Mapping[str, TextTable]) -> list[str]:
    """Say how each source was read; what was recognised and not declared is named so.

    Examples
    --------
    >>> from deepvalue_stats.data.text import HowRead, TextTable
    >>> how = HowRead("csv", "cp1252", ";", recognised=("encoding",), blank_rows=2)
    >>> table = TextTable("ratings", ("id",), {}, np.array([2]), how)
    >>> reading_notes({"ratings": table})
    ["ratings: csv, 1 row, encoding cp1252 (recognised), delimiter ';', 2 blank rows passed over"]
    """
    return [f"{name}: {', '.join(_note(table))}" for name, table in tables.items()]


def _note(table: TextTable) -> list[str]:
    how = table.how
    notes = [how.format, _rows(len(table.lines))]
    shown = {"\t": "tab", None: None}
    delimiter = shown.get(how.delimiter, f"'{how.delimiter}'")
    for key, value in (("encoding", how.encoding), ("delimiter", delimiter)):
        if value:
            notes.append(f"{key} {value}{' (recognised)' if key in how.recognised else ''}")
    if how.blank_rows:
        notes.append(f"{_rows(how.blank_rows, 'blank ')} passed over")
    return notes


def _by_kind(findings: Iterable[Finding]) -> dict[Kind, list[Finding]]:
    grouped: dict[Kind, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(finding.kind, []).append(finding)
    return grouped


def _union(several: Sequence[Finding]) -> np.ndarray:
    rows: np.ndarray = np.logical_or.reduce([finding.rows for finding in several])
    return rows


def _where(several: Sequence[Finding]) -> str:
    source = f"source '{several[0].source}'"
    if not several[0].column:
        return f"{source}, first at line {several[0].first_line}"
    shown = [f"'{one.column}' (first at line {one.first_line})" for one in several[:NAMED]]
    return f"{source}, column{'s' if len(several) > 1 else ''} {_listed(shown, len(several))}"


def _reason(kind: Kind, several: Sequence[Finding]) -> str:
    return f"{kind.what}{_columns([one.column for one in several])}"


def _columns(names: Sequence[str]) -> str:
    """Put the columns in brackets; nothing for trouble with whole rows."""
    return f" ({_listed(names[:NAMED], len(names))})" if names[0] else ""


def _listed(shown: Sequence[str], total: int) -> str:
    more = f" and {total - len(shown)} more" if total > len(shown) else ""
    return f"{', '.join(shown)}{more}"


def _rows(count: int, adjective: str = "") -> str:
    return f"{count} {adjective}row{'' if count == 1 else 's'}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
