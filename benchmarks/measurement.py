"""Reliability, factor models and agreement of 100,000 answers, beside lavaan and psych in R.

Runs ours and, where Rscript finds lavaan, the peers, in processes of their own, round by round, and
compares CPU time (user and system, all threads) within a round. Both fit the same answers, and the
scaled chi-squareds have to agree.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = {"reliability": 2.0, "ordinal": 20.0}  # CPU seconds on two cores
SAYS = {
    "alpha": "alpha with its interval",
    "reliability": "alpha, omega, ordinal omega, polychoric alpha, omega hierarchical",
    "factor": "one factor, robust maximum likelihood with clusters",
    "ordinal": "one factor, ordinal, weighted least squares",
    "agreement": "ICC of one score by restricted likelihood",
    "invariance": "configural to strict across three groups, with clusters",
}


def answers(rows: int, items: int) -> tuple[object, object]:
    """Five-point answers near a ceiling, clients of some 50 rows a practitioner."""
    import numpy as np

    rng = np.random.default_rng(1)
    whose = rng.integers(0, max(rows // 50, 2), rows)
    between = rng.normal(0, 0.4, whose.max() + 1)
    seen = 3.9 + (between[whose] + rng.normal(0, 0.8, rows))[:, None]
    seen = seen + rng.normal(0, 1, (rows, items)) * np.linspace(0.5, 1.1, items)
    return np.clip(np.round(seen), 1, 5), whose


def ours(path: Path) -> None:
    """Measure in this process and print one line of JSON."""
    import numpy as np

    from deepvalue_stats.measures import (
        agreement,
        cronbach_alpha,
        factor_model,
        invariance,
        one_factor,
        reliability,
    )

    with np.load(path) as held:
        items, whose = held["items"], held["whose"]
    k = items.shape[1]
    thirds = {str(i): range(i * k // 3, (i + 1) * k // 3) for i in range(3)}
    structure = one_factor([f"q{i}" for i in range(k)])
    groups = np.arange(len(items)) % 3
    reliability(items[:300])  # what is loaded and compiled once
    found: dict[str, object] = {}
    work = {
        "alpha": lambda: cronbach_alpha(items),
        "reliability": lambda: reliability(items, subscales=thirds, clusters=whose),
        "factor": lambda: factor_model(items, structure, clusters=whose),
        "ordinal": lambda: factor_model(items, structure, kind="ordinal"),
        "agreement": lambda: agreement(items.mean(axis=1), whose),
        "invariance": lambda: invariance(items, structure, groups, clusters=whose),
    }
    for name, call in work.items():
        began = time.process_time()
        result = call()
        found[name] = time.process_time() - began
        if name in ("factor", "ordinal"):
            found[f"{name}_scaled"] = result.test.scaled.value
    print(json.dumps(found))


def rscript_has_lavaan() -> bool:
    """Whether the peer can run here."""
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", "quit(status = !requireNamespace('lavaan', quietly = TRUE))"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def said(command: list[str]) -> dict[str, float]:
    """The line of JSON that a process prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def measured(rows: int, items: int, rounds: int) -> tuple[list[dict], list[dict]]:
    """Ours and the peer's seconds, round by round; none of the peer where it is not installed."""
    import numpy as np
    import pandas as pd

    mine, theirs = [], []
    peer = rscript_has_lavaan()
    with tempfile.TemporaryDirectory() as folder:
        drawn, whose = answers(rows, items)
        held, text = Path(folder) / "answers.npz", Path(folder) / "answers.csv"
        np.savez(held, items=drawn, whose=whose)
        frame = pd.DataFrame(drawn.astype(int), columns=[f"q{i}" for i in range(items)])
        frame.assign(whose=whose).to_csv(text, index=False)
        for _ in range(rounds):
            mine.append(said([sys.executable, __file__, "--once", str(held)]))
            if peer:
                theirs.append(said(["Rscript", str(HERE / "measurement.R"), str(text)]))
    for own, other in zip(mine, theirs, strict=False):
        for name, key in (("factor_scaled", "chisq"), ("ordinal_scaled", "scaled")):
            if abs(own[name] / other[key] - 1) > 1e-3:
                raise SystemExit(f"{name}: ours {own[name]:.6f}, lavaan {other[key]:.6f}")
    return mine, theirs


def written(mine: list[dict], theirs: list[dict], output: Path, command: str, size: str) -> None:
    """The table as CSV and Markdown."""
    import pandas as pd

    rows = []
    for name, says in SAYS.items():
        own = statistics.median(one[name] for one in mine)
        pairs = [
            (a[name], b[name])
            for a, b in zip(mine, theirs, strict=False)
            if b.get(name) is not None
        ]
        peer = statistics.median(b for _, b in pairs) if pairs else None
        ratio = statistics.median(b / a for a, b in pairs) if pairs else None
        target = TARGETS.get(name)
        met = "" if target is None else "yes" if own <= target else "no"
        rows.append([name, says, own, peer, ratio, target, met])
    output.mkdir(parents=True, exist_ok=True)
    heads = ["what", "says", "cpu", "peer_cpu", "peer_by_ours", "target", "met"]
    pd.DataFrame(rows, columns=heads).round(4).to_csv(output / "table.csv", index=False)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "scipy"))
    peers = str(theirs[0]["version"]) if theirs else "no peer on this machine"
    lines = [
        "# Measurement",
        "",
        f"    {command}",
        "",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"{versions}; {peers}; {os.cpu_count()} cores. {size}",
        "CPU seconds (user and system, all threads), median over rounds of processes of their own, "
        "without start and reading.",
        "Peer: the same model in lavaan (alpha: psych, which gives more beside it); ratio: median "
        "over paired rounds of the peer's",
        "seconds by ours. Where both fit a model their scaled chi-squareds agree to 1e-3, or the "
        "run stops.",
        "",
        "| what | CPU s | peer CPU s | peer / ours | target s | met |",
        "|---|---|---|---|---|---|",
        *(
            f"| {says} | {own:.3f} | {_plain(peer)} | {_plain(ratio, 1)} | {_plain(target, 0)} "
            f"| {met} |"
            for _, says, own, peer, ratio, target, met in rows
        ),
        "",
    ]
    (output / "table.md").write_text("\n".join(lines), encoding="utf-8")


def _plain(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def main() -> None:
    """Measure, or run one round for the process that measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("reports/benchmarks/measurement"))
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.once:
        ours(wanted.once)
        return
    mine, theirs = measured(wanted.rows, wanted.items, wanted.rounds)
    command = f"python benchmarks/measurement.py --rounds {wanted.rounds}"
    size = f"{wanted.rows:,} answers to {wanted.items} items of five categories."
    written(mine, theirs, wanted.output, command, size)
    print((wanted.output / "table.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
