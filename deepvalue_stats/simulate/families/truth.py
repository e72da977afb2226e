"""What is true of a panel, from the generator's own chances and from worlds that did not happen.

Every number compares a family's chance of keeping in control with the chance in a world in which
the relationship is different, or no adviser ever changed. No model is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deepvalue_stats.simulate.chances import sigmoid
from deepvalue_stats.simulate.families.course import (
    OUTSIDE,
    OWN,
    RATED,
    follow,
    relationship_effect,
    strength_of,
)
from deepvalue_stats.simulate.families.draw import FamilyDraw, draw_panel, enlarged
from deepvalue_stats.simulate.families.interviews import resolved_shares
from deepvalue_stats.simulate.families.parameters import FamilyParameters
from deepvalue_stats.simulate.population import BoolArray, FloatArray, IntArray

SUPERPOPULATION_FAMILIES = 120_000
SUPERPOPULATION_SEED = 20_100_301
BATCHES = 24
# derivatives are central differences over this change; the error is of the order of its square
STEP = 1e-3
# a less and a more effective relationship, in SD
LESS, MORE = -1.0, 1.0

Estimates = Mapping[str, float]

DEFINITIONS: Mapping[str, str] = {
    "followed": (
        "every family at every wave from wave 1 to the end of the study, interviewed or not"
    ),
    "rated": "those interviews with a usable rating",
    "outcome": "the family keeps in control of its bills and debts at the wave",
    "closed": (
        "a case that is closed: the relationship stays what it was, nobody changes adviser any "
        "longer, and an adviser who leaves later takes nothing away"
    ),
    "relationship": (
        "the true relationship of the wave: what can change for a family (the adviser's, the "
        "dyad's and the year's own part) and the family's stable part; SD 1 over families and "
        "advisers who have just met"
    ),
    "score": "mean of the answered items of the rating, in points",
    "bands": "mean of the confidence items at wave 0, each band from its lower bound to the next",
    "per_sd_relationship": (
        "risk difference: average derivative of the chance of the same wave for a shift of the "
        "true relationship by one SD; `within` shifts what can change, `between` the family's "
        "stable part, all others both in proportion to their share of the variance"
    ),
    "risk_ratio_per_sd": (
        "mean chance if every relationship were one SD better, over the mean chance as it is"
    ),
    "per_sd_score": (
        "risk difference: average derivative of the chance for the shift of the true relationship "
        "that goes with one SD of the score: each part moves by cov(part, score) / var(score) "
        "times the SD of the score; what an analysis of all interviews is after, with no "
        "correction for the score's error. `within`: the same with both as deviations from the "
        "family's mean over its ratings, for one SD of the score itself; what an analysis of "
        "changes is after"
    ),
    "per_point_score": "the same for one point of the score",
    "levels": (
        "mean chance with everybody's relationship one SD below the mean (`less`) and one SD above "
        "it (`more`), in each band and overall; interaction_contrast = (more L - less L) - "
        "(more H - less H) of the lowest band L and the highest H"
    ),
    "neutral": (
        "average derivative per SD where the relationship is below and above neutral, and the "
        "share below"
    ),
    "second_outcome": "risk difference per SD of the true relationship for all debts sorted",
    "worries": (
        "difference in the mean of money worries between relationships half an SD better and half "
        "an SD worse than they are"
    ),
    "log_odds": (
        "planted log odds per unit of what can change and of the stable part, given everything "
        "else; only where they are the same for everybody"
    ),
    "low_minus_high": "the effect in the lowest band less the effect in the highest",
    "breaks": (
        "risk difference at so many waves after a family's first change of adviser, averaged over "
        "the families who had one. `total` compares with the world in which no family ever changes "
        "adviser, and the same luck: the relationship that was lost, the adviser's own effect, "
        "what the change itself costs, and what later changes do. `direct` compares with the world "
        "in which changes cost nothing but the relationship. By the reason of the first change, "
        "and for reasons outside the dyad by the wave of the first change as well"
    ),
    "lead_placebo": (
        "whether the outcome of a wave bears on the rating of the next wave, given everything "
        "before, so that a lead placebo must fire"
    ),
    "superpopulation": (
        "a large draw with its own fixed seed and as many families an adviser; standard errors "
        "from 24 equal batches of families"
    ),
    "sample": "the same formulas over the families of this seed",
}


@dataclass(frozen=True)
class Worlds:
    """The chances of families at waves, and their derivatives; one element a family and wave.

    `within` and `between` are derivatives per unit of what can change about the relationship and
    of the stable part.
    """

    family: IntArray
    band: IntArray
    changing: FloatArray
    stable: FloatArray
    score: FloatArray
    as_it_is: FloatArray
    one_sd_better: FloatArray
    less: FloatArray
    more: FloatArray
    within: FloatArray
    between: FloatArray
    resolved_share: FloatArray
    worry_change: FloatArray

    def only(self, rows: BoolArray) -> Worlds:
        """Take some of the rows."""
        return Worlds(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Breaks:
    """What a change of adviser did; one row a family, one column a wave."""

    first: IntArray
    reason: IntArray
    inside: BoolArray
    total: FloatArray
    direct: FloatArray


@dataclass(frozen=True)
class FamilySuperpopulation:
    """The truth over a large draw of families.

    `estimands` and `monte_carlo_se` are by group of interviews (`followed`, `rated`) and quantity,
    those of `breaks` by kind, reason and waves since the change.
    """

    rows: Mapping[str, int]
    summary: Mapping[str, Mapping[str, object]]
    estimands: Mapping[str, Mapping[str, Estimates]]
    monte_carlo_se: Mapping[str, Mapping[str, Estimates]]
    breaks: Mapping[str, Mapping[str, Estimates]]


@lru_cache(maxsize=32)
def family_superpopulation(p: FamilyParameters) -> FamilySuperpopulation:
    """Compute the truth over a large draw; kept for the parameters of the last calls.

    Parameters
    ----------
    p : FamilyParameters

    Returns
    -------
    FamilySuperpopulation
    """
    draw = draw_panel(enlarged(p, SUPERPOPULATION_FAMILIES), SUPERPOPULATION_SEED)
    parts = parts_of(draw)
    return FamilySuperpopulation(
        rows={name: len(part.band) for name, part in parts.items()},
        summary={name: summary(p, part) for name, part in parts.items()},
        estimands={name: estimands(p, part) for name, part in parts.items()},
        monte_carlo_se={name: _batch_errors(p, part) for name, part in parts.items()},
        breaks=break_effects(breaks_of(draw)),
    )


def parts_of(draw: FamilyDraw) -> dict[str, Worlds]:
    """Compute the worlds of each group of interviews of whom the truth is told."""
    p = draw.parameters
    inside = np.arange(p.waves) + draw.homes.entered[:, None] < p.waves
    inside[:, :RATED] = False
    worlds = worlds_of(draw, inside)
    return {
        "followed": worlds,
        "rated": worlds.only((draw.interviewed & ~np.isnan(draw.score))[inside]),
    }


def worlds_of(draw: FamilyDraw, inside: BoolArray) -> Worlds:
    """Compute the chances of the marked families and waves in every world that is compared."""
    p, course = draw.parameters, draw.course
    family, wave = np.nonzero(inside)
    strength, stable = strength_of(p, draw.homes)[family], draw.homes.part[family]
    changing, rest = course.changing[inside], draw.intercept + course.rest[inside]
    share = p.family_share

    def odds(within: FloatArray | float, between: FloatArray | float) -> FloatArray:
        return rest + relationship_effect(p, strength, changing + within, stable + between)

    def at(value: float) -> FloatArray:
        away = value - changing - stable
        return sigmoid(odds((1 - share) * away, share * away))

    def slope(within: float, between: float) -> FloatArray:
        up, down = (sigmoid(odds(s * within, s * between)) for s in (STEP, -STEP))
        return (up - down) / (2 * STEP)

    worse, better = (odds(h * (1 - share), h * share) for h in (-0.5, 0.5))
    noise = draw.luck.worry[inside]
    return Worlds(
        family=family,
        band=draw.band[family],
        changing=changing,
        stable=stable,
        score=draw.score[inside],
        as_it_is=course.chance[inside],
        one_sd_better=sigmoid(odds(1 - share, share)),
        less=at(LESS),
        more=at(MORE),
        within=slope(1.0, 0.0),
        between=slope(0.0, 1.0),
        resolved_share=resolved_shares(p)[wave],
        worry_change=_worry(p, better, noise) - _worry(p, worse, noise),
    )


def breaks_of(draw: FamilyDraw) -> Breaks:
    """Compare the course of all families with the two worlds that did not happen."""
    p, course = draw.parameters, draw.course
    first = course.first_change
    told = course.reason[np.arange(len(first)), np.maximum(first, 0)]
    who = (p, draw.advisers, draw.homes, draw.luck, draw.intercept)
    return Breaks(
        first=first,
        reason=np.where(first >= 0, told, 0),
        inside=np.arange(p.waves) + draw.homes.entered[:, None] < p.waves,
        total=course.chance - follow(*who, breaks=False).chance,
        direct=course.chance - follow(*who, costs=False).chance,
    )


def break_effects(found: Breaks) -> dict[str, dict[str, dict[str, float]]]:
    """Average what changes did, by kind and reason, at so many waves after the first change."""
    groups = {
        "outside": found.reason == OUTSIDE,
        "own": found.reason == OWN,
        "all": found.first >= 0,
    }
    waves = found.total.shape[1]
    for wave in range(waves):
        rows = groups["outside"] & (found.first == wave)
        if rows.any():
            groups[f"outside_first_at_{wave}"] = rows
    effects: dict[str, dict[str, dict[str, float]]] = {"total": {}, "direct": {}, "families": {}}
    since = np.arange(waves) - found.first[:, None]
    for name, rows in groups.items():
        for kind in effects:
            effects[kind][name] = {}
        for time in range(waves):
            cells = rows[:, None] & found.inside & (since == time)
            if not cells.any():
                continue
            effects["total"][name][str(time)] = _mean(found.total[cells])
            effects["direct"][name][str(time)] = _mean(found.direct[cells])
            effects["families"][name][str(time)] = int(cells.sum())
    return effects


def lead_placebo(p: FamilyParameters) -> dict[str, object]:
    """Say whether the outcome of a wave bears on the rating of the next."""
    causes = {
        "rating_lift_next": "families in control rate the adviser higher the year after",
        "feedback": "a year in control makes the next year's relationship better",
        "own_by_outcome": "after a bad year families more often change adviser",
    }
    found = [words for name, words in causes.items() if getattr(p, name)]
    return {"must_fire": bool(found), "because": found}


def estimands(p: FamilyParameters, worlds: Worlds) -> dict[str, Estimates]:
    """Average the effects over these interviews (see `DEFINITIONS`)."""
    share = p.family_share
    both = (1 - share) * worlds.within + share * worlds.between
    parts = {"within": _mean(worlds.within), "between": _mean(worlds.between)}
    found: dict[str, Estimates] = {
        "per_sd_relationship": _by_band(p, both, worlds.band) | parts,
        "risk_ratio_per_sd": {"overall": _mean(worlds.one_sd_better) / _mean(worlds.as_it_is)},
        **_per_score(p, worlds),
        "levels": _levels(p, worlds),
        "neutral": _neutral(p, worlds, both),
        "second_outcome": {"overall": _mean(worlds.resolved_share * both)},
        "worries": {"overall": _mean(worlds.worry_change)},
    }
    same = not (p.effect_by_confidence or p.effect_below_neutral)
    planted = {"within": p.effect_within, "between": p.effect_between}
    return found | ({"log_odds": planted} if same else {})


def summary(p: FamilyParameters, worlds: Worlds) -> dict[str, object]:
    """Describe what the effects are read beside: base rate, spread, ceiling, bands."""
    known = ~np.isnan(worlds.score)
    score = worlds.score[known]
    relationship = (worlds.changing + worlds.stable)[known]
    highest = len(p.rating_thresholds) + 1
    top = highest - (highest - 1) / 10
    return {
        "base_rate": _mean(worlds.as_it_is),
        "relationship_sd": _deviation(relationship),
        "score_mean": _mean(score),
        "score_sd": _deviation(score),
        "score_relationship_correlation": _per_sd(relationship, score) / _deviation(relationship),
        "score_top_tenth_share": _mean(score >= top),
        "band_shares": {name: _mean(worlds.band == i) for i, (name, _) in enumerate(p.bands)},
    }


def within_family(values: FloatArray, family: IntArray) -> FloatArray:
    """Take each family's mean from its values."""
    count = np.maximum(np.bincount(family), 1)
    return np.asarray(values - (np.bincount(family, weights=values) / count)[family])


