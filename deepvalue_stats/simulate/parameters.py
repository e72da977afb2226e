"""The named parameters of a synthetic service, each with where its value is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtr

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate.areas import AREAS, Area

Scale = Literal["logit", "log", "identity"]
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)


@dataclass(frozen=True)
class Moments:
    """Mean and SD of a score over a standard normal trait, and its correlation with the trait."""

    mean: float
    sd: float
    correlation: float


@lru_cache(maxsize=64)
def score_moments(items: int, loading: float, thresholds: tuple[float, ...]) -> Moments:
    """Find the moments of a mean of ordinal items by quadrature over the trait.

    An item counts from 1 the thresholds that its latent response exceeds; given the trait, items
    are independent with P(answer > k) = Phi((loading trait - threshold_k) / sqrt(1 - loading^2)).
    """
    weights = _WEIGHTS / _WEIGHTS.sum()
    unique = np.sqrt(1 - loading**2)
    above = ndtr((loading * _NODES[:, None] - np.array(thresholds)) / unique)
    expected = 1 + above.sum(axis=1)
    # E X^2 = sum over k of (k^2 - (k-1)^2) P(X >= k)
    steps = 2 * np.arange(2, len(thresholds) + 2) - 1
    square = 1 + above @ steps
    mean = weights @ expected
    variance = weights @ (expected - mean) ** 2 + weights @ (square - expected**2) / items
    slope = weights @ (expected * _NODES)
    return Moments(float(mean), float(np.sqrt(variance)), float(slope / np.sqrt(variance)))


@dataclass(frozen=True)
class Parameters:
    """A service: areas, services, practitioners, their clients, ratings, outcomes and records.

    The values are judgements within published ranges; no real service is copied. They describe a
    service in which the relationship helps, everybody alike, and nothing spoils the records; a
    preset changes some of them. Another service is another set of values
    (`dataclasses.replace`). What differs by area (base rates, needs, intraclass correlations)
    stands in `AREAS`.

    Attributes
    ----------
    areas : tuple of str
        employment, debt, health, or some of them.
    services, practitioners : int
        Services an area, and practitioners a service. 20 and 6 are a judgement.
    caseload, caseload_cv : float
        Log-normal number of clients a practitioner: its mean and its coefficient of variation.
        Programmes reported 50 to 180 at a time; a study reaches a part of them.
    first_index, last_index, record_end : str
        First and last day on which an episode may start (working days), and the day on which the
        outcome record was drawn.
    early_end_share : float
        Share of clients whose outcome record ends inside the follow-up.
    exposure_days, follow_up_days : int
        The exposure window is days 0 to `exposure_days` after the index; the landmark is the
        day after it, and `follow_up_days` are counted from the landmark.
    practitioner_share : float
        Share of the variance of the relationship that lies between practitioners. About .03 in
        Baldwin et al. (2007); .08 to .15 is assumed where caseloads and services differ more.
    confidence_correlation : float
        Correlation of the relationship with the confidence score before the index (judgement, .15
        to .30). It is what clients say of themselves that goes with how they get on: who adjusts
        for the score has adjusted for all of it.
    need_relationship : float
        Change of the client's part of the relationship per SD of log need. Nought unless a preset
        makes the measured need a confounder.
    hidden_relationship, hidden_effect : float
        Change of the client's part per SD of a cause that nobody measures, and log odds of the
        outcome per SD of it.
    occasion_sd : float
        Standard deviation of one occasion around the relationship (whose SD is 1).
    neutral : float
        The relationship, in SD from the mean, below which it is no longer a help.
    rating_items, rating_loading : int, float
        Items of a rating, answered 1 to 5, as in the 12-item working alliance form (Munder et
        al. 2010), and the correlation of an item's latent response with the rating's; .70 gives
        an alpha of about .90. Hanson et al. (2002) found .79 to .97, most often .92.
    rating_thresholds : tuple of float
        Cuts of the standard normal latent response. Between a quarter and a half of the ratings
        stand in the top tenth of the scale: real ones pile up so, to 48% at the very top for
        nurses (Bikker et al. 2015).
    rating_item_spread : float
        Items differ in difficulty by up to this much to either side.
    weak_items, weak_loading : tuple of tuple of int, float
        Items, counted from 0, that hardly show the relationship in each area, and their loading.
        Empty where the elements are alike across areas.
    confidence_items, confidence_loading, confidence_thresholds
        Four items answered 1 to 4, alpha about .88; the general self-efficacy scale has 1 to 4
        and .76 to .90 (Schwarzer and Jerusalem 1995).
    bands : tuple of (str, float)
        Confidence bands, each named with its lower bound on the mean of the items.
    age_mean, age_sd, age_range : float, float, tuple of int
        Age in years, normal, held inside the range.
    need_confidence_correlation : float
        Correlation of log need with confidence (judgement).
    base_rate : float or None
        Share of the clients at risk at the landmark who have the outcome; the area's unless given.
    scale : str
        The scale on which all effects on the outcome add up: logit, log (risk ratios) or identity
        (risk differences). Effects are per unit of that scale.
    effect_within, effect_between : float
        Change per unit of the client's and of the practitioner's part of the relationship: odds
        ratios of 1.35 and 1.25. Alliance and outcome correlate .278 in psychotherapy (Flueckiger
        et al. 2018), an odds ratio of 1.69: an upper anchor, as an outcome of a service depends on
        much besides.
    effect_by_confidence : float
        Relative change of both effects per SD of confidence; no effect changes its sign.
    effect_below_neutral : float
        Further change per unit of the relationship below the neutral point.
    effect_by_area : tuple of float
        Factor on the effects in each area; empty where it is the same.
    confidence_effect, age_effect, need_effect : float
        Change per SD of confidence, per ten years of age over the mean, and per unit of log need
        over the median.
    outcome_icc : float or None
        Share of the variance of the latent outcome between practitioners, whatever the
        relationship; the area's unless given. Therapists reach .05 to .08 (Wampold and Brown
        2005; Saxon et al. 2017).
    barred_share : float
        Share of clients who cannot have the outcome, whatever happens (a covariate separates).
    early_outcome_share, early_need_effect : float
        Share of clients (at median need) with the outcome before the landmark, and its change in
        log odds per unit of log need. It does not depend on the relationship.
    late_outcome_share : float
        Share of clients without the outcome who have it after the follow-up ended.
    second_spell_share : float
        Share of ended spells that another follows.
    step_base, step_effect, step_sd : float
        The monthly panel: the share of months with a step, log odds per unit of the relationship
        on that occasion, and the SD of the clients' own log odds.
    rating_days, late_rating_days, rating_jitter : tuple of int, tuple of int, int
        Days after the index on which ratings are asked for, inside and after the exposure
        window (six monthly waves), and how many days to either side they are given.
    responder_share, responder_by_confidence : float
        Share of clients (at average confidence) who give ratings at all, and its change in log
        odds per SD of confidence. Follow-up surveys reach 20 to 40%, panels more.
    responder_by_outcome, responder_by_both : float
        Change in log odds of giving ratings with the outcome, and with the outcome per unit of
        the relationship: nought unless attrition is not ignorable.
    rating_share, late_rating_share : float
        Share of requested ratings that a client who gives ratings gives.
    rating_share_after, rating_lift_after : float
        The factor on that share once the outcome has happened, and how much higher, in SD, such
        ratings are.
    missing_item_share : float
        Share of a rating's items left empty.
    mood_rating, mood_report : float
        What a passing mood of the client adds to the latent rating, and to the log odds that the
        client reports the outcome. Outcomes are reported by the client where the second is not
        nought.
    contact_gap_days, contact_days : tuple of int, int
        Fewest and most days between contacts, held up to this day after the index, or until the
        outcome.
    second_practitioner_share : float
        Share of clients who see a colleague of the same service at their fourth and sixth
        contact; the main practitioner holds the majority of the exposure window.
    sanction_share : float
        Median share of contacts with a sanction over practitioners, where an area has sanctions.
    sanction_relationship, sanction_effect : float
        Correlation of the practitioner's part with how readily they sanction, and the change of
        the outcome per SD of that.
    conditions_relationship, conditions_effect : float
        Correlation of the practitioner's part with the five working conditions taken together,
        and the conditions' direct change of the outcome per SD.
    turnover, turnover_outside : float
        Share of practitioners who leave in a year (15 to 30% is usual), and the share of leavers
        who leave for reasons outside the work; the others leave the more often the worse their
        relationships are.
    tenure_years : float
        Mean years in post at the first index date.
    consent_share, consent_by_confidence : float
        Share of clients who agree to their records being linked (80% for health, 65% for benefits
        in the National Centre for Social Research's surveys), and its change in log odds per SD
        of confidence. The extracts hold nobody else.
    link_sensitivity : tuple of float
        Share of outcomes that the link finds, by confidence band.
    key_error_share : float
        Share of outcome records with a typing error in each of surname, date of birth and
        postcode.

    References
    ----------
    Baldwin, Wampold and Imel (2007), Journal of Consulting and Clinical Psychology 75.
    Bikker, Fitzpatrick, Murphy and Mercer (2015), BMC Family Practice 16.
    Department for Work and Pensions (2023), Restart scheme statistics to April 2023.
    Flueckiger, Del Re, Wampold and Horvath (2018), Psychotherapy 55.
    Hanson, Curry and Bandalos (2002), Educational and Psychological Measurement 62.
    Munder, Wilmers, Leonhart, Linster and Barth (2010), Clinical Psychology and Psychotherapy 17.
    Saxon, Firth and Barkham (2017), Administration and Policy in Mental Health 44.
    Schwarzer and Jerusalem (1995), Generalized Self-Efficacy Scale.
    Wampold and Brown (2005), Journal of Consulting and Clinical Psychology 73.
    """

    areas: tuple[str, ...] = ("employment",)
    services: int = 20
    practitioners: int = 6
    caseload: float = 45.0
    caseload_cv: float = 0.4
    first_index: str = "2022-01-03"
    last_index: str = "2023-06-30"
    record_end: str = "2025-06-30"
    early_end_share: float = 0.03
    exposure_days: int = 90
    follow_up_days: int = 365
    practitioner_share: float = 0.12
    confidence_correlation: float = 0.20
    need_relationship: float = 0.0
    hidden_relationship: float = 0.0
    hidden_effect: float = 0.0
    occasion_sd: float = 0.30
    neutral: float = -1.0
    rating_items: int = 12
    rating_loading: float = 0.70
    rating_thresholds: tuple[float, ...] = (-2.1, -1.45, -0.75, 0.05)
    rating_item_spread: float = 0.25
    weak_items: tuple[tuple[int, ...], ...] = ()
    weak_loading: float = 0.20
    confidence_items: int = 4
    confidence_loading: float = 0.85
    confidence_thresholds: tuple[float, ...] = (-0.9, 0.1, 1.1)
    bands: tuple[tuple[str, float], ...] = (("low", 1.0), ("mid", 2.0), ("high", 3.0))
    age_mean: float = 39.0
    age_sd: float = 12.0
    age_range: tuple[int, int] = (18, 65)
    need_confidence_correlation: float = -0.20
    base_rate: float | None = None
    scale: Scale = "logit"
    effect_within: float = 0.30
    effect_between: float = 0.22
    effect_by_confidence: float = 0.0
    effect_below_neutral: float = 0.0
    effect_by_area: tuple[float, ...] = ()
    confidence_effect: float = 0.27
    age_effect: float = -0.15
    need_effect: float = -0.30
    outcome_icc: float | None = None
    barred_share: float = 0.0
    early_outcome_share: float = 0.05
    early_need_effect: float = -0.30
    late_outcome_share: float = 0.12
    second_spell_share: float = 0.15
    step_base: float = 0.50
    step_effect: float = 0.35
    step_sd: float = 0.80
    rating_days: tuple[int, ...] = (15, 45, 75)
    late_rating_days: tuple[int, ...] = (105, 135, 165)
    rating_jitter: int = 6
    responder_share: float = 0.45
    responder_by_confidence: float = 0.30
    responder_by_outcome: float = 0.0
    responder_by_both: float = 0.0
    rating_share: float = 0.85
    late_rating_share: float = 0.50
    rating_share_after: float = 0.5
    rating_lift_after: float = 0.0
    missing_item_share: float = 0.02
    mood_rating: float = 0.0
    mood_report: float = 0.0
    contact_gap_days: tuple[int, int] = (18, 42)
    contact_days: int = 180
    second_practitioner_share: float = 0.15
    sanction_share: float = 0.04
    sanction_relationship: float = 0.0
    sanction_effect: float = 0.0
    conditions_relationship: float = 0.40
    conditions_effect: float = 0.0
    turnover: float = 0.20
    turnover_outside: float = 0.50
    tenure_years: float = 5.0
    consent_share: float = 0.80
    consent_by_confidence: float = 0.20
    link_sensitivity: tuple[float, ...] = (1.0, 1.0, 1.0)
    key_error_share: float = 0.03

    def __post_init__(self) -> None:
        faults = [*_structure_faults(self), *_share_faults(self)]
        if faults:
            raise PlanError(
                f"these parameters describe no service: {'; '.join(faults)}",
                "Parameters",
                "see the attributes of Parameters for what each one is",
            )

    @property
    def landmark_day(self) -> int:
        """The day after the index from which outcomes count."""
        return self.exposure_days + 1

    @property
    def area_kits(self) -> tuple[Area, ...]:
        """The areas themselves, in the order of their names here."""
        return tuple(AREAS[name] for name in self.areas)

    @property
    def base_rates(self) -> tuple[float, ...]:
        """The base rate of each area."""
        return tuple(
            area.base_rate if self.base_rate is None else self.base_rate for area in self.area_kits
        )

    @property
    def outcome_iccs(self) -> tuple[float, ...]:
        """The latent intraclass correlation of each area's outcome."""
        return tuple(
            area.outcome_icc if self.outcome_icc is None else self.outcome_icc
            for area in self.area_kits
        )

    @property
    def reported_by(self) -> str:
        """Who reports the outcome."""
        return "client" if self.mood_report else "administrative"

    @property
    def confidence_moments(self) -> Moments:
        """Mean and SD of the confidence score, and its correlation with confidence itself."""
        return score_moments(
            self.confidence_items, self.confidence_loading, self.confidence_thresholds
        )

    @property
    def free_share(self) -> float:
        """Variance of the client's part that no named cause accounts for."""
        rho, eta = self.confidence_correlation, self.need_relationship
        need_and_score = self.need_confidence_correlation * self.confidence_moments.correlation
        shared = 2 * rho * eta * need_and_score
        named = rho**2 + eta**2 + shared + self.hidden_relationship**2
        return 1 - self.practitioner_share - named


_SHARES = (
    "early_end_share",
    "early_outcome_share",
    "late_outcome_share",
    "second_spell_share",
    "barred_share",
    "responder_share",
    "rating_share",
    "late_rating_share",
    "missing_item_share",
    "second_practitioner_share",
    "sanction_share",
    "turnover",
    "turnover_outside",
    "consent_share",
    "key_error_share",
    "practitioner_share",
)
_PER_AREA: Mapping[str, str] = {
    "effect_by_area": "a factor for each area",
    "weak_items": "a tuple of items for each area",
}


def _structure_faults(p: Parameters) -> list[str]:
    faults = [f"there is no area '{name}'" for name in p.areas if name not in AREAS]
    if not p.areas or len(set(p.areas)) < len(p.areas):
        faults.append("areas are one or more different ones")
    if min(p.services, p.practitioners) < 1 or p.caseload < 1:
        faults.append("services, practitioners and caseload are 1 or more")
    if p.practitioners < 2 and p.second_practitioner_share:
        faults.append("one practitioner a service has no colleague: second_practitioner_share is 0")
    faults += [
        f"{name} needs {what}"
        for name, what in _PER_AREA.items()
        if len(getattr(p, name)) not in (0, len(p.areas))
    ]
    if p.sanction_effect and not all(AREAS[name].sanctions for name in p.areas if name in AREAS):
        faults.append("sanction_effect needs areas that record sanctions")
    if len(p.link_sensitivity) != len(p.bands):
        faults.append("link_sensitivity needs a share for each band")
    return faults


def _share_faults(p: Parameters) -> list[str]:
    shares = {name: getattr(p, name) for name in _SHARES}
    faults = [f"{name} is not between 0 and 1" for name, x in shares.items() if not 0 <= x <= 1]
    if any(not 0 <= share <= 1 for share in p.link_sensitivity):
        faults.append("link_sensitivity is not between 0 and 1")
    if p.base_rate is not None and not 0 < p.base_rate < 1:
        faults.append("base_rate is not inside 0 and 1")
    if p.outcome_icc is not None and not 0 <= p.outcome_icc < 1:
        faults.append("outcome_icc is not from 0 to below 1")
    if p.turnover == 1:
        faults.append("turnover is below 1: somebody stays")
    if p.scale not in get_args(Scale):
        faults.append(f"there is no scale '{p.scale}'")
    if p.free_share < 0:
        faults.append("the causes of the relationship explain more than all of it")
    if p.conditions_relationship**2 + p.sanction_relationship**2 > 1:
        faults.append("the causes of the practitioner's part explain more than all of it")
    return faults
