"""The plan's names as a reader would write them."""

from __future__ import annotations

from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.parts import ModelPlan


def in_words(name: str) -> str:
    """A name without its underscores."""
    return name.replace("_", " ")


def outcome_words(plan: Plan) -> str:
    """The primary outcome as a sentence names it."""
    name = plan.models[plan.primary].outcome
    return plan.outcomes[name].label or in_words(name)


def response_words(model: ModelPlan) -> str:
    """What a model explains, as the effect table names it."""
    return f"{model.outcome} at the next wave" if model.design == "next_wave" else model.outcome
