"""What a reader may and may not take from the page, chosen by answer and design."""

from __future__ import annotations

from collections.abc import Iterable

from deepvalue_stats.tables import Evidence, Phrase
from deepvalue_stats.verdicts.rules import VERBS
from deepvalue_stats.verdicts.sentences import whether, why_not
from deepvalue_stats.verdicts.verdict import Answer, Verdict, Wording

NOBODY = "Do not use these figures to judge single practitioners: none is named or ranked."


def word(verdicts: tuple[Verdict, ...], evidence: Evidence) -> Wording:
    """What a reader may and may not take from the page.

    Parameters
    ----------
    verdicts : tuple of Verdict
    evidence : Evidence

    Returns
    -------
    Wording
    """
    answers = {verdict.claim: verdict.answer for verdict in verdicts}
    later = VERBS[evidence.design] != "goes with" and not _in_doubt(verdicts)
    goes = "comes before" if later else "goes with"
    return Wording(
        can_say=tuple(_can_say(answers, evidence, goes)),
        cannot_say=tuple(_cannot_say(answers, evidence)),
    )


def _in_doubt(verdicts: Iterable[Verdict]) -> bool:
    """Whether a gate leaves no verb that speaks of time."""
    return any(verdict.verb.startswith("goes with") for verdict in verdicts)


def _can_say(answers: dict[str, Answer], evidence: Evidence, goes: str) -> list[Phrase]:
    advice = {
        "C1": _of_c1(evidence, goes),
        "C2": _of_c2(evidence),
        "C3": _of_c3(evidence, goes),
        "C4": _of_c4(),
    }
    said = [
        Phrase(table[found], claim=claim)
        for claim, table in advice.items()
        if (found := answers.get(claim)) in table
    ]
    return [*said, Phrase(NOBODY)]


def _of_c1(evidence: Evidence, goes: str) -> dict[Answer | None, str]:
    exposure, outcome = evidence.exposure, evidence.outcome
    return {
        "supported": f"Look into the {exposure} as one part of what {goes} {outcome}, and measure "
        "it again before money follows.",
        "harm": f"Find out why a higher rated {exposure} {goes} a lower chance of {outcome} before "
        "anything is built on it.",
        "no worthwhile effect": f"Do not expect a higher chance of {outcome} from a better "
        f"{exposure} alone.",
        "not supported": f"Do not build a case for a higher chance of {outcome} on this study.",
        "inconclusive": "Do not decide on this study alone: it is compatible with a gain worth "
        "having and with none.",
    }


def _of_c2(evidence: Evidence) -> dict[Answer | None, str]:
    modifier = evidence.modifier
    return {
        "supported": f"Ask first who does not get a good {evidence.exposure}: it goes with most "
        f"where {modifier} is low.",
        "inconclusive": f"Keep watching clients with low {modifier} on their own: more clients in "
        "each band are needed to tell.",
        "not supported": f"Do not target by {modifier} on the strength of this study.",
        "no worthwhile effect": f"There is no reason here to target by {modifier}.",
    }


def _of_c3(evidence: Evidence, goes: str) -> dict[Answer | None, str]:
    exposure, outcome = evidence.exposure, evidence.outcome
    return {
        "supported": f"Look first at clients below the neutral point: there a worse {exposure} "
        f"{goes} a lower chance of {outcome}.",
        "inconclusive": f"Do not take a poor {exposure} to be harmless on this study: it cannot "
        "tell.",
        "not supported": f"Do not build a case on what a poor {exposure} costs on this study.",
        "no worthwhile effect": f"Do not expect a lower chance of {outcome} from a worse "
        f"{exposure} alone, below the neutral point.",
    }


def _of_c4() -> dict[Answer | None, str]:
    return {
        "supported": "Let one figure stand for the service areas compared, and for no other.",
        "inconclusive": "Do not carry the figure of one service area over to another on this "
        "study.",
        "not supported": "Do not use one figure for all service areas: read each area's own.",
    }


def _cannot_say(answers: dict[str, Answer], evidence: Evidence) -> list[Phrase]:
    exposure, outcome = evidence.exposure, evidence.outcome
    same = evidence.design == "same_wave"
    said = [
        Phrase(
            f"That improving the {exposure} would change the chance of {outcome}: this is an "
            "association" + (" at the same interview." if same else ".")
        ),
        Phrase(
            f"Anything about clients whose {exposure} was never rated: they are not in the "
            "estimate."
        ),
    ]
    if same:
        text = "Which came first: rating and outcome stand at one and the same interview."
        said.append(Phrase(text))
    if answers.get("C2") == "inconclusive":
        text = (
            f"That the difference is the same for everyone: that it was not shown to differ by "
            f"{evidence.modifier} is no proof that it does not."
        )
        said.append(Phrase(text, claim="C2"))
    if answers.get("C3", "cannot be tested here") != "cannot be tested here":
        text = f"Whether a poor {exposure} is worse than none: nobody without one is compared."
        said.append(Phrase(text))
    if answers.get("C4") == "inconclusive":
        text = (
            "That service areas are alike: that they were not shown to differ is no proof that "
            "they do not."
        )
        said.append(Phrase(text, claim="C4"))
    if answers.get("C4", "cannot be tested here") != "cannot be tested here":
        text = (
            "That ratings are better in one service area than in another: whether they mean the "
            "same in each was not tested."
        )
        said.append(Phrase(text))
    return [*said, *_untested(answers, evidence)]


def _untested(answers: Iterable[str], evidence: Evidence) -> list[Phrase]:
    """The claims of the plan that these data cannot test, and why; a block speaks for itself."""
    return [
        Phrase(f"Whether {whether(claim, evidence)}: {why}.")
        for claim in answers
        if (why := why_not(claim, evidence))
    ]
