"""A panel of families: what a row is, who is with whom, and what a change to one part leaves."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate import (
    FAMILY_PRESETS,
    FamilyParameters,
    draw_families,
    family_parameters,
    simulate_families,
)
from deepvalue_stats.simulate.families.course import OUTSIDE, OWN, STAYED, follow
from deepvalue_stats.simulate.families.draw import draw_panel, intercept_of

SMALL = {"services": 6, "practitioners": 3, "families": 240}


@pytest.fixture(scope="module")
def table():
    return draw_families("everyday", 5)


@pytest.fixture(scope="module")
def draw():
    return draw_panel(family_parameters("claim_true"), 5)


# --- rows ----------------------------------------------------------------------------------------


def test_a_row_is_a_family_and_a_wave(table):
    assert not table.duplicated(["client", "wave"]).any()
    assert table["client"].nunique() == 1320
    assert (table[table["wave"] == 0]["client"].nunique()) == 1320
    assert set(table["wave"]) == set(range(6))


def test_nobody_rates_before_advice_and_few_leave_the_items_out_later(table):
    before = table["wave"] == 0
    columns = ["relationship", "true_relationship", "true_within"]
    assert table.loc[before, columns].isna().to_numpy().all()
    open_ = ~before & (table["closed"] == 0)
    assert table.loc[open_, "relationship"].isna().mean() == pytest.approx(0.02, abs=0.01)
    assert table.loc[table["closed"] == 1, "relationship"].isna().all()
    assert table.loc[~before, "true_relationship"].notna().all()
    assert table["relationship"].dropna().between(1, 5).all()


def test_the_true_relationship_is_the_sum_of_its_parts(table):
    later = table[table["wave"] > 0]
    total = later["true_within"] + later["true_between"]
    np.testing.assert_allclose(later["true_relationship"], total)
    assert (table.groupby("client")["true_between"].nunique() == 1).all()


def test_outcomes_are_0_or_1_and_all_debts_are_sorted_only_in_control(table):
    assert set(table["outcome"]) == {0.0, 1.0}
    assert (table["resolved"] <= table["outcome"]).all()
    assert table["worries"].between(0, 10).all()
    assert (table["worries"] % 1 == 0).all()


def test_an_outcome_comes_and_goes(table):
    step = table.sort_values(["client", "wave"]).groupby("client")["outcome"].diff()
    assert (step == 1).sum() > 200
    assert (step == -1).sum() > 200


def test_families_who_enter_late_have_fewer_waves(table):
    entered = (table["year"] - table["wave"]).groupby(table["client"]).first()
    last = table.groupby("client")["year"].max()
    assert set(entered) == {0, 1, 2}
    assert last.max() == 5
    assert (entered > 0).mean() == pytest.approx(0.10, abs=0.03)


def test_who_is_lost_does_not_come_back_but_some_miss_an_interview_between(table):
    seen = table.groupby("client")["wave"].agg(["max", "count"])
    assert ((seen["max"] + 1) > seen["count"]).mean() == pytest.approx(0.08, abs=0.04)


# --- advisers ------------------------------------------------------------------------------------


def test_an_adviser_changes_where_a_reason_is_told_and_nowhere_else(table):
    ordered = table.sort_values(["client", "wave"])
    before = ordered.groupby("client")["practitioner"].shift()
    another = before.notna() & (before != ordered["practitioner"])
    told = ordered["reason"] != "none"
    assert (another <= told).all()
    # only who left an adviser and came back between two interviews tells of a change without one,
    # and who has none any longer
    assert (told & ~another & (ordered["closed"] == 0)).sum() <= 3
    assert (ordered["changed"] == told).all()
    assert not told[ordered["wave"] < 2].any()


def test_a_case_stays_closed_and_loses_its_adviser_once_and_for_reasons_outside(table):
    draw = draw_panel(family_parameters("everyday"), 5)
    ordered = table.sort_values(["client", "wave"])
    assert (ordered.groupby("client")["closed"].diff().fillna(0) >= 0).all()
    assert not ordered.loc[ordered["wave"] < 2, "closed"].any()
    closed = draw.course.closed
    assert closed[:, 2].mean() == pytest.approx(draw.parameters.closing_share, abs=0.03)
    gone = draw.course.gone
    assert (gone <= closed).all()
    assert (gone.sum(axis=1) <= 1).all()
    assert gone.any()
    # whoever leaves later takes nothing along: relationship and adviser stay what they were
    still = closed[:, 1:] & closed[:, :-1]
    for name in ("changing", "adviser"):
        values = getattr(draw.course, name)
        assert (values[:, 1:] == values[:, :-1])[still].all()
    assert not (draw.course.reason > 0)[closed].any()


def test_event_time_counts_from_the_first_interview_that_tells_of_a_change(table):
    table = table[table["closed"] == 0]
    changed = table[table["event_time"].notna()]
    at_change = changed[changed["event_time"] == 0]
    assert (at_change["changed"] == 1).all()
    assert at_change["client"].nunique() == changed["client"].nunique()
    assert not changed[changed["event_time"] < 0]["changed"].any()
    assert not table[table["event_time"].isna()]["changed"].any()


def test_an_adviser_belongs_to_one_branch_and_a_family_stays_with_its_branch(table):
    assert (table.groupby("practitioner")["service"].nunique() == 1).all()
    assert (table.groupby("client")["service"].nunique() == 1).all()


def test_who_leaves_for_reasons_outside_loses_all_families_at_once(draw):
    p, course = draw.parameters, draw.course
    year = draw.homes.entered[:, None] + np.arange(p.waves)
    for wave in range(2, p.waves):
        before = course.adviser[:, wave - 1]
        gone = draw.advisers.leaves[before // p.years, year[:, wave]]
        np.testing.assert_array_equal(course.reason[:, wave] == OUTSIDE, gone)


def test_an_adviser_who_left_is_met_by_nobody_later(draw):
    p, course = draw.parameters, draw.course
    year = draw.homes.entered[:, None] + np.arange(p.waves)
    # the adviser of wave 0 is who took the family on, in the year after
    holder = draw.advisers.holder[course.adviser // p.years, np.maximum(year, year[:, [1]])]
    np.testing.assert_array_equal(course.adviser, holder)


def test_who_asks_for_another_adviser_gets_a_colleague_of_the_branch(draw):
    p, course = draw.parameters, draw.course
    family, wave = np.nonzero(course.reason == OWN)
    before, after = course.adviser[family, wave - 1], course.adviser[family, wave]
    assert (before != after).all()
    branch = p.years * p.practitioners
    assert (before // branch == after // branch).all()


def test_the_dyad_stays_until_the_adviser_changes(draw):
    p = replace(draw.parameters, occasion_persistence=0.0, dyad_share=0.58)  # nothing of the year
    calm = draw_panel(p, 5).course
    moved = np.abs(np.diff(calm.changing[:, 1:], axis=1)) > 1e-6
    np.testing.assert_array_equal(moved, calm.reason[:, 2:] != STAYED)


# --- seeds, streams and worlds -------------------------------------------------------------------


def test_the_same_seed_gives_the_same_panel_and_another_another():
    pd.testing.assert_frame_equal(
        draw_families("null", 1, **SMALL), draw_families("null", 1, **SMALL)
    )
    other = draw_families("null", 2, **SMALL)
    assert not other["relationship"].equals(draw_families("null", 1, **SMALL)["relationship"])


def test_another_effect_leaves_families_advisers_and_interviews_as_they_were():
    one, other = (draw_families(name, 1, **SMALL) for name in ("claim_true", "null"))
    same = ["client", "practitioner", "wave", "true_relationship", "relationship", "age", "shock"]
    pd.testing.assert_frame_equal(one[same], other[same])
    assert not one["outcome"].equals(other["outcome"])


def test_the_intercept_does_not_hang_on_the_size():
    sizes = [family_parameters("claim_true", **size) for size in (SMALL, {"families": 900})]
    intercepts = {draw_panel(p, 1).intercept for p in sizes}
    assert intercepts == {intercept_of(FamilyParameters())}


def test_the_world_without_changes_is_that_without_turnover():
    """Two roads to one world: nobody changes adviser, by decree and by what is drawn."""
    draw = draw_panel(replace(FamilyParameters(), late_entry_share=0.0), 5)
    posts = draw.advisers.holder
    stay = replace(
        draw.advisers,
        leaves=np.zeros_like(draw.advisers.leaves),
        holder=np.broadcast_to(posts[:, [0]], posts.shape),
    )
    calm = follow(
        replace(draw.parameters, turnover=0.0), stay, draw.homes, draw.luck, draw.intercept
    )
    decreed = follow(
        draw.parameters, draw.advisers, draw.homes, draw.luck, draw.intercept, breaks=False
    )
    assert (calm.reason == STAYED).all()
    np.testing.assert_array_equal(calm.chance, decreed.chance)


def test_the_world_without_costs_is_that_of_no_break_effect(draw):
    costless = replace(draw.parameters, break_effect=())
    ways = [(costless, True), (draw.parameters, False)]
    chances = [
        follow(p, draw.advisers, draw.homes, draw.luck, draw.intercept, costs=costs).chance
        for p, costs in ways
    ]
    np.testing.assert_array_equal(*chances)


# --- presets and sizes ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY_PRESETS)
def test_every_preset_draws_a_panel_of_the_size_asked_for(name):
    table = draw_families(name, 3, **SMALL, waves=4)
    assert table["client"].nunique() == 240
    assert set(table["wave"]) == {0, 1, 2, 3}
    assert set(table["service"]) <= {str(i) for i in range(6)}
    assert FAMILY_PRESETS[name].name == name


def test_parameters_of_ones_own_are_drawn_as_they_are():
    p = family_parameters("null", **SMALL)
    pd.testing.assert_frame_equal(draw_families(p, 1), draw_families("null", 1, **SMALL))
    assert simulate_families(p, seed=1).truth["preset"] == "own"


def test_an_unknown_preset_is_refused_with_the_one_that_is_meant():
    with pytest.raises(PlanError) as caught:
        draw_families("reverse_cause", 1)
    assert str(caught.value) == (
        "PlanError: there is no preset 'reverse_cause'\n"
        "  where: simulate_families, preset\n"
        "  fix:   did you mean 'reverse_caused'? use one of: everyday, claim_true, null, reversed, "
        "confounded, reverse_caused, feedback, attrition, breaks_hurt"
    )


def test_a_seed_below_nought_is_refused():
    with pytest.raises(PlanError) as caught:
        draw_families("null", -1)
    assert str(caught.value) == (
        "PlanError: the seed is below nought\n  where: seed\n  fix:   give a whole number from 0 up"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"services": 0}, "services and families are 1 or more"),
        (
            {"practitioners": 1},
            "practitioners are 2 or more a service: a change needs somebody to change to",
        ),
        ({"waves": 2}, "waves are 3 or more: before advice, and two with an adviser"),
        (
            {"tenure_effects": (0.0,)},
            "tenure_shares and tenure_effects have a number for each of ('owner', 'private_rent', "
            "'social_rent')",
        ),
        ({"dropout_share": 1.2}, "dropout_share is not between 0 and 1"),
        ({"base_rate": 1.0}, "base_rate is not inside 0 and 1"),
        ({"turnover": 1.0}, "turnover is below 1: somebody stays"),
        ({"family_icc": 0.99}, "family_icc and adviser_icc leave nothing to chance"),
        ({"occasion_persistence": 1.0}, "occasion_persistence is not inside -1 and 1"),
        ({"dyad_share": 0.7}, "the parts of the relationship are more than all of it"),
        (
            {"hidden_relationship": 0.6},
            "the causes of the family's part explain more than all of it",
        ),
    ],
)
def test_parameters_that_describe_no_panel_are_refused(changes, words):
    with pytest.raises(PlanError) as caught:
        replace(FamilyParameters(), **changes)
    assert str(caught.value) == (
        f"PlanError: these parameters describe no panel: {words}\n"
        "  where: FamilyParameters\n"
        "  fix:   see the attributes of FamilyParameters for what each one is"
    )


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(PlanError, match=r"services and families.*; gap_share is not between"):
        replace(FamilyParameters(), families=0, gap_share=-0.1)
