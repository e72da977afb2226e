"""A lean cohort for questions of power: clients of practitioners, on the scale of chances.

What a plan declares is what a reader knows: the rate of the outcome, the difference in risk, the
share of the outcome's variance between practitioners. The logit that gives all of them is found
here by quadrature, so that a draw is right on the scale of probabilities and not only on that of
the model. Nothing is shared with the estimators that are fitted to the draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq, root
from scipy.special import expit, logit, ndtr, ndtri

from deepvalue_stats.errors import PlanError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# nodes of the practitioner's own effect: equal steps are exact to ten digits for a smooth curve
_OWN = np.linspace(-7.0, 7.0, 57)
_OWN_WEIGHTS = np.exp(-(_OWN**2) / 2) / np.exp(-(_OWN**2) / 2).sum()
_FAR, _NODES = 9.0, 80
_SOLVED = 1e-9
_LARGEST_SD = 50.0


@dataclass(frozen=True)
class Cohort:
    """What is declared of the clients and practitioners of a study that is still to come.

    Attributes
    ----------
    practitioners : int
    clients_per_practitioner : float
        Mean number of clients who start with a practitioner.
    caseload_cv : float
        Standard deviation of those numbers over their mean; they are log-normal.
    base_rate : float
        Share of clients with the outcome; with arms, in the arm without.
    icc : float
        Share of the variance of the outcome (0 or 1) that practitioners' own effects account for,
        apart from what the exposure does.
    effect : float
        With a score, the average difference in risk a standard deviation of the error-free
        relationship; with arms, the difference in risk between the arms.
    low_minus_reference : float
        The effect in the first band less that in the reference band; bands in between lie in
        between.
    damage : float
        The effect below the neutral point less that above it.
    neutral_share : float
        Share of scores below the neutral point.
    exposure_icc : float
        Share of the score's variance that lies between practitioners.
    reliability : float
        Share of the score's variance that is true; the error is the client's own as far as
        `exposure_icc` allows.
    attrition : float
        Share of clients without a usable row, at random.
    match_rate : float
        Share of outcomes that the link finds; the others count as no event.
    bands : tuple of (str, float)
        Names and shares of the bands of confidence, the lowest first.
    reference : str
    exposure : str
        score, or arms: half of the practitioners against the other half.
    """

    practitioners: int
    clients_per_practitioner: float
    caseload_cv: float
    base_rate: float
    icc: float
    effect: float
    low_minus_reference: float = 0.0
    damage: float = 0.0
    neutral_share: float = 0.2
    exposure_icc: float = 0.1
    reliability: float = 1.0
    attrition: float = 0.0
    match_rate: float = 1.0
    bands: tuple[tuple[str, float], ...] = (("low", 0.5), ("high", 0.5))
    reference: str = "high"
    exposure: Literal["score", "arms"] = "score"

    @property
    def neutral_point(self) -> float:
        """Where the score is neutral, in its own standard deviations from its mean."""
        return float(ndtri(self.neutral_share))

    @property
    def effects(self) -> tuple[float, ...]:
        """The effect in each band; their mean over clients is `effect`."""
        names, shares = [name for name, _ in self.bands], [share for _, share in self.bands]
        last = names.index(self.reference)
        weights = [max(0.0, 1 - place / last) if last else 0.0 for place in range(len(names))]
        in_reference = self.effect - self.low_minus_reference * float(np.dot(shares, weights))
        return tuple(in_reference + self.low_minus_reference * weight for weight in weights)


@dataclass(frozen=True)
class OutcomeModel:
    """The chance of the outcome: a logit with a bend at the neutral point in every band.

    Attributes
    ----------
    neutral : float
        The neutral point in standard deviations of the error-free relationship.
    intercepts, below, above : tuple of float
        Log odds at the neutral point and a unit on either side of it, band by band.
    practitioner_sd : float
        Of the practitioners' own effects, in log odds.
    """

    neutral: float
    intercepts: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]
    practitioner_sd: float

    def chance(self, exposure: FloatArray, band: IntArray, own: FloatArray) -> FloatArray:
        """The chance of clients at an exposure whose practitioner's own effect is `own` SD."""
        distance = exposure - self.neutral
        odds = np.take(self.intercepts, band) + self.practitioner_sd * own
        odds += np.take(self.below, band) * np.minimum(distance, 0)
        odds += np.take(self.above, band) * np.maximum(distance, 0)
        return np.asarray(expit(odds))


