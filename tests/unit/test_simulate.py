"""The synthetic service: what its frames look like, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate import Employment, simulate_parameters, simulate_service

SEED = 20110523
COLUMNS = {
    "clients": ["client_id", "c01", "c02", "c03", "c04", "age", "months_out", "record_end"],
    "contacts": ["contact_id", "client_id", "adviser_id", "office_id", "met_on", "sanction"],
    "ratings": ["rating_id", "client_id", "rated_on", *(f"q{i:02d}" for i in range(1, 13))],
    "outcomes": ["client_id", "job_start", "job_end"],
}
KEYS = {
    "clients": ["client_id"],
    "contacts": ["contact_id"],
    "ratings": ["rating_id"],
    "outcomes": ["client_id", "job_start"],
}


@pytest.fixture(scope="module")
def service():
    return simulate_service("employment", seed=SEED)


@pytest.fixture(scope="module")
def frames(service):
    return service.frames


@pytest.fixture(scope="module")
def index(frames):
    return pd.to_datetime(frames["contacts"].groupby("client_id")["met_on"].min())


def days_after(index, clients, dates):
    return (pd.to_datetime(dates) - clients.map(index)).dt.days


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_those_of_the_plan_and_every_cell_is_text(frames, name):
    assert list(frames[name].columns) == COLUMNS[name]
    assert frames[name].map(lambda cell: isinstance(cell, str)).all(axis=None)


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_unique(frames, name):
    assert not frames[name].duplicated(KEYS[name]).any()


def test_every_record_belongs_to_a_client_of_the_clients_file(frames):
    clients = set(frames["clients"]["client_id"])
    assert set(frames["contacts"]["client_id"]) == clients
    assert set(frames["ratings"]["client_id"]) <= clients
    assert set(frames["outcomes"]["client_id"]) <= clients


def test_client_ids_have_eight_digits_and_many_lead_with_nought(frames):
    ids = frames["clients"]["client_id"]
    assert ids.str.fullmatch(r"\d{8}").all()
    assert 0.6 < ids.str.startswith("0").mean() < 0.9


def test_items_stay_in_range_and_few_are_empty(frames):
    ratings = frames["ratings"].filter(like="q").to_numpy()
    assert set(ratings.ravel()) == {"", "1", "2", "3", "4", "5"}
    assert 0.01 < (ratings == "").mean() < 0.03
    confidence = frames["clients"][["c01", "c02", "c03", "c04"]].to_numpy()
    assert set(confidence.ravel()) == {"1", "2", "3", "4"}


def test_no_value_could_be_read_as_a_missing_code(frames):
    assert not (frames["clients"] == "99").any(axis=None)


def test_episodes_start_on_working_days_of_the_intake(index):
    assert index.min() >= pd.Timestamp("2022-01-03")
    assert index.max() <= pd.Timestamp("2023-06-30")
    assert np.is_busday(index.to_numpy().astype("datetime64[D]")).all()


def test_a_hundred_and_twenty_advisers_work_in_one_office_each(frames):
    offices = frames["contacts"].groupby("adviser_id")["office_id"].nunique()
    assert len(offices) == 120
    assert (offices == 1).all()
    assert frames["contacts"]["office_id"].nunique() == 24


def test_some_clients_meet_a_second_adviser(frames):
    met = frames["contacts"].groupby("client_id")["adviser_id"].nunique()
    assert set(met) == {1, 2}
    assert 0.05 < (met == 2).mean() < 0.25


def test_confidence_bands_are_filled_and_differ_in_response(frames):
    clients = frames["clients"]
    score = clients[["c01", "c02", "c03", "c04"]].astype(float).mean(axis=1)
    band = pd.cut(score, [1, 2, 3, 5], right=False, labels=["low", "mid", "high"])
    assert band.value_counts(normalize=True).min() > 0.15
    rated = clients["client_id"].isin(frames["ratings"]["client_id"])
    share = rated.groupby(band, observed=True).mean()
    assert share["low"] < share["high"]
    assert 0.10 < 1 - rated.mean() < 0.35


def test_ratings_fall_inside_the_window_and_some_after_it(frames, index):
    ratings = frames["ratings"]
    day = days_after(index, ratings["client_id"], ratings["rated_on"])
    assert day.min() > 0
    assert not day.between(85, 110).any()
    assert 0.05 < (day > 90).mean() < 0.30


def test_jobs_fall_before_inside_and_after_the_follow_up(frames, index):
    first = frames["outcomes"].drop_duplicates("client_id")
    day = days_after(index, first["client_id"], first["job_start"])
    clients = len(frames["clients"])
    assert 0.02 < day.between(1, 90).sum() / clients < 0.09
    assert 0.22 < day.between(91, 455).sum() / clients < 0.36
    assert 0.02 < (day > 455).sum() / clients < 0.15


def test_some_jobs_last_some_end_soon_and_a_few_clients_have_two(frames):
    jobs = frames["outcomes"]
    lasted = pd.to_datetime(jobs["job_end"].replace("", None)) - pd.to_datetime(jobs["job_start"])
    assert (jobs["job_end"] == "").any()
    assert 0.2 < (lasted.dt.days < 182).mean() < 0.5
    assert jobs["client_id"].value_counts().max() == 2


def test_most_records_cover_the_follow_up_and_a_few_end_inside_it(frames, index):
    clients = frames["clients"]
    day = days_after(index, clients["client_id"], clients["record_end"])
    assert (day >= 91).all()
    assert 0.01 < (day < 456).mean() < 0.06
    assert (day[day >= 456] >= 91 + 365 + 182).all()


def test_same_seed_gives_equal_frames_and_another_seed_does_not(frames):
    again = simulate_service("employment", seed=SEED).frames
    other = simulate_service("employment", seed=SEED + 1).frames
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(frame, again[name])
        assert not frame.equals(other[name])


def test_an_unknown_preset_is_refused_with_the_near_name():
    with pytest.raises(PlanError) as caught:
        simulate_service("employmnt", seed=1)
    assert str(caught.value) == (
        "PlanError: there is no preset 'employmnt'\n"
        "  where: simulate_service, preset\n"
        "  fix:   did you mean 'employment'? use one of: employment"
    )


def test_a_preset_like_none_is_refused_with_the_list():
    with pytest.raises(PlanError, match="use one of: employment"):
        simulate_service("zzz", seed=1)


def test_a_negative_seed_is_refused():
    with pytest.raises(PlanError, match="the seed is below nought"):
        simulate_service(seed=-1)


def test_parameters_of_ones_own_are_named_so():
    own = replace(Employment(), caseload_mean=5.0)
    small = simulate_parameters(own, seed=1)
    assert small.truth["preset"] == "own"
    assert small.truth["parameters"]["caseload_mean"] == 5.0
    assert len(small.frames["clients"]) < 800


def test_an_item_that_no_one_leaves_empty():
    complete = simulate_parameters(replace(Employment(), missing_item_share=0.0), seed=1)
    assert not (complete.frames["ratings"] == "").any(axis=None)


def test_ratings_hold_together_as_a_scale(frames):
    items = frames["ratings"].filter(like="q").replace("", np.nan).astype(float).dropna()
    covariance = items.cov().to_numpy()
    alpha = 12 / 11 * (1 - np.trace(covariance) / covariance.sum())
    assert 0.88 < alpha < 0.95
