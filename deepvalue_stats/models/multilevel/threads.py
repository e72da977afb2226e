"""Threads are for many rows: below, handing work over costs more than the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba
from threadpoolctl import ThreadpoolController

FEW_ROWS = 20_000
_BLAS = ThreadpoolController()


@contextmanager
def few_threads(n_rows: int) -> Iterator[None]:
    """Work on one thread when there are few rows, and on all of them otherwise."""
    if n_rows >= FEW_ROWS:
        yield
        return
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with _BLAS.limit(limits=1, user_api="blas"):
            yield
    finally:
        numba.set_num_threads(before)
