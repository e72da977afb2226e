"""The planted faults: each count is exactly what the files hold, and nothing else is touched."""

import pandas as pd
import pytest

from deepvalue_stats.simulate import AREAS, simulate_service
from deepvalue_stats.simulate.extracts import (
    CONFIDENCE_ITEMS,
    FILES,
    PLAIN,
    RATING_ITEMS,
    extracts,
    file_columns,
)
from deepvalue_stats.simulate.spoiling import FAULT_DEFINITIONS
from deepvalue_stats.simulate.worked import worked_service

ITEMS = list(RATING_ITEMS)
TOKENS = ("99", "NA", "n/a")


@pytest.fixture(scope="module", params=AREAS)
def area(request):
    return AREAS[request.param]


@pytest.fixture(scope="module")
def service(area):
    return worked_service(area.name)


@pytest.fixture(scope="module")
def clean(service, area):
    return extracts(service, faults=False).frames[area.name]


@pytest.fixture(scope="module")
def made(service):
    return extracts(service, faults=True)


@pytest.fixture(scope="module")
def frames(made, area):
    return made.frames[area.name]


@pytest.fixture(scope="module")
def planted(made, area):
    return made.planted[area.name]


def days(texts):
    """Read dates of both forms; what is no date is NaT."""
    iso = pd.to_datetime(texts, format="%Y-%m-%d", errors="coerce")
    return iso.fillna(pd.to_datetime(texts, format="%d/%m/%Y", errors="coerce"))


# --- clean extracts ------------------------------------------------------------------------------


def test_without_faults_none_is_counted_and_every_file_is_plain(service, area):
    made = extracts(service, faults=False)
    assert made.planted == {area.name: {}}
    assert set(made.forms[area.name].values()) == {PLAIN}


def test_the_files_have_the_areas_own_headers(clean, area):
    assert tuple(clean) == FILES
    columns = {file: list(frame) for file, frame in clean.items()}
    assert columns == {
        file: [name for name, own in named.items() if own != "barred"]
        for file, named in file_columns(area).items()
    }
    assert ("sanction" in columns["contacts"]) == area.sanctions
    assert columns["outcomes"][-2:] == list(area.outcome_columns)
    assert area.need_column in columns["clients"]
    assert area.practitioner_column in columns["contacts"]


def test_every_cell_is_text(clean):
    for frame in clean.values():
        assert frame.map(lambda cell: isinstance(cell, str)).all(axis=None)


def test_the_text_is_the_typed_value(service, clean, area):
    typed = service.frames["clients"]
    text = clean["clients"]
    assert list(text["client_id"]) == list(typed["client_id"])
    assert list(text["born_on"]) == [day.date().isoformat() for day in typed["born_on"]]
    assert list(text["c01"]) == [str(answer) for answer in typed["c01"]]
    assert list(text[area.need_column]) == [str(need) for need in typed["need"]]
    ends = service.frames["staffing"]["left_on"]
    assert list(clean["staffing"]["left_on"] == "") == list(ends.isna())


def test_no_id_is_a_token_for_a_missing_value(clean, area):
    """A bare number 99 was read as missing once, and its row was lost."""
    ids = [
        clean[file][name] for file, name in (("ratings", "rating_id"), ("contacts", "contact_id"))
    ]
    ids += [clean["contacts"][name] for name in (area.practitioner_column, area.service_column)]
    assert not any(one.isin(TOKENS).any() for one in ids)
    assert all(one.is_unique for one in ids[:2])


def test_clean_ratings_come_before_the_outcome_in_the_exposure_window(service, clean, planted):
    assert (
        len(clean["ratings"]) == len(service.frames["ratings"]) - planted["ratings_after_outcome"]
    )


def test_the_extracts_of_an_area_do_not_hang_on_the_others():
    sizes = {"services": 3, "practitioners": 2, "caseload": 20}
    service = simulate_service("everyday", seed=3, **sizes)
    made = extracts(service, faults=True)
    assert list(made.frames) == ["employment", "debt", "health"]
    for file in ("clients", "staffing"):
        rows = sum(len(frames[file]) for frames in made.frames.values())
        assert rows == len(service.frames[file])
    clients = [set(frames["clients"]["client_id"]) for frames in made.frames.values()]
    assert not clients[0] & clients[1]
    for frames, own in zip(made.frames.values(), clients, strict=True):
        assert set(frames["contacts"]["client_id"]) == own


def test_a_column_that_a_preset_asks_for_is_in_the_file():
    service = simulate_service("separation", seed=1, services=2, practitioners=2, caseload=20)
    clients = extracts(service, faults=False).frames["employment"]["clients"]
    assert set(clients["barred"]) == {"0", "1"}
    assert list(clients)[-2:] == ["barred", "record_end"]
    assert list(clients)[4:8] == list(CONFIDENCE_ITEMS)


# --- faults --------------------------------------------------------------------------------------


def test_every_fault_is_planted_and_defined(planted):
    assert list(planted) == list(FAULT_DEFINITIONS)
    assert all(count > 0 for count in planted.values())


