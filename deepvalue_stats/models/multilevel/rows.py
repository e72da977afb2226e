"""What one pass over rows costs: means, weights and the log-likelihood of a link, compiled.

Whether a row is one trial is told by `unit`, True or False, for a logit; None in its place stands
for the complementary log-log, with counts or without. Its type is then another, so that either
link is compiled as if there were no other. What a pass leaves of every row is mu: of a logit the
mean, of a complementary log-log H = exp(eta), minus the logarithm of the chance of a failure.
With l a row's log-likelihood as a function of its predictor,
its first derivative and minus its second and third are, of a logit,
y - m mu, m mu (1 - mu) and m mu (1 - mu) (1 - 2 mu); of a complementary log-log, with
a = H / (exp(H) - 1) and k = 1 - a - H,
y a - (m - y) H, (m - y) H - y a k and (m - y) H - y a (k^2 - a k - H).

Both l are concave. The second has weights that depend on y: they are the observed information.

The exponential is our own because the compiler can then work on several rows at once; it agrees
with the library's to two units in the last place.
"""

from __future__ import annotations

from math import expm1, log, log1p

import numpy as np
from numba import njit

# no flag that lets the compiler assume that a value is finite: NaN has to come through as NaN
FAST = {"contract", "reassoc", "nsz", "arcp"}
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # adding 1.5 x 2^52 leaves the nearest whole number in the low bits
# doubles between an array that is written by rows and whatever lies beside it in memory
_MARGIN = 512
_BLOCK = 512  # 2^512 is still a number, so a product of so many factors of at most 2 is


def apart(n: int, count: int) -> list[np.ndarray]:
    """Arrays of n rows to be written, none of which is close to any other array in memory.

    A compiled loop asks at run time whether what it writes may overlap what it reads, and takes
    neighbours for an overlap: it then sums in another order, and where arrays happen to lie would
    decide the last bits of a fit.
    """
    block = np.empty((count, n + 2 * _MARGIN))
    return [row[_MARGIN : _MARGIN + n] for row in block]


@njit(fastmath={"contract"})
def exp_of_negative(x):  # type: ignore[no-untyped-def]
    """The exponential of x <= 0: range reduction by log 2, then Taylor's series to x^13.

    The order of its sums is what makes it exact, so they may not be reassociated.
    """
    x = max(x, -700.0)
    k = (x * _LOG2_E + _ROUND) - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 1.984126984126984e-04
    p = p * r + 1.388888888888889e-03
    p = p * r + 8.333333333333333e-03
    p = p * r + 4.1666666666666664e-02
    p = p * r + 1.6666666666666666e-01
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    bits = (np.int64(k) + 1023) << 52
    return p * np.int64(bits).view(np.float64)


@njit(fastmath=FAST)
def logistic_rows(mu, y, m, unit, first, last):  # type: ignore[no-untyped-def]
    """Turn linear predictors into means, in place, over rows [first, last).

    Returns the log-likelihood without its constant: the sum of y eta - m log(1 + exp(eta)).
    Where every row is one trial the logarithms are taken of products of many rows.
    """
    total = 0.0
    for start in range(first, last, _BLOCK):
        stop = min(start + _BLOCK, last)
        linear = 0.0
        if unit:
            product = 1.0
            for i in range(start, stop):
                eta = mu[i]
                e = exp_of_negative(-abs(eta))
                grown = 1.0 + e
                product *= grown
                linear += y[i] * eta - max(eta, 0.0)
                mu[i] = (1.0 if eta >= 0.0 else e) / grown
            total += linear - log(product)
        else:
            for i in range(start, stop):
                eta = mu[i]
                e = exp_of_negative(-abs(eta))
                linear += y[i] * eta - m[i] * (max(eta, 0.0) + log1p(e))
                mu[i] = (1.0 if eta >= 0.0 else e) / (1.0 + e)
            total += linear
    return total


# beyond, a failure is impossible in all digits, and squares are still numbers
_STEEPEST = 300.0
# below, the series of k is exact and its sum is not
_SMALL = 0.02


@njit(fastmath=FAST)
def cloglog_rows(mu, y, m, first, last):  # type: ignore[no-untyped-def]
    """Turn linear predictors into H = exp(eta), in place, over rows [first, last).

    Returns the log-likelihood without its constant: the sum of
    y log(1 - exp(-H)) - (m - y) H.
    """
    total = 0.0
    for i in range(first, last):
        if y[i] > 0.0:
            eta = min(mu[i], _STEEPEST)
            here = _exp_of_predictor(eta)
            total += y[i] * (eta + log(-expm1(-here) / here))
    for i in range(first, last):
        here = _exp_of_predictor(min(mu[i], _STEEPEST))
        total -= (m[i] - y[i]) * here
        mu[i] = here
    return total


@njit(fastmath=FAST)
def cloglog_row(eta, y, m):  # type: ignore[no-untyped-def]
    """Of one row, the log-likelihood as `cloglog_rows` has it, and its slope."""
    eta = min(eta, _STEEPEST)
    h = _exp_of_predictor(eta)
    loglik = -(m - y) * h
    slope = loglik
    if y > 0.0:
        loglik += y * (eta + log(-expm1(-h) / h))
        slope += y * _event(h)[0]
    return loglik, slope


@njit(fastmath=FAST)
def _exp_of_predictor(eta):  # type: ignore[no-untyped-def]
    """The exponential of either sign."""
    e = exp_of_negative(-abs(eta))
    return e if eta <= 0.0 else 1.0 / e


@njit(fastmath=FAST)
def link_rows(mu, y, m, unit, first, last):  # type: ignore[no-untyped-def]
    """Turn linear predictors into mu, in place, over rows [first, last); the log-likelihood."""
    if unit is None:
        return cloglog_rows(mu, y, m, first, last)
    return logistic_rows(mu, y, m, unit, first, last)


@njit(fastmath=FAST)
def _event(h):  # type: ignore[no-untyped-def]
    """Of an event, a and k; see the head of the module."""
    # nothing is left of a where its denominator is no number
    a = h / expm1(h) if h < 700.0 else 0.0
    k = 1.0 - a - h if h > _SMALL else -h * (0.5 + h * (1.0 - h * h / 60.0) / 12.0)
    return a, k


@njit(fastmath=FAST)
def pull_of(mu, y, m, unit):  # type: ignore[no-untyped-def]
    """The first derivative of a row's log-likelihood in its predictor."""
    if unit is None:
        pull = -(m - y) * mu
        if y > 0.0:
            pull += y * _event(mu)[0]
        return pull
    return y - m * mu


@njit(fastmath=FAST)
def weight_of(mu, y, m, unit):  # type: ignore[no-untyped-def]
    """Minus the second derivative."""
    if unit is None:
        weight = (m - y) * mu
        if y > 0.0:
            a, k = _event(mu)
            weight -= y * a * k
        return weight
    return m * mu * (1.0 - mu)


@njit(fastmath=FAST)
def skew_of(mu, y, m, unit):  # type: ignore[no-untyped-def]
    """Minus the third derivative."""
    if unit is None:
        skew = (m - y) * mu
        if y > 0.0:
            a, k = _event(mu)
            skew -= y * a * (k * k - a * k - mu)
        return skew
    return m * mu * (1.0 - mu) * (1.0 - 2.0 * mu)


@njit(cache=True)
def weights_of(mu, y, m, unit):  # type: ignore[no-untyped-def]
    """Minus the second derivatives of all rows, shape (n,)."""
    out = np.empty(mu.size)
    for i in range(mu.size):
        out[i] = weight_of(mu[i], y[i], m[i], unit)
    return out
