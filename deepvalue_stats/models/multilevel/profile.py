"""Intervals by profile likelihood: which values would the data not reject, all else free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.multilevel.optimise import (
    DIFFERENCE,
    Objective,
    descend,
    difference_hessian,
)
from deepvalue_stats.models.multilevel.problem import LONGEST_STEP, LONGEST_THETA, Problem
from deepvalue_stats.models.multilevel.random import Factor
from deepvalue_stats.models.multilevel.solve import Solution, positive_inverse

# lengths are in standard errors: how well a constrained fit, and a bound, is known
NEAR = 1e-9
CLOSE = 1e-5
MOST_FITS = 40
# a constrained fit below the maximum by more shows that it was none
BETTER = 1e-5
# standard deviations below this start a constrained fit away from zero, where slopes vanish
LOW, AWAY = 0.05, 0.15
FAR = 6.0  # a first guess of a bound is moved outward by no more than this factor at a time


@dataclass(frozen=True)
class Target:
    """One quantity to profile.

    Attributes
    ----------
    name : str
    places : numpy.ndarray of int
        Its coordinates: one coefficient, or the row of a Lambda whose length is a standard
        deviation.
    scale : float
        What turns the quantity as users read it into scaled units.
    bounded : bool
        Whether it cannot be negative.
    logarithm : bool
        Whether its coordinate is its logarithm.
    """

    name: str
    places: np.ndarray
    scale: float
    bounded: bool
    logarithm: bool = False

    def value(self, point: np.ndarray) -> float:
        """Of the scaled quantity at a point."""
        held = point[self.places]
        return float(np.linalg.norm(held)) if self.bounded else float(held[0])

    def told(self, value: float) -> float:
        """A scaled value as users read it."""
        return float(np.exp(value) if self.logarithm else value) / self.scale


@dataclass(frozen=True)
class Surface:
    """Minus a log-likelihood around its minimum.

    Attributes
    ----------
    objective : callable
        Point to value and gradient.
    point : numpy.ndarray, shape (d,)
    value : float
    hessian : numpy.ndarray, shape (d, d)
    longest : numpy.ndarray, shape (d,)
        No step moves a coordinate by more.
    diagonal : numpy.ndarray of bool, shape (d,)
        Diagonals of Lambdas, which slopes cannot move away from zero.
    targets : tuple of Target
    """

    objective: Objective
    point: np.ndarray
    value: float
    hessian: np.ndarray
    longest: np.ndarray
    diagonal: np.ndarray
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class _Held:
    """The best point with a target held at a value, and the slope there in that value."""

    point: np.ndarray
    value: float
    slope: float
    found: bool


def surface_of(problem: Problem, solution: Solution, terms: tuple[str, ...]) -> Surface:
    """The likelihood of a binomial model around its maximum.

    Parameters
    ----------
    problem : Problem
    solution : Solution
    terms : tuple of str
        Names of the coefficients.
    """
    k, p = problem.n_theta, len(terms)
    hessian = solution.optimum.hessian
    if solution.singular:
        spread = np.full(k + p, 1.0)
        spread[solution.active] = np.maximum(np.diag(hessian), 1.0)
        hessian = difference_hessian(problem, solution.point, DIFFERENCE / np.sqrt(spread))
    coefficients = [
        Target(name, np.array([k + place]), float(problem.x_scale[place]), bounded=False)
        for place, name in enumerate(terms)
    ]
    spreads = deviations(problem.factors, problem.theta_scale)
    return Surface(
        objective=problem,
        point=solution.point,
        value=solution.optimum.value,
        hessian=hessian,
        longest=np.concatenate([np.full(k, LONGEST_THETA), np.full(p, LONGEST_STEP)]),
        diagonal=np.concatenate([on_diagonal(problem.factors), np.zeros(p, dtype=bool)]),
        targets=(*coefficients, *spreads),
    )


def on_diagonal(factors: tuple[Factor, ...]) -> np.ndarray:
    """Which entries of theta are on the diagonal of a Lambda, shape (k,)."""
    return np.array([row == column for f in factors for row, column in f.free])


def deviations(factors: tuple[Factor, ...], theta_scale: np.ndarray) -> Iterator[Target]:
    """The standard deviation of every effect as a target."""
    first = 0
    for factor in factors:
        rows = np.array([row for row, _ in factor.free])
        for effect, name in enumerate(factor.names):
            places = first + np.nonzero(rows == effect)[0]
            scale = float(theta_scale[places[0]])
            yield Target(f"{factor.name} sd {name}", places, scale, bounded=True)
        first += len(rows)


def profile(surface: Surface, terms: Sequence[str] | None, level: float) -> pd.DataFrame:
    """Profile-likelihood intervals.

    Parameters
    ----------
    surface : Surface
    terms : sequence of str, optional
        Names of coefficients and standard deviations; all when left out.
    level : float

    Returns
    -------
    pandas.DataFrame
        By name: estimate, conf_low, conf_high, note. A bound that was not found is not a number,
        and `note` says why.

    Raises
    ------
    ModelError
        If a name is not there, or the level is not between 0 and 1.

    Notes
    -----
    A bound is where twice the fall of the log-likelihood, maximised over all other parameters,
    is the quantile of chi-squared on one degree of freedom. The lower bound of a standard
    deviation is 0 where 0 itself is not rejected.

    References
    ----------
    Venzon and Moolgavkar (1988), Applied Statistics 37; Bates, Maechler, Bolker and Walker (2015),
    Journal of Statistical Software 67, section 5.1.
    """
    if not 0 < level < 1:
        raise ModelError("not between 0 and 1", "level", "0.95 is usual")
    known = {target.name: target for target in surface.targets}
    unknown = [name for name in terms or () if name not in known]
    if unknown:
        raise ModelError(
            f"no parameter {', '.join(unknown)}", "profile_intervals", f"use {', '.join(known)}"
        )
    cutoff = float(ndtri((1 + level) / 2))
    names = list(known) if terms is None else list(terms)
    rows = []
    for target in (known[name] for name in names):
        bounds, notes = [], []
        for side in (-1, 1):
            bound, note = _bound(surface, target, side, cutoff)
            bounds.append(np.nan if np.isnan(bound) else target.told(bound))
            notes += [f"{'lower' if side < 0 else 'upper'} bound: {note}"] if note else []
        rows.append((target.told(target.value(surface.point)), *bounds, "; ".join(notes)))
    columns = ["estimate", "conf_low", "conf_high", "note"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(names, name="name"))


def _bound(surface: Surface, target: Target, side: int, cutoff: float) -> tuple[float, str]:
    """Where the signed root of the likelihood ratio reaches the cutoff; NaN and why not."""
    best = target.value(surface.point)
    inside, outside = best, np.nan
    near = surface.point
    guess = best + side * cutoff * _standard_error(surface, target)
    if target.bounded and side < 0:
        if best == 0:
            return 0.0, ""
        zero = _hold(surface, target, 0.0, near)
        if not zero.found:
            return np.nan, "the fit with a standard deviation of zero was not found"
        if 2 * (zero.value - surface.value) <= cutoff**2:
            return 0.0, ""
        outside = 0.0
        guess = max(guess, best / 10)
    for _ in range(MOST_FITS):
        held = _hold(surface, target, guess, near)
        if not held.found:
            # too far from the last point that was found
            guess = (guess + inside) / 2
            if abs(guess - inside) < CLOSE * abs(best - inside):
                break
            continue
        fall = held.value - surface.value
        if fall < -BETTER:
            return np.nan, "a better fit lies beside the maximum, which therefore is none"
        root = float(np.sqrt(2 * max(fall, 0.0)))
        if abs(root - cutoff) < CLOSE:
            return guess, ""
        near = held.point
        if root < cutoff:
            inside = guess
        else:
            outside = guess
        guess = _next(guess, root, side * held.slope, cutoff, side, best, inside, outside)
        if not np.isfinite(guess) or (inside == outside):
            break
    return np.nan, "the likelihood does not fall far enough, or constrained fits were not found"


def _next(
    guess: float,
    root: float,
    slope: float,
    cutoff: float,
    side: int,
    best: float,
    inside: float,
    outside: float,
) -> float:
    """Newton's step on the root, whose slope is that of the fall over itself; kept in bounds."""
    step = (cutoff - root) * root / slope if slope > 0 else np.nan
    moved = guess + side * step
    if np.isnan(outside):
        furthest = best + side * FAR * max(abs(guess - best), 1e-6)
        if not side * (moved - inside) > 0:
            moved = best + side * 2 * abs(guess - best)
        return float(min(moved, furthest) if side > 0 else max(moved, furthest))
    low, high = min(inside, outside), max(inside, outside)
    return moved if low < moved < high else (low + high) / 2


