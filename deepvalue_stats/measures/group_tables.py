"""Tables on whether groups of clients read a scale alike, step by step and item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import DataError
from deepvalue_stats.measures.answers import Answers
from deepvalue_stats.measures.factors.invariance import (
    Comparable,
    Invariance,
    Step,
    invariance,
    joined_categories,
)
from deepvalue_stats.measures.factors.model import Items, factor_model
from deepvalue_stats.measures.factors.structure import Structure
from deepvalue_stats.measures.item_function import ItemFunction, item_function
from deepvalue_stats.measures.scale_tables import kind_of, structures_of
from deepvalue_stats.plan import Measure
from deepvalue_stats.tables import CountTable, Rule

LEAST_ROWS = 100  # of a group whose answers are compared
LEAST_ANSWERS = 10  # in each category and group, where items are taken as ordinal

INVARIANCE: dict[str, Rule] = {
    "measure": "label",
    "across": "label",
    "step": "label",
    "groups": "label",
    "smallest": "count",
    "chi_squared": "statistic",
    "df": "statistic",
    "p_value": "statistic",
    "cfi_drop": "statistic",
    "rmsea_rise": "statistic",
    "srmr_rise": "statistic",
    "verdict": "statistic",
    "set_free": "statistic",
    "reading": "statistic",
}
ITEM_FUNCTION: dict[str, Rule] = {
    "measure": "label",
    "across": "label",
    "item": "label",
    "groups": "label",
    "smallest": "count",
    "shift": "statistic",
    "r_squared": "statistic",
    "p_adjusted": "statistic",
    "size": "statistic",
    "reading": "statistic",
}
READINGS: Mapping[str, str] = {
    "means": "The scale works alike in all groups: slopes and means may be compared.",
    "slopes": "Effects per point may be compared between groups, mean scores may not: at the same "
    "relationship the groups answer at different heights.",
    "nothing": "The items do not measure the same thing in all groups: neither effects nor means "
    "should be compared between them.",
    "not_known": "These data cannot tell whether the scale works alike in all groups.",
}

MISFIT = (
    "The structure that is compared does not describe the answers well enough, so that nothing can "
    "be said of whether groups read the scale alike: see the dimensions."
)


@dataclass(frozen=True)
class Compared:
    """Complete questionnaires of a measure in groups that are large enough.

    Attributes
    ----------
    items, groups, clusters : numpy.ndarray
        Of n rows; groups are numbers from 0, in the order of `names`.
    names : tuple of str
    rows, persons : tuple of int
        Questionnaires and clients of each group.
    """

    items: np.ndarray
    groups: np.ndarray
    clusters: np.ndarray
    names: tuple[str, ...]
    rows: tuple[int, ...]
    persons: tuple[int, ...]

    @property
    def why_not(self) -> str:
        """Why groups cannot be compared; empty where they can."""
        if self.items.shape[1] < 3:
            return "fewer than three items"
        few = f"fewer than two groups have {LEAST_ROWS} complete questionnaires"
        return few if len(self.names) < 2 else ""


def compared(one: Answers, group: pd.Series) -> Compared:
    """The rows of groups with at least 100 complete questionnaires.

    Parameters
    ----------
    one : Answers
    group : pandas.Series
        Group by client.
    """
    whose = one.complete["client"].map(group)
    counts = whose.value_counts()
    order = group.cat.categories if isinstance(group.dtype, pd.CategoricalDtype) else counts.index
    named = [name for name in order if counts.get(name, 0) >= LEAST_ROWS]
    keep = whose.isin(named).to_numpy()
    groups = pd.Index(named).get_indexer(pd.Index(whose[keep].astype("object")))
    clients = one.complete["client"][keep].groupby(groups).nunique()
    return Compared(
        items=one.items[keep],
        groups=groups,
        clusters=one.clusters[keep],
        names=tuple(map(str, named)),
        rows=tuple(int(counts[name]) for name in named),
        persons=tuple(int(clients[place]) for place in range(len(named))),
    )


def invariance_table(
    answered: Sequence[Answers], across: Mapping[str, pd.Series]
) -> tuple[CountTable, dict[tuple[str, str], Comparable]]:
    """Whether groups of clients read a scale alike, step by step.

    Parameters
    ----------
    answered : sequence of Answers
    across : mapping of str to pandas.Series
        Group by client, by what the groups are of: confidence bands, areas.

    Returns
    -------
    table : CountTable
        Named `invariance`; a comparison that cannot be made has one row that says why.
    comparable : dict of (measure, across) to str
        means, slopes, nothing or not_known; refused comparisons are not known.
    """
    rows, persons = [], []
    comparable: dict[tuple[str, str], Comparable] = {}
    for one in answered:
        if one.measure.baseline:
            continue  # bands are cut from this very score
        for name, group in across.items():
            rows_of = compared(one, group)
            found = _steps(one, rows_of)
            comparable[one.measure.name, name] = (
                "not_known" if isinstance(found, str) else found.comparable
            )
            lines = _invariance_rows(one.measure, name, found, rows_of)
            rows += lines
            persons += [min(rows_of.persons, default=0)] * len(lines)
    table = CountTable(
        name="invariance",
        caption="Do groups of clients read the scale alike?",
        frame=pd.DataFrame(rows, columns=list(INVARIANCE)),
        rules=INVARIANCE,
        notes=(
            f"Compared are groups with {LEAST_ROWS} complete questionnaires or more, named in the "
            "table; others are left out. "
            "Compared is one factor where it fits well, else one for each subscale. "
            "Each step holds one thing more equal across groups: configural (the same items on the "
            "same factors), thresholds (ordinal items only), metric (loadings), scalar "
            "(intercepts), strict (residuals; for information).",
            "A step fails if the scaled chi-squared difference rejects it (p below .05) and fit "
            "gets worse by more than CFI .010, RMSEA .015 or SRMR .030 (.010 from scalar on). Set "
            "free: items that differ, with which the step holds for the others.",
            "The chi-squared allows for clients of one practitioner being alike, also where a "
            "practitioner has clients in several groups.",
        ),
        evidence=pd.DataFrame({"smallest": persons}, dtype="int64"),
    )
    return table, comparable


def item_function_table(answered: Sequence[Answers], across: Mapping[str, pd.Series]) -> CountTable:
    """Which items groups answer differently at the same level of the others.

    Parameters
    ----------
    answered : sequence of Answers
    across : mapping of str to pandas.Series
        Group by client, by what the groups are of.

    Returns
    -------
    CountTable
        Named `item_function`; empty for comparisons that the table of invariance refuses.
    """
    rows, persons = [], []
    for one in answered:
        for name, group in {} if one.measure.baseline else across.items():
            rows_of = compared(one, group)
            lines = _item_rows(one.measure, name, rows_of)
            rows += lines
            persons += [min(rows_of.persons, default=0)] * len(lines)
    return CountTable(
        name="item_function",
        caption="Which items do groups answer differently at the same level of the others?",
        frame=pd.DataFrame(rows, columns=list(ITEM_FUNCTION)),
        rules=ITEM_FUNCTION,
        notes=(
            "Proportional-odds logits of each item on the mean of the others, the group and both. "
            "Shift: points by which a group answers higher than the first, the largest of "
            "several. Items that differ leave the others' mean.",
            "Size by the gain in Nagelkerke's R squared: moderate from .035, large from .070 "
            "(Jodoin and Gierl 2001). p by Wald, allowing for clients of one practitioner, "
            "adjusted over items (Holm). A difference that is found and negligible is of no "
            "account.",
        ),
        evidence=pd.DataFrame({"smallest": persons}, dtype="int64"),
    )


def item_reading(found: ItemFunction) -> str:
    """What a reader may take from the test of one item."""
    if found.status != "ok":
        return f"not computable: {found.status}"
    if found.differs:
        return "answered differently at the same level of the others"
    return "alike, as far as matters" if found.p_adjusted < 0.05 else "no difference found"


def _item_rows(measure: Measure, across: str, rows_of: Compared) -> list[tuple[object, ...]]:
    if rows_of.why_not:
        return []
    label, groups = (measure.name, across), ", ".join(rows_of.names)
    try:
        found = item_function(
            rows_of.items, rows_of.groups, measure.items, clusters=rows_of.clusters
        )
    except DataError:
        return []  # the table of invariance says why
    smallest = min(rows_of.rows)
    return [
        (
            *label,
            one.item,
            groups,
            smallest,
            float(one.shift[np.abs(one.shift).argmax()]),
            one.r_squared,
            one.p_adjusted,
            one.size,
            item_reading(one) + ("; a group has fewer than 200" if found.doubtful else ""),
        )
        for one in found.items
    ]


def _steps(one: Answers, rows_of: Compared) -> Invariance | str:
    """The steps of one measure across groups, or why there are none."""
    if rows_of.why_not:
        return rows_of.why_not
    kind, items = kind_of(one.measure), rows_of.items
    if kind == "ordinal":
        items = joined_categories(items, rows_of.groups, LEAST_ANSWERS)
    structure, columns = _compared_structure(one, kind)
    try:
        return invariance(
            items[:, columns], structure, rows_of.groups, kind=kind, clusters=rows_of.clusters
        )
    except DataError as error:
        return error.faults[0].what


def _compared_structure(one: Answers, kind: Items) -> tuple[Structure, list[int]]:
    """The simplest structure that describes everybody: one factor if it fits, else the subscales.

    Subscales that have no proper solution are not told apart by anybody: one factor again.
    """
    (_, single, whole), *others = structures_of(one.measure)
    if not others:
        return single, whole
    _, several, order = others[0]
    try:
        if factor_model(one.items, single, kind=kind, clusters=one.clusters).fits_well:
            return single, whole
        found = factor_model(one.items[:, order], several, kind=kind, clusters=one.clusters)
    except DataError:
        return single, whole
    return (single, whole) if found.status else (several, order)


def _invariance_rows(
    measure: Measure, across: str, found: Invariance | str, rows_of: Compared
) -> list[tuple[object, ...]]:
    label = (measure.name, across)
    smallest = min(rows_of.rows, default=0)
    groups = ", ".join(rows_of.names)
    if isinstance(found, str):
        nothing = [np.nan] * 6
        return [(*label, "", groups, smallest, *nothing, "not known", "", f"refused: {found}")]
    reading = READINGS[found.comparable]
    if found.steps[0].verdict == "fails":
        reading = MISFIT
    if found.partial and found.comparable == "means":
        reading = (
            f"{', '.join(found.partial)} differ{'s' * (len(found.partial) == 1)} between groups; "
            "the other items work alike, and with these set free slopes and means may be compared."
        )
    return [
        (*label, step.name, groups, smallest, *_step_numbers(step), reading) for step in found.steps
    ]


def _step_numbers(step: Step) -> tuple[object, ...]:
    return (
        step.difference.value,
        float(step.difference.df) if step.name != "configural" else np.nan,
        step.difference.p_value,
        step.cfi_drop,
        step.rmsea_rise,
        step.srmr_rise,
        step.verdict.replace("_", " "),
        ", ".join(step.released),
    )
