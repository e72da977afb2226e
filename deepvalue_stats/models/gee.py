"""Generalised estimating equations of a logit, from arrays to a frozen result.

Everything is vectorised over groups of unequal size. Rows are *whitened*: multiplied within their
group by a root W of the inverse working correlation, W'W = R^-1, so that sums over groups become
sums over rows. Exchangeable: W = (1 - a)^-1/2 (I - (1 - k) 1 1'/n), k^2 = (1 - a)/(1 + (n - 1) a).
AR(1): each row less r times the one before it, over (1 - r^2)^1/2, with r = a^gap.

The correlation is a moment of the Pearson residuals r. Exchangeable, `moments="gee"`:
(sum of r_i r_j over pairs within groups / (pairs - p)) / (sum of r^2 / (n - p)), as the R package
gee and statsmodels have it; `moments="geepack"`: the same without the p. AR(1), as geepack: least
squares of r_i r_j / phi on a^|t_i - t_j| over *all* pairs within groups, phi = sum of r^2 / n. (gee
and statsmodels take other moments for AR(1), and differ from geepack in the third digit.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepvalue_stats.models.link import LOGIT
from deepvalue_stats.tables import read_only

Correlation = Literal["exchangeable", "independence", "ar1"]
Moments = Literal["gee", "geepack"]
# scoring has settled when no coefficient, of columns of unit mean square, moves by more
SETTLED = 1e-11
ITERATIONS = 200
# steps for the correlation of AR(1)
NEWTON = 30
# how near to 1 a correlation comes; and what it leaves, at least, of the variance of the sum of the
# largest group: with less that group alone would decide, and scoring runs in circles
MARGIN, SUM_LEFT = 1e-3, 0.2
# scoring that has not settled by then moves the correlation half the way only
DAMPED = 20
# scoring gives up where some outcome is predicted beyond this: the data are separated
HOPELESS = 50.0
# a step that moves a linear predictor by more is shortened
LONGEST = 8.0


@dataclass(frozen=True)
class GeeSolution:
    """What solves the estimating equations.

    Attributes
    ----------
    params : numpy.ndarray, shape (p,)
    covariance : numpy.ndarray, shape (p, p)
        H^-1 (sum_j s_j s_j') H^-1, without small-sample correction.
    slopes : numpy.ndarray, shape (n,)
        Rows' shares of the estimating function: it is matrix' slopes.
    alpha, phi : float
        Working correlation and scale.
    held : bool
        Whether alpha was held at the edge of where its matrix is positive definite.
    qic : float
        Pan's criterion, with the quasi-likelihood and the information of independence at `params`.
    iterations : int
        Scoring steps.
    """

    params: np.ndarray
    covariance: np.ndarray
    slopes: np.ndarray
    alpha: float
    phi: float
    held: bool
    qic: float
    iterations: int


@dataclass(frozen=True)
class Groups:
    """Rows sorted by group and time.

    Attributes
    ----------
    order : numpy.ndarray of int, shape (n,)
        Where each sorted row was.
    start, size : numpy.ndarray of int, shape (J,)
    gap : numpy.ndarray, shape (n,)
        Time since the row before in the same group, 0 in first rows.
    time : numpy.ndarray of int, shape (n,)
        Since the first row of the group. Both in steps of the largest whole number that goes into
        all gaps.
    """

    order: np.ndarray
    start: np.ndarray
    size: np.ndarray
    gap: np.ndarray
    time: np.ndarray


def sorted_groups(labels: np.ndarray, time: np.ndarray | None = None) -> Groups:
    """Sort rows by group and, within a group, by time (by position where there is none).

    Parameters
    ----------
    labels : numpy.ndarray of int, shape (n,)
    time : numpy.ndarray of int, shape (n,), optional
        Different within a group.
    """
    order = np.argsort(labels, kind="stable") if time is None else np.lexsort((time, labels))
    whose = labels[order]
    first = np.concatenate([[True], whose[1:] != whose[:-1]])
    start = np.flatnonzero(first)
    size = np.diff(np.append(start, len(labels)))
    if time is None:
        time = np.arange(len(labels)) - np.repeat(start, size)
    else:
        time = np.asarray(time)[order].astype("int64")
    gap = np.where(first, 0, np.diff(time, prepend=0))
    # waves every second year are steps of one: half a step says nothing of the sign of alpha
    step = max(int(np.gcd.reduce(gap)), 1)
    since = time - np.repeat(time[start], size)
    return Groups(order, start, size, (gap // step).astype("float64"), since // step)


def gee_logit(
    matrix: np.ndarray,
    response: np.ndarray,
    labels: np.ndarray,
    *,
    correlation: Correlation = "exchangeable",
    time: np.ndarray | None = None,
    moments: Moments = "gee",
) -> GeeSolution:
    """Solve the estimating equations of a logit.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
        Of full column rank.
    response : numpy.ndarray, shape (n,)
        0 or 1.
    labels : numpy.ndarray of int, shape (n,)
        The group of each row.
    correlation : str
    time : numpy.ndarray of int, shape (n,), optional
        For AR(1): rows of a group at times s and t correlate by alpha^|s - t|, so that a wave
        left out counts as time gone by (geepack with `waves`); alpha is that of rows one step of
        the largest common gap apart. Without it rows follow each other
        by their position, and a gap is not seen (geepack without).
    moments : str
        Which moments give an exchangeable correlation; see the module.

    Returns
    -------
    GeeSolution
        With whatever was reached last where scoring did not settle.

    Notes
    -----
    Fisher scoring for beta, with alpha from its moments after each step, from the solution under
    independence: sum_j D_j' V_j^-1 (y_j - mu_j) = 0, V_j = A_j^1/2 R(alpha) A_j^1/2.

    References
    ----------
    Liang and Zeger (1986), Biometrika 73, equations 6 and 7; Pan (2001), Biometrics 57, for QIC;
    Yan and Fine (2004), Statistics in Medicine 23, for the moments of geepack.
    """
    groups = sorted_groups(labels, time if correlation == "ar1" else None)
    scale = np.sqrt(np.mean(matrix**2, axis=0))
    columns, outcome = (matrix / scale)[groups.order], response[groups.order]
    moment = _moments(groups, correlation, moments, matrix.shape[1])
    work, iterations = _scored(groups, columns, outcome, correlation, moment)
    scores = _group_sums(work.columns * work.residual[:, None], groups)
    bread = np.linalg.pinv(work.columns.T @ work.columns, hermitian=True)
    covariance = bread @ (scores.T @ scores) @ bread
    slopes = np.empty(len(response))
    slopes[groups.order] = work.spread * _unwhiten(groups, work.alpha, work.residual, correlation)
    plain = columns * work.spread[:, None]
    return GeeSolution(
        params=read_only(work.params / scale),
        covariance=read_only(covariance / np.outer(scale, scale)),
        slopes=read_only(slopes),
        alpha=work.alpha,
        phi=work.phi,
        held=work.held,
        qic=2 * work.deviance + 2 * float(np.sum((plain.T @ plain) * covariance)),
        iterations=iterations,
    )


def whitened(
    matrix: np.ndarray,
    response: np.ndarray,
    labels: np.ndarray,
    params: np.ndarray,
    *,
    alpha: float = 0.0,
    correlation: Correlation = "independence",
    time: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Columns and residuals by which the logit is a linear model without correlation.

    Parameters
    ----------
    matrix, response, labels, correlation, time
        As of `gee_logit`.
    params : numpy.ndarray, shape (p,)
    alpha : float

    Returns
    -------
    tuple of numpy.ndarray
        W A^1/2 X, shape (n, p), and W A^-1/2 (y - mu), shape (n,), in the order of the rows.
    """
    groups = sorted_groups(labels, time if correlation == "ar1" else None)
    work = _whitened_at(
        groups, matrix[groups.order], response[groups.order], params, alpha, correlation
    )
    columns, residual = np.empty(matrix.shape), np.empty(len(response))
    columns[groups.order], residual[groups.order] = work.columns, work.residual
    return columns, residual


@dataclass(frozen=True)
class _Work:
    """The whitened problem at given coefficients."""

    params: np.ndarray
    columns: np.ndarray
    residual: np.ndarray
    spread: np.ndarray
    deviance: float
    alpha: float
    phi: float
    held: bool


_Moment = Callable[[np.ndarray, float], tuple[float, float, bool]]


def _scored(
    groups: Groups,
    columns: np.ndarray,
    outcome: np.ndarray,
    correlation: Correlation,
    moment: _Moment,
) -> tuple[_Work, int]:
    """Scoring until nothing moves: first under independence, roughly, then with the correlation."""
    params, alpha, iterations = np.zeros(columns.shape[1]), 0.0, 0
    phi, held, roughly = 1.0, False, correlation != "independence"
    while True:
        now: Correlation = "independence" if roughly else correlation
        work = _whitened_at(groups, columns, outcome, params, alpha, now, (phi, held))
        if iterations == ITERATIONS or np.abs(columns @ params).max() > HOPELESS:
            return work, iterations
        step = _step(work, columns)
        params, iterations = params + step, iterations + 1
        moved, before = float(np.abs(step).max(initial=0.0)), alpha
        if roughly and moved > 1e-2:
            continue
        roughly = False
        if correlation != "independence" or moved <= SETTLED:
            alpha, phi, held = moment(_pearson(columns, outcome, params)[0], alpha)
            alpha = (alpha + before) / 2 if iterations > DAMPED else alpha
        if max(moved, abs(alpha - before)) <= SETTLED:
            last = _whitened_at(groups, columns, outcome, params, alpha, correlation, (phi, held))
            return last, iterations


def _pearson(
    columns: np.ndarray, outcome: np.ndarray, params: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pearson residuals, the standard deviations of the outcome, and the linear predictor."""
    eta = columns @ params
    mean, variance = LOGIT.derivatives(eta, 1)
    spread = np.sqrt(variance)
    return (outcome - mean) / np.where(spread > 0, spread, 1), spread, eta


def _whitened_at(
    groups: Groups,
    columns: np.ndarray,
    outcome: np.ndarray,
    params: np.ndarray,
    alpha: float,
    correlation: Correlation,
    told: tuple[float, bool] = (1.0, False),
) -> _Work:
    residual, spread, eta = _pearson(columns, outcome, params)
    both = np.column_stack([columns * spread[:, None], residual])
    both = _whiten(groups, alpha, both, correlation)
    deviance = float(np.logaddexp(0.0, np.where(outcome > 0, -eta, eta)).sum())
    return _Work(params, both[:, :-1], both[:, -1], spread, deviance, alpha, *told)


def _step(work: _Work, columns: np.ndarray) -> np.ndarray:
    """A scoring step, shortened where it would fly off; none where nothing is left to move."""
    information = work.columns.T @ work.columns
    step = np.linalg.lstsq(information, work.columns.T @ work.residual, rcond=1e-14)[0]
    longest = float(np.abs(columns @ step).max())
    return np.asarray(step * min(1.0, LONGEST / max(longest, LONGEST)))


def _whiten(groups: Groups, alpha: float, rows: np.ndarray, correlation: Correlation) -> np.ndarray:
    """Multiply sorted rows, shape (n, k), by W."""
    if correlation == "independence" or alpha == 0:
        return rows
    if correlation == "exchangeable":
        means = _group_sums(rows, groups) * (_shrink(groups.size, alpha) / groups.size)[:, None]
        return np.asarray((rows - np.repeat(means, groups.size, axis=0)) / np.sqrt(1 - alpha))
    towards, width = _towards(groups, alpha)
    out = rows.copy()
    out[1:] -= towards[1:, None] * rows[:-1]
    return np.asarray(out / width[:, None])


def _unwhiten(
    groups: Groups, alpha: float, white: np.ndarray, correlation: Correlation
) -> np.ndarray:
    """W' times whitened rows, shape (n,)."""
    if correlation != "ar1" or alpha == 0:
        return _whiten(groups, alpha, white[:, None], correlation)[:, 0]
    towards, width = _towards(groups, alpha)
    out = white / width
    out[:-1] -= towards[1:] * white[1:] / width[1:]
    return np.asarray(out)


def _shrink(size: np.ndarray, alpha: float) -> np.ndarray:
    return np.asarray(1 - np.sqrt((1 - alpha) / (1 + (size - 1) * alpha)))


def _towards(groups: Groups, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Correlation with the row before (0 in first rows), and what is left beside it."""
    towards = np.where(groups.gap > 0, np.power(alpha, groups.gap), 0.0)
    return towards, np.sqrt(1 - towards**2)


def _group_sums(rows: np.ndarray, groups: Groups) -> np.ndarray:
    """Sums of sorted rows by group, shape (J, k)."""
    if (groups.size == groups.size[0]).all():
        return np.asarray(rows.reshape(len(groups.size), groups.size[0], -1).sum(axis=1))
    return np.asarray(np.add.reduceat(rows, groups.start, axis=0))


def _moments(groups: Groups, correlation: Correlation, moments: Moments, p: int) -> _Moment:
    """What makes alpha, phi and whether alpha was held, from residuals and the last alpha."""
    if correlation == "exchangeable":
        return _exchangeable_moments(groups, p if moments == "gee" else 0)
    if correlation == "ar1":
        return _ar1_moments(groups)
    return lambda residual, _: (0.0, float(residual @ residual) / len(residual), False)


def _exchangeable_moments(groups: Groups, less: int) -> _Moment:
    pairs = float((groups.size * (groups.size - 1)).sum()) / 2
    n, largest = int(groups.size.sum()), int(groups.size.max())
    lowest = (SUM_LEFT - 1) / max(largest - 1, 1)

    def moment(residual: np.ndarray, _: float) -> tuple[float, float, bool]:
        squares = float(residual @ residual)
        if pairs <= less or n <= less:
            return 0.0, squares / n, False
        phi = squares / (n - less)
        sums = _group_sums(residual[:, None], groups)[:, 0]
        alpha, held = _held((float(sums @ sums) - squares) / 2 / (pairs - less) / phi, lowest)
        return alpha, phi, held

    return moment


def _ar1_moments(groups: Groups) -> _Moment:
    whose = np.repeat(np.arange(len(groups.size)), groups.size)
    span = int(np.ptp(groups.time)) + 1
    counts = _by_lag(groups, whose, span, np.ones(len(whose)))
    lags = np.flatnonzero(counts)
    pairs = counts[lags]

    def moment(residual: np.ndarray, last: float) -> tuple[float, float, bool]:
        phi = float(residual @ residual) / len(residual)
        if len(lags) == 0:
            return 0.0, phi, False
        products = _by_lag(groups, whose, span, residual)[lags] / phi
        nearest = float(products[0] / pairs[0])
        # where no two rows are one step apart, the equation is flat at zero
        start = last or float(np.sign(nearest) * np.abs(nearest) ** (1 / lags[0]))
        alpha, held = _least_squares(lags, pairs, products, start)
        return alpha, phi, held

    return moment


def _least_squares(
    lags: np.ndarray, pairs: np.ndarray, products: np.ndarray, alpha: float
) -> tuple[float, bool]:
    """Gauss and Newton's alpha for which alpha^lag fits products of pairs, and whether held."""
    held = False
    for _ in range(NEWTON):
        slope = lags * np.power(alpha, lags - 1.0)
        bottom = float((pairs * slope) @ slope)
        if bottom == 0:
            return 0.0, False
        step = float(slope @ (products - pairs * np.power(alpha, lags))) / bottom
        before, (alpha, held) = alpha, _held(alpha + step, MARGIN - 1)
        if abs(alpha - before) <= SETTLED / 10:
            break
    return alpha, held


def _by_lag(groups: Groups, whose: np.ndarray, span: int, values: np.ndarray) -> np.ndarray:
    """Sums over pairs of rows of a group of the products of values, by difference in time."""
    sums = np.zeros(span)
    for apart in range(1, int(groups.size.max())):
        same = np.flatnonzero(whose[apart:] == whose[:-apart])
        lag = groups.time[same + apart] - groups.time[same]
        sums += np.bincount(lag, weights=values[same + apart] * values[same], minlength=span)
    return sums


def _held(alpha: float, lowest: float) -> tuple[float, bool]:
    """Alpha, kept where the correlation matrix is well and positive definite."""
    if not np.isfinite(alpha):
        return 0.0, True
    held = float(np.clip(alpha, lowest, 1 - MARGIN))
    return held, held != alpha
