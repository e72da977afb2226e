"""The frames of a synthetic service: clean, complete, and of things that can happen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.simulate import (
    AREAS,
    analysis_table,
    draw_service,
    preset_parameters,
    simulate_parameters,
    superpopulation,
    truth,
)
from deepvalue_stats.simulate.names import POSTCODES, SURNAMES, mistyped

SEED = 4
SIZE = {"services": 8, "practitioners": 4, "caseload": 25}
PERSON = ["surname", "born_on", "postcode"]
CONDITIONS = ["autonomy", "time", "training", "trust", "separation"]
COLUMNS = {
    "clients": [
        "client_id", "area", *PERSON, "c01", "c02", "c03", "c04", "age", "need", "record_end"
    ],
    "contacts": [
        "contact_id", "client_id", "practitioner_id", "service_id", "met_on", "sanction"
    ],
    "ratings": ["rating_id", "client_id", "rated_on", *(f"q{i:02d}" for i in range(1, 13))],
    "outcomes": ["client_id", *PERSON, "started_on", "ended_on", "second_on", "area"],
    "steps": ["client_id", "wave", "on", "step"],
    "staffing": [
        "practitioner_id", "service_id", "area", "started_on", "left_on", "left_reason",
        "caseload", *CONDITIONS,
    ],
}  # fmt: skip
KEYS = {
    "clients": ["client_id"],
    "contacts": ["contact_id"],
    "ratings": ["rating_id"],
    "outcomes": ["client_id", "started_on", "second_on"],
    "steps": ["client_id", "wave"],
    "staffing": ["practitioner_id"],
}


@pytest.fixture(autouse=True, scope="module")
def _few_clients_in_the_superpopulation():
    """What is tested here does not hang on how exact the truth is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "SUPERPOPULATION_CLIENTS", 6_000)
        superpopulation.cache_clear()
        yield
    superpopulation.cache_clear()


@pytest.fixture(scope="module")
def service():
    return simulate_parameters(preset_parameters("everyday", **SIZE), seed=SEED)


@pytest.fixture(scope="module")
def frames(service):
    return service.frames


@pytest.fixture(scope="module")
def clients(frames):
    """The clients' frame by client, with the index date."""
    index = frames["contacts"].groupby("client_id")["met_on"].min()
    return frames["clients"].set_index("client_id").assign(index=index)


@pytest.fixture(scope="module")
def linked(frames, clients):
    """The outcomes of clients, with area, index and days since it."""
    outcomes = frames["outcomes"]
    kept = outcomes[outcomes["client_id"].isin(clients.index)]
    found = kept.join(clients[["index", "record_end"]], on="client_id")
    return found.assign(day=(found["started_on"] - found["index"]).dt.days)


# --- frames as such ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(frames, name):
    assert list(frames[name].columns) == COLUMNS[name]


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_unique(frames, name):
    assert not frames[name].duplicated(KEYS[name]).any()


def test_types_are_those_of_the_contents(frames):
    for frame in frames.values():
        for name, values in frame.items():
            if name.endswith(("_on", "_end")) or name == "on":
                assert values.dtype == "datetime64[s]"
            elif name.endswith("_id") and name not in ("contact_id", "rating_id"):
                assert pd.api.types.is_string_dtype(values)
                assert values.notna().all()
    empty = {name: list(frame.columns[frame.isna().any()]) for name, frame in frames.items()}
    assert empty == {
        "clients": [],
        "contacts": [],
        "ratings": COLUMNS["ratings"][3:],
        "outcomes": ["started_on", "ended_on", "second_on"],
        "steps": [],
        "staffing": ["left_on"],
    }


def test_rows_are_numbered_by_date(frames):
    for name, day in (("contacts", "met_on"), ("ratings", "rated_on")):
        frame = frames[name]
        assert frame[day].is_monotonic_increasing
        assert list(frame[f"{name[:-1]}_id"]) == list(range(1, len(frame) + 1))
    assert frames["clients"]["client_id"].is_monotonic_increasing


def test_what_only_the_generator_knows_is_of_the_same_clients(service):
    clients, known = service.frames["clients"], service.known
    assert list(known["client_id"]) == list(clients["client_id"])
    assert np.allclose(known["client_part"] + known["practitioner_part"], known["relationship"])
    assert known["chance"].between(0, 1).all()


# --- identifiers and people ----------------------------------------------------------------------


def test_client_numbers_have_eight_digits_and_most_lead_with_nought(frames):
    for name in ("clients", "outcomes"):
        assert frames[name]["client_id"].str.fullmatch(r"\d{8}").all()
    assert 0.6 < frames["clients"]["client_id"].str.startswith("0").mean() < 0.9


