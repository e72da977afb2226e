"""Groups that read a scale alike, or do not: planted truths, and the rule of each verdict."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from deepvalue_stats.errors import DataError
from deepvalue_stats.measures import correlated_factors, invariance, one_factor
from deepvalue_stats.measures.factors.invariance import (
    Invariance,
    Step,
    _may_go,
    _verdict,
    joined_categories,
)
from deepvalue_stats.measures.factors.layout import Equality
from deepvalue_stats.measures.factors.testing import ChiSquared

SIX = one_factor([f"q{i}" for i in range(1, 7)])


def two_groups(rows=1200, *, shift=0.0, loading=0.0, further=0.0, categories=None, seed=1):
    """Six items; in the second group q3 is higher by `shift`, and loads more by `loading`."""
    rng = np.random.default_rng(seed)
    group = np.arange(rows) % 2
    person = 0.4 * group + rng.normal(size=rows)
    weights = np.full((rows, 6), 0.8)
    weights[:, 2] += loading * group
    seen = person[:, None] * weights + 0.6 * rng.normal(size=(rows, 6))
    seen[:, 2] += shift * group
    seen[:, 5] += further * group
    if categories:
        seen = np.clip(np.round(seen + (categories + 1) / 2), 1, categories)
    return seen, group


@pytest.mark.parametrize("kind", ["continuous", "ordinal"])
def test_alike_groups_may_be_compared_in_means_though_their_means_differ(kind):
    items, group = two_groups(categories=5)
    found = invariance(items, SIX, group, kind=kind)
    assert found.comparable == "means"
    assert found.partial == ()
    assert [step.name for step in found.steps][:3] == (
        ["configural", "metric", "scalar"]
        if kind == "continuous"
        else ["configural", "thresholds", "metric"]
    )
    scalar = next(step for step in found.steps if step.name == "scalar")
    mean = scalar.fit.parameters.loc["score~1.g2"]
    assert mean["estimate"] == pytest.approx(0.4, abs=0.15)


@pytest.mark.parametrize("kind", ["continuous", "ordinal"])
def test_an_item_that_is_answered_higher_is_named_and_the_others_still_compare(kind):
    items, group = two_groups(shift=0.6, categories=5)
    found = invariance(items, SIX, group, kind=kind)
    assert found.partial == ("q3",)
    assert found.comparable == "means"
    verdicts = {step.name: step.verdict for step in found.steps}
    assert verdicts["scalar"] == "holds_in_part"
    scalar = next(step for step in found.steps if step.name == "scalar")
    mean = scalar.fit.parameters.loc["score~1.g2", "estimate"]
    assert mean == pytest.approx(0.4, abs=0.15)  # not 0.4 and a sixth of the shift


def test_an_item_that_means_more_in_one_group_is_named_at_the_metric_step():
    items, group = two_groups(loading=0.7)
    found = invariance(items, SIX, group)
    metric = next(step for step in found.steps if step.name == "metric")
    assert (metric.verdict, metric.released) == ("holds_in_part", ("q3",))
    # what is free in its loading is free in its intercept
    scalar = next(step for step in found.steps if step.name == "scalar")
    assert ("intercepts", "q3") in scalar.fit.equality.released


def test_a_structure_that_describes_nobody_leaves_nothing_to_compare():
    rng = np.random.default_rng(2)
    halves = rng.normal(size=(800, 2))
    items = np.repeat(halves, 3, axis=1) + 0.3 * rng.normal(size=(800, 6))
    found = invariance(items, SIX, np.arange(800) % 2)
    assert [step.verdict for step in found.steps] == ["fails"]
    assert found.comparable == "not_known"


def test_two_factors_that_are_one_leave_nothing_to_be_said_of_groups():
    rng = np.random.default_rng(2)
    items = rng.normal(size=(2000, 1)) + 0.3 * rng.normal(size=(2000, 6))
    halves = correlated_factors({"first": SIX.items[:3], "second": SIX.items[3:]})
    found = invariance(items, halves, np.arange(2000) % 2)
    assert found.steps[0].fit.status == (
        "factors are correlated by 1 or more: there are fewer of them",
    )
    assert [step.verdict for step in found.steps] == ["not_known"]
    assert found.comparable == "not_known"


# --- the rule of each verdict ---------------------------------------------------------------------


def judged(p_low, worse, rows=1000, *, converged=True, df=5):
    """A verdict of a step whose test rejects or not."""
    fit = SimpleNamespace(
        solution=SimpleNamespace(converged=converged), moments=SimpleNamespace(n=rows)
    )
    return _verdict(fit, ChiSquared(50.0 if p_low else 1.0, df), worse)


@pytest.mark.parametrize(
    ("rejected", "worse", "rows", "verdict"),
    [
        (True, True, 1000, "fails"),
        (True, False, 1000, "holds"),  # found, and too small to matter
        (False, False, 1000, "holds"),
        (False, True, 1000, "not_known"),
        (True, False, 300, "fails"),  # of few rows changes of fit say nothing
        (False, True, 300, "not_known"),
    ],
)
def test_test_and_change_of_fit_decide_together(rejected, worse, rows, verdict):
    assert judged(rejected, worse, rows) == verdict


def test_what_does_not_converge_is_not_known_and_what_restricts_nothing_holds():
    assert judged(True, True, converged=False) == "not_known"
    assert judged(True, True, df=0) == "holds"


@pytest.mark.parametrize(
    ("verdicts", "comparable"),
    [
        ({"configural": "holds", "metric": "holds", "scalar": "holds_in_part"}, "means"),
        ({"configural": "holds", "metric": "holds_in_part", "scalar": "fails"}, "slopes"),
        ({"configural": "holds", "metric": "holds", "scalar": "not_known"}, "slopes"),
        ({"configural": "holds", "metric": "fails"}, "nothing"),
        ({"configural": "holds", "thresholds": "fails"}, "nothing"),
        ({"configural": "holds", "metric": "not_known"}, "not_known"),
        ({"configural": "fails"}, "not_known"),
    ],
)
def test_what_may_be_compared_follows_from_the_steps(verdicts, comparable):
    none = ChiSquared(np.nan, 0)
    blank = Step("", None, none, np.nan, np.nan, np.nan, "holds", ())
    steps = tuple(replace(blank, name=name, verdict=said) for name, said in verdicts.items())
    assert Invariance("continuous", (500, 500), steps).comparable == comparable


def test_half_of_each_factors_items_stay():
    fit = SimpleNamespace(structure=SIX, equality=Equality(frozenset({"loadings"})))
    assert list(_may_go(fit, "loadings")) == list(SIX.items)
    gone = frozenset(("loadings", item) for item in ("q1", "q2", "q3"))
    fit.equality = Equality(frozenset({"loadings"}), gone)
    assert list(_may_go(fit, "loadings")) == []


# --- categories and refusals ----------------------------------------------------------------------


def test_rare_categories_are_joined_towards_the_middle_alike_in_all_groups():
    column = np.repeat([1, 2, 3, 4, 5], [3, 30, 40, 30, 20]).astype(float)
    items = np.column_stack([column, column])
    groups = np.zeros(len(column), dtype=int)
    groups[::2] = 1
    joined = joined_categories(items, groups, 10)
    # one lowest answer or two in a group: 1 joins 2, and what was 3 is now 2
    assert sorted(np.unique(joined[:, 0])) == [1, 2, 3, 4]
    assert set(joined[column <= 2, 0]) == {1.0}
    assert (joined[:, 0] == joined[:, 1]).all()


def test_an_item_with_one_usable_category_is_left_without_variation():
    items = np.repeat([1.0, 2.0], [97, 3])[:, None]
    assert np.ptp(joined_categories(items, np.arange(100) % 2, 10)) == 0


def test_one_group_and_yes_or_no_items_are_refused():
    items, group = two_groups(rows=400, categories=2)
    with pytest.raises(DataError) as refused:
        invariance(items, SIX, np.zeros(400, dtype=int))
    assert str(refused.value) == (
        "DataError: all rows are in one group\n"
        "  where: groups\n"
        "  fix:   there is nothing to compare"
    )
    with pytest.raises(DataError) as refused:
        invariance(items, SIX, group, kind="ordinal")
    assert len(refused.value.faults) == 6
    assert refused.value.faults[0].what == (
        "item 1 has two categories, which cannot be tested step by step"
    )
