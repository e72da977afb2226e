"""Compiled loops over strata for the conditional logit.

With e_r the elementary symmetric function of order r of the odds w of a stratum's rows, the loops
keep the ratios q_r = e_r / e_(r-1), which stay within the range of sums of odds where e_r itself
overflows, and the mean m_r and covariance C_r of the summed covariates of a draw of r rows. A
further row of odds w and covariates x is in such a draw with probability a = w / (q_r + w), so that
m_r and C_r are mixtures of those without and with it: sums of what is positive, without cancelling.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# the smallest odds, relative to the stratum's largest, that still count
FAINTEST = 1e-300


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def stratum_sums(
    x: np.ndarray,
    eta: np.ndarray,
    starts: np.ndarray,
    chosen: np.ndarray,
    log_total: np.ndarray,
    means: np.ndarray,
    information: np.ndarray,
) -> None:
    """Fill log e_k (g,) and m_k (g, p) of every stratum, and the sum of C_k over strata (p, p)."""
    p = x.shape[1]
    largest = chosen.max()
    q = np.zeros(largest + 1)
    m = np.zeros((largest + 1, p))
    c = np.zeros((largest + 1, p, p))
    d = np.zeros(p)
    information[:] = 0.0
    for g in range(len(chosen)):
        k = chosen[g]
        first, last = starts[g], starts[g + 1]
        top = eta[first:last].max()
        q[:] = 0.0
        for row in range(first, last):
            w = max(np.exp(eta[row] - top), FAINTEST)
            for r in range(min(row - first + 1, k), 0, -1):
                a = w / (q[r] + w)
                b = 1.0 - a
                for i in range(p):
                    d[i] = m[r - 1, i] + x[row, i] - m[r, i]
                for i in range(p):
                    spread = a * b * d[i]
                    for j in range(i + 1):
                        c[r, i, j] = b * c[r, i, j] + a * c[r - 1, i, j] + spread * d[j]
                for i in range(p):
                    m[r, i] += a * d[i]
                if r > 1:
                    q[r] = (q[r] + w) * (q[r - 1] / (q[r - 1] + w))
                else:
                    q[1] += w
        total = k * top
        for r in range(1, k + 1):
            total += np.log(q[r])
        log_total[g] = total
        for i in range(p):
            means[g, i] = m[k, i]
            for j in range(i + 1):
                information[i, j] += c[k, i, j]
    for i in range(p):
        for j in range(i):
            information[j, i] = information[i, j]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def inclusion(
    eta: np.ndarray, starts: np.ndarray, chosen: np.ndarray, probability: np.ndarray
) -> None:
    """Fill each row's chance (n,) of being among the k of its stratum."""
    largest = chosen.max()
    longest = 0
    for g in range(len(chosen)):
        longest = max(longest, starts[g + 1] - starts[g])
    q = np.zeros(largest + 1)
    m = np.zeros((largest + 1, longest))
    for g in range(len(chosen)):
        k = chosen[g]
        first, last = starts[g], starts[g + 1]
        top = eta[first:last].max()
        q[:] = 0.0
        m[:] = 0.0
        for row in range(first, last):
            w = max(np.exp(eta[row] - top), FAINTEST)
            place = row - first
            for r in range(min(place + 1, k), 0, -1):
                a = w / (q[r] + w)
                for i in range(place):
                    m[r, i] += a * (m[r - 1, i] - m[r, i])
                m[r, place] = a
                if r > 1:
                    q[r] = (q[r] + w) * (q[r - 1] / (q[r - 1] + w))
                else:
                    q[1] += w
        for place in range(last - first):
            probability[first + place] = m[k, place]
