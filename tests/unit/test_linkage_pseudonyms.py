"""Keyed pseudonyms: what was linked stays linked, and nobody can find the ids by trying them."""

import hashlib
import hmac
import json

import pandas as pd
import pytest
from linkage_language import DAY_0, frame, plan_with, seen, study

from deepvalue_stats.data import NORMALISER
from deepvalue_stats.errors import LinkageError
from deepvalue_stats.linkage import key_id, link, pseudonym, pseudonymise, read_key
from deepvalue_stats.study import run_study
from deepvalue_stats.study.preparing import prepared_from

KEY = b"a key of at least sixteen bytes"
TABLES = {
    "contacts": "client  day  who\na01  0  P1\nb02  0  .\nc03  0  P1",
    "ratings": "client  day  score\na01  5  4\na01  6  5\nb02  5  3",
    "outcomes": "client  start\na01  12",
    "clients": "client  conf  last\na01  2  99\nb02  1  99\nc03  3  99",
}
KEYED = {"ids.pseudonyms": "keyed"}


def test_a_pseudonym_is_the_first_128_bits_of_an_hmac_sha_256():
    by_hand = hmac.new(KEY, b"a01", hashlib.sha256).hexdigest()
    assert pseudonym("a01", KEY) == by_hand[:32]
    assert pseudonym("a01", KEY + b"!") != by_hand[:32]


@pytest.mark.parametrize("length", [16, 63, 64, 65, 200])
def test_of_keys_shorter_and_longer_than_a_block_as_well(length):
    key = bytes(range(length))
    for identifier in ("", "a01", "x" * 300):
        by_hand = hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()
        assert pseudonym(identifier, key) == by_hand[:32]


def test_ids_beyond_ascii_are_hashed_as_utf_8():
    by_hand = hmac.new(KEY, "Zoë".encode(), hashlib.sha256).hexdigest()
    assert pseudonym("Zoë", KEY) == by_hand[:32]


def test_links_are_as_before_and_only_the_ids_are_other():
    plan, data = study(**TABLES)
    before, after = link(plan, data), link(plan, pseudonymise(plan, data, KEY))
    names = "index rapport rapport__why confidence job job__why"
    plain = {row[0]: row[1:] for row in seen(before, f"client {names}")[1:]}
    hidden = {row[0]: row[1:] for row in seen(after, f"client {names}")[1:]}
    assert hidden == {pseudonym(client, KEY): row for client, row in plain.items()}


def test_a_missing_id_stays_missing_and_no_original_id_is_left():
    plan, data = study(**TABLES)
    hidden = pseudonymise(plan, data, KEY)
    who = hidden["contacts"].frame["who"]
    assert list(who.isna()) == [False, True, False]
    assert who[0] == who[2] == pseudonym("P1", KEY)
    cells = {cell for one in hidden.values() for cell in one.frame.astype("str").to_numpy().flat}
    assert not cells & {"a01", "b02", "c03", "P1"}
    assert list(data["contacts"].frame["client"]) == ["a01", "b02", "c03"], "the input is as it was"


@pytest.mark.parametrize("text", ["", "fifteen letters"])
def test_no_key_or_a_short_one_is_refused(text):
    with pytest.raises(LinkageError) as refusal:
        read_key({"DEEPVALUE_KEY": text})
    assert refusal.value.exit_code == 12
    assert "fifteen" not in str(refusal.value), "a message never repeats a key"


def test_the_key_comes_from_the_environment_or_from_the_file_it_names(tmp_path):
    assert read_key({"DEEPVALUE_KEY": "sixteen letters!"}) == b"sixteen letters!"
    path = tmp_path / "key"
    path.write_text("sixteen letters?\n", encoding="utf-8")
    assert read_key({"DEEPVALUE_KEY_FILE": str(path)}) == b"sixteen letters?"
    with pytest.raises(LinkageError, match="no usable key"):
        read_key({"DEEPVALUE_KEY_FILE": str(tmp_path / "none")})


