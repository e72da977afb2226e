"""One synthetic service: its records as frames, and what is true of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.simulate.chances import DIGITS
from deepvalue_stats.simulate.draw import Draw, streams
from deepvalue_stats.simulate.parameters import Parameters
from deepvalue_stats.simulate.presets import preset_parameters
from deepvalue_stats.simulate.records import (
    client_frame,
    contact_frame,
    draw_identities,
    known_frame,
    outcome_frame,
    rating_frame,
    staff_frame,
    step_frame,
)
from deepvalue_stats.simulate.table import draw_service
from deepvalue_stats.simulate.truth import (
    DEFINITIONS,
    SUPERPOPULATION_SEED,
    Superpopulation,
    estimands,
    groups_of,
    summary,
    superpopulation,
    worlds_of,
)


@dataclass(frozen=True)
class Service:
    """A synthetic service.

    Attributes
    ----------
    parameters : Parameters
    frames : mapping of str to pandas.DataFrame
        `clients`, `contacts`, `ratings`, `outcomes`, `steps` and `staffing`: typed, without any
        fault, all areas together.
    known : pandas.DataFrame
        What only the generator knows of each client, such as the true relationship.
    truth : mapping of str to object
        Parameters, planted effects and their definitions, and counts, ready for JSON.
    """

    parameters: Parameters
    frames: Mapping[str, pd.DataFrame]
    known: pd.DataFrame
    truth: Mapping[str, object]


def simulate_service(
    preset: str,
    *,
    seed: int,
    areas: tuple[str, ...] | None = None,
    services: int | None = None,
    practitioners: int | None = None,
    caseload: float | None = None,
) -> Service:
    """Draw a synthetic service from a preset.

    Use it to try an analysis against a known truth. It shows that a method recovers what was
    planted under these assumptions, and nothing about any real service.

    Parameters
    ----------
    preset : str
        A name in `PRESETS`: what is true of the service, and what spoils its records.
    seed : int
        The same seed gives the same service.
    areas : tuple of str, optional
        Areas of service instead of the preset's own.
    services, practitioners : int, optional
        Services an area, and practitioners a service.
    caseload : float, optional
        Mean number of clients a practitioner.

    Returns
    -------
    Service

    Raises
    ------
    PlanError
        The preset or an area is not known, a size is below 1, or the seed is below nought.

    Notes
    -----
    Client i of practitioner j has the relationship r = u_j + w_i, and the outcome in the follow-up
    with probability expit(a + b w_i + b' u_j + x_i g + t_j), or what a preset puts in place of it.
    The effects reported compare this probability with the one under another relationship.

    Examples
    --------
    >>> service = simulate_service("null", seed=1, services=2, caseload=10)
    >>> sorted(service.frames)
    ['clients', 'contacts', 'outcomes', 'ratings', 'staffing', 'steps']
    """
    parameters = preset_parameters(
        preset, areas=areas, services=services, practitioners=practitioners, caseload=caseload
    )
    return simulate_parameters(parameters, seed=seed, name=preset)


def simulate_parameters(parameters: Parameters, *, seed: int, name: str = "own") -> Service:
    """Draw a synthetic service from parameters of one's own.

    Parameters
    ----------
    parameters : Parameters
        For instance those of a preset with some of them replaced.
    seed : int
    name : str
        What the truth calls the parameters.

    Returns
    -------
    Service
    """
    known = superpopulation(parameters)
    draw = draw_service(parameters, seed)
    rng = streams(seed)
    ids = draw_identities(draw, rng["files"])
    frames = {
        "clients": client_frame(draw, ids),
        "contacts": contact_frame(draw, ids),
        "ratings": rating_frame(draw, ids),
        "outcomes": outcome_frame(draw, ids, rng["files"]),
        "steps": step_frame(draw, ids, rng["steps"]),
        "staffing": staff_frame(draw, ids),
    }
    truth: dict[str, object] = {
        "preset": name,
        "seed": seed,
        "definitions": dict(DEFINITIONS),
        "parameters": asdict(parameters),
        "intercepts": dict(zip(parameters.areas, known.intercepts, strict=True)),
        "superpopulation": _superpopulation_truth(known),
        "sample": _sample_truth(draw),
    }
    return Service(
        parameters,
        frames,
        known_frame(draw, ids),
        {key: plain(entry) for key, entry in truth.items()},
    )


def _superpopulation_truth(known: Superpopulation) -> dict[str, object]:
    return {
        "monte_carlo_seed": SUPERPOPULATION_SEED,
        "clients": known.clients,
        "summary": known.summary,
        "estimands": known.estimands,
        "monte_carlo_se": known.monte_carlo_se,
    }


def _sample_truth(draw: Draw) -> dict[str, object]:
    """Tell of the clients of this seed who are in the extracts."""
    p, complete = draw.parameters, draw.calendar.complete(draw.parameters)
    in_follow_up = draw.outcomes.said & draw.outcomes.at_risk
    worlds = worlds_of(draw)
    groups = groups_of(draw, extracted=draw.consented & complete)
    parts = {name: worlds.only(rows) for name, rows in groups.items()}
    inside = draw.consented
    return {
        "clients": len(inside),
        "clients_in_extracts": int(inside.sum()),
        "practitioners": len(np.unique(draw.people.practitioner[inside])),
        "clients_with_early_outcome": int((inside & ~draw.outcomes.at_risk).sum()),
        "clients_with_incomplete_follow_up": int((inside & ~complete).sum()),
        "outcomes_not_linked": int((inside & ~draw.linked & in_follow_up).sum()),
        "clients_analysed": {name: len(part.band) for name, part in parts.items()},
        "summary": {name: summary(p, part) for name, part in parts.items()},
        "estimands": {name: estimands(p, part) for name, part in parts.items()},
    }


def plain(value: object) -> object:
    """Make it ready for JSON.

    Numbers are rounded to six digits, so that files are equal where the last bit of a sum is not;
    an average over nobody is null.
    """
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
