"""`fit_multilevel`: from a formula and rows to a fit, with everything doubtful said."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.design import build_design
from deepvalue_stats.models.fit import ModelSpec
from deepvalue_stats.models.link import LOGIT
from deepvalue_stats.models.multilevel.degrees import degrees_of_freedom
from deepvalue_stats.models.multilevel.doubts import check_laplace, judge_convergence
from deepvalue_stats.models.multilevel.engine import Lambdas
from deepvalue_stats.models.multilevel.fit import MultilevelFit, RandomPart, groups_of
from deepvalue_stats.models.multilevel.layout import same_groups
from deepvalue_stats.models.multilevel.outcome import Counts, read_counts
from deepvalue_stats.models.multilevel.problem import Problem, as_lambdas, build_problem
from deepvalue_stats.models.multilevel.random import RandomDesign, build_random
from deepvalue_stats.models.multilevel.solve import Solution, solve
from deepvalue_stats.models.multilevel.terms import (
    formula_columns,
    refuse_missing_columns,
    split_formula,
)
from deepvalue_stats.models.multilevel.threads import few_threads
from deepvalue_stats.tables import read_only

Family = Literal["binomial", "gaussian"]
Inference = Literal["t", "z"]


def fit_multilevel(
    formula: str,
    data: pd.DataFrame,
    *,
    family: Family = "binomial",
    quadrature_points: int = 1,
    weights: str | None = None,
    frequency: str | None = None,
    offset: str | None = None,
    reml: bool = True,
    covariance: str = "model",
    inference: Inference = "t",
    missing: Literal["raise", "drop"] = "raise",
    prior_sd: float | None = None,
    client: str = "client",
    practitioner: str = "practitioner",
) -> MultilevelFit:
    """Fit a logit, or a linear model, whose rows sit in groups, by maximum likelihood.

    For outcomes of clients who share practitioners, services or both, and for whether an effect
    differs between them. Effects of the fixed part are for given groups; `average_effect` gives
    those in the population.

    Parameters
    ----------
    formula : str
        As in lme4: `job ~ rel_within + rel_between + (1 + rel_within | practitioner) + (1 |
        service)`; `(x || g)` for independent effects, `a/b` for nesting, `mm(a, b; share_a,
        share_b)` for rows with several practitioners, `cbind(successes, failures)` for counts.
    data : pandas.DataFrame
    family : str
        binomial (logit link) or gaussian.
    quadrature_points : int
        1 is the Laplace approximation. More points are exact for few rows a group; known for one
        factor with up to two effects, and for random intercepts of two nested factors.
    weights : str, optional
        Column of trials, the outcome then being successes; of a gaussian model, of precisions.
    frequency : str, optional
        Column that says how many identical rows a row stands for.
    offset : str, optional
        Column added to the linear predictor.
    reml : bool
        For a gaussian model, restricted likelihood.
    covariance : str
        model, or cluster:<column> for the sandwich over groups that hold every factor's groups.
    inference : str
        t: degrees of freedom by the level at which a term varies, and the restricted variance for
        intervals. z: the normal distribution and the variance of maximum likelihood.
    missing : str
        raise, or drop (counted in `design.dropped`).
    prior_sd : float, optional
        Standard deviation of a normal prior on the coefficient of every standardised column but
        the intercept: a weak penalty for separated data, never used unless asked for.
    client, practitioner : str
        Columns by which persons are counted, where the data have them.

    Returns
    -------
    MultilevelFit

    Raises
    ------
    ModelError
        If the formula cannot be read on the data, the outcome is constant or no count, columns
        are linearly dependent, a factor has one group or a group for every row, quadrature is
        asked for a structure that has none, or a cluster covariance cannot be had.

    Notes
    -----
    Laplace: -log L = sum(-loglik(u)) + |u|^2/2 + log det(I + Lambda'Z'WZ Lambda)/2 at the modes u,
    with exact gradient. Standard errors (`bse`) are from the full Hessian over variance parameters
    and coefficients. Intervals use the restricted variance (see `interval_covariance`), except
    with `inference="z"`.

    References
    ----------
    Pinheiro and Bates (1995), Journal of Computational and Graphical Statistics 4; Pinheiro and
    Chao (2006), the same 15 (multilevel Laplace and adaptive quadrature); Bates, Maechler, Bolker
    and Walker (2015), Journal of Statistical Software 67.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> g = np.repeat(np.arange(30), 20)
    >>> x = rng.normal(size=600)
    >>> p = 1 / (1 + np.exp(-0.5 * x - rng.normal(size=30)[g]))
    >>> rows = pd.DataFrame({"job": rng.random(600) < p, "rapport": x, "practitioner": g})
    >>> fit = fit_multilevel("job ~ rapport + (1 | practitioner)", rows)
    >>> fit.convergence.status
    'ok'
    """
    _refuse_options(family, quadrature_points, covariance, inference, prior_sd)
    mixed = split_formula(formula)
    refuse_missing_columns(mixed, data)
    named = [name for name in (mixed.failures, weights, frequency, offset) if name is not None]
    cluster = covariance.removeprefix("cluster:") if covariance != "model" else None
    needed = [*formula_columns(mixed), *named, *([cluster] if cluster else [])]
    design = build_design(mixed.fixed, data, missing=missing, needed=tuple(dict.fromkeys(needed)))
    random, record = build_random(mixed.bars, design.frame)
    counts = read_counts(
        design.frame, design.outcome, formula,
        failures=mixed.failures, weights=weights, frequency=frequency, offset=offset,
    )  # fmt: skip
    _refuse_unidentified(random, counts, formula)
    problem = build_problem(
        design.matrix, random, counts.successes, counts.trials,
        frequency=counts.frequency, offset=counts.offset, points=quadrature_points,
        prior_sd=prior_sd, intercept=np.ptp(design.matrix, axis=0) == 0 if prior_sd else None,
    )  # fmt: skip
    if quadrature_points > 1 and not problem.engine.can_integrate():
        raise ModelError(
            f"no quadrature is known for {', '.join(f.name for f in random.factors)}",
            f"quadrature_points={quadrature_points}",
            "use 1 (Laplace), or one factor with up to two effects, or random intercepts of two "
            "nested factors",
        )
    with few_threads(len(design.response)):
        solution = solve(problem)
        laplace = check_laplace(problem, solution)
        convergence = judge_convergence(problem, solution, design.terms, laplace)
        found = _assembled(problem, solution, convergence.status == "ok")
    ids = {"client": client, "practitioner": practitioner}
    return MultilevelFit(
        spec=ModelSpec(
            formula, family, tuple(f.name for f in random.factors), "multilevel", covariance
        ),
        terms=design.terms,
        params=read_only(found.params),
        covariance=read_only(found.joint[problem.n_theta :, problem.n_theta :]),
        dof=np.inf,
        link=LOGIT,
        design=design,
        n_groups=groups_of(random),
        ids={role: column for role, column in ids.items() if column in data},
        convergence=convergence,
        loglik=found.loglik,
        slopes=read_only(found.slopes),
        theta=read_only(found.theta),
        sigma=np.nan,
        joint=read_only(found.joint),
        degrees=(
            degrees_of_freedom(design.matrix, random)
            if inference == "t"
            else np.full(len(design.terms), np.inf)
        ),
        random=RandomPart(random, record, found.lambdas, found.modes),
        inference=inference,
        offset=offset or "",
        laplace=laplace,
        problem=problem,
        solution=solution,
    )


@dataclass(frozen=True)
class _Found:
    """Estimates in the units of the data; not a number everywhere where the optimum is none."""

    params: np.ndarray
    theta: np.ndarray
    joint: np.ndarray
    loglik: float
    slopes: np.ndarray
    lambdas: Lambdas
    modes: tuple[tuple[np.ndarray, np.ndarray], ...]


def _assembled(problem: Problem, solution: Solution, sound: bool) -> _Found:
    k = problem.n_theta
    order = problem.engine.order
    point = solution.point / problem.scale
    joint = solution.covariance() / np.outer(problem.scale, problem.scale) if sound else None
    base = problem.base(solution.beta)
    lambdas = problem.lambdas(solution.theta)
    descent = problem.engine.likelihood(problem.rows, base, lambdas, problem.points).base
    slopes = np.empty(len(order))
    slopes[order] = -descent
    own = as_lambdas(problem.factors, point[:k])
    modes = _modes(problem, solution, own)
    if joint is None:
        point, joint = np.full_like(point, np.nan), np.full((len(point),) * 2, np.nan)
        own = tuple(np.full_like(held, np.nan) for held in own)
        modes = tuple((at * np.nan, spread * np.nan) for at, spread in modes)
    loglik = problem.constant - solution.optimum.value if sound else np.nan
    return _Found(point[k:], point[:k], joint, loglik, slopes, own, modes)


def _modes(
    problem: Problem, solution: Solution, own: Lambdas
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Conditional modes Lambda u and covariances Lambda H^-1 Lambda' of every group's effects."""
    mean = problem.engine.means
    weight = problem.rows.trials * mean * (1 - mean)
    residual = problem.rows.successes - problem.rows.trials * mean
    lambdas = problem.lambdas(solution.theta)
    # at the modes u = Lambda'Z'r, and H^-1 of (I + Lambda'Z'WZ Lambda) u returns u itself
    spreads = problem.engine.posterior(weight, residual, lambdas)
    return tuple(
        (mode @ held.T, held @ spread @ held.T)
        for (mode, (_, spread)), held in zip(
            zip(problem.engine.modes(), spreads, strict=True), own, strict=True
        )
    )