def test_ratings_after_outcome(clean, frames, planted, area):
    ratings, outcomes = frames["ratings"], clean["outcomes"]
    index = days(clean["contacts"]["met_on"]).groupby(clean["contacts"]["client_id"]).min()
    dates = [name for name in area.outcome_columns if name != "job_end"]
    first = outcomes[dates].apply(days).min(axis=1).groupby(outcomes["client_id"]).min()
    client = ratings["client_id"].str.zfill(8)
    rated = days(ratings["rated_on"])
    late = (rated >= client.map(first)) & ((rated - client.map(index)).dt.days <= 90)
    assert late.sum() == planted["ratings_after_outcome"]


def test_dates_with_the_day_first(frames, planted):
    dates = frames["ratings"]["rated_on"]
    day_first = dates[dates.str.contains("/")]
    assert len(day_first) == planted["dates_day_first"]
    assert (day_first.str[:2] > "12").all()  # no reader can take the month for the day
    assert pd.to_datetime(day_first, format="%d/%m/%Y", errors="coerce").notna().all()


def test_duplicated_rating_ids(frames, planted):
    ratings = frames["ratings"]
    twice = ratings.duplicated("rating_id", keep=False)
    copies = ratings.duplicated(keep=False)
    differing = ratings[twice & ~copies]
    assert len(differing) == 2 * planted["duplicated_rating_ids"]
    assert differing["rating_id"].nunique() == planted["duplicated_rating_ids"]
    assert differing.groupby("rating_id")["client_id"].nunique().eq(1).all()


def test_repeated_rows(frames, planted):
    assert frames["ratings"].duplicated().sum() == planted["repeated_rows"]


def test_an_added_row_follows_the_one_that_it_was_made_from(frames):
    assert frames["ratings"]["rating_id"].is_monotonic_increasing


@pytest.mark.parametrize("name", ["ratings", "outcomes"])
def test_lost_leading_zeros(frames, planted, name):
    short = frames[name]["client_id"].str.len() < 8
    assert short.sum() == planted[f"lost_leading_zeros_{name}"]
    assert not frames[name]["client_id"][short].str.startswith("0").any()


def test_date_typos(frames, planted):
    assert days(frames["ratings"]["rated_on"]).isna().sum() == planted["date_typos"]


def test_items_out_of_range(frames, planted):
    sevens = frames["ratings"][ITEMS] == "7"
    assert sevens.to_numpy().sum() == planted["items_out_of_range"]
    assert sevens.any(axis=1).sum() == planted["items_out_of_range"]


def test_missing_tokens(clean, frames, planted):
    tokens = frames["ratings"][ITEMS].isin(TOKENS)
    assert tokens.to_numpy().sum() == planted["missing_tokens"]
    assert tokens.any(axis=1).sum() == planted["missing_tokens"]
    assert not clean["ratings"][ITEMS].isin(TOKENS).any(axis=None)


def test_suppressed(frames, planted, area):
    assert (frames["clients"] == "*").to_numpy().sum() == planted["suppressed"]
    assert (frames["clients"][area.need_column] == "*").sum() == planted["suppressed"]


def test_accents(clean, frames, planted):
    accented = ~frames["clients"]["surname"].map(str.isascii)
    assert accented.sum() == planted["accents"]
    assert clean["clients"]["surname"].map(str.isascii).all()
    assert frames["outcomes"]["surname"].map(str.isascii).all()


@pytest.mark.parametrize("name", ["contacts", "staffing", "steps"])
def test_files_without_faults(clean, frames, name):
    pd.testing.assert_frame_equal(frames[name], clean[name])


def test_no_row_has_two_faults_and_all_others_are_unchanged(clean, frames, planted):
    spoilt = (
        "dates_day_first", "lost_leading_zeros_ratings", "missing_tokens", "date_typos",
        "items_out_of_range",
    )  # fmt: skip
    added = ("duplicated_rating_ids", "repeated_rows", "ratings_after_outcome")
    whole = clean["ratings"].merge(frames["ratings"].drop_duplicates(), how="inner")
    assert len(whole) == len(clean["ratings"]) - sum(planted[name] for name in spoilt)
    grown = len(frames["ratings"]) - len(clean["ratings"])
    assert grown == sum(planted[name] for name in added)
    changed = {
        name: (clean[name] != frames[name]).any(axis=1).sum() for name in ("outcomes", "clients")
    }
    assert changed["outcomes"] == planted["lost_leading_zeros_outcomes"]
    assert changed["clients"] == planted["suppressed"] + planted["accents"]


def test_a_small_service_has_as_many_faults_as_it_has_room_for():
    service = simulate_service("null", seed=1, services=1, practitioners=2, caseload=4)
    made = extracts(service, faults=True)
    frames, planted = made.frames["employment"], made.planted["employment"]
    assert frames["ratings"].duplicated().sum() == planted["repeated_rows"] < 8
    assert (frames["clients"] == "*").to_numpy().sum() == planted["suppressed"]
