"""One study of three service areas: each area's planted effect, the claim that they are alike."""

import json
import runpy
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from deepvalue_stats.report import Page
from deepvalue_stats.study import run_study

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "analyses" / "three_services"
AREAS = ("debt", "employment", "health")


@pytest.fixture(scope="module")
def findings():
    together = runpy.run_path(str(STUDY / "run.py"))["together"]
    return run_study(STUDY / "plan.toml", frames=together())


def effect(findings, **where):
    found = {"model": "main x area", "contrast": "sd", "scale": "risk_difference"} | where
    return findings.effects.row(**found)


@pytest.mark.parametrize("area", AREAS)
def test_the_planted_effect_of_each_area_lies_within_three_standard_errors(findings, area):
    truth = json.loads((ROOT / f"synthetic_data/{area}/truth.json").read_text(encoding="utf-8"))
    planted = truth["superpopulation"]["estimands"]["rated"]["per_sd_score"]["overall"]
    row = effect(findings, group=area)
    # the unit of this study is one SD of all three, within a few hundredths of each area's own
    assert abs(row["estimate"] - planted) < 3 * row["std_error"]


def test_every_pair_of_areas_is_compared_and_the_claim_rests_on_them(findings):
    pairs = [f"{b} minus {a}" for i, a in enumerate(AREAS) for b in AREAS[i + 1 :]]
    claimed = findings.effects.where(claim="C4").frame
    assert list(claimed["group"]) == pairs
    # three areas are too few to say where a further one may lie
    groups = set(findings.effects.where(model="main x area").frame["group"])
    assert groups == {*AREAS, *pairs, "mean of areas"}


def test_areas_that_are_not_shown_to_differ_are_not_called_alike(findings):
    verdict = next(one for one in findings.verdicts if one.claim == "C4")
    assert verdict.answer == "inconclusive"
    assert {gate.name: gate.outcome for gate in verdict.gates}["areas_alike"] == "pass"
    assert any("no proof that" in str(phrase) for phrase in findings.wording.cannot_say)


def test_the_summary_has_a_line_for_each_area(findings):
    page = Page(findings)
    told = BeautifulSoup(page.effects()._repr_html_(), "html.parser").get_text(" ")
    assert "By area" in told
    assert "Health minus debt" in told
    assert "Mean of areas" not in told
    assert "Several service areas" in page.banner("Commissioner summary").text


def test_the_pictures_of_all_areas_together_are_drawn(findings):
    page = Page(findings)
    for part in (page.balance(), page.missing(), page.scales(), page.specifications()):
        assert "alt=" in part.text
    assert "groups of practitioners" in page.practitioner_effects().text
