"""The analysis table of a panel as the generator knows it, without any file or fault."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepvalue_stats.simulate.families.course import RATED, REASONS, STAYED
from deepvalue_stats.simulate.families.draw import FamilyDraw, draw_panel
from deepvalue_stats.simulate.families.parameters import TENURES, FamilyParameters
from deepvalue_stats.simulate.families.presets import family_parameters
from deepvalue_stats.simulate.population import IntArray


def draw_families(
    preset: str | FamilyParameters,
    seed: int,
    *,
    services: int | None = None,
    practitioners: int | None = None,
    families: int | None = None,
    waves: int | None = None,
) -> pd.DataFrame:
    """Draw the scored panel of a preset: one row a family and wave interviewed.

    Use it for calibrations and tests that need many panels; `simulate_families` makes the records
    of one panel, with identifiers, dates and the truth.

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
    pandas.DataFrame
        Sorted by family and wave. See `family_table` for the columns.

    Raises
    ------
    PlanError
        The preset is not known, a size is too small, or the seed is below nought.

    Examples
    --------
    >>> table = draw_families("null", seed=1, families=50)
    >>> table.loc[table["wave"] == 0, "relationship"].isna().all()
    np.True_
    """
    p = (
        preset
        if isinstance(preset, FamilyParameters)
        else family_parameters(
            preset,
            services=services,
            practitioners=practitioners,
            families=families,
            waves=waves,
        )
    )
    return family_table(draw_panel(p, seed))


def family_table(draw: FamilyDraw) -> pd.DataFrame:
    """Lay out one row a family and wave interviewed.

    Parameters
    ----------
    draw : FamilyDraw

    Returns
    -------
    pandas.DataFrame
        Identifiers `client`, `practitioner`, `service` (text) and `wave` (0 before advice; years
        since); `year`, the calendar year of the study from 0; `relationship`, the score in points,
        nan at wave 0; `true_relationship`, in SD, the sum of what can change for a family
        (`true_within`) and of its stable part (`true_between`); `outcome` (in control),
        `resolved` and `worries`; `chance`, the generator's own chance of the outcome;
        `confidence`, the score in points at wave 0; `changed` (0 or 1) and `reason` (none,
        outside, own), another adviser than at the family's last interview and why; `closed` (0 or
        1), the case is closed, and `reason` says when who closed it left;
        `event_time`, waves since the first interview that told of a change, below nought before
        it and nan without one; the covariates `age`, `children`, `tenure`, `need` and `arrears`
        at wave 0, and `shock` in the year.
    """
    p, homes, course = draw.parameters, draw.homes, draw.course
    client, wave = np.nonzero(draw.interviewed)
    adviser = course.adviser[client, wave]
    post = adviser // p.years
    reason = draw.reason[client, wave]
    first = first_told(draw)[client]
    return pd.DataFrame(
        {
            "client": _numbered(client, p.families),
            "practitioner": _numbered(adviser, len(draw.advisers.part)),
            "service": _numbered(post // p.practitioners, p.services),
            "wave": wave,
            "year": wave + homes.entered[client],
            "relationship": draw.score[client, wave],
            "true_relationship": draw.relationship[client, wave],
            "true_within": np.where(wave >= RATED, course.changing[client, wave], np.nan),
            "true_between": homes.part[client],
            "outcome": course.control[client, wave].astype(np.float64),
            "resolved": draw.resolved[client, wave].astype(np.float64),
            "worries": draw.worries[client, wave].astype(np.float64),
            "chance": course.chance[client, wave],
            "confidence": homes.confidence_score[client],
            "changed": (reason != STAYED).astype(np.float64),
            "reason": pd.Categorical.from_codes(reason, pd.Index(REASONS)),
            "closed": course.closed[client, wave].astype(np.float64),
            "event_time": np.where(first >= 0, wave - first, np.nan),
            "age": homes.age[client].astype(np.float64),
            "children": homes.children[client].astype(np.float64),
            "tenure": pd.Categorical.from_codes(homes.tenure[client], pd.Index(TENURES)),
            "need": homes.need[client].astype(np.float64),
            "arrears": homes.arrears[client].astype(np.float64),
            "shock": draw.luck.shock[client, wave].astype(np.float64),
        }
    )


def first_told(draw: FamilyDraw) -> IntArray:
    """Find the wave of the first interview that tells of another adviser, -1 for none."""
    told = draw.interviewed & (draw.reason != STAYED) & ~draw.course.closed
    return np.where(told.any(axis=1), told.argmax(axis=1), -1)


def _numbered(values: np.ndarray, of: int) -> pd.api.extensions.ExtensionArray:
    return pd.array(np.arange(of).astype(np.str_), dtype="str").take(values)
