"""Synthetic services: what is asked for, what is refused, and what a seed decides."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate import (
    PRESETS,
    Parameters,
    analysis_table,
    draw_service,
    preset_parameters,
    simulate_parameters,
    simulate_service,
    superpopulation,
    truth,
)

SMALL = {"services": 3, "practitioners": 3, "caseload": 15}
TINY = {"services": 1, "practitioners": 2, "caseload": 1}


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
    return simulate_service("claim_true", seed=1, **SMALL)


# --- seeds and sizes -----------------------------------------------------------------------------


def test_the_same_seed_gives_equal_frames_and_another_seed_does_not(service):
    again = simulate_service("claim_true", seed=1, **SMALL)
    other = simulate_service("claim_true", seed=2, **SMALL)
    for name, frame in service.frames.items():
        pd.testing.assert_frame_equal(frame, again.frames[name])
        assert not frame.equals(other.frames[name])
    pd.testing.assert_frame_equal(service.known, again.known)
    assert service.truth == again.truth
    assert service.truth["superpopulation"] == other.truth["superpopulation"]
    assert service.truth["sample"] != other.truth["sample"]


def test_the_table_of_a_seed_is_of_the_same_clients_as_its_frames(service):
    table = analysis_table(draw_service(service.parameters, 1))
    mine = table[table["consented"]]
    assert sorted(mine["true_relationship"]) == sorted(service.known["relationship"])
    assert mine["practitioner"].nunique() == service.known["main_practitioner_id"].nunique()
    assert list(table.columns) == [
        "client", "practitioner", "service", "area", "consented", "at_risk", "complete", "rated",
        "relationship", "relationship_all", "true_relationship", "true_within", "true_between",
        "confidence", "age", "need", "sanction_rate", "barred", "outcome", "second",
        "true_outcome",
    ]  # fmt: skip


def test_the_service_has_the_size_that_was_asked_for():
    found = simulate_service(
        "claim_true", seed=3, areas=("debt", "health"), services=4, practitioners=5, caseload=30
    )
    staff = found.frames["staffing"]
    assert staff.groupby("area", observed=True)["service_id"].nunique().to_dict() == {
        "debt": 4,
        "health": 4,
    }
    assert (staff.groupby("service_id").size() == 5).all()
    assert 25 < staff["caseload"].mean() < 35
    assert staff["caseload"].sum() == found.truth["sample"]["clients"]


def test_a_caseload_without_spread_is_the_same_for_everybody():
    found = draw_service(replace(Parameters(), **SMALL, caseload_cv=0.0), 1)
    assert set(np.bincount(found.people.practitioner)) == {15}


def test_sizes_left_out_are_the_presets_own():
    assert preset_parameters("few_practitioners").services == 3
    assert preset_parameters("few_practitioners", services=5).practitioners == 4
    assert preset_parameters("alike").areas == ("employment", "debt", "health")
    assert preset_parameters("claim_true") == Parameters()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_tiny_service_is_drawn_in_peace(preset):
    for seed in range(4):
        found = simulate_service(preset, seed=seed, **TINY)
        assert json.loads(json.dumps(found.truth, allow_nan=False)) == found.truth
        assert len(found.frames["staffing"]) == 2 * len(found.parameters.areas)
        assert len(found.frames["clients"]) <= len(found.frames["contacts"])


def test_a_service_of_which_nobody_is_in_the_extracts():
    found = simulate_parameters(replace(Parameters(), **SMALL, consent_share=0.0), seed=1)
    assert {len(found.frames[name]) for name in found.frames if name != "staffing"} == {0}
    assert found.truth["sample"]["estimands"]["rated"]["per_sd_score"]["overall"] is None


def test_clients_all_barred_have_no_risk_and_no_ratio():
    p = replace(Parameters(), **SMALL)
    barred = replace(draw_service(p, 1).people, barred=np.ones(1, dtype=bool))
    worlds = truth.worlds_of(replace(draw_service(p, 1), people=barred))
    found = truth.estimands(p, worlds)
    assert found["per_sd_relationship"]["overall"] == 0
    assert np.isnan(found["risk_ratio_per_sd"]["overall"])


# --- names and parameters of one's own -----------------------------------------------------------


def test_the_truth_names_preset_seed_and_parameters(service):
    assert service.truth["preset"] == "claim_true"
    assert service.truth["seed"] == 1
    assert service.truth["parameters"] == json.loads(json.dumps(asdict(service.parameters)))


def test_parameters_of_ones_own_are_named_so():
    own = replace(Parameters(), **SMALL, confidence_correlation=0.3)
    found = simulate_parameters(own, seed=1)
    assert found.truth["preset"] == "own"
    assert found.truth["parameters"]["confidence_correlation"] == 0.3
    assert simulate_parameters(own, seed=1, name="mine").truth["preset"] == "mine"


def test_parts_of_a_draw_have_streams_of_their_own():
    base = replace(Parameters(), **SMALL)
    first = draw_service(base, 5)
    links = draw_service(replace(base, link_sensitivity=(0.5, 0.5, 0.5)), 5)
    ratings = draw_service(replace(base, missing_item_share=0.3), 5)
    for other in (links, ratings):
        np.testing.assert_array_equal(first.people.client_part, other.people.client_part)
        np.testing.assert_array_equal(first.outcomes.first, other.outcomes.first)
        np.testing.assert_array_equal(first.contacts.practitioner, other.contacts.practitioner)
        np.testing.assert_array_equal(first.calendar.index, other.calendar.index)
    np.testing.assert_array_equal(first.ratings.items, links.ratings.items)
    np.testing.assert_array_equal(first.linked, ratings.linked)


def test_who_reports_the_outcome_is_known():
    assert preset_parameters("halo").reported_by == "client"
    assert preset_parameters("claim_true").reported_by == "administrative"


# --- refusals ------------------------------------------------------------------------------------


def test_an_unknown_preset_is_refused_with_the_near_name():
    with pytest.raises(PlanError) as caught:
        simulate_service("claim_treu", seed=1)
    assert str(caught.value) == (
        "PlanError: there is no preset 'claim_treu'\n"
        "  where: simulate_service, preset\n"
        f"  fix:   did you mean 'claim_true'? use one of: {', '.join(PRESETS)}"
    )


def test_a_preset_like_none_is_refused_with_the_list():
    with pytest.raises(PlanError, match="fix:   use one of: everyday, claim_true"):
        simulate_service("zzz", seed=1)


def test_an_unknown_area_is_refused_with_the_near_name():
    with pytest.raises(PlanError) as caught:
        simulate_service("null", seed=1, areas=("employment", "helth"))
    assert str(caught.value) == (
        "PlanError: there is no area 'helth'\n"
        "  where: simulate_service, area\n"
        "  fix:   did you mean 'health'? use one of: employment, debt, health"
    )


@pytest.mark.parametrize("areas", [(), ("debt", "debt")])
def test_no_area_and_one_area_twice_are_refused(areas):
    with pytest.raises(PlanError, match="areas are one or more different ones"):
        simulate_service("null", seed=1, areas=areas)


@pytest.mark.parametrize("size", [{"services": 0}, {"practitioners": 0}, {"caseload": 0.5}])
def test_sizes_below_one_are_refused(size):
    with pytest.raises(PlanError, match="services, practitioners and caseload are 1 or more"):
        simulate_service("null", seed=1, **size)


def test_a_negative_seed_is_refused():
    with pytest.raises(PlanError, match="the seed is below nought"):
        simulate_service("null", seed=-1, **SMALL)


def test_all_faults_of_parameters_are_told_at_once():
    with pytest.raises(PlanError) as caught:
        Parameters(
            areas=("employment", "money"),
            services=0,
            practitioners=1,
            scale="probit",
            base_rate=1.0,
            outcome_icc=1.0,
            turnover=1.0,
            consent_share=1.2,
            link_sensitivity=(0.5, 1.5),
            effect_by_area=(1.0,),
            weak_items=((), (), ()),
            hidden_relationship=0.95,
            sanction_relationship=-0.95,
        )
    assert str(caught.value) == (
        "PlanError: these parameters describe no service: "
        "there is no area 'money'; "
        "services, practitioners and caseload are 1 or more; "
        "one practitioner a service has no colleague: second_practitioner_share is 0; "
        "effect_by_area needs a factor for each area; "
        "weak_items needs a tuple of items for each area; "
        "link_sensitivity needs a share for each band; "
        "consent_share is not between 0 and 1; "
        "link_sensitivity is not between 0 and 1; "
        "base_rate is not inside 0 and 1; "
        "outcome_icc is not from 0 to below 1; "
        "turnover is below 1: somebody stays; "
        "there is no scale 'probit'; "
        "the causes of the relationship explain more than all of it; "
        "the causes of the practitioner's part explain more than all of it\n"
        "  where: Parameters\n"
        "  fix:   see the attributes of Parameters for what each one is"
    )


def test_a_base_rate_that_the_barred_clients_rule_out_is_refused():
    p = replace(Parameters(), **SMALL, base_rate=0.60, barred_share=0.50)
    with pytest.raises(PlanError, match=r"no service has the base rate 0\.6"):
        simulate_parameters(p, seed=1)
