"""Every simulated quantity has the distribution that its parameter declares.

Bands are four Monte Carlo standard errors by formula: binomial, clustered by practitioner, or the
score of the likelihood at the declared values, which needs no fit. Expected moments of ordinal
answers are integrals over the normal latent response, written anew here.

Long because every declared parameter has its test here, all on the same few draws.
"""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.simulate import (
    AREAS,
    Parameters,
    analysis_table,
    draw_service,
    preset_parameters,
    simulate_parameters,
)

BAND = 4.0
SEED = 11
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
PLAIN = Parameters(
    areas=tuple(AREAS),
    services=80,
    link_sensitivity=(0.80, 0.90, 0.95),
    conditions_effect=0.10,
    hidden_relationship=0.20,
    hidden_effect=0.25,
)
# a client or two each: for what is true of practitioners
STAFF = Parameters(services=4_000, caseload=1.0, sanction_relationship=-0.60)
phi = np.vectorize(NormalDist().cdf)


@pytest.fixture(scope="module")
def draw():
    return draw_service(PLAIN, SEED)


@pytest.fixture(scope="module")
def table(draw):
    return analysis_table(draw)


@pytest.fixture(scope="module")
def frames():
    return simulate_parameters(replace(PLAIN, services=40), seed=SEED).frames


@pytest.fixture(scope="module")
def staff():
    return draw_service(STAFF, SEED).people.staff


def sigmoid(odds):
    return 1 / (1 + np.exp(-odds))


def log_odds(share):
    return np.log(share / (1 - share))


def of_area(p, area, name):
    return np.array([getattr(AREAS[key], name) for key in p.areas])[area]


def check_share(happens, share):
    """A share, one independent draw an element."""
    error = np.sqrt(share * (1 - share) / len(happens))
    assert np.mean(happens) == pytest.approx(share, abs=BAND * error)


def check_mean(values, mean, groups=None):
    """A mean, with the standard error of sums over groups where rows of a group are alike."""
    values = np.asarray(values, dtype=np.float64)
    apart = values - values.mean()
    sums = apart if groups is None else np.bincount(groups, weights=apart)
    error = np.sqrt((sums**2).sum()) / len(values)
    assert values.mean() == pytest.approx(mean, abs=BAND * error)


def check_chances(happens, chance, *covariates):
    """The score of a Bernoulli likelihood at the declared chances is nought, by covariate."""
    for x in (np.ones(len(chance)), *covariates):
        score = ((happens - chance) * x).sum()
        assert abs(score) < BAND * np.sqrt((chance * (1 - chance) * x**2).sum())


def check_correlation(first, second, expected):
    error = (1 - expected**2) / np.sqrt(len(first))
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(expected, abs=BAND * error)


def check_spread(values, expected):
    """The standard deviation of normal values."""
    error = expected / np.sqrt(2 * len(values))
    assert np.std(values) == pytest.approx(expected, abs=BAND * error)


def anova_icc(values, groups):
    """The intraclass correlation of a one-way analysis of variance, and its standard error."""
    values = np.asarray(values, dtype=np.float64)
    groups = np.unique(groups, return_inverse=True)[1]
    size = np.bincount(groups)
    means = np.bincount(groups, weights=values) / size
    rows, many = len(values), len(size)
    between = (size * (means - values.mean()) ** 2).sum() / (many - 1)
    within = ((values - means[groups]) ** 2).sum() / (rows - many)
    n = (rows - (size**2).sum() / rows) / (many - 1)
    icc = (between - within) / (between + (n - 1) * within)
    error = (1 - icc) * (1 + (n - 1) * icc) * np.sqrt(2 / (n * (n - 1) * (many - 1)))
    return icc, error


def expected_answers(loading, thresholds, latent):
    """Mean and mean square of an answer from 1, given the latent response: items by points."""
    cuts = np.atleast_2d(thresholds)
    above = phi(
        (loading * np.asarray(latent)[None, :, None] - cuts[:, None, :]) / np.sqrt(1 - loading**2)
    )
    # E X^2 = sum of (2k - 1) P(X >= k)
    return 1 + above.sum(axis=2), 1 + above @ np.arange(3, 2 * cuts.shape[1] + 2, 2)


