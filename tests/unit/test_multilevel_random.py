"""Random effects as arrays: groups, effect columns, shares, and the same on new rows."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.multilevel.random import build_random
from deepvalue_stats.models.multilevel.terms import split_formula


def rows(n=60, seed=3):
    rng = np.random.default_rng(seed)
    client = rng.integers(0, 20, n)
    return pd.DataFrame(
        {
            "client": client,
            "adviser": np.array(["di", "al", "cy", "bo"])[client % 4],
            "office": client % 2 + 7,
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "area": rng.choice(["east", "north", "west"], n),
        }
    )


DATA = rows()


def build(text, frame=DATA):
    return build_random(split_formula(f"y ~ {text}").bars, frame)


def design(text, frame=DATA):
    return build(text, frame)[0]


def told(text, frame):
    with pytest.raises(ModelError) as error:
        build(text, frame)
    assert all(fault.where and fault.fix for fault in error.value.faults)
    return [fault.what for fault in error.value.faults]


# --- groups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [object, "string", "category"])
def test_groups_are_numbered_in_the_order_of_their_labels(kind):
    (factor,) = design("(1 | adviser)", DATA.astype({"adviser": kind})).factors
    assert (factor.name, list(factor.levels)) == ("adviser", ["al", "bo", "cy", "di"])
    assert list(factor.levels[factor.codes]) == list(DATA["adviser"])
    assert (factor.codes.dtype, factor.codes.shape, factor.shares) == (np.int64, (60,), None)


def test_a_category_that_no_row_has_is_no_group():
    labels = pd.Categorical(DATA["adviser"], ["di", "nobody", "cy", "bo", "al"])
    (factor,) = design("(1 | adviser)", DATA.assign(adviser=labels)).factors
    assert list(factor.levels) == ["di", "cy", "bo", "al"]


@pytest.mark.parametrize("frame", [DATA, DATA.assign(client=DATA["client"] * 10**6)])
def test_a_nesting_is_the_factor_and_its_combinations(frame):
    outer, inner = design("(1 | office/client)", frame).factors
    assert (outer.name, inner.name) == ("office", "office:client")
    assert isinstance(inner.levels, pd.MultiIndex)
    assert list(inner.levels.names) == ["office", "client"]
    pairs = list(zip(frame["office"], frame["client"], strict=True))
    assert list(inner.levels[inner.codes]) == pairs
    assert len(inner.levels) == len(set(pairs))
    assert inner.levels.is_monotonic_increasing


def test_few_of_very_many_combinations_are_numbered_alike():
    many = DATA.assign(a=range(60), b=np.arange(60)[::-1] // 2)
    made, record = build("(1 | b:a)", many)
    (factor,) = made.factors
    assert list(factor.levels[factor.codes]) == list(zip(many["b"], many["a"], strict=True))
    np.testing.assert_array_equal(record.codes(many)[0][0], factor.codes)
    assert (record.codes(many.assign(b=0))[0][0] >= 0).sum() == 2


def test_three_columns_combine():
    (factor,) = design("(1 | adviser:area:office)").factors
    labels = list(zip(DATA["adviser"], DATA["area"], DATA["office"], strict=True))
    assert list(factor.levels[factor.codes]) == labels
    assert len(factor.levels) == len(set(labels))


def test_as_many_groups_as_rows_are_allowed():
    (factor,) = design("(1 | row)", DATA.assign(row=range(60))).factors
    assert len(factor.levels) == 60


def test_every_missing_label_and_value_is_told_with_its_count():
    gaps = DATA.assign(
        adviser=DATA["adviser"].where(DATA.index > 2),
        office=DATA["office"].where(DATA.index != 9),
        x=DATA["x"].where(DATA.index > 4),
    )
    assert told("(1 + x | office/adviser) + (1 | client)", gaps) == [
        "'x' is missing in 5 rows",
        "'x' is missing in 5 rows",
        "'office' is missing in 1 rows",
        "'office' is missing in 1 rows",
        "'adviser' is missing in 3 rows",
    ]


@pytest.mark.parametrize("text", ["(1 | g)", "(1 | g:h)", "(1 | mm(g, h))"])
def test_one_group_only_is_refused(text):
    (what,) = told(text, DATA.assign(g=1, h=1))
    assert what.startswith("all 60 rows belong to one ")


def test_labels_of_two_kinds_are_refused():
    mixed = DATA.assign(adviser=[(1,), 2] * 30)
    assert told("(1 | adviser)", mixed) == ["the labels of 'adviser' cannot be sorted"]


def test_all_columns_that_are_not_there_are_told_at_once():
    assert told("(1 + q | adviser) + (1 | office/team)", DATA) == [
        "no column 'q'",
        "no column 'team'",
    ]


# --- effects -------------------------------------------------------------------------------------


def test_each_distinct_column_is_stored_once():
    found = design("(1 + x | adviser) + (x | office) + (1 | client) + (0 + z + x || area)")
    assert [f.names for f in found.factors] == [
        ("Intercept", "x"),
        ("Intercept", "x"),
        ("Intercept",),
        ("z", "x"),
    ]
    assert [f.columns for f in found.factors] == [(0, 1), (0, 1), (0,), (2, 1)]
    np.testing.assert_array_equal(found.columns, [np.ones(60), DATA["x"], DATA["z"]])
    assert (found.columns.dtype, found.columns.flags.c_contiguous) == (np.float64, True)


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("(1 | adviser)", [(0, 0)]),
        ("(x + z | adviser)", [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (2, 2)]),
        ("(x + z || adviser)", [(0, 0), (1, 1), (2, 2)]),
        ("(1 | adviser) + (0 + x | adviser)", [(0, 0), (1, 1)]),
        ("(1 + x | adviser) + (0 + z | adviser)", [(0, 0), (1, 0), (1, 1), (2, 2)]),
        ("(0 + z | adviser) + (1 + x | adviser)", [(0, 0), (1, 1), (2, 1), (2, 2)]),
        ("(area || adviser)", [(0, 0), (1, 1), (2, 2)]),
    ],
)
def test_effects_of_different_brackets_are_independent(text, free):
    (factor,) = design(text).factors
    assert list(factor.free) == free


def test_combinations_are_one_factor_in_whichever_order_they_are_written():
    (factor,) = design("(1 | adviser:office) + (0 + x | office:adviser)").factors
    assert (factor.name, factor.names) == ("adviser:office", ("Intercept", "x"))


def test_a_category_beside_an_intercept_and_one_without_are_coded_apart():
    found = design("(1 + area | adviser) + (0 + area | office)")
    first, second = found.factors
    assert first.names == ("Intercept", "area[T.north]", "area[T.west]")
    assert second.names == ("area[east]", "area[north]", "area[west]")
    np.testing.assert_array_equal(found.columns[list(second.columns)].sum(axis=0), np.ones(60))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("(1 | adviser) + (1 + x | adviser)", "Intercept varies twice over adviser"),
        ("(1 | adviser) + (x | adviser)", "Intercept varies twice over adviser"),
        ("(1 | office/client) + (0 + x | client:office) + (0 + x + z | office:client)",
         "x varies twice over office:client"),
        ("(0 | adviser)", "nothing varies here"),
        ("(1 + constant | adviser)", "constant cannot be told apart from the effects before it"),
        ("(0 + nought | adviser)", "nought cannot be told apart from the effects before it"),
    ],
)  # fmt: skip
def test_effects_without_a_variance_of_their_own_are_refused(text, what):
    assert told(text, DATA.assign(constant=3.0, nought=0.0)) == [what]


# --- several groups a row ------------------------------------------------------------------------

SHARED = pd.DataFrame(
    {
        "first": [11, 12, 11, 13],
        "second": [12.0, np.nan, 11.0, 12.0],
        "v": [0.7, 2.0, 0.5, 0.0],
        "w": [0.3, np.nan, 0.25, 1.0],
    }
)


def test_shares_weight_the_groups_of_a_row():
    """A member without a share is none; one that is named twice counts once, for both shares."""
    (factor,) = design("(1 | mm(first, second; v, w))", SHARED).factors
    assert (factor.name, list(factor.levels)) == ("mm(first, second)", [11, 12])
    assert factor.codes.tolist() == [[0, 1], [1, -1], [0, -1], [-1, 1]]
    assert factor.shares.tolist() == [[0.7, 0.3], [2.0, 0.0], [0.75, 0.0], [0.0, 1.0]]


def test_without_shares_the_members_of_a_row_share_equally():
    (factor,) = design("(1 | mm(first, second))", SHARED).factors
    assert list(factor.levels) == [11, 12, 13]
    assert factor.codes.tolist() == [[0, 1], [1, -1], [0, -1], [2, 1]]
    assert factor.shares.tolist() == [[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"v": [0.7, 1, 0.5, -0.1]}, "1 rows have a share below 0"),
        ({"w": [np.inf, np.nan, 0.5, 1]}, "1 rows have an infinite share"),
        ({"w": [np.nan, np.nan, 0.5, 1]}, "1 rows have a member without a share"),
        ({"w": [0.3, 0.4, 0.5, 1]}, "1 rows have a share without a member"),
        ({"v": [0, 0, 0, 0]}, "1 rows have shares that sum to 0"),
        ({"v": list("abcd")}, "the shares of mm(first, second; v, w) are not numbers"),
    ],
)
def test_shares_that_are_none_are_refused_with_the_count_of_their_rows(change, what):
    assert told("(1 | mm(first, second; v, w))", SHARED.assign(**change)) == [what]


def test_a_row_that_belongs_nowhere_is_refused():
    nowhere = SHARED.astype({"first": float}).assign(first=[11, np.nan, 12, 13])
    assert told("(1 | mm(first, second))", nowhere) == ["1 rows have no member at all"]


def test_large_numbers_of_members_stay_apart():
    """As floating-point numbers these two labels would be one."""
    near = pd.DataFrame({"a": [2**60, 2**60 + 1, 2**60], "b": [5, 5, 6], "v": 1.0, "w": [1, 0, 1]})
    (factor,) = design("(1 | mm(a, b; v, w))", near).factors
    assert list(factor.levels) == [5, 6, 2**60, 2**60 + 1]


# --- new rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "(1 | adviser)",
        "(1 + x | office/client) + (0 + z || area)",
        "(1 + area | adviser:office:area)",
        "(bs(x, df=4) | adviser) + (1 | client)",
        "(1 | mm(adviser, area))",
        "(poly(z, 2) | adviser) + (1 + x | mm(client, office))",
    ],
)
def test_the_rows_themselves_and_each_alone_are_rebuilt_as_they_were(text):
    made, record = build(text)
    for place in (slice(None), slice(4, 5), slice(50, 60)):
        again = record.rebuild(DATA.iloc[place])
        np.testing.assert_allclose(again.columns, made.columns[:, place], rtol=1e-12, atol=1e-12)
        for new, old in zip(again.factors, made.factors, strict=True):
            np.testing.assert_array_equal(new.codes, old.codes[place])
            assert (new.names, new.columns, new.free) == (old.names, old.columns, old.free)
            assert list(new.levels) == list(old.levels)
            if old.shares is not None:
                np.testing.assert_array_equal(new.shares, old.shares[place])


def test_a_group_that_was_not_there_has_no_code():
    _, record = build("(1 | adviser) + (1 | office:client) + (1 | client)")
    new = DATA.head(4).assign(adviser=["al", "new", None, "di"], client=[0, 1, 900, 19])
    new["office"] = [7, 7, 8, 8]
    (adviser, _), (pair, _), (client, _) = record.codes(new)
    assert adviser.tolist() == [0, -1, -1, 3]
    assert client.tolist() == [0, 1, -1, 19]
    # client 1 belongs to office 8, so the pair is new though both its labels are known
    assert pair.tolist() == [0, -1, -1, 19]


def test_codes_of_new_rows_do_not_depend_on_how_labels_are_stored():
    _, record = build("(1 | adviser) + (1 | client)")
    want = record.codes(DATA)
    for kinds in ({"adviser": "category", "client": "float64"}, {"adviser": object},
                  {"adviser": "string", "client": "Int64"}):  # fmt: skip
        for (new, _), (old, _) in zip(record.codes(DATA.astype(kinds)), want, strict=True):
            np.testing.assert_array_equal(new, old)


def test_a_member_that_was_not_there_keeps_its_share():
    _, record = build("(1 | mm(first, second; v, w))", SHARED)
    new = SHARED.assign(first=[99, 12, 11, 13])
    ((codes, shares),) = record.codes(new)
    assert codes.tolist() == [[-1, 1], [1, -1], [0, -1], [-1, 1]]
    assert shares[0].tolist() == [0.7, 0.3]


def test_effects_of_new_rows_need_no_groups():
    made, record = build("(1 + x + area | adviser) + (1 | client)")
    columns = record.columns(DATA[["x", "area"]].iloc[:3])
    np.testing.assert_array_equal(columns, made.columns[:, :3])
    with pytest.raises(ModelError, match="no column 'adviser'"):
        record.rebuild(DATA[["x", "area"]])


def test_an_effect_of_new_rows_that_is_unknown_or_missing_is_refused():
    _, record = build("(1 + area + x | adviser)")
    with pytest.raises(ModelError, match="'area' has a category that the recorded coding"):
        record.columns(DATA.assign(area="an island"))
    with pytest.raises(ModelError, match="'x' in 60 rows"):
        record.columns(DATA.assign(x=np.nan))
