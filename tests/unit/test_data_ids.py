"""Identifiers: the one form in which they meet, and the check digit of an NHS number."""

import unicodedata

import numpy as np
import pytest
from extract_plans import dates_tables, waves_tables
from hypothesis import given
from hypothesis import strategies as st

from deepvalue_stats.data import NORMALISER, normalised, padded, read_data
from deepvalue_stats.data.ids import nhs_numbers
from deepvalue_stats.data.text import UNSEEN
from deepvalue_stats.errors import DataError, PlanError
from deepvalue_stats.plan import parse_plan

SOURCES = """
[sources]
jobs = { path = "jobs.csv", format = "csv", key = ["client", "start"] }
visits = { path = "visits.csv", format = "csv", key = ["visit"] }
[clock]
episodes.source = "visits"
exposure.date = "visits.met_on"
"""
KEYED = {"pseudonyms": "keyed", "client": {"column": "client"}}
CHECKED = {"client": {"column": "client", "check": "nhs_modulus_11"}}
# published for tests: 943 476 5919 and 943 476 5870
WEIGHTS = range(10, 1, -1)
FIRST, SECOND = "9434765919", "9434765870"


def read(folder, clients, ids, on_fault="refuse", key="visit", jobs=("J1",)):
    """Visits that differ in their clients alone, and clients who found a job."""
    raw = dates_tables(SOURCES)
    raw["measures"]["confidence"]["range"] = raw["measures"]["trust"]["range"]
    raw["ids"] |= ids
    raw["reading"]["on_fault"] = on_fault
    raw["sources"]["visits"]["key"] = [key]
    visits = [f"v{i},{client},Adviser 1,2024-03-01,{1 + i % 5}" for i, client in enumerate(clients)]
    for name, header, rows in (
        ("visits", "visit,client,adviser,met_on,q1", visits),
        ("jobs", "client,start", [f"{client},2024-06-01" for client in jobs]),
    ):
        (folder / f"{name}.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return read_data(parse_plan(raw), folder=folder)


def problems(dataset):
    return [
        (one.column, one.what, one.count, one.first_line, one.action) for one in dataset.problems
    ]


# --- the normal form ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("AB12", "AB12"),
        ("ab12", "AB12"),
        ("  ab 12\t", "AB12"),
        ("ab\N{NO-BREAK SPACE}12", "AB12"),
        ("ab\N{NARROW NO-BREAK SPACE}12", "AB12"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}ab\N{ZERO WIDTH SPACE}1\N{SOFT HYPHEN}2", "AB12"),
        ("\N{FULLWIDTH LATIN SMALL LETTER A}b\N{FULLWIDTH DIGIT ONE}2", "AB12"),
        ("Zoe\N{COMBINING DIAERESIS}", "ZO\N{LATIN CAPITAL LETTER E WITH DIAERESIS}"),
        (
            "e\N{ZERO WIDTH JOINER}\N{COMBINING DIAERESIS}",
            "\N{LATIN CAPITAL LETTER E WITH DIAERESIS}",
        ),
        ("943 476 5919", FIRST),
        ("943-476-5919", FIRST),
        ("943 476-5919", FIRST),
        ("943\N{NON-BREAKING HYPHEN}476\N{EN DASH}5919", FIRST),
        ("94-34-765919", "94-34-765919"),
        ("A-12", "A-12"),
        ("007", "007"),
        ("\N{ZERO WIDTH SPACE}", "\N{ZERO WIDTH SPACE}"),
    ],
)  # fmt: skip
def test_the_normal_form_of_version_1(written, read_as):
    assert NORMALISER == 1, "other rules are another version, and need another table of examples"
    assert normalised(written) == read_as


def test_no_sign_that_cannot_be_seen_is_part_of_a_normal_form():
    # reading lets such signs pass in ids that are keyed, on this condition
    assert {normalised(f"A{sign}B") for sign in UNSEEN} == {"AB"}


