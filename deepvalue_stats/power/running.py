"""Replicates of every number of practitioners, side by side, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import joblib
import numpy as np
import pandas as pd

from deepvalue_stats.power.design import Design
from deepvalue_stats.power.replicates import Trial, run_block
from deepvalue_stats.power.result import PowerTable, summarised

Done = Callable[[int], None]
# a block is handed over as one: large enough to be worth it, small enough for a steady bar
_BLOCK = 25


def power_of(
    design: Design,
    *,
    seed: int | None = None,
    replicates: int | None = None,
    workers: int | None = None,
    progress: Done | None = None,
) -> PowerTable:
    """Power and precision of a plan's design, by simulation.

    Draws studies of the declared design, fits the plan's own primary estimator to each, and asks
    the three questions: is there an effect; is it larger in the lowest band; is it steeper below
    the neutral point.

    Parameters
    ----------
    design : Design
    seed : int, optional
        The plan's own unless given.
    replicates : int, optional
        Studies drawn for every number of practitioners; the plan's own number unless given.
    workers : int, optional
        Processes; one a core unless given. The result does not depend on it. Processes of another
        machine serve as well: set them up with `joblib.parallel_config`.
    progress : callable, optional
        Called with the number of replicates that have just been finished.

    Returns
    -------
    PowerTable
    """
    plan = design.plan
    seed = plan.seed if seed is None else seed
    if replicates is None:
        replicates = plan.power.replicates if plan.power else 1000
    trials = {number: _trial(design, number) for number in design.practitioners}
    jobs = [
        joblib.delayed(_numbered)(number, trial, places, seeds)
        for number, trial in trials.items()
        for places, seeds in _blocks(seed, number, replicates)
    ]
    parts = []
    for part in joblib.Parallel(n_jobs=workers or -1, return_as="generator")(jobs):
        parts.append(part)
        if progress:
            progress(part["replicate"].nunique())
    draws = pd.concat(parts, ignore_index=True)
    return PowerTable(design, seed, replicates, summarised(design, draws))


def _trial(design: Design, number: int) -> Trial:
    plan = design.plan
    worthwhile = plan.verdicts.smallest_worthwhile
    return Trial(design.cohort(number), plan.models[plan.primary], design.truths, worthwhile)


def _blocks(
    seed: int, number: int, replicates: int
) -> Iterator[tuple[range, list[np.random.SeedSequence]]]:
    """Every replicate has a seed of its own, whoever runs it and whatever else is tried."""
    seeds = np.random.SeedSequence([seed, number]).spawn(replicates)
    for start in range(0, replicates, _BLOCK):
        places = range(start, min(start + _BLOCK, replicates))
        yield places, seeds[places.start : places.stop]


def _numbered(
    number: int, trial: Trial, places: range, seeds: list[np.random.SeedSequence]
) -> pd.DataFrame:
    return run_block(trial, places, seeds).assign(practitioners=number)
