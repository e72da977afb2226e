"""What happens to families from wave to wave: advisers, relationships, outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.simulate.chances import log_odds, sigmoid
from deepvalue_stats.simulate.families.parameters import FamilyParameters
from deepvalue_stats.simulate.families.people import Advisers, Households, Luck
from deepvalue_stats.simulate.population import BoolArray, FloatArray, IntArray

STAYED, OUTSIDE, OWN = 0, 1, 2
REASONS = ("none", "outside", "own")
# the first wave with a rating, and the first at which the adviser may be another one
RATED, CHANGES = 1, 2


@dataclass(frozen=True)
class Course:
    """The course of every family; one row a family, one column a wave.

    `adviser` is the number of the adviser of the time (at wave 0 of who then took the family on),
    `reason` why it is another than at the wave before. `changing` is what can change about the
    relationship: the adviser's, the dyad's and the year's own part; 0 at wave 0. `rest` is the log
    odds of control but for the relationship and the intercept, `chance` the chance itself, and
    `after_break` what past changes of adviser contribute to `rest`. `closed` tells whose case is
    closed, and `gone` that the adviser who closed it has left since the wave before.
    """

    adviser: IntArray
    reason: IntArray
    changing: FloatArray
    after_break: FloatArray
    rest: FloatArray
    chance: FloatArray
    control: BoolArray
    closed: BoolArray
    gone: BoolArray

    @property
    def first_change(self) -> IntArray:
        """The wave of the first change of adviser, -1 for none."""
        changed = self.reason != STAYED
        return np.where(changed.any(axis=1), changed.argmax(axis=1), -1)


@dataclass
class _State:
    """Where each family stands at a wave."""

    post: IntArray
    adviser: IntArray
    dyad: FloatArray
    occasion: FloatArray
    changing: FloatArray
    relationship: FloatArray
    control: BoolArray
    first: IntArray
    left: BoolArray


def follow(
    p: FamilyParameters,
    advisers: Advisers,
    homes: Households,
    luck: Luck,
    intercept: float,
    *,
    breaks: bool = True,
    costs: bool = True,
) -> Course:
    """Follow all families through the waves.

    Parameters
    ----------
    p, advisers, homes, luck
        The panel, who there is, and what chance decides.
    intercept : float
        Log odds of control at wave 1 of a family with nothing to be said of it.
    breaks : bool
        False: the world in which every family keeps its first adviser, and the same luck.
    costs : bool
        False: the world in which advisers change, but a change itself costs nothing.
    """
    made: dict[str, list[np.ndarray]] = {name: [] for name in Course.__annotations__}
    stable, state = _stable(p, homes), _at_start(p, advisers, homes)
    strength, closes = strength_of(p, homes), _closing(p, luck)
    for wave in range(p.waves):
        closed = wave >= closes
        gone = (wave > closes) & _leaving(advisers, homes, state, wave) & ~state.left
        state.left = state.left | gone
        reason = _nobody(homes)
        if breaks:
            reason = _change(p, advisers, homes, luck, state, wave, ~closed)
        changing = _relate(p, advisers, homes, luck, state, wave, reason, ~closed)
        made["reason"].append(reason)
        broken = _broken(p, made["reason"], state.first) if costs else np.zeros(len(reason))
        rest = stable + _of_the_year(p, advisers, luck, state, wave) + broken
        acts = relationship_effect(p, strength, changing, homes.part) if wave >= RATED else 0.0
        chance = sigmoid(intercept + rest + acts)
        state.control = luck.outcome[:, wave] < chance
        seen = (state.adviser, reason, changing, broken, rest, chance, state.control)
        now = (*seen, closed, gone)
        for name, values in zip(made, now, strict=True):
            if name != "reason":
                made[name].append(values)
    return Course(**{name: np.stack(values, axis=1) for name, values in made.items()})


def strength_of(p: FamilyParameters, homes: Households) -> FloatArray:
    """Find how strongly the relationship acts on each family; it never changes its sign."""
    return np.maximum(1 + p.effect_by_confidence * homes.confidence, 0.0)


def relationship_effect(
    p: FamilyParameters, strength: FloatArray, changing: FloatArray, stable: FloatArray
) -> FloatArray:
    """Turn the two parts of the relationship into log odds."""
    below = np.minimum(changing + stable - p.neutral, 0.0)
    effect = p.effect_within * changing + p.effect_between * stable
    return np.asarray(strength * (effect + p.effect_below_neutral * below))


def log_need(p: FamilyParameters, homes: Households) -> FloatArray:
    """Find the log of the recorded number of creditors over its median."""
    return np.log(homes.need / p.need_median)


def _stable(p: FamilyParameters, homes: Households) -> FloatArray:
    """Sum up what moves the outcome of a family at every wave."""
    return np.asarray(
        p.confidence_effect * homes.confidence
        + p.age_effect * (homes.age - p.age_mean) / 10
        + p.need_effect * log_need(p, homes)
        + p.children_effect * (homes.children - p.children_mean)
        + np.array(p.tenure_effects)[homes.tenure]
        + p.hidden_effect * homes.hidden
        + homes.own_effect
    )


def _of_the_year(
    p: FamilyParameters, advisers: Advisers, luck: Luck, state: _State, wave: int
) -> FloatArray:
    """Sum up what moves the outcome at this wave, but for the relationship and past changes."""
    time = p.trend * (wave - RATED) if wave >= RATED else p.before_advice
    acts = advisers.own_effect[state.adviser] if wave >= RATED else 0.0
    before = p.state_dependence * state.control if wave >= RATED else 0.0
    return np.asarray(time + p.shock_effect * luck.shock[:, wave] + acts + before)


def _at_start(p: FamilyParameters, advisers: Advisers, homes: Households) -> _State:
    n = len(homes.post)
    return _State(
        post=homes.post.copy(),
        adviser=advisers.holder[homes.post, homes.entered + RATED],
        dyad=np.zeros(n),
        occasion=np.zeros(n),
        changing=np.zeros(n),
        relationship=np.zeros(n),
        control=np.zeros(n, dtype=np.bool_),
        first=np.full(n, p.waves),
        left=np.zeros(n, dtype=np.bool_),
    )


def _closing(p: FamilyParameters, luck: Luck) -> IntArray:
    """Say at which wave each case is first found closed; the number of waves for never."""
    closes = luck.closes < p.closing_share
    closes[:, :CHANGES] = False
    return np.where(closes.any(axis=1), closes.argmax(axis=1), p.waves)


def _leaving(advisers: Advisers, homes: Households, state: _State, wave: int) -> BoolArray:
    """Say whose adviser of the wave before has gone."""
    return np.asarray(advisers.leaves[state.post, homes.entered + wave])


def _nobody(homes: Households) -> IntArray:
    return np.full(len(homes.post), STAYED, dtype=np.int64)


def _change(
    p: FamilyParameters,
    advisers: Advisers,
    homes: Households,
    luck: Luck,
    state: _State,
    wave: int,
    open_: BoolArray,
) -> IntArray:
    """Say who has another adviser than at the wave before, and why, and take them there."""
    if wave < CHANGES:
        return _nobody(homes)
    year = homes.entered + wave
    outside = _leaving(advisers, homes, state, wave) & open_
    odds = (
        log_odds(p.turnover * (1 - p.turnover_outside))
        + p.own_by_relationship * state.relationship
        + p.own_by_outcome * (state.control - p.base_rate)
    )
    own = ~outside & open_ & (luck.asks[:, wave] < sigmoid(odds))
    reason = np.select([outside, own], [OUTSIDE, OWN], STAYED)
    service, place = state.post // p.practitioners, state.post % p.practitioners
    # who lost their adviser goes to any post of the branch, who asked to another one than theirs
    anywhere = np.floor(luck.goes_to[:, wave] * p.practitioners).astype(np.int64)
    onwards = 1 + np.floor(luck.goes_to[:, wave] * (p.practitioners - 1)).astype(np.int64)
    place = np.select([outside, own], [anywhere, (place + onwards) % p.practitioners], place)
    state.post = service * p.practitioners + place
    changed = reason != STAYED
    state.adviser = np.where(changed, advisers.holder[state.post, year], state.adviser)
    state.first = np.where(changed, np.minimum(state.first, wave), state.first)
    return reason


def _relate(
    p: FamilyParameters,
    advisers: Advisers,
    homes: Households,
    luck: Luck,
    state: _State,
    wave: int,
    reason: IntArray,
    open_: BoolArray,
) -> FloatArray:
    """Let the relationship of the year come about, and give the part of it that can change."""
    if wave < RATED:
        return np.zeros(len(homes.post))
    new = (reason != STAYED) | (wave == RATED)
    rho = p.occasion_persistence
    fresh = luck.occasion[:, wave]
    state.dyad = np.where(new, luck.dyad[:, wave], state.dyad)
    state.occasion = np.where(new, fresh, rho * state.occasion + np.sqrt(1 - rho**2) * fresh)
    changing = (
        advisers.part[state.adviser]
        + np.sqrt(p.dyad_share) * state.dyad
        + np.sqrt(max(p.occasion_share, 0.0)) * state.occasion
        + p.feedback * (state.control - p.base_rate) * (wave > RATED)
    )
    # of a closed case stays what it was
    state.changing = np.where(open_, changing, state.changing)
    state.relationship = state.changing + homes.part
    return state.changing


def _broken(p: FamilyParameters, reasons: list[IntArray], first: IntArray) -> FloatArray:
    """Sum up what past changes of adviser cost at this wave."""
    total = np.zeros(len(first))
    for since, cost in enumerate(p.break_effect[: len(reasons)]):
        total += cost * (reasons[-1 - since] != STAYED)
    return np.asarray(total * np.maximum(1 + p.break_by_first * (first - CHANGES), 0.0))
