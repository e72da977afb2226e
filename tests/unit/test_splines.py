"""Restricted cubic splines and the curve of an exposure with its bands."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from deepvalue_stats.effects import average_risk
from deepvalue_stats.effects.splines import (
    _simultaneous,
    dose_response,
    restricted_cubic,
    spline_knots,
    spline_terms,
)
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_logit

KNOTS = (1.0, 2.0, 3.5, 5.0)


def drawn(n=800, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 1, n)
    y = rng.random(n) < expit(-0.5 + np.sin(x))
    return pd.DataFrame({"x": x, "y": y.astype(float), "client": np.arange(n).astype(str)})


@pytest.fixture(scope="module")
def fit():
    return fit_logit(f"y ~ {spline_terms('x', KNOTS)}", drawn(), cluster="client")


def test_knots_are_percentiles_and_fewer_at_a_ceiling():
    values = np.linspace(0, 100, 101)
    assert spline_knots(values) == (5.0, 35.0, 65.0, 95.0)
    piled = np.concatenate([np.linspace(0, 10, 80), np.full(60, 10.0)])
    assert spline_knots(piled) == tuple(np.percentile(piled, [10, 50, 90]))
    assert spline_knots(np.repeat([1.0, 2.0], [90, 10])) == ()


def test_columns_are_straight_beyond_the_outer_knots_and_smooth_within():
    x = np.linspace(-2, 9, 2201)
    basis = restricted_cubic(x, KNOTS)
    assert basis.shape == (2201, 2)
    bend = np.diff(basis, 2, axis=0)
    outside = (x[1:-1] < KNOTS[0]) | (x[1:-1] > KNOTS[-1])
    np.testing.assert_allclose(bend[outside], 0.0, atol=1e-11)
    assert np.abs(np.diff(bend, axis=0)).max() < 1e-5  # the second derivative has no jump


def test_one_value_by_hand():
    """At 4 with knots 1, 2, 3.5, 5: 27 - 0.125 (4/1.5), over 16, and 8 - 0.125 (3/1.5), over 16."""
    found = restricted_cubic(np.array([4.0]), KNOTS)[0]
    assert found == pytest.approx([(27 - 0.125 * 4 / 1.5) / 16, (8 - 0.125 * 3 / 1.5) / 16])


def test_a_formula_has_the_same_columns(fit):
    x = fit.design.frame["x"].to_numpy()
    np.testing.assert_allclose(fit.design.matrix[:, 1], x)
    np.testing.assert_allclose(fit.design.matrix[:, 2:], restricted_cubic(x, KNOTS), atol=1e-12)


def test_without_knots_the_exposure_is_a_line():
    assert spline_terms("x", ()) == "x"


@pytest.mark.parametrize("knots", [(1.0, 2.0), (1.0, 3.0, 2.0), (1.0, 1.0, 2.0)])
def test_knots_that_make_no_spline_are_refused(knots):
    with pytest.raises(ModelError, match="too few or do not rise"):
        restricted_cubic(np.zeros(2), knots)


def test_the_curve_is_the_average_chance_at_each_point(fit):
    grid = np.linspace(1.5, 4.5, 7)
    curve = dose_response(fit, "x", grid, rng=np.random.default_rng(1))
    table = average_risk(fit, "x", grid).frame
    np.testing.assert_allclose(curve.chance, table["estimate"])
    np.testing.assert_allclose(curve.low, table["conf_low"])
    np.testing.assert_allclose(curve.high, table["conf_high"])
    assert (curve.low_all < curve.low).all()
    assert (curve.high_all > curve.high).all()


def test_the_band_of_one_point_is_its_interval_and_of_independent_ones_that_of_sidak():
    rng = np.random.default_rng(2)
    assert _simultaneous(np.eye(1), 10.0, rng) == pytest.approx(stats.t.ppf(0.975, 10), rel=0.02)
    sidak = stats.norm.ppf((1 + 0.95 ** (1 / 5)) / 2)
    assert _simultaneous(np.eye(5), np.inf, rng) == pytest.approx(sidak, rel=0.01)
    assert _simultaneous(np.ones((5, 5)), np.inf, rng) == pytest.approx(1.96, rel=0.02)


def test_the_band_holds_a_planted_curve_as_often_as_it_says():
    """A hundred studies, three Monte Carlo errors; the pointwise intervals hold it less often."""
    grid, knots, held, alone = np.linspace(1.5, 4.5, 9), (1.5, 3.0, 4.5), 0, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x = rng.normal(3, 1, 500)
        eta = -0.5 + 0.6 * x - 0.4 * restricted_cubic(x, knots)[:, 0]
        y = (rng.random(500) < expit(eta)).astype(float)
        frame = pd.DataFrame({"x": x, "y": y, "client": np.arange(500).astype(str)})
        fit = fit_logit(f"y ~ {spline_terms('x', knots)}", frame, cluster="client")
        curve = dose_response(fit, "x", grid, rng=rng)
        truth = expit(-0.5 + 0.6 * grid - 0.4 * restricted_cubic(grid, knots)[:, 0])
        held += ((curve.low_all <= truth) & (truth <= curve.high_all)).all()
        alone += ((curve.low <= truth) & (truth <= curve.high)).all()
    assert abs(held / 100 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 100)
    assert alone < held
