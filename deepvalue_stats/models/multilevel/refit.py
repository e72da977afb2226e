"""New outcomes drawn from a fit, and the fit of its model to them."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.fit import Convergence, ModelFit
from deepvalue_stats.models.multilevel.doubts import LaplaceCheck, judge_convergence
from deepvalue_stats.models.multilevel.engine import Engine
from deepvalue_stats.models.multilevel.gaussian import LinearSolution, fit_linear
from deepvalue_stats.models.multilevel.lambdas import as_lambdas
from deepvalue_stats.models.multilevel.problem import Problem, scaled_engine
from deepvalue_stats.models.multilevel.random import Factor
from deepvalue_stats.models.multilevel.solve import Solution, solve

if TYPE_CHECKING:
    from deepvalue_stats.models.multilevel.fit import MultilevelFit

# where the search for a variance that is zero in the fit starts
AWAY = 0.2
UNCHECKED = LaplaceCheck(False, np.nan, np.nan, {}, {})


@dataclass(frozen=True)
class Refit:
    """What one refit found, in the units of the data.

    Attributes
    ----------
    status : str
        ok; not_converged, separated, or constant (an outcome that is the same in all rows).
    singular : bool
    loglik : float
    params, errors : numpy.ndarray, shape (p,)
    theta : numpy.ndarray, shape (k,)
    sigma : float
    lambdas : tuple of numpy.ndarray
    joint : numpy.ndarray, shape (k + p, k + p)
    problem : Problem or None
    solution : Solution, LinearSolution, or None
        None where nothing was found.
    """

    status: str
    singular: bool
    loglik: float
    params: np.ndarray
    errors: np.ndarray
    theta: np.ndarray
    sigma: float
    lambdas: tuple[np.ndarray, ...]
    joint: np.ndarray
    problem: Problem | None
    solution: Solution | LinearSolution | None


class Refitter(Protocol):
    """Fits a model to outcomes in the order of the data."""

    def __call__(self, outcome: np.ndarray, cold: bool = False) -> Refit:
        """Fit, from the estimate on or, where `cold`, from a start of its own."""
        ...

    def copy(self) -> Refitter:
        """One for another thread."""
        ...


@dataclass(frozen=True)
class LinearRows:
    """What a linear model is fitted to, in the engine's order.

    Attributes
    ----------
    engine : Engine
    factors : tuple of Factor
    x : numpy.ndarray, shape (n, p)
    y, weight, offset : numpy.ndarray, shape (n,)
        The outcome is less the offset.
    theta_scale : numpy.ndarray, shape (k,)
        Turns theta as users read it into that of the engine's columns.
    """

    engine: Engine
    factors: tuple[Factor, ...]
    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    offset: np.ndarray
    theta_scale: np.ndarray


def linear_rows(fit: MultilevelFit) -> LinearRows:
    """Lay out the rows of a gaussian fit again."""
    random, frame = fit.random.design, fit.design.frame
    engine, z_scale = scaled_engine(random)
    order, n = engine.order, fit.n_obs
    weight = frame[fit.weights].to_numpy(dtype="float64") if fit.weights else np.ones(n)
    offset = frame[fit.offset].to_numpy(dtype="float64") if fit.offset else np.zeros(n)
    return LinearRows(
        engine=engine,
        factors=random.factors,
        x=fit.design.matrix[order],
        y=(fit.design.response - offset)[order],
        weight=weight[order],
        offset=offset[order],
        theta_scale=np.array(
            [z_scale[f.columns[row]] for f in random.factors for row, _ in f.free]
        ),
    )


class Drawn:
    """Outcomes drawn from a fit, new random effects included; rows in the order of the data."""

    def __init__(self, fit: ModelFit, full: MultilevelFit | None) -> None:
        self.full, self.link = full, fit.link
        n = fit.n_obs
        self.base = fit.design.matrix @ fit.params
        self.trials = np.ones(n, dtype="int64")
        self.spread: np.ndarray | None = None
        if full is None:
            return
        if full.offset:
            self.base = self.base + full.design.frame[full.offset].to_numpy(dtype="float64")
        if full.problem is None:
            frame = full.design.frame
            weight = frame[full.weights].to_numpy(dtype="float64") if full.weights else np.ones(n)
            self.spread = full.sigma / np.sqrt(weight)
        else:
            trials = full.problem.rows.trials
            self.trials[full.problem.engine.order] = np.round(trials).astype("int64")

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """One outcome, shape (n,): successes, or amounts."""
        eta = self.base
        if self.full is not None:
            eta = eta + self._random(self.full, rng)
        if self.spread is not None:
            return np.asarray(eta + self.spread * rng.standard_normal(len(eta)))
        return rng.binomial(self.trials, self.link.mean(eta)).astype("float64")

    def _random(self, full: MultilevelFit, rng: np.random.Generator) -> np.ndarray:
        design, drawn = full.random.design, []
        for factor, held in zip(design.factors, full.random.lambdas, strict=True):
            effects = rng.standard_normal((len(factor.levels), len(held))) @ held.T
            drawn.append((effects, np.zeros((0, 0, 0))))
        return replace(full.random, modes=tuple(drawn)).known(design)


class BinomialRefit:
    """Fits of a multilevel binomial model."""

    def __init__(self, fit: MultilevelFit) -> None:
        if fit.problem is None or not isinstance(fit.solution, Solution):
            raise ModelError("not a binomial fit", fit.spec.formula, "use family='binomial'")
        self.terms = fit.terms
        self.problem = _own_engine(fit.problem)
        diagonal = [row == column for f in self.problem.factors for row, column in f.free]
        theta = fit.solution.theta
        self.start = np.concatenate(
            [np.where((theta == 0) & diagonal, AWAY, theta), fit.solution.beta]
        )
        # whatever was asked of the fit before, its replicates start from the same modes
        self.problem.engine.forget()
        self.problem(fit.solution.point)
        self.modes = self.problem.engine.remember()

    def copy(self) -> BinomialRefit:
        """See `Refitter`."""
        other = copy(self)
        other.problem = _own_engine(self.problem)
        return other

    def __call__(self, outcome: np.ndarray, cold: bool = False) -> Refit:
        """See `Refitter`."""
        engine = self.problem.engine
        total = float(outcome.sum())
        if total in (0.0, float(self.problem.rows.trials.sum())):
            return _nothing("constant", len(self.terms), self.problem.factors)
        problem = self.problem.with_outcome(outcome[engine.order])
        # so that a replicate does not depend on the one before it
        engine.forget()
        engine.recall(self.modes)
        try:
            solution = solve(problem, None if cold else self.start)
            judged = judge_convergence(problem, solution, self.terms, UNCHECKED)
            if judged.status != "ok":
                return _nothing(judged.status, len(self.terms), problem.factors)
            joint = solution.covariance() / np.outer(problem.scale, problem.scale)
        except np.linalg.LinAlgError:
            return _nothing("not_converged", len(self.terms), problem.factors)
        k, point = problem.n_theta, solution.point / problem.scale
        return Refit(
            status="ok",
            singular=solution.singular,
            loglik=problem.constant - solution.optimum.value,
            params=point[k:],
            errors=np.sqrt(np.diag(joint)[k:]),
            theta=point[:k],
            sigma=np.nan,
            lambdas=as_lambdas(problem.factors, point[:k]),
            joint=joint,
            problem=problem,
            solution=solution,
        )


def _own_engine(problem: Problem) -> Problem:
    """The problem with an engine whose modes nobody else moves; the layout is shared."""
    layout = getattr(problem.engine, "layout", None)
    return replace(problem, engine=deepcopy(problem.engine, {id(layout): layout}))


class LinearRefit:
    """Fits of a linear mixed model."""

    def __init__(self, fit: MultilevelFit) -> None:
        self.rows = linear_rows(fit)
        self.reml = fit.restricted_likelihood
        self.start = fit.theta * self.rows.theta_scale

    def copy(self) -> LinearRefit:
        """See `Refitter`; nothing in it is ever changed."""
        return self

    def __call__(self, outcome: np.ndarray, cold: bool = False) -> Refit:
        """See `Refitter`."""
        rows = self.rows
        p = rows.x.shape[1]
        y = outcome[rows.engine.order] - rows.offset
        start = None if cold else self.start
        found = fit_linear(rows.engine, rows.factors, rows.x, y, rows.weight, self.reml, start)
        if not found.converged:
            return _nothing("not_converged", p, rows.factors)
        theta = found.theta / rows.theta_scale
        k = len(theta)
        joint = np.zeros((k + p, k + p))
        joint[:k, :k] = found.covariance[:k, :k] / np.outer(rows.theta_scale, rows.theta_scale)
        joint[k:, k:] = found.vcov
        return Refit(
            status="ok",
            singular=found.singular,
            loglik=found.loglik,
            params=found.params,
            errors=np.sqrt(np.diag(found.vcov)),
            theta=theta,
            sigma=found.sigma,
            lambdas=tuple(found.sigma * held for held in as_lambdas(rows.factors, theta)),
            joint=joint,
            problem=None,
            solution=found,
        )


class PlainRefit:
    """Fits of a plain binomial model, by Newton's method; only the log-likelihood is wanted."""

    def __init__(self, fit: ModelFit) -> None:
        self.link = fit.link
        self.scale = np.sqrt(np.mean(fit.design.matrix**2, axis=0))
        self.matrix = fit.design.matrix / self.scale
        self.start = fit.params * self.scale

    def copy(self) -> PlainRefit:
        """See `Refitter`; nothing in it is ever changed."""
        return self

    def __call__(self, outcome: np.ndarray, cold: bool = False) -> Refit:
        """See `Refitter`."""
        p = len(self.start)
        beta = np.zeros(p) if cold else self.start.copy()
        for _ in range(30):
            ones = np.ones(len(outcome))
            residual, weight = self.link.working(self.matrix @ beta, outcome, ones)
            slope = self.matrix.T @ residual
            try:
                step = np.linalg.solve(self.matrix.T @ (weight[:, None] * self.matrix), slope)
            except np.linalg.LinAlgError:
                break
            beta = beta + step
            if float(step @ slope) < 1e-14:
                assert self.link.likelihood is not None
                loglik = float(self.link.likelihood(self.matrix @ beta, outcome, ones)[0].sum())
                return replace(
                    _nothing("ok", p, ()), loglik=loglik, params=beta / self.scale, singular=False
                )
        return _nothing("separated", p, ())


