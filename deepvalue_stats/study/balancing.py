"""How alike clients with a less and with a more effective relationship were beforehand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from deepvalue_stats.linkage.quality import standardised_difference
from deepvalue_stats.plan import Plan
from deepvalue_stats.study.evidence import standardised
from deepvalue_stats.study.preparing import Prepared
from deepvalue_stats.study.words import in_words
from deepvalue_stats.tables import CountTable, Rule

NO_SIDES = "All clients have one and the same score, so there are no two sides to compare."
NOTHING_KNOWN = "The plan names nothing about clients by which two sides could be compared."


def balance_table(prepared: Prepared) -> CountTable:
    """Compare who scores above the mean with the others, by everything that the plan knows of them.

    Parameters
    ----------
    prepared : Prepared

    Returns
    -------
    CountTable
        Named `balance`: for each characteristic of the rows of the primary model, whether the
        model adjusts for it, the clients on either side, and the standardised difference, more
        effective less less effective; of several groups that of Yang and Dalton, which has no
        sign. A characteristic of groups is hidden where a group of either side is too small.
        Empty, with the reason as its note, where there are no two sides.

    Notes
    -----
    d = (m1 - m0) / sqrt((s1^2 + s0^2) / 2). Nobody is weighted or matched in a study, so there is
    one difference for each characteristic and none `after`.

    References
    ----------
    Austin (2009), Statistics in Medicine 28: 3083-3107; Yang and Dalton (2012), SAS Global Forum
    335.
    """
    plan, frame = prepared.plan, prepared.primary_rows.frame
    model = plan.models[plan.primary]
    score = frame[model.exposure].to_numpy(dtype="float64")
    # a mean is no one's own score, as a median may be
    more = score > score.mean() if len(score) else np.zeros(0, dtype=bool)
    sides = bool(more.any() and not more.all())
    lines = list(_lines(plan, frame, more)) if sides else []
    why = () if lines else (NOTHING_KNOWN if sides else NO_SIDES,)
    columns = ["less_effective", "more_effective"]
    evidence = pd.DataFrame([line.pop("behind") for line in lines], columns=columns)
    rules: dict[str, Rule] = {
        "characteristic": "label",
        "adjusted": "label",
        "less_effective": "count",
        "more_effective": "count",
        "difference": "statistic",
    }
    table = pd.DataFrame(lines, columns=list(rules))
    types = {"difference": "float64", **dict.fromkeys(columns, "int64")}
    exposure = in_words(model.exposure)
    return CountTable(
        name="balance",
        caption=f"How alike clients with a less and with a more effective {exposure} are",
        frame=table.astype(types),
        rules=rules,
        notes=why or _notes(exposure),
        evidence=evidence.astype("int64"),
    )


def _notes(exposure: str) -> tuple[str, ...]:
    return (
        f"Less and more effective: clients whose {exposure} score is up to the mean of all, and "
        "above it. Difference: in standard deviations, more effective less less effective; of "
        "more than two groups without a sign. Beyond 0.1 either way the sides are not alike.",
        "Nobody is weighted or matched, so these are the differences before any adjustment and "
        "there are none after it: the models hold fixed what they adjust for, as far as their "
        "form is right, and nothing else.",
    )


def _lines(plan: Plan, frame: pd.DataFrame, more: np.ndarray) -> Iterator[dict[str, object]]:
    model = plan.models[plan.primary]
    names = [*model.covariates, plan.equity.modifier, *plan.equity.also, *plan.covariates]
    for name in dict.fromkeys(names):
        if name not in frame or name == model.exposure:
            continue
        known = frame[name].notna().to_numpy()
        # a side of one has no spread
        if min((more & known).sum(), (~more & known).sum()) < 2:
            continue
        values, side = frame.loc[known, name], more[known]
        clients = frame.loc[known, "client"]
        yield {
            "characteristic": in_words(name),
            "adjusted": "yes" if name in model.covariates else "no",
            "less_effective": int(clients[~side].nunique()),
            "more_effective": int(clients[side].nunique()),
            "difference": _difference(values, side),
            "behind": tuple(_fewest(values[one], clients[one], values) for one in (~side, side)),
        }


def _difference(values: pd.Series, more: np.ndarray) -> float:
    if not _in_groups(values):
        numbers = values.to_numpy(dtype="float64")
        return standardised(numbers[more], numbers[~more])
    groups = pd.Series(pd.Categorical(values).remove_unused_categories(), index=values.index)
    return standardised_difference(groups, pd.Series(more, index=values.index))


def _in_groups(values: pd.Series) -> bool:
    """Whether a characteristic is of groups: one of two values is as telling as a category."""
    return not pd.api.types.is_numeric_dtype(values) or values.nunique() <= 2


def _fewest(values: pd.Series, clients: pd.Series, everyone: pd.Series) -> int:
    """Clients behind the smallest number of a side; an empty group tells as much as one of one."""
    if not _in_groups(everyone):
        return int(clients.nunique())
    counts = clients.groupby(values.astype("object")).nunique()
    return max(1, int(counts.reindex(everyone.astype("object").unique(), fill_value=0).min()))
