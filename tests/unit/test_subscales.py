"""Subscales: measures of their own, scored by the half rule, from the plan to the estimate."""

import tomllib

import numpy as np
import pytest
from linkage_language import linked, plan_with, study

from deepvalue_stats.errors import PlanError
from deepvalue_stats.plan import parse_plan
from deepvalue_stats.study import run_study

GONE = np.nan
SCALE = {
    "measures.rapport": {
        "items": ["warm", "open", "cold", "clear", "fair"],
        "subscales": {"bond": ["warm", "open", "cold"], "goal": ["clear", "fair"]},
        "reversed": ["cold"],
        "range": [1, 5],
        "minimum_items": 3,
        "rater": "client",
        "score_subscales": True,
    }
}
RATINGS = """
    client  day  warm  open  cold  clear  fair
    a       1    5     4     1     2      3
    a       2    5     .     1     .      3
    a       3    5     .     .     2      .
    a       4    .     .     .     .      .
"""


def test_each_subscale_is_scored_where_half_of_its_items_are_answered():
    """Two of three, one of two; the cold item is turned. Row 3 has too few for the whole scale."""
    _, data = study(SCALE, ratings=RATINGS)
    frame = data["ratings"].frame
    np.testing.assert_allclose(frame["rapport"], [19 / 5, 13 / 3, GONE, GONE])
    np.testing.assert_allclose(frame["rapport_bond"], [14 / 3, 5, GONE, GONE])
    np.testing.assert_allclose(frame["rapport_goal"], [2.5, 3, 2, GONE])
    assert list(frame["rapport_bond__why"]) == [
        "",
        "",
        "fewer than 2 items of rapport_bond answered",
        "no answer to any item of rapport_bond",
    ]


def test_subscales_that_nobody_asks_for_are_not_scored():
    quiet = {"measures.rapport": SCALE["measures.rapport"] | {"score_subscales": False}}
    plan, data = study(quiet, ratings=RATINGS)
    assert list(plan.measures) == ["rapport", "confidence"]
    assert "rapport_bond" not in data["ratings"].frame


def test_a_subscale_that_is_the_exposure_is_scored_and_linked_without_being_asked_for():
    quiet = {"measures.rapport": SCALE["measures.rapport"] | {"score_subscales": False}}
    frame = linked(
        quiet | {"models.main.exposure": "rapport_bond"},
        contacts="client  day  who\na  0  P",
        ratings=RATINGS,
    ).frame
    assert "rapport_goal" not in frame
    assert frame["rapport_bond"].item() == pytest.approx((14 / 3 + 5) / 2)
    assert frame["rapport_bond__ratings"].item() == 2


def test_a_plan_with_subscales_survives_a_round_of_toml_with_its_digest():
    plan = plan_with(SCALE)
    again = parse_plan(tomllib.loads(plan.to_toml()))
    assert again == plan
    assert again.digest == plan.digest


def test_the_digest_of_a_plan_without_subscales_does_not_know_of_them(employment):
    """The digest that this plan had before there were subscales."""
    employment["measures"]["relationship"]["score_subscales"] = False
    # as the plan was before there were definitions
    job = employment["outcomes"]["sustained_job"]
    del job["definition"]
    job["sustained_days"] = 182
    before = parse_plan(employment)
    asked = employment["measures"]["relationship"] | {"score_subscales": True}
    after = parse_plan(employment | {"measures": {**employment["measures"], "relationship": asked}})
    assert before.digest == "65504da2542196f26d68704c6ecfb5f94a15331bd549a99a4f422d5241df06f2"
    assert after.digest != before.digest


def test_a_subscale_takes_range_neutral_point_and_rater_of_its_measure(employment):
    employment["models"]["main"]["exposure"] = "relationship_goal_agreement"
    plan = parse_plan(employment)
    whole = plan.measures["relationship"]
    part = plan.measures["relationship_goal_agreement"]
    assert part.items == ("q11", "q12")
    assert (part.range, part.minimum_items, part.instrument) == ((1, 5), 1, None)
    assert (part.neutral, part.rater) == (whole.neutral, whole.rater)
    assert part.neutral is not None


@pytest.fixture(scope="module")
def of_trust(starter):
    """A study whose exposure is one element of the relationship, from files to verdicts."""
    raw = tomllib.loads((starter / "plan.toml").read_text(encoding="utf-8"))
    main = {
        "role": "primary",
        "outcome": raw["models"]["main"]["outcome"],
        "exposure": "relationship_trust",
        "groups": ["practitioner"],
        "estimator": "gee",
    }
    raw["models"] = {"main": main}
    raw["clock"]["follow_up"]["incomplete"] = "exclude"
    raw["sensitivity"] = {"leave_one_out": []}
    raw["verdicts"]["claims"] = ["C1"]
    raw["equity"].pop("also", None)
    raw.pop("power", None)
    raw.pop("across", None)
    plan = parse_plan(raw)
    return plan, run_study(plan, folder=starter)


def test_a_subscale_is_an_exposure_from_the_plan_to_the_sentence(of_trust):
    _, findings = of_trust
    row = findings.effects.row(
        model="main", scale="risk_difference", contrast="sd", exposure="relationship_trust"
    )
    assert row["status"] == "ok"
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    measures = set(findings.counts["reliability"].frame["measure"])
    assert measures == {"relationship", "relationship_trust", "confidence"}
    said = str(findings.verdicts[0].sentence)
    assert "relationship trust" in said


def test_an_item_that_no_source_has_is_told_of_once():
    with pytest.raises(PlanError) as refused:
        study(SCALE, ratings="client  day  warm  open  clear  fair\na  1  5  4  2  3")
    assert [fault.where for fault in refused.value.faults] == ["measures.rapport.items[2]"]