def test_every_record_belongs_to_a_client_but_the_outcomes_of_nobody(service, clients):
    frames, known = service.frames, service.known.set_index("client_id")
    assert set(frames["contacts"]["client_id"]) == set(clients.index)
    assert set(frames["steps"]["client_id"]) == set(clients.index)
    assert set(frames["ratings"]["client_id"]) < set(clients.index)
    owners = frames["outcomes"]["client_id"].drop_duplicates()
    assert known.loc[owners[owners.isin(clients.index)], "linked"].all()
    nobody = (~owners.isin(clients.index)).sum()
    draw = draw_service(service.parameters, SEED)
    happens = np.minimum(draw.outcomes.first, draw.outcomes.second) < 10**6
    assert 0 < nobody <= (happens & draw.consented & ~draw.linked).sum()


def test_practitioners_and_services_are_those_of_the_staff(frames):
    staff = frames["staffing"].set_index("practitioner_id")
    met = frames["contacts"].drop_duplicates(["practitioner_id", "service_id"])
    assert set(met["practitioner_id"]) <= set(staff.index)
    assert list(staff.loc[met["practitioner_id"], "service_id"]) == list(met["service_id"])
    assert staff.index.str.fullmatch(r"P\d{3}").all()
    assert len(staff) == 3 * 8 * 4
    assert staff["service_id"].nunique() == 3 * 8


def test_a_date_of_birth_gives_the_age_at_the_index(clients):
    index, born = clients["index"], clients["born_on"]
    before = (index.dt.month < born.dt.month) | (
        (index.dt.month == born.dt.month) & (index.dt.day < born.dt.day)
    )
    assert ((index.dt.year - born.dt.year - before) == clients["age"]).all()


def test_contents_stay_in_range(frames):
    clients, staff = frames["clients"], frames["staffing"]
    assert clients[["c01", "c02", "c03", "c04"]].isin(range(1, 5)).all(axis=None)
    items = frames["ratings"].filter(regex="^q")
    assert set(items.stack().dropna()) == {1, 2, 3, 4, 5}
    assert clients["age"].between(18, 65).all()
    assert staff[CONDITIONS].isin(range(101)).all(axis=None)
    for name, area in AREAS.items():
        assert clients.loc[clients["area"] == name, "need"].between(1, area.need_cap).all()
    assert set(clients["postcode"]) <= set(POSTCODES)
    assert set(clients["surname"]) <= set(SURNAMES)
    assert clients["postcode"].str.startswith("ZZ").all()


def test_who_is_barred_is_told_where_some_are():
    found = simulate_parameters(preset_parameters("separation", **SIZE), seed=SEED)
    assert set(found.frames["clients"]["barred"]) == {0, 1}
    barred = found.known["client_id"][found.frames["clients"]["barred"] == 1]
    assert not found.frames["outcomes"]["client_id"].isin(barred).any()
    assert (found.known.set_index("client_id").loc[barred, "chance"] == 0).all()


def test_clients_without_consent_are_in_no_frame(service):
    everybody = replace(service.parameters, consent_share=1.0)
    found = simulate_parameters(everybody, seed=SEED)
    assert len(found.frames["clients"]) == found.truth["sample"]["clients"]
    assert len(service.frames["clients"]) == service.truth["sample"]["clients_in_extracts"]
    assert set(service.frames["clients"]["client_id"]) < set(found.frames["clients"]["client_id"])


# --- keys as typed -------------------------------------------------------------------------------


def test_every_misspelling_is_another_word_that_nobody_has():
    for words in (SURNAMES, POSTCODES):
        for way in mistyped(words).T:
            bare = np.char.replace(way, " ", "")
            assert not np.isin(bare, np.char.replace(words, " ", "")).any()


def test_every_key_is_another_where_all_are_mistyped(service):
    own = replace(service.parameters, key_error_share=1.0)
    found = simulate_parameters(own, seed=SEED).frames
    clients = found["clients"].set_index("client_id")
    linked = found["outcomes"][found["outcomes"]["client_id"].isin(clients.index)]
    right = clients.loc[linked["client_id"]]
    assert (linked["born_on"].to_numpy() != right["born_on"].to_numpy()).all()
    for name in ("surname", "postcode"):
        typed, known = (frame[name].str.replace(" ", "") for frame in (linked, right))
        assert (typed.to_numpy() != known.to_numpy()).all()


def test_a_wrong_date_of_birth_has_day_and_month_swapped_or_the_next_year(service):
    own = replace(service.parameters, key_error_share=1.0)
    found = simulate_parameters(own, seed=SEED).frames
    clients = found["clients"].set_index("client_id")
    linked = found["outcomes"][found["outcomes"]["client_id"].isin(clients.index)]
    typed, right = linked["born_on"].dt, clients.loc[linked["client_id"], "born_on"].dt
    day, month = right.day.to_numpy(), right.month.to_numpy()
    swaps = (day <= 12) & (day != month)
    assert (typed.day.to_numpy()[swaps] == month[swaps]).all()
    assert (typed.month.to_numpy()[swaps] == day[swaps]).all()
    later = linked["born_on"].to_numpy() - clients.loc[linked["client_id"], "born_on"].to_numpy()
    assert (later[~swaps] == np.timedelta64(365, "D")).all()


