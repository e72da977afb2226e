"""What holds for a synthetic service whatever the seed."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.simulate import simulate_service

SEEDS = st.integers(min_value=0, max_value=2**63)
few = settings(max_examples=12, deadline=None)


@few
@given(seed=SEEDS)
def test_no_rating_and_no_later_contact_on_or_after_a_job_start(seed):
    frames = simulate_service(seed=seed).frames
    start = frames["outcomes"].groupby("client_id")["job_start"].min()
    ratings = frames["ratings"]
    # dates in year-month-day order sort as text
    assert (ratings["rated_on"] < ratings["client_id"].map(start).fillna("9999")).all()
    contacts = frames["contacts"]
    later = contacts.duplicated("client_id")
    before = contacts["met_on"] < contacts["client_id"].map(start).fillna("9999")
    assert before[later].all()


@few
@given(seed=SEEDS)
def test_one_episode_a_client_and_the_main_adviser_always_leads(seed):
    contacts = simulate_service(seed=seed).frames["contacts"]
    contacts = contacts.assign(met=pd.to_datetime(contacts["met_on"]))
    contacts = contacts.sort_values(["client_id", "met"])
    by_client = contacts.groupby("client_id")
    assert by_client["met"].diff().dt.days.dropna().between(1, 89).all()
    main = contacts["adviser_id"] == by_client["adviser_id"].transform("first")
    lead = (2 * main.astype(int) - 1).groupby(contacts["client_id"]).cumsum()
    assert (lead > 0).all()


@few
@given(seed=SEEDS)
def test_spells_of_a_client_do_not_overlap_and_lie_inside_the_record(seed):
    frames = simulate_service(seed=seed).frames
    jobs = frames["outcomes"]
    record_end = jobs["client_id"].map(frames["clients"].set_index("client_id")["record_end"])
    assert (jobs["job_start"] <= record_end).all()
    assert (jobs["job_end"] <= record_end).all()
    assert ((jobs["job_end"] == "") | (jobs["job_end"] > jobs["job_start"])).all()
    earlier = jobs.groupby("client_id")["job_end"].shift()
    second = earlier.notna()
    assert (earlier[second] != "").all()
    assert (earlier[second] < jobs["job_start"][second]).all()


@few
@given(seed=SEEDS)
def test_faults_change_no_truth_but_their_own_entries(seed):
    clean = simulate_service(seed=seed).truth
    faulty = simulate_service(seed=seed, faults=True).truth
    for name in ("parameters", "superpopulation", "sample"):
        assert clean[name] == faulty[name]
