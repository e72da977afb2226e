"""The named parameters of a synthetic panel of families, each with where its value is from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate.parameters import Moments, score_moments

LOGISTIC_VARIANCE = np.pi**2 / 3
TENURES = ("owner", "private_rent", "social_rent")
# families enter in the first year or up to this many years later
LATEST_ENTRY = 2


@dataclass(frozen=True)
class FamilyParameters:
    """A panel: branches, advisers, families, their yearly interviews, and what moves the outcome.

    The values are judgements within published ranges; no real service is copied. They describe
    debt advice in which the relationship helps, everybody alike, and a change of adviser costs
    something for two years. A preset changes some of them.

    Wave 0 is the interview before advice begins: it has no rating, and no adviser acts on its
    outcome. From wave 1 on a family rates the adviser of the time. An adviser may change between
    two waves from wave 2 on.

    Attributes
    ----------
    services, practitioners, families, waves : int
        Branches, advisers a branch (posts: a leaver is replaced), families, yearly interviews with
        the one before advice.
    first_interview, interview_days : str, int
        First day of the first year's interviews, and the days over which they spread.
    late_entry_share : float
        Share of families who enter in the second or third year; they have fewer waves.
    adviser_share, family_share, dyad_share : float
        Shares of the variance of the relationship: of the adviser with all families, of the family
        with all advisers, and of this family with this adviser. What is left is the year's own.
        An adviser's share of .12 as in the services; the others are judgements.
    occasion_persistence : float
        Correlation of the year's own part with the next year's under the same adviser.
    confidence_correlation, need_relationship, hidden_relationship : float
        Change of the family's part per SD of the confidence score at wave 0, of log need, and of a
        stable trait that nobody measures.
    feedback : float
        Change of the relationship, in SD, if the family kept in control the year before.
    neutral : float
        The relationship, in SD from the mean, below which it is no longer a help.
    rating_items, rating_loading, rating_thresholds, rating_item_spread, missing_item_share
        As in the services: 12 items answered 1 to 5, alpha about .90.
    rating_share : float
        Share of interviews after wave 0 in which the family answers the items at all.
    rating_lift_now, rating_lift_next : float
        How much higher, in SD, the rating is if the family is in control at that wave, and if it
        was at the wave before. Nought unless the outcome moves the rating.
    confidence_items, confidence_loading, confidence_thresholds, bands
        As in the services: 4 items answered 1 to 4.
    age_mean, age_sd, age_range
        Age in years of who is interviewed.
    children_mean : float
        Poisson mean of children in the household, at most 6.
    tenure_shares : tuple of float
        Share of owners, private and social tenants.
    need_median, need_log_sd, need_cap : float, float, int
        Creditors at wave 0, log-normal.
    need_confidence_correlation : float
        Correlation of log need with confidence.
    shock_share : float
        Share of families who lose income in a year, each year anew.
    base_rate : float
        Mean chance of being in control over the waves after advice began. After 15 months one in
        eight of StepChange's clients was free of debts and three in four had made fair progress
        (2019, 2020); keeping up with all bills and debts lies in between.
    before_advice, trend : float
        Change in log odds at wave 0 against wave 1, and per year after wave 1.
    effect_within : float
        Log odds per unit of what can change about the relationship of a family: the adviser's, the
        dyad's and the year's own part. An odds ratio of 1.35.
    effect_between : float
        Log odds per unit of the family's stable part. An odds ratio of 1.25.
    effect_by_confidence, effect_below_neutral : float
        As in the services: relative change of both effects per SD of confidence, and the further
        change per unit below the neutral point.
    confidence_effect, age_effect, need_effect, children_effect, tenure_effects, shock_effect
        Change in log odds per SD of confidence, per ten years of age, per unit of log need over the
        median, per child, of each tenure, and in a year with a loss of income.
    hidden_effect : float
        Change in log odds per SD of the unmeasured trait.
    family_icc, adviser_icc : float
        Shares of the latent variance of the outcome: stable differences of families, and the
        adviser's own effect whatever the relationship, given everything else.
    state_dependence : float
        Change in log odds if the family was in control at the wave before.
    break_effect : tuple of float
        Change in log odds at the wave of a change of adviser, one wave later, and so on: what it
        costs on top of the relationship that is lost. The costs of several changes add up.
    break_by_first : float
        Relative change of that cost per wave that the family's first change lies after wave 2.
    turnover, turnover_outside : float
        Share of families who change advisers in a year (15 to 30% is usual), and the share of it
        for reasons outside the dyad: the adviser leaves, and all families with them. The others
        ask for a change, or the adviser decides on it.
    own_by_relationship, own_by_outcome : float
        Change in log odds of a change of the second kind per unit of the relationship, and with
        the outcome, at the wave before.
    closing_share : float
        Share of families a year, from wave 2 on, whose case is closed: nobody rates or changes an
        adviser any longer, what the relationship did stays, and an adviser who leaves later takes
        nothing away.
    resolved_share, resolved_trend : float
        Share of the families in control at wave 1 with all debts sorted, and its rise a year.
    worry_mean, worry_slope, worry_sd : float
        Money worries from 0 to 10: the mean at even odds of control, the change per log odds of
        control, and the SD of the answer.
    dropout_share, dropout_by_confidence : float
        Share of families lost after a wave at average confidence, and its change in log odds per
        SD of confidence.
    dropout_by_both : float
        Change of that in log odds per unit of the relationship for families who were in control
        less that for the others, at the wave before: nought unless attrition is not ignorable.
    gap_share : float
        Share of later interviews that are missed by families who come back.

    References
    ----------
    StepChange (2019, 2020), client outcome reports at 3 and 15 months.
    """

    services: int = 24
    practitioners: int = 5
    families: int = 1320
    waves: int = 6
    first_interview: str = "2014-03-03"
    interview_days: int = 84
    late_entry_share: float = 0.10
    adviser_share: float = 0.12
    family_share: float = 0.30
    dyad_share: float = 0.33
    occasion_persistence: float = 0.50
    confidence_correlation: float = 0.20
    need_relationship: float = 0.0
    hidden_relationship: float = 0.0
    feedback: float = 0.0
    neutral: float = -1.0
    rating_items: int = 12
    rating_loading: float = 0.70
    rating_thresholds: tuple[float, ...] = (-2.1, -1.45, -0.75, 0.05)
    rating_item_spread: float = 0.25
    missing_item_share: float = 0.02
    rating_share: float = 0.98
    rating_lift_now: float = 0.0
    rating_lift_next: float = 0.0
    confidence_items: int = 4
    confidence_loading: float = 0.85
    confidence_thresholds: tuple[float, ...] = (-0.9, 0.1, 1.1)
    bands: tuple[tuple[str, float], ...] = (("low", 1.0), ("mid", 2.0), ("high", 3.0))
    age_mean: float = 38.0
    age_sd: float = 10.0
    age_range: tuple[int, int] = (18, 70)
    children_mean: float = 1.4
    tenure_shares: tuple[float, ...] = (0.25, 0.30, 0.45)
    need_median: float = 6.0
    need_log_sd: float = 0.6
    need_cap: int = 40
    need_confidence_correlation: float = -0.20
    shock_share: float = 0.15
    base_rate: float = 0.50
    before_advice: float = -1.20
    trend: float = 0.10
    effect_within: float = 0.30
    effect_between: float = 0.22
    effect_by_confidence: float = 0.0
    effect_below_neutral: float = 0.0
    confidence_effect: float = 0.27
    age_effect: float = 0.10
    need_effect: float = -0.30
    children_effect: float = -0.10
    tenure_effects: tuple[float, ...] = (0.30, -0.10, 0.0)
    shock_effect: float = -0.60
    hidden_effect: float = 0.0
    family_icc: float = 0.50
    adviser_icc: float = 0.03
    state_dependence: float = 0.0
    break_effect: tuple[float, ...] = (-0.30, -0.15)
    break_by_first: float = 0.0
    turnover: float = 0.20
    turnover_outside: float = 0.50
    own_by_relationship: float = -0.50
    own_by_outcome: float = 0.0
    closing_share: float = 0.0
    resolved_share: float = 0.20
    resolved_trend: float = 0.05
    worry_mean: float = 5.0
    worry_slope: float = -0.60
    worry_sd: float = 1.50
    dropout_share: float = 0.06
    dropout_by_confidence: float = -0.30
    dropout_by_both: float = 0.0
    gap_share: float = 0.03

    def __post_init__(self) -> None:
        faults = [*_structure_faults(self), *_share_faults(self)]
        if faults:
            raise PlanError(
                f"these parameters describe no panel: {'; '.join(faults)}",
                "FamilyParameters",
                "see the attributes of FamilyParameters for what each one is",
            )

    @property
    def years(self) -> int:
        """Calendar years that the families of the latest entry would need for all waves."""
        return self.waves + LATEST_ENTRY

    @property
    def occasion_share(self) -> float:
        """Share of the variance of the relationship that is the year's own."""
        return 1 - self.adviser_share - self.family_share - self.dyad_share

    @property
    def family_sd(self) -> float:
        """SD of the stable differences of families in the latent outcome."""
        return float(np.sqrt(self.family_icc * self._latent_variance))

    @property
    def adviser_sd(self) -> float:
        """SD of the advisers' own effects on the latent outcome."""
        return float(np.sqrt(self.adviser_icc * self._latent_variance))

    @property
    def confidence_moments(self) -> Moments:
        """Mean and SD of the confidence score, and its correlation with confidence itself."""
        return score_moments(
            self.confidence_items, self.confidence_loading, self.confidence_thresholds
        )

    @property
    def free_share(self) -> float:
        """Variance of the family's part that no named cause accounts for."""
        rho, eta = self.confidence_correlation, self.need_relationship
        need_and_score = self.need_confidence_correlation * self.confidence_moments.correlation
        named = rho**2 + eta**2 + 2 * rho * eta * need_and_score + self.hidden_relationship**2
        return self.family_share - named

    @property
    def _latent_variance(self) -> float:
        return float(LOGISTIC_VARIANCE / (1 - self.family_icc - self.adviser_icc))


