"""What is said to be true of a panel is what the generator does."""

import json
from functools import cache

import numpy as np
import pytest

from deepvalue_stats.simulate import (
    FAMILY_PRESETS,
    draw_families,
    family_parameters,
    family_superpopulation,
    simulate_families,
)

NO_EFFECT = [name for name, preset in FAMILY_PRESETS.items() if preset.truth == "none"]


@pytest.fixture(scope="module")
def panel():
    return simulate_families("everyday", seed=3)


@cache
def large(name):
    """A draw so large that an estimate is close to what it estimates."""
    rows = draw_families(name, 11, families=60_000, services=1090)
    return rows[rows["wave"] > 0].dropna(subset=["relationship"]).reset_index(drop=True)


def within(values, rows):
    return values - values.groupby(rows["client"]).transform("mean")


def slope(y, columns):
    """The first coefficient of a least-squares fit."""
    return np.linalg.lstsq(np.column_stack(columns), y, rcond=None)[0][0]


def within_slope(rows, column="relationship"):
    """Risk difference per SD of a column, from changes within families beside a trend."""
    size = rows[column].std()
    return size * slope(
        within(rows["outcome"], rows),
        [within(rows[name].astype(float), rows) for name in (column, "wave", "shock")],
    )


# --- no effect is none ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NO_EFFECT)
def test_where_the_relationship_changes_nothing_every_effect_is_nought(name):
    known = family_superpopulation(family_parameters(name))
    for group in ("followed", "rated"):
        found = known.estimands[group]
        kinds = ("per_sd_relationship", "per_sd_score", "second_outcome", "worries")
        assert {value for kind in kinds for value in found[kind].values()} == {0.0}
        assert found["risk_ratio_per_sd"] == {"overall": 1.0}
    # another adviser has another effect of their own, as often a better one as a worse
    assert list(known.breaks["total"]["all"].values()) == pytest.approx([0.0] * 4, abs=0.002)
    assert set(known.breaks["direct"]["all"].values()) == {0.0}


@pytest.mark.parametrize("name", FAMILY_PRESETS)
def test_the_sign_of_the_effect_is_the_presets(name):
    known = family_superpopulation(family_parameters(name)).estimands["rated"]
    sign = {"benefit": 1, "none": 0, "harm": -1}[FAMILY_PRESETS[name].truth]
    assert np.sign(known["per_sd_relationship"]["within"]) == sign
    assert np.sign(known["per_sd_score"]["overall"]) == sign


def test_the_outcome_lifts_the_rating_where_the_cause_is_reversed():
    rows = large("reverse_caused")
    # the true relationship knows nothing of it
    assert within_slope(rows, "true_relationship") == pytest.approx(0.0, abs=0.006)
    assert within_slope(rows) > 0.10


def test_who_stays_makes_an_effect_where_attrition_is_not_ignorable():
    rows = large("attrition")
    size = rows["relationship"].std()
    columns = [rows["relationship"] / size, np.ones(len(rows)), rows["confidence"], rows["wave"]]
    pooled = slope(rows["outcome"], columns)
    assert pooled > within_slope(rows) > 0.01


def test_a_hidden_trait_moves_levels_and_not_changes():
    rows = large("confounded")
    pooled = slope(
        rows["outcome"],
        [rows["relationship"] / rows["relationship"].std(), np.ones(len(rows)), rows["confidence"]],
    )
    assert pooled > 0.03
    assert within_slope(rows) == pytest.approx(0.0, abs=0.007)


