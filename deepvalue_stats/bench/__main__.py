"""The command line of the bench: `python -m deepvalue_stats.bench --help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deepvalue_stats.bench.page import COMMAND, write_scoreboard
from deepvalue_stats.bench.running import SEED, run_bench
from deepvalue_stats.errors import DeepValueError
from deepvalue_stats.simulate import PRESETS


def main() -> int:
    """Run the bench and write the scoreboard."""
    told = _arguments()
    columns = (TextColumn("blocks"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("blocks")
            results = run_bench(
                told.presets,
                replicates=told.replicates,
                folder=told.work,
                seed=told.seed,
                workers=told.workers,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    except DeepValueError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    for path in write_scoreboard(results, told.output):
        sys.stdout.write(f"Wrote {path}\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Synthetic services with a known truth, analysed in a hurry and with care.",
        epilog="Broken off, it goes on from the finished blocks in the work folder.",
    )
    parser.add_argument(
        "--replicates",
        type=int,
        default=1000,
        help="areas analysed of each preset; a service of three counts as three",
    )
    parser.add_argument(
        "--presets", nargs="+", default=tuple(PRESETS), metavar="NAME", help="all unless given"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=Path, default=Path("reports/bench"))
    parser.add_argument(
        "--work", type=Path, default=Path("build/bench"), help="folder of finished blocks"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
