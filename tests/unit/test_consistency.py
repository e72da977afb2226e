"""Alpha, omega and their ordinal forms: laws, planted truths, and what is refused."""

import numpy as np
import pytest

from deepvalue_stats.errors import DataError
from deepvalue_stats.measures import (
    cronbach_alpha,
    factor_model,
    omega_hierarchical,
    omega_total,
    one_factor,
    reliability,
)
from deepvalue_stats.measures.consistency import _score_covariance, categorical_omega

LOADINGS = np.array([0.5, 0.7, 0.9, 0.6])


def exactly(covariance, rows=400, seed=0):
    """Rows whose sample covariance (divided by n) is the one asked for, to the last digit."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(rows, len(covariance)))
    drawn -= drawn.mean(axis=0)
    root = np.linalg.cholesky(drawn.T @ drawn / rows)
    return drawn @ np.linalg.inv(root).T @ np.linalg.cholesky(covariance).T


def rated(rows=3000, seed=1, practitioners=None, categories=5):
    """Ordinal answers; with clients of a practitioner alike item by item where it is asked for."""
    rng = np.random.default_rng(seed)
    seen = rng.normal(size=(rows, 1)) * LOADINGS + rng.normal(size=(rows, 4)) * 0.7
    if practitioners is not None:
        seen += rng.normal(size=(practitioners, 4))[np.arange(rows) % practitioners] * 0.5
    return np.clip(np.round(seen + (categories + 1) / 2), 1, categories)


def test_omega_is_exact_where_one_factor_is():
    residuals = np.array([0.3, 0.5, 0.4, 0.8])
    covariance = np.outer(LOADINGS, LOADINGS) + np.diag(residuals)
    found = omega_total(exactly(covariance))
    common = LOADINGS.sum() ** 2
    assert found.value == pytest.approx(common / (common + residuals.sum()), abs=1e-8)


def test_omega_is_alpha_where_all_items_count_alike():
    covariance = np.full((4, 4), 0.49) + np.diag([0.3, 0.5, 0.4, 0.8])
    items = exactly(covariance)
    assert omega_total(items).value == pytest.approx(cronbach_alpha(items).value, abs=1e-8)


def test_alpha_lies_below_omega_where_items_count_unequally():
    items = exactly(np.outer(LOADINGS, LOADINGS) + 0.4 * np.eye(4))
    assert cronbach_alpha(items).value < omega_total(items).value - 0.005


def test_units_change_neither():
    items = rated()
    assert omega_total(10 * items + 3).value == pytest.approx(omega_total(items).value, abs=1e-7)
    assert cronbach_alpha(items / 7).value == pytest.approx(cronbach_alpha(items).value, abs=1e-12)


def test_the_general_part_of_a_bifactor_model_is_found():
    general, specific = np.full(9, 0.7), np.kron(np.eye(3), np.full((3, 1), 0.5))
    specific[0, 0] = specific[4, 1] = specific[8, 2] = 0.3
    common = np.outer(general, general) + specific @ specific.T
    items = exactly(common + 0.3 * np.eye(9), rows=900)
    subscales = {"bond": (0, 1, 2), "goal": (3, 4, 5), "task": (6, 7, 8)}
    found = omega_hierarchical(items, subscales)
    assert found.why == ""
    expected = general.sum() ** 2 / (common + 0.3 * np.eye(9)).sum()
    assert found.value == pytest.approx(expected, abs=1e-5)
    assert found.low < found.value < found.high


def test_categorical_omega_is_the_correlation_of_parallel_forms():
    """Two million answers of the same people to the same items, drawn twice."""
    rng = np.random.default_rng(3)
    thresholds = np.array([[-1.5, -0.5, 0.4], [-1.0, 0.0, 1.0], [-0.3, 0.6, 1.4]])
    loadings = np.array([0.8, 0.6, 0.7])
    person = rng.normal(size=(500_000, 1))

    def form():
        seen = person * loadings + rng.normal(size=(500_000, 3)) * np.sqrt(1 - loadings**2)
        return sum((seen[:, i, None] > thresholds[i]).sum(axis=1) for i in range(3))

    expected = np.corrcoef(form(), form())[0, 1]
    assert _score_covariance(thresholds, loadings) == pytest.approx(expected, abs=4e-3)


def test_with_many_categories_categorical_omega_is_omega():
    items = rated(rows=6000, categories=9)
    found = reliability(items)
    assert found.categorical.value == pytest.approx(found.omega.value, abs=0.01)


def test_alpha_before_the_cut_is_that_of_what_was_cut():
    rng = np.random.default_rng(4)
    seen = rng.normal(size=(20_000, 1)) * 0.8 + rng.normal(size=(20_000, 4)) * 0.6
    halves = 1.0 + (seen > 0.3)
    found = reliability(halves)
    assert found.polychoric.value == pytest.approx(cronbach_alpha(seen).value, abs=0.01)
    assert found.alpha.value < found.polychoric.value - 0.05
    assert found.polychoric.low < found.polychoric.value < found.polychoric.high


@pytest.mark.parametrize("coefficient", [cronbach_alpha, omega_total])
def test_intervals_hold_the_truth_with_clients_in_practitioners(coefficient):
    """200 services of 60 practitioners who differ item by item; the truth from a large one."""
    truth = coefficient(rated(rows=400_000, seed=9, practitioners=40_000)).value
    careful, hasty, draws = 0, 0, 200
    for seed in range(draws):
        items = rated(rows=900, seed=100 + seed, practitioners=60)
        whose = np.arange(900) % 60
        found = coefficient(items, clusters=whose)
        careful += found.low <= truth <= found.high
        found = coefficient(items)
        hasty += found.low <= truth <= found.high
    assert careful / draws > 0.90
    assert hasty < careful


def test_the_interval_of_categorical_omega_holds_a_planted_one():
    loadings = np.array([0.8, 0.6, 0.7, 0.5])
    cuts = np.array([-0.8, 0.0, 0.9])
    truth = _score_covariance(np.tile(cuts, (4, 1)), loadings)
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        seen = rng.normal(size=(400, 1)) * loadings
        seen = seen + rng.normal(size=(400, 4)) * np.sqrt(1 - loadings**2)
        items = 1.0 + (seen[:, :, None] > cuts).sum(axis=2)
        found = categorical_omega(factor_model(items, one_factor("abcd"), kind="ordinal"))
        held += found.low <= truth <= found.high
    assert held >= 88  # of a hundred at 95 %: fewer by chance once in a thousand


def test_incomplete_rows_are_refused_and_counted():
    items = rated(rows=50)
    items[[1, 4], 0] = np.nan
    with pytest.raises(DataError) as refused:
        reliability(items)
    assert str(refused.value) == (
        "DataError: 2 of 50 rows lack a response\n"
        "  where: items\n"
        "  fix:   leave them out, and say how many"
    )


def test_a_constant_item_leaves_no_coefficient():
    items = rated(rows=100)
    items[:, 2] = 4
    found = reliability(items)
    why = "1 of 4 items have the same response in all rows"
    assert {one.why for one in (found.alpha, found.omega, found.categorical)} == {why}


def test_an_item_that_was_not_turned_round_leaves_no_omega_and_an_alpha_that_says_so():
    items = rated()
    items[:, 1] = 6 - items[:, 1]
    found = reliability(items)
    why = "1 items point the other way: turn them, or leave them out"
    assert found.omega.why == found.categorical.why == why
    assert found.alpha.value < 0.5


def test_items_that_contradict_each_other_have_a_negative_alpha():
    items = np.array([[1.0, 5], [2, 4], [4, 1], [5, 1], [3, 3], [1, 4]])
    assert cronbach_alpha(items).value < 0


def test_two_items_have_alpha_and_no_omega():
    found = reliability(rated()[:, :2])
    assert found.alpha.why == ""
    assert found.omega.why == "a single factor needs three items, and 2 were given"


def test_answers_that_are_not_categories_have_no_ordinal_coefficient():
    items = np.random.default_rng(0).normal(size=(200, 1)) + np.arange(200 * 4).reshape(200, 4) % 7
    assert reliability(items).categorical.why == "responses are not whole numbers"


def test_a_heywood_case_has_no_omega():
    """Correlations of .9, .9 and .1: no single factor leaves all three a residual."""
    covariance = np.array([[1.0, 0.9, 0.6], [0.9, 1.0, 0.5], [0.6, 0.5, 1.0]])
    found = omega_total(exactly(covariance))
    assert found.why == "an item has no residual variance left (a Heywood case)"


def test_hierarchical_omega_needs_three_subscales_of_three():
    found = omega_hierarchical(rated(), {"first": (0, 1), "second": (2, 3)})
    assert found.why == "three subscales of three items are needed"
