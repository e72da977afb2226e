"""The planted effects, from the generator's own potential outcomes.

Every number here compares each client's chance of the outcome in the world as it is with the
chance in a world in which the relationship, or the working conditions, are different. No model is
fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from deepvalue_stats.simulate.chances import AS_IT_IS, Shift, calibrate, chance, predictor
from deepvalue_stats.simulate.draw import Draw, draw_with, people_of, streams
from deepvalue_stats.simulate.outcomes import draw_early, second_chances
from deepvalue_stats.simulate.parameters import Parameters
from deepvalue_stats.simulate.population import BoolArray, FloatArray, IntArray, People, Staff

SUPERPOPULATION_CLIENTS = 240_000
SUPERPOPULATION_SEED = 19_480_705
BATCHES = 24
# derivatives are central differences over this change; the error is of the order of its square
STEP = 1e-3
# a less and a more effective relationship, in SD
LESS, MORE = -1.0, 1.0
# a distribution of relationships is held as so many equally likely values
DRAWN = 50

Estimates = Mapping[str, float]

DEFINITIONS: Mapping[str, str] = {
    "at_risk": (
        "clients who reach the landmark without the outcome; in the sample, who are in the "
        "extracts and whose record covers the follow-up as well"
    ),
    "rated": "those of them with a usable rating in the exposure window",
    "outcome": "the first outcome of the area, on one of the follow-up days from the landmark",
    "relationship": (
        "the true relationship with the main practitioner, the sum of a practitioner's part and a "
        "client's part, with SD 1 over all clients"
    ),
    "score": (
        "mean over the ratings in the exposure window of the mean of the answered items of each"
    ),
    "bands": "mean of the confidence items, each band from its lower bound to the next",
    "per_sd_relationship": (
        "risk difference: average derivative of the chance of the outcome for a shift of the true "
        "relationship by one SD; `within` shifts the client's part alone, `between` the "
        "practitioner's part alone, all others both in proportion to their share of the variance"
    ),
    "risk_ratio_per_sd": (
        "mean chance if every relationship were one SD better, over the mean chance as it is"
    ),
    "per_sd_score": (
        "risk difference: average derivative of the chance for the shift of the true relationship "
        "that goes with one SD of the score: each part moves by cov(part, score) / var(score) "
        "times the SD of the score, all taken over the whole group and used in every band; what "
        "an analysis of the score as observed is after, with no correction for its error. It is a "
        "straight line through a relation that the score's ceiling bends, so the average "
        "derivative of a logit model lies somewhat above it"
    ),
    "per_point_score": "the same for one point of the score",
    "typical": (
        "average derivative per SD of the true relationship if every practitioner's own effect on "
        "outcomes were nought"
    ),
    "neutral": (
        "average derivative per SD among clients below and above the neutral relationship, the "
        "share below, and how many more in 100 of those below would have the outcome at the "
        "neutral point"
    ),
    "conditions": (
        "average derivative per SD of the working conditions: in total, directly, and through the "
        "practitioner's part of the relationship; the last as a share of the total"
    ),
    "levels": (
        "mean chance with everybody's relationship one SD below the mean (`less`) and one SD above "
        "it (`more`), in each band and overall"
    ),
    "interaction": (
        "from the levels of the lowest band (L) and the highest (H): interaction_contrast = "
        "(more L - less L) - (more H - less H); ratio_of_risk_ratios = (more L / less L) / (more H "
        "/ less H); relative_excess_risk = RR11 - RR10 - RR01 + 1, attributable_proportion = that "
        "over RR11, synergy_index = (RR11 - 1) / (RR10 + RR01 - 2), all relative to the cell of "
        "lowest risk, 11 being the opposite one"
    ),
    "decomposition": (
        "of the gap in the mean chance, highest band less lowest: access, what the lowest would "
        "gain with relationships drawn from those of all clients of the highest; left, the gap "
        "less access; returns, what relationships return from the neutral point on, to the "
        "highest less to the lowest, both with the relationships of the highest; rest, the gap "
        "with everybody neutral"
    ),
    "second_outcome": "risk difference per SD of the true relationship for the second outcome",
    "by_area": "per_sd_relationship, overall, among the clients of each area",
    "log_odds": (
        "planted log odds per unit of the client's and the practitioner's part, given everything "
        "else; only where they are the same for everybody"
    ),
    "low_minus_high": "the effect in the lowest band less the effect in the highest",
    "superpopulation": (
        "a large draw with its own fixed seed, every client with a practitioner of their own, so "
        "that covariates and practitioners are integrated out; standard errors from 24 equal "
        "batches"
    ),
    "sample": "the same formulas over the clients of this seed, with their own practitioners",
}


@dataclass(frozen=True)
class Worlds:
    """Each client's chances, and their derivatives, from which all estimands are averages.

    `within`, `between` and `direct` are derivatives per unit of the client's part, of the
    practitioner's part and of the working conditions. `typical` has both parts in proportion,
    with practitioners' own effects at nought.
    """

    area: IntArray
    band: IntArray
    relationship: FloatArray
    client_part: FloatArray
    practitioner_part: FloatArray
    score: FloatArray
    as_it_is: FloatArray
    one_sd_better: FloatArray
    at_neutral: FloatArray
    all_neutral: FloatArray
    less: FloatArray
    more: FloatArray
    with_highest: FloatArray
    within: FloatArray
    between: FloatArray
    direct: FloatArray
    typical: FloatArray
    second_slope: FloatArray

    def only(self, rows: BoolArray | slice) -> Worlds:
        """Take some of the clients."""
        return Worlds(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Superpopulation:
    """The calibrated intercepts, and the truth over a large draw of clients.

    `estimands` and `monte_carlo_se` are by group of clients (`at_risk`, `rated`) and quantity.
    """

    intercepts: tuple[float, ...]
    clients: Mapping[str, int]
    summary: Mapping[str, Mapping[str, object]]
    estimands: Mapping[str, Mapping[str, Estimates]]
    monte_carlo_se: Mapping[str, Mapping[str, Estimates]]


@lru_cache(maxsize=64)
def superpopulation(p: Parameters) -> Superpopulation:
    """Calibrate the intercepts to the base rates, and compute the truth over a large draw.

    Parameters
    ----------
    p : Parameters

    Returns
    -------
    Superpopulation
        Kept for the parameters of the last calls, as it takes seconds.
    """
    draw = _large_draw(p)
    worlds = worlds_of(draw)
    groups = groups_of(draw, extracted=draw.consented)
    parts = {name: worlds.only(rows) for name, rows in groups.items()}
    return Superpopulation(
        intercepts=tuple(float(a) for a in draw.intercepts),
        clients={name: len(part.band) for name, part in parts.items()},
        summary={name: summary(p, part) for name, part in parts.items()},
        estimands={name: estimands(p, part) for name, part in parts.items()},
        monte_carlo_se={name: _batch_errors(p, part) for name, part in parts.items()},
    )


def groups_of(draw: Draw, *, extracted: BoolArray) -> dict[str, BoolArray]:
    """Find the groups of clients of whom the truth is told."""
    at_risk = draw.outcomes.at_risk & extracted
    return {"at_risk": at_risk, "rated": at_risk & ~np.isnan(draw.score)}


def worlds_of(draw: Draw) -> Worlds:
    """Compute each client's chances in every world that an estimand compares."""
    p, people = draw.parameters, draw.people
    share = p.practitioner_share
    relationship = people.relationship
    rise = np.maximum(p.neutral - relationship, 0.0)
    alone = replace(people, staff=_without_own_effects(people))
    both = Shift(client=1 - share, practitioner=share)
    after, otherwise = (chances[people.area] for chances in second_chances(p))
    within = _slope(draw, people, Shift(client=1.0))
    between = _slope(draw, people, Shift(practitioner=1.0))
    return Worlds(
        area=people.area,
        band=draw.band,
        relationship=relationship,
        client_part=people.client_part,
        practitioner_part=people.practitioner_part,
        score=draw.score,
        as_it_is=chance(p, people, draw.intercepts, AS_IT_IS),
        one_sd_better=chance(p, people, draw.intercepts, both),
        at_neutral=chance(p, people, draw.intercepts, Shift((1 - share) * rise, share * rise)),
        all_neutral=_set_to(draw, people, p.neutral),
        less=_set_to(draw, people, LESS),
        more=_set_to(draw, people, MORE),
        with_highest=_with_highest(draw, people),
        within=within,
        between=between,
        direct=_slope(draw, people, Shift(conditions=1.0)),
        typical=_slope(draw, alone, both),
        second_slope=(after - otherwise) * ((1 - share) * within + share * between),
    )


