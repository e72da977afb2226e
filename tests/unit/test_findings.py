"""The bundle: what gets in, what is written, and what is read back."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats import findings as module
from deepvalue_stats.disclosure import Rules
from deepvalue_stats.errors import DataError
from deepvalue_stats.findings import collect, read_findings, write_findings
from deepvalue_stats.tables import CountTable, Phrase, Series, effect_rows
from deepvalue_stats.verdicts import Gate, Verdict, Wording

ACRO = Rules("acro", 10, 5)
OPEN = Rules("open", 0, 1)


def effects(events=40, status="ok"):
    numbers = {"estimate": 1 / 3, "std_error": 0.1, "dof": np.inf, "conf_low": 0.1,
               "conf_high": 0.5, "p_value": 1e-12}  # fmt: skip
    words = {
        "model": "main", "outcome": "job", "exposure": "trust", "estimand": "x 1 SD, in points",
        "scale": "risk_difference", "contrast": "sd", "group": "all", "family": "", "claim": "C1",
        "null_value": 0.0, "unit": "probability", "n_obs": 103, "n_clients": 103,
        "n_practitioners": None, "status": status, "events": events, "non_events": 103 - events,
    }  # fmt: skip
    return effect_rows([words | (numbers if status == "ok" else {})])


def flow(left=7):
    frame = pd.DataFrame(
        {"step": ['no "rating", yet', "left; later"], "left": [left, 20], "mean": [3.4567, np.nan]}
    )
    rules = {"step": "label", "left": "count", "mean": "statistic"}
    return CountTable("flow", "Who left", frame, rules, notes=("Exact counts stay in the room.",))


def curve():
    points = [("low", 1.5, 0.25, 0.2, 0.3, 52), ("tiny", 1.5, 0.25, 0.2, 0.3, 6)]
    columns = ["group", "x", "y", "low", "high", "n_clients"]
    evidence = pd.DataFrame({"events": [20, 3], "non_events": [32, 3]})
    return Series("curve", "Chance", pd.DataFrame(points, columns=columns), "x", "y", evidence)


def verdict(n=8, answer="supported"):
    gate = Gate("groups", "Enough?", "pass", Phrase("It rests on {n} advisers.", {"n": n}))
    rests_on = {"model": "main", "group": "all", "scale": "risk_difference"}
    sentence = Phrase("It goes with more, for {n} clients.", {"n": n})
    return Verdict("C1", "They do.", answer, "goes with", sentence, (gate,), rests_on)


WORDING = Wording(
    (Phrase("Look into it.", claim="C1"), Phrase("Judge nobody by it: {n} are too few.", {"n": 3})),
    (Phrase("That it is the same for all.", claim="C2"),),
)


def collected(rules=ACRO, **parts):
    given = {"effects": effects(), "counts": (flow(),), "series": (curve(),)} | parts
    return collect(
        rules=rules,
        study={"name": "study", "caveats": ["Café, 5 € a day"], "bands": ["low", "high"]},
        provenance={"plan": "a" * 64, "data": {"ratings": "b" * 64}, "seed": 3},
        verdicts=(verdict(),),
        wording=WORDING,
        **given,
    )


def in_folder(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- what gets in --------------------------------------------------------------------------------


def test_everything_passes_disclosure_control_on_its_way_in():
    found = collected()
    assert list(found.counts["flow"].frame["left"]) == ["[c]", "20"]
    assert list(found.series["curve"].frame["group"]) == ["low"]
    assert found.effects.frame.loc[0, "n_clients"] == 105
    assert str(found.verdicts[0].sentence) == "It goes with more, for fewer than 10 clients."
    assert str(found.verdicts[0].gates[0].answer) == "It rests on fewer than 10 advisers."
    assert str(found.wording.can_say[1]) == "Judge nobody by it: fewer than 10 are too few."
    assert found.effects.evidence is None
    assert found.disclosure.rules == ACRO.says()


def test_no_small_count_is_in_any_file(tmp_path):
    write_findings(collected(), tmp_path / "findings")
    cells = "\n".join(text.decode() for text in in_folder(tmp_path / "findings").values())
    for small in ("\n7,", ",7,", ",6\n", " 8 ", ": 3 are", "103"):
        assert small not in cells


def test_a_claim_whose_numbers_are_hidden_is_withheld_with_all_that_gives_it_away():
    found = collected(effects=effects(events=4))
    first = found.verdicts[0]
    assert (first.answer, first.verb) == ("withheld", "")
    assert str(first.sentence) == (
        "Too few clients stand behind this estimate for it to be published."
    )
    said = [str(phrase) for phrase in found.wording.can_say]
    assert said == ["Judge nobody by it: fewer than 10 are too few."]
    assert len(found.wording.cannot_say) == 1


def test_a_claim_that_a_gate_blocked_is_not_called_withheld():
    blocked = collect(
        rules=ACRO, study={}, provenance={}, effects=effects(status="failed_gate"), counts=(),
        series=(), verdicts=(verdict(answer="cannot be tested here"),), wording=WORDING,
    )  # fmt: skip
    assert blocked.verdicts[0].answer == "cannot be tested here"


def test_findings_cannot_be_changed():
    found = collected()
    with pytest.raises(TypeError):
        found.study["name"] = "another"
    with pytest.raises(TypeError):
        found.counts["flow"] = None


# --- writing and reading back --------------------------------------------------------------------


def assert_equal(one, other):
    assert (one.study, one.provenance) == (other.study, other.provenance)
    assert (one.verdicts, one.wording) == (other.verdicts, other.wording)
    assert one.disclosure.rules == other.disclosure.rules
    pd.testing.assert_frame_equal(one.effects.frame, other.effects.frame)
    pd.testing.assert_frame_equal(one.disclosure.decisions, other.disclosure.decisions)
    assert list(one.counts) == list(other.counts)
    for name, table in one.counts.items():
        pd.testing.assert_frame_equal(table.frame, other.counts[name].frame)
        assert (table.rules, table.notes) == (other.counts[name].rules, other.counts[name].notes)
    for name, series in one.series.items():
        pd.testing.assert_frame_equal(series.frame, other.series[name].frame)
        assert series.caption == other.series[name].caption


@pytest.mark.parametrize("rules", [ACRO, OPEN])
def test_what_is_written_is_read_back(tmp_path, rules):
    found = collected(rules)
    write_findings(found, tmp_path / "findings")
    assert_equal(read_findings(tmp_path / "findings"), found)


words = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.sampled_from(' ,;"\n'), max_size=9
)


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(words, min_size=1, max_size=4), left=st.integers(0, 10**9))
def test_labels_of_any_text_are_read_back(tmp_path_factory, labels, left):
    frame = pd.DataFrame({"step": labels, "left": left})
    table = CountTable("flow", labels[0], frame, {"step": "label", "left": "count"})
    found, folder = collected(OPEN, counts=(table,)), tmp_path_factory.mktemp("bundle") / "f"
    write_findings(found, folder)
    assert_equal(read_findings(folder), found)


def test_two_writes_give_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        write_findings(collected(), tmp_path / name)
    assert in_folder(tmp_path / "one") == in_folder(tmp_path / "other")


def test_an_earlier_bundle_is_replaced_with_all_its_files(tmp_path):
    folder = tmp_path / "findings"
    write_findings(collected(), folder)
    write_findings(collected(series=()), folder)
    assert not (folder / "curve.series.csv").exists()
    assert list(read_findings(folder).series) == []


def test_the_results_schema_lists_every_column_of_every_table(tmp_path):
    folder = tmp_path / "findings"
    write_findings(collected(), folder)
    schema = json.loads((folder / "results_schema.json").read_text("utf-8"))
    for path in folder.glob("*.csv"):
        columns = pd.read_csv(path, nrows=0).columns
        assert sorted(schema["files"][path.name]) == sorted(columns), path.name
    assert set(schema["files"]) == {path.name for path in folder.glob("*.csv")}
    assert schema["files"]["flow.csv"] == {"step": "label", "left": "count", "mean": "statistic"}


def test_the_manifest_names_every_other_file(tmp_path):
    folder = tmp_path / "findings"
    write_findings(collected(), folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert set(manifest["files"]) == set(in_folder(folder)) - {"manifest.json"}
    assert (manifest["plan"], manifest["seed"]) == ("a" * 64, 3)


# --- refusals ------------------------------------------------------------------------------------


def refused(verb, *arguments):
    with pytest.raises(DataError) as error:
        verb(*arguments)
    return str(error.value)


@pytest.mark.parametrize("name", ["effects.csv", "flow.csv", "findings.json", "curve.series.csv"])
@pytest.mark.parametrize("damage", ["changed", "removed", "other bytes"])
def test_a_file_changed_by_hand_is_found(tmp_path, name, damage):
    folder = tmp_path / "findings"
    write_findings(collected(), folder)
    path = folder / name
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + (b"\n" if damage == "changed" else b"\xff\xfe"))
    assert refused(read_findings, folder) == (
        f"DataError: '{name}' is not the file that the manifest names\n"
        "  where: findings\n"
        "  fix:   run the study again; findings are not edited by hand"
    )


def test_a_folder_without_findings_is_told(tmp_path):
    assert refused(read_findings, tmp_path / "findings") == (
        "DataError: there are no findings here\n"
        f"  where: {tmp_path / 'findings'}\n"
        "  fix:   run the study first: deepvalue run PLAN"
    )


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": "an app"}', '{"files": 3}'])
def test_a_manifest_of_something_else_is_told(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    assert refused(read_findings, tmp_path).startswith(
        "DataError: the manifest is not one of findings"
    )


def test_findings_of_another_version_are_told(tmp_path):
    folder = tmp_path / "findings"
    write_findings(collected(), folder)
    path = folder / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"schema_version": 1', '"schema_version": 99'))
    assert "another version of the results schema" in refused(read_findings, folder)


@pytest.mark.parametrize("other", ["notes.txt", "manifest.json"])
def test_a_folder_that_holds_something_else_is_refused_and_left_as_it_is(tmp_path, other):
    folder = tmp_path / "findings"
    folder.mkdir()
    (folder / other).write_text("{}")
    assert refused(write_findings, collected(), folder) == (
        "DataError: this folder holds something that is no bundle of findings\n"
        "  where: findings\n"
        "  fix:   name an empty folder, or one of an earlier run"
    )
    assert in_folder(folder) == {other: b"{}"}


def test_a_bundle_with_a_file_of_somebodys_own_is_not_buried(tmp_path):
    folder = tmp_path / "findings"
    write_findings(collected(), folder)
    (folder / "my_notes.txt").write_text("keep me")
    assert "no bundle of findings" in refused(write_findings, collected(), folder)
    assert (folder / "my_notes.txt").read_text() == "keep me"


@pytest.mark.parametrize("place", ["taken", "taken/findings", "taken/deep/findings"])
def test_a_file_in_the_way_is_told(tmp_path, place):
    (tmp_path / "taken").write_text("a file")
    assert refused(write_findings, collected(), tmp_path / place) == (
        "DataError: this is a file, and findings are a folder\n"
        f"  where: {tmp_path / 'taken'}\n"
        "  fix:   name another folder"
    )


@pytest.mark.parametrize("earlier", [True, False])
def test_a_failure_while_writing_leaves_nothing_half_done(tmp_path, monkeypatch, earlier):
    folder = tmp_path / "findings"
    if earlier:
        write_findings(collected(OPEN), folder)
    before = in_folder(folder) if earlier else None
    written = []

    def full(path, *arguments, **options):
        if len(written) == 3:
            raise OSError("no space left on device")
        written.append(path.name)
        return path.write_bytes(arguments[0].encode()) and options

    monkeypatch.setattr(module.Path, "write_text", full)
    with pytest.raises(OSError, match="no space left"):
        write_findings(collected(), folder)
    assert written
    assert [path.name for path in tmp_path.iterdir()] == (["findings"] if earlier else [])
    assert not earlier or in_folder(folder) == before


def test_a_bundle_may_be_moved(tmp_path):
    write_findings(collected(), tmp_path / "findings")
    moved = shutil.move(tmp_path / "findings", tmp_path / "elsewhere")
    assert_equal(read_findings(tmp_path / moved), collected())