_SHARES = (
    "late_entry_share",
    "adviser_share",
    "family_share",
    "dyad_share",
    "missing_item_share",
    "rating_share",
    "shock_share",
    "turnover",
    "turnover_outside",
    "resolved_share",
    "dropout_share",
    "gap_share",
    "closing_share",
    "family_icc",
    "adviser_icc",
)


def _structure_faults(p: FamilyParameters) -> list[str]:
    faults = []
    if min(p.services, p.families) < 1:
        faults.append("services and families are 1 or more")
    if p.practitioners < 2:
        faults.append("practitioners are 2 or more a service: a change needs somebody to change to")
    if p.waves < 3:
        faults.append("waves are 3 or more: before advice, and two with an adviser")
    if len(p.tenure_shares) != len(TENURES) or len(p.tenure_effects) != len(TENURES):
        faults.append(f"tenure_shares and tenure_effects have a number for each of {TENURES}")
    return faults


def _share_faults(p: FamilyParameters) -> list[str]:
    shares = {name: getattr(p, name) for name in _SHARES}
    faults = [f"{name} is not between 0 and 1" for name, x in shares.items() if not 0 <= x <= 1]
    if not 0 < p.base_rate < 1:
        faults.append("base_rate is not inside 0 and 1")
    if p.turnover == 1:
        faults.append("turnover is below 1: somebody stays")
    if p.family_icc + p.adviser_icc >= 1:
        faults.append("family_icc and adviser_icc leave nothing to chance")
    if not -1 < p.occasion_persistence < 1:
        faults.append("occasion_persistence is not inside -1 and 1")
    if p.occasion_share < -1e-12:
        faults.append("the parts of the relationship are more than all of it")
    if p.free_share < 0:
        faults.append("the causes of the family's part explain more than all of it")
    return faults
