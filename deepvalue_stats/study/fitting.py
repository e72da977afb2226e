"""The models of a plan, fitted to their own rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deepvalue_stats import models
from deepvalue_stats.data import Dataset
from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.linkage import model_rows
from deepvalue_stats.measures import BAND, with_bands, within_between
from deepvalue_stats.models import (
    ModelFit,
    build_formula,
    build_random_part,
    fit_gee,
    fit_logit,
)
from deepvalue_stats.plan import Plan
from deepvalue_stats.study.preparing import Prepared


@dataclass(frozen=True)
class Fitted:
    """The fits of a study.

    Attributes
    ----------
    fits : mapping of str to ModelFit
        By model name; the primary one is always there.
    banded : ModelFit
        The primary model with the exposure free to differ by confidence band.
    failed : mapping of str to str
        Models that could not be fitted, with the refusal; it stays in the room.
    """

    fits: Mapping[str, ModelFit]
    banded: ModelFit
    failed: Mapping[str, str]


def fit_models(prepared: Prepared) -> Fitted:
    """Fit every model of the plan; one that cannot be fitted is reported, unless it is primary."""
    plan, fits, failed = prepared.plan, {}, {}
    for name in plan.models:
        try:
            fits[name] = fit_model(prepared, name)
        except ModelError as error:
            if name == plan.primary:
                raise
            failed[name] = str(error)
    return Fitted(fits, fit_model(prepared, plan.primary, banded=True), failed)


def fit_model(prepared: Prepared, name: str, *, banded: bool = False) -> ModelFit:
    """Fit one model of the plan, with the exposure free to differ by band where asked."""
    plan = prepared.plan
    model = plan.models[name]
    also = (plan.equity.modifier,) if banded else ()
    rows = model_rows(plan, model, prepared.linked, also=also)
    if model.split_by:
        rows = within_between(rows, model.exposure, model.split_by)
    if banded:
        rows = _comparable(plan, with_bands(plan, rows))
    formula = build_formula(plan, model, modifier=BAND if banded else None)
    try:
        if rows.frame.empty:
            fix = "look at the flow: which step took them?"
            raise ModelError("no row is left to fit", formula, fix)
        if model.estimator == "gee":
            group = model.groups[0]
            return fit_gee(formula, rows.frame, group=group, correlation=model.correlation)
        if model.estimator == "multilevel":
            # by way of the module, whose compiler is loaded by the first such model only
            return models.fit_multilevel(
                f"{formula} + {build_random_part(plan, model)}",
                rows.frame,
                quadrature_points=model.quadrature_points,
                covariance=model.covariance or "model",
            )
        cluster = str(model.covariance).removeprefix("cluster:")
        return fit_logit(formula, rows.frame, cluster=cluster)
    except ModelError as error:
        where = f"models.{name}"
        raise ModelError.of(
            [Fault(f.what, f"{where}: {f.where}", f.fix) for f in error.faults]
        ) from None


def _comparable(plan: Plan, rows: Dataset) -> Dataset:
    """Rows with a band, and every band of the comparison filled."""
    rows = rows.restrict(rows.frame[BAND].notna().to_numpy(), "confidence below the lowest band")
    present = set(rows.frame[BAND].dropna())
    low = next(iter(plan.equity.bands))
    absent = [band for band in (low, plan.equity.reference) if band not in present]
    if absent:
        raise ModelError(
            f"no row of the primary model is in the band {' or '.join(absent)}",
            "equity.bands",
            "look at the flow by band; choose bands, in a new plan, that hold clients",
        )
    used = rows.frame[BAND].cat.remove_unused_categories()
    return rows.with_columns(**{BAND: used})
