"""What holds for a synthetic service whatever the preset, the size and the seed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.simulate import (
    AREAS,
    PRESETS,
    analysis_table,
    draw_service,
    preset_parameters,
    simulate_parameters,
    superpopulation,
    truth,
)


@pytest.fixture(autouse=True, scope="module")
def _few_clients_in_the_superpopulation():
    """What is tested here does not hang on how exact the truth is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "SUPERPOPULATION_CLIENTS", 3_000)
        superpopulation.cache_clear()
        yield
    superpopulation.cache_clear()


parameters = st.builds(
    preset_parameters,
    # where nobody is sanctioned there is no policing to plant
    st.sampled_from([name for name in PRESETS if name != "policing"]),
    areas=st.none() | st.permutations(list(AREAS)).map(lambda areas: tuple(areas[:2])),
    services=st.integers(1, 4),
    practitioners=st.integers(2, 4),
    caseload=st.sampled_from([1, 6, 20]),
)
seeds = st.integers(min_value=0, max_value=2**63)
few = settings(max_examples=25, deadline=None)


def first_outcomes(service):
    """Each client's first outcome as linked, and the index date."""
    frames = service.frames
    index = frames["contacts"].groupby("client_id")["met_on"].min()
    first = frames["outcomes"].groupby("client_id")["started_on"].min()
    return index, first.reindex(index.index)


@few
@given(p=parameters, seed=seeds)
def test_every_contact_is_with_somebody_in_post_and_none_on_or_after_the_outcome(p, seed):
    service = simulate_parameters(p, seed=seed)
    contacts, staff = service.frames["contacts"], service.frames["staffing"]
    post = staff.set_index("practitioner_id").loc[contacts["practitioner_id"]]
    met = contacts["met_on"].to_numpy()
    assert (post["started_on"].to_numpy() <= met).all()
    assert (post["left_on"].isna().to_numpy() | (met < post["left_on"].to_numpy())).all()
    assert (post["service_id"].to_numpy() == contacts["service_id"].to_numpy()).all()
    index, first = first_outcomes(service)
    before = contacts["client_id"].map(first)
    assert (before.isna() | (contacts["met_on"] < before)).all()
    day = (contacts["met_on"] - contacts["client_id"].map(index)).dt.days
    assert day.between(0, p.contact_days).all()
    assert (contacts["met_on"].dt.day_of_week < 5).all()


@few
@given(p=parameters, seed=seeds)
def test_the_main_practitioner_has_the_majority_of_the_exposure_window(p, seed):
    service = simulate_parameters(p, seed=seed)
    contacts = service.frames["contacts"].sort_values(["client_id", "met_on"])
    index, _ = first_outcomes(service)
    window = contacts["met_on"] <= contacts["client_id"].map(index) + pd.Timedelta(
        days=p.exposure_days
    )
    contacts = contacts[window]
    main = service.known.set_index("client_id")["main_practitioner_id"]
    with_main = contacts["practitioner_id"] == contacts["client_id"].map(main)
    # from the first day on, at every moment
    lead = (2 * with_main.astype(int) - 1).groupby(contacts["client_id"]).cumsum()
    assert (lead > 0).all()
    assert contacts["client_id"].nunique() == len(main)
    gap = contacts.groupby("client_id")["met_on"].diff().dt.days.dropna()
    shortest, longest = p.contact_gap_days
    # a contact is lost that fell to a colleague who had left as well
    assert gap.between(shortest - 2, 2 * longest + 2).all()
    assert gap.le(longest + 2).mean() > 0.98


@few
@given(p=parameters, seed=seeds)
def test_spells_of_a_client_do_not_overlap_and_follow_one_another(p, seed):
    outcomes = simulate_parameters(p, seed=seed).frames["outcomes"]
    assert not outcomes.duplicated(["client_id", "started_on"]).any()
    jobs = outcomes[outcomes["area"] == "employment"]
    earlier = jobs.groupby("client_id")[["ended_on"]].shift()["ended_on"]
    second = jobs["client_id"].duplicated()
    assert (earlier[second] < jobs.loc[second, "started_on"]).all()
    assert jobs["client_id"].value_counts().le(2).all()
    follows = outcomes["second_on"].notna() & (outcomes["area"] == "debt")
    assert (outcomes["second_on"] >= outcomes["started_on"])[follows].all()


@few
@given(p=parameters, seed=seeds)
def test_the_table_is_complete_and_consistent(p, seed):
    draw = draw_service(p, seed)
    table = analysis_table(draw)
    parts = table["true_within"] + table["true_between"]
    np.testing.assert_allclose(parts, table["true_relationship"])
    assert table["true_between"].groupby(table["practitioner"]).nunique().eq(1).all()
    assert table["client"].is_unique
    assert (table["rated"] == table["relationship"].notna()).all()
    assert (table["rated"] <= table["relationship_all"].notna()).all()
    assert table["relationship"].dropna().between(1, 5).all()
    assert table["confidence"].between(1, 4).all()
    binary = table[["outcome", "second", "true_outcome", "barred"]]
    assert binary.isin([0.0, 1.0]).all(axis=None)
    assert not table.loc[table["barred"] == 1, ["outcome", "second", "true_outcome"]].any(axis=None)
    if not p.mood_report:
        assert (table["outcome"] <= table["true_outcome"]).all()
    debt_or_job = table["area"] != "health"
    assert (table["second"] <= table["outcome"])[debt_or_job].all()
    assert set(table["area"]) == set(p.areas)


@few
@given(p=parameters, seed=seeds)
def test_a_seed_and_parameters_make_one_service(p, seed):
    first, again = (simulate_parameters(p, seed=seed) for _ in range(2))
    for name, frame in first.frames.items():
        pd.testing.assert_frame_equal(frame, again.frames[name])
    assert first.truth == again.truth


@few
@given(p=parameters, seed=seeds)
def test_how_the_relationship_is_measured_changes_nothing_that_happens(p, seed):
    other = replace(p, rating_loading=0.4, rating_thresholds=(-1.0, 0.0, 0.5, 1.5))
    first, second = (draw_service(each, seed) for each in (p, other))
    np.testing.assert_array_equal(first.probability, second.probability)
    np.testing.assert_array_equal(first.outcomes.first, second.outcomes.first)
    np.testing.assert_array_equal(first.ratings.given, second.ratings.given)
    np.testing.assert_array_equal(first.contacts.day, second.contacts.day)
