"""Items that groups answer differently: planted ones are named, and others are not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_scale_tables import answered

from deepvalue_stats.errors import DataError, ModelError
from deepvalue_stats.measures import item_function, item_function_table
from deepvalue_stats.measures.item_function import _adjusted, _one
from deepvalue_stats.models.ordinal import _derivatives, fit_ordinal

NAMES = tuple(f"q{i}" for i in range(1, 7))


def service(seed, *, shift=0.0, slope=0.0, practitioners=40, clients=30, nested=True):
    """Six items of clients in practitioners who differ item by item; q3 may differ by group."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(practitioners), clients)
    group = whose % 2 if nested else rng.integers(0, 2, len(whose))
    person = 0.4 * rng.normal(size=practitioners)[whose] + rng.normal(size=len(whose))
    seen = person[:, None] + 0.35 * rng.normal(size=(practitioners, 6))[whose]
    seen = seen + 0.8 * rng.normal(size=seen.shape)
    seen[:, 2] += (shift + slope * person) * group
    return np.clip(np.round(seen + 3), 1, 5), group, whose


def message(kind, call):
    with pytest.raises(kind) as refused:
        call()
    return str(refused.value)


# --- the model ------------------------------------------------------------------------------------


def drawn(rows=400, seed=1):
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(rows, 2))
    seen = design @ [0.8, -0.4] + rng.logistic(size=rows)
    return np.digitize(seen, [-1.5, 0.0, 1.0]).astype(float), design


def test_derivatives_are_those_of_the_likelihood():
    response, design = drawn()
    codes = response.astype(int)
    at = np.array([-1.2, 0.1, 0.9, 0.5, -0.2])
    _, score, information = _derivatives(at, codes, design)
    for j in range(5):
        step = np.zeros(5)
        step[j] = 1e-5
        up, down = (_derivatives(at + way * step, codes, design) for way in (1, -1))
        assert score[:, j].sum() == pytest.approx((up[0] - down[0]) / 2e-5, rel=1e-6, abs=1e-6)
        slope = (up[1].sum(axis=0) - down[1].sum(axis=0)) / 2e-5
        assert -information[:, j] == pytest.approx(slope, rel=1e-6, abs=1e-5)


def test_two_categories_are_a_plain_logit():
    response, design = drawn()
    halves = (response > 1).astype(float)
    fit = fit_ordinal(halves, design)
    full = np.column_stack([np.ones(len(design)), design])
    beta = np.r_[-fit.thresholds, fit.coefficients]
    chance = 1 / (1 + np.exp(-full @ beta))
    assert full.T @ (halves - chance) == pytest.approx(np.zeros(3), abs=1e-4)


def test_categories_in_reverse_turn_every_sign():
    response, design = drawn()
    fit, turned = fit_ordinal(response, design), fit_ordinal(-response, design)
    assert turned.coefficients == pytest.approx(-fit.coefficients, abs=1e-6)
    assert turned.thresholds == pytest.approx(-fit.thresholds[::-1], abs=1e-6)


def test_the_robust_covariance_adds_scores_up_by_cluster():
    response, design = drawn()
    whose = np.arange(400) % 25
    fit = fit_ordinal(response, design, clusters=whose)
    at = np.r_[fit.thresholds, fit.coefficients]
    _, score, information = _derivatives(at, response.astype(int), design)
    sums = np.array([score[whose == j].sum(axis=0) for j in range(25)])
    expected = np.linalg.inv(information) @ (sums.T @ sums * 25 / 24) @ np.linalg.inv(information)
    assert fit.robust_vcov == pytest.approx(expected, rel=1e-6)


def test_a_covariate_that_settles_the_response_is_called_so():
    response = np.repeat([1.0, 2.0, 3.0], 40)
    fit = fit_ordinal(response, response[:, None] * 2)
    assert fit.status == "separated"


def test_what_cannot_be_fitted_is_refused():
    response, design = drawn(rows=30)
    holes = design.copy()
    holes[4, 1] = np.nan
    assert message(ModelError, lambda: fit_ordinal(response, holes)) == (
        "ModelError: 1 of 30 rows lack a value\n"
        "  where: response, design\n"
        "  fix:   leave them out, and say how many"
    )
    still = np.column_stack([design[:, 0], np.ones(30)])
    assert message(ModelError, lambda: fit_ordinal(response, still)) == (
        "ModelError: column 2 does not vary\n"
        "  where: design\n"
        "  fix:   leave it out: the thresholds hold it"
    )
    assert message(ModelError, lambda: fit_ordinal(np.ones(30), design)).splitlines()[0] == (
        "ModelError: the response has the same value in all 30 rows"
    )


