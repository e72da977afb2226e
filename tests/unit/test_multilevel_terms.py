"""Multilevel formulas: what each bracket becomes, what goes through untouched, what is refused."""

import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import build_design
from deepvalue_stats.models.multilevel.terms import (
    Bar,
    formula_columns,
    refuse_missing_columns,
    split_formula,
)


def bars(text):
    return split_formula(f"y ~ x + {text}").bars


def faults(formula):
    with pytest.raises(ModelError) as error:
        split_formula(formula)
    assert all(fault.what and fault.where and fault.fix for fault in error.value.faults)
    return [fault.what for fault in error.value.faults]


# --- brackets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(1 | g)", [Bar("1", ("g",))]),
        ("(1|g)", [Bar("1", ("g",))]),
        ("((1 | g))", [Bar("1", ("g",))]),
        ("(1 + x | g)", [Bar("1 + x", ("g",))]),
        ("(x | g)", [Bar("x", ("g",))]),
        ("(0 + x | g)", [Bar("0 + x", ("g",))]),
        ("(x || g)", [Bar("x", ("g",), correlated=False)]),
        ("(1 | `my group`)", [Bar("1", ("my group",))]),
        ("(1 | a:b)", [Bar("1", ("a", "b"))]),
        ("(1 | a / b)", [Bar("1", ("a",)), Bar("1", ("a", "b"))]),
        ("(1 | a/b/c)", [Bar("1", ("a",)), Bar("1", ("a", "b")), Bar("1", ("a", "b", "c"))]),
        ("(1 | (a:b)/c)", [Bar("1", ("a", "b")), Bar("1", ("a", "b", "c"))]),
        (
            "(x || a/b)",
            [Bar("x", ("a",), correlated=False), Bar("x", ("a", "b"), correlated=False)],
        ),
        ("(1 | g) + (0 + x | g)", [Bar("1", ("g",)), Bar("0 + x", ("g",))]),
        ("(bs(x, df=4) | g)", [Bar("bs(x, df=4)", ("g",))]),
        ("(1 | mm(a, b))", [Bar("1", ("a", "b"), membership=True)]),
        ("(1 | mm(a,b; v,w))", [Bar("1", ("a", "b"), ("v", "w"), membership=True)]),
    ],
)
def test_a_bracket_says_what_varies_over_what(text, found):
    assert list(bars(text)) == found


def test_a_bracket_is_named_as_tables_name_it():
    assert [bar.name for bar in bars("(1 | a/b) + (1 | mm(c, d; v, w))")] == [
        "a",
        "a:b",
        "mm(c, d)",
    ]
    assert str(bars("(1 + x || a:b)")[0]) == "(1 + x || a:b)"


# --- the fixed part ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "fixed"),
    [
        ("(1 | g)", "1"),
        ("0 + (1 | g)", "0"),
        ("-1 + (1 | g)", "-1"),
        ("x - 1 + (1 | g)", "x - 1"),
        ("(1 | g) + x", "x"),
        ("x + (1 | g) + z", "x + z"),
        ("x*z + (a + b)**2 + (1 | g)", "x*z + (a + b)**2"),
        ("x**2 + I(x**2) + poly(x, 2) + (1 | g)", "x**2 + I(x**2) + poly(x, 2)"),
        ('C(a, Treatment("b + |")) + (1 | g)', 'C(a, Treatment("b + |"))'),
        ("bs(x, df=4):z + I((x | z) - 1) + (1|g)", "bs(x, df=4):z + I((x | z) - 1)"),
        ("`a - (b | c)` + (1 | g)", "`a - (b | c)`"),
        ("{x - 1} + (1 | g)", "{x - 1}"),
    ],
)
def test_the_fixed_part_goes_through_untouched(right, fixed):
    assert split_formula(f"y ~ {right}").fixed == f"y ~ {fixed}"


@pytest.mark.parametrize("right", ["(1 | g)", "0 + (1 | g)", "-1 + x + (1 | g)", "`a b` + (1 | g)"])
def test_the_fixed_part_is_ready_for_a_design(right):
    data = pd.DataFrame({"my y": [0.0, 1, 1], "x": [1.0, 2, 4], "a b": [3.0, 1, 2]})
    mixed = split_formula(f"`my y` ~ {right}")
    design = build_design(mixed.fixed, data)
    assert (mixed.outcome, design.outcome) == ("my y", "my y")
    expected = {"(1 | g)": 1, "0 + (1 | g)": 0, "-1 + x + (1 | g)": 1, "`a b` + (1 | g)": 2}
    assert design.matrix.shape == (3, expected[right])


