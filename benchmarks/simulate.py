"""CPU time and peak memory of the generator of synthetic services, one call a process.

    python benchmarks/simulate.py [--rounds 3] [--output FOLDER]

Each figure is the median over rounds of processes of their own, with one thread, after the import.
`simulate_service` holds everything: the truth over its large draw, the clients, and all frames.
`draw_service` is timed with the truth of its parameters known already, as in a simulation study.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd
from measured import peak_memory, tell

from deepvalue_stats.simulate import (
    analysis_table,
    draw_service,
    preset_parameters,
    simulate_service,
)

PRESET, PRACTITIONERS, CASELOAD, AREAS = "everyday", 6, 45, 3
LIMIT_SECONDS, LIMIT_GB = 60.0, 8.0
# a draw is repeated in its process until the clock has something to measure
REPEATS = {1_000: 20, 10_000: 5, 100_000: 1}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    call: str
    clients: int
    seconds: str
    peak: str
    target: str
    met: str


def _services(clients: int) -> int:
    """Services an area that make about so many clients."""
    return max(1, round(clients / (AREAS * PRACTITIONERS * CASELOAD)))


def measure(call: str, clients: int) -> None:
    """Make one measurement in this process, and tell it."""
    sizes = {
        "services": _services(clients),
        "practitioners": PRACTITIONERS,
        "caseload": float(CASELOAD),
    }
    if call == "simulate_service":
        started = time.process_time()
        service = simulate_service(PRESET, seed=1, **sizes)
        seconds = time.process_time() - started
        rows = service.truth["sample"]["clients"]
    else:
        parameters, repeats = preset_parameters(PRESET, **sizes), REPEATS[clients]
        draw_service(parameters, 0)
        started = time.process_time()
        for seed in range(1, repeats + 1):
            draw = draw_service(parameters, seed)
            if call == "draw_service, analysis_table":
                analysis_table(draw)
        seconds = (time.process_time() - started) / repeats
        rows = len(draw.probability)
    tell(seconds=seconds, peak=peak_memory(), rows=rows)


def measured(call: str, clients: int, rounds: int) -> tuple[float, float, int]:
    """Median CPU seconds, largest peak in GB, and clients, over processes of their own."""
    names = ["OMP", "OPENBLAS", "MKL", "NUMBA"]
    one_thread = {**os.environ, **{f"{name}_NUM_THREADS": "1" for name in names}}
    command = [sys.executable, __file__, "--measure", call, "--clients", str(clients)]
    found = []
    for _ in range(rounds):
        ended = subprocess.run(command, env=one_thread, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise SystemExit(f"{' '.join(command)}\n{ended.stderr}")
        found.append(json.loads(ended.stdout.splitlines()[-1]))
    seconds = statistics.median(held["seconds"] for held in found)
    return seconds, max(held["peak"] for held in found) / 1024, found[0]["rows"]


def whole_service(rounds: int) -> Row:
    """A million clients with truth and frames, beside the limits."""
    seconds, peak, rows = measured("simulate_service", 1_000_000, rounds)
    met = seconds < LIMIT_SECONDS and peak < LIMIT_GB
    target = f"< {LIMIT_SECONDS:.0f} s, < {LIMIT_GB:.0f} GB"
    return Row(
        "simulate_service",
        rows,
        f"{seconds:.1f} s",
        f"{peak:.2f} GB",
        target,
        "yes" if met else "no",
    )


def draws(call: str, clients: int, rounds: int) -> Row:
    """A draw of a simulation study."""
    seconds, peak, rows = measured(call, clients, rounds)
    return Row(call, rows, f"{1e3 * seconds:.1f} ms", f"{peak:.2f} GB", "", "")


def written(rows: list[Row], output: Path, command: str) -> None:
    """The table as CSV and Markdown."""
    output.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(output / "table.csv", index=False)
    version = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "pandas"))
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    heads = ["call", "clients", "CPU", "peak memory", "target", "met"]
    lines = [
        "# Speed and memory of the generator",
        "",
        f"    {command}",
        "",
        f"{machine}, {version}; {os.cpu_count()} cores. CPU time (user and system) of processes "
        "with one thread, median",
        f"over rounds; peak resident memory of the process. Preset `{PRESET}`: three areas, "
        f"{PRACTITIONERS} practitioners a service, {CASELOAD}",
        "clients a practitioner. `simulate_service` holds the truth, the clients and all frames; "
        "`draw_service` the arrays of",
        "one draw, the truth known already (its large draw is in the peak). One CPU second on a "
        "shared machine is not always",
        "the same second: read times as good to about a quarter.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *("| " + " | ".join(str(held) for held in vars(row).values()) + " |" for row in rows),
        "",
    ]
    (output / "table.md").write_text("\n".join(lines), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("reports/benchmarks/simulate"))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--clients", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    wanted = _arguments()
    if wanted.measure:
        measure(wanted.measure, wanted.clients)
        return
    rows = [whole_service(wanted.rounds)]
    for call in ("draw_service", "draw_service, analysis_table"):
        rows += [draws(call, clients, wanted.rounds) for clients in REPEATS]
    written(rows, wanted.output, " ".join(["python", "benchmarks/simulate.py", *sys.argv[1:]]))
    print((wanted.output / "table.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
