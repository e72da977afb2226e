"""The linear mixed model: against dense algebra and statsmodels, and what may not matter."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.multilevel.crossed_engine import CrossedEngine
from deepvalue_stats.models.multilevel.engine import NestedEngine
from deepvalue_stats.models.multilevel.gaussian import fit_linear, satterthwaite
from deepvalue_stats.models.multilevel.lambdas import as_lambdas
from deepvalue_stats.models.multilevel.layout import Nested, lay_out
from deepvalue_stats.models.multilevel.random import Factor, RandomDesign

likelihoods = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])


def factor(codes, columns, correlated=True):
    q = len(columns)
    free = tuple((r, c) for c in range(q) for r in range(c, q) if correlated or r == c)
    levels, place = np.unique(codes, return_inverse=True)
    names = tuple(map(str, columns))
    return Factor("g", pd.Index(levels), names, columns, free, place.astype("int64"), None)


def data(structure, seed=7, n=100, spread=0.9):
    """Rows, a random design, and weights, with a group-level term."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 12, n), rng.integers(0, 20, n)
    x = rng.normal(size=n)
    factors = {
        "intercept": (factor(first, (0,)),),
        "slope": (factor(first, (0, 1)),),
        "independent": (factor(first, (0, 1), correlated=False),),
        "nested": (factor(first, (0,)), factor(first // 3, (0,))),
        "crossed": (factor(first, (0, 1)), factor(second, (0,))),
    }[structure]
    design = RandomDesign(np.vstack([np.ones(n), x]), factors)
    matrix = np.column_stack([np.ones(n), x, rng.normal(size=12)[first]])
    y = matrix @ [3.0, 0.5, -0.4] + rng.normal(size=n)
    y += spread * (rng.normal(size=12)[first] + 0.7 * rng.normal(size=12)[first] * x)
    y += 0.6 * rng.normal(size=20)[second] + spread * rng.normal(size=4)[first // 3]
    return design, matrix, y, rng.uniform(0.4, 2.5, n)


def fit(design, matrix, y, weight, reml, **more):
    layout = lay_out(design)
    engine = NestedEngine(layout) if isinstance(layout, Nested) else CrossedEngine(layout, design)
    order = engine.order
    rows = matrix[order], y[order], weight[order]
    return fit_linear(engine, design.factors, *rows, reml, **more)


def dense(design, matrix, y, weight, reml, theta, sigma=None):
    """Log-likelihood, coefficients, sigma and covariance from the n x n covariance of the rows."""
    n, p = matrix.shape
    v = np.diag(1 / weight)
    for held, each in zip(as_lambdas(design.factors, theta), design.factors, strict=True):
        z = design.columns[list(each.columns)].T @ held
        v += (z @ z.T) * (each.codes[:, None] == each.codes)
    information = matrix.T @ np.linalg.solve(v, matrix)
    beta = np.linalg.solve(information, matrix.T @ np.linalg.solve(v, y))
    left = y - matrix @ beta
    square = left @ np.linalg.solve(v, left)
    rows = n - p if reml else n
    variance = square / rows if sigma is None else sigma**2
    loglik = np.linalg.slogdet(v)[1] + rows * np.log(2 * np.pi * variance) + square / variance
    if reml:
        loglik += np.linalg.slogdet(information)[1]
    return -loglik / 2, beta, np.sqrt(variance), variance * np.linalg.inv(information)


@likelihoods
@pytest.mark.parametrize("kind", ["intercept", "slope", "independent", "nested", "crossed"])
def test_the_fit_is_the_maximum_of_the_dense_likelihood(kind, reml):
    case = data(kind)
    found = fit(*case, reml)
    loglik, beta, sigma, vcov = dense(*case, reml, found.theta)
    assert found.converged
    assert found.loglik == pytest.approx(loglik, abs=1e-8)
    np.testing.assert_allclose(found.params, beta, rtol=1e-8)
    np.testing.assert_allclose(found.vcov, vcov, rtol=1e-7)
    assert found.sigma == pytest.approx(sigma, rel=1e-9)
    best = minimize(
        lambda theta: -dense(*case, reml, theta)[0],
        found.theta + 0.2,
        method="BFGS",
    )
    assert found.loglik == pytest.approx(-best.fun, abs=1e-6)


@likelihoods
def test_statsmodels_finds_the_same_slopes(reml):
    design, matrix, y, _ = data("slope")
    found = fit(design, matrix, y, np.ones(len(y)), reml)
    other = sm.MixedLM(y, matrix, design.factors[0].codes, design.columns.T).fit(reml=reml)
    np.testing.assert_allclose(found.params, other.fe_params, rtol=1e-4)
    assert found.loglik == pytest.approx(other.llf, abs=1e-5)
    (held,) = as_lambdas(design.factors, found.theta)
    covariance = found.sigma**2 * held @ held.T
    np.testing.assert_allclose(covariance, other.cov_re, rtol=1e-3, atol=1e-3)


def differences(function, point, span=1e-3):
    shifts = span * np.eye(len(point))
    return np.array([(function(point + s) - function(point - s)) / (2 * span) for s in shifts])


@likelihoods
@pytest.mark.parametrize("kind", ["intercept", "slope", "crossed"])
def test_degrees_of_freedom_are_those_of_the_dense_likelihood(kind, reml):
    case = data(kind, seed=8)
    found = fit(*case, reml)
    assert not found.singular
    point = np.append(found.theta, np.log(found.sigma))

    def at(where):
        return dense(*case, reml, where[:-1], np.exp(where[-1]))

    hessian = differences(lambda a: differences(lambda b: -at(b)[0], a), point)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(hessian), rtol=1e-3, atol=1e-6)
    contrasts = np.array([[1.0, 0, 0], [0, 1, -1], [1, 2, 3]])
    slopes = differences(lambda a: at(a)[3], point)
    gradient = np.einsum("ki,sij,kj->ks", contrasts, slopes, contrasts)
    variance = np.einsum("ki,ij,kj->k", contrasts, found.vcov, contrasts)
    noise = np.einsum("ks,st,kt->k", gradient, np.linalg.inv(hessian), gradient)
    np.testing.assert_allclose(satterthwaite(found, contrasts), 2 * variance**2 / noise, rtol=1e-3)
    np.testing.assert_allclose(found.dof, satterthwaite(found, np.eye(3)), rtol=1e-12)


def test_a_balanced_one_way_layout_has_the_degrees_of_freedom_of_its_anova():
    rng = np.random.default_rng(8)
    groups, each = 9, 6
    codes = np.repeat(np.arange(groups), each)
    x = np.tile(np.linspace(-1, 1, each), groups)
    y = 2 + x + rng.normal(size=groups)[codes] + rng.normal(size=groups * each)
    design = RandomDesign(np.ones((1, len(y))), (factor(codes, (0,)),))
    found = fit(design, np.column_stack([np.ones_like(x), x]), y, np.ones_like(y), True)
    means = y.reshape(groups, each).mean(axis=1)
    np.testing.assert_allclose(found.dof, [groups - 1, groups * each - groups - 1], rtol=1e-4)
    assert found.vcov[0, 0] == pytest.approx(means.var(ddof=1) / groups, rel=1e-7)


@likelihoods
def test_no_variance_is_exactly_zero_and_least_squares_remains(reml):
    design, matrix, y, weight = data("intercept", seed=1)
    codes = design.factors[0].codes
    totals = np.bincount(codes, weight * y) / np.bincount(codes, weight)
    found = fit(design, matrix, y - totals[codes], weight, reml)
    assert found.theta.tolist() == [0.0]
    assert found.singular
    assert found.converged
    plain = sm.WLS(y - totals[codes], matrix, weights=weight).fit()
    np.testing.assert_allclose(found.params, plain.params, rtol=1e-8, atol=1e-10)
    rows = plain.df_resid if reml else len(y)
    np.testing.assert_allclose(found.dof, rows, rtol=1e-8)
    assert found.sigma == pytest.approx(np.sqrt(plain.ssr / rows), rel=1e-9)
    if not reml:
        assert found.loglik == pytest.approx(plain.llf, abs=1e-8)


@likelihoods
def test_a_correlation_of_one_is_an_answer(reml):
    rng = np.random.default_rng(6)
    design, matrix, _, weight = data("slope", seed=6)
    codes, x = design.factors[0].codes, design.columns[1]
    y = matrix @ [1.0, 1, 1] + rng.normal(size=12)[codes] * (1 + x) + rng.normal(size=len(x))
    found = fit(design, matrix, y, weight, reml)
    assert found.singular
    assert found.converged
    assert found.theta[2] == 0
    assert found.theta[0] > 0
    np.testing.assert_array_equal(found.covariance[2], 0)
    best = minimize(
        lambda theta: -dense(design, matrix, y, weight, reml, theta)[0],
        found.theta + 0.3,
        method="BFGS",
    )
    assert found.loglik == pytest.approx(-best.fun, abs=1e-6)


@likelihoods
def test_units_of_columns_move_only_what_they_must(reml):
    design, matrix, y, weight = data("slope", seed=5)
    found = fit(design, matrix, y, weight, reml)
    turn = np.array([[1.0, 2000, 0], [0, 1, 0], [0, 0, 1e-6]])
    other = fit(design, matrix @ turn, y, weight, reml)
    np.testing.assert_allclose(other.theta, found.theta, rtol=1e-6)
    np.testing.assert_allclose(turn @ other.params, found.params, rtol=1e-6)
    np.testing.assert_allclose(other.dof[2], found.dof[2], rtol=1e-3)
    moved = 6 * np.log(10) if reml else 0.0
    assert other.loglik == pytest.approx(found.loglik + moved, abs=1e-6)


def test_signs_and_starts_of_theta_do_not_matter():
    design, matrix, y, weight = data("crossed", seed=6)
    found = fit(design, matrix, y, weight, True)
    for start in ([-2.0, 0.3, 0.1, -0.2], [0.0, 0.0, 0.0, 0.0]):
        other = fit(design, matrix, y, weight, True, start=np.array(start))
        np.testing.assert_allclose(other.theta, found.theta, rtol=1e-6)
        np.testing.assert_allclose(other.covariance, found.covariance, rtol=1e-3, atol=1e-8)


def test_a_contrast_without_variance_has_no_degrees_of_freedom():
    found = fit(*data("intercept"), True)
    assert np.isnan(satterthwaite(found, np.zeros((1, 3)))).all()


def test_what_cannot_be_fitted_is_refused():
    design, matrix, y, weight = data("intercept")
    with pytest.raises(ModelError, match="linear combinations"):
        fit(design, np.column_stack([matrix, matrix.sum(axis=1)]), y, weight, True)
    with pytest.raises(ModelError, match="linear combinations"):
        fit(design, np.column_stack([matrix, np.zeros(len(y))]), y, weight, True)
    with pytest.raises(ModelError, match="without error"):
        fit(design, matrix, matrix @ [1.0, 2.0, 3.0], weight, True)
    with pytest.raises(ModelError, match="weight"):
        fit(design, matrix, y, np.zeros(len(y)), True)
    with pytest.raises(ModelError, match="coefficients"):
        fit(design, np.eye(len(y)), y, weight, True)
    own = replace(design, factors=(factor(np.arange(len(y)), (0,)),))
    with pytest.raises(ModelError, match="cannot be told apart"):
        fit(own, matrix, y, weight, True)