def test_typing_errors_leave_all_else_as_it_was(service):
    own = replace(service.parameters, key_error_share=0.5)
    found = simulate_parameters(own, seed=SEED)
    for name, frame in service.frames.items():
        other = found.frames[name]
        if name == "outcomes":
            assert not frame.equals(other)
            frame, other = frame.drop(columns=PERSON), other.drop(columns=PERSON)
        pd.testing.assert_frame_equal(frame, other)
    pd.testing.assert_frame_equal(service.known, found.known)
    assert service.truth["sample"] == found.truth["sample"]


# --- contacts and staff --------------------------------------------------------------------------


def test_episodes_start_on_working_days_of_the_intake(clients):
    index = clients["index"]
    assert index.min() >= pd.Timestamp("2022-01-03")
    assert index.max() <= pd.Timestamp("2023-07-03")
    assert (index.dt.day_of_week < 5).all()


def test_sanctions_are_recorded_in_employment_alone(frames, clients):
    area = frames["contacts"]["client_id"].map(clients["area"].astype(str))
    assert set(area[frames["contacts"]["sanction"] == 1]) == {"employment"}


def test_reasons_for_leaving_stand_with_a_day_of_leaving(frames):
    staff = frames["staffing"]
    assert ((staff["left_reason"] == "") == staff["left_on"].isna()).all()
    assert set(staff["left_reason"]) == {"", "outside", "own"}
    assert (staff["started_on"] <= pd.Timestamp("2022-01-03")).all()
    # whoever leaves has seen clients through the exposure window
    assert staff["left_on"].min() >= pd.Timestamp("2022-01-03") + pd.Timedelta(days=121)
    assert staff["left_on"].max() < pd.Timestamp("2025-06-30")


def test_the_tables_sanction_rate_is_that_of_the_extracts(service):
    contacts = service.frames["contacts"]
    index = contacts.groupby("client_id")["met_on"].transform("min")
    window = contacts[contacts["met_on"] <= index + pd.Timedelta(days=90)]
    rates = window.groupby("practitioner_id")["sanction"].mean()
    known = service.known.set_index("relationship")
    table = analysis_table(draw_service(service.parameters, SEED))
    table = table[table["consented"]]
    main = known.loc[table["true_relationship"], "main_practitioner_id"]
    np.testing.assert_allclose(rates[main], table["sanction_rate"])


# --- outcomes, ratings, steps --------------------------------------------------------------------


def test_jobs_have_spells_and_other_outcomes_a_row_a_client(frames):
    outcomes = frames["outcomes"]
    jobs = outcomes["area"] == "employment"
    assert outcomes.loc[jobs, "started_on"].notna().all()
    assert outcomes.loc[jobs, "second_on"].isna().all()
    assert outcomes.loc[jobs, "ended_on"].isna().any()
    assert outcomes.loc[jobs, "client_id"].duplicated().any()
    assert outcomes.loc[~jobs, "ended_on"].isna().all()
    assert not outcomes.loc[~jobs, "client_id"].duplicated().any()
    # only a clinic's course can be completed without a quit
    alone = outcomes["started_on"].isna()
    assert set(outcomes.loc[alone, "area"]) == {"health"}


def test_outcomes_lie_inside_the_record(linked):
    for name in ("started_on", "ended_on", "second_on"):
        assert (linked[name].isna() | (linked[name] <= linked["record_end"])).all()
    assert (linked["day"].dropna() > 0).all()
    ends = linked["ended_on"].notna()
    assert (linked["ended_on"] > linked["started_on"])[ends].all()


def test_outcomes_fall_before_inside_and_after_the_follow_up(linked):
    day = linked["day"]
    for area in AREAS:
        of_area = day[linked["area"] == area]
        assert (of_area < 91).any()
        assert of_area.between(91, 455).mean() > 0.5
        assert (of_area >= 91 + 365 + 15).any()


def test_records_cover_the_landmark_and_most_the_follow_up(clients):
    day = (clients["record_end"] - clients["index"]).dt.days
    assert (day >= 91).all()
    assert 0 < (day < 455).mean() < 0.06
    # jobs are seen to last, and late outcomes to come
    assert (day[day > 455] >= 91 + 365 + 182).all()


def test_ratings_are_given_about_the_days_they_are_asked_for(frames, clients):
    ratings = frames["ratings"]
    assert not ratings.duplicated(["client_id", "rated_on"]).any()
    day = (ratings["rated_on"] - ratings["client_id"].map(clients["index"])).dt.days
    asked = np.array([15, 45, 75, 105, 135, 165])
    assert (np.abs(day.to_numpy()[:, None] - asked).min(axis=1) <= 6).all()
    assert 0 < (day > 90).mean() < 0.5


def test_the_panel_has_six_waves_of_every_client(frames, clients):
    steps = frames["steps"]
    waves = steps.groupby("client_id")["wave"]
    assert (waves.size() == 6).all()
    assert waves.agg(["min", "max"]).drop_duplicates().to_numpy().tolist() == [[1, 6]]
    day = (steps["on"] - steps["client_id"].map(clients["index"])).dt.days
    assert (day == 15 + 30 * (steps["wave"] - 1)).all()
    assert set(steps["step"]) == {0, 1}
