"""The conditional logit: arrays in, a frozen result out.

Notation: stratum i has T_i rows, k_i of them with the outcome; w = exp(x b); e_k(w) is the sum over
all choices of k rows of the product of their odds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.panel.conditional_loops import inclusion, stratum_sums
from deepvalue_stats.tables import read_only

STEPS = 60
# half the squared length of a Newton step, in standard errors, at which the answer stands
SOLVED = 1e-20
# a linear predictor that differs so much within a stratum has no support in any data
RUNAWAY = 30.0
SMALLEST_STEP = 1e-8


@dataclass(frozen=True)
class Strata:
    """Strata in which the outcome varies, ready for the loops.

    Rows are sorted by stratum; where more than half of a stratum's rows have the outcome, outcome
    and covariates change their sign, which leaves the likelihood as it is.

    Attributes
    ----------
    used : numpy.ndarray of int, shape (m,)
        Places of the sorted rows in the data.
    centred : numpy.ndarray, shape (m, p)
        Covariates as distances from their stratum's mean, signs as in the data.
    sign : numpy.ndarray, shape (m,)
        -1 in turned strata, 1 elsewhere.
    response : numpy.ndarray, shape (m,)
        The outcome, turned where its stratum is.
    starts : numpy.ndarray of int, shape (g + 1,)
    chosen : numpy.ndarray of int, shape (g,)
        k of every stratum, at most half of its rows.
    n_strata : int
        With those whose outcome does not vary.
    """

    used: np.ndarray
    centred: np.ndarray
    sign: np.ndarray
    response: np.ndarray
    starts: np.ndarray
    chosen: np.ndarray
    n_strata: int

    def summed(self, rows: np.ndarray) -> np.ndarray:
        """Sums of rows' values over strata, shape (g, ...)."""
        return np.asarray(np.add.reduceat(rows, self.starts[:-1], axis=0))


@dataclass(frozen=True)
class ConditionalLogit:
    """A conditional logit's maximum.

    Attributes
    ----------
    params : numpy.ndarray, shape (p,)
    covariance : numpy.ndarray, shape (p, p)
        Inverse information.
    loglik, null_loglik : float
        At the maximum, and at coefficients of zero.
    stratum_scores : numpy.ndarray, shape (g, p)
        Slope of each stratum's log-likelihood.
    residuals : numpy.ndarray, shape (m,)
        Outcome minus its chance given the stratum's number, of the rows in `Strata.used`.
    steps : int
    gradient : float
        Largest slope of the log-likelihood a stratum, of covariates scaled to unit mean square.
    spread : float
        Largest distance of a row's linear predictor from its stratum's mean.
    solved : bool
    """

    params: np.ndarray
    covariance: np.ndarray
    loglik: float
    null_loglik: float
    stratum_scores: np.ndarray
    residuals: np.ndarray
    steps: int
    gradient: float
    spread: float
    solved: bool


def build_strata(matrix: np.ndarray, response: np.ndarray, groups: np.ndarray) -> Strata:
    """Sort rows by stratum and leave out strata in which the outcome does not vary.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
    response : numpy.ndarray of 0 and 1, shape (n,)
    groups : numpy.ndarray of int from 0, shape (n,)
    """
    n_strata = int(groups.max()) + 1
    size = np.bincount(groups, minlength=n_strata)
    events = np.bincount(groups, weights=response, minlength=n_strata)
    varies = (events > 0) & (events < size)
    kept = np.flatnonzero(varies[groups])
    used = kept[np.argsort(groups[kept], kind="stable")]
    size, events = size[varies], events[varies].astype("int64")
    starts = np.concatenate([[0], np.cumsum(size)])
    turned = 2 * events > size
    sign = np.repeat(np.where(turned, -1.0, 1.0), size)
    rows = matrix[used]
    centred = rows
    if len(size):
        means = np.add.reduceat(rows, starts[:-1], axis=0) / size[:, None]
        centred = rows - np.repeat(means, size, axis=0)
    return Strata(
        used=read_only(used),
        centred=read_only(np.ascontiguousarray(centred)),
        sign=read_only(sign),
        response=read_only(np.where(sign > 0, response[used], 1 - response[used])),
        starts=read_only(starts),
        chosen=read_only(np.where(turned, size - events, events)),
        n_strata=n_strata,
    )


def conditional_logit(strata: Strata) -> ConditionalLogit:
    """Maximise the likelihood of which rows have the outcome, given how many of a stratum do.

    Parameters
    ----------
    strata : Strata
        At least one; covariates linearly independent within strata.

    Returns
    -------
    ConditionalLogit

    Notes
    -----
    log L = sum_i [sum_t y_it x_it b - log e_k(exp(x_i b))], with exact gradient and Hessian;
    Newton's steps, halved where they overshoot. The criterion is concave.

    References
    ----------
    Chamberlain (1980), Review of Economic Studies 47, equations 2.4 to 2.6; Gail, Lubin and
    Rubinstein (1981), Biometrika 68, for the recursion.
    """
    scale = np.sqrt(np.mean(strata.centred**2, axis=0))
    x = strata.centred * (strata.sign[:, None] / scale)
    taken = strata.summed(x * strata.response[:, None])
    b = np.zeros(x.shape[1])
    at = _evaluate(strata, x, taken, b)
    null, steps, solved = at.loglik, 0, False
    while steps < STEPS and not solved:
        steps += 1
        move = _newton(at.information, at.scores.sum(axis=0))
        gain = float(move @ at.scores.sum(axis=0))
        size = 1.0
        tried = _evaluate(strata, x, taken, b + move)
        while not tried.loglik >= at.loglik - 1e-11 * abs(at.loglik) and size > SMALLEST_STEP:
            size /= 2
            tried = _evaluate(strata, x, taken, b + size * move)
        b, at = b + size * move, tried
        solved = gain / 2 < SOLVED * max(1.0, abs(at.loglik))
        if at.spread > RUNAWAY:
            break
    probability = np.empty(len(x))
    inclusion(x @ b, strata.starts, strata.chosen, probability)
    inverse = np.linalg.pinv(at.information, hermitian=True)
    return ConditionalLogit(
        params=read_only(b / scale),
        covariance=read_only(inverse / np.outer(scale, scale)),
        loglik=at.loglik,
        null_loglik=null,
        stratum_scores=read_only(at.scores * scale),
        residuals=read_only(strata.sign * (strata.response - probability)),
        steps=steps,
        gradient=float(np.abs(at.scores.mean(axis=0)).max()),
        spread=at.spread,
        solved=solved,
    )


@dataclass(frozen=True)
class _Point:
    """The criterion at some coefficients of scaled covariates."""

    loglik: float
    scores: np.ndarray
    information: np.ndarray
    spread: float


def _evaluate(strata: Strata, x: np.ndarray, taken: np.ndarray, b: np.ndarray) -> _Point:
    eta = x @ b
    log_total = np.empty(len(strata.chosen))
    means = np.empty((len(strata.chosen), x.shape[1]))
    information = np.empty((x.shape[1], x.shape[1]))
    stratum_sums(x, eta, strata.starts, strata.chosen, log_total, means, information)
    loglik = float(np.sum(taken @ b - log_total))
    return _Point(loglik, taken - means, information, float(np.abs(eta).max()))


def _newton(information: np.ndarray, score: np.ndarray) -> np.ndarray:
    """The step to the top of the parabola; of a flat direction none."""
    return np.asarray(np.linalg.lstsq(information, score, rcond=1e-14)[0])
