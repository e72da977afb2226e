"""The rows of one model: who is complete in what the model uses, and why the others are not."""

from __future__ import annotations

import pandas as pd

from deepvalue_stats.data import Dataset
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.parts import ModelPlan


def model_rows(
    plan: Plan, model: ModelPlan, linked: Dataset, *, also: tuple[str, ...] = ()
) -> Dataset:
    """Restrict the analysis table to the rows that a model can use, reason by reason.

    Parameters
    ----------
    plan : Plan
    model : ModelPlan
    linked : Dataset
        As `link` gives it.
    also : tuple of str
        Further variables that must be present.

    Returns
    -------
    Dataset
        Complete in the model's variables; text variables are categories in natural order.
    """
    rule = plan.rows[model.rows].require if model.rows else ()
    # in the order in which a reader follows the flow: rated? outcome known? the rest
    wanted = [model.exposure, model.response, *model.earlier_outcomes, *model.covariates]
    wanted += [*rule, *also]
    for name in dict.fromkeys(wanted):
        linked = _complete(linked, name)
    clusters = [model.covariance.split(":")[1]] if model.covariance else []
    clusters += [model.split_by] if model.split_by else []
    for name in dict.fromkeys([*model.groups, *clusters]):
        linked = _complete(linked, name)
    categories = [n for n, c in plan.covariates.items() if c.type == "category"]
    return linked.with_columns(
        **{name: _natural(linked.frame[name]) for name in categories if name in linked.frame}
    )


def _complete(linked: Dataset, name: str) -> Dataset:
    """Take out the rows without a variable, one step a reason."""
    why = f"{name}__why"
    if why in linked.frame:
        absent = linked.frame[name].isna()
        for reason in sorted(set(linked.frame.loc[absent, why]) - {""}):
            gone = linked.frame[name].isna() & (linked.frame[why] == reason)
            linked = linked.restrict(~gone.to_numpy(), reason)
    known = linked.frame[name].notna()
    return linked if known.all() else linked.restrict(known.to_numpy(), f"{_said(name)} not known")


def _said(name: str) -> str:
    """A column as the flow names it."""
    plain = name.replace("__next", " at the next wave").replace("__baseline", " at baseline")
    return plain.replace("_", " ")


def _natural(values: pd.Series) -> pd.Series:
    """Categories in the order of their numbers where they are numbers, so that 6 precedes 12."""
    levels = pd.Series(values.dropna().unique()).astype("str")
    numbers = pd.to_numeric(levels, errors="coerce")
    order = levels[numbers.sort_values(kind="stable").index] if numbers.notna().all() else (
        levels.sort_values()
    )  # fmt: skip
    return pd.Series(pd.Categorical(values, categories=list(order)), index=values.index)
