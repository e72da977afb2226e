"""The join of ratings to outcomes: CPU time and memory beside pandas and SQL written by hand.

Every way runs in a process of its own, one after the other in each round; ratios are of one round,
and the median over rounds is told. Results are compared row by row.
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
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import duckdb
import pandas as pd

HERE = Path(__file__).parent
PER_CLIENT = 14
# days since 1970-01-01, in eight years; hashes stand in for chance, so that files are the same
FILES = {
    "clients": """
SELECT 'c' || lpad(CAST(i AS VARCHAR), 9, '0') AS client, i AS line,
  CASE WHEN hash(i, 1) % 20 > 0 THEN CAST(18000 + hash(i, 2) % 2500 AS BIGINT) END AS last,
  CAST(1 + hash(i, 3) % 4 AS DOUBLE) AS confidence, '' AS confidence__why
FROM range({clients}) AS one(i)""",
    "spells": """
SELECT 'c' || lpad(CAST(i AS VARCHAR), 9, '0') AS client, i * 4 + k AS line,
  'p' || CAST(hash(i, k, 4) % 5000 AS VARCHAR) AS who,
  CAST(17000 + hash(i, 5) % 600 + k * 400 AS BIGINT) AS start,
  CAST(17000 + hash(i, 5) % 600 + k * 400 + 30 + hash(i, k, 6) % 360 AS BIGINT) AS end
FROM range({clients}) AS one(i), range(4) AS two(k) WHERE hash(i, 7) % 16 < [16, 8, 3, 1][k + 1]""",
    "ratings": """
SELECT 'c' || lpad(CAST((i * 7919) % {clients} AS VARCHAR), 9, '0') AS client, i AS line,
  CAST(17000 + hash(i, 8) % 1400 AS BIGINT) AS day,
  CASE WHEN hash(i, 9) % 25 > 0 THEN (4 + hash(i, 10) % 17) / 4.0e0 END AS rapport
FROM range({ratings}) AS one(i)""",
    "outcomes": """
SELECT 'c' || lpad(CAST(hash(i, 11) % {clients} AS VARCHAR), 9, '0') AS client, i AS line,
  CAST(16900 + hash(i, 12) % 2400 AS BIGINT) AS day
FROM range({clients} // 2) AS one(i)""",
}
COMPARED = ("job", "rapport", "rapport__ratings", "observed_days", "confidence")


@dataclass(frozen=True)
class Row:
    """One comparison."""

    ratings: int
    case: str
    cpu: str
    peak_memory: str
    beside: str
    cpu_ratio: str
    memory_ratio: str
    target: str
    met: str


def made(folder: Path, ratings: int) -> None:
    """The four files of a service with so many ratings."""
    with duckdb.connect() as connection:
        for name, text in FILES.items():
            query = text.format(clients=ratings // PER_CLIENT, ratings=ratings)
            connection.execute(f"COPY ({query}) TO '{folder / name}.parquet' (FORMAT parquet)")


def once(way: str, folder: Path, memory: str | None = None) -> dict[str, float]:
    """Run one way in a process of its own."""
    output = folder / f"{way}_out.parquet"
    command = [sys.executable, str(HERE / "linkage_once.py"), way, str(folder), str(output)]
    command += ["--memory", memory] if memory else []
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)}\n{ended.stderr}")
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def agreed(folder: Path, ways: tuple[str, ...]) -> None:
    """Stop unless every way gave the same rows, means within 1e-12."""
    ours = f"'{folder}/package_out.parquet'"
    for way in ways:
        differ = " OR ".join(
            f"ABS(COALESCE(a.{name}, -1) - COALESCE(CASE WHEN NOT isnan(CAST(b.{name} AS DOUBLE)) "
            f"THEN b.{name} END, -1)) > 1e-12"
            for name in COMPARED
        )
        found = duckdb.sql(
            f"SELECT COUNT(*), COUNT(*) FILTER (WHERE b.client IS NULL OR {differ}) "
            f"FROM {ours} a FULL JOIN '{folder}/{way}_out.parquet' b "
            "ON a.client = b.client AND a.episode = b.episode"
        ).fetchall()[0]
        print(f"{way}: {found[0]} episodes, {found[1]} differ")
        if found[1]:
            raise SystemExit(f"{way} gives other rows")


