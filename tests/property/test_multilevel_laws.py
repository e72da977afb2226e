"""Laws of the multilevel likelihood that hold for every structure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepvalue_stats.models import fit_multilevel
from deepvalue_stats.models.multilevel.lambdas import as_lambdas
from deepvalue_stats.models.multilevel.layout import Nested, trees_apart
from deepvalue_stats.models.multilevel.problem import Problem, build_problem
from deepvalue_stats.models.multilevel.random import build_random
from deepvalue_stats.models.multilevel.terms import split_formula

STRUCTURES = {
    "one factor": "(1 | p)",
    "slope": "(1 + x | p)",
    "independent slopes": "(1 + x + w || p)",
    "three effects": "(1 + x + w | p)",
    "slope without intercept": "(0 + x | p)",
    "two nested": "(1 | p) + (1 | s)",
    "three nested": "(1 | c) + (1 | p) + (1 | s)",
    "slopes at two levels": "(1 + x | p) + (1 + w | s)",
    "slope above": "(1 | p) + (1 + x | s)",
    "crossed": "(1 | d) + (1 | p)",
    "crossed with nested": "(1 | d) + (1 | p) + (1 | s)",
    "crossed slopes": "(1 + x | d) + (1 + w | p)",
    "components": "(1 | e) + (1 + x | p)",
    "memberships": "(1 | mm(p, q; a, b))",
    "memberships beside": "(1 | d) + (1 + x | mm(p, q; a, b))",
}
QUADRATURES = {"one factor": 7, "slope": 5, "two nested": 5, "slope without intercept": 9}
QUIET = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def made(seed: int, n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    client = rng.integers(0, 60, n)
    practitioner = rng.integers(0, 15, 60)[client]
    other = rng.integers(0, 15, n)
    share = rng.uniform(0.1, 1, n).round(2)
    return pd.DataFrame(
        {
            "c": client, "p": practitioner, "s": practitioner % 4, "d": rng.integers(0, 20, n),
            "e": rng.integers(0, 5, n) + 5 * (practitioner % 4), "q": other,
            "a": share, "b": (1 - share).round(2), "x": rng.normal(size=n),
            "w": rng.normal(size=n), "m": rng.integers(1, 5, n),
        }
    )  # fmt: skip


def posed(rows: pd.DataFrame, random: str, seed: int, counts: bool, points: int = 1) -> Problem:
    rng = np.random.default_rng(seed)
    design, _ = build_random(split_formula(f"y ~ 1 + {random}").bars, rows.assign(y=0))
    trials = rows["m"].to_numpy(float) if counts else np.ones(len(rows))
    successes = rng.binomial(trials.astype(int), 0.4).astype(float)
    matrix = np.column_stack([np.ones(len(rows)), rows[["x", "w"]]])
    return build_problem(matrix, design, successes, trials, points=points)


def placed(problem: Problem, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    diagonal = [row == column for f in problem.factors for row, column in f.free]
    theta = np.where(
        diagonal, rng.uniform(0.3, 1.2, len(diagonal)), rng.normal(0, 0.4, len(diagonal))
    )
    return np.concatenate([theta, rng.normal(0, 0.5, problem.x.shape[1])])


def central(problem: Problem, point: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Fourth-order central differences."""
    out = []
    for k in range(len(point)):
        shift = np.zeros(len(point))
        shift[k] = step
        near = problem(point + shift)[0] - problem(point - shift)[0]
        far = problem(point + 2 * shift)[0] - problem(point - 2 * shift)[0]
        out.append((8 * near - far) / (12 * step))
    return np.array(out)


