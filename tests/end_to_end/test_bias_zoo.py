"""One made-up service the long way, from written extracts to a verdict, beside a hurried look."""

import json

import pytest

from deepvalue_stats.bench import run_example, write_examples
from deepvalue_stats.bench.plans import preset_plan
from deepvalue_stats.simulate import AREAS, PRESETS


def only(cases):
    assert len(cases) == 1
    return cases[0]


def gates(case):
    return {gate["name"]: gate["outcome"] for gate in case["verdicts"][0]["gates"]}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_a_plan_in_each_of_its_areas(name):
    for area in PRESETS[name].changes.get("areas", ("employment",)):
        plan = preset_plan(name, area)
        assert plan.study.area == area
        assert list(plan.models) == [plan.primary]
        assert AREAS[area].need_column in plan.models[plan.primary].covariates


def test_late_ratings_mislead_the_hurried_and_not_the_clock():
    case = only(run_example("reverse_caused"))
    assert case["hurried"]["conf_low"] > 0
    assert case["package"]["conf_low"] < 0 < case["package"]["conf_high"]
    assert case["verdicts"][0]["answer"] != "supported"


def test_a_halo_is_not_seen_but_the_gate_on_who_reports_speaks():
    case = only(run_example("halo"))
    assert case["planted"]["per_sd"] == 0
    assert gates(case)["same_rater"] == "cap"


def test_a_covariate_that_decides_leaves_no_number():
    case = only(run_example("separation"))
    assert case["package"] == {"status": "not_converged"}
    assert "separated" in case["doubts"]
    assert {verdict["answer"] for verdict in case["verdicts"]} == {"cannot be tested here"}


def test_examples_are_the_same_bytes_each_time(tmp_path):
    first, again = (write_examples(tmp_path / n, ["few_practitioners"]) for n in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()
    case = only(json.loads(first.read_text(encoding="utf-8")))
    assert case["preset"] == "few_practitioners"
    assert gates(case)["groups"] == "cap"
