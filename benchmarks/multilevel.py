"""Speed and memory of fit_multilevel beside its peers, by CPU time of one-thread processes.

    python benchmarks/multilevel.py [--rows 100000] [--cases slope nest] [--output FOLDER]

Each measurement is a process of its own: it makes a small fit first, then times calls that hold
everything from formula to fit. Ours and the peer's take turns in each round; a ratio is the median
over rounds of the peer's fastest call by ours.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd
from simulated import CASES, COVARIATES, simulate

HERE = Path(__file__).parent
MINIMUM = {"slope": 1.5, "nest": 5.0, "nest3": 50.0, "cross": 3.0}
SMALL = 2_000
# a fit of glmm's this long is timed once a round, not thrice
LONG = {("nest3", 100_000), ("nest", 1_000_000), ("slope", 1_000_000)}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    rows: int
    case: str
    what: str
    ours: str
    peer: str
    ratio: str
    target: str
    met: str


def _environment(threads: int) -> dict[str, str]:
    names = ["OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON"]
    return {**os.environ, **{f"{name}_NUM_THREADS": str(threads) for name in names}}


def _run(script: str, *arguments: str, threads: int = 1) -> dict[str, object]:
    command = [sys.executable, "-W", "ignore", str(HERE / script), *arguments]
    ended = subprocess.run(
        command, env=_environment(threads), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)}\n{ended.stderr}")
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def _seconds(value: float) -> str:
    return f"{1e3 * value:.1f} ms" if value < 1 else f"{value:.2f} s"


class Data:
    """Simulated rows as files, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, case: str, rows: int) -> str:
        """The file of a case."""
        held = self.folder / f"{case}_{rows}.pickle"
        if not held.exists():
            simulate(case, rows).to_pickle(held)
            gc.collect()
        return str(held)

    def drop(self, case: str, rows: int) -> None:
        """Delete the file of a case."""
        (self.folder / f"{case}_{rows}.pickle").unlink(missing_ok=True)


def _ours(data: Data, case: str, rows: int, calls: int, threads: int = 1) -> dict[str, object]:
    small = data.path(case, SMALL)
    formula = CASES[case].formula
    return _run("ours.py", data.path(case, rows), small, formula, str(calls), threads=threads)


def against_glmm(data: Data, case: str, rows: int, rounds: int) -> Iterable[Row]:
    """Paired rounds of ours and glmm: fit only, and with the intervals read."""
    arguments = data.path(case, rows), data.path(case, SMALL), CASES[case].formula
    long = (case, rows) in LONG
    ours, peers = [], []
    for _ in range(min(rounds, 2) if long else rounds):
        ours.append(_ours(data, case, rows, 5))
        peers.append(_run("peer_glmm.py", *arguments, "1" if long else "3"))
    gap = abs(float(ours[0]["deviance"]) - float(peers[0]["deviance"]))
    told = f"deviance {ours[0]['deviance']:.4f}, difference {gap:.1e}"
    told += f"; {ours[0]['evaluations']} evaluations; {ours[0]['status']}/{peers[0]['status']}"
    told += f"; peak {max(o['peak'] for o in ours):.0f} / {max(p['peak'] for p in peers):.0f} MB"
    least = MINIMUM[case] if rows == 100_000 else None
    for part, name in (("fit", "fit"), ("both", "fit + coefficients")):
        yield _paired(
            rows, case, f"glmm, {name} ({told})", [min(o[part]) for o in ours],
            [min(p["fit"]) for p in peers], least,
        )  # fmt: skip


def against_statsmodels(data: Data, case: str, rows: int, rounds: int) -> Iterable[Row]:
    """Paired rounds of ours and a plain logit of statsmodels on a ready matrix."""
    arguments = data.path(case, rows), data.path(case, SMALL), "-"
    ours, peers = [], []
    for _ in range(rounds):
        ours.append(_ours(data, case, rows, 3))
        peers.append(_run("peer_statsmodels.py", *arguments, "3"))
    least = 1.0 if (case, rows) == ("nest", 1_000_000) else None
    peak = f"peak {max(o['peak'] for o in ours):.0f} / {max(p['peak'] for p in peers):.0f} MB"
    for part, name in (("fit", "fit"), ("both", "fit + coefficients")):
        yield _paired(
            rows, case, f"statsmodels GLM, no groups, {name} ({peak})",
            [min(o[part]) for o in ours], [min(p["fit"]) for p in peers], least,
        )  # fmt: skip


def against_r(data: Data, package: str, case: str, rows: int, part: str) -> Iterable[Row]:
    """One fit of glmer or glmmTMB, where R is."""
    if shutil.which("Rscript") is None:
        yield Row(rows, case, package, "", "", "", "", "skipped: no Rscript here")
        return
    frame = data.folder / f"{case}_{rows}.csv"
    pd.read_pickle(data.path(case, rows)).to_csv(frame, index=False)
    ours = _ours(data, case, rows, 3)
    command = ["Rscript", str(HERE / "peer.R"), package, str(frame), CASES[case].formula]
    ended = subprocess.run(command, env=_environment(1), capture_output=True, text=True, check=True)
    peer = json.loads(ended.stdout.splitlines()[-1])
    if peer.get("missing"):
        yield Row(rows, case, package, "", "", "", "", f"skipped: no {package} here")
        return
    gap = float(ours["deviance"]) - peer["deviance"]
    yield _paired(
        rows, case, f"{package}, {part} (deviance difference {gap:.1e})", [min(ours[part])],
        peer["fit"], None,
    )  # fmt: skip


