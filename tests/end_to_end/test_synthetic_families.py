"""The panel of families by its plan: planted faults are caught and counted, the effect found."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.effects import average_effect, per_sd
from deepvalue_stats.plan import parse_plan, read_plan
from deepvalue_stats.report.page import Page
from deepvalue_stats.study import fit_model, prepare, run_study
from deepvalue_stats.study.breaking import breaks_tables, estimate_breaks, event_series
from deepvalue_stats.study.checked import UNKNOWN
from deepvalue_stats.study.fitting import fit_models

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


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    return run_study(PLAN, output=tmp_path_factory.mktemp("families"))


def test_the_effect_stands_beside_itself_by_every_approach(findings, truth):
    table = findings.counts["triangulation"].frame.set_index("approach")
    assert list(table.index[table["speaks"] == "yes"]) == ["within clients, chances averaged"]
    planted = 100 * truth["sample"]["estimands"]["rated"]["per_sd_score"]["within"]
    for name in ("within clients, chances averaged", "within clients, linear"):
        row = table.loc[name, ["low", "high"]].astype(float)
        assert row["low"] < planted < row["high"], name
    assert table.loc["conditional logit", "said"] == "higher"
    assert table.loc["conditional logit", "value"] == ""
    later = table.loc["lead placebo", ["low", "high"]].astype(float)
    assert later["low"] < 0 < later["high"]


def test_what_follows_a_leaving_is_near_the_planted_harm_and_nothing_on_closed_cases(
    findings, truth
):
    checks = findings.counts["break_checks"].frame
    average = checks[(checks["check"] == "after the change") & checks["p_value"].ne("")].iloc[0]
    told = truth["sample"]["breaks"]
    weights, effects = (told[kind]["outside"] for kind in ("families", "total"))
    planted = sum(weights[k] * effects[k] for k in effects) / sum(weights[k] for k in effects)
    assert float(average["low"]) < 100 * planted < float(average["high"])
    placebo = checks[checks["check"] == "closed cases (placebo)"].iloc[0]
    assert float(placebo["p_value"]) > 0.05
    assert placebo["reading"].startswith("Nothing followed")
    assert {"Sun and Abraham", "two-way regression"} <= set(checks["check"])
    curve = findings.series["event_study"].frame
    assert curve["x"].is_monotonic_increasing
    assert -1 not in set(curve["x"])


def test_the_past_has_its_say(findings):
    table = findings.counts["dynamics"].frame
    assert list(table["check"].unique()) == [
        "later rating (lead placebo)", "earlier outcome held", "both ways",
    ]  # fmt: skip
    assert "could not be fitted" not in set(table["what"])
    assert table.loc[0, "reading"].startswith("Shows nothing")
    assert float(table.loc[1, "low"]) > 0  # a better relationship helps, given the outcome before


def test_the_page_has_the_past_and_the_breaks(findings):
    page = Page(findings)
    assert "Roth 2022" in page.breaks().text
    assert "Before and after a practitioner left" in page.breaks().text
    assert "Wooldridge 2005" in page.dynamics().text


def broken_of(prepared, keep, **changes):
    """What is said of breaks from some of the rows, with another `[breaks]` where asked."""
    breaks = prepared.plan.breaks.model_copy(update=changes)
    rows = prepared.linked.restrict(np.asarray(keep), "for this test")
    return estimate_breaks(prepared.plan, breaks, rows)


def test_with_few_who_left_there_is_a_difference_and_no_interval(prepared):
    found = broken_of(prepared, prepared.linked.frame["service"].isin(["S01", "S02"]))
    assert found.effects.overall.n_practitioners < 10
    assert np.isfinite(found.average.value)
    lines = [
        one for one in found.lines if one.what.startswith("per 100") and one.value == one.value
    ]
    assert len(lines) > 3
    assert all(np.isnan([one.low, one.high, one.p_value]).all() for one in lines)
    assert found.average.reading.startswith("Fewer than 10 practitioners left")
    assert event_series(prepared.plan, found) == ()


def test_a_check_that_could_not_be_made_stands_in_the_table(prepared):
    never = prepared.linked.frame["why_changed"] == "none"
    found = broken_of(prepared, never)
    assert [(one.check, one.what) for one in found.lines] == [("after the change", UNKNOWN)]
    assert list(found.failed) == ["breaks: after the change"]
    open_only = broken_of(prepared, prepared.linked.frame["case_closed"] == 0)
    assert (open_only.lines[-1].check, open_only.lines[-1].what) == (
        "closed cases (placebo)",
        UNKNOWN,
    )
    assert "no row is of a closed case" in open_only.failed["breaks: closed cases (placebo)"]
    unsaid = broken_of(prepared, np.ones(len(never), dtype=bool), closed=None)
    assert unsaid.lines[-1].reading.startswith("Not done")


def test_no_interview_leaves_the_study_of_breaks_uncounted(prepared):
    frame = prepared.linked.frame
    holes = frame["practitioner"].mask(frame.index % 10 == 0)
    unknown = frame["case_closed"].mask(frame.index % 11 == 0)
    holed = prepared.linked.with_columns(practitioner=holes, case_closed=unknown)
    found = estimate_breaks(prepared.plan, prepared.plan.breaks, holed)
    _, who = breaks_tables(found)
    rows = who.frame.set_index("who")["interviews"]
    left = [
        "without a known practitioner: these interviews are left out",
        "not known whether the case was closed: left out",
        "once the case was closed: looked at by themselves",
        "all, while their case was open",
    ]
    assert rows[left].sum() == len(frame)
    assert rows[left[0]] == holes.isna().sum()
    assert rows[left[1]] == (unknown.isna() & holes.notna()).sum()


def test_an_outcome_of_the_next_wave_needs_no_lead():
    raw = tomllib.loads(PLAN.read_text(encoding="utf-8"))
    raw["models"]["main"] |= {"design": "next_wave"}
    del raw["triangulation"], raw["breaks"]
    for name in [key for key in raw["models"] if key != "main"]:
        del raw["models"][name]
    fitted = fit_models(prepare(parse_plan(raw), folder=PLAN.parent))
    assert fitted.past is None


def test_the_pooled_effect_is_near_the_planted_one(prepared, truth):
    fit = fit_model(prepared, "pooled")
    contrast = per_sd(fit.design.frame["relationship"])
    row = average_effect(fit, "relationship", contrast=contrast).frame.iloc[0]
    planted = truth["sample"]["estimands"]["rated"]["per_sd_score"]["overall"]
    assert abs(row["estimate"] - planted) < 3 * row["std_error"]
    assert fit.n_groups["client"] > 1000
