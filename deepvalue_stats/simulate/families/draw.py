"""One draw of a panel: advisers, families, and all that happened to them, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate.families.course import RATED, Course, follow
from deepvalue_stats.simulate.families.interviews import (
    draw_interviewed,
    draw_items,
    reason_since,
    resolved_of,
    scores_of,
    worries_of,
)
from deepvalue_stats.simulate.families.parameters import FamilyParameters
from deepvalue_stats.simulate.families.people import (
    Advisers,
    Households,
    Luck,
    draw_advisers,
    draw_households,
    draw_luck,
)
from deepvalue_stats.simulate.population import BoolArray, FloatArray, IntArray

# each part of a draw has its own stream, so that a change to one leaves the others as they were
STREAMS = ("advisers", "families", "luck", "interviews", "items", "dates", "ids", "files")
CALIBRATION_FAMILIES = 16_000
CALIBRATION_SEED = 19_480_705
DIGITS = 6
# intercepts are sought this far to either side of nought
_FURTHEST = 20.0


@dataclass(frozen=True)
class FamilyDraw:
    """A panel as it happened, families in no order; one row a family, one column a wave.

    `items` are what families would answer, whether interviewed or not.
    """

    parameters: FamilyParameters
    seed: int
    intercept: float
    advisers: Advisers
    homes: Households
    luck: Luck
    course: Course
    items: NDArray[np.int8]
    interviewed: BoolArray

    @cached_property
    def score(self) -> FloatArray:
        """The score of every rating, nan at wave 0 and where too few items were answered."""
        return scores_of(self.items)

    @cached_property
    def resolved(self) -> BoolArray:
        """Whether all debts are sorted."""
        return resolved_of(self.parameters, self.course, self.luck.resolved)

    @cached_property
    def worries(self) -> IntArray:
        """Money worries from 0 to 10."""
        return worries_of(self.parameters, self.course, self.luck.worry)

    @cached_property
    def reason(self) -> IntArray:
        """Why the adviser is another than at the last interview."""
        return reason_since(self.course, self.interviewed)

    @property
    def relationship(self) -> FloatArray:
        """The true relationship, nan at wave 0."""
        relationship = self.course.changing + self.homes.part[:, None]
        relationship[:, :RATED] = np.nan
        return np.asarray(relationship)

    @property
    def band(self) -> IntArray:
        """Each family's confidence band, 0 for the first."""
        bounds = [bound for _, bound in self.parameters.bands]
        place = np.searchsorted(bounds, self.homes.confidence_score, side="right") - 1
        return np.asarray(place, dtype=np.int64)


def streams(seed: int) -> dict[str, np.random.Generator]:
    """Make the named streams of random numbers of a seed."""
    if seed < 0:
        raise PlanError("the seed is below nought", "seed", "give a whole number from 0 up")
    return dict(zip(STREAMS, np.random.default_rng(seed).spawn(len(STREAMS)), strict=True))


def draw_panel(p: FamilyParameters, seed: int) -> FamilyDraw:
    """Draw a panel from its parameters; the same seed gives the same panel."""
    intercept = intercept_of(_of_any_size(p))
    rng = streams(seed)
    advisers, homes = draw_advisers(p, rng["advisers"]), draw_households(p, rng["families"])
    luck = draw_luck(p, rng["luck"])
    course = follow(p, advisers, homes, luck, intercept)
    return FamilyDraw(
        parameters=p,
        seed=seed,
        intercept=intercept,
        advisers=advisers,
        homes=homes,
        luck=luck,
        course=course,
        items=draw_items(p, homes, course, rng["items"]),
        interviewed=draw_interviewed(p, homes, course, rng["interviews"]),
    )


@lru_cache(maxsize=64)
def intercept_of(p: FamilyParameters) -> float:
    """Find the intercept at which the mean chance after advice began is the base rate.

    By bisection over families of their own seed; kept for the parameters of the last calls.
    """
    wide = enlarged(p, CALIBRATION_FAMILIES)
    rng = streams(CALIBRATION_SEED)
    advisers, homes = draw_advisers(wide, rng["advisers"]), draw_households(wide, rng["families"])
    luck = draw_luck(wide, rng["luck"])
    low, high = -_FURTHEST, _FURTHEST
    while high - low > 10.0**-DIGITS / 4:
        middle = (low + high) / 2
        course = follow(wide, advisers, homes, luck, middle)
        below = course.chance[:, RATED:].mean() < p.base_rate
        low, high = (middle, high) if below else (low, middle)
    # rounded, so that the last bit of a sum cannot move a family from one outcome to the other
    return round((low + high) / 2, DIGITS)


def enlarged(p: FamilyParameters, families: int) -> FamilyParameters:
    """Take more families, with as many advisers for each of them as there were."""
    services = max(1, round(p.services * families / p.families))
    return replace(p, families=families, services=services)


def _of_any_size(p: FamilyParameters) -> FamilyParameters:
    """Forget the size: what is true of families does not hang on how many are drawn."""
    usual = FamilyParameters()
    return replace(
        p,
        services=usual.services,
        practitioners=usual.practitioners,
        families=usual.families,
    )