def test_a_key_of_random_bytes_is_read_as_it_is(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(bytes(range(128, 160)))
    assert read_key({"DEEPVALUE_KEY_FILE": str(path)}) == bytes(range(128, 160))
    text = bytes(range(128, 160)).decode("utf-8", "surrogateescape")
    assert read_key({"DEEPVALUE_KEY": text}) == bytes(range(128, 160))


def test_a_keyed_study_without_a_key_is_refused(monkeypatch):
    for name in ("DEEPVALUE_KEY", "DEEPVALUE_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    plan, data = study(KEYED, **TABLES)
    with pytest.raises(LinkageError) as refusal:
        prepared_from(plan, data)
    assert str(refusal.value) == (
        "LinkageError: there is no usable key for the pseudonyms\n"
        "  where: environment, DEEPVALUE_KEY or DEEPVALUE_KEY_FILE\n"
        "  fix:   set one of them to a secret of at least 16 bytes, kept by the owner"
    )


# the same study, its ratings written by a system that spaces ids and does not use capitals
SPACED = TABLES | {
    "contacts": TABLES["contacts"].replace("a01", "A01").replace("b02", "B02"),
    "ratings": TABLES["ratings"].replace("a01", "a 01"),
}


def rated(plan, data):
    rows = seen(link(plan, data), "client rapport")[1:]
    return {client: rapport for client, rapport in rows if rapport != "."}


def test_a_space_or_a_small_letter_loses_a_link_unless_ids_are_put_into_one_form():
    assert rated(*study(**SPACED)) == {}
    plan, data = study(KEYED, **SPACED)
    hidden = rated(plan, pseudonymise(plan, data, KEY))
    assert hidden == {pseudonym("A01", KEY): "4.5", pseudonym("B02", KEY): "3"}


def test_a_lost_leading_zero_makes_another_pseudonym_and_its_width_brings_the_link_back():
    assert pseudonym("7", KEY) != pseudonym("007", KEY)
    tables = {name: text.replace("a01", "007") for name, text in TABLES.items()}
    tables["ratings"] = tables["ratings"].replace("007", "7")
    plan, data = study(KEYED | {"ids.client": {"column": "client", "pad_to": 3}}, **tables)
    hidden = rated(plan, pseudonymise(plan, data, KEY))
    assert hidden[pseudonym("007", KEY)] == "4.5"


def test_an_id_of_which_the_plan_names_the_source_is_hidden_like_any_other():
    plan, data = study(KEYED | {"ids.practitioner": {"column": "contacts.who"}})
    hidden = pseudonymise(plan, data, KEY)
    assert list(hidden["contacts"].frame["who"]) == [pseudonym("P", KEY)]


def test_lost_leading_zeros_are_refused_before_pseudonyms_hide_them():
    tables = {name: text.replace("a01", "01") for name, text in TABLES.items()}
    tables["ratings"] = tables["ratings"].replace("01  5", "1  5")
    plan, data = study({"ids.pseudonyms": "keyed"}, **tables)
    with pytest.raises(LinkageError, match="1 ids of 'ratings' would be found but for their lead"):
        pseudonymise(plan, data, KEY)


def confidential(ids):
    """Sixty clients of twelve practitioners, enough for a study with disclosure control."""
    n = range(60)
    days = [(pd.Timestamp(DAY_0) + pd.Timedelta(days=5)).date().isoformat() for _ in n]
    start = [pd.Timestamp(DAY_0).date().isoformat() for _ in n]
    job = [(pd.Timestamp(DAY_0) + pd.Timedelta(days=12)).date().isoformat() for _ in n]
    base = pd.DataFrame({"client": ids, "n": [str(i) for i in n]})
    return {
        "contacts": base.assign(day=start, who=[f"SECRETWHO{i % 12:02d}" for i in n]),
        "ratings": base.assign(day=days, score=[str(1 + (7 * i) % 5) for i in n]),
        "outcomes": base.assign(start=job)[[(i * i) % 7 < 3 for i in n]],
        "clients": base.assign(conf=[str(1 + i % 4) for i in n], last="2024-01-01"),
    }


def test_ids_of_confidential_data_are_nowhere_in_the_findings_or_the_room(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPVALUE_KEY", KEY.decode())
    plan = plan_with(
        {
            "study.status": "confidential",
            "ids.pseudonyms": "keyed",
            "disclosure": {"profile": "acro"},
        }
    )
    frames = confidential([f"SECRETID{i:02d}" for i in range(60)])
    run_study(plan, frames=frames, output=tmp_path)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 8
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert "SECRET" not in text, path.name
        for name in ("SECRETID00", "SECRETWHO00"):
            assert pseudonym(name, KEY) not in text, path.name


def test_the_room_names_the_key_and_the_rules_by_which_ids_met_and_nothing_holds_the_key(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("DEEPVALUE_KEY", KEY.decode())
    plan = plan_with({"ids.pseudonyms": "keyed"})
    run_study(plan, frames=confidential([f"ID{i:02d}" for i in range(60)]), output=tmp_path)
    manifest = json.loads((tmp_path / "room" / "manifest.json").read_text(encoding="utf-8"))
    name = hmac.new(KEY, b"deepvalue_stats key id", hashlib.sha256).hexdigest()[:8]
    assert manifest["pseudonyms"] == {"key_id": name, "normaliser": NORMALISER}
    assert key_id(KEY) == name != key_id(KEY + b"!")
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        text = path.read_text(encoding="utf-8")
        assert KEY.decode() not in text, path.name
        assert hashlib.sha256(KEY).hexdigest()[:16] not in text, path.name
        assert name not in text or path.parent.name == "room", path.name


def test_text_tables_keep_ids_as_text():
    assert frame("client  day\n007  0")["client"][0] == "007"
