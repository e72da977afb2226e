"""What one pass over rows costs: the logistic mean, its weight and the log-likelihood, compiled.

The exponential is our own because the compiler can then work on several rows at once; it agrees
with the library's to two units in the last place.
"""

from __future__ import annotations

from math import log, log1p

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
