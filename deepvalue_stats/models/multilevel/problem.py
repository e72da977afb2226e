"""A multilevel binomial model as an objective of theta and coefficients, in well scaled units."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

from deepvalue_stats.models.link import LOGIT, Link
from deepvalue_stats.models.multilevel.crossed_engine import CrossedEngine
from deepvalue_stats.models.multilevel.engine import Engine, Lambdas, NestedEngine, Trials
from deepvalue_stats.models.multilevel.gram import cross_products
from deepvalue_stats.models.multilevel.lambdas import as_lambdas, as_theta
from deepvalue_stats.models.multilevel.layout import Nested, lay_out
from deepvalue_stats.models.multilevel.random import Factor, RandomDesign

# rows on which the start is found: more do not make it better
START_ROWS = 50_000
MOMENT_ROWS = 200_000
SMALLEST_START, LARGEST_START = 0.2, 3.0
# no search step moves a standard deviation, or a standardised coefficient, by more
LONGEST_THETA, LONGEST_STEP = 1.0, 2.0


@dataclass(frozen=True)
class Problem:
    """What is fitted: rows in the engine's order, columns divided by their root mean squares.

    Attributes
    ----------
    engine : Engine
    factors : tuple of Factor
        Of the random design, in the order of the formula.
    x : numpy.ndarray, shape (n, p), columns contiguous
    offset : numpy.ndarray, shape (n,)
    rows : Trials
    constant : float
        Sum of the logarithms of the binomial coefficients.
    x_scale : numpy.ndarray, shape (p,)
    theta_scale : numpy.ndarray, shape (k,)
        Root mean square of the effect column of each free entry of a Lambda.
    penalty : numpy.ndarray, shape (p,)
        Precision of a normal prior on each scaled coefficient; zero for none.
    points : int
        Quadrature points; 1 is Laplace.
    """

    engine: Engine
    factors: tuple[Factor, ...]
    x: np.ndarray
    offset: np.ndarray
    rows: Trials
    constant: float
    x_scale: np.ndarray
    theta_scale: np.ndarray
    penalty: np.ndarray
    points: int

    @property
    def effects(self) -> np.ndarray:
        """Scaled effect columns in the engine's order, shape (m, n)."""
        return self.engine.effect_columns

    @property
    def n_theta(self) -> int:
        """Free entries of all Lambdas."""
        return len(self.theta_scale)

    @property
    def scale(self) -> np.ndarray:
        """What turns (theta, coefficients) as users read them into scaled ones, shape (k + p,)."""
        return np.concatenate([self.theta_scale, self.x_scale])

    def lambdas(self, theta: np.ndarray) -> Lambdas:
        """Lower triangular factors that hold theta."""
        return as_lambdas(self.factors, theta)

    def base(self, beta: np.ndarray) -> np.ndarray:
        """The fixed part of every row's predictor."""
        return np.asarray(self.offset + self.x @ beta)

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-likelihood (binomial constants left out) and its gradient."""
        theta, beta = point[: self.n_theta], point[self.n_theta :]
        base = self.base(beta)
        if not np.isfinite(base).all():
            return np.inf, np.full_like(point, np.nan)
        found = self.engine.likelihood(self.rows, base, self.lambdas(theta), self.points)
        slopes = as_theta(self.factors, found.lambdas)
        held = self.penalty * beta
        gradient = np.concatenate([slopes, self.x.T @ found.base + held])
        return found.value + 0.5 * float(held @ beta), gradient

    def information(self, theta: np.ndarray) -> np.ndarray:
        """X'WX less what the random effects explain, at the last modes, shape (p, p)."""
        weight = self.rows.weights(self.engine.means)
        _, taken = self.engine.gram(weight, self.x.T, self.lambdas(theta))
        return np.asarray(cross_products(self.x.T, weight) - taken + np.diag(self.penalty))

    def with_outcome(self, successes: np.ndarray) -> Problem:
        """The same design with other successes, in the engine's order."""
        rows = replace(self.rows, successes=np.ascontiguousarray(successes, dtype="float64"))
        constant = float(_log_binomial(rows.successes, rows.trials).sum())
        return replace(self, rows=rows, constant=constant)

    def with_points(self, points: int) -> Problem:
        """The same likelihood by another number of quadrature points."""
        return replace(self, points=points)