def test_counts_of_successes_and_failures_make_an_outcome():
    mixed = split_formula("cbind(hits, `not hit`) ~ x + (1 | g)")
    assert (mixed.outcome, mixed.failures, mixed.fixed) == ("hits", "not hit", "hits ~ x")
    assert split_formula("hits ~ x + (1 | g)").failures is None
    assert formula_columns(mixed) == ("hits", "not hit", "x", "g")


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("y ~ x", "the formula has no random effects"),
        ("y + x", "not a formula"),
        ("~ x + (1 | g)", "not a formula"),
        ("y ~ ", "not a formula"),
        ("y ~ x ~ (1 | g)", "not a formula"),
        ("y ~ x + (1 | g", "a bracket is not closed, ')' is missing"),
        ("y ~ x + 1 | g)", "a ')' closes nothing"),
        ("y ~ bs(x, [1, 2) + (1 | g)", "a ')' closes nothing"),
        ("y ~ C(a, 'b) + (1 | g)", "a quotation is not closed, ''' is missing"),
        ("y ~ `x + (1 | g)", "a quotation is not closed, '`' is missing"),
        ("y ~ x + + (1 | g)", "a term is missing after a sign"),
        ("y ~ x + (1 | g) +", "a term is missing after a sign"),
        ("y ~ x + 1 | g", "a bar stands where it has no meaning: 1 | g"),
        ("y ~ x - (1 | g)", "a bar stands where it has no meaning: (1 | g)"),
        ("y ~ x * (1 | g)", "a bar stands where it has no meaning: x * (1 | g)"),
        ("y ~ (x + (1 | g))", "a bar stands where it has no meaning: (x + (1 | g))"),
        ("y ~ ( | g)", "a bracket needs effects, one bar and a group: ( | g)"),
        ("y ~ (1 | )", "a bracket needs effects, one bar and a group: (1 | )"),
        ("y ~ (1 | g | h)", "a bracket needs effects, one bar and a group: (1 | g | h)"),
        ("y ~ (1 | g + h)", "'g + h' is not a column to group by: (1 | g + h)"),
        ("y ~ (1 | a*b)", "'a*b' is not a column to group by: (1 | a*b)"),
        ("y ~ (1 | factor(g))", "'factor(g)' is not a column to group by: (1 | factor(g))"),
        ("y ~ (1 | a/)", "'' is not a column to group by: (1 | a/)"),
        ("y ~ (x + | g)", "the terms of the formula cannot be read"),
        ("log(y) ~ (1 | g)", "the outcome 'log(y)' is not a column"),
        ("cbind(s, n - s) ~ (1 | g)", "the outcome 'cbind(s, n - s)' is not a column"),
        ("y ~ offset(o) + (1 | g)", "an offset stands in the formula"),
    ],
)
def test_a_formula_that_cannot_be_read_is_refused_with_the_reason(formula, told):
    assert faults(formula) == [told]


@pytest.mark.parametrize("inside", ["a", "a, a", "a, b; v", "a, b; v, w; u", "a, b; v, w, u"])
def test_a_multiple_membership_needs_as_many_shares_as_groups(inside):
    (told,) = faults(f"y ~ (1 | mm({inside}))")
    assert told.startswith("a multiple membership needs two columns of groups or more")


def test_all_faults_of_a_formula_are_told_at_once():
    assert faults("log(y) ~ x + (1 | g + h) + (1 | ) + (1 | service)") == [
        "the outcome 'log(y)' is not a column",
        "'g + h' is not a column to group by: (1 | g + h)",
        "a bracket needs effects, one bar and a group: (1 | )",
    ]


def test_all_columns_that_are_not_there_are_told_at_once():
    frame = pd.DataFrame({"y": [1.0], "x": [1.0], "g": [1]})
    mixed = split_formula("y ~ x + bs(age, df=4) + C(area) + (1 + z | g) + (1 | g/h) + (1 | g)")
    with pytest.raises(ModelError) as error:
        refuse_missing_columns(mixed, frame)
    assert [(fault.what, fault.where) for fault in error.value.faults] == [
        ("no column 'age', 'area'", "y ~ x + bs(age, df=4) + C(area)"),
        ("no column 'z'", "(1 + z | g)"),
        ("no column 'h'", "(1 | g:h)"),
    ]
    refuse_missing_columns(split_formula("y ~ I(x**2) + (1 + x | g)"), frame)
