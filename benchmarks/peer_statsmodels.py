"""Time a plain logit of statsmodels on a ready matrix, by CPU time.

Called as `python peer_statsmodels.py DATA SMALL FORMULA CALLS`; the formula is not read.
"""

from __future__ import annotations

import gc
import sys
import time

import numpy as np
import pandas as pd
import statsmodels.api as sm
from measured import peak_memory, tell
from simulated import COVARIATES


def _matrix(data: pd.DataFrame) -> np.ndarray:
    return np.column_stack([np.ones(len(data)), data[COVARIATES].to_numpy()])


def main() -> None:
    path, small, _, calls = sys.argv[1:5]
    data, warm = pd.read_pickle(path), pd.read_pickle(small)
    sm.GLM(warm["y"].to_numpy(), _matrix(warm), family=sm.families.Binomial()).fit()
    outcome, matrix = data["y"].to_numpy(), _matrix(data)
    before = peak_memory()
    fits = []
    for _ in range(int(calls)):
        gc.collect()
        started = time.process_time()
        fit = sm.GLM(outcome, matrix, family=sm.families.Binomial()).fit()
        fits.append(time.process_time() - started)
    tell(fit=fits, deviance=float(fit.deviance), status="ok", peak=peak_memory(), before=before)


if __name__ == "__main__":
    main()
