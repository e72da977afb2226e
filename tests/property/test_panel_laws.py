"""Panels: laws of rows, names, units, copies, and of one estimator against another."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deepvalue_stats.models import Within, WithinBetween, fit_panel

seeds = st.integers(0, 2**32 - 1)
laws = settings(max_examples=12, deadline=None)
ESTIMATORS = {
    "pooled": "pooled",
    "within": "within",
    "two-way": Within(time_effects=True),
    "between": "between",
    "first difference": "first_difference",
    "random": "random",
    "split": WithinBetween(wave_count=False),
    "conditional": "conditional_logit",
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def panel(seed, clients=40, waves=5):
    """Waves are missing at random; some clients have one only."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(clients), waves)
    level = rng.normal(size=clients)[client]
    x, z = level + rng.normal(size=len(client)), rng.normal(size=len(client))
    y = 0.5 * x - 0.2 * z + level + rng.normal(size=len(client))
    rows = pd.DataFrame({"client": client, "wave": np.tile(np.arange(waves), clients)})
    rows = rows.assign(x=x, z=z, y=y, good=(y > 0).astype(float))
    return rows[rng.random(len(rows)) < 0.8].reset_index(drop=True)


def fitted(name, rows, covariance=None, formula=None):
    outcome = "good" if name == "conditional" else "y"
    formula = formula or f"{outcome} ~ x + z"
    return fit_panel(formula, rows, time="wave", estimator=ESTIMATORS[name], covariance=covariance)


def same(one, other, rtol=1e-8):
    np.testing.assert_allclose(one.params, other.params, rtol=rtol, atol=1e-11)
    scale = np.outer(other.bse, other.bse)
    np.testing.assert_allclose(one.covariance / scale, other.covariance / scale, atol=rtol * 10)
    assert one.dof == other.dof


@every_estimator
@laws
@given(seeds)
def test_the_order_of_rows_and_the_names_of_clients_and_waves_do_not_matter(name, seed):
    rows = panel(seed)
    other = rows.sample(frac=1, random_state=seed % 1000)
    names = {code: f"person {(code * 7) % 41}" for code in range(41)}
    other = other.assign(client=other["client"].map(names), wave=6 * other["wave"] - 10)
    rtol = 1e-5 if name == "split" else 1e-8
    for covariance in (None, "model"):
        same(fitted(name, other, covariance), fitted(name, rows, covariance), rtol)


@every_estimator
@laws
@given(seeds, st.floats(1e-4, 1e4), st.floats(-100, 100))
def test_a_change_of_unit_changes_the_coefficient_in_proportion(name, seed, unit, zero):
    rows = panel(seed)
    fit, other = fitted(name, rows), fitted(name, rows.assign(x=unit * (rows["x"] + zero)))
    term = next(place for place, t in enumerate(fit.terms) if t in ("x", "x_within"))
    rtol = 1e-4 if name == "split" else 1e-6
    assert other.params[term] * unit == pytest.approx(fit.params[term], rel=rtol, abs=1e-9)
    assert other.bse[term] * unit == pytest.approx(fit.bse[term], rel=rtol)


@every_estimator
@laws
@given(seeds)
def test_clients_twice_over_are_twice_the_information(name, seed):
    """Without a small-sample factor, and but for the variance's degrees of freedom."""
    rows = panel(seed)
    twice = pd.concat([rows, rows.assign(client=rows["client"] + 1000)])
    correction = None if name == "conditional" else "HC0"
    options = {"time": "wave", "estimator": ESTIMATORS[name], "covariance": "cluster:client"}
    formula = "good ~ x + z" if name == "conditional" else "y ~ x + z"
    fit, other = (
        fit_panel(formula, one, correction=correction, **options) for one in (rows, twice)
    )
    if name not in ("random", "split"):  # their variances have degrees of freedom
        np.testing.assert_allclose(other.params, fit.params, rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(2 * other.covariance, fit.covariance, rtol=1e-6, atol=1e-12)
    else:
        np.testing.assert_allclose(other.params, fit.params, atol=0.2)
        np.testing.assert_allclose(np.sqrt(2) * other.bse, fit.bse, rtol=0.2)


@laws
@given(seeds)
def test_within_is_least_squares_with_a_dummy_for_every_client_and_wave(seed):
    rows = panel(seed, clients=15)
    for name, effects in (("within", ["client"]), ("two-way", ["client", "wave"])):
        dummies = [pd.get_dummies(rows[c], dtype=float).to_numpy() for c in effects]
        matrix = np.column_stack([rows[["x", "z"]], *dummies])
        params, _, rank, _ = np.linalg.lstsq(matrix, rows["y"].to_numpy(), rcond=1e-10)
        residuals = rows["y"] - matrix @ params
        fit = fitted(name, rows, "model")
        np.testing.assert_allclose(fit.params, params[:2], rtol=1e-8, atol=1e-11)
        assert fit.dof == len(rows) - rank
        assert fit.rss == pytest.approx(float(residuals @ residuals), rel=1e-8)


@laws
@given(seeds)
def test_of_two_waves_differences_are_distances_from_means(seed):
    rows = panel(seed)[lambda r: r["wave"] < 2]
    assume(rows.groupby("client").size().eq(2).sum() > 10)
    change = fitted("first difference", rows, "model", "y ~ 0 + x + z")
    same(change, fitted("within", rows, "model"))
    drift = fitted("first difference", rows, "model")
    two_way = fitted("two-way", rows, "model")
    np.testing.assert_allclose(drift.params[1:], two_way.params, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(drift.bse[1:], two_way.bse, rtol=1e-8)


@laws
@given(seeds)
def test_what_is_added_to_a_clients_level_changes_nothing_within(seed):
    rows = panel(seed)
    rng = np.random.default_rng(seed)
    lifted = rows.assign(y=rows["y"] + 10 * rng.normal(size=41)[rows["client"]])
    for name in ("within", "two-way", "first difference"):
        same(fitted(name, lifted), fitted(name, rows))


@laws
@given(seeds)
def test_random_effects_lie_between_pooled_rows_and_distances_from_means(seed):
    """The share taken off goes from none, without differences between clients, to all."""
    rows = panel(seed)
    level = np.random.default_rng(seed).normal(size=41)[rows["client"]]
    far = fitted("random", rows.assign(y=rows["y"] + 1e4 * level))
    within = fitted("within", rows)
    np.testing.assert_allclose(far.params[1:], within.params, atol=0.02)


@laws
@given(seeds)
def test_adding_to_a_clients_covariates_changes_no_conditional_logit(seed):
    rows = panel(seed)
    moved = rows.assign(x=rows["x"] + 5 * np.random.default_rng(seed).normal(size=41)[rows.client])
    fit = fitted("conditional", rows)
    assume(fit.convergence.status == "ok")
    same(fitted("conditional", moved), fit)
