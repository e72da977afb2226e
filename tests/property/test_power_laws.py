"""Laws of power: more practitioners, more power; more alike, less; signs and caseloads."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.power import (
    design_effect,
    power_of_arms,
    power_of_score,
    practitioners_needed,
)
from deepvalue_stats.power.existing import share_between
from deepvalue_stats.simulate.cohort import Cohort, cohort_truth

CLOSE = 1e-6
practitioners = st.integers(4, 200)
clients = st.floats(1, 100)
spreads = st.floats(0, 1)
shares = st.floats(0, 0.3)
exposures = st.floats(0, 1)
effects = st.floats(-0.15, 0.15)
rates = st.floats(0.2, 0.8)


def arms(j, m, cv, icc, rate, effect):
    return power_of_arms(j, m, cv, icc, rate, effect)


@given(j=practitioners, m=clients, cv=spreads, icc=shares, rate=rates, effect=effects)
def test_two_more_practitioners_never_cost_power(j, m, cv, icc, rate, effect):
    # an odd practitioner out makes the arms unequal, and may add nothing
    j += j % 2
    assert arms(j + 2, m, cv, icc, rate, effect) >= arms(j, m, cv, icc, rate, effect) - CLOSE


@settings(deadline=None, max_examples=30)
@given(j=practitioners, m=clients, cv=spreads, icc=shares, r=exposures, rate=rates, effect=effects)
def test_one_more_practitioner_never_costs_power_for_a_score(j, m, cv, icc, r, rate, effect):
    more, less = (power_of_score(n, m, cv, icc, r, rate, effect) for n in (j + 1, j))
    assert more >= less - CLOSE


@given(j=practitioners, m=clients, cv=spreads, icc=shares, rate=rates, effect=effects)
def test_power_is_a_chance_and_at_least_the_size_of_the_test(j, m, cv, icc, rate, effect):
    assert 0.05 - CLOSE <= arms(j, m, cv, icc, rate, effect) <= 1


@given(j=practitioners, m=clients, cv=spreads, icc=shares, effect=effects)
def test_a_gain_and_a_loss_of_the_same_size_are_found_as_often(j, m, cv, icc, effect):
    # to change the arms, and outcome for no outcome, is to change nothing
    j += j % 2
    gain = arms(j, m, cv, icc, 0.5 - effect / 2, effect)
    assert gain == pytest.approx(arms(j, m, cv, icc, 0.5 + effect / 2, -effect), abs=CLOSE)


@given(m=clients, cv=spreads, icc=shares, r=exposures)
def test_design_effects_grow_with_all_that_makes_clients_alike(m, cv, icc, r):
    now = design_effect(m, cv, icc, r)
    assert now >= 1 - CLOSE
    assert design_effect(m + 1, cv, icc, r) >= now
    assert design_effect(m, cv + 0.1, icc, r) >= now
    assert design_effect(m, cv, icc, 1.0) >= now
    assert design_effect(m, cv, 0.0, r) == 1


@given(j=practitioners, error=st.floats(1e-4, 0.2), difference=st.floats(1e-3, 0.5))
def test_half_the_difference_needs_four_times_the_practitioners(j, error, difference):
    whole = practitioners_needed(j, error, difference)
    assert practitioners_needed(j, error, difference / 2) == pytest.approx(4 * whole)


@given(values=st.lists(st.floats(-5, 5), min_size=6, max_size=6), scale=st.floats(0.1, 10))
def test_names_of_groups_and_units_leave_their_share_of_the_variance_alone(values, scale):
    groups = pd.Series([0, 0, 1, 1, 2, 2])
    found = share_between(pd.Series(values), groups)
    assert 0 <= found <= 1
    renamed = share_between(scale * pd.Series(values) + 1, groups.map({0: "z", 1: "y", 2: "a"}))
    assert renamed == pytest.approx(found, abs=1e-4) or np.std(values) < 1e-3


@settings(deadline=None, max_examples=25)
@given(
    effect=st.floats(-0.05, 0.05),
    reliability=st.floats(0.3, 1),
    between=exposures,
    match=st.floats(0.5, 1),
)
def test_error_and_lost_outcomes_only_ever_blunt_an_effect(effect, reliability, between, match):
    cohort = Cohort(
        20, 25, 0.3, 0.3, 0.02, effect, effect, effect / 2,
        exposure_icc=between, reliability=reliability, match_rate=match,
    )  # fmt: skip
    truth = cohort_truth(cohort)
    assert abs(truth.effect) <= abs(effect) + CLOSE
    assert abs(truth.damage) <= abs(effect / 2) + CLOSE
    clean = cohort_truth(replace(cohort, reliability=1.0, match_rate=1.0))
    assert clean.effect == pytest.approx(effect)
    assert clean.damage == pytest.approx(effect / 2, abs=CLOSE)
