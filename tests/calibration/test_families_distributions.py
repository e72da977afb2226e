"""Every quantity of a panel has the distribution that its parameter declares.

One large draw; bands are four Monte Carlo standard errors, clustered by family or adviser where
rows belong together.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from deepvalue_stats.simulate.families import FamilyParameters, family_parameters
from deepvalue_stats.simulate.families.course import OUTSIDE, OWN, STAYED
from deepvalue_stats.simulate.families.draw import draw_panel

FAMILIES, SERVICES = 30_000, 545


def drawn(seed=7, **changes):
    return draw_panel(
        replace(FamilyParameters(), families=FAMILIES, services=SERVICES, **changes), seed
    )


@pytest.fixture(scope="module")
def draw():
    return drawn()


def near(values, expected, clusters=None):
    """Whether the mean of values is what it should be, to four standard errors."""
    values = np.asarray(values, dtype=float).ravel()
    if clusters is not None:
        number = np.bincount(clusters)
        sums = np.bincount(clusters, weights=values - values.mean())
        error = np.sqrt((sums**2).sum()) / number.sum()
    else:
        error = values.std() / np.sqrt(len(values))
    return abs(values.mean() - expected) < 4 * error


def correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1])


def within_correlation_band(n):
    return 4 / np.sqrt(n)


# --- the relationship ----------------------------------------------------------------------------


def test_the_parts_of_the_relationship_have_their_shares(draw):
    p, course = draw.parameters, draw.course
    first = course.changing[:, 1]  # everybody has just met
    assert draw.homes.part.var() == pytest.approx(p.family_share, rel=0.04)
    assert draw.advisers.part.var() == pytest.approx(p.adviser_share, rel=0.06)
    assert first.var() == pytest.approx(1 - p.family_share, rel=0.05)
    assert (first + draw.homes.part).std() == pytest.approx(1.0, abs=0.02)
    adviser = np.unique(course.adviser[:, 1], return_inverse=True)[1]
    means = np.bincount(adviser, weights=first) / np.bincount(adviser)
    single = first - means[adviser]
    size = np.bincount(adviser)
    inside = (single**2).sum() / (size - 1).sum()
    assert inside == pytest.approx(p.dyad_share + p.occasion_share, rel=0.03)


def test_the_relationship_lasts_with_the_adviser_and_begins_anew_with_another():
    draw = drawn(own_by_relationship=0.0)
    p, course = draw.parameters, draw.course
    whole = course.changing + draw.homes.part[:, None]
    stayed, left = (course.reason[:, 2] == code for code in (STAYED, OUTSIDE))
    kept = p.adviser_share + p.family_share + p.dyad_share
    expected = kept + p.occasion_persistence * p.occasion_share
    same = correlation(whole[stayed, 1], whole[stayed, 2])
    other = correlation(whole[left, 1], whole[left, 2])
    assert same == pytest.approx(expected, abs=0.02)
    assert other == pytest.approx(p.family_share, abs=0.08)
    # two waves apart, the year's own part has faded by its square
    twice = stayed & (course.reason[:, 3] == STAYED)
    faded = kept + p.occasion_persistence**2 * p.occasion_share
    assert correlation(whole[twice, 1], whole[twice, 3]) == pytest.approx(faded, abs=0.02)


def test_confidence_goes_with_the_family_part(draw):
    score = draw.homes.confidence_score
    declared = draw.parameters.confidence_correlation / np.sqrt(draw.parameters.family_share)
    assert correlation(score, draw.homes.part) == pytest.approx(declared, abs=0.02)


def test_the_score_is_as_reliable_as_twelve_items_make_it(draw):
    true, score = draw.relationship[:, 1], draw.score[:, 1]
    known = ~np.isnan(score)
    assert correlation(true[known], score[known]) == pytest.approx(0.906, abs=0.01)
    assert 0.25 < np.mean(score[known] >= 4.6) < 0.45


# --- the outcome ---------------------------------------------------------------------------------


def test_the_base_rate_is_that_of_the_waves_after_advice_began(draw):
    family = np.repeat(np.arange(FAMILIES), draw.parameters.waves - 1)
    assert near(draw.course.control[:, 1:], draw.parameters.base_rate, family)
    assert near(draw.course.control - draw.course.chance, 0.0)


def test_families_and_advisers_differ_as_declared_on_the_latent_scale(draw):
    p = draw.parameters
    family, adviser, luck = p.family_sd**2, p.adviser_sd**2, np.pi**2 / 3
    total = family + adviser + luck
    assert (family / total, adviser / total) == pytest.approx((p.family_icc, p.adviser_icc))
    assert draw.homes.own_effect.std() == pytest.approx(p.family_sd, rel=0.02)
    assert draw.advisers.own_effect.std() == pytest.approx(p.adviser_sd, rel=0.04)


def test_the_log_odds_are_the_sum_of_what_is_declared(draw):
    """Put together once more, family by family, from the parameters' own words."""
    p, homes, course, wave = draw.parameters, draw.homes, draw.course, 4
    cost = np.zeros(FAMILIES)
    for since, effect in enumerate(p.break_effect):
        cost += effect * (course.reason[:, wave - since] != STAYED)
    expected = (
        draw.intercept
        + p.trend * (wave - 1)
        + p.effect_within * course.changing[:, wave]
        + p.effect_between * homes.part
        + p.confidence_effect * homes.confidence
        + p.age_effect * (homes.age - p.age_mean) / 10
        + p.need_effect * np.log(homes.need / p.need_median)
        + p.children_effect * (homes.children - p.children_mean)
        + np.array(p.tenure_effects)[homes.tenure]
        + p.shock_effect * draw.luck.shock[:, wave]
        + homes.own_effect
        + draw.advisers.own_effect[course.adviser[:, wave]]
        + cost
    )
    np.testing.assert_allclose(logit(course.chance[:, wave]), expected, atol=1e-8)


