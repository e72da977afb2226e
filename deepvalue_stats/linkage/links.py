"""Links that were found elsewhere: from candidate pairs to the client of each record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from deepvalue_stats.data import Column, Dataset
from deepvalue_stats.linkage.passes import SECOND, TIED, linked_by_passes
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.optional import LinkTable

NO_CANDIDATE = "record without a candidate client"


def resolve_links(plan: Plan, data: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """Give each record of a source that has no client's id the one that its links say.

    A probabilistic linkage ends in pairs with a weight, whichever program made them. A record goes
    to the candidate of largest weight, if that reaches the plan's minimum. What is left over is
    counted by reason: a minimum that looks safe leaves out most where identifiers are worst, and
    with them the outcomes of those clients.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
        Typed, ids as they were read.

    Returns
    -------
    dict of str to Dataset
        The same sources, those that are linked by a table or by passes with the client's id beside
        their own. Of a source that has one row a client each client keeps the record of largest
        weight, or that of the earliest pass.

    References
    ----------
    Fellegi and Sunter (1969), Journal of the American Statistical Association 64, for the weight.
    """
    linked = dict(data)
    for name, link in plan.links.items():
        single = link.cardinality == "one_to_one"
        if link.table is not None:
            linked[name] = _resolved(plan, data[name], data[link.table.source], link.table, single)
        elif link.passes is not None:
            register = data[link.passes.clients]
            found = linked_by_passes(
                data[name], register, plan.ids.client.column, link.passes, single
            )
            linked[name] = with_owners(plan, *found)
    return linked


def with_minimum(plan: Plan, source: str, minimum: float) -> Plan:
    """The same plan with another least weight for the links of a source."""
    link = plan.links[source]
    if link.table is None:
        raise ValueError(f"'{source}' is not linked by a table")
    table = link.table.model_copy(update={"minimum": minimum})
    links = {**plan.links, source: link.model_copy(update={"table": table})}
    return plan.model_copy(update={"links": links})


def _resolved(
    plan: Plan, records: Dataset, pairs: Dataset, table: LinkTable, single: bool
) -> Dataset:
    client, record, weight = plan.ids.client.column, table.record, table.weight
    known = pairs.frame[pairs.frame[[client, record, weight]].notna().all(axis=1)]
    best = known[known[weight] == known.groupby(record)[weight].transform("max")]
    best = best.drop_duplicates([record, client])
    tied = best[record].duplicated(keep=False)
    sure = best[~tied].set_index(record)
    ids = records.frame[record]
    reached = ids.map(sure[weight])
    below = f"record whose best candidate is below weight {table.minimum:g}"
    why = pd.Series("", index=records.frame.index, dtype="object")
    why[~ids.isin(best[record])] = NO_CANDIDATE
    why[ids.isin(best.loc[tied, record])] = TIED
    why[reached.lt(table.minimum).to_numpy(dtype=bool)] = below
    whose = ids.map(sure[client]).astype("object").where(why == "", None)
    if single:
        order = pd.DataFrame({"client": whose, "weight": reached, "line": records.frame["line"]})
        ranked = order[why == ""].sort_values(["weight", "line"], ascending=[False, True])
        why[ranked.index[ranked["client"].duplicated().to_numpy()]] = SECOND
    return with_owners(plan, records, whose, why, (NO_CANDIDATE, TIED, below, SECOND))


def with_owners(
    plan: Plan, records: Dataset, whose: pd.Series, why: pd.Series, reasons: tuple[str, ...]
) -> Dataset:
    """Give records the client's id beside their own columns; those without one leave, counted.

    Parameters
    ----------
    plan : Plan
    records : Dataset
    whose : pandas.Series
        The client of each row, or None.
    why : pandas.Series of str
        One of `reasons` where there is none, otherwise empty.
    reasons : tuple of str
        In the order in which the flow tells them.
    """
    client = plan.ids.client.column
    column = Column(client, "id", "client", records.schema.name)
    schema = replace(records.schema, columns=(*records.schema.columns, column))
    found = replace(records, schema=schema).with_columns(**{client: whose})
    for reason in reasons:
        gone = (why == reason).to_numpy()
        if gone.any():
            found = found.restrict(~gone, reason)
            why = why[~gone].reset_index(drop=True)
    return found
