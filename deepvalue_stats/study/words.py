"""The plan's names as a reader would write them."""

from __future__ import annotations

from deepvalue_stats.plan import Plan


def in_words(name: str) -> str:
    """A name without its underscores."""
    return name.replace("_", " ")


def outcome_words(plan: Plan) -> str:
    """The primary outcome as a sentence names it."""
    name = plan.models[plan.primary].outcome
    return plan.outcomes[name].label or in_words(name)