def estimands(p: Parameters, worlds: Worlds) -> dict[str, Estimates]:
    """Average the effects over these clients (see `DEFINITIONS`)."""
    share = p.practitioner_share
    both = (1 - share) * worlds.within + share * worlds.between
    parts = {"within": _mean(worlds.within), "between": _mean(worlds.between)}
    found: dict[str, Estimates] = {
        "per_sd_relationship": _by_band(p, both, worlds.band) | parts,
        "risk_ratio_per_sd": _ratios_by_band(p, worlds),
        **_per_score(p, worlds),
        "typical": {"overall": _mean(worlds.typical)},
        "neutral": _neutral(p, worlds, both),
        "levels": _levels(p, worlds),
        "interaction": _interaction(p, worlds),
        "decomposition": _decomposition(p, worlds),
        "conditions": _conditions(p, worlds),
        "second_outcome": {"overall": _mean(worlds.second_slope)},
    }
    if len(p.areas) > 1:
        found["by_area"] = {
            name: _mean(both[worlds.area == place]) for place, name in enumerate(p.areas)
        }
    return found | ({"log_odds": _log_odds(p)} if _same_for_everybody(p) else {})


def summary(p: Parameters, worlds: Worlds) -> dict[str, object]:
    """Describe what the effects are read beside: base rate, spread, ceiling, bands."""
    known = ~np.isnan(worlds.score)
    score, relationship = worlds.score[known], worlds.relationship[known]
    highest = len(p.rating_thresholds) + 1
    top = highest - (highest - 1) / 10
    return {
        "base_rate": _mean(worlds.as_it_is),
        "score_mean": _mean(score),
        "score_sd": _deviation(score),
        "score_relationship_correlation": _per_sd(relationship, score) / _deviation(relationship),
        "score_top_tenth_share": _mean(score >= top),
        "band_shares": {name: _mean(worlds.band == i) for i, (name, _) in enumerate(p.bands)},
    }