def _worry(p: FamilyParameters, odds: FloatArray, noise: FloatArray) -> FloatArray:
    worry = p.worry_mean + p.worry_slope * odds + p.worry_sd * noise
    return np.clip(np.rint(worry), 0, 10)


def _per_score(p: FamilyParameters, worlds: Worlds) -> dict[str, Estimates]:
    known = worlds.only(~np.isnan(worlds.score))
    changing, stable = (_per_sd(part, known.score) for part in (known.changing, known.stable))
    effect = changing * known.within + stable * known.between
    deviating = within_family(known.score, known.family)
    moved = within_family(known.changing, known.family)
    spread, own = _deviation(known.score), float((deviating**2).sum())
    slope = float((moved * deviating).sum()) / own if own else float("nan")
    within = {"within": slope * spread * _mean(known.within)}
    per_sd = _by_band(p, effect, known.band) | within
    per_point = {name: value / spread for name, value in per_sd.items()}
    return {"per_sd_score": per_sd, "per_point_score": per_point}


def _levels(p: FamilyParameters, worlds: Worlds) -> dict[str, float]:
    found = {"less_overall": _mean(worlds.less), "more_overall": _mean(worlds.more)}
    gains = []
    for place, (name, _) in enumerate(p.bands):
        rows = worlds.band == place
        less, more = _mean(worlds.less[rows]), _mean(worlds.more[rows])
        found |= {f"less_{name}": less, f"more_{name}": more}
        gains.append(more - less)
    return found | {"interaction_contrast": gains[0] - gains[-1]}


