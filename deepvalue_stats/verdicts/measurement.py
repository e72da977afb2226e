"""Questions put to the scale: whether it is reliable, and means the same for everybody."""

from __future__ import annotations

from deepvalue_stats.tables import Evidence, Phrase
from deepvalue_stats.verdicts.rules import RELIABLE
from deepvalue_stats.verdicts.verdict import Gate

UNTOLD = (
    "These data cannot tell. The technical report says why; a difference between {groups} may be "
    "one in how the scale is read."
)
NEITHER = (
    "No. Its items do not measure the same thing in all {groups}, so that one point of the score "
    "is not one and the same thing."
)
HEIGHTS = (
    "As far as differences per point go. At the same relationship {groups} answer at different "
    "heights, so their mean scores may not be compared."
)
ALIKE = "Yes: both differences per point and mean scores may be compared."


def reliable(evidence: Evidence) -> Gate | None:
    """Whether the score of the exposure is more than luck."""
    if evidence.reliability is None:
        return None
    question = "Is the score reliable enough to compare groups?"
    if evidence.reliability >= RELIABLE:
        return Gate("reliable", question, "pass", Phrase("Yes."))
    said = "No. Chance in the answers draws every difference towards none."
    return Gate("reliable", question, "note", Phrase(said))


def bands_alike(evidence: Evidence) -> Gate | None:
    """Whether clients of all bands read the scale alike; of what compares bands only."""
    question = "Does a rating mean the same in every band?"
    return _alike("bands_alike", question, evidence.alike_in_bands, "bands", "cap")


def areas_alike(evidence: Evidence) -> Gate | None:
    """Whether clients of all areas read the scale alike: half of what C4 claims."""
    question = "Does a rating mean the same in every area?"
    return _alike("areas_alike", question, evidence.alike_in_areas, "areas", "block")


def _alike(name: str, question: str, comparable: str, groups: str, worst: str) -> Gate | None:
    if not comparable:
        return None
    if comparable == "means":
        return Gate(name, question, "pass", Phrase(ALIKE))
    if comparable == "slopes":
        return Gate(name, question, "note", Phrase(HEIGHTS.format(groups=groups)))
    if comparable == "not_known":
        return Gate(name, question, "note", Phrase(UNTOLD.format(groups=groups)))
    said = Phrase(NEITHER.format(groups=groups))
    return Gate(name, question, "block" if worst == "block" else "cap", said)
