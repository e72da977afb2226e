"""Averages over random effects and their summaries: laws that hold for any values."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.models.multilevel.averaging import average_expit
from deepvalue_stats.models.multilevel.boundary import boundary_p_value
from deepvalue_stats.models.multilevel.plain import probability_icc

etas = st.floats(-12, 12)
spreads = st.floats(0, 5)
laws = settings(max_examples=60, deadline=None)


@laws
@given(eta=etas, sd=st.floats(0.3, 5))
def test_the_heat_equation_gives_the_derivatives_by_the_variance(eta, sd):
    step = 1e-3 * sd**2
    points = np.full(5, eta)
    deviations = np.sqrt(sd**2 + step * np.arange(-2, 3))
    near = average_expit(points, deviations)
    stencil = np.array([1, -8, 0, 8, -1]) / (12 * step)
    assert abs(stencil @ near.mean - near.d_variance[2]) < 1e-7
    assert abs(stencil @ near.d_eta - near.d_eta_d_variance[2]) < 1e-7


@laws
@given(eta=etas, sd=spreads)
def test_derivatives_by_the_predictor_are_finite_differences(eta, sd):
    step = 1e-2
    near = average_expit(eta + step * np.arange(-2, 3), sd)
    stencil = np.array([1, -8, 0, 8, -1]) / (12 * step)
    levels = (near.mean, near.d_eta, near.d2_eta, near.d3_eta)
    for lower, upper in pairwise(levels):
        assert abs(stencil @ lower - upper[2]) < 1e-7


@laws
@given(eta=etas, sd=spreads)
def test_failure_mirrors_success(eta, sd):
    there, back = average_expit(np.array([eta]), sd), average_expit(np.array([-eta]), sd)
    assert abs(there.mean + back.mean - 1)[0] < 1e-12
    assert abs(there.d_eta - back.d_eta)[0] < 1e-12
    assert abs(there.d2_eta + back.d2_eta)[0] < 1e-12
    assert abs(there.d3_eta - back.d3_eta)[0] < 1e-12


@laws
@given(eta=etas, sd=spreads, more=st.floats(0, 3))
def test_more_variance_draws_the_chance_towards_a_half(eta, sd, more):
    near, far = average_expit(np.full(2, eta), np.array([sd, np.hypot(sd, more)])).mean
    assert abs(far - 0.5) <= abs(near - 0.5) + 1e-11


@laws
@given(eta=st.floats(-6, 6), sd=spreads, other=st.floats(0, 2))
def test_the_share_of_a_factor_is_a_share_and_no_more_than_both(eta, sd, other):
    point = np.array([eta])
    own = probability_icc(point, sd, other)[0]
    both = probability_icc(point, np.hypot(sd, other))[0]
    assert 0 <= own <= both + 1e-9 <= 1


@laws
@given(statistic=st.floats(1e-3, 50), q=st.integers(0, 6))
def test_a_mixture_lies_between_its_two_parts(statistic, q):
    mixed = boundary_p_value(statistic, added=(q,))
    below = boundary_p_value(statistic, q) if q else 0.0
    assert below <= mixed <= boundary_p_value(statistic, q + 1)
