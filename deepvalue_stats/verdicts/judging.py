"""Claims judged: estimates and gates in, verdicts and wording out."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from deepvalue_stats.plan import Plan
from deepvalue_stats.tables import (
    NUMERIC,
    EffectTable,
    Evidence,
    Phrase,
    more_or_fewer,
    plausible_range,
)
from deepvalue_stats.verdicts.gates import band_gates, common_gates, convergence_gate
from deepvalue_stats.verdicts.rules import (
    PROVISOS,
    STATEMENTS,
    VERBS,
    Interval,
    answer,
    confirmed,
)
from deepvalue_stats.verdicts.verdict import Answer, Gate, Verdict, Wording

PER_SD = "for one standard deviation better {exposure}"


def judge(plan: Plan, effects: EffectTable, evidence: Evidence) -> tuple[Verdict, ...]:
    """Answer every claim of the plan.

    Parameters
    ----------
    plan : Plan
    effects : EffectTable
        With exactly one row a claim labelled with it, per SD on the risk difference scale.
    evidence : Evidence

    Returns
    -------
    tuple of Verdict
        In the order of the plan.
    """
    return tuple(_judge(plan, claim, effects, evidence) for claim in plan.verdicts.claims)


def withhold(
    effects: EffectTable, verdicts: Iterable[Verdict], *, too_few: Collection[str] = ()
) -> EffectTable:
    """Take the numbers out of every row whose model a gate has blocked.

    Parameters
    ----------
    effects : EffectTable
    verdicts : iterable of Verdict
    too_few : collection of str
        Further models with fewer than `FEWEST_GROUPS` groups, on which no verdict rests.

    Returns
    -------
    EffectTable
    """
    blocked = {
        verdict.rests_on["model"]
        for verdict in verdicts
        if any(gate.outcome == "block" and gate.name != "convergence" for gate in verdict.gates)
    } | set(too_few)
    frame = effects.frame.copy()
    gone = (frame["model"].isin(blocked) & (frame["status"] == "ok")).to_numpy()
    frame.loc[gone, list(NUMERIC)] = np.nan
    frame.loc[gone, "status"] = "failed_gate"
    return EffectTable(frame, effects.evidence)


def _judge(plan: Plan, claim: str, effects: EffectTable, evidence: Evidence) -> Verdict:
    row = effects.row(claim=claim)
    gates = [*common_gates(evidence), *(band_gates(evidence) if claim == "C2" else ())]
    gates.append(convergence_gate(evidence, str(row["model"])))
    found = _answer(plan, claim, row, gates)
    say = _say_c1 if claim == "C1" else _say_c2
    keys = ("model", "outcome", "exposure", "scale", "contrast", "group")
    return Verdict(
        claim=claim,
        statement=STATEMENTS[claim],
        answer=found,
        verb="" if found == "cannot be tested here" else _verb(evidence),
        sentence=Phrase(say(found, row, evidence)),
        gates=tuple(gates),
        rests_on={key: str(row[key]) for key in keys},
    )


def _answer(plan: Plan, claim: str, row: pd.Series, gates: list[Gate]) -> Answer:
    if row["status"] != "ok" or any(gate.outcome == "block" for gate in gates):
        return "cannot be tested here"
    interval = Interval(row["estimate"], row["std_error"], row["dof"])
    found = answer(interval, plan.verdicts.smallest_worthwhile)
    found = confirmed(found, float(row["p_adjusted"]), plan.verdicts.label)
    # a smaller effect at low confidence is no harm done to anyone: the claim is not supported
    return "not supported" if claim == "C2" and found == "harm" else found


def _amount(row: pd.Series) -> str:
    value, low, high = (100 * float(row[key]) for key in ("estimate", "conf_low", "conf_high"))
    return f"{more_or_fewer(value)} per 100 clients, plausible range {plausible_range(low, high)}"


def _verb(evidence: Evidence) -> str:
    proviso = PROVISOS[evidence.design]
    return f"{VERBS[evidence.design]}, {proviso}" if proviso else VERBS[evidence.design]


def _say_c1(found: Answer, row: pd.Series, evidence: Evidence) -> str:
    if found == "cannot be tested here":
        return "These data cannot say whether better relationships go with better outcomes."
    verb, exposure, outcome = VERBS[evidence.design], evidence.exposure, evidence.outcome
    per_sd = PER_SD.format(exposure=exposure)
    proviso = PROVISOS[evidence.design]
    opening = f"{proviso.capitalize()}, a" if proviso else "A"
    return {
        "supported": f"{opening} better {exposure} {verb} a higher chance of {outcome}: "
        f"{_amount(row)}, {per_sd}.",
        "harm": f"{opening} better {exposure} {verb} a lower chance of {outcome}: "
        f"{_amount(row)}, {per_sd}.",
        "no worthwhile effect": f"Any difference in the chance of {outcome} is too small to "
        f"matter by the plan's own measure: {_amount(row)}, {per_sd}.",
        "not supported": f"A worthwhile gain in the chance of {outcome} is ruled out, and a loss "
        f"is not: {_amount(row)}, {per_sd}.",
        "inconclusive": f"Whether{f', {proviso},' if proviso else ''} a better {exposure} {verb} a "
        f"higher chance of {outcome} stays open: {_amount(row)}, {per_sd}.",
    }[found]


def _say_c2(found: Answer, row: pd.Series, evidence: Evidence) -> str:
    low, reference = evidence.low, evidence.reference
    modifier = evidence.modifier
    among = f"among clients with {low} {modifier} than among those with {reference} {modifier}"
    if found == "cannot be tested here":
        return f"These data cannot say whether the difference is larger {among}."
    amount = _amount(row)
    smaller = float(row["conf_high"]) < 0
    return {
        "supported": f"The difference is larger {among}: {amount}.",
        "no worthwhile effect": f"The difference is about as large among clients with {low} "
        f"{modifier} as among those with {reference} {modifier}: {amount}.",
        "not supported": (
            f"The difference is smaller {among}: {amount}."
            if smaller
            else f"That the difference is worthwhile larger {among} is ruled out: {amount}."
        ),
        "inconclusive": f"Whether the difference is larger {among} stays open: {amount}.",
    }[found]


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
    return Wording(
        can_say=tuple(_can_say(answers, evidence)),
        cannot_say=tuple(_cannot_say(answers, evidence)),
    )


def _can_say(answers: dict[str, Answer], evidence: Evidence) -> list[Phrase]:
    exposure, outcome = evidence.exposure, evidence.outcome
    first = {
        "supported": f"Look into the {exposure} as one part of what {_goes(evidence)} {outcome}, "
        "and measure it again before money follows.",
        "harm": f"Find out why a higher rated {exposure} {_goes(evidence)} less {outcome} before "
        "anything is built on it.",
        "no worthwhile effect": f"Do not expect more {outcome} from a better {exposure} alone.",
        "not supported": f"Do not build a case for more {outcome} on this study.",
        "inconclusive": "Do not decide on this study alone: it is compatible with a gain worth "
        "having and with none.",
    }
    second = {
        "supported": f"Ask first who does not get a good {exposure}: it goes with most where "
        f"{evidence.modifier} is low.",
        "inconclusive": f"Keep watching clients with low {evidence.modifier} on their own: more "
        "clients in each band are needed to tell.",
        "not supported": f"Do not target by {evidence.modifier} on the strength of this study.",
        "no worthwhile effect": f"There is no reason here to target by {evidence.modifier}.",
    }
    said = [
        Phrase(table[found], claim=claim)
        for claim, table in (("C1", first), ("C2", second))
        if (found := answers.get(claim)) in table
    ]
    always = "Do not use these figures to judge single practitioners: none is named or ranked."
    return [*said, Phrase(always)]


def _goes(evidence: Evidence) -> str:
    return "goes with" if evidence.design == "same_wave" else "comes before"


def _cannot_say(answers: dict[str, Answer], evidence: Evidence) -> list[Phrase]:
    exposure, outcome = evidence.exposure, evidence.outcome
    always = [
        f"That improving the {exposure} would change {outcome}: this is an association"
        + (" at the same interview." if evidence.design == "same_wave" else "."),
        f"Anything about clients whose {exposure} was never rated: they are not in the estimate.",
    ]
    if evidence.design == "same_wave":
        always.append("Which came first: rating and outcome stand at one and the same interview.")
    said = [Phrase(text) for text in always]
    if answers.get("C2") == "inconclusive":
        text = (
            f"That the difference is the same for everyone: that it was not shown to differ by "
            f"{evidence.modifier} is no proof that it does not."
        )
        said.append(Phrase(text, claim="C2"))
    return said
