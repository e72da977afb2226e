"""The worked studies are what a new study begins from."""

from pathlib import Path

import pytest

from deepvalue_stats.plan import read_plan
from deepvalue_stats.simulate import AREAS
from deepvalue_stats.simulate.worked import SEEDS

ROOT = Path(__file__).parents[2]
STUDIES = [
    "help_primary_care",
    "three_services",
    "synthetic_families",
    *(f"synthetic_{area}" for area in AREAS),
]


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("kind", ["summary", "technical"])
def test_the_notebooks_are_those_that_a_starter_study_gets(study, kind):
    packaged = ROOT / "deepvalue_stats" / "report" / "notebooks" / f"{kind}.py"
    worked = ROOT / "analyses" / study / f"{kind}.py"
    assert worked.read_text(encoding="utf-8") == packaged.read_text(encoding="utf-8")


@pytest.mark.parametrize("area", AREAS)
def test_the_starter_plan_of_an_area_is_the_worked_one_but_for_paths(area):
    worked = read_plan(ROOT / "analyses" / f"synthetic_{area}" / "plan.toml")
    starter = read_plan(ROOT / "deepvalue_stats" / "plan" / "templates" / f"{area}.toml")
    assert starter.digest == worked.digest
    assert starter.sources["ratings"].path == "data/ratings.csv"
    assert (worked.study.name, worked.study.area) == (f"synthetic_{area}", area)
    assert worked.seed == SEEDS[area]


@pytest.mark.parametrize("study", STUDIES)
def test_the_script_of_a_study_is_told_under_its_own_name(study):
    script = (ROOT / "analyses" / study / "run.py").read_text(encoding="utf-8")
    assert f"python analyses/{study}/run.py" in script
