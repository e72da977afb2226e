"""Cox's partial likelihood from arrays: Newton's method, score residuals, three rules for ties.

Every event is a term of its own: with m of d tied deaths taken (Efron) the e-th term's sum over
the risk set leaves out the share f_e = m / d of the deaths' weights; f = 0 is Breslow's rule. Sums
over risk sets are reverse cumulative sums over the distinct event times, so that the work grows
with rows, whatever the number of times. Strata are made one sequence of times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MAX_ITERATIONS = 50
# a Newton step this small, of columns with unit spread, is the end
STEP = 1e-9
# the likelihood gains nothing more while the step is still this long: it rises without end
ENDLESS = 1e-3
NO_GAIN = 1e-10
# eigenvalues of the information of columns with unit spread below this, an event, are nothing
SINGULAR = 1e-11


@dataclass(frozen=True)
class RiskSets:
    """Who is at risk at which event, once for a whole fit.

    Attributes
    ----------
    x : numpy.ndarray, shape (n, p)
        Centred columns with unit spread.
    centre, scale : numpy.ndarray, shape (p,)
    first, last : numpy.ndarray of int, shape (n,)
        A row is at risk at event times first to last - 1.
    times : numpy.ndarray, shape (m,)
        Distinct event times, stratum after stratum.
    stratum : numpy.ndarray of int, shape (m,)
        Of each event time.
    died : numpy.ndarray of bool, shape (n,)
    at : numpy.ndarray of int, shape (n,)
        Event time at which a row that died did so; 0 for others, where it means nothing.
    term_time : numpy.ndarray of int, shape (e,)
        Event time of each term.
    fraction : numpy.ndarray, shape (e,)
    """

    x: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    first: np.ndarray
    last: np.ndarray
    times: np.ndarray
    stratum: np.ndarray
    died: np.ndarray
    at: np.ndarray
    term_time: np.ndarray
    fraction: np.ndarray


@dataclass(frozen=True)
class Terms:
    """The terms of the likelihood at some coefficients.

    Attributes
    ----------
    risk : numpy.ndarray, shape (n,)
        exp of the linear predictor.
    log_shift : float
        Subtracted from every linear predictor before exp.
    total : numpy.ndarray, shape (e,)
        Sum of risks of each term.
    mean : numpy.ndarray, shape (e, p)
        Weighted mean of the columns in each term's risk set.
    """

    risk: np.ndarray
    log_shift: float
    total: np.ndarray
    mean: np.ndarray


@dataclass(frozen=True)
class Partial:
    """Log-likelihood, its gradient and minus its second derivative, of the scaled columns."""

    loglik: float
    score: np.ndarray
    information: np.ndarray


@dataclass(frozen=True)
class Maximum:
    """Where Newton's method ended.

    Attributes
    ----------
    params : numpy.ndarray, shape (p,)
        On the columns' own scale.
    covariance : numpy.ndarray, shape (p, p)
        Inverse information.
    loglik, loglik_null : float
    score_test, wald : float
        Chi-squared of all coefficients.
    gradient : float
        Largest element of the score a row, of scaled columns.
    evaluations : int
    status, message : str
    """

    params: np.ndarray
    covariance: np.ndarray
    loglik: float
    loglik_null: float
    score_test: float
    wald: float
    gradient: float
    evaluations: int
    status: str
    message: str


def risk_sets(
    x: np.ndarray,
    entry: np.ndarray,
    exit_: np.ndarray,
    died: np.ndarray,
    stratum: np.ndarray,
    *,
    efron: bool,
) -> RiskSets:
    """Find everybody's first and last event time.

    Parameters
    ----------
    x : numpy.ndarray, shape (n, p)
    entry, exit_ : numpy.ndarray, shape (n,)
    died : numpy.ndarray of bool, shape (n,)
    stratum : numpy.ndarray of int, shape (n,)
        From 0.
    efron : bool
        Otherwise Breslow's rule for ties.
    """
    centre = x.mean(axis=0)
    scale = x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    first, last, at = (np.zeros(len(exit_), dtype="int64") for _ in range(3))
    times, of_stratum, start = [], [], 0
    for one in range(int(stratum.max()) + 1):
        rows = stratum == one
        found = np.unique(exit_[rows & died])
        first[rows] = start + np.searchsorted(found, entry[rows], side="right")
        last[rows] = start + np.searchsorted(found, exit_[rows], side="right")
        times.append(found)
        of_stratum.append(np.full(len(found), one))
        start += len(found)
    at = np.where(died, last - 1, 0)
    deaths = np.bincount(at[died], minlength=start)
    term_time = np.repeat(np.arange(start), deaths)
    order = np.arange(len(term_time)) - np.repeat(np.cumsum(deaths) - deaths, deaths)
    fraction = order / deaths[term_time] if efron else np.zeros(len(term_time))
    return RiskSets(
        x=(x - centre) / scale,
        centre=centre,
        scale=scale,
        first=first,
        last=last,
        times=np.concatenate(times),
        stratum=np.concatenate(of_stratum),
        died=died,
        at=at,
        term_time=term_time,
        fraction=fraction,
    )


def over_risk_sets(sets: RiskSets, values: np.ndarray) -> np.ndarray:
    """Sum of rows' values over each event time's risk set, shape (m, ...)."""
    m = len(sets.times)
    flat = values.reshape(len(values), -1)
    moves = np.zeros((m + 1, flat.shape[1]))
    for column in range(flat.shape[1]):
        gone = np.bincount(sets.last, weights=flat[:, column], minlength=m + 1)
        late = np.bincount(sets.first, weights=flat[:, column], minlength=m + 1)
        # the sum of what lies above, less what has not begun
        moves[:, column] = gone - late
    running = np.cumsum(moves[::-1], axis=0)[::-1]
    return running[1:].reshape(m, *values.shape[1:])


def of_deaths(sets: RiskSets, values: np.ndarray) -> np.ndarray:
    """Sum of rows' values over those who die at each event time, shape (m, ...)."""
    m = len(sets.times)
    flat = values[sets.died].reshape(int(sets.died.sum()), -1)
    where = sets.at[sets.died]
    columns = [np.bincount(where, weights=one, minlength=m) for one in flat.T]
    return np.column_stack(columns).reshape(m, *values.shape[1:])


