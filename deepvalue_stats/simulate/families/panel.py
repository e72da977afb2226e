"""One synthetic panel of families: its records as frames, and what is true of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.simulate.families.course import OUTSIDE, OWN
from deepvalue_stats.simulate.families.draw import FamilyDraw, draw_panel, streams
from deepvalue_stats.simulate.families.parameters import FamilyParameters
from deepvalue_stats.simulate.families.presets import family_parameters
from deepvalue_stats.simulate.families.records import (
    adviser_frame,
    draw_family_identities,
    family_frame,
    interview_frame,
    known_family_frame,
)
from deepvalue_stats.simulate.families.table import first_told
from deepvalue_stats.simulate.families.truth import (
    DEFINITIONS,
    SUPERPOPULATION_SEED,
    break_effects,
    breaks_of,
    estimands,
    family_superpopulation,
    lead_placebo,
    parts_of,
    summary,
)
from deepvalue_stats.simulate.service import plain


@dataclass(frozen=True)
class Families:
    """A synthetic panel of families in debt advice.

    Attributes
    ----------
    parameters : FamilyParameters
    frames : mapping of str to pandas.DataFrame
        `interviews`, `families` and `advisers`: typed, without any fault.
    known : pandas.DataFrame
        What only the generator knows of each interview, such as the true relationship.
    truth : mapping of str to object
        Parameters, planted effects and their definitions, and counts, ready for JSON.
    """

    parameters: FamilyParameters
    frames: Mapping[str, pd.DataFrame]
    known: pd.DataFrame
    truth: Mapping[str, object]


def simulate_families(
    preset: str | FamilyParameters,
    *,
    seed: int,
    services: int | None = None,
    practitioners: int | None = None,
    families: int | None = None,
    waves: int | None = None,
) -> Families:
    """Draw a synthetic panel of families in debt advice, interviewed once a year.

    Use it to try an analysis of changes over time against a known truth. It shows that a method
    recovers what was planted under these assumptions, and nothing about any real service. For many
    draws of scored rows alone, `draw_families` is quicker.

    Parameters
    ----------
    preset : str or FamilyParameters
        A name in `FAMILY_PRESETS`, or parameters of one's own.
    seed : int
        The same seed gives the same panel.
    services, practitioners, families, waves : int, optional
        Branches, advisers a branch, families, and yearly waves with the one before advice; only
        with the name of a preset.

    Returns
    -------
    Families

    Raises
    ------
    PlanError
        The preset is not known, a size is too small, or the seed is below nought.

    Notes
    -----
    Family i at wave t has the relationship r_it = u_i + m_it, where m_it is the sum of the part of
    the adviser of the time, of this family with this adviser, and of the year. From wave 1 on it
    keeps in control with probability expit(a + b m_it + b' u_i + x_it g + h_i + v_j(it) + k_it),
    with h_i and v_j the stable differences of families and advisers and k_it the cost of recent
    changes of adviser; a preset may add to it.

    Examples
    --------
    >>> panel = simulate_families("null", seed=1, families=40, services=4)
    >>> sorted(panel.frames)
    ['advisers', 'families', 'interviews']
    """
    sizes = {
        "services": services,
        "practitioners": practitioners,
        "families": families,
        "waves": waves,
    }
    p = preset if isinstance(preset, FamilyParameters) else family_parameters(preset, **sizes)
    draw, rng = draw_panel(p, seed), streams(seed)
    ids = draw_family_identities(draw, rng["ids"])
    frames = {
        "interviews": interview_frame(draw, ids, rng["dates"]),
        "families": family_frame(draw, ids),
        "advisers": adviser_frame(draw, ids, rng["dates"]),
    }
    name = preset if isinstance(preset, str) else "own"
    truth = {key: plain(entry) for key, entry in _truth(draw, name).items()}
    return Families(p, frames, known_family_frame(draw, ids), truth)


def _truth(draw: FamilyDraw, name: str) -> dict[str, object]:
    p = draw.parameters
    known = family_superpopulation(p)
    return {
        "preset": name,
        "seed": draw.seed,
        "definitions": dict(DEFINITIONS),
        "parameters": asdict(p),
        "intercept": draw.intercept,
        "lead_placebo": lead_placebo(p),
        "superpopulation": {
            "monte_carlo_seed": SUPERPOPULATION_SEED,
            "rows": known.rows,
            "summary": known.summary,
            "estimands": known.estimands,
            "monte_carlo_se": known.monte_carlo_se,
            "breaks": known.breaks,
        },
        "sample": _sample_truth(draw),
    }


def _sample_truth(draw: FamilyDraw) -> dict[str, object]:
    """Tell of the families of this seed."""
    p, parts = draw.parameters, parts_of(draw)
    asked = draw.interviewed
    told, closed = draw.reason[asked], draw.course.closed[asked]
    last = p.waves - 1 - np.argmax(asked[:, ::-1], axis=1)
    inside = np.arange(p.waves) + draw.homes.entered[:, None] < p.waves
    until = np.arange(p.waves) <= last[:, None]
    return {
        "families": p.families,
        "interviews": int(asked.sum()),
        "interviews_by_wave": [int(n) for n in asked.sum(axis=0)],
        "families_entered_late": int((draw.homes.entered > 0).sum()),
        "families_lost": int((inside & ~until).any(axis=1).sum()),
        "interviews_missed_between": int((inside & until & ~asked).sum()),
        "advisers_met": len(np.unique(draw.course.adviser[asked])),
        "changes_told": {
            "outside": int(((told == OUTSIDE) & ~closed).sum()),
            "own": int((told == OWN).sum()),
            "outside_once_closed": int(((told == OUTSIDE) & closed).sum()),
        },
        "families_with_a_change": int((first_told(draw) >= 0).sum()),
        "families_with_a_closed_case": int((asked & draw.course.closed).any(axis=1).sum()),
        "families_whose_outcome_varies": int(_varies(draw).sum()),
        "rows": {name: len(part.band) for name, part in parts.items()},
        "summary": {name: summary(p, part) for name, part in parts.items()},
        "estimands": {name: estimands(p, part) for name, part in parts.items()},
        "breaks": break_effects(breaks_of(draw)),
    }


def _varies(draw: FamilyDraw) -> np.ndarray:
    """Mark the families who were in control at some interviews after wave 0 and not at others."""
    asked = draw.interviewed.copy()
    asked[:, 0] = False
    good = (asked & draw.course.control).sum(axis=1)
    return np.asarray((good > 0) & (good < asked.sum(axis=1)))