def expected_alpha(loading, thresholds):
    mean, square = expected_answers(loading, thresholds, NODES)
    centre = mean @ WEIGHTS
    covariance = ((mean - centre[:, None]) * WEIGHTS) @ (mean - centre[:, None]).T
    np.fill_diagonal(covariance, square @ WEIGHTS - centre**2)
    return alpha_of(covariance)


def alpha_of(covariance):
    items = len(covariance)
    return items / (items - 1) * (1 - np.trace(covariance) / covariance.sum())


def rating_cuts(p):
    shifts = np.linspace(-1, 1, p.rating_items) * p.rating_item_spread
    return np.add.outer(shifts, p.rating_thresholds)


def rating_curve(p):
    """The expected rating at a latent response, as a function."""
    points = np.linspace(-7, 7, 401)
    mean = expected_answers(p.rating_loading, rating_cuts(p), points)[0].mean(axis=0)
    return lambda latent: np.interp(latent, points, mean)


def all_ratings(draw):
    """Every rating that was asked for, given or not: the mean of the answered items."""
    items = draw.ratings.items
    answered = (items > 0).sum(axis=2)
    return np.where(answered > 0, items.sum(axis=2) / np.maximum(answered, 1), np.nan)


def felt(draw):
    """The latent response behind each rating, before any lift."""
    p, people = draw.parameters, draw.people
    total = people.relationship[:, None] + p.occasion_sd * draw.ratings.occasion
    return total + p.mood_rating * people.mood[:, None], np.sqrt(
        1 + p.occasion_sd**2 + p.mood_rating**2
    )


# practitioners and the relationship


def test_caseloads_are_log_normal_about_their_mean(draw):
    sizes = np.bincount(draw.people.practitioner)
    check_mean(sizes, PLAIN.caseload)
    check_spread(np.log(sizes), np.sqrt(np.log1p(PLAIN.caseload_cv**2)))
    assert len(sizes) == 3 * PLAIN.services * PLAIN.practitioners


def test_the_relationship_lies_between_practitioners_by_its_share(draw):
    people = draw.people
    icc, error = anova_icc(people.relationship, people.practitioner)
    assert icc == pytest.approx(PLAIN.practitioner_share, abs=BAND * error)
    check_spread(people.staff.part, np.sqrt(PLAIN.practitioner_share))
    check_mean(people.relationship, 0.0, people.practitioner)
    # the spread of all clients varies with what practitioners happen to be there
    check_spread(people.client_part, np.sqrt(1 - PLAIN.practitioner_share))


def test_confidence_goes_with_the_relationship_as_declared(draw, table):
    check_correlation(table["true_relationship"], table["confidence"], PLAIN.confidence_correlation)
    check_correlation(
        draw.people.log_need, draw.people.confidence, PLAIN.need_confidence_correlation
    )
    check_correlation(
        draw.people.client_part,
        draw.people.hidden,
        PLAIN.hidden_relationship / np.sqrt(1 - PLAIN.practitioner_share),
    )


def test_need_moves_the_client_part_where_a_preset_says_so():
    own = replace(PLAIN, services=20, need_relationship=-0.30)
    people, p = draw_service(own, SEED).people, own
    score = people.confidence_score
    x = np.column_stack([np.ones(len(score)), score, people.log_need, people.hidden])
    found, residual, *_ = np.linalg.lstsq(x, people.client_part, rcond=None)
    errors = np.sqrt(residual[0] / len(score) * np.diag(np.linalg.inv(x.T @ x)))
    assert found[2] == pytest.approx(p.need_relationship, abs=BAND * errors[2])
    assert found[3] == pytest.approx(p.hidden_relationship, abs=BAND * errors[3])
    check_spread(people.client_part, np.sqrt(1 - p.practitioner_share))


def test_conditions_and_strictness_go_with_the_practitioners_part(staff):
    check_correlation(staff.conditions, staff.part, STAFF.conditions_relationship)
    check_correlation(staff.strictness, staff.part, STAFF.sanction_relationship)
    check_correlation(staff.strictness, staff.conditions, 0.0)
    for values in (staff.conditions, staff.strictness, staff.part / np.sqrt(0.12)):
        check_spread(values, 1.0)
    check_mean(staff.condition_scores.mean(axis=1), 50.0)


