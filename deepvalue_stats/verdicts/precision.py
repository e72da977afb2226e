"""Questions put to the data and the fit: how many, how alike, how sound.

Each is a pure function of `Evidence`, and of what a claim rests on where claims differ; None where
the question does not arise, or nobody looked.
"""

from __future__ import annotations

from dataclasses import dataclass

from deepvalue_stats.tables import Evidence, Phrase
from deepvalue_stats.verdicts.rules import (
    COMMON,
    FEW_AREAS,
    FEW_CLIENTS,
    FEW_GROUPS,
    FEWEST_GROUPS,
    LITTLE_WITHIN,
    RELIABLE,
    SMALL_DESIGN_EFFECT,
)
from deepvalue_stats.verdicts.verdict import Answer, Gate, Outcome


@dataclass(frozen=True)
class Basis:
    """What a claim rests on.

    Attributes
    ----------
    model, exposure : str
        As the effect table names them.
    found : str
        What its numbers alone would answer; "cannot be tested here" where there are none.
    """

    model: str
    exposure: str
    found: Answer


def groups(evidence: Evidence) -> Gate:
    """Whether there are enough groups for an interval."""
    question = f"Are there enough {evidence.cluster}s to say how far chance reaches?"
    said = f"The main model rests on {{n}} {evidence.cluster}s"
    n = {"n": evidence.n_clusters}
    if evidence.n_clusters < FEWEST_GROUPS:
        text = f"No. {said}: too few for any interval, so none is given."
        return Gate("groups", question, "block", Phrase(text, n))
    if evidence.n_clusters < FEW_GROUPS:
        text = f"Barely. {said}: the intervals are likely to be too narrow."
        if evidence.corrected:
            text = f"Barely. {said}: the intervals allow for it, and few stand for all others."
        return Gate("groups", question, "cap", Phrase(text, n))
    return Gate("groups", question, "pass", Phrase(f"Yes. {said}.", n))


def clustering(evidence: Evidence) -> Gate:
    """Whether intervals know that clients of one practitioner are alike."""
    question = "Do the intervals allow for clients of one practitioner being alike?"
    if evidence.clustered:
        return Gate("clustering", question, "pass", Phrase("Yes."))
    by = evidence.design_effect
    if by is not None and by <= SMALL_DESIGN_EFFECT:
        said = "No, but these clients are so little alike that it hardly matters."
        return Gate("clustering", question, "note", Phrase(said))
    times = f" Being alike inflates the variance {by:.1f} times." if by is not None else ""
    said = f"No. They are likely to be too narrow.{times}"
    return Gate("clustering", question, "cap", Phrase(said))


def influence(evidence: Evidence) -> Gate | None:
    """Whether the answer to the first claim hangs on a single unit.

    One practitioner has few of the clients, so an answer that goes with one was never that of the
    others: cap. A service has many, and without it the rest may merely be too few: note.
    """
    if not evidence.influence:
        return None
    question = "Does the answer stand without any single one of them?"
    kinds = " or ".join(evidence.influence)
    moved = [kind for kind, moves in evidence.influence.items() if moves]
    if not moved:
        said = f"Yes. Leaving out any one {kinds} leaves the answer to the first claim as it is."
        return Gate("influence", question, "pass", Phrase(said))
    said = f"No. Leaving out a single {' or '.join(moved)} moves the answer to the first claim."
    outcome: Outcome = "cap" if "practitioner" in moved else "note"
    return Gate("influence", question, outcome, Phrase(said))


def quadrature(evidence: Evidence) -> Gate | None:
    """Whether a sum that stands for an integral is fine enough."""
    if not evidence.quadrature_doubt:
        return None
    said = f"In doubt: {evidence.quadrature_doubt.rstrip('.')}."
    question = "Is the main model worked out finely enough?"
    return Gate("quadrature", question, "note", Phrase(said))


def odds(evidence: Evidence) -> Gate | None:
    """Whether the outcome is too common for a ratio of odds to be read as one of chances."""
    if evidence.base_rate is None:
        return None
    question = "Is the outcome rare enough for any ratio to be read as one of chances?"
    if evidence.base_rate > COMMON:
        said = (
            "No. More than 10 in 100 have it, so the text keeps to differences and ratios of "
            "chances; other ratios stand in the appendix only."
        )
        return Gate("odds", question, "note", Phrase(said))
    return Gate("odds", question, "pass", Phrase("Yes. At most 10 in 100 have it."))


