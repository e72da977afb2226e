"""What the claims of a plan need of its other parts, and what its sensitivity checks name."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.draft import Draft
from deepvalue_stats.plan.optional import Across
from deepvalue_stats.plan.parts import MeasurePlan, ModelPlan, Sensitivity, Verdicts
from deepvalue_stats.plan.register import INSTRUMENTS


def claim_faults(draft: Draft) -> Iterator[Fault]:
    """Every fault between claims, service areas, sensitivity checks and the primary model."""
    primary = [m for m in draft.many("models").values() if m.role == "primary"]
    model: ModelPlan | None = primary[0] if len(primary) == 1 else None
    yield from _neutral(draft, model)
    yield from _across(draft)
    yield from _sensitivity(draft, model)


def _neutral(draft: Draft, model: ModelPlan | None) -> Iterator[Fault]:
    """A neutral point comes before the data, and lies inside the scale."""
    measure: MeasurePlan
    for name, measure in draft.many("measures").items():
        known = INSTRUMENTS.get(measure.instrument or "")
        scale = known.response_range if known else measure.range
        if measure.neutral is not None and scale is not None:
            low, high = scale
            if not low < measure.neutral < high:
                fix = f"choose one above {low} and below {high}"
                yield Fault("the neutral point is no inner point of the scale",
                            f"measures.{name}.neutral", fix)  # fmt: skip
    verdicts: Verdicts | None = draft.one("verdicts")
    exposure = draft.many("measures").get(model.exposure) if model else None
    if exposure is None or exposure.at == "baseline" or model is None or verdicts is None:
        return
    if "C3" in verdicts.claims and exposure.neutral is None:
        yield Fault(
            "C3 asks what happens below a neutral relationship, and none is declared",
            f"measures.{model.exposure}.neutral",
            "declare the score of a neutral relationship before the data are seen, say the middle "
            "of the scale, or take C3 out of verdicts.claims",
        )


def _across(draft: Draft) -> Iterator[Fault]:
    across: Across | None = draft.one("across")
    if across is None:
        return
    covariate = draft.many("covariates").get(across.by)
    if covariate is None or covariate.type != "category":
        known = [name for name, c in draft.many("covariates").items() if c.type == "category"]
        yield Fault(
            f"'{across.by}' is no covariate of type category",
            "across.by",
            f"use one of {', '.join(known) or '(none is declared)'}",
        )


def _sensitivity(draft: Draft, model: ModelPlan | None) -> Iterator[Fault]:
    sensitivity: Sensitivity | None = draft.one("sensitivity")
    if sensitivity is None or model is None:
        return
    for i, name in enumerate(sensitivity.benchmark):
        if name not in model.covariates:
            yield Fault(
                f"'{name}' is no covariate of the primary model",
                f"sensitivity.benchmark[{i}]",
                f"use one of {', '.join(model.covariates) or '(it has none)'}",
            )
