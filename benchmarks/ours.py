"""Time fit_multilevel in this process, by CPU time: `python ours.py DATA SMALL FORMULA CALLS`."""

from __future__ import annotations

import gc
import sys
import time

import pandas as pd
from measured import peak_memory, tell

from deepvalue_stats.models import fit_multilevel
from deepvalue_stats.models.design import build_design
from deepvalue_stats.models.multilevel.random import build_random
from deepvalue_stats.models.multilevel.terms import formula_columns, split_formula


def _design(formula: str, data: pd.DataFrame) -> None:
    """The parts of a fit that read the formula and the frame."""
    mixed = split_formula(formula)
    design = build_design(mixed.fixed, data, needed=formula_columns(mixed))
    build_random(mixed.bars, design.frame)


def main() -> None:
    path, small, formula, calls = sys.argv[1:5]
    data, warm = pd.read_pickle(path), pd.read_pickle(small)
    fit_multilevel(formula, warm).coefficients  # noqa: B018  compiles, or loads what is compiled
    before = peak_memory()
    fits, reads, walls, designs = [], [], [], []
    for _ in range(int(calls)):
        gc.collect()
        started, clock = time.process_time(), time.perf_counter()
        fit = fit_multilevel(formula, data)
        fits.append(time.process_time() - started)
        fit.coefficients  # noqa: B018
        reads.append(time.process_time() - started)
        walls.append(time.perf_counter() - clock)
        started = time.process_time()
        _design(formula, data)
        designs.append(time.process_time() - started)
    tell(
        fit=fits,
        both=reads,
        wall=walls,
        design=designs,
        deviance=-2 * fit.loglik,
        status=fit.convergence.status,
        evaluations=fit.convergence.evaluations,
        peak=peak_memory(),
        before=before,
    )


if __name__ == "__main__":
    main()
