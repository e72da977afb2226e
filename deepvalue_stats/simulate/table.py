"""The analysis table as the generator itself knows it, without any file or link.

It is what an analyst of the extracts has who follows the clock to the letter. A test holds it,
client by client, to what the package's own linkage makes of the written files.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepvalue_stats.simulate.draw import Draw, draw_with, people_of
from deepvalue_stats.simulate.outcomes import NEVER, SUSTAINED_DAYS
from deepvalue_stats.simulate.parameters import Parameters
from deepvalue_stats.simulate.population import BoolArray
from deepvalue_stats.simulate.ratings import early, mean_score, rating_scores
from deepvalue_stats.simulate.truth import superpopulation


def draw_service(p: Parameters, seed: int) -> Draw:
    """Draw a service from its parameters.

    Parameters
    ----------
    p : Parameters
    seed : int
        The same seed gives the same service.

    Returns
    -------
    Draw
        Arrays; `analysis_table` and `simulate_parameters` make frames of them.
    """
    intercepts = np.array(superpopulation(p).intercepts)
    return draw_with(p, people_of(p, seed), intercepts, seed)


def analysis_table(draw: Draw) -> pd.DataFrame:
    """Lay out one row a client, as the extracts show it to a careful analyst.

    Parameters
    ----------
    draw : Draw

    Returns
    -------
    pandas.DataFrame
        Identifiers `client`, `practitioner`, `service`, `area`; who belongs to the cohort
        (`consented`, `at_risk`, `complete`, `rated`, all boolean); the score of the ratings in the
        exposure window (`relationship`) and of all ratings (`relationship_all`), in points; the
        true relationship and its two parts, in SD; `confidence` in points, `age` in years, `need`,
        `sanction_rate`, `barred`; `outcome` and `second` as recorded and linked, and
        `true_outcome`, 0 or 1.
    """
    p, people, outcomes = draw.parameters, draw.people, draw.outcomes
    scores = rating_scores(p, draw.ratings)
    score = mean_score(early(p, scores))
    seen = draw.linked & _recorded(draw)
    area = np.array(p.areas)[people.area]
    return pd.DataFrame(
        {
            "client": np.arange(len(score)).astype(np.str_),
            "practitioner": people.practitioner.astype(np.str_),
            "service": people.staff.service[people.practitioner].astype(np.str_),
            "area": area,
            "consented": draw.consented,
            # an outcome before the landmark that the link misses keeps nobody out
            "at_risk": outcomes.at_risk | ~draw.linked,
            "complete": draw.calendar.complete(p),
            "rated": ~np.isnan(score),
            "relationship": score,
            "relationship_all": mean_score(scores),
            "true_relationship": people.relationship,
            "true_within": people.client_part,
            "true_between": people.practitioner_part,
            "confidence": people.confidence_score,
            "age": people.age.astype(np.float64),
            "need": people.need.astype(np.float64),
            "sanction_rate": draw.sanction_rate,
            "barred": people.barred.astype(np.float64),
            "outcome": (outcomes.said & outcomes.at_risk & seen).astype(np.float64),
            "second": (_second(draw) & outcomes.at_risk & seen).astype(np.float64),
            "true_outcome": (outcomes.truly & outcomes.at_risk).astype(np.float64),
        }
    )


def _recorded(draw: Draw) -> BoolArray:
    """Tell whose first outcome falls before the end of their record."""
    day = np.where(draw.outcomes.first < NEVER, draw.outcomes.first, -1)
    return draw.calendar.index + day <= draw.calendar.record_end


def _second(draw: Draw) -> BoolArray:
    """Tell who has the second outcome: one with its own date, or a lasting spell in follow-up."""
    p, people = draw.parameters, draw.people
    dated = draw.outcomes.second < NEVER
    spells = draw.spells
    close = p.landmark_day + p.follow_up_days
    lasting = (spells.end - spells.start >= SUSTAINED_DAYS) & (spells.start < close)
    lasts = np.zeros(len(people.area), dtype=np.bool_)
    lasts[spells.client[lasting]] = True
    by_spell = np.array([kit.spells for kit in p.area_kits])[people.area]
    return np.where(by_spell, lasts, dated)