def terms_at(sets: RiskSets, beta: np.ndarray) -> Terms:
    """Risk sums and weighted means at scaled coefficients."""
    eta = sets.x @ beta
    shift = float(eta.max())
    risk = np.exp(eta - shift)
    weighted = risk[:, None] * sets.x
    place, f = sets.term_time, sets.fraction
    total = over_risk_sets(sets, risk)[place] - f * of_deaths(sets, risk)[place]
    total = np.maximum(total, np.finfo(float).tiny)
    summed = over_risk_sets(sets, weighted)[place] - f[:, None] * of_deaths(sets, weighted)[place]
    return Terms(risk, shift, total, summed / total[:, None])


def exposure_to(sets: RiskSets, terms: Terms, weight: np.ndarray) -> np.ndarray:
    """Each row's sum, over the terms whose risk set it is in, of the terms' weights.

    Parameters
    ----------
    sets, terms
    weight : numpy.ndarray, shape (e, ...)
        Of each term; divided by the term's total here.

    Returns
    -------
    numpy.ndarray, shape (n, ...)
        A row that dies counts 1 - f of the terms at its own time.
    """
    flat = (weight.reshape(len(weight), -1)) / terms.total[:, None]
    m = len(sets.times)
    result = np.zeros((len(sets.first), flat.shape[1]))
    for column in range(flat.shape[1]):
        here = np.bincount(sets.term_time, weights=flat[:, column], minlength=m)
        spared = np.bincount(sets.term_time, weights=flat[:, column] * sets.fraction, minlength=m)
        running = np.r_[0.0, np.cumsum(here)]
        result[:, column] = running[sets.last] - running[sets.first]
        result[:, column] -= np.where(sets.died, spared[sets.at], 0.0)
    return result.reshape(len(sets.first), *weight.shape[1:])


def partial_likelihood(sets: RiskSets, beta: np.ndarray) -> Partial:
    """Efron's or Breslow's likelihood at scaled coefficients."""
    terms = terms_at(sets, beta)
    eta = sets.x[sets.died] @ beta - terms.log_shift
    loglik = float(eta.sum() - np.log(terms.total).sum())
    score = sets.x[sets.died].sum(axis=0) - terms.mean.sum(axis=0)
    return Partial(loglik, score, information_of(sets, terms, np.ones(len(terms.total))))


def information_of(sets: RiskSets, terms: Terms, weight: np.ndarray) -> np.ndarray:
    """Weighted sum over terms of the covariance of the columns in the risk set, shape (p, p)."""
    spent = terms.risk * exposure_to(sets, terms, weight)
    outer = (terms.mean * weight[:, None]).T @ terms.mean
    return np.asarray((sets.x * spent[:, None]).T @ sets.x - outer)