@pytest.mark.parametrize(
    ("name", "fires"),
    [
        ("everyday", False),
        ("claim_true", False),
        ("null", False),
        ("confounded", False),
        ("reverse_caused", True),
        ("feedback", True),
        ("breaks_hurt", False),
    ],
)
def test_the_lead_placebo_fires_where_the_truth_says_so(name, fires):
    assert simulate_families(name, seed=1, families=60).truth["lead_placebo"]["must_fire"] is fires
    rows = large(name).copy()
    later, earlier = (
        rows.set_index(["client", rows["wave"] + by])["relationship"] for by in (-1, 1)
    )
    keys = list(zip(rows["client"], rows["wave"], strict=True))
    rows["next"], rows["last"] = later.reindex(keys).to_numpy(), earlier.reindex(keys).to_numpy()
    whole = rows.dropna(subset=["next", "last"])
    whole = whole[whole.groupby("client")["wave"].transform("count") > 1].copy()
    columns = ["next", "relationship", "last", "wave", "shock"]
    demeaned = [within(whole[column].astype(float), whole) for column in columns]
    lead = slope(within(whole["outcome"], whole), demeaned) * rows["relationship"].std()
    # what is left of four standard errors, and of the curves that a straight line overlooks
    assert bool(abs(lead) > 0.02) is fires


# --- what a hurried analysis makes of it ---------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("everyday", 0.008, 0.025),
        ("claim_true", 0.003, 0.015),
        ("null", 0.003, 0.015),
        ("reversed", 0.003, 0.015),
        ("confounded", 0.04, 0.09),
        ("reverse_caused", 0.12, 0.20),
        ("feedback", 0.02, 0.06),
        ("attrition", 0.02, 0.05),
    ],
)
def test_all_interviews_without_any_covariate_mislead_as_the_preset_says(name, low, high):
    rows = large(name)
    scaled = rows["relationship"] / rows["relationship"].std()
    naive = slope(rows["outcome"], [scaled, np.ones(len(rows))])
    known = family_superpopulation(family_parameters(name)).estimands["rated"]["per_sd_score"]
    assert low < naive - known["overall"] < high


def test_two_way_fixed_effects_find_too_little_harm_where_breaks_hurt_more_and_more():
    rows = draw_families("breaks_hurt", 11, families=60_000, services=1090)
    rows = rows[rows.groupby("client")["wave"].transform("count") == 6]
    after = (rows["event_time"] >= 0).astype(float)
    two_way = [
        one
        - one.groupby(rows["client"]).transform("mean")
        - one.groupby(rows["wave"]).transform("mean")
        + one.mean()
        for one in (rows["outcome"], after)
    ]
    found = slope(two_way[0], [two_way[1]])
    known = family_superpopulation(family_parameters("breaks_hurt")).breaks["total"]["outside"]
    shares = rows.loc[after == 1, "event_time"].value_counts(normalize=True)
    harm = sum(known[f"{time:.0f}"] * share for time, share in shares.items())
    assert harm < -0.12
    assert found > 0.85 * harm


# --- effects are those of the generator ----------------------------------------------------------


def test_changes_within_families_recover_the_effect_of_the_score_and_of_the_relationship():
    rows, known = large("claim_true"), family_superpopulation(family_parameters("claim_true"))
    found = known.estimands["rated"]
    assert within_slope(rows) == pytest.approx(found["per_sd_score"]["within"], abs=0.005)
    true = within_slope(rows, "true_within") / rows["true_within"].std()
    assert true == pytest.approx(found["per_sd_relationship"]["within"], abs=0.005)


def test_the_derivative_is_that_of_the_chance():
    """From the planted log odds alone: b mean(p (1 - p)) over chances drawn anew."""
    rows, known = large("claim_true"), family_superpopulation(family_parameters("claim_true"))
    spread = (rows["chance"] * (1 - rows["chance"])).mean()
    found = known.estimands["rated"]["per_sd_relationship"]
    assert found["within"] == pytest.approx(0.30 * spread, rel=0.01)
    assert found["between"] == pytest.approx(0.22 * spread, rel=0.01)
    assert found["overall"] == pytest.approx(0.7 * found["within"] + 0.3 * found["between"])


