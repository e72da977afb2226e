"""Laws of pooling: order, units, signs and agreement, over imputations and over groups."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from deepvalue_stats.effects.meta import random_effects
from deepvalue_stats.effects.pooling import pool, pooled_wald

numbers = st.floats(-5, 5, allow_subnormal=False)
variances = st.floats(0.01, 4)
factors = st.floats(0.1, 50)
degrees = st.one_of(st.floats(5, 1000), st.just(np.inf))


@st.composite
def imputations(draw):
    shape = (draw(st.integers(2, 8)), draw(st.integers(1, 4)))
    estimates = draw(arrays.arrays("float64", shape, elements=numbers))
    return estimates, draw(arrays.arrays("float64", shape, elements=variances))


@st.composite
def groups(draw):
    k = draw(st.integers(2, 9))
    estimates = draw(arrays.arrays("float64", k, elements=numbers))
    assume(np.ptp(estimates) > 1e-3)
    return estimates, np.sqrt(draw(arrays.arrays("float64", k, elements=variances)))


# --- imputations ---------------------------------------------------------------------------------


@given(imputations(), degrees)
def test_pooling_adds_uncertainty_and_takes_degrees_of_freedom(given_fits, dof):
    estimates, squares = given_fits
    found = pool(estimates, squares, dof)
    assert (found.std_error**2 >= squares.mean(axis=0) * (1 - 1e-12)).all()
    assert (found.dof <= dof).all()
    assert (found.dof > 0).all()
    assert ((found.missing >= 0) & (found.missing <= 1)).all()
    assert (found.estimate >= estimates.min(axis=0) - 1e-9).all()
    assert (found.estimate <= estimates.max(axis=0) + 1e-9).all()


def test_fits_that_hardly_differ_have_no_limit_of_degrees():
    pooled = pool(np.array([[7.2e-80], [0.0]]), np.ones((2, 1)), np.inf)
    assert pooled.dof == np.inf
    assert pooled.missing == pytest.approx(0.0, abs=1e-12)


@given(imputations(), degrees, st.randoms(use_true_random=False))
def test_the_order_of_imputations_does_not_matter(given_fits, dof, random):
    estimates, squares = given_fits
    order = list(range(len(estimates)))
    random.shuffle(order)
    there, back = pool(estimates, squares, dof), pool(estimates[order], squares[order], dof)
    for name in ("estimate", "std_error", "increase"):
        np.testing.assert_allclose(getattr(there, name), getattr(back, name), atol=1e-10)


@given(imputations(), degrees, factors)
def test_another_unit_changes_the_numbers_and_not_what_is_missing(given_fits, dof, factor):
    estimates, squares = given_fits
    there, back = pool(estimates, squares, dof), pool(-factor * estimates, factor**2 * squares, dof)
    np.testing.assert_allclose(back.estimate, -factor * there.estimate, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(back.std_error, factor * there.std_error, rtol=1e-9)
    np.testing.assert_allclose(back.increase, there.increase, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(back.missing, there.missing, rtol=1e-6, atol=1e-12)


@given(imputations())
def test_each_estimate_is_pooled_by_itself(given_fits):
    estimates, squares = given_fits
    together = pool(estimates, squares, 50.0)
    for place in range(estimates.shape[1]):
        alone = pool(estimates[:, [place]], squares[:, [place]], 50.0)
        assert together.std_error[place] == pytest.approx(alone.std_error[0], rel=1e-12)
        assert together.dof[place] == pytest.approx(alone.dof[0], rel=1e-9)


@given(imputations(), degrees)
def test_one_coefficient_tested_together_is_its_own_test_squared(given_fits, dof):
    estimates, squares = given_fits[0][:, :1], given_fits[1][:, :1]
    found = pool(estimates, squares, dof)
    joint = pooled_wald(estimates, squares[:, :, None])
    expected = (found.estimate[0] / found.std_error[0]) ** 2
    assert joint.statistic == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert joint.increase == pytest.approx(found.increase[0], rel=1e-9, abs=1e-12)


@given(imputations(), arrays.arrays("float64", (4, 4), elements=st.floats(-1, 1)))
def test_other_coefficients_that_say_the_same_give_the_same_joint_test(given_fits, mix):
    estimates, squares = given_fits
    k = estimates.shape[1]
    turned = np.eye(k) * 3 + mix[:k, :k] / 2
    covariances = squares[:, :, None] * np.eye(k)
    there = pooled_wald(estimates, covariances)
    back = pooled_wald(estimates @ turned.T, turned @ covariances @ turned.T)
    assert back.statistic == pytest.approx(there.statistic, rel=1e-6, abs=1e-9)
    assert back.increase == pytest.approx(there.increase, rel=1e-6, abs=1e-9)


# --- groups --------------------------------------------------------------------------------------


@given(groups(), st.randoms(use_true_random=False))
def test_the_order_of_groups_does_not_matter(given_groups, random):
    estimates, errors = given_groups
    order = list(range(len(estimates)))
    random.shuffle(order)
    there, back = random_effects(estimates, errors), random_effects(estimates[order], errors[order])
    assert back.estimate == pytest.approx(there.estimate, rel=1e-6, abs=1e-6)
    assert back.std_error == pytest.approx(there.std_error, rel=1e-6)
    assert back.q == pytest.approx(there.q, rel=1e-9)


@given(groups(), factors)
def test_another_unit_and_the_other_sign_turn_the_mean_with_them(given_groups, factor):
    estimates, errors = given_groups
    there = random_effects(estimates, errors)
    back = random_effects(-factor * estimates, factor * errors)
    scale = factor * (1 + abs(there.estimate))
    assert back.estimate == pytest.approx(-factor * there.estimate, abs=1e-5 * scale)
    assert back.tau == pytest.approx(factor * there.tau, rel=1e-4, abs=1e-3 * factor)
    assert back.i_squared == pytest.approx(there.i_squared, abs=1e-5)
    assert back.q_p_value == pytest.approx(there.q_p_value, rel=1e-6, abs=1e-12)


@given(groups(), st.floats(-3, 3))
def test_moving_every_group_moves_the_mean_and_nothing_else(given_groups, step):
    estimates, errors = given_groups
    there, back = random_effects(estimates, errors), random_effects(estimates + step, errors)
    assert back.estimate == pytest.approx(there.estimate + step, abs=1e-5)
    assert back.std_error == pytest.approx(there.std_error, rel=1e-4)
    assert back.q == pytest.approx(there.q, rel=1e-6, abs=1e-9)


@given(groups())
def test_the_mean_lies_among_the_groups_and_the_share_of_heterogeneity_below_all(given_groups):
    estimates, errors = given_groups
    found = random_effects(estimates, errors)
    assert estimates.min() - 1e-9 <= found.estimate <= estimates.max() + 1e-9
    assert 0 <= found.i_squared < 1
    assert found.conf_low < found.estimate < found.conf_high
    assert 0 <= found.p_value <= 1
