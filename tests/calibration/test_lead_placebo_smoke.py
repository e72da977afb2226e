"""A short run of the bench of the lead placebo, and of the dynamic model on planted persistence.

Bands of three Monte Carlo standard errors; the full table is kept with the reports.
"""

from dataclasses import replace

import numpy as np
import pytest

from deepvalue_stats.bench.lead_placebo import (
    METHODS,
    NEITHER,
    NO_CLIENT,
    ODDS,
    PANELS,
    SPLIT,
    UNLIKE,
    WITHIN,
    Panel,
    band,
    block,
    page,
    run,
    score,
)
from deepvalue_stats.models import fit_dynamic
from deepvalue_stats.simulate import draw_families, family_parameters

PANELS_EACH = 150


def fired(panel, replicates=PANELS_EACH):
    return score(panel, block(panel, range(replicates), 5)).set_index("method")["fired"]


@pytest.mark.parametrize("preset", ["claim_true", "confounded"])
def test_the_placebo_is_honest_where_no_outcome_moves_a_rating_and_shortcuts_are_not(preset):
    found = fired(Panel(preset, preset))
    for method in (WITHIN, ODDS):
        assert abs(found[method] - 0.05) <= band(PANELS_EACH)
    assert found[UNLIKE] <= 0.05 + band(PANELS_EACH)
    assert found[NEITHER] > 0.5
    if preset == "confounded":
        assert found[NO_CLIENT] > 0.3


@pytest.mark.parametrize("preset", ["reverse_caused", "feedback"])
def test_the_placebo_fires_where_outcomes_move_ratings(preset):
    found = fired(Panel(preset, preset, planted=True), 20)
    assert found[WITHIN] == found[UNLIKE] == found[ODDS] == 1.0


def test_the_within_between_logit_is_a_candidate():
    found = block(Panel("x", "null", families=300, mixed=True), range(2), 1)
    assert (found["method"] == SPLIT).sum() == 2
    assert found["p_value"].notna().all()


def test_the_page_has_a_row_for_each_panel():
    table = run(PANELS[:3], replicates=2)
    text = page(table)
    assert all(f"\n| {panel.name} |" in text for panel in PANELS[:3])
    assert set(table["method"]) == set(METHODS)


def test_the_effect_and_the_persistence_that_were_planted_are_found():
    usual = family_parameters("claim_true")
    planted = replace(usual, state_dependence=1.0, break_effect=(), adviser_icc=0.0)
    rows = []
    for seed in range(40):
        table = draw_families(planted, seed)
        found = fit_dynamic(
            "outcome ~ true_relationship + shock + C(wave)",
            table[table["wave"] > 0],
            exposure="true_relationship",
            time="wave",
            missing="drop",
            quadrature_points=9,
        )
        rows.append(found.table[["estimate", "std_error"]].to_numpy()[:2].ravel())
    exposure, exposure_error, lasting, lasting_error = np.array(rows).T
    for estimate, error, truth in (
        (exposure, exposure_error, planted.effect_within),
        (lasting, lasting_error, planted.state_dependence),
    ):
        assert abs(estimate.mean() - truth) <= 3 * estimate.std() / np.sqrt(len(rows))
        assert error.mean() == pytest.approx(estimate.std(), rel=0.35)
