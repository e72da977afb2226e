"""Separation: found exactly, and blamed on the columns that cause it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import expit

from deepvalue_stats.models.multilevel.separation import separated_terms


def blamed(y, trials=None, intercept=True, **columns):
    y = np.asarray(y, dtype="float64")
    parts = [np.asarray(column, dtype="float64") for column in columns.values()]
    names = tuple(columns)
    if intercept:
        parts, names = [np.ones(len(y)), *parts], ("Intercept", *names)
    trials = np.ones(len(y)) if trials is None else np.asarray(trials, dtype="float64")
    return separated_terms(np.column_stack(parts), y, trials, names)


@pytest.fixture
def people():
    """Columns and an outcome that depends on none of them."""
    rng = np.random.default_rng(11)
    columns = {"age": rng.normal(40, 12, size=300), "trust": rng.normal(size=300)}
    columns["rare"] = (np.arange(300) % 60 == 0).astype(float)
    columns["area"] = (rng.random(300) < 0.4).astype(float)
    y = (rng.random(300) < 0.5).astype(float)
    y[columns["rare"] == 1] = [0, 1, 1, 0, 1]
    return columns, y


def test_overlapping_outcomes_are_not_separated(people):
    columns, y = people
    assert blamed(y, **columns) == ()


def test_one_covariate_that_divides_the_outcomes_is_named(people):
    columns, _ = people
    del columns["rare"]
    assert blamed(columns["trust"] > 0.3, **columns) == ("trust",)
    assert blamed(columns["trust"] < 0.3, **columns) == ("trust",)


def test_a_shared_value_at_the_cut_is_quasi_separation():
    x = [1, 2, 3, 3, 4, 5]
    assert blamed([0, 0, 0, 1, 1, 1], x=x) == ("x",)
    assert blamed([0, 0, 1, 0, 1, 0], x=x) == ()


def test_a_cell_with_one_outcome_is_named(people):
    columns, y = people
    for value in (0, 1):
        assert blamed(np.where(columns["rare"] == 1, value, y), **columns) == ("rare",)


def test_a_reference_cell_with_one_outcome_takes_all_its_dummies():
    cell = np.repeat([0, 1, 2], 6)
    y = np.r_[np.zeros(6), np.tile([0, 1], 6)]
    assert blamed(y, b=cell == 1, c=cell == 2, x=np.tile([1, 1, 2, 2, 3, 3], 3)) == ("b", "c")


def test_cells_without_an_intercept_are_named_one_by_one():
    cell = np.repeat([0, 1, 2], 6)
    y = np.r_[np.zeros(6), np.tile([0, 1], 3), np.ones(6)]
    cells = {name: cell == k for k, name in enumerate("abc")}
    assert blamed(y, intercept=False, **cells) == ("a", "c")


def test_an_interaction_that_divides_one_group_only_is_named(people):
    columns, y = people
    inside = columns["area"] == 1
    y = np.where(inside, columns["trust"] > 0.3, y)
    both = columns["area"] * columns["trust"]
    assert blamed(y, **columns, both=both) == ("area", "both")


def test_an_empty_cell_of_an_interaction_is_named(people):
    columns, y = people
    both = columns["area"] * (columns["trust"] > 0)
    y = np.where(both == 1, 1, y)
    assert blamed(y, **columns, positive=columns["trust"] > 0, both=both) == ("both",)


def test_columns_that_divide_together_only_are_named_together(people):
    columns, _ = people
    y = columns["trust"] + columns["age"] / 12 > 3.2
    assert blamed(y, **columns) == ("age", "trust")


def test_separate_causes_are_all_named(people):
    columns, y = people
    y = np.where(columns["rare"] == 1, 1, y)
    inside = (columns["area"] == 1) & (columns["rare"] == 0)
    y = np.where(inside, columns["trust"] > 0.3, y)
    del columns["area"]
    named = blamed(y, **columns, both=inside * columns["trust"], inside=inside)
    assert named == ("rare", "both", "inside")


def test_the_intercept_is_named_for_a_constant_outcome_only(people):
    columns, y = people
    assert blamed(np.ones(300), **columns) == ("Intercept",)
    assert blamed(np.zeros(300), **columns) == ("Intercept",)
    assert blamed(np.zeros(300), intercept=False, trust=columns["trust"]) == ()
    assert blamed(np.zeros(300), intercept=False, age=columns["rare"]) == ("age",)
    assert blamed(y) == ()


def test_a_constant_outcome_without_an_intercept():
    # all outcomes alike: any direction that keeps all predictors on one side
    assert blamed([1, 1, 1], intercept=False, x=[1, 2, -1], z=[1, 0, 2]) == ("z",)


def test_counts_with_both_outcomes_hold_the_plane():
    x = [1, 2, 3, 4]
    assert blamed([0, 0, 5, 5], [5, 5, 5, 5], x=x) == ("x",)
    assert blamed([0, 2, 5, 5], [5, 5, 5, 5], x=x) == ("x",)
    assert blamed([0, 2, 3, 5], [5, 5, 5, 5], x=x) == ()
    assert blamed([1, 2, 3, 4], [5, 5, 5, 5], x=x) == ()


def test_counts_are_the_rows_that_they_stand_for():
    rng = np.random.default_rng(2)
    for _ in range(30):
        x, z = rng.integers(0, 3, size=(2, 6))
        trials = rng.integers(1, 3, size=6)
        y = rng.integers(0, trials + 1)
        single = np.repeat(np.arange(6), trials)
        first = np.r_[0, np.cumsum(trials)[:-1]]
        outcome = np.arange(len(single)) - first[single] < y[single]
        assert blamed(y, trials, x=x, z=z) == blamed(outcome, x=x[single], z=z[single])


def test_rows_without_trials_say_nothing():
    assert blamed([0, 1, 0], [1, 1, 0], x=[1, 2, 3]) == ("x",)
    assert blamed([0, 0], [0, 0], x=[1, 2]) == ()


def test_columns_of_zeros_and_copies_are_not_blamed(people):
    columns, y = people
    assert blamed(y, **columns, empty=np.zeros(300), copy=columns["age"]) == ()
    assert blamed(columns["trust"] > 0, trust=columns["trust"], empty=np.zeros(300)) == ("trust",)


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e5, 1e12])
def test_units_and_far_origins_do_not_matter(people, scale):
    columns, y = people
    others = {"shifted": 1e8 + columns["age"], **columns, "trust": scale * columns["trust"]}
    del others["age"]
    assert blamed(y, **others) == ()
    divided = columns["trust"] + columns["age"] / 12 > 3.2
    assert blamed(divided, **others) == ("shifted", "trust")


def test_one_far_off_row_does_not_hide_the_overlap(people):
    columns, y = people
    far = columns["trust"].copy()
    far[17] = 1e12
    assert blamed(y, **{**columns, "trust": far}) == ()
    divided = columns["trust"] + columns["age"] / 12 > 3.2
    divided[17] = True
    assert blamed(divided, **{**columns, "trust": far}) == ("age", "trust")


def test_many_rows_of_which_few_decide():
    rng = np.random.default_rng(4)
    matrix = np.column_stack([np.ones(20_000), rng.normal(size=(20_000, 5))])
    terms = ("Intercept", "a", "b", "c", "d", "e")
    eta = matrix @ np.array([0.2, 1.0, -2.0, 0.5, 0.0, 0.0])
    ones = np.ones(20_000)
    assert separated_terms(matrix, eta > 0, ones, terms) == ("a", "b", "c")
    # one row on the wrong side is enough for finite estimates
    y = eta > 0
    y[np.argmax(eta)] = False
    assert separated_terms(matrix, y, ones, terms) == ()
    steep = rng.random(20_000) < expit(20 * eta)
    assert separated_terms(matrix, steep, ones, terms) == ()


def test_a_factor_of_many_levels_is_named_whole_or_by_its_cell():
    rng = np.random.default_rng(6)
    cell = rng.integers(0, 40, size=4_000)
    columns = {f"cell{k}": cell == k for k in range(1, 40)}
    columns["x"] = rng.normal(size=4_000)
    y = rng.random(4_000) < 0.5
    assert blamed(y, **columns) == ()
    assert blamed(np.where(cell == 7, 1, y), **columns) == ("cell7",)
    assert blamed(np.where(cell == 0, 1, y), **columns) == tuple(columns)[:-1]


def test_more_columns_than_rows_always_separate():
    rng = np.random.default_rng(5)
    named = separated_terms(
        rng.normal(size=(4, 6)), np.array([0, 1, 0, 1]), np.ones(4), tuple("abcdef")
    )
    assert named


small = st.integers(-2, 2)


@st.composite
def tiny_designs(draw):
    """A few rows of small whole numbers, the first column an intercept or not, and counts."""
    n, p = draw(st.integers(2, 9)), draw(st.integers(1, 3))
    rows = draw(st.lists(st.lists(small, min_size=p, max_size=p), min_size=n, max_size=n))
    matrix = np.array(rows, dtype="float64")
    if draw(st.booleans()):
        matrix[:, 0] = 1
    trials = draw(st.lists(st.integers(1, 2), min_size=n, max_size=n))
    y = [draw(st.integers(0, m)) for m in trials]
    return matrix, np.array(y, dtype="float64"), np.array(trials, dtype="float64")


def signed_rows(matrix, y, trials):
    return np.vstack([matrix[y > 0], -matrix[y < trials]])


def diverges(matrix, y, trials):
    """By Stiemke's lemma: finite estimates need positive weights of the signed rows that cancel."""
    signed = signed_rows(matrix, y, trials)
    n, p = signed.shape
    if not p:
        return False
    # weights w_i >= t with t as large as can be
    outcome = linprog(
        np.r_[np.zeros(n), -1],
        A_ub=np.column_stack([-np.eye(n), np.ones(n)]),
        b_ub=np.zeros(n),
        A_eq=np.column_stack([signed.T, np.zeros(p)]),
        b_eq=np.zeros(p),
        bounds=(0, 1),
    )
    return -outcome.fun < 1e-7


