"""The binomial models of `fit_multilevel`: pose the problem, solve it, judge it."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.design import Design
from deepvalue_stats.models.link import LOGIT, Link
from deepvalue_stats.models.multilevel.degrees import degrees_of_freedom
from deepvalue_stats.models.multilevel.doubts import check_laplace, judge_convergence
from deepvalue_stats.models.multilevel.engine import Lambdas
from deepvalue_stats.models.multilevel.estimates import Estimates, Modes
from deepvalue_stats.models.multilevel.lambdas import as_lambdas
from deepvalue_stats.models.multilevel.layout import same_groups
from deepvalue_stats.models.multilevel.outcome import Counts
from deepvalue_stats.models.multilevel.problem import Problem, build_problem
from deepvalue_stats.models.multilevel.random import RandomDesign
from deepvalue_stats.models.multilevel.robust import cluster_covariance, refuse_clusters
from deepvalue_stats.models.multilevel.solve import Solution, solve
from deepvalue_stats.models.multilevel.threads import few_threads


def fit_binomial(
    design: Design,
    random: RandomDesign,
    counts: Counts,
    *,
    points: int,
    prior_sd: float | None,
    cluster: str | None,
    link: Link = LOGIT,
) -> Estimates:
    """Maximise a multilevel binomial likelihood; the parameters are `fit_multilevel`'s.

    Raises
    ------
    ModelError
        If the variance between groups cannot be known from such rows, quadrature is asked for a
        structure that has none, or a cluster covariance cannot be had.
    """
    _refuse_unidentified(random, counts)
    if cluster is not None:
        refuse_clusters(random.factors, pd.factorize(design.frame[cluster])[0], cluster)
    constant = np.ptp(design.matrix, axis=0) == 0 if prior_sd else None
    problem = build_problem(
        design.matrix, random, counts.successes, counts.trials, frequency=counts.frequency,
        offset=counts.offset, points=points, prior_sd=prior_sd, intercept=constant, link=link,
    )  # fmt: skip
    if points > 1 and not problem.engine.can_integrate():
        raise ModelError(
            f"no quadrature is known for {', '.join(f.name for f in random.factors)}",
            f"quadrature_points={points}",
            "use 1 (Laplace), or one factor with up to two effects, or random intercepts of two "
            "nested factors",
        )
    with few_threads(len(design.response), problem.engine.widest):
        solution = solve(problem)
        laplace = check_laplace(problem, solution)
        convergence = judge_convergence(problem, solution, design.terms, laplace)
        point = solution.point / problem.scale
        k = problem.n_theta
        own = as_lambdas(problem.factors, point[:k])
        sound = convergence.status == "ok"
        found = Estimates(
            params=point[k:],
            theta=point[:k],
            sigma=np.nan,
            joint=solution.covariance() / np.outer(problem.scale, problem.scale)
            if sound
            else np.full((len(point),) * 2, np.nan),
            loglik=problem.constant - solution.optimum.value,
            slopes=_slopes(problem, solution),
            degrees=degrees_of_freedom(design.matrix, random),
            lambdas=own,
            modes=_modes(problem, solution, own),
            convergence=convergence,
            laplace=laplace,
            problem=problem,
            solution=solution,
        )
        if not sound:
            return found.without_numbers()
        return found if cluster is None else _clustered(found, design, counts, cluster)


def _clustered(found: Estimates, design: Design, counts: Counts, cluster: str) -> Estimates:
    """Replace the covariance by the sandwich, and degrees of freedom by at most G - 1."""
    problem, solution = found.problem, found.solution
    assert problem is not None
    assert isinstance(solution, Solution)
    labels, _ = pd.factorize(design.frame[cluster])
    n_rows = len(labels) if counts.frequency is None else float(counts.frequency.sum())
    sandwich = cluster_covariance(problem, solution, labels, n_rows, cluster)
    return replace(
        found,
        joint=sandwich.joint / np.outer(problem.scale, problem.scale),
        degrees=np.minimum(found.degrees, sandwich.n_clusters - 1.0),
    )


def _slopes(problem: Problem, solution: Solution) -> np.ndarray:
    """Derivative of the log-likelihood in every row's predictor, in the order of the data."""
    base, lambdas = problem.base(solution.beta), problem.lambdas(solution.theta)
    found = problem.engine.likelihood(problem.rows, base, lambdas, problem.points)
    slopes = np.empty(len(base))
    slopes[problem.engine.order] = -found.base
    return slopes


def _modes(problem: Problem, solution: Solution, own: Lambdas) -> Modes:
    """Conditional modes Lambda u and covariances Lambda H^-1 Lambda' of every group's effects."""
    weight = problem.rows.weights(problem.engine.means)
    lambdas = problem.lambdas(solution.theta)
    spreads = problem.engine.posterior(weight, np.zeros_like(weight), lambdas)
    return tuple(
        (mode @ held.T, held @ spread @ held.T)
        for mode, (_, spread), held in zip(problem.engine.modes(), spreads, own, strict=True)
    )


def _refuse_unidentified(random: RandomDesign, counts: Counts) -> None:
    """A group for every single trial leaves nothing by which to know its variance."""
    frequent = counts.trials if counts.frequency is None else counts.trials * counts.frequency
    for factor in random.factors:
        alone = factor.shares is None and len(factor.levels) == len(counts.successes)
        if alone and (frequent <= 1).all():
            raise ModelError(
                f"each of the {len(factor.levels)} rows is a group of {factor.name} of its own",
                "random effects",
                "a variance between groups needs groups with several rows",
            )
    for one, other in combinations(random.factors, 2):
        if same_groups(one, other) and set(one.columns) & set(other.columns):
            raise ModelError(
                f"{one.name} and {other.name} put the same rows together",
                "random effects",
                "keep one of the two: their variances cannot be told apart",
            )
