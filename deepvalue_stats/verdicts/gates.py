"""The gates in their order: which claims each belongs to, and what passes, notes, caps or blocks.

A gate is a pure function of `Evidence`, or of that and what a claim rests on; nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepvalue_stats.tables import Evidence
from deepvalue_stats.verdicts import design, measurement, precision
from deepvalue_stats.verdicts.precision import Basis
from deepvalue_stats.verdicts.verdict import Gate

TESTED = ("C1", "C2", "C3", "C4")


@dataclass(frozen=True)
class Rule:
    """When a gate has which outcome, as a reader of the rules is told; empty where it never has.

    Attributes
    ----------
    question : str
    passes, notes, caps, blocks : str
    claims : tuple of str
        The claims to whose verdict the gate belongs.
    """

    question: str
    passes: str = ""
    notes: str = ""
    caps: str = ""
    blocks: str = ""
    claims: tuple[str, ...] = TESTED


Ask = Callable[[Evidence], Gate | None]
AskOfBasis = Callable[[Evidence, Basis], Gate | None]

OF_EVIDENCE: tuple[tuple[Ask, Rule], ...] = (
    (
        design.timing,
        Rule(
            "Did the rating come before the outcome?",
            passes="Ratings end before a landmark and only outcomes after it count, or the outcome "
            "is that of the wave after the rating.",
            caps="Rating and outcome come from the same interview.",
        ),
    ),
    (
        design.lead_placebo,
        Rule(
            "Does a rating given after the outcome go with it as well?",
            passes="The next wave's rating, put beside this one's, shows nothing.",
            notes="There are too few waves, or too few clients who change, to ask.",
            caps="It goes with the outcome (p below 0.05). Only with waves.",
        ),
    ),
    (
        design.same_rater,
        Rule(
            "Does somebody else than the rater report the outcome?",
            passes="Rater and reporter of the outcome differ.",
            caps="One person gives both.",
        ),
    ),
    (
        design.measured_late,
        Rule(
            "Was everything that is adjusted for measured before the relationship was?",
            passes="Every covariate of the main model was.",
            caps="A covariate was measured with or after the exposure.",
        ),
    ),
    (
        design.assignment,
        Rule(
            "Could an unmeasured cause explain it?",
            caps="Always: in no design here does chance decide who has which relationship.",
        ),
    ),
    (
        design.policing,
        Rule(
            "Is support kept apart from policing?",
            passes="The main model adjusts for sanctions.",
            notes="It does, and practitioners' sanctions are correlated with their mean rating by "
            "more than 0.3 either way.",
            caps="Sanctions were not measured, or the main model leaves them out. Employment "
            "services only.",
        ),
    ),
    (
        design.attrition,
        Rule(
            "Are clients with a usable rating like those without one?",
            passes="Standardised differences are at most 0.1.",
            notes="One is above 0.1 either way, and the main model holds it fixed.",
            caps="The outcome's is (within bands of confidence), or one that is not held fixed: "
            "the answer names which.",
        ),
    ),
    (
        design.unlinked,
        Rule(
            "Is a client without a record one without the outcome?",
            passes="The plan does not assume so.",
            notes="The plan assumes so.",
        ),
    ),
    (
        design.ceiling,
        Rule(
            "Can the scale tell good from best?",
            passes="At most 15 in 100 clients give the best score there is, and at most half of "
            "them one in the top tenth of the scale.",
            notes="More do.",
        ),
    ),
    (
        measurement.reliable,
        Rule(
            "Is the score reliable enough to compare groups?",
            passes="Omega (alpha of two items) is 0.70 or more.",
            notes="It is less.",
        ),
    ),
    (
        measurement.bands_alike,
        Rule(
            "Does a rating mean the same in every band?",
            passes="Loadings and intercepts are equal, for most items at least.",
            notes="Intercepts differ, so that mean scores may not be compared; or it is not known.",
            caps="Loadings (or thresholds) differ.",
            claims=("C2",),
        ),
    ),
    (
        measurement.areas_alike,
        Rule(
            "Does a rating mean the same in every area?",
            passes="Loadings and intercepts are equal, for most items at least.",
            notes="Intercepts differ, so that mean scores may not be compared; or it is not known.",
            blocks="Loadings (or thresholds) differ.",
            claims=("C4",),
        ),
    ),
    (
        precision.groups,
        Rule(
            "Are there enough groups, as practitioners, to say how far chance reaches?",
            passes="40 or more.",
            caps="10 to 39.",
            blocks="Fewer than 10.",
        ),
    ),
    (
        precision.clustering,
        Rule(
            "Do the intervals allow for clients of one practitioner being alike?",
            passes="They do.",
            notes="They do not, and the design effect is at most 1.1.",
            caps="They do not, and the design effect is larger or not known.",
        ),
    ),
    (
        precision.influence,
        Rule(
            "Does the answer stand without any single practitioner or service?",
            passes="Leaving out any one of them leaves the answer to C1 as it is.",
            notes="Leaving out a single service moves it: the rest may merely be too few.",
            caps="Leaving out a single practitioner moves it.",
            claims=("C1", "C2"),
        ),
    ),
    (
        precision.quadrature,
        Rule(
            "Is the main model worked out finely enough?",
            notes="There is a doubt; the answer says which. Multilevel models only.",
        ),
    ),
    (
        precision.odds,
        Rule(
            "Is the outcome rare enough for any ratio to be read as one of chances?",
            passes="At most 10 in 100 have it.",
            notes="More have it: ratios of odds stand in the appendix only.",
        ),
    ),
    (
        precision.damage,
        Rule(
            "Is the difference as steep below the neutral point as above it?",
            passes="Nothing else was shown.",
            notes="It is not (p below 0.05): one average hides that. Only with a declared neutral "
            "point.",
            claims=("C1", "C2", "C3"),
        ),
    ),
    (
        precision.bands,
        Rule(
            "Is every band of confidence large enough to stand alone?",
            passes="The smallest has 50 clients or more.",
            caps="It has fewer.",
            claims=("C2",),
        ),
    ),
    (
        design.declared,
        Rule(
            "Were the questions fixed before the answers were seen?",
            passes="The plan, with its bands and neutral point, was locked before the run.",
            notes="It was not: the study is exploratory.",
        ),
    ),
)

OF_BASIS: tuple[tuple[AskOfBasis, Rule], ...] = (
    (
        precision.mean_reliability,
        Rule(
            "Are practitioners' average ratings known well enough to compare them?",
            passes="Their reliability, ICC(2), is 0.70 or more.",
            notes="It is less, and the claim rests on clients of one practitioner.",
            caps="It is less, and the claim rests on a difference between practitioners.",
        ),
    ),
    (
        precision.ecological,
        Rule(
            "Does it compare clients, and not only practitioners?",
            passes="Clients of one practitioner rate differently.",
            caps="The claim rests on the part between practitioners, or less than 5 in 100 of the "
            "variance of ratings lies within them.",
        ),
    ),
    (
        precision.heterogeneity,
        Rule(
            "May one figure stand for every area?",
            passes="C4 is supported, over five areas or more.",
            notes="C4 is supported over fewer areas, not supported or inconclusive.",
            claims=("C4",),
        ),
    ),
    (
        precision.convergence,
        Rule(
            "Did the model settle on an answer?",
            passes="It did.",
            blocks="It did not.",
        ),
    ),
)


def common_gates(evidence: Evidence) -> tuple[Gate, ...]:
    """The gates of the first claim that facts of the study alone decide."""
    return _of_evidence("C1", evidence)


def gates_of(claim: str, evidence: Evidence, basis: Basis) -> tuple[Gate, ...]:
    """Every gate of a claim.

    Parameters
    ----------
    claim : str
        C1 to C4.
    evidence : Evidence
    basis : Basis
        What the claim rests on.

    Returns
    -------
    tuple of Gate
        In the fixed order; a question that does not arise is left out.
    """
    asked = [ask(evidence, basis) for ask, rule in OF_BASIS if claim in rule.claims]
    return (*_of_evidence(claim, evidence), *(gate for gate in asked if gate is not None))


def _of_evidence(claim: str, evidence: Evidence) -> tuple[Gate, ...]:
    asked = [ask(evidence) for ask, rule in OF_EVIDENCE if claim in rule.claims]
    return tuple(gate for gate in asked if gate is not None)
