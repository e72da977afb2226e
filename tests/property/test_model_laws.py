"""Fits and effects: laws of units, rows and names, and gradients against finite differences."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from deepvalue_stats.effects import (
    average_derivative,
    average_effect,
    average_mean,
    benjamini_hochberg,
    holm,
    together,
)
from deepvalue_stats.effects.predictor import Predictor
from deepvalue_stats.measures import score_items
from deepvalue_stats.models import LOGIT, fit_gee, fit_logit

seeds = st.integers(0, 2**32 - 1)
laws = settings(max_examples=12, deadline=None)
ESTIMATORS = {
    "gee": lambda formula, data: fit_gee(formula, data, group="client"),
    "logit": lambda formula, data: fit_logit(formula, data, cluster="client"),
}
every_estimator = pytest.mark.parametrize("fit", ESTIMATORS.values(), ids=ESTIMATORS)


def people(seed):
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(50), rng.integers(1, 6, size=50))
    own = rng.normal(size=50)[client]
    frame = pd.DataFrame({"client": client.astype("str"), "x": rng.normal(size=len(client))})
    frame["band"] = rng.choice(["low", "high"], size=len(client))
    odds = 0.8 * frame["x"] * (frame["band"] == "low") + own
    return frame.assign(y=(rng.random(len(client)) < expit(odds)).astype(float))


def effects(fit):
    parts = [
        average_effect(fit, "x", contrast=contrast, scale=scale, by=by).frame
        for contrast in ("sd", "point")
        for scale in ("risk_difference", "log_odds")
        for by in (None, "band")
    ]
    return pd.concat(parts).set_index(["contrast", "scale", "group"])


def numbers(fit):
    assume(fit.convergence.status == "ok")
    return effects(fit)[["estimate", "std_error", "conf_low", "conf_high"]].astype("float64")


FORMULA = "y ~ x * C(band)"


@every_estimator
@laws
@given(seed=seeds, unit=st.sampled_from([0.01, 10.0, 1000.0]), shift=st.floats(-50, 50))
def test_another_unit_of_the_exposure_changes_the_effect_per_point_alone(fit, seed, unit, shift):
    data = people(seed)
    plain = numbers(fit(FORMULA, data))
    other = numbers(fit(FORMULA, data.assign(x=unit * (data["x"] + shift))))
    np.testing.assert_allclose(other.loc["sd"], plain.loc["sd"], rtol=1e-5, atol=1e-8)
    per_point = other.loc["point"] * unit
    np.testing.assert_allclose(per_point, plain.loc["point"], rtol=1e-5, atol=1e-8)


@every_estimator
@laws
@given(seed=seeds)
def test_the_order_of_rows_and_the_names_of_groups_change_nothing(fit, seed):
    data = people(seed)
    rng = np.random.default_rng(seed)
    plain = numbers(fit(FORMULA, data))
    shuffled = data.iloc[rng.permutation(len(data))]
    names = {old: f"z{new}" for old, new in enumerate(rng.permutation(50))}
    renamed = shuffled.assign(client=shuffled["client"].astype("int64").map(names))
    pd.testing.assert_frame_equal(numbers(fit(FORMULA, renamed)), plain, rtol=1e-6, atol=1e-9)


@every_estimator
@laws
@given(seed=seeds)
def test_every_client_twice_halves_the_variance_and_moves_no_estimate(fit, seed):
    """The copies are clients of their own; the small factors of the sandwich are taken out."""
    data = people(seed)
    twice = pd.concat([data, data.assign(client="again " + data["client"])], ignore_index=True)
    one, two = fit(FORMULA, data), fit(FORMULA, twice)
    assume(one.convergence.status == "ok")
    if one.spec.estimator == "gee":
        # the correlation is divided by pairs less coefficients, which twice the rows make smaller
        np.testing.assert_allclose(two.params, one.params, atol=0.02)
        np.testing.assert_allclose(2 * np.diag(two.covariance), np.diag(one.covariance), rtol=0.1)
        return
    np.testing.assert_allclose(two.params, one.params, rtol=1e-6, atol=1e-8)
    n, p, g = one.n_obs, len(one.params), one.n_groups["client"]
    small = {k: k * g / (k * g - 1) * (k * n - 1) / (k * n - p) for k in (1, 2)}
    expected = one.covariance / small[1] * small[2] / 2
    np.testing.assert_allclose(two.covariance, expected, rtol=1e-5, atol=1e-12)


@laws
@given(seed=seeds)
def test_rows_repeated_inside_their_clusters_add_no_certainty(seed):
    data = people(seed)
    one = fit_logit(FORMULA, data, cluster="client")
    two = fit_logit(FORMULA, pd.concat([data, data]), cluster="client")
    assume(one.convergence.status == "ok")
    np.testing.assert_allclose(two.params, one.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(two.bse, one.bse, rtol=0.02)


def placed(params, matrices, loadings):
    """Rows, and their change with the exposure, at (theta, coefficients)."""
    (matrix, moved), (held, turned) = matrices, loadings
    k = held.shape[1]
    theta, b = params[:k], params[k:]
    effect, change = held @ theta, turned @ theta
    rows = Predictor(matrix @ b, matrix, effect**2, 2 * effect[:, None] * held)
    by_theta = 2 * (change[:, None] * held + effect[:, None] * turned)
    return rows, Predictor(moved @ b, moved, 2 * effect * change, by_theta)


@pytest.mark.parametrize("k", [0, 1, 2])
@settings(max_examples=30, deadline=None)
@given(seed=seeds, n=st.integers(1, 30), p=st.integers(1, 5), spread=st.floats(0.1, 3))
def test_gradients_are_those_of_finite_differences(k, seed, n, p, spread):
    rng = np.random.default_rng(seed)
    matrices, loadings = rng.normal(size=(2, n, p)), rng.normal(size=(2, n, k))
    params = np.concatenate([rng.uniform(0.3, 1.2, k), rng.normal(scale=spread, size=p)])

    def both(at):
        rows, change = placed(at, matrices, loadings)
        return together([average_derivative(LOGIT, rows, change), average_mean(LOGIT, rows)])

    steps = 1e-5 * np.eye(k + p)
    numeric = [(both(params + h).value - both(params - h).value) / 2e-5 for h in steps]
    np.testing.assert_allclose(both(params).jacobian, np.transpose(numeric), rtol=1e-5, atol=1e-8)

    def mean_at(x):
        moved = (matrices[0] + x * matrices[1], loadings[0] + x * loadings[1])
        rows, _ = placed(params, (moved[0], matrices[1]), (moved[1], loadings[1]))
        return average_mean(LOGIT, rows).value[0]

    slope = (mean_at(1e-5) - mean_at(-1e-5)) / 2e-5
    np.testing.assert_allclose(both(params).value, [slope, mean_at(0)], rtol=1e-5, atol=1e-8)


@given(eta=st.floats(-30, 30))
def test_the_links_slope_and_curvature_are_its_derivatives(eta):
    at, step = np.array([eta]), 1e-4
    slope = (LOGIT.mean(at + step) - LOGIT.mean(at - step)) / (2 * step)
    curvature = (LOGIT.slope(at + step) - LOGIT.slope(at - step)) / (2 * step)
    np.testing.assert_allclose(LOGIT.slope(at), slope, rtol=1e-6, atol=1e-11)
    np.testing.assert_allclose(LOGIT.curvature(at), curvature, rtol=1e-6, atol=1e-11)


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20).map(np.array)


@given(p=p_values, seed=seeds)
def test_adjusted_p_values_keep_order_stay_in_bounds_and_cost_more_with_holm(p, seed):
    for method in (holm, benjamini_hochberg):
        adjusted = method(p)
        assert ((adjusted >= p * (1 - 1e-12)) & (adjusted <= 1)).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
        order = np.random.default_rng(seed).permutation(len(p))
        np.testing.assert_array_equal(method(p[order]), adjusted[order])
    assert (holm(p) >= benjamini_hochberg(p) - 1e-15).all()


@given(seed=seeds, n=st.integers(1, 20), k=st.integers(1, 6), minimum=st.integers(1, 6))
def test_a_score_lies_in_the_range_and_turning_every_item_mirrors_it(seed, n, k, minimum):
    rng = np.random.default_rng(seed)
    items = rng.integers(1, 6, size=(n, k)).astype("float64")
    items[rng.random((n, k)) < 0.3] = np.nan
    given_ = {"response_range": (1, 5), "minimum_items": minimum}
    plain = score_items(items, is_reversed=np.zeros(k, dtype=bool), **given_)
    turned = score_items(items, is_reversed=np.ones(k, dtype=bool), **given_)
    mirrored = np.where(plain.answered >= minimum, 6, np.nan)
    np.testing.assert_allclose(plain.value + turned.value, mirrored)
    known = plain.value[~np.isnan(plain.value)]
    assert ((known >= 1) & (known <= 5)).all()
    np.testing.assert_array_equal(plain.answered, (~np.isnan(items)).sum(axis=1))
