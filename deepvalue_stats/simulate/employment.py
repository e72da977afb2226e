"""The named parameters of a synthetic employment service, each with where its value is from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Employment:
    """An employment service: advisers, their clients, the clients' ratings, and jobs.

    The values are judgements within published ranges; no real service is copied. Another service
    is another set of values (`dataclasses.replace`).

    Attributes
    ----------
    offices, advisers_per_office : int
        Advisers work in one office each.
    caseload_mean, caseload_cv : float
        Log-normal number of clients an adviser. Programmes reported 50 to 180 at a time; a study
        reaches a part of them.
    first_index, last_index, record_end : str
        First and last day on which an episode may start (working days), and the day on which the
        outcome record was drawn.
    early_end_share : float
        Share of clients whose outcome record ends inside the follow-up.
    exposure_days, follow_up_days : int
        The exposure window is days 0 to `exposure_days` after the index; the landmark is the
        day after it, and `follow_up_days` are counted from the landmark.
    adviser_share : float
        Share of the variance of the relationship that lies between advisers. About .03 in
        Baldwin et al. (2007); .08 to .15 is assumed where caseloads and offices differ more.
    confidence_correlation : float
        Correlation of the relationship with confidence before the index (judgement, .15 to .30).
    occasion_sd : float
        Standard deviation of one rating occasion around the relationship (whose SD is 1).
    rating_items : int
        Items of a rating, answered 1 to 5, as in the 12-item working alliance form (Munder et
        al. 2010).
    rating_loading : float
        Correlation of an item's latent response with the rating's; gives an alpha of about .92,
        the most frequent reliability in Hanson et al. (2002).
    rating_thresholds : tuple of float
        Cuts of the standard normal latent response: a mild ceiling. Real ratings pile up more
        (48% at the very top for nurses, Bikker et al. 2015), which would make the score curved.
    rating_item_spread : float
        Items differ in difficulty by up to this much to either side.
    confidence_items, confidence_loading, confidence_thresholds
        Four items answered 1 to 4, alpha about .85; the general self-efficacy scale has 1 to 4
        and .76 to .90 (Schwarzer and Jerusalem 1995).
    bands : tuple of (str, float)
        Confidence bands, each named with its lower bound on the mean of the items.
    age_mean, age_sd, age_range : float, float, tuple of int
        Age in years, normal, held inside the range.
    months_out_median, months_out_log_sd, months_out_cap : float, float, int
        Months out of work, log-normal and so skewed, recorded in whole months up to a cap.
    months_confidence_correlation : float
        Correlation of log months out of work with confidence (judgement).
    base_rate : float
        Share of the clients at risk at the landmark who start a job within the follow-up. Restart
        saw 42% with first earnings in 12 months (Department for Work and Pensions 2023), the Work
        Programme about 30% in lasting work within two years.
    effect_within, effect_between : float
        Log odds of a job per unit of the client's and of the adviser's part of the relationship,
        at average confidence. Alliance and outcome correlate .278 in psychotherapy (Flueckiger
        et al. 2018), or .53 on this scale: an upper anchor, as a job depends on much besides.
    effect_by_confidence : float
        Change of both effects per SD of confidence: negative, and large enough that the effect
        is larger at low confidence on the additive scale too. No effect falls below nought.
    confidence_effect, age_effect, months_out_effect : float
        Log odds per SD of confidence, per ten years of age over the mean, and per log month over
        the median.
    adviser_outcome_sd : float
        SD of the advisers' own log odds, whatever the relationship: an intraclass correlation
        of .02. Therapists reach .05 to .08 (Wampold and Brown 2005; Saxon et al. 2017).
    early_job_share, early_months_out_effect : float
        Share of clients (at median months out) with a job before the landmark, and its change in
        log odds per log month. It does not depend on the relationship.
    late_job_share : float
        Share of clients without a job who find one after the follow-up ended.
    sustained_share : float
        Share of job spells that last at least 182 days; lengths are exponential.
    second_spell_share : float
        Share of ended spells that another follows.
    rating_days, late_rating_days, rating_jitter : tuple of int, tuple of int, int
        Days after the index on which ratings are asked for, inside and after the exposure
        window, and how many days to either side they are given.
    responder_share, responder_by_confidence : float
        Share of clients (at average confidence) who give ratings at all, and its change in log
        odds per SD of confidence.
    rating_share, late_rating_share : float
        Share of requested ratings that a client who gives ratings gives.
    missing_item_share : float
        Share of a rating's items left empty.
    contact_gap_days : tuple of int
        Fewest and most days between contacts.
    contact_days : int
        Contacts are held up to this day after the index, or until a job starts.
    second_adviser_share : float
        Share of clients who see a second adviser of the same office at their fourth and sixth
        contact; the main adviser always holds the majority.
    sanction_share : float
        Mean share of contacts with a sanction. It differs between advisers and has no effect.

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

    offices: int = 24
    advisers_per_office: int = 5
    caseload_mean: float = 28.0
    caseload_cv: float = 0.4
    first_index: str = "2022-01-03"
    last_index: str = "2023-06-30"
    record_end: str = "2025-06-30"
    early_end_share: float = 0.03
    exposure_days: int = 90
    follow_up_days: int = 365
    adviser_share: float = 0.12
    confidence_correlation: float = 0.20
    occasion_sd: float = 0.30
    rating_items: int = 12
    rating_loading: float = 0.70
    rating_thresholds: tuple[float, ...] = (-2.0, -1.3, -0.55, 0.3)
    rating_item_spread: float = 0.25
    confidence_items: int = 4
    confidence_loading: float = 0.85
    confidence_thresholds: tuple[float, ...] = (-0.9, 0.1, 1.1)
    bands: tuple[tuple[str, float], ...] = (("low", 1.0), ("mid", 2.0), ("high", 3.0))
    age_mean: float = 39.0
    age_sd: float = 12.0
    age_range: tuple[int, int] = (18, 65)
    months_out_median: float = 14.0
    months_out_log_sd: float = 0.8
    months_out_cap: int = 96
    months_confidence_correlation: float = -0.20
    base_rate: float = 0.30
    effect_within: float = 0.40
    effect_between: float = 0.30
    effect_by_confidence: float = -0.25
    confidence_effect: float = 0.27
    age_effect: float = -0.15
    months_out_effect: float = -0.30
    adviser_outcome_sd: float = 0.26
    early_job_share: float = 0.05
    early_months_out_effect: float = -0.30
    late_job_share: float = 0.12
    sustained_share: float = 0.65
    second_spell_share: float = 0.15
    rating_days: tuple[int, ...] = (14, 45, 75)
    late_rating_days: tuple[int, ...] = (120, 150)
    rating_jitter: int = 6
    responder_share: float = 0.80
    responder_by_confidence: float = 0.30
    rating_share: float = 0.85
    late_rating_share: float = 0.35
    missing_item_share: float = 0.02
    contact_gap_days: tuple[int, int] = (18, 42)
    contact_days: int = 180
    second_adviser_share: float = 0.15
    sanction_share: float = 0.04

    @property
    def landmark_day(self) -> int:
        """The day after the index from which outcomes count."""
        return self.exposure_days + 1


PRESETS = {"employment": Employment()}
