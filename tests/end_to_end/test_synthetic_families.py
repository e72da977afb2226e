"""The panel of families by its plan: planted faults are caught and counted, the effect found."""

import json
from pathlib import Path

import pytest

from deepvalue_stats.effects import average_effect, per_sd
from deepvalue_stats.plan import read_plan
from deepvalue_stats.study import fit_model, prepare

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "analyses/synthetic_families/plan.toml"
# source, how the package words it, and how many rows each planted one makes
CAUGHT = {
    "repeated_rows": ("interviews", "row repeated exactly", 1),
    "duplicated_interviews": ("interviews", "key (family_id, wave) occurs more than once", 2),
    "items_out_of_range": ("interviews", "not a whole number from 1 to 5", 1),
    "lost_leading_zeros_interviews": ("interviews", "leading zeros restored", 1),
    "lost_leading_zeros_families": ("families", "leading zeros restored", 1),
    "suppressed": ("families", "suppressed by the data owner", 1),
}
# read as they are meant, because the plan says how
READ = {"missing_tokens"}
# in a column that a plan of waves does not use
UNREAD = {"dates_day_first", "date_typos"}


@pytest.fixture(scope="module")
def truth():
    path = ROOT / "synthetic_data/debt_families/truth.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def prepared():
    return prepare(read_plan(PLAN), folder=PLAN.parent)


def test_every_planted_fault_is_caught_and_counted(prepared, truth):
    planted = truth["extracts"]["planted_faults"]
    assert set(CAUGHT) | READ | UNREAD == set(planted)
    problems = [p for data in prepared.data.values() for p in data.problems]
    for name, (source, words, rows) in CAUGHT.items():
        found = [p.count for p in problems if p.source == source and p.what.startswith(words)]
        assert sum(found) == rows * planted[name], name


def test_the_pooled_effect_is_near_the_planted_one(prepared, truth):
    fit = fit_model(prepared, "pooled")
    contrast = per_sd(fit.design.frame["relationship"])
    row = average_effect(fit, "relationship", contrast=contrast).frame.iloc[0]
    planted = truth["sample"]["estimands"]["rated"]["per_sd_score"]["overall"]
    assert abs(row["estimate"] - planted) < 3 * row["std_error"]
    assert fit.n_groups["client"] > 1000
