"""Laws of plans: every value counts in the digest, the order of keys in none."""

import copy
import random
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.errors import PlanError
from deepvalue_stats.plan import parse_plan

# another value that is as good, for settings in which a number more or a letter more is not
OTHERS = {
    "employment": "debt",
    "synthetic": "public",
    "exclude": "refuse",
    "none": "keyed",
    "gee": None,
    "exchangeable": "independence",
    "exploratory": None,
    "mean": "last",
    "majority": "first",
    "no_event": "unknown",
    "administrative": "observer",
    "client": "observer",
    "number": "category",
    "secondary": "sensitivity",
    "sensitivity": "secondary",
    "acro": "opensafely",
    "high": "mid",
    "csv": "parquet",
    "one_to_many": "one_to_one",
}


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from leaves(item, (*path, i))
    else:
        yield path, value


def replaced(tables, path, value):
    tables = copy.deepcopy(tables)
    parent = tables
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return tables


def other(value):
    if isinstance(value, str):
        return OTHERS.get(value, f"{value}x")
    return value + 1 if isinstance(value, int) else value + 0.001


def shuffled(value, order):
    """The same tables with their keys in another order."""
    if not isinstance(value, dict):
        return value
    keys = list(value)
    order.shuffle(keys)
    return {key: shuffled(value[key], order) for key in keys}


@pytest.mark.parametrize("name", ["employment", "health"])
def test_every_value_but_a_path_and_power_is_in_the_digest(name, request):
    tables = request.getfixturevalue(name)
    before, changed, same = parse_plan(tables).digest, 0, []
    for path, value in leaves(tables):
        try:
            digest = parse_plan(replaced(tables, path, other(value))).digest
        except PlanError:
            continue  # a value that another part of the plan holds in its place
        changed += digest != before
        same += [path] if digest == before else []
    assert changed > 30
    # what is asked of a design changes no result
    assert {path[-1] for path in same if path[0] != "power"} <= {"path"}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_keys_leaves_plan_and_digest_alone(employment_tables, seed):
    plan = parse_plan(employment_tables)
    tables = shuffled(employment_tables, random.Random(seed))
    # the order of the bands is their meaning
    tables["equity"]["bands"] = employment_tables["equity"]["bands"]
    tables["equity"]["also"] = employment_tables["equity"]["also"]
    again = parse_plan(tables)
    assert again == plan
    assert again.digest == plan.digest


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_plan_ends_in_anything_but_a_plan_or_a_refusal(employment_tables, data):
    path, _ = data.draw(st.sampled_from(list(leaves(employment_tables))))
    path = path[: data.draw(st.integers(1, len(path)))]
    junk = data.draw(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-3, 3),
            st.floats(allow_nan=True, allow_infinity=True),
            st.text(max_size=5),
            st.lists(st.integers(), max_size=2),
            st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
        )
    )
    faults = ()
    try:
        parse_plan(replaced(employment_tables, path, junk))
    except PlanError as error:
        faults = error.faults
    assert all(fault.what and fault.where and fault.fix for fault in faults)


@pytest.fixture(scope="module")
def employment_tables(pytestconfig):
    template = pytestconfig.rootpath / "deepvalue_stats/plan/templates/employment.toml"
    return tomllib.loads(template.read_text(encoding="utf-8"))
