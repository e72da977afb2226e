"""Robustness values, benchmark bounds and selection on what is not measured.

Expected values, sources and tolerances with their reasons: expected/confounding_darfur.json, the
published worked example of Cinelli and Hazlett (2020), and expected/oster_selection.json, from R.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from deepvalue_stats.effects.confounding import (
    TwoRegressions,
    adjusted_for_unmeasured,
    bounded_by_covariate,
    joint_bounding_factor,
    partial_r2,
    robustness_value,
    selection_on_unmeasured,
)
from deepvalue_stats.errors import ModelError

EXPECTED = Path(__file__).parent / "expected"
DARFUR = json.loads((EXPECTED / "confounding_darfur.json").read_text(encoding="utf-8"))
OSTER = json.loads((EXPECTED / "oster_selection.json").read_text(encoding="utf-8"))
VIOLENCE = tuple(DARFUR["results"][name] for name in ("estimate", "std_error", "dof"))
T, DOF = VIOLENCE[0] / VIOLENCE[1], VIOLENCE[2]


# --- robustness values ---------------------------------------------------------------------------


def test_robustness_values_are_those_of_the_worked_example():
    told, close = DARFUR["results"], DARFUR["tolerance"]["statistics"]
    found = robustness_value(T, DOF)
    expected = (told["partial_r2"], told["robustness"], told["robustness_limit"])
    numbers = (found.partial_r2, found.estimate, found.limit)
    assert numbers == pytest.approx(expected, rel=close)
    assert robustness_value(-T, DOF) == found


@pytest.mark.parametrize("q", [0.3, 1.0, 1.5])
@pytest.mark.parametrize(("t", "dof"), [(T, DOF), (2.5, 12), (40.0, 30), (0.4, 200)])
def test_a_cause_as_strong_as_the_robustness_value_takes_just_that_share(t, dof, q):
    strength = robustness_value(t, dof, q=q).estimate
    found = adjusted_for_unmeasured(t, 1.0, dof, strength, strength)
    assert found.estimate == pytest.approx((1 - q) * t, abs=1e-9 * t)


@pytest.mark.parametrize(("t", "dof"), [(T, DOF), (2.5, 12), (-6.0, 50)])
def test_beside_a_cause_as_strong_as_its_limit_a_test_just_fails(t, dof):
    strength = robustness_value(t, dof).limit
    found = adjusted_for_unmeasured(t, 1.0, dof, strength, strength)
    critical = stats.t.ppf(0.975, dof - 1)
    assert abs(found.estimate / found.std_error) == pytest.approx(critical, rel=1e-9)


def test_where_few_shares_of_the_outcome_do_most_harm_fewer_of_the_exposure_are_asked():
    t, dof = 40.0, 30
    strength = robustness_value(t, dof).limit
    critical = stats.t.ppf(0.975, dof - 1)

    def least_t(share):
        shares = np.linspace(0, share, 4001)
        found = [adjusted_for_unmeasured(t, 1.0, dof, share, one) for one in shares]
        return min(one.estimate / one.std_error if one.std_error else np.inf for one in found)

    assert least_t(strength) == pytest.approx(critical, rel=1e-5)
    assert least_t(0.99 * strength) > critical


def test_a_test_that_fails_already_needs_no_cause():
    assert robustness_value(1.5, 100).limit == 0
    assert robustness_value(0.0, 100).estimate == 0


# --- adjusting, and benchmarks -------------------------------------------------------------------


def planted(seed=8, n=90):
    """An exposure, a cause of both that is left out, and an outcome, with two covariates."""
    rng = np.random.default_rng(seed)
    cause, age = rng.normal(size=(2, n))
    exposure = 0.7 * cause + 0.3 * age + rng.normal(size=n)
    outcome = 0.2 * exposure + 0.9 * cause - 0.4 * age + rng.normal(size=n)
    return outcome, exposure, cause, np.column_stack([np.ones(n), age])


def regression(outcome, *columns):
    matrix = np.column_stack(columns)
    coefficients = np.linalg.solve(matrix.T @ matrix, matrix.T @ outcome)
    left = outcome - matrix @ coefficients
    dof = len(outcome) - matrix.shape[1]
    errors = np.sqrt(left @ left / dof * np.diag(np.linalg.inv(matrix.T @ matrix)))
    return coefficients, errors, dof


def test_adjusting_for_a_cause_of_known_shares_is_what_the_longer_regression_gives():
    outcome, exposure, cause, rest = planted()
    short, short_errors, dof = regression(outcome, exposure, rest)
    full, full_errors, full_dof = regression(outcome, exposure, cause, rest)
    with_outcome = partial_r2(full[1] / full_errors[1], full_dof)
    other, other_errors, other_dof = regression(exposure, cause, rest)
    with_exposure = partial_r2(other[0] / other_errors[0], other_dof)
    found = adjusted_for_unmeasured(short[0], short_errors[0], dof, with_exposure, with_outcome)
    assert found.estimate == pytest.approx(full[0], rel=1e-10)
    assert found.std_error == pytest.approx(full_errors[0], rel=1e-10)
    assert found.dof == full_dof


def female():
    """The benchmark's own shares, from the bound of a cause as strong as it."""
    once = DARFUR["results"]["bounds"][0]
    exposure = once["with_exposure"] / (1 + once["with_exposure"])
    entangled = exposure**2 / (1 - exposure) ** 2
    odds = once["with_outcome"] * (1 - entangled) / (1 + np.sqrt(entangled)) ** 2
    return exposure, odds / (1 + odds)


