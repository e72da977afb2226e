"""The planted effects, from the generator's own potential outcomes.

The chance of a job is a known function of the two parts of the relationship, so its change when
the relationship is shifted is a derivative and is taken exactly; no model is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deepvalue_stats.simulate.employment import Employment
from deepvalue_stats.simulate.population import (
    Answers,
    BoolArray,
    FloatArray,
    IntArray,
    Traits,
    chance,
    draw_answers,
    draw_early_job,
    draw_traits,
    effects,
    linear_predictor,
)

SUPERPOPULATION_CLIENTS = 240_000
SUPERPOPULATION_SEED = 19_480_705
BATCHES = 24
DIGITS = 6

DEFINITIONS: Mapping[str, str] = {
    "population": (
        "clients without a job before the landmark who gave at least one rating in the exposure "
        "window; in the sample, with a complete follow-up as well"
    ),
    "outcome": "a job that starts on one of the follow-up days counted from the landmark",
    "relationship": (
        "the true relationship with the main adviser, the sum of an adviser's part and a "
        "client's part, with SD 1 over all clients"
    ),
    "score": (
        "mean over the ratings in the exposure window of the mean of the answered items of each"
    ),
    "bands": "mean of the four confidence items, each band from its lower bound to the next",
    "per_sd_relationship": (
        "average derivative of the chance of a job for a shift of the true relationship by one "
        "SD; `within` shifts the client's part alone, `between` the adviser's part alone, and "
        "all others shift both in proportion to their share of the variance"
    ),
    "per_sd_score": (
        "average derivative of the chance of a job for the shift of the true relationship that "
        "goes with one SD of the score: each part moves by cov(part, score) / var(score) times "
        "the SD of the score, all three taken over the whole population and used in every band; "
        "what an analysis of the score as observed is after, with no correction for its error. It "
        "is a straight line through a relation that the score's ceiling bends, so the average "
        "derivative of a logit model lies somewhat above it"
    ),
    "low_minus_high": "the effect in the low band less the effect in the high band",
    "superpopulation": (
        "a large draw with its own fixed seed, every client with an adviser of their own, so that "
        "clients are independent; standard errors from 24 equal batches"
    ),
    "sample": "the same formulas over the clients of this seed, with their own advisers",
}


@dataclass(frozen=True)
class Exposed:
    """The clients of whom the truth is told: parts, score, band and derivatives."""

    adviser_part: FloatArray
    client_part: FloatArray
    score: FloatArray
    band: IntArray
    within: FloatArray
    between: FloatArray
    probability: FloatArray

    def part(self, rows: slice) -> Exposed:
        """Take some of the clients."""
        return Exposed(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Superpopulation:
    """The calibrated intercept, and the truth over a large draw of clients."""

    intercept: float
    clients: int
    summary: Mapping[str, object]
    estimands: Mapping[str, Mapping[str, float]]
    monte_carlo_se: Mapping[str, Mapping[str, float]]


def scores(answers: Answers, occasions: int) -> FloatArray:
    """Score each client over the first occasions; nan for a client without a rating."""
    with_items = ~np.isnan(answers.items[:, :occasions])
    answered = with_items.sum(axis=2)
    total = np.nansum(answers.items[:, :occasions], axis=2)
    means = total / np.maximum(answered, 1)
    used = answers.given[:, :occasions] & (answered > 0)
    ratings = used.sum(axis=1)
    mean = np.where(used, means, 0.0).sum(axis=1) / np.maximum(ratings, 1)
    return np.where(ratings > 0, mean, np.nan)


def bands(service: Employment, answers: Answers) -> IntArray:
    """Place each client in a confidence band, 0 for the first."""
    bounds = [bound for _, bound in service.bands]
    place = np.searchsorted(bounds, answers.confidence.mean(axis=1), side="right") - 1
    return np.asarray(place, dtype=np.int64)


def exposed(
    service: Employment, traits: Traits, answers: Answers, intercept: float, kept: BoolArray
) -> Exposed:
    """Take the kept clients that have a score, with what their truth needs."""
    score = scores(answers, len(service.rating_days))
    rows = kept & ~np.isnan(score)
    probability = chance(intercept + linear_predictor(service, traits))
    steepness = probability * (1 - probability)
    within, between = effects(service, traits.confidence)
    return Exposed(
        adviser_part=traits.adviser_part[rows],
        client_part=traits.client_part[rows],
        score=score[rows],
        band=bands(service, answers)[rows],
        within=(steepness * within)[rows],
        between=(steepness * between)[rows],
        probability=probability[rows],
    )


def estimands(service: Employment, clients: Exposed) -> dict[str, dict[str, float]]:
    """Average the two named sets of effects over these clients (see `DEFINITIONS`)."""
    share = service.adviser_share
    relationship = (1 - share) * clients.within + share * clients.between
    spread, variance = clients.score.std(), clients.score.var()
    moves = [
        np.cov(part, clients.score, bias=True)[0, 1] / variance * spread
        for part in (clients.client_part, clients.adviser_part)
    ]
    score = moves[0] * clients.within + moves[1] * clients.between
    parts = {"within": float(clients.within.mean()), "between": float(clients.between.mean())}
    return {
        "per_sd_relationship": _by_band(service, relationship, clients.band) | parts,
        "per_sd_score": _by_band(service, score, clients.band),
    }


def summary(service: Employment, clients: Exposed) -> dict[str, object]:
    """Describe what the effects are read beside: base rate, spread, ceiling, bands."""
    relationship = clients.adviser_part + clients.client_part
    top = _top_tenth(service)
    names = [name for name, _ in service.bands]
    return {
        "base_rate": float(clients.probability.mean()),
        "score_mean": float(clients.score.mean()),
        "score_sd": float(clients.score.std()),
        "score_relationship_correlation": float(np.corrcoef(relationship, clients.score)[0, 1]),
        "score_top_tenth_share": float((clients.score >= top).mean()),
        "band_shares": {n: float((clients.band == i).mean()) for i, n in enumerate(names)},
    }


@lru_cache(maxsize=8)
def superpopulation(service: Employment) -> Superpopulation:
    """Calibrate the intercept to the base rate, and compute the truth over a large draw."""
    rng = np.random.default_rng(SUPERPOPULATION_SEED)
    traits = draw_traits(service, np.arange(SUPERPOPULATION_CLIENTS), rng)
    answers = draw_answers(service, traits, len(service.rating_days), rng)
    at_risk = draw_early_job(service, traits, rng) == 0
    intercept = calibrate(linear_predictor(service, traits)[at_risk], service.base_rate)
    clients = exposed(service, traits, answers, intercept, at_risk)
    return Superpopulation(
        intercept=intercept,
        clients=len(clients.score),
        summary=summary(service, clients),
        estimands=estimands(service, clients),
        monte_carlo_se=_batch_errors(service, clients),
    )


def calibrate(predictor: FloatArray, base_rate: float) -> float:
    """Find the intercept at which the mean chance is the base rate, by bisection."""
    low, high = -20.0, 20.0
    while high - low > 10.0**-DIGITS / 4:
        middle = (low + high) / 2
        below = chance(middle + predictor).mean() < base_rate
        low, high = (middle, high) if below else (low, middle)
    # rounded, so that the last bit of a sum cannot move a client from one outcome to the other
    return round((low + high) / 2, DIGITS)


def _top_tenth(service: Employment) -> float:
    highest = len(service.rating_thresholds) + 1
    return highest - (highest - 1) / 10


def _by_band(service: Employment, effect: FloatArray, band: IntArray) -> dict[str, float]:
    names = [name for name, _ in service.bands]
    means = {name: float(effect[band == place].mean()) for place, name in enumerate(names)}
    contrast = means[names[0]] - means[names[-1]]
    return {"overall": float(effect.mean()), **means, f"{names[0]}_minus_{names[-1]}": contrast}


def _batch_errors(service: Employment, clients: Exposed) -> dict[str, dict[str, float]]:
    size = len(clients.score) // BATCHES
    runs = [
        estimands(service, clients.part(slice(i * size, (i + 1) * size))) for i in range(BATCHES)
    ]
    return {
        kind: {
            name: float(np.std([run[kind][name] for run in runs], ddof=1) / np.sqrt(BATCHES))
            for name in runs[0][kind]
        }
        for kind in runs[0]
    }
