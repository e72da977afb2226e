"""The complementary log-log of the multilevel engine against glmer, glm and a dense Laplace.

glmer's quadrature is frozen in expected/cloglog_contraception.json. Its Laplace is no reference:
lme4 has the expected information there. The dense Laplace below shares no code with the engine: one
matrix of random effects, second derivatives by complex steps.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, special

from deepvalue_stats.models import fit_multilevel

cases = pytest.importorskip("multilevel_cases")

EXPECTED = Path(__file__).parent / "expected" / "cloglog_contraception.json"
WOMEN = "use ~ age + I(age**2) + urban + liv1 + liv2 + liv3"
STRUCTURES = [
    "(1 | adviser)",
    "(1 | adviser) + (1 | office)",
    "(1 | adviser) + (1 | client)",
    "(1 + x | adviser)",
    "(1 + x | adviser) + (1 | office)",
    "(1 + x | adviser) + (1 | client)",
]


@pytest.fixture(scope="module")
def told():
    return json.loads(EXPECTED.read_text(encoding="utf-8"))


def test_quadrature_is_glmers(told):
    fit = fit_multilevel(
        f"{WOMEN} + (1 | district)",
        cases.contraception(),
        link="cloglog",
        quadrature_points=25,
        inference="z",
    )
    error = np.array(list(told["se"].values()))
    assert fit.convergence.status == "ok"
    np.testing.assert_allclose((fit.params - list(told["params"].values())) / error, 0, atol=1e-3)
    np.testing.assert_allclose(fit.bse, error, rtol=1e-4)
    assert fit.theta[0] == pytest.approx(told["std_dev"], rel=1e-4)
    assert fit.loglik == pytest.approx(-told["deviance_m"] / 2, abs=1e-5)


def test_without_variance_it_is_glm(told):
    rows = cases.contraception()
    # sorted into groups that all have the same share of users, so that nothing varies between
    rows = rows.sort_values("use").assign(block=np.arange(len(rows)) % 40)
    fit = fit_multilevel(f"{WOMEN} + (1 | block)", rows, link="cloglog", inference="z")
    assert fit.theta[0] == 0
    np.testing.assert_allclose(fit.params, list(told["glm"]["params"].values()), rtol=1e-5)
    assert fit.loglik == pytest.approx(told["glm"]["loglik"], abs=1e-6)


def spells(seed=5, n=600):
    rng = np.random.default_rng(seed)
    adviser, client = rng.integers(0, 20, n), rng.integers(0, 60, n)
    x = rng.normal(size=n)
    own = rng.normal(size=(20, 2)) * [0.7, 0.4]
    eta = -1.2 + 0.4 * x + own[adviser, 0] + own[adviser, 1] * x
    eta += 0.5 * rng.normal(size=60)[client] + 0.4 * rng.normal(size=5)[adviser % 5]
    trials = rng.integers(1, 4, n)
    return pd.DataFrame(
        {
            "y": rng.binomial(trials, -np.expm1(-np.exp(eta))).astype(float),
            "trials": trials,
            "x": x,
            "adviser": adviser,
            "office": adviser % 5,
            "client": client,
        }
    )


def slope(eta, y, m):
    """The first derivative of y log(1 - exp(-h)) - (m - y) h, also of complex predictors."""
    h = np.exp(eta)
    return y * h * np.exp(-h) / (1 - np.exp(-h)) - (m - y) * h


def dense_laplace(fit, rows):
    """Minus the Laplace log-likelihood at a fit's parameters, one dense matrix at once."""
    y, m = rows["y"].to_numpy(), rows["trials"].to_numpy(float)
    blocks = []
    for factor, held in zip(fit.random.design.factors, fit.random.lambdas, strict=True):
        z = fit.random.design.columns[list(factor.columns)].T @ held
        block = np.zeros((len(y), len(factor.levels), z.shape[1]))
        block[np.arange(len(y)), factor.codes] = z
        blocks.append(block.reshape(len(y), -1))
    design, base = np.hstack(blocks), fit.design.matrix @ fit.params
    u = np.zeros(design.shape[1])
    for _ in range(100):
        eta = base + design @ u
        weight = -slope(eta + 1e-30j, y, m).imag / 1e-30
        hessian = np.eye(len(u)) + design.T @ (weight[:, None] * design)
        step = linalg.solve(hessian, design.T @ slope(eta, y, m) - u, assume_a="pos")
        u = u + step
    assert np.abs(step).max() < 1e-10
    h = np.exp(eta)
    chosen = special.gammaln(m + 1) - special.gammaln(y + 1) - special.gammaln(m - y + 1)
    loglik = (chosen + y * np.log(1 - np.exp(-h)) - (m - y) * h).sum()
    return u @ u / 2 - loglik + np.linalg.slogdet(hessian)[1] / 2


@pytest.mark.parametrize("random", STRUCTURES)
def test_laplace_has_the_observed_information(random):
    rows = spells()
    fit = fit_multilevel(f"y ~ x + {random}", rows, link="cloglog", weights="trials")
    assert fit.convergence.status == "ok"
    assert -fit.loglik == pytest.approx(dense_laplace(fit, rows), abs=1e-8)


@pytest.mark.parametrize(
    ("random", "points"),
    [*((one, 1) for one in STRUCTURES), *((STRUCTURES[place], 5) for place in (0, 1, 3))],
)
@pytest.mark.parametrize("unit", [True, False], ids=["rows of one trial", "counts"])
def test_gradients_are_those_of_the_values(random, points, unit):
    rows = spells()
    if unit:
        rows = rows.assign(y=rows["y"].clip(0, 1), trials=1)
    fit = fit_multilevel(f"y ~ x + {random}", rows, link="cloglog", weights="trials")
    problem = fit.problem.with_points(points)
    at = fit.solution.point + 0.1
    gradient = problem(at)[1].copy()
    steps = 1e-4 * np.eye(len(at))
    found = [
        (8 * (problem(at + e)[0] - problem(at - e)[0]) - problem(at + 2 * e)[0]
         + problem(at - 2 * e)[0]) / 12e-4
        for e in steps
    ]  # fmt: skip
    np.testing.assert_allclose(gradient, found, atol=1e-6 * np.abs(gradient).max())


def test_clusters_sum_the_scores_of_the_link():
    rows = spells()
    rows["house"] = rows["adviser"] % 20
    fit = fit_multilevel(
        "y ~ x + (1 | adviser)", rows, link="cloglog", weights="trials",
        covariance="cluster:house", inference="z",
    )  # fmt: skip
    labels = rows["house"].to_numpy()
    k, scale = len(fit.theta), fit.problem.scale
    problem, point = fit.problem, fit.solution.point
    scores = []
    for house in range(20):
        alone = rows[labels == house]
        part = fit_multilevel(
            "y ~ x + (1 | adviser)", pd.concat([alone, alone.assign(adviser=-1)]),
            link="cloglog", weights="trials", inference="z",
        ).problem  # fmt: skip
        here = np.concatenate([fit.theta, fit.params]) * part.scale
        # two groups of the same rows: half of their score is that of one
        scores.append(-part(here)[1] * part.scale / 2)
    bread = fit.solution.covariance() / np.outer(scale, scale)
    held = np.array(scores) @ bread
    factor = 20 / 19 * (len(rows) - 1) / (len(rows) - 2)
    np.testing.assert_allclose(fit.covariance, (held.T @ held * factor)[k:, k:], rtol=1e-5)
    assert np.isfinite(problem(point)[0])