def _large_draw(p: Parameters) -> Draw:
    """Draw many clients with a practitioner each, and find the intercepts over them."""
    each = SUPERPOPULATION_CLIENTS // len(p.areas)
    wide = replace(
        p,
        services=each,
        practitioners=1,
        caseload=1.0,
        caseload_cv=0.0,
        second_practitioner_share=0.0,
    )
    people = people_of(wide, SUPERPOPULATION_SEED)
    # the first draw of the stream that the draw itself begins with: the same clients are at risk
    at_risk = draw_early(wide, people, streams(SUPERPOPULATION_SEED)["outcomes"]) == 0
    effect = predictor(wide, people)
    open_to_it = 1.0 - people.barred
    intercepts = np.array(
        [
            calibrate(wide, effect[rows], open_to_it[rows], base)
            for place, base in enumerate(p.base_rates)
            for rows in [at_risk & (people.area == place)]
        ]
    )
    return draw_with(wide, people, intercepts, SUPERPOPULATION_SEED)


def _slope(draw: Draw, people: People, unit: Shift) -> FloatArray:
    """Differentiate each client's chance along a shift."""
    p = draw.parameters
    up, down = (
        chance(
            p,
            people,
            draw.intercepts,
            Shift(sign * unit.client, sign * unit.practitioner, sign * unit.conditions),
        )
        for sign in (STEP, -STEP)
    )
    return (up - down) / (2 * STEP)


def _set_to(draw: Draw, people: People, value: float) -> FloatArray:
    """Each client's chance with the relationship at a value, both parts moved in proportion."""
    p = draw.parameters
    away = value - people.relationship
    shift = Shift((1 - p.practitioner_share) * away, p.practitioner_share * away)
    return chance(p, people, draw.intercepts, shift)


def _with_highest(draw: Draw, people: People) -> FloatArray:
    """Each client's chance averaged over the relationships of the highest band."""
    highest = np.sort(people.relationship[draw.band == len(draw.parameters.bands) - 1])
    if not len(highest):
        return np.full(len(people.area), np.nan)
    drawn = [part.mean() for part in np.array_split(highest, min(DRAWN, len(highest)))]
    total = np.zeros(len(people.area))
    for value in drawn:
        total += _set_to(draw, people, float(value))
    return total / len(drawn)


def _without_own_effects(people: People) -> Staff:
    return replace(people.staff, own_effect=np.zeros_like(people.staff.own_effect))


def _per_score(p: Parameters, worlds: Worlds) -> dict[str, Estimates]:
    known = worlds.only(~np.isnan(worlds.score))
    client, practitioner = (
        _per_sd(part, known.score) for part in (known.client_part, known.practitioner_part)
    )
    effect = client * worlds.within + practitioner * worlds.between
    per_sd = _by_band(p, effect, worlds.band)
    spread = _deviation(known.score)
    per_point = {name: value / spread for name, value in per_sd.items()}
    return {"per_sd_score": per_sd, "per_point_score": per_point}