def test_practitioners_leave_at_the_declared_turnover(staff):
    rate = -np.log(1 - STAFF.turnover) / 365
    outside, own = rate * STAFF.turnover_outside, rate * (1 - STAFF.turnover_outside)
    # own reasons: two thirds of the hazard per SD of the practitioner's part
    tilt = 1.5**-NODES / (WEIGHTS @ 1.5**-NODES)
    for years in (1, 2, 3):
        days = 365 * years
        gone = (staff.left >= 0) & (staff.left < days)
        check_share(gone, 1 - WEIGHTS @ np.exp(-(outside + own * tilt) * days))
    first = (staff.left >= 0) & (staff.left < 365)
    assert first.mean() == pytest.approx(STAFF.turnover, abs=0.01)
    chance = 1 - np.exp(-(outside + own * tilt) * 365)
    mine = own * tilt / (outside + own * tilt)
    check_share(~staff.left_outside[first], WEIGHTS @ (chance * mine) / (WEIGHTS @ chance))
    standard = staff.part / np.sqrt(STAFF.practitioner_share)
    for left, weight in ((~staff.left_outside, mine), (staff.left_outside, 1 - mine)):
        expected = WEIGHTS @ (chance * weight * NODES) / (WEIGHTS @ (chance * weight))
        check_mean(standard[first & left], expected)
    assert standard[first & ~staff.left_outside].mean() < -0.25


def test_tenure_has_the_declared_mean(staff):
    check_mean(-staff.joined, 365 * STAFF.tenure_years)


# what is measured before the index


def test_confidence_items_hold_together_as_declared(draw):
    items = draw.people.confidence_items.astype(np.float64)
    expected = expected_alpha(
        PLAIN.confidence_loading, np.tile(PLAIN.confidence_thresholds, (PLAIN.confidence_items, 1))
    )
    check_alpha(items, expected)
    # within the range of the general self-efficacy scale
    assert 0.76 < expected < 0.90
    assert expected == pytest.approx(0.88, abs=0.005)


def check_alpha(items, expected):
    found = alpha_of(np.cov(items, rowvar=False))
    k, n = items.shape[1], len(items)
    # Bonett: the log of 1 - alpha; ordinal answers are less peaked than normal ones
    error = np.sqrt(2 * k / ((k - 1) * n))
    assert np.log(1 - found) == pytest.approx(np.log(1 - expected), abs=BAND * error)


def test_age_and_need_are_as_declared(draw):
    age = draw.people.age
    grid = np.arange(-40, 120)
    weight = phi((grid + 0.5 - PLAIN.age_mean) / PLAIN.age_sd)
    weight = np.diff(weight, prepend=0.0)
    check_mean(age, (np.clip(grid, *PLAIN.age_range) * weight).sum())
    assert age.min() == 18
    assert age.max() == 65
    for place, name in enumerate(PLAIN.areas):
        area, rows = AREAS[name], draw.people.area == place
        log_need = np.log(draw.people.need[rows])
        # rounding moves the median of a count by up to a half
        assert abs(np.exp(np.median(log_need)) - area.need_median) <= 1
        assert draw.people.need[rows].min() >= 1
        assert draw.people.need[rows].max() <= area.need_cap
        ends = np.log([area.need_median - 0.5, area.need_median + 0.5]) - np.log(area.need_median)
        low, high = phi(ends / area.need_log_sd)
        check_share(draw.people.need[rows] == area.need_median, high - low)
    check_spread(draw.people.log_need, 1.0)


def test_barred_clients_are_the_declared_share_and_have_no_outcome_ever():
    p = replace(preset_parameters("separation"), services=60)
    found = draw_service(p, SEED)
    check_share(found.people.barred, p.barred_share)
    assert not found.outcomes.said[found.people.barred].any()
    assert found.outcomes.first[found.people.barred].min() > 10**6
    assert found.outcomes.at_risk[found.people.barred].all()


# outcomes


def test_base_rates_by_area(draw, table):
    for place, name in enumerate(PLAIN.areas):
        rows = draw.outcomes.at_risk & (draw.people.area == place)
        check_mean(
            table["true_outcome"][rows], AREAS[name].base_rate, draw.people.practitioner[rows]
        )


