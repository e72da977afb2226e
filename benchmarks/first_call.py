"""Time this process's first fit, by CPU time: `python first_call.py DATA FORMULA`."""

from __future__ import annotations

import time

_STARTED = time.process_time()

import deepvalue_stats  # noqa: E402

_IMPORTED = time.process_time()

import sys  # noqa: E402

import pandas as pd  # noqa: E402
from measured import peak_memory, tell  # noqa: E402


def main() -> None:
    data = pd.read_pickle(sys.argv[1])
    started, clock = time.process_time(), time.perf_counter()
    fit = deepvalue_stats.fit_multilevel(sys.argv[2], data)
    fitted = time.process_time()
    fit.coefficients  # noqa: B018
    ended, wall = time.process_time(), time.perf_counter() - clock
    tell(
        imports=_IMPORTED - _STARTED,
        fit=fitted - started,
        both=ended - started,
        wall=wall,
        all=ended,
        peak=peak_memory(),
    )


if __name__ == "__main__":
    main()
