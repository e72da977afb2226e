"""The files of a synthetic service: same bytes each time, whole or not at all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import deepvalue_stats.simulate.files as files
from deepvalue_stats.errors import DataError
from deepvalue_stats.simulate import AREAS, simulate_service
from deepvalue_stats.simulate.dictionary import dictionary
from deepvalue_stats.simulate.extracts import FILES, file_columns
from deepvalue_stats.simulate.files import write_service
from deepvalue_stats.simulate.worked import command, worked_service

NAMES = [*(f"{file}.csv" for file in FILES), "truth.json"]
COMMITTED = Path(__file__).parents[2] / "synthetic_data"
SMALL = {"services": 2, "practitioners": 2, "caseload": 15}


@pytest.fixture(scope="module")
def service():
    return simulate_service("everyday", seed=7, areas=("employment",), **SMALL)


@pytest.fixture(scope="module")
def made_again(tmp_path_factory):
    """The worked services of all areas, written once more."""
    folder = tmp_path_factory.mktemp("again")
    for area in AREAS:
        write_service(worked_service(area), folder / area)
    return folder


# --- what is committed ---------------------------------------------------------------------------


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("name", NAMES)
def test_the_committed_files_are_made_again_byte_for_byte(made_again, area, name):
    assert (made_again / area / name).read_bytes() == (COMMITTED / area / name).read_bytes()


@pytest.mark.parametrize("area", AREAS)
def test_the_committed_files_are_small_and_there_is_no_other(area):
    held = list((COMMITTED / area).iterdir())
    assert sorted(path.name for path in held) == sorted(NAMES)
    assert sum(path.stat().st_size for path in held) < 3_000_000


def test_the_command_line_makes_the_committed_files(deepvalue, tmp_path, made_again):
    arguments = command("debt").split()[1:-1]
    code, out, _ = deepvalue(*arguments, tmp_path / "debt")
    assert code == 0
    assert out.splitlines() == [f"Wrote {tmp_path / 'debt' / name}" for name in NAMES]
    for name in NAMES:
        again = (made_again / "debt" / name).read_bytes()
        assert (tmp_path / "debt" / name).read_bytes() == again


def test_make_data_runs_the_commands_that_the_page_gives(pytestconfig):
    makefile = (pytestconfig.rootpath / "Makefile").read_text(encoding="utf-8")
    for area in AREAS:
        assert f"{command(area)} --replace" in makefile


# --- the data dictionary -------------------------------------------------------------------------


def test_the_committed_page_is_made_again_byte_for_byte():
    assert dictionary().encode() == (COMMITTED / "README.md").read_bytes()


def test_the_module_writes_the_page(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "deepvalue_stats.simulate.dictionary", tmp_path / "page.md"],
        check=True,
    )
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == dictionary()


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("file", FILES)
def test_every_column_of_every_file_is_in_the_dictionary(area, file):
    page = dictionary().split(f"### `{area}/{file}.csv`\n")[1].split("\n#")[0]
    told = [line.split(" | ")[0].removeprefix("| ") for line in page.splitlines() if "| `" in line]
    first = [names.split(" to ")[0].strip("`") for names in told]
    header = (COMMITTED / area / f"{file}.csv").read_text(
        "utf-8-sig" if area == "health" else "cp1252"
    )
    columns = header.splitlines()[0].replace(";", ",").split(",")
    items = [f"{letter}{i:02d}" for letter in "qc" for i in range(2, 13)]
    assert first == [name for name in columns if name not in items]


@pytest.mark.parametrize(
    ("area", "line"),
    [
        (
            "employment",
            "| `sanction` | number | a sanction was applied at the contact | 0 or 1 | "
            "`covariates.sanction_rate` |",
        ),
        (
            "debt",
            "| `creditors` | number | creditors at the first contact | 1 to 40 | "
            "`covariates.creditors` |",
        ),
        (
            "health",
            "| `quit_on` | date | the day of a four-week quit |  | `outcomes.quit.date` |",
        ),
    ],
)
def test_a_line_of_the_dictionary_says_type_meaning_values_and_use(area, line):
    page = dictionary()
    assert line in page[page.index(f"## {area.capitalize()}") :]


# --- how files are written -----------------------------------------------------------------------


def test_paths_are_returned_in_order_and_nothing_else_is_left(service, tmp_path):
    written = write_service(service, tmp_path / "deep" / "employment")
    assert [path.name for path in written] == NAMES
    assert all(path.parent == tmp_path / "deep" / "employment" for path in written)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["employment"]


def test_several_areas_have_a_folder_each_and_one_truth(tmp_path):
    service = simulate_service("everyday", seed=7, areas=("debt", "health"), **SMALL)
    written = write_service(service, tmp_path / "both")
    relative = [path.relative_to(tmp_path / "both").as_posix() for path in written]
    assert relative == [
        *(f"{area}/{file}.csv" for area in ("debt", "health") for file in FILES),
        "truth.json",
    ]
    assert list(json.loads(written[-1].read_bytes())["extracts"]) == ["debt", "health"]


def test_an_extract_is_plain_unless_it_is_as_a_spreadsheet_saves_it(made_again):
    for area in AREAS:
        saved = {("debt", "clients.csv"): "cp1252", ("health", "outcomes.csv"): "utf-8-sig"}
        for name in NAMES:
            content = (made_again / area / name).read_bytes()
            encoding = saved.get((area, name))
            text = content.decode(encoding or "utf-8")
            assert ("\r\n" in text) == (encoding is not None)
            assert (";" in text.splitlines()[0]) == (encoding is not None)
            assert content.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
    with pytest.raises(UnicodeDecodeError):
        (made_again / "debt/clients.csv").read_bytes().decode("utf-8")


def test_without_faults_every_file_is_plain(tmp_path):
    service = simulate_service("everyday", seed=7, areas=("debt", "health"), **SMALL)
    for path in write_service(service, tmp_path, faults=False):
        content = path.read_bytes()
        assert b"\r" not in content
        assert content.endswith(b"\n")
        assert content.isascii()


def test_another_seed_gives_other_bytes(service, tmp_path):
    other = simulate_service("everyday", seed=8, areas=("employment",), **SMALL)
    ones = write_service(service, tmp_path / "one")
    others = write_service(other, tmp_path / "other")
    assert all(a.read_bytes() != b.read_bytes() for a, b in zip(ones, others, strict=True))


def test_the_truth_in_the_file_is_the_services_with_what_the_files_hold(service, tmp_path):
    *written, path = write_service(service, tmp_path)
    truth = json.loads(path.read_text(encoding="utf-8"))
    assert {key: truth[key] for key in service.truth} == json.loads(json.dumps(service.truth))
    own = truth["extracts"]["employment"]
    for extract in written:
        lines = extract.read_text(encoding="utf-8").splitlines()
        assert own["rows"][extract.stem] == len(lines) - 1
    assert set(own["planted_faults"]) == set(truth["fault_definitions"])
    assert own["written"] == {}


def test_the_truth_of_clean_files_tells_of_no_fault(service, tmp_path):
    path = write_service(service, tmp_path, faults=False)[-1]
    truth = json.loads(path.read_text(encoding="utf-8"))
    assert truth["extracts"]["employment"]["planted_faults"] == {}
    assert truth["fault_definitions"] == {}


def test_existing_files_are_not_written_over(service, tmp_path):
    (tmp_path / "clients.csv").write_text("mine\n")
    with pytest.raises(DataError) as caught:
        write_service(service, tmp_path)
    assert str(caught.value) == (
        "DataError: the folder holds files of a synthetic service: clients.csv\n"
        f"  where: {tmp_path}\n"
        "  fix:   name another folder, or ask for the files to be replaced"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["clients.csv"]


def test_existing_files_are_replaced_when_asked_and_others_are_left(service, tmp_path):
    (tmp_path / "clients.csv").write_text("mine\n")
    (tmp_path / "notes.txt").write_text("mine\n")
    write_service(service, tmp_path, replace=True)
    assert (tmp_path / "clients.csv").read_text("utf-8").startswith("client_id,")
    assert (tmp_path / "notes.txt").read_text() == "mine\n"


def test_a_file_in_place_of_the_folder_is_refused(service, tmp_path):
    (tmp_path / "out").write_text("mine\n")
    with pytest.raises(DataError, match="the output is a file, not a folder"):
        write_service(service, tmp_path / "out")


def test_a_failure_half_way_leaves_nothing(service, tmp_path, monkeypatch):
    monkeypatch.setattr(files.json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_service(service, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_every_header_is_the_areas_word_for_a_column_of_the_generator(service):
    own = set(service.frames["clients"]) | {"barred"}
    assert set(file_columns(AREAS["employment"])["clients"].values()) == own - {"area"}
