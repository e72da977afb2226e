"""The one gate that every table, figure and count in a sentence passes on its way out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deepvalue_stats.disclosure.curves import drawn
from deepvalue_stats.disclosure.rules import Log, Rules, round_to
from deepvalue_stats.errors import DisclosureError
from deepvalue_stats.tables import COUNTS, NUMERIC, CountTable, Curve, EffectTable, Phrase, Series

SUPPRESSED = "[c]"
DIGITS = 3  # significant digits of a statistic beside rounded counts


@dataclass(frozen=True)
class Cleared:
    """What passed the gate, in the order in which it came."""

    effects: EffectTable
    counts: tuple[CountTable, ...]
    series: tuple[Series, ...]


def protect(
    rules: Rules,
    *,
    effects: EffectTable,
    counts: tuple[CountTable, ...],
    series: tuple[Series | Curve, ...],
) -> tuple[Cleared, Log]:
    """Apply the rules to everything at once.

    Parameters
    ----------
    rules : Rules
    effects : EffectTable
        With its evidence. A row is suppressed when its clients, or those of them with or without
        the outcome, are fewer than the threshold; a difference of two groups also when either
        group is, which could be worked out from it and the other.
    counts : tuple of CountTable
        Cleared tables have text cells, with `[c]` for what is suppressed.
    series : tuple of Series or Curve
        A point whose clients are too few leaves the figure; an empirical curve is worked out from
        rounded counts.

    Returns
    -------
    Cleared, Log

    Raises
    ------
    DisclosureError
        Where a table comes without the evidence by which it could be judged.
    """
    lines: list[dict[str, object]] = []
    cleared = Cleared(
        _effects(rules, effects, lines),
        tuple(_counts(rules, table, lines) for table in counts),
        tuple(_series(rules, one, lines) for one in series),
    )
    columns = ["table", "column", "rule", "cells", "suppressed"]
    return cleared, Log(rules.says(), pd.DataFrame(lines, columns=columns).astype("str"))


def protect_phrase(rules: Rules, phrase: Phrase) -> Phrase:
    """Clear the counts in a sentence; one that is too small becomes 'fewer than' the threshold."""
    small = f"fewer than {rules.threshold}"
    words = {
        name: small if 0 < count < rules.threshold else f"{int(round_to(count, rules.rounding)):,}"
        for name, count in phrase.counts.items()
    }
    return phrase.cleared(words)


def too_small(count: np.ndarray, total: np.ndarray | None, threshold: int) -> np.ndarray:
    """Which counts, or the rests of their totals, are below the threshold.

    Parameters
    ----------
    count, total : integer arrays, shape (n,)
        With a total a count of 0, or of everyone, is as telling as a small one.
    threshold : int

    Returns
    -------
    boolean array, shape (n,)
    """
    if threshold == 0:
        return np.zeros(count.shape, dtype=bool)
    if total is None:
        return np.asarray((count > 0) & (count < threshold))
    return np.asarray((count < threshold) | (total - count < threshold))


def _effects(rules: Rules, table: EffectTable, lines: list[dict[str, object]]) -> EffectTable:
    if table.evidence is None:
        raise DisclosureError(
            "an effect table comes without evidence",
            "effects",
            "build it with `average_effect`, which counts clients with and without the outcome",
        )
    frame = table.frame.copy()
    hidden = np.zeros(len(frame), dtype=bool)
    for counted in (frame["n_clients"].to_numpy(dtype="int64"), *table.evidence.to_numpy().T):
        hidden |= too_small(counted, None, rules.threshold) | (counted == 0) & (not rules.open)
    hidden |= _of_hidden_groups(frame, hidden)
    practitioners = frame["n_practitioners"].fillna(0).to_numpy(dtype="int64")
    few = too_small(practitioners, None, rules.threshold)
    for name in COUNTS:
        known = frame[name].notna()
        frame.loc[known, name] = round_to(frame.loc[known, name].to_numpy("int64"), rules.rounding)
    frame.loc[few, "n_practitioners"] = pd.NA
    frame.loc[hidden, [*NUMERIC]] = np.nan
    frame.loc[hidden, [*COUNTS]] = pd.NA
    frame.loc[hidden, "status"] = "suppressed"
    # the unit's size in points is a statistic of the same clients
    words = frame.loc[hidden, "estimand"].astype("str")
    frame.loc[hidden, "estimand"] = words.str.replace(r" \([^()]*\)", "", regex=True)
    lines.append(_line("effects", "estimate", "clients and outcome", hidden))
    lines.append(_line("effects", "n_practitioners", "count", few | hidden))
    return EffectTable(frame)


def _of_hidden_groups(frame: pd.DataFrame, hidden: np.ndarray) -> np.ndarray:
    """Which rows are a difference with a group that is hidden in the same fit, on any scale."""
    named = frame[["model", "outcome", "exposure", "group"]].astype("str")
    keys = list(named.itertuples(index=False, name=None))
    gone = {key for key, is_hidden in zip(keys, hidden, strict=True) if is_hidden}
    return np.array(
        [any((*fit, part) in gone for part in group.split(" minus ")) for *fit, group in keys],
        dtype=bool,
    )


def _counts(rules: Rules, table: CountTable, lines: list[dict[str, object]]) -> CountTable:
    cells: dict[str, pd.Series] = {}
    any_hidden = np.zeros(len(table.frame), dtype=bool)
    for name, rule in table.rules.items():
        column = table.frame[name]
        if rule in ("count", "outcome_count"):
            hidden = _hidden(rules, table, name)
            any_hidden |= hidden
            cells[name] = _count_cells(rules, column, hidden)
            lines.append(_line(table.name, name, rule, hidden))
        elif rule == "statistic" and not rules.open:
            cells[name] = column.map(_short)
        else:
            cells[name] = column.map(_text)
    for name, rule in table.rules.items():
        if rule == "share":
            cells[name] = _shares(rules, table)
        if rule in ("share", "statistic"):
            gone = pd.Series(any_hidden, index=table.frame.index)
            cells[name] = cells[name].mask(gone, SUPPRESSED)
    frame = pd.DataFrame(cells, columns=list(table.rules)).astype("str").reset_index(drop=True)
    return replace(table, frame=frame, evidence=None)


def _shares(rules: Rules, table: CountTable) -> pd.Series:
    """Shares of the rounded counts, so that no exact count can be worked back."""
    part = next(name for name, rule in table.rules.items() if rule == "outcome_count")
    rounded = [
        round_to(table.frame[name].fillna(0).to_numpy(dtype="int64"), rules.rounding)
        for name in (part, table.total)
    ]
    total = np.where(rounded[1] > 0, rounded[1], 1)
    return pd.Series(rounded[0] / total, index=table.frame.index).map(_text)


def _hidden(rules: Rules, table: CountTable, name: str) -> np.ndarray:
    known = table.frame[name].notna().to_numpy()
    count = table.frame[name].fillna(0).to_numpy(dtype="int64")
    total = None
    if table.rules[name] == "outcome_count":
        if table.total is None:
            raise DisclosureError(
                "an outcome count comes without its total",
                f"{table.name}.{name}",
                "name the column of the total, so that the complement can be judged",
            )
        total = table.frame[table.total].fillna(0).to_numpy(dtype="int64")
    hidden = too_small(count, total, rules.threshold)
    for side in ("with", "without") if total is not None else (name,):
        if table.evidence is not None and side in table.evidence:
            persons = table.evidence[side].to_numpy(dtype="int64")
            hidden = hidden | (persons < rules.threshold) & ((persons > 0) | (total is not None))
    return np.asarray(known & hidden)


def _count_cells(rules: Rules, column: pd.Series, hidden: np.ndarray) -> pd.Series:
    rounded = round_to(column.fillna(0).to_numpy(dtype="int64"), rules.rounding)
    text = pd.Series(rounded, index=column.index).astype("str")
    return text.mask(hidden, SUPPRESSED).mask(column.isna(), "")


def _text(value: object) -> str:
    """A label or a statistic as it will stand in the file, so that what is read back is equal."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _short(value: object) -> str:
    """A statistic with the digits that may stand beside rounded counts."""
    if not isinstance(value, float) or not np.isfinite(value):
        return _text(value)
    return np.format_float_positional(value, precision=DIGITS, fractional=False, trim="-")


