"""What is not known of whom: every variable of the primary model by confidence band."""

from __future__ import annotations

import pandas as pd

from deepvalue_stats.study.preparing import Prepared
from deepvalue_stats.study.words import in_words
from deepvalue_stats.tables import CountTable, Rule

NO_BAND = "not known"


def missing_table(prepared: Prepared) -> CountTable:
    """Count for each variable of the primary model the units in which it is missing, by band.

    Parameters
    ----------
    prepared : Prepared

    Returns
    -------
    CountTable
        Named `missing`: variable, band, rows (units of analysis of the cohort, before any of them
        left for want of a value) and `missing` among them. There is no line for everybody: with
        it a band that is hidden could be worked out from the others.

    Notes
    -----
    A cell is hidden where the clients with the value missing, or those with it known, are fewer
    than the threshold and not none. That nothing is missing, or everything, says how the data were
    collected and nothing of a client.

    References
    ----------
    Lee and others (2021), Journal of Clinical Epidemiology 134: missing data by the variables of
    the analysis (TARMOS).
    """
    plan, frame = prepared.plan, prepared.linked.frame
    model = plan.models[plan.primary]
    bands = frame["client"].map(prepared.bands).astype("object").fillna(NO_BAND)
    names = [model.exposure, model.response, plan.equity.modifier, *model.covariates]
    lines, persons = [], []
    for name in dict.fromkeys(name for name in names if name in frame):
        absent = frame[name].isna()
        for band in (*plan.equity.bands, NO_BAND):
            here = bands == band
            if not here.any():
                continue
            gone, there = (frame.loc[here & side, "client"].nunique() for side in (absent, ~absent))
            lines.append((in_words(name), band, int(here.sum()), int((absent & here).sum())))
            clients = int(frame.loc[here, "client"].nunique())
            persons.append((clients, min(gone, there)))
    rules: dict[str, Rule] = {
        "variable": "label",
        "band": "label",
        "rows": "count",
        "missing": "count",
    }
    counts = ["rows", "missing"]
    return CountTable(
        name="missing",
        caption=f"What is missing, by {in_words(plan.equity.modifier)} at baseline",
        frame=pd.DataFrame(lines, columns=list(rules)).astype(
            {"rows": "int64", "missing": "int64"}
        ),
        rules=rules,
        notes=(
            "Of everybody who could have been in the analysis, before anybody left for want of a "
            "value; for whatever reason a value is missing, also where none was due. Rows with "
            "any of these missing are not in the primary model: the flow says in which order they "
            "left.",
        ),
        evidence=pd.DataFrame(persons, columns=counts).astype("int64"),
    )
