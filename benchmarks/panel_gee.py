"""GEE of a logit beside statsmodels, in CPU time of the same process and run.

    python benchmarks/panel_gee.py [--rounds 3] [--large] [--output FOLDER]

Both solve the same equations for the same clients by waves, from arrays, with the robust
covariance, and take turns; the ratio is that of each round. Coefficients have to agree. statsmodels
estimates another correlation for ar1, so those agree roughly. `--large` lets statsmodels fit
100,000 clients of 10 waves as well, which takes it a minute or more.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
if __name__ == "__main__" and any(os.environ.get(name) != "1" for name in ONE_THREAD):
    # threads are counted when NumPy is loaded
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})

import numpy as np  # noqa: E402
from statsmodels.genmod.cov_struct import Autoregressive, Exchangeable, Independence  # noqa: E402
from statsmodels.genmod.families import Binomial  # noqa: E402
from statsmodels.genmod.generalized_estimating_equations import GEE  # noqa: E402

from deepvalue_stats.models.gee import gee_logit  # noqa: E402

PEERS = {
    "independence": Independence,
    "exchangeable": Exchangeable,
    "ar1": lambda: Autoregressive(grid=True),
}
# how near coefficients have to be
AGREE = {"independence": 1e-6, "exchangeable": 1e-6, "ar1": 5e-3}
TARGET = 20.0
CASES = (
    (20_000, 5, "independence"),
    (20_000, 5, "exchangeable"),
    (20_000, 5, "ar1"),
    (100_000, 10, "exchangeable"),
    (100_000, 10, "ar1"),
)

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def clients(count: int, waves: int) -> Arrays:
    """Matrix, outcome, client and wave; a tenth of the rows is missing."""
    rng = np.random.default_rng(1)
    who, wave = np.repeat(np.arange(count), waves), np.tile(np.arange(waves), count)
    columns = [np.ones(len(who)), *rng.standard_normal((3, len(who)))]
    matrix = np.column_stack(columns)
    eta = matrix @ np.array([-0.5, 0.4, 0.2, 0.0]) + 0.9 * rng.standard_normal(count)[who]
    outcome = (rng.random(len(who)) < 1 / (1 + np.exp(-eta))).astype("float64")
    kept = rng.random(len(who)) < 0.9
    return matrix[kept], outcome[kept], who[kept], wave[kept]


def ours(data: Arrays, correlation: str) -> np.ndarray:
    matrix, outcome, who, wave = data
    found = gee_logit(matrix, outcome, who, correlation=correlation, time=wave)
    return np.concatenate([found.params, np.sqrt(np.diag(found.covariance))])


def theirs(data: Arrays, correlation: str) -> np.ndarray:
    matrix, outcome, who, wave = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = GEE(
            outcome,
            matrix,
            groups=who,
            time=wave if correlation == "ar1" else None,
            family=Binomial(),
            cov_struct=PEERS[correlation](),
        ).fit(maxiter=60)
    return np.concatenate([found.params, found.bse])


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def measured(count: int, waves: int, correlation: str, rounds: int, peer: bool) -> dict:
    """One case: seconds of both by round; statsmodels fits a slow case once."""
    data = clients(count, waves)
    ours(data, correlation)
    own, other = [], []
    for turn in range(rounds):
        seconds, mine = timed(lambda: ours(data, correlation))
        own.append(seconds)
        if peer and (turn == 0 or other[0] < 10):
            seconds, peers = timed(lambda: theirs(data, correlation))
            other.append(seconds)
            if np.abs(mine / peers - 1)[:3].max() > AGREE[correlation]:
                raise SystemExit(f"{correlation}: ours {mine}, statsmodels {peers}")
    ratios = [b / a for a, b in zip(own, other, strict=False)]
    return {
        "clients": count,
        "waves": waves,
        "correlation": correlation,
        "ours": statistics.median(own),
        "statsmodels": statistics.median(other) if other else float("nan"),
        "ratio": statistics.median(ratios) if ratios else float("nan"),
    }


def text(found: list[dict], rounds: int) -> str:
    """The table."""
    versions = {name: metadata.version(name) for name in ("numpy", "statsmodels")}
    lines = [
        "# GEE of a logit",
        "",
        f"CPU seconds, one thread, medians of up to {rounds} rounds; the ratio is of one round.",
        "A tenth of the rows is missing. Target: 20 times statsmodels at 20,000 x 5, exchangeable.",
        "",
        "| clients | waves | correlation | ours | statsmodels | ratio |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one['clients']:,} | {one['waves']} | {one['correlation']} | {one['ours']:.3f} "
            f"| {one['statsmodels']:.1f} | {one['ratio']:.0f} |".replace("nan", "not run")
            for one in found
        ),
        "",
        f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + ".",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="statsmodels fits 100,000 clients too")
    parser.add_argument("--output", type=Path, default=Path("reports/benchmarks/panel_gee"))
    told = parser.parse_args()
    found = []
    for count, waves, correlation in CASES:
        peer = count < 100_000 or (told.large and correlation == "exchangeable")
        found.append(measured(count, waves, correlation, told.rounds, peer))
        print(found[-1], flush=True)
    told.output.mkdir(parents=True, exist_ok=True)
    (told.output / "table.md").write_text(text(found, told.rounds), encoding="utf-8")
    reached = next(one for one in found if one["correlation"] == "exchangeable")["ratio"]
    return 0 if reached >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
