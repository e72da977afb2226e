"""The linear mixed model: maximum and restricted maximum likelihood from sums by cell.

Coefficients and the residual standard deviation are profiled out. After one pass over the rows
nothing depends on how many there are, so derivatives are differences of the exact criterion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from deepvalue_stats.models.multilevel.engine import Engine
from deepvalue_stats.models.multilevel.gaussian_criterion import (
    Criterion,
    Point,
    Sums,
    refuse_unusable,
    sum_rows,
)
from deepvalue_stats.models.multilevel.lambdas import as_lambdas, as_theta, signs_of, without_zeros
from deepvalue_stats.models.multilevel.optimise import descend
from deepvalue_stats.models.multilevel.random import Factor
from deepvalue_stats.models.multilevel.solve import positive_inverse

# lengths are in standard errors
NEAR = 1e-8  # squared Newton step at which BFGS hands over
FORWARD = 1e-4  # step of its one-sided differences
SPAN = 1e-2  # half-width of the central differences that end the search
FRESH = 1e-4  # Newton step beyond which the Hessian is computed anew
DONE = 1e-8  # Newton step that needs no further one
STALLED = 1e-5  # Newton step that is left alone if it no longer gets shorter
FOUND = 1e-3  # Newton step at which a point counts as the optimum
# Newton's method goes on where rounding keeps BFGS from ending
MOST_ASKED = 60
MOST_POLISHES = 12
MOST_RESTARTS = 4
# entries of Lambda count as zero, on trial, below these parts of what data could tell from zero
ZEROS = (1e-2, 1e-4, 1e-6)
# a difference of half deviances that is worth a search
GAIN = 1e-7
# curvature, in squares of the same unit, below which a zero is no minimum
DOWNHILL = -1e-3


@dataclass(frozen=True)
class LinearSolution:
    """The fit of a linear mixed model, in the units of the columns given.

    Attributes
    ----------
    theta : numpy.ndarray, shape (k,)
        Free entries of every factor's Lambda relative to sigma: a group's effects have covariance
        sigma^2 Lambda Lambda'. Diagonals are not negative, and exactly zero on the boundary.
    params : numpy.ndarray, shape (p,)
    sigma : float
        Residual standard deviation of a row of weight 1.
    loglik : float
        Of the restricted likelihood where `reml`, all constants included.
    vcov : numpy.ndarray, shape (p, p)
        Covariance of the coefficients, given theta and sigma.
    covariance : numpy.ndarray, shape (k + 1, k + 1)
        Covariance of (theta, log sigma), from the Hessian; zero for entries on the boundary.
    slopes : numpy.ndarray, shape (k + 1, p, p)
        Derivatives of `vcov` in (theta, log sigma).
    dof : numpy.ndarray, shape (p,)
        Satterthwaite degrees of freedom of every coefficient.
    active : numpy.ndarray of bool, shape (k,)
        False for entries on the boundary.
    gradient_norm : float
        Length of the Newton step that is left in theta, in standard errors of theta.
    evaluations : int
        Of the criterion.
    reml, singular, converged : bool
        Singular is a variance of zero or a correlation of one.
    """

    theta: np.ndarray
    params: np.ndarray
    sigma: float
    loglik: float
    vcov: np.ndarray
    covariance: np.ndarray
    slopes: np.ndarray
    dof: np.ndarray
    active: np.ndarray
    gradient_norm: float
    evaluations: int
    reml: bool
    singular: bool
    converged: bool


def fit_linear(
    engine: Engine,
    factors: tuple[Factor, ...],
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    reml: bool,
    start: np.ndarray | None = None,
) -> LinearSolution:
    """Fit y = X beta + Z Lambda u sigma + e sigma, u ~ N(0, I), e ~ N(0, 1 / weight).

    Parameters
    ----------
    engine : Engine
        Holds the effect columns; its modes are not touched.
    factors : tuple of Factor
        Of the random design, in its order.
    x : numpy.ndarray, shape (n, p)
        In the engine's order, as are `y` and `weight`; of full column rank.
    y : numpy.ndarray, shape (n,)
        Outcome, less the offset if there is one.
    weight : numpy.ndarray, shape (n,)
        Precisions, up to a factor; above zero.
    reml : bool
        Restricted likelihood.
    start : numpy.ndarray, shape (k,), optional
        Theta; by the method of moments where absent.

    Returns
    -------
    LinearSolution

    Raises
    ------
    ModelError
        If columns of x are linearly dependent, weights are not above zero, there are as many
        random effects of a factor as rows, or the fixed part leaves nothing to explain.

    References
    ----------
    Bates, Maechler, Bolker and Walker (2015), Journal of Statistical Software 67(1), equations
    29-42. Giesbrecht and Burns (1985), Biometrics 41, and Kuznetsova, Brockhoff and Christensen
    (2017), Journal of Statistical Software 82(13), for the degrees of freedom.
    """
    refuse_unusable(factors, x, weight)
    data = sum_rows(engine, factors, x, y, weight, reml)
    criterion = Criterion(data)
    theta = data.start if start is None else np.asarray(start, dtype="float64")
    theta = np.where((theta == 0) & data.diagonal, data.unit, theta)
    for near in ZEROS:
        found = _searched(criterion, theta, near)
        downhill = _way_down(criterion, found)
        if downhill is None:
            break
        theta = downhill
    return _solution(criterion, found, downhill is None)


def satterthwaite(solution: LinearSolution, contrasts: np.ndarray) -> np.ndarray:
    """Degrees of freedom of linear combinations of the coefficients.

    Parameters
    ----------
    solution : LinearSolution
    contrasts : numpy.ndarray, shape (k, p)

    Returns
    -------
    numpy.ndarray, shape (k,)
        2 v^2 / (g'Ag), with v = l'Cov(b)l, g its gradient in the variance parameters and A their
        covariance; NaN for a contrast whose variance is zero.

    References
    ----------
    Giesbrecht and Burns (1985), Biometrics 41.
    """
    held = np.atleast_2d(contrasts)
    variance = np.einsum("ki,ij,kj->k", held, solution.vcov, held)
    gradient = np.einsum("ki,sij,kj->ks", held, solution.slopes, held)
    noise = np.einsum("ks,st,kt->k", gradient, solution.covariance, gradient)
    known = noise > 0
    return np.where(known, 2 * variance**2 / np.where(known, noise, 1.0), np.nan)


@dataclass(frozen=True)
class _Slopes:
    """First derivatives, and second ones along each axis, in the active entries of theta."""

    here: Point
    gradient: np.ndarray
    curvature: np.ndarray
    log_rss: np.ndarray
    inverse: np.ndarray
    sides: np.ndarray


def _slopes(
    criterion: Criterion, theta: np.ndarray, places: np.ndarray, spans: np.ndarray
) -> _Slopes:
    """Central differences of fourth order."""
    here = criterion(theta)
    p = len(criterion.data.plain)
    size = len(places)
    values, log_rss = np.empty((size, 4)), np.empty((size, 4))
    inverse = np.empty((size, p, p))
    first = np.array([1, -8, 8, -1]) / 12
    second = np.array([-1, 16, 16, -1]) / 12
    for k, (place, span) in enumerate(zip(places, spans, strict=True)):
        points = [criterion(_moved(theta, place, step * span)) for step in (-2, -1, 1, 2)]
        values[k] = [point.value - here.value for point in points]
        log_rss[k] = [point.log_rss - here.log_rss for point in points]
        inverse[k] = np.tensordot(first, [point.inverse() for point in points], 1) / span
    return _Slopes(
        here=here,
        gradient=values @ first / spans,
        curvature=values @ second / spans**2,
        log_rss=log_rss @ first / spans,
        inverse=inverse,
        sides=values[:, 1:3],
    )


def _moved(theta: np.ndarray, place: int | np.integer, by: float) -> np.ndarray:
    moved = theta.copy()
    moved[place] += by
    return moved


def _hessian(
    criterion: Criterion,
    theta: np.ndarray,
    places: np.ndarray,
    spans: np.ndarray,
    found: _Slopes,
) -> np.ndarray:
    """Second derivatives, those along the axes being known."""
    hessian = np.diag(found.curvature)
    for a in range(len(places)):
        for b in range(a):
            total = -found.sides[a].sum() - found.sides[b].sum()
            for side in (-1, 1):
                shifted = _moved(theta, places[a], side * spans[a])
                shifted[places[b]] += side * spans[b]
                total += criterion(shifted).value - found.here.value
            hessian[a, b] = hessian[b, a] = total / (2 * spans[a] * spans[b])
    return hessian


def _errors(data: Sums, theta: np.ndarray) -> np.ndarray:
    """Standard errors of theta, about: relative ones where there is much variance."""
    by_groups = np.abs(theta) / np.sqrt(2 * data.groups)
    return np.asarray(np.maximum(by_groups, 0.3 * np.minimum(data.unit, np.abs(theta) + data.unit)))


def _spans(data: Sums, theta: np.ndarray, errors: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Half-widths of central differences: parts of standard errors that can be believed."""
    guess = _errors(data, theta)[places]
    return np.asarray(SPAN * np.clip(errors, 0.01 * guess, 30 * guess))


def _descended(criterion: Criterion, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """BFGS with one-sided differences; returns the point and standard errors, about."""
    data = criterion.data
    places = np.arange(len(theta))
    scale = _errors(data, theta)
    spans = 0.1 * scale
    near = _slopes(criterion, theta, places, spans)
    inverse = positive_inverse(_hessian(criterion, theta, places, spans, near))
    steps = FORWARD * np.minimum(scale, np.sqrt(np.maximum(np.diag(inverse), 0.0)))
    longest = np.maximum(2 * np.abs(theta).max(), 10 * data.unit)
    most = criterion.evaluations + MOST_ASKED * (len(theta) + 1)

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        here = criterion(point) if criterion.evaluations < most else None
        if here is None or not np.isfinite(here.value):
            return np.inf, np.full_like(point, np.nan)
        ahead = [criterion(_moved(point, k, steps[k])).value for k in places]
        return here.value, (np.array(ahead) - here.value) / steps

    ended = descend(objective, theta, inverse, longest, NEAR)
    return ended.point, np.sqrt(np.maximum(np.diag(ended.inverse), 0.0))


@dataclass(frozen=True)
class _Settled:
    """A stationary point: entries that are not active are zero."""

    theta: np.ndarray
    active: np.ndarray
    slopes: _Slopes
    hessian: np.ndarray
    left: float


def _searched(criterion: Criterion, theta: np.ndarray, near: float) -> _Settled:
    """A stationary point; begins anew where the search was cut short."""
    for _ in range(MOST_RESTARTS):
        found = _settle(criterion, *_descended(criterion, theta), near)
        if found.left < FOUND:
            break
        zero = (found.theta == 0) & criterion.data.diagonal
        theta = np.where(zero, criterion.data.unit, found.theta)
    return found


def _settle(criterion: Criterion, theta: np.ndarray, errors: np.ndarray, near: float) -> _Settled:
    """Set what is nearly zero to zero, and end the search over the rest by Newton's method."""
    data = criterion.data
    theta, zero = _canonical(data, theta, near)
    places = np.nonzero(~zero)[0]
    spans = _spans(data, theta, errors[places], places)
    fresh, last = False, np.inf
    for _ in range(MOST_POLISHES):
        slopes = _slopes(criterion, theta, places, spans)
        if not fresh:
            hessian = _hessian(criterion, theta, places, spans, slopes)
            curvature = np.maximum(np.diag(hessian), 1e-300)
            wider = _spans(data, theta, 1 / np.sqrt(curvature), places)
            if (np.abs(np.log(wider / spans)) > np.log(3)).any():
                spans = wider
                slopes = _slopes(criterion, theta, places, spans)
                hessian = _hessian(criterion, theta, places, spans, slopes)
        inverse = positive_inverse(hessian)
        step = -inverse @ slopes.gradient
        left = float(np.sqrt(max(-slopes.gradient @ step, 0.0)))
        noise = 4 * np.finfo(float).eps * (1 + abs(slopes.here.value)) / SPAN
        if left < max(DONE, noise) or (left < STALLED and left > 0.5 * last):
            break
        last, fresh = left, left < FRESH
        share = 1.0
        while share > 1e-4:
            moved = theta.copy()
            moved[places] += share * step
            if criterion(moved).value <= slopes.here.value + 1e-9 * abs(slopes.here.value):
                break
            share *= 0.3
        else:
            break
        theta = moved
    # a last step may have turned a sign
    signs = signs_of(data.factors, theta)
    turn = signs[places]
    slopes = _Slopes(
        slopes.here,
        slopes.gradient * turn,
        slopes.curvature,
        slopes.log_rss * turn,
        slopes.inverse * turn[:, None, None],
        slopes.sides,
    )
    return _Settled(theta * signs, ~zero, slopes, hessian * np.outer(turn, turn), left)


def _canonical(data: Sums, theta: np.ndarray, near: float) -> tuple[np.ndarray, np.ndarray]:
    """Theta with what is nearly zero set to zero, and which of its entries are so held.

    Where a diagonal of Lambda vanishes, the rest of its column moves into later columns, which
    leaves the covariance Lambda Lambda' as it is.
    """
    lambdas, zeros = [], []
    for held, unit in zip(
        as_lambdas(data.factors, theta), as_lambdas(data.factors, data.unit), strict=True
    ):
        scale = np.diag(unit)
        lower, gone = without_zeros((held / scale[:, None]) @ (held / scale[:, None]).T, near)
        lambdas.append(lower * scale[:, None] if gone.any() else held)
        zeros.append(np.broadcast_to(gone, held.shape).astype("float64"))
    return as_theta(data.factors, tuple(lambdas)), as_theta(data.factors, tuple(zeros)) > 0


def _way_down(criterion: Criterion, found: _Settled) -> np.ndarray | None:
    """A better point beside a boundary point that is no minimum; None where it is one.

    The criterion is even in every column of a Lambda, so its gradient at zero says nothing.
    """
    places = np.nonzero(~found.active)[0]
    if not len(places):
        return None
    unit = criterion.data.unit[places]
    spans = 0.02 * unit
    slopes = _slopes(criterion, found.theta, places, spans)
    hessian = _hessian(criterion, found.theta, places, spans, slopes) * np.outer(unit, unit)
    values, vectors = np.linalg.eigh(hessian)
    lengths = (1.0, 0.3, 0.1, 0.03) if values[0] < DOWNHILL else ()
    for length in lengths:
        moved = found.theta.copy()
        moved[places] = length * unit * vectors[:, 0]
        if criterion(moved).value < slopes.here.value:
            return moved
    return _turned_down(criterion, found, slopes.here.value)


def _turned_down(criterion: Criterion, found: _Settled, value: float) -> np.ndarray | None:
    """A better point where a later column of a Lambda stands in the place of one that is zero.

    The covariance is the same, but the zero is now the diagonal of a column that is not: there
    the gradient does say something.
    """
    data = criterion.data
    lambdas = as_lambdas(data.factors, found.theta)
    first = 0
    for f, factor in enumerate(data.factors):
        for place, (row, gone) in enumerate(factor.free, start=first):
            if row != gone or found.active[place]:
                continue
            for later in range(gone + 1, len(factor.columns)):
                if (later, gone) not in factor.free or not lambdas[f][later, later]:
                    continue
                turned = lambdas[f].copy()
                turned[:, gone], turned[:, later] = lambdas[f][:, later], 0.0
                theta = as_theta(data.factors, (*lambdas[:f], turned, *lambdas[f + 1 :]))
                unit = data.unit[place]
                slopes = _slopes(criterion, theta, np.array([place]), np.array([SPAN * unit]))
                newton = -slopes.gradient[0] / max(slopes.curvature[0], 1e-300)
                moved = _moved(theta, place, float(np.clip(newton, -unit, unit)))
                if criterion(moved).value < value - GAIN:
                    return moved
        first += len(factor.free)
    return None


def _solution(criterion: Criterion, found: _Settled, settled: bool) -> LinearSolution:
    data, slopes = criterion.data, found.slopes
    p, k = len(data.plain), len(found.theta)
    here = criterion(found.theta)
    rows = data.free_rows
    variance = float(np.exp(here.log_rss)) * data.length**2 / rows
    moved = solve_triangular(here.root[:p, :p], here.root[p, :p], lower=True, trans="T")
    back = solve_triangular(data.triangle, np.eye(p))
    vcov = variance * back @ here.inverse() @ back.T
    by_theta, inside = np.zeros((k + 1, p, p)), np.nonzero(found.active)[0]
    by_theta[inside] = variance * back @ slopes.inverse @ back.T
    by_theta[k] = 2 * vcov
    held = np.append(inside, k)
    covariance = np.zeros((k + 1, k + 1))
    covariance[np.ix_(held, held)] = _joint(found.hessian, slopes.log_rss / 2, rows)
    loglik = -here.value - 0.5 * (
        data.constant + rows * (1 + 2 * np.log(data.length) - np.log(rows))
    )
    convex = not len(inside) or bool(np.linalg.eigvalsh(found.hessian)[0] > 0)
    solution = LinearSolution(
        theta=found.theta,
        params=back @ (data.plain + data.length * moved),
        sigma=float(np.sqrt(variance)),
        loglik=float(loglik),
        vcov=(vcov + vcov.T) / 2,
        covariance=covariance,
        slopes=by_theta,
        dof=np.empty(p),
        active=found.active,
        gradient_norm=found.left,
        evaluations=criterion.evaluations,
        reml=data.reml,
        singular=not found.active.all(),
        converged=settled and convex and found.left < FOUND,
    )
    solution.dof[:] = satterthwaite(solution, np.eye(p))
    return solution


def _joint(hessian: np.ndarray, drift: np.ndarray, rows: int) -> np.ndarray:
    """Covariance of (theta, log sigma); `hessian` is profiled, `drift` d log sigma / d theta."""
    inverse = positive_inverse(hessian) if len(drift) else np.zeros((0, 0))
    cross = inverse @ drift
    last = float(drift @ cross) + 0.5 / rows
    return np.block([[inverse, cross[:, None]], [cross[None, :], np.array([[last]])]])