def _neutral(p: FamilyParameters, worlds: Worlds, both: FloatArray) -> dict[str, float]:
    below = worlds.changing + worlds.stable < p.neutral
    return {
        "below": _mean(both[below]),
        "above": _mean(both[~below]),
        "below_minus_above": _mean(both[below]) - _mean(both[~below]),
        "share_below": _mean(below),
    }


def _by_band(p: FamilyParameters, effect: FloatArray, band: IntArray) -> dict[str, float]:
    names = [name for name, _ in p.bands]
    means = {name: _mean(effect[band == place]) for place, name in enumerate(names)}
    contrast = means[names[0]] - means[names[-1]]
    return {"overall": _mean(effect), **means, f"{names[0]}_minus_{names[-1]}": contrast}


def _batch_errors(p: FamilyParameters, worlds: Worlds) -> dict[str, Estimates]:
    batch = worlds.family % BATCHES
    runs = [estimands(p, worlds.only(batch == place)) for place in range(BATCHES)]
    errors = {kind: _spread([run[kind] for run in runs]) for kind in runs[0]}
    return {kind: found for kind, found in errors.items() if found}


def _spread(runs: list[Estimates]) -> dict[str, float]:
    """Find the standard error of the mean over batches, of each number that varies."""
    errors = {
        name: float(np.std([run[name] for run in runs], ddof=1) / np.sqrt(BATCHES))
        for name in runs[0]
    }
    return {name: error for name, error in errors.items() if error > 0}


def _mean(values: FloatArray | BoolArray) -> float:
    """Average, nan over nobody."""
    return float(values.mean()) if len(values) else float("nan")


def _deviation(values: FloatArray) -> float:
    """Find the standard deviation, nan where nothing varies."""
    return (float(values.std()) or float("nan")) if len(values) else float("nan")


def _per_sd(part: FloatArray, score: FloatArray) -> float:
    """Find how much of a part goes with one SD of the score, nan where nothing varies."""
    spread = _deviation(score)
    together = np.cov(part, score, bias=True)[0, 1] if spread > 0 else np.nan
    return float(together / spread)
