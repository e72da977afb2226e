"""The linear model of `fit_multilevel`: amounts instead of counts, and a residual variance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.design import Design
from deepvalue_stats.models.fit import Convergence
from deepvalue_stats.models.multilevel.doubts import boundary_words
from deepvalue_stats.models.multilevel.engine import Engine
from deepvalue_stats.models.multilevel.estimates import Estimates, Modes
from deepvalue_stats.models.multilevel.gaussian import LinearSolution, fit_linear
from deepvalue_stats.models.multilevel.lambdas import as_lambdas
from deepvalue_stats.models.multilevel.problem import scaled_engine
from deepvalue_stats.models.multilevel.random import RandomDesign
from deepvalue_stats.models.multilevel.threads import few_threads


def fit_gaussian(
    design: Design, random: RandomDesign, *, reml: bool, weights: str | None, offset: str | None
) -> Estimates:
    """Maximise the (restricted) likelihood of a linear mixed model; see `fit_multilevel`.

    Raises
    ------
    ModelError
        If weights are not above zero, an offset is not finite, there are as many random effects as
        rows, or nothing is left to explain.
    """
    weight, shift = _amounts(design.frame, weights, offset)
    engine, z_scale = scaled_engine(random)
    order = engine.order
    y, x, w = (design.response - shift)[order], design.matrix[order], weight[order]
    with few_threads(len(order)):
        solution = fit_linear(engine, random.factors, x, y, w, reml)
        scale = np.array([z_scale[f.columns[row]] for f in random.factors for row, _ in f.free])
        theta = solution.theta / scale
        k, p = len(theta), len(solution.params)
        joint = np.zeros((k + p, k + p))
        joint[:k, :k] = solution.covariance[:k, :k] / np.outer(scale, scale)
        joint[k:, k:] = solution.vcov
        lambdas = tuple(solution.sigma * held for held in as_lambdas(random.factors, theta))
        modes, residual = _modes(engine, random, solution, x, y, w, z_scale)
    slopes = np.empty(len(order))
    slopes[order] = w * residual / solution.sigma**2
    found = Estimates(
        params=solution.params,
        theta=theta,
        sigma=solution.sigma,
        joint=joint,
        loglik=solution.loglik,
        slopes=slopes,
        degrees=solution.dof,
        lambdas=lambdas,
        modes=modes,
        convergence=_convergence(random, solution),
        laplace=None,
        problem=None,
        solution=solution,
    )
    return found if solution.converged else found.without_numbers()


def _amounts(
    frame: pd.DataFrame, weights: str | None, offset: str | None
) -> tuple[np.ndarray, np.ndarray]:
    faults = []
    weight, shift = np.ones(len(frame)), np.zeros(len(frame))
    if weights is not None:
        weight = pd.to_numeric(frame[weights], errors="coerce").to_numpy(dtype="float64")
        if not (np.isfinite(weight) & (weight > 0)).all():
            faults.append(
                Fault(f"'{weights}' is not above 0 in every row", "weights", "leave such rows out")
            )
    if offset is not None:
        shift = pd.to_numeric(frame[offset], errors="coerce").to_numpy(dtype="float64")
        if not np.isfinite(shift).all():
            what = f"'{offset}' is not a finite number in every row"
            faults.append(Fault(what, "offset", "mend the column"))
    if faults:
        raise ModelError.of(faults)
    return weight, shift


def _modes(
    engine: Engine,
    random: RandomDesign,
    solution: LinearSolution,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    z_scale: np.ndarray,
) -> tuple[Modes, np.ndarray]:
    """Best linear unbiased predictions with their covariances, and the residuals left."""
    lambdas = as_lambdas(random.factors, solution.theta)
    residual = y - x @ solution.params
    modes = []
    left = residual.copy()
    for factor, held, (mode, spread) in zip(
        random.factors, lambdas, engine.posterior(weight, weight * residual, lambdas), strict=True
    ):
        columns = list(factor.columns)
        effects = mode @ held.T
        codes = factor.codes.reshape(len(y), -1)[engine.order]
        shares = np.ones(codes.shape) if factor.shares is None else factor.shares[engine.order]
        for place in range(codes.shape[1]):
            seen = codes[:, place] >= 0
            z = engine.effect_columns[columns][:, seen]
            added = np.einsum("qn,nq->n", z, effects[codes[seen, place]])
            left[seen] -= shares[seen, place] * added
        unit = z_scale[columns]
        covariance = solution.sigma**2 * held @ spread @ held.T
        modes.append((effects / unit, covariance / np.outer(unit, unit)))
    return tuple(modes), left


def _convergence(random: RandomDesign, solution: LinearSolution) -> Convergence:
    said = (
        boundary_words(random.factors, solution.theta, solution.active)
        if solution.converged
        else ["the search for the maximum did not end at one: simplify the random part"]
    )
    return Convergence(
        status="ok" if solution.converged else "not_converged",
        evaluations=solution.evaluations,
        objective=-solution.loglik,
        gradient_norm=solution.gradient_norm,
        singular=solution.singular,
        message="; ".join(said),
    )
