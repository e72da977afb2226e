"""One synthetic service: its files as frames of text, and what is true of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate.employment import PRESETS, Employment
from deepvalue_stats.simulate.faults import FAULT_DEFINITIONS, plant
from deepvalue_stats.simulate.jobs import draw_first_start, draw_spells
from deepvalue_stats.simulate.population import (
    Answers,
    IntArray,
    Traits,
    chance,
    draw_answers,
    draw_caseloads,
    draw_early_job,
    draw_traits,
    linear_predictor,
)
from deepvalue_stats.simulate.records import (
    Calendar,
    client_rows,
    contact_rows,
    draw_calendar,
    outcome_rows,
    rating_rows,
)
from deepvalue_stats.simulate.truth import (
    DEFINITIONS,
    DIGITS,
    SUPERPOPULATION_SEED,
    Superpopulation,
    estimands,
    exposed,
    summary,
    superpopulation,
)


@dataclass(frozen=True)
class Service:
    """A synthetic service.

    Attributes
    ----------
    frames : mapping of str to pandas.DataFrame
        `ratings`, `contacts`, `outcomes` and `clients`; every cell is the text that stands in
        the file, an empty cell is the empty text.
    truth : mapping of str to object
        Parameters, planted effects and their definitions, counts and planted faults, ready for
        JSON.
    """

    frames: Mapping[str, pd.DataFrame]
    truth: Mapping[str, object]


@dataclass(frozen=True)
class _Draw:
    """The clients of one seed, before and after their records."""

    traits: Traits
    answers: Answers
    calendar: Calendar
    early: IntArray
    frames: dict[str, pd.DataFrame]


def simulate_service(preset: str = "employment", *, seed: int, faults: bool = False) -> Service:
    """Draw a synthetic service from a preset.

    Use it to try an analysis against a known truth. It shows that a method recovers what was
    planted under these assumptions, and nothing about any real service.

    Parameters
    ----------
    preset : str
        The name of a set of parameters.
    seed : int
        The same seed gives the same service, whether or not faults are planted.
    faults : bool
        Plant the faults of real extracts; `truth["planted_faults"]` counts them.

    Returns
    -------
    Service
        Frames of text, and the truth.

    Raises
    ------
    PlanError
        The preset is not known, or the seed is below nought.

    Notes
    -----
    Client i with adviser j has the relationship r = u_j + w_i, and starts a job in the follow-up
    with probability expit(a + b(c_i) w_i + b'(c_i) u_j + x_i g + t_j), where c is confidence. The
    effects reported are averages of the derivative of this probability.

    Examples
    --------
    >>> service = simulate_service("employment", seed=1)
    >>> sorted(service.frames)
    ['clients', 'contacts', 'outcomes', 'ratings']
    """
    return simulate_parameters(_preset(preset), name=preset, seed=seed, faults=faults)


def simulate_parameters(
    service: Employment, *, seed: int, name: str = "own", faults: bool = False
) -> Service:
    """Draw a synthetic service from parameters of one's own.

    Parameters
    ----------
    service : Employment
        The parameters, for instance a preset with some of them replaced.
    seed, faults
        As for `simulate_service`.
    name : str
        What the truth calls the parameters.

    Returns
    -------
    Service
        Frames of text, and the truth.
    """
    if seed < 0:
        raise PlanError("the seed is below nought", "seed", "give a whole number from 0 up")
    streams = np.random.default_rng(seed).spawn(4)
    known = superpopulation(service)
    draw = _draw(service, known.intercept, streams[:3])
    frames, planted = plant(service, draw.frames, streams[3]) if faults else (draw.frames, {})
    truth = {
        "preset": name,
        "seed": seed,
        "definitions": _definitions(faults),
        "parameters": asdict(service) | {"intercept": known.intercept},
        "superpopulation": _superpopulation_truth(known),
        "sample": _sample_truth(service, known.intercept, draw),
        "rows": {file: len(frame) for file, frame in frames.items()},
        "planted_faults": planted,
    }
    return Service(frames, _rounded(truth))


def _preset(name: str) -> Employment:
    if name in PRESETS:
        return PRESETS[name]
    close = get_close_matches(name, PRESETS, n=1)
    meant = f"did you mean '{close[0]}'? " if close else ""
    raise PlanError(
        f"there is no preset '{name}'",
        "simulate_service, preset",
        f"{meant}use one of: {', '.join(sorted(PRESETS))}",
    )


def _draw(service: Employment, intercept: float, streams: list[np.random.Generator]) -> _Draw:
    people, jobs, records = streams
    adviser = draw_caseloads(service, people)
    traits = draw_traits(service, adviser, people)
    occasions = len(service.rating_days) + len(service.late_rating_days)
    answers = draw_answers(service, traits, occasions, people)
    early = draw_early_job(service, traits, jobs)
    probability = chance(intercept + linear_predictor(service, traits))
    first = draw_first_start(service, early, probability, jobs)
    spells = draw_spells(service, first, jobs)
    calendar = draw_calendar(service, len(adviser), records)
    frames = {
        "ratings": rating_rows(service, calendar, answers, first, records),
        "contacts": contact_rows(service, calendar, traits, first, records),
        "outcomes": outcome_rows(calendar, spells),
        "clients": client_rows(calendar, traits, answers),
    }
    return _Draw(traits, answers, calendar, early, frames)


def _definitions(faults: bool) -> dict[str, str]:
    return {**DEFINITIONS, **(FAULT_DEFINITIONS if faults else {})}


def _superpopulation_truth(known: Superpopulation) -> dict[str, object]:
    return {
        "clients": known.clients,
        "monte_carlo_seed": SUPERPOPULATION_SEED,
        **known.summary,
        "risk_difference": known.estimands,
        "monte_carlo_se": known.monte_carlo_se,
    }


def _sample_truth(service: Employment, intercept: float, draw: _Draw) -> dict[str, object]:
    at_risk = (draw.early == 0) & draw.calendar.complete(service)
    clients = exposed(service, draw.traits, draw.answers, intercept, at_risk)
    return {
        "clients": len(draw.early),
        "practitioners": int(draw.traits.adviser.max()) + 1,
        "clients_with_early_job": int((draw.early > 0).sum()),
        "clients_with_incomplete_follow_up": int((~draw.calendar.complete(service)).sum()),
        "clients_analysed": len(clients.score),
        **summary(service, clients),
        "risk_difference": estimands(service, clients),
    }


def _rounded(truth: Mapping[str, object]) -> dict[str, object]:
    """Round to six digits, so that files are equal where the last bit of a sum is not."""
    return {name: _plain(entry) for name, entry in truth.items()}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return round(value, DIGITS) if isinstance(value, float) else value
