"""The presets: complete in words, true to their own story, and right for the areas asked for."""

from dataclasses import fields

import numpy as np
import pytest

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate import (
    PRESETS,
    Parameters,
    analysis_table,
    draw_service,
    preset_parameters,
    superpopulation,
    truth,
)

NAMES = [
    "everyday", "claim_true", "null", "reversed", "confounded", "reverse_caused", "halo",
    "ceiling", "attrition", "linkage_error", "policing", "damage", "additive_only", "ratio_only",
    "few_practitioners", "no_practitioner_variance", "separation", "alike", "not_alike",
]  # fmt: skip
PARAMETERS = {field.name for field in fields(Parameters)}


@pytest.fixture(autouse=True, scope="module")
def _few_clients_in_the_superpopulation():
    """Signs and orders show in a smaller one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "SUPERPOPULATION_CLIENTS", 24_000)
        superpopulation.cache_clear()
        yield
    superpopulation.cache_clear()


def effects(name, group="at_risk"):
    return superpopulation(preset_parameters(name)).estimands[group]


def naive(name, score="relationship", outcome="outcome", **sizes):
    """The slope of outcome on score over clients, with its error by practitioner."""
    table = analysis_table(draw_service(preset_parameters(name, **sizes), 3))
    rows = table[table["at_risk"] & table[score].notna()]
    x = rows[score] - rows[score].mean()
    y = rows[outcome] - rows[outcome].mean()
    slope = (x * y).sum() / (x**2).sum()
    sums = (x * (y - slope * x)).groupby(rows["practitioner"]).sum()
    return slope, np.sqrt((sums**2).sum()) / (x**2).sum()


def test_the_presets_are_those_of_the_bench():
    assert list(PRESETS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_presets_words_are_complete(name):
    preset = PRESETS[name]
    assert preset.name == name
    assert 0 < len(preset.title) < 45
    assert preset.story.endswith(".")
    assert preset.naive.endswith(".")
    assert preset.target in ("rated", "at_risk")
    assert preset.truth in ("benefit", "none", "harm")
    assert preset.flag == preset.flag.strip().lower()


def test_titles_differ():
    assert len({preset.title for preset in PRESETS.values()}) == len(PRESETS)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_preset_changes_are_parameters_that_it_changes(name):
    changes = PRESETS[name].changes
    assert changes.keys() <= PARAMETERS
    default = Parameters()
    same = [key for key, value in changes.items() if getattr(default, key) == value]
    assert same == []
    assert all(getattr(preset_parameters(name), key) == value for key, value in changes.items())


@pytest.mark.parametrize("name", NAMES)
def test_the_true_effect_has_the_sign_that_the_preset_tells(name):
    preset = PRESETS[name]
    overall = effects(name, preset.target)["per_sd_relationship"]["overall"]
    if preset.truth == "none":
        assert overall == 0
    else:
        assert (overall > 0.005) == (preset.truth == "benefit")
        assert (overall < -0.005) == (preset.truth == "harm")


@pytest.mark.parametrize("name", ["confounded", "reverse_caused", "halo", "policing"])
def test_a_naive_slope_misleads_where_nothing_is_true(name):
    score = "relationship_all" if name == "reverse_caused" else "relationship"
    slope, error = naive(name, score, services=60)
    assert slope > 4 * error


def test_attrition_makes_a_slope_of_nothing():
    slope, error = naive("attrition", services=60)
    assert slope > 4 * error


def test_everybodys_score_shows_nothing_where_nothing_is_true():
    # the error-free relationship and the true outcome, but for what confidence moves
    for name in ("null", "attrition", "halo", "reverse_caused"):
        p = preset_parameters(name, services=40)
        table = analysis_table(draw_service(p, 3))
        rows = table[table["at_risk"]]
        x = rows[["true_relationship", "confidence", "need", "age"]].to_numpy()
        x = np.column_stack([np.ones(len(x)), x])
        found, rest, *_ = np.linalg.lstsq(x, rows["true_outcome"], rcond=None)
        error = np.sqrt(rest[0] / len(x) * np.linalg.inv(x.T @ x)[1, 1])
        # practitioners differ, which widens the error of a slope a little
        assert abs(found[1]) < 4.5 * error


def test_effects_differ_by_confidence_on_one_scale_only():
    additive, ratio = effects("additive_only"), effects("ratio_only")
    assert additive["risk_ratio_per_sd"]["low"] == pytest.approx(
        additive["risk_ratio_per_sd"]["high"], rel=0.01
    )
    assert additive["per_sd_relationship"]["low_minus_high"] > 0.02
    assert ratio["per_sd_relationship"]["low"] == pytest.approx(
        ratio["per_sd_relationship"]["high"], rel=0.02
    )
    assert ratio["risk_ratio_per_sd"]["low"] > ratio["risk_ratio_per_sd"]["high"] + 0.04


def test_damage_is_done_below_the_neutral_point():
    found = effects("damage")["neutral"]
    assert found["below"] > 8 * found["above"] > 0
    assert 0.25 < found["share_below"] < 0.36


def test_everyday_effects_are_largest_at_low_confidence_and_below_neutral():
    found = effects("everyday", "rated")
    assert found["per_sd_relationship"]["low_minus_high"] > 0.03
    assert found["neutral"]["below"] > 1.5 * found["neutral"]["above"]
    assert 0.1 < found["conditions"]["indirect_share"] < 0.5


def test_areas_are_alike_or_not_as_the_preset_says():
    assert effects("not_alike")["by_area"]["debt"] == 0
    assert (
        effects("not_alike")["by_area"]["health"]
        > 1.5 * effects("not_alike")["by_area"]["employment"]
    )
    assert min(effects("alike")["by_area"].values()) > 0.03


def test_only_the_linkage_preset_loses_outcomes_by_confidence():
    table = analysis_table(draw_service(preset_parameters("linkage_error", services=60), 3))
    had = table[table["true_outcome"] == 1]
    found = had.groupby(np.digitize(had["confidence"], [2, 3]))["outcome"].mean()
    assert found[0] < 0.60
    assert found[2] > 0.90


def test_a_preset_about_areas_keeps_the_factors_of_those_asked_for():
    p = preset_parameters("not_alike", areas=("health", "employment"))
    assert p.areas == ("health", "employment")
    assert p.effect_by_area == (1.8, 1.0)
    assert p.weak_items == ((8, 9, 10, 11), ())
    assert preset_parameters("not_alike", areas=("debt",)).effect_by_area == (0.0,)
    assert superpopulation(p).estimands["rated"]["by_area"].keys() == {"health", "employment"}


def test_sizes_below_one_are_refused():
    with pytest.raises(PlanError, match="1 or more"):
        preset_parameters("null", services=0)
