"""The variance that intervals rest on: restricted by the coefficients that were estimated too.

Maximum likelihood makes the variance between few groups too small, and with it the standard error
of whatever varies between them only. The restricted variance maximises the profile likelihood less
half the log-determinant of the coefficients' information, as if they had been integrated out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.link import LOGIT
from deepvalue_stats.models.multilevel.lambdas import as_lambdas, as_theta
from deepvalue_stats.models.multilevel.optimise import (
    DIFFERENCE,
    ONE_SIDED,
    descend,
    difference_hessian,
)
from deepvalue_stats.models.multilevel.problem import LONGEST_THETA, Problem
from deepvalue_stats.models.multilevel.solve import Solution, canonical, positive_inverse

ENOUGH = 1e-4  # squared step in theta, in standard errors
# a first step so short is the move itself, and the Hessian at the maximum is corrected to first
# order instead of computed anew: what both miss is of higher order
SHORT = 1e-2
ALMOST = 1e-9  # squared step in the coefficients, in standard errors
# conditional coefficients are marginal ones times sqrt(1 + SHRINKAGE x variance), nearly
SHRINKAGE = (16 * np.sqrt(3) / (15 * np.pi)) ** 2
# but a complementary log-log of rare events is a logarithm, whose coefficients are marginal ones
UNSHRUNK = 0.0
# where the search for a variance that was zero starts
AWAY = 0.3


@dataclass(frozen=True)
class Restricted:
    """The restricted variance, and the covariance of all estimates at it, in scaled units.

    Attributes
    ----------
    theta : numpy.ndarray, shape (k,)
    covariance : numpy.ndarray, shape (k + p, k + p)
        Of theta and coefficients.
    found : bool
        False where the search failed; theta and covariance are then not a number.
    """

    theta: np.ndarray
    covariance: np.ndarray
    found: bool


class _Profile:
    """Minus the restricted profile log-likelihood of theta, with its gradient."""

    def __init__(self, problem: Problem, solution: Solution) -> None:
        self.problem = problem
        k = problem.n_theta
        hessian = np.eye(len(solution.active))
        at = np.ix_(solution.active, solution.active)
        hessian[at] = solution.optimum.hessian
        self.inverse = np.linalg.inv(hessian[k:, k:])
        self.turn = -self.inverse @ hessian[k:, :k]
        self.spans = DIFFERENCE / np.sqrt(np.maximum(np.diag(hessian)[:k], 1.0))
        self.last = solution.theta, solution.beta
        self.information = self.inverse
        self.moments = _moments(problem)
        self.shrinkage = SHRINKAGE if problem.rows.link.name == LOGIT.name else UNSHRUNK

    def coefficients(self, theta: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """The best coefficients given theta, the value there, and the gradient in theta."""
        k = len(theta)
        before, beta = self.last
        beta = beta + self.turn @ (theta - before)
        for _ in range(20):
            value, gradient = self.problem(np.concatenate([theta, beta]))
            if not np.isfinite(value):
                break
            step = -self.inverse @ gradient[k:]
            if -float(step @ gradient[k:]) < ALMOST:
                break
            beta = beta + step
        self.last = theta, beta
        return beta, value, gradient[:k]

    def logdet(self, theta: np.ndarray, beta: np.ndarray) -> float:
        """Log det of the coefficients' information at the modes for theta and beta."""
        value, _ = self.problem(np.concatenate([theta, beta]))
        if not np.isfinite(value):
            return np.nan
        return float(np.linalg.slogdet(self.problem.information(theta))[1])

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        beta, value, slope = self.coefficients(theta)
        if not np.isfinite(value):
            return np.inf, np.full_like(theta, np.nan)
        self.information = self.problem.information(theta)
        logdet = float(np.linalg.slogdet(self.information)[1])
        gradient = slope.copy()
        for place, span in enumerate(self.spans):
            shift = np.zeros_like(theta)
            shift[place] = span
            # one-sided: what that misses is nothing beside how well theta is known
            ahead = self.logdet(theta + shift, beta + self.turn @ shift)
            gradient[place] += (ahead - logdet) / (2 * span)
        growth, slopes = self.growth(theta)
        return value + 0.5 * (logdet + growth), gradient + 0.5 * slopes

    def growth(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Twice the log of the growth of all coefficients with the variance, and its slopes."""
        lambdas = as_lambdas(self.problem.factors, theta)
        held = [m @ values for m, values in zip(self.moments, lambdas, strict=True)]
        variance = sum(float((h * values).sum()) for h, values in zip(held, lambdas, strict=True))
        p = self.problem.x.shape[1]
        slopes = as_theta(self.problem.factors, tuple(2 * self.shrinkage * h for h in held))
        total = 1 + self.shrinkage * variance
        return p * float(np.log(total)), p * slopes / total


def _moments(problem: Problem) -> list[np.ndarray]:
    """Of each factor, Z'Z / n with squared shares: a row's mean random variance is tr(L'ML)."""
    order = problem.engine.order
    held = []
    for factor in problem.factors:
        z = problem.effects[list(factor.columns)]
        weight = np.ones(len(order)) if factor.shares is None else (factor.shares**2).sum(axis=1)
        held.append((z * weight[order]) @ z.T / len(order))
    return held


def restrict(problem: Problem, solution: Solution) -> Restricted:
    """Find the restricted variance and the covariance of the estimates there.

    Parameters
    ----------
    problem : Problem
    solution : Solution
        Its maximum-likelihood fit, found.

    Notes
    -----
    The criterion is the adjusted profile likelihood of Cox and Reid for the coefficients' marginal
    counterparts, b / sqrt(1 + .346 v) with v the mean random variance of a row (Zeger, Liang and
    Albert 1988): conditional coefficients grow with the variance, so that without this step a
    large variance would be pushed up. Of a complementary log-log that step is left out: of rare
    events it is a logarithm, and coefficients do not grow with the variance. The information is
    that of the linearised model, X'WX less what the random effects explain (Breslow and Clayton
    1993, section 2.3). The covariance returned is the inverse of the full Hessian of minus the
    log-likelihood at the restricted variance.

    References
    ----------
    Patterson and Thompson (1971), Biometrika 58; Cox and Reid (1987), Journal of the Royal
    Statistical Society B 49; Liao and Lipsitz (2002), Biometrika 89, for the logistic case.
    """
    k = problem.n_theta
    profile = _Profile(problem, solution)
    free = solution.active[:k]
    hessian = np.eye(len(solution.active))
    hessian[np.ix_(solution.active, solution.active)] = solution.optimum.hessian
    inner = hessian[:k, :k] + hessian[:k, k:] @ profile.turn
    start = np.where(free | _off_diagonal(problem), solution.theta, AWAY)
    groups = np.array([len(f.levels) for f in problem.factors for _ in f.free])
    inner[~free] = 0
    inner[:, ~free] = 0
    inner[~free, ~free] = 2.0 * groups[~free]
    metric = positive_inverse(inner)
    if free.all():
        _, gradient = profile(start)
        known, step = profile.information, -metric @ gradient
        moved = start + step
        if -float(step @ gradient) < SHORT and np.isfinite(
            profile.logdet(moved, solution.beta + profile.turn @ step)
        ):
            corrected = solution.optimum.hessian.copy()
            corrected[k:, k:] += problem.information(moved) - known
            return Restricted(moved, positive_inverse(corrected), found=True)
    found = descend(profile, start, metric, np.full(k, LONGEST_THETA), near=ENOUGH)
    theta, zero = canonical(problem, found.point)
    beta, value, _ = profile.coefficients(theta)
    if not np.isfinite(found.value + value):
        # no interval is better than one on another variance than the fit says
        nothing = np.full((len(solution.active),) * 2, np.nan)
        return Restricted(np.full_like(theta, np.nan), nothing, found=False)
    active = np.concatenate([~zero, np.ones(len(beta), dtype=bool)])
    covariance = np.zeros((len(active),) * 2)
    covariance[np.ix_(active, active)] = positive_inverse(
        _hessian(problem, np.concatenate([theta, beta]), active, hessian)
    )
    return Restricted(theta, covariance, found=True)


def _hessian(
    problem: Problem, point: np.ndarray, active: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """Of minus the log-likelihood over the active coordinates, away from its maximum too."""

    def objective(part: np.ndarray) -> tuple[float, np.ndarray]:
        full = point.copy()
        full[active] = part
        value, gradient = problem(full)
        return value, gradient[active]

    spans = ONE_SIDED / np.sqrt(np.maximum(np.diag(near)[active], 1.0))
    return difference_hessian(objective, point[active], spans, objective(point[active])[1])


def _off_diagonal(problem: Problem) -> np.ndarray:
    return np.array([row != column for f in problem.factors for row, column in f.free])