@dataclass(frozen=True)
class CohortTruth:
    """What an analysis of endless rows would find: a unit of the recorded score and outcome.

    Attributes
    ----------
    effect, low_minus_reference, damage : float
        Differences in risk. Error in the score and outcomes that do not link make them smaller
        than what was declared.
    within, within_low_minus_reference : float
        The same of the score's part within practitioners, a standard deviation of the whole score.
    """

    effect: float
    low_minus_reference: float
    damage: float
    within: float
    within_low_minus_reference: float


def draw_cohort(cohort: Cohort, rng: np.random.Generator) -> pd.DataFrame:
    """Draw one cohort.

    Parameters
    ----------
    cohort : Cohort
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        One row a client: `client`, `practitioner`, `band`, `exposure` (the score, with SD 1 and
        mean 0, or the arm), `outcome` as recorded and linked, `complete`; and what nobody sees:
        `true_exposure` (error-free, SD 1), `own` (the practitioner's own effect, SD 1), `chance`,
        `true_outcome`.
    """
    model = outcome_model(cohort)
    who = _practitioner_of_clients(cohort, rng)
    true, seen = (_arms if cohort.exposure == "arms" else _scores)(cohort, who, rng)
    ends = np.cumsum([share for _, share in cohort.bands])
    band = np.searchsorted(ends[:-1] / ends[-1], rng.random(len(who)), side="right")
    own = rng.standard_normal(cohort.practitioners)[who]
    chance = model.chance(true, band, own)
    happened = rng.random(len(who)) < chance
    linked = rng.random(len(who)) < cohort.match_rate
    names = [name for name, _ in cohort.bands]
    return pd.DataFrame(
        {
            "client": np.arange(len(who)),
            "practitioner": who,
            "band": pd.Categorical.from_codes(band, categories=pd.Index(names), ordered=True),
            "exposure": seen,
            "outcome": (happened & linked).astype("float64"),
            "complete": rng.random(len(who)) >= cohort.attrition,
            "true_exposure": true,
            "own": own,
            "chance": chance,
            "true_outcome": happened.astype("float64"),
        }
    )


def _practitioner_of_clients(cohort: Cohort, rng: np.random.Generator) -> IntArray:
    """Log-normal caseloads, rounded at random so that their mean stays what it is."""
    spread = np.log1p(cohort.caseload_cv**2)
    center = np.log(cohort.clients_per_practitioner) - spread / 2
    sizes = np.exp(center + np.sqrt(spread) * rng.standard_normal(cohort.practitioners))
    # a mean of 25 must not become 24 by a digit lost in the logarithm
    whole = np.floor(np.round(sizes, 9) + rng.random(cohort.practitioners)).astype(np.int64)
    return np.repeat(np.arange(cohort.practitioners), np.maximum(whole, 1))


