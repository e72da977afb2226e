"""Whether simulated power agrees with the closed forms, where these are all but exact.

    python benchmarks/check_power.py [--studies 1000] [--workers 2] [--output FOLDER]

Half of the practitioners against the other half, and a score that is the same for all clients of a
practitioner; each study is drawn by `simulate.cohort` and fitted by the multilevel model. A row is
out when simulation and formula are more than three points and three Monte Carlo errors apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from deepvalue_stats.folders import staged
from deepvalue_stats.plan.parts import ModelPlan
from deepvalue_stats.power.replicates import MAIN, Trial, run_block
from deepvalue_stats.power.result import closed_form
from deepvalue_stats.simulate.cohort import Cohort, cohort_truth

SEED, BLOCK, POINTS = 20110523, 50, 0.03
BASE_RATE = 0.3
MODEL = ModelPlan(
    role="primary", outcome="job", exposure="rapport", groups=("practitioner",),
    estimator="multilevel",
)  # fmt: skip
# practitioners, clients of each, spread of caseloads, share of variance; effects between arms
DESIGNS = (
    (20, 25, 0.0, 0.02, (0.0, 0.11, 0.15)),
    (40, 25, 0.0, 0.02, (0.0, 0.07, 0.10)),
    (40, 25, 0.5, 0.02, (0.0, 0.07, 0.10)),
    (40, 15, 0.0, 0.05, (0.0, 0.10, 0.14)),
    (80, 25, 0.0, 0.05, (0.0, 0.06, 0.085)),
)


def designs() -> Iterator[Cohort]:
    """Every design of the table; a score needs half the difference that arms need."""
    for exposure, part in (("arms", 1.0), ("score", 0.5)):
        for practitioners, clients, spread, icc, effects in DESIGNS:
            for effect in effects:
                yield Cohort(
                    practitioners, clients, spread, BASE_RATE, icc, part * effect,
                    exposure=exposure, exposure_icc=1.0,
                )  # fmt: skip


def checked(place: int, cohort: Cohort, studies: int, workers: int) -> dict[str, object]:
    """One row of the table."""
    truth = cohort_truth(cohort).effect
    trial = Trial(cohort, MODEL, {MAIN: truth}, worthwhile=0.02)
    seeds = np.random.SeedSequence([SEED, place]).spawn(studies)
    found = pd.concat(
        joblib.Parallel(n_jobs=workers)(
            joblib.delayed(run_block)(
                trial, range(i, min(i + BLOCK, studies)), seeds[i : i + BLOCK]
            )
            for i in range(0, studies, BLOCK)
        )
    )
    simulated, formula = float((found["p_value"] < 0.05).mean()), closed_form(cohort, truth)
    error = np.sqrt(formula * (1 - formula) / studies)
    return {
        "exposure": cohort.exposure,
        "practitioners": cohort.practitioners,
        "clients": cohort.clients_per_practitioner,
        "caseload_cv": cohort.caseload_cv,
        "icc": cohort.icc,
        "effect": cohort.effect,
        "simulated": simulated,
        "formula": formula,
        "difference": simulated - formula,
        "mc_error": error,
        "mean_estimate": float(found["estimate"].mean()),
        "error_over_spread": float(found["std_error"].mean() / found["estimate"].std()),
        "unfitted": int(found["std_error"].isna().sum()),
        "verdict": "out" if abs(simulated - formula) > POINTS + 3 * error else "agrees",
    }


def main() -> None:
    """Fill the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=-1)
    parser.add_argument("--output", type=Path, default=Path("reports/power_check"))
    chosen = parser.parse_args()
    rows = []
    for place, cohort in enumerate(designs()):
        rows.append(checked(place, cohort, chosen.studies, chosen.workers))
        print(*rows[-1].values(), flush=True)
    table = pd.DataFrame(rows).round(4)
    head = (
        "# Simulated power beside the closed forms\n\n"
        f"`python benchmarks/check_power.py --studies {chosen.studies}`: base rate {BASE_RATE}, "
        f"seed {SEED}. Out: more than three points and three Monte Carlo errors apart. "
        "`error_over_spread`: mean standard error over the spread of the estimates.\n\n"
    )
    lines = [
        "| " + " | ".join(map(str, row)) + " |"
        for row in ([*table.columns], ["---"] * len(table.columns), *table.itertuples(index=False))
    ]
    with staged(chosen.output) as fresh:
        table.to_csv(fresh / "table.csv", index=False, lineterminator="\n")
        (fresh / "table.md").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
