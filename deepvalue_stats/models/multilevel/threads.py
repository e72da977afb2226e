"""Threads are for many rows: below, handing work over costs more than the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba

from deepvalue_stats.models.blas import BLAS

FEW_ROWS = 20_000
WIDE = 1_000


@contextmanager
def few_threads(n_rows: int, widest: int = 0) -> Iterator[None]:
    """Work on one thread when there are few rows, and on all of them otherwise.

    Linear algebra has all threads only where a dense square is `widest` enough to need them: of
    products with long columns the memory is the limit, and waiting threads only burn time.
    """
    before = numba.get_num_threads()
    if n_rows < FEW_ROWS:
        numba.set_num_threads(1)
    try:
        with BLAS.limit(limits=None if widest >= WIDE else 1, user_api="blas"):
            yield
    finally:
        numba.set_num_threads(before)
