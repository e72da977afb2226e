"""Minimising a smooth function whose gradient is exact, to the last digits that it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]

# lengths are in standard errors: squared Newton steps as the current curvature measures them
NEAR = 1e-9  # where BFGS hands over to Newton's method with a difference Hessian
DONE = 1e-16  # squared Newton step at which a point is the optimum
STALE = 1e-9  # squared Newton step beyond which the Hessian is computed anew
DIFFERENCE = 1e-3  # half-width of the central differences
ONE_SIDED = 1e-4  # width of one-sided ones
MOST_ITERATIONS = 300
MOST_POLISHES = 12


@dataclass(frozen=True)
class Optimum:
    """Where a search ended.

    Attributes
    ----------
    point, gradient : numpy.ndarray, shape (d,)
    value : float
    hessian : numpy.ndarray, shape (d, d)
        By central differences of the gradient at (or within 3e-5 standard errors of) the point.
    step : float
        Length of the Newton step that is left, in standard errors: how far the exact optimum is.
    evaluations : int
    found : bool
        Whether the point is a minimum to the precision asked for.
    """

    point: np.ndarray
    gradient: np.ndarray
    value: float
    hessian: np.ndarray
    step: float
    evaluations: int
    found: bool


class _Counted:
    """An objective that knows how often it was asked."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.evaluations = 0

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        self.evaluations += 1
        value, gradient = self.objective(point)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return np.inf, gradient
        return value, gradient


def minimise(
    objective: Objective,
    start: np.ndarray,
    inverse: np.ndarray,
    longest: np.ndarray,
    one_sided: bool = False,
) -> Optimum:
    """BFGS with a good first metric, then Newton's method with a difference Hessian.

    Parameters
    ----------
    objective : callable
        Point to value and gradient; a value that is not finite counts as too far.
    start : numpy.ndarray, shape (d,)
    inverse : numpy.ndarray, shape (d, d)
        First guess of the inverse Hessian.
    longest : numpy.ndarray, shape (d,)
        No step moves a coordinate by more.
    one_sided : bool
        Half as many evaluations for the Hessian, whose relative error then is 5e-5 times the
        third derivative in standard errors: for large data, where that is small.

    Returns
    -------
    Optimum

    References
    ----------
    Nocedal and Wright (2006), Numerical Optimization, algorithm 6.1.
    """
    counted = _Counted(objective)
    near = descend(counted, start, inverse, longest)
    return _polish(counted, near, one_sided)


@dataclass(frozen=True)
class Descent:
    """Where BFGS ended, and its last guess of the inverse Hessian."""

    point: np.ndarray
    value: float
    gradient: np.ndarray
    inverse: np.ndarray


def descend(
    objective: Objective,
    point: np.ndarray,
    inverse: np.ndarray,
    longest: np.ndarray,
    near: float = NEAR,
) -> Descent:
    """BFGS until the squared Newton step, as the metric sees it, is shorter than `near`."""
    value, gradient = objective(point)
    if not np.isfinite(value):
        return Descent(point, value, gradient, inverse)
    first = inverse
    fresh = True
    for _ in range(MOST_ITERATIONS):
        step = -inverse @ gradient
        slope = float(gradient @ step)
        if not slope < 0:
            if fresh:
                break
            inverse, fresh = first, True
            continue
        if -slope < near:
            break
        step = step * min(1.0, float(np.min(longest / np.maximum(np.abs(step), 1e-300))))
        moved = _search(objective, point, value, float(gradient @ step), step)
        if moved is None:
            if fresh:
                break
            inverse, fresh = first, True
            continue
        taken, value, after = moved
        change = after - gradient
        point, gradient = point + taken, after
        inverse, fresh = _updated(inverse, taken, change), False
    return Descent(point, value, gradient, inverse)


def _search(
    objective: Objective, point: np.ndarray, value: float, slope: float, step: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """Shorten a step until it pays: by Armijo's rule, or by less slope where values are noise."""
    noise = 1e-12 * (1 + abs(value))
    share = 1.0
    for _ in range(30):
        trial, gradient = objective(point + share * step)
        enough = trial <= value + 1e-4 * share * slope
        if enough or (trial <= value + noise and abs(float(gradient @ step)) <= 0.9 * abs(slope)):
            return share * step, trial, gradient
        if np.isfinite(trial):
            # the parabola through both values and the first slope
            bend = trial - value - share * slope
            share *= float(np.clip(-0.5 * share * slope / bend if bend > 0 else 0.5, 0.1, 0.5))
        else:
            share *= 0.25
    return None


def _updated(inverse: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    curvature = float(step @ change)
    if curvature <= 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(change)):
        return inverse
    held = inverse @ change
    scale = (1 + float(change @ held) / curvature) / curvature
    cross = np.outer(held, step) / curvature
    return np.asarray(inverse + scale * np.outer(step, step) - cross - cross.T)


def difference_hessian(
    objective: Objective,
    point: np.ndarray,
    spans: np.ndarray,
    gradient: np.ndarray | None = None,
) -> np.ndarray:
    """Symmetric Hessian by differences of the gradient over `spans`.

    Central, or one-sided from the `gradient` at the point where that is given.
    """
    size = len(point)
    hessian = np.empty((size, size))
    for k in range(size):
        shift = np.zeros(size)
        shift[k] = spans[k]
        ahead = objective(point + shift)[1]
        if gradient is None:
            hessian[k] = (ahead - objective(point - shift)[1]) / (2 * spans[k])
        else:
            hessian[k] = (ahead - gradient) / spans[k]
    return (hessian + hessian.T) / 2


def _polish(objective: _Counted, near: Descent, one_sided: bool) -> Optimum:
    point, value, gradient = near.point, near.value, near.gradient
    span = ONE_SIDED if one_sided else DIFFERENCE
    spans = span * np.sqrt(np.maximum(np.diag(near.inverse), 1e-300))
    hessian = np.full((len(point),) * 2, np.nan)
    left, found, stale = np.inf, False, True
    for _ in range(MOST_POLISHES if np.isfinite(value) else 0):
        if stale:
            known = gradient if one_sided else None
            hessian = difference_hessian(objective, point, spans, known)
            if not np.isfinite(hessian).all():
                break
            spans = span / np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
        try:
            lower = np.linalg.cholesky(hessian)
        except np.linalg.LinAlgError:
            break
        half = np.linalg.solve(lower, gradient)
        now = float(half @ half)
        stale = now > STALE
        if now < DONE or (now >= left and not stale):
            # below some length only rounding moves the point
            left, found = now, now < NEAR
            break
        step = -np.linalg.solve(lower.T, half)
        trial, after = objective(point + step)
        if not trial <= value + 1e-9 * (1 + abs(value)):
            left, found = now, False
            break
        point, value, gradient, left = point + step, trial, after, now
    else:
        # where a variance near zero leaves the criterion flat, steps stay short and are many
        found = left < NEAR
    return Optimum(
        point=point,
        gradient=gradient,
        value=value,
        hessian=hessian,
        step=float(np.sqrt(left)),
        evaluations=objective.evaluations,
        found=found,
    )
