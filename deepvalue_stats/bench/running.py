"""Many replicates of every preset, in parallel, and taken up again where they were left."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from deepvalue_stats.bench.estimators import ESTIMATORS, NUMBERS, estimated
from deepvalue_stats.bench.judging import judged, judged_across, sensitivity
from deepvalue_stats.bench.samples import (
    bench_parameters,
    bench_plan,
    samples_of,
    seed_of,
    truths_of,
)
from deepvalue_stats.errors import PlanError
from deepvalue_stats.models.multilevel.threads import few_threads
from deepvalue_stats.simulate import PRESETS, analysis_table, draw_service

SEED = 20110523
BLOCK = 50
# covariates are left out in turn in one replicate of so many: their mean needs no more
BENCHMARKED = 5
# what a stored number rests on; pages and figures are made anew from the blocks each time
CODE = (
    "bench/estimators.py",
    "bench/judging.py",
    "bench/plans.py",
    "bench/running.py",
    "bench/samples.py",
    "data/dataset.py",
    "effects",
    "equity",
    "linkage/rows.py",
    "measures",
    "models",
    "plan",
    "simulate",
    "study",
    "tables.py",
    "verdicts",
)

Payload = dict[str, list[dict[str, Any]]]
Progress = Callable[[int, int], None]
TABLES = ("truths", "estimates", "verdicts")


@dataclass(frozen=True)
class BenchResults:
    """What all replicates gave.

    Attributes
    ----------
    truths : pandas.DataFrame
        preset, area, score, estimand, truth.
    estimates : pandas.DataFrame
        preset, area, replicate, score, estimator, estimand, the numbers and the status.
    verdicts : pandas.DataFrame
        One row a preset, area and replicate: see `judging.judged` and `judging.sensitivity`.
    """

    truths: pd.DataFrame
    estimates: pd.DataFrame
    verdicts: pd.DataFrame


@dataclass(frozen=True)
class Block:
    """Some replicates of a preset, from `first` up to and without `last`."""

    preset: str
    first: int
    last: int
    seed: int

    def path(self, folder: Path, code: str) -> Path:
        """Where its results are kept: a name that changes with all that they rest on."""
        parameters = bench_parameters(self.preset)
        plans = [bench_plan(self.preset, area).digest for area in parameters.areas]
        preset = asdict(PRESETS[self.preset])
        preset["changes"] = {key: repr(value) for key, value in preset["changes"].items()}
        what = [asdict(parameters), preset, plans, list(ESTIMATORS), self.seed, code]
        digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        return folder / f"{self.preset}-{self.first:05d}-{self.last:05d}-{digest[:16]}.json"


def run_bench(
    presets: Iterable[str] = tuple(PRESETS),
    *,
    replicates: int,
    folder: Path,
    seed: int = SEED,
    workers: int = 1,
    progress: Progress | None = None,
) -> BenchResults:
    """Simulate, estimate and judge every preset many times.

    Parameters
    ----------
    presets : iterable of str
    replicates : int
        Areas analysed of each preset: a service of three areas counts as three.
    folder : Path
        Work folder for finished blocks of replicates: a run that was broken off goes on from
        there. Blocks of other parameters, plans, versions or code are not used.
    seed : int
    workers : int
        Processes; results do not depend on their number. A backend of the caller's own
        (`joblib.parallel_config`) is used where there is one.
    progress : callable, optional
        Called with the number of blocks done and of all blocks.

    Returns
    -------
    BenchResults
        In the order of presets and replicates.

    Raises
    ------
    PlanError
        A preset is not known, or there is no replicate to run.
    """
    names = tuple(presets)
    _require(names, replicates)
    folder.mkdir(parents=True, exist_ok=True)
    code = code_digest()
    places = {block: block.path(folder, code) for block in _blocks(names, replicates, seed)}
    open_ones = [block for block, path in places.items() if not path.is_file()]
    say = progress or (lambda _done, _all: None)
    say(len(places) - len(open_ones), len(places))
    made = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)(
        delayed(_run)(block, places[block]) for block in open_ones
    )
    for number, _ in enumerate(made, start=len(places) - len(open_ones) + 1):
        say(number, len(places))
    return _gathered(list(places.values()))


def run_block(block: Block) -> Payload:
    """Run the replicates of one block, on one thread."""
    estimates: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    # one thread whatever the number of rows: other blocks run beside this one
    with few_threads(0):
        truths = list(truths_of(block.preset))
        parameters = bench_parameters(block.preset)
        for replicate in range(block.first, block.last):
            draw = draw_service(parameters, seed_of(block.preset, replicate, block.seed))
            samples = list(samples_of(block.preset, analysis_table(draw)))
            across = judged_across([one for _, one in samples if one.score == "observed"])
            for area, sample in samples:
                place = {"preset": block.preset, "area": area, "replicate": replicate}
                estimates += [{**place, **row} for row in estimated(sample)]
                if sample.score == "observed":
                    warned = sensitivity(sample, benchmark=replicate % BENCHMARKED == 0)
                    size = {"clients": len(sample.rows.frame)}
                    verdicts.append({**place, **size, **judged(sample), **across, **warned})
    return {"truths": truths, "estimates": estimates, "verdicts": verdicts}


def code_digest() -> str:
    """A digest of the version and of the code that numbers rest on."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(version("deepvalue-stats").encode())
    for name in CODE:
        place = root / name
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _require(names: Sequence[str], replicates: int) -> None:
    for name in names:
        bench_parameters(name) if name in PRESETS else _refuse_preset(name)
    if replicates < 1:
        raise PlanError("there is no replicate to run", "replicates", "ask for 1 or more")


def _refuse_preset(name: str) -> None:
    raise PlanError(f"there is no preset '{name}'", "presets", f"use some of {', '.join(PRESETS)}")


def _blocks(names: Sequence[str], replicates: int, seed: int) -> list[Block]:
    """Lay out the blocks of every preset; of several areas each counts as a replicate."""
    blocks = []
    for name in names:
        last = math.ceil(replicates / len(bench_parameters(name).areas))
        starts = range(0, last, BLOCK)
        blocks += [Block(name, first, min(first + BLOCK, last), seed) for first in starts]
    return blocks


def _run(block: Block, path: Path) -> None:
    """Run a block and write it, complete or not at all."""
    payload = {name: _columns(rows) for name, rows in run_block(block).items()}
    staged = path.with_suffix(f".{os.getpid()}.part")
    staged.write_text(json.dumps(payload, allow_nan=False), encoding="utf-8", newline="\n")
    os.replace(staged, path)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns, of plain values, with nothing in the place of what is not there."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_plain(row.get(name)) for row in rows] for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _gathered(paths: list[Path]) -> BenchResults:
    held = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    frames = {
        name: pd.concat([pd.DataFrame(one[name]) for one in held], ignore_index=True)
        for name in TABLES
    }
    truths = frames["truths"].drop_duplicates(ignore_index=True)
    # a column in which a whole block has no number arrives as text
    numbers = dict.fromkeys(NUMBERS, "float64")
    return BenchResults(truths, frames["estimates"].astype(numbers), frames["verdicts"])