@given(st.text())
def test_a_normal_form_is_its_own_and_never_blank_where_the_id_is_not(identifier):
    once = normalised(identifier)
    assert normalised(once) == once
    assert bool(once.strip()) == bool(identifier.strip())
    assert unicodedata.is_normalized("NFKC", once) or once == identifier


@pytest.mark.parametrize(
    ("identifier", "width", "restored"),
    [("7", 3, "007"), ("007", 3, "007"), ("A7", 3, "A7"), ("0007", 3, "0007"), ("7", None, "7")],
)
def test_leading_zeros_are_restored_to_numbers_alone(identifier, width, restored):
    assert padded(identifier, width) == restored


def test_ids_of_a_keyed_study_meet_however_they_are_written(tmp_path):
    ids = KEYED | {"client": {"column": "client", "pad_to": 4}}
    data = read(tmp_path, ["AB12", "C003", "7"], ids, jobs=["ab 12", "c003", "00 07"])
    assert data["visits"].frame["client"].tolist() == ["AB12", "C003", "0007"]
    assert data["jobs"].frame["client"].tolist() == ["AB12", "C003", "0007"]
    assert data["visits"].frame["adviser"].tolist() == ["ADVISER1"] * 3
    assert data["visits"].frame["visit"].tolist() == ["v0", "v1", "v2"], "of nobody: left alone"
    assert problems(data["visits"]) == [("client", "leading zeros restored", 1, 4, "repaired")]


def test_ids_that_are_neither_keyed_nor_checked_are_left_as_they_are_written(tmp_path):
    ids = {"client": {"column": "client"}}
    data = read(tmp_path, ["AB12"], ids, jobs=["ab 12", "ab12"])
    assert data["jobs"].frame["client"].tolist() == ["ab 12", "ab12"]


def test_ids_that_met_within_a_source_are_counted(tmp_path):
    visits = read(tmp_path, ["D1", "ab12", "AB 12", "ab12", "E1"], KEYED)["visits"]
    what = "an id that is written in several ways, read as one"
    assert problems(visits) == [("client", what, 3, 3, "noted")]


def test_ids_that_met_in_a_key_are_found_by_the_rule_of_unique_keys(tmp_path):
    read(tmp_path, ["ab12", "AB 12"], {"client": {"column": "client"}}, key="client")
    with pytest.raises(DataError) as caught:
        read(tmp_path, ["ab12", "AB 12"], KEYED, key="client")
    assert str(caught.value) == (
        "DataError: key (client) occurs more than once: 2 rows\n"
        "  where: source 'visits', first at line 2\n"
        "  fix:   find out which row is right, or add the column that tells them apart to `key`"
    )


# --- the check digit ----------------------------------------------------------------------------


def check_digit(nine):
    """By hand: 9434765919 has 90 + 36 + 24 + 28 + 42 + 30 + 20 + 27 + 2 = 299 = 27 x 11 + 2."""
    remainder = sum(int(digit) * weight for digit, weight in zip(nine, WEIGHTS, strict=True)) % 11
    return {0: 0, 1: None}.get(remainder, 11 - remainder)


def test_the_check_digit_of_published_numbers():
    assert check_digit(FIRST[:9]) == 11 - 2 == 9
    assert check_digit(SECOND[:9]) == 0, "a remainder of 11 is written 0"
    numbers = [FIRST, SECOND, "9876543210", "4010232137"]
    assert nhs_numbers(numbers).all()
    assert not nhs_numbers([number[:9] + str(9 - int(number[9])) for number in numbers]).any()


def test_numbers_whose_check_digit_would_be_10_do_not_exist():
    assert check_digit("100000001") is None, "10 + 2 = 12 = 11 + 1"
    assert not nhs_numbers([f"100000001{last}" for last in range(10)]).any()


@given(st.integers(0, 10**9 - 1))
def test_of_ten_last_digits_one_passes_at_most(number):
    nine = f"{number:09d}"
    passed = [last for last in range(10) if nhs_numbers([f"{nine}{last}"])[0]]
    assert passed == [one for one in [check_digit(nine)] if one is not None]


