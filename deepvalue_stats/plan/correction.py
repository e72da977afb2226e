"""What a plan must say for the error in a score to be taken out of an effect."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.draft import Draft
from deepvalue_stats.plan.parts import MeasurePlan, ModelPlan, Plan
from deepvalue_stats.plan.timing import Clock

# summaries of ratings whose error is that of one rating, or of a mean of some
SUMMARIES = ("mean", "first", "last")


def corrected_model(plan: Plan) -> str | None:
    """The model whose effects are also given without the error in its exposure, if any is.

    The primary one; for latent means the first that splits its exposure, the primary one if it
    does.
    """
    exposure = plan.models[plan.primary].exposure
    method = plan.measures[exposure].error_correction
    if method == "none":
        return None
    return _split(plan.models, exposure) if method == "latent_mean" else plan.primary


def _split(models: dict[str, ModelPlan], exposure: str) -> str | None:
    """The first model that splits an exposure, the primary one before all others."""
    ordered = sorted(models, key=lambda name: models[name].role != "primary")
    named = (n for n in ordered if models[n].split_by and models[n].exposure == exposure)
    return next(named, None)


def correction_faults(draft: Draft) -> Iterator[Fault]:
    """The error is that of the primary exposure, can be told, and is one that a method knows."""
    models: dict[str, ModelPlan] = dict(draft.many("models"))
    exposures = {model.exposure for model in models.values() if model.role == "primary"}
    clock: Clock | None = draft.one("clock")
    measure: MeasurePlan
    for name, measure in draft.many("measures").items():
        where, method = f"measures.{name}.error_correction", measure.error_correction
        if measure.reliability is not None and method in ("none", "latent_mean"):
            fix = 'set error_correction = "regression_calibration" or "simex", or take it out'
            yield Fault("nothing rests on this reliability", f"measures.{name}.reliability", fix)
        if method == "none":
            continue
        if exposures and name not in exposures:
            what = f"'{name}' is not the exposure of the primary model, and only that is corrected"
            yield Fault(what, where, "take it out, or set it on that exposure")
        elif method == "latent_mean":
            if models and _split(models, name) is None:
                fix = 'set split = "within_between" and split_by in a model of this exposure'
                yield Fault("only means of groups can be latent, and no model has any", where, fix)
        else:
            yield from _of_ratings(measure, where, clock)


def _of_ratings(measure: MeasurePlan, where: str, clock: Clock | None) -> Iterator[Fault]:
    """The error of a rating is seen in its items, and that of a mean of ratings follows."""
    if len(measure.items) == 1 and measure.reliability is None:
        fix = 'state it, as in reliability = { value = 0.8, source = "the manual, table 3" }'
        yield Fault("a single item does not show its own error", where, fix)
    summary = clock.exposure.summary if clock and clock.exposure else "mean"
    if summary not in SUMMARIES:
        yield Fault(
            f"the error of a {summary} of ratings is not that of their mean",
            where,
            f'set clock.exposure.summary to {" or ".join(SUMMARIES)}, or error_correction = "none"',
        )
