"""What benches with one table share: their options, and how the table is written."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd


def arguments(
    command: str, says: str, *, replicates: int, of: str, seed: int, folder: str
) -> argparse.ArgumentParser:
    """The options of a bench.

    Parameters
    ----------
    command, says : str
    replicates : int
        Unless asked otherwise; `of` says what each of them is.
    of : str
    seed : int
    folder : str
    """
    parser = argparse.ArgumentParser(prog=command, description=says)
    parser.add_argument("--replicates", type=int, default=replicates, help=of)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--output", type=Path, default=Path(folder))
    return parser


def write_table(folder: Path, table: pd.DataFrame, text: str) -> int:
    """Write a table as CSV and as a page in words, and give the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "table.csv", index=False)
    (folder / "table.md").write_text(text, encoding="utf-8")
    sys.stdout.write(f"Wrote {folder / 'table.csv'} and table.md\n")
    return 0
