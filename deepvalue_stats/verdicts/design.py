"""Questions put to the design: who rated what, when, and who is missing.

Each is a pure function of `Evidence`; None where the question does not arise, or nobody looked.
"""

from __future__ import annotations

from collections.abc import Iterable

from deepvalue_stats.tables import Evidence, Phrase
from deepvalue_stats.verdicts.rules import CEILING, CROWDED, ENTANGLED, UNBALANCED
from deepvalue_stats.verdicts.verdict import Gate


def timing(evidence: Evidence) -> Gate:
    """Whether the rating came first."""
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


def lead_placebo(evidence: Evidence) -> Gate | None:
    """Whether a rating that came too late to matter goes with the outcome all the same."""
    question = "Does a rating given after the outcome go with it as well?"
    if evidence.lead_p is None:
        said = f"Nobody knows. {evidence.lead_unknown}"
        unknown = Gate("lead_placebo", question, "note", Phrase(said))
        return unknown if evidence.lead_unknown else None
    if evidence.lead_p < 0.05:
        said = "Yes, beside the one before. So ratings may reflect the outcome."
        return Gate("lead_placebo", question, "cap", Phrase(said))
    said = "Not that these data can show."
    return Gate("lead_placebo", question, "pass", Phrase(said))


def same_rater(evidence: Evidence) -> Gate:
    """Whether rating and outcome come from two mouths."""
    question = "Does somebody else than the rater report the outcome?"
    if evidence.rater != evidence.reported_by:
        said = f"Yes. The {evidence.rater} rates, and the outcome is {evidence.reported_by} data."
        return Gate("same_rater", question, "pass", Phrase(said))
    said = f"No. The {evidence.rater} gives both, and a general mood can move both."
    return Gate("same_rater", question, "cap", Phrase(said))


def measured_late(evidence: Evidence) -> Gate:
    """Whether what is adjusted for was known before the exposure."""
    question = "Was everything that is adjusted for measured before the relationship was?"
    if not evidence.measured_late:
        return Gate("measured_late", question, "pass", Phrase("Yes."))
    said = (
        f"No. Measured later: {_listed(evidence.measured_late)}. To adjust for what the "
        "relationship may have moved takes part of the difference away."
    )
    return Gate("measured_late", question, "cap", Phrase(said))


def assignment(evidence: Evidence) -> Gate:
    """Whether chance decided who got which relationship: in no design here."""
    said = (
        f"Yes. Who had a good {evidence.exposure} was not settled by chance, and what was not "
        "measured may drive both rating and outcome."
    )
    return Gate("assignment", "Could an unmeasured cause explain it?", "cap", Phrase(said))


def policing(evidence: Evidence) -> Gate | None:
    """Whether sanctions are kept apart from the relationship; of employment services only."""
    if not evidence.sanctions:
        return None
    question = "Is support kept apart from policing?"
    if evidence.sanctions == "unmeasured":
        said = (
            "No. Sanctions were not recorded, and practitioners who sanction much may be trusted "
            "less."
        )
        return Gate("policing", question, "cap", Phrase(said))
    if evidence.sanctions == "measured":
        said = "No. Sanctions are on record, and the main model leaves them out."
        return Gate("policing", question, "cap", Phrase(said))
    if abs(evidence.sanctions_correlation or 0.0) > ENTANGLED:
        said = (
            "As far as it can be. The main model allows for sanctions, but practitioners who "
            "sanction more are also rated differently, so the two are hard to tell apart."
        )
        return Gate("policing", question, "note", Phrase(said))
    said = "Yes. The main model allows for how much practitioners sanction."
    return Gate("policing", question, "pass", Phrase(said))


def attrition(evidence: Evidence) -> Gate | None:
    """Whether clients with a usable rating are like those without."""
    if not evidence.rated_differs:
        return None
    question = "Are clients with a usable rating like those without one?"
    differs = [name for name, by in evidence.rated_differs.items() if abs(by) > UNBALANCED]
    if not differs:
        said = (
            f"Yes, in {_listed(evidence.rated_differs)}, to within a tenth of a standard deviation."
        )
        return Gate("attrition", question, "pass", Phrase(said))
    said = f"No. They differ in {_listed(differs)} by more than a tenth of a standard deviation."
    if evidence.outcome in differs:
        said += " Who was rated hangs on the outcome itself, which can feign or hide a difference."
        return Gate("attrition", question, "cap", Phrase(said))
    if set(differs) <= set(evidence.adjusted):
        said += " The main model holds that fixed; the result is about those who were rated."
        return Gate("attrition", question, "note", Phrase(said))
    return Gate("attrition", question, "cap", Phrase(said))


_UNLINKED = {
    "unknown": "It is not assumed: the outcome of such a client counts as unknown.",
    "exclude": "It is not assumed: such clients are left out.",
    "bounds": "It is not assumed: the outcome is taken both ways.",
}


def unlinked(evidence: Evidence) -> Gate | None:
    """What a missing record is taken for; only where outcomes are linked."""
    if not evidence.unlinked:
        return None
    question = "Is a client without a record one without the outcome?"
    if evidence.unlinked in _UNLINKED:
        return Gate("unlinked", question, "pass", Phrase(_UNLINKED[evidence.unlinked]))
    said = (
        "It is assumed. A link that was missed looks the same, so compare the shares linked in "
        f"each band of {evidence.modifier}."
    )
    return Gate("unlinked", question, "note", Phrase(said))


def ceiling(evidence: Evidence) -> Gate | None:
    """Whether the scale has room above good."""
    if evidence.at_top is None:
        return None
    question = "Can the scale tell good from best?"
    if evidence.at_top > CEILING or (evidence.near_top or 0.0) > CROWDED:
        said = (
            "Not everywhere. Many clients give the best scores there are, and all of these look "
            "the same."
        )
        return Gate("ceiling", question, "note", Phrase(said))
    return Gate("ceiling", question, "pass", Phrase("Yes. Few clients give the best score."))


def declared(evidence: Evidence) -> Gate:
    """Whether bands and neutral point were fixed before the data were seen."""
    question = "Were the questions fixed before the answers were seen?"
    fixed = "bands" if evidence.neutral is None else "bands and the neutral point"
    if evidence.locked:
        said = f"Yes. The plan, with its {fixed}, was locked before the run."
        return Gate("declared", question, "pass", Phrase(said))
    said = (
        f"Not shown. The plan names the {fixed}, but it was not locked, so the study is "
        "exploratory."
    )
    return Gate("declared", question, "note", Phrase(said))


def _listed(names: Iterable[str]) -> str:
    every = [name.replace("_", " ") for name in names]
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)
