"""The planted faults: each count in the truth is exactly what the files hold."""

import pandas as pd
import pytest

from deepvalue_stats.simulate import simulate_service

SEED = 20110523
ITEMS = [f"q{i:02d}" for i in range(1, 13)]


@pytest.fixture(scope="module")
def clean():
    return simulate_service("employment", seed=SEED).frames


@pytest.fixture(scope="module")
def service():
    return simulate_service("employment", seed=SEED, faults=True)


@pytest.fixture(scope="module")
def frames(service):
    return service.frames


@pytest.fixture(scope="module")
def planted(service):
    return service.truth["planted_faults"]


def test_without_faults_none_is_counted():
    truth = simulate_service("employment", seed=SEED).truth
    assert truth["planted_faults"] == {}
    assert "suppressed" not in truth["definitions"]


def test_every_fault_is_planted_and_defined(service, planted):
    assert all(count > 0 for count in planted.values())
    assert set(planted) <= set(service.truth["definitions"])


def test_ratings_after_outcome(clean, frames, planted):
    ratings = frames["ratings"]
    index = pd.to_datetime(clean["contacts"].groupby("client_id")["met_on"].min())
    job = pd.to_datetime(clean["outcomes"].groupby("client_id")["job_start"].min())
    client = ratings["client_id"].str.zfill(8)
    rated = pd.to_datetime(ratings["rated_on"], errors="coerce")
    day = (rated - client.map(index)).dt.days
    late = (rated >= client.map(job)) & day.between(0, 90)
    assert late.sum() == planted["ratings_after_outcome"]
    assert ((client.map(job) - client.map(index)).dt.days[late] <= 90).all()


def test_duplicated_rating_ids(frames, planted):
    ratings = frames["ratings"]
    twice = ratings.duplicated("rating_id", keep=False)
    copies = ratings.duplicated(keep=False)
    differing = ratings[twice & ~copies]
    assert len(differing) == 2 * planted["duplicated_rating_ids"]
    assert differing["rating_id"].nunique() == planted["duplicated_rating_ids"]


def test_repeated_rows(frames, planted):
    assert frames["ratings"].duplicated().sum() == planted["repeated_rows"]


@pytest.mark.parametrize("name", ["ratings", "outcomes"])
def test_lost_leading_zeros(frames, planted, name):
    ids = frames[name]["client_id"]
    assert (ids.str.len() < 8).sum() == planted[f"lost_leading_zeros_{name}"]
    assert ids.str.zfill(8).isin(frames["clients"]["client_id"]).all()


def test_date_typos(frames, planted):
    dates = frames["ratings"]["rated_on"]
    assert pd.to_datetime(dates, errors="coerce").isna().sum() == planted["date_typos"]


def test_items_out_of_range(frames, planted):
    sevens = frames["ratings"][ITEMS] == "7"
    assert sevens.to_numpy().sum() == planted["items_out_of_range"]
    assert sevens.any(axis=1).sum() == planted["items_out_of_range"]


def test_suppressed(frames, planted):
    assert (frames["clients"] == "*").to_numpy().sum() == planted["suppressed"]
    assert (frames["clients"]["months_out"] == "*").sum() == planted["suppressed"]


def test_contacts_have_no_faults(clean, frames):
    pd.testing.assert_frame_equal(frames["contacts"], clean["contacts"])


def test_all_other_rows_are_unchanged(clean, frames, planted):
    spoilt = ("lost_leading_zeros_ratings", "date_typos", "items_out_of_range")
    added = ("ratings_after_outcome", "duplicated_rating_ids", "repeated_rows")
    whole = clean["ratings"].merge(frames["ratings"].drop_duplicates(), how="inner")
    assert len(whole) == len(clean["ratings"]) - sum(planted[name] for name in spoilt)
    grown = len(frames["ratings"]) - len(clean["ratings"])
    assert grown == sum(planted[name] for name in added)
    for name, fault in (("outcomes", "lost_leading_zeros_outcomes"), ("clients", "suppressed")):
        changed = (clean[name] != frames[name]).any(axis=1)
        assert changed.sum() == planted[fault]