def test_low_confidence_gains_more_in_chances_and_a_bad_relationship_harms():
    found = family_superpopulation(family_parameters("everyday")).estimands["rated"]
    assert found["per_sd_relationship"]["low_minus_high"] > 0.03
    assert found["levels"]["interaction_contrast"] > 0.05
    assert found["neutral"]["below_minus_above"] > 0.03
    alike = family_superpopulation(family_parameters("claim_true")).estimands["rated"]
    assert abs(alike["per_sd_relationship"]["low_minus_high"]) < 0.001


def test_a_break_is_what_families_lose_against_those_who_kept_their_adviser():
    """Families who changed at a wave against those who never did, from the outcomes alone."""
    known = family_superpopulation(family_parameters("breaks_hurt")).breaks["total"]
    rows = draw_families("breaks_hurt", 11, families=60_000, services=1090)
    rows = rows[rows.groupby("client")["wave"].transform("count") == 6]
    outcome = rows.pivot(index="client", columns="wave", values="outcome")
    at = (rows["wave"] - rows["event_time"]).groupby(rows["client"]).first()
    for first in (2, 3, 4, 5):
        for wave in range(first, 6):
            gain = outcome[wave] - outcome[first - 1]
            apart = gain[at == first].mean() - gain[at.isna()].mean()
            expected = known[f"outside_first_at_{first}"][str(wave - first)]
            assert apart == pytest.approx(expected, abs=0.025)


def test_breaks_hurt_more_each_year_and_more_if_early():
    known = family_superpopulation(family_parameters("breaks_hurt")).breaks["total"]
    by_year = list(known["outside"].values())
    assert by_year == sorted(by_year, reverse=True)
    firsts = [known[f"outside_first_at_{first}"]["0"] for first in (2, 3, 4, 5)]
    assert firsts == sorted(firsts)
    usual = family_superpopulation(family_parameters("claim_true")).breaks["total"]["outside"]
    assert usual["0"] < usual["1"] < usual["2"] < 0


def test_the_truth_over_many_families_is_near_that_of_one_panel(panel):
    many, one = (panel.truth[key]["estimands"]["rated"] for key in ("superpopulation", "sample"))
    for name, value in many["per_sd_relationship"].items():
        assert one["per_sd_relationship"][name] == pytest.approx(value, abs=0.006)
    errors = panel.truth["superpopulation"]["monte_carlo_se"]["rated"]
    assert errors["per_sd_relationship"]["overall"] < 0.0005


# --- counts --------------------------------------------------------------------------------------


def test_the_counts_are_those_of_the_frames(panel):
    told, rows = panel.truth["sample"], panel.frames["interviews"]
    assert told["families"] == len(panel.frames["families"]) == 1320
    assert told["interviews"] == len(rows) == len(panel.known)
    assert told["interviews_by_wave"] == rows.groupby("wave").size().tolist()
    closed = rows["case_closed"] == 1
    reasons = rows.loc[~closed, "adviser_changed"].value_counts()
    once_closed = (rows.loc[closed, "adviser_changed"] == "outside").sum()
    assert told["changes_told"]["outside"] == reasons["outside"]
    assert told["changes_told"]["outside_once_closed"] == once_closed
    assert told["families_with_a_closed_case"] == rows.loc[closed, "family_id"].nunique()
    assert told["advisers_met"] == rows["adviser_id"].nunique()
    changed = rows.loc[(rows["adviser_changed"] != "none") & ~closed, "family_id"]
    assert told["families_with_a_change"] == changed.nunique()
    later = rows[rows["wave"] > 0].groupby("family_id")["in_control"].nunique()
    assert told["families_whose_outcome_varies"] == (later == 2).sum()
    items = rows[[f"q{i:02d}" for i in range(1, 13)]]
    assert told["rows"]["rated"] == (items.notna().sum(axis=1) >= 6).sum()


def test_every_quantity_is_defined_and_the_truth_is_ready_for_json(panel):
    truth = panel.truth
    assert json.loads(json.dumps(truth, allow_nan=False)) == truth
    named = set(truth["superpopulation"]["estimands"]["rated"]) | {"breaks", "lead_placebo"}
    assert named <= set(truth["definitions"])