def compared(folder: Path, ratings: int, rounds: int, with_pandas: bool) -> list[Row]:
    """The package beside the other ways, round by round."""
    peers = ("hand", *(("pandas",) if with_pandas else ()))
    told: dict[str, list[dict[str, float]]] = {way: [] for way in ("package", *peers)}
    for number in range(rounds):
        # nobody is always first
        order = list(told) if number % 2 else list(reversed(told))
        for way in order:
            told[way].append(once(way, folder))
    agreed(folder, peers)
    ours = told["package"]
    rows = []
    for way, case, target in (
        ("hand", "DuckDB SQL by hand", 1.15),
        ("pandas", "pandas merge and groupby", 1 / 2.5),
    ):
        if way not in told:
            continue
        cpu, peak = (
            statistics.median(a[key] / b[key] for a, b in zip(ours, told[way], strict=True))
            for key in ("cpu", "peak")
        )
        met = cpu <= target and (way == "hand" or peak <= 1 / 3)
        wanted = "<= 1.15x CPU" if way == "hand" else "<= 1/2.5 of CPU, <= 1/3 of memory"
        rows.append(
            Row(ratings, "the package", _cpu(ours), _peak(ours),
                f"{case}: {_cpu(told[way])}, {_peak(told[way])}",
                f"{cpu:.2f}", f"{peak:.2f}", wanted, "yes" if met else "no")
        )  # fmt: skip
    return rows


def limited(folder: Path, ratings: int, rounds: int, memory: str) -> Row:
    """The package with little memory beside itself with plenty."""
    pairs = [(once("package", folder, memory), once("package", folder)) for _ in range(rounds)]
    tight, free = [a for a, _ in pairs], [b for _, b in pairs]
    cpu, peak = (statistics.median(a[key] / b[key] for a, b in pairs) for key in ("cpu", "peak"))
    return Row(ratings, f"limit {memory}", _cpu(tight), _peak(tight),
               f"without a limit: {_cpu(free)}, {_peak(free)}",
               f"{cpu:.2f}", f"{peak:.2f}", "finishes, <= 2x CPU",
               "yes" if cpu <= 2 else "no")  # fmt: skip


def large(folder: Path, ratings: int, memory: str) -> Row:
    """A join that has to finish under a limit."""
    told = [once("package", folder, memory)]
    return Row(ratings, f"limit {memory}", _cpu(told), _peak(told), "", "", "", "finishes", "yes")


def _cpu(told: list[dict[str, float]]) -> str:
    return f"{statistics.median(one['cpu'] for one in told):.1f} s"


def _peak(told: list[dict[str, float]]) -> str:
    return f"{statistics.median(one['peak'] for one in told) / 1024:.2f} GB"


def written(rows: list[Row], output: Path, command: str) -> None:
    """The table as CSV and Markdown."""
    output.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(output / "table.csv", index=False)
    versions = [f"{name} {metadata.version(name)}" for name in ("duckdb", "pandas", "pyarrow")]
    heads = list(Row.__annotations__)
    lines = [
        "# Joining ratings to outcomes",
        "",
        f"    {command}",
        "",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"{', '.join(versions)}; {os.cpu_count()} cores.",
        "From Parquet to Parquet, fourteen ratings and 1.75 episodes a client. CPU time (user and "
        "system, all threads) after",
        "imports and peak memory of a process of its own; ratio: the package's by the other's in "
        "the same round, median over",
        "rounds. Every way gives the same rows.",
        "",
        f"| {' | '.join(head.replace('_', ' ') for head in heads)} |",
        f"|{'---|' * len(heads)}",
        *("| " + " | ".join(str(held) for held in vars(row).values()) + " |" for row in rows),
        "",
    ]
    (output / "table.md").write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ratings", type=int, default=10_000_000)
    parser.add_argument("--large", type=int, default=50_000_000, help="0 leaves it out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("reports/benchmarks/linkage"))
    wanted = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made(folder, wanted.ratings)
        rows += compared(folder, wanted.ratings, wanted.rounds, with_pandas=True)
        rows.append(limited(folder, wanted.ratings, wanted.rounds, "250MB"))
    if wanted.large:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            made(folder, wanted.large)
            rows.append(large(folder, wanted.large, "1GB"))
    for row in rows:
        print(" | ".join(str(held) for held in vars(row).values()))
    written(rows, wanted.output, " ".join(["python", "benchmarks/linkage.py", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
