"""What the data of a study that is already there say of the next one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import agreement, answers, cronbach_alpha
from deepvalue_stats.models import ModelFit
from deepvalue_stats.study import Prepared, fit_model

# between practitioners it is mostly .01 to .05; none found in a study is no proof of none
USUAL_ICC = 0.02

Taken = dict[str, tuple[Any, str]]
"""By setting: its value, and where it was taken from."""


def parameters_from(prepared: Prepared) -> Taken:
    """Read the settings of a design from the rows of the primary model.

    Parameters
    ----------
    prepared : Prepared

    Returns
    -------
    mapping
        Settings that the data do not tell are left out.
    """
    model = prepared.plan.models[prepared.plan.primary]
    rows = prepared.primary_rows
    # power is worked out for one row a client
    clients = rows.frame.drop_duplicates("client")
    if clients.empty or clients["practitioner"].nunique() < 2:
        return {}
    start = rows.attrition[0].clients
    lost = 1 - len(clients) / start
    sizes = clients.groupby("practitioner").size()
    # that some leave at random makes numbers more unequal than they were at the start
    spread = (sizes.std() / sizes.mean()) ** 2 - lost / sizes.mean()
    taken: Taken = {
        "clients_per_practitioner": (float(sizes.mean() / (1 - lost)), "data, rows at the start"),
        "caseload_cv": (float(max(spread, 0.0) ** 0.5), "data, rows at the start"),
        "base_rate": (float(clients[model.response].mean()), "data"),
        "exposure_icc": (
            share_between(clients[model.exposure], clients["practitioner"]),
            "data, analysis of variance",
        ),
        "attrition": (lost, "data, the flow"),
        "match_rate": (1.0, "data, whose outcomes are as linked"),
    }
    return taken | _from_measures(prepared, clients) | _from_fit(prepared)


def _from_measures(prepared: Prepared, clients: pd.DataFrame) -> Taken:
    plan = prepared.plan
    exposure = plan.models[plan.primary].exposure
    (rated,) = (one for one in answers(plan, prepared.data) if one.measure.name == exposure)
    taken: Taken = {}
    alpha = cronbach_alpha(rated.items).value
    if 0 < alpha <= 1:
        taken["reliability"] = (alpha, "data, Cronbach's alpha")
    neutral = plan.measures[exposure].neutral
    if neutral is not None:
        share = float((clients[exposure] < neutral).mean())
        if 0 < share < 1:
            taken["neutral_share"] = (share, "data")
    bands = clients["client"].map(prepared.bands).value_counts(normalize=True, sort=False)
    shares = {name: float(bands.get(name, 0.0)) for name in plan.equity.bands}
    if all(share > 0 for share in shares.values()):
        taken["bands"] = (shares, "data")
    return taken


def _from_fit(prepared: Prepared) -> Taken:
    """How much practitioners differ, once what the primary model adjusts for is taken out."""
    try:
        fit = fit_model(prepared, prepared.plan.primary)
    except ModelError:
        return {}
    if fit.convergence.status != "ok":
        return {}
    value, source = _icc_of(fit)
    if value <= 0:
        source += f", which finds none: try icc = {USUAL_ICC} too"
    return {"icc": (min(max(value, 0.0), 0.99), source)}


def _icc_of(fit: ModelFit) -> tuple[float, str]:
    if fit.random is not None:
        found = fit.in_plain_terms()
        # who shares a practitioner shares a service as well
        mine = found["group"].isin(["practitioner", "service"]) & (found["term"] == "Intercept")
        return float(found.loc[mine, "probability_icc"].sum()), "data, the primary model"
    if "alpha" in fit.association:
        return float(fit.association["alpha"]), "data, the primary model's working correlation"
    frame = fit.design.frame
    value = share_between(frame[fit.design.outcome], frame["practitioner"])
    return value, "data, analysis of variance"


def share_between(values: pd.Series, groups: pd.Series) -> float:
    """Share of the variance that lies between groups, by the analysis of variance.

    Parameters
    ----------
    values, groups : pandas.Series

    Returns
    -------
    float
        Not below zero.

    References
    ----------
    Donner and Klar (2000), Design and Analysis of Cluster Randomization Trials in Health Research,
    chapter 1.
    """
    try:
        found = agreement(values.to_numpy("float64"), groups.to_numpy(), method="anova")
    except ModelError:  # nothing varies, or nobody has two
        return 0.0
    return float(np.clip(found.icc1, 0, 1))
