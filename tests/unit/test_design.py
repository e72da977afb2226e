"""Designs: how rows become numbers, which rows are left out, and how new rows are coded."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import build_design
from deepvalue_stats.models.coding import used_columns
from deepvalue_stats.models.design import dependent_columns


def rows(n=300, seed=2):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "age": rng.uniform(18, 64, n)})
    frame["area"] = rng.choice(["east", "north", "west"], n)
    frame["band"] = pd.Categorical(rng.choice(["low", "high"], n), ["low", "high", "never"])
    frame["days waited"] = rng.integers(1, 90, n)
    return frame.assign(y=(rng.random(n) < 0.5).astype(float))


DATA = rows()


def refused(call):
    with pytest.raises(ModelError) as error:
        call()
    (fault,) = error.value.faults
    return fault


# --- new rows ------------------------------------------------------------------------------------

TERMS = [
    "area",
    "C(area)",
    'C(area, Treatment("west"))',
    "x * area",
    "band + area:x",
    "bs(age, df=4)",
    "cr(age, df=4, constraints='center')",
    "poly(age, 2)",
    "I(x**2) + x",
    "center(x) + scale(age)",
    "np.log(age) * `days waited`",
]


@pytest.mark.parametrize("right", TERMS)
def test_new_rows_are_coded_as_the_old_ones_were(right):
    """Each row by itself has neither the categories nor the range, mean or knots of the rest."""
    design = build_design(f"y ~ {right}", DATA)
    np.testing.assert_allclose(design.rebuild(DATA), design.matrix, rtol=1e-12)
    for place in (0, 7, 11):
        alone = design.rebuild(DATA.drop(columns="y").iloc[[place]])
        np.testing.assert_allclose(alone[0], design.matrix[place], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("right", ["area", "C(area)", "x:area", 'C(area, Treatment("west"))'])
def test_a_category_that_was_not_there_is_refused_by_the_name_of_its_column(right):
    design = build_design(f"y ~ x + {right}", DATA)
    new = DATA.assign(area=DATA["area"].where(DATA.index > 0, "an island"))
    fault = refused(lambda: design.rebuild(new))
    assert fault.what == "'area' has a category that the recorded coding does not know"
    assert "island" not in str(fault)


def test_of_several_categories_only_the_unknown_one_is_named():
    design = build_design("y ~ area + band", DATA)
    new = DATA.assign(band=DATA["band"].astype(object).where(DATA.index > 0, "never"))
    assert "'band' has a category" in refused(lambda: design.rebuild(new)).what


def test_new_rows_that_lack_a_value_or_a_column_are_refused():
    design = build_design("y ~ bs(age, df=4) + x", DATA)
    gap = DATA.assign(age=DATA["age"].where(DATA.index > 4))
    assert refused(lambda: design.rebuild(gap)).where.endswith(": 'age' in 5 rows")
    absent = DATA.drop(columns="age")
    assert refused(lambda: design.rebuild(absent)).what == "no column 'age'"


def test_a_spline_does_not_go_beyond_its_range_unless_it_is_straight_there():
    old = DATA.assign(age=DATA["age"].max() + 5)
    told = refused(lambda: build_design("y ~ bs(age, df=4)", DATA).rebuild(old)).what
    assert told == "a spline is asked for values outside of the range it was fitted on"
    natural = build_design("y ~ cr(age, df=4, constraints='center')", DATA)
    assert np.isfinite(natural.rebuild(old)).all()


# --- rows left out -------------------------------------------------------------------------------

GAPS = DATA.assign(
    x=DATA["x"].where(DATA.index >= 5),
    y=DATA["y"].where(DATA.index != 4),
    area=DATA["area"].where(DATA.index != 20),
    client=np.where(DATA.index == 30, None, "a"),
)


def test_incomplete_rows_are_left_out_and_counted_by_variable():
    design = build_design("y ~ x + area + bs(age, df=3)", GAPS, missing="drop", needed=["client"])
    assert design.dropped == {"y": 1, "x": 5, "area": 1, "client": 1}
    assert len(design.frame) == design.kept.sum() == len(DATA) - 7
    assert not design.kept[[0, 4, 20, 30]].any()
    complete = GAPS[design.kept]
    np.testing.assert_array_equal(design.rebuild(complete), design.matrix)
    np.testing.assert_array_equal(design.response, complete["y"])


def test_gaps_in_columns_that_are_not_used_cost_no_row():
    design = build_design("y ~ age", GAPS.assign(y=1.0 * (DATA["x"] > 0)), missing="drop")
    assert (design.dropped, design.kept.all(), len(design.frame)) == ({}, True, len(DATA))


def test_gaps_are_refused_with_every_variable_and_its_count():
    fault = refused(lambda: build_design("y ~ x + area", GAPS))
    assert fault.what == "a variable of the formula has missing values"
    assert fault.where == "y ~ x + area: 'y' in 1 rows, 'x' in 5 rows, 'area' in 1 rows"


def test_a_category_that_no_row_is_left_of_makes_no_column():
    assert build_design("y ~ band", DATA).terms == ("Intercept", "band[T.high]")


def test_no_row_left_is_refused():
    empty = GAPS.assign(x=np.nan)
    told = refused(lambda: build_design("y ~ x", empty, missing="drop")).what
    assert told == "no row is left to fit"


# --- what is not a number ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "change", "told"),
    [
        ("y ~ x", {"y": "yes"}, "'y' is not a number"),
        ("y ~ x", {"y": np.inf}, "'y' is not finite in 300 rows"),
        ("y ~ np.log(x)", {"x": DATA["x"].abs() * (DATA.index > 1)}, "'np.log(x)' in 2 rows"),
        ("y ~ np.sqrt(x)", {}, "a term is not a number in some rows that have all its variables"),
        ("y ~ x + d", {"d": pd.Timestamp("2024-01-05")}, "d is a date or a duration"),
        ("y ~ I(x^2)", {}, "the formula cannot be read on these columns"),
        ("y ~ I(x +)", {}, "the terms of the formula cannot be read"),
        ("y ~ (1 | area)", {}, "the terms of the formula cannot be read"),
        ("y ~ nothing(x)", {}, "the formula cannot be read on these columns"),
        ("y ~ bs(nothing, df=4)", {}, "the formula cannot be read on these columns"),
    ],
)
def test_what_gives_no_number_is_refused_and_no_library_warns(formula, change, told):
    fault = refused(lambda: build_design(formula, DATA.assign(**change)))
    assert told in fault.what


@pytest.mark.parametrize("kind", ["object", "string", "category"])
def test_text_is_a_category_however_it_is_stored(kind):
    design = build_design("y ~ x + area", DATA.astype({"area": kind}))
    np.testing.assert_array_equal(design.matrix, build_design("y ~ x + area", DATA).matrix)
    np.testing.assert_array_equal(design.rebuild(DATA), design.matrix)


@pytest.mark.parametrize("kind", ["Int64", "Float64", "float32", "int8"])
def test_numbers_are_numbers_however_they_are_stored(kind):
    plain = build_design("y ~ `days waited`", DATA)
    stored = build_design("y ~ `days waited`", DATA.astype({"days waited": kind}))
    np.testing.assert_array_equal(stored.matrix, plain.matrix)


def test_the_index_of_the_rows_means_nothing():
    moved = DATA.set_index(np.zeros(len(DATA), dtype=int))
    design = build_design("y ~ x * area + bs(age, df=4)", moved)
    plain = build_design("y ~ x * area + bs(age, df=4)", DATA)
    np.testing.assert_array_equal(design.matrix, plain.matrix)
    np.testing.assert_array_equal(design.rebuild(moved), plain.matrix)


def test_names_with_spaces_are_found_inside_of_calls():
    right = "bs(`days waited`, df=3) + np.sqrt(age) + C(area, Treatment('east')) + I(Q('x y')**2)"
    assert used_columns(right, "") == ("days waited", "age", "area", "x y")
    gap = DATA.rename(columns={"x": "x y"})
    gap["days waited"] = gap["days waited"].where(gap.index > 2)
    assert build_design(f"y ~ {right}", gap, missing="drop").dropped == {"days waited": 3}


# --- dependence ----------------------------------------------------------------------------------

ONE = np.ones(len(DATA))
X, AGE = DATA["x"].to_numpy(), DATA["age"].to_numpy()


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ([ONE, X, 2 * X + 1], [False, False, True]),
        ([ONE, X, X * 1e9, AGE], [False, False, True, False]),
        ([ONE, AGE, AGE - AGE.mean(), X], [False, False, True, False]),
        ([ONE, X, AGE, X - 1e-6 * AGE + 1e6], [False, False, False, True]),
        ([ONE, 0 * X, X], [False, True, False]),
        ([ONE, 3 * ONE], [False, True]),
        ([ONE, AGE, AGE**2, AGE**3], [False] * 4),
        ([ONE, 1e9 * X, 1e-9 * AGE], [False] * 3),
        ([ONE, 1e9 + 1e3 * X, X**2], [False] * 3),
        ([ONE, X, X + 1e-6 * AGE**2], [False] * 3),
        ([X], [False]),
    ],
)
def test_dependence_is_found_exactly_and_never_taken_for_scale(columns, found):
    assert dependent_columns(np.column_stack(columns)).tolist() == found


def test_more_columns_than_rows_are_dependent():
    wide = np.random.default_rng(1).normal(size=(2, 3))
    assert dependent_columns(wide).tolist() == [False, False, True]
    assert dependent_columns(np.empty((5, 0))).tolist() == []
