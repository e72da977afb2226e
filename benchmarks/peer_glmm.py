"""Time glmm in this process, by CPU time: `python peer_glmm.py DATA SMALL FORMULA CALLS`."""

from __future__ import annotations

import gc
import sys
import time

import glmm
import pandas as pd
from measured import peak_memory, tell


def main() -> None:
    path, small, formula, calls = sys.argv[1:5]
    data, warm = pd.read_pickle(path), pd.read_pickle(small)
    glmm.fit(warm, formula, family="binomial")
    before = peak_memory()
    fits = []
    for _ in range(int(calls)):
        gc.collect()
        started = time.process_time()
        fit = glmm.fit(data, formula, family="binomial")
        fits.append(time.process_time() - started)
    tell(
        fit=fits,
        deviance=-2 * fit.loglik,
        status="ok" if fit.converged else "not_converged",
        peak=peak_memory(),
        before=before,
    )


if __name__ == "__main__":
    main()
