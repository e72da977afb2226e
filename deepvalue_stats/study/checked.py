"""Tables of checks: what was asked, what came out, and how to read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.tables import CountTable, Rule

RULES: dict[str, Rule] = {
    "check": "label",
    "what": "label",
    "value": "statistic",
    "low": "statistic",
    "high": "statistic",
    "p_value": "statistic",
    "clients": "count",
    "reading": "label",
}
NUMBERS = ("value", "low", "high", "p_value")
UNKNOWN = "could not be estimated"


@dataclass(frozen=True)
class Checked:
    """One line of a table of checks.

    Attributes
    ----------
    check, what : str
    value, low, high, p_value : float
        Not a number where there is none.
    clients : int or None
        Whose numbers these are.
    fewest : int or None
        The fewest clients on any side of the line: with the outcome, without it, or compared with.
        What is shown is judged by them.
    reading : str
        In words, without any number: words pass the gate as they are.
    """

    check: str
    what: str
    value: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p_value: float = np.nan
    clients: int | None = None
    fewest: int | None = None
    reading: str = ""


def refused(check: str) -> Checked:
    """The line of a check that could not be made; why stays in the room."""
    return Checked(check, UNKNOWN)


def checked_table(
    name: str, caption: str, lines: Iterable[Checked], notes: tuple[str, ...]
) -> CountTable:
    """Lay checks out.

    Parameters
    ----------
    name, caption : str
    lines : iterable of Checked
    notes : tuple of str

    Returns
    -------
    CountTable
        Columns as `RULES`; its evidence is the fewest clients on any side.
    """
    held = list(lines)
    frame = pd.DataFrame(
        [[getattr(one, key) for key in RULES] for one in held], columns=list(RULES)
    )
    return CountTable(
        name=name,
        caption=caption,
        frame=frame.astype({**dict.fromkeys(NUMBERS, "float64"), "clients": "Int64"}),
        rules=RULES,
        notes=notes,
        evidence=pd.DataFrame({"clients": [behind(one) for one in held]}, dtype="int64"),
    )


def behind(line: Checked) -> int:
    """The fewest persons behind a line; nobody on a side tells as much as one."""
    known = [n for n in (line.clients, line.fewest) if n is not None]
    return max(1, min(known)) if known else 0


def lost_rows(
    name: str, caption: str, steps: Iterable[tuple[str, str, int]], waves: int
) -> CountTable:
    """Interviews that a check leaves out, by reason.

    Parameters
    ----------
    name, caption : str
    steps : iterable of (check, reason, rows)
    waves : int
        Of the study: nobody can lose more rows than that, so that rows tell how many clients there
        are behind them at the least.
    """
    frame = pd.DataFrame(list(steps), columns=["check", "reason", "interviews"])
    frame = frame.astype({"interviews": "int64"})
    return CountTable(
        name=name,
        caption=caption,
        frame=frame,
        rules={"check": "label", "reason": "label", "interviews": "count"},
        evidence=pd.DataFrame({"interviews": -(-frame["interviews"] // waves)}),
    )
