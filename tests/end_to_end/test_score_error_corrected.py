"""A worked study that asks for effects without the error in its score, beside those with it."""

import tomllib
from functools import lru_cache
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from deepvalue_stats.plan import parse_plan
from deepvalue_stats.report import Page
from deepvalue_stats.study import run_study

FOLDER = Path(__file__).parents[2] / "analyses/synthetic_employment"
NAMES = {
    "regression_calibration": "main, score error corrected (regression calibration)",
    "simex": "main, score error corrected (SIMEX)",
    "latent_mean": "split, score error corrected (latent mean)",
}
BANDS = ["all", "low", "mid", "high", "low minus high", "mid minus high"]


def tables(**measure):
    """The worked plan with its main model and that of its parts, and settings of its measure."""
    raw = tomllib.loads((FOLDER / "plan.toml").read_text(encoding="utf-8"))
    raw["models"] = {name: raw["models"][name] for name in ("main", "split")}
    raw["clock"]["follow_up"]["incomplete"] = "exclude"
    del raw["equity"]["also"]
    raw["sensitivity"]["leave_one_out"] = []
    raw["measures"]["relationship"] |= measure
    return raw


@lru_cache
def studied(method):
    return run_study(parse_plan(tables(error_correction=method)), folder=FOLDER)


@pytest.fixture(scope="module", params=NAMES)
def method(request):
    return request.param


@pytest.fixture(scope="module")
def without():
    return studied("none")


def corrected(findings, method):
    return findings.effects.where(model=NAMES[method]).frame


def words_of(part):
    return " ".join(BeautifulSoup(part._repr_html_(), "html.parser").get_text(" ").split())


def test_corrected_effects_stand_beside_the_others_which_stay_as_they_are(method, without):
    findings = studied(method)
    frame = findings.effects.frame
    kept = frame[frame["model"] != NAMES[method]].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, without.effects.frame)
    assert findings.verdicts == without.verdicts
    rows = corrected(findings, method)
    parts = ["relationship"]
    if method == "latent_mean":
        parts = ["relationship_within", "relationship_between"]
    assert list(rows["group"]) == BANDS * len(parts)
    assert list(rows["exposure"]) == [part for part in parts for _ in BANDS]
    # per SD of the score as it was observed, by no test and for no claim
    as_is = without.effects.row(model="main", contrast="sd", scale="risk_difference")
    assert set(rows["estimand"]) == {as_is["estimand"]}
    assert rows["p_value"].isna().all()
    assert rows["p_adjusted"].isna().all()
    assert set(rows["claim"]) == {""}
    assert set(rows["status"]) == {"ok"}


@pytest.mark.parametrize("method", ["regression_calibration", "simex"])
def test_an_effect_without_error_is_larger_and_no_surer(method, without):
    rows = corrected(studied(method), method).set_index("group")
    for group in BANDS[1:4]:
        as_is = without.effects.row(model="main x confidence", group=group, contrast="sd",
                                    scale="risk_difference")  # fmt: skip
        assert 1.03 < rows["estimate"][group] / as_is["estimate"] < 1.12
        surer = as_is["std_error"] / as_is["estimate"]
        assert rows["std_error"][group] / rows["estimate"][group] > 0.97 * surer


def test_a_practitioners_latent_mean_is_less_well_known_than_the_mean_of_clients(without):
    rows = corrected(studied("latent_mean"), "latent_mean").set_index(["exposure", "group"])
    row = rows.loc[("relationship_between", "all")]
    as_is = without.effects.row(model="split", exposure="relationship_between", contrast="sd",
                                group="all", scale="risk_difference")  # fmt: skip
    assert row["std_error"] > 1.2 * as_is["std_error"]


def test_the_pages_say_what_the_correction_does_and_does_not_do(method):
    page = Page(studied(method))
    told = words_of(page.stress())
    whom = "all clients" if method != "latent_mean" else "within groups, all clients"
    assert f"Correcting for error in the score would make it, {whom}: " in told
    assert "Correcting for error in the score would make it" in told.partition("low minus high")[0]
    if method != "latent_mean":
        assert "It would not give C1 another answer; the verdict is without it." in told
    told = words_of(page.all_effects())
    assert NAMES[method] in told
    assert "A row without the error in the score has no p either" in told
    (note,) = (one for one in studied(method).counts["sensitivity"].notes if "score" in one)
    assert "the unit is one standard deviation of the score as it was observed" in note


def test_nothing_is_said_of_a_correction_where_none_is_asked_for(without):
    assert "rror in the score" not in words_of(Page(without).stress())
    assert "rror in the score" not in words_of(Page(without).all_effects())
    assert not any("rror in the score" in one for one in without.counts["sensitivity"].notes)


def test_a_stated_reliability_is_taken_and_named_with_its_source():
    stated = {"value": 0.8, "source": "a manual, table 3"}
    plan = parse_plan(tables(error_correction="regression_calibration", reliability=stated))
    findings = run_study(plan, folder=FOLDER)
    less, more = (
        corrected(one, "regression_calibration").set_index("group")["estimate"]["all"]
        for one in (studied("regression_calibration"), findings)
    )
    # its items agree to .9: a manual of .8 has twice the error
    assert more > 1.03 * less
    notes = " ".join(findings.counts["sensitivity"].notes)
    assert "that of a stated reliability of 0.8 (a manual, table 3)" in notes


def test_a_correction_that_is_refused_is_told_and_the_study_goes_on():
    raw = tables(error_correction="simex", reliability={"value": 0.02, "source": "nowhere"})
    raw["clock"]["exposure"]["summary"] = "first"
    findings = run_study(parse_plan(raw), folder=FOLDER)
    assert corrected(findings, "simex").empty
    assert findings.verdicts[0].answer == "supported"
    lines = findings.counts["diagnostics"].frame.set_index("model")
    assert lines.loc[NAMES["simex"], "status"] == "not fitted"
    assert "Error in the score: the error could not be taken out: see what was fitted." in (
        words_of(Page(findings).stress())
    )


def test_disclosure_control_hides_corrected_rows_as_it_hides_the_others():
    raw = tables(error_correction="regression_calibration")
    raw["disclosure"] = {"profile": "own", "threshold": 400, "rounding": 5}
    findings = run_study(parse_plan(raw), folder=FOLDER)
    rows = corrected(findings, "regression_calibration").set_index("group")["status"]
    as_is = findings.effects.where(model="main x confidence", contrast="sd",
                                   scale="risk_difference").frame.set_index("group")  # fmt: skip
    assert "suppressed" in set(rows)
    assert rows[BANDS[1:]].equals(as_is["status"][BANDS[1:]])
