"""The chance of a good outcome, as a function of what the relationship might have been."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate.parameters import Parameters
from deepvalue_stats.simulate.population import FloatArray, People

DIGITS = 6
# chances on the scales that know no bounds of their own
_HIGHEST = 0.98
# intercepts are sought this far to either side of nought
_FURTHEST = 20.0


@dataclass(frozen=True)
class Shift:
    """A change of the world: of the client's part, the practitioner's part, the conditions.

    `client` and `practitioner` are in units of the relationship, one number for all or one a
    client. `conditions` is in SD of the working conditions, and changes the outcome directly;
    what they do through the relationship is a shift of `practitioner`.
    """

    client: FloatArray | float = 0.0
    practitioner: FloatArray | float = 0.0
    conditions: float = 0.0


AS_IT_IS = Shift()


def log_odds(share: float) -> float:
    """Turn a share into its log odds."""
    return float(logit(share))


def sigmoid(odds: FloatArray) -> FloatArray:
    """Turn log odds into chances."""
    return np.asarray(expit(odds), dtype=np.float64)


def predictor(p: Parameters, people: People, shift: Shift = AS_IT_IS) -> FloatArray:
    """Sum up what moves the outcome, but for the intercept, on the outcome's own scale."""
    client = people.client_part + shift.client
    practitioner = people.practitioner_part + shift.practitioner
    staff, who = people.staff, people.practitioner
    strength = _strength(p, people)
    below = np.minimum(client + practitioner - p.neutral, 0.0)
    relationship = p.effect_within * client + p.effect_between * practitioner
    return np.asarray(
        strength * (relationship + p.effect_below_neutral * below)
        + p.confidence_effect * people.confidence
        + p.age_effect * (people.age - p.age_mean) / 10
        + p.need_effect * log_need(p, people)
        + p.hidden_effect * people.hidden
        + p.sanction_effect * staff.strictness[who]
        + p.conditions_effect * (staff.conditions[who] + shift.conditions)
        + staff.own_effect[who]
    )


def chance(
    p: Parameters, people: People, intercepts: FloatArray, shift: Shift = AS_IT_IS
) -> FloatArray:
    """Find each client's chance of the outcome within the follow-up under a shift."""
    total = intercepts[people.area] + predictor(p, people, shift)
    return np.where(people.barred, 0.0, respond(p, total))


def respond(p: Parameters, total: FloatArray) -> FloatArray:
    """Turn a predictor into a chance."""
    if p.scale == "logit":
        return sigmoid(total)
    value = np.exp(total) if p.scale == "log" else total
    return np.clip(value, 0.0, _HIGHEST)


def calibrate(p: Parameters, predictors: FloatArray, open_to_it: FloatArray, base: float) -> float:
    """Find the intercept at which the mean chance is the base rate, by bisection.

    `open_to_it` is 0 for clients who cannot have the outcome.
    """
    low, high = -_FURTHEST, _FURTHEST
    while high - low > 10.0**-DIGITS / 4:
        middle = (low + high) / 2
        below = (open_to_it * respond(p, middle + predictors)).mean() < base
        low, high = (middle, high) if below else (low, middle)
    if _FURTHEST - abs(middle) < 10.0**-DIGITS:
        raise PlanError(
            f"no service has the base rate {base}: too many of its clients cannot have the outcome",
            "Parameters, base_rate",
            "give another base_rate, or a smaller barred_share",
        )
    # rounded, so that the last bit of a sum cannot move a client from one outcome to the other
    return round((low + high) / 2, DIGITS)


def log_need(p: Parameters, people: People) -> FloatArray:
    """Find the log of the recorded need over its median, by area."""
    median = np.array([kit.need_median for kit in p.area_kits])
    return np.asarray(np.log(people.need / median[people.area]))


def _strength(p: Parameters, people: People) -> FloatArray:
    """Find how strongly the relationship acts on each client; it never changes its sign."""
    strength = np.maximum(1 + p.effect_by_confidence * people.confidence, 0.0)
    if p.effect_by_area:
        strength = strength * np.array(p.effect_by_area)[people.area]
    return strength