def test_one_wrong_digit_and_two_exchanged_are_found():
    digits = list(FIRST)
    wrong = [
        "".join([*digits[:i], other, *digits[i + 1 :]])
        for i in range(10)
        for other in "0123456789"
        if other != digits[i]
    ]
    pairs = [(i, j) for i in range(10) for j in range(i) if digits[i] != digits[j]]
    for i, j in pairs:
        exchanged = digits.copy()
        exchanged[i], exchanged[j] = digits[j], digits[i]
        wrong.append("".join(exchanged))
    assert len(wrong) == 90 + len(pairs)
    assert not nhs_numbers(wrong).any()


def test_the_check_proves_no_identity_as_one_number_in_eleven_passes():
    rng = np.random.default_rng(20240301)
    drawn = [f"{number:010d}" for number in rng.integers(0, 10**10, 110_000)]
    assert nhs_numbers(drawn).mean() == pytest.approx(1 / 11, abs=0.003)
    assert nhs_numbers([str(digit) * 10 for digit in range(10)]).all(), "nor is it a real number"


@pytest.mark.parametrize("text", ["", "943476591", "94347659190", "943476591X", "٩٤٣٤٧٦٥٩١٩"])
def test_what_is_not_ten_digits_is_no_nhs_number(text):
    assert nhs_numbers([text, FIRST]).tolist() == [False, True]


def test_ids_that_fail_the_check_are_refused_by_their_number_and_never_shown(tmp_path):
    clients = [FIRST, "943 476 5918", SECOND, "943-476-5918", "A1"]
    with pytest.raises(DataError) as caught:
        read(tmp_path, clients, CHECKED, jobs=["9434765871"])
    assert str(caught.value) == (
        "DataError: 2 problems\n"
        "1. not an NHS number: 10 digits, the last a check digit (modulus 11): 1 row\n"
        "     where: source 'jobs', column 'client' (first at line 2)\n"
        "     fix:   mend the ids, or take `check` out of the plan if they are of another kind\n"
        "2. not an NHS number: 10 digits, the last a check digit (modulus 11): 3 rows\n"
        "     where: source 'visits', column 'client' (first at line 3)\n"
        "     fix:   mend the ids, or take `check` out of the plan if they are of another kind"
    )


def test_rows_whose_id_fails_the_check_leave_where_faults_are_excluded(tmp_path):
    clients = ["943 476 5919", "9434765918", SECOND, "A1"]
    visits = read(tmp_path, clients, CHECKED, on_fault="exclude", jobs=[FIRST])["visits"]
    assert visits.frame["client"].tolist() == [FIRST, SECOND]
    what = "not an NHS number: 10 digits, the last a check digit (modulus 11)"
    assert problems(visits) == [("client", what, 2, 3, "row excluded")]
    assert visits.attrition[1].reason == f"{what} (client)"
    assert visits.attrition[1].left == 2


def test_a_number_that_lost_its_leading_zero_is_restored_before_it_is_checked(tmp_path):
    # as Scottish numbers of those born before the 10th of a month do
    lost = f"10190001{check_digit('010190001')}"
    assert len(lost) == 9
    ids = {"client": CHECKED["client"] | {"pad_to": 10}}
    visits = read(tmp_path, [lost], ids, jobs=[FIRST])["visits"]
    assert visits.frame["client"].tolist() == [f"0{lost}"]


def test_nhs_numbers_are_not_padded_to_another_width():
    raw = dates_tables(SOURCES)
    raw["ids"] |= {"client": CHECKED["client"] | {"pad_to": 12}}
    with pytest.raises(PlanError) as caught:
        parse_plan(raw)
    assert "an NHS number has 10 digits: pad_to is 10 or left out" in str(caught.value)


def test_a_plan_without_a_check_has_the_digest_that_it_had_before_there_were_checks():
    tables = waves_tables()
    before = "0f6392ba63e0f046ad4f4e6214a5d11ef2d54905af79ef872bd1ad543af0b305"
    assert parse_plan(tables).digest == before
    tables["ids"]["client"]["check"] = "nhs_modulus_11"
    assert parse_plan(tables).digest != before