def build_problem(
    matrix: np.ndarray,
    design: RandomDesign,
    successes: np.ndarray,
    trials: np.ndarray,
    *,
    frequency: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    points: int = 1,
    prior_sd: float | None = None,
    intercept: np.ndarray | None = None,
    link: Link = LOGIT,
) -> Problem:
    """Scale, sort and choose the engine.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
    design : RandomDesign
    successes, trials : numpy.ndarray, shape (n,)
    frequency : numpy.ndarray, shape (n,), optional
        How many identical rows each row stands for.
    offset : numpy.ndarray, shape (n,), optional
    points : int
    prior_sd : float, optional
        Standard deviation of a normal prior on coefficients of standardised columns.
    intercept : numpy.ndarray of bool, shape (p,), optional
        Columns that the prior leaves alone.
    link : Link
    """
    engine, z_scale = scaled_engine(design)
    order = engine.order
    x_scale = _root_mean_square(matrix, axis=0)
    x = np.empty(matrix.shape, order="F")
    for column in range(matrix.shape[1]):
        # clip spares a copy: the places are a permutation
        np.take(matrix[:, column], order, out=x[:, column], mode="clip")
        x[:, column] /= x_scale[column]
    times = np.ones(len(order)) if frequency is None else frequency[order].astype("float64")
    own, out_of = successes[order].astype("float64"), trials[order].astype("float64")
    constant = float((times * _log_binomial(own, out_of)).sum()) if (out_of != 1).any() else 0.0
    rows = Trials(own * times, out_of * times, bool((out_of * times == 1).all()), link)
    theta_scale = [
        z_scale[factor.columns[row]] for factor in design.factors for row, _ in factor.free
    ]
    penalty = np.zeros(matrix.shape[1])
    if prior_sd is not None:
        spread = matrix.std(axis=0)
        held = ~intercept if intercept is not None else spread > 0
        penalty[held] = (spread[held] / x_scale[held] / prior_sd) ** 2
    return Problem(
        engine=engine,
        factors=design.factors,
        x=x,
        offset=np.zeros(len(order)) if offset is None else offset[order].astype("float64"),
        rows=rows,
        constant=constant,
        x_scale=x_scale,
        theta_scale=np.array(theta_scale),
        penalty=penalty,
        points=points,
    )


def scaled_engine(design: RandomDesign) -> tuple[Engine, np.ndarray]:
    """The engine for a random design, and the root mean squares (m,) that its columns lost."""
    z_scale = _root_mean_square(design.columns, axis=1)
    scaled = replace(design, columns=design.columns / z_scale[:, None])
    layout = lay_out(scaled)
    if isinstance(layout, Nested):
        return NestedEngine(layout), z_scale
    return CrossedEngine(layout, scaled), z_scale


def _log_binomial(successes: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Logarithms of the binomial coefficients."""
    failures = trials - successes
    return np.asarray(gammaln(trials + 1) - gammaln(successes + 1) - gammaln(failures + 1))


def _root_mean_square(values: np.ndarray, axis: int) -> np.ndarray:
    """Never zero: a column of zeros keeps its unit."""
    squares = np.einsum("ij,ij->" + "ji"[axis], values, values) / values.shape[axis]
    return np.where(squares > 0, np.sqrt(squares), 1.0)


def starting_point(problem: Problem) -> np.ndarray:
    """Coefficients of the plain model, and standard deviations by the method of moments.

    For effect z of group j with r and w the residuals and weights of the plain model, the sum of
    z r has variance sum z^2 w + (sum z^2 w)^2 s^2.
    """
    beta = _plain(problem)
    # sorted rows, so that the first of them are whole groups
    some = slice(0, MOMENT_ROWS)
    residual, weight = problem.rows.link.working(
        problem.offset[some] + problem.x[some] @ beta,
        problem.rows.successes[some],
        problem.rows.trials[some],
    )
    order = problem.engine.order[some]
    theta = []
    for factor in problem.factors:
        for row, column in factor.free:
            held = 0.0
            if row == column:
                z = problem.effects[factor.columns[row], some]
                held = _moment(factor, order, z * residual, z * z * weight)
            theta.append(held)
    return np.concatenate([theta, beta])


def _moment(factor: Factor, order: np.ndarray, pull: np.ndarray, info: np.ndarray) -> float:
    codes = factor.codes if factor.codes.ndim == 1 else factor.codes[:, 0]
    known = codes[order] >= 0
    groups = codes[order][known]
    summed = np.bincount(groups, weights=pull[known])
    held = np.bincount(groups, weights=info[known])
    variance = float((summed**2 - held).sum() / max(float((held**2).sum()), 1e-300))
    return float(np.clip(np.sqrt(max(variance, 0.0)), SMALLEST_START, LARGEST_START))


def _plain(problem: Problem) -> np.ndarray:
    """A few steps of iteratively reweighted least squares, on some rows where there are many."""
    stride = max(1, len(problem.offset) // START_ROWS)
    x, offset = problem.x[::stride], problem.offset[::stride]
    y, m = problem.rows.successes[::stride], problem.rows.trials[::stride]
    link = problem.rows.link
    # weak, so that separated data start somewhere finite
    ridge = np.diag(problem.penalty / stride + 1e-3)
    beta = np.zeros(x.shape[1])
    if link.name != LOGIT.name:
        # a rare outcome lies many of Newton's steps from nought
        share = np.clip(y.sum() / m.sum(), 1e-9, 1 - 1e-9)
        at = np.full(len(y), np.log(-np.log1p(-share))) - offset
        beta = np.linalg.solve(x.T @ x + ridge, x.T @ at)
    for _ in range(6):
        residual, weight = link.working(offset + x @ beta, y, m)
        step = np.linalg.solve(x.T @ (weight[:, None] * x) + ridge, x.T @ residual - ridge @ beta)
        beta = beta + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        if np.abs(step).max(initial=0) < 1e-3:
            break
    return beta