def _paired(
    rows: int, case: str, what: str, ours: list[float], peers: list[float], least: float | None
) -> Row:
    ratio = statistics.median(p / o for o, p in zip(ours, peers, strict=True))
    return Row(
        rows, case, what,
        _seconds(statistics.median(ours)), _seconds(statistics.median(peers)), f"{ratio:.2f}",
        "" if least is None else f">= {least:g}x",
        "" if least is None else ("yes" if ratio >= least else "no"),
    )  # fmt: skip


def small_fits(data: Data, case: str) -> Iterable[Row]:
    """500 rows, warm, the reading of formula and frame apart."""
    found = _ours(data, case, 500, 41)
    for part, name in (("fit", "fit"), ("both", "fit + coefficients")):
        total = statistics.median(found[part])
        design = statistics.median(found["design"])
        less = total - design
        what = f"warm, {name}, median of 41: {_seconds(total)}, {_seconds(design)} of it the design"
        met = "yes" if less <= 0.010 else "no"
        yield Row(500, case, what, _seconds(less), "", "", "<= 10 ms without the design", met)


def first_call(data: Data, case: str) -> Iterable[Row]:
    """A new process's first fit, compiled code in the cache."""
    arguments = data.path(case, 500), CASES[case].formula
    _run("first_call.py", *arguments)
    found = [_run("first_call.py", *arguments) for _ in range(5)]
    both = statistics.median(float(f["both"]) for f in found)
    imports = statistics.median(float(f["imports"]) for f in found)
    whole = statistics.median(float(f["all"]) for f in found)
    what = (
        "first call from cold, fit + coefficients, median of 5 (import deepvalue_stats "
        f"{_seconds(imports)}; whole process {_seconds(whole)})"
    )
    yield Row(500, case, what, _seconds(both), "", "", "<= 1 s", "yes" if both <= 1 else "no")


def threads(data: Data, case: str, rows: int) -> Iterable[Row]:
    """Two threads beside one."""
    one, two = _ours(data, case, rows, 3), _ours(data, case, rows, 3, threads=2)
    walls = [min(held["wall"]) for held in (one, two)]
    cpus = [min(held["both"]) for held in (one, two)]
    what = (
        f"two threads / one, fit + coefficients: wall {_seconds(walls[1])} / {_seconds(walls[0])}, "
        f"CPU {_seconds(cpus[1])} / {_seconds(cpus[0])} ({os.cpu_count()} cores, shared)"
    )
    yield Row(rows, case, what, _seconds(walls[1]), "", f"{walls[0] / walls[1]:.2f}", "", "")


def memory(data: Data, case: str, rows: int) -> Iterable[Row]:
    """Peak memory of many rows."""
    found = _ours(data, case, rows, 1)
    peak, before = float(found["peak"]) / 1024, float(found["before"]) / 1024
    what = (
        f"fit + coefficients, {len(COVARIATES)} covariates: peak {peak:.2f} GB, "
        f"{before:.2f} GB of it before the fit"
    )
    cpu = _seconds(float(found["both"][0]))
    yield Row(rows, case, what, cpu, "", "", "< 8 GB", "yes" if peak < 8 else "no")


def _machine() -> str:
    version = [f"{name} {metadata.version(name)}" for name in ("numba", "numpy", "statsmodels")]
    try:
        version.append(f"glmm {metadata.version('glmm')}")
    except metadata.PackageNotFoundError:
        version.append("glmm absent")
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, " + (
        ", ".join(version)
    )


def written(rows: list[Row], output: Path, command: str) -> None:
    """The table as CSV and Markdown."""
    output.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    table.to_csv(output / "table.csv", index=False)
    heads = ["rows", "case", "beside", "ours", "peer", "ratio", "target", "met"]
    lines = [
        "# Speed and memory of the multilevel logit",
        "",
        f"    {command}",
        "",
        f"{_machine()}; {os.cpu_count()} cores. CPU time (user and system) of processes with one "
        "thread, warm, from",
        "formula and frame to fit; ratio: peer by ours, median over paired rounds of the fastest "
        "calls. One CPU second on a",
        "shared machine is not always the same second: read ratios as good to about a quarter.",
        "",
        *(f"- {name}: {case.described}, `{case.random}`" for name, case in CASES.items()),
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *("| " + " | ".join(str(held) for held in vars(row).values()) + " |" for row in rows),
        "",
    ]
    (output / "table.md").write_text("\n".join(lines), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the cases beside glmm")
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--million", action="store_true", help="1M rows, and two threads, too")
    parser.add_argument("--memory", action="store_true", help="5M rows, too")
    parser.add_argument("--output", type=Path, default=Path("reports/benchmarks/multilevel"))
    return parser.parse_args()


def main() -> None:
    wanted = _arguments()
    found: list[Row] = []
    command = " ".join(["python", "benchmarks/multilevel.py", *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as folder:
        data = Data(Path(folder))

        def add(rows: Iterable[Row]) -> None:
            for row in rows:
                found.append(row)
                print(" | ".join(str(held) for held in vars(row).values()), flush=True)
                written(found, wanted.output, command)

        for case in wanted.cases:
            add(against_glmm(data, case, wanted.rows, wanted.rounds))
            add(small_fits(data, case))
        add(first_call(data, "nest"))
        for package in ("lme4", "glmmTMB"):
            add(against_r(data, package, "nest", 10_000, "fit"))
        if wanted.million:
            for case in ("nest", "slope", "nest3"):
                add(against_statsmodels(data, case, 1_000_000, wanted.rounds))
            add(against_glmm(data, "nest", 1_000_000, 2))
            add(threads(data, "nest", 1_000_000))
        if wanted.memory:
            add(memory(data, "nest", 5_000_000))


if __name__ == "__main__":
    main()
