"""Twenty contrasts of a million clients, beside a hand-written delta method and marginaleffects.

    python benchmarks/effects.py [--rows 1000000] [--rounds 5] [--peer-python PYTHON]
                                 [--output FOLDER]

Ours and the hand-written NumPy take turns in one process of one thread, on the same fit, and both
give an estimate and a standard error for each contrast; ours counts clients and practitioners and
makes a table as well. marginaleffects works in an environment of its own, named by
`--peer-python`, on a fit of statsmodels to the same rows; without one it is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
if __name__ == "__main__" and any(os.environ.get(name) != "1" for name in ONE_THREAD):
    # threads are counted when NumPy is loaded
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from by_hand import ByHand  # noqa: E402
from measured import peak_memory  # noqa: E402
from simulated import clients  # noqa: E402

from deepvalue_stats.effects import Levels, Step, average_effect  # noqa: E402
from deepvalue_stats.models import fit_logit, fit_multilevel  # noqa: E402
from deepvalue_stats.models.fit import ModelFit  # noqa: E402

HERE = Path(__file__).parent
FIXED = "y ~ trust * band + age + need + x1 + x2 + x3 + x4"
RANDOM = f"{FIXED} + (1 | practitioner)"
# what twenty contrasts may take: seconds for typical clients and plain logits, for populations,
# and what they may take of the hand-written seconds
TYPICAL, POPULATION, BY_HAND = 2.0, 6.0, 1.5


@dataclass(frozen=True)
class Ask:
    """One contrast: what ours is asked, and how it is done by hand."""

    ours: dict[str, object]
    hand: Callable[[ByHand], list[tuple[float, float]]]


def levels(low: float, high: float, **also: object) -> Ask:
    """Everybody at one value against everybody at another."""
    on = str(also.get("scale", "risk_difference"))
    by = "by" in also
    return Ask(
        {"contrast": Levels(low, high), **also},
        lambda hand: hand.levels(low, high, scale=on, by_band=by),
    )


def step(size: float) -> Ask:
    """Everybody higher, against as is."""
    return Ask({"contrast": Step("step", size, "higher")}, lambda hand: hand.step(size))


def slope(contrast: str, **also: object) -> Ask:
    """The average derivative."""
    by = "by" in also
    return Ask({"contrast": contrast, **also}, lambda hand: hand.slope(contrast, by_band=by))


ASKED = [
    *(levels(low, high) for low, high in ((2, 4), (3, 4), (4, 5), (2, 3), (1, 2), (1, 5), (2, 5))),
    levels(3.0, 4.5),
    *(step(size) for size in (0.5, 1.0, -0.5, -1.0)),
    slope("sd"),
    slope("point"),
    levels(2, 4, scale="risk_ratio"),
    levels(3, 4, scale="risk_ratio"),
    levels(2, 4, by="band"),
    levels(3, 4, by="band"),
    slope("sd", by="band"),
    slope("point", by="band"),
]


def ours(fit: ModelFit, at: str) -> list[tuple[float, float]]:
    """Every contrast's estimates and standard errors."""
    told: list[tuple[float, float]] = []
    for ask in ASKED:
        frame = average_effect(fit, "trust", at=at, **ask.ours).frame  # type: ignore[arg-type]
        ratio = frame["scale"].eq("risk_ratio")
        value = frame["estimate"].where(~ratio, np.log(frame["estimate"].where(ratio, 1.0)))
        told += list(zip(value, frame["std_error"], strict=True))
    return told


def by_hand(fit: ModelFit) -> list[tuple[float, float]]:
    """The same by hand, for random effects of nought where there are any."""
    k = len(fit.theta)
    covariance = fit.interval_joint[k:, k:]
    hand = ByHand(fit.design.matrix, list(fit.terms), fit.params, covariance, fit.design.frame)
    return [pair for ask in ASKED for pair in ask.hand(hand)]


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    rows: int
    effects: str
    beside: str
    ours: str
    peer: str
    ratio: str
    target: str
    met: str
    agreement: str


def paired(fit: ModelFit, label: str, rounds: int, at: str) -> list[Row]:
    """Ours and by hand in turn."""
    mine, theirs = np.array(ours(fit, at)), np.array(by_hand(fit))
    apart = f"{np.abs(mine / theirs - 1).max():.0e} of each other"
    seconds = [(timed(lambda: ours(fit, at)), timed(lambda: by_hand(fit))) for _ in range(rounds)]
    own, hand = (statistics.median(held) for held in zip(*seconds, strict=True))
    ratio = statistics.median(a / b for a, b in seconds)
    return [
        Row(
            fit.n_obs, label, f"NumPy by hand, median of {rounds} rounds", f"{own:.2f} s",
            f"{hand:.2f} s", f"{ratio:.2f}", f"<= {BY_HAND}x by hand", _met(ratio <= BY_HAND),
            apart,
        ),
        Row(
            fit.n_obs, label, "", f"{own:.2f} s", "", "", f"<= {TYPICAL:g} s",
            _met(own <= TYPICAL), "",
        ),
    ]  # fmt: skip


