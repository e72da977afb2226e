"""Dynamics: laws of rows, names, units and of one model against another."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.models import fit_cross_lagged, fit_dynamic, lead_placebo, nickell_bias

seeds = st.integers(0, 2**32 - 1)
laws = settings(max_examples=10, deadline=None)


def panel(seed, clients=80, waves=6):
    """Waves are missing at random; x and y carry over."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(2, clients))
    values = np.zeros((2, clients, waves))
    for t in range(waves):
        last = values[:, :, t - 1] - level if t else np.zeros((2, clients))
        values[:, :, t] = level + 0.3 * last + rng.normal(size=(2, clients))
    rows = pd.DataFrame(
        {
            "client": np.repeat(np.arange(clients), waves),
            "wave": np.tile(np.arange(waves), clients),
            "x": values[0].ravel(),
            "y": values[1].ravel(),
            "good": (values[1].ravel() > 0).astype(float),
        }
    )
    return rows[rng.random(len(rows)) < 0.92].reset_index(drop=True)


def placebo(rows, estimator="within"):
    return lead_placebo("good ~ x", rows, exposure="x", time="wave", estimator=estimator)


def numbers(found):
    return [found.estimate, found.std_error, found.p_value, found.df, found.asymmetry_p]


def dynamic(rows):
    return fit_dynamic("y ~ x", rows, exposure="x", time="wave")


def lagged(rows):
    return fit_cross_lagged("x", "y", rows, time="wave")


def shuffled(rows, seed):
    names = np.random.default_rng(seed).permutation(rows["client"].max() + 1)
    moved = rows.assign(client=names[rows["client"]])
    return moved.sample(frac=1, random_state=np.random.default_rng(seed)).reset_index(drop=True)


@laws
@given(seeds)
def test_order_of_rows_and_names_of_clients_do_not_matter(seed):
    rows = panel(seed)
    other = shuffled(rows, seed)
    assert numbers(placebo(other)) == pytest.approx(numbers(placebo(rows)), rel=1e-7)
    assert placebo(other).lost == placebo(rows).lost
    columns = ["estimate", "std_error"]
    np.testing.assert_allclose(
        dynamic(other).table[columns], dynamic(rows).table[columns], rtol=1e-4
    )
    assert dynamic(other).lost == dynamic(rows).lost
    a, b = lagged(other), lagged(rows)
    assert a.loglik == pytest.approx(b.loglik, abs=1e-6)
    assert a.n_patterns == b.n_patterns


@laws
@given(seeds, st.floats(0.01, 100), st.floats(-50, 50))
def test_a_change_of_unit_changes_the_unit_alone(seed, scale, shift):
    rows = panel(seed)
    other = rows.assign(x=rows["x"] * scale + shift)
    found, moved = placebo(rows), placebo(other)
    assert moved.p_value == pytest.approx(found.p_value, rel=1e-6, abs=1e-9)
    assert moved.estimate * scale == pytest.approx(found.estimate, rel=1e-6, abs=1e-9)
    a, b = lagged(rows), lagged(other)
    if a.convergence.status == b.convergence.status == "ok":
        np.testing.assert_allclose(
            b.standardised["estimate"], a.standardised["estimate"], rtol=1e-3, atol=1e-5
        )
        assert b.indices.chi2 == pytest.approx(a.indices.chi2, rel=1e-5, abs=1e-5)


@laws
@given(seeds)
def test_changing_places_changes_names_alone(seed):
    rows = panel(seed)
    straight, turned = lagged(rows), fit_cross_lagged("y", "x", rows, time="wave")
    assert turned.loglik == pytest.approx(straight.loglik, abs=1e-5)
    if straight.convergence.status == "ok":
        key = ["to", "from"]
        a, b = (one.paths.set_index(key)["estimate"].sort_index() for one in (straight, turned))
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@laws
@given(seeds)
def test_a_level_of_each_client_does_not_move_the_placebo(seed):
    rows = panel(seed)
    added = 10 * np.random.default_rng(seed).normal(size=80)[rows["client"]]
    moved = placebo(rows.assign(x=rows["x"] + added))
    assert numbers(moved) == pytest.approx(numbers(placebo(rows)), rel=1e-6)


@laws
@given(seeds)
def test_time_turned_round_makes_the_next_wave_the_one_before(seed):
    rows = panel(seed)
    found, turned = placebo(rows), placebo(rows.assign(wave=-rows["wave"]))
    assert turned.estimate == pytest.approx(found.previous, rel=1e-7)
    assert turned.previous == pytest.approx(found.estimate, rel=1e-7)
    assert turned.asymmetry_p == pytest.approx(found.asymmetry_p, rel=1e-6)


@laws
@given(seeds)
def test_rows_used_and_rows_lost_are_all_rows(seed):
    rows = panel(seed)
    found = placebo(rows)
    assert found.n_rows + sum(found.lost.values()) == len(rows)
    for gaps in ("skip", "stop"):
        told = fit_dynamic("y ~ x", rows, exposure="x", time="wave", gaps=gaps)
        assert told.fit.n_obs + sum(told.lost.values()) == len(rows)


@given(st.floats(-0.95, 0.95), st.integers(3, 60))
def test_a_lagged_outcome_is_always_too_small_and_less_so_with_more_waves(rho, waves):
    assert nickell_bias(rho, waves) < nickell_bias(rho, waves + 1) < 0
