"""What carries over from wave to wave: earlier outcomes, later ratings, and which came first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from deepvalue_stats import models
from deepvalue_stats.data import Dataset
from deepvalue_stats.effects import Contrast, Levels, average_effect
from deepvalue_stats.errors import ModelError
from deepvalue_stats.linkage import model_rows
from deepvalue_stats.plan import Plan
from deepvalue_stats.study.following import Asked
from deepvalue_stats.study.words import in_words, outcome_words
from deepvalue_stats.tables import CountTable, Rule

if TYPE_CHECKING:  # these modules load the compiler, which most commands do without
    from deepvalue_stats.models.dynamics.cross_lagged import CrossLaggedFit
    from deepvalue_stats.models.dynamics.lagged import DynamicFit
    from deepvalue_stats.models.dynamics.placebo import LeadPlacebo

LATER, BEFORE, BOTH = "later rating (lead placebo)", "earlier outcome held", "both ways"
RULES: dict[str, Rule] = {
    "model": "label",
    "what": "label",
    "value": "statistic",
    "low": "statistic",
    "high": "statistic",
    "p_value": "statistic",
    "clients": "count",
    "reading": "label",
}
ALPHA = 0.05


@dataclass(frozen=True)
class Past:
    """Three ways to ask what one wave leaves to the next.

    Attributes
    ----------
    later : LeadPlacebo or None
    before : DynamicFit or None
    both : CrossLaggedFit or None
    failed : mapping of str to str
        Refusals by title; they stay in the room.
    """

    later: LeadPlacebo | None
    before: DynamicFit | None
    both: CrossLaggedFit | None
    failed: Mapping[str, str]

    @property
    def lead_p(self) -> float | None:
        """The p-value of the lead placebo, if there is one."""
        known = self.later is not None and np.isfinite(self.later.p_value)
        return self.later.p_value if self.later is not None and known else None


def look_back(plan: Plan, linked: Dataset) -> Past:
    """Fit what has a past, on the primary model's rows.

    Parameters
    ----------
    plan : Plan
        With a clock of waves.
    linked : Dataset
        The analysis table.
    """
    model = plan.models[plan.primary]
    asked = Asked(plan, model, model_rows(plan, model, linked).frame, linked)
    failed: dict[str, str] = {}
    later, before, both = None, None, None
    try:
        later = models.lead_placebo(
            asked.formula(changing=True, waves=False),
            asked.frame,
            exposure=model.exposure,
            time="wave_number",
        )
    except ModelError as error:
        failed[LATER] = str(error)
    try:
        before = models.fit_dynamic(
            asked.formula(), asked.frame, exposure=model.exposure, time="wave_number"
        )
    except ModelError as error:
        failed[BEFORE] = str(error)
    try:
        both = models.fit_cross_lagged(
            model.exposure, model.response, asked.frame, time="wave_number"
        )
    except ModelError as error:
        failed[BOTH] = str(error)
    return Past(later, before, both, failed)


def dynamics_table(plan: Plan, past: Past, unit: Contrast) -> CountTable:
    """What was found, per 100 clients and SD where that can be said.

    Parameters
    ----------
    plan : Plan
    past : Past
    unit : Contrast
        One SD of the exposure.
    """
    model = plan.models[plan.primary]
    exposure = in_words(model.exposure)
    rows = [*_later(past, unit), *_before(past, unit), *_both(past, unit, exposure)]
    frame = pd.DataFrame(rows, columns=list(RULES))
    numbers = dict.fromkeys(("value", "low", "high", "p_value"), "float64")
    return CountTable(
        name="dynamics",
        caption=f"Earlier outcomes and later ratings: {outcome_words(plan)}",
        frame=frame.astype({**numbers, "clients": "Int64"}),
        rules=RULES,
        notes=(
            "Lead placebo: the rating of the next wave beside those of this wave and the one "
            "before, in the same client, less what moved all clients of a wave. It should be "
            "nothing: a rating cannot move what was before it.",
            "Earlier outcome held: a logit with random clients, given the outcome of the wave "
            "before; what the client brought along is held by the first outcome, the first wave's "
            "values and the means of the later ones (Wooldridge 2005).",
            "Both ways: deviations from a client's own level, which is not observed, from wave to "
            "wave (random intercept cross-lagged panel model); straight lines for chances.",
            "Per 100 clients: for a "
            f"{exposure} one standard deviation better, unless another contrast is named.",
        ),
    )


def _row(
    model: str, what: str, clients: object, numbers: tuple[float, ...], reading: str = ""
) -> tuple[object, ...]:
    held = [*numbers, *[np.nan] * (4 - len(numbers))]
    return (model, what, *held, clients, reading)


def _refused(model: str) -> tuple[object, ...]:
    return _row(model, "could not be fitted", pd.NA, ())


def _later(past: Past, unit: Contrast) -> list[tuple[object, ...]]:
    found = past.later
    if found is None:
        return [_refused(LATER)]
    scale = 100 * unit.size
    numbers = tuple(scale * x for x in (found.estimate, found.conf_low, found.conf_high))
    return [
        _row(
            LATER,
            "per 100 clients, next wave's rating",
            found.n_clients,
            (*numbers, found.p_value),
            _reading(found),
        )
    ]


def _reading(found: LeadPlacebo) -> str:
    if not found.p_value < ALPHA:
        return "Shows nothing. That does not prove that outcomes move no ratings."
    if found.estimate > 0 and not found.asymmetry_p < ALPHA:
        return (
            "Later ratings go with the outcome, and so, alike, do earlier ones: ratings may follow "
            "outcomes, or error in the ratings makes their neighbours stand in for them."
        )
    return "Later ratings go with the outcome: ratings follow outcomes, or something moves both."


def _before(past: Past, unit: Contrast) -> list[tuple[object, ...]]:
    found = past.before
    if found is None or found.fit.convergence.status != "ok":
        return [_refused(BEFORE)]
    clients = int(found.fit.design.frame["client"].nunique())
    asked = (
        (found.exposure, unit, "per 100 clients, rating of the wave"),
        (found.previous, Levels(0, 1), "per 100 clients, with the outcome the wave before"),
    )
    rows = []
    for column, contrast, what in asked:
        cells = average_effect(found.fit, column, contrast=contrast).frame.iloc[0]
        numbers = tuple(100 * float(cells[key]) for key in ("estimate", "conf_low", "conf_high"))
        rows.append(_row(BEFORE, what, clients, (*numbers, float(cells["p_value"]))))
    return rows


def _both(past: Past, unit: Contrast, exposure: str) -> list[tuple[object, ...]]:
    found = past.both
    if found is None or not found.proper:
        return [_refused(BOTH)]
    cross = found.paths[found.paths["kind"] == "cross"].set_index("to")
    told = {
        found.outcome: (100 * unit.size, f"per 100 clients at the next wave, {exposure}"),
        found.relationship: (1.0, f"points of {exposure} at the next wave, with the outcome"),
    }
    rows = []
    for to, (scale, what) in told.items():
        named = ["estimate", "conf_low", "conf_high", "p_value"]
        value, low, high, p_value = cross.loc[[to], named].to_numpy(dtype="float64")[0]
        ends = (scale * value, scale * low, scale * high)
        rows.append(_row(BOTH, what, found.n_clients, (*ends, p_value)))
    return rows
