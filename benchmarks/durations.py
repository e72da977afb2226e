"""Curves and hazard models beside survival and cmprsk in R, by CPU time.

Ours and the peers run in processes of their own, round by round, on the same rows; what is
compared is the ratio of CPU seconds (user and system) within a round. crr's work grows with the
square of its rows, so that both fit the subdistribution on a few of them only.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
SAYS = {
    "cox": "Cox regression, two covariates, clustered by practitioner, with concordance",
    "incidence": "cumulative incidence of two exits in two groups",
    "gray": "Gray's test with both groups' incidence and its variance",
    "subdistribution": "Fine-Gray regression of the small rows",
}


def rows(n: int) -> object:
    """Whole days with ties, two exits and censoring, 50 clients a practitioner."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(1)
    adviser = rng.integers(0, max(n // 50, 2), n)
    x, z = rng.normal(size=n), rng.normal(size=n)
    rate = 0.003 * np.exp(0.4 * x + 0.3 * rng.normal(size=adviser.max() + 1)[adviser])
    ends = [rng.uniform(100, 365, n), rng.exponential(1 / rate), rng.exponential(500, n)]
    days = np.ceil(np.column_stack(ends))
    frame = pd.DataFrame({"days": days.min(axis=1), "left": days.argmin(axis=1), "x": x, "z": z})
    return frame.assign(adviser=adviser, group=adviser % 2)


def ours(path: Path, small: Path) -> None:
    """Measure in this process and print one line of JSON."""
    import pandas as pd

    from deepvalue_stats.models import (
        compare_curves,
        cumulative_incidence,
        fit_cox,
        fit_subdistribution,
    )

    data, few = pd.read_csv(path), pd.read_csv(small)
    columns = {"duration": "days", "event": "left"}

    def gray() -> None:
        for cause in (1, 2):
            compare_curves(data, **columns, by="group", cause=cause, test="gray")
            cumulative_incidence(data, **columns, by="group", cause=cause, variance="aalen")

    def incidence() -> None:
        for cause in (1, 2):
            cumulative_incidence(data, **columns, by="group", cause=cause)

    calls: dict[str, Callable[[], object]] = {
        # coxph reports the concordance whether asked or not
        "cox": lambda: fit_cox("left ~ x + z", data, **columns, cluster="adviser").concordance(),
        "incidence": incidence,
        "gray": gray,
        "subdistribution": lambda: fit_subdistribution("left ~ x + z", few, **columns),
    }
    # the first call of anything pays for what is loaded
    fit_cox("left ~ x", few, **columns)
    spent = {}
    for name, call in calls.items():
        gc.collect()
        started = time.process_time()
        call()
        spent[name] = time.process_time() - started
    print(json.dumps(spent))


def _told(command: list[str]) -> dict[str, float]:
    single = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=single)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> None:
    """Print, by call, our CPU time and its ratio to R's: median and range of the rounds."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rows", type=int, default=100_000)
    reader.add_argument("--small", type=int, default=2_000)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--ours", nargs=2, type=Path, help=argparse.SUPPRESS)
    asked = reader.parse_args()
    if asked.ours:
        ours(*asked.ours)
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{n}.csv" for n in (asked.rows, asked.small)]
        for path, n in zip(paths, (asked.rows, asked.small), strict=True):
            rows(n).to_csv(path, index=False)  # type: ignore[attr-defined]
        files = [str(path) for path in paths]
        here = [sys.executable, __file__, "--ours", *files]
        there = ["Rscript", str(HERE / "durations.R"), *files]
        rounds = [(_told(here), _told(there)) for _ in range(asked.rounds)]
    for name, words in SAYS.items():
        ratios = [mine[name] / theirs[name] for mine, theirs in rounds]
        mine = statistics.median(one[name] for one, _ in rounds)
        print(
            f"{words}: {mine:.3f} s, {statistics.median(ratios):.3f} of R's"
            f" ({min(ratios):.3f} to {max(ratios):.3f})"
        )


if __name__ == "__main__":
    main()
