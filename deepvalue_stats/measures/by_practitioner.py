"""How well a practitioner's mean is known: a table over the measures of the relationship."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures.agreement import Agreement, agreement, practitioner_means
from deepvalue_stats.measures.answers import Answers
from deepvalue_stats.measures.enough import enough_ratings
from deepvalue_stats.measures.within_group import SKEWED, Null, within_group_agreement
from deepvalue_stats.plan import Measure, Plan
from deepvalue_stats.tables import CountTable, Rule

RELIABLE = 0.70
SKEW: Null = "slightly_skewed"
RULES: dict[str, Rule] = {
    "measure": "label",
    "taken_from": "label",
    "practitioners": "count",
    "clients": "count",
    "ratings": "count",
    "practitioner_known": "statistic",
    "caseload": "statistic",
    "icc1": "statistic",
    "low": "statistic",
    "high": "statistic",
    "estimator": "label",
    "icc2": "statistic",
    "reliable": "statistic",
    "needed_70": "statistic",
    "needed_80": "statistic",
    "rwg_uniform": "statistic",
    "rwg_skewed": "statistic",
    "reading": "statistic",
}
NOTES = (
    "Of measures that are repeated on the clock. A client counts once with each practitioner, with "
    "the mean of its ratings: many ratings by few clients would look like many clients who agree.",
    "ICC(1), with its 95% interval: the share of the variance of clients' ratings that lies "
    "between practitioners. ICC(2): the reliability of a practitioner's mean at the average "
    f"caseload; below {RELIABLE:.2f} differences between practitioners are not well known, and an "
    "effect between them is drawn to that within them.",
    f"Reliable: the share of practitioners whose own mean reaches {RELIABLE:.2f}. Needed: clients "
    "who rate one practitioner for .70 and .80, with the interval that the ICC's gives.",
    "r_wg(j): how far clients of one practitioner give the same answers, the median over "
    "practitioners with two complete ratings or more (the first of each client), against answers "
    "spread evenly, and against answers that lean slightly to one end.",
)


def practitioner_table(plan: Plan, answered: Sequence[Answers]) -> CountTable:
    """How well the mean of a practitioner's ratings is known, measure by measure.

    Parameters
    ----------
    plan : Plan
    answered : sequence of Answers
        As `answers` gives them, with the linked rows.

    Returns
    -------
    CountTable
        Named `practitioners`, a row for each measure that is repeated on the clock; no
        practitioner is named. Empty where the plan does not know practitioners.

    Notes
    -----
    A row that cannot be computed says why in `reading`, and has no numbers.
    """
    rows, persons = [], []
    if plan.ids.practitioner is not None:
        for one in answered:
            if not one.measure.baseline:
                rows.append(_row(one))
                persons.append(one.known["client"].nunique())
    frame = pd.DataFrame(rows, columns=list(RULES))
    return CountTable(
        name="practitioners",
        caption="How far clients of one practitioner agree, and how well their mean is known",
        frame=frame.astype(dict.fromkeys(("practitioners", "clients", "ratings"), "int64")),
        rules=RULES,
        notes=NOTES,
        evidence=pd.DataFrame({"ratings": persons}, dtype="int64"),
    )


def _row(answered: Answers) -> dict[str, object]:
    """One line of the table; what cannot be computed is missing."""
    measure, known = answered.measure, answered.known
    whom = ["practitioner", "client"]
    pairs = known.groupby(whom, sort=False, observed=True)["score"].mean().reset_index()
    by = pairs["practitioner"].to_numpy()
    line: dict[str, object] = dict.fromkeys(RULES, np.nan)
    line |= dict.fromkeys(("estimator", "needed_70", "needed_80"), "")
    line |= {
        "measure": measure.name,
        "taken_from": answered.taken_from,
        "practitioners": int(pairs["practitioner"].nunique()),
        "clients": int(pairs["client"].nunique()),
        "ratings": len(known),
        "practitioner_known": answered.share_known,
        **_answers(measure, known, whom),
    }
    try:
        found = agreement(pairs["score"].to_numpy(), by)
    except ModelError as refused:
        return line | {"reading": f"not computable: {refused.faults[0].what}"}
    means = practitioner_means(pairs["score"].to_numpy(), by)
    first, second, _ = enough_ratings(found)
    return line | {
        "caseload": found.caseload.median,
        "icc1": found.icc1,
        "low": found.icc1_low,
        "high": found.icc1_high,
        "estimator": found.estimator,
        "icc2": found.icc2,
        "reliable": float((means.reliability >= RELIABLE).mean()),
        "needed_70": first.text,
        "needed_80": second.text,
        "reading": reading_of(found),
    }


def _answers(measure: Measure, known: pd.DataFrame, whom: list[str]) -> dict[str, float]:
    """Median r_wg(j), of each client's first complete rating of a practitioner."""
    low, high = measure.response_range
    offered = sum(answer not in measure.not_applicable for answer in range(low, high + 1))
    items = [name for name in known if isinstance(name, int)]
    first = known.dropna(subset=items).drop_duplicates(whom)
    values, by = first[items].to_numpy(dtype="float64"), first["practitioner"].to_numpy()
    found = {"rwg_uniform": within_group_agreement(values, by, offered).median}
    if offered in SKEWED[SKEW]:
        found["rwg_skewed"] = within_group_agreement(values, by, offered, SKEW).median
    return found


def reading_of(found: Agreement) -> str:
    """What a reader may take from the reliability of practitioners' means."""
    if found.status == "one":
        return "no client differs from another of the same practitioner: check the source"
    if found.status == "zero":
        return "practitioners do not differ by more than chance"
    if found.icc2 < RELIABLE:
        return "differences between practitioners are not well known"
    return "differences between practitioners are known well enough to compare groups of them"
