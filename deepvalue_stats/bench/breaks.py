"""Whether effects of breaks are found where they grow, and how honest their intervals are.

Panels of families with planted breaks: in `breaks_hurt` advisers leave at different times for
reasons of their own, and each year after costs more; in `null` nothing costs anything, and some
families change adviser on their own account. The truth is counted by the generator over a large
draw, without any model: the chance of the outcome as it came about less what it would have been
had nobody changed, over the families and waves that an estimate is of.

`python -m deepvalue_stats.bench.breaks --help` writes the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from deepvalue_stats.bench.tables import arguments, write_table
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import BreakEffects, bacon_weights, break_effects, trend_bounds
from deepvalue_stats.models.breaks.group_times import Covariance
from deepvalue_stats.simulate import draw_families
from deepvalue_stats.simulate.families.course import OUTSIDE, STAYED
from deepvalue_stats.simulate.families.draw import draw_panel
from deepvalue_stats.simulate.families.presets import family_parameters
from deepvalue_stats.simulate.families.truth import breaks_of

COMMAND = "python -m deepvalue_stats.bench.breaks"
FAMILIES, TRUTH_FAMILIES, TRUTH_SEED = 55, 100_000, 11
SEED, BLOCK, LEVEL = 20, 50, 0.95
COLUMNS: dict[str, Any] = {
    "outcome": "outcome",
    "client": "client",
    "time": "wave",
    "practitioner": "practitioner",
    "reason": "reason",
    "outside": ("outside",),
}
OVERALL, TESTED, BAND, SLOPES = "overall", "test of leads", "joint band", "bound, multiple 1"


@dataclass(frozen=True)
class Cell:
    """A design.

    Attributes
    ----------
    preset : str
    services : int
        Of five advisers and 55 families each.
    strata : str
        service, or empty.
    """

    preset: str
    services: int
    strata: str


CELLS = (
    Cell("breaks_hurt", 24, ""),
    Cell("breaks_hurt", 24, "service"),
    Cell("breaks_hurt", 6, ""),
    Cell("null", 24, ""),
    Cell("null", 24, "service"),
    Cell("null", 6, ""),
    Cell("null", 3, ""),
)


@lru_cache(maxsize=8)
def truth(preset: str) -> dict[str, float]:
    """Count what breaks did: at each wave since the change, and over all of them.

    Of families whose first change was for a reason outside the dyad, at interviews before a second
    one, who were interviewed the wave before the change.

    Parameters
    ----------
    preset : str
    """
    services = TRUTH_FAMILIES // FAMILIES
    p = family_parameters(preset, services=services, families=services * FAMILIES)
    draw = draw_panel(p, TRUTH_SEED)
    found, course = breaks_of(draw), draw.course
    changes = np.cumsum(course.reason != STAYED, axis=1)
    first = np.maximum(found.first, 1)
    base = np.take_along_axis(draw.interviewed, (first - 1)[:, None], axis=1)
    cells = (found.reason == OUTSIDE)[:, None] & (changes == 1) & draw.interviewed & base
    since = np.arange(p.waves) - found.first[:, None]
    told = {OVERALL: float(found.total[cells].mean())}
    for time in np.unique(since[cells]):
        told[str(time)] = float(found.total[cells & (since == time)].mean())
    return told


def replicate(cell: Cell, seed: int) -> Iterator[dict[str, object]]:
    """What each method says of one panel: a row a method and target.

    Parameters
    ----------
    cell : Cell
    seed : int
    """
    rows = draw_families(
        cell.preset, seed, services=cell.services, families=cell.services * FAMILIES
    )
    known = truth(cell.preset)
    kinds: tuple[Covariance, ...] = ("clustered", "influence", "jackknife")
    for covariance in kinds:
        try:
            found = break_effects(rows, **COLUMNS, strata=cell.strata or (), covariance=covariance)
        except ModelError:
            # in a small panel it may be that no adviser leaves, or one
            return
        yield from _said(found, covariance, known)
    if not cell.strata:
        fit = bacon_weights(rows, **COLUMNS)
        half = 1.96 * fit.std_error
        yield _row(
            "two-way fixed effects", OVERALL, fit.estimate, half, known[OVERALL], fit.std_error
        )
        yield {"method": "two-way fixed effects", "target": "forbidden", "estimate": fit.forbidden}


def _said(found: BreakEffects, method: str, known: dict[str, float]) -> Iterator[dict[str, object]]:
    for row in (*found.curve, found.overall):
        name = OVERALL if row.event_time is None else str(row.event_time)
        true = known.get(name, 0.0)
        yield _row(method, name, row.estimate, row.conf_high - row.estimate, true, row.std_error)
    inside = [
        row.joint_low <= known.get(str(row.event_time), 0.0) <= row.joint_high
        for row in found.curve
        if np.isfinite(row.joint_low)
    ]
    yield {"method": method, "target": BAND, "missed": not all(inside)}
    if np.isfinite(found.pretrend.p_value):
        yield {"method": method, "target": TESTED, "missed": found.pretrend.p_value < 1 - LEVEL}
    try:
        bound = trend_bounds(found, multiples=(1.0,)).rows[0]
    except ModelError:
        return
    outside = not bound.conf_low <= known[OVERALL] <= bound.conf_high
    yield {"method": method, "target": SLOPES, "missed": outside}


def _row(
    method: str, target: str, estimate: float, half: float, true: float, std_error: float
) -> dict[str, object]:
    missed = np.nan if np.isnan(half) else float(abs(estimate - true) > half)
    return {
        "method": method,
        "target": target,
        "truth": true,
        "estimate": estimate,
        "std_error": std_error,
        "missed": missed,
    }


def block(cell: Cell, replicates: int, seed: int) -> pd.DataFrame:
    """Replicates of a cell, a row a method and target of each.

    Parameters
    ----------
    cell : Cell
    replicates : int
    seed : int
        Of the first; the others follow.
    """
    rows = (row for place in range(replicates) for row in replicate(cell, seed + place))
    return pd.DataFrame(list(rows)).astype({"missed": "float64"})


def score(cell: Cell, found: pd.DataFrame, replicates: int) -> pd.DataFrame:
    """Bias and coverage of every method and target, with the band of an honest one.

    Parameters
    ----------
    cell : Cell
    found : pandas.DataFrame
        Of `block`.
    replicates : int
    """
    rows = []
    for (method, target), part in found.groupby(["method", "target"], sort=False):
        said = part["missed"].dropna()
        missed = float(said.mean()) if len(said) else np.nan
        wide = 3 * np.sqrt(LEVEL * (1 - LEVEL) / max(len(said), 1))
        beyond = missed - (1 - LEVEL)
        verdict = "holds" if abs(beyond) <= wide else "too often" if beyond > 0 else "too seldom"
        rows.append(
            {
                **vars(cell),
                "method": method,
                "target": target,
                "replicates": replicates,
                "silent": replicates - len(said),
                "truth": round(float(part["truth"].mean()), 4),
                "mean": round(float(part["estimate"].mean()), 4),
                "bias": round(float((part["estimate"] - part["truth"]).mean()), 4),
                "spread": round(float(part["estimate"].std()), 4),
                "std_error": round(float(part["std_error"].mean()), 4),
                "missed": round(missed, 4),
                "verdict": verdict if len(said) else "",
            }
        )
    return pd.DataFrame(rows)


def run(
    cells: tuple[Cell, ...] = CELLS, replicates: int = 500, seed: int = SEED, workers: int = 1
) -> pd.DataFrame:
    """The whole table.

    Parameters
    ----------
    cells : tuple of Cell
    replicates : int
        Of each cell.
    seed, workers : int
    """
    starts = range(0, replicates, BLOCK)
    done = Parallel(n_jobs=workers)(
        delayed(block)(cell, min(BLOCK, replicates - start), 1000 * seed + start)
        for cell in cells
        for start in starts
    )
    size = len(starts)
    return pd.concat(
        [
            score(cell, pd.concat(done[i * size : (i + 1) * size], ignore_index=True), replicates)
            for i, cell in enumerate(cells)
        ],
        ignore_index=True,
    )


def page(table: pd.DataFrame) -> str:
    """The table in words.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `run`.
    """
    replicates = int(table["replicates"].iloc[0])
    wide = 3 * np.sqrt(LEVEL * (1 - LEVEL) / replicates)
    columns = ("preset", "services", "strata", "method", "target", "truth", "mean", "bias",
               "spread", "std_error", "missed", "silent")  # fmt: skip
    lines = [
        "# Effects of breaks",
        "",
        f"{replicates:,} panels of each design: services of five advisers and {FAMILIES} families,",
        "six waves. Truth, mean, bias, spread and standard error are differences in the chance of",
        "the outcome; missed is the share of 95% intervals without the truth (of a test, how often",
        f"it rejects at 5%). An honest one is between {1 - LEVEL - wide:.3f} and",
        f"{1 - LEVEL + wide:.3f}; + misses too often, - too seldom. Targets: waves since the",
        "change, or their average over client-waves. Of the regression, forbidden is the share of",
        "weight on clients who had changed before. Silent: panels without an answer.",
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    marks = {"holds": "", "too often": " +", "too seldom": " -", "": ""}
    for _, row in table.iterrows():
        cells = [
            "" if isinstance(row[name], float) and np.isnan(row[name]) else str(row[name])
            for name in columns
        ]
        cells[columns.index("missed")] += marks[str(row["verdict"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Made by `{COMMAND} --replicates {replicates}`.", ""])


def main() -> int:
    """Write the table."""
    options = arguments(
        COMMAND,
        "Bias and coverage of effects of breaks.",
        replicates=500,
        of="panels of each design",
        seed=SEED,
        folder="reports/breaks",
    )
    told = options.parse_args()
    table = run(CELLS, told.replicates, told.seed, told.workers)
    return write_table(told.output, table, page(table))


if __name__ == "__main__":
    sys.exit(main())