def refitter(fit: ModelFit, full: MultilevelFit | None) -> Refitter:
    """What fits the model of a fit again; `full` is the same fit where it is multilevel."""
    if full is None:
        return PlainRefit(fit)
    return LinearRefit(full) if full.problem is None else BinomialRefit(full)


def as_fit(fit: MultilevelFit, found: Refit, outcome: np.ndarray) -> MultilevelFit:
    """A refit as a fit of its own.

    Modes and slopes are not a number: a replicate is asked about parameters and populations.
    """
    if found.solution is None:
        raise ModelError("nothing was found", fit.spec.formula, "ask refits that converged only")
    k = len(found.theta)
    nowhere = tuple((at * np.nan, spread * np.nan) for at, spread in fit.random.modes)
    return replace(
        fit,
        params=found.params,
        covariance=found.joint[k:, k:],
        design=replace(fit.design, response=outcome),
        convergence=Convergence("ok", 0, -found.loglik, 0.0, found.singular, ""),
        loglik=found.loglik,
        slopes=np.full(fit.n_obs, np.nan),
        theta=found.theta,
        sigma=found.sigma,
        joint=found.joint,
        random=replace(fit.random, lambdas=found.lambdas, modes=nowhere),
        problem=found.problem,
        solution=found.solution,
    )


def _nothing(status: str, p: int, factors: tuple[Factor, ...]) -> Refit:
    k = sum(len(factor.free) for factor in factors)
    return Refit(
        status=status,
        singular=False,
        loglik=np.nan,
        params=np.full(p, np.nan),
        errors=np.full(p, np.nan),
        theta=np.full(k, np.nan),
        sigma=np.nan,
        lambdas=tuple(np.full((len(f.columns),) * 2, np.nan) for f in factors),
        joint=np.full((k + p, k + p), np.nan),
        problem=None,
        solution=None,
    )
