"""Linear algebra on one thread: of small matrices, waiting threads cost many times the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

BLAS = ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Work in which products and decompositions have one thread."""
    with BLAS.limit(limits=1, user_api="blas"):
        yield
