"""From a problem to its optimum: start, search, zeros of the variance found and respected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.multilevel.lambdas import (
    as_lambdas,
    as_theta,
    signs_of,
    without_zeros,
)
from deepvalue_stats.models.multilevel.optimise import Objective, Optimum, minimise
from deepvalue_stats.models.multilevel.problem import (
    LONGEST_STEP,
    LONGEST_THETA,
    Problem,
    starting_point,
)

# a scaled standard deviation below this is looked at as zero
NEAR_ZERO = 1e-3
RESTARTS = 3
# from so many rows on third derivatives are small beside the standard errors
MANY_ROWS = 50_000


@dataclass(frozen=True)
class Solution:
    """The maximum-likelihood fit of a problem, in scaled units.

    Attributes
    ----------
    theta : numpy.ndarray, shape (k,)
        Diagonals of the Lambdas are not negative; exactly zero where a variance is zero.
    beta : numpy.ndarray, shape (p,)
    optimum : Optimum
        Over the active coordinates.
    active : numpy.ndarray of bool, shape (k + p,)
        False for entries of a Lambda that lie on their boundary.
    evaluations : int
    """

    theta: np.ndarray
    beta: np.ndarray
    optimum: Optimum
    active: np.ndarray
    evaluations: int

    @property
    def point(self) -> np.ndarray:
        """Theta and coefficients, shape (k + p,)."""
        return np.concatenate([self.theta, self.beta])

    @property
    def singular(self) -> bool:
        """Whether a variance is zero, or a correlation one."""
        return not self.active.all()

    def covariance(self) -> np.ndarray:
        """Inverse Hessian over all coordinates; zero for those on the boundary."""
        full = np.zeros((len(self.active),) * 2)
        inverse = np.linalg.inv(self.optimum.hessian)
        full[np.ix_(self.active, self.active)] = (inverse + inverse.T) / 2
        return full


def solve(problem: Problem, start: np.ndarray | None = None) -> Solution:
    """Maximise the likelihood.

    The likelihood does not change when a column of a Lambda changes its sign, so zero is a smooth
    stationary point of every standard deviation and no bound is needed: the search starts away
    from zero, ends at zero if that is the maximum, and is tested there.

    Parameters
    ----------
    problem : Problem
    start : numpy.ndarray, shape (k + p,), optional
        Scaled theta and coefficients.
    """
    point = starting_point(problem) if start is None else start.copy()
    evaluations = 0
    for _ in range(RESTARTS):
        found = _search(problem, point, np.ones(len(point), dtype=bool))
        evaluations += found.evaluations
        theta, zero = canonical(problem, found.point[: problem.n_theta])
        if not zero.any() and found.found:
            return _solution(problem, theta, found, ~zero, evaluations)
        active = np.concatenate([~zero, np.ones(len(point) - len(theta), dtype=bool)])
        point = np.concatenate([theta, found.point[len(theta) :]])
        if zero.any():
            found = _search(problem, point, active)
            evaluations += found.evaluations
            point[active] = found.point
        downhill = _way_down(problem, point, zero)
        evaluations += int(zero.sum()) + 1
        if downhill is None:
            theta = point[: problem.n_theta]
            return _solution(problem, theta, found, active[: len(theta)], evaluations)
        point = downhill
    return _solution(problem, point[: problem.n_theta], found, active[: len(theta)], evaluations)


def _solution(
    problem: Problem, theta: np.ndarray, found: Optimum, free: np.ndarray, evaluations: int
) -> Solution:
    """Signs of Lambdas are chosen last; their Hessian's signs follow."""
    signs = signs_of(problem.factors, theta)
    p = problem.x.shape[1]
    active = np.concatenate([free, np.ones(p, dtype=bool)])
    turn = np.concatenate([signs, np.ones(p)])[active]
    optimum = Optimum(
        point=found.point * turn,
        gradient=found.gradient * turn,
        value=found.value,
        hessian=found.hessian * np.outer(turn, turn),
        step=found.step,
        evaluations=evaluations,
        found=found.found,
    )
    return Solution(
        theta * signs, found.point[-p:] if p else np.zeros(0), optimum, active, evaluations
    )


def _search(problem: Problem, point: np.ndarray, active: np.ndarray) -> Optimum:
    """Minimise over the active coordinates, the others held."""
    k = problem.n_theta
    objective = _over(problem, point, active)
    start = point[active]
    longest = np.concatenate([np.full(k, LONGEST_THETA), np.full(len(point) - k, LONGEST_STEP)])
    metric = _metric(problem, objective, point, active)
    many = len(problem.offset) >= MANY_ROWS
    return minimise(objective, start, metric, longest[active], one_sided=many)


def _over(problem: Problem, point: np.ndarray, active: np.ndarray) -> Objective:
    if active.all():
        return problem

    def objective(part: np.ndarray) -> tuple[float, np.ndarray]:
        full = point.copy()
        full[active] = part
        value, gradient = problem(full)
        return value, gradient[active]

    return objective


def _metric(
    problem: Problem, objective: Objective, point: np.ndarray, active: np.ndarray
) -> np.ndarray:
    """A first inverse Hessian: the information of the coefficients, and differences in theta."""
    k = problem.n_theta
    start = point[active]
    n_free = int(active[:k].sum())
    size = len(start)
    hessian = np.eye(size)
    value, gradient = objective(start)
    if not np.isfinite(value):
        return hessian
    information = problem.information(point[:k])
    hessian[n_free:, n_free:] = information
    step = 1e-3
    for place in range(n_free):
        moved = start.copy()
        moved[place] += step
        _, after = objective(moved)
        hessian[place] = (after - gradient) / step
        hessian[n_free:, place] = hessian[place, n_free:]
    hessian[:n_free, :n_free] = (hessian[:n_free, :n_free] + hessian[:n_free, :n_free].T) / 2
    return positive_inverse(hessian)


def positive_inverse(hessian: np.ndarray) -> np.ndarray:
    """The inverse with its eigenvalues made positive and not too small."""
    if not np.isfinite(hessian).all():
        return np.eye(len(hessian))
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-12))
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    values = np.maximum(np.abs(values), 1e-6)
    held = vectors / scale[:, None]
    return np.asarray((held / values) @ held.T)


def canonical(problem: Problem, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Set what is nearly zero to zero; returns theta and which of its entries are so held.

    Where a diagonal of Lambda vanishes, the rest of its column moves into later columns, which
    leaves the covariance Lambda Lambda' as it is.
    """
    lambdas, zero = [], []
    for held in as_lambdas(problem.factors, theta):
        lower, gone = without_zeros(held @ held.T, NEAR_ZERO)
        lambdas.append(lower if gone.any() else held)
        zero.append(np.broadcast_to(gone, held.shape).astype("float64"))
    kept = as_theta(problem.factors, tuple(lambdas))
    return kept, as_theta(problem.factors, tuple(zero)) > 0


def _way_down(problem: Problem, point: np.ndarray, zero: np.ndarray) -> np.ndarray | None:
    """A better point beside a boundary point that is no minimum; None where it is one."""
    if not zero.any():
        return None
    value, _ = problem(point)
    for place in np.nonzero(zero)[0]:
        for step in (0.02, 0.3):
            moved = point.copy()
            moved[place] = step
            if problem(moved)[0] < value - 1e-7 * (1 + abs(value)) * step:
                moved[place] = max(step, 0.1)
                return moved
    return None
