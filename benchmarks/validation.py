"""CPU time and peak memory of reading and checking a messy extract of a million rows.

    python benchmarks/validation.py [--rows 1000000] [--rounds 7] [--output FOLDER]

`read_data` on a messy file stands beside plain typed reads of its clean twin (pandas, DuckDB),
which check nothing, and beside its own checks written by hand as one pass of SQL over text
columns. Each measurement is a process of its own: it loads its libraries and reads a small copy
first, told apart, and then reads the large file once. All take turns in each round; a ratio is
the median over rounds of ours by the other's.
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

from measured import peak_memory, tell

SMALL, LIMIT = 1_000, 2.0
OURS = "read_data, messy file"
PLAIN = "pandas.read_csv, C engine, clean twin"
# what is found at a few places must be what the SQL finds there
FOUND = {
    "row repeated exactly": "repeated",
    "key (rating_id) occurs more than once": "shared",
    "leading zeros restored": "padded",
    "blank client id": "no_client",
    "a percentage where a number is needed": "percent",
    "a comma in a number": "comma",
    "not a number": "no_number",
    "not a date in the declared formats": "no_date",
    "a date outside 1900-01-01 to 2099-12-31": "far",
}


def ours(name: str) -> Callable[[Path], tuple[int, object]]:
    """The package's reader."""
    from messy import Extract

    from deepvalue_stats.data import read_data

    def read(folder: Path) -> tuple[int, object]:
        extract = Extract(folder)
        data = read_data(extract.plan(getattr(extract, name)), folder=folder)["ratings"]
        counts = {
            FOUND[one.what]: (one.count, one.first_line)
            for one in data.problems
            if one.what in FOUND
        }
        return len(data.frame), counts

    return read


def in_sql(*, frame: bool) -> Callable[[Path], tuple[int, object]]:
    """The same checks in SQL."""
    from in_sql import read_in_sql

    def read(folder: Path) -> tuple[int, object]:
        rows, _, found = read_in_sql(folder / "messy.csv", frame=frame)
        return rows, {name: found[name] for name in FOUND.values() if found[name][0]}

    return read


def pandas_typed(engine: str) -> Callable[[Path], tuple[int, object]]:
    """A plain read with declared types."""
    import pandas as pd
    from messy import ITEMS

    texts = ("rating_id", "client_id", "adviser_id", "adviser_name")
    types = {**dict.fromkeys(texts, "str"), **dict.fromkeys([*ITEMS, "debt"], "float64")}

    def read(folder: Path) -> tuple[int, object]:
        frame = pd.read_csv(
            folder / "clean.csv", dtype=types, parse_dates=["rated_on"], engine=engine
        )
        assert frame["rated_on"].dtype.kind == "M"
        return len(frame), None

    return read


def duckdb_typed(*, frame: bool) -> Callable[[Path], tuple[int, object]]:
    """A plain read with declared types, into a table or a frame."""
    import duckdb
    from messy import COLUMNS, ITEMS

    kinds = {**dict.fromkeys([*ITEMS, "debt"], "DOUBLE"), "rated_on": "DATE"}
    types = ", ".join(f"'{name}': '{kinds.get(name, 'VARCHAR')}'" for name in COLUMNS)
    sql = f"SELECT * FROM read_csv($1, header = true, columns = {{{types}}})"

    def read(folder: Path) -> tuple[int, object]:
        path = [str(folder / "clean.csv")]
        with duckdb.connect() as connection:
            if frame:
                return len(connection.execute(sql, path).df()), None
            connection.execute(f"CREATE TABLE typed AS {sql}", path)
            count = connection.execute("SELECT count(*) FROM typed").fetchone()
            assert count is not None
            return count[0], None

    return read


CONTESTANTS: dict[str, Callable[[], Callable[[Path], tuple[int, object]]]] = {
    OURS: lambda: ours("messy"),
    "read_data, clean twin": lambda: ours("clean"),
    PLAIN: lambda: pandas_typed("c"),
    "pandas.read_csv, pyarrow engine, clean twin": lambda: pandas_typed("pyarrow"),
    "DuckDB read_csv to a table, clean twin": lambda: duckdb_typed(frame=False),
    "DuckDB read_csv to a frame, clean twin": lambda: duckdb_typed(frame=True),
    "the checks in SQL to a table, messy file": lambda: in_sql(frame=False),
    "the checks in SQL to a frame, messy file": lambda: in_sql(frame=True),
}


