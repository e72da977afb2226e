"""What carries over from wave to wave: earlier outcomes, later ratings, and which came first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats import models
from deepvalue_stats.data import Dataset
from deepvalue_stats.effects import Contrast, Levels, average_effect
from deepvalue_stats.errors import ModelError
from deepvalue_stats.linkage import model_rows
from deepvalue_stats.plan import Plan
from deepvalue_stats.study.checked import UNKNOWN, Checked, checked_table, lost_rows, refused
from deepvalue_stats.study.following import Asked
from deepvalue_stats.study.words import in_words, outcome_words
from deepvalue_stats.tables import CountTable

LATER, BEFORE, BOTH = "later rating (lead placebo)", "earlier outcome held", "both ways"
NO_LEAD = "It takes four waves of ratings, and clients whose outcome comes and goes."
ALPHA = 0.05

Lost = Mapping[str, int]
Found = tuple[list[Checked], Lost]


@dataclass(frozen=True)
class Past:
    """Three ways to ask what one wave leaves to the next.

    Attributes
    ----------
    lines : tuple of Checked
    lost : tuple of (check, reason, rows)
    waves : int
    failed : mapping of str to str
        Refusals by check; they stay in the room.
    """

    lines: tuple[Checked, ...]
    lost: tuple[tuple[str, str, int], ...]
    waves: int
    failed: Mapping[str, str]

    @property
    def later(self) -> Checked:
        """The lead placebo."""
        return next(one for one in self.lines if one.check == LATER)

    @property
    def lead(self) -> dict[str, Any]:
        """What the gates are told of it."""
        known = np.isfinite(self.later.p_value)
        return {"lead_p": self.later.p_value} if known else {"lead_unknown": NO_LEAD}


def look_back(plan: Plan, linked: Dataset, unit: Contrast) -> Past:
    """Fit what has a past, on the primary model's rows.

    Parameters
    ----------
    plan : Plan
        With a clock of waves, and a primary model of the outcome of the same wave.
    linked : Dataset
        The analysis table.
    unit : Contrast
        One SD of the exposure.
    """
    model = plan.models[plan.primary]
    asked = Asked(plan, model, model_rows(plan, model, linked).frame)
    lines: list[Checked] = []
    lost: list[tuple[str, str, int]] = []
    failed: dict[str, str] = {}
    for check, ask in _ASKED.items():
        try:
            found, gone = ask(asked, unit)
        except ModelError as error:
            found, gone = [refused(check)], {}
            failed[check] = str(error)
        lines += found
        lost += [(check, reason, rows) for reason, rows in gone.items() if rows]
    waves = int(asked.frame["wave_number"].nunique())
    return Past(tuple(lines), tuple(lost), waves, failed)


def dynamics_tables(plan: Plan, past: Past) -> tuple[CountTable, ...]:
    """What was found, per 100 clients and SD where that can be said, and who is not in it."""
    exposure = in_words(plan.models[plan.primary].exposure)
    found = checked_table(
        "dynamics",
        f"Earlier outcomes and later ratings: {outcome_words(plan)}",
        past.lines,
        (
            "Lead placebo: the rating of the next wave beside those of this wave and the one "
            "before, in the same client, less what moved all clients of a wave. It should be "
            "nothing: a rating cannot move what was before it.",
            "Earlier outcome held: a logit with random clients, given the outcome of the wave "
            "before; what the client brought along is held by the first outcome, the first wave's "
            "values and the means of the later ones (Wooldridge 2005).",
            "Both ways: deviations from a client's own level, which is not observed, from wave to "
            "wave (random intercept cross-lagged panel model); straight lines for chances.",
            f"Per 100 clients: for a {exposure} one standard deviation better, unless another "
            "contrast is named.",
        ),
    )
    lost = lost_rows(
        "dynamics_lost", "Interviews that these checks leave out", past.lost, past.waves
    )
    return found, lost


def _later(asked: Asked, unit: Contrast) -> Found:
    found = models.lead_placebo(
        asked.formula(changing=True, waves=False),
        asked.frame,
        exposure=asked.model.exposure,
        time="wave_number",
    )
    scale = 100 * unit.size
    line = Checked(
        LATER,
        "per 100 clients, next wave's rating",
        scale * found.estimate,
        scale * found.conf_low,
        scale * found.conf_high,
        found.p_value,
        found.n_clients,
        _fewer(found.n_with, found.n_without),
        lead_reading(found.estimate, found.p_value, found.asymmetry_p),
    )
    return [line], found.lost


def lead_reading(estimate: float, p_value: float, asymmetry_p: float) -> str:
    """How to read a lead placebo, in words.

    Parameters
    ----------
    estimate, p_value : float
        Of the next wave's exposure; the p-value is not a number where nothing can be said.
    asymmetry_p : float
        Of no difference between the next wave's and the last wave's.
    """
    if not np.isfinite(p_value):
        return "Nothing can be said."
    if p_value >= ALPHA:
        return "Shows nothing. That does not prove that outcomes move no ratings."
    if estimate > 0 and asymmetry_p >= ALPHA:
        return (
            "Later ratings go with the outcome, and so, alike, do earlier ones: ratings may follow "
            "outcomes, or error in the ratings makes their neighbours stand in for them."
        )
    return "Later ratings go with the outcome: ratings follow outcomes, or something moves both."


def _before(asked: Asked, unit: Contrast) -> Found:
    found = models.fit_dynamic(
        asked.formula(), asked.frame, exposure=asked.model.exposure, time="wave_number"
    )
    if found.fit.convergence.status != "ok":
        raise ModelError(found.fit.convergence.message, BEFORE, "look at the room's fit")
    frame = found.fit.design.frame
    line = Checked(
        BEFORE,
        UNKNOWN,
        clients=int(frame["client"].nunique()),
        fewest=_sides(frame["client"], found.fit.design.response),
    )
    told = (
        (found.exposure, unit, "per 100 clients, rating of the wave"),
        (found.previous, Levels(0, 1), "per 100 clients, with the outcome the wave before"),
    )
    names = ["estimate", "conf_low", "conf_high", "p_value"]
    lines = []
    for column, contrast, what in told:
        cells = average_effect(found.fit, column, contrast=contrast).frame
        value, low, high, p_value = cells[names].to_numpy(dtype="float64")[0]
        numbers = {"value": 100 * value, "low": 100 * low, "high": 100 * high}
        lines.append(replace(line, what=what, p_value=p_value, **numbers))
    return lines, found.lost


def _both(asked: Asked, unit: Contrast) -> Found:
    model = asked.model
    found = models.fit_cross_lagged(model.exposure, model.response, asked.frame, time="wave_number")
    if not found.proper:
        raise ModelError(
            found.convergence.message or "; ".join(found.improper), BOTH, "take fewer waves"
        )
    cross = found.paths[found.paths["kind"] == "cross"].set_index("to")
    exposure = in_words(model.exposure)
    told = {
        found.outcome: (100 * unit.size, f"per 100 clients at the next wave, {exposure}"),
        found.relationship: (1.0, f"points of {exposure} at the next wave, with the outcome"),
    }
    fewest = _sides(asked.frame["client"], asked.frame[model.response].to_numpy(dtype="float64"))
    names = ["estimate", "conf_low", "conf_high", "p_value"]
    lines = []
    for to, (scale, what) in told.items():
        value, low, high, p_value = cross.loc[[to], names].to_numpy(dtype="float64")[0]
        numbers = (scale * value, scale * low, scale * high, p_value)
        lines.append(Checked(BOTH, what, *numbers, found.n_clients, fewest))
    # what is missing stays in: the likelihood is of what was seen
    return lines, {}


def _sides(clients: pd.Series, response: np.ndarray) -> int:
    """The fewer of the clients with and without an outcome at some row."""
    return min(int(clients[response == value].nunique()) for value in (0.0, 1.0))


def _fewer(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else min(one, other)


_ASKED: Mapping[str, Callable[[Asked, Contrast], Found]] = {
    LATER: _later,
    BEFORE: _before,
    BOTH: _both,
}