# --- items ----------------------------------------------------------------------------------------


def test_a_planted_item_is_named_with_its_points_and_leaves_the_anchors():
    items, group, whose = service(2, shift=0.8)
    found = item_function(items, group, NAMES, clusters=whose)
    assert [one.item for one in found.items if one.differs] == ["q3"]
    assert found.anchors == ("q1", "q2", "q4", "q5", "q6")
    planted = found.items[2]
    raw = items[group == 1, 2].mean() - items[group == 0, 2].mean()
    others = items[:, [0, 1, 3, 4, 5]].mean(axis=1)
    level = others[group == 1].mean() - others[group == 0].mean()
    assert planted.shift[0] == pytest.approx(raw - level, abs=0.1)
    assert planted.size in ("moderate", "large")


def test_another_slope_is_found_by_the_test_of_slopes():
    items, group, whose = service(3, slope=0.9, practitioners=80, nested=False)
    found = item_function(items, group, NAMES, clusters=whose).items[2]
    assert found.non_uniform_p < 1e-6


def test_alike_groups_have_no_item_that_differs():
    for seed in range(8):
        items, group, whose = service(seed)
        assert not any(
            one.differs for one in item_function(items, group, NAMES, clusters=whose).items
        )


def test_the_test_holds_its_size_with_clients_in_practitioners_and_a_hasty_one_does_not():
    """One item a service is tested by itself, with the others as anchors."""
    careful = hasty = 0
    anchors, draws = np.ones(6, dtype=bool), 150
    for seed in range(draws):
        items, group, whose = service(1000 + seed)
        careful += _one(items, group, 0, anchors, "q1", whose).uniform_p < 0.05
        hasty += _one(items, group, 0, anchors, "q1", None).uniform_p < 0.05
    assert careful / draws < 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
    assert hasty / draws > 0.25


def test_several_groups_have_a_shift_each():
    items, _, whose = service(4)
    group = whose % 3
    items[group == 2, 4] = np.minimum(items[group == 2, 4] + 1, 5)
    found = item_function(items, group, NAMES, clusters=whose).items[4]
    assert found.shift.shape == (2,)
    assert found.shift[1] > 0.5 > abs(found.shift[0])


def test_p_values_are_adjusted_over_the_items_that_have_one():
    items, group, whose = service(5)
    one = _one(items, group, 0, np.ones(6, dtype=bool), "q1", whose)
    rows = [replace(one, p_value=p) for p in (0.01, 0.04, np.nan, 0.03)]
    adjusted = [row.p_adjusted for row in _adjusted(rows)]
    assert adjusted[:2] == pytest.approx([0.03, 0.06])
    assert np.isnan(adjusted[2])
    assert adjusted[3] == pytest.approx(0.06)


def test_refusals_of_items_are_told_all_at_once():
    items, group, _ = service(6)
    items[:, 1] = 3
    group = np.where(np.arange(len(group)) < 90, 1, 0)
    assert message(DataError, lambda: item_function(items, group, NAMES)) == (
        "DataError: 2 problems\n"
        "1. item 'q2' has the same response in all 1200 rows\n"
        "     where: items\n"
        "     fix:   leave it out: it tells nobody apart\n"
        "2. group 2 has 90 rows, and 100 are needed\n"
        "     where: groups\n"
        "     fix:   join groups, or leave it out"
    )
    assert item_function(*service(6)[:2], NAMES).doubtful is False


def test_one_practitioner_alone_says_nothing_of_chance():
    items, group, whose = service(6)
    alone = np.zeros(len(whose))
    said = message(DataError, lambda: item_function(items, group, NAMES, clusters=alone))
    assert said.splitlines()[0] == "DataError: all 1200 rows belong to one practitioner"
    said = message(ModelError, lambda: fit_ordinal(*drawn(), clusters=np.zeros(400)))
    assert said.splitlines()[0] == "ModelError: all 400 rows belong to one cluster"


# --- the table ------------------------------------------------------------------------------------


def test_the_table_names_the_item_and_how_much_it_matters():
    one, bands = answered(rows=1000, shift=0.9)
    table = item_function_table((one,), {"confidence": bands}).frame.set_index("item")
    assert table.loc["q2", "reading"] == "answered differently at the same level of the others"
    assert table.loc["q2", "shift"] == pytest.approx(0.7, abs=0.2)
    assert set(table.drop("q2")["reading"]) <= {"no difference found", "alike, as far as matters"}


def test_small_groups_have_no_rows():
    one, bands = answered(rows=150)
    table = item_function_table((one,), {"confidence": bands})
    assert isinstance(table.frame, pd.DataFrame)
    assert table.frame.empty
