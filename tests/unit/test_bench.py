"""The bench: rows laid out, refusals kept, broken runs taken up, pages that say what is so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.bench import ESTIMATORS, run_bench, running
from deepvalue_stats.bench.__main__ import main
from deepvalue_stats.bench.estimators import estimated
from deepvalue_stats.bench.judging import judged, sensitivity
from deepvalue_stats.bench.page import write_scoreboard
from deepvalue_stats.bench.samples import (
    bench_parameters,
    bench_plan,
    samples_of,
    seed_of,
    truths_of,
)
from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate import analysis_table, draw_service

PRESET = "claim_true"
SEED = 5


@pytest.fixture(scope="module")
def drawn():
    return analysis_table(draw_service(bench_parameters(PRESET), 1))


@pytest.fixture(scope="module")
def samples(drawn):
    return {sample.score: sample for _, sample in samples_of(PRESET, drawn)}


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(running, "BLOCK", 1)


def scoreboard(results, folder):
    return {path.name: path.read_bytes() for path in write_scoreboard(results, folder)}


def test_the_cohort_is_that_of_the_plan_and_the_hurried_rows_are_everybody_rated(drawn, samples):
    cohort = drawn[["at_risk", "complete", "rated", "consented"]].all(axis=1)
    sample = samples["observed"]
    assert len(sample.primary.design.frame) == cohort.sum()
    assert len(sample.everyone) == (drawn["relationship_all"].notna() & drawn["consented"]).sum()
    assert sample.plan.models[sample.plan.primary].groups == ("practitioner",)


def test_parts_of_the_score_add_up_and_are_the_true_ones_without_error(samples):
    for score, sample in samples.items():
        rows = sample.split_rows
        parts = rows["relationship_within"] + rows["relationship_between"]
        np.testing.assert_allclose(parts, rows["relationship"])
        known = np.allclose(rows["relationship_within"], rows["true_within"])
        assert known is (score == "error_free")


def test_every_proper_estimator_also_has_the_score_without_error(samples):
    rows = pd.DataFrame([row for sample in samples.values() for row in estimated(sample)])
    assert (rows["status"] == "ok").all()
    by_score = rows.groupby("score")["estimator"].unique().map(set)
    assert by_score["observed"] == set(ESTIMATORS)
    proper = {one.name for one in ESTIMATORS.values() if one.proper}
    assert by_score["error_free"] == proper == set(ESTIMATORS) - {"naive"}


def test_estimates_are_per_one_fixed_unit_whatever_the_sample_s_own_spread(samples):
    sample = samples["error_free"]
    assert sample.unit == 1
    found = {row["estimand"]: row for row in estimated(sample) if row["estimator"] == "multilevel"}
    coefficient = sample.primary.coefficients.loc["relationship"]
    row = found["log_odds"]
    assert row["estimate"] == pytest.approx(coefficient["estimate"])
    assert row["std_error"] == pytest.approx(coefficient["interval_error"])
    assert row["conf_low"] == pytest.approx(coefficient["conf_low"])


def test_what_cannot_be_fitted_is_counted_and_judged_not_testable(samples):
    sample = samples["observed"]
    outcome = sample.plan.models[sample.plan.primary].outcome
    dull = replace(
        sample,
        cohort=sample.cohort.assign(**{outcome: 0.0}),
        everyone=sample.everyone.assign(outcome=0.0),
    )
    rows = pd.DataFrame(estimated(dull))
    assert set(rows["status"]) == {"refused"}
    assert list(rows["estimand"]) == [name for one in ESTIMATORS.values() for name in one.estimands]
    assert rows["estimate"].isna().all()
    said = judged(dull)
    assert (said["c1"], said["c2"], said["refused"]) == (*["cannot be tested here"] * 2, True)
    assert sensitivity(dull, benchmark=True) == {}


def test_a_separated_fit_has_no_numbers_and_says_so():
    table = analysis_table(draw_service(bench_parameters("separation"), 1))
    ((_, sample),) = samples_of("separation", table)
    rows = pd.DataFrame(estimated(sample)).set_index("estimator")
    assert rows.loc["multilevel", "status"].eq("separated").all()
    assert rows.loc["multilevel", "estimate"].isna().all()
    assert judged(sample)["separated"]
    assert judged(sample)["c1"] == "cannot be tested here"


def test_the_risk_ratio_is_that_of_mean_predictions(samples):
    sample = samples["observed"]
    fit, frame = sample.primary, sample.primary.design.frame
    moved = frame.assign(relationship=frame["relationship"] + sample.unit)
    found = sensitivity(sample, benchmark=False)
    ratio = fit.predict(moved).mean() / fit.predict(frame).mean()
    assert found["risk_ratio"] == pytest.approx(ratio)


def test_leaving_a_covariate_out_is_told_for_each_of_them(samples):
    found = sensitivity(samples["observed"], benchmark=True)
    covariates = samples["observed"].model.covariates
    assert {name for name in found if name.startswith("factor_")} == {
        f"factor_{name}" for name in covariates
    }
    assert 1 <= found["e_value_limit"] <= found["e_value"]


def test_what_does_nothing_is_held_to_nought_in_every_unit():
    truths = pd.DataFrame(truths_of("null"))
    ratio = truths["estimand"].isin(["ratio_of_risk_ratios", "synergy_index"])
    gaps = truths["estimand"].isin(["gap", "gap_left", "gap_rest"])
    np.testing.assert_allclose(truths.loc[ratio, "truth"].dropna(), 1)
    assert (truths.loc[~ratio & ~gaps, "truth"] == 0).all()
    assert set(truths["estimand"]) >= {"log_odds", "risk_difference_between", "low_minus_high"}


def test_seeds_differ_by_preset_replicate_and_seed_and_by_nothing_else():
    places = [("null", 0, 1), ("null", 1, 1), ("null", 0, 2), ("halo", 0, 1)]
    assert len({seed_of(*place) for place in places}) == len(places)
    assert seed_of("null", 0, 1) == seed_of("null", 0, 1)


def test_every_planted_service_has_a_plan_of_one_model():
    for preset in ("everyday", "few_practitioners", "halo", "separation"):
        for area in bench_parameters(preset).areas:
            assert list(bench_plan(preset, area).models) == ["main"]


@pytest.mark.usefixtures("small_blocks")
def test_a_run_that_was_broken_off_ends_as_one_that_was_not(tmp_path, monkeypatch):
    whole = run_bench([PRESET], replicates=3, folder=tmp_path / "whole", seed=SEED)
    run_block, done = running.run_block, []

    def breaks(block):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(block)
        return run_block(block)

    monkeypatch.setattr(running, "run_block", breaks)
    with pytest.raises(KeyboardInterrupt):
        run_bench([PRESET], replicates=3, folder=tmp_path / "broken", seed=SEED)
    monkeypatch.setattr(running, "run_block", run_block)
    assert len(list((tmp_path / "broken").iterdir())) == 2
    seen = []
    resumed = run_bench(
        [PRESET],
        replicates=3,
        folder=tmp_path / "broken",
        seed=SEED,
        progress=lambda *told: seen.append(told),
    )
    assert seen == [(2, 3), (3, 3)]
    assert scoreboard(resumed, tmp_path / "a") == scoreboard(whole, tmp_path / "b")


@pytest.mark.usefixtures("small_blocks")
def test_results_do_not_depend_on_the_number_of_workers(tmp_path):
    one, two = (
        run_bench([PRESET], replicates=2, folder=tmp_path / str(n), seed=SEED, workers=n)
        for n in (1, 2)
    )
    assert scoreboard(one, tmp_path / "a") == scoreboard(two, tmp_path / "b")


def test_blocks_of_another_seed_or_other_code_are_not_taken(tmp_path):
    block = running.Block(PRESET, 0, 50, 1)
    paths = {
        block.path(tmp_path, "code"),
        block.path(tmp_path, "other code"),
        replace(block, seed=2).path(tmp_path, "code"),
        replace(block, preset="null").path(tmp_path, "code"),
    }
    assert len(paths) == 4


@pytest.mark.parametrize(
    ("presets", "replicates", "said"),
    [(["claim_tru"], 1, "there is no preset 'claim_tru'"), ([PRESET], 0, "no replicate to run")],
)
def test_what_cannot_be_run_is_refused_before_anything_is(tmp_path, presets, replicates, said):
    with pytest.raises(PlanError, match=said):
        run_bench(presets, replicates=replicates, folder=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_command_runs_some_presets_and_names_its_files(tmp_path, monkeypatch, capsys):
    folders = ["--work", str(tmp_path / "work"), "--output", str(tmp_path / "out")]
    some = ["--presets", "null", "--replicates", "2", "--workers", "1", *folders]
    monkeypatch.setattr("sys.argv", ["bench", *some])
    assert main() == 0
    written = [line.removeprefix("Wrote ") for line in capsys.readouterr().out.splitlines()]
    assert {Path(path).name for path in written} >= {"scoreboard.md", "presets.csv"}
    assert all(Path(path).is_file() for path in written)


def test_the_command_ends_with_the_exit_code_of_a_refusal(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench", "--presets", "nul"])
    assert main() == PlanError.exit_code
    assert "there is no preset 'nul'" in capsys.readouterr().err


def test_the_page_says_what_the_numbers_say(tmp_path):
    results = run_bench(["separation"], replicates=3, folder=tmp_path / "work", seed=SEED)
    files = scoreboard(results, tmp_path / "out")
    page = files["scoreboard.md"].decode()
    assert "No estimate in any of the services." in page
    assert "C1: cannot be tested here 100%" in page
    assert "The package holds back: it gives no estimate in 100%" in page
    assert "The flag `separated` fires in 100% of the services." in page
    assert b">none<" in files["scoreboard.svg"]