def test_before_advice_no_adviser_and_no_relationship_acts(draw):
    other = drawn(effect_within=3.0, adviser_icc=0.0, break_effect=(-2.0,))
    apart = logit(draw.course.chance[:, 0]) - logit(other.course.chance[:, 0])
    # but for the intercept and the family's own effect, rescaled with the latent variance
    own = draw.homes.own_effect - other.homes.own_effect
    np.testing.assert_allclose(apart - own, draw.intercept - other.intercept, atol=1e-8)


def test_the_last_outcome_bears_on_the_next_where_that_is_asked_for():
    draw = drawn(state_dependence=1.0, family_icc=0.0, adviser_icc=0.0)
    course = draw.course
    rest = course.rest[:, 3]
    apart = rest[course.control[:, 2]].mean() - rest[~course.control[:, 2]].mean()
    assert apart > 0.95
    assert near(course.control[:, 1:], draw.parameters.base_rate, np.repeat(np.arange(FAMILIES), 5))


def test_all_debts_are_sorted_for_a_rising_share_of_those_in_control(draw):
    p = draw.parameters
    for wave in range(1, p.waves):
        among = draw.resolved[draw.course.control[:, wave], wave]
        assert near(among, p.resolved_share + p.resolved_trend * (wave - 1))
    assert not draw.resolved[:, 0].any()


def test_worries_fall_as_declared_with_the_log_odds_of_control(draw):
    p = draw.parameters
    odds = logit(draw.course.chance[:, 1])
    middle = np.abs(odds) < 1.5  # where neither end of the scale is near
    slope, mean = np.polyfit(odds[middle], draw.worries[middle, 1], 1)
    assert slope == pytest.approx(p.worry_slope, abs=0.03)
    assert mean == pytest.approx(p.worry_mean, abs=0.05)


def test_ratings_are_lifted_by_the_outcome_of_this_wave_and_the_last():
    calm, lifted = drawn(), drawn(rating_lift_now=0.8, rating_lift_next=0.8)
    gain = lifted.score - calm.score
    control = calm.course.control
    for wave, source in ((3, 3), (3, 2)):
        good, bad = (np.nanmean(gain[control[:, source] == which, wave]) for which in (1, 0))
        assert good - bad > 0.3
    # at wave 1 nothing is left of how it was before advice
    now = control[:, 1]
    good, bad = (np.nanmean(gain[now & (control[:, 0] == which), 1]) for which in (1, 0))
    assert good - bad == pytest.approx(0.0, abs=0.04)


# --- changes of adviser --------------------------------------------------------------------------


