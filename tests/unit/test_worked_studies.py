"""The worked studies are what a new study begins from."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("study", ["help_primary_care", "synthetic_employment"])
@pytest.mark.parametrize("kind", ["summary", "technical"])
def test_the_notebooks_are_those_that_a_starter_study_gets(study, kind):
    packaged = ROOT / "deepvalue_stats" / "report" / "notebooks" / f"{kind}.py"
    worked = ROOT / "analyses" / study / f"{kind}.py"
    assert worked.read_text(encoding="utf-8") == packaged.read_text(encoding="utf-8")
