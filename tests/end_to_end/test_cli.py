"""The command line: what it offers, what it writes, and what it ends with."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepvalue_stats import cli
from deepvalue_stats.plan import parse_plan
from deepvalue_stats.simulate import PRESETS
from deepvalue_stats.study import run_study

COMMANDS = (
    "init",
    "check",
    "run",
    "report",
    "simulate",
    "simulate-families",
    "manifest",
    "compare",
)


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- help ----------------------------------------------------------------------------------------


def test_help_lists_the_commands_and_the_exit_codes():
    result = CliRunner().invoke(cli.app, ["--help"])
    assert result.exit_code == 0
    assert [name for name in COMMANDS if name not in result.output] == []
    assert "0 fine, 10 plan, 11 data, 12 linkage, 13 model, 14" in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example(command):
    result = CliRunner().invoke(cli.app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: deepvalue {command} " in result.output


def test_help_and_a_wrong_command_load_none_of_the_heavy_libraries():
    heavy = ("pandas", "numpy", "scipy", "statsmodels", "duckdb", "matplotlib", "pydantic")
    script = (
        "import sys\n"
        "from deepvalue_stats import cli\n"
        "sys.argv = ['deepvalue', '--help']\n"
        "try:\n"
        "    cli.main()\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code\n"
        f"print('LOADED', [name for name in {heavy} if name in sys.modules])\n"
    )
    result = subprocess.run(  # modules loaded by other tests would count here
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "LOADED []"


def test_the_installed_command_ends_with_the_code_of_a_refusal(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "deepvalue_stats.cli", "check", str(tmp_path / "plan.toml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 10
    assert result.stdout == ""
    assert result.stderr.startswith("PlanError: there is no plan file here\n")
    assert "Traceback" not in result.stderr


# --- init ----------------------------------------------------------------------------------------


@pytest.fixture
def begun(deepvalue, tmp_path):
    """A starter study as a new user gets it, with its planted faults."""
    assert deepvalue("init", "employment", "--output", tmp_path / "mine")[0] == 0
    return tmp_path / "mine"


def test_init_writes_a_plan_its_extracts_and_two_notebooks(begun):
    assert names_in(begun) == [
        "data/clients.csv",
        "data/contacts.csv",
        "data/outcomes.csv",
        "data/ratings.csv",
        "data/staffing.csv",
        "data/steps.csv",
        "data/truth.json",
        "plan.toml",
        "summary.py",
        "technical.py",
    ]
    assert sorted(path.name for path in begun.parent.iterdir()) == ["mine"]


def test_init_says_what_to_do_next(deepvalue, tmp_path):
    code, out, _ = deepvalue("init", "employment", "-o", tmp_path / "mine")
    assert code == 0
    assert out.splitlines() == [
        f"Wrote 10 files to {tmp_path / 'mine'}. Next:",
        f"  deepvalue check {tmp_path / 'mine/plan.toml'}",
        f"  deepvalue run {tmp_path / 'mine/plan.toml'}",
    ]


def test_a_second_init_into_the_same_folder_is_refused_and_changes_nothing(begun, deepvalue):
    (begun / "plan.toml").write_text("# mine now")
    code, out, err = deepvalue("init", "employment", "-o", begun)
    assert (code, out) == (11, "")
    assert err == (
        "DataError: this folder holds something already\n"
        f"  where: {begun}\n"
        "  fix:   name a new or empty one\n"
    )
    assert (begun / "plan.toml").read_text() == "# mine now"


def test_init_into_the_empty_folder_where_one_stands(deepvalue, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert deepvalue("init", "employment", "-o", ".")[0] == 0
    # seen from where one stands: the folder is filled, not put in place of another
    assert names_in(Path()) == names_in(here)
    assert "data/ratings.csv" in names_in(Path())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]


def test_init_onto_a_file_is_refused(deepvalue, tmp_path):
    (tmp_path / "mine").write_text("a file")
    code, _, err = deepvalue("init", "employment", "-o", tmp_path / "mine")
    assert code == 11
    assert "this folder holds something already" in err


def test_init_of_an_area_without_a_starter(deepvalue, tmp_path):
    code, _, err = deepvalue("init", "dept", "-o", tmp_path / "mine")
    assert code == 10
    assert err == (
        "PlanError: there is no starter for 'dept'\n"
        "  where: init\n"
        "  fix:   did you mean 'debt'? use employment, debt, health\n"
    )
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("area", ["employment", "debt", "health"])
def test_the_starter_of_an_area_is_its_worked_study(area, deepvalue, tmp_path, pytestconfig):
    assert deepvalue("init", area, "-o", tmp_path / "mine")[0] == 0
    worked = pytestconfig.rootpath / "synthetic_data" / area
    for path in worked.iterdir():
        assert (tmp_path / "mine/data" / path.name).read_bytes() == path.read_bytes()
    assert deepvalue("check", tmp_path / "mine/plan.toml")[0] == 0


def test_another_seed_makes_other_extracts_for_the_same_plan(deepvalue, tmp_path):
    assert deepvalue("init", "debt", "-o", tmp_path / "one")[0] == 0
    assert deepvalue("init", "debt", "--seed", 5, "-o", tmp_path / "other")[0] == 0
    one, other = tmp_path / "one", tmp_path / "other"
    assert (one / "plan.toml").read_bytes() == (other / "plan.toml").read_bytes()
    assert (one / "data/ratings.csv").read_bytes() != (other / "data/ratings.csv").read_bytes()


# --- check and run -------------------------------------------------------------------------------


def test_the_starter_can_be_checked_and_run_as_it_is(begun, deepvalue, tmp_path):
    code, out, err = deepvalue("check", begun / "plan.toml")
    assert code == 0
    for heading in (
        "How the sources were read",
        "Problems",
        "Rows of every source: read, left out, linked",
        "From the records to the analysis: what left at each step, and what remained (model main)",
        "Defaults in force",
    ):
        assert heading in out
    assert "Checking" in err
    code, out, _ = deepvalue("run", begun / "plan.toml", "--no-pages", "-o", tmp_path / "out")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("C1 supported. A better relationship is followed by a higher chance")
    assert lines[1].startswith("C2 ")
    assert lines[2].startswith("C3 ")
    assert lines[3] == (
        f"Findings: {tmp_path / 'out/findings'} (may leave the room once released by a person)"
    )
    assert lines[4] == f"Room:     {tmp_path / 'out/room'} (may not)"
    assert names_in(tmp_path / "out/room") == ["linkage.sql", "manifest.json", "plan.toml"]


def test_check_writes_nothing(study, deepvalue, tmp_path):
    before = names_in(tmp_path)
    assert deepvalue("check", study / "plan.toml")[0] == 0
    assert names_in(tmp_path) == before


def test_check_can_lock_a_confirmatory_plan_which_then_runs(study, deepvalue, tmp_path):
    plan = study / "plan.toml"
    plan.write_text(plan.read_text("utf-8").replace('"exploratory"', '"confirmatory"'))
    assert deepvalue("run", plan, "--no-pages", "-o", tmp_path / "out")[0] == 10
    code, out, _ = deepvalue("check", plan, "--lock")
    assert code == 0
    assert out.splitlines()[-1] == f"Locked: {study / 'plan.lock'}"
    assert deepvalue("run", plan, "--no-pages", "-o", tmp_path / "out")[0] == 0


def test_two_runs_give_equal_findings(study, deepvalue, tmp_path):
    for name in ("one", "other"):
        assert deepvalue("run", study / "plan.toml", "--no-pages", "-o", tmp_path / name)[0] == 0
    for path in (tmp_path / "one/findings").iterdir():
        assert path.read_bytes() == (tmp_path / "other/findings" / path.name).read_bytes(), path


def test_a_limit_of_memory_changes_no_finding(study, deepvalue, tmp_path):
    run = ("run", study / "plan.toml", "--no-pages", "-o")
    assert deepvalue(*run, tmp_path / "free")[0] == 0
    assert deepvalue(*run, tmp_path / "tight", "--memory", "200MB")[0] == 0
    for path in (tmp_path / "free/findings").iterdir():
        assert path.read_bytes() == (tmp_path / "tight/findings" / path.name).read_bytes(), path


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--memory", "much"],
            "this is no amount of memory\n  where: engine, memory\n"
            "  fix:   write a number and a unit, as in 500MB",
        ),
        (
            ["--engine", "spark", "--memory", "1GB"],
            "the engine spark keeps its own memory\n  where: --memory\n"
            "  fix:   leave it out, and set the memory of the session",
        ),
        (
            ["--engine", "postgres"],
            "there is no such engine\n  where: engine\n"
            '  fix:   use "duckdb", "spark", or a session of Spark',
        ),
    ],
)
def test_what_an_engine_cannot_do_is_refused_before_any_work(study, deepvalue, options, told):
    (study / "data/ratings.csv").unlink()  # would be told, had the reading begun
    code, _, err = deepvalue("check", study / "plan.toml", *options)
    assert code == 12
    assert f"LinkageError: {told}" in err


def test_the_plan_kept_in_the_room_is_the_plan_that_was_run(study, deepvalue, tmp_path, template):
    assert deepvalue("run", study / "plan.toml", "--no-pages", "-o", tmp_path / "out")[0] == 0
    manifest = json.loads((tmp_path / "out/findings/manifest.json").read_text("utf-8"))
    assert manifest["plan"] == parse_plan(template("employment")).digest


@pytest.mark.parametrize("place", ["taken", "taken/deeper"])
def test_an_output_that_is_a_file_is_refused_before_any_work(study, deepvalue, tmp_path, place):
    (tmp_path / "taken").write_text("a file")
    (study / "data/ratings.csv").unlink()  # would be told, had the reading begun
    code, _, err = deepvalue("run", study / "plan.toml", "--no-pages", "-o", tmp_path / place)
    assert code == 11
    assert "DataError: this is a file, and findings are a folder\n" in err
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_failed_run_leaves_earlier_findings_as_they_were(study, deepvalue, tmp_path):
    out = tmp_path / "out"
    assert deepvalue("run", study / "plan.toml", "--no-pages", "-o", out)[0] == 0
    before = {name: (out / name).read_bytes() for name in names_in(out)}
    (study / "data/ratings.csv").unlink()
    assert deepvalue("run", study / "plan.toml", "--no-pages", "-o", out)[0] == 11
    assert {name: (out / name).read_bytes() for name in names_in(out)} == before


def test_a_confidential_study_without_a_key_is_refused(study, deepvalue, monkeypatch, tmp_path):
    for name in ("DEEPVALUE_KEY", "DEEPVALUE_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    plan = study / "plan.toml"
    text = plan.read_text("utf-8").replace('status = "synthetic"', 'status = "confidential"')
    plan.write_text(text.replace('pseudonyms = "none"', 'pseudonyms = "keyed"'))
    code, _, err = deepvalue("run", plan, "--no-pages", "-o", tmp_path / "out")
    assert code == 12
    assert "there is no usable key for the pseudonyms" in err
    assert not (tmp_path / "out").exists()


# --- few practitioners: what a block and a small number take away --------------------------------


def test_seven_practitioners_give_no_interval_anywhere(study, deepvalue, tmp_path):
    path = study / "data/contacts.csv"
    header, *lines = path.read_text("utf-8").splitlines()
    cells = [line.split(",") for line in lines]
    at = header.split(",").index("adviser_id")
    for row in cells:
        row[at] = f"A{int(row[header.split(',').index('client_id')]) % 7}"
    path.write_text("\n".join([header, *(",".join(row) for row in cells)]) + "\n")
    plan = study / "plan.toml"
    # also where no claim rests on the model with the bands
    plan.write_text(
        plan.read_text("utf-8").replace('claims = ["C1", "C2", "C3"]', 'claims = ["C1"]')
    )
    code, out, _ = deepvalue("run", plan, "--no-pages", "-o", tmp_path / "out")
    assert code == 0
    assert out.startswith("C1 cannot be tested here. These data cannot say whether")
    found = tmp_path / "out/findings"
    header, *rows = (found / "effects.csv").read_text("utf-8").splitlines()
    assert len(rows) > 15
    other = [row for row in rows if not row.endswith(("failed_gate", "suppressed"))]
    assert not other
    assert (found / "predicted.series.csv").read_text("utf-8") == "group,x,y,low,high,n_clients\n"
    meta = json.loads((found / "findings.json").read_text("utf-8"))
    gates = {gate["name"]: gate for gate in meta["verdicts"][0]["gates"]}
    assert gates["groups"]["outcome"] == "block"
    assert gates["groups"]["answer"] == (
        "No. The main model rests on fewer than 10 practitioners: too few for any interval, so "
        "none is given."
    )


def test_interviews_are_judged_by_the_clients_who_gave_them(health):
    # 50 interviews of the middle band had the outcome, given by fewer than 35 clients
    health["models"] = {"gee": {**health["models"]["gee"], "role": "primary"}}
    health["disclosure"] = {"profile": "own", "threshold": 35, "rounding": 5}
    found = run_study(parse_plan(health))
    participants = found.counts["participants"].frame.set_index("group")
    assert participants.loc["mid", "rows"] == "90"
    assert participants.loc["mid", "with_outcome"] == "[c]"
    assert participants.loc["low", "with_outcome"] == "125"
    status = found.effects.where(contrast="sd", scale="risk_difference").frame
    status = status.set_index("group")["status"]
    assert status["mid"] == status["mid minus high"] == "suppressed"
    assert status["low"] == status["low minus high"] == "ok"


# --- manifest, report, simulate ------------------------------------------------------------------


def test_manifest_prints_what_findings_were_made_from(study, deepvalue, tmp_path, template):
    assert deepvalue("run", study / "plan.toml", "--no-pages", "-o", tmp_path / "out")[0] == 0
    code, out, _ = deepvalue("manifest", "show", tmp_path / "out")
    assert code == 0
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert lines["plan"] == parse_plan(template("employment")).digest
    assert lines["seed"] == "20110523"
    assert len(lines["data.ratings"]) == 64
    assert "versions.pandas" in lines
    (tmp_path / "out/findings/effects.csv").write_text("changed")
    code, out, err = deepvalue("manifest", "show", tmp_path / "out")
    assert (code, out) == (11, "")
    assert err.startswith("DataError: 'effects.csv' is not the file that the manifest names\n")


@pytest.mark.parametrize("command", ["manifest show", "manifest verify", "report"])
def test_a_folder_without_findings(deepvalue, tmp_path, command):
    code, _, err = deepvalue(*command.split(), tmp_path)
    assert code == 11
    assert "DataError: there are no findings here\n" in err
    assert names_in(tmp_path) == []


SMALL = ("--services", 2, "--practitioners", 2, "--caseload", 12)


def test_the_help_of_simulate_lists_the_presets_each_time_it_is_asked_for():
    for _ in range(2):
        told = CliRunner().invoke(cli.app, ["simulate", "--help"]).output
        for preset in PRESETS.values():
            assert told.count(f" {preset.name}: {preset.title}") == 1


def test_simulate_writes_the_same_files_for_the_same_seed(deepvalue, tmp_path):
    for name in ("one", "other"):
        assert deepvalue("simulate", "null", "--seed", 7, *SMALL, "-o", tmp_path / name)[0] == 0
    one, other = tmp_path / "one", tmp_path / "other"
    assert names_in(one) == names_in(other)
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names_in(one))


def test_simulate_makes_the_size_and_the_areas_that_it_is_asked_for(deepvalue, tmp_path):
    areas = ("--area", "debt", "--area", "health")
    call = ("simulate", "null", "--seed", 7, *SMALL, *areas, "--no-faults", "-o", tmp_path)
    code, out, _ = deepvalue(*call)
    assert code == 0
    assert [line.removeprefix("Wrote ") for line in out.splitlines()][-1] == str(
        tmp_path / "truth.json"
    )
    files = ("clients", "contacts", "outcomes", "ratings", "staffing", "steps")
    expected = [f"{area}/{file}.csv" for area in ("debt", "health") for file in files]
    assert names_in(tmp_path) == [*expected, "truth.json"]
    truth = json.loads((tmp_path / "truth.json").read_text("utf-8"))
    assert truth["parameters"]["services"] == truth["parameters"]["practitioners"] == 2
    assert truth["extracts"]["debt"]["rows"]["staffing"] == 4
    assert truth["extracts"]["debt"]["planted_faults"] == {}


@pytest.mark.parametrize(
    ("arguments", "what", "meant"),
    [
        (("claim_tru",), "there is no preset 'claim_tru'", "did you mean 'claim_true'?"),
        (("null", "--area", "dept"), "there is no area 'dept'", "did you mean 'debt'?"),
    ],
)
def test_simulate_refuses_what_it_does_not_know(deepvalue, tmp_path, arguments, what, meant):
    code, out, err = deepvalue("simulate", *arguments, "--seed", 7, "-o", tmp_path / "new")
    assert (code, out) == (10, "")
    assert err.startswith(f"PlanError: {what}\n")
    assert meant in err
    assert not (tmp_path / "new").exists()


def test_simulate_does_not_overwrite_unless_told_to(deepvalue, tmp_path):
    def call(seed, *more):
        return deepvalue("simulate", "null", "--seed", seed, *SMALL, "-o", tmp_path, *more)[0]

    assert call(7) == 0
    before = (tmp_path / "ratings.csv").read_bytes()
    assert call(8) == 11
    assert (tmp_path / "ratings.csv").read_bytes() == before
    assert call(8, "--replace") == 0
    assert (tmp_path / "ratings.csv").read_bytes() != before


def test_a_call_that_cannot_be_parsed_ends_with_2(deepvalue):
    code, _, err = deepvalue("run")
    assert code == 2
    assert "Missing argument" in err
