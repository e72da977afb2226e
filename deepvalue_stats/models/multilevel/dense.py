"""Algebra of small dense blocks, compiled into the loops that use it."""

from __future__ import annotations

from math import log, sqrt

from numba import njit

from deepvalue_stats.models.multilevel.rows import FAST


@njit(fastmath=FAST)
def cholesky(block, q):  # type: ignore[no-untyped-def]
    """Lower Cholesky factor in place; returns the log-determinant."""
    logdet = 0.0
    for a in range(q):
        for b in range(a):
            total = block[a, b]
            for c in range(b):
                total -= block[a, c] * block[b, c]
            block[a, b] = total / block[b, b]
        total = block[a, a]
        for c in range(a):
            total -= block[a, c] * block[a, c]
        logdet += log(total)
        block[a, a] = sqrt(total)
    return logdet


@njit(fastmath=FAST)
def cholesky_solve(lower, q, right):  # type: ignore[no-untyped-def]
    """Solve L L' x = right in place."""
    for a in range(q):
        total = right[a]
        for c in range(a):
            total -= lower[a, c] * right[c]
        right[a] = total / lower[a, a]
    for a in range(q - 1, -1, -1):
        total = right[a]
        for c in range(a + 1, q):
            total -= lower[c, a] * right[c]
        right[a] = total / lower[a, a]


@njit(cache=True, nogil=True)
def mirror(square):  # type: ignore[no-untyped-def]
    """Copy what is below the diagonal above it, block by block for the cache's sake."""
    size, block = square.shape[0], 64
    for top in range(0, size, block):
        for left in range(0, top + 1, block):
            for i in range(top, min(top + block, size)):
                for j in range(left, min(left + block, i)):
                    square[j, i] = square[i, j]
