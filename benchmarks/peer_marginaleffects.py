"""Time two contrasts of marginaleffects on a logit of statsmodels, by CPU time.

Called as `python peer_marginaleffects.py DATA FORMULA CALLS`, by a Python that has marginaleffects
0.6.0, polars >= 1.26 and < 2, pyarrow and statsmodels, and need not have this package.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import pandas as pd
import statsmodels.formula.api as smf
from marginaleffects import avg_comparisons, avg_slopes


def main() -> None:
    path, formula, calls = sys.argv[1:4]
    fit = smf.logit(formula, pd.read_pickle(path)).fit(disp=0, tol=1e-10)
    seconds, estimates = [], []
    for _ in range(int(calls)):
        started = time.process_time()
        tables = (avg_comparisons(fit, variables={"trust": [2, 4]}), avg_slopes(fit, "trust"))
        seconds.append(time.process_time() - started)
        estimates = [float(table.to_dicts()[0]["estimate"]) for table in tables]
    told = {"seconds": seconds, "estimates": estimates, "version": version("marginaleffects")}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