def _series(rules: Rules, one: Series | Curve, lines: list[dict[str, object]]) -> Series:
    if isinstance(one, Curve):
        series, hidden = drawn(rules, one)
        lines.append(_line(one.name, "y", "clients and outcome", hidden))
        return series
    if one.evidence is None:
        raise DisclosureError(
            "a figure's data come without evidence",
            one.name,
            "give the clients with and without the outcome behind each point",
        )
    counted = [one.frame["n_clients"].to_numpy(dtype="int64"), *one.evidence.to_numpy("int64").T]
    hidden = np.zeros(len(one.frame), dtype=bool)
    for count in counted:
        hidden |= too_small(count, None, rules.threshold) | (count == 0) & (not rules.open)
    frame = one.frame.assign(
        n_clients=pd.Series(round_to(counted[0], rules.rounding), index=one.frame.index).astype(
            "str"
        )
    )
    lines.append(_line(one.name, "y", "clients and outcome", hidden))
    return replace(one, frame=frame[~hidden].reset_index(drop=True), evidence=None)


def _line(table: str, column: str, rule: str, hidden: np.ndarray) -> dict[str, object]:
    shown = "none" if not hidden.any() else "some" if not hidden.all() else "all"
    return {
        "table": table,
        "column": column,
        "rule": rule,
        "cells": len(hidden),
        "suppressed": shown,
    }
