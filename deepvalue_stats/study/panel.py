"""Who there is to follow over waves, and how many of them change."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepvalue_stats.plan.parts import ModelPlan
from deepvalue_stats.study.words import in_words
from deepvalue_stats.tables import CountTable, Rule

RULES: dict[str, Rule] = {"what": "label", "clients": "count", "rows": "count"}


def panel_table(model: ModelPlan, frame: pd.DataFrame) -> CountTable:
    """What a model of the same client over time has to go on.

    Parameters
    ----------
    model : ModelPlan
    frame : pandas.DataFrame
        The model's rows, one a client and wave, with `wave_number`.

    Returns
    -------
    CountTable
    """
    sizes = frame.groupby("client", observed=True).size()
    waves = frame["wave_number"].nunique()
    place = frame["wave_number"].rank(method="dense").astype("int64")
    spans = place.groupby(frame["client"], observed=True).agg(["min", "max", "size"])
    gaps = spans["max"] - spans["min"] + 1 > spans["size"]
    counted = {
        "all": sizes.index,
        "seen in one wave only": sizes.index[sizes == 1],
        "seen in two waves or more": sizes.index[sizes > 1],
        f"seen in every wave ({waves})": sizes.index[sizes == waves],
        "with a wave missing in between": spans.index[gaps],
        f"whose {in_words(model.exposure)} score changes": _changing(frame, model.exposure),
        f"whose outcome changes ({in_words(model.outcome)})": _changing(frame, model.response),
    }
    rows = [
        (what, len(clients), int(frame["client"].isin(clients).sum()))
        for what, clients in counted.items()
    ]
    if "practitioner" in frame:
        moved = _changing(frame, "practitioner")
        rows.append(("who change practitioner", len(moved), int(frame["client"].isin(moved).sum())))
    return CountTable(
        name="panel",
        caption="Clients of the main model, followed over waves",
        frame=pd.DataFrame(rows, columns=list(RULES)),
        rules=RULES,
        notes=(
            "What is compared within clients rests on those whose score changes; a conditional "
            "logit on those whose outcome does. Everybody else tells it nothing.",
        ),
    )


def changers(frame: pd.DataFrame, column: str) -> np.ndarray:
    """Whether each row's client ever changes in a column, bool of shape (n,)."""
    return np.asarray(frame["client"].isin(_changing(frame, column)))


def _changing(frame: pd.DataFrame, column: str) -> pd.Index:
    different = frame.groupby("client", observed=True)[column].nunique()
    return different.index[different > 1]
