"""The synthetic employment service: planted faults are caught and counted, planted effects found.

The truth is in the file beside the data, written by the generator and by nothing that fits.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest
import tomli_w

from deepvalue_stats.errors import DataError
from deepvalue_stats.linkage import model_rows
from deepvalue_stats.plan import parse_plan, read_plan
from deepvalue_stats.simulate import simulate_service
from deepvalue_stats.study import prepare, run_study

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "analyses/synthetic_employment/plan.toml"
TRUTH = json.loads((ROOT / "synthetic_data/employment/truth.json").read_text(encoding="utf-8"))
FAULTS = TRUTH["planted_faults"]


@pytest.fixture(scope="module")
def findings():
    return run_study(PLAN)


@pytest.fixture(scope="module")
def prepared():
    return prepare(read_plan(PLAN), folder=PLAN.parent)


def found(prepared, source, beginning):
    """How often a problem was met in a source, over its columns."""
    everything = [p for data in prepared.data.values() for p in data.problems]
    everything += prepared.linked.problems
    fit = [p for p in everything if p.source == source and p.what.startswith(beginning)]
    assert fit, f"no problem of '{source}' begins with {beginning}"
    return sum(problem.count for problem in fit)


PLANTED = {
    "repeated_rows": ("ratings", "row repeated exactly", 1),
    # neither of two rows with one id can be trusted: both leave
    "duplicated_rating_ids": ("ratings", "key (rating_id) occurs more than once", 2),
    "date_typos": ("ratings", "not a date in the declared formats", 1),
    "items_out_of_range": ("ratings", "not a whole number from 1 to 5", 1),
    "lost_leading_zeros_ratings": ("ratings", "leading zeros restored", 1),
    "lost_leading_zeros_outcomes": ("outcomes", "leading zeros restored", 1),
    "suppressed": ("clients", "suppressed by the data owner", 1),
    "ratings_after_outcome": ("ratings", "rated on or after the outcome", 1),
}


def test_every_kind_of_planted_fault_has_a_test():
    assert set(PLANTED) == set(FAULTS)


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_caught_as_often_as_it_was_planted(prepared, kind):
    source, words, rows_each = PLANTED[kind]
    assert found(prepared, source, words) == rows_each * FAULTS[kind]


def test_faulty_rows_leave_their_source_and_repaired_ones_stay(prepared):
    ratings = prepared.data["ratings"]
    gone = FAULTS["repeated_rows"] + 2 * FAULTS["duplicated_rating_ids"]
    gone += FAULTS["date_typos"] + FAULTS["items_out_of_range"]
    assert ratings.attrition[0].rows == TRUTH["rows"]["ratings"]
    assert len(ratings.frame) == TRUTH["rows"]["ratings"] - gone
    assert ratings.frame["client_id"].str.len().eq(8).all()
    assert len(prepared.data["outcomes"].frame) == TRUTH["rows"]["outcomes"]


def test_a_plan_that_refuses_faults_stops_with_all_of_them_in_one_message(tmp_path):
    raw = tomllib.loads(PLAN.read_text(encoding="utf-8"))
    raw["reading"]["on_fault"] = "refuse"
    for name, source in raw["sources"].items():
        source["path"] = str(ROOT / f"synthetic_data/employment/{name}.csv")
    path = tmp_path / "plan.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    with pytest.raises(DataError) as refusal:
        run_study(path, output=tmp_path / "out")
    assert refusal.value.exit_code == 11
    told = {}
    for fault in refusal.value.faults:
        what, rows = re.fullmatch(r"(.*): (\d+) rows?", fault.what).groups()
        told[what] = int(rows)
    assert told == {
        "row repeated exactly": FAULTS["repeated_rows"],
        "key (rating_id) occurs more than once": 2 * FAULTS["duplicated_rating_ids"],
        "not a date in the declared formats": FAULTS["date_typos"],
        "not a whole number from 1 to 5": FAULTS["items_out_of_range"],
    }
    for what in told:
        assert what in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_the_planted_effects_lie_inside_their_intervals(findings):
    truth = TRUTH["superpopulation"]["risk_difference"]["per_sd_score"]
    groups = {
        "overall": ("main", "all"),
        "low": ("main x confidence", "low"),
        "mid": ("main x confidence", "mid"),
        "high": ("main x confidence", "high"),
        "low_minus_high": ("main x confidence", "low minus high"),
    }
    assert set(groups) == set(truth)
    for name, (model, group) in groups.items():
        row = findings.effects.row(model=model, group=group, contrast="sd", scale="risk_difference")
        assert row["conf_low"] < truth[name] < row["conf_high"], name
    overall = findings.effects.row(
        model="main", group="all", contrast="sd", scale="risk_difference"
    )
    assert overall["conf_low"] > 0.02, "the interval says more than that there is some effect"


def test_the_parts_within_and_between_advisers_agree_with_what_was_planted(findings):
    """Each part on its own scale, averaged over advisers and offices."""
    truth = TRUTH["superpopulation"]["risk_difference"]["per_sd_score"]["overall"]
    for part in ("within", "between"):
        row = findings.effects.row(
            model="split", exposure=f"relationship_{part}", contrast="sd", scale="risk_difference"
        )
        assert row["conf_low"] < truth < row["conf_high"], part
    assert findings.effects.row(
        model="split", exposure="relationship_between", contrast="sd", scale="risk_difference"
    )["dof"] == 120 - 3  # fmt: skip


def test_the_marginal_model_agrees_with_the_multilevel_one(findings):
    rows = [
        findings.effects.row(model=name, group="all", contrast="sd", scale="risk_difference")
        for name in ("main", "gee")
    ]
    assert abs(rows[0]["estimate"] - rows[1]["estimate"]) < 0.1 * rows[1]["std_error"]
    # offices have no part of their own in what was planted; advisers have
    spread = findings.counts["random_effects"].frame.set_index(["model", "group"])["std_dev"]
    planted = TRUTH["parameters"]["adviser_outcome_sd"]
    assert float(spread[("main", "practitioner")]) == pytest.approx(planted, abs=0.1)


def test_the_planted_effect_is_found_and_dated_before_the_outcome(findings):
    c1 = findings.verdicts[0]
    assert (c1.answer, c1.verb) == ("supported", "is followed by")
    gates = {gate.name: gate.outcome for gate in c1.gates}
    assert (gates["timing"], gates["same_rater"], gates["assignment"]) == ("pass", "pass", "cap")


def test_the_flow_adds_up_from_all_clients_to_the_rows_of_the_model(prepared):
    flow = prepared.flow.frame
    assert flow["rows"].iloc[0] == TRUTH["sample"]["clients"]
    assert flow["practitioners"].iloc[0] == TRUTH["sample"]["practitioners"]
    assert (flow["rows"].shift(1)[1:] == (flow["left"] + flow["rows"])[1:]).all()
    bands = [name for name in flow if name.startswith("left_")]
    assert (flow[bands].sum(axis=1) == flow["left"]).all()


def test_without_faults_the_cohort_is_the_generators_own_count():
    """Without its covariates: a hidden one takes clients out who are in the generator's count."""
    service = simulate_service("employment", seed=TRUTH["seed"], faults=False)
    plan = read_plan(PLAN)
    frames = {
        name: frame.astype("str").replace("nan", "") for name, frame in service.frames.items()
    }
    clean = prepare(plan, folder=PLAN.parent, frames=frames)
    assert not clean.linked.problems
    rows = model_rows(plan, plan.models["main"].model_copy(update={"covariates": ()}), clean.linked)
    sample = service.truth["sample"]
    assert len(rows.frame) == sample["clients_analysed"] == TRUTH["sample"]["clients_analysed"]
    # the generator's rate is the mean of its chances; three standard errors of a share of 2,471
    assert rows.frame["job_entry"].mean() == pytest.approx(sample["base_rate"], abs=0.03)
    assert rows.frame["relationship"].std() == pytest.approx(sample["score_sd"], rel=1e-3)


def test_effects_by_band_and_for_all_have_one_unit_where_some_clients_have_no_band():
    """A third of the clients without a confidence score, and they are in the effect for all."""
    raw = tomllib.loads(PLAN.read_text(encoding="utf-8"))
    raw["models"]["main"]["covariates"] = ["age"]
    raw["models"] = {"main": raw["models"]["main"]}
    frames = simulate_service("employment", seed=TRUTH["seed"], faults=False).frames
    clients = frames["clients"].copy()
    clients.loc[::3, ["c01", "c02", "c03", "c04"]] = ""
    effects = run_study(parse_plan(raw), frames={**frames, "clients": clients}).effects
    per_sd = effects.where(contrast="sd", scale="risk_difference").frame
    assert set(per_sd["group"]) > {"all", "low", "low minus high"}
    assert per_sd["estimand"].nunique() == 1
