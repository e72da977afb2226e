"""The files of a synthetic service: same bytes each time, whole or not at all."""

import json
from pathlib import Path

import pytest

import deepvalue_stats.simulate.files as files
from deepvalue_stats.errors import DataError
from deepvalue_stats.simulate import simulate_service, write_service

SEED = 20110523
NAMES = ["ratings.csv", "contacts.csv", "outcomes.csv", "clients.csv", "truth.json"]
COMMITTED = Path(__file__).parents[2] / "synthetic_data" / "employment"


@pytest.fixture(scope="module")
def service():
    return simulate_service("employment", seed=SEED, faults=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_files_are_made_again_byte_for_byte(service, tmp_path, name):
    write_service(service, tmp_path / "again")
    assert (tmp_path / "again" / name).read_bytes() == (COMMITTED / name).read_bytes()


def test_the_committed_files_are_small():
    assert sum((COMMITTED / name).stat().st_size for name in NAMES) < 1_500_000


def test_paths_are_returned_in_order_and_nothing_else_is_left(service, tmp_path):
    written = write_service(service, tmp_path / "deep" / "employment")
    assert [path.name for path in written] == NAMES
    assert all(path.parent == tmp_path / "deep" / "employment" for path in written)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["employment"]


def test_lines_end_in_lf_alone_and_the_text_is_utf8(service, tmp_path):
    for path in write_service(service, tmp_path / "out"):
        content = path.read_bytes()
        assert b"\r" not in content
        assert content.endswith(b"\n")
        content.decode("utf-8")


def test_another_seed_gives_other_bytes(service, tmp_path):
    other = simulate_service("employment", seed=SEED + 1, faults=True)
    ones = write_service(service, tmp_path / "one")
    others = write_service(other, tmp_path / "other")
    assert all(a.read_bytes() != b.read_bytes() for a, b in zip(ones, others, strict=True))


def test_truth_survives_the_file(service, tmp_path):
    path = write_service(service, tmp_path)[-1]
    assert json.loads(path.read_text(encoding="utf-8")) == service.truth


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
    assert (tmp_path / "clients.csv").read_text().startswith("client_id,")
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