def _refuse_options(
    family: str, quadrature_points: int, covariance: str, inference: str, prior_sd: float | None
) -> None:
    faults = []
    if family not in ("binomial", "gaussian"):
        faults.append(Fault(f"no family '{family}'", "family", "use binomial or gaussian"))
    if not 1 <= quadrature_points <= 101:
        faults.append(Fault("not between 1 and 101", "quadrature_points", "7 or 15 are usual"))
    if covariance != "model" and not covariance.startswith("cluster:"):
        faults.append(
            Fault(f"no covariance '{covariance}'", "covariance", "use model or cluster:<column>")
        )
    if inference not in ("t", "z"):
        faults.append(Fault(f"no inference '{inference}'", "inference", "use t or z"))
    if prior_sd is not None and not prior_sd > 0:
        faults.append(Fault("not above 0", "prior_sd", "2.5 is weak, 1 is strong"))
    if faults:
        raise ModelError.of(faults)


def _refuse_unidentified(random: RandomDesign, counts: Counts, formula: str) -> None:
    """A group for every single trial leaves nothing by which to know its variance."""
    frequent = counts.trials if counts.frequency is None else counts.trials * counts.frequency
    for factor in random.factors:
        alone = factor.shares is None and len(factor.levels) == len(counts.successes)
        if alone and (frequent <= 1).all():
            raise ModelError(
                f"each of the {len(factor.levels)} rows is a group of {factor.name} of its own",
                formula,
                "a variance between groups needs groups with several rows",
            )
    for one, other in combinations(random.factors, 2):
        if same_groups(one, other) and set(one.columns) & set(other.columns):
            raise ModelError(
                f"{one.name} and {other.name} put the same rows together",
                formula,
                "keep one of the two: their variances cannot be told apart",
            )
