"""Two runs of one study: equal bytes, files that are still those of the run, and what moved."""

import json
import shutil

import pytest
from bs4 import BeautifulSoup
from typer.testing import CliRunner

from deepvalue_stats import cli
from deepvalue_stats.study.manifest import keyed

FORMS = ("html", "docx", "xlsx", "md", "tex", "csv")


@pytest.fixture(scope="module")
def runs(starter, tmp_path_factory):
    """The small study run twice from two folders, with every form; and once with another plan."""
    place = tmp_path_factory.mktemp("runs")
    for name in ("one", "other", "changed"):
        study = shutil.copytree(starter, place / f"study_{name}")
        plan = study / "plan.toml"
        if name == "changed":
            text = plan.read_text("utf-8")
            assert text.count("smallest_worthwhile = 0.02") == 1
            plan.write_text(text.replace("worthwhile = 0.02", "worthwhile = 0.2"), "utf-8")
        calls = [["run", str(plan), "--no-pages", "-o", str(place / name)]]
        if name != "changed":
            calls.append(["report", str(place / name), "--also", ",".join(FORMS[1:])])
        for call in calls:
            result = CliRunner().invoke(cli.app, call, catch_exceptions=False)
            assert result.exit_code == 0, result.output
    return place


@pytest.fixture
def run(runs, tmp_path):
    """A copy of the first run to damage."""
    return shutil.copytree(runs / "one", tmp_path / "run")


def published(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pdf"]
    return {path.relative_to(folder).as_posix(): path for path in files
            if path.relative_to(folder).parts[0] != "room"}  # fmt: skip


def test_the_same_inputs_give_the_same_bytes_in_every_published_file(runs):
    one, other = published(runs / "one"), published(runs / "other")
    assert set(one) == set(other)
    assert {path.suffix for path in one.values()} >= {f".{form}" for form in FORMS} | {".json"}
    assert [n for n in one if one[n].read_bytes() != other[n].read_bytes()] == []


def test_a_run_that_nobody_touched_is_as_written(run, deepvalue):
    code, out, err = deepvalue("manifest", "verify", run)
    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if "as written" not in line] == [
        f"not checked: {page.name} (a PDF holds the time of its making)"
        for page in sorted(run.glob("*.pdf"))
    ]


def test_every_file_that_is_not_the_run_s_is_told_at_once(run, deepvalue):
    (run / "findings/effects.csv").write_text("changed")
    (run / "findings/flow.csv").unlink()
    (run / "findings/more.csv").write_text("more")
    (run / "room/linkage.sql").write_text("changed")
    (run / "summary.html").write_text("changed")
    code, out, err = deepvalue("manifest", "verify", run)
    assert code == 11
    told = [line for line in out.splitlines() if not line.startswith("not checked")][:-1]
    assert sorted(told) == [
        "changed: findings/effects.csv",
        "changed: room/linkage.sql",
        "changed: summary.html",
        "missing: findings/flow.csv",
        "not in the manifest: findings/more.csv",
    ]
    assert err == (
        "DataError: 5 files or digests are not what the manifests say\n"
        f"  where: {run}\n"
        "  fix:   see the list; run the study again to have files that belong together\n"
    )


def test_a_public_copy_says_what_cannot_be_checked(run, deepvalue):
    shutil.rmtree(run / "room")
    code, out, _ = deepvalue("manifest", "verify", run)
    assert code == 0
    why = "the room is not here, and with it what the digest was taken of"
    assert f"not checked: data ratings ({why})" in out.splitlines()


def test_a_changed_extract_is_told(run, deepvalue, tmp_path):
    manifest = json.loads((run / "room/manifest.json").read_text("utf-8"))
    study = shutil.copytree(manifest["folder"], tmp_path / "study")
    (study / "data/ratings.csv").write_text("changed")
    manifest["folder"] = str(study)
    (run / "room/manifest.json").write_text(json.dumps(manifest))
    code, out, _ = deepvalue("manifest", "verify", run)
    assert code == 11
    assert "changed: source ratings" in out.splitlines()


def test_a_keyed_digest_needs_its_key(run, deepvalue, monkeypatch):
    place = run / "findings/manifest.json"
    manifest = json.loads(place.read_text("utf-8"))
    manifest["data"]["ratings"] = keyed(manifest["data"]["ratings"], b"k" * 16)
    place.write_text(json.dumps(manifest))
    (run / "pages.json").unlink()
    for name in ("DEEPVALUE_KEY", "DEEPVALUE_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)

    def told():
        lines = deepvalue("manifest", "verify", run)[1].splitlines()
        return [line for line in lines if "data ratings" in line]

    assert told() == [
        "not checked: data ratings (its public digest may be keyed, and no key is here)"
    ]
    monkeypatch.setenv("DEEPVALUE_KEY", "k" * 16)
    assert told() == []
    monkeypatch.setenv("DEEPVALUE_KEY", "l" * 16)
    assert told() == ["changed: data ratings (or of another key)"]


def test_two_equal_runs_are_said_to_be_equal(runs, deepvalue, tmp_path):
    page = tmp_path / "page.html"
    assert deepvalue("compare", runs / "one", runs / "other", "-o", page)[0] == 0
    assert (
        "Nothing changed: data, plan, code and seed are the same, and so is every figure."
        in BeautifulSoup(page.read_text("utf-8"), "html.parser").get_text()
    )


def test_a_changed_setting_is_named_as_the_only_cause(runs, deepvalue, tmp_path):
    page = tmp_path / "page.html"
    call = ("compare", runs / "one", runs / "changed", "-o", page, "--also", ",".join(FORMS[1:]))
    assert deepvalue(*call)[0] == 0
    text = BeautifulSoup(page.read_text("utf-8"), "html.parser").get_text(" ")
    assert "only the plan changed" in text
    assert "verdicts.smallest_worthwhile" in text
    assert "significant" not in text
    assert {path.suffix.removeprefix(".") for path in tmp_path.iterdir()} == {*FORMS, "json"}


def test_the_annex_points_to_sections_that_are_there(runs):
    page = BeautifulSoup((runs / "one/technical.html").read_text("utf-8"), "html.parser")
    links = page.select("section[aria-labelledby=annex-reporting-standards] a")
    assert len(links) > 10
    assert [a["href"] for a in links if page.find(id=a["href"].removeprefix("#")) is None] == []
