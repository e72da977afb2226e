"""Questions put to the design and the fit before a verb is chosen: pure functions of `Evidence`."""

from __future__ import annotations

from deepvalue_stats.tables import Evidence, Phrase
from deepvalue_stats.verdicts.rules import FEW_CLIENTS, FEW_GROUPS, FEWEST_GROUPS
from deepvalue_stats.verdicts.verdict import Gate


def common_gates(evidence: Evidence) -> tuple[Gate, ...]:
    """The gates that every claim passes."""
    return (_timing(evidence), _rater(evidence), _assignment(), _groups(evidence))


def band_gates(evidence: Evidence) -> tuple[Gate, ...]:
    """The gates of claims that compare bands of confidence."""
    return (_smallest_band(evidence),)


def convergence_gate(evidence: Evidence, model: str) -> Gate:
    """Whether the model that the claim rests on settled on an answer."""
    question = "Did the model settle on an answer?"
    if evidence.converged.get(model, False):
        return Gate("convergence", question, "pass", Phrase("Yes."))
    said = "No. Its numbers are withheld."
    return Gate("convergence", question, "block", Phrase(said))


def _timing(evidence: Evidence) -> Gate:
    question = "Did the rating come before the outcome?"
    if evidence.design == "landmark":
        said = (
            "Yes, on every row: ratings end before the landmark, and only outcomes after it count."
        )
        return Gate("timing", question, "pass", Phrase(said))
    if evidence.design == "next_wave":
        said = "Yes, by one wave: the outcome is that of the wave after the rating."
        return Gate("timing", question, "pass", Phrase(said))
    said = (
        "Not shown. Both were told at the same interview, so the outcome may have coloured the "
        "rating."
    )
    return Gate("timing", question, "cap", Phrase(said))


def _rater(evidence: Evidence) -> Gate:
    question = "Does somebody else than the rater report the outcome?"
    if evidence.rater != evidence.reported_by:
        said = f"Yes. The {evidence.rater} rates, and the outcome is {evidence.reported_by} data."
        return Gate("same_rater", question, "pass", Phrase(said))
    said = f"No. The {evidence.rater} gives both, and a general mood can move both."
    return Gate("same_rater", question, "cap", Phrase(said))


def _assignment() -> Gate:
    said = (
        "Yes. Relationships were not given out by chance, and what was not measured may drive "
        "both rating and outcome."
    )
    return Gate("assignment", "Could an unmeasured cause explain it?", "cap", Phrase(said))


def _groups(evidence: Evidence) -> Gate:
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


def _smallest_band(evidence: Evidence) -> Gate:
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
