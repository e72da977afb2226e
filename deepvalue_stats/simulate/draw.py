"""One draw of a service: its people and all that happened to them, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate.chances import chance, log_odds, sigmoid
from deepvalue_stats.simulate.contacts import (
    Calendar,
    Contacts,
    draw_calendar,
    draw_contacts,
    sanction_rates,
)
from deepvalue_stats.simulate.outcomes import (
    Outcomes,
    Spells,
    draw_early,
    draw_outcomes,
    draw_spells,
)
from deepvalue_stats.simulate.parameters import Parameters
from deepvalue_stats.simulate.population import (
    BoolArray,
    FloatArray,
    People,
    bands,
    draw_people,
)
from deepvalue_stats.simulate.ratings import Ratings, draw_ratings, early, mean_score, rating_scores

# each part of a draw has its own stream, so that a change to one leaves the others as they were
STREAMS = ("people", "outcomes", "ratings", "records", "contacts", "files", "steps")


@dataclass(frozen=True)
class Draw:
    """A service as it happened, clients in the order of their practitioners.

    `probability` is each client's chance of the outcome in the follow-up; `linked` tells whose
    outcome record the link finds, `consented` who is in the extracts at all.
    """

    parameters: Parameters
    seed: int
    intercepts: FloatArray
    people: People
    probability: FloatArray
    outcomes: Outcomes
    spells: Spells
    ratings: Ratings
    calendar: Calendar
    contacts: Contacts
    consented: BoolArray
    linked: BoolArray

    @property
    def score(self) -> FloatArray:
        """The score of the ratings in the exposure window; nan for a client without one."""
        return mean_score(early(self.parameters, rating_scores(self.parameters, self.ratings)))

    @property
    def band(self) -> np.ndarray:
        """Each client's confidence band, 0 for the first."""
        return bands(self.parameters, self.people.confidence_score)

    @property
    def sanction_rate(self) -> FloatArray:
        """The share of sanctions of each client's main practitioner, in the extracts."""
        practitioners = len(self.people.staff.area)
        rates = sanction_rates(self.parameters, self.contacts, self.consented, practitioners)
        return rates[self.people.practitioner]


def streams(seed: int | np.random.SeedSequence) -> dict[str, np.random.Generator]:
    """Make the named streams of random numbers of a seed."""
    if isinstance(seed, int) and seed < 0:
        raise PlanError("the seed is below nought", "seed", "give a whole number from 0 up")
    return dict(zip(STREAMS, np.random.default_rng(seed).spawn(len(STREAMS)), strict=True))


def draw_with(p: Parameters, people: People, intercepts: FloatArray, seed: int) -> Draw:
    """Draw all that happens to people who are known already."""
    rng = streams(seed)
    happens = rng["outcomes"]
    before = draw_early(p, people, happens)
    probability = chance(p, people, intercepts)
    outcomes = draw_outcomes(p, people, before, probability, happens)
    calendar = draw_calendar(p, people, rng["records"])
    return Draw(
        parameters=p,
        seed=seed,
        intercepts=intercepts,
        people=people,
        probability=probability,
        outcomes=outcomes,
        spells=draw_spells(p, people, outcomes.first, happens),
        ratings=draw_ratings(p, people, outcomes, rng["ratings"]),
        calendar=calendar,
        contacts=draw_contacts(p, people, calendar, outcomes.first, rng["contacts"]),
        consented=_consented(p, people, rng["records"]),
        linked=_linked(p, people, rng["records"]),
    )


def people_of(p: Parameters, seed: int) -> People:
    """Draw the people of a seed."""
    return draw_people(p, streams(seed)["people"])


def _consented(p: Parameters, people: People, rng: np.random.Generator) -> BoolArray:
    if p.consent_share in (0.0, 1.0):
        return np.full(len(people.area), p.consent_share == 1.0)
    odds = log_odds(p.consent_share) + p.consent_by_confidence * people.confidence
    return np.asarray(rng.random(len(odds)) < sigmoid(odds))


def _linked(p: Parameters, people: People, rng: np.random.Generator) -> BoolArray:
    share = np.array(p.link_sensitivity)[bands(p, people.confidence_score)]
    return np.asarray(rng.random(len(share)) < share)