def test_outcomes_follow_the_declared_log_odds(draw):
    p, people = PLAIN, draw.people
    need = np.log(people.need / of_area(p, people.area, "need_median"))
    own = people.staff.own_effect[people.practitioner]
    conditions = people.staff.conditions[people.practitioner]
    odds = (
        np.array(draw.intercepts)[people.area]
        + p.effect_within * people.client_part
        + p.effect_between * people.practitioner_part
        + p.confidence_effect * people.confidence
        + p.age_effect * (people.age - p.age_mean) / 10
        + p.need_effect * need
        + p.hidden_effect * people.hidden
        + p.conditions_effect * conditions
        + own
    )
    np.testing.assert_allclose(draw.probability, sigmoid(odds), rtol=1e-12)
    check_chances(
        draw.outcomes.truly,
        sigmoid(odds),
        people.client_part,
        people.practitioner_part,
        people.confidence,
        people.age - p.age_mean,
        need,
        people.hidden,
        conditions,
        own,
    )


def test_practitioners_own_effects_have_the_declared_spread(staff):
    icc = AREAS["employment"].outcome_icc
    check_spread(staff.own_effect, np.sqrt(icc / (1 - icc) * np.pi**2 / 3))
    check_correlation(staff.own_effect, staff.part, 0.0)


def test_outcomes_cluster_by_practitioner_as_integration_says(draw, table):
    p, people = PLAIN, draw.people
    for place, name in enumerate(p.areas):
        rows = draw.outcomes.at_risk & (people.area == place)
        icc = AREAS[name].outcome_icc
        # all that clients of a practitioner share, and all that they do not
        shared = np.sqrt(
            icc / (1 - icc) * np.pi**2 / 3
            + p.effect_between**2 * p.practitioner_share
            + p.conditions_effect**2
            + 2
            * p.effect_between
            * np.sqrt(p.practitioner_share)
            * p.conditions_relationship
            * p.conditions_effect
        )
        who = people.practitioner[rows]
        alone = (
            log_odds(draw.probability[rows])
            - p.effect_between * people.practitioner_part[rows]
            - p.conditions_effect * people.staff.conditions[who]
            - people.staff.own_effect[who]
        )
        mean = np.array([sigmoid(alone[::5] + shared * node).mean() for node in NODES[10:70]])
        weight = WEIGHTS[10:70] / WEIGHTS[10:70].sum()
        centre = weight @ mean
        expected = weight @ (mean - centre) ** 2 / (centre * (1 - centre))
        found, error = anova_icc(table["true_outcome"][rows], who)
        assert found == pytest.approx(expected, abs=BAND * error)
        assert expected > 0.01


def test_early_and_late_outcomes(draw):
    outcomes, people = draw.outcomes, draw.people
    need = np.log(people.need / of_area(PLAIN, people.area, "need_median"))
    chance = sigmoid(log_odds(PLAIN.early_outcome_share) + PLAIN.early_need_effect * need)
    check_chances(~outcomes.at_risk, chance, need)
    close = PLAIN.landmark_day + PLAIN.follow_up_days
    none = outcomes.at_risk & ~outcomes.said
    late = outcomes.first < 10**6
    check_share(late[none], PLAIN.late_outcome_share)
    assert outcomes.first[none & late].min() >= close + 15
    inside = outcomes.first[outcomes.at_risk & outcomes.said]
    assert inside.min() >= PLAIN.landmark_day
    assert inside.max() < close
    check_mean(inside, PLAIN.landmark_day + (PLAIN.follow_up_days - 1) / 2)


def test_second_outcomes_follow_at_the_areas_share(draw):
    outcomes, people = draw.outcomes, draw.people
    close = PLAIN.landmark_day + PLAIN.follow_up_days
    happens = outcomes.second < 10**6
    for place, name in enumerate(PLAIN.areas):
        area, rows = AREAS[name], draw.outcomes.at_risk & (people.area == place)
        if area.spells:
            assert not happens[rows].any()
            continue
        first = rows & outcomes.said
        check_share(happens[first], area.second_after)
        check_share(happens[rows & ~outcomes.said], area.second_otherwise)
        assert (outcomes.second >= outcomes.first)[happens & first].all()
        assert outcomes.second[happens].min() >= PLAIN.landmark_day
        assert outcomes.second[happens].max() < close
    assert not happens[~outcomes.at_risk].any()


