"""The approaches of a triangulation: what each compares, and which way it leans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from deepvalue_stats.plan import Plan

POOLED, AVERAGED, MIXED, PARTS, WITHIN, CHANGED, BREAK, LATER = (
    "pooled", "averaged", "mixed", "parts", "within", "changed", "break", "later",
)  # fmt: skip


@dataclass(frozen=True)
class Approach:
    """One way to the same effect.

    Attributes
    ----------
    title : str
        As the table has it.
    model : str
        What the effect table calls its model, with `{primary}` for the primary one.
    compares : str
        Whom or what it compares.
    leans : str
        Its main bias and the direction of it, in words.
    """

    title: str
    model: str
    compares: str
    leans: str


# after Lawlor, Tilling and Davey Smith (2016), International Journal of Epidemiology 45
# (triangulation): approaches whose main biases differ say more together than any says alone
APPROACHES: Mapping[str, Approach] = MappingProxyType(
    {
        POOLED: Approach(
            "pooled",
            "{primary}, pooled",
            "all interviews as they come",
            "As a rule too high: clients who would do well anyway also get on better, and what was "
            "not measured of them stays in.",
        ),
        AVERAGED: Approach(
            "population-averaged (GEE)",
            "{primary}, population-averaged",
            "all interviews, those of a client taken to be alike",
            "As pooled, if less so; wrong either way where one wave's rating moves another wave's "
            "outcome.",
        ),
        MIXED: Approach(
            "multilevel",
            "{primary}, random clients",
            "clients with others and with themselves, as each tells more",
            "Between the pooled estimate and that within clients: what differs between clients is "
            "in it as far as few waves leave it.",
        ),
        PARTS: Approach(
            "within clients, chances averaged",
            "{primary}, within clients",
            "the same client with a better and a worse relationship",
            "Free of what stays the same in a client. Error in the score pulls it to nought; what "
            "changes together with the relationship, and outcomes that colour ratings, do not "
            "leave it.",
        ),
        WITHIN: Approach(
            "within clients, linear",
            "{primary}, within clients and waves",
            "the same client over waves, less what moved all clients of a wave",
            "As the line before; a straight line for chances, so that it may be off near 0 and "
            "100.",
        ),
        CHANGED: Approach(
            "conditional logit",
            "{primary}, clients who changed",
            "clients whose outcome changed, each with itself",
            "As within clients. It knows a direction and a ratio of odds (in the appendix), and no "
            "chances.",
        ),
        BREAK: Approach(
            "break, for losing a practitioner",
            "{primary}, after a break",
            "clients who lost their practitioner for reasons outside, with those who had not yet",
            "Not for one standard deviation. Counts all that came with the leaving (a gap, a new "
            "start, a larger caseload): as a rule too much.",
        ),
        LATER: Approach(
            "lead placebo",
            "{primary}, later rating within clients",
            "the next wave's rating, beside this one's and the one before, in the same client",
            "Should be nothing: a rating cannot move what was before it. If it is something, "
            "ratings follow outcomes, and every line above is too high.",
        ),
    }
)


def approach_name(plan: Plan, key: str) -> str:
    """How the model of an approach is named in the effect table."""
    return APPROACHES[key].model.format(primary=plan.primary)


def speaking(plan: Plan) -> str:
    """The approach on which claim C1 rests; empty where that is the primary model itself."""
    named = plan.triangulation.speaks if plan.triangulation else "primary"
    return {"primary": "", "within_between": PARTS, "within": WITHIN}[named]