def population(fit: ModelFit, rounds: int) -> Row:
    """Random effects averaged out."""
    ours(fit, "population")
    own = statistics.median(timed(lambda: ours(fit, "population")) for _ in range(rounds))
    label = "population, of a multilevel logit"
    target, met = f"<= {POPULATION:g} s", _met(own <= POPULATION)
    return Row(fit.n_obs, label, "", f"{own:.2f} s", "", "", target, met, "")


def against_marginaleffects(fit: ModelFit, data: pd.DataFrame, python: str, rounds: int) -> Row:
    """The first contrasts of each kind, each program on its own fit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.pickle"
        data[["y", "trust", "band", "age", "need", "x1", "x2", "x3", "x4"]].to_pickle(path)
        command = [python, "-W", "ignore", str(HERE / "peer_marginaleffects.py"), str(path)]
        ended = subprocess.run(
            [*command, FIXED, str(rounds)],
            env={**os.environ, "POLARS_MAX_THREADS": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if ended.returncode:
        raise SystemExit(ended.stderr)
    peer = json.loads(ended.stdout.splitlines()[-1])

    def mine() -> list[tuple[float, float]]:
        asked = ({"contrast": Levels(2, 4)}, {"contrast": "point"})
        tables = [average_effect(fit, "trust", **one).row() for one in asked]  # type: ignore[arg-type]
        return [(row["estimate"], row["std_error"]) for row in tables]

    own = statistics.median(timed(mine) for _ in range(rounds))
    theirs = statistics.median(peer["seconds"])
    apart = np.abs(np.array(mine())[:, 0] / np.array(peer["estimates"]) - 1).max()
    beside = f"marginaleffects {peer['version']}, two contrasts, median of {rounds}"
    return Row(
        fit.n_obs, "plain logit", beside, f"{own:.2f} s", f"{theirs:.2f} s",
        f"{own / theirs:.3f}", "", "", f"{apart:.0e} of each other",
    )  # fmt: skip


def _met(yes: bool) -> str:
    return "yes" if yes else "no"


def written(rows: list[Row], output: Path, command: str) -> None:
    """The table as CSV and Markdown."""
    output.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(output / "table.csv", index=False)
    versions = [f"{name} {metadata.version(name)}" for name in ("numpy", "pandas", "numba")]
    heads = list(Row.__annotations__)
    lines = [
        "# Twenty contrasts of a million clients",
        "",
        f"    {command}",
        "",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"{', '.join(versions)}; {os.cpu_count()} cores. CPU time (user and system) of one",
        "process with one thread, beyond the fit, after a first call of each. Ratio: ours by the "
        "peer's, median over paired",
        f"rounds. The {len(ASKED)} contrasts, of `{FIXED}`:",
        "levels, steps and average slopes, differences and ratios of risk, four of them by band. "
        "By hand: one matrix with the",
        "exposure set for each setting, its mean chance, its gradient, J V J';",
        "no counts and no table.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *("| " + " | ".join(str(held) for held in vars(row).values()) + " |" for row in rows),
        "",
    ]
    (output / "table.md").write_text("\n".join(lines), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-python", default="", help="Python with marginaleffects 0.6.0")
    parser.add_argument("--output", type=Path, default=Path("reports/benchmarks/effects"))
    return parser.parse_args()


def main() -> None:
    wanted = _arguments()
    data = clients(wanted.rows)
    found: list[Row] = []
    plain = fit_logit(FIXED, data, cluster="practitioner")
    found += paired(plain, "plain logit", wanted.rounds, "population")
    if wanted.peer_python:
        found.append(against_marginaleffects(plain, data, wanted.peer_python, 3))
    del plain
    multilevel = fit_multilevel(RANDOM, data)
    found += paired(multilevel, "typical, of a multilevel logit", wanted.rounds, "typical")
    found.append(population(multilevel, wanted.rounds))
    for row in found:
        print(" | ".join(str(held) for held in vars(row).values()))
    print(f"peak {peak_memory() / 1024:.2f} GB")
    shown = [name for name in sys.argv[1:] if name not in ("--peer-python", wanted.peer_python)]
    if wanted.peer_python:
        shown += ["--peer-python PYTHON"]
    written(found, wanted.output, " ".join(["python", "benchmarks/effects.py", *shown]))


if __name__ == "__main__":
    main()