def test_spells_last_and_are_followed_as_declared(draw):
    spells, employed = draw.spells, draw.people.area == 0
    kept = employed[spells.client]
    client, length = spells.client[kept], (spells.end - spells.start)[kept]
    first = ~pd.Series(client).duplicated().to_numpy()
    # of whole days: a spell counts from its 182nd, and so begins to at any moment of the 181st
    share = AREAS["employment"].second_after ** (181 / 182)
    check_share(length[first] >= 182, share)
    check_share(length[~first] >= 182, share)
    assert (~first).sum() == pytest.approx(
        PLAIN.second_spell_share * first.sum(), abs=BAND * np.sqrt(0.15 * 0.85 * first.sum())
    )


def test_steps_follow_the_relationship_of_the_day_within_clients():
    service = simulate_parameters(replace(PLAIN, services=40, consent_share=1.0), seed=SEED)
    p, found = service.parameters, draw_service(service.parameters, SEED)
    steps = service.frames["steps"].pivot(index="client_id", columns="wave", values="step")
    known = service.known.set_index("client_id")
    order = pd.Series(np.arange(len(known)), index=found.people.relationship)
    place = order[known.loc[steps.index, "relationship"]].to_numpy()
    now, y = p.occasion_sd * found.ratings.occasion[place], steps.to_numpy()
    for one, other in ((0, 1), (2, 3), (4, 5)):
        discordant = y[:, one] != y[:, other]
        apart = (now[:, one] - now[:, other])[discordant].astype(np.float64)
        check_chances(y[discordant, one], sigmoid(p.step_effect * apart), apart)
    check_mean(y.mean(axis=1), p.step_base, found.people.practitioner[place])
    # two waves of a client: what stays the same is the relationship and the client's own log odds
    stays = np.sqrt(p.step_effect**2 + p.step_sd**2) * NODES
    moves = p.step_effect * p.occasion_sd * NODES
    chance = sigmoid(stays[:, None] + moves) @ WEIGHTS
    both = (y[:, ::2] * y[:, 1::2]).mean(axis=1)
    check_mean(both, WEIGHTS @ chance**2, found.people.practitioner[place])


# ratings


def test_rating_items_hold_together_as_declared(draw):
    complete = (draw.ratings.items[:, 0] > 0).all(axis=1)
    expected = expected_alpha(PLAIN.rating_loading, rating_cuts(PLAIN))
    check_alpha(draw.ratings.items[complete, 0].astype(np.float64), expected)
    # working alliance forms have .79 to .97
    assert expected == pytest.approx(0.90, abs=0.01)


def test_ratings_follow_the_relationship_of_the_day(draw):
    latent, spread = felt(draw)
    expected = rating_curve(PLAIN)(latent / spread)
    check_mean((all_ratings(draw) - expected)[:, 0], 0.0)


def test_occasions_differ_by_their_spread(draw):
    # the mean product of two ratings of a client: latent responses correlate 1 / (1 + .09)
    curve, share = rating_curve(PLAIN), 1 / (1 + PLAIN.occasion_sd**2)
    given = curve(np.sqrt(share) * NODES[:, None] + np.sqrt(1 - share) * NODES) @ WEIGHTS
    centre = WEIGHTS @ given
    scores = all_ratings(draw) - centre
    check_mean(
        scores[:, 0] * scores[:, 1], WEIGHTS @ (given - centre) ** 2, draw.people.practitioner
    )


def test_items_are_left_empty_by_their_share(draw):
    check_share(draw.ratings.items.ravel() == 0, PLAIN.missing_item_share)


def test_weak_items_hardly_show_the_relationship():
    p = preset_parameters("not_alike")
    found = draw_service(p, SEED)
    latent, spread = felt(found)
    for place, weak in enumerate(p.weak_items):
        rows = found.people.area == place
        z = latent[rows, 0] / spread
        for item in range(p.rating_items):
            loading = p.weak_loading if item in weak else p.rating_loading
            expected = expected_answers(loading, rating_cuts(p)[item], z)[0][0]
            answer = found.ratings.items[rows, 0, item]
            residual = (answer - expected)[answer > 0]
            check_mean(residual, 0.0)
            check_mean(residual * z[answer > 0], 0.0)


def test_a_third_of_the_ratings_stand_at_the_top_and_more_where_a_preset_says_so(table):
    rated = table.loc[table["rated"], "relationship"]
    assert 0.25 < (rated >= 4.6).mean() < 0.45
    ceiling = analysis_table(draw_service(preset_parameters("ceiling"), SEED))
    assert (ceiling["relationship"].dropna() >= 4.6).mean() > 0.45