def test_a_tenth_of_families_changes_for_either_reason(draw):
    reason = draw.course.reason[:, 2:]
    post = np.repeat(draw.homes.post, reason.shape[1])
    assert near(reason == OUTSIDE, 0.10, post)
    assert np.mean(reason == OWN) == pytest.approx(0.10, abs=0.012)
    assert not (draw.course.reason[:, :2] != STAYED).any()


def test_changes_from_outside_know_nothing_of_the_dyad_or_of_outcomes(draw):
    """Exits are exogenous: who loses an adviser had neither worse ones nor worse outcomes."""
    course = draw.course
    relationship = course.changing + draw.homes.part[:, None]
    for wave in range(2, draw.parameters.waves):
        left = course.reason[:, wave] == OUTSIDE
        # an adviser leaves with all families: differences are clustered by adviser
        adviser = np.unique(course.adviser[:, wave - 1], return_inverse=True)[1]
        for before in (
            relationship[:, wave - 1],
            course.control[:, wave - 1].astype(float),
            draw.homes.confidence,
        ):
            product = (left - left.mean()) * (before - before.mean())
            assert near(product, 0.0, adviser)


def test_changes_of_ones_own_follow_bad_relationships(draw):
    course, p = draw.course, draw.parameters
    relationship = course.changing + draw.homes.part[:, None]
    own, stayed = (course.reason[:, 3] == code for code in (OWN, STAYED))
    apart = relationship[own, 2].mean() - relationship[stayed, 2].mean()
    # for a rare event the mean shifts by the log odds times the variance
    assert apart == pytest.approx(p.own_by_relationship, abs=0.08)


def test_changes_of_ones_own_follow_bad_years_where_that_is_asked_for():
    draw = draw_panel(family_parameters("feedback", families=FAMILIES, services=SERVICES), 7)
    course = draw.course
    after_bad, after_good = (
        np.mean(course.reason[course.control[:, 2] == which, 3] == OWN) for which in (0, 1)
    )
    assert after_bad > 1.3 * after_good


# --- interviews ----------------------------------------------------------------------------------


def test_families_are_lost_at_the_declared_rate_sooner_where_confidence_is_low():
    draw = drawn(gap_share=0.0, late_entry_share=0.0)
    p, asked = draw.parameters, draw.interviewed
    left = asked[:, 0] & ~asked[:, 1]
    odds = logit(p.dropout_share) + p.dropout_by_confidence * draw.homes.confidence
    assert near(left - 1 / (1 + np.exp(-odds)), 0.0)
    assert (asked[:, 1:] <= asked[:, :-1]).all()
    low, high = (draw.band == band for band in (0, 2))
    assert asked[low, -1].mean() < asked[high, -1].mean() - 0.05


def test_who_stays_hangs_on_outcome_and_relationship_where_that_is_asked_for():
    draw = drawn(dropout_by_both=-1.0, gap_share=0.0, late_entry_share=0.0)
    p, course, asked = draw.parameters, draw.course, draw.interviewed
    relationship = course.changing[:, 2] + draw.homes.part
    odds = logit(p.dropout_share) + p.dropout_by_confidence * draw.homes.confidence
    odds -= relationship * (course.control[:, 2] - p.base_rate)
    there = asked[:, 2]
    assert near((~asked[:, 3] - 1 / (1 + np.exp(-odds)))[there], 0.0)


def test_gaps_and_late_entries_have_their_shares(draw):
    p = draw.parameters
    assert near(draw.homes.entered > 0, p.late_entry_share)
    calm = drawn(dropout_share=0.0, late_entry_share=0.0)
    assert near(calm.interviewed[:, 1:], 1 - p.gap_share)
    assert calm.interviewed[:, 0].all()


def test_covariates_have_their_distributions(draw):
    p, homes = draw.parameters, draw.homes
    for place, share in enumerate(p.tenure_shares):
        assert near(homes.tenure == place, share)
    assert np.median(homes.need) == p.need_median
    assert correlation(np.log(homes.need), homes.confidence) == pytest.approx(
        p.need_confidence_correlation, abs=0.03
    )
    assert near(homes.children, p.children_mean)
    assert near(homes.age, p.age_mean) or abs(homes.age.mean() - p.age_mean) < 0.3
    assert near(draw.luck.shock, p.shock_share)
    assert homes.arrears.min() == 0
    assert homes.arrears.max() == 6