def measure(name: str, folder: Path) -> None:
    """Make one measurement in this process, and tell it."""
    before = time.process_time()
    read = CONTESTANTS[name]()
    read(folder / "small")
    started, clock = time.process_time(), time.perf_counter()
    rows, found = read(folder)
    seconds, wall = time.process_time() - started, time.perf_counter() - clock
    start = started - before
    tell(start=start, seconds=seconds, wall=wall, peak=peak_memory(), rows=rows, found=found)


def _run(name: str, folder: Path) -> dict[str, object]:
    command = [sys.executable, "-W", "ignore", __file__, "--measure", name, "--folder", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)}\n{ended.stderr}")
    return dict(json.loads(ended.stdout.splitlines()[-1]))


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    read: str
    rows_kept: int
    cpu: str
    wall: str
    start: str
    peak: str
    ratio: str
    target: str
    met: str


def table(folder: Path, rounds: int) -> list[Row]:
    """Take turns, and compare."""
    found: dict[str, list[dict[str, object]]] = {name: [] for name in CONTESTANTS}
    for i in range(rounds):
        for name, held in found.items():
            held.append(_run(name, folder))
            print(f"{i + 1}/{rounds} {name}: {held[-1]['seconds']:.2f} s", flush=True)
    mine = found[OURS]
    for name, held in found.items():
        if "SQL" in name and (held[0]["found"], held[0]["rows"]) != (
            mine[0]["found"],
            mine[0]["rows"],
        ):
            raise SystemExit(f"{name} finds other troubles:\n{held[0]}\n{mine[0]}")
    return [_row(name, mine, held) for name, held in found.items()]


def _row(name: str, mine: list[dict[str, object]], held: list[dict[str, object]]) -> Row:
    def middle(key: str) -> float:
        return statistics.median(float(one[key]) for one in held)  # type: ignore[arg-type]

    pairs = zip(mine, held, strict=True)
    ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in pairs)  # type: ignore[operator]
    target = name == PLAIN
    return Row(
        read=name,
        rows_kept=int(held[0]["rows"]),  # type: ignore[call-overload]
        cpu=f"{middle('seconds'):.2f} s",
        wall=f"{middle('wall'):.2f} s",
        start=f"{middle('start'):.2f} s",
        peak=f"{max(float(one['peak']) for one in held):.0f} MB",  # type: ignore[arg-type]
        ratio="" if name == OURS else f"{ratio:.2f}",
        target=f"<= {LIMIT:g}" if target else "",
        met=("yes" if ratio <= LIMIT else "no") if target else "",
    )


def written(rows: list[Row], output: Path, command: str, size: str) -> None:
    """The table as CSV and Markdown."""
    import pandas as pd

    output.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(output / "table.csv", index=False)
    names = ("numpy", "numba", "pandas", "pyarrow", "duckdb")
    version = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    heads = ["read", "rows kept", "CPU", "wall", "start", "peak", "ours / this", "target", "met"]
    lines = [
        "# Reading and checking a messy extract",
        "",
        f"    {command}",
        "",
        f"{machine}, {version}; {os.cpu_count()} cores. {size}",
        "Messy: cp1252 with quoted cells, three forms of date, lost zeros, blank ids, suppressed "
        "and missing tokens, items",
        "out of range, numbers as text, repeated rows and shared keys; faulty rows are excluded "
        "with a counted reason. Clean",
        "twin: the same rows in utf-8 without any of it, read without a check. The checks in SQL "
        "are written by hand for",
        "this one plan; they find the same counts and first lines. CPU (user and system, all "
        "threads), median over rounds of",
        "processes of their own; start is loading and a first small read, before; peak resident "
        "memory, the largest. Ratio:",
        "median over paired rounds of the CPU time of the first line by this one's. One CPU second "
        "on a shared machine is",
        "not always the same second: read ratios as good to about a quarter.",
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
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path("reports/benchmarks/validation"))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    wanted = _arguments()
    if wanted.measure:
        measure(wanted.measure, wanted.folder)
        return
    from messy import make

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        extract = make(folder, wanted.rows)
        (folder / "small").mkdir()
        make(folder / "small", SMALL)
        sizes = [(folder / name).stat().st_size / 1e6 for name in (extract.messy, extract.clean)]
        size = f"{wanted.rows} rows of 12 columns, {sizes[0]:.0f} and {sizes[1]:.0f} MB."
        rows = table(folder, wanted.rounds)
    written(
        rows, wanted.output, " ".join(["python", "benchmarks/validation.py", *sys.argv[1:]]), size
    )
    print((wanted.output / "table.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
