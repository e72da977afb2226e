"""What may be wrong with a fit, in words: its `Convergence`, and how far Laplace may be off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.fit import Convergence, Status
from deepvalue_stats.models.multilevel.lambdas import as_lambdas
from deepvalue_stats.models.multilevel.problem import Problem
from deepvalue_stats.models.multilevel.random import Factor
from deepvalue_stats.models.multilevel.separation import separated_terms
from deepvalue_stats.models.multilevel.solve import Solution

# a fixed part beyond this predicts with near certainty: is it separation?
SUSPICIOUS = 12.0
FEW_GROUPS = 5
# Laplace's error grows with the latent SD and falls with the trials of a group
FEW_TRIALS, LARGE_SD = 10.0, 0.7
OTHER_POINTS = (7, 15)
FIRST, EVERY = slice(0, 50_000), slice(None)


@dataclass(frozen=True)
class LaplaceCheck:
    """How far the Laplace approximation may be trusted.

    Attributes
    ----------
    doubtful : bool
        Few trials a group together with a large variance.
    trials_per_group : float
        Mean over the groups of the factor with most groups; of a complementary log-log, whose
        outcomes are mostly rare, of the rarer outcome.
    std_dev : float
        Largest latent standard deviation of that factor's effects.
    loglik : mapping of int to float
        At the fitted parameters, by 1, 7 and 15 points; 1 only where the structure has no
        quadrature or nothing is doubtful.
    shift : mapping of int to float
        For 7 and 15 points, how far one Newton step would move the coefficient that moves most,
        in its standard errors.
    """

    doubtful: bool
    trials_per_group: float
    std_dev: float
    loglik: dict[int, float]
    shift: dict[int, float]

    @property
    def message(self) -> str:
        """The doubt in words; empty where there is none."""
        if not self.doubtful:
            return ""
        said = (
            f"the Laplace approximation is doubtful with {self.trials_per_group:.1f} trials a "
            f"group and a latent SD of {self.std_dev:.2f}"
        )
        if not self.shift:
            return f"{said}; no quadrature is known for this structure"
        moved = ", ".join(f"{held:.2f} with {points} points" for points, held in self.shift.items())
        return (
            f"{said}: in standard errors, coefficients would move by up to {moved}; set "
            "quadrature_points"
        )


def check_laplace(problem: Problem, solution: Solution) -> LaplaceCheck:
    """Apply the rule, and where it doubts compare 1, 7 and 15 points at the fitted parameters."""
    trials = float(problem.rows.trials.sum())
    if problem.rows.kind is None:
        won = float(problem.rows.successes.sum())
        trials = min(won, trials - won)
    finest = max(problem.factors, key=lambda factor: len(factor.levels))
    place = problem.factors.index(finest)
    held = as_lambdas(problem.factors, solution.theta)[place]
    per_group = trials / len(finest.levels)
    std_dev = float(np.sqrt((held @ held.T).diagonal().max()))
    doubtful = problem.points == 1 and per_group < FEW_TRIALS * std_dev and std_dev > LARGE_SD
    loglik = {problem.points: problem.constant - solution.optimum.value}
    shift: dict[int, float] = {}
    if doubtful and problem.engine.can_integrate():
        covariance = solution.covariance()
        k = problem.n_theta
        errors = np.sqrt(np.diag(covariance)[k:])
        for points in OTHER_POINTS:
            value, gradient = problem.with_points(points)(solution.point)
            loglik[points] = problem.constant - value
            shift[points] = float(np.abs((covariance @ gradient)[k:] / errors).max())
    return LaplaceCheck(doubtful, per_group, std_dev, loglik, shift)


def judge_convergence(
    problem: Problem, solution: Solution, terms: tuple[str, ...], laplace: LaplaceCheck
) -> Convergence:
    """Say how the optimisation ended, and everything doubtful about its answer."""
    said = []
    status: Status = "ok" if solution.optimum.found else "not_converged"
    beta = solution.beta
    base = problem.base(beta)
    wild = not np.isfinite(base).all() or float(np.abs(base).max(initial=0)) > SUSPICIOUS
    if wild or status != "ok":
        culprits = () if problem.penalty.any() else separated_terms(
            problem.x, problem.rows.successes, problem.rows.trials, terms
        )  # fmt: skip
        if culprits:
            status = "separated"
            said.append(_separated(culprits))
    pure = _one_sided_groups(problem)
    if pure:
        status = "separated"
        said += [
            f"no group of {name} has both outcomes, so the variance between them has no finite "
            "estimate: take the factor out, or describe the groups instead"
            for name in pure
        ]
    if status == "not_converged":
        said.append(
            "the search for the maximum did not end at one: look for a variance that the data "
            "cannot tell, or simplify the random part"
        )
    if status == "ok":
        said += boundary_words(problem.factors, solution.theta, solution.active[: problem.n_theta])
        said += [
            f"fewer than {FEW_GROUPS} groups of {factor.name}: their variance is hardly known"
            for factor in problem.factors
            if len(factor.levels) < FEW_GROUPS
        ]
        said += [laplace.message] if laplace.message else []
    k = problem.n_theta
    scaled = np.abs(solution.optimum.gradient[-(len(beta)) :]) if len(beta) else np.zeros(1)
    return Convergence(
        status=status,
        evaluations=solution.evaluations,
        objective=solution.optimum.value - problem.constant,
        gradient_norm=float(scaled.max(initial=0)) / len(base),
        singular=bool(not solution.active[:k].all()),
        message="; ".join(said),
    )


def _separated(culprits: tuple[str, ...]) -> str:
    one = len(culprits) == 1
    return (
        f"{', '.join(culprits)} predict{'s' if one else ''} the outcome perfectly in some rows "
        f"(separation), so there is no finite estimate: take {'it' if one else 'them'} out, join "
        "categories, or set prior_sd to shrink coefficients"
    )


def _one_sided_groups(problem: Problem) -> list[str]:
    """Factors with random intercepts of which no group has both outcomes."""
    order = problem.engine.order
    held = []
    for factor in problem.factors:
        if factor.shares is not None or "Intercept" not in factor.names:
            continue
        # mostly the first rows show a group with both outcomes, and the rest need not be looked at
        if not any(_both(problem, factor.codes[order[rows]], rows) for rows in (FIRST, EVERY)):
            held.append(factor.name)
    return held


def _both(problem: Problem, codes: np.ndarray, rows: slice) -> bool:
    """Whether some group has successes and failures among these rows."""
    won = np.bincount(codes, weights=problem.rows.successes[rows])
    trials = np.bincount(codes, weights=problem.rows.trials[rows])
    return bool(((won > 0) & (won < trials)).any())


def boundary_words(factors: tuple[Factor, ...], theta: np.ndarray, active: np.ndarray) -> list[str]:
    """Variances of zero and correlations of one, named."""
    said = []
    held = as_lambdas(factors, theta)
    free = as_lambdas(factors, active.astype("float64"))
    for factor, values, inside in zip(factors, held, free, strict=True):
        for place, name in enumerate(factor.names):
            if inside[place, place] > 0:
                continue
            if (values[place, :place] == 0).all():
                of = "" if name == "Intercept" else f" of the slope of {name}"
                said.append(f"no detectable variance{of} between groups of {factor.name}")
            else:
                said.append(
                    f"the effects {', '.join(factor.names)} of {factor.name} are perfectly "
                    "correlated in the fit: the data cannot tell them apart"
                )
    return said
