"""Whether tests of invariance hold their size, and name the item that differs.

Answers to a scale of six items with five categories are drawn for clients of practitioners who
differ in how they are seen, and item by item: one practitioner is known for being on time, another
for explaining well. Groups are bands of confidence, which reach over practitioners, or service
areas, each of which has practitioners of its own. In half of the services an item is answered half
a point higher in one group than the same relationship warrants.

`python -m deepvalue_stats.bench.invariance --help` writes the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from deepvalue_stats.measures.factors.invariance import (
    Invariance,
    invariance,
    joined_categories,
)
from deepvalue_stats.measures.factors.model import Items
from deepvalue_stats.measures.factors.structure import one_factor

ITEMS = tuple(f"item {number}" for number in range(1, 7))
PLANTED = ITEMS[2]
LOADINGS = np.linspace(0.7, 1.0, len(ITEMS))
CLIENTS = 20  # of each practitioner
BETWEEN, WITHIN, BY_ITEM, LEFT = 0.4, 0.9, 0.35, 0.7  # standard deviations
MIDDLE, CATEGORIES = 3.4, (1, 5)
GAP = 0.3  # in the relationship itself: invariance is not having the same relationships
SHIFT = 0.5
LEVEL = 0.05
LEAST = 10  # answers in each category and group, as in a study

Across = Literal["bands", "areas"]


@dataclass(frozen=True)
class Setting:
    """One kind of service.

    Attributes
    ----------
    kind : str
        How items are taken: continuous or ordinal.
    across : str
        bands: clients of one practitioner are in both groups; areas: in one.
    practitioners : int
    planted : bool
        Whether an item differs between the groups.
    """

    kind: Items
    across: Across
    practitioners: int
    planted: bool


KINDS: tuple[Items, ...] = ("continuous", "ordinal")
GROUPS: tuple[Across, ...] = ("bands", "areas")
SETTINGS = tuple(
    Setting(kind, across, practitioners, planted)
    for kind, across, practitioners, planted in product(KINDS, GROUPS, (30, 100), (False, True))
)


def draw_answers(
    setting: Setting, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers (n, 6) from 1 to 5, group (0, 1) and practitioner of every client."""
    count = setting.practitioners
    whose = np.repeat(np.arange(count), CLIENTS)
    n = len(whose)
    group = whose % 2 if setting.across == "areas" else rng.integers(0, 2, n)
    between = rng.normal(0, BETWEEN, count)[whose]
    relationship = GAP * group + between + rng.normal(0, WITHIN, n)
    known_for = rng.normal(0, BY_ITEM, (count, len(ITEMS)))[whose]
    seen = MIDDLE + relationship[:, None] * LOADINGS + known_for
    seen += rng.normal(0, LEFT, seen.shape)
    if setting.planted:
        seen[:, ITEMS.index(PLANTED)] += SHIFT * group
    return np.clip(np.round(seen), *CATEGORIES), group, whose


def replicate(setting: Setting, seed: int) -> dict[str, object]:
    """One service: what is found with and without allowing for practitioners."""
    rng = np.random.default_rng([seed, SETTINGS.index(setting)])
    answers, group, whose = draw_answers(setting, rng)
    if setting.kind == "ordinal":
        answers = joined_categories(answers, group, LEAST)
    structure = one_factor(ITEMS)
    careful = invariance(answers, structure, group, kind=setting.kind, clusters=whose)
    hasty = invariance(answers, structure, group, kind=setting.kind)
    return {
        "kind": setting.kind,
        "across": setting.across,
        "practitioners": setting.practitioners,
        "planted": setting.planted,
        **{f"careful_{name}": value for name, value in _found(careful).items()},
        **{f"hasty_{name}": value for name, value in _found(hasty).items()},
    }


def _found(alike: Invariance) -> dict[str, object]:
    """Whether metric and scalar steps are rejected, what is allowed, and which items are named."""
    p_values = {step.name: step.difference.p_value for step in alike.steps}
    rejected: dict[str, object] = {
        name: float(p_values[name] < LEVEL) if name in p_values else np.nan
        for name in ("metric", "scalar")
    }
    return rejected | {
        "means": alike.comparable == "means",
        "named": PLANTED in alike.partial,
        "wrongly_named": bool(set(alike.partial) - {PLANTED}),
    }


def summary(lines: pd.DataFrame) -> pd.DataFrame:
    """Shares over services."""
    keys = ["kind", "across", "practitioners", "planted"]
    found = lines.groupby(keys, sort=False).mean(numeric_only=True)
    found.insert(0, "services", lines.groupby(keys, sort=False).size())
    return found.reset_index()


def written(found: pd.DataFrame, output: Path, command: str) -> None:
    """The table as CSV and Markdown."""
    output.mkdir(parents=True, exist_ok=True)
    found.round(4).to_csv(output / "table.csv", index=False)
    services = int(found["services"].iloc[0])
    lines = [
        "# Tests of invariance with clients nested in practitioners",
        "",
        f"    {command}",
        "",
        f"{services} made-up services a line, {CLIENTS} clients a practitioner, six items of five "
        "categories. Clients of one practitioner",
        "are alike in the relationship and item by item. Shares of services in which the metric "
        f"and the scalar step are rejected at {LEVEL:.2f},",
        "by the test that allows for practitioners and by the one that does not; in which means "
        "may be compared; in which the item that",
        "differs is named, and another one is. Monte Carlo error of a share of .05: "
        f"{np.sqrt(0.05 * 0.95 / services):.3f}.",
        "",
        "Without a planted item the rejections are the test's size, to be .05.",
        "",
        "| items as | groups | practitioners | an item differs | metric | scalar | without "
        "practitioners: metric | scalar | means allowed | item named | another named |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(_line(row) for _, row in found.iterrows()),
        "",
    ]
    (output / "table.md").write_text("\n".join(lines), encoding="utf-8")


def _line(row: pd.Series) -> str:
    shares = (
        "careful_metric",
        "careful_scalar",
        "hasty_metric",
        "hasty_scalar",
        "careful_means",
        "careful_named",
        "careful_wrongly_named",
    )
    numbers = " | ".join(f"{row[name]:.3f}" for name in shares)
    differs = "yes" if row["planted"] else "no"
    return f"| {row['kind']} | {row['across']} | {row['practitioners']} | {differs} | {numbers} |"


def run(replicates: int, workers: int, settings: Sequence[Setting] = SETTINGS) -> pd.DataFrame:
    """All settings, so many services each."""
    work = Parallel(n_jobs=workers, return_as="list")
    jobs = [(setting, seed) for setting in settings for seed in range(1, replicates + 1)]
    return summary(pd.DataFrame(work(delayed(replicate)(*job) for job in jobs)))


def main() -> None:
    """Run the replicates and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m deepvalue_stats.bench.invariance",
        description="Size and power of tests of invariance with clients nested in practitioners.",
    )
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("reports/invariance"))
    told = parser.parse_args()
    command = f"python -m deepvalue_stats.bench.invariance --replicates {told.replicates}"
    written(run(told.replicates, told.workers), told.output, command)


if __name__ == "__main__":
    main()
