"""Power of a plan's design: from settings to a table, a page and a picture."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.power import TTestIndPower

from deepvalue_stats.errors import DataError, ModelError, PlanError
from deepvalue_stats.plan import parse_plan
from deepvalue_stats.power import (
    describe_power,
    describe_settings,
    design_effect,
    power_of,
    power_of_arms,
    power_of_score,
    power_within,
    practitioners_needed,
    resolve_design,
    write_power,
)
from deepvalue_stats.power.existing import share_between
from deepvalue_stats.power.formula import (
    TO_EXCLUDE,
    TO_FIND,
    error_of_slope,
    interpolated,
)

SETTINGS = {
    "practitioners": [12, 20],
    "clients_per_practitioner": 20,
    "caseload_cv": 0.3,
    "base_rate": 0.3,
    "icc": 0.02,
    "exposure_icc": 0.1,
    "reliability": 0.9,
    "attrition": 0.1,
    "match_rate": 0.95,
    "effect": 0.1,
    "replicates": 4,
}
LITTLE = {"practitioners": [20], "match_rate": 0.9}
NOWHERE = Path("no/such/folder")
QUESTIONS = ["effect", "low_minus_high", "damage"]


def planned(tables, **changes):
    """The starter plan with a power section; a setting of None is left out."""
    wanted = {k: v for k, v in {**SETTINGS, **changes}.items() if v is not None}
    return parse_plan({**tables, "power": wanted})


def designed(tables, **changes):
    return resolve_design(planned(tables, **changes), folder=NOWHERE)


# --- where settings come from --------------------------------------------------------------------


def test_a_plan_that_says_everything_needs_no_data(employment):
    lines = {s.name: (s.shown, s.source) for s in designed(employment, damage=0.03).settings}
    assert lines["icc"] == ("0.02", "plan")
    assert lines["damage"] == ("0.03", "plan")
    assert lines["effect_low_minus_high"] == ("0.1", "plan, as large as the effect")
    assert lines["neutral_share"] == ("0.2", "nothing said: a fifth")
    assert lines["bands"] == ("low 0.33, mid 0.33, high 0.33", "nothing said: equal")


def test_the_effect_is_the_smallest_worthwhile_unless_declared(employment):
    lines = {s.name: (s.shown, s.source) for s in designed(employment, effect=None).settings}
    assert lines["effect"] == ("0.02", "plan, the smallest worthwhile")


def test_without_data_everything_that_is_missing_is_named_at_once(employment):
    with pytest.raises(PlanError) as refused:
        designed(employment, icc=None, reliability=None)
    first = refused.value.faults[0]
    assert len(refused.value.faults) == 1
    assert first.what.startswith(
        "nothing says icc, reliability: the power section leaves them out, and the data cannot be "
        "read ("
    )
    assert first.where == "power"
    assert first.fix == (
        "add icc = 0.02, reliability = 0.9 (with your own numbers), or put the data where the plan "
        "says"
    )


def test_arms_need_nothing_that_is_about_scores(employment):
    design = designed(employment, exposure="arms", exposure_icc=None, reliability=None)
    names = [setting.name for setting in design.settings]
    assert "reliability" not in names
    assert "damage" not in names
    assert list(design.truths) == ["effect", "low_minus_high"]


def test_a_plan_without_a_power_section_is_told_what_to_add(employment):
    with pytest.raises(PlanError, match="the plan has no power section"):
        resolve_design(parse_plan(employment), folder=NOWHERE)


def test_what_the_plan_leaves_out_is_taken_from_the_data(employment, starter):
    design = resolve_design(parse_plan({**employment, "power": LITTLE}), folder=starter)
    taken = {s.name: (s.value, s.source) for s in design.settings}
    assert design.from_data
    assert describe_settings(design)[-1].endswith("for the room only.")
    assert 0.15 < taken["attrition"][0] < 0.8
    assert 0.2 < taken["base_rate"][0] < 0.45
    assert re.fullmatch(r"data, 0\.\d+ recorded / 0\.9 linked", taken["base_rate"][1])
    assert 0.8 < taken["reliability"][0] < 0.95
    assert taken["match_rate"] == (0.9, "plan")
    assert taken["icc"][1].startswith("data, the primary model")
    assert sum(taken["bands"][0].values()) == pytest.approx(1)


def test_a_variance_that_the_data_do_not_show_is_doubted(employment, starter, monkeypatch):
    monkeypatch.setattr(
        "deepvalue_stats.power.existing._icc_of", lambda _fit: (0.0, "data, the primary model")
    )
    design = resolve_design(parse_plan({**employment, "power": LITTLE}), folder=starter)
    (icc,) = (setting for setting in design.settings if setting.name == "icc")
    assert icc.source == "data, the primary model, which finds none: try icc = 0.02 too"


def test_a_fit_that_is_not_sound_says_nothing_of_practitioners(employment, starter, monkeypatch):
    def refuses(*_):
        raise ModelError("no row is left to fit", "models.main", "look at the flow")

    monkeypatch.setattr("deepvalue_stats.power.existing.fit_model", refuses)
    with pytest.raises(PlanError, match=r"nothing says icc: .* leaves it out, and the data do not"):
        resolve_design(parse_plan({**employment, "power": LITTLE}), folder=starter)


def test_shares_between_groups_by_hand():
    values, groups = pd.Series([1.0, 2.0, 5.0, 6.0]), pd.Series(["a", "a", "b", "b"])
    # mean squares: between 16, within 1/2
    assert share_between(values, groups) == pytest.approx((16 - 0.5) / (16 + 0.5))
    assert share_between(pd.Series([1.0, 1.0, 1.0, 1.0]), groups) == 0


# --- closed forms --------------------------------------------------------------------------------


def test_the_design_effect_of_the_literature():
    assert design_effect(60, 0, 0.05) == pytest.approx(3.95)
    assert design_effect(60, 0.5, 0.05) == pytest.approx(1 + (1.25 * 60 - 1) * 0.05)
    assert design_effect(60, 0, 0.05, 0.1) == pytest.approx(1 + 59 * 0.005)
    assert design_effect(1, 0, 0.3) == 1


def test_multiples_of_the_standard_error():
    assert round(TO_FIND, 2) == 2.80
    assert round(TO_EXCLUDE, 2) == 2.93
    assert practitioners_needed(40, 0.02, 0.02, 2.8) == pytest.approx(40 * 2.8**2)
    assert practitioners_needed(40, 0.02, 0.0) == np.inf


def test_a_constant_exposure_pays_the_whole_design_effect():
    expected = np.sqrt(0.2 * design_effect(25, 0.4, 0.03) / (40 * 25))
    assert error_of_slope(40, 25, 0.4, 0.03, 1.0, 0.2) == pytest.approx(expected)


def test_power_of_arms_without_a_difference_and_at_2_80_errors():
    assert power_of_arms(40, 25, 0.0, 0.02, 0.3, 0.0) == pytest.approx(0.05)
    # with so many practitioners t is the normal, whose power at 2.80 errors is 80 %
    error = np.sqrt(0.25 * 4 / (4000 * 25) * design_effect(25, 0, 0.02))
    found = power_of_arms(4000, 25, 0.0, 0.02, 0.5 - 1.4 * error, 2.8 * error)
    assert found == pytest.approx(0.80, abs=0.002)


@pytest.mark.parametrize(("practitioners", "effect"), [(8, 0.2), (20, 0.1), (40, 0.09)])
def test_power_of_arms_is_that_of_a_t_test_of_practitioners_means(practitioners, effect):
    """statsmodels: means of practitioners differ with variance p (1 - p) DEFF / m in both arms."""
    base = 0.5 - effect / 2
    spread = np.sqrt(base * (1 - base) * design_effect(25, 0, 0.03) / 25)
    expected = TTestIndPower().power(effect / spread, practitioners // 2, 0.05)
    found = power_of_arms(practitioners, 25, 0.0, 0.03, base, effect)
    assert found == pytest.approx(expected, abs=1e-6)


def test_power_within_practitioners_needs_clients_to_compare():
    assert power_within(40, 1, 0.02, 0.1, 0.3, 0.05) == pytest.approx(0.05)
    error = np.sqrt(0.21 * 0.98 / (400 * 24 * 0.9))
    found = power_within(400, 25, 0.02, 0.1, 0.3, 2.8 * error)
    assert found == pytest.approx(0.8, abs=0.01)


def test_power_of_a_score_is_near_80_percent_at_2_80_errors():
    error = error_of_slope(400, 25, 0.3, 0.02, 0.1, 0.21)
    assert power_of_score(400, 25, 0.3, 0.02, 0.1, 0.3, 2.8 * error) == pytest.approx(0.8, abs=0.01)


def test_curves_are_read_where_they_cross():
    tried = np.array([20, 40, 80])
    assert interpolated(tried, np.array([0.9, 0.95, 1.0])) == -np.inf
    assert interpolated(tried, np.array([0.1, 0.2, 0.4])) == np.inf
    # normal quantiles -1, .8416 and 2: 80 % is reached at 40 exactly
    assert interpolated(tried, np.array([0.158, 0.8, 0.97])) == pytest.approx(40)
    assert 40 < interpolated(tried, np.array([0.2, 0.6, 0.97])) < 80


# --- replicates ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table(employment_tables):
    return power_of(designed(employment_tables), workers=1)


@pytest.fixture(scope="module")
def employment_tables(pytestconfig):
    path = pytestconfig.rootpath / "deepvalue_stats/plan/templates/employment.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    raw["clock"]["follow_up"]["incomplete"] = "exclude"
    return raw


def test_a_row_for_every_number_and_question(table):
    frame = table.frame
    assert frame["practitioners"].tolist() == [12] * 3 + [20] * 3
    assert frame["question"].tolist() == QUESTIONS * 2
    shares = ["supported", "no_worthwhile_effect", "not_supported", "harm", "inconclusive"]
    assert (frame[shares].sum(axis=1) + frame["no_answer"]).tolist() == pytest.approx([1] * 6)
    assert frame["formula"].notna().tolist() == [True, False, False] * 2
    assert (frame["half_width"] > frame["std_error"]).all()


def test_the_number_of_workers_and_what_else_is_tried_change_nothing(employment_tables, table):
    two = power_of(designed(employment_tables), workers=2)
    pd.testing.assert_frame_equal(two.frame, table.frame)
    alone = power_of(designed(employment_tables, practitioners=[20]), workers=1)
    again = table.frame.query("practitioners == 20").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.frame, again)


def test_another_seed_gives_other_studies_and_progress_counts_them(employment_tables, table):
    done = []
    design = designed(employment_tables)
    other = power_of(design, seed=5, replicates=3, workers=1, progress=done.append)
    assert sum(done) == 6
    assert other.replicates == 3
    assert not np.allclose(other.frame["estimate"], table.frame["estimate"])


@pytest.mark.parametrize(
    "model",
    [
        {"estimator": "gee", "groups": ["practitioner"]},
        {"estimator": "logit", "covariance": "cluster:practitioner"},
        {"split": "within_between", "split_by": "practitioner"},
    ],
)
def test_the_plan_s_own_estimator_is_used(employment_tables, model, table):
    main = {**employment_tables["models"]["main"], **model}
    own = {**employment_tables, "models": {"main": main}}
    found = power_of(designed(own, practitioners=[20]), workers=1).frame
    assert found["unfitted"].sum() == 0
    error = table.frame.query("practitioners == 20")["std_error"].to_numpy()
    assert found["std_error"].to_numpy() == pytest.approx(error, rel=0.3)
    assert not np.allclose(found["std_error"], error, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [{"base_rate": 0.001, "effect": 0.0}, {"clients_per_practitioner": 1, "attrition": 0.5}],
)
def test_studies_that_cannot_be_fitted_count_and_find_nothing(employment_tables, change):
    few = {"practitioners": [4], "replicates": 3, **change}
    table = power_of(designed(employment_tables, **few), workers=1)
    assert (table.frame["unfitted"] > 0).any()
    assert (table.frame["power"] < 1).all()
    assert (table.frame["no_answer"] == 1).all()
    assert "With fewer than 10 practitioners" in "\n".join(describe_power(table))
    assert "not known" in "\n".join(describe_power(table))


# --- the page ------------------------------------------------------------------------------------


def test_files_are_written_whole_and_replaced(table, tmp_path):
    folder = tmp_path / "out"
    made = write_power(table, folder)
    assert [path.name for path in made] == ["power.csv", "power.md", "power.svg"]
    first = {path.name: path.read_bytes() for path in made}
    write_power(table, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    back = pd.read_csv(folder / "power.csv")
    assert back["power"].tolist() == pytest.approx(table.frame["power"].tolist())
    page = first["power.md"].decode()
    assert page.count("\n# ") + page.startswith("# ") == 1
    assert re.search(r"!\[Line chart of power \(%\) .*Effect: .*\]\(power\.svg\)", page)
    assert "(design effect " in page
    assert first["power.svg"].decode().startswith("<svg")


def test_a_folder_that_holds_something_else_is_left_alone(table, tmp_path):
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(DataError, match="holds something that no earlier run of power wrote"):
        write_power(table, tmp_path)
    assert (tmp_path / "thesis.doc").read_text() == "years of work"


def test_no_person_s_number_and_no_room_line_where_all_is_declared(table):
    assert not table.design.from_data
    assert "room only" not in "\n".join(describe_settings(table.design))


def test_the_command_prints_and_writes(deepvalue, employment, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(planned(employment, practitioners=[12]).to_toml(), encoding="utf-8")
    out = tmp_path / "power"
    code, said, _ = deepvalue(
        "power", path, "--output", out, "--replicates", 2, "--workers", 1, "--seed", 3
    )
    assert code == 0
    assert "Numbers of practitioners tried" in said
    assert "| Practitioners needed" in said
    assert sorted(p.name for p in out.iterdir()) == ["power.csv", "power.md", "power.svg"]


def test_the_command_refuses_with_exit_code_10(deepvalue, employment, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(planned(employment, icc=None).to_toml(), encoding="utf-8")
    code, _, said = deepvalue("power", path, "--output", tmp_path / "power")
    assert code == 10
    assert "nothing says icc" in said
    assert not (tmp_path / "power").exists()


def test_an_interrupted_run_leaves_nothing(deepvalue, employment, tmp_path, monkeypatch):
    path = tmp_path / "plan.toml"
    path.write_text(planned(employment).to_toml(), encoding="utf-8")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("deepvalue_stats.power.running.run_block", interrupted)
    code, _, _ = deepvalue("power", path, "--output", tmp_path / "power", "--workers", 1)
    assert code != 0
    assert [p.name for p in tmp_path.iterdir()] == ["plan.toml"]
