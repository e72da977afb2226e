"""Numbers that add up: from every source to the rows of the primary model."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from deepvalue_stats.data import Dataset, locate
from deepvalue_stats.linkage.linking import Linked
from deepvalue_stats.linkage.ratings import FATES, rating_source
from deepvalue_stats.plan import Plan
from deepvalue_stats.tables import CountTable, Rule

UNDATED_CONTACT = "contact without a date, which makes no episode"
UNDATED_BESIDE = "contact without a date, which is in no episode"
UNDATED_EPISODE = "episode without a start date, which is none"


def flow_table(rows: Dataset, bands: pd.Series, names: tuple[str, ...]) -> CountTable:
    """The ledger of an analysis, with every loss counted by confidence band as well.

    Parameters
    ----------
    rows : Dataset
        A model's rows, with the ledger of how they came to be.
    bands : pandas.Series
        Confidence band by client id.
    names : tuple of str
        The bands, lowest first.

    Returns
    -------
    CountTable
        Named `flow`: what left at each step, and the rows, clients and practitioners after it.
    """
    labels = [*names, "unknown"]
    lines, persons = [], []
    for step in rows.attrition:
        by_band = step.left_clients.map(bands).astype("object").fillna("unknown")
        whom = {"left": step.left_clients}
        whom |= {f"left_{name}": step.left_clients[by_band == name] for name in labels}
        remain = {"rows": step.rows, "clients": step.clients, "practitioners": step.practitioners}
        lines.append({"step": step.reason, **{k: len(v) for k, v in whom.items()}, **remain})
        persons.append({**{k: v.nunique() for k, v in whom.items()}, "rows": step.clients})
    frame, evidence = pd.DataFrame(lines), pd.DataFrame(persons)
    if not frame["left_unknown"].any():
        frame, evidence = frame.drop(columns="left_unknown"), evidence.drop(columns="left_unknown")
    rules: dict[str, Rule] = dict.fromkeys(frame.columns, "count")
    rules["step"] = "label"
    return CountTable(
        name="flow",
        caption="From the records to the analysis: what left at each step, and what remained",
        frame=frame,
        rules=rules,
        notes=("Rows that left are also counted by the client's confidence at baseline.",),
        evidence=evidence,
    )


def sources_table(plan: Plan, data: Mapping[str, Dataset], linked: Linked) -> CountTable:
    """For every source: rows read, rows left out and why, rows whose client is in the study.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
    linked : Dataset
        As `link` gives it, from the same data.

    Returns
    -------
    CountTable
        Named `sources`: rows in = rows left out + rows not linked + rows linked.
    """
    study = pd.Index(pd.concat([linked.frame["client"], *_left(linked)]).unique())
    lines = []
    for name, dataset in data.items():
        first, *steps = dataset.attrition
        lines.append((name, first.reason, first.rows))
        lines += [(name, f"left out: {step.reason}", step.left) for step in steps]
        inside = int(dataset.frame[plan.ids.client.column].isin(study).sum())
        lines.append((name, "client not in the study", len(dataset.frame) - inside))
        lines.append((name, "client in the study", inside))
    if plan.clock.kind == "dates":
        lines += _fates(plan, data, linked)
    return CountTable(
        name="sources",
        caption="Rows of every source: read, left out, linked",
        frame=pd.DataFrame(lines, columns=["source", "step", "rows"]),
        rules={"source": "label", "step": "label", "rows": "count"},
    )


def _left(linked: Dataset) -> list[pd.Series]:
    return [step.left_clients for step in linked.attrition]


def _fates(plan: Plan, data: Mapping[str, Dataset], linked: Linked) -> list[tuple[str, str, int]]:
    source, _ = rating_source(plan, {name: one.schema for name, one in data.items()})
    lines = [(source, words, n) for words, n in zip(FATES, linked.fates, strict=True)]
    episodes, _, _ = plan.clock.dated
    dates = {} if episodes.built else {episodes.qualified(episodes.start): UNDATED_EPISODE}
    if episodes.contact_date is not None:
        dates[episodes.contact_date] = UNDATED_CONTACT if episodes.built else UNDATED_BESIDE
    for date, what in dates.items():
        held, column = locate(date, data)
        undated = int(data[held].frame[column].isna().sum())
        lines += [(held, what, undated)] if undated else []
    return lines
