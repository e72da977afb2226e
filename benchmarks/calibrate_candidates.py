"""Other intervals for ten practitioners: profile likelihood and parametric bootstrap.

    python benchmarks/calibrate_candidates.py [--sets 300] [--draws 199] [--output FOLDER]

The data sets are the first of those of `calibrate_multilevel.py` with 10 practitioners.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from calibrate_multilevel import CASELOAD, DESIGNS, LATENT_SD, SEED, simulate
from scipy import stats

from deepvalue_stats.models import fit_multilevel
from deepvalue_stats.models.multilevel.bootstrap import bootstrap_fit
from deepvalue_stats.models.multilevel.profile import profile, surface_of

FEW = 10
PLACES = [
    place
    for place, design in enumerate(DESIGNS)
    if design.practitioners == FEW and design.exposure in ("practitioner", "rare") and design.effect
]
METHODS = {
    "t, ML": "t, variance of maximum likelihood",
    "default": "default: t, restricted variance",
    "profile": "profile likelihood, chi-squared",
    "profile t": "profile likelihood, squared t",
    "bootstrap t": "parametric bootstrap, studentized",
    "percentile": "parametric bootstrap, percentile",
}


def intervals(place: int, number: int, draws: int) -> dict[str, float]:
    """Bounds of one data set by every method, and the CPU seconds that each took."""
    design = DESIGNS[place]
    data = simulate(design, np.random.default_rng([SEED, place, number]))
    fit = fit_multilevel(design.formula, data)
    if fit.convergence.status != "ok":
        return {}
    row = fit.coefficients.loc["x"]
    quantile = float(stats.t.ppf(0.975, row["dof"]))
    half = quantile * row["std_error"]
    found = {
        "t, ML low": row["estimate"] - half,
        "t, ML high": row["estimate"] + half,
        "default low": row["conf_low"],
        "default high": row["conf_high"],
    }
    started = time.process_time()
    surface = surface_of(fit.problem, fit.solution, fit.terms)
    for name, level in (("profile", 0.95), ("profile t", 2 * stats.norm.cdf(quantile) - 1)):
        held = profile(surface, ["x"], float(level)).loc["x"]
        found |= {f"{name} low": held["conf_low"], f"{name} high": held["conf_high"]}
    found["profile seconds"] = (time.process_time() - started) / 2
    started = time.process_time()
    refits = bootstrap_fit(fit, draws, np.random.default_rng([SEED, place, number, 1]))
    for name, kind in (("bootstrap t", "studentized"), ("percentile", "percentile")):
        held = refits.conf_int(kind).loc["x"]
        found |= {f"{name} low": held["conf_low"], f"{name} high": held["conf_high"]}
    found["bootstrap seconds"] = time.process_time() - started
    return found


def _one(task: tuple[int, int, int]) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"place": task[0], **intervals(*task)}


def lines(found: pd.DataFrame) -> pd.DataFrame:
    """Coverage, mean width and missing bounds by design and method."""
    rows = []
    for place, held in found.groupby("place"):
        design = DESIGNS[int(place)]
        for name, described in METHODS.items():
            bounds = held[[f"{name} low", f"{name} high"]]
            known = bounds.dropna()
            low, high = known.to_numpy().T
            covered = float(((low <= design.effect) & (design.effect <= high)).mean())
            rows.append(
                {
                    "design": design.name,
                    "interval": described,
                    "sets": len(held),
                    "coverage": covered,
                    "MC se": float(np.sqrt(covered * (1 - covered) / len(known))),
                    "below": float((high < design.effect).mean()),
                    "above": float((low > design.effect).mean()),
                    "median width": float(np.median(high - low)),
                    "no interval": len(held) - len(known),
                }
            )
    return pd.DataFrame(rows)


def written(found: pd.DataFrame, draws: int, output: Path, command: str) -> None:
    """The table as CSV and Markdown."""
    table = lines(found)
    output.mkdir(parents=True, exist_ok=True)
    table.to_csv(output / "candidates.csv", index=False, float_format="%.5f")
    seconds = {name: found[f"{name} seconds"].median() for name in ("profile", "bootstrap")}
    shown = table.map(lambda held: f"{held:.3f}" if isinstance(held, float) else str(held))
    page = [
        f"# Other 95 % intervals with {FEW} practitioners",
        "",
        f"    {command}",
        "",
        f"{CASELOAD} clients a practitioner, latent SD {LATENT_SD}, true effect 0.3; {draws} "
        "bootstrap draws a data set. `below`",
        "and `above`: share of intervals wholly below or above the truth.",
        f"CPU, median: {1e3 * seconds['profile']:.0f} ms a profile interval, "
        f"{seconds['bootstrap']:.2f} s a bootstrap.",
        "",
        f"| {' | '.join(table.columns)} |",
        f"|{'---|' * len(table.columns)}",
        *(f"| {' | '.join(row)} |" for row in shown.to_numpy()),
        "",
    ]
    (output / "candidates.md").write_text("\n".join(page), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--draws", type=int, default=199)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("reports/calibration_multilevel"))
    wanted = parser.parse_args()
    for name in ("OMP", "OPENBLAS", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    command = " ".join(["python", "benchmarks/calibrate_candidates.py", *sys.argv[1:]])
    tasks = [(place, k, wanted.draws) for place in PLACES for k in range(wanted.sets)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(wanted.workers, mp_context=context) as pool:
        found = pd.DataFrame(list(pool.map(_one, tasks, chunksize=10)))
    written(found, wanted.draws, wanted.output, command)


if __name__ == "__main__":
    main()