@pytest.mark.parametrize("told", DARFUR["results"]["bounds"], ids=lambda one: f"{one['times']}x")
def test_bounds_by_a_benchmark_are_those_of_the_worked_example(told):
    found = bounded_by_covariate(*VIOLENCE, *female(), times=told["times"])
    for name in ("with_exposure", "with_outcome", "estimate", "std_error"):
        expected = pytest.approx(told[name], rel=DARFUR["tolerance"]["bounds"])
        assert getattr(found, name) == expected, name
    turned = bounded_by_covariate(-VIOLENCE[0], *VIOLENCE[1:], *female(), times=told["times"])
    assert turned.estimate == -found.estimate


def test_a_cause_explains_no_more_of_the_outcome_than_all():
    found = bounded_by_covariate(1.0, 0.2, 100, 0.05, 0.6, times=3)
    assert (found.with_outcome, found.std_error) == (1, 0)


@pytest.mark.parametrize("times", [3, 5])
def test_a_cause_that_would_explain_more_of_the_exposure_than_there_is_cannot_be(times):
    with pytest.raises(ModelError, match=f"{times} times as strong as the covariate cannot be"):
        bounded_by_covariate(1.0, 0.2, 100, 0.3, 0.1, times=times)


def test_leaving_a_covariate_out_is_a_factor_of_one_or_more():
    assert joint_bounding_factor(1.4, 1.4) == 1
    assert joint_bounding_factor(0.8, 0.5) == joint_bounding_factor(0.5, 0.8) == 1.6


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda: partial_r2(2.0, 0), "too few degrees of freedom"),
        (lambda: robustness_value(2.0, 1), "too few degrees of freedom"),
        (lambda: robustness_value(2.0, 10, q=0), "no share of the estimate"),
        (lambda: adjusted_for_unmeasured(1.0, 0.2, 9, 1.0, 0.1), "a share of variance out of"),
        (lambda: bounded_by_covariate(1.0, 0.2, 9, 0.1, -0.1), "a share of variance out of"),
        (lambda: joint_bounding_factor(1.2, 0.0), "no risk ratio above 0"),
    ],
)
def test_what_is_out_of_range_is_refused(ask, match):
    with pytest.raises(ModelError, match=match):
        ask()


# --- selection on what is not measured -----------------------------------------------------------


@pytest.mark.parametrize("case", OSTER["results"].values(), ids=list(OSTER["results"]))
def test_selection_is_that_of_r(case):
    found = selection_on_unmeasured(TwoRegressions(**case["regressions"]), case["r2_max"])
    close = OSTER["tolerance"]["relative"]
    for name in ("delta", "simple_delta", "simple_estimate"):
        assert getattr(found, name) == pytest.approx(case[name], rel=close), name
    near = case["regressions"]["long_estimate"]
    roots = sorted(case["roots"], key=lambda root: abs(root - near))
    assert (found.estimate, found.other_estimate) == pytest.approx(roots, rel=close)


def test_all_causes_explain_a_third_more_than_the_measured_ones_unless_said_and_never_over_all():
    for name in ("jtrain13", "wagepan"):
        case = OSTER["results"][name]
        found = selection_on_unmeasured(TwoRegressions(**case["regressions"]))
        assert found.r2_max == pytest.approx(case["r2_max"], rel=1e-9)
    fits = TwoRegressions(**OSTER["results"]["wagepan"]["regressions"])
    assert selection_on_unmeasured(replace(fits, long_r2=0.9)).r2_max == 1


@pytest.mark.parametrize(
    "change",
    [{"short_r2": 0.3}, {"long_estimate": 0.1792641899, "short_estimate": 0.1792641899}],
)
def test_covariates_that_change_nothing_tell_nothing(change):
    fits = TwoRegressions(**OSTER["results"]["wagepan"]["regressions"])
    with pytest.raises(ModelError, match="the covariates tell nothing"):
        selection_on_unmeasured(replace(fits, **change))


@pytest.mark.parametrize("r2_max", [0.1, 1.1])
def test_a_share_below_what_is_explained_or_above_all_is_refused(r2_max):
    fits = TwoRegressions(**OSTER["results"]["wagepan"]["regressions"])
    with pytest.raises(ModelError, match="the covariates tell nothing"):
        selection_on_unmeasured(fits, r2_max)