def score_residuals(sets: RiskSets, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row's part of the score (n, p), and its martingale residual (n,), at scaled columns."""
    terms = terms_at(sets, beta)
    spent = exposure_to(sets, terms, np.ones(len(terms.total)))
    drawn = exposure_to(sets, terms, terms.mean)
    deaths = np.bincount(sets.term_time, minlength=len(sets.times))
    means = np.column_stack(
        [
            np.bincount(sets.term_time, weights=one, minlength=len(sets.times)) / deaths
            for one in terms.mean.T
        ]
    )
    own = np.where(sets.died[:, None], sets.x - means[sets.at], 0.0)
    residual = own - terms.risk[:, None] * (sets.x * spent[:, None] - drawn)
    return residual, sets.died - terms.risk * spent


def exact_likelihood(sets: RiskSets, beta: np.ndarray) -> Partial:
    """The likelihood in which tied deaths are any of the sets of their size, nobody entering late.

    Notes
    -----
    Of each event time: exp of the deaths' predictors over the elementary symmetric function of
    order d of everybody at risk, built up from the last time to the first by
    B_k <- B_k + r B_{k-1}, with its derivatives beside it.

    References
    ----------
    Cox (1972), section 6; Gail, Lubin and Rubinstein (1981), Biometrika 68, for the recursion.
    """
    p = sets.x.shape[1]
    eta = sets.x @ beta
    order = np.argsort(-sets.last, kind="stable")
    deaths = np.bincount(sets.term_time, minlength=len(sets.times))
    size = int(deaths.max()) + 1
    loglik, score, information = float(eta[sets.died].sum()), np.zeros(p), np.zeros((p, p))
    score += sets.x[sets.died].sum(axis=0)
    b, g, h = np.zeros(size), np.zeros((size, p)), np.zeros((size, p, p))
    at_row, stratum, shift = 0, -1, 0.0
    for time in range(len(sets.times) - 1, -1, -1):
        if sets.stratum[time] != stratum:
            stratum = int(sets.stratum[time])
            b, g, h = np.zeros(size), np.zeros((size, p)), np.zeros((size, p, p))
            b[0] = 1.0
            shift = float(eta.mean())
        while at_row < len(order) and sets.last[order[at_row]] > time:
            row = order[at_row]
            if sets.first[row] <= time:
                r, x = np.exp(eta[row] - shift), sets.x[row]
                mixed = g[:-1, :, None] * x
                h[1:] += r * (
                    h[:-1] + mixed + mixed.transpose(0, 2, 1) + b[:-1, None, None] * np.outer(x, x)
                )
                g[1:] += r * (g[:-1] + b[:-1, None] * x)
                b[1:] += r * b[:-1]
            at_row += 1
        d = int(deaths[time])
        mean = g[d] / b[d]
        loglik -= float(np.log(b[d]) + d * shift)
        score -= mean
        information += h[d] / b[d] - np.outer(mean, mean)
    return Partial(loglik, score, information)


def maximise(likelihood: Callable[[np.ndarray], Partial], scale: np.ndarray, n: int) -> Maximum:
    """Newton's method with halved steps, from zero.

    Parameters
    ----------
    likelihood : callable
        Of coefficients of columns with unit spread.
    scale : numpy.ndarray, shape (p,)
        By which the columns were divided.
    n : int
        Rows.

    Notes
    -----
    The status is `separated` where the likelihood has stopped rising while the coefficients have
    not stopped moving: some combination of columns orders every event, and no finite maximum is.
    """
    beta = np.zeros(len(scale))
    here = null = likelihood(beta)
    evaluations, status, message = 1, "not_converged", "Newton's method did not end"
    for _ in range(MAX_ITERATIONS):
        step = _solve(here.information, here.score)
        there, halvings = likelihood(beta + step), 0
        evaluations += 1
        while not there.loglik >= here.loglik - 1e-9 * abs(here.loglik) and halvings < 20:
            step, halvings = step / 2, halvings + 1
            there = likelihood(beta + step)
            evaluations += 1
        gain = abs(there.loglik - here.loglik)
        beta, here, size = beta + step, there, float(np.abs(step).max(initial=0))
        if size < STEP:
            status, message = "ok", ""
            break
        if gain < NO_GAIN * max(1.0, abs(here.loglik)) and size > ENDLESS:
            status = "separated"
            message = "some combination of variables orders the events perfectly (separation)"
            break
    return _finished((null, here), beta, (scale, n), evaluations, (status, message))


def _solve(information: np.ndarray, score: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.lstsq(information, score, rcond=1e-14)[0])


def _finished(
    ends: tuple[Partial, Partial],
    beta: np.ndarray,
    rows: tuple[np.ndarray, int],
    evaluations: int,
    verdict: tuple[str, str],
) -> Maximum:
    (null, here), (scale, n) = ends, rows
    inverse = np.linalg.pinv(here.information, hermitian=True)
    return Maximum(
        params=beta / scale,
        covariance=inverse / np.outer(scale, scale),
        loglik=here.loglik,
        loglik_null=null.loglik,
        score_test=float(null.score @ _solve(null.information, null.score)),
        wald=float(beta @ here.information @ beta),
        gradient=float(np.abs(here.score).max(initial=0)) / n,
        evaluations=evaluations,
        status=verdict[0],
        message=verdict[1],
    )


def dependent_at_null(sets: RiskSets) -> np.ndarray:
    """Columns that do not vary within risk sets but for what the others explain, bool (p,)."""
    information = information_of(
        sets, terms_at(sets, np.zeros(sets.x.shape[1])), np.ones(len(sets.term_time))
    )
    values, vectors = np.linalg.eigh(information)
    null = values <= SINGULAR * len(sets.term_time)
    return np.asarray((np.abs(vectors[:, null]) > 1e-6).any(axis=1))