def test_who_gives_ratings(draw):
    confidence = draw.people.confidence
    chance = sigmoid(log_odds(PLAIN.responder_share) + PLAIN.responder_by_confidence * confidence)
    # a responder gives none of six by a chance of one in two thousand
    none = 0.15**3 * 0.5**3
    responds = draw.ratings.given.any(axis=1)
    check_chances(responds, chance * (1 - none), confidence)


def test_how_many_ratings_a_responder_gives(draw):
    given, after = draw.ratings.given, draw.ratings.day >= draw.outcomes.first[:, None]
    early, late = np.arange(6) < 3, np.arange(6) >= 3
    # of those who gave the one before: independent, given that the client responds at all
    for occasion in range(1, 6):
        responds = given[:, occasion - 1]
        share = np.where(early, PLAIN.rating_share, PLAIN.late_rating_share)[occasion]
        check_share(given[responds & ~after[:, occasion], occasion], share)
        halved = PLAIN.rating_share_after * share
        check_share(given[responds & after[:, occasion], occasion], halved)
    assert late.sum() == 3
    jitter = draw.ratings.day - np.array(PLAIN.rating_days + PLAIN.late_rating_days)
    assert set(np.unique(jitter)) == set(range(-PLAIN.rating_jitter, PLAIN.rating_jitter + 1))
    check_mean(jitter.ravel(), 0.0)


def test_attrition_depends_on_outcome_and_relationship_together():
    p = replace(preset_parameters("attrition"), services=60)
    found = draw_service(p, SEED)
    people, outcomes = found.people, found.outcomes
    good = (outcomes.said & outcomes.at_risk).astype(np.float64)
    odds = log_odds(p.responder_share) + p.responder_by_confidence * people.confidence
    odds += good * (p.responder_by_outcome + p.responder_by_both * people.relationship)
    early = found.ratings.given[:, :3].any(axis=1) & outcomes.at_risk
    check_chances(
        early[outcomes.at_risk],
        (sigmoid(odds) * (1 - (1 - p.rating_share) ** 3))[outcomes.at_risk],
        good[outcomes.at_risk],
        (good * people.relationship)[outcomes.at_risk],
        people.relationship[outcomes.at_risk],
    )


def test_ratings_after_the_outcome_are_lifted_where_the_outcome_came_first():
    p = preset_parameters("reverse_caused")
    found = draw_service(p, SEED)
    latent, spread = felt(found)
    after = found.ratings.day >= found.outcomes.first[:, None]
    expected = rating_curve(p)((latent + p.rating_lift_after * after) / spread)
    residual = all_ratings(found) - expected
    check_mean(residual[after], 0.0)
    check_mean(residual[~after], 0.0)
    unlifted = all_ratings(found) - rating_curve(p)(latent / spread)
    assert unlifted[after].mean() > 0.3


def test_a_mood_is_in_the_rating_and_in_the_report():
    p = replace(preset_parameters("halo"), services=60)
    found = draw_service(p, SEED)
    people, outcomes = found.people, found.outcomes
    latent, spread = felt(found)
    residual = (all_ratings(found) - rating_curve(p)(latent / spread))[:, 0]
    check_mean(residual, 0.0)
    check_mean(residual * people.mood, 0.0)
    odds = log_odds(found.probability)
    check_chances(outcomes.said, sigmoid(odds + p.mood_report * people.mood), people.mood)
    check_chances(outcomes.truly, found.probability, people.mood)


# records


def test_consent_and_links(draw):
    confidence = draw.people.confidence
    odds = log_odds(PLAIN.consent_share) + PLAIN.consent_by_confidence * confidence
    check_chances(draw.consented, sigmoid(odds), confidence)
    band = np.digitize(draw.people.confidence_score, [2, 3])
    for place, share in enumerate(PLAIN.link_sensitivity):
        check_share(draw.linked[band == place], share)


def test_outcomes_are_linked_by_band_in_the_frames_too(frames):
    clients = frames["clients"].set_index("client_id")
    outcomes = frames["outcomes"].drop_duplicates("client_id")
    found = outcomes["client_id"].isin(clients.index)
    # all outcomes of a register without errors would belong to somebody
    assert 0.05 < 1 - found.mean() < 0.20