def _neutral(p: Parameters, worlds: Worlds, both: FloatArray) -> dict[str, float]:
    below = worlds.relationship < p.neutral
    gain = 100 * (worlds.at_neutral - worlds.as_it_is)
    by_band = {
        f"gain_per_100_below_{name}": _mean(gain[below & (worlds.band == place)])
        for place, (name, _) in enumerate(p.bands)
    }
    return {
        "below": _mean(both[below]),
        "above": _mean(both[~below]),
        "below_minus_above": _mean(both[below]) - _mean(both[~below]),
        "share_below": _mean(below),
        "gain_per_100_below": _mean(gain[below]),
        **by_band,
    }


def _levels(p: Parameters, worlds: Worlds) -> dict[str, float]:
    found = {"less_overall": _mean(worlds.less), "more_overall": _mean(worlds.more)}
    for place, (name, _) in enumerate(p.bands):
        rows = worlds.band == place
        found |= {
            f"less_{name}": _mean(worlds.less[rows]),
            f"more_{name}": _mean(worlds.more[rows]),
        }
    return found


def _interaction(p: Parameters, worlds: Worlds) -> dict[str, float]:
    levels = _levels(p, worlds)
    low, high = p.bands[0][0], p.bands[-1][0]
    # cells by band and relationship
    cells = np.array(
        [[levels[f"{how}_{band}"] for how in ("less", "more")] for band in (high, low)]
    )
    if not (cells > 0).all():
        return {}
    band, how = np.unravel_index(int(np.argmin(cells)), cells.shape)
    ratios = cells / cells[band, how]
    other_band, other_how, both = (
        ratios[1 - band, how],
        ratios[band, 1 - how],
        ratios[1 - band, 1 - how],
    )
    excess = both - other_band - other_how + 1
    alone = other_band + other_how - 2
    return {
        "interaction_contrast": float(cells[1, 1] - cells[1, 0] - cells[0, 1] + cells[0, 0]),
        "ratio_of_risk_ratios": float(cells[1, 1] / cells[1, 0] / (cells[0, 1] / cells[0, 0])),
        "relative_excess_risk": float(excess),
        "attributable_proportion": float(excess / both),
        # not defined where nothing exceeds the cell of lowest risk
        "synergy_index": float((both - 1) / alone) if alone > 0 else float("nan"),
    }


def _decomposition(p: Parameters, worlds: Worlds) -> dict[str, float]:
    low, high = worlds.band == 0, worlds.band == len(p.bands) - 1
    gap = _mean(worlds.as_it_is[high]) - _mean(worlds.as_it_is[low])
    access = _mean(worlds.with_highest[low]) - _mean(worlds.as_it_is[low])
    neutral = {
        name: _mean(worlds.all_neutral[rows]) for name, rows in (("high", high), ("low", low))
    }
    returned = _mean(worlds.as_it_is[high]) - neutral["high"]
    returned -= _mean(worlds.with_highest[low]) - neutral["low"]
    rest = neutral["high"] - neutral["low"]
    return {"gap": gap, "access": access, "left": gap - access, "returns": returned, "rest": rest}


def _conditions(p: Parameters, worlds: Worlds) -> dict[str, float]:
    direct = _mean(worlds.direct)
    through = p.conditions_relationship * np.sqrt(p.practitioner_share)
    indirect = float(through * _mean(worlds.between))
    total = direct + indirect
    share = {"indirect_share": indirect / total} if total else {}
    return {"total": total, "direct": direct, "indirect": indirect} | share


def _same_for_everybody(p: Parameters) -> bool:
    varies = (p.effect_by_confidence, p.effect_below_neutral, p.effect_by_area, p.barred_share)
    return p.scale == "logit" and not any(varies)


def _log_odds(p: Parameters) -> dict[str, float]:
    return {"within": p.effect_within, "between": p.effect_between}


def _by_band(p: Parameters, effect: FloatArray, band: IntArray) -> dict[str, float]:
    names = [name for name, _ in p.bands]
    means = {name: _mean(effect[band == place]) for place, name in enumerate(names)}
    contrast = means[names[0]] - means[names[-1]]
    return {"overall": _mean(effect), **means, f"{names[0]}_minus_{names[-1]}": contrast}


def _ratios_by_band(p: Parameters, worlds: Worlds) -> dict[str, float]:
    def ratio(rows: BoolArray | slice) -> float:
        as_it_is = _mean(worlds.as_it_is[rows])
        return _mean(worlds.one_sd_better[rows]) / as_it_is if as_it_is else float("nan")

    by_band = {name: ratio(worlds.band == place) for place, (name, _) in enumerate(p.bands)}
    return {"overall": ratio(slice(None)), **by_band}


def _batch_errors(p: Parameters, worlds: Worlds) -> dict[str, Estimates]:
    batch = np.arange(len(worlds.band)) % BATCHES
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