def damage(evidence: Evidence) -> Gate | None:
    """Whether one slope for all scores hides a steeper one below the neutral point."""
    if evidence.shape_p is None:
        return None
    question = "Is the difference as steep below the neutral point as above it?"
    if evidence.shape_p < 0.05:
        said = "No. One average for all scores hides that, so read what stands below neutral."
        return Gate("damage", question, "note", Phrase(said))
    said = "Nothing else was shown, which is no proof that it is."
    return Gate("damage", question, "pass", Phrase(said))


def bands(evidence: Evidence) -> Gate | None:
    """Whether the smallest band can stand alone."""
    if not evidence.bands:
        return None
    question = f"Is every band of {evidence.modifier} large enough to stand alone?"
    name, n = min(evidence.bands.items(), key=lambda item: item[1])
    if n >= FEW_CLIENTS:
        said = f"Yes. The smallest, {name}, has {{n}} clients."
        return Gate("bands", question, "pass", Phrase(said, {"n": n}))
    said = (
        f"No. The {name} band rests on {{n}} clients: an odd value there may well be noise, and "
        "nothing should be built on it."
    )
    return Gate("bands", question, "cap", Phrase(said, {"n": n}))


def mean_reliability(evidence: Evidence, basis: Basis) -> Gate | None:
    """Whether practitioners' means are known well enough to be compared."""
    if evidence.mean_reliability is None or evidence.split_by != "practitioner":
        return None
    question = "Are practitioners' average ratings known well enough to compare them?"
    if evidence.mean_reliability >= RELIABLE:
        return Gate("mean_reliability", question, "pass", Phrase("Yes."))
    said = (
        "No. Each average rests on few or uneven ratings, so a difference between practitioners "
        "is pulled towards the one within."
    )
    outcome: Outcome = "cap" if _between(basis) else "note"
    return Gate("mean_reliability", question, outcome, Phrase(said))


def ecological(evidence: Evidence, basis: Basis) -> Gate | None:
    """Whether an effect between practitioners could be taken for one on clients."""
    question = "Does it compare clients, and not only practitioners?"
    if _between(basis) and evidence.split_by == "client":
        question = "Does it follow the same client over time, and not only compare clients?"
        said = "No. It is a difference between clients, and not a change in any of them."
        return Gate("ecological", question, "cap", Phrase(said))
    if _between(basis):
        unit = evidence.split_by or "practitioner"
        question = f"Does it compare clients, and not only {unit}s?"
        said = f"No. It is a difference between {unit}s, and says nothing of clients of one {unit}."
        return Gate("ecological", question, "cap", Phrase(said))
    if evidence.within_share is None:
        return None
    if evidence.within_share < LITTLE_WITHIN:
        said = (
            "No. Clients of one practitioner rate alike: it is a difference between practitioners."
        )
        return Gate("ecological", question, "cap", Phrase(said))
    said = "Yes. Clients of one practitioner rate differently."
    return Gate("ecological", question, "pass", Phrase(said))


def heterogeneity(evidence: Evidence, basis: Basis) -> Gate | None:
    """Whether one figure may stand for all areas, and for a further one."""
    if not evidence.across or basis.found == "cannot be tested here":
        return None
    question = "May one figure stand for every area?"
    further = len(evidence.across) < FEW_AREAS
    beyond = " Fewer than five areas say nothing of a further one." if further else ""
    if basis.found == "supported":
        said = f"Yes, for those compared.{beyond}"
        return Gate("heterogeneity", question, "note" if further else "pass", Phrase(said))
    said = "Not known: that no difference was shown does not mean that there is none."
    if basis.found == "not supported":
        said = "No. The areas differ, and one figure for all of them hides that."
    return Gate("heterogeneity", question, "note", Phrase(f"{said}{beyond}"))


def convergence(evidence: Evidence, basis: Basis) -> Gate:
    """Whether the model that the claim rests on settled on an answer."""
    question = "Did the model settle on an answer?"
    if evidence.converged.get(basis.model, False):
        return Gate("convergence", question, "pass", Phrase("Yes."))
    said = "No. Its numbers are withheld."
    return Gate("convergence", question, "block", Phrase(said))


def _between(basis: Basis) -> bool:
    return basis.exposure.endswith("_between")