def test_a_share_of_the_keys_is_mistyped(frames):
    clients = frames["clients"].set_index("client_id")
    outcomes = frames["outcomes"].drop_duplicates("client_id")
    linked = outcomes[outcomes["client_id"].isin(clients.index)]
    right = clients.loc[linked["client_id"]]
    errors = [linked[key].to_numpy() != right[key].to_numpy() for key in KEYS]
    for wrong in errors:
        check_share(wrong, PLAIN.key_error_share)
    # one key's error is independent of another's
    check_share(errors[0] & errors[1], PLAIN.key_error_share**2)


KEYS = ("surname", "born_on", "postcode")


def test_some_records_end_inside_the_follow_up(draw):
    ends = draw.calendar.record_end
    last = np.datetime64(PLAIN.record_end).astype(np.int64)
    check_share(ends < last, PLAIN.early_end_share)
    day = (ends - draw.calendar.index)[ends < last]
    assert day.min() >= PLAIN.landmark_day
    assert day.max() < PLAIN.landmark_day + PLAIN.follow_up_days


# contacts


def test_first_gaps_are_even_over_the_declared_days(draw):
    index = draw.calendar.index
    at = pd.Series(draw.contacts.day).groupby(draw.contacts.client).nth(1)
    second = pd.Series(at.to_numpy(), index=draw.contacts.client[at.index])
    # nobody has the outcome or a gone practitioner before their second contact
    kept = second[
        (draw.outcomes.at_risk & (draw.people.staff.left < 0)[draw.people.practitioner])[
            second.index
        ]
    ]
    weekday = (index[kept.index] + 3) % 7
    assert weekday.max() < 5
    gaps = np.arange(PLAIN.contact_gap_days[0], PLAIN.contact_gap_days[1] + 1)
    moved = np.add.outer(weekday, gaps) % 7
    expected = (gaps + np.where(moved >= 5, 7 - moved, 0)).mean(axis=1)
    check_mean(kept.to_numpy() - expected, 0.0)
    assert ((index[kept.index] + kept + 3) % 7).max() < 5


def test_index_dates_are_even_over_the_intake(draw):
    first, last = (
        np.datetime64(day).astype(np.int64) for day in (PLAIN.first_index, PLAIN.last_index)
    )
    stays = (draw.people.staff.left < 0)[draw.people.practitioner]
    index = draw.calendar.index[stays]
    # weekends are moved to the Monday: by three days in a week
    check_mean(index - 3 / 7, (first + last) / 2)
    assert index.min() >= first
    assert index.max() <= last + 2


def test_a_share_of_clients_meets_a_colleague_at_the_fourth_contact():
    found = draw_service(replace(PLAIN, services=25, turnover=0.0), SEED)
    people, contacts = found.people, found.contacts
    assert (people.staff.left < 0).all()
    place = pd.Series(contacts.client).groupby(contacts.client).cumcount().to_numpy()
    main = people.practitioner[contacts.client]
    other = contacts.practitioner != main
    check_share(other[place == 3], PLAIN.second_practitioner_share)
    check_share(other[place == 5], PLAIN.second_practitioner_share)
    assert set(place[other]) == {3, 5}
    service = people.staff.service
    assert (service[contacts.practitioner] == service[main]).all()


def test_sanctions_are_given_as_strictly_as_declared(draw):
    contacts, staff = draw.contacts, draw.people.staff
    has = np.array([AREAS[name].sanctions for name in PLAIN.areas])[staff.area]
    kept = has[contacts.practitioner]
    assert not contacts.sanction[~kept].any()
    strict = staff.strictness[contacts.practitioner[kept]]
    chance = sigmoid(log_odds(PLAIN.sanction_share) + 0.7 * strict)
    check_chances(contacts.sanction[kept], chance, strict)


def test_in_policing_those_who_sanction_are_trusted_less():
    p = replace(preset_parameters("policing"), services=60, caseload=90.0)
    found = draw_service(p, SEED)
    staff = found.people.staff
    check_correlation(staff.strictness, staff.part, p.sanction_relationship)
    rates = pd.Series(found.contacts.sanction).groupby(found.contacts.practitioner).mean()
    # a median has a standard error of 1.25 times that of the mean
    error = 1.2533 * rates.std() / np.sqrt(len(rates))
    assert rates.median() == pytest.approx(p.sanction_share, abs=BAND * error)
    check_mean(found.outcomes.truly - found.probability, 0.0)
