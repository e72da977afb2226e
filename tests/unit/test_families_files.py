"""The files of a panel: same bytes each time, every planted fault counted, every column told of."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from deepvalue_stats.errors import DataError
from deepvalue_stats.plan import read_plan
from deepvalue_stats.simulate import simulate_families, write_families
from deepvalue_stats.simulate.dictionary import dictionary
from deepvalue_stats.simulate.families.columns import FAMILY_COLUMNS
from deepvalue_stats.simulate.families.extracts import (
    FAMILY_FAULTS,
    FAMILY_FILES,
    family_extracts,
)
from deepvalue_stats.simulate.worked import FAMILY_FOLDER, family_command, worked_families

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "synthetic_data" / FAMILY_FOLDER
NAMES = [*(f"{file}.csv" for file in FAMILY_FILES), "truth.json"]
SMALL = {"services": 6, "practitioners": 3, "families": 300}
ITEMS = [f"q{i:02d}" for i in range(1, 13)]


@pytest.fixture(scope="module")
def panel():
    return simulate_families("everyday", seed=7, **SMALL)


@pytest.fixture(scope="module")
def made(panel):
    return family_extracts(panel, faults=True)


@pytest.fixture(scope="module")
def clean(panel):
    return family_extracts(panel, faults=False)


@pytest.fixture(scope="module")
def made_again(tmp_path_factory):
    folder = tmp_path_factory.mktemp("again") / FAMILY_FOLDER
    write_families(worked_families(), folder)
    return folder


# --- what is committed ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_files_are_made_again_byte_for_byte(made_again, name):
    assert (made_again / name).read_bytes() == (COMMITTED / name).read_bytes()


def test_the_committed_files_are_small_and_there_is_no_other():
    held = list(COMMITTED.iterdir())
    assert sorted(path.name for path in held) == sorted(NAMES)
    assert sum(path.stat().st_size for path in held) < 1_500_000


def test_the_command_line_makes_the_committed_files(deepvalue, tmp_path, made_again):
    arguments = family_command().split()[1:-1]
    code, out, _ = deepvalue(*arguments, tmp_path / "mine")
    assert code == 0
    assert out.splitlines() == [f"Wrote {tmp_path / 'mine' / name}" for name in NAMES]
    for name in NAMES:
        assert (tmp_path / "mine" / name).read_bytes() == (made_again / name).read_bytes()


def test_make_data_runs_the_command_that_the_page_gives():
    assert f"{family_command()} --replace" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert family_command() in dictionary()


def test_the_help_lists_the_presets_of_panels(deepvalue):
    code, out, _ = deepvalue("simulate-families", "--help")
    assert code == 0
    assert "breaks_hurt: Breaks hurt more and more" in out
    assert "policing" not in out


def test_an_unknown_preset_ends_with_the_exit_code_of_a_plan(deepvalue, tmp_path):
    code, _, err = deepvalue("simulate-families", "policing", "--seed", "1", "-o", tmp_path)
    assert code == 10
    assert err.startswith("PlanError: there is no preset 'policing'")


def test_the_packaged_plan_is_the_worked_one_but_for_paths():
    worked = read_plan(ROOT / "analyses/synthetic_families/plan.toml")
    packaged = read_plan(ROOT / "deepvalue_stats/plan/templates/families.toml")
    assert packaged.digest == worked.digest
    assert packaged.sources["interviews"].path == "data/interviews.csv"


# --- planted faults ------------------------------------------------------------------------------


def test_every_fault_can_be_counted_in_the_files(made):
    rows, homes, told = made.frames["interviews"], made.frames["families"], made.planted
    assert set(told) == set(FAMILY_FAULTS)
    dates = rows["interviewed_on"]
    twice = rows.duplicated(keep=False)
    found = {
        "lost_leading_zeros_interviews": (rows["family_id"].str.len() < 8).sum(),
        "missing_tokens": rows[ITEMS].isin(["99", "NA", "n/a"]).any(axis=1).sum(),
        "items_out_of_range": (rows[ITEMS] == "7").any(axis=1).sum(),
        "repeated_rows": rows.duplicated().sum(),
        "duplicated_interviews": rows[~twice].duplicated(["family_id", "wave"]).sum(),
        "date_typos": dates.str.contains(r"-13-01$|-02-31$").sum(),
        "dates_day_first": dates.str.fullmatch(r"\d\d/\d\d/\d{4}").sum(),
        "lost_leading_zeros_families": (homes["family_id"].str.len() < 8).sum(),
        "suppressed": (homes["creditors"] == "*").sum(),
    }
    assert found == told
    assert min(told.values()) > 0


def test_no_interview_before_advice_is_spoilt(made, clean):
    before = {key: one.frames["interviews"].query("wave == '0'") for key, one in
              {"made": made, "clean": clean}.items()}  # fmt: skip
    pd.testing.assert_frame_equal(
        *(frame.reset_index(drop=True) for frame in before.values()), check_dtype=False
    )


def test_rows_without_a_fault_are_as_they_were(made, clean):
    rows, whole = made.frames["interviews"], clean.frames["interviews"]
    same = rows.merge(whole, how="inner").drop_duplicates()
    spoilt = sum(
        made.planted[name]
        for name in (
            "dates_day_first",
            "lost_leading_zeros_interviews",
            "missing_tokens",
            "date_typos",
            "items_out_of_range",
        )
    )
    assert len(same) == len(whole) - spoilt


def test_clean_files_have_none_and_say_so(clean, panel, tmp_path):
    assert clean.planted == {}
    assert not clean.frames["interviews"].duplicated(["family_id", "wave"]).any()
    *_, path = write_families(panel, tmp_path / "clean", faults=False)
    truth = json.loads(path.read_text(encoding="utf-8"))
    assert truth["fault_definitions"] == {}
    assert truth["extracts"]["planted_faults"] == {}


def test_the_truth_in_the_file_is_the_panels_with_what_the_files_hold(panel, made, tmp_path):
    *written, path = write_families(panel, tmp_path / "mine")
    truth = json.loads(path.read_text(encoding="utf-8"))
    assert {key: truth[key] for key in panel.truth} == json.loads(json.dumps(panel.truth))
    for extract in written:
        lines = extract.read_text(encoding="utf-8").splitlines()
        assert truth["extracts"]["rows"][extract.stem] == len(lines) - 1
    assert truth["extracts"]["planted_faults"] == dict(made.planted)
    assert truth["fault_definitions"] == dict(FAMILY_FAULTS)


# --- how files are written -----------------------------------------------------------------------


def test_existing_files_are_not_written_over_unless_asked(panel, tmp_path):
    (tmp_path / "families.csv").write_text("mine\n")
    with pytest.raises(DataError) as caught:
        write_families(panel, tmp_path)
    assert str(caught.value) == (
        "DataError: the folder holds files of a synthetic service: families.csv\n"
        f"  where: {tmp_path}\n"
        "  fix:   name another folder, or ask for the files to be replaced"
    )
    write_families(panel, tmp_path, replace=True)
    assert (tmp_path / "families.csv").read_text("utf-8").startswith("family_id,")


# --- files fit each other ------------------------------------------------------------------------


def test_the_files_fit_each_other(panel):
    rows, homes, staff = (panel.frames[name] for name in FAMILY_FILES)
    assert set(rows["family_id"]) == set(homes["family_id"])
    assert set(rows["adviser_id"]) <= set(staff["adviser_id"])
    branch = staff.set_index("adviser_id")["branch_id"]
    assert (rows["adviser_id"].map(branch) == rows["branch_id"]).all()
    year = rows["interviewed_on"].dt.year
    entered = rows["family_id"].map(homes.set_index("family_id")["entry_year"])
    assert (year == entered + rows["wave"]).all()
    assert homes["family_id"].str.fullmatch(r"\d{8}").all()


def test_an_adviser_is_in_post_when_a_family_tells_of_them(panel):
    told, _, staff = (panel.frames[name] for name in FAMILY_FILES)
    rows = told[told["case_closed"] == 0]
    met = rows[rows["wave"] > 0].merge(staff, on="adviser_id")
    assert (met["started_on"] < met["interviewed_on"]).all()
    gone = met["left_on"].notna()
    assert (met.loc[gone, "left_on"] > met.loc[gone, "interviewed_on"]).all()
    assert ((staff["left_reason"] != "") == staff["left_on"].notna()).all()
    families = rows.groupby("adviser_id")["family_id"].nunique()
    counted = staff.set_index("adviser_id")["families"]
    assert (counted[families.index] == families).all()
    assert (counted.drop(families.index) == 0).all()


def test_what_only_the_generator_knows_stands_in_the_order_of_the_interviews(panel):
    keys = ["family_id", "wave"]
    pd.testing.assert_frame_equal(panel.known[keys], panel.frames["interviews"][keys])
    assert panel.known["chance"].between(0, 1).all()


# --- the data dictionary -------------------------------------------------------------------------


@pytest.mark.parametrize("file", FAMILY_FILES)
def test_every_column_of_every_file_is_in_the_dictionary(panel, file):
    assert list(FAMILY_COLUMNS[file]) == list(panel.frames[file].columns)
    page = dictionary().split(f"### `{FAMILY_FOLDER}/{file}.csv`\n")[1].split("\n#")[0]
    told = re.findall(r"^\| `(\w+)`", page, flags=re.MULTILINE)
    items = [f"{letter}{i:02d}" for letter in "qc" for i in range(2, 13)]
    assert told == [name for name in FAMILY_COLUMNS[file] if name not in items]


def test_a_line_of_the_dictionary_says_type_meaning_values_and_use():
    assert (
        "| `income_lost` | text | lost income in the year | 0 or 1 | `covariates.income_lost` |"
        in dictionary()
    )