def edges(signed):
    """Extreme directions of the cone: each is at right angles to p - 1 of the rows."""
    p = signed.shape[1]
    if p == 1:
        rays = [np.ones(1)]
    elif p == 2:
        rays = [np.array([-b, a]) for a, b in signed]
    else:
        rays = [np.cross(first, second) for first, second in combinations(signed, 2)]
    return [sign * ray for ray in rays for sign in (-1, 1)]


@settings(max_examples=300, deadline=None)
@given(design=tiny_designs())
def test_separation_is_found_exactly_when_estimates_diverge(design):
    names = tuple(f"x{k}" for k in range(design[0].shape[1]))
    assert bool(separated_terms(*design, names)) == diverges(*design)


@settings(max_examples=300, deadline=None)
@given(design=tiny_designs())
def test_separation_agrees_with_whole_number_enumeration(design):
    matrix, y, trials = design
    assume(np.linalg.matrix_rank(matrix) == matrix.shape[1])
    signed = signed_rows(matrix, y, trials)
    gains = [signed @ ray for ray in edges(signed)]
    expected = any((gain >= 0).all() and (gain > 0).any() for gain in gains)
    names = tuple(f"x{k}" for k in range(matrix.shape[1]))
    assert bool(separated_terms(*design, names)) == expected


@settings(max_examples=300, deadline=None)
@given(design=tiny_designs())
def test_without_the_named_columns_the_rest_is_finite(design):
    matrix, y, trials = design
    constant = (matrix == matrix[0]).all(axis=0) & (matrix[0] != 0)
    assume((y.any() and (y < trials).any()) or not constant.any())
    names = tuple(f"x{k}" for k in range(matrix.shape[1]))
    named = separated_terms(matrix, y, trials, names)
    rest = [k for k, name in enumerate(names) if name not in named]
    assert not diverges(matrix[:, rest], y, trials)


@settings(max_examples=200, deadline=None)
@given(design=tiny_designs(), scales=st.lists(st.sampled_from([1e-6, 1.0, 1e6]), min_size=3))
def test_names_do_not_depend_on_units_or_the_order_of_rows(design, scales):
    matrix, y, trials = design
    names = tuple(f"x{k}" for k in range(matrix.shape[1]))
    scaled = matrix * np.array(scales[: matrix.shape[1]])
    assert bool(separated_terms(scaled, y, trials, names)) == bool(
        separated_terms(matrix[::-1], y[::-1], trials[::-1], names)
    )