def _arms(cohort: Cohort, who: IntArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    treated = rng.permutation(cohort.practitioners) < cohort.practitioners // 2
    arm = treated.astype("float64")[who]
    return arm, arm


def _scores(
    cohort: Cohort, who: IntArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """The error-free relationship with SD 1, and the score that is seen of it, with SD 1 too."""

    def part(between: float, within: float) -> FloatArray:
        practitioner = np.sqrt(between) * rng.standard_normal(cohort.practitioners)[who]
        return np.asarray(practitioner + np.sqrt(within) * rng.standard_normal(len(who)))

    true_between, error_between = _between(cohort)
    true = part(true_between, cohort.reliability - true_between)
    error = part(error_between, max(0.0, 1 - cohort.reliability - error_between))
    return true / np.sqrt(cohort.reliability), true + error


def _between(cohort: Cohort) -> tuple[float, float]:
    """Shares of the score's variance, true and error, that lie between practitioners."""
    true = min(cohort.exposure_icc, cohort.reliability)
    return true, cohort.exposure_icc - true


def cohort_truth(cohort: Cohort) -> CohortTruth:
    """What the analysis of a cohort aims at, as its rows record score and outcome.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    CohortTruth

    Notes
    -----
    With normal scores the average derivative is Cov(Y, score) / Var(score) (Stein 1981, Annals of
    Statistics 9, lemma 1), so that error with reliability r makes the effect a standard deviation
    of the score sqrt(r) times that of the error-free relationship, on the scale of risks, exactly.
    Within practitioners the true share is (r - between) / (1 - exposure_icc).
    """
    rate, reliability = cohort.match_rate, cohort.reliability
    if cohort.exposure == "arms":
        seen = rate * cohort.effect, rate * cohort.low_minus_reference
        return CohortTruth(*seen, np.nan, np.nan, np.nan)
    true_between, _ = _between(cohort)
    inner = 1 - cohort.exposure_icc
    share = (reliability - true_between) / inner if inner > 0 else np.nan
    weaker = float(rate * np.sqrt(reliability))
    within = float(rate * share / np.sqrt(reliability))
    return CohortTruth(
        effect=weaker * cohort.effect,
        low_minus_reference=weaker * cohort.low_minus_reference,
        damage=weaker * _seen_damage(cohort),
        within=within * cohort.effect,
        within_low_minus_reference=within * cohort.low_minus_reference,
    )


def _seen_damage(cohort: Cohort) -> float:
    """Mean slope in the true relationship of clients who score below neutral, less that above."""
    model, point, reliability = outcome_model(cohort), cohort.neutral_point, cohort.reliability
    nodes, weights = _exposure_nodes(model.neutral)
    true_score = np.sqrt(reliability) * nodes
    if reliability < 1:
        below = ndtr((point - true_score) / np.sqrt(1 - reliability))
    else:
        below = (nodes < model.neutral).astype("float64")
    total = 0.0
    for place, (_, share) in enumerate(cohort.bands):
        slope = _slopes(_bend(model, place), model.practitioner_sd, nodes, model.neutral)
        under, over = weights * below, weights * (1 - below)
        total += share * (slope @ under / under.sum() - slope @ over / over.sum())
    return total / sum(share for _, share in cohort.bands)


def outcome_model(cohort: Cohort) -> OutcomeModel:
    """The logit whose rate, differences in risk and share between practitioners are the declared.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    OutcomeModel

    Raises
    ------
    PlanError
        If no logit has them, as when the differences are too large for the rate.
    """
    neutral = 0.0
    if cohort.exposure == "score":
        neutral = cohort.neutral_point / float(np.sqrt(cohort.reliability))
    shares = tuple(share for _, share in cohort.bands)
    arms = cohort.exposure == "arms"
    damage = 0.0 if arms else cohort.damage
    return _solved(arms, cohort.base_rate, cohort.icc, cohort.effects, shares, damage, neutral)


Bend = tuple[float, float, float]


@lru_cache(maxsize=64)
def _solved(
    arms: bool,
    base_rate: float,
    icc: float,
    effects: tuple[float, ...],
    shares: tuple[float, ...],
    damage: float,
    neutral: float,
) -> OutcomeModel:
    nodes, weights = (np.array([0.0, 1.0]), None) if arms else _exposure_nodes(neutral)
    weight = np.asarray(shares) / sum(shares)

    def bends(sd: float) -> list[Bend]:
        if weights is None:
            found = {effect: _arms_bend(base_rate, effect, sd) for effect in set(effects)}
        else:
            found = {
                effect: _score_bend(base_rate, effect, damage, sd, nodes, weights, neutral)
                for effect in set(effects)
            }
        return [found[effect] for effect in effects]

    def share_between(sd: float) -> float:
        """Var(p_j) / (p (1 - p)), p_j a practitioner's mean chance; with arms, within the arms."""
        chances = [expit(_odds(bend, nodes, neutral) + sd * _OWN[:, None]) for bend in bends(sd)]
        by_exposure = np.tensordot(weight, np.array(chances), 1)
        columns = by_exposure if weights is None else (by_exposure @ weights)[:, None]
        mean = _OWN_WEIGHTS @ columns
        return float((_OWN_WEIGHTS @ (columns - mean) ** 2).sum() / (mean * (1 - mean)).sum())

    sd = _sd_with(share_between, icc) if icc > 0 else 0.0
    intercepts, below, above = zip(*bends(sd), strict=True)
    return OutcomeModel(neutral, intercepts, below, above, sd)


def _sd_with(share_between: Callable[[float], float], icc: float) -> float:
    high = 0.5
    while share_between(high) < icc:
        high *= 2
        if high > _LARGEST_SD:
            fix = "lower it: between practitioners it is mostly .01 to .05"
            raise PlanError("no outcome differs so much between practitioners", "power.icc", fix)
    return float(brentq(lambda sd: share_between(sd) - icc, 0.0, high, xtol=1e-10))


def _exposure_nodes(neutral: float) -> tuple[FloatArray, FloatArray]:
    """Nodes of the standard normal on either side of the bend, with weights that sum to one."""
    unit, weight = np.polynomial.legendre.leggauss(_NODES)
    middle = float(np.clip(neutral, -_FAR + 1, _FAR - 1))
    nodes, weights = [], []
    for low, high in ((-_FAR, middle), (middle, _FAR)):
        x = (low + high) / 2 + (high - low) / 2 * unit
        nodes.append(x)
        weights.append((high - low) / 2 * weight * np.exp(-(x**2) / 2))
    joined = np.concatenate(weights)
    return np.concatenate(nodes), joined / joined.sum()


def _bend(model: OutcomeModel, place: int) -> Bend:
    return model.intercepts[place], model.below[place], model.above[place]


def _odds(bend: Bend, nodes: FloatArray, neutral: float) -> FloatArray:
    intercept, below, above = bend
    distance = nodes - neutral
    return np.asarray(intercept + below * np.minimum(distance, 0) + above * np.maximum(distance, 0))


def _slopes(bend: Bend, sd: float, nodes: FloatArray, neutral: float) -> FloatArray:
    """How the mean chance over practitioners moves with the exposure, at every node."""
    p = expit(_odds(bend, nodes, neutral) + sd * _OWN[:, None])
    steep = np.where(nodes < neutral, bend[1], bend[2])
    return np.asarray(steep * (_OWN_WEIGHTS @ (p * (1 - p))))


def _score_bend(
    base_rate: float,
    effect: float,
    damage: float,
    sd: float,
    nodes: FloatArray,
    weights: FloatArray,
    neutral: float,
) -> Bend:
    """Intercept and the two slopes with which rate, mean effect and damage are the declared."""
    under = nodes < neutral
    share = float(weights[under].sum())
    wanted = np.array([base_rate, effect + (1 - share) * damage, effect - share * damage])
    per_risk = 1 / (base_rate * (1 - base_rate))

    def missed(bend: FloatArray) -> FloatArray:
        p = expit(_odds((bend[0], bend[1], bend[2]), nodes, neutral) + sd * _OWN[:, None])
        flat = _OWN_WEIGHTS @ (p * (1 - p))
        steep = [
            bend[1 + side] * float(flat[mine] @ weights[mine] / weights[mine].sum())
            for side, mine in enumerate((under, ~under))
        ]
        return np.asarray(np.array([float(_OWN_WEIGHTS @ p @ weights), *steep]) - wanted)

    begin = np.array([logit(base_rate), wanted[1] * per_risk, wanted[2] * per_risk])
    found = root(missed, begin, method="hybr", tol=1e-12)
    if np.abs(missed(found.x)).max() > _SOLVED:
        raise PlanError(
            "no chances between 0 and 1 have this base rate with differences in risk so large",
            "power.effect, power.effect_low_minus_high, power.damage",
            "declare smaller differences, or a base rate nearer to a half",
        )
    return float(found.x[0]), float(found.x[1]), float(found.x[2])


def _arms_bend(base_rate: float, effect: float, sd: float) -> Bend:
    if not 0 < base_rate + effect < 1:
        raise PlanError(
            "base rate and effect add up to no chance between 0 and 1",
            "power.effect, power.effect_low_minus_high",
            "declare a smaller difference in risk",
        )

    def odds_of(rate: float) -> float:
        reach = 10 * (1 + sd) + abs(float(logit(rate)))
        return float(
            brentq(lambda x: float(_OWN_WEIGHTS @ expit(x + sd * _OWN)) - rate, -reach, reach)
        )

    none = odds_of(base_rate)
    return none, 0.0, odds_of(base_rate + effect) - none
