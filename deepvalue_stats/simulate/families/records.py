"""What the study of families holds: typed frames, clean and complete."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.simulate.families.course import REASONS
from deepvalue_stats.simulate.families.draw import FamilyDraw
from deepvalue_stats.simulate.families.parameters import TENURES
from deepvalue_stats.simulate.outcomes import NEVER
from deepvalue_stats.simulate.population import IntArray
from deepvalue_stats.simulate.records import ID_DIGITS, calendar_dates, client_numbers, item, texts

LEAVING = ("retirement", "parental leave", "moved away")
_YEAR = 365
# who leaves has gone by so many days before the next year's interviews begin
_GONE_DAYS = (20, 260)
# an adviser who was there from the first year began at most so long before it
_LONGEST_SERVICE = 20 * _YEAR


@dataclass(frozen=True)
class FamilyIdentities:
    """How files call families, advisers and branches, as text.

    `adviser` is by the adviser's number in the draw; `held` are the numbers that files have.
    """

    family: pd.api.extensions.ExtensionArray
    adviser: pd.api.extensions.ExtensionArray
    service: pd.api.extensions.ExtensionArray
    held: IntArray


def draw_family_identities(draw: FamilyDraw, rng: np.random.Generator) -> FamilyIdentities:
    """Draw the numbers of families; advisers and branches are numbered in order."""
    p = draw.parameters
    # advisers who held a post while the study ran, and who took on the families that entered last
    seen = draw.course.adviser[draw.interviewed]
    held = np.unique(np.concatenate([draw.advisers.holder[:, : p.waves].ravel(), seen]))
    place = np.zeros(len(draw.advisers.part), dtype=np.int64)
    place[held] = np.arange(len(held))
    return FamilyIdentities(
        family=texts(client_numbers(p.families, rng), "", ID_DIGITS),
        adviser=texts(np.arange(1, len(held) + 1), "P", 3).take(place),
        service=texts(np.arange(1, p.services + 1), "S", 2),
        held=held,
    )


def interview_frame(
    draw: FamilyDraw, ids: FamilyIdentities, rng: np.random.Generator
) -> pd.DataFrame:
    """List the interviews by family and wave."""
    p, course = draw.parameters, draw.course
    family, wave = np.nonzero(draw.interviewed)
    begin = _first_day(draw) + _YEAR * (draw.homes.entered[:, None] + np.arange(p.waves))
    day = begin + rng.integers(0, p.interview_days, begin.shape)
    adviser = course.adviser[family, wave]
    items = draw.items[family, wave]
    reason = draw.reason[family, wave]
    frame = pd.DataFrame(
        {
            "family_id": ids.family.take(family),
            "wave": wave,
            "interviewed_on": calendar_dates(day[family, wave]),
            "adviser_id": ids.adviser.take(adviser),
            "branch_id": ids.service.take(adviser // p.years // p.practitioners),
            **{f"q{i:02d}": item(values) for i, values in enumerate(items.T, 1)},
            "in_control": course.control[family, wave].astype(np.int8),
            "resolved": draw.resolved[family, wave].astype(np.int8),
            "worries": draw.worries[family, wave],
            "income_lost": draw.luck.shock[family, wave].astype(np.int8),
            "adviser_changed": pd.Categorical.from_codes(reason, pd.Index(REASONS)),
            "case_closed": course.closed[family, wave].astype(np.int8),
        }
    )
    return frame.sort_values(["family_id", "wave"], ignore_index=True, kind="stable")


def family_frame(draw: FamilyDraw, ids: FamilyIdentities) -> pd.DataFrame:
    """List the families as they were at wave 0, in order of their identifiers."""
    homes = draw.homes
    first_year = int(draw.parameters.first_interview[:4])
    frame = pd.DataFrame(
        {
            "family_id": ids.family,
            "entry_year": first_year + homes.entered,
            **{f"c{i:02d}": values for i, values in enumerate(homes.confidence_items.T, 1)},
            "age": homes.age,
            "children": homes.children,
            "tenure": pd.Categorical.from_codes(homes.tenure, pd.Index(TENURES)),
            "creditors": homes.need,
            "arrears": homes.arrears,
        }
    )
    return frame.sort_values("family_id", ignore_index=True, kind="stable")


def adviser_frame(
    draw: FamilyDraw, ids: FamilyIdentities, rng: np.random.Generator
) -> pd.DataFrame:
    """List the advisers who held a post while the study ran: branch, days in post, why they left.

    All of them left for reasons that have nothing to do with any family.
    """
    p = draw.parameters
    post, came = ids.held // p.years, ids.held % p.years
    shape = draw.advisers.leaves.shape
    # the day on which the holder of a post goes before the interviews of a year
    gone = _first_day(draw) + _YEAR * np.arange(p.years) - rng.integers(*_GONE_DAYS, shape)
    service = rng.integers(0, _LONGEST_SERVICE, len(post))
    started = np.where(came > 0, gone[post, came] + 14, _first_day(draw) - service)
    years = np.arange(p.years)
    goes = draw.advisers.leaves[post] & (years > came[:, None]) & (years < p.waves)
    leaves = goes.any(axis=1)
    left = np.where(leaves, gone[post, goes.argmax(axis=1)], NEVER)
    why = np.where(leaves, 1 + rng.integers(0, len(LEAVING), len(post)), 0)
    families, wave = np.nonzero(draw.interviewed & ~draw.course.closed)
    met = np.unique(draw.course.adviser[families, wave] * p.families + families) // p.families
    return pd.DataFrame(
        {
            "adviser_id": ids.adviser.take(ids.held),
            "branch_id": ids.service.take(post // p.practitioners),
            "started_on": calendar_dates(started),
            "left_on": calendar_dates(left),
            "left_reason": pd.Categorical.from_codes(why, pd.Index(("", *LEAVING))),
            "families": np.bincount(met, minlength=len(draw.advisers.part))[ids.held],
        }
    )


def known_family_frame(draw: FamilyDraw, ids: FamilyIdentities) -> pd.DataFrame:
    """List what only the generator knows, in the order of the interviews."""
    family, wave = np.nonzero(draw.interviewed)
    frame = pd.DataFrame(
        {
            "family_id": ids.family.take(family),
            "wave": wave,
            "relationship": draw.relationship[family, wave],
            "stable_part": draw.homes.part[family],
            "confidence": draw.homes.confidence[family],
            "chance": draw.course.chance[family, wave],
        }
    )
    return frame.sort_values(["family_id", "wave"], ignore_index=True, kind="stable")


def _first_day(draw: FamilyDraw) -> int:
    return int(np.datetime64(draw.parameters.first_interview, "D").astype(np.int64))