@pytest.mark.parametrize("structure", STRUCTURES)
@given(seed=st.integers(0, 10_000), counts=st.booleans())
@QUIET
def test_gradient_agrees_with_central_differences(structure, seed, counts):
    problem = posed(made(seed), STRUCTURES[structure], seed, counts)
    point = placed(problem, seed)
    gradient = problem(point)[1]
    np.testing.assert_allclose(gradient, central(problem, point), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("structure", QUADRATURES)
@given(seed=st.integers(0, 10_000), counts=st.booleans())
@QUIET
def test_gradient_of_quadrature_agrees_with_central_differences(structure, seed, counts):
    points = QUADRATURES[structure]
    problem = posed(made(seed), STRUCTURES[structure], seed, counts, points)
    point = placed(problem, seed)
    gradient = problem(point)[1]
    np.testing.assert_allclose(gradient, central(problem, point), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_engine_agrees_with_dense_algebra(structure):
    rows = made(1)
    problem = posed(rows, STRUCTURES[structure], 1, True)
    lambdas = as_lambdas(problem.factors, placed(problem, 1)[: problem.n_theta])
    order = problem.engine.order
    blocks = []
    for factor, held in zip(problem.factors, lambdas, strict=True):
        q, j = len(factor.columns), len(factor.levels)
        codes = factor.codes.reshape(len(rows), -1)
        shares = np.ones(codes.shape) if factor.shares is None else factor.shares
        z = np.zeros((len(rows), j, q))
        for place in range(codes.shape[1]):
            seen = np.nonzero(codes[:, place] >= 0)[0]
            effects = problem.effects[list(factor.columns)][:, np.argsort(order)].T
            z[seen, codes[seen, place]] += shares[seen, place][:, None] * effects[seen]
        blocks.append((z.reshape(len(rows), j * q) @ np.kron(np.eye(j), held))[order])
    dense = np.hstack(blocks)
    weight = np.random.default_rng(2).uniform(0.1, 1, len(rows))
    hessian = np.eye(dense.shape[1]) + dense.T @ (weight[:, None] * dense)
    held = dense.T @ (weight[:, None] * problem.x)
    logdet, gram = problem.engine.gram(weight, np.ascontiguousarray(problem.x.T), lambdas)
    assert logdet == pytest.approx(np.linalg.slogdet(hessian)[1], rel=1e-12)
    np.testing.assert_allclose(
        gram, held.T @ np.linalg.solve(hessian, held), rtol=1e-10, atol=1e-12
    )
    pull = np.random.default_rng(3).normal(size=len(rows))
    solution, inverse = np.linalg.solve(hessian, dense.T @ pull), np.linalg.inv(hessian)
    first = 0
    for modes, spread in problem.engine.posterior(weight, pull, lambdas):
        j, q = modes.shape
        np.testing.assert_allclose(modes.ravel(), solution[first : first + j * q], atol=1e-11)
        for group in range(j):
            here = slice(first + group * q, first + group * q + q)
            np.testing.assert_allclose(spread[group], inverse[here, here], atol=1e-11)
        first += j * q


@pytest.mark.parametrize(
    "structure", ["one factor", "slope", "two nested", "crossed", "memberships"]
)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=3, deadline=None)
def test_order_and_names_of_rows_and_groups_do_not_matter(structure, seed):
    rng = np.random.default_rng(seed)
    rows = made(seed)
    rows["y"] = rng.random(len(rows)) < 0.4
    formula = f"y ~ x + {STRUCTURES[structure]}"
    fit = fit_multilevel(formula, rows)
    mixed = rows.sample(frac=1, random_state=seed)
    names = {k: f"person {v}" for k, v in enumerate(rng.permutation(100))}
    mixed = mixed.assign(**{k: mixed[k].map(names) for k in ("c", "p", "s", "d", "q")})
    other = fit_multilevel(formula, mixed)
    assert other.loglik == pytest.approx(fit.loglik, abs=1e-8)
    np.testing.assert_allclose(other.params, fit.params, atol=1e-5)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=4, deadline=None)
def test_counts_frequencies_and_rows_are_one_likelihood(seed):
    rng = np.random.default_rng(seed)
    rows = made(seed, n=90)
    rows["won"] = rng.binomial(rows["m"], 0.4)
    counts = fit_multilevel("won ~ x + (1 | p) + (1 | s)", rows, weights="m")
    failed = fit_multilevel("cbind(won, lost) ~ x + (1 | p) + (1 | s)",
                            rows.assign(lost=rows["m"] - rows["won"]))  # fmt: skip
    split = pd.concat(
        [rows.assign(y=1.0, often=rows["won"]), rows.assign(y=0.0, often=rows["m"] - rows["won"])]
    )
    frequent = fit_multilevel("y ~ x + (1 | p) + (1 | s)", split, frequency="often")
    single = fit_multilevel(
        "y ~ x + (1 | p) + (1 | s)", split.iloc[np.repeat(np.arange(180), split["often"])]
    )
    for fit in (failed, frequent, single):
        np.testing.assert_allclose(fit.params, counts.params, atol=1e-6)
        np.testing.assert_allclose(fit.bse, counts.bse, rtol=1e-5)
        np.testing.assert_allclose(fit.theta, counts.theta, atol=1e-5)
    assert frequent.loglik == pytest.approx(single.loglik, abs=1e-8)
    assert failed.loglik == pytest.approx(counts.loglik, abs=1e-8)


@pytest.mark.parametrize("structure", ["slope", "three nested", "slopes at two levels"])
def test_trees_apart_sum_to_the_forest(structure):
    rows = made(4)
    problem = posed(rows, STRUCTURES[structure], 4, False)
    layout = problem.engine.layout
    assert isinstance(layout, Nested)
    apart = replace(layout, tree=trees_apart(layout.tree))
    assert apart.tree.spans.shape[1] - 1 == len(layout.groups[-1])
    for level, group in enumerate(layout.groups):
        assert apart.tree.spans[level, -1] - apart.tree.spans[level, 0] == len(group)
    point = placed(problem, 4)
    value, gradient = problem(point)
    problem.engine.layout = apart
    problem.engine.forget()
    again, same = problem(point)
    assert again == pytest.approx(value, abs=1e-9)
    np.testing.assert_allclose(same, gradient, atol=1e-8)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_a_fitted_point_is_a_maximum(seed):
    rows = made(seed)
    rows["y"] = np.random.default_rng(seed).random(len(rows)) < 0.4
    fit = fit_multilevel("y ~ x + w + (1 + x | p)", rows)
    problem, point = fit.problem, fit.solution.point
    rng = np.random.default_rng(seed)
    for _ in range(10):
        moved = point + rng.normal(0, 0.05, len(point))
        assert problem(moved)[0] >= fit.solution.optimum.value - 1e-9