def _standard_error(surface: Surface, target: Target) -> float:
    along = _direction(surface, target, surface.point)
    inverse = positive_inverse(surface.hessian)
    return float(np.sqrt(along @ inverse[np.ix_(target.places, target.places)] @ along))


def _direction(surface: Surface, target: Target, point: np.ndarray) -> np.ndarray:
    """The unit vector along which a target grows, shape (len(places),)."""
    held = point[target.places]
    length = float(np.linalg.norm(held))
    if not target.bounded:
        return np.ones(1)
    if length > 0:
        return np.asarray(held / length)
    return np.asarray(surface.diagonal[target.places], dtype="float64")


def _hold(surface: Surface, target: Target, value: float, near: np.ndarray) -> _Held:
    """Minimise over everything else, from a point with the target at another value.

    A row of a Lambda is value x (v + B w) / |v + B w|, v its direction at `near` and B across it:
    w is free.
    """
    size, places = len(surface.point), target.places
    others = np.delete(np.arange(size), places)
    n_others = len(others)
    direction = _direction(surface, target, near)
    across = np.linalg.svd(direction[:, None])[0][:, 1:]
    if value == 0 and target.bounded:
        across = across[:, :0]

    def placed(free: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        along = direction + across @ free[n_others:]
        length = float(np.linalg.norm(along))
        full = np.empty(size)
        full[others] = free[:n_others]
        full[places] = value * along / length
        return full, along / length, length

    def objective(free: np.ndarray) -> tuple[float, np.ndarray]:
        full, unit, length = placed(free)
        held, gradient = surface.objective(full)
        turned = gradient[places] - float(gradient[places] @ unit) * unit
        return held, np.concatenate([gradient[others], across.T @ turned * (value / length)])

    spread = np.zeros((size, n_others + across.shape[1]))
    spread[others, np.arange(n_others)] = 1.0
    spread[places, n_others:] = value * across
    inverse = positive_inverse(spread.T @ surface.hessian @ spread)
    moved = np.zeros(size)
    moved[places] = direction * (value - target.value(near))
    shift = -inverse @ (spread.T @ (surface.hessian @ moved))
    longest = np.concatenate([surface.longest[others], np.ones(across.shape[1])])
    start = np.concatenate([near[others], np.zeros(across.shape[1])])
    start += np.clip(shift, -longest, longest)
    low = surface.diagonal[others] & (np.abs(start[:n_others]) < LOW)
    start[:n_others][low] = AWAY
    reached = descend(objective, start, inverse, longest, NEAR)
    left = float(reached.gradient @ reached.inverse @ reached.gradient)
    if not left < NEAR:
        reached = descend(objective, reached.point, inverse, longest, NEAR)
        left = float(reached.gradient @ reached.inverse @ reached.gradient)
    full, unit, _ = placed(reached.point)
    found = bool(np.isfinite(reached.value)) and left < 1e3 * NEAR
    slope = float(surface.objective(full)[1][places] @ unit) if found else np.nan
    return _Held(full, reached.value, slope, found)
